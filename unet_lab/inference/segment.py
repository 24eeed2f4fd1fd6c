"""The shipped model on a real micrograph: find the cell, look at it from eight sides, say what is doubtful."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import label
from torch import Tensor, nn
from torch.nn import functional as F

from unet_lab.datasets.generator.organelles import NUCLEUS
from unet_lab.datasets.standardise import standardise
from unet_lab.foreign import Geometry, geometry_of
from unet_lab.inference.folding import fold_batch_norm
from unet_lab.inference.framing import (
    SMALL_CELL,
    Window,
    cell_in,
    extent,
    is_brighter,
    on_background,
    window_around,
    without_disturbances,
)
from unet_lab.inference.predict import padded_logits
from unet_lab.weights import load_pretrained

SURE = 0.85  # mean confidence over a cell below which `segment` looks for it at other sizes too
WORKING_SIZE = 192  # pixels of the longer side at which `segment` works: the size that the small model was trained at
COLOURED = "The image is in colour, as stained sections and photographs are; the model knows electron micrographs only."
NEGATIVE = (
    "The cell is brighter than its ground: the greys were taken for inverted and turned back. In fluorescence that is usual, "
    "and the model knows electron micrographs only."
)


class Segmentation(NamedTuple):
    """What `segment_with_confidence` gives: the mask, how far to trust it at each pixel, and what is doubtful, in words."""

    mask: np.ndarray  # (H, W) uint8: 0 background, 1 cell body, 2 nucleus
    confidence: np.ndarray  # (H, W) float32, 1/3 to 1: the probability of the class chosen, mean over the views
    doubts: tuple[str, ...]  # empty where nothing speaks against the mask


def segment(image: np.ndarray, views: int = 8) -> np.ndarray:
    """Find the lymphocyte in an electron micrograph with the model that ships with the course.

    The image is scaled to 192 pixels, the size that the model was trained at, and its answer scaled back. Hot pixels are
    clipped, a frame that was turned is turned back, and empty margins are filled first; a negative, with a bright cell on a
    dark ground, is turned into a positive; where the cell is small in the frame, the model looks a second time at the part
    that holds it.

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
    return mean_probabilities(image, views).max(dim=0).indices.to(torch.uint8).numpy()


def segment_with_confidence(image: np.ndarray, views: int = 8) -> Segmentation:
    """Like `segment`, with a map of how far to trust each pixel, and with words where the whole is doubtful.

    The confidence is what the network says of itself. It knows edges and unclear textures; what it has never seen, a
    photograph of a cat, say, it may call a nucleus with confidence.
    """
    probabilities, inverted = look(image, views)  # (3, H, W)
    confidence, classes = probabilities.max(dim=0)
    mask = classes.to(torch.uint8).numpy()
    doubts = ([COLOURED] if is_coloured(image) else []) + ([NEGATIVE] if inverted else [])
    return Segmentation(mask, confidence.numpy(), (*doubts, *find_doubts(mask, confidence.numpy())))


def is_coloured(image: np.ndarray) -> bool:
    """Whether the channels of an image differ by more than compression and scanning make of grey: 3 % of its range."""
    if image.ndim == 2:
        return False
    channels = image.astype(np.float32)
    return bool(np.ptp(channels, axis=2).mean() > 0.03 * np.ptp(channels))


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
    return look(image, views)[0]


def look(image: np.ndarray, views: int) -> tuple[Tensor, bool]:
    """Class probabilities (3, H, W), and whether the greys were found to be inverted and turned back."""
    if views not in (1, 8):
        raise ValueError(f"views is {views!r}; allowed are 1 (as it is) and 8 (rotations and mirror images).")
    grey, place = without_disturbances(to_grey(image))
    small = shrunk(grey, WORKING_SIZE)
    first = probabilities_of(small, views)
    inverted = is_inverted(first, small)
    if inverted:
        grey, small = grey.max() - grey, small.max() - small
        first = probabilities_of(small, views)
    window = find_cell(first, grey)
    part = grey[window]
    if part.shape != grey.shape:
        first = probabilities_of(shrunk(part, WORKING_SIZE), views)
    return place.put_back(on_background(interpolated(first, part.shape), window, grey.shape)), inverted


