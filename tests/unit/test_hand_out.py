"""What students get: chosen notebooks that lead to each other, its own tests pass, and no answer is in it."""

import os
import re
import runpy
import subprocess
import sys
import zipfile

import nbformat
import pytest

from tests.conftest import ROOT, needs_sources

MAKER = runpy.run_path(str(ROOT / "scripts" / "hand_out.py"))
CHOSEN = ["01_the_images", "05_the_whole_u", "08_evaluation"]

pytestmark = needs_sources


@pytest.fixture(scope="module")
def handed_out(tmp_path_factory):
    """The folder that `lab.py hand-out students 01 05 08 --zip` makes, and what it says."""
    where = tmp_path_factory.mktemp("class")
    line = [sys.executable, str(ROOT / "scripts" / "hand_out.py"), "students", "01", "05", "08", "--zip"]
    done = subprocess.run(line, env=os.environ | {"UNET_LAB_CALLED_FROM": str(where)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return where / "students", done.stdout


def ran(folder, *line):
    done = subprocess.run(
        [sys.executable, "-m", *line], cwd=folder, env=os.environ | {"PYTHONPATH": str(folder)}, capture_output=True, text=True
    )
    return done.stdout + done.stderr if done.returncode else ""


def test_what_tells_an_answer_is_left_out(handed_out):
    folder, _ = handed_out
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    for left_out in (
        "notebooks/solutions",
        "notebooks/source",
        "tests/exercises",
        ".git",
        "unet_lab/course/grading",
        "docs/teaching.md",
    ):
        assert left_out not in names
    assert {name for name in names if name.endswith(".ipynb")} == {f"notebooks/{n}.ipynb" for n in [*CHOSEN, "glossary"]}
    assert "unet_lab/course/exercises/evaluation.py" in names
    assert "unet_lab/course/exercises/training.py" not in names
    missing = re.compile(
        r"course\.grading|scripts/(grade|hand_out|new_exercise|make_notebooks)|\"scripts\" / \"(grade|hand_out|make_n)"
    )
    for path in (folder / "tests").rglob("*.py"):  # each of its tests finds what it tests
        assert not missing.search(path.read_text(encoding="utf-8")), path
    with zipfile.ZipFile(f"{folder}.zip") as archive:
        assert {name.removeprefix("students/").rstrip("/") for name in archive.namelist()} - {""} == names


def test_no_answer_is_found_in_it_but_what_the_lesson_itself_shows(handed_out):
    folder, said = handed_out
    answers = MAKER["right_answers"]()
    assert len(answers) > 100
    assert all(MAKER["is_taught"](line) for line in MAKER["answers_in"](folder, answers))
    assert "FOUND" not in said
    for path in folder.rglob("*.md"):
        assert not re.search(r"\bsolutions?\b", path.read_text(encoding="utf-8")), path


def test_an_answer_that_is_in_it_is_found(tmp_path):
    """In any layout, in a notebook or a module."""
    answers = MAKER["right_answers"]()
    first, second, *_ = (name for name in answers if name.startswith("solution"))
    cell = nbformat.v4.new_code_cell("# look:\n" + answers[first].replace("\n", "\n    "))
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "a.ipynb")
    (tmp_path / "b.py").write_text("x = 1\n" + answers[second], encoding="utf-8")
    found = MAKER["answers_in"](tmp_path, answers)
    assert {f"{first}: a.ipynb", f"{second}: b.py"} <= set(found)
    assert not any(map(MAKER["is_taught"], found))


def test_its_own_tests_of_the_course_pass_and_ruff_is_content(handed_out):
    folder, _ = handed_out
    tests = ("tests/test_course.py", "tests/unit/test_predictions.py", "tests/unit/test_architecture.py")
    assert not ran(folder, "pytest", "-q", "-p", "no:cacheprovider", *tests)
    aside = runpy.run_path(str(ROOT / "lab.py"), run_name="lab")["own_pages_aside"]()
    assert not ran(folder, "ruff", "check", "--no-cache", ".", *aside)
    assert not ran(folder, "ruff", "format", "--no-cache", "--check", "-q", ".", *aside)


@pytest.mark.our_text(*CHOSEN)
def test_pages_lead_to_the_chosen_notebook_before_and_after(handed_out):
    folder, _ = handed_out
    first, last = (nbformat.read(folder / "notebooks" / f"{name}.ipynb", 4).cells for name in (CHOSEN[0], CHOSEN[-1]))
    assert re.search(r"\*About \d+ minutes\. Next: \[05 · The whole U\]\(05_the_whole_u\.ipynb\)\*", first[0].source)
    assert re.search(r"\*About \d+ minutes\. Back: \[05 · The whole U\]\(05_the_whole_u\.ipynb\)\*", last[0].source)
    text = "\n".join(cell.source for cell in last)
    assert "Next:" not in text
    assert "09_looking_inside" not in text


def test_lab_py_has_the_commands_that_are_there(handed_out):
    folder, _ = handed_out
    lab = runpy.run_path(str(folder / "lab.py"), run_name="lab")
    assert not {"grade", "hand-out", "make-notebooks"} & set(lab["COMMANDS"])
    assert {"test", "run", "progress"} <= set(lab["COMMANDS"])
    assert "01_the_images.ipynb" in (folder / "lab.py").read_text(encoding="utf-8")
    assert "lab.py grade" not in lab["__doc__"]


def test_a_folder_with_something_in_it_and_a_name_that_is_none_are_refused(tmp_path):
    (tmp_path / "precious.txt").touch()
    with pytest.raises(FileExistsError, match="is there already"):
        MAKER["hand_out"](tmp_path, CHOSEN)
    with pytest.raises(ValueError, match="no notebook begins with '99'; there are 00_start_here"):
        MAKER["chosen_lessons"](["08", "99"])
    assert [lesson[:2] for lesson in MAKER["chosen_lessons"](["08", "00"])] == ["00", "08"]
