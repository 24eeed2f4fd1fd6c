"""Labelling: every connected piece of a mask gets a number of its own."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

NEIGHBOURS = {
    4: ((-1, 0), (0, -1), (0, 1), (1, 0)),
    8: ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)),
}
UNJUDGED = 255  # in a mask of class indices: a pixel that nobody judged; it belongs to no object


def label_objects(
    mask: Any,
    classes: Collection[int] | None = None,
    connectivity: int = 4,
    min_area: int = 0,
    border: str = "keep",
) -> np.ndarray:
    """Number the connected pieces of a mask: connected-component labelling.

    Parameters
    ----------
    mask : bool (H, W), or whole numbers (H, W): class indices, where 0 is background and 255 was not judged.
    classes : which class indices make up an object, e.g. (1, 2) for whole cells, (2,) for nuclei; None: all above 0.
    connectivity : 4, pixels that share an edge are connected; 8, those that share a corner too.
    min_area : pieces of fewer pixels are dropped as specks.
    border : "keep" counts the objects that touch the image's edge; "drop" leaves them out. Their area, shape and nucleus are
        cut off by the frame, so leave them out of measurements, and keep them in counts of cells per field.

    Returns int32 (H, W): 0 background, then 1, 2, 3, … in reading order. An empty mask gives no objects.
    Raises ValueError for masks that are not (H, W), probabilities, a mask of 0 and 255, or another connectivity or border.
    Equal to skimage.measure.label(mask, connectivity=1 or 2), and to `flood_fill`, which shows how.

    >>> label_objects(np.array([[1, 1, 0, 2], [0, 0, 0, 2]])).tolist()
    [[1, 1, 0, 2], [0, 0, 0, 2]]
    """
    from skimage.measure import label

    if connectivity not in NEIGHBOURS:
        raise ValueError(f"connectivity is {connectivity!r}; allowed are 4 (shared edges) and 8 (shared corners too).")
    if border not in ("keep", "drop"):
        raise ValueError(f"border is {border!r}; allowed are 'keep' and 'drop' (leave out objects that touch the image's edge).")
    foreground = to_foreground(mask, classes)
    labels = label(foreground, connectivity=1 if connectivity == 4 else 2).astype(np.int32)
    labels = drop_small(labels, min_area)
    return clear_border(labels) if border == "drop" else labels


def flood_fill(mask: np.ndarray, connectivity: int = 4) -> np.ndarray:
    """Labelling written out: from each pixel without a number, walk to all pixels that can be reached, and number them.

    mask : bool (H, W). Returns int32 (H, W), the same as `label_objects(mask, connectivity=connectivity)`, many times slower.

    >>> flood_fill(np.array([[True, False], [False, True]]), connectivity=8).tolist()
    [[1, 0], [0, 1]]
    """
    labels = np.zeros(mask.shape, np.int32)
    count = 0
    for start in np.argwhere(mask).tolist():  # reading order: row by row
        if labels[*start]:
            continue
        count += 1
        labels[*start] = count
        to_visit = [start]
        while to_visit:
            row, column = to_visit.pop()
            for down, right in NEIGHBOURS[connectivity]:
                there = row + down, column + right
                inside = 0 <= there[0] < mask.shape[0] and 0 <= there[1] < mask.shape[1]
                if inside and mask[there] and not labels[there]:
                    labels[there] = count
                    to_visit.append(list(there))
    return labels


def to_foreground(mask: Any, classes: Collection[int] | None = None) -> np.ndarray:
    """Which pixels of a mask belong to objects: bool (H, W). Raises ValueError in words for what is no mask."""
    mask = np.asarray(mask)
    if mask.ndim != 2 or mask.size == 0:
        raise ValueError(f"the mask has shape {mask.shape}; allowed is one mask (H, W) with at least one pixel.")
    if mask.dtype == bool:
        return mask
    if mask.dtype.kind not in "ui":
        raise ValueError(
            f"the mask's type is {mask.dtype}; allowed are bool and whole numbers. Probabilities need a threshold first: "
            "label_objects(probability > 0.5); class indices saved as decimals: mask.astype(int)."
        )
    if mask.min() < 0:
        raise ValueError(f"the mask's values go down to {mask.min()}; allowed are class indices from 0 up.")
    if classes is not None:
        return np.isin(mask, list(classes))
    foreground = (mask > 0) & (mask != UNJUDGED)
    if not foreground.any() and (mask == UNJUDGED).any():
        raise ValueError(
            "the mask holds 255 and nothing else above 0. If 255 is the object (grey codes), use label_objects(mask == 255); "
            "if it means that nobody judged the pixel, say which classes are objects: label_objects(mask, classes=(1, 2))."
        )
    return foreground


def check_labels(labels: Any, name: str = "labels") -> np.ndarray:
    """Return `labels` as an array once it is sure to hold object numbers (H, W), 0 for background; ValueError otherwise."""
    labels = np.asarray(labels)
    if labels.ndim != 2 or labels.size == 0:
        raise ValueError(f"{name} has shape {labels.shape}; allowed is one image of object numbers (H, W).")
    if labels.dtype == bool:
        raise ValueError(f"{name} is a bool mask: it says where objects are, not which. Number them: label_objects({name}).")
    if labels.dtype.kind not in "ui":
        whole = bool(np.isfinite(labels).all()) and bool((labels == np.floor(labels)).all())
        fix = f"{name}.astype(int)" if whole else f"label_objects({name} > 0.5), if these are probabilities"
        raise ValueError(f"the type of {name} is {labels.dtype}; object numbers are whole numbers. Use {fix}.")
    if labels.dtype.kind == "i" and labels.min() < 0:
        raise ValueError(f"{name} goes down to {labels.min()}; allowed are 0 (background) and object numbers from 1 up.")
    return labels


def touches_border(labels: np.ndarray) -> np.ndarray:
    """The numbers of the objects that touch the image's edge, sorted: the frame may have cut them.

    >>> touches_border(np.array([[0, 0, 0], [0, 7, 0], [0, 0, 3]])).tolist()
    [3]
    """
    labels = check_labels(labels)
    edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    return np.unique(edge[edge > 0])


def clear_border(labels: np.ndarray) -> np.ndarray:
    """The objects that do not touch the image's edge, numbered anew from 1 in the same order: int32 (H, W)."""
    labels = check_labels(labels)
    return renumber(np.where(np.isin(labels, touches_border(labels)), 0, labels))


def drop_small(labels: np.ndarray, min_area: int) -> np.ndarray:
    """The objects of at least `min_area` pixels, numbered anew from 1 in the same order: int32 (H, W)."""
    if not min_area >= 0:
        raise ValueError(f"min_area is {min_area!r}; allowed are pixels from 0 (drop nothing) up.")
    numbers, counts = np.unique(labels, return_counts=True)
    return renumber(np.where(np.isin(labels, numbers[counts < min_area]), 0, labels))


def renumber(labels: np.ndarray) -> np.ndarray:
    """The same objects numbered 1, 2, 3, … without gaps, in the order of their old numbers: int32 (H, W).

    >>> renumber(np.array([[0, 900], [30, 30]])).tolist()
    [[0, 2], [1, 1]]
    """
    numbers, places = np.unique(labels, return_inverse=True)
    places = places.reshape(labels.shape)
    return (places if numbers[0] == 0 else places + 1).astype(np.int32)
