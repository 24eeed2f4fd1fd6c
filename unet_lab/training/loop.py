"""The loop of notebook 07: batches forward, the loss back, a step; a report after every epoch. Nothing else.

What a run needs besides (checkpoints, several processes, precision, the progress bar) is handed to it as `run`, and stands in
the files beside this one; the loop itself is the same with and without.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

import torch
from torch import Tensor, nn

from unet_lab.blocks import center_crop
from unet_lab.foreign import main_output, training_mode


class TrainingDiverged(ArithmeticError):
    """The loss became NaN or infinite."""


class Step(int):
    """How many steps of a run are done. The loop yields it between two reports.

    `loss` is what the last one cost, `gradient_norm` the length of all its gradients together, before clipping.
    """

    loss: float = math.nan
    gradient_norm: float = math.nan

    @classmethod
    def number(cls, number: int, loss: float, gradient_norm: float) -> Step:
        """Step `number`, which cost `loss`."""
        step = cls(number)
        step.loss, step.gradient_norm = loss, gradient_norm
        return step


class Run(Protocol):
    """What the loop asks of a run (`run_state.RunState`)."""

    position: int  # steps done in this epoch
    steps_per_epoch: int

    def epochs_left(self) -> Iterable[int]:
        """The numbers of the epochs that are still to be trained, from 1."""

    def batches(self, epoch: int) -> Iterable[tuple[Tensor, Tensor, Tensor | None]]:
        """Images float (n, C, H, W), masks int64 (n, H, W) and the pixels' weights, if any, from `position` on, on the device."""

    def precision(self) -> AbstractContextManager:
        """In which the forward pass runs: float32, or bfloat16."""

    def loss(self, outputs: object, mask: Tensor, weights: Tensor | None) -> Tensor:
        """The scalar to learn from, of what the network returned."""

    def value_of(self, loss: Tensor) -> float:
        """What the whole batch cost, all processes together."""

    def step_done(self, value: float, norm: float) -> None:
        """Count the step; save, where it is time."""

    def left(self) -> None:
        """Whoever drives the run leaves it here, between two steps."""

    def finish_epoch(self, epoch: int) -> object:
        """Validate, keep, save; the epoch's report."""


def training_loop(network: nn.Module, optimizer: torch.optim.Optimizer, scheduler, run: Run, clip: float | None) -> Iterator:
    """Train epoch by epoch; yields a `Step` after every step and a report after every epoch.

    scheduler : stepped after every step; None leaves the learning rate as it is. clip : the largest norm of all gradients
    together. Raises TrainingDiverged for a loss that is no number.
    """
    for epoch in run.epochs_left():
        training_mode(network)  # dropout draws, batch norm learns its statistics, except in frozen parts
        for batch in run.batches(epoch):  # (n, C, H, W), (n, H, W), and (n, H, W) weights or None
            value, norm = training_step(network, optimizer, *batch, run, clip)
            if not math.isfinite(value):
                raise TrainingDiverged(
                    f"the loss became {value} in epoch {epoch}. Usual causes: a learning rate that is too high (it is "
                    f"{optimizer.param_groups[0]['lr']:.2g}; try a tenth), or images that are not standardised."
                )
            if scheduler is not None:
                scheduler.step()
            run.step_done(value, norm)
            try:
                yield Step.number((epoch - 1) * run.steps_per_epoch + run.position, value, norm)
            except GeneratorExit:
                run.left()
                raise
        yield run.finish_epoch(epoch)


# fmt: off
def training_step(
    network: nn.Module, optimizer: torch.optim.Optimizer, image: Tensor, mask: Tensor, weights: Tensor | None, run: Run,
    clip: float | None = None
) -> tuple[float, float]:
    """One step: forward, loss, gradients, and the weights a little against them.

    Returns the loss of the whole batch and the length of its gradients; NaN where the loss is no number: nothing is learnt then.
    """
    with run.precision():
        outputs = network(image)                                    # logits (n, num_classes, H', W'), perhaps others beside
    height, width = main_output(outputs).shape[-2:]
    mask = center_crop(mask, (height, width))                       # (n, H', W'): valid padding gives less than it is given
    if weights is not None:
        weights = center_crop(weights, (height, width))             # (n, H', W')
    loss = run.loss(outputs, mask, weights)                         # a scalar
    value, norm = run.value_of(loss), math.nan
    if math.isfinite(value):
        optimizer.zero_grad(set_to_none=True)                       # else the gradients of the last step would be added
        loss.backward()
        norm = gradient_norm(network)
        if clip is not None:
            nn.utils.clip_grad_norm_(network.parameters(), clip)
        optimizer.step()
    return value, norm
# fmt: on


def gradient_norm(network: nn.Module) -> float:
    """The length of all gradients together: the root of the sum of their squares."""
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    return float(nn.utils.get_total_norm(gradients)) if gradients else 0.0
