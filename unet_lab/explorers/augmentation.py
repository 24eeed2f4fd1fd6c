"""Explorer: change image and mask together, and see the grid that moves them."""

from __future__ import annotations

import numpy as np
import torch

from unet_lab.datasets.augmentation import Augmentation, _Draws, warp
from unet_lab.datasets.standardise import channels_first, standardise
from unet_lab.explorers.base import Explorer, checkbox, float_slider, slider
from unet_lab.plots.figure import panel_row
from unet_lab.plots.images import show_image, show_mask

LINES = 16  # pixels between the lines of the grid that is drawn


def explore_augmentation(image: np.ndarray, mask: np.ndarray, num_classes: int = 3) -> Explorer:
    """Sliders for every change; the pair before and after, and a grid of straight lines after the same displacement."""
    before = torch.from_numpy(channels_first(standardise(image)))[None]  # (1, C, H, W)
    truth = torch.from_numpy(mask.astype(np.int64))[None]  # (1, H, W)
    rows, columns = (torch.arange(n) % LINES < 2 for n in mask.shape)
    lines = (rows[:, None] | columns).float()[None, None]  # (1, 1, H, W)

    def draw(seed, flip, **amounts):
        how = Augmentation(flip=flip, shading=0.0, **amounts)
        draws = [_Draws(how, seed, mask.shape)]
        places = how.places(draws, mask.shape)
        changed, labels = warp(before, truth, places)
        changed = how.grey(changed, draws)
        grid, _ = warp(lines, truth, places)
        alt = "An image with its mask; the same pair changed; and a grid of straight lines bent by the same displacements."
        figure, panels = panel_row((1, 1, 1, 1, 1), 2.6, alt, gap=0.06)
        show_image(panels[0], image, "image")
        show_mask(panels[1], mask, "mask", num_classes)
        show_image(panels[2], changed[0].permute(1, 2, 0).squeeze(2).numpy(), "image, changed")
        show_mask(panels[3], labels[0].numpy(), "mask, changed", num_classes)
        show_image(panels[4], 1 - grid[0, 0].numpy(), "the grid that moved both")
        share = [(m == k).mean() for m in (mask, labels[0].numpy()) for k in range(num_classes)]
        moved = (places - Augmentation(elastic=0).places([_Still()], mask.shape))[0] * torch.tensor(mask.shape[::-1]) / 2
        words = (
            f"Pixels move by {moved.norm(dim=-1).mean():.1f} on average. Shares of the classes "
            f"{' / '.join(f'{s:.0%}' for s in share[:num_classes])} before, "
            f"{' / '.join(f'{s:.0%}' for s in share[num_classes:])} after. Labels after: {torch.unique(labels).tolist()}."
        )
        return figure, words

    controls = {
        "elastic": float_slider("elastic (px, std)", 10.0, 0.0, 40.0, 1.0),
        "rotation": float_slider("rotation (°, at most)", 0.0, 0.0, 180.0, 5.0),
        "zoom": float_slider("zoom (share, at most)", 0.0, 0.0, 0.5, 0.05),
        "gamma": float_slider("gamma (log, at most)", 0.0, 0.0, 1.5, 0.1),
        "noise": float_slider("noise (std, at most)", 0.0, 0.0, 2.0, 0.1),
        "blur": float_slider("blur (px, at most)", 0.0, 0.0, 6.0, 0.5),
        "cutout": float_slider("cut-out (share of side)", 0.0, 0.0, 0.6, 0.05),
        "flip": checkbox("mirror images", False),
        "seed": slider("seed", 0, 0, 50),
    }
    help_line = "From which elastic strength on is it a cell no more? A change teaches as long as you would still draw this mask."
    return Explorer(controls, draw, help_line)


class _Still:
    """No change at all: what displacements are measured from."""

    matrix = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
