"""One number of a feature map, and how it came about: windows, kernels, products, sum."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unet_lab.inspection.trace import Step, Trace, output_of

Numbers = dict[str, Any]


def number_at(run: Trace, steps: dict[str, Step], step: str, channel: int, row: int, column: int) -> Numbers:
    """How the number at (channel, row, column) of a step came about, computed once more in float64 from what went in.

    Returns a dictionary with "kind", "value" (the network's own number), "next" (the norm or activation that reads it, with its
    value, or None), and by kind what `convolution_terms`, `up_convolution_terms`, `pooled`, `normalised`, `activated`,
    `interpolated`, `gated` and `added` give; "total" is what the computation comes to: the value, but for float32's rounding.
    Raises ValueError for a step or a place that there is not.
    """
    out = output_of(run, step)
    for name, value, size in zip(("channel", "row", "column"), (channel, row, column), out.shape, strict=True):
        if not isinstance(value, int | np.integer) or not 0 <= value < size:
            raise ValueError(f"{name} is {value!r}; {step} has {name}s 0 to {size - 1}.")
    kind, module = steps[step].kind, run.module(step)
    found: Numbers = {"kind": kind, "value": float(out[channel, row, column]), "next": None}
    for name, other in steps.items():
        if other.kind in ("norm", "activation") and other.sources == ((step, 0, len(out)),):
            value = float(run.outputs[name][channel, row, column])
            found["next"] = {"step": name, "kind": other.kind, "value": value}
            break
    place = (channel, row, column)
    if kind == "convolution":
        return found | convolution_terms(module, run.inputs[step], place)
    if kind == "up-convolution":
        return found | up_convolution_terms(module, run.inputs[step], place)
    if kind == "pooling":
        return found | pooled(module, run.inputs[step], place)
    if kind == "norm":
        return found | normalised(module, run.inputs[step], place)
    if kind == "activation":
        return found | activated(module, run.inputs[step], place)
    if kind == "interpolation":
        return found | interpolated(module, run.inputs[step], place)
    if kind == "gate":
        return found | gated(run.inputs[step], run.outputs[f"{step}.up"], place)
    if kind == "sum":
        return found | added([output_of(run, source.step) for source in steps[step].sources], out, place)
    return found


def positions(first: int, count: int, dilation: int, size: int, padding: int, mode: str = "zeros") -> np.ndarray:
    """Where in the input `count` taps lie along one axis, the first at `first` - padding; -1 where padding is zeros."""
    taps = first - padding + dilation * np.arange(count)
    if mode == "zeros":
        return np.where((taps >= 0) & (taps < size), taps, -1)
    if mode == "circular":
        return taps % size
    if mode == "replicate":
        return np.clip(taps, 0, size - 1)
    period = 2 * size - 2  # reflect
    taps = np.abs(taps) % period if period else 0 * taps
    return np.where(taps >= size, period - taps, taps)


def windows_at(x: Tensor, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """What lies at these rows and columns of every channel of x (C, H, W), float64 (C, rows, columns); 0 at -1."""
    found = x.double().cpu().numpy()[:, np.maximum(rows, 0)][:, :, np.maximum(columns, 0)]
    return found * ((rows >= 0)[:, None] & (columns >= 0)[None])


def padding_of(conv: nn.Conv2d) -> tuple[int, int]:
    """Rows of padding at the top and columns at the left."""
    if conv.padding == "valid":
        return 0, 0
    if conv.padding == "same":
        return tuple(d * (k - 1) // 2 for d, k in zip(conv.dilation, conv.kernel_size, strict=True))
    return conv.padding  # type: ignore[return-value]


def convolution_terms(conv: nn.Conv2d, x: Tensor, place: tuple[int, int, int]) -> Numbers:
    """The sum behind one number of a convolution: a window, a kernel and their sum of products for every input channel.

    x : (C_in, H, W), what went in. place : (channel, row, column) of the output. Channels come largest |sum| first.
    """
    channel, row, column = place
    top, left = padding_of(conv)
    (height, width), size = conv.kernel_size, x.shape[-2:]
    rows = positions(row * conv.stride[0], height, conv.dilation[0], size[0], top, conv.padding_mode)
    columns = positions(column * conv.stride[1], width, conv.dilation[1], size[1], left, conv.padding_mode)
    reads = conv.in_channels // conv.groups
    first = channel // (conv.out_channels // conv.groups) * reads
    kernels = conv.weight[channel].detach().double().cpu().numpy()  # (reads, height, width)
    bias = 0.0 if conv.bias is None else float(conv.bias[channel].detach())
    return terms(windows_at(x[first : first + reads], rows, columns), kernels, bias, rows, columns, first)


def terms(
    windows: np.ndarray, kernels: np.ndarray, bias: float, rows: np.ndarray, columns: np.ndarray, first: int = 0
) -> Numbers:
    """Products of windows and kernels (n, h, w), summed by channel, the largest |sum| first, and all together with the bias."""
    sums = (windows * kernels).sum(axis=(1, 2))
    order = np.argsort(-abs(sums), kind="stable")
    return {
        "kernel": list(kernels.shape[1:]),
        "channels": (first + order).astype(np.int32),
        "windows": windows[order],
        "kernels": kernels[order],
        "sums": sums[order],
        "inside": ((rows >= 0)[:, None] & (columns >= 0)[None]).astype(np.uint8),
        "rows": rows.astype(np.int32),
        "columns": columns.astype(np.int32),
        "bias": bias,
        "total": float(sums.sum() + bias),
    }


def up_convolution_terms(conv: nn.ConvTranspose2d, x: Tensor, place: tuple[int, int, int]) -> Numbers:
    """The sum behind one number of a transposed convolution, and the whole stamp that its input pixel leaves.

    As `convolution_terms`; the kernel's entries are those that meet this output pixel (of a 2x2 kernel of stride 2, one).
    "copies" is what the first of the input pixels puts wherever its kernel reaches: kernels (n, kh, kw), values (kh, kw).
    """
    channel, row, column = place
    taps, sources = [], []
    for at, axis in ((row, 0), (column, 1)):
        distance = at + conv.padding[axis] - conv.dilation[axis] * np.arange(conv.kernel_size[axis])
        meets = np.flatnonzero(distance % conv.stride[axis] == 0)
        source = distance[meets] // conv.stride[axis]
        taps.append(meets)
        sources.append(np.where((source >= 0) & (source < x.shape[1 + axis]), source, -1))
    reads, gives = conv.in_channels // conv.groups, conv.out_channels // conv.groups
    first = channel // gives * reads
    weight = conv.weight[first : first + reads, channel % gives].detach().double().cpu().numpy()  # (reads, kh, kw)
    windows = windows_at(x[first : first + reads], *sources)
    bias = 0.0 if conv.bias is None else float(conv.bias[channel].detach())
    found = terms(windows, weight[:, taps[0]][:, :, taps[1]], bias, *sources, first)
    if windows.size:
        stamp = (windows[:, :1, :1] * weight).sum(axis=0) + bias
        order = found["channels"] - first
        at = [int(taps[0][0]), int(taps[1][0])]
        found["copies"] = {"kernel": list(weight.shape[1:]), "kernels": weight[order], "values": stamp, "at": at}
    return found


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return value if isinstance(value, tuple) else (value, value)


def pooled(pool: nn.MaxPool2d | nn.AvgPool2d, x: Tensor, place: tuple[int, int, int]) -> Numbers:
    """The window under one pooled number, and which of it wins; a mean has no winner, -1."""
    channel, row, column = place
    size, stride, padding = pair(pool.kernel_size), pair(pool.stride), pair(pool.padding)
    dilation = pair(getattr(pool, "dilation", 1))
    rows = positions(row * stride[0], size[0], dilation[0], x.shape[1], padding[0])
    columns = positions(column * stride[1], size[1], dilation[1], x.shape[2], padding[1])
    window = windows_at(x[channel : channel + 1], rows, columns)[0]
    inside = (rows >= 0)[:, None] & (columns >= 0)[None]
    found = {"size": list(size), "window": window, "rows": rows.astype(np.int32), "columns": columns.astype(np.int32)}
    if isinstance(pool, nn.MaxPool2d):
        winner = int(np.where(inside, window, -np.inf).argmax())
        return found | {"how": "maximum", "winner": winner, "total": float(window.flat[winner])}
    counted = window.size if pool.count_include_pad else int(inside.sum())
    return found | {"how": "mean", "winner": -1, "total": float(window.sum() / (pool.divisor_override or counted))}


def normalised(norm: nn.Module, x: Tensor, place: tuple[int, int, int]) -> Numbers:
    """(input - mean) / sqrt(variance + epsilon) * weight + bias, with the mean and variance that this kind of norm takes.

    Batch norm remembers them from training; the others take them from this image: one channel, or a group of channels.
    """
    channel, row, column = place
    if isinstance(norm, nn.GroupNorm):
        size = norm.num_channels // norm.num_groups
        part = x[channel // size * size :][:size].double()
        mean, variance = float(part.mean()), float(part.var(correction=0))
    elif norm.running_mean is not None:
        mean, variance = float(norm.running_mean[channel]), float(norm.running_var[channel])  # type: ignore[index]
    else:
        mean, variance = float(x[channel].double().mean()), float(x[channel].double().var(correction=0))
    weight = 1.0 if norm.weight is None else float(norm.weight[channel].detach())  # type: ignore[index]
    bias = 0.0 if norm.bias is None else float(norm.bias[channel].detach())  # type: ignore[index]
    given, epsilon = float(x[channel, row, column]), float(norm.eps)  # type: ignore[arg-type]
    total = (given - mean) / (variance + epsilon) ** 0.5 * weight + bias
    return {
        "input": given,
        "mean": mean,
        "variance": variance,
        "epsilon": epsilon,
        "weight": weight,
        "bias": bias,
        "total": total,
    }


def activated(activation: nn.Module, x: Tensor, place: tuple[int, int, int]) -> Numbers:
    """One number through the activation function alone."""
    given = x[place].double()
    if isinstance(activation, nn.PReLU):
        slope = activation.weight[place[0] if activation.num_parameters > 1 else 0].double()
        total = torch.where(given >= 0, given, slope * given)
    else:
        total = activation(given.clone())  # which may work in place
    return {"name": type(activation).__name__, "input": float(given), "total": float(total)}


def interpolated(up: nn.Upsample, x: Tensor, place: tuple[int, int, int]) -> Numbers:
    """The pixels that an interpolated number is a weighted mean of, heaviest first; read off the gradient."""
    channel, row, column = place
    given = x[channel][None, None].double().detach().clone().requires_grad_()
    with torch.enable_grad():
        out = F.interpolate(given, up.size, up.scale_factor, up.mode, up.align_corners)
        (weights,) = torch.autograd.grad(out[0, 0, row, column], given)
    rows, columns = (v.numpy() for v in weights[0, 0].cpu().nonzero(as_tuple=True))
    weights, inputs = (t[0, 0].detach().cpu().numpy()[rows, columns] for t in (weights, given))
    order = np.argsort(-weights, kind="stable")
    return {
        "rows": rows[order].astype(np.int32),
        "columns": columns[order].astype(np.int32),
        "weights": weights[order],
        "inputs": inputs[order],
        "total": float((weights * inputs).sum()),
    }


def gated(skip: Tensor, attention: Tensor, place: tuple[int, int, int]) -> Numbers:
    """A number of the skip, times the attention at its place."""
    given, share = float(skip[place]), float(attention[0, place[1], place[2]])
    return {"input": given, "attention": share, "total": given * share}


def added(addends: list[Tensor], total: Tensor, place: tuple[int, int, int]) -> Numbers:
    """The numbers that were added; each addend is cropped to the size of the sum."""
    channel, row, column = place
    inputs = []
    for addend in addends:
        top, left = ((a - b) // 2 for a, b in zip(addend.shape[-2:], total.shape[-2:], strict=True))
        inputs.append(float(addend[channel, row + top, column + left]))
    return {"inputs": inputs, "total": sum(inputs)}
