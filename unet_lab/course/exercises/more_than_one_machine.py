"""Check of notebook 16: a step that several workers take as one."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from unet_lab.course.checking import NotTried, Wrong
from unet_lab.course.exercises.worker_room import Room
from unet_lab.course.facts import counted
from unet_lab.datasets.pairs import SegmentationDataset
from unet_lab.losses import cross_entropy
from unet_lab.unet import UNet

STEP_NEIGHBOUR = (
    "A neighbour, the mean of 1, 2, 3 and 8 in two shares: (1 + 2 + 3) and (8). Sums 6 and 8, counts 3 and 1; all_reduce "
    "both: 14 / 4. The mean of the means, (2 + 8) / 2, is another number."
)
WHOLE = "What is the loss of the whole batch? The sum over all pixels of all workers, divided by the number of them all."
ADD_UP = "Let each worker's loss be its sum of cross entropies divided by that number; then add the gradients up."


class Setting(NamedTuple):
    """A step that is tried. optimizer : of the weights. steep : what the first weights are multiplied by. image : likewise.
    size : rows and columns that are kept of the 32 x 32. special : what is special about it, in words."""

    sizes: tuple[int, ...]
    optimizer: Callable = lambda weights: torch.optim.SGD(weights, lr=0.2)
    steep: float = 1.0
    image: Callable[[Tensor], Tensor] = lambda x: x
    size: tuple[int, int] = (32, 32)
    special: str = ""


def settings() -> list[Setting]:
    def momentum(weights):
        return torch.optim.SGD(weights, lr=0.1, momentum=0.9, weight_decay=0.01)

    def adam(weights):
        return torch.optim.Adam(weights, lr=0.02, eps=0.01)  # so large an eps that rounding does no harm

    def slow(weights):
        return torch.optim.SGD(weights, lr=1e-4)

    return [
        Setting((4,)), Setting((2, 2)), Setting((3, 1)), Setting((2, 2, 2, 1)),
        Setting((1, 3), momentum, special="the optimizer has momentum and weight decay"),
        Setting((1, 3), adam, special="the optimizer is Adam"),
        Setting((2, 1), image=lambda x: 0.8 * x + 0.2, special="the image has not mean 0 and std 1: is it changed?"),
        Setting((2, 1), size=(16, 24), special="the images are not 32 x 32, nor square: are their pixels counted?"),
        Setting((2, 1), slow, steep=12.0, special="the gradients are large: is anything clipped or limited?"),
    ]  # fmt: skip


@cache
def batch() -> tuple[Tensor, Tensor]:
    """Seven cells; the workers get copies."""
    cells = SegmentationDataset.generated(7, size=32, first_seed=600)
    image, mask = (torch.stack(part) for part in zip(*(cells[i] for i in range(7)), strict=True))
    return image, mask


def data_parallel_step(answer) -> None:
    """my_step(model, optimizer, image, mask, all_reduce): one step on this worker's share that is the whole batch's step.

    Returns the mean cross entropy of the whole batch, a float. Tried with 1, 2 and 4 workers, with equal and unequal shares.
    """
    if not callable(answer):
        kind = type(answer).__name__
        raise Wrong(f"expected a function, got {kind}.", "Give the function itself: check('data_parallel_step', my_step).")
    image, mask = batch()
    torch.manual_seed(0)
    start = UNet(base_channels=2, depth=1, norm=None).train()
    for number, setting in enumerate(settings()):
        rows, columns = setting.size
        given = setting.image(image)[..., :rows, :columns].contiguous(), mask[..., :rows, :columns].contiguous()
        with counted(number, of=len(settings())):
            try_setting(answer, setting, start, *given)


def try_setting(answer, setting: Setting, start, image, mask) -> None:
    """Two steps by workers, and the same two by one process."""
    start = copy.deepcopy(start)
    with torch.no_grad():
        for weight in start.parameters():
            weight.mul_(setting.steep)
    sizes, count = setting.sizes, sum(setting.sizes)
    models, single = [copy.deepcopy(start) for _ in sizes], copy.deepcopy(start)
    optimizers, optimizer = [setting.optimizer(m.parameters()) for m in models], setting.optimizer(single.parameters())
    watches = [Watch(*each) for each in zip(models, optimizers, strict=True)]
    begins = [sum(sizes[:k]) for k in range(len(sizes))]
    for step in (1, 2):
        optimizer.zero_grad()
        loss = cross_entropy(single(image[:count]), mask[:count])
        loss.backward()
        optimizer.step()

        def work(rank, all_reduce):
            part = slice(begins[rank], begins[rank] + sizes[rank])
            given = image[part].clone(), mask[part].clone()
            result = answer(models[rank], optimizers[rank], *given, all_reduce)
            if not (torch.equal(given[0], image[part]) and torch.equal(given[1], mask[part])):
                raise Wrong("your function changed the image or the mask that it was given.", "Make a new tensor.")
            return result

        room = Room(models)
        got = room.run(work)
        if len(set(room.exchanges)) > 1:
            finding = f"the workers call all_reduce {room.exchanges} times: every worker must call it equally often."
            raise Wrong(finding, "Whatever its share is, empty or not: the same calls in the same order.")
        many = f"{len(sizes)} worker{'s' * (len(sizes) > 1)} with {', '.join(map(str, sizes))} images, step {step}"
        case = many + (f", where {setting.special.partition(':')[0]}" if setting.special else "")
        watches[0].state_must_stay(case)
        judge(case, got, loss.item(), models, single, start, step, setting)
        watches[0].must_have_stepped(case, step)


class Watch:
    """What a step does to a network and its optimizer, besides the weights."""

    def __init__(self, model, optimizer):
        self.model, self.optimizer, self.steps, self.modes = model, optimizer, 0, []
        self.rates = [group["lr"] for group in optimizer.param_groups]
        model.register_forward_pre_hook(lambda module, _: self.modes.append(module.training))
        optimizer.register_step_post_hook(self.count)

    def count(self, *_) -> None:
        self.steps += 1

    def state_must_stay(self, case: str) -> None:
        rates = [group["lr"] for group in self.optimizer.param_groups]
        if rates != self.rates:
            raise Wrong(f"the optimizer's rate (lr) was changed, to {rates[0]:g}.", "A step uses the optimizer as it is.")
        if not all(self.modes) or not all(module.training for module in self.model.modules()):
            when = "the forward runs" if not all(self.modes) else "the network is left"
            clue = "A step is made in training mode, in which the network comes: no model.eval() in it, nor after it."
            raise Wrong(f"{case}: {when} in evaluation mode.", clue, WHOLE, STEP_NEIGHBOUR)
        if not all(weight.requires_grad for weight in self.model.parameters()):
            clue = "Leave requires_grad as it is: torch.no_grad() or .detach() are for single lines."
            raise Wrong(f"{case}: afterwards weights are frozen, requires_grad is False.", clue, WHOLE, STEP_NEIGHBOUR)

    def must_have_stepped(self, case: str, step: int) -> None:
        if self.steps != step:
            finding = (
                f"{case}: optimizer.step() was called {self.steps} times in {step} steps: the weights are moved by your own rule."
            )
            raise Wrong(finding, "Let optimizer.step() do it, once: it knows its momentum, or is Adam.", WHOLE, STEP_NEIGHBOUR)


def judge(case, got, expected, models, single, start, step, setting: Setting) -> None:
    got = returned(case, got)
    flat = [torch.cat([p.detach().flatten() for p in m.parameters()]) for m in (*models, single, start)]
    *mine, right, begun = flat
    if step == 1 and all(torch.equal(m, begun) for m in mine):
        order = (
            "zero_grad, forward, loss, backward, exchange, then optimizer.step(). all_reduce works in place and returns nothing."
        )
        raise Wrong(f"{case}: no weight changed.", order, STEP_NEIGHBOUR)
    apart = max((m - mine[0]).abs().max().item() for m in mine)
    if apart > 1e-6 * max(1.0, setting.steep):
        raise Wrong(
            f"{case}: afterwards the workers' weights differ, by up to {apart:.2g}. They train different networks.",
            "After backward() and before optimizer.step(): all_reduce the gradient of every parameter itself (no clone of it).",
            "Exchanging the loss is not enough: no gradient flows through a number.",
            STEP_NEIGHBOUR,
        )
    if not torch.allclose(mine[0], right, atol=1e-5):
        clue = what_of_the_step(mine[0] - begun, right - begun, step, setting)
        raise Wrong(f"{case}: the weights are not those of one process. {clue}", WHOLE, ADD_UP, STEP_NEIGHBOUR)
    for rank, value in enumerate(got):
        if not math.isclose(value, expected, rel_tol=1e-4):
            how = what_of_the_loss(got, expected, setting.sizes)
            raise Wrong(
                f"{case}: the weights are right, but worker {rank} returns {value:.4f}; the loss of all is {expected:.4f}.{how}",
                "All_reduce a copy of your loss, loss.detach().clone(), and return its .item(): not the loss after the step.",
                STEP_NEIGHBOUR,
            )


def returned(case, got: Sequence) -> list[float]:
    """The workers' losses as floats."""
    if any(value is None for value in got):
        raise NotTried
    strange = next((value for value in got if isinstance(value, str | tuple | list | dict)), None)
    if strange is not None or any(isinstance(value, Tensor) and value.numel() != 1 for value in got):
        kind = "tensor of several numbers" if strange is None else type(strange).__name__
        raise Wrong(f"{case}: it returns a {kind}, expected one number.", "The loss, .item().", STEP_NEIGHBOUR)
    if any(isinstance(value, Tensor) and value.requires_grad for value in got):
        raise Wrong(
            f"{case}: it returns a tensor with its graph.", "End with .item(): a kept tensor keeps its graph.", STEP_NEIGHBOUR
        )
    return [float(value) for value in got]


