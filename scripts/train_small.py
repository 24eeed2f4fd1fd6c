"""Train the small model that ships with the course, from generated cells only, and write its card.

    python3 lab.py train-small

About 11 minutes on 2 cores with bfloat16 instructions, about twice that without. Ctrl-C keeps the best epoch and stops
without touching data/weights/; run again, it goes on from the last finished epoch.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from unet_lab.checkpoints import WEIGHTS, load_weights, save_weights
from unet_lab.datasets import CLASS_NAMES, Pair, SegmentationDataset, generate_cell
from unet_lab.inference import WORKING_SIZE
from unet_lab.metrics import scores
from unet_lab.training import History, best_device, evaluate, has_bfloat16, train
from unet_lab.unet import UNet

SEED = 0
RECIPE = {"epochs": 14, "batch_size": 8, "learning_rate": 3e-3, "schedule": "one_cycle"}
TRAINING_SEEDS, VALIDATION_SEEDS, TEST_SEEDS = (1_000_000, 1600), (1_500_000, 100), (1_600_000, 200)  # first, how many


def draw(seed: int) -> Pair:
    return Pair(*generate_cell(seed, WORKING_SIZE), source=f"seed {seed}")


def cells(first: int, count: int, what: str) -> SegmentationDataset:
    with ProcessPoolExecutor() as pool:
        drawn = pool.map(draw, range(first, first + count), chunksize=20)
        return SegmentationDataset(tqdm(drawn, total=count, desc=f"drawing {what} cells", unit="cell"))


def rows(matrix: np.ndarray) -> dict:
    each, macro = scores(matrix, average=None), scores(matrix, average="macro")
    table = {"accuracy": macro.accuracy, "iou_macro": macro.iou, "f1_macro": macro.f1}
    table |= {f"iou_{name.replace(' ', '_')}": float(value) for name, value in zip(CLASS_NAMES, each.iou, strict=True)}
    return {name: round(float(value), 4) for name, value in table.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description="Train the small model that ships with the course.")
    parser.add_argument("--out", type=Path, default=WEIGHTS / "small.safetensors", help="where to store the weights")
    out = parser.parse_args().out
    out.parent.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    training = cells(*TRAINING_SEEDS, "training")
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
    _, matrix = evaluate(load_weights(out), cells(*TEST_SEEDS, "test"))
    card = {
        "what": "UNet.small(), 3 classes (background, cell body, nucleus), stored as float16",
        "data": f"generated cells only, {WORKING_SIZE} x {WORKING_SIZE}; seeds as (first, count)",
        "seeds": {"weights": SEED, "training": TRAINING_SEEDS, "validation": VALIDATION_SEEDS, "test": TEST_SEEDS},
        "recipe": RECIPE | {"optimiser": "Adam", "loss": "mean cross entropy", "best_epoch": history.best.epoch},
        "test_scores": rows(matrix),
        "averaging": "macro: mean over classes of the confusion matrix summed over all test cells; no class is empty",
        "bfloat16": has_bfloat16(best_device()),
        "minutes": round((time.perf_counter() - began) / 60, 1),
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
        "not_for": "diagnosis, or any decision about people: it is a teaching model that has never seen a real image",
    }
    out.with_suffix(".json").write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    checkpoint.unlink(missing_ok=True)
    print(json.dumps(card["test_scores"], indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
