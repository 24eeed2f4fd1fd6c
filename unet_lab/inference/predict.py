"""From any image to a mask of its size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from unet_lab.datasets.standardise import standardise
from unet_lab.foreign import Geometry, class_logits, evaluating, geometry_of, input_channels, main_output
from unet_lab.inference.out_of_memory import explaining_memory


def predict(model: nn.Module, image: np.ndarray) -> np.ndarray:
    """Segment one image of any size with any U-Net, or any other network that gives logits.

    The image is standardised, padded by reflection to a size that the network can halve, and the result cropped back.

    Parameters
    ----------
    model : gives logits (N, num_classes, H, W); used in evaluation mode, every part left in the mode it was in.
    image : (H, W) or (H, W, C) numbers, finite; C as many channels as the model takes.

    Returns uint8 (H, W) class indices. Raises ValueError for another shape, another number of channels or NaN, and
    OutOfMemory; large images take `predict_tiled`.
    """
    classes = predict_logits(model, image).max(dim=0).indices  # what argmax gives, seven times as fast on a CPU
    return classes.to(torch.uint8).cpu().numpy()


# fmt: off
def predict_labels(model: nn.Module, image: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """Like `predict`, for a network of labels, of which a pixel may have several: uint8 (K, H, W), 1 where a label is.

    threshold : from which probability (the logit's sigmoid) on a label is there, 0 to 1.
    """
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold is {threshold!r}; allowed are probabilities, 0 to 1.")
    return (predict_values(model, image).sigmoid() >= threshold).to(torch.uint8).cpu().numpy()


def predict_values(model: nn.Module, image: np.ndarray) -> Tensor:
    """What the network itself gives for an image of any size, float32 (K, H, W): distances or heights, where it learnt those."""
    return predict_logits(model, image, read=main_output)


@torch.inference_mode()
def predict_logits(
    model: nn.Module, image: np.ndarray, dropout: bool = False, read: Callable[[object], Tensor] = class_logits
) -> Tensor:
    """Like `predict`, but returns the logits, float32 (num_classes, H, W), on the model's device.

    dropout : True leaves dropout on, as in training; each call then draws another network (Monte Carlo dropout, Gal and
    Ghahramani 2016): torch.stack([predict_logits(model, image, dropout=True).softmax(0) for _ in range(20)]).std(0).
    """
    image = standardise(image)                                               # (H, W) or (H, W, C), float32
    channels = check_channels(model, image.shape)
    x = torch.from_numpy(image.reshape(*image.shape[:2], channels))          # (H, W, C)
    x = x.permute(2, 0, 1)[None].contiguous()                                # (1, C, H, W)
    way_out = "predict_tiled, which needs memory for one tile only"
    with evaluating(model, dropout), explaining_memory("segmenting an image", way_out):
        return padded_logits(model, x, geometry_of(model), read)[0]                # (num_classes, H, W)


def padded_logits(model: nn.Module, x: Tensor, geometry: Geometry, read: Callable[[object], Tensor] = class_logits) -> Tensor:
    """Logits float32 (N, num_classes, H, W) for standardised images (N, C, H, W) of any size: padded, and cropped back."""
    height, width = x.shape[-2:]
    around = [borders(size, geometry) for size in (height, width)]
    padded = np.pad(x.cpu().numpy(), [(0, 0), (0, 0), *around], mode="reflect")
    like = next(model.parameters(), torch.zeros(()))
    x = torch.from_numpy(padded).to(like.device, like.dtype)                 # (N, C, H + border, W + border)
    logits = read(model(x)).float()                                          # (N, num_classes, H' >= H, W' >= W)
    lost = (padded.shape[-1] - logits.shape[-1]) // 2                        # with valid padding: what it takes off
    top, left = around[0][0] - lost, around[1][0] - lost
    return logits[..., top : top + height, left : left + width]              # (N, num_classes, H, W)
# fmt: on


def check_channels(model: nn.Module, shape: tuple[int, ...]) -> int:
    """The number of channels of an image (H, W) or (H, W, C), once it is sure that the network takes as many.

    Raises ValueError, with the constructor call that would fit.
    """
    given, taken = (shape[2] if len(shape) == 3 else 1), input_channels(model)
    if given != taken:
        first = len(shape) == 3 and shape[0] in (1, taken)
        grey = " Or take its grey values: image.mean(axis=2)." if taken == 1 else ""
        grey = " Channels come last: np.moveaxis(image, 0, -1)." if first else grey
        raise ValueError(
            f"the image has {given} channel{'s' if given > 1 else ''}, and the network takes {taken}. Train one that takes "
            f"{given}: UNet(in_channels={given}, …).{grey}"
        )
    return given


def borders(size: int, geometry: Geometry) -> tuple[int, int]:
    """How many pixels to add before and after an image's height or width, so that the output covers it.

    With valid padding the output is the middle of the input; the border before is then just what the network takes off.
    """
    needed = geometry.nearest_sizes(size)[-1]
    while geometry.output_size(needed) < size:
        needed = geometry.nearest_sizes(needed + 1)[-1]
    lost = needed - geometry.output_size(needed)
    before = lost // 2 if lost else (needed - size) // 2
    return before, needed - size - before
