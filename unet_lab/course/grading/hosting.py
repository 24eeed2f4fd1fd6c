"""The marker's side of the process in which submissions run: it starts it, gives it jobs, watches, and ends it at a limit."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from typing import NamedTuple

import psutil

from unet_lab.course.grading.isolation import can_fork
from unet_lab.course.progress import WHERE
from unet_lab.course.time_used import has_had_its_time

PATIENCE = 600.0  # seconds of waiting for a process to have loaded the course, on however busy a machine
GRACE = 20.0  # seconds in which a process that was ended is gone


class Limits(NamedTuple):
    """For one submission: seconds of the processor (or of waiting), gigabytes of memory beside the course's own, processes."""

    seconds: float = 120.0
    gigabytes: float = 4.0
    processes: int = 48


class Host:
    """A process that has loaded the course. It lives through many jobs where it can copy itself, and through one elsewhere.

    apart : whether each job runs in a copy; by default where that can be.
    """

    def __init__(self, apart: bool | None = None):
        self.apart = can_fork() if apart is None else apart
        self.process: subprocess.Popen | None = None
        self.spare: subprocess.Popen | None = None  # loads while another works, where a process does one job only
        self.fonts = tempfile.mkdtemp(prefix="unet-lab-fonts-")  # Matplotlib lists the machine's fonts once, not for each process

    def __enter__(self) -> Host:
        return self

    def __exit__(self, *_) -> None:
        for process in filter(None, (self.process, self.spare)):
            self.end(process)
        shutil.rmtree(self.fonts, ignore_errors=True)

    def run(self, job: dict, limits: Limits) -> tuple[str, float, int | None]:
        """Do a job. Returns which limit ended it ("" for none), the seconds of the processor that it used, and its status."""
        if self.process is None or self.process.poll() is not None:
            self.process, self.spare = self.spare or self.start(), None
            if next_line(self.process, PATIENCE) is None:
                self.end(self.process)
                self.process = None
                return "the process that runs submissions could not be started", 0.0, None
        if not self.apart:
            self.spare = self.start()
        process = self.process
        try:
            process.stdin.write(json.dumps(job).encode() + b"\n")
            process.stdin.flush()
        except OSError:
            self.process = None
            return "the process that runs submissions has ended", 0.0, None
        reason, worked = self.watch(process, limits)
        found = next_line(process, GRACE) if self.apart and reason else self.answered
        if found is None:  # it does one job, or was ended itself, or hangs
            self.end(process)
            self.process = None
        status = found["status"] if found else process.returncode
        return reason, worked, status

    def start(self) -> subprocess.Popen:
        """A new process, which begins to load the course."""
        folder = tempfile.mkdtemp(prefix="unet-lab-host-")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("JPY_", "JUPYTER_", "PYTEST_", "COV_"))}
        environment |= {WHERE: "off", "PYTHONUTF8": "1", "MPLCONFIGDIR": self.fonts, "IPYTHONDIR": folder, "MPLBACKEND": "Agg"}
        environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1")
        line = [sys.executable, "-m", "unet_lab.course.grading.worker", *([] if self.apart else ["--once"])]
        if "PYTHONPATH" not in environment:  # where the package lies is known to this process; another folder may not know it
            environment["PYTHONPATH"] = os.pathsep.join(filter(os.path.isdir, sys.path))
        process = subprocess.Popen(
            line, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            start_new_session=os.name == "posix",
        )  # fmt: skip
        process.folder = folder
        return listened_to(process)

    def watch(self, process: subprocess.Popen, limits: Limits) -> tuple[str, float]:
        """Wait until the job is done; end what it started at a limit. Returns which limit, and the seconds of the processor."""
        host, began, interval = psutil.Process(process.pid), time.monotonic(), 0.01
        worked, reason, self.answered = 0.0, "", None
        before = 0.0 if self.apart else processor_seconds(host)
        loaded = host.memory_info().rss
        while not reason:
            try:
                self.answered = process.answers.get(timeout=interval)
                break
            except queue.Empty:
                interval = min(0.2, interval * 1.5)
            try:
                members = host.children(recursive=True) + ([] if self.apart else [host])
                worked = max(worked, sum(map(processor_seconds, members)) - before)
                reason = too_much(members, limits, time.monotonic() - began, worked, loaded)
            except psutil.Error:  # something has just ended
                if process.poll() is not None:
                    break
        if reason:
            for member in reversed(members):
                with contextlib.suppress(psutil.Error):
                    member.kill()
        return reason, worked

    def end(self, process: subprocess.Popen) -> None:
        """End a process with all that it started."""
        with contextlib.suppress(psutil.Error):
            for member in psutil.Process(process.pid).children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    member.kill()
        process.kill()
        process.wait()
        process.stdin.close()
        shutil.rmtree(process.folder, ignore_errors=True)


def listened_to(process: subprocess.Popen) -> subprocess.Popen:
    """The process, whose output is from now on read line by line (`next_line`)."""
    process.answers = queue.Queue()
    threading.Thread(target=listen, args=(process,), daemon=True).start()
    return process


def listen(process: subprocess.Popen) -> None:
    """Hand on what the process says, line by line; None when it has ended."""
    for line in process.stdout:
        with contextlib.suppress(ValueError):
            process.answers.put(json.loads(line))
    process.stdout.close()
    process.answers.put(None)


def next_line(process: subprocess.Popen, seconds: float) -> dict | None:
    """What the process says next; None where it has ended, or is silent for that long."""
    with contextlib.suppress(queue.Empty):
        return process.answers.get(timeout=seconds)
    return None


def too_much(members: list[psutil.Process], limits: Limits, elapsed: float, worked: float, loaded: int) -> str:
    """Which limit these processes have passed together; "" for none. loaded : bytes that each has from the start."""
    if len(members) > limits.processes:
        return f"stopped at {len(members)} processes; {limits.processes} are allowed"
    used = sum(max(0, member.memory_info().rss - loaded) for member in members)
    if used > limits.gigabytes * 1e9:
        return f"stopped at {used / 1e9:.1f} GB of memory; {limits.gigabytes:g} GB are allowed"
    if has_had_its_time(limits.seconds, elapsed, worked):
        return f"stopped after {limits.seconds:.0f} seconds of the processor's time"
    return ""


def processor_seconds(process: psutil.Process) -> float:
    """The processor's time that this process and its ended children have used."""
    times = process.cpu_times()
    return times.user + times.system + times.children_user + times.children_system
