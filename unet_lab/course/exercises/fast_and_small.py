"""Checks of notebook 13: batch norm folded by hand, and a batch that stays within a memory budget."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from unet_lab.course.agreement import Case, Shown, agree
from unet_lab.course.checking import NotTried, Wrong, called, must_be_function
from unet_lab.course.exercises.batch_searches import SEARCHES, odd, shrinking
from unet_lab.course.exercises.fold_mistakes import bias_suspects, scaled, weight_suspects
from unet_lab.course.facts import counted, facts
from unet_lab.course.leniency import truth, whole


def fold_norm(answer) -> None:
    """my_fold(weight, bias, gamma, beta, mean, variance, eps): weight and bias of the convolution that does what both did."""
    neighbour = (
        "A neighbour, with one number each: y = 2 (3 x + 1 - 4) / sqrt(8 + 1) + 5. The scale is 2 / 3, so y = (3 · 2/3) x + "
        "(1 - 4) · 2/3 + 5 = 2 x + 3: weight 2, bias 3."
    )
    cases = [fold_case(*each) for each in ((3, 3, 1e-5), (3, 3, 0.5), (4, 2, 0.1), (2, 5, 1e-3), (1, 3, 1.0), (5, 1, 1e-5))]
    cases += [fold_case(4, 3, 1e-3, tiny=True), fold_case(4, 2, 1e-3, closed=True), fold_case(3, 2, 1e-3, plain=True)]

    def part(number: int):
        def read(*given):
            got = answer(*given)
            if got is None or got is ...:
                raise NotTried
            if isinstance(got, Tensor | np.ndarray) or not isinstance(got, tuple | list) or len(got) != 2:
                found = f"{len(got)} things" if isinstance(got, tuple | list) else type(got).__name__
                raise Wrong(f"expected two tensors, weight and bias, got {found}.", "End with: return weight, bias.", neighbour)
            if any(each is None or each is ... for each in got):
                raise NotTried
            if isinstance(got[0], Tensor) and got[0].dtype == torch.float16:
                clue = "Leave the dtype: float32 it was."
                raise Wrong("your weights are in half precision (float16): three digits.", clue, neighbour)
            if isinstance(got[0], Tensor) and got[0].ndim == 1 and isinstance(got[1], Tensor) and got[1].ndim == 4:
                raise Wrong("the two are swapped: the bias comes first.", "return weight, bias: in this order.", neighbour)
            return got[number]

        return read

    otherwise = (
        "scale = gamma / sqrt(variance + eps), one number for each output channel; the weights of a channel times its scale."
    )
    shown = Shown(otherwise, (neighbour,), tolerance=2e-4)
    must_be_function(answer)
    weights_fold, bias_folds = facts("the weights are those of both", "the bias is that of both")
    with weights_fold:
        agree(part(0), lambda w, b, g, be, m, v, e: w * scaled(g, v, e)[:, None, None, None], cases, weight_suspects(), shown)
    cases = [case._replace(shown=case.shown.replace("weights", "bias")) for case in cases]
    shown = Shown("bias' = (bias - mean) · scale + beta.", (neighbour,), tolerance=2e-4)
    with bias_folds:
        agree(part(1), lambda w, b, g, be, m, v, e: (b - m) * scaled(g, v, e) + be, cases, bias_suspects(), shown)


def fold_case(outs: int, ins: int, eps: float, tiny: bool = False, closed: bool = False, plain: bool = False) -> Case:
    """Numbers of both signs; a gamma below 0 among them.

    tiny : variances of 0, and near it, among them. closed : a gamma of 0 among them. plain : a bias of 0 everywhere.
    """
    generator = torch.Generator().manual_seed(10 * outs + ins)

    def drawn(*shape):
        return torch.randn(shape, generator=generator)

    gamma = drawn(outs)
    gamma[0] = -gamma[0].abs() - 0.5
    variance = torch.rand(outs, generator=generator) + 0.3
    if tiny:
        variance[:3] = torch.tensor([0.0, 1e-6, 5e-4])
    if closed:
        gamma[1] = 0
    given = (
        drawn(outs, ins, 3, 3),
        drawn(outs) * (not plain),
        gamma,
        drawn(outs),
        drawn(outs),
        variance,
        eps,
    )
    tags = {
        "there are other numbers of channels in and out": outs != ins,
        "eps is not 1e-5": eps != 1e-5,
        "there is more than one channel": outs > 1,
        "a variance is 0 or tiny: eps is there so that nothing else need be done": tiny,
        "a gamma is 0: that channel's weights become 0, and its bias beta": closed,
        "the old bias is 0 everywhere: mean and beta make a new one all the same": plain,
    }
    return Case(f"weights with eps {eps:g}, {ins} channels in, {outs} out", given, tuple(t for t, holds in tags.items() if holds))


def batch_plan(answer) -> None:
    """my_plan(needed, budget, largest): the largest batch that fits in memory, and whether it needs recomputing."""
    neighbour = (
        "A neighbour: 50 bytes an image, 30 with recomputing, budget 100, at most 4 images. Plain: 2 fit. Recomputing: 3 fit. "
        "3 is more than 2: (3, True). With at most 2 images it would be (2, False)."
    )

    def linear(base, each, base_again, each_again):
        return lambda batch, recompute: base_again + each_again * batch if recompute else base + each * batch

    usual = linear(200, 100, 200, 60)
    cases = [
        (linear(200, 100, 400, 90), 1000, 8, "all 8 fit just so"),
        (usual, 1010, 8, "all 8 fit, either way"),
        (usual, 999, 8, "8 fit with recomputing"),
        (usual, 510, 8, "more fit with recomputing"),
        (usual, 310, 8, "one fits, either way"),
        (linear(200, 100, 400, 90), 640, 8, "here recomputing takes more"),
        (usual, 5000, 6, "there is room for more than the largest"),
        (usual, 100, 8, "nothing fits"),
        (odd, 450, 8, "sizes that are no multiple of 4 take more: a larger batch may fit where a smaller does not"),
        (odd, 650, 12, "sizes that are no multiple of 4 take more: a larger batch may fit where a smaller does not"),
        (odd, 100, 7, "sizes that are no multiple of 4 take more: nothing fits"),
        (usual, 810, 7, "7 fit with recomputing"),
        (linear(0, 100, 0, 60), 250, 8, "no base: 4 fit with recomputing"),
        (linear(60, 100, 0, 100), 50, 4, "nothing fits, though 0 images would"),
        (shrinking, 300, 5, "one image fits with recomputing only, 5 either way"),
        (lambda b, r: 100 * b, 250, 8, "the page's example, whose arguments have other names"),
    ]
    found, beyond = [], []
    for needed, budget, largest, what in cases:
        try:
            got = called(answer, of_sizes(needed, largest, beyond), budget, largest)
        except NotTried:
            if answer(usual, 1010, 8) is None:
                raise
            finding = f"budget {budget}, largest {largest} ({what}): it returns None: a way through without return."
            raise Wrong(finding, "Where nothing fits: return 0, False, after the loop.", neighbour) from None
        shown = f"budget {budget}, largest {largest} ({what}): yours {got!r}"
        if not isinstance(got, tuple | list) or len(got) != 2:
            raise Wrong(f"{shown}, expected two values, a pair.", "Return (batch size, True or False).", neighbour)
        batch, recompute = whole(got[0]), truth(got[1]) if not isinstance(got[1], str) else None
        if batch is None or recompute is None:
            first = isinstance(got[0], bool) and not isinstance(got[1], bool)
            swapped = " The two are swapped." if first else ""
            finding = f"{shown}, expected a whole number, then True or False.{swapped}"
            raise Wrong(finding, "The batch size comes first.", neighbour)
        found.append((shown, (needed, budget, largest), (batch, recompute)))
    finds, stays_within = facts("it finds the batch", "it asks for the batches from 1 to `largest` only")
    failed = [(shown, given, got) for shown, given, got in found if got != plan(*given)]
    with finds, counted(len(found) - len(failed), of=len(found)):
        if failed:
            say_how_it_searched(found, failed, neighbour)
    with stays_within:
        if beyond:
            clue = "Ask for the batches from 1 to `largest` only: of others it need not know anything."
            raise Wrong(beyond[0], clue, neighbour)


def say_how_it_searched(found: list, failed: list, neighbour: str) -> None:
    """Wrong, with the search that finds the student's own batches, or with what is wrong in the first case that fails."""
    shown, given, _ = failed[0]
    for finding, search in SEARCHES.items():
        if all(each == search(*rest) for _, rest, each in found):
            raise Wrong(f"{shown}; {plan(*given)} is expected: {finding}.", "Ask `needed` for every size, both ways.", neighbour)
    for shown, given, got in failed:
        judge(shown, *given, *got, neighbour)


