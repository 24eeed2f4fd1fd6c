"""Check of notebook 03: one stage of the encoder."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from unet_lab.course.block_mistakes import block_mistakes
from unet_lab.course.calling import built, outputs, parts_must_be_known
from unet_lab.course.checking import NotTried, Wrong, module_class
from unet_lab.course.exercises.the_block import averages_must_run, find_parts
from unet_lab.course.facts import facts
from unet_lab.course.gradients import gradients_must_reach_parameters, must_come_alive
from unet_lab.course.networks import Mistake, block, compare_networks, shake
from unet_lab.course.probes import manners

NAMES = ("pooled", "skip")
STAGE_NEIGHBOUR = "A neighbour: divmod(17, 5) returns two things, (3, 2); a, b = divmod(17, 5) takes them apart."
POOL = "The U-Net keeps the largest of four: nn.MaxPool2d(2)."


def encoder_stage(answer) -> None:
    """MyEncoderStage(in_channels, out_channels): returns (pooled, skip); judged by what it does."""
    module_class(answer, "encoder_stage")
    clue = "The block goes from in_channels to out_channels: ConvBlock(in_channels, out_channels), in this order."
    sized, is_stage, learns, takes_odd = facts(
        "it gives (pooled, skip), of the right sizes",
        "the skip is the block's output, and pooled its maxima",
        "made anew it can learn",
        "it takes images of odd sizes",
    )
    for ins, outs, height, width in ((2, 4, 16, 24), (5, 3, 10, 14), (3, 3, 12, 6)):
        x = torch.randn(3, ins, height, width, generator=torch.Generator().manual_seed(ins))
        with sized:
            model, found = built(answer, {"in_channels": ins, "out_channels": outs}, [x], clue, STAGE_NEIGHBOUR)
            if found is None:
                raise NotTried
            check_shapes(found, x, outs)
            known_pooling(*found)
            square = x[..., : min(height, width), : min(height, width)]
            check_shapes(model(square), square, outs)
        with is_stage:
            check_stage(model, x)
        with learns:
            must_come_alive(answer(ins, outs), {"image": x}, STAGE_NEIGHBOUR)
    with takes_odd:
        for height, width in ((11, 9), (9, 9), (6, 7)):
            check_odd(model, torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(height)))


def check_odd(model, x) -> None:
    """At an odd size the last row, or column, is left out."""
    rows, columns = x.shape[2:]
    try:
        with torch.no_grad():
            pooled, skip = found = model.eval()(x)
    except RuntimeError as error:
        finding = f"at an odd size, an image of {rows} x {columns}, it stops: {str(error)[:120]}."
        clue = "nn.MaxPool2d(2) does for any size: the last row of an odd size is left out, and the skip keeps it."
        raise Wrong(finding, clue, STAGE_NEIGHBOUR) from None
    check_shapes(found, x, 3)
    if not torch.equal(pooled, F.max_pool2d(skip, 2)):
        raise Wrong(
            f"at an odd size, an image of {rows} x {columns}, it pools other windows than 2x2 ones from the upper left on.",
            "The last row and column of an odd size are left out, not the first: nn.MaxPool2d(2), as it is. (Adaptive pooling "
            "makes larger windows there.)",
            STAGE_NEIGHBOUR,
        )


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
    if shapes[1] == expected[1] and shapes[0][1] != outs:
        clue = "nn.MaxPool2d(2) pools rows and columns, each channel for itself."
        raise Wrong(f"{start}: the pooling changes the number of channels too.", clue, STAGE_NEIGHBOUR)
    if shapes[1] == expected[1] and shapes[0][2:] in ((height // 2,) * 2, (width // 2,) * 2) and height != width:
        clue = "nn.MaxPool2d(2) halves both, whatever they are."
        raise Wrong(f"{start}: one of height and width is used for both; an image need not be square.", clue, STAGE_NEIGHBOUR)
    if shapes[0][1] != outs:
        finding = f"{start}: the number of channels is another."
        clue = "ConvBlock(in_channels, out_channels): whatever the two are, not twice as many as come in."
        raise Wrong(finding, clue, STAGE_NEIGHBOUR)
    if height % 2 or width % 2:
        finding = f"{start}: an odd size is rounded down (no ceil_mode), whatever the size is: nothing fixed."
        raise Wrong(finding, "nn.MaxPool2d(2), as it is: the last row of an odd size is dropped.", STAGE_NEIGHBOUR)
    clue = "The block turns in_channels into out_channels and keeps the size; the pooling halves the size (stride 2, both ways)."
    raise Wrong(f"{start}.", clue, STAGE_NEIGHBOUR)


def known_pooling(pooled, skip) -> None:
    """Wrong where what goes down is the skip, pooled in another way that is known."""
    if torch.equal(pooled, F.max_pool2d(skip, 2)):
        return
    asis = "Return both as they are."
    known = [
        (lambda s: F.avg_pool2d(s, 2), "you pool by the mean of each 2x2 (average pooling).", POOL),
        (lambda s: s[..., ::2, ::2][..., : s.shape[-2] // 2, : s.shape[-1] // 2],
         "you keep the first of every 2x2 (every second pixel), not the largest.", "Use nn.MaxPool2d(2)."),
        (lambda s: s.reshape(*s.shape[:2], s.shape[2] // 2, s.shape[3] // 2, 4).amax(-1),
         "your four are not a 2x2 square but four neighbours in a row: a reshape took them.", POOL),
        (lambda s: F.max_pool2d(s.roll((-1, -1), (2, 3)), 2), "your squares begin at 1 (shifted by one), not at 0.", POOL),
        (lambda s: F.max_pool2d(s.roll((1, 1), (2, 3)), 2), "your squares begin one too early (shifted by one).", POOL),
        (lambda s: F.max_pool2d(F.pad(s, (0, 1, 0, 1)), 2, stride=2, dilation=2),
         "your pooling is dilated: it skips pixels, and does not take neighbours.", POOL),
        *((lambda s, b=b: F.avg_pool2d((b * s).exp(), 2).log() / b,
           "your pooling is a soft maximum, a mean of exponentials; asked is the maximum.", POOL) for b in (1, 5, 10, 20, 50)),
        (lambda s: F.avg_pool2d(s**2, 2).sqrt(), "your pooling is a root of a mean of squares, not the maximum.", POOL),
        (lambda s: F.max_pool2d(s.amax(0, keepdim=True).expand_as(s), 2), "it pools over the images of a batch.", POOL),
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


def check_pooling(pooled, skip) -> None:
    """What goes down must be the skip, pooled."""
    if torch.equal(pooled, F.max_pool2d(skip, 2)):
        return
    if (skip < 0).any():
        raise Wrong("the skip has values below 0.", "A block ends in a ReLU: use ConvBlock(in_channels, out).", STAGE_NEIGHBOUR)
    known_pooling(pooled, skip)
    mixed = " All images of the batch have one skip: they are mixed." if torch.equal(skip[0], skip[1]) else ""
    raise Wrong(
        f"what goes down is not the skip, pooled.{mixed}",
        "skip = block(x), then pooled = pool(skip): one block only, and the pooling has no weights (it is no convolution).",
        STAGE_NEIGHBOUR,
    )


def check_stage(model: nn.Module, x: torch.Tensor) -> None:
    inputs = {"image": x}
    layers = parts_must_be_known(model, [x], STAGE_NEIGHBOUR)
    skip_of = lambda: model(x.clone())[1]  # noqa: E731
    parts = find_parts(model, layers, skip_of().shape[1], lambda: x, skip_of, STAGE_NEIGHBOUR)
    shake(parts.norms)
    manners(model, inputs, STAGE_NEIGHBOUR)
    with torch.no_grad():
        check_pooling(*model.eval()(x))

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
    side = min(x.shape[2:])
    square = {"image": x[..., :side, :side].flip(-1)}
    compare_networks(model, right, [inputs, {"image": 50 * x}, square], known, "one ConvBlock, and its pooling", hints)
    for number, name in enumerate(NAMES):  # each output by itself: one of the two may be cut off
        only = Picked(model, number)
        try:
            compare_networks(only, lambda given, n=number: right(given)[n], [inputs], [], name, hints)
        except Wrong as wrong:
            raise Wrong(f"of the two outputs, the {name}: {wrong.finding}", *wrong.hints) from None
    gradients_must_reach_parameters(model.train(), inputs, STAGE_NEIGHBOUR)
    averages_must_run(model, parts, lambda: x, lambda: model(x.clone()), STAGE_NEIGHBOUR)


class Picked(nn.Module):
    """One of several outputs."""

    def __init__(self, model: nn.Module, number: int):
        super().__init__()
        self.model, self.number = model, number

    def forward(self, *given):
        return self.model(*given)[self.number]
