"""What a training run shows of itself: all that the doctor is told, and all that you would look at."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from unet_lab.foreign import main_output


@dataclass
class Symptoms:
    """Of one run. Whatever is not known stays empty; the doctor then says less.

    losses, gradient_norms : of every step. validation_losses : (steps so far, loss of the validation images), after each epoch.
    label_values : values in the masks that the loss was given, with their pixels.
    training_inputs, predicted_inputs : mean and standard deviation of what the network was given,
        while training and when it predicted.
    masks : (N, H, W), some that were learnt from. logits, truths : (N, C, H, W) and (N, H, W) of validation images.
    matrices : a confusion matrix of the validation images for each epoch, rows the truth. reported : the score that the run
    shows. neighbours_matter : how far an image's logits move when its neighbours in the batch change, as the run predicts.
    norm_updates : how often batch norm's running statistics were updated. training_images, validation_images : fingerprints.
    size : height and width of the input. halvings : poolings of the network. error : the words with which it stopped.
    """

    losses: list[float] = field(default_factory=list)
    gradient_norms: list[float] = field(default_factory=list)
    validation_losses: list[tuple[int, float]] = field(default_factory=list)
    label_values: dict[int, int] = field(default_factory=dict)
    num_classes: int = 3
    training_inputs: tuple[float, float] | None = None
    predicted_inputs: tuple[float, float] | None = None
    masks: np.ndarray | None = None
    logits: np.ndarray | None = None
    truths: np.ndarray | None = None
    matrices: list[np.ndarray] = field(default_factory=list)
    reported: str = "macro IoU"
    neighbours_matter: float | None = None
    norm_updates: int | None = None
    training_images: tuple[str, ...] = ()
    validation_images: tuple[str, ...] = ()
    size: tuple[int, int] | None = None
    halvings: int | None = None
    error: str = ""

    def note_labels(self, mask: Tensor) -> None:
        """Count the values of a batch of masks."""
        values, counts = torch.unique(mask, return_counts=True)
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            self.label_values[int(value)] = self.label_values.get(int(value), 0) + count


def fingerprint(image: np.ndarray) -> str:
    """The same for two images with the same pixels."""
    image = np.ascontiguousarray(image)
    return hashlib.sha256(repr((image.shape, image.dtype.str)).encode() + image.tobytes()).hexdigest()


def norm_updates(model: nn.Module) -> int | None:
    """How often the batch norms took a batch into their running statistics; None where there is none."""
    counts = [int(m.num_batches_tracked) for m in model.modules() if getattr(m, "num_batches_tracked", None) is not None]
    return min(counts) if counts else None


@torch.no_grad()
def neighbours_matter(model: nn.Module, images: Tensor) -> float:
    """Largest change of the first image's logits when the other images of its batch are exchanged for noise, in the mode that the
    model is in. Batch norm in training mode looks at the whole batch; its running statistics are put back."""
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    try:
        others = images.clone()
        others[1:] = 3 * torch.randn(others[1:].shape, generator=torch.Generator().manual_seed(0)).to(others)
        return float((main_output(model(images))[0] - main_output(model(others))[0]).abs().max())
    finally:
        model.load_state_dict(kept)
