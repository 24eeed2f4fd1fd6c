"""Names of files: what belongs to the picture, and what people and programs add to it."""

from __future__ import annotations

import re
from pathlib import Path

from unet_lab.datasets.file_lists import plain

# What people and programs add to a mask's name, or to an image's: taken away where names do not agree as they are.
_MASK_WORDS = (
    r"simple[ _-]segmentation|object[ _-]predictions?|segmentations?|ground[ _-]?truth|annotations?|annotated|anno"
    r"|labell?ed|labels?|cp[ _-]masks|masks?|man[ _-]seg|seg|gt|truth|manual\d?|1stho|maske|masque|binary|instances?"
)
_IMAGE_WORDS = r"images?|img|raw|volume"
WORDS = re.compile(rf"(?:^|(?<=[ _.-]))(?:mask of|{_MASK_WORDS}|{_IMAGE_WORDS})(?=$|[ _.-]|\d)")
MASK_WORD = re.compile(rf"(?:^|(?<=[ _.-]))(?:mask of|{_MASK_WORDS})(?=$|[ _.-]|\d)")
CHANNEL = re.compile(r"_\d{4}$")  # nnU-Net: the channel's number
# The same, and the number of an object behind it: a_mask_1, a_mask_2.
NUMBERED = re.compile(rf"(?:^|(?<=[ _.-]))(?:{_MASK_WORDS})[ _-]?\d{{1,4}}$")
TRIED = 20  # so many names are enough to see what all of them add
Name = tuple[str, ...]  # the folders below the root, and the stem
# Where a tile lies in its image: x512_y1024, [x=0,y=512,w=256,h=256], row2_col11; not a well and its field, r03c05f01.
_AXIS = r"(x|y|r|c|row|col|column)[\s_=-]?\d+"
TILE = re.compile(
    r"^(?P<slide>.*?[^\s_\-\[(,])[\s_\-\[(,]+(?:tile[\s_-]?)?"
    + _AXIS.replace("(x", "(?P<first>x")
    + r"[\s_,;-]*"
    + _AXIS.replace("(x", "(?P<second>x")
    + r"(?![\df])",
    re.IGNORECASE,
)


def numbers(file: Path) -> tuple[int, ...]:
    """The numbers in a file's name, in ascending order."""
    return tuple(sorted(int(n) for n in re.findall(r"\d+", file.stem)))


def says_mask(name: Name) -> bool:
    """Whether a file's name, or its folder's, has a word like 'mask'."""
    return any(MASK_WORD.search(part.lower()) for part in name[-2:])


def name_of(file: Path, root: Path) -> Name:
    """The folders below the root and the stem, in one form of Unicode."""
    stem = file.stem[:-4] if file.stem.lower().endswith(".ome") else file.stem
    return tuple(plain(part) for part in (*file.relative_to(root).parent.parts, stem))


def cleaned(part: str) -> str:
    """A name without words like 'mask', without case and leading zeros, and with one kind of separator."""
    bare = WORDS.sub("", part.lower())
    bare = re.sub(r"[ _.-]+", "_", bare).strip("_")
    return re.sub(r"\d+", lambda number: str(int(number[0])), bare)


def cleaned_name(name: Name) -> Name:
    return tuple(part for part in map(cleaned, name) if part)


def folders_of(name: Name) -> Name:
    return cleaned_name(name[:-1])


def without(stem: str, start: str, end: str) -> str | None:
    """A stem without its beginning and end; None where it has not both, or where a number would be cut in two."""
    if not (stem.startswith(start) and stem.endswith(end)) or len(stem) <= len(start) + len(end):
        return None
    middle = stem[len(start) : len(stem) - len(end)]
    cut = (start[-1:].isdigit() and middle[0].isdigit()) or (end[:1].isdigit() and middle[-1].isdigit())
    return None if cut else middle.strip("_") or None


def common_affix(long: list[Name], short: list[Name]) -> tuple[str, str] | None:
    """The beginning and end that, added to names of one side, give most names of the other; None where nothing does."""
    known = {name for name in short if name}
    candidates: set[tuple[str, str]] = set()
    for name in [name for name in long if name][:TRIED]:
        for stem in {other[-1] for other in known if other[-1] in name[-1] and other[:-1] == name[:-1]}:
            for place in re.finditer(f"(?={re.escape(stem)})", name[-1]):
                candidates.add((name[-1][: place.start()], name[-1][place.start() + len(stem) :]))
    candidates.discard(("", ""))
    if len(long) == 1:  # what a single name adds must be set apart from it: anna is not johanna
        candidates = {(start, end) for start, end in candidates if start[-1:] in ("", "_") and end[:1] in ("", "_")}

    def fitting(affix: tuple[str, str]) -> int:
        bare = ((*name[:-1], without(name[-1], *affix)) for name in long if name)
        return len(known & set(bare))

    best = sorted(candidates, key=lambda affix: (-fitting(affix), -len(affix[0]) - len(affix[1]), affix))
    return best[0] if best and fitting(best[0]) else None


def slide_of(name: str) -> str | None:
    """The image that a tile was cut from, where the tile's name ends with its place; None where it does not.

    >>> slide_of("slide7_x512_y1024.png"), slide_of("slide 7 [x=0,y=512,w=256,h=256].tif"), slide_of("slide7_row2_col11.png")
    ('slide7', 'slide 7', 'slide7')
    >>> slide_of("plate1_r03c05f01.tif"), slide_of("cell_12.png")  # a well and a field; a number
    (None, None)
    """
    found = TILE.match(name)
    if found is None:
        return None
    kinds = {found["first"].lower()[0], found["second"].lower()[0]}
    return found["slide"] if kinds in ({"x", "y"}, {"r", "c"}) else None
