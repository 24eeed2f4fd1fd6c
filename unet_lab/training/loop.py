"""Training: a loop as a generator. Your `for` decides what happens between two epochs; `fit` is that `for`, ready made."""

from __future__ import annotations

import inspect
import math
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, default_collate
from tqdm.auto import tqdm

from unet_lab.blocks import center_crop
from unet_lab.datasets.pairs import SegmentationDataset
from unet_lab.files import remove_parts
from unet_lab.inference.predict import explaining_memory
from unet_lab.losses import cross_entropy
from unet_lab.metrics import confusion_matrix, scores
from unet_lab.training.checkpoint import newest_checkpoint, save_checkpoint
from unet_lab.training.distributed import World, averaging, join
from unet_lab.training.history import EpochReport, History, copy_of_weights, marked
from unet_lab.training.memory import recomputing, warn_if_too_large, ways_out

__all__ = [
    "REPORT_RECIPE",
    "EpochReport",
    "History",
    "TrainingDiverged",
    "best_device",
    "evaluate",
    "fit",
    "has_bfloat16",
    "steps",
    "train",
]

# The 2023 report's recipe (R10): fit(UNet.report(), training, validation, **REPORT_RECIPE)
REPORT_RECIPE = {"epochs": 100, "batch_size": 3, "learning_rate": 1e-3, "reduction": "sum", "schedule": "constant"}
SCHEDULES = ("one_cycle", "constant")


class TrainingDiverged(ArithmeticError):
    """The loss became NaN or infinite."""


class Step(int):
    """How many steps of a run are done; what `steps` yields between two reports."""


def train(
    model: nn.Module, training: SegmentationDataset, validation: SegmentationDataset | None = None, **settings
) -> Iterator[EpochReport]:
    """Train with Adam and cross entropy, and yield an `EpochReport` after every epoch.

    Break out of your `for` to stop; `model` then holds the weights so far.

    Parameters
    ----------
    model : is moved to the device and changed in place.
    training, validation : datasets. Training images all have one size; cut larger ones with `dataset.crops(size)`.
    epochs, batch_size, learning_rate : 10, 8 and 0.001 where left out.
    reduction : of the loss, "mean" (where left out) or "sum" (the report's).
    schedule : "one_cycle" (where left out: warm up, then anneal; Smith and Topin 2018) or "constant" (the report's).
    seed : of the order of the batches and of dropout; draw the weights after torch.manual_seed to fix them too.
    device : chosen by `best_device()` where left out. precision : "float32", "bfloat16", or "auto": bfloat16 where
        the processor has instructions for it.
    workers : processes that prepare batches ahead; 0 where left out. The numbers stay the same.
    recompute : True needs less memory and about a third more time, for the same numbers (`memory.recomputing`).
    augmentation : changes each batch before it is learnt from, e.g. `Augmentation()`; called with images (N, 1, H, W), masks
        (N, H, W) and a seed for each image, which follows from `seed`, the epoch and the image.
    checkpoint : a file, written whole after every epoch, and within an epoch every `checkpoint_minutes` (10). If it exists, the
        run goes on from there, bit for bit as if it had never stopped: the finished epochs are yielded again, without being
        trained, then the missing ones. The one before is kept beside it (run.previous.pt), should the newer be damaged.
    sync_batch_norm : see below; True where left out.

    Under torchrun the same call trains in all its processes: `batch_size` is then shared among them, gradients are averaged,
    batch norm is computed over all of them (unless sync_batch_norm is False), and the first one writes the checkpoint.

    Raises ValueError for sizes or settings that do not fit, or a checkpoint of another run; OSError where the checkpoint cannot
    be written at the start; TrainingDiverged for a loss that is no number; OutOfMemory; WorkerLost.
    """
    return (report for report in steps(model, training, validation, **settings) if isinstance(report, EpochReport))


