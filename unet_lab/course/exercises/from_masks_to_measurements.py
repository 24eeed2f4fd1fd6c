"""Checks of notebook 17: F1 of objects, matched by their IoU; by how much the areas of found cells are wrong."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from unet_lab.course.checking import Wrong, called
from unet_lab.course.exercises.area_mistakes import BIAS_MISTAKES, suspects_bias
from unet_lab.course.exercises.object_mistakes import F1_MISTAKES, suspects_f1
from unet_lab.course.facts import counted
from unet_lab.course.leniency import number
from unet_lab.datasets.generator import generate_field
from unet_lab.objects import area_bias, label_objects, object_scores, separate

Labels = np.ndarray
NEIGHBOUR_F1 = (
    "A neighbour: of 4 friends you invite, 3 come, and 2 strangers with them. TP 3, FN 1, FP 2: F1 = 2·3/(2·3 + 2 + 1) = 6/9."
)
NEIGHBOUR_BIAS = (
    "A neighbour: two loaves should weigh 500 g and 1000 g, and weigh 550 g and 1000 g. Wrong by +10 % and 0 %: +5 % on average, "
    "0.05. The total is wrong by 50/1500, which is another question."
)


def hand_drawn() -> dict[str, tuple[Labels, Labels]]:
    """Pairs (truth, prediction) of one row each, small enough to be judged by eye."""
    rows = {
        "found, missed, invented": ([1, 1, 1, 1, 0, 2, 2, 0, 0, 0], [9, 9, 9, 0, 0, 0, 0, 0, 4, 4]),
        "two cells predicted as one": ([1] * 6 + [2] * 4, [1] * 10),
        "one cell cut in two": ([5] * 10, [1] * 7 + [2] * 3),
        "one cell cut in equal halves": ([3] * 8 + [0, 7], [1] * 4 + [2] * 4 + [0, 6]),
        "other numbers for the same cells": ([1, 1, 0, 2, 2, 2], [900, 900, 0, 30, 30, 30]),
        "two equal cells predicted as one": ([1, 1, 2, 2], [9, 9, 9, 9]),
        "far too small, far too large": ([1] * 10 + [0] * 5 + [2, 2, 0, 0], [0] * 4 + [3] * 3 + [0] * 3 + [5] * 9),
        "moved by 4 of 10 pixels": ([1] * 10 + [0] * 5, [0] * 4 + [2] * 10 + [0]),
        "one cell cut in halves, the lower number going on outside": ([1] * 10 + [0] * 10, [2] * 5 + [1] * 9 + [0] * 6),
        "two cells, the lower number going on outside, predicted as one half of each": (
            [2] * 5 + [1] * 9 + [0] * 6,
            [1] * 10 + [0] * 10,
        ),
        "just at the threshold": ([1, 1, 1, 1, 0, 2], [1, 1, 0, 0, 0, 2]),
        "nothing found": ([1, 1, 0, 2], [0, 0, 0, 0]),
        "only background": ([0, 0, 0], [0, 0, 0]),
    }
    return {name: (np.array([truth]), np.array([prediction])) for name, (truth, prediction) in rows.items()}


def larger() -> list[tuple[str, Labels, Labels, float]]:
    """Cells that show what small ones cannot: an IoU just below the threshold, boxes that hold much else, large numbers."""
    near = np.zeros((2, 1, 2001), np.int32)
    near[0], near[1, 0, :1000] = 1, 1
    corner, other = (np.zeros((6, 6), np.int64) for _ in range(2))
    corner[0, :], corner[:, 0] = 1, 1
    other[5, :], other[:, 5] = 1, 1
    many = np.arange(60).repeat(4).reshape(6, 40).astype(np.uint8)
    shifted = np.roll(many, 1, axis=1)
    numbers = np.array([0, 300, 270, 290], np.uint16).repeat(3)[None]
    tried = [("just below the threshold", *near), ("two corners of one square", corner, other)]
    tried += [("many cells in uint8", many, shifted), ("large numbers in uint16", numbers, numbers[:, ::-1])]
    half = np.full((1, 4), 200, np.uint8), np.array([[56, 56, 0, 0]], np.uint8)
    to_the_end = np.array([[200, 200, 0, 0]], np.uint8), np.array([[0, 255, 255, 255]], np.uint8)
    wide = np.array([[1, 1, 0, 65537, 65537]], np.int32), np.array([[1, 1, 0, 2, 2]], np.int32)
    beyond = np.array([[65536, 65536, 0, 7]], np.int64), np.array([[1, 1, 0, 7]], np.int64)
    tried += [("numbers up to 255 in uint8", *to_the_end), ("numbers above 65,535 in int32", *wide), ("65,536 in int64", *beyond)]
    return [*((*each, 0.5) for each in tried), ("a half, in uint8", *half, 0.7)]


@cache
def cases() -> tuple[tuple[str, Labels, Labels, float], ...]:
    """What both exercises are tried on: (name, truth, prediction, threshold); the answers get copies."""
    tried = [(name, *pair, 0.5) for name, pair in hand_drawn().items()]
    truth, prediction = hand_drawn()["two cells predicted as one"]
    tried.insert(2, ("two cells predicted as one, stricter", truth, prediction, 0.7))
    tried += [(name, *pair) for name, *pair in larger()]
    field = generate_field(3, size=96, cells=12, difficulty=0.2)
    cells = field.cells.astype(np.int64)
    for name, found in (("a field, labelled", label_objects(field.mask)), ("a field, cut at waists", separate(field.mask))):
        tried += [(f"{name}, IoU {threshold}", cells, found, threshold) for threshold in (0.5, 0.8)]
    return tuple(tried)


def object_f1(answer) -> None:
    """my_object_f1(truth, prediction, threshold): F1 of the objects; matched where their IoU is at least the threshold."""

    def right(truth, prediction, threshold):
        return object_scores(truth, prediction, threshold).f1

    def ask(truth, prediction, threshold):
        return called(answer, truth, prediction, threshold)

    otherwise = "For every pair of a true and a predicted cell: IoU. TP: pairs that match; FP, FN: cells without a partner."
    judge_on_all(ask, right, suspects_f1(), F1_MISTAKES, otherwise, NEIGHBOUR_F1)


def bias(answer) -> None:
    """my_bias(truth, prediction): mean over the matched cells (IoU at least 0.5) of (predicted - true area) / true area."""

    def right(truth, prediction, threshold):
        return area_bias(truth, prediction)

    def ask(truth, prediction, threshold):
        return called(answer, truth, prediction)

    otherwise = "Three steps: the pairs, by match_objects; the two areas of each pair; the mean of the relative errors."
    judge_on_all(ask, right, suspects_bias(), BIAS_MISTAKES, otherwise, NEIGHBOUR_BIAS)


def judge_on_all(ask: Callable, right: Callable, suspects: dict, mistakes: dict, otherwise: str, neighbour: str) -> None:
    """Try every case; Wrong where one fails."""
    tried = []
    for name, truth, prediction, threshold in cases():
        given, expected = (truth.copy(), prediction.copy(), threshold), right(truth, prediction, threshold)
        tried.append((name, given, answered(ask, given, name, expected), expected))
    failed = [one for one in tried if not alike(one[2], one[3])]
    with counted(len(tried) - len(failed), of=len(tried)):
        if failed:
            name_the_mistake(tried, failed, suspects, mistakes, otherwise, neighbour)


def name_the_mistake(tried: list, failed: list, suspects: dict, mistakes: dict, otherwise: str, neighbour: str) -> None:
    """Wrong, with the mistake that gives the numbers of all cases."""
    name, given, got, expected = failed[0]
    shown = f"{in_words(name, given)}: yours {got:.4g}, expected {expected:.4g}"
    if all(math.isnan(one[3]) for one in failed):
        raise Wrong(
            f"{shown}. Only where there is nothing to compare it differs: 0/0 is undefined, so say NaN.",
            "0 would call a right answer wrong, 1 would call an empty field a success: float('nan') leaves it out of a mean.",
            "Before you divide: is there anything to divide by?",
            neighbour,
        )
    if all(math.isnan(one[2]) for one in failed) and all(not (one[1][0].any() and one[1][1].any()) for one in failed):
        raise Wrong(
            f"{shown}. Only where one of the two has no cell it differs: all are missed, or all invented.",
            "F1 is 0 there: TP is 0, and FP or FN is not. NaN is for where there is no cell in either.",
            "Count the cells of both: only where that sum is 0 there is nothing to divide by.",
            neighbour,
        )
    if all(" in uint" in one[0] or " in int" in one[0] for one in failed):
        raise Wrong(
            f"{shown}. Only where numbers are of a small type, or large, it differs: something overflows.",
            "In uint8 200 + 100 is 44. Make them wide first: truth = truth.astype(np.int64), and prediction too.",
            otherwise,
            neighbour,
        )
    judged = [(number, got) for number, (*_, got, expected) in enumerate(tried) if not math.isnan(expected)]
    for rule, functions in suspects.items():
        if any(explains(function, judged) for function in functions):
            finding, clue = mistakes[rule]
            raise Wrong(f"{shown}. {finding}.", clue, otherwise, neighbour)
    where = ", ".join(sorted({one[0].split(", IoU")[0] for one in failed}))
    raise Wrong(f"{shown}. I do not know this mistake; it shows in: {where}.", otherwise, neighbour)


def explains(suspect: Callable, judged: Sequence[tuple[int, float]]) -> bool:
    """Whether a mistake gives the answer's numbers, wherever it gives any. judged : by case, what the answer gave."""
    return all(math.isnan(made := made_by(suspect, number)) or alike(got, made) for number, got in judged)


