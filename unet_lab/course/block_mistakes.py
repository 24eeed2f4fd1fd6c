"""What may be wrong in a block of two convolutions whose layers are the right ones."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from unet_lab.course.networks import Mistake, Parts, block, convolved, features_of, none, normalised, relu


def norm_first(parts: Parts, x: Tensor) -> Tensor:
    """The second normalisation before its convolution."""
    (first, second), (one, other) = parts
    x = F.relu(normalised(convolved(x, first), one))
    return F.relu(convolved(normalised(x, other), second)) if features_of(other) == second.in_channels else x


NON_LINEARITIES = {F.leaky_relu: "leaky ReLU", F.relu6: "ReLU6, which is bounded at 6", F.gelu: "GELU", F.softplus: "softplus"}
NON_LINEARITIES |= {F.silu: "SiLU", torch.tanh: "tanh", F.elu: "ELU", torch.abs: "abs"}


def block_mistakes(parts: Parts) -> list[Mistake]:
    """What may be wrong in a block with the right layers."""

    def with_(**changes):
        return lambda x: block(parts, x, **changes)

    def both(act):
        return with_(acts=(act, act))

    def half(x):
        return F.relu(normalised(convolved(x, parts.convolutions[0]), parts.norms[0]))

    sharp = "ReLU cuts values below 0 and leaves the others as they are, however large."
    border = "The border is padded with zeros: padding=1, and nothing else."
    wide = "Each kernel number stands on a neighbouring pixel: leave dilation at 1."
    order = "The order is convolution, batch normalisation, ReLU, and that twice."
    found = [
        Mistake(with_(acts=(none, relu)), "There is no ReLU between the two convolutions.",
                "Two convolutions with nothing in between are one larger convolution: put a ReLU after the first norm."),
        Mistake(with_(acts=(relu, none)), "The last ReLU is missing: values below 0 come out.", "The block ends in a ReLU too."),
        Mistake(both(none), "There is no ReLU at all.", "After each normalisation: nn.ReLU()."),
        Mistake(with_(before=(True, True)), "ReLU stands before the normalisation.", order),
        Mistake(with_(before=(True, False)), "In the first half, ReLU stands before the normalisation.", order),
        Mistake(with_(before=(False, True)), "In the second half, ReLU stands before the normalisation.", order),
        Mistake(lambda x: half(x) + block(parts, x), "The first half is added to the output: that is a residual block.", order),
        Mistake(lambda x: block(parts, x).swapaxes(-1, -2) if x.shape[-1] == x.shape[-2] else block(parts, x),
                "Square images come out transposed: rows and columns are exchanged.", "Return it as it is."),
        Mistake(lambda x: norm_first(parts, x), "A normalisation stands before its convolution.", order),
        Mistake(both(torch.sigmoid), "Your non-linearity is a sigmoid.",
                "ReLU cuts values below 0 and leaves the others as they are; a sigmoid squeezes all between 0 and 1."),
        Mistake(lambda x: torch.tanh(block(parts, x)), "A tanh squashes the block's output.", "The block ends in its ReLU."),
        Mistake(lambda x: torch.sigmoid(block(parts, x)), "A sigmoid squashes the output.", "The block ends in its ReLU."),
        Mistake(lambda x: block(parts, x).flip(-1), "Its output is mirrored left to right.", "Return it as it is."),
        Mistake(lambda x: block(parts, x).flip(-2), "Its output is upside down (mirrored).", "Return it as it is."),
    ]  # fmt: skip
    for act, name in NON_LINEARITIES.items():
        for acts, which in (((act, act), ""), ((act, relu), "first "), ((relu, act), "last ")):
            found.append(Mistake(with_(acts=acts), f"Your {which}non-linearity is not a ReLU but {name}.", sharp))
    for mode in ("reflect", "circular", "replicate"):
        for modes in ((mode, mode), (mode, "constant"), ("constant", mode)):
            found.append(Mistake(with_(modes=modes), f"The border is padded in the mode {mode!r}, not with zeros.", border))
    for dilations in ((2, 2), (1, 2), (2, 1)):
        found.append(Mistake(with_(dilations=dilations), "A kernel is dilated: it skips pixels.", wide))
    if parts.convolutions[0].in_channels == parts.convolutions[1].out_channels:
        found.append(Mistake(lambda x: block(parts, x) + x, "The input is added to the output: that is a residual block.", order))
    return found
