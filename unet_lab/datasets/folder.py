"""A folder of images and a folder of masks: which belongs to which, and which code means which class."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from unet_lab.datasets.code_table import find_codes
from unet_lab.datasets.image_files import LOSSY, Pages, check_orientation, read_header, read_mask_pages, read_pages
from unet_lab.datasets.lazy_dataset import LazyDataset
from unet_lab.datasets.lazy_files import AS_USUAL, Reading, fit_together, lazy_images, lazy_masks
from unet_lab.datasets.lazy_masks import MergedMask
from unet_lab.datasets.masks import MASK_CODES, Codes, are_colours, encode_mask
from unet_lab.datasets.merging import Merge, by_page, class_of_file, class_of_page, classes_after, unite
from unet_lab.datasets.names import slide_of
from unet_lab.datasets.pairing import Match, pair_files
from unet_lab.datasets.pairs import Pair, SegmentationDataset
from unet_lab.datasets.set_of_files import (
    check_masks_agree,
    describe_tiles,
    describe_turned,
    grey_among_colours,
    group_adjoining,
    in_colour,
    turned_files,
)
from unet_lab.datasets.stored_images import Channels
from unet_lab.files import DATA


def load_folder(
    images: str | Path,
    masks: str | Path,
    codes: Codes | None = None,
    channels: Channels = "all",
    group: str | Callable[[Path], str] | None = None,
    merge: Merge = None,
    pages: Pages = "all",
    mask_channel: str | int | None = None,
    orientation: str = "shown",
    lazy: bool | None = None,
) -> SegmentationDataset:
    r"""Every image of one folder with its mask in another, paired by `pair_files`; the rule is printed, with examples.

    Parameters
    ----------
    images, masks : two folders of PNG, TIFF or BMP files, two patterns, or two stacks; images may be JPEG, masks may not. Each
        page of a TIFF is a sample; image and mask then have as many pages.
    codes : the grey of class 0, of class 1, …, e.g. (0, 255), or colours, or a mapping from code to class, as `encode_mask` takes
        them; of masks with a palette its indices or its colours. Never guessed: left out, the error shows the codes found, and
        `propose_codes` says more.
    channels : as `read_image` takes them: "all", "grey", or numbers such as (0, 2).
    group : what `split` must not tear apart (slide, dish, patient): a pattern in the file's path, e.g. r"(dish[0-9]+)_", or a
        function of the path; left out, the file with all its pages, and tiles of one image: by names that end with their place
        (_x512_y0), or because they continue across their edges.
    merge : where an image has several masks, files or pages. "union": one for each object; a pixel gets the highest class that
        any of them gives it, and IGNORE only where all others say background. {"nucleus": 2, "cell": 1}: each has a class, told
        by a word in its file's name or its folder's; {0: 1, 1: 2}: told by the number of its page. Where two overlap, the higher.
    pages : "all": each page is a sample; a number: that page of each file, such as one plane of a stack; "channels": the pages
        of an image are its channels.
    mask_channel : "alpha" where the mask is how opaque a painted layer is; or the number of a channel of the mask's file.
    orientation : "shown", turned as a camera's EXIF says; "stored" where the masks were drawn on the pixels as they are stored.
    lazy : True leaves all in its files (`LazyDataset`): `fit(…, patch=256)` then reads windows, so that slides larger than the
        memory are learnt from, the same patches as from memory. None does so where all would take half of the free memory.

    Returns
    -------
    SegmentationDataset with one class per code, in the order of the names; `source` is the image's name, `group` as above.

    Raises FileNotFoundError for a missing folder; ValueError for an image without a mask, a mask without an image, two files of
    one name, several masks of an image without `merge`, a JPEG mask, sizes or pages that differ, greys without a code, masks in
    which a number does not mean the same (palettes that differ, min-is-white in some); each names the file.
    """
    how_read = Reading(channels, pages, mask_channel, orientation)
    dataset, how = read_folders(images, masks, codes, how_read, group, merge, lazy)
    print(how)
    return dataset


def read_folders(
    images: str | Path,
    masks: str | Path,
    codes: Codes | None,
    how: Reading = AS_USUAL,
    group: str | Callable[[Path], str] | None = None,
    merge: Merge = None,
    lazy: bool | None = False,
) -> tuple[SegmentationDataset, str]:
    """What `load_folder` returns, and what it prints."""
    check_orientation(how.orientation)
    if isinstance(codes, int | str):
        raise ValueError(f"codes is {codes!r}; give one per class, the background first, codes=(0, 255), or {{code: class}}.")
    matches, rule = pair_files(images, masks, merge)
    mask_files = [file for match in matches for file in match.masks]
    for mask_file in mask_files:
        if mask_file.suffix.lower() in LOSSY:
            read_mask_pages(mask_file)  # says why not
    if codes is None:
        found = find_codes(mask_files)
        shown = ", ".join(map(str, found[:10])) + (" …" if len(found) > 10 else "")
        raise ValueError(
            f"{masks}: which grey means which class? The masks hold the greys {shown}. Give one per class, the "
            f"background first: load_folder(images, masks, codes={found[:3]})."
        )
    check_masks_agree(mask_files, by_colour=are_colours(codes) or how.mask_channel is not None)
    names = distinct_names([match.image for match in matches])
    if lazy is None:
        lazy = not fit_together([match.image for match in matches] + mask_files)
    pairs: list[Pair] = []
    for match, name in zip(matches, names, strict=True):
        belongs = (slide_of(name) or name) if group is None else group_of(match.image, group)
        pairs.extend(read_match(match, name, belongs, codes, how, merge, lazy))
    tiles = ""
    if group is None:
        pairs, tiles = group_adjoining(pairs)
    grey = grey_among_colours(pairs) if how.channels == "all" else ()
    pairs = [in_colour(pair) if number in grey else pair for number, pair in enumerate(pairs)]
    dataset = (LazyDataset if lazy else SegmentationDataset)(pairs, classes_after(merge, codes))
    shown = ", ".join(f"{name} with {describe_masks(match)}" for match, name in zip(matches[:3], names, strict=False))
    more = f" and {len(matches) - 3} more" if len(matches) > 3 else ""
    what = f"{len(dataset)} images, {dataset.channels} channel(s), {dataset.num_classes} classes."
    if lazy:
        what += " They stay in their files, and fit(…, patch=256) reads windows of them."
    if grey:
        what += f" Grey among colours, their grey taken for all three channels: {len(grey)}, the first {pairs[grey[0]].source}."
    if group is None:
        what += describe_tiles(names) + tiles
    if how.orientation == "shown":
        what += describe_turned(turned_files(match.image for match in matches))
    return dataset, f"Paired by {rule}: {shown}{more}. {what}"


def describe_masks(match: Match) -> str:
    """The name of a match's mask, and how many others it has."""
    return match.mask.name + (f" and {len(match.others)} more" if match.others else "")


