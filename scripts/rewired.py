"""A U-Net of other people's parts: cut as in the figure of many a repository, and wired together anew, as a student would.

The parts are those of milesial/Pytorch-UNet (two convolutions with batch norm, max pooling, up-sampling that is padded to the
skip, a 1x1 convolution), written here again; the wiring is a loop over any depth, in place of four levels by hand.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class DoubleConvolution(nn.Sequential):
    """Twice: a 3x3 convolution that keeps the size, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, middle: int | None = None):
        middle = middle or outputs
        super().__init__(
            nn.Conv2d(inputs, middle, 3, padding=1, bias=False),
            nn.BatchNorm2d(middle),
            nn.ReLU(inplace=True),
            nn.Conv2d(middle, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class Up(nn.Module):
    """Double the size, pad to the skip's size, concatenate, convolve twice."""

    def __init__(self, inputs: int, outputs: int, bilinear: bool):
        super().__init__()
        if bilinear:
            self.up: nn.Module = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
            self.convolution = DoubleConvolution(inputs, outputs, inputs // 2)
        else:
            self.up = nn.ConvTranspose2d(inputs, inputs // 2, 2, stride=2)
            self.convolution = DoubleConvolution(inputs, outputs)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = self.up(x)
        down, right = skip.shape[-2] - x.shape[-2], skip.shape[-1] - x.shape[-1]
        x = F.pad(x, (right // 2, right - right // 2, down // 2, down - down // 2))
        return self.convolution(torch.cat([skip, x], dim=1))


class RewiredUNet(nn.Module):
    """The parts in a loop. bilinear : up-sampling without weights; the bottom then has half as many channels."""

    def __init__(self, channels: int = 1, classes: int = 3, base: int = 8, depth: int = 4, bilinear: bool = False):
        super().__init__()
        widths = [base * 2**level for level in range(depth + 1)]
        half = 2 if bilinear else 1
        self.first = DoubleConvolution(channels, widths[0])
        outputs = [*widths[1:-1], widths[-1] // half]
        self.down = nn.ModuleList(
            nn.Sequential(nn.MaxPool2d(2), DoubleConvolution(inputs, width))
            for inputs, width in zip(widths[:-1], outputs, strict=True)
        )
        narrow = [width // half for width in widths[-2:0:-1]] + [widths[0]]
        self.up = nn.ModuleList(Up(inputs, width, bilinear) for inputs, width in zip(widths[:0:-1], narrow, strict=True))
        self.last = nn.Conv2d(widths[0], classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        skips = [self.first(x)]
        for stage in self.down:
            skips.append(stage(skips[-1]))
        x = skips.pop()
        for stage in self.up:
            x = stage(x, skips.pop())
        return self.last(x)
