"""U-Net Lab: the parts of a U-Net, the U, what goes in, what comes out, a look inside.

The front door: `from unet_lab import UNet, segment, predict, fit, train, load_folder, split, generate_cell, scores,
confusion_matrix`. Each is loaded when it is first used (PEP 562), so that `import unet_lab` costs nothing. Everything else is
imported from its room: `from unet_lab.losses import soft_dice_loss`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unet_lab.datasets import generate_cell, load_folder, split
    from unet_lab.inference import predict, segment
    from unet_lab.metrics import confusion_matrix, scores
    from unet_lab.training import fit, train
    from unet_lab.unet import UNet

__version__ = "1.0.0"

__all__ = [
    "UNet",
    "confusion_matrix",
    "fit",
    "generate_cell",
    "load_folder",
    "predict",
    "scores",
    "segment",
    "split",
    "train",
]

ROOMS = {
    "UNet": "unet",
    "confusion_matrix": "metrics",
    "fit": "training",
    "generate_cell": "datasets",
    "load_folder": "datasets",
    "predict": "inference",
    "scores": "metrics",
    "segment": "inference",
    "split": "datasets",
    "train": "training",
}


def __getattr__(name: str) -> object:
    if name not in ROOMS:
        raise AttributeError(f"module 'unet_lab' has no attribute {name!r}; at the front door are {', '.join(__all__)}.")
    return getattr(import_module(f"unet_lab.{ROOMS[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
