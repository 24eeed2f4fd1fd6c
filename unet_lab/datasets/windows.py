"""An image that stays in its file: a TIFF of any size, of which only what is sliced is read."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tifffile import TiffFile, TiffPage

from unet_lab.datasets.image_files import (
    check_file,
    check_fits,
    describe_several,
    fits,
    iterate_pages,
    layout_of,
    naming_the_file,
    read_image,
)
from unet_lab.datasets.pillow_files import quiet
from unet_lab.datasets.stored_images import Channels, Refused, as_image, describe_transparency, equal_channels, is_opaque
from unet_lab.datasets.tiff_files import image_series, image_sources, stored_image

KEPT = 64_000_000  # bytes of decoded tiles that are kept, since windows overlap
BLOCK = 1024  # rows and columns that are looked at together, where all of an image must be looked at


class WindowedImage:
    """What `open_image` returns: `shape`, `dtype`, and `image[top:bottom, left:right]`, which reads no more than that.

    Goes where an array goes that is only sliced: `predict_tiled`. Steps are allowed (image[::8, ::8]), and all of them are read
    tile by tile. Equal channels are grey, as in `read_image`, for which a coloured image is read until they differ.
    """

    def __init__(self, path: Path, channels: Channels, page: int):
        self.path, self.channels, self.page = path, channels, page
        self.is_grey = False
        self.open()
        first = self.stored(slice(0, 1), slice(0, 1))
        values = np.atleast_3d(first.values)
        self.is_grey = isinstance(channels, str) and values.shape[2] > 1 and self.has_equal_channels()
        one = self.finished(first)
        self.shape = (*self.size, *one.shape[2:])
        self.dtype, self.ndim = one.dtype, len(self.shape)

    def open(self) -> None:
        """Open the file, and find where the page lies in it."""
        self.file = TiffFile(self.path, _multifile=False)
        number = self.page
        for series in image_series(self.file):
            for source in image_sources(series):
                if number == 0:
                    self.source, self.keyframe = source, series.keyframe
                    self.size = tuple(source.shape[:2]) if isinstance(source, np.ndarray) else page_size(source[0])
                    self.tiles: OrderedDict[tuple[int, int], np.ndarray] = OrderedDict()
                    return
                number -= 1
        raise Refused(f"page {self.page} is wanted, and there are {self.page - number}, numbered from 0.")

    def close(self) -> None:
        self.file.close()

    def __getstate__(self) -> dict:
        return {"path": self.path, "channels": self.channels, "page": self.page}

    def __setstate__(self, state: dict) -> None:  # in another process: the file is opened there
        self.__init__(**state)  # type: ignore[misc]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key) -> np.ndarray:
        rows, columns, *rest = key if isinstance(key, tuple) else (key, slice(None))
        if not (isinstance(rows, slice) and isinstance(columns, slice)):
            raise TypeError(f"an image in a file is sliced by rows and columns, image[0:512, 0:512]; this is {key!r}.")
        with naming_the_file(self.path):
            return self.finished(self.stored(rows, columns))[(slice(None), slice(None), *rest)]

    def stored(self, rows: slice, columns: slice):
        """What lies in the file, and what its tags say of it."""
        if isinstance(self.source, np.ndarray):
            return stored_image(np.array(self.source[rows, columns]), self.keyframe)
        wanted = np.arange(self.size[0])[rows], np.arange(self.size[1])[columns]
        parts = [self.from_page(number, *wanted) for number in range(len(self.source))]
        values = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)
        return stored_image(values[..., 0] if values.shape[2] == 1 else values, self.keyframe)

    def from_page(self, number: int, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Rows and columns (in order) of a page of the file, (rows, columns, samples), from the tiles that hold them."""
        frame = self.keyframe
        planes = frame.samplesperpixel if frame.planarconfig == 2 else 1
        high, wide = (frame.tilelength, frame.tilewidth) if frame.is_tiled else (frame.rowsperstrip, frame.imagewidth)
        down, across = -(-self.size[0] // high), -(-self.size[1] // wide)
        check_fits(high * wide * frame.dtype.itemsize * frame.samplesperpixel)  # one strip may be all of an image
        out = np.zeros((len(rows), len(columns), frame.samplesperpixel), frame.dtype)
        for row, column, plane in np.ndindex(down, across, planes):
            inside = (rows // high == row).nonzero()[0], (columns // wide == column).nonzero()[0]
            if len(inside[0]) and len(inside[1]):
                tile = self.tile(number, (plane * down + row) * across + column)
                part = tile[np.ix_(rows[inside[0]] - row * high, columns[inside[1]] - column * wide)]
                samples = slice(plane, plane + 1) if planes > 1 else slice(None)
                out[inside[0][0] : inside[0][-1] + 1, inside[1][0] : inside[1][-1] + 1, samples] = part
        return out

    def tile(self, number: int, index: int) -> np.ndarray:
        """A decoded tile or strip, (height, width, samples); zeros where the file leaves it out."""
        if (number, index) in self.tiles:
            self.tiles.move_to_end((number, index))
            return self.tiles[number, index]
        page, handle = self.source[number], self.file.filehandle
        handle.seek(page.dataoffsets[index])
        length = page.databytecounts[index]  # 0 where the file leaves the tile out
        content = handle.read(length) if length else None
        if content is not None and len(content) < length:
            raise ValueError(f"tile {index} lies beyond the end of the file")
        tables = self.keyframe.jpegtables
        decoded, _, shape = self.keyframe.decode(content, index, jpegtables=tables)
        if decoded is None:
            decoded = np.full(shape, self.keyframe.nodata, self.keyframe.dtype)
        found = decoded[0]  # (height, width, samples)
        self.tiles[number, index] = found
        while len(self.tiles) > 1 and sum(tile.nbytes for tile in self.tiles.values()) > KEPT:
            self.tiles.popitem(last=False)
        return found

    def finished(self, stored) -> np.ndarray:
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
        for top in range(0, self.size[0], BLOCK):
            for left in range(0, self.size[1], BLOCK):
                if not equal_channels(self.stored(slice(top, top + BLOCK), slice(left, left + BLOCK)).values):
                    return False
        return True


def page_size(page: TiffPage) -> tuple[int, int]:
    return page.keyframe.imagelength, page.keyframe.imagewidth


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
