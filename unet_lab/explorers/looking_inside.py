"""Explorers: what one output pixel looks at; what a skip is worth; whether the answer moves with the image."""

from __future__ import annotations

from contextlib import ExitStack
from functools import lru_cache

import numpy as np

from unet_lab.datasets.generator.cells import generate_cell
from unet_lab.datasets.masks import CLASS_NAMES
from unet_lab.explorers.base import Explorer, dropdown, slider
from unet_lab.inference.predict import predict
from unet_lab.inspection import activations
from unet_lab.inspection.ablation import without_skip
from unet_lab.inspection.attribution import occlusion
from unet_lab.inspection.equivariance import shift_difference
from unet_lab.inspection.fields import FieldProbe, mass_width, stage_names
from unet_lab.metrics import confusion_matrix, scores
from unet_lab.plots.figure import DescribedFigure, bare, class_colours, panel_row
from unet_lab.plots.images import error_map, overlay, show_image, show_mask
from unet_lab.plots.inside import draw_cross, draw_square, heat_over
from unet_lab.plots.kernels import draw_bar, draw_map
from unet_lab.unet import UNet


def place_sliders(shape: tuple[int, int], row: int, column: int) -> dict:
    return {
        "row": slider("pixel's row", row, 0, shape[0] - 1),
        "column": slider("pixel's column", column, 0, shape[1] - 1),
    }


def to_place(_panel, row, column) -> dict:
    return {"row": row, "column": column}


