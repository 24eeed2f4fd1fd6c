"""Explorer: slide size and depth down the contracting path; every shape, and how far each level sees."""

from __future__ import annotations

import numpy as np
from PIL import Image

from unet_lab.explorers.base import Explorer, dropdown, slider
from unet_lab.geometry import output_size, size_ledger
from unet_lab.inspection.fields import encoder_field
from unet_lab.plots.figure import ERROR_COLOUR, panel_row
from unet_lab.plots.images import show_image
from unet_lab.plots.inside import FIELD_COLOURS, draw_cross, draw_square


def explore_contracting(image: np.ndarray) -> Explorer:
    """Input size, depth and first channels under sliders; a table of shapes and fields, and the fields on the image."""

    def draw(size, depth, base_channels, row, column):
        ledger = dict(size_ledger(size, depth))
        sizes = [ledger[f"encoder {k}"] for k in range(depth)] + [ledger["bottleneck"]]
        small = np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))
        at = [min(max(0, round(v / 100 * (size - 1))), size - 1) for v in (row, column)]
        alt = "An image with the receptive field of every level as a frame, and a table of shapes."
        figure, (left, right) = panel_row((1, 1.5), 3.9, alt, gap=0.05)
        show_image(left, small, f"{size} x {size} pixels: what one unit of each level sees")
        left.set_gid("image")
        cells, broken = [], [s % 2 == 1 for s in sizes[:-1]] + [False]
        for level, pixels in enumerate(sizes):
            rows, columns = (encoder_field(v // 2**level, level) for v in at)
            wide = rows[1] - rows[0] + 1
            draw_square(left, rows, columns, FIELD_COLOURS[level % 6])
            name = f"level {level}" if level < depth else "bottleneck"
            note = f"{pixels} is odd" if broken[level] else ("" if level == depth else f"{pixels // 2} x {pixels // 2}")
            cells.append([name, f"{base_channels * 2**level}", f"{pixels} x {pixels}", note, f"{wide} px", f"{wide / size:.0%}"])
        left.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5))
        draw_cross(left, *at)
        right.axis("off")
        heads = ["", "channels", "size", "after pooling", "sees", "of the width"]
        drawn = right.table(cells, colLabels=heads, bbox=(0, 0.1, 1, 0.9), colWidths=[1.3, 1, 1.2, 1.4, 1, 1.2])
        drawn.auto_set_font_size(False)
        drawn.set_fontsize(9)
        for level in range(depth + 1):
            drawn[level + 1, 0].get_text().set_color(FIELD_COLOURS[level % 6])
            drawn[level + 1, 0].get_text().set_fontweight("bold")
            if broken[level]:
                drawn[level + 1, 3].get_text().set_color(ERROR_COLOUR)
        table = "\n".join(
            f"{name}: {c} channels, {s}, sees {sees}, {share} of the width." for name, c, s, _, sees, share in cells
        )
        try:
            output_size(size, depth)
        except ValueError as error:
            return figure, f"Refused. {error}\n{table}"
        seen = encoder_field(0, depth)
        words = f"{size} x {size} survives {depth} poolings: {size} = {2**depth} · {size // 2**depth}. "
        return figure, words + f"One unit of the bottleneck sees {seen[1] - seen[0] + 1} pixels.\n{table}"

    controls = {
        "size": slider("input size (pixels)", 192, 16, 320),
        "depth": slider("depth (poolings)", 4, 1, 5),
        "base_channels": dropdown("first channels", [8, 16, 32, 64], 16),
        "row": slider("unit's row (%)", 50, 0, 100),
        "column": slider("unit's column (%)", 50, 0, 100),
    }

    def on_click(_panel, row, column):
        size = controls["size"].value
        return {"row": round(100 * row / max(size - 1, 1)), "column": round(100 * column / max(size - 1, 1))}

    help_line = "At which depth does one unit see the whole cell? Slide the size to 100. Click into the image to move the unit."
    return Explorer(controls, draw, help_line, on_click)
