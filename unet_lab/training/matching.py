"""Settings, network and data held against each other before the first step; what does not match is refused with what would."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from unet_lab.datasets.map_style import MapStyleDataset, as_dataset
from unet_lab.datasets.pairs import SegmentationDataset
from unet_lab.foreign import input_channels, output_channels, unwrapped
from unet_lab.training.distributed import Workers
from unet_lab.unet import UNet

TrainingSet = SegmentationDataset | MapStyleDataset


def matching_dataset(given: Any, model: nn.Module, role: str) -> TrainingSet:
    """A dataset as training and evaluation take it, and matching the network. Raises TypeError and ValueError in words."""
    known = isinstance(given, SegmentationDataset | MapStyleDataset) and given.num_classes
    classes = 0 if known else output_channels(model) or 0
    dataset = as_dataset(given, role, max(classes, 2) if classes else None)
    check_fit(model, dataset, role)
    return dataset


def check_targets(training: TrainingSet, validation: TrainingSet | None) -> None:
    """Training and validation masks hold the same: classes, labels or values. Raises ValueError where they do not."""
    if validation is not None and validation.target != training.target:
        raise ValueError(
            f"the training masks hold {training.target} and the validation masks {validation.target}; give one kind."
        )


def check_augmentation(augmentation: Callable | None, weighted: bool) -> None:
    """Raises ValueError where the training set has weights for pixels, and an augmentation of your own has no place for them."""
    if augmentation is None or not weighted:
        return
    try:
        inspect.signature(augmentation).bind(None, None, None, None)
    except TypeError:
        raise ValueError(
            "the training set has weights, and the augmentation takes none. Let it take (images, masks, seeds, weights), move "
            "the weights as it moves the masks, and return (images, masks, weights)."
        ) from None


def check_fit(model: nn.Module, dataset: TrainingSet, role: str) -> None:
    """Channels and classes of network and data set are the same. Raises ValueError with the constructor call that fits."""
    channels, classes = dataset.channels, dataset.num_classes
    fitting = f"UNet(in_channels={channels}, num_classes={classes}, …)"
    try:
        taken = input_channels(model)
    except ValueError:  # a network without convolutions says nothing about its channels; its first step will
        taken = channels
    if taken != channels:
        raise ValueError(f"the {role} images have {channels} channel(s), and the network takes {taken}. What fits: {fitting}")
    given = model.num_classes if isinstance(model, UNet) else classes
    if given != classes and not (dataset.target == "classes" and (given, classes) == (1, 2)):
        raise ValueError(f"the {role} masks have {classes} {dataset.target}, and the network gives {given}. What fits: {fitting}")


def check_sizes(dataset: TrainingSet) -> tuple[int, int]:
    """The one size (H, W) of all images. Raises ValueError where there are several."""
    sizes = sorted(known_sizes(dataset))
    if len(sizes) > 1:
        shown = ", ".join(f"{h} x {w}" for h, w in sizes[:4])
        smallest = min(min(size) for size in sizes)
        raise ValueError(
            f"the training images have {len(sizes)} sizes ({shown}); a batch needs one. Draw patches: patch=96 (any size does), "
            f"or cut them: dataset.crops(size), with size at most {smallest}."
        )
    return sizes[0]


def known_sizes(dataset: TrainingSet) -> set[tuple[int, int]]:
    """The sizes (H, W) of all images; of a dataset of your own, of the first ones."""
    if isinstance(dataset, MapStyleDataset):
        return dataset.first_sizes
    return {(pair.mask.shape[0], pair.mask.shape[1]) for pair in dataset.pairs}


def check_norm(model: nn.Module, smallest: int, size: tuple[int, int]) -> None:
    """Run the smallest batch of an epoch on PyTorch's meta device: a mean over a single value leaves nothing to learn from.

    Raises ValueError, in words, where a normalisation would meet one. Networks that cannot be run so are let through.
    """
    try:
        twin = copy.deepcopy(model).to("meta").train()
        twin(torch.empty(smallest, input_channels(model), *size, device="meta"))
    except Exception as error:  # whatever a network of your own raises without numbers, its first step will say better
        if "Expected more than 1" not in str(error):
            return
        raise ValueError(
            f"a normalisation would meet a single value per channel: the smallest batch of an epoch has {smallest} image(s) of "
            f"{size[0]} x {size[1]} pixels, of which one is left at the bottom of the U. Choose another batch_size, larger "
            f"images, a smaller depth, or norm=None."
        ) from None


def check_poolings(model: nn.Module, size: tuple[int, int], what: str) -> None:
    """Raises ValueError where a U-Net cannot halve what it is to learn from, with what would do."""
    inner = unwrapped(model)
    if not isinstance(inner, UNet):
        return
    bad = [side for side in size if inner.nearest_sizes(side) != [side]]
    if bad:
        nearest = inner.nearest_sizes(bad[0])
        given = f"patch is {size[0]}" if what == "patch" else f"the training images are {size[0]} x {size[1]}"
        window = next((side for side in nearest[::-1] if side <= min(size)), nearest[0])
        cut = f" Or dataset.crops({window})." if what != "patch" and window <= min(size) else ""
        raise ValueError(
            f"{given}, and {bad[0]} pixels cannot be halved as often as this network halves. Nearest sizes: "
            f"{', '.join(map(str, nearest))}. Draw windows: patch={window}.{cut}"
        )


def check_workers(model: nn.Module, images: int, batch_size: int, workers: Workers, sync_batch_norm: bool) -> None:
    """Each worker needs an image of every batch where its batch norm looks at its own images only."""
    smallest = min(batch_size, images % batch_size or batch_size)
    alone = not sync_batch_norm and any(isinstance(m, nn.BatchNorm2d) for m in model.modules())
    if batch_size < workers.size or (alone and smallest < workers.size):
        which = f"batch_size is {batch_size}"
        if batch_size >= workers.size:
            which = f"the last batch of an epoch has {smallest} images"
        raise ValueError(
            f"{which}, and there are {workers.size} workers; each needs at least one. batch_size is the number of images for all "
            f"workers together: choose a larger one that {images} images can be divided by."
        )
