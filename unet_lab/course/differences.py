"""What was returned beside what is right: as numbers, how the one may come out of the other, and both as text."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real

import numpy as np
from torch import Tensor

from unet_lab.course.checking import Wrong


def numbers(value, shown: str) -> np.ndarray:
    """An array of floats of whatever was returned; Wrong where those are no numbers."""
    try:
        array = np.asarray(value.detach().cpu() if isinstance(value, Tensor) else value)
        if array.dtype.kind == "O" and array.size and all(isinstance(part, Real) for part in array.flat):
            array = array.astype(np.float64)  # whole numbers beyond 64 bits, fractions
        if array.dtype.kind not in "biuf":
            raise TypeError
        return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        if isinstance(value, list | tuple) and any(part is None for part in value):
            finding = f"{shown}: expected numbers, got a {type(value).__name__} with a None in it."
            raise Wrong(finding, "What is not defined is NaN among numbers: float('nan') or np.nan, not None.") from None
        raise Wrong(f"{shown}: expected numbers, got {type(value).__name__}.", "Return an array or a number.") from None


def equal(got: np.ndarray | None, right: np.ndarray | None, tolerance: float = 1e-4) -> bool:
    if got is None or right is None or got.shape != right.shape:
        return False
    return np.allclose(got, right, tolerance, tolerance, equal_nan=True)


def changed(change: Callable, right: np.ndarray) -> np.ndarray | None:
    try:
        with np.errstate(all="ignore"):
            return change(right)
    except (ValueError, IndexError):
        return None


CHANGES: dict[str, Callable] = {
    "mirrored left to right": lambda a: a[..., ::-1] if a.ndim > 1 else None,
    "in reverse order": lambda a: a[::-1] if a.ndim == 1 else None,
    "upside down": lambda a: a[..., ::-1, :] if a.ndim > 1 else None,
    "turned by 180 degrees, in reverse order": lambda a: a[..., ::-1, ::-1] if a.ndim > 1 else None,
    "transposed: rows and columns are swapped": lambda a: a.swapaxes(-1, -2) if a.ndim > 1 else None,
    "with the sign turned (a minus)": lambda a: -a,
    "without its negative values, as a ReLU would": lambda a: np.maximum(a, 0),
    "with its sign lost (abs)": np.abs,
    "cut off to whole numbers": np.trunc,
    "rounded to whole numbers": np.round,
    "twice as large": lambda a: 2 * a,
    "halved": lambda a: a / 2,
    "times 100 (per cent)": lambda a: 100 * a,
    "one too large": lambda a: a + 1,
    "one too small": lambda a: a - 1,
    "subtracted from 1 (1 - it)": lambda a: 1 - a,
    "turned into 1 / it": lambda a: 1 / a,
    "squared": np.square,
    "flattened: the shape is lost": lambda a: a.ravel(),
    "with an axis too many, of length 1: the dimensions are more than asked": lambda a: a[None],
    "with two axes too many, of length 1: the dimensions are more than asked": lambda a: a[None, None],
    "rounded to two decimal places": lambda a: a.round(2),
    "with the precision of float16, about three digits: too coarse a type": lambda a: a.astype(np.float16).astype(float),
}


def difference(got: np.ndarray, right: np.ndarray) -> str:
    """Yours and expected, with as many digits as it takes for the two to look different."""
    if got.shape != right.shape:
        return f"the shape is {got.shape}, expected {right.shape}" + (f" (yours {got.tolist()})" if got.size < 7 else "")
    if right.size > 12:
        with np.errstate(invalid="ignore"):
            gap = np.where(np.isfinite(got) & np.isfinite(right), np.abs(got - right), np.where(got == right, 0, np.inf))
        gap = np.where(np.isnan(got) & np.isnan(right), 0, gap)
        place = tuple(int(v) for v in np.unravel_index(np.nanargmax(np.nan_to_num(gap, nan=np.inf)), right.shape))
        yours, expected = apart(got[place], right[place])
        return f"at {place} yours {yours}, expected {expected}"
    yours, expected = apart(got, right)
    return f"yours {yours}, expected {expected}"


def apart(got, right) -> tuple[str, str]:
    """Both as text, to the first number of digits at which they differ.

    >>> apart(0.123456, 0.123451)
    ('0.123456', '0.123451')
    """
    for digits in (4, 6, 9, 17):
        texts = tuple(text(value, digits) for value in (got, right))
        if texts[0] != texts[1]:
            return texts
    return texts


def text(value, digits: int) -> str:
    if np.ndim(value):
        return "[" + ", ".join(text(part, digits) for part in value) + "]"
    value = float(value)
    if value == round(value, 0) or abs(value) > 1e15:
        digits = 17
    return f"{value:.{digits}g}"


def brief(argument):
    """An argument as it is shown: arrays and tensors of more than 12 numbers by their shape."""
    if isinstance(argument, np.ndarray | Tensor):
        if argument.ndim and np.prod(argument.shape) > 12:
            return f"{type(argument).__name__} {tuple(argument.shape)}"
        return argument.tolist()
    return getattr(argument, "__name__", argument) if callable(argument) else argument
