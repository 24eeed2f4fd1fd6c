"""Explorer: watch a training run, stop it, and afterwards scrub through its epochs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import fields

import ipywidgets as widgets
import numpy as np
from IPython.display import display
from matplotlib.axes import Axes
from torch import nn

from unet_lab.datasets.map_style import as_dataset
from unet_lab.datasets.pairs import SegmentationDataset
from unet_lab.explorers.base import Explorer, slider
from unet_lab.foreign import output_channels
from unet_lab.inference.predict import predict
from unet_lab.plots.figure import VALIDATION_COLOUR, DescribedFigure
from unet_lab.plots.images import show_image, show_mask
from unet_lab.plots.scores import draw_curves
from unet_lab.training.history import EpochReport, History

Watched = str | Callable[[EpochReport], float] | None


class TrainingMonitor(Explorer):
    """Curves and one predicted mask, drawn anew after every epoch; a stop button; a slider over the epochs.

    `monitor.run()` drains the generator that it was given. The stop button ends the run after the epoch it is in, Jupyter's
    own stop (the square) at once; either way `monitor.history` has the epochs so far and the best weights.
    """

    def __init__(self, run: Iterator[EpochReport], model: nn.Module, samples: SegmentationDataset, watch: Watched = None):
        self.history, self.watch = History(), watch
        self.frames: list[list[np.ndarray]] = []  # per epoch, per sample: the predicted mask
        self._run, self._model, self._samples = run, model, samples
        self._stop = False
        controls = {
            "epoch": slider("epoch", 0, 0, 0),
            "sample": slider("sample (number)", 0, 0, len(samples) - 1),
        }
        help_line = "While it trains: stop it when you have seen enough. Afterwards: drag the epoch and watch the cell form."
        super().__init__(controls, self.draw_epoch, help_line)
        self.stop_button = widgets.Button(description="Stop", icon="stop", button_style="danger")
        self.stop_button.tooltip = "Stop after this epoch and keep the best weights"
        self.stop_button.on_click(self.stop_clicked)
        self.bar = widgets.IntProgress(0, 0, 1, description="training", style={"description_width": "150px"})
        self.children = (widgets.HBox([self.bar, self.stop_button]), *self.children)

    def run(self) -> History:
        """Train to the end, or until stopped; then give the model its best weights. Returns the history."""
        self.keep_frame()
        try:
            for report in self._run:
                watched_value(report, self.watch)  # what cannot be watched is refused after the first epoch, not after the last
                self.history.record(report, self._model)
                self.bar.max, self.bar.value = report.epochs, report.epoch
                self.keep_frame()
                if self._stop and report.epoch < report.epochs:
                    self.history.stopped_early = True
                    break
        except KeyboardInterrupt:
            self.history.stopped_early = True
        self.history.restore_best(self._model)
        self.stop_button.disabled = True
        self.stop_button.description = "Stopped" if self.history.stopped_early else "Finished"
        self.bar.description = "stopped" if self.history.stopped_early else "finished"
        self._defaults["epoch"] = len(self.history.reports)
        return self.history

    def stop_clicked(self, _button) -> None:
        self._stop = True
        self.stop_button.description = "Stopping …"

    def keep_frame(self) -> None:
        self.frames.append([predict(self._model, image) for image, *_ in self._samples.pairs])
        self.controls["epoch"].max = len(self.history.reports)
        self.set(epoch=len(self.history.reports))

    def draw_epoch(self, epoch: int, sample: int):
        reports = self.history.reports
        words = "Training curves, and an image with truth and the prediction of one epoch."
        figure = DescribedFigure(9.8, 5.0, words, layout="none")  # places given by hand: twice as fast as computed ones
        grid = figure.add_gridspec(2, 6, left=0.07, right=0.98, top=0.97, bottom=0.02, hspace=0.38, wspace=0.9)
        left, right = figure.add_subplot(grid[0, :3]), figure.add_subplot(grid[0, 3:])
        if reports:
            draw_curves(left, right, reports)
            if self.watch is not None:
                self.draw_watched(right)
            for axes in (left, right):
                axes.axvline(epoch, color="black", lw=1, ls=":")
        else:
            left.set(xlabel="epoch", ylabel="cross entropy (nats)")
            right.set(xlabel="epoch", ylabel="validation score", ylim=(0, 1.02))
        image, truth, *_ = self._samples.pairs[sample]
        panels = [figure.add_subplot(grid[1, 2 * k : 2 * k + 2]) for k in range(3)]
        show_image(panels[0], image, "input")
        show_mask(panels[1], truth, "truth", self._samples.num_classes)
        if not self.frames:
            panels[2].axis("off")
            return figure, "Not started."
        prediction = self.frames[epoch][sample]
        show_mask(panels[2], prediction, f"prediction after epoch {epoch}", self._samples.num_classes)
        wrong = (prediction != truth).mean()
        words = f"Before training: {wrong:.1%} of this image's pixels are wrong."
        if epoch > 0:
            r = reports[epoch - 1]
            shown = f"validation accuracy {r.accuracy:.4f}, IoU {r.iou:.4f} (macro)"
            if self.watch is not None:
                shown = f"{watched_name(self.watch)} {watched_value(r, self.watch):.4g}"
            rate = "" if math.isnan(r.learning_rate) else f", learning rate {r.learning_rate:.3g}"
            words = (
                f"Epoch {epoch} of {r.epochs}: loss {r.loss:.4g}, {shown}{rate}; {wrong:.1%} of this image's pixels are wrong."
            )
        return figure, words

    def draw_watched(self, axes: Axes) -> None:
        """The curve of what is watched, in place of accuracy and IoU."""
        reports, name = self.history.reports, watched_name(self.watch)
        limits = axes.get_xlim()
        axes.clear()
        values = [watched_value(report, self.watch) for report in reports]
        axes.plot([r.epoch for r in reports], values, "v-", color=VALIDATION_COLOUR, label=name, markersize=4)
        axes.set(xlabel="epoch", ylabel=name, xlim=limits)
        axes.grid(alpha=0.3)
        axes.legend()


def watched_name(watch: Watched) -> str:
    """What is watched, for the axis: a column's name, or a function's."""
    return watch if isinstance(watch, str) else getattr(watch, "__name__", "watched").replace("<lambda>", "watched")


def watched_value(report: EpochReport, watch: Watched) -> float:
    """The number to be watched. Raises ValueError for a name that the report has not, or a function that gives no number."""
    if watch is None:
        return report.iou
    own = [f.name for f in fields(EpochReport) if f.name not in ("epoch", "epochs", "is_best", "extra")]
    if isinstance(watch, str):
        if watch not in own and watch not in report.extra:
            named = ", ".join(map(repr, [*own, *report.extra]))
            raise ValueError(f"watch is {watch!r}; allowed are {named}, and a function of the epoch's report.")
        return report.extra[watch] if watch in report.extra else getattr(report, watch)
    value = watch(report)
    if not isinstance(value, int | float | np.number) or isinstance(value, bool):
        raise ValueError(f"watch gave {type(value).__name__}; a function of the epoch's report must return a number.")
    return float(value)


def watch_training(
    run: Iterator[EpochReport], model: nn.Module, samples: SegmentationDataset, watch: Watched = None
) -> TrainingMonitor:
    """Show a monitor for `run`, a generator made by `train(model, …)`, and train; the cell ends when the run does.

    samples : a few validation pairs whose predictions are kept for every epoch.
    watch : what the right panel shows: a number of `EpochReport` ("iou", "f1", "loss", "validation_loss", "learning_rate" and so
        on, or one that you added), or a function of the report; left out, accuracy and IoU. Raises ValueError for others.
    """
    if watch is not None and not isinstance(watch, str) and not callable(watch):
        raise ValueError(f"watch is {watch!r}; allowed are the name of a number in EpochReport, and a function of the report.")
    shown_samples = as_dataset(samples, "samples", output_channels(model))
    if shown_samples.target != "classes":
        kind = shown_samples.target
        raise ValueError(f"the samples' masks hold {kind}, and the monitor draws classes. Train with fit(…) and show_curves(…).")
    monitor = TrainingMonitor(run, model, shown_samples, watch)
    shown = display(monitor, display_id=True)
    monitor.run()
    if shown is not None:
        shown.update(monitor)  # so that the stored page has the last figure, not the first
    return monitor
