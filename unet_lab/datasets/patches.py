"""Patches: windows of one size out of images of any size, drawn anew in every epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from unet_lab.datasets.lazy_dataset import LazyDataset
from unet_lab.datasets.lazy_masks import ForegroundPixels
from unet_lab.losses import IGNORE


class Patches(Dataset):
    """One window of `size` x `size` pixels from each image; which one follows from the seed that is asked for with the image.

    An index is a pair (image, seed). Windows come from everywhere in the image; with probability `foreground` a window is centred
    on a pixel that is neither background nor ignored. Images smaller than the window are padded by reflection (by zeros where
    nothing is left to reflect), and what was padded is IGNORE in the mask: no loss sees it. Each image is standardised as a
    whole, before it is cut, as `predict` does.
    """

    def __init__(self, dataset: Dataset, size: int, foreground: float = 0.5):
        self.dataset, self.size, self.foreground = dataset, size, foreground

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]

    def __getitem__(self, index: tuple[int, int]) -> tuple[Tensor, ...]:
        number, seed = index
        generator = np.random.default_rng([seed, 7])
        if isinstance(self.dataset, LazyDataset):
            mask = self.dataset.pairs[number].mask
            if min(mask.shape) >= self.size:
                top, left = self.corner(mask.shape, partial(ForegroundPixels, mask), generator)
                return self.dataset.window(number, slice(top, top + self.size), slice(left, left + self.size))
        parts = padded_to(self.dataset[number], self.size)  # (C, H, W), (H, W), and (H, W) weights where there are any
        top, left = self.corner(parts[1].shape[-2:], partial(foreground_pixels, parts[1]), generator)
        window = np.s_[..., top : top + self.size, left : left + self.size]
        return tuple(part[window] for part in parts)  # (C, size, size), (size, size)

    def corner(self, shape: Sequence[int], find: Callable[[], Sequence], generator: np.random.Generator) -> tuple[int, int]:
        """Top and left of the window in a mask that is at least as large as it.

        find : gives the foreground's pixels (row, column), row by row; called only where one of them is to be drawn.
        """
        most = [length - self.size for length in shape]
        if generator.random() < self.foreground:
            pixels = find()
            if len(pixels):
                row, column = pixels[int(generator.integers(len(pixels)))]
                return tuple(min(max(int(m) - self.size // 2, 0), last) for m, last in zip((row, column), most, strict=True))
        return tuple(int(generator.integers(last + 1)) for last in most)


def foreground_pixels(mask: Tensor) -> Tensor:
    """(n, 2) rows and columns of what is neither background nor ignored in a mask (H, W) or (K, H, W); none of values."""
    if mask.is_floating_point():
        return torch.zeros(0, 2)
    return torch.nonzero(((mask > 0) & (mask != IGNORE)).reshape(-1, *mask.shape[-2:]).any(dim=0))


def padded_to(parts: tuple[Tensor, ...], size: int) -> tuple[Tensor, ...]:
    """Image (C, H, W), mask (H, W) or (K, H, W) and weights (H, W) made at least `size` pixels high and wide.

    What is added is IGNORE in the mask (NaN where it holds values), and counts nothing in the weights.
    """
    image, mask, *weights = parts
    missing = [max(size - length, 0) for length in mask.shape[-2:]]
    if not any(missing):
        return parts
    around = [(m // 2, m - m // 2) for m in missing]
    how = "reflect" if min(mask.shape[-2:]) > 1 else "constant"
    unjudged = np.nan if mask.is_floating_point() else IGNORE
    leading = [(0, 0)] * (mask.ndim - 2)
    image = torch.from_numpy(np.pad(image.numpy(), [(0, 0), *around], mode=how))
    mask = torch.from_numpy(np.pad(mask.numpy(), [*leading, *around], mode="constant", constant_values=unjudged))
    return image, mask, *(torch.from_numpy(np.pad(part.numpy(), around)) for part in weights)
