"""Generated electron micrographs of lymphocytes: image and mask from one seed.

No real data may be shipped with this course, so the cells are drawn. Each drawing follows what transmission
electron micrographs of lymphocytes show: a bright, unevenly lit background with blurred specks; one cell whose
outline is ruffled by microvilli, with cut-off pieces beside it; grey grainy cytoplasm with dark mitochondria and
bright vacuoles; a lobed or grooved nucleus of bright euchromatin and dark heterochromatin clumped along its envelope;
now and then a neighbouring cell, a black grid bar, a fold, a burnt-in scale bar. Brightness and contrast differ
from image to image, and the nucleus may be darker or brighter than the cytoplasm.

Lengths are fractions of the frame, greys run from 0 (black) to 1 (white) until the image is written as uint8.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

BACKGROUND, BODY, NUCLEUS = 0, 1, 2
SMALLEST, LARGEST = 32, 2048


class Cell(NamedTuple):
    """One generated micrograph: `image` uint8 `(size, size)`, `mask` uint8 class indices `(size, size)`."""

    image: np.ndarray
    mask: np.ndarray


def generate_cell(seed: int, size: int = 256, difficulty: float = 1.0) -> Cell:
    """Draw one lymphocyte as an electron microscope would show it.

    Parameters
    ----------
    seed : int >= 0. The same seed and size give the same bytes, alone or in any order.
    size : height and width in pixels, 32 to 2048.
    difficulty : 1 draws the full variety. Towards 0 there are fewer neighbours, debris, organelles, grid bars and smudges, less
        grain and shading, and the nucleus is darker than the cytoplasm, which with 1 it need not be.

    Returns
    -------
    Cell(image, mask): uint8 `(size, size)` greys 0..255, and uint8 class indices (0 background, 1 body, 2 nucleus).
    Exactly one cell is labelled; neighbours and debris count as background, as in the Freiburg set.

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
    rng = np.random.default_rng([int(seed), 1504])
    grid = _Grid(int(size), float(difficulty))

    image = _background(rng, grid)
    for _ in range(grid.ease(rng.choice(4, p=[0.5, 0.3, 0.15, 0.05]))):
        _paint_neighbour(image, rng, grid)
    _paint_debris(image, rng, grid)

    centre = 0.5 + rng.uniform(-0.09, 0.09, 2)
    radius = rng.uniform(0.27, 0.45)
    body, nucleus = _paint_cell(image, rng, grid, centre, radius)

    cover = _paint_foreign(image, rng, grid)
    image = _expose(image, rng, grid)
    mask = np.zeros(image.shape, np.uint8)
    mask[body] = BODY
    mask[nucleus] = NUCLEUS
    mask[cover] = BACKGROUND  # a grid bar hides what lies under it
    return Cell(image, mask)


class _Grid:
    """Pixel coordinates of a square frame, as fractions of it, and how much is to be on it."""

    def __init__(self, size: int, difficulty: float):
        self.size, self.difficulty = size, difficulty
        steps = (np.arange(size, dtype=np.float32) + 0.5) / size
        self.y, self.x = steps[:, None], steps[None, :]

    def ease(self, amount, least: float = 0.0):
        """Scale an amount drawn for difficulty 1 down to `least` of it at difficulty 0; counts stay whole."""
        factor = least + (1 - least) * self.difficulty
        return int(amount * factor) if isinstance(amount, int | np.integer) else amount * factor

    def distance(self, centre):
        """Distance of every pixel to `centre`, float32 (size, size)."""
        dy, dx = self.y - np.float32(centre[0]), self.x - np.float32(centre[1])
        return np.sqrt(dy * dy + dx * dx)

    def angle(self, centre):
        """Angle of every pixel as seen from `centre`, 0..2 pi, float32 (size, size)."""
        dy, dx = self.y - np.float32(centre[0]), self.x - np.float32(centre[1])
        return np.arctan2(dy, dx) % np.float32(2 * np.pi)

    def noise(self, rng, wavelength: float):
        """Smooth noise of about unit spread whose blobs are `wavelength` of the frame wide."""
        cells = max(2, int(np.ceil(1 / wavelength)) + 3)
        if cells >= self.size:
            return rng.standard_normal((self.size, self.size), np.float32)
        coarse = rng.standard_normal((cells, cells)).astype(np.float32)
        shift = rng.uniform(0, 1, 2)
        side = min(cells - 2, 1 / wavelength)
        box = (1 * shift[0], 1 * shift[1], shift[0] + side, shift[1] + side)
        fine = Image.fromarray(coarse).resize((self.size, self.size), Image.Resampling.BICUBIC, box=box)
        return np.asarray(fine) * 1.35

    def blur(self, array, fraction: float):
        """Gaussian blur whose standard deviation is a fraction of the frame."""
        return gaussian_filter(array, fraction * self.size, mode="nearest", truncate=3.0)

    def polygon(self, outlines) -> np.ndarray:
        """Boolean (size, size): inside any of the outlines, each an (n, 2) array of (y, x) fractions."""
        canvas = Image.new("1", (self.size, self.size))
        draw = ImageDraw.Draw(canvas)
        for outline in outlines:
            draw.polygon((outline[:, ::-1] * self.size).ravel().tolist(), fill=1)
        return np.array(canvas)


