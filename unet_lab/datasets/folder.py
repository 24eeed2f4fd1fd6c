"""A folder of images and a folder of masks: which belongs to which, and which code means which class."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unet_lab.datasets.image_files import EXTENSIONS, Channels, read_mask_pages, read_pages
from unet_lab.datasets.masks import MASK_CODES, Code, Codes, count_classes, encode_mask, pack, unpack
from unet_lab.datasets.pairs import Pair, SegmentationDataset
from unet_lab.files import DATA

MOST_CODES = 30  # a mask with more values than that is no mask of classes
# What people add to a mask's name, or to an image's: taken away where names do not agree as they are.
_WORDS = r"ground[ _-]?truth|segmentation|annotations?|labels?|masks?|seg|gt|images?|img|raw"
_AFFIX = re.compile(rf"(?i)(^|[ _.-]+)({_WORDS})(?=$|[ _.-]|\d)")


class Match(NamedTuple):
    """An image's file and its mask's."""

    image: Path
    mask: Path


def pair_files(images: str | Path, masks: str | Path) -> tuple[list[Match], str]:
    """Find which mask belongs to which image, by name.

    Parameters
    ----------
    images, masks : two folders, or patterns such as "set/*_image.tif" and "set/*_mask.png".

    Returns
    -------
    (pairs, rule) : in the order of the names, and by which rule they were found, in words: the names are the same; or the same
    once words like "mask" and "image" are taken away; or their numbers are the same. The first rule that pairs every file counts.

    Raises FileNotFoundError for a missing folder; ValueError for an empty one, for a file that stays alone under each of the
    rules, and for two files of one name.
    """
    image_files, mask_files = _pictures(images), _pictures(masks)
    rules = {
        "the same name": lambda stem: stem,
        "the same name without words like 'mask' and 'image'": lambda stem: _AFFIX.sub("", stem).strip(" _.-").lower(),
        "the same numbers in the name": lambda stem: tuple(int(n) for n in re.findall(r"\d+", stem)),
    }
    problem, fewest = None, 10**9
    for rule, key in rules.items():
        try:
            first, second = by_key(image_files, key), by_key(mask_files, key)
        except ValueError as double:
            problem = problem or str(double)
            continue
        alone = sorted(first.keys() ^ second.keys(), key=str)
        if not alone and "" not in first and () not in first:
            return [Match(first[k], second[k]) for k in sorted(first)], rule
        if len(alone) < fewest:  # what the rule that nearly fits says is what helps
            fewest = len(alone)
            missing = "mask" if alone[0] in first else "image"
            has = first.get(alone[0]) or second[alone[0]]
            problem = (
                f"{has}: no {missing} of the same name ({len(alone)} such file{'s' if len(alone) > 1 else ''}; by {rule}). "
                f"Name image and mask alike, e.g. 07.png in both folders, or give patterns: '{has.parent / '*_image.png'}'."
            )
    raise ValueError(problem)


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


def propose_codes(masks: str | Path) -> CodeTable:
    """Count the codes of a folder's masks and propose an order of classes; a proposal, to be looked at.

    Greys go from dark to light. Of colours the first is the one most frequent along the borders of the masks, as a background
    is; the others follow by their share.
    """
    pixels, borders, files, number = Counter(), Counter(), Counter(), 0
    for path in _pictures(masks):
        for mask in read_mask_pages(path):
            found = count(mask.reshape(-1, *mask.shape[2:]))
            pixels.update(found)
            files.update(found.keys())
            borders.update(count(np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])))
            number += 1
    if any(isinstance(code, tuple) for code in pixels):  # a grey mask among coloured ones shows colours too
        pixels, borders, files = (_merged(one) for one in (pixels, borders, files))
        background = max(borders, key=lambda c: (borders[c], c))
        order = [background, *sorted(pixels.keys() - {background}, key=lambda c: (-pixels[c], c))]
    else:
        order = sorted(pixels)
    total = sum(pixels.values())
    return CodeTable(tuple(order), tuple(pixels[c] / total for c in order), tuple(files[c] for c in order), number)


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


def find_codes(masks: str | Path) -> tuple[Code, ...]:
    """The greys (or colours) that occur in a folder's masks, darkest first: look at them before you choose the codes."""
    return propose_codes(masks).values


