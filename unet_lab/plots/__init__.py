"""Figures from arrays: same colour per class everywhere, safe for colour-blind readers, no state.

Every `show_…` and `draw_unet` returns a `DescribedFigure`: a matplotlib figure that shows itself at the end of a cell, on white
so that it reads in light and dark themes, with a sentence that says what is on it for those who cannot see it. The others draw
on axes.
"""

from unet_lab.plots.answers import show_answer
from unet_lab.plots.architecture import draw_unet
from unet_lab.plots.figure import (
    CLASS_COLOURS,
    ERROR_COLOUR,
    TRAINING_COLOUR,
    VALIDATION_COLOUR,
    DescribedFigure,
    bare,
    class_colours,
    panel_row,
)
from unet_lab.plots.images import error_map, overlay, show_image, show_mask, show_samples, show_triplets
from unet_lab.plots.inside import (
    FIELD_COLOURS,
    draw_cross,
    draw_mosaic,
    draw_square,
    heat_over,
    mosaic,
    show_feature_maps,
    show_heat,
)
from unet_lab.plots.kernels import draw_bar, draw_map, draw_numbers, draw_values, show_numbers
from unet_lab.plots.objects import draw_histogram_with_points, draw_points, object_colours, show_objects, show_separations
from unet_lab.plots.report import write_report
from unet_lab.plots.run_symptoms import show_symptom, show_symptoms
from unet_lab.plots.scores import draw_confusion, draw_curves, draw_histogram, show_confusion, show_curves, show_histogram
from unet_lab.plots.speed import draw_trials, show_layer_times, show_trials
from unet_lab.plots.variations import draw_outcomes, show_norm_groups, show_outcomes

__all__ = [
    "CLASS_COLOURS",
    "ERROR_COLOUR",
    "FIELD_COLOURS",
    "TRAINING_COLOUR",
    "VALIDATION_COLOUR",
    "DescribedFigure",
    "bare",
    "class_colours",
    "draw_bar",
    "draw_confusion",
    "draw_cross",
    "draw_curves",
    "draw_histogram",
    "draw_histogram_with_points",
    "draw_map",
    "draw_mosaic",
    "draw_numbers",
    "draw_outcomes",
    "draw_points",
    "draw_square",
    "draw_trials",
    "draw_unet",
    "draw_values",
    "error_map",
    "heat_over",
    "mosaic",
    "object_colours",
    "overlay",
    "panel_row",
    "show_answer",
    "show_confusion",
    "show_curves",
    "show_feature_maps",
    "show_heat",
    "show_histogram",
    "show_image",
    "show_layer_times",
    "show_mask",
    "show_norm_groups",
    "show_numbers",
    "show_objects",
    "show_outcomes",
    "show_samples",
    "show_separations",
    "show_symptom",
    "show_symptoms",
    "show_trials",
    "show_triplets",
    "write_report",
]
