"""Pairs that stay in their files: training reads windows of them, so that slides larger than the memory are learnt from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from unet_lab.datasets.image_files import fits
from unet_lab.datasets.in_file import InFile
from unet_lab.datasets.lazy_masks import LazyMask
from unet_lab.datasets.pairs import Pair, SegmentationDataset, channels_of, check_channels_alike, check_present
from unet_lab.datasets.standardise import channels_first, standardise

ASIDE = "Load it into memory: load_folder(…, lazy=False)."


class LazyDataset(SegmentationDataset):
    """What `load_folder(…, lazy=True)` returns: a `SegmentationDataset` whose images and masks stay in their files.

    `fit(model, dataset, patch=256)` reads the window of each patch, and draws the same patches as from memory; `evaluate` reads
    tiles. When it is made, all is read once from end to end: for the mean and standard deviation of each image, and for where its
    mask has a foreground. `dataset[i]`, and what needs a whole array, reads one whole, if it fits into memory.
    """

    def __init__(self, pairs: Iterable[Pair], num_classes: int):
        self.num_classes, self.pairs, self.weighted = num_classes, list(pairs), False
        if not self.pairs:
            raise ValueError("the dataset is empty; it needs at least one pair of image and mask.")
        self.channels = channels_of(self.pairs[0].image)
        check_channels_alike(self.pairs)
        for pair in tqdm(self.pairs, unit="image", desc="looking through", leave=False, disable=self.is_looked_through()):
            try:
                _ = pair.image.scale, pair.mask.facts  # type: ignore[attr-defined]
            except ValueError as error:
                raise ValueError(str(error) if pair.source in str(error) else f"{pair.source}: {error}") from None
            close(pair)
        check_present(set().union(*(pair.mask.facts.present for pair in self.pairs)))  # type: ignore[attr-defined]

    def is_looked_through(self) -> bool:
        """Whether all facts are known already, as those of a subset are."""
        return all("scale" in vars(pair.image) and "facts" in vars(pair.mask) for pair in self.pairs)

    def with_pairs(self, pairs: Sequence[Pair]) -> LazyDataset:
        if not all(isinstance(pair.image, InFile) and isinstance(pair.mask, LazyMask) for pair in pairs):
            raise ValueError(f"arrays and images that stay in their files are no one dataset. {ASIDE}")
        return LazyDataset(pairs, self.num_classes)

    def with_weights(self, weights: Callable[[np.ndarray], np.ndarray] | Sequence[np.ndarray]) -> SegmentationDataset:
        raise ValueError(f"weights for pixels need whole masks, and these stay in their files. {ASIDE}")

    def crops(self, size: int) -> SegmentationDataset:
        raise ValueError(f"crops would be arrays in memory, and these images stay in their files: fit(…, patch={size}). {ASIDE}")

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        image, mask, source, *_ = self.pairs[index]
        if not fits(image.nbytes):
            size = f"{image.shape[0]} x {image.shape[1]}"
            raise ValueError(f"{source} is {size} and does not fit into memory. Train by windows: fit(…, patch=256).")
        image, mask = np.asarray(image), np.asarray(mask)
        close(self.pairs[index])
        return torch.from_numpy(channels_first(standardise(image))), torch.from_numpy(mask.astype(np.int64))

    def window(self, index: int, rows: slice, columns: slice) -> tuple[Tensor, ...]:
        """A part of a pair, as `dataset[index]` has it there: the image is standardised as a whole."""
        image, mask, *_ = self.pairs[index]
        part = image.scale.apply(image[rows, columns])  # type: ignore[attr-defined]
        both = torch.from_numpy(channels_first(part)), torch.from_numpy(mask[rows, columns].astype(np.int64))
        close(self.pairs[index])
        return both  # (C, H, W), (H, W)


def close(pair: Pair) -> None:
    """Give back the files of a pair, and the tiles that were kept of them."""
    for part in (pair.image, pair.mask):
        part.close()  # type: ignore[attr-defined]
