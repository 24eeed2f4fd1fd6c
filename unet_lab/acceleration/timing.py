"""How long programs take, fairly: in turn, in one run, so that what else the machine does meets all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch.nn import functional as F

from unet_lab.training.device import synchronize


class Ratio(NamedTuple):
    """How many times as fast: the median of the turns' own ratios, and the first and the last decile."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"


def benchmark(runs: dict[str, Callable[[], object]], rounds: int = 15) -> dict[str, list[float]]:
    """Seconds of every run in every round, by name; the runs take turns. One more round before warms up."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(rounds + 1):
        for name, run in runs.items():
            seconds = time_once(run)
            if turn:
                times[name].append(seconds)
    return times


def time_once(run: Callable[[], object]) -> float:
    """Seconds that a run takes; a GPU's work is waited for."""
    synchronize()
    began = time.perf_counter()
    run()
    synchronize()
    return time.perf_counter() - began


def ratio(ours: list[float], theirs: list[float]) -> Ratio:
    """How many times as fast as theirs ours are, from times of the same rounds.

    >>> ratio([1.0, 2.0, 1.0], [2.0, 2.0, 3.0]).median
    2.0
    """
    each = sorted(b / a for a, b in zip(ours, theirs, strict=True))
    tenth = len(each) // 10
    return Ratio(statistics.median(each), each[tenth], each[-1 - tenth])


def machine_peak(dtype: torch.dtype = torch.float32, size: int = 2048, rounds: int = 5, device: str = "cpu") -> float:
    """The most multiply-adds a second that this machine reaches in programs that do nothing else.

    The better of a product of two size x size matrices and a 3x3 convolution with 256 channels: which of the two has the better
    program differs from one processor to the next. Both begin small, and stay so where that takes long: without instructions for
    a type (bfloat16 on many laptops) the full size would take minutes.
    """
    stream = torch.Generator().manual_seed(0)

    def product(part):
        a, b = (torch.randn(size // part, size // part, generator=stream).to(device, dtype) for _ in range(2))
        return (size // part) ** 3, lambda: torch.mm(a, b)

    def convolution(part):
        image = torch.randn(1, 256, 64 // part, 64 // part, generator=stream).to(device, dtype, memory_format=torch.channels_last)
        weight = torch.randn(256, 256, 3, 3, generator=stream).to(device, dtype, memory_format=torch.channels_last)
        return 256 * 256 * 9 * (64 // part) ** 2, lambda: F.conv2d(image, weight, padding=1)

    best = 0.0
    with torch.inference_mode():
        for program in (product, convolution):
            for part in (8, 4, 2, 1):
                count, run = program(part)
                seconds = min(time_once(run) for _ in range(2))
                if seconds > 0.2:
                    break
            else:
                seconds = min(time_once(run) for _ in range(rounds))
            best = max(best, count / seconds)
    return best
