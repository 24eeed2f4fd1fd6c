"""Objects: each in a colour that its neighbours do not have; measurements as points, one column for each group."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from unet_lab.objects import find_neighbours
from unet_lab.plots.figure import CLASS_COLOURS, ERROR_COLOUR, TRAINING_COLOUR, VALIDATION_COLOUR, DescribedFigure, bare
from unet_lab.plots.images import as_rgb
from unet_lab.training.touching import WAY_NAMES, Separation

OBJECT_COLOURS = ("#56B4E9", "#E69F00", "#009E73", "#F0E442", "#0072B2", "#D55E00")


def object_colours(labels: np.ndarray, apart: float = 4.0) -> dict[int, int]:
    """Which of `OBJECT_COLOURS` each object gets: the first that no object within `apart` pixels has (greedy colouring).

    >>> object_colours(np.array([[1, 2, 1]]))
    {1: 0, 2: 1}
    """
    near: dict[int, set[int]] = {int(n): set() for n in np.unique(labels[labels > 0])}
    for a, b in find_neighbours(labels, apart):
        near[a].add(b)
        near[b].add(a)
    chosen: dict[int, int] = {}
    for number in near:
        taken = {chosen[other] for other in near[number] if other in chosen}
        free = [colour for colour in range(len(OBJECT_COLOURS)) if colour not in taken]
        chosen[number] = free[0] if free else number % len(OBJECT_COLOURS)
    return chosen


def show_objects(
    axes: Axes,
    image: np.ndarray | None,
    labels: np.ndarray,
    title: str = "",
    marked: Collection[int] = (),
    strength: float = 0.55,
) -> None:
    """The image with every object laid over it in colour; the numbers in `marked` in the error colour.

    image (H, W), or None for the background's grey; labels (H, W) object numbers. strength 0 to 1 (only colour).
    """
    labels = np.asarray(labels).astype(np.int64)
    shown = np.full((*labels.shape, 3), to_rgb(CLASS_COLOURS[0]), np.float32) if image is None else as_rgb(image)
    for number, colour in object_colours(labels).items():
        chosen = ERROR_COLOUR if number in marked else OBJECT_COLOURS[colour]
        inside = labels == number
        shown[inside] = (1 - strength) * shown[inside] + strength * np.array(to_rgb(chosen), np.float32)
    axes.imshow(shown, interpolation="nearest")
    bare(axes, title)


def draw_points(
    axes: Axes, groups: Mapping[str, Sequence[float]], label: str, colours: Sequence[str] | None = None, seed: int = 0
) -> None:
    """Every value as a point, one column for each group, scattered sideways so that none hides another; a bar at the mean."""
    rng = np.random.default_rng(seed)
    colours = colours or [CLASS_COLOURS[1]] * len(groups)
    for place, (values, colour) in enumerate(zip(groups.values(), colours, strict=True)):
        values = np.asarray(values, float)
        aside = place + rng.uniform(-0.22, 0.22, values.size)
        axes.plot(aside, values, "o", color=colour, ms=4, alpha=0.6, mec="none")
        if values.size:
            axes.hlines(np.nanmean(values), place - 0.33, place + 0.33, color="black", lw=2)
    axes.set_xticks(range(len(groups)), list(groups))
    axes.set_ylabel(label)


def draw_histogram_with_points(axes: Axes, values: Sequence[float], bins: np.ndarray, label: str) -> None:
    """A histogram, and below it every value as a point of its own: few values make a histogram that promises too much."""
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    counts, _ = np.histogram(values, bins)
    axes.stairs(counts, bins, fill=True, color=CLASS_COLOURS[1], alpha=0.7)
    rug = -0.12 * max(1, counts.max())
    axes.plot(values, np.full(values.size, rug), "|", color=TRAINING_COLOUR, ms=9)
    axes.axvline(values.mean() if values.size else np.nan, color=VALIDATION_COLOUR, lw=2)
    axes.axhline(0, color="black", lw=0.8)
    axes.set(xlabel=label, ylabel="cells", ylim=(2 * rug, None))
    axes.set_yticks([tick for tick in axes.get_yticks() if 0 <= tick <= counts.max()])  # below 0 there are points, no counts


def show_separations(rows: Sequence[Separation]) -> DescribedFigure:
    """Objects' F1 and error of the areas, a line for each lesson and way, a point for each seed, a colour for each duration."""
    lines = list(dict.fromkeys((row.lesson.words, row.way) for row in rows))
    durations = sorted({row.lesson.epochs for row in rows})
    alt = f"Objects' F1 and error of the areas for {len(lines)} ways to tell a network about contacts, a point for each seed."
    figure = DescribedFigure(9.8, 0.45 * len(lines) + 0.8, alt)
    left, right = figure.subplots(1, 2, sharey=True)
    for row in rows:
        turn = durations.index(row.lesson.epochs)
        line = lines.index((row.lesson.words, row.way))
        place = np.full(len(row.f1), line + 0.18 * (2 * turn - len(durations) + 1))
        colour, marker = ((TRAINING_COLOUR, "o"), (VALIDATION_COLOUR, "s"))[turn % 2]
        label = f"{row.lesson.epochs} epochs" if line == 0 else None
        left.plot(row.f1, place, marker, color=colour, alpha=0.7, label=label)
        right.plot(100 * np.array(row.area_bias), place, marker, color=colour, alpha=0.7)
    left.set_yticks(range(len(lines)), [f"{taught}: {WAY_NAMES[way]}" for taught, way in lines])
    left.set(xlabel="objects' F1", xlim=(0, 1.03))
    right.axvline(0, color="black", lw=0.8)
    right.set(xlabel="areas of found cells wrong by (%)")
    left.invert_yaxis()
    left.legend(frameon=False, loc="lower left")
    return figure
