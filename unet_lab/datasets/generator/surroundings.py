"""What is no cell: the background, debris, folds, grid bars and scale bars; and the camera that takes the picture."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from unet_lab.datasets.generator.window import COARSE, Window


def paint_background(rng, frame, values) -> np.ndarray:
    image = np.full(frame.shape, values["background"], np.float32)
    image += frame.noise(rng, rng.uniform(0.15, 0.6), values["background_mottle"])
    image += frame.noise(rng, rng.uniform(0.02, 0.08), 0.4 * values["background_mottle"])
    rng = rng.spawn(1)[0]
    for _ in range(values["specks"]):
        stain(image, rng, frame, rng.uniform(0.01, 0.05), rng.uniform(0.03, 0.35))
    return image


def stain(image, rng, frame, size: float, depth: float) -> None:
    """Darken a soft round spot somewhere in the frame."""
    centre = rng.uniform(0, 1, 2)
    part = Window.around(frame.size, centre, 2.2 * size)
    if part is not None:
        dy, dx = (part.y - np.float32(centre[0])) / size, (part.x - np.float32(centre[1])) / size
        image[part.slices] -= np.float32(depth) * np.exp(-np.square(dy)) * np.exp(-np.square(dx))


def fragment_outlines(rng, centres, radii) -> list[np.ndarray]:
    """Outlines (60, 2) of random rounded, often elongated and dented pieces, one for each centre (n, 2) and radius (n,)."""
    n, k = len(radii), np.arange(2, 7, dtype=np.float32)[:, None]
    amplitude, phase = 0.24 * rng.standard_normal((n, 5, 1), np.float32) / k, rng.random((n, 5, 1), np.float32) * 2 * np.pi
    wobble = (amplitude * np.cos(k * COARSE + phase.astype(np.float32))).sum(axis=1)
    where, width, height = (
        rng.uniform((0, 0.15, -0.8), (2 * np.pi, 0.7, 0.8), (2, n, 3)).astype(np.float32).transpose(2, 0, 1)[..., None]
    )
    away = np.abs(COARSE - where)
    wobble += (height * np.exp(-np.square(np.square(np.minimum(away, 2 * np.pi - away) / width)))).sum(axis=0)  # fingers, dents
    along = np.asarray(radii, np.float32)[:, None] * np.clip(1 + wobble, 0.2, 2.5)
    squeeze, turn = rng.uniform((0.3, 0), (1.0, np.pi), (n, 2)).T[..., None]
    x, y = along * np.cos(COARSE), along * np.sin(COARSE) * squeeze
    y, x = x * np.sin(turn) + y * np.cos(turn), x * np.cos(turn) - y * np.sin(turn)
    return list(np.stack([y, x], axis=2) + np.asarray(centres)[:, None])


def paint_debris(image, rng, frame, values) -> None:
    """Cut-off processes, and the pale remains of whole cells."""
    grain = frame.noise(rng, rng.uniform(0.005, 0.02), 0.06) if values["debris"] or values["ghosts"] else None
    for _ in range(values["ghosts"]):
        alpha = frame.fill(fragment_outlines(rng, rng.uniform(-0.1, 1.1, (1, 2)), rng.uniform(0.05, 0.22, 1)))
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
    outlines = fragment_outlines(rng, centres, scale * rng.uniform(0.15, 1.0, count))
    alpha = frame.blur(frame.fill(outlines), soft) * np.float32(rng.uniform(0.6, 1.0))
    image += alpha * (level + grain - image) - rim * 4 * alpha * (1 - alpha)


def bend(image, mask, rng, frame, values):
    """Move every point of the drawing a little, neighbours together: nothing in a section stays a perfect curve."""
    if values["bending"] == 0:
        return image, mask
    length = rng.uniform(0.12, 0.4)
    pixels = values["bending"] * frame.size / 1.35
    rows = frame.y * frame.size - 0.5 + frame.noise(rng, length, pixels)
    columns = frame.x * frame.size - 0.5 + frame.noise(rng, length, pixels)
    image = cv2.remap(image, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return image, cv2.remap(mask, columns, rows, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT)


def paint_foreign(image, rng, frame, values) -> np.ndarray:
    """What is no specimen: stain precipitate, fold, grid bar, scale bar. Returns where the grid bar hides all."""
    smears, scale = rng.spawn(2)
    for _ in range(values["smears"]):
        stain(image, smears, frame, np.exp(smears.uniform(np.log(0.004), np.log(0.08))), smears.uniform(0.05, 0.35))
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
        paint_scale_bar(image, scale, frame)
    return cover


def paint_scale_bar(image, rng, frame) -> None:
    left, length, thick = rng.uniform((0.02, 0.1, 0.006), (0.7, 0.28, 0.015))
    top = rng.choice([rng.uniform(0.05, 0.1), rng.uniform(0.88, 0.96)])
    grey = 0.0 if rng.random() < 0.75 else 1.0
    text = rng.choice(["1 µm", "2 µm", "500 nm", "1000 nm", "0.5 µm"])
    canvas = Image.new("L", (frame.size, frame.size))
    draw = ImageDraw.Draw(canvas)
    box = np.array([left, top, left + length, top + thick]) * frame.size
    draw.rectangle([tuple(box[:2]), tuple(box[2:])], fill=255)
    draw.text((box[0], box[1] - 0.04 * frame.size), text, fill=255, font=scale_bar_font(max(6, round(0.028 * frame.size))))
    ink = np.asarray(canvas, np.float32) / 255
    image += ink * (np.float32(grey) - image)


@cache
def scale_bar_font(pixels: int):
    """A font that has a µ: the one that matplotlib ships (Pillow's own has none)."""
    import matplotlib

    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", pixels)


def expose(image, rng, frame, values) -> np.ndarray:
    """Lighting, charging, focus, grain, contrast: greys become uint8."""
    turn, streak, edge = rng.uniform((0, 0.01, 0), (2 * np.pi, 0.1, 1))
    ramp = np.float32(values["shading"])
    image = image + ramp * ((frame.y - 0.5) * np.float32(np.sin(turn)) + (frame.x - 0.5) * np.float32(np.cos(turn)))
    if values["charging"]:  # each row is brightened at random; edges shine
        lines = cv2.resize(rng.spawn(1)[0].standard_normal((max(2, round(1 / streak)), 1), np.float32), (1, frame.size))
        image = image + np.float32(values["charging"]) * lines
        image += np.float32(2 * edge * values["charging"]) * np.abs(image - frame.blur(image, 0.02))
    image = frame.blur(image, values["defocus"])
    image = image + np.float32(values["noise"]) * rng.standard_normal(image.shape, np.float32)
    image = cv2.pow(np.clip(image, 0, 1), values["gamma"])
    middle = image.mean()
    image = (image - middle) * np.float32(values["contrast"]) + (middle + np.float32(values["brightness"]))
    return (np.clip(image, 0, 1) * 255).round().astype(np.uint8)
