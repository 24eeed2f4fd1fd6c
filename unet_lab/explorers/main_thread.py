"""Where an explorer's work is done: in the notebook's main thread while that has nothing else to do.

JupyterLab gives what a control does to a thread of its own, so that it works while a cell runs. There PyTorch is slower: each
thread that computes has helpers of its own, and where there are more of them than cores they sleep between any two steps (a
backward pass through the shipped network at 192 x 192 on two cores: 24 ms in the main thread, 37 in another). Most of the time no
cell runs, and the main thread is free.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 0.004  # seconds after which the main thread is taken to be busy


class MainThread:
    """The notebook's main thread; made in a cell, which runs there."""

    def __init__(self) -> None:
        try:
            self.loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:  # no notebook
            self.loop = None
        self.name = threading.get_ident()

    def do(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises: done there where it is free, and here where it is busy, or is here."""
        if self.loop is None or not self.loop.is_running() or threading.get_ident() == self.name:
            return work()
        result: Future[T] = Future()

        def there() -> None:
            if not result.set_running_or_notify_cancel():
                return
            try:
                result.set_result(work())
            except BaseException as error:  # an interrupt too: it is the waiting thread's
                result.set_exception(error)

        self.loop.call_soon_threadsafe(there)
        try:
            return result.result(timeout=PATIENCE)
        except TimeoutError:
            return work() if result.cancel() else result.result()
