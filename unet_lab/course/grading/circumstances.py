"""What goes along with a call to another process: the random generators that all code shares, PyTorch's settings, errors."""

from __future__ import annotations

import builtins
import random

import numpy as np
import torch

from unet_lab.course.stops import place_of


def described(error: BaseException) -> dict:
    """An error as plain values: the names of its classes, its words, and where in the student's code it happened."""
    names = [kind.__name__ for kind in type(error).__mro__]
    try:
        words = str(error)
    except BaseException:  # an error that fails at saying what it is
        words = ""
    return {"error": names, "words": words[:10_000], "place": place_of(error)}


def error_of(reply: dict) -> BaseException:
    """An error like that of the other process: of the same name, below the same one of Python's own."""
    names = [str(name) for name in reply["error"]]
    known = next((getattr(builtins, name) for name in names if isinstance(getattr(builtins, name, None), type)), Exception)
    if not issubclass(known, Exception | SystemExit):
        known = Exception
    kind = known if names[0] == known.__name__ else type(names[0], (known,), {})
    try:
        error = kind(str(reply["words"]))
    except TypeError:  # it wants more arguments: UnicodeDecodeError
        error = type(names[0], (ValueError,), {})(str(reply["words"]))
    error.place = str(reply["place"])
    return error


def chances() -> tuple:
    """The states of the random generators that all code shares."""
    return random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002


def same_chances(now: tuple, before: tuple | None) -> bool:
    if before is None or now[0] != before[0] or not torch.equal(now[2], before[2]):
        return False
    return now[1][2:] == before[1][2:] and bool((now[1][1] == before[1][1]).all())


def set_chances(states: tuple) -> None:
    random.setstate(states[0])
    np.random.set_state(states[1])  # noqa: NPY002
    torch.set_rng_state(states[2])


def settings() -> list:
    """What holds for all of PyTorch: whether gradients are computed, and the type of new tensors."""
    return [torch.is_grad_enabled(), str(torch.get_default_dtype())]


def apply_settings(values: list) -> None:
    torch.set_grad_enabled(bool(values[0]))
    torch.set_default_dtype(getattr(torch, str(values[1]).removeprefix("torch.")))
