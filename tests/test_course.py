"""The notebooks that are here and the list of lessons are the same, and so are the exercises in both; links lead to something."""

import re

import nbformat
import pytest

from tests.conftest import ROOT
from unet_lab.course import CHECKS, LESSON_NAMES, check
from unet_lab.course.progress import progress_table

NOTEBOOKS = {path.stem: path for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))}


def texts(path, kind):
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def test_lessons_are_the_notebooks_that_are_here():
    assert list(LESSON_NAMES) == list(NOTEBOOKS)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"(?m)^\| `(\d\d_\w+)`", readme) == list(NOTEBOOKS)
    assert re.findall(r"(?m)^(\d\d_\w+)", progress_table(LESSON_NAMES, {})) == list(NOTEBOOKS)


@pytest.mark.parametrize("stem", NOTEBOOKS)
def test_a_notebook_asks_for_its_exercises(stem):
    code = "\n".join(texts(NOTEBOOKS[stem], "code"))
    assert tuple(re.findall(r"""\bcheck\(["'](\w+)["'],""", code)) == LESSON_NAMES[stem]
    assert "SOLUTION" not in code


@pytest.mark.parametrize("name", CHECKS)
def test_an_exercise_that_is_not_tried_says_so(name, capsys):
    assert not check(name, None)
    assert f"○ {name}: not tried yet" in capsys.readouterr().out


@pytest.mark.parametrize("path", [*NOTEBOOKS.values(), ROOT / "notebooks" / "glossary.ipynb"], ids=lambda path: path.stem)
def test_links_lead_to_pages_that_are_here(path):
    for link in re.findall(r"\]\(([\w./]+\.(?:ipynb|md|png))", "\n".join(texts(path, "markdown"))):
        assert (path.parent / link).exists(), link


@pytest.mark.parametrize("path", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda path: path.name)
def test_pages_lead_to_files_that_are_here(path):
    for link in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / link).exists(), link
