"""Checks of notebook 06: weighted cross entropy; soft Dice; the report's log, read like a detective."""

from __future__ import annotations

import math

import torch

from unet_lab.course.agreement import Case, Shown, agree
from unet_lab.course.checking import Wrong, called, close
from unet_lab.course.exercises.loss_mistakes import (
    dice,
    dice_loss,
    dice_suspects,
    planes,
    sums,
    true_dice,
    true_loss,
    weighted_suspects,
)
from unet_lab.course.facts import counted, facts
from unet_lab.course.gradients import gradients_must_agree
from unet_lab.course.leniency import fields, number, sequence

FIRST_LOG = 1697953.4625  # the report's figure 4: "Epoch [1/10] Average Loss", a sum over batches of 3 images
LAST_LOG = 985221.6322916667  # of the last epoch


def loss_cases(seed: int) -> list[tuple[torch.Tensor, torch.Tensor, tuple[str, ...]]]:
    """Logits, mask and tags: 2 to 5 classes, images that are not square, rare and absent classes, logits of 1000."""
    generator = torch.Generator().manual_seed(seed)
    found = []
    shapes = [(1, 2, 1, 1, 1.0), (2, 3, 4, 4, 2.0), (3, 3, 4, 6, 2.0), (1, 4, 5, 3, 2.0), (2, 5, 3, 4, 3.0), (3, 2, 2, 5, 1.0)]
    for images, classes, height, width, scale in [*shapes, (2, 3, 3, 5, 0.1), (2, 3, 3, 2, 1000.0), (2, 4, 2, 3, 300.0)]:
        logits = scale * torch.randn(images, classes, height, width, generator=generator)
        shares = torch.rand(images, classes, generator=generator) ** 3
        mask = torch.multinomial(shares, height * width, replacement=True, generator=generator).view(images, height, width)
        if images == 1 and classes == 4:
            mask[mask == 3] = 0  # a class that is nowhere, and the last one
        found.append((logits, mask, tags_of(logits, mask)))
    far = torch.tensor([1000.0, -1000.0, 0.0, 3.0, -400.0, 400.0]).view(3, 2, 1, 1)
    found.append((far, torch.tensor([1, 0, 1]).view(3, 1, 1), tags_of(far, torch.tensor([1, 0, 1]).view(3, 1, 1))))
    return found


def tags_of(logits, mask) -> tuple[str, ...]:
    classes = logits.shape[1]
    tags = {
        "logits are large, hundreds or 1000 (an exp overflows, or a log of 0 is infinite)": float(logits.abs().max()) > 100,
        "there are not 3 classes (it works for 3 classes only)": classes != 3,
        "a class is absent: nowhere in the mask": len(mask.unique()) < classes,
        "the last class is absent from the mask": int(mask.max()) < classes - 1,
        "the images are not square": mask.shape[1] != mask.shape[2],
        "there is more than one image in the batch": len(mask) > 1,
    }
    return tuple(tag for tag, holds in tags.items() if holds)


ONE_PIXEL = (torch.zeros(1, 1, 1, dtype=torch.int64), torch.tensor([1.0, 1.0]))


