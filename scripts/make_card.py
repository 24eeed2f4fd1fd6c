"""Examine the shipped model and complete its card, data/weights/small.json, and the picture of its failures.

    python3 lab.py card [--real FOLDER]

Sets that it was not trained on: generated cells from the full variety; generated cells of which one parameter, or eleven at
once, lie outside the ranges of the training; and, where a folder is given, real micrographs NAME.png with NAME_mask.png in three
greys. Each gets IoU by class with a bootstrap interval over the cells; one image alone gets none, since one image has no spread.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from unet_lab.datasets import CLASS_NAMES, CellParameters, Pair, encode_mask, find_codes, generate_cells, read_image, read_mask
from unet_lab.inference import WORKING_SIZE, segment, segment_with_confidence
from unet_lab.metrics import confusion_matrix, scores
from unet_lab.plots import show_triplets
from unet_lab.weights import WEIGHTS

TEST_SEEDS, UNSEEN_SEEDS = (16_000_000, 200), (17_000_000, 110)  # first, how many
# Beyond the ranges that the training drew from: one of them in each cell, in turn, or all at once; the rest as varied as ever.
UNSEEN = {
    "elongation": (0.22, 0.28),
    "microvilli": (61, 75),
    "filopodia_length": (0.6, 0.75),
    "nucleus_waves": (0.13, 0.16),
    "body_mottle": (0.06, 0.075),
    "mitochondria": (29, 36),
    "vacuoles": (17, 24),
    "chromatin_clumps": (0.18, 0.22),
    "background": (0.60, 0.68),
    "shading": (0.35, 0.45),
    "noise": (0.045, 0.055),
}
BOOTSTRAP, FAILURES = 1000, 6


def examine(pairs: list[Pair], views: int) -> list[np.ndarray]:
    """The confusion matrix of each pair."""
    return [confusion_matrix(p.mask, segment(p.image, views)) for p in tqdm(pairs, desc=f"{views} views", unit="cell")]


def rows(matrices: list[np.ndarray]) -> dict:
    """Scores of the summed matrix; with 20 cells or more, 95 % intervals from resampling the cells."""

    def table(chosen):
        matrix = np.sum(chosen, axis=0)
        each, macro = scores(matrix, average=None), scores(matrix, average="macro")
        values = {"accuracy": macro.accuracy, "iou_macro": macro.iou, "f1_macro": macro.f1}
        return values | {f"iou_{n.replace(' ', '_')}": float(v) for n, v in zip(CLASS_NAMES, each.iou, strict=True)}

    found = {name: round(float(value), 4) for name, value in table(matrices).items()}
    if len(matrices) < 20:
        return found | {"images": len(matrices)}
    rng = np.random.default_rng(0)
    drawn = [table([matrices[k] for k in rng.integers(0, len(matrices), len(matrices))]) for _ in range(BOOTSTRAP)]
    interval = {n: [round(float(q), 4) for q in np.quantile([d[n] for d in drawn], (0.025, 0.975))] for n in found}
    return found | {"images": len(matrices), "interval_95": interval}


def cells(first: int, count: int, look: CellParameters) -> list[Pair]:
    drawn = generate_cells(range(first, first + count), WORKING_SIZE, look=look)
    return [Pair(*cell, source=f"seed {first + k}") for k, cell in enumerate(drawn)]


def trust(pairs: list[Pair]) -> dict:
    """How often pixels are right, by the confidence that the model has in them."""
    borders, right, total = (0.0, 0.6, 0.8, 0.95, 1.01), np.zeros(4), np.zeros(4)
    for pair in tqdm(pairs, desc="confidence", unit="cell"):
        found = segment_with_confidence(pair.image)
        group = np.digitize(found.confidence, borders[1:-1])
        right += np.bincount(group[found.mask == pair.mask], minlength=4)
        total += np.bincount(group.ravel(), minlength=4)
    names = ("below 0.6", "0.6 to 0.8", "0.8 to 0.95", "above 0.95")
    return {n: {"right": round(float(r / t), 4), "pixels": int(t)} for n, r, t in zip(names, right, total, strict=True)}


def real(folder: Path) -> list[Pair]:
    masks = sorted(folder.glob("*_mask.png"))
    codes = find_codes(str(folder / "*_mask.png"))
    images = [m.with_name(m.name.replace("_mask", "")) for m in masks]
    return [Pair(read_image(i), encode_mask(read_mask(m), codes), i.name) for i, m in zip(images, masks, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description="Examine the shipped model and complete its card.")
    parser.add_argument("--real", type=Path, help="a folder of real micrographs NAME.png with masks NAME_mask.png")
    folder = parser.parse_args().real
    cv2.setNumThreads(1)
    path = WEIGHTS / "small.json"
    card = json.loads(path.read_text(encoding="utf-8"))
    card["seeds"] |= {"test": TEST_SEEDS, "unseen": UNSEEN_SEEDS}
    test = cells(*TEST_SEEDS, CellParameters())
    once = examine(test, views=1)
    card["test_scores"] = rows(once)
    card["test_scores_8_views"] = rows(examine(test, views=8))
    card["unseen_ranges"] = UNSEEN
    first, count = UNSEEN_SEEDS
    singly = [
        pair
        for k in range(count)
        for pair in cells(first + k, 1, CellParameters(**dict([list(UNSEEN.items())[k % len(UNSEEN)]])))
    ]
    card["unseen_one_at_a_time_scores_8_views"] = rows(examine(singly, views=8))
    card["unseen_all_at_once_scores_8_views"] = rows(examine(cells(*UNSEEN_SEEDS, CellParameters(**UNSEEN)), views=8))
    card["confidence"] = trust(test[:50])
    card["averaging"] = "macro: mean over classes of the confusion matrix summed over all cells; no class is empty"
    if folder is not None:
        pairs = real(folder)
        card["real"] = {p.source: {f"{v}_views": rows(examine([p], v)) for v in (1, 8)} for p in pairs}
        card["real"]["note"] = "hand-drawn masks, good to about 10 of 1024 pixels; the images are not part of the project"
    worst = np.argsort([np.nanmean(scores(m, average=None).iou) for m in once])[:FAILURES]
    chosen = [test[k] for k in worst]
    card["failures"] = {"picture": "failures.png", "seeds": [int(p.source.removeprefix("seed ")) for p in chosen]}
    picture = show_triplets([p.image for p in chosen], [p.mask for p in chosen], [segment(p.image, views=1) for p in chosen])
    (WEIGHTS / "failures.png").write_bytes(picture.png())
    path.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps({k: card[k] for k in card if "scores" in k or k in ("real", "confidence")}, indent=1))


if __name__ == "__main__":
    main()
