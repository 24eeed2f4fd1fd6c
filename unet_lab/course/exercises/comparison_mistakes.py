"""Two networks compared: pairs that differ in one way each, and what is taken for the comparison."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from unet_lab.course.agreement import Case, Suspect

Network = Callable[[Tensor], Tensor]


def weighing(classes: int, channels: int, generator: torch.Generator) -> Network:
    """A network that weighs the channels of each pixel, (N, C, H, W) to (N, classes, H, W)."""
    weights = torch.randn(1, classes, channels, 1, 1, generator=generator)

    def first(x):
        return (weights * x[:, None]).sum(dim=2) + torch.arange(float(classes))[None, :, None, None] / 4

    return first


def plus(network: Network, more: Callable[[Tensor], Tensor]) -> Network:
    def second(x):
        return network(x) + more(x)

    return second


def near_tie(sign: float) -> Network:
    """Two classes are ahead of a third, less than half precision's step apart; the sign says which is where."""

    def tie(x):
        return torch.cat([2 + 0.1 * x + sign * 3e-4 * torch.sign(x), 2 + 0.1 * x, x * 0], dim=1)

    return tie


def itself(x):
    return x


def turned(x):
    return x.flip(1)


def pairs() -> list[Case]:
    """(first, second, images) of every kind."""
    draw = torch.Generator().manual_seed(18)

    def images(*shape):
        return torch.randn(shape, generator=draw)

    def at(*place):
        x = images(4, 1, 12, 20)
        x[place] = 9.0  # what stands out is seen by what it is, not by its place: images may be given one by one
        return x

    first = weighing(4, 1, draw)
    colour = weighing(5, 3, draw)
    tilt = torch.tensor([0.0, 0.9, -0.6, 0.3])[None, :, None, None]
    other = plus(first, lambda x: tilt * x.abs())
    spot = plus(first, lambda x: 3.0 * (x > 8) * torch.eye(4)[2][None, :, None, None])
    three = images(3, 1, 6, 8)
    given = [
        ("the same network twice", (first, first, three), ("the networks are equal",)),
        ("all logits larger by 2", (first, plus(first, lambda x: 2.0 + 0 * x), three), ("no class changes",)),
        ("two networks", (first, other, three), ()),
        ("two networks, one image", (other, first, three[1:2]), ("there is one image",)),
        ("a row of 7 pixels", (first, other, images(1, 1, 1, 7)), ("there is one image",)),
        ("5 classes of 3 input channels", (colour, plus(colour, lambda x: -0.7 * x[:, :1] * torch.arange(5.0)[:, None, None]),
         images(2, 3, 9, 5)), ("the images have several channels",)),
        ("one pixel of the last image differs", (first, spot, at(-1, 0, -1, -2)), ("one pixel differs",)),
        ("one pixel of the first image differs", (spot, first, at(0, 0, 1, 17)), ("one pixel differs",)),
        ("one pixel of the third image differs", (first, spot, at(2, 0, 10, 2)), ("one pixel differs",)),
        ("logits 2·10⁻⁵ apart", (first, plus(first, lambda x: 2e-5 * torch.sign(x)), three),
         ("the difference is small, 2·10⁻⁵",)),
        ("two classes nearly tied", (near_tie(1), near_tie(-1), images(2, 1, 9, 11)),
         ("two logits are nearly equal: float32 as it is, nothing rounded, nothing halved",)),
        ("networks that hand back their input", (itself, turned, images(2, 4, 3, 5)), ("the images have several channels",)),
    ]  # fmt: skip
    return [Case(shown, networks, tags) for shown, networks, tags in given]


def of(change: Callable[[Tensor, Tensor], Tensor], finding: str, clue: str) -> Suspect:
    """A mistake made with the two networks' logits."""
    return Suspect(lambda first, second, images: change(first(images), second(images)), finding, clue)


def same(a: Tensor, b: Tensor, dim: int = 1) -> Tensor:
    return (a.argmax(dim=dim) == b.argmax(dim=dim)).double()


