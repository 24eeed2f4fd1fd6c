"""What lies in an image file, as numbers; and what it is as an image or as a mask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

Channels = str | Sequence[int]
SMOOTH = 40  # a palette whose neighbours differ by no more than this is a ramp of one quantity, no list of colours
FEWEST_OF_A_RAMP = 32  # entries in use


class Refused(ValueError):
    """The file could be read, and is not what was asked for; its name is added where it is known."""


class Stored(NamedTuple):
    """One image of a file, nothing decided yet."""

    values: np.ndarray  # (H, W), or (H, W, C) channels last
    alpha: np.ndarray | None = None  # (H, W), the transparency that the file says it has; its largest number is opaque
    palette: np.ndarray | None = None  # (n, 3) uint8 colours, where the values are indices into it
    is_lut: bool = False  # the palette only shows a quantity in colours, as a TIFF's does

    def turned(self, orientation: int) -> Stored:
        """As it is shown, by the numbers that EXIF and TIFF use for the orientation."""
        if orientation not in range(2, 9):
            return self
        alpha = None if self.alpha is None else turned(self.alpha, orientation)
        return self._replace(values=turned(self.values, orientation), alpha=alpha)


def turned(array: np.ndarray, orientation: int) -> np.ndarray:
    """(H, W) or (H, W, C), turned and flipped as EXIF's orientation 1 to 8 tells.

    >>> turned(np.array([[1, 2], [3, 4]]), 6).tolist()
    [[3, 1], [4, 2]]
    """
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return array


def as_image(stored: Stored, channels: Channels = "all") -> np.ndarray:
    """(H, W), or (H, W, C) where the channels differ; only those that are wanted.

    The indices of a palette that shows a quantity in colours are the image; those of a list of colours stand for them. Alpha is
    left out where it is opaque, and is the last channel where channels are asked for by number.
    """
    array = stored.values
    if array.dtype == bool:
        array = array.astype(np.uint8) * 255
    if stored.palette is not None and not (stored.is_lut or is_ramp(stored.palette, array)):
        array = shown_colours(stored)
    by_number = not isinstance(channels, str)
    if stored.alpha is not None and stored.palette is None:
        if by_number:
            array = np.dstack([array, stored.alpha])
        elif not is_opaque(stored.alpha):
            raise Refused(describe_transparency(np.atleast_3d(array).shape[2]))
    if array.ndim == 3 and not by_number and equal_channels(array):
        array = array[..., 0]
    if channels == "all" or (array.ndim == 2 and channels == "grey"):
        return np.ascontiguousarray(array)
    return luminance(array) if channels == "grey" else chosen_channels(array, channels)


def describe_transparency(count: int) -> str:
    """Words for pixels that are not opaque, in an image of `count` channels besides."""
    return (
        f"some pixels are transparent, and what lies under them is not what was seen. If channel {count} is no transparency but "
        f"data (infrared, depth), channels={tuple(range(count + 1))} reads it too, and channels={tuple(range(count))} leaves it "
        f"out. If it is, flatten the picture onto a background, and save it without alpha."
    )


def equal_channels(array: np.ndarray) -> bool:
    """Whether all channels of (H, W, C) hold the same: a grey image stored as colours."""
    return all(np.array_equal(array[..., 0], array[..., k]) for k in range(1, array.shape[2]))


def chosen_channels(array: np.ndarray, channels: Channels) -> np.ndarray:
    """The channels of the numbers wanted. A grey image stored as colours has as many as the file, all of them alike."""
    count = 1 if array.ndim == 2 else array.shape[2]
    if isinstance(channels, int):
        raise Refused(f"channels is {channels}; allowed are 'all', 'grey' and numbers in brackets, channels=({channels},).")
    wanted = list(channels) if not isinstance(channels, str) else [channels]
    if not wanted or not all(isinstance(k, int | np.integer) and 0 <= k < count for k in wanted):
        raise Refused(
            f"channels is {channels!r}, and the image has {count}; allowed are 'all', 'grey' and numbers from 0 to {count - 1}."
        )
    array = array.reshape(*array.shape[:2], count)[..., wanted]
    return np.ascontiguousarray(array[..., 0] if len(wanted) == 1 else array)


def luminance(array: np.ndarray) -> np.ndarray:
    """(H, W) grey values of colours, as ITU-R 601 weighs them; of other numbers of channels the mean. The type stays."""
    if array.shape[2] == 3 and array.dtype == np.uint8:
        return np.array(Image.fromarray(np.ascontiguousarray(array)).convert("L"))
    weights = (0.299, 0.587, 0.114) if array.shape[2] == 3 else (1 / array.shape[2],) * array.shape[2]
    grey = array.astype(np.float64) @ np.array(weights)
    return (grey.round() if array.dtype.kind in "ui" else grey).astype(array.dtype)


def as_mask(stored: Stored, colours: bool = False, channel: str | int | None = None) -> np.ndarray:
    """(H, W) numbers, or (H, W, 3) colours where there are any.

    colours : whether a palette gives the colours that it shows; else its indices, or, where it holds nothing but different
        greys, those.
    channel : "alpha", or the number of a channel, where the mask is one of several.
    """
    array = stored.values
    if channel is not None:
        return mask_channel(stored, channel)
    if array.dtype == bool:
        return array.astype(np.uint8) * 255
    if stored.palette is not None:
        array = shown_colours(stored) if colours or shows_greys(stored) else array
    elif stored.alpha is not None and not is_opaque(stored.alpha):
        raise Refused(
            "some pixels are transparent. If the mask is a layer painted on a transparent ground, load_folder(…, "
            "mask_channel='alpha') or read_mask(path, channel='alpha') reads how opaque each pixel is (0 to 255). If not, "
            "flatten it onto a background, and save it without alpha."
        )
    return array[..., 0].copy() if array.ndim == 3 and equal_channels(array) else array


def mask_channel(stored: Stored, channel: str | int) -> np.ndarray:
    """One channel of a mask's file, (H, W)."""
    if channel == "alpha":
        if stored.alpha is None:
            raise Refused("channel is 'alpha', and the file has no alpha (no transparency). Leave it out to read its colours.")
        return np.ascontiguousarray(stored.alpha)
    array = np.atleast_3d(stored.values if stored.palette is None else shown_colours(stored))
    array = array if stored.alpha is None else np.dstack([array, stored.alpha])
    count = array.shape[2]
    if isinstance(channel, bool) or not isinstance(channel, int | np.integer) or not 0 <= channel < count:
        raise Refused(f"channel is {channel!r}, and the mask has {count}; allowed are 'alpha' and numbers from 0 to {count - 1}.")
    return np.ascontiguousarray(array[..., channel])


