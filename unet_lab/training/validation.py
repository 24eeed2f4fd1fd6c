"""Validation: whole images of any size, one confusion matrix."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from unet_lab.blocks import center_crop
from unet_lab.datasets.lazy_dataset import LazyDataset, close
from unet_lab.datasets.map_style import MapStyleDataset
from unet_lab.foreign import Geometry, class_logits, evaluating, geometry_of, main_output
from unet_lab.inference.predict import padded_logits
from unet_lab.inference.tiling import tiles
from unet_lab.losses import IGNORE
from unet_lab.metrics import fast_confusion_matrix
from unet_lab.training.batch_loss import BatchLoss
from unet_lab.training.device import memory_layout
from unet_lab.training.distributed import Workers
from unet_lab.training.matching import TrainingSet, known_sizes, matching_dataset


@torch.no_grad()
def evaluate(model: nn.Module, dataset: Any, batch_size: int = 8) -> tuple[float, Any]:
    """Mean cross entropy per judged pixel (nats), and the confusion matrix summed over all images of `dataset`.

    Whole images are judged, whatever their sizes; those that the network cannot halve are padded by reflection, as `predict`
    does; those that stay in their files (`LazyDataset`) tile by tile, as `predict_tiled` does. Every part of the model is left in
    the mode it was in. Raises ValueError where channels or classes do not fit.

    Of a dataset whose masks hold labels (K, H, W): the mean cross entropy per judged pixel and label, and a confusion matrix for
    each label, (K, 2, 2), of probabilities from 0.5 up. Of values: the mean squared error, and None.
    """
    dataset = matching_dataset(dataset, model, "validation")
    total, counted, matrix = totals(model, dataset, batch_size)
    return total / max(counted, 1), matrix


def totals(model: nn.Module, dataset: TrainingSet, batch_size: int) -> tuple[float, int, np.ndarray | None]:
    """The loss summed over all images, over how many pixels, and the confusion matrix (None for values)."""
    total, counted, matrix = 0.0, 0, no_counts(dataset)
    loss = BatchLoss(None, "sum", dataset.target)
    with evaluating(model):
        for _, out, mask in outputs(model, dataset, batch_size):  # (N, num_classes, H', W'), (N, H, W) or (N, K, H, W)
            mask = center_crop(mask.to(out.device), (out.shape[-2], out.shape[-1]))  # (N, H', W'), or (N, K, H', W')
            judged = ~mask.isnan() if dataset.target == "values" else mask != IGNORE
            counted += int(judged.sum())
            if bool(judged.any()):
                total += loss(out, mask).item()
            if matrix is not None:
                matrix += counts(out, mask, dataset)
    return total, counted, matrix


def outputs(model: nn.Module, dataset: TrainingSet, batch_size: int) -> Iterator[tuple[int, Tensor, Tensor]]:
    """The number of the first image of a batch, what the network gives for it, and its masks; of an image in a file, by tiles."""
    if isinstance(dataset, LazyDataset):
        for number, pair in enumerate(dataset.pairs):
            for part in tiles(model, pair.image, progress=False):
                mask = torch.from_numpy(pair.mask[part.rows, part.columns].astype(np.int64))
                yield number, part.logits[None], mask[None]
            close(pair)
        return
    sizes = set() if isinstance(dataset, MapStyleDataset) else known_sizes(dataset)  # of your own, only some were read
    geometry = geometry_of(model)
    fits = len(sizes) == 1 and all(geometry.nearest_sizes(side) == [side] for side in next(iter(sizes)))
    batch_size = batch_size if len(sizes) == 1 else 1
    for number, (image, mask, *_) in enumerate(DataLoader(dataset, batch_size)):
        yield number * batch_size, output_of(model, image, None if fits else geometry, dataset.target), mask


@torch.no_grad()
def evaluate_each(model: nn.Module, dataset: Any) -> np.ndarray:
    """The confusion matrix of each image by itself, int64 (images, num_classes, num_classes), for intervals over images.

    Raises ValueError for masks that hold labels or values.
    """
    dataset = matching_dataset(dataset, model, "test")
    if dataset.target != "classes":
        raise ValueError(f"the test masks hold {dataset.target}; confusion matrices are of classes. Judge them by evaluate(…).")
    matrices = np.zeros((len(dataset), dataset.num_classes, dataset.num_classes), np.int64)
    with evaluating(model):
        for number, logits, mask in outputs(model, dataset, 1):  # (1, num_classes, H', W')
            matrices[number] += counts(logits, center_crop(mask, (logits.shape[-2], logits.shape[-1])), dataset)
    return matrices


def no_counts(dataset: TrainingSet) -> np.ndarray | None:
    """The confusion matrix of no images: (num_classes, num_classes), for labels (K, 2, 2), for values None."""
    shapes = {"classes": (dataset.num_classes, dataset.num_classes), "labels": (dataset.num_classes, 2, 2)}
    return np.zeros(shapes[dataset.target], np.int64) if dataset.target in shapes else None


def counts(out: Tensor, mask: Tensor, dataset: TrainingSet) -> np.ndarray:
    """The confusion matrix of a batch; of labels one for each."""
    if dataset.target == "classes":
        return fast_confusion_matrix(mask.cpu().numpy(), out.max(dim=1).indices.cpu().numpy(), dataset.num_classes)
    truths, found = mask.cpu().numpy(), (out >= 0).long().cpu().numpy()  # a logit from 0 up: a probability from 0.5 up
    return np.stack([fast_confusion_matrix(truths[:, k], found[:, k], 2) for k in range(dataset.num_classes)])


def output_of(model: nn.Module, image: Tensor, geometry: Geometry | None, target: str) -> Tensor:
    """Logits float32 for a batch of standardised images (N, C, H, W); padded and cropped by the geometry, where that is given."""
    read = class_logits if target == "classes" else main_output
    like = next(model.parameters(), torch.zeros(()))
    image = image.to(like.device, memory_format=memory_layout(like.device))
    return read(model(image)).float() if geometry is None else padded_logits(model, image, geometry, read)


def evaluate_together(
    model: nn.Module, dataset: TrainingSet, batch_size: int, workers: Workers
) -> tuple[float, np.ndarray | None]:
    """Like `evaluate`, each worker its share of the images; all get the whole result."""
    if workers.size == 1:
        return evaluate(model, dataset, batch_size)
    mine = workers.shard(range(len(dataset)))
    total, counted, matrix = totals(model, dataset.subset(mine), batch_size) if mine else (0.0, 0, no_counts(dataset))
    cells = [] if matrix is None else list(map(float, matrix.ravel()))
    total, pixels, *cells = workers.all_reduce(total, float(counted), *cells)
    if matrix is not None:
        matrix = np.array(cells).round().astype(np.int64).reshape(matrix.shape)
    return total / max(pixels, 1), matrix
