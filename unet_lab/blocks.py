"""The parts of the U, one class each.

Read this file next to figure 1 of Ronneberger, Fischer and Brox, "U-Net: Convolutional Networks for Biomedical
Image Segmentation" (2015, arXiv 1505.04597). Comments give a tensor's shape as (N, C, H, W): images in the batch,
channels, height, width.
"""

from __future__ import annotations

from collections.abc import Callable
from math import gcd

import torch
from torch import Tensor, nn

PADDINGS = ("same", "valid")
NORMS = ("batch", "instance", "group", "layer", None)
UPS = ("transposed", "nearest", "bilinear")
SKIPS = ("concatenate", "sum", "none")
Activation = Callable[[], nn.Module] | None
Block = Callable[[int, int, str, str | None], nn.Module]  # in_channels, out_channels, padding, norm


class ConvBlock(nn.Sequential):
    """Two 3x3 convolutions, each followed by normalisation and ReLU: the blue arrows of the figure.

    One 3x3 convolution sees 3x3 pixels; two in a row see 5x5, with a non-linearity in between.

    Parameters
    ----------
    in_channels, out_channels : feature maps going in and coming out.
    padding : "same" keeps H and W by padding with one zero on each side; "valid" loses 2 pixels per convolution side
        to side, 4 per block.
    norm : "batch" puts batch normalisation between convolution and ReLU; None leaves it out, as in the 2015 paper; the
        others are in `normalisation`.
    activation : makes the non-linearity: a class or function without arguments; ReLU where None.

    Raises ValueError for any other padding or norm.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        padding: str = "same",
        norm: str | None = "batch",
        activation: Activation = None,
    ):
        if padding not in PADDINGS:
            raise ValueError(f"padding is {padding!r}; allowed are 'same' (keeps the size) and 'valid' (no padding).")
        layers: list[nn.Module] = []
        for channels in (in_channels, out_channels):
            layers.append(nn.Conv2d(channels, out_channels, kernel_size=3, padding=1 if padding == "same" else 0))
            layers.extend(normalisation(norm, out_channels))
            layers.append(nn.ReLU(inplace=True) if activation is None else activation())
        super().__init__(*layers)

    def _get_name(self) -> str:
        # It is one, and prints like the blocks in the report's figure 3; a block of your own that is made of it says so.
        return "Sequential" if type(self) is ConvBlock else type(self).__name__


def normalisation(norm: str | None, channels: int) -> list[nn.Module]:
    """The layer that brings `channels` feature maps to mean 0 and variance 1, then scales and shifts each; [] for None.

    They differ in what mean and variance are taken over. "batch": each channel, over the batch's images and pixels (Ioffe and
    Szegedy 2015). "instance": each channel of each image (Ulyanov et al. 2016). "layer": all channels of each image (Ba et al.
    2016). "group": up to 8 groups of channels of each image (Wu and He 2018). Only batch norm needs other images, and only batch
    norm, in evaluation mode, no longer looks at the image: it then uses what it remembers from training.

    Raises ValueError for any other norm.
    """
    if norm not in NORMS:
        raise ValueError(f"norm is {norm!r}; allowed are {', '.join(map(repr, NORMS[:-1]))} and None.")
    if norm is None:
        return []
    if norm == "batch":
        return [nn.BatchNorm2d(channels)]
    if norm == "instance":
        return [nn.InstanceNorm2d(channels, affine=True)]
    return [nn.GroupNorm(1 if norm == "layer" else gcd(8, channels), channels)]


class ResidualBlock(nn.Module):
    """A ConvBlock that adds to its input instead of replacing it: out = ReLU(x + f(x)) (He et al. 2016, figure 2).

    The second ReLU comes after the sum. Where the number of channels changes, a 1x1 convolution brings x to it (their section
    3.3, option B); with valid padding x is cropped. Same parameters and errors as `ConvBlock`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        padding: str = "same",
        norm: str | None = "batch",
        activation: Activation = None,
    ):
        super().__init__()
        *layers, self.relu = ConvBlock(in_channels, out_channels, padding, norm, activation)
        self.layers = nn.Sequential(*layers)
        self.shortcut = nn.Identity() if in_channels == out_channels else nn.Conv2d(in_channels, out_channels, kernel_size=1)

    # fmt: off
    def forward(self, x: Tensor) -> Tensor:             # (N, C_in, H, W)
        change = self.layers(x)                         # (N, C_out, H, W), 4 less with valid padding
        x = center_crop(self.shortcut(x), change.shape[-2:])
        return self.relu(x + change)                    # (N, C_out, H, W)
    # fmt: on


class EncoderStage(nn.Module):
    """One step down the contracting path: find features, hand them across the U, halve the size.

    Returns both what goes on down (`x`) and what goes across to the decoder (`skip`).
    Ronneberger et al. 2015, section 2. `block` makes the double convolution: ConvBlock, ResidualBlock or your own.
    """

    def __init__(
        self, in_channels: int, out_channels: int, padding: str = "same", norm: str | None = "batch", block: Block = ConvBlock
    ):
        super().__init__()
        self.block = block(in_channels, out_channels, padding, norm)
        self.pool = nn.MaxPool2d(kernel_size=2, stride=2)

    # fmt: off
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:  # (N, C_in, H, W)
        skip = self.block(x)                                # (N, C_out, H, W)
        x = self.pool(skip)                                 # (N, C_out, H/2, W/2)
        return x, skip
    # fmt: on


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
        block: Block = ConvBlock,
    ):
        super().__init__()
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout is {dropout!r}; allowed is a probability from 0 up to, not including, 1.")
        self.block = block(in_channels, out_channels, padding, norm)
        self.dropout = nn.Dropout(dropout) if dropout else None

    # fmt: off
    def forward(self, x: Tensor) -> Tensor:  # (N, C_in, H, W)
        x = self.block(x)                    # (N, C_out, H, W)
        if self.dropout is not None:
            x = self.dropout(x)              # (N, C_out, H, W)
        return x
    # fmt: on


