"""Pairs of image and mask: the dataset that a network trains on, and its split into training and validation."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from unet_lab.datasets.generator.cells import generate_cell
from unet_lab.datasets.masks import check_indices


class Pair(NamedTuple):
    """An image (H, W) uint8 or uint16, its mask (H, W) of class indices, and the name of the image it was cut from."""

    image: np.ndarray
    mask: np.ndarray
    source: str


class SegmentationDataset(Dataset):
    """Pairs of image and mask, checked when they come in and turned into tensors when they go out.

    `dataset[i]` is (image, mask): float32 (1, H, W), standardised to mean 0 and spread 1, and int64 (H, W) class
    indices. `dataset.pairs[i]` is the pair as it was given.

    Parameters
    ----------
    pairs : of `Pair(image, mask, source)`, or plain (image, mask) tuples, whose source is then their position.
    num_classes : masks may hold 0..num_classes-1.

    Raises ValueError, naming the pair, where sizes differ, labels are out of range or an image is not finite.
    """

    def __init__(self, pairs: Iterable[Pair | tuple[np.ndarray, np.ndarray]], num_classes: int = 3):
        self.num_classes = num_classes
        self.pairs: list[Pair] = []
        for number, given in enumerate(pairs):
            pair = given if isinstance(given, Pair) else Pair(*given, source=f"pair {number}")
            try:
                image, mask = check_image(pair.image), check_indices(pair.mask, num_classes)
                if image.shape != mask.shape:
                    raise ValueError(f"the image is {_size(image)} and the mask {_size(mask)}; they must be the same.")
            except ValueError as error:
                raise ValueError(f"{pair.source}: {error}") from None
            self.pairs.append(Pair(image, mask, pair.source))
        if not self.pairs:
            raise ValueError("the dataset is empty; it needs at least one pair of image and mask.")

    @classmethod
    def generated(cls, count: int, size: int = 128, first_seed: int = 0, difficulty: float = 1.0) -> SegmentationDataset:
        """`count` cells by `generate_cell(seed, size, difficulty)`, from seeds first_seed, first_seed + 1, …"""
        if count < 1:
            raise ValueError(f"count is {count}; allowed are whole numbers from 1 up.")
        seeds = range(first_seed, first_seed + count)
        return cls(Pair(*generate_cell(seed, size, difficulty), source=f"seed {seed}") for seed in seeds)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image, mask, _ = self.pairs[index]
        image = torch.from_numpy(standardise(image))[None]  # (1, H, W)
        return image, torch.from_numpy(mask.astype(np.int64))  # (H, W)

    def subset(self, indices: Sequence[int]) -> SegmentationDataset:
        """The pairs at `indices`, as a dataset of their own."""
        return SegmentationDataset([self.pairs[i] for i in indices], self.num_classes)

    def fingerprint(self) -> str:
        """A number for all that is in here (SHA-256 of every pixel and label, in order): another set has another one."""
        digest = hashlib.sha256(str(self.num_classes).encode())
        for image, mask, _ in self.pairs:
            for array in (image, mask):
                digest.update(f"{array.dtype} {array.shape}".encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def crops(self, size: int) -> SegmentationDataset:
        """Every image cut into `size` x `size` crops that do not overlap; each remembers the image it came from.

        What is left over at the right and at the bottom is dropped. Raises ValueError where `size` is too large.
        """
        pairs = []
        for image, mask, source in self.pairs:
            if size < 1 or size > min(image.shape):
                raise ValueError(f"{source} is {_size(image)}; a crop of {size} x {size} pixels does not fit into it.")
            for top in range(0, image.shape[0] - size + 1, size):
                for left in range(0, image.shape[1] - size + 1, size):
                    window = np.s_[top : top + size, left : left + size]
                    pairs.append(Pair(image[window], mask[window], source))
        return SegmentationDataset(pairs, self.num_classes)


def split(
    dataset: SegmentationDataset, train_fraction: float = 0.8, seed: int = 0
) -> tuple[SegmentationDataset, SegmentationDataset]:
    """Split into training and validation by chance, but never one image on both sides.

    What is drawn is the source image, not the pair: all crops of one image, and images with the same pixels under
    two names, stay together. The same seed gives the same split, whatever the order of the pairs.

    Returns (training, validation), both non-empty; with n sources, round(train_fraction * n) of them are for training.
    Raises ValueError for fewer than two sources or a fraction outside 0..1.

    >>> training, validation = split(SegmentationDataset.generated(10, size=32))
    >>> len(training), len(validation)
    (8, 2)
    """
    if not 0 < train_fraction < 1:
        raise ValueError(f"train_fraction is {train_fraction}; allowed is a share between 0 and 1, e.g. 0.8.")
    groups = _groups(dataset)
    names = sorted(set(groups))
    if len(names) < 2:
        raise ValueError("all pairs come from one image; a split needs at least two images, or validation would leak.")
    order = np.random.default_rng(seed).permutation(len(names))
    count = min(max(round(train_fraction * len(names)), 1), len(names) - 1)
    chosen = {names[i] for i in order[:count]}
    training = [i for i, group in enumerate(groups) if group in chosen]
    validation = [i for i, group in enumerate(groups) if group not in chosen]
    return dataset.subset(training), dataset.subset(validation)


def _groups(dataset: SegmentationDataset) -> list[str]:
    """For each pair the name of its group: pairs of one source, or with the same pixels, share a group."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    for image, _, source in dataset.pairs:
        digest = "pixels " + hashlib.sha256(repr(image.shape).encode() + np.ascontiguousarray(image).tobytes()).hexdigest()
        first, second = sorted([root(f"source {source}"), root(digest)], reverse=True)
        parent[second] = first  # the name of a source, not of a digest, leads
    return [root(f"source {source}") for _, _, source in dataset.pairs]


def standardise(image: np.ndarray) -> np.ndarray:
    """Shift and scale one image to mean 0 and standard deviation 1, so that brightness and contrast cancel.

    (H, W) numbers in, float32 (H, W) out; a constant image becomes all zeros. Raises ValueError for NaN.

    >>> standardise(np.array([[0, 255]], np.uint8)).tolist()
    [[-1.0, 1.0]]
    """
    image = check_image(image).astype(np.float32)
    spread = image.std()
    return (image - image.mean()) / (spread if spread > 0 else 1.0)


def check_image(image: np.ndarray) -> np.ndarray:
    """Return `image` as an array, once it is sure to be a finite grey image (H, W)."""
    image = np.asarray(image)
    if image.ndim != 2 or image.size == 0:
        raise ValueError(f"the image has shape {image.shape}; allowed is (H, W), grey, with at least one pixel.")
    if image.dtype.kind not in "uif":
        raise ValueError(f"the image's type is {image.dtype}; allowed are whole numbers and floats.")
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        bad = int((~np.isfinite(image)).sum())
        raise ValueError(f"{bad} of {image.size} pixels are NaN or infinite; replace them: np.nan_to_num(image).")
    return image


def _size(array: np.ndarray) -> str:
    return f"{array.shape[0]} x {array.shape[1]}"