def steps(
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
    workers: int = 0,
    recompute: bool = False,
    augmentation: Callable[[Tensor, Tensor, Sequence[int]], tuple[Tensor, Tensor]] | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_minutes: float = 10.0,
    sync_batch_norm: bool = True,
) -> Iterator[Step | EpochReport]:
    """Like `train`, but yields the number of the step after every step too, for a progress bar."""
    _check_settings(epochs, batch_size, learning_rate, reduction, schedule, precision, workers, checkpoint_minutes)
    size = _check_sizes(training)
    world = join()
    _check_shares(model, len(training), batch_size, world, sync_batch_norm)
    device = torch.device(device) if device else best_device()
    low_precision = precision == "bfloat16" or (precision == "auto" and has_bfloat16(device))
    share = math.ceil(batch_size / world.size)
    warn_if_too_large(model, size, min(share, len(training)), device, low_precision=low_precision, recompute=recompute)
    model.to(device, memory_format=_layout(device))
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    per_epoch = math.ceil(len(training) / batch_size)
    scheduler = None
    if schedule == "one_cycle":
        scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=epochs * per_epoch)
    run = _Run(model, optimizer, scheduler, world)
    if checkpoint is not None:
        run.settings = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate, "reduction": reduction}
        run.settings |= {"schedule": schedule, "seed": seed, "images": len(training), "data": training.fingerprint()}
        run.settings |= {"augmentation": None if augmentation is None else repr(augmentation)}
        run.settings |= {"network": getattr(model, "settings", {}), "precision": "bfloat16" if low_precision else "float32"}
        yield from run.resume(checkpoint)

    with recomputing(model, recompute), averaging(model, world, sync_batch_norm) as network:
        for epoch in range(len(run.reports) + 1, epochs + 1):
            began = time.perf_counter() - run.seconds
            batches = _batches(len(training), batch_size, seed * 100_003 + epoch)
            if run.position == 0:
                torch.manual_seed(seed * 100_003 + epoch + 1_000_003 * world.rank)  # dropout
            model.train()
            mine = [world.share(batch) for batch in batches[run.position :]]
            own = torch.Generator().manual_seed(seed)  # else the loader would take a number from dropout's stream
            collate = partial(_collate, size=size)
            loader = DataLoader(training, batch_sampler=mine, num_workers=workers, generator=own, collate_fn=collate)
            for image, mask in loader:
                count = len(batches[run.position])
                if augmentation is not None and len(image):
                    seeds = [_seed_of(seed, epoch, k) for k in world.share(batches[run.position])]
                    image, mask = augmentation(image.to(device), mask.to(device), seeds)
                due = run.due(checkpoint_minutes)
                with explaining_memory(
                    f"training on a batch of {len(image)} images of {size[0]} x {size[1]}", ways_out(batch_size)
                ):
                    value, due = training_step(
                        network, optimizer, image, mask, count, reduction, device, low_precision, world, due
                    )
                if not math.isfinite(value):
                    raise TrainingDiverged(
                        f"the loss became {value} in epoch {epoch}. Usual causes: a learning rate that is too high (it is "
                        f"{optimizer.param_groups[0]['lr']:.2g}; try a tenth), or images that are not standardised."
                    )
                if scheduler is not None:
                    scheduler.step()
                run.total += value
                run.position += 1
                run.seconds = time.perf_counter() - began
                if due and run.position < per_epoch:
                    run.save()
                try:
                    yield Step((epoch - 1) * per_epoch + run.position)
                except GeneratorExit:  # whoever drives the run leaves it here, between two steps
                    if checkpoint is not None and world.size == 1:
                        run.save()
                    raise

            validation_loss, result = math.nan, None
            if validation is not None:
                validation_loss, matrix = _evaluate_together(model, validation, share, world)
                result = scores(matrix, average="macro")
            quality = result.iou if result else -run.total / per_epoch
            earlier = [(r.iou if result else -r.loss) for r in run.reports]
            report = EpochReport(
                epoch=epoch,
                epochs=epochs,
                loss=run.total / per_epoch,
                validation_loss=validation_loss,
                accuracy=result.accuracy if result else math.nan,
                iou=result.iou if result else math.nan,
                f1=result.f1 if result else math.nan,
                learning_rate=optimizer.param_groups[0]["lr"],
                seconds=time.perf_counter() - began,
                is_best=not earlier or quality > max(earlier),
            )
            run.finish_epoch(report)
            yield report


train.__signature__ = inspect.signature(steps)  # so that Shift-Tab in a notebook shows the settings


