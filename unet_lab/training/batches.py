"""The order of an epoch, this worker's part of each batch, and the seeds of everything random in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from unet_lab.datasets.patches import Patches
from unet_lab.training.distributed import Workers
from unet_lab.training.sampling import epoch_batches
from unet_lab.training.settings import TrainingSettings

EPOCH_STRIDE, RANK_STRIDE = 100_003, 1_000_003  # primes: seeds of epochs and of workers do not meet


def epoch_seed(seed: int, epoch: int) -> int:
    """The seed of an epoch's order."""
    return seed * EPOCH_STRIDE + epoch


def image_seed(seed: int, epoch: int, image: int) -> int:
    """A seed for every image in every epoch, whichever worker or batch it comes to."""
    return int(np.random.SeedSequence([seed, epoch, image]).generate_state(1, np.uint32)[0])


def collate(samples: Sequence[tuple[Tensor, ...]], empty: Sequence[Tensor]) -> Sequence[Tensor]:
    """A batch (n, C, H, W), (n, H, W), and (n, H, W) weights where there are any; `empty` for a worker without a share in it."""
    sizes = {tuple(sample[0].shape[-2:]) for sample in samples}
    if len(sizes) > 1:
        shown = " and ".join("{} x {}".format(*size) for size in sorted(sizes))
        raise ValueError(f"a batch holds images of {shown} pixels, and needs one size. Draw patches: patch=96; or batch_size=1.")
    return default_collate(list(samples)) if samples else empty


class EpochLoader:
    """What an epoch learns from: batches, augmented, on the device, from any place in the epoch on."""

    def __init__(self, training: Dataset, settings: TrainingSettings, workers: Workers):
        self.settings, self.workers = settings, workers
        self.training: Dataset = training
        self.count = len(training)  # type: ignore[arg-type]
        self.target = getattr(training, "target", "classes")
        first: Any = 0
        if settings.patch is not None:
            self.training, first = Patches(training, settings.patch, settings.foreground), (0, 0)  # type: ignore[arg-type]
        self.empty: list[Tensor] = []
        if workers.size > 1:  # the last, small batch may have no image for this one
            self.empty = [torch.zeros(0, *part.shape, dtype=part.dtype) for part in self.training[first]]

    def order(self, epoch: int) -> list[list[int]]:
        """The images of each batch of an epoch, for all workers together."""
        told = self.settings
        return epoch_batches(self.count, told.batch_size, epoch_seed(told.seed, epoch), told.sampling)

    def seeds(self, epoch: int) -> list[list[int]]:
        """The seed of each image of each batch; of one that `sampling` drew again, another one each time."""
        drawn: Counter[int] = Counter()
        seeds: list[list[int]] = []
        for batch in self.order(epoch):
            seeds.append([])
            for image in batch:
                seeds[-1].append(image_seed(self.settings.seed, epoch, image + self.count * drawn[image]))
                drawn[image] += 1
        return seeds

    def batches(self, epoch: int, position: int) -> Iterator[Sequence[Tensor]]:
        """This worker's part of each batch from the one numbered `position` on: (n, C, H, W), (n, H, W), perhaps weights."""
        mine = [self.workers.shard(batch) for batch in self.order(epoch)[position:]]
        seeds = [self.workers.shard(batch) for batch in self.seeds(epoch)[position:]]
        asked: list[list[Any]] = list(mine)
        if self.settings.patch is not None:
            asked = [list(zip(*both, strict=True)) for both in zip(mine, seeds, strict=True)]
        own = torch.Generator().manual_seed(self.settings.seed)  # else the loader would draw from dropout's random state
        loader = DataLoader(
            self.training,
            batch_sampler=asked,
            num_workers=self.settings.workers,
            generator=own,
            collate_fn=partial(collate, empty=self.empty),
        )
        try:
            for batch, of_images in zip(loader, seeds, strict=True):
                yield self.augmented(batch, of_images)
        except RuntimeError as error:
            if "exited unexpectedly" not in str(error) and "bootstrapping" not in str(error):
                raise
            raise RuntimeError(
                f"a process that prepares batches ended (workers={self.settings.workers}). In a script on Windows or macOS put "
                f"the call below `if __name__ == '__main__':`, for each of these processes reads the script; or take workers=0."
            ) from error

    def augmented(self, batch: Sequence[Tensor], seeds: list[int]) -> Sequence[Tensor]:
        """The batch on the device, changed by the augmentation where there is one."""
        device = self.settings.torch_device
        if self.settings.augmentation is None or not len(batch[0]):
            return batch
        image, mask, *weights = (part.to(device) for part in batch)
        changed = self.settings.augmentation(image, mask, seeds, *weights)
        if len(changed) != len(batch):
            raise ValueError(
                f"the augmentation returned {len(changed)} tensors and was given {len(batch)}; with weights it must return "
                f"images, masks and weights."
            )
        return changed
