"""Run the checks again on what was handed in, each submission in a process of its own, with a limit of time and memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import psutil

from unet_lab.course.exercises import LESSONS
from unet_lab.course.grading.reading import Unreadable, code_cells, is_course_solution, lesson_of, read_notebook
from unet_lab.course.grading.roster import spellings
from unet_lab.course.grading.submissions import Submission
from unet_lab.course.limits import has_had_its_time
from unet_lab.course.progress import WHERE, read_export

_CLEAR = ("right", "wrong", "not tried")
UNMARKED = {
    "script": "a Python script (.py), not marked: hand in the notebook itself (.ipynb)",
    "page": "a web page (.html), not marked: hand in the notebook itself (.ipynb)",
    "nothing": "",
    "refused": "",
}
STATES = ("right", "wrong", "not tried", "error", "missing", "reported", "note", "late")


class Limits(NamedTuple):
    """For one submission with all its processes: seconds of the processor (or of waiting), and gigabytes of memory."""

    seconds: float = 120.0
    gigabytes: float = 4.0


class Row(NamedTuple):
    """What became of one exercise, or, where `exercise` is empty, of a whole submission.

    state : one of `STATES`; "missing" where the notebook no longer asks for it, "reported" where only the student's own file
    says so; "note" and "late" are remarks about a whole file.
    """

    student: str
    file: str
    exercise: str
    state: str
    finding: str = ""
    seconds: float = 0.0


def grade(submissions: Sequence[Submission], limits: Limits | None = None, jobs: int = 1) -> Iterator[list[Row]]:
    """The rows of each submission, in the order given, as they become ready; `jobs` of them at a time.

    Whatever a submission does, it gets its rows and the next one is next.
    """
    limits = limits or Limits()
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        waiting = [pool.submit(mark, submission, limits) for submission in submissions]
        try:
            for future in waiting:
                yield future.result()
        finally:
            for future in waiting:
                future.cancel()


def mark(submission: Submission, limits: Limits | None = None) -> list[Row]:
    """The rows of one submission."""
    rows = from_export(submission) if submission.kind == "export" else marked(submission, limits or Limits())
    file = submission.place or submission.path.name
    notes = [("note", submission.remark)] if submission.remark and submission.kind not in ("nothing", "refused") else []
    notes += [("late", "handed in late, says Canvas")] if submission.late else []
    return rows + [Row(submission.student, file, "", state, words) for state, words in notes]


def marked(submission: Submission, limits: Limits) -> list[Row]:
    """What the checks find, or why they are not asked."""
    student, file = submission.student, submission.place or submission.path.name
    if submission.kind in UNMARKED:
        return [Row(student, file, "", "error", UNMARKED[submission.kind] or submission.remark)]
    try:
        notebook = read_notebook(submission.path)
        cells = code_cells(notebook)
    except Unreadable as error:
        return [Row(student, file, "", "error", str(error))]
    if is_course_solution(notebook):
        return [Row(student, file, "", "error", "a page of the course's own solutions, handed in as it is: not marked")]
    lesson = lesson_of(submission.path, cells)
    if lesson is None:
        return [Row(student, file, "", "error", "none of the course's notebooks: no check in it, and another name")]
    expected = list(LESSONS[lesson])
    found, reason = verdicts(submission.path, expected, limits)
    rows = []
    for name in expected:
        entry = found.get(name)
        if entry is None:
            what = reason or "the notebook does not check it (any more)"
            entry = {"state": "error" if reason else "missing", "finding": what, "seconds": 0.0}
        rows.append(Row(student, file, name, entry["state"], entry["finding"], entry["seconds"]))
    if reason:
        rows.append(Row(student, file, "", "error", reason))
    return rows


def verdicts(notebook: Path, expected: list[str], limits: Limits) -> tuple[dict[str, dict], str]:
    """Quick first: the cells that the checks need. Then what that leaves open: each answer alone, where the process died of one;
    the whole notebook in order, where something was missing that names do not tell."""
    left = limits.seconds
    found, reason, spent = run(notebook, "quick", limits)
    left -= spent
    for name in expected if reason else ():
        if found.get(name, {}).get("state") not in _CLEAR and left > 1:
            alone, why, spent = run(notebook, f"only:{name}", limits._replace(seconds=left))
            left -= spent
            found[name] = alone.get(name) or {"exercise": name, "state": "error", "finding": why, "seconds": 0.0}
    unclear = [name for name in expected if found.get(name, {}).get("state") not in _CLEAR]
    if unclear and not reason and left > 1:
        again, reason, _ = run(notebook, "all", limits._replace(seconds=left))
        found |= {name: entry for name, entry in again.items() if name in unclear}
    return found, reason


def run(notebook: Path, how: str, limits: Limits) -> tuple[dict[str, dict], str, float]:
    """Verdicts by exercise, why the process ended before its time, if it did, and the seconds that it used."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, tempfile.TemporaryDirectory() as outside:
        results = Path(outside, "results")
        results.touch()
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("JPY_", "JUPYTER_", "PYTEST_", "COV_"))}
        environment |= {WHERE: "off", "HOME": folder, "USERPROFILE": folder, "TMPDIR": folder, "TEMP": folder, "TMP": folder}
        environment |= {"IPYTHONDIR": folder, "MPLCONFIGDIR": folder, "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"}
        line = [sys.executable, "-m", "unet_lab.course.grading.worker", str(notebook.resolve()), how, str(limits.seconds / 4)]
        process = subprocess.Popen(
            line, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=os.name == "posix",
        )  # fmt: skip
        process.stdin.write(f"{results}\n".encode())
        process.stdin.close()
        reason, spent = watch(process, limits)
        found, ended, broken = read(results)
    if broken:
        return found, broken, spent
    if not reason and not ended:
        reason = f"its process ended by itself, with status {process.returncode}, before the last cell"
    return found, reason, spent


