"""Image files: read one safely, page by page, as image or as mask; what it is, its content says, not its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from unet_lab.datasets.pillow_files import MOST_PAGES, decoded_size, open_picture, picture_orientation, picture_pages, quiet
from unet_lab.datasets.stored_images import Channels, Refused, Stored, as_image, as_mask
from unet_lab.datasets.tiff_files import Layout, tiff_layout, tiff_pages
from unet_lab.files import free_memory

EXTENSIONS = (".png", ".tif", ".tiff", ".bmp", ".gif", ".jpg", ".jpeg")
LOSSY = (".jpg", ".jpeg")
MOST_PIXELS = 100_000_000  # of a drawing that is made anew: 10,000 x 10,000
DAMAGED = "{} changes greys, so a mask in it is damaged. Export masks as PNG."
ORIENTATIONS = ("shown", "stored")
Pages = str | int


class Header(NamedTuple):
    """What a file says of itself before it is read."""

    orientation: int  # 1: as stored; EXIF's number for how it is turned when shown
    has_palette: bool  # its numbers are indices into a table of colours
    lowest_is_white: bool  # a TIFF's min-is-white, ImageJ's inverting LUT
    axes: str  # what its pages are, e.g. "5 of Z (depth)", where a TIFF names them
    no_data: float | None = None  # the number that means that nothing was measured (a map's GDAL_NODATA)


def read_image(path: str | Path, channels: Channels = "all", page: int | None = None, orientation: str = "shown") -> np.ndarray:
    """Read an image as it is: (H, W) grey, or (H, W, C) where it has colours or channels that differ.

    Parameters
    ----------
    channels : "all"; "grey", the luminance of colours, the mean of other channels; or the numbers of those wanted, e.g. (0, 2).
        By number, transparency is the last channel.
    page : the number of the page wanted, from 0, where the file has several.
    orientation : "shown", turned as the file says that it is shown (a camera's EXIF), or "stored".

    Returns uint8 or uint16; of a TIFF also other whole numbers and floats, as they are in the file. What only shows numbers in
    colours (a TIFF with a palette, a PNG with a smooth one) gives the numbers. Raises FileNotFoundError where there is no such
    file, and ValueError, naming the file, where it is not an image that can be read whole, has several pages and none is chosen,
    does not fit into half of the free memory, has transparent pixels, or lacks a channel that is asked for.
    """
    check_orientation(orientation)
    return one(path, read_pages(path, channels, "all" if page is None else page, orientation), "read_pages", "read_image")


def read_pages(
    path: str | Path, channels: Channels = "all", pages: Pages = "all", orientation: str = "shown"
) -> list[np.ndarray]:
    """Every page of an image file (a TIFF may hold many), (H, W) or (H, W, C); else like `read_image`.

    pages : "all"; the number of the one wanted, from 0; or "channels", where the pages are the channels of one image.
    """
    return list(_pages(path, partial(as_image, channels=channels), pages=pages, orientation=orientation))


def iterate_pages(path: str | Path, channels: Channels = "all") -> Iterator[np.ndarray]:
    """The pages of a TIFF one by one, as `read_pages`, for files whose pages do not fit into memory together.

    Each page must fit, and the file may have any size. A page that is broken raises ValueError when it is its turn.
    """
    yield from _pages(path, partial(as_image, channels=channels), together=False)


def read_mask(
    path: str | Path,
    colours: bool = False,
    channel: str | int | None = None,
    page: int | None = None,
    orientation: str = "shown",
) -> np.ndarray:
    """Read a mask as its maker counted: numbers (H, W), or colours (H, W, 3) uint8, none of them changed.

    colours : what a palette gives: its indices (where it holds nothing but different greys, those), or with True its colours.
    channel : "alpha" where the mask is how opaque each pixel of a painted layer is; or the number of a channel.
    page, orientation : as in `read_image`.

    Colours whose channels are all equal are greys. Raises as `read_image` does, and for JPEG, which changes greys wherever two
    classes meet.
    """
    check_orientation(orientation)
    pages: Pages = "all" if page is None else page
    return one(path, read_mask_pages(path, colours, channel, pages, orientation), "read_mask_pages", "read_mask")


def read_mask_pages(
    path: str | Path,
    colours: bool = False,
    channel: str | int | None = None,
    pages: Pages = "all",
    orientation: str = "shown",
) -> list[np.ndarray]:
    """Every page of a mask file, or the one of a number; else like `read_mask`."""
    convert = partial(as_mask, colours=colours, channel=channel)
    return list(_pages(path, convert, lossless=True, pages=pages, orientation=orientation))


def read_header(path: str | Path) -> Header:
    """What a file says of itself. Raises as `read_image` does."""
    path = Path(path)
    check_file(path)
    with naming_the_file(path):
        layout = layout_of(path)
        if layout is not None:
            return Header(layout.orientation, layout.has_palette, layout.lowest_is_white, layout.axes, layout.no_data)
        with open_picture(path) as picture:
            has_palette = picture.mode == "P"
        return Header(picture_orientation(path), has_palette, False, "")


def decoded_bytes(path: str | Path) -> int:
    """How much memory the pixels of all pages of a file take; nothing is decoded. Raises as `read_image` does."""
    path = Path(path)
    check_file(path)
    with naming_the_file(path):
        layout = layout_of(path)
        if layout is not None and not layout.for_pillow:
            return layout.bytes
        with open_picture(path) as picture:
            return decoded_size(picture) * getattr(picture, "n_frames", 1)


def palette_in_use(path: str | Path) -> dict[int, tuple[int, int, int]]:
    """The indices that occur in a mask with a palette, and the colour of each; empty where it has none."""
    used: dict[int, tuple[int, int, int]] = {}
    for number, palette in _pages(path, lambda stored: (np.unique(stored.values), stored.palette)):
        if palette is not None:
            used |= {int(k): tuple(palette[k].tolist()) for k in number if k < len(palette)}
    return used


def one(path: str | Path, pages: list[np.ndarray], other: str, same: str) -> np.ndarray:
    """The only page. Raises ValueError, with what the pages are, where there are several."""
    if len(pages) > 1:
        raise ValueError(f"{path}: {describe_several(len(pages), read_header(path).axes, other, same)}")
    return pages[0]


def describe_several(count: int, axes: str, other: str, same: str) -> str:
    """Words for a file with several pages where one is wanted, and for the two functions that help."""
    kinds = f" ({axes})" if axes else ""
    return f"{count} pages in one file{kinds}; {other}(path) gives all of them, {same}(path, page=0) the first."


def check_orientation(orientation: str) -> None:
    if orientation not in ORIENTATIONS:
        raise ValueError(f"orientation is {orientation!r}; allowed are 'shown' and 'stored'.")


def _pages(
    path: str | Path,
    convert: Callable[[Stored], np.ndarray],
    lossless: bool = False,
    together: bool = True,
    pages: Pages = "all",
    orientation: str = "shown",
) -> Iterator:
    """One page after the other; `together`: all of them must fit into memory."""
    path = Path(path)
    check_file(path)
    with naming_the_file(path):
        if lossless and path.suffix.lower() in LOSSY:
            raise Refused(DAMAGED.format("JPEG"))
        layout = layout_of(path)
        if lossless and (layout.lossy if layout is not None else is_jpeg(path)):
            raise Refused(DAMAGED.format("WebP" if layout is not None and "WEBP" in layout.lossy else "JPEG"))
        if layout is not None and layout.pages > MOST_PAGES:
            raise Refused(f"more than {MOST_PAGES:,} pages. Cut the file in parts.")
        found = stored_pages(path, layout, together=together and not isinstance(pages, int))
        yield from map(convert, select(found if orientation == "shown" else ((stored, 1) for stored, _ in found), pages))


def stored_pages(path: Path, layout: Layout | None, together: bool) -> Iterator[tuple[Stored, int]]:
    """Each image of a file and how it is turned. Raises Refused, before anything is decoded, for what does not fit."""
    if layout is not None and not layout.for_pillow:
        check_fits(layout.bytes if together else layout.largest)
        yield from ((stored, layout.orientation) for stored in tiff_pages(path))
        return
    sizes: list[int] = []

    def check_page(size: int) -> None:
        sizes.append(size)
        check_fits(sum(sizes) if together else size)

    yield from picture_pages(path, check_page)


def select(found: Iterator[tuple[Stored, int]], pages: Pages) -> Iterator[Stored]:
    """The pages wanted, turned as they are shown. Raises Refused where there is none of that number."""
    shown = (stored.turned(orientation) for stored, orientation in found)
    if pages == "all":
        yield from shown
    elif pages == "channels":
        yield pages_as_channels(list(shown))
    elif isinstance(pages, int | np.integer) and not isinstance(pages, bool) and pages >= 0:
        number = -1
        for number, stored in enumerate(shown):
            if number == pages:
                yield stored
                return
        raise Refused(f"page {pages} is wanted, and there are {number + 1}, numbered from 0.")
    else:
        raise Refused(f"pages is {pages!r}; allowed are 'all', 'channels', and the number of one, from 0 up.")


def pages_as_channels(pages: list[Stored]) -> Stored:
    """The pages of a file as the channels of one image. Raises Refused where they differ in size or type."""
    kinds = {(stored.values.shape, stored.values.dtype) for stored in pages}
    if len(kinds) != 1 or pages[0].values.ndim != 2:
        shapes = ", ".join(sorted({f"{dtype} {shape}" for shape, dtype in kinds}))
        raise Refused(f"pages='channels' needs grey pages of one size and type; these are {shapes}.")
    return Stored(np.dstack([stored.values for stored in pages]))


@contextmanager
def naming_the_file(path: Path) -> Iterator[None]:
    """Whatever fails within, fails with the file's name and what to do."""
    try:
        yield
    except Image.DecompressionBombError:
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise ValueError(f"{path}: more pixels than Pillow reads ({most:,}). Save it as TIFF, which is read by tiles.") from None
    except UnidentifiedImageError:
        raise ValueError(f"{path}: no PNG, TIFF, BMP, GIF or JPEG, whatever its name says. Export it as one of them.") from None
    except Refused as refusal:
        raise ValueError(f"{path}: {refusal}") from None
    except Exception as error:  # a mutilated file can make Pillow and tifffile fail in any way
        reason = str(error).strip() or type(error).__name__
        raise ValueError(f"{path}: the picture is broken or cut short ({reason}). Copy it again from its source.") from None


def check_file(path: Path) -> None:
    """Refuse what is no plain file, before it is opened."""
    try:
        if path.is_dir():
            raise ValueError(f"{path}: this is a folder; give the path of one picture.")
        if not path.exists():
            raise FileNotFoundError(f"{path}: there is no such file. Looked in {path.resolve().parent}.")
        if not path.is_file():
            raise ValueError(f"{path}: this is no plain file (a pipe or a device); give the path of one picture.")
    except FileNotFoundError:
        raise
    except (OSError, RuntimeError) as error:  # too long a name; links in a ring
        raise ValueError(f"{path}: the file cannot be reached ({error}). Give it a shorter name, or another place.") from None


def fits(size: int) -> bool:
    """Whether so many bytes are no more than half of the memory that is free: as much again is needed on the way."""
    return size <= free_memory() / 2


def check_fits(size: int) -> None:
    """Refuse what does not fit into memory."""
    if not fits(size):
        free = free_memory()
        raise Refused(
            f"{size / 1e9:.2f} GB of pixels, and {free / 1e9:.1f} GB of memory are free, of which half may be taken. "
            f"iterate_pages(path) reads page by page; open_image(path) leaves the image in its file and reads what is sliced, as "
            f"predict_tiled(model, open_image(path)) does."
        )


def layout_of(path: Path) -> Layout | None:
    """What a TIFF's tags say; None where it is none, by its first bytes.

    A TIFF that tifffile cannot make sense of is left to Pillow, whose words for broken files are clearer.
    """
    with open(path, "rb") as file:
        if file.read(2) not in (b"II", b"MM"):
            return None
    try:
        with quiet():
            return tiff_layout(path)
    except Refused:
        raise
    except Exception as error:  # a mutilated file can make tifffile fail in any way
        with quiet(), Image.open(path, formats=("TIFF",)) as picture:  # says what is wrong, where it knows
            picture.load()
        raise ValueError(str(error)) from None


def is_jpeg(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(3) == b"\xff\xd8\xff"
