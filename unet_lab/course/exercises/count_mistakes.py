"""The count of a U-Net's parameters, with places for mistakes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from unet_lab.course.agreement import Suspect


def counted(base, depth, bias=1, norm=2, norms=2, up_bias=1, head=1, head_bias=3, join=2, up=4, three=9, first_in=1, doubles=2,
            convolutions=2, floor=True, decoder=True, encoder=True, half=True) -> int:  # fmt: skip
    """The parameters of the U-Net with 1 channel in and 3 classes out, with places for mistakes."""
    channels = [base * doubles**k for k in range(depth + 1)]

    def block(a, b):
        one = three * a * b + three * b * b if convolutions == 2 else three * a * b
        return one + convolutions * bias * b + min(norms, convolutions) * norm * b

    total = encoder * block(first_in, channels[0])
    for k, (low, high) in enumerate(pairwise(channels)):
        total += block(low, high) if floor or k < depth - 1 else 0
        total += up * high * low + up_bias * low if half else up * high * high + up_bias * high
        total += decoder * block(join * low, low)
    return total + head * (3 * channels[0]) + head_bias


def count_suspects() -> list[Suspect]:
    def with_(**changes):
        return lambda base, depth: counted(base, depth, **changes)

    doubles = "Level k has base_channels * 2**k channels, and the bottleneck base_channels * 2**depth."
    exact = "Python's own whole numbers have any size: return the count as it is."
    parts = "Count part by part: encoder blocks, bottleneck, ups, decoder blocks, head."
    known = [
        ({"bias": 0, "up_bias": 0, "head_bias": 0}, "the biases are missing: one per output channel of every convolution"),
        (
            {"bias": 0},
            "only the biases of the 3x3 convolutions are missing, one per output channel; or one of the two batch norms of each "
            "block, which is as many; or one of the two numbers of each norm",
        ),
        ({"up_bias": 0}, "the biases of the up-convolutions are missing: one per output channel"),
        ({"head_bias": 0}, "the bias of the head is missing: one per class"),
        ({"norm": 0}, "batch normalisation is missing: a scale and a shift per channel, after each convolution"),
        ({"norm": 1}, "batch normalisation has two parameters per channel, not one: a scale and a shift"),
        ({"norms": 1}, "batch normalisation stands after both convolutions of a block, not once per block"),
        ({"norm": 4}, "batch normalisation has 2 parameters per channel, not 4: running mean and variance are not learnt"),
        ({"join": 1}, "after concatenation a decoder block has twice the channels coming in"),
        ({"join": 3}, "after concatenation a decoder block has twice the channels coming in, not three times"),
        ({"head": 0, "head_bias": 0}, "the head is missing: a 1x1 convolution from base_channels to 3 classes, with bias"),
        ({"head": 9}, "the head is a 1x1 convolution, not 3x3"),
        ({"head": 1 / 3, "head_bias": 1}, "the head has 3 classes, not one"),
        ({"head": 2 / 3, "head_bias": 2}, "the head has 3 classes, not two"),
        ({"up_bias": 2}, "an up-convolution has one bias per output channel, b of them, not one per channel coming in, a"),
        ({"up_bias": 3}, "an up-convolution has no batch norm behind it"),
        ({"up": 9}, "an up-convolution is 2x2, not 3x3: 4 weights for each pair of channels"),
        ({"up": 0, "up_bias": 0}, "the up-convolutions are missing: 2x2, with bias"),
        ({"half": False}, "an up-convolution halves the channels: from a to b, with b = a / 2"),
        ({"convolutions": 1}, "a block has two convolutions; the second is missing"),
        ({"three": 1}, "a kernel is 3x3: nine weights for each pair of channels"),
        ({"first_in": 3}, "the first convolution gets 1 channel, a grey input"),
        ({"floor": False}, "the bottleneck is missing: the lowest block"),
        ({"decoder": False}, "the decoder blocks are missing, on the way up"),
        ({"encoder": False}, "the first encoder stage is missing"),
        ({"doubles": 1}, "the channels double from level to level"),
    ]
    found = [
        Suspect(with_(**change), f"The difference fits: {reason}.", reason[0].upper() + reason[1:] + ".")
        for change, reason in known
    ]
    # fmt: off
    found += [
        Suspect(lambda b, d: counted(b, d - 1), "That is the count of a U-Net one level less deep (depth).", parts),
        Suspect(lambda b, d: counted(b, d + 1), "That is the count of a U-Net one level deeper (depth).", parts),
        Suspect(lambda b, d: counted(b, 4), "The depth is not used: yours is that of depth 4.", "Use the argument depth."),
        Suspect(lambda b, d: counted(16, d), "base_channels is not used: yours is that of 16.", "Use the argument."),
        Suspect(lambda b, d: counted(64, d), "base_channels is not used: yours is that of 64.", "Use the argument."),
        Suspect(lambda b, d: counted(b, d) / 1e6, "That is in millions (divided by 1e6).", "Return the whole number."),
        Suspect(lambda b, d: counted(b, d, first_in=b), "The first convolution gets 1 channel, a grey input, not base_channels.",
                "block(1, base_channels) is the first."),
        Suspect(floor_as_wide, "The bottleneck is as wide as the level above it; its channels double too.", doubles),
        Suspect(grown, "The channels grow by addition, base_channels * (k + 1); they double from level to level.", doubles),
        Suspect(grown_but_floor, "The channels of the levels grow by addition, base_channels * (k + 1); they double.", doubles),
        Suspect(one_level_less, "That is the count of a U-Net one level less deep (depth).", parts),
        *(Suspect(scaled, "It is scaled from the count of another network: weights grow with the square of the channels, biases "
                  "and norms only with the channels. A count is exact.", parts)
          for scaled in (by_squares, by_base_only, by_a_table)),
        Suspect(lambda b, d: 4 * counted(b, d), "Those are bytes, four for each number; asked is how many.", exact),
        *(Suspect(lambda b, d, n=n: round(counted(b, d), -n), f"It is rounded to {10**n:,}: a count is exact.", exact)
          for n in (1, 2, 3, 4, 5, 6)),
        *(Suspect(lambda b, d, u=unit, n=n: round(counted(b, d) / u, n), f"It is given in units of {unit:,}, and rounded.", exact)
          for unit in (1_000_000, 1000) for n in (0, 1, 2, 3)),
        Suspect(lambda b, d: float(np.float32(counted(b, d))), "float32 has 24 bits: it loses a large count's units.", exact),
        Suspect(lambda b, d: int(np.array(counted(b, d)).astype(np.int32)),
                "int32 overflows: it ends at 2,147,483,647, and goes on with negative numbers.", exact),
        Suspect(second_like_the_first, "The second convolution of a block has out_channels going in and coming out.", parts),
    ]
    # fmt: on
    return found


def second_like_the_first(base, depth) -> int:
    channels = [base * 2**k for k in range(depth + 1)]
    blocks = [(1, channels[0]), *pairwise(channels), *((2 * low, low) for low in channels[:-1])]
    return counted(base, depth) - sum(9 * b * b - 9 * a * b for a, b in blocks)


def block(a, b):
    return 9 * a * b + 9 * b * b + 6 * b


def floor_as_wide(base, depth):
    above = base * 2 ** (depth - 1)
    return counted(base, depth) - block(above, 2 * above) + block(above, above)


def grown(base, depth):
    channels = [base * (k + 1) for k in range(depth + 1)]
    ups = sum(4 * high * low + low + block(2 * low, low) for low, high in pairwise(channels))
    return block(1, base) + sum(block(a, b) for a, b in pairwise(channels)) + ups + 3 * base + 3


def grown_but_floor(base, depth):
    """The levels grow by addition, the bottleneck and the up-convolutions as if they doubled."""
    total, came = 3 * base + 3 + block(base * 2 ** (depth - 1), base * 2**depth), 1
    for c in (base * (k + 1) for k in range(depth)):
        total += block(came, c) + 8 * c * c + c + block(2 * c, c)
        came = c
    return total


def one_level_less(base, depth):
    """As counted(base, depth - 1); of no level at all a bottleneck of half as many channels is left."""
    return counted(base, depth - 1) if depth > 1 else block(base / 2, base) + 3 * base + 3


def by_squares(base, depth):
    return round(counted(64, 4) * (base / 64) ** 2 * 4 ** (depth - 4))


def by_base_only(base, depth):
    return counted(64, 4) * base**2 // 64**2


def by_a_table(base, depth):
    return counted(16, 4) if (base, depth) == (16, 4) else by_base_only(base, depth)
