"""What a network would miss: skips cut, disturbed or exchanged from outside, without a flag in the network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from unet_lab.inference.predict import predict
from unet_lab.metrics import confusion_matrix, macro_iou
from unet_lab.unet import UNet

INSTEAD = ("zeros", "noise", "shuffled")


# fmt: off
@contextmanager
def without_skip(model: UNet, level: int, instead: str | Tensor = "zeros", seed: int = 0) -> Iterator[UNet]:
    """Inside the `with`, the decoder gets something else instead of the skip of this level; afterwards the network is as before.

    Parameters
    ----------
    level : 0 is the topmost skip, depth - 1 the deepest.
    instead : "zeros"; "noise", normal noise with each channel's own mean and standard deviation; "shuffled", the right values at
        the wrong places (one permutation of pixels for all channels); or a tensor (N or 1, C, H, W), the skip of another
        image say.
    seed : of the noise and of the permutation, the same at every call inside.

    Several levels: several in one `with`. Raises ValueError for a level that the network does not have, another word, or
    a tensor of another shape.

    >>> model, x = UNet(base_channels=4, depth=2).eval(), torch.ones(1, 1, 8, 8)
    >>> with without_skip(model, level=0):
    ...     changed = model(x)
    >>> bool((changed != model(x)).any())
    True
    """
    depth = len(model.decoder)
    if not (isinstance(level, int) and 0 <= level < depth):
        raise ValueError(f"level is {level!r}; this network has skips 0 (topmost) to {depth - 1}.")
    if not isinstance(instead, Tensor) and instead not in INSTEAD:
        raise ValueError(f"instead is {instead!r}; allowed are {', '.join(map(repr, INSTEAD))} or a tensor.")

    def exchange(_stage, arguments):
        x, skip = arguments                     # (N, 2C, H/2, W/2), (N, C, H, W)
        return x, other(skip, instead, seed)   # (N, 2C, H/2, W/2), (N, C, H, W)

    handle = model.decoder[depth - 1 - level].register_forward_pre_hook(exchange)
    try:
        yield model
    finally:
        handle.remove()
# fmt: on


def other(skip: Tensor, instead: str | Tensor, seed: int) -> Tensor:
    if isinstance(instead, Tensor):
        if instead.shape[1:] != skip.shape[1:] or instead.shape[0] not in (1, skip.shape[0]):
            raise ValueError(f"the tensor given instead is {tuple(instead.shape)}; this skip is {tuple(skip.shape)}.")
        return instead.to(skip).expand_as(skip)
    if instead == "zeros":
        return torch.zeros_like(skip)
    generator = torch.Generator().manual_seed(seed)
    if instead == "noise":
        mean, std = skip.mean(dim=(2, 3), keepdim=True), skip.std(dim=(2, 3), keepdim=True)
        return mean + std * torch.randn(skip.shape, generator=generator).to(skip)
    order = torch.randperm(skip.shape[2] * skip.shape[3], generator=generator).to(skip.device)
    return skip.flatten(2)[..., order].view_as(skip)


def skip_counts(model: UNet, pairs: Sequence, instead: str = "zeros") -> np.ndarray:
    """The confusion matrix of every pair (image, truth, …): first with all skips, then without each, topmost first.

    Returns int64 (depth + 1, images, K, K): summed over the images a table of the set; drawn with replacement an interval.
    """

    def tables() -> list[np.ndarray]:
        return [confusion_matrix(p[1], predict(model, p[0]), model.num_classes) for p in pairs]

    counts = [tables()]
    for level in range(len(model.decoder)):
        with without_skip(model, level, instead):
            counts.append(tables())
    return np.array(counts)


def skip_worth(model: UNet, pairs: Sequence, instead: str = "zeros") -> list[float]:
    """What each skip is worth: the macro IoU over all pairs (image, truth, …) with it, minus without it; topmost first."""
    whole, *cut = (macro_iou(tables.sum(axis=0)) for tables in skip_counts(model, pairs, instead))
    return [whole - without for without in cut]
