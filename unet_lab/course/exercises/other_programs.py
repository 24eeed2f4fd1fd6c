"""Checks of notebook 18: two networks compared; an image prepared as the network learnt it."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from unet_lab.course.agreement import Shown, agree
from unet_lab.course.checking import NotTried, Wrong, must_be_function
from unet_lab.course.exercises.comparison_mistakes import difference_suspects, pairs, same, share_suspects
from unet_lab.course.exercises.preparation_mistakes import STEP, pictures, preparation_suspects, right_preparation
from unet_lab.course.facts import counted, facts
from unet_lab.course.leniency import number

NEIGHBOUR_COMPARE = (
    "A neighbour: two clocks show 12:00, 12:10, 12:20 and 12:00, 12:10, 12:21. The largest difference is 1 minute, and 2 of 3 "
    "times, 0.667, are the same."
)
STEP_COMPARE = "Run both first: a = first(images), b = second(images). Then one line for each number."
NEIGHBOUR_PREPARE = (
    "A neighbour: 2, 4, 4, 4, 5, 5, 7, 9 have the mean 5 and the standard deviation 2, so 9 becomes (9 - 5) / 2 = 2."
)
DIGITS = 2e-6  # float32's sums in another order differ by less


def compare_networks(answer) -> None:
    """my_compare(first, second, images): (largest absolute difference of logits, share of pixels with the same class)."""
    must_be_function(answer)

    def part(place: int):
        def read(first, second, images):
            return two_numbers(answer(first, second, images))[place]

        return read

    hints = (NEIGHBOUR_COMPARE,)
    differs, agrees = facts("the largest difference is right", "the share of equal classes is right")
    for place, fact, what, right, suspects in (
        (0, differs, "the difference", lambda a, b: (a - b).abs().max(), difference_suspects()),
        (1, agrees, "the share", lambda a, b: same(a, b).mean(), share_suspects()),
    ):
        cases = [case._replace(shown=f"{case.shown}: {what}") for case in pairs()]
        shown = Shown(STEP_COMPARE, hints, tolerance=DIGITS)
        with fact:
            agree(part(place), lambda first, second, x, right=right: right(first(x), second(x)), cases, suspects, shown)


def two_numbers(got) -> list[float]:
    """The answer as two floats; Wrong where it is anything else."""
    if got is None or got is ...:
        raise NotTried
    if isinstance(got, Tensor | np.ndarray):
        got = got.tolist()
    if not isinstance(got, tuple | list) or len(got) != 2:
        finding = f"expected two numbers, got {got!r}."
        raise Wrong(finding, "Return both: return difference, share.", STEP_COMPARE, NEIGHBOUR_COMPARE)
    if all(value is None for value in got):
        raise NotTried
    return [number(value.item() if isinstance(value, Tensor | np.generic) and np.size(value) == 1 else value) for value in got]


def prepare(answer) -> None:
    """my_prepare(image): (H, W) or (H, W, C) of any type; float32 (1, C, H, W), each channel with mean 0 and std 1."""
    must_be_function(answer)
    types = {}

    def read(image):
        got = answer(image)
        if got is None or got is ...:
            raise NotTried
        got = got.detach().cpu().numpy() if isinstance(got, Tensor) else np.asarray(got)
        if got.dtype.kind not in "fiu":
            raise Wrong(f"expected numbers, got {got.dtype}.", "Return an array or a tensor.", NEIGHBOUR_PREPARE)
        if got.ndim < 4 and got.shape == image.shape:
            finding = (
                f"an image {image.shape} comes back as {got.shape}, expected (1, C, H, W). Batch and channel axes are missing."
            )
            raise Wrong(finding, STEP, NEIGHBOUR_PREPARE)
        types[f"{image.dtype.name} {image.shape}"] = got.dtype
        return got

    shown = Shown(STEP, (NEIGHBOUR_PREPARE,), tolerance=3e-3)
    cases = pictures()
    agree(read, right_preparation, cases, preparation_suspects(), shown)
    with counted(len(cases), of=len(cases) + 1):
        for given, dtype in types.items():
            if dtype != np.float32:
                clue = "Networks hold float32, and a runtime refuses anything else: .astype(np.float32)."
                raise Wrong(f"{given}: the numbers are right, and their type is {dtype}.", clue, STEP, NEIGHBOUR_PREPARE)
