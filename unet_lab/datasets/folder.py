"""A folder of images and a folder of masks: which belongs to which, and which code means which class."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unet_lab.datasets.file_lists import list_pictures
from unet_lab.datasets.image_files import LOSSY, Pages, check_orientation, read_header, read_mask_pages, read_pages
from unet_lab.datasets.masks import MASK_CODES, Code, Codes, are_colours, count_classes, encode_mask, pack, unpack
from unet_lab.datasets.names import slide_of
from unet_lab.datasets.pairing import Match, pair_files
from unet_lab.datasets.pairs import Pair, SegmentationDataset
from unet_lab.datasets.set_of_files import (
    check_masks_agree,
    describe_tiles,
    describe_turned,
    grey_among_colours,
    in_colour,
    turned_files,
)
from unet_lab.datasets.stored_images import Channels
from unet_lab.files import DATA
from unet_lab.losses import IGNORE

MOST_CODES = 30  # a mask with more values than that is no mask of classes


class Reading(NamedTuple):
    """How the files of a set are read, where it is not all as usual."""

    channels: Channels = "all"
    pages: Pages = "all"
    mask_channel: str | int | None = None
    orientation: str = "shown"


AS_USUAL = Reading()


class CodeTable(NamedTuple):
    """The codes found in a set's masks, and what they could mean; print it, then say yes by passing `table.codes` on."""

    values: tuple[Code, ...]  # proposed as class 0, class 1, …
    shares: tuple[float, ...]  # of all pixels
    files: tuple[int, ...]  # in how many masks each occurs
    masks: int

    @property
    def codes(self) -> tuple[Code, ...]:
        """The proposal, for `load_folder(images, masks, codes=table.codes)`. Raises ValueError where no class can be meant."""
        if len(self.values) < 2:
            raise ValueError(f"the masks hold one code only, {self.values[0]}; a mask needs at least two classes.")
        if len(self.values) > MOST_CODES:
            raise ValueError(
                f"the masks hold {len(self.values)} codes; nobody means so many classes. Were they resized with interpolation or "
                f"saved as JPEG once? Export them again, or choose the true codes and use snap_mask(mask, codes)."
            )
        return self.values

    def __str__(self) -> str:
        lines = ["class  code              pixels  in masks"]
        for k, (value, share, files) in enumerate(zip(self.values[:MOST_CODES], self.shares, self.files, strict=False)):
            lines.append(f"{k:5d}  {value!s:15} {share:8.2%}  {files} of {self.masks}")
        if len(self.values) > MOST_CODES:
            lines.append(f"… and {len(self.values) - MOST_CODES} more")
        return "\n".join(lines)


def propose_codes(masks: str | Path | Sequence[Path]) -> CodeTable:
    """Count the codes of a folder's masks (or of a list of files) and propose an order of classes; a proposal, to be looked at.

    Greys go from dark to light, and so do the indices of a palette. Of colours the first is the one most frequent along the
    borders of the masks, as a background is; the others follow by their share.
    """
    paths = list_pictures(masks)[1] if isinstance(masks, str | Path) else list(masks)
    pixels, borders, files, number = count_codes(paths, colours=False)
    if any(isinstance(code, tuple) for code in pixels):  # where some masks have colours, those with a palette have them too
        pixels, borders, files, number = count_codes(paths, colours=True)
    if any(isinstance(code, tuple) for code in pixels):  # a grey mask among coloured ones shows colours too
        pixels, borders, files = (_merged(one) for one in (pixels, borders, files))
        background = max(borders, key=lambda c: (borders[c], c))
        order = [background, *sorted(pixels.keys() - {background}, key=lambda c: (-pixels[c], c))]
    else:
        order = sorted(pixels)
    total = sum(pixels.values())
    return CodeTable(tuple(order), tuple(pixels[c] / total for c in order), tuple(files[c] for c in order), number)


def count_codes(paths: Sequence[Path], colours: bool) -> tuple[Counter, Counter, Counter, int]:
    """How many pixels of all masks have each code, how many along their borders, and how many masks; and of how many masks."""
    pixels, borders, files, number = Counter(), Counter(), Counter(), 0
    for path in paths:
        for mask in read_mask_pages(path, colours):
            found = count(mask.reshape(-1, *mask.shape[2:]))
            pixels.update(found)
            files.update(found.keys())
            borders.update(count(np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])))
            number += 1
    return pixels, borders, files, number


def count(values: np.ndarray) -> dict[Code, int]:
    """How often each grey (n,) or colour (n, 3) occurs."""
    found, amounts = np.unique(pack(values) if values.ndim == 2 else values, return_counts=True)
    codes = [unpack(c) for c in found.tolist()] if values.ndim == 2 else found.tolist()
    return dict(zip(codes, amounts.tolist(), strict=True))


def colour(code: Code) -> tuple[int, int, int]:
    return code if isinstance(code, tuple) else (code, code, code)


def _merged(counts: dict[Code, int]) -> dict[tuple[int, int, int], int]:
    merged: Counter = Counter()
    for code, amount in counts.items():
        merged[colour(code)] += amount
    return dict(merged)


def find_codes(masks: str | Path | Sequence[Path]) -> tuple[Code, ...]:
    """The greys (or colours) that occur in a folder's masks, darkest first: look at them before you choose the codes."""
    return propose_codes(masks).values


