"""What a student's page says of a file that could not be marked: what was wrong with it, and what to do."""

from __future__ import annotations

import re

from unet_lab.course.grading.marking import Row

_OPEN = "Open it in JupyterLab, save it, look that its name ends in .ipynb, and hand in that file."
_HAND_IN = "Hand in the notebook itself: the file whose name ends in .ipynb."
_CLEAR = "Clear its outputs (Edit > Clear Outputs of All Cells), save it, and hand in again."
_OWN = "Hand in the course's notebook with your answers in it."
_TOO_MUCH = (
    "Choose Kernel > Restart Kernel and Run All Cells, change the cell that does not end or asks for too much, and hand in again."
)
_ADVICE = (
    ("handed in nothing", "Nothing of yours has arrived.", "If you did hand something in, tell your teacher under which name."),
    ("an empty folder", "A folder of yours has arrived, with nothing in it.", _HAND_IN),
    ("nothing that can be marked", "Of what you handed in nothing is a notebook ({what}).", _HAND_IN),
    ("a Python script", "{file} is a Python script and was not marked.", _HAND_IN),
    ("a web page", "{file} is a web page and was not marked.", _HAND_IN),
    ("a link to", "{file} is only a link to another file.", _HAND_IN),
    ("a folder that", "{file} is a folder.", _HAND_IN),
    ("an empty file", "{file} has arrived empty.", _OPEN),
    ("no notebook", "{file} could not be read as a notebook: it is damaged, or a file of another kind.", _OPEN),
    ("not UTF-8", "{file} could not be read as a notebook: it is damaged, or a file of another kind.", _OPEN),
    (r"\d+ MB, and at most", "{file} is too large to be marked.", _CLEAR),
    ("a page of the course's own", "{file} is a page of the course's solutions and was not marked.", _OWN),
    ("none of the course's", "In {file} there is no check(…) of any exercise.", _OWN),
    ("no exported progress", "{file} is no exported progress.", "Make it with python3 lab.py progress --export FILE.json."),
    ("its process ended|.*are allowed|.*(seconds|memory)", "{file} was stopped: {finding}.", _TOO_MUCH),
)


def advice_for(row: Row) -> str:
    """A file's problem, said to the student who handed it in.

    >>> advice_for(Row("Ada", "a.ipynb", "", "error", "an empty file"))[:26]
    'a.ipynb has arrived empty.'
    """
    for start, words, advice in _ADVICE:
        if re.match(start, row.finding):
            what = row.finding.partition(": ")[2] or "no file"
            return f"{words.format(file=row.file, finding=row.finding, what=what)} {advice}"
    return f"{row.file} could not be marked: {row.finding}. {_HAND_IN}"
