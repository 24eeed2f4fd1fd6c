"""How long a student waits: from a key on a slider to the new picture on the page, in a real JupyterLab in headless Chromium.

    .venv/bin/python benchmarks/reaction.py [NOTEBOOK …]

Median and worst of 20 key presses for each explorer of each notebook, in milliseconds. The browser shares the cores with the
kernel. Needs Chromium, as the browser tests do, whose driving it borrows.
"""

import statistics
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(HERE))
from playwright.sync_api import sync_playwright  # noqa: E402

from tests.browser.driving import CHROMIUM, open_and_run, running_lab  # noqa: E402

PRESSES = 20
# Presses the key by hand of the page itself, so that the clock runs in one place only.
PRESS = """async ([box, key, number]) => {
    const image = box.querySelector('img.unet-lab-image');
    const handle = box.querySelectorAll('.noUi-handle')[number];
    handle.focus();
    const changed = new Promise(done => {
        const watch = new MutationObserver(() => { watch.disconnect(); image.decode().finally(() => done(true)); });
        watch.observe(image, {attributes: true, attributeFilter: ['src']});
        setTimeout(() => { watch.disconnect(); done(false); }, 1500);
    });
    const began = performance.now();
    handle.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true}));
    return (await changed) ? performance.now() - began : null; }"""


def main(names):
    print(f"{'notebook':24s} {'explorer':>8s} {'median ms':>10s} {'worst ms':>10s}")
    with running_lab(Path(tempfile.mkdtemp())) as lab, sync_playwright() as p:
        page = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]).new_page()
        page.set_viewport_size({"width": 1250, "height": 1400})
        page.console_errors = []
        for name in names:
            copy = HERE / "notebooks" / f"see-{name}"
            copy.write_text((HERE / "notebooks" / name).read_text(encoding="utf-8"), encoding="utf-8")
            try:
                open_and_run(page, lab, f"/doc/tree/{copy.name}?reset")
                boxes = page.locator(".unet-lab-explorer")
                for number in range(boxes.count()):
                    row(page, name, number, boxes.nth(number))
            finally:
                copy.unlink()


def row(page, name, number, box):
    box.scroll_into_view_if_needed()
    page.wait_for_timeout(3000)  # what was drawn while the cells ran has arrived
    handle = box.element_handle()
    for slider in range(box.locator(".noUi-handle").count()):
        if all(page.evaluate(PRESS, [handle, key, slider]) for key in ("ArrowLeft", "ArrowRight")):
            break
    else:
        print(f"{name:24s} {number:8d}   no slider changes anything as the menus stand", flush=True)
        return
    times = []
    for step in range(PRESSES):
        times.append(page.evaluate(PRESS, [handle, "ArrowLeft" if (step // 3) % 2 == 0 else "ArrowRight", slider]))
        page.wait_for_timeout(150)
    times = [t for t in times if t is not None]
    print(f"{name:24s} {number:8d} {statistics.median(times):10.0f} {max(times):10.0f}", flush=True)


if __name__ == "__main__":
    found = sorted(path.name for path in (HERE / "notebooks").glob("[0-9]*.ipynb"))
    main([n for n in found if not sys.argv[1:] or any(n.startswith(a) for a in sys.argv[1:])])