def is_inverted(first: Tensor, small: np.ndarray) -> bool:
    """Whether an image is a negative: what was found in it is brighter than its ground, and in the negative more is certain."""
    if not is_brighter(first, small):
        return False
    turned = probabilities_of(small.max() - small, 1)
    return bool(turned.amax(dim=0).mean() > first.amax(dim=0).mean())


def find_cell(first: Tensor, grey: np.ndarray) -> Window:
    """The part of the frame to look at: all of it, or, where the cell is small in it, the square around the cell."""
    whole = slice(0, grey.shape[0]), slice(0, grey.shape[1])
    sure = certainty(first) >= SURE
    roughly = cell_in(first)
    if sure and roughly and extent(roughly, tuple(first.shape[1:])) > SMALL_CELL + 0.05:
        return whole  # as most micrographs of one cell: no need to look at every pixel
    found = [cell_in(interpolated(first, grey.shape))]
    if not sure and max(grey.shape) > 1.5 * WORKING_SIZE:  # perhaps too small to be seen well: look larger
        sizes = [round(factor * WORKING_SIZE) for factor in (1.5, 2)]
        found += [cell_in(interpolated(probabilities_of(shrunk(grey, size), 1), grey.shape)) for size in sizes]
    windows = [(extent(f, grey.shape) < SMALL_CELL and window_around(f, grey.shape)) or whole for f in found if f] or [whole]
    if len(windows) == 1:
        return windows[0]
    return max(windows, key=lambda w: certainty(probabilities_of(shrunk(grey[w], WORKING_SIZE), 1)))


def interpolated(probabilities: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Probabilities (3, h, w) at another size, bilinear."""
    return F.interpolate(probabilities[None], shape, mode="bilinear")[0]


def certainty(probabilities: Tensor) -> float:
    """Mean probability of the class chosen, over what is no background; 0 where there is only background."""
    highest, classes = probabilities.max(dim=0)
    return float(highest[classes > 0].mean()) if (classes > 0).any() else 0.0


def shrunk(grey: np.ndarray, size: int) -> np.ndarray:
    """A grey image (H, W) so that its longer side has `size` pixels."""
    scale = size / max(grey.shape)
    height, width = (max(1, round(length * scale)) for length in grey.shape)
    return np.asarray(Image.fromarray(np.ascontiguousarray(grey)).resize((width, height), Image.Resampling.BILINEAR))


@torch.inference_mode()
def probabilities_of(small: np.ndarray, views: int) -> Tensor:
    """Class probabilities (3, h, w) of a grey image at the size at which the model works: of one view, or the mean of eight.

    One view after the other: all eight at once would take as long, and eight times the memory.
    """
    image, (model, geometry) = torch.from_numpy(standardise(small)), small_model()  # (h, w)
    total = torch.zeros(())
    for turns in range(4 if views == 8 else 1):
        for mirrored in (False, True) if views == 8 else (False,):
            view = torch.rot90(image.flip(1) if mirrored else image, turns).contiguous()
            answer = padded_logits(model, view[None, None], geometry)[0].softmax(dim=0).cpu()  # (3, h, w)
            answer = torch.rot90(answer, -turns, (1, 2))
            total = total + (answer.flip(2) if mirrored else answer)
    return total / views


@cache
def small_model() -> tuple[nn.Module, Geometry]:
    """The shipped model as a CPU runs it fastest, its norms folded into the convolutions, the channels of a pixel side by side;
    and its geometry, which the folded one no longer knows."""
    model = load_pretrained("small")
    return fold_batch_norm(model).to(memory_format=torch.channels_last), geometry_of(model)  # type: ignore[call-overload]


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
