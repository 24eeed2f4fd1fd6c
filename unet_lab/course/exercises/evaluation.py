"""Checks of notebook 08: the confusion matrix; IoU; the audit of a paper's numbers."""

from __future__ import annotations

import contextlib

import numpy as np

from unet_lab.course.agreement import Case, Shown, Suspect, agree
from unet_lab.course.checking import Wrong, called, close
from unet_lab.course.exercises.iou_mistakes import iou_cases, iou_suspects, true_iou
from unet_lab.course.leniency import fields, number, truth
from unet_lab.datasets.generator.cells import generate_cell
from unet_lab.explorers.evaluation import change_mask
from unet_lab.metrics import confusion_matrix

REPORTED = 0.8599  # the report's accuracy, and its IoU too


TABLE_NEIGHBOUR = (
    "A neighbour: a table of games, rows my move, columns yours, starts with zeros; every game adds 1 to one field: "
    "table[mine, yours] += 1."
)


def counted(truth, prediction, classes) -> np.ndarray:
    return confusion_matrix(np.asarray(truth), np.asarray(prediction), classes)


def table_cases() -> list[Case]:
    """Rows, images, stacks and volumes; 2 to 12 classes, some of which do not occur; more than 255 pixels of one kind."""
    rng = np.random.default_rng(0)
    mask = generate_cell(5, 48).mask[:40]
    given = [(np.array([0, 0, 1]), np.array([0, 1, 1]), 2), (np.array([[0, 0], [2, 1]]), np.array([[2, 0], [2, 1]]), 3)]
    given.append((np.array([1, 1]), np.array([1, 0]), 4))
    for classes, shape in ((3, (3, 5)), (5, (4, 3)), (12, (6, 7)), (2, (2, 3, 4)), (4, (2, 2, 3, 2)), (3, (17,)), (6, (5, 5))):
        given.append(
            (rng.integers(0, classes, shape).astype(np.uint8), rng.integers(0, classes, shape).astype(np.uint8), classes)
        )
    given.append((rng.integers(0, 3, (3, 4)), rng.integers(0, 3, (3, 4)), 5))
    given.append((np.array([0, 1, 1, 1]), np.array([0, 1, 0, 1]), 3))
    given.append((np.zeros((260, 257), np.uint8), np.zeros((260, 257), np.uint8), 2))
    for classes in (17, 40):
        many = np.arange(classes, dtype=np.uint8)[None]
        given.append((many, many[:, ::-1].copy(), classes))
    given.append((mask, change_mask(mask, right=3), 3))
    return [Case(table_shown(*each), each, table_tags(*each)) for each in given]


def table_shown(truth, prediction, classes) -> str:
    if truth.size < 9:
        return f"for truth {truth.ravel().tolist()}, prediction {prediction.ravel().tolist()}, {classes} classes"
    return f"for masks {truth.shape}, {classes} classes"


def table_tags(truth, prediction, classes) -> tuple[str, ...]:
    tags = {
        "there are not 3 classes (num_classes)": classes != 3,
        "there are more than 10 classes": classes > 10,
        "there are 17 classes or more, in masks of uint8 (num_classes * truth overflows: 255 is the most)": classes > 16,
        "the last class is never predicted rightly (the largest code, num_classes² - 1, does not occur: minlength)": not (
            (truth == classes - 1) & (prediction == classes - 1)
        ).any(),
        "a pair occurs more than 65,535 times (uint16 overflows)": counted(truth, prediction, classes).max() > 65535,
        "the last class does not occur in either": max(truth.max(), prediction.max()) < classes - 1,
        "the last class does not occur in the truth": truth.max() < classes - 1,
        "a mask is no image: it has one dimension, or more than two": truth.ndim != 2,
        "a mask has more than two dimensions": truth.ndim > 2,
        "a mask is not square": truth.ndim != 2 or truth.shape[0] != truth.shape[1],
        "a pair occurs more than 255 times (uint8 overflows)": counted(truth, prediction, classes).max() > 255,
    }
    return tuple(tag for tag, holds in tags.items() if holds)


