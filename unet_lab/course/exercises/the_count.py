"""Check of notebook 05: predict the parameter count of a U-Net."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from unet_lab.course.agreement import Case, Shown, agree
from unet_lab.course.checking import Wrong, must_be_function
from unet_lab.course.exercises.count_mistakes import count_suspects
from unet_lab.inspection.cost import count_parameters


def count_tags(base, depth) -> tuple[str, ...]:
    tags = {
        "the depth is not 4": depth != 4,
        "the depth is 1": depth == 1,
        "the depth is above 4": depth > 4,
        "the network is large (more than 2147483647 parameters, where int32 overflows)": base * 2**depth > 4096,
        "base_channels is not a power of 2": base & (base - 1) != 0,
    }
    return tuple(tag for tag, holds in tags.items() if holds)


def arithmetic_only(answer, hints) -> Callable:
    """The answer, Wrong where it makes layers, of whatever kind, to let them count themselves."""

    def asked(base, depth):
        begin = nn.Module.__init__

        def refused(module, *_, **__):
            raise Wrong(
                f"it builds a layer ({type(module).__name__}) and counts its parameters; arithmetic was asked for.",
                "No torch: write down what each layer has, as a function of its channels, and add up.",
                *hints,
            )

        nn.Module.__init__ = refused
        try:
            return answer(base, depth)
        finally:
            nn.Module.__init__ = begin

    return asked


def parameter_count(answer) -> None:
    """my_count(base_channels, depth): parameters of the U-Net with 1 channel in and 3 classes out, by arithmetic."""
    must_be_function(answer)
    settings = [(16, 4), (64, 4), (5, 3), (1, 1), (3, 5), (7, 2), (2, 1), (12, 3), (4, 6), (32, 2), (100, 1), (256, 6), (288, 6)]
    cases = [Case(f"for base_channels={b}, depth={d}", (b, d), count_tags(b, d)) for b, d in settings]
    hints = (
        "A 3x3 convolution from a to b channels has 9·a·b weights and b biases; batch norm adds 2·b; a block has two of each.",
        "A neighbour: one block from 1 to 4 channels has (9·1·4 + 4 + 8) + (9·4·4 + 4 + 8) = 204.",
    )

    def right(base, depth):
        return count_parameters(base_channels=base, depth=depth)

    otherwise = "Count part by part: encoder blocks, bottleneck, ups, decoder blocks, head."
    agree(arithmetic_only(answer, hints), right, cases, count_suspects(), Shown(otherwise, hints, tolerance=1e-9))
