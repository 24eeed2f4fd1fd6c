"""The course in a real JupyterLab, started by lab.py, in a real browser (Debian's chromium, driven by Playwright).

One lab and one browser for all tests of this folder, and both end with them: Playwright keeps an event loop running, in which a
notebook that comes later in the same process could not be run.
"""

import ast
import os
import re

import nbformat
import pytest

from tests.conftest import ROOT
from unet_lab.course.grading import needed_cells

from .driving import CHROMIUM, running_lab


@pytest.fixture(scope="package")
def browser():
    """Playwright and the path of Chromium; skips, saying why, where one is missing, and fails where CI asked for it."""
    try:
        from playwright import sync_api

        assert CHROMIUM is not None, "no Chromium on this machine"
    except (ImportError, AssertionError) as missing:
        if os.environ.get("UNET_LAB_BROWSER") == "required":
            pytest.fail(f"the browser tests must run here: {missing}")
        pytest.skip(f"no browser test runs: {missing}")
    return sync_api


@pytest.fixture(scope="package")
def lab(browser, tmp_path_factory):
    """JupyterLab as `python3 lab.py --no-browser --port N` starts it; yields its address with the token."""
    with running_lab(tmp_path_factory.mktemp("home")) as address:
        yield address


@pytest.fixture(scope="package")
def chromium(browser):
    """Headless Chromium, once: Playwright does not start twice in a process."""
    with browser.sync_playwright() as p:
        flags = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
        chromium = p.chromium.launch(executable_path=CHROMIUM, args=[*flags, "--disable-component-update"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="package")
def page(chromium, lab):
    """A page of headless Chromium; `page.console_errors` collects what its console complains of."""
    page = chromium.new_page(viewport={"width": 1250, "height": 1400})
    page.set_default_timeout(60_000)
    page.console_errors = []
    page.on("console", lambda m: page.console_errors.append(f"{m.text} {m.location}") if m.type == "error" else None)
    return page


# What takes long in the cells that make an explorer, and what is put in its place: nbval runs the pages as they are.
LIGHTER = {
    "07_training": {"range(480)": "range(80)", "epochs=8": "epochs=2"},
    "09_looking_inside": {"patch=10": "patch=20"},
    "11_variations": {'(("A", A, 1), ("B", B, 3))': "()", "for seed in (0, 1, 2)]": "for seed in ()]"},
}
MAKES_FILES = {"15_your_own_images"}  # names do not tell which cell writes what a later one reads


def explorers_of(path):
    """A notebook cut down to its explorers and what makes what they are given, without outputs; lighter where it takes long."""
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    shows = re.compile(r"^[^#\n]*\b(explore_\w+|watch_training|show_progress)\(", re.MULTILINE)
    shown = [k for k, cell in enumerate(code) if shows.search(cell.source)]
    slicing = needed_cells if path.stem in MAKES_FILES else makers
    notebook.cells = [code[k] for k in slicing([cell.source for cell in code], shown)]
    for cell in notebook.cells:
        cell.outputs, cell.execution_count = [], None
    for long, short in LIGHTER.get(path.stem, {}).items():
        assert any(long in cell.source for cell in notebook.cells), f"{path.stem} no longer holds {long!r}"
        for cell in notebook.cells:
            cell.source = cell.source.replace(long, short)
    return nbformat.writes(notebook)


def makers(cells, shown):
    """The cells `shown` and those that bind, last before, the names that they use."""
    needed = set(shown)
    for place in shown:
        wanted = {node.id for node in ast.walk(ast.parse(cells[place])) if isinstance(node, ast.Name)}
        for before in reversed(range(place)):
            tree = ast.parse(cells[before])
            bound = binds(tree) & wanted
            if bound:
                needed.add(before)
                wanted = (wanted - bound) | {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return sorted(needed)


def binds(tree):
    """The names that a cell gives a new value to, functions, classes and imports included."""
    found = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return found


@pytest.fixture(scope="package")
def copy(lab):
    """copy(name, source) puts a notebook beside the others under a name of its own, since JupyterLab saves what it has open.

    Without a source, the cells of that notebook that show its explorers, and those that they need: nbval runs all of them anyway.
    Gone at the end of all tests, not before: JupyterLab remembers what was open.
    """
    made = []

    def make(name, content=None):
        path = ROOT / "notebooks" / f"see-{os.getpid()}-{len(made)}-{name}"
        path.write_text(content or explorers_of(ROOT / "notebooks" / name), encoding="utf-8")
        made.append(path)
        return f"/doc/tree/{path.name}?reset"

    yield make
    for path in made:
        path.unlink()
        checkpoint = path.parent / ".ipynb_checkpoints" / f"{path.stem}-checkpoint.ipynb"
        checkpoint.unlink(missing_ok=True)
