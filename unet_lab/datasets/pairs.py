"""Pairs of image and mask: the dataset that a network trains on, and its split into training and validation."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from unet_lab.datasets.generator.cells import generate_cell
from unet_lab.datasets.masks import check_indices
from unet_lab.datasets.standardise import channels_first, check_image, standardise
from unet_lab.losses import IGNORE

BAND = 512  # rows that are read together


class Pair(NamedTuple):
    """An image, its mask, where it comes from, and what must stay together."""

    image: np.ndarray  # (H, W) or (H, W, C), any real number type
    mask: np.ndarray  # (H, W) class indices, or IGNORE where nobody judged
    source: str  # the name of the image that it was cut from
    group: str = ""  # slide, dish, patient: what `split` must not tear apart; the source where it is empty
    weights: np.ndarray | None = None  # (H, W) how much each pixel counts in the loss; None: all alike


class SegmentationDataset(Dataset):
    """Pairs of image and mask, checked when they come in and turned into tensors when they go out.

    `dataset[i]` is (image, mask): float32 (C, H, W), each channel standardised to mean 0 and standard deviation 1, and int64
    (H, W) class indices; and, third, float32 (H, W) weights where the pairs have them (`with_weights`). `dataset.pairs[i]` is the
    pair as it was given. `dataset.channels` and `dataset.num_classes` are what a network for it needs:
    `UNet(in_channels=dataset.channels, num_classes=dataset.num_classes)`.

    Parameters
    ----------
    pairs : of `Pair(image, mask, source)`, or plain (image, mask) tuples, whose source is then their position.
    num_classes : masks may hold 0..num_classes-1, and IGNORE (255) where nobody judged.

    Raises ValueError, naming the pair, where sizes or numbers of channels differ, labels are out of range or an image is not
    finite.
    """

    target = "classes"  # what its masks hold; a dataset of your own may hold "labels" or "values" (`map_style`)

    def __init__(self, pairs: Iterable[Pair | tuple[np.ndarray, np.ndarray]], num_classes: int = 3):
        self.num_classes = num_classes
        self.pairs: list[Pair] = []
        for number, given in enumerate(pairs):
            pair = given if isinstance(given, Pair) else Pair(*given, source=f"pair {number}")
            try:
                image, mask = check_image(pair.image), check_indices(pair.mask, num_classes, ignore=True)
                if image.shape[:2] != mask.shape:
                    raise ValueError(f"the image is {_size(image)} and the mask {_size(mask)}; they must be the same.")
                weights = None if pair.weights is None else check_weights(pair.weights, mask.shape)
            except ValueError as error:
                raise ValueError(f"{pair.source}: {error}") from None
            self.pairs.append(Pair(image, mask, pair.source, pair.group, weights))
        if not self.pairs:
            raise ValueError("the dataset is empty; it needs at least one pair of image and mask.")
        check_something_to_learn([pair.mask for pair in self.pairs])
        self.weighted = self.pairs[0].weights is not None
        for pair in self.pairs:
            if (pair.weights is not None) != self.weighted:
                odd = "weights, and others have none" if pair.weights is not None else "no weights, and others have some"
                raise ValueError(f"{pair.source} has {odd}; give all or none: dataset.with_weights(…) makes them for all.")
        self.channels = channels_of(self.pairs[0].image)
        check_channels_alike(self.pairs)

    @classmethod
    def generated(cls, count: int, size: int = 128, first_seed: int = 0, difficulty: float = 1.0) -> SegmentationDataset:
        """`count` cells by `generate_cell(seed, size, difficulty)`, from seeds first_seed, first_seed + 1, …"""
        if count < 1:
            raise ValueError(f"count is {count}; allowed are whole numbers from 1 up.")
        seeds = range(first_seed, first_seed + count)
        return cls(Pair(*generate_cell(seed, size, difficulty), source=f"seed {seed}") for seed in seeds)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        image, mask, _, _, weights = self.pairs[index]
        image = torch.from_numpy(channels_first(standardise(image)))  # (C, H, W)
        both = image, torch.from_numpy(mask.astype(np.int64))  # (H, W)
        return both if weights is None else (*both, torch.from_numpy(weights))  # (H, W)

    def with_weights(self, weights: Callable[[np.ndarray], np.ndarray] | Sequence[np.ndarray]) -> SegmentationDataset:
        """The same pairs, each with a map of how much its pixels count; crops, patches and augmentation carry it along.

        weights : a function that makes a map (H, W) of a mask (H, W) of class indices; or one map for each pair, in order.
        Numbers from 0 up. The loss then gets the batch's maps (N, H, W) as its third argument: `fit(model, training)` weighs
        cross entropy, `fit(model, training, loss=your_loss)` calls your_loss(logits, mask, weights). Validation does not weigh.

        The 2015 paper's: training.with_weights(lambda mask: border_weights(scipy.ndimage.label(mask > 0)[0])).
        """
        if not callable(weights) and len(weights) != len(self.pairs):
            given = f"{len(weights)} weight maps for {len(self.pairs)} pairs"
            raise ValueError(f"{given}; give one for each, or a function of the mask.")
        maps = [weights(pair.mask) for pair in self.pairs] if callable(weights) else weights
        return self.with_pairs([pair._replace(weights=found) for pair, found in zip(self.pairs, maps, strict=True)])

    def subset(self, indices: Sequence[int]) -> SegmentationDataset:
        """The pairs at `indices`, as a dataset of their own; of your own class where this is one."""
        return self.with_pairs([self.pairs[i] for i in indices])

    def with_pairs(self, pairs: Sequence[Pair]) -> SegmentationDataset:
        """A dataset like this one, of the same class and with what it was given besides, that holds other pairs."""
        other = copy.copy(self)
        SegmentationDataset.__init__(other, pairs, self.num_classes)
        return other

    def fingerprint(self) -> str:
        """A number for all that is in here (SHA-256 of every pixel and label, in order): another set has another one."""
        digest = hashlib.sha256(str(self.num_classes).encode())
        for image, mask, _, _, weights in self.pairs:
            for array in (image, mask) if weights is None else (image, mask, weights):
                digest.update(f"{array.dtype} {array.shape}".encode())
                add_pixels(digest, array)
        return digest.hexdigest()

    def crops(self, size: int) -> SegmentationDataset:
        """Every image cut into `size` x `size` crops that cover all of it; each remembers the image it came from.

        Where `size` does not divide an image, the last crop of a row or column overlaps the one before it: no pixel is left out.
        Raises ValueError where an image is smaller than `size`.
        """
        pairs = []
        for image, mask, source, group, weights in self.pairs:
            if size < 1 or size > min(mask.shape):
                raise ValueError(
                    f"{source} is {_size(image)}; a crop of {size} x {size} pixels does not fit into it. Take crops of at most "
                    f"{min(min(pair.mask.shape[-2:]) for pair in self.pairs)}, or fit(…, patch={size}), which pads smaller ones."
                )
            for top in crop_starts(mask.shape[0], size):
                for left in crop_starts(mask.shape[1], size):
                    window = np.s_[top : top + size, left : left + size]
                    part = None if weights is None else weights[window]
                    pairs.append(Pair(image[window], mask[window], source, group, part))
        return self.with_pairs(pairs)


def check_channels_alike(pairs: Sequence[Pair]) -> None:
    """Raises ValueError where images of a dataset have other numbers of channels."""
    channels = channels_of(pairs[0].image)
    for pair in pairs:
        if channels_of(pair.image) != channels:
            raise ValueError(
                f"{pairs[0].source} has {channels} channel(s) and {pair.source} has {channels_of(pair.image)}; all "
                f'images of a dataset need as many. load_folder(…, channels="grey") makes one of each.'
            )


def check_weights(weights: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A weight map as float32 (H, W). Raises ValueError for another size than the mask's, negative numbers or NaN."""
    weights = np.asarray(weights, np.float32)
    if weights.shape != shape:
        raise ValueError(f"the weights have shape {weights.shape}; allowed is the mask's, {shape}: one number for each pixel.")
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise ValueError(
            "some weights are negative, NaN or infinite; allowed are numbers from 0 up (0: the pixel does not count)."
        )
    return np.ascontiguousarray(weights)


