"""Values on their way between two processes that do not trust each other: numbers, text, arrays, tensors and lists of them.

Not pickle, which runs what it is given. What has no plain form is refused with `NotPlain`.
"""

from __future__ import annotations

import array
import itertools
import json
import math
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterator, KeysView, Mapping, ValuesView
from decimal import Decimal
from fractions import Fraction
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch

from unet_lab.course import limits

MOST = 2_000_000_000  # bytes of one message
LARGEST_NUMBER, LONGEST = 10_000, 1_000_000  # bits of a whole number; things that an iterator gives
_KINDS = "biufcSU"  # NumPy's kinds of numbers and text
_DTYPES = {str(value): value for value in vars(torch).values() if isinstance(value, torch.dtype)}
_SEQUENCES: dict[str, Callable] = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset, "size": torch.Size}


class NotPlain(Exception):
    """A value that is no number, text, array, tensor, or list, tuple, set or dictionary of them."""


class Packer:
    """Makes a tree for JSON and a list of buffers of a value."""

    def __init__(self):
        self.buffers: list[bytes] = []

    def special(self, value) -> dict | str | None:
        """A tree for a value that is packed in a way of its own."""
        return None

    def pack(self, value) -> Any:
        known = self.special(value)
        if known is not None:
            return known
        kind = type(value)
        if kind is int and value.bit_length() > LARGEST_NUMBER:
            raise NotPlain(f"a number of {value.bit_length():,} bits cannot be carried to another process")
        if value is None or kind in (bool, int, str):
            return value
        if kind is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if value is ...:
            return {"ellipsis": True}
        if kind in (list, tuple, set, frozenset, torch.Size):
            name = "size" if kind is torch.Size else kind.__name__
            return {name: [self.pack(part) for part in value]}
        if kind is dict:
            return {"dict": [[self.pack(key), self.pack(part)] for key, part in value.items()]}
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return {"tuple": [self.pack(part) for part in tuple(value)]}
        if kind is Fraction:
            return {"fraction": [value.numerator, value.denominator]}
        if kind is Decimal:
            return {"decimal": str(value)}
        if kind in (complex, bytes, range, slice):
            return {kind.__name__: self.parts(value)}
        if isinstance(value, torch.dtype):
            return {"torch dtype": str(value)}
        if isinstance(value, torch.Tensor):
            return self.tensor(value)
        if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in _KINDS:
            return self.array(np.asarray(value), isinstance(value, np.generic))
        if is_data_type(value):
            return {"dtype": np.dtype(value).str, "type": isinstance(value, type)}
        return self.pack(as_plain(value))

    def parts(self, value) -> list:
        if isinstance(value, complex):
            return [self.pack(value.real), self.pack(value.imag)]
        if isinstance(value, bytes):
            return list(value)
        return [self.pack(getattr(value, name)) for name in ("start", "stop", "step")]

    def array(self, value: np.ndarray, single: bool) -> dict:
        self.buffers.append(np.ascontiguousarray(value).tobytes())
        tree = {"array": len(self.buffers) - 1, "dtype": value.dtype.str, "shape": list(value.shape)}
        return tree | {"strides": list(value.strides), "single": single, "writable": bool(value.flags.writeable)}

    def tensor(self, value: torch.Tensor) -> dict:
        if value.layout != torch.strided or value.is_quantized or value.device.type == "meta":
            raise NotPlain(f"a tensor of layout {value.layout} on {value.device} cannot be carried to another process")
        plain = value.detach().cpu().resolve_conj().resolve_neg().contiguous()
        self.buffers.append(plain.reshape(-1).view(torch.uint8).numpy().tobytes() if plain.numel() else b"")
        tree = {"tensor": len(self.buffers) - 1, "dtype": str(value.dtype), "shape": list(value.shape)}
        return tree | {"strides": list(value.stride()), "needs": value.requires_grad}


def is_data_type(value) -> bool:
    """Whether it is float32, say, or the class of such numbers: of a kind that is carried."""
    try:
        return isinstance(value, np.dtype | type) and np.dtype(value).kind in _KINDS
    except TypeError:
        return False


def as_plain(value) -> Any:
    """The list, dictionary, number or array that something else stands for. Raises NotPlain where it stands for none."""
    if isinstance(value, Mapping):
        return dict(value)
    for kinds, plain in ((str, str), (Integral, int), (Real, float)):
        if isinstance(value, kinds):
            return plain(value)
    if isinstance(value, list | tuple | set | frozenset | deque | array.array | Iterator | KeysView | ValuesView):
        found = list(itertools.islice(value, LONGEST + 1))
        if len(found) <= LONGEST:
            return found
    elif hasattr(type(value), "__array__") and not isinstance(value, np.ndarray | np.generic | torch.Tensor):
        found = np.asarray(value)
        if found.dtype.kind in _KINDS:
            return found
    kind = type(value)
    raise NotPlain(f"a {kind.__module__}.{kind.__qualname__} cannot be carried to another process")