# fmt: off
def training_step(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    image: Tensor,
    mask: Tensor,
    count: int,
    reduction: str,
    device: torch.device,
    low_precision: bool,
    world: World,
    due: bool = False,
) -> tuple[float, bool]:
    """One step on this worker's share of a batch. Returns the loss of the whole batch, and whether a checkpoint is due for all.

    image : (n, 1, H, W), mask : (n, H, W), n <= count, the number of images in the whole batch.
    """
    image = image.to(device, memory_format=_layout(device))  # (n, 1, H, W)
    mask = mask.to(device)                                   # (n, H, W)
    with torch.autocast(device.type, torch.bfloat16, enabled=low_precision):
        logits = network(image)                              # (n, C, H', W')
    mask = center_crop(mask, logits.shape[-2:])              # (n, H', W')
    if world.size == 1:
        loss = cross_entropy(logits, mask, reduction)
        value = loss.item()
    else:
        # The whole batch's loss is the sum of what the workers have; the averaging of gradients divides by their number.
        loss = cross_entropy(logits, mask, "sum") if len(mask) else logits.sum()
        loss = loss / (count * mask[0].numel() if len(mask) else 1) if reduction == "mean" else loss
        value, due = world.total(loss.item(), float(due and world.is_first))
        loss = loss * world.size
    if math.isfinite(value):
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return value, bool(due)
# fmt: on


