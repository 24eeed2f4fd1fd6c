"""A U-Net of a student's own layers with each known mistake."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from unet_lab.course.networks import Mistake, U, run_u

ORDER = "Collect the skips in a list on the way down; on the way up take them from its end: skips.pop()."
ENDS = {
    "there is a sigmoid at the end.": torch.sigmoid,
    "where there is one class, there is a sigmoid at the end.": lambda z: z.sigmoid() if z.shape[1] == 1 else z,
    "there is a ReLU at the end: values below 0 are lost.": F.relu,
    "where there is one class, there is a ReLU at the end.": lambda z: z.relu() if z.shape[1] == 1 else z,
    "there is a softmax at the end.": lambda z: z.softmax(dim=1),
    "there is a logarithm of a softmax at the end.": lambda z: z.log_softmax(dim=1),
    "there is a tanh at the end.": torch.tanh,
    "the mean over the classes is taken off.": lambda z: z - z.mean(1, keepdim=True),
    "square outputs are transposed.": lambda z: z.swapaxes(-1, -2) if z.shape[-1] == z.shape[-2] else z,
}


def u_mistakes(u: U, depth: int) -> list[Mistake]:
    """The U with each known mistake, out of the student's layers, in both orders of skip and x."""
    found = []
    sent = "EncoderStage returns (x, skip). `skip` goes across unchanged; `x`, the pooled one, goes on down."
    as_it_is = "Return the head's result as it is."

    def add(finding, clue, end=lambda out: out, **changes):
        for first in (True, False):
            found.append(Mistake(lambda x, f=first: end(run_u(u, x, skip_first=f, **changes)), finding, clue))

    across = {
        "is all zeros": torch.zeros_like,
        "is not what the encoder sent there: it is mirrored left to right": lambda s: s.flip(-1),
        "is not what the encoder sent there: it is upside down (mirrored)": lambda s: s.flip(-2),
        "is not what the encoder sent there: it is doubled": lambda s: 2 * s,
        "is not what the encoder sent there: it is halved": lambda s: s / 2,
        "is not what the encoder sent there: it is normalised over the channels": lambda s: F.normalize(s, dim=1),
        "is not what the encoder sent there: it is standardised": lambda s: (
            (s - s.mean((2, 3), keepdim=True)) / (s.std((2, 3), keepdim=True) + 1e-5)
        ),
        "is not what the encoder sent there: its mean is taken off": lambda s: s - s.mean((2, 3), keepdim=True),
        "is not what the encoder sent there: it is shifted by a pixel": lambda s: s.roll(1, -1),
        "is not what the encoder sent there: it is shifted by a row": lambda s: s.roll(1, -2),
        "is not what the encoder sent there: it is shifted by a pixel, in both directions": lambda s: s.roll((1, 1), (2, 3)),
        "is not what the encoder sent there: it is the pooled one, enlarged": lambda s: F.interpolate(
            F.max_pool2d(s, 2), s.shape[-2:]
        ),
        "is not what the encoder sent there: it is transposed where it is square": lambda s: (
            s.swapaxes(-1, -2) if s.shape[-1] == s.shape[-2] else s
        ),
        "is not what the encoder sent there: it is averaged over the batch": lambda s: s.mean(0, keepdim=True).expand_as(s),
    }  # fmt: skip
    for words, change in across.items():
        add(f"the decoder's skip of every level {words}.", sent, skip=lambda level, s, c=change: c(s))
        for level in range(depth):
            one = lambda at, s, c=change, k=level: c(s) if at == k else s  # noqa: E731
            add(f"the decoder's skip of level {level} {words}.", sent, skip=one)
    up = "x = self.bottleneck(x), and that goes up."
    add("what comes from the bottleneck is lost: zeros go up from below.", up, floor=torch.zeros_like)
    add("you pool by the mean (average) of each 2x2.", "The stages keep the largest of four.", pool=lambda t: F.avg_pool2d(t, 2))
    add("the output is mirrored left to right.", as_it_is, end=lambda out: out.flip(-1))
    add("the output is upside down (mirrored).", as_it_is, end=lambda out: out.flip(-2))
    for words, end in ENDS.items():
        add(f"{words} Logits are what the head gives.", as_it_is, end=end)
    for words, begin in {
        "the image is divided by 255 first": lambda x: x / 255,
        "the image is standardised first": lambda x: (x - x.mean((1, 2, 3), keepdim=True)) / x.std((1, 2, 3), keepdim=True),
        "the image is clipped to 0 to 1 first": lambda x: x.clamp(0, 1),
        "square images are transposed first": lambda x: x.swapaxes(-1, -2) if x.shape[-1] == x.shape[-2] else x,
    }.items():
        for first in (True, False):
            net = lambda x, f=first, b=begin: run_u(u, b(x), skip_first=f)  # noqa: E731
            found.append(Mistake(net, f"{words}: the network takes it as it is.", "x goes into the first stage unchanged."))
    for first in (True, False):
        residual = lambda x, f=first: run_u(u, x, skip_first=f) + x[:, :1]  # noqa: E731
        found.append(Mistake(residual, "the image is added to the logits (a residual to the input).", as_it_is))
    add("the classes are in reverse order.", as_it_is, end=lambda out: out.flip(1))
    add("the skips are taken in the wrong order.", ORDER, take=lambda level, depth: depth - 1 - level)
    return found
