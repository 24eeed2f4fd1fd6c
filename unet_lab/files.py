"""Files that are complete or not there: written beside their place, then moved into it in one step."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import BinaryIO

import psutil


def shipped_data() -> Path:
    """The folder of the data that come with the course: in a wheel inside the package, in a checkout `data/` beside it."""
    package = Path(str(resources.files("unet_lab")))
    inside = package / "data"
    return inside if inside.is_dir() else package.parent / "data"


DATA = shipped_data()
_FULL = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))
_CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS)


def write_whole(path: str | Path, content: bytes | memoryview | Callable[[BinaryIO], None], keep_previous: bool = False) -> None:
    """Write a file completely, or leave the older one of that name as it was; a power cut counts too (fsync).

    content : the bytes, or a function that writes them into the binary stream that it is given.
    keep_previous : move the older file to `previous_of(path)` instead of replacing it.

    Raises OSError, saying what to do, where the disk is full, the folder is read-only or there is none.
    """
    path = Path(path)
    temporary = None
    try:
        check_room(path, content)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name + ".", suffix=".part")
        os.close(handle)
        with open(temporary, "wb") as stream:
            content(stream) if callable(content) else stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        if keep_previous and path.exists():
            os.replace(path, previous_of(path))
        os.replace(temporary, path)
        settle(path.parent)
    except OSError as error:
        raise explained_error(error, path) from None
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def previous_of(path: str | Path) -> Path:
    """Where `write_whole(path, …, keep_previous=True)` leaves the file before: run.pt becomes run.previous.pt."""
    path = Path(path)
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def free_memory() -> int:
    """Bytes of memory that are free: of the machine, or of the container that this runs in where that is less."""
    free = psutil.virtual_memory().available
    try:  # a container's own limit (cgroup, Linux): JupyterHub and Slurm set one, and psutil does not see it
        most, used = (Path("/sys/fs/cgroup", name).read_text().strip() for name in ("memory.max", "memory.current"))
        return min(free, int(most) - int(used))
    except (OSError, ValueError):
        return free


def remove_parts(path: str | Path) -> None:
    """Remove what writers of `path` left behind when they were killed."""
    path = Path(path)
    for part in path.parent.glob("*.part"):
        if part.name.startswith(path.name + "."):
            part.unlink(missing_ok=True)


def check_room(path: Path, content) -> None:
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no folder")
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "a folder")
    if not callable(content) and shutil.disk_usage(path.parent).free < len(content):
        raise OSError(errno.ENOSPC, "full")


def settle(folder: Path) -> None:
    """Make the change of names outlast a power cut; Windows does so by itself, and has no such call."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def explained_error(error: OSError, path: Path) -> OSError:
    """The same error with words that help; OSError makes a PermissionError and the like of the number by itself."""
    if error.errno in _FULL:
        free = shutil.disk_usage(path.parent).free / 1e6
        words = f"{path}: not written, the disk is full (or your share of it); {free:,.0f} MB are free. Free some, write again."
    elif error.errno in _CLOSED:
        words = f"{path}: not written, the folder {path.parent.resolve()} may not be written to. Choose another folder."
    elif error.errno == errno.ENOENT:
        words = f"{path}: not written, there is no folder {path.parent.resolve()}. Make it, or choose another."
    elif error.errno == errno.EISDIR:
        words = f"{path}: not written, there is a folder of that name. Choose another name."
    else:
        words = f"{path}: not written ({error.strerror or error})."
    return OSError(error.errno, words)
