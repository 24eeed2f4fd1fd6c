"""Checks of notebook 07: one training step; a learning rate that learns."""

from __future__ import annotations

import copy
import math
from functools import cache

import torch

from unet_lab.course.checking import NotTried, Wrong, must_be_function
from unet_lab.course.differences import apart
from unet_lab.course.exercises.step_mistakes import NEIGHBOUR, reference, step_mistakes
from unet_lab.course.exercises.step_situations import start, steps_elsewhere
from unet_lab.course.facts import facts
from unet_lab.course.left_alone import left_alone
from unet_lab.course.leniency import number, sequence
from unet_lab.datasets.pairs import SegmentationDataset
from unet_lab.losses import cross_entropy
from unet_lab.unet import UNet

STEPS = 30


def batch():
    images, masks = made_batch()
    return images.clone(), masks.clone()


@cache
def made_batch():
    """What `batch` copies."""
    dataset = SegmentationDataset.generated(4, size=32, first_seed=500)
    images, masks = zip(*(dataset[i] for i in range(4)), strict=True)
    return torch.stack(images), torch.stack(masks)


FIVE = "A step is five lines: zero_grad, forward, loss, backward, step. Nothing else touches the logits or the weights."


def training_step(answer) -> None:
    """my_step(model, optimizer, image, mask): forward, mean cross entropy, backward, step; returns the loss as float."""
    must_be_function(answer)
    image, mask = batch()
    image, mask = image[:3, ..., :24], mask[:3, ..., :24]  # not square
    (ours, our_optimizer), (mine, my_optimizer) = start(), start()
    heard, computed, stepped = [], [], []
    handle = mine.register_forward_hook(lambda module, given, out: heard.append({m.training for m in module.modules()}))
    mine.head.weight.register_hook(lambda gradient: computed.append(True))
    my_optimizer.register_step_post_hook(lambda *given: stepped.append(True))
    settings = settings_of(my_optimizer)
    moves, leaves, first, second, anywhere = facts(
        "it returns a number, and the weights move",
        "it trains by the optimizer, in training mode, and changes nothing else",
        "the first step is right",
        "the second step is right",
        "a step is right after old gradients, with dropout, and in double precision",
    )
    for count in (1, 2):
        expected = reference(ours, our_optimizer, image, mask)
        before = [p.detach().clone() for p in mine.parameters()]
        given = image.clone(), mask.clone()
        with moves, left_alone(NEIGHBOUR, chance=False):
            got = answer(mine, my_optimizer, *given)
        with moves:
            value = returned_from(got, given, image, mask)
            weights_must_move(before, mine, computed)
        with leaves:
            left_as_it_was(mine, my_optimizer, handle, settings, heard)
            must_have_stepped(stepped)
        with second if count == 2 else first:
            compare(answer, count, value, expected, mine, ours, image, mask)
    with anywhere:
        steps_elsewhere(answer, image, mask)


def returned_from(got, given, image, mask) -> float:
    """The loss; Wrong where it is no number, or the image or the mask is another now."""
    if not (torch.equal(given[0], image) and torch.equal(given[1], mask)):
        raise Wrong("your function changed the image or the mask that it was given.", "Make a new tensor.", NEIGHBOUR)
    return returned(got)


def must_have_stepped(stepped: list) -> None:
    if not stepped:
        finding = "the weights moved, and the step of the optimizer that you were given was never called."
        clue = "optimizer.step() moves the weights, with its own rate and memory: no other optimizer, no descent by hand."
        raise Wrong(finding, clue, NEIGHBOUR)


def settings_of(optimizer) -> list[dict]:
    return [copy.deepcopy(group | {"params": None}) for group in optimizer.param_groups]


def returned(got) -> float:
    if got is None:
        raise NotTried
    if isinstance(got, torch.Tensor):
        raise Wrong(
            f"it returns a tensor, {got.detach()}, not a number.",
            "End with: return loss.item(). A kept tensor keeps its whole graph, and memory grows with every step.",
            NEIGHBOUR,
        )
    if isinstance(got, tuple | list):
        raise Wrong(f"it returns a {type(got).__name__} of {len(got)}, expected one number.", "return loss.item()", NEIGHBOUR)
    if isinstance(got, str):
        raise Wrong("it returns text, expected a number.", "return loss.item()", NEIGHBOUR)
    return number(got)


