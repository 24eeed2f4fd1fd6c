"""Brightness and contrast taken out of an image: each channel to mean 0 and standard deviation 1."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike
from typing import Any, NamedTuple, Protocol

import numpy as np

BLOCK = 1024  # pixels: side of the pieces in which an image that stays in its file is read
SAMPLE = 1_000_000  # pixels: where an image has more, the limits of clipping are taken from every n-th row and column


class Sliceable(Protocol):
    """An image that is only sliced: an array, a `numpy.memmap`, or what `open_image` returns."""

    @property
    def shape(self) -> tuple[int, ...]: ...  # (H, W) or (H, W, C)

    @property
    def dtype(self) -> Any: ...

    def __getitem__(self, key: Any) -> np.ndarray: ...


def standardise(image: np.ndarray) -> np.ndarray:
    """Shift and scale each channel of an image to mean 0 and standard deviation 1, so that brightness and contrast cancel.

    A handful of hot or dead pixels changes nothing: values far outside of what 99 % of the pixels have are clipped first
    (`clip_limits`). Most images have none, and are not clipped.

    (H, W) or (H, W, C) numbers in, float32 of that shape out; a constant channel becomes all zeros. Raises ValueError for NaN.

    >>> standardise(np.array([[0, 255]], np.uint8)).tolist()
    [[-1.0, 1.0]]
    """
    image = check_image(image)
    low, high = clip_limits(image)
    image = np.clip(image.astype(np.float32), low, high)
    channels = np.moveaxis(np.atleast_3d(image), -1, 0)  # each by itself: NumPy's sum over all at once loses digits of float32
    std, mean = (np.array([getattr(one, what)() for one in channels]).reshape(low.shape) for what in ("std", "mean"))
    return (image - mean) / np.where(std > 0, std, np.float32(1.0))


def channels_first(image: np.ndarray) -> np.ndarray:
    """An image (H, W) or (H, W, C) as a network wants it, (C, H, W), in one piece of memory."""
    return np.ascontiguousarray(np.atleast_3d(image).transpose(2, 0, 1))


def clip_limits(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest value of each channel that is not called an outlier, float32 (C,) or ().

    99 % of the pixels span a range from the 0.5th to the 99.5th percentile; an outlier lies a quarter of that range beyond it.
    Where those percentiles are equal (a drawing with few strokes), nothing is an outlier.
    """
    step = max(1, int(np.ceil((image.shape[0] * image.shape[1] / SAMPLE) ** 0.5)))
    sample = np.asarray(image[::step, ::step]).astype(np.float32)
    low, high = np.percentile(sample, (0.5, 99.5), axis=(0, 1))
    beyond = np.where(high > low, (high - low) / 4, np.inf)
    return (low - beyond).astype(np.float32), (high + beyond).astype(np.float32)


def check_image(image: np.ndarray) -> np.ndarray:
    """Return `image` as an array, once it is sure to be a finite image (H, W) or (H, W, C)."""
    if isinstance(image, str | PathLike):
        raise ValueError(f"the image is a path, {str(image)!r}; allowed are arrays: read_image(path) gives one.")
    image = np.asarray(image)
    if image.ndim not in (2, 3) or image.size == 0:
        raise ValueError(f"the image has shape {image.shape}; allowed are (H, W) and (H, W, C), with at least one pixel.")
    if image.dtype.kind not in "uif":
        raise ValueError(f"the image's type is {image.dtype}; allowed are whole numbers and floats.")
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        bad = int((~np.isfinite(image)).sum())
        raise ValueError(f"{bad} of {image.size} pixels are NaN or infinite; replace them: np.nan_to_num(image).")
    return image


class Scale(NamedTuple):
    """How the whole image is standardised, each array (C,) or (): what `standardise` would find."""

    low: np.ndarray  # values below are clipped
    high: np.ndarray
    mean: np.ndarray
    std: np.ndarray  # 1 for a constant channel, so that it can be divided by

    def apply(self, piece: np.ndarray) -> np.ndarray:
        """A part of the image, standardised as the whole; float32."""
        mean, std = self.mean.astype(np.float32), self.std.astype(np.float32)
        return (np.clip(piece.astype(np.float32), self.low, self.high) - mean) / std


def scale_of(image: Sliceable, block: int = BLOCK) -> Scale:
    """The scale of an image too large for memory, in one pass, in pieces (Chan, Golub and LeVeque 1983).

    Raises ValueError for NaN.
    """
    for piece, top, left in pieces(image, block) if np.dtype(image.dtype).kind == "f" else ():
        if not np.isfinite(piece).all():
            bad = int((~np.isfinite(piece)).sum())
            raise ValueError(f"{bad} pixels from row {top}, column {left} on are NaN or infinite; replace them first.")
    low, high = clip_limits(image)  # type: ignore[arg-type]
    count, mean, squares = 0, np.zeros(low.shape), np.zeros(low.shape)
    for piece, _, _ in pieces(image, block):
        piece = np.clip(piece.astype(np.float64), low, high)
        own, pixels = piece.mean(axis=(0, 1)), piece.shape[0] * piece.shape[1]
        apart, both = own - mean, count + pixels
        squares += ((piece - own) ** 2).sum(axis=(0, 1)) + apart**2 * count * pixels / both
        mean += apart * pixels / both
        count = both
    std = (squares / count) ** 0.5
    return Scale(low, high, mean, np.where(std > 0, std, 1.0))


def pieces(image: Sliceable, block: int = BLOCK) -> Iterator[tuple[np.ndarray, int, int]]:
    """The image in squares of `block` pixels, which fit into memory, each with its top and left."""
    for top in range(0, image.shape[0], block):
        for left in range(0, image.shape[1], block):
            yield np.asarray(image[top : top + block, left : left + block]), top, left
