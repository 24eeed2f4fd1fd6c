"""Zip files that were handed in: unpacked within bounds, nothing outside the folder they are unpacked to."""

from __future__ import annotations

import contextlib
import os
import stat
import zipfile
import zlib
from datetime import datetime
from pathlib import Path, PurePosixPath

MOST_FILES = 5_000
MOST_BYTES = 1_000_000_000  # of one archive, unpacked


class Refused(ValueError):
    """An archive that is not unpacked; its text says why."""


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip file into `folder`, which is made. Links are left out. Raises Refused for what is damaged, locked, too much.

    Sizes are counted while they are written: what an archive says of itself may be a lie.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [member for member in opened.infolist() if not is_link(member)]
            if len(members) > MOST_FILES:
                raise Refused(f"{len(members):,} files in a zip; {MOST_FILES:,} are unpacked at most")
            if any(member.flag_bits & 1 for member in members):
                raise Refused("an encrypted zip; hand it in without a password")
            left = MOST_BYTES
            for member in members:
                target = folder / safe_name(member.filename)
                if member.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                left -= write_member(opened, member, target, left)
                keep_time(member, target)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeDecodeError) as error:
        raise Refused(f"a damaged zip, or none ({str(error)[:100] or type(error).__name__})") from None
    except OSError as error:
        raise Refused(f"a zip that cannot be unpacked ({error.strerror or error})") from None


def write_member(opened: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, most: int) -> int:
    """Write one file; returns its bytes. Raises Refused where there are more than `most`."""
    written = 0
    with opened.open(member) as source, open(target, "wb") as stream:
        while block := source.read(1_000_000):
            written += len(block)
            if written > most:
                raise Refused(f"a zip that unpacks to more than {MOST_BYTES / 1e9:g} GB")
            stream.write(block)
    return written


def keep_time(member: zipfile.ZipInfo, target: Path) -> None:
    """Give a file the time that the archive says, by which deadlines are kept."""
    with contextlib.suppress(ValueError, OverflowError, OSError):
        seconds = datetime(*member.date_time).timestamp()
        os.utime(target, (seconds, seconds))


def is_link(member: zipfile.ZipInfo) -> bool:
    return stat.S_ISLNK(member.external_attr >> 16)


def safe_name(name: str) -> PurePosixPath:
    """The name inside the folder. Raises Refused for one that leads out of it."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (path.parts and path.parts[0].endswith(":")) or "\0" in name:
        raise Refused(f"a zip with a name that leads out of it: {name[:80]}")
    return path
