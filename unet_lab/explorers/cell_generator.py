"""Explorer: turn one randomisation of the generator and see what it does to one cell."""

from __future__ import annotations

from dataclasses import replace

from unet_lab.datasets.generator.cells import generate_cell
from unet_lab.datasets.generator.parameters import CellParameters
from unet_lab.explorers.base import Explorer, dropdown, float_slider, slider
from unet_lab.plots.figure import DescribedFigure
from unet_lab.plots.images import overlay, show_image

SIZE = 160


def explore_generator() -> Explorer:
    """One cell with one parameter at its least, where the slider stands, and at its most; all the rest stays as it was drawn."""
    entries = [(f"{group}: {name}", name) for group, names in CellParameters.groups().items() for name in names]

    def draw(parameter, amount, rest, cell):
        look = CellParameters() if rest == "as varied as can be" else CellParameters().eased(0).showing(parameter)
        values = [CellParameters.value(parameter, share) for share in (0.0, amount, 1.0)]
        cells = [generate_cell(cell, SIZE, look=replace(look, **{parameter: value})) for value in values]
        what = CellParameters.describe()[parameter]
        figure = DescribedFigure(
            9.8, 2.9, f"One generated cell four times: {parameter} at its least, as chosen with and without the mask, most."
        )
        axes = figure.subplots(1, 4)
        titles = [f"least: {values[0]:g}", f"chosen: {values[1]:.3g}", "chosen, with its mask", f"most: {values[2]:g}"]
        images = [cells[0].image, cells[1].image, overlay(*cells[1]), cells[2].image]
        for place, image, title in zip(axes, images, titles, strict=True):
            show_image(place, image, title)
        changed = (cells[0].mask != cells[2].mask).mean()
        return figure, (
            f"{parameter}: {what}. From {values[0]:g} to {values[2]:g}; here {values[1]:.3g}. "
            f"From least to most {changed:.1%} of the mask's pixels change their class."
        )

    controls = {
        "parameter": dropdown("parameter", entries, "grooves"),
        "amount": float_slider("amount (share of range)", 0.6, 0.0, 1.0, 0.05),
        "rest": dropdown("everything else", ["plain", "as varied as can be"], "plain"),
        "cell": slider("cell (seed)", 4, 0, 99),
    }
    return Explorer(
        controls, draw, "Which parameters change the mask, and which only the image? Why must a network see both vary?"
    )
