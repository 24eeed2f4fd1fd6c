"""The controls of explorers, each with its label, and what they show in words."""

from __future__ import annotations

import ipywidgets as widgets

_WIDE = widgets.Layout(width="420px")
_STYLE = {"description_width": "150px"}


def shown_value(control: widgets.Widget) -> str:
    """What a control shows: the entry of a menu, a number as its slider writes it, yes or no."""
    if hasattr(control, "label"):
        return str(control.label)
    if isinstance(control.value, bool):
        return "yes" if control.value else "no"
    return f"{control.value:g}"


def values_of(control: widgets.Widget) -> list:
    """What a control can be set to: all entries of a menu, both ends of a slider."""
    if hasattr(control, "options"):
        return [option[1] if isinstance(option, tuple) else option for option in control.options]
    return [getattr(control, "min", False), getattr(control, "max", True)]


def slider(label: str, value: int, low: int, high: int, step: int = 1) -> widgets.IntSlider:
    """A labelled slider over whole numbers; put the unit into the label."""
    return widgets.IntSlider(value, low, high, step, description=label, style=_STYLE, layout=_WIDE)


def float_slider(label: str, value: float, low: float, high: float, step: float) -> widgets.FloatSlider:
    """A labelled slider over decimal numbers; put the unit into the label."""
    return widgets.FloatSlider(value, min=low, max=high, step=step, description=label, style=_STYLE, layout=_WIDE)


def dropdown(label: str, options: list, value) -> widgets.Dropdown:
    """A labelled menu."""
    return widgets.Dropdown(options=options, value=value, description=label, style=_STYLE, layout=_WIDE)


def checkbox(label: str, value: bool) -> widgets.Checkbox:
    """A labelled box to tick."""
    return widgets.Checkbox(value, description=label, indent=False, layout=_WIDE)
