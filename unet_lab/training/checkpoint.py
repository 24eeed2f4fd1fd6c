"""Checkpoints of unfinished training runs: written whole or not at all, and safe to open.

A checkpoint is a torch file that is only ever loaded with `weights_only=True`, which refuses anything but tensors and plain
values.
"""

from __future__ import annotations

import io
import pickle
import warnings
import zipfile
from pathlib import Path

import torch

from unet_lab.files import previous_of, write_whole

FORMAT = 3  # of checkpoints; raised whenever what they hold changes


def save_checkpoint(path: str | Path, state: dict) -> None:
    """Write the state of a training run (tensors and plain values): complete, or the older file stays.

    The checkpoint that stood there before is kept beside it, as run.previous.pt. Raises OSError where it cannot be written.
    """
    memory = io.BytesIO()
    torch.save({"format": FORMAT, "torch": str(torch.__version__), **state}, memory)
    write_whole(path, memory.getbuffer(), keep_previous=True)


def load_checkpoint(path: str | Path) -> dict:
    """Read a training run's state; nothing in the file can run code, or take more memory than the file is large.

    Raises FileNotFoundError where there is none; ValueError, naming the file, where it is broken, holds more than tensors and
    plain values, or was written by another version of the course.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file. Looked in {path.resolve().parent}.")
    try:
        check_archive(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ValueError(
            f"{path}: refused. It holds more than tensors and plain values, and could run code when opened. Use checkpoints that "
            f"this course wrote."
        ) from None
    except Exception as error:  # a mutilated file can make torch's reader fail in any way
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(f"{path}: the checkpoint is broken ({reason}). Delete it to start the run afresh.") from None
    if not isinstance(state, dict) or "settings" not in state:
        raise ValueError(f"{path}: this is no checkpoint of a training run. Give another file name.")
    if state.get("format") != FORMAT:
        raise ValueError(
            f"{path}: written in format {state.get('format', 1)}, and this version of the course reads {FORMAT}. Finish the run "
            f"with the version that began it, or delete the file to start afresh."
        )
    return state


def newest_checkpoint(path: str | Path) -> dict | None:
    """The state in `path`; or, with a warning, the one before it where `path` is broken; None where there is neither."""
    path, older = Path(path), previous_of(path)
    try:
        return load_checkpoint(path)
    except FileNotFoundError:  # killed between the two renamings
        return load_checkpoint(older) if older.is_file() else None
    except ValueError as broken:
        if "is broken" not in str(broken):
            raise
        try:
            state = load_checkpoint(older)
        except (FileNotFoundError, ValueError):
            raise broken from None
        warnings.warn(f"{broken} Going on from the one before it, {older.name}.", stacklevel=2)
        return state


def check_archive(path: Path) -> None:
    """A checkpoint is a zip archive that torch wrote, uncompressed: what it unfolds to is no larger than it is."""
    if not zipfile.is_zipfile(path):
        raise ValueError("cut short, or never written by this course")  # torch's older, bare pickles are not opened at all
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if any(e.compress_type != zipfile.ZIP_STORED for e in entries) or sum(e.file_size for e in entries) > path.stat().st_size:
            raise ValueError("it unfolds to more than its size")
        if (damaged := archive.testzip()) is not None:  # torch itself does not look at the check sums
            raise ValueError(f"its part {damaged} is damaged")