def what_of_the_step(mine: Tensor, right: Tensor, step: int, setting: Setting) -> str:
    """In words, from the way the weights went and the way of one process."""
    if setting.special:
        return f"All is right before, and wrong where {setting.special}"
    if step == 2:
        return "The first step was right: the old gradients are still in the second. zero_grad() comes first."
    ratio, workers = (mine.norm() / right.norm()).item(), len(setting.sizes)
    straight = torch.cosine_similarity(mine, right, dim=0).item() > 0.999
    long = f"Your step is {ratio:.2f} times as long"
    if len(set(setting.sizes)) > 1:
        return "Equal shares came out right, unequal ones do not: the mean of the workers' means is not the batch's mean."
    if not straight:
        return f"It goes another way, {ratio:.2f} times as long: is it another loss than the mean cross entropy?"
    if ratio > 50:
        return f"{long}: divide by the number of pixels of the whole batch."
    if workers > 1 and abs(ratio - workers) < 0.1:
        return f"{long}: all_reduce adds up. Divide by the whole batch, not by your share."
    if workers > 1 and abs(ratio * workers - 1) < 0.05:
        return f"{long}: it is divided by the number of workers once more (twice), or the number was added up twice."
    if workers == 1:
        return (
            f"{long}, with one worker already, in the right direction: step() or backward() twice, or divided by a fixed number "
            "(of workers, images or pixels) in place of what is there."
        )
    return f"{long} as that of one process, in the right direction: what do you divide by, a fixed number?"


def what_of_the_loss(got: Sequence[float], expected: float, sizes: Sequence[int]) -> str:
    if max(got) - min(got) > 1e-6:
        return " Each worker returns another number: its share's loss, or one that another did not exchange."
    ratio = got[0] / expected
    if ratio > 50:
        return " That is a sum over pixels, not the mean: divide it by the number of pixels of all."
    if len(sizes) > 1 and math.isclose(ratio, len(sizes), rel_tol=0.05):
        return " That is the sum of the workers' means: add up sums over pixels, and divide by the number of them all."
    if len(set(sizes)) > 1 and ratio > 0.5:
        return " Equal shares came out right: the mean of the workers' means is not the batch's mean."
    return " Is it the loss after the step?" if 0.5 < ratio < 1 else f" That is {ratio:.3g} times as much."
