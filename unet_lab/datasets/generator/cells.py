"""Generated electron micrographs of lymphocytes: image and mask from one seed.

No real data may be shipped with this course, so the cells are drawn. Each drawing follows what transmission
electron micrographs of lymphocytes show: a bright, unevenly lit background with blurred specks; one cell whose
outline is ruffled by microvilli, with cut-off pieces beside it; grey grainy cytoplasm with dark mitochondria and
bright vacuoles; a lobed or grooved nucleus of bright euchromatin and dark heterochromatin clumped along its envelope;
now and then a neighbouring cell, a black grid bar, a fold, a burnt-in scale bar. `look.py` names what may vary, and how far.

Every part draws its chances from a stream of its own, so that turning one parameter leaves the rest of the picture as it is.
Greys run from 0 (black) to 1 (white) until the image is written as uint8.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from unet_lab.datasets.generator.parameters import CellParameters

BACKGROUND, BODY, NUCLEUS = 0, 1, 2
SMALLEST, LARGEST = 32, 2048
# Streams of chance: what each part of the drawing asks for is numbered, so that none depends on what another one asked.
_VALUES, _SCENE, _CELL, _OTHERS, _DEBRIS, _BEND, _FOREIGN, _CAMERA = range(8)


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
    values = look.draw(streams[_VALUES])
    frame = _Window(int(size), (0, 0, int(size), int(size)))

    image = _background(streams[_SCENE], frame, values)
    body = np.zeros(frame.shape, np.uint8)
    radius = values["cell_radius"] * values["magnification"]
    turn = streams[_SCENE].uniform(0, 2 * np.pi)
    centre = 0.5 + values["cell_offset"] * np.array([np.sin(turn), np.cos(turn)])
    empty = streams[_SCENE].random() < values["empty_chance"]
    _paint_debris(image, streams[_DEBRIS], frame, values)
    _paint_neighbours(image, streams[_OTHERS], frame, values, look, centre, 0.1 * radius if empty else radius)
    if not empty:
        _paint_cell(image, body, streams[_CELL], int(size), values, centre, radius)
    image, body = _bend(image, body, streams[_BEND], frame, values)
    cover = _paint_foreign(image, streams[_FOREIGN], frame, values)
    body[cover] = BACKGROUND  # a grid bar hides what lies under it
    return Cell(_expose(image, streams[_CAMERA], frame, values), body)


def generate_cells(
    seeds: Iterable[int], size: int = 256, difficulty: float = 1.0, look: CellParameters | None = None, workers: int = 0
) -> Iterator[Cell]:
    """`generate_cell` for many seeds, one after the other, or in `workers` processes; the same cells in the same order."""
    draw = partial(generate_cell, size=size, difficulty=difficulty, look=look)
    if workers == 0:
        yield from map(draw, seeds)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(draw, seeds, chunksize=16)


class _Window:
    """A rectangle of the frame: the coordinates of its pixels, as fractions of the whole frame."""

    def __init__(self, size: int, box: tuple[int, int, int, int]):
        self.size, self.box = size, box
        top, left, bottom, right = box
        self.shape = (bottom - top, right - left)
        self.slices = np.s_[top:bottom, left:right]
        self.y = ((np.arange(top, bottom, dtype=np.float32) + 0.5) / size)[:, None]
        self.x = ((np.arange(left, right, dtype=np.float32) + 0.5) / size)[None, :]

    @classmethod
    def around(cls, size: int, centre, reach: float) -> _Window | None:
        """The part of the frame within `reach` of a place; None where that is outside."""
        top, left = (max(0, int((c - reach) * size)) for c in centre)
        bottom, right = (min(size, int((c + reach) * size) + 2) for c in centre)
        return cls(size, (top, left, bottom, right)) if bottom - top > 1 and right - left > 1 else None

    def noise(self, rng, wavelength: float, spread: float = 1.0) -> np.ndarray:
        """Smooth noise, float32, of about this standard deviation, whose blobs are `wavelength` of the frame wide."""
        cells = [max(2, round(n / self.size / wavelength)) for n in self.shape]
        if cells[0] >= self.shape[0] or cells[1] >= self.shape[1]:
            cells = self.shape
        # Uniform numbers cost a quarter of normal ones. Between its points interpolated noise is flatter: hence the factors.
        fine = wavelength * self.size < 4
        spread *= np.sqrt(12) * (1.0 if cells == self.shape else 1.5 if fine else 1.35)
        coarse = (rng.random(cells, np.float32) - np.float32(0.5)) * np.float32(spread)
        if not fine:  # smooth at a third of the resolution, then just larger: five times faster, and nothing to see of it
            coarse = cv2.resize(coarse, [max(n, s // 3) for n, s in zip(cells, self.shape, strict=True)][::-1], interpolation=2)
        return cv2.resize(coarse, self.shape[::-1], interpolation=cv2.INTER_LINEAR)

    def fill(self, outlines) -> np.ndarray:
        """How much of each pixel is inside any of the outlines, each (n, 2) of (y, x) fractions: float32, 0 to 1."""
        canvas = np.zeros(self.shape, np.uint8)
        offset = np.array(self.box[:2], np.float32)
        points = [np.round((o * self.size - offset - 0.5)[:, ::-1] * 16).astype(np.int32) for o in outlines]
        for outline in points:
            cv2.fillPoly(canvas, [outline], 255, cv2.LINE_AA, 4)
        return canvas.astype(np.float32) / 255

    def blur(self, array: np.ndarray, fraction: float) -> np.ndarray:
        """Gaussian blur whose standard deviation is a fraction of the frame."""
        sigma = fraction * self.size
        return array if sigma < 0.15 else cv2.GaussianBlur(array, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)


_ANGLES = np.linspace(0, 2 * np.pi, 360, endpoint=False, dtype=np.float32)  # around a cell
_COARSE = np.linspace(0, 2 * np.pi, 60, endpoint=False, dtype=np.float32)  # around a fragment


def _wavy(rng, lowest: int, highest: int, strength: float, angles=_ANGLES) -> np.ndarray:
    """A closed curve's relative radius over `angles`, from random harmonics, the higher the weaker."""
    k = np.arange(lowest, highest + 1, dtype=np.float32)[:, None]
    amplitude = np.float32(strength) * rng.standard_normal(k.shape, np.float32) * lowest / k
    phase = rng.uniform(0, 2 * np.pi, k.shape).astype(np.float32)
    return (amplitude * np.cos(k * angles + phase)).sum(axis=0)


