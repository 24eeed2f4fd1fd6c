"""Does the network wait for its data? Patches out of 16-bit TIFF files, augmented, against learning from them.

    .venv/bin/python benchmarks/feeding.py [ROUNDS]

250 files of 256 x 256, read anew for every patch; four epochs, 1,000 patches of 128 x 128 in batches of 8. Preparing and learning
are timed by themselves; with `workers=1` another process prepares while the network learns.
"""

import sys
import tempfile
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.speed import AsTrained
from benchmarks.table import Row, benchmark, compared
from unet_lab.acceleration.runtimes import quiet
from unet_lab.datasets import Augmentation, generate_cell, load_folder
from unet_lab.training import TrainingSettings
from unet_lab.training.batches import EpochLoader
from unet_lab.training.distributed import Workers
from unet_lab.training.loop import training_step
from unet_lab.unet import UNet

FILES, SIDE, PATCH, EPOCHS = 250, 256, 128, 4


def files(folder: Path) -> tuple[Path, Path]:
    """Two folders of TIFFs: images of 16 bits, masks of 8."""
    cells = [generate_cell(seed, SIDE) for seed in range(20)]
    for name in ("images", "masks"):
        (folder / name).mkdir()
    for number in range(FILES):
        image, mask = cells[number % 20]
        cv2.imwrite(str(folder / "images" / f"{number:03d}.tif"), np.roll(image, number, axis=1).astype(np.uint16) * 200)
        cv2.imwrite(str(folder / "masks" / f"{number:03d}.tif"), np.roll(mask, number, axis=1) * 100)
    return folder / "images", folder / "masks"


def rows(rounds: int = 2) -> list[Row]:
    """Of the small network, and of one of a quarter of its width, which learns faster than most."""
    found = []
    with tempfile.TemporaryDirectory() as folder, quiet():
        data = load_folder(*files(Path(folder)), codes=(0, 100, 200), lazy=True)
        told = TrainingSettings(batch_size=8, patch=PATCH, augmentation=Augmentation())
        loader = EpochLoader(data, told, Workers())

        def prepare():
            return [batch for epoch in range(EPOCHS) for batch in loader.batches(epoch, 0)]

        batches = prepare()
        for width in (16, 4):
            model = UNet(base_channels=width).train().to(memory_format=torch.channels_last)
            optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
            learn = partial(learn_from, model, optimizer, batches[:: 1 if width == 4 else 5])
            times = benchmark({"prepare": prepare, "learn": learn}, rounds)
            learning = [seconds * (1 if width == 4 else 5) for seconds in times["learn"]]
            share = np.median(times["prepare"]) / (np.median(times["prepare"]) + np.median(learning))
            note = f"{sum(len(image) for image, _ in batches)} patches; preparing takes {share:.0%} of an epoch"
            what = f"preparing patches of {PATCH} x {PATCH} out of 16-bit TIFFs, augmented"
            found.append(compared(what, f"learning from them, {width} first channels", times["prepare"], learning, note))
    return found


def learn_from(model, optimizer, batches) -> None:
    for image, mask in batches:
        training_step(model, optimizer, image.to(memory_format=torch.channels_last), mask, None, AsTrained())


if __name__ == "__main__":
    for row in rows(*map(int, sys.argv[1:])):
        print(row)
