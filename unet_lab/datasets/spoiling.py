"""Predictions made by spoiling the truth: what metrics are tried on."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt, shift


def change_mask(truth: np.ndarray, right: int = 0, down: int = 0, grow: int = 0, miss_nucleus: bool = False) -> np.ndarray:
    """A prediction made by spoiling the truth: move the cell, grow (or, below 0, erode) cell and nucleus, lose the nucleus.

    All in pixels; class indices (H, W) in and out, of the truth's dtype. What moves in from outside is background.
    """
    moved = shift(truth, (down, right), order=0, cval=0)
    if grow:
        cell, nucleus = (_grow(moved >= k, grow) for k in (1, 2))
        moved = np.where(nucleus, 2, np.where(cell, 1, 0)).astype(truth.dtype)
    if miss_nucleus:
        moved = np.minimum(moved, 1)
    return moved


def _grow(region: np.ndarray, pixels: int) -> np.ndarray:
    if pixels > 0:
        return distance_transform_edt(~region) <= pixels if region.any() else region
    return distance_transform_edt(region) > -pixels
