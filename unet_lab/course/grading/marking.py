"""Run the checks again on what was handed in, each submission in a process of its own, with limits (`hosting`, `isolation`)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import cache
from typing import NamedTuple

from unet_lab.course.exercises import LESSONS
from unet_lab.course.grading.attempts import verdicts
from unet_lab.course.grading.hosting import Host, Limits
from unet_lab.course.grading.notebooks import (
    Unreadable,
    asked_checks,
    code_cells,
    is_course_solution,
    lesson_of,
    printable,
    read_cells,
    read_notebook,
)
from unet_lab.course.grading.roster import spellings
from unet_lab.course.grading.similarity import own_lines
from unet_lab.course.grading.slicing import needed_cells
from unet_lab.course.grading.submissions import Submission
from unet_lab.course.grading.translating import plain_python
from unet_lab.course.grading.trust import suspicious
from unet_lab.course.progress import COURSE, read_export

UNMARKED = {
    "script": "a Python script (.py), not marked: hand in the notebook itself (.ipynb)",
    "page": "a web page (.html), not marked: hand in the notebook itself (.ipynb)",
    "nothing": "",
    "refused": "",
}


class Row(NamedTuple):
    """What became of one exercise, or, where `exercise` is empty, of a whole submission.

    state : one of `attempts.STATES`; "missing" where the notebook no longer asks for it, "reported" where only the student's own
    file says so; "note" and "late" are remarks about a whole file. share : of a wrong answer, between 0 and 1, how far it came;
    facts : that in words.  lesson : of a row that says "late", which one's deadline; empty for the whole file.
    """

    student: str
    file: str
    exercise: str
    state: str
    finding: str = ""
    seconds: float = 0.0
    hint: str = ""
    code: str = ""
    share: float = 0.0
    facts: str = ""
    lesson: str = ""


def grade(
    submissions: Sequence[Submission], limits: Limits | None = None, jobs: int = 1, make_host: Callable[[], Host] = Host
) -> Iterator[list[Row]]:
    """The rows of each submission, in the order in which they become ready; `jobs` of them at a time.

    Whatever a submission does, it gets its rows and the next one is next. make_host : what it runs in (`containers` has another).
    """
    for _, rows in grade_each(submissions, limits, jobs, make_host):
        yield rows


def grade_each(
    submissions: Sequence[Submission], limits: Limits | None = None, jobs: int = 1, make_host: Callable[[], Host] = Host
) -> Iterator[tuple[Submission, list[Row]]]:
    """As `grade`, with each submission beside its rows."""
    limits, hosts, mine = limits or Limits(), [], threading.local()

    def host() -> Host:
        if not hasattr(mine, "host"):
            mine.host = make_host()
            hosts.append(mine.host)
        return mine.host

    with ThreadPoolExecutor(max_workers=jobs) as pool:
        waiting = {pool.submit(lambda s=submission: mark(s, limits, host())): submission for submission in submissions}
        try:
            for future in as_completed(waiting):
                yield waiting[future], future.result()
        finally:
            for future in waiting:
                future.cancel()
            for one in hosts:
                one.__exit__()


def mark(submission: Submission, limits: Limits | None = None, host: Host | None = None) -> list[Row]:
    """The rows of one submission. host : the process to run it in; one of its own otherwise."""
    if submission.kind == "export":
        rows = from_export(submission)
    elif host is None:
        with Host() as own:
            rows = marked(submission, limits or Limits(), own)
    else:
        rows = marked(submission, limits or Limits(), host)
    file = submission.place or submission.path.name
    notes = [("note", submission.remark)] if submission.remark and submission.kind not in ("nothing", "refused") else []
    notes += [("late", "handed in late, says Canvas")] if submission.late else []
    rows = rows + [Row(submission.student, file, "", state, words) for state, words in notes]
    return [Row(*(printable(value) if isinstance(value, str) else value for value in row)) for row in rows]


def flags_of(cells: list[str], handed_out: list[str]) -> list[tuple[str, str]]:
    """What in the student's own cells speaks against a mark: (exercise, or "" for the notebook; what)."""
    asked = {number: name for name, number in asked_checks(cells).items()}
    own = [(number, code) for number, code in enumerate(cells) if code not in handed_out]
    given = {words for code in handed_out for words in suspicious(plain_python(code))}  # what the page itself does
    found = [(asked.get(number, ""), words) for number, code in own for words in suspicious(plain_python(code))]
    return [(exercise, words) for exercise, words in found if words not in given]


