"""A student's points, and the tables that Moodle's and Canvas's gradebooks import."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from unet_lab.course.exercises import LESSONS
from unet_lab.course.grading.by_hand import as_number
from unet_lab.course.grading.lateness import share_when_late
from unet_lab.course.grading.marking import Row
from unet_lab.course.grading.points import LESSON_OF, Points
from unet_lab.course.grading.roster import Roster, Student
from unet_lab.course.grading.tables import best_rows, by_student, csv_bytes, is_flagged
from unet_lab.files import write_whole

FORMATS = ("plain", "moodle", "canvas")


def counting(points: Points, rows: Iterable[Row]) -> Points:
    """The points of those lessons only that count: the ones the file of points names, else those that somebody handed in.

    A lesson was handed in where a notebook of it is among the rows, or, if such answers get credit, an exported file with a pass.
    """
    states = ("right", "wrong", "error", "not tried", "missing", *(("reported",) if points.credit["reported"] else ()))
    there = {LESSON_OF[row.exercise] for row in rows if row.exercise in LESSON_OF and row.state in states}
    chosen = set(points.lessons) or there or set(LESSONS)
    worth = {name: worth for name, worth in points.points.items() if LESSON_OF[name] in chosen}
    return points._replace(points=worth, lessons=tuple(lesson for lesson in LESSONS if lesson in chosen))


def what_counts(counted: Points, given: Points) -> str:
    """One line: of how many points marks are, which lessons these are, and why."""
    why = "as the file of points says"
    if not given.lessons:
        why = 'those that somebody handed in; lessons = ["00", "01"] at the top of the file of points says which'
    numbers = ", ".join(lesson.partition("_")[0] for lesson in counted.lessons)
    return f"Points are out of {counted.most:g}: lessons {numbers} count ({why})."


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


def what_flags_cost(rows: Iterable[Row], points: Points) -> str:
    """One line: how many answers pass but are flagged, and what they count; "" where there is none."""
    passed = [(row, mine) for mine in by_student(rows).values() for row in best_rows(mine).values() if row.state == "right"]
    count = sum(is_flagged(row, mine) for row, mine in passed)
    share = points.credit["flagged"]
    if not count:
        return ""
    answers, them, their = ("1 flagged answer", "it", "its") if count == 1 else (f"{count} flagged answers", "them", "their")
    if share == 1:
        return f"{answers} counted in full: look at {them}, or say flagged = 0 below [credit] in the file of points."
    return f"{answers} counted {share:g} of {their} points ([credit] flagged): look at {them}, and add what is missing by hand."


def share_for_facts(row: Row, mine: list[Row], points: Points) -> float:
    """What a wrong answer gets for the facts that hold; no more than a right one would where it is flagged."""
    share = points.credit["facts"] * row.share
    return share * points.credit["flagged"] if is_flagged(row, mine) else share


def write_gradebook(
    rows: Iterable[Row],
    path: Path,
    form: str,
    points: Points,
    roster: Roster | None,
    manual: Mapping[str, tuple[str, str]],
    ids: Mapping[str, str] | None = None,
) -> Path:
    """Write PATH-moodle or PATH-canvas, as the gradebooks import them: a line a student, with the sum of points.

    ids : by student Canvas's own number, which its file names hold.
    """
    people = {student.name: student for student in (roster.students if roster else ())}
    lines = []
    for name, mine in by_student(rows).items():
        if name.startswith("? "):
            continue  # nobody's
        student = people.get(name, Student("", name))
        total = sum(points_of(mine, points).values()) + as_number(manual.get(name, ("", ""))[0])
        lines.append(gradebook_line(student, f"{total:g}", form, (ids or {}).get(name, "")))
    head = gradebook_head(points, form)
    if form == "canvas":
        lines.insert(0, ["Points Possible", "", "", "", "", f"{points.most:g}"])
    target = path.with_name(f"{path.stem}-{form}{path.suffix or '.csv'}")
    write_whole(target, csv_bytes(head, lines))
    return target


def gradebook_doubts(rows: Iterable[Row], form: str, roster: Roster | None, ids: Mapping[str, str] | None = None) -> list[str]:
    """What to look at before the table is imported: who has no id in it, and what in it is guessed."""
    known = {student.name for student in (roster.students if roster else ()) if student.number or student.email}
    known |= set(ids or {}) if form == "canvas" else set()
    without = [name for name in by_student(rows) if name not in known and not name.startswith("? ")]
    found = []
    if without:
        shown = ", ".join(without[:5]) + (f" and {len(without) - 5} more" if len(without) > 5 else "")
        what = "put them on the roster" if roster else "give a --roster with id,name,e-mail"
        found.append(f"No id in the {form} table: {shown}. The gradebook will not know them: {what}, or write it in.")
    if form == "canvas" and any(student.email for student in (roster.students if roster else ())):
        found.append("SIS Login ID is what stands before the @ of the e-mail address: compare one line with your gradebook's.")
    return found


def gradebook_head(points: Points, form: str) -> list[str]:
    if form == "canvas":
        return ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", points.title]
    return ["Full name", "ID number", "Email address", points.title]


def gradebook_line(student: Student, total: str, form: str, canvas_id: str = "") -> list[str]:
    if form == "canvas":
        first, _, last = student.name.rpartition(" ")
        name = f"{last}, {first}" if first and "," not in student.name else student.name  # Smith, John, Jr. stays
        return [name, canvas_id, student.number, student.email.partition("@")[0], "", total]
    return [student.name, student.number, student.email, total]
