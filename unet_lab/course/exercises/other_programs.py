"""Checks of notebook 18: two networks compared; an image prepared as the network learnt it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from unet_lab.course.checking import NotTried, Wrong, called
from unet_lab.course.leniency import number

NEIGHBOUR_COMPARE = (
    "A neighbour: two clocks show 12:00, 12:10, 12:20 and 12:00, 12:10, 12:21. The largest difference is 1 minute, and 2 of 3 "
    "times, 0.667, are the same."
)
STEP = "Run both first: a = first(images), b = second(images). Then one line for each number."
NEIGHBOUR_PREPARE = (
    "A neighbour: 2, 4, 4, 4, 5, 5, 7, 9 have the mean 5 and the standard deviation 2, so 9 becomes (9 - 5) / 2 = 2."
)


def networks() -> list[tuple[str, Callable, Callable, Tensor]]:
    """Pairs of networks (functions of (N, C, H, W)), with images."""
    draw = torch.Generator().manual_seed(18)
    images = torch.randn(3, 1, 6, 8, generator=draw)
    mix = torch.randn(4, 1, generator=draw)

    def first(x):
        return torch.einsum("kc,nchw->nkhw", mix, x) + torch.arange(4.0)[None, :, None, None] / 4

    def shifted(x):
        return first(x) + 2.0  # every logit, so no class changes

    def other(x):
        return first(x) + torch.tensor([0.0, 0.9, -0.6, 0.3])[None, :, None, None] * x.abs()

    return [
        ("the same network twice", first, first, images),
        ("all logits larger by 2", first, shifted, images),
        ("two networks", first, other, images),
        ("two networks, one image", other, first, images[1:2]),
    ]


def right_comparison(first: Callable, second: Callable, images: Tensor) -> tuple[float, float]:
    """Largest absolute difference of logits, and share of pixels with the same likeliest class."""
    a, b = first(images), second(images)
    return float((a - b).abs().max()), float((a.argmax(dim=1) == b.argmax(dim=1)).float().mean())


def suspects_compare(first: Callable, second: Callable, images: Tensor) -> list[tuple[int, float, str, str]]:
    """(place in the answer, number, finding, clue) of the mistakes that are known."""
    a, b = first(images), second(images)
    same = a.argmax(dim=1) == b.argmax(dim=1)
    apart = (a - b).abs()
    p, q = a.softmax(dim=1), b.softmax(dim=1)
    return [
        (0, float(apart.mean()), "That is the mean difference", "One pixel that is far off hides in a mean: take the largest."),
        (0, float(apart.sum()), "That is the sum of the differences", "Take the largest: .abs().max()."),
        (0, float((a - b).max()), "The sign is kept: what is too small does not count", "Absolute differences: .abs()."),
        (0, float((b - a).max()), "The sign is kept: what is too large does not count", "Absolute differences: .abs()."),
        (0, abs(float(a.max() - b.max())), "It compares the largest logits", "First the differences, then the largest."),
        (0, float((p - q).abs().max()), "It compares probabilities", "Logits as they come out, without a softmax."),
        (0, float(((a - b) ** 2).mean()), "That is the mean square", "The largest absolute difference was asked for."),
        (0, float(((a - b) ** 2).mean().sqrt()), "That is the root mean square", "The largest absolute one was asked for."),
        (1, float((~same).float().mean()), "That is the share of pixels whose class differs", "1 means that all are the same."),
        (1, float(same.sum()), "That is a count of pixels", "A share: divide by how many there are."),
        (1, 100 * float(same.float().mean()), "It is in percent", "A share from 0 to 1."),
        (1, float((a == b).float().mean()), "It compares logits, hardly ever equal", "Classes: argmax over dim 1, then =="),
        (1, float((apart < 1e-3).float().mean()), "It counts logits that are close", "Classes: argmax over dim 1, then =="),
        (1, float((a.argmax(dim=-1) == b.argmax(dim=-1)).float().mean()), "The argmax runs over columns", "Classes are dim 1."),
        (1, float((a.argmax(dim=0) == b.argmax(dim=0)).float().mean()), "The argmax runs over images", "Classes are dim 1."),
        (1, float(same[0].float().mean()), "Only the first image is looked at", "All images of the batch."),
        (1, float(same.flatten(1).all(dim=1).float().mean()), "That is the share of images that are equal", "Count pixels."),
    ]  # fmt: skip


def compare_networks(answer) -> None:
    """my_compare(first, second, images): (largest absolute difference of logits, share of pixels with the same class)."""
    step = STEP
    tried = []
    for name, first, second, images in networks():
        mine = two_numbers(called(answer, first, second, images))
        tried.append((name, mine, right_comparison(first, second, images), suspects_compare(first, second, images)))
    for name, mine, right, _ in tried:
        for place, what in enumerate(("the difference", "the share")):
            if near(mine[place], right[place]):
                continue
            shown = f"{name}: {what} is {mine[place]:.4g}, expected {right[place]:.4g}"
            if all(near(m[0], r[1]) and near(m[1], r[0]) for _, m, r, _ in tried):
                raise Wrong(f"{shown}. The two are swapped.", "First the difference, then the share.", step, NEIGHBOUR_COMPARE)
            for place_in_list, (where, _, finding, clue) in enumerate(tried[0][3]):
                if where == place and all(near(m[place], known[place_in_list][1]) for _, m, _, known in tried):
                    raise Wrong(f"{shown}. {finding}.", clue, step, NEIGHBOUR_COMPARE)
            raise Wrong(f"{shown}. I do not know this mistake.", step, NEIGHBOUR_COMPARE)


def two_numbers(got) -> list[float]:
    """The answer as two floats; Wrong where it is anything else."""
    if isinstance(got, Tensor | np.ndarray):
        got = got.tolist()
    if not isinstance(got, tuple | list) or len(got) != 2:
        raise Wrong(f"expected two numbers, got {got!r}.", "Return both: return difference, share.", STEP, NEIGHBOUR_COMPARE)
    if all(value is None for value in got):
        raise NotTried
    return [number(value.item() if isinstance(value, Tensor | np.generic) else value) for value in got]


def near(got: float, expected: float) -> bool:
    """Equal to four digits."""
    return abs(got - expected) <= 1e-4 * max(1.0, abs(expected))


def pictures() -> list[tuple[str, np.ndarray]]:
    """Images of every kind that a file may hold."""
    draw = np.random.default_rng(18)
    return [
        ("8-bit grey", draw.integers(20, 220, (5, 7)).astype(np.uint8)),
        ("16-bit grey", draw.integers(300, 60_000, (4, 6)).astype(np.uint16)),
        ("8-bit colour", np.dstack([draw.integers(0, top, (5, 7)) for top in (250, 90, 30)]).astype(np.uint8)),
        ("one grey everywhere", np.full((4, 6), 128, np.uint8)),
    ]


def right_preparation(image: np.ndarray) -> np.ndarray:
    """float32 (1, C, H, W), each channel with mean 0 and standard deviation 1; a constant channel all 0."""
    x = np.atleast_3d(image).astype(np.float64).transpose(2, 0, 1)[None]  # (1, C, H, W)
    std = x.std(axis=(2, 3), keepdims=True)
    return ((x - x.mean(axis=(2, 3), keepdims=True)) / np.where(std > 0, std, 1)).astype(np.float32)


def suspects_prepare(image: np.ndarray) -> list[tuple[np.ndarray, str, str]]:
    """(array, finding, clue) of the mistakes that are known, all (1, C, H, W)."""
    x = np.atleast_3d(image).astype(np.float64).transpose(2, 0, 1)[None]
    top = np.iinfo(image.dtype).max
    mean, std = x.mean(axis=(2, 3), keepdims=True), x.std(axis=(2, 3), keepdims=True)
    low, high = x.min(axis=(2, 3), keepdims=True), x.max(axis=(2, 3), keepdims=True)
    sample = x.std(axis=(2, 3), keepdims=True, ddof=1)
    with np.errstate(all="ignore"):
        return [
            (x, "The numbers are as in the file", "The network learnt on mean 0 and standard deviation 1."),
            (x / 255, "It is divided by 255", "Each image by its own mean and standard deviation."),
            (x / top, f"It is divided by {top}", "Each image by its own mean and standard deviation."),
            (2 * x / top - 1, "It is scaled to -1 to 1", "Each image by its own mean and standard deviation."),
            ((x - low) / (high - low), "It is scaled to 0 to 1", "Mean 0 and standard deviation 1 is another scale."),
            (x - mean, "Nothing is divided", "(x - mean) / std."),
            (x / std, "No mean is subtracted", "(x - mean) / std."),
            ((mean - x) / std, "Black and white are swapped", "x - mean, not mean - x."),
            ((x - mean) / std**2, "It is divided by the variance", "The standard deviation is the root of it."),
            ((x - mean) / sample, "It divides by n - 1", "NumPy's std divides by n; torch.std needs correction=0."),
            ((x - x.mean()) / x.std(), "All channels share one mean", "Each channel by itself: axis=(0, 1)."),
            ((x - np.median(x, axis=(2, 3), keepdims=True)) / std, "It subtracts the median", "The mean."),
            (x - mean / std, "The brackets are missing", "(x - mean) / std: first subtract, then divide."),
        ]  # fmt: skip


def prepare(answer) -> None:
    """my_prepare(image): (H, W) or (H, W, C) of any type; float32 (1, C, H, W), each channel with mean 0 and std 1."""
    step = "Floats first; then mean and standard deviation of each channel; then the axes: (H, W, C) to (1, C, H, W)."
    for name, image in pictures():
        got = called(answer, image)
        right = right_preparation(image)
        if isinstance(got, Tensor):
            got = got.detach().numpy()
        got = np.asarray(got)
        if got.dtype.kind not in "fiu":
            raise Wrong(f"{name}: expected numbers, got {got.dtype}.", "Return an array or a tensor.", NEIGHBOUR_PREPARE)
        if got.shape != right.shape:
            raise Wrong(f"{name}, {image.shape}: {shape_finding(got, right)}", step, NEIGHBOUR_PREPARE)
        if not np.isfinite(got).all():
            clue = "A constant channel has a standard deviation of 0. Nothing is to be seen in it: make it all 0."
            raise Wrong(
                f"{name}: {np.count_nonzero(~np.isfinite(got))} numbers are NaN or infinite.", clue, step, NEIGHBOUR_PREPARE
            )
        if not np.allclose(got, right, atol=1e-3):
            shown = f"{name}: at the first pixel yours {got.flat[0]:.4g}, expected {right.flat[0]:.4g}"
            for value, finding, clue in suspects_prepare(image):
                if np.allclose(got, value, atol=1e-3):
                    raise Wrong(f"{shown}. {finding}.", clue, step, NEIGHBOUR_PREPARE)
            if np.allclose(np.sort(got, axis=None), np.sort(right, axis=None), atol=1e-3):
                clue = "Axes are moved by transpose(2, 0, 1); reshape keeps the order and so mixes pixels and channels."
                raise Wrong(f"{shown}. The numbers are right and in other places.", clue, step, NEIGHBOUR_PREPARE)
            raise Wrong(f"{shown}. I do not know this mistake.", step, NEIGHBOUR_PREPARE)
        if got.dtype != np.float32:
            clue = "Networks hold float32, and a runtime refuses anything else: .astype(np.float32)."
            raise Wrong(f"{name}: the numbers are right, and their type is {got.dtype}.", clue, step, NEIGHBOUR_PREPARE)


def shape_finding(got: np.ndarray, right: np.ndarray) -> str:
    """What is wrong with the shape, in a sentence."""
    shown = f"the shape is {got.shape}, expected {right.shape}"
    if got.shape == right.shape[1:]:
        return f"{shown}. The batch axis is missing: [None]."
    if got.shape == right.shape[2:]:
        return f"{shown}. Batch and channel axes are missing: [None, None]."
    if got.ndim == 4 and got.shape[-1] == right.shape[1]:
        return f"{shown}. Channels come before height and width."
    if got.ndim == 4 and got.shape[2:] == right.shape[:1:-1]:
        return f"{shown}. Height and width are swapped."
    return f"{shown}."
