"""Explorers: the loss of every pixel under sliders; the paper's border weights."""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import shift as move
from torch import Tensor, nn

from unet_lab.datasets.masks import CLASS_NAMES
from unet_lab.explorers.base import Explorer, dropdown, float_slider, slider
from unet_lab.inference.predict import predict_logits
from unet_lab.losses import border_weights, cross_entropy, focal_loss, soft_dice_loss
from unet_lab.plots.figure import TRAINING_COLOUR, VALIDATION_COLOUR, class_colours, panel_row
from unet_lab.plots.images import show_mask
from unet_lab.plots.kernels import draw_bar, draw_map

KINDS = ("cross entropy", "focal")


def pixel_losses(logits: Tensor, mask: Tensor, kind: str, weights: list[float], confidence: float, gamma: float) -> Tensor:
    """Loss of each pixel (H, W) for logits (C, H, W), multiplied by `confidence`, and a mask (H, W)."""
    logits, mask = confidence * logits[None], mask[None]
    if kind == "focal":
        return focal_loss(logits, mask, gamma, "none", weights)[0]
    return cross_entropy(logits, mask, "none", weights)[0]


def explore_loss(model: nn.Module, image: np.ndarray, truth: np.ndarray) -> Explorer:
    """Where the loss comes from: a map of it, and each class's share, under weights, confidence, and a push to the side."""
    clean = predict_logits(model, image).cpu()  # (C, H, W)
    mask = torch.from_numpy(truth.astype(np.int64))

    def draw(kind, gamma, confidence, push, background, body, nucleus):
        logits = clean
        if push:
            logits = torch.from_numpy(move(clean.numpy(), (0, 0, push), order=0, mode="nearest"))
        weights = [background, body, nucleus]
        losses = pixel_losses(logits, mask, kind, weights, confidence, gamma)
        values = losses.numpy()
        counts = np.bincount(truth.ravel(), minlength=3)
        total = max(float(values.sum()), 1e-12)
        parts = [float(values[truth == k].sum()) / total for k in range(3)]
        figure, (left, middle, right) = panel_row((1, 1, 1.1), 3.3, "Prediction, loss, shares by class.", gap=0.55, bottom=0.1)
        show_mask(left, logits.argmax(0).numpy(), "prediction")
        most = max(3.0, float(np.quantile(values, 0.999)))
        drawn = draw_map(middle, values, "loss of each pixel", signed=False, most=most)
        draw_bar(figure, middle, drawn, "nats, times its weight")
        places = np.arange(3)
        colours = class_colours(3)
        right.bar(places - 0.2, 100 * counts / truth.size, 0.38, color=colours, edgecolor="black", lw=0.6)
        right.bar(places + 0.2, [100 * p for p in parts], 0.38, color=colours, edgecolor="black", lw=0.6, hatch="///")
        right.set_xticks(places, CLASS_NAMES, fontsize=8)
        right.set(ylim=(0, 100))
        right.set_ylabel("%", fontsize=9)
        right.set_title("share of pixels (plain), of loss (hatched)", fontsize=9)
        mean = total / max(float(torch.tensor(weights)[mask].sum()), 1e-12)
        dice = float(soft_dice_loss((confidence * logits)[None], mask[None]))
        wrong = float((logits.argmax(0) != mask).float().mean())
        shares = ", ".join(f"{n} {p:.0%}" for n, p in zip(CLASS_NAMES, parts, strict=True))
        words = (
            f"Mean loss {mean:.3f} nats (weighted mean over pixels); sum {total:,.0f}; soft Dice loss {dice:.3f}; "
            f"{wrong:.1%} of the "
            f"pixels are wrong. Shares of the loss: {shares}."
        )
        return figure, words

    controls = {
        "kind": dropdown("loss", list(KINDS), "cross entropy"),
        "gamma": float_slider("focal: gamma", 2.0, 0.0, 5.0, 0.5),
        "confidence": float_slider("confidence (factor)", 1.0, 0.0, 4.0, 0.25),
        "push": slider("push aside (pixels)", 6, -30, 30),
        "background": float_slider("weight: background", 1.0, 0.0, 5.0, 0.25),
        "body": float_slider("weight: cell body", 1.0, 0.0, 5.0, 0.25),
        "nucleus": float_slider("weight: nucleus", 1.0, 0.0, 5.0, 0.25),
    }
    help_line = (
        "The wrong pixels stay the same when you turn the confidence: what does the loss do? At which confidence is it lowest?"
    )
    return Explorer(controls, draw, help_line)


def two_cells(gap: int, size: int = 96, radius: int = 26) -> np.ndarray:
    """Two round cells side by side, so many pixels apart: instance numbers (size, size), 0 for background."""
    rows, columns = np.indices((size, size))
    middle = size / 2
    cells = np.zeros((size, size), np.int64)
    for number, side in ((1, -1), (2, 1)):
        centre = middle + side * (radius + gap / 2)
        cells[(rows - middle) ** 2 + (columns + 0.5 - centre) ** 2 <= radius**2] = number
    return cells


def explore_borders() -> Explorer:
    """Two cells, the gap between them, and equation 2 of the 2015 paper: the weight map, and a cut through it."""

    def draw(gap, w0, sigma):
        cells = two_cells(gap)
        weights = border_weights(cells, w0, sigma)
        figure, (left, middle, right) = panel_row((1, 1, 1.3), 3.2, "Two cells, weights, a cut.", gap=0.5, bottom=0.15)
        show_mask(left, (cells > 0).astype(np.uint8), f"two cells, {gap} px apart")
        draw_bar(figure, middle, draw_map(middle, weights, "weight of each pixel", signed=False), "weight")
        for row, colour, style in ((48, TRAINING_COLOUR, "-"), (24, VALIDATION_COLOUR, "--")):
            right.plot(weights[row], color=colour, ls=style, label=f"row {row}")
        right.set(xlabel="column (pixels)", ylabel="weight", ylim=(0, max(2.0, w0 + 1.5)))
        right.legend(fontsize=8, loc="upper right")
        outside = cells == 0
        words = (
            f"The largest weight is {weights.max():.2f}; the background's mean {weights[outside].mean():.2f}. "
            f"{(weights > 1 + w0 / 2).mean():.1%} of the pixels get more than half of w0 on top."
        )
        return figure, words

    controls = {
        "gap": slider("gap (pixels)", 4, 1, 30),
        "w0": float_slider("w0 (height)", 10.0, 0.0, 20.0, 1.0),
        "sigma": float_slider("sigma (pixels)", 5.0, 1.0, 15.0, 0.5),
    }
    help_line = "Widen the gap: when does the weight fade? Compare with sigma. Then drag sigma until the whole outside lights up."
    return Explorer(controls, draw, help_line)
