"""Measuring: a table with one row for each object, in micrometres where the pixel size is known."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import mean

from unet_lab.objects.labelling import check_labels, label_objects, renumber, touches_border
from unet_lab.objects.scoring import count_overlaps, object_numbers

if TYPE_CHECKING:
    import pandas as pd

UNITS = {"nm": 1e-3, "um": 1.0, "mm": 1e3}  # in micrometres
SMALLEST_CELL, LARGEST_CELL = 0.1, 1000.0  # micrometres across: outside of this the pixel size is probably in another unit


def measure(
    labels: Any,
    image: Any = None,
    pixel_size: Any = None,
    unit: str = "um",
    nuclei: Any = None,
    neighbour_distance: float = 2.0,
) -> pd.DataFrame:
    """Measure every object of a labelled image: one row each, the units in the column names.

    Parameters
    ----------
    labels : object numbers (H, W), 0 for background, of cells or whatever is measured.
    image : greys (H, W), or channels (H, W, C), of the same size; None: no greys in the table.
    pixel_size : the side of a (square) pixel in `unit`; None: lengths in pixels, `area_px` and so on.
    unit : "um", "nm" or "mm".
    nuclei : object numbers (H, W) of the nuclei; each is counted to the cell in which most of it lies (`match_nuclei`).
    neighbour_distance : objects are neighbours if two of their pixels lie at most this far apart, in pixels.

    Returns
    -------
    A pandas table with the columns `label`, `area_um2`, `perimeter_um`, `major_axis_um`, `minor_axis_um` (of the ellipse with the
    same second moments), `solidity` (area over area of the convex hull), `neighbours`, `at_border` (the frame may have cut the
    object: all are in the table, leave those out of sizes by `table[~table.at_border]`); with an image `mean_grey`, or
    `mean_channel_0` and so on; with nuclei `nuclei` (how many), `nucleus_area_um2`, and `nucleus_to_cell_ratio`, the area of the
    nuclei over that of the whole cell, NaN where no nucleus was found. No objects give a table with these columns and no rows.

    Raises ValueError for labels that are no whole numbers, images of another size, and pixel sizes of 0 or below. Warns where the
    objects are far smaller or larger than cells, as with a pixel size in another unit, and where the labels look like classes.
    Values as of skimage.measure.regionprops.
    """
    import pandas as pd
    from skimage.measure import regionprops

    labels = check_labels(labels)
    scale = check_pixel_size(pixel_size, unit)
    length, area = ("px", "px") if pixel_size is None else (unit, f"{unit}2")
    warn_of_class_indices(labels)
    numbers = np.unique(labels[labels > 0])
    regions = regionprops(renumber(labels))
    table = pd.DataFrame({
        "label": numbers.astype(np.int64),
        f"area_{area}": np.array([r.area for r in regions], float) * scale**2,
        f"perimeter_{length}": np.array([r.perimeter for r in regions], float) * scale,
        f"major_axis_{length}": np.array([r.axis_major_length for r in regions], float) * scale,
        f"minor_axis_{length}": np.array([r.axis_minor_length for r in regions], float) * scale,
        "solidity": np.array([solidity(r.image) for r in regions], float),
        "neighbours": count_neighbours(labels, numbers, neighbour_distance),
        "at_border": np.isin(numbers, touches_border(labels)),
    })  # fmt: skip
    if image is not None:
        table = table.assign(**mean_greys(labels, numbers, image))
    if nuclei is not None:
        table = table.assign(**nucleus_columns(labels, numbers, nuclei, scale, area))
    if pixel_size is not None and len(table):
        warn_of_strange_sizes(table[f"area_{area}"].to_numpy(), pixel_size, unit)
    return table


def solidity(shape: np.ndarray) -> float:
    """Area over the area of the convex hull, of one object's bool image: 1 if convex, less for lobes and merged cells.

    1 where the pixels lie on one line, which has no hull.
    """
    from skimage.morphology import convex_hull_image

    if min(shape.shape) == 1:
        return float(shape.mean())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a straight diagonal line: its hull is empty
        hull = int(convex_hull_image(shape).sum())
    return float(shape.sum() / hull) if hull else 1.0


def find_neighbours(labels: np.ndarray, distance: float = 2.0) -> list[tuple[int, int]]:
    """Pairs of objects that have two pixels at most `distance` pixels apart (centre to centre), each pair once, sorted.

    1 is touching at an edge, 1.5 at a corner too, 2 with at most one pixel of background between.

    >>> find_neighbours(np.array([[1, 0, 2, 0, 0, 3]]))
    [(1, 2)]
    """
    labels = check_labels(labels)
    if not (np.isfinite(distance) and distance >= 1):
        raise ValueError(f"the distance is {distance!r}; allowed are pixels from 1 (touching) up.")
    reach = int(distance)
    pairs: set[tuple[int, int]] = set()
    height, width = labels.shape
    for down in range(reach + 1):
        for right in range(-reach, reach + 1):
            if down**2 + right**2 > distance**2 or (down == 0 and right <= 0) or down >= height or abs(right) >= width:
                continue
            here = labels[: height - down, max(0, -right) : width - max(0, right)]
            there = labels[down:, max(0, right) : width - max(0, -right)]
            meets = (here != there) & (here > 0) & (there > 0)
            found = np.unique(np.sort(np.stack([here[meets], there[meets]], axis=1), axis=1), axis=0)
            pairs.update((int(a), int(b)) for a, b in found)
    return sorted(pairs)


def count_neighbours(labels: np.ndarray, numbers: np.ndarray, distance: float) -> np.ndarray:
    """How many neighbours each of these objects has: int64 (number of objects,)."""
    ends = np.array(find_neighbours(labels, distance), np.int64).reshape(-1)
    return np.array([np.count_nonzero(ends == n) for n in numbers], np.int64)


def match_nuclei(cells: np.ndarray, nuclei: np.ndarray) -> dict[int, int]:
    """To which cell each nucleus belongs: the cell in which most of its pixels lie; 0 where most lie in none.

    cells, nuclei : object numbers (H, W). Returns a dictionary from the nucleus' number to the cell's. Where two cells have equal
    shares, the lower number gets it (a cell before no cell). Raises ValueError for sizes that differ.

    >>> match_nuclei(np.array([[4, 4, 4, 0]]), np.array([[0, 1, 1, 2]]))
    {1: 4, 2: 0}
    """
    cells, nuclei = check_labels(cells, "cells"), check_labels(nuclei, "nuclei")
    if cells.shape != nuclei.shape:
        raise ValueError(f"the cells are {cells.shape} and the nuclei {nuclei.shape}; they must be of one image.")
    shared, sizes, _ = count_overlaps(nuclei, cells)  # (nuclei, cells), (nuclei,)
    outside = sizes - shared.sum(axis=1)
    choices = np.concatenate([shared, outside[:, None]], axis=1)  # the last column: in no cell
    owners = np.append(object_numbers(cells), 0)[choices.argmax(axis=1)]
    return dict(zip(object_numbers(nuclei).tolist(), owners.tolist(), strict=True))


def nucleus_columns(
    cells: np.ndarray, numbers: np.ndarray, nuclei: np.ndarray, scale: float, area_unit: str
) -> dict[str, np.ndarray]:
    """The columns on nuclei, by name: how many each cell has, their area, and that area over the cell's."""
    owners = match_nuclei(cells, nuclei)
    nuclei = np.asarray(nuclei)
    owner = np.array(list(owners.values()), np.int64)  # (nuclei,)
    sizes = np.array([np.count_nonzero(nuclei == nucleus) for nucleus in owners], float)
    found = np.array([np.count_nonzero(owner == number) for number in numbers], np.int64)
    pixels = np.array([sizes[owner == number].sum() for number in numbers], float)
    whole = np.array([np.count_nonzero(cells == number) for number in numbers], float)
    return {
        "nuclei": found,
        f"nucleus_area_{area_unit}": pixels * scale**2,
        "nucleus_to_cell_ratio": np.where(pixels > 0, pixels / np.maximum(whole, 1), np.nan),
    }


