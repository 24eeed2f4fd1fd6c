"""The images and masks of files that stay there: windows of a TIFF where it has some, else the whole, read anew."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unet_lab.datasets.image_files import (
    DAMAGED,
    Pages,
    check_file,
    decoded_bytes,
    fits,
    layout_of,
    naming_the_file,
    read_mask_pages,
    read_pages,
)
from unet_lab.datasets.in_file import InFile, WholeFile
from unet_lab.datasets.lazy_masks import LazyMask, MaskFile, RawMaskWindows
from unet_lab.datasets.masks import Codes, are_colours
from unet_lab.datasets.stored_images import Channels, Refused
from unet_lab.datasets.windows import WindowedImage


class Reading(NamedTuple):
    """How the files of a set are read, where it is not all as usual."""

    channels: Channels = "all"
    pages: Pages = "all"
    mask_channel: str | int | None = None
    orientation: str = "shown"


AS_USUAL = Reading()


def lazy_images(path: Path, how: Reading) -> list[InFile]:
    """The images in a file, one for each page wanted."""
    numbers = pages_by_windows(path, how)
    if numbers is not None:
        return [WindowedImage(path, how.channels, number) for number in numbers]
    given = (path, how.channels, how.pages, how.orientation)
    found = read_pages(*given)
    return [WholeFile(partial(page_of_image, *given, number=number), page) for number, page in enumerate(found)]


def page_of_image(*given, number: int) -> np.ndarray:
    """One page of what `read_pages` gives."""
    return read_pages(*given)[number]


def lazy_masks(path: Path, codes: Codes, how: Reading) -> list[LazyMask]:
    """The masks in a file, class indices, one for each page wanted; a file with a single page has it for each."""
    numbers = pages_by_windows(path, how, is_mask=True)
    if numbers is not None:
        raws: list[InFile] = [RawMaskWindows(path, number, codes, how.mask_channel) for number in numbers]
    else:
        given = (path, are_colours(codes), how.mask_channel, pages_of_mask(path, how), how.orientation)
        found = read_mask_pages(*given)
        raws = [WholeFile(partial(page_of_mask, *given, number=number), page) for number, page in enumerate(found)]
    return [MaskFile(path, raw, codes) for raw in raws]


def page_of_mask(*given, number: int) -> np.ndarray:
    """One page of what `read_mask_pages` gives."""
    return read_mask_pages(*given)[number]


def pages_of_mask(path: Path, how: Reading) -> Pages:
    """The pages wanted of a mask's file; where it has one only, that one, whatever page of the image is wanted."""
    if not isinstance(how.pages, int):
        return "all"
    layout = layout_of(path)
    return how.pages if layout is None or layout.pages > 1 else "all"


def pages_by_windows(path: Path, how: Reading, is_mask: bool = False) -> list[int] | None:
    """The numbers of the pages of a TIFF that can be read by windows; None for a file that is read whole."""
    check_file(path)
    with naming_the_file(path):
        layout = layout_of(path)
        if layout is None or layout.for_pillow or (how.pages == "channels" and not is_mask):
            return None
        if layout.orientation != 1 and how.orientation == "shown":
            return None
        if layout.lowest_is_white and layout.kind not in "ub":
            return None
        if is_mask and layout.lossy:
            raise Refused(DAMAGED.format("WebP" if "WEBP" in layout.lossy else "JPEG"))
    pages = pages_of_mask(path, how) if is_mask else how.pages
    return [pages] if isinstance(pages, int) else list(range(layout.pages))


def fit_together(files: list[Path]) -> bool:
    """Whether the pixels of all files together are no more than half of the free memory."""
    return fits(sum(decoded_bytes(file) for file in files))