def check_something_to_learn(masks: Sequence[np.ndarray]) -> None:
    """Raises ValueError where masks hold 0 and 255 only: most likely black and white, not background and IGNORE."""
    check_present(set(np.unique(np.concatenate([np.unique(mask) for mask in masks])).tolist()))


def check_present(present: set[int]) -> None:
    """The same, of the values that all masks hold."""
    if present == {0, IGNORE}:
        raise ValueError(
            "the masks hold the values 0 and 255 only. As class indices 255 is IGNORE, a pixel that nobody judged, and nothing "
            "is left to learn. If these are grey codes: encode_mask(mask, (0, 255)), or load_folder(…, codes=(0, 255))."
        )


def add_pixels(digest: hashlib._Hash, array: np.ndarray) -> None:
    """Add the bytes of an array, a band of rows after the other: it may lie in a file, and be larger than the memory."""
    for top in range(0, len(array), BAND):
        digest.update(np.ascontiguousarray(array[top : top + BAND]).tobytes())


def crop_starts(length: int, size: int) -> list[int]:
    """Where crops of `size` pixels start so that they cover `length` pixels; the last is moved back to end with them.

    >>> crop_starts(100, 40)
    [0, 40, 60]
    """
    return [*range(0, length - size, size), length - size]


def channels_of(image: np.ndarray) -> int:
    """1 for a grey image (H, W), else C of (H, W, C)."""
    return 1 if image.ndim == 2 else image.shape[2]


