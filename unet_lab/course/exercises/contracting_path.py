"""Checks of notebook 03: one stage of the encoder; the width of a receptive field."""

from __future__ import annotations

import contextlib
from math import prod

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from unet_lab.course.agreement import Case, Shown, Suspect, agree
from unet_lab.course.checking import NotTried, Wrong, module_class
from unet_lab.course.exercises.convolution import block_parts
from unet_lab.course.networks import Mistake, block, block_mistakes, compare_networks, shake
from unet_lab.course.probes import built, gradients_must_reach_parameters, manners, outputs, parts_must_be_known
from unet_lab.inspection.fields import receptive_field

NAMES = ("pooled", "skip")
STAGE_NEIGHBOUR = "A neighbour: divmod(17, 5) returns two things, (3, 2); a, b = divmod(17, 5) takes them apart."
POOL = "The U-Net keeps the largest of four: nn.MaxPool2d(2)."


def encoder_stage(answer) -> None:
    """MyEncoderStage(in_channels, out_channels): returns (pooled, skip); judged by what it does."""
    module_class(answer, "encoder_stage")
    clue = "The block goes from in_channels to out_channels: ConvBlock(in_channels, out_channels), in this order."
    for ins, outs, height, width in ((2, 4, 16, 24), (5, 3, 10, 14), (3, 3, 12, 6)):
        x = torch.randn(3, ins, height, width, generator=torch.Generator().manual_seed(ins))
        model, found = built(answer, {"in_channels": ins, "out_channels": outs}, [x], clue, STAGE_NEIGHBOUR)
        if found is None:
            raise NotTried
        check_shapes(found, x, outs)
        check_pooling(*found)
        check_stage(model, x)
    odd = torch.randn(2, 3, 11, 9)
    with contextlib.suppress(RuntimeError):  # the exercise does not ask for odd sizes
        check_shapes(model.eval()(odd), odd, 3)


