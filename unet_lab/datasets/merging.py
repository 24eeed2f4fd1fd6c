"""Several masks of one image, files or pages, made one: the union of objects, or a class for each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from unet_lab.datasets.masks import Codes, count_classes
from unet_lab.losses import IGNORE

Merge = str | Mapping[str | int, int] | None


def check_merge(merge: Merge) -> None:
    """Raises ValueError for anything but None, "union", a class for each word, or a class for each page."""
    if merge is None or merge == "union":
        return
    allowed = (
        "allowed are None, 'union', which unites the masks of an image, a class for each word in the names of its masks, "
        "{'nucleus': 2, 'cell': 1}, or for each page, {0: 1, 1: 2}"
    )
    if not isinstance(merge, Mapping) or not merge or len({type(key) for key in merge}) > 1:
        raise ValueError(f"merge is {merge!r}; {allowed}.")
    classes = set(merge.values())
    if not all(isinstance(key, str | int) and not isinstance(key, bool) and key != "" for key in merge):
        raise ValueError(f"merge is {merge!r}; {allowed}.")
    if not all(isinstance(k, int) for k in classes) or sorted(classes) != list(range(1, len(classes) + 1)):
        raise ValueError(f"merge names the classes {sorted(classes, key=str)}; they must be 1, 2 and so on; background is 0.")


def by_words(merge: Merge) -> list[str]:
    """The words that tell the class of a mask's file, in lower case; none where it is not told so."""
    return [key.lower() for key in merge if isinstance(key, str)] if isinstance(merge, Mapping) else []


def by_page(merge: Merge) -> bool:
    """Whether pages of a mask's file are masks of one image: objects of a union, or classes."""
    return merge == "union" or (isinstance(merge, Mapping) and not by_words(merge))


def classes_after(merge: Merge, codes: Codes) -> int:
    """How many classes the merged masks have."""
    return 1 + max(merge.values()) if isinstance(merge, Mapping) else count_classes(codes)


def class_of_file(mask: Path, image: Path, merge: Merge) -> int | None:
    """The class that a mask's name tells, of words that the image's name has not itself; None where names tell none.

    Raises ValueError where none of the words, or several, are in it.

    >>> class_of_file(Path("masks/cell_12_nucleus.png"), Path("images/cell_12.png"), {"cell": 1, "nucleus": 2})
    2
    """
    if not by_words(merge):
        return None
    assert isinstance(merge, Mapping)
    found = [word for word in merge if occurrences(str(word), mask) > occurrences(str(word), image)]
    if len({merge[word] for word in found}) != 1:
        which = f"several of the words {found}" if found else f"none of the words {list(merge)}"
        raise ValueError(
            f"{mask}: {which} that merge names is in its name or its folder's, so its class is not known. merge needs a word "
            f"for each kind of mask: merge={{'nucleus': 2, 'cell': 1}}."
        )
    return merge[found[0]]


def occurrences(word: str, file: Path) -> int:
    """How often a word stands in a file's name or its folder's, as a word of its own; numbers may follow it."""
    pattern = rf"(?<![^\W\d_]){re.escape(word.lower())}(?![^\W\d_])"
    return sum(len(re.findall(pattern, part.lower())) for part in (file.parent.name, file.stem))


def class_of_page(page: int, pages: int, file: Path, merge: Merge) -> int | None:
    """The class of a page of a mask's file; None where pages tell none. Raises ValueError for a page that merge does not name."""
    if not isinstance(merge, Mapping) or by_words(merge):
        return None
    if page not in merge:
        raise ValueError(f"{file}: it has {pages} pages, and merge names {sorted(merge, key=str)}; page {page} has no class.")
    return merge[page]


def unite(masks: Sequence[np.ndarray], classes: Sequence[int | None] | None = None) -> np.ndarray:
    """One mask of several, (H, W) class indices each: the highest class of a pixel; IGNORE gives way to all but background.

    classes : what each mask's foreground becomes; None where it stays as it is.

    >>> unite([np.array([[0, 1, 1, 255, 255]]), np.array([[0, 0, 2, 1, 0]])]).tolist()
    [[0, 1, 2, 1, 255]]
    >>> unite([np.array([[1, 1, 0]]), np.array([[0, 1, 0]])], classes=(1, 2)).tolist()
    [[1, 2, 0]]
    """
    stack = np.stack(masks)
    for mask, index in zip(stack, classes or (), strict=False):
        if index is not None:
            mask[(mask > 0) & (mask != IGNORE)] = index
    highest = np.where(stack == IGNORE, 0, stack).max(axis=0)
    return np.where((highest == 0) & (stack == IGNORE).any(axis=0), IGNORE, highest).astype(stack.dtype)
