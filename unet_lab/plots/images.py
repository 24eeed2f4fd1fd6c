"""Images, masks, and one laid over the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.patches import Patch

from unet_lab.datasets.masks import CLASS_NAMES
from unet_lab.losses import IGNORE
from unet_lab.plots.figure import ERROR_COLOUR, DescribedFigure, bare, class_colours


def overlay(image: np.ndarray, mask: np.ndarray, strength: float = 0.45) -> np.ndarray:
    """The image with the mask's classes laid over it in colour; the background stays grey.

    image (H, W) or (H, W, C), any range; mask (H, W) class indices, or IGNORE, which stays as it is;
    strength 0 (only the image) to 1 (only colour).
    Returns float32 RGB (H, W, 3) in 0..1.
    """
    figure = as_rgb(image)
    present = [int(k) for k in np.unique(mask) if k not in (0, IGNORE)]
    for index, colour in enumerate(class_colours(max(present, default=0) + 1)):
        if index > 0:
            inside = mask == index
            figure[inside] = (1 - strength) * figure[inside] + strength * np.array(colour, np.float32)
    return figure


def as_rgb(image: np.ndarray) -> np.ndarray:
    """An image as it is shown, float32 RGB (H, W, 3) in 0..1: three channels as colours, any other number as their mean."""
    if image.ndim == 3 and image.shape[2] != 3:
        image = image.mean(axis=2)
    low, high = float(np.min(image)), float(np.max(image))
    shown = (image.astype(np.float32) - low) / (high - low if high > low else 1.0)
    return shown if shown.ndim == 3 else np.repeat(shown[..., None], 3, axis=2)


def show_image(axes: Axes, image: np.ndarray, title: str = "") -> None:
    """One image on given axes, in its own range: grey, or in colour where it has three channels."""
    axes.imshow(image if image.ndim == 2 else as_rgb(image), cmap="gray", interpolation="nearest")
    bare(axes, title)


def show_mask(axes: Axes, mask: np.ndarray, title: str = "", num_classes: int = 3) -> None:
    """One mask of class indices on given axes, in the class colours; what nobody judged (IGNORE) is hatched."""
    colours = ListedColormap(class_colours(num_classes))
    unjudged = np.asarray(mask) == IGNORE
    shown = np.ma.masked_array(mask, unjudged) if unjudged.any() else mask
    axes.imshow(shown, cmap=colours, vmin=-0.5, vmax=num_classes - 0.5, interpolation="nearest")
    if unjudged.any():
        axes.contourf(unjudged, levels=[0.5, 1.5], colors="none", hatches=["////"])
    bare(axes, title)


def show_samples(pairs: Sequence, columns: int = 4, class_names: Sequence[str] = CLASS_NAMES) -> DescribedFigure:
    """Images in one row, their masks laid over them in the next, for up to `columns` pairs (image, mask, …)."""
    pairs = list(pairs)[:columns]
    figure = DescribedFigure(10, 5.4, f"{len(pairs)} images, and below each the same with its mask in colour.")
    axes = figure.subplots(2, len(pairs), squeeze=False)
    for column, pair in enumerate(pairs):
        show_image(axes[0, column], pair[0], pair[2] if len(pair) > 2 else "")
        axes[1, column].imshow(overlay(pair[0], pair[1]))
        bare(axes[1, column])
    class_legend(figure, class_names[1:], first=1)
    return figure


def show_triplets(
    images: Sequence[np.ndarray],
    truths: Sequence[np.ndarray],
    predictions: Sequence[np.ndarray],
    class_names: Sequence[str] = CLASS_NAMES,
) -> DescribedFigure:
    """Input, ground truth, prediction and error map, a row for each image (the report's figures 5 to 7, plus the errors)."""
    rows = len(images)
    wrong = [wrong_share(truth, prediction) for truth, prediction in zip(truths, predictions, strict=True)]
    shares = ", ".join(f"{w:.1%}" for w in wrong)
    figure = DescribedFigure(
        10, 2.6 * rows + 0.4, f"Input, truth, prediction and error map of {rows} images; wrong pixels: {shares}."
    )
    axes = figure.subplots(rows, 4, squeeze=False)
    for row, (image, truth, prediction) in enumerate(zip(images, truths, predictions, strict=True)):
        first = row == 0
        show_image(axes[row, 0], image, "input" if first else "")
        show_mask(axes[row, 1], truth, "truth" if first else "", len(class_names))
        show_mask(axes[row, 2], prediction, "prediction" if first else "", len(class_names))
        axes[row, 3].imshow(error_map(image, truth, prediction))
        bare(axes[row, 3], ("errors\n" if first else "") + f"{wrong[row]:.1%} of pixels")
    handles = [Patch(color=c, label=n) for c, n in zip(class_colours(len(class_names)), class_names, strict=True)]
    handles.append(Patch(color=ERROR_COLOUR, label="wrong"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
    return figure


def wrong_share(truth: np.ndarray, prediction: np.ndarray) -> float:
    """The share of the judged pixels that are wrong; 0 where none was judged."""
    judged = truth != IGNORE
    return float((truth != prediction)[judged].mean()) if judged.any() else 0.0


def error_map(image: np.ndarray, truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """The image, paled, with every judged pixel that is wrong in the error colour: float32 RGB (H, W, 3) in 0..1."""
    pale = 0.6 + 0.4 * overlay(image, np.zeros_like(truth))
    pale[(truth != prediction) & (truth != IGNORE)] = to_rgb(ERROR_COLOUR)
    return pale


def class_legend(figure: DescribedFigure, names: Sequence[str], first: int = 0) -> None:
    colours = class_colours(first + len(names))[first:]
    handles = [Patch(color=c, label=n) for c, n in zip(colours, names, strict=True)]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
