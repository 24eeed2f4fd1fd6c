"""Exercises that check themselves: `check("encode_mask", my_encode_mask)` prints what is right or what to look at next."""

from __future__ import annotations

from types import FunctionType

from unet_lab.course.checking import run_check
from unet_lab.course.exercises import CHECKS, LESSON_NAMES
from unet_lab.course.panel import progress_panel
from unet_lab.course.progress import record
from unet_lab.explorers.base import Explorer


class Passed(int):
    """True or False, but as the last line of a cell it shows nothing below what `check` has printed."""

    def _ipython_display_(self) -> None:
        pass

    def __repr__(self) -> str:
        return str(bool(self))


def check(name: str, answer) -> Passed:
    """Check an answer, print the finding, and return whether it is right.

    A wrong answer gets one hint; checked again, the next. A right one lets you write
    `encode = my_encode_mask if check("encode_mask", my_encode_mask) else encode_mask`: your part takes the library's place.
    What is passed is noted in a local file (`unet_lab.course.progress`). Raises ValueError for a name that is no exercise.
    """
    if name not in CHECKS:
        raise ValueError(f"there is no exercise {name!r}; there are {', '.join(CHECKS)}.")
    verdict = run_check(name, CHECKS[name], answer)
    if verdict.state == "right" and is_the_library_s(answer):
        print("  But this is the library's own part. Write yours: when it is marked, this one is flagged.")
    if verdict.state != "not tried":
        record(name, verdict.state == "right")
    return Passed(verdict.state == "right")


def is_the_library_s(answer) -> bool:
    """Whether an answer is a function or class of this library itself."""
    return isinstance(answer, FunctionType | type) and str(answer.__module__).startswith("unet_lab.")


def show_progress() -> Explorer:
    """The panel of notebook 00: which exercises you have passed."""
    return progress_panel(LESSON_NAMES)
