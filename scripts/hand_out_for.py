"""The lessons, with the solutions, for a class that lives in nbgrader or Otter-Grader: `lab.py hand-out FOLDER --for …`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from nbformat import NotebookNode

from scripts.exercise_pages import Exercise, exercise_page, exercises_only, titles_of
from scripts.for_nbgrader import write_for_nbgrader
from scripts.for_otter import write_for_otter
from unet_lab.course.grading import read_points
from unet_lab.files import replace

WRITERS = {"nbgrader": write_for_nbgrader, "otter": write_for_otter}


def hand_out_for(tool: str, folder: Path, lessons: list[str], points: Path | None, only_exercises: bool) -> None:
    """Write the lessons as a tool takes them, all or nothing, and say what to do next. The folder is new, or empty.

    points : the TOML file of `lab.py grade --points`. Raises ValueError, saying what is wrong, for any other.
    only_exercises : leave the rest of each lesson out.
    """
    worth = read_points(points).points
    pages = pages_for(tool, lessons, only_exercises)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{folder.name}.", ignore_cleanup_errors=True) as beside:
        whole = Path(beside) / folder.name
        next_step = WRITERS[tool](whole, pages, worth)
        if folder.exists():
            folder.rmdir()
        replace(whole, folder)
    count = f"{len(lessons)} notebook{'s' if len(lessons) > 1 else ''}"
    print(f"{folder}: {count} for {tool}, with the solutions: for you, not for students. Next, in that folder: {next_step}")


def pages_for(tool: str, lessons: list[str], only_exercises: bool) -> dict[str, list[NotebookNode | Exercise]]:
    """The pages of these lessons, linked where the tool says how they will lie: nbgrader does, Otter does not."""
    titles, pages = titles_of(lessons), {}
    for lesson, title in titles.items():
        page = exercise_page(lesson, titles if tool == "nbgrader" else {lesson: title})
        pages[lesson] = exercises_only(page, title) if only_exercises else page
    return pages
