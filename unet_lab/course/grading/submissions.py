"""What a class handed in: notebooks and exported progress, and whose they are."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import nbformat

from unet_lab.course.exercises import LESSONS

LARGEST = 50_000_000  # bytes of a notebook that is read
_KEPT_OUT = {".ipynb_checkpoints", "__MACOSX", ".git"}


class Submission(NamedTuple):
    """One file: whose, where, and "notebook" or "export"."""

    student: str
    path: Path
    kind: str


class Unreadable(ValueError):
    """A submission that is no notebook; its text says why."""


def find_submissions(folder: str | Path) -> list[Submission]:
    """All notebooks and exported progress files below a folder, in order.

    A file in a subfolder belongs to that subfolder's name (as Moodle and JupyterHub hand them out); one that lies in the folder
    itself to its own name without the notebook's: `ada_07_training.ipynb` is ada's. Raises FileNotFoundError, NotADirectoryError.
    """
    folder = Path(folder)
    if not folder.exists():
        raise FileNotFoundError(f"{folder}: there is no such folder. Give the one that holds what the class handed in.")
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file. Give the folder that holds what the class handed in.")
    return sorted(_found(folder), key=lambda s: (s.student.lower(), s.path))


def _found(folder: Path) -> Iterator[Submission]:
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        hidden = any(part in _KEPT_OUT or part.startswith(("._", "~$")) for part in inside.parts)
        if hidden or path.suffix.lower() not in (".ipynb", ".json"):
            continue
        student = inside.parts[0] if len(inside.parts) > 1 else name_of(path)
        yield Submission(student, path, "notebook" if path.suffix.lower() == ".ipynb" else "export")


def name_of(path: Path) -> str:
    """The student's name out of a file's: what is left when the notebook's own name is taken away."""
    stem = path.stem
    for lesson in LESSONS:
        if lesson in stem:
            rest = stem.replace(lesson, "").strip(" _-.")
            return rest or stem
    return stem


def read_cells(path: Path) -> list[str]:
    """The code cells of a notebook. Raises Unreadable, saying why, for whatever is none."""
    if path.is_symlink():
        raise Unreadable("a link to another file; only what was handed in is read")
    if not path.is_file():
        raise Unreadable("a folder that is called like a notebook")
    if path.stat().st_size > LARGEST:
        raise Unreadable(f"{path.stat().st_size / 1e6:.0f} MB, and at most {LARGEST / 1e6:.0f} are read; clear its outputs")
    if path.stat().st_size == 0:
        raise Unreadable("an empty file")
    try:
        text = path.read_text(encoding="utf-8")
        notebook = nbformat.reads(text, as_version=4)
        return ["".join(cell.source) for cell in notebook.cells if cell.cell_type == "code"]
    except UnicodeDecodeError as error:
        raise Unreadable(f"not UTF-8 text ({error.reason} at byte {error.start}): damaged, or another kind of file") from None
    except RecursionError:
        raise Unreadable("no notebook: nested too deeply") from None
    except Exception as error:  # nbformat has many, of no common kind
        first = str(error).strip().splitlines()
        raise Unreadable(f"no notebook: {first[0][:120] if first else type(error).__name__}") from None


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


def plain_python(code: str) -> str:
    """A cell without the lines that are for IPython: % and ! commands."""

    def kept(line: str) -> str:
        bare = line.lstrip()
        return line[: len(line) - len(bare)] + "pass" if bare.startswith(("%", "!", "?")) else line

    return "\n".join(map(kept, code.splitlines()))


def syntax_error(code: str) -> str:
    """What is wrong with a cell that is no Python; empty where it is."""
    try:
        ast.parse(plain_python(code))
    except SyntaxError as error:
        line = (error.text or "").strip()
        return f"{error.msg} in line {error.lineno}{f': {line[:80]}' if line else ''}"
    except ValueError as error:
        return str(error)
    return ""