def split(
    dataset: SegmentationDataset, train_fraction: float = 0.8, seed: int = 0
) -> tuple[SegmentationDataset, SegmentationDataset]:
    """Split into training and validation at random, but never one image on both sides.

    What is drawn is the group (slide, dish, patient; where none is given, the source image), not the pair: all crops of one
    image, and images with the same pixels under two names, stay together. The same seed gives the same split,
    whatever the order of the pairs.

    Returns (training, validation), both non-empty; with n sources, round(train_fraction * n) of them are for training.
    Raises ValueError for fewer than two sources or a fraction outside 0..1.

    >>> training, validation = split(SegmentationDataset.generated(10, size=32))
    >>> len(training), len(validation)
    (8, 2)
    """
    if not 0 < train_fraction < 1:
        raise ValueError(f"train_fraction is {train_fraction}; allowed is a share between 0 and 1, e.g. 0.8.")
    groups = group_names(dataset)
    names = sorted(set(groups))
    if len(names) < 2:
        raise ValueError("all pairs come from one image; a split needs at least two images, or validation would leak.")
    order = np.random.default_rng(seed).permutation(len(names))
    count = min(max(round(train_fraction * len(names)), 1), len(names) - 1)
    chosen = {names[i] for i in order[:count]}
    training = [i for i, group in enumerate(groups) if group in chosen]
    validation = [i for i, group in enumerate(groups) if group not in chosen]
    return dataset.subset(training), dataset.subset(validation)


def folds(
    dataset: SegmentationDataset, count: int = 5, seed: int = 0
) -> Iterator[tuple[SegmentationDataset, SegmentationDataset]]:
    """Cross validation: `count` pairs of (training, validation), in which every pair is for validation once.

    What belongs together stays together, as in `split`. Raises ValueError where there are fewer groups than folds.

    >>> [len(validation) for _, validation in folds(SegmentationDataset.generated(10, size=32), 5)]
    [2, 2, 2, 2, 2]
    """
    groups = group_names(dataset)
    names = sorted(set(groups))
    if not isinstance(count, int) or not 2 <= count <= len(names):
        raise ValueError(f"count is {count!r}; allowed are whole numbers from 2 to {len(names)}, the number of groups.")
    order = np.random.default_rng(seed).permutation(len(names))
    for part in np.array_split(order, count):
        chosen = {names[i] for i in part}
        validation = [i for i, group in enumerate(groups) if group in chosen]
        training = [i for i, group in enumerate(groups) if group not in chosen]
        yield dataset.subset(training), dataset.subset(validation)


def group_names(dataset: SegmentationDataset) -> list[str]:
    """For each pair the name of its group: pairs of one source, or with the same pixels, share a group."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    for pair in dataset.pairs:
        image, source = pair.image, pair.group or pair.source
        seen = hashlib.sha256(repr(image.shape).encode())
        add_pixels(seen, image)
        first, second = sorted([root(f"source {source}"), root(f"pixels {seen.hexdigest()}")], reverse=True)
        parent[second] = first  # the name of a source, not of a digest, leads
    return [root(f"source {pair.group or pair.source}") for pair in dataset.pairs]


def _size(array: np.ndarray) -> str:
    return f"{array.shape[0]} x {array.shape[1]}"
