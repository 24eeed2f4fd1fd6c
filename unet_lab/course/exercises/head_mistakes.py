"""The head of a network by hand, and what students make of it instead."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import numpy as np

from unet_lab.course.agreement import Suspect

TRICK = (
    "exp(1000) overflows. Softmax stays what it is when the same number is taken off all logits of a pixel: take off the largest "
    "of that pixel. For the sigmoid, exp(-|logit|) never overflows."
)
YES_NO = "With one class, softmax divides a number by itself: 1 everywhere. The sigmoid, 1 / (1 + exp(-logit)), is for yes or no."
ONE_OF = "Of several classes a pixel has exactly one: softmax, over the classes, so that they add up to 1 at each pixel."
SUMS = "Logits of class k at a pixel: weights[k] times the features there, channel by channel, plus bias[k]."
CLIPS = (1, 2, 5, 10, 15, 20, 30, 50, 80, 88, 100, 500, 700, 709)
PLACES = (0, 1, 2)  # decimal places; with three the difference is within what is allowed
OVERFLOW = "exp of a large logit overflows: inf/inf is NaN."


def logits_of(features, weights, bias) -> np.ndarray:
    """(C, H, W), (K, C), (K,): the logits (K, H, W)."""
    return np.einsum("kc,chw->khw", weights, features) + np.asarray(bias)[:, None, None]


def softmax(logits, axis=0) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def sigmoid(logits) -> np.ndarray:
    small = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1 / (1 + small), small / (1 + small))


def probabilities(logits) -> np.ndarray:
    return sigmoid(logits) if len(logits) == 1 else softmax(logits)


def right_head(features, weights, bias) -> np.ndarray:
    return probabilities(logits_of(features, weights, bias))


class Ending(NamedTuple):
    """What is made of the logits. finding : what is wrong with it, "" for nothing."""

    function: Callable
    finding: str = ""
    clue: str = ""


def shares(powers) -> np.ndarray:
    return powers / powers.sum(axis=0, keepdims=True)


def endings_of_one() -> list[Ending]:
    """What students do with a single logit, the right thing first."""
    return [
        Ending(sigmoid),
        Ending(softmax, "Softmax for a single class gives 1 everywhere.", YES_NO),
        Ending(lambda z: z, "With one class, those are the logits: the sigmoid is missing.", YES_NO),
        Ending(lambda z: np.exp(z) / (1 + np.exp(z)), f"With one class: {OVERFLOW}", TRICK),
        Ending(lambda z: np.exp(z) / np.exp(z).sum(axis=0), "Softmax for a single class gives 1 everywhere, or NaN.", YES_NO),
        Ending(lambda z: 1 / (1 + np.exp(z)), "With one class the sign in the sigmoid is turned: that is no, not yes.", YES_NO),
        Ending(lambda z: np.exp(z), "With one class, exp alone is no probability.", YES_NO),
        Ending(lambda z: z > 0, "With one class, those are decisions, not probabilities.", YES_NO),
        Ending(
            lambda z: np.stack([1 - sigmoid(z[0]), sigmoid(z[0])]),
            "With one class you return two maps, no and yes.",
            "As many maps as classes: one class, one map.",
        ),
        Ending(
            lambda z: -np.logaddexp(0, -z),
            "With one class, that is the logarithm of the probability.",
            "No log: it lies in 0 to 1.",
        ),
        Ending(lambda z: sigmoid(sigmoid(z)), "With one class, the sigmoid is taken twice.", "Once: 1 / (1 + exp(-logit))."),
        Ending(lambda z: sigmoid(np.log(2) * z), "With one class, the base is 2, not e.", "np.exp, not 2 **."),
        *(
            Ending(lambda z, n=n: sigmoid(np.clip(z, -n, n)), f"With one class, the logits are clipped at {n}.", TRICK)
            for n in CLIPS
        ),
        *(
            Ending(lambda z, n=n: sigmoid(z).round(n), "With one class, the probability is rounded.", "Do not round.")
            for n in PLACES
        ),
        Ending(lambda z: sigmoid(z)[0], "With one class the axis of the classes is lost.", "Return (1, H, W)."),
    ]


def endings_of_several() -> list[Ending]:
    """What students do with several logits, the right thing first."""
    one_max = "You take off the largest logit of the whole image: at a pixel far below it all powers become 0, and 0/0 is NaN."
    return [
        Ending(softmax),
        Ending(lambda z: z, "With several classes, those are the logits: the softmax is missing.", ONE_OF),
        Ending(sigmoid, "A sigmoid for each of several classes: they do not add up to 1.", ONE_OF),
        Ending(lambda z: np.exp(z) / (1 + np.exp(z)), "A sigmoid for each of several classes: they do not add up to 1.", ONE_OF),
        Ending(lambda z: softmax(z, 1), "The softmax goes over the rows of the image (axis 1), not over the classes.", ONE_OF),
        Ending(lambda z: softmax(z, 2), "The softmax goes over the columns of the image (axis 2), not over the classes.", ONE_OF),
        Ending(lambda z: softmax(z, (0, 1, 2)), "The softmax goes over the whole image: all pixels add up to 1.", ONE_OF),
        Ending(lambda z: softmax(z, (1, 2)), "The softmax goes over the pixels of each class: each map adds up to 1.", ONE_OF),
        Ending(lambda z: np.exp(z) / np.exp(z).sum(), "The softmax goes over the whole image, and it overflows.", ONE_OF),
        Ending(lambda z: shares(np.exp(z - z.max())), one_max, TRICK),
        Ending(lambda z: shares(np.exp(z)), OVERFLOW, TRICK),
        Ending(
            lambda z: np.exp(z - z.max(axis=0)),
            "The powers are not divided by their sum: they do not add up to 1.",
            ONE_OF,
        ),
        Ending(lambda z: np.exp(z), "exp alone: the powers are not divided by their sum, and they overflow.", ONE_OF),
        Ending(lambda z: z / z.sum(axis=0), "The logits are divided by their sum, without exp.", ONE_OF),
        Ending(lambda z: (z == z.max(axis=0)) * 1.0, "Those are 0 and 1: the largest takes all.", ONE_OF),
        Ending(lambda z: softmax(z).argmax(axis=0), "Those are the classes with the largest logit, not probabilities.", ONE_OF),
        Ending(lambda z: softmax(z).max(axis=0), "That is the largest probability only.", "One map for each class."),
        Ending(lambda z: np.log(softmax(z)), "Those are logarithms of the probabilities.", "No log: they lie in 0 to 1."),
        Ending(lambda z: softmax(-z), "The sign of the logits is turned: a large logit gets a small probability.", ONE_OF),
        Ending(lambda z: softmax(z) > 0.5, "Those are decisions, 0 or 1, not probabilities.", "No threshold."),
        *further_endings(),
        Ending(lambda z: softmax(z)[::-1], "The classes are in reverse order.", "Class k stands at place k."),
    ]


def further_endings() -> list[Ending]:
    """Softmaxes that are almost right."""
    largest = "Take off the largest logit of each pixel, over the classes: logits.max(axis=0), with its sign."
    far = "where all logits are far below 0, all powers become 0, and 0/0 is NaN."
    own = "You take off the largest of each class over the pixels: it must be one number for all classes of a pixel."
    clipped = "The logits are clipped: large ones that differ become equal."
    two = "A sigmoid for two classes: they do not add up to 1. Only one class alone is yes or no."
    return [
        Ending(lambda z: shares(np.exp(z - z.max(axis=(1, 2), keepdims=True))), own, largest),
        Ending(lambda z: shares(np.exp(z - z.max(axis=2, keepdims=True))), own, largest),
        Ending(lambda z: shares(np.exp(z - z.mean(axis=0))), "The mean is taken off, not the largest: exp overflows.", largest),
        Ending(lambda z: shares(np.exp(z - z.min(axis=0))), "The smallest is taken off: exp overflows.", largest),
        Ending(lambda z: shares(np.exp(z - np.abs(z).max(axis=0))),
               f"You take off the largest magnitude (abs): {far}", largest),
        Ending(lambda z: shares(np.exp(z - np.maximum(z.max(axis=0), 0))),
               f"You take off the largest, or 0: {far}", largest),
        *(Ending(lambda z, n=n: softmax(np.clip(z, -n, n)), clipped, TRICK) for n in CLIPS),
        Ending(lambda z: sigmoid(z) if len(z) == 2 else softmax(z), two, ONE_OF),
        Ending(lambda z: np.moveaxis(softmax(z), 0, -1), "The classes stand last, (H, W, classes).", "Return (classes, H, W)."),
        Ending(lambda z: z - z.max(axis=0) - np.log(np.exp(z - z.max(axis=0)).sum(axis=0)),
               "Those are logarithms of the probabilities.", "No log: they lie in 0 to 1."),
        Ending(lambda z: (z - z.min(axis=0)) / np.maximum((z - z.min(axis=0)).sum(axis=0), 1e-12),
               "The logits are shifted and divided by their sum, without exp.", ONE_OF),
        Ending(lambda z: np.abs(z) / np.abs(z).sum(axis=0), "The magnitudes are divided by their sum, without exp.", ONE_OF),
        Ending(lambda z: softmax(np.log(2) * z), "The powers have the base 2, not e: exp is missing.", "np.exp, not 2 **."),
        Ending(lambda z: softmax(np.log(10) * z), "The powers have the base 10, not e: exp is missing.", "np.exp, not 10 **."),
        *(Ending(lambda z, e=small: np.exp(z - z.max(axis=0)) / (np.exp(z - z.max(axis=0)).sum(axis=0) + e),
                 f"Something ({small:g}) is added to the sum: they do not add up to 1. The sum is never 0.", ONE_OF)
          for small in (1.0, 0.1, 0.01, 0.001)),
        *(Ending(lambda z, n=n: softmax(z).round(n), "The probabilities are rounded.", "Do not round.") for n in PLACES),
        Ending(lambda z: softmax(softmax(z)), "The softmax is taken twice.", "Once."),
        Ending(lambda z: softmax(sigmoid(z)), "A softmax of a sigmoid: one of the two is too many.", ONE_OF),
        Ending(lambda z: sigmoid(softmax(z)), "A sigmoid of a softmax: one of the two is too many.", ONE_OF),
    ]  # fmt: skip


def ending_suspects() -> list[Suspect]:
    """Every ending for one class with every ending for several, but for the right ones together."""
    found = []
    for one, several in product(endings_of_one(), endings_of_several()):
        if not one.finding and not several.finding:
            continue
        said = " ".join(part.finding for part in (several, one) if part.finding)

        def ended(features, weights, bias, one=one, several=several):
            logits = logits_of(features, weights, bias)
            return (one if len(logits) == 1 else several).function(logits)

        found.append(Suspect(ended, said, several.clue or one.clue))
    return found


def logit_suspects() -> list[Suspect]:
    """Mistakes before the ending."""

    def fed(change, finding, clue=SUMS):
        return Suspect(lambda f, w, b: probabilities(change(f, w, b)), finding, clue)

    def along_width(f, w, b):
        z = logits_of(f, w, 0 * b)
        return z + (b if len(b) == z.shape[2] else b[:, None, None])

    def along_height(f, w, b):
        z = logits_of(f, w, 0 * b)
        return z + (b[:, None] if len(b) == z.shape[1] else b[:, None, None])

    axes = "bias[:, None, None] has the axes (classes, 1, 1); bias alone is laid along the last axis."
    off = "The largest logit of each pixel is taken off, after the weighted sum: not the largest feature."
    floats = "np.zeros(shape) makes floats (float64); zeros_like of an array has that array's type."
    coarse = "too coarse, their differences are lost."
    stay = "Each pixel stays where it is."
    back = "A map of H·W numbers comes back with reshape(classes, H, W)."
    return [
        fed(lambda f, w, b: logits_of(f, w, 0 * b), "The bias is missing."),
        fed(lambda f, w, b: logits_of(f, w, -b), "The bias is taken off, not added."),
        fed(lambda f, w, b: logits_of(f, w, 2 * b), "The bias is added twice."),
        fed(lambda f, w, b: logits_of(f, w, 0 * b + b[0]), "Every class gets the bias of the first."),
        fed(lambda f, w, b: logits_of(f, w, b * len(f)), "The bias is added once for each channel."),
        fed(lambda f, w, b: logits_of(f, w / len(f), b), "That is the mean over the channels, not the sum."),
        fed(
            lambda f, w, b: logits_of(f, w.T.reshape(w.shape), b), "The weights are transposed: weights[k] are those of class k."
        ),
        fed(lambda f, w, b: logits_of(f, w, b * (len(w) > 1)), "The bias is missing where there is one class."),
        fed(lambda f, w, b: logits_of(f, w, b * (len(w) == 1)), "The bias is missing where there are several classes."),
        fed(along_width, "The bias is added along the width where that is as long as the classes.", axes),
        fed(
            along_height,
            "The bias is added along the height where that is as long as the classes.",
            axes,
        ),
        fed(
            lambda f, w, b: logits_of(f, w.T if len(w) == len(f) else w, b),
            "The weights are transposed where there are as many classes as channels: weights[k] are those of class k.",
        ),
        fed(lambda f, w, b: logits_of(f - f.max(axis=0), w, b), "The largest is taken off the features.", off),
        fed(lambda f, w, b: logits_of(f - f.max(), w, b), "The largest is taken off the features.", off),
        fed(
            lambda f, w, b: logits_of(f, w, b).astype(f.dtype),
            "The logits have the type of the features: where that is whole numbers, their fractions are cut off.",
            floats,
        ),
        fed(
            lambda f, w, b: logits_of(f, w.astype(f.dtype), b),
            "The weights get the type of the features: where that is whole numbers, their fractions are cut off.",
            floats,
        ),
        fed(
            lambda f, w, b: logits_of(f.astype(w.dtype), w, b),
            "The features get the type of the weights: where that is whole numbers, their fractions are cut off.",
            floats,
        ),
        *(
            fed(lambda f, w, b, t=kind: logits_of(f, w, b).astype(t).astype(float), f"The logits are {kind}: {coarse}", floats)
            for kind in ("float16", "int64", "int32")
        ),
        fed(
            lambda f, w, b: logits_of(f.reshape(-1, len(f)).T.reshape(f.shape), w, b),
            "Channels and pixels are mixed up in a reshape: it does not move an axis.",
            "features.reshape(channels, -1) keeps each channel in one row; to move an axis there is transpose.",
        ),
        fed(lambda f, w, b: logits_of(f[::-1], w, b), "The channels are in reverse order."),
        fed(lambda f, w, b: np.maximum(logits_of(f, w, b), 0), "A ReLU cuts the logits: those below 0 become 0.", "No ReLU."),
        fed(lambda f, w, b: logits_of(np.maximum(f, 0), w, b), "A ReLU cuts the features: those below 0 become 0.", "No ReLU."),
        fed(lambda f, w, b: logits_of(f[:, :, ::-1], w, b), "The image is mirrored left to right.", stay),
        fed(lambda f, w, b: logits_of(f[:, ::-1], w, b), "The image is upside down.", stay),
        fed(
            lambda f, w, b: logits_of(f.swapaxes(1, 2).reshape(f.shape), w, b),
            "Rows and columns are mixed up in a reshape.",
            back,
        ),
        fed(
            lambda f, w, b: logits_of(f.transpose(1, 2, 0).reshape(f.shape), w, b),
            "Channels and pixels are mixed up in a reshape: it does not move an axis.",
            "features.reshape(channels, -1) keeps each channel in one row; to move an axis there is transpose.",
        ),
        fed(
            lambda f, w, b: logits_of(f.mean(axis=(1, 2), keepdims=True) + 0 * f, w, b),
            "Every pixel gets the mean of the image.",
        ),
        fed(lambda f, w, b: logits_of(f[:, :1, :1] + 0 * f, w, b), "Every pixel gets the answer of the first one."),
        Suspect(
            lambda f, w, b: np.moveaxis(right_head(f, w, b), 0, -1),
            "The classes stand last, (H, W, classes).",
            "Return (classes, H, W).",
        ),
        Suspect(lambda f, w, b: right_head(f, w, b)[None], "There is an axis too many.", "Return (classes, H, W)."),
    ]
