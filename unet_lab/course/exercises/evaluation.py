"""Checks of notebook 08: IoU; the audit of a paper's numbers. (The confusion matrix is in pair_counts.py.)"""

from __future__ import annotations

import contextlib

import numpy as np

from unet_lab.course.agreement import Shown, agree
from unet_lab.course.checking import Wrong, called, close
from unet_lab.course.exercises.iou_mistakes import iou_cases, iou_suspects, true_iou
from unet_lab.course.facts import counted
from unet_lab.course.leniency import fields, number, truth

REPORTED = 0.8599  # the report's accuracy, and its IoU too


IOU_NEIGHBOUR = "A neighbour: two people name 6 and 5 towns, 3 of them the same. Intersection 3, union 6 + 5 - 3 = 8: 3/8."


def iou(answer) -> None:
    """my_iou(matrix): IoU of every class, an array (num_classes,); NaN for a class in neither truth nor prediction."""
    otherwise = "Per class: intersection is the diagonal; union is row sum + column sum - diagonal."
    cases = iou_cases()
    with np.errstate(all="ignore"):
        agree(answer, true_iou, cases, iou_suspects(), Shown(otherwise, (IOU_NEIGHBOUR,), tolerance=1e-6))
        with contextlib.suppress(TypeError, ValueError), counted(len(cases), of=len(cases) + 1):
            called(answer, cases[0].given[0].astype(float))  # counts may be demanded; what takes floats must leave them alone


def audit(answer) -> None:
    """A dictionary: the F1 that belongs to IoU 0.8599; the micro IoU that belongs to accuracy 0.8599; is F1 0.7599 possible?"""
    answer = fields(answer, ("f1_of_that_iou", "micro_iou_of_that_accuracy", "reported_pair_possible"))
    f1, micro = number(answer["f1_of_that_iou"]), number(answer["micro_iou_of_that_accuracy"])
    right_f1, right_micro = 2 * REPORTED / (1 + REPORTED), REPORTED / (2 - REPORTED)
    right = [close(f1, right_f1), close(micro, right_micro), truth(answer["reported_pair_possible"]) is False]
    with counted(sum(right), of=len(right)):
        audit_each(answer, f1, micro)


def audit_each(answer: dict, f1: float, micro: float) -> None:
    """Wrong for the first of the three that is not right."""
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
        elif close(f1, right_f1, 0.06) and round(f1, 2) == f1:
            finding = f"f1_of_that_iou: yours {f1:g} is near; give three digits, not rounded before"
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
        elif close(micro, 0.7599 / (2 - 0.7599)):
            finding = f"micro_iou_of_that_accuracy: yours {micro:.4f} belongs to 0.7599, the report's F1; the accuracy is 0.8599"
        elif close(micro, right_micro, 0.06) and round(micro, 2) == micro:
            finding = f"micro_iou_of_that_accuracy: yours {micro:g} is near; give three digits, not rounded before"
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
