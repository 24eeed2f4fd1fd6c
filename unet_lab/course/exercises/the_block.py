"""Check of notebook 02: the block of two convolutions."""

from __future__ import annotations

import torch
from torch import nn

from unet_lab.course.checking import Wrong, module_class
from unet_lab.course.networks import Parts, block, block_mistakes, compare_networks, is_batch_norm, shake
from unet_lab.course.probes import built, gradients_must_reach_parameters, manners, outputs, parts_must_be_known

BLOCK_NEIGHBOUR = (
    "A neighbour: nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU()): two layers, each with its ReLU."
)


def conv_block(answer) -> None:
    """MyConvBlock(in_channels, out_channels): twice 3x3 convolution with padding 1, batch normalisation, ReLU."""
    module_class(answer, "conv_block")
    clue = "The first convolution goes from in_channels to out_channels, the second from out_channels to out_channels."
    for ins, outs, height, width in ((2, 5, 10, 12), (4, 4, 7, 9), (3, 1, 8, 6)):
        x = torch.randn(3, ins, height, width, generator=torch.Generator().manual_seed(ins))
        model, found = built(answer, {"in_channels": ins, "out_channels": outs}, [x], clue, BLOCK_NEIGHBOUR)
        (out,) = outputs(found)
        shape_is_kept(x, out, outs)
        check_block(model, x, "image")


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


def block_parts(layers: list[nn.Module], first_channels: int, neighbour: str) -> Parts:
    """The layers of one block, in the order of their calls; Wrong where they are not two 3x3 convolutions and two batch norms."""
    convolutions = [m for m in layers if isinstance(m, nn.Conv2d)]
    norms = [m for m in layers if is_batch_norm(m)]
    kernels = [m.kernel_size for m in convolutions]
    if kernels != [(3, 3), (3, 3)]:
        raise Wrong(
            f"its convolutions have kernels {kernels}, expected two of (3, 3).",
            "Two 3x3 in a row see 5x5 pixels with a non-linearity in between, and need fewer weights than one 5x5.",
            neighbour,
        )
    others = sorted({type(m).__name__ for m in layers if not is_batch_norm(m)} - {"Conv2d"})
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


def check_block(model: nn.Module, x: torch.Tensor, name: str) -> None:
    layers = parts_must_be_known(model, [x], BLOCK_NEIGHBOUR)
    parts = block_parts(layers, x.shape[1], BLOCK_NEIGHBOUR)
    shake(parts.norms)
    batches = [{name: x}, {name: 100 * x}, {name: 0.01 * x}]
    hints = ("Write the six layers into one nn.Sequential, in this order: convolution, norm, ReLU, and again.", BLOCK_NEIGHBOUR)
    what = "convolution, norm, ReLU, convolution, norm, ReLU"
    manners(model, {name: x}, BLOCK_NEIGHBOUR)
    compare_networks(model, lambda given: block(parts, given), batches, block_mistakes(parts), what, hints)
    gradients_must_reach_parameters(model.train(), {name: x}, BLOCK_NEIGHBOUR)
