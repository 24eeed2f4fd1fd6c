"""How fast each explorer follows its sliders: median and worst of 20 changes, in milliseconds, from control to PNG.

    .venv/bin/python benchmarks/explorers.py
"""

import itertools
import statistics
import time

import torch

from unet_lab.datasets import SegmentationDataset, generate_cell, load_cells
from unet_lab.explorers import explore_confusion, explore_metrics, explore_samples, explore_segmentation, explore_unet
from unet_lab.explorers.metrics import change_mask
from unet_lab.explorers.training import TrainingMonitor
from unet_lab.training import train
from unet_lab.unet import UNet

CHANGES = 20


def explorers():
    cell = generate_cell(4, 192)
    yield "segmentation (00)", explore_segmentation()
    yield "samples (01)", explore_samples(load_cells())
    yield "the U (05)", explore_unet()
    cells = SegmentationDataset.generated(8, size=64)
    model = UNet(base_channels=4, depth=2)
    monitor = TrainingMonitor(train(model, cells, cells, epochs=8), model, cells.subset(range(4)))
    monitor.run()
    yield "training monitor (07)", monitor
    yield "metric playground (08)", explore_metrics(*cell)
    yield "confusion browser (08)", explore_confusion([cell.image], [cell.mask], [change_mask(cell.mask, right=3)])


def changes(explorer):
    """Endless (name, value), one control after the other, each value other than the last."""
    for step in itertools.count(1):
        for name, control in explorer.controls.items():
            values = getattr(control, "options", None)
            if values is None:
                low, high = control.min, control.max
                value = low + (high - low) * ((step * 7) % 20) / 20
                value = round(value) if isinstance(control.value, int) else value
            else:
                value = values[step % len(values)]
            if value != control.value:
                yield name, value


if __name__ == "__main__":
    print(f"{torch.get_num_threads()} threads; {CHANGES} changes each")
    print(f"{'explorer':24s} {'median ms':>10s} {'worst ms':>10s}")
    for title, explorer in explorers():
        times = []
        for name, value in itertools.islice(changes(explorer), CHANGES):
            began = time.perf_counter()
            explorer.controls[name].value = value
            times.append(1000 * (time.perf_counter() - began))
        print(f"{title:24s} {statistics.median(times):10.0f} {max(times):10.0f}", flush=True)