@cache
def made_by(suspect: Callable, number: int) -> float:
    """What a mistake gives in one of the `cases`."""
    _, *given = cases()[number]
    with np.errstate(all="ignore"):
        return suspect(*given)


def answered(ask: Callable, given: Sequence, name: str, expected: float) -> float:
    """The answer's number in one case; a division by 0 where there is nothing to divide counts as no number, not as an error."""
    try:
        got = ask(*given)
    except ZeroDivisionError:
        if not math.isnan(expected) and np.any(given[0]) and np.any(given[1]):
            raise
        raise Wrong(
            f"{in_words(name, given)}: it divides by 0.",
            "With nothing to compare, 0/0 is undefined: return float('nan').",
            "Before you divide: is there anything to divide by?",
            "A neighbour: the mean age of nobody is not 0. np.mean([]) is NaN, with a warning.",
        ) from None
    got = np.asarray(got)
    if got.size != 1:
        raise Wrong(f"expected one number, got {got.size} of them.", "One number for all cells together.", NEIGHBOUR_F1)
    return number(got.reshape(-1)[0].item())


def alike(got: float, expected: float) -> bool:
    """Equal to 1e-6, or both NaN."""
    return (math.isnan(got) and math.isnan(expected)) or math.isclose(got, expected, abs_tol=1e-6)


def in_words(name: str, given: Sequence) -> str:
    """The case, with its numbers where it is small."""
    truth, prediction, threshold = given
    if truth.size > 12:
        return f"{name} ({truth.shape[0]} x {truth.shape[1]} pixels)"
    return f"{name} (truth {truth[0].tolist()}, prediction {prediction[0].tolist()}, threshold {threshold})"