@dataclass
class _Run:
    """What a run has besides its settings: everything that a checkpoint must hold."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    scheduler: torch.optim.lr_scheduler.LRScheduler | None
    world: World
    settings: dict | None = None
    checkpoint: Path | None = None
    position: int = 0  # batches done in the epoch that is under way
    total: float = 0.0  # the sum of their losses
    seconds: float = 0.0  # and the time that they took

    def __post_init__(self):
        self.reports: list[EpochReport] = []
        self.best: dict[str, Tensor] | None = None
        self.saved = time.monotonic()

    def due(self, minutes: float) -> bool:
        return self.checkpoint is not None and time.monotonic() - self.saved >= 60 * minutes

    def resume(self, checkpoint: str | Path) -> Iterator[EpochReport]:
        """Take up the run that the checkpoint holds, if there is one: checked first, then every finished epoch is yielded."""
        self.checkpoint = Path(checkpoint)
        state = self.world.from_first(newest_checkpoint(checkpoint) if self.world.is_first else None)
        if state is None:
            if self.world.is_first:
                self.save()  # now, not after an hour: is there a folder, may it be written to, is there room?
            return
        _check_same_run(checkpoint, state["settings"], self.settings)
        if state["torch"] != str(torch.__version__) and self.world.is_first:
            warnings.warn(f"{checkpoint} was written with PyTorch {state['torch']}; last digits may differ.", stacklevel=4)
        if self.world.is_first:
            remove_parts(checkpoint)
        self.best = state["best"]
        reports = marked([EpochReport(**report) for report in state["reports"]])
        for report in reports:  # of the earlier epochs only the best one's weights were kept
            self.model.load_state_dict(self.best if report.is_best else state["model"])
            yield report
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        self.reports = [EpochReport(**report) for report in state["reports"]]
        self.position, self.total, self.seconds = state["position"], state["total"], state["seconds"]
        if len(state["chance"]) == self.world.size:  # else another number of workers: dropout draws anew
            _set_chance(state["chance"][self.world.rank])

    def finish_epoch(self, report: EpochReport) -> None:
        self.reports.append(report)
        self.position, self.total, self.seconds = 0, 0.0, 0.0
        if self.checkpoint is not None:
            if report.is_best:
                self.best = copy_of_weights(self.model)
            self.save()

    def save(self) -> None:
        """Write the checkpoint. At the start of a run this must succeed; later a full disk is no reason to lose the run."""
        self.saved = time.monotonic()
        chance = self.world.gathered(_chance()) if self.reports or self.position else [_chance()]
        if not self.world.is_first:
            return
        state = {"settings": self.settings, "model": self.model.state_dict(), "best": self.best}
        state |= {"optimizer": self.optimizer.state_dict(), "scheduler": self.scheduler.state_dict() if self.scheduler else None}
        state |= {"reports": [asdict(r) for r in self.reports], "chance": chance}
        state |= {"position": self.position, "total": self.total, "seconds": self.seconds}
        try:
            save_checkpoint(self.checkpoint, state)
        except OSError as error:
            if not (self.reports or self.position):
                raise
            warnings.warn(f"{error} The run goes on; the checkpoint before stays, and the next is tried later.", stacklevel=4)


def _chance() -> list[Tensor]:
    """The state of every stream of chance: the CPU's, and the GPU's where there is one."""
    return [torch.get_rng_state(), *([torch.cuda.get_rng_state()] if torch.cuda.is_available() else [])]


def _set_chance(states: list[Tensor]) -> None:
    torch.set_rng_state(states[0])
    if len(states) > 1 and torch.cuda.is_available():
        torch.cuda.set_rng_state(states[1])


def _batches(count: int, batch_size: int, seed: int) -> list[list[int]]:
    """The order of one epoch: every image once, in batches."""
    order = torch.Generator().manual_seed(seed)
    return [batch.tolist() for batch in DataLoader(range(count), batch_size, shuffle=True, generator=order)]


def _seed_of(seed: int, epoch: int, image: int) -> int:
    """Chances of its own for every image in every epoch, whichever worker or batch it comes to."""
    return int(np.random.SeedSequence([seed, epoch, image]).generate_state(1, np.uint32)[0])


def _collate(samples: list[tuple[Tensor, Tensor]], size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """A batch (n, 1, H, W), (n, H, W); n is 0 for a worker that has no share in the last, small batch."""
    return default_collate(samples) if samples else (torch.zeros(0, 1, *size), torch.zeros(0, *size, dtype=torch.long))


def fit(model: nn.Module, training: SegmentationDataset, validation: SegmentationDataset | None = None, **settings) -> History:
    """Run `train` to its end with a progress bar, and leave the best epoch's weights in `model`.

    Takes the settings of `train`. The stop button of Jupyter, or Ctrl-C, ends the run after the step that it is in (pressed
    twice: at once): `model` gets what was learnt by the end of the best epoch, `history.restore_last(model)` gives back what it
    held when it was stopped, `history.stopped_early` is True, and a checkpoint is written where there is one.
    """
    history = History()
    total = settings.get("epochs", 10) * math.ceil(len(training) / settings.get("batch_size", 8))
    with tqdm(total=total, unit="step", desc="training", disable=not join().is_first) as bar:
        try:
            for news, asked_to_stop in _between_steps(steps(model, training, validation, **settings)):
                if asked_to_stop:
                    history.stopped_early = True
                    break
                if isinstance(news, Step):
                    bar.update(news - bar.n)
                    continue
                history.record(news, model)
                bar.update(news.epoch * total // news.epochs - bar.n)
                scored = {} if math.isnan(news.iou) else {"iou": f"{news.iou:.3f}"}
                bar.set_postfix(epoch=f"{news.epoch}/{news.epochs}", loss=f"{news.loss:.4g}", **scored, **_ends(bar))
        except KeyboardInterrupt:
            history.stopped_early = True
    history.restore_best(model)
    return history


def _between_steps(run: Iterator) -> Iterator[tuple[Step | EpochReport, bool]]:
    """What `run` yields, and whether Ctrl-C was pressed meanwhile: an interrupt within a step would leave half-changed weights.

    Pressed a second time, it interrupts at once. Only where this is the main thread, which alone gets signals, and one process:
    several would stop at different steps.
    """
    before = signal.getsignal(signal.SIGINT)
    asked = []

    def note(number, frame):
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    polite = threading.current_thread() is threading.main_thread() and callable(before) and join().size == 1
    if polite:
        signal.signal(signal.SIGINT, note)
    try:
        for news in run:
            yield news, bool(asked) and isinstance(news, Step)
    finally:
        run.close()
        if polite:
            signal.signal(signal.SIGINT, before)


def _ends(bar: tqdm) -> dict[str, str]:
    """At what time of day a long run will be over."""
    rate = bar.format_dict["rate"] or (bar.n / max(bar.format_dict["elapsed"], 1e-9))
    left = (bar.total - bar.n) / rate if rate else 0
    return {"ends": f"{datetime.now() + timedelta(seconds=left):%a %H:%M}"} if left > 60 else {}


@torch.no_grad()
def evaluate(model: nn.Module, dataset: SegmentationDataset, batch_size: int = 8) -> tuple[float, np.ndarray]:
    """Mean cross entropy per pixel (nats), and the confusion matrix summed over all images of `dataset`.

    Images may differ in size. The model is put into evaluation mode and left in the mode it was in.
    """
    matrix, total = np.zeros((dataset.num_classes, dataset.num_classes), np.int64), 0.0
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    if len({image.shape for image, _, _ in dataset.pairs}) > 1:
        batch_size = 1
    try:
        for image, mask in DataLoader(dataset, batch_size):
            logits = model(image.to(device, memory_format=_layout(device))).float()  # (N, C, H', W')
            mask = center_crop(mask.to(device), logits.shape[-2:])  # (N, H', W')
            total += cross_entropy(logits, mask, reduction="sum").item()
            matrix += confusion_matrix(mask.cpu().numpy(), logits.argmax(dim=1).cpu().numpy(), dataset.num_classes)
    finally:
        model.train(was_training)
    return total / int(matrix.sum()), matrix


def _evaluate_together(model, dataset, batch_size, world) -> tuple[float, np.ndarray]:
    """Like `evaluate`, each worker its share of the images; all get the whole result."""
    mine = world.share(range(len(dataset)))
    loss, matrix = 0.0, np.zeros((dataset.num_classes, dataset.num_classes), np.int64)
    if mine:
        loss, matrix = evaluate(model, dataset.subset(mine), batch_size)
    if world.size == 1:
        return loss, matrix
    total, *counts = world.total(loss * int(matrix.sum()), *map(float, matrix.ravel()))
    matrix = np.array(counts).round().astype(np.int64).reshape(matrix.shape)
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


def _check_settings(epochs, batch_size, learning_rate, reduction, schedule, precision, workers, checkpoint_minutes) -> None:
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
    if not isinstance(workers, int) or workers < 0:
        raise ValueError(f"workers is {workers!r}; allowed are whole numbers from 0 up (0: no process besides this).")
    if not (isinstance(checkpoint_minutes, int | float) and checkpoint_minutes >= 0):
        raise ValueError(f"checkpoint_minutes is {checkpoint_minutes!r}; allowed are numbers from 0 up (0: after every step).")


def _check_sizes(dataset: SegmentationDataset) -> tuple[int, int]:
    sizes = sorted({image.shape for image, _, _ in dataset.pairs})
    if len(sizes) > 1:
        shown = ", ".join(f"{h} x {w}" for h, w in sizes[:4])
        smallest = min(min(size) for size in sizes)
        raise ValueError(
            f"the training images have {len(sizes)} sizes ({shown}); a batch needs one. Cut them: dataset.crops(size), with "
            f"size at most {smallest}."
        )
    return sizes[0]


def _check_shares(model: nn.Module, images: int, batch_size: int, world: World, sync_batch_norm: bool) -> None:
    """Each worker needs an image of every batch where its batch norm looks at its own images only."""
    smallest = min(batch_size, images % batch_size or batch_size)
    alone = not sync_batch_norm and any(isinstance(m, nn.BatchNorm2d) for m in model.modules())
    if batch_size < world.size or (alone and smallest < world.size):
        which = f"batch_size is {batch_size}" if batch_size < world.size else f"the last batch of an epoch has {smallest} images"
        raise ValueError(
            f"{which}, and there are {world.size} workers; each needs at least one. batch_size is the number of images for all "
            f"workers together: choose a larger one that {images} images can be divided by."
        )


def _check_same_run(checkpoint: str | Path, theirs: dict, ours: dict) -> None:
    """Refuse a checkpoint of another run, before anything is changed."""
    differing = [name for name in ours if theirs.get(name) != ours[name]]
    if differing:
        name = differing[0]
        shown = f"its {name} is {theirs.get(name)}, yours is {ours[name]}"
        if name == "data":
            shown = "it was trained on other images or masks"
        raise ValueError(
            f"{checkpoint}: this is another run's checkpoint: {shown}. Give another file name, or delete it to start afresh."
        )
