"""Interfaces for notebooks: each answers a "what if?" with a picture. They compute nothing themselves."""

import gc

from unet_lab.explorers.architecture import explore_unet
from unet_lab.explorers.base import Explorer
from unet_lab.explorers.metrics import explore_confusion, explore_metrics
from unet_lab.explorers.samples import explore_samples
from unet_lab.explorers.segmentation import explore_segmentation
from unet_lab.explorers.training import watch_training

# Python's garbage collector would look through all of torch and matplotlib every few pictures, a tenth of a second in which a
# slider hangs (benchmarks/explorers.py). What is loaded by now stays loaded: it need not be looked at again.
gc.collect()
gc.freeze()

__all__ = [
    "Explorer",
    "explore_confusion",
    "explore_metrics",
    "explore_samples",
    "explore_segmentation",
    "explore_unet",
    "watch_training",
]
