"""Pages to give back: one for each student, and one of the whole class for the lecturer. Plain HTML, nothing to load."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path

from unet_lab.course.exercises import LESSONS
from unet_lab.course.grading.by_hand import as_number
from unet_lab.course.grading.for_students import advice_for
from unet_lab.course.grading.gradebook import points_of
from unet_lab.course.grading.lateness import how_late, how_long, share_when_late
from unet_lab.course.grading.marking import Row
from unet_lab.course.grading.points import Points
from unet_lab.course.grading.tables import best_rows, by_student, is_flagged
from unet_lab.files import write_whole

_STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.3rem .6rem;border-top:1px solid #ccc}
.right{color:#00664b}.wrong{color:#a33b00}.error{color:#8b0f5a}.share{white-space:nowrap}
.bar{background:#0072b2;height:.8rem;display:inline-block}
.none{color:#666}small{color:#555}"""
_WORDS = {
    "right": "passed",
    "wrong": "not passed",
    "error": "broke off",
    "not tried": "not tried",
    "missing": "not in the notebook",
}


_NO_PROOF = (
    "A flagged answer, and one that is like another's, is yours to see. The checks run in the answer's own process, so a pass "
    "without a flag is no proof."
)


_OF_WHOM = (
    "Shares are of the students who handed in a notebook of that lesson: who did not try the exercise, or whose line check(…) is "
    "gone, is among them; who handed in another lesson only, or nothing, is not."
)


def page(title: str, body: str) -> bytes:
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title><style>{_STYLE}</style>'
    return f"{head}<h1>{html.escape(title)}</h1>{body}</html>\n".encode()


def table(head: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    """An HTML table; the cells are HTML already."""
    rows = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in line) + "</tr>" for line in lines)
    return f"<table><tr>{''.join(f'<th>{word}</th>' for word in head)}</tr>{rows}</table>"


def write_feedback(rows: Iterable[Row], folder: str | Path, points: Points, manual: dict[str, tuple[str, str]]) -> list[Path]:
    """Write a page for each student to FOLDER: each exercise, what was found, the hint. Raises OSError."""
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    written = []
    for student, mine in by_student(rows).items():
        if student.startswith("? "):
            continue
        path = folder / file_name(student, {p.name.lower() for p in written})
        write_whole(path, page(f"U-Net Lab: {student}", feedback(mine, points, manual.get(student, ("", "")))))
        written.append(path)
    return written


def file_name(student: str, taken: set[str]) -> str:
    """A name that every system takes, and no other student has."""
    plain = re.sub(r"[^\w.-]+", "_", student).strip("._")[:80] or "student"
    names = (f"{plain}{n}.html" for n in ("", *(f"-{k}" for k in range(2, 10_000))))
    return next(name for name in names if name.lower() not in taken)


def feedback(mine: list[Row], points: Points, manual: tuple[str, str]) -> str:
    """The body of a student's page."""
    best, earned = best_rows(mine), points_of(mine, points)
    parts = [f"<p><strong>{total_line(sum(earned.values()), manual[0], points.most)}</strong></p>"]
    parts.append(f"<p>Your teacher writes: {html.escape(manual[1])}</p>" if manual[1] else "")
    parts.append(f"<p><small>{html.escape(rules(points))}</small></p>" if best else "")
    for lesson, names in LESSONS.items():
        there = [name for name in names if name in best]
        if there:
            lines = [exercise_line(best[name], mine, points, earned) for name in there]
            parts.append(f"<h2>{html.escape(lesson)}</h2>" + table(("exercise", "result", "points", "what was found"), lines))
    notes = [advice_for(row) for row in mine if not row.exercise and row.state == "error"]
    notes += [f"{row.file}: {row.finding}." for row in mine if row.state == "late"]
    parts += [f"<p>{html.escape(note)}</p>" for note in dict.fromkeys(notes)]
    return "".join(parts)


def total_line(by_checks: float, by_hand: str, most: float) -> str:
    """The sum of the points, and where points by hand were added, of what.

    >>> total_line(3, "", 8), total_line(3, "1,5", 8)
    ('3 of 8 points.', '4.5 of 8 points: 3 by the checks, and 1.5 added by hand.')
    """
    added = as_number(by_hand)
    if not by_hand:
        return f"{by_checks:g} of {most:g} points."
    change = f"{added:g} added" if added >= 0 else f"{-added:g} taken off"
    return f"{by_checks + added:g} of {most:g} points: {by_checks:g} by the checks, and {change} by hand."


def rules(points: Points) -> str:
    """What marks are made of, in a few words.

    >>> rules(Points({}))[:47]
    'Of the points of an exercise, passed gives all;'
    """
    credit = points.credit
    shares = {"passed": credit["right"], "not passed": credit["wrong"], "broke off": credit["error"]}
    shares["not tried or not in the notebook"] = 0.0
    by_share: dict[float, list[str]] = {}
    for words, share in shares.items():
        by_share.setdefault(share, []).append(words)
    said = [f"{', '.join(words)} {amount(share, len(words))}" for share, words in by_share.items()]
    more = ""
    if credit["facts"]:
        share = f"{100 * credit['facts']:g} %"
        more = f" An answer that does not pass gets {share} of the part of its checks that it meets, if this is more."
    return f"Of the points of an exercise, {'; '.join(said)}.{more} Of several files the best answer counts."


