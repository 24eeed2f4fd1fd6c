"""Check a class's submissions again, and write the tables.

    python3 lab.py grade FOLDER [--roster roster.csv] [--points points.toml] [--format moodle|canvas] [--feedback] [--resume]

FOLDER holds what was handed in, as Moodle, Canvas, nbgrader or GitHub Classroom give it, zips included; or it is a zip of that.
Each notebook runs in a process of its own. That is the class's code, run with your rights: do it where it can do no harm, or with
--container docker (or podman), each in a container.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from pathlib import Path

FORMAT_HELP = "also a table that this gradebook imports, beside --out; plain (the default): no such table"
FEEDBACK_HELP = "also a page for each student in the folder grades-feedback/ beside --out, and grades-overview.html of the class"
JOBS_HELP = "so many notebooks at a time, each on one core (%(default)s: all that this machine has)"
LAYOUTS = ("auto", "student-first", "assignment-first")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="lab.py grade", description="Check a class's submissions again, and write the tables.")
    parser.add_argument("folder", metavar="FOLDER", help="what the class handed in, or a zip of it")
    parser.add_argument("--out", default="grades.csv", help="the table, a line a student (grades.csv); the others beside it")
    parser.add_argument("--roster", help="CSV with id, name, e-mail: fixes names, adds who handed in nothing")
    parser.add_argument("--layout", choices=LAYOUTS, default="auto", help="whose the first folders are, where that is doubtful")
    parser.add_argument("--points", help="TOML with points, credit, deadlines, and what being late costs (docs/teaching.md)")
    parser.add_argument("--format", choices=("plain", "moodle", "canvas"), default="plain", help=FORMAT_HELP)
    parser.add_argument("--feedback", action="store_true", help=FEEDBACK_HELP)
    parser.add_argument("--resume", action="store_true", help="go on where a run was stopped: what is marked is not marked again")
    parser.add_argument("--seconds", type=float, default=120.0, help="at most so long for one notebook (120)")
    parser.add_argument("--memory", type=float, default=4.0, help="at most so many GB for one notebook (4)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help=JOBS_HELP)
    parser.add_argument("--container", choices=("docker", "podman"), help="each submission in a container of that program's")
    parser.add_argument("--image", help="the container's image, with the course in it; by default the course's own, built once")
    given = parser.parse_args()
    here = Path(os.environ.get("UNET_LAB_CALLED_FROM", "."))  # lab.py works in its own folder
    given.folder, given.out = here / given.folder, here / given.out
    given.roster, given.points = (here / name if name else None for name in (given.roster, given.points))
    if given.image and not given.container:
        sys.exit("lab.py grade: --image names what a container runs; say --container docker or podman too.")
    if given.seconds <= 0 or given.memory <= 0 or given.jobs < 1:
        sys.exit("lab.py grade: --seconds and --memory are numbers above 0, --jobs whole numbers from 1 up.")
    if not given.out.resolve().parent.is_dir():
        sys.exit(f"lab.py grade: there is no folder {given.out.resolve().parent} to write {given.out.name} to.")
    if not given.folder.is_dir() and given.folder.suffix.lower() != ".zip":
        sys.exit(f"lab.py grade: there is no folder {given.folder}. Give the one that holds what the class handed in.")
    return given


def main() -> int:
    given = arguments()

    from tqdm import tqdm

    from unet_lab.course import grading
    from unet_lab.course.grading import Journal, Limits, find_submissions, grade_with_journal, late_rows, read_points, read_roster

    try:
        roster = read_roster(given.roster) if given.roster else None
        points = read_points(given.points)
        grading.manual_columns(given.out)  # what cannot be kept is said before an hour of marking
        submissions = find_submissions(given.folder, roster, given.layout)
    except (OSError, ValueError) as error:
        sys.exit(f"lab.py grade: {error}")
    if not submissions:
        sys.exit(f"lab.py grade: no notebook and no exported progress below {given.folder}.")
    limits, make_host = Limits(given.seconds, given.memory), grading.Host
    if given.container:
        image = given.image or grading.IMAGE
        try:
            grading.prepare(given.container, image, Path(__file__).resolve().parents[1])
        except ValueError as error:
            sys.exit(f"lab.py grade: {error}")
        make_host = grading.container_hosts(given.container, image, limits)
    journal = Journal(given.out.with_name(f"{given.out.stem}-rows.jsonl"), given.resume)
    if journal.done:
        print(f"Going on: {len(journal.done)} are in {journal.path.name}.")
    rows, stopped = [], False
    try:
        marked = grade_with_journal(submissions, journal, limits, given.jobs, make_host)
        for found in tqdm(marked, total=len(submissions), desc="submissions", unit="file"):
            rows += found
    except KeyboardInterrupt:
        stopped = True
    rows += late_rows(submissions, rows, points)
    counted = grading.counting(points, rows)
    try:
        written = write_all(given, rows, counted, roster, submissions)
    except (OSError, ValueError) as error:
        sys.exit(f"lab.py grade: {error} What was marked is in {journal.path.name}: mend this, and go on with --resume.")
    report(rows)
    print(f"{grading.what_counts(counted, points)} {grading.what_flags_cost(rows, points)}".strip())
    print(f"{'Stopped (go on with --resume); what was marked is in' if stopped else 'Written:'} {', '.join(written)}.")
    return 130 if stopped else 0


def report(rows: list) -> None:
    """Print how many answers there are of which kind, and every remark."""
    students, counts = {row.student for row in rows}, Counter(row.state for row in rows if row.exercise)
    counts = Counter({state: n for state, n in counts.items() if state not in ("flag", "tries")})
    print(f"{len(students)} students; answers: {', '.join(f'{n} {state}' for state, n in counts.most_common()) or 'none'}.")
    for row in rows:
        if not row.exercise or row.state == "flag":
            print(f"  {row.student}: {f'{row.file}: ' if row.file else ''}{row.finding}")
    print("A 1? was flagged; a 1 without a flag is no proof (docs/teaching.md: what a mark is worth).")


def write_all(given: argparse.Namespace, rows: list, points, roster, submissions) -> list[str]:
    """Write every table and page that is asked for; returns what they are called."""
    from unet_lab.course import grading

    manual, left = grading.belonging_to(rows, grading.manual_columns(given.out, {row.student for row in rows}))
    rows += left
    students = {row.student: [] for row in rows}
    for row in rows:
        students[row.student].append(row)
    earned = {student: sum(grading.points_of(mine, points).values()) for student, mine in students.items()}
    similar, pairs = grading.write_similar(rows, given.out)
    written = [*map(str, grading.write_tables(rows, given.out, earned, manual, points)), f"{similar} ({pairs} pairs)"]
    if given.format != "plain":
        ids = {submission.student: submission.canvas for submission in submissions if submission.canvas}
        written.append(str(grading.write_gradebook(rows, given.out, given.format, points, roster, manual, ids)))
        print(*grading.gradebook_doubts(rows, given.format, roster, ids), sep="\n")
    if given.feedback:
        folder = given.out.with_name(f"{given.out.stem}-feedback")
        written.append(f"{folder} ({len(grading.write_feedback(rows, folder, points, manual))} pages)")
        written.append(str(grading.write_overview(rows, given.out.with_name(f"{given.out.stem}-overview.html"))))
    return written


if __name__ == "__main__":
    sys.exit(main())
