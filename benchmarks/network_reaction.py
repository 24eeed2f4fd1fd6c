"""How long the network view makes one wait, in JupyterLab and as the page, and what 200 changes leave behind.

    .venv/bin/python benchmarks/network_reaction.py [--page]

Shipped network, 192 x 192 pixels; median and worst of 20, in milliseconds; the browser shares the cores with the kernel. In
JupyterLab: from the pointer or the menu to the new picture on the page. On the page (`lab.py page` first): from the call to the
new mask, on one thread and, served with the two headers that allow them, on several. --page leaves JupyterLab out.
"""

from __future__ import annotations

import functools
import http.server
import statistics
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(HERE))
import psutil  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

from tests.browser.driving import CHROMIUM, notebook_of, open_and_run, running_lab  # noqa: E402

TIMES, CHANGES = 20, 200
PAGE = HERE / "build" / "page"
CELLS = [
    "from unet_lab.datasets import generate_cell\nfrom unet_lab.explorers import explore_network\n"
    "from unet_lab.weights import load_pretrained",
    "walk = explore_network(load_pretrained('small'), *generate_cell(4, 192))\nwalk",
]
# Armed before an action: from its last event to the frame that shows what followed, on the page's own clock.
ARM = """([view, shows, last]) => {
    const concerns = (node) => {
        const element = node.nodeType === 1 ? node : node.parentElement;
        return element && (element.closest(shows) || element.querySelector(shows));
    };
    window.waited = new Promise((done) => {
        let began = null;
        const note = () => { began = performance.now(); };
        const end = (value) => { watch.disconnect(); document.removeEventListener(last, note, true); done(value); };
        const watch = new MutationObserver((list) => {
            const follows = (m) => [...m.addedNodes].some(concerns) || m.target.parentElement?.closest(shows);
            if (began === null || !list.some(follows)) return;
            requestAnimationFrame(() => end(performance.now() - began));
        });
        document.addEventListener(last, note, true);
        watch.observe(view, { childList: true, subtree: true, characterData: true });
        setTimeout(() => end(null), 4000);
    }); }"""


class View:
    """The first network view of a page, and what a hand does to it."""

    def __init__(self, page):
        self.page, self.box = page, page.locator(".unl").first
        self.handle = self.box.element_handle()

    def timed(self, act, k: int, shows: str, last: str) -> float | None:
        self.page.evaluate(ARM, [self.handle, shows, last])
        act(k)
        return self.page.evaluate("window.waited")

    def place(self, canvas: str, x: float, y: float) -> tuple[float, float]:
        box = self.box.locator(canvas).bounding_box()
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    def stroke(self, k: int) -> None:
        """A short stroke on the input, each time at another place."""
        x, y = 0.3 + 0.02 * (k % 20), 0.35 + 0.015 * (k % 17)
        self.page.mouse.move(*self.place("canvas.unl-input", x, y))
        self.page.mouse.down()
        self.page.mouse.move(*self.place("canvas.unl-input", x + 0.05, y))
        self.page.mouse.up()

    def hover(self, k: int) -> None:
        self.page.mouse.move(*self.place("canvas.unl-mask", 0.2 + 0.03 * (k % 20), 0.5 - 0.01 * (k % 9)))

    def cut(self, k: int) -> None:
        self.box.get_by_label("skip 0", exact=True).select_option("zeros" if k % 2 == 0 else "on")


def report(what: str, times: list[float | None]) -> None:
    seen = [t for t in times if t is not None]
    if not seen:
        print(f"{what:44s} nothing followed", flush=True)
        return
    lost = f"   ({len(times) - len(seen)} not seen)" if len(seen) < len(times) else ""
    print(f"{what:44s} median {statistics.median(seen):5.0f}   worst {max(seen):5.0f}{lost}", flush=True)


def megabytes(processes: list[psutil.Process]) -> float:
    return sum(p.memory_info().rss for p in processes) / 1e6


