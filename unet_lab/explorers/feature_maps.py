"""Explorer: leaf through every feature map of any network."""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn

from unet_lab.explorers.base import Explorer, dropdown, slider
from unet_lab.inspection import activations
from unet_lab.inspection.activations import as_input, layer_of
from unet_lab.plots.figure import panel_row
from unet_lab.plots.images import show_image
from unet_lab.plots.inside import MOST_TILES, draw_cross, draw_mosaic
from unet_lab.plots.kernels import draw_bar, draw_map


def explore_feature_maps(model: nn.Module, image: np.ndarray | Tensor, layer: str | None = None) -> Explorer:
    """Every layer's channels for one image: click a channel in the mosaic to see it large, or a place in it to read its value.

    model : any nn.Module that takes the image; layers with an output (N, C, H, W) are listed.
    image : (H, W) grey, standardised here, or a tensor (N, C, H, W), of which the first is shown.
    layer : where to begin; the first convolution block's end where None.
    """
    kinds = {name: type(module).__name__ for name, module in model.named_modules()}
    maps = {n: t[0].cpu().numpy() for n, t in activations(model, image).items() if t.ndim == 4}
    if not maps:
        raise ValueError("no layer of this network puts out feature maps (N, C, H, W); there is nothing to show.")
    given = as_input(model, image)[0, 0].cpu().numpy()
    labels = {n: f"{n} · {kinds[n.split(' (')[0]]} · {m.shape[0]} x {m.shape[1]} x {m.shape[2]}" for n, m in maps.items()}
    start = layer or next((n for n in maps if kinds[layer_of(n)] == "ReLU"), next(iter(maps)))
    if start not in maps:
        raise ValueError(f"there is no layer {layer!r}; there are {', '.join(list(maps)[:8])} …")

    def draw(layer, channel, row, column):
        values = maps[layer]
        channel = min(channel, len(values) - 1)
        chosen = values[channel]
        r, c = (min(int(v / 100 * s), s - 1) for v, s in zip((row, column), chosen.shape, strict=True))
        alt = f"The input, all channels of {layer}, and channel {channel} of it."
        figure, (left, middle, right) = panel_row((1, 1.25, 1.25), 3.9, alt, gap=0.06, bar=True)
        show_image(left, given, "input")
        tiles = f"first {MOST_TILES} of {len(values)}" if len(values) > MOST_TILES else f"all {len(values)}"
        draw_mosaic(middle, values, channel, f"{tiles} channels, each in its own range")
        drawn = draw_map(right, chosen, f"channel {channel}, {chosen.shape[0]} x {chosen.shape[1]}")
        draw_bar(figure, right, drawn, "activation")
        draw_cross(right, r, c)
        at = [int((v + 0.5) * g / s) for v, g, s in zip((r, c), given.shape, chosen.shape, strict=True)]
        draw_cross(left, *at)
        for axes, name in ((left, "input"), (middle, "mosaic"), (right, "channel")):
            axes.set_gid(name)
        dead = int((values.reshape(len(values), -1).std(axis=1) == 0).sum())
        words = (
            f"{labels[layer]}. Channel {channel}: mean {chosen.mean():.3f}, standard deviation {chosen.std():.3f}, "
            f"{(chosen == 0).mean():.0%} zeros; at row {r}, column {c}: {chosen[r, c]:.3f}. {dead} of "
            f"{len(values)} channels say the "
            f"same everywhere."
        )
        return figure, words

    def on_click(panel, row, column):
        values = maps[controls["layer"].value]
        _, height, width = values.shape
        if panel == "mosaic":
            columns = int(np.ceil(np.sqrt(min(len(values), MOST_TILES))))
            clicked = row // (height + 1) * columns + min(column // (width + 1), columns - 1)
            return {"channel": min(clicked, len(values) - 1)}
        height, width = given.shape if panel == "input" else (height, width)
        return {"row": int(100 * (row + 0.5) / height), "column": int(100 * (column + 0.5) / width)}

    liveliest = int(maps[start].std(axis=(1, 2)).argmax())
    controls = {
        "layer": dropdown("layer", [(label, name) for name, label in labels.items()], start),
        "channel": slider("channel (number)", liveliest, 0, max(len(m) for m in maps.values()) - 1),
        "row": slider("row (%)", 50, 0, 100),
        "column": slider("column (%)", 50, 0, 100),
    }
    controls["layer"].layout = {"width": "620px"}
    help_line = (
        "Click a channel. Which one of the first block answers to the nucleus's rim? At which layer do edges turn into regions?"
    )
    groups = [["layer", "channel"], ["row", "column"]]
    return Explorer(controls, draw, help_line, on_click, groups, lambda layer, **_: {"channel": len(maps[layer]) - 1})
