"""TIFF as microscopes and programs write it: looked at before it is believed, and read whole, with every number as it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tifffile import EXTRASAMPLE, PHOTOMETRIC, TiffFile, TiffPage, TiffPageSeries

PLAIN = (PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.RGB, PHOTOMETRIC.YCBCR)


class Layout(NamedTuple):
    """What a TIFF's tags say of all its pages."""

    shape: tuple[int, ...]  # of the first page as it lies in the file
    pages: int
    pixels: int  # of all pages together, channels not counted
    channels: int
    bits: int
    is_lossy: bool  # compressed as JPEG
    is_palette: bool  # indices into a table of colours
    is_plain: bool  # greys of 1, 8 or 16 bits, or RGB of 8 bits, each page an image: Pillow reads it truly


def tiff_layout(path: Path) -> Layout:
    """What is in a TIFF, from its tags; nothing is decoded. Raises whatever tifffile raises for a broken file."""
    with TiffFile(path) as file:
        first = file.pages[0]
        assert isinstance(first, TiffPage)
        pages = [shape for series in file.series for shape in page_shapes(series)]
        virtual = len(pages) != len(file.pages)  # ImageJ keeps a large stack behind its first page
        alpha = tuple(first.extrasamples) in ((EXTRASAMPLE.ASSOCALPHA,), (EXTRASAMPLE.UNASSALPHA,))
        colours = first.samplesperpixel - len(first.extrasamples)
        plain = first.photometric in PLAIN and first.sampleformat == 1 and first.planarconfig == 1 and not virtual
        plain = (
            plain and (not first.extrasamples or alpha) and (colours, first.bitspersample) in ((1, 1), (1, 8), (1, 16), (3, 8))
        )
        palette, lossy = first.photometric == PHOTOMETRIC.PALETTE, "JPEG" in first.compression.name
        pixels = sum(height * width for height, width, _ in pages)
        return Layout(
            first.shape, len(pages), pixels, max((c for *_, c in pages), default=1), first.bitspersample, lossy, palette, plain
        )


def page_shapes(series: TiffPageSeries) -> list[tuple[int, int, int]]:
    """(height, width, channels) of each image in a series, from its axes: Y, X and S are the image, C its channels."""
    sizes = dict(zip(series.axes, series.shape, strict=True))
    height, width = sizes.pop("Y", 1), sizes.pop("X", 1)
    channels = sizes.pop("S", 1) * sizes.pop("C", 1)
    return [(height, width, channels)] * int(np.prod(list(sizes.values()), dtype=int))


def tiff_pages(path: Path) -> Iterator[np.ndarray]:
    """Every image in a TIFF, (H, W) or (H, W, C), one after the other, of the type that is in the file.

    Axes of time, depth and position are pages; channels (C) and samples (S) come last. MINISWHITE is turned round, in every
    number of bits; a palette gives its indices.
    """
    with TiffFile(path) as file:
        for series in file.series:
            first = series.keyframe
            lowest_is_white = first.photometric == PHOTOMETRIC.MINISWHITE
            for page in series_images(series):
                yield inverted(page, first.bitspersample) if lowest_is_white else page


def series_images(series: TiffPageSeries) -> Iterator[np.ndarray]:
    """The images of a series, channels last, each by itself where the file keeps each by itself."""
    axes = series.axes
    if axes in ("YX", "YXS") or len(series) == len(page_shapes(series)):  # a page of the file for each image
        for page in series:
            array = page.asarray()
            yield np.moveaxis(array, 0, -1) if array.ndim == 3 and page.planarconfig == 2 else array
        return
    array, axes = series.asarray(), list(axes)
    order = [k for k, axis in enumerate(axes) if axis not in "YXCS"]
    order += [axes.index(axis) for axis in "YXCS" if axis in axes]
    array = array.transpose(order)
    sizes = array.shape[len(order) - sum(axis in axes for axis in "YXCS") :]
    flat = array.reshape(-1, *sizes[:2], int(np.prod(sizes[2:], dtype=int)))  # (pages, H, W, C)
    for image in flat:
        yield image[..., 0] if image.shape[2] == 1 else image


def inverted(image: np.ndarray, bits: int) -> np.ndarray:
    """Min-is-white as min-is-black."""
    if image.dtype == bool:
        return ~image
    if image.dtype.kind == "u":
        return np.array((1 << bits) - 1, image.dtype) - image
    return image.max() + image.min() - image