def _bumps(rng, count: int, height: float, width: float, angles=_ANGLES) -> np.ndarray:
    """`count` rounded fingers over `angles`: microvilli where added, grooves where subtracted."""
    if count == 0:
        return np.zeros_like(angles)
    where, half, tall = rng.uniform((0, 0.5, 0.3), (2 * np.pi, 1.8, 1.4), (count, 3)).astype(np.float32).T[:, :, None]
    away = np.abs(angles - where)
    away = np.minimum(away, np.float32(2 * np.pi) - away)  # the short way round
    near = np.square(np.square(away / (np.float32(width) * half)))
    return (np.float32(height) * tall * np.exp(-near)).max(axis=0)


def _outline(centre, radii, angles=_ANGLES, squeeze: float = 1.0, turn: float = 0.0) -> np.ndarray:
    """Points (n, 2) of a closed curve given by its radius over the angles, made oval by `squeeze` along a turned axis."""
    along, across = radii * np.cos(angles), radii * np.sin(angles) * squeeze
    y = along * np.sin(turn) + across * np.cos(turn)
    x = along * np.cos(turn) - across * np.sin(turn)
    return np.stack([centre[0] + y, centre[1] + x], axis=1)


def _background(rng, frame, values) -> np.ndarray:
    image = np.full(frame.shape, values["background"], np.float32)
    image += frame.noise(rng, rng.uniform(0.15, 0.6), values["background_mottle"])
    image += frame.noise(rng, rng.uniform(0.02, 0.08), 0.4 * values["background_mottle"])
    rng = rng.spawn(1)[0]
    for _ in range(values["specks"]):
        _stain(image, rng, frame, rng.uniform(0.01, 0.05), rng.uniform(0.03, 0.35))
    return image


