"""Checks of notebook 08: the confusion matrix; IoU; the audit of a paper's numbers."""

from __future__ import annotations

import numpy as np

from unet_lab.course.checking import Wrong, called, close, smallest
from unet_lab.course.leniency import fields, number
from unet_lab.datasets.generator.cells import generate_cell
from unet_lab.explorers.evaluation import change_mask
from unet_lab.metrics import confusion_matrix, scores

REPORTED = 0.8599  # the report's accuracy, and its IoU too


def confusion(answer) -> None:
    """my_confusion(truth, prediction, num_classes): counts, rows the truth, columns the prediction."""
    truth = generate_cell(5, 48).mask
    cases = [(np.array([0, 0, 1]), np.array([0, 1, 1]), 2), (np.array([[0, 0], [2, 1]]), np.array([[2, 0], [2, 1]]), 3)]
    cases += [(truth, change_mask(truth, right=3), 3), (np.array([1, 1]), np.array([1, 0]), 4)]
    for true, predicted, classes in cases:
        right = confusion_matrix(true, predicted, classes)
        got = np.asarray(called(answer, true, predicted, classes))
        if got.shape == right.shape and np.array_equal(got, right):
            continue
        if true.size > 9:

            def fails(t, p, classes=classes):
                return not np.array_equal(answer(t, p, classes), confusion_matrix(t, p, classes))

            true, predicted = smallest(fails, true, predicted)
            right, got = confusion_matrix(true, predicted, classes), np.asarray(answer(true, predicted, classes))
        where = f"truth {true.ravel().tolist()}, prediction {predicted.ravel().tolist()}" if true.size < 9 else "a whole mask"
        neighbour = (
            "A neighbour: a table of games, rows my move, columns yours, starts with zeros; every game adds 1 to one field: "
            "table[mine, yours] += 1."
        )
        if got.shape != right.shape:
            raise Wrong(
                f"for {where}: the table's shape is {got.shape}, expected {right.shape}.",
                "It has num_classes rows and columns, also for classes that do not occur.",
                neighbour,
            )
        shown = f"for {where}: yours {got.tolist()}, expected {right.tolist()}"
        if np.array_equal(got, right.T):
            raise Wrong(f"{shown}. Rows and columns are swapped.", "The row is the truth: table[truth, predicted].", neighbour)
        if got.dtype.kind == "f" and got.max() <= 1:
            raise Wrong(f"{shown}. These are shares.", "Count pixels; shares come later, when you know of what.", neighbour)
        if np.array_equal(got, np.diag(right.diagonal())):
            raise Wrong(
                f"{shown}. Only the pixels that are right are counted.",
                "The other fields tell which class was taken for which: count those too.",
                neighbour,
            )
        if got.max() <= 1 < right.max():
            raise Wrong(
                f"{shown}. Every pair is counted once at most.",
                "table[truth, prediction] += 1 with whole arrays counts repeated pairs once. np.add.at, or a loop, counts all.",
                neighbour,
            )
        raise Wrong(f"{shown}.", "Take one pixel at a time: its truth names the row, its prediction the column.", neighbour)


