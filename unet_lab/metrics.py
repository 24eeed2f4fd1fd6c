"""Metrics: how good a predicted mask is. Everything but the boundary scores comes out of one table of counts.

Counting is additive: the confusion matrices of batches, summed, are the confusion matrix of the data set, so a
large data set is scored a batch at a time without being held.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.ndimage import binary_dilation, binary_erosion, distance_transform_edt

from unet_lab.losses import IGNORE

AVERAGES = (None, "micro", "macro", "weighted")
AT_ONCE = 1 << 19  # pixels counted at a time: they stay in the processor's cache


class Scores(NamedTuple):
    """Accuracy, and precision, recall, F1 and IoU: floats, or arrays (num_classes,) where the average is None."""

    accuracy: float
    precision: float | np.ndarray
    recall: float | np.ndarray
    f1: float | np.ndarray
    iou: float | np.ndarray


def confusion_matrix(truth: np.ndarray, prediction: np.ndarray, num_classes: int = 3) -> np.ndarray:
    """Count how many pixels of each true class were predicted as each class.

    Parameters
    ----------
    truth, prediction : integer class indices 0..num_classes-1, any shape, the same for both. Where the truth is IGNORE (255), the
        pixel is not counted.
    num_classes : 1 to 255.

    Returns int64 (num_classes, num_classes): rows are the truth, columns the prediction.
    Raises ValueError for shapes that differ or indices out of range.
    Equal to sklearn.metrics.confusion_matrix(truth.ravel(), prediction.ravel(), labels=range(num_classes)).

    >>> confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), num_classes=2).tolist()
    [[1, 1], [0, 1]]
    """
    truth, prediction = check_class_indices(truth, prediction, num_classes)
    judged = truth != IGNORE
    # Each pair (truth, prediction) becomes the number of its cell in the table, row by row; equal numbers are counted.
    cell = num_classes * truth[judged].astype(np.int64) + prediction[judged]
    return np.bincount(cell, minlength=num_classes**2).reshape(num_classes, num_classes)


def fast_confusion_matrix(truth: np.ndarray, prediction: np.ndarray, num_classes: int = 3) -> np.ndarray:
    """The counts of `confusion_matrix`, many times faster: in pieces that fit the processor's cache, few classes bit by bit."""
    truth, prediction = np.asarray(truth), np.asarray(prediction)
    if truth.shape != prediction.shape or truth.size <= AT_ONCE:
        return _count_piece(*check_class_indices(truth, prediction, num_classes), num_classes)
    all_true, all_predicted = truth.ravel(), prediction.ravel()
    counts = np.zeros((num_classes, num_classes), np.int64)
    for start in range(0, truth.size, AT_ONCE):
        piece = slice(start, start + AT_ONCE)
        try:
            counts += _count_piece(*check_class_indices(all_true[piece], all_predicted[piece], num_classes), num_classes)
        except ValueError:
            check_class_indices(truth, prediction, num_classes)  # says of the whole mask what is wrong with it
            raise
    return counts


def _count_piece(truth: np.ndarray, prediction: np.ndarray, num_classes: int) -> np.ndarray:
    """The counts of two masks that were checked: a histogram, or where there are few classes one bit for each pixel and class."""
    if truth.size and truth.max() == IGNORE:
        judged = truth != IGNORE
        truth, prediction = truth[judged], prediction[judged]
    if num_classes > 5:
        cell = num_classes * truth.astype(np.intp) + prediction.astype(np.intp)
        return np.bincount(cell.ravel(), minlength=num_classes**2).reshape(num_classes, num_classes)
    true, predicted = ([_bits(mask == k) for k in range(num_classes - 1)] for mask in (truth, prediction))
    counts = np.zeros((num_classes, num_classes), np.int64)
    for i, j in np.ndindex(num_classes - 1, num_classes - 1):
        counts[i, j] = np.bitwise_count(true[i] & predicted[j]).sum()
    # The last class is what is left of each row, of each column and of the whole.
    counts[:-1, -1] = [np.bitwise_count(bits).sum(dtype=np.int64) for bits in true] - counts[:-1].sum(axis=1)
    counts[-1, :-1] = [np.bitwise_count(bits).sum(dtype=np.int64) for bits in predicted] - counts[:, :-1].sum(axis=0)
    counts[-1, -1] = truth.size - counts.sum()
    return counts


