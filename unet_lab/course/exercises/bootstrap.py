"""Check of notebook 08: a bootstrap interval over images.

The answer draws at random, so no single number is right. Its generator listens: what must come out of the draws that it made is
computed from them. Where they cannot be read, it is called with several generators, and the means of its two ends are held
against those of very many draws, measured in standard deviations of the drawn scores.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

from unet_lab.course.checking import Wrong, called
from unet_lab.course.exercises.heard_draws import Listening, drawn_wrongly, draws_of, ends_may_be, macro, named
from unet_lab.course.exercises.interval_mistakes import STEPS, Mistake, drawn_scores, interval_mistakes, macro_ious, middle
from unet_lab.course.facts import facts
from unet_lab.course.leniency import sequence

REPEATS = 6  # calls of the answer for each set of images
TOLERANCE = 0.15  # standard deviations; the means of six right answers of a thousand draws lie within half of that
ALIKE = 0.35  # so near a mistake's own ends must be, for the mistake to be named
NEIGHBOUR = (
    "A neighbour, the interval of a mean height: h = heights[rng.integers(len(heights), size=len(heights))] draws as many people "
    "as there are, some twice; h.mean() of a thousand such draws, sorted: the 25th from below and the 25th from above."
)


class Images(NamedTuple):
    """Some images' confusion matrices, (images, K, K); said : in words."""

    said: str
    tables: np.ndarray


@cache
def image_sets() -> tuple[Images, ...]:
    """Of 12 and 7 images, with 3 and 2 classes; of unequal size and quality."""
    rng = np.random.default_rng(8)
    found = []
    for images, classes in ((12, 3), (7, 2)):
        pixels = rng.integers(400, 6000, images)
        errors = rng.uniform(0.02, 0.3, images)
        tables = []
        for size, error in zip(pixels, errors, strict=True):
            share = rng.dirichlet(2.0 + np.arange(classes)[::-1])
            matrix = size * share[:, None] * (error * rng.dirichlet(np.ones(classes), classes) + (1 - error) * np.eye(classes))
            tables.append(np.round(matrix))
        found.append(Images(f"for {images} images with {classes} classes", np.array(tables).astype(np.int64)))
    slides = 1_000_000 * found[0].tables[:8]
    slides[:, 2], slides[:, :, 2] = 0, 0
    slides[3, 2, 2], slides[3, 2, 1] = slides[3, 0, 0], slides[3, 1, 1] // 2
    found.append(Images("for 8 very large images, only one of which has the third class", slides))
    return tuple(found)


@cache
def truth_of(number: int) -> tuple[float, float, float]:
    """Low and high end, and the standard deviation of the drawn scores, of 40,000 draws."""
    scores = drawn_scores(image_sets()[number].tables, np.random.default_rng(1), draws=40_000)
    return (*middle(scores), float(scores.std()))


def ends(answer: Callable, images: Images, seed: int) -> tuple[float, float]:
    """What the answer says with a generator of this seed; Wrong where those are no two numbers."""
    return ends_and_draws(answer, images, seed)[0]


def ends_and_draws(answer: Callable, images: Images, seed: int) -> tuple[tuple[float, float], Listening]:
    made = Listening(seed)
    try:
        result = called(answer, images.tables, made)
    except ValueError as error:
        if "allowed are counts" not in str(error):
            raise
        floats = "became floats: shares, weights, or a sum that began as np.zeros(…)"
        how = floats if "float" in str(error) else "were summed in a narrow type, which overflows"
        finding = f"{images.said}: macro_iou was given a table that holds no counts: the tables {how}."
        clue = "Add up the drawn images' tables as they are, whole counts; divide by nothing. np.zeros makes floats."
        raise Wrong(finding, clue, NEIGHBOUR) from None
    found = sequence(result)
    try:
        low, high = (float(value) for value in found)
    except (TypeError, ValueError):
        what = type(result).__name__ if found is None else f"{len(found)} values"
        finding = f"{images.said}: expected two numbers, (low, high), got {what}."
        raise Wrong(finding, "End with: return low, high.", NEIGHBOUR) from None
    return (low, high), made


def mean_ends(answer: Callable, number: int) -> np.ndarray:
    """(low, high), the means over several generators."""
    return np.mean([ends(answer, image_sets()[number], seed) for seed in range(100, 100 + REPEATS)], axis=0)


def in_deviations(number: int, pair) -> np.ndarray:
    """How far the two ends are off, in standard deviations of the drawn scores."""
    low, high, deviation = truth_of(number)
    return np.abs(np.asarray(pair) - (low, high)) / deviation


def interval(answer) -> None:
    """my_interval(tables, rng): (images, K, K) and a generator to (low, high), the middle 95 % of a thousand draws' macro IoU."""
    draws, computes = facts("it gives two numbers, and draws with rng", "the two are the ends of the middle 95 % of the draws")
    with draws:
        generator_is_used(answer, image_sets()[0])
    with computes:
        unread = [images for images in image_sets() if not right_by_its_draws(answer, images)]
        if unread:
            ends_must_be_near(answer)


