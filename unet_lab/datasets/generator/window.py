"""Where a drawing takes place: a rectangle of the frame with its coordinates, and closed curves around a place."""

from __future__ import annotations

import cv2
import numpy as np

ANGLES = np.linspace(0, 2 * np.pi, 360, endpoint=False, dtype=np.float32)  # around a cell
COARSE = np.linspace(0, 2 * np.pi, 60, endpoint=False, dtype=np.float32)  # around a fragment


class Window:
    """A rectangle of the frame: the coordinates of its pixels, as fractions of the whole frame."""

    def __init__(self, size: int, box: tuple[int, int, int, int]):
        self.size, self.box = size, box
        top, left, bottom, right = box
        self.shape = (bottom - top, right - left)
        self.slices = np.s_[top:bottom, left:right]
        self.y = ((np.arange(top, bottom, dtype=np.float32) + 0.5) / size)[:, None]
        self.x = ((np.arange(left, right, dtype=np.float32) + 0.5) / size)[None, :]

    @classmethod
    def around(cls, size: int, centre, reach: float) -> Window | None:
        """The part of the frame within `reach` of a place; None where that is outside."""
        top, left = (max(0, int((c - reach) * size)) for c in centre)
        bottom, right = (min(size, int((c + reach) * size) + 2) for c in centre)
        return cls(size, (top, left, bottom, right)) if bottom - top > 1 and right - left > 1 else None

    def noise(self, rng, wavelength: float, std: float = 1.0) -> np.ndarray:
        """Smooth noise, float32, of about this standard deviation, whose blobs are `wavelength` of the frame wide."""
        cells = [max(2, round(n / self.size / wavelength)) for n in self.shape]
        if cells[0] >= self.shape[0] or cells[1] >= self.shape[1]:
            cells = self.shape
        # Uniform numbers cost a quarter of normal ones. Between its points interpolated noise is flatter: hence the factors.
        fine = wavelength * self.size < 4
        std *= np.sqrt(12) * (1.0 if cells == self.shape else 1.5 if fine else 1.35)
        coarse = (rng.random(cells, np.float32) - np.float32(0.5)) * np.float32(std)
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


def wavy_radii(rng, lowest: int, highest: int, strength: float, angles=ANGLES) -> np.ndarray:
    """A closed curve's relative radius over `angles`, from random harmonics, the higher the weaker."""
    k = np.arange(lowest, highest + 1, dtype=np.float32)[:, None]
    amplitude = np.float32(strength) * rng.standard_normal(k.shape, np.float32) * lowest / k
    phase = rng.uniform(0, 2 * np.pi, k.shape).astype(np.float32)
    return (amplitude * np.cos(k * angles + phase)).sum(axis=0)


def bump_radii(rng, count: int, height: float, width: float, angles=ANGLES) -> np.ndarray:
    """`count` rounded fingers over `angles`: microvilli where added, grooves where subtracted."""
    if count == 0:
        return np.zeros_like(angles)
    where, half, tall = rng.uniform((0, 0.5, 0.3), (2 * np.pi, 1.8, 1.4), (count, 3)).astype(np.float32).T[:, :, None]
    away = np.abs(angles - where)
    away = np.minimum(away, np.float32(2 * np.pi) - away)  # the short way round
    near = np.square(np.square(away / (np.float32(width) * half)))
    return (np.float32(height) * tall * np.exp(-near)).max(axis=0)


def outline_points(centre, radii, angles=ANGLES, squeeze: float = 1.0, turn: float = 0.0) -> np.ndarray:
    """Points (n, 2) of a closed curve given by its radius over the angles, made oval by `squeeze` along a turned axis."""
    along, across = radii * np.cos(angles), radii * np.sin(angles) * squeeze
    y = along * np.sin(turn) + across * np.cos(turn)
    x = along * np.cos(turn) - across * np.sin(turn)
    return np.stack([centre[0] + y, centre[1] + x], axis=1)
