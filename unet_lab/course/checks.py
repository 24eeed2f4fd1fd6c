"""Exercises that check themselves: `check("encode_mask", my_encode_mask)` prints what is right or what to look at next."""

from __future__ import annotations

import textwrap
from types import FunctionType

from unet_lab.course.checking import Verdict, run_check
from unet_lab.course.exercises import CHECKS, LESSON_NAMES
from unet_lab.course.panel import progress_panel
from unet_lab.course.progress import record
from unet_lab.explorers.base import Explorer

WIDTH = 70  # characters of a line in an error; `nbgrader validate` cuts off what is longer than 87


class Passed(int):
    """True or False, but as the last line of a cell it shows nothing below what `check` has printed.

    problem : what is wrong, and the first hint; "" where the answer is right.
    """

    problem = ""

    def or_raise(self) -> None:
        """AssertionError where the answer is not right, for programs that mark by errors: nbgrader, Otter-Grader, pytest."""
        if self.problem:
            raise AssertionError(self.problem)

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
    passed = Passed(verdict.state == "right")
    passed.problem = problem_of(name, verdict, answer)
    return passed


def problem_of(name: str, verdict: Verdict, answer) -> str:
    """What an answer gets no points for, with the first hint; the library's own part gets none either."""
    if verdict.state == "right":
        return f"{name}: this is the library's own part. Write yours." if is_the_library_s(answer) else ""
    if verdict.state == "not tried":
        return wrapped(f"{name}: not tried yet. {verdict.finding}")
    said = [f"{name}: {verdict.finding}", *(f"Hint: {hint}" for hint in verdict.hints[:1])]
    return "\n".join(wrapped(line) for text in said for line in text.splitlines())


def wrapped(line: str) -> str:
    return textwrap.fill(line, WIDTH, break_long_words=False, break_on_hyphens=False)


def is_the_library_s(answer) -> bool:
    """Whether an answer is a function or class of this library itself."""
    return isinstance(answer, FunctionType | type) and str(answer.__module__).startswith("unet_lab.")


def show_progress() -> Explorer:
    """The panel of notebook 00: which exercises you have passed."""
    return progress_panel(LESSON_NAMES)
