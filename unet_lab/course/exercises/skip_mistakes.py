"""Other rankings of the skips than the right one, each from a known mistake, for a network and pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack

import numpy as np

from unet_lab.inference import predict
from unet_lab.inspection.ablation import without_skip
from unet_lab.metrics import confusion_matrix, scores

Each = list[np.ndarray]  # a confusion matrix for each pair


def ranked(values) -> list[int]:
    """The levels, the largest value first."""
    return sorted(range(4), key=lambda level: -values[level])


def macro(each: Each) -> float:
    return scores(sum(each), average="macro").iou


def per_class(each: Each) -> np.ndarray:
    return scores(sum(each), average=None).iou


def with_absent_as(value: float) -> Callable:
    return lambda each: scores(sum(each), average="macro", zero_division=value).iou


def mean_of_each(each: Each) -> float:
    return float(np.mean([macro([one]) for one in each]))


def alike(each: Each) -> float:
    """As if all images had the same number of pixels."""
    return macro([np.round(1e9 * one / one.sum()).astype(np.int64) for one in each])


MEASURES: dict[str, Callable] = {
    "the accuracy (or the micro IoU, which ranks alike) was measured, not the macro IoU": lambda each: (
        np.trace(sum(each)) / sum(each).sum()
    ),
    "the recall was measured (or truth and prediction are swapped for the precision), not the macro IoU": lambda each: (
        scores(sum(each), average="macro").recall
    ),
    "the precision was measured (or truth and prediction are swapped for the recall), not the macro IoU": lambda each: (
        scores(sum(each), average="macro").precision
    ),
    "the macro F1 (Dice) was measured, not the macro IoU": lambda each: scores(sum(each), average="macro").f1,
    "the weighted IoU was measured, not the macro, where all classes weigh alike": lambda each: (
        scores(sum(each), average="weighted").iou
    ),
    "the background was left out of the mean over the classes": lambda each: np.nanmean(per_class(each)[1:]),
    "the IoU of the nucleus alone was measured, not the macro over all classes": lambda each: per_class(each)[2],
    "the IoU of the body alone was measured, not the macro over all classes": lambda each: per_class(each)[1],
    "the IoU of the background alone was measured, not the macro over all classes": lambda each: per_class(each)[0],
    "the worst class was measured, not the macro, the mean over classes": lambda each: np.nanmin(per_class(each)),
    "only the first of the pairs was used": lambda each: macro(each[:1]),
    "only the last of the pairs was used": lambda each: macro(each[-1:]),
    "the last of the pairs was left out": lambda each: macro(each[:-1]),
    "the first of the pairs was left out": lambda each: macro(each[1:]),
    "the mean of each pair's IoU was taken; asked is one matrix over all pairs together": mean_of_each,
    "the median of each pair's IoU was taken; asked is one matrix over all pairs together": lambda each: np.median(
        [macro([one]) for one in each]
    ),
    "the pairs weigh alike, whatever their size; asked is one matrix over all pixels of all pairs": alike,
    "a class that is nowhere counts as 0; it is left out of the macro IoU": with_absent_as(0),
    "a class that is nowhere counts as 1; it is left out of the macro IoU": with_absent_as(1),
}


def from_tables(tables: list[Each]) -> dict[str, list[int]]:
    """Rankings out of the matrices: with all skips on, then with each level cut."""
    whole, *cut = tables
    lost = [macro(whole) - macro(each) for each in cut]
    found = {"a level whose cut helps counts as valuable: the sign is lost (abs)": ranked(np.abs(lost))}
    for digits in (1, 2):
        found[f"what is lost was rounded to {digits} digits before it was ranked"] = ranked(np.round(lost, digits))
    together = [sum((sum(each) for each in cut[: k + 1]), np.zeros((3, 3), np.int64)) for k in range(4)]
    found["the table is not emptied: each level's counts are added to those of the levels before it"] = ranked(
        [-macro([table]) for table in together]
    )
    single = np.array([[macro([cut[level][pair]]) for level in range(4)] for pair in range(len(whole))])
    places = np.argsort(np.argsort(single, axis=1), axis=1).sum(axis=0)
    found["each pair votes: the levels' places in each pair were averaged"] = ranked(-places)
    return found


def from_runs(model, pairs: Sequence) -> dict[str, Callable[[], list[int]]]:
    """Rankings that need the network once more, each computed when it is asked for: other things in the skip's place, say."""
    before = [predict(model, image) for image, _ in pairs]

    def answers(levels, instead="zeros") -> list[np.ndarray]:
        with ExitStack() as stack:
            for level in levels:
                stack.enter_context(without_skip(model, level, instead))
            return [predict(model, image) for image, _ in pairs]

    def score(levels, instead="zeros", truths=None) -> float:
        truths = truths or [truth for _, truth in pairs]
        return macro([confusion_matrix(truth, got) for truth, got in zip(truths, answers(levels, instead), strict=True)])

    def changed(level: int) -> int:
        return sum(int((got != old).sum()) for got, old in zip(answers([level]), before, strict=True))

    def of_each(value: Callable[[int], float]) -> Callable[[], list[int]]:
        return lambda: ranked([value(level) for level in range(4)])

    return {
        "noise was put in place of the skip; a cut skip is zeros": of_each(lambda k: -score([k], "noise")),
        "the skip was shuffled; a cut skip is zeros": of_each(lambda k: -score([k], "shuffled")),
        "it was counted how many pixels change, not how much worse they get": of_each(changed),
        "the uncut prediction was taken for the truth": of_each(lambda k: -score([k], truths=before)),
        "the cuts add up, one more with each level, and each is held against the one before": of_each(
            lambda k: score(range(k)) - score(range(k + 1))
        ),
        "all skips but one are cut; asked is what one costs alone": of_each(lambda k: score([j for j in range(4) if j != k])),
    }
