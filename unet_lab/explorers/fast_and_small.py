"""Explorer: the ways to run one network: how fast, how large, and which pixels they change."""

from __future__ import annotations

import math

import numpy as np
import torch

from unet_lab.acceleration.selection import Accelerated
from unet_lab.explorers.base import Explorer, dropdown, slider
from unet_lab.plots.figure import panel_row
from unet_lab.plots.images import overlay, show_image
from unet_lab.plots.speed import draw_trials


def explore_speed(accelerated: Accelerated, images: torch.Tensor) -> Explorer:
    """Choose a way and an image: the times of all ways, the mask of this one, and the pixels in which it differs.

    accelerated : made with `keep_all=True`. images : (N, 1, H, W), of the size at which it was timed.
    Raises ValueError where the ways were not kept.
    """
    if not accelerated.ways:
        raise ValueError("the ways were not kept; use accelerate(…, keep_all=True).")
    timed = [t for t in accelerated.trials if not math.isnan(t.milliseconds)]
    timed.sort(key=lambda t: -t.milliseconds)
    with torch.inference_mode():
        expected = [accelerated.original(x[None])[0] for x in images]  # each (C, H, W)

    def draw(way, image):
        trial = next(t for t in timed if t.name == way)
        with torch.inference_mode():
            logits = accelerated.ways[way](images[image][None])[0]  # (C, H, W)
        classes, before = logits.argmax(dim=0), expected[image].argmax(dim=0)  # (H, W)
        other = (classes != before).numpy()
        alt = f"Milliseconds of each way; the mask of {way}; pixels in which it differs from the network as given."
        figure, (bars, mask, changed) = panel_row((1.25, 1, 1), 3.3, alt, gap=0.12, bottom=0.14)
        box = bars.get_position()
        bars.set_position((box.x0 + 0.135, box.y0, box.width - 0.135, box.height))
        draw_trials(bars, timed, marked=way, short=True)
        grey = images[image, 0].numpy()
        show_image(mask, overlay(grey, classes.numpy().astype(np.uint8)), f"mask: {way}")
        show_image(changed, marked(grey, other), "pixels with another class: red")
        sure = expected[image].softmax(dim=0).amax(dim=0).numpy()
        where = ""
        if other.any():
            where = f" There the network as given was {sure[other].mean():.0%} sure on average"
            where += f", elsewhere {sure[~other].mean():.0%}." if not other.all() else "."
        words = (
            f"{way}: {trial.milliseconds:.1f} ms, {trial.speed_up.median:.2f} times as fast, {trial.megabytes:.1f} MB. In this "
            f"image {other.sum()} of {other.size} pixels have another class ({other.mean():.2%}); logits differ by up to "
            f"{float((logits - expected[image]).abs().max()):.1e}.{where}"
        )
        return figure, words

    controls = {
        "way": dropdown("run by", [t.name for t in timed], accelerated.chosen.name),
        "image": slider("image (number)", 0, 0, len(images) - 1),
    }
    return Explorer(controls, draw, "Which way is the fastest that changes no pixel? Where lie those that the others change?")


def marked(grey: np.ndarray, where: np.ndarray) -> np.ndarray:
    """The image, paler, with pixels in red, each with its neighbours, so that one alone is seen; RGB (H, W, 3), 0..1."""
    pale = 0.4 + 0.6 * (grey - grey.min()) / max(float(np.ptp(grey)), 1e-6)
    figure = np.repeat(pale[..., None], 3, axis=2)
    wide = where.copy()
    for axis in (0, 1):
        wide |= np.roll(where, 1, axis) | np.roll(where, -1, axis)
    figure[wide] = (0.84, 0.0, 0.0)
    return figure
