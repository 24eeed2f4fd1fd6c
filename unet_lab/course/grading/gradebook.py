"""Points out of marks, and the tables that Moodle's and Canvas's gradebooks import."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from unet_lab.course.exercises import LESSONS
from unet_lab.course.grading.by_hand import as_number
from unet_lab.course.grading.marking import Row
from unet_lab.course.grading.roster import Roster, Student
from unet_lab.course.grading.submissions import Submission
from unet_lab.course.grading.tables import best_rows, csv_bytes, is_flagged
from unet_lab.files import write_whole

FORMATS = ("plain", "moodle", "canvas")
_CREDIT = {"right": 1.0, "flagged": 1.0, "wrong": 0.0, "facts": 0.0, "error": 0.0, "reported": 0.0}


class Points(NamedTuple):
    """What answers are worth.

    points : for each exercise; credit : which share of them "right", "flagged", "wrong", "error" and "reported" answers get;
    "facts" is what a wrong answer would get in which all facts held: it gets as much of that as hold, if this is more.
    deadlines : for each lesson.  late : the share that a late answer keeps; per_day : what it loses of that each further day.
    """

    points: dict[str, float]
    credit: dict[str, float] = _CREDIT
    deadlines: dict[str, datetime] = {}  # noqa: RUF012
    late: float = 1.0
    per_day: float = 0.0
    title: str = "U-Net Lab"

    @property
    def most(self) -> float:
        return sum(self.points.values())


def exercise_names() -> list[str]:
    return [name for exercises in LESSONS.values() for name in exercises]


def read_points(path: str | Path | None = None) -> Points:
    """A small TOML file; without one every exercise is worth a point. Raises ValueError, saying what is wrong, for any other.

    title = "U-Net Lab"; [points] default, and exercises by name; [credit] shares; [deadlines] by lesson; [late] keeps, per_day.
    """
    names = exercise_names()
    if path is None:
        return Points(dict.fromkeys(names, 1.0))
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name}: no TOML: {error}") from None
    known = {"points": {"default", *names}, "credit": set(_CREDIT), "deadlines": set(LESSONS), "late": {"keeps", "per_day"}}
    for table, entries in content.items():
        if table != "title" and table not in known:
            raise ValueError(f"{path.name}: there is no table [{table}]; there are {', '.join(known)}, and title.")
        for name in entries if table != "title" else ():
            if name not in known[table]:
                raise ValueError(f"{path.name}: [{table}] has {name!r}; known are {', '.join(sorted(known[table]))}.")
    points, late = content.get("points", {}), content.get("late", {})
    worth = {name: number(points.get(name, points.get("default", 1)), name, path) for name in names}
    credit = _CREDIT | {name: number(share, name, path, 1) for name, share in content.get("credit", {}).items()}
    deadlines = {name: moment(when, name, path) for name, when in content.get("deadlines", {}).items()}
    keeps, per_day = number(late.get("keeps", 1), "keeps", path, 1), number(late.get("per_day", 0), "per_day", path, 1)
    return Points(worth, credit, deadlines, keeps, per_day, str(content.get("title", "U-Net Lab")))


def number(value, name: str, path: Path, most: float = 1e6) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise ValueError(f"{path.name}: {name} is a number from 0 to {most:g}, not {value!r}.")
    return float(value)


def moment(value, name: str, path: Path) -> datetime:
    if not isinstance(value, datetime):
        raise ValueError(f"{path.name}: the deadline of {name} is a date and time, e.g. 2026-12-01T12:00:00, not {value!r}.")
    return value.astimezone()


def late_rows(submissions: Sequence[Submission], points: Points) -> list[Row]:
    """A row for each file that was changed after its lesson's deadline; in `seconds` how late it is."""
    found = []
    for submission in submissions:
        lesson = next((lesson for lesson in points.deadlines if lesson in submission.path.name), None)
        if lesson is not None and submission.kind == "notebook" and submission.path.is_file():
            seconds = submission.path.stat().st_mtime - points.deadlines[lesson].timestamp()
            if seconds > 0:
                words = f"changed {seconds / 86400:.1f} days after the deadline"
                found.append(Row(submission.student, submission.place or submission.path.name, "", "late", words, round(seconds)))
    return found


def points_of(mine: list[Row], points: Points) -> dict[str, float]:
    """A student's points for each exercise."""
    best, earned = best_rows(mine), {}
    reported = {row.exercise for row in mine if row.state == "reported"}
    for name, worth in points.points.items():
        row = best.get(name)
        state = row.state if row is not None else ""
        if state == "right" and is_flagged(row, mine):
            state = "flagged"
        share = points.credit.get(state, 0.0)
        if state == "wrong":
            share = max(share, share_for_facts(row, mine, points))
        if row is not None and share:
            share *= share_when_late(row, mine, points)
        if name in reported:
            share = max(share, points.credit["reported"])
        earned[name] = round(worth * share, 4)
    return earned


def share_for_facts(row: Row, mine: list[Row], points: Points) -> float:
    """What a wrong answer gets for the facts that hold; no more than a right one would where it is flagged."""
    share = points.credit["facts"] * row.share
    return share * points.credit["flagged"] if is_flagged(row, mine) else share


def share_when_late(row: Row, mine: list[Row], points: Points) -> float:
    """What an answer keeps for being late: all of it where its file was in time."""
    late = [r.seconds for r in mine if r.state == "late" and r.file == row.file]
    return max(0.0, points.late - points.per_day * (max(late) // 86400)) if late else 1.0


def write_gradebook(rows: Iterable[Row], path: Path, form: str, points: Points, roster: Roster | None, manual) -> Path:
    """Write PATH-moodle or PATH-canvas, as the gradebooks import them: a line a student, with the sum of points."""
    by_student: dict[str, list[Row]] = {}
    for row in rows:
        by_student.setdefault(row.student, []).append(row)
    people = {student.name: student for student in (roster.students if roster else ())}
    lines = []
    for name, mine in sorted(by_student.items(), key=lambda item: item[0].lower()):
        if name.startswith("? "):
            continue  # nobody's
        student = people.get(name, Student("", name))
        total = sum(points_of(mine, points).values()) + as_number(manual.get(name, ("", ""))[0])
        lines.append(gradebook_line(student, f"{total:g}", form))
    head = gradebook_head(points, form)
    if form == "canvas":
        lines.insert(0, ["Points Possible", "", "", "", "", f"{points.most:g}"])
    target = path.with_name(f"{path.stem}-{form}{path.suffix or '.csv'}")
    write_whole(target, csv_bytes(head, lines))
    return target


def gradebook_head(points: Points, form: str) -> list[str]:
    if form == "canvas":
        return ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", points.title]
    return ["Full name", "ID number", "Email address", points.title]


def gradebook_line(student: Student, total: str, form: str) -> list[str]:
    if form == "canvas":
        first, _, last = student.name.rpartition(" ")
        return [f"{last}, {first}" if first else last, "", student.number, student.email.partition("@")[0], "", total]
    return [student.name, student.number, student.email, total]
