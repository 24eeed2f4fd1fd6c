"""Image files: read one safely, page by page, as image or as mask; write one whole."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from tifffile import TiffWriter

from unet_lab.datasets.tiff_files import Layout, tiff_layout, tiff_pages
from unet_lab.files import write_whole

EXTENSIONS = (".png", ".tif", ".tiff", ".bmp", ".gif", ".jpg", ".jpeg")
LOSSY = (".jpg", ".jpeg")
MOST_PIXELS = 100_000_000  # 10,000 x 10,000; checked before anything is decoded
MOST_PAGES = 5_000
MOST_BYTES = 1_000_000_000
FORMATS = ("PNG", "TIFF", "BMP", "JPEG", "GIF")  # by content: Pillow would open fifty more, some of them with other programs
Channels = str | Sequence[int]


def read_image(path: str | Path, channels: Channels = "all") -> np.ndarray:
    """Read an image as it is: (H, W) grey, or (H, W, C) where it has colours or channels that differ.

    channels : "all"; "grey", the luminance of colours, the mean of other channels; or the numbers of those wanted, e.g. (0, 2).

    Returns uint8 or uint16; of a TIFF also other whole numbers and floats, as they are in the file. Raises FileNotFoundError
    where there is no such file, and ValueError, naming the file, where it is not an image that can be read whole, has several
    pages (`read_pages`), more than 100 million pixels (colour, 16 bit: 50) or 1 GB, has transparent pixels, or lacks a channel
    that is asked for. What a file is, its content says, not its name. A TIFF with a palette (a LUT) gives its indices.
    """
    return one(path, read_pages(path, channels), "read_pages")


def read_pages(path: str | Path, channels: Channels = "all") -> list[np.ndarray]:
    """Every page of an image file (a TIFF may hold many), (H, W) or (H, W, C); else like `read_image`."""
    return list(_pages(path, partial(as_image, channels=channels)))


def iterate_pages(path: str | Path, channels: Channels = "all") -> Iterator[np.ndarray]:
    """The pages of a TIFF one by one, as `read_pages`, for files whose pages do not fit into memory together.

    Each page may have as many pixels as one image may, and the file any size. A page that is broken raises ValueError when it is
    its turn.
    """
    yield from _pages(path, partial(as_image, channels=channels), together=False)


def write_pages(path: str | Path, pages: Iterable[np.ndarray]) -> int:
    """Write masks or images (H, W), uint8 or uint16, as pages of one TIFF, each as soon as it comes. Returns how many.

    Nothing is in `path` before all are written; where you stop, those so far are in path.stopped.tif. Losslessly compressed.
    Raises ValueError for another name, another type or no page.
    """
    path = Path(path)
    if path.suffix.lower() not in (".tif", ".tiff"):
        raise ValueError(f"{path}: several pages go into a TIFF; name it {path.stem}.tif.")
    if path.is_dir():
        raise ValueError(f"{path}: there is a folder of that name. Choose another name.")
    count, stopped = 0, None

    def write(stream) -> None:
        nonlocal count, stopped
        with TiffWriter(stream, bigtiff=True) as file:
            try:
                for page in pages:
                    if page.ndim != 2 or page.dtype not in (np.uint8, np.uint16):
                        raise ValueError(f"page {count} is {page.dtype} {page.shape}; allowed is uint8 or uint16 (H, W).")
                    file.write(page, compression="zlib", photometric="minisblack", contiguous=False, metadata=None)
                    count += 1
            except KeyboardInterrupt as interrupt:
                stopped = interrupt
        if count == 0:
            raise stopped or ValueError(f"{path}: there is no page to write.")

    remains = path.with_suffix(f".stopped{path.suffix}")
    write_whole(remains, write)
    if stopped is None:
        os.replace(remains, path)
    if stopped is not None:
        raise KeyboardInterrupt(f"stopped; pages so far: {count}, in {remains}") from stopped
    return count


def read_mask(path: str | Path) -> np.ndarray:
    """Read a mask as it is seen: grey codes (H, W), uint8 or uint16, or colours (H, W, 3) uint8, none of them changed.

    A palette gives the colours that it shows; colours whose channels are all equal are greys. Raises as `read_image` does, and
    for JPEG, which changes greys wherever two classes meet.
    """
    return one(path, read_mask_pages(path), "read_mask_pages")


def read_mask_pages(path: str | Path) -> list[np.ndarray]:
    """Every page of a mask file; else like `read_mask`."""
    return list(_pages(path, as_mask, lossless=True))


def write_image(path: str | Path, image: np.ndarray) -> None:
    """Write a uint8 or uint16 grey array (H, W) as PNG: complete, or not at all."""
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise ValueError(f"{path}: images and masks are written as PNG, which keeps every grey; name it {path.stem}.png.")
    if image.ndim != 2 or image.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"the image is {image.dtype} {image.shape}; allowed is uint8 or uint16 (H, W).")
    write_whole(path, lambda stream: Image.fromarray(image).save(stream, format="PNG", optimize=True))


def one(path: str | Path, pages: list[np.ndarray], other: str) -> np.ndarray:
    if len(pages) > 1:
        raise ValueError(f"{path}: {len(pages)} pages in one file; {other}(path) gives all of them, as a list.")
    return pages[0]


def _pages(
    path: str | Path, convert: Callable[[Image.Image | np.ndarray], np.ndarray], lossless: bool = False, together: bool = True
) -> Iterator[np.ndarray]:
    """One page after the other; `together`: all of them must fit into memory."""
    path = Path(path)
    check_file(path, MOST_BYTES if together else None)
    damaged = _Refused("JPEG changes greys, so a mask in it is damaged. Export masks as PNG.")
    if lossless and path.suffix.lower() in LOSSY:
        raise ValueError(f"{path}: {damaged}")
    try:
        layout = layout_of(path)
        if layout is not None and lossless and layout.is_lossy:
            raise damaged
        if layout is not None and not layout.is_plain and not (lossless and layout.is_palette):
            check_layout(layout, together)
            yield from map(convert, tiff_pages(path))
            return
        with quiet(), Image.open(path, formats=FORMATS) as picture:
            if lossless and picture.format == "JPEG":
                raise damaged
            check_size(picture, 0)
            picture.verify()  # the check sums of PNG; reading alone does not look at all of them
        with quiet():
            picture = Image.open(path, formats=FORMATS)
        with picture:
            number = pixels = 0
            while True:
                with quiet():
                    if not turn_to(picture, number):
                        return
                    pixels = check_size(picture, pixels if together else 0)
                    page = convert(ImageOps.exif_transpose(picture))
                yield page
                number += 1
                if path.suffix.lower() in LOSSY:
                    return
    except Image.DecompressionBombError:
        raise ValueError(f"{path}: more pixels than allowed ({MOST_PIXELS:,}). Cut it into tiles first.") from None
    except UnidentifiedImageError:
        raise ValueError(f"{path}: no PNG, TIFF, BMP, GIF or JPEG, whatever its name says. Export it as one of them.") from None
    except _Refused as refusal:
        raise ValueError(f"{path}: {refusal}") from None
    except Exception as error:  # a mutilated file can make Pillow fail in any way
        reason = str(error).strip() or type(error).__name__
        raise ValueError(f"{path}: the picture is broken or cut short ({reason}). Copy it again from its source.") from None


@contextmanager
def quiet() -> Iterator[None]:
    """Without Pillow's words about odd metadata, and about sizes that are checked here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def turn_to(picture: Image.Image, number: int) -> bool:
    """Go to a page; False where there are no more."""
    warnings.filterwarnings("error", message="Corrupt EXIF data")  # a page's table is cut off; Pillow would show the one before
    try:
        picture.seek(number)
    except EOFError:
        if number == 0:
            raise
        return False
    if number == MOST_PAGES:
        raise _Refused(f"more than {MOST_PAGES:,} pages. Cut the file in parts.")
    return True