def load_folder(
    images: str | Path,
    masks: str | Path,
    codes: Codes | None = None,
    channels: Channels = "all",
    group: str | Callable[[Path], str] | None = None,
) -> SegmentationDataset:
    """Every image of one folder with its mask in another, paired by `pair_files`; the rule is printed, with examples.

    Parameters
    ----------
    images, masks : two folders of PNG, TIFF or BMP files, or two patterns; images may be JPEG, masks may not. Each page of a TIFF
        is a sample; image and mask then have as many pages.
    codes : the grey of class 0, of class 1, …, e.g. (0, 255), or colours, or a mapping from code to class, as `encode_mask` takes
        them. Never guessed: left out, the error shows the codes found, and `propose_codes` says more.

    channels : as `read_image` takes them: "all", "grey", or numbers such as (0, 2).
    group : what `split` must not tear apart (slide, dish, patient): a pattern in the file's path, e.g. r"(dish[0-9]+)_", or a
        function of the path; left out, the file with all its pages.

    Returns
    -------
    SegmentationDataset with one class per code, in the order of the names; `source` is the image's name, `group` as above.

    Raises FileNotFoundError for a missing folder; ValueError for an image without a mask, a mask without an image, two
    files of one name, a JPEG mask, sizes or pages that differ, greys without a code; each names the file.
    """
    matches, rule = pair_files(images, masks)
    for _, mask_file in matches:
        if mask_file.suffix.lower() in (".jpg", ".jpeg"):
            read_mask_pages(mask_file)  # says why not
    if codes is None:
        found = find_codes(masks)
        shown = ", ".join(map(str, found[:10])) + (" …" if len(found) > 10 else "")
        raise ValueError(
            f"{masks}: which grey means which class? The masks hold the greys {shown}. Give one per class, the "
            f"background first: load_folder(images, masks, codes={found[:3]})."
        )
    pairs = []
    for image_file, mask_file in matches:
        pictures, labels = read_pages(image_file, channels), read_mask_pages(mask_file)
        if len(pictures) != len(labels):
            have = f"{len(pictures)} pages, and {mask_file.name} has {len(labels)}"
            raise ValueError(f"{image_file}: {have}; there must be one mask for each page.")
        for page, (picture, mask) in enumerate(zip(pictures, labels, strict=True), start=1):
            name = image_file.name if len(pictures) == 1 else f"{image_file.name} page {page}"
            try:
                pairs.append(Pair(picture, encode_mask(mask, codes), name, group_of(image_file, group)))
            except ValueError as error:
                raise ValueError(f"{mask_file}{'' if len(pictures) == 1 else f' page {page}'}: {error}") from None
            if picture.shape[:2] != mask.shape[:2]:
                sizes = f"{picture.shape[0]} x {picture.shape[1]}, and its mask {mask.shape[0]} x {mask.shape[1]}"
                raise ValueError(f"{image_file}: the image is {sizes}; they must be the same. Export them at one size.")
    dataset = SegmentationDataset(pairs, num_classes=count_classes(codes))
    shown = ", ".join(f"{match.image.name} with {match.mask.name}" for match in matches[:3])
    more = f" and {len(matches) - 3} more" if len(matches) > 3 else ""
    print(
        f"Paired by {rule}: {shown}{more}. {len(dataset)} images, {dataset.channels} channel(s), {dataset.num_classes} classes."
    )
    return dataset


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
    with redirect_stdout(StringIO()):  # how they are paired is no question here
        return load_folder(DATA / "cells" / "images", DATA / "cells" / "masks", MASK_CODES)


def _pictures(where: str | Path) -> list[Path]:
    where = Path(where).expanduser()
    root = where
    if any(sign in str(where) for sign in "*?[") and not where.exists():
        fixed = itertools.takewhile(lambda part: not any(sign in part for sign in "*?["), where.parts)
        root = Path(*fixed)
        files = root.glob(str(where.relative_to(root)))
        kind = "matches the pattern"
    elif where.is_dir():
        files, kind = where.iterdir(), "no pictures in it"
    else:
        raise FileNotFoundError(f"{where}: there is no such folder. Looked in {where.resolve().parent}.")
    found = sorted(f for f in files if f.suffix.lower() in EXTENSIONS and not f.name.startswith(".") and f.is_file())
    for file in found:
        if not file.resolve().is_relative_to(root.resolve()):
            raise ValueError(f"{file}: leads out of {root}, to {file.resolve()}. Copy it into it, or give its own folder.")
    if not found:
        what = kind if where.is_dir() else f"no picture {kind}"
        raise ValueError(f"{where}: {what}. Allowed are files that end in {', '.join(EXTENSIONS)}.")
    return found


def by_key(paths: list[Path], key) -> dict:
    files: dict = {}
    for path in paths:
        name = key(path.stem)
        if name in files:
            raise ValueError(f"{path}: a second file named {path.stem} ({files[name].name}). Keep one of them.")
        files[name] = path
    return files
