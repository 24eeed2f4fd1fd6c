"""U-Net Lab: the parts of a U-Net, the U, what goes in, what comes out, a look inside.

The front door: `from unet_lab import UNet, segment, predict, fit, train, load_folder, split, generate_cell, scores,
confusion_matrix`. Each is loaded when it is first used (PEP 562), so that `import unet_lab` costs nothing. Everything else is
imported from its room: `from unet_lab.losses import soft_dice_loss`.
"""

import sys
import warnings
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING

from unet_lab.when_used import when_used

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

__getattr__, __dir__ = when_used(__name__, ROOMS)

# Rooms that had another name before 1.0, and where their names are now. They go with 2.0.
MOVED = {
    "augmentation": ("datasets.augmentation",),
    "checkpoints": ("weights", "training.checkpoint"),
    "comparing": ("training.comparison",),
    "distributed": ("training.distributed",),
    "exercises": ("course",),
    "grading": ("course.grading",),
    "history": ("training.history",),
    "memory": ("training.memory",),
    "planning": ("training.planning",),
    "progress": ("course.progress",),
    "tiling": ("inference",),
    "timing": ("acceleration.timing",),
}


class MovedRooms(MetaPathFinder, Loader):
    """Lets `from unet_lab.tiling import predict_tiled` go on working, with a DeprecationWarning that names the new place."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        package, _, name = fullname.partition(".")
        return ModuleSpec(fullname, self) if package == "unet_lab" and name in MOVED else None

    def exec_module(self, module: ModuleType) -> None:
        places = [f"unet_lab.{place}" for place in MOVED[module.__name__.partition(".")[2]]]
        warnings.warn(f"{module.__name__} is now {' and '.join(places)}; import from there.", DeprecationWarning, stacklevel=2)
        for place in reversed(places):
            module.__dict__.update({k: v for k, v in vars(import_module(place)).items() if not k.startswith("__")})


sys.meta_path.append(MovedRooms())
