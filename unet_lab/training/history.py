"""What a training run leaves behind: a report per epoch, the best weights and the last ones; found again on disk."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor, nn

from unet_lab.training.checkpoint import newest_checkpoint

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class EpochReport:
    """What one epoch brought. Losses are averages over batches, in nats; scores are of the validation images.

    `iou` and `f1` are macro averages (the mean over classes; a class in neither truth nor prediction is left out) of the
    confusion matrix summed over all validation images. Without validation images they are NaN.
    """

    epoch: int
    epochs: int
    loss: float
    validation_loss: float
    accuracy: float
    iou: float
    f1: float
    learning_rate: float
    seconds: float
    is_best: bool

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
        """The run as a pandas table, a row per epoch; `history.table().to_csv("run.csv")` keeps it for other programs."""
        import pandas

        return pandas.DataFrame([asdict(report) for report in self.reports]).set_index("epoch")

    def column(self, name: str) -> list[float]:
        """One number per epoch, e.g. `history.column("loss")`."""
        return [getattr(report, name) for report in self.reports]


def copy_of_weights(model: nn.Module) -> dict[str, Tensor]:
    """A copy of a model's weights and buffers, on the CPU."""
    return {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}


def only_best_marked(reports: list[EpochReport]) -> list[EpochReport]:
    """The reports of a run that was read back, with only its best epoch marked so: only that one's weights were kept."""
    best = [r.epoch for r in reports if r.is_best][-1:]
    return [replace(report, is_best=[report.epoch] == best) for report in reports]
