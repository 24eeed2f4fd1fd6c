"""What a training run leaves behind: a report per epoch, the best weights and the last ones; found again on disk."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor, nn

from unet_lab.files import write_whole
from unet_lab.training.checkpoint import newest_checkpoint

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class EpochReport:
    """What one epoch brought. Losses are averages over batches, in nats; scores are of the validation images.

    `iou` and `f1` are macro averages (the mean over classes; a class in neither truth nor prediction is left out) of the
    confusion matrix summed over all validation images. Without validation images they are NaN. `gradient_norm` is the mean, over
    the epoch's steps, of the length of all gradients together. `extra` holds what you add (`adding`, or the setting `metrics`).
    """

    epoch: int
    epochs: int
    loss: float
    validation_loss: float = math.nan
    accuracy: float = math.nan
    iou: float = math.nan
    f1: float = math.nan
    learning_rate: float = math.nan
    seconds: float = math.nan
    is_best: bool = False
    gradient_norm: float = math.nan
    extra: dict[str, float] = field(default_factory=dict)

    def adding(self, **numbers: float) -> EpochReport:
        """The same report with numbers of your own, by name; `history.table()` and `history.column(name)` have them too."""
        return replace(self, extra=self.extra | {name: float(value) for name, value in numbers.items()})

    @property
    def log_line(self) -> str:
        """The line that the report's program printed (its figure 4)."""
        return f"Epoch [{self.epoch}/{self.epochs}] Average Loss: {self.loss}"


@dataclass
class History:
    """The reports of a run, one per epoch, and the weights of the best epoch and of the end."""

    reports: list[EpochReport] = field(default_factory=list)
    best_weights: dict[str, Tensor] | None = None
    last_weights: dict[str, Tensor] | None = None
    stopped_early: bool = False

    @classmethod
    def load(cls, checkpoint: str | Path) -> History:
        """The history of a run so far, out of its checkpoint, while it goes on or afterwards.

        `show_curves(History.load("run.pt").reports)` draws it. Raises FileNotFoundError where there is no checkpoint yet,
        ValueError where it cannot be read.
        """
        state = newest_checkpoint(checkpoint)
        if state is None:
            raise FileNotFoundError(
                f"{checkpoint}: there is no checkpoint yet. train(…, checkpoint={str(checkpoint)!r}) writes one after every "
                f"epoch, and every checkpoint_minutes."
            )
        reports = [EpochReport(**report) for report in state["reports"]]
        return cls(reports, state["best"], state["model"], len(reports) < state["settings"]["epochs"])

    def record(self, report: EpochReport, model: nn.Module) -> None:
        """Keep a report, and a copy of the weights where they are the best so far."""
        self.reports.append(report)
        if report.is_best:
            self.best_weights = copy_of_weights(model)

    def add(self, model: nn.Module | None = None, *, loss: float, epochs: int | None = None, **numbers: float) -> EpochReport:
        """Note an epoch of a training loop of your own, and return its report, for `yield` in what `watch_training` is given.

        epochs : how many there will be, where you know. numbers : the report's own by their names (validation_loss, accuracy,
        iou, f1, learning_rate, seconds, gradient_norm); any others become `extra`. The best epoch is
        that of the highest iou, where none is given of the lowest loss; with a model, its weights are kept.
        """
        known = {f.name for f in fields(EpochReport)} - {"epoch", "epochs", "is_best", "extra"}
        own = {name: float(value) for name, value in numbers.items() if name in known}
        extra = {name: float(value) for name, value in numbers.items() if name not in known}
        number = len(self.reports) + 1
        report = EpochReport(epoch=number, epochs=epochs or number, loss=float(loss), extra=extra, **own)  # type: ignore[arg-type]
        by = "loss" if math.isnan(report.iou) else "iou"
        earlier = [getattr(r, by) for r in self.reports]
        best = not earlier or (report.loss < min(earlier) if by == "loss" else report.iou > max(earlier))
        report = replace(report, is_best=best)
        self.reports.append(report)
        if best and model is not None:
            self.best_weights = copy_of_weights(model)
        return report

    def restore_best(self, model: nn.Module) -> None:
        """Give `model` the weights of the best epoch (where no epoch was finished, it keeps its own) and evaluation mode.

        What the model held is kept as `last_weights`.
        """
        self.last_weights = copy_of_weights(model)
        if self.best_weights is not None:
            model.load_state_dict(self.best_weights)
        model.eval()

    def restore_last(self, model: nn.Module) -> None:
        """Give `model` the weights that it had when the run ended or was stopped."""
        if self.last_weights is None:
            raise ValueError("no run has ended yet, so there are no last weights; fit(…) and History.load(…) keep them.")
        model.load_state_dict(self.last_weights)

    @property
    def best(self) -> EpochReport:
        """The report of the best epoch: highest validation IoU, or lowest loss without validation images."""
        if not self.reports:
            raise ValueError("no epoch was finished, so none is the best; train for at least one.")
        return [report for report in self.reports if report.is_best][-1]

    def log(self) -> str:
        """The run in the format of the report's log."""
        lines = [report.log_line for report in self.reports]
        return "\n".join(lines if self.stopped_early else [*lines, "Training finished"])

    def table(self) -> pandas.DataFrame:
        """The run as a pandas table, a row per epoch, what you added included."""
        import pandas

        rows = [{name: v for name, v in asdict(report).items() if name != "extra"} | report.extra for report in self.reports]
        return pandas.DataFrame(rows).set_index("epoch")

    def to_csv(self, path: str | Path) -> None:
        """Write the table as a CSV file, whole: for a spreadsheet, R, or `pandas.read_csv(path, index_col="epoch")`."""
        write_whole(path, self.table().to_csv().encode())

    def to_tensorboard(self, folder: str | Path) -> None:
        """Write event files, one scalar for each column and epoch: `tensorboard --logdir folder` shows them.

        Raises ImportError where TensorBoard is not installed.
        """
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            words = "event files need TensorBoard, which is not installed: pip install tensorboard."
            raise ImportError(f"{words} history.to_csv(path) needs nothing.") from None
        with SummaryWriter(str(folder)) as writer:
            for epoch, row in self.table().drop(columns=["epochs", "is_best"]).iterrows():
                for name, value in row.dropna().items():
                    writer.add_scalar(name, float(value), epoch)

    def column(self, name: str) -> list[float]:
        """One number per epoch, e.g. `history.column("loss")`, or of what you added; NaN where an epoch has none."""
        own = {f.name for f in fields(EpochReport)} - {"extra"}
        if name not in own and not any(name in report.extra for report in self.reports):
            added = sorted({key for report in self.reports for key in report.extra})
            raise ValueError(f"there is no column {name!r}; there are {', '.join([*sorted(own), *added])}.")
        return [getattr(report, name) if name in own else report.extra.get(name, math.nan) for report in self.reports]


def copy_of_weights(model: nn.Module) -> dict[str, Tensor]:
    """A copy of a model's weights and buffers, on the CPU."""
    return {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}


def only_best_marked(reports: list[EpochReport]) -> list[EpochReport]:
    """The reports of a run that was read back, with only its best epoch marked so: only that one's weights were kept."""
    best = [r.epoch for r in reports if r.is_best][-1:]
    return [replace(report, is_best=[report.epoch] == best) for report in reports]
