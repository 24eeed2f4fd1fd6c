"""A look inside: mosaics of feature maps, fields on an image, heat laid over an image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from unet_lab.plots.figure import DescribedFigure, bare, panel_row
from unet_lab.plots.images import as_rgb
from unet_lab.plots.kernels import draw_bar, draw_map

MOST_TILES = 64
FIELD_COLOURS = ("#0072B2", "#009E73", "#E69F00", "#D55E00", "#CC79A7", "#000000")  # one per level, for lines


def mosaic(maps: np.ndarray) -> tuple[np.ndarray, int]:
    """Feature maps (C, H, W) as one array, each in its own range of 0..1, a line of NaN between; at most 64, and columns per row.

    Returns the array and the number of columns.
    """
    maps = np.asarray(maps, np.float32)[:MOST_TILES]
    count, height, width = maps.shape
    columns = int(np.ceil(np.sqrt(count)))
    rows = -(-count // columns)
    whole = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), np.nan, np.float32)
    for k, each in enumerate(maps):
        top, left = (k // columns) * (height + 1), (k % columns) * (width + 1)
        low, high = float(each.min()), float(each.max())
        whole[top : top + height, left : left + width] = (each - low) / (high - low) if high > low else 0.0
    return whole, columns


def draw_mosaic(axes: Axes, maps: np.ndarray, chosen: int | None = None, title: str = "") -> None:
    """The mosaic on given axes, in greys as an image, every map in its own range; the chosen one framed."""
    whole, columns = mosaic(maps)
    step = max(1, max(whole.shape) // 700)  # no finer than the figure's own pixels
    shown = whole[::step, ::step] if min(maps.shape[1:]) > 8 * step else whole
    axes.imshow(shown, cmap="gray", extent=(-0.5, whole.shape[1] - 0.5, whole.shape[0] - 0.5, -0.5), interpolation="nearest")
    bare(axes, title)
    if chosen is not None and chosen < MOST_TILES:
        height, width = maps.shape[1:]
        corner = ((chosen % columns) * (width + 1) - 0.5, (chosen // columns) * (height + 1) - 0.5)
        axes.add_patch(Rectangle(corner, width, height, fill=False, lw=2.5, ec="#E69F00", clip_on=False))


def show_feature_maps(maps: np.ndarray, title: str = "", chosen: int | None = None) -> DescribedFigure:
    """All channels (up to 64) of one layer, and one of them large; maps is (C, H, W)."""
    maps = np.asarray(maps, np.float32)
    largest = int(maps.std(axis=(1, 2)).argmax()) if chosen is None else chosen
    words = f"{title}: {len(maps)} channels of {maps.shape[1]} x {maps.shape[2]}; channel {largest} large."
    figure, (left, right) = panel_row((1, 1), 4.6, words, gap=0.05, bar=True)
    draw_mosaic(left, maps, largest, f"{title}: {min(len(maps), MOST_TILES)} of {len(maps)} channels, each in its own range")
    drawn = draw_map(right, maps[largest], f"channel {largest}")
    draw_bar(figure, right, drawn, "activation")
    return figure


def heat_over(image: np.ndarray, heat: np.ndarray, gamma: float = 0.5) -> np.ndarray:
    """A heat map (0 and above) over a paled image, where there is no heat the image alone: float32 RGB (H, W, 3) in 0..1.

    gamma : below 1 lifts small values, so that the tails are seen.
    """
    pale = 0.35 + 0.65 * as_rgb(image)
    strength = np.clip(heat / (heat.max() or 1.0), 0, 1).astype(np.float32) ** gamma
    colour = colormaps["plasma"](strength)[..., :3].astype(np.float32)
    share = np.clip(1.6 * strength, 0, 0.9)[..., None]
    return (1 - share) * pale + share * colour


def draw_square(axes: Axes, rows: tuple[int, int], columns: tuple[int, int], colour: str, label: str = "", style="-") -> None:
    """A frame around the pixels from first to last row and column, both included."""
    corner = (columns[0] - 0.5, rows[0] - 0.5)
    wide, high = columns[1] - columns[0] + 1, rows[1] - rows[0] + 1
    frame = Rectangle(corner, wide, high, fill=False, lw=2, ec=colour, ls=style, label=label or None)
    axes.add_patch(frame)


def draw_cross(axes: Axes, row: int, column: int) -> None:
    """Marks one pixel, dark on light and light on dark."""
    axes.plot(column, row, "+", color="white", markersize=15, markeredgewidth=4)
    axes.plot(column, row, "+", color="black", markersize=13, markeredgewidth=1.8)


def show_heat(image: np.ndarray, heats: Sequence[np.ndarray], titles: Sequence[str], place=None) -> DescribedFigure:
    """Heat maps over one image, side by side; each in its own range. place : (row, column) to mark."""
    words = f"Heat over an image: {'; '.join(titles)}."
    figure, panels = panel_row([1] * len(heats), 0.4 + 9.4 / max(len(heats), 3), words)
    for axes, heat, title in zip(panels, heats, titles, strict=True):
        axes.imshow(heat_over(image, heat))
        bare(axes, title)
        if place is not None:
            draw_cross(axes, *place)
    return figure
