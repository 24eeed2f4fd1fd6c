"""Optimizer and schedule: by name or a function of your own, checked where they first show what they do; the loss likewise."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

MakeOptimizer = Callable[[Iterable[nn.Parameter], float], torch.optim.Optimizer]
MakeScheduler = Callable[[torch.optim.Optimizer, int], Any]

OPTIMIZERS = ("adam", "adamw", "sgd")
SCHEDULES = ("one_cycle", "constant", "polynomial")


def make_optimizer(
    optimizer: str | MakeOptimizer, parameters: Iterable[nn.Parameter], learning_rate: float, weight_decay: float
) -> torch.optim.Optimizer:
    """The optimizer of a run. Raises TypeError where a function of your own gives something else."""
    parameters = [p for p in parameters if p.requires_grad]
    if optimizer == "adam":
        return torch.optim.Adam(parameters, lr=learning_rate, weight_decay=weight_decay)
    if optimizer == "adamw":
        return torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=weight_decay)
    if optimizer == "sgd":
        return torch.optim.SGD(parameters, lr=learning_rate, momentum=0.9, nesterov=True, weight_decay=weight_decay)
    assert callable(optimizer)  # settings have looked
    made = optimizer(parameters, learning_rate)
    if not isinstance(made, torch.optim.Optimizer):
        raise TypeError(f"optimizer= gave {type(made).__name__}; it must return a torch.optim.Optimizer. Is a return missing?")
    return made


def make_scheduler(schedule: str | MakeScheduler, optimizer: torch.optim.Optimizer, steps: int):
    """The schedule of a run, stepped after every step; None where the learning rate is constant."""
    if schedule == "constant":
        return None
    if schedule == "one_cycle":
        rates = [group["lr"] for group in optimizer.param_groups]
        return torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=steps)
    if schedule == "polynomial":
        return torch.optim.lr_scheduler.LambdaLR(optimizer, partial(polynomial_share, steps=steps))
    assert callable(schedule)  # settings have looked
    made = schedule(optimizer, steps)
    if not (hasattr(made, "step") and hasattr(made, "state_dict")):
        raise TypeError(f"schedule= gave {type(made).__name__}; it must return a scheduler of torch.optim.lr_scheduler.")
    return made


def polynomial_share(step: int, steps: int) -> float:
    """(1 - step / steps)^0.9: nnU-Net's schedule (Isensee et al. 2021), as a share of the first learning rate."""
    return max(1 - step / steps, 0.0) ** 0.9


def check_loss(value: object) -> None:
    """Raises TypeError or ValueError, in words, where what a loss gave cannot be trained on."""
    if not isinstance(value, Tensor):
        raise TypeError(f"the loss gave {type(value).__name__}; it must give a tensor. Do not call .item() or NumPy in it.")
    if value.ndim != 0:
        raise ValueError(f"the loss gave a tensor of shape {tuple(value.shape)}; it must give one number: loss.mean().")
    if not value.requires_grad:
        raise ValueError("the loss has no gradient: there is a .detach(), .item(), argmax or torch.no_grad() on its way.")
