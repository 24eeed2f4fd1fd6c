"""bfloat16 against float32 in training: is it faster here, and does accuracy hold?

    .venv/bin/python benchmarks/precision.py

The recipe of notebook 07 (UNet.small(), 64 x 64, 8 epochs), three seeds, both precisions in turn. `train` uses bfloat16
on its own only where the processor has instructions for it; this script is why.
"""

import statistics
import time

import torch

from unet_lab.datasets import SegmentationDataset, split
from unet_lab.training import has_bfloat16, train
from unet_lab.unet import UNet

SEEDS = (0, 1, 2)


def run(training, validation, seed, precision):
    torch.manual_seed(seed)
    began = time.perf_counter()
    settings = {"epochs": 8, "learning_rate": 1e-2, "seed": seed, "precision": precision, "device": "cpu"}
    reports = list(train(UNet.small(), training, validation, **settings))
    return time.perf_counter() - began, max(r.iou for r in reports), max(r.accuracy for r in reports)


if __name__ == "__main__":
    print("bfloat16 instructions:", has_bfloat16(torch.device("cpu")), " threads:", torch.get_num_threads())
    training, validation = split(SegmentationDataset.generated(480, size=64, difficulty=0.1), seed=0)
    rows = {"float32": [], "bfloat16": []}
    for seed in SEEDS:
        for precision, results in rows.items():
            results.append(run(training, validation, seed, precision))
            seconds, iou, accuracy = results[-1]
            print(f"seed {seed}  {precision:9s} {seconds:6.1f} s  macro IoU {iou:.4f}  accuracy {accuracy:.4f}", flush=True)
    ratios = [a[0] / b[0] for a, b in zip(rows["float32"], rows["bfloat16"], strict=True)]
    print(f"float32 takes {statistics.median(ratios):.2f} times as long ({min(ratios):.2f} to {max(ratios):.2f})")
    for precision, results in rows.items():
        ious = [r[1] for r in results]
        print(f"{precision:9s} macro IoU {statistics.mean(ious):.4f}, spread over seeds {max(ious) - min(ious):.4f}")