def watch(process: subprocess.Popen, limits: Limits) -> tuple[str, float]:
    """Wait for the process and whatever it started; end them at a limit. Returns which limit, and the seconds that were used."""
    family, began = psutil.Process(process.pid), time.monotonic()
    reason, worked = "", 0.0
    while process.poll() is None and not reason:
        try:
            members = [family, *family.children(recursive=True)]
            worked = max(worked, sum(processor_seconds(member) for member in members))
            used = sum(member.memory_info().rss for member in members)
            if used > limits.gigabytes * 1e9:
                reason = f"stopped at {used / 1e9:.1f} GB of memory; {limits.gigabytes:g} GB are allowed"
        except psutil.Error:
            members = [family]  # it has just ended
        if has_had_its_time(limits.seconds, time.monotonic() - began, worked):
            reason = f"stopped after {limits.seconds:.0f} seconds"
        if reason:
            for member in members:
                try:
                    member.kill()
                except psutil.Error:
                    continue
        time.sleep(0.05)
    process.wait()
    return reason, worked


def processor_seconds(process: psutil.Process) -> float:
    """The processor's time that this process and its ended children have used."""
    times = process.cpu_times()
    return times.user + times.system + times.children_user + times.children_system


def read(results: Path) -> tuple[dict[str, dict], bool, str]:
    found, ended, broken = {}, False, ""
    for line in results.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            continue  # the last line of a process that was killed
        if not isinstance(entry, dict):
            continue
        ended, broken = ended or bool(entry.get("end")), broken or str(entry.get("broken") or "")
        if entry.get("state") in STATES and isinstance(entry.get("exercise"), str):
            entry = {"finding": "", "seconds": 0.0} | entry
            before = found.get(entry["exercise"])
            if before is None or before["state"] != "right":
                found[entry["exercise"]] = entry
    return found, ended, broken


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
    return note + [
        Row(submission.student, file, name, "reported", f"passed {entry['passed']}")
        for name, entry in content["exercises"].items()
        if entry["passed"] and name in known
    ]
