"""Fields of view: many cells in one frame, some of which touch, each with a number of its own.

What a microscope shows at a lower magnification, and what a mask alone cannot tell: where one cell ends and the next begins.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.ndimage import distance_transform_edt, label

from unet_lab.datasets.generator.organelles import BODY, NUCLEUS, fill_nucleus, paint_chromatin, paint_cytoplasm
from unet_lab.datasets.generator.parameters import CellParameters
from unet_lab.datasets.generator.surroundings import expose, paint_background, paint_debris
from unet_lab.datasets.generator.window import Window, wavy_radii

SMALLEST, LARGEST, MOST_CELLS = 64, 2048, 500
COVERAGE = 0.5  # share of the frame that the cells would cover if all were round and none outside
ANGLES = np.linspace(0, 2 * np.pi, 360, endpoint=False)
ATTEMPTS = 400  # places to try for a cell; it shrinks a little each time, so that one is found


class Field(NamedTuple):
    """One generated field of view; all (size, size).

    `image` uint8; `mask` uint8 class indices (0 background, 1 body, 2 nucleus); `cells` uint16, 0 or the number of the cell;
    `nuclei` uint16, 0 or the number of the cell that the nucleus belongs to.
    """

    image: np.ndarray
    mask: np.ndarray
    cells: np.ndarray
    nuclei: np.ndarray


def generate_field(
    seed: int,
    size: int = 256,
    cells: int | tuple[int, int] = (20, 60),
    touching: float = 0.7,
    difficulty: float = 0.3,
    look: CellParameters | None = None,
) -> Field:
    """Draw many cells in one frame, with the number of every cell and nucleus.

    Parameters
    ----------
    seed : int >= 0. The same arguments give the same bytes.
    size : height and width in pixels, 64 to 2048.
    cells : how many, 1 to 500, or the range (least, most) to draw it from.
    touching : 0 to 1, the chance that a cell is put against one that is there already. Cells never overlap: where they press on
        each other, the contact is flattened. Those at the frame's edge are cut by it.
    difficulty : as in `generate_cell`: how far the look varies.
    look : the ranges of the randomisations; None: `CellParameters()`.

    Returns Field(image, mask, cells, nuclei). Every cell is one piece and has one nucleus or none (the section may miss it).
    Raises ValueError for arguments out of range.

    >>> field = generate_field(0, size=128, cells=20)
    >>> field.image.shape, int(field.cells.max())
    ((128, 128), 20)
    """
    check_field(seed, size, cells, touching, difficulty)
    least, most = (cells, cells) if isinstance(cells, int | np.integer) else cells
    streams = [np.random.default_rng([int(seed), 1739, part]) for part in range(6)]
    count = int(streams[0].integers(least, most + 1))
    radius = float(np.sqrt(COVERAGE / (np.pi * count)))
    values = (look or CellParameters()).eased(difficulty).draw(streams[1])
    values |= {"magnification": radius / 0.36, "ghosts": 0, "profiles": 1}
    values["rim"] = max(values["rim"], 0.08)  # a contact that nobody could see teaches nothing
    frame = Window(int(size), (0, 0, int(size), int(size)))
    places = place_cells(streams[2], count, radius, touching)
    territories = divide(streams[3], frame, places, values)
    image = paint_background(streams[4], frame, values)
    paint_debris(image, streams[4], frame, values)
    nuclei = np.zeros_like(territories)
    for number, ((centre, reach), rng) in enumerate(zip(places, streams[5].spawn(count), strict=True), start=1):
        paint_cell(image, territories, nuclei, number, rng, values, centre, reach)
    mask = np.where(nuclei > 0, NUCLEUS, np.where(territories > 0, BODY, 0)).astype(np.uint8)
    return Field(expose(image, streams[0], frame, values), mask, territories, nuclei)


def check_field(seed: int, size: int, cells: int | tuple[int, int], touching: float, difficulty: float) -> None:
    """Raise ValueError, in words, for arguments of `generate_field` that are out of range."""
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"seed is {seed!r}; allowed are whole numbers from 0 up, e.g. generate_field(seed=1).")
    if not isinstance(size, int | np.integer) or not SMALLEST <= size <= LARGEST:
        raise ValueError(f"size is {size!r}; allowed are whole numbers from {SMALLEST} to {LARGEST} pixels.")
    ends = (cells, cells) if isinstance(cells, int | np.integer) else cells
    whole = isinstance(ends, tuple | list) and len(ends) == 2 and all(isinstance(n, int | np.integer) for n in ends)
    if not whole or not 1 <= ends[0] <= ends[1] <= MOST_CELLS:
        raise ValueError(f"cells is {cells!r}; allowed is a number from 1 to {MOST_CELLS}, or a range (least, most) of such.")
    smallest = size * np.sqrt(COVERAGE / (np.pi * ends[1]))
    if smallest < 6:
        raise ValueError(
            f"{ends[1]} cells in {size} x {size} pixels have a radius of {smallest:.1f} pixels; allowed are 6 and more. Take a "
            "larger size or fewer cells."
        )
    for name, value in (("touching", touching), ("difficulty", difficulty)):
        if not 0 <= value <= 1:
            raise ValueError(f"{name} is {value!r}; allowed are numbers from 0 to 1.")


def place_cells(rng: np.random.Generator, count: int, radius: float, touching: float) -> list[tuple[np.ndarray, float]]:
    """Centre (y, x) and radius of each cell, in fractions of the frame: close to one another, or apart."""
    places: list[tuple[np.ndarray, float]] = []
    for _ in range(count):
        own = radius * rng.uniform(0.8, 1.25)
        beside = bool(places) and rng.random() < touching
        for attempt in range(ATTEMPTS):
            reach = own * 0.993**attempt
            centre = rng.uniform(0.02, 0.98, 2)
            if beside:
                host, theirs = places[int(rng.integers(len(places)))]
                angle, gap = rng.uniform(0, 2 * np.pi), rng.uniform(0.72, 0.95)
                centre = host + gap * (reach + theirs) * np.array([np.sin(angle), np.cos(angle)])
            least = 0.7 if beside else 1.2
            free = all(np.hypot(*(centre - other)) >= least * (reach + theirs) for other, theirs in places)
            if free and centre.min() >= 0.02 and centre.max() <= 0.98:
                break
        places.append((centre, reach))
    return places


def divide(
    rng: np.random.Generator, frame: Window, places: list[tuple[np.ndarray, float]], values: dict[str, float]
) -> np.ndarray:
    """Which pixel belongs to which cell: uint16 (size, size), 0 for none.

    Every pixel is at some share of the way from a cell's centre to its outline; of all cells whose outline it lies inside, the
    one with the smallest share gets it. So two cells that press on each other meet in a line.
    """
    share = np.ones(frame.shape, np.float32)
    owner = np.zeros(frame.shape, np.uint16)
    for number, ((centre, reach), own) in enumerate(zip(places, rng.spawn(len(places)), strict=True), start=1):
        part = Window.around(frame.size, centre, 1.6 * reach)
        waves = np.clip(1 + wavy_radii(own, 2, 5, values["outline_waves"], ANGLES.astype(np.float32)), 0.7, 1.4)
        turn, squeeze = own.uniform((0, 0.78), (np.pi, 1.0))
        y, x = part.y - centre[0], part.x - centre[1]
        along, across = y * np.sin(turn) + x * np.cos(turn), (y * np.cos(turn) - x * np.sin(turn)) / squeeze
        outline = reach * np.interp(np.arctan2(across, along) % (2 * np.pi), ANGLES, waves, period=2 * np.pi)
        mine = np.hypot(along, across) / outline
        nearer = mine < share[part.slices]
        share[part.slices][nearer] = mine[nearer]
        owner[part.slices][nearer] = number
    for number in range(1, len(places) + 1):
        owner[(owner == number) & ~largest_piece(owner == number)] = 0
    return owner


def largest_piece(mask: np.ndarray) -> np.ndarray:
    """The largest connected piece of a mask, bool; all False where the mask is empty."""
    pieces, count = label(mask)
    if count == 0:
        return np.zeros(mask.shape, bool)
    return pieces == 1 + np.bincount(pieces[pieces > 0] - 1).argmax()


def paint_cell(
    image: np.ndarray,
    territories: np.ndarray,
    nuclei: np.ndarray,
    number: int,
    rng: np.random.Generator,
    values: dict[str, float],
    centre: np.ndarray,
    radius: float,
) -> None:
    """Paint one cell into `image` where it has its territory, and its nucleus into `nuclei` too."""
    size = image.shape[0]
    part = Window.around(size, centre, 1.7 * radius + 4 / size)
    shaping, cytoplasm, chromatin, shades = rng.spawn(4)
    scale = radius / 0.36
    cell = territories[part.slices] == number
    deep = distance_transform_edt(cell) / size
    missed = shaping.random() < values["missed_chance"]
    nucleus = fill_nucleus(shaping, part, values, centre, 0 if missed else radius) > 0.5
    nucleus = largest_piece(nucleus & (deep > max(values["nucleus_margin"] * radius, 1.5 / size)))
    nuclei[part.slices][nucleus] = number
    level = values["background"] - values["body_darkness"] + shades.normal(0, 0.02)
    hetero = level + values["nucleus_shade"] - values["chromatin_contrast"] * (1 - values["heterochromatin"])
    shape = np.where(nucleus, NUCLEUS, np.where(cell, BODY, 0)).astype(np.uint8)
    paint = paint_cytoplasm(cytoplasm, part, values, level, hetero, centre, radius, scale, shape)
    edge = part.blur(nucleus.astype(np.float32), 0.6 / size)
    paint += edge * (paint_chromatin(chromatin, part, values, level, scale, nucleus) - paint)
    paint -= max(values["envelope"], 0.1) * np.square(4 * edge * (1 - edge))
    inside = part.blur(cell.astype(np.float32), 0.6 / size)
    paint -= values["rim"] * np.square(4 * inside * (1 - inside))
    canvas = image[part.slices]
    canvas += inside * (paint - canvas)