def distinct_names(files: Sequence[Path]) -> list[str]:
    """The names of files, with as many of their folders as it takes to tell them apart."""
    depth = 1
    while len({file.parts[-depth:] for file in files}) < len(set(files)):
        depth += 1
    return [Path(*file.parts[-depth:]).as_posix() for file in files]


def read_match(
    match: Match,
    name: str,
    group: str,
    codes: Codes,
    how: Reading = AS_USUAL,
    merge: Merge = None,
    lazy: bool = False,
) -> Iterator[Pair]:
    """The pairs of an image's pages and its masks'. Raises ValueError, with the file, where pages, sizes or codes do not fit."""
    if lazy:
        pictures, masks = lazy_images(match.image, how), [lazy_masks(file, codes, how) for file in match.masks]
    else:
        pictures = read_pages(match.image, how.channels, how.pages, how.orientation)
        masks = [read_indices(file, codes, how) for file in match.masks]
    classes = [class_of_file(file, match.image, merge) for file in match.masks]
    if by_page(merge) and len(pictures) == 1:  # a page for each object or class
        numbered = [(file, pages, n) for file, pages in zip(match.masks, masks, strict=True) for n in range(len(pages))]
        classes = [class_of_page(n, len(pages), file, merge) for file, pages, n in numbered]
        masks = [[pages[n]] for _, pages, n in numbered]
    for pages, file in zip(masks, match.masks, strict=False):
        if len(pages) != len(pictures):
            raise ValueError(f"{match.image}: {describe_pages(match.image, pictures, file, pages)}")
    for number, picture in enumerate(pictures):
        of_page = [pages[number] for pages in masks]
        for mask in of_page:
            if picture.shape[:2] != mask.shape:
                raise ValueError(f"{match.image}: {describe_sizes(match.image, picture, mask)}")
        combine = partial(unite, classes=classes)
        source = name if len(pictures) == 1 else f"{name} page {number + 1}"
        yield Pair(picture, MergedMask(of_page, combine) if lazy else combine(of_page), source, group)


