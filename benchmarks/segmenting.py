"""`segment` on a micrograph of 1024 x 1024 against the course as it was before its goals of speed, in processes that take turns.

    .venv/bin/python benchmarks/segmenting.py [ROUNDS]

The older course comes out of git's history; where there is none (a copy without it), there are no rows.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.table import Row, compared

ROOT = Path(__file__).resolve().parents[1]
BEFORE = "9ff8052~1"
CELLS, SIDE = 10, 1024
PROGRAM = """
import json, sys, time
import numpy as np
course, views, cells, side, masks = sys.argv[1:]
sys.path.insert(0, course)
from unet_lab.datasets import generate_cell
from unet_lab.inference import segment
cells = [generate_cell(seed, int(side)).image for seed in range(int(cells))]
found, times = [segment(cell, int(views)) for cell in cells], []
for _ in range(5):
    began = time.perf_counter()
    segment(cells[0], int(views))
    times.append(time.perf_counter() - began)
np.save(masks, np.array(found))
print(json.dumps(times))
"""


def measured(course: Path, views: int, masks: Path) -> list[float]:
    """Seconds for one image, five times, in a process of its own that runs the course of that folder; keeps its masks."""
    line = [sys.executable, "-c", PROGRAM, *map(str, (course, views, CELLS, SIDE, masks))]
    return json.loads(subprocess.run(line, capture_output=True, check=True, text=True).stdout)


def rows(rounds: int = 3) -> list[Row]:
    """Of eight views and of one."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        courses = {"now": ROOT, "before": Path(folder, "course")}
        added = ["git", "worktree", "add", "--detach", str(courses["before"]), BEFORE]
        if subprocess.run(added, cwd=ROOT, capture_output=True).returncode:
            return []
        try:
            for views in (8, 1):
                masks = {name: Path(folder, f"{name}.npy") for name in courses}
                times: dict[str, list[float]] = {name: [] for name in courses}
                for _ in range(rounds):
                    for name, course in courses.items():
                        times[name] += measured(course, views, masks[name])
                same = float((np.load(masks["now"]) == np.load(masks["before"])).mean())
                note = f"{same:.3%} of the pixels of {CELLS} cells are as they were"
                what = f"segment, {SIDE} x {SIDE}, {views} view{'s' * (views > 1)}"
                found.append(compared(what, f"the course at {BEFORE}", times["now"], times["before"], note))
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(courses["before"])], cwd=ROOT, capture_output=True)
    return found


if __name__ == "__main__":
    for row in rows(*map(int, sys.argv[1:])):
        print(row)
