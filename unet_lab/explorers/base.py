"""What all explorers share: controls on top, one figure, the numbers in words, a reset button and a line of help."""

from __future__ import annotations

import base64
import gc
import threading
from collections.abc import Callable
from html import escape

import ipywidgets as widgets

from unet_lab.explorers.controls import checkbox, dropdown, float_slider, shown_value, slider, values_of
from unet_lab.explorers.image_widget import ImageWidget
from unet_lab.plots.figure import DescribedFigure

__all__ = ["DRAWING", "Explorer", "checkbox", "dropdown", "float_slider", "slider", "values_of"]
# JupyterLab sends what a control does to a thread of its own, so that it works while a cell runs. One figure at a time.
DRAWING = threading.RLock()

# Python's garbage collector would look through all of PyTorch and Matplotlib every few figures, a tenth of a second in which a
# slider hangs (benchmarks/explorers.py). Both are loaded by now, at the notebook's imports, and stay: they need not be looked at
# again. Once, and here: what a notebook makes later, explorers too, is collected when it is no longer used.
gc.collect()  # or what is no longer used by now would be kept for ever
gc.freeze()


class Explorer(widgets.VBox):
    """A small interface: some controls, and a figure and a sentence that follow them.

    Parameters
    ----------
    controls : widgets by name. Their values at the start are what `reset` goes back to.
    draw : called with the controls' values by name; returns (DescribedFigure, words). A ValueError is shown as words, since an
        explorer may be turned to what is not allowed. It must not read anything of the notebook.
    help_line : what to try.
    on_click : where figures take clicks: called with (panel, row, column), the gid of the axes and the place in them; returns
        the values to set, by control. Sliders for the same values are the other way, for the keyboard.
    limits : where a slider's end depends on how other controls stand: called with all values by name, returns the largest value
        by slider (16 channels of a layer: 15).
    groups : how controls stand together, a list of rows of names; one flowing row where left out.

    `explorer.set(name=value, …)` turns controls from code, as the last cell of each notebook and the tests do;
    `explorer.words` is the sentence as plain text. The figure is also stored as PNG, for pages without a kernel.
    """

    def __init__(
        self,
        controls: dict[str, widgets.Widget],
        draw: Callable[..., tuple[DescribedFigure, str]],
        help_line: str,
        on_click: Callable[[str, int, int], dict] | None = None,
        groups: list[list[str]] | None = None,
        limits: Callable[..., dict[str, float]] | None = None,
    ):
        self.controls = controls
        self.words = ""
        self._draw = draw
        self._defaults = {name: control.value for name, control in controls.items()}
        self._held = False
        self._on_click = on_click
        self._limits = limits
        self._image = ImageWidget(self._clicked)
        self._text = widgets.HTML()
        reset = widgets.Button(description="Reset", icon="undo", tooltip="Back to the values at the start")
        reset.on_click(lambda _: self.set(**self._defaults))
        for control in controls.values():
            control.observe(self._changed, names="value")
        self._image.observe(lambda _: self._update(), names="resolution")
        flow = widgets.Layout(flex_flow="row wrap")
        rows = [widgets.HBox([controls[n] for n in names], layout=flow) for names in groups or [list(controls)]]
        box = widgets.VBox(rows)
        last = widgets.HBox([reset, widgets.HTML(f"<em>{escape(help_line)}</em>")])
        super().__init__([box, last, self._image, self._text], layout=widgets.Layout(align_items="flex-start"))
        self.add_class("unet-lab-explorer")
        self.end_sliders({})
        self._update()

    @property
    def png(self) -> bytes:
        """The figure that is shown, as a PNG file's bytes."""
        return self._image.png

    @property
    def alt(self) -> str:
        """The figure in words, for those who cannot see it."""
        return self._image.alt

    def click(self, panel: str, row: int, column: int) -> None:
        """What a click on this place of the figure does."""
        self._clicked(panel, row, column)

    def settings(self) -> str:
        """How the controls stand, in words: part of the figure's alternative text, so that it changes with the figure."""
        stand = (f"{control.description} {shown_value(control)}" for control in self.controls.values())
        return f"Drawn for {', '.join(stand)}."

    def set(self, **values) -> None:
        """Turn several controls, then draw once."""
        unknown = sorted(values.keys() - self.controls.keys())
        if unknown:
            raise ValueError(f"there is no control {unknown[0]!r}; there are {', '.join(self.controls)}.")
        self._held = True
        try:
            self.end_sliders(values)
            for name, value in values.items():
                self.controls[name].value = value
        finally:
            self._held = False
        self._update()

    def drive(self, most: int = 3, options: int = 3, **start) -> str:
        """Turn every control as a hand would and go back; what the last, folded cell of each notebook does.

        most, options : values that are tried of a slider, and of a menu, both ends among them. start : values to begin with,
        where a control does nothing at the defaults (`seed` without chance, say).
        Raises AssertionError, naming the control, where no figure and no words followed, or a menu offers what is not
        possible. Returns a sentence.
        """
        start = {**self._defaults, **start}
        for name, control in self.controls.items():
            values = values_of(control)
            self.set(**start)
            seen = {(self.png, self.words)}
            offered = hasattr(control, "options")  # a slider may be turned too far; a menu offers only what goes
            tried = options if offered else most
            places = {round(k * (len(values) - 1) / (tried - 1)) for k in range(tried)}
            for value in (values[place] for place in sorted(places)):
                control.value = value
                seen.add((self.png, self.words))
                assert not (offered and self.words.startswith("Not possible")), f"{name} = {value}: {self.words}"
            assert len(seen) > 1 or len(set(values)) == 1, f"nothing follows when {name} is turned"
        self.set(**self._defaults)
        return f"{len(self.controls)} controls turned: {', '.join(self.controls)}"

    def _clicked(self, panel: str, row: int, column: int) -> None:
        if self._on_click is None:
            return
        values = {}
        for name, value in self._on_click(panel, row, column).items():
            control = self.controls[name]
            values[name] = min(max(value, control.min), control.max) if hasattr(control, "min") else value
        self.set(**values)

    def _changed(self, _change) -> None:
        if not self._held:
            self._held = True  # a value beyond its slider's new end is set to it
            try:
                self.end_sliders({})
            finally:
                self._held = False
            self._update()

    def end_sliders(self, coming: dict) -> None:
        """Set the sliders' ends for the values that come, and those that stay."""
        if self._limits is not None:
            values = {name: control.value for name, control in self.controls.items()} | coming
            for name, most in self._limits(**values).items():
                self.controls[name].max = most

    def _update(self) -> None:
        with DRAWING:
            try:
                figure, self.words = self._draw(**{name: control.value for name, control in self.controls.items()})
            except ValueError as error:
                self.words = f"Not possible: {error}"
            else:
                self._image.show(figure, f"{figure.alt} {self.settings()}")
            lines = "<br>".join(escape(self.words).splitlines())
            self._text.value = f'<div role="status" style="line-height:1.4; max-width:980px">{lines}</div>'

    def _repr_mimebundle_(self, **kwargs):
        return with_picture(super()._repr_mimebundle_(**kwargs), self.png, self.words, self.alt)


def with_picture(shown, png: bytes, words: str, alt: str) -> tuple[dict, dict]:
    """What a widget shows, with a picture and words beside it: for pages without a kernel, and for the notebook that is opened
    again, where the widget has gone with its kernel (unet_lab/jupyter/page shows them then)."""
    data, metadata = shown if isinstance(shown, tuple) else (shown, {})
    if data:
        data = {**data, "image/png": base64.b64encode(png).decode("ascii"), "text/plain": words}
        metadata = {**metadata, "image/png": {"alt": alt}, "unet-lab": {"explorer": True}}
    return data, metadata