def iou(answer) -> None:
    """my_iou(matrix): IoU of every class, an array (num_classes,); NaN for a class in neither truth nor prediction."""
    first = np.array([[50, 10, 0], [5, 20, 5], [0, 4, 6]])
    for matrix in (first, np.array([[8, 2], [0, 0]]), np.array([[6, 2, 0], [1, 3, 0], [0, 0, 0]])):
        right = scores(matrix, average=None)
        got = called(answer, matrix)
        got = np.asarray(got, dtype=float)
        neighbour = "A neighbour: two people name 6 and 5 towns, 3 of them the same. Intersection 3, union 6 + 5 - 3 = 8: 3/8."
        if got.shape != right.iou.shape:
            raise Wrong(
                f"the shape is {got.shape}, expected {right.iou.shape}: one IoU per class.",
                "Do not average yet: which average to take is a question of its own.",
                neighbour,
            )
        if np.allclose(got, right.iou, equal_nan=True):
            continue
        with np.errstate(all="ignore"):
            shown = f"for {matrix.tolist()}: yours {np.round(got, 3).tolist()}, expected {np.round(right.iou, 3).tolist()}"
        present = ~np.isnan(right.iou)
        if np.allclose(got[present], right.iou[present]):
            raise Wrong(
                f"{shown}. Only the empty class differs: 0/0 is undefined, so say NaN and let the average decide.",
                "0 would call a perfect answer wrong, 1 would hide that there was nothing to find.",
                "np.divide(a, b, out=np.full(a.shape, np.nan), where=b > 0), or compute in floats under np.errstate.",
                neighbour,
            )
        known = {
            "f1": "That is F1, also called Dice: it counts the intersection twice. IoU = TP/(TP+FP+FN)",
            "precision": "That is precision: it divides by the predicted pixels only",
            "recall": "That is recall: it divides by the true pixels only",
        }
        for name, reason in known.items():
            if np.allclose(got[present], getattr(right, name)[present], equal_nan=True):
                raise Wrong(
                    f"{shown}. {reason}.",
                    "The union is row sum plus column sum minus the diagonal, which both contain.",
                    neighbour,
                )
        total = matrix.sum(axis=0) + matrix.sum(axis=1)
        if np.allclose(got[present], (matrix.diagonal()[present] / total[present])):
            raise Wrong(
                f"{shown}. The intersection is counted twice in your union.",
                "Row sum plus column sum contain the diagonal twice: subtract it once.",
                neighbour,
            )
        raise Wrong(f"{shown}.", "Per class: intersection is the diagonal; union is row sum + column sum - diagonal.", neighbour)


def audit(answer) -> None:
    """A dictionary: the F1 that belongs to IoU 0.8599; the micro IoU that belongs to accuracy 0.8599; is F1 0.7599 possible?"""
    answer = fields(answer, ("f1_of_that_iou", "micro_iou_of_that_accuracy", "reported_pair_possible"))
    f1, micro = number(answer["f1_of_that_iou"]), number(answer["micro_iou_of_that_accuracy"])
    right_f1, right_micro = 2 * REPORTED / (1 + REPORTED), REPORTED / (2 - REPORTED)
    neighbour = "A neighbour: IoU 0.5 gives F1 = 2·0.5/1.5 = 0.667; F1 0.667 gives IoU = 0.667/(2 - 0.667) = 0.5."
    if not close(f1, right_f1):
        if close(f1, right_micro):
            finding = f"f1_of_that_iou: yours {f1:.4f} is the IoU that belongs to F1 0.8599; the question is the other way round"
        elif close(f1, REPORTED) or close(f1, 0.7599):
            finding = f"f1_of_that_iou: yours {f1:.4f} is a number that the report prints; compute the one that fits its IoU"
        else:
            finding = f"f1_of_that_iou: yours {f1:.4f} does not obey F1 = 2·IoU/(1+IoU)"
        raise Wrong(f"{finding}.", "F1 = 2·IoU/(1 + IoU), and F1 is never below IoU.", neighbour)
    if not close(micro, right_micro):
        if close(micro, right_f1):
            finding = f"micro_iou_of_that_accuracy: yours {micro:.4f} turns the formula round"
        elif close(micro, REPORTED):
            finding = f"micro_iou_of_that_accuracy: yours {micro:.4f} is the accuracy itself"
        else:
            finding = f"micro_iou_of_that_accuracy: yours {micro:.4f} is another number"
        raise Wrong(
            f"{finding}.",
            "Micro-averaged over all classes, every wrong pixel is once FP and once FN, so F1 equals accuracy.",
            "IoU = F1/(2 - F1); put the accuracy in for F1.",
            neighbour,
        )
    if answer["reported_pair_possible"] is not False:
        raise Wrong(
            f"reported_pair_possible: {answer['reported_pair_possible']!r}? An F1 of 0.7599 beside an IoU of 0.8599.",
            f"Your own line above says that IoU 0.8599 goes with F1 {f1:.4f}, of the same average. Is 0.7599 that?",
            neighbour,
        )
