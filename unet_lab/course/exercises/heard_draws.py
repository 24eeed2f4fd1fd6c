"""A generator that remembers what was drawn with it, and what must come out of just these draws.

An answer draws images by numbers, with `integers` or `choice`, or how often each, with `multinomial`. Out of what it drew, its
thousand scores are computed once more, and with them the right ends, and the wrong ones that known mistakes give.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from unet_lab.course.exercises.interval_mistakes import STEPS, macro_ious, middle

FEWEST = 990  # draws that pass for a thousand
OTHERS = ("poisson", "dirichlet", "exponential", "gamma", "binomial", "normal", "standard_normal")  # draw no images


class Listening(np.random.Generator):
    """Draws as `np.random.default_rng(seed)` does; numbers : what integers and choice gave; times : what multinomial gave."""

    def __init__(self, seed: int):
        super().__init__(np.random.PCG64(seed))
        self.numbers: list[np.ndarray] = []
        self.times: list[np.ndarray] = []
        self.others: set[str] = set()
        self.unequal = False  # chances were given, and they are not all the same

    def integers(self, *arguments, **settings):
        result = super().integers(*arguments, **settings)
        self.numbers.append(np.array(result))
        return result

    def choice(self, a, size=None, replace=True, p=None, axis=0, shuffle=True):
        count = int(a) if np.ndim(a) == 0 else len(a)
        self.unequal |= p is not None and float(np.ptp(p)) > 1e-6
        numbers = super().choice(count, size=size, replace=replace, p=p, shuffle=shuffle)
        self.numbers.append(np.array(numbers))
        return numbers if np.ndim(a) == 0 else np.asarray(a)[numbers]

    def spawn(self, n_children: int) -> list[Listening]:
        """As NumPy's, whose children would not listen: here they are this generator, in their turn."""
        return [self] * n_children

    def multinomial(self, *arguments, **settings):
        result = super().multinomial(*arguments, **settings)
        self.times.append(np.atleast_2d(result))
        return result

    def __getattribute__(self, name: str):
        if name in OTHERS:
            self.others.add(name)
        return super().__getattribute__(name)


class Draws(NamedTuple):
    """How often each image was drawn in each draw, (draws, images); the numbers themselves where there were any."""

    times: np.ndarray
    numbers: np.ndarray | None


def draws_of(heard: Listening, images: int) -> Draws | None:
    """What was drawn, as draws of so many images; None where it is none, or cannot be read so."""
    if heard.times and not heard.numbers and all(each.shape[-1] == images for each in heard.times):
        return Draws(np.concatenate([each.reshape(-1, images) for each in heard.times]), None)
    if heard.times or not heard.numbers:
        return None
    parts = [each.T if each.ndim == 2 and each.shape[0] == images != each.shape[1] else each for each in heard.numbers]
    flat = np.concatenate([part.ravel() for part in parts])
    if len(flat) % images or not (flat.min() >= 0 and flat.max() < images):
        return None
    numbers = flat.reshape(-1, images)
    return Draws((numbers[:, :, None] == np.arange(images)).sum(axis=1), numbers)


