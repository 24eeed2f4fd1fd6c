"""Check of notebook 03: the width of a receptive field."""

from __future__ import annotations

from math import prod

import numpy as np

from unet_lab.course.agreement import Case, Shown, Suspect, agree
from unet_lab.inspection.fields import receptive_field


def field_cases() -> list[Case]:
    rng = np.random.default_rng(0)
    block_, pool = [(3, 1), (3, 1)], [(2, 2)]
    given = [[(3, 1)], [(3, 2), (5, 2), (3, 1)], [(5, 1), (3, 1)], [*block_, *pool, (3, 1)], 3 * (block_ + pool) + block_, []]
    given += [[(1, 1)], [(2, 2)], [(3, 3), (2, 1)], [(7, 2), (3, 3), (4, 1)], [(5, 3), (5, 3), (2, 2)]]
    given += [[(1, 2), (3, 1)], [(3, 1), (1, 3), (1, 2), (5, 1)], [(2, 4), (3, 1)], [(3, 1), (2, 5), (2, 3), (3, 2)]]
    given += [5 * (block_ + pool) + block_, [(7, 2), *pool, *(6 * block_), *pool, *(4 * block_)], [(3, 2)] * 6]
    given += [[(int(k), int(s)) for k, s in rng.integers(1, [8, 4], (length, 2))] for length in (2, 3, 4, 4, 5)]
    return [Case(f"for {layers}", (layers,), field_tags(layers)) for layers in given]


def field_tags(layers) -> tuple[str, ...]:
    tags = {
        "there is no layer at all (an empty list): one unit sees itself, 1": not layers,
        "a kernel is not 3": any(k != 3 for k, _ in layers),
        "a kernel is even": any(k % 2 == 0 for k, _ in layers),
        "a stride is above 1": any(s > 1 for _, s in layers[:-1]),
        "a stride is above 2": any(s > 2 for _, s in layers[:-1]),
        "two strides or more are above 1: they multiply": sum(s > 1 for _, s in layers[:-1]) > 1,
        "a kernel of 1 has a stride above 1: the stride counts too": (1, 2) in layers or (1, 3) in layers,
        "a stride is larger than its kernel: the field has holes, and is as wide as from end to end": any(
            s > k for k, s in layers[:-1]
        ),
        "the field is wider than 100 pixels": walked(layers) > 100,
        "there is more than one layer": len(layers) > 1,
    }
    return tuple(tag for tag, holds in tags.items() if holds)


def walked(layers, grow=lambda k: k - 1, jump=lambda step, s: step * s, start=1, own_first=False) -> int:
    """The width layer by layer, with places for mistakes."""
    width, step = start, 1
    for kernel, stride in layers:
        after = jump(step, stride)
        width += grow(kernel) * (after if own_first else step)
        step = after
    return width


def overlapped(layers, grow) -> int:
    width, step = 1, 1
    for kernel, stride in layers:
        width, step = width + grow(kernel, stride) * step, step * stride
    return width


def doubled_by_pooling(layers) -> int:
    width, step = 1, 1
    for kernel, stride in layers:
        width = width * stride if kernel == stride > 1 else width + (kernel - 1) * step
        step *= stride
    return width


def last_stride_too(layers) -> int:
    width = 1
    for kernel, stride in reversed(layers):
        width = width * stride + kernel - 1
    return width