def is_opaque(alpha: np.ndarray) -> bool:
    """Whether every pixel has the largest number of its type (of floats 1)."""
    most = np.iinfo(alpha.dtype).max if alpha.dtype.kind in "ui" else 1
    return bool((alpha == most).all())


def shown_colours(stored: Stored) -> np.ndarray:
    """(H, W, 3) uint8: the colours that a palette shows. Indices beyond its end are black, as viewers have it."""
    assert stored.palette is not None
    beyond = max(int(stored.values.max(initial=0)) + 1 - len(stored.palette), 0)
    return np.concatenate([stored.palette, np.zeros((beyond, 3), np.uint8)])[stored.values]


def shows_greys(stored: Stored) -> bool:
    """Whether a palette holds nothing but greys, and those in use differ: a grey picture, stored in fewer bits."""
    palette = stored.palette
    if palette is None or not (palette == palette[:, :1]).all():
        return False
    used = np.unique(stored.values)
    return used[-1] < len(palette) and len(np.unique(palette[used, 0])) == len(used)


def is_ramp(palette: np.ndarray, values: np.ndarray) -> bool:
    """Whether a palette goes smoothly through colours between the indices in use, as a microscope's LUT does."""
    used = np.unique(values)
    if len(used) < FEWEST_OF_A_RAMP or used[-1] >= len(palette) or (palette == palette[:, :1]).all():
        return False
    steps = np.diff(palette[int(used[0]) : int(used[-1]) + 1].astype(int), axis=0)
    return int(np.abs(steps).max()) <= SMOOTH
