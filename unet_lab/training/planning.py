"""A long run, planned before it starts: how long, how much memory, how much disk; from a few steps that are measured."""

from __future__ import annotations

import copy
import shutil
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from torch import nn
from torch.utils.data import Dataset

from unet_lab.training.loop import Step
from unet_lab.training.matching import check_sizes, matching_dataset
from unet_lab.training.memory import available_memory, gigabytes, training_memory
from unet_lab.training.running import steps
from unet_lab.training.settings import TrainingSettings
from unet_lab.training.validation import evaluate

MEASURED = 3  # steps; one more goes before them, in which PyTorch warms up


class Plan(NamedTuple):
    """What a run will take. Print it; `problems` is empty where nothing stands in its way."""

    epochs: int
    steps_per_epoch: int
    seconds_per_step: float  # median of three
    seconds_per_validation: float  # once an epoch
    memory: int  # bytes needed, an estimate
    memory_free: int
    disk: int  # bytes: the checkpoint, the one before it, and the one that is being written
    disk_free: int

    @property
    def seconds(self) -> float:
        """The whole run, checkpoints not counted."""
        return self.epochs * (self.steps_per_epoch * self.seconds_per_step + self.seconds_per_validation)

    @property
    def problems(self) -> list[str]:
        """What will not fit, and what would help."""
        found = []
        if self.memory > 0.9 * self.memory_free:
            found.append(
                f"Memory: {gigabytes(self.memory)} needed, {gigabytes(self.memory_free)} free. A smaller batch_size, tiles "
                f"(dataset.crops(256)), recompute=True or a smaller base_channels would do."
            )
        if self.disk > self.disk_free:
            found.append(
                f"Disk: {gigabytes(self.disk)} needed for checkpoints, {gigabytes(self.disk_free)} free. Choose another folder."
            )
        return found

    def __str__(self) -> str:
        ends = datetime.now() + timedelta(seconds=self.seconds)
        lines = [
            f"time    {in_words(self.seconds)}: {self.epochs} epochs of {self.steps_per_epoch} steps of "
            f"{self.seconds_per_step:.2f} s; started now, it ends {ends:%A %d %B, %H:%M}",
            f"memory  {gigabytes(self.memory)} of {gigabytes(self.memory_free)} that are free",
        ]
        have = f"{gigabytes(self.disk)} of {gigabytes(self.disk_free)} that are free"
        lines.append(f"disk    {have}" if self.disk else "disk    no checkpoint")
        return "\n".join([*lines, *self.problems])


def plan_training(
    model: nn.Module,
    training: Dataset,
    validation: Dataset | None = None,
    **settings,
) -> Plan:
    """Measure three steps of this very training on a copy of the model, and say what the whole will take.

    Takes what `train` takes; neither `model` nor a checkpoint is touched. Takes as long as four steps and
    one batch of validation.
    """
    told = TrainingSettings.of(settings)
    learnt = matching_dataset(training, model, "training")
    size = (told.patch, told.patch) if told.patch else check_sizes(learnt)
    batch = min(told.batch_size, len(learnt))
    memory = training_memory(model, size, batch, told.low_precision, told.recompute).total
    twin = copy.deepcopy(model)
    few = learnt.subset([i % len(learnt) for i in range(told.batch_size * (MEASURED + 1))])
    times, before = [], None
    for news in steps(twin, few, **settings | {"epochs": 1, "checkpoint": None, "sampling": None}):
        now = time.perf_counter()
        if isinstance(news, Step) and before is not None:
            times.append(now - before)
        before = now
    seconds_per_validation = 0.0
    if validation is not None:
        judged = matching_dataset(validation, model, "validation")
        few = judged.subset(range(min(told.batch_size, len(judged))))
        began = time.perf_counter()
        evaluate(twin, few, told.batch_size)
        seconds_per_validation = (time.perf_counter() - began) * len(judged) / len(few)
    weights = sum(v.numel() * v.element_size() for v in model.state_dict().values())
    folder = Path(told.checkpoint).resolve().parent if told.checkpoint is not None else None
    return Plan(
        epochs=told.epochs,
        steps_per_epoch=told.steps_per_epoch(len(learnt)),
        seconds_per_step=sorted(times[:MEASURED])[len(times[:MEASURED]) // 2],
        seconds_per_validation=seconds_per_validation,
        memory=memory,
        memory_free=available_memory(told.torch_device),
        disk=3 * 4 * weights if folder else 0,  # the model, its best weights, and Adam's two means; three files at once
        disk_free=shutil.disk_usage(folder).free if folder else 0,
    )


def in_words(seconds: float) -> str:
    """A duration as people say it.

    >>> in_words(45), in_words(5400), in_words(200_000)
    ('45 s', '1 h 30 min', '2 d 7 h')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"
