"""Run notebooks without a browser, write each as a page to build/, and print what they cost.

    python3 lab.py run [NAME ...] [--update] [--pdf]

NAME is the start of a notebook's name (07 runs 07_training); none runs all. A notebook's file is left as it is, unless
--update is given: then the outputs of this run are stored in it, cleaned of what changes from run to run. build/index.html
leads to all pages; --pdf prints each to a PDF file too, with all folded answers open, by Chromium, Chrome or Edge.
"""

from __future__ import annotations

import argparse
import base64
import html
import io
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import nbformat
import psutil
from bs4 import BeautifulSoup
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter
from PIL import Image
from tqdm import tqdm

from unet_lab.files import write_whole

HERE = Path(__file__).resolve().parents[1]
NOTEBOOKS, BUILD = HERE / "notebooks", HERE / "build"
WIDGET = "application/vnd.jupyter.widget-view+json"


class PeakMemory(threading.Thread):
    """The largest resident memory, in bytes, that a process and its children had while this thread watched."""

    def __init__(self, pid: int):
        super().__init__(daemon=True)
        self.process, self.peak, self.over = psutil.Process(pid), 0, threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.1):
            try:
                family = [self.process, *self.process.children(recursive=True)]
                self.peak = max(self.peak, sum(p.memory_info().rss for p in family))
            except psutil.Error:
                continue


def run(path: Path) -> tuple[nbformat.NotebookNode, float, int, str]:
    """Execute one notebook; returns it with outputs, the seconds, the peak memory in bytes and the result in words."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(NOTEBOOKS)}}, store_widget_state=False)
    count = sum(cell.cell_type == "code" for cell in notebook.cells)
    bar = tqdm(total=count, desc=path.stem, unit="cell", leave=False)
    client.on_cell_executed = lambda **_: bar.update()
    began, watch, result = time.perf_counter(), None, "passed"
    with client.setup_kernel(stderr=subprocess.DEVNULL):
        watch = PeakMemory(client.km.provisioner.process.pid)
        watch.start()
        try:
            for index, cell in enumerate(notebook.cells):
                executed = sum(c.cell_type == "code" for c in notebook.cells[: index + 1])
                client.execute_cell(cell, index, execution_count=executed)
        except CellExecutionError as error:
            result = f"FAILED: {error.ename}: {error.evalue}".splitlines()[0][:90]
        watch.over.set()
        watch.join()
    bar.close()
    return notebook, time.perf_counter() - began, watch.peak, result


def smaller(png: str) -> str:
    """A PNG (as base64) with its colours rounded to steps of 8 of 255: half the size to store, and to the eye the same."""
    stream = io.BytesIO()
    with Image.open(io.BytesIO(base64.b64decode(png))) as picture:
        picture.convert("RGB").point([min(255, (v + 4) // 8 * 8) for v in range(256)] * 3).save(stream, "PNG", optimize=True)
    return base64.b64encode(stream.getvalue()).decode("ascii")


def clean(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Drop what differs from run to run, and widget views, which show nothing without their kernel; pictures stay."""
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        kept = []
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            had_view = data.pop(WIDGET, None) is not None
            output.get("metadata", {}).pop(WIDGET, None)
            if output.output_type == "stream" and output.name == "stderr":
                continue  # progress bars
            if had_view and "image/png" not in data:
                continue  # a progress bar of the notebook kind
            if "image/png" in data:
                data["image/png"] = smaller(data["image/png"])
            same_stream = kept and output.output_type == "stream" == kept[-1].output_type and output.name == kept[-1].name
            if same_stream:  # one text that came in two pieces
                kept[-1].text += output.text
            else:
                kept.append(output)
        if cell.cell_type == "code":
            cell.outputs = kept
    notebook.metadata.pop("widgets", None)
    notebook.metadata["kernelspec"] = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    notebook.metadata["language_info"] = {"name": "python"}
    return notebook


def as_page(notebook: nbformat.NotebookNode) -> str:
    """A notebook as HTML, its pictures with their texts, which the template of nbconvert leaves out."""
    page, _ = HTMLExporter().from_notebook_node(notebook)
    soup = BeautifulSoup(page, "html.parser")
    pictures = [o for cell in notebook.cells for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]
    for image, output in zip(soup.select(".jp-RenderedImage img"), pictures, strict=True):
        plain = output.data.get("text/plain", "")
        image["alt"] = output.metadata.get("image/png", {}).get("alt") or plain
    return str(soup)


