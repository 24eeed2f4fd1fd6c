"""The lecturer's tables: a line for each student, and one for each answer."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from unet_lab.course.exercises import LESSONS
from unet_lab.course.grading.marking import Row
from unet_lab.files import write_whole

_RANK = {"right": 5, "wrong": 4, "error": 3, "not tried": 2, "missing": 1}
_SHOWN = {"right": "1", "wrong": "0", "error": "0", "not tried": "", "missing": ""}


def write_tables(rows: Iterable[Row], path: str | Path) -> tuple[Path, Path]:
    """Write PATH (a line a student) and PATH-details (a line an answer), as CSV for any spreadsheet; returns both paths.

    In the first: 1 passed when checked here, 0 not passed, empty not tried, (1) only reported by the student's own file. Of
    several submissions the best answer counts. What a student wrote never becomes a formula. Raises OSError where it cannot be
    written.
    """
    path = Path(path)
    rows = list(rows)
    details = path.with_name(f"{path.stem}-details{path.suffix or '.csv'}")
    write_whole(details, csv_bytes(["student", "file", "exercise", "state", "finding", "seconds"], [list(row) for row in rows]))
    names = [name for exercises in LESSONS.values() for name in exercises]
    head = ["student", "passed", "reported only", "of", *names, "remarks"]
    write_whole(path, csv_bytes(head, list(students(rows, names))))
    return path, details


def students(rows: list[Row], names: list[str]):
    for student in dict.fromkeys(row.student for row in rows):
        mine = [row for row in rows if row.student == student]
        best: dict[str, Row] = {}
        for row in sorted((row for row in mine if row.exercise and row.state in _RANK), key=lambda row: _RANK[row.state]):
            best[row.exercise] = row
        reported = {row.exercise for row in mine if row.state == "reported"}
        cells = []
        for name in names:
            shown = _SHOWN[best[name].state] if name in best else ""
            cells.append("(1)" if not shown and name in reported else shown)
        remarks = "; ".join(f"{row.file}: {row.finding}" for row in mine if not row.exercise)
        yield [student, cells.count("1"), cells.count("(1)"), len(names), *cells, remarks]


def csv_bytes(head: list[str], lines: list[list]) -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(head)
    writer.writerows([[harmless(value) for value in line] for line in lines])
    return ("\ufeff" + stream.getvalue()).encode("utf-8")  # the mark that Excel knows UTF-8 by


def harmless(value):
    """Text that a spreadsheet would take for a formula gets an apostrophe before it; line breaks become blanks."""
    if not isinstance(value, str):
        return value
    text = " ".join(value.split())
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text
