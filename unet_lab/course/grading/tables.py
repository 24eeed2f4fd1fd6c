"""The lecturer's tables: a line for each student, and one for each answer."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from unet_lab.course.exercises import LESSONS
from unet_lab.course.grading.by_hand import as_number
from unet_lab.course.grading.marking import Row
from unet_lab.course.grading.similarity import similar_pairs
from unet_lab.files import write_whole

_RANK = {"right": 5, "wrong": 4, "error": 3, "not tried": 2, "missing": 1}
_SHOWN = {"right": "1", "wrong": "0", "error": "error", "not tried": "", "missing": ""}


def write_tables(
    rows: Iterable[Row],
    path: str | Path,
    points: Mapping[str, float] | None = None,
    manual: Mapping[str, tuple[str, str]] | None = None,
) -> tuple[Path, Path]:
    """Write PATH (a line a student) and PATH-details (a line an answer), as CSV for any spreadsheet; returns both paths.

    In the first: 1 passed when checked here, 1? passed but flagged, 0 not passed, "error" where the answer or its cell broke off,
    empty not tried, (1) only reported by the student's own file. Of several submissions the best answer counts. What a student
    wrote never becomes a formula. Raises OSError where it cannot be written.

    points, manual : by student, what the checks earn, and what the lecturer wrote into the columns "manual" and "comment". The
    column "points" is the sum of both, "by checks" the first alone.
    """
    path = Path(path)
    rows = list(rows)
    details = path.with_name(f"{path.stem}-details{path.suffix or '.csv'}")
    head = ["student", "file", "exercise", "state", "finding", "seconds", "hint", "facts"]
    write_whole(details, csv_bytes(head, [[*row[: len(head) - 1], row.facts] for row in rows]))
    names = [name for exercises in LESSONS.values() for name in exercises]
    head = [
        "student",
        "points",
        "by checks",
        "manual",
        "comment",
        "passed",
        "flagged",
        "reported only",
        "of",
        *names,
        "errors",
        "flags",
        "remarks",
    ]
    lines = []
    for student, *line in students(rows, names):
        by_hand, comment = (manual or {}).get(student, ("", ""))
        checked = points[student] if points else line[0]
        lines.append([student, f"{checked + as_number(by_hand):g}", f"{checked:g}", by_hand, comment, *line])
    write_whole(path, csv_bytes(head, lines))
    return path, details


def write_similar(rows: Iterable[Row], path: str | Path) -> tuple[Path, int]:
    """Write PATH-similar: the pairs of students whose answers are alike after renaming; returns path and number."""
    path = Path(path)
    answers = [(row.student, row.exercise, row.code) for row in rows if row.code and row.state in ("right", "wrong")]
    pairs = similar_pairs(answers)
    target = path.with_name(f"{path.stem}-similar{path.suffix or '.csv'}")
    head = ["exercise", "student", "other student", "equal tokens after renaming", "as written", "tokens", "others with the same"]
    write_whole(target, csv_bytes(head, [list(pair) for pair in pairs]))
    return target, len(pairs)


def best_rows(mine: list[Row]) -> dict[str, Row]:
    """Of a student's rows the best for each exercise; of equally good ones one without a flag, and of these the one that came
    furthest."""
    ranked = [row for row in mine if row.exercise and row.state in _RANK]
    ranked.sort(key=lambda row: (_RANK[row.state], not is_flagged(row, mine), row.share))
    return {row.exercise: row for row in ranked}


def is_flagged(row: Row, mine: list[Row]) -> bool:
    """Whether something speaks against this answer, or against the whole file it is in."""
    return any(r.state == "flag" and r.file == row.file and r.exercise in ("", row.exercise) for r in mine)


def shown(row: Row | None, mine: list[Row], reported: bool) -> str:
    """What stands in the table for an answer."""
    text = _SHOWN[row.state] if row is not None else ""
    if text == "1" and is_flagged(row, mine):
        return "1?"
    return "(1)" if not text and reported else text


def students(rows: list[Row], names: list[str]):
    """The lines of the table."""
    by_student: dict[str, list[Row]] = {}
    for row in rows:
        by_student.setdefault(row.student, []).append(row)
    for student, mine in sorted(by_student.items(), key=lambda item: item[0].lower()):
        best = best_rows(mine)
        reported = {row.exercise for row in mine if row.state == "reported"}
        cells = [shown(best.get(name), mine, name in reported) for name in names]
        errors = "; ".join(f"{name}: {row.finding}" for name, row in best.items() if row.state == "error")
        flags = "; ".join(dict.fromkeys(f"{r.exercise or r.file}: {r.finding}" for r in mine if r.state == "flag"))
        remarks = "; ".join(f"{row.file}: {row.finding}" for row in mine if not row.exercise and row.state != "flag")
        counts = [cells.count("1"), cells.count("1?"), cells.count("(1)")]
        yield [student, *counts, len(names), *cells, errors, flags, remarks]


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
    is_number = re.fullmatch(r"[+-]?\d+([.,]\d+)?", text)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") and not is_number else text
