"""Memory that runs out, in words: what was being done, and the way out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


class OutOfMemory(MemoryError):
    """Memory ran out in a training or a prediction."""


@contextmanager
def explaining_memory(doing: str, way_out: str) -> Iterator[None]:
    """Turn PyTorch's ways to run out of memory into one error that says what was being done, and the way out."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        signs = ("alloc", "out of memory", "not enough memory")
        if isinstance(error, RuntimeError) and not any(sign in str(error).lower() for sign in signs):
            raise
        raise OutOfMemory(f"memory ran out while {doing}. Way out: {way_out}.") from None
