"""A function against the right one, on cases drawn anew: where they differ, which known mistake gives the student's own numbers.

A diagnosis is never a guess from one number: a suspect is a function too, and it is named only where it agrees with the answer
on all cases. Where none does, the finding says in which cases the answer fails, or that the mistake is not recognised.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from unet_lab.course.checking import NotTried, Wrong, called, copied, short, side_by_side, smallest
from unet_lab.course.differences import CHANGES, brief, changed, difference, equal, numbers
from unet_lab.course.facts import counted


class Case(NamedTuple):
    """What a function is given. shown : in words. tags : what may be special about it, to be read after "only where"."""

    shown: str
    given: tuple
    tags: tuple[str, ...] = ()


class Suspect(NamedTuple):
    """A known mistake: the function that makes it, of the same arguments; what it is; what to do."""

    function: Callable
    finding: str
    clue: str


class Outcome(NamedTuple):
    case: Case
    got: np.ndarray | None
    right: np.ndarray
    error: Exception | None
    raw: object = None  # what was returned, itself


class Shown(NamedTuple):
    """How a difference is told. otherwise : the clue where no suspect fits. hints : what follows a clue.
    image : which argument is an image and stands beside the answer in the picture. tolerance : absolute and relative."""

    otherwise: str
    hints: tuple[str, ...]
    image: int | None = None
    tolerance: float = 1e-4
    describe: Callable | None = None  # the case in words, of its arguments, where it was made smaller
    cut: tuple[int, ...] = ()  # which arguments are arrays of one shape, that may be cut down to the smallest that still fails


def agree(answer: Callable, right: Callable, cases: Sequence[Case], suspects: Sequence[Suspect], shown: Shown) -> None:
    """Nothing where `answer` gives what `right` gives in all cases (small ones first); else Wrong, with a diagnosis."""
    outcomes = [outcome(answer, right, case) for case in cases]
    failed = [o for o in outcomes if o.error is not None or not equal(o.got, o.right, shown.tolerance)]
    with counted(len(outcomes) - len(failed), of=len(outcomes)):
        earlier_answers_must_stay(outcomes, shown)
        the_same_again(answer, outcomes, shown)
        if failed:
            explain(answer, right, outcomes, failed, suspects, shown)


def explain(answer: Callable, right: Callable, outcomes, failed, suspects: Sequence[Suspect], shown: Shown) -> None:
    """Say why the answer is wrong, where it is, in the words that fit most closely."""
    first = min(failed, key=lambda o: o.error is not None)  # the first one of them, one with an answer if there is any
    if all(isinstance(o.error, NotTried) for o in outcomes):
        raise NotTried
    if isinstance(first.error, NotTried):
        raise Wrong(f"{first.case.shown}: it returns None.", "One way through has no return: each must end in one.", *shown.hints)
    if all(o.error is not None for o in failed):
        where = where_it_fails(outcomes, failed)
        if not where:
            raise failed[0].error
        error = first.error
        finding = f"{first.case.shown}: it stopped with {type(error).__name__}: {short(str(error))}. Only where {where}."
        raise Wrong(finding, f"It must work there too: where {where}.", *shown.hints)
    say(answer, right, first, outcomes, failed, suspects, shown)


def earlier_answers_must_stay(outcomes: Sequence[Outcome], shown: Shown) -> None:
    """Wrong where what was returned holds other numbers after later calls: it is one array, used again."""
    for o in outcomes:
        if o.got is not None and not equal(numbers(o.raw, o.case.shown), o.got, 0.0):
            raise Wrong(
                f"{o.case.shown}: what you returned changed when your function was called again: one array serves all calls.",
                "Make the array inside the function, anew at each call; a default argument is made once only.",
                *shown.hints,
            )


def the_same_again(answer: Callable, outcomes: Sequence[Outcome], shown: Shown) -> None:
    """Wrong where a case that was right at first gets another answer now: something is kept from call to call."""
    for o in [o for o in outcomes if equal(o.got, o.right, shown.tolerance)][:3]:
        again = outcome(answer, lambda *given, o=o: o.right, o.case)
        if not equal(again.got, o.got, shown.tolerance):
            now = f"it stops: {short(str(again.error))}" if again.error is not None else difference(again.got, o.got)
            raise Wrong(
                f"{o.case.shown}: right at the first call, and after others not: {now}. "
                "Something is kept from call to call, so that a second call begins with what the first one left.",
                "Begin anew inside the function: numbers and arrays that are made outside it, or in a default argument, are made "
                "once only.",
                *shown.hints,
            )


def answers_an_earlier_case(outcomes: Sequence[Outcome], failed: Sequence[Outcome]) -> str:
    """The earlier case to which the first wrong answer is the right one, where all wrong ones are such; else ""."""
    found = []
    for o in failed:
        place = next(k for k, other in enumerate(outcomes) if other is o)
        before = [e for e in outcomes[:place] if o.got is not None and o.got.any() and np.array_equal(o.got, e.right)]
        if not before:
            return ""
        found.append(before[0].case.shown)
    return found[0] if len(found) > 2 else ""


def outcome(answer: Callable, right: Callable, case: Case) -> Outcome:
    truth = numbers(right(*case.given), case.shown)
    try:
        raw = called(answer, *case.given)
        got = numbers(raw, case.shown).copy()
    except Wrong:
        raise
    except Exception as error:  # the student's code may fail in any way
        return Outcome(case, None, truth, error)
    return Outcome(case, got, truth, None, raw)


def smaller(first: Outcome, answer: Callable, right: Callable, shown: Shown) -> Outcome:
    """The same mistake on the smallest part of the input that still shows it."""
    if not shown.cut or first.case.given[shown.cut[0]].size <= 10:
        return first

    def given(*arrays) -> tuple:
        rest = dict(zip(shown.cut, arrays, strict=True))
        return tuple(rest.get(place, argument) for place, argument in enumerate(first.case.given))

    def wrong(*arrays) -> bool:
        return not equal(numbers(answer(*given(*arrays)), ""), numbers(right(*given(*arrays)), ""), shown.tolerance)

    least = given(*smallest(wrong, *(first.case.given[place] for place in shown.cut)))
    made = outcome(answer, right, Case(shown.describe(*least) if shown.describe else first.case.shown, least))
    return made if made.error is None and not equal(made.got, made.right, shown.tolerance) else first


def say(answer, right, first: Outcome, outcomes, failed, suspects, shown: Shown) -> None:
    first = smaller(first, answer, right, shown)
    numbers_shown = difference(first.got, first.right)
    picture = side_by_side(first.got, first.right, first.case.given[shown.image] if shown.image is not None else None)
    start = f"{first.case.shown}: {numbers_shown}."
    for suspect in suspects:
        if fits(suspect, outcomes, shown.tolerance):
            raise Wrong(f"{start} {suspect.finding}", suspect.clue, *shown.hints, picture=picture)
    for words, change in CHANGES.items():
        if all(o.got is None or equal(o.got, changed(change, o.right), shown.tolerance) for o in outcomes):
            raise Wrong(f"{start} Yours is the right answer, {words}.", shown.otherwise, *shown.hints, picture=picture)
    earlier = answers_an_earlier_case(outcomes, failed)
    if earlier:
        finding = f"{start} Yours is the answer {earlier}, which was asked before: something is kept from call to call."
        raise Wrong(finding, "Use the arguments only; what is kept must be found by all of them.", *shown.hints, picture=picture)
    where = where_it_fails(outcomes, failed)
    if where:
        count = f"{len(outcomes) - len(failed)} of {len(outcomes)} cases are right"
        finding = f"{start} {count}; it goes wrong only where {where}."
        raise Wrong(finding, shown.otherwise, *shown.hints, picture=picture)
    given = ", ".join(short(repr(brief(argument))) for argument in first.case.given)
    finding = f"{start} The mistake is not recognised. Given: {given}."
    raise Wrong(finding, shown.otherwise, *shown.hints, picture=picture)


def fits(suspect: Suspect, outcomes: Sequence[Outcome], tolerance: float) -> bool:
    """Whether the suspect gives the student's own numbers wherever the answer gave any."""
    for o in outcomes:
        if o.got is None:
            continue
        try:
            with np.errstate(all="ignore"):
                value = suspect.function(*(copied(argument) for argument in o.case.given))
                value = numbers(value, "")
        except Exception:  # it does not apply to this case
            return False
        if not equal(o.got, value, tolerance):
            return False
    return True


def where_it_fails(outcomes: Sequence[Outcome], failed: Sequence[Outcome]) -> str:
    """The tag that all failures have in common and the fewest right ones; "" where there is none, or nothing is right."""
    right = [o for o in outcomes if not any(o is other for other in failed)]
    common = set.intersection(*(set(o.case.tags) for o in failed))
    ranked = sorted(common, key=lambda tag: (sum(tag in o.case.tags for o in right), tag))
    if not ranked or not right or all(ranked[0] in o.case.tags for o in right):
        return ""
    exact = not any(ranked[0] in o.case.tags for o in right)
    return ranked[0] if exact or len(right) > len(outcomes) / 2 else ""
