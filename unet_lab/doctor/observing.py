"""The symptoms of a network: what it makes of images, which of its channels are silent, whether its weights are numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from unet_lab.datasets.map_style import as_dataset
from unet_lab.datasets.pairs import SegmentationDataset
from unet_lab.doctor.findings import Finding
from unet_lab.doctor.symptoms import Symptoms, fingerprint, neighbours_matter, norm_updates
from unet_lab.foreign import class_logits, geometry_of
from unet_lab.metrics import confusion_matrix
from unet_lab.training.history import History

DEAD = "a channel that is zero everywhere carries nothing, and gets no gradient through its ReLU"


@torch.no_grad()
def observe(
    model: nn.Module,
    validation: SegmentationDataset,
    training: SegmentationDataset | None = None,
    history: History | None = None,
    limit: int = 16,
) -> Symptoms:
    """The symptoms of a network on these images, in the mode that it is in; of its training, what the history holds."""
    validation = as_dataset(validation, "validation")
    training = None if training is None else as_dataset(training, "training")
    few = validation.subset(range(min(limit, len(validation))))
    device = next(model.parameters()).device
    halvings = geometry_of(model).grid.bit_length() - 1
    symptoms = Symptoms(num_classes=validation.num_classes, size=few.pairs[0].image.shape, halvings=halvings)
    for pair in few.pairs:
        symptoms.note_labels(torch.from_numpy(np.asarray(pair.mask).astype(np.int64)))
    symptoms.validation_images = tuple(fingerprint(np.asarray(p.image)) for p in validation.pairs)
    if training is not None:
        symptoms.training_images = tuple(fingerprint(np.asarray(p.image)) for p in training.pairs)
    images, masks = stacked(few)
    symptoms.masks = masks.numpy()
    symptoms.predicted_inputs = float(images.mean()), float(images.std())
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    try:
        logits = class_logits(model(images.to(device))).float().cpu()
        if len(images) > 1:
            symptoms.neighbours_matter = neighbours_matter(model, images[:4].to(device))
    except ValueError as error:
        symptoms.error = str(error)
        return symptoms
    finally:
        model.load_state_dict(kept)  # batch norm in training mode has learnt from these
    top, left = ((masks.shape[k] - logits.shape[k + 1]) // 2 for k in (1, 2))  # valid padding loses a border
    truths = masks[:, top : top + logits.shape[2], left : left + logits.shape[3]]
    symptoms.logits, symptoms.truths = logits.numpy(), truths.numpy()
    symptoms.matrices = [confusion_matrix(truths.numpy(), logits.argmax(1).numpy(), logits.shape[1])]
    if history is not None:
        symptoms.losses = [report.loss for report in history.reports]
    elif norm_updates(model) == 0:  # never trained, or in evaluation mode only
        symptoms.losses, symptoms.norm_updates = [math.log(symptoms.num_classes)], 0
    return symptoms


def stacked(dataset: SegmentationDataset) -> tuple[Tensor, Tensor]:
    first = dataset.pairs[0].image.shape
    pairs = [dataset[k][:2] for k in range(len(dataset)) if dataset.pairs[k].image.shape == first]
    images, masks = zip(*pairs, strict=True)
    return torch.stack(images), torch.stack(masks)


def find_broken_weights(model: nn.Module) -> Iterator[Finding]:
    broken = tuple(name for name, value in model.state_dict().items() if not bool(torch.isfinite(value).all()))
    if broken:
        yield Finding(
            "weights that are no numbers",
            f"{len(broken)} of {len(model.state_dict())} tensors hold NaN or infinite values",
            broken,
            "one NaN spreads to every pixel; no training fixes it",
            "go back to an earlier checkpoint, and train on with a lower learning rate",
        )


@torch.no_grad()
def find_silent_channels(model: nn.Module, validation: SegmentationDataset, limit: int) -> Iterator[Finding]:
    """Layers of which most channels never answer to any of the images."""
    alive: dict[str, Tensor] = {}

    def listen(name: str):
        def hook(module, inputs, out):
            awake = (out != 0).flatten(2).any(dim=2).any(dim=0)
            alive[name] = alive.get(name, torch.zeros_like(awake)) | awake

        return hook

    hooks = [m.register_forward_hook(listen(n)) for n, m in model.named_modules() if isinstance(m, nn.ReLU)]
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    try:
        validation = as_dataset(validation, "validation")
        images, _ = stacked(validation.subset(range(min(limit, len(validation)))))
        model(images.to(next(model.parameters()).device))
    except ValueError:
        return  # a size that does not fit: `examine_run` says so
    finally:
        for hook in hooks:
            hook.remove()
        model.load_state_dict(kept)
    silent = tuple(n for n, awake in alive.items() if awake.float().mean() < 0.5)
    if silent:
        worst = min(alive, key=lambda n: float(alive[n].float().mean()))
        yield Finding(
            "silent channels",
            f"in {len(silent)} layers more than half of the channels are zero for every image; in {worst} "
            f"{1 - float(alive[worst].float().mean()):.0%}",
            silent,
            DEAD,
            "a lower learning rate from the start; batch norm before the ReLU; were the weights loaded that you meant?",
        )