def drawn_wrongly(heard: Listening, images: int, classes: int) -> tuple[str, str] | None:
    """What is wrong with the drawing itself, and what to do; None where nothing is."""
    with_all = f"rng.integers({images}, size={images}) for {images} images: every image may come, and may come twice."
    if heard.others:
        found = f"You draw with rng.{min(heard.others)}: other numbers of images, or shares of them, not as many as there are."
        return found, with_all
    if heard.unequal:
        return "Some images are drawn more often than others: you give unequal chances.", with_all
    if not heard.numbers:
        return None
    sizes = {each.size for each in heard.numbers}
    flat = np.concatenate([each.ravel() for each in heard.numbers])
    if len(flat) == images and flat.max() < images:
        return "The images are drawn once, and the same draw is scored a thousand times.", "Draw inside the loop, anew each time."
    if len(flat) > 50 * images and flat.min() >= 0:
        if flat.max() == classes - 1 and classes < images:
            return "Only the first images are drawn, as many as there are classes.", "len(tables) is the number of images."
        if flat.max() == images - 2 and flat.min() == 0:
            return "The last image is never drawn: the end of rng.integers does not belong to it.", with_all
        if flat.max() == images - 1 and flat.min() == 1:
            return "The first image is never drawn: images count from 0.", with_all
        if flat.max() == images and flat.min() == 1:
            return "The images are counted from 1; they count from 0.", with_all
    size = sizes.pop() if len(sizes) == 1 and heard.numbers[0].ndim == 1 else images
    if size != images and len(heard.numbers) > 50:
        found = f"You draw {size} images at a time, however many there are; here there are {images}."
        if 2 * size == images:
            found = f"You draw half as many images as there are: {size} of {images}, too few."
        if size == 1:
            found = "You draw one image at a time."
        return found, "As many as there are: size=len(tables)."
    if size != images and len(flat) == 1000:
        return "You draw a thousand single images; asked are a thousand draws, each of as many images as there are.", with_all
    draws = draws_of(heard, images)
    if draws is not None and len(draws.times) > 50 and images > 2 and draws.times.max() == 1:
        return "No image ever comes twice: you draw without replacement, and every draw is the same set of images.", with_all
    if draws is not None and len(draws.times) < FEWEST:
        return f"You draw {len(draws.times)} times; asked are a thousand: the ends then hang on few draws.", "range(1000)"
    return None


def ends_may_be(scores: np.ndarray, pair) -> bool:
    """Whether these are the quantiles 0.025 and 0.975, to a place more or less: there are several ways to count."""
    ordered, count = np.sort(scores), len(scores)
    low, high = 0.025 * count, 0.975 * count
    lowest, highest = (ordered[[max(0, int(k) - 2), min(count - 1, int(k) + 2)]] for k in (low, high))
    return bool(lowest[0] - 1e-9 <= pair[0] <= lowest[1] + 1e-9 and highest[0] - 1e-9 <= pair[1] <= highest[1] + 1e-9)


def macro(tables: np.ndarray, draws: Draws) -> np.ndarray:
    return macro_ious(np.einsum("di,ijk->djk", draws.times, tables))


def wrong_scores(tables: np.ndarray, draws: Draws) -> Iterator[tuple[np.ndarray, str, str]]:
    """Other scores of the same draws: what they are, and what to do."""
    add_up = "Draw images, and add up their tables before you score: tables[which].sum(axis=0)."
    score = "Score with macro_iou(table): it leaves out a class that is not there."
    summed = np.einsum("di,ijk->djk", draws.times, tables)
    both = np.diagonal(summed, axis1=1, axis2=2)
    union = summed.sum(axis=1) + summed.sum(axis=2) - both
    right = both.sum(axis=1) / summed.sum(axis=(1, 2))
    yield (
        macro_ious(np.einsum("di,ijk->djk", np.minimum(draws.times, 1), tables)),
        ("An image that was drawn twice counts once (+= with a list of places, or a set, loses the doubles)."),
        "np.add.at, np.bincount, or tables[drawn].sum(axis=0).",
    )
    yield (
        draws.times @ macro_ious(tables) / draws.times.sum(axis=1),
        ("That is the interval of the mean of the images' own macro IoUs."),
        add_up,
    )
    yield (both / np.maximum(union, 1)).mean(axis=1), "A class that is in none of the drawn images counts as 0.", score
    yield (
        np.where(union > 0, both / np.maximum(union, 1), 1.0).mean(axis=1),
        ("A class that is in none of the drawn images counts as 1."),
        score,
    )
    yield right, "That is the interval of the accuracy, not of the macro IoU.", score
    yield right / (2 - right), "That is the interval of the micro IoU, not of the macro IoU.", score
    dice = np.where(union > 0, 2 * both / np.maximum(union + both, 1), np.nan)
    yield np.nanmean(dice, axis=1), "That is the interval of the macro F1 (Dice), not of the macro IoU.", score
    for number in range(tables.shape[1]):
        yield both[:, number] / np.maximum(union[:, number], 1), f"That is the IoU of class {number} alone.", score
    shares = tables / tables.sum(axis=(1, 2), keepdims=True)
    yield (
        macro_ious_of_shares(np.einsum("di,ijk->djk", draws.times, shares)),
        ("The images weigh alike: their tables were made shares before they were added."),
        add_up,
    )
    for kind in (np.int16, np.uint16, np.int32):
        narrow = summed.astype(kind)
        yield macro_ious(narrow.astype(float)), f"The sums overflow: they are {kind.__name__}.", "Add up in int64, as they come."
    if draws.numbers is not None:
        order, found = np.arange(len(tables)), []
        for numbers in draws.numbers:
            order = order[numbers]
            found.append(order)
        times = (np.array(found)[:, :, None] == np.arange(len(tables))).sum(axis=1)
        yield (
            macro_ious(np.einsum("di,ijk->djk", times, tables)),
            ("Each draw is drawn from the draw before, not from all images."),
            "Give the drawn tables another name: tables must stay what it is.",
        )


