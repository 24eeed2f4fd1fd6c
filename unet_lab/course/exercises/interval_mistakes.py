"""A bootstrap interval over images, and other intervals that are taken for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

STEPS = (
    "One draw: as many images as there are, with replacement; add up their tables; one macro IoU. A thousand draws give a "
    "thousand scores; the middle 95 % of them lie between the quantiles 0.025 and 0.975."
)


class Mistake(NamedTuple):
    """Another interval: of (tables, rng), with many draws; what it is; what to do."""

    interval: Callable
    finding: str
    clue: str


def macro_ious(tables: np.ndarray) -> np.ndarray:
    """(…, K, K) to (…): the mean over the classes that occur."""
    both = np.diagonal(tables, axis1=-2, axis2=-1)
    union = tables.sum(axis=-1) + tables.sum(axis=-2) - both
    return np.nanmean(np.where(union > 0, both / np.maximum(union, 1), np.nan), axis=-1)


def drawn_scores(tables, rng, draws=1000, size=None) -> np.ndarray:
    """The macro IoU of so many draws of `size` images (as many as there are) with replacement."""
    count = len(tables)
    times = rng.multinomial(size or count, np.full(count, 1 / count), size=draws)
    return macro_ious(np.einsum("di,ijk->djk", times, tables))


def middle(scores, level=0.95) -> tuple[float, float]:
    low, high = np.quantile(scores, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def interval_mistakes() -> list[Mistake]:
    images = "Draw images, not pixels, and add up their tables before you score: tables[which].sum(axis=0)."

    def of_scores(change, finding, clue=STEPS, size=None):
        return Mistake(lambda t, rng: change(drawn_scores(t, rng, size=size(len(t)) if size else None)), finding, clue)

    def single(t, rng):
        alone = macro_ious(t)
        return middle(alone[rng.integers(len(t), size=(1000, len(t)))].mean(axis=1))

    def pixels(t, rng):
        total = t.sum(axis=0)
        return middle(macro_ious(rng.multinomial(total.sum(), (total / total.sum()).ravel(), 1000).reshape(-1, *total.shape)))

    def accuracies(t, rng):
        times = rng.multinomial(len(t), np.full(len(t), 1 / len(t)), size=1000)
        tables = np.einsum("di,ijk->djk", times, t)
        return middle(np.trace(tables, axis1=1, axis2=2) / tables.sum(axis=(1, 2)))

    def micro(t, rng):
        low, high = accuracies(t, rng)
        return low / (2 - low), high / (2 - high)

    def dice(t, rng):
        times = rng.multinomial(len(t), np.full(len(t), 1 / len(t)), size=1000)
        tables = np.einsum("di,ijk->djk", times, t)
        both = np.diagonal(tables, axis1=1, axis2=2)
        return middle((2 * both / (tables.sum(axis=1) + tables.sum(axis=2))).mean(axis=1))

    def point(t, rng):
        return (float(macro_ious(t.sum(axis=0))),) * 2

    return [
        Mistake(
            point,
            "Both ends are the score itself: without replacement every draw is the same set of images.",
            "rng.integers(n, size=n), or rng.choice(n, n): an image may come twice, and another not at all.",
        ),
        Mistake(single, "That is the interval of the mean of the images' own macro IoUs.", images),
        Mistake(pixels, "That is the interval as if every pixel were drawn by itself: far too narrow.", images),
        Mistake(accuracies, "That is the interval of the accuracy, not of the macro IoU.", "Score with macro_iou(table)."),
        Mistake(dice, "That is the interval of the macro F1 (Dice), not of the macro IoU.", "Score with macro_iou(table)."),
        Mistake(micro, "That is the interval of the micro IoU, not of the macro IoU.", "Score with macro_iou(table)."),
        Mistake(
            lambda t, rng: middle(macro_ious(t)), "Those are the quantiles of the single images' scores: nothing is drawn.", STEPS
        ),
        Mistake(
            lambda t, rng: (macro_ious(t).min(), macro_ious(t).max()), "Those are the worst and the best single image.", STEPS
        ),
        of_scores(
            lambda s: middle(s, 0.9),
            "It holds 90 % of the draws, not 95: 5 % are cut off on each side.",
            "2.5 % on each side: quantiles 0.025 and 0.975, percentiles 2.5 and 97.5.",
        ),
        of_scores(lambda s: middle(s, 0.99), "It holds 99 % of the draws, not 95.", "Quantiles 0.025 and 0.975."),
        of_scores(lambda s: middle(s, 0.5), "It holds half of the draws, not 95 %.", "Quantiles 0.025 and 0.975."),
        of_scores(lambda s: (np.quantile(s, 0.05), s.max()), "Only the lower end is cut off.", "Quantiles 0.025 and 0.975."),
        of_scores(
            lambda s: (np.quantile(s, 0.025), np.quantile(s, 0.95)), "The upper end is the quantile 0.95; it is 0.975.", STEPS
        ),
        of_scores(
            lambda s: tuple(np.quantile(s, [0.00025, 0.00975])),
            "np.quantile got shares and np.percentile per cent: you gave 0.025 and 0.975 per cent.",
            "np.quantile(scores, [0.025, 0.975]), or np.percentile(scores, [2.5, 97.5]).",
        ),
        of_scores(
            lambda s: (s.mean() - s.std(), s.mean() + s.std()), "That is the mean ± one standard deviation: about 68 %.", STEPS
        ),
        Mistake(
            lambda t, rng: mean_and_error(drawn_scores(t, rng), len(t)),
            "You divide the standard deviation of the draws by a root once more: far too narrow.",
            "The draws' own standard deviation is the standard error already.",
        ),
        of_scores(lambda s: (s.min(), s.max()), "Those are the lowest and the highest of the draws.", "The middle 95 % of them."),
        of_scores(middle, "You draw half as many images as there are: too wide.", STEPS, size=lambda n: max(1, n // 2)),
        of_scores(middle, "You draw 12 images, however many there are.", "len(tables)", size=lambda n: 12),
        of_scores(middle, "You draw one image at a time.", STEPS, size=lambda n: 1),
        of_scores(middle, "You draw one image fewer than there are.", STEPS, size=lambda n: n - 1),
        of_scores(middle, "You draw twice as many images as there are: too narrow.", STEPS, size=lambda n: 2 * n),
        of_scores(middle, "You draw many more images than there are: too narrow.", STEPS, size=lambda n: 1000),
        of_scores(lambda s: tuple(100 * v for v in middle(s)), "Those are per cent.", "A share of 1."),
        of_scores(lambda s: middle(s)[::-1], "The two ends are swapped.", "Return (low, high)."),
        of_scores(
            lambda s: (s.mean(), (middle(s)[1] - middle(s)[0]) / 2),
            "Those are the middle and half the width.",
            "Return (low, high).",
        ),
    ]


def mean_and_error(scores, count: int) -> tuple[float, float]:
    half = 1.96 * scores.std() / count**0.5
    return float(scores.mean() - half), float(scores.mean() + half)
