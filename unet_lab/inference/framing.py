"""Before the shipped model looks at a micrograph: hot pixels, empty margins, and the part of the frame that holds the cell."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot
from typing import NamedTuple

import numpy as np
import torch
from scipy import ndimage
from scipy.spatial import ConvexHull
from skimage.measure import label, regionprops
from torch import Tensor

from unet_lab.datasets.generator.organelles import BACKGROUND
from unet_lab.datasets.standardise import clip_limits

Window = tuple[slice, slice]  # rows and columns
USUAL_CELL, SMALL_CELL = (
    0.85,
    0.75,
)  # extent of a cell as a share of the frame: what a second look makes of it, and what calls for one
SMALLEST_CELL = 24  # pixels: below, what was found is called a speck
MARGIN, STRAIGHT = 0.005, 0.95  # the least margin that counts, of the frame; how nearly straight edges fill their hull
LEAST_TURN = 3  # degrees: a frame turned by less is left as it is


class Placement(NamedTuple):
    """Where what is looked at lies in a frame: in its `window`, once it is turned back by `angle` degrees."""

    window: Window
    turned_shape: tuple[int, ...]  # of the frame turned back
    angle: float
    shape: tuple[int, ...]  # of the frame as it came

    def put_back(self, probabilities: Tensor) -> Tensor:
        """Probabilities (3, h, w) of what is looked at as those of the frame as it came, (3, H, W)."""
        whole = on_background(probabilities, self.window, self.turned_shape)
        if self.angle == 0:
            return whole
        turned = [
            turned_to(channel, -self.angle, self.shape, outside=float(number == BACKGROUND))
            for number, channel in enumerate(whole.numpy())
        ]
        return torch.from_numpy(np.stack(turned))


def without_disturbances(grey: np.ndarray) -> tuple[np.ndarray, Placement]:
    """A grey image (H, W) turned back where it was turned, without strips of one grey around it, corners filled from beside
    them, hot pixels clipped; and where that lies in the frame.
    """
    shape = grey.shape
    margin = empty_margin(grey)
    if margin.all() or not margin.any():
        return np.clip(grey, *clip_limits(grey)), Placement((slice(0, shape[0]), slice(0, shape[1])), shape, 0, shape)
    angle = turned_by(margin)
    if angle:
        longest = [round(hypot(*shape) * 1.01)] * 2
        grey = turned_to(grey, angle, longest, outside=float(np.median(grey[~margin])))
        margin = turned_to((~margin).astype(np.float32), angle, longest, outside=0) < 0.99
    content = ndimage.find_objects((~margin).astype(np.uint8))[0]
    place = Placement(content, grey.shape, angle, shape)
    grey, margin = grey[content], ndimage.binary_dilation(margin[content], iterations=2)  # turning mixes its edge with the image
    nearest = ndimage.distance_transform_edt(margin, return_distances=False, return_indices=True)
    grey = grey[tuple(nearest)]
    return np.clip(grey, *clip_limits(grey)), place


def turned_to(image: np.ndarray, angle: float, shape: Sequence[int], outside: float) -> np.ndarray:
    """An image (H, W) turned about its middle by `angle` degrees, in a frame of another shape with the same middle, bilinear."""
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    matrix = np.array([[cos, sin], [-sin, cos]])  # from places in the new frame to places in the old one
    middle = matrix @ ((np.array(shape) - 1) / 2)
    return ndimage.affine_transform(
        image, matrix, (np.array(image.shape) - 1) / 2 - middle, output_shape=tuple(shape), order=1, cval=outside
    )


def turned_by(margin: np.ndarray) -> float:
    """By how many degrees, -45 to 45, what an empty margin leaves must be turned to stand upright; 0 for one that stands.

    An image turned in its frame has edges in two directions only, at right angles: those of its outline, where that is not cut
    by the frame.
    """
    inside = ndimage.find_objects((~margin).astype(np.uint8))[0]
    if min(side.stop - side.start for side in inside) < SMALLEST_CELL:
        return 0.0  # too few pixels to show an angle
    corners = outline(~margin[inside])
    edges = np.diff(corners, axis=0, append=corners[:1])
    lengths = np.linalg.norm(edges, axis=1)
    slopes = (np.degrees(np.arctan2(edges[:, 0], edges[:, 1])) + 45) % 90 - 45
    slanted = np.abs(slopes) > LEAST_TURN
    if lengths[slanted].sum() < 0.1 * lengths.sum():
        return 0.0
    quarters = np.exp(4j * np.radians(slopes[slanted]))  # four times the angle: the two directions are one
    mean = (lengths[slanted] * quarters).sum() / lengths[slanted].sum()
    return float(np.degrees(np.angle(mean)) / 4) if abs(mean) > STRAIGHT else 0.0


def empty_margin(grey: np.ndarray) -> np.ndarray:
    """Where a frame was filled up with one grey, as turning or padding an image does: bool (H, W).

    Such a margin has exactly one grey, reaches a corner of the frame, and ends in straight lines: it is a triangle or a
    strip, or what it leaves is a rectangle. A ground that is saturated around a round cell is none.
    """
    margin = np.zeros(grey.shape, bool)
    for value in {float(grey[row, column]) for row in (0, -1) for column in (0, -1)}:
        same = np.pad(grey == value, 2, mode="edge")
        if 9 * np.count_nonzero(eroded(same)) <= MARGIN * grey.size:
            continue  # what is left of it after the opening below would be too small: most images, and they need not wait for it
        parts = label(ndimage.binary_opening(same, np.ones((3, 3)))[2:-2, 2:-2], connectivity=1)
        for part in regionprops(parts):
            if part.area > MARGIN * grey.size and at_border(part.bbox, grey.shape):
                filled = parts == part.label
                if part.solidity > STRAIGHT or rectangularity(~filled) > STRAIGHT:
                    margin |= filled
    return margin


def eroded(mask: np.ndarray) -> np.ndarray:
    """Where a pixel and its eight neighbours are all set; the outermost pixels are left out."""
    rows = mask[:-2] & mask[1:-1] & mask[2:]
    return rows[:, :-2] & rows[:, 1:-1] & rows[:, 2:]


def at_border(bbox: tuple[int, int, int, int], shape: tuple[int, ...]) -> bool:
    return bbox[0] == 0 or bbox[1] == 0 or bbox[2] == shape[0] or bbox[3] == shape[1]


def rectangularity(region: np.ndarray) -> float:
    """Area of a region over that of the smallest rectangle around it, turned to fit: 1 for a rectangle, 0.79 for an ellipse."""
    if region.any(axis=1).sum() < 3:
        return 0.0
    hull = outline(region)
    edges = np.diff(hull, axis=0, append=hull[:1])
    directions = edges / np.linalg.norm(edges, axis=1, keepdims=True)
    across = np.stack([-directions[:, 1], directions[:, 0]], axis=1)
    areas = np.ptp(hull @ directions.T, axis=0) * np.ptp(hull @ across.T, axis=0)  # the smallest lies along an edge of the hull
    return float(region.sum() / areas.min())


def outline(region: np.ndarray) -> np.ndarray:
    """Corners (N, 2) of the convex hull of a region's pixels, as rows and columns, in their order."""
    rows = np.flatnonzero(region.any(axis=1))
    first, last = region[rows].argmax(axis=1), region.shape[1] - region[rows, ::-1].argmax(axis=1)
    parts = [np.stack([y, x], 1) for y in (rows, rows + 1) for x in (first, last)]  # of the pixels at each row's ends
    corners = np.concatenate(parts)
    return corners[ConvexHull(corners).vertices]


