"""The lessons, with the solutions, for a class that lives in nbgrader or Otter-Grader: `lab.py hand-out FOLDER --for …`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from scripts.for_nbgrader import write_for_nbgrader
from scripts.for_otter import write_for_otter
from unet_lab.course.grading import read_points
from unet_lab.files import replace

WRITERS = {"nbgrader": write_for_nbgrader, "otter": write_for_otter}


def hand_out_for(tool: str, folder: Path, lessons: list[str], points: Path | None) -> None:
    """Write the exercises as a tool takes them, all or nothing, and say what to do next. The folder is new, or empty.

    points : the TOML file of `lab.py grade --points`. Raises ValueError, saying what is wrong, for any other.
    """
    worth = read_points(points).points
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{folder.name}.", ignore_cleanup_errors=True) as beside:
        whole = Path(beside) / folder.name
        next_step = WRITERS[tool](whole, lessons, worth)
        if folder.exists():
            folder.rmdir()
        replace(whole, folder)
    count = f"{len(lessons)} notebook{'s' if len(lessons) > 1 else ''}"
    print(f"{folder}: {count} for {tool}, with the solutions: for you, not for students. Next, in that folder: {next_step}")
