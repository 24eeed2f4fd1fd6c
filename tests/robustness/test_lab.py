"""lab.py in each situation that its users meet, in copies of the project, with the real programs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

PYTHON = getattr(sys, "_base_executable", sys.executable)
FILES = ["lab.py", "pyproject.toml", "constraints.txt", "README.md", "LICENSE"]


def lab(folder, *arguments, python=PYTHON, **environment):
    """Run lab.py there, with a pip that reaches no index unless the test says otherwise."""
    offline = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0"}
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "PYTHON", "VIRTUAL_ENV", "COV_"))}
    line = [python, str(folder / "lab.py"), *arguments]
    done = subprocess.run(line, capture_output=True, text=True, env=env | offline | environment, timeout=300, cwd=folder.parent)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def copy(tmp_path):
    """The project's set-up files in an empty folder whose name has a space and an umlaut."""
    folder = tmp_path / "mein Übungslab"
    folder.mkdir()
    for name in FILES:
        shutil.copy(ROOT / name, folder)
    return folder


def test_help_says_all_commands(copy):
    code, out, _ = lab(copy, "--help")
    assert code == 0
    for word in ("test", "run", "train-small", "make-cells", "--no-browser"):
        assert word in out
    assert not (copy / ".venv").exists()


def test_no_network_is_one_line_and_the_next_start_begins_afresh(copy):
    for _ in range(2):  # the second start finds a half-made .venv
        code, out, err = lab(copy)
        assert code == 1
        assert err.startswith("lab.py: PyTorch could not be installed; the package index could not be reached.")
        assert len(err.strip().splitlines()) == 1
        assert not (copy / ".venv" / "ready-for-lab.py").exists()
    assert "Clearing a .venv that is half-made" in out


def test_a_foreign_venv_is_moved_aside_not_deleted(copy):
    (copy / ".venv").mkdir()
    (copy / ".venv" / "precious.txt").write_text("mine")
    _, out, _ = lab(copy)
    assert "moved it to .venv-aside-1" in out
    assert (copy / ".venv-aside-1" / "precious.txt").read_text() == "mine"


@pytest.mark.skipif(os.name == "nt", reason="the old Pythons that this test looks for are found by their Unix names")
def test_an_old_python_gets_one_line(copy):
    known = [shutil.which(f"python{v}") for v in ("2.7", "3.6", "3.8", "3.9", "3.10")]
    known += [str(p) for p in Path.home().glob(".pyenv/versions/*/bin/python")]
    new = [f"3.{minor}." for minor in range(11, 30)]
    known = [path for path in known if path and not any(f"/{v}" in path for v in new)]
    old = [path for path in known if subprocess.run([path, "-c", ""], capture_output=True).returncode == 0]
    if not old:
        pytest.skip("no Python older than 3.11 on this machine")
    for python in old:
        code, _, err = lab(copy, python=python)
        assert code == 1
        assert "and the course needs 3.11 to 3.13" in err
        assert len(err.strip().splitlines()) == 1


def test_a_full_disk_is_one_line(copy):
    text = (copy / "lab.py").read_text(encoding="utf-8").replace("NEEDED_GB = 3.0", "NEEDED_GB = 3e9")
    (copy / "lab.py").write_text(text, encoding="utf-8")
    code, _, err = lab(copy)
    assert code == 1
    assert "GB are free on the disk of" in err
    assert len(err.strip().splitlines()) == 1
    assert not (copy / ".venv").exists()


def test_a_damaged_list_of_packages_is_named(copy):
    (copy / "constraints.txt").write_text("")
    code, _, err = lab(copy)
    assert code == 1
    assert "constraints.txt has no line that begins with torch==" in err


