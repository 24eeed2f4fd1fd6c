"""The parts of the U, one class each.

Read this file next to figure 1 of Ronneberger, Fischer and Brox, "U-Net: Convolutional Networks for Biomedical
Image Segmentation" (2015, arXiv 1505.04597). Comments give a tensor's shape as (N, C, H, W): images in the batch,
channels, height, width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

PADDINGS = ("same", "valid")
NORMS = ("batch", None)


class ConvBlock(nn.Sequential):
    """Two 3x3 convolutions, each followed by normalisation and ReLU: the blue arrows of the figure.

    One 3x3 convolution sees 3x3 pixels; two in a row see 5x5, with a non-linearity in between.

    Parameters
    ----------
    in_channels, out_channels : feature maps going in and coming out.
    padding : "same" keeps H and W by padding with one zero on each side; "valid" loses 2 pixels per convolution side
        to side, 4 per block.
    norm : "batch" puts batch normalisation between convolution and ReLU; None leaves it out, as in the 2015 paper.

    Raises ValueError for any other padding or norm.
    """

    def __init__(self, in_channels: int, out_channels: int, padding: str = "same", norm: str | None = "batch"):
        if padding not in PADDINGS:
            raise ValueError(f"padding is {padding!r}; allowed are 'same' (keeps the size) and 'valid' (no padding).")
        if norm not in NORMS:
            raise ValueError(f"norm is {norm!r}; allowed are 'batch' and None.")
        layers = []
        for channels in (in_channels, out_channels):
            layers.append(nn.Conv2d(channels, out_channels, kernel_size=3, padding=1 if padding == "same" else 0))
            if norm == "batch":
                layers.append(nn.BatchNorm2d(out_channels))
            layers.append(nn.ReLU(inplace=True))
        super().__init__(*layers)

    def _get_name(self) -> str:
        return "Sequential"  # which it is: it prints like the blocks in the report's figure 3


class EncoderStage(nn.Module):
    """One step down the contracting path: find features, hand them across the U, halve the size.

    Returns both what goes on down (`x`) and what goes across to the decoder (`skip`).
    Ronneberger et al. 2015, section 2.
    """

    def __init__(self, in_channels: int, out_channels: int, padding: str = "same", norm: str | None = "batch"):
        super().__init__()
        self.block = ConvBlock(in_channels, out_channels, padding, norm)
        self.pool = nn.MaxPool2d(kernel_size=2, stride=2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:  # (N, C_in, H, W)
        skip = self.block(x)                                # (N, C_out, H, W)
        x = self.pool(skip)                                 # (N, C_out, H/2, W/2)
        return x, skip


class Bottleneck(nn.Module):
    """The floor of the U: the same double convolution, no pooling, the widest view and the most channels.

    `dropout` > 0 drops activations at the end of the contracting path, which the 2015 paper uses as implicit
    augmentation (section 3.1).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        padding: str = "same",
        norm: str | None = "batch",
        dropout: float = 0.0,
    ):
        super().__init__()
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout is {dropout!r}; allowed is a probability from 0 up to, not including, 1.")
        self.block = ConvBlock(in_channels, out_channels, padding, norm)
        self.dropout = nn.Dropout(dropout) if dropout else None

    def forward(self, x: Tensor) -> Tensor:  # (N, C_in, H, W)
        x = self.block(x)                    # (N, C_out, H, W)
        if self.dropout is not None:
            x = self.dropout(x)              # (N, C_out, H, W)
        return x


class DecoderStage(nn.Module):
    """One step up the expansive path: double the size, halve the channels, bring back the detail.

    Ronneberger et al. 2015, section 2: a 2x2 up-convolution, the feature map that the contracting path had at
    this size (cropped where valid convolutions made ours smaller), and two 3x3 convolutions over both.
    """

    def __init__(self, in_channels: int, out_channels: int, padding: str = "same", norm: str | None = "batch"):
        super().__init__()
        self.up = nn.ConvTranspose2d(in_channels, out_channels, kernel_size=2, stride=2)
        self.block = ConvBlock(2 * out_channels, out_channels, padding, norm)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:  # (N, 2C, H, W), (N, C, 2H or more, 2W or more)
        x = self.up(x)                                     # (N, C, 2H, 2W)
        skip = center_crop(skip, x.shape[-2:])             # (N, C, 2H, 2W)
        x = torch.cat([skip, x], dim=1)                    # (N, 2C, 2H, 2W)
        return self.block(x)                               # (N, C, 2H, 2W), 4 less with valid padding


def center_crop(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Cut the middle `size` = (height, width) out of `x` (N, C, H, W).

    Where the border to lose is odd, one pixel more goes at the bottom and at the right.
    Raises ValueError where `x` is smaller than `size`.

    >>> center_crop(torch.arange(16).reshape(1, 1, 4, 4), (2, 2)).flatten().tolist()
    [5, 6, 9, 10]
    """
    height, width = size
    if x.shape[-2] < height or x.shape[-1] < width:
        raise ValueError(f"cannot crop {x.shape[-2]} x {x.shape[-1]} to {height} x {width}: it is smaller.")
    top, left = (x.shape[-2] - height) // 2, (x.shape[-1] - width) // 2
    return x[..., top : top + height, left : left + width]  # (N, C, height, width)