def table_suspects() -> list[Suspect]:
    row = "The row is the truth: table[truth, predicted]."
    all_count = "table[truth, prediction] += 1 with whole arrays counts repeated pairs once. np.add.at, or a loop, counts all."
    plain = "Take one pixel at a time: its truth names the row, its prediction the column."
    size = "It has num_classes rows and columns, also for classes that do not occur."

    def of(change, finding, clue=plain):
        return Suspect(lambda t, p, n: change(counted(t, p, n)), finding, clue)

    def overflown(t, p, n):
        """Where it is computed in the masks' own type."""
        if t.dtype != np.uint8:
            return counted(t, p, n)
        code = (np.int64(n) * t + p) % 256
        return np.bincount(code.ravel(), minlength=n * n)[: n * n].reshape(n, n)

    def coded(base):
        def table(t, p, n):
            code = base * t.astype(int) + p
            return [[(code == base * i + j).sum() for j in range(n)] for i in range(n)]

        return table

    return [
        of(lambda m: m.T, "Rows and columns are swapped.", row),
        of(lambda m: m / m.sum(), "These are shares.", "Count pixels; shares come later, when you know of what."),
        of(lambda m: m / np.maximum(m.sum(1, keepdims=True), 1), "These are shares of each row.", "Count pixels."),
        of(lambda m: np.diag(m.diagonal()), "Only the pixels that are right are counted.",
           "The other fields tell which class was taken for which: count those too."),
        of(lambda m: m - np.diag(m.diagonal()), "The pixels that are right, the diagonal, are not counted.", plain),
        of(lambda m: np.minimum(m, 1), "Every pair is counted once at most.", all_count),
        of(lambda m: m + m.T, "The table is symmetrised: every pair is counted twice, once for each order.", row),
        of(lambda m: m * (np.arange(m.size).reshape(m.shape) > 0), "The background, (0, 0), is left out.", plain),
        of(lambda m: m[::-1, ::-1], "The classes are in reverse order.", row),
        of(lambda m: m[:, ::-1], "The columns are in reverse order.", row),
        of(lambda m: m % 256, "The counts overflow: uint8 holds 255 at most.", "Count in np.int64."),
        of(lambda m: np.pad(m, ((0, 1), (0, 1))), "There is a class too many.", size),
        Suspect(lambda t, p, n: counted(t, p, max(t.max(), p.max()) + 1), "Only classes that occur have a row.", size),
        Suspect(lambda t, p, n: counted(t[:-1], p[:-1], n), "The last row of pixels is left out: fewer are counted.", plain),
        Suspect(lambda t, p, n: counted(t, p.T.reshape(t.shape), n), "Pixels are compared with others: the order of one mask is "
                "transposed.", plain),
        Suspect(overflown, "The code num_classes * truth + prediction overflows in uint8 from 17 classes on.",
                "Make the masks int64 first: truth.astype(np.int64)."),
        Suspect(coded(10), "The code 10 * truth + prediction is not unique for more than 10 classes.", "Use num_classes."),
        Suspect(coded(3), "The code 3 * truth + prediction is not unique for more than 3 classes.", "Use num_classes, not 3."),
    ]  # fmt: skip


def confusion(answer) -> None:
    """my_confusion(truth, prediction, num_classes): counts, rows the truth, columns the prediction."""
    otherwise = "Take one pixel at a time: its truth names the row, its prediction the column; num_classes rows and columns."
    shown = Shown(otherwise, (TABLE_NEIGHBOUR,), describe=table_shown, cut=(0, 1), tolerance=1e-9)
    agree(answer, counted, table_cases(), table_suspects(), shown)


IOU_NEIGHBOUR = "A neighbour: two people name 6 and 5 towns, 3 of them the same. Intersection 3, union 6 + 5 - 3 = 8: 3/8."


def iou(answer) -> None:
    """my_iou(matrix): IoU of every class, an array (num_classes,); NaN for a class in neither truth nor prediction."""
    otherwise = "Per class: intersection is the diagonal; union is row sum + column sum - diagonal."
    with np.errstate(all="ignore"):
        agree(answer, true_iou, iou_cases(), iou_suspects(), Shown(otherwise, (IOU_NEIGHBOUR,), tolerance=1e-6))
        with contextlib.suppress(TypeError, ValueError):  # counts may be demanded; what takes floats must leave them alone
            called(answer, iou_cases()[0].given[0].astype(float))


