"""The network of the report's widths that `benchmarks/speed.py` measures: trained for about half an hour on two cores.

    .venv/bin/python benchmarks/report_width.py

What int8 and bfloat16 change can only be judged on a network that has learnt its task. The weights stay in build/, outside the
repository; a run that was stopped goes on where it was.
"""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from unet_lab.datasets import SegmentationDataset
from unet_lab.files import previous_of
from unet_lab.training import fit
from unet_lab.unet import UNet
from unet_lab.weights import load_weights, save_weights

TRAINED = Path(__file__).parents[1] / "build" / "report-width.safetensors"
LEARNT, JUDGED = 0.5, 0.3  # difficulty of the cells: what it learns from, and what it is judged by


def trained() -> UNet:
    """The network as it was trained once, in evaluation mode."""
    if not TRAINED.exists():
        torch.manual_seed(0)
        model = UNet.report()
        crops = SegmentationDataset.generated(100, size=256, first_seed=1000, difficulty=LEARNT).crops(128)
        TRAINED.parent.mkdir(exist_ok=True)
        checkpoint = TRAINED.with_suffix(".checkpoint")
        fit(model, crops, epochs=10, batch_size=8, learning_rate=1e-3, checkpoint=checkpoint, checkpoint_minutes=3)
        save_weights(model, TRAINED)
        for file in (checkpoint, previous_of(checkpoint)):
            file.unlink(missing_ok=True)
    return load_weights(TRAINED).eval()


if __name__ == "__main__":
    trained()
