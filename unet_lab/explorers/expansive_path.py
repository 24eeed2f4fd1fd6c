"""Explorers: ways to make a map larger, side by side; crop a skip and lay it over what came up from below."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from unet_lab.datasets.generator.cells import generate_cell
from unet_lab.datasets.standardise import standardise
from unet_lab.explorers.base import Explorer, dropdown, slider
from unet_lab.geometry import size_ledger
from unet_lab.plots.figure import bare, panel_row
from unet_lab.plots.images import show_image
from unet_lab.plots.inside import draw_square
from unet_lab.plots.kernels import draw_bar, draw_map

METHODS = ("nearest", "bilinear", "transposed 2x2", "transposed 3x3", "transposed 4x4")


def up_sample(x: Tensor, method: str, kernel: Tensor | None = None) -> Tensor:
    """Double the size of a map (1, 1, H, W) by one of METHODS; `kernel` (1, 1, k, k) is that of the transposed ones, stride 2."""
    if method in ("nearest", "bilinear"):
        return F.interpolate(x, scale_factor=2, mode=method)  # (1, 1, 2H, 2W)
    size = int(method[-1])
    whole = F.conv_transpose2d(x, kernel, stride=2)  # (1, 1, 2H + k - 2, 2W + k - 2)
    before = (size - 2) // 2
    return whole[..., before : before + 2 * x.shape[2], before : before + 2 * x.shape[3]]  # (1, 1, 2H, 2W)


def stamps(method: str, size: int = 8) -> np.ndarray:
    """How many input pixels each output pixel (2·size, 2·size) gets something from, away from the border."""
    if method == "nearest":
        return np.ones((2 * size, 2 * size), int)
    kernel = int(method[-1]) if method.startswith("transposed") else 4  # bilinear is a transposed 4x4 with a tent for a kernel
    ones = torch.ones(1, 1, size + 2, size + 2)
    counted = up_sample(ones, f"transposed {kernel}x{kernel}", torch.ones(1, 1, kernel, kernel))
    return counted[0, 0, 2:-2, 2:-2].round().int().numpy()


def explore_upsampling() -> Explorer:
    """A small map doubled by any method, with equal weights or drawn ones, and how many stamps land on each pixel."""
    inputs = {"all ones": np.ones((12, 12), np.float32), "an edge": np.tile(np.arange(12) > 5, (12, 1)).astype(np.float32)}
    inputs["one pixel"] = np.pad([[1.0]], ((5, 6), (5, 6))).astype(np.float32)
    cell = Image.fromarray(generate_cell(3, 96, difficulty=0.1).image).resize((12, 12), Image.Resampling.BOX)
    inputs["a small cell"] = standardise(np.asarray(cell))

    def draw(given, method, weights, seed):
        x = torch.from_numpy(inputs[given])[None, None]
        kernel = None
        if method.startswith("transposed"):
            size = int(method[-1])
            kernel = torch.ones(1, 1, size, size)
            if weights == "random":
                kernel = 1 + torch.randn(1, 1, size, size, generator=torch.Generator().manual_seed(seed))
            elif weights == "a tent":
                tent = 1 - (torch.arange(size) - (size - 1) / 2).abs() / (size / 2)
                kernel = torch.outer(tent, tent)[None, None]
            kernel = kernel / kernel.sum() * 4
        result = up_sample(x, method, kernel)[0, 0].numpy()
        count = stamps(method)
        alt = f"A map, doubled by {method}, and its stamps."
        figure, (left, middle, right) = panel_row((1, 1, 1), 3.4, alt, gap=0.42, bar=True)
        most = float(np.abs(inputs[given]).max()) * 1.5
        draw_map(left, inputs[given], f"{given}, 12 x 12", signed=True, most=most)
        draw_bar(figure, middle, draw_map(middle, result, f"{method}, 24 x 24", signed=True, most=most), "value")
        drawn = draw_map(right, count[:12, :12], "stamps on each pixel (a part)", signed=False, most=4)
        draw_bar(figure, right, drawn, "stamps")
        inner = result[6:-6, 6:-6]
        words = f"Each output pixel gets {count.min()} to {count.max()} stamps"
        words += ": uneven, a checkerboard in the making." if count.min() < count.max() else ": even."
        if given == "all ones":
            words += f" From all ones came values of {inner.min():.2f} to {inner.max():.2f}."
        if kernel is None:
            words += " This method has no weights."
        return figure, words

    controls = {
        "given": dropdown("map", list(inputs), "all ones"),
        "method": dropdown("method", list(METHODS), "transposed 3x3"),
        "weights": dropdown("weights", ["all equal", "random", "a tent"], "all equal"),
        "seed": slider("chance (seed)", 0, 0, 20),
    }
    help_line = "All ones come in: which methods give all ones back, with which weights? Even stamps, and still a pattern: when?"
    return Explorer(controls, draw, help_line)


def valid_paths(image: np.ndarray, depth: int) -> tuple[np.ndarray, np.ndarray]:
    """The topmost skip of a U without padding, and what comes up to meet it, with means for convolutions.

    image (H, W), or (H, W, C), of which the mean over the channels is taken, with a size that survives `depth` poolings with
    valid padding. Every block is two 3x3 means. Returns two maps (h, w), the second smaller by what the skip must lose.
    """

    def block(x):
        return F.avg_pool2d(F.avg_pool2d(x, 3, stride=1), 3, stride=1)  # 4 pixels less

    x = torch.from_numpy(np.atleast_3d(standardise(image)).mean(axis=2))[None, None]
    skip = x = block(x)
    for _ in range(depth):
        x = block(F.avg_pool2d(x, 2))
    for level in reversed(range(depth)):
        x = F.interpolate(x, scale_factor=2, mode="nearest")
        x = block(x) if level else x
    return skip[0, 0].numpy(), x[0, 0].numpy()


def explore_crop(image: np.ndarray) -> Explorer:
    """Slide the crop window over a skip until it fits what came up from below; what does the right offset depend on?

    image : (188, 188), a size that survives 1, 2 and 3 poolings without padding.
    """
    paths = {depth: valid_paths(image, depth) for depth in (1, 2, 3)}

    def draw(depth, down, right):
        skip, below = paths[depth]
        lost = skip.shape[0] - below.shape[0]
        down, right = min(down, lost), min(right, lost)
        cropped = skip[down : down + below.shape[0], right : right + below.shape[1]]
        both = np.stack([unit(cropped), (unit(cropped) + unit(below)) / 2, unit(below)], axis=2)
        figure, panels = panel_row((1.15, 1, 1, 1), 2.9, "Skip with its crop window, the map from below, both.", gap=0.08)
        show_image(panels[0], skip, f"skip, {skip.shape[0]} x {skip.shape[0]}, and the crop")
        panels[0].set_gid("skip")
        size = below.shape[0]
        draw_square(panels[0], (down, down + size - 1), (right, right + size - 1), "#E69F00")
        show_image(panels[1], cropped, f"cropped, {below.shape[0]} x {below.shape[0]}")
        show_image(panels[2], below, "from below")
        panels[3].imshow(both)
        bare(panels[3], "laid over each other")
        miss = float(np.abs(cropped - below).mean() / skip.std())
        words = (
            f"Window at row {down}, column {right} of 0 to {lost}: skip and map from below differ by {miss:.3f} "
            f"standard deviations on "
            f"average. The skip must lose {lost} pixels in all."
        )
        return figure, words

    def on_click(_panel, row, column):
        half = paths[controls["depth"].value][1].shape[0] // 2
        return {"down": row - half, "right": column - half}

    ledger = dict(size_ledger(image.shape[0], 3, "valid"))
    most = ledger["encoder 0"] - ledger["up 0"]
    controls = {
        "depth": dropdown("depth (poolings)", [1, 2, 3], 2),
        "down": slider("row (pixels)", 0, 0, most),
        "right": slider("column (pixels)", 0, 0, most),
    }
    help_line = (
        "Find the fit by eye (grey: they agree; orange and blue: they don't), read the offset. Then at depth 3. A click jumps."
    )

    def limits(depth, **_others):
        skip, below = paths[depth]
        return dict.fromkeys(("down", "right"), skip.shape[0] - below.shape[0])

    return Explorer(controls, draw, help_line, on_click, limits=limits)


def unit(values: np.ndarray) -> np.ndarray:
    low, high = np.percentile(values, (1, 99))
    return np.clip((values - low) / (high - low), 0, 1)
