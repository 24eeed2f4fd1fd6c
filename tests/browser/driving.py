"""What the browser tests do again and again: open a page, run it, wait."""

import json
import time
import urllib.request

STATE = """() => { const w = window.jupyterapp?.shell?.currentWidget; const k = w?.context?.sessionContext?.session?.kernel;
    if (!k) return 'none';
    const cells = w.content.widgets.filter(c => c.model.type === 'code');
    if (cells.some(c => c.model.executionState === 'running')) return 'busy';
    return k.status; }"""


def open_page(page, lab, where):
    """Go to an address of the lab, with no kernel left from the page before, and wait until the notebook is there."""
    page.goto("about:blank")
    for session in json.loads(request(lab, "/api/sessions")):
        request(lab, f"/api/sessions/{session['id']}", "DELETE")
    page.console_errors.clear()
    page.goto(f"{lab[0]}{where}{'&' if '?' in where else '?'}token={lab[1]}", wait_until="domcontentloaded")
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    until(page, lambda: page.evaluate(STATE) in ("idle", "busy"), 60)


def request(lab, path, method="GET"):
    """One call of Jupyter's own interface."""
    asked = urllib.request.Request(lab[0] + path, method=method, headers={"Authorization": f"token {lab[1]}"})
    return urllib.request.urlopen(asked, timeout=30).read().decode()


def until(page, condition, seconds):
    end = time.time() + seconds
    while time.time() < end:
        if condition():
            return
        page.wait_for_timeout(300)
    raise AssertionError(f"not within {seconds} s")


def run_all(page, seconds=120):
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    page.wait_for_timeout(1500)
    until(page, lambda: page.evaluate(STATE) == "idle", seconds)
