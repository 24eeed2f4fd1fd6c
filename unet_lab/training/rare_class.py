"""A rare class, trained in several ways: the nucleolus, a pixel in a hundred, and what each loss brings and costs.

`python3 lab.py loss-table` makes the table in data/losses.json; notebook 06 shows it, and trains two of its rows again.
"""

from __future__ import annotations

from functools import cache, partial

import numpy as np

from unet_lab.datasets.generator.nucleolus import CLASSES, NUCLEOLUS, generate_cell_with_nucleolus
from unet_lab.datasets.pairs import Pair, SegmentationDataset
from unet_lab.files import DATA
from unet_lab.losses import class_weights, cross_entropy, dice_and_cross_entropy, focal_loss, soft_dice_loss
from unet_lab.metrics import scores
from unet_lab.training.candidate import Candidate, ComparisonData, Protocol
from unet_lab.training.outcomes import Outcome

LOSSES = DATA / "losses.json"
RARE_CLASS = Protocol(size=64, training=96, validation=40, test=60, steps=384, rates=(0.003, 0.01))
NETWORK = {"base_channels": 8, "depth": 3}


def cells_with_nucleoli(count: int, first_seed: int, size: int = 64) -> SegmentationDataset:
    """So many cells with a nucleolus, from this seed on."""
    pairs = [Pair(*generate_cell_with_nucleolus(seed, size), f"seed {seed}") for seed in range(first_seed, first_seed + count)]
    return SegmentationDataset(pairs, num_classes=len(CLASSES))


@cache
def rare_class_data(protocol: Protocol) -> ComparisonData:
    """Training, validation and test cells; their seeds are those of `Protocol.cells`."""
    sets = ((protocol.training, 0), (protocol.validation, 500_000), (protocol.test, 1_000_000))
    return ComparisonData(*(cells_with_nucleoli(count, first, protocol.size) for count, first in sets))


def rare_class_candidates(data: ComparisonData) -> list[Candidate]:
    """The ways to train. Balanced weights let each class count as much as the others; their square root is half-way there."""
    weights = class_weights((pair.mask for pair in data.training.pairs), len(CLASSES))
    balanced, half_way = ([round(float(w), 3) for w in found] for found in (weights, weights.sqrt()))
    return [
        Candidate("cross entropy", network=NETWORK),
        Candidate("cross entropy, half-way weights", network=NETWORK, loss=partial(cross_entropy, weights=half_way)),
        Candidate("cross entropy, balanced weights", network=NETWORK, loss=partial(cross_entropy, weights=balanced)),
        Candidate("focal loss, gamma 2", network=NETWORK, loss=focal_loss),
        Candidate("soft Dice", network=NETWORK, loss=soft_dice_loss),
        Candidate("Dice + cross entropy", network=NETWORK, loss=dice_and_cross_entropy),
    ]


def rare_class_scores(outcome: Outcome) -> dict[str, np.ndarray]:
    """Recall, precision and IoU of the nucleolus, and the macro IoU: an array each, one number for each seed."""
    found = [scores(seed.sum(axis=0), average=None) for seed in outcome.counts]  # of each class
    rare = {name: np.array([getattr(s, name)[NUCLEOLUS] for s in found]) for name in ("recall", "precision", "iou")}
    return rare | {"macro IoU": np.array(outcome.ious)}


def mean_and_std(values: np.ndarray) -> str:
    """Mean ± standard deviation over the seeds; a seed that called no pixel so has no precision, and is left out."""
    known = values[~np.isnan(values)]
    if not known.size:
        return "none found   "
    return f"{known.mean():.3f} ± {known.std(ddof=1):.3f}" if known.size > 1 else f"{known.mean():.3f}        "


def loss_row(outcome: Outcome) -> str:
    """A row: mean ± standard deviation over the seeds."""
    numbers = [f"{name} {mean_and_std(values)}" for name, values in rare_class_scores(outcome).items()]
    return f"{outcome.candidate.name:34s} rate {outcome.rate:<6}  {'   '.join(numbers)}"
