"""Explorer: two cells are pulled together; when do they become one, for the label, for the watershed, for the scores?"""

from __future__ import annotations

import numpy as np

from unet_lab.datasets.spoiling import change_mask
from unet_lab.explorers.base import Explorer, float_slider, slider
from unet_lab.objects import ObjectScores, area_bias, label_objects, object_scores, separate
from unet_lab.plots.figure import panel_row
from unet_lab.plots.images import show_mask
from unet_lab.plots.objects import show_objects

RADIUS = 24  # of the first cell, in pixels
SHAPE = (80, 128)


def two_discs(apart: int, radius: int, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """Two round cells side by side: object numbers int32 (H, W); below 0 they press on each other and meet in a line.

    apart : pixels between the outlines; below 0, by how much the whole circles would overlap. radius : of the second, in pixels.
    A pixel in both circles belongs to the cell of which it is the smaller share of the way from centre to outline.
    """
    rows, columns = np.indices(shape)
    width = 2 * RADIUS + apart + 2 * radius
    first = (shape[1] - width) / 2 + RADIUS
    second = first + RADIUS + apart + radius
    share = [np.hypot(rows - shape[0] / 2, columns - c) / r for c, r in ((first, RADIUS), (second, radius))]  # (H, W) each
    nearest = np.where(share[0] <= share[1], 1, 2)
    return np.where(np.minimum(*share) <= 1, nearest, 0).astype(np.int32)


def explore_touching() -> Explorer:
    """Two cells, their mask, and what labelling and the watershed make of it; scores of pixels and of objects beside it."""

    def draw(apart, radius, depth, grow, threshold):
        truth = two_discs(apart, radius)
        mask = change_mask((truth > 0).astype(np.uint8), grow=grow) > 0
        found = {"labelled": label_objects(mask), "watershed": separate(mask, depth=depth)}
        scored = {name: object_scores(truth, labels, threshold) for name, labels in found.items()}
        biases = {name: area_bias(truth, labels, threshold) for name, labels in found.items()}
        union = np.count_nonzero(mask | (truth > 0))
        pixel_iou = np.count_nonzero(mask & (truth > 0)) / max(1, union)
        alt = "Two cells and their mask; the objects by labelling; the objects by watershed; their scores."
        figure, panels = panel_row((1.3, 1.3, 1.3, 1.5), 2.5, alt, gap=0.06)
        show_mask(panels[0], mask.astype(np.uint8), "mask; the true contact")
        if (truth == 1).any() and (truth == 2).any():
            panels[0].contour(truth == 2, [0.5], colors="black", linewidths=1.2)
            panels[0].contour(truth == 1, [0.5], colors="black", linewidths=1.2)
        for panel, (name, labels) in zip(panels[1:3], found.items(), strict=True):
            show_objects(panel, None, labels, f"{name}: {labels.max()} found", strength=1.0)
        rows = [(name, scored_row(scored[name], biases[name])) for name in found]
        draw_table(panels[3], rows, pixel_iou)
        alike = scored["labelled"].f1 == scored["watershed"].f1
        words = (
            f"{words_of('Labelling', scored['labelled'])} {words_of('The watershed', scored['watershed'])} "
            f"IoU of the pixels {pixel_iou:.3f}, whoever numbers them."
            f"{' Both score alike here.' if alike else ''}"
        )
        for name, (_, merges, splits, error) in rows:
            words += f"\n{name}: merges {merges}, splits {splits}, area wrong by {error}."
        return figure, words

    controls = {
        "apart": slider("apart (pixels)", -2, -36, 12),
        "radius": slider("second radius (px)", 18, 8, 24),
        "depth": float_slider("watershed: depth (px)", 1.0, 0.5, 12.0, 0.5),
        "grow": slider("mask grown by (px)", 0, -4, 4),
        "threshold": float_slider("IoU of a match", 0.5, 0.5, 0.95, 0.05),
    }
    help_line = "Push them together: at which distance does each method see one cell? Then grow the mask by a pixel, or two."
    return Explorer(controls, draw, help_line, groups=[["apart", "radius"], ["depth", "grow"], ["threshold"]])


def scored_row(scored: ObjectScores, bias: float) -> list[str]:
    """F1, merges, splits and the error of areas, as they stand in the table."""
    error = "none" if np.isnan(bias) else f"{round(bias, 2) + 0:+.0%}"
    return [f"{scored.f1:.2f}", str(scored.merges), str(scored.splits), error]


def draw_table(axes, rows: list[tuple[str, list[str]]], pixel_iou: float) -> None:
    """The scores of both methods side by side, one line each."""
    axes.axis("off")
    names = ("pixels' IoU", "objects' F1", "merges", "splits", "area wrong by")
    columns = [names, *([f"{pixel_iou:.3f}", *cells] for _, cells in rows)]
    lines, heads = [list(line) for line in zip(*columns, strict=True)], ["", *(name for name, _ in rows)]
    table = axes.table(lines, colLabels=heads, colWidths=(0.4, 0.3, 0.3), bbox=(0.05, 0.02, 0.95, 0.96), edges="horizontal")
    table.auto_set_font_size(False)
    table.set_fontsize(8)


def words_of(name: str, scored: ObjectScores) -> str:
    """What one method found, in a sentence."""
    cells = f"{scored.predicted_objects} cell{'' if scored.predicted_objects == 1 else 's'}"
    return f"{name} finds {cells}, {scored.true_positives} of {scored.true_objects} match: F1 {scored.f1:.2f}."
