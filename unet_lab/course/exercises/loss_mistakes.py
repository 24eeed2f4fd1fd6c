"""What the losses of notebook 06 must give, and what they give with each known mistake."""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

from unet_lab.course.agreement import Suspect

SMALL = 1e-5  # above and below, so that 0/0 is 1
MEAN = "A weighted mean divides by the sum of the weights of all pixels, weights[mask].sum(): doubled weights change nothing."
PICK = "weights[mask] is the weight of each pixel, (N, H, W), by its true class."
CLASSES = "Classes are dimension 1: dim=1, once, of the logits."
STEADY = "softmax and log_softmax subtract each pixel's own largest logit first: no exp(1000), no log(0)."


def weighted_mean(each, w):
    return (w * each).sum() / w.sum()


def pixel_losses(logits, mask):
    return -logits.log_softmax(1).gather(1, mask[:, None])[:, 0]


def true_loss(logits, mask, weights):
    return weighted_mean(pixel_losses(logits, mask), weights[mask])


def by_class(logits, mask, weights):
    each = pixel_losses(logits, mask)
    return sum(weights[k] * each[mask == k].mean() for k in range(len(weights)) if (mask == k).any()) / weights.sum()


def mean_of_class_means(logits, mask, weights):
    return by_class(logits, mask, weights) * weights.sum() / weights[mask.unique()].sum()


def not_permuted(logits, mask, weights):
    flat = logits.reshape(-1, logits.shape[1])
    return F.cross_entropy(flat, mask.reshape(-1), weight=weights)


def three_classes(logits, mask, weights):
    each, w = pixel_losses(logits, mask), weights[mask] * (mask < 3)
    return weighted_mean(each, w)


def shifted_by_the_largest_of_all(logits):
    logits = logits - logits.max()
    return logits - logits.exp().sum(1, keepdim=True).log()


