"""What keeps a submission to itself: a session, process numbers, a network and a user of its own, where there are such; a guard.

On Linux a submission runs, where it is allowed, in namespaces of its own: there is no other process that it could signal, no
network, and whatever it started ends with it. Where the marker is root, it also runs as nobody, if that user can read the course.
Everywhere a hook (PEP 578) refuses what a notebook has no business to do: against accidents and clumsy mischief, it is no prison.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

NOBODY = 65534
_NEW_USER, _NEW_PROCESSES, _NEW_NETWORK, _NEW_IPC = 0x10000000, 0x20000000, 0x40000000, 0x08000000
_SUBREAPER, _DIE_WITH_PARENT, _DUMPABLE = 36, 1, 4
LINUX = sys.platform.startswith("linux")


def can_fork() -> bool:
    """Whether a process that has loaded PyTorch may be copied: on Linux. (macOS forbids it to what its frameworks have begun.)"""
    return LINUX


def adopt_orphans() -> None:
    """From now on, processes whose parents have ended become this one's children, and can be found and ended."""
    if LINUX:
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


def die_with_parent() -> None:
    """End this process when the one that started it ends, however that comes."""
    if LINUX:
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)


def hide_memory() -> None:
    """Let no other process of the same user read or change this one's memory."""
    if LINUX:
        ctypes.CDLL(None).prctl(_DUMPABLE, 0, 0, 0, 0)


def end_descendants() -> int:
    """End every process below this one; returns how many there were."""
    ended = 0
    while children := psutil.Process().children(recursive=True):
        for child in children:
            with contextlib.suppress(psutil.Error):
                child.kill()
        ended += len(children)
        psutil.wait_procs(children, timeout=5)
    return ended


def unshare() -> bool:
    """Give the processes that this one starts from now on numbers and a network of their own; False where that is not allowed."""
    if not LINUX:
        return False
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None)
    if user == 0:
        return libc.unshare(_NEW_PROCESSES | _NEW_NETWORK | _NEW_IPC) == 0
    if libc.unshare(_NEW_USER | _NEW_PROCESSES | _NEW_NETWORK | _NEW_IPC) != 0:
        return False
    with contextlib.suppress(OSError):  # the same user as before
        for name, line in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            Path("/proc/self", name).write_text(line)
    return True


def become_nobody() -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def nobody_can_work(folder: Path) -> bool:
    """Whether this is root, and nobody could read the course and Python's libraries and write to `folder`; tried in a process."""
    if not LINUX or os.getuid() != 0:
        return False
    os.chown(folder, NOBODY, NOBODY)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            become_nobody()
            for place in (*filter(os.path.isabs, sys.path), str(Path(__file__).parent)):
                if os.path.isdir(place):
                    os.listdir(place)
            Path(__file__).read_bytes()
            Path(folder, "tried").touch()
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0


def limit_resources(seconds: float, as_nobody: bool) -> None:
    """Limits that the system itself keeps: processor time, the size of a file, processes, no memory dumps."""
    try:
        import resource
    except ImportError:  # Windows
        return
    limits = {resource.RLIMIT_CPU: int(seconds) + 5, resource.RLIMIT_FSIZE: 2_000_000_000, resource.RLIMIT_CORE: 0}
    if as_nobody:
        limits[resource.RLIMIT_NPROC] = 128
    for what, most in limits.items():
        hard = resource.getrlimit(what)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(what, (most, most))


def close_files(kept: int) -> None:
    """Standard streams lead nowhere; of the others only `kept` stays open."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    os.closerange(3, kept)
    os.closerange(kept + 1, 4096)


WRITES = {"os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod", "os.chown", "os.link", "os.symlink"}
WRITES |= {"shutil.rmtree", "os.utime", "os.setxattr", "os.removexattr"}
PROGRAMS = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "pty.spawn"}
NETWORK = {"socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo"}
SIGNALS = {"os.kill", "os.killpg"}
HARMLESS = ("/dev/null", "/dev/tty", "nul", "\\\\.\\nul")  # the last is what Windows makes of os.devnull


def keep_inside(folder: Path, see: Callable[[str, tuple], None]) -> None:
    """From now on this process may write only below `folder`, reach no network, start no program and signal nobody.

    see : is told of every event, before it is refused.
    """
    inside = str(folder.resolve()) + os.sep

    def is_inside(path) -> bool:
        if isinstance(path, int):
            return True  # a file that is open already
        full = os.path.realpath(os.fsdecode(path))
        return full.startswith(inside) or full + os.sep == inside or full.lower() in HARMLESS

    def refuse(event: str, arguments: tuple) -> None:
        if event == "open":
            path, mode, flags = arguments
            writing = any(c in (mode or "") for c in "wax+") or (isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR))
            if writing and path is not None and not is_inside(path):
                raise PermissionError(f"while it is graded, a notebook may not write to {os.fsdecode(path)}")
        elif event in WRITES:
            for path in arguments[: 2 if event in ("os.rename", "os.link", "os.symlink") else 1]:
                if path is not None and not is_inside(path):
                    raise PermissionError(f"while it is graded, a notebook may not change {os.fsdecode(path)}")
        elif event in PROGRAMS:
            raise PermissionError("while it is graded, a notebook may not start other programs")
        elif event in NETWORK:
            raise PermissionError("while it is graded, a notebook may not use the network")
        elif event in SIGNALS:
            raise PermissionError("while it is graded, a notebook may not signal other processes")

    def hook(event: str, arguments: tuple) -> None:
        see(event, arguments)
        refuse(event, arguments)

    sys.addaudithook(hook)
