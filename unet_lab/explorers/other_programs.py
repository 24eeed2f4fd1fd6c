"""Explorer: the same weights in another program, which prepares the image in its own way."""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import nn

from unet_lab.datasets.generator.cells import generate_cell
from unet_lab.datasets.standardise import standardise
from unet_lab.explorers.base import Explorer, dropdown, slider
from unet_lab.foreign import evaluating, geometry_of
from unet_lab.metrics import confusion_matrix, scores
from unet_lab.plots.figure import panel_row
from unet_lab.plots.images import error_map, show_image, show_mask

SIZE = 160  # pixels of the cell
LEARNT = "as it learnt: mean 0, std 1"
PREPARATIONS = {
    LEARNT: standardise,
    "0 to 1: divided by 255": lambda image: image / np.float32(255),
    "0 to 255: as in the file": lambda image: image.astype(np.float32),
    "0 to 1: lowest to highest": lambda image: (image - image.min()) / max(1e-6, float(np.ptp(image))),
    "-1 to 1: lowest to highest": lambda image: 2 * (image - image.min()) / max(1e-6, float(np.ptp(image))) - 1,
    "black and white swapped": lambda image: -standardise(image),
    "smoothed, then mean 0, std 1": lambda image: standardise(gaussian_filter(image.astype(np.float32), 1.5)),
}
BORDERS = {"mirrored": "reflect", "black": "constant"}


def explore_preparation(model: nn.Module) -> Explorer:
    """One network and one cell; how another program scales the greys, and what it puts around an image that does not fit."""
    geometry = geometry_of(model)

    def segmented(image, preparation, border, crop):
        image = image[: image.shape[0] - crop, : image.shape[1] - crop]
        x = np.asarray(PREPARATIONS[preparation](image), np.float32)
        missing = -image.shape[0] % geometry.grid
        x = np.pad(x, ((0, missing), (0, missing)), mode=BORDERS[border])
        like = next(model.parameters(), torch.zeros(()))
        with evaluating(model), torch.no_grad():
            logits = model(torch.from_numpy(x)[None, None].to(like.device))[0]
        return image, logits.argmax(dim=0).cpu().numpy()[: image.shape[0], : image.shape[1]]

    def draw(seed, preparation, border, crop):
        cell = generate_cell(seed, SIZE)
        image, mask = segmented(cell.image, preparation, border, crop)
        truth = cell.mask[: image.shape[0], : image.shape[1]]
        _, learnt = segmented(cell.image, LEARNT, "mirrored", crop)
        figure, panels = panel_row((1, 1, 1, 1), 2.9, "Image, mask here, mask there, where they differ.", gap=0.06)
        show_image(panels[0], image, "image")
        show_mask(panels[1], learnt, "here, as it learnt")
        show_mask(panels[2], mask, "there")
        show_image(panels[3], error_map(image, learnt, mask), "where they differ")
        same = float((mask == learnt).mean())
        ious = [scores(confusion_matrix(truth, m), average="macro").iou for m in (learnt, mask)]
        words = (
            f"{same:.1%} of the pixels keep their class. Macro IoU {ious[0]:.3f} here, {ious[1]:.3f} there; no error, no warning."
        )
        return figure, words

    controls = {
        "seed": slider("cell (seed)", 3, 0, 40),
        "preparation": dropdown("greys scaled", list(PREPARATIONS), "0 to 1: divided by 255"),
        "border": dropdown("added around", list(BORDERS), "mirrored"),
        "crop": slider("cut off (pixels)", 7, 0, 15),
    }
    help_line = (
        "Which ways of scaling does the network survive, and which not? Cut a few pixels off: what does a black border do?"
    )
    return Explorer(controls, draw, help_line)