def weighted_cross_entropy(answer) -> None:
    """my_loss(logits (N, C, H, W), mask (N, H, W), weights (C,)): the weighted mean over pixels of -log p(true class)."""
    generator = torch.Generator().manual_seed(5)
    cases = [Case("for logits (1, 2, 1, 1) and weights [1.0, 1.0]", (torch.tensor([2.0, 0.0]).view(1, 2, 1, 1), *ONE_PIXEL), ())]
    for logits, mask, tags in loss_cases(0):
        cases.append(weighted_case(logits, mask, 0.2 + 3 * torch.rand(logits.shape[1], generator=generator), tags))
    logits, mask, tags = loss_cases(2)[2]
    nothing, little = torch.tensor([1.5, 0.0, 0.7]), torch.tensor([0.003, 0.001, 0.0005])
    cases.append(weighted_case(logits, mask, nothing, (*tags, "a class has the weight 0: it must not count at all")))
    cases.append(weighted_case(logits, mask, little, (*tags, "the weights are small: all of them together are below 1")))
    sure = torch.tensor([1000.0, -1000.0]).view(1, 2, 1, 1)
    large = ("logits are large, hundreds or 1000 (an exp overflows, or a log of 0 is infinite)",)
    cases.append(
        Case("for logits 1000 and -1000 and the second class true", (sure, torch.ones(1, 1, 1).long(), torch.ones(2)), large)
    )
    hints = (
        "Picking: log_p.gather(1, mask[:, None])[:, 0] is (N, H, W).",
        "A neighbour: marks 1 and 4, the second counts three times: (1·1 + 3·4) / (1 + 3) = 3.25.",
    )
    otherwise = "Three steps: log_softmax over the classes; pick the true class of each pixel; the weighted mean, with a minus."
    computes, passes_back = facts("it computes the loss", "its gradient is that of the loss")
    with computes:
        agree(answer, true_loss, cases, weighted_suspects(), Shown(otherwise, hints))
    with passes_back:
        for case in cases[1:]:
            logits, *rest = case.given
            gradients_must_agree(lambda z, r=rest: answer(z, *r), lambda z, r=rest: true_loss(z, *r), {"logits": logits}, *hints)


def weighted_case(logits, mask, weights, tags) -> Case:
    rounded = [float(f"{weight:.3g}") for weight in weights.tolist()]
    said = f"for logits {tuple(logits.shape)} up to {float(logits.abs().max()):.0f} and weights {rounded}"
    return Case(said, (logits, mask, weights), tags)


def soft_dice(answer) -> None:
    """my_dice_loss(logits (N, C, H, W), mask (N, H, W)): 1 - the mean over classes of 2·sum(p·t) / (sum(p) + sum(t))."""
    cases = [
        Case(f"for logits {tuple(logits.shape)} up to {float(logits.abs().max()):.0f}", (logits, mask), tags)
        for logits, mask, tags in loss_cases(1)[1:]
        if float(logits.abs().max()) < 100 or len(mask.unique()) == logits.shape[1]
    ]
    hints = (
        "F.one_hot(mask, classes).movedim(-1, 1) has the logits' shape.",
        "A neighbour: p = [0.5, 1], t = [0, 1]: 2·1 / (1.5 + 1) = 0.8, so the loss is 0.2.",
    )
    otherwise = "Probabilities (softmax), the truth as one-hot planes, sums over dim=(0, 2, 3), then the mean over classes."
    computes, takes_absent, passes_back = facts(
        "it computes the loss", "a class that is nowhere counts as right", "its gradient is that of the loss"
    )
    with computes:
        agree(answer, true_dice, [*cases, *extreme_cases()], dice_suspects(), Shown(otherwise, hints, tolerance=1e-5))
    with takes_absent:
        absent(answer, hints)
    with passes_back:
        for logits, mask in (case.given for case in cases):
            gradients_must_agree(lambda z, m=mask: answer(z, m), lambda z, m=mask: true_dice(z, m), {"logits": logits}, *hints)


def extreme_cases() -> list[Case]:
    """Everything right, and everything wrong: the loss is 0 and 1."""
    mask = torch.arange(48).view(2, 4, 6) % 3
    sure = 60.0 * planes(mask, 3) - 30
    return [
        Case("where every pixel is right", (sure, mask), ("every pixel is right: the loss is 0, and no less can be reached",)),
        Case("where every pixel is wrong", (sure, (mask + 1) % 3), ("every pixel is wrong: the loss is 1",)),
    ]


