"""What the files of one set must have in common to mean the same: palettes, which end is white, how they are turned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unet_lab.datasets.adjoining import adjoining, joined
from unet_lab.datasets.image_files import palette_in_use, read_header
from unet_lab.datasets.in_file import GreyInColour, InFile
from unet_lab.datasets.names import slide_of
from unet_lab.datasets.pairs import Pair, channels_of

FIXES_OF_MIN_IS_WHITE = (
    "If the stored numbers are meant, write them again without it: tifffile.imwrite(path, tifffile.imread(path), "
    "photometric='minisblack'). If what is seen is meant, keep that: write_image('name.png', read_mask(path))."
)


class Conflict(NamedTuple):
    """One index that stands for two colours."""

    index: int
    colours: tuple[tuple[int, int, int], tuple[int, int, int]]
    files: tuple[Path, Path]


def conflicting_palettes(masks: Iterable[Path]) -> list[Conflict]:
    """Masks whose palettes give an index another colour than an earlier mask does: a number does not mean one class there."""
    known: dict[int, tuple[tuple[int, int, int], Path]] = {}
    conflicts = []
    for path in masks:
        if not read_header(path).has_palette:
            continue
        for index, colour in palette_in_use(path).items():
            first, where = known.setdefault(index, (colour, path))
            if first != colour:
                conflicts.append(Conflict(index, (first, colour), (where, path)))
    return conflicts


def min_is_white_among(masks: Iterable[Path]) -> tuple[Path, ...]:
    """The masks that are stored min-is-white, where others are not; empty where all are alike."""
    files = list(masks)
    found = tuple(path for path in files if read_header(path).lowest_is_white)
    return found if len(found) < len(files) else ()


def turned_files(files: Iterable[Path]) -> tuple[Path, ...]:
    """The files that say they are shown turned or flipped (EXIF)."""
    return tuple(path for path in files if read_header(path).orientation != 1)


def check_masks_agree(masks: Sequence[Path], by_colour: bool) -> None:
    """Raises ValueError where the same number in two masks does not mean the same.

    by_colour : whether the codes are colours, which mean the same in every palette.
    """
    conflicts = [] if by_colour else conflicting_palettes(masks)
    if conflicts:
        index, colours, files = conflicts[0]
        raise ValueError(
            f"{files[1]}: index {index} shows {colours[1]}, and in {files[0].name} it shows {colours[0]}: the palettes of these "
            f"masks differ, so an index does not mean one class. Give the colours as codes: codes=((0, 0, 0), {colours[0]}, …)."
        )
    white = min_is_white_among(masks)
    if white:
        raise ValueError(
            f"{white[0]}: min-is-white (an inverting LUT), as {len(white)} of {len(masks)} masks are: 0 is shown white in these "
            f"and black in the others, so a number does not mean one class. {FIXES_OF_MIN_IS_WHITE}"
        )


def grey_among_colours(pairs: Sequence[Pair]) -> tuple[int, ...]:
    """Positions of grey images in a set where most images have three channels."""
    grey = tuple(k for k, pair in enumerate(pairs) if channels_of(pair.image) == 1)
    coloured = sum(channels_of(pair.image) == 3 for pair in pairs)
    return grey if grey and coloured == len(pairs) - len(grey) and coloured > len(grey) else ()


def in_colour(pair: Pair) -> Pair:
    """A grey image with its grey in each of three channels."""
    image = pair.image
    return pair._replace(image=GreyInColour(image) if isinstance(image, InFile) else np.stack([image] * 3, axis=2))


def describe_turned(files: Sequence[Path]) -> str:
    """A sentence about files that are shown turned; empty where there are none."""
    if not files:
        return ""
    return (
        f" Turned as their files say that they are shown (EXIF): {len(files)}, the first {files[0].name}; masks drawn on the "
        f"pixels as stored need orientation='stored'."
    )


def describe_tiles(names: Sequence[str]) -> str:
    """A sentence about files that are tiles of larger images, by their names; empty where there are none."""
    slides = {slide for name in names if (slide := slide_of(name)) is not None}
    tiles = [name for name in names if slide_of(name) is not None]
    if len(tiles) == len(slides):
        return ""
    return (
        f" Tiles by their names: {len(tiles)} of {len(slides)} image(s), such as {tiles[0]}; split keeps those of one image "
        f"together (group=lambda path: path.name takes each by itself)."
    )


def group_adjoining(pairs: Sequence[Pair]) -> tuple[list[Pair], str]:
    """Pairs whose images continue across their edges, in one group; and a sentence about them, empty where there are none."""
    names = list(dict.fromkeys(pair.group for pair in pairs))
    numbers = [names.index(pair.group) for pair in pairs]
    new = [(i, j) for i, j in adjoining([pair.image for pair in pairs]) if numbers[i] != numbers[j]]
    if not new:
        return list(pairs), ""
    first = joined(len(names), [(numbers[i], numbers[j]) for i, j in new])
    larger = {first[numbers[i]] for i, _ in new}
    i, j = new[0]
    words = (
        f" Tiles, since they continue across their edges: {sum(k in larger for k in first)} of {len(larger)} image(s), such as "
        f"{pairs[i].source} and {pairs[j].source}; split keeps these together. Those that meet in an even ground are not found: "
        f"group= says what belongs together (group=lambda path: path.name takes each by itself)."
    )
    return [pair._replace(group=names[first[number]]) for pair, number in zip(pairs, numbers, strict=True)], words
