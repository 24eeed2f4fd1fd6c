"""Figures of a run's symptoms: what one would look at to find out what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from unet_lab.datasets.masks import CLASS_NAMES
from unet_lab.plots.figure import TRAINING_COLOUR, VALIDATION_COLOUR, DescribedFigure, bare, line_colour
from unet_lab.plots.images import show_mask

if TYPE_CHECKING:
    from unet_lab.doctor.symptoms import Symptoms

NOTHING = "nothing to see:\nthe run had ended"


def show_symptoms(symptoms: Symptoms, order: tuple[int, ...] = (0, 1, 2), title: str = "") -> DescribedFigure:
    """Six looks at one run: loss, gradients, outputs, and masks, truth and prediction.

    order : for each class of the run, whose colour it gets (0 background, 1 cell body, 2 nucleus in this course).
    """
    words = f"Loss, gradient norms, outputs, labels, truth and predictions of a run. {title}".strip()
    figure = DescribedFigure(9.8, 4.8, words, layout="none")  # placed by hand: twice as fast as a computed layout
    room = {"left": 0.07, "right": 0.99, "top": 0.87, "bottom": 0.11, "wspace": 0.24, "hspace": 0.55}
    grid = figure.add_gridspec(2, 3, **room)
    upper, lower = ([figure.add_subplot(grid[row, column]) for column in range(3)] for row in range(2))
    draw_losses(upper[0], symptoms)
    draw_gradients(upper[1], symptoms)
    draw_outputs(upper[2], symptoms, order)
    draw_labels(lower[0], symptoms)
    draw_truth(lower[1], symptoms, order)
    draw_predictions(lower[2], symptoms, order)
    if title:
        figure.suptitle(title, fontsize=11)
    return figure


def show_symptom(symptoms: Symptoms, draw: Callable[[Axes, Symptoms], None], alt: str) -> DescribedFigure:
    """One look at a run."""
    figure = DescribedFigure(7.0, 3.0, alt)
    draw(figure.subplots(), symptoms)
    return figure


def draw_losses(axes: Axes, symptoms: Symptoms) -> None:
    """The loss of every step, and of the validation images after each epoch."""
    line(axes, symptoms.losses, TRAINING_COLOUR, "loss (nats)", "loss", "training")
    if symptoms.validation_losses:
        steps, losses = zip(*symptoms.validation_losses, strict=True)
        top = 1.1 * max(value for value in (*symptoms.losses, 0.1) if np.isfinite(value))
        name = "validation" if max(losses) < 2 * top else f"validation (up to {max(losses):.0f}, beyond the axis)"
        axes.plot(steps, losses, "s--", color=VALIDATION_COLOUR, markersize=4, label=name)
        axes.set_ylim(0, max(top, *losses) if max(losses) < 2 * top else top)
    if symptoms.losses:
        axes.legend(fontsize=8)


def draw_gradients(axes: Axes, symptoms: Symptoms) -> None:
    """The length of the gradient of every step."""
    line(axes, symptoms.gradient_norms, "#009E73", "norm", "gradient norms")


def draw_outputs(axes: Axes, symptoms: Symptoms, order: tuple[int, ...] = (0, 1, 2)) -> None:
    """A histogram of the outputs for each class, over all validation pixels."""
    axes.set_title("outputs, by class", fontsize=10)
    if symptoms.logits is None:
        say(axes, NOTHING)
        return
    finite = symptoms.logits[np.isfinite(symptoms.logits)]
    low, high = np.percentile(finite, (0.5, 99.5)) if finite.size else (0.0, 1.0)
    edges = np.linspace(low, max(high, low + 1e-3), 50)
    for k in range(symptoms.logits.shape[1]):
        values = symptoms.logits[:, k].ravel()
        name = CLASS_NAMES[order[k]] if len(order) == len(CLASS_NAMES) else f"class {k}"
        look = {"histtype": "step", "color": line_colour(order[k]), "lw": 1.6, "ls": ("-", "--", ":")[k % 3]}
        axes.hist(values[np.isfinite(values)], edges, label=name, **look)
    axes.set(xlabel="output", ylabel="pixels", yticks=[])
    axes.legend(fontsize=8, framealpha=0.5)


def draw_labels(axes: Axes, symptoms: Symptoms) -> None:
    """How many pixels of each value the masks hold that the loss was given."""
    axes.set_title("values in the masks", fontsize=10)
    values = sorted(symptoms.label_values)
    total = sum(symptoms.label_values.values())
    if not values:
        say(axes, NOTHING)
        return
    axes.bar(range(len(values)), [100 * symptoms.label_values[v] / total for v in values], color=TRAINING_COLOUR)
    axes.set_xticks(range(len(values)), [str(v) for v in values])
    axes.set(xlabel="value", ylabel="of all pixels (%)", ylim=(0, 100))


def draw_truth(axes: Axes, symptoms: Symptoms, order: tuple[int, ...] = (0, 1, 2)) -> None:
    """Four validation masks."""
    four(axes, symptoms.truths, "truth", order)


def draw_predictions(axes: Axes, symptoms: Symptoms, order: tuple[int, ...] = (0, 1, 2)) -> None:
    """What the run predicts for those."""
    four(axes, None if symptoms.logits is None else symptoms.logits.argmax(axis=1), "prediction", order)


def draw_training_masks(axes: Axes, symptoms: Symptoms, order: tuple[int, ...] = (0, 1, 2)) -> None:
    """Four of the masks that were learnt from."""
    four(axes, symptoms.masks, "masks to learn from", order)


def four(axes: Axes, masks: np.ndarray | None, title: str, order: tuple[int, ...]) -> None:
    if masks is None:
        bare(axes, title)
        say(axes, NOTHING)
        return
    side = masks.shape[1]
    square = np.block([[masks[0], masks[1]], [masks[2], masks[3]]]) if len(masks) >= 4 else masks[0]
    if square.max() < len(order):
        show_mask(axes, np.asarray(order, np.uint8)[square], title)
    else:
        bare(axes, f"{title} (values up to {square.max()})")
        axes.imshow(square, cmap="gray", interpolation="nearest")
    if len(masks) >= 4:
        axes.axhline(side - 0.5, color="black", lw=1)
        axes.axvline(masks.shape[2] - 0.5, color="black", lw=1)


def line(axes: Axes, values: list[float], colour: str, label: str, title: str, name: str = "") -> None:
    axes.set_title(title, fontsize=10)
    if not values:
        say(axes, NOTHING)
        return
    shown = np.array(values, float)
    axes.plot(np.arange(1, len(shown) + 1), shown, color=colour, marker="o" if len(shown) < 5 else "", label=name or None)
    broken = np.flatnonzero(~np.isfinite(shown))
    if broken.size:
        axes.axvline(broken[0] + 1, color="black", ls=":")
        axes.text(broken[0] + 1, 0.5, "no number ", transform=axes.get_xaxis_transform(), fontsize=9, ha="right")
    axes.set(xlabel="step", ylabel=label)
    axes.set_ylim(bottom=0)


def say(axes: Axes, words: str) -> None:
    axes.set(xticks=[], yticks=[])
    axes.text(0.5, 0.5, words, ha="center", va="center", wrap=True, fontsize=9, transform=axes.transAxes)
