"""Explorer: the U drawn live for any size, depth, width and padding."""

from __future__ import annotations

import torch

from unet_lab.explorers.base import Explorer, choice, slider
from unet_lab.plots import Picture, draw_unet
from unet_lab.unet import UNet, output_size, size_ledger


def count_parameters(**settings) -> int:
    """The number of parameters of UNet(**settings), without making room for them (PyTorch's meta device)."""
    with torch.device("meta"):
        return UNet(**settings).num_parameters


def feature_map_bytes(size: int, depth: int, base_channels: int, padding: str) -> int:
    """Bytes of the feature maps that blocks and up-convolutions put out for one square image, as float32."""
    total = 0
    for place, pixels in size_ledger(size, depth, padding)[1:]:
        kind, _, level = place.partition(" ")
        channels = base_channels * 2 ** (depth if kind == "bottleneck" else int(level))
        total += 4 * channels * max(pixels, 0) ** 2
    return total


def explore_unet(size: int = 572, depth: int = 4, base_channels: int = 64, padding: str = "valid") -> Explorer:
    """Sliders for input size, depth and width, a menu for the padding; the U, its counts and its refusals follow."""

    def draw(size, depth, base_channels, padding) -> tuple[Picture, str]:
        picture = draw_unet(size, depth, base_channels, padding, in_channels=1, num_classes=3)
        count = count_parameters(base_channels=base_channels, depth=depth, padding=padding)
        words = f"{count:,} parameters ({4 * count / 1e6:,.1f} MB as float32)."
        try:
            out = output_size(size, depth, padding)
        except ValueError as error:
            return picture, f"{words}\nRefused. {error}"
        memory = feature_map_bytes(size, depth, base_channels, padding) / 1e6
        return picture, f"{words}\n{size} x {size} in, {out} x {out} out; {memory:,.0f} MB of feature maps for one image."

    controls = {
        "size": slider("input size (pixels)", size, 16, 700, 1),
        "depth": slider("depth (poolings)", depth, 1, 6),
        "base_channels": choice("first channels", [4, 8, 16, 32, 64, 128], base_channels),
        "padding": choice("padding", ["valid", "same"], padding),
    }
    return Explorer(controls, draw, "Make the output 388 again after you changed the depth. Pink: this size cannot be halved.")
