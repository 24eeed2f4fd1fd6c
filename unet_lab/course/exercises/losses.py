"""Checks of notebook 06: weighted cross entropy; soft Dice; the report's log, read like a detective."""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

from unet_lab.course.checking import Wrong, called, close, compare
from unet_lab.course.leniency import fields, number
from unet_lab.losses import cross_entropy, soft_dice_loss

FIRST_LOG = 1697953.4625  # the report's figure 4: "Epoch [1/10] Average Loss", a sum over batches of 3 images


def example(seed, images=2, classes=3, size=4):
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(images, classes, size, size, generator=generator)
    mask = torch.randint(0, classes, (images, size, size), generator=generator)
    return logits, mask


def weighted_cross_entropy(answer) -> None:
    """my_loss(logits (N, C, H, W), mask (N, H, W), weights (C,)): the weighted mean over pixels of -log p(true class)."""
    one = torch.tensor([2.0, 0.0]).view(1, 2, 1, 1)
    cases = [(one, torch.zeros(1, 1, 1, dtype=torch.int64), torch.tensor([1.0, 1.0]))]
    cases += [(*example(0), torch.tensor([1.0, 1.0, 1.0])), (*example(1), torch.tensor([0.5, 1.0, 4.0]))]
    for logits, mask, weights in cases:
        right = cross_entropy(logits, mask, weights=weights)
        got = called(answer, logits, mask, weights)
        log_p = logits.log_softmax(1)
        each = -log_p.gather(1, mask[:, None])[:, 0]
        w = weights[mask]
        p = log_p.exp().gather(1, mask[:, None])[:, 0]
        guessed = weights[logits.argmax(1)]
        suspects = [
            ((w * each).mean(), "The sum was divided by the number of pixels.",
             "A weighted mean divides by the sum of the weights: doubling all weights must change nothing."),
            ((w * each).sum(), "That is the sum, not the mean.", "Divide by the sum of the weights of all pixels."),
            (each.mean(), "The weights are not used.", "weights[mask] is the weight of each pixel, (N, H, W)."),
            (-right, "The sign is wrong: the loss is below 0.", "log of a probability is below 0: put a minus before it."),
            (-(w * p).sum() / w.sum(), "There is no logarithm.", "Take log_softmax, not softmax."),
            ((w * (1 - p)).sum() / w.sum(), "There is no logarithm.", "The loss is -log(p), not 1 - p."),
            ((guessed * each).sum() / guessed.sum(), "Your weights are those of the predicted class.",
             "A pixel counts by its true class: weights[mask]."),
            (wrong_axis(logits, mask, w, 2), "The softmax runs over rows, not over classes.", "Classes are dimension 1: dim=1."),
            (wrong_axis(logits, mask, w, 3), "The softmax runs over columns, not classes.", "Classes are dimension 1: dim=1."),
        ]  # fmt: skip
        compare(
            f"for logits {tuple(logits.shape)} and weights {weights.tolist()}", got, right, suspects,
            "Three steps: log_softmax over the classes; pick the true class of each pixel; the weighted mean, with a minus.",
            "Picking: log_p.gather(1, mask[:, None])[:, 0] is (N, H, W).",
            "A neighbour: marks 1 and 4, the second counts three times: (1·1 + 3·4) / (1 + 3) = 3.25.",
        )  # fmt: skip
    sure = torch.tensor([1000.0, -1000.0]).view(1, 2, 1, 1)
    got = float(called(answer, sure, torch.ones(1, 1, 1, dtype=torch.int64), torch.ones(2)))
    if not close(got, 2000.0):
        raise Wrong(
            f"for logits 1000 and -1000 and the second class true: yours {got}, expected 2000.",
            "exp(1000) is infinite, and log(0) is minus infinity. log_softmax never computes either: use it, not "
            "softmax and log.",
            "log softmax(x) = x - max - log(sum(exp(x - max))): no exponent is above 0.",
            "A neighbour: log(10^400 / 10^401) fails on a computer; 400·log(10) - 401·log(10) does not.",
        )


def wrong_axis(logits, mask, weights, axis):
    log_p = logits.log_softmax(axis).gather(1, mask[:, None])[:, 0]
    return -(weights * log_p).sum() / weights.sum()


