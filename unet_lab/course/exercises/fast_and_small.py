"""Checks of notebook 13: batch norm folded by hand, and a batch that stays within a memory budget."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from unet_lab.course.agreement import Case, Shown, Suspect, agree
from unet_lab.course.checking import NotTried, Wrong, called, must_be_function
from unet_lab.course.leniency import truth, whole


def fold_norm(answer) -> None:
    """my_fold(weight, bias, gamma, beta, mean, variance, eps): weight and bias of the convolution that does what both did."""
    neighbour = (
        "A neighbour, with one number each: y = 2 (3 x + 1 - 4) / sqrt(8 + 1) + 5. The scale is 2 / 3, so y = (3 · 2/3) x + "
        "(1 - 4) · 2/3 + 5 = 2 x + 3: weight 2, bias 3."
    )
    cases = [fold_case(*each) for each in ((3, 3, 1e-5), (3, 3, 0.5), (4, 2, 0.1), (2, 5, 1e-3), (1, 3, 1.0), (5, 1, 1e-5))]

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
    agree(part(0), lambda w, b, g, be, m, v, e: w * scaled(g, v, e)[:, None, None, None], cases, weight_suspects(), shown)
    cases = [case._replace(shown=case.shown.replace("weights", "bias")) for case in cases]
    shown = Shown("bias' = (bias - mean) · scale + beta.", (neighbour,), tolerance=2e-4)
    agree(part(1), lambda w, b, g, be, m, v, e: (b - m) * scaled(g, v, e) + be, cases, bias_suspects(), shown)


def fold_case(outs: int, ins: int, eps: float) -> Case:
    """Numbers of both signs; a gamma below 0 among them."""
    generator = torch.Generator().manual_seed(10 * outs + ins)

    def drawn(*shape):
        return torch.randn(shape, generator=generator)

    gamma = drawn(outs)
    gamma[0] = -gamma[0].abs() - 0.5
    given = (
        drawn(outs, ins, 3, 3),
        drawn(outs),
        gamma,
        drawn(outs),
        drawn(outs),
        torch.rand(outs, generator=generator) + 0.3,
        eps,
    )
    tags = {
        "there are other numbers of channels in and out": outs != ins,
        "eps is not 1e-5": eps != 1e-5,
        "there is more than one channel": outs > 1,
    }
    return Case(f"weights with eps {eps:g}, {ins} channels in, {outs} out", given, tuple(t for t, holds in tags.items() if holds))


def scaled(gamma, variance, eps):
    return gamma / torch.sqrt(variance + eps)


def weight_suspects() -> list[Suspect]:
    order = "A weight has the shape (C_out, C_in, 3, 3), and batch norm scales the channels that come out: the first axis."
    along = " scale[:, None, None, None] lies along it."
    divides = "Batch norm divides by the standard deviation."

    def times(scale, finding, clue):
        return Suspect(lambda w, b, g, be, m, v, e: w * scale(g, v, e)[:, None, None, None], finding, clue)

    def along_axis(view, finding, clue):
        return Suspect(lambda w, b, g, be, m, v, e: w * view(scaled(g, v, e)), finding, clue)

    return [
        times(lambda g, v, e: torch.ones_like(g), "They are what they were.",
              "Batch norm multiplies each output channel: so may the weights that make it."),
        times(lambda g, v, e: g, "gamma is in them, the standard deviation is not.", divides),
        times(lambda g, v, e: 1 / torch.sqrt(v + e), "The standard deviation is in them, gamma is not.",
              "After dividing, batch norm multiplies by gamma."),
        times(lambda g, v, e: g / (v + e), "You divided by the variance: the root (sqrt) is missing.",
              "Divide by its root, the standard deviation."),
        times(lambda g, v, e: g / torch.sqrt(v), "eps is missing.",
              "sqrt(variance + eps): with so large an eps as here it shows; folded without it, all is off by a little."),
        times(lambda g, v, e: g / (torch.sqrt(v) + e), "eps stands outside the root.",
              "nn.BatchNorm2d adds eps to the variance, then takes the root."),
        times(lambda g, v, e: g / torch.sqrt(v + 1e-5), "eps is 1e-5 whatever is given.", divides),
        times(lambda g, v, e: g.abs() / torch.sqrt(v + e), "The sign of gamma is lost (abs): it may be negative.", order),
        times(lambda g, v, e: g * torch.sqrt(v + e), "You multiplied by the standard deviation; divide.", divides),
        times(lambda g, v, e: scaled(g, v, e)[:1].expand_as(g), "The first channel's scale is used for all.", order),
        times(lambda g, v, e: scaled(g, v, e).mean().expand_as(g), "The mean of the scales is used for all channels.", order),
        Suspect(lambda w, b, g, be, m, v, e: w * scaled(g, w.var((1, 2, 3)), e)[:, None, None, None],
                "That is the variance of the weights; the variance of batch norm is given.", divides),
        along_axis(lambda s: s[None, :, None, None], "You scaled the input channels.", order),
        along_axis(lambda s: s, "You scaled the columns of the kernels.", order + along),
        along_axis(lambda s: s[:, None], "You scaled the rows of the kernels.", order + along),
        Suspect(lambda w, b, g, be, m, v, e: (w * scaled(g, v, e)[:, None, None, None]).flip(0),
                "The channels are in reverse order.", order),
    ]  # fmt: skip


def bias_suspects() -> list[Suspect]:
    shift = "Put the convolution's bias through batch norm as if it were a pixel."

    def of(value, finding, clue=shift):
        return Suspect(lambda w, b, g, be, m, v, e: value(b, m, be, scaled(g, v, e)), finding, clue)

    return [
        of(lambda b, m, be, s: b, "It is what it was."),
        of(lambda b, m, be, s: be, "That is beta alone; bias and mean are lost."),
        of(lambda b, m, be, s: b * s + be, "The mean was not subtracted.", shift + " It subtracts the mean first."),
        of(lambda b, m, be, s: (b - m) * s, "beta is missing.", shift + " It adds beta at the end."),
        of(
            lambda b, m, be, s: b - m * s + be,
            "The old bias was not scaled.",
            shift + " It is beside the mean.",
        ),
        of(lambda b, m, be, s: b * s - m + be, "The mean was not scaled.", shift + " It is beside the bias."),
        of(lambda b, m, be, s: b - m + be, "The scale is missing, at bias and mean."),
        of(lambda b, m, be, s: be - m * s, "The old bias is lost.", shift + " There is one already: where is it?"),
        of(lambda b, m, be, s: (b + m) * s + be, "The mean was added.", shift + " It subtracts the mean."),
        of(lambda b, m, be, s: (b - m + be) * s, "beta was scaled too.", shift + " beta is added at the end, as it is."),
        of(lambda b, m, be, s: (b - m) * s - be, "beta was subtracted.", shift + " It adds beta at the end."),
        of(lambda b, m, be, s: b + be, "Neither mean nor scale are in it."),
    ]


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
    ]
    found = []
    for needed, budget, largest, what in cases:
        got = called(answer, needed, budget, largest)
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
    for shown, given, got in found:
        if got != plan(*given):
            for finding, search in SEARCHES.items():
                if all(each == search(*rest) for _, rest, each in found):
                    raise Wrong(
                        f"{shown}; {plan(*given)} is expected: {finding}.", "Ask `needed` for every size, both ways.", neighbour
                    )
            judge(shown, *given, *got, neighbour)


def odd(batch: int, recompute: bool) -> int:
    """Bytes of a training that likes multiples of 4."""
    return (60 if recompute else 100) * batch + (0 if batch % 4 == 0 else 400)


def up_to_the_first(needed, budget, largest):
    batch = 0
    while batch < largest and min(needed(batch + 1, False), needed(batch + 1, True)) <= budget:
        batch += 1
    return batch, batch > 0 and needed(batch, False) > budget


def halving(needed, budget, largest):
    low, high = 0, largest
    while low < high:
        middle = (low + high + 1) // 2
        if min(needed(middle, False), needed(middle, True)) <= budget:
            low = middle
        else:
            high = middle - 1
    return low, low > 0 and needed(low, False) > budget


def proportional(needed, budget, largest):
    for recompute in (False, True):
        batch = min(int(budget // needed(1, recompute)), largest)
        if batch > 0:
            return batch, recompute
    return 0, False


def over(sizes: Callable, ways=(False, True)) -> Callable:
    """Search by size first, then by way."""

    def search(needed, budget, largest):
        fitting = ((b, r) for b in sizes(largest) for r in ways if needed(b, r) <= budget)
        return next(fitting, (0, False))

    return search


def saving(needed, budget, largest):
    for batch in range(largest, 0, -1):
        if needed(batch, True) <= budget:
            return batch, needed(batch, False) > budget
    return 0, False


def plain_first(needed, budget, largest):
    return next(((b, r) for r in (False, True) for b in range(largest, 0, -1) if needed(b, r) <= budget), (0, False))


SEARCHES: dict[str, Callable] = {
    "it stops at the first size that does not fit, but `needed` may be any function: a larger one may fit again": up_to_the_first,
    "it searches by halving, which needs a function that only grows; `needed` may be any function": halving,
    "it reckons in proportion to one image; `needed` may be any function: measure each": proportional,
    "only powers of two are tried, not every batch": over(lambda n: [2**k for k in range(20, -1, -1) if 2**k <= n]),
    "only even sizes are tried (and 1), not every batch": over(lambda n: [b for b in range(n, 0, -1) if b % 2 == 0 or b == 1]),
    "`largest` itself is never tried": over(lambda n: range(n - 1, 0, -1)),
    "a batch of 1, one image, is never tried": over(lambda n: range(n, 1, -1)),
    "the smallest batch that fits is taken, not the largest": over(lambda n: range(1, n + 1)),
    "recomputing is never tried": over(lambda n: range(n, 0, -1), (False,)),
    "recomputing is always on; without it where that fits": over(lambda n: range(n, 0, -1), (True,)),
    "recomputing is tried first; where both fit, take it without": over(lambda n: range(n, 0, -1), (True, False)),
    "recomputing is tried only after every size without it has failed: a larger batch comes first": plain_first,
    "it takes for granted that recomputing saves memory; it need not take less": saving,
}


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
