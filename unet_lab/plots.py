"""Figures from arrays: same colour per class everywhere, safe for colour-blind readers, no state.

Every function returns a `Picture`: a matplotlib figure that shows itself at the end of a cell, on white so that it reads in
light and dark themes, with a sentence that says what is on it for those who cannot see it.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Patch, Rectangle
from PIL import Image

from unet_lab.datasets.masks import CLASS_NAMES
from unet_lab.training import EpochReport
from unet_lab.unet import size_ledger

# Okabe and Ito's palette, which people with any form of colour blindness can tell apart.
CLASS_COLOURS = ("#B8B8B8", "#56B4E9", "#D55E00")
ERROR_COLOUR = "#CC79A7"
TRAINING_COLOUR, VALIDATION_COLOUR = "#0072B2", "#E69F00"
_MORE_COLOURS = ("#009E73", "#F0E442", "#0072B2", "#CC79A7", "#000000")


class Picture(Figure):
    """A matplotlib figure with a description in words, `alt`; Jupyter shows it without pyplot."""

    def __init__(self, width: float, height: float, alt: str, layout: str = "constrained"):
        super().__init__(figsize=(width, height), dpi=100, layout=layout, facecolor="white")
        self.alt = alt

    def png(self) -> bytes:
        """The figure as a PNG file's bytes."""
        canvas, stream = FigureCanvasAgg(self), io.BytesIO()
        canvas.draw()  # once; savefig would draw twice, and an explorer waits for it
        Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").save(stream, "PNG", compress_level=4)
        return stream.getvalue()

    def _repr_mimebundle_(self, include=None, exclude=None):
        image = base64.b64encode(self.png()).decode("ascii")
        return {"image/png": image, "text/plain": self.alt}, {"image/png": {"alt": self.alt}}


