"""What pip would install: the wheel is built, unpacked somewhere else, and used from another folder with a home of its own."""

import os
import subprocess
import sys
import zipfile

import pytest

from tests.conftest import ROOT

USE = """
import pathlib, sys
import numpy as np
import unet_lab
from unet_lab import UNet, generate_cell, predict, segment
from unet_lab.course import check, show_progress
from unet_lab.course.progress import load_progress, progress_file
from unet_lab.datasets import load_cells
from unet_lab.explorers import explore_samples
from unet_lab.training import load_outcomes
from unet_lab.weights import load_pretrained

where = pathlib.Path(unet_lab.__file__)
assert where.is_relative_to(sys.argv[1]), where
cell = generate_cell(seed=3, size=64)
assert (segment(cell.image) == cell.mask).mean() > 0.8
assert predict(load_pretrained(), cell.image).shape == (64, 64)
assert len(load_cells()) > 10
assert explore_samples(load_cells().subset([0, 1])).png.startswith(b"\\x89PNG")
assert len(load_outcomes()[1]) > 5
assert check("read_shape", {"images": 2, "classes": 3, "height": 64, "width": 96})
show_progress()
print("kept in", progress_file(), load_progress())
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, as `pip wheel . --no-deps` builds it, without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    line = [sys.executable, "-m", "pip", "wheel", str(ROOT), "--no-deps", "--no-build-isolation", "--no-index", "-w", str(folder)]
    done = subprocess.run([*line, "-q"], capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The folder in which the wheel lies unpacked, as in site-packages; nothing may write there."""
    folder = tmp_path_factory.mktemp("site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def use(installed, home, script=USE):
    environment = {name: value for name, value in os.environ.items() if name not in ("UNET_LAB_PROGRESS", "XDG_DATA_HOME")}
    environment |= {"PYTHONPATH": str(installed), "HOME": str(home), "USERPROFILE": str(home), "LOCALAPPDATA": str(home)}
    elsewhere = installed.parent
    line = [sys.executable, "-c", script, str(installed)]
    return subprocess.run(line, capture_output=True, text=True, cwd=elsewhere, env=environment)


def files_in(folder):
    return sorted(path for path in folder.rglob("*") if "__pycache__" not in path.parts)


def test_what_is_in_it(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert wheel.name.startswith("unet_lab-1.")
    assert "unet_lab/py.typed" in names
    assert any(name.startswith("unet_lab/data/weights/") for name in names)
    assert any(name.startswith("unet_lab/data/cells/") for name in names)
    assert any(name.endswith(".js") for name in names)
    assert all(name.startswith(("unet_lab/", "unet_lab-1.")) for name in names)  # no tests, no notebooks
    (metadata,) = (name for name in names if name.endswith("METADATA"))
    text = zipfile.ZipFile(wheel).read(metadata).decode()
    for line in (
        "Author: U-Net Lab contributors",
        "License-Expression: MIT",
        "Requires-Python: >=3.11",
        "Classifier: Typing :: Typed",
    ):
        assert line in text


def test_everything_works_from_it_and_progress_is_kept_at_home(installed, tmp_path):
    before = files_in(installed)
    done = use(installed, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✓ read_shape: right." in done.stdout
    assert f"kept in {tmp_path}" in done.stdout
    assert "'read_shape': {'tries': 0, 'passed'" in done.stdout
    assert (
        sorted(path for path in installed.rglob("*") if "__pycache__" not in path.parts) == before
    )  # nothing beside the package


def test_without_a_home_a_check_still_gives_its_verdict(installed, tmp_path):
    home = tmp_path / "home"
    home.touch()  # a file: nothing can be made below it
    script = (
        "from unet_lab.course import check\n"
        "assert check('read_shape', {'images': 2, 'classes': 3, 'height': 64, 'width': 96})\n"
        "check('read_shape', {'images': 2})"
    )
    done = use(installed, home, script)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✓ read_shape: right." in done.stdout
    assert done.stdout.count("Your progress is not kept") == 1