def describe_pages(image: Path, pictures: Sequence[np.ndarray], file: Path, masks: Sequence[np.ndarray]) -> str:
    """Words for an image and a mask with other numbers of pages, and what may help."""
    axes = read_header(image).axes
    have = f"{len(pictures)} pages{f' ({axes})' if axes else ''}, and {file.name} has {len(masks)}"
    if len(masks) == 1 and masks[0].shape == (len(pictures), pictures[0].shape[0]):
        return (
            f"{have}. Rows of an image of {pictures[0].shape[1]} channels seem to have been written as pages. Write it again: "
            f"tifffile.imwrite(path, tifffile.imread(path), photometric='minisblack', planarconfig='contig')."
        )
    return (
        f"{have}; there must be one mask for each page. pages=0 takes the first page of each file (one plane of a stack), "
        f"pages='channels' takes the pages of an image for its channels, merge='union' unites a mask's pages of single objects, "
        f"and merge={{0: 1, 1: 2}} makes a class of each."
    )


def describe_sizes(image: Path, picture: np.ndarray, mask: np.ndarray) -> str:
    """Words for an image and a mask of other sizes."""
    sizes = f"{picture.shape[0]} x {picture.shape[1]}, and its mask {mask.shape[0]} x {mask.shape[1]}"
    words = f"the image is {sizes}; they must be the same."
    if picture.shape[:2] == mask.shape[::-1] and read_header(image).orientation > 4:
        return f"{words} The file says that it is shown turned (EXIF); orientation='stored' reads it as the mask was drawn."
    return f"{words} Export them at one size."


def read_raw_masks(file: Path, codes: Codes | None, how: Reading = AS_USUAL) -> list[np.ndarray]:
    """The greys, indices or colours of each page wanted of a mask file."""
    pages = read_mask_pages(file, are_colours(codes), how.mask_channel, orientation=how.orientation)
    if isinstance(how.pages, int) and len(pages) > 1:
        pages = read_mask_pages(file, are_colours(codes), how.mask_channel, how.pages, how.orientation)
    return pages


def read_indices(file: Path, codes: Codes, how: Reading = AS_USUAL) -> list[np.ndarray]:
    """The class indices (H, W) of each page of a mask file. Raises ValueError with the file's name."""
    pages, indices = read_raw_masks(file, codes, how), []
    for number, page in enumerate(pages, start=1):
        try:
            indices.append(encode_mask(page, codes))
        except ValueError as error:
            where = file if len(pages) == 1 else f"{file} page {number}"
            raise ValueError(f"{where}: {error}") from None
    return indices


def group_of(path: Path, group: str | Callable[[Path], str] | None) -> str:
    """The name of a file's group. Raises ValueError where a pattern is not found in its path."""
    if group is None:
        return path.name
    if callable(group):
        return str(group(path))
    found = re.search(group, path.as_posix())
    if found is None:
        raise ValueError(
            f"{path}: the pattern group={group!r} is not found in its path. Try it: re.search({group!r}, '{path.name}')."
        )
    return found[found.lastindex or 0]


def load_cells() -> SegmentationDataset:
    """The 40 generated cells that are stored with the course, as real files: `data/cells/images` and `masks`."""
    return read_folders(DATA / "cells" / "images", DATA / "cells" / "masks", MASK_CODES)[0]