def of_sizes(needed, largest, beyond):
    """`needed`, that notes in `beyond` what it is asked below 1 or above `largest`: of those it need not know anything."""

    def asked(batch, recompute, /):
        if not 1 <= batch <= largest:
            beyond.append(f"`needed` is asked for a batch of {batch}, where `largest` is {largest}.")
        return needed(batch, recompute)

    return asked


def judge(shown, needed, budget, largest, batch, recompute, neighbour) -> None:
    right = plan(needed, budget, largest)
    if (batch, recompute) == right:
        return
    takes = needed(batch, recompute)
    if right[0] == 0:
        raise Wrong(
            f"{shown}: even one image takes {min(needed(1, False), needed(1, True))}.", "Where nothing fits: (0, False).",
            neighbour,
        )  # fmt: skip
    if batch < 1:
        raise Wrong(f"{shown}, but {right[0]} fit.", "Try batch sizes from `largest` down to 1.", neighbour)
    if takes > budget:
        clue = "Ask needed(batch, recompute) before you settle."
        raise Wrong(f"{shown}: that takes {takes}, more than the budget.", clue, neighbour)
    if batch > largest:
        raise Wrong(f"{shown}: it fits, but {largest} is the most that is wanted.", "Begin at `largest`.", neighbour)
    if (batch, recompute) == plan(lambda b, r: needed(b, r) + 1, budget, largest):
        clue = "Up to the budget: <=, not <."
        raise Wrong(f"{shown}: {right[0]} take just {budget}, which is within it.", clue, neighbour)
    if batch == right[0]:
        raise Wrong(
            f"{shown}: {batch} fit without recomputing too ({needed(batch, False)}).",
            "Recomputing costs a third more time: only where a larger batch fits with it.", neighbour,
        )  # fmt: skip
    if right[1] and not recompute:
        raise Wrong(
            f"{shown}: that fits, but with recomputing {right[0]} do.", "Try both ways for each size; the larger batch wins.",
            neighbour,
        )  # fmt: skip
    if recompute and not right[1]:
        raise Wrong(
            f"{shown}: without recomputing {right[0]} fit.", "It need not take less: ask `needed` for both, each time.", neighbour
        )
    clue = "Every whole number may be tried, from the largest down."
    raise Wrong(f"{shown}: that fits, and so do {right[0]}.", clue, neighbour)


def plan(needed, budget, largest) -> tuple[int, bool]:
    for batch in range(largest, 0, -1):
        for recompute in (False, True):
            if needed(batch, recompute) <= budget:
                return batch, recompute
    return 0, False
