"""The network of the report's widths that `benchmarks/speed.py` measures: trained for about twenty minutes on two cores.

    .venv/bin/python benchmarks/report_width.py

What int8 and bfloat16 change can only be judged on a network that has learnt its task. The weights stay in build/, outside the
repository; a run that was stopped goes on where it was.
"""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from unet_lab.datasets import SegmentationDataset
from unet_lab.training import fit
from unet_lab.training.settings import Recipe
from unet_lab.unet import UNet
from unet_lab.weights import load_weights, save_weights

TRAINED = Path(__file__).parents[1] / "build" / "report-width.safetensors"
LEARNT, JUDGED = 0.5, 0.3  # difficulty of the cells: what it learns from, and what it is judged by
RECIPE = Recipe(epochs=10, batch_size=8, learning_rate=1e-3)


def trained(recipe: Recipe = RECIPE, cells: int = 100, weights: Path = TRAINED) -> UNet:
    """The network as it was trained once, in evaluation mode."""
    if not weights.exists():
        torch.manual_seed(0)
        model = UNet.report()
        crops = SegmentationDataset.generated(cells, size=256, first_seed=1000, difficulty=LEARNT).crops(128)
        weights.parent.mkdir(exist_ok=True)
        checkpoint = weights.with_suffix(".checkpoint")
        fit(model, crops, checkpoint=checkpoint, checkpoint_minutes=3, **recipe)
        save_weights(model, weights)
        checkpoint.unlink()
    return load_weights(weights).eval()


if __name__ == "__main__":
    trained()
