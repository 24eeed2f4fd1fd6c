"""Check a class's submissions again, and write the tables.

    python3 lab.py grade FOLDER [--roster roster.csv] [--out grades.csv] [--seconds 120] [--memory 4] [--jobs N]

FOLDER holds what was handed in, as Moodle, Canvas, nbgrader or GitHub Classroom give it, zips included; or it is a zip of that.
Each notebook runs in a process of its own. That is the class's code, run with your rights: do it where it can do no harm.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from pathlib import Path

LAYOUTS = ("auto", "student-first", "assignment-first")


def main() -> int:
    parser = argparse.ArgumentParser(prog="lab.py grade", description="Check a class's submissions again, and write the tables.")
    parser.add_argument("folder", metavar="FOLDER", help="what the class handed in")
    parser.add_argument("--out", default="grades.csv", help="the table, a line a student (grades.csv); details beside it")
    parser.add_argument("--roster", help="CSV with id, name, e-mail: fixes names, adds who handed in nothing")
    parser.add_argument("--layout", choices=LAYOUTS, default="auto", help="whose the first folders are, where that is doubtful")
    parser.add_argument("--seconds", type=float, default=120.0, help="at most so long for one notebook (120)")
    parser.add_argument("--memory", type=float, default=4.0, help="at most so many GB for one notebook (4)")
    parser.add_argument("--resume", action="store_true", help="go on where a run was stopped: what is marked is not marked again")
    parser.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 2) // 2), help="so many at a time")
    given = parser.parse_args()
    here = Path(os.environ.get("UNET_LAB_CALLED_FROM", "."))  # lab.py works in its own folder
    given.folder, given.out = here / given.folder, here / given.out
    if given.seconds <= 0 or given.memory <= 0 or given.jobs < 1:
        sys.exit("lab.py grade: --seconds and --memory are numbers above 0, --jobs whole numbers from 1 up.")
    if not given.out.resolve().parent.is_dir():
        sys.exit(f"lab.py grade: there is no folder {given.out.resolve().parent} to write {given.out.name} to.")
    if not given.folder.is_dir() and given.folder.suffix.lower() != ".zip":
        sys.exit(f"lab.py grade: there is no folder {given.folder}. Give the one that holds what the class handed in.")

    from tqdm import tqdm

    from unet_lab.course.grading import (
        Journal,
        Limits,
        find_submissions,
        grade_with_journal,
        read_roster,
        write_similar,
        write_tables,
    )

    try:
        roster = read_roster(here / given.roster) if given.roster else None
        submissions = find_submissions(given.folder, roster, given.layout)
    except (OSError, ValueError) as error:
        sys.exit(f"lab.py grade: {error}")
    if not submissions:
        sys.exit(f"lab.py grade: no notebook and no exported progress below {given.folder}.")
    rows, stopped = [], False
    try:
        journal = Journal(given.out.with_name(f"{given.out.stem}-rows.jsonl"), given.resume)
        if journal.done:
            print(f"Going on: {len(journal.done)} are in {journal.path.name}.")
        marked = grade_with_journal(submissions, journal, Limits(given.seconds, given.memory), given.jobs)
        for found in tqdm(marked, total=len(submissions), desc="submissions", unit="file"):
            rows += found
    except KeyboardInterrupt:
        stopped = True
    path, details = write_tables(rows, given.out)
    similar, pairs = write_similar(rows, given.out)
    students, counts = {row.student for row in rows}, Counter(row.state for row in rows if row.exercise)
    print(f"{len(students)} students; answers: {', '.join(f'{n} {state}' for state, n in counts.most_common()) or 'none'}.")
    for row in rows:
        if not row.exercise or row.state == "flag":
            print(f"  {row.student}: {row.file}: {row.finding}")
    print(f"Pairs of answers alike after renaming: {pairs} ({similar.name}). A 1? was flagged; a 1 without a flag is no proof.")
    print(f"{'Stopped (go on with --resume); what was marked is in' if stopped else 'Written:'} {path} and {details}.")
    return 130 if stopped else 0


if __name__ == "__main__":
    sys.exit(main())