def mean_greys(labels: np.ndarray, numbers: np.ndarray, image: Any) -> dict[str, np.ndarray]:
    """The mean of an image (H, W) or (H, W, C) over each object, as columns by name."""
    image = np.asarray(image)
    if image.ndim not in (2, 3) or image.shape[:2] != labels.shape or image.dtype.kind not in "uifb":
        raise ValueError(f"the image is {image.dtype} {image.shape}; allowed are numbers {labels.shape}, channels after that.")
    if not np.isfinite(image).all():
        raise ValueError(f"{np.count_nonzero(~np.isfinite(image))} values of the image are NaN or infinite; repair them first.")
    names = ["mean_grey"] if image.ndim == 2 else [f"mean_channel_{k}" for k in range(image.shape[2])]
    layers = np.atleast_3d(image).astype(float)
    return {name: np.array(mean(layers[..., k], labels, numbers), float) for k, name in enumerate(names)}


def check_pixel_size(pixel_size: Any, unit: str) -> float:
    """The side of a pixel as a number; 1 where None is given. Raises ValueError for what is no length or no known unit."""
    if unit not in UNITS:
        raise ValueError(f"unit is {unit!r}; allowed are 'um' (micrometres), 'nm' and 'mm'.")
    if pixel_size is None and unit != "um":
        raise ValueError(f"unit is {unit!r}, but no pixel size is given; say how large a pixel is: pixel_size=65, unit={unit!r}.")
    if pixel_size is None:
        return 1.0
    sides = np.unique(np.asarray(pixel_size, float)) if not isinstance(pixel_size, str) else np.array([np.nan])
    if sides.size == 2 and np.isfinite(sides).all():
        raise ValueError(
            f"pixel_size is {pixel_size}: the pixels are not square. Resample the image and the labels (nearest neighbour) to "
            "square pixels, then measure."
        )
    if sides.size != 1 or not (np.isfinite(sides[0]) and sides[0] > 0):
        raise ValueError(
            f"pixel_size is {pixel_size!r}; allowed is a number above 0, the side of one pixel, e.g. pixel_size=0.65, unit='um'. "
            "Not known? Leave it out and measure in pixels."
        )
    return float(sides[0])


def warn_of_strange_sizes(areas: np.ndarray, pixel_size: Any, unit: str) -> None:
    """Warn where the median object is far from any cell's size, as it is with a pixel size in another unit."""
    across = 2 * np.sqrt(np.median(areas) / np.pi) * UNITS[unit]
    if not SMALLEST_CELL <= across <= LARGEST_CELL:
        warnings.warn(
            f"the median object is {across:.3g} micrometres across; cells are between {SMALLEST_CELL} and {LARGEST_CELL:g}. Is "
            f"the pixel size of {pixel_size} in another unit than {unit!r}? Say so: measure(..., unit='nm').",
            stacklevel=3,
        )


def warn_of_class_indices(labels: np.ndarray) -> None:
    """Warn where the labels lie in many separate pieces, as class indices do: cells of one class share a number."""
    numbers = np.unique(labels[labels > 0])
    pieces = sum(int(label_objects(labels == n, connectivity=8).max()) for n in numbers) if numbers.size <= 4 else 0
    if pieces > 3 * max(1, numbers.size):
        warnings.warn(
            f"{numbers.size} labels lie in {pieces} separate pieces. Are these class indices? Number the objects first: "
            "label_objects(mask).",
            stacklevel=3,
        )
