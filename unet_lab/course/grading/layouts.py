"""Whose a file is, and which one: what learning platforms make of names, and which files of a repository are the course's own."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from unet_lab.course.exercises import LESSONS

_MOODLE = re.compile(r"(?P<name>.+?)_(?P<number>\d+)_assignsubmission_(?:file|onlinetext)_?(?P<rest>.*)$")
_CANVAS = re.compile(r"(?P<name>[^_]+)_(?P<late>LATE_)?(?P<number>\d+)_\d{3,}_(?P<rest>.+)$", re.IGNORECASE)
_ASSIGNMENT = re.compile(
    r"((submitted|submissions?|hand(ed)?[-_ ]?in|collected|autograded|feedback|release|notebooks?|assignments?|homeworks?|hw|ps|"
    r"problem ?set|weeks?|exercises?|exam|sheet|lab|unit|task|session|day|class|course|attempts?|versions?|v|old|backup|final|"
    r"draft|downloads?|moodle|canvas|nbgrader|github)[-_ ]?\d*|.+-submissions|\d{1,2})$",
    re.IGNORECASE,
)
_COPY = re.compile(r"^(copy of |kopie von |copie de )|([ _-]*(\(\d+\)|-?copy\d*|-?kopie\d*|-\d{1,2}))+$", re.IGNORECASE)
_COURSE = {"unet_lab", "tests", "data", "docs", "scripts", "benchmarks", "page", "build", "dist"}
_COURSE_FILES = {"lab.py", "progress.json", "setup.log"}
HIDDEN = {".ipynb_checkpoints", "__MACOSX", "__pycache__", "Thumbs.db", "desktop.ini"}


class Owner(NamedTuple):
    """Whose a file is. inside : where it lies below the student's folder. number : the platform's; late : Canvas says so."""

    name: str
    inside: tuple[str, ...]
    platform: str = ""
    number: str = ""
    late: bool = False
    folders: tuple[str, ...] = ()  # from the top down to the student's own, included


def is_hidden(parts: Iterable[str]) -> bool:
    """Whether a path is of those that systems and programs leave behind, not students."""
    return any(part in HIDDEN or part.startswith((".", "~$")) for part in parts)


def is_assignment(name: str) -> bool:
    """Whether a folder's name is that of an assignment, or of all that was handed in, and nobody's own.

    >>> [is_assignment(name) for name in ("ps1", "08_evaluation", "submitted", "week 3", "Ada", "unet-lab-ada")]
    [True, True, True, True, False, False]
    """
    return bool(_ASSIGNMENT.match(name)) or name_of(name, ending="") == ""


def owner_of(parts: tuple[str, ...], assignments: frozenset[tuple[str, ...]] = frozenset()) -> Owner:
    """The owner of a file by the parts of its path; the name is empty where nothing tells.

    assignments : folders (as parts) that are known to be no student's.
    """
    for place, part in enumerate(parts[:-1]):  # a folder, or a zip that was opened
        inside, folders = parts[place + 1 :], parts[: place + 1]
        if found := _MOODLE.match(part):
            return Owner(found["name"].strip(), inside, "Moodle", found["number"], folders=folders)
        if found := _CANVAS.match(part):
            return Owner(found["name"], inside, "Canvas", found["number"], bool(found["late"]), folders)
    if found := _MOODLE.match(parts[-1]):
        return Owner(found["name"].strip(), (found["rest"] or parts[-1],), "Moodle", found["number"], folders=parts[:-1])
    if found := _CANVAS.match(parts[-1]):
        return Owner(found["name"], (found["rest"],), "Canvas", found["number"], bool(found["late"]), parts[:-1])
    for place, part in enumerate(parts[:-1]):
        if not is_assignment(part) and parts[: place + 1] not in assignments:
            return Owner(part.strip(), parts[place + 1 :], folders=parts[: place + 1])
    return Owner(name_of(parts[-1]), parts[-1:], "file", folders=parts[:-1])


def name_of(file: str, ending: str | None = None) -> str:
    """The student's name out of a file's: what is left without the notebook's own name and what copies add; "" where nothing is.

    >>> name_of("ada_07_training.ipynb"), name_of("07_training (1).ipynb"), name_of("Copy of 07_training-bob.ipynb")
    ('ada', '', 'bob')
    """
    stem = file if ending == "" else re.sub(r"\.\w{1,6}$", "", file)
    for lesson in LESSONS:
        if lesson in stem:
            before, _, after = stem.partition(lesson)
            before, after = re.sub(r"(?i)(copy of|kopie von|copie de) *", "", before), _COPY.sub("", after)
            return f"{before}{after}".strip(" _-.")
    return stem.strip()


def repositories(paths: Iterable[tuple[str, ...]]) -> set[tuple[str, ...]]:
    """The folders, as parts, that hold the whole course: lab.py and unet_lab/ side by side."""
    with_lab, with_package = set(), set()
    for parts in paths:
        if parts[-1] == "lab.py":
            with_lab.add(parts[:-1])
        if "unet_lab" in parts[:-1]:
            with_package.add(parts[: parts.index("unet_lab")])
    return with_lab & with_package


def is_course_file(inside: tuple[str, ...]) -> bool:
    """Whether a file of a repository is the course's, and no student's work; `inside` as parts below the repository.

    >>> [is_course_file(tuple(p.split("/"))) for p in ("notebooks/solutions/08.ipynb", "notebooks/08.ipynb", "unet_lab/unet.py")]
    [True, False, True]
    """
    if inside[0] in _COURSE or inside[0].startswith(".") or (len(inside) == 1 and inside[0] in _COURSE_FILES):
        return True
    return inside[0] == "notebooks" and (inside[1:2] in (("solutions",), ("source",)) or inside[-1] == "glossary.ipynb")


def common_prefix(names: list[str]) -> str:
    """What the names of a class's repositories begin with, as far as the last hyphen; "" for fewer than two of them.

    >>> common_prefix(["unet-lab-ada", "unet-lab-adam"])
    'unet-lab-'
    """
    if len(set(names)) < 2:
        return ""
    first, last = min(names), max(names)
    alike = next((k for k, letter in enumerate(first) if last[k : k + 1] != letter), len(first))
    return first[: first.rfind("-", 0, alike) + 1]