def on_background(probabilities: Tensor, window: Window, shape: tuple[int, ...]) -> Tensor:
    """Probabilities (3, h, w) of a part of the frame as (3, H, W): one cell to a frame, so what lies outside is background."""
    if probabilities.shape[1:] == shape:
        return probabilities
    answer = torch.zeros((len(probabilities), *shape))
    answer[BACKGROUND] = 1.0
    answer[(slice(None), *window)] = probabilities
    return answer


def cell_in(probabilities: Tensor) -> Window | None:
    """Rows and columns of the largest piece of (3, H, W) that is no background, without its threads; None where there is none."""
    solid = opened((probabilities.max(dim=0).indices > 0).numpy(), max(1, max(probabilities.shape[1:]) // 100))
    parts, count = ndimage.label(solid)
    return ndimage.find_objects(parts)[np.argmax(np.bincount(parts.ravel())[1:])] if count else None


def opened(found: np.ndarray, radius: int) -> np.ndarray:
    """`ndimage.binary_opening(found, iterations=radius)`, by distances: its time does not grow with the radius."""
    inside = ndimage.distance_transform_cdt(np.pad(found, 1), metric="taxicab")[1:-1, 1:-1]
    core = inside > radius
    return ndimage.distance_transform_cdt(~core, metric="taxicab") <= radius if core.any() else core


def extent(window: Window, shape: tuple[int, ...]) -> float:
    """The longer side of a window as a share of the frame's longer side."""
    return max(s.stop - s.start for s in window) / max(shape)


def window_around(found: Window, shape: tuple[int, int]) -> Window | None:
    """The square of the frame in which the cell found has the usual extent, moved into the frame.

    None for a speck, and where two sides of the frame cut what was found: then the whole frame is to be looked at.
    """
    longest = max(s.stop - s.start for s in found)
    cut = sum((s.start == 0) + (s.stop == length) for s, length in zip(found, shape, strict=True))
    if cut > 1 or longest < max(SMALLEST_CELL, 0.04 * max(shape)):
        return None
    side = round(longest / USUAL_CELL)
    rows, columns = (span(s, side, length) for s, length in zip(found, shape, strict=True))
    return rows, columns


def span(found: slice, side: int, length: int) -> slice:
    """`side` pixels, or one more, with `found` in their middle, moved to lie within `length`; all of it where it has fewer."""
    side += (found.start + found.stop - side) % 2  # so that a turned image gets the same window, turned
    first = min(max(0, (found.start + found.stop - side) // 2), max(0, length - side))
    return slice(first, min(length, first + side))


def is_brighter(probabilities: Tensor, grey: np.ndarray) -> bool:
    """Whether what was found is brighter than its ground; in a transmission electron micrograph a cell is darker."""
    cell = (probabilities.max(dim=0).indices > 0).numpy()
    return bool(cell.any() and not cell.all() and np.median(grey[cell]) > np.median(grey[~cell]))
