"""bfloat16 against float32 in training: is it faster here, and does accuracy hold?

    .venv/bin/python benchmarks/precision.py [SEEDS]

The recipe of notebook 07 (UNet.small(), 64 x 64, 5 epochs), two seeds, both precisions in turn. `train` uses bfloat16
on its own only where the processor multiplies matrices faster in it; this script is why.
"""

import statistics
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.table import Row, compared
from unet_lab.datasets import SegmentationDataset, split
from unet_lab.training import bfloat16_is_faster, train
from unet_lab.unet import UNet


def run(training, validation, seed, precision):
    torch.manual_seed(seed)
    began = time.perf_counter()
    settings = {"epochs": 5, "learning_rate": 1e-2, "seed": seed, "precision": precision, "device": "cpu"}
    reports = list(train(UNet.small(), training, validation, **settings))
    return time.perf_counter() - began, max(r.iou for r in reports)


def rows(seeds: int = 2) -> list[Row]:
    training, validation = split(SegmentationDataset.generated(480, size=64, difficulty=0.1), seed=0)
    found = {"float32": [], "bfloat16": []}
    for seed in range(seeds):
        for precision, results in found.items():
            results.append(run(training, validation, seed, precision))
    times = {precision: [seconds for seconds, _ in results] for precision, results in found.items()}
    ious = {p: [iou for _, iou in results] for p, results in found.items()}
    words = "; ".join(f"{p} {statistics.mean(v):.3f}, spread {max(v) - min(v):.3f}" for p, v in ious.items())
    here = "bfloat16" if bfloat16_is_faster(torch.device("cpu")) else "float32"
    note = f"macro IoU, {seeds} seeds: {words}; train chooses {here} here"
    return [compared("training as in 07, bfloat16", "float32", times["bfloat16"], times["float32"], note)]


if __name__ == "__main__":
    for row in rows(*map(int, sys.argv[1:])):
        print(row)
