"""Picture files: read one safely, page by page, as grey image or as mask; write one whole."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from unet_lab.files import write_whole

EXTENSIONS = (".png", ".tif", ".tiff", ".bmp", ".jpg", ".jpeg")
LOSSY = (".jpg", ".jpeg")
MOST_PIXELS = 100_000_000  # 10,000 x 10,000; checked before anything is decoded
MOST_PAGES = 5_000


def read_image(path: str | Path) -> np.ndarray:
    """Read a picture as a grey array (H, W), uint8 or uint16; colour becomes its luminance.

    Raises FileNotFoundError where there is no such file, and ValueError, naming the file, where it is not a picture
    that can be read whole, has several pages (`read_pages`) or more than 100 million pixels, or holds floats.
    """
    return _one(path, read_pages(path), "read_pages")


def read_pages(path: str | Path) -> list[np.ndarray]:
    """Every page of a picture file (a TIFF may hold many) as a grey array (H, W); else like `read_image`."""
    return _pages(path, _grey)


def read_mask(path: str | Path) -> np.ndarray:
    """Read a mask as it is seen: grey codes (H, W), uint8 or uint16, or colours (H, W, 3) uint8, none of them changed.

    A palette gives the colours that it shows; colours whose channels are all equal are greys. Raises as `read_image` does, and
    for JPEG, which changes greys wherever two classes meet.
    """
    return _one(path, read_mask_pages(path), "read_mask_pages")


def read_mask_pages(path: str | Path) -> list[np.ndarray]:
    """Every page of a mask file; else like `read_mask`."""
    path = Path(path)
    if path.suffix.lower() in LOSSY:
        raise ValueError(f"{path}: JPEG changes greys, so a mask in it is damaged. Export masks as PNG.")
    return _pages(path, _codes)


def write_image(path: str | Path, image: np.ndarray) -> None:
    """Write a uint8 or uint16 grey array (H, W) as PNG: complete, or not at all."""
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise ValueError(f"{path}: images and masks are written as PNG, which keeps every grey; name it {path.stem}.png.")
    if image.ndim != 2 or image.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"the image is {image.dtype} {image.shape}; allowed is uint8 or uint16 (H, W).")
    write_whole(path, lambda stream: Image.fromarray(image).save(stream, format="PNG", optimize=True))


def _one(path: str | Path, pages: list[np.ndarray], other: str) -> np.ndarray:
    if len(pages) > 1:
        raise ValueError(f"{path}: {len(pages)} pages in one file; {other}(path) gives all of them, as a list.")
    return pages[0]


def _pages(path: str | Path, convert: Callable[[Image.Image], np.ndarray]) -> list[np.ndarray]:
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such file. Looked in {path.resolve().parent}.")
    if path.is_dir():
        raise ValueError(f"{path}: this is a folder; give the path of one picture.")
    try:
        with warnings.catch_warnings(), Image.open(path) as picture:
            warnings.simplefilter("ignore")  # Pillow's words about odd metadata, and about sizes that are checked here
            count = 1 if path.suffix.lower() in LOSSY else getattr(picture, "n_frames", 1)
            if count > MOST_PAGES:
                raise ValueError(f"{count} pages; allowed are {MOST_PAGES:,}. Cut the file in parts.")
            pages = []
            for number in range(count):
                picture.seek(number)
                width, height = picture.size
                if width * height * count > MOST_PIXELS:
                    each = f"{count} pages of " if count > 1 else ""
                    raise ValueError(f"{each}{width} x {height} pixels; allowed are {MOST_PIXELS:,}. Cut it into tiles first.")
                pages.append(convert(ImageOps.exif_transpose(picture)))
            return pages
    except Image.DecompressionBombError:
        raise ValueError(f"{path}: more pixels than allowed ({MOST_PIXELS:,}). Cut it into tiles first.") from None
    except UnidentifiedImageError:
        raise ValueError(f"{path}: not a picture that Pillow knows. Allowed are {', '.join(EXTENSIONS)}.") from None
    except (OSError, SyntaxError, EOFError) as error:
        raise ValueError(f"{path}: the picture is broken or cut short ({error}). Copy it again from its source.") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _grey(picture: Image.Image) -> np.ndarray:
    """(H, W) uint8 or uint16 luminance."""
    if picture.mode in ("1", "L"):
        return np.array(picture.convert("L"))
    deep = _sixteen_bit(picture)
    return np.array(picture.convert("RGB").convert("L")) if deep is None else deep


def _codes(picture: Image.Image) -> np.ndarray:
    """(H, W) greys as they are, or (H, W, 3) colours where there are any."""
    if picture.mode in ("1", "L"):
        return np.array(picture.convert("L"))
    deep = _sixteen_bit(picture)
    if deep is not None:
        return deep
    colours = np.array(picture.convert("RGB"))
    grey = (colours[..., 0] == colours[..., 1]).all() and (colours[..., 0] == colours[..., 2]).all()
    return colours[..., 0].copy() if grey else colours


def _sixteen_bit(picture: Image.Image) -> np.ndarray | None:
    if picture.mode.startswith("I;16"):
        return np.array(picture).astype(np.uint16)
    if picture.mode == "I":  # how 16-bit PNG files come in some versions of Pillow
        array = np.array(picture)
        if array.min() < 0 or array.max() > 65535:
            raise ValueError("32-bit greys; allowed are 8 and 16 bit.")
        return array.astype(np.uint16)
    if picture.mode == "F":
        raise ValueError("float greys; allowed are 8 and 16 bit. Scale to 0..65535 and save as 16-bit PNG.")
    return None
