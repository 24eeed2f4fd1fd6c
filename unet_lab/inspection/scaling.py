"""How long a data-parallel step takes: computing, and exchanging gradients."""

from __future__ import annotations

from typing import NamedTuple


class StepTime(NamedTuple):
    """One step of all workers together; times in seconds."""

    compute: float
    exchange: float
    effective_batch: int  # images that all workers see in one step

    @property
    def total(self) -> float:
        """Seconds from one step to the next; computing and exchanging are not overlapped here."""
        return self.compute + self.exchange

    @property
    def images_per_second(self) -> float:
        """What the whole run gets through."""
        return self.effective_batch / self.total


def step_time(
    workers: int,
    images: int,
    seconds_per_image: float,
    gradient_bytes: float,
    bandwidth: float,
    latency: float = 0.0,
    cores: int | None = None,
) -> StepTime:
    """The time of a step in which each of `workers` computes `images` images and all exchange their gradients in a ring.

    In a ring each worker sends 2 (N - 1) / N times the gradients, in 2 (N - 1) messages (Patarasuk and Yuan 2009, "Bandwidth
    optimal all-reduce algorithms"): with many workers the bytes hardly grow, the messages do.

    bandwidth : bytes a second that a worker can send. latency : seconds a message. cores : where there are fewer than workers,
    they take turns.

    >>> step_time(4, 8, 0.01, 4e6, 1e9).effective_batch
    32
    """
    if workers < 1 or images < 1:
        raise ValueError(f"workers is {workers} and images {images}; allowed are whole numbers from 1 up.")
    turns = max(1.0, workers / cores) if cores else 1.0
    exchange = 0.0
    if workers > 1:
        exchange = 2 * (workers - 1) / workers * gradient_bytes / bandwidth + 2 * (workers - 1) * latency
    return StepTime(turns * images * seconds_per_image, exchange, workers * images)
