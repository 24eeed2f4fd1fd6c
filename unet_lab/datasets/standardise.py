"""Brightness and contrast taken out of an image: each channel to mean 0 and standard deviation 1."""

from __future__ import annotations

from os import PathLike

import numpy as np

SAMPLE = 1_000_000  # pixels: where an image has more, the limits of clipping are taken from every n-th row and column


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
    std = image.std(axis=(0, 1))
    return (image - image.mean(axis=(0, 1))) / np.where(std > 0, std, np.float32(1.0))


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