def audit(answer) -> None:
    """A dictionary: the F1 that belongs to IoU 0.8599; the micro IoU that belongs to accuracy 0.8599; is F1 0.7599 possible?"""
    answer = fields(answer, ("f1_of_that_iou", "micro_iou_of_that_accuracy", "reported_pair_possible"))
    f1, micro = number(answer["f1_of_that_iou"]), number(answer["micro_iou_of_that_accuracy"])
    right_f1, right_micro = 2 * REPORTED / (1 + REPORTED), REPORTED / (2 - REPORTED)
    neighbour = "A neighbour: IoU 0.5 gives F1 = 2·0.5/1.5 = 0.667; F1 0.667 gives IoU = 0.667/(2 - 0.667) = 0.5."
    if close(f1, right_micro) and close(micro, right_f1):
        raise Wrong("f1_of_that_iou and micro_iou_of_that_accuracy are swapped.", "F1 is never below IoU.", neighbour)
    for name, value, right in (("f1_of_that_iou", f1, right_f1), ("micro_iou_of_that_accuracy", micro, right_micro)):
        if close(value, 100 * right, 0.1):
            raise Wrong(f"{name}: yours {value:g} is in per cent; expected is a share of 1.", "Divide by 100.", neighbour)
    if not close(f1, right_f1):
        if close(f1, right_f1 / 2):
            finding = f"f1_of_that_iou: yours {f1:.4f} is half of it: the 2 above is missing"
        elif close(f1, 2 * 0.7599 / 1.7599):
            finding = f"f1_of_that_iou: yours {f1:.4f} belongs to 0.7599, the report's F1; the question is about its IoU, 0.8599"
        elif f1 > 1:
            finding = f"f1_of_that_iou: yours {f1:.4f} is larger than 1, which no F1 is"
        elif close(f1, right_micro):
            finding = f"f1_of_that_iou: yours {f1:.4f} is the IoU that belongs to F1 0.8599; the question is the other way round"
        elif close(f1, REPORTED) or close(f1, 0.7599):
            finding = f"f1_of_that_iou: yours {f1:.4f} is a number that the report prints; compute the one that fits its IoU"
        else:
            finding = f"f1_of_that_iou: yours {f1:.4f} does not obey F1 = 2·IoU/(1+IoU)"
        raise Wrong(f"{finding}.", "F1 = 2·IoU/(1 + IoU), and F1 is never below IoU.", neighbour)
    if not close(micro, right_micro):
        if close(micro, right_f1):
            finding = f"micro_iou_of_that_accuracy: yours {micro:.4f} turns the formula round"
        elif close(micro, 0.7599):
            finding = f"micro_iou_of_that_accuracy: yours {micro:.4f} is the F1 that the report prints"
        elif close(micro, 1 - REPORTED):
            finding = f"micro_iou_of_that_accuracy: yours {micro:.4f} is 1 - accuracy, the share of wrong pixels"
        elif close(micro, REPORTED):
            finding = f"micro_iou_of_that_accuracy: yours {micro:.4f} is the accuracy itself"
        else:
            finding = f"micro_iou_of_that_accuracy: yours {micro:.4f} does not obey IoU = accuracy/(2 - accuracy)"
        raise Wrong(
            f"{finding}.",
            "Micro-averaged over all classes, every wrong pixel is once FP and once FN, so F1 equals accuracy.",
            "IoU = F1/(2 - F1); put the accuracy in for F1.",
            neighbour,
        )
    if isinstance(answer["reported_pair_possible"], str):
        finding = f"reported_pair_possible: {answer['reported_pair_possible']!r} is text, and any text is true in Python."
        raise Wrong(finding, "Write True or False, without quotes.", neighbour)
    possible = truth(answer["reported_pair_possible"])
    if possible is None:
        finding = f"reported_pair_possible: {answer['reported_pair_possible']!r}; expected True or False."
        raise Wrong(finding, "Is it possible? True, or False.", neighbour)
    if possible:
        raise Wrong(
            f"reported_pair_possible: {answer['reported_pair_possible']!r}? An F1 of 0.7599 beside an IoU of 0.8599.",
            f"Your own line above says that IoU 0.8599 goes with F1 {f1:.4f}, of the same average. Is 0.7599 that?",
            neighbour,
        )