def weights_must_move(before, mine, computed) -> None:
    still = [name for old, (name, p) in zip(before, mine.named_parameters(), strict=True) if torch.equal(old, p)]
    if len(still) < len(before):
        return
    if all(p.grad is None or not p.grad.any() for p in mine.parameters()):
        if computed:
            raise Wrong(
                "no weight changed, and no gradient is there: they were computed, and thrown away: zero_grad() after backward().",
                "Forget the old gradients first: zero_grad(), then backward(), then step().",
                NEIGHBOUR,
            )
        raise Wrong(
            "no weight changed, and no gradient is there.",
            "loss.backward() computes the gradients; it comes after the loss and before optimizer.step().",
            "Is the loss computed from what model(image) gave, without detach and without no_grad?",
            NEIGHBOUR,
        )
    raise Wrong(
        "gradients are there, but no weight changed: optimizer.step() is missing, or comes before backward().",
        "optimizer.step() uses the gradients; it comes last, after loss.backward().",
        NEIGHBOUR,
    )


def left_as_it_was(mine, optimizer, handle, settings, heard) -> None:
    frozen = [name for name, p in mine.named_parameters() if not p.requires_grad]
    if frozen:
        finding = f"{frozen[0]} is frozen: afterwards its requires_grad is False."
        raise Wrong(finding, "A step trains every parameter.", NEIGHBOUR)
    if handle.id not in mine._forward_hooks:
        raise Wrong("a hook that was there before is gone.", "Leave the hooks of others alone.", NEIGHBOUR)
    now = settings_of(optimizer)
    changed = [key for before, after in zip(settings, now, strict=True) for key in before if before[key] != after[key]]
    if changed:
        raise Wrong(f"the optimizer's setting {changed[0]} was changed.", "A step uses the optimizer as it is.", NEIGHBOUR)
    if any(len(modes) > 1 for modes in heard):
        raise Wrong(
            "only a part of the model is in training mode: the rest, a dropout say, was left in evaluation mode.",
            "model.train() switches all of it; begin with that, before the forward.", NEIGHBOUR,
        )  # fmt: skip
    if not any(True in modes for modes in heard):
        raise Wrong(
            "the model was in evaluation mode and your step left it there: batch norm did not see this batch.",
            "Begin with model.train(), before the forward.",
            "In evaluation mode batch norm uses its running averages, and those never learn.",
            NEIGHBOUR,
        )
    if not all(True in modes for modes in heard):
        raise Wrong("a forward ran in evaluation mode.", "Begin with model.train(), and call the model once.", NEIGHBOUR)


def same_weights(a, b) -> bool:
    return all(torch.allclose(x, y, rtol=1e-4, atol=1e-6) for x, y in zip(a.parameters(), b.parameters(), strict=True))


def same_statistics(a, b) -> bool:
    return all(torch.allclose(x, y, atol=1e-5) for x, y in zip(a.buffers(), b.buffers(), strict=True))


def compare(answer, count, got, expected, mine, ours, image, mask) -> None:
    same = same_weights(mine, ours)
    if same and math.isclose(got, expected, rel_tol=1e-5):
        if not same_statistics(mine, ours):
            raise Wrong(
                "the weights are right, but batch norm's running statistics are not those of one forward in train() mode.",
                "Begin with model.train(), all of it, and call model(image) once.", FIVE, NEIGHBOUR,
            )  # fmt: skip
        return
    yours, right = apart(got, expected)
    numbers = f"step {count}: your loss {yours}, expected {right}"
    if math.isclose(got, expected, rel_tol=1e-5):
        numbers = f"step {count}: your loss {got:.4f} is right"
    if math.isclose(got, expected * mask.numel(), rel_tol=1e-3):
        finding = f"{numbers}. Yours is {mask.numel()} times as large: the sum over pixels."
        raise Wrong(finding, "Use the mean: cross_entropy(logits, mask), or reduction='mean'.", NEIGHBOUR)
    ratio = got / expected
    parts = {1 / len(image): f"divided by {len(image)}, the number of images", len(image): f"times {len(image)}, the images"}
    if same and (how := next((words for value, words in parts.items() if math.isclose(ratio, value, rel_tol=1e-3)), "")):
        finding = f"{numbers}. The weights are right, the number that you return is {how}."
        raise Wrong(finding, "The loss is a mean over all pixels of the batch already: loss.item().", NEIGHBOUR)
    if same:
        with torch.no_grad():
            after = cross_entropy(copy.deepcopy(mine).train()(image), mask).item()
        when = " That is the loss after the step." if math.isclose(got, after, rel_tol=1e-3) else ""
        when = " It is rounded." if got in [round(expected, digits) for digits in range(5)] else when
        if not when and abs(ratio - 1) < 0.01:
            when = " Something small is in it (a penalty on the weights, a smoothing), or it has lost digits."
        raise Wrong(
            f"{numbers}. The weights are right, the number that you return is not.{when}",
            "Return the loss that you called backward() on, as a float.",
            NEIGHBOUR,
        )
    if count == 2:
        raise Wrong(
            f"{numbers}. The first step was right, the second is not: the gradients of the first are still in it, "
            "or the step is not the optimizer's.",
            "PyTorch adds gradients up. Call optimizer.zero_grad() before loss.backward(), and optimizer.step() after it.",
            FIVE,
            NEIGHBOUR,
        )
    diagnose(numbers, answer, got, mine, image, mask)


