"""Train the small model that ships with the course, from generated cells only.

    python3 lab.py train-small

About 20 minutes on 2 cores with bfloat16 instructions, about twice that without. Ctrl-C keeps the best epoch and stops
without touching data/weights/; run again, it goes on from the last finished epoch. The card comes from `lab.py card`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from tqdm import tqdm

from unet_lab.datasets import CellParameters, Pair, SegmentationDataset, generate_cells
from unet_lab.inference import WORKING_SIZE
from unet_lab.training import History, best_device, bfloat16_is_faster, train
from unet_lab.unet import UNet
from unet_lab.weights import WEIGHTS, save_weights

SEED = 0
RECIPE = {"epochs": 4, "batch_size": 8, "learning_rate": 3e-3, "schedule": "one_cycle"}
TRAINING_SEEDS, VALIDATION_SEEDS = (10_000_000, 9000), (15_000_000, 200)  # first, how many
# Beside the full variety: frames without a cell, sections beside the nucleus, and cells seen from farther away.
CHANGES = {"empty_chance": 0.03, "missed_chance": 0.03, "magnification": (0.5, 1.25)}


def cells(first: int, count: int, what: str, look: CellParameters | None = None) -> SegmentationDataset:
    cv2.setNumThreads(1)  # the processes share the cores
    drawn = generate_cells(range(first, first + count), WORKING_SIZE, look=look, workers=os.cpu_count() or 1)
    pairs = enumerate(tqdm(drawn, total=count, desc=f"drawing {what} cells", unit="cell"))
    return SegmentationDataset(Pair(*cell, source=f"seed {first + k}") for k, cell in pairs)


def main() -> int:
    parser = argparse.ArgumentParser(description="Train the small model that ships with the course.")
    parser.add_argument("--out", type=Path, default=WEIGHTS / "small.safetensors", help="where to store the weights")
    out = parser.parse_args().out
    out.parent.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    training = cells(*TRAINING_SEEDS, "training", CellParameters(**CHANGES))
    validation = cells(*VALIDATION_SEEDS, "validation")
    torch.manual_seed(SEED)
    model, history = UNet.small(), History()
    checkpoint = out.with_suffix(".unfinished")
    try:
        for report in train(model, training, validation, seed=SEED, checkpoint=checkpoint, **RECIPE):
            history.record(report, model)
            print(f"{report.log_line}  IoU {report.iou:.4f}  {report.seconds:.0f} s", flush=True)
    except KeyboardInterrupt:
        print(f"Stopped; run again to go on from {checkpoint.name}. {out.name} is as it was.", file=sys.stderr)
        return 130
    history.restore_best(model)
    save_weights(model.cpu(), out, half=True)
    card = {
        "what": "UNet.small(), 3 classes (background, cell body, nucleus), stored as float16",
        "data": f"generated cells only, {WORKING_SIZE} x {WORKING_SIZE}, none of them twice; seeds as (first, count)",
        "seeds": {"weights": SEED, "training": TRAINING_SEEDS, "validation": VALIDATION_SEEDS},
        "changes": CHANGES,
        "recipe": RECIPE | {"optimiser": "Adam", "loss": "mean cross entropy", "best_epoch": history.best.epoch},
        "bfloat16": bfloat16_is_faster(best_device()),
        "minutes": round((time.perf_counter() - began) / 60, 1),
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
        "not_for": "diagnosis, or any decision about people: it is a teaching model that was trained on drawings",
    }
    out.with_suffix(".json").write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    checkpoint.unlink(missing_ok=True)
    print(f"Stored {out}. Now examine it: python3 lab.py card")
    return 0


if __name__ == "__main__":
    sys.exit(main())