def absent(answer, hints) -> None:
    """A class in neither truth nor prediction: its Dice is 0/0, and with the 1e-5 it is 1."""
    logits, mask = torch.zeros(1, 3, 2, 3), torch.tensor([[[0, 1, 1], [1, 1, 0]]])
    logits[:, 2] = -200
    two = dice(*sums(logits.softmax(1), planes(mask, 3)), 0.0)[:2]
    got = float(called(answer, logits, mask))
    perfect = float(1 - (two.sum() + 1) / 3)
    if close(got, perfect, 1e-4):
        hardly_there(answer, hints)
        return
    small = "It is neither there nor predicted: that is right, so 1. Add something small (1e-5) above and below."
    known = [
        (float(1 - two.mean()), "the class that is nowhere is left out of the mean; the formula counts it as 1, since the 1e-5 "
         "makes 1 of 0/0"),
        (float(1 - two.sum() / 3), "the class that is nowhere got Dice 0, so the loss cannot become 0"),
        (float(1 - (two.sum() + 2) / 3), "the class that is nowhere got Dice 2: the small number above is doubled with the sum, "
         "2·(sum + 1e-5); the formula adds it once"),
        (float(1 - (two.sum() + 0.5) / 3), "the class that is nowhere got Dice 0.5: the small number stands twice below"),
    ]  # fmt: skip
    finding = next((words for value, words in known if close(got, value, 1e-4)), "")
    if math.isnan(got):
        finding = "where a class is nowhere, neither in truth nor in prediction, the loss is NaN: 0/0"
    finding = finding or f"where a class is nowhere, yours is {got:.4f}, expected {perfect:.4f}"
    raise Wrong(f"for a class in neither truth nor prediction: {finding}.", small, *hints)


def hardly_there(answer, hints) -> None:
    """A class that is nowhere, and predicted with a millionth at each pixel of four images: here the 1e-5 weighs something."""
    logits, mask = torch.zeros(4, 3, 8, 8), torch.arange(256).view(4, 8, 8) % 2
    logits[:, 2] = -14
    overlap, p, t = sums(logits.softmax(1), planes(mask, 3))
    got, right = float(called(answer, logits, mask)), float(dice_loss(overlap, p, t))
    if close(got, right, 3e-4):
        return
    where = "for four images of 8 x 8, and a class that is nowhere and has the logit -14"
    off = {e: abs(got - float(1 - dice(overlap, p, t, e).mean())) for e in OTHERS}
    added = min(OTHERS, key=off.get)
    if off[added] < 3e-4:
        finding = f"{where}: yours {got:.3f}, expected {right:.3f}: your small number is about {added:g}, the formula's is 1e-5."
        raise Wrong(finding, "The number above and below is 1e-5, once, beside the sums over the whole batch.", *hints)
    weight = "more" if got < right else "less"
    finding = f"{where}: yours {got:.3f}, expected {right:.3f}: the small number weighs {weight} than 1e-5 beside the sums."
    clue = "Sums over all pixels of the batch, not means and not divided by the images; then 1e-5 above and below."
    raise Wrong(finding, clue, *hints)


OTHERS = (0.0, *(digit * 10.0**power for power in range(-12, -2) for digit in (1, 2, 5)))  # in place of the 1e-5


def detective(answer) -> None:
    """A dictionary: the first logged loss per pixel at two sizes, what knowing nothing costs, the size, the number of images."""
    keys = ("per_pixel_at_1024", "per_pixel_at_512", "knowing_nothing", "image_size", "training_images")
    answer = fields(answer, keys)
    size_given = sequence(answer["image_size"])
    if size_given and len(set(size_given)) == 1:
        answer["image_size"] = size_given[0]  # (1024, 1024)
    large, small, nothing, size, images = (number(answer[k]) for k in keys)
    right = [
        close(large, FIRST_LOG / (3 * 1024**2), 0.001),
        close(small, FIRST_LOG / (3 * 512**2), 0.001 * FIRST_LOG / (3 * 512**2)),
        close(nothing, math.log(3), 0.005),
        size == 1024,
        close(images, 180, 0.5),
    ]
    with counted(sum(right), of=len(right)):
        explain_the_log(large, small, nothing, size, images)


