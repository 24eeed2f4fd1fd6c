"""What you have passed so far, and a file of it to hand in; for a lecturer, what a class predicted.

python3 lab.py progress [--export FILE --name "YOUR NAME"]
python3 lab.py progress --class FOLDER [--plot FILE.png]
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from unet_lab.course import LESSON_NAMES
from unet_lab.course.calibration_plot import in_words, judged, of_class, show_calibration
from unet_lab.course.predictions import load_predictions
from unet_lab.course.progress import export_progress, load_progress, progress_file, progress_table


def from_here(path: str) -> Path:
    """As the caller means it: lab.py works in its own folder."""
    return Path(os.environ.get("UNET_LAB_CALLED_FROM", "."), path)


def show_class(folder: Path, plot: Path | None) -> None:
    """Print a line for each student and one for all; write the plot of all."""
    files = sorted(folder.glob("*.json"))
    if not files:
        raise ValueError(f"{folder} holds no .json file; students write theirs with lab.py progress --export.")
    students = of_class(files)
    for student, kept in students.items():
        print(f"{student:24s} {in_words(kept) if kept else 'no predictions'}")
    everyone = [one for kept in students.values() for one in kept]
    print(f"{'the class':24s} {in_words(everyone)}")
    if plot:
        plot.write_bytes(show_calibration(everyone).png())
        print(f"Written: {plot}.")


def main() -> int:
    parser = argparse.ArgumentParser(prog="lab.py progress", description="What you have passed so far.")
    parser.add_argument("--export", metavar="FILE", help="write it to a file, to hand in")
    parser.add_argument("--name", default="", help="your name, for the file")
    parser.add_argument("--class", dest="folder", metavar="FOLDER", help="how sure and how right a class was: its exported files")
    parser.add_argument("--plot", metavar="FILE.png", help="with --class: the class's calibration plot")
    given = parser.parse_args()
    try:
        if given.folder:
            show_class(from_here(given.folder), given.plot and from_here(given.plot))
            return 0
        found = load_progress()
        print(progress_table(LESSON_NAMES, found))
        print(in_words(judged(load_predictions())))
        if given.export:
            given.export = from_here(given.export)
            signed = export_progress(given.export, given.name, found, load_predictions())
            print(f"\nWritten for {signed['student']}: {given.export}. Its check sum begins with {signed['sha256'][:8]}.")
        else:
            print(f"\nKept in {progress_file() or 'no file: it is switched off'}, on this machine only.")
    except (ValueError, OSError) as error:
        sys.exit(f"lab.py progress: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