def soft_dice(answer) -> None:
    """my_dice_loss(logits (N, C, H, W), mask (N, H, W)): 1 - the mean over classes of 2·sum(p·t) / (sum(p) + sum(t))."""
    empty = torch.zeros(1, 3, 2, 2)
    empty[:, 2] = -200
    cases = [example(3), example(4, images=3, size=6), (empty, torch.tensor([[[0, 1], [1, 1]]]))]
    for number_, (logits, mask) in enumerate(cases):
        right = soft_dice_loss(logits, mask)
        got = called(answer, logits, mask)
        t = F.one_hot(mask, 3).movedim(-1, 1).float()

        def dice(p, t=t, dims=(0, 2, 3)):
            return 2 * (p * t).sum(dims) / ((p + t).sum(dims) + 1e-9)

        p = logits.softmax(1)
        hard = F.one_hot(logits.argmax(1), 3).movedim(-1, 1).float()
        overlap = (p * t).sum((0, 2, 3))
        suspects = [
            (1 - dice(p).mean(), "The class that is nowhere got Dice 0.",
             "It is neither there nor predicted: that is right, so 1. Add something small (1e-5) above and below."),
            (1 - right, "That is the Dice itself, which grows as the answer gets better.", "A loss falls: 1 - Dice."),
            ((1 - overlap / ((p + t).sum((0, 2, 3)) - overlap)).mean(), "That is IoU, not Dice.",
             "Dice counts the overlap twice above, and adds both sizes below: 2·sum(p·t) / (sum(p) + sum(t))."),
            (1 - dice(hard).mean(), "The probabilities were rounded to a class first.",
             "argmax has no gradient: take the probabilities as they are. That is why it is called soft."),
            (1 - dice(p, dims=(2, 3)).mean(), "Dice was taken for each image, then averaged.",
             "Sum over the whole batch: dim=(0, 2, 3). (Per image is done too; then small objects in one image weigh more.)"),
            ((1 - dice(p)).sum(), "The classes' losses are added up.", "Take their mean: 3 classes must not cost triple."),
            (1 - dice(p).mean() / 2, "The 2 above is missing.", "A perfect answer must give 2·n / (n + n) = 1."),
            (1 - dice(logits.sigmoid()).mean(), "You took a sigmoid.", "One class per pixel: a softmax over the classes."),
            (1 - dice(logits).mean(), "You took the logits as they are.", "First the softmax over the classes: probabilities."),
            (1 - dice(p, dims=(0, 1, 2, 3)), "All classes were put into one Dice.", "One Dice for each class, then the mean."),
        ]  # fmt: skip
        shown = f"for logits {tuple(logits.shape)}" + (", with a class in neither truth nor prediction" if number_ == 2 else "")
        compare(
            shown, got, right, suspects,
            "Add something small (1e-5) above and below: a class that is nowhere then gets Dice 1, not 0/0." if number_ == 2 else
            "Probabilities (softmax), the truth as one-hot planes, sums over dim=(0, 2, 3), then the mean over classes.",
            "F.one_hot(mask, 3).movedim(-1, 1) has the logits' shape.",
            "A neighbour: p = [0.5, 1], t = [0, 1]: 2·1 / (1.5 + 1) = 0.8, so the loss is 0.2.",
        )  # fmt: skip


def detective(answer) -> None:
    """A dictionary: the first logged loss per pixel at two sizes, what knowing nothing costs, the size, the number of images."""
    keys = ("per_pixel_at_1024", "per_pixel_at_512", "knowing_nothing", "image_size", "training_images")
    answer = fields(answer, keys)
    large, small, nothing, size, images = (number(answer[k]) for k in keys)
    neighbour = (
        "A neighbour: a bill of 120 for a table of 4 is 30 a head. If nothing on the card costs over 20, there were more than 4."
    )
    for key, pixels, got in (("per_pixel_at_1024", 1024**2, large), ("per_pixel_at_512", 512**2, small)):
        right = FIRST_LOG / (3 * pixels)
        if close(got, right, 0.005):
            continue
        known = {FIRST_LOG / pixels: "forgets that a batch has 3 images", FIRST_LOG / 3: "is the loss per image, not per pixel"}
        known[FIRST_LOG / (3 * pixels**0.5)] = "divides by one side of the image only"
        reason = next((text for value, text in known.items() if close(got, value, 0.01 * value)), "does not fit")
        raise Wrong(
            f"{key}: yours {got:.4g} {reason}.",
            "The log is a sum over a batch: 3 images, each with size · size pixels. Divide by all of them.",
            neighbour,
        )
    if not close(nothing, math.log(3), 0.005):
        known = [(1 / 3, "is the probability; the loss is its -ln"), (math.log2(3), "is in bits; this loss is in nats")]
        reason = next((text for value, text in known if close(nothing, value, 0.01)), "is another number")
        raise Wrong(
            f"knowing_nothing: yours {nothing:.4g} {reason}.",
            "A network that knows nothing gives each of 3 classes 1/3. Cross entropy is -ln(1/3).",
            "A neighbour: with 2 classes it is ln 2 = 0.693.",
        )
    if size != 1024:
        raise Wrong(
            f"image_size: {size:g}? At 512 a pixel would cost {FIRST_LOG / 3 / 512**2:.2f} on average over the first epoch.",
            "That is above what knowing nothing costs. Networks are worse than that for some steps, not for a whole epoch.",
            neighbour,
        )
    if not close(images, 180, 3):
        reason = "is the number of batches; each has 3 images" if close(images, 60, 1) else "does not fit"
        raise Wrong(
            f"training_images: {images:g} {reason}.",
            "1697953.4625 times 480 is whole. float32 sums of this size are multiples of 1/8: 480 = 8 · 60, so "
            "the mean is over 60 batches.",
            "A neighbour: an average mark of 2.35 is a multiple of 1/20: 20 pupils fit, 7 do not.",
        )
