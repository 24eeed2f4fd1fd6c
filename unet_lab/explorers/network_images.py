"""The images of the network view: brought to a size and to channels that the network takes, and painted on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import cv2
import numpy as np
from torch import nn

from unet_lab.datasets.image_files import read_image
from unet_lab.datasets.pairs import check_something_to_learn
from unet_lab.datasets.standardise import check_image
from unet_lab.foreign import geometry_of, input_channels
from unet_lab.losses import IGNORE

LONGEST = 256  # pixels of the longer side that is taken as it is
SCALED = 192  # pixels of the longer side of a larger image, once scaled: the size that the shipped network was trained at
BRUSHES = ("dark", "bright", "erase", "noise")
LARGEST_FILE = 64_000_000  # bytes


class Prepared(NamedTuple):
    """An image as the network takes it, its truth in the same size or None, and what was done to it, in words."""

    image: np.ndarray  # (H, W) or (H, W, C)
    truth: np.ndarray | None  # (H, W) uint8
    note: str


def prepare(model: nn.Module, image: np.ndarray, truth: np.ndarray | None = None) -> Prepared:
    """Bring an image to channels and a size that the network takes; the note says what was done, and is "" where nothing was.

    An image up to 256 pixels wide and high that the network takes stays as it is. A larger one is scaled to 192 pixels, any
    other to the nearest size that fits. Raises ValueError for what is no image, and for channels that cannot be matched.
    """
    image, notes = matched_channels(check_image(image), input_channels(model))
    truth = truth if truth is None else checked_truth(truth, image.shape[:2])
    height, width = image.shape[:2]
    size = fitting_size(model, height, width)
    if size != (height, width):
        notes.append(f"scaled from {height} x {width} to {size[0]} x {size[1]} pixels, a size that this network takes")
        shrinks = size[0] * size[1] < height * width
        image = cv2.resize(image.astype(np.float32), size[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        if truth is not None:
            truth = cv2.resize(truth, size[::-1], interpolation=cv2.INTER_NEAREST)
    return Prepared(image, truth, "; ".join(notes))


def checked_truth(truth: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The truth as uint8 class indices (H, W). Raises ValueError for another size than the image's, and what are no indices."""
    found = np.asarray(truth)
    if found.shape != shape:
        raise ValueError(f"the truth has shape {found.shape} and the image {shape}; both need the same rows and columns.")
    if found.dtype.kind not in "uib" or found.min() < 0 or found.max() > IGNORE:
        raise ValueError(
            f"the truth holds {found.dtype} from {found.min()} to {found.max()}; allowed are class indices, 0, 1, … "
            f"and {IGNORE} for what nobody judged: encode_mask(mask, codes) gives them."
        )
    check_something_to_learn([found])
    return found.astype(np.uint8)


def matched_channels(image: np.ndarray, channels: int) -> tuple[np.ndarray, list[str]]:
    """The image with as many channels as the network takes: grey for one, grey three times for three."""
    there = image.shape[2] if image.ndim == 3 else 1
    if there == channels:
        return (image[..., 0] if image.ndim == 3 and channels == 1 else image), []
    if channels == 1:
        return image.astype(np.float32).mean(axis=2), [f"made grey, the mean of its {there} channels"]
    if there == 1:
        return np.repeat(np.atleast_3d(image), channels, axis=2), [f"its grey given to all {channels} channels"]
    raise ValueError(
        f"the image has {there} channels; this network takes {channels}. Give an image (H, W, {channels}), or a grey one."
    )


def fitting_size(model: nn.Module, height: int, width: int) -> tuple[int, int]:
    """Height and width nearest to these, or to these scaled to 192 pixels where they are large, that the network takes."""
    geometry, longer = geometry_of(model), max(height, width)
    stays = longer <= LONGEST or min(geometry.nearest_sizes(longer)) > longer
    scale = 1.0 if stays else SCALED / longer

    def nearest(size: float) -> int:
        return min(geometry.nearest_sizes(max(1, round(size))), key=lambda fits: abs(fits - size))

    return nearest(height * scale), nearest(width * scale)


def read_bytes(name: str, content: bytes) -> np.ndarray:
    """An image out of a file's name and bytes. Raises ValueError or OSError, in words, for what is no image that can be read."""
    if len(content) > LARGEST_FILE:
        raise ValueError(
            f"{name} has {len(content) / 1e6:.0f} MB; up to {LARGEST_FILE / 1e6:.0f} MB are taken. Crop or scale it."
        )
    with TemporaryDirectory() as folder:
        path = Path(folder) / Path(name.replace("\\", "/")).name
        path.write_bytes(content)
        try:
            return read_image(path)
        except (ValueError, OSError) as error:
            raise ValueError(str(error).replace(str(folder), "").lstrip("/\\")) from None


def stroke(image: np.ndarray, original: np.ndarray, points: Sequence[Sequence[float]], brush: str, width: int) -> np.ndarray:
    """The image with a line painted through `points` (x, y), `width` pixels thick.

    brush : "dark" and "bright", the darkest and the brightest grey of the original; "noise", normal noise of its mean and
    standard deviation, the same at every place each time; "erase" brings the original back.
    """
    if brush not in BRUSHES:
        raise ValueError(f"brush is {brush!r}; allowed are {', '.join(map(repr, BRUSHES))}.")
    if not 1 <= width <= 200:
        raise ValueError(f"width is {width}; allowed are 1 to 200 pixels.")
    line = np.zeros(image.shape[:2], np.uint8)
    places = [(round(float(x)), round(float(y))) for x, y in points]
    for start, end in zip(places, places[1:] or places, strict=False):
        cv2.line(line, start, end, 1, int(width))
    greys = original.astype(np.float32)
    if brush == "noise":
        paint = greys.mean() + greys.std() * np.random.default_rng(0).standard_normal(greys.shape, np.float32)
    else:
        paint = {"dark": np.full_like(greys, greys.min()), "bright": np.full_like(greys, greys.max()), "erase": greys}[brush]
    low, high = (np.iinfo(image.dtype).min, np.iinfo(image.dtype).max) if image.dtype.kind in "ui" else (-np.inf, np.inf)
    inside = line > 0 if image.ndim == 2 else np.repeat(line[..., None] > 0, image.shape[2], axis=2)
    return np.where(inside, np.clip(paint, low, high).astype(image.dtype), image)
