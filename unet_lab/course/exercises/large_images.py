"""Checks of notebook 12: where tiles start, and how far they must overlap."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from unet_lab.course.checking import NotTried, Wrong, called, compare
from unet_lab.geometry import reach, tile_margin, unet_receptive_field


def tile_starts(answer) -> None:
    """my_starts(length, tile, overlap, cell): where tiles start along one axis."""
    neighbour = (
        "A neighbour: 10 pixels, tiles of 4, overlap 1, cells of 1: steps of 3 give 0, 3, 6, and 6 + 4 = 10 ends it. "
        "For 11 pixels the last one is moved back to 7: 0, 3, 6, 7."
    )
    cases = [(96, 32, 0, 8), (96, 32, 16, 8), (104, 32, 16, 8), (128, 48, 10, 8), (64, 64, 16, 8), (320, 128, 96, 16),
             (72, 64, 48, 8), (48, 64, 16, 8)]  # fmt: skip
    for length, tile, overlap, cell in cases:
        shown = f"my_starts({length}, {tile}, {overlap}, {cell})"
        got = called(answer, length, tile, overlap, cell)
        if got is None:
            raise NotTried()
        try:
            got = [int(v) for v in got]
        except (TypeError, ValueError):
            raise Wrong(f"{shown} is {got!r}, expected a list of whole numbers.", "return starts", neighbour) from None
        judge(shown, got, length, tile, overlap, cell, neighbour)


def judge(shown, got, length, tile, overlap, cell, neighbour) -> None:
    right = starts(length, tile, overlap, cell)
    if got == right:
        return
    finding = f"{shown} is {got}."
    if tile >= length:
        raise Wrong(f"{finding} One tile covers all.", "Where the tile is as long as the image, or longer: [0].", neighbour)
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
    for depth in (4, 3, 2, 5, 1):
        cell = 2**depth
        first, last = unet_receptive_field(0, depth)[0], unet_receptive_field(cell - 1, depth)[1]
        needed = max(-first, last - cell + 1)
        margin = tile_margin(depth)
        width = max(b - a + 1 for a, b in (unet_receptive_field(p, depth) for p in range(cell)))
        ends = "The pixel that looks farthest to one side never lies at that end of a tile: look at places 0 and 2**depth - 1."
        grid = "Tiles start on multiples of the pooling grid's cell, 2**depth: round up to such a multiple."
        suspects = [
            (margin, "That is the margin of one tile.", "Two tiles meet, and each has a margin that is not to be trusted."),
            (-(-2 * needed // cell) * cell, "That is twice the margin, then rounded.",
             "Round the margin up to a multiple of the cell first, then double: the cut, too, lies on the grid."),
            (2 * needed, "That is not a multiple of the cell.", grid),
            (needed, "That is one margin, not yet rounded.", "Two tiles meet, each with its margin; and round up to the cell."),
            (-(-width // cell) * cell, "That is the width of the field, rounded.",
             "Count from the pixel that is asked about: to the left of the cell's first pixel, to the right of its last one."),
            (width, "That is the width of the field.", "Count how far it reaches to one side, round up, double."),
            (2 * reach(depth), "That is twice the reach: more than needed.", ends),
            (2 * (-(-reach(depth) // cell) * cell), "That is twice the reach, rounded: enough, and more than needed.", ends),
            (cell, "That is one cell of the pooling grid.", "The cell says where tiles may start, not how far the network sees."),
            (0, "Without overlap, pixels at a tile's end miss their neighbours.", "How far does unet_receptive_field reach?"),
        ]  # fmt: skip
        compare(
            f"for depth {depth}", np.asarray(called(answer, depth)), np.asarray(2 * margin), suspects,
            "Take unet_receptive_field(place, depth) for the first and the last place of a cell, 0 and 2**depth - 1.",
            "Left of place 0 lie -first pixels; right of place 2**depth - 1 lie last - (2**depth - 1). The larger is the margin.",
            "A neighbour: a field from -13 to 20 around a cell of 8 pixels (0 to 7): 13 on each side, rounded up 16, overlap 32.",
        )  # fmt: skip
