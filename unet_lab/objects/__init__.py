"""From a mask to cells: number the objects, separate those that touch, measure them, score them."""

from unet_lab.objects.labelling import clear_border, flood_fill, label_objects, touches_border
from unet_lab.objects.measuring import find_neighbours, match_nuclei, measure
from unet_lab.objects.scoring import ObjectScores, area_bias, iou_matrix, match_objects, object_scores
from unet_lab.objects.separating import border_watershed, distance_watershed, flood_from_seeds, separate, touching_borders

__all__ = [
    "ObjectScores",
    "area_bias",
    "border_watershed",
    "clear_border",
    "distance_watershed",
    "find_neighbours",
    "flood_fill",
    "flood_from_seeds",
    "iou_matrix",
    "label_objects",
    "match_nuclei",
    "match_objects",
    "measure",
    "object_scores",
    "separate",
    "touches_border",
    "touching_borders",
]
