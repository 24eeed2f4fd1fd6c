"""What a run has besides its settings: where it stands, what it has seen, and how it goes on from a checkpoint."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from unet_lab.files import remove_parts
from unet_lab.foreign import class_logits, evaluating, unwrapped
from unet_lab.losses import IGNORE, cross_entropy
from unet_lab.metrics import label_scores, scores
from unet_lab.training.batch_loss import BatchLoss, loss_name
from unet_lab.training.batches import RANK_STRIDE, EpochLoader, epoch_seed
from unet_lab.training.checkpoint import newest_checkpoint, save_checkpoint
from unet_lab.training.device import memory_layout, random_states, set_random_states
from unet_lab.training.distributed import Workers, whole_batch
from unet_lab.training.history import EpochReport, copy_of_weights, only_best_marked
from unet_lab.training.matching import TrainingSet
from unet_lab.training.recipe import check_loss, make_scheduler
from unet_lab.training.settings import TrainingSettings
from unet_lab.training.validation import evaluate_together
from unet_lab.unet import UNet


class RunState:
    """A run under way: what `loop.training_loop` asks, and everything that a checkpoint must hold."""

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        loader: EpochLoader,
        validation: TrainingSet | None,
        settings: TrainingSettings,
        workers: Workers,
    ):
        self.model, self.optimizer, self.loader, self.validation = model, optimizer, loader, validation
        self.settings, self.workers = settings, workers
        self.steps_per_epoch = settings.steps_per_epoch(loader.count)
        self.rates = [group["lr"] for group in optimizer.param_groups]
        self.scheduler = make_scheduler(settings.schedule, optimizer, settings.epochs * self.steps_per_epoch)
        self.loss_function = BatchLoss(settings.loss, settings.reduction, loader.target)
        self.reports: list[EpochReport] = []
        self.best: dict[str, Tensor] | None = None
        self.checkpoint = None if settings.checkpoint is None else Path(settings.checkpoint)
        self.identity: dict = {}  # what must be the same for a checkpoint to be of this run
        self.position = 0  # batches done in the epoch that is under way
        self.total = 0.0  # the sum of their losses
        self.norms = 0.0  # and of the lengths of their gradients
        self.seconds = 0.0  # and the time that they took
        self.began = self.saved = time.perf_counter()
        self.due = False
        self.checked = False

    # -- what the loop asks ------------------------------------------------------------------------------------------

    def epochs_left(self) -> Iterator[int]:
        for epoch in range(len(self.reports) + 1, self.settings.epochs + 1):
            best = max((r.epoch for r in self.reports if r.is_best), default=0)
            if self.settings.early_stopping is not None and len(self.reports) - best >= self.settings.early_stopping:
                return
            yield epoch

    def batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
        self.began = time.perf_counter() - self.seconds
        if self.position == 0:
            torch.manual_seed(epoch_seed(self.settings.seed, epoch) + RANK_STRIDE * self.workers.rank)  # dropout
        device = self.settings.torch_device
        sizes = [len(batch) for batch in self.loader.order(epoch)]
        for image, mask, *weights in self.loader.batches(epoch, self.position):
            self.in_batch = sizes[self.position]
            self.due = self.is_due()
            image = image.to(device, memory_format=memory_layout(device))
            yield image, mask.to(device), weights[0].to(device) if weights else None

    def precision(self) -> AbstractContextManager:
        device = self.settings.torch_device
        return torch.autocast(device.type, torch.bfloat16, enabled=self.settings.low_precision)

    def loss(self, outputs: object, mask: Tensor, weights: Tensor | None) -> Tensor:
        """The loss of the whole batch, or this worker's part, so scaled that averaging the gradients gives the whole batch's."""
        if self.workers.size > 1 and self.settings.loss is None and self.loader.target == "classes":
            return self.shared_cross_entropy(class_logits(outputs), mask, weights)
        if self.workers.size > 1:  # a loss of your own may look at the batch as a whole, as Dice does: each worker shows it all
            outputs, mask, weights = whole_batch((outputs, mask, weights), self.in_batch, self.workers)
        loss = self.loss_function(outputs, mask, weights)
        if not self.checked:
            check_loss(loss)
            self.checked = True
        return loss

    def shared_cross_entropy(self, logits: Tensor, mask: Tensor, weights: Tensor | None) -> Tensor:
        """Cross entropy over the images of all workers: the mean is over all their judged pixels, not the mean of means."""
        counted = (mask != IGNORE).float() if weights is None else weights * (mask != IGNORE)
        (total,) = self.workers.all_reduce(float(counted.sum()))
        loss = cross_entropy(logits, mask, "sum", weights) if len(mask) else logits.sum()  # the others wait for its gradients
        return loss * self.workers.size / ((total or 1.0) if self.settings.reduction == "mean" else 1)

    def value_of(self, loss: Tensor) -> float:
        if self.workers.size == 1:
            return loss.item()
        asked = float(self.due and self.workers.is_first)
        value, due = self.workers.all_reduce(loss.item() / self.workers.size, asked)
        self.due = bool(due)
        return value

    def step_done(self, value: float, norm: float) -> None:
        self.total += value
        self.norms += norm
        self.position += 1
        self.seconds = time.perf_counter() - self.began
        if self.due and self.position < self.steps_per_epoch:
            self.save()

    def left(self) -> None:
        if self.checkpoint is not None and self.workers.size == 1:
            self.save()

    def finish_epoch(self, epoch: int) -> EpochReport:
        validation_loss, result = math.nan, None
        if self.validation is not None:
            share = math.ceil(self.settings.batch_size / self.workers.size)
            validation_loss, matrix = evaluate_together(self.model, self.validation, share, self.workers)
            result = None if matrix is None else label_scores(matrix) if matrix.ndim == 3 else scores(matrix, average="macro")
        loss = self.total / self.steps_per_epoch
        iou, f1 = (float(result.iou), float(result.f1)) if result else (math.nan, math.nan)
        by = "iou" if result else "loss" if self.validation is None else "validation_loss"
        qualities = [r.iou if result else -getattr(r, by) for r in self.reports]
        quality = iou if result else -loss if self.validation is None else -validation_loss
        report = EpochReport(
            epoch=epoch,
            epochs=self.settings.epochs,
            loss=loss,
            validation_loss=validation_loss,
            accuracy=result.accuracy if result else math.nan,
            iou=iou,
            f1=f1,
            learning_rate=self.optimizer.param_groups[0]["lr"],
            seconds=time.perf_counter() - self.began,
            is_best=not qualities or quality > max(qualities),
            gradient_norm=self.norms / self.steps_per_epoch,
            extra=self.extra_numbers(),
        )
        self.reports.append(report)
        self.position, self.total, self.norms, self.seconds = 0, 0.0, 0.0, 0.0
        if self.checkpoint is not None:
            if report.is_best:
                self.best = copy_of_weights(self.model)
            self.save()
        return report

    def extra_numbers(self) -> dict[str, float]:
        """What `metrics` says of the model; the first worker asks, for all."""
        if self.settings.metrics is None:
            return {}
        found = None
        if self.workers.is_first:
            with evaluating(self.model), torch.no_grad():
                found = self.settings.metrics(self.model)
            if not isinstance(found, Mapping):
                kind = type(found).__name__
                raise TypeError(
                    f"metrics= gave {kind}; it must return numbers by name: {{'boundary F1': 0.9}}. Is a return missing?"
                )
            found = {str(name): float(value) for name, value in found.items()}
        return self.workers.broadcast(found)

    # -- checkpoints -------------------------------------------------------------------------------------------------

    def is_due(self) -> bool:
        """Whether it is time for a checkpoint within the epoch."""
        return self.checkpoint is not None and time.perf_counter() - self.saved >= 60 * self.settings.checkpoint_minutes

    def resume(self, training: TrainingSet) -> Iterator[EpochReport]:
        """Take up the run that the checkpoint holds, if there is one: checked first, then every finished epoch is yielded."""
        if self.checkpoint is None:
            return
        self.identity = identity_of(self.model, training, self.settings)
        state = self.workers.broadcast(newest_checkpoint(self.checkpoint) if self.workers.is_first else None)
        if state is None:
            if self.workers.is_first:
                remove_parts(self.checkpoint)  # of a run that was killed in its first checkpoint
                self.save()  # now, not after an hour: is there a folder, may it be written to, is there room?
            return
        check_same_run(self.checkpoint, state, self.identity)
        if state["torch"] != str(torch.__version__) and self.workers.is_first:
            words = f"{self.checkpoint} was written with PyTorch {state['torch']}; last digits may differ."
            warnings.warn(words, stacklevel=4)
        if self.workers.is_first:
            remove_parts(self.checkpoint)
        self.best = state["best"]
        for report in only_best_marked(self.reports_of(state)):
            # of the earlier epochs only the best one's weights were kept
            self.model.load_state_dict(self.best if report.is_best else state["model"])
            yield report
        self.restore(state)

    def restore(self, state: dict) -> None:
        """Put everything back as it was when the checkpoint was written."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.reports = self.reports_of(state)
        longer = self.settings.epochs > state["settings"]["epochs"]
        if longer:  # a finished run that goes on: its schedule begins anew, over what was added
            for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
                group["lr"] = group["initial_lr"] = rate
            added = (self.settings.epochs - len(self.reports)) * self.steps_per_epoch
            self.scheduler = make_scheduler(self.settings.schedule, self.optimizer, added)
        elif self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        self.position, self.total, self.seconds = state["position"], state["total"], state["seconds"]
        self.norms = state.get("norms", 0.0)
        if len(state["random_states"]) == self.workers.size:  # else another number of workers: dropout draws anew
            set_random_states(state["random_states"][self.workers.rank])

    def reports_of(self, state: dict) -> list[EpochReport]:
        """The reports in a checkpoint, with the number of epochs that this run is to have."""
        return [EpochReport(**report | {"epochs": self.settings.epochs}) for report in state["reports"]]

    def save(self) -> None:
        """Write the checkpoint. At the start of a run this must succeed; later a full disk is no reason to lose the run."""
        self.saved = time.perf_counter()
        under_way = bool(self.reports or self.position)
        states = self.workers.all_gather(random_states()) if under_way else [random_states()]
        if not self.workers.is_first:
            return
        state: dict[str, Any] = {"settings": self.identity, "model": self.model.state_dict(), "best": self.best}
        state |= {"optimizer": self.optimizer.state_dict(), "scheduler": self.scheduler and self.scheduler.state_dict()}
        state |= {"reports": [asdict(r) for r in self.reports], "random_states": states}
        state |= {"position": self.position, "total": self.total, "norms": self.norms, "seconds": self.seconds}
        try:
            assert self.checkpoint is not None  # nobody saves without one
            save_checkpoint(self.checkpoint, state)
        except OSError as error:
            if not under_way:
                raise
            warnings.warn(f"{error} The run goes on; the checkpoint before stays, and the next is tried later.", stacklevel=4)