def _stain(image, rng, frame, spread: float, depth: float) -> None:
    """Darken a soft round spot somewhere in the frame."""
    centre = rng.uniform(0, 1, 2)
    part = _Window.around(frame.size, centre, 2.2 * spread)
    if part is not None:
        dy, dx = (part.y - np.float32(centre[0])) / spread, (part.x - np.float32(centre[1])) / spread
        image[part.slices] -= np.float32(depth) * np.exp(-np.square(dy)) * np.exp(-np.square(dx))


def _fragments(rng, centres, radii) -> list[np.ndarray]:
    """Outlines (60, 2) of random rounded, often elongated and dented pieces, one for each centre (n, 2) and radius (n,)."""
    n, k = len(radii), np.arange(2, 7, dtype=np.float32)[:, None]
    amplitude, phase = 0.24 * rng.standard_normal((n, 5, 1), np.float32) / k, rng.random((n, 5, 1), np.float32) * 2 * np.pi
    wobble = (amplitude * np.cos(k * _COARSE + phase.astype(np.float32))).sum(axis=1)
    where, width, height = (
        rng.uniform((0, 0.15, -0.8), (2 * np.pi, 0.7, 0.8), (2, n, 3)).astype(np.float32).transpose(2, 0, 1)[..., None]
    )
    away = np.abs(_COARSE - where)
    wobble += (height * np.exp(-np.square(np.square(np.minimum(away, 2 * np.pi - away) / width)))).sum(axis=0)  # fingers, dents
    along = np.asarray(radii, np.float32)[:, None] * np.clip(1 + wobble, 0.2, 2.5)
    squeeze, turn = rng.uniform((0.3, 0), (1.0, np.pi), (n, 2)).T[..., None]
    x, y = along * np.cos(_COARSE), along * np.sin(_COARSE) * squeeze
    y, x = x * np.sin(turn) + y * np.cos(turn), x * np.cos(turn) - y * np.sin(turn)
    return list(np.stack([y, x], axis=2) + np.asarray(centres)[:, None])


def _paint_debris(image, rng, frame, values) -> None:
    """Cut-off processes, and the pale remains of whole cells."""
    grain = frame.noise(rng, rng.uniform(0.005, 0.02), 0.06) if values["debris"] or values["ghosts"] else None
    for _ in range(values["ghosts"]):
        alpha = frame.fill(_fragments(rng, rng.uniform(-0.1, 1.1, (1, 2)), rng.uniform(0.05, 0.22, 1)))
        soft = frame.blur(alpha, rng.uniform(0.002, 0.01))
        rim = 4 * soft * (1 - soft)
        image -= soft * rng.uniform(0.02, 0.10) + rim * rng.uniform(0, 0.06) + soft * grain
    if not values["debris"]:
        return
    level = image.mean() - rng.uniform(0.1, 0.5)
    soft, rim = rng.uniform(0.0005, 0.006), rng.uniform(0, 0.12)
    count = values["debris"]
    centres = rng.uniform(0, 1, (count, 2))
    if rng.random() < 0.5:  # fragments of one cell lie together
        centres = rng.uniform(0, 1, 2) + rng.normal(0, 0.16, (count, 2))
    scale = values["debris_size"] * values["magnification"]
    outlines = _fragments(rng, centres, scale * rng.uniform(0.15, 1.0, count))
    alpha = frame.blur(frame.fill(outlines), soft) * np.float32(rng.uniform(0.6, 1.0))
    image += alpha * (level + grain - image) - rim * 4 * alpha * (1 - alpha)


