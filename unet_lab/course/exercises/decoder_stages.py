"""What a stage of the decoder must give, out of a student's own layers, and what it gives with each known mistake."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unet_lab.blocks import center_crop
from unet_lab.course.block_mistakes import block_mistakes
from unet_lab.course.networks import Mistake, Parts, block

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

    def off_by(skip, size, step):
        top, left = ((have - want) // 2 for have, want in zip(skip.shape[-2:], size, strict=True))
        top, left = top + step * (top > 0), left + step * (left > 0)
        return skip[..., top : top + size[0], left : left + size[1]]

    def rolled(skip, size):
        turned = skip.roll((skip.shape[-2] // 2, skip.shape[-1] // 2), (2, 3))
        return turned[..., : size[0], : size[1]]

    def padded(x, skip):
        up = F.conv_transpose2d(x, stage.up.weight, stage.up.bias, stride=2)
        size = tuple(up.shape[-2:])
        h, w = skip.shape[-2] - size[0], skip.shape[-1] - size[1]
        up = F.pad(up, (w // 2, w - w // 2, h // 2, h - h // 2))
        both = (skip, up) if stage.skip_first else (up, skip)
        return center_crop(block(stage.parts, torch.cat(both, dim=1)), size)

    def square_turned(out):
        return out.swapaxes(-1, -2) if out.shape[-1] == out.shape[-2] else out

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
        Mistake(joined(lambda s, x: (s + x, s + x)), "skip and x are added, and their sum stands there twice.", CONCATENATE),
        Mistake(joined(lambda s, x: (s + x, x)), "x is added to the skip.", CONCATENATE),
        *(Mistake(cropped(lambda s, size, d=d: off_by(s, size, d)), "the crop begins one row or column off the middle.", middle)
          for d in (-1, 1)),
        Mistake(cropped(rolled), "the skip is rolled round before it is cut: its middle is not what is left.", middle),
        Mistake(padded, "x is padded to the skip's size, and the result cropped: the skip is to be cropped, before the block.",
                middle),
        Mistake(joined(lambda s, x: (s.swapaxes(-1, -2) if s.shape[-1] == s.shape[-2] else s, x)),
                "a square skip is transposed: rows and columns are exchanged.", CONCATENATE),
        Mistake(lambda x, s: square_turned(stage(x, s)), "square outputs are transposed: rows and columns are exchanged.",
                "Return it as it is."),
        Mistake(joined(lambda s, x: (s.clamp(-1.5, 1.5), x)), "the skip is clipped.", CONCATENATE),
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
