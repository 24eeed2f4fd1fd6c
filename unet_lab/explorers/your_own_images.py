"""Explorer: leaf through a folder of images and masks with the doctor's findings beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from unet_lab.datasets.code_table import propose_codes
from unet_lab.datasets.image_files import read_mask_pages, read_pages
from unet_lab.datasets.masks import Code, are_colours, encode_mask
from unet_lab.datasets.pairing import pair_files
from unet_lab.doctor.data_checks import examine_data
from unet_lab.explorers.base import Explorer, dropdown, float_slider, slider
from unet_lab.plots.figure import DescribedFigure, bare
from unet_lab.plots.images import overlay, show_image

MOST = 200  # files that are kept in memory


def explore_folder(images: str | Path, masks: str | Path, codes: Sequence[Code] | None = None) -> Explorer:
    """Image, mask as stored and overlay of each pair of two folders, and what `examine_data` says of it.

    codes : as `load_folder` takes them; left out, those that `propose_codes` proposes are tried.
    Files that cannot be read are left out of the figures, and named in the findings.
    """
    findings = examine_data(images, masks, codes)
    table = propose_codes(masks)
    tried = codes if codes is not None else table.values[:30]
    pairs = []
    for match in pair_files(images, masks)[0][:MOST]:
        try:
            pairs += [
                (match.image.name, *both)
                for both in zip(read_pages(match.image), read_mask_pages(match.mask, are_colours(tried)), strict=False)
            ]
        except ValueError:
            continue
    if not pairs:
        raise ValueError(f"{images}: no pair can be read. The doctor says:\n{findings}")
    listed = [f.name for f in findings]

    def draw(sample, show, strength):
        name, image, raw = pairs[sample]
        mine = [f for f in findings if any(name in where for where in f.where)]
        figure = DescribedFigure(9.8, 3.3, f"{name}: the image, its mask as stored, and both together.")
        left, middle, right = figure.subplots(1, 3)
        show_image(left, image, name)
        middle.imshow(raw, cmap="gray", vmin=0, vmax=raw.max() or 1)
        bare(middle, "the mask as stored")
        try:
            mask = encode_mask(raw, tried)
            chosen = np.where(mask == mask.max(), mask, 0) if show == "the last class only" else mask
            show_image(right, overlay(image, chosen, strength), "overlay" if show == "all classes" else show)
        except (ValueError, IndexError):
            right.text(0.5, 0.5, "this mask has no classes yet", ha="center", va="center", wrap=True)
            bare(right, "overlay")
        said = "\n".join(map(str, mine)) or "The doctor finds nothing wrong with this pair."
        others = f"In the whole set: {', '.join(listed)}." if listed else "In the whole set: nothing found."
        return figure, f"{name}, {image.shape[0]} x {image.shape[1]} pixels, {image.dtype}. {said}\n{others}"

    controls = {
        "sample": slider("pair (number)", 0, 0, len(pairs) - 1),
        "show": dropdown("show in the overlay", ["all classes", "the last class only"], "all classes"),
        "strength": float_slider("overlay strength", 0.45, 0.0, 1.0, 0.05),
    }
    return Explorer(
        controls, draw, "Does each mask lie on its image? Leaf through all of them once: ten minutes here save a day."
    )
