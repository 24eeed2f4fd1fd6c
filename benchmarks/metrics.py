"""Counting as validation does, against scikit-learn's accuracy, macro F1 and macro Jaccard, on the same 8-megapixel masks.

.venv/bin/python benchmarks/metrics.py [ROUNDS]
"""

import sys
import tracemalloc
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.metrics import accuracy_score, f1_score, jaccard_score

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.table import Row, benchmark, compared
from unet_lab.datasets import generate_cell
from unet_lab.datasets.spoiling import change_mask
from unet_lab.metrics import fast_confusion_matrix, scores


def ours(truth, prediction):
    s = scores(fast_confusion_matrix(truth, prediction), average="macro")
    return s.accuracy, s.f1, s.iou


def theirs(truth, prediction):
    y, z = truth.ravel(), prediction.ravel()
    return accuracy_score(y, z), f1_score(y, z, average="macro"), jaccard_score(y, z, average="macro")


def rows(rounds: int = 5) -> list[Row]:
    """Equal results first; then time, and the peak memory of counting 122 images of 1024 x 1024 one at a time."""
    truth = np.concatenate([generate_cell(seed, 1024).mask for seed in range(8)])
    prediction = np.concatenate([change_mask(t, right=9) for t in np.split(truth, 8)])
    np.testing.assert_allclose(ours(truth, prediction), theirs(truth, prediction))
    times = benchmark({"ours": partial(ours, truth, prediction), "theirs": partial(theirs, truth, prediction)}, rounds)
    image = truth[:1024]
    tracemalloc.start()
    total = sum(fast_confusion_matrix(image, image) for _ in range(122))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    note = f"equal results; {total.sum() / 1e6:.0f} million pixels, one image at a time: peak {peak / 2**20:.1f} MiB beyond one"
    what = f"accuracy, macro F1 and macro IoU of {truth.size / 1e6:.0f} megapixels"
    return [compared(what, "scikit-learn", times["ours"], times["theirs"], note)]


if __name__ == "__main__":
    for row in rows(*map(int, sys.argv[1:])):
        print(row)