_ANGLES = np.linspace(0, 2 * np.pi, 720, endpoint=False, dtype=np.float32)  # around a cell
_COARSE = np.linspace(0, 2 * np.pi, 90, endpoint=False, dtype=np.float32)  # around an organelle


def _wavy(rng, lowest: int, highest: int, strength: float, angles=_ANGLES) -> np.ndarray:
    """A closed curve's relative radius over `angles`, from random harmonics, the higher the weaker."""
    k = np.arange(lowest, highest + 1, dtype=np.float32)[:, None]
    amplitude = strength * rng.standard_normal(k.shape, np.float32) * lowest / k
    phase = rng.uniform(0, 2 * np.pi, k.shape).astype(np.float32)
    return (amplitude * np.cos(k * angles + phase)).sum(axis=0)


def _bumps(rng, count: int, height: float, width: float, angles=_ANGLES) -> np.ndarray:
    """`count` rounded fingers over `angles`: microvilli where added, grooves where subtracted."""
    if count == 0:
        return np.zeros_like(angles)
    where, half, tall = rng.uniform((0, 0.5, 0.3), (2 * np.pi, 1.8, 1.4), (count, 3)).astype(np.float32).T[:, :, None]
    away = np.abs(angles - where)
    away = np.minimum(away, 2 * np.float32(np.pi) - away)  # the short way round
    return (height * tall * np.exp(-((away / (width * half)) ** 4))).max(axis=0)


def _outline(centre, radii, angles=_ANGLES) -> np.ndarray:
    return np.stack([centre[0] + radii * np.sin(angles), centre[1] + radii * np.cos(angles)], axis=1)


def _background(rng, grid) -> np.ndarray:
    level = rng.uniform(0.70, 0.95)
    image = np.full((grid.size, grid.size), level, np.float32)
    image += rng.uniform(0.0, 0.03) * grid.noise(rng, rng.uniform(0.15, 0.6))
    image += rng.uniform(0.0, 0.015) * grid.noise(rng, rng.uniform(0.02, 0.08))
    for _ in range(grid.ease(rng.integers(0, 9))):  # out-of-focus specks
        distance = grid.distance(rng.uniform(0, 1, 2))
        spread = rng.uniform(0.01, 0.05)
        image -= rng.uniform(0.03, 0.35) * np.exp(-((distance / spread) ** 2))
    return image


def _blob(rng, grid, centre, radius, stretch=0.35, waves=0.08) -> np.ndarray:
    """A random rounded, possibly elongated patch, boolean (size, size)."""
    wobble = _wavy(rng, 2, 6, waves, _COARSE) + _bumps(rng, rng.integers(0, 3), 0.4, 0.3, _COARSE)
    outline = _outline((0, 0), radius * np.clip(1 + wobble, 0.2, 2.5), _COARSE)
    turn, squeeze = rng.uniform(0, np.pi), 1 - rng.uniform(0, 2 * stretch)
    outline[:, 0] *= max(squeeze, 0.2)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return grid.polygon([outline @ rotation + np.asarray(centre)])


def _paint_neighbour(image, rng, grid) -> None:
    """Another cell, cut by the frame: dark like the labelled one, but background in the mask."""
    side, along = rng.integers(4), rng.uniform(0, 1)
    radius = rng.uniform(0.12, 0.4)
    away = radius * rng.uniform(0.2, 0.95)
    centre = [(-away, along), (1 + away, along), (along, -away), (along, 1 + away)][side]
    _paint_cell(image, rng, grid, np.array(centre), radius)


