"""Sizes, receptive fields and margins of a U-Net: plain arithmetic, from its settings."""

from __future__ import annotations

from torch import nn

from unet_lab.blocks import PADDINGS

DEEPEST = 6


def output_size(size: int, depth: int = 4, padding: str = "same") -> int:
    """The height (or width) that comes out of a U-Net for one that goes in.

    With "same" padding the size stays, if it can be halved `depth` times. With "valid" padding every block takes
    4 pixels: 572 becomes 388 at depth 4 (Ronneberger et al. 2015, figure 1).
    Raises ValueError, with the nearest sizes that do, where a pooling would meet an odd size or nothing is left.

    >>> output_size(572, depth=4, padding="valid"), output_size(96)
    (388, 96)
    """
    check_depth(depth)
    if padding not in PADDINGS:
        raise ValueError(f"padding is {padding!r}; allowed are 'same' and 'valid'.")
    if not isinstance(size, int) or size < 1:
        raise ValueError(f"size is {size!r}; allowed are whole numbers from 1 up, in pixels.")
    if not fits(size, depth, padding):
        raise ValueError(size_message(size, size, depth, padding))
    return size_ledger(size, depth, padding)[-1][1]


def size_ledger(size: int, depth: int = 4, padding: str = "same") -> list[tuple[str, int]]:
    """Every size on the way through the U, as (place, size in pixels); sizes that do not fit are rounded down.

    >>> size_ledger(12, depth=1, padding="valid")
    [('input', 12), ('encoder 0', 8), ('pool 0', 4), ('bottleneck', 0), ('up 0', 0), ('decoder 0', -4)]
    """
    lost = 4 if padding == "valid" else 0
    ledger = [("input", size)]
    for k in range(depth):
        size = size - lost
        ledger.append((f"encoder {k}", size))
        size = size // 2
        ledger.append((f"pool {k}", size))
    size = size - lost
    ledger.append(("bottleneck", size))
    for k in reversed(range(depth)):
        size = 2 * size
        ledger.append((f"up {k}", size))
        size = size - lost
        ledger.append((f"decoder {k}", size))
    return ledger


def nearest_sizes(size: int, depth: int = 4, padding: str = "same") -> list[int]:
    """The sizes next to `size`, below and above, that survive all poolings; `[size]` where it does itself.

    >>> nearest_sizes(100)
    [96, 112]
    """
    if fits(size, depth, padding):
        return [size]
    below = next((s for s in range(size, 0, -1) if fits(s, depth, padding)), None)
    above = size
    while not fits(above, depth, padding):
        above += 1
    return [above] if below is None else [below, above]


# fmt: off
def unet_receptive_field(
    place: int, depth: int = 4, padding: str = "same", up: str = "transposed", attention: bool = False
) -> tuple[int, int]:
    """First and last pixel that output pixel `place` of a U-Net depends on, along one axis, both included.

    Not cut off at the image's border: below 0 lies padding. The U is a chain with branches, so the answer depends on
    where `place` lies in the pooling grid: the width differs from pixel to pixel.
    With "valid" padding, `place` counts in the smaller output. For norms that look at the whole image see `sees_everything`.

    >>> [last - first + 1 for first, last in (unet_receptive_field(p) for p in (0, 1, 8))]
    [188, 188, 204]
    """
    if padding not in PADDINGS:
        raise ValueError(f"padding is {padding!r}; allowed are 'same' and 'valid'.")
    before, after = (2, 2) if padding == "same" else (0, 4)  # how far two 3x3 convolutions reach

    def behind(level: int, first: int, last: int) -> tuple[int, int]:
        """From the output of this level's last block to the input of its first."""
        first, last = first - before, last + after
        if level == depth:
            return first, last
        halves = first // 2, last // 2                                              # through the up-convolution
        between = (first - 1) // 2, (last + 1) // 2                                 # through an interpolation: one more
        below_first, below_last = behind(level + 1, *(between if up == "bilinear" or attention else halves))
        if attention:                                                               # the gate's own look at the skip
            first, last = 2 * between[0], 2 * between[1] + 1
        crop = skip_surplus(level, depth) // 2 if padding == "valid" else 0
        first, last = min(first + crop, 2 * below_first), max(last + crop, 2 * below_last + 1)  # skip, or pooling
        return first - before, last + after

    return behind(0, place, place)
