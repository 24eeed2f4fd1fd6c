"""Files that are complete or not there: written beside their place, then moved into it in one step."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
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
WINDOWS = os.name == "nt"
TRIES, PAUSE = 20, 0.05  # Windows: so often a file that another program reads is replaced, with so many seconds between


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
            to_the_disk(stream.fileno())
        with suppress(OSError):  # shares of other systems know no modes
            os.chmod(temporary, 0o644)
        if keep_previous and path.exists():
            replace(path, previous_of(path))
        replace(temporary, path)
        settle(path.parent)
    except InUse:
        raise
    except UnicodeEncodeError:
        words = f"{path}: not written, this system's settings (LANG=C?) have no such letters. Set PYTHONUTF8=1, or take others."
        raise OSError(errno.EILSEQ, words) from None
    except OSError as error:
        raise explained_error(error, path) from None
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


class InUse(PermissionError):
    """A file cannot be replaced, though its folder may be written to: another program has it open, or it is protected."""


def replace(source: str | Path, target: str | Path) -> None:
    """Move a file into the place of another, in one step. On Windows a file that is open, or that a virus scanner reads just now,
    cannot be moved or replaced: it is tried again for a second. Raises InUse, which says what to do."""
    for left in reversed(range(TRIES if WINDOWS else 1)):
        try:
            os.replace(source, target)
            return
        except PermissionError as error:
            if left == 0:
                words = f"{target}: not written, the file is open in another program, or protected. Close it there, write again."
                raise InUse(error.errno, words) from None
            time.sleep(PAUSE)


def to_the_disk(handle: int) -> None:
    """Wait until the disk has what was written; some shares cannot say so, and then it is left to them."""
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EACCES):
            raise


def may_write(folder: Path) -> bool:
    """Whether a file can be made in the folder; tried, since Windows answers "yes" to everyone who asks."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


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
    disk = shutil.disk_usage(path.parent)
    if not callable(content) and disk.total and disk.free < len(content):  # some shares say 0 of 0
        raise OSError(errno.ENOSPC, "full")


def settle(folder: Path) -> None:
    """Make the change of names outlast a power cut; Windows does so by itself, and has no such call; nor have some shares."""
    if not WINDOWS:
        with suppress(OSError):
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
