"""What a network costs: parameters, multiply-adds, and memory of its feature maps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from unet_lab.foreign import evaluating
from unet_lab.geometry import size_ledger
from unet_lab.inspection.activations import as_input
from unet_lab.unet import UNet


class LayerCost(NamedTuple):
    """One layer's cost for the batch that was given."""

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    multiply_adds: int
    bytes: int


def count_parameters(**settings) -> int:
    """The number of parameters of UNet(**settings), without making room for them (PyTorch's meta device)."""
    with torch.device("meta"):
        return UNet(**settings).num_parameters


def feature_map_bytes(size: int, depth: int, base_channels: int, padding: str) -> int:
    """Bytes of the feature maps that blocks and up-convolutions put out for one square image, as float32."""
    total = 0
    for place, pixels in size_ledger(size, depth, padding)[1:]:
        kind, _, level = place.partition(" ")
        channels = base_channels * 2 ** (depth if kind == "bottleneck" else int(level))
        total += 4 * channels * max(pixels, 0) ** 2
    return total


def cost(model: nn.Module, image: np.ndarray | Tensor) -> list[LayerCost]:
    """Parameters, multiply-adds and bytes put out, for every layer that ran, in order.

    Multiply-adds are counted where the work is: in convolutions, transposed convolutions and linear layers (each weight is used
    once per output pixel, or per input pixel where transposed); elsewhere 0. `bytes` is the output's size; a ReLU that works in
    place writes where its input stood, so it takes 0.
    """
    rows: list[LayerCost] = []

    def note(name: str, module: nn.Module, inputs, out) -> None:
        if isinstance(out, Tensor):
            parameters = sum(p.numel() for p in module.parameters(recurse=False))
            own = not getattr(module, "inplace", False)
            size = out.numel() * out.element_size() if own else 0
            rows.append(LayerCost(name, type(module).__name__, tuple(out.shape), parameters, work(module, inputs[0], out), size))

    leaves = [(n, m) for n, m in model.named_modules() if not list(m.children())]
    handles = [m.register_forward_hook(lambda m, i, o, n=n: note(n, m, i, o)) for n, m in leaves]
    try:
        with torch.no_grad(), evaluating(model):
            model(as_input(model, image))
    finally:
        for handle in handles:
            handle.remove()
    return rows


def work(module: nn.Module, x: Tensor, out: Tensor) -> int:
    if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d):
        return module.weight.numel() * out.numel() // out.shape[1]
    if isinstance(module, nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d):
        return module.weight.numel() * x.numel() // x.shape[1]
    if isinstance(module, nn.Linear):
        return module.weight.numel() * out.numel() // out.shape[-1]
    return 0
