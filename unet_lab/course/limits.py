"""A room for a student's code to fail in: a limit of time, of printing, and of what it may do to chance."""

from __future__ import annotations

import contextlib
import ctypes
import io
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType, FunctionType
from typing import TypeVar

import numpy as np
import torch

from unet_lab.course.time_used import has_had_its_time

F = TypeVar("F", bound=FunctionType)
SECONDS = 20.0  # of the processor, for one check; the slowest right answer takes a tenth of that
LINES, CHARACTERS = 8, 2000  # of what an answer prints, that many are shown


CLOCK: Callable[[], float] = time.process_time  # seconds of the processor; where answers run in another process, both processes'


class TooLong(BaseException):
    """The answer ran longer than it may. No Exception, so that `except Exception` in the answer does not keep it."""


def within(seconds: float, work: Callable[[], object]) -> None:
    """Call `work`; raises TooLong where it takes longer than that, as `has_had_its_time` counts.

    A watchman throws TooLong into it, again and again until it gets through: a bare `except:` may swallow the first. Python code
    is interrupted everywhere; a sleep or a wait only in the main thread; a single call into a library not before it returns.
    """
    watchman = _Watchman(seconds)
    try:
        try:
            answer_at_work(work)
        finally:
            watchman.leave()
    except BaseException:
        watchman.leave()  # again: the last TooLong may have fallen into the first
        raise


def answer_at_work(work: Callable[[], object]) -> None:
    """The watchman throws only while this frame is there."""
    work()


UNDISTURBED: set[CodeType] = set()  # the code of functions that are not stopped half-way


def undisturbed(function: F) -> F:
    """A decorator: no watchman stops this function half-way."""
    UNDISTURBED.add(function.__code__)
    return function


def is_at_work(frame: FrameType | None) -> bool:
    """Whether the answer runs just now, and may be stopped: not in Python's import (a module that is half there stays broken)."""
    while frame is not None and frame.f_code.co_filename != "<frozen importlib._bootstrap>" and frame.f_code not in UNDISTURBED:
        if frame.f_code is answer_at_work.__code__:
            return True
        frame = frame.f_back
    return False


class ThrowsLater:
    """A trace function that throws TooLong after so many lines of the answer. Python itself ends the tracing then."""

    def __init__(self, lines: int):
        self.lines = lines

    def __call__(self, frame: FrameType, event: str, argument: object) -> ThrowsLater:
        if event == "line" and is_at_work(frame):
            self.lines -= 1
            if self.lines < 0:
                raise TooLong
        return self


class _Watchman:
    """A thread that waits, and then throws TooLong into the thread that made it."""

    def __init__(self, seconds: float):
        self._over, self._lock, self._here = threading.Event(), threading.Lock(), threading.get_ident()
        self._interval, self._tracing, self._throws = sys.getswitchinterval(), sys.gettrace(), 0
        self._pulled = False  # the bell, and nobody has heard it yet
        self._began, self._worked = time.monotonic(), CLOCK()
        self._by_signal = threading.current_thread() is threading.main_thread()
        # Windows has no SIGALRM, and cannot signal one thread; of its signals only SIGINT, that of Ctrl-C, wakes a program that
        # sleeps. It comes to the main thread from whichever thread it is raised in.
        self._bell = signal.SIGALRM if hasattr(signal, "pthread_kill") else signal.SIGINT
        if self._by_signal:
            self._alarm = signal.signal(self._bell, self.ring) or signal.SIG_DFL
        threading.Thread(target=self._watch, args=(seconds,), daemon=True).start()

    def leave(self) -> None:
        with self._lock:
            self._over.set()
        # From here on it throws nothing more, and what it had thrown has arrived: a call of a Python function, as just now, lets
        # it in. (PyThreadState_SetAsyncExc could also take it back, but in Python 3.11 a program that is traced, by a debugger
        # or by coverage, then runs in circles for ever.)
        sys.setswitchinterval(self._interval)
        if self._by_signal:
            signal.signal(self._bell, self._alarm)
            if sys.gettrace() is not self._tracing:
                sys.settrace(self._tracing)

    def _watch(self, seconds: float) -> None:
        wait = seconds
        while not self._over.wait(wait):
            elapsed, worked = time.monotonic() - self._began, CLOCK() - self._worked
            if not self._throws and not has_had_its_time(seconds, elapsed, worked):
                wait = max(0.02, seconds - worked)
                continue
            with self._lock:
                if self._over.is_set() or not is_at_work(sys._current_frames().get(self._here)):
                    wait = 0.01
                    continue
                self._throws += 1
                wait = 0.3 if self._throws < 3 else 0.02
                if self._by_signal:
                    self.pull()
                    continue
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._here), ctypes.py_object(TooLong))
                if self._throws > 3:  # something swallows it: so fast now that one falls between two of its tries
                    wait = 0
                    sys.setswitchinterval(1e-6)

    def pull(self) -> None:
        """Ring in the main thread, which also wakes a program that sleeps."""
        self._pulled = True
        if self._bell == signal.SIGINT:
            signal.raise_signal(self._bell)
        else:
            signal.pthread_kill(self._here, self._bell)

    def ring(self, number, frame: FrameType | None) -> None:
        """In the main thread, at the alarm; on Windows also where Ctrl-C, or the stop button, rang."""
        mine, self._pulled = self._pulled, False
        if not mine and callable(self._alarm):
            self._alarm(number, frame)
        if not mine or not is_at_work(frame):
            return
        if self._throws > 2:  # something swallows it
            self.throw_once_more(frame, after=self._throws % 4)
        raise TooLong

    def throw_once_more(self, frame: FrameType, after: int) -> None:
        """And again some lines later: an `except:` that swallowed the first is then left by the second."""
        tracer = ThrowsLater(after)
        sys.settrace(tracer)
        while frame.f_code is not answer_at_work.__code__:
            frame.f_trace, frame = tracer, frame.f_back


class Printed(io.TextIOBase):
    """What an answer prints: the first lines, and how many there were."""

    def __init__(self):
        self.kept, self.lines = "", 0

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.lines += text.count("\n")
        if len(self.kept) < CHARACTERS:
            self.kept += text[: CHARACTERS - len(self.kept)]
        return len(text)

    def __str__(self) -> str:
        shown = self.kept.splitlines()[:LINES]
        more = max(self.lines, len(self.kept.splitlines())) - len(shown)
        if more > 0:
            shown.append(f"… and {more:,} lines more")
        return "\n".join(shown)


@contextmanager
def printing_kept() -> Iterator[Printed]:
    """Collect what is printed meanwhile, by whatever thread, instead of letting it fill the page."""
    printed = Printed()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        yield printed


@contextmanager
def chance_restored() -> Iterator[None]:
    """Leave the streams of chance of Python, NumPy and PyTorch as they were: a check must not change what comes after it."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    gradients, threads, floats = torch.is_grad_enabled(), torch.get_num_threads(), torch.get_default_dtype()
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        torch.set_rng_state(states[2])
        torch.set_grad_enabled(gradients)
        torch.set_default_dtype(floats)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
