"""Training: a loop as a generator. Your `for` decides what happens between two epochs; `fit` is that `for`, ready made."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from unet_lab.blocks import center_crop
from unet_lab.checkpoints import load_checkpoint, save_checkpoint
from unet_lab.datasets import SegmentationDataset
from unet_lab.losses import cross_entropy
from unet_lab.metrics import confusion_matrix, scores

# The 2023 report's recipe (R10): fit(UNet.report(), training, validation, **REPORT_RECIPE)
REPORT_RECIPE = {"epochs": 100, "batch_size": 3, "learning_rate": 1e-3, "reduction": "sum", "schedule": "constant"}
SCHEDULES = ("one_cycle", "constant")


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
    """The reports of a run, one per epoch, and the weights of the best one."""

    reports: list[EpochReport] = field(default_factory=list)
    best_weights: dict[str, Tensor] | None = None
    stopped_early: bool = False

    def record(self, report: EpochReport, model: nn.Module) -> None:
        """Keep a report, and a copy of the weights where they are the best so far."""
        self.reports.append(report)
        if report.is_best:
            self.best_weights = {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}

    def restore_best(self, model: nn.Module) -> None:
        """Give `model` the weights of the best epoch; nothing happens where no epoch was finished."""
        if self.best_weights is not None:
            model.load_state_dict(self.best_weights)

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

    def column(self, name: str) -> list[float]:
        """One number per epoch, e.g. `history.column("loss")`."""
        return [getattr(report, name) for report in self.reports]


class TrainingDiverged(ArithmeticError):
    """The loss became NaN or infinite."""


def train(
    model: nn.Module,
    training: SegmentationDataset,
    validation: SegmentationDataset | None = None,
    *,
    epochs: int = 10,
    batch_size: int = 8,
    learning_rate: float = 1e-3,
    reduction: str = "mean",
    schedule: str = "one_cycle",
    seed: int = 0,
    device: str | torch.device | None = None,
    precision: str = "auto",
    checkpoint: str | Path | None = None,
) -> Iterator[EpochReport]:
    """Train with Adam and cross entropy, and yield an `EpochReport` after every epoch.

    Break out of your `for` to stop; `model` then holds the weights so far.

    Parameters
    ----------
    model : is moved to the device and changed in place.
    training, validation : datasets. Training images all have one size; cut larger ones with `dataset.crops(size)`.
    reduction : of the loss, "mean" or "sum" (the report's).
    schedule : "one_cycle" (warm up, then anneal; Smith and Topin 2018) or "constant" (the report's).
    seed : of the order of the batches and of dropout; draw the weights after torch.manual_seed to fix them too.
    device : chosen by `best_device()` where left out. precision : "float32", "bfloat16", or "auto": bfloat16 where
        the processor has instructions for it.
    checkpoint : a file, written whole after every epoch. If it exists, the run goes on from there: the finished
        epochs are yielded again, without being trained, then the missing ones.

    Raises ValueError for sizes or settings that do not fit, or a checkpoint of another run; TrainingDiverged for a loss
    that is no number.
    """
    _check_settings(epochs, batch_size, learning_rate, reduction, schedule, precision)
    _check_sizes(training)
    device = torch.device(device) if device else best_device()
    low_precision = precision == "bfloat16" or (precision == "auto" and has_bfloat16(device))
    model.to(device, memory_format=_layout(device))
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    steps = math.ceil(len(training) / batch_size)
    scheduler = None
    if schedule == "one_cycle":
        scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=epochs * steps)

    settings = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate, "reduction": reduction}
    settings |= {"schedule": schedule, "seed": seed, "images": len(training), "network": getattr(model, "settings", {})}
    reports: list[EpochReport] = []
    best_weights = None
    if checkpoint is not None and Path(checkpoint).exists():
        state = _resume(checkpoint, settings, model, optimizer, scheduler)
        reports, best_weights = [EpochReport(**report) for report in state["reports"]], state["best"]
        best_epoch = [r.epoch for r in reports if r.is_best][-1]
        for report in reports:  # of the earlier epochs only the best one's weights were kept
            model.load_state_dict(best_weights if report.epoch == best_epoch else state["model"])
            yield replace(report, is_best=report.epoch == best_epoch)
        model.load_state_dict(state["model"])

    for epoch in range(len(reports) + 1, epochs + 1):
        began = time.perf_counter()
        torch.manual_seed(seed * 100_003 + epoch)  # dropout; a resumed run draws the same numbers
        order = torch.Generator().manual_seed(seed * 100_003 + epoch)
        model.train()
        total = 0.0
        for image, mask in DataLoader(training, batch_size, shuffle=True, generator=order):
            image = image.to(device, memory_format=_layout(device))  # (N, 1, H, W)
            mask = mask.to(device)                                   # (N, H, W)
            with torch.autocast(device.type, torch.bfloat16, enabled=low_precision):
                logits = model(image)                                # (N, C, H', W')
            loss = cross_entropy(logits, center_crop(mask, logits.shape[-2:]), reduction)
            if not math.isfinite(value := loss.item()):
                raise TrainingDiverged(
                    f"the loss became {value} in epoch {epoch}. Usual causes: a learning rate that is too high (it is "
                    f"{optimizer.param_groups[0]['lr']:.2g}; try a tenth), or images that are not standardised."
                )
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            if scheduler is not None:
                scheduler.step()
            total += value

        validation_loss, result = math.nan, None
        if validation is not None:
            validation_loss, matrix = evaluate(model, validation, batch_size)
            result = scores(matrix, average="macro")
        quality = result.iou if result else -total / steps
        earlier = [(r.iou if result else -r.loss) for r in reports]
        report = EpochReport(
            epoch=epoch,
            epochs=epochs,
            loss=total / steps,
            validation_loss=validation_loss,
            accuracy=result.accuracy if result else math.nan,
            iou=result.iou if result else math.nan,
            f1=result.f1 if result else math.nan,
            learning_rate=optimizer.param_groups[0]["lr"],
            seconds=time.perf_counter() - began,
            is_best=not earlier or quality > max(earlier),
        )
        reports.append(report)
        if checkpoint is not None:
            if report.is_best:
                best_weights = {name: value.detach().clone() for name, value in model.state_dict().items()}
            state = {"settings": settings, "model": model.state_dict(), "best": best_weights}
            state |= {"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict() if scheduler else None}
            save_checkpoint(checkpoint, state | {"reports": [asdict(r) for r in reports]})
        yield report


def fit(
    model: nn.Module, training: SegmentationDataset, validation: SegmentationDataset | None = None, **settings
) -> History:
    """Run `train` to its end with a progress bar, and leave the best epoch's weights in `model`.

    Takes the settings of `train`. The stop button of Jupyter, or Ctrl-C, ends the run: what was learnt by the end of the
    best epoch is kept, and `history.stopped_early` is True.
    """
    history = History()
    with tqdm(total=settings.get("epochs", 10), unit="epoch", desc="training") as bar:
        try:
            for report in train(model, training, validation, **settings):
                history.record(report, model)
                bar.update()
                scored = {} if math.isnan(report.iou) else {"iou": f"{report.iou:.3f}"}
                bar.set_postfix(loss=f"{report.loss:.4g}", **scored)
        except KeyboardInterrupt:
            history.stopped_early = True
    history.restore_best(model)
    return history


@torch.no_grad()
def evaluate(model: nn.Module, dataset: SegmentationDataset, batch_size: int = 8) -> tuple[float, np.ndarray]:
    """Mean cross entropy per pixel (nats), and the confusion matrix summed over all images of `dataset`.

    Images may differ in size. The model is put into evaluation mode and left in the mode it was in.
    """
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    if len({image.shape for image, _, _ in dataset.pairs}) > 1:
        batch_size = 1
    matrix = np.zeros((dataset.num_classes, dataset.num_classes), np.int64)
    total = 0.0
    try:
        for image, mask in DataLoader(dataset, batch_size):
            logits = model(image.to(device, memory_format=_layout(device))).float()  # (N, C, H', W')
            mask = center_crop(mask.to(device), logits.shape[-2:])                   # (N, H', W')
            total += cross_entropy(logits, mask, reduction="sum").item()
            matrix += confusion_matrix(mask.cpu().numpy(), logits.argmax(dim=1).cpu().numpy(), dataset.num_classes)
    finally:
        model.train(was_training)
    return total / int(matrix.sum()), matrix


def best_device() -> torch.device:
    """CUDA where there is one, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def _layout(device: torch.device) -> torch.memory_format:
    """Channels last is what CPU and CUDA convolutions like best; Apple's do not."""
    return torch.contiguous_format if device.type == "mps" else torch.channels_last


def has_bfloat16(device: torch.device) -> bool:
    """True where bfloat16 is computed by instructions of its own; emulated, it is slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        return any(getattr(torch.cpu, f"_is_{name}_supported", bool)() for name in ("avx512_bf16", "amx_tile"))
    return False


def _check_settings(epochs, batch_size, learning_rate, reduction, schedule, precision) -> None:
    for name, value in (("epochs", epochs), ("batch_size", batch_size)):
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} is {value!r}; allowed are whole numbers from 1 up.")
    if not (isinstance(learning_rate, int | float) and 0 < learning_rate < math.inf):
        raise ValueError(f"learning_rate is {learning_rate!r}; allowed are numbers above 0, e.g. 0.001.")
    if reduction not in ("mean", "sum"):
        raise ValueError(f"reduction is {reduction!r}; allowed are 'mean' and 'sum'.")
    if schedule not in SCHEDULES:
        raise ValueError(f"schedule is {schedule!r}; allowed are 'one_cycle' and 'constant'.")
    if precision not in ("auto", "float32", "bfloat16"):
        raise ValueError(f"precision is {precision!r}; allowed are 'auto', 'float32' and 'bfloat16'.")


def _check_sizes(dataset: SegmentationDataset) -> None:
    sizes = sorted({image.shape for image, _, _ in dataset.pairs})
    if len(sizes) > 1:
        shown = ", ".join(f"{h} x {w}" for h, w in sizes[:4])
        smallest = min(min(size) for size in sizes)
        raise ValueError(
            f"the training images have {len(sizes)} sizes ({shown}); a batch needs one. Cut them: dataset.crops(size), with "
            f"size at most {smallest}."
        )


def _resume(checkpoint, settings, model, optimizer, scheduler) -> dict:
    """Load everything a run needs to go on; checked before anything is changed."""
    state = load_checkpoint(checkpoint)
    if not isinstance(state, dict) or "settings" not in state:
        raise ValueError(f"{checkpoint}: this is no checkpoint of a training run. Give another file name.")
    differing = [name for name in settings if state["settings"].get(name) != settings[name]]
    if differing:
        name = differing[0]
        raise ValueError(
            f"{checkpoint}: this is another run's checkpoint: its {name} is {state['settings'].get(name)}, yours is "
            f"{settings[name]}. Give another file name, or delete it to start afresh."
        )
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    if scheduler is not None:
        scheduler.load_state_dict(state["scheduler"])
    return state
