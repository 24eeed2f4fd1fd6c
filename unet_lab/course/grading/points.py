"""What answers are worth: the lecturer's file of points, a small TOML."""

from __future__ import annotations

import difflib
import re
import tomllib
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

from unet_lab.course.exercises import LESSONS

CREDIT = {"right": 1.0, "flagged": 1.0, "wrong": 0.0, "facts": 0.0, "error": 0.0, "reported": 0.0}
LESSON_OF = {name: lesson for lesson, exercises in LESSONS.items() for name in exercises}
_TABLES = {"points": {"default", *LESSON_OF}, "credit": set(CREDIT), "deadlines": set(LESSONS), "late": {"keeps", "per_day"}}


class Points(NamedTuple):
    """What answers are worth.

    points : for each exercise; credit : which share of them "right", "flagged", "wrong", "error" and "reported" answers get;
    "facts" is what a wrong answer would get in which all facts held: it gets as much of that as hold, if this is more.
    deadlines : for each lesson.  late : the share that a late answer keeps; per_day : what it loses of that for each further day
    that has begun.  lessons : which ones count; empty for those that somebody handed in.
    """

    points: dict[str, float]
    credit: dict[str, float] = CREDIT
    deadlines: dict[str, datetime] = {}  # noqa: RUF012
    late: float = 1.0
    per_day: float = 0.0
    title: str = "U-Net Lab"
    lessons: tuple[str, ...] = ()

    @property
    def most(self) -> float:
        return sum(self.points.values())


def read_points(path: str | Path | None = None) -> Points:
    """A small TOML file; without one every exercise is worth a point. Raises ValueError, saying what is wrong, for any other.

    title = "U-Net Lab"; lessons = ["00", "01"]; [points] default, and exercises by name; [credit] shares; [deadlines] by lesson;
    [late] keeps, per_day. Raises FileNotFoundError where there is no file.
    """
    if path is None:
        return Points(dict.fromkeys(LESSON_OF, 1.0))
    path = Path(path)
    content = toml_of(path)
    check_tables(content, path)
    points, late = content.get("points", {}), content.get("late", {})
    worth = {name: number(value, f"[points] {name}", path) for name, value in points.items()}
    worth = {name: worth.get(name, worth.get("default", 1.0)) for name in LESSON_OF}
    credit = CREDIT | {name: number(share, f"[credit] {name}", path, 1) for name, share in content.get("credit", {}).items()}
    whole = {name: lesson_named(name, "[deadlines]", path) for name in content.get("deadlines", {})}
    twice = next((name for name, lesson in whole.items() if name != lesson and lesson in whole), None)
    if twice is not None:
        raise ValueError(f"{path.name}: [deadlines] has both {twice} and {whole[twice]}, one lesson. Leave one of them.")
    deadlines = {whole[name]: moment(when, name, path) for name, when in content.get("deadlines", {}).items()}
    keeps = number(late.get("keeps", 1), "[late] keeps", path, 1)
    per_day = number(late.get("per_day", 0), "[late] per_day", path, 1)
    lessons = tuple(lesson_named(word, "lessons", path) for word in content.get("lessons", ()))
    return Points(worth, credit, deadlines, keeps, per_day, content.get("title", "U-Net Lab"), lessons)


def toml_of(path: Path) -> dict:
    """The content of a TOML file. Raises ValueError where it is none, FileNotFoundError where there is no file."""
    if not path.is_file():
        words = (
            "there is no such file. --points wants a TOML file (docs/teaching.md shows one); without it an exercise is worth 1."
        )
        raise FileNotFoundError(f"{path}: {words}")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path.name}: not UTF-8 text. Save it as UTF-8.") from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path.name}: no TOML: {error}.{slip(text, str(error))}") from None