def explore_receptive_field(model: UNet, image: np.ndarray) -> Explorer:
    """Click a pixel of the prediction: the theoretical field as a frame, what really matters as heat, on every level of the U."""
    stages = stage_names(model)
    depth = len(model.encoder)
    probe, mask = FieldProbe(model, image, stages), predict(model, image)

    def draw(row, column, follow):
        wanted = None if follow == "the winner" else CLASS_NAMES.index(follow)
        fields = probe.fields((row, column), wanted)
        heat = fields["input"]
        rows, columns = model.receptive_field(row), model.receptive_field(column)
        half = mass_width(heat, (row, column))
        figure = DescribedFigure(
            9.8, 4.3, "Effective receptive field of one pixel, on the image and on every level.", layout="none"
        )
        grid = figure.add_gridspec(1, 2, width_ratios=(1, 1.32), left=0.02, right=0.985, top=0.93, bottom=0.02, wspace=0.06)
        left = figure.add_subplot(grid[0])
        left.imshow(heat_over(image, heat))
        bare(left, "image: what this pixel's answer rests on")
        draw_square(left, rows, columns, "black", style="--")
        inner = (half - 1) // 2
        draw_square(left, (row - inner, row + inner), (column - inner, column + inner), "#009E73")
        left.set(xlim=(-0.5, heat.shape[1] - 0.5), ylim=(heat.shape[0] - 0.5, -0.5))
        draw_cross(left, row, column)
        left.set_gid("image")
        draw_levels(figure.add_subplot(grid[1]), {name: fields[name] for name in stages}, depth)
        small = figure.add_axes((0.86, 0.66, 0.125, 0.27))
        show_mask(small, mask, "prediction")
        draw_cross(small, row, column)
        small.set_gid("prediction")
        wide = rows[1] - rows[0] + 1, columns[1] - columns[0] + 1
        winner = CLASS_NAMES[probe.winner((row, column))]
        words = (
            f"Pixel ({row}, {column}) is called {winner}. Theoretical field {wide[0]} x {wide[1]} pixels (dashed; "
            f"beyond the image lies "
            f"padding); half of what matters lies within {half} x {half} (green), 90 % within "
            f"{mass_width(heat, (row, column), 0.9)} pixels."
        )
        return figure, words

    controls = place_sliders(image.shape, image.shape[0] // 2, image.shape[1] // 2)
    controls["follow"] = dropdown("follow the logit of", ["the winner", *CLASS_NAMES], "the winner")
    help_line = (
        "Click a pixel on the rim of the nucleus, then one in the background. Which one looks farther? Through which level?"
    )
    return Explorer(controls, draw, help_line, to_place)


def draw_levels(axes, fields: dict[str, np.ndarray], depth: int) -> None:
    """The fields of all stages where the stages stand in the U, each in its own range."""
    for name, field in fields.items():
        level = depth if name == "bottleneck" else int(name.split(".")[1])
        level = depth - 1 - level if name.startswith("decoder") else level
        left, top = {"e": 0.0, "b": 1.3, "d": 2.6}[name[0]], 1.25 * level
        shown = coarse(field) ** 0.5
        axes.imshow(shown / (shown.max() or 1), cmap="plasma", extent=(left, left + 1, top + 1, top), vmin=0, vmax=1)
        label = f"{name.removesuffix('.block')}, {field.shape[0]}²"
        axes.text(left + 0.5, top - 0.04, label, fontsize=8, ha="center", va="bottom")
    axes.set(xlim=(0, 4.5), ylim=(1.25 * depth + 1, -0.2))
    axes.axis("off")


def coarse(field: np.ndarray, most: int = 32) -> np.ndarray:
    """The maxima of blocks, so that a single pixel is still seen where the figure is small."""
    step = max(1, -(-field.shape[0] // most))
    padded = np.pad(field, [(0, -s % step) for s in field.shape])
    return padded.reshape(padded.shape[0] // step, step, -1, step).max(axis=(1, 3))


SWITCH = ("on", "zeros", "noise", "shuffled", "another image's")


def explore_skips(model: UNet, size: int = 160) -> Explorer:
    """A switch for every skip of a trained network: on, zeros, noise, shuffled, or another image's."""
    if (model.in_channels, model.num_classes) != (1, 3):
        raise ValueError(
            f"the network takes {model.in_channels} channel(s) and knows {model.num_classes} classes; this explorer draws cells "
            "in grey, with 3 classes. With images of your own: without_skip(model, level, instead), and predict(model, image)."
        )
    depth = len(model.decoder)
    blocks = [f"encoder.{k}.block" for k in range(depth)]
    others = list(activations(model, generate_cell(77, size).image, blocks).values())

    @lru_cache(maxsize=8)
    def with_all(cell):
        image, truth = generate_cell(cell, size)
        return image, truth, predict(model, image)

    def draw(cell, **switches):
        image, truth, whole = with_all(cell)
        with ExitStack() as stack:
            for level, state in enumerate(switches.values()):
                if state != "on":
                    instead = others[level] if state.startswith("another") else state
                    stack.enter_context(without_skip(model, level, instead))
            cut = predict(model, image)
        before, after = (scores(confusion_matrix(truth, p), None) for p in (whole, cut))
        alt = "A cell, the answer with all skips, the answer now, its errors, and IoU before and after."
        figure, panels = panel_row((1, 1, 1, 1.1), 2.9, alt, gap=0.1)
        show_image(panels[0], overlay(image, whole), "all skips on")
        show_image(panels[1], overlay(image, cut), "as switched")
        show_image(panels[2], error_map(image, truth, cut), "errors as switched")
        bars = panels[3].inset_axes((0.2, 0.1, 0.8, 0.85))
        panels[3].axis("off")
        places = np.arange(3)
        bars.bar(places - 0.2, before.iou, 0.38, color=class_colours(3), edgecolor="black", lw=0.6)
        bars.bar(places + 0.2, after.iou, 0.38, color=class_colours(3), edgecolor="black", lw=0.6, hatch="///")
        bars.set_xticks(places, CLASS_NAMES, fontsize=8)
        bars.set(ylim=(0, 1))
        bars.tick_params(labelsize=8)
        bars.set_title("IoU: all on, switched (hatched)", fontsize=8)
        off = [f"{level} {s}" for level, s in enumerate(switches.values()) if s != "on"]
        was, now = float(np.nanmean(before.iou)), float(np.nanmean(after.iou))
        named = "skip " + ", skip ".join(off) if off else "all on"
        words = f"Macro IoU {was:.3f} with all skips, {now:.3f} as switched ({named}): {now - was:+.3f}. "
        return figure, words + f"{(whole != cut).mean():.1%} of the pixels changed their class."

    controls = {"cell": slider("cell (seed)", 4, 0, 60)}
    for level in range(depth):
        place = " (topmost)" if level == 0 else " (deepest)" if level == depth - 1 else ""
        controls[f"skip_{level}"] = dropdown(f"skip {level}{place}", list(SWITCH), "zeros" if level == depth // 2 else "on")
    help_line = (
        "Cut one skip at a time and rank them. Then all of them. Then give one another image's: is a wrong skip worse than none?"
    )
    return Explorer(controls, draw, help_line)


def explore_attribution(
    model: UNet, image: np.ndarray, patch: int = 12, progress=iter, fallen: np.ndarray | None = None
) -> Explorer:
    """Click a pixel: saliency (the slope) beside occlusion (cover it and see); for every pixel, computed once at the start.

    fallen : what `occlusion(model, image, patch)` gave, where you have it already.
    """
    fallen = occlusion(model, image, patch, progress=progress) if fallen is None else fallen  # (rows, columns, H, W)
    probe, mask = FieldProbe(model, image), predict(model, image)

    def draw(row, column):
        slope = probe.fields((row, column))["input"]
        drop = fallen[:, :, row, column]
        whole = np.kron(drop, np.ones((patch, patch)))[: image.shape[0], : image.shape[1]]
        alt = "Prediction, saliency, and occlusion of one pixel."
        figure, (left, middle, right) = panel_row((1, 1, 1), 3.4, alt, gap=0.06, bar=True)
        show_image(left, overlay(image, mask), "prediction: click a pixel")
        middle.imshow(heat_over(image, slope))
        bare(middle, "saliency: |slope| of its logit")
        drawn = draw_map(right, whole, f"occlusion: {patch} x {patch} covered", signed=True, most=1.0)
        draw_bar(figure, right, drawn, "its probability falls by")
        for axes in (left, middle, right):
            draw_cross(axes, row, column)
            axes.set_gid("image")
        r, c = np.unravel_index(drop.argmax(), drop.shape)
        far = np.hypot((r + 0.5) * patch - row, (c + 0.5) * patch - column)
        words = (
            f"Pixel ({row}, {column}), called {CLASS_NAMES[mask[row, column]]}. Covering rows {r * patch} to "
            f"{r * patch + patch - 1}, "
            f"columns {c * patch} to {c * patch + patch - 1} hurts most: its probability falls by "
            f"{drop.max():.2f}; that patch's middle "
            f"is {far:.0f} pixels away. Half of the saliency lies within {mass_width(slope, (row, column))} pixels."
        )
        return figure, words

    controls = place_sliders(image.shape, *far_sighted(fallen, patch))
    help_line = "Find a pixel that changes its class when something far away is covered. Do the two maps agree there?"
    return Explorer(controls, draw, help_line, to_place)


def far_sighted(fallen: np.ndarray, patch: int) -> tuple[int, int]:
    """The pixel that loses most when something two or more patches away from it is covered: worth seeing first."""
    height, width = fallen.shape[2:]
    best, place = -1.0, (height // 2, width // 2)
    for r, c in np.ndindex(fallen.shape[:2]):
        far = fallen[r, c].copy()
        far[max(0, (r - 1) * patch) : (r + 2) * patch, max(0, (c - 1) * patch) : (c + 2) * patch] = -1
        if far.max() > best:
            best, place = float(far.max()), tuple(int(v) for v in np.unravel_index(far.argmax(), far.shape))
    return place


def explore_shift(model: UNet, image: np.ndarray, largest: int = 16) -> Explorer:
    """Slide the window over an image: are the logits of the same piece of the image the same?

    image : (H, W) with H - largest and W - largest sizes that the network takes, and larger than twice its reach.
    """
    pieces = [shift_difference(model, image, right=s, largest=largest) for s in range(largest + 1)]
    differences = [float((rest - moved).abs().max()) for rest, moved in pieces]
    depth, window = len(model.encoder), image.shape[1] - largest
    margin = model.reach()

    def draw(shift):
        rest, moved = (p.cpu().numpy() for p in pieces[shift])
        alt = "The window, the difference of logits, and its size for every shift."
        figure, panels = panel_row((1.2, 0.9, 1, 1.5), 2.8, alt, gap=0.72, bottom=0.19)
        show_image(panels[0], image, "window and piece")
        height = image.shape[0] - largest
        draw_square(panels[0], (0, height - 1), (shift, shift + window - 1), "#E69F00")
        draw_square(panels[0], (margin, height - margin - 1), (margin + shift, window - margin - 1), "#009E73")
        piece = image[margin : margin + rest.shape[1], margin + shift : margin + shift + rest.shape[2]]
        show_image(panels[1], overlay(piece, moved.argmax(0)), "its mask")
        gap = np.abs(rest - moved).max(axis=0)
        draw_bar(figure, panels[2], draw_map(panels[2], gap, "difference", signed=False, most=max(differences)), "logits")
        panels[3].bar(range(largest + 1), differences, color="#0072B2")
        on_grid = range(0, largest + 1, 2**depth)
        panels[3].plot(on_grid, [differences[s] for s in on_grid], "D", color="#D55E00", clip_on=False)
        panels[3].axvline(shift, color="black", lw=1, ls=":")
        panels[3].set_xlabel("shift (pixels)", fontsize=9)
        panels[3].set_title("largest difference of logits", fontsize=10)
        flipped = float((rest.argmax(0) != moved.argmax(0)).mean())
        words = (
            f"Shift {shift}: the logits differ by up to {differences[shift]:.3g}; {flipped:.2%} of the pixels change their class."
        )
        whole = "" if shift % 2**depth else f" {shift} is a multiple of {2**depth}, the pooling grid."
        return figure, words + whole

    controls = {"shift": slider("shift (pixels)", 3, 0, largest)}
    help_line = "Which shifts give no difference at all? Why these? (Orange: multiples of 2 to the power of the depth.)"
    return Explorer(controls, draw, help_line)
