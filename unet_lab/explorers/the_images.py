"""Explorer: leaf through a data set and see what a mask is made of."""

from __future__ import annotations

import numpy as np

from unet_lab.datasets.masks import CLASS_NAMES, MASK_CODES
from unet_lab.datasets.pairs import SegmentationDataset
from unet_lab.explorers.base import Explorer, dropdown, float_slider, slider
from unet_lab.plots.figure import DescribedFigure
from unet_lab.plots.images import overlay, show_image, show_mask
from unet_lab.plots.scores import draw_histogram


def explore_samples(dataset: SegmentationDataset, codes=MASK_CODES, class_names=CLASS_NAMES) -> Explorer:
    """One image, its mask as overlay, as grey codes or as class colours, and the greys of each class."""

    def draw(sample, view, strength):
        image, mask, source, *_ = dataset.pairs[sample]
        figure = DescribedFigure(9.8, 3.3, f"Image {source}, its mask, and a histogram of greys for each class.")
        left, middle, right = figure.subplots(1, 3, width_ratios=(1, 1, 1.25))
        show_image(left, image, source)
        if view == "overlay":
            show_image(middle, overlay(image, mask, strength), "overlay")
        elif view == "grey codes":
            middle.imshow(np.array(codes)[mask], cmap="gray", vmin=0, vmax=255)
            middle.set(title="as stored: grey codes", xticks=[], yticks=[])
        else:
            show_mask(middle, mask, "class indices", len(codes))
        draw_histogram(right, image, mask, class_names)
        shares = np.bincount(mask.ravel(), minlength=len(codes)) / mask.size
        lines = [
            f"class {k}, {name}: code {code}, {share:.1%} of the pixels, mean grey "
            + (f"{image[mask == k].mean():.0f}" if share else "none")
            for k, (name, code, share) in enumerate(zip(class_names, codes, shares, strict=True))
        ]
        return figure, "\n".join(lines)

    controls = {
        "sample": slider("sample (number)", 0, 0, len(dataset) - 1),
        "view": dropdown("show the mask as", ["overlay", "grey codes", "class colours"], "overlay"),
        "strength": float_slider("overlay strength", 0.45, 0.0, 1.0, 0.05),
    }
    return Explorer(controls, draw, "Find an image where one grey threshold would find the nucleus. Find one where none would.")