def _paint_debris(image, rng, grid) -> None:
    """Cut-off processes and ghosts lying about."""
    level = image.mean() - rng.uniform(0.1, 0.45)
    for _ in range(grid.ease(rng.choice([0, 2, 5, 10, 18], p=[0.25, 0.3, 0.25, 0.15, 0.05]))):
        patch = _blob(rng, grid, rng.uniform(0, 1, 2), rng.uniform(0.008, 0.055), stretch=0.4)
        soft = grid.blur(patch.astype(np.float32), rng.uniform(0.001, 0.008))
        grain = 0.06 * rng.standard_normal(image.shape, np.float32)
        opacity = rng.uniform(0.3, 1.0) * soft
        image += opacity * (level + grain - image)


def _paint_cell(image, rng, grid, centre, radius) -> tuple[np.ndarray, np.ndarray]:
    """Paint a whole cell into `image`; return its body (without nucleus) and its nucleus, boolean."""
    smooth = radius * (1 + _wavy(rng, 2, 5, rng.uniform(0.02, 0.08)) + _wavy(rng, 6, 12, rng.uniform(0.0, 0.02)))
    ruffle = rng.choice([0, 1, 2], p=[0.2, 0.6, 0.2])
    fingers = [
        np.zeros_like(_ANGLES),
        _bumps(rng, int(rng.integers(8, 40)), rng.uniform(0.03, 0.11), rng.uniform(0.02, 0.05)),
        _bumps(rng, int(rng.integers(5, 14)), rng.uniform(0.15, 0.5), rng.uniform(0.03, 0.07)),
    ][ruffle]
    cell = grid.polygon([_outline(centre, smooth + radius * fingers)])
    for _ in range(rng.integers(0, 7)):  # loose pieces close to the outline; background in the mask
        angle, gap = rng.uniform(0, 2 * np.pi), radius * rng.uniform(1.12, 1.5)
        where = centre + gap * np.array([np.sin(angle), np.cos(angle)])
        piece = _blob(rng, grid, where, rng.uniform(0.01, 0.03)) & ~cell
        image[piece] -= rng.uniform(0.1, 0.35)

    nucleus = _nucleus_shape(rng, grid, centre, radius, smooth) & cell
    inside = grid.blur(cell.astype(np.float32), rng.uniform(0.002, 0.006))
    cytoplasm = _cytoplasm(rng, grid, image, centre, radius, cell, nucleus)
    chromatin = _chromatin(rng, grid, cytoplasm[1], nucleus)

    paint = cytoplasm[0]
    edge = grid.blur(nucleus.astype(np.float32), rng.uniform(0.002, 0.006))
    paint += edge * (chromatin - paint)
    band = 4 * edge * (1 - edge)  # 1 on the envelope, 0 away from it
    paint -= rng.uniform(-0.02, 0.15) * band**2
    if rng.random() < 0.5:  # the bright cleft around the nucleus
        wide = grid.blur(nucleus.astype(np.float32), 0.008)
        paint += rng.uniform(0.0, 0.12) * np.clip(4 * wide * (1 - wide), 0, 1) * (1 - edge)
    membrane = 4 * inside * (1 - inside)
    paint -= rng.uniform(0.0, 0.18) * membrane**2
    image += inside * (paint - image)
    return cell & ~nucleus, nucleus


def _nucleus_shape(rng, grid, centre, radius, smooth) -> np.ndarray:
    """Round, kidney, heart, lobed or deeply folded; one to three profiles; always inside the smooth outline."""
    kind = rng.choice(["round", "kidney", "folded", "lobes", "profiles"], p=[0.3, 0.2, 0.2, 0.2, 0.1])
    scale = radius * rng.uniform(0.6, 0.95)
    offset = radius * rng.uniform(0.0, 0.25)
    direction = rng.uniform(0, 2 * np.pi)
    middle = centre + offset * np.array([np.sin(direction), np.cos(direction)])
    radii = 1 + _wavy(rng, 2, 4, rng.uniform(0.03, 0.10)) + _wavy(rng, 5, 14, rng.uniform(0.0, 0.025))
    if kind == "kidney":
        radii = radii - _bumps(rng, 1, rng.uniform(0.35, 0.7), rng.uniform(0.25, 0.6))
    if kind == "folded":
        radii = radii - _bumps(rng, int(rng.integers(2, 5)), rng.uniform(0.3, 0.75), rng.uniform(0.06, 0.2))
    shapes = [_outline(middle, scale * np.clip(radii, 0.12, 1.4))]
    if kind in ("lobes", "profiles"):
        shapes = []
        count, spread = int(rng.integers(2, 4)), (0.5 if kind == "lobes" else 0.85)
        for k in range(count):
            angle = direction + 2 * np.pi * (k + rng.uniform(-0.2, 0.2)) / count
            where = middle + spread * scale * np.array([np.sin(angle), np.cos(angle)])
            lobe = scale * rng.uniform(0.5, 0.75) * (1 + _wavy(rng, 2, 4, 0.08))
            shapes.append(_outline(where, lobe))
    distance = grid.distance(centre)
    step = (grid.angle(centre) * (len(_ANGLES) / (2 * np.pi))).astype(np.int32) % len(_ANGLES)
    allowed = distance < smooth[step] * rng.uniform(0.84, 0.94)
    return grid.polygon(shapes) & allowed


