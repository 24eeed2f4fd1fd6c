"""One run of a network, step by step: what went into every layer, what came out, and from where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn

from unet_lab.blocks import AttentionGate, center_crop
from unet_lab.foreign import class_logits, evaluating
from unet_lab.inspection.activations import layer_of, numbered

KINDS: tuple[tuple[tuple[type, ...], str], ...] = (
    ((nn.Conv2d,), "convolution"),
    ((nn.ConvTranspose2d,), "up-convolution"),
    ((nn.BatchNorm2d, nn.InstanceNorm2d, nn.GroupNorm), "norm"),
    ((nn.MaxPool2d, nn.AvgPool2d), "pooling"),
    ((nn.Upsample,), "interpolation"),
    ((AttentionGate,), "gate"),
    ((nn.Identity, nn.Dropout, nn.Dropout2d), "identity"),
    ((nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh, nn.Softplus, nn.Hardswish), "activation"),
)


class Source(NamedTuple):
    """A run of channels of one step's output."""

    step: str
    first: int
    channels: int


class Step(NamedTuple):
    """One layer at work, or a sum between layers.

    name : the module's, with " (2)" where it runs a second time; "image" is the network's input, "input of NAME" what is computed
        between layers by the network's own code, before the layer NAME.
    kind : as in `KINDS`; "image", "sum", or "other".
    sources : where the channels that go in come from, in order; empty where that is not known.
    """

    name: str
    kind: str
    shape: tuple[int, int, int]
    sources: tuple[Source, ...] = ()


@dataclass
class Trace:
    """One image's way through a network: what `trace` gives.

    inputs and outputs hold (C, H, W) by step, in the order in which the steps ran; logits is (K, H', W').
    """

    model: nn.Module
    x: Tensor
    inputs: dict[str, Tensor] = field(default_factory=dict)
    outputs: dict[str, Tensor] = field(default_factory=dict)
    logits: Tensor = field(default_factory=lambda: torch.zeros(0))

    def module(self, step: str) -> nn.Module | None:
        """The layer that a step is a run of; None for the image and for what is computed between layers."""
        name = layer_of(step)
        return None if name == "image" or name.startswith("input of ") else self.model.get_submodule(name)


def kind_of(module: nn.Module) -> str:
    """What a layer does, in one word of `KINDS`; "other" for what is not in there."""
    return next((kind for types, kind in KINDS if isinstance(module, types)), "other")


def layers_of(model: nn.Module) -> dict[str, nn.Module]:
    """The modules that are steps: those without parts, and attention gates as wholes."""
    return {n: m for n, m in model.named_modules() if n and (not list(m.children()) or isinstance(m, AttentionGate))}


@contextmanager
def out_of_place(model: nn.Module) -> Iterator[None]:
    """Inside, no activation overwrites what went into it."""
    changed = [m for m in model.modules() if getattr(m, "inplace", False) is True]
    for module in changed:
        module.inplace = False  # type: ignore[assignment]
    try:
        yield
    finally:
        for module in changed:
            module.inplace = True  # type: ignore[assignment]


@contextmanager
def muting(model: nn.Module, muted: Mapping[str, Sequence[int]]) -> Iterator[None]:
    """Inside, these channels of these layers are zero: channels by the name of a module with an output (N, C, H, W)."""

    def switch_off(channels: Sequence[int]):
        def hook(_module, _inputs, out: Tensor) -> Tensor:
            out = out.clone()
            out[:, list(channels)] = 0
            return out

        return hook

    handles = [model.get_submodule(n).register_forward_hook(switch_off(channels)) for n, channels in muted.items() if channels]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def trace(model: nn.Module, x: Tensor, muted: Mapping[str, Sequence[int]] | None = None) -> Trace:
    """Run a network on one image and keep what goes into each layer and what comes out of it.

    model : any nn.Module; run in evaluation mode and left as it was. x : (1, C, H, W), standardised (`as_input`).
    muted : channels to hold at zero, by layer.

    >>> from unet_lab.unet import UNet
    >>> list(trace(UNet(base_channels=2, depth=1), torch.zeros(1, 1, 8, 8)).outputs)[:3]
    ['image', 'encoder.0.block.0', 'encoder.0.block.1']
    """
    found = Trace(model, x)
    found.outputs["image"] = x[0]

    def keep(name: str):
        def hook(_module, inputs, out) -> None:
            if not (isinstance(out, Tensor) and out.ndim == 4 and isinstance(inputs[0], Tensor) and inputs[0].ndim == 4):
                return
            step = numbered(name, found.outputs)
            found.inputs[step], found.outputs[step] = inputs[0][0], out[0]

        return hook

    with muting(model, muted or {}), evaluating(model), out_of_place(model):
        handles = [module.register_forward_hook(keep(name)) for name, module in layers_of(model).items()]
        try:
            found.logits = class_logits(model(x))[0]
        finally:
            for handle in handles:
                handle.remove()
    return found


