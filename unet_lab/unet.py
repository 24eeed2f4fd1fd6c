"""The U, put together from the parts, and the size arithmetic that comes with it."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

import torch
from torch import Tensor, nn

from unet_lab import geometry
from unet_lab.blocks import Activation, Block, Bottleneck, ConvBlock, DecoderStage, EncoderStage, ResidualBlock
from unet_lab.geometry import check_depth, fits, size_message


class UNet(nn.Module):
    """U-Net: a contracting path that learns what is there, an expansive path that says where.

    Ronneberger, Fischer and Brox 2015 (arXiv 1505.04597), figure 1. `depth` counts the poolings; stage k has
    `base_channels * 2**k` channels, so the paper's 64, 128, 256, 512, 1024 come out of base_channels=64, depth=4.

    Parameters
    ----------
    in_channels : 1 for grey images, 3 for colour.
    num_classes : number of output channels.
    base_channels : channels of the first stage; any number from 1.
    depth : number of poolings, 1 to 6.
    padding : "same" (output as large as the input) or "valid" (the 2015 network: the border is lost).
    norm : "batch", "instance", "group", "layer" or None (`blocks.normalisation`).
    dropout : probability of dropping an activation at the end of the contracting path.
    up : "transposed", "nearest" or "bilinear" (`blocks.up_sampling`).
    skip : "concatenate", "sum" or "none". attention : gates in the skips (`blocks.AttentionGate`).
    residual : blocks that add to their input (`blocks.ResidualBlock`).
    block : your own in place of ConvBlock: called with (in_channels, out_channels, padding, norm), gives a module that keeps
        H and W (with valid padding: takes 4 off). activation : in place of ReLU in our blocks, e.g. `nn.GELU`.

    Input: float tensor (N, in_channels, H, W). Output: logits, float (N, num_classes, H', W') with
    H' = output_size(H, depth, padding). Raises ValueError for any other input, with the sizes that would do.

    >>> UNet.small().num_parameters
    1943795
    """

    def __init__(
        self,
        in_channels: int = 1,
        num_classes: int = 3,
        base_channels: int = 64,
        depth: int = 4,
        padding: str = "same",
        norm: str | None = "batch",
        dropout: float = 0.0,
        *,
        up: str = "transposed",
        skip: str = "concatenate",
        attention: bool = False,
        residual: bool = False,
        block: Block | None = None,
        activation: Activation = None,
    ):
        super().__init__()
        for name, value in [("in_channels", in_channels), ("num_classes", num_classes), ("base_channels", base_channels)]:
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} is {value!r}; allowed are whole numbers from 1 up.")
        check_depth(depth)
        self.settings: dict[str, Any] = {
            "in_channels": in_channels,
            "num_classes": num_classes,
            "base_channels": base_channels,
            "depth": depth,
            "padding": padding,
            "norm": norm,
            "dropout": dropout,
            "up": up,
            "skip": skip,
            "attention": attention,
            "residual": residual,
        }
        block = block or (ResidualBlock if residual else ConvBlock)
        if activation is not None:
            block = partial(block, activation=activation)  # type: ignore[call-arg]
        channels = [base_channels * 2**k for k in range(depth + 1)]  # 64, 128, 256, 512 and 1024 in the report
        inputs = [in_channels, *channels]

        self.encoder = nn.ModuleList(EncoderStage(inputs[k], channels[k], padding, norm, block) for k in range(depth))
        self.bottleneck = Bottleneck(inputs[depth], channels[depth], padding, norm, dropout, block)
        self.decoder = nn.ModuleList(
            DecoderStage(channels[k + 1], channels[k], padding, norm, up, skip, attention, block) for k in reversed(range(depth))
        )
        self.head = nn.Conv2d(channels[0], num_classes, kernel_size=1)

    # fmt: off
    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, H, W)
        self._check_input(x)
        skips = []
        for stage in self.encoder:
            x, skip = stage(x)               # (N, 2^k base, H/2^(k+1), W/2^(k+1)), (N, 2^k base, H/2^k, W/2^k)
            skips.append(skip)
        x = self.bottleneck(x)               # (N, 2^depth base, H/2^depth, W/2^depth)
        for stage in self.decoder:
            x = stage(x, skips.pop())        # (N, 2^k base, H/2^k, W/2^k), the deepest skip first
        return self.head(x)                  # (N, num_classes, H, W), less with valid padding
    # fmt: on

    @classmethod
    def report(cls) -> UNet:
        """The network of the 2023 report: 1 grey channel in, 3 classes out, 31,042,499 parameters."""
        return cls(in_channels=1, num_classes=3, base_channels=64, depth=4)

    @classmethod
    def paper_2015(cls) -> UNet:
        """The network of the 2015 paper: valid padding, no batch normalisation, two classes, 572x572 to 388x388.

        Dropout at the end of the contracting path (section 3.1; the paper does not give the probability, 0.5 is the
        usual reading) and weights drawn with standard deviation sqrt(2 / inputs per neuron) (section 3).
        """
        model = cls(num_classes=2, padding="valid", norm=None, dropout=0.5)
        model.he_initialise()
        return model

    @classmethod
    def small(cls, in_channels: int = 1, num_classes: int = 3) -> UNet:
        """The network of the notebooks: the report's shape at a quarter of its width, about 1.94 M parameters."""
        return cls(in_channels=in_channels, num_classes=num_classes, base_channels=16)

    @property
    def in_channels(self) -> int:
        """Channels of the images that it takes, as its first convolution is now."""
        return next(m.in_channels for m in self.encoder.modules() if isinstance(m, nn.Conv2d))

    @property
    def num_classes(self) -> int:
        """Channels of the logits, as its head is now."""
        return next(self.head.parameters()).shape[0]

    @property
    def num_parameters(self) -> int:
        """How many numbers it has to learn, frozen ones included."""
        return sum(p.numel() for p in self.parameters())

    @property
    def num_trainable(self) -> int:
        """How many numbers training may change: those that are not frozen."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    @property
    def grid(self) -> int:
        """Width of the pooling grid in pixels, 2**depth: sizes that fit lie this far apart."""
        return 2 ** self.settings["depth"]

    @property
    def is_as_built(self) -> bool:
        """True while its parts are those that its settings name; a part that was exchanged may see farther, and is measured."""
        return type(self).forward is UNet.forward and _body(self) == _body_of(tuple(self.settings.items()))

    def receptive_field(self, pixel: int) -> tuple[int, int]:
        """First and last pixel that output pixel `pixel` depends on, along one axis (`geometry.unet_receptive_field`).

        >>> first, last = UNet(base_channels=1, up="bilinear").receptive_field(0)
        >>> last - first + 1
        220
        """
        s = self.settings
        return geometry.unet_receptive_field(pixel, s["depth"], s["padding"], s["up"], s["attention"])

    def reach(self) -> int:
        """How far, in pixels, the farthest pixel lies that an output pixel may depend on (`geometry.reach`)."""
        return geometry.reach(self.settings["depth"], self.settings["up"], self.settings["attention"])

    def tile_margin(self) -> int:
        """How many pixels around a tile it must see for the tile to come out as in the whole image (`geometry.tile_margin`)."""
        s = self.settings
        return geometry.tile_margin(s["depth"], s["padding"], s["up"], s["attention"])

    def nearest_sizes(self, size: int) -> list[int]:
        """The sizes next to `size` that it takes, below and above; `[size]` where it takes that (`geometry.nearest_sizes`)."""
        return geometry.nearest_sizes(size, self.settings["depth"], self.settings["padding"])

    def output_size(self, size: int) -> int:
        """Height or width of the logits for an image of `size` pixels (`geometry.output_size`)."""
        return geometry.output_size(size, self.settings["depth"], self.settings["padding"])

    def he_initialise(self) -> None:
        """Draw all convolution weights from a normal distribution of variance 2 / inputs (He et al. 2015); biases 0."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                # A 2x2 up-convolution of stride 2 does not overlap: each output pixel has in_channels inputs.
                inputs = module.in_channels
                if isinstance(module, nn.Conv2d):
                    inputs *= module.kernel_size[0] * module.kernel_size[1]
                nn.init.normal_(module.weight, std=(2 / inputs) ** 0.5)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def _check_input(self, x: Tensor) -> None:
        channels = self.settings["in_channels"]
        if x.ndim != 4 or x.shape[1] != channels:
            raise ValueError(
                f"the input has shape {tuple(x.shape)}; this U-Net takes (N, {channels}, H, W): a batch of images with "
                f"{channels} channel{'s' if channels > 1 else ''}. For one image (H, W), use predict(model, image), or "
                f"image[None, None]."
            )
        if not x.is_floating_point():
            raise ValueError(f"the input's type is {x.dtype}; a U-Net takes float32. Use standardise(image) first.")
        height, width = x.shape[-2:]
        depth, padding = self.settings["depth"], self.settings["padding"]
        if not (fits(height, depth, padding) and fits(width, depth, padding)):
            raise ValueError(size_message(height, width, depth, padding))


def _body(model: UNet) -> str:
    """The printed parts, without the head, whose number of classes a student may change."""
    return f"{model.encoder}{model.bottleneck}{model.decoder}"


@lru_cache(maxsize=32)
def _body_of(settings: tuple) -> str:
    with torch.device("meta"):
        return _body(UNet(**dict(settings)))
