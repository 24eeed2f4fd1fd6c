"""Right and wrong answers to the exercises on the head (05), a schedule (07) and a bootstrap interval (08)."""

import math

import numpy as np
import torch
from torch.nn import functional as F

from unet_lab.metrics import macro_iou


def logits(features, weights, bias):
    return np.einsum("kc,chw->khw", weights, features) + bias[:, None, None]


def by_torch(features, weights, bias):
    """Right too: the convolution of PyTorch."""
    f, w, b = (torch.from_numpy(np.ascontiguousarray(a)) for a in (features, weights, bias))
    z = F.conv2d(f[None], w[:, :, None, None], b)[0]
    return z.sigmoid() if len(z) == 1 else z.softmax(dim=0)


def head(end):
    return lambda features, weights, bias: end(logits(features, weights, bias))


def softmax(z):
    powers = np.exp(z - z.max(axis=0))
    return powers / powers.sum(axis=0)


def rate(step, steps, warmup, highest):
    """Right too: the smaller of a rising line and a falling cosine, with the warm-up apart."""
    if warmup and step + 1 <= warmup:
        return highest / warmup * (step + 1)
    return highest * math.cos(math.pi / 2 * (step - warmup) / (steps - warmup)) ** 2


def fall(share):
    return lambda s, n, w, h: h * (s + 1) / w if s < w else h * share((s - w) / (n - w))


def drawn(tables, rng, draws=1000, size=None, score=macro_iou):
    size = size or len(tables)
    return np.array([score(tables[rng.choice(len(tables), size)].sum(axis=0)) for _ in range(draws)])


def interval(end, **settings):
    return lambda tables, rng: end(drawn(tables, rng, **settings))


def ends(values):
    return np.percentile(values, [2.5, 97.5])


def sorted_ends(tables, rng):
    """Right too: the 25th from below and from above."""
    values = sorted(drawn(tables, rng).tolist())
    return values[24], values[-25]


WRONG = {
    "head": {
        "logits": (head(lambda z: z), "the softmax is missing"),
        "softmax of one": (head(softmax), "gives 1 everywhere"),
        "sigmoids": (head(lambda z: 1 / (1 + np.exp(-z))), "do not add up to 1"),
        "no bias": (lambda f, w, b: by_torch(f, w, 0 * b), "The bias is missing"),
        "overflow": (
            head(lambda z: 1 / (1 + np.exp(-z)) if len(z) == 1 else np.exp(z) / np.exp(z).sum(axis=0)),
            "overflows: inf/inf is NaN",
        ),
        "one largest": (
            head(lambda z: softmax(z) if len(z) == 1 else np.exp(z - z.max()) / np.exp(z - z.max()).sum(axis=0)),
            "You take off the largest logit of the whole image",
        ),
        "mirrored": (lambda f, w, b: by_torch(f, w, b).flip(-1), "mirrored left to right"),
    },
    "schedule": {
        "from 0": (lambda s, n, w, h: h * s / w if s < w else rate(s, n, w, h), "The warm-up starts at 0"),
        "no warm-up": (lambda s, n, w, h: h * (1 + math.cos(math.pi * s / n)) / 2, "The warm-up is missing"),
        "straight": (fall(lambda share: 1 - share), "falls along a straight line"),
        "quarter": (fall(lambda share: math.cos(math.pi / 2 * share)), "a quarter of a turn"),
        "negative": (fall(lambda share: math.cos(math.pi * share)), "the 1 + and the half are missing"),
        "degrees": (fall(lambda share: (1 + math.cos(180 * share)) / 2), "the cosine got degrees"),
        "counts from 0": (
            lambda s, n, w, h: h * (s + 1) / w if s < w else h * (1 + math.cos(math.pi * s / n)) / 2,
            "counts from step 0, not from the end of the warm-up",
        ),
        "no zero": (lambda s, n, w, h: rate(s, n, max(w, 1), h), "goes wrong only where there is no warm-up"),
    },
    "interval": {
        "pixels": (
            lambda t, rng: ends(
                [macro_iou(rng.multinomial(t.sum(), t.sum(axis=0).ravel() / t.sum()).reshape(t[0].shape)) for _ in range(1000)]
            ),
            "as if every pixel were drawn by itself",
        ),
        "no replacement": (
            lambda t, rng: ends([macro_iou(t[rng.permutation(len(t))].sum(axis=0)) for _ in range(1000)]),
            "without replacement",
        ),
        "mean of images": (
            lambda t, rng: ends([np.mean([macro_iou(t[i]) for i in rng.integers(len(t), size=len(t))]) for _ in range(1000)]),
            "the mean of the images' own macro IoUs",
        ),
        "90 %": (interval(lambda s: np.quantile(s, [0.05, 0.95])), "It holds 90 % of the draws"),
        "half": (lambda t, rng: ends(drawn(t, rng, size=len(t) // 2)), "half as many images"),
        "always 12": (interval(ends, size=12), "however many there are"),
        "accuracy": (interval(ends, score=lambda m: np.trace(m) / m.sum()), "the accuracy, not of the macro IoU"),
        "one deviation": (interval(lambda s: (s.mean() - s.std(), s.mean() + s.std())), "one standard deviation"),
        "own generator": (lambda t, rng: ends(drawn(t, np.random.default_rng(0))), "rng is not used"),
        "the clock's": (lambda t, rng: ends(drawn(t, np.random.default_rng())), "drawn with another generator"),
        "three numbers": (lambda t, rng: (0.1, 0.2, 0.3), "expected two numbers"),
    },
}
ALSO_RIGHT = {"head": by_torch, "schedule": rate, "interval": sorted_ends}
