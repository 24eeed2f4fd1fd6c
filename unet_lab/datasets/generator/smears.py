"""Stained smears in colour: white cells with purple nuclei among red cells that have the same brightness and another colour.

What a blood smear shows at a glance, drawn by a program: a pale ground, salmon red cells with a paler middle, white cells with
pink cytoplasm and a lobed purple nucleus. How strong the stain is differs from dish to dish. Every image has a size of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy.ndimage import binary_dilation, binary_erosion, gaussian_filter

from unet_lab.datasets.generator.organelles import BACKGROUND, BODY, NUCLEUS
from unet_lab.datasets.masks import IGNORE

SMALLEST, LARGEST = 48, 1024
GROUND, RED_CELL, CYTOPLASM, NUCLEAR = (240, 232, 226), (222, 160, 150), (205, 165, 205), (112, 62, 150)
DISHES, FIELDS, SIDES = 12, 2, (88, 145)  # of the set that `write_smear_set` writes; sides in pixels, the last left out


class Smear(NamedTuple):
    """One drawn smear: `image` uint8 (H, W, 3) RGB; `mask` (H, W): 0 ground and red cells, 1 cytoplasm, 2 nucleus, 255 IGNORE."""

    image: np.ndarray
    mask: np.ndarray


def generate_smear(seed: int, shape: tuple[int, int] = (112, 128), dish: int = 0, rim: int = 1) -> Smear:
    """Draw a stained smear with one to three white cells among red ones.

    Parameters
    ----------
    seed : int >= 0. The same arguments give the same bytes.
    shape : (height, width), 48 to 1024 pixels each.
    dish : int >= 0; images of one dish share the strength and the tint of the stain.
    rim : pixels on each side of a white cell's outline that nobody judged; they are IGNORE (255) in the mask. 0: none.

    Returns Smear(image, mask). Raises ValueError for arguments out of range.

    >>> smear = generate_smear(0, (96, 120))
    >>> smear.image.shape, sorted(set(smear.mask.ravel().tolist()))
    ((96, 120, 3), [0, 1, 2, 255])
    """
    check_smear(seed, shape, dish, rim)
    stain = np.random.default_rng([int(dish), 5077])
    rng = np.random.default_rng([int(seed), int(dish), 9091])
    strength, tint = stain.uniform(0.75, 1.2), stain.normal(0, 7, 3)
    mask = np.zeros(shape, np.uint8)
    light = np.empty((*shape, 3))
    light[:] = np.array(GROUND) - gaussian_filter(rng.normal(0, 60, shape), 12)[..., None]
    places = white_cell_places(rng, shape)
    for _ in range(round(shape[0] * shape[1] / 1500)):
        paint_red_cell(light, rng, places)
    for centre, radius in places:
        paint_white_cell(light, mask, rng, centre, radius)
    stained = np.array(GROUND) + strength * (light - np.array(GROUND)) + tint * (light.mean(axis=2, keepdims=True) < 225)
    image = gaussian_filter(stained, (0.7, 0.7, 0)) + rng.normal(0, 4, light.shape)
    return Smear(image.clip(0, 255).round().astype(np.uint8), unjudged_rim(mask, rim))


def check_smear(seed: int, shape: tuple[int, int], dish: int, rim: int) -> None:
    """Raise ValueError, in words, for arguments of `generate_smear` that are out of range."""
    for name, value in (("seed", seed), ("dish", dish), ("rim", rim)):
        if not isinstance(value, int | np.integer) or value < 0:
            raise ValueError(f"{name} is {value!r}; allowed are whole numbers from 0 up.")
    if len(shape) != 2 or not all(isinstance(n, int | np.integer) and SMALLEST <= n <= LARGEST for n in shape):
        raise ValueError(f"shape is {shape!r}; allowed are (height, width) of {SMALLEST} to {LARGEST} pixels, e.g. (112, 128).")


def white_cell_places(rng: np.random.Generator, shape: tuple[int, int]) -> list[tuple[np.ndarray, float]]:
    """Centres and radii of one to three white cells that do not overlap."""
    places: list[tuple[np.ndarray, float]] = []
    for _ in range(int(rng.integers(1, 4))):
        radius = rng.uniform(13, 19)
        centre = np.array([rng.uniform(0.15, 0.85) * n for n in shape])
        if all(np.hypot(*(centre - other)) > radius + reach + 3 for other, reach in places):
            places.append((centre, radius))
    return places


def from_centre(shape: tuple[int, ...], rng: np.random.Generator, centre: np.ndarray, radius: float, wavy: float) -> np.ndarray:
    """Distance of each pixel from a centre as a share of a wavy outline's radius there: (H, W), below 1 inside."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    angle = np.arctan2(y - centre[0], x - centre[1])
    outline = sum(rng.normal(0, wavy / k) * np.cos(k * angle + rng.uniform(0, 2 * np.pi)) for k in (2, 3, 5))
    return np.hypot(y - centre[0], x - centre[1]) / (radius * (1 + outline))


