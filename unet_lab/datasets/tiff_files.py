"""TIFF as microscopes and programs write it: looked at before it is believed, and read whole, with every number as it is."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tifffile import COMPRESSION, EXTRASAMPLE, PHOTOMETRIC, TiffFile, TiffPage, TiffPageSeries

from unet_lab.datasets.stored_images import Refused, Stored

ALPHA = (EXTRASAMPLE.ASSOCALPHA, EXTRASAMPLE.UNASSALPHA)
GREYS_AND_COLOURS = (PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.RGB, PHOTOMETRIC.PALETTE, PHOTOMETRIC.MASK)
FOR_PILLOW = (PHOTOMETRIC.SEPARATED, PHOTOMETRIC.YCBCR)  # colours to be computed from others, CMYK and YCbCr
LOSSY_COMPRESSIONS = ("JPEG", "JP2000", "WEBP")  # as parts of their names; some have a lossless kind, which cannot be told apart
NAMES_OF_AXES = {"Z": "Z (depth)", "T": "T (time)", "P": "P (position)", "R": "P (position)"}
PREVIEWS = ("Thumbnail", "Label", "Macro")
# No compression makes more of a byte: 1032 in deflate, 2560 in LZW. Others write an empty image in almost nothing.
MOST_FROM_A_BYTE = {COMPRESSION.NONE: 1, COMPRESSION.PACKBITS: 64, COMPRESSION.LZW: 3000}
MOST_FROM_A_BYTE |= {COMPRESSION.ADOBE_DEFLATE: 1100, COMPRESSION.DEFLATE: 1100}


class Layout(NamedTuple):
    """What a TIFF's tags say of all its pages."""

    shape: tuple[int, int]  # of the first image
    pages: int  # images
    channels: int  # of the image that has most
    axes: str  # what the pages are, in words; empty for a single one
    bytes: int  # of all pages together, decoded
    largest: int  # bytes of the largest page
    orientation: int
    lossy: str  # the compression's name where it changes numbers
    has_palette: bool
    lowest_is_white: bool
    for_pillow: bool  # CMYK or YCbCr, which Pillow turns into colours
    no_data: float | None  # the number that means that nothing was measured (GDAL_NODATA)
    kind: str  # of its numbers, as NumPy calls them: "u", "i", "f" or "b"


def tiff_layout(path: Path) -> Layout:
    """What is in a TIFF, from its tags; nothing is decoded.

    Raises Refused for kinds of colour that are not read and for claims that the file is too short for, and whatever tifffile
    raises for a broken file.
    """
    with TiffFile(path, _multifile=False) as file:
        check_chain(file)
        series = image_series(file)
        if not series:
            raise ValueError("no image in it")
        first = series[0].keyframe
        shapes = [shape for one in series for shape in page_shapes(one)]
        if not shapes or not all(height * width for height, width, _ in shapes):
            raise ValueError("no image in it")
        for one in series:
            check_kind(one.keyframe)
            check_claim(one, path.stat().st_size)
        sizes = [h * w * c * np.dtype(one.dtype).itemsize for one in series for h, w, c in page_shapes(one)]
        return Layout(
            shape=shapes[0][:2],
            pages=len(shapes),
            channels=max(channels for *_, channels in shapes),
            axes=describe_axes(series),
            bytes=sum(sizes),
            largest=max(sizes),
            orientation=orientation_of(first),
            lossy=next((c for c in (one.keyframe.compression.name for one in series) if changes_numbers(c)), ""),
            has_palette=any(one.keyframe.photometric == PHOTOMETRIC.PALETTE for one in series),
            lowest_is_white=any(one.keyframe.photometric == PHOTOMETRIC.MINISWHITE for one in series),
            for_pillow=any(is_for_pillow(one.keyframe) for one in series),
            no_data=no_data_of(first),
            kind=np.dtype(first.dtype).kind,
        )