def diagnose(numbers, answer, got, mine, image, mask) -> None:
    """Which known mistake leads, from the same start, to the student's own weights?"""
    for mistake, finding, clue in step_mistakes():
        model, optimizer = start()
        value = mistake(model, optimizer, image, mask)
        if same_weights(mine, model) and (math.isclose(got, value, rel_tol=1e-3) or math.isclose(got, 2 * value, rel_tol=1e-3)):
            raise Wrong(f"{numbers}, and the weights went another way: {finding}.", clue, FIVE, NEIGHBOUR)
    (model, _), (ours, our_optimizer) = start(), start()
    reference(ours, our_optimizer, image, mask)
    ratios = [((m - s).norm() / (o - s).norm().clamp(min=1e-12)).item()
              for m, s, o in zip(mine.parameters(), model.parameters(), ours.parameters(), strict=True)]  # fmt: skip
    moved = [(o - s).norm() > 1e-6 for o, s in zip(ours.parameters(), model.parameters(), strict=True)]
    ratios = [ratio for ratio, moves in zip(ratios, moved, strict=True) if moves]  # a bias before a norm hardly moves
    names = [name for (name, _), moves in zip(mine.named_parameters(), moved, strict=True) if moves]
    still = [name for ratio, name in zip(ratios, names, strict=True) if ratio == 0]
    if still:
        finding = (
            f"{numbers}. {len(still)} of {len(ratios)} parameters did not move, {still[0]} is one: every one gets its gradient."
        )
        raise Wrong(finding, "Is a part frozen, or left out of backward?", FIVE, NEIGHBOUR)
    if max(ratios) - min(ratios) < 0.02 * max(ratios):
        how = f"went the right way, {ratios[0]:.3g} times as far: another gradient (clipped?), rate or optimizer"
        finding = f"{numbers}. The weights {how}."
        raise Wrong(finding, "Nothing may stand between backward() and step().", FIVE, NEIGHBOUR)
    finding = f"{numbers}, and the weights went another way. The mistake is not recognised: another loss, or another input?"
    raise Wrong(finding, "The loss is cross_entropy(model(image), mask), the mean, of the logits as they are.", FIVE, NEIGHBOUR)


def learning_rate_curve(learning_rate: float, steps: int = STEPS) -> list[float]:
    """The loss at each of `steps` Adam steps of a tiny U-Net on one batch of 4 generated cells; always the same start."""
    torch.manual_seed(0)
    image, mask = batch()
    model = UNet(base_channels=8, depth=2)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    return [reference(model, optimizer, image, mask) for _ in range(steps)]


ENOUGH = 0.22  # the mean of the last five losses: a little over twice 0.10, which is about the lowest that any rate reaches
LEAP = 1.2  # of the first loss: no loss on the way may be higher


def learning_rate(answer) -> None:
    """A learning rate with which `learning_rate_curve` comes down to ENOUGH without a leap on the way."""
    if sequence(answer) is not None:
        what = f"{len(sequence(answer))} numbers; expected one number, the rate and not the losses"
        raise Wrong(f"expected a learning rate, got {what}.", "Give one number.")
    given = number(answer, "a learning rate")
    if not math.isfinite(given):
        raise Wrong(f"{given} is no finite number.", "Adam's usual values lie between 0.0001 and 0.1.")
    if not 0 < given < math.inf:
        raise Wrong(f"{given} is not above 0.", "Adam's usual values lie between 0.0001 and 0.1.")
    curve = learning_rate_curve(given)
    end = sum(curve[-5:]) / 5
    leaps = max(curve) > LEAP * curve[0]  # it may come back from there, by luck
    if math.isfinite(end) and end <= ENOUGH and not leaps:
        return
    saw = (
        f"with {given:g} the loss goes from {curve[0]:.3f} to {end:.3f} in {STEPS} steps (the mean of the last five), at most "
        f"{max(curve):.3f} on the way; asked are {ENOUGH:g} or less, and never more than {LEAP * curve[0]:.3f}"
    )
    neighbour = "A neighbour: on f(w) = w² gradient descent with rate 0.001 crawls, with 0.4 it arrives, with 1.1 it flies off."
    if not math.isfinite(end) or leaps or given > 0.03:
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
