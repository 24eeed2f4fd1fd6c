"""Overlaps of tiles that are too small or too large, each with the mistake that leads to it."""

from __future__ import annotations

import math

from unet_lab.course.agreement import Suspect
from unet_lab.geometry import reach, tile_margin, unet_receptive_field


def margin_of(depth: int) -> int:
    """How far the network sees from the cell of a pixel, to the farther side, in pixels."""
    cell = 2**depth
    return max(-unet_receptive_field(0, depth)[0], unet_receptive_field(cell - 1, depth)[1] - cell + 1)


def up_to(value: int, cell: int) -> int:
    return -(-value // cell) * cell


def overlap_suspects() -> list[Suspect]:
    ends = "The pixel that looks farthest to one side never lies at that end of a tile: look at places 0 and 2**depth - 1."
    grid = "Tiles start on multiples of the pooling grid's cell, 2**depth: round up to such a multiple."
    twice = "Two tiles meet, and each has a margin that is not to be trusted: twice the margin."
    count = "Count how far it reaches to one side, round up to the cell, double."

    def field(depth, place=0):
        low, high = unet_receptive_field(place, depth)
        return high - low + 1

    def places(depth):
        return [(place, unet_receptive_field(place, depth)) for place in range(2**depth)]

    def widest(depth):
        return max(field(depth, place) for place in range(2**depth))

    def of(value, finding, clue=count):
        return Suspect(value, finding, clue)

    def cell(change):
        return lambda d: 2 * up_to(margin_of(d), change(d))

    return [
        of(lambda d: tile_margin(d), "That is the margin of one tile.", twice),
        of(lambda d: up_to(2 * margin_of(d), 2**d),
           "That is twice the margin, then rounded, or each margin rounded up to half a cell, 2**(depth - 1).",
           "Round the margin up to a multiple of the cell first, then double: the cut, too, lies on the grid."),
        of(lambda d: 2 * margin_of(d), "That is not a multiple of the cell.", grid),
        of(lambda d: margin_of(d), "That is one margin, not yet rounded.", twice + " And round up to the cell."),
        of(lambda d: 4 * tile_margin(d), "That is four times the margin: twice as large as needed.", twice),
        of(lambda d: up_to(widest(d), 2**d), "That is the width of the field, rounded.",
           "Count from the pixel that is asked about: to the left of the cell's first pixel, to the right of its last one."),
        of(widest, "That is the width of the field."),
        of(field, "That is the width of the field of one place."),
        of(lambda d: field(d) - 1, "That is the width of the field of one place, less 1."),
        of(lambda d: up_to((field(d) - 1) // 2, 2**d), "That is half the field's width, rounded: one side only.", twice),
        of(lambda d: 2 * up_to(field(d) - 1, 2**d), "That is twice the whole field: larger than needed."),
        of(lambda d: 2 * reach(d), "That is twice the reach: more than needed.", ends),
        of(lambda d: 2 * up_to(reach(d), 2**d), "That is twice the reach, rounded: more than needed.", ends),
        of(lambda d: 2 * up_to(unet_receptive_field(0, d)[1], 2**d),
           "So comes out what looks to the wrong side (to the right of place 0), takes half the field's width, or takes the next "
           "multiple where the margin is one already: at depth 1 it is 8, and 8 is a multiple of 2.", ends),
        of(lambda d: up_to(field(d), 2**d), "That is the width of the field, rounded."),
        of(lambda d: 2 * tile_margin(4), "The depth is not handed on: yours is that of depth 4, the default.",
           "unet_receptive_field(place, depth)"),
        of(lambda d: 2 * up_to(max(-unet_receptive_field(0)[0], unet_receptive_field(2**d - 1)[1] - 2**d + 1), 2**d),
           "The depth is not handed on: unet_receptive_field takes 4, its default.", "unet_receptive_field(place, depth)"),
        of(lambda d: 2 * up_to(min(max(p - low, high - p) for p, (low, high) in places(d)), 2**d),
           "That is the reach of the place that looks least far; the farthest counts.", ends),
        of(lambda d: 2 * up_to(min(min(p - low, high - p) for p, (low, high) in places(d)), 2**d),
           "That is the reach of the place that looks least far; the farthest counts.", ends),
        of(lambda d: max(2 * tile_margin(d), 32), "It is 32 at least; at depth 1 16 is enough.", count),
        of(lambda d: 2 * (margin_of(d) // 2**d * 2**d), "The margin is rounded down to the cell; round up.", grid),
        of(lambda d: 2 * (margin_of(d) // 2**d + 1) * 2**d, "A cell more than needed where it is a multiple.", grid),
        of(lambda d: 2 * (margin_of(d) // 2**d + 2) * 2**d, "That is a cell larger than the smallest: two in all.", grid),
        of(lambda d: 2 * tile_margin(d) + 2**d, "That is one cell larger than the smallest.", grid),
        of(cell(lambda d: 8), "Your cell is always 8; it is 2**depth.", grid),
        of(cell(lambda d: 2 ** max(d - 1, 0)), "Your cell is that of one level less.", grid),
        of(cell(lambda d: 2 * d), "Your cell is 2 * depth; it is 2**depth.", grid),
        of(lambda d: 2 * 2 ** math.ceil(math.log2(margin_of(d))), "The margin is rounded to a power of two: too large.", grid),
        of(lambda d: 2 * tile_margin(3), "The depth is not used: yours is that of depth 3.", "It must work for any depth."),
        of(lambda d: 2 * tile_margin(d + 1), "That is the overlap of a network one level deeper.", "Use depth."),
        of(lambda d: 2 * tile_margin(d - 1), "That is the overlap of a network one level less deep.", "Use depth."),
        of(lambda d: 32 * d, "32 for each level of depth fits depth 3 only; the field doubles with each level."),
        of(lambda d: 12 * 2**d, "12 cells for any depth fit depth 3 only."),
        of(lambda d: 2**d, "That is one cell of the pooling grid.", grid),
        of(lambda d: 0, "Without overlap, pixels at a tile's end miss their neighbours."),
    ]  # fmt: skip