def _bits(is_class: np.ndarray) -> np.ndarray:
    """64 pixels in each number, a bit for each; the last number is filled up with zeros."""
    packed = np.packbits(is_class)
    if packed.size % 8:
        packed = np.append(packed, np.zeros(-packed.size % 8, np.uint8))
    return packed.view(np.uint64)


def check_class_indices(truth, prediction, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays, once they are sure to be class indices of one shape; the truth may hold IGNORE."""
    truth, prediction = np.asarray(truth), np.asarray(prediction)
    if truth.shape != prediction.shape:
        raise ValueError(f"truth is {truth.shape} and prediction {prediction.shape}; they must have the same shape.")
    if not 1 <= num_classes <= 255:
        raise ValueError(f"num_classes is {num_classes}; allowed are 1 to 255.")
    for name, mask in (("truth", truth), ("prediction", prediction)):
        if mask.dtype.kind not in "uib":
            raise ValueError(f"{name} has type {mask.dtype}; class indices are whole numbers. Logits? Use argmax first.")
        known = mask
        if name == "truth" and mask.size and mask.max() >= num_classes:
            known = mask[mask != IGNORE]
        if known.size and (known.max() >= num_classes or (known.dtype.kind == "i" and known.min() < 0)):
            allowed = f"class indices 0 to {num_classes - 1}" + (f", and IGNORE ({IGNORE})" if name == "truth" else "")
            raise ValueError(f"{name} runs from {known.min()} to {known.max()}; allowed are {allowed}.")
    return truth, prediction


def scores(matrix: np.ndarray, average: str | None = "macro", zero_division: float = math.nan) -> Scores:
    """Accuracy, precision, recall, F1 (Dice) and IoU (Jaccard) of a confusion matrix.

    With TP the pixels of a class that were found, FP those wrongly called it, FN those missed:
    precision TP/(TP+FP), recall TP/(TP+FN), F1 2TP/(2TP+FP+FN), IoU TP/(TP+FP+FN). Always F1 = 2 IoU/(1+IoU) per class.

    Parameters
    ----------
    matrix : integer (num_classes, num_classes), rows the truth; may be a sum over batches.
    average : None, one value per class; "micro", counts summed over classes first; "macro", the mean over classes;
        "weighted", the mean weighted by how frequent each class is in the truth.
    zero_division : the value where a class makes the denominator 0 (IoU: neither in truth nor in prediction).
        NaN, the default, leaves it out of the averages; 0 and 1 count it as wrong or right. Libraries differ here.

    Returns Scores. Names and values as in scikit-learn. Raises ValueError for another average or a table with no pixels.

    >>> s = scores(np.array([[2, 0], [1, 1]]), average=None)
    >>> s.accuracy, s.iou.round(3).tolist()
    (0.75, [0.667, 0.5])
    """
    matrix = np.asarray(matrix)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.dtype.kind not in "ui" or (matrix < 0).any():
        raise ValueError(f"the matrix is {matrix.dtype} {matrix.shape}; allowed are counts (num_classes, num_classes).")
    if average not in AVERAGES:
        raise ValueError(f"average is {average!r}; allowed are None, 'micro', 'macro' and 'weighted'.")
    if matrix.sum() == 0:
        raise ValueError("the confusion matrix counts no pixels; add at least one image to it.")
    true_positive = matrix.diagonal().astype(np.float64)
    in_truth, in_prediction = matrix.sum(axis=1).astype(np.float64), matrix.sum(axis=0).astype(np.float64)
    accuracy = float(true_positive.sum() / matrix.sum())
    weights = in_truth
    if average == "micro":
        true_positive, in_truth, in_prediction = (v.sum(keepdims=True) for v in (true_positive, in_truth, in_prediction))
    above = np.array([true_positive, true_positive, 2 * true_positive, true_positive])  # precision, recall, F1, IoU
    below = np.array([in_prediction, in_truth, in_truth + in_prediction, in_truth + in_prediction - true_positive])
    values = np.divide(above, below, out=np.full_like(above, zero_division), where=below > 0)
    if average is None:
        return Scores(accuracy, *values)
    return Scores(accuracy, *(mean(v, weights if average == "weighted" else np.ones_like(v)) for v in values))


def label_scores(matrices: np.ndarray, average: str | None = "macro") -> Scores:
    """Scores of labels of which a pixel may have several: of (K, 2, 2) counts, a confusion matrix for each (`evaluate`).

    Precision, recall, F1 and IoU are of the pixels that have the label; "macro" is the mean over labels, None gives (K,) each.
    """
    if average not in ("macro", None):
        raise ValueError(f"average is {average!r}; allowed are 'macro' and None.")
    of_label = [scores(matrix, average=None) for matrix in matrices]
    values = [np.array([getattr(s, name)[1] for s in of_label]) for name in ("precision", "recall", "f1", "iou")]
    accuracy = float(np.mean([s.accuracy for s in of_label]))
    return Scores(accuracy, *(values if average is None else [mean(v, np.ones_like(v)) for v in values]))


def mean(values: np.ndarray, weights: np.ndarray) -> float:
    kept = ~np.isnan(values)
    total = weights[kept].sum()
    return float((values[kept] * weights[kept]).sum() / total) if total > 0 else math.nan


def macro_iou(matrix: np.ndarray) -> float:
    """The macro IoU of a confusion matrix, as a plain number."""
    matrix = np.asarray(matrix)
    counts = matrix.shape == (len(matrix),) * 2 and matrix.dtype.kind in "ui" and matrix.min(initial=0) >= 0
    if not counts or not matrix.any():
        return float(scores(matrix, average="macro").iou)  # which says what is wrong with it
    hit = matrix.diagonal()
    union = matrix.sum(axis=0) + matrix.sum(axis=1) - hit
    there = union > 0
    return float((hit[there] / union[there]).mean())


def bootstrap_interval(
    matrices: Sequence[np.ndarray] | np.ndarray,
    score: Callable[[np.ndarray], float] = macro_iou,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Within which limits a score may lie, given that other test images could have been taken: a bootstrap over images.

    In each draw as many images as there are, are drawn with replacement, their tables added up and scored; the interval holds
    `level` of the draws (Efron and Tibshirani 1993, percentiles). Images are drawn and not pixels: pixels of one image err
    together, so that they tell far less than as many independent ones would. With few images the interval is a little narrow.

    matrices : the confusion matrix of each image, (images, K, K). score : of a summed table. Returns (low, high).
    Raises ValueError for fewer than two images, a level outside 0 to 1, or no draws.

    >>> bootstrap_interval([np.array([[8, 2], [2, 8]])] * 5)  # five images that are alike
    (0.6666666666666666, 0.6666666666666666)
    """
    tables = np.asarray(matrices)
    if tables.ndim != 3 or len(tables) < 2:
        raise ValueError(
            f"the matrices are {tables.shape}; allowed are (images, K, K), one table for each of at least two images."
        )
    if not 0 < level < 1 or draws < 1:
        raise ValueError(f"level is {level} and draws is {draws}; allowed are a share between 0 and 1, and draws from 1 up.")
    drawn = np.random.default_rng(seed).integers(len(tables), size=(draws, len(tables)))
    values = [score(tables[which].sum(axis=0)) for which in drawn]
    low, high = np.nanquantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


class Calibration(NamedTuple):
    """How far a network's probabilities can be believed. Arrays (bins,); NaN where a bin is empty."""

    ece: float  # expected calibration error, 0 to 1
    confidence: np.ndarray  # mean probability of the winning class
    accuracy: np.ndarray  # share of the pixels whose winning class is the true one
    pixels: np.ndarray  # how many


def calibration(probabilities: np.ndarray, truth: np.ndarray, bins: int = 10) -> Calibration:
    """Is what a network calls 80 % sure right in 80 %? The reliability curve, and its mean distance from the diagonal.

    probabilities : (K, H, W) or (N, K, H, W), summing to 1 over the classes. truth : (H, W) or (N, H, W) class indices, or
    IGNORE. bins : equal intervals of the winning class's probability.
    Guo et al. 2017, "On Calibration of Modern Neural Networks".

    >>> calibration(np.full((2, 1, 4), 0.5), np.array([[0, 0, 1, 1]])).ece  # a coin, and it says so
    0.0
    """
    p, truth = np.asarray(probabilities, np.float64), np.asarray(truth)
    p, truth = (p[None], truth[None]) if p.ndim == 3 else (p, truth)
    if p.ndim != 4 or truth.shape != (p.shape[0], *p.shape[2:]) or bins < 1:
        given = f"probabilities {np.shape(probabilities)}, truth {truth.shape} and {bins} bins do not fit"
        raise ValueError(f"{given}; allowed are (N, K, H, W), (N, H, W) and bins from 1 up.")
    if p.min() < 0 or np.abs(p.sum(axis=1) - 1).max() > 1e-3:
        raise ValueError(
            "the probabilities do not sum to 1 over the classes, or are negative; take softmax(dim=0) of logits first."
        )
    judged = truth != IGNORE  # (N, H, W)
    sure, right = p.max(axis=1)[judged], (p.argmax(axis=1) == truth)[judged]
    place = np.minimum((sure * bins).astype(int), bins - 1)
    pixels, sums, hits = (np.bincount(place, weights=w, minlength=bins) for w in (None, sure, right))
    with np.errstate(invalid="ignore"):
        confidence, accuracy = sums / pixels, hits / pixels
    return Calibration(float(np.abs(sums - hits).sum() / max(len(sure), 1)), confidence, accuracy, pixels.astype(np.int64))


def boundary_f1(truth: np.ndarray, prediction: np.ndarray, class_index: int, tolerance: float = 2.0) -> float:
    """F1 of a class's outline: which share of boundary pixels has a partner within `tolerance` pixels.

    Csurka et al. 2013, "What is a good evaluation measure for semantic segmentation?". Accuracy hardly notices a bad
    outline, because outlines are few pixels; this score sees nothing else.

    truth, prediction : class indices (H, W). tolerance in pixels, >= 0. Returns 0..1; NaN where neither has the class.
    """
    edge_truth, edge_prediction = boundaries(truth, prediction, class_index)
    if not edge_truth.any() and not edge_prediction.any():
        return math.nan
    if not edge_truth.any() or not edge_prediction.any():
        return 0.0
    precision = (distance_transform_edt(~edge_truth)[edge_prediction] <= tolerance).mean()
    recall = (distance_transform_edt(~edge_prediction)[edge_truth] <= tolerance).mean()
    return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0


def hausdorff(truth: np.ndarray, prediction: np.ndarray, class_index: int, percentile: float = 100.0) -> float:
    """How far, in pixels, the worst point of one outline lies from the other outline (Hausdorff distance).

    With percentile=95 the worst 5 % of the points are forgiven (HD95). truth, prediction: class indices (H, W).
    Returns pixels >= 0; NaN where neither has the class, infinity where only one has it.
    """
    edge_truth, edge_prediction = boundaries(truth, prediction, class_index)
    if not edge_truth.any() and not edge_prediction.any():
        return math.nan
    if not edge_truth.any() or not edge_prediction.any():
        return math.inf
    there = np.percentile(distance_transform_edt(~edge_truth)[edge_prediction], percentile)
    back = np.percentile(distance_transform_edt(~edge_prediction)[edge_truth], percentile)
    return float(max(there, back))


def surface_dice(truth: np.ndarray, prediction: np.ndarray, class_index: int, tolerance: float = 2.0) -> float:
    """Which share of both outlines together lies within `tolerance` pixels of the other (Nikolov et al. 2021).

    Like `boundary_f1`, but each outline counts by its length. Equal to MONAI's `compute_surface_dice`.
    Returns 0..1; NaN where neither has the class.
    """
    edge_truth, edge_prediction = boundaries(truth, prediction, class_index)
    total = edge_truth.sum() + edge_prediction.sum()
    if not edge_truth.any() or not edge_prediction.any():
        return 0.0 if total else math.nan
    near = (distance_transform_edt(~edge_truth)[edge_prediction] <= tolerance).sum()
    near += (distance_transform_edt(~edge_prediction)[edge_truth] <= tolerance).sum()
    return float(near / total)


def boundaries(truth, prediction, class_index) -> list[np.ndarray]:
    """The outline of a class in truth and prediction, bool (H, W) each; none beside pixels that nobody judged.

    Raises ValueError for arrays that are not (H, W), or differ.
    """
    truth, prediction = np.asarray(truth), np.asarray(prediction)
    if truth.ndim != 2 or truth.shape != prediction.shape:
        raise ValueError(f"truth is {truth.shape} and prediction {prediction.shape}; allowed is (H, W), the same for both.")
    regions = [mask == class_index for mask in (truth, prediction)]
    known = ~binary_dilation(truth == IGNORE)
    return [region & ~binary_erosion(region) & known for region in regions]
