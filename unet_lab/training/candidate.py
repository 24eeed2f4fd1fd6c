"""What is compared, and under which rules: a candidate's network, loss, optimizer and so on; one protocol for all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

from torch import nn

from unet_lab.datasets.map_style import as_dataset
from unet_lab.datasets.pairs import SegmentationDataset
from unet_lab.training.batch_loss import Loss, loss_name
from unet_lab.training.recipe import MakeOptimizer
from unet_lab.unet import UNet

CHOSEN = ("epochs", "batch_size", "learning_rate", "seed", "device", "precision", "checkpoint")  # by the protocol


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


class ComparisonData(NamedTuple):
    """Images of your own in place of the protocol's generated cells: three datasets, with no image in two of them."""

    training: Any  # to learn from
    validation: Any  # by which the learning rate is chosen
    test: Any  # that gives the score

    def cells(self, what: str) -> Any:
        """The dataset for "training", "validation" or "test"."""
        return as_dataset(getattr(self, what), what)


@dataclass(frozen=True)
class Candidate:
    """What is compared. Whatever is left out is as in the baseline: UNet(base_channels=8, depth=4), cross entropy, Adam.

    network : the settings of a `UNet` that differ; or a function without arguments that builds any network, your class say.
    loss, optimizer, augmentation : as in `train`. training : further settings of `train` by name, {"weight_decay": 0.01} say.
    rates : learning rates to choose from, where the protocol's do not suit, as those for Adam do not suit SGD.
    """

    name: str
    group: str = ""
    network: dict | Callable[[], nn.Module] | str = field(default_factory=dict)
    batch_size: int = 3
    loss: Loss | str | None = None
    optimizer: MakeOptimizer | str = "adam"
    augmentation: Callable | str | None = None
    training: dict = field(default_factory=dict)
    rates: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.network, dict | str) and not callable(self.network):
            kind = type(self.network).__name__
            raise ValueError(f"{self.name}: network is a {kind}; allowed are settings of a UNet, or a function that builds one.")
        if isinstance(self.network, nn.Module):
            raise ValueError(
                f"{self.name}: network is a built network, and each seed needs a new one. Give what builds it: MyNet."
            )
        if self.rates is not None:
            object.__setattr__(self, "rates", tuple(self.rates))
        taken = [name for name in self.training if name in CHOSEN]
        if taken:
            raise ValueError(f"{self.name}: {taken[0]} is the protocol's, or batch_size of its own; leave it out of training.")

    @property
    def settings(self) -> dict:
        """All settings for `UNet`."""
        return {"base_channels": 8, "depth": 4} | (self.network if isinstance(self.network, dict) else {})

    @property
    def described(self) -> dict:
        """In plain values, for a file: functions by their names. What is as in the baseline is left out."""
        network: Any = self.network
        if not isinstance(network, str):
            network = described_values(network) if isinstance(network, dict) else name_of_function(network)
        plain = {"name": self.name, "group": self.group, "network": network, "batch_size": self.batch_size}
        if self.loss is not None:
            plain["loss"] = self.loss if isinstance(self.loss, str) else loss_name(self.loss)
        if self.optimizer != "adam":
            plain["optimizer"] = self.optimizer if isinstance(self.optimizer, str) else name_of_function(self.optimizer)
        if self.augmentation is not None:
            plain["augmentation"] = self.augmentation if isinstance(self.augmentation, str) else repr(self.augmentation)
        if self.rates is not None:
            plain["rates"] = list(self.rates)
        if self.training:
            plain["training"] = described_values(self.training)
        return plain

    def build(self, channels: int = 1, classes: int = 3) -> nn.Module:
        """A new network for images of so many channels and masks of so many classes."""
        if any(isinstance(part, str) for part in (self.network, self.loss, self.augmentation)):
            words = "was read from a file, which holds only the names of functions; train the Candidate that it was made from."
            raise ValueError(f"{self.name} {words}")
        if isinstance(self.network, dict):
            return UNet(**{"in_channels": channels, "num_classes": classes} | self.settings)
        network = self.network()  # type: ignore[operator]
        if not isinstance(network, nn.Module):
            kind = type(network).__name__
            raise TypeError(f"{self.name}: its function built a {kind}; it must return an nn.Module. Is a return missing?")
        return network


def name_of_function(function: Any) -> str:
    """The name of a function or class; of a `partial` with what it was given."""
    return loss_name(function)


def described_values(settings: dict) -> dict:
    """Settings for a file: numbers, words and None as they are, functions by their names, everything else in words."""
    described = {}
    for name, value in settings.items():
        plain = isinstance(value, int | float | str | None)
        described[name] = value if plain else name_of_function(value) if callable(value) else repr(value)
    return described
