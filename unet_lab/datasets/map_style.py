"""Any map-style dataset of (image, mask) as training takes it: a class of your own, Subset, ConcatDataset; read as it goes."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset, Subset

from unet_lab.datasets.pairs import Pair, SegmentationDataset
from unet_lab.datasets.standardise import channels_first, standardise
from unet_lab.losses import IGNORE

LOOKED_AT = 4  # samples that are read at the start, to know channels, classes and size


class MapStyleDataset(Dataset):
    """A dataset of your own: anything with len(data) and data[i] that gives (image, mask), or (image, mask, weights).

    Nothing is kept in memory: a sample is read when it is asked for. What the first ones are like is taken for all.

    image : a float tensor (C, H, W), used as it is; or an array (H, W) or (H, W, C) of any numbers, which is standardised.
    mask : a tensor or an array; what it is decides what is learnt (`target`). Whole numbers (H, W) are "classes", with IGNORE
    (255) where nobody judged. Whole numbers (K, H, W) are "labels": 0 or 1 for each of K labels, of which a pixel may have
    several, or IGNORE. Floats (H, W) or (K, H, W) are "values" to be met, a distance map say; NaN where nobody measured.
    weights : floats (H, W) from 0 up.

    Raises TypeError and ValueError, with the number of the sample, for anything else.
    """

    def __init__(self, given: Any):
        self.given = given
        if not len(given):
            raise ValueError("the dataset is empty; it needs at least one pair of image and mask.")
        first = [self[i] for i in range(min(LOOKED_AT, len(given)))]
        image, mask = first[0][:2]
        self.channels = int(image.shape[0])
        self.weighted = len(first[0]) > 2
        self.target = "values" if mask.is_floating_point() else "classes" if mask.ndim == 2 else "labels"
        self.first_sizes = {(int(part[1].shape[-2]), int(part[1].shape[-1])) for part in first}
        self.num_classes = 1 if mask.ndim == 2 else int(mask.shape[0])
        if self.target == "classes":
            self.num_classes = classes_of(given) or 0  # 0: not known yet, the network says
        self.highest = max(highest_class(part[1]) for part in first)
        warn_if_not_standardised([part[0] for part in first], given)

    def __len__(self) -> int:
        return len(self.given)

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        try:
            return as_tensors(self.given[index])
        except (TypeError, ValueError) as error:
            raise type(error)(f"sample {index} of {type(self.given).__name__}: {error}") from None

    @property
    def pairs(self) -> Sequence[Pair]:
        """The samples as pairs of arrays, each read when it is asked for."""
        return LazyPairs(self)

    def subset(self, indices: Sequence[int]) -> MapStyleDataset:
        """The samples at `indices`, as a dataset of their own."""
        other = copy.copy(self)
        other.given = Subset(self.given, list(indices))
        return other

    def fingerprint(self) -> str:
        """The dataset's own `fingerprint()` where it has one; else its class and length, since reading all could take hours."""
        if hasattr(self.given, "fingerprint"):
            return str(self.given.fingerprint())
        return f"{type(self.given).__name__} of {len(self)} {self.target}, {self.channels} channels"


class LazyPairs(Sequence):
    """The pairs of a `MapStyleDataset`."""

    def __init__(self, dataset: MapStyleDataset):
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"there are {len(self)} samples, and no number {index}.")
        image, mask, *weights = self.dataset[index % len(self)]
        plain = image[0].numpy() if len(image) == 1 else image.permute(1, 2, 0).numpy()
        return Pair(plain, mask.numpy(), f"sample {index % len(self)}", weights=weights[0].numpy() if weights else None)


def as_dataset(given: Any, role: str, classes: int | None = None) -> SegmentationDataset | MapStyleDataset:
    """`given` as training and evaluation take it. classes : the network's, where the dataset itself does not say how many.

    Raises TypeError for what is no map-style dataset: lists, generators, iterable datasets.
    """
    if isinstance(given, SegmentationDataset):
        return given
    check_map_style(given, role)
    dataset = copy.copy(given) if isinstance(given, MapStyleDataset) else MapStyleDataset(given)
    if not dataset.num_classes:
        dataset.num_classes = classes or max(dataset.highest + 1, 2)
    if dataset.target == "classes" and dataset.highest >= dataset.num_classes:
        raise ValueError(
            f"the {role} masks hold class {dataset.highest}, so there are {dataset.highest + 1} classes or more; the network, or "
            f"the dataset's num_classes, has {dataset.num_classes}. Grey codes? encode_mask makes classes of them."
        )
    return dataset


def highest_class(mask: Tensor) -> int:
    """The highest class that a mask of classes holds, IGNORE not counted; 0 for values."""
    return 0 if mask.is_floating_point() else int(torch.where(mask == IGNORE, 0, mask).max())


