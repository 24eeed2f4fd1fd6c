"""How sure students were of their predictions, and how often right: in groups, in words, as a plot, of one and of a class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from unet_lab.course.prediction_questions import QUESTIONS
from unet_lab.course.predictions import checked, load_predictions
from unet_lab.course.progress import read_export
from unet_lab.plots.figure import TRAINING_COLOUR, DescribedFigure

EDGES = (0.0, 0.45, 0.6, 0.75, 0.9, 1.001)  # how sure: the groups of the plot


class Kept(NamedTuple):
    """One prediction: how sure it was, 0 to 1, and whether it was right."""

    sure: float
    right: bool


def judged(entries: Mapping[str, dict]) -> list[Kept]:
    """Each with whether it was right."""
    return [Kept(float(entry["sure"]), entry["answer"] == QUESTIONS[name].right) for name, entry in entries.items()]


def of_class(files: Sequence[str | Path]) -> dict[str, list[Kept]]:
    """What a class kept, by student, of files that `export_progress` wrote. ValueError where one is damaged."""
    found: dict[str, list[Kept]] = {}
    for path in sorted(map(Path, files)):
        content = read_export(path)
        try:
            kept = judged(checked(content.get("predictions", {})))
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}.") from None
        student = content["student"]
        found[student if student not in found else f"{student} ({path.name})"] = kept
    return found


class Group(NamedTuple):
    """Answers of about the same certainty: how many, how sure on the average, which share was right."""

    count: int
    sure: float
    right: float


def groups(kept: Sequence[Kept]) -> list[Group]:
    """By how sure they were; empty groups are left out.

    >>> groups([Kept(0.8, True), Kept(0.8, False), Kept(1.0, True)])
    [Group(count=2, sure=0.8, right=0.5), Group(count=1, sure=1.0, right=1.0)]
    """
    found = []
    for low, high in pairwise(EDGES):
        inside = [one for one in kept if low <= one.sure < high]
        if inside:
            mean = sum(one.sure for one in inside) / len(inside)
            found.append(Group(len(inside), mean, sum(one.right for one in inside) / len(inside)))
    return found


def in_words(kept: Sequence[Kept]) -> str:
    """How sure and how often right, in a sentence."""
    if not kept:
        return "No prediction is kept yet: pages 05, 07 and 08 ask for some near their beginning."
    sure, right = sum(one.sure for one in kept) / len(kept), sum(one.right for one in kept) / len(kept)
    return f"{len(kept)} predictions: {sure:.0%} sure on the average, {right:.0%} right."


def show_calibration(kept: Sequence[Kept] | None = None) -> DescribedFigure:
    """How often you were right against how sure you were. kept : by default what this machine has kept."""
    kept = judged(load_predictions()) if kept is None else kept
    figure = DescribedFigure(4.6, 3.8, in_words(kept))
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="#777777", ls="--", lw=1, label="as sure as right")
    for group in groups(kept):
        axes.plot(group.sure, group.right, "o", color=TRAINING_COLOUR, ms=5 + 2 * min(group.count, 10))
        axes.annotate(str(group.count), (group.sure, group.right), (9, -9), textcoords="offset points", fontsize=8)
    axes.set(xlim=(0.25, 1.05), ylim=(-0.05, 1.05), xlabel="how sure", ylabel="share that was right")
    axes.set_title(in_words(kept).replace(": ", ":\n", 1), fontsize=9)
    axes.legend(loc="upper left", fontsize=8)
    return figure
