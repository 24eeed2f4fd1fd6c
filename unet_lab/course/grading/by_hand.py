"""What a lecturer wrote into grades.csv: points in the column "manual", words in the column "comment"."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from unet_lab.course.grading.marking import Row

_NEEDED = ("student", "manual", "comment")
_AS_IT_WAS = "The table is as it was."
_NUMBER = re.compile(r"[+-]? ?(\d+([.,]\d*)?|[.,]\d+)")


def manual_columns(path: Path, students: Collection[str] = ()) -> dict[str, tuple[str, str]]:
    """By student what stands in the columns "manual" (points, added to those of the checks) and "comment" of a table.

    It is read as spreadsheets save it: commas, semicolons or tabs; UTF-8, UTF-16 or Windows' own code page; 1.5 or 1,5.
    Raises ValueError, naming line and value, where something cannot be read: nothing that was written by hand gets lost.
    students : the class; where it is given, a name that is none of them and lost its letters on the way ("Nu?ez") is refused.
    """
    if not path.is_file() or not path.stat().st_size:
        return {}
    found, bad = {}, []
    text, encoding = decoded(path)
    names = {plain_cell(student) for student in students}
    for number, line in table_lines(text, path.name):
        student, by_hand, comment = (plain_cell(line.get(column) or "") for column in _NEEDED)
        where = f"line {number} ({student})"
        if by_hand and not _NUMBER.fullmatch(by_hand.replace("\u2212", "-")):
            bad.append(f"{where}: {by_hand!r} in the column manual is no number")
        elif found.get(student, (by_hand, comment)) != (by_hand, comment):
            bad.append(f"{where}: this student stands in the table twice, with different entries")
        elif names and student not in names and letters_lost(student, encoding):
            bad.append(f"{where}: no such student; letters were lost when the table was saved (save it as CSV UTF-8)")
        else:
            found[student] = (by_hand, comment)
    if bad:
        more = f"; and {len(bad) - 5} lines more" if len(bad) > 5 else ""
        allowed = "Write points into manual (2, 1.5, 1,5 or -1: they are added to those of the checks), words into comment"
        raise ValueError(f"{path.name}, {'; '.join(bad[:5])}{more}. {allowed}. {_AS_IT_WAS}")
    return found


def letters_lost(name: str, encoding: str) -> bool:
    """Whether a name may have come out of a code page that has not all of its letters, or was read by another one.

    >>> letters_lost("Jos\u00e9 Nu?ez", "utf-8-sig"), letters_lost("\u00a3ukasz", "cp1252"), letters_lost("Zo\u00eb", "utf-8-sig")
    (True, True, False)
    """
    return "?" in name or "\ufffd" in name or (encoding == "cp1252" and not name.isascii())


def decoded(path: Path) -> tuple[str, str]:
    """The text of a table, in whatever encoding a spreadsheet saved it, and that encoding. Raises ValueError."""
    content = path.read_bytes()
    encodings = ("utf-16",) if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            return content.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    raise ValueError(f"{path.name}: neither UTF-8 nor a Windows text. Save it as CSV UTF-8. {_AS_IT_WAS}")


def table_lines(text: str, file: str) -> Iterable[tuple[int, dict[str, str]]]:
    """The lines of a table by its columns, each with its number in the file. Raises ValueError where a column is missing."""
    for delimiter in ",;\t":
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        lines = [(reader.line_num, cells) for cells in reader]
        if lines and lines[0][1] and lines[0][1][0].startswith("sep="):
            del lines[0]
        head = [cell.strip().lower() for cell in lines[0][1]] if lines else []
        if set(_NEEDED) <= set(head):
            twice = next((column for column in _NEEDED if head.count(column) > 1), None)
            if twice:
                raise ValueError(f"{file}: two columns are called {twice}. Leave one of them, or rename the other. {_AS_IT_WAS}")
            return [(number, dict(zip(head, cells, strict=False))) for number, cells in lines[1:] if any(cells)]
    first = " ".join(text.partition("\n")[0].split())[:80]
    raise ValueError(
        f"{file}: it is there already, and its first line ({first}) has no columns student, manual and comment: what was written "
        f"by hand cannot be kept. Put them back, move the file away, or give another name with --out. {_AS_IT_WAS}"
    )


def plain_cell(text: str) -> str:
    """A cell without blanks around it, and without the apostrophe that keeps spreadsheets from taking it for a formula."""
    text = " ".join(text.split())
    return text[1:] if re.match(r"'[=+\-@\d.,]", text) else text


def as_number(text: str) -> float:
    """What stands in the column "manual" as a number; 0 where nothing does."""
    return float(text.replace(",", ".").replace("\u2212", "-").replace(" ", "")) if text else 0.0


def belonging_to(rows: Iterable[Row], manual: Mapping[str, tuple[str, str]]) -> tuple[dict[str, tuple[str, str]], list[Row]]:
    """The entries by the names that students have in the rows (a table has no two blanks in a row), and what is left over.

    Left over is a row for each student who has an entry and is no longer in the class: the entry stays in the table.
    """
    names = {plain_cell(row.student): row.student for row in rows}
    words = "nothing of this student is here now (another name?); what was written by hand is kept"
    left = [Row(name, "", "", "note", words) for name, entry in manual.items() if any(entry) and name not in names]
    return {names.get(name, name): entry for name, entry in manual.items()}, left
