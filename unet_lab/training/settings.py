"""What a training is told: every setting with its default, checked once, before the first step."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path

import torch
from torch import Tensor, nn

from unet_lab.training.batch_loss import Loss, check_weights_and_loss
from unet_lab.training.device import best_device, bfloat16_is_faster
from unet_lab.training.distributed import Workers
from unet_lab.training.matching import (
    TrainingSet,
    check_augmentation,
    check_fit,
    check_norm,
    check_poolings,
    check_sizes,
    check_targets,
    check_workers,
)
from unet_lab.training.recipe import OPTIMIZERS, SCHEDULES, MakeOptimizer, MakeScheduler
from unet_lab.training.sampling import check_sampling

REDUCTIONS = ("mean", "sum")
PRECISIONS = ("auto", "float32", "bfloat16")


class Recipe(dict):
    """Settings by name. `**REPORT_RECIPE` hands them on, `REPORT_RECIPE.but(epochs=3)` with some of them changed."""

    def but(self, **changes) -> Recipe:
        """The same recipe with other values for some settings."""
        return Recipe(self | changes)


# The 2023 report's recipe (R10): fit(UNet.report(), training, validation, **REPORT_RECIPE)
REPORT_RECIPE = Recipe(epochs=100, batch_size=3, learning_rate=1e-3, reduction="sum", schedule="constant")


@dataclass(frozen=True)
class TrainingSettings:
    """All settings of `train` and `fit`. Raises ValueError, in words, for a value that is not allowed.

    Parameters
    ----------
    epochs, batch_size, learning_rate : whole numbers from 1 up; a number above 0.
    loss : a function of (logits, mask) that gives a scalar: from `unet_lab.losses` or your own; None is cross entropy. With pixel
        weights in the training set (`with_weights`) it gets them third, or as `weights=` where it has a parameter of that name.
    reduction : of cross entropy, "mean" or "sum" (the report's); with a loss of your own it must stay "mean".
    optimizer : "adam", "adamw", "sgd" (momentum 0.9, Nesterov), or a function of (parameters, learning rate).
    weight_decay, clip : of the named optimizers; the largest norm of all gradients together (None: not clipped).
    schedule : "one_cycle" (warm up, then anneal; Smith and Topin 2018), "constant" (the report's), "polynomial"
        (nnU-Net's: power 0.9), or a function of (optimizer, number of steps) that gives a scheduler stepped after every step.
    seed : of the order of the batches, of patches and of dropout; draw the weights after torch.manual_seed to fix them too.
    device : chosen by `best_device()` where None. precision : "float32", "bfloat16", or "auto": bfloat16 where the processor
        is faster in it (`device.bfloat16_is_faster`).
    workers : processes that prepare batches ahead. The numbers stay the same.
    recompute : True needs less memory and about a third more time, for the same numbers (`memory.recomputing`).
    augmentation : changes each batch before it is learnt from, e.g. `Augmentation()`; called with images (N, C, H, W), masks
        (N, H, W) and a seed for each image, which follows from `seed`, the epoch and the image; and fourth with the weights
        (N, H, W) where there are any, which it then returns third.
    patch, foreground : side of the windows that are drawn anew from each image in each epoch, so that images of any size can be
        trained on; the share of windows that are centred on a pixel which is no background.
    sampling : a share for each training image; each epoch then draws as many as there are, with replacement, by these
        (`balanced_sampling(training)`). None: every image once.
    early_stopping : end when so many epochs in a row were no better (validation IoU, or loss without validation); None: never.
    metrics : a function of the model, called after each epoch in evaluation mode; the numbers that it returns, by name, are added
        to the report (`report.extra`, `history.table()`).
    checkpoint : a file, written whole after every epoch, and within an epoch every `checkpoint_minutes`.
    sync_batch_norm : with several processes, batch norm looks at all their images.
    """

    epochs: int = 10
    batch_size: int = 8
    learning_rate: float = 1e-3
    loss: Loss | None = None
    reduction: str = "mean"
    optimizer: str | MakeOptimizer = "adam"
    weight_decay: float = 0.0
    clip: float | None = None
    schedule: str | MakeScheduler = "one_cycle"
    seed: int = 0
    device: str | torch.device | None = None
    precision: str = "auto"
    workers: int = 0
    recompute: bool = False
    augmentation: Callable[[Tensor, Tensor, Sequence[int]], tuple[Tensor, Tensor]] | None = None
    patch: int | None = None
    foreground: float = 0.5
    sampling: Sequence[float] | None = None
    early_stopping: int | None = None
    metrics: Callable[[nn.Module], Mapping[str, float]] | None = None
    checkpoint: str | Path | None = None
    checkpoint_minutes: float = 10.0
    sync_batch_norm: bool = True

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            check_number(name, getattr(self, name), "whole numbers from 1 up", whole=True, lowest=1)
        check_number("learning_rate", self.learning_rate, "numbers above 0, e.g. 0.001", above=0)
        check_number("weight_decay", self.weight_decay, "numbers from 0 up, e.g. 0.01", lowest=0)
        check_number("workers", self.workers, "whole numbers from 0 up (0: no process besides this)", whole=True, lowest=0)
        check_number("checkpoint_minutes", self.checkpoint_minutes, "numbers from 0 up (0: after every step)", lowest=0)
        check_number("foreground", self.foreground, "shares from 0 to 1", lowest=0, highest=1)
        if self.clip is not None:
            check_number("clip", self.clip, "None and numbers above 0, e.g. 1.0", above=0)
        if self.patch is not None:
            check_number("patch", self.patch, "None and whole numbers from 1 up (pixels)", whole=True, lowest=1)
        if self.early_stopping is not None:
            check_number("early_stopping", self.early_stopping, "None and whole numbers from 1 up (epochs)", whole=True, lowest=1)
        check_choice("reduction", self.reduction, REDUCTIONS)
        check_choice("precision", self.precision, PRECISIONS)
        check_choice("optimizer", self.optimizer, OPTIMIZERS, " and a function of (parameters, learning rate)")
        check_choice("schedule", self.schedule, SCHEDULES, " and a function of (optimizer, steps)")
        if self.metrics is not None and not callable(self.metrics):
            raise ValueError(f"metrics is {self.metrics!r}; allowed is a function of the model that returns numbers by name.")
        if self.loss is not None and not callable(self.loss):
            raise ValueError(f"loss is {self.loss!r}; allowed is a function of (logits, mask), e.g. losses.soft_dice_loss.")
        if self.loss is not None and self.reduction != "mean":
            raise ValueError("reduction is of cross entropy; with loss=… let your own function reduce, and leave reduction out.")

    @classmethod
    def of(cls, given: dict) -> TrainingSettings:
        """From keywords; raises TypeError, naming the nearest, for one that there is not."""
        known = [field.name for field in fields(cls)]
        for name in given:
            if name not in known:
                nearest = get_close_matches(name, known, n=1)
                meant = f"Did you mean {nearest[0]}? " if nearest else ""
                raise TypeError(f"there is an unexpected keyword argument, {name!r}. {meant}Allowed are {', '.join(known)}.")
        return cls(**given)

    @property
    def torch_device(self) -> torch.device:
        """Where the training runs."""
        return torch.device(self.device) if self.device else best_device()

    @property
    def low_precision(self) -> bool:
        """Whether the forward pass uses bfloat16."""
        return self.precision == "bfloat16" or (self.precision == "auto" and bfloat16_is_faster(self.torch_device))

    def steps_per_epoch(self, images: int) -> int:
        """How many batches make an epoch of so many images; the last may be smaller."""
        return math.ceil(images / self.batch_size)

    def check(
        self,
        model: nn.Module,
        training: TrainingSet,
        validation: TrainingSet | None,
        workers: Workers,
    ) -> tuple[int, int]:
        """Hold the settings against the network and both data sets; the size (H, W) of what is learnt from."""
        for role, dataset in (("training", training), ("validation", validation)):
            if dataset is not None:
                check_fit(model, dataset, role)
        check_targets(training, validation)
        check_sampling(self.sampling, len(training))
        size = (self.patch, self.patch) if self.patch else check_sizes(training)
        check_weights_and_loss(self.loss, training.weighted)
        check_augmentation(self.augmentation, training.weighted)
        check_poolings(model, size, "patch" if self.patch else "images")
        check_workers(model, len(training), self.batch_size, workers, self.sync_batch_norm)
        check_norm(model, len(training) % self.batch_size or min(self.batch_size, len(training)), size)
        return size


def check_number(name, value, allowed, *, whole=False, lowest=-math.inf, highest=math.inf, above=-math.inf) -> None:
    """Raises ValueError where a value is no number in the range that `allowed` describes."""
    right = isinstance(value, int) if whole else isinstance(value, int | float)
    if isinstance(value, bool) or not right or not (lowest <= value <= highest and above < value < math.inf):
        raise ValueError(f"{name} is {value!r}; allowed are {allowed}.")


def check_choice(name: str, value, choices: Sequence[str], besides: str = "") -> None:
    """Raises ValueError where a value is none of the names; functions pass where something is allowed besides."""
    if value in choices if isinstance(value, str) else bool(besides) and callable(value):
        return
    named = ", ".join(map(repr, choices[:-1])) + f" and {choices[-1]!r}"
    raise ValueError(f"{name} is {value!r}; allowed are {named}{besides}.")
