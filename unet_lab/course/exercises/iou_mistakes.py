"""IoU of every class, and what is taken for it."""

from __future__ import annotations

import numpy as np

from unet_lab.course.agreement import Case, Suspect
from unet_lab.metrics import scores


def true_iou(matrix):
    return scores(matrix, average=None).iou


def iou_cases() -> list[Case]:
    rng = np.random.default_rng(3)
    given = [
        np.array([[50, 10, 0], [5, 20, 5], [0, 4, 6]]),
        np.array([[8, 2], [0, 0]]),
        np.array([[6, 2, 0], [1, 3, 0], [0, 0, 0]]),
    ]
    given += [np.array([[7, 0], [3, 0]]), np.array([[0, 2], [3, 0]]), np.array([[0, 0, 0], [0, 5, 1], [0, 2, 9]])]
    given += [rng.integers(0, 30, (n, n)) for n in (2, 4, 5)]
    given.append(np.array([[9, 3, 0, 1], [0, 0, 0, 0], [2, 0, 0, 1], [0, 0, 0, 6]]))
    thousands = np.array([[422366, 6000, 106955], [8425, 222335, 1957], [679, 16085, 215199]])
    given += [thousands, 10_000 * thousands, np.array([[40_000, 3000], [2000, 60_000]], np.int32)]
    return [Case(f"for {matrix.tolist()}", (matrix,), iou_tags(matrix)) for matrix in given]


def iou_tags(matrix) -> tuple[str, ...]:
    rows, columns = matrix.sum(1) == 0, matrix.sum(0) == 0
    tags = {
        "a class is empty: neither in the truth nor predicted (0/0 is NaN)": bool((rows & columns).any()),
        "a class is in the truth and was never predicted: its IoU is 0, not NaN": bool((~rows & columns).any()),
        "a class was predicted and is not in the truth: its IoU is 0, not NaN": bool((rows & ~columns).any()),
        "there are not 3 classes": len(matrix) != 3,
        "there are hundreds of thousands of pixels (int16 and uint16 overflow, float16 is infinite)": matrix.sum() > 70_000,
        "there are thousands of millions of pixels (int32 overflows)": matrix.sum() > 2**32,
        "a class has no right pixel": bool((matrix.diagonal() == 0).any()),
    }
    return tuple(tag for tag, holds in tags.items() if holds)


def narrow(matrix, kind):
    """Where the counts are kept, and summed, in a narrow type."""
    small = matrix.astype(kind)
    both = small.diagonal().astype(float)
    union = small.sum(0, dtype=kind) + small.sum(1, dtype=kind) - both
    return np.where(union != 0, both / np.where(union == 0, 1, union), np.nan)


