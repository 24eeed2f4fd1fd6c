"""The exercises as `otter assign` takes them: LESSON/LESSON.ipynb, whose raw cells say what is a question, an answer, a test."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat import NotebookNode

from scripts.exercise_pages import Exercise, notebook_of
from scripts.make_notebooks import BEGIN, END

CONFIG = """# ASSIGNMENT CONFIG
name: {lesson}
init_cell: true
export_cell:
    pdf: false
tests:
    ok_format: false"""


def write_for_otter(folder: Path, pages: dict[str, list], points: dict[str, float]) -> str:
    """Write a folder for each of the lessons; returns in a line what to do with one."""
    for lesson, page in pages.items():
        place = folder / lesson
        place.mkdir(parents=True)
        nbformat.write(otter_notebook(lesson, page, points), place / f"{lesson}.ipynb")
    first = next(iter(pages))
    return f"otter assign {first}/{first}.ipynb dist/{first}"


def otter_notebook(lesson: str, page: list[NotebookNode | Exercise], points: dict[str, float]) -> NotebookNode:
    """The page with a question for each exercise."""
    cells = [raw(CONFIG.format(lesson=lesson))]
    for part in page:
        cells += otter_cells(part, points[part.name]) if isinstance(part, Exercise) else [part]
    return notebook_of(cells)


def otter_cells(exercise: Exercise, points: float) -> list[NotebookNode]:
    """A question: its answer, its test; after it, what the page does with the outcome."""
    code = exercise.code.replace(BEGIN, "# BEGIN SOLUTION NO PROMPT").replace(END, "# END SOLUTION")
    question = raw(f"# BEGIN QUESTION\nname: {exercise.name}\npoints: {points:g}")
    answer = [raw("# BEGIN SOLUTION"), nbformat.v4.new_code_cell(code), raw("# END SOLUTION")]
    test = [raw("# BEGIN TESTS"), nbformat.v4.new_code_cell(code_of_test(exercise)), raw("# END TESTS")]
    after = []
    if exercise.follows:
        call = f'passed = check("{exercise.name}", {exercise.answer})'
        after = [nbformat.v4.new_code_cell(f"{call}\n{exercise.follows}")]
    return [question, *answer, *test, raw("# END QUESTION"), *after]


def code_of_test(exercise: Exercise) -> str:
    """Otter's test by exception: a function whose argument it takes from the notebook by its name."""
    lines = [
        f"def test_{exercise.name}({exercise.answer}):",
        "    from unet_lab.course import check",
        "",
        f'    check("{exercise.name}", {exercise.answer}).or_raise()',
    ]
    return "\n".join(lines)


def raw(text: str) -> NotebookNode:
    return nbformat.v4.new_raw_cell(text)
