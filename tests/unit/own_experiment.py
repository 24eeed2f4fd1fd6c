"""As a student writes it: a loss, a block, a network and a dataset of one's own, in one script that also runs under torchrun.

torchrun --standalone --nproc-per-node N tests/unit/own_experiment.py FOLDER
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset

from unet_lab.datasets import generate_cell
from unet_lab.training import fit
from unet_lab.training.distributed import join
from unet_lab.unet import UNet


def tversky(logits, mask):
    """Five lines: Dice that pays more for what is missed than for what is too much (Salehi et al. 2017)."""
    p = logits.softmax(dim=1)
    t = nn.functional.one_hot(mask, logits.shape[1]).movedim(-1, 1)
    hit, too_much, missed = ((a * b).sum(dim=(0, 2, 3)) for a, b in ((p, t), (p, 1 - t), (1 - p, t)))
    return (1 - (hit + 1) / (hit + 0.3 * too_much + 0.7 * missed + 1)).mean()


class Separable(nn.Module):
    """A block of one's own: each channel by itself, then all together (Chollet 2017)."""

    def __init__(self, in_channels, out_channels, padding, norm):
        super().__init__()
        self.each = nn.Conv2d(in_channels, in_channels, 5, padding=2, groups=in_channels)
        self.all = nn.Conv2d(in_channels, out_channels, 1)
        self.norm = nn.GroupNorm(1, out_channels)

    def forward(self, x):
        return nn.functional.gelu(self.norm(self.all(self.each(x))))


class TwoBranches(nn.Module):
    """A network of one's own: one branch at full size, one at half; it returns a dictionary."""

    def __init__(self, channels=4, classes=3):
        super().__init__()
        self.near = nn.Conv2d(1, channels, 3, padding=1)
        self.far = nn.Sequential(
            nn.MaxPool2d(2), nn.Conv2d(1, channels, 5, padding=2), nn.BatchNorm2d(channels), nn.Upsample(scale_factor=2)
        )
        self.head = nn.Conv2d(2 * channels, classes, 1)

    def forward(self, x):
        features = torch.cat([self.near(x), self.far(x)], dim=1).relu()
        return {"out": self.head(features), "features": features}


class LazyCells(Dataset):
    """A dataset of one's own: nothing in memory, a cell is made when it is asked for."""

    def __init__(self, count=10, first=0):
        self.count, self.first = count, first

    def __len__(self):
        return self.count

    def __getitem__(self, number):
        image, mask = generate_cell(self.first + number, 32)
        return image, mask


class LazyLabels(LazyCells):
    """Masks of two labels, of which a pixel may have both."""

    def __getitem__(self, number):
        image, mask = super().__getitem__(number)
        return image, np.stack([mask > 0, mask == 2]).astype(np.uint8)


def labels_alone():
    """A network of two labels, which the course's own loss trains; its losses and scores."""
    torch.manual_seed(0)
    told = SETTINGS | {"loss": None}
    history = fit(UNet(base_channels=4, depth=2, num_classes=2), LazyLabels(), LazyLabels(4, 100), **told)
    return history.column("loss"), history.column("iou")


def separable_unet():
    return UNet(base_channels=4, depth=2, block=Separable)


NETWORKS = {"network": TwoBranches, "block": separable_unet}
SETTINGS = {"epochs": 2, "batch_size": 4, "learning_rate": 0.01, "loss": tversky, "precision": "float32", "device": "cpu"}


def experiment(which, folder):
    """Train one of the networks, with a checkpoint; the losses of its epochs, and its scores."""
    torch.manual_seed(0)
    model = NETWORKS[which]()
    history = fit(model, LazyCells(), LazyCells(4, 100), checkpoint=folder / f"{which}.pt", **SETTINGS)
    return history.column("loss"), history.column("iou"), model


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    found = {which: experiment(which, folder)[:2] for which in NETWORKS}
    found["labels"] = labels_alone()
    if join().is_first:
        (folder / "found.json").write_text(json.dumps(found))
