"""Explorer: spoil the image under a trained U-Net and watch the mask."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from unet_lab.datasets.generator.cells import generate_cell
from unet_lab.explorers.base import Explorer, float_slider, slider
from unet_lab.inference.segment import segment
from unet_lab.metrics import confusion_matrix, scores
from unet_lab.plots.figure import DescribedFigure
from unet_lab.plots.images import overlay, show_image

SIZE = 192


def spoil(image: np.ndarray, contrast: float = 1.0, brightness: int = 0, noise: int = 0, blur: float = 0.0) -> np.ndarray:
    """Change a uint8 image as a bad exposure would; returns uint8 of the same shape.

    contrast : factor around the middle grey of the image. brightness, noise : in grey levels; noise is the standard
    deviation, always from the same seed. blur : standard deviation in pixels.
    """
    greys = gaussian_filter(image.astype(np.float32), blur) if blur > 0 else image.astype(np.float32)
    middle = greys.mean()
    greys = (greys - middle) * contrast + middle + brightness
    greys += noise * np.random.default_rng(0).standard_normal(image.shape, np.float32)
    return np.clip(greys, 0, 255).round().astype(np.uint8)


def explore_segmentation() -> Explorer:
    """Sliders for the cell, contrast, brightness, noise and blur; the shipped model's mask and its score follow."""

    def draw(cell, contrast, brightness, noise, blur):
        image, truth = generate_cell(cell, SIZE)
        image = spoil(image, contrast, brightness, noise, blur)
        prediction = segment(image, views=1)
        result = scores(confusion_matrix(truth, prediction), average="macro")
        figure = DescribedFigure(9.6, 3.4, "Image, prediction and truth of one generated cell.")
        left, middle, right = figure.subplots(1, 3)
        show_image(left, image, "what the network gets")
        show_image(middle, overlay(image, prediction), "its answer")
        show_image(right, overlay(image, truth), "the truth")
        words = (
            f"Cell {cell}: {result.accuracy:.1%} of the pixels are right, IoU {result.iou:.3f} (macro: the mean over "
            f"background, cell body and nucleus), from one view of the image, where `segment` asks for eight. "
            f"Blue is cell body, orange is nucleus."
        )
        return figure, words

    controls = {
        "cell": slider("cell (seed)", 4, 0, 99),
        "contrast": float_slider("contrast (factor)", 1.0, 0.1, 2.0, 0.1),
        "brightness": slider("brightness (greys)", 0, -120, 120, 10),
        "noise": slider("noise (greys)", 0, 0, 80, 5),
        "blur": float_slider("blur (pixels)", 0.0, 0.0, 6.0, 0.5),
    }
    return Explorer(controls, draw, "Which slider hurts the mask most, and which hardly at all? Try one at a time.")
