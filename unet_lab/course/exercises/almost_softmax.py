"""Softmaxes that are almost right."""

from __future__ import annotations

import numpy as np

from unet_lab.course.exercises.heads import CLIPS, ONE_OF, PLACES, TRICK, Ending, shares, sigmoid, softmax


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