def _paint_neighbours(image, rng, frame, values, look, centre, radius) -> None:
    """Other cells, beside the labelled one or cut by the frame: as dark as it, but background in the mask."""
    for _ in range(values["neighbours"]):
        other = look.draw(rng)
        other |= {name: values[name] for name in ("body_darkness", "background", "magnification")}
        theirs = other["cell_radius"] * values["magnification"] * rng.uniform(0.4, 1.0)
        angle, gap = rng.uniform(0, 2 * np.pi), rng.uniform(0.97, 1.6)
        where = centre + gap * (radius + theirs) * np.array([np.sin(angle), np.cos(angle)])
        _paint_cell(image, None, rng, frame.size, other, where, theirs)


def _paint_cell(image, mask, rng, size, values, centre, radius) -> None:
    """Paint a whole cell into `image`, and its classes into `mask` unless that is None."""
    rng, fingers, pieces, kernel, cytoplasm, chromatin = rng.spawn(6)  # one part's chances do not shift another's
    turn, squeeze = rng.uniform(0, np.pi), 1 - values["elongation"]
    soft = rng.uniform(0.0008, 0.005, 2)
    smooth = 1 + _wavy(rng, 2, 5, values["outline_waves"]) + _wavy(rng, 6, 12, 0.2 * values["outline_waves"])
    smooth = np.clip(smooth, 0.55, 1.5)
    width = fingers.uniform(0.02, 0.06, 2)
    short, long = fingers.spawn(2)
    fingers = _bumps(short, values["microvilli"], values["microvilli_length"], width[0])
    fingers = fingers + _bumps(long, values["filopodia"], values["filopodia_length"], width[1])
    part = _Window.around(size, centre, radius * min(float((smooth + fingers).max()) * 1.02, 2.0) + 0.01)
    if part is None:
        return
    canvas = image[part.slices]
    scale = radius / 0.36  # what lies inside is as much larger or smaller as the cell is
    _paint_loose_pieces(canvas, pieces, part, values, centre, radius)
    cell = part.fill([_outline(centre, radius * (smooth + fingers), _ANGLES, squeeze, turn)])
    inner = part.fill([_outline(centre, radius * smooth, _ANGLES, squeeze, turn)])
    deep = cv2.distanceTransform((inner > 0.5).astype(np.uint8), cv2.DIST_L2, 3) / size  # how far inside the outline
    missed = kernel.random() < values["missed_chance"]
    nucleus = _nucleus(kernel, part, values, centre, 0 if missed else radius)
    nucleus *= np.clip((deep - values["nucleus_margin"] * radius) * size, 0, 1)
    shape = (cell > 0.5).astype(np.uint8) * BODY
    shape[nucleus > 0.5] = NUCLEUS

    level = values["background"] - values["body_darkness"]
    hetero = level + values["nucleus_shade"] - values["chromatin_contrast"] * (1 - values["heterochromatin"])
    paint = _cytoplasm(cytoplasm, part, values, level, hetero, centre, radius, scale, shape)
    edge = part.blur(nucleus, soft[0] * scale)
    paint += edge * (_chromatin(chromatin, part, values, level, scale, shape == NUCLEUS) - paint)
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


def _paint_loose_pieces(canvas, rng, part, values, centre, radius) -> None:
    """Cross sections of microvilli close to the outline."""
    count = values["loose_pieces"]
    if count:
        angle, gap = rng.uniform((0, 1.08), (2 * np.pi, 1.45), (count, 2)).T
        centres = centre + radius * (gap * [np.sin(angle), np.cos(angle)]).T
        outlines = _fragments(rng, centres, radius * rng.uniform(0.02, 0.08, count))
        depth = np.float32(values["body_darkness"] * rng.uniform(0.6, 1.1))
        canvas -= depth * part.blur(part.fill(outlines), rng.uniform(0.0005, 0.004))


