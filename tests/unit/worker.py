"""What tests/test_distributed.py starts under torchrun: the same `train`, with what it saw written to a file by the first worker.

torchrun --standalone --nproc-per-node N tests/unit/worker.py FOLDER CASE …
"""

import json
import os
import shutil
import signal
import sys
from pathlib import Path

import torch

from unet_lab.datasets import SegmentationDataset
from unet_lab.losses import dice_and_cross_entropy
from unet_lab.training import EpochReport, fit, steps
from unet_lab.training.distributed import join
from unet_lab.unet import UNet

CASES = {
    "plain": {"norm": None},
    "synchronised": {"norm": "batch"},
    "each its own": {"norm": "batch", "sync_batch_norm": False},
    "recompute": {"norm": "batch", "recompute": True},
    "dropout": {"norm": "batch", "dropout": 0.3},
    "weighted": {"norm": "batch", "weighted": True},
    "weighted sum": {"norm": "batch", "weighted": True, "reduction": "sum", "schedule": "constant", "learning_rate": 1e-5},
    "own loss": {"norm": "batch", "weighted": True, "loss": dice_and_cross_entropy},  # its Dice looks at the batch as a whole
    "dies": {"norm": "batch", "epochs": 3},
}
CELLS = SegmentationDataset.generated(18, size=32)  # batches of 8, 8 and 2: with four workers, two have no share in the last


def settings_of(case, folder):
    settings = {"epochs": 2, "batch_size": 8, "learning_rate": 0.001, "precision": "float32"} | CASES[case]
    if case in ("dies", "dropout"):
        settings |= {"checkpoint": folder / f"{case}.pt", "checkpoint_minutes": 0}
    network = {name: settings.pop(name) for name in ("norm", "dropout") if name in settings}
    return network, settings


def one_more_than(mask):
    return mask + 1.0


def run(case, folder):
    network, settings = settings_of(case, folder)
    torch.manual_seed(0)
    model = UNet(base_channels=4, depth=2, **network)
    cells = CELLS.subset(range(16)) if case == "each its own" else CELLS
    if settings.pop("weighted", False):
        cells = cells.with_weights(one_more_than)
    names = list(model.state_dict())
    if case == "dies":
        if join().is_first and settings["checkpoint"].exists():  # a second start: what it goes on from
            shutil.copyfile(settings["checkpoint"], folder / "begun.pt")
        for news in steps(model, cells, cells, **settings):
            killer = folder / "killed"
            if news == 4 and not isinstance(news, EpochReport) and join().rank == join().size - 1 and not killer.exists():
                killer.touch()
                os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))  # on Windows both end it at once
        reports = []
    else:
        reports = fit(model, cells, cells, **settings).reports
    assert list(model.state_dict()) == names
    assert not any("Sync" in type(m).__name__ for m in model.modules())
    return {"losses": [r.loss for r in reports], "ious": [r.iou for r in reports], "scale": [r.validation_loss for r in reports]}


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    results = {}
    for case in sys.argv[2:]:
        results[case] = run(case, folder)
    world = join()
    sums = world.all_gather({case: result["losses"] for case, result in results.items()})
    assert all(other == sums[0] for other in sums), "the workers do not agree"
    if world.is_first:
        (folder / f"{world.size}.json").write_text(json.dumps(results))
