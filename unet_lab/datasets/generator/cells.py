"""Generated electron micrographs of lymphocytes: image and mask from one seed.

No real data may be shipped with this course, so the cells are drawn. Each drawing follows what transmission
electron micrographs of lymphocytes show: a bright, unevenly lit background with blurred specks; one cell whose
outline is ruffled by microvilli, with cut-off pieces beside it; grey grainy cytoplasm with dark mitochondria and
bright vacuoles; a lobed or grooved nucleus of bright euchromatin and dark heterochromatin clumped along its envelope;
now and then a neighbouring cell, a black grid bar, a fold, a burnt-in scale bar. `parameters.py` says what may vary, how far.

Every part draws from a random number generator of its own, so that turning one parameter leaves the rest as it is.
Greys run from 0 (black) to 1 (white) until the image is written as uint8.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import NamedTuple

import cv2
import numpy as np

from unet_lab.datasets.generator.organelles import BACKGROUND, BODY, NUCLEUS, fill_nucleus, paint_chromatin, paint_cytoplasm
from unet_lab.datasets.generator.parameters import CellParameters
from unet_lab.datasets.generator.surroundings import (
    bend,
    expose,
    fragment_outlines,
    paint_background,
    paint_debris,
    paint_foreign,
)
from unet_lab.datasets.generator.window import ANGLES, Window, bump_radii, outline_points, wavy_radii

SMALLEST, LARGEST = 32, 2048
# Random number generators: each part of the drawing has its own, numbered, so that none depends on what another one asked.
VALUES, SCENE, CELL, OTHERS, DEBRIS, BEND, FOREIGN, CAMERA = range(8)


class Cell(NamedTuple):
    """One generated micrograph: `image` uint8 `(size, size)`, `mask` uint8 class indices `(size, size)`."""

    image: np.ndarray
    mask: np.ndarray


def generate_cell(seed: int, size: int = 256, difficulty: float = 1.0, look: CellParameters | None = None) -> Cell:
    """Draw one lymphocyte as an electron microscope would show it.

    Parameters
    ----------
    seed : int >= 0. The same seed, size and look give the same bytes, alone, in a batch or in any order.
    size : height and width in pixels, 32 to 2048.
    difficulty : 1 draws from the ranges of `look`; towards 0 they are drawn together to plain cells, whose nucleus is darker than
        the cytoplasm (in the full variety it need not be), with nothing else in the frame.
    look : the ranges of every randomisation; left out, the full variety, `CellParameters()`.

    Returns
    -------
    Cell(image, mask): uint8 `(size, size)` greys 0..255, and uint8 class indices (0 background, 1 body, 2 nucleus).
    One cell is labelled (none in an empty frame, see `CellParameters`); neighbours and debris count as background, as in the
    Freiburg set.

    >>> image, mask = generate_cell(seed=1, size=64)
    >>> image.shape, sorted(set(mask.ravel().tolist()))
    ((64, 64), [0, 1, 2])
    """
    if not isinstance(size, int | np.integer) or not SMALLEST <= size <= LARGEST:
        raise ValueError(f"size is {size!r}; allowed are whole numbers from {SMALLEST} to {LARGEST} pixels.")
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"seed is {seed!r}; allowed are whole numbers from 0 up, e.g. generate_cell(seed=1).")
    if not 0 <= difficulty <= 1:
        raise ValueError(f"difficulty is {difficulty!r}; allowed are numbers from 0 (plain cells) to 1 (all that is seen).")
    look = CellParameters() if look is None else look
    if difficulty < 1:
        look = look.eased(difficulty)
    streams = [np.random.default_rng([int(seed), 1504, part]) for part in range(8)]
    values = look.draw(streams[VALUES])
    frame = Window(int(size), (0, 0, int(size), int(size)))

    image = paint_background(streams[SCENE], frame, values)
    body = np.zeros(frame.shape, np.uint8)
    radius = values["cell_radius"] * values["magnification"]
    turn = streams[SCENE].uniform(0, 2 * np.pi)
    centre = 0.5 + values["cell_offset"] * np.array([np.sin(turn), np.cos(turn)])
    empty = streams[SCENE].random() < values["empty_chance"]
    paint_debris(image, streams[DEBRIS], frame, values)
    paint_neighbours(image, streams[OTHERS], frame, values, look, centre, 0.1 * radius if empty else radius)
    if not empty:
        paint_cell(image, body, streams[CELL], int(size), values, centre, radius)
    image, body = bend(image, body, streams[BEND], frame, values)
    cover = paint_foreign(image, streams[FOREIGN], frame, values)
    body[cover] = BACKGROUND  # a grid bar hides what lies under it
    return Cell(expose(image, streams[CAMERA], frame, values), body)


def generate_cells(
    seeds: Iterable[int], size: int = 256, difficulty: float = 1.0, look: CellParameters | None = None, workers: int = 0
) -> Iterator[Cell]:
    """`generate_cell` for many seeds, one after the other, or in `workers` processes; the same cells in the same order.

    Windows lets a program wait for 61 processes at most: more are not started there.
    """
    draw = partial(generate_cell, size=size, difficulty=difficulty, look=look)
    if workers == 0:
        yield from map(draw, seeds)
        return
    with ProcessPoolExecutor(min(workers, 61) if sys.platform == "win32" else workers) as pool:
        yield from pool.map(draw, seeds, chunksize=16)


def paint_neighbours(image, rng, frame, values, look, centre, radius) -> None:
    """Other cells, beside the labelled one or cut by the frame: as dark as it, but background in the mask."""
    for _ in range(values["neighbours"]):
        other = look.draw(rng)
        other |= {name: values[name] for name in ("body_darkness", "background", "magnification")}
        theirs = other["cell_radius"] * values["magnification"] * rng.uniform(0.4, 1.0)
        angle, gap = rng.uniform(0, 2 * np.pi), rng.uniform(0.97, 1.6)
        where = centre + gap * (radius + theirs) * np.array([np.sin(angle), np.cos(angle)])
        paint_cell(image, None, rng, frame.size, other, where, theirs)


def paint_cell(image, mask, rng, size, values, centre, radius) -> None:
    """Paint a whole cell into `image`, and its classes into `mask` unless that is None."""
    rng, fingers, pieces, kernel, cytoplasm, chromatin = rng.spawn(6)  # what one part draws does not shift another's
    turn, squeeze = rng.uniform(0, np.pi), 1 - values["elongation"]
    soft = rng.uniform(0.0008, 0.005, 2)
    smooth = 1 + wavy_radii(rng, 2, 5, values["outline_waves"]) + wavy_radii(rng, 6, 12, 0.2 * values["outline_waves"])
    smooth = np.clip(smooth, 0.55, 1.5)
    width = fingers.uniform(0.02, 0.06, 2)
    short, long = fingers.spawn(2)
    fingers = bump_radii(short, values["microvilli"], values["microvilli_length"], width[0])
    fingers = fingers + bump_radii(long, values["filopodia"], values["filopodia_length"], width[1])
    part = Window.around(size, centre, radius * min(float((smooth + fingers).max()) * 1.02, 2.0) + 0.01)
    if part is None:
        return
    canvas = image[part.slices]
    scale = radius / 0.36  # what lies inside is as much larger or smaller as the cell is
    paint_loose_pieces(canvas, pieces, part, values, centre, radius)
    cell = part.fill([outline_points(centre, radius * (smooth + fingers), ANGLES, squeeze, turn)])
    inner = part.fill([outline_points(centre, radius * smooth, ANGLES, squeeze, turn)])
    deep = cv2.distanceTransform((inner > 0.5).astype(np.uint8), cv2.DIST_L2, 3) / size  # how far inside the outline
    missed = kernel.random() < values["missed_chance"]
    nucleus = fill_nucleus(kernel, part, values, centre, 0 if missed else radius)
    nucleus *= np.clip((deep - values["nucleus_margin"] * radius) * size, 0, 1)
    shape = (cell > 0.5).astype(np.uint8) * BODY
    shape[nucleus > 0.5] = NUCLEUS

    level = values["background"] - values["body_darkness"]
    hetero = level + values["nucleus_shade"] - values["chromatin_contrast"] * (1 - values["heterochromatin"])
    paint = paint_cytoplasm(cytoplasm, part, values, level, hetero, centre, radius, scale, shape)
    edge = part.blur(nucleus, soft[0] * scale)
    paint += edge * (paint_chromatin(chromatin, part, values, level, scale, shape == NUCLEUS) - paint)
    band = 4 * edge * (1 - edge)  # 1 on the envelope, 0 away from it
    seen = 0.5 * abs(values["nucleus_shade"]) + 0.25 * values["chromatin_contrast"]  # what shows it beside the envelope
    paint -= max(values["envelope"], 0.13 - seen) * np.square(band)  # a nucleus that nobody could see teaches nothing
    wide = part.blur(nucleus, 0.008 * scale)
    paint += values["cleft"] * 4 * wide * (1 - wide) * (1 - edge)
    inside = part.blur(cell, soft[1] * scale)
    paint -= values["rim"] * np.square(4 * inside * (1 - inside))
    canvas += inside * (paint - canvas)
    if mask is not None:
        mask[part.slices] = shape


def paint_loose_pieces(canvas, rng, part, values, centre, radius) -> None:
    """Cross sections of microvilli close to the outline."""
    count = values["loose_pieces"]
    if count:
        angle, gap = rng.uniform((0, 1.08), (2 * np.pi, 1.45), (count, 2)).T
        centres = centre + radius * (gap * [np.sin(angle), np.cos(angle)]).T
        outlines = fragment_outlines(rng, centres, radius * rng.uniform(0.02, 0.08, count))
        depth = np.float32(values["body_darkness"] * rng.uniform(0.6, 1.1))
        canvas -= depth * part.blur(part.fill(outlines), rng.uniform(0.0005, 0.004))
