"""What is each kind of variety in the generator worth? Train on without it, and look at cells that have it, and at a real image.

    python3 lab.py leave-one-out [--real FOLDER]

The shipped model is trained on for a while, alike each time: with everything, and without one group of randomisations (every
parameter of the group then has its plain value). What it forgets is what that group had taught it. (From chance, a training
this short learns faster from less variety, and so says nothing about what variety is worth.) Two seeds each. The table goes to
data/weights/leave_one_out.json.
"""

from __future__ import annotations

import argparse
import json
import os
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from unet_lab.datasets import (
    CellParameters,
    Pair,
    SegmentationDataset,
    encode_mask,
    find_codes,
    generate_cells,
    read_image,
    read_mask,
)
from unet_lab.inference import predict_logits
from unet_lab.metrics import confusion_matrix, scores
from unet_lab.training import evaluate, train
from unet_lab.unet import UNet
from unet_lab.weights import WEIGHTS, load_pretrained

SIZE, COUNT, EPOCHS, RATE, SEEDS = 192, 800, 2, 2e-3, (0, 1)
FIRST, TEST = 20_000_000, 21_000_000


def cells(first: int, count: int, look: CellParameters) -> SegmentationDataset:
    cv2.setNumThreads(1)
    drawn = generate_cells(range(first, first + count), SIZE, look=look, workers=os.cpu_count() or 1)
    return SegmentationDataset(Pair(*cell, source=f"seed {first + k}") for k, cell in enumerate(drawn))


def views(model, image: np.ndarray, truth: np.ndarray) -> float:
    """Mean over 24 views of one large image (three scales, four rotations, mirrored or not) of the macro IoU."""
    found = []
    for size in (160, 192, 224):
        small = np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))
        for turns in range(4):
            for mirrored in (False, True):
                view = np.ascontiguousarray(np.rot90(small[:, ::-1] if mirrored else small, turns))
                answer = predict_logits(model, view).argmax(0).to(torch.uint8).cpu().numpy()
                answer = np.rot90(answer, -turns)
                answer = answer[:, ::-1] if mirrored else answer
                answer = Image.fromarray(np.ascontiguousarray(answer))
                large = np.asarray(answer.resize(truth.shape[::-1], Image.Resampling.NEAREST))
                found.append(float(np.mean(scores(confusion_matrix(truth, large), average=None).iou)))
    return float(np.mean(found))


def trained(look: CellParameters, seed: int) -> UNet:
    torch.manual_seed(seed)
    model, training = load_pretrained("small"), cells(FIRST + seed * COUNT, COUNT, look)
    for _ in train(model, training, None, seed=seed, epochs=EPOCHS, batch_size=8, learning_rate=RATE, schedule="one_cycle"):
        pass
    return model.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what each group of randomisations is worth.")
    parser.add_argument("--real", type=Path, help="a folder of real micrographs NAME.png with masks NAME_mask.png")
    folder = parser.parse_args().real
    real = []
    for mask in sorted(folder.glob("*_mask.png")) if folder else []:
        image = read_image(mask.with_name(mask.name.replace("_mask", "")))
        real.append((image, encode_mask(read_mask(mask), find_codes(str(folder / "*_mask.png")))))
    test = cells(TEST, 100, CellParameters())
    of_real = f"real: mean over 24 views of each of {len(real)} images"
    more = f"{EPOCHS} epochs more of {COUNT} cells of {SIZE} px, rate {RATE}, seeds {SEEDS}"
    table = {"protocol": f"the shipped model, {more}; macro IoU; {of_real}"}
    runs = {"everything": partial(CellParameters)} | {
        f"without {group}": partial(CellParameters().without, group) for group in CellParameters.groups()
    }
    runs["without any"] = partial(CellParameters().eased, 0)
    for name, look in tqdm(runs.items(), unit="training", leave=False):
        models = [trained(look(), seed) for seed in SEEDS]
        entry = {"generated": [round(float(scores(evaluate(m, test)[1], average="macro").iou), 4) for m in models]}
        if real:
            entry["real"] = [round(float(np.mean([views(m, *pair) for pair in real])), 4) for m in models]
        table[name] = entry
        print(f"{name:24s} {entry}", flush=True)
    (WEIGHTS / "leave_one_out.json").write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
