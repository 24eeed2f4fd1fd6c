"""What Windows lacks, taken away from this Python, and what it does otherwise, done so. PyTorch and the like keep what they need.

A test's fixture changes its own process (`pretend`, with pytest's monkeypatch); a process that is started is changed by
site_windows/sitecustomize.py.
"""

from __future__ import annotations

import builtins
import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import torch._dynamo  # noqa: F401  before sys.platform is changed: the first optimizer imports it, and half of it would fail

MODULES = {"fcntl", "grp", "pwd", "resource", "termios"}
FUNCTIONS = [
    "chown",
    "fork",
    "forkpty",
    "getegid",
    "geteuid",
    "getgid",
    "getuid",
    "killpg",
    "setgid",
    "setgroups",
    "setsid",
    "setuid",
]
SIGNALS = ["SIGALRM", "SIGCHLD", "SIGHUP", "SIGKILL", "SIGUSR1", "SIGUSR2", "alarm", "pthread_kill", "setitimer", "sigwait"]
OURS = ("unet_lab", "tests", "__main__", "lab")
really_opened, really_replaced = os.open, os.replace
really_kills = getattr(signal, "SIGKILL", signal.SIGTERM)
really_imported = builtins.__import__


def imported(name, globals=None, locals=None, fromlist=(), level=0):
    """The project's modules do not find what Windows does not have; those of others do, for they run on Linux here."""
    if name in MODULES and str((globals or {}).get("__name__", "")).startswith(OURS):
        raise ModuleNotFoundError(f"No module named {name!r}")
    return really_imported(name, globals, locals, fromlist, level)


def opened(path, flags, *more, **named):
    """Windows opens no folder as a file; Python's own modules, which are those of Linux here, may."""
    ours = str(sys._getframe(1).f_globals.get("__name__", "")).startswith(OURS)
    if ours and isinstance(path, str | os.PathLike) and os.path.isdir(path):
        raise PermissionError(errno.EACCES, "Permission denied", os.fspath(path))
    return really_opened(path, flags, *more, **named)


def replaced(source, target, **named):
    """Windows moves no file that is open, and replaces none."""
    for path in (source, target):
        if os.path.exists(path) and is_open(Path(path)):
            raise PermissionError(errno.EACCES, "The process cannot access the file because it is being used by another process")
    return really_replaced(source, target, **named)


def is_open(path: Path) -> bool:
    """Whether this process has the file open (Linux says so in /proc)."""
    handles = Path("/proc/self/fd")
    for handle in os.listdir(handles) if handles.is_dir() else []:
        try:
            if os.path.samefile(handles / handle, path):
                return True
        except OSError:  # the one that lists the folder
            continue
    return False


def pretend(change: Callable, remove: Callable, renamed: bool = True) -> None:
    """change(object, name, value) and remove(object, name) do it: monkeypatch's, or setattr and delattr.

    renamed : sys.platform too; not where others' modules are still to be imported, which would look for Windows' own then.
    """
    import unet_lab.files
    from unet_lab.course.grading import isolation

    for name in FUNCTIONS:
        if hasattr(os, name):
            remove(os, name)
    for name in SIGNALS:
        if hasattr(signal, name):
            remove(signal, name)
    for process in (subprocess.Popen, psutil.Process):  # they end processes by SIGKILL here, by TerminateProcess there
        change(process, "kill", lambda self, number=int(really_kills): self.send_signal(number))
    if renamed:
        change(sys, "platform", "win32")
    change(os, "access", lambda path, mode, **named: os.path.exists(path))
    change(os, "open", opened)
    change(os, "replace", replaced)
    change(builtins, "__import__", imported)
    change(unet_lab.files, "WINDOWS", True)
    change(isolation, "LINUX", False)
