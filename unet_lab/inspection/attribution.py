"""Why here? Two ways to ask which part of the image an answer rests on; they need not agree."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor, nn

from unet_lab.foreign import class_logits, evaluating
from unet_lab.inspection.activations import as_input
from unet_lab.inspection.fields import effective_receptive_field


def saliency(model: nn.Module, image: np.ndarray | Tensor, place: tuple[int, int], class_index: int | None = None) -> np.ndarray:
    """|d logit / d pixel| for one output pixel: which greys, changed a very little, would change this answer most.

    Simonyan, Vedaldi and Zisserman 2013 ("Deep Inside Convolutional Networks"), for one output pixel instead of one image.
    Returns float32 (H, W). class_index: None takes the class that wins there.
    """
    return effective_receptive_field(model, image, place, class_index=class_index)["input"]


# fmt: off
def occlusion(
    model: nn.Module,
    image: np.ndarray | Tensor,
    patch: int = 12,
    batch_size: int = 16,
    progress: Callable[[Iterable], Iterable] = iter,
) -> np.ndarray:
    """Cover the image with a grey patch, place after place, and see how much surer or less sure each pixel gets.

    Zeiler and Fergus 2014 ("Visualizing and Understanding Convolutional Networks"), for all output pixels at once. The patch has
    the image's mean grey (0, since the image is standardised) and moves by its own width.

    Parameters
    ----------
    patch : width of the patch in pixels, 1 to the image's width.
    progress : wraps the loop over batches of patches, `tqdm` say.

    Returns float32 (rows, columns, H, W): how far the probability of the class that won at a pixel (H, W) falls when the patch
    of that row and column is covered; negative where it rises.
    """
    x = as_input(model, image)[:1]                                              # (1, C, H, W)
    height, width = x.shape[-2:]
    if not (isinstance(patch, int) and 1 <= patch <= min(height, width)):
        raise ValueError(f"patch is {patch!r}; allowed are whole numbers from 1 to {min(height, width)} (pixels).")
    rows, columns = range(0, height, patch), range(0, width, patch)
    corners = [(row, column) for row in rows for column in columns]
    fallen = []
    with torch.inference_mode(), evaluating(model):
        before = class_logits(model(x)).float().softmax(dim=1)                  # (1, K, H, W)
        winner = before.argmax(dim=1, keepdim=True)                             # (1, 1, H, W)
        before = before.gather(1, winner)                                       # (1, 1, H, W)
        for start in progress(range(0, len(corners), batch_size)):
            part = corners[start : start + batch_size]
            covered = x.repeat(len(part), 1, 1, 1)                              # (N, C, H, W)
            for each, (row, column) in zip(covered, part, strict=True):
                each[:, row : row + patch, column : column + patch] = 0
            after = class_logits(model(covered)).float().softmax(dim=1)         # (N, K, H, W)
            fallen.append((before - after.gather(1, winner.expand(len(part), -1, -1, -1)))[:, 0].cpu())
    return torch.cat(fallen).view(len(rows), len(columns), height, width).numpy()
# fmt: on


def ring_means(heat: np.ndarray, place: tuple[int, int]) -> np.ndarray:
    """What of a heat map is distance alone: at every pixel the mean over all pixels as far from `place`, float64 (H, W).

    Distances are rounded to whole pixels. `heat / ring_means(heat, place)` is above 1 where the map is hotter than distance
    explains. Any network of convolutions gives heat that falls with distance, trained or not; a map says something of what was
    learnt where it differs from its rings.
    """
    rows, columns = np.indices(heat.shape)
    ring = np.hypot(rows - place[0], columns - place[1]).round().astype(np.int64)
    means = np.bincount(ring.ravel(), heat.ravel()) / np.maximum(np.bincount(ring.ravel()), 1)
    return means[ring]
