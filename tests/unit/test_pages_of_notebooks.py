"""The pages that `lab.py run` writes: every picture with its text, an index, and a PDF file with the answers open."""

import re
import runpy

import nbformat
import pytest

from tests.conftest import ROOT

RUNNER = runpy.run_path(str(ROOT / "scripts" / "run_notebooks.py"))
NAME = "05_the_whole_u"


@pytest.fixture(scope="module")
def page():
    return RUNNER["as_page"](nbformat.read(ROOT / "notebooks" / f"{NAME}.ipynb", as_version=4))


@pytest.mark.our_text(NAME)
def test_every_picture_of_a_page_has_its_own_text(page):
    texts = re.findall(r'<img[^>]*\balt="([^"]*)"', page)
    assert len(texts) == page.count("<img") >= 4
    assert all(len(text) > 20 for text in texts)
    assert "No description" not in page
    assert any("572" in text for text in texts)


def test_the_index_leads_to_the_pages_that_are_there(page, tmp_path, monkeypatch):
    monkeypatch.setitem(RUNNER["write_index"].__globals__, "BUILD", tmp_path)
    (tmp_path / f"{NAME}.html").write_text(page, encoding="utf-8")
    RUNNER["write_index"]()
    assert (tmp_path / "index.html").read_text(encoding="utf-8").count("<li>") == 1
    (tmp_path / f"{NAME}.pdf").write_bytes(b"%PDF")
    RUNNER["write_index"]()
    index = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert re.findall(r'href="([^"]*)"', index) == [f"{NAME}.html", f"{NAME}.pdf"]


def test_a_page_is_printed_with_its_answers_open(page, tmp_path):
    try:
        browser = RUNNER["printer"]()
    except SystemExit as missing:
        pytest.skip(str(missing))
    RUNNER["print_page"](browser, page, tmp_path / "open.pdf")
    RUNNER["print_page"](browser, re.sub(r"<details>.*?</details>", "", page, flags=re.DOTALL), tmp_path / "without.pdf")
    opened, without = ((tmp_path / name).read_bytes() for name in ("open.pdf", "without.pdf"))
    assert opened.startswith(b"%PDF")
    assert len(opened) > len(without) > 50_000


def test_without_a_browser_the_pdf_is_refused_before_anything_runs(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(SystemExit, match="needs Chromium, Chrome or Edge; none was found"):
        RUNNER["printer"]()