def weighted_suspects() -> list[Suspect]:
    """In the lambdas: e the loss of each pixel, w its weight, z the logits, m the mask, v the weights of the classes."""

    def of(loss, finding, clue=MEAN):
        return Suspect(lambda z, m, v: loss(pixel_losses(z, m), v[m], z, m, v), finding, clue)

    def log_p(change, finding, clue=CLASSES):
        return Suspect(lambda z, m, v: weighted_mean(-change(z).gather(1, m[:, None])[:, 0], v[m]), finding, clue)

    found = [
        of(lambda e, w, z, m, v: (w * e).mean(), "The sum was divided by the number of pixels."),
        of(lambda e, w, z, m, v: (w * e).sum(), "That is the sum, not the mean."),
        of(
            lambda e, w, z, m, v: (w * e).sum() / v.sum(),
            "It is divided by the sum of the weights of the classes, not of the pixels.",
        ),
        of(lambda e, w, z, m, v: (w * e).sum() / len(m), "It is divided by the number of images, not by the weights."),
        of(lambda e, w, z, m, v: ((w * e).sum((1, 2)) / w.sum((1, 2))).mean(), "The mean was taken for each image first."),
        of(lambda e, w, z, m, v: (w * e).sum((1, 2)) / w.sum((1, 2)), "That is a loss for each image, not one number."),
        of(lambda e, w, z, m, v: w * e, "That is the loss of every pixel, not reduced to one number."),
        Suspect(by_class, "The mean was taken for each class first.", MEAN),
        of(lambda e, w, z, m, v: e.mean(), "The weights are not used.", PICK),
        of(lambda e, w, z, m, v: (w**2 * e).sum() / w.sum(), "The weights count twice (squared)."),
        of(lambda e, w, z, m, v: weighted_mean(e, 1 / w), "Your weights are the inverse, 1 / weights.", PICK),
        of(lambda e, w, z, m, v: weighted_mean(e, v.flip(0)[m]), "The weights are taken in reverse order.", PICK),
        of(lambda e, w, z, m, v: weighted_mean(e, v[z.argmax(1)]), "Your weights are those of the predicted class.", PICK),
        of(lambda e, w, z, m, v: -weighted_mean(e, w), "The sign is wrong: the loss is below 0.", "log p is below 0: a minus."),
        of(lambda e, w, z, m, v: -weighted_mean((-e).exp(), w), "There is no logarithm.", "Take log_softmax, not softmax."),
        of(lambda e, w, z, m, v: weighted_mean(1 - (-e).exp(), w), "There is no logarithm.", "The loss is -log(p), not 1 - p."),
        of(lambda e, w, z, m, v: weighted_mean(e, w) / math.log(2), "Your logarithm has the base 2 (log2).", "The natural one."),
        Suspect(lambda z, m, v: true_loss(z * v[:, None, None], m, v), "The weights multiply the logits.", PICK),
        log_p(lambda z: z.log_softmax(2), "The softmax runs over rows, not over classes."),
        log_p(lambda z: z.log_softmax(3), "The softmax runs over columns, not classes."),
        log_p(lambda z: z.log_softmax(0), "The softmax runs over the images (dim=0), not over classes."),
        log_p(lambda z: z.softmax(1).log_softmax(1), "There are two softmaxes in a row."),
        log_p(lambda z: z.softmax(1).log(), "With logits of 1000 it is infinite: softmax, then log, is log(0).", STEADY),
        log_p(lambda z: z - z.exp().sum(1, keepdim=True).log(), "With logits of 1000, exp overflows.", STEADY),
        log_p(lambda z: (z.exp() / z.exp().sum(1, keepdim=True)).log(), "With logits of 1000, exp overflows.", STEADY),
        log_p(shifted_by_the_largest_of_all, "It overflows: the maximum of the whole batch is subtracted.", STEADY),
        Suspect(lambda z, m, v: true_loss(z[:1], m[:1], v), "Only the first image of the batch counts.", MEAN),
        Suspect(mean_of_class_means, "The mean was taken for each class first, then the weighted mean of those.", MEAN),
        Suspect(not_permuted, "reshape(-1, classes) without permute: it cuts through rows of pixels, not through classes.",
                "Classes are dimension 1: first logits.permute(0, 2, 3, 1), then reshape(-1, classes)."),
        Suspect(three_classes, "Only the first three classes count; there may be any number of them.", "logits.shape[1]"),
        of(lambda e, w, z, m, v: pixel_losses(z * v[:, None, None], m).mean(),
           "The weights multiply the logits, and not the loss.", PICK),
        of(lambda e, w, z, m, v: (w * e).sum() / (v.mean() * m.numel()),
           "It is divided by the mean weight of the classes times the number of pixels, not by the weights of the pixels."),
        of(lambda e, w, z, m, v: weighted_mean(e, torch.where(w == 0, 1.0, w)),
           "A class of the weight 0 counts as if it had the weight 1.", "0 is a number too: that class does not count."),
        of(lambda e, w, z, m, v: weighted_mean(e, w.round()), "The weights are rounded to whole numbers.", PICK),
        log_p(lambda z: z.half().float().log_softmax(1), "It is computed in half precision (float16): digits are lost.",
              "Leave the logits in their own type."),
        log_p(lambda z: z.half().log_softmax(1).float(), "It is computed in half precision (float16): digits are lost.",
              "Leave the logits in their own type."),
        log_p(lambda z: z.bfloat16().float().log_softmax(1), "It is computed in half precision (bfloat16): digits are lost.",
              "Leave the logits in their own type."),
    ]  # fmt: skip
    for small in (0.1, 0.05, 0.01, 0.2):
        found.append(
            Suspect(
                lambda z, m, v, s=small: F.cross_entropy(z, m, weight=v, label_smoothing=s),
                f"The truth is smoothed (label smoothing of {small:g}).",
                "Minus log p of the true class alone.",
            )
        )
    for least in (1.0, 0.1, 0.01):
        found.append(
            of(
                lambda e, w, z, m, v, s=least: (w * e).sum() / w.sum().clamp(min=s),
                f"The sum of the weights below is held at {least:g} or more.",
            )
        )
    for least in (1.0, 0.1, 0.01, 1e-3, 1e-4):
        found.append(
            of(
                lambda e, w, z, m, v, s=least: (w * e).sum() / (w.sum() + s),
                f"A number, {least:g}, is added to the sum of the weights below.",
            )
        )
    for small in (1e-12, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5):
        finding = f"A small number, {small:g}, is added before the log: with large logits the loss is cut off."
        found.append(log_p(lambda z, s=small: (z.softmax(1) + s).log(), finding, STEADY))
    for bound in (10, 20, 30, 50, 80, 88, 100):
        found.append(log_p(lambda z, b=bound: z.clamp(-b, b).log_softmax(1), f"The logits are clamped to {bound}.", STEADY))
    return found


