"""Mistakes made in matching objects, each as a function, with its finding and its clue (notebook 17)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, partial

import numpy as np

from unet_lab.objects import iou_matrix, label_objects, match_objects

Labels = np.ndarray
COUNTINGS = ("fewer", "each", "per row", "per column", "in turn")
OTHER_OVERLAPS = (
    "any overlap",
    "of the truth",
    "of the prediction",
    "of the larger",
    "of the smaller",
    "boxes",
)  # with these a cell may have several partners


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
        truth, prediction = truth.astype(np.int64) + 1, prediction.astype(np.int64) + 1
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
        "of the larger": overlap / np.maximum(in_truth, in_prediction),
        "of the smaller": overlap / np.minimum(in_truth, in_prediction),
        "any overlap": np.where(iou > 0, 1.0, 0.0),
        "by number": np.where(same, iou, 0.0),
        "threshold ignored": np.where(iou >= 0.5, 1.0, 0.0),
    }.get(rule, iou)
    hit = measure > threshold if rule == "more than" else measure >= threshold
    tp = count_hits(hit, "each" if rule == "several partners" else counting)
    quality = sum(pair[2] for pair in match_objects(truth, prediction, threshold)) if "iou" in rule or rule == "quality" else 0.0
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


def rows_and_columns(truth: Labels, prediction: Labels, threshold: float) -> float:
    """TP and FN counted by rows of the table of hits, FP by columns."""
    hit = iou_matrix(truth, prediction) >= threshold
    tp, fn, fp = hit.any(1).sum(), (~hit.any(1)).sum(), (~hit.any(0)).sum()
    return float(2 * tp / (2 * tp + fn + fp)) if tp + fn + fp else math.nan


def mean_of_both(truth: Labels, prediction: Labels, threshold: float) -> float:
    """The mean of precision and recall, in place of F1."""
    return (by_counting(truth, prediction, threshold, "precision") + by_counting(truth, prediction, threshold, "recall")) / 2


def largest_overlap(truth: Labels, prediction: Labels, threshold: float) -> float:
    """Each true cell with what most of its pixels are, the background among it."""
    true, found, tp = np.unique(truth[truth > 0]), np.unique(prediction[prediction > 0]), 0
    for number in true:
        inside, counts = np.unique(prediction[truth == number], return_counts=True)
        partner = inside[counts.argmax()]
        both, either = (truth == number) & (prediction == partner), (truth == number) | (prediction == partner)
        tp += bool(partner) and both.sum() / either.sum() >= threshold
    return 2 * tp / (len(true) + len(found)) if len(true) + len(found) else math.nan


def up_to_the_largest(truth: Labels, prediction: Labels, threshold: float) -> float:
    """All numbers from 1 to the largest count as cells, those that no pixel has too."""
    whole = int(truth.max()) + int(prediction.max())
    return by_counting(truth, prediction, threshold, "halved") * cells(truth, prediction) * 2 / whole if whole else math.nan


def cells(truth: Labels, prediction: Labels) -> int:
    return sum(len(np.unique(labels[labels > 0])) for labels in (truth, prediction))


def relabelled(truth: Labels, prediction: Labels, threshold: float) -> float:
    """Cells that touch become one."""
    anew = (label_objects((labels > 0).astype(np.uint8)) for labels in (truth, prediction))
    return by_counting(*anew, threshold, "f1")


def without_first(truth: Labels, prediction: Labels, threshold: float) -> float:
    """np.unique(labels)[1:], which drops a cell where no pixel is background."""
    kept = (np.where(labels == labels.min(), 0, labels) for labels in (truth, prediction))
    return by_counting(*kept, threshold, "f1")


def large_only(truth: Labels, prediction: Labels, threshold: float, least: int) -> float:
    def kept(labels):
        numbers, counts = np.unique(labels, return_counts=True)
        return np.where(np.isin(labels, numbers[counts >= least]), labels, 0)

    return by_counting(kept(truth), kept(prediction), threshold, "f1")


def boxed(truth: Labels, prediction: Labels, threshold: float, counting: str = "fewer") -> float:
    """The IoU of the boxes around the cells."""

    def boxes(labels):
        made = []
        for number in np.unique(labels[labels > 0]):
            rows, columns = np.nonzero(labels == number)
            box = np.zeros(labels.shape, bool)
            box[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
            made.append(box)
        return made

    true, found = boxes(truth), boxes(prediction)
    hit = np.array([[(a & b).sum() / (a | b).sum() >= threshold for b in found] for a in true], bool)
    tp = count_hits(hit.reshape(len(true), len(found)), counting)
    return 2 * tp / (len(true) + len(found)) if len(true) + len(found) else math.nan


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
    "of the larger": ("The overlap is divided by the larger of the two cells", "IoU divides by the union of both."),
    "of the smaller": ("The overlap is divided by the smaller of the two cells", "IoU divides by the union of both."),
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
    "mean of both": ("That is the mean of precision and recall", "F1 = 2·TP/(2·TP + FP + FN): their harmonic mean."),
    "rows and columns": (
        "A cell was matched twice: hits are counted by the true cells, false positives by the predicted ones",
        "Each pair is one hit, and takes one true and one predicted cell: FN = true - TP, FP = predicted - TP.",
    ),
    "largest overlap": (
        "A true cell's partner is what most of its pixels are, and that may be background",
        "Go through all predicted cells; the IoU decides, not the most pixels (leave 0 out of a bincount).",
    ),
    "gaps": ("Numbers that no pixel has count as cells: all from 1 to the largest", "Numbers have gaps: np.unique, without 0."),
    "without the first": (
        "np.unique(...)[1:] drops the first number, which is a cell where no pixel is background",
        "Leave out what is 0: numbers[numbers > 0].",
    ),
    "relabelled": (
        "Cells that touch are merged: the masks were labelled anew",
        "The arrays hold the cells' numbers already: truth == number is one cell.",
    ),
    "small": ("Small cells are left out", "Every cell counts, however few its pixels."),
    "boxes": ("The IoU is that of bounding boxes, not of the cells' pixels", "(cell & other).sum() / (cell | other).sum()"),
    "near": ("An IoU just below the threshold counts as a match", "At least: >= threshold, with nothing taken off."),
    "rounded": ("It is rounded", "Leave it unrounded."),
    "halved": ("It is half of F1: the hits count once above and twice below", "F1 = 2·TP/(2·TP + FP + FN)."),
    "counts": ("It compares how many cells there are, not which", "Three wrong cells for three true ones are no hit."),
    "quality": ("It adds up IoUs: that is panoptic quality", "Each matched pair counts 1, however well it fits."),
    "mean iou": ("That is the mean IoU of the matched pairs", "Each matched pair counts 1; FP and FN are missing."),
}


@cache
def suspects_f1() -> dict[str, list[Callable[[Labels, Labels, float], float]]]:
    """The functions that make each mistake."""
    own: dict[str, list[Callable[[Labels, Labels, float], float]]] = {
        "pixels": [of_pixels],
        "mean of both": [mean_of_both],
        "rows and columns": [rows_and_columns],
        "largest overlap": [largest_overlap],
        "gaps": [up_to_the_largest],
        "without the first": [without_first],
        "relabelled": [relabelled],
        "small": [partial(large_only, least=least) for least in range(2, 7)],
        "boxes": [partial(boxed, counting=counting) for counting in COUNTINGS],
        "near": [lambda t, p, x, e=e: by_counting(t, p, x - e, "f1") for e in (0.05, 0.02, 0.01, 1e-3, 1e-4)],
        "rounded": [lambda t, p, x, d=d: round(by_counting(t, p, x, "f1"), d) for d in range(5)],
        "several partners": [
            partial(by_counting, rule="f1", counting=counting) for counting in ("each", "per row", "per column", "in turn")
        ],
    }
    found = {}
    for rule in F1_MISTAKES:
        countings = COUNTINGS if rule in OTHER_OVERLAPS else COUNTINGS[:1]
        found[rule] = own.get(rule) or [partial(by_counting, rule=rule, counting=counting) for counting in countings]
    return found
