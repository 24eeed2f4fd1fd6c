"""What students make of a head's logits instead of probabilities."""

from __future__ import annotations

from itertools import product

import numpy as np

from unet_lab.course.agreement import Suspect
from unet_lab.course.exercises.almost_softmax import further_endings
from unet_lab.course.exercises.heads import (
    CLIPS,
    ONE_OF,
    OVERFLOW,
    PLACES,
    TRICK,
    YES_NO,
    Ending,
    logits_of,
    shares,
    sigmoid,
    softmax,
)


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