class DecoderStage(nn.Module):
    """One step up the expansive path: double the size, halve the channels, bring back the detail.

    Ronneberger et al. 2015, section 2: a 2x2 up-convolution, the feature map that the contracting path had at
    this size (cropped where valid convolutions made ours smaller), and two 3x3 convolutions over both.

    Variations: `up` as in `up_sampling`; `skip` "concatenate" (2015), "sum" (the skip is added) or "none" (it is left out);
    `attention` sends the skip through an `AttentionGate` first; `block` as in `EncoderStage`.
    Raises ValueError for other words, and for attention without a skip.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        padding: str = "same",
        norm: str | None = "batch",
        up: str = "transposed",
        skip: str = "concatenate",
        attention: bool = False,
        block: Block = ConvBlock,
    ):
        super().__init__()
        if skip not in SKIPS:
            raise ValueError(f"skip is {skip!r}; allowed are {', '.join(map(repr, SKIPS))}.")
        if attention and skip == "none":
            raise ValueError("attention is True and skip is 'none'; a gate needs a skip: 'concatenate' or 'sum'.")
        self.up = up_sampling(up, in_channels, out_channels)
        self.gate = AttentionGate(out_channels, in_channels) if attention else None
        self.skip = skip
        self.block = block(2 * out_channels if skip == "concatenate" else out_channels, out_channels, padding, norm)

    # fmt: off
    def forward(self, x: Tensor, skip: Tensor) -> Tensor:  # (N, 2C, H, W), (N, C, 2H or more, 2W or more)
        up = self.up(x)                                    # (N, C, 2H, 2W)
        skip = center_crop(skip, up.shape[-2:])            # (N, C, 2H, 2W)
        if self.gate is not None:
            skip = self.gate(skip, x)                      # (N, C, 2H, 2W)
        if self.skip == "concatenate":
            up = torch.cat([skip, up], dim=1)              # (N, 2C, 2H, 2W)
        elif self.skip == "sum":
            up = skip + up                                 # (N, C, 2H, 2W)
        return self.block(up)                              # (N, C, 2H, 2W), 4 less with valid padding
    # fmt: on


def up_sampling(up: str, in_channels: int, out_channels: int) -> nn.Module:
    """From (N, in_channels, H, W) to (N, out_channels, 2H, 2W).

    "transposed": a 2x2 transposed convolution of stride 2, the up-convolution of 2015. "nearest" and "bilinear": a 1x1
    convolution, then that interpolation (compare Odena et al. 2016, "Deconvolution and Checkerboard Artifacts"). "nearest" is a
    transposed convolution whose four weights are one. Raises ValueError for another word.
    """
    if up not in UPS:
        raise ValueError(f"up is {up!r}; allowed are {', '.join(map(repr, UPS))}.")
    if up == "transposed":
        return nn.ConvTranspose2d(in_channels, out_channels, kernel_size=2, stride=2)
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, kernel_size=1), nn.Upsample(scale_factor=2, mode=up))


class AttentionGate(nn.Module):
    """Let the coarse features say where the skip matters: every skip pixel is multiplied by a number from 0 to 1.

    Oktay et al. 2018, "Attention U-Net" (arXiv 1804.03999), figure 2, additive attention: skip and gating signal are brought to
    the gating signal's size and to common channels, added, ReLU, to one channel, sigmoid; the map is interpolated to the skip's
    size.

    Input: skip (N, skip_channels, 2H, 2W) and gating (N, gating_channels, H, W), one level deeper. Output: the skip, weighed.
    The output of the submodule `sigmoid` is the attention map (N, 1, H, W).
    """

    def __init__(self, skip_channels: int, gating_channels: int, inner_channels: int | None = None):
        super().__init__()
        inner = inner_channels or max(1, skip_channels // 2)
        self.theta = nn.Conv2d(skip_channels, inner, kernel_size=2, stride=2, bias=False)
        self.phi = nn.Conv2d(gating_channels, inner, kernel_size=1)
        self.relu = nn.ReLU(inplace=True)
        self.psi = nn.Conv2d(inner, 1, kernel_size=1)
        self.sigmoid = nn.Sigmoid()
        self.up = nn.Upsample(scale_factor=2, mode="bilinear")

    # fmt: off
    def forward(self, skip: Tensor, gating: Tensor) -> Tensor:       # (N, C, 2H, 2W), (N, G, H, W)
        together = self.relu(self.theta(skip) + self.phi(gating))    # (N, inner, H, W)
        attention = self.sigmoid(self.psi(together))                 # (N, 1, H, W)
        return skip * self.up(attention)                             # (N, C, 2H, 2W)
    # fmt: on


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
