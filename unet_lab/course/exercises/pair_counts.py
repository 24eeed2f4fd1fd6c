"""Check of notebook 08: the confusion matrix, and what is taken for it."""

from __future__ import annotations

import numpy as np

from unet_lab.course.agreement import Case, Shown, Suspect, agree
from unet_lab.datasets.generator.cells import generate_cell
from unet_lab.datasets.spoiling import change_mask
from unet_lab.metrics import confusion_matrix

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
    large = [np.zeros((side, 257), np.uint8) for side in (9, 30, 140, 260)]  # 2313, 7710, 35980 and 66820 pixels of one pair
    given += [(zeros, zeros.copy(), 2) for zeros in large]
    given += [(t.T, p, 4) for t, p in [(rng.integers(0, 4, (4, 6)), rng.integers(0, 4, (6, 4)))]]
    given.append((rng.integers(0, 3, (5, 4)).astype(np.uint8), np.asfortranarray(rng.integers(0, 3, (5, 4))), 3))
    given.append((np.asfortranarray(rng.integers(0, 3, (2, 3, 4))).astype(np.int16), rng.integers(0, 3, (2, 3, 4)), 3))
    truth = rng.integers(0, 3, (4, 5))  # once with one prediction, once with another
    given += [(truth, rng.integers(0, 3, (4, 5)), 3), (truth, rng.integers(0, 3, (4, 5)), 3)]
    for classes in (17, 40, 200):
        many = np.arange(classes, dtype=np.uint8)[None]
        given.append((many, many[:, ::-1].copy(), classes))
    given.append((mask, change_mask(mask, right=3), 3))
    return [Case(table_shown(*each), each, table_tags(*each)) for each in given]


def table_shown(truth, prediction, classes) -> str:
    if truth.size < 9:
        return f"for truth {truth.ravel().tolist()}, prediction {prediction.ravel().tolist()}, {classes} classes"
    return f"for masks {truth.shape}, {classes} classes"


def table_tags(truth, prediction, classes) -> tuple[str, ...]:
    most = counted(truth, prediction, classes).max()
    tags = {
        "there are not 3 classes (num_classes)": classes != 3,
        "there are more than 10 classes": classes > 10,
        "there are 17 classes or more, in masks of uint8 (num_classes * truth overflows: 255 is the most)": classes > 16,
        "the last class is never predicted rightly (the largest code, num_classes² - 1, does not occur: minlength)": not (
            (truth == classes - 1) & (prediction == classes - 1)
        ).any(),
        "a pair occurs more than 65,535 times (uint16 overflows)": most > 65535,
        "a pair occurs more than 32,767 times (int16 overflows)": most > 32767,
        "a pair occurs more than 2,048 times (float16 cannot count on)": most > 2048,
        "one mask lies in memory in another order than the other (column by column: its order K or A is not that of its rows)": (
            truth.flags.c_contiguous != prediction.flags.c_contiguous
        ),
        "the last class does not occur in either": max(truth.max(), prediction.max()) < classes - 1,
        "the last class does not occur in the truth": truth.max() < classes - 1,
        "a mask is no image: it has one dimension, or more than two": truth.ndim != 2,
        "a mask has more than two dimensions": truth.ndim > 2,
        "a mask is not square": truth.ndim != 2 or truth.shape[0] != truth.shape[1],
        "a pair occurs more than 255 times (uint8 overflows)": most > 255,
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

    def by_rows(t, p, n):
        table = np.zeros((n, n), int)
        for one, other in zip(t, p, strict=True):
            table[one, other] += 1
        return table

    def histogram(t, p, n):
        return np.histogram2d(t.ravel(), p.ravel(), bins=n)[0]

    def alike(t, p, n):
        return [[((t == i) == (p == j)).sum() for j in range(n)] for i in range(n)]

    def without(axis):
        """The table without the background's row or column."""
        return lambda m: m * (np.arange(len(m)) > 0).reshape((-1, 1) if axis == 0 else (1, -1))

    def as_in_memory(order):
        return lambda t, p, n: counted(t.ravel(order), p.ravel(order), n)

    memory = "ravel() reads row by row, whatever the order in memory; order='K' or 'A' does not."
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
        of(lambda m: m % 65536, "The counts overflow: uint16 holds 65,535 at most.", "Count in np.int64."),
        of(lambda m: m.astype(np.int8), "The counts overflow: int8 holds 127 at most.", "Count in np.int64."),
        of(lambda m: m.astype(np.int16), "The counts overflow: int16 holds 32,767 at most.", "Count in np.int64."),
        Suspect(as_in_memory("K"), "Pixels are compared with others where a mask lies in memory column by column.", memory),
        Suspect(as_in_memory("A"), "Pixels are compared with others where a mask lies in memory column by column.", memory),
        Suspect(by_rows, "zip goes through rows, not through pixels: a pair that comes twice in a row counts once.", all_count),
        Suspect(histogram, "The bins span the labels that occur, not all classes from 0 on.",
                "Give the edges: -0.5, 0.5, 1.5, … up to num_classes - 0.5."),
        Suspect(alike, "A pixel also counts where it is neither of the two: == of two conditions is not `and`.",
                "(truth == i) & (prediction == j)."),
        of(without(0), "The row of class 0, the background, is left out: the loop begins at 1.", "range(num_classes)"),
        of(without(1), "The column of class 0, the background, is left out: the loop begins at 1.", "range(num_classes)"),
        of(lambda m: (m + m.T) // 2, "The table is symmetrised: truth and prediction are no longer told apart.", row),
        of(lambda m: 2 * m, "Every pixel is counted twice.", plain),
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
