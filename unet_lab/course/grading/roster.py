"""The class list: who is in it, and which of them a folder's or a file's name means."""

from __future__ import annotations

import csv
import io
import itertools
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

_COLUMNS = {
    "number": ("id", "idnumber", "studentid", "sisuserid", "matriculationnumber", "username", "login", "githubusername"),
    "name": ("name", "fullname", "student", "studentname"),
    "first": ("firstname", "givenname"),
    "last": ("lastname", "surname", "familyname"),
    "email": ("email", "emailaddress", "mail"),
}


class Student(NamedTuple):
    """A line of the roster."""

    number: str
    name: str
    email: str = ""


def tokens(text: str) -> list[str]:
    """The words of a name, without accents, case and punctuation.

    >>> tokens("Müller-Lüdenscheidt, Zoë")
    ['muller', 'ludenscheidt', 'zoe']
    """
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return re.findall(r"[^\W_]+", plain.casefold())


def spellings(text: str) -> set[str]:
    """How a name may be written in one word: its parts in any order, umlauts with or without e.

    >>> sorted(spellings("Ada Lovelace"))
    ['adalovelace', 'lovelaceada']
    """
    written_out = text.translate(str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"}))
    found = set()
    for version in {text, unicodedata.normalize("NFC", written_out)}:
        words = tokens(version)
        turned = (words[k:] + words[:k] for k in range(len(words)))
        orders = itertools.permutations(words) if len(words) <= 4 else turned
        found |= {"".join(order) for order in orders}
    return found - {""}


class Roster:
    """All students of a class. `find` says who is meant: one, several where it is doubtful, none."""

    def __init__(self, students: Iterable[Student]):
        self.students = list(students)
        self._names = [spellings(student.name) for student in self.students]
        self._logins = [login_names(student) for student in self.students]

    def find(self, name: str, number: str = "") -> list[Student]:
        """The students whom `name` may mean; `number` (the platform's) decides between namesakes, or where no name fits.

        >>> class_list = Roster([Student("7", "Ada Lovelace", "ada@uni.edu"), Student("8", "Bob Hope")])
        >>> [s.name for s in class_list.find("lovelaceada")], [s.name for s in class_list.find("unet-lab-ada")]
        (['Ada Lovelace'], ['Ada Lovelace'])
        """
        asked = spellings(name)
        whole = "".join(tokens(name))
        found = [s for s, names, logins in self._all() if asked & names or whole in logins]
        if len(found) > 1 and number:
            found = [s for s in found if s.number == number] or found
        if not found and number:
            found = [s for s in self.students if s.number == number]
        if not found:  # a repository: assignment-login
            ends = {"".join(tokens(name[place + 1 :])) for place, letter in enumerate(name) if letter == "-"}
            found = [s for s, _, logins in self._all() if ends & logins]
        return found

    def _all(self):
        return zip(self.students, self._names, self._logins, strict=True)


def login_names(student: Student) -> set[str]:
    """What a student may be called by a machine: the number, the e-mail address, and what is before its @."""
    names = (student.number, student.email, student.email.partition("@")[0])
    return {"".join(tokens(name)) for name in names} - {""}


def read_roster(path: str | Path) -> Roster:
    """A CSV file with a head: id, name (or first and last name), e-mail; commas, semicolons or tabs between them.

    Raises ValueError where no column holds names, a line has none, or an id is there twice; OSError where there is no file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file. --roster wants a CSV file whose first line is id,name,e-mail.")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path.name}: not UTF-8 text. Save it as CSV UTF-8.") from None
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    lines = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    columns = {"".join(tokens(word)): number for number, word in enumerate(lines[0])} if lines else {}
    places = {what: next((columns[n] for n in names if n in columns), None) for what, names in _COLUMNS.items()}
    if places["name"] is None and places["last"] is None:
        raise ValueError(f"{path.name}: no column called name in its first line ({head.strip()}). It needs: id,name,email.")
    students = [student_of(line, places) for line in lines[1:] if any(word.strip() for word in line)]
    for number, student in enumerate(students, 2):
        if not student.name:
            raise ValueError(f"{path.name}: line {number} has no name.")
    numbers = [student.number for student in students if student.number]
    twice = next((n for n in numbers if numbers.count(n) > 1), None)
    if twice is not None:
        raise ValueError(f"{path.name}: the id {twice} is given twice.")
    return Roster(students)


def student_of(line: list[str], places: dict[str, int | None]) -> Student:
    def word(what: str) -> str:
        place = places[what]
        return " ".join(line[place].split()) if place is not None and place < len(line) else ""

    name = word("name") or f"{word('first')} {word('last')}".strip()
    if name.count(",") == 1:  # Lovelace, Ada
        name = " ".join(part.strip() for part in reversed(name.split(",")))
    return Student(word("number"), name, word("email"))