class _Refused(ValueError):
    """Pillow could read it, and we do not."""


def check_file(path: Path, most: int | None) -> None:
    """Refuse what is no plain file of a size that can be read, before it is opened."""
    try:
        if path.is_dir():
            raise ValueError(f"{path}: this is a folder; give the path of one picture.")
        if not path.exists():
            raise FileNotFoundError(f"{path}: there is no such file. Looked in {path.resolve().parent}.")
        if not path.is_file():
            raise ValueError(f"{path}: this is no plain file (a pipe or a device); give the path of one picture.")
        size = path.stat().st_size
    except FileNotFoundError:
        raise
    except (OSError, RuntimeError) as error:  # too long a name; links in a ring
        raise ValueError(f"{path}: the file cannot be reached ({error}). Give it a shorter name, or another place.") from None
    if most is not None and size > most:
        raise ValueError(f"{path}: {size / 1e9:.1f} GB; allowed is {most / 1e9:.0f} GB. Cut it into parts first.")


def check_size(picture: Image.Image, before: int) -> int:
    """Pixels of this page and the `before`; refused before anything is decoded where there are too many."""
    width, height = picture.size
    most = MOST_PIXELS if picture.mode in ("1", "L") else MOST_PIXELS // 2  # colour and 16 bit take more room on the way
    pixels = before + width * height
    if pixels > most:
        pages = " and the pages before it" if before else ""
        raise _Refused(f"{width} x {height} pixels{pages}; allowed are {most:,} in all. Cut it into tiles first.")
    return pixels


