"""Image files written whole: a PNG, or a TIFF page by page."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image
from tifffile import TiffWriter

from unet_lab.files import replace, write_whole


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
        replace(remains, path)
    if stopped is not None:
        raise KeyboardInterrupt(f"stopped; pages so far: {count}, in {remains}") from stopped
    return count


def write_image(path: str | Path, image: np.ndarray) -> None:
    """Write a uint8 or uint16 grey array (H, W) as PNG: complete, or not at all."""
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise ValueError(f"{path}: images and masks are written as PNG, which keeps every grey; name it {path.stem}.png.")
    if image.ndim != 2 or image.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"the image is {image.dtype} {image.shape}; allowed is uint8 or uint16 (H, W).")
    write_whole(path, lambda stream: Image.fromarray(image).save(stream, format="PNG", optimize=True))
