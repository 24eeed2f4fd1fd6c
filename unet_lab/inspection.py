"""Numbers about a network, no drawing."""

from __future__ import annotations

import torch

from unet_lab.unet import UNet, size_ledger


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
