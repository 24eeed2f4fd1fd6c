"""From any image to a mask of its size."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from unet_lab.checkpoints import load_pretrained
from unet_lab.datasets import standardise
from unet_lab.unet import nearest_sizes, output_size

WORKING_SIZE = 192  # pixels of the longer side at which `segment` works: the size that the small model was trained at


def predict(model: nn.Module, image: np.ndarray) -> np.ndarray:
    """Segment one grey image of any size with any U-Net.

    The image is standardised, padded by reflection to a size that the network can halve, and the result cropped back.

    Parameters
    ----------
    model : returns logits (N, num_classes, H, W); used in evaluation mode and left in the mode it was in.
    image : (H, W) numbers, finite.

    Returns uint8 (H, W) class indices. Raises ValueError for another shape or NaN.
    """
    return predict_logits(model, image).argmax(dim=0).to(torch.uint8).cpu().numpy()


@torch.inference_mode()
def predict_logits(model: nn.Module, image: np.ndarray) -> Tensor:
    """Like `predict`, but returns the logits, float32 (num_classes, H, W), on the model's device."""
    image = standardise(image)
    height, width = image.shape
    settings = getattr(model, "settings", {})
    depth, padding = settings.get("depth", 4), settings.get("padding", "same")
    borders = [_borders(size, depth, padding) for size in image.shape]
    padded = np.pad(image, borders, mode="reflect")
    x = torch.from_numpy(padded)[None, None].to(next(model.parameters()).device)  # (1, 1, H + border, W + border)
    was_training = model.training
    model.eval()
    try:
        logits = model(x)[0].float()  # (C, H' >= H, W' >= W)
    finally:
        model.train(was_training)
    if padding == "same":
        return logits[:, borders[0][0] :, borders[1][0] :][:, :height, :width]  # (C, H, W)
    return logits[:, :height, :width]  # (C, H, W)


def _borders(size: int, depth: int, padding: str) -> tuple[int, int]:
    """How many pixels to add before and after, so that the output covers the image.

    With valid padding the output is the middle of the input; the border before is then just what the network eats.
    """
    needed = nearest_sizes(size, depth, padding)[-1]
    if padding == "same":
        before = (needed - size) // 2
        return before, needed - size - before
    while output_size(needed, depth, padding) < size:
        needed = nearest_sizes(needed + 1, depth, padding)[-1]
    before = (needed - output_size(needed, depth, padding)) // 2
    return before, needed - size - before


def segment(image: np.ndarray) -> np.ndarray:
    """Find the lymphocyte in an electron micrograph with the model that ships with the course.

    The image is scaled to 192 pixels, the size that the model was trained at, and its answer scaled back; so one cell
    should fill most of the frame.

    Parameters
    ----------
    image : (H, W) grey or (H, W, 3) RGB, uint8 or uint16.

    Returns uint8 (H, W): 0 background, 1 cell body, 2 nucleus. Raises ValueError for any other array.

    >>> from unet_lab.datasets import generate_cell
    >>> segment(generate_cell(seed=3, size=100).image).shape
    (100, 100)
    """
    grey = _to_grey(image)
    height, width = grey.shape
    scale = WORKING_SIZE / max(height, width)
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    at_working_size = np.asarray(Image.fromarray(grey).resize(small, Image.Resampling.BILINEAR))
    logits = predict_logits(_small_model(), at_working_size)[None]  # (1, 3, h, w)
    logits = F.interpolate(logits, (height, width), mode="bilinear")  # (1, 3, H, W)
    return logits[0].argmax(dim=0).to(torch.uint8).cpu().numpy()  # (H, W)


@cache
def _small_model() -> nn.Module:
    return load_pretrained("small")


def _to_grey(image: np.ndarray) -> np.ndarray:
    """(H, W) float32 from grey or RGB, 8 or 16 bit."""
    allowed = "allowed are (H, W) grey and (H, W, 3) RGB arrays of uint8 or uint16"
    if not isinstance(image, np.ndarray):
        raise ValueError(f"the image is a {type(image).__name__}; {allowed}. From a file: segment(read_image(path)).")
    if image.size == 0 or not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)):
        hint = " Drop the alpha channel: image[..., :3]." if image.ndim == 3 and image.shape[2] == 4 else ""
        raise ValueError(f"the image has shape {image.shape}; {allowed}.{hint}")
    if image.dtype not in (np.uint8, np.uint16):
        hint = " From floats 0..1: (image * 255).astype('uint8')." if image.dtype.kind == "f" else ""
        raise ValueError(f"the image's type is {image.dtype}; {allowed}.{hint}")
    grey = image.astype(np.float32)
    if grey.ndim == 3:
        grey = grey @ np.array([0.299, 0.587, 0.114], np.float32)  # luminance, ITU-R BT.601
    return grey