# fmt: on


def reach(depth: int = 4, up: str = "transposed", attention: bool = False) -> int:
    """How far the farthest pixel lies that an output pixel of a U-Net may depend on: the margin that is not to be trusted.

    >>> reach(4), reach(4, up="bilinear")
    (107, 122)
    """
    fields = [(p, *unet_receptive_field(p, depth, "same", up, attention)) for p in range(2**depth)]
    return max(max(place - first, last - place) for place, first, last in fields)


def tile_margin(depth: int = 4, padding: str = "same", up: str = "transposed", attention: bool = False) -> int:
    """How many pixels around a tile the network must be shown, so that the tile's own pixels come out as in the whole image.

    For tiles that start and end on multiples of 2**depth, which is less than `reach`: the pixel that looks farthest to one side
    never lies at that side's end. Rounded up to a multiple of 2**depth. With "valid" padding: what the network eats.

    >>> tile_margin(4), tile_margin(4, up="bilinear"), tile_margin(4, padding="valid")
    (96, 112, 92)
    """
    if padding == "valid":
        smallest = nearest_sizes(1, depth, padding)[-1]
        return (smallest - output_size(smallest, depth, padding)) // 2
    cell = 2**depth
    fields = [unet_receptive_field(p, depth, padding, up, attention) for p in (0, cell - 1)]
    needed = max(-fields[0][0], fields[1][1] - (cell - 1))
    return -(-needed // cell) * cell


def sees_everything(model: nn.Module) -> bool:
    """True where a layer takes mean and variance over the image at hand, so that each pixel depends on all others."""
    whole = (nn.InstanceNorm2d, nn.GroupNorm)
    return any(isinstance(m, whole) and not getattr(m, "track_running_stats", False) for m in model.modules())


def skip_surplus(level: int, depth: int) -> int:
    """Pixels that a skip is larger than what it meets, with valid padding: 8 at the deepest, 176 at the top of four."""
    return 8 if level == depth - 1 else 16 + 2 * skip_surplus(level + 1, depth)


def fits(size: int, depth: int, padding: str) -> bool:
    """True where no pooling meets an odd size and something is left at the end."""
    ledger = dict(size_ledger(size, depth, padding))
    pooled = [ledger[f"encoder {k}"] for k in range(depth)]
    return all(s % 2 == 0 for s in pooled) and min(ledger.values()) >= 1


def check_depth(depth: int) -> None:
    if not isinstance(depth, int) or not 1 <= depth <= DEEPEST:
        raise ValueError(f"depth is {depth!r}; allowed are whole numbers from 1 to {DEEPEST} (poolings).")


def size_message(height: int, width: int, depth: int, padding: str) -> str:
    bad = height if not fits(height, depth, padding) else width
    if padding == "same" and bad >= 2**depth:
        factors = prime_factors(bad)
        twos = factors.count(2)
        times = {0: "not divisible by 2", 1: "divisible by 2 once only", 2: "divisible by 2 twice only"}
        why = f"{bad} = {'·'.join(map(str, factors))} is {times.get(twos, f'divisible by 2 only {twos} times')}"
    elif padding == "same":
        why = f"after {depth} halvings nothing is left of {bad} pixels"
    else:
        ledger = size_ledger(bad, depth, padding)
        place, size = next((p, s) for p, s in ledger if s < 1 or (p.startswith("encoder") and s % 2))
        state = "nothing is left" if size < 1 else f"the size is {size}, which is odd,"
        why = f"with valid padding {state} at {place}"
    sizes = ", ".join(map(str, nearest_sizes(bad, depth, padding)))
    nearest = f"Nearest sizes: {sizes}." if "," in sizes else f"The smallest size that does: {sizes}."
    poolings = "1 pooling" if depth == 1 else f"{depth} poolings"
    return f"{height} x {width} does not survive {poolings}: {why}. {nearest} Or use predict(), which pads and crops."


def prime_factors(number: int) -> list[int]:
    factors, divisor = [], 2
    while number > 1:
        while number % divisor == 0:
            factors.append(divisor)
            number //= divisor
        divisor += 1
    return factors or [1]
