"""The exercises as nbgrader takes them: source/LESSON/LESSON.ipynb, and the course's nbgrader_config.py."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat import NotebookNode

from scripts.exercise_pages import Exercise, notebook_of

CONFIG = '''"""Settings of nbgrader for the exercises of U-Net Lab."""

import os

os.environ.setdefault("UNET_LAB_PROGRESS", "off")  # what is passed while marking is nobody's progress

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "unet_lab"
c.ClearSolutions.code_stub = {"python": ""}  # what is left is a whole function already
c.Execute.timeout = 300  # seconds that one cell may take; some cells train a network
'''


def write_for_nbgrader(folder: Path, pages: dict[str, list], points: dict[str, float]) -> str:
    """Write nbgrader's folder of a course, from the pages of lessons; returns in a line what to do with it."""
    for lesson, page in pages.items():
        place = folder / "source" / lesson
        place.mkdir(parents=True)
        nbformat.write(nbgrader_notebook(page, points), place / f"{lesson}.ipynb")
    (folder / "nbgrader_config.py").write_text(CONFIG, encoding="utf-8", newline="\n")
    return f"nbgrader generate_assignment {next(iter(pages))}"


def nbgrader_notebook(page: list[NotebookNode | Exercise], points: dict[str, float]) -> NotebookNode:
    """The page with a cell to write in and a locked test for each exercise."""
    cells = []
    for part in page:
        cells += nbgrader_cells(part, points[part.name]) if isinstance(part, Exercise) else [part]
    return notebook_of(cells)


def nbgrader_cells(exercise: Exercise, points: float) -> list[NotebookNode]:
    """The answer's cell and the test's, which carries the exercise's name."""
    answer = nbformat.v4.new_code_cell(exercise.code)
    answer.metadata["nbgrader"] = nbgrader_metadata(f"{exercise.name}-answer", solution=True)
    test = nbformat.v4.new_code_cell(code_of_test(exercise))
    test.metadata["nbgrader"] = nbgrader_metadata(exercise.name, solution=False) | {"points": points}
    return [answer, test]


def nbgrader_metadata(grade_id: str, solution: bool) -> dict:
    """Version 3 of nbgrader's schema: a cell to write in, or a test that is graded and locked."""
    kind = {"grade": not solution, "solution": solution, "locked": not solution, "task": False}
    return {"schema_version": 3, "grade_id": grade_id} | kind


def code_of_test(exercise: Exercise) -> str:
    """A test that raises where the answer is wrong; `check` is imported anew, whatever an answer made of it."""
    call = f'check("{exercise.name}", {exercise.answer})'
    lines = [f"passed = {call}", exercise.follows, "passed.or_raise()"] if exercise.follows else [f"{call}.or_raise()"]
    return "\n".join(["from unet_lab.course import check", "", *lines])
