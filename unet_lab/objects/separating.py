"""Separating: cells that touch are one piece of the mask; a watershed cuts the piece where one cell ends.

Think of heights: water rises from a seed in every cell, and where the waters of two seeds meet, there is the border.
Meyer 1994, "Topographic distance and watershed lines". What differs is where heights and seeds come from: from the shape of the
mask (distance to the outline), or from a network that was taught the borders as a class of their own.
"""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np
from scipy.ndimage import distance_transform_edt, maximum_filter, minimum_filter

from unet_lab.objects.labelling import NEIGHBOURS, check_labels, drop_small, label_objects, renumber, to_foreground

METHODS = ("distance", "border")


def separate(
    prediction: Any,
    method: str = "distance",
    *,
    seeds: np.ndarray | None = None,
    depth: float = 1.0,
    border_class: int = -1,
    min_area: int = 0,
) -> np.ndarray:
    """Number the cells of a prediction, also where they touch.

    Parameters
    ----------
    prediction : probabilities (C, H, W) that add up to 1 over the classes, class 0 the background. With method "distance" also a
        bool mask or class indices (H, W), or distances to the outline, float (H, W), 0 outside, as a network may give them.
    method : "distance" cuts at the waists of the shape: `distance_watershed`. "border" cuts where the network says border:
        `border_watershed`; it needs a network that was taught one (`touching_borders`).
    seeds : object numbers (H, W), one for each cell, e.g. the labelled nuclei; None: found by the method.
    depth : of "distance", in pixels: two bulges are two cells if the waist between them is lower by more than this, seen as
        distance to the outline.
    border_class : of "border", which class the border is; -1 is the last.
    min_area : objects of fewer pixels are dropped as specks.

    Returns int32 (H, W): 0 background, cells from 1 up. Every piece of the foreground becomes one object at least.
    Raises ValueError for another method, probabilities that do not add up, and what the methods do not take.
    """
    if method not in METHODS:
        raise ValueError(f"method is {method!r}; allowed are 'distance' (cut at waists) and 'border' (cut at the border class).")
    prediction = np.asarray(prediction)
    if method == "border":
        labels = border_watershed(prediction, border_class, seeds)
    elif prediction.ndim == 2 and prediction.dtype.kind == "f":
        labels = distance_watershed(check_distances(prediction) > 0, prediction, depth, seeds)
    else:
        mask = check_probabilities(prediction).argmax(axis=0) if prediction.ndim == 3 else prediction
        labels = distance_watershed(to_foreground(mask), None, depth, seeds)
    return drop_small(labels, min_area)


def distance_watershed(
    mask: np.ndarray, distances: np.ndarray | None = None, depth: float = 1.0, seeds: np.ndarray | None = None
) -> np.ndarray:
    """Cut pieces of a mask at their waists: a watershed from the points that lie farthest from the outline.

    mask : bool (H, W). distances : to the outline, float (H, W); None: the Euclidean distance of every pixel to the background.
    depth : pixels > 0; a cut needs a way between two bulges that is lower than both by more than this (the h of an h-maximum).
    seeds : object numbers (H, W); None: the bulges. Returns int32 (H, W).
    Equal to skimage.segmentation.watershed(-distances, seeds, mask=mask).
    """
    from skimage.measure import label
    from skimage.morphology import local_maxima, reconstruction
    from skimage.segmentation import watershed

    if not (np.isfinite(depth) and depth > 0):
        raise ValueError(f"depth is {depth!r}; allowed are pixels above 0: 1 cuts at slight waists, 5 at deep ones only.")
    if distances is None:
        distances = distance_transform_edt(mask)
    if seeds is None:
        flattened = reconstruction(distances - depth, distances, method="dilation")  # bulges lower than `depth` are gone
        seeds = label(local_maxima(flattened) & mask, connectivity=2)
    return watershed(-distances, seed_every_piece(mask, seeds), mask=mask).astype(np.int32)


def border_watershed(probabilities: np.ndarray, border_class: int = -1, seeds: np.ndarray | None = None) -> np.ndarray:
    """Cut where a network sees a border: seeds are what is left of the cells without it, heights are its probability.

    probabilities : (C, H, W), at least background, inside and border, adding up to 1. border_class : its index; -1 the last.
    seeds : object numbers (H, W); None: the pieces of the pixels whose likeliest class is neither background nor border.
    Returns int32 (H, W); border pixels go to the cell whose flood reaches them first. Caicedo et al. 2019, "Evaluation of deep
    learning strategies for nucleus segmentation in fluorescence images". Equal to skimage.segmentation.watershed of the same.
    """
    from skimage.segmentation import watershed

    probabilities = check_probabilities(probabilities)
    classes = len(probabilities)
    if classes < 3:
        raise ValueError(f"there are {classes} classes; a border needs at least three: background, inside and border.")
    if not -classes <= border_class < classes or border_class % classes == 0:
        raise ValueError(f"border_class is {border_class}; allowed are 1 to {classes - 1}, or -1 for the last (0 is background).")
    border_class %= classes
    likeliest = probabilities.argmax(axis=0)  # (H, W)
    mask = likeliest != 0
    if seeds is None:
        seeds = label_objects(mask & (likeliest != border_class))
    return watershed(probabilities[border_class], seed_every_piece(mask, seeds), mask=mask).astype(np.int32)


