"""Right and wrong answers to the exercises of notebook 17, written from its text, in different styles."""

import math

import numpy as np
from scipy.optimize import linear_sum_assignment

from unet_lab.metrics import confusion_matrix, scores
from unet_lab.objects import iou_matrix, label_objects, match_objects, object_scores

NAN = float("nan")


def numbers(labels):
    return [n for n in np.unique(labels) if n != 0]


def pairwise(a, b):
    return np.logical_and(a, b).sum() / np.logical_or(a, b).sum()


def f1(
    score=lambda tp, fp, fn: 2 * tp / (2 * tp + fp + fn),
    overlap=pairwise,
    enough=lambda iou, threshold: iou >= threshold,
    listed=numbers,
    taken=True,
    empty=NAN,
    both_ways=True,
):
    """A student's F1, cell by cell, with places to spoil."""

    def answer(truth, prediction, threshold):
        left, tp = listed(prediction), 0
        count = len(left)
        for t in listed(truth):
            for p in list(left):
                if enough(overlap(truth == t, prediction == p), threshold):
                    tp += 1
                    if taken:
                        left.remove(p)
                        break
        fp, fn = count - tp, len(listed(truth)) - tp
        if tp + fp + fn == 0:
            return empty
        try:
            return score(tp, fp, fn if both_ways else 0)
        except ZeroDivisionError:
            return 0.0

    return answer


def by_assignment(truth, prediction, threshold):
    """Right too: the best pairing, by SciPy."""
    trues, found = numbers(truth), numbers(prediction)
    if not trues and not found:
        return NAN
    table = np.array([[pairwise(truth == t, prediction == p) for p in found] for t in trues]).reshape(len(trues), len(found))
    rows, columns = linear_sum_assignment(-table)
    tp = (table[rows, columns] >= threshold).sum()
    return np.float32(2 * tp / (len(trues) + len(found)))


def by_dictionary(truth, prediction, threshold):
    """Right too: pixels counted once, in a dictionary."""
    pairs, a, b = {}, {}, {}
    for t, p in zip(truth.ravel().tolist(), prediction.ravel().tolist(), strict=True):
        a[t], b[p], pairs[t, p] = a.get(t, 0) + 1, b.get(p, 0) + 1, pairs.get((t, p), 0) + 1
    a.pop(0, None), b.pop(0, None)
    hits = [(t, p) for (t, p), n in pairs.items() if t and p and n / (a[t] + b[p] - n) >= threshold]
    tp = min(len({t for t, _ in hits}), len({p for _, p in hits}))
    return 2 * tp / (len(a) + len(b)) if a or b else math.nan


def by_columns(truth, prediction, threshold):
    """Right too: from the table of IoUs."""
    iou = iou_matrix(truth, prediction)
    if iou.shape == (0, 0):
        return np.nan
    hits = iou >= threshold
    return 2 * min(hits.any(axis=0).sum(), hits.any(axis=1).sum()) / sum(iou.shape)


def by_precision_and_recall(truth, prediction, threshold):
    """Right too: the harmonic mean."""
    trues, found = len(numbers(truth)), len(numbers(prediction))
    tp = len(match_objects(truth, prediction, threshold))
    if not trues and not found:
        return float("nan")
    if not tp:
        return 0
    precision, recall = tp / found, tp / trues
    return 2 * precision * recall / (precision + recall)


def of_pixels(truth, prediction, threshold):
    return scores(confusion_matrix(truth > 0, prediction > 0, 2), average=None).f1[1]


def same_number(truth, prediction, threshold):
    tp = sum(pairwise(truth == n, prediction == n) >= threshold for n in set(numbers(truth)) & set(numbers(prediction)))
    whole = len(numbers(truth)) + len(numbers(prediction))
    return 2 * tp / whole if whole else NAN


def relabelled(truth, prediction, threshold):
    """Two cells of the truth that touch become one."""
    return by_columns(label_objects(truth > 0), label_objects(prediction > 0), threshold)