def paint_red_cell(light: np.ndarray, rng: np.random.Generator, places: list[tuple[np.ndarray, float]]) -> None:
    """A disc with a paler middle, anywhere but under a white cell."""
    centre, radius = np.array([rng.uniform(0, n) for n in light.shape[:2]]), rng.uniform(8, 11)
    if any(np.hypot(*(centre - other)) < radius + reach for other, reach in places):
        return
    away = from_centre(light.shape, rng, centre, radius, 0.04)
    depth = np.where(away < 1, 0.55 + 0.45 * np.minimum(1, away / 0.6) ** 2, 0)[..., None]
    light += depth * (np.array(RED_CELL) - np.array(GROUND)) * rng.uniform(0.85, 1.1)


def paint_white_cell(light: np.ndarray, mask: np.ndarray, rng: np.random.Generator, centre: np.ndarray, radius: float) -> None:
    """Cytoplasm with a grain, and a nucleus of one to three lobes within it."""
    body = from_centre(light.shape, rng, centre, radius, 0.06) < 1
    lobes = np.zeros(mask.shape, bool)
    for _ in range(int(rng.integers(1, 4))):
        middle = centre + rng.normal(0, 0.2 * radius, 2)
        lobes |= from_centre(light.shape, rng, middle, radius * rng.uniform(0.4, 0.6), 0.08) < 1
    nucleus = lobes & binary_erosion(body, iterations=2)
    grain = gaussian_filter(rng.normal(0, 22, mask.shape), 1.2)[..., None]
    light[body] = (np.array(CYTOPLASM) + grain)[body]
    light[nucleus] = (np.array(NUCLEAR) + 2 * grain)[nucleus]
    mask[body], mask[nucleus] = BODY, NUCLEUS


def unjudged_rim(mask: np.ndarray, rim: int) -> np.ndarray:
    """The mask with `rim` pixels on each side of the white cells' outlines set to IGNORE."""
    if rim == 0:
        return mask
    cell = mask != BACKGROUND
    edge = binary_dilation(cell, iterations=rim) & ~binary_erosion(cell, iterations=rim, border_value=1)
    return np.where(edge, np.uint8(IGNORE), mask)


def write_smear_set(folder: str | Path) -> tuple[Path, Path]:
    """Write a set of stained smears: `images/dish03_1.png`, `masks/dish03_1.png` and so on; 12 dishes, two fields of each.

    Every image has a size of its own, 88 to 144 pixels a side. Masks hold greys: 0 ground and red cells, 128 cytoplasm, 255
    nucleus, and 64 where nobody judged. The same files each time. Returns the two folders; raises FileExistsError where the
    folder is not empty.
    """
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder}: the folder is not empty; give a new one, so that nothing of yours is written over.")
    images, masks = folder / "images", folder / "masks"
    for each in (images, masks):
        each.mkdir(parents=True)
    greys = np.full(256, 64, np.uint8)  # as a colleague would store them
    greys[[BACKGROUND, BODY, NUCLEUS]] = 0, 128, 255
    sides = np.random.default_rng(11)
    for number in range(DISHES * FIELDS):
        dish, field = divmod(number, FIELDS)
        smear = generate_smear(number, tuple(sides.integers(*SIDES, 2).tolist()), dish)
        name = f"dish{dish + 1:02d}_{field + 1}.png"
        Image.fromarray(smear.image).save(images / name)
        Image.fromarray(greys[smear.mask]).save(masks / name)
    return images, masks
