"""Check of notebook 02: the block of two convolutions."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from unet_lab.course.block_mistakes import block_mistakes
from unet_lab.course.by_values import parts_by_values
from unet_lab.course.calling import built, outputs, parts_must_be_known
from unet_lab.course.checking import Wrong, module_class
from unet_lab.course.facts import facts
from unet_lab.course.gradients import gradients_must_reach_parameters, must_come_alive
from unet_lab.course.networks import Parts, before_norms, block, compare_networks, is_batch_norm, shake
from unet_lab.course.probes import manners

BLOCK_NEIGHBOUR = (
    "A neighbour: nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU()): two layers, each with its ReLU."
)


def conv_block(answer) -> None:
    """MyConvBlock(in_channels, out_channels): twice 3x3 convolution with padding 1, batch normalisation, ReLU."""
    module_class(answer, "conv_block")
    clue = "The first convolution goes from in_channels to out_channels, the second from out_channels to out_channels."
    sized, is_block, learns = facts(
        "out_channels maps of the image's size come out",
        "it is convolution, norm, ReLU, and again",
        "made anew it can learn",
    )
    for ins, outs, height, width in ((2, 5, 10, 12), (4, 4, 7, 9), (3, 1, 8, 6)):
        x = torch.randn(3, ins, height, width, generator=torch.Generator().manual_seed(ins))
        with sized:
            model, found = built(answer, {"in_channels": ins, "out_channels": outs}, [x], clue, BLOCK_NEIGHBOUR)
            (out,) = outputs(found)
            shape_is_kept(x, out, outs)
        with is_block:
            check_block(model, x, "image")
        with learns:
            must_come_alive(answer(ins, outs), {"image": x}, BLOCK_NEIGHBOUR)


def shape_is_kept(x, out, outs) -> None:
    expected = (len(x), outs, *x.shape[2:])
    if tuple(out.shape) != expected:
        lost = x.shape[2] - out.shape[2] if out.ndim == 4 else 0
        raise Wrong(
            f"for input {tuple(x.shape)} the output is {tuple(out.shape)}, expected {expected}.",
            f"{lost} rows are lost: a 3x3 convolution without padding takes 2. padding=1 keeps the size." if lost else
            "out_channels feature maps come out, whatever came in.",
            BLOCK_NEIGHBOUR,
        )  # fmt: skip


def block_parts(layers: list[nn.Module], outs: int, neighbour: str) -> Parts:
    """The layers of one block, in the order of their calls; Wrong where they are not two 3x3 convolutions and two batch norms."""
    convolutions = [m for m in layers if isinstance(m, nn.Conv2d)]
    norms = [m for m in layers if is_batch_norm(m)]
    kernels = [m.kernel_size for m in convolutions]
    if kernels != [(3, 3), (3, 3)]:
        more = f": {len(kernels) - 2} too many, whatever comes before or after the block" if len(kernels) > 2 else ""
        more = ": two blocks in a row, expected one" if kernels == 4 * [(3, 3)] else more
        raise Wrong(
            f"its convolutions have kernels {kernels}, expected two of (3, 3){more}.",
            "One block, and no further convolution."
            if more
            else "Two 3x3 in a row see 5x5 pixels with a non-linearity in between, and need fewer weights than one 5x5.",
            neighbour,
        )
    others = sorted({type(m).__name__ for m in layers if not is_batch_norm(m)} - {"Conv2d"})
    if len(norms) == 3 and layers and is_batch_norm(layers[0]):
        finding = "it has 3 batch normalisations, expected 2: one stands before the block, behind what comes from elsewhere."
        raise Wrong(finding, "The norms are in the block, one after each 3x3 convolution; no other is needed.", neighbour)
    if len(norms) != 2:
        instead = f", and {', '.join(others)} instead" if others else ""
        raise Wrong(
            f"it has {len(norms)} batch normalisations with parameters, expected 2{instead}.",
            "One after each convolution: nn.BatchNorm2d(out_channels), with gamma and beta (affine) and running statistics.",
            "A layer that is not stored in self, or that is used twice, counts once at most.",
            neighbour,
        )
    if others:
        raise Wrong(f"it has parameters in {', '.join(others)}: an extra layer.", "Two convolutions, two batch norms.", neighbour)
    for layer in convolutions:
        if layer.groups != 1:
            finding = f"a convolution has groups={layer.groups}: each output channel sees a part of the channels only."
            raise Wrong(finding, "Leave groups at 1: every channel takes part.", neighbour)
    if max(getattr(norm, "eps", 1e-5) for norm in norms) > 1e-2:
        raise Wrong(
            "a batch normalisation has another eps than a tiny one.", "nn.BatchNorm2d(out_channels), as it is.", neighbour
        )
    channels = [m.out_channels for m in convolutions]
    if channels[0] == channels[1] != outs:
        finding = (
            f"its convolutions give {channels[1]} channels, and {outs} are wanted: some are made and thrown away, or joined."
        )
        raise Wrong(finding, "ConvBlock(in_channels, out_channels): as many as are wanted.", neighbour)
    if channels[0] != channels[1]:
        finding = f"the two convolutions give {channels} channels: the first already gives out_channels."
        raise Wrong(finding, "in_channels to out_channels, then out_channels to out_channels.", neighbour)
    if any(norm.running_mean is None for norm in norms):
        raise Wrong(
            "a batch normalisation keeps no running statistics (track_running_stats=False): in eval() it depends on the batch.",
            "nn.BatchNorm2d(out_channels), as it is.",
            neighbour,
        )
    return Parts(convolutions, norms)


def find_parts(model: nn.Module, layers, outs: int, enter: Callable, run: Callable, neighbour: str, without=()) -> Parts:
    """The block's parts, of PyTorch's layers or of the student's own parameters (`parts_by_values`)."""
    try:
        return block_parts(layers, outs, neighbour)
    except Wrong:
        parts = parts_by_values(model, enter, run, outs, without)
        if parts is not None:
            return parts
        if any(isinstance(layer, nn.Conv2d) for layer in layers) or not any(p.ndim == 4 for p in model.parameters()):
            raise
        raise Wrong(
            "its parameters are your own, without nn.Conv2d, and whichever is which: its output is not that of convolution "
            "(3x3), batch norm, ReLU, and again. It needs two kernels, two scales, two shifts, two running means and variances.",
            "Write it with nn.Conv2d, nn.BatchNorm2d and nn.ReLU first, and compare the two outputs with equal weights.",
            neighbour,
        ) from None


