"""The course in a real JupyterLab, started by lab.py, in a real browser (Debian's chromium, driven by Playwright)."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from ..conftest import ROOT

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def lab(browser, tmp_path_factory):
    """JupyterLab as `python3 lab.py --no-browser --port N` starts it; yields its address with the token."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    home = tmp_path_factory.mktemp("home")
    environment = dict(os.environ, JUPYTER_CONFIG_DIR=str(home), JUPYTER_RUNTIME_DIR=str(home / "run"), IPYTHONDIR=str(home))
    environment["JUPYTERLAB_WORKSPACES_DIR"] = str(home / "workspaces")
    log = open(home / "log", "w+")  # noqa: SIM115 (closed below, when the server has ended)
    line = [sys._base_executable, "lab.py", "--no-browser", f"--port={port}", "--LabApp.expose_app_in_browser=True"]
    process = subprocess.Popen(line, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, env=environment)
    try:
        address = None
        for _ in range(120):
            found = re.search(rf"http://(?:localhost|127\.0\.0\.1):{port}/\S*token=(\w+)", (home / "log").read_text())
            if found:
                address = f"http://127.0.0.1:{port}", found[1]
                break
            time.sleep(0.5)
        assert address, (home / "log").read_text()
        yield address
    finally:
        for server in json.loads(_try(address, "/api/kernels") or "[]") if address else []:
            _try(address, f"/api/kernels/{server['id']}", "DELETE")
        _try(address, "/api/shutdown", "POST")
        process.wait(30)
        log.close()


def _try(address, path, method="GET"):
    try:
        request = urllib.request.Request(address[0] + path, method=method, headers={"Authorization": f"token {address[1]}"})
        return urllib.request.urlopen(request, timeout=10).read().decode()
    except OSError:
        return None


@pytest.fixture(scope="session")
def page(browser, lab):
    """A page of headless Chromium; `page.console_errors` collects what its console complains of."""
    with browser.sync_playwright() as p:
        flags = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
        chromium = p.chromium.launch(executable_path=CHROMIUM, args=[*flags, "--disable-component-update"])
        page = chromium.new_page(viewport={"width": 1250, "height": 1400})
        page.set_default_timeout(60_000)
        page.console_errors = []
        page.on("console", lambda m: page.console_errors.append(f"{m.text} {m.location}") if m.type == "error" else None)
        yield page
        chromium.close()


@pytest.fixture(scope="session")
def copy(lab):
    """copy(name, source) puts a notebook beside the others under a name of its own, since JupyterLab saves what it has open.

    Gone at the end of all tests, not before: JupyterLab remembers what was open.
    """
    made = []

    def make(name, content=None):
        path = ROOT / "notebooks" / f"see-{os.getpid()}-{len(made)}-{name}"
        path.write_text(content or (ROOT / "notebooks" / name).read_text(encoding="utf-8"), encoding="utf-8")
        made.append(path)
        return f"/doc/tree/{path.name}?reset"

    yield make
    for path in made:
        path.unlink()
        checkpoint = path.parent / ".ipynb_checkpoints" / f"{path.stem}-checkpoint.ipynb"
        checkpoint.unlink(missing_ok=True)