def amount(share: float, subjects: int) -> str:
    """ "gives all", "give nothing", "gives 25 %"."""
    verb = "give" if subjects > 1 else "gives"
    return f"{verb} {'all' if share == 1 else 'nothing' if share == 0 else f'{100 * share:g} %'}"


def exercise_line(row: Row, mine: list[Row], points: Points, earned: Mapping[str, float]) -> list[str]:
    """The line of one answer: its exercise, what became of it, its points and why not all of them, and what was found."""
    found = html.escape(row.finding) + (f"<br><small>Hint: {html.escape(row.hint)}</small>" if row.hint else "")
    found += f"<br><small>{html.escape(row.facts[:1].upper() + row.facts[1:])}.</small>" if row.facts else ""
    state = row.state if row.state in ("right", "wrong", "error") else "none"
    worth = "does not count"
    if row.exercise in points.points:
        worth = f"{earned[row.exercise]:g} of {points.points[row.exercise]:g}"
        worth += "".join(f"<br><small>{html.escape(words)}</small>" for words in deductions(row, mine, points))
    return [html.escape(row.exercise), f'<span class="{state}">{_WORDS[row.state]}</span>', worth, found]


def deductions(row: Row, mine: list[Row], points: Points) -> list[str]:
    """Why an answer gets less than it might: it was late, or somebody has to look at it first."""
    found, seconds = [], how_late(row, mine)
    if seconds is not None and row.state in ("right", "wrong"):
        late = f"{how_long(seconds)} late" if seconds else "handed in late"
        found.append(f"{late}: counts {100 * share_when_late(row, mine, points):g} %")
    if row.state == "right" and is_flagged(row, mine) and points.credit["flagged"] < 1:
        found.append(f"counts {points.credit['flagged']:g} of its points for now: your teacher looks at it first")
    return found


def write_overview(rows: Iterable[Row], path: str | Path) -> Path:
    """Write the lecturer's page: how many pass each exercise, what goes wrong most, after how many tries, who is stuck."""
    students = by_student(row for row in rows if not row.student.startswith("? "))
    best = {student: best_rows(mine) for student, mine in students.items()}
    body = [f"<p>{len(students)} students. {_NO_PROOF}</p>"]
    body.append(f"<p>{_OF_WHOM}</p>")
    lines = []
    for lesson, names in LESSONS.items():
        handed_in = {student: found for student, found in best.items() if any(name in found for name in names)}
        for name in names:
            if handed_in or any(row.exercise == name for mine in students.values() for row in mine):
                lines.append(overview_line(lesson, name, handed_in, students))
    head = ("notebook", "exercise", "passed, of those who handed it in", "", "no answer", "commonest findings", "tries", "stuck")
    body.append(table(head, lines))
    write_whole(path, page("U-Net Lab: the class", "".join(body)))
    return Path(path)


def commonest(rows: list[Row]) -> list[str]:
    """The three commonest mistakes as HTML: how many made each, what was found in one of them, and the hint that they share."""
    alike: dict[str, list[Row]] = {}
    for row in rows:
        alike.setdefault(row.hint or row.finding, []).append(row)
    lines = []
    for same in sorted(alike.values(), key=len, reverse=True)[:3]:
        finding, hint = (html.escape(textwrap.shorten(words, 200, placeholder=" …")) for words in (same[0].finding, same[0].hint))
        lines.append(f"{len(same)} x {finding}" + (f"<br><small>Hint: {hint}</small>" if hint else ""))
    return lines


def overview_line(lesson: str, name: str, handed_in: dict[str, dict[str, Row]], students: dict[str, list[Row]]) -> list[str]:
    """The line of an exercise. handed_in : the best rows of each student of whom a notebook of this lesson is there."""
    answers = {student: found[name] for student, found in handed_in.items() if name in found}
    tried = {student: row for student, row in answers.items() if row.state in ("right", "wrong", "error")}
    passed = [student for student, row in tried.items() if row.state == "right"]
    flagged = sum(is_flagged(tried[student], students[student]) for student in passed)
    share = len(passed) / len(handed_in) if handed_in else 0.0
    text = f"{len(passed)} of {len(handed_in)}" + (f" ({flagged} flagged)" if flagged else "")
    bar = f'<span class="share"><span class="bar" style="width:{70 * share:.0f}px"></span> {100 * share:.0f} %</span>'
    gone = sum(row.state == "missing" for row in answers.values())
    untried = len(handed_in) - len(tried) - gone
    without = ", ".join(words for count, words in ((untried, f"{untried} not tried"), (gone, f"{gone} check line gone")) if count)
    findings = "<br>".join(commonest([row for row in tried.values() if row.state != "right"]))
    tries = sorted(row.seconds for mine in students.values() for row in mine if row.state == "tries" and row.exercise == name)
    median = f"{tries[len(tries) // 2]:g} wrong (median of {len(tries)})" if tries else ""
    stuck = ", ".join(html.escape(student) for student, row in tried.items() if row.state != "right")
    return [html.escape(lesson), html.escape(name), text, bar, without, findings, median, f"<small>{stuck}</small>"]
