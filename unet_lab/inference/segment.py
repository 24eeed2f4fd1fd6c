"""The shipped model on a real micrograph: find the cell, look at it from eight sides, say what is doubtful."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import find_objects, label
from torch import Tensor, nn
from torch.nn import functional as F

from unet_lab.datasets.generator.organelles import BACKGROUND, NUCLEUS
from unet_lab.inference.predict import predict_logits
from unet_lab.weights import load_pretrained

WORKING_SIZE = 192  # pixels of the longer side at which `segment` works: the size that the small model was trained at
USUAL_CELL, SMALL_CELL = 0.72, 0.42  # extent of a cell, as a share of the frame: what it was trained on, and what is too small


class Segmentation(NamedTuple):
    """What `segment_with_confidence` gives: the mask, how far to trust it at each pixel, and what is doubtful, in words."""

    mask: np.ndarray  # (H, W) uint8: 0 background, 1 cell body, 2 nucleus
    confidence: np.ndarray  # (H, W) float32, 1/3 to 1: the probability of the class chosen, mean over the views
    doubts: tuple[str, ...]  # empty where nothing speaks against the mask


def segment(image: np.ndarray, views: int = 8) -> np.ndarray:
    """Find the lymphocyte in an electron micrograph with the model that ships with the course.

    The image is scaled to 192 pixels, the size that the model was trained at, and its answer scaled back. Where the cell
    turns out to be small in the frame, the model looks a second time at the part that holds it.

    Parameters
    ----------
    image : (H, W) grey or (H, W, 3) RGB, uint8 or uint16.
    views : 8 asks about the image in its four rotations and about their mirror images, and takes the mean of the
        probabilities (test-time augmentation); 1 asks once, and is eight times faster.

    Returns uint8 (H, W): 0 background, 1 cell body, 2 nucleus. Raises ValueError for any other array.

    >>> from unet_lab.datasets import generate_cell
    >>> segment(generate_cell(seed=3, size=100).image).shape
    (100, 100)
    """
    return mean_probabilities(image, views).argmax(dim=0).to(torch.uint8).numpy()


def segment_with_confidence(image: np.ndarray, views: int = 8) -> Segmentation:
    """Like `segment`, with a map of how far to trust each pixel, and with words where the whole is doubtful.

    The confidence is what the network says of itself. It knows edges and unclear textures; what it has never seen, a
    photograph of a cat, say, it may call a nucleus with confidence.
    """
    probabilities = mean_probabilities(image, views)  # (3, H, W)
    confidence, classes = probabilities.max(dim=0)
    mask = classes.to(torch.uint8).numpy()
    return Segmentation(mask, confidence.numpy(), tuple(find_doubts(mask, confidence.numpy())))


def find_doubts(mask: np.ndarray, confidence: np.ndarray) -> Iterator[str]:
    """Reasons not to trust a mask, from its shape and its confidence."""
    if min(mask.shape) < 64:
        yield f"The image is only {mask.shape[0]} x {mask.shape[1]} pixels: too few to tell a nucleus by its texture."
    parts, count = label(mask > 0)
    areas = np.sort(np.bincount(parts.ravel(), minlength=count + 1)[1:])[::-1]
    if count == 0 or areas[0] < 0.005 * mask.size:
        yield "No cell was found."
        return
    if count > 1 and areas[1] > 0.3 * areas[0]:
        yield "There are several pieces of similar size; the model was trained on one cell to a frame."
    cell = parts == 1 + np.argmax(np.bincount(parts.ravel())[1:])
    edge = np.concatenate([cell[0], cell[-1], cell[:, 0], cell[:, -1]]).mean()
    if edge > 0.1:
        yield f"The frame cuts the cell: {edge:.0%} of the frame's border lies on it."
    share = (mask == NUCLEUS).sum() / (mask > 0).sum()
    if not 0.1 < share < 0.85:
        yield f"The nucleus takes {share:.0%} of the cell; the cells of the training took 17 % to 75 %."
    unsure = (confidence[mask > 0] < 0.7).mean()
    if unsure > 0.2:
        yield f"At {unsure:.0%} of the cell's pixels the confidence is below 0.7."


def mean_probabilities(image: np.ndarray, views: int) -> Tensor:
    """Class probabilities (3, H, W), float32, on the CPU."""
    if views not in (1, 8):
        raise ValueError(f"views is {views!r}; allowed are 1 (as it is) and 8 (rotations and mirror images).")
    grey = to_grey(image)
    first = at_working_size(grey, views)
    found = largest(first)
    extent = 0.0 if found is None else max(s.stop - s.start for s in found) / max(grey.shape)
    if extent > SMALL_CELL:
        return first
    if extent < SMALL_CELL / 2 and max(grey.shape) > 1.5 * WORKING_SIZE:  # perhaps too small to be seen: look at twice the size
        found = largest(at_working_size(grey, 1, 2 * WORKING_SIZE)) or found
    if found is None or (window := window_around(found, grey.shape)) is None:
        return first
    closer = torch.zeros_like(first)
    closer[BACKGROUND] = 1.0  # one cell to a frame: what lies outside the window is none
    closer[(slice(None), *window)] = at_working_size(grey[window], views)
    return closer


def largest(probabilities: Tensor) -> tuple[slice, slice] | None:
    """Rows and columns of the largest piece that is no background; None where there is none."""
    parts, count = label((probabilities.argmax(dim=0) > 0).numpy())
    return find_objects(parts)[np.argmax(np.bincount(parts.ravel())[1:])] if count else None


def window_around(found: tuple[slice, slice], shape: tuple[int, int]) -> tuple[slice, slice] | None:
    """The square of the frame in which a small cell has the extent that cells had in training; None for a speck."""
    rows, columns = found
    extent = max(rows.stop - rows.start, columns.stop - columns.start)
    if not max(24, 0.04 * max(shape)) < extent < SMALL_CELL * max(shape):
        return None
    half = round(extent / USUAL_CELL / 2)
    middle = (rows.start + rows.stop) // 2, (columns.start + columns.stop) // 2
    top, left = max(0, middle[0] - half), max(0, middle[1] - half)
    return slice(top, min(shape[0], middle[0] + half)), slice(left, min(shape[1], middle[1] + half))


def at_working_size(grey: np.ndarray, views: int, size: int = WORKING_SIZE) -> Tensor:
    """Class probabilities (3, H, W) of a grey image, from the model's answers at `size` pixels."""
    height, width = grey.shape
    scale = size / max(height, width)
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    shrunk = np.asarray(Image.fromarray(grey).resize(small, Image.Resampling.BILINEAR))
    total = torch.zeros(())
    for turns in range(4 if views == 8 else 1):
        for mirrored in (False, True) if views == 8 else (False,):
            view = np.rot90(shrunk[:, ::-1] if mirrored else shrunk, turns)
            answer = predict_logits(small_model(), np.ascontiguousarray(view)).softmax(dim=0).cpu()  # (3, h, w)
            answer = torch.rot90(answer, -turns, (1, 2))
            total = total + (answer.flip(2) if mirrored else answer)
    return F.interpolate(total[None] / views, (height, width), mode="bilinear")[0]  # (3, H, W)


@cache
def small_model() -> nn.Module:
    return load_pretrained("small")


def to_grey(image: np.ndarray) -> np.ndarray:
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
