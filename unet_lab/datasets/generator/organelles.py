"""What lies inside a cell: the nucleus with its chromatin, the cytoplasm with mitochondria, vacuoles and granules."""

from __future__ import annotations

import math

import cv2
import numpy as np

from unet_lab.datasets.generator.window import ANGLES, bump_radii, outline_points, wavy_radii

BACKGROUND, BODY, NUCLEUS = 0, 1, 2


def fill_nucleus(rng, part, values, centre, radius) -> np.ndarray:
    """Round, kidney-shaped, lobed or folded; in one to three profiles: float32, 0 to 1."""
    direction = rng.uniform(0, 2 * np.pi)
    middle = centre + values["nucleus_offset"] * radius * np.array([np.sin(direction), np.cos(direction)])
    scale, count = radius * values["nucleus_size"], values["profiles"]
    outlines = []
    for k, own in enumerate(rng.spawn(count)):
        squeeze, turn, aside, apart, size = own.uniform((0.75, 0, -0.2, 0.45, 0.45), (1.0, np.pi, 0.2, 0.85, 0.75))
        radii = 1 + wavy_radii(own, 2, 4, values["nucleus_waves"]) + wavy_radii(own, 5, 14, 0.25 * values["nucleus_waves"])
        radii = radii - bump_radii(
            own, values["grooves"], values["groove_depth"], values["groove_width"] / max(1, values["grooves"])
        )
        angle = direction + 2 * np.pi * (k + aside) / count
        apart, size = (0.0, scale) if count == 1 else (apart * scale, size * scale)
        where = middle + apart * np.array([np.sin(angle), np.cos(angle)])
        outlines.append(outline_points(where, size * np.clip(radii, 0.15, 1.5), ANGLES, squeeze, turn))
    return part.fill(outlines)


def paint_cytoplasm(rng, part, values, level, hetero, centre, radius, scale, shape) -> np.ndarray:
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
        place = random_place(mitochondria, part, places, near)
        size = values["mitochondria_size"] * scale * mitochondria.uniform(0.35, 1.0)
        paint_organelle(paint, mitochondria, part, place, size, dark + mitochondria.normal(0, 0.03), blurred)
    for _ in range(values["vacuoles"]):
        size, bright, rim = vacuoles.uniform((0.004, 0.05, 0.0), (0.024, 0.35, 0.15)).tolist()
        paint_vesicle(paint, part, random_place(vacuoles, part, places), scale * size, bright, rim)
    for _ in range(values["granules"]):
        size, dense = granules.uniform((0.003, 0.1), (0.009, 0.35)).tolist()
        paint_vesicle(paint, part, random_place(granules, part, places), scale * size, -dense, 0.0)
    return paint


def pixels_near(part, place, radius, reach):
    """The pixels around a place, as slices of the window, and their distances down and across, in radii."""
    (y, x), extent = place, radius * reach + 1 / part.size
    top, left = max(0, int((y - extent) * part.size) - part.box[0]), max(0, int((x - extent) * part.size) - part.box[1])
    rows = slice(top, max(top, int((y + extent) * part.size) + 1 - part.box[0]))
    columns = slice(left, max(left, int((x + extent) * part.size) + 1 - part.box[1]))
    shrink = np.float32(1 / radius)
    return (rows, columns), (part.y[rows] - np.float32(y)) * shrink, (part.x[:, columns] - np.float32(x)) * shrink


def paint_organelle(paint, rng, part, place, radius, dark, softness) -> None:
    """A mitochondrion: a bent oval, darker than what is around, some with cristae as stripes."""
    turn, slim, bent, stripes = rng.uniform((0, 0.35, -0.4, 0), (np.pi, 1.0, 0.4, 0.08)).tolist()
    if place is None:
        return
    where, dy, dx = pixels_near(part, place, radius, 1.5)
    sine, cosine = math.sin(turn), math.cos(turn)
    u = dx * cosine + dy * sine
    v = (dy * cosine - dx * sine + bent * u * u) / slim
    soft = np.minimum(np.maximum((1 - np.sqrt(u * u + v * v)) / softness + 0.5, 0), 1)
    target = paint[where]
    target += soft * (float(dark) + stripes * np.sin(9 * u) - target)


def paint_vesicle(paint, part, place, radius, bright, rim) -> None:
    """A bright (or dark) round body, perhaps with a thin dark rim."""
    if place is None:
        return
    where, dy, dx = pixels_near(part, place, radius, 1.6)
    away = np.sqrt(dy * dy + dx * dx)
    change = bright * np.minimum(np.maximum((1 - away) * 3 + 0.5, 0), 1)
    if rim:
        change -= rim * np.maximum(1 - np.abs(away - 1.15) * 4, 0)
    paint[where] += change


def random_place(rng, part, places, near=None):
    """A random (y, x) among `places`; with `near`, the nearest to it of five. None where there are no places."""
    if places.size == 0:
        return None
    found = []
    for chance in rng.random(1 if near is None else 5).tolist():
        row, column = divmod(int(places[int(chance * places.size)]), part.shape[1])
        found.append(((row + part.box[0] + 0.5) / part.size, (column + part.box[1] + 0.5) / part.size))
    return found[0] if near is None else min(found, key=lambda place: math.dist(place, near))


def paint_chromatin(rng, part, values, level, scale, nucleus) -> np.ndarray:
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
        place = random_place(rng, part, np.flatnonzero(nucleus))
        size = rng.uniform(0.02, 0.06) * scale
        paint_organelle(paint, rng, part, place, size, level + values["nucleus_shade"] - rng.uniform(0.1, 0.3), 0.5)
    return paint