def check_map_style(given: Any, role: str) -> None:
    """Raises TypeError for what has no len() or no [i], and for lists and arrays, which are no dataset yet."""
    known = hasattr(given, "__len__") and hasattr(given, "__getitem__")
    if not known or isinstance(given, list | tuple | dict | str | np.ndarray | Tensor | IterableDataset):
        raise TypeError(
            f"the {role} set is a {type(given).__name__}; allowed is a SegmentationDataset(pairs of image and mask), or a "
            f"map-style dataset: a class whose [i] gives (image, mask), and whose len() says how many."
        )


def classes_of(given: Any) -> int | None:
    """The `num_classes` of a dataset, or of those that a Subset or ConcatDataset is made of; None where none says so."""
    own = getattr(given, "num_classes", None)
    if isinstance(own, int):
        return own
    parts = [getattr(given, "dataset", None), *getattr(given, "datasets", [])]
    return max((found for part in parts if part is not None and (found := classes_of(part)) is not None), default=None)


def as_tensors(sample: Any) -> tuple[Tensor, ...]:
    """Image float32 (C, H, W), mask int64 (H, W) or (K, H, W), or float32, and weights float32 (H, W) if there are three."""
    if not isinstance(sample, tuple | list) or len(sample) not in (2, 3):
        kind = f"{type(sample).__name__} of {len(sample)}" if hasattr(sample, "__len__") else type(sample).__name__
        raise TypeError(f"it is a {kind}; allowed is (image, mask), or (image, mask, weights).")
    image, mask = image_tensor(sample[0]), mask_tensor(sample[1])
    parts = (image, mask)
    if len(sample) == 3:
        weights = torch.as_tensor(np.asarray(sample[2])).float()
        if weights.shape != mask.shape[-2:] or not bool((weights >= 0).all()):
            raise ValueError(f"the weights are {tuple(weights.shape)}; allowed are numbers from 0 up, {tuple(mask.shape[-2:])}.")
        parts = (image, mask, weights)
    if image.shape[-2:] != mask.shape[-2:]:
        sizes = "{} x {} and the mask {} x {}".format(*image.shape[-2:], *mask.shape[-2:])
        raise ValueError(f"the image is {sizes} pixels; they must be the same.")
    return parts


def image_tensor(image: Any) -> Tensor:
    """Float32 (C, H, W) of a float tensor, as it is, or of an array (H, W) or (H, W, C), standardised."""
    if isinstance(image, Tensor):
        if image.ndim != 3 or not image.is_floating_point():
            raise ValueError(
                f"the image is a tensor {image.dtype} {tuple(image.shape)}; allowed are float (C, H, W), standardised, or an "
                f"array (H, W) or (H, W, C), which is standardised for you."
            )
        return image.float()
    if not isinstance(image, np.ndarray):
        raise TypeError(f"the image is a {type(image).__name__}; allowed are a float tensor (C, H, W) or a NumPy array.")
    return torch.from_numpy(channels_first(standardise(image)))


def mask_tensor(mask: Any) -> Tensor:
    """Int64 or float32 (H, W) or (K, H, W) of a tensor or array."""
    if not isinstance(mask, Tensor | np.ndarray):
        raise TypeError(f"the mask is a {type(mask).__name__}; allowed are a tensor or a NumPy array.")
    mask = torch.as_tensor(np.asarray(mask))
    if mask.ndim not in (2, 3) or mask.numel() == 0:
        raise ValueError(f"the mask has shape {tuple(mask.shape)}; allowed are (H, W), or (K, H, W) for K labels or values.")
    if mask.is_floating_point():
        return mask.float()
    mask = mask.long()
    if mask.ndim == 3 and not bool(((mask == 0) | (mask == 1) | (mask == IGNORE)).all()):
        raise ValueError("a mask (K, H, W) of whole numbers holds labels: allowed are 0, 1 and IGNORE (255); values are floats.")
    if bool((mask < 0).any()):
        raise ValueError(f"the mask goes down to {int(mask.min())}; classes are whole numbers from 0 up.")
    return mask


def warn_if_not_standardised(images: Sequence[Tensor], given: Any) -> None:
    """Warn where images are far from mean 0 and standard deviation 1, which `predict` brings every image to."""
    means, stds = [float(image.mean()) for image in images], [float(image.std()) for image in images]
    if max(map(abs, means)) > 1 or max(stds) > 5:
        warnings.warn(
            f"the images of {type(given).__name__} are not standardised (mean {means[0]:.3g}, standard deviation {stds[0]:.3g}); "
            f"predict() standardises, so it would show the network other images than it learnt from. Return NumPy arrays (H, W) "
            f"or (H, W, C), and it is done for you; or standardise each image in your dataset (unet_lab.datasets.standardise).",
            stacklevel=5,
        )