def layout_of(path: Path) -> Layout | None:
    """What a TIFF holds; None for every other file. Where it is not plain, Pillow would shrink, wrap, invert or drop some of it.

    A TIFF that tifffile cannot make sense of is left to Pillow, whose words for broken files are clearer.
    """
    with open(path, "rb") as file:
        if file.read(2) not in (b"II", b"MM"):
            return None
    try:
        with quiet():
            layout = tiff_layout(path)
    except Exception:  # a mutilated file can make tifffile fail in any way
        return None
    return None if layout.pages == 0 else layout


def check_layout(layout: Layout, together: bool) -> None:
    """Refuse, before anything is decoded, what is larger than allowed."""
    if layout.pages > MOST_PAGES:
        raise _Refused(f"more than {MOST_PAGES:,} pages. Cut the file in parts.")
    pixels = layout.pixels if together else layout.pixels // layout.pages
    size = pixels * layout.channels * max(layout.bits // 8, 1)
    if size > MOST_BYTES:
        raise _Refused(f"{size / 1e9:.1f} GB of numbers; allowed is {MOST_BYTES / 1e9:.0f} GB. Cut it into tiles first.")


def as_image(page: Image.Image | np.ndarray, channels: Channels) -> np.ndarray:
    """(H, W), or (H, W, C) where the channels differ; only those that are wanted."""
    array = page if isinstance(page, np.ndarray) else image_array(page)
    if array.dtype == bool:
        array = array.astype(np.uint8) * 255
    if array.ndim == 3 and all(np.array_equal(array[..., 0], array[..., k]) for k in range(1, array.shape[2])):
        array = array[..., 0]
    if channels == "all" or (array.ndim == 2 and channels == "grey"):
        return np.ascontiguousarray(array)
    if channels == "grey":
        return luminance(array)
    count = 1 if array.ndim == 2 else array.shape[2]
    wanted = list(channels) if not isinstance(channels, str) else [channels]
    if not wanted or not all(isinstance(k, int | np.integer) and 0 <= k < count for k in wanted):
        raise _Refused(
            f"channels is {channels!r}, and the image has {count}; allowed are 'all', 'grey' and numbers from 0 to {count - 1}."
        )
    array = array.reshape(*array.shape[:2], count)[..., wanted]
    return np.ascontiguousarray(array[..., 0] if len(wanted) == 1 else array)


def image_array(picture: Image.Image) -> np.ndarray:
    """A page that Pillow reads truly: (H, W) greys of 8 or 16 bit, or (H, W, 3) colours."""
    if picture.mode in ("1", "L"):
        return np.array(picture.convert("L"))
    deep = sixteen_bit(picture)
    if deep is not None:
        return deep
    check_opaque(picture)
    return np.array(picture.convert("RGB"))


def luminance(array: np.ndarray) -> np.ndarray:
    """(H, W) grey values of colours, as ITU-R 601 weighs them; of other numbers of channels the mean. The type stays."""
    if array.shape[2] == 3 and array.dtype == np.uint8:
        return np.array(Image.fromarray(array).convert("L"))
    weights = (0.299, 0.587, 0.114) if array.shape[2] == 3 else (1 / array.shape[2],) * array.shape[2]
    grey = array.astype(np.float64) @ np.array(weights)
    return (grey.round() if array.dtype.kind in "ui" else grey).astype(array.dtype)


def as_mask(page: Image.Image | np.ndarray) -> np.ndarray:
    """(H, W) greys as they are, or (H, W, 3) colours where there are any."""
    if isinstance(page, np.ndarray):
        if page.dtype == bool:
            return page.astype(np.uint8) * 255
        return page[..., 0] if page.ndim == 3 and (page == page[..., :1]).all() else page
    colours = image_array(page)
    if colours.ndim == 2:
        return colours
    grey = (colours[..., 0] == colours[..., 1]).all() and (colours[..., 0] == colours[..., 2]).all()
    return colours[..., 0].copy() if grey else colours


def check_opaque(picture: Image.Image) -> None:
    """What lies under transparent pixels is not what was seen when the picture was made."""
    if "A" in picture.getbands() and picture.getchannel("A").getextrema()[0] < 255:
        raise _Refused("some pixels are transparent. Flatten the picture onto a background, and save it without alpha.")


def sixteen_bit(picture: Image.Image) -> np.ndarray | None:
    if picture.mode.startswith("I;16"):
        return np.array(picture).astype(np.uint16)
    if picture.mode == "I":  # how 16-bit PNG files come in some versions of Pillow
        array = np.array(picture)
        if array.min() < 0 or array.max() > 65535:
            raise _Refused("32-bit greys; allowed are 8 and 16 bit. Scale to 0..65535 and save as 16-bit PNG.")
        return array.astype(np.uint16)
    if picture.mode == "F":
        raise _Refused("float greys; allowed are 8 and 16 bit. Scale to 0..65535 and save as 16-bit PNG.")
    return None
