"""What a function must leave as it found it around itself: gradients switched on, the default type, the streams of chance."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch.nn.modules import module

from unet_lab.course.checking import Wrong

GLOBAL_HOOKS = (module._global_forward_hooks, module._global_forward_pre_hooks)  # PyTorch has no other way to ask


@contextmanager
def left_alone(*hints: str, chance: bool = True) -> Iterator[None]:
    """Wrong where what runs inside leaves the surroundings changed. chance : the generators' states too."""
    if chance:  # one draw further: where a seed has just been set, setting the same one again would change nothing
        random.random(), np.random.random(), torch.rand(1)  # noqa: NPY002
    gradients, kind, states = torch.is_grad_enabled(), torch.get_default_dtype(), chance_now()
    listeners = [(hooks, set(hooks)) for hooks in GLOBAL_HOOKS]
    yield
    for hooks, before in listeners:
        left = set(hooks) - before
        for key in left:
            del hooks[key]
        if left:
            raise Wrong(
                "a hook is left in the whole program: it hears every module of every network from now on.",
                "register_module_forward_hook listens to all modules there are; module.register_forward_hook to one. Either "
                "gives a handle: handle.remove().",
                *hints,
            )
    if torch.is_grad_enabled() is not gradients:
        torch.set_grad_enabled(gradients)
        raise Wrong(
            f"afterwards gradients are switched {'off' if gradients else 'on'} for the whole program.",
            "with torch.no_grad(): puts it back by itself; set_grad_enabled(False) holds until somebody says True.",
            *hints,
        )
    if torch.get_default_dtype() is not kind:
        torch.set_default_dtype(kind)
        raise Wrong("afterwards new tensors are of another default type (set_default_dtype).", "Leave the default.", *hints)
    if chance and chance_now() != states:
        raise Wrong(
            "afterwards the random generator of the program is in another state: a seed was set, or something drawn.",
            "Nothing is random here. A seed (manual_seed) in a function decides what all others draw after it: take it out.",
            *hints,
        )


def chance_now() -> tuple:
    """The states of the generators of Python, NumPy and PyTorch, to be compared."""
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002
    return random.getstate(), kind, keys.tobytes(), *rest, torch.get_rng_state().numpy().tobytes()
