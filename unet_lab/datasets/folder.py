"""Image files: read one safely, or pair up a folder of images with a folder of masks."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from unet_lab.datasets.masks import MASK_CODES, encode_mask
from unet_lab.datasets.pairs import Pair, SegmentationDataset

EXTENSIONS = (".png", ".tif", ".tiff", ".bmp", ".jpg", ".jpeg")
MOST_PIXELS = 100_000_000  # 10,000 x 10,000; checked before anything is decoded
DATA = Path(__file__).resolve().parents[2] / "data"


def read_image(path: str | Path) -> np.ndarray:
    """Read a picture as a grey array (H, W), uint8 or uint16; colour becomes its luminance.

    Raises FileNotFoundError where there is no such file, and ValueError, naming the file, where it is not a picture
    that can be read whole, has more than 100 million pixels, or holds floats.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such file. Looked in {path.resolve().parent}.")
    if path.is_dir():
        raise ValueError(f"{path}: this is a folder; give the path of one picture.")
    try:
        with Image.open(path) as picture:
            width, height = picture.size
            if width * height > MOST_PIXELS:
                raise ValueError(f"{width} x {height} pixels; allowed are {MOST_PIXELS:,}. Cut it into tiles first.")
            if picture.mode.startswith("I;16"):
                return np.array(picture).astype(np.uint16)
            if picture.mode == "I":  # how 16-bit PNG files come in some versions of Pillow
                array = np.array(picture)
                if array.min() < 0 or array.max() > 65535:
                    raise ValueError("32-bit greys; allowed are 8 and 16 bit.")
                return array.astype(np.uint16)
            if picture.mode == "F":
                raise ValueError("float greys; allowed are 8 and 16 bit. Scale to 0..65535 and save as 16-bit PNG.")
            if picture.mode in ("1", "L"):
                return np.array(picture.convert("L"))
            return np.array(picture.convert("RGB").convert("L"))
    except Image.DecompressionBombError:
        raise ValueError(f"{path}: more pixels than allowed ({MOST_PIXELS:,}). Cut it into tiles first.") from None
    except UnidentifiedImageError:
        raise ValueError(f"{path}: not a picture that Pillow knows. Allowed are {', '.join(EXTENSIONS)}.") from None
    except (OSError, SyntaxError, EOFError) as error:
        raise ValueError(f"{path}: the picture is broken or cut short ({error}). Copy it again from its source.") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def write_image(path: str | Path, image: np.ndarray) -> None:
    """Write a uint8 or uint16 grey array (H, W) as PNG: complete, or not at all."""
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise ValueError(f"{path}: images and masks are written as PNG, which keeps every grey; name it {path.stem}.png.")
    if image.ndim != 2 or image.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"the image is {image.dtype} {image.shape}; allowed is uint8 or uint16 (H, W).")
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".png")
    try:
        with os.fdopen(handle, "wb") as stream:
            Image.fromarray(image).save(stream, format="PNG", optimize=True)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def find_codes(masks: str | Path) -> tuple[int, ...]:
    """The greys that occur in a folder's masks, darkest first: look at them before you choose the codes."""
    greys: set[int] = set()
    for path in _pictures(Path(masks)):
        greys |= set(np.unique(read_image(path)).tolist())
    return tuple(sorted(greys))


def load_folder(images: str | Path, masks: str | Path, codes: Sequence[int] | None = None) -> SegmentationDataset:
    """Every image in one folder with the mask of the same name (whatever its extension) in another.

    Parameters
    ----------
    images, masks : two folders of PNG, TIFF or BMP files; images may be JPEG, masks may not.
    codes : the grey of class 0, of class 1, …, e.g. (0, 255). Never guessed: left out, the error shows the greys found.

    Returns
    -------
    SegmentationDataset with one class per code, in the order of the names; `source` is the image's name.

    Raises FileNotFoundError for a missing folder; ValueError for an image without a mask, a mask without an image, two
    files of one name, a JPEG mask, sizes that differ, greys without a code; each names the file.
    """
    image_files, mask_files = _by_stem(Path(images)), _by_stem(Path(masks))
    alone = sorted(image_files.keys() ^ mask_files.keys())
    if alone:
        missing = "mask" if alone[0] in image_files else "image"
        has = image_files.get(alone[0]) or mask_files[alone[0]]
        raise ValueError(
            f"{has}: no {missing} of the same name ({len(alone)} such file{'s' if len(alone) > 1 else ''}). "
            f"Name image and mask alike, e.g. 07.png in both folders."
        )
    if codes is None:
        found = find_codes(masks)
        shown = ", ".join(map(str, found[:10])) + (" …" if len(found) > 10 else "")
        raise ValueError(
            f"{masks}: which grey means which class? The masks hold the greys {shown}. Give one per class, the "
            f"background first: load_folder(images, masks, codes={found[:3]})."
        )
    pairs = []
    for stem, path in image_files.items():
        mask_file = mask_files[stem]
        if mask_file.suffix.lower() in (".jpg", ".jpeg"):
            raise ValueError(f"{mask_file}: JPEG changes greys, so a mask in it is damaged. Export masks as PNG.")
        try:
            mask = encode_mask(read_image(mask_file), codes)
        except ValueError as error:
            raise ValueError(str(error) if str(mask_file) in str(error) else f"{mask_file}: {error}") from None
        pairs.append(Pair(read_image(path), mask, path.name))
    return SegmentationDataset(pairs, num_classes=len(codes))


def load_cells() -> SegmentationDataset:
    """The 40 generated cells that are stored with the course, as real files: `data/cells/images` and `masks`."""
    return load_folder(DATA / "cells" / "images", DATA / "cells" / "masks", MASK_CODES)


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: there is no such folder. Looked in {folder.resolve().parent}.")
    files = sorted(f for f in folder.iterdir() if f.suffix.lower() in EXTENSIONS and not f.name.startswith("."))
    if not files:
        raise ValueError(f"{folder}: no pictures in it. Allowed are files that end in {', '.join(EXTENSIONS)}.")
    return files


def _by_stem(folder: Path) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for path in _pictures(folder):
        if path.stem in files:
            raise ValueError(f"{path}: a second file named {path.stem} ({files[path.stem].name}). Keep one of them.")
        files[path.stem] = path
    return files