def _nucleus(rng, part, values, centre, radius) -> np.ndarray:
    """Round, kidney-shaped, lobed or folded; in one to three profiles: float32, 0 to 1."""
    direction = rng.uniform(0, 2 * np.pi)
    middle = centre + values["nucleus_offset"] * radius * np.array([np.sin(direction), np.cos(direction)])
    scale, count = radius * values["nucleus_size"], values["profiles"]
    outlines = []
    for k, own in enumerate(rng.spawn(count)):
        squeeze, turn, aside, apart, size = own.uniform((0.75, 0, -0.2, 0.45, 0.45), (1.0, np.pi, 0.2, 0.85, 0.75))
        radii = 1 + _wavy(own, 2, 4, values["nucleus_waves"]) + _wavy(own, 5, 14, 0.25 * values["nucleus_waves"])
        radii = radii - _bumps(own, values["grooves"], values["groove_depth"], values["groove_width"] / max(1, values["grooves"]))
        angle = direction + 2 * np.pi * (k + aside) / count
        apart, size = (0.0, scale) if count == 1 else (apart * scale, size * scale)
        where = middle + apart * np.array([np.sin(angle), np.cos(angle)])
        outlines.append(_outline(where, size * np.clip(radii, 0.15, 1.5), _ANGLES, squeeze, turn))
    return part.fill(outlines)


def _cytoplasm(rng, part, values, level, hetero, centre, radius, scale, shape) -> np.ndarray:
    """The cytoplasm's greys over the whole window."""
    paint = np.full(part.shape, level, np.float32)
    paint += part.noise(rng, rng.uniform(0.004, 0.012) * scale, values["body_grain"])  # ribosomes
    paint += part.noise(rng, rng.uniform(0.02, 0.07) * scale, values["body_mottle"])
    paint += part.noise(rng, rng.uniform(0.1, 0.4) * scale, values["body_mottle"])
    bends = part.noise(rng, rng.uniform(0.06, 0.2) * scale, 1 / 0.07)
    if values["membranes"]:  # thin bent lines, the level lines of a smooth field
        paint -= values["membranes"] * np.exp(-np.square(bends))
    mitochondria, vacuoles, granules = rng.spawn(3)
    pole, blurred, alike, shade = mitochondria.uniform((0, 0.05, -1.0, 0.5), (2 * np.pi, 0.6, 1.0, 1.0)).tolist()
    gathered = centre + 0.75 * radius * np.array([np.sin(pole), np.cos(pole)])
    dark = level - values["mitochondria_darkness"]
    if alike > 0:  # often as dark as the heterochromatin: not told by grey
        dark += shade * (hetero - dark)
    places = np.flatnonzero(shape == BODY)
    for _ in range(values["mitochondria"]):
        near = gathered if mitochondria.random() < values["mitochondria_gathering"] else None
        place = _somewhere(mitochondria, part, places, near)
        size = values["mitochondria_size"] * scale * mitochondria.uniform(0.35, 1.0)
        _organelle(paint, mitochondria, part, place, size, dark + mitochondria.normal(0, 0.03), blurred)
    for _ in range(values["vacuoles"]):
        size, bright, rim = vacuoles.uniform((0.004, 0.05, 0.0), (0.024, 0.35, 0.15)).tolist()
        _vesicle(paint, part, _somewhere(vacuoles, part, places), scale * size, bright, rim)
    for _ in range(values["granules"]):
        size, dense = granules.uniform((0.003, 0.1), (0.009, 0.35)).tolist()
        _vesicle(paint, part, _somewhere(granules, part, places), scale * size, -dense, 0.0)
    return paint


def _near(part, place, radius, reach):
    """The pixels around a place, as slices of the window, and their distances down and across, in radii."""
    (y, x), extent = place, radius * reach + 1 / part.size
    top, left = max(0, int((y - extent) * part.size) - part.box[0]), max(0, int((x - extent) * part.size) - part.box[1])
    rows = slice(top, max(top, int((y + extent) * part.size) + 1 - part.box[0]))
    columns = slice(left, max(left, int((x + extent) * part.size) + 1 - part.box[1]))
    shrink = np.float32(1 / radius)
    return (rows, columns), (part.y[rows] - np.float32(y)) * shrink, (part.x[:, columns] - np.float32(x)) * shrink