def explain_the_log(large: float, small: float, nothing: float, size: float, images: float) -> None:
    """Wrong for the first of the five that is not right."""
    neighbour = (
        "A neighbour: a bill of 120 for a table of 4 is 30 a head. If nothing on the card costs over 20, there were more than 4."
    )
    if close(large, FIRST_LOG / (3 * 512**2), 0.005) and close(small, FIRST_LOG / (3 * 1024**2), 0.005):
        raise Wrong("per_pixel_at_1024 and per_pixel_at_512 are swapped.", "More pixels, less for each.", neighbour)
    for key, pixels, got in (("per_pixel_at_1024", 1024**2, large), ("per_pixel_at_512", 512**2, small)):
        right = FIRST_LOG / (3 * pixels)
        if close(got, right, 0.001 * max(1, right)):
            continue
        if close(got, right, 0.1 * right):
            finding = f"{key}: yours {got:.5g} is near, and not right to three digits."
            raise Wrong(finding, "Compute it with all digits, and round at the end, not to fewer than three.", neighbour)
        known = {FIRST_LOG / pixels: "forgets that a batch has 3 images", FIRST_LOG / 3: "is the loss per image, not per pixel"}
        known[FIRST_LOG / (3 * pixels**0.5)] = "divides by one side of the image only"
        known[LAST_LOG / (3 * pixels)] = "is that of the last epoch; asked is the first loss in the log"
        known[2 * FIRST_LOG / (3 * 1024**2)] = (
            "is twice the other; half the width and half the height are a quarter of the pixels"
        )
        known[right // 1] = "is a whole number: // cuts off what comes after the point, / divides"
        reason = next((text for value, text in known.items() if close(got, value, 0.01 * value)), "does not fit")
        raise Wrong(
            f"{key}: yours {got:.4g} {reason}.",
            "The log is a sum over a batch: 3 images, each with size · size pixels. Divide by all of them.",
            neighbour,
        )
    if not close(nothing, math.log(3), 0.005):
        known = [
            (1 / 3, "is the probability; the loss is its -ln (log)"),
            (math.log2(3), "is in bits (log2, base two); this loss is in nats: the natural logarithm"),
            (math.log10(3), "is the logarithm of base ten (log10); this loss is in nats: the natural one"),
            (math.log(2), "is ln 2, for two classes; here there are 3"),
            (-math.log(3), "has the wrong sign: ln of 1/3 is negative, the loss is minus that"),
            (3, "is the number of classes; the loss is its logarithm, ln"),
            (3 * math.log(3), "is the sum over the 3 classes; a pixel has one true class, and its loss is that one's -ln"),
            (math.log(3) / 3, "is divided by the 3 classes; a pixel has one true class, and its loss is that one's -ln"),
            (1, "is rounded to a whole number; give three digits"),
            (1.1, "is near, and not right to three digits"),
        ]
        reason = next((text for value, text in known if close(nothing, value, 0.01)), "is another number")
        raise Wrong(
            f"knowing_nothing: yours {nothing:.4g} {reason}.",
            "A network that knows nothing gives each of 3 classes 1/3. Cross entropy is -ln(1/3).",
            "A neighbour: with 2 classes it is ln 2 = 0.693.",
        )
    if size == 1024**2:
        raise Wrong("image_size: that is the number of pixels; asked is the side, how wide it is.", "The square root.", neighbour)
    if size not in (512, 1024):
        raise Wrong(f"image_size: {size:g} is none of the two, 1024 or 512.", "Which of the two fits the loss?", neighbour)
    if size != 1024:
        raise Wrong(
            f"image_size: {size:g}? At 512 a pixel would cost {FIRST_LOG / 3 / 512**2:.2f} on average over the first epoch.",
            "That is above what knowing nothing costs. Networks are worse than that for some steps, not for a whole epoch.",
            neighbour,
        )
    if not close(images, 180, 0.5):
        known = {60: "is the number of batches; each has 3 images", 225: "are all images, validation too; 80 % train"}
        known |= {480: "is the denominator, 8 · 60, not the number of images", 45: "are those for validation, not for training"}
        known |= {
            20: "is 60 / 3: but the 60 are batches, of 3 images each",
            1440: "is 3 · 480; but 480 = 8 · 60, and 60 are the batches",
        }
        reason = next((text for value, text in known.items() if close(images, value, 0.5)), "does not fit")
        raise Wrong(
            f"training_images: {images:g} {reason}.",
            "1697953.4625 times 480 is whole. float32 sums of this size are multiples of 1/8: 480 = 8 · 60, so "
            "the mean is over 60 batches.",
            "A neighbour: an average mark of 2.35 is a multiple of 1/20: 20 pupils fit, 7 do not.",
        )
