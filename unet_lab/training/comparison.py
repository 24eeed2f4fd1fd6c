"""One fair protocol for comparing networks: the same data, the same steps, a rate chosen for each, several seeds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from unet_lab.datasets.pairs import SegmentationDataset
from unet_lab.files import DATA, write_whole
from unet_lab.metrics import scores
from unet_lab.training.loop import TrainingDiverged
from unet_lab.training.running import train
from unet_lab.training.validation import evaluate
from unet_lab.unet import UNet

ABLATIONS = DATA / "ablations.json"


@dataclass(frozen=True)
class Protocol:
    """What is the same for all that are compared. Training, validation and test cells have different seeds."""

    size: int = 64  # pixels
    difficulty: float = 0.5  # of the generated cells
    training: int = 96  # cells to learn from
    validation: int = 40  # cells by which the learning rate is chosen
    test: int = 60  # cells that give the score; nothing is chosen by them
    steps: int = 192  # whatever the batch size
    rates: tuple[float, ...] = (0.001, 0.003, 0.01, 0.03)
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)  # of the weights and of the batches' order

    def cells(self, what: str) -> SegmentationDataset:
        """The cells for "training", "validation" or "test"."""
        first = {"training": 0, "validation": 500_000, "test": 1_000_000}[what]
        return generated_cells(getattr(self, what), self.size, first, self.difficulty)


@cache
def generated_cells(count: int, size: int, first: int, difficulty: float) -> SegmentationDataset:
    return SegmentationDataset.generated(count, size=size, first_seed=first, difficulty=difficulty)


@dataclass(frozen=True)
class Candidate:
    """One network to compare: the settings that differ from UNet(base_channels=8, depth=4), and its batch size."""

    name: str
    group: str = ""
    network: dict = field(default_factory=dict)
    batch_size: int = 3

    @property
    def settings(self) -> dict:
        """All settings for `UNet`."""
        return {"base_channels": 8, "depth": 4} | self.network


class Outcome(NamedTuple):
    """What came out for one candidate; lists have one entry per seed."""

    candidate: Candidate
    parameters: int
    rate: float
    ious: list[float]  # macro IoU on the test cells
    losses: list[list[float]]  # mean training loss of each quarter of the run

    @property
    def mean(self) -> float:
        """Mean over the seeds."""
        return float(np.mean(self.ious))

    @property
    def std(self) -> float:
        """Standard deviation over the seeds (divided by n - 1); NaN for one seed."""
        return float(np.std(self.ious, ddof=1)) if len(self.ious) > 1 else float("nan")


def run_once(candidate: Candidate, protocol: Protocol, rate: float, seed: int, on: str = "test") -> tuple[float, list[float]]:
    """Train one network once. Returns its macro IoU on unseen cells, and the mean training loss of each quarter of the steps.

    On the CPU in float32, so that all are alike on every machine.
    """
    cells = protocol.cells("training")
    per_epoch = -(-len(cells) // candidate.batch_size)
    if protocol.steps % per_epoch:
        raise ValueError(
            f"{protocol.steps} steps are no whole number of epochs: {len(cells)} cells at batch size {candidate.batch_size} "
            f"make {per_epoch} steps. Allowed are batch sizes at which both divide: "
            f"{', '.join(str(b) for b in range(1, len(cells) + 1) if protocol.steps % -(-len(cells) // b) == 0)}."
        )
    torch.manual_seed(seed)
    model = UNet(**candidate.settings)
    settings: dict[str, Any] = {"batch_size": candidate.batch_size, "learning_rate": rate, "seed": seed}
    run = train(model, cells, epochs=protocol.steps // per_epoch, device="cpu", precision="float32", **settings)
    losses = [report.loss for report in run]
    quarters = [float(np.mean(part)) for part in np.array_split(losses, min(4, len(losses)))]
    return float(scores(evaluate(model, protocol.cells(on))[1], average="macro").iou), quarters


def compare(candidates: Sequence[Candidate], protocol: Protocol | None = None) -> Iterator[Outcome]:
    """Train every candidate with every seed, and yield its outcome.

    The learning rate is chosen for each candidate, among `protocol.rates`, by one further run each with a seed and with cells
    that are used for nothing else: a rate that suits one network and not the other would decide the comparison.
    """
    protocol = protocol or Protocol()
    for candidate in candidates:
        rate = max(protocol.rates, key=lambda rate: rate_quality(candidate, protocol, rate))
        runs = [run_once(candidate, protocol, rate, seed) for seed in protocol.seeds]
        parameters = UNet(**candidate.settings).num_parameters
        yield Outcome(candidate, parameters, rate, [iou for iou, _ in runs], [losses for _, losses in runs])


def rate_quality(candidate: Candidate, protocol: Protocol, rate: float) -> float:
    try:
        return run_once(candidate, protocol, rate, seed=1000, on="validation")[0]
    except TrainingDiverged:
        return -1.0


def difference(outcome: Outcome, baseline: Outcome) -> tuple[float, float]:
    """Mean macro IoU of one minus the other's, and that difference's standard error, from how both vary over the seeds.

    The runs of two networks with one seed have nothing in common but the order of the batches, so they are not paired
    (Welch 1947). A difference of less than about two standard errors may be chance.
    """
    error = np.sqrt(np.var(outcome.ious, ddof=1) / len(outcome.ious) + np.var(baseline.ious, ddof=1) / len(baseline.ious))
    return outcome.mean - baseline.mean, float(error)


def save_outcomes(outcomes: Sequence[Outcome], protocol: Protocol, path: Path = ABLATIONS) -> None:
    """Write a table with its protocol as JSON, whole."""
    rows = [outcome._asdict() | {"candidate": asdict(outcome.candidate)} for outcome in outcomes]
    text = json.dumps({"protocol": asdict(protocol), "rows": rows}, indent=1)
    write_whole(path, text.encode())


def load_outcomes(path: Path = ABLATIONS) -> tuple[Protocol, list[Outcome]]:
    """Read what `save_outcomes` wrote: the protocol and one outcome per row."""
    stored = json.loads(Path(path).read_text(encoding="utf-8"))
    settings: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in stored["protocol"].items()}
    protocol = Protocol(**settings)
    return protocol, [Outcome(Candidate(**row.pop("candidate")), **row) for row in stored["rows"]]