def difference_suspects() -> list[Suspect]:
    largest = "Take the largest absolute difference, (a - b).abs().max(), of all images, classes and pixels."
    sign = "Absolute differences: first .abs(), then .max()."
    every = "All images, all classes, all pixels: (a - b).abs().max() without an index."
    return [
        of(lambda a, b: same(a, b).mean(), "The two are swapped: that is the share.", "First the difference, then the share."),
        of(lambda a, b: 0 * a[0, 0, 0, 0], "It is always 0: a network is compared with itself.",
           "a = first(images), b = second(images): is each asked?"),
        of(lambda a, b: (a - b).abs().mean(), "That is the mean difference.",
           "One pixel that is far off hides in a mean: take the largest."),
        of(lambda a, b: (a - b).abs().sum(), "That is the sum of the differences.", largest),
        of(lambda a, b: (a - b).max(), "The sign is kept: what is too small does not count.", sign),
        of(lambda a, b: (b - a).max(), "The sign is kept: what is too large does not count.", sign),
        of(lambda a, b: (a - b).max().abs(), "abs stands outside: what is too small does not count.", sign),
        of(lambda a, b: (b - a).max().abs(), "abs stands outside: what is too large does not count.", sign),
        of(lambda a, b: (a.max() - b.max()).abs(), "It compares the largest logits.", "First the differences, then the largest."),
        of(lambda a, b: (a.amax(1) - b.amax(1)).abs().max(), "It compares each pixel's largest logit, not all logits.", every),
        of(lambda a, b: (a.argmax(1) - b.argmax(1)).abs().max(), "It compares numbers of classes, not logits.", largest),
        of(lambda a, b: (a.softmax(1) - b.softmax(1)).abs().max(), "It compares probabilities.",
           "Logits as they come out, without a softmax."),
        of(lambda a, b: (a.sigmoid() - b.sigmoid()).abs().max(), "It compares logits after a sigmoid.",
           "Logits as they come out, without a sigmoid."),
        of(lambda a, b: ((a - b) ** 2).mean(), "That is the mean square.", largest),
        of(lambda a, b: ((a - b) ** 2).max(), "That is the largest square.", largest),
        of(lambda a, b: ((a - b) ** 2).mean().sqrt(), "That is the root mean square.", largest),
        of(lambda a, b: (a - b).norm(), "That is the length (norm) of all differences.", largest),
        of(lambda a, b: (a - b).norm(dim=1).max(), "That is the length (norm) over the classes, not one logit.", largest),
        of(lambda a, b: (a - b).abs().mean(1).max(), "That is a mean over the classes, then the largest.", largest),
        of(lambda a, b: (a - b).abs().sum(1).max(), "That is a sum over the classes, then the largest.", largest),
        of(lambda a, b: (a - b).abs().flatten(1).amax(1).mean(), "That is the mean over the images of their largest.", largest),
        of(lambda a, b: ((a - b) / a).abs().max(), "It is relative: divided by the first's logits.", largest),
        of(lambda a, b: ((a - b) / b).abs().max(), "It is relative: divided by the second's logits.", largest),
        of(lambda a, b: ((a - b).abs() / (a.abs() + 1e-8)).max(), "It is relative: divided by the first's logits.", largest),
        of(lambda a, b: (a - b).abs().max() / a.abs().max(), "It is relative: divided by the largest logit.", largest),
        of(lambda a, b: (a - b)[0].abs().max(), "Only the first image is looked at.", every),
        of(lambda a, b: (a - b)[-1].abs().max(), "Only the last image is looked at.", every),
        of(lambda a, b: (a - b)[:2].abs().max(), "Only the first two images are looked at.", every),
        of(lambda a, b: (a - b)[:, 0].abs().max(), "Only the first class, the background, is looked at.", every),
        of(lambda a, b: (a - b)[:, -1].abs().max(), "Only the last class is looked at.", every),
        of(lambda a, b: (a - b)[:, 1:].abs().max(), "The background, class 0, is left out.", every),
        *(of(lambda a, b, n=n: (a - b)[..., :n, :n].abs().max(), f"Only the corner, {n}x{n} pixels, is looked at.", every)
          for n in (4, 8, 10)),
        *(of(lambda a, b, d=d: round((a - b).abs().max().item(), d), f"It is rounded to {d} digits.", "Leave it unrounded.")
          for d in (1, 2, 3, 4, 5, 6)),
        *(of(lambda a, b, t=t: (a.to(t) - b.to(t)).abs().max().float(), "It is computed in half precision: three digits.",
             "Leave the logits in float32.") for t in (torch.float16, torch.bfloat16)),
        *(of(lambda a, b, t=t: torch.where((a - b).abs().max() > t, (a - b).abs().max(), 0.0),
             f"Differences below {t:g} are called 0.", "Say how large it is; the reader judges whether that is small.")
          for t in (1e-5, 1e-4, 1e-3, 1e-2)),
    ]  # fmt: skip


