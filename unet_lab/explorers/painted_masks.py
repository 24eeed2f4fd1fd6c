"""What the canvas begins with, and the picture beside it."""

from __future__ import annotations

import io

import cv2
import numpy as np
from PIL import Image, ImageDraw

from unet_lab.datasets.generator.organelles import BODY, NUCLEUS
from unet_lab.plots.images import overlay

SIZE = 128
SHOWN, TITLE = 320, 20  # pixels on the page: a panel's side, and the line above it


def starting_mask(name: str) -> np.ndarray:
    """A mask to begin with, uint8 (128, 128)."""
    mask = np.zeros((SIZE, SIZE), np.uint8)
    if name in ("a cell", "a cell without nucleus"):
        cv2.ellipse(mask, (64, 66), (48, 42), 20, 0, 360, BODY, -1)
    if name == "a cell":
        cv2.circle(mask, (60, 64), 27, NUCLEUS, -1)
    if name == "a nucleus alone":
        cv2.circle(mask, (64, 64), 30, NUCLEUS, -1)
    if name == "a square cell":
        mask[22:106, 22:106] = BODY
        mask[42:86, 38:82] = NUCLEUS
    if name == "inside out":
        cv2.circle(mask, (64, 64), 50, NUCLEUS, -1)
        cv2.circle(mask, (64, 64), 28, BODY, -1)
    return mask


STARTING_MASKS = ("a cell", "a cell without nucleus", "a nucleus alone", "a square cell", "inside out", "nothing")


class PaintedPanels:
    """Two overlays side by side as a PNG, made without matplotlib: an eye and a hand wait for it."""

    axes = ()  # nothing in it takes clicks

    def __init__(self, image: np.ndarray, mask: np.ndarray, answer: np.ndarray, words: str):
        self._image, self._masks = image, {"what you painted": mask, "what the network says": answer}
        self.alt = f"What was painted, and the network's mask. {words}"

    def png(self, resolution: float = 1.0) -> bytes:
        side, above, gap = (round(pixels * resolution) for pixels in (SHOWN, TITLE, 12))
        page = Image.new("RGB", (2 * side + gap, side + above), "white")
        text = ImageDraw.Draw(page)
        for k, (title, mask) in enumerate(self._masks.items()):
            colours = (255 * overlay(self._image, mask)).astype(np.uint8)
            left = k * (side + gap)
            page.paste(Image.fromarray(colours).resize((side, side), Image.Resampling.BILINEAR), (left, above))
            text.text((left + side / 2, 2 * resolution), title, fill="black", anchor="ma", font_size=13 * resolution)
        stream = io.BytesIO()
        page.save(stream, "PNG", compress_level=1)
        return stream.getvalue()
