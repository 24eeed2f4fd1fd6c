"""Does the answer move when the image moves?"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from unet_lab.datasets.standardise import channels_first, standardise
from unet_lab.foreign import evaluating, geometry_of, main_output
from unet_lab.inspection.activations import as_input
from unet_lab.unet import UNet


# fmt: off
def shift_difference(
    model: nn.Module, image: np.ndarray, down: int = 0, right: int = 0, margin: int | None = None, largest: int = 32
) -> tuple[Tensor, Tensor]:
    """Logits of the same piece of an image, seen in a window and in the same window moved by `down`, `right` pixels.

    A network that is equivariant to translation gives the same twice. Both windows are cut out of one larger image, so that
    nothing moves in from outside, and `margin` pixels at the windows' borders are left out, where padding is seen. A U-Net of
    depth d is equivariant to shifts by multiples of 2**d, the width of its pooling grid, and to no others.

    Parameters
    ----------
    image : (H, W) or (H, W, C); windows have (H - largest, W - largest) pixels, which the network must accept.
    down, right : 0 to `largest` pixels. margin : as wide as the network can see, `model.reach()`, where None.

    Returns two tensors (num_classes, h, w) for the same pixels of the image: window at rest, window moved.
    """
    if margin is None:
        margin = margin_of(model)
    for name, value in (("down", down), ("right", right)):
        if not (isinstance(value, int) and 0 <= value <= largest):
            raise ValueError(f"{name} is {value!r}; allowed are whole numbers from 0 to {largest} (pixels).")
    height, width = (s - largest for s in np.shape(image)[:2])
    if min(height, width) - max(down, right) - 2 * margin < 1:
        raise ValueError(
            f"nothing is left of an image {np.shape(image)}: windows are {height} x {width}, and a margin of {margin} is cut off "
            f"on each side. Take a larger image, or a smaller margin."
        )
    whole = channels_first(standardise(image))                                         # (C, H, W): once, for both windows
    windows = np.stack([whole[:, :height, :width], whole[:, down : down + height, right : right + width]])
    with torch.inference_mode(), evaluating(model):
        rest, moved = main_output(model(as_input(model, torch.from_numpy(windows))))            # (K, h, w) each
    inside_rest = rest[:, margin + down : height - margin, margin + right : width - margin]
    inside_moved = moved[:, margin : height - margin - down, margin : width - margin - right]
    return inside_rest, inside_moved
# fmt: on


def margin_of(model: nn.Module) -> int:
    """How far a network can see, in pixels: a U-Net's own answer, or as measured."""
    own = geometry_of(model)
    return own.reach() if isinstance(own, UNet) else own.tile_margin()