def check_shapes(found, x, outs) -> None:
    if isinstance(found, torch.Tensor):
        finding = f"it returns one tensor {tuple(found.shape)}, expected two tensors."
        raise Wrong(finding, "Return both what goes on down and what goes across: return pooled, skip.", STAGE_NEIGHBOUR)
    outputs(found, NAMES)
    count, _, height, width = x.shape
    shapes = [tuple(part.shape) for part in found]
    expected = [(count, outs, height // 2, width // 2), (count, outs, height, width)]
    if shapes == expected[::-1]:
        finding = f"the shapes are {shapes}: the two are swapped."
        raise Wrong(finding, "First the pooled one, then the skip.", STAGE_NEIGHBOUR)
    if shapes == expected:
        return
    start = f"for input {tuple(x.shape)} the shapes are {shapes}, expected {expected}"
    if shapes[1] == expected[0]:
        raise Wrong(f"{start}.", "The skip is taken before the pooling: it has the input's size.", STAGE_NEIGHBOUR)
    if shapes[1] == tuple(x.shape) and outs != x.shape[1]:
        raise Wrong(f"{start}: the skip is the input itself.", "The skip is what the block gives.", STAGE_NEIGHBOUR)
    if shapes[0][1] != outs:
        finding = f"{start}: the number of channels is another."
        clue = "ConvBlock(in_channels, out_channels): whatever the two are, not twice as many as come in."
        raise Wrong(finding, clue, STAGE_NEIGHBOUR)
    if height % 2 or width % 2:
        finding = f"{start}: an odd size is rounded down (no ceil_mode), whatever the size is: nothing fixed."
        raise Wrong(finding, "nn.MaxPool2d(2), as it is: the last row of an odd size is dropped.", STAGE_NEIGHBOUR)
    clue = "The block turns in_channels into out_channels and keeps the size; the pooling halves the size (stride 2, both ways)."
    raise Wrong(f"{start}.", clue, STAGE_NEIGHBOUR)


def check_pooling(pooled, skip) -> None:
    """What goes down is the skip, pooled: of which pooling is it?"""
    if torch.equal(pooled, F.max_pool2d(skip, 2)):
        return
    if (skip < 0).any():
        raise Wrong("the skip has values below 0.", "A block ends in a ReLU: use ConvBlock(in_channels, out).", STAGE_NEIGHBOUR)
    asis = "Return both as they are."
    known = [
        (lambda s: F.avg_pool2d(s, 2), "you pool by the mean of each 2x2 (average pooling).", POOL),
        (lambda s: s[..., ::2, ::2][..., : s.shape[-2] // 2, : s.shape[-1] // 2],
         "you keep the first of every 2x2 (every second pixel), not the largest.", "Use nn.MaxPool2d(2)."),
        (lambda s: -F.max_pool2d(-s, 2), "you keep the smallest of each 2x2 (min).", POOL),
        (lambda s: F.max_pool2d(s, 3, 2, padding=1), "your pooling looks at 3x3, not at 2x2.", POOL),
        (lambda s: F.interpolate(s, pooled.shape[-2:], mode="bilinear"), "you take a mean (bilinear), not the largest.", POOL),
        (lambda s: F.max_pool2d(s.flip(-1), 2), "what goes across or down is mirrored left to right.", asis),
        (lambda s: F.max_pool2d(s.flip(-2), 2), "what goes across or down is upside down (mirrored).", asis),
        (lambda s: F.max_pool2d(s / 2, 2), "the skip is twice what was pooled: it was changed in place.", asis),
    ]  # fmt: skip
    for pooling, finding, clue in known:
        value = pooling(skip)
        if value.shape == pooled.shape and torch.allclose(pooled, value, atol=1e-5):
            raise Wrong(finding, clue, STAGE_NEIGHBOUR)
    mixed = " All images of the batch have one skip: they are mixed." if torch.equal(skip[0], skip[1]) else ""
    raise Wrong(
        f"what goes down is not the skip, pooled.{mixed}",
        "skip = block(x), then pooled = pool(skip): one block only, and the pooling has no weights (it is no convolution).",
        STAGE_NEIGHBOUR,
    )


def check_stage(model: nn.Module, x: torch.Tensor) -> None:
    inputs = {"image": x}
    layers = parts_must_be_known(model, [x], STAGE_NEIGHBOUR)
    parts = block_parts(layers, x.shape[1], STAGE_NEIGHBOUR)
    shake(parts.norms)
    manners(model, inputs, STAGE_NEIGHBOUR)

    def right(given):
        skip = block(parts, given)
        return F.max_pool2d(skip, 2), skip

    def pooled_after(mistake):
        return lambda given: (F.max_pool2d(mistake(given), 2), mistake(given))

    known = [Mistake(pooled_after(m.network), m.finding, m.clue) for m in block_mistakes(parts)]
    known.append(Mistake(
        lambda g: (F.max_pool2d(block(parts, F.max_pool2d(g, 2)), 2), block(parts, F.max_pool2d(g, 2))),
        "It pools before the block.", "First the block, then the pooling."))  # fmt: skip
    hints = ("skip = ConvBlock(in_channels, out_channels) of x; pooled = nn.MaxPool2d(2) of the skip.", STAGE_NEIGHBOUR)
    compare_networks(model, right, [inputs, {"image": 50 * x}], known, "one ConvBlock, and its pooling", hints)
    for number, name in enumerate(NAMES):  # each output by itself: one of the two may be cut off
        only = Picked(model, number)
        try:
            compare_networks(only, lambda given, n=number: right(given)[n], [inputs], [], name, hints)
        except Wrong as wrong:
            raise Wrong(f"of the two outputs, the {name}: {wrong.finding}", *wrong.hints) from None
    gradients_must_reach_parameters(model.train(), inputs, STAGE_NEIGHBOUR)


class Picked(nn.Module):
    """One of several outputs."""

    def __init__(self, model: nn.Module, number: int):
        super().__init__()
        self.model, self.number = model, number

    def forward(self, *given):
        return self.model(*given)[self.number]


# -- the width of a field ---------------------------------------------------------------------------------------------


def field_cases() -> list[Case]:
    rng = np.random.default_rng(0)
    block_, pool = [(3, 1), (3, 1)], [(2, 2)]
    given = [[(3, 1)], [(3, 2), (5, 2), (3, 1)], [(5, 1), (3, 1)], [*block_, *pool, (3, 1)], 3 * (block_ + pool) + block_, []]
    given += [[(1, 1)], [(2, 2)], [(3, 3), (2, 1)], [(7, 2), (3, 3), (4, 1)], [(5, 3), (5, 3), (2, 2)]]
    given += [[(1, 2), (3, 1)], [(3, 1), (1, 3), (1, 2), (5, 1)], [(2, 4), (3, 1)], [(3, 1), (2, 5), (2, 3), (3, 2)]]
    given += [5 * (block_ + pool) + block_, [(7, 2), *pool, *(6 * block_), *pool, *(4 * block_)], [(3, 2)] * 6]
    given += [[(int(k), int(s)) for k, s in rng.integers(1, [8, 4], (length, 2))] for length in (2, 3, 4, 4, 5)]
    return [Case(f"for {layers}", (layers,), field_tags(layers)) for layers in given]


def field_tags(layers) -> tuple[str, ...]:
    tags = {
        "there is no layer at all (an empty list): one unit sees itself, 1": not layers,
        "a kernel is not 3": any(k != 3 for k, _ in layers),
        "a kernel is even": any(k % 2 == 0 for k, _ in layers),
        "a stride is above 1": any(s > 1 for _, s in layers[:-1]),
        "a stride is above 2": any(s > 2 for _, s in layers[:-1]),
        "two strides or more are above 1: they multiply": sum(s > 1 for _, s in layers[:-1]) > 1,
        "a kernel of 1 has a stride above 1: the stride counts too": (1, 2) in layers or (1, 3) in layers,
        "a stride is larger than its kernel: the field has holes, and is as wide as from end to end": any(
            s > k for k, s in layers[:-1]
        ),
        "the field is wider than 100 pixels": walked(layers) > 100,
        "there is more than one layer": len(layers) > 1,
    }
    return tuple(tag for tag, holds in tags.items() if holds)


def walked(layers, grow=lambda k: k - 1, jump=lambda step, s: step * s, start=1, own_first=False) -> int:
    """The width layer by layer, with places for mistakes."""
    width, step = start, 1
    for kernel, stride in layers:
        after = jump(step, stride)
        width += grow(kernel) * (after if own_first else step)
        step = after
    return width


def field_suspects() -> list[Suspect]:
    jump = "Behind a stride of 3, one step is three times as long as before: step *= stride."
    less = "A kernel of 3 reaches 2 further than a kernel of 1: kernel - 1."
    return [
        Suspect(lambda a: sum(k for k, _ in a), "That is the sum of the kernels.",
                "Windows overlap: a layer adds kernel - 1, not kernel."),
        Suspect(lambda a: prod(k for k, _ in a), "That is the product of the kernels.",
                "Windows overlap: widths are added, (kernel - 1) for each layer."),
        Suspect(lambda a: walked(a, jump=lambda step, s: 1), "The strides were left out.",
                "Behind a stride of 2, one step is two pixels: count (kernel - 1) times the step there."),
        Suspect(lambda a: walked(a, own_first=True), "A layer's own stride counts for the layers after it only.",
                "First add (kernel - 1) * step, then step *= stride."),
        Suspect(lambda a: 1 + sum((k - 1) * s for k, s in a), "Only a layer's own stride counts in yours.", jump),
        Suspect(lambda a: walked(a, jump=lambda step, s: s), "Only the stride of the layer before counts in yours.", jump),
        Suspect(lambda a: walked(a, jump=lambda step, s: step + s - 1), "Strides are added; they multiply.", jump),
        Suspect(lambda a: walked(a, jump=lambda step, s: step * 2), "Every stride counts as 2.", jump),
        Suspect(lambda a: walked(a, jump=lambda step, s: step * (2 if s > 1 else 1)), "A stride above 1 counts as 2.", jump),
        Suspect(lambda a: prod(s for _, s in a), "That is the step between neighbouring units, not the width.",
                "Keep two numbers: width and step."),
        Suspect(lambda a: walked(a, start=0), "It is short by 1.", "Before any layer, one unit sees one pixel: start with 1."),
        Suspect(lambda a: walked(a, grow=lambda k: k), "Each layer adds one step too many (kernel for kernel - 1).", less),
        Suspect(lambda a: walked(a, grow=lambda k: k // 2), "Each layer adds half its kernel: one side only.", less),
        Suspect(lambda a: walked(a, grow=lambda k: k // 2 * 2), "An even kernel counts as if it were odd.", less),
        Suspect(lambda a: walked(a, grow=lambda k: 2), "Every kernel counts as 3.", less),
        Suspect(lambda a: walked(a[::-1]), "The layers are taken from the last to the first.", "As they are applied."),
        Suspect(lambda a: walked([one for one in a if one[0] > 1]), "A kernel of 1 is skipped, and its stride with it.", jump),
        Suspect(lambda a: min(walked(a), 100), "It ends at 100 pixels.", "The layers say how wide it is; no image is needed."),
        Suspect(lambda a: walked(a, jump=lambda step, s: step * min(s, 3)), "A stride counts as 3 at most.", jump),
        Suspect(lambda a: walked(a[:-1]), "The last layer is left out.", "All layers count."),
        Suspect(lambda a: walked(a[1:]), "The first layer is left out.", "All layers count."),
        Suspect(lambda a: walked(a[:1]), "Only the first layer counts; is there a return inside the loop?", "All layers count."),
        Suspect(lambda a: walked(a) ** 2, "That is the area; asked is the width.", "One side, in pixels."),
        Suspect(lambda a: walked(a) // 2, "That is the half on one side; asked is the whole width.", "From end to end."),
        Suspect(lambda a: [walked(a)] * 2, "That is a pair; asked is one number, the width.", "return width"),
    ]  # fmt: skip


def field_width(answer) -> None:
    """my_field(layers): width in pixels of what one unit sees behind layers [(kernel, stride), …]."""
    hints = (
        "A 3x3 convolution at step 4 adds 2 · 4 = 8 pixels.",
        "A neighbour: [(2, 2), (2, 2)]: width 1 + 1·1 = 2, step 2; then 2 + 1·2 = 4, step 4.",
    )
    otherwise = "Walk through the layers with two numbers: the width so far, and the step between neighbours in pixels."
    agree(answer, lambda layers: receptive_field(layers)[0], field_cases(), field_suspects(), Shown(otherwise, hints))