def load_folder(
    images: str | Path,
    masks: str | Path,
    codes: Codes | None = None,
    channels: Channels = "all",
    group: str | Callable[[Path], str] | None = None,
    merge: str | None = None,
    pages: Pages = "all",
    mask_channel: str | int | None = None,
    orientation: str = "shown",
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
        function of the path; left out, the file with all its pages, and tiles whose names end with their place (_x512_y0).
    merge : "union" where an image has several masks, files or pages, one for each object or class: a pixel gets the highest class
        that any of them gives it, and IGNORE only where all others say background.
    pages : "all": each page is a sample; a number: that page of each file, such as one plane of a stack; "channels": the pages
        of an image are its channels.
    mask_channel : "alpha" where the mask is how opaque a painted layer is; or the number of a channel of the mask's file.
    orientation : "shown", turned as a camera's EXIF says; "stored" where the masks were drawn on the pixels as they are stored.

    Returns
    -------
    SegmentationDataset with one class per code, in the order of the names; `source` is the image's name, `group` as above.

    Raises FileNotFoundError for a missing folder; ValueError for an image without a mask, a mask without an image, two files of
    one name, several masks of an image without `merge`, a JPEG mask, sizes or pages that differ, greys without a code, masks in
    which a number does not mean the same (palettes that differ, min-is-white in some); each names the file.
    """
    how_read = Reading(channels, pages, mask_channel, orientation)
    dataset, how = read_folders(images, masks, codes, how_read, group, merge)
    print(how)
    return dataset


def read_folders(
    images: str | Path,
    masks: str | Path,
    codes: Codes | None,
    how: Reading = AS_USUAL,
    group: str | Callable[[Path], str] | None = None,
    merge: str | None = None,
) -> tuple[SegmentationDataset, str]:
    """What `load_folder` returns, and what it prints."""
    check_orientation(how.orientation)
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
    pairs: list[Pair] = []
    for match, name in zip(matches, names, strict=True):
        belongs = (slide_of(name) or name) if group is None else group_of(match.image, group)
        pairs.extend(read_match(match, name, belongs, codes, how, merge))
    grey = grey_among_colours(pairs) if how.channels == "all" else ()
    pairs = [in_colour(pair) if number in grey else pair for number, pair in enumerate(pairs)]
    dataset = SegmentationDataset(pairs, num_classes=count_classes(codes))
    shown = ", ".join(f"{name} with {describe_masks(match)}" for match, name in zip(matches[:3], names, strict=False))
    more = f" and {len(matches) - 3} more" if len(matches) > 3 else ""
    what = f"{len(dataset)} images, {dataset.channels} channel(s), {dataset.num_classes} classes."
    if grey:
        what += f" Grey among colours, their grey taken for all three channels: {len(grey)}, the first {pairs[grey[0]].source}."
    if group is None:
        what += describe_tiles(names)
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
    match: Match, name: str, group: str, codes: Codes, how: Reading = AS_USUAL, merge: str | None = None
) -> Iterator[Pair]:
    """The pairs of an image's pages and its masks'. Raises ValueError, with the file, where pages, sizes or codes do not fit."""
    pictures = read_pages(match.image, how.channels, how.pages, how.orientation)
    masks = [read_indices(file, codes, how) for file in match.masks]
    if merge == "union" and len(pictures) == 1:
        masks = [[page] for pages in masks for page in pages]  # a page for each object
    for pages, file in zip(masks, match.masks, strict=False):
        if len(pages) != len(pictures):
            raise ValueError(f"{match.image}: {describe_pages(match.image, pictures, file, pages)}")
    for number, picture in enumerate(pictures):
        of_page = [pages[number] for pages in masks]
        for mask in of_page:
            if picture.shape[:2] != mask.shape:
                raise ValueError(f"{match.image}: {describe_sizes(match.image, picture, mask)}")
        source = name if len(pictures) == 1 else f"{name} page {number + 1}"
        yield Pair(picture, unite(of_page), source, group)


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
        f"pages='channels' takes the pages of an image for its channels, merge='union' unites a mask's pages of single objects."
    )


def describe_sizes(image: Path, picture: np.ndarray, mask: np.ndarray) -> str:
    """Words for an image and a mask of other sizes."""
    sizes = f"{picture.shape[0]} x {picture.shape[1]}, and its mask {mask.shape[0]} x {mask.shape[1]}"
    words = f"the image is {sizes}; they must be the same."
    if picture.shape[:2] == mask.shape[::-1] and read_header(image).orientation > 4:
        return f"{words} The file says that it is shown turned (EXIF); orientation='stored' reads it as the mask was drawn."
    return f"{words} Export them at one size."


def read_indices(file: Path, codes: Codes, how: Reading = AS_USUAL) -> list[np.ndarray]:
    """The class indices (H, W) of each page of a mask file. Raises ValueError with the file's name."""
    pages, indices = read_mask_pages(file, are_colours(codes), how.mask_channel, orientation=how.orientation), []
    if isinstance(how.pages, int) and len(pages) > 1:
        pages = read_mask_pages(file, are_colours(codes), how.mask_channel, how.pages, how.orientation)
    for number, page in enumerate(pages, start=1):
        try:
            indices.append(encode_mask(page, codes))
        except ValueError as error:
            where = file if len(pages) == 1 else f"{file} page {number}"
            raise ValueError(f"{where}: {error}") from None
    return indices


def unite(masks: Sequence[np.ndarray]) -> np.ndarray:
    """One mask of several, (H, W) class indices each: the highest class of a pixel; IGNORE gives way to all but background.

    >>> unite([np.array([[0, 1, 1, 255, 255]]), np.array([[0, 0, 2, 1, 0]])]).tolist()
    [[0, 1, 2, 1, 255]]
    """
    stack = np.stack(masks)
    highest = np.where(stack == IGNORE, 0, stack).max(axis=0)
    return np.where((highest == 0) & (stack == IGNORE).any(axis=0), IGNORE, highest).astype(stack.dtype)


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
