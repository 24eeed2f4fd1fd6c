"""What a unit sees: the receptive field by formula, by gradient, and weighted by what the network makes of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from unet_lab.foreign import evaluating, input_channels, main_output, positive_twin
from unet_lab.inspection.activations import as_input, listening
from unet_lab.inspection.local_gradients import local_gradients
from unet_lab.unet import UNet


def receptive_field(layers: Sequence[tuple[int, ...]]) -> tuple[int, int]:
    """Width of what one unit sees behind a chain of layers, and the step between neighbouring units, both in pixels.

    layers : (kernel, stride) or (kernel, stride, dilation), in the order in which they are applied. Every layer adds
    (kernel - 1) * dilation steps of the grid that it works on; its stride widens the grid for those after it
    (Araujo, Norris and Sim 2019, "Computing Receptive Fields of Convolutional Neural Networks").

    >>> receptive_field([(3, 1), (3, 1)]), receptive_field([(3, 1), (3, 1), (2, 2), (3, 1)])
    ((5, 1), (10, 2))
    """
    width, step = 1, 1
    for layer in layers:
        kernel, stride, dilation = (*layer, 1)[:3]
        width += (kernel - 1) * dilation * step
        step *= stride
    return width, step


def measured_receptive_field(model: nn.Module, size: int, place: int, layer: str | None = None) -> tuple[int, int]:
    """First and last row of the input that row `place` of a layer depends on, found by gradient; no formula.

    On a copy of the network all weights are made positive, so that no two paths cancel and no ReLU closes, and max pooling, whose
    gradient goes to one pixel of four, is made average pooling, which looks at the same four. What is left with a gradient is
    what is seen.

    model : takes (1, C, size, size); ConvBlocks, convolutions, batch normalisation, ReLU and pooling. layer : a name in
    `model.named_modules()` with an output (N, C, H, W); the network's own output where None.
    """
    probe = positive_twin(model)
    x = torch.ones(1, input_channels(model), size, size, requires_grad=True)
    out = output_of(probe, x, layer)
    if not 0 <= place < out.shape[-2]:
        raise ValueError(f"place is {place}; this layer has rows 0 to {out.shape[-2] - 1} for an input of {size} pixels.")
    out[0, :, place].sum().backward()
    rows = x.grad.abs().sum(dim=(0, 1, 3)).nonzero()
    return int(rows.min()), int(rows.max())


def output_of(model: nn.Module, x: Tensor, layer: str | None) -> Tensor:
    heard = []
    with listening(model, [layer] if layer else [], lambda _, out: heard.append(out)):
        out = main_output(model(x))
    out = heard[0] if heard else out
    return out[1] if isinstance(out, tuple) else out  # an EncoderStage gives (x, skip)


def effective_receptive_field(
    model: nn.Module,
    image: np.ndarray | Tensor,
    place: tuple[int, int],
    layers: Iterable[str] = (),
    class_index: int | None = None,
) -> dict[str, np.ndarray]:
    """How much each pixel matters for one output pixel: |gradient|, at the input and at any layer on the way.

    The theoretical field says what could matter; this one says what does, for this network and this image (Luo et al. 2016,
    "Understanding the Effective Receptive Field in Deep Convolutional Neural Networks"; they average over many images).

    Parameters
    ----------
    place : (row, column) of the output pixel.
    layers : names of modules whose own field is wanted too; use stages and blocks (see `UNet`), not a convolution whose output
        a ReLU then changes in place.
    class_index : the logit that is followed; None follows the class that wins at that pixel.

    Returns float32 arrays (h, w) by name, summed over channels; the image's own is called "input".
    Raises ValueError for a place outside the output.
    """
    return FieldProbe(model, image, layers).fields(place, class_index)


class FieldProbe:
    """`effective_receptive_field` for many places of one image: the image goes through the network once, then each place costs
    one way back. Keeps the run's feature maps in memory."""

    def __init__(self, model: nn.Module, image: np.ndarray | Tensor, layers: Iterable[str] = ()):
        x = as_input(model, image).requires_grad_()
        self._tensors: dict[str, Tensor] = {"input": x}

        def keep(name: str, out) -> None:
            self._tensors[name] = out[1] if isinstance(out, tuple) else out

        with listening(model, layers, keep), torch.enable_grad(), evaluating(model), local_gradients(model):
            self._logits = main_output(model(x))[0]  # (C, H, W)

    def winner(self, place: tuple[int, int]) -> int:
        """The class that wins at (row, column). Raises ValueError outside the output."""
        row, column = place
        _, height, width = self._logits.shape
        if not (0 <= row < height and 0 <= column < width):
            raise ValueError(f"place is {place}; the output has {height} rows and {width} columns.")
        return int(self._logits[:, row, column].argmax())

    def fields(self, place: tuple[int, int], class_index: int | None = None) -> dict[str, np.ndarray]:
        """As `effective_receptive_field` returns them."""
        chosen = self.winner(place) if class_index is None else class_index
        if not 0 <= chosen < len(self._logits):
            raise ValueError(f"class_index is {class_index}; this network has classes 0 to {len(self._logits) - 1}.")
        tensors = self._tensors.values()
        logit = self._logits[chosen, place[0], place[1]]
        gradients = torch.autograd.grad(logit, list(tensors), retain_graph=True, allow_unused=True)
        gradients = [torch.zeros_like(t) if g is None else g for t, g in zip(tensors, gradients, strict=True)]
        return {name: g[0].abs().sum(dim=0).float().cpu().numpy() for name, g in zip(self._tensors, gradients, strict=True)}


def mass_width(field: np.ndarray, place: tuple[int, int], share: float = 0.5) -> int:
    """Width in pixels of the smallest square around `place` that holds `share` of the field's sum; odd, at least 1."""
    rows, columns = np.indices(field.shape)
    distance = np.maximum(abs(rows - place[0]), abs(columns - place[1]))
    mass = np.bincount(distance.ravel(), weights=field.ravel().astype(np.float64)).cumsum()
    if mass[-1] == 0:
        return 1
    return 2 * int(np.searchsorted(mass, share * mass[-1])) + 1


def stage_names(model: UNet) -> list[str]:
    """The names of a U-Net's stages from top left over the bottom to top right, for `layers=` above."""
    depth = len(model.encoder)
    return [*(f"encoder.{k}.block" for k in range(depth)), "bottleneck", *(f"decoder.{k}" for k in range(depth))]


# fmt: off
def encoder_field(place: int, level: int) -> tuple[int, int]:
    """First and last pixel that unit `place` of encoder block `level` sees, along one axis; `level` = depth is the bottleneck.

    With "same" padding; the field may reach beyond the border, into the padding.

    >>> encoder_field(0, 0), encoder_field(5, 1)
    ((-2, 2), (4, 17))
    """
    first, last = place - 2, place + 2                                    # two 3x3 convolutions
    for _ in range(level):
        first, last = 2 * first - 2, 2 * last + 1 + 2                     # one pooling, two convolutions before it
    return first, last
# fmt: on
