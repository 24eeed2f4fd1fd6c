"""The course in a real JupyterLab, started by lab.py, in a real browser (Debian's chromium, driven by Playwright).

One lab and one browser for all tests of this folder, and both end with them: Playwright keeps an event loop running, in which a
notebook that comes later in the same process could not be run.
"""

import os

import pytest

from tests.conftest import ROOT

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


@pytest.fixture(scope="package")
def copy(lab):
    """copy(name, content) puts a notebook beside the others under a name of its own, since JupyterLab saves what it has open.

    Gone at the end of all tests, not before: JupyterLab remembers what was open.
    """
    made = []

    def make(name, content):
        path = ROOT / "notebooks" / f"see-{os.getpid()}-{len(made)}-{name}"
        path.write_text(content, encoding="utf-8")
        made.append(path)
        return f"/doc/tree/{path.name}?reset"

    yield make
    for path in made:
        path.unlink()
        checkpoint = path.parent / ".ipynb_checkpoints" / f"{path.stem}-checkpoint.ipynb"
        checkpoint.unlink(missing_ok=True)
