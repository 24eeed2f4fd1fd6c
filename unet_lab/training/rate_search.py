"""Which learning rate? A few dozen steps at rates from far too low to far too high, and what the loss does meanwhile."""

from __future__ import annotations

import copy
from contextlib import closing
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset

from unet_lab.training.loop import Step, TrainingDiverged
from unet_lab.training.running import steps
from unet_lab.training.settings import check_number

FORGETS = 0.9  # of the running mean that smooths the losses
BLOWN_UP = 3.0  # times the lowest loss: higher rates are not tried


class RateSearch(NamedTuple):
    """What a search for a learning rate saw; draw it: axes.plot(search.rates, search.losses), xscale="log"."""

    rates: np.ndarray  # of each step
    losses: np.ndarray  # smoothed
    suggestion: float  # the rate at which the loss falls fastest


def find_learning_rate(
    model: nn.Module, training: Dataset, lowest: float = 1e-6, highest: float = 1.0, tries: int = 60, **settings
) -> RateSearch:
    """Train a copy of the model for `tries` steps, each at a rate higher than the one before; `model` is not changed.

    Smith 2017, "Cyclical Learning Rates for Training Neural Networks", section 3.3 (the range test). The suggestion is where the
    smoothed loss falls fastest against the logarithm of the rate: a place to begin, not the best rate. Takes the settings of
    `train`: batch_size, loss, optimizer, patch and so on. Ends early where the loss blows up.
    """
    check_number("lowest", lowest, "numbers above 0", above=0)
    check_number("highest", highest, f"numbers above lowest, {lowest}", above=lowest)
    check_number("tries", tries, "whole numbers from 10 up (steps)", whole=True, lowest=10)
    for name in ("epochs", "learning_rate", "schedule", "checkpoint"):
        if name in settings:
            raise ValueError(f"{name} is chosen by the search itself; leave it out.")
    growth = (highest / lowest) ** (1 / (tries - 1))
    told = settings | {"learning_rate": lowest, "schedule": partial(growing, growth=growth), "epochs": tries}
    rates: list[float] = []
    losses: list[float] = []
    mean = 0.0
    with closing(steps(copy.deepcopy(model), training, **told)) as run:  # type: ignore[type-var]
        try:
            for news in run:
                if not isinstance(news, Step):
                    continue
                mean = FORGETS * mean + (1 - FORGETS) * news.loss
                losses.append(mean / (1 - FORGETS ** (len(losses) + 1)))  # without the pull of the 0 that it began with
                rates.append(lowest * growth ** len(rates))
                if len(rates) == tries or losses[-1] > BLOWN_UP * min(losses):
                    break
        except TrainingDiverged:
            pass
    if len(rates) < 4:
        raise ValueError(f"the loss blew up within {len(rates)} steps, from a rate of {lowest} on; give a smaller lowest=….")
    slope = np.gradient(np.array(losses), np.log(rates))
    return RateSearch(np.array(rates), np.array(losses), rates[int(np.argmin(slope[: 1 + int(np.argmin(losses))]))])


def growing(optimizer: torch.optim.Optimizer, total: int, growth: float) -> torch.optim.lr_scheduler.LambdaLR:
    """A schedule in which each step has `growth` times the rate of the one before."""
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: growth**step)
