"""Elastic deformation of 16 pairs of 256 x 256, interleaved: ours, SciPy's cubic map_coordinates and OpenCV's cubic remap.

    .venv/bin/python benchmarks/augmentation.py [ROUNDS]
"""

import statistics
import sys
import time

import cv2
import numpy as np
import torch
from scipy.ndimage import map_coordinates
from torch.nn import functional as F

from unet_lab.augmentation import Augmentation, _Draws, warp
from unet_lab.datasets import SegmentationDataset

SIZE, COUNT = 256, 16
cells = SegmentationDataset.generated(COUNT, SIZE)
images, masks = (torch.stack(part) for part in zip(*(cells[i] for i in range(COUNT)), strict=True))
how, seeds = Augmentation(noise=0), range(COUNT)


def places():
    return how.places([_Draws(how, seed, (SIZE, SIZE)) for seed in seeds], (SIZE, SIZE))


def ours():
    """Displacements, and image (bilinear) and mask (nearest) taken from them."""
    return warp(images, masks, places())


def ours_bicubic():
    at, how_to = places(), {"padding_mode": "reflection", "align_corners": True}
    changed = F.grid_sample(images, at, mode="bicubic", **how_to)
    return changed, F.grid_sample(masks[:, None].float(), at, mode="nearest", **how_to)


def everything():
    """The same and all changes of grey values."""
    return how(images, masks, seeds)


def scipy_cubic():
    at = ((places() + 1) / 2 * (SIZE - 1)).numpy()
    for k in range(COUNT):
        where = [at[k, ..., 1], at[k, ..., 0]]
        map_coordinates(images[k, 0].numpy(), where, order=3, mode="mirror")
        map_coordinates(masks[k].numpy(), where, order=0, mode="mirror")


def opencv_cubic():
    at = ((places() + 1) / 2 * (SIZE - 1)).numpy()
    for k in range(COUNT):
        cv2.remap(images[k, 0].numpy(), at[k], None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
        cv2.remap(masks[k].numpy().astype(np.uint8), at[k], None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT_101)


if __name__ == "__main__":
    rounds = int(sys.argv[1]) if sys.argv[1:] else 15
    works = [ours, ours_bicubic, everything, opencv_cubic, scipy_cubic]
    times = {work.__name__: [] for work in works}
    for turn in range(rounds + 1):
        for work in works:
            began = time.perf_counter()
            work()
            if turn:  # the first round warms up
                times[work.__name__].append(time.perf_counter() - began)
    print(f"{torch.get_num_threads()} threads, {rounds} rounds; all take the same displacements")
    for name, found in times.items():
        ratios = sorted(s / t for s, t in zip(times["scipy_cubic"], found, strict=True))
        print(
            f"{name:14s} {1000 * statistics.median(found):6.1f} ms   {statistics.median(ratios):5.2f} times as fast as SciPy "
            f"({ratios[len(ratios) // 10]:.2f} to {ratios[-1 - len(ratios) // 10]:.2f})"
        )
