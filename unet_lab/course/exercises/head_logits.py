"""What students do with features, weights and bias on the way to a head's logits."""

from __future__ import annotations

import numpy as np

from unet_lab.course.agreement import Suspect
from unet_lab.course.exercises.heads import logits_of, probabilities, right_head

SUMS = "Logits of class k at a pixel: weights[k] times the features there, channel by channel, plus bias[k]."


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