def flood_from_seeds(heights: np.ndarray, seeds: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The watershed written out: always flood the lowest pixel next; it gets the number of the water that reaches it.

    heights : (H, W). seeds : object numbers (H, W). mask : bool (H, W), where water may go. Returns int32 (H, W).
    Equal to skimage.segmentation.watershed where no two heights are equal (it breaks ties in an order of its own), and slower.
    """
    labels = np.where(mask, seeds, 0).astype(np.int32)
    arrival = 0
    queue = [(heights[row, column], arrival, row, column) for row, column in np.argwhere(labels).tolist()]
    heapq.heapify(queue)
    while queue:
        _, _, row, column = heapq.heappop(queue)
        for down, right in NEIGHBOURS[4]:
            there = row + down, column + right
            inside = 0 <= there[0] < mask.shape[0] and 0 <= there[1] < mask.shape[1]
            if inside and mask[there] and not labels[there]:
                labels[there] = labels[row, column]
                arrival += 1
                heapq.heappush(queue, (heights[there], arrival, *there))
    return labels


def seed_every_piece(mask: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """The seeds inside a mask, and one more for every piece of it that has none, so that no piece is lost: int32 (H, W)."""
    seeds = check_labels(seeds, "seeds")
    if seeds.shape != mask.shape:
        raise ValueError(f"the seeds are {seeds.shape} and the prediction {mask.shape}; they must be of one size.")
    seeds = np.where(mask, seeds, 0).astype(np.int32)
    pieces = label_objects(mask)
    forgotten = ~np.isin(pieces, np.unique(pieces[seeds > 0])) & mask
    return np.where(forgotten, pieces + seeds.max(initial=0), seeds)


def touching_borders(labels: np.ndarray, width: int = 2) -> np.ndarray:
    """Where two objects touch or nearly do: the pixels to teach a network as a class of their own.

    labels : object numbers (H, W). width : 1 up to any size; how far, in pixels to each side, an object looks for another one.
    Returns bool (H, W): True within `width` pixels (rows and columns) of two different objects, on them or between them.
    """
    labels = renumber(check_labels(labels))
    if not width >= 1:
        raise ValueError(f"width is {width!r}; allowed are whole pixels from 1 up.")
    size = 2 * int(width) + 1
    highest = maximum_filter(labels, size)
    lowest = minimum_filter(np.where(labels > 0, labels, labels.size + 1), size)  # background does not count
    return (highest > 0) & (highest != lowest)


def check_probabilities(probabilities: Any) -> np.ndarray:
    """Return probabilities (C, H, W) once they are sure to be some: 0 to 1, adding up to 1; ValueError otherwise."""
    probabilities = np.asarray(probabilities)
    if probabilities.ndim != 3 or probabilities.dtype.kind != "f" or not 2 <= len(probabilities) <= 255:
        raise ValueError(
            f"the prediction is {probabilities.dtype} {probabilities.shape}; allowed are probabilities (C, H, W) of one image, "
            "decimal numbers, one layer for each class."
        )
    if not np.isfinite(probabilities).all():
        raise ValueError("the probabilities hold NaN or infinity; look for a training that diverged, or a division by 0.")
    low, high = float(probabilities.min()), float(probabilities.max())
    if low < -1e-3 or high > 1 + 1e-3:
        raise ValueError(
            f"the probabilities run from {low:.3g} to {high:.3g}; allowed are 0 to 1. Logits? Softmax over dim 0 first."
        )
    total = probabilities.sum(axis=0)
    worst = float(total.flat[np.abs(total - 1).argmax()])
    if abs(worst - 1) > 0.01:
        raise ValueError(
            f"the probabilities of a pixel add up to {worst:.3g}; over all classes they must add up to 1. Is the class axis "
            "first, (C, H, W), and is every class there? Sigmoids of single classes do not add up: give mask = probability > 0.5."
        )
    return probabilities


def check_distances(distances: np.ndarray) -> np.ndarray:
    """Return distances to the outline (H, W) once they can be some: finite, none negative; ValueError otherwise."""
    if not np.isfinite(distances).all() or distances.min() < 0:
        raise ValueError(
            f"the distances go down to {distances.min():.3g}; allowed are finite pixels from 0 (background) up. "
            "Logits of one class? Give a mask: logits > 0."
        )
    if 0 < distances.max() <= 1:
        raise ValueError(
            f"the largest distance is {distances.max():.3g} pixels: that is no cell. Probabilities of one class? Give a mask: "
            "probability > 0.5. Distances scaled to 0..1? Scale them back to pixels."
        )
    return distances
