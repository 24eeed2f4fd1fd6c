"""Small grids of numbers: inputs, kernels and what a convolution makes of them; histograms of feature maps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from unet_lab.plots.figure import CLASS_COLOURS, TRAINING_COLOUR, DescribedFigure, bare

SIGNED = "RdBu_r"  # blue below 0, white at 0, red above: told apart in any form of colour blindness


def draw_numbers(
    axes: Axes,
    numbers: np.ndarray,
    title: str = "",
    *,
    known: np.ndarray | None = None,
    window: tuple[int, int, int, int] | None = None,
    padding: int = 0,
) -> None:
    """A grid of numbers on given axes, each cell coloured by its number (blue below 0, red above).

    numbers : (H, W). known : bool (H, W), cells that are shown; the others stay empty. window : row, column, height, width of a
    frame. padding : so many rows and columns at the border are drawn as padding, pale, in dashes.
    """
    height, width = numbers.shape
    known = np.ones(numbers.shape, bool) if known is None else known
    most = max(float(np.abs(numbers).max()), 1e-9)
    shown = np.where(known, numbers, 0.0)
    axes.imshow(shown, cmap=SIGNED, vmin=-1.6 * most, vmax=1.6 * most, interpolation="nearest")
    whole = np.allclose(numbers, np.round(numbers))
    small = max(height, width) > 7
    for row, column in np.argwhere(known):
        value = numbers[row, column]
        text = f"{value:.0f}" if whole else f"{value:.2f}"
        edge = padding and not (padding <= row < height - padding and padding <= column < width - padding)
        colour = "#999999" if edge else "black"
        axes.text(column, row, text, ha="center", va="center", fontsize=8 if small else 10, color=colour)
    axes.set(xticks=[], yticks=[])
    axes.vlines(np.arange(width + 1) - 0.5, -0.5, height - 0.5, colors="#999999", lw=0.6)  # a grid of ticks takes far longer
    axes.hlines(np.arange(height + 1) - 0.5, -0.5, width - 0.5, colors="#999999", lw=0.6)
    if padding:
        inner = (padding - 0.5, padding - 0.5)
        axes.add_patch(Rectangle(inner, width - 2 * padding, height - 2 * padding, fill=False, lw=1.2, ls="--", ec="black"))
    if window is not None:
        row, column, rows, columns = window
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), columns, rows, fill=False, lw=3, ec="#009E73", clip_on=False))
    if title:
        axes.set_title(title, fontsize=10)


def show_numbers(arrays: Sequence[np.ndarray], titles: Sequence[str], alt: str = "") -> DescribedFigure:
    """Several grids of numbers side by side, each as wide as its columns."""
    arrays = [np.atleast_2d(np.asarray(a, float)) for a in arrays]
    words = alt or "; ".join(f"{t}: {a.shape[0]} x {a.shape[1]} numbers" for t, a in zip(titles, arrays, strict=True))
    rows = max(a.shape[0] for a in arrays)
    figure = DescribedFigure(min(10, 0.5 * sum(a.shape[1] for a in arrays) + len(arrays)), 0.42 * rows + 0.7, words)
    panels = figure.subplots(1, len(arrays), squeeze=False, width_ratios=[a.shape[1] for a in arrays])[0]
    for axes, array, title in zip(panels, arrays, titles, strict=True):
        draw_numbers(axes, array, title)
    return figure


def draw_values(axes: Axes, values: np.ndarray, title: str = "", xlim: tuple[float, float] | None = None) -> None:
    """A histogram of a feature map's values, with its mean and one standard deviation to each side."""
    values = np.asarray(values, np.float64).ravel()
    low, high = xlim or (values.min(), values.max())
    counts, edges = np.histogram(np.clip(values, low, high), bins=48, range=(low, high if high > low else low + 1))
    axes.stairs(100 * counts / values.size, edges, fill=True, color=CLASS_COLOURS[1])
    mean, std = values.mean(), values.std()
    axes.axvline(mean, color=TRAINING_COLOUR, lw=1.5)
    axes.axvspan(mean - std, mean + std, color=TRAINING_COLOUR, alpha=0.12, lw=0)
    axes.set(xlim=(low, high), yticks=[])
    axes.tick_params(labelsize=8)
    axes.set_title(f"{title}\nmean {mean:.2f}, std {std:.2f}", fontsize=9)


def draw_map(axes: Axes, values: np.ndarray, title: str = "", signed: bool | None = None, most: float | None = None):
    """A feature map or a heat map on given axes; red and blue around 0 where it has both signs. Returns what a colour bar needs.

    most : the value of the strongest colour; the largest in the map where None.
    """
    signed = bool(values.min() < 0) if signed is None else signed
    most = float(np.abs(values).max()) if most is None else most
    most = most if most > 0 else 1.0
    limits = {"cmap": SIGNED, "vmin": -most, "vmax": most} if signed else {"cmap": "viridis", "vmin": 0, "vmax": most}
    drawn = axes.imshow(values, interpolation="nearest", **limits)
    bare(axes, title)
    return drawn


def draw_bar(figure: DescribedFigure, axes: Axes, drawn, label: str) -> None:
    """A colour bar right of given axes, without moving them."""
    room = axes.inset_axes((1.03, 0, 0.05, 1))
    bar = figure.colorbar(drawn, cax=room)
    bar.set_label(label, fontsize=9)
    bar.ax.tick_params(labelsize=8)
