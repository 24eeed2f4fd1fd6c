"""The head of a network by hand: logits, softmax, sigmoid; and what one says of what students make of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


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


TRICK = (
    "exp(1000) overflows. Softmax stays what it is when the same number is taken off all logits of a pixel: take off the largest "
    "of that pixel. For the sigmoid, exp(-|logit|) never overflows."
)
YES_NO = "With one class, softmax divides a number by itself: 1 everywhere. The sigmoid, 1 / (1 + exp(-logit)), is for yes or no."
ONE_OF = "Of several classes a pixel has exactly one: softmax, over the classes, so that they add up to 1 at each pixel."
CLIPS = (1, 2, 5, 10, 15, 20, 30, 50, 80, 88, 100, 500, 700, 709)
PLACES = (0, 1, 2)  # decimal places; with three the difference is within what is allowed
OVERFLOW = "exp of a large logit overflows: inf/inf is NaN."


class Ending(NamedTuple):
    """What is made of the logits. finding : what is wrong with it, "" for nothing."""

    function: Callable
    finding: str = ""
    clue: str = ""


def shares(powers) -> np.ndarray:
    return powers / powers.sum(axis=0, keepdims=True)
