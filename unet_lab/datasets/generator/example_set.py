"""A data set as a colleague would send it: another look, colours in the masks, and four things wrong with it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from unet_lab.datasets.generator.cells import generate_cell
from unet_lab.datasets.generator.organelles import BACKGROUND, BODY, NUCLEUS
from unet_lab.datasets.generator.parameters import CellParameters

DISHES, FIELDS, SIZE, FIRST_SEED = 12, 2, 128, 3_000_000
COLOURS = {"nothing": (0, 0, 0), "cytoplasm": (0, 158, 115), "nucleus": (204, 121, 167), "outline": (240, 228, 66)}
CODES = {COLOURS[name]: index for name, index in (("nothing", 0), ("cytoplasm", 1), ("nucleus", 2), ("outline", 1))}
# Cells seen in a dark field from farther away: the generator's parameters, and the greys inverted.
DARK_FIELD = {
    "magnification": (0.6, 0.85),
    "cell_offset": (0.0, 0.2),
    "nucleus_size": (0.5, 0.7),
    "nucleus_shade": (-0.24, -0.12),
    "background": (0.74, 0.86),
    "body_darkness": (0.25, 0.45),
}
_QUIET = ("neighbours", "debris", "ghosts", "specks", "smears", "brightness", "contrast", "shading", "charging")
_QUIET += ("grid_bar_chance", "scale_bar_chance", "fold_chance")


def write_example_set(folder: str | Path) -> tuple[Path, Path]:
    """Write the set of the notebook on your own images: `images/dish3_1.tif`, `masks/dish3_1_mask.png` and so on, 12 dishes.

    Drawn by the generator (no real cells), inverted to a dark field, and damaged in four places, as sets are; the notebook finds
    and mends them. The same files each time. Returns the two folders; raises FileExistsError where the folder is not empty.
    """
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder}: the folder is not empty; give a new one, so that nothing of yours is written over.")
    images, masks = folder / "images", folder / "masks"
    for each in (images, masks):
        each.mkdir(parents=True)
    look = CellParameters(**DARK_FIELD).without(*_QUIET)
    for number in range(DISHES * FIELDS):
        name = f"dish{number // FIELDS + 1}_{number % FIELDS + 1}"
        image, mask = generate_cell(FIRST_SEED + number, SIZE, look=look)
        image = 255 - image
        colours = coloured(mask)
        if name == "dish3_1":
            colours = colours[:, ::-1]
        if name == "dish11_2":
            image = 255 - image
        Image.fromarray(image).save(images / f"{name}.tif", compression="tiff_lzw")
        if name != "dish7_2":
            Image.fromarray(np.ascontiguousarray(colours)).save(masks / f"{name}_mask.png")
    copy = np.rot90(np.asarray(Image.open(images / "dish2_1.tif")).astype(int) // 2 + 60)
    Image.fromarray(np.ascontiguousarray(copy.astype(np.uint8))).save(images / "dish9_2.tif", compression="tiff_lzw")
    turned = np.rot90(np.asarray(Image.open(masks / "dish2_1_mask.png")))
    Image.fromarray(np.ascontiguousarray(turned)).save(masks / "dish9_2_mask.png")
    return images, masks


def coloured(mask: np.ndarray) -> np.ndarray:
    """Class indices as the colours of the set, with the cell's outline in a colour of its own."""
    table = np.zeros((3, 3), np.uint8)
    for index, name in ((BACKGROUND, "nothing"), (BODY, "cytoplasm"), (NUCLEUS, "nucleus")):
        table[index] = COLOURS[name]
    colours = table[mask]
    cell = (mask != BACKGROUND).astype(np.uint8)
    colours[(cell == 1) & (cv2.erode(cell, np.ones((3, 3), np.uint8)) == 0)] = COLOURS["outline"]
    return colours
