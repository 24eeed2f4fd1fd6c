"""Explorer: paint a cell with the mouse or the keyboard, and a network segments it while you paint."""

from __future__ import annotations

import time
from collections.abc import Mapping

import cv2
import ipywidgets as widgets
import numpy as np
from ipycanvas import Canvas
from PIL import Image
from torch import nn

from unet_lab.datasets.generator.organelles import BACKGROUND, BODY, NUCLEUS
from unet_lab.datasets.generator.painter import CellPainter
from unet_lab.datasets.masks import CLASS_NAMES
from unet_lab.explorers.base import DRAWING, Explorer, dropdown, slider
from unet_lab.explorers.painted_masks import SHOWN, SIZE, STARTING_MASKS, PaintedPanels, starting_mask
from unet_lab.inference.predict import predict
from unet_lab.inference.segment import WORKING_SIZE
from unet_lab.metrics import confusion_matrix, scores

BRUSHES = {"cell body": BODY, "nucleus": NUCLEUS, "background": BACKGROUND}
MOVES = {"ArrowLeft": (-1, 0), "ArrowRight": (1, 0), "ArrowUp": (0, -1), "ArrowDown": (0, 1)}  # columns, rows


class PaintingExplorer(Explorer):
    """A canvas to paint on, and beside it what was painted and what the network makes of it.

    networks : by name; each takes (1, 1, H, W) and gives three classes. `stroke` paints from code as the mouse does; `mask` is
    what was painted, `answer` what the network says, both uint8 (128, 128). `milliseconds` is what the last change took here, in
    the kernel, and `network_milliseconds` the network's part of it.
    """

    def __init__(self, networks: Mapping[str, nn.Module], seed: int = 5):
        self._networks = dict(networks)
        self._from: tuple[float, float] | None = None
        self.brush_at: tuple[int, int] | None = None  # column and row, while the keyboard paints
        self._begun = ("", -1)  # the figure and the look that are on the canvas
        self._painter = CellPainter(seed, SIZE)
        self.mask = self.answer = starting_mask("nothing")
        self.milliseconds = self.network_milliseconds = 0.0
        self._clock = widgets.HTML()
        self._place = widgets.HTML()
        self.canvas = Canvas(width=SIZE, height=SIZE, layout=widgets.Layout(width=f"{SHOWN}px", height=f"{SHOWN}px"))
        self.canvas.on_mouse_down(self.press)
        self.canvas.on_mouse_move(self.move)
        self.canvas.on_mouse_up(self.lift)
        self.canvas.on_mouse_out(self.lift)
        self.canvas.on_touch_start(lambda places: self.press(*places[0]))
        self.canvas.on_touch_move(lambda places: self.move(*places[0]))
        self.canvas.on_touch_end(lambda _: self.lift())
        self.canvas.on_client_ready(lambda: self.canvas.put_image_data(self.canvas_colours()))
        controls = {
            "begin": dropdown("begin with", list(STARTING_MASKS), "a cell"),
            "look": slider("look (seed)", seed, 0, 20),
            "brush": dropdown("brush", list(BRUSHES), "nucleus"),
            "width": slider("width (px)", 12, 2, 40, 2),
            "network": dropdown("network", list(self._networks), next(iter(self._networks))),
            "seen": dropdown("seen at (px)", [SIZE, WORKING_SIZE], WORKING_SIZE),
        }
        help_line = (
            "Paint on the left: hold the mouse button and move; or with arrow keys and the space bar, finer with Shift. "
            "What does the network need to believe in a nucleus?"
        )
        rows = [["begin", "look"], ["network", "seen"], ["brush", "width"]]
        super().__init__(controls, self.draw_all, help_line, groups=rows)
        box, last, figure, text = self.children
        looks = "cursor: crosshair; image-rendering: pixelated"
        style = widgets.HTML(f"<style>.unet-lab-canvas canvas {{ {looks} }}</style>paint here")
        left = widgets.VBox([style, self.canvas])
        left.add_class("unet-lab-canvas")
        row = widgets.HBox([left, figure], layout=widgets.Layout(flex_flow="row wrap"))
        self.children = (box, last, row, text, self._place, self._clock)
        self._image.on_key = self.press_key

    def set(self, **values) -> None:
        """As `Explorer.set`; a figure to begin with takes the place of what was painted, even where it is the same as before."""
        if "begin" in values:
            self._begun = ("", self._begun[1])
        super().set(**values)

    def stroke(self, *places: tuple[float, float]) -> None:
        """Paint a line through these (column, row), in pixels of the canvas, with the brush that is chosen."""
        for place in places:
            (self.press if self._from is None else self.move)(*place)
        self.lift()

    def drive(self, **start) -> str:
        """As `Explorer.drive`; the brush and its width show in a stroke."""
        found = {}
        for brush in BRUSHES:
            for width in (6, 20):
                self.set(**self._defaults)
                self.set(brush=brush, width=width, begin="a square cell")
                self.stroke((40, 30), (70, 100))
                found[brush, width] = self.mask.tobytes()
        assert len(set(found.values())) == len(found), "a brush paints as another one does"
        for name in ("begin", "look", "network", "seen"):
            seen = set()
            for value in (values := self.controls[name].options if name != "look" else (1, 2)):
                self.set(**{**self._defaults, name: value})
                seen.add((self.png, value if name == "network" else ""))
            assert len(seen) > 1 or len(values) == 1, f"nothing follows when {name} is turned"
        self.set(**self._defaults)
        return f"{len(self.controls)} controls turned: {', '.join(self.controls)}"

    def press_key(self, key: str, down: bool = True, fine: bool = False) -> None:
        """What a key does on the canvas: arrows move the brush by half its width, with shift by a pixel; the space bar paints as
        long as it is down; the empty name is what is said when the canvas is left: the brush goes."""
        if key == "":
            self.lift()
            self.brush_at = None
        elif key in MOVES:
            step = 1 if fine else max(1, self.controls["width"].value // 2)
            at = (64, 64) if self.brush_at is None else self.brush_at
            self.brush_at = tuple(min(max(a + step * d, 0), SIZE - 1) for a, d in zip(at, MOVES[key], strict=True))
            self.move(*self.brush_at)
        elif down:
            self.brush_at = self.brush_at or (64, 64)
            self.press(*self.brush_at)
        else:
            self.lift()
        self.show_brush()

    def show_brush(self) -> None:
        with DRAWING:
            self.canvas.put_image_data(self.canvas_colours())
        if self.brush_at is None:
            self._place.value = ""
            return
        column, row = self.brush_at
        doing = "painting" if self._from is not None else "over"
        under = CLASS_NAMES[self.mask[row, column]]
        self._place.value = f'<div role="status">Brush at row {row}, column {column}, {doing} {under}.</div>'

    def press(self, x: float, y: float) -> None:
        self._from = (x, y)
        self.move(x, y)

    def lift(self, *_place: float) -> None:
        self._from = None

    def move(self, x: float, y: float) -> None:
        if self._from is None:
            return
        with DRAWING:
            here = [(round(a), round(b)) for a, b in (self._from, (x, y))]
            line = np.zeros((SIZE, SIZE), np.uint8)
            cv2.line(line, *here, 1, self.controls["width"].value)
            self.mask = np.where(line > 0, np.uint8(BRUSHES[self.controls["brush"].value]), self.mask)
            self._from = (x, y)
            self._update()

    def _update(self) -> None:
        began = time.perf_counter()
        super()._update()
        self.milliseconds = 1000 * (time.perf_counter() - began)
        self._clock.value = (
            f'<span class="unet-lab-note">From stroke to mask {self.milliseconds:.0f} ms in the kernel, the network '
            f"{self.network_milliseconds:.0f} ms of them.</span>"
        )

    def draw_all(self, brush, width, begin, look, network, seen):
        if self._begun != (begin, look):
            if self._begun[1] != look:
                self._painter = CellPainter(look, SIZE)
            if self._begun[0] != begin or not self.mask.any():
                self.mask = starting_mask(begin)
            self._begun = (begin, look)
        self.image = self._painter.draw(self.mask)
        self.canvas.put_image_data(self.canvas_colours())
        larger = np.asarray(Image.fromarray(self.image).resize((seen, seen), Image.Resampling.BICUBIC))
        began = time.perf_counter()
        answer = predict(self._networks[network], larger)
        self.network_milliseconds = 1000 * (time.perf_counter() - began)
        self.answer = np.asarray(Image.fromarray(answer).resize((SIZE, SIZE), Image.Resampling.NEAREST))
        found = scores(confusion_matrix(self.mask, self.answer), average=None).iou
        there = [f"{name} {score:.2f}" for name, score in zip(CLASS_NAMES, found, strict=True) if not np.isnan(score)]
        words = f"IoU of the network's answer with what you painted: {', '.join(there)}."
        return PaintedPanels(self.image, self.mask, self.answer, words), words

    def canvas_colours(self) -> np.ndarray:
        """What is on the canvas, uint8 (128, 128, 3): the image, and a ring, dark in light, where the keyboard's brush is."""
        colours = np.repeat(self.image[..., None], 3, axis=2)
        if self.brush_at is not None:
            radius = max(2, self.controls["width"].value // 2)
            cv2.circle(colours, self.brush_at, radius + 1, (255, 255, 255), 1)
            cv2.circle(colours, self.brush_at, radius, (0, 0, 0), 1)
        return colours


def explore_painting(networks: Mapping[str, nn.Module]) -> PaintingExplorer:
    """Paint cells and watch these networks segment them."""
    return PaintingExplorer(networks)
