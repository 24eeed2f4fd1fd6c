"""A lecturer's copy: pages that she translated or changed pass the tests that they should, and pages that were broken do not."""

import ast
import os
import re
import runpy
import shutil
import subprocess
import sys

import nbformat
import pytest

from tests.conftest import ROOT, SOURCES, needs_sources
from tests.own_pages import HOW_TO_OWN, LAST, read_own_pages

TRANSLATED, CHANGED = "01_the_images", "08_evaluation"
KEPT = re.compile(r"```.*?```|`[^`]*`|\]\([^)]*\)|<[^>]+>|https?://\S+|\$[^$]*\$", re.DOTALL)  # what a translator leaves alone
GERMAN = {"the": "die", "and": "und", "you": "du", "exercise": "Aufgabe", "recap": "Rückblick", "question": "Frage", "of": "von"}
GERMAN |= {
    "minutes": "Minuten",
    "predict": "sag voraus",
    "explore": "erkunden",
    "next": "weiter",
    "back": "zurück",
    "need": "brauchst",
}


def in_german(text: str) -> str:
    """Every word of a text another one; code, addresses and tags as they were."""

    def word(found: re.Match) -> str:
        return GERMAN.get(found[0].lower(), f"{found[0]}heit")

    out, place = "", 0
    for kept in KEPT.finditer(text):
        out += re.sub(r"[A-Za-z]{2,}", word, text[place : kept.start()]) + kept[0]
        place = kept.end()
    return out + re.sub(r"[A-Za-z]{2,}", word, text[place:])


def printing_german(code: str) -> str:
    """A cell whose printed sentences are translated, where they are plain strings."""
    said = [
        argument
        for node in ast.walk(ast.parse(code.replace("%", "#", 1) if code.startswith("%") else code))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
        for argument in node.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    ]
    for argument in said:
        code = code.replace(f'"{argument.value}"', f'"{in_german(argument.value)}"')
    return code


