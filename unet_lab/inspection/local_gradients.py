"""The way back from one output pixel, computed only where there is a gradient."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.grad import conv2d_input

Pair = tuple[int, int]


class LocalConv2d(torch.autograd.Function):
    """`F.conv2d` with stride 1 whose gradient for the input is computed from the window in which its output's is not zero.

    A 3 x 3 convolution near the output of a U-Net has a gradient in a few pixels of tens of thousands. The rest of the input's
    gradient is zero, as PyTorch would find by multiplying all of it. No gradient goes to weight and bias.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, padding: Pair, dilation: Pair, groups: int) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.shape, ctx.padding, ctx.dilation, ctx.groups = x.shape, padding, dilation, groups
        return F.conv2d(x, weight, bias, 1, padding, dilation, groups)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (weight,), gradient = ctx.saved_tensors, gradients[0]
        rows, columns = window_of(gradient)
        if not len(rows):
            return gradient.new_zeros(ctx.shape), None, None, None, None, None
        size, reached, inside = [], [], []  # along each axis: of the window's own input; its part that is not padding
        for axis, lit in enumerate((rows, columns)):
            size.append(len(lit) + (weight.shape[2 + axis] - 1) * ctx.dilation[axis])
            first = lit.start - ctx.padding[axis]
            most = ctx.shape[2 + axis]
            begin = min(max(0, first), most)
            end = max(begin, min(most, first + size[axis]))  # a window that sees padding alone reaches nothing
            reached.append(slice(begin, end))
            inside.append(slice(begin - first, end - first))
        window = gradient[:, :, rows.start : rows.stop, columns.start : columns.stop]
        around = conv2d_input([*ctx.shape[:2], *size], weight, window, 1, 0, ctx.dilation, ctx.groups)
        around = around[:, :, inside[0], inside[1]]
        if around.shape == ctx.shape:
            return around, None, None, None, None, None
        found = gradient.new_zeros(ctx.shape)
        found[:, :, reached[0], reached[1]] = around
        return found, None, None, None, None, None


class FixedBatchNorm2d(torch.autograd.Function):
    """`F.batch_norm` with fixed statistics: the gradient of the input is the output's times one number for each channel."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, mean: Tensor, variance: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
    ) -> Tensor:
        scale = (variance + eps).rsqrt()
        ctx.save_for_backward(scale if weight is None else weight * scale)
        return F.batch_norm(x, mean, variance, weight, bias, eps=eps)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (scale,) = ctx.saved_tensors
        return gradients[0] * scale[:, None, None], None, None, None, None, None


def window_of(values: Tensor) -> tuple[range, range]:
    """The rows and the columns of (N, C, H, W) from the first to the last that hold anything but zeros; of none, empty ranges."""
    lit = values.float().cpu().numpy().any(axis=(0, 1))  # NumPy's needs no copy, and half the time of PyTorch's abs().sum()
    found = [np.flatnonzero(lit.any(axis=axis)) for axis in (1, 0)]
    rows, columns = (range(int(k[0]), int(k[-1]) + 1) if len(k) else range(0) for k in found)
    return rows, columns


@contextmanager
def local_gradients(model: nn.Module) -> Iterator[None]:
    """Inside, what runs forward will find the gradients of its inputs faster, where the output's gradient has few pixels."""
    unchanged = [m for m in model.modules() if "forward" not in vars(m)]
    convolutions = [m for m in unchanged if type(m) is nn.Conv2d and m.padding_mode == "zeros" and m.stride == (1, 1)]
    norms = [m for m in unchanged if type(m) is nn.BatchNorm2d and m.running_mean is not None and not m.training]
    changed: list[nn.Module] = [*(m for m in convolutions if not isinstance(m.padding, str)), *norms]
    for m in changed:
        m.forward = partial(run, m)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for m in changed:
            del m.forward


def run(layer: nn.Conv2d | nn.BatchNorm2d, x: Tensor) -> Tensor:
    if isinstance(layer, nn.Conv2d):
        return LocalConv2d.apply(x, layer.weight, layer.bias, layer.padding, layer.dilation, layer.groups)
    return FixedBatchNorm2d.apply(x, layer.running_mean, layer.running_var, layer.weight, layer.bias, layer.eps)
