"""Check of notebook 03: one stage of the encoder."""

from __future__ import annotations

import contextlib

import torch
from torch import nn
from torch.nn import functional as F

from unet_lab.course.checking import NotTried, Wrong, module_class
from unet_lab.course.exercises.the_block import block_parts
from unet_lab.course.networks import Mistake, block, block_mistakes, compare_networks, shake
from unet_lab.course.probes import built, gradients_must_reach_parameters, manners, outputs, parts_must_be_known

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