def translated(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    for cell in notebook.cells:
        cell.source = printing_german(cell.source) if cell.cell_type == "code" else in_german(cell.source)
    return notebook


def changed(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Without the recap and its first explorer's section, with a section and a figure of the lecturer's own; not run again."""
    section, kept = "", []
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            section = cell.source.splitlines()[0]
        if not section.startswith(("## Recap", "## Predict first", "## A case")):
            kept.append(cell)
    own = "import matplotlib.pyplot as plt\nfigure, axes = plt.subplots()\naxes.plot([1, 4, 9])\naxes.set_title('ours')"
    kept += [nbformat.v4.new_markdown_cell("### Our own data"), nbformat.v4.new_code_cell(own)]
    notebook.cells = kept
    return notebook


def broken(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """One of its exercises is never checked, and its first cell fails."""
    asking = next(
        cell for cell in notebook.cells if "check(" in cell.source and cell.cell_type == "code" and "def " in cell.source
    )
    asking.source = re.sub(r"\bcheck\(.*", "pass", asking.source)
    notebook.cells.insert(0, nbformat.v4.new_code_cell("import unet_lab.no_such_module"))
    return notebook


def change(page, function) -> None:
    nbformat.write(function(nbformat.read(page, as_version=4)), page)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """What the tests of pages read, in a folder of its own, with a translated page and a changed one."""
    folder = tmp_path_factory.mktemp("lecturer")
    for name in ("notebooks", "tests", "scripts"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "see-*"))  # browser tests'
    for path in ROOT.iterdir():
        if path.name in ("unet_lab", "data", "docs", "benchmarks"):
            (folder / path.name).symlink_to(path)
        elif path.is_file():
            shutil.copy(path, folder)
    change(folder / "notebooks" / f"{TRANSLATED}.ipynb", translated)
    change(folder / "notebooks" / f"{CHANGED}.ipynb", changed)
    return folder


def failures(copy, *line: str) -> tuple[set[str], str]:
    """What fails of these tests, and what pytest says."""
    line = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=line", *line]
    done = subprocess.run(line, cwd=copy, env=os.environ | {"PYTHONPATH": str(copy)}, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    failed = set(re.findall(r"(?m)^FAILED (.+?)(?: - .*)?$", done.stdout))
    assert bool(failed) is bool(done.returncode), done.stdout
    return failed, done.stdout


def style(copy) -> str:
    """What `lab.py test` says of the style of what is in the copy."""
    aside = runpy.run_path(str(copy / "lab.py"), run_name="lab")["own_pages_aside"]()
    line = [sys.executable, "-m", "ruff", "check", "--no-cache", "notebooks", *aside]
    return subprocess.run(line, cwd=copy, capture_output=True, text=True).stdout


TESTS = ["tests/test_project.py", "tests/test_course.py", "-k", f"{TRANSLATED} or {CHANGED} or minutes or leak or glossary"]
NBVAL = ["--nbval-lax", "--nbval-current-env", "-p", "tests.own_pages", f"notebooks/{TRANSLATED}.ipynb"]


@needs_sources
def test_pages_that_are_not_named_are_held_to_our_text_and_the_lecturer_is_told_what_to_do(copy):
    failed, said = failures(copy, *TESTS)
    for page in (TRANSLATED, CHANGED):
        assert f"tests/test_project.py::test_notebook_and_solution_are_what_their_source_makes[{page}]" in failed
    assert said.count(HOW_TO_OWN) == 1
    assert "01_the_images" in style(copy)


@needs_sources
def test_pages_of_the_lecturer_s_own_pass_and_a_broken_one_does_not(copy):
    (copy / "notebooks" / "own_pages.txt").write_text("01  # in German\n08_evaluation.ipynb\n", encoding="utf-8")
    assert "All checks passed!" in style(copy)
    assert failures(copy, *TESTS)[0] == set()
    assert failures(copy, *NBVAL)[0] == set()
    change(copy / "notebooks" / f"{TRANSLATED}.ipynb", broken)
    assert failures(copy, *TESTS)[0] == {f"tests/test_course.py::test_a_notebook_asks_for_its_exercises[{TRANSLATED}]"}
    assert failures(copy, *NBVAL, "-x")[0] == {f"notebooks/{TRANSLATED}.ipynb::Cell 0"}


@needs_sources
def test_a_source_in_another_language_makes_the_same_solutions():
    """Exercises are known by what a student is to write in them, whatever their headings."""
    maker = runpy.run_path(str(ROOT / "scripts" / "make_notebooks.py"))
    for path in sorted(SOURCES.glob("[0-9]*.py")):
        source, code = maker["read_source"](path), []
        for notebook in (source, translated(maker["read_source"](path))):
            made = maker["solution_notebook"](notebook, path.stem)
            code.append([cell.source for cell in made.cells if "check(" in cell.source and cell.cell_type == "code"])
            assert len(made.cells) > 3
        assert len(code[0]) == len(code[1]) >= 2


def test_what_the_list_of_own_pages_takes():
    pages = ["04_expansive_path", "05_the_whole_u", "glossary"]
    assert read_own_pages("", pages) == set()
    assert read_own_pages("# none\n\n", pages) == set()
    assert read_own_pages("05_the_whole_u.ipynb # ours\nglossary", pages) == {"05_the_whole_u", "glossary"}
    assert read_own_pages("all", pages) == set(pages)
    assert read_own_pages("04\n17", pages) == {"04_expansive_path"}  # 17 was not handed out
    assert read_own_pages("17_from_masks_to_measurements", pages) == set()
    for line in ("5", "the whole U", "*", "99", "99_more", "05_the_half_u", "0", "al"):
        words = (
            f"own_pages.txt: '{re.escape(line)}' is no page; write 05 or .* There are 04_expansive_path, 05_the_whole_u, gloss"
        )
        with pytest.raises(ValueError, match=words):
            read_own_pages(line, pages)


@needs_sources
@pytest.mark.our_text
def test_the_list_takes_every_number_of_the_course_and_no_other():
    assert max(int(path.stem[:2]) for path in SOURCES.glob("[0-9]*.py")) == LAST