def _organelle(paint, rng, part, place, radius, dark, softness) -> None:
    """A mitochondrion: a bent oval, darker than what is around, some with cristae as stripes."""
    turn, slim, bent, stripes = rng.uniform((0, 0.35, -0.4, 0), (np.pi, 1.0, 0.4, 0.08)).tolist()
    if place is None:
        return
    where, dy, dx = _near(part, place, radius, 1.5)
    sine, cosine = math.sin(turn), math.cos(turn)
    u = dx * cosine + dy * sine
    v = (dy * cosine - dx * sine + bent * u * u) / slim
    soft = np.minimum(np.maximum((1 - np.sqrt(u * u + v * v)) / softness + 0.5, 0), 1)
    target = paint[where]
    target += soft * (float(dark) + stripes * np.sin(9 * u) - target)


def _vesicle(paint, part, place, radius, bright, rim) -> None:
    """A bright (or dark) round body, perhaps with a thin dark rim."""
    if place is None:
        return
    where, dy, dx = _near(part, place, radius, 1.6)
    away = np.sqrt(dy * dy + dx * dx)
    change = bright * np.minimum(np.maximum((1 - away) * 3 + 0.5, 0), 1)
    if rim:
        change -= rim * np.maximum(1 - np.abs(away - 1.15) * 4, 0)
    paint[where] += change


def _somewhere(rng, part, places, near=None):
    """A random (y, x) among `places`; with `near`, the nearest to it of five. None where there are no places."""
    if places.size == 0:
        return None
    found = []
    for chance in rng.random(1 if near is None else 5).tolist():
        row, column = divmod(int(places[int(chance * places.size)]), part.shape[1])
        found.append(((row + part.box[0] + 0.5) / part.size, (column + part.box[1] + 0.5) / part.size))
    return found[0] if near is None else min(found, key=lambda place: math.dist(place, near))


def _chromatin(rng, part, values, level, scale, nucleus) -> np.ndarray:
    """Bright euchromatin; dark heterochromatin in clumps, most along the envelope."""
    field = part.noise(rng, values["chromatin_clumps"] * scale) + part.noise(rng, rng.uniform(0.012, 0.04) * scale, 0.4)
    deep = cv2.distanceTransform(nucleus.astype(np.uint8), cv2.DIST_L2, 3) / part.size
    reach = rng.uniform(0.015, 0.06) * scale
    field *= np.float32(1 - 0.6 * values["chromatin_at_envelope"])
    field += np.float32(4 * values["chromatin_at_envelope"]) * np.exp(-deep / np.float32(reach))
    sharp, share, contrast = values["chromatin_sharpness"], values["heterochromatin"], values["chromatin_contrast"]
    inside = field[nucleus][::7]
    threshold = np.quantile(inside, 1 - share) if inside.size > 3 else 0.0
    hetero = 0.5 + 0.5 * np.tanh(np.float32(0.5 * sharp) * (field - np.float32(threshold)))
    paint = np.float32(level + values["nucleus_shade"] + contrast * share) - np.float32(contrast) * hetero
    paint += part.noise(rng, rng.uniform(0.004, 0.014) * scale, values["chromatin_grain"]) * (1.2 - 0.8 * hetero)
    if rng.random() < values["nucleolus_chance"]:
        place = _somewhere(rng, part, np.flatnonzero(nucleus))
        size = rng.uniform(0.02, 0.06) * scale
        _organelle(paint, rng, part, place, size, level + values["nucleus_shade"] - rng.uniform(0.1, 0.3), 0.5)
    return paint


