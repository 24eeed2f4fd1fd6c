"""From any image to a mask of its size: whole, tile by tile, or with the shipped model."""

from unet_lab.inference.predict import predict, predict_labels, predict_logits, predict_values
from unet_lab.inference.segment import WORKING_SIZE, Segmentation, segment, segment_with_confidence
from unet_lab.inference.tiling import BLENDS, plan_tiles, predict_pages, predict_tiled, tiles

__all__ = [
    "BLENDS",
    "WORKING_SIZE",
    "Segmentation",
    "plan_tiles",
    "predict",
    "predict_labels",
    "predict_logits",
    "predict_pages",
    "predict_tiled",
    "predict_values",
    "segment",
    "segment_with_confidence",
    "tiles",
]
