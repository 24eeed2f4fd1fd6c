"""Submissions in containers: what docker and podman are told, and, where one of them runs and has the image, what they do."""

import shutil
import stat
import subprocess
import sys

import pytest

from tests.conftest import SOURCES

if not SOURCES.exists():
    pytest.skip("notebooks/source/ was left out of this copy: nothing to hand in", allow_module_level=True)

from tests.unit.test_grading import CLASS, DEF, WRONG, notebook
from unet_lab.course.grading import IMAGE, TOOLS, Limits, container_hosts, find_submissions, grade, prepare
from unet_lab.course.grading.containers import CLOSED
from unet_lab.course.progress import COURSE

STAND_IN = """#!{python}
import os, pathlib, subprocess, sys
arguments, here = sys.argv[1:], pathlib.Path(__file__).parent
with open(here / "told", "a") as told:
    told.write(" ".join(arguments) + chr(10))
if arguments[0] == "run" and "broken" in arguments:
    sys.exit("no room for a container")
if arguments[0] == "run":
    shown = next(a for a in arguments if a.startswith("--volume=")).removeprefix("--volume=").split(":")[0]
    os.execv({python!r}, [{python!r}, *arguments[arguments.index("python") + 1 : -1], shown])
sys.exit(arguments[:2] == ["image", "inspect"] and arguments[2] == "missing")
"""


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """A program called docker, which notes what it is told and runs the marker's part beside the tests."""
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(STAND_IN.format(python=sys.executable))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return program


def hand_in(folder, students):
    texts = {"ada": notebook(), "bob": notebook(WRONG["iou"]), "raj": CLASS["raj"]}
    two = [(f'check("{name}"', f'print("{name}"') for name in ("audit", "interval")]  # a container for each that is asked for
    texts["eve"] = notebook((DEF, "while True: pass\n" + DEF), *two)
    for student, text in ((student, texts[student]) for student in students):
        (folder / student).mkdir(parents=True)
        (folder / student / "08_evaluation.ipynb").write_text(text, encoding="utf-8")
    return find_submissions(folder)


def marks(submissions, tool, seconds=10):
    limits = Limits(seconds=seconds)
    rows = [row for found in grade(submissions, limits, 1, container_hosts(tool, IMAGE, limits)) for row in found]
    of = lambda student: "".join(row.state[0] for row in rows if row.student == student and row.state != "flag" and row.exercise)  # noqa: E731
    return {submission.student: of(submission.student) for submission in submissions}, rows


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for docker is a script with a #! line")
def test_each_submission_has_a_container_that_is_closed(stand_in, tmp_path):
    assert marks(hand_in(tmp_path / "class", ["bob"]), "docker", 60)[0] == {"bob": "rwrr"}
    found, rows = marks(hand_in(tmp_path / "later", ["eve"]), "docker", 3)
    assert found["eve"][0] == "e"  # her time ran out there; the others are tried alone, in what time is left
    assert set(found["eve"]) <= {"e", "r"}
    assert any("stopped after 3 seconds" in row.finding for row in rows)
    told = (stand_in.parent / "told").read_text().splitlines()
    runs = [line for line in told if line.startswith("run ")]
    assert len(runs) >= 2
    assert all(option in line for line in runs for option in ["--rm", IMAGE, *CLOSED])
    assert all(":/handed-in:ro" in line for line in runs)
    names = [word.removeprefix("--name=") for line in runs for word in line.split() if word.startswith("--name=")]
    assert len(set(names)) == len(runs)
    assert {line.split()[1] for line in told if line.startswith("kill ")} == set(names), "none is left behind"


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for docker is a script with a #! line")
def test_what_does_not_work_is_said_before_anything_is_marked(stand_in, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="has no such image"):
        prepare("docker", "missing", COURSE)
    with pytest.raises(ValueError, match="does not start in it: no room for a container"):
        prepare("docker", "broken", COURSE)
    prepare("docker", "there", COURSE)
    stand_in.write_text("#!/bin/sh\necho cannot connect to the daemon >&2; exit 1\n")
    with pytest.raises(ValueError, match="does not work here: cannot connect to the daemon"):
        prepare("docker", IMAGE, COURSE)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match="podman is not installed here"):
        prepare("podman", IMAGE, COURSE)


@pytest.mark.parametrize("tool", TOOLS)
def test_a_real_container_marks_as_without_one(tmp_path, tool):
    if not shutil.which(tool) or subprocess.run([tool, "image", "inspect", IMAGE], capture_output=True).returncode != 0:
        pytest.skip(f"there is no {tool} here with the image {IMAGE}, which lab.py grade FOLDER --container {tool} builds")
    try:
        prepare(tool, IMAGE, COURSE)
    except ValueError as why:
        pytest.skip(str(why))
    found, _ = marks(hand_in(tmp_path / "class", ["ada", "bob", "raj", "eve"]), tool)
    assert found == {"ada": "rrrr", "bob": "rwrr", "raj": "rrrr", "eve": "eeee"}