def share_suspects() -> list[Suspect]:
    classes = "Classes: argmax over dim 1 of each, then ==, then the mean over all pixels."
    every = "All images, all pixels: no index before the mean."
    low = "Compare float32 as it is: nearly tied classes are different classes."
    return [
        of(lambda a, b: 1 - same(a, b).mean(), "That is the share of pixels whose class differs.",
           "1 means that all are the same."),
        of(lambda a, b: same(a, b).sum(), "That is a count of pixels.", "A share: divide by how many there are."),
        of(lambda a, b: 100 * same(a, b).mean(), "It is in percent.", "A share from 0 to 1."),
        of(lambda a, b: 0 * a[0, 0, 0, 0] + 1, "It is always 1: a network is compared with itself.",
           "a = first(images), b = second(images): is each asked, and is none of them overwritten before the argmax?"),
        of(lambda a, b: (a == b).double().mean(), "It compares logits, hardly ever equal.", classes),
        of(lambda a, b: torch.isclose(a, b).double().mean(), "It counts logits that are close, not classes.", classes),
        of(lambda a, b: (a == b).all(1).double().mean(), "It compares logits, hardly ever equal.", classes),
        *(of(lambda a, b, t=t: ((a - b).abs() < t).double().mean(), "It counts logits that are close, not classes.", classes)
          for t in (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1)),
        *(of(lambda a, b, t=t: torch.where((a - b).abs().max() < t, 1.0, same(a, b).mean()),
             f"Where no logit differs by {t:g} you take 1 for granted; count.", low) for t in (1e-4, 1e-3, 1e-2)),
        *(of(lambda a, b, t=t: same(a.to(t), b.to(t)).mean(),
             "Classes are chosen in half precision, which ties what differs.", low)
          for t in (torch.float16, torch.bfloat16)),
        *(of(lambda a, b, d=d: same(a.round(decimals=d), b.round(decimals=d)).mean(),
             f"Classes are chosen of logits rounded to {d} digits, which ties what differs.", low) for d in (0, 1, 2, 3)),
        *(of(lambda a, b, d=d: round(same(a, b).mean().item(), d), f"It is rounded to {d} digits.", "Leave it unrounded.")
          for d in (0, 1, 2, 3, 4, 5)),
        of(lambda a, b: same(a, b, -1).mean(), "The argmax runs over columns.", classes),
        of(lambda a, b: same(a, b, -2).mean(), "The argmax runs over rows.", classes),
        of(lambda a, b: same(a, b, 0).mean(), "The argmax runs over images.", classes),
        of(lambda a, b: (a.argmin(1) == b.argmin(1)).double().mean(), "It compares the least likely class (argmin).", classes),
        of(lambda a, b: same(a[:, 1:], b[:, 1:]).mean(), "The background, class 0, is left out of the choice.", classes),
        of(lambda a, b: same(a, b)[(a.argmax(1) > 0) | (b.argmax(1) > 0)].mean(), "Pixels of background are left out.", every),
        of(lambda a, b: same(a, b)[a.argmax(1) > 0].mean(), "Pixels that the first calls background are left out.", every),
        of(lambda a, b: same(a[:, :2], b[:, :2]).mean(), "Only the first two classes are compared.", classes),
        of(lambda a, b: ((a > 0) == (b > 0)).double().mean(), "It compares the logits' signs, not classes.", classes),
        of(lambda a, b: same(a - b, b).mean(), "The first's logits were overwritten by the difference before the argmax.",
           "a -= b changes a. Write a - b, which makes a new one."),
        of(lambda a, b: same(a, b)[0].mean(), "Only the first image is looked at.", every),
        of(lambda a, b: same(a, b)[-1].mean(), "Only the last image is looked at.", every),
        of(lambda a, b: same(a, b)[:2].mean(), "Only the first two images are looked at.", every),
        of(lambda a, b: same(a, b)[..., :8, :8].mean(), "Only the corner, 8x8 pixels, is looked at.", every),
        of(lambda a, b: same(a, b).flatten(1).amin(1).mean(), "That is the share of images that are equal.", "Count pixels."),
    ]  # fmt: skip