def steps_of(run: Trace) -> dict[str, Step]:
    """The steps of a run by name, in order, with where each one's input comes from; found by comparing values.

    What is neither an earlier output, nor several of them behind each other, nor the sum of two becomes a step of its own,
    "input of NAME" of kind "other"; a sum likewise, of kind "sum", whose two sources are what was added.
    """
    before = {"image": run.outputs["image"]}
    steps = {"image": Step("image", "image", shape_of(run.outputs["image"]))}
    for name, out in run.outputs.items():
        if name == "image":
            continue
        given = run.inputs[name]
        sources = parts_of(given, before)
        if not sources:
            between = f"input of {name}"
            added = addends_of(given, before)
            steps[between] = Step(between, "sum" if added else "other", shape_of(given), added)
            sources = (Source(between, 0, len(given)),)
            before[between] = given
        module = run.module(name)
        steps[name] = Step(name, kind_of(module) if module is not None else "other", shape_of(out), sources)
        before[name] = out
    return steps


def output_of(run: Trace, step: str) -> Tensor:
    """What a step gives, (C, H, W); of "input of NAME", what goes into NAME. Raises ValueError for a step that there is not."""
    if step.startswith("input of ") and step.removeprefix("input of ") in run.inputs:
        return run.inputs[step.removeprefix("input of ")]
    if step not in run.outputs:
        raise ValueError(f"the network has no step {step!r}; there are {', '.join(list(run.outputs)[:6])} …")
    return run.outputs[step]


def shape_of(tensor: Tensor) -> tuple[int, int, int]:
    channels, height, width = tensor.shape
    return channels, height, width


def parts_of(given: Tensor, before: Mapping[str, Tensor]) -> tuple[Source, ...]:
    """The earlier outputs that lie behind each other in `given` (C, H, W), cropped to its size; () where something is new."""
    found, start = [], 0
    while start < len(given):
        rest = given[start:]
        name = next((n for n in reversed(before) if 0 < len(before[n]) <= len(rest) and begins_with(rest, before[n])), None)
        if name is None:
            return ()
        found.append(Source(name, 0, len(before[name])))
        start += len(before[name])
    return tuple(found)


def begins_with(given: Tensor, other: Tensor) -> bool:
    """Are the first channels of `given` those of `other`, cropped to its size?"""
    height, width = given.shape[-2:]
    if other.shape[-2] < height or other.shape[-1] < width:
        return False
    return torch.equal(given[: len(other)], center_crop(other[None], (height, width))[0])


def addends_of(given: Tensor, before: Mapping[str, Tensor]) -> tuple[Source, ...]:
    """The two earlier outputs, cropped to its size, of which `given` is the sum; () where there are none."""
    height, width = given.shape[-2:]
    fits = [n for n, t in before.items() if len(t) == len(given) and t.shape[-2] >= height and t.shape[-1] >= width]
    cropped = {n: center_crop(before[n][None], (height, width))[0] for n in reversed(fits)}
    names = list(cropped)
    for k, one in enumerate(names):
        for other in names[k + 1 :]:
            there = (slice(None), height // 2)  # one row first: most pairs fail there
            if torch.equal(cropped[one][there] + cropped[other][there], given[there]) and torch.equal(
                cropped[one] + cropped[other], given
            ):
                return Source(other, 0, len(given)), Source(one, 0, len(given))
    return ()
