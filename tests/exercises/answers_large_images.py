"""Right and wrong answers to the exercises of notebook 12."""

from unet_lab.geometry import reach, tile_margin, unet_receptive_field


def starts(length, tile, overlap, cell):
    """Right too: counting tiles."""
    step = (tile - overlap) // cell * cell
    count = max(0, -(-(length - tile) // step))
    return tuple(min(k * step, max(0, length - tile)) for k in range(count + 1))


def plain(change):
    """The right starts, then something done to them; the case of one tile untouched."""
    return lambda length, tile, overlap, cell: (
        [0] if tile >= length else change(list(starts(length, tile, overlap, cell)), length, tile, overlap, cell)
    )


def up_to(multiple_of, value):
    return -(-value // multiple_of) * multiple_of


def by_search(depth):
    """Right too: the smallest multiple of the cell that covers every place of it."""
    cell, margin = 2**depth, 0
    while any(
        first < -margin or last > cell - 1 + margin for first, last in (unet_receptive_field(p, depth) for p in range(cell))
    ):
        margin += cell
    return 2 * margin


def width(depth):
    return max(b - a + 1 for a, b in (unet_receptive_field(p, depth) for p in range(2**depth)))


WRONG = {
    "tile_starts": {
        "no last": (plain(lambda s, n, t, o, c: list(range(0, n - t + 1, (t - o) // c * c))), "pixels lie in no tile"),
        "beyond the end": (plain(lambda s, n, t, o, c: list(range(0, n - o, (t - o) // c * c))), "outside the"),
        "no overlap": (plain(lambda s, n, t, o, c: [*range(0, n - t, t), n - t]), "the step is the whole tile"),
        "off the grid": (plain(lambda s, n, t, o, c: [*range(0, n - t, t - o), n - t]), "not rounded down to a multiple"),
        "last twice": (plain(lambda s, n, t, o, c: [*range(0, n - t + 1, (t - o) // c * c), n - t]), "do not grow"),
        "too many": (plain(lambda s, n, t, o, c: list(range(0, n - t + 1, c))), "the step is one cell"),
        "first forgotten": (plain(lambda s, n, t, o, c: s[1:]), "does not start at 0"),
        "a number": (lambda n, t, o, c: 7, "expected a list"),
    },
    "seamless_overlap": {
        "one margin": (tile_margin, "the margin of one tile"),
        "not rounded": (lambda d: 2 * -unet_receptive_field(0, d)[0], "not a multiple of the cell"),
        "rounded last": (lambda d: up_to(2**d, -2 * unet_receptive_field(0, d)[0]), "then rounded"),
        "half, not rounded": (lambda d: -unet_receptive_field(0, d)[0], "one margin, not yet rounded"),
        "the width": (width, "the width of the field."),
        "the width, rounded": (lambda d: up_to(2**d, width(d)), "the width of the field, rounded"),
        "the reach": (lambda d: 2 * reach(d), "twice the reach: more"),
        "the reach, rounded": (lambda d: 2 * up_to(2**d, reach(d)), "twice the reach, rounded"),
        "a cell": (lambda d: 2**d, "one cell of the pooling grid"),
        "none": (lambda d: 0, "Without overlap"),
    },
}
ALSO_RIGHT = {"tile_starts": starts, "seamless_overlap": by_search}