def image_series(file: TiffFile) -> list[TiffPageSeries]:
    """What belongs together in a TIFF, without the smaller copies and the labels that slide scanners add."""
    found = [one for one in file.series if one.name not in PREVIEWS and not (one.keyframe.is_reduced and len(file.series) > 1)]
    if any(page is None for one in found for page in one.pages):
        raise Refused("some of its pages are in other files, or missing. Export it again as one file.")
    return found or list(file.series)


def check_chain(file: TiffFile) -> None:
    """Raises ValueError where the list of pages breaks off: what follows would be left out in silence."""
    end = file.pages.next_page_offset
    if end is None or file.is_imagej or file.is_stk or file.is_lsm:
        return
    file.filehandle.seek(end)
    size = 8 if file.is_bigtiff else 4
    (following,) = struct.unpack(file.byteorder + ("Q" if size == 8 else "I"), file.filehandle.read(size))
    if following != 0:
        raise ValueError(f"after page {len(file.pages)} the list of pages breaks off")


def check_kind(page: TiffPage) -> None:
    """Raises Refused for numbers that are no greys and no colours."""
    if page.photometric not in (*GREYS_AND_COLOURS, *FOR_PILLOW):
        name = getattr(page.photometric, "name", page.photometric)
        raise Refused(f"its colours are {name}; allowed are greys, RGB, CMYK, YCbCr and palettes. Export it as RGB.")
    if page.dtype is None or page.dtype.kind not in "buif":
        raise Refused(f"its numbers are {page.dtype or f'of {page.bitspersample} bits'}; allowed are whole numbers and floats.")


def check_claim(series: TiffPageSeries, size: int) -> None:
    """Raises ValueError where a file of `size` bytes cannot hold as many numbers as its tags claim."""
    is_sparse = 0 in series.keyframe.databytecounts  # tiles that are left out, and are zero
    most = 100_000 if is_sparse else MOST_FROM_A_BYTE.get(series.keyframe.compression, 100_000)
    bits = series.size * series.keyframe.bitspersample
    if bits / 8 > most * size:
        raise ValueError(f"it claims {bits / 8e6:,.0f} MB of pixels, and the file has {size / 1e6:,.2f} MB")


def changes_numbers(compression: str) -> bool:
    return any(part in compression for part in LOSSY_COMPRESSIONS)


def is_for_pillow(page: TiffPage) -> bool:
    """CMYK, and YCbCr that no JPEG decoder has turned into RGB."""
    decoded = page.photometric == PHOTOMETRIC.YCBCR and "JP" in page.compression.name
    return page.photometric in FOR_PILLOW and not decoded


def orientation_of(page: TiffPage) -> int:
    tag = page.tags.get(274)
    return int(tag.value) if tag is not None and isinstance(tag.value, int) else 1


def no_data_of(page: TiffPage) -> float | None:
    """The number that a map's TIFF has where nothing was measured; None where it names none."""
    tag = page.tags.get(42113)
    try:
        return None if tag is None else float(tag.value)
    except (TypeError, ValueError):
        return None


def page_shapes(series: TiffPageSeries) -> list[tuple[int, int, int]]:
    """(height, width, channels) of each image in a series, from its axes: Y, X and S are the image, C its channels."""
    sizes = dict(zip(series.axes, series.shape, strict=True))
    height, width = sizes.pop("Y", 1), sizes.pop("X", 1)
    channels = sizes.pop("S", 1) * sizes.pop("C", 1)
    return [(height, width, channels)] * int(np.prod(list(sizes.values()), dtype=int))


def describe_axes(series: list[TiffPageSeries]) -> str:
    """What the pages of a file are: "3 of T (time), 5 of Z (depth)"; empty where there is one."""
    sizes: Counter = Counter()
    for one in series:
        for axis, length in zip(one.axes, one.shape, strict=True):
            if axis not in "YXCS" and length > 1 and len(series) == 1:
                sizes[NAMES_OF_AXES.get(axis, "an axis without a name")] = length
    return ", ".join(f"{length} of {name}" for name, length in sizes.items())


