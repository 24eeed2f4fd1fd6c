"""Scoring objects, not pixels: which cells were found, which were cut in two, which were taken for one.

One merged pair of cells costs a pixel score next to nothing and a count of cells a great deal. Here an object counts as found if
it and its partner overlap by enough of their union (IoU); everything else follows from who is whose partner.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from unet_lab.objects.labelling import check_labels, touches_border

AP_THRESHOLDS = tuple(round(0.5 + 0.05 * k, 2) for k in range(10))  # 0.5, 0.55, … 0.95


class ObjectScores(NamedTuple):
    """What `object_scores` returns: counts of objects, and the scores that follow from them."""

    true_objects: int
    predicted_objects: int
    true_positives: int
    false_positives: int
    false_negatives: int
    precision: float
    recall: float
    f1: float
    average_precision: float
    mean_average_precision: float
    panoptic_quality: float
    matched_iou: float
    splits: int
    merges: int


def object_scores(
    truth: Any,
    prediction: Any,
    threshold: float = 0.5,
    border: str = "count",
    ignore: Any = None,
) -> ObjectScores:
    """Score predicted objects against the true ones: a true and a predicted object match if their IoU is at least `threshold`.

    Parameters
    ----------
    truth, prediction : object numbers (H, W), 0 for background; or lists of such, of several images, whose counts are added up.
    threshold : above 0, at most 1.
    border : "count" scores all objects. "ignore" leaves out the true objects that touch the image's edge, and the predicted ones
        that lie by more than half in them.
    ignore : bool (H, W), or a list of such: pixels that nobody judged. They are taken out of all objects before IoUs
        are computed, and predicted objects of which more than half lies there are left out (Kirillov et al. 2019, who drop only
        those that match nothing).

    Returns ObjectScores
    --------------------
    precision TP/(TP+FP), recall TP/(TP+FN), f1 2TP/(2TP+FP+FN) (the recognition quality), at the threshold.
    average_precision : TP/(TP+FP+FN) at the threshold, as the Data Science Bowl 2018 and StarDist call it (not the area under a
        precision-recall curve); mean_average_precision : its mean over the thresholds 0.5, 0.55, … 0.95.
    matched_iou : mean IoU of the matched pairs (the segmentation quality); panoptic_quality : f1 times it (Kirillov et al. 2019).
    splits : true objects in which two or more predicted ones lie, each by more than half of itself. merges : predicted objects in
        which two or more true ones do. Neither depends on the threshold.
    A ratio 0/0 is NaN: with no object in the truth and none predicted there is nothing to score.

    Raises ValueError for labels that are no whole numbers, sizes that differ, or another threshold or border.

    >>> s = object_scores(np.array([[1, 1, 0, 2]]), np.array([[7, 7, 0, 0]]))
    >>> s.precision, s.recall, round(s.f1, 3)
    (1.0, 0.5, 0.667)
    """
    check_threshold(threshold)
    if border not in ("count", "ignore"):
        raise ValueError(f"border is {border!r}; allowed are 'count' and 'ignore' (leave out true objects at the image's edge).")
    thresholds = (float(threshold), *AP_THRESHOLDS)
    found, quality = np.zeros(len(thresholds), np.int64), 0.0
    trues = predicted = splits = merges = 0
    for overlaps, in_truth, in_prediction in overlap_tables(truth, prediction, border, ignore):
        iou = overlaps / np.maximum(1, in_truth[:, None] + in_prediction - overlaps)  # (true objects, predicted objects)
        pairs = [match_table(iou, t) for t in thresholds]
        found += [len(rows) for rows, _ in pairs]
        quality += float(iou[pairs[0]].sum())
        trues, predicted = trues + len(in_truth), predicted + len(in_prediction)
        splits += int(((overlaps > in_prediction / 2).sum(axis=1) > 1).sum())
        merges += int(((overlaps > in_truth[:, None] / 2).sum(axis=0) > 1).sum())
    tp = int(found[0])
    average = [ratio(n, trues + predicted - n) for n in found.tolist()]
    f1 = ratio(2 * tp, trues + predicted)
    matched_iou = ratio(quality, tp)
    return ObjectScores(
        *(trues, predicted, tp, predicted - tp, trues - tp),
        *(ratio(tp, predicted), ratio(tp, trues), f1),
        *(average[0], float(np.mean(average[1:]))),
        *(f1 * matched_iou if tp else f1, matched_iou),
        *(splits, merges),
    )


def iou_matrix(truth: Any, prediction: Any) -> np.ndarray:
    """Intersection over union of every true object (rows) with every predicted one (columns), in the order of their numbers.

    truth, prediction : object numbers (H, W). Returns float64 (true objects, predicted objects), 0 where they do not meet.

    >>> iou_matrix(np.array([[1, 1, 2]]), np.array([[5, 0, 6]])).tolist()
    [[0.5, 0.0], [0.0, 1.0]]
    """
    truth, prediction = check_pair(truth, prediction)
    overlaps, in_truth, in_prediction = count_overlaps(truth, prediction)
    return overlaps / (in_truth[:, None] + in_prediction - overlaps)


def match_objects(truth: Any, prediction: Any, threshold: float = 0.5) -> list[tuple[int, int, float]]:
    """The pairs (number in truth, number in prediction, IoU) of objects that match, each object in one pair at most.

    At IoUs above 0.5 no object can have two partners, so nothing needs choosing. From 0.5 down it can: then as many pairs as
    possible are made, and of these the ones with the largest sum of IoUs.

    >>> match_objects(np.array([[1, 1, 1, 2]]), np.array([[9, 9, 0, 0]]))
    [(1, 9, 0.6666666666666666)]
    """
    check_threshold(threshold)
    truth, prediction = check_pair(truth, prediction)
    iou = iou_matrix(truth, prediction)
    rows, columns = match_table(iou, threshold)
    trues, predicted = object_numbers(truth), object_numbers(prediction)
    return [(int(trues[r]), int(predicted[c]), float(iou[r, c])) for r, c in zip(rows, columns, strict=True)]


def area_bias(truth: Any, prediction: Any, threshold: float = 0.5) -> float:
    """By how much the area of a found object is wrong, on average: (predicted - true) / true, mean over the matched pairs.

    truth, prediction : object numbers (H, W), or lists of such. 0.1: areas come out 10 % too large; NaN where nothing matches.
    Objects that were missed, invented or merged are no measurement, and do not count here: `object_scores` counts those.

    >>> area_bias(np.array([[1, 1, 1, 1, 0, 2]]), np.array([[7, 7, 7, 0, 0, 0]]))
    -0.25
    """
    several = isinstance(truth, Sequence) or np.ndim(truth) == 3
    pairs = zip(truth, prediction, strict=True) if several else [(truth, prediction)]
    wrong: list[float] = []
    for true, predicted in pairs:
        true, predicted = check_pair(true, predicted)
        for number, partner, _ in match_objects(true, predicted, threshold):
            area = np.count_nonzero(true == number)
            wrong.append((np.count_nonzero(predicted == partner) - area) / area)
    return float(np.mean(wrong)) if wrong else math.nan


def match_table(iou: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the pairs with an IoU of at least `threshold`: most pairs first, then most IoU."""
    from scipy.optimize import linear_sum_assignment

    allowed = iou >= threshold
    worth = np.where(allowed, 1 + iou / (1 + min(iou.shape)), 0)  # all IoUs together are worth less than one more pair
    rows, columns = linear_sum_assignment(worth, maximize=True)
    kept = allowed[rows, columns]
    return rows[kept], columns[kept]


