"""Rectangles of a TIFF's page, of which no more than the tiles or strips that they touch is read."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from tifffile import TiffFile, TiffPage

from unet_lab.datasets.image_files import check_fits
from unet_lab.datasets.stored_images import Refused, Stored
from unet_lab.datasets.tiff_files import image_series, image_sources, stored_image

KEPT = 64_000_000  # bytes of decoded tiles that are kept, since windows overlap; and of a mapped file before it is mapped anew
MOST_OPEN = 32  # files at once: systems allow a few hundred, and a set may have thousands
MAPPED_AT_ONCE = 65_536  # bytes: so much the system reads into memory where one byte of a mapped file is asked for


opened: OrderedDict[int, weakref.ref[TiffWindows]] = OrderedDict()  # by identity, those read last at the end


class TiffWindows:
    """One page of a TIFF: `stored(rows, columns)` reads a rectangle of it. The file is opened when it is first read."""

    def __init__(self, path: Path, page: int):
        self.path, self.page = path, page
        self.file: TiffFile | None = None
        self.source: Any = None  # a view of the mapped file, or the pages that hold the channels
        self.keyframe: Any = None
        self.open()

    def open(self) -> None:
        """Open the file, and find where the page lies in it."""
        self.close()
        self.file, self.mapped = TiffFile(self.path, _multifile=False), 0
        self.keep_open()
        number = self.page
        for series in image_series(self.file):
            for source in image_sources(series):
                if number == 0:
                    self.source, self.keyframe = source, series.keyframe
                    self.size = tuple(source.shape[:2]) if isinstance(source, np.ndarray) else page_size(source[0])
                    return
                number -= 1
        raise Refused(f"page {self.page} is wanted, and there are {self.page - number}, numbered from 0.")

    def keep_open(self) -> None:
        """Note that this file is in use, and close the one that was not for longest where too many are open."""
        opened[id(self)] = weakref.ref(self)
        opened.move_to_end(id(self))
        while len(opened) > MOST_OPEN:
            _, oldest = opened.popitem(last=False)
            if (windows := oldest()) is not None:
                windows.close()

    def close(self) -> None:
        """Close the file and forget its tiles; the next window opens it again."""
        self.tiles: OrderedDict[tuple[int, int], np.ndarray] = OrderedDict()
        if self.file is not None:
            self.file.close()
        self.file = self.source = self.keyframe = None
        opened.pop(id(self), None)

    def __getstate__(self) -> dict:
        return {"path": self.path, "page": self.page, "size": self.size}

    def __setstate__(self, state: dict) -> None:  # in another process: the file is opened there
        self.__dict__.update(state, file=None, source=None, keyframe=None, tiles=OrderedDict())

    def stored(self, rows: slice, columns: slice) -> Stored:
        """What lies in the file, and what its tags say of it."""
        if self.file is None or self.mapped > KEPT:  # what was read of a mapped file stays in memory until it is unmapped
            self.open()
        self.keep_open()
        if isinstance(self.source, np.ndarray):
            self.mapped += len(range(*rows.indices(self.size[0]))) * min(self.source.strides[0], MAPPED_AT_ONCE)
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
        touched = product(np.unique(rows // high).tolist(), np.unique(columns // wide).tolist(), range(planes))
        check_fits(high * wide * frame.dtype.itemsize * frame.samplesperpixel)  # one strip may be all of an image
        out = np.zeros((len(rows), len(columns), frame.samplesperpixel), frame.dtype)
        for row, column, plane in touched:
            inside = (rows // high == row).nonzero()[0], (columns // wide == column).nonzero()[0]
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


def page_size(page: TiffPage) -> tuple[int, int]:
    return page.keyframe.imagelength, page.keyframe.imagewidth