# -- Dice -------------------------------------------------------------------------------------------------------------


def planes(mask, classes):
    return F.one_hot(mask, classes).movedim(-1, 1).float()


def sums(p, t, dims=(0, 2, 3)):
    return (p * t).sum(dims), p.sum(dims), t.sum(dims)


def true_dice(logits, mask):
    return dice_loss(*sums(logits.softmax(1), planes(mask, logits.shape[1])))


def dice(o, p, t, small=SMALL):
    return (2 * o + small) / (p + t + small)


def dice_loss(o, p, t):
    return 1 - dice(o, p, t).mean()


def squares_below(logits, mask):
    p, t = logits.softmax(1), planes(mask, logits.shape[1])
    return 1 - ((2 * (p * t).sum((0, 2, 3)) + SMALL) / ((p * p + t).sum((0, 2, 3)) + SMALL)).mean()


def by_size(logits, mask):
    p, t = logits.softmax(1), planes(mask, logits.shape[1])
    return 1 - (dice(*sums(p, t)) * t.mean((0, 2, 3))).sum()


def classes_of_the_mask(logits, mask):
    classes = int(mask.max()) + 1
    return dice_loss(*sums(logits.softmax(1)[:, :classes], planes(mask, classes)))


def rounded(logits):
    return F.one_hot(logits.argmax(1), logits.shape[1]).movedim(-1, 1).float()


