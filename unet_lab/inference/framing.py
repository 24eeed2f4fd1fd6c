"""Before the shipped model looks at a micrograph: hot pixels, empty margins, and the part of the frame that holds the cell."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull
from skimage.measure import label, regionprops
from torch import Tensor

from unet_lab.datasets.standardise import clip_limits

Window = tuple[slice, slice]  # rows and columns
USUAL_CELL, SMALL_CELL = (
    0.85,
    0.75,
)  # extent of a cell as a share of the frame: what a second look makes of it, and what calls for one
SMALLEST_CELL = 24  # pixels: below, what was found is called a speck
MARGIN, STRAIGHT = 0.005, 0.95  # the least margin that counts, of the frame; how nearly straight edges fill their hull


def without_disturbances(grey: np.ndarray) -> tuple[np.ndarray, Window]:
    """A grey image (H, W) without strips of one grey around it, turned corners filled from beside them, hot pixels clipped.

    Also gives the part of the frame that is left.
    """
    margin = empty_margin(grey)
    if margin.all() or not margin.any():
        return np.clip(grey, *clip_limits(grey)), (slice(0, grey.shape[0]), slice(0, grey.shape[1]))
    content = ndimage.find_objects((~margin).astype(np.uint8))[0]
    grey, margin = grey[content], ndimage.binary_dilation(margin[content], iterations=2)  # turning mixes its edge with the image
    nearest = ndimage.distance_transform_edt(margin, return_distances=False, return_indices=True)
    grey = grey[tuple(nearest)]
    return np.clip(grey, *clip_limits(grey)), content


def empty_margin(grey: np.ndarray) -> np.ndarray:
    """Where a frame was filled up with one grey, as turning or padding an image does: bool (H, W).

    Such a margin has exactly one grey, reaches a corner of the frame, and ends in straight lines: it is a triangle or a
    strip, or what it leaves is a rectangle. A ground that is saturated around a round cell is none.
    """
    margin = np.zeros(grey.shape, bool)
    for value in {float(grey[row, column]) for row in (0, -1) for column in (0, -1)}:
        same = np.pad(grey == value, 2, mode="edge")
        parts = label(ndimage.binary_opening(same, np.ones((3, 3)))[2:-2, 2:-2], connectivity=1)
        for part in regionprops(parts):
            if part.area > MARGIN * grey.size and at_border(part.bbox, grey.shape):
                filled = parts == part.label
                if part.solidity > STRAIGHT or rectangularity(~filled) > STRAIGHT:
                    margin |= filled
    return margin


def at_border(bbox: tuple[int, int, int, int], shape: tuple[int, ...]) -> bool:
    return bbox[0] == 0 or bbox[1] == 0 or bbox[2] == shape[0] or bbox[3] == shape[1]


def rectangularity(region: np.ndarray) -> float:
    """Area of a region over that of the smallest rectangle around it, turned to fit: 1 for a rectangle, 0.79 for an ellipse."""
    rows = np.flatnonzero(region.any(axis=1))
    if len(rows) < 3:
        return 0.0
    first, last = region[rows].argmax(axis=1), region.shape[1] - region[rows, ::-1].argmax(axis=1)
    corners = np.concatenate(
        [np.stack([y, x], 1) for y in (rows, rows + 1) for x in (first, last)]
    )  # of the pixels at each row's ends
    hull = corners[ConvexHull(corners).vertices]
    edges = np.diff(hull, axis=0, append=hull[:1])
    directions = edges / np.linalg.norm(edges, axis=1, keepdims=True)
    across = np.stack([-directions[:, 1], directions[:, 0]], axis=1)
    areas = np.ptp(hull @ directions.T, axis=0) * np.ptp(hull @ across.T, axis=0)  # the smallest lies along an edge of the hull
    return float(region.sum() / areas.min())


def cell_in(probabilities: Tensor) -> Window | None:
    """Rows and columns of the largest piece of (3, H, W) that is no background, without its threads; None where there is none."""
    found = (probabilities.argmax(dim=0) > 0).numpy()
    solid = ndimage.binary_opening(found, iterations=max(1, max(found.shape) // 100))
    parts, count = ndimage.label(solid)
    return ndimage.find_objects(parts)[np.argmax(np.bincount(parts.ravel())[1:])] if count else None


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
    cell = (probabilities.argmax(dim=0) > 0).numpy()
    return bool(cell.any() and not cell.all() and np.median(grey[cell]) > np.median(grey[~cell]))
