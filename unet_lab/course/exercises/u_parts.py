"""Whether a student's U-Net has the parts of one, by their parameters."""

from __future__ import annotations

import torch

from unet_lab.course.checking import Wrong
from unet_lab.course.networks import is_batch_norm
from unet_lab.inspection.cost import count_parameters


def check_parts(model, layers, settings) -> None:
    ins, classes, base, depth = settings
    ours = count_parameters(in_channels=ins, num_classes=classes, base_channels=base, depth=depth)
    mine = sum(p.numel() for p in model.parameters())
    for layer in layers:  # a bias before a batch norm does nothing: with or without it
        if isinstance(layer, torch.nn.Conv2d) and layer.bias is None and layer.kernel_size == (3, 3):
            mine += layer.out_channels
    doubling = "Channels double on the way down, at the bottleneck too: 4, 8, then 16 for base_channels=4, depth=2."
    neighbour = "A neighbour: base_channels=16, depth=3 has 16, 32, 64 in the encoder and 128 at the floor."
    if mine == ours:
        return
    start = f"{mine:,} parameters, expected {ours:,}"
    instead = other_settings(mine, settings)
    if instead:
        finding = f"{start}: as many as with {instead}. That is fixed, or counted one off."
        raise Wrong(
            finding, "Use the constructor's arguments everywhere; loops over range(depth) serve any depth.", doubling, neighbour
        )
    threes = [m for m in layers if isinstance(m, torch.nn.Conv2d) and m.kernel_size == (3, 3)]
    if len(threes) == 4 * depth + 2 and threes[2 * depth + 2].in_channels == threes[2 * depth + 2].out_channels:
        finding = f"{start}: a decoder block takes as many channels as come up: the skip is added, not laid beside it."
        raise Wrong(finding, "Concatenate: torch.cat([skip, x], dim=1); then a block from twice as many channels.", neighbour)
    kinds = f"{len(threes)} convolutions of 3x3, "
    kinds += f"{sum(is_batch_norm(m) for m in layers)} batch norms, "
    kinds += f"{sum(isinstance(m, torch.nn.ConvTranspose2d) for m in layers)} up-convolutions"
    found = f"(yours has {kinds}; expected {4 * depth + 2}, {4 * depth + 2}, {depth})"
    tail = layers[-1] if layers and isinstance(layers[-1], torch.nn.Conv2d) else None
    if tail is not None and (tail.kernel_size != (1, 1) or tail.bias is None) and tail.out_channels == classes:
        what = "has no bias" if tail.bias is None else f"is {tail.kernel_size[0]}x{tail.kernel_size[1]}"
        size = "too wide" if mine > ours else "missing or too narrow"
        finding = f"{start}: a part is {size}; the head {what}, and should be a 1x1 convolution with bias."
        raise Wrong(finding, "The head is nn.Conv2d(base_channels, num_classes, kernel_size=1).", neighbour)
    if tail is not None and tail.kernel_size == (1, 1) and tail.out_channels != classes:
        finding = f"{start}: the head gives {tail.out_channels} channels, expected one for each of the {classes} classes."
        raise Wrong(finding, "The head is nn.Conv2d(base_channels, num_classes, kernel_size=1).", neighbour)
    if mine < ours:
        raise Wrong(
            f"{start}: a part is missing or too narrow {found}.",
            "The parts are: depth encoder stages, one bottleneck, depth decoder stages, the 1x1 head.",
            doubling,
            neighbour,
        )
    raise Wrong(
        f"{start}: a part is too wide, or there is one too many {found}.",
        "Stage k has base_channels * 2**k channels; the bottleneck has base_channels * 2**depth.",
        "The head is a 1x1 convolution: nn.Conv2d(base_channels, num_classes, kernel_size=1).",
        neighbour,
    )


def other_settings(mine: int, settings) -> str:
    """The one setting with another value that would give so many parameters, in words; "" where none does."""
    names = ("in_channels", "num_classes", "base_channels", "depth")
    tried = (range(1, 4), range(1, 6), (1, 2, 4, 8, 16, 32, 64), range(1, 6))
    for place, (name, values) in enumerate(zip(names, tried, strict=True)):
        for value in values:
            changed = {n: value if k == place else settings[k] for k, n in enumerate(names)}
            if value != settings[place] and count_parameters(**changed) == mine:
                return f"{name} {value} in place of {settings[place]}"
    return ""
