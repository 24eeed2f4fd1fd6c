"""Numbers about a network, no drawing: what is in it, what it costs, what it sees, what it would miss."""

from unet_lab.geometry import reach, unet_receptive_field
from unet_lab.inspection.ablation import INSTEAD, skip_counts, skip_worth, without_skip
from unet_lab.inspection.activations import activations, as_input, shapes
from unet_lab.inspection.attribution import occlusion, ring_means, saliency
from unet_lab.inspection.cost import LayerCost, cost, count_parameters, feature_map_bytes
from unet_lab.inspection.equivariance import shift_difference
from unet_lab.inspection.fields import (
    FieldProbe,
    effective_receptive_field,
    encoder_field,
    mass_width,
    measured_receptive_field,
    receptive_field,
    stage_names,
)
from unet_lab.inspection.numbers import number_at
from unet_lab.inspection.profile import LayerTime, layer_times
from unet_lab.inspection.scaling import StepTime, step_time
from unet_lab.inspection.stages import skips_of, stages_of
from unet_lab.inspection.trace import Trace, steps_of, trace
from unet_lab.inspection.worth import channel_worth

__all__ = [
    "INSTEAD",
    "FieldProbe",
    "LayerCost",
    "LayerTime",
    "StepTime",
    "Trace",
    "activations",
    "as_input",
    "channel_worth",
    "cost",
    "count_parameters",
    "effective_receptive_field",
    "encoder_field",
    "feature_map_bytes",
    "layer_times",
    "mass_width",
    "measured_receptive_field",
    "number_at",
    "occlusion",
    "reach",
    "receptive_field",
    "ring_means",
    "saliency",
    "shapes",
    "shift_difference",
    "skip_counts",
    "skip_worth",
    "skips_of",
    "stage_names",
    "stages_of",
    "step_time",
    "steps_of",
    "trace",
    "unet_receptive_field",
    "without_skip",
]
