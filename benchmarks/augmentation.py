"""Elastic deformation of 16 pairs of 256 x 256, benchmark: ours, SciPy's cubic map_coordinates and OpenCV's cubic remap.

.venv/bin/python benchmarks/augmentation.py [ROUNDS]
"""

import sys
from pathlib import Path

import cv2
import numpy as np
import torch
from scipy.ndimage import map_coordinates
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.table import Row, benchmark, compared
from unet_lab.datasets import Augmentation, SegmentationDataset, warp
from unet_lab.datasets.augmentation import _Draws

SIZE, COUNT = 256, 16


def rows(rounds: int = 15) -> list[Row]:
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
            mask = masks[k].numpy().astype(np.uint8)
            cv2.remap(mask, at[k], None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT_101)

    runs = {"bilinear": ours, "bicubic": ours_bicubic, "with all changes of greys": everything, "OpenCV, cubic": opencv_cubic}
    times = benchmark(runs | {"SciPy": scipy_cubic}, rounds)
    what = f"elastic deformation, {COUNT} pairs of {SIZE} x {SIZE}"
    return [compared(f"{what}: {name}", "SciPy, cubic", times[name], times["SciPy"]) for name in runs]


if __name__ == "__main__":
    for row in rows(*map(int, sys.argv[1:])):
        print(row)
