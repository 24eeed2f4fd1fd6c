"""Explorers: push a mask about and watch every metric; click a confusion matrix to see its pixels."""

from __future__ import annotations

import ipywidgets as widgets
import numpy as np

from unet_lab.datasets.masks import CLASS_NAMES
from unet_lab.datasets.spoiling import change_mask
from unet_lab.explorers.base import Explorer, dropdown, slider
from unet_lab.metrics import boundary_f1, confusion_matrix, hausdorff, scores
from unet_lab.plots.figure import DescribedFigure
from unet_lab.plots.images import error_map, overlay, show_image, show_mask
from unet_lab.plots.scores import draw_confusion


def explore_metrics(image: np.ndarray, truth: np.ndarray) -> Explorer:
    """Sliders that spoil a perfect prediction, and a table of what every metric says about it."""

    def draw(right, down, grow, nucleus):
        prediction = change_mask(truth, right, down, grow, nucleus == "missed")
        matrix = confusion_matrix(truth, prediction)
        each = scores(matrix, average=None)
        rows = [("accuracy", [each.accuracy] * 3)]
        named = {"precision": each.precision, "recall": each.recall, "F1": each.f1, "IoU": each.iou}
        rows += [(name, list(values)) for name, values in named.items()]
        rows += [("boundary F1", [boundary_f1(truth, prediction, k) for k in range(3)])]
        rows += [("Hausdorff (px)", [hausdorff(truth, prediction, k) for k in range(3)])]
        figure = DescribedFigure(
            9.8, 3.4, "The spoiled prediction as class colours, its errors on the image, and a table of metrics for each class."
        )
        left, middle, table = figure.subplots(1, 3, width_ratios=(1, 1, 1.9))
        show_mask(left, prediction, "prediction")
        show_image(middle, error_map(image, truth, prediction), "errors")
        table.axis("off")
        cells = [[number(v) for v in values] for _, values in rows]
        cells[0] = [number(each.accuracy), "(all", "classes)"]
        drawn = table.table(cells, rowLabels=[n for n, _ in rows], colLabels=CLASS_NAMES, loc="center", bbox=(0.2, 0, 0.8, 1))
        drawn.auto_set_font_size(False)
        drawn.set_fontsize(9)
        by = {a: scores(matrix, average=a) for a in ("macro", "micro", "weighted")}
        words = "; ".join(f"{a}: F1 {s.f1:.3f}, IoU {s.iou:.3f}" for a, s in by.items())
        wrong = (truth != prediction).mean()
        lines = [f"{wrong:.1%} of the pixels are wrong. Averages over classes: {words}. Empty classes are left out."]
        return figure, "\n".join(lines + in_words(rows[1:]))

    controls = {
        "right": slider("push right (px)", 4, -40, 40),
        "down": slider("push down (px)", 0, -40, 40),
        "grow": slider("grow or erode (px)", 0, -15, 15),
        "nucleus": dropdown("nucleus", ["found", "missed"], "found"),
    }
    return Explorer(controls, draw, "Which metric drops first? Which hardly notices? Lose the nucleus: what does accuracy say?")


def in_words(rows: list[tuple[str, list[float]]]) -> list[str]:
    """The table of the figure as text, a line for each class: for those who cannot see it, and to copy."""
    each = zip(CLASS_NAMES, *(values for _, values in rows), strict=True)
    names = [name for name, _ in rows]
    return [f"{c}: {', '.join(f'{n} {number(v)}' for n, v in zip(names, found, strict=True))}." for c, *found in each]


def number(value: float) -> str:
    return "empty" if np.isnan(value) else f"{value:.3f}" if value <= 1 else f"{value:.1f}"


class ConfusionBrowser(Explorer):
    """An explorer with a grid of buttons laid out as the confusion matrix: click one to see its pixels."""

    def __init__(self, images, truths, predictions, class_names=CLASS_NAMES):
        matrices = [confusion_matrix(t, p, len(class_names)) for t, p in zip(truths, predictions, strict=True)]

        def draw(image, truth, predicted):
            given, t, p = images[image], truths[image], predictions[image]
            row, column = class_names.index(truth), class_names.index(predicted)
            pixels = (t == row) & (p == column)
            count, total = int(pixels.sum()), int(matrices[image][row].sum())
            figure = DescribedFigure(
                9.8, 3.6, f"A confusion matrix, the {count} pixels of {truth} predicted as {predicted}, and the whole prediction."
            )
            table, left, right = figure.subplots(1, 3, width_ratios=(1.15, 1, 1))
            draw_confusion(table, matrices[image], class_names, marked=(row, column))
            table.set_title("pixels, and share of the row", fontsize=10)
            show_image(left, error_map(given, pixels.astype(np.uint8), np.zeros_like(t)), "the pixels of this cell")
            show_image(right, overlay(given, p), "prediction")
            share = f"{count / total:.1%} of its {total:,} pixels" if total else "it has no pixels in this image"
            lines = [f"True {truth}, predicted {predicted}: {count:,} pixels; {share}."]
            for name, counts in zip(class_names, matrices[image], strict=True):
                found = ", ".join(f"{int(n):,} as {other}" for other, n in zip(class_names, counts, strict=True))
                lines.append(f"Of true {name}: {found}.")
            return figure, "\n".join(lines)

        controls = {
            "image": slider("image (number)", 0, 0, len(images) - 1),
            "truth": dropdown("truth (row)", list(class_names), class_names[1]),
            "predicted": dropdown("prediction (column)", list(class_names), class_names[-1]),
        }
        help_line = "Click a button (truth → prediction), or choose row and column. Where do the two classes touch?"
        super().__init__(controls, draw, help_line)
        layout = widgets.Layout(width="auto", min_width="150px")
        self.buttons = {}
        cells = []
        for row in class_names:
            for column in class_names:
                button = widgets.Button(description=f"{row} → {column}", layout=layout, tooltip="truth → prediction")
                button.on_click(lambda _, row=row, column=column: self.set(truth=row, predicted=column))
                self.buttons[row, column] = button
                cells.append(button)
        columns = f"repeat({len(class_names)}, auto)"
        grid = widgets.GridBox(cells, layout=widgets.Layout(grid_template_columns=columns, width="620px"))
        self.children = (*self.children[:2], grid, *self.children[2:])


def explore_confusion(images, truths, predictions, class_names=CLASS_NAMES) -> ConfusionBrowser:
    """For lists of images (H, W), truths and predictions (H, W) of class indices: the pixels behind every count."""
    return ConfusionBrowser(list(images), list(truths), list(predictions), tuple(class_names))