def in_jupyterlab(chromium) -> None:
    copy = HERE / "notebooks" / "see-network.ipynb"
    copy.write_text(notebook_of(*CELLS), encoding="utf-8")
    page = chromium.new_page(viewport={"width": 1250, "height": 1400})
    page.console_errors = []
    try:
        with running_lab(Path(tempfile.mkdtemp())) as lab:
            open_and_run(page, lab, f"/doc/tree/{copy.name}?reset")
            page.wait_for_selector(".unl[data-ready]")
            page.locator(".unl").first.scroll_into_view_if_needed()
            page.wait_for_timeout(2000)
            view = View(page)

            def measured(act, shows, last, times=TIMES):
                found = []
                for k in range(times):
                    found.append(view.timed(act, k, shows, last))
                    page.wait_for_timeout(250)
                return found

            measured(view.cut, ".unl-scores", "change", 2)
            report("JupyterLab: a skip cut or brought back", measured(view.cut, ".unl-scores", "change"))
            view.box.get_by_label("on the input").select_option("dark")
            measured(view.stroke, ".unl-scores", "pointerup", 2)
            report("JupyterLab: a stroke painted", measured(view.stroke, ".unl-scores", "pointerup"))
            report("JupyterLab: hovering over the mask", measured(view.hover, ".unl-caption", "pointermove"))
            grown(page, view)
    finally:
        copy.unlink()
        page.close()


def grown(page, view: View) -> None:
    """What 200 strokes and cuts leave behind, in the kernel and in the page."""
    kernel = [p for p in psutil.Process().children(recursive=True) if any("ipykernel" in word for word in p.cmdline())]
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")

    def heap() -> float:
        session.send("HeapProfiler.collectGarbage")
        return next(m["value"] for m in session.send("Performance.getMetrics")["metrics"] if m["name"] == "JSHeapUsedSize") / 1e6

    before = megabytes(kernel), heap()
    for k in range(CHANGES):
        if k % 2:
            view.timed(view.stroke, k, ".unl-scores", "pointerup")
        else:
            view.timed(view.cut, k // 2, ".unl-scores", "change")
    after = megabytes(kernel), heap()
    print(f"{CHANGES} changes: kernel {after[0] - before[0]:+.1f} MB, page's heap {after[1] - before[1]:+.1f} MB", flush=True)


class Served(http.server.SimpleHTTPRequestHandler):
    threads = False

    def end_headers(self) -> None:
        if self.threads:
            self.send_header("Cross-Origin-Opener-Policy", "same-origin")
            self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def log_message(self, *_) -> None:
        pass


@contextmanager
def served(threads: bool) -> Iterator[str]:
    handler = functools.partial(type("Handler", (Served,), {"threads": threads}), directory=str(PAGE))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


def as_a_page(chromium, threads: bool) -> None:
    with served(threads) as address:
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        page.goto(address)
        first = page.evaluate("unetLab.ready.then(() => performance.now())")
        name = f"page, {page.locator('#how').inner_text().rstrip('.')}"
        print(f"{name + ': first picture after':44s} {first:12.0f}", flush=True)
        timed = "async () => { const began = performance.now(); await %s; return performance.now() - began; }"
        for what, call in {
            "a skip cut or brought back": "unetLab.cut(0, '{}')",
            "a stroke painted": "unetLab.paint({}, 80, 10)",
        }.items():
            given = (lambda k: "on" if k % 2 else "zeros") if "cut" in what else (lambda k: 60 + k)
            found = [page.evaluate(timed % call.format(given(k))) for k in range(TIMES + 2)][2:]
            report(f"{name}: {what}", found)
        page.close()


def main() -> None:
    with sync_playwright() as p:
        chromium = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        if "--page" not in sys.argv:
            in_jupyterlab(chromium)
        if PAGE.is_dir():
            as_a_page(chromium, threads=False)
            as_a_page(chromium, threads=True)
        else:
            print("the page is not built: python3 lab.py page")


if __name__ == "__main__":
    main()
