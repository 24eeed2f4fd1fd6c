"""PNG, BMP, GIF and JPEG, read with Pillow; what Pillow would shrink (16-bit colours) with imagecodecs."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import imagecodecs
import numpy as np
from PIL import Image

from unet_lab.datasets.stored_images import Refused, Stored

FORMATS = ("PNG", "TIFF", "BMP", "JPEG", "GIF")  # by content: Pillow would open fifty more, some of them with other programs
MOST_PAGES = 5_000
ORIENTATION = 0x0112  # EXIF's tag
MOST_FROM_A_BYTE = {"PNG": 1100, "GIF": 3000, "BMP": 300, "JPEG": 2000, "TIFF": 100_000}  # no compression makes more of it
DEEP_COLOURS = (2, 4, 6)  # PNG's kinds of colour that Pillow reads in 8 bits where they have 16: RGB, grey and alpha, RGBA


def open_picture(path: Path) -> Image.Image:
    """The picture, not yet decoded. Raises ValueError where it claims more pixels than the file can hold."""
    with quiet():
        picture = Image.open(path, formats=FORMATS)
    width, height = picture.size
    if width * height / 8 > MOST_FROM_A_BYTE[picture.format] * path.stat().st_size:
        picture.close()
        raise ValueError(f"it claims {width} x {height} pixels, and the file has {path.stat().st_size:,} bytes")
    return picture


def picture_orientation(path: Path) -> int:
    """EXIF's number for how the picture is turned when it is shown, 1 where it is not."""
    with open_picture(path) as picture, quiet():
        return int(picture.getexif().get(ORIENTATION, 1))


def picture_pages(path: Path, check_size: Callable[[int], None]) -> Iterator[tuple[Stored, int]]:
    """Every page as it lies in the file, and EXIF's number for how it is turned.

    check_size : called with the bytes that a page will take, before it is decoded.
    """
    with open_picture(path) as picture, quiet():
        check_size(decoded_size(picture))
        picture.verify()  # the check sums of PNG; reading alone does not look at all of them
    with open_picture(path) as picture:
        number = 0
        while True:
            with quiet():
                if not turn_to(picture, number):
                    return
                if number:
                    check_size(decoded_size(picture))
                orientation = int(picture.getexif().get(ORIENTATION, 1))
                stored = deep_colours(path) if number == 0 and has_deep_colours(path) else stored_picture(picture)
            yield stored, orientation
            number += 1
            if picture.format == "JPEG":  # some cameras add a small copy as a second picture
                return


def decoded_size(picture: Image.Image) -> int:
    """Bytes that a page takes in memory: what Pillow holds."""
    sizes = {"1": 1, "L": 1, "P": 1, "I": 4, "F": 4, "LA": 2}
    return picture.width * picture.height * sizes.get(picture.mode, 2 if picture.mode.startswith("I;16") else 4)


def has_deep_colours(path: Path) -> bool:
    """Whether this is a PNG of 16 bits with more than one channel."""
    with open(path, "rb") as file:
        head = file.read(26)
    return head[:8] == b"\x89PNG\r\n\x1a\n" and len(head) == 26 and head[24] == 16 and head[25] in DEEP_COLOURS


def deep_colours(path: Path) -> Stored:
    """A PNG with 16 bits for each of several channels."""
    array = imagecodecs.png_decode(path.read_bytes())  # (H, W, C) uint16
    if array.shape[2] not in (2, 4):
        return Stored(array)
    values = array[..., :-1]
    return Stored(values[..., 0] if values.shape[2] == 1 else values, alpha=array[..., -1])


def stored_picture(picture: Image.Image) -> Stored:
    """The numbers of a page."""
    mode = picture.mode
    if mode.startswith("I;16"):
        return Stored(np.array(picture).astype(np.uint16))
    if mode == "I":  # how 16-bit PNG files come in some versions of Pillow
        array = np.array(picture)
        return Stored(array.astype(np.uint16) if array.min() >= 0 and array.max() <= 65535 else array)
    if mode == "P":
        clear = "transparency" in picture.info
        alpha = np.array(picture.convert("RGBA").getchannel("A")) if clear else None
        return Stored(np.array(picture), alpha, np.array(picture.getpalette("RGB"), np.uint8).reshape(-1, 3))
    if mode in ("1", "L", "F", "RGB"):
        return Stored(np.array(picture))
    if mode in ("LA", "RGBA"):
        array = np.array(picture)
        return Stored(array[..., 0] if mode == "LA" else array[..., :3], alpha=array[..., -1])
    if mode == "LAB":
        raise Refused("its colours are LAB; allowed are greys, RGB, CMYK, YCbCr and palettes. Export it as RGB.")
    return Stored(np.array(picture.convert("RGB")))


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
        raise Refused(f"more than {MOST_PAGES:,} pages. Cut the file in parts.")
    return True
