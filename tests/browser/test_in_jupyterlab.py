"""The course opens as README says, its first explorer follows, and a training can be stopped."""

import json
import re
import urllib.error
from contextlib import suppress

import psutil
import pytest

from tests.conftest import ROOT

from .driving import STATE, notebook_of, open_and_run, open_page, request, told, until


def test_lab_py_opens_start_here_and_its_explorer_follows_the_keyboard(page, lab):
    open_and_run(page, lab, "/")
    title = page.evaluate("() => window.jupyterapp.shell.currentWidget.title.label")
    assert title == "00_start_here.ipynb"
    words = page.locator('.unet-lab-explorer [role="status"]').first
    words.scroll_into_view_if_needed()
    until(page, words.inner_text, 20)
    before, picture = words.inner_text(), page.locator("img.unet-lab-image").first.get_attribute("src")
    handle = page.locator(".widget-slider .noUi-handle").first
    handle.focus()
    handle.press("ArrowRight")
    until(page, lambda: words.inner_text() != before, 10)
    first = int(re.match(r"Cell (\d+):", before)[1])
    assert words.inner_text().startswith(f"Cell {first + 1}:")
    assert page.locator("img.unet-lab-image").first.get_attribute("src") != picture
    page.locator(".unet-lab-explorer").first.get_by_role("button", name="Reset").click()
    until(page, lambda: words.inner_text() == before, 10)
    assert page.get_by_text("Error displaying widget").count() == 0
    assert not [e for e in page.console_errors if "favicon" not in e]


def test_the_first_use_of_a_word_leads_to_the_glossary_and_to_the_word_in_it(page, lab):
    """The first click opens the glossary at its top, since JupyterLab looks for the word too early; then a link finds it."""
    open_page(page, lab, "/lab/tree/03_contracting_path.ipynb?reset")
    link = page.locator("a[href*='glossary.ipynb']", has_text="receptive field").first
    link.scroll_into_view_if_needed()
    link.click()
    until(page, lambda: page.evaluate("() => window.jupyterapp.shell.currentWidget.title.label") == "glossary.ipynb", 20)
    until(page, lambda: page.locator("h3:visible", has_text="Accuracy").count() > 0, 20)
    word = page.locator("h3:visible", has_text=re.compile("^Receptive field")).first

    def in_sight():
        place = word.bounding_box() if word.count() else None
        return place and 0 < place["y"] < page.viewport_size["height"] - 50

    def leads_there():
        page.evaluate("""() => { const shell = window.jupyterapp.shell;
            shell.activateById([...shell.widgets('main')].find(w => w.title.label.startsWith('03')).id); }""")
        until(page, lambda: link.is_visible(), 10)
        link.click()
        with suppress(AssertionError):
            until(page, in_sight, 0.5)
            return True

    until(page, leads_there, 20)  # as soon as the glossary is drawn


def test_jupyterlab_listens_on_the_loopback_address_and_wants_its_token(lab):
    port = int(lab[0].rpartition(":")[2])
    listening = [c.laddr.ip for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN and c.laddr.port == port]
    assert listening
    assert set(listening) <= {"127.0.0.1", "::1"}
    assert json.loads(request(lab, "/api/contents"))["type"] == "directory"
    for token in ("", "wrong"):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            request((lab[0], token), "/api/contents")


def test_stop_button_works_while_the_cell_is_training(page, lab, copy):
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
    address = copy("stop.ipynb", notebook_of("\n".join(source)))
    open_page(page, lab, address)
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    page.get_by_text(re.compile(r"Epoch [3-9] of 500")).first.wait_for()
    page.locator("button.widget-button", has_text="Stop").first.click()
    page.get_by_text("stopped early: True weights kept: True").first.wait_for()

    # the same page opened again tomorrow: saved, its kernel gone; then as it comes from somebody else, not trusted
    shown = page.locator("img.unet-lab-image").first.get_attribute("alt")
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    path = ROOT / "notebooks" / address.split("/")[-1].partition("?")[0]
    until(page, lambda: "stopped early" in path.read_text(encoding="utf-8"), 20)
    foreign = json.loads(path.read_text(encoding="utf-8"))
    foreign["cells"][0]["source"] = "# from somebody else"
    for where in (address, copy("foreign.ipynb", json.dumps(foreign))):
        open_page(page, lab, where)
        page.get_by_text("Run this cell to play with it.").first.wait_for()
        picture = page.locator(".jp-OutputArea img[alt]").first
        assert picture.evaluate("i => i.complete && i.naturalWidth") > 400
        assert picture.get_attribute("alt") == shown
        assert page.get_by_text("model not found").count() == 0


def test_a_kernel_that_does_not_answer_is_told_and_the_offer_to_restart_it_works(page, lab, copy):
    """The kernel's process is held; JupyterLab goes on saying "idle", and the cell would wait for ever."""
    open_page(page, lab, copy("silent.ipynb", notebook_of("print(6 * 7)")))
    told(page, lab, lambda: page.evaluate(STATE) == "idle", 60)
    held = [p for p in kernels_of(lab) if p.is_running()]
    assert held
    for process in held:
        process.suspend()
    try:
        page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
        page.get_by_role("button", name="Restart and run all").click()
        page.get_by_role("button", name="Confirm Kernel Restart").click()
        page.get_by_text("42", exact=True).wait_for()
    finally:
        for process in held:
            with suppress(psutil.NoSuchProcess):
                process.kill()


def kernels_of(lab):
    """The processes of the lab's kernels."""
    port = int(lab[0].rpartition(":")[2])
    listening = {c.pid for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN and c.laddr.port == port}
    started = [child for pid in listening - {None} for child in psutil.Process(pid).children(recursive=True)]
    return [process for process in started if any("ipykernel" in word for word in process.cmdline())]
