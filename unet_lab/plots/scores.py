"""Curves, confusion matrices and histograms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from unet_lab.datasets.masks import CLASS_NAMES
from unet_lab.plots.figure import ERROR_COLOUR, TRAINING_COLOUR, VALIDATION_COLOUR, DescribedFigure, class_colours, line_colour
from unet_lab.training.history import EpochReport


def show_curves(reports: Sequence[EpochReport], log_scale: bool = False) -> DescribedFigure:
    """Loss of training and validation, and validation accuracy and IoU, by epoch."""
    figure = DescribedFigure(10, 3.4, curve_words(reports))
    left, right = figure.subplots(1, 2)
    draw_curves(left, right, reports, log_scale)
    return figure


def draw_curves(left: Axes, right: Axes, reports: Sequence[EpochReport], log_scale: bool = False) -> None:
    """The two panels of `show_curves` on given axes."""
    epochs = [r.epoch for r in reports]
    left.plot(epochs, [r.loss for r in reports], "o-", color=TRAINING_COLOUR, label="training", markersize=4)
    left.plot(epochs, [r.validation_loss for r in reports], "s--", color=VALIDATION_COLOUR, label="validation", markersize=4)
    left.set(xlabel="epoch", ylabel="cross entropy (nats)", yscale="log" if log_scale else "linear")
    right.plot(epochs, [r.accuracy for r in reports], "^-", color=TRAINING_COLOUR, label="accuracy", markersize=4)
    right.plot(epochs, [r.iou for r in reports], "v--", color=VALIDATION_COLOUR, label="IoU (macro)", markersize=4)
    right.set(xlabel="epoch", ylabel="validation score", ylim=(0, 1.02))
    for axes, place in ((left, "upper right"), (right, "lower right")):
        axes.set_xlim(0.5, max((r.epochs for r in reports), default=1) + 0.5)
        axes.grid(alpha=0.3)
        axes.legend(loc=place)


def curve_words(reports: Sequence[EpochReport]) -> str:
    if not reports:
        return "Empty training curves: no epoch has finished."
    first, last = reports[0], reports[-1]
    return (
        f"Training curves of {len(reports)} epochs: loss from {first.loss:.3g} to {last.loss:.3g}, "
        f"validation IoU from {first.iou:.3f} to {last.iou:.3f}."
    )


def show_confusion(
    matrix: np.ndarray, class_names: Sequence[str] = CLASS_NAMES, marked: tuple[int, int] | None = None
) -> DescribedFigure:
    """The confusion matrix: counts, and the share of each true class; a cell may be marked with a frame."""
    words = "; ".join(f"{matrix[i, i] / max(matrix[i].sum(), 1):.0%} of {n} found" for i, n in enumerate(class_names))
    figure = DescribedFigure(5.2, 4.2, f"Confusion matrix: {words}.")
    draw_confusion(figure.subplots(), matrix, class_names, marked)
    return figure


def draw_confusion(axes: Axes, matrix, class_names=CLASS_NAMES, marked=None) -> None:
    """The table of `show_confusion` on given axes."""
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row in range(len(matrix)):
        for column in range(len(matrix)):
            colour = "white" if share[row, column] > 0.55 else "black"
            text = f"{matrix[row, column]:,}\n{share[row, column]:.1%}"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=10)
    if marked is not None:
        for colour, width in (("white", 6), (ERROR_COLOUR, 3)):  # seen on pale and on dark
            axes.add_patch(Rectangle((marked[1] - 0.47, marked[0] - 0.47), 0.94, 0.94, fill=False, lw=width, ec=colour))
    ticks = range(len(matrix))
    axes.set_xticks(ticks, class_names)
    axes.set_yticks(ticks, class_names, rotation=90, va="center")
    axes.set(xlabel="prediction", ylabel="truth")


def show_histogram(image: np.ndarray, mask: np.ndarray, class_names: Sequence[str] = CLASS_NAMES) -> DescribedFigure:
    """How often each grey occurs in each class."""
    figure = DescribedFigure(6, 3.2, "Histogram of greys, one curve per class.")
    draw_histogram(figure.subplots(), image, mask, class_names)
    return figure


def draw_histogram(axes: Axes, image: np.ndarray, mask: np.ndarray, class_names=CLASS_NAMES) -> None:
    """The histogram of `show_histogram` on given axes: pixels per grey, a filled step per class."""
    top = 255 if image.max() <= 255 else 65535
    bins = np.linspace(0, top + 1, 65)
    for index, (name, colour) in enumerate(zip(class_names, class_colours(len(class_names)), strict=True)):
        counts, _ = np.histogram(image[mask == index], bins)
        axes.stairs(counts, bins, fill=True, color=colour, alpha=0.6, label=name)
        style = ("-", "--", ":", "-.")[index % 4]
        axes.stairs(counts, bins, color=line_colour(index), lw=1.2, ls=style)
    axes.set(xlabel=f"grey (0 to {top})", ylabel="pixels")
    axes.legend()
