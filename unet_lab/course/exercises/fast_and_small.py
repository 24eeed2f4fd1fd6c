"""Checks of notebook 13: batch norm folded by hand, and a batch that stays within a memory budget."""

from __future__ import annotations

import numpy as np
import torch

from unet_lab.course.checking import NotTried, Wrong, called, compare


def fold_norm(answer) -> None:
    """my_fold(weight, bias, gamma, beta, mean, variance, eps): weight and bias of the convolution that does what both did."""
    neighbour = (
        "A neighbour, with one number each: y = 2 (3 x + 1 - 4) / sqrt(8 + 1) + 5. The scale is 2 / 3, so y = (3 · 2/3) x + "
        "(1 - 4) · 2/3 + 5 = 2 x + 3: weight 2, bias 3."
    )
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape):
        return torch.rand(shape, generator=generator) + 0.5

    for eps in (1e-5, 0.5):
        weight, bias, gamma, beta, mean, variance = drawn(3, 3, 3, 3), drawn(3), drawn(3), drawn(3), drawn(3), drawn(3)
        got = called(answer, weight, bias, gamma, beta, mean, variance, eps)
        if not isinstance(got, tuple | list) or len(got) != 2:
            found = type(got).__name__
            raise Wrong(f"expected two tensors, weight and bias, got {found}.", "End with: return weight, bias.", neighbour)
        if any(part is None or part is ... for part in got):
            raise NotTried
        root = torch.sqrt(variance + eps)
        scale = gamma / root
        column = scale[:, None, None, None]
        order = "A weight has the shape (C_out, C_in, 3, 3), and batch norm scales the channels that come out: the first axis."
        along = " scale[:, None, None, None] lies along it."
        suspects = [
            (weight, "They are what they were.", "Batch norm multiplies each output channel: so may the weights that make it."),
            (weight * gamma[:, None, None, None], "gamma is in them, the standard deviation is not.",
             "Batch norm divides by the standard deviation."),
            (weight / root[:, None, None, None], "The standard deviation is in them, gamma is not.",
             "After dividing, batch norm multiplies by gamma."),
            (weight * (gamma / (variance + eps))[:, None, None, None], "You divided by the variance.",
             "Divide by its root, the standard deviation."),
            (weight * (gamma / torch.sqrt(variance))[:, None, None, None], "eps is missing.",
             "sqrt(variance + eps): with so large an eps as here it shows; folded without it, all is off by a little."),
            (weight * (gamma / (torch.sqrt(variance) + eps))[:, None, None, None], "eps stands outside the root.",
             "nn.BatchNorm2d adds eps to the variance, then takes the root."),
            (weight * scale[None, :, None, None], "You scaled the input channels.", order),
            (weight * scale, "You scaled the columns of the kernels.", order + along),
            (weight * scale[:, None], "You scaled the rows of the kernels.", order + along),
        ]  # fmt: skip
        compare(
            f"weights with eps {eps:g}", got[0], (weight * column).numpy(), arrays(suspects),
            "scale = gamma / sqrt(variance + eps), one number for each output channel; the weights of a channel times its scale.",
            neighbour,
        )  # fmt: skip
        shift = "Put the convolution's bias through batch norm as if it were a pixel."
        suspects = [
            (bias, "It is what it was.", shift),
            (beta, "That is beta alone.", shift),
            (bias * scale + beta, "The mean was not subtracted.", shift + " It subtracts the mean first."),
            ((bias - mean) * scale, "beta is missing.", shift + " It adds beta at the end."),
            (bias - mean * scale + beta, "The old bias was not scaled.", shift + " It stands inside the bracket with the mean."),
            (beta - mean * scale, "The old bias is lost.", shift + " There is one already: where is it?"),
            ((bias + mean) * scale + beta, "The mean was added.", shift + " It subtracts the mean."),
            (bias + beta, "Neither mean nor scale are in it.", shift),
        ]  # fmt: skip
        compare(
            f"bias with eps {eps:g}", got[1], ((bias - mean) * scale + beta).numpy(), arrays(suspects),
            "bias' = (bias - mean) · scale + beta.", neighbour,
        )  # fmt: skip


def arrays(suspects):
    return [(value.numpy(), finding, clue) for value, finding, clue in suspects]


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
    ]
    for needed, budget, largest, what in cases:
        got = called(answer, needed, budget, largest)
        shown = f"budget {budget}, largest {largest} ({what}): yours {got!r}"
        if not isinstance(got, tuple | list) or len(got) != 2:
            raise Wrong(f"{shown}, expected two values.", "Return (batch size, True or False).", neighbour)
        batch, recompute = got
        truths = [isinstance(part, bool | np.bool_) for part in got]
        if truths != [False, True] or not isinstance(batch, int | np.integer):
            raise Wrong(f"{shown}, expected a whole number, then True or False.", "The batch size comes first.", neighbour)
        judge(shown, needed, budget, largest, int(batch), bool(recompute), neighbour)


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