def tiff_pages(path: Path) -> Iterator[Stored]:
    """Every image in a TIFF, one after the other, of the type that is in the file.

    Axes of time, depth and position are pages; channels (C) and samples (S) come last. MINISWHITE is turned round, in every
    number of bits. Images are as they lie in the file, not turned as its orientation says.
    """
    with TiffFile(path, _multifile=False) as file:
        for series in image_series(file):
            for values in series_images(series):
                yield stored_image(values, series.keyframe)


def stored_image(values: np.ndarray, first: TiffPage) -> Stored:
    """Numbers of a page, in this machine's order of bytes, and what its tags say of them."""
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    if first.photometric == PHOTOMETRIC.MINISWHITE:
        values = inverted(values, first.bitspersample)
    if first.photometric == PHOTOMETRIC.PALETTE and first.colormap is not None and values.ndim == 2:
        return Stored(values, palette=(first.colormap.T >> 8).astype(np.uint8), is_lut=True)
    extra = tuple(first.extrasamples)
    if values.ndim == 3 and extra and extra[-1] in ALPHA and values.shape[2] == first.samplesperpixel:
        rest = values[..., :-1]
        return Stored(rest[..., 0] if rest.shape[2] == 1 else rest, alpha=values[..., -1])
    return Stored(values)


def series_images(series: TiffPageSeries) -> Iterator[np.ndarray]:
    """The images of a series, channels last, each read by itself."""
    for source in image_sources(series):
        if isinstance(source, np.ndarray):
            yield np.array(source)
        else:
            inner = series.axes[len(series.axes) - source[0].keyframe.ndim :]
            parts = [next(separate(page.asarray(), inner)) for page in source]
            yield parts[0] if len(parts) == 1 else np.dstack(parts)


def image_sources(series: TiffPageSeries) -> Iterator[np.ndarray | list]:
    """Where each image of a series lies: a view of the file (nothing is read yet), or the pages that hold its channels."""
    axes, shape = series.axes, series.shape
    over = next(k for k in range(len(axes) + 1) if np.prod(shape[:k], dtype=int) == len(series))  # axes over pages of the file
    if series.dataoffset is not None:
        yield from separate(series.asarray(out="memmap"), axes)
    elif any(axis not in "YXCS" for axis in axes[over:]) or series.keyframe.ndim != len(axes) - over:
        yield from separate(series.asarray(), axes)  # one page holds several images
    else:
        numbers = np.arange(len(series)).reshape(shape[:over])
        channel = axes[:over].find("C")
        numbers = numbers[..., None] if channel < 0 else np.moveaxis(numbers, channel, -1)
        for place in product(*map(range, numbers.shape[:-1])):
            yield [series.pages[int(k)] for k in numbers[place]]


def separate(array: np.ndarray, axes: str) -> Iterator[np.ndarray]:
    """The images (H, W) or (H, W, C) of an array with named axes."""
    order = [k for k, axis in enumerate(axes) if axis not in "YXCS"]
    inner = [axes.index(axis) for axis in "YXCS" if axis in axes]
    array = array.transpose(order + inner)
    sizes = array.shape[len(order) :]
    array = array.reshape(*array.shape[: len(order)], *sizes[:2], int(np.prod(sizes[2:], dtype=int)))  # (…, H, W, C)
    for place in product(*map(range, array.shape[:-3])):
        image = array[place]
        yield image[..., 0] if image.shape[2] == 1 else image


def inverted(image: np.ndarray, bits: int) -> np.ndarray:
    """Min-is-white as min-is-black."""
    if image.dtype == bool:
        return ~image
    if image.dtype.kind == "u":
        return np.array((1 << bits) - 1, image.dtype) - image
    return image.max() + image.min() - image
