"""Large images for tiling: many generated cells on one sheet."""

from __future__ import annotations

import numpy as np

from unet_lab.datasets.generator.cells import Cell, generate_cell


def generate_sheet(first_seed: int, rows: int, columns: int, size: int = 64, difficulty: float = 0.25) -> Cell:
    """`rows` x `columns` cells from seeds first_seed, first_seed + 1, … side by side, without edges between their frames.

    Neighbouring frames of `size` pixels overlap by an eighth, and their greys pass over into each other there; where both have a
    label, the larger one counts. The sheet has columns * (size - size // 8) + size // 8 columns, and rows accordingly.

    Returns image uint8 (H, W) and mask uint8 (H, W). Raises ValueError for fewer than one row or column.

    >>> generate_sheet(0, rows=1, columns=2, size=64).image.shape
    (64, 120)
    """
    if rows < 1 or columns < 1:
        raise ValueError(f"rows is {rows} and columns {columns}; allowed are whole numbers from 1 up.")
    shared = size // 8
    step = size - shared
    ramp = np.minimum(1.0, (np.arange(size) + 0.5) / shared)
    weight = np.minimum(ramp, ramp[::-1])
    weight = weight[:, None] * weight  # (size, size)
    shape = rows * step + shared, columns * step + shared
    greys, weights, mask = np.zeros(shape), np.zeros(shape), np.zeros(shape, np.uint8)
    for k in range(rows * columns):
        top, left = k // columns * step, k % columns * step
        there = slice(top, top + size), slice(left, left + size)
        cell = generate_cell(first_seed + k, size, difficulty)
        greys[there] += weight * cell.image
        weights[there] += weight
        mask[there] = np.maximum(mask[there], cell.mask)
    return Cell(np.rint(greys / weights).astype(np.uint8), mask)
