"""Figures for speed: the ways to run a network, and where its time and memory go."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from unet_lab.plots.figure import TRAINING_COLOUR, VALIDATION_COLOUR, DescribedFigure

if TYPE_CHECKING:
    from unet_lab.acceleration.selection import Trial
    from unet_lab.inspection.profile import LayerTime


def show_trials(trials: Sequence[Trial]) -> DescribedFigure:
    """A bar for each way that was timed: milliseconds; beside it speed-up, size and agreement."""
    timed = sorted((t for t in trials if not math.isnan(t.milliseconds)), key=lambda t: -t.milliseconds)
    words = "; ".join(f"{t.name} {t.milliseconds:.1f} ms" for t in timed)
    figure = DescribedFigure(9.8, 0.9 + 0.3 * len(timed), f"Milliseconds of each way to run the network: {words}.")
    draw_trials(figure.subplots(), timed)
    return figure


def draw_trials(axes: Axes, trials: Sequence[Trial], marked: str | None = None, short: bool = False) -> None:
    """The bars of `show_trials`, from below; `marked` (or else the one that was chosen) in the second colour."""
    for row, trial in enumerate(trials):
        chosen = trial.name == marked if marked else trial.verdict == "chosen"
        axes.barh(row, trial.milliseconds, color=VALIDATION_COLOUR if chosen else TRAINING_COLOUR, height=0.7)
        text = f" {trial.milliseconds:.1f} ms" if short else (
            f" {trial.milliseconds:.1f} ms   {trial.speed_up.median:.2f} times as fast   {trial.megabytes:.1f} MB   "
            f"{trial.agreement:.2%}"
        )  # fmt: skip
        axes.text(trial.milliseconds, row, text, va="center", fontsize=8)
    axes.set_yticks(range(len(trials)), [t.name for t in trials], fontsize=9)
    most = max(t.milliseconds for t in trials)
    axes.set(xlim=(0, most * (1.3 if short else 1.6)), xlabel="milliseconds")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def show_layer_times(layers: Sequence[LayerTime], peak: float) -> DescribedFigure:
    """For each layer: its time; for those that multiply, the share of `peak` (multiply-adds a second) that it reaches; and what
    is held in memory after it."""
    total = sum(layer.seconds for layer in layers)
    words = f"Time of {len(layers)} layers, {1000 * total:.1f} ms in all; share of the machine's peak; memory held."
    figure = DescribedFigure(9.8, 5.6, words)
    times, rates, memory = figure.subplots(3, 1, sharex=True)
    places = range(len(layers))
    colours = [TRAINING_COLOUR if layer.multiply_adds else "#999999" for layer in layers]
    times.bar(places, [1000 * layer.seconds for layer in layers], color=colours, width=0.9)
    times.set_ylabel("time (ms)")
    times.set_title("blue: convolutions; grey: batch norm, ReLU, pooling", fontsize=9)
    shares = [100 * layer.rate / peak for layer in layers]
    rates.bar(places, shares, color=colours, width=0.9)
    rates.axhline(100, color="black", lw=0.8)
    rates.set_ylabel("of the peak (%)")
    memory.step(places, [layer.held / 1e6 for layer in layers], where="mid", color=VALIDATION_COLOUR)
    memory.fill_between(places, [layer.held / 1e6 for layer in layers], step="mid", color=VALIDATION_COLOUR, alpha=0.2)
    memory.set_ylabel("held (MB)")
    marks = stages(layers)
    memory.set_xticks([place for place, _ in marks], [name for _, name in marks], fontsize=8, rotation=30, ha="right")
    for axes in (times, rates, memory):
        axes.grid(axis="y", alpha=0.3)
        for place, _ in marks[1:]:
            axes.axvline(place - 0.5, color="black", lw=0.4, alpha=0.5)
    return figure


def stages(layers: Sequence[LayerTime]) -> list[tuple[int, str]]:
    """Where each stage begins, and its name."""
    marks: list[tuple[int, str]] = []
    for place, layer in enumerate(layers):
        parts = layer.name.split(".")
        name = " ".join(parts[:2]) if parts[0] in ("encoder", "decoder") else parts[0]
        if not marks or marks[-1][1] != name:
            marks.append((place, name))
    return marks
