"""What you have passed so far; and a file of it to hand in.

python3 lab.py progress [--export FILE --name "YOUR NAME"]
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from unet_lab.course import LESSON_NAMES
from unet_lab.course.progress import export_progress, load_progress, progress_file, progress_table


def main() -> int:
    parser = argparse.ArgumentParser(prog="lab.py progress", description="What you have passed so far.")
    parser.add_argument("--export", metavar="FILE", help="write it to a file, to hand in")
    parser.add_argument("--name", default="", help="your name, for the file")
    given = parser.parse_args()
    try:
        found = load_progress()
        print(progress_table(LESSON_NAMES, found))
        if given.export:
            given.export = Path(os.environ.get("UNET_LAB_CALLED_FROM", "."), given.export)  # lab.py works in its own folder
            signed = export_progress(given.export, given.name, found)
            print(f"\nWritten for {signed['student']}: {given.export}. Its check sum begins with {signed['sha256'][:8]}.")
        else:
            print(f"\nKept in {progress_file() or 'no file: it is switched off'}, on this machine only.")
    except (ValueError, OSError) as error:
        sys.exit(f"lab.py progress: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