def identity_of(model: nn.Module, training: TrainingSet, settings: TrainingSettings) -> dict:
    """What a run is: a checkpoint with anything else in it belongs to another."""
    named = {name: getattr(settings, name) for name in ("epochs", "batch_size", "learning_rate", "reduction", "seed")}
    named |= {"schedule": name_of(settings.schedule), "optimizer": name_of(settings.optimizer)}
    named |= {"loss": loss_name(settings.loss), "weight_decay": settings.weight_decay, "clip": settings.clip}
    named |= {"patch": settings.patch, "foreground": settings.foreground if settings.patch else None}
    named |= {"images": len(training), "data": training.fingerprint()}
    named |= {"sampling": None if settings.sampling is None else [float(share) for share in settings.sampling]}
    named |= {"augmentation": None if settings.augmentation is None else repr(settings.augmentation)}
    named |= {"network": describe(model), "precision": "bfloat16" if settings.low_precision else "float32"}
    return named


def name_of(choice) -> str:
    """A named choice as it is, a function by its name."""
    return choice if isinstance(choice, str) else getattr(choice, "__qualname__", type(choice).__qualname__)


def describe(model: nn.Module) -> dict:
    """A network in plain values: a U-Net's settings; of any other its class and its printed parts."""
    model = unwrapped(model)
    if isinstance(model, UNet) and model.is_as_built:
        return model.settings | {"num_classes": model.num_classes}
    return {"class": type(model).__qualname__, "parts": str(model)}


def check_same_run(checkpoint: str | Path, state: dict, ours: dict) -> None:
    """Refuse a checkpoint of another run, before anything is changed; more epochs are no other run where it is finished."""
    theirs = state["settings"]
    differing = [name for name in ours if theirs.get(name) != ours[name]]
    finished = len(state["reports"]) == theirs["epochs"]
    if differing == ["epochs"] and ours["epochs"] > theirs["epochs"] and finished:
        return
    if differing:
        name = differing[0]
        shown = f"its {name} is {theirs.get(name)}, yours is {ours[name]}"
        way_out = "Give another file name, or delete it to start afresh."
        if name == "data":
            shown = "it was trained on other images, masks or weights"
        if name == "epochs" and not finished:
            way_out = f"Let it end with epochs={theirs['epochs']}; then it goes on with more. Or give another file name."
        raise ValueError(f"{checkpoint}: this is another run's checkpoint: {shown}. {way_out}")
