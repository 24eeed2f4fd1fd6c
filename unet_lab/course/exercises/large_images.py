"""Checks of notebook 12: where tiles start, and how far they must overlap."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from unet_lab.course.agreement import Case, Shown, agree
from unet_lab.course.checking import Wrong, called, short
from unet_lab.course.exercises.overlap_mistakes import overlap_suspects
from unet_lab.course.facts import counted
from unet_lab.course.leniency import sequence, whole
from unet_lab.geometry import tile_margin

TILE_NEIGHBOUR = (
    "A neighbour: 10 pixels, tiles of 4, overlap 1, cells of 1: steps of 3 give 0, 3, 6, and 6 + 4 = 10 ends it. "
    "For 11 pixels the last one is moved back to 7: 0, 3, 6, 7."
)


def tile_starts(answer) -> None:
    """my_starts(length, tile, overlap, cell): where tiles start along one axis."""
    cases = [(96, 32, 0, 8), (96, 32, 16, 8), (104, 32, 16, 8), (128, 48, 10, 8), (64, 64, 16, 8), (320, 128, 96, 16),
             (72, 64, 48, 8), (96, 32, 3, 4), (100, 20, 5, 2), (160, 64, 32, 32), (200, 48, 12, 4), (90, 30, 7, 1),
             (192, 64, 20, 16), (96, 64, 16, 16), (104, 32, 0, 8), (100, 30, 0, 10), (60, 40, 0, 20),
             (264, 96, 90, 4)]  # fmt: skip
    found = []
    for length, tile, overlap, cell in cases:
        shown = f"my_starts({length}, {tile}, {overlap}, {cell})"
        got = called(answer, length, tile, overlap, cell)
        given = sequence(got)
        whole_ones = None if given is None else [whole(v) for v in given]
        if whole_ones is None or None in whole_ones:
            pairs = " Pairs of start and end?" if given and sequence(given[0]) else ""
            finding = f"{shown} is {short(repr(got))}, expected a list of whole numbers, the starts.{pairs}"
            raise Wrong(finding, "return starts", TILE_NEIGHBOUR)
        found.append(((length, tile, overlap, cell), whole_ones))
    wrong = [(settings, got) for settings, got in found if got != starts(*settings)]
    for settings, got in wrong:
        with counted(len(found) - len(wrong), of=len(found)):
            say_which(found, settings)
            judge(f"my_starts{settings}", got, *settings, TILE_NEIGHBOUR)


def stepped(step: Callable, length, tile, overlap, cell) -> list[int]:
    """Tiles with another step."""
    size = max(int(step(length, tile, overlap, cell)), 1)
    return [*range(0, length - tile, size), length - tile] if tile < length else [0]


def spread(length, tile, overlap, cell) -> list[int]:
    count = math.ceil((length - tile) / ((tile - overlap) // cell * cell)) + 1
    return [round(v / cell) * cell for v in np.linspace(0, length - tile, count)]


TILE_MISTAKES: dict[str, Callable] = {
    "those are the ends of the tiles, not the starts": lambda n, t, o, c: [s + t for s in starts(n, t, o, c)],
    "those are counted in cells, not in pixels": lambda n, t, o, c: [s // c for s in starts(n, t, o, c)],
    "the order is reversed: the starts rise": lambda n, t, o, c: starts(n, t, o, c)[::-1],
    "the tiles are laid from the right end; from the left, each as far as possible": lambda n, t, o, c: sorted(
        n - t - s for s in starts(n, t, o, c)
    ),
    "the step is tile - overlap, not rounded down to a multiple of the cell": lambda *a: stepped(lambda n, t, o, c: t - o, *a),
    "the step is a multiple of 8, whatever the cell is": lambda *a: stepped(lambda n, t, o, c: (t - o) // 8 * 8, *a),
    "the step is rounded up to the cell, so the overlap is too small": lambda *a: stepped(
        lambda n, t, o, c: -(-(t - o) // c) * c, *a
    ),
    "the step is rounded to the nearest cell, not down: the overlap may be too small": lambda *a: stepped(
        lambda n, t, o, c: round((t - o) / c) * c, *a
    ),
    "the overlap itself is the step": lambda *a: stepped(lambda n, t, o, c: max(c, o // c * c), *a),
    "the step is the whole tile: there is no overlap": lambda *a: stepped(lambda n, t, o, c: t, *a),
    "the step is one cell: more tiles than needed, not as far as possible": lambda *a: stepped(lambda n, t, o, c: c, *a),
    "the step is half a tile, whatever overlap is asked": lambda *a: stepped(lambda n, t, o, c: t // 2 // c * c or c, *a),
    "the step is one cell short of as far as possible": lambda *a: stepped(lambda n, t, o, c: max((t - o) // c * c - c, c), *a),
    "the overlap is taken off twice: not as far as possible": lambda *a: stepped(
        lambda n, t, o, c: (t - 2 * o if t > 2 * o + c else c) // c * c, *a
    ),
    "the tiles are spread evenly; asked is as far as possible each, and only the last moved back": spread,
    "each start is rounded down by itself; the step is to be, once": lambda n, t, o, c: [
        *(k * (t - o) // c * c for k in range(n) if k * (t - o) + t < n),
        n - t,
    ],
    "each start is rounded by itself; the step is to be, once, and down": lambda n, t, o, c: [
        *(round(k * (t - o) / c) * c for k in range(n) if k * (t - o) + t < n),
        n - t,
    ],
    "the last start stands there twice": lambda n, t, o, c: [*starts(n, t, o, c), n - t],
    "without an overlap the last tile is not moved back": lambda n, t, o, c: (
        list(range(0, n, t)) if o == 0 else starts(n, t, o, c)
    ),
    "without an overlap the rest lies in no tile": lambda n, t, o, c: (
        list(range(0, n - t + 1, t // c * c)) if o == 0 else starts(n, t, o, c)
    ),
    "it is always the example's": lambda n, t, o, c: starts(104, 32, 16, 8),
}


def say_which(found, settings) -> None:
    """Wrong where one known mistake gives the student's own starts in every case."""
    mine = dict(found)[settings]
    for finding, mistake in TILE_MISTAKES.items():
        try:
            if all(got == mistake(*each) for each, got in found):
                raise Wrong(
                    f"my_starts{settings} is {mine}, expected {starts(*settings)}: {finding}.",
                    "step = (tile - overlap) // cell * cell; the last tile starts at length - tile.",
                    TILE_NEIGHBOUR,
                )
        except (ZeroDivisionError, ValueError):
            continue