def printer() -> str:
    """A browser that prints pages; exits in words where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
    mac = [f"/Applications/{name}.app/Contents/MacOS/{name}" for name in ("Google Chrome", "Chromium", "Microsoft Edge")]
    windows = [
        rf"{os.environ.get(root, '')}\{where}"
        for root in ("PROGRAMFILES", "PROGRAMFILES(X86)")
        for where in (r"Google\Chrome\Application\chrome.exe", r"Microsoft\Edge\Application\msedge.exe")
    ]
    found = next((f for f in map(shutil.which, (*names, *mac, *windows)) if f), None)
    if found is None:
        sys.exit(
            "lab.py run: --pdf needs Chromium, Chrome or Edge; none was found. Leave it out, and print build/NAME.html yourself."
        )
    return found


def print_page(browser: str, page: str, path: Path) -> None:
    """An HTML page as a PDF file, everything that is folded open. Raises OSError where the browser prints nothing."""
    with tempfile.TemporaryDirectory() as folder:
        opened, printed = Path(folder) / "page.html", Path(folder) / "page.pdf"
        opened.write_text(page.replace("<details>", "<details open>"), encoding="utf-8")
        line = [browser, "--headless", "--disable-gpu", f"--user-data-dir={folder}/profile", "--no-pdf-header-footer"]
        line += ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []  # Chromium refuses root otherwise
        # the formulas are set by a script of the page; a page without a network waits for none
        line += ["--virtual-time-budget=5000", f"--print-to-pdf={printed}", opened.as_uri()]
        done = subprocess.run(line, capture_output=True, text=True, timeout=300)
        if not printed.is_file():
            raise OSError(f"{browser} printed no {path.name}: {done.stderr.strip()[-300:]}")
        write_whole(path, printed.read_bytes())


def write_index() -> None:
    """build/index.html: a link to each notebook's page, and to its PDF where there is one."""
    lines = []
    for notebook in choose([]):
        page = BUILD / f"{notebook.stem}.html"
        if page.is_file():
            title = nbformat.read(notebook, as_version=4).cells[0].source.splitlines()[0].lstrip("# ")
            printed = f' (<a href="{notebook.stem}.pdf">PDF</a>)' if page.with_suffix(".pdf").is_file() else ""
            lines.append(f'<li><a href="{page.name}">{html.escape(title)}</a>{printed}</li>')
    head = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>U-Net Lab</title></head>'
    body = "<body><h1>U-Net Lab</h1><ul>\n" + "\n".join(lines) + "\n</ul></body></html>\n"
    write_whole(BUILD / "index.html", (head + body).encode("utf-8"))


def choose(names: list[str]) -> list[Path]:
    known = sorted(p for p in NOTEBOOKS.glob("*.ipynb") if p.name[0].isdigit())
    if not names:
        return known
    chosen = []
    for name in names:
        found = [p for p in known if p.name.startswith(Path(name).name)]
        if not found:
            sys.exit(f"lab.py run: no notebook begins with {name!r}; there are {', '.join(p.stem for p in known)}.")
        chosen += found
    return chosen


def main() -> int:
    parser = argparse.ArgumentParser(prog="lab.py run", description="Run notebooks without a browser.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="the start of a notebook's name, e.g. 07")
    parser.add_argument("--update", action="store_true", help="store the outputs in the notebooks")
    parser.add_argument("--pdf", action="store_true", help="print the pages to PDF files, answers open")
    arguments = parser.parse_args()
    browser = printer() if arguments.pdf else ""
    chosen = choose(arguments.names)
    BUILD.mkdir(exist_ok=True)
    rows, total = [], time.perf_counter()
    try:
        for path in tqdm(chosen, desc="notebooks", unit="notebook"):
            notebook, seconds, peak, result = run(path)
            rows.append((path.stem, f"{seconds:.1f}", f"{peak / 2**20:.0f}", result))
            page = as_page(clean(notebook))
            write_whole(BUILD / f"{path.stem}.html", page.encode("utf-8"))
            if browser:
                print_page(browser, page, BUILD / f"{path.stem}.pdf")
            if arguments.update and result == "passed":
                write_whole(path, (nbformat.writes(notebook) + "\n").encode("utf-8"))
    except KeyboardInterrupt:
        print("Stopped; the pages of the notebooks below are in build/.", file=sys.stderr)
    write_index()
    header = ("notebook", "seconds", "peak MiB", "result")
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(4)]
    for row in [header, *rows]:
        print("  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)))
    print(f"{len(rows)} notebooks in {time.perf_counter() - total:.0f} s; pages in {BUILD}, from index.html on")
    return 0 if len(rows) == len(chosen) and all(row[3] == "passed" for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
