"""The figure of an explorer: a PNG with words for those who cannot see it, and real clicks.

Of the libraries that bring clicks to JupyterLab we took anywidget: it is kept, needs no build, and the few lines of JavaScript
beside this file also give the figure its alternative text, which ipywidgets' Image (with ipyevents) cannot have. ipympl redraws
figures of its own through pyplot, with all their state; ipycanvas is for drawing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anywidget
import traitlets

from unet_lab.plots.figure import DescribedFigure


class ImageWidget(anywidget.AnyWidget):
    """Shows a `DescribedFigure`. Clicks on axes that have a gid call `on_click(panel, row, column)`, with that gid as `panel`.

    row and column are whole numbers in the axes' own coordinates: of an image, the pixel. `resolution` is what the page asks for,
    pixels of the screen for each of the page (more than 1 where it is zoomed in or the screen is fine). Keys on the canvas of the
    explorer, where it has one, call `on_key(name, pressed, with shift)`.
    """

    _esm = Path(__file__).with_name("image_widget.js")
    _css = Path(__file__).with_name("image_widget.css")
    png = traitlets.Bytes(b"").tag(sync=True)
    alt = traitlets.Unicode("").tag(sync=True)
    panels = traitlets.List().tag(sync=True)  # of each clickable part: left, top, right, bottom, as fractions
    resolution = traitlets.Float(1.0).tag(sync=True)
    drawn_at = traitlets.Float(1.0).tag(sync=True)  # the resolution of what is shown
    click = traitlets.List([0.0, 0.0, 0]).tag(sync=True)  # x and y as fractions, and how many clicks so far

    def __init__(self, on_click: Callable[[str, int, int], None]):
        super().__init__()
        self._on_click = on_click
        self._names: list[str] = []
        self._to_data: list = []
        self.observe(self._clicked, names="click")
        self.on_key: Callable[[str, bool, bool], None] | None = None
        self.on_msg(self.key_pressed)

    def show(self, figure: DescribedFigure, alt: str = "") -> None:
        """Draw, and send what was drawn; `alt` takes the place of the figure's own text."""
        resolution = self.resolution
        png = figure.png(resolution)
        clickable = [axes for axes in figure.axes if axes.get_gid()]
        self._names = [axes.get_gid() for axes in clickable]
        self._to_data = [(figure.transFigure + axes.transData.inverted()).frozen() for axes in clickable]
        boxes = [axes.get_window_extent().transformed(figure.transFigure.inverted()) for axes in clickable]
        with self.hold_sync():
            self.alt = alt or figure.alt
            self.drawn_at = resolution
            self.panels = [[float(b.x0), float(1 - b.y1), float(b.x1), float(1 - b.y0)] for b in boxes]
            self.png = png

    def key_pressed(self, _widget, content: dict, _buffers) -> None:
        if self.on_key is not None:
            self.on_key(str(content["key"]), bool(content["down"]), bool(content["fine"]))

    def _clicked(self, change) -> None:
        x, y, _ = change["new"]
        for name, (left, top, right, bottom), to_data in zip(self._names, self.panels, self._to_data, strict=True):
            if left <= x <= right and top <= y <= bottom:
                column, row = to_data.transform((x, 1 - y))
                self._on_click(name, round(float(row)), round(float(column)))
                return
