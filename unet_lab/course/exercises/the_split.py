"""Check of notebook 01: a seeded split."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from unet_lab.course.checking import Wrong, called
from unet_lab.course.exercises.shuffling import SEEDS, another_run, must_be_shuffled
from unet_lab.course.facts import facts


def split(answer) -> None:
    """my_split(count, train_fraction, seed) returns two sequences of indices: training and validation."""
    parted, seeded, differs, shuffled = facts(
        "each image is in one part, and the parts have the sizes that were asked for",
        "a seed gives one split, whenever it is asked for",
        "other seeds give other splits",
        "all images are shuffled alike, by the whole seed",
    )
    with parted:
        for count, fraction in ((10, 0.8), (40, 0.8), (25, 0.6), (30, 0.3), (16, 0.5), (203, 0.7)):
            check_split(answer, count, fraction)
        splits = [indices(called(answer, 40, 0.8, seed)) for seed in (1, 2, 3, 4, 5, 6, 0)]
    with seeded:
        the_same_twice(answer)
    with differs:
        seeds_must_differ([tuple(sorted(training)) for training, _ in splits])
    with shuffled:
        few = [indices(called(answer, 10, 0.8, seed))[0] for seed in range(SEEDS)]
        must_be_shuffled(few, range(10), "images", "Draw the order of all images, rng.permutation(count), and then cut it.")
        every_digit_counts(answer)


def seeds_must_differ(drawn: list[tuple[int, ...]]) -> None:
    """Wrong where seeds share their training images; one pair of them may, by chance."""
    if len(set(drawn)) < len(drawn) - 1:
        same = "all seeds" if len(set(drawn)) == 1 else "many seeds"
        raise Wrong(
            f"seeds 0 to 6 give {len(set(drawn))} different splits: {same} share the same training images. "
            "Either the seed is not used, or it does not decide which images train.",
            "Draw the order with np.random.default_rng(seed).permutation(count), of all images, and then cut.",
            "A neighbour: np.random.default_rng(seed).permutation(3) is one of the six orders of 0, 1, 2.",
        )


def the_same_twice(answer) -> None:
    """Wrong where a seed gives two splits: at the next call, after a call with another seed, or in another run of Python."""
    neighbour = "A neighbour: np.random.default_rng(5).integers(100) is the same number at every call."
    for seed in (1, 0, 2, 42, 2**31 - 1):
        first = indices(called(answer, 40, 0.8, seed))
        again = [indices(called(answer, 40, 0.8, seed)) for _ in range(5)]
        called(answer, 16, 0.5, seed + 1)
        again.append(indices(called(answer, 40, 0.8, seed)))
        if any(other != first for other in again):
            only = " 0 is a seed as any other: `if seed` and `seed or …` take it for none." if seed == 0 else ""
            raise Wrong(
                f"two calls with the same seed, {seed}, give two different splits.{only}",
                "Make a generator from the seed inside the function: rng = np.random.default_rng(seed).",
                "np.random.shuffle uses a hidden generator that goes on from call to call.",
                neighbour,
            )
        with another_run(answer, seed + 1):
            elsewhere = indices(called(answer, 40, 0.8, seed))
        if elsewhere != first:
            raise Wrong(
                f"with the same seed, {seed}, another run of Python gives another split: "
                "hash() of a text is salted, anew in each.",
                "Give the seed itself to the generator, the number: np.random.default_rng(seed).",
                neighbour,
            )


def every_digit_counts(answer) -> None:
    """Wrong where two seeds share one split: seed % 10, seed & 255, the first digit, at most 100, float32."""
    seeds = [*range(8), 10, 11, 12, 42, 43, 99, 100, 101, 102, 128, 255, 256, 257, 258, 512, 999, 1000, 1001, 1024, 1025, 4242]
    seeds += [10_000, 10_001, 32_768, 65_535, 65_536, 65_537, 10**6, 10**6 + 1, 2**24, 2**24 + 1, 2**31 - 2, 2**31 - 1]
    seen: dict[tuple, int] = {}
    for seed in seeds:
        key = tuple(indices(called(answer, 60, 0.5, seed))[0])
        if key in seen:
            raise Wrong(
                f"the seeds {seen[key]} and {seed} give the same split: only a part of the seed counts "
                "(a remainder, a digit, a limit).",
                "Give the seed to the generator as it is: np.random.default_rng(seed).",
                "A neighbour: seed % 10 is 1 for 1, 11 and 21.",
            )
        seen[key] = seed


def must_be_drawn(answer, count, fraction) -> None:
    """Wrong where the sizes differ from seed to seed (coins), or every k-th image validates."""
    parts = [indices(called(answer, count, fraction, seed)) for seed in (1, 2, 3, 4, 5)]
    sizes = sorted({len(training) for training, _ in parts})
    if len(sizes) > 1:
        raise Wrong(
            f"for {count} images at {fraction:.0%}: {sizes[0]} or {sizes[-1]} for training: their number differs from "
            "seed to seed. A coin for each image gives the share on average only.",
            "Draw an order of all images, and cut it at round(count * train_fraction).",
            "A neighbour: of ten coins five are heads on average, and seldom exactly.",
        )
    gaps = [{b - a for a, b in pairwise(sorted(validation))} for _, validation in parts]
    if min(len(validation) for _, validation in parts) > 3 and all(len(gap) == 1 and gap != {1} for gap in gaps):
        raise Wrong(
            f"for {count} images at {fraction:.0%}: at all seeds every {gaps[0].pop()}th image validates: "
            "that is a pattern, not a random draw.",
            "Draw the order of all images with the seed, rng.permutation(count), and then cut it.",
            "A neighbour: every fifth house of a street may always be the one at the corner.",
        )


def check_split(answer, count, fraction) -> None:
    training, validation = indices(called(answer, count, fraction, 1))
    where = f"for {count} images at {fraction:.0%}"
    if set(training) | set(validation) != set(range(count)):
        a, b = indices(called(answer, count, fraction, 7919 + count))  # a seed that was not asked for before
        if sorted([*a, *b]) == list(range(count)):
            raise Wrong(
                f"{where}: at seed 1 it gives {len({*training, *validation})} images, and at a seed that "
                "is new all of them: the order of an earlier call is kept, for another count.",
                "Draw the order inside the function, anew at each call; a default argument or a global dictionary "
                "is made once only.",
            )
    neighbour = "A neighbour: a pack of cards is cut by shuffling once and then taking pack[:20] and pack[20:]."
    shared = set(training) & set(validation)
    if len(shared) == 1 and len(training) + len(validation) == count + 1:
        raise Wrong(
            f"{where}: one index, {min(shared)}, is in both parts, in training and in validation (leakage): "
            "the cuts overlap by one.",
            "Cut at one place, n: order[:n] ends before n, and order[n:] begins with it.",
            neighbour,
        )
    if shared:
        raise Wrong(
            f"{where}: image {min(shared)} is in training and in validation. That is leakage: the test knows the answer.",
            "Shuffle once, then cut the one list in two. Two separate draws overlap.",
            neighbour,
        )
    if len(training) + len(validation) != count or set(training) | set(validation) != set(range(count)):
        missing = sorted(set(range(count)) - set(training) - set(validation))
        finding = f"image {missing[0]} is in neither part" if missing else "an index is twice in one part, or out of range"
        if len(set(training)) < len(training):
            finding = "an index is twice in one part: was it drawn with replacement?"
        if set(training) | set(validation) == set(range(1, count + 1)):
            finding = "indices count from 0, yours from 1"
        raise Wrong(f"{where}: {finding}.", "Every index from 0 to count - 1 belongs to exactly one part.", neighbour)
    must_be_drawn(answer, count, fraction)
    expected = round(count * fraction)
    if len(training) == count - expected != expected:
        raise Wrong(
            f"{where}: {len(training)} for training, {len(validation)} for validation. The parts are swapped.",
            "The larger part trains; return training first.",
            neighbour,
        )
    if abs(len(training) - count * fraction) >= 1 and len(training) != expected:
        raise Wrong(
            f"{where}: {len(training)} for training, expected {expected}.",
            "round(count * train_fraction) images train.",
            neighbour,
        )
    if in_order(training, validation) and all(in_order(*indices(called(answer, count, fraction, seed))) for seed in (2, 3, 4)):
        raise Wrong(
            f"{where}: the parts are the first and the last images, in order. Nothing was shuffled.",
            "Files are often sorted by day or by patient; then the two parts differ in kind. Draw the order at random.",
            neighbour,
        )


def in_order(training: list[int], validation: list[int]) -> bool:
    """Whether one part is the first images, in order. Of 10 images at 80 % one sorted draw in 45 is, by chance."""
    return training == list(range(len(training))) or validation == list(range(len(validation)))


def indices(result) -> tuple[list[int], list[int]]:
    try:
        training, validation = result
        if any(isinstance(i, bool | np.bool_) for i in training):
            raise Wrong(
                "those are True and False, expected the indices.", "np.flatnonzero(chosen) gives the indices of the True ones."
            )
        if isinstance(training, Tensor) and training.dtype == torch.bool:
            raise TypeError
        return [int(i) for i in training], [int(i) for i in validation]
    except (TypeError, ValueError):
        raise Wrong(
            f"expected two sequences of indices, got {type(result).__name__}.",
            "End with: return training, validation.",
        ) from None
