"""What the doctor says: findings in words, as text or as a table."""

from __future__ import annotations

from html import escape
from typing import NamedTuple


class Finding(NamedTuple):
    """One thing that is wrong: its name, what was seen, in which files, why it matters and how to fix it."""

    name: str
    what: str
    where: tuple[str, ...]
    why: str
    fix: str

    def __str__(self) -> str:
        shown = ", ".join(self.where[:6]) + (f" and {len(self.where) - 6} more" if len(self.where) > 6 else "")
        lines = [f"{self.name}: {self.what}", f"  where: {shown}", f"  why it matters: {self.why}", f"  to fix it: {self.fix}"]
        return "\n".join(line for line in lines if line != "  where: ")


class Findings(tuple):
    """All findings, in the order in which to fix them; printed, or as a table in a notebook. Empty: nothing is wrong."""

    subject = "the set"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f.name for f in self)

    def __str__(self) -> str:
        return "\n".join(map(str, self)) or f"Nothing found: {self.subject} looks healthy."

    __repr__ = __str__

    def _repr_html_(self) -> str:
        if not self:
            return f"<p>{escape(str(self))}</p>"
        rows = "".join(
            "<tr>" + "".join(f'<td style="text-align:left; vertical-align:top">{escape(cell)}</td>' for cell in cells) + "</tr>"
            for cells in (
                (f.name, f.what, ", ".join(f.where[:6]) + (" …" if len(f.where) > 6 else ""), f.why, f.fix) for f in self
            )
        )
        titles = "".join(
            f'<th style="text-align:left">{t}</th>' for t in ("finding", "what", "where", "why it matters", "to fix it")
        )
        return f"<table><tr>{titles}</tr>{rows}</table>"


class RunFindings(Findings):
    """The findings about a training run or a network."""

    subject = "the run"
