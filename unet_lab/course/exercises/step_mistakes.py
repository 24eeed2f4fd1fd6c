"""Training steps with a known mistake each, which are run from the same start as a student's."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional as F

from unet_lab.losses import cross_entropy, soft_dice_loss

NEIGHBOUR = "A neighbour, for one weight w: w.grad = None; loss = (w * 3 - 6)**2; loss.backward(); w.data -= 0.1 * w.grad."
Z, L, B, S = "zero_grad", "loss", "backward", "step"


def reference(model, optimizer, image, mask) -> float:
    """The right step."""
    model.train()
    optimizer.zero_grad()
    loss = cross_entropy(model(image), mask)
    loss.backward()
    optimizer.step()
    return loss.item()


def steps(model, optimizer, image, mask, order=(Z, L, B, S), train=True, loss=None, factor=1.0, clip=None):
    """A step with places for mistakes: the loss that it returns."""
    loss = loss or cross_entropy
    if train is not None:
        model.train(train)
    value = None
    for part in order:
        if part == Z:
            optimizer.zero_grad()
        elif part == L:
            value = loss(model(image), mask)
        elif part == B:
            (factor * value).backward(retain_graph=True)
            if clip:
                torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        else:
            optimizer.step()
    return value.item()


def image_by_image(model, optimizer, image, mask, together=False):
    model.train()
    optimizer.zero_grad()
    total = 0.0
    for one, truth in zip(image.split(1), mask.split(1), strict=True):
        if not together:
            optimizer.zero_grad()
        loss = cross_entropy(model(one), truth) / len(image)
        total += loss.item()
        (loss if together else loss * len(image)).backward()
        if not together:
            optimizer.step()
    if together:
        optimizer.step()
    return total


def late_train(model, optimizer, image, mask):
    model.eval()
    optimizer.zero_grad()
    loss = cross_entropy(model(image), mask)
    model.train()
    loss.backward()
    optimizer.step()
    return loss.item()


def step_mistakes() -> list[tuple[Callable, str, str]]:
    """Steps with a known mistake; each is run from the same start as the answer, and named where it gives the same weights."""

    def of(finding, clue, **changes):
        return (lambda *given: steps(*given, **changes)), finding, clue

    once = "One forward, one backward, one step for the whole batch."
    logits = "Give the logits to cross_entropy as they are: it has the softmax inside."

    def on(change):
        return lambda out, mask: cross_entropy(change(out), mask)

    def squared(out, mask):
        return (F.cross_entropy(out, mask, reduction="none") ** 2).mean()

    mean = "Use the mean: cross_entropy(logits, mask), or reduction='mean'."
    return [
        of("two steps were made: the optimizer's step was called twice", once, order=(Z, L, B, S, S)),
        of("two whole steps were made in one call, twice all five lines", once, order=(Z, L, B, S, Z, L, B, S)),
        of("backward was called twice: the gradient is twice as large", once, order=(Z, L, B, B, S)),
        of("the forward runs in evaluation mode, without train()", "Begin with model.train().", train=False),
        (late_train, "the forward ran in evaluation mode: train() comes after it", "Begin with model.train()."),
        of("a softmax stands before the loss", logits, loss=on(lambda z: z.softmax(1))),
        of("a sigmoid squashes the logits before the loss", logits, loss=on(torch.sigmoid)),
        of("the loss is the sum over pixels", mean, loss=lambda z, m: cross_entropy(z, m, "sum")),
        (image_by_image, "a step was made for each image, one at a time", once),
        (lambda *given: image_by_image(*given, together=True),
         "the forward runs for each image by itself: batch norm sees one image at a time, not the batch", once),
        (lambda model, optim, image, mask: steps(model, optim, image[:1], mask[:1]), "only the first image is used", once),
        of("the loss that goes backward is halved (scaled by 0.5)", once, factor=0.5),
        of("the loss that goes backward has the wrong sign: the loss rises", once, factor=-1.0),
        of("the loss is soft Dice, not cross entropy", logits, loss=soft_dice_loss),
        of("the loss is a label-smoothed cross entropy", logits, loss=lambda z, m: F.cross_entropy(z, m, label_smoothing=0.1)),
        of("the loss is another one than cross entropy: squared", logits, loss=squared),
        of("the loss is another one than cross entropy: the squared error", logits,
           loss=lambda z, m: F.mse_loss(z, F.one_hot(m, z.shape[1]).movedim(-1, 1).float())),
        of("the gradient is clipped", once, clip=0.1), of("the gradient is clipped", once, clip=1.0),
        (lambda model, optim, image, mask: steps(model, optim, image.flip(-1), mask), "the image is mirrored, no mask is", once),
        (lambda model, optim, image, mask: steps(model, optim, image - image.mean(), mask), "the image was changed before", once),
    ]  # fmt: skip