def unpack(tree, buffers: list[bytes], special: Callable[[dict], Any] = lambda tree: NotPlain) -> Any:
    """The value of a tree. special : called with each dictionary first; NotPlain for those that it does not know."""
    if not isinstance(tree, dict):
        return tree
    known = special(tree)
    if known is not NotPlain:
        return known
    for name, make in _SEQUENCES.items():
        if name in tree:
            return make(unpack(part, buffers, special) for part in tree[name])
    if "dict" in tree:
        return {unpack(key, buffers, special): unpack(part, buffers, special) for key, part in tree["dict"]}
    if "float" in tree:
        return float(tree["float"])
    if "array" in tree:
        return numpy_array(tree, buffers[tree["array"]])
    if "tensor" in tree:
        return torch_tensor(tree, buffers[tree["tensor"]])
    if "dtype" in tree:
        return np.dtype(tree["dtype"]).type if tree["type"] else np.dtype(tree["dtype"])
    if "torch dtype" in tree:
        return _DTYPES[tree["torch dtype"]]
    if "ellipsis" in tree:
        return ...
    for kind in (complex, range, slice):
        if kind.__name__ in tree:
            return kind(*(unpack(part, buffers, special) for part in tree[kind.__name__]))
    if "bytes" in tree:
        return bytes(tree["bytes"])
    if "fraction" in tree:
        return Fraction(*map(int, tree["fraction"]))
    if "decimal" in tree:
        return Decimal(tree["decimal"])
    raise NotPlain(f"unknown: {list(tree)[:3]}")


def numpy_array(tree: dict, buffer: bytes) -> np.ndarray:
    """The array, lying in memory as the first one did: by rows, by columns, mirrored."""
    dtype, shape, strides = np.dtype(tree["dtype"]), tuple(tree["shape"]), tree["strides"]
    if dtype.kind not in _KINDS:
        raise NotPlain(f"arrays of {dtype} cannot be carried to another process")
    values = np.frombuffer(buffer, dtype).reshape(shape)
    if tree["single"]:
        return values[()]
    reach = [(size - 1) * stride for size, stride in zip(shape, strides, strict=True)]
    extent = sum(map(abs, reach)) + dtype.itemsize
    if values.size == 0 or extent > 4 * values.nbytes + 64:  # parts of something much larger
        made = values.copy()
    else:
        behind = -sum(step for step in reach if step < 0)
        made = np.ndarray(shape, dtype, np.empty(extent, np.uint8), behind, strides)
        made[...] = values
    made.flags.writeable = tree["writable"]
    return made


def torch_tensor(tree: dict, buffer: bytes) -> torch.Tensor:
    """The tensor, with the strides of the first one."""
    dtype, shape, strides = _DTYPES[tree["dtype"]], tuple(tree["shape"]), tree["strides"]
    values = torch.frombuffer(bytearray(buffer), dtype=torch.uint8).view(dtype) if buffer else torch.empty(0, dtype=dtype)
    values = values.reshape(shape)
    extent = 1 + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if not values.numel() or 0 in strides or extent > 4 * values.numel() + 64:
        return values.clone()
    return torch.empty_strided(shape, strides, dtype=dtype).copy_(values)


@limits.undisturbed
def send(wire: socket.socket, tree: dict, buffers: list[bytes] = ()) -> None:
    """One message. Raises OSError where the other side has gone."""
    text = json.dumps(tree, allow_nan=False).encode()
    head = struct.pack(f"<QQ{len(buffers)}Q", len(text), len(buffers), *map(len, buffers))
    wire.sendall(b"".join((head, text, *buffers)))


@limits.undisturbed  # half a message would be taken for another one
def receive(wire: socket.socket) -> tuple[dict, list[bytes]]:
    """The next message. Raises EOFError where the other side has gone, ValueError where it sends no message."""
    length, count = struct.unpack("<QQ", exactly(wire, 16))
    if length > MOST or count > 10_000:
        raise ValueError("too large a message")
    sizes = struct.unpack(f"<{count}Q", exactly(wire, 8 * count))
    if sum(sizes) > MOST:
        raise ValueError("too large a message")
    tree = json.loads(exactly(wire, length))
    if not isinstance(tree, dict):
        raise ValueError("no message")
    return tree, [exactly(wire, size) for size in sizes]


def exactly(wire: socket.socket, size: int) -> bytes:
    found = bytearray(size)
    place, view = 0, memoryview(found)
    while place < size:
        more = wire.recv_into(view[place:], min(size - place, 1 << 20))
        if not more:
            raise EOFError
        place += more
    return bytes(found)
