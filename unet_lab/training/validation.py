"""Validation: whole images of any size, one confusion matrix."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from unet_lab.blocks import center_crop
from unet_lab.datasets.pairs import SegmentationDataset
from unet_lab.foreign import Geometry, class_logits, evaluating, geometry_of
from unet_lab.inference.predict import padded_logits
from unet_lab.losses import IGNORE, cross_entropy
from unet_lab.metrics import fast_confusion_matrix
from unet_lab.training.device import memory_layout
from unet_lab.training.distributed import Workers
from unet_lab.training.settings import check_fit


@torch.no_grad()
def evaluate(model: nn.Module, dataset: SegmentationDataset, batch_size: int = 8) -> tuple[float, np.ndarray]:
    """Mean cross entropy per judged pixel (nats), and the confusion matrix summed over all images of `dataset`.

    Whole images are judged, whatever their sizes; those that the network cannot halve are padded by reflection, as `predict`
    does. Every part of the model is left in the mode it was in. Raises ValueError where channels or classes do not fit.
    """
    check_fit(model, dataset, "validation")
    matrix, total = np.zeros((dataset.num_classes, dataset.num_classes), np.int64), 0.0
    sizes = {pair.mask.shape for pair in dataset.pairs}
    geometry = geometry_of(model)
    fits = len(sizes) == 1 and all(geometry.nearest_sizes(side) == [side] for side in next(iter(sizes)))
    with evaluating(model):
        for image, mask, *_ in DataLoader(dataset, batch_size if len(sizes) == 1 else 1):
            logits = logits_of(model, image, None if fits else geometry)  # (N, num_classes, H', W')
            mask = center_crop(mask.to(logits.device), (logits.shape[-2], logits.shape[-1]))  # (N, H', W')
            if bool((mask != IGNORE).any()):
                total += cross_entropy(logits, mask, reduction="sum").item()
            matrix += fast_confusion_matrix(mask.cpu().numpy(), logits.argmax(dim=1).cpu().numpy(), dataset.num_classes)
    return total / max(int(matrix.sum()), 1), matrix


def logits_of(model: nn.Module, image: Tensor, geometry: Geometry | None) -> Tensor:
    """Logits float32 for a batch of standardised images (N, C, H, W); padded and cropped by the geometry, where that is given."""
    like = next(model.parameters(), torch.zeros(()))
    image = image.to(like.device, memory_format=memory_layout(like.device))
    return class_logits(model(image)).float() if geometry is None else padded_logits(model, image, geometry)


def evaluate_together(
    model: nn.Module, dataset: SegmentationDataset, batch_size: int, workers: Workers
) -> tuple[float, np.ndarray]:
    """Like `evaluate`, each worker its share of the images; all get the whole result."""
    mine = workers.shard(range(len(dataset)))
    loss, matrix = 0.0, np.zeros((dataset.num_classes, dataset.num_classes), np.int64)
    if mine:
        loss, matrix = evaluate(model, dataset.subset(mine), batch_size)
    if workers.size == 1:
        return loss, matrix
    total, *counts = workers.all_reduce(loss * int(matrix.sum()), *map(float, matrix.ravel()))
    matrix = np.array(counts).round().astype(np.int64).reshape(matrix.shape)
    return total / max(int(matrix.sum()), 1), matrix
