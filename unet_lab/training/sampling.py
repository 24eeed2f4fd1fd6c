"""Which images an epoch sees: each once, or drawn with a probability of its own, so that rare classes come more often."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from unet_lab.datasets.map_style import as_dataset
from unet_lab.losses import IGNORE


def balanced_sampling(training: Any) -> list[float]:
    """A share for each image, with which images that hold rare classes are drawn more often: `fit(…, sampling=shares)`.

    Each class gives an equal part to the images that hold it: with classes in 10, 10 and 2 of 10 images, an image with all three
    is drawn (1/10 + 1/10 + 1/2) / 3 of the time. Reads every mask once. Shares sum to 1.
    """
    dataset = as_dataset(training, "training")
    held = []
    for number in range(len(dataset)):
        mask = dataset[number][1]
        if mask.is_floating_point():
            raise ValueError("the masks hold values, no classes, so there is nothing to balance; leave sampling out.")
        present = mask.flatten(1).eq(1).any(dim=1).nonzero() if mask.ndim == 3 else torch.unique(mask[mask != IGNORE])
        held.append(set(present.flatten().tolist()))
    classes = set().union(*held)
    if not classes:
        return [1 / len(held)] * len(held)
    images_with = {k: sum(k in classes_held for classes_held in held) for k in classes}
    return [sum(1 / images_with[k] for k in classes_held) / len(classes) for classes_held in held]


def check_sampling(sampling: Sequence[float] | None, images: int) -> None:
    """Raises ValueError where the shares are not one for each image, from 0 up, and some above."""
    if sampling is None:
        return
    shares = np.asarray(sampling, float)
    if shares.shape != (images,) or not np.isfinite(shares).all() or (shares < 0).any() or shares.sum() <= 0:
        raise ValueError(
            f"sampling has the shape {shares.shape}; allowed are {images} numbers from 0 up, not all 0, one for each training "
            f"image: balanced_sampling(training) makes them."
        )


def epoch_batches(count: int, batch_size: int, seed: int, sampling: Sequence[float] | None = None) -> list[list[int]]:
    """The order of one epoch, in batches: every image once; with `sampling` as many, drawn with replacement by these shares."""
    order = torch.Generator().manual_seed(seed)
    if sampling is not None:
        drawn = torch.multinomial(torch.tensor(sampling, dtype=torch.float64), count, replacement=True, generator=order).tolist()
        return [drawn[start : start + batch_size] for start in range(0, count, batch_size)]
    numbers: Any = range(count)  # a map-style dataset of its own numbers
    return [batch.tolist() for batch in DataLoader(numbers, batch_size, shuffle=True, generator=order)]
