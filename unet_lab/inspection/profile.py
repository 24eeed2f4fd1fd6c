"""Where a network's time and memory go, layer by layer, measured on this machine."""

from __future__ import annotations

import statistics
import time
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef

from unet_lab.foreign import evaluating
from unet_lab.inspection.activations import as_input
from unet_lab.inspection.cost import cost
from unet_lab.training.device import synchronize


class LayerTime(NamedTuple):
    """One layer in one forward pass of the batch that was given."""

    name: str
    kind: str
    seconds: float  # median of the rounds
    multiply_adds: int
    bytes: int  # of its output; 0 where it writes into its input
    held: int  # of all feature maps that are still held when it has run

    @property
    def rate(self) -> float:
        """Multiply-adds a second; `timing.machine_peak` is what they could be at most."""
        return self.multiply_adds / self.seconds if self.seconds else 0.0


def layer_times(model: nn.Module, image: np.ndarray | Tensor, rounds: int = 7) -> list[LayerTime]:
    """Seconds, multiply-adds and bytes of every layer that ran, in order, in evaluation mode.

    A feature map is held as long as somebody may still want it: a skip from its encoder stage to its decoder stage. What a
    layer needs while it works, and gives back, is not counted.
    """
    layers = cost(model, image)
    x = as_input(model, image)
    leaves = [m for m in model.modules() if not list(m.children())]
    seconds: list[list[float]] = [[] for _ in layers]
    held = [0] * len(layers)
    alive: dict[int, tuple[StorageWeakRef, int]] = {}
    state = {"place": 0, "began": 0.0}

    def before(module: nn.Module, inputs) -> None:
        synchronize()
        state["began"] = time.perf_counter()

    def after(module: nn.Module, inputs, out) -> None:
        synchronize()
        if isinstance(out, Tensor):
            place = state["place"]
            seconds[place].append(time.perf_counter() - state["began"])
            storage = out.untyped_storage()
            alive[storage._cdata] = StorageWeakRef(storage), storage.nbytes()
            for key in [key for key, (reference, _) in alive.items() if reference.expired()]:
                del alive[key]
            held[place] = sum(size for _, size in alive.values())
            state["place"] += 1

    hooks = [m.register_forward_pre_hook(before) for m in leaves] + [m.register_forward_hook(after) for m in leaves]
    try:
        with torch.inference_mode(), evaluating(model):
            for _ in range(rounds + 1):
                alive.clear()
                state["place"] = 0
                model(x)
    finally:
        for hook in hooks:
            hook.remove()
    return [
        LayerTime(layer.name, layer.kind, statistics.median(times[1:]), layer.multiply_adds, layer.bytes, kept)
        for layer, times, kept in zip(layers, seconds, held, strict=True)
    ]
