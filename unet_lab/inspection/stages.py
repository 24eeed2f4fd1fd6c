"""A network's steps gathered into stages, as a figure of it shows them, and the skips between stages."""

from __future__ import annotations

from collections.abc import Mapping
from math import log2
from typing import NamedTuple

from torch import nn

from unet_lab.foreign import unwrapped
from unet_lab.inspection.activations import layer_of
from unet_lab.inspection.trace import Step
from unet_lab.unet import UNet


class Stage(NamedTuple):
    """Steps that a figure shows as one.

    name : of the part of the network. level : how often the image's size was halved there. shown : the step that stands for the
    stage, the last that is no pooling. shape : (C, H, W) of it.
    """

    name: str
    level: int
    steps: tuple[str, ...]
    shown: str
    shape: tuple[int, int, int]


class Skip(NamedTuple):
    """A connection past other stages; level is what `without_skip` calls it, None where it cannot be cut."""

    level: int | None
    source: str
    target: str


def stages_of(model: nn.Module, steps: Mapping[str, Step]) -> list[Stage]:
    """The stages of a network in the order in which they run; of a U-Net encoder.0, …, bottleneck, decoder.0, …, head.

    Of another network: its largest parts; where layers stand alone in it, each convolution with what follows it.
    """
    groups: list[tuple[str, list[str]]] = []
    for name, step in steps.items():
        if name == "image":
            continue
        part, alone = part_of(model, layer_of(name.removeprefix("input of ")))
        opens = step.kind in ("convolution", "up-convolution", "pooling", "interpolation")
        if groups and (groups[-1][0] == part or (alone and not opens and part_of(model, groups[-1][0])[1])):
            groups[-1][1].append(name)
        else:
            groups.append((part, [name]))
    taken: list[str] = []
    stages = []
    for part, names in groups:
        taken.append(part)
        times = taken.count(part)
        shown = next((n for n in reversed(names) if steps[n].kind not in ("pooling", "identity")), names[-1])
        level = level_of(model, part, steps["image"].shape[1], steps[shown].shape[1])
        stages.append(Stage(part if times == 1 else f"{part} ({times})", level, tuple(names), shown, steps[shown].shape))
    return stages


def part_of(model: nn.Module, name: str) -> tuple[str, bool]:
    """The part of the network that a layer belongs to, and whether the layer is that part itself."""
    path = name.split(".")
    module, taken = model, 0
    while taken < len(path) - 1 and (len(list(module.children())) == 1 or isinstance(module, nn.ModuleList | nn.ModuleDict)):
        module, taken = getattr(module, path[taken]), taken + 1
    part = path[: taken + 1]
    inner = model.get_submodule(".".join(part))
    if isinstance(inner, nn.ModuleList | nn.ModuleDict) and taken + 1 < len(path):
        part = path[: taken + 2]
    return ".".join(part), len(part) == len(path)


def level_of(model: nn.Module, part: str, whole: int, size: int) -> int:
    """How often the image was halved: of a U-Net by the stage's name, of another network by the size of its maps."""
    own = unwrapped(model)
    if isinstance(own, UNet):
        depth, kind, number = len(own.encoder), part.split(".")[-2:][0], part.split(".")[-1]
        if kind == "encoder":
            return int(number)
        if kind == "decoder":
            return depth - 1 - int(number)
        return depth if part.endswith("bottleneck") else 0
    return max(0, round(log2(whole / max(size, 1))))


def skips_of(model: nn.Module, steps: Mapping[str, Step], stages: list[Stage]) -> list[Skip]:
    """The connections that pass by at least one stage, in the order in which they arrive."""
    place = {name: k for k, stage in enumerate(stages) for name in stage.steps}
    found: dict[tuple[int, int], Skip] = {}
    for name, k in place.items():
        for source in steps[name].sources:
            came = place.get(source.step, k)
            if came < k - 1 and (came, k) not in found:
                level = stages[came].level if isinstance(model, UNet) else None
                found[came, k] = Skip(level, stages[came].name, stages[k].name)
    return list(found.values())
