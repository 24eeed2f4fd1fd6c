"""Checks of notebook 07: one training step; a learning rate that learns."""

from __future__ import annotations

import copy
import math
from functools import cache

import torch

from unet_lab.course.checking import NotTried, Wrong
from unet_lab.course.leniency import number
from unet_lab.datasets.pairs import SegmentationDataset
from unet_lab.losses import cross_entropy
from unet_lab.unet import UNet

STEPS = 30


def batch():
    dataset = SegmentationDataset.generated(4, size=32, first_seed=500)
    images, masks = zip(*(dataset[i] for i in range(4)), strict=True)
    return torch.stack(images), torch.stack(masks)


def reference(model, optimizer, image, mask) -> float:
    model.train()
    optimizer.zero_grad()
    loss = cross_entropy(model(image), mask)
    loss.backward()
    optimizer.step()
    return loss.item()


def training_step(answer) -> None:
    """my_step(model, optimizer, image, mask): forward, mean cross entropy, backward, step; returns the loss as float."""
    if not callable(answer):
        kind = type(answer).__name__
        raise Wrong(f"expected a function, got {kind}.", "Give the function itself: check('training_step', my_step).")
    torch.manual_seed(0)
    image, mask = batch()
    ours = UNet(base_channels=4, depth=2).eval()  # in evaluation mode on purpose: a step has to change that
    mine = copy.deepcopy(ours)
    our_optimizer, my_optimizer = (torch.optim.SGD(m.parameters(), lr=0.05) for m in (ours, mine))
    before = [p.detach().clone() for p in mine.parameters()]
    five = "A step is five lines: zero_grad, forward, loss, backward, step."
    neighbour = "A neighbour, for one weight w: w.grad = None; loss = (w * 3 - 6)**2; loss.backward(); w.data -= 0.1 * w.grad."
    for count in (1, 2):
        expected = reference(ours, our_optimizer, image, mask)
        got = answer(mine, my_optimizer, image, mask)
        if got is None:
            raise NotTried
        if isinstance(got, torch.Tensor):
            raise Wrong(
                f"it returns a tensor, {got.detach()}, not a number.",
                "End with: return loss.item(). A kept tensor keeps its whole graph, and memory grows with every step.",
                neighbour,
            )
        unchanged = all(torch.equal(a, b) for a, b in zip(before, mine.parameters(), strict=True))
        if unchanged and all(p.grad is None or not p.grad.any() for p in mine.parameters()):
            raise Wrong(
                "no weight changed, and no gradient is there.",
                "loss.backward() computes the gradients; it comes after the loss and before optimizer.step().",
                "If it is there: zero_grad() after backward() throws the gradients away before they are used.",
                neighbour,
            )
        if unchanged:
            raise Wrong(
                "gradients are there, but no weight changed.",
                "optimizer.step() uses the gradients; it comes last, after loss.backward().",
                neighbour,
            )
        if not mine.training:
            raise Wrong(
                "the model was in evaluation mode and your step left it there: batch norm did not see this batch.",
                "Begin with model.train().",
                "In evaluation mode batch norm uses its running averages, and those never learn.",
                neighbour,
            )
        compare(count, got, expected, mine, ours, image, mask, five, neighbour)


def compare(count, got, expected, mine, ours, image, mask, five, neighbour) -> None:
    same = all(torch.allclose(a, b, atol=1e-6) for a, b in zip(mine.parameters(), ours.parameters(), strict=True))
    if same and math.isclose(got, expected, rel_tol=1e-4):
        return
    numbers = f"step {count}: your loss {got:.4f}, expected {expected:.4f}"
    pixels = mask.numel()
    if math.isclose(got, expected * pixels, rel_tol=1e-3):
        raise Wrong(
            f"{numbers}. Yours is {pixels} times as large: the sum over pixels.",
            "Use the mean: cross_entropy(logits, mask), or reduction='mean'.",
            neighbour,
        )
    if same:
        with torch.no_grad():
            after = cross_entropy(copy.deepcopy(mine).train()(image), mask).item()
        when = " That is the loss after the step." if math.isclose(got, after, rel_tol=1e-3) else ""
        raise Wrong(
            f"{numbers}. The weights are right, the number that you return is not.{when}",
            "Return the loss that you called backward() on, as a float.",
            neighbour,
        )
    if count == 2:
        raise Wrong(
            f"{numbers}. The first step was right, the second is not: the gradients of the first are still in it.",
            "PyTorch adds gradients up. Call optimizer.zero_grad() before loss.backward().",
            five,
            neighbour,
        )
    raise Wrong(
        f"{numbers}, and the weights went another way.",
        "Give the logits to cross_entropy as they are: it has the softmax inside.",
        five + " Nothing else touches the logits or the weights.",
        neighbour,
    )


def learning_rate_curve(learning_rate: float, steps: int = STEPS) -> list[float]:
    """The loss at each of `steps` Adam steps of a tiny U-Net on one batch of 4 generated cells; always the same start."""
    torch.manual_seed(0)
    image, mask = batch()
    model = UNet(base_channels=8, depth=2)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    return [reference(model, optimizer, image, mask) for _ in range(steps)]


@cache
def best_end() -> float:
    return min(sum(learning_rate_curve(10.0**k)[-5:]) / 5 for k in range(-4, 0))


def learning_rate(answer) -> None:
    """A learning rate with which `learning_rate_curve` comes down to within twice the best of four powers of ten."""
    given = number(answer, "a learning rate")
    if not 0 < given < math.inf:
        raise Wrong(f"{given} is not above 0.", "Adam's usual values lie between 0.0001 and 0.1.")
    curve = learning_rate_curve(given)
    end = sum(curve[-5:]) / 5
    best = best_end()
    leaps = max(curve) > 1.5 * curve[0]  # it may come back from there, by luck
    if math.isfinite(end) and end <= 2 * best and not leaps:
        return
    saw = (
        f"with {given:g} the loss goes from {curve[0]:.3f} to {end:.3f} in {STEPS} steps, at most {max(curve):.3f} on the way; "
        f"{2 * best:.3f} can be reached"
    )
    neighbour = "A neighbour: on f(w) = w² gradient descent with rate 0.001 crawls, with 0.4 it arrives, with 1.1 it flies off."
    if not math.isfinite(end) or leaps or given > 0.05:
        raise Wrong(
            f"{saw}. The rate is too high: the steps jump over the valley.",
            "Divide it by ten, and look at the curve again.",
            "Too high shows as a loss that jumps up in the first steps; too low as a straight line that hardly sinks.",
            neighbour,
        )
    raise Wrong(
        f"{saw}. The rate is too low: the steps are too short to arrive.",
        "Multiply it by ten, and look at the curve again.",
        "Try 1e-4, 1e-3, 1e-2, 1e-1 in one plot, and take the highest whose curve is still smooth.",
        neighbour,
    )
