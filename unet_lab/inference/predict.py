"""From any image to a mask of its size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from unet_lab.datasets.pairs import standardise
from unet_lab.geometry import nearest_sizes, output_size


def predict(model: nn.Module, image: np.ndarray) -> np.ndarray:
    """Segment one grey image of any size with any U-Net.

    The image is standardised, padded by reflection to a size that the network can halve, and the result cropped back.

    Parameters
    ----------
    model : returns logits (N, num_classes, H, W); used in evaluation mode and left in the mode it was in.
    image : (H, W) numbers, finite.

    Returns uint8 (H, W) class indices. Raises ValueError for another shape or NaN, and OutOfMemory; large images take
    `predict_tiled`.
    """
    return predict_logits(model, image).argmax(dim=0).to(torch.uint8).cpu().numpy()


# fmt: off
@torch.inference_mode()
def predict_logits(model: nn.Module, image: np.ndarray) -> Tensor:
    """Like `predict`, but returns the logits, float32 (num_classes, H, W), on the model's device."""
    image = standardise(image)
    height, width = image.shape
    settings = getattr(model, "settings", {})
    depth, padding = settings.get("depth", 4), settings.get("padding", "same")
    around = [borders(size, depth, padding) for size in image.shape]
    padded = np.pad(image, around, mode="reflect")
    x = torch.from_numpy(padded)[None, None].to(next(model.parameters()).device)  # (1, 1, H + border, W + border)
    was_training = model.training
    model.eval()
    try:
        with explaining_memory("segmenting an image", "predict_tiled, which needs memory for one tile only"):
            logits = model(x)[0].float()                                          # (C, H' >= H, W' >= W)
    finally:
        model.train(was_training)
    if padding == "same":
        return logits[:, around[0][0] :, around[1][0] :][:, :height, :width]      # (C, H, W)
    return logits[:, :height, :width]                                             # (C, H, W)
# fmt: on


def borders(size: int, depth: int, padding: str) -> tuple[int, int]:
    """How many pixels to add before and after an image's height or width, so that the output covers it.

    With valid padding the output is the middle of the input; the border before is then just what the network eats.
    """
    needed = nearest_sizes(size, depth, padding)[-1]
    if padding == "same":
        before = (needed - size) // 2
        return before, needed - size - before
    while output_size(needed, depth, padding) < size:
        needed = nearest_sizes(needed + 1, depth, padding)[-1]
    before = (needed - output_size(needed, depth, padding)) // 2
    return before, needed - size - before


class OutOfMemory(MemoryError):
    """Memory ran out in a training or a prediction."""


@contextmanager
def explaining_memory(doing: str, way_out: str) -> Iterator[None]:
    """Turn PyTorch's ways to run out of memory into one error that says what was being done, and the way out."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        signs = ("alloc", "out of memory", "not enough memory")
        if isinstance(error, RuntimeError) and not any(sign in str(error).lower() for sign in signs):
            raise
        raise OutOfMemory(f"memory ran out while {doing}. Way out: {way_out}.") from None
