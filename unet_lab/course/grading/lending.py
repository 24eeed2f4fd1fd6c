"""What an answer is lent: the arguments of one call, in the judge's process and as copies in the answer's.

Both processes number the parts in the same order. So what the answer gives back can say "your first array, mirrored" where it is
that, and what it has changed in its copies is changed in the judge's arguments too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import FunctionType, MethodType
from typing import Any

import numpy as np
import torch
from numpy.lib.array_utils import byte_bounds
from torch import Tensor

from unet_lab.course.grading.carrying import NotPlain, Packer


class Lent:
    """The arguments of a call, part by part. generators, functions : those among them. raised : what one of these raised."""

    def __init__(self):
        self.parts: list[Any] = []
        self.generators: list[np.random.Generator] = []
        self.functions: list[Callable] = []
        self.raised: Exception | None = None

    def remember(self, arguments) -> None:
        self.parts = list(parts_of(arguments))

    def with_gradient(self) -> list[Tensor]:
        """The tensors that a gradient is wanted for."""
        return [part for part in self.parts if isinstance(part, Tensor) and part.requires_grad]

    def name_of(self, value) -> dict | None:
        """Which part this is, or lies in; None where it is something new."""
        for number, part in enumerate(self.parts):
            if part is value:
                return {"lent": number}
            if isinstance(part, np.ndarray) and isinstance(value, np.ndarray) and np.may_share_memory(part, value):
                return {"lent": number, "offset": address(value) - address(part), **layout(value), "dtype": value.dtype.str}
            if isinstance(part, Tensor) and isinstance(value, Tensor) and not value.requires_grad and of_one_storage(part, value):
                return {"lent": number, "offset": value.storage_offset() - part.storage_offset(), **layout(value)}
        return None

    def part(self, tree: dict):
        """The part that `name_of` named, in the process where the arguments came from."""
        part = self.parts[tree["lent"]]
        if "offset" not in tree:
            return part
        shape, strides = tuple(map(int, tree["shape"])), tuple(map(int, tree["strides"]))
        if isinstance(part, Tensor):
            return part.detach().as_strided(shape, strides, part.storage_offset() + int(tree["offset"]))
        view = np.asarray(Window(address(part) + int(tree["offset"]), shape, strides, np.dtype(tree["dtype"]), part))
        lowest, highest = byte_bounds(view)
        if not (byte_bounds(part)[0] <= lowest and highest <= byte_bounds(part)[1]):
            raise NotPlain("a view that goes beyond what was lent")
        return view

    def states(self) -> list[dict]:
        return [generator.bit_generator.state for generator in self.generators]

    def advance(self, states: list[dict]) -> None:
        """Bring the generators to where the answer's copies are."""
        for generator, state in zip(self.generators, states, strict=True):
            generator.bit_generator.state = state


KEPT = object()  # stands for a part that is not looked at


class Keeping(Packer):
    """Packs arguments so as to see whether they were changed, without generators and functions."""

    def special(self, value) -> dict | str | None:
        if isinstance(value, str):
            return str(value)
        return {"kept": True} if isinstance(value, np.random.Generator | FunctionType | MethodType) else None


class Window:
    """A part of an array's memory, as NumPy asks for it. kept : the array, which must live as long."""

    def __init__(self, place: int, shape: tuple, strides: tuple, dtype: np.dtype, kept: np.ndarray):
        self.kept = kept
        where = {"data": (place, False), "shape": shape, "strides": strides}
        self.__array_interface__ = where | {"typestr": dtype.str, "version": 3}


def parts_of(value) -> Iterator[Any]:
    """Whatever in it can be changed or shared, in a fixed order."""
    if isinstance(value, np.ndarray | Tensor | list | dict | set):
        yield value
    if isinstance(value, list | tuple):
        for part in value:
            yield from parts_of(part)
    if isinstance(value, dict):
        for part in value.values():
            yield from parts_of(part)


def layout(value: np.ndarray | Tensor) -> dict:
    strides = value.stride() if isinstance(value, Tensor) else value.strides
    return {"shape": list(value.shape), "strides": list(strides)}


def address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def of_one_storage(a: Tensor, b: Tensor) -> bool:
    if a.dtype != b.dtype or a.numel() == 0 or b.numel() == 0:
        return False
    return a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()


def put_back(old, new) -> None:
    """Change the old value in place as the answer has changed its copy."""
    if isinstance(old, np.ndarray) and isinstance(new, np.ndarray) and old.shape == new.shape:
        if old.flags.writeable:
            old[...] = new
    elif isinstance(old, Tensor) and isinstance(new, Tensor) and old.shape == new.shape:
        with torch.no_grad():
            old.copy_(new)
    elif isinstance(old, list) and isinstance(new, list):
        old[:] = merged(old, new)
    elif isinstance(old, tuple) and isinstance(new, tuple):
        merged(list(old), list(new))
    elif isinstance(old, dict) and isinstance(new, dict):
        together = {key: merged([old[key]], [part])[0] if key in old else part for key, part in new.items()}
        old.clear()
        old.update(together)
    elif isinstance(old, set) and isinstance(new, set):
        old.clear()
        old.update(new)


def merged(old: list, new: list) -> list:
    """The new parts; of those that can be changed in place the old ones, changed."""
    found = []
    for place, part in enumerate(new):
        if part is KEPT:
            found.append(old[place])
            continue
        alike = place < len(old) and type(old[place]) is type(part)
        alike = alike and getattr(old[place], "shape", None) == getattr(part, "shape", None)
        if alike and isinstance(part, np.ndarray | Tensor | list | dict | set | tuple):
            put_back(old[place], part)
            found.append(old[place])
        else:
            found.append(part)
    return found
