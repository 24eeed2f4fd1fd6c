"""What all benchmarks share: works timed in turn in one run, and ratios of each turn's pair, with their spread."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass


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


def interleaved(works: dict[str, Callable[[], object]], rounds: int = 15) -> dict[str, list[float]]:
    """Seconds of every work in every round; they take turns, so that what else the machine does meets all of them. One more
    round before warms up."""
    times = {name: [] for name in works}
    for turn in range(rounds + 1):
        for name, work in works.items():
            began = time.perf_counter()
            work()
            if turn:
                times[name].append(time.perf_counter() - began)
    return times


def compared(what: str, against: str, ours: list[float], theirs: list[float], note: str = "") -> Row:
    """The row of two works that took turns."""
    ratios = sorted(b / a for a, b in zip(ours, theirs, strict=True))
    tenth = len(ratios) // 10
    return Row(what, against, statistics.median(ratios), ratios[tenth], ratios[-1 - tenth], 1000 * statistics.median(ours), note)
