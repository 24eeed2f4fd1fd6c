"""The whole network as one still picture: its stages as their own strongest feature maps, laid out as a U."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from matplotlib.patches import FancyArrowPatch

from unet_lab.plots.figure import DescribedFigure, bare
from unet_lab.plots.images import overlay

CARDS = 4  # feature maps a stage


def show_network(
    picture: Mapping[str, Any], prediction: Mapping[str, Any], network: Mapping[str, Any], maps: Callable[..., Mapping[str, Any]]
) -> DescribedFigure:
    """Input, stages and mask from left to right, each stage as low as often its maps were halved.

    picture, prediction, network, maps : as the network view gets them (`picture()`, `prediction()`, `describe()`, `maps(…)` of
    explorers/network.js).
    """
    stages = network["stages"]
    levels = 1 + max(stage["level"] for stage in stages)
    columns = len(stages) + 2
    alt = described(network)
    figure = DescribedFigure(max(9.8, 0.95 * columns), 1.1 + 1.05 * levels, alt, layout="none")
    places = {}
    shown = np.asarray(picture["bytes"]).reshape(picture["height"], picture["width"], 3)
    draw_card(figure, place_of(0, 0, columns, levels), shown, "input")
    for k, stage in enumerate(stages):
        box = places[stage["name"]] = place_of(k + 1, stage["level"], columns, levels)
        found = maps(stage["shown"], strongest=CARDS, size=96)
        cards = np.asarray(found["bytes"]).reshape(-1, found["height"], found["width"])
        draw_stack(figure, box, cards, f"{stage['label']}\n{' x '.join(map(str, stage['shape']))}")
    top, left, height, width = (prediction[n] for n in ("top", "left", "height", "width"))
    mask = np.asarray(prediction["mask"]).reshape(height, width)
    answer = overlay(shown[top : top + height, left : left + width], mask)
    draw_card(figure, place_of(columns - 1, 0, columns, levels), answer, "mask")
    for skip in network["skips"]:
        draw_skip(figure, places[skip["from"]], places[skip["to"]])
    return figure


def described(network: Mapping[str, Any]) -> str:
    """What the picture shows, in words."""
    stages = [f"{s['label']} {' x '.join(map(str, s['shape']))}" for s in network["stages"]]
    return f"{network['title']}, from the input over {'; '.join(stages)} to the mask; {len(network['skips'])} skips."


def place_of(column: int, level: int, columns: int, levels: int) -> tuple[float, float, float, float]:
    """Left, bottom, width and height of a card, as shares of the figure; deeper cards are smaller."""
    room, row = 0.97 / columns, 0.9 / levels
    share = 0.8 * 0.92**level
    return 0.015 + column * room, 0.95 - (level + 1) * row + 0.25 * row, share * room, share * row * 0.8


def draw_card(figure: DescribedFigure, box: tuple[float, float, float, float], image: np.ndarray, title: str, **look) -> None:
    axes = figure.add_axes(box)
    axes.imshow(image, interpolation="nearest", **look)
    bare(axes)
    axes.set_title(title, fontsize=7, pad=3)


def draw_stack(figure: DescribedFigure, box: tuple[float, float, float, float], cards: np.ndarray, title: str) -> None:
    """The cards behind each other, the strongest in front."""
    left, bottom, width, height = box
    for k in reversed(range(len(cards))):
        shifted = (left + 0.006 * k, bottom + 0.011 * k, width * 0.85, height)
        draw_card(figure, shifted, cards[k], title if k == 0 else "", cmap="viridis", vmin=0, vmax=255)
    figure.axes[-1].set_title("")
    figure.text(left + 0.45 * width, bottom - 0.01, title, fontsize=7, ha="center", va="top")


def draw_skip(figure: DescribedFigure, start: tuple[float, float, float, float], end: tuple[float, float, float, float]) -> None:
    """A grey arrow from one stage's card to another's."""
    height = start[1] + 0.5 * start[3]
    arrow = FancyArrowPatch(
        (start[0] + start[2] + 0.02, height),
        (end[0] - 0.004, end[1] + 0.5 * end[3]),
        transform=figure.transFigure,
        arrowstyle="-|>",
        mutation_scale=9,
        color="#7A7A7A",
        lw=1.2,
    )
    figure.add_artist(arrow)
