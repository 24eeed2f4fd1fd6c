"""Run the checks again on what was handed in, each submission in a process of its own, with limits (`hosting`, `isolation`)."""

from __future__ import annotations

import json
import math
import os
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from unet_lab.course.exercises import LESSONS
from unet_lab.course.grading.hosting import Host, Limits
from unet_lab.course.grading.isolation import can_fork
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
from unet_lab.course.grading.slicing import may_be_elsewhere, needed_cells
from unet_lab.course.grading.submissions import Submission
from unet_lab.course.grading.translating import plain_python
from unet_lab.course.grading.trust import suspicious
from unet_lab.course.progress import COURSE, read_export

_CLEAR = ("right", "wrong", "not tried")
MOST_BESIDE = 200_000_000  # bytes of the files beside a notebook that are copied for it
UNMARKED = {
    "script": "a Python script (.py), not marked: hand in the notebook itself (.ipynb)",
    "page": "a web page (.html), not marked: hand in the notebook itself (.ipynb)",
    "nothing": "",
    "refused": "",
}
STATES = ("right", "wrong", "not tried", "error", "missing", "reported", "note", "late", "flag", "tries")


class Row(NamedTuple):
    """What became of one exercise, or, where `exercise` is empty, of a whole submission.

    state : one of `STATES`; "missing" where the notebook no longer asks for it, "reported" where only the student's own file
    says so; "note" and "late" are remarks about a whole file. share : of a wrong answer, between 0 and 1, how far it came;
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
    found, reason = verdicts(submission, cells, names, limits, host)
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


def verdicts(
    submission: Submission, cells: list[str], expected: list[str], limits: Limits, host: Host
) -> tuple[dict[str, dict], str]:
    """Quick first: the cells that the checks need. Then what that leaves open: each answer alone, where the process died of one
    or time ran out (it may have for one of them only: together they get half of it again); the whole notebook in order, where
    something was missing that names do not tell."""
    left = limits.seconds
    found, reason, spent = run(submission, cells, "quick", limits, host)
    left -= spent
    open_ones = [name for name in expected if found.get(name, {}).get("state") not in _CLEAR] if reason else []
    if open_ones and len(expected) > 1:
        left = max(left, limits.seconds / 2)
    for place, name in enumerate(open_ones):
        if left > 1:
            share = left / (len(open_ones) - place)
            alone, why, spent = run(submission, cells, f"only:{name}", limits._replace(seconds=share), host)
            found["flags"] += alone["flags"]
            left -= spent
            found[name] = alone.get(name) or {"exercise": name, "state": "error", "finding": why, "seconds": 0.0}
    broken = [name for name in expected if found.get(name, {}).get("state") == "error"]
    unclear = [name for name in broken if may_be_elsewhere(found[name]["finding"], cells)]
    if unclear and not reason and left > 1:
        again, reason, _ = run(submission, cells, "all", limits._replace(seconds=left), host)
        found |= {name: entry for name, entry in again.items() if name in unclear}
        found["flags"] += again["flags"]
    return found, reason


def run(submission: Submission, cells: list[str], how: str, limits: Limits, host: Host) -> tuple[dict[str, dict], str, float]:
    """Verdicts by exercise, why the process ended before its time, if it did, and the seconds that it used."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, tempfile.TemporaryDirectory() as outside:
        results, texts, secret = Path(outside, "results"), Path(outside, "cells"), secrets.token_hex(16)
        results.touch()
        texts.write_text(json.dumps(cells), encoding="utf-8")
        place = copy_beside(submission, Path(folder))
        job = {"cells": str(texts), "results": str(results), "folder": folder, "place": place, "how": how}
        job["forbidden"] = [str(COURSE / "notebooks" / "solutions"), str(COURSE / "notebooks" / "source"), *submission.others]
        reason, spent, status = host.run(job | {"seconds": limits.seconds, "secret": secret}, limits)
        found, ended = read(results, secret)
    if not reason and not ended:
        reason = f"its process ended by itself, with status {status}, before the last cell"
    return found, reason, spent


def copy_beside(submission: Submission, folder: Path) -> str:
    """Copy the files of the student's folder to where the notebook will run; returns the notebook's place below `folder`."""
    place = PurePosixPath(submission.place or submission.path.name).parent
    Path(folder, place).mkdir(parents=True, exist_ok=True)
    left = MOST_BESIDE
    for name, path in submission.beside:
        left -= path.stat().st_size
        if left < 0:
            break
        Path(folder, name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, Path(folder, name))
    if can_fork() and os.getuid() == 0:  # it may run as another user
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o777 if path.is_dir() else 0o666)
    return str(place)


def read(results: Path, secret: str) -> tuple[dict[str, dict], bool]:
    """Verdicts by exercise, and whether the notebook came to its end. Lines that do not begin with the secret are not ours."""
    found, ended = {"flags": []}, False
    for line in results.read_text(encoding="utf-8", errors="replace").splitlines():
        key, _, text = line.partition(" ")
        try:
            entry = believable(json.loads(text))
        except (ValueError, TypeError, AttributeError, RecursionError):
            continue  # the last line of a process that was killed
        if key != secret:
            continue
        ended = ended or bool(entry.get("end"))
        if "flag" in entry:
            found["flags"].append((entry.get("exercise", ""), entry["flag"]))
        if entry.get("state") in STATES and isinstance(entry.get("exercise"), str):
            entry = {"finding": "", "seconds": 0.0, "hint": ""} | entry
            before = found.get(entry["exercise"])
            if before is None or before["state"] != "right":
                found[entry["exercise"]] = entry
    return found, ended


def believable(entry: dict) -> dict:
    """A line of the process that runs a submission, each of its entries of the type that it must have, shares between 0 and 1."""
    found = {
        name: str(entry[name])[:10_000] for name in ("exercise", "state", "finding", "hint", "facts", "flag") if name in entry
    }
    for name, most in (("seconds", math.inf), ("share", 1.0)):
        if name in entry:
            found[name] = min(max(0.0, float(entry[name])), most)
    return found | {"end": bool(entry.get("end"))}


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
