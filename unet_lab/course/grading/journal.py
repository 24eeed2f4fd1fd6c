"""What has been marked so far, in a file that outlives the marker: a line for each submission, written as soon as it is known."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from unet_lab.course.grading.hosting import Host, Limits
from unet_lab.course.grading.marking import Row, grade_each
from unet_lab.course.grading.submissions import Submission
from unet_lab.files import to_the_disk


class Journal:
    """A file of JSON lines. resume : go on with what is in it; otherwise it begins anew."""

    def __init__(self, path: str | Path, resume: bool = False):
        self.path, self.done = Path(path), {}
        if resume and self.path.is_file():
            self.done = read_journal(self.path)
        self.path.write_text("".join(line_of(key, rows) for key, rows in self.done.items()), encoding="utf-8")

    def add(self, submission: Submission, rows: list[Row]) -> None:
        """Note the rows of a submission; on the disk before this returns."""
        with open(self.path, "a", encoding="utf-8") as stream:
            stream.write(line_of(key_of(submission), rows))
            stream.flush()
            to_the_disk(stream.fileno())

    def rows_of(self, submission: Submission) -> list[Row] | None:
        """What was found about this very file before; None where it is new or has changed."""
        return self.done.get(key_of(submission))


def line_of(key: str, rows: list[Row]) -> str:
    return json.dumps({"key": key, "rows": [list(row) for row in rows]}, ensure_ascii=False) + "\n"


def read_journal(path: Path) -> dict[str, list[Row]]:
    """Rows by submission. The last line of a marker that was killed may be a part of one: it is left out."""
    found = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            entry = json.loads(line)
            found[entry["key"]] = [Row(*row) for row in entry["rows"]]
        except (ValueError, KeyError, TypeError):
            continue
    return found


def key_of(submission: Submission) -> str:
    """Changes with whose it is, where it lies, and what is in it and beside it."""
    digest = hashlib.sha256()
    for part in (submission.student, submission.kind, submission.place, submission.remark, str(submission.late)):
        digest.update(part.encode("utf-8", "replace") + b"\0")
    for path in (submission.path, *(path for _, path in submission.beside)):
        if path.is_file() and not path.is_symlink():
            with open(path, "rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def grade_with_journal(
    submissions: Sequence[Submission],
    journal: Journal,
    limits: Limits | None = None,
    jobs: int = 1,
    make_host: Callable[[], Host] = Host,
) -> Iterator[list[Row]]:
    """As `grade`, but what is in the journal is not marked again, and what is marked is noted in it at once."""
    new = []
    for submission in submissions:
        rows = journal.rows_of(submission)
        if rows is None:
            new.append(submission)
        else:
            yield rows
    for submission, rows in grade_each(new, limits, jobs, make_host):
        journal.add(submission, rows)
        yield rows
