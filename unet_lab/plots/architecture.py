"""The U, drawn from its settings."""

from __future__ import annotations

import numpy as np
from matplotlib.patches import FancyArrowPatch, Patch, Rectangle

from unet_lab.geometry import size_ledger
from unet_lab.plots.figure import ERROR_COLOUR, DescribedFigure


def draw_unet(
    size: int = 572, depth: int = 4, base_channels: int = 64, padding: str = "valid", in_channels: int = 1, num_classes: int = 2
) -> DescribedFigure:
    """The U as in figure 1 of the 2015 paper: a box per feature map, taller for a larger size, wider for more channels.

    The sides grow with the square root of size and channels, and the figure says so: to scale, the deep maps would vanish.
    Any size, width, depth and padding; sizes that do not fit are drawn rounded down and marked in the error colour.
    """
    ledger = dict(size_ledger(size, depth, padding))
    channels = [base_channels * 2**k for k in range(depth + 1)]
    out = ledger["decoder 0"]
    words = f"U-Net of depth {depth}: {size} pixels in, {out} out; {channels[0]} to {channels[-1]} channels."
    figure = DescribedFigure(10, 1.9 + 1.15 * depth, words)
    axes = figure.subplots()
    axes.axis("off")
    left = [(k * 1.5, -k * 1.25) for k in range(depth)]
    floor = (depth * 1.5, -depth * 1.25)
    right = [((2 * depth - k) * 1.5, -k * 1.25) for k in range(depth)]
    boxes = [("input", (-1.3, 0), ledger["input"], in_channels)]
    boxes += [(f"encoder {k}", left[k], ledger[f"encoder {k}"], channels[k]) for k in range(depth)]
    boxes += [("bottleneck", floor, ledger["bottleneck"], channels[depth])]
    boxes += [(f"decoder {k}", right[k], ledger[f"decoder {k}"], channels[k]) for k in range(depth)]
    boxes += [("head", (2 * depth * 1.5 + 1.3, 0), out, num_classes)]
    for name, (x, y), pixels, count in boxes:
        draw_box(axes, name, x, y, pixels, count, size, channels[-1], box_colour(name, ledger))
    blue, red, green, grey = "#0072B2", "#D55E00", "#009E73", "#666666"
    arrow(axes, (-1.0, 0), (left[0][0] - 0.35, 0), blue)
    for k in range(depth):
        below = left[k + 1] if k + 1 < depth else floor
        arrow(axes, (left[k][0] + 0.25, left[k][1] - 0.45), (below[0] - 0.32, below[1] + 0.12), red)
        from_below = right[k + 1] if k + 1 < depth else floor
        arrow(axes, (from_below[0] + 0.32, from_below[1] + 0.12), (right[k][0] - 0.25, right[k][1] - 0.45), green)
        start, end = (left[k][0] + 0.4, left[k][1]), (right[k][0] - 0.4, right[k][1])
        arrow(axes, start, end, grey, "--")
        room = end[0] - start[0]
        note = skip_note(ledger[f"encoder {k}"], ledger[f"up {k}"], long=room > 3)
        if room > 1:
            axes.text((start[0] + end[0]) / 2, start[1] + 0.07, note, ha="center", fontsize=9, color=grey)
    arrow(axes, (right[0][0] + 0.35, 0), (right[0][0] + 1.0, 0), blue)
    handles = [
        Patch(color=blue, label="3x3 convolutions (1x1 at the end)"),
        Patch(color=red, label="2x2 max pooling, then 3x3 convolutions"),
        Patch(color=green, label="2x2 up-convolution"),
        Patch(color=grey, label="skip: copy and concatenate"),
    ]
    scale = "Height and width of a box grow with the square root\nof its size in pixels and of its number of channels (ch)."
    axes.text(-1.9, -1.25 * depth - 0.7, scale, ha="left", va="bottom", fontsize=8, color=grey)
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    axes.set(xlim=(-2, 3 * depth + 2), ylim=(-1.25 * depth - 0.75, 0.8))
    return figure


def skip_note(given: int, kept: int, long: bool) -> str:
    """What is written at a skip of `given` pixels that is cropped to `kept`, twice the size of the map below: 64 to 2·28."""
    if given == kept:
        return "skip"
    return f"skip, cropped from {given} to 2·{kept // 2} = {kept}" if long else f"{given} to {kept}"


def box_colour(name: str, ledger: dict[str, int]) -> str:
    odd = name.startswith("encoder") and ledger[name] % 2
    lost = ledger.get(name, 1) < 1
    return ERROR_COLOUR if odd or lost else ("#56B4E9" if name.startswith(("encoder", "input", "bottle")) else "#E69F00")


def draw_box(axes, name, x, y, pixels, count, size, most, colour) -> None:
    height = 0.12 + 0.6 * np.sqrt(max(pixels, 0) / size)
    width = 0.08 + 0.42 * np.sqrt(count / most)
    axes.add_patch(Rectangle((x - width / 2, y - height / 2), width, height, fc=colour, ec="black", lw=0.8))
    axes.text(x, y + height / 2 + 0.05, f"{count} ch", ha="center", va="bottom", fontsize=9)
    axes.text(x, y - height / 2 - 0.05, f"{pixels}²" if pixels > 0 else f"{pixels}!", ha="center", va="top", fontsize=9)


def arrow(axes, start, end, colour, style="-") -> None:
    axes.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=10, lw=1.6, color=colour, linestyle=style))
