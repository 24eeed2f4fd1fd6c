"""Counting a confusion matrix against scikit-learn's accuracy, macro F1 and macro Jaccard, on the same 8-megapixel masks.

    .venv/bin/python benchmarks/metrics.py

Both are timed in turn in one run; the ratio of each pair of runs is printed, with its spread, and the peak memory of counting
122 images of 1024 x 1024 one at a time.
"""

import statistics
import time
import tracemalloc

import numpy as np
from sklearn.metrics import accuracy_score, f1_score, jaccard_score

from unet_lab.datasets import generate_cell
from unet_lab.explorers.metrics import change_mask
from unet_lab.metrics import confusion_matrix, scores

ROUNDS = 5


def ours(truth, prediction):
    s = scores(confusion_matrix(truth, prediction), average="macro")
    return s.accuracy, s.f1, s.iou


def theirs(truth, prediction):
    y, z = truth.ravel(), prediction.ravel()
    return accuracy_score(y, z), f1_score(y, z, average="macro"), jaccard_score(y, z, average="macro")


def seconds(function, *arguments):
    began = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - began, result


if __name__ == "__main__":
    truth = np.concatenate([generate_cell(seed, 1024).mask for seed in range(8)])
    prediction = np.concatenate([change_mask(t, right=9) for t in np.split(truth, 8)])
    ours(truth, prediction)
    theirs(truth, prediction)
    ratios = []
    for _ in range(ROUNDS):
        our_time, our_result = seconds(ours, truth, prediction)
        their_time, their_result = seconds(theirs, truth, prediction)
        np.testing.assert_allclose(our_result, their_result)
        ratios.append(their_time / our_time)
    print(f"{truth.size / 1e6:.1f} megapixels, {ROUNDS} interleaved rounds, equal results")
    print(f"scikit-learn takes {statistics.median(ratios):.0f} times as long ({min(ratios):.0f} to {max(ratios):.0f})")

    image = truth[:1024]
    tracemalloc.start()
    total = sum(confusion_matrix(image, image) for _ in range(122))
    _, peak = tracemalloc.get_traced_memory()
    millions = total.sum() / 1e6
    print(f"122 images of 1024 x 1024, one at a time: {millions:.0f} million pixels, peak {peak / 2**20:.1f} MiB beyond one")
