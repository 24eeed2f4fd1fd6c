"""Situations in which a training step must be right too: old gradients, a dropout, numbers so exact that little shows."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from unet_lab.course.checking import Wrong
from unet_lab.course.exercises.step_mistakes import NEIGHBOUR, reference
from unet_lab.course.limits import chance_restored
from unet_lab.unet import UNet

RATE, MOMENTUM = 0.05, 0.5


def two_groups(model: nn.Module) -> torch.optim.Optimizer:
    """An optimizer whose parameters come in two groups."""
    parameters = list(model.parameters())
    half = len(parameters) // 2
    groups = [{"params": parameters[:half]}, {"params": parameters[half:]}]
    return torch.optim.SGD(groups, lr=RATE, momentum=MOMENTUM)


def start(seed: int = 0, **settings):
    torch.manual_seed(seed)
    model = UNet(**{"base_channels": 4, "depth": 2} | settings).eval()  # in evaluation mode: a step has to change that
    return model, two_groups(model)


def steps_elsewhere(answer: Callable, image: Tensor, mask: Tensor) -> None:
    """After the plain steps were right."""
    with chance_restored():
        with_old_gradients(answer, image, mask)
        with_dropout(answer, image, mask)
        in_double_precision(answer, image, mask)


def with_old_gradients(answer, image, mask) -> None:
    (ours, our_optimizer), (mine, my_optimizer) = start(3), start(3)
    for number, parameter in enumerate(mine.parameters()):
        parameter.grad = torch.full_like(parameter, 0.1 * (1 + number % 3))
    reference(ours, our_optimizer, image, mask)
    answer(mine, my_optimizer, image.clone(), mask.clone())
    if distance(mine, ours) < 1e-4:
        return
    left = "the model came with gradients of an earlier loss, and they are in your step"
    if all(parameter.grad is None or not parameter.grad.any() for parameter in mine.parameters()):
        finding = f"{left}: yours forgets them only after the step (zero_grad comes too late)."
    else:
        finding = f"{left}: zero_grad does not reach all of them."
    clue = "optimizer.zero_grad() before loss.backward(): what happened before your step must not count."
    raise Wrong(finding, clue, "PyTorch adds each new gradient to the one that is there.", NEIGHBOUR)


def with_dropout(answer, image, mask) -> None:
    for seed in (20, 21):
        (ours, our_optimizer), (mine, my_optimizer) = start(4, depth=1, dropout=0.5), start(4, depth=1, dropout=0.5)
        torch.manual_seed(seed)
        expected, after = reference(ours, our_optimizer, image, mask), torch.get_rng_state()
        torch.manual_seed(seed)
        got = float(answer(mine, my_optimizer, image.clone(), mask.clone()))
        if math.isclose(got, expected, rel_tol=1e-4) and torch.equal(torch.get_rng_state(), after):
            continue
        raise Wrong(
            "with a dropout in the model: your step sets a seed (the dropout then drops the same in every step), draws random "
            "numbers of its own, or runs the model more than once.",
            "Leave chance alone: no manual_seed in a step, one model(image), in train() mode.",
            NEIGHBOUR,
        )


def in_double_precision(answer, image, mask) -> None:
    """In float64, where the smallest addition to the loss shows, and with large gradients, where a mild clipping does."""
    for factor in (1, 50):
        (ours, _), (mine, _), (before, _) = start(5), start(5), start(5)
        for model in (ours, mine, before):
            model.double()
            with torch.no_grad():
                model.head.weight.mul_(factor)
        our_optimizer, my_optimizer = two_groups(ours), two_groups(mine)
        expected = reference(ours, our_optimizer, image.double(), mask)
        got = float(answer(mine, my_optimizer, image.double(), mask.clone()))
        where = f"with a model of double precision: your loss {got:.9g}, expected {expected:.9g}"
        if not math.isclose(got, expected, rel_tol=2e-6):
            finding = f"{where}. Something small is added to the loss (a penalty on the weights, smoothing), or it is not exact."
        elif distance(mine, ours) > 3e-6 * distance(ours, before):
            finding = f"{where}: right. The weights went another way: the gradient is changed (clipped, or a penalty is in it)."
        else:
            continue
        clue = "The loss is the mean cross entropy, and nothing else; its gradient goes to the step as it is."
        raise Wrong(finding, clue, NEIGHBOUR)


def distance(a: nn.Module, b: nn.Module) -> float:
    """How far apart the weights are, as one length."""
    with torch.no_grad():
        return math.sqrt(sum(float(((x - y) ** 2).sum()) for x, y in zip(a.parameters(), b.parameters(), strict=True)))
