"""Explorers: break a healthy pipeline with one switch; and the clinic, where each look at an unknown run costs a point."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from unet_lab.datasets.masks import CLASS_NAMES
from unet_lab.doctor.faults import FAULTS
from unet_lab.doctor.symptoms import Symptoms
from unet_lab.explorers.base import Explorer, dropdown
from unet_lab.metrics import scores
from unet_lab.plots.figure import DescribedFigure
from unet_lab.plots.run_symptoms import (
    draw_gradients,
    draw_losses,
    draw_outputs,
    draw_predictions,
    draw_training_masks,
    draw_truth,
    show_symptoms,
)

HEALTHY, NEW = "healthy", "(begin anew)"


def explore_failures(runs: Mapping[str | None, Symptoms]) -> Explorer:
    """Throw one switch of a healthy pipeline, and see all that the run then shows.

    runs : symptoms by fault, None for the healthy run, e.g. `{fault: run_with_fault(fault) for fault in [None, *FAULTS]}`.
    """
    names = {(HEALTHY if fault is None else FAULTS[fault].title): fault for fault in runs}

    def draw(switch):
        fault = names[switch]
        symptoms = runs[fault]
        figure = show_symptoms(symptoms, title=switch)
        words = "Nothing is switched." if fault is None else f"The switch: {FAULTS[fault].switch}."
        return figure, f"{words} {told(symptoms)}"

    help_line = "Before you switch: what will the six figures show? Which of them gives it away, and which look healthy?"
    return Explorer({"switch": dropdown("break it", list(names), HEALTHY)}, draw, help_line)


def told(symptoms: Symptoms) -> str:
    """What one would read off a log."""
    if symptoms.error:
        return f"It stopped: {symptoms.error.splitlines()[0][:160]}"
    found = scores(symptoms.matrices[-1], average=None)
    if symptoms.reported == "accuracy":
        return f"It reports: accuracy {scores(symptoms.matrices[-1], average='macro').accuracy:.1%}."
    each = ", ".join(f"{name} {value:.2f}" for name, value in zip(CLASS_NAMES, found.iou, strict=True))
    return f"It reports: last loss {symptoms.losses[-1]:.2f}; IoU on validation {each}."


TESTS = {
    "loss curve": (draw_losses, lambda s: f"From {s.losses[0]:.2f} to {np.mean(s.losses[-4:]):.2f} in {len(s.losses)} steps."),
    "gradient norms": (draw_gradients, lambda s: f"At most {max(s.gradient_norms):.1f}, at the end {s.gradient_norms[-1]:.1f}."),
    "outputs, by class": (
        lambda axes, s: draw_outputs(axes, s),
        lambda s: (
            f"From {s.logits.min():.2f} to {s.logits.max():.2f}; their sum over the classes from "
            f"{s.logits.sum(1).min():.2f} to {s.logits.sum(1).max():.2f}."
        ),
    ),
    "masks to learn from": (
        lambda axes, s: draw_training_masks(axes, s),
        lambda s: f"Values {', '.join(map(str, sorted(s.label_values)))}.",
    ),
    "predictions": (lambda axes, s: draw_predictions(axes, s), lambda s: "Of four validation images. And the truth?"),
    "truth": (lambda axes, s: draw_truth(axes, s), lambda s: "Of the same four validation images."),
    "inputs: mean and standard deviation": (
        None,
        lambda s: (
            f"While training: mean {s.training_inputs[0]:.2f}, standard deviation {s.training_inputs[1]:.2f}. When it "
            f"predicts: mean {s.predicted_inputs[0]:.2f}, standard deviation {s.predicted_inputs[1]:.2f}."
        ),
    ),
    "one image, other neighbours": (
        None,
        lambda s: f"The same image with other images in its batch: its logits change by up to {s.neighbours_matter:.2g}.",
    ),
    "batch norm's counter": (None, lambda s: f"Running statistics updated {s.norm_updates} times in {len(s.losses)} steps."),
    "images on both sides": (
        None,
        lambda s: (
            f"{len(set(s.training_images) & set(s.validation_images))} of {len(s.validation_images)} validation images are "
            "also among the training images."
        ),
    ),
    "IoU on validation": (None, told),
}


def explore_faults(runs: Mapping[str, Symptoms]) -> Explorer:
    """Unknown runs and the tests that one can order for them; each test costs a point, once for each run."""
    ordered: dict[str, list[str]] = {name: [] for name in runs}

    def draw(run, test):
        mine = ordered[run]
        if test == NEW:
            mine.clear()
        elif test not in mine:
            mine.append(test)
        symptoms = runs[run]
        spent = sum(map(len, ordered.values()))
        words = f"Run {run}: {told(symptoms) if test == NEW else TESTS[test][1](symptoms)}"
        lines = [words, f"Tests ordered for {run}: {', '.join(mine) or 'none'}. Points spent on all runs: {spent}."]
        return picture(run, symptoms, test), "\n".join(lines)

    controls = {
        "run": dropdown("run", list(runs), next(iter(runs))),
        "test": dropdown("order a test", [NEW, *TESTS], NEW),
    }
    help_line = "Think first: which test would tell apart the two faults that you suspect? Good doctors need about two for each."
    return Explorer(controls, draw, help_line)


def picture(run: str, symptoms: Symptoms, test: str) -> DescribedFigure:
    figure = DescribedFigure(7.0, 3.0, f"Run {run}, {test}.")
    axes = figure.subplots()
    draw = None if test == NEW else TESTS[test][0]
    if draw is not None:
        draw(axes, symptoms)
        return figure
    axes.axis("off")
    text = f"run {run}" if test == NEW else f"run {run}\n{test}:\nread the words below"
    axes.text(0.5, 0.5, text, ha="center", va="center", fontsize=14)
    return figure