@cache
def handed_out_cells(lesson: str) -> tuple[str, ...]:
    """The code cells of the course's own notebook, which every student has; none where it is not here."""
    path = COURSE / "notebooks" / f"{lesson}.ipynb"
    return tuple(read_cells(path)) if path.is_file() else ()


def marked(submission: Submission, limits: Limits, host: Host) -> list[Row]:
    """What the checks find, or why they are not asked."""
    student, file = submission.student, submission.place or submission.path.name
    if submission.kind in UNMARKED:
        return [Row(student, file, "", "error", UNMARKED[submission.kind] or submission.remark)]
    try:
        notebook = read_notebook(submission.path)
        cells = code_cells(notebook)
    except (Unreadable, AttributeError, TypeError) as error:
        return [Row(student, file, "", "error", str(error))]
    if is_course_solution(notebook):
        return [Row(student, file, "", "error", "a page of the course's own solutions, handed in as it is: not marked")]
    lesson = lesson_of(submission.path, cells)
    if lesson is None:
        return [Row(student, file, "", "error", "none of the course's notebooks: no check in it, and another name")]
    others = others_asked(cells, lesson)
    names = [*LESSONS[lesson], *(name for exercises in others.values() for name in exercises)]
    handed_out = [code for known in (lesson, *others) for code in handed_out_cells(known)]
    found, reason = verdicts(submission, cells, names, handed_out, limits, host)
    rows = []
    for name in names:
        entry = found.get(name) or unchecked(name, cells, reason)
        code = own_code(cells, name, handed_out)
        row = Row(student, file, name, entry["state"], entry["finding"], entry["seconds"], entry.get("hint", ""), code)
        rows.append(row._replace(share=entry.get("share", 0.0), facts=entry.get("facts", "")))
    flags = [*flags_of(cells, handed_out), *found.get("flags", [])]
    rows += [Row(student, file, exercise, "flag", words) for exercise, words in dict.fromkeys(flags)]
    if others:
        parts = "; ".join(f"of {other} what it checks ({', '.join(exercises)})" for other, exercises in others.items())
        rows.append(Row(student, file, "", "note", f"several lessons in one notebook: marked as {lesson}, and {parts}"))
    if reason:
        rows.append(Row(student, file, "", "error", reason))
    return rows


def others_asked(cells: list[str], lesson: str) -> dict[str, list[str]]:
    """The exercises of other lessons that a notebook checks too: students join notebooks."""
    asked = asked_checks(cells)
    found = {other: [name for name in exercises if name in asked] for other, exercises in LESSONS.items() if other != lesson}
    return {other: exercises for other, exercises in found.items() if exercises}


def unchecked(name: str, cells: list[str], reason: str) -> dict:
    """The entry of an exercise without a verdict. reason : why the notebook's process ended before its time."""
    if reason:
        return {"state": "error", "finding": reason, "seconds": 0.0}
    line = f'the line check("{name}", …)'
    finding = f"{line} is gone: put it back as on the course's page, and hand in again"
    if name in asked_checks(cells):
        finding = f"{line} is there, but it never ran: let it stand in a line of its own, not indented, and hand in again"
    return {"state": "missing", "finding": finding, "seconds": 0.0}


def own_code(cells: list[str], exercise: str, handed_out: Sequence[str]) -> str:
    """What the student wrote for an exercise: lines of the cells that its check needs, without those that were handed out."""
    number = asked_checks(cells).get(exercise)
    if number is None:
        return ""
    needed = [cells[k] for k in needed_cells(cells, [number]) if cells[k] not in handed_out]
    return own_lines("\n".join(needed), handed_out)


def from_export(submission: Submission) -> list[Row]:
    """What a student's own file says: reported, not checked."""
    file = submission.place or submission.path.name
    try:
        content = read_export(submission.path)
    except (ValueError, OSError) as error:
        return [Row(submission.student, file, "", "error", str(error))]
    known = {name for exercises in LESSONS.values() for name in exercises}
    other = not spellings(content["student"]) & spellings(submission.student)
    note = [Row(submission.student, file, "", "note", f"exported by {content['student'][:80]!r}")] if other else []
    tries = [
        Row(submission.student, file, name, "tries", "wrong tries, by the student's own file", float(entry["tries"]))
        for name, entry in content["exercises"].items()
        if name in known
    ]
    return (
        note
        + tries
        + [
            Row(submission.student, file, name, "reported", f"passed {entry['passed']}")
            for name, entry in content["exercises"].items()
            if entry["passed"] and name in known
        ]
    )
