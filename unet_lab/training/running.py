"""`train` and `fit`: a run from its settings to its end, with a checkpoint, a progress bar and a stop button."""

from __future__ import annotations

import inspect
import math
import signal
import threading
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import fields
from datetime import datetime, timedelta

from torch import nn
from torch.utils.data import Dataset
from tqdm.auto import tqdm

from unet_lab.datasets.map_style import check_map_style
from unet_lab.inference.out_of_memory import explaining_memory
from unet_lab.training.batches import EpochLoader
from unet_lab.training.device import memory_layout
from unet_lab.training.distributed import averaging, check_device, join
from unet_lab.training.history import EpochReport, History
from unet_lab.training.loop import Step, training_loop
from unet_lab.training.matching import matching_dataset
from unet_lab.training.memory import recomputing, warn_if_too_large, ways_out
from unet_lab.training.recipe import make_optimizer
from unet_lab.training.run_state import RunState
from unet_lab.training.settings import TrainingSettings


def train(model: nn.Module, training: Dataset, validation: Dataset | None = None, **settings) -> Iterator[EpochReport]:
    """Train, and yield an `EpochReport` after every epoch: Adam and cross entropy, unless `settings` say otherwise.

    Break out of your `for` to stop; `model` then holds the weights so far.

    Parameters
    ----------
    model : is moved to the device and changed in place. Parts that you froze (all their parameters requires_grad=False) stay as
        they are, the running statistics of their batch norm included.
    training, validation : datasets: ours, or any map-style one whose [i] gives (image, mask), Subset and ConcatDataset too (see
        `datasets.MapStyleDataset`). Training images have one size, or any sizes with `patch=…`; validation judges whole images.
    settings : those of `TrainingSettings`, by name: epochs (10), batch_size (8), learning_rate (0.001), loss, optimizer,
        schedule, seed, device, augmentation, patch, checkpoint and others, each explained there.

    With `checkpoint`, a run that was stopped goes on bit for bit as if it had never stopped: the finished epochs are yielded
    again, without being trained, then the missing ones. A finished run goes on with a larger `epochs`; its schedule then begins
    anew over the added epochs. The checkpoint before is kept beside it (run.previous.pt), should the newer be damaged.

    Under torchrun the same call trains in all its processes: `batch_size` is then shared among them, gradients are averaged,
    batch norm is computed over all of them (unless sync_batch_norm is False), and the first one writes the checkpoint.

    Raises ValueError for sizes or settings that do not fit, or a checkpoint of another run; OSError where the checkpoint cannot
    be written at the start; TrainingDiverged for a loss that is no number; OutOfMemory; WorkerLost.
    """
    run = steps(model, training, validation, **settings)
    return (report for report in run if isinstance(report, EpochReport))


def steps(model: nn.Module, training: Dataset, validation: Dataset | None = None, **settings) -> Iterator[Step | EpochReport]:
    """Like `train`, but yields the number of the step after every step too, for a progress bar."""
    return run_steps(model, training, validation, TrainingSettings.of(settings))


def run_steps(
    model: nn.Module, training: Dataset, validation: Dataset | None, told: TrainingSettings
) -> Iterator[Step | EpochReport]:
    """A run, once its settings have been read: check, prepare, resume, and the loop."""
    workers, device = join(), told.torch_device
    check_device(device, workers)
    learnt = matching_dataset(training, model, "training")
    judged = None if validation is None else matching_dataset(validation, model, "validation")
    size = told.check(model, learnt, judged, workers)
    share = min(math.ceil(told.batch_size / workers.size), len(learnt))
    warn_if_too_large(model, size, share, device, low_precision=told.low_precision, recompute=told.recompute)
    model.to(device, memory_format=memory_layout(device))  # type: ignore[call-overload]
    optimizer = make_optimizer(told.optimizer, model.parameters(), told.learning_rate, told.weight_decay)
    run = RunState(model, optimizer, EpochLoader(learnt, told, workers), judged, told, workers)
    yield from run.resume(learnt)
    doing = f"training on a batch of {share} images of {size[0]} x {size[1]}"
    with (
        explaining_memory(doing, ways_out(told.batch_size)),
        recomputing(model, told.recompute),
        averaging(model, workers, told.sync_batch_norm) as network,
    ):
        yield from training_loop(network, optimizer, run.scheduler, run, told.clip)


def fit(model: nn.Module, training: Dataset, validation: Dataset | None = None, **settings) -> History:
    """Run `train` to its end with a progress bar, and leave the best epoch's weights in `model`, in evaluation mode.

    Takes the settings of `train`. The stop button of Jupyter, or Ctrl-C, ends the run after the step that it is in (pressed
    twice: at once): `model` gets what was learnt by the end of the best epoch, `history.restore_last(model)` gives back what it
    held when it was stopped, `history.stopped_early` is True, and a checkpoint is written where there is one.
    """
    history, told = History(), TrainingSettings.of(settings)
    check_map_style(training, "training")
    total = told.epochs * told.steps_per_epoch(len(training))  # type: ignore[arg-type]
    with tqdm(total=total, unit="step", desc="training", disable=not join().is_first) as bar:
        try:
            with closing(between_steps(steps(model, training, validation, **settings))) as run:
                for news, asked_to_stop in run:
                    if asked_to_stop:
                        history.stopped_early = True
                        break
                    if isinstance(news, EpochReport):
                        history.record(news, model)
                    move_bar(bar, news)
        except KeyboardInterrupt:
            history.stopped_early = True
    history.restore_best(model)
    return history


def show_signature() -> inspect.Signature:
    """What Shift-Tab in a notebook shows of `train` and `fit`: every setting with its default."""
    kind = inspect.Parameter.KEYWORD_ONLY
    first = list(inspect.signature(steps).parameters.values())[:3]
    named = [inspect.Parameter(f.name, kind, default=f.default, annotation=f.type) for f in fields(TrainingSettings)]
    return inspect.Signature([*first, *named])


for function in (train, steps, fit):
    function.__signature__ = show_signature()  # type: ignore[union-attr]


def between_steps(run: Iterator[Step | EpochReport]) -> Generator[tuple[Step | EpochReport, bool], None, None]:
    """What `run` yields, and whether Ctrl-C was pressed meanwhile: an interrupt within a step would leave half-changed weights.

    Pressed a second time, it interrupts at once. Only where this is the main thread, which alone gets signals, and one process:
    several would stop at different steps.
    """
    before = signal.getsignal(signal.SIGINT)
    asked: list[int] = []

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
        run.close()  # type: ignore[attr-defined]
        if polite:
            signal.signal(signal.SIGINT, before)


def move_bar(bar: tqdm, news: Step | EpochReport) -> None:
    """Move the bar to a step, or to the end of an epoch with what came of it."""
    if isinstance(news, Step):
        bar.update(news - bar.n)
        return
    bar.update(news.epoch * bar.total // news.epochs - bar.n)
    scored = {} if math.isnan(news.iou) else {"iou": f"{news.iou:.3f}"}
    bar.set_postfix(epoch=f"{news.epoch}/{news.epochs}", loss=f"{news.loss:.4g}", **scored, **expected_end(bar))


def expected_end(bar: tqdm) -> dict[str, str]:
    """At what time of day a long run will be over; nothing for one that ends within a minute."""
    rate = bar.format_dict["rate"] or (bar.n / max(bar.format_dict["elapsed"], 1e-9))
    left = (bar.total - bar.n) / rate if rate else 0
    return {"ends": f"{datetime.now() + timedelta(seconds=left):%a %H:%M}"} if left > 60 else {}