def _bend(image, mask, rng, frame, values):
    """Move every point of the drawing a little, neighbours together: nothing in a section stays a perfect curve."""
    if values["bending"] == 0:
        return image, mask
    length = rng.uniform(0.12, 0.4)
    pixels = values["bending"] * frame.size / 1.35
    rows = frame.y * frame.size - 0.5 + frame.noise(rng, length, pixels)
    columns = frame.x * frame.size - 0.5 + frame.noise(rng, length, pixels)
    image = cv2.remap(image, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return image, cv2.remap(mask, columns, rows, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT)


def _paint_foreign(image, rng, frame, values) -> np.ndarray:
    """What is no specimen: stain precipitate, fold, grid bar, scale bar. Returns where the grid bar hides all."""
    smears, scale = rng.spawn(2)
    for _ in range(values["smears"]):
        _stain(image, smears, frame, np.exp(smears.uniform(np.log(0.004), np.log(0.08))), smears.uniform(0.05, 0.35))
    fold, bar, scale_bar = rng.random(3) < (values["fold_chance"], values["grid_bar_chance"], values["scale_bar_chance"])
    turn, where, width, depth = rng.uniform((0, -0.5, 0.005, -0.1), (np.pi, 0.5, 0.03, 0.25))
    if fold:
        across = (frame.y - 0.5) * np.float32(np.sin(turn)) + (frame.x - 0.5) * np.float32(np.cos(turn)) - np.float32(where)
        image -= np.float32(depth) * np.exp(-np.square(across / np.float32(width)))
    turn, where, grey = rng.uniform((0, 0.28, 0.0), (2 * np.pi, 0.6, 0.15))
    cover = np.zeros(frame.shape, bool)
    if bar:  # straight, from one side or corner of the frame
        across = (frame.y - 0.5) * np.float32(np.sin(turn)) + (frame.x - 0.5) * np.float32(np.cos(turn)) - np.float32(where)
        across = across + frame.noise(rng, 0.1, 0.004)
        image += np.clip(across / np.float32(0.008) + 0.5, 0, 1) * (np.float32(grey) - image)
        cover = across > 0
    if scale_bar:
        _paint_scale_bar(image, scale, frame)
    return cover


def _paint_scale_bar(image, rng, frame) -> None:
    left, length, thick = rng.uniform((0.02, 0.1, 0.006), (0.7, 0.28, 0.015))
    top = rng.choice([rng.uniform(0.05, 0.1), rng.uniform(0.88, 0.96)])
    grey = 0.0 if rng.random() < 0.75 else 1.0
    text = rng.choice(["1 µm", "2 µm", "500 nm", "1000 nm", "0.5 µm"])
    canvas = Image.new("L", (frame.size, frame.size))
    draw = ImageDraw.Draw(canvas)
    box = np.array([left, top, left + length, top + thick]) * frame.size
    draw.rectangle([tuple(box[:2]), tuple(box[2:])], fill=255)
    draw.text((box[0], box[1] - 0.04 * frame.size), text, fill=255, font=_font(max(6, round(0.028 * frame.size))))
    ink = np.asarray(canvas, np.float32) / 255
    image += ink * (np.float32(grey) - image)


@cache
def _font(pixels: int):
    """A font that has a µ: the one that matplotlib ships (Pillow's own has none)."""
    import matplotlib

    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", pixels)


def _expose(image, rng, frame, values) -> np.ndarray:
    """Lighting, charging, focus, grain, contrast: greys become uint8."""
    turn, streak, edge = rng.uniform((0, 0.01, 0), (2 * np.pi, 0.1, 1))
    ramp = np.float32(values["shading"])
    image = image + ramp * ((frame.y - 0.5) * np.float32(np.sin(turn)) + (frame.x - 0.5) * np.float32(np.cos(turn)))
    if values["charging"]:  # each line of the scan as bright as it pleases; edges shine
        lines = cv2.resize(rng.spawn(1)[0].standard_normal((max(2, round(1 / streak)), 1), np.float32), (1, frame.size))
        image = image + np.float32(values["charging"]) * lines
        image += np.float32(2 * edge * values["charging"]) * np.abs(image - frame.blur(image, 0.02))
    image = frame.blur(image, values["defocus"])
    image = image + np.float32(values["noise"]) * rng.standard_normal(image.shape, np.float32)
    image = cv2.pow(np.clip(image, 0, 1), values["gamma"])
    middle = image.mean()
    image = (image - middle) * np.float32(values["contrast"]) + (middle + np.float32(values["brightness"]))
    return (np.clip(image, 0, 1) * 255).round().astype(np.uint8)
