"""Runs of training with the weights after every epoch: a healthy one, and some with one fault each (notebook 07)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from unet_lab.datasets.pairs import SegmentationDataset
from unet_lab.files import DATA, write_whole
from unet_lab.losses import cross_entropy
from unet_lab.training.history import EpochReport
from unet_lab.training.running import train
from unet_lab.unet import UNet

RUNS = DATA / "runs"
SIZE, DIFFICULTY = 64, 0.5


@dataclass(frozen=True)
class Recipe:
    """How a run was trained. fault : in words, what is wrong with it; empty for the healthy one."""

    fault: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    mixed_up: bool = False  # each image with another image's mask
    epochs: int = 9
    seed: int = 0


def softmax_twice(logits: Tensor, mask: Tensor) -> Tensor:
    """Cross entropy of probabilities, as if they were logits: it takes their softmax once more."""
    return cross_entropy(logits.softmax(dim=1), mask)


HEALTHY = "healthy"
RECIPES = {
    HEALTHY: Recipe(),
    "A": Recipe("the learning rate is too high", {"learning_rate": 1.0, "schedule": "constant"}),
    "B": Recipe("softmax before the cross entropy, which holds one", {"loss": softmax_twice}),
    "C": Recipe("every training image has another image's mask", mixed_up=True),
}


class KeptRun(NamedTuple):
    """`weights[k]` after k epochs, `weights[0]` before the first; `reports[k - 1]` of epoch k."""

    weights: list[dict[str, Tensor]]
    reports: list[EpochReport]

    def network(self, epoch: int) -> UNet:
        """The network as it was after so many epochs."""
        model = small_network()
        model.load_state_dict({name: values.float() for name, values in self.weights[epoch].items()})
        return model.eval()


@cache
def validation_cells() -> SegmentationDataset:
    return SegmentationDataset.generated(32, SIZE, 0, DIFFICULTY)


def training_cells(recipe: Recipe) -> SegmentationDataset:
    cells = SegmentationDataset.generated(128, SIZE, 1000, DIFFICULTY)
    if not recipe.mixed_up:
        return cells
    pairs = [pair._replace(mask=other.mask) for pair, other in zip(cells.pairs, [*cells.pairs[1:], cells.pairs[0]], strict=True)]
    return SegmentationDataset(pairs)


def keep_run(recipe: Recipe, after_epoch: Callable[[EpochReport], None] = lambda report: None) -> KeptRun:
    """Train as the recipe says, and keep the weights of every epoch (float16; what batch norm measured stays float32)."""
    torch.manual_seed(recipe.seed)
    model = small_network()
    kept = KeptRun([small_copy(model)], [])
    settings = {"learning_rate": 0.01, "batch_size": 8, "seed": recipe.seed, "device": "cpu"} | recipe.settings
    for report in train(model, training_cells(recipe), validation_cells(), epochs=recipe.epochs, **settings):
        kept.weights.append(small_copy(model))
        kept.reports.append(report)
        after_epoch(report)
    return kept


def small_network() -> UNet:
    return UNet(base_channels=4, depth=3)


def small_copy(model: UNet) -> dict[str, Tensor]:
    learnt = {name for name, _ in model.named_parameters()}
    return {
        name: (values.half() if name in learnt else values.clone()).contiguous() for name, values in model.state_dict().items()
    }


def save_run(run: KeptRun, path: Path) -> None:
    """Written whole or not at all: a safetensors file whose names begin with the epoch, with the reports in its head."""
    tensors = {f"{epoch}/{name}": values for epoch, state in enumerate(run.weights) for name, values in state.items()}
    reports = [asdict(report) | {"seconds": 0.0} for report in run.reports]  # how long it took says nothing of the run
    write_whole(path, save(tensors, {"reports": json.dumps(reports)}))


@cache
def load_run(name: str, folder: Path = RUNS) -> KeptRun:
    """A stored run by its name: "healthy", "A", "B", "C". Raises ValueError for others."""
    if name not in RECIPES:
        raise ValueError(f"there is no run {name!r}; there are {', '.join(map(repr, RECIPES))}.")
    with safe_open(folder / f"{name}.safetensors", framework="pt") as file:
        reports = [EpochReport(**report) for report in json.loads(file.metadata()["reports"])]
        weights: list[dict[str, Tensor]] = [{} for _ in range(len(reports) + 1)]
        for key in file.keys():  # noqa: SIM118 - a safe_open has no other way
            epoch, _, parameter = key.partition("/")
            weights[int(epoch)][parameter] = file.get_tensor(key)
    return KeptRun(weights, reports)
