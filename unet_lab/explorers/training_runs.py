"""Explorer: two kept runs, a healthy one and one with a fault, epoch by epoch side by side."""

from __future__ import annotations

from matplotlib.axes import Axes

from unet_lab.explorers.base import Explorer, dropdown, slider
from unet_lab.inference.predict import predict
from unet_lab.plots.figure import ERROR_COLOUR, TRAINING_COLOUR, DescribedFigure
from unet_lab.plots.images import show_image, show_mask
from unet_lab.training.history import EpochReport
from unet_lab.training.kept_runs import HEALTHY, RECIPES, load_run, validation_cells

LINES = ((TRAINING_COLOUR, "o-"), (ERROR_COLOUR, "^--"))  # of the healthy run, and of the other


def explore_runs() -> Explorer:
    """Step through the epochs of two runs at once: their curves, and what each predicts for the same cell."""
    cells = validation_cells().pairs
    sick = [name for name in RECIPES if name != HEALTHY]
    last = RECIPES[HEALTHY].epochs

    def draw(epoch, other, cell):
        words = "Curves of a healthy and another run, and what both predict for one cell after one epoch."
        figure = DescribedFigure(9.8, 5.4, words, layout="none")
        grid = figure.add_gridspec(2, 4, left=0.07, right=0.98, top=0.95, bottom=0.02, hspace=0.36, wspace=0.12)
        upper = figure.add_gridspec(2, 2, left=0.07, right=0.98, top=0.95, bottom=0.02, hspace=0.36, wspace=0.2)
        runs = {HEALTHY: load_run(HEALTHY), f"run {other}": load_run(other)}
        left, right = figure.add_subplot(upper[0, 0]), figure.add_subplot(upper[0, 1])
        reports = {name: run.reports for name, run in runs.items()}
        draw_lines(left, {name: [r.loss for r in told] for name, told in reports.items()}, "training loss (nats)", epoch)
        draw_lines(right, {name: [r.iou for r in told] for name, told in reports.items()}, "validation IoU (macro)", epoch)
        left.set_ylim(0, 1.35)
        right.set_ylim(0, 1)
        image, truth = cells[cell].image, cells[cell].mask
        panels = [figure.add_subplot(grid[1, k]) for k in range(4)]
        show_image(panels[0], image, f"validation cell {cell}")
        show_mask(panels[1], truth, "truth")
        parts = []
        for panel, (name, run) in zip(panels[2:], runs.items(), strict=True):
            prediction = predict(run.network(epoch), image)
            show_mask(panel, prediction, name)
            parts.append(
                f"{name}: {told_of(run.reports, epoch)}{(prediction != truth).mean():.1%} of this cell's pixels are wrong"
            )
        return figure, f"After epoch {epoch} of {last}. " + "; ".join(parts) + "."

    controls = {
        "epoch": slider("epoch", 0, 0, last),
        "other": dropdown("other run", sick, sick[0]),
        "cell": slider("cell (number)", 4, 0, len(cells) - 1),
    }
    return Explorer(
        controls, draw, "From which epoch on can you tell the sick run, by its curves and by its masks? What is wrong with it?"
    )


def told_of(reports: list[EpochReport], epoch: int) -> str:
    if epoch == 0:
        return ""
    return f"loss {reports[epoch - 1].loss:.3f}, validation IoU {reports[epoch - 1].iou:.3f}, "


def draw_lines(axes: Axes, values: dict[str, list[float]], label: str, epoch: int) -> None:
    """One line for each run over the epochs, and the epoch that is shown."""
    for (name, line), (colour, style) in zip(values.items(), LINES, strict=True):
        axes.plot(range(1, len(line) + 1), line, style, color=colour, label=name, markersize=4)
    axes.axvline(epoch, color="black", lw=1, ls=":")
    axes.set(xlabel="epoch", ylabel=label, xlim=(-0.3, len(line) + 0.3))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