def count_overlaps(truth: np.ndarray, prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How many pixels every true object shares with every predicted one, and how many each has: int64 (T, P), (T,), (P,)."""
    trues, predicted = object_numbers(truth), object_numbers(prediction)
    table = np.zeros((len(trues) + 1, len(predicted) + 1), np.int64)  # row and column 0: background
    rows = np.searchsorted(trues, truth.ravel()) + (truth.ravel() > 0)
    columns = np.searchsorted(predicted, prediction.ravel()) + (prediction.ravel() > 0)
    np.add.at(table, (rows, columns), 1)  # each pixel counts once
    return table[1:, 1:], table[1:].sum(axis=1), table[:, 1:].sum(axis=0)


def object_numbers(labels: np.ndarray) -> np.ndarray:
    """The numbers that occur, without the background's 0, sorted."""
    return np.unique(labels[labels > 0])


def overlap_tables(truth: Any, prediction: Any, border: str, ignore: Any) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """`count_overlaps` of each image, without the pixels that are ignored and the objects that lie there."""
    several = isinstance(truth, Sequence) or np.ndim(truth) == 3
    truths, predictions = (list(truth), list(prediction)) if several else ([truth], [prediction])
    ignored = [None] * len(truths) if ignore is None else list(ignore) if several else [ignore]
    if not len(truths) == len(predictions) == len(ignored):
        raise ValueError(f"there are {len(truths)} truths and {len(predictions)} predictions; give one for each image.")
    if not truths:
        raise ValueError("there are no images to score; give at least one truth and its prediction.")
    for true, predicted, unjudged in zip(truths, predictions, ignored, strict=True):
        true, predicted = check_pair(true, predicted)
        void = np.zeros(true.shape, bool) if unjudged is None else np.asarray(unjudged)
        if void.shape != true.shape or void.dtype != bool:
            raise ValueError(f"ignore is {void.dtype} {void.shape}; allowed is bool {true.shape}: ignore=mask == 255.")
        if border == "ignore":
            void = void | np.isin(true, touches_border(true))
        inside, _, sizes = count_overlaps(void.astype(np.uint8), predicted)
        lost = object_numbers(predicted)[inside.sum(axis=0) > sizes / 2]
        yield count_overlaps(np.where(void, 0, true), np.where(void | np.isin(predicted, lost), 0, predicted))


def check_pair(truth: Any, prediction: Any) -> tuple[np.ndarray, np.ndarray]:
    """Truth and prediction as arrays, once they are sure to be object numbers of one size; ValueError otherwise."""
    truth, prediction = check_labels(truth, "truth"), check_labels(prediction, "prediction")
    if truth.shape != prediction.shape:
        raise ValueError(f"truth is {truth.shape} and prediction {prediction.shape}; they must have the same shape.")
    return truth, prediction


def check_threshold(threshold: float) -> None:
    """Raise ValueError for an IoU that is no threshold."""
    if not (isinstance(threshold, int | float | np.number) and 0 < threshold <= 1):
        raise ValueError(f"threshold is {threshold!r}; allowed are IoUs above 0 and up to 1; 0.5 is usual, 0.75 strict.")


def ratio(part: float, whole: float) -> float:
    """part / whole, NaN for 0/0."""
    return part / whole if whole else math.nan