def field_suspects() -> list[Suspect]:
    jump = "Behind a stride of 3, one step is three times as long as before: step *= stride."
    less = "A kernel of 3 reaches 2 further than a kernel of 1: kernel - 1."
    return [
        Suspect(lambda a: sum(k for k, _ in a), "That is the sum of the kernels.",
                "Windows overlap: a layer adds kernel - 1, not kernel."),
        Suspect(lambda a: prod(k for k, _ in a), "That is the product of the kernels.",
                "Windows overlap: widths are added, (kernel - 1) for each layer."),
        Suspect(lambda a: walked(a, jump=lambda step, s: 1), "The strides were left out.",
                "Behind a stride of 2, one step is two pixels: count (kernel - 1) times the step there."),
        Suspect(lambda a: walked(a, own_first=True), "A layer's own stride counts for the layers after it only.",
                "First add (kernel - 1) * step, then step *= stride."),
        Suspect(lambda a: 1 + sum((k - 1) * s for k, s in a), "Only a layer's own stride counts in yours.", jump),
        Suspect(lambda a: walked(a, jump=lambda step, s: s), "Only the stride of the layer before counts in yours.", jump),
        Suspect(lambda a: walked(a, jump=lambda step, s: step + s - 1), "Strides are added; they multiply.", jump),
        Suspect(lambda a: walked(a, jump=lambda step, s: step * 2), "Every stride counts as 2.", jump),
        Suspect(lambda a: walked(a, jump=lambda step, s: step * (2 if s > 1 else 1)), "A stride above 1 counts as 2.", jump),
        Suspect(lambda a: prod(s for _, s in a), "That is the step between neighbouring units, not the width.",
                "Keep two numbers: width and step."),
        Suspect(lambda a: walked(a, start=0), "It is short by 1.", "Before any layer, one unit sees one pixel: start with 1."),
        Suspect(lambda a: walked(a, grow=lambda k: k), "Each layer adds one step too many (kernel for kernel - 1).", less),
        Suspect(lambda a: walked(a, grow=lambda k: k // 2), "Each layer adds half its kernel: one side only.", less),
        Suspect(lambda a: walked(a, grow=lambda k: k // 2 * 2), "An even kernel counts as if it were odd.", less),
        Suspect(lambda a: walked(a, grow=lambda k: 2), "Every kernel counts as 3.", less),
        Suspect(lambda a: walked(a[::-1]), "The layers are taken from the last to the first.", "As they are applied."),
        Suspect(lambda a: walked([one for one in a if one[0] > 1]), "A kernel of 1 is skipped, and its stride with it.", jump),
        Suspect(lambda a: min(walked(a), 100), "It ends at 100 pixels.", "The layers say how wide it is; no image is needed."),
        Suspect(lambda a: walked(a, jump=lambda step, s: step * min(s, 3)), "A stride counts as 3 at most.", jump),
        Suspect(lambda a: walked(a, start=0, grow=lambda k: k), "Each layer adds its whole kernel, k; it adds k - 1.", less),
        Suspect(lambda a: walked(a, grow=lambda k: 2 if k != 2 else 1), "Every convolution adds 2, as a kernel of 3.", less),
        Suspect(doubled_by_pooling, "A pooling (kernel = stride) multiplies the width in yours; it adds.", less),
        Suspect(lambda a: overlapped(a, lambda k, s: k - s if s > 1 else k - 1), "A layer adds kernel - stride in yours.", less),
        Suspect(lambda a: overlapped(a, lambda k, s: k - s), "A layer adds kernel - stride in yours.", less),
        Suspect(lambda a: overlapped(a, lambda k, s: max(k, s) - 1),
                "Where the stride is larger than the kernel, you count the stride: the kernel says how far it reaches.", less),
        Suspect(lambda a: walked([(s, k) for k, s in a]), "Kernel and stride are swapped.", "for kernel, stride in layers."),
        Suspect(last_stride_too, "The stride of the last layer counts too in yours: it moves the next unit, not this one.", jump),
        Suspect(lambda a: [walked(a), prod(s for _, s in a)], "That is a pair, width and step.", "return width"),
        Suspect(lambda a: walked(a[:-1]), "The last layer is left out.", "All layers count."),
        Suspect(lambda a: walked(a[1:]), "The first layer is left out.", "All layers count."),
        Suspect(lambda a: walked(a[:1]), "Only the first layer counts; is there a return inside the loop?", "All layers count."),
        Suspect(lambda a: walked(a) ** 2, "That is the area; asked is the width.", "One side, in pixels."),
        Suspect(lambda a: walked(a) // 2, "That is the half on one side; asked is the whole width.", "From end to end."),
        Suspect(lambda a: [walked(a)] * 2, "That is a pair; asked is one number, the width.", "return width"),
    ]  # fmt: skip


def field_width(answer) -> None:
    """my_field(layers): width in pixels of what one unit sees behind layers [(kernel, stride), …]."""
    hints = (
        "A 3x3 convolution at step 4 adds 2 · 4 = 8 pixels.",
        "A neighbour: [(2, 2), (2, 2)]: width 1 + 1·1 = 2, step 2; then 2 + 1·2 = 4, step 4.",
    )
    otherwise = "Walk through the layers with two numbers: the width so far, and the step between neighbours in pixels."
    agree(answer, lambda layers: receptive_field(layers)[0], field_cases(), field_suspects(), Shown(otherwise, hints))
