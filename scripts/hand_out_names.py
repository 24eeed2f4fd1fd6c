"""What the words of `lab.py hand-out FOLDER [NAME ...]` mean: a folder that is none of the lessons, and lessons."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

from unet_lab.course import LESSONS


def chosen_lessons(names: list[str]) -> list[str]:
    """The notebooks whose names begin so, in the course's order. Raises ValueError for a name that is none, with what to write.

    >>> chosen_lessons(["5", "04_expansive_path.ipynb"])
    ['04_expansive_path', '05_the_whole_u']
    """
    starts = tuple(start_of(name) for name in names)
    for name, start in zip(names, starts, strict=True):
        if not is_lesson(name):
            raise ValueError(refusal(name, start))
    return [lesson for lesson in LESSONS if not names or lesson.startswith(starts)]


def start_of(name: str) -> str:
    """A notebook's file, or a single digit, as the start of a lesson's name."""
    start = Path(name).name.removesuffix(".ipynb")
    return f"0{start}" if re.fullmatch(r"\d", start) else start


def is_lesson(name: str) -> bool:
    start = start_of(name)
    return bool(start) and any(lesson.startswith(start) for lesson in LESSONS)


def refusal(name: str, start: str) -> str:
    if start == "glossary":
        return f"{name!r} need not be named: the glossary goes with every choice. Leave it out."
    parts = [part for part in re.split(r"[,;\s]+", name) if part]
    if len(parts) > 1 and all(map(is_lesson, parts)):
        return f"{name!r} is one word: write the lessons with spaces between them, {' '.join(parts)}."
    if re.fullmatch(r"\d+ *(-|–|\.\.+|:) *\d+", name):
        return f"{name!r} is a range: write each of its lessons, with spaces between them, e.g. 00 01 02."
    return f"no notebook begins with {name!r}; there are {', '.join(LESSONS)}."


def from_caller(name: str) -> Path:
    return Path(os.environ.get("UNET_LAB_CALLED_FROM", "."), name)  # lab.py works in its own folder


def new_folder(name: str) -> Path:
    """FOLDER; refused where it looks like the name or number of a lesson: then the folder's own name was forgotten."""
    parts = re.split(r"[,;]", name)
    lesson = all(re.fullmatch(r"\d\d?", part) or is_lesson(part) for part in parts) or start_of(name) == "glossary"
    if lesson and (not re.search(r"[/\\]", name) or name.endswith(".ipynb")):
        lessons = " ".join(part.removesuffix(".ipynb") for part in parts)
        raise argparse.ArgumentTypeError(
            f"{name!r} looks like a lesson, and the folder's name comes first. Write e.g. lab.py hand-out students {lessons}; "
            "for a folder that is called so, write ./ before it."
        )
    return from_caller(name)
