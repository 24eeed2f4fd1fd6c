"""An explorer may be played with for an hour: turning its controls must not fill the memory.

A control is turned to another value and back, lap after lap. What the first lap leaves may be a cache that fills up; a leak
grows in every lap, by what each change leaves behind. test_explorers.py asks it of every explorer. Counted is what is in use,
not how large the process is: that moves with the moods of the C library. benchmarks/explorers.py makes 200 changes and prints
how much the process grows.
"""

import ctypes
import gc
import itertools
import sys

import pytest

from .explorers_to_try import BENCHMARK, EXPLORERS

CHANGES, LAPS = 1, 2  # changes in a lap; laps after the first
ALLOWED = 20_000  # bytes for each change: a tenth of a small figure's PNG


class Mallinfo2(ctypes.Structure):
    """What glibc's malloc says of itself (malloc.h); uordblks: bytes in use, hblkhd: bytes in use that were mapped one by one."""

    _names = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
    _fields_ = [(name, ctypes.c_size_t) for name in _names]


def bytes_in_use():
    """What NumPy, PyTorch, Matplotlib and long byte strings hold, and Python's small objects, all that is garbage collected."""
    gc.collect()
    try:
        mallinfo = ctypes.CDLL("libc.so.6").mallinfo2
    except (OSError, AttributeError):
        pytest.skip("needs glibc 2.33 or later, which counts what is in use")
    mallinfo.restype = Mallinfo2
    found = mallinfo()
    return found.uordblks + found.hblkhd + 64 * sys.getallocatedblocks()


def growth_per_change(explorer):
    """Bytes: the least that any lap after the first left behind, shared out among its changes."""
    lap = list(itertools.islice(BENCHMARK["changes"](explorer), CHANGES))
    lap += [(name, explorer.controls[name].value) for name in dict.fromkeys(name for name, _ in lap)]

    def turn():
        for name, value in lap:
            explorer.controls[name].value = value
        return bytes_in_use()

    gc.freeze()  # or each collection would go through all that other tests have made
    try:
        sizes = [turn() for _ in range(1 + LAPS)]
    finally:
        gc.unfreeze()
    return min(after - before for before, after in itertools.pairwise(sizes)) / len(lap)


@pytest.mark.parametrize("left", [bytearray, list], ids=["bytes of each figure", "small objects"])
def test_a_leak_would_be_seen(left):
    explorer = EXPLORERS["06 borders"]()
    draw, kept = explorer._draw, []

    def leaking(**values):
        picture, words = draw(**values)
        kept.append(left(b"x" * 50_000) if left is bytearray else [[] for _ in range(1000)])
        return picture, words

    explorer._draw = leaking
    assert growth_per_change(explorer) > ALLOWED
