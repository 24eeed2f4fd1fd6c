"""An answer beside what was expected of it."""

from __future__ import annotations

import numpy as np

from unet_lab.plots.figure import CLASS_COLOURS, ERROR_COLOUR, DescribedFigure, bare
from unet_lab.plots.kernels import draw_numbers

SMALL = 8  # up to so many rows and columns the numbers themselves are shown


def show_answer(got: np.ndarray, right: np.ndarray, given: np.ndarray | None = None) -> DescribedFigure:
    """Arrays (H, W) side by side: the input where there is one, yours, expected, and where they differ.

    Small ones as numbers, masks in the colours of the classes, others in grey on one scale.
    """
    panels = [] if given is None else [("given", np.asarray(given))]
    panels += [("yours", np.asarray(got)), ("expected", np.asarray(right))]
    same_shape = got.shape == right.shape
    sizes = ", ".join(f"{title} {array.shape[0]} x {array.shape[1]}" for title, array in panels)
    figure = DescribedFigure(9.8, 2.7, f"An answer beside what was expected: {sizes}.")
    axes = figure.subplots(1, len(panels) + same_shape, squeeze=False)[0]
    low, high = np.nanmin(finite(right)), np.nanmax(finite(right))
    for place, (title, array) in zip(axes, panels, strict=False):
        draw(place, array, title, (low, high) if title != "given" else (None, None))
    if same_shape:
        apart = ~np.isclose(np.asarray(got, float), np.asarray(right, float), atol=1e-4, equal_nan=True)
        bare(axes[-1], f"{apart.sum():,} of {apart.size:,} differ")
        colours = np.where(apart[..., None], rgb(ERROR_COLOUR), 1.0)
        axes[-1].imshow(colours, interpolation="nearest")
        for side in axes[-1].spines.values():
            side.set_color("#999999")
    return figure


def draw(axes, array: np.ndarray, title: str, scale) -> None:
    title = f"{title}: {array.shape[0]} x {array.shape[1]}"
    if max(array.shape) <= SMALL:
        draw_numbers(axes, array, title)
        return
    bare(axes, title)
    if array.dtype.kind in "biu" and array.max(initial=0) < len(CLASS_COLOURS) and array.min(initial=0) >= 0:
        axes.imshow(np.array([rgb(colour) for colour in CLASS_COLOURS])[array.astype(int)], interpolation="nearest")
    else:
        axes.imshow(np.asarray(array, float), cmap="gray", vmin=scale[0], vmax=scale[1], interpolation="nearest")


def finite(array: np.ndarray) -> np.ndarray:
    values = np.asarray(array, float)
    values = values[np.isfinite(values)]
    return values if values.size else np.zeros(1)


def rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])
