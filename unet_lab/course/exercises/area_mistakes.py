"""Mistakes made in measuring objects, each as a function, with its finding and its clue (notebook 17)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np

from unet_lab.objects import iou_matrix, match_objects

Labels = np.ndarray


def wrong_areas(truth: Labels, prediction: Labels, threshold: float, rule: str) -> float:
    """The mean error of areas with one mistake in it, named `rule`."""
    iou = iou_matrix(truth, prediction)
    true = np.array([np.count_nonzero(truth == n) for n in np.unique(truth[truth > 0])], float)
    found = np.array([np.count_nonzero(prediction == n) for n in np.unique(prediction[prediction > 0])], float)
    trues, founds = (np.unique(labels[labels > 0]).tolist() for labels in (truth, prediction))
    pairs = match_objects(truth, prediction, threshold)
    rows, columns = [trues.index(t) for t, _, _ in pairs], [founds.index(p) for _, p, _ in pairs]
    numbers = [t for t, _, _ in pairs]
    a, b = true[rows], found[columns]
    if rule == "in order":
        n = min(len(true), len(found))
        a, b = true[:n], found[:n]
    if rule == "by number":
        both = np.intersect1d(truth[truth > 0], prediction[prediction > 0])
        a, b = (np.array([np.count_nonzero(labels == n) for n in both], float) for labels in (truth, prediction))
    if rule == "missed count" and len(a):
        missed = len(true) - len(a)
        a, b = np.append(a, np.ones(missed)), np.append(b, np.zeros(missed))
    if rule == "any overlap":
        rows, columns = np.nonzero(iou > 0)
        a, b = true[rows], found[columns]
    if not len(a):
        return math.nan
    ways: dict[str, Callable[[], float]] = {
        "sign": lambda: ((a - b) / a).mean(),
        "of the prediction": lambda: ((b - a) / b).mean(),
        "ratio": lambda: (b / a).mean(),
        "percent": lambda: 100 * ((b - a) / a).mean(),
        "absolute": lambda: (np.abs(b - a) / a).mean(),
        "pixels": lambda: (b - a).mean(),
        "total": lambda: (b.sum() - a.sum()) / a.sum(),
        "all cells": lambda: (found.mean() - true.mean()) / true.mean(),
        "foreground": lambda: (found.sum() - true.sum()) / true.sum(),
        "median": lambda: float(np.median((b - a) / a)),
        "sum": lambda: ((b - a) / a).sum(),
        "iou": lambda: float((iou[rows, columns] - 1).mean()),
        "confused": lambda: (np.array([np.count_nonzero(prediction == n) for n in numbers]) / a - 1).mean(),
        "overlap": lambda: (iou[rows, columns] * (a + b) / (1 + iou[rows, columns]) / a - 1).mean(),
        "divided by all": lambda: ((b - a) / a).sum() / len(true),
        "divided by predicted": lambda: ((b - a) / a).sum() / len(found),
        "swapped": lambda: ((a - b) / b).mean(),
        "logarithm": lambda: np.log(b / a).mean(),
        "geometric": lambda: math.exp(np.log(b / a).mean()) - 1,
        "by iou": lambda: np.average((b - a) / a, weights=iou[rows, columns]),
        "by area": lambda: np.average((b - a) / a, weights=b),
        "first": lambda: (b[0] - a[0]) / a[0],
        "last": lambda: (b[-1] - a[-1]) / a[-1],
        "overflow": lambda: ((b % 256 - a % 256) % 256 / (a % 256)).mean(),
        "unsigned": lambda: (np.where(b < a, b - a + 2.0**64, b - a) / a).mean(),
        "changed only": lambda: ((b - a) / a)[a != b].mean(),
        "squared": lambda: (((b - a) / a) ** 2).mean(),
        "spread": lambda: ((b - a) / a).std(),
    }
    return float(ways.get(rule, lambda: ((b - a) / a).mean())())


BIAS_MISTAKES: dict[str, tuple[str, str]] = {
    "foreground": (
        "It compares the whole foreground: cells that were missed or invented are in it",
        "First find out which predicted cell is which true one: match_objects gives the pairs.",
    ),
    "all cells": (
        "It compares the means of all cells: a cell that was missed, or two that became one, change that too",
        "First find out which predicted cell is which true one: match_objects gives the pairs.",
    ),
    "in order": (
        "It takes the cells in the order of their numbers, and so compares strangers",
        "Numbers are names. match_objects gives the pairs that belong together.",
    ),
    "by number": ("It compares cells that have the same number by chance", "match_objects gives the pairs that belong together."),
    "any overlap": ("Every overlap counts as a pair", "match_objects gives the pairs; it needs no help."),
    "missed count": (
        "A cell that was missed counts as one of area 0",
        "It was not measured at all, so it has no error. Missed cells are what object_f1 counts.",
    ),
    "sign": ("The sign is the other way round", "Too large is above 0: predicted minus true."),
    "of the prediction": ("It divides by the predicted area", "Relative to the truth: divide by the true area."),
    "ratio": ("It is the ratio of the areas", "1 would mean no error; an error of 0 should be 0: subtract 1."),
    "percent": ("It is in percent", "0.1 for 10 %."),
    "absolute": (
        "It has lost its sign",
        "A bias is what is left when errors up and down cancel: no abs.",
    ),
    "pixels": ("It is in pixels", "Relative to the true area, cell by cell, then the mean."),
    "total": (
        "It is the error of the sum, in which large cells count more",
        "Divide for each cell; the mean comes last.",
    ),
    "median": ("It is the median", "The mean was asked for."),
    "sum": ("It is the sum over cells", "Divide by how many there are: the mean."),
    "iou": (
        "That is IoU less 1. IoU falls whichever way the outline moves",
        "Count the pixels of each: np.count_nonzero(truth == number).",
    ),
    "confused": (
        "The predicted area is that of the true cell's number: the two numbers of a pair are confused",
        "for true, found, _ in match_objects(...): truth == true, but prediction == found.",
    ),
    "overlap": (
        "The predicted area is only what overlaps with the true cell",
        "The whole predicted cell: prediction == number, without & and the truth.",
    ),
    "divided by all": (
        "The sum is divided by all true cells, not by the pairs",
        "A cell that was missed has no error: divide by the number of pairs.",
    ),
    "divided by predicted": ("The sum is divided by all predicted cells, not by the pairs", "Divide by the number of pairs."),
    "swapped": ("Truth and prediction are swapped", "(predicted - true) / true."),
    "logarithm": ("It is a logarithm of the ratio", "(predicted - true) / true, as it is."),
    "geometric": ("It is a geometric mean of the ratios", "The plain mean of (predicted - true) / true."),
    "by iou": ("It is weighted by the IoU", "Every pair counts the same: the plain mean."),
    "by area": ("It is weighted by the area", "Every pair counts the same: the plain mean."),
    "threshold": ("The pairs are matched at another threshold than 0.5", "match_objects(truth, prediction), as it stands."),
    "first": ("Only the first pair is measured", "All pairs, then their mean: does a return stand inside the loop?"),
    "last": ("Only the last pair is measured", "All pairs, then their mean: append each to a list."),
    "rounded": ("It is rounded", "Leave it unrounded."),
    "overflow": (
        "The areas overflow: they are counted in 8 bits, or a difference below 0 in numbers without a sign",
        "Make them plain: int(np.count_nonzero(truth == number)).",
    ),
    "changed only": ("Pairs of equal areas are left out", "An error of 0 is an error too: it belongs in the mean."),
    "squared": ("It is the mean square, or its root", "The plain mean, which keeps the sign."),
    "spread": ("It is the standard deviation of the errors", "The mean was asked for."),
}


@cache
def suspects_bias() -> dict[str, list[Callable[[Labels, Labels, float], float]]]:
    """The functions that make each mistake; the threshold is 0.5, whatever they are given."""
    found = {rule: [lambda t, p, _, rule=rule: wrong_areas(t, p, 0.5, rule)] for rule in BIAS_MISTAKES}
    found["threshold"] = [
        lambda t, p, _, x=x: wrong_areas(t, p, x, "") for x in (0.1, 0.25, 0.3, 0.4, 0.6, 0.7, 0.75, 0.8, 0.9, 0.95)
    ]
    found["rounded"] = [lambda t, p, _, d=d: round(wrong_areas(t, p, 0.5, ""), d) for d in range(5)]
    found["overflow"].append(lambda t, p, _: wrong_areas(t, p, 0.5, "unsigned"))
    found["squared"].append(lambda t, p, _: wrong_areas(t, p, 0.5, "squared") ** 0.5)
    return found
