"""A figure that shows itself in Jupyter, and the colours that all figures share."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

# Okabe and Ito's palette, which people with any form of colour blindness can tell apart; the background lighter, so that it is
# another grey than the cell body where no colours are seen, and errors darker than any grey of the images that they lie on.
CLASS_COLOURS = ("#E4E4E4", "#56B4E9", "#D55E00")
ERROR_COLOUR = "#7A0177"
TRAINING_COLOUR, VALIDATION_COLOUR = "#0072B2", "#E69F00"
_MORE_COLOURS = ("#009E73", "#F0E442", "#0072B2", "#CC79A7", "#000000")
# Rows are not written as differences from their neighbours: a quarter of the time; drawings as small, photographs 15 % larger.
QUICKLY = (cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE)


class DescribedFigure(Figure):
    """A matplotlib figure with a description in words, `alt`; Jupyter shows it without pyplot."""

    def __init__(self, width: float, height: float, alt: str, layout: str = "constrained"):
        super().__init__(figsize=(width, height), dpi=100, layout=layout, facecolor="white")
        if layout == "constrained":
            self.get_layout_engine().set(w_pad=0.08, h_pad=0.08)  # inches: titles stand free of the edge
        self.alt = alt

    def png(self, resolution: float = 1.0) -> bytes:
        """The figure as a PNG file's bytes; with resolution 2 of twice as many pixels each way."""
        self.dpi = 100 * resolution
        canvas = FigureCanvasAgg(self)
        canvas.draw()  # once; savefig would draw twice, and an explorer waits for it
        blue_green_red = cv2.cvtColor(np.asarray(canvas.buffer_rgba()), cv2.COLOR_RGBA2BGR)
        return cv2.imencode(".png", blue_green_red, QUICKLY)[1].tobytes()

    def _repr_mimebundle_(self, include=None, exclude=None):
        image = base64.b64encode(self.png()).decode("ascii")
        return {"image/png": image, "text/plain": self.alt}, {"image/png": {"alt": self.alt}}


def class_colours(num_classes: int = 3) -> list[tuple[float, float, float]]:
    """RGB 0..1 for each class: grey background, blue cell body, orange nucleus, then more."""
    colours = (CLASS_COLOURS + _MORE_COLOURS) * (1 + num_classes // 8)
    return [to_rgb(colour) for colour in colours[:num_classes]]


def line_colour(index: int) -> tuple[float, float, float]:
    """A class's colour, darker: for a line on white, where the background's own grey would be lost."""
    return tuple(0.6 * channel for channel in class_colours(index + 1)[index])


def bare(axes: Axes, title: str = "") -> None:
    """No ticks; a title where there is one."""
    axes.set(xticks=[], yticks=[])
    if title:
        axes.set_title(title, fontsize=10)


def panel_row(ratios: Sequence[float], height: float, alt: str, gap: float = 0.15, bar: bool = False, bottom: float = 0.04):
    """A `DescribedFigure` of the course's width with panels side by side, placed by hand: twice as fast as a computed layout.

    ratios : the panels' widths, relative. height : inches. gap : between panels, in shares of a panel. bar : room for a
    colour bar at the right. bottom : room for labels, in shares of the height. Returns the figure and its axes.
    """
    figure = DescribedFigure(9.8, height, alt, layout="none")
    room = {"left": 0.02, "right": 0.91 if bar else 0.98, "top": 1 - 0.45 / height, "bottom": bottom}
    grid = figure.add_gridspec(1, len(ratios), width_ratios=ratios, wspace=gap, **room)
    return figure, [figure.add_subplot(grid[0, k]) for k in range(len(ratios))]