def averages_must_run(model: nn.Module, parts: Parts, enter: Callable, run: Callable, neighbour: str) -> None:
    """Wrong where the running averages stay as they are (momentum 0), or hold the last batch alone (momentum 1)."""
    model.train()
    shake(parts.norms, seed=5)
    with torch.no_grad():
        went_in = before_norms(parts, enter())
        old = [(norm.running_mean.clone(), norm.running_var.clone()) for norm in parts.norms]
        run()
        for norm, y, (mean, variance) in zip(parts.norms, went_in, old, strict=True):
            for what, before, now, batch in (
                ("mean", mean, norm.running_mean, y.mean((0, 2, 3))),
                ("variance", variance, norm.running_var, y.var((0, 2, 3))),
            ):
                share = float(((now - before) * (batch - before)).sum() / ((batch - before) ** 2).sum().clamp(min=1e-12))
                if share < 1e-3 or share > 0.7:
                    how = (
                        "does not move (momentum 0)"
                        if share < 1e-3
                        else f"is {share:.0%} the last batch's (momentum {share:.2g})"
                    )
                    raise Wrong(
                        f"in train() mode the running {what} of a batch normalisation {how}: it must be an "
                        "average over many batches, since eval() mode normalises by it.",
                        "nn.BatchNorm2d(out_channels), as it is: its momentum is 0.1, a tenth of each new batch.",
                        neighbour,
                    )


def check_block(model: nn.Module, x: torch.Tensor, name: str) -> None:
    layers = parts_must_be_known(model, [x], BLOCK_NEIGHBOUR)
    outs = model(x).shape[1]
    parts = find_parts(model, layers, outs, lambda: x, lambda: model(x.clone()), BLOCK_NEIGHBOUR)
    shake(parts.norms)
    side = min(x.shape[2:])
    batches = [{name: x}, {name: 100 * x}, {name: 0.01 * x}, {name: x[..., :side, :side].flip(-1)}]
    hints = ("Write the six layers into one nn.Sequential, in this order: convolution, norm, ReLU, and again.", BLOCK_NEIGHBOUR)
    what = "convolution, norm, ReLU, convolution, norm, ReLU"
    manners(model, {name: x}, BLOCK_NEIGHBOUR)
    compare_networks(model, lambda given: block(parts, given), batches, block_mistakes(parts), what, hints)
    gradients_must_reach_parameters(model.train(), {name: x}, BLOCK_NEIGHBOUR)
    averages_must_run(model, parts, lambda: x, lambda: model(x.clone()), BLOCK_NEIGHBOUR)
