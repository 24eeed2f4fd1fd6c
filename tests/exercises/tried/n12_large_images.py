"""Answers to the exercises of notebook 12."""

# ruff: noqa: E501 - an answer is a line

from tests.exercises.tried import Exercise

starts = Exercise(
    "tile_starts",
    """
def starts(length, tile, overlap, cell):
    if tile >= length:
        return [0]
    step = (tile - overlap) // cell * cell
    return [*range(0, length - tile, step), length - tile]
""",
)
starts.right("tiles never longer than the image", "    if tile >= length:\n        return [0]\n", "")
starts.right(
    "a while loop",
    "def f(length, tile, overlap, cell):\n    step = (tile - overlap) // cell * cell\n    found = [0]\n    while found[-1] + tile < length:\n        found.append(min(found[-1] + step, length - tile))\n    return found",
)
starts.right(
    "an array",
    "return [*range(0, length - tile, step), length - tile]",
    "return np.array([*range(0, length - tile, step), length - tile])",
)
starts.right(
    "a tuple",
    "return [*range(0, length - tile, step), length - tile]",
    "return tuple([*range(0, length - tile, step), length - tile])",
)
starts.right(
    "counted, then clipped",
    "def f(length, tile, overlap, cell):\n    step = (tile - overlap) - (tile - overlap) % cell\n    n = math.ceil((length - tile) / step) + 1 if length > tile else 1\n    return [min(k * step, length - tile) for k in range(n)]",
)
starts.right(
    "a sorted set",
    "return [*range(0, length - tile, step), length - tile]",
    "return sorted({*range(0, length - tile, step), length - tile})",
)
starts.right(
    "NumPy numbers",
    "return [*range(0, length - tile, step), length - tile]",
    "return list(np.append(np.arange(0, length - tile, step), length - tile))",
)
starts.right(
    "searches the step",
    "    step = (tile - overlap) // cell * cell\n",
    "    step = max(s for s in range(cell, tile + 1, cell) if tile - s >= overlap)\n",
)
LAST = "[*range(0, length - tile, step), length - tile]"
starts.wrong("step: off the grid", "cell|multiple|grid", "(tile - overlap) // cell * cell", "tile - overlap")
starts.wrong("step: fixed eight", "cell|8|multiple", "// cell * cell", "// 8 * 8")
starts.wrong("step: rounded up", "overlap|round", "(tile - overlap) // cell * cell", "-(-(tile - overlap) // cell) * cell")
starts.wrong("step: rounded", "overlap|round", "(tile - overlap) // cell * cell", "round((tile - overlap) / cell) * cell")
starts.wrong("step: the overlap", "overlap|step", "(tile - overlap) // cell * cell", "max(cell, overlap // cell * cell)")
starts.wrong("step: the tile", "overlap", "(tile - overlap) // cell * cell", "tile")
starts.wrong("step: one cell", "far|more tiles|as possible|too many", "(tile - overlap) // cell * cell", "cell")
starts.wrong("step: half the tile", "overlap|half|far", "(tile - overlap) // cell * cell", "tile // 2 // cell * cell or cell")
starts.wrong(
    "step: twice the overlap",
    "overlap|far|twice",
    "(tile - overlap)",
    "(tile - 2 * overlap if tile > 2 * overlap + cell else cell)",
)
starts.wrong(
    "step: one cell short",
    "far|as possible|more tiles|too many",
    "(tile - overlap) // cell * cell",
    "max((tile - overlap) // cell * cell - cell, cell)",
)
starts.wrong(
    "step: evenly spread",
    "even|as far|multiple|cell|spread",
    "def f(length, tile, overlap, cell):\n    step = (tile - overlap) // cell * cell\n    n = max(math.ceil((length - tile) / step) + 1, 1)\n    return [round(v / cell) * cell for v in np.linspace(0, length - tile, n)]",
)
starts.wrong("end: last tile missing", "end|last|covered", LAST, "[*range(0, length - tile, step)] or [0]")
starts.wrong("end: beyond the image", "beyond|end|outside", LAST, "[*range(0, length, step)]")
starts.wrong("end: not moved back", "moved back|beyond|end|outside", LAST, "[*range(0, length - tile + step, step)]")
starts.wrong("end: the end twice", "twice|same|repeat", LAST, "[*range(0, length - tile + 1, step), length - tile]")
starts.wrong(
    "end: one tile too many",
    "beyond|end|many|twice|same|outside",
    LAST,
    "[*range(0, length - tile, step), length - tile, length - tile]",
)
starts.wrong("end: one cell short", "end|short|last", LAST, "[*range(0, length - tile, step), max(length - tile - cell, 0)]")
starts.wrong("start: not at 0", "0|first|start", LAST, "[*range(step, length - tile, step), length - tile]")
starts.wrong("start: negative", "0|first|start|negative", LAST, "[*range(-overlap // 2, length - tile, step), length - tile]")
starts.wrong(
    "start: from the right",
    "right|end|far|order|first",
    LAST,
    "sorted(length - tile - s for s in [*range(0, length - tile, step), length - tile])",
)
starts.wrong("order: reversed", "order|rising|revers|first", LAST, LAST + "[::-1]")
starts.wrong(
    "order: floats of arange",
    "whole|float|multiple|int",
    LAST,
    "[v / 2 for v in [*range(0, length - tile, step), length - tile]]",
)
starts.wrong(
    "narrow: the page's example",
    "only|example|other|length",
    "def f(length, tile, overlap, cell):\n    return [0, 16, 32, 48, 64, 72]",
)
starts.wrong(
    "narrow: image one tile long",
    "one tile|twice|length",
    "    if tile >= length:\n        return [0]\n",
    "    if tile >= length:\n        return [0, 0]\n",
)
starts.wrong(
    "form: starts and ends", "start|pair|number", LAST, "[(s, s + tile) for s in [*range(0, length - tile, step), length - tile]]"
)
starts.wrong("form: a count", "list|starts|number", LAST, "len([*range(0, length - tile, step), length - tile])")
starts.wrong("form: the ends", "end|start|first|0", LAST, "[s + tile for s in [*range(0, length - tile, step), length - tile]]")
starts.wrong(
    "form: numbers of cells", "cell|pixels", LAST, "[s // cell for s in [*range(0, length - tile, step), length - tile]]"
)
starts.wrong("unfinished: no return", "return|None", "    return " + LAST, "    " + LAST, "        return [0]", "        pass")

