"""A lesson's page as students get it: its links lead to notebooks that are there, and it speaks of no solutions."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat

from unet_lab.course import LESSONS

LINK = re.compile(r"\[([^\]]+)\]\((?:\.\./)?(\d\d_\w+)\.ipynb(#[^)]*)?\)")
# a sentence in an answer to unfold, which is HTML
SEES_ANOTHER = re.compile(r' Notebook <a href="(\w+)\.ipynb">[^<]*</a> [^.<]*\.')


def title_of(path: Path) -> str:
    first = nbformat.read(path, as_version=4).cells[0].source
    return next(line[2:] for line in first.splitlines() if line.startswith("# "))


def notebook_for_students(text: str, stem: str, titles: dict[str, str]) -> str:
    """A notebook whose links lead to notebooks that are there, and which speaks of no solutions."""
    notebook = nbformat.reads(text, as_version=4)
    order = list(titles)
    place = order.index(stem) if stem in order else -1
    near = {"Back": order[place - 1] if place > 0 else None, "Next": order[place + 1] if 0 <= place < len(order) - 1 else None}
    if place < 0:
        near["Back"] = order[0]
    for cell in notebook.cells:
        if cell.cell_type == "code" and "show_progress" in cell.source and len(titles) < len(LESSONS):
            cell.outputs = []  # a picture of all lessons
        if cell.cell_type == "markdown":
            lines = [led(line, near, titles) for line in cell.source.splitlines() if not leads_nowhere(line, titles)]
            paragraphs = "\n".join(lines).split("\n\n")
            kept = [p for p in paragraphs if not re.search(r"folder `?solutions`?|notebooks/solutions", p)]
            source = LINK.sub(lambda found: found[0] if found[2] in titles else found[1], "\n\n".join(kept))
            cell.source = SEES_ANOTHER.sub(lambda found: found[0] if found[1] in titles else "", source)
    return nbformat.writes(notebook) + "\n"


def leads_nowhere(line: str, titles: dict[str, str]) -> bool:
    """Whether it is a line of the table of notebooks, for one that is not there."""
    found = LINK.search(line)
    return bool(line.startswith("| [") and found and found[2] not in titles)


def led(line: str, near: dict[str, str | None], titles: dict[str, str]) -> str:
    """A line of navigation that leads to the chosen notebooks before and after; empty where there is none."""
    if not re.match(r"\*.*\b(Back|Next): \[", line):
        return line
    minutes = re.findall(r"About \d+ minutes", line)
    words = near if minutes or "Back:" in line else ["Next"]
    links = [f"{word}: [{titles[near[word]]}]({near[word]}.ipynb)" for word in words if near[word]]
    return f"*{'. '.join([*minutes, *links])}*" if minutes or links else ""
