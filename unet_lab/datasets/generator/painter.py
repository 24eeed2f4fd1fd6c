"""The other way round: from a mask to the micrograph that it could be the mask of."""

from __future__ import annotations

import numpy as np

from unet_lab.datasets.generator.organelles import BODY, NUCLEUS, paint_chromatin, paint_cytoplasm
from unet_lab.datasets.generator.parameters import CellParameters
from unet_lab.datasets.generator.surroundings import expose, paint_background
from unet_lab.datasets.generator.window import Window

MIDDLE = np.array([0.5, 0.5])


class CellPainter:
    """Draws the image of any mask: background, cytoplasm and nucleus where the mask says so, and the membranes between them.

    The three materials are drawn once, over the whole frame, with the generator's own brushes (`generate_cell`), so that
    `draw` is quick: a stroke is seen at once. One seed, one look; nothing depends on the mask's history.

    seed : int >= 0. size : height and width in pixels, 32 to 2048. difficulty : as in `generate_cell`.
    """

    def __init__(self, seed: int = 0, size: int = 128, difficulty: float = 0.3):
        streams = [np.random.default_rng([seed, 1504, part]) for part in range(6)]
        values = CellParameters().eased(difficulty).draw(streams[0])
        self.size = size
        self._frame = Window(size, (0, 0, size, size))
        self._values = values
        everywhere = np.ones(self._frame.shape, bool)
        level = values["background"] - values["body_darkness"]
        hetero = level + values["nucleus_shade"] - values["chromatin_contrast"] * (1 - values["heterochromatin"])
        shape = np.full(self._frame.shape, BODY, np.uint8)
        self._materials = np.stack([
            paint_background(streams[1], self._frame, values),
            paint_cytoplasm(streams[2], self._frame, values, level, hetero, MIDDLE, values["cell_radius"], 1.0, shape),
            paint_chromatin(streams[3], self._frame, values, level, 1.0, everywhere),
        ])  # fmt: skip
        self._grain = int(streams[4].integers(2**32))  # each image with the same grain: only what is painted changes
        self._softness = streams[5].uniform(0.002, 0.005, 2)

    def draw(self, mask: np.ndarray) -> np.ndarray:
        """The micrograph, uint8 (size, size), of a mask of class indices (size, size). Raises ValueError for another mask."""
        mask = np.asarray(mask)
        if mask.shape != self._frame.shape or not np.isin(mask, (0, BODY, NUCLEUS)).all():
            values = np.unique(mask)[:5].tolist()
            raise ValueError(f"the mask is {mask.shape} with values {values}; it takes {self._frame.shape} of 0, 1 and 2.")
        background, cytoplasm, chromatin = self._materials
        frame, values = self._frame, self._values
        nucleus = frame.blur((mask == NUCLEUS).astype(np.float32), self._softness[0])
        cell = frame.blur((mask > 0).astype(np.float32), self._softness[1])
        paint = cytoplasm + nucleus * (chromatin - cytoplasm)
        paint -= max(values["envelope"], 0.1) * np.square(4 * nucleus * (1 - nucleus))
        paint -= values["rim"] * np.square(4 * cell * (1 - cell))
        return expose(background + cell * (paint - background), np.random.default_rng(self._grain), frame, values)
