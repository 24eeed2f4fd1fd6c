"""Explorer: the U drawn live for any size, depth, width and padding."""

from __future__ import annotations

from unet_lab.explorers.base import Explorer, dropdown, slider
from unet_lab.geometry import output_size
from unet_lab.inspection.cost import count_parameters, feature_map_bytes
from unet_lab.plots.architecture import draw_unet
from unet_lab.plots.figure import DescribedFigure


def explore_unet(size: int = 572, depth: int = 4, base_channels: int = 64, padding: str = "valid") -> Explorer:
    """Sliders for input size, depth and width, a menu for the padding; the U, its counts and its refusals follow."""

    def draw(size, depth, base_channels, padding) -> tuple[DescribedFigure, str]:
        figure = draw_unet(size, depth, base_channels, padding, in_channels=1, num_classes=3)
        count = count_parameters(base_channels=base_channels, depth=depth, padding=padding)
        words = f"{count:,} parameters ({4 * count / 1e6:,.1f} MB as float32)."
        try:
            out = output_size(size, depth, padding)
        except ValueError as error:
            return figure, f"{words}\nRefused. {error}"
        memory = feature_map_bytes(size, depth, base_channels, padding) / 1e6
        return figure, f"{words}\n{size} x {size} in, {out} x {out} out; {memory:,.0f} MB of feature maps for one image."

    controls = {
        "size": slider("input size (pixels)", size, 16, 700, 1),
        "depth": slider("depth (poolings)", depth, 1, 6),
        "base_channels": dropdown("first channels", [4, 8, 16, 32, 64, 128], base_channels),
        "padding": dropdown("padding", ["valid", "same"], padding),
    }
    return Explorer(controls, draw, "Make the output 388 again after you changed the depth. Violet: this size cannot be halved.")