def _cytoplasm(rng, grid, image, centre, radius, cell, nucleus) -> tuple[np.ndarray, float]:
    """The cytoplasm's greys over the whole frame, and their level."""
    level = float(image.mean()) - rng.uniform(0.10, 0.42)
    paint = np.full(image.shape, level, np.float32)
    paint += grid.ease(rng.uniform(0.01, 0.05), 0.5) * grid.noise(rng, rng.uniform(0.005, 0.012))  # ribosomes: fine grain
    paint += rng.uniform(0.0, 0.05) * grid.noise(rng, rng.uniform(0.02, 0.05))
    paint += rng.uniform(0.0, 0.05) * grid.noise(rng, rng.uniform(0.1, 0.4))
    if rng.random() < 0.6:  # endoplasmic reticulum: thin bent lines, the level lines of a smooth field
        lines = np.exp(-((grid.noise(rng, rng.uniform(0.08, 0.2)) / 0.06) ** 2))
        paint += rng.uniform(-0.10, 0.06) * lines
    for _ in range(grid.ease(rng.integers(0, 26))):  # mitochondria, lysosomes: dark, some with cristae
        where = _somewhere(rng, grid, cell & ~nucleus)
        if where is None:
            break
        patch = _blob(rng, grid, where, rng.uniform(0.010, 0.042), stretch=0.3, waves=0.04)
        soft = grid.blur(patch.astype(np.float32), 0.003)
        dark = level - rng.uniform(0.03, 0.35)
        cristae = rng.uniform(0, 0.12) * np.sin(grid.noise(rng, 0.03) * 4)
        rim = 4 * soft * (1 - soft)
        paint += np.clip(soft, 0, 1) * rng.uniform(0.6, 1) * (dark + cristae - paint) - rng.uniform(0, 0.1) * rim
    for _ in range(rng.choice([0, 3, 8, 16])):  # vacuoles and vesicles: bright, thin dark rim
        where = _somewhere(rng, grid, cell & ~nucleus)
        if where is None:
            break
        distance = grid.distance(where)
        size = rng.uniform(0.004, 0.022)
        bright = np.exp(-((distance / size) ** 4))
        rim = np.exp(-(((distance - 1.15 * size) / 0.004) ** 2))
        paint += rng.uniform(0.05, 0.35) * bright - rng.uniform(0, 0.15) * rim
    return paint, level


def _somewhere(rng, grid, region):
    """A random (y, x) inside a boolean region, or None where it is empty."""
    for _ in range(30):
        y, x = rng.integers(0, grid.size, 2)
        if region[y, x]:
            return np.array([y + 0.5, x + 0.5]) / grid.size
    return None


def _chromatin(rng, grid, cytoplasm_level, nucleus) -> np.ndarray:
    """Bright euchromatin; dark heterochromatin in clumps, most along the envelope."""
    shift = rng.uniform(-0.22, 0.2)  # nucleus darker than, equal to or brighter than the cytoplasm
    shift = grid.ease(shift) - 0.18 * (1 - grid.difficulty)
    contrast = rng.uniform(0.05, 0.35)
    deep = grid.blur(nucleus.astype(np.float32), rng.uniform(0.02, 0.04))
    field = grid.noise(rng, rng.uniform(0.04, 0.16)) + 0.4 * grid.noise(rng, rng.uniform(0.015, 0.04))
    field += rng.uniform(0.0, 5.0) * (0.9 - np.clip(deep, 0.4, 0.9))  # towards the envelope
    share = rng.uniform(0.2, 0.7)
    inside = field[nucleus]
    threshold = np.quantile(inside[::7], 1 - share) if inside.size > 20 else 0.0
    sharp = rng.uniform(2.0, 12.0)
    hetero = 1 / (1 + np.exp(np.minimum(-sharp * (field - threshold), 60)))
    paint = cytoplasm_level + shift + contrast * (share - hetero)
    if rng.random() < 0.4:  # nucleolus
        where = _somewhere(rng, grid, nucleus)
        if where is not None:
            distance = grid.distance(where)
            paint -= rng.uniform(0.05, 0.25) * np.exp(-((distance / rng.uniform(0.02, 0.06)) ** 4))
    paint += rng.uniform(0.015, 0.07) * grid.noise(rng, rng.uniform(0.005, 0.014)) * (1.2 - 0.7 * hetero)
    return paint.astype(np.float32)


