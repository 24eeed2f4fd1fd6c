"""README, CONTRIBUTING and what else is read outside of Python: short, and true of what is there."""

import ast
import importlib
import json
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.unit.test_architecture import PACKAGE, ROOMS

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAPERS = ["README.md", "CONTRIBUTING.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]


def test_the_readme_is_short_and_begins_with_the_command():
    lines = README.splitlines()
    assert len(lines) <= 150
    assert "python3 lab.py" in lines[:20]
    assert "python3 lab.py test" in lines


def test_the_readme_names_every_room_and_every_notebook():
    for room in ROOMS:
        if (PACKAGE / f"{room}.py").exists() or (PACKAGE / room).is_dir():
            assert f"| `{room}" in README, room
    for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        assert f"| `{path.stem}` |" in README, path.stem


@pytest.mark.parametrize("paper", PAPERS)
def test_what_a_paper_points_to_is_there(paper):
    text = (ROOT / paper).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", text):
        assert ((ROOT / paper).parent / target).exists(), target
    for name in re.findall(r"`((?:unet_lab|tests|scripts|benchmarks|notebooks|docs|data)/[\w./-]+)`", text):
        if not any(word in name for word in ("NAME", "NN_", "jurkat", "own_pages.txt")):  # made by whoever needs it
            assert (ROOT / name).exists(), name


@pytest.mark.parametrize("paper", PAPERS)
def test_the_python_in_a_paper_can_be_read_and_its_imports_exist(paper):
    text = (ROOT / paper).read_text(encoding="utf-8")
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("unet_lab"):
                module = importlib.import_module(node.module)
                assert all(hasattr(module, alias.name) for alias in node.names), ast.unparse(node)


def test_the_readmes_road_works(tmp_path, monkeypatch):
    """The dozen lines about your own images, as they stand there, on a folder of colour images of several sizes."""
    import numpy as np
    from PIL import Image

    drawn = np.random.default_rng(0)
    for folder in ("my/images", "my/masks"):
        (tmp_path / folder).mkdir(parents=True)
    for number in range(6):
        height, width = drawn.integers(60, 90, 2)
        y, x = np.mgrid[:height, :width]
        inside = (y - height / 2) ** 2 + (x - width / 2) ** 2 < (12 + number) ** 2
        image = np.where(inside[..., None], (150, 60, 160), (220, 215, 220)) + drawn.normal(0, 9, (height, width, 3))
        Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(tmp_path / f"my/images/cell_{number}.png")
        Image.fromarray((255 * inside).astype(np.uint8)).save(tmp_path / f"my/masks/cell_{number}.png")
    (block,) = (b for b in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "load_folder" in b)
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(
        compile(block.replace("epochs=10", "epochs=1").replace("base_channels=16", "base_channels=4"), "README.md", "exec"), names
    )
    assert names["pairs"].channels == names["model"].in_channels
    assert names["mask"].shape == names["test"].pairs[0].image.shape[:2]


def test_the_workflow_is_what_its_schema_says():
    workflow = ROOT / ".github" / "workflows" / "test.yml"
    line = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(workflow)]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    text = workflow.read_text(encoding="utf-8")
    assert "python lab.py test" in text
    for word in ("ubuntu", "macos", "windows", "3.11", "3.12", "3.13"):
        assert word in text


def test_the_version_is_the_same_everywhere():
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)[1]
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"version: {version}" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_contributing_is_short():
    assert len((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines()) <= 60


def test_the_shipped_card_and_the_ablations_can_be_read():
    for name in ("weights/small.json", "ablations.json", "losses.json"):
        assert json.loads((ROOT / "data" / name).read_text(encoding="utf-8"))
