"""A rare class: the nucleolus, a dark body in the nucleus that covers about one pixel in a hundred."""

from __future__ import annotations

import cv2
import numpy as np

from unet_lab.datasets.generator.cells import Cell, generate_cell
from unet_lab.datasets.generator.organelles import NUCLEUS
from unet_lab.datasets.generator.parameters import CellParameters

NUCLEOLUS = 3
CLASSES = ("background", "cell body", "nucleus", "nucleolus")


def generate_cell_with_nucleolus(
    seed: int, size: int = 64, difficulty: float = 0.5, share: float = 0.01, present: float = 0.8
) -> Cell:
    """One cell as `generate_cell` draws it, and in its nucleus, in most cells, a nucleolus: class 3 of the mask.

    seed, size, difficulty : as in `generate_cell`. share : of the image that a nucleolus covers, on average, 0.001 to 0.05; where
    the nucleus is small, it covers less. present : the chance that the section meets it, 0 to 1.

    Returns Cell(image, mask) with class indices 0 to 3. Raises ValueError for arguments out of range.
    """
    if not (0.001 <= share <= 0.05 and 0 <= present <= 1):
        raise ValueError(f"share is {share} and present is {present}; allowed are 0.001 to 0.05, and 0 to 1.")
    image, mask = generate_cell(seed, size, difficulty, CellParameters(nucleolus_chance=(0.0, 0.0)))
    rng = np.random.default_rng([int(seed), 1504, 99])  # a stream of its own: the cell stays as it is
    depth = cv2.distanceTransform((mask == NUCLEUS).astype(np.uint8), cv2.DIST_L2, 5)  # pixels to the envelope
    if rng.random() >= present or depth.max() < 2:
        return Cell(image, mask)
    radius = min(size * np.sqrt(share * rng.uniform(0.6, 1.4) / np.pi), 0.8 * float(depth.max()))
    inside = np.flatnonzero(depth >= min(radius, 0.95 * float(depth.max())))
    row, column = divmod(int(inside[rng.integers(inside.size)]), mask.shape[1])
    slim, turn = rng.uniform(0.75, 1.0), rng.uniform(0, np.pi)
    y, x = np.mgrid[: mask.shape[0], : mask.shape[1]].astype(np.float32)
    along = (x - column) * np.cos(turn) + (y - row) * np.sin(turn)
    across = (y - row) * np.cos(turn) - (x - column) * np.sin(turn)
    away = np.hypot(along * slim**0.5, across / slim**0.5)  # an oval of the area of the circle
    cover = np.clip(radius - away + 0.5, 0, 1) * (depth > 0)  # (H, W), soft at the rim
    darker = cover * rng.uniform(20, 45) + cover * rng.normal(0, 4, mask.shape)
    image = np.clip(image - darker, 0, 255).astype(np.uint8)
    return Cell(image, np.where(cover > 0.5, NUCLEOLUS, mask).astype(np.uint8))
