"""What a stage of the decoder must give, out of a student's own layers, and what it gives with each known mistake."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unet_lab.blocks import center_crop
from unet_lab.course.networks import Mistake, Parts, block, block_mistakes

CONCATENATE = "Both side by side, unchanged: torch.cat([skip, x], dim=1)."


class Stage:
    """The layers of a decoder stage: the up-convolution and the block; and what must come out of them."""

    def __init__(self, up: nn.ConvTranspose2d, parts: Parts, skip_first: bool):
        self.up, self.parts, self.skip_first = up, parts, skip_first

    def __call__(self, x: Tensor, skip: Tensor, crop=center_crop, join=None, after=lambda y: y) -> Tensor:
        x = after(F.conv_transpose2d(x, self.up.weight, self.up.bias, stride=2))
        skip = crop(skip, tuple(x.shape[-2:]))
        both = join(skip, x) if join else (skip, x)
        return block(self.parts, torch.cat(both if self.skip_first else both[::-1], dim=1))


def decoder_mistakes(stage: Stage) -> list[Mistake]:
    def joined(join):
        return lambda x, skip: stage(x, skip, join=join)

    def cropped(crop):
        return lambda x, skip: stage(x, skip, crop=crop)

    def row_for_columns(skip, size):
        top = (skip.shape[-2] - size[0]) // 2
        return skip[..., top : top + size[0], top : top + size[1]]

    def shifted(skip, size):
        top, left = (skip.shape[-2] - size[0]) // 4, (skip.shape[-1] - size[1]) // 4
        return skip[..., top : top + size[0], left : left + size[1]]

    middle = "As many rows are lost above as below, as many columns left as right: top = (H - h) // 2, left = (W - w) // 2."
    twin = Stage(stage.up, stage.parts, not stage.skip_first)
    found = [
        Mistake(cropped(lambda s, size: s[..., : size[0], : size[1]]), "you keep the skip's upper left corner.", middle),
        Mistake(cropped(lambda s, size: s[..., -size[0] :, -size[1] :]), "you keep the skip's lower right corner.", middle),
        Mistake(cropped(row_for_columns), "the offset of the rows is used for the columns too.", middle),
        Mistake(cropped(shifted), "the skip's middle is not kept: the crop begins at half of the right offset.", middle),
        Mistake(cropped(lambda s, size: F.interpolate(s, size)), "the skip is resized, not cropped.", middle),
        Mistake(cropped(lambda s, size: F.interpolate(s, size, mode="bilinear")), "the skip is resized, not cropped.", middle),
        Mistake(cropped(lambda s, size: F.adaptive_max_pool2d(s, size)), "the skip is pooled, not cropped.", middle),
        Mistake(joined(lambda s, x: (s + x, x)), "x is added to the skip.", CONCATENATE),
        Mistake(joined(lambda s, x: (s * x, x)), "skip and x are multiplied.", CONCATENATE),
        Mistake(joined(lambda s, x: (s.flip(-1), x)), "the skip is mirrored: each number comes to another place.", CONCATENATE),
        Mistake(joined(lambda s, x: (s.flip(-2), x)), "the skip is upside down (mirrored).", CONCATENATE),
        Mistake(joined(lambda s, x: (F.normalize(s, dim=1), x)), "the skip is normalised.", CONCATENATE),
        Mistake(joined(lambda s, x: (F.relu(s), x)), "the skip goes through a ReLU: its negative values are lost.", CONCATENATE),
        Mistake(joined(lambda s, x: (2 * s, x)), "the skip is doubled.", CONCATENATE),
        Mistake(lambda x, s: stage(x, s, after=F.relu), "there is a ReLU after the up-convolution: its negative values are lost.",
                "The up-convolution stands alone; the ReLUs are in the block."),
        Mistake(lambda x, s: stage(x, s).flip(-2), "the output is mirrored, upside down.", "Return it as it is."),
        Mistake(lambda x, s: stage(x, s).flip(-1), "the output is mirrored left to right.", "Return it as it is."),
        Mistake(lambda x, s: torch.sigmoid(stage(x, s)), "a sigmoid squashes the output.", "End with the block."),
    ]  # fmt: skip
    for each in block_mistakes(stage.parts):

        def network(x, skip, mistake=each):
            up = F.conv_transpose2d(x, stage.up.weight, stage.up.bias, stride=2)
            both = (center_crop(skip, up.shape[-2:]), up)
            return mistake.network(torch.cat(both if stage.skip_first else both[::-1], dim=1))

        found.append(Mistake(network, each.finding, each.clue))
    return found + ([Mistake(twin, "the order of skip and x changes from call to call.", CONCATENATE)] if twin else [])
