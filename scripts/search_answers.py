"""Is an answer in a folder? Each part of each solution and each right answer of the tests is looked for, in any layout.

Harmless is what the library does itself, and what a page teaches: what its source, notebooks/source/NAME.py, holds outside the
marks of solutions. Where only the notebook holds it, somebody solved the exercise there. So an exercise's cell is looked at more
closely: it is what its source makes of it, or, on a lecturer's own page, holds no part of the solution and was not passed.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import html
import re
import runpy
import subprocess
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbformat import NotebookNode

from scripts.make_notebooks import parsed_source
from scripts.solution_marks import SOLUTION, exercise_in, without_solution
from unet_lab.course import LESSONS

HERE = Path(__file__).resolve().parents[1]
SHORTEST = 40  # characters of an answer that is searched for everywhere; shorter ones are words that anybody writes
SEARCHED = (".py", ".md", ".txt", ".toml", ".json", ".yml", ".js")


class Found(NamedTuple):
    """An answer in a file of the folder: what it is, where, in which cell ("" where there are none), whether it is harmless."""

    answer: str
    file: str
    cell: str
    harmless: bool

    def __str__(self) -> str:
        return f"{self.answer}: {self.file}{self.cell and f', {self.cell}'}"


class Taught(NamedTuple):
    """What a lesson's source gives to students, its page and the exercises' cells, and what it does not: parts of solutions."""

    page: str
    cells: dict[str, str]
    parts: dict[str, list[str]]


def flat(code: str) -> str:
    """Code on one line, without blanks and comments."""
    return re.sub(r"\s+", "", re.sub(r"(?m)(?<!['\"])#[^'\"\n]*$", "", code))


def without_imports(code: str) -> str:
    return re.sub(r"(?m)^\s*(from \S+ )?import .*$", "", code)


def source_of(lesson: str) -> str:
    """A lesson's source; where it is missing, the one that git has. Raises ValueError where there is none."""
    path = HERE / "notebooks" / "source" / f"{lesson}.py"
    if path.is_file():
        return path.read_text(encoding="utf-8")
    text = said_by_git("show", f"HEAD:./notebooks/source/{lesson}.py")
    if not text:
        raise ValueError(
            f"notebooks/source/{lesson}.py is missing, and git has none: without it nobody can tell whether "
            f"notebooks/{lesson}.ipynb holds a solution. Put it back, or leave {lesson[:2]} out."
        )
    return text


def said_by_git(*line: str) -> str:
    """What a command of git prints in the course's folder; "" where it fails, or there is no git."""
    try:
        done = subprocess.run(["git", *line], cwd=HERE, capture_output=True, text=True, encoding="utf-8")
    except OSError:
        return ""
    return "" if done.returncode else done.stdout


@functools.cache
def taught_by(lesson: str) -> Taught:
    """Raises ValueError for a source that is missing, or in which an exercise has no marks."""
    source = parsed_source(source_of(lesson), f"{lesson}.py")
    given = [(exercise_in(cell.source), without_solution(cell.source), cell) for cell in source.cells]
    cells = {name: flat(code) for name, code, cell in given if name and cell.cell_type == "code"}
    parts = {
        name: [flat(without_imports(part)) for part in SOLUTION.findall(cell.source)] for name, _, cell in given if name in cells
    }
    return Taught(flat("\n".join(code for _, code, _ in given)), cells, parts)


def right_answers() -> dict[str, str]:
    """What the hand-out is searched for: each part of each solution, and each right answer of the exercises' tests."""
    found, there = {}, {path.stem for path in (HERE / "notebooks" / "source").glob("*.py")}
    for lesson in sorted(there | set(LESSONS)):
        with contextlib.suppress(ValueError):  # a source that is missing: of a lesson that is handed out, taught_by complains
            text = re.sub(r"(?m)^# %%.*$", "", source_of(lesson))
            for number, part in enumerate(SOLUTION.findall(text), 1):
                found[f"solution {number} of {lesson}"] = part
    for path in sorted((HERE / "tests" / "exercises").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith(("test_", "_")):
                found[f"{node.name} of {path.name}"] = ast.get_source_segment(text, node)
    found = {name: without_imports(code) for name, code in found.items()}
    return {name: code for name, code in found.items() if len(flat(code)) >= SHORTEST}


def own_pages() -> set[str]:
    """The pages that a lecturer has made her own. Raises ValueError for a list that names none."""
    return runpy.run_path(str(HERE / "tests" / "own_pages.py"))["OWN"]


def answers_in(folder: Path, answers: dict[str, str], own: Collection[str] = ()) -> list[Found]:
    """Which of these answers stand in the files of a folder, and which exercises are solved on its pages; own : by lecturers."""
    wanted, found = {name: flat(code) for name, code in answers.items()}, []
    for path in sorted(folder.rglob("*")):
        file = path.relative_to(folder).as_posix()
        if path.suffix == ".ipynb":
            notebook = nbformat.read(path, as_version=4)
            taught = taught_by(path.stem) if path.stem in LESSONS else Taught("", {}, {})
            solved = list(solved_exercises(notebook, file, taught, path.stem in own))
            places = {one.cell for one in solved}
            found += [*solved, *(one for one in in_cells(notebook, file, wanted, taught) if one.cell not in places)]
        elif path.suffix in SEARCHED:
            text = flat(path.read_text(encoding="utf-8", errors="replace"))
            found += [Found(name, file, "", file.startswith("unet_lab/")) for name, code in wanted.items() if code in text]
    return found


def in_cells(notebook: NotebookNode, file: str, wanted: dict[str, str], taught: Taught) -> Iterator[Found]:
    """Answers in a notebook's cells, of text too; an answer that goes over several has no place."""
    texts = {name_of(cell, number): flat(plain(cell)) for number, cell in enumerate(notebook.cells, 1)}
    whole = "".join(texts.values())
    for name, code in wanted.items():
        places = [place for place, text in texts.items() if code in text]
        for place in places or ([""] if code in whole else []):
            yield Found(name, file, place, code in taught.page)


def solved_exercises(notebook: NotebookNode, file: str, taught: Taught, own: bool) -> Iterator[Found]:
    """Exercises' cells in which more stands than students are to get."""
    for number, cell in enumerate(notebook.cells, 1):
        name = exercise_in(cell.source) if cell.cell_type == "code" else None
        if name is None:
            continue
        said = "".join(output.get("text", "") for output in cell.outputs)
        if holds_more(flat(cell.source), name, taught, own):
            yield Found(f"the exercise {name} is not as students are to get it", file, name_of(cell, number), False)
        elif f"✓ {name}:" in said:
            yield Found(f"the exercise {name} was passed in it: see its output", file, name_of(cell, number), False)


def holds_more(code: str, name: str, taught: Taught, own: bool) -> bool:
    """Whether an exercise's cell is not what its source makes of it; on a lecturer's own page, whether a solution is in it."""
    given = taught.cells.get(name)
    if given is None:  # her own exercise, or one of another page
        return False
    return any(part in code and part not in given for part in taught.parts[name]) if own else code != given


def name_of(cell: NotebookNode, number: int) -> str:
    """A cell as one finds it on the page: its place among all cells, and its first line."""
    first = next((line.strip() for line in cell.source.splitlines() if line.strip()), "")
    return f"cell {number} ({first[:60]})"


def plain(cell: NotebookNode) -> str:
    """A cell's code; of a text, also what it quotes or writes as HTML."""
    return cell.source if cell.cell_type == "code" else re.sub(r"(?m)^[ >]*>", "", html.unescape(cell.source))