def iou_suspects() -> list[Suspect]:
    union = "The union is row sum plus column sum minus the diagonal, which both contain."
    say_nan = "0/0 is undefined: NaN, for a class in neither, and let the average decide. 0 would call a perfect answer wrong."

    def named(change, finding, clue=union):
        """Whatever it says of an empty class: of(values, empty)"""
        empties = (np.nan, 0.0, 1.0)
        return [Suspect(lambda m, e=e: np.where(np.isnan(true_iou(m)), e, change(m)), finding, clue) for e in empties]

    def ratio(below):
        return lambda m: m.diagonal() / below(m.sum(1), m.sum(0), m.diagonal())

    def where(finding, filled, clue=say_nan):
        return Suspect(lambda m: filled(m, true_iou(m)), finding, clue)

    plain = "Per class: intersection is the diagonal; union is row sum + column sum - diagonal."
    found = [
        where("Only the empty class differs: yours is 0; say NaN.", lambda m, v: np.nan_to_num(v)),
        where("Only the empty class differs: yours is 1; say NaN.", lambda m, v: np.nan_to_num(v, nan=1.0)),
        where("A class that was never predicted is NaN in yours; it is in the truth, so its IoU is 0.",
              lambda m, v: np.where(m.sum(0) == 0, np.nan, v)),
        where("A class that is not in the truth is NaN in yours; it was predicted, so its IoU is 0.",
              lambda m, v: np.where(m.sum(1) == 0, np.nan, v)),
        where("A class without a right pixel is NaN in yours; its IoU is 0, unless it is in neither truth nor prediction.",
              lambda m, v: np.where(m.diagonal() == 0, np.nan, v)),
        where("The empty class is left out: the answer needs a number for each class.", lambda m, v: v[~np.isnan(v)]),
        where("The background, class 0, is left out.", lambda m, v: v[1:]),
        where("It works for three classes only.", lambda m, v: v[:3]),
        where("That is a mean over the classes; asked is one IoU per class.", lambda m, v: np.nanmean(v), plain),
        where("That is a mean over the classes; asked is one IoU per class.", lambda m, v: v.mean(), plain),
        where("That is one number for all classes (micro); asked is one IoU per class.",
              lambda m, v: np.trace(m) / (2 * m.sum() - np.trace(m)), plain),
        where("That is a weighted mean; asked is one IoU per class.", lambda m, v: np.nansum(v * m.sum(1)) / m.sum(), plain),
        where("The classes are in reverse order.", lambda m, v: v[::-1], plain),
        *named(lambda m: np.floor(true_iou(m)), "Only whole numbers come out: // cuts them off, or an array of whole numbers "
               "(zeros_like of a row of counts) does.", "Divide with /, into an array of floats: np.zeros(len(matrix))."),
        where("The division is a whole one, //: only 0 and 1 come out.", lambda m, v: np.floor(v), "Divide with /."),
        *(Suspect(lambda m, s=small: m.diagonal() / (m.sum(0) + m.sum(1) - m.diagonal() + s),
                  f"A small number, {small:g}, is added below: the empty class gets 0 where NaN is asked.", say_nan)
          for small in (1e-12, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5)),
    ]  # fmt: skip
    found += named(lambda m: scores(m, average=None).f1,
                   "That is F1, also called Dice: it counts the intersection twice. IoU = TP/(TP+FP+FN).")  # fmt: skip
    found += named(ratio(lambda r, c, d: c), "That is precision: it divides by the predicted pixels only.")
    found += named(ratio(lambda r, c, d: r), "That is recall: it divides by the true pixels only.")
    found += named(lambda m: scores(m, average=None).precision, "That is precision: it divides by the predicted pixels only.")
    found += named(lambda m: scores(m, average=None).recall, "That is recall: it divides by the true pixels only.")
    found += named(ratio(lambda r, c, d: r + c), "The intersection is counted twice in your union.")
    found += named(ratio(lambda r, c, d: np.maximum(r, c)), "The larger of row and column sum is no union.")
    found += named(ratio(lambda r, c, d: r.sum()), "It is divided by all pixels, not by the union.")
    found += named(lambda m: true_iou(m) / 2, "Yours is half of it: intersection is the diagonal, counted once.", plain)
    found += named(lambda m: 100 * true_iou(m), "Yours are per cent (times 100).", plain)
    found += named(lambda m: 1 - true_iou(m), "Yours is 1 - IoU, the distance.", plain)
    found += named(ratio(lambda r, c, d: 2 * r - d), "The row sum stands twice in your union, and the column sum not at all.")
    found += named(ratio(lambda r, c, d: 2 * c - d), "The column sum stands twice in your union, and the row sum not at all.")
    found += named(ratio(lambda r, c, d: r + c - d + 1), "1 is added to your union: all classes come out too small.")
    found.append(
        where(
            "That is one number for all classes (micro), for every class the same; asked is one IoU per class.",
            lambda m, v: np.full(len(m), np.trace(m) / (2 * m.sum() - np.trace(m))),
            plain,
        )
    )
    for digits in (1, 2, 3, 4):
        found += named(lambda m, d=digits: np.round(true_iou(m), d), f"It is rounded to {digits} digits.", "Do not round.")
    for kind in (np.int16, np.uint16, np.int32, np.uint32):
        found.append(Suspect(lambda m, k=kind: narrow(m, k), f"The counts overflow: they were made {kind.__name__}.",
                             "Sum in the type that comes, or in int64 or float64."))  # fmt: skip
    found.append(
        Suspect(lambda m: np.full(len(m), np.trace(m) / m.sum()), "That is the accuracy, for every class the same.", plain)
    )
    return found