def macro_ious_of_shares(tables: np.ndarray) -> np.ndarray:
    both = np.diagonal(tables, axis1=-2, axis2=-1)
    union = tables.sum(axis=-1) + tables.sum(axis=-2) - both
    return np.nanmean(np.where(union > 0, both / np.where(union > 0, union, 1), np.nan), axis=-1)


def wrong_ends(scores: np.ndarray, whole: float) -> Iterator[tuple[tuple[float, float], str]]:
    """Other ends out of the right scores."""
    mean, deviation, (low, high) = scores.mean(), scores.std(), middle(scores)
    for factor in (1.96, 2.0, 1.0, 3.0, 1.645):
        many = f"{factor:g} standard deviations" if factor != 1 else "one standard deviation"
        for centre, around in ((mean, "their mean"), (whole, "the score of all images")):
            yield (
                (centre - factor * deviation, centre + factor * deviation),
                (
                    f"Those are {many} of the draws on both sides of {around}: as if they were normal. "
                    "Asked are the ends of the middle 95 % of the draws themselves."
                ),
            )
    error = 1.96 * deviation / len(scores) ** 0.5
    yield (
        (mean - error, mean + error),
        ("You divide the standard deviation of the draws by the root of their number once more: far too narrow."),
    )
    yield (
        (2 * whole - high, 2 * whole - low),
        ("The interval is turned round the score of all images (2 · score - quantile, the basic bootstrap)."),
    )
    yield (whole, whole), "Both ends are the score itself: it is scored without what was drawn."
    yield (
        tuple(np.quantile(scores, [0.00025, 0.00975])),
        ("np.quantile got shares and np.percentile per cent: you gave 0.025 and 0.975 per cent."),
    )
    for centre in ((low + high) / 2, mean, float(np.median(scores)), whole):
        yield (centre, (high - low) / 2), "Those are the middle and half the width."
        yield (centre, deviation), "Those are the middle and the standard deviation."
    yield (high, low), "The two ends are swapped."
    yield (100 * low, 100 * high), "Those are per cent."
    yield (float(scores.min()), float(scores.max())), "Those are the lowest and the highest of the draws."
    for level in (0.5, 0.68, 0.8, 0.9, *np.arange(0.92, 1, 0.01)):
        yield middle(scores, level), f"It holds {100 * level:.0f} % of the draws, not 95."
    for lower in (0.0, 0.01, 0.025, 0.05, 0.1):
        for upper in (0.9, 0.95, 0.975, 0.99, 1.0):
            ends = tuple(np.quantile(scores, [lower, upper]))
            yield ends, f"The ends are the quantiles {lower:g} and {upper:g} of the draws; asked are 0.025 and 0.975."


def named(tables: np.ndarray, draws: Draws, pair) -> tuple[str, str]:
    """Which known mistake gives these ends out of these draws? The finding and the clue."""
    scores = macro(tables, draws)
    for ends, finding in wrong_ends(scores, float(macro_ious(tables.sum(axis=0)))):
        if np.allclose(pair, ends, rtol=0, atol=0.02 * scores.std()):
            return finding, "np.quantile(scores, [0.025, 0.975]): 2.5 % are cut off on each side, and nothing else is done."
    for others, finding, clue in wrong_scores(tables, draws):
        if ends_may_be(others, pair):
            return finding, clue
    return "They are not the ends of the middle 95 % of your own draws' macro IoUs; the mistake is not recognised.", STEPS
