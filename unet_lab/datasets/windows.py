"""An image that stays in its file: a TIFF of any size, of which only what is sliced is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from unet_lab.datasets.image_files import (
    check_file,
    describe_several,
    fits,
    iterate_pages,
    layout_of,
    naming_the_file,
    read_image,
)
from unet_lab.datasets.in_file import InFile
from unet_lab.datasets.pillow_files import quiet
from unet_lab.datasets.stored_images import (
    Channels,
    Refused,
    Stored,
    as_image,
    describe_transparency,
    equal_channels,
    is_opaque,
)
from unet_lab.datasets.tiff_files import Layout
from unet_lab.datasets.tiff_windows import TiffWindows

BLOCK = 1024  # rows and columns that are looked at together, where all of an image must be looked at


class WindowedImage(InFile):
    """What `open_image` returns: `shape`, `dtype`, and `image[top:bottom, left:right]`, which reads no more than that.

    Goes where an array goes that is only sliced: `predict_tiled`, `fit(…, patch=)`. Steps are allowed (image[::8, ::8]), and all
    of them are read tile by tile. Equal channels are grey, as in `read_image`, for which a coloured image is read until they
    differ. Where an array is needed (np.asarray(image), image == 3) all of it is read, if it fits into memory.
    """

    def __init__(self, path: Path, channels: Channels, page: int):
        self.path, self.channels = path, channels
        self.tiff = TiffWindows(path, page)
        self.is_grey = False
        first = self.tiff.stored(slice(0, 1), slice(0, 1))
        values = np.atleast_3d(first.values)
        self.is_grey = isinstance(channels, str) and values.shape[2] > 1 and self.has_equal_channels()
        one = self.finished(first)
        self.shape, self.dtype = (*self.tiff.size, *one.shape[2:]), one.dtype

    def close(self) -> None:
        """Close the file; it is opened again where something is read."""
        self.tiff.close()

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        with naming_the_file(self.path):
            return self.finished(self.tiff.stored(rows, columns))

    def finished(self, stored: Stored) -> np.ndarray:
        """(H, W) or (H, W, C): what `read_image` would give of these pixels."""
        if not isinstance(self.channels, str):
            return as_image(stored, self.channels)
        if stored.alpha is not None and not is_opaque(stored.alpha):
            raise Refused(describe_transparency(np.atleast_3d(stored.values).shape[2]))
        values = stored.values[..., :1] if self.is_grey else np.atleast_3d(stored.values)
        if self.channels == "all" and values.shape[2] > 1:  # all of them, also where they are equal in this window
            return as_image(stored._replace(values=values, alpha=None), tuple(range(values.shape[2])))
        return as_image(stored._replace(values=values if values.shape[2] > 1 else values[..., 0], alpha=None), self.channels)

    def has_equal_channels(self) -> bool:
        """Whether all channels hold the same everywhere."""
        for top in range(0, self.tiff.size[0], BLOCK):
            for left in range(0, self.tiff.size[1], BLOCK):
                if not equal_channels(self.tiff.stored(slice(top, top + BLOCK), slice(left, left + BLOCK)).values):
                    return False
        return True


def check_not_inverted(layout: Layout) -> None:
    """Raises Refused for numbers that are turned round within the range of the whole image, which no window knows."""
    if layout.lowest_is_white and layout.kind not in "ub":
        raise Refused("it is min-is-white with signed numbers or floats: no window knows their range. Write it as min-is-black.")


def open_image(path: str | Path, channels: Channels = "all", page: int | None = None) -> WindowedImage | np.ndarray:
    """An image of any size, left in its file: what `read_image` returns, read where it is sliced.

    `predict_tiled(model, open_image("slide.tif"))` then needs memory for a tile. A TIFF without compression is memory-mapped; of
    others the tiles or strips that a window touches are decoded, so that a TIFF in tiles is fast and one in a single strip must
    fit into memory. PNG, BMP, GIF and JPEG have no such parts and are read whole.

    Parameters and errors as in `read_image`.
    """
    path = Path(path)
    check_file(path)
    with naming_the_file(path), quiet():
        layout = layout_of(path)
        if layout is not None and not layout.for_pillow:
            if page is None and layout.pages > 1:
                raise Refused(describe_several(layout.pages, layout.axes, "iterate_pages", "open_image"))
            if layout.orientation != 1:
                raise Refused("it is shown turned, and so it cannot be read by windows. Write it again as it is shown.")
            check_not_inverted(layout)
            return WindowedImage(path, channels, page or 0)
    return read_image(path, channels, page)


def iterate_images(path: str | Path, channels: Channels = "all") -> Iterator[WindowedImage | np.ndarray]:
    """The pages of a file one by one: arrays as `iterate_pages` gives them, or, where a page does not fit, left in the file."""
    path = Path(path)
    check_file(path)
    with naming_the_file(path):
        layout = layout_of(path)
    if layout is None or layout.for_pillow or fits(layout.largest):
        yield from iterate_pages(path, channels)
        return
    for number in range(layout.pages):
        image = open_image(path, channels, number)
        yield image
        if isinstance(image, WindowedImage):
            image.close()
