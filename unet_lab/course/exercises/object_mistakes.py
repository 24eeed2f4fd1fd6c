"""Mistakes made in matching and measuring objects, each as a function, with its finding and its clue (notebook 17)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from unet_lab.objects import iou_matrix

Labels = np.ndarray
COUNTINGS = ("fewer", "each", "per row", "per column", "in turn")
OTHER_OVERLAPS = ("any overlap", "of the truth", "of the prediction")  # with these a cell may have several partners


def count_hits(hit: np.ndarray, counting: str) -> int:
    """How many pairs of a table bool (true, predicted) are counted: each, one per row, one per column, the fewer, or in turn."""
    if counting == "in turn":
        free, tp = set(range(hit.shape[1])), 0
        for row in hit:
            partners = [column for column in np.flatnonzero(row) if column in free]
            tp += bool(partners)
            free -= set(partners[:1])
        return tp
    rows, columns = int(hit.any(axis=1).sum()), int(hit.any(axis=0).sum())
    return {"each": int(hit.sum()), "per row": rows, "per column": columns}.get(counting, min(rows, columns))


def by_counting(truth: Labels, prediction: Labels, threshold: float, rule: str, counting: str = "fewer") -> float:
    """F1 of objects with one mistake in it, named `rule`; `counting` is how its hits are counted (`count_hits`)."""
    if rule == "background":
        truth, prediction = truth + 1, prediction + 1
    iou = iou_matrix(truth, prediction)
    trues, predicted = iou.shape
    sizes = [[np.count_nonzero(a == n) for n in np.unique(a[a > 0])] for a in (truth, prediction)]
    in_truth, in_prediction = np.array(sizes[0], float)[:, None], np.array(sizes[1], float)[None]
    overlap = iou * (in_truth + in_prediction) / (1 + iou)
    same = np.unique(truth[truth > 0])[:, None] == np.unique(prediction[prediction > 0])[None]
    measure = {
        "dice": 2 * iou / (1 + iou),
        "of the truth": overlap / in_truth,
        "of the prediction": overlap / in_prediction,
        "any overlap": np.where(iou > 0, 1.0, 0.0),
        "by number": np.where(same, iou, 0.0),
        "threshold ignored": np.where(iou >= 0.5, 1.0, 0.0),
    }.get(rule, iou)
    hit = measure > threshold if rule == "more than" else measure >= threshold
    tp = count_hits(hit, "each" if rule == "several partners" else counting)
    quality = float(np.where(hit, iou, 0).max(axis=1, initial=0).sum())
    ratios = {
        "precision": (tp, predicted),
        "recall": (tp, trues),
        "average precision": (tp, trues + predicted - tp),
        "halved": (tp, trues + predicted),
        "counts": (2 * min(trues, predicted), trues + predicted),
        "quality": (2 * quality, trues + predicted),
        "mean iou": (quality, tp),
    }
    part, whole = ratios.get(rule, (2 * tp, trues + predicted))
    return part / whole if whole else math.nan


def of_pixels(truth: Labels, prediction: Labels, threshold: float) -> float:
    """F1 of the foreground's pixels, in which no cell is told from another."""
    whole = np.count_nonzero(truth) + np.count_nonzero(prediction)
    return 2 * np.count_nonzero((truth > 0) & (prediction > 0)) / whole if whole else math.nan


F1_MISTAKES: dict[str, tuple[str, str]] = {
    "pixels": (
        "That is the F1 of pixels: it does not know one cell from another",
        "Go through the numbers of the cells: np.unique.",
    ),
    "by number": (
        "It compares cells that have the same number by chance",
        "Numbers are names: cell 1 of the truth may be cell 900 of the prediction. Compare each with each.",
    ),
    "any overlap": ("Every overlap counts as a match", "A match needs an IoU of at least the threshold."),
    "background": ("The background, number 0, is counted as a cell", "Leave 0 out: numbers[numbers > 0]."),
    "dice": (
        "The overlap is measured by Dice, 2·I/(A + B); it is to be IoU",
        "The union: all pixels that lie in one or the other, or both.",
    ),
    "of the truth": (
        "The overlap is divided by the true cell's size, so that a merged cell matches everything in it",
        "IoU divides by the union of both.",
    ),
    "of the prediction": (
        "The overlap is divided by the predicted cell's size, so that a splinter matches the whole",
        "IoU divides by the union of both.",
    ),
    "threshold ignored": ("The threshold is 0.5, whatever is asked for", "Use the argument `threshold`."),
    "more than": ("An IoU of exactly the threshold is to be a match", "At least means >=."),
    "several partners": (
        "A cell was matched twice; it may have one partner",
        "Once a predicted cell has its partner, it is taken: remember it, or count the cells that have one.",
    ),
    "precision": ("That is precision, TP/(TP + FP)", "F1 = 2·TP/(2·TP + FP + FN)."),
    "recall": ("That is recall, TP/(TP + FN)", "F1 = 2·TP/(2·TP + FP + FN)."),
    "average precision": (
        "That is TP/(TP + FP + FN), which StarDist calls average precision",
        "F1 counts the hits twice, above and below: 2·TP/(2·TP + FP + FN).",
    ),
    "halved": ("It is half of F1: the hits count once above and twice below", "F1 = 2·TP/(2·TP + FP + FN)."),
    "counts": ("It compares how many cells there are, not which", "Three wrong cells for three true ones are no hit."),
    "quality": ("It adds up IoUs: that is panoptic quality", "Each matched pair counts 1, however well it fits."),
    "mean iou": ("That is the mean IoU of the matched pairs", "Each matched pair counts 1; FP and FN are missing."),
}


def suspects_f1() -> dict[str, list[Callable[[Labels, Labels, float], float]]]:
    """The functions that make each mistake."""
    found: dict[str, list[Callable[[Labels, Labels, float], float]]] = {rule: [of_pixels] for rule in F1_MISTAKES}
    for rule in F1_MISTAKES:
        if rule != "pixels":
            countings = COUNTINGS if rule in OTHER_OVERLAPS else COUNTINGS[:1]
            found[rule] = [partial(by_counting, rule=rule, counting=counting) for counting in countings]
    return found


def wrong_areas(truth: Labels, prediction: Labels, threshold: float, rule: str) -> float:
    """The mean error of areas with one mistake in it, named `rule`."""
    iou = iou_matrix(truth, prediction)
    true = np.array([np.count_nonzero(truth == n) for n in np.unique(truth[truth > 0])], float)
    found = np.array([np.count_nonzero(prediction == n) for n in np.unique(prediction[prediction > 0])], float)
    rows, columns = np.nonzero(iou >= threshold)
    rows, kept = np.unique(rows, return_index=True)
    columns = columns[kept]
    a, b = true[rows], found[columns]
    if rule == "in order":
        n = min(len(true), len(found))
        a, b = true[:n], found[:n]
    if rule == "by number":
        both = np.intersect1d(truth[truth > 0], prediction[prediction > 0])
        a, b = (np.array([np.count_nonzero(labels == n) for n in both], float) for labels in (truth, prediction))
    if rule == "missed count":
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
}


def suspects_bias() -> dict[str, list[Callable[[Labels, Labels, float], float]]]:
    """The functions that make each mistake; the threshold is 0.5, whatever they are given."""
    return {rule: [lambda truth, prediction, _, rule=rule: wrong_areas(truth, prediction, 0.5, rule)] for rule in BIAS_MISTAKES}
