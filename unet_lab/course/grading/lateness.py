"""What is late, and what that costs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from unet_lab.course.grading.marking import Row
from unet_lab.course.grading.points import LESSON_OF, Points
from unet_lab.course.grading.submissions import Submission

DAY = 86400  # seconds


def late_rows(submissions: Sequence[Submission], rows: Iterable[Row], points: Points) -> list[Row]:
    """A row for each notebook that was changed after the deadline of a lesson that it answers; in `seconds` how late it is.

    rows : what was found in the submissions: they say which lessons a notebook holds, whatever its file is called.
    """
    lessons: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        if row.exercise in LESSON_OF and row.state != "missing":
            lessons.setdefault((row.student, row.file), set()).add(LESSON_OF[row.exercise])
    found = []
    for submission in submissions:
        file = submission.place or submission.path.name
        if submission.kind == "notebook" and submission.path.is_file():
            changed = submission.path.stat().st_mtime
            for lesson in sorted(lessons.get((submission.student, file), set()) & set(points.deadlines)):
                seconds = changed - points.deadlines[lesson].timestamp()
                words = f"{lesson} changed {how_long(seconds)} after the deadline"
                if seconds > 0:
                    found.append(Row(submission.student, file, "", "late", words, round(seconds), lesson=lesson))
    return found


def how_long(seconds: float) -> str:
    """A time in words, in the units that say which day of lateness it is.

    >>> how_long(50), how_long(4000), how_long(25 * 3600), how_long(80 * 3600)
    ('1 minute', '1 hour 6 minutes', '25 hours', '3 days 8 hours')
    """
    minutes = max(1, int(seconds // 60))
    hours = minutes // 60
    parts = ((hours // 24, "day"), (hours % 24, "hour")) if hours >= 48 else ((hours, "hour"), (minutes % 60, "minute"))
    return " ".join(f"{count} {word}{'s' if count > 1 else ''}" for count, word in parts if count)


def how_late(row: Row, mine: Iterable[Row]) -> float | None:
    """By how many seconds an answer is late (0 where the platform says only that it is); None where it was in time."""
    late = [r.seconds for r in mine if r.state == "late" and r.file == row.file and r.lesson in ("", LESSON_OF[row.exercise])]
    return max(late, default=None)


def share_when_late(row: Row, mine: Iterable[Row], points: Points) -> float:
    """What an answer keeps for being late: all of it where its file was in time; on the first day `late`, then less each day."""
    seconds = how_late(row, mine)
    if seconds is None:
        return 1.0
    further_days = max(0, -int(-seconds // DAY) - 1)  # a day that has begun counts
    return max(0.0, points.late - points.per_day * further_days)