def test_a_second_lab_py_waits_for_the_first_and_then_looks_again(copy):
    hold = "import runpy,sys; m=runpy.run_path(sys.argv[1]); f=open(m['LOCK'],'a'); print(m['try_lock'](f),flush=True); input()"
    first = subprocess.Popen([PYTHON, "-c", hold, str(copy / "lab.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert first.stdout.readline().strip() == "True"
    environment = {**os.environ, "PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_CONFIG_FILE": os.devnull}
    line = [PYTHON, str(copy / "lab.py")]
    second = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    assert second.stdout.readline() == "Another lab.py is setting up in this folder: waiting for it.\n"
    assert not (copy / ".venv").exists()
    first.kill()  # however the first ends, its lock is gone
    first.communicate()
    out, err = second.communicate(timeout=300)
    assert "Setting up in" in out
    assert "could not be installed" in err  # no network here


@pytest.fixture
def ready(copy):
    """A copy that believes to be set up with this very environment (an entry to it, not another installation)."""
    lab_py = {"__name__": "lab", "__file__": str(copy / "lab.py")}
    exec(compile((copy / "lab.py").read_text(encoding="utf-8"), "lab.py", "exec"), lab_py)
    folder = Path(lab_py["PYTHON"]).parent
    folder.mkdir(parents=True)
    script = f'#!/bin/sh\nexec "{sys.executable}" "$@"\n'
    Path(lab_py["PYTHON"]).write_text(script)
    Path(lab_py["PYTHON"]).chmod(0o755)
    probe = "import runpy,sys; m=runpy.run_path(sys.argv[1]); print(m['fingerprint']()); print(m['interpreter']())"
    out = subprocess.run([PYTHON, "-c", probe, str(copy / "lab.py")], capture_output=True, text=True, check=True).stdout
    fingerprint, interpreter = out.splitlines()
    (copy / ".venv" / "ready-for-lab.py").write_text(fingerprint)
    (copy / ".venv" / "made-by-lab.py").write_text(interpreter)
    return copy


@pytest.mark.skipif(os.name == "nt", reason="stands in for .venv by a shell script")
def test_a_second_start_installs_nothing_and_unknown_commands_are_named(ready):
    code, out, err = lab(ready, "tset")
    assert code == 1
    assert "installing" not in out
    assert "there is no command 'tset'; there are: test, run, ablations, benchmark, card, grade, hand-out" in err
    assert "Setting up" not in out


@pytest.mark.skipif(os.name == "nt", reason="stands in for .venv by a shell script")
def test_a_changed_list_of_packages_is_installed_without_starting_over(ready):
    (ready / "constraints.txt").write_text((ready / "constraints.txt").read_text() + "\n# changed\n")
    _, out, _ = lab(ready, "test")
    assert "The list of packages has changed" in out
    assert "Clearing" not in out


@pytest.mark.skipif(os.name == "nt", reason="stands in for .venv by a shell script")
def test_a_moved_folder_gets_a_new_environment(ready, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    ready.rename(elsewhere)
    _, out, err = lab(elsewhere, "test")
    assert "made by another Python or in another place" in out
    assert "PyTorch could not be installed" in err  # the set-up began afresh; here it has no network


@pytest.mark.skipif(os.name == "nt", reason="stands in for .venv by a shell script")
def test_run_writes_pages_and_a_table_and_names_failures(ready):
    (ready / "notebooks").mkdir()
    shutil.copytree(ROOT / "scripts", ready / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    import nbformat
    from nbformat.v4 import new_code_cell, new_notebook

    for name, source in (("00_good", "print(6 * 7)"), ("01_bad", "1 / 0")):
        nbformat.write(new_notebook(cells=[new_code_cell(source)]), ready / "notebooks" / f"{name}.ipynb")
    before = (ready / "notebooks" / "00_good.ipynb").read_bytes()
    code, out, _ = lab(ready, "run")
    assert code == 1
    assert "FAILED: ZeroDivisionError: division by zero" in out
    assert out.splitlines()[0].split() == ["notebook", "seconds", "peak", "MiB", "result"]
    assert "<pre>42" in (ready / "build" / "00_good.html").read_text(encoding="utf-8")
    assert (ready / "notebooks" / "00_good.ipynb").read_bytes() == before
    code, out, _ = lab(ready, "run", "00", "--update")
    assert code == 0
    assert "passed" in out
    updated = nbformat.read(ready / "notebooks" / "00_good.ipynb", 4)
    assert updated.cells[0].outputs[0].text == "42\n"
    code, _, err = lab(ready, "run", "77")
    assert code == 1
    assert "no notebook begins with '77'; there are 00_good, 01_bad" in err
