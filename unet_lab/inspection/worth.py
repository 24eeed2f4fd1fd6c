"""What the prediction loses without one channel, for many channels, each time only the part of the network behind it run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from unet_lab.foreign import class_logits, evaluating
from unet_lab.inspection.activations import layer_of
from unet_lab.inspection.trace import Trace, layers_of, out_of_place, output_of


def channel_worth(run: Trace, step: str, channels: Sequence[int], batch_size: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """What one step's channels are worth to this prediction, each switched off alone.

    run : what `trace` gave; whatever was cut around it must be cut still. step : a layer. channels : which of its channels.

    Returns two arrays (channels,): how far the probability of the class that won at a pixel falls (mean over the pixels), and the
    share of the pixels whose class changes.
    """
    probability = run.logits.float().softmax(dim=0)
    before, winner = probability.max(dim=0)  # (H, W)
    fall, changed = [], []
    for start in range(0, len(channels), batch_size):
        part = list(channels[start : start + batch_size])
        logits = logits_without(run, step, part)  # (N, K, H, W)
        after = logits.float().softmax(dim=1).gather(1, winner.expand(len(part), 1, -1, -1))[:, 0]
        fall.append((before - after).mean(dim=(1, 2)))
        changed.append((logits.argmax(dim=1) != winner).float().mean(dim=(1, 2)))
    return torch.cat(fall).cpu().numpy(), torch.cat(changed).cpu().numpy()


@torch.no_grad()
def logits_without(run: Trace, step: str, channels: Sequence[int]) -> Tensor:
    """The logits (N, K, H, W) with one of N channels of a step at zero each; what ran before the step is not run again."""
    out = output_of(run, step)
    missing = out[None].repeat(len(channels), 1, 1, 1)  # (N, C, H, W)
    missing[range(len(channels)), list(channels)] = 0
    with evaluating(run.model), out_of_place(run.model), replaying(run, step, missing):
        return class_logits(run.model(run.x.expand(len(channels), -1, -1, -1)))


@contextmanager
def replaying(run: Trace, step: str, instead: Tensor) -> Iterator[None]:
    """Inside, the layers that ran before `step` give what they gave, repeated for a batch, and the step gives `instead`.

    A layer that runs more than once is run, since its second turn may come later; at the step itself the output is exchanged.
    """
    names = list(run.outputs)
    layers = layers_of(run.model)
    several = {layer_of(name) for name in names if " (" in name}
    kept = [name for name in names[1 : names.index(step)] if name not in several]
    count, turn = len(instead), 1 if " (" not in step else int(step.split(" (")[1].rstrip(")"))
    turns = {"now": 0}

    def exchange(_module: nn.Module, _inputs, _out) -> Tensor | None:
        turns["now"] += 1
        return instead if turns["now"] == turn else None

    for name in kept:
        answer = run.outputs[name].expand(count, -1, -1, -1)
        layers[name].forward = lambda *_inputs, answer=answer: answer  # type: ignore[method-assign]
    handle = layers[layer_of(step)].register_forward_hook(exchange)
    try:
        yield
    finally:
        handle.remove()
        for name in kept:
            del layers[name].forward
