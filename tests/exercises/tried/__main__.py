"""`python -m tests.exercises.tried [--remarks] [--update] [NAME …]`: try the answers, print the table, or store it."""

import sys

from tests.exercises.tried import exercises
from tests.exercises.tried.table import HEAD, total, write


def main() -> None:
    chosen = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    rows = []
    print(HEAD)
    for name, exercise in exercises().items():
        if chosen and name not in chosen:
            continue
        row, remarks = exercise.row()
        rows.append(row)
        print(row, flush=True)
        if "--remarks" in sys.argv:
            print("\n".join(remarks), flush=True)
    print(total(rows))
    if "--update" in sys.argv:
        write(rows)


main()
