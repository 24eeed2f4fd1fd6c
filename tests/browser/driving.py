"""What the browser tests (and benchmarks/reaction.py) do again and again: start the lab, open a page, run it, wait."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

STATE = """() => { const w = window.jupyterapp?.shell?.currentWidget; const k = w?.context?.sessionContext?.session?.kernel;
    if (!k) return 'none';
    const cells = w.content.widgets.filter(c => c.model.type === 'code');
    if (cells.some(c => c.model.executionState === 'running')) return 'busy';
    return k.status; }"""


@contextmanager
def running_lab(home: Path) -> Iterator[tuple[str, str]]:
    """JupyterLab as `python3 lab.py --no-browser --port N` starts it, with its settings in `home`: its address and token."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    environment = dict(os.environ, JUPYTER_CONFIG_DIR=str(home), JUPYTER_RUNTIME_DIR=str(home / "run"), IPYTHONDIR=str(home))
    environment["JUPYTERLAB_WORKSPACES_DIR"] = str(home / "workspaces")
    line = [sys._base_executable, "lab.py", "--no-browser", f"--port={port}", "--LabApp.expose_app_in_browser=True"]
    lab = None
    with open(home / "log", "w+") as log:
        process = subprocess.Popen(line, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, env=environment)
        try:
            for _ in range(120):
                found = re.search(rf"http://(?:localhost|127\.0\.0\.1):{port}/\S*token=(\w+)", (home / "log").read_text())
                if found:
                    lab = f"http://127.0.0.1:{port}", found[1]
                    break
                time.sleep(0.5)
            assert lab, (home / "log").read_text()
            yield lab
        finally:
            with suppress(OSError, TypeError):
                stop_kernels(lab)
                request(lab, "/api/shutdown", "POST")
            process.wait(30)


def notebook_of(*cells: str) -> str:
    """A notebook file with these code cells, none of them run."""
    made = [
        {"cell_type": "code", "id": f"c{k}", "metadata": {}, "outputs": [], "execution_count": None, "source": source}
        for k, source in enumerate(cells)
    ]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return json.dumps({"cells": made, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5})


def stop_kernels(lab):
    """End whatever runs in the lab."""
    for session in json.loads(request(lab, "/api/sessions")):
        request(lab, f"/api/sessions/{session['id']}", "DELETE")


def open_page(page, lab, where):
    """Go to an address of the lab, with no kernel left from the page before, and wait until notebook and kernel are there."""
    page.goto("about:blank")
    stop_kernels(lab)
    page.console_errors.clear()
    page.goto(f"{lab[0]}{where}{'&' if '?' in where else '?'}token={lab[1]}", wait_until="domcontentloaded")
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    told(page, lab, lambda: page.evaluate(STATE) in ("idle", "busy"), 60)


SPOKEN = {"slider", "textbox", "button", "combobox", "checkbox", "spinbutton", "image", "application", "progressbar", "radio"}


def nameless(page, selector):
    """What a screen reader would announce by its kind alone: (role, name) of all controls and pictures of the first element that
    fits, and the roles of those without a name."""
    session = page.context.new_cdp_session(page)
    session.send("Accessibility.enable")
    found = session.send("Runtime.evaluate", {"expression": f"document.querySelector({selector!r})"})
    tree = session.send("Accessibility.queryAXTree", {"objectId": found["result"]["objectId"]})
    session.detach()
    told = [(n["role"]["value"], n.get("name", {}).get("value", "").strip()) for n in tree["nodes"] if not n.get("ignored")]
    told = [(role, name) for role, name in told if role in SPOKEN]
    return told, [role for role, name in told if not name]


def request(lab, path, method="GET"):
    """One call of Jupyter's own interface."""
    asked = urllib.request.Request(lab[0] + path, method=method, headers={"Authorization": f"token {lab[1]}"})
    return urllib.request.urlopen(asked, timeout=30).read().decode()


PATIENCE = 12  # times as long as on a machine that does nothing else


def until(page, condition, seconds):
    """Wait until it is so. seconds : that it may take on an idle machine."""
    end = time.monotonic() + seconds * PATIENCE
    while time.monotonic() < end:
        if condition():
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"not within {seconds * PATIENCE} s")


WHERE_IT_STANDS = """() => { const w = window.jupyterapp?.shell?.currentWidget; const s = w?.context?.sessionContext;
    const k = s?.session?.kernel;
    const cells = (w?.content?.widgets ?? []).filter(c => c.model.type === 'code');
    return {kernel: k?.status, connection: k?.connectionStatus, ready: s?.isReady,
            cells: cells.map(c => `${c.model.executionCount}:${c.model.executionState}`).join(' ')}; }"""


def told(page, lab, condition, seconds):
    """`until`, whose failure says how page, kernel and server stood."""
    try:
        until(page, condition, seconds)
    except AssertionError as late:
        stood = f"{page.evaluate(WHERE_IT_STANDS)}, server: {request(lab, '/api/kernels')}, console: {page.console_errors}"
        raise AssertionError(f"{late}: {stood}") from None


BROKEN = """() => window.jupyterapp.shell.currentWidget.content.widgets.filter(c => c.model.type === 'code')
    .flatMap(c => c.model.outputs.toJSON()).filter(o => o.output_type === 'error').map(o => `${o.ename}: ${o.evalue}`)"""


def open_and_run(page, lab, where):
    """Open a notebook and run it to its end: while cells come to their ends, it takes what it takes."""
    open_page(page, lab, where)
    page.evaluate("""() => { window.ran = false;
        window.jupyterapp.commands.execute('notebook:run-all-cells').then(() => { window.ran = true; }); }""")
    stood = [None]

    def ended_or_went_on():
        before, stood[0] = stood[0], page.evaluate(WHERE_IT_STANDS)["cells"]
        ended = page.evaluate("window.ran") and page.evaluate(STATE) == "idle"
        stood.append(ended)
        return ended or stood[0] != before

    while stood[-1] is not True:
        told(page, lab, ended_or_went_on, 50)
    assert page.evaluate(BROKEN) == [], "a cell ended with an error"