def slip(text: str, error: str) -> str:
    """What the line most likely should be, where it is one of the slips that people make; "" where it is none.

    >>> slip("a = 1\\nunet = 1,5", "Expected newline (at line 2, column 9)")
    ' Write it with a point: unet = 1.5'
    """
    place = re.search(r"line (\d+)", error)
    lines = text.splitlines()
    line = lines[min(int(place[1]), len(lines)) - 1].strip() if place and lines else ""
    if re.fullmatch(r"[\w\"-]+\s*=\s*-?\d+,\d+\s*(#.*)?", line):
        return f" Write it with a point: {line.replace(',', '.', 1)}"
    if re.search(r"=\s*\d+[-./]\d+[-./]\d+", line):
        return f" Line {place[1]} is {line}: write a day that there is, as 2026-12-01T12:00:00."
    if line.endswith("%"):
        return f" Line {place[1]} is {line}: write a share as a number from 0 to 1, 0.8 for 80 %."
    return f" Line {place[1]} is: {line}" if line else ""


def check_tables(content: dict, path: Path) -> None:
    """ValueError where something is there that no one reads, or not of the kind that it has to be."""
    allowed = f"there are {', '.join(f'[{table}]' for table in _TABLES)}, and above them title and lessons"
    for name, entry in content.items():
        if name == "title":
            if not isinstance(entry, str):
                raise ValueError(f'{path.name}: title is text in quotes, e.g. title = "U-Net Lab", not {entry!r}.')
        elif name == "lessons":
            if not isinstance(entry, list) or not all(isinstance(word, str) for word in entry):
                raise ValueError(f'{path.name}: lessons is a list of texts, e.g. lessons = ["00", "01"], not {entry!r}.')
            if not entry:
                raise ValueError(f"{path.name}: lessons is an empty list. Name those that count, or leave the line out.")
        elif not isinstance(entry, dict):
            raise ValueError(f"{path.name}: {name} = {entry!r} stands outside of every table; {allowed}. {below(name)}")
        elif name not in _TABLES:
            raise ValueError(f"{path.name}: there is no table [{name}]; {allowed}.")
        else:
            for key in entry:
                if name != "deadlines" and key not in _TABLES[name]:
                    raise ValueError(f"{path.name}: [{name}] has {key!r}; {instead(key, name)}.")


def instead(key: str, table: str) -> str:
    """What may have been meant by an entry that a table does not have.

    >>> instead("unett", "points")
    'did you mean unet'
    """
    if key in ("title", "lessons"):
        return f"{key} stands above the first line in [brackets]"
    near = difflib.get_close_matches(key, _TABLES[table], 1)
    other = next((f"[{name}]" for name, known in _TABLES.items() if key in known), "")
    if other:
        return f"it belongs below a line {other}"
    return f"did you mean {near[0]}" if near else f"known are {', '.join(sorted(_TABLES[table]))}"


def below(name: str) -> str:
    """Where an entry that stands outside of every table belongs.

    >>> below("default"), below("late"), below("x")
    ('Write it below a line [points].', 'Write a line [late], and below it keeps = 0.5.', '')
    """
    examples = {"points": "default = 1", "credit": "wrong = 0.25", "late": "keeps = 0.5"}
    if name in examples:
        return f"Write a line [{name}], and below it {examples[name]}."
    table = next((table for table, known in _TABLES.items() if name in known), None)
    return f"Write it below a line [{table}]." if table else ""


def number(value, name: str, path: Path, most: float = 1e6) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise ValueError(f"{path.name}: {name} is a number from 0 to {most:g}, not {value!r}.")
    return float(value)


def moment(value, name: str, path: Path) -> datetime:
    if not isinstance(value, datetime):
        given = f"{value}, a day alone" if isinstance(value, date) else repr(value)
        raise ValueError(f"{path.name}: the deadline of {name} is a date and time, e.g. 2026-12-01T12:00:00, not {given}.")
    return value.astimezone()


def lesson_named(word: str, where: str, path: Path) -> str:
    """The lesson of a number ("08") or a name ("08_evaluation"). Raises ValueError where there is none."""
    found = [lesson for lesson in LESSONS if word and (lesson == word or lesson.partition("_")[0] == word)]
    if len(found) != 1:
        numbers = ", ".join(lesson.partition("_")[0] for lesson in LESSONS)
        raise ValueError(
            f"{path.name}: {where} has {word!r}; there are {numbers}, or their whole names, e.g. {next(iter(LESSONS))}."
        )
    return found[0]