def judge(shown, got, length, tile, overlap, cell, neighbour) -> None:
    right = starts(length, tile, overlap, cell)
    if got == right:
        return
    finding = f"{shown} is {got}."
    if tile >= length:
        raise Wrong(
            f"{finding} One tile covers all: the image is one tile long.",
            "Where the tile is as long as the image: [0].",
            neighbour,
        )
    if not got or got[0] != 0:
        raise Wrong(f"{finding} The first tile does not start at 0.", "Begin with 0.", neighbour)
    if got != sorted(set(got)):
        raise Wrong(
            f"{finding} They do not grow from each to the next.",
            "The last one may fall on one that is there already: do not add it twice.", neighbour,
        )  # fmt: skip
    if got[-1] + tile > length:
        raise Wrong(
            f"{finding} The last tile ends at {got[-1] + tile}, outside the {length} pixels.",
            "Move the last tile back: it starts at length - tile.", neighbour,
        )  # fmt: skip
    if got[-1] + tile < length:
        raise Wrong(
            f"{finding} The last {length - got[-1] - tile} pixels lie in no tile.",
            "One more tile, moved back so that it ends where the image ends: length - tile.", neighbour,
        )  # fmt: skip
    off = [start for start in got if start % cell]
    if off:
        raise Wrong(
            f"{finding} {off[0]} is no multiple of {cell}: this tile is pooled on another grid than the whole image.",
            "Round the step down to a multiple of the cell: step = (tile - overlap) // cell * cell.", neighbour,
        )  # fmt: skip
    least = min(a + tile - b for a, b in pairwise(got))
    if least < overlap:
        raise Wrong(
            f"{finding} Two neighbours overlap by {least} pixels, needed are {overlap}.",
            "From one start to the next it is the tile less the overlap.", neighbour,
        )  # fmt: skip
    if len(got) == len(right):
        raise Wrong(
            f"{finding} All is covered, but not each start is as far as possible from the one before: {right} is expected.",
            "Only the last tile is moved back; all others lie a whole step apart.", neighbour,
        )  # fmt: skip
    raise Wrong(
        f"{finding} All is covered, with {len(got)} tiles; {len(right)} are enough.",
        "The step is as large as the overlap allows: tile - overlap, rounded down to a multiple of the cell.", neighbour,
    )  # fmt: skip


def starts(length: int, tile: int, overlap: int, cell: int) -> list[int]:
    if tile >= length:
        return [0]
    step = (tile - overlap) // cell * cell
    return [*range(0, length - tile, step), length - tile]


def seamless_overlap(answer) -> None:
    """my_overlap(depth): the smallest overlap, in pixels, at which tiles of a U-Net show no seam."""
    cases = [Case(f"for depth {depth}", (depth,), (f"the depth is not {other}",) if depth != other else ())
             for depth in (4, 3, 2, 5, 1) for other in (3,)]  # fmt: skip
    hints = (
        "Left of place 0 lie -first pixels; right of place 2**depth - 1 lie last - (2**depth - 1). The larger is the margin.",
        "A neighbour: a field from -13 to 20 around a cell of 8 pixels (0 to 7): 13 on each side, rounded up 16, overlap 32.",
    )
    otherwise = "Take unet_receptive_field(place, depth) for the first and the last place of a cell, 0 and 2**depth - 1."
    agree(answer, lambda depth: 2 * tile_margin(depth), cases, overlap_suspects(), Shown(otherwise, hints, tolerance=1e-9))
