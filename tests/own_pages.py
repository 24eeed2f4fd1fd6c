"""Pages that a lecturer has made her own: no test holds them to this project's own text (docs/teaching.md, "Change it").

notebooks/own_pages.txt names them, one a line, by the start of a name ("05") or "all"; what follows a # is a remark. Of such a
page tests ask that it works: it runs, it asks for its exercises, its links lead somewhere, its solution passes and does not leak.

As a plugin of pytest (`-p tests.own_pages`, as `lab.py test` runs the notebooks under nbval) it leaves out the comparison of such
a page's outputs with those that are stored in it.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
LIST = NOTEBOOKS / "own_pages.txt"
LAST = 18  # the highest number of a page in the whole course; a copy may have fewer pages
HOW_TO_OWN = (
    "What failed holds a page to U-Net Lab's own text or to its stored outputs. If you changed the page on purpose, write its "
    "number into notebooks/own_pages.txt (docs/teaching.md, Change it)."
)


def read_own_pages(text: str, pages: list[str]) -> set[str]:
    """The pages that are named and here. Raises ValueError for a line that is no name of a page.

    >>> sorted(read_own_pages("05  # in German", ["04_expansive_path", "05_the_whole_u"]))
    ['05_the_whole_u']
    """
    found: set[str] = set()
    for line in text.splitlines():
        name = line.partition("#")[0].strip().removesuffix(".ipynb")
        start = name == "all" or name in pages or re.fullmatch(r"\d\d\w*", name)
        named = {page for page in pages if start and (name == "all" or page.startswith(name))}
        if name and not named and not is_left_out(name, pages):
            raise ValueError(
                f"{LIST.name}: {name!r} is no page; write 05 or 05_the_whole_u, a line each, or all. "
                f"There are {', '.join(pages)}."
            )
        found |= named
    return found


def is_left_out(name: str, pages: list[str]) -> bool:
    """Whether it names a page of the course that is not in this copy: it was not handed out."""
    number = re.fullmatch(r"(\d\d)(_\w*)?", name)
    return bool(number) and int(number[1]) <= LAST and not any(page.startswith(number[1]) for page in pages)


def own_pages() -> set[str]:
    pages = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
    return read_own_pages(LIST.read_text(encoding="utf-8-sig"), pages) if LIST.is_file() else set()


OWN = own_pages()


def pages_of(item: pytest.Item) -> set[str]:
    """The pages whose text a test holds to: those that its mark names, or the one of its parameter `path`."""
    named = {name for mark in item.iter_markers("our_text") for name in mark.args}
    path = getattr(item, "callspec", None) and item.callspec.params.get("path")
    return named or ({path.stem} if path else {path.stem for path in NOTEBOOKS.glob("*.ipynb")})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("our_text") and pages_of(item) & OWN:
            item.add_marker(pytest.mark.skip(reason="the page is the lecturer's own (notebooks/own_pages.txt)"))
        if item.path.suffix == ".ipynb" and item.path.stem in OWN:
            item.options["check"] = False


def pytest_terminal_summary(terminalreporter) -> None:
    failed = terminalreporter.stats.get("failed", [])
    if any("our_text" in report.keywords or ".ipynb" in report.nodeid for report in failed):
        terminalreporter.write_line(HOW_TO_OWN)