def bias(
    error=lambda a, b: (b - a) / a,
    mean=np.mean,
    pairs=lambda truth, prediction: [(t, p) for t, p, _ in match_objects(truth, prediction)],
    empty=NAN,
):
    """A student's bias, with places to spoil."""

    def answer(truth, prediction):
        found = pairs(truth, prediction)
        if not found:
            return empty
        areas = [((truth == t).sum(), (prediction == p).sum()) for t, p in found]
        return float(mean([error(float(a), float(b)) for a, b in areas]))

    return answer


def by_bincount(truth, prediction):
    """Right too: all areas at once."""
    a, b = np.bincount(truth.ravel()), np.bincount(prediction.ravel())
    pairs = np.array([(t, p) for t, p, _ in match_objects(truth, prediction, threshold=0.5)], int).reshape(-1, 2)
    return np.mean(b[pairs[:, 1]] / a[pairs[:, 0]] - 1) if len(pairs) else np.nan


def by_own_table(truth, prediction):
    """Right too: the pairs found by hand."""
    errors = []
    for t in numbers(truth):
        best = max(numbers(prediction), key=lambda p: pairwise(truth == t, prediction == p), default=None)
        if best is not None and pairwise(truth == t, prediction == best) >= 0.5:
            errors.append(np.sum(prediction == best) / np.sum(truth == t) - 1)
    return sum(errors) / len(errors) if errors else float("nan")


def by_tensor(truth, prediction):
    """Right too: an array of one number."""
    value = bias()(truth, prediction)
    return np.array([value])


def by_running_mean(truth, prediction):
    """Right too: without a list."""
    total = count = 0
    for t, p, iou in match_objects(truth, prediction):
        assert iou >= 0.5
        area = np.count_nonzero(truth == t)
        total, count = total + np.count_nonzero(prediction == p) / area - 1, count + 1
    return np.nan if count == 0 else total / count


def in_order(truth, prediction):
    return list(zip(numbers(truth), numbers(prediction), strict=False))


def overlapping(truth, prediction):
    return [(t, p) for t in numbers(truth) for p in numbers(prediction) if ((truth == t) & (prediction == p)).any()]


def means_of_all(truth, prediction):
    true, found = ([(labels == n).sum() for n in numbers(labels)] for labels in (truth, prediction))
    return np.mean(found) / np.mean(true) - 1 if true and found else NAN


def with_missed(truth, prediction):
    partner = {t: p for t, p, _ in match_objects(truth, prediction)}
    errors = [((prediction == partner[t]).sum() if t in partner else 0) / (truth == t).sum() - 1 for t in numbers(truth)]
    return float(np.mean(errors)) if errors else NAN


def of_sums(truth, prediction):
    pairs = match_objects(truth, prediction)
    a = sum((truth == t).sum() for t, *_ in pairs)
    return sum((prediction == p).sum() for _, p, _ in pairs) / a - 1 if pairs else NAN


def fitted(overlap):
    return f1(overlap=overlap, taken=True)


