"""What a student has passed: kept in one local file, said in words, exported for a lecturer.

Nothing leaves the machine. `python3 lab.py progress` prints it, `--export` writes a small JSON file to hand in; its check sum
(SHA-256) tells a file that was damaged or edited by hand from one that was not. It is no proof: who can read this can compute
it. A lecturer who wants to know runs the checks again (`lab.py grade`).
"""

from __future__ import annotations

import atexit
import hashlib
import json
import os
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from filelock import FileLock, Timeout
from platformdirs import user_data_path

from unet_lab.files import may_write, write_whole

WHERE = "UNET_LAB_PROGRESS"  # environment variable: another file, or "off"
FORMAT = 1
LARGEST = 1_000_000  # bytes of a file that is read
COURSE = Path(__file__).resolve().parents[2]  # where lab.py lies, in a checkout
PATIENCE = 5  # seconds that one notebook waits for another to write its line

told: set[str] = set()  # what has been said once, and is not said again
waiting: list[tuple[Path, str, bool]] = []  # tries that could not be noted yet: another notebook was writing


def progress_file() -> Path | None:
    """The file that holds this student's progress; None while a solution is being run, or where it is switched off.

    In a checkout it lies beside lab.py; where the package was installed, or the checkout belongs to somebody else, in the user's
    own folder for data (platformdirs).
    """
    chosen = os.environ.get(WHERE, "")
    if chosen == "off" or "solutions" in Path(os.environ.get("JPY_SESSION_NAME", "")).parts:
        return None
    if chosen:
        return Path(chosen)
    if (COURSE / "lab.py").is_file() and may_write(COURSE):
        return COURSE / "progress.json"
    return user_data_path("unet-lab", appauthor=False) / "progress.json"


def load_progress(path: str | Path | None = None) -> dict[str, dict]:
    """For each exercise that was tried: `tries` (how often it was wrong), `passed` (when first, or None).

    Raises ValueError, saying what to do, for a file that is not one of ours.
    """
    path = Path(path) if path else progress_file()
    if path is None or not path.exists():
        return {}
    return _exercises(read(path), path)


def record(name: str, right: bool) -> None:
    """Note a try. A file that cannot be read or written is left alone, and one line says so: no exercise fails for that."""
    try:
        path = progress_file()
        if path is not None:
            waiting.append((path, name, right))
            note_waiting(PATIENCE)
    except Timeout:
        atexit.unregister(note_at_the_end)
        atexit.register(note_at_the_end)
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: there is no home
        say_once(f"Your progress is not kept: {error}")


def note_waiting(patience: float) -> None:
    """Note all tries that wait. Raises Timeout where another notebook writes for longer than `patience` seconds: they wait on."""
    while waiting:
        path, name, right = waiting[0]
        try:
            note_try(path, name, right, patience)
        except Timeout:
            raise
        except BaseException:
            waiting.pop(0)
            raise
        waiting.pop(0)


def note_at_the_end() -> None:
    """When the notebook's kernel ends: what still waits is noted, however long that takes."""
    try:
        note_waiting(-1)
    except (OSError, ValueError, RuntimeError) as error:
        say_once(f"Your progress is not kept: {error}")


def note_try(path: Path, name: str, right: bool, patience: float = PATIENCE) -> None:
    """Add a try to a file of progress; other notebooks, which may do the same at this moment, wait.

    patience : seconds to wait for them (negative: for ever), after which it raises Timeout.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock", timeout=patience):
        found = load_progress(path)
        entry = found.setdefault(name, {"tries": 0, "passed": None})
        if right and entry["passed"]:
            return
        if right:
            entry["passed"] = now()
        else:
            entry["tries"] += 1
        write_whole(path, text({"format": FORMAT, "exercises": found}))


def say_once(words: str) -> None:
    """Print a line, unless it has been printed before."""
    if words not in told:
        told.add(words)
        print(words)


def export_progress(
    path: str | Path, student: str, exercises: dict[str, dict] | None = None, predictions: dict[str, dict] | None = None
) -> dict:
    """Write what was passed as a file to hand in, signed by its hash; returns what was written.

    Raises ValueError for a student without a name, FileExistsError where there is such a file, OSError where none can be written.
    """
    student = " ".join(student.split())
    if not student:
        raise ValueError('whose progress? Give a name, e.g. --name "Ada Lovelace".')
    path = Path(path)
    if path.exists():
        raise FileExistsError(f"{path} is there already; give another name, or remove it.")
    found = load_progress() if exercises is None else exercises
    content = {"format": FORMAT, "student": student, "written": now(), "course": _version(), "exercises": found}
    if predictions:
        content["predictions"] = predictions
    signed = content | {"sha256": signature(content)}
    write_whole(path, text(signed))
    return signed


def read_export(path: str | Path) -> dict:
    """A file that `export_progress` wrote. Raises ValueError where it is none, or where it was changed since."""
    path = Path(path)
    content = read(path)
    if "sha256" not in content or not isinstance(content.get("student"), str):
        raise ValueError(f"{path.name}: no exported progress (no sha256, or no student). lab.py progress --export writes it.")
    if content["sha256"] != signature(content):
        raise ValueError(f"{path.name}: its check sum does not fit: it was damaged, or changed by hand, after it was written.")
    _exercises(content, path)
    return content


def signature(content: dict) -> str:
    """SHA-256 of everything but the signature itself, written in one fixed way."""
    rest = {key: value for key, value in content.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, ensure_ascii=True, separators=(",", ":")).encode()).hexdigest()


def progress_table(lessons: dict[str, tuple[str, ...]], found: dict[str, dict]) -> str:
    """In words: a line for each notebook, with its exercises. ✓ passed, ✗ tried, ○ not yet."""
    lines = []
    for lesson, names in lessons.items():
        marks = []
        for name in names:
            entry = found.get(name)
            mark = "○" if entry is None else "✓" if entry["passed"] else "✗"
            tries = f" (wrong {entry['tries']} times)" if entry and entry["tries"] > 1 else ""
            marks.append(f"{mark} {name}{tries}")
        lines.append(f"{lesson:28s} {'   '.join(marks)}")
    passed = sum(1 for names in lessons.values() for name in names if found.get(name, {}).get("passed"))
    lines.append(f"{passed} of {sum(map(len, lessons.values()))} exercises passed.")
    return "\n".join(lines)


def read(path: Path) -> dict:
    if path.stat().st_size > LARGEST:
        size = path.stat().st_size / 1e6
        raise ValueError(f"{path.name} has {size:.0f} MB; progress takes a few thousand bytes. Is it another file?")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{path.name}: no JSON ({error}). Move it away; the next check begins a new one.") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"{path.name}: not a progress file of this course (format {FORMAT}). Move it away.")
    return content


def _exercises(content: dict, path: Path) -> dict[str, dict]:
    found = content.get("exercises")
    if not isinstance(found, dict) or not all(map(is_entry, found.values())):
        raise ValueError(f"{path.name}: its list of exercises is damaged. Move it away; the next check begins a new one.")
    return found


def is_entry(entry) -> bool:
    if not isinstance(entry, dict) or set(entry) != {"tries", "passed"}:
        return False
    tries, passed = entry["tries"], entry["passed"]
    return isinstance(tries, int) and not isinstance(tries, bool) and tries >= 0 and (passed is None or isinstance(passed, str))


def text(content: dict) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode("utf-8")


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _version() -> str:
    try:
        return version("unet-lab")
    except PackageNotFoundError:
        return "unknown"