def _paint_foreign(image, rng, grid) -> np.ndarray:
    """What is no specimen: stain precipitate, fold, scale bar, grid bar. Returns where the grid bar hides all."""
    for _ in range(grid.ease(rng.choice([0, 1, 4, 10], p=[0.4, 0.2, 0.2, 0.2]))):  # dark smudges on top of everything
        distance = grid.distance(rng.uniform(0, 1, 2))
        image -= rng.uniform(0.05, 0.35) * np.exp(-((distance / rng.uniform(0.006, 0.05)) ** 2))
    if rng.random() < grid.ease(0.15):  # a fold of the section: a soft dark or bright band
        turn, where = rng.uniform(0, np.pi), rng.uniform(-0.5, 0.5)
        across = (grid.y - 0.5) * np.sin(turn) + (grid.x - 0.5) * np.cos(turn) - where
        image -= rng.uniform(-0.1, 0.25) * np.exp(-((across / rng.uniform(0.005, 0.03)) ** 2))
    cover = np.zeros(image.shape, bool)
    if rng.random() < grid.ease(0.2):  # the grid bar: black, straight, from one side or corner of the frame
        turn, depth = rng.uniform(0, 2 * np.pi), rng.uniform(0.28, 0.6)
        across = (grid.y - 0.5) * np.sin(turn) + (grid.x - 0.5) * np.cos(turn) - depth
        across = across + 0.004 * grid.noise(rng, 0.1)
        shade = 1 / (1 + np.exp(-across / 0.004))
        image += shade * (rng.uniform(0.0, 0.15) - image)
        cover = across > 0
    if rng.random() < grid.ease(0.45):
        _paint_scale_bar(image, rng, grid)
    return cover


def _paint_scale_bar(image, rng, grid) -> None:
    left, length = rng.uniform(0.02, 0.7), rng.uniform(0.1, 0.28)
    top, thick = rng.choice([rng.uniform(0.03, 0.1), rng.uniform(0.88, 0.96)]), rng.uniform(0.006, 0.015)
    grey = 0.0 if rng.random() < 0.75 else 1.0
    canvas = Image.new("L", (grid.size, grid.size))
    draw = ImageDraw.Draw(canvas)
    box = np.array([left, top, left + length, top + thick]) * grid.size
    draw.rectangle([tuple(box[:2]), tuple(box[2:])], fill=255)
    text = rng.choice(["1 µm", "2 µm", "500 nm", "1000 nm", "0.5 µm"])
    font = ImageFont.load_default(max(6, round(0.028 * grid.size)))
    draw.text((box[0], box[1] - 0.036 * grid.size), text, fill=255, font=font)
    ink = np.asarray(canvas, np.float32) / 255
    image += ink * (grey - image)


def _expose(image, rng, grid) -> np.ndarray:
    """Lighting, focus, grain, contrast: greys become uint8."""
    turn, ramp = rng.uniform(0, 2 * np.pi), grid.ease(rng.uniform(0.0, 0.3))
    image = image + ramp * ((grid.y - 0.5) * np.sin(turn) + (grid.x - 0.5) * np.cos(turn))
    if rng.random() < 0.7:
        image = gaussian_filter(image, rng.uniform(0.2, 1.1) * grid.size / 256)
    image = image + grid.ease(rng.uniform(0.004, 0.035), 0.3) * rng.standard_normal(image.shape, np.float32)
    image = np.clip(image, 0, 1) ** rng.uniform(0.7, 1.5)
    middle = image.mean()
    image = (image - middle) * rng.uniform(0.65, 1.35) + middle + rng.uniform(-0.1, 0.1)
    return (np.clip(image, 0, 1) * 255).round().astype(np.uint8)