def class_colours(num_classes: int = 3) -> list[tuple[float, float, float]]:
    """RGB 0..1 for each class: grey background, blue cell body, orange nucleus, then more."""
    colours = (CLASS_COLOURS + _MORE_COLOURS) * (1 + num_classes // 8)
    return [to_rgb(colour) for colour in colours[:num_classes]]


def overlay(image: np.ndarray, mask: np.ndarray, strength: float = 0.45) -> np.ndarray:
    """The image with the mask's classes laid over it in colour; the background stays grey.

    image (H, W), any range; mask (H, W) class indices; strength 0 (only the image) to 1 (only colour).
    Returns float32 RGB (H, W, 3) in 0..1.
    """
    low, high = float(np.min(image)), float(np.max(image))
    grey = (image.astype(np.float32) - low) / (high - low if high > low else 1.0)
    picture = np.repeat(grey[..., None], 3, axis=2)
    for index, colour in enumerate(class_colours(int(mask.max()) + 1)):
        if index > 0:
            inside = mask == index
            picture[inside] = (1 - strength) * picture[inside] + strength * np.array(colour, np.float32)
    return picture


def show_image(axes: Axes, image: np.ndarray, title: str = "") -> None:
    """One grey image on given axes, in its own range of greys."""
    axes.imshow(image, cmap="gray", interpolation="nearest")
    _bare(axes, title)


def show_mask(axes: Axes, mask: np.ndarray, title: str = "", num_classes: int = 3) -> None:
    """One mask of class indices on given axes, in the class colours."""
    colours = ListedColormap(class_colours(num_classes))
    axes.imshow(mask, cmap=colours, vmin=-0.5, vmax=num_classes - 0.5, interpolation="nearest")
    _bare(axes, title)


def show_samples(pairs: Sequence, columns: int = 4, class_names: Sequence[str] = CLASS_NAMES) -> Picture:
    """Images in one row, their masks laid over them in the next, for up to `columns` pairs (image, mask, …)."""
    pairs = list(pairs)[:columns]
    picture = Picture(10, 5.4, f"{len(pairs)} images, and below each the same with its mask in colour.")
    axes = picture.subplots(2, len(pairs), squeeze=False)
    for column, pair in enumerate(pairs):
        show_image(axes[0, column], pair[0], pair[2] if len(pair) > 2 else "")
        axes[1, column].imshow(overlay(pair[0], pair[1]))
        _bare(axes[1, column])
    _class_legend(picture, class_names[1:], first=1)
    return picture


def show_triplets(
    images: Sequence[np.ndarray],
    truths: Sequence[np.ndarray],
    predictions: Sequence[np.ndarray],
    class_names: Sequence[str] = CLASS_NAMES,
) -> Picture:
    """Input, ground truth, prediction and error map, a row for each image (the report's figures 5 to 7, plus the errors)."""
    rows = len(images)
    wrong = [float((t != p).mean()) for t, p in zip(truths, predictions, strict=True)]
    shares = ", ".join(f"{w:.1%}" for w in wrong)
    picture = Picture(10, 2.6 * rows + 0.4, f"Input, truth, prediction and error map of {rows} images; wrong pixels: {shares}.")
    axes = picture.subplots(rows, 4, squeeze=False)
    for row, (image, truth, prediction) in enumerate(zip(images, truths, predictions, strict=True)):
        first = row == 0
        show_image(axes[row, 0], image, "input" if first else "")
        show_mask(axes[row, 1], truth, "truth" if first else "", len(class_names))
        show_mask(axes[row, 2], prediction, "prediction" if first else "", len(class_names))
        axes[row, 3].imshow(error_map(image, truth, prediction))
        _bare(axes[row, 3], ("errors\n" if first else "") + f"{wrong[row]:.1%} of pixels")
    handles = [Patch(color=c, label=n) for c, n in zip(class_colours(len(class_names)), class_names, strict=True)]
    handles.append(Patch(color=ERROR_COLOUR, label="wrong"))
    picture.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
    return picture


def error_map(image: np.ndarray, truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """The image, paled, with every wrong pixel in the error colour: float32 RGB (H, W, 3) in 0..1."""
    pale = 0.6 + 0.4 * overlay(image, np.zeros_like(truth))
    pale[truth != prediction] = to_rgb(ERROR_COLOUR)
    return pale


def show_curves(reports: Sequence[EpochReport], log_scale: bool = False) -> Picture:
    """Loss of training and validation, and validation accuracy and IoU, by epoch."""
    picture = Picture(10, 3.4, _curve_words(reports))
    left, right = picture.subplots(1, 2)
    draw_curves(left, right, reports, log_scale)
    return picture


def draw_curves(left: Axes, right: Axes, reports: Sequence[EpochReport], log_scale: bool = False) -> None:
    """The two panels of `show_curves` on given axes."""
    epochs = [r.epoch for r in reports]
    left.plot(epochs, [r.loss for r in reports], "o-", color=TRAINING_COLOUR, label="training", markersize=4)
    left.plot(epochs, [r.validation_loss for r in reports], "s--", color=VALIDATION_COLOUR, label="validation", markersize=4)
    left.set(xlabel="epoch", ylabel="cross entropy (nats)", yscale="log" if log_scale else "linear")
    right.plot(epochs, [r.accuracy for r in reports], "^-", color=TRAINING_COLOUR, label="accuracy", markersize=4)
    right.plot(epochs, [r.iou for r in reports], "v--", color=VALIDATION_COLOUR, label="IoU (macro)", markersize=4)
    right.set(xlabel="epoch", ylabel="validation score", ylim=(0, 1.02))
    for axes, place in ((left, "upper right"), (right, "lower right")):
        axes.set_xlim(0.5, (reports[0].epochs if reports else 1) + 0.5)
        axes.grid(alpha=0.3)
        axes.legend(loc=place)


def _curve_words(reports: Sequence[EpochReport]) -> str:
    if not reports:
        return "Empty training curves: no epoch has finished."
    first, last = reports[0], reports[-1]
    return (
        f"Training curves of {len(reports)} epochs: loss from {first.loss:.3g} to {last.loss:.3g}, "
        f"validation IoU from {first.iou:.3f} to {last.iou:.3f}."
    )


def show_confusion(
    matrix: np.ndarray, class_names: Sequence[str] = CLASS_NAMES, marked: tuple[int, int] | None = None
) -> Picture:
    """The confusion matrix: counts, and the share of each true class; a cell may be marked with a frame."""
    words = "; ".join(f"{matrix[i, i] / max(matrix[i].sum(), 1):.0%} of {n} found" for i, n in enumerate(class_names))
    picture = Picture(5.2, 4.2, f"Confusion matrix: {words}.")
    draw_confusion(picture.subplots(), matrix, class_names, marked)
    return picture


def draw_confusion(axes: Axes, matrix, class_names=CLASS_NAMES, marked=None) -> None:
    """The table of `show_confusion` on given axes."""
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row in range(len(matrix)):
        for column in range(len(matrix)):
            colour = "white" if share[row, column] > 0.55 else "black"
            text = f"{matrix[row, column]:,}\n{share[row, column]:.1%}"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=10)
    if marked is not None:
        axes.add_patch(Rectangle((marked[1] - 0.48, marked[0] - 0.48), 0.96, 0.96, fill=False, lw=3, ec=ERROR_COLOUR))
    ticks = range(len(matrix))
    axes.set_xticks(ticks, class_names)
    axes.set_yticks(ticks, class_names, rotation=90, va="center")
    axes.set(xlabel="prediction", ylabel="truth")


def show_histogram(image: np.ndarray, mask: np.ndarray, class_names: Sequence[str] = CLASS_NAMES) -> Picture:
    """How often each grey occurs in each class."""
    picture = Picture(6, 3.2, "Histogram of greys, one curve per class.")
    draw_histogram(picture.subplots(), image, mask, class_names)
    return picture


def draw_histogram(axes: Axes, image: np.ndarray, mask: np.ndarray, class_names=CLASS_NAMES) -> None:
    """The histogram of `show_histogram` on given axes: pixels per grey, a filled step per class."""
    top = 255 if image.max() <= 255 else 65535
    bins = np.linspace(0, top + 1, 65)
    for index, (name, colour) in enumerate(zip(class_names, class_colours(len(class_names)), strict=True)):
        counts, _ = np.histogram(image[mask == index], bins)
        axes.stairs(counts, bins, fill=True, color=colour, alpha=0.6, label=name)
        axes.stairs(counts, bins, color=tuple(0.6 * c for c in colour), lw=1)
    axes.set(xlabel=f"grey (0 to {top})", ylabel="pixels")
    axes.legend()


def draw_unet(
    size: int = 572, depth: int = 4, base_channels: int = 64, padding: str = "valid", in_channels: int = 1, num_classes: int = 2
) -> Picture:
    """The U as in figure 1 of the 2015 paper: a box per feature map, tall as its size, wide as its channels.

    Any size, width, depth and padding; sizes that do not fit are drawn rounded down and marked in the error colour.
    """
    ledger = dict(size_ledger(size, depth, padding))
    channels = [base_channels * 2**k for k in range(depth + 1)]
    out = ledger["decoder 0"]
    words = f"U-Net of depth {depth}: {size} pixels in, {out} out; {channels[0]} to {channels[-1]} channels."
    picture = Picture(10, 1.9 + 1.15 * depth, words)
    axes = picture.subplots()
    axes.axis("off")
    left = [(k * 1.5, -k * 1.25) for k in range(depth)]
    floor = (depth * 1.5, -depth * 1.25)
    right = [((2 * depth - k) * 1.5, -k * 1.25) for k in range(depth)]
    boxes = [("input", (-1.3, 0), ledger["input"], in_channels)]
    boxes += [(f"encoder {k}", left[k], ledger[f"encoder {k}"], channels[k]) for k in range(depth)]
    boxes += [("bottleneck", floor, ledger["bottleneck"], channels[depth])]
    boxes += [(f"decoder {k}", right[k], ledger[f"decoder {k}"], channels[k]) for k in range(depth)]
    boxes += [("head", (2 * depth * 1.5 + 1.3, 0), out, num_classes)]
    for name, (x, y), pixels, count in boxes:
        _draw_box(axes, name, x, y, pixels, count, size, channels[-1], _box_colour(name, ledger))
    blue, red, green, grey = "#0072B2", "#D55E00", "#009E73", "#666666"
    _arrow(axes, (-1.0, 0), (left[0][0] - 0.35, 0), blue)
    for k in range(depth):
        below = left[k + 1] if k + 1 < depth else floor
        _arrow(axes, (left[k][0] + 0.25, left[k][1] - 0.45), (below[0] - 0.32, below[1] + 0.12), red)
        from_below = right[k + 1] if k + 1 < depth else floor
        _arrow(axes, (from_below[0] + 0.32, from_below[1] + 0.12), (right[k][0] - 0.25, right[k][1] - 0.45), green)
        start, end = (left[k][0] + 0.4, left[k][1]), (right[k][0] - 0.4, right[k][1])
        _arrow(axes, start, end, grey, "--")
        lost = ledger[f"encoder {k}"] - ledger[f"up {k}"]
        room = end[0] - start[0]
        note = f"{'skip, cropped by' if room > 3 else 'crop'} {lost} px" if lost else "skip"
        if room > 1:
            axes.text((start[0] + end[0]) / 2, start[1] + 0.07, note, ha="center", fontsize=9, color=grey)
    _arrow(axes, (right[0][0] + 0.35, 0), (right[0][0] + 1.0, 0), blue)
    handles = [
        Patch(color=blue, label="3x3 convolutions (1x1 at the end)"),
        Patch(color=red, label="2x2 max pooling, then 3x3 convolutions"),
        Patch(color=green, label="2x2 up-convolution"),
        Patch(color=grey, label="skip: copy and concatenate"),
    ]
    picture.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    axes.set(xlim=(-2, 3 * depth + 2), ylim=(-1.25 * depth - 0.75, 0.8))
    return picture


def _box_colour(name: str, ledger: dict[str, int]) -> str:
    odd = name.startswith("encoder") and ledger[name] % 2
    lost = ledger.get(name, 1) < 1
    return ERROR_COLOUR if odd or lost else ("#56B4E9" if name.startswith(("encoder", "input", "bottle")) else "#E69F00")


def _draw_box(axes, name, x, y, pixels, count, size, most, colour) -> None:
    height = 0.12 + 0.6 * np.sqrt(max(pixels, 0) / size)
    width = 0.08 + 0.42 * np.sqrt(count / most)
    axes.add_patch(Rectangle((x - width / 2, y - height / 2), width, height, fc=colour, ec="black", lw=0.8))
    axes.text(x, y + height / 2 + 0.05, f"{count} ch", ha="center", va="bottom", fontsize=9)
    axes.text(x, y - height / 2 - 0.05, f"{pixels}²" if pixels > 0 else f"{pixels}!", ha="center", va="top", fontsize=9)


def _arrow(axes, start, end, colour, style="-") -> None:
    axes.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=10, lw=1.6, color=colour, linestyle=style))


def _bare(axes: Axes, title: str = "") -> None:
    axes.set(xticks=[], yticks=[])
    if title:
        axes.set_title(title, fontsize=10)


def _class_legend(picture: Picture, names: Sequence[str], first: int = 0) -> None:
    colours = class_colours(first + len(names))[first:]
    handles = [Patch(color=c, label=n) for c, n in zip(colours, names, strict=True)]
    picture.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