def dice_suspects() -> list[Suspect]:
    """In the lambdas: o the sum of p·t, p and t their sums, z the logits, m the mask."""
    formula = "1 - the mean over classes of 2·sum(p·t) / (sum(p) + sum(t)), with the sums over the whole batch."
    softmax = "One class per pixel: a softmax over the classes, dim=1, once, of the logits."

    def of(score, finding, clue=formula, dims=(0, 2, 3)):
        return Suspect(lambda z, m: score(*sums(z.softmax(1), planes(m, z.shape[1]), dims)), finding, clue)

    def from_(activate, finding, clue=softmax):
        return Suspect(lambda z, m: dice_loss(*sums(activate(z), planes(m, z.shape[1]))), finding, clue)

    def each(score, finding, clue=formula):
        return of(lambda o, p, t: 1 - score(o, p, t).mean(), finding, clue)

    found = [
        of(
            lambda o, p, t: dice(o, p, t).mean(),
            "That is the Dice itself, which grows as the answer gets better.",
            "A loss falls: 1 - Dice.",
        ),
        of(lambda o, p, t: -dice(o, p, t).mean(), "That is minus the Dice; the loss is 1 - Dice.", "A perfect answer costs 0."),
        each(
            lambda o, p, t: (o + SMALL) / (p + t - o + SMALL),
            "That is IoU, not Dice.",
            "Dice counts the overlap twice: " + formula,
        ),
        from_(
            rounded,
            "The probabilities were rounded to a class first.",
            "argmax has no gradient: take the probabilities as they are.",
        ),
        of(dice_loss, "Dice was taken for each image, then averaged.", "Sum over the whole batch: dim=(0, 2, 3).", (2, 3)),
        of(
            lambda o, p, t: (1 - dice(o, p, t)).sum(),
            "The classes' losses are added up.",
            "Take their mean: 3 classes must not cost triple.",
        ),
        each(lambda o, p, t: o / (p + t + SMALL), "The 2 above is missing.", "A perfect answer must give 2·n / (n + n) = 1."),
        from_(lambda z: z.sigmoid(), "You took a sigmoid."),
        from_(lambda z: z, "You took the logits as they are, without softmax."),
        of(
            lambda o, p, t: 1 - dice(o.sum(), p.sum(), t.sum()),
            "All classes were put into one Dice.",
            "One for each class, then the mean.",
        ),
        Suspect(squares_below, "The probabilities below are squared; other papers do that.", formula),
        of(lambda o, p, t: -dice(o, p, t).log().mean(), "That is minus the logarithm of the Dice."),
        of(lambda o, p, t: 1 - dice(o, p, t)[1:].mean(), "The background, class 0, is left out."),
        each(lambda o, p, t: dice(o, t, t), "Only the truth's size stands below: that is a soft recall; add sum(p) too."),
        each(lambda o, p, t: dice(o, p, p), "Only sum(p) stands below: that is a soft precision; add sum(t) too."),
        Suspect(by_size, "The classes are weighted by their size; asked is the plain mean.", formula),
        from_(lambda z: z.softmax(1).softmax(1), "There are two softmaxes in a row."),
        from_(lambda z: z.exp() / z.exp().sum(1, keepdim=True), "With logits of 1000 it gives NaN: exp overflows.", STEADY),
        from_(
            lambda z: shifted_by_the_largest_of_all(z).exp(),
            "It overflows: the maximum of the whole batch is subtracted.",
            STEADY,
        ),
        Suspect(lambda z, m: true_dice(z[:1], m[:1]), "Only the first image of the batch counts.", formula),
        Suspect(lambda z, m: true_dice(z, m.transpose(1, 2).reshape(m.shape)), "Rows and columns are exchanged.", formula),
        Suspect(lambda z, m: true_dice(z.flip(1), m), "The classes of the mask are in reverse order.", formula),
        Suspect(classes_of_the_mask, "The number of classes is taken from the mask: a class that is absent from it is left out.",
                "The logits say how many classes there are: logits.shape[1]."),
        of(lambda o, p, t: 1 - torch.where(t == 0, 1.0, dice(o, p, t)).mean(),
           "A class that is absent from the mask counts as right, also where it is predicted.",
           "Only where it is neither in the mask nor predicted is it right: the 1e-5 sees to that by itself."),
        of(lambda o, p, t: 1 - dice(o, p, t)[t > 0].mean(), "The mean is over the classes that are in the mask only.",
           "All classes: one that is absent from the mask and predicted is a mistake, and must cost."),
    ]  # fmt: skip
    for most in (0.99, 0.999, 0.9, 0.95):
        found.append(each(lambda o, p, t, s=most: dice(o, p, t).clamp(max=s), f"The Dice is held at {most:g} or less."))
    for dim in (0, 2, 3):
        found.append(from_(lambda z, d=dim: z.softmax(d), f"The softmax runs over dim={dim}, not over the classes."))
    once = "Sums over all pixels of the batch, not means and not divided by the images; then 1e-5 above and below."
    for many, what in ((lambda m: m.numel(), "means over the pixels"), (len, "sums divided by the images")):
        finding = f"They are {what}, and not sums: beside them the small number weighs more than 1e-5 beside sums."
        found.append(
            Suspect(lambda z, m, n=many: 1 - dice(*sums(z.softmax(1), planes(m, z.shape[1])), SMALL * n(m)).mean(), finding, once)
        )
    for small in (1e-3, 1e-4, 2e-4, 5e-4):
        finding = f"Your small number is {small:g}, the formula's is 1e-5."
        found.append(each(lambda o, p, t, s=small: dice(o, p, t, s), finding, once))
    for small in (1.0, 0.1, 0.01, 2.0):
        finding = f"A number as large as {small:g} is added above and below: a small class is then never missed."
        found.append(each(lambda o, p, t, s=small: dice(o, p, t, s), finding, "Add 1e-5: just enough that 0/0 does not occur."))
    return found
