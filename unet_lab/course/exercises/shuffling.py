"""Whether a split was drawn: the same questions of images and of dishes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

from unet_lab.course.checking import Wrong

SEEDS = 80  # draws that are looked at: of 10 things at 80 % one trains every time once in five million right answers
NEIGHBOUR = "A neighbour: in a well shuffled pack the lowest card is sometimes in the left half, and sometimes in the right."


def must_be_shuffled(drawn: Sequence[Iterable], things: Sequence, noun: str, clue: str) -> None:
    """Wrong where one thing is always on one side, two neighbours always together, or the training part always one run.

    drawn : the training part for each of many seeds. things : all of them, in their own order. noun : in the plural.
    """
    parts = [set(part) for part in drawn]
    over = f"over {len(parts)} seeds, of {len(things)} {noun},"
    for thing in things:
        trains = sum(thing in part for part in parts)
        if trains in (0, len(parts)):
            where = "training" if trains else "validation"
            raise Wrong(f"{over} {thing} is always in {where}: it is not shuffled with the others.", clue, NEIGHBOUR)
    for one, other in pairwise(things):
        if all((one in part) == (other in part) for part in parts):
            raise Wrong(f"{over} {one} and {other} are always on the same side: they are drawn together.", clue, NEIGHBOUR)
    if all(runs(part, things) <= 1 for part in parts):
        raise Wrong(
            f"{over} the training part is always one run of neighbours: the order was rotated (shifted), not shuffled.",
            clue,
            "A neighbour: cutting a pack of cards is not shuffling it.",
        )


def runs(part: set, things: Sequence) -> int:
    """How many runs of neighbours a part is, on a circle."""
    return sum(thing in part and things[k - 1] not in part for k, thing in enumerate(things))


@contextlib.contextmanager
def another_run(function: Callable, number: int) -> Iterator[None]:
    """For a student's function, as in another run of Python: there the hash of a text is another (it is salted)."""
    names = getattr(function, "__globals__", {})
    if "hash" in names:
        yield
        return

    def of_numbers(value) -> bool:
        return isinstance(value, int | float) or (isinstance(value, tuple) and all(map(of_numbers, value)))

    names["hash"] = lambda value: hash(value) if of_numbers(value) else hash(value) ^ 7919 * number
    try:
        yield
    finally:
        del names["hash"]
