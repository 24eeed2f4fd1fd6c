"""What all benchmarks share: programs timed in turn, a row of the table for each ratio, with its range; peak memory."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import psutil

from unet_lab.acceleration.timing import benchmark, ratio

__all__ = ["Row", "benchmark", "compared", "peak_of"]


@dataclass
class Row:
    """One line of the table: how many times as fast as its peer, with the first and the last decile."""

    what: str
    against: str
    ratio: float
    low: float
    high: float
    milliseconds: float
    note: str = ""

    def __str__(self) -> str:
        note = f"   {self.note}" if self.note else ""
        speed = f"{self.ratio:6.2f} x {self.against} ({self.low:.2f} to {self.high:.2f})"
        return f"{self.what:58s} {speed}, {self.milliseconds:.1f} ms{note}"

    as_dict = asdict


def compared(what: str, against: str, ours: list[float], theirs: list[float], note: str = "") -> Row:
    """The row of two programs that took turns."""
    return Row(what, against, *ratio(ours, theirs), 1000 * statistics.median(ours), note)


def peak_of(work: Callable[[], object]) -> int:
    """Bytes by which this process grows at most while `work` runs; asked every millisecond."""
    process = psutil.Process()
    before, most, over = process.memory_info().rss, 0, threading.Event()

    def watch():
        nonlocal most
        while not over.is_set():
            most = max(most, process.memory_info().rss)
            time.sleep(0.001)

    watcher = threading.Thread(target=watch)
    watcher.start()
    work()
    over.set()
    watcher.join()
    return most - before
