"""Which cells of a notebook run, how often, and what of it is a verdict."""

from __future__ import annotations

import json
import math
import os
import secrets
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from unet_lab.course.grading.hosting import Host, Limits
from unet_lab.course.grading.isolation import can_fork
from unet_lab.course.grading.notebooks import asked_checks
from unet_lab.course.grading.slicing import may_be_elsewhere, needed_cells
from unet_lab.course.grading.submissions import Submission
from unet_lab.course.progress import COURSE

_CLEAR = ("right", "wrong", "not tried")
MOST_BESIDE = 200_000_000  # bytes of the files beside a notebook that are copied for it
STATES = ("right", "wrong", "not tried", "error", "missing", "reported", "note", "late", "flag", "tries")


def verdicts(
    submission: Submission, cells: list[str], expected: list[str], handed_out: Sequence[str], limits: Limits, host: Host
) -> tuple[dict[str, dict], str]:
    """Quick first: the cells that the checks need. Then what that leaves open.

    Each answer alone, where the process died of one or time ran out (it may have for one of them only: together they get half of
    it again). Where an answer is not right, all cells that the student changed or added: what is done through another name, in a
    function or in a file, names do not tell. Last the whole notebook in order, where something was missing that the page makes.
    """
    left = limits.seconds
    found, reason, spent = run(submission, cells, "quick", limits, host)
    left -= spent
    open_ones = [name for name in expected if found.get(name, {}).get("state") not in _CLEAR] if reason else []
    if open_ones and len(expected) > 1:
        left = max(left, limits.seconds / 2)
    for place, name in enumerate(open_ones):
        if left > 1:
            share = left / (len(open_ones) - place)
            alone, why, spent = run(submission, cells, f"only:{name}", limits._replace(seconds=share), host)
            found["flags"] += alone["flags"]
            left -= spent
            found[name] = alone.get(name) or {"exercise": name, "state": "error", "finding": why, "seconds": 0.0}
    not_right = [name for name in expected if name in found and found[name]["state"] != "right"]
    own = [number for number, code in enumerate(cells) if code not in handed_out]
    checks = list(asked_checks(cells).values())
    if not_right and not reason and left > 1 and set(needed_cells(cells, [*checks, *own])) > set(needed_cells(cells, checks)):
        again, _, spent = run(submission, cells, "quick", limits._replace(seconds=left), host, own)
        left -= spent
        found |= {name: entry for name, entry in again.items() if name in not_right and entry["state"] in _CLEAR}
        found["flags"] += again["flags"]
    broken = [name for name in expected if found.get(name, {}).get("state") == "error"]
    unclear = [name for name in broken if may_be_elsewhere(found[name]["finding"], cells)]
    if unclear and not reason and left > 1:
        again, reason, _ = run(submission, cells, "all", limits._replace(seconds=left), host)
        found |= {name: entry for name, entry in again.items() if name in unclear}
        found["flags"] += again["flags"]
    return found, reason


def run(
    submission: Submission, cells: list[str], how: str, limits: Limits, host: Host, also: Sequence[int] = ()
) -> tuple[dict[str, dict], str, float]:
    """Verdicts by exercise, why the process ended before its time, if it did, and the seconds that it used.

    also : the numbers of cells that run with those that the checks need.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, tempfile.TemporaryDirectory() as outside:
        results, texts, secret = Path(outside, "results"), Path(outside, "cells"), secrets.token_hex(16)
        results.touch()
        texts.write_text(json.dumps(cells), encoding="utf-8")
        place = copy_beside(submission, Path(folder))
        job = {"cells": str(texts), "results": str(results), "folder": folder, "place": place, "how": how, "also": list(also)}
        job["forbidden"] = [str(COURSE / "notebooks" / "solutions"), str(COURSE / "notebooks" / "source"), *submission.others]
        reason, spent, status = host.run(job | {"seconds": limits.seconds, "secret": secret}, limits)
        found, ended = read(results, secret)
    if not reason and not ended:
        reason = f"its process ended by itself, with status {status}, before the last cell"
    return found, reason, spent


def copy_beside(submission: Submission, folder: Path) -> str:
    """Copy the files of the student's folder to where the notebook will run; returns the notebook's place below `folder`."""
    place = PurePosixPath(submission.place or submission.path.name).parent
    Path(folder, place).mkdir(parents=True, exist_ok=True)
    left = MOST_BESIDE
    for name, path in submission.beside:
        left -= path.stat().st_size
        if left < 0:
            break
        Path(folder, name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, Path(folder, name))
    if can_fork() and os.getuid() == 0:  # it may run as another user
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o777 if path.is_dir() else 0o666)
    return str(place)


def read(results: Path, secret: str) -> tuple[dict[str, dict], bool]:
    """Verdicts by exercise, and whether the notebook came to its end. Lines that do not begin with the secret are not ours."""
    found, ended = {"flags": []}, False
    for line in results.read_text(encoding="utf-8", errors="replace").splitlines():
        key, _, text = line.partition(" ")
        try:
            entry = believable(json.loads(text))
        except (ValueError, TypeError, AttributeError, RecursionError):
            continue  # the last line of a process that was killed
        if key != secret:
            continue
        ended = ended or bool(entry.get("end"))
        if "flag" in entry:
            found["flags"].append((entry.get("exercise", ""), entry["flag"]))
        if entry.get("state") in STATES and isinstance(entry.get("exercise"), str):
            entry = {"finding": "", "seconds": 0.0, "hint": ""} | entry
            before = found.get(entry["exercise"])
            if before is None or before["state"] != "right":
                found[entry["exercise"]] = entry
    return found, ended


def believable(entry: dict) -> dict:
    """A line of the process that runs a submission, each of its entries of the type that it must have, shares between 0 and 1."""
    found = {
        name: str(entry[name])[:10_000] for name in ("exercise", "state", "finding", "hint", "facts", "flag") if name in entry
    }
    for name, most in (("seconds", math.inf), ("share", 1.0)):
        if name in entry:
            found[name] = min(max(0.0, float(entry[name])), most)
    return found | {"end": bool(entry.get("end"))}