WRONG = {
    "object_f1": {
        "pixels": (of_pixels, "That is the F1 of pixels"),
        "same number": (same_number, "the same number by chance"),
        "any overlap": (f1(enough=lambda iou, threshold: iou > 0), "Every overlap counts as a match"),
        "background too": (f1(listed=lambda labels: list(np.unique(labels))), "number 0, is counted as a cell"),
        "Dice": (f1(overlap=lambda a, b: 2 * (a & b).sum() / (a.sum() + b.sum())), "measured by Dice"),
        "of the truth": (f1(overlap=lambda a, b: (a & b).sum() / a.sum(), taken=False), "the true cell's size"),
        "of the prediction": (f1(overlap=lambda a, b: (a & b).sum() / b.sum(), taken=False), "the predicted cell's size"),
        "always 0.5": (lambda t, p, threshold: by_columns(t, p, 0.5), "The threshold is 0.5"),
        "more than": (f1(enough=lambda iou, threshold: iou > threshold), "exactly the threshold"),
        "two partners": (f1(taken=False), "was matched twice"),
        "precision": (f1(score=lambda tp, fp, fn: tp / (tp + fp)), "That is precision"),
        "recall": (f1(score=lambda tp, fp, fn: tp / (tp + fn)), "That is recall"),
        "StarDist's average precision": (f1(score=lambda tp, fp, fn: tp / (tp + fp + fn)), "average precision"),
        "half": (f1(score=lambda tp, fp, fn: tp / (2 * tp + fp + fn)), "half of F1"),
        "panoptic quality": (lambda t, p, threshold: object_scores(t, p, threshold).panoptic_quality, "panoptic quality"),
        "mean IoU": (lambda t, p, threshold: object_scores(t, p, threshold).matched_iou, "mean IoU of the matched pairs"),
        "labelled again": (relabelled, "Cells that touch are merged"),
        "as many": (
            lambda t, p, threshold: 2 * min(len(numbers(t)), len(numbers(p))) / max(1, len(numbers(t)) + len(numbers(p))),
            "how many cells there are, not which",
        ),
        "0 where nothing is": (f1(empty=0.0), "say NaN"),
        "1 where nothing is": (f1(empty=1.0), "say NaN"),
        "divides by 0": (
            lambda t, p, threshold: 2 * len(match_objects(t, p, threshold)) / (len(numbers(t)) + len(numbers(p))),
            "it divides by 0",
        ),
        "a count": (lambda t, p, threshold: len(match_objects(t, p, threshold)), "I do not know this mistake"),
        "a number": (0.8, "expected a function"),
        "all scores": (lambda t, p, threshold: np.array([1.0, 0.5, 0.7]), "expected one number, got 3"),
    },
    "bias": {
        "sign": (bias(error=lambda a, b: (a - b) / a), "the other way round"),
        "of the prediction": (bias(error=lambda a, b: (b - a) / b), "divides by the predicted area"),
        "a ratio": (bias(error=lambda a, b: b / a), "the ratio of the areas"),
        "percent": (bias(error=lambda a, b: 100 * (b - a) / a), "in percent"),
        "absolute": (bias(error=lambda a, b: abs(b - a) / a), "lost its sign"),
        "pixels": (bias(error=lambda a, b: b - a), "in pixels"),
        "of sums": (of_sums, "large cells count more"),
        "means of all": (means_of_all, "the means of all cells"),
        "foreground": (
            lambda t, p: (np.count_nonzero(p) - np.count_nonzero(t)) / np.count_nonzero(t) if t.any() and p.any() else NAN,
            "the whole foreground",
        ),
        "in order": (bias(pairs=in_order), "in the order of their numbers"),
        "same number": (
            bias(pairs=lambda t, p: [(n, n) for n in numbers(t) if n in numbers(p)]),
            "the same number by chance",
        ),
        "any overlap": (bias(pairs=overlapping), "Every overlap counts as a pair"),
        "missed as 0": (with_missed, "counts as one of area 0"),
        "median": (bias(mean=np.median), "It is the median"),
        "sum": (bias(mean=np.sum), "the sum over cells"),
        "IoU less 1": (
            lambda t, p: np.mean([iou - 1 for *_, iou in match_objects(t, p)]) if match_objects(t, p) else NAN,
            "IoU less 1",
        ),
        "0 where nothing matches": (bias(empty=0.0), "say NaN"),
        "divides by 0": (
            lambda t, p: (
                sum(((p == b).sum() - (t == a).sum()) / (t == a).sum() for a, b, _ in match_objects(t, p))
                / len(match_objects(t, p))
            ),
            "it divides by 0",
        ),
        "a list": (lambda t, p: [0.1] * len(numbers(t)), "expected one number"),
        "no function": (0.1, "expected a function"),
        "nothing": (lambda t, p: 0.0, "I do not know this mistake"),
    },
}
RIGHT = {
    "object_f1": [f1(), by_assignment, by_dictionary, by_columns, by_precision_and_recall],
    "bias": [bias(), by_bincount, by_own_table, by_tensor, by_running_mean],
}
ALSO_RIGHT = {"object_f1": by_assignment, "bias": by_bincount}
