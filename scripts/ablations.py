"""Compare variations of the U-Net, of losses, optimizers and augmentation under one protocol; the table: data/ablations.json.

    python3 lab.py ablations [--again]

Each with four learning rates to choose from and five seeds: about half an hour on two cores. Rows that are stored already, under
the same protocol, are kept, so a run that was stopped goes on; --again begins anew. MONAI's BasicUNet has a row where MONAI is
installed.
"""

from __future__ import annotations

import argparse
import os
from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor, nn
from tqdm import tqdm

from scripts.rewired import RewiredUNet
from unet_lab.datasets import Augmentation
from unet_lab.losses import class_weights, cross_entropy, dice_and_cross_entropy, focal_loss, soft_dice_loss
from unet_lab.training import Candidate, Protocol, compare, holm, p_value
from unet_lab.training.outcomes import ABLATIONS

BASELINE = Candidate("baseline: batch norm, batch size 3", "normalisation")
CANDIDATES = [
    BASELINE,
    *(
        Candidate(f"{norm or 'no'} norm, batch size {size}", "normalisation", {"norm": norm}, size)
        for size in (1, 3, 16)
        for norm in (None, "batch", "instance", "group", "layer")
        if (norm, size) != ("batch", 3)
    ),
    Candidate("nearest, then 1x1", "up-sampling", {"up": "nearest"}),
    Candidate("bilinear, then 1x1", "up-sampling", {"up": "bilinear"}),
    Candidate("skips added", "skip", {"skip": "sum"}),
    Candidate("no skips", "skip", {"skip": "none"}),
    Candidate("attention gates", "attention", {"attention": True}),
    Candidate("residual blocks", "residual", {"residual": True}),
    Candidate("depth 2", "depth", {"depth": 2}),
    Candidate("depth 3", "depth", {"depth": 3}),
    Candidate("depth 5", "depth", {"depth": 5}),
    Candidate("4 base channels", "width", {"base_channels": 4}),
    Candidate("16 base channels", "width", {"base_channels": 16}),
]


@cache
def weights_of_classes() -> Tensor:
    """Inverse to how often each class occurs in the training cells."""
    return class_weights([pair.mask for pair in Protocol().cells("training").pairs])


def weighted_cross_entropy(logits: Tensor, mask: Tensor) -> Tensor:
    return cross_entropy(logits, mask, weights=weights_of_classes())


def bilinear_rewired() -> nn.Module:
    return RewiredUNet(bilinear=True)


def monai_basic_unet() -> nn.Module:
    """MONAI's, with the baseline's width; it has five levels and LeakyReLU, instance norm and dropout 0 of its own."""
    from monai.networks.nets import BasicUNet

    return BasicUNet(spatial_dims=2, in_channels=1, out_channels=3, features=(8, 16, 32, 64, 128, 8))


STILL = {"gamma": 0, "shading": 0, "noise": 0, "blur": 0}  # greys stay as they are
FLIPS = Augmentation(rotation=0, zoom=0, elastic=0, **STILL)
SGD_RATES = (0.01, 0.03, 0.1, 0.3)  # a step of Adam is about the rate itself, one of SGD the rate times the gradient
FURTHER = [
    Candidate("focal loss", "loss", loss=focal_loss),
    Candidate("soft Dice", "loss", loss=soft_dice_loss),
    Candidate("Dice and cross entropy", "loss", loss=dice_and_cross_entropy),
    Candidate("weighted cross entropy", "loss", loss=weighted_cross_entropy),
    Candidate("SGD with momentum", "optimizer", optimizer="sgd", rates=SGD_RATES),
    Candidate("AdamW, weight decay 0.01", "weight decay", optimizer="adamw", training={"weight_decay": 0.01}),
    Candidate("SGD, weight decay 0.001", "weight decay", optimizer="sgd", training={"weight_decay": 0.001}, rates=SGD_RATES),
    Candidate("flips", "augmentation", augmentation=FLIPS),
    Candidate("geometry", "augmentation", augmentation=Augmentation(elastic=4, **STILL)),
    Candidate("geometry and greys", "augmentation", augmentation=Augmentation(elastic=4)),
    Candidate("Pytorch-UNet's parts, rewired", "other people's", network=RewiredUNet),
    Candidate("the same, bilinear", "other people's", network=bilinear_rewired),
]
MONAI = Candidate("MONAI's BasicUNet", "other people's", network=monai_basic_unet)


def all_candidates() -> list[Candidate]:
    """Those of the table, in its order; MONAI's network only where MONAI is installed."""
    return [*CANDIDATES, *FURTHER, *([MONAI] if find_spec("monai") else [])]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python3 lab.py ablations", description=__doc__.splitlines()[0])
    parser.add_argument("--again", action="store_true", help="do not keep the rows that are stored")
    again = parser.parse_args().again
    torch.set_num_threads(1)  # the same sums in the same order, however many cores
    if again:
        ABLATIONS.unlink(missing_ok=True)
    candidates = all_candidates()
    if MONAI not in candidates:
        print("MONAI is not installed, and its network gets no row. `pip install monai`, and this command adds it to the table.")
    side_by_side = min(2, os.cpu_count() or 1)
    runs = compare(candidates, Protocol(), path=ABLATIONS, processes=side_by_side)
    outcomes = list(tqdm(runs, unit="network", total=len(candidates)))
    corrected = holm([p_value(outcome, outcomes[0]) for outcome in outcomes[1:]])
    for outcome, p in zip(outcomes, [1.0, *corrected], strict=True):
        line = f"{outcome.mean:.3f} ± {outcome.std:.3f}   rate {outcome.rate:<5}   p {p:.3f} (Holm)   {outcome.candidate.name}"
        print(line)


if __name__ == "__main__":
    main()
