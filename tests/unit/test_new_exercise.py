"""lab.py new-exercise: in all its places, and its own answers are told apart at once."""

import runpy
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT, SOURCES, needs_sources

pytestmark = needs_sources
new_exercise = runpy.run_path(str(ROOT / "scripts" / "new_exercise.py"))["new_exercise"]

TRY = """
import runpy
from unet_lab.course import CHECKS, LESSON_NAMES, checking
assert LESSON_NAMES["08_evaluation"][-1] == "my_check"
own = runpy.run_path("tests/exercises/exercise_my_check.py")
assert checking.judge(CHECKS["my_check"], own["ALSO_RIGHT"]["my_check"]).state == "right"
assert checking.judge(CHECKS["my_check"], lambda values: None).state == "not tried"
for case, (answer, hint) in own["WRONG"]["my_check"].items():
    verdict = checking.judge(CHECKS["my_check"], answer)
    assert verdict.state == "wrong" and hint in verdict.hints[0], case
print(len(own["WRONG"]["my_check"]))
"""


@pytest.fixture
def copy(tmp_path):
    """A copy of what it writes to."""
    shutil.copytree(ROOT / "unet_lab", tmp_path / "unet_lab", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "notebooks" / "source").mkdir(parents=True)
    shutil.copy(SOURCES / "08_evaluation.py", tmp_path / "notebooks" / "source")
    (tmp_path / "tests" / "exercises").mkdir(parents=True)
    shutil.copytree(ROOT / "data", tmp_path / "data")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_a_new_exercise_works_at_once_in_all_its_places(copy):
    written = new_exercise(copy, "08", "my_check")
    assert all(path.is_file() for path in written)
    done = subprocess.run([sys.executable, "-c", TRY], cwd=copy, env={"PYTHONPATH": str(copy)}, capture_output=True, text=True)
    assert done.stdout.strip() == "6", done.stderr
    source = (copy / "notebooks" / "source" / "08_evaluation.py").read_text(encoding="utf-8")
    assert "# ## Exercise 5: my check" in source
    assert source.index('check("my_check", my_my_check);') < source.index("# ## Recap")
    maker = runpy.run_path(str(ROOT / "scripts" / "make_notebooks.py"))
    page = maker["student_notebook"](maker["read_source"](copy / "notebooks" / "source" / "08_evaluation.py"), "08_evaluation")
    (cell,) = (cell.source for cell in page.cells if 'check("my_check"' in cell.source)
    assert "return None" in cell
    assert "sum(values)" not in cell
    for command in (["check"], ["format", "--check"]):
        line = [sys.executable, "-m", "ruff", *command, "--no-cache", "unet_lab/course/exercises", "tests/exercises"]
        done = subprocess.run(line, cwd=copy, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("start", "name", "words"),
    [
        ("08", "iou", "there is such an exercise"),
        ("08", "My-check", "small letters"),
        ("1", "x", "notebooks begin with '1'"),
        ("99", "x", "0 notebooks"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(copy, start, name, words):
    before = {path: path.read_bytes() for path in copy.rglob("*.py")}
    with pytest.raises(ValueError, match=words):
        new_exercise(copy, start, name)
    assert before == {path: path.read_bytes() for path in copy.rglob("*.py")}