def ends_must_be_near(answer: Callable) -> None:
    """For an answer whose draws cannot be read: Wrong where its ends are not, on average, where they must be."""
    found = [mean_ends(answer, number) for number in range(len(image_sets()))]
    for number, pair in enumerate(found):
        if np.isfinite(pair).all() and in_deviations(number, pair).max() <= TOLERANCE:
            continue
        low, high, deviation = truth_of(number)
        yours = f"yours {pair[0]:.4f} to {pair[1]:.4f}, expected about {low:.4f} to {high:.4f} (means of {REPEATS} calls)"
        start = f"{image_sets()[number].said}: {yours}."
        if not np.isfinite(pair).all():
            raise Wrong(
                f"{start} Some are not finite.", "Is a table empty, or a class never there? macro_iou leaves it out.", NEIGHBOUR
            )
        nearest, distance = nearest_mistake(found)
        if distance < ALIKE:
            raise Wrong(f"{start} {nearest.finding}", nearest.clue, STEPS, NEIGHBOUR)
        off = abs(sum(pair) - low - high) / 2
        how = "shifted" if off > deviation else "too narrow" if pair[1] - pair[0] < high - low else "too wide"
        raise Wrong(f"{start} It is {how}; the mistake is not recognised.", STEPS, NEIGHBOUR)


def right_by_its_draws(answer: Callable, images: Images) -> bool:
    """Whether the ends are those of the draws that were heard; Wrong where they are others, False where they cannot be read."""
    pair, heard = ends_and_draws(answer, images, 7)
    count, classes = images.tables.shape[:2]
    said = f"{images.said}: yours {pair[0]:.4f} to {pair[1]:.4f}"
    bad = drawn_wrongly(heard, count, classes)
    draws = draws_of(heard, count)
    if bad is None and draws is None:
        return False
    if bad is None and ends_may_be(macro(images.tables, draws), pair):
        return True
    if bad is not None:
        raise Wrong(f"{said}. {bad[0]}", bad[1], STEPS, NEIGHBOUR)
    low, high = middle(macro(images.tables, draws))
    expected = f"{said}, expected {low:.4f} to {high:.4f}, out of what you drew."
    if not np.isfinite(pair).all():
        clue = "A class that is in none of the drawn images is 0/0, NaN; macro_iou leaves it out."
        raise Wrong(f"{expected} Some are not finite.", clue, STEPS, NEIGHBOUR)
    finding, clue = named(images.tables, draws, pair)
    raise Wrong(f"{expected} {finding}", clue, STEPS, NEIGHBOUR)


@cache
def ends_of_mistakes() -> tuple[tuple[Mistake, np.ndarray], ...]:
    """Each mistake with its own ends for every set of images, the means over several generators, (sets, 2)."""
    found = []
    for mistake in interval_mistakes():
        rngs = [np.random.default_rng(seed) for seed in range(REPEATS)]
        means = [np.mean([mistake.interval(images.tables, rng) for rng in rngs], axis=0) for images in image_sets()]
        found.append((mistake, np.array(means)))
    return tuple(found)


def nearest_mistake(found) -> tuple[Mistake, float]:
    """The mistake whose ends are nearest, and how far they are at worst: in standard deviations, or in fiftieths of per cents."""
    deviations = np.array([truth_of(number)[2] for number in range(len(found))])

    def distance(theirs) -> float:
        unit = np.maximum(deviations, 0.02 * theirs.max(axis=1) * (theirs.max(axis=1) > 1))
        return float((np.abs(theirs - np.array(found)).max(axis=1) / unit).max())

    return min(((mistake, distance(theirs)) for mistake, theirs in ends_of_mistakes()), key=lambda pair: pair[1])


def generator_is_used(answer, images: Images) -> None:
    """The same generator gives the same interval, another one another: all that is drawn is drawn with rng."""
    first, again, other = ends(answer, images, 1), ends(answer, images, 1), ends(answer, images, 2)
    clue = "Draw with the generator that you are given: rng.integers(…) or rng.choice(…)."
    if first != again:
        finding = "two generators with the same seed give different intervals: something is drawn with another generator."
        raise Wrong(finding, clue, NEIGHBOUR)
    if first == other and first[0] < first[1] and not draws_nothing(first, images):
        finding = "generators with different seeds give the very same interval: rng is not used, or seeded anew."
        raise Wrong(finding, clue, NEIGHBOUR)


def draws_nothing(pair, images: Images) -> bool:
    """Whether the ends are those of the single images' scores: then the generator is not what is wrong."""
    alone = macro_ious(images.tables)
    return any(np.allclose(pair, known, atol=1e-6) for known in (middle(alone), (alone.min(), alone.max())))
