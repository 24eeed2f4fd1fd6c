"""A notebook that was handed in: its cells, its checks, and which notebook of the course it is."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from unet_lab.course.exercises import LESSONS

if TYPE_CHECKING:
    import nbformat

LARGEST = 50_000_000  # bytes of a notebook that is read


class Unreadable(ValueError):
    """A submission that is no notebook; its text says why."""


def read_notebook(path: Path) -> nbformat.NotebookNode:
    """A notebook of any program and version, byte order mark or not. Raises Unreadable, saying why, for whatever is none."""
    import nbformat  # seconds to load (a grammar of web addresses): not for each process that runs submissions

    for kind in (nbformat.warnings.DuplicateCellId, nbformat.warnings.MissingIDFieldWarning):  # copied cells: nothing to mark
        warnings.filterwarnings("ignore", category=kind)
    if path.is_symlink():
        raise Unreadable("a link to another file; only what was handed in is read")
    if not path.is_file():
        raise Unreadable("a folder that is called like a notebook")
    if path.stat().st_size > LARGEST:
        raise Unreadable(f"{path.stat().st_size / 1e6:.0f} MB, and at most {LARGEST / 1e6:.0f} are read; clear its outputs")
    if path.stat().st_size == 0:
        raise Unreadable("an empty file")
    try:
        content = path.read_bytes()
        text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
        return nbformat.reads(text, as_version=4)
    except UnicodeDecodeError as error:
        raise Unreadable(f"not UTF-8 text ({error.reason} at byte {error.start}): damaged, or another kind of file") from None
    except RecursionError:
        raise Unreadable("no notebook: nested too deeply") from None
    except Exception as error:  # nbformat has many, of no common kind
        first = str(error).strip().splitlines()
        raise Unreadable(f"no notebook: {first[0][:120] if first else type(error).__name__}") from None


def printable(text: str) -> str:
    """The text without halves of characters, which no file takes: half an emoji, a byte that no encoding knew."""
    return text.encode("utf-8", "replace").decode("utf-8")


def code_cells(notebook: nbformat.NotebookNode) -> list[str]:
    """The code of a notebook, a text for each cell, without byte order marks."""
    return [printable("".join(cell.source)).lstrip("\ufeff") for cell in notebook.cells if cell.cell_type == "code"]


def read_cells(path: Path) -> list[str]:
    """The code cells of a notebook file. Raises Unreadable."""
    try:
        return code_cells(read_notebook(path))
    except (AttributeError, TypeError) as error:  # cells that are none
        raise Unreadable(f"no notebook: {str(error)[:120]}") from None


def is_course_solution(notebook: nbformat.NotebookNode) -> bool:
    """Whether this is a page of the course's own notebooks/solutions/, wherever it lies."""
    first = next((cell for cell in notebook.cells if cell.cell_type == "markdown"), None)
    return first is not None and "".join(first.source).lstrip("\ufeff").startswith("# Solutions: ")


def asked_checks(cells: list[str]) -> dict[str, int]:
    """For each `check("name", …)` the number of its cell; the last one counts."""
    found = {}
    for number, code in enumerate(cells):
        for name in re.findall(r"""\bcheck\(\s*["'](\w+)["']""", code):
            found[name] = number
    return found


def lesson_of(path: Path, cells: list[str]) -> str | None:
    """Which notebook of the course this is: by the checks in it, else by its name."""
    asked = set(asked_checks(cells))
    counts = {lesson: len(asked & set(exercises)) for lesson, exercises in LESSONS.items()}
    best = max(counts, key=counts.get)
    if counts[best]:
        return best
    return next((lesson for lesson in LESSONS if lesson in path.stem or path.stem.startswith(lesson[:2] + "_")), None)
