"""One fair protocol for comparing: the same data, the same steps, a rate chosen for each candidate, several seeds."""

from __future__ import annotations

import multiprocessing
import pickle
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from unet_lab.metrics import scores
from unet_lab.training.candidate import Candidate, ComparisonData, Protocol
from unet_lab.training.loop import TrainingDiverged
from unet_lab.training.outcomes import Outcome, finished_outcomes, save_outcomes
from unet_lab.training.running import train
from unet_lab.training.validation import evaluate_each

Map = Callable[..., Iterator[Any]]


class Run(NamedTuple):
    """What one training gave."""

    iou: float  # macro, on unseen images
    losses: list[float]  # mean training loss of each quarter of the steps
    matrices: list[list[int]]  # the confusion matrix of each unseen image, row by row
    parameters: int


def run_once(
    candidate: Candidate, protocol: Protocol, rate: float, seed: int, on: str = "test", data: ComparisonData | None = None
) -> Run:
    """Train one network once, and judge it on unseen images: its macro IoU, and what it comes from.

    On the CPU in float32, so that all are alike on every machine. data : images of your own, in place of generated cells.
    """
    source = data or protocol
    cells = source.cells("training")
    torch.manual_seed(seed)
    model = candidate.build(cells.channels, cells.num_classes or 2)
    settings: dict[str, Any] = {"batch_size": candidate.batch_size, "learning_rate": rate, "seed": seed}
    settings |= {"loss": candidate.loss, "optimizer": candidate.optimizer, "augmentation": candidate.augmentation}
    settings |= candidate.training
    epochs = whole_epochs(len(cells), candidate.batch_size, protocol.steps)
    run = train(model, cells, epochs=epochs, device="cpu", precision="float32", **settings)
    losses = [report.loss for report in run]
    quarters = [float(np.mean(part)) for part in np.array_split(losses, min(4, len(losses)))]
    matrices = evaluate_each(model, source.cells(on))
    parameters = sum(p.numel() for p in model.parameters())
    iou = float(scores(matrices.sum(axis=0), average="macro").iou)
    return Run(iou, quarters, matrices.reshape(len(matrices), -1).tolist(), parameters)


def whole_epochs(cells: int, batch_size: int, steps: int) -> int:
    """How many epochs make so many steps. Raises ValueError where that is no whole number, with batch sizes that would do."""
    per_epoch = -(-cells // batch_size)
    if steps % per_epoch:
        raise ValueError(
            f"{steps} steps are no whole number of epochs: {cells} cells at batch size {batch_size} make {per_epoch} steps. "
            f"Allowed are batch sizes at which both divide: "
            f"{', '.join(str(b) for b in range(1, cells + 1) if steps % -(-cells // b) == 0)}."
        )
    return steps // per_epoch


def compare(
    candidates: Sequence[Candidate],
    protocol: Protocol | None = None,
    data: ComparisonData | None = None,
    path: str | Path | None = None,
    processes: int = 1,
) -> Iterator[Outcome]:
    """Train every candidate with every seed, and yield its outcome.

    The learning rate is chosen for each candidate, among `protocol.rates`, by one further run each with a seed and with cells
    that are used for nothing else: a rate that suits one network and not the other would decide the comparison.

    data : images of your own. path : a JSON file that keeps the outcomes as they come; candidates that are in it are yielded
    again without being trained, so a comparison that was stopped goes on. Raises ValueError where it holds another comparison.
    processes : how many trainings run side by side, each on one thread, so that the numbers are those of one thread. What a
    candidate is made of must then be defined in a module, not in a notebook's cell or as a lambda; ValueError where it is not.
    """
    protocol = protocol or Protocol()
    check_processes(processes, candidates, data)
    fingerprint = "" if data is None else data.cells("training").fingerprint() + data.cells("test").fingerprint()
    done = finished_outcomes(Path(path), protocol, fingerprint) if path else []
    fresh = multiprocessing.get_context("spawn")
    most = min(processes, 61) if sys.platform == "win32" else processes  # more, Windows cannot wait for
    side_by_side = ProcessPoolExecutor(most, fresh, torch.set_num_threads, (1,)) if processes > 1 else nullcontext()
    with side_by_side as pool:
        each: Map = pool.map if pool is not None else map
        for candidate in candidates:
            outcome = next((o for o in done if o.candidate.described == candidate.described), None)
            if outcome is None:
                outcome = outcome_of(candidate, protocol, data, each)
                done = [*(o for o in done if o.candidate.name != candidate.name), outcome]
                if path:
                    order = {c.name: place for place, c in enumerate(candidates)}
                    done.sort(key=lambda o: order.get(o.candidate.name, len(order)))
                    save_outcomes(done, protocol, Path(path), fingerprint)
            yield outcome._replace(candidate=candidate)


def check_processes(processes: int, candidates: Sequence[Candidate], data: ComparisonData | None) -> None:
    """Raises ValueError for no number of processes, and for what cannot be handed to another one."""
    if isinstance(processes, bool) or not isinstance(processes, int) or processes < 1:
        raise ValueError(f"processes is {processes!r}; allowed are whole numbers from 1 up.")
    if processes == 1:
        return
    for candidate in candidates:
        try:
            pickle.dumps((candidate, data))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise ValueError(
                f"{candidate.name!r} cannot be handed to another process ({error}). Define its network, loss and so on by `def` "
                f"or `class` in a module of their own and import them, or compare with processes=1."
            ) from None


def outcome_of(candidate: Candidate, protocol: Protocol, data: ComparisonData | None = None, each: Map = map) -> Outcome:
    """Choose the rate, and train with every seed. each : `map`, or that of several processes."""
    rates = candidate.rates or protocol.rates
    qualities = list(each(partial(rate_quality, candidate, protocol, data=data), rates))
    rate = rates[qualities.index(max(qualities))]
    runs = list(each(partial(run_once, candidate, protocol, rate, data=data), protocol.seeds))
    ious, losses, matrices, parameters = map(list, zip(*runs, strict=True))
    return Outcome(candidate, parameters[0], rate, ious, losses, matrices)


def rate_quality(candidate: Candidate, protocol: Protocol, rate: float, data: ComparisonData | None = None) -> float:
    """The score by which a rate is chosen; -1 for one at which the training diverges."""
    try:
        return run_once(candidate, protocol, rate, seed=1000, on="validation", data=data).iou
    except TrainingDiverged:
        return -1.0
