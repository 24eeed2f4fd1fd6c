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
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed, so no browser test runs")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine, so no browser test runs")
STATE = """() => { const w = window.jupyterapp?.shell?.currentWidget; const k = w?.context?.sessionContext?.session?.kernel;
    if (!k) return 'none';
    const cells = w.content.widgets.filter(c => c.model.type === 'code');
    if (cells.some(c => c.model.executionState === 'running')) return 'busy';
    return k.status; }"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
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


@pytest.fixture(scope="module")
def page(lab):
    with playwright.sync_playwright() as p:
        flags = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
        browser = p.chromium.launch(executable_path=CHROMIUM, args=[*flags, "--disable-component-update"])
        page = browser.new_page(viewport={"width": 1250, "height": 1400})
        page.set_default_timeout(60_000)
        page.console_errors = []
        page.on("console", lambda m: page.console_errors.append(f"{m.text} {m.location}") if m.type == "error" else None)
        yield page
        browser.close()


def _open(page, lab, where):
    page.goto(f"{lab[0]}{where}{'&' if '?' in where else '?'}token={lab[1]}", wait_until="domcontentloaded")
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    _until(page, lambda: page.evaluate(STATE) in ("idle", "busy"), 60)


def _until(page, condition, seconds):
    end = time.time() + seconds
    while time.time() < end:
        if condition():
            return
        page.wait_for_timeout(300)
    raise AssertionError(f"not within {seconds} s")


def _run_all(page, seconds=120):
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    page.wait_for_timeout(1500)
    _until(page, lambda: page.evaluate(STATE) == "idle", seconds)


def test_lab_py_opens_start_here_and_its_explorer_follows_the_keyboard(page, lab):
    _open(page, lab, "/")
    title = page.evaluate("() => window.jupyterapp.shell.currentWidget.title.label")
    assert title == "00_start_here.ipynb"
    _run_all(page)
    words = page.locator('[role="status"]').first
    words.scroll_into_view_if_needed()
    before, picture = words.inner_text(), page.locator("img.unet-lab-picture").first.get_attribute("src")
    handle = page.locator(".widget-slider .noUi-handle").first
    handle.focus()
    handle.press("ArrowRight")
    _until(page, lambda: words.inner_text() != before, 10)
    assert words.inner_text().startswith("Cell 4:")
    assert page.locator("img.unet-lab-picture").first.get_attribute("src") != picture
    page.get_by_role("button", name="Reset").first.click()
    _until(page, lambda: words.inner_text() == before, 10)
    assert page.get_by_text("Error displaying widget").count() == 0
    assert not [e for e in page.console_errors if "favicon" not in e]


def test_stop_button_works_while_the_cell_is_training(page, lab):
    notebook = ROOT / "notebooks" / f"see-{os.getpid()}.ipynb"
    source = [
        "import torch",
        "from unet_lab.datasets import SegmentationDataset",
        "from unet_lab.explorers import watch_training",
        "from unet_lab.training import train",
        "from unet_lab.unet import UNet",
        "cells = SegmentationDataset.generated(24, size=32)",
        "model = UNet(base_channels=4, depth=2)",
        "monitor = watch_training(train(model, cells, cells, epochs=500, batch_size=8), model, cells.subset([0]))",
        "print('stopped early:', monitor.history.stopped_early, 'weights kept:', monitor.history.best_weights is not None)",
    ]
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "outputs": [], "execution_count": None, "source": "\n".join(source)}
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    notebook.write_text(json.dumps({"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))
    try:
        _open(page, lab, f"/doc/tree/{notebook.name}?reset")
        page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
        page.get_by_text(re.compile(r"Epoch [3-9] of 500")).first.wait_for()
        page.locator("button.widget-button", has_text="Stop").first.click()
        page.get_by_text("stopped early: True weights kept: True").first.wait_for()
    finally:
        notebook.unlink()
