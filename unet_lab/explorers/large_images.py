"""Explorer: tiles, their overlap and their blending, against the whole image's answer."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.colors import LogNorm

from unet_lab.explorers.base import Explorer, dropdown, slider
from unet_lab.inference.predict import predict_logits
from unet_lab.inference.tiling import BLENDS, plan_tiles, tiles
from unet_lab.plots.figure import bare, panel_row
from unet_lab.plots.images import show_image, show_mask

NOTHING = 1e-5  # a difference of logits that small is the arithmetic's, not the tiles'


def explore_tiling(model: torch.nn.Module, image: np.ndarray, tile: int = 144, num_classes: int = 3) -> Explorer:
    """The mask put together of tiles, where the tiles lie, and how far the logits are from the whole image's."""
    whole = predict_logits(model, image).cpu()  # (C, H, W)
    classes = whole.argmax(dim=0)
    cell = model.grid

    def draw(tile, overlap, blend):
        alt = "A large image with its tiles; the mask put together of them; the difference from the whole image's logits."
        figure, panels = panel_row((1, 1, 1), 3.6, alt, gap=0.1)
        show_image(panels[0], image, "image and tiles")
        try:
            plan = plan_tiles(model, image.shape, tile, overlap, blend)
        except ValueError as refused:
            for panel in panels[1:]:
                bare(panel)
            return figure, str(refused)
        logits = torch.empty_like(whole)
        for rows, columns, part in tiles(model, image, tile, overlap, blend, progress=False):
            logits[:, rows, columns] = part.cpu()
        apart = (logits - whole).abs().amax(dim=0).numpy()  # (H, W)
        for stretches, line in ((plan.rows, panels[0].axhline), (plan.columns, panels[0].axvline)):
            for stretch in stretches[1:]:
                line(stretch.first - 0.5, color="#E69F00", linewidth=1)
        show_mask(panels[1], logits.argmax(dim=0).numpy(), "mask of the tiles", num_classes)
        bare(panels[2])
        panels[2].imshow(np.maximum(apart, NOTHING), cmap="magma", norm=LogNorm(NOTHING, 10))
        panels[2].set_title("difference of logits (black: none)", fontsize=10)
        count = len(plan.rows) * len(plan.columns)
        shown = count * plan.shown[0] * plan.shown[1] / image.size
        other = int((logits.argmax(dim=0) != classes).sum())
        words = (
            f"{count} tiles; each pixel is looked at {shown:.1f} times on average. Largest difference of logits from the whole "
            f"image's: {apart.max():.1e}. Pixels with another class: {other} of {image.size}."
        )
        return figure, words

    largest = 96 if cell < 16 else 192  # more than the network sees needs no look

    def limits(tile, overlap, blend):
        return {"overlap": min(largest, tile - cell)}  # each tile must get on by a step at least

    controls = {
        "tile": slider("tile (px)", tile, min(tile, 144), max(tile, min(256, max(image.shape[:2]) // cell * cell)), cell),
        "overlap": slider("overlap (px)", 0, 0, largest, cell),
        "blend": dropdown("blend", list(BLENDS), "crop"),
    }
    return Explorer(
        controls, draw, "Which overlap makes all differences vanish? Is it another one for larger tiles?", limits=limits
    )
