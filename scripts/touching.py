"""Touching cells with and without border weights: every row with five seeds, stored in data/touching.json.

    python3 lab.py touching [--again]

10 networks, five seeds each: about ten minutes on one core. Rows that are stored already, under the same protocol, are
kept, so a run that was stopped goes on; --again begins anew. Notebook 17 trains two of them live, and reads the rest.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from tqdm import tqdm

from unet_lab.training.touching import (
    TOUCHING,
    FieldProtocol,
    Lesson,
    load_separations,
    save_separations,
    separations,
)

LESSONS = [
    *(Lesson("mask", epochs=epochs) for epochs in (12, 36)),
    *(Lesson("gap", weighted, epochs=epochs) for epochs in (12, 36) for weighted in (False, True)),
    *(Lesson("border", weighted, 2, epochs) for epochs in (12, 36) for weighted in (False, True)),
]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python3 lab.py touching", description=__doc__.splitlines()[0])
    parser.add_argument("--again", action="store_true", help="do not keep the rows that are stored")
    again = parser.parse_args().again
    torch.set_num_threads(1)  # the same sums in the same order, however many cores
    protocol, rows = FieldProtocol(), []
    if TOUCHING.exists() and not again:
        stored, kept = load_separations()
        rows = [row for row in kept if row.lesson in LESSONS] if stored == protocol else []
    for lesson in (bar := tqdm(LESSONS, unit="network")):
        bar.set_description(str(lesson))
        if not any(row.lesson == lesson for row in rows):
            rows += separations(lesson, protocol)
            rows.sort(key=lambda row: LESSONS.index(row.lesson))
            save_separations(rows, protocol)
    for row in rows:
        told = row.lesson
        weights = "weights" if told.weighted else "none"
        numbers = " ".join(
            f"{name} {np.mean(getattr(row, name)):7.3f} ± {np.std(getattr(row, name), ddof=1):.3f}" for name in row._fields[2:]
        )
        print(f"{told.target:6s} width {told.width} {weights:8s} {told.epochs:2d} epochs  {row.way:9s} {numbers}")


if __name__ == "__main__":
    main()
