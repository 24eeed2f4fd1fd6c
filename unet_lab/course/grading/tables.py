"""The lecturer's tables: a line for each student, and one for each answer."""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from unet_lab.course.exercises import LESSONS
from unet_lab.course.grading.by_hand import as_number
from unet_lab.course.grading.marking import Row
from unet_lab.course.grading.points import LESSON_OF, Points, read_points
from unet_lab.course.grading.similarity import similar_pairs
from unet_lab.files import write_whole

_RANK = {"right": 5, "wrong": 4, "error": 3, "not tried": 2, "missing": 1}
_SHOWN = {"right": "1", "wrong": "0", "error": "error", "not tried": "", "missing": ""}


def write_tables(
    rows: Iterable[Row],
    path: str | Path,
    points: Mapping[str, float] | None = None,
    manual: Mapping[str, tuple[str, str]] | None = None,
    worth: Points | None = None,
) -> tuple[Path, Path]:
    """Write PATH (a line a student) and PATH-details (a line an answer), as CSV for any spreadsheet; returns both paths.

    In the first: 1 passed when checked here, 1? passed but flagged, 0 not passed, "error" where the answer or its cell broke off,
    empty not tried, (1) only reported by the student's own file. Of several submissions the best answer counts. What a student
    wrote never becomes a formula. Raises OSError where it cannot be written.

    points, manual : by student, what the checks earn, and what the lecturer wrote into the columns "manual" and "comment". The
    column "points" is the sum of both, "of" what there is to get, "by checks" the first alone. worth : says which lessons count
    (for "of", and for "passed", which is out of "exercises"), and what flagged answers get; without it all lessons do.
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
        "of",
        "by checks",
        "manual",
        "comment",
        "passed",
        "flagged",
        "reported only",
        "exercises",
        *names,
        "errors",
        "flags",
        "remarks",
    ]
    lines, worth = [], worth or read_points()
    for student, *line in students(rows, names, worth):
        by_hand, comment = (manual or {}).get(student, ("", ""))
        checked = points[student] if points else line[0]
        lines.append([student, f"{checked + as_number(by_hand):g}", f"{worth.most:g}", f"{checked:g}", by_hand, comment, *line])
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
    """Of a student's rows the best for each exercise; of equally good ones one without a flag, of these the one that came
    furthest, and of these one that was in time."""
    ranked = [row for row in mine if row.exercise and row.state in _RANK]
    ranked.sort(key=lambda row: (_RANK[row.state], not is_flagged(row, mine), row.share, not is_late(row, mine)))
    return {row.exercise: row for row in ranked}


def is_flagged(row: Row, mine: list[Row]) -> bool:
    """Whether something speaks against this answer, or against the whole file it is in."""
    return any(r.state == "flag" and r.file == row.file and r.exercise in ("", row.exercise) for r in mine)


def is_late(row: Row, mine: list[Row]) -> bool:
    """Whether it came after its lesson's deadline."""
    return any(r.state == "late" and r.file == row.file and r.lesson in ("", LESSON_OF.get(row.exercise)) for r in mine)


def shown(row: Row | None, mine: list[Row], reported: bool) -> str:
    """What stands in the table for an answer."""
    text = _SHOWN[row.state] if row is not None else ""
    if text == "1" and is_flagged(row, mine):
        return "1?"
    return "(1)" if not text and reported else text


def by_student(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """The rows of each student, in the order of their names."""
    found = defaultdict(list)
    for row in rows:
        found[row.student].append(row)
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def students(rows: list[Row], names: list[str], worth: Points):
    """The lines of the table."""
    for student, mine in by_student(rows).items():
        best = best_rows(mine)
        reported = {row.exercise for row in mine if row.state == "reported"}
        cells = {name: shown(best.get(name), mine, name in reported) for name in names}
        errors = "; ".join(f"{name}: {row.finding}" for name, row in best.items() if row.state == "error")
        flags = "; ".join(dict.fromkeys(f"{r.exercise or r.file}: {r.finding}" for r in mine if r.state == "flag"))
        counted = [cells[name] for name in worth.points]
        counts = [counted.count("1"), counted.count("1?"), counted.count("(1)")]
        yield [student, *counts, len(counted), *cells.values(), errors, flags, "; ".join(remarks(mine, best, counts[1], worth))]


def remarks(mine: list[Row], best: Mapping[str, Row], flagged: int, worth: Points) -> list[str]:
    """What the lecturer should know beside the marks: of whole files, of checks that are gone, of flagged answers that count."""
    files = [row for row in mine if not row.exercise and row.state != "flag"]
    found = [f"{row.file}: {row.finding}" if row.file else row.finding for row in files]
    found += [f"{row.file}: {row.finding}" for row in best.values() if row.state == "missing"]
    not_counted = sorted({LESSON_OF[name] for name in best if name in LESSON_OF and name not in worth.points})
    found += [f"{lesson} does not count (lessons in the file of points)" for lesson in not_counted]
    if flagged:
        answers, its = ("flagged answers count", "their") if flagged > 1 else ("flagged answer counts", "its")
        share = worth.credit["flagged"]
        found.append(f"{flagged} {answers} {'in full' if share == 1 else f'{share:g} of {its} points'}")
    return found


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