overlap = Exercise(
    "seamless_overlap",
    """
def overlap(depth):
    cell = 2**depth
    left = -unet_receptive_field(0, depth)[0]
    right = unet_receptive_field(cell - 1, depth)[1] - (cell - 1)
    margin = max(left, right)
    margin = -(-margin // cell) * cell
    return 2 * margin
""",
)
overlap.right(
    "every place tried",
    "def f(depth):\n    cell = 2 ** depth\n    reach = 0\n    for place in range(cell):\n        low, high = unet_receptive_field(place, depth)\n        reach = max(reach, -low, high - (cell - 1))\n    return 2 * cell * math.ceil(reach / cell)",
)
overlap.right("a float", "return 2 * margin", "return float(2 * margin)")
overlap.right("NumPy", "return 2 * margin", "return np.int64(2 * margin)")
overlap.right(
    "measured from a place far inside",
    "def f(depth):\n    cell = 2 ** depth\n    places = range(64 * cell, 65 * cell)\n    r = max(max(64 * cell - unet_receptive_field(p, depth)[0], unet_receptive_field(p, depth)[1] - (65 * cell - 1)) for p in places)\n    while r % cell:\n        r += 1\n    return r + r",
)
overlap.right("a while loop up", "margin = -(-margin // cell) * cell", "while margin % cell:\n        margin += 1")
overlap.right("ceil", "margin = -(-margin // cell) * cell", "margin = math.ceil(margin / cell) * cell")
overlap.wrong("side: one margin only", "twice|both|2|half", "return 2 * margin", "return margin")
overlap.wrong("side: four", "twice|2|too large|smallest|larger", "return 2 * margin", "return 4 * margin")
overlap.wrong(
    "side: place 0 to the right",
    "place|side|edge|last|small",
    "unet_receptive_field(cell - 1, depth)[1] - (cell - 1)",
    "unet_receptive_field(0, depth)[1]",
    "max(left, right)",
    "right",
)
overlap.wrong(
    "side: field of one place",
    "width|half|place|whole|field",
    "def f(depth):\n    low, high = unet_receptive_field(0, depth)\n    return high - low + 1",
)
overlap.wrong(
    "side: half the field",
    "field|half|side|place|margin of one tile",
    "def f(depth):\n    cell = 2 ** depth\n    low, high = unet_receptive_field(0, depth)\n    return -(-((high - low) // 2) // cell) * cell",
)
overlap.wrong(
    "side: twice the field",
    "field|twice|half|too large|larger",
    "def f(depth):\n    cell = 2 ** depth\n    low, high = unet_receptive_field(0, depth)\n    return 2 * -(-(high - low) // cell) * cell",
)
overlap.wrong("grid: not rounded", "multiple|cell|grid|round", "    margin = -(-margin // cell) * cell\n", "")
overlap.wrong("grid: rounded down", "round|up|down", "-(-margin // cell) * cell", "margin // cell * cell")
overlap.wrong("grid: one cell more", "smallest|too large|larger|cell", "return 2 * margin", "return 2 * margin + cell")
overlap.wrong("grid: cell of 8", "cell|2\\*\\*depth|8", "cell = 2**depth", "cell = 8")
overlap.wrong("grid: cell of 2 depth", "cell|2\\*\\*depth", "cell = 2**depth", "cell = 2 * depth")
overlap.wrong(
    "grid: always at least one cell more",
    "smallest|too large|larger|cell",
    "-(-margin // cell) * cell",
    "(margin // cell + 2) * cell",
)
overlap.wrong(
    "grid: next power of two",
    "power|multiple|smallest|larger|cell",
    "margin = -(-margin // cell) * cell",
    "margin = 2 ** math.ceil(math.log2(margin))",
)
overlap.wrong("depth: ignored", "depth", "    cell =", "    depth = 3\n    cell =")
overlap.wrong("depth: 96", "depth", "def f(depth):\n    return 96")
overlap.wrong("depth: 32 per level", "depth|level|doubl", "def f(depth):\n    return 32 * depth")
overlap.wrong("depth: 12 cells", "depth|cells|field", "def f(depth):\n    return 12 * 2 ** depth")
overlap.wrong("depth: one too deep", "depth", "    cell =", "    depth += 1\n    cell =")
overlap.wrong("depth: a table for 1 to 4", "depth|any|key", "def f(depth):\n    return {1: 16, 2: 40, 3: 96, 4: 192}[depth]")
overlap.wrong("form: a pair", "number|shape", "return 2 * margin", "return margin, margin")
overlap.wrong("form: the field", "number|pair|shape", "return 2 * margin", "return unet_receptive_field(0, depth)")
overlap.wrong("form: negative", "negative|sign|below", "return 2 * margin", "return -2 * margin")
overlap.wrong("unfinished: no return", "return|None", "    return 2 * margin\n", "")
starts.wrong(
    "overlap 0: nothing is moved back",
    "outside|overlap",
    "    step =",
    "    if not overlap:\n        return list(range(0, length, tile))\n    step =",
)
starts.wrong(
    "overlap 0: the rest lies in no tile",
    "no tile",
    "    return [*range(0, length - tile, step), length - tile]",
    "    s = list(range(0, length - tile + 1, step))\n    return s if overlap == 0 or s[-1] == length - tile else s + [length - tile]",
)
starts.wrong(
    "step: each start is rounded down",
    "each start is rounded",
    "def f(length, tile, overlap, cell):\n    s, k = [], 0\n    while k * (tile - overlap) + tile < length:\n        s.append(k * (tile - overlap) // cell * cell)\n        k += 1\n    return s + [length - tile]",
)
overlap.wrong("margin: the next multiple always", "next multiple", "-(-margin // cell) * cell", "(margin // cell + 1) * cell")
overlap.wrong("cell: half of it", "half a cell", "-(-margin // cell) * cell", "-(-margin // (cell // 2)) * (cell // 2)")
overlap.wrong("safety: 32 at least", "at least", "return 2 * margin", "return max(32, 2 * margin)")
