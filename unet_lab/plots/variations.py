"""Figures for comparisons: one dot per seed; which numbers a normalisation takes together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from unet_lab.plots.figure import TRAINING_COLOUR, VALIDATION_COLOUR, DescribedFigure, bare
from unet_lab.training.outcomes import Outcome


def show_outcomes(outcomes: Sequence[Outcome], baseline: Outcome) -> DescribedFigure:
    """A row per candidate: every seed's macro IoU as a dot, the mean as a line; a band for the baseline's mean ± std."""
    figure, axes = outcomes_figure(outcomes)
    draw_outcomes(axes, outcomes, baseline)
    return figure


def outcomes_figure(outcomes: Sequence[Outcome]) -> tuple[DescribedFigure, Axes]:
    """An empty figure with room for so many rows."""
    words = "; ".join(f"{o.candidate.name} {o.mean:.3f}" for o in outcomes)
    height = min(1.0 + 0.24 * max(len(outcomes), 6), 9.5)  # inches; of many rows each has less
    figure = DescribedFigure(9.8, height, f"Macro IoU of each seed: {words}.", layout="none")
    return figure, figure.add_axes((0.27, 0.5 / height, 0.7, 1 - 0.6 / height))


def draw_outcomes(axes: Axes, outcomes: Sequence[Outcome], baseline: Outcome) -> None:
    """The rows of `show_outcomes` on given axes."""
    std = 0.0 if np.isnan(baseline.std) else baseline.std
    axes.axvspan(baseline.mean - std, baseline.mean + std, color=TRAINING_COLOUR, alpha=0.12, lw=0)
    axes.axvline(baseline.mean, color=TRAINING_COLOUR, lw=0.8)
    for row, outcome in enumerate(outcomes):
        colour = TRAINING_COLOUR if outcome.candidate == baseline.candidate else VALIDATION_COLOUR
        axes.plot(outcome.ious, [row] * len(outcome.ious), "o", color=colour, markersize=5, alpha=0.7, markeredgewidth=0)
        axes.plot([outcome.mean] * 2, [row - 0.35, row + 0.35], color="black", lw=1.5)
    axes.set_yticks(range(len(outcomes)), [o.candidate.name for o in outcomes], fontsize=9)
    axes.set(ylim=(len(outcomes) - 0.4, -0.6), xlabel="macro IoU on unseen cells: a dot per seed, their mean as a line")
    axes.grid(axis="x", alpha=0.3)


def show_norm_groups(images: int = 3, channels: int = 4, groups: int = 2) -> DescribedFigure:
    """Which feature maps of a batch share one mean and one variance, for each normalisation: squares of one colour do."""
    image, channel = np.mgrid[:images, :channels]
    together = {
        "batch": channel,
        "layer": image,
        "instance": image * channels + channel,
        f"group ({groups} groups)": image * groups + channel * groups // channels,
    }
    figure = DescribedFigure(
        9.8, 2.6, "Feature maps of three images and four channels, coloured by which share a mean and a variance."
    )
    for axes, (name, which) in zip(figure.subplots(1, 4), together.items(), strict=True):
        axes.imshow(which, cmap="tab20" if which.max() > 9 else "tab10", vmin=0, vmax=19 if which.max() > 9 else 9)
        for (row, column), number in np.ndenumerate(which):
            axes.text(column, row, str(number + 1), ha="center", va="center", color="white", fontsize=10, weight="bold")
        bare(axes, name)
        axes.set(xlabel="channel", ylabel="image")
        axes.set_xticks(np.arange(channels + 1) - 0.5, [], minor=True)
        axes.set_yticks(np.arange(images + 1) - 0.5, [], minor=True)
        axes.grid(which="minor", color="white", lw=2)
        axes.tick_params(which="minor", length=0)
    return figure
