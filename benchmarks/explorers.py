"""How fast each explorer follows its controls: median and worst of 20 changes, in milliseconds, from control to PNG; and what
200 changes more do to the kernel's memory.

    .venv/bin/python benchmarks/explorers.py [NAME …]

The tests take the list of all explorers of the course from here too.
"""

import ctypes
import gc
import itertools
import statistics
import sys
import time

import numpy as np
import psutil
import torch

from unet_lab.acceleration import accelerate
from unet_lab.datasets import MASK_CODES, SegmentationDataset, generate_cell, generate_sheet, load_cells, standardise
from unet_lab.datasets.spoiling import change_mask
from unet_lab.doctor.faults import run_with_fault, unknown_fault
from unet_lab.explorers import (
    explore_attribution,
    explore_augmentation,
    explore_borders,
    explore_confusion,
    explore_contracting,
    explore_convolution,
    explore_crop,
    explore_failures,
    explore_faults,
    explore_feature_maps,
    explore_folder,
    explore_generator,
    explore_loss,
    explore_metrics,
    explore_norm,
    explore_painting,
    explore_preparation,
    explore_receptive_field,
    explore_runs,
    explore_samples,
    explore_segmentation,
    explore_shift,
    explore_skips,
    explore_speed,
    explore_tiling,
    explore_touching,
    explore_unet,
    explore_upsampling,
    explore_variations,
    explore_workers,
)
from unet_lab.explorers.base import values_of
from unet_lab.explorers.training import TrainingMonitor
from unet_lab.files import DATA
from unet_lab.training import load_outcomes, train
from unet_lab.unet import UNet
from unet_lab.weights import load_pretrained

CHANGES = 20


def cell(seed=4, size=192):
    return generate_cell(seed, size)


def monitor():
    cells = SegmentationDataset.generated(8, size=64)
    torch.manual_seed(0)
    model = UNet(base_channels=4, depth=2)
    watched = TrainingMonitor(train(model, cells, cells, epochs=8), model, cells.subset(range(4)))
    watched.run()
    return watched


def confusion():
    cells = [cell(4), cell(5)]
    predictions = [change_mask(c.mask, right=3, grow=2) for c in cells]
    return explore_confusion([c.image for c in cells], [c.mask for c in cells], predictions)


def tiling():
    torch.manual_seed(0)
    return explore_tiling(UNet(base_channels=8, depth=3), generate_sheet(0, 5, 5).image)


def speed():
    images = torch.from_numpy(np.stack([standardise(cell(seed).image) for seed in range(4)]))[:, None]
    ways = ("folded", "channels last", "bfloat16")
    return explore_speed(
        accelerate(load_pretrained(), images[:1], "lower", using=ways, keep_all=True, seconds=0.5, progress=False), images
    )


EXPLORERS = {
    "00 segmentation": explore_segmentation,
    "01 samples": lambda: explore_samples(load_cells()),
    "02 convolution": explore_convolution,
    "02 norm": explore_norm,
    "03 contracting path": lambda: explore_contracting(cell().image),
    "04 upsampling": explore_upsampling,
    "04 crop": lambda: explore_crop(cell(size=188).image),
    "05 the U": explore_unet,
    "06 loss": lambda: explore_loss(load_pretrained(), *cell()),
    "06 borders": explore_borders,
    "07 training monitor": monitor,
    "07 runs": explore_runs,
    "08 metric playground": lambda: explore_metrics(*cell(4)),
    "08 confusion browser": confusion,
    "09 feature maps": lambda: explore_feature_maps(load_pretrained(), cell().image),
    "09 receptive field": lambda: explore_receptive_field(load_pretrained(), cell().image),
    "09 skips": lambda: explore_skips(load_pretrained()),
    "09 attribution": lambda: explore_attribution(load_pretrained(), cell(4, 160).image, patch=10),
    "09 shift": lambda: explore_shift(load_pretrained(), cell(17, 304).image),
    "10 augmentation": lambda: explore_augmentation(*cell()),
    "11 variations": lambda: explore_variations(load_outcomes()[1]),
    "12 tiling": tiling,
    "13 speed": speed,
    "13 painting": lambda: explore_painting({"as given": load_pretrained()}),
    "14 failures": lambda: explore_failures(
        {fault: run_with_fault(fault) for fault in (None, "leak", "odd size", "softmax twice")}
    ),
    "14 clinic": lambda: explore_faults({letter: unknown_fault(letter) for letter in "AB"}),
    "15 generator": explore_generator,
    "15 folder": lambda: explore_folder(DATA / "cells" / "images", DATA / "cells" / "masks", MASK_CODES),
    "16 workers": explore_workers,
    "17 touching": explore_touching,
    "18 preparation": lambda: explore_preparation(load_pretrained()),
}


def changes(explorer):
    """Endless (name, value), one control after the other, each value other than the last."""
    for step in itertools.count(1):
        for name, control in explorer.controls.items():
            values = values_of(control)
            if hasattr(control, "min"):
                low, high = control.min, control.max
                value = low + (high - low) * ((step * 7) % 20) / 20
                value = round(value) if isinstance(control.value, int) else value
            else:
                value = values[step % len(values)]
            if value != control.value:
                yield name, value


def growth(explorer, count=200, before=30):
    """MiB by which this process grows while an explorer follows `count` changes, after `before` others."""
    turns, process = changes(explorer), psutil.Process()

    def turn(times):
        for name, value in itertools.islice(turns, times):
            explorer.controls[name].value = value
        gc.collect()
        if sys.platform == "linux":  # give back what is free, or a leak would first fill that, unseen
            ctypes.CDLL(None).malloc_trim(0)
        return process.memory_info().rss / 2**20

    return -turn(before) + turn(count)


if __name__ == "__main__":
    print(f"{torch.get_num_threads()} threads; {CHANGES} changes each, then 200 for the memory")
    print(f"{'explorer':24s} {'median ms':>10s} {'worst ms':>10s} {'grows MiB':>10s}")
    for title in sys.argv[1:] or EXPLORERS:
        gc.collect()
        gc.freeze()  # a notebook does not hold the explorers of all others, which each collection would go through
        explorer, times = EXPLORERS[title](), []
        for name, value in itertools.islice(changes(explorer), CHANGES):
            began = time.perf_counter()
            explorer.controls[name].value = value
            times.append(1000 * (time.perf_counter() - began))
        print(f"{title:24s} {statistics.median(times):10.0f} {max(times):10.0f} {growth(explorer):10.1f}", flush=True)
