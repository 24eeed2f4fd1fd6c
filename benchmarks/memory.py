"""Peak memory of trainings, evaluation, prediction and every explorer, each in a process of its own, beside the estimate.

    .venv/bin/python benchmarks/memory.py [WORD …]

Only rows whose title holds one of the words. The peak is what the process took at most beyond what it held before.
"""

import json
import subprocess
import sys
from pathlib import Path

import psutil
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.explorers import EXPLORERS, changes
from benchmarks.table import peak_of
from unet_lab.datasets import SegmentationDataset, generate_cell
from unet_lab.inference import predict, segment
from unet_lab.training import evaluate, steps, training_memory
from unet_lab.unet import UNet

TRAININGS = {  # width, size, batch, precision, recompute
    "as in 07": (16, 64, 8, "float32", False),
    "small, 256": (16, 256, 8, "float32", False),
    "small, 256, bfloat16": (16, 256, 8, "bfloat16", False),
    "small, 256, recompute": (16, 256, 8, "float32", True),
    "small, 512": (16, 512, 4, "float32", False),
    "full width, 256": (64, 256, 2, "float32", False),
    "full width, 256, bfloat16": (64, 256, 2, "bfloat16", False),
    "full width, 256, recompute": (64, 256, 2, "float32", True),
    "full width, 512": (64, 512, 2, "float32", False),
}


def train_some(width, size, batch, precision, recompute):
    cells = SegmentationDataset.generated(batch, size)
    run = steps(UNet(base_channels=width), cells, epochs=3, batch_size=batch, precision=precision, recompute=recompute)
    return lambda: list(run)


def explorer(title):
    made = EXPLORERS[title]()
    turns = changes(made)

    def turn():
        for name, value in (next(turns) for _ in range(20)):
            made.controls[name].value = value

    return turn


def tasks():
    for title, (width, size, batch, precision, recompute) in TRAININGS.items():
        estimate = training_memory(UNet(base_channels=width), (size, size), batch, precision == "bfloat16", recompute).total
        yield f"training {title}", estimate, lambda how=(width, size, batch, precision, recompute): train_some(*how)
    cells = SegmentationDataset.generated(16, 128)
    yield "evaluation of 16 cells of 128", None, lambda: lambda: evaluate(UNet.small(), cells)
    yield "prediction of 1024, small", None, lambda: lambda: predict(UNet.small(), generate_cell(4, 1024).image)
    yield "segment of 1024", None, lambda: lambda: segment(generate_cell(4, 1024).image)
    for title in EXPLORERS:
        yield f"explorer {title}", None, lambda title=title: explorer(title)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        prepared = next(make for title, _, make in tasks() if title == sys.argv[2])()
        before = psutil.Process().memory_info().rss
        if sys.argv[2].startswith("training"):
            torch.optim.Adam([torch.zeros(1, requires_grad=True)])  # loads what the first optimiser loads
        peak = peak_of(prepared)
        print(json.dumps([peak, before + peak]))
        sys.exit()
    print(f"{'what':36s} {'estimate MB':>12s} {'peak MB':>9s} {'estimate / peak':>16s} {'whole process MB':>17s}")
    for title, estimate, _ in tasks():
        if sys.argv[1:] and not any(word in title for word in sys.argv[1:]):
            continue
        done = subprocess.run([sys.executable, __file__, "--one", title], capture_output=True, text=True, check=True)
        peak, whole = json.loads(done.stdout.splitlines()[-1])
        shown, ratio = (f"{estimate / 1e6:.0f}", f"{estimate / peak:.2f}") if estimate else ("", "")
        print(f"{title:36s} {shown:>12s} {peak / 1e6:9.0f} {ratio:>16s} {whole / 1e6:17.0f}", flush=True)
