"""How an exercise is checked: facts about the answer, and for the first that fails a finding and three hints.

A check is a function of the answer. It raises `Wrong` with what it saw and with hints that go further each time the
student comes back with the same mistake; the last hint is a worked neighbour problem, never the solution. What the answer does
meanwhile stays within limits (`limits.py`): of time, of printing, of chance.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from unet_lab.course import limits
from unet_lab.course.facts import Held
from unet_lab.course.stops import short, why_it_stopped
from unet_lab.plots.answers import show_answer
from unet_lab.plots.figure import DescribedFigure

_tries: Counter[tuple[str, str]] = Counter()


class Wrong(Exception):
    """The answer fails a fact: `finding` says which, in the student's own numbers; `hints` help, one after the other.

    picture : where the answer is an image, the input, the answer, what was expected and where they differ.
    held : which facts hold nevertheless (`facts.py` notes them).
    """

    def __init__(self, finding: str, *hints: str, picture: DescribedFigure | None = None):
        super().__init__(finding)
        self.finding, self.hints, self.picture, self.held = finding, hints, picture, Held()


class NotTried(Exception):
    """There is no answer yet; its text says what to do."""

    def __init__(self, what: str = "It gives back None: write its body, and end it with return."):
        super().__init__(what)


class Verdict(NamedTuple):
    """What a check found. state : "right", "wrong" or "not tried". held : what holds of an answer that is wrong.

    broke : whether it is wrong because it did not come to its end: an error, no time or no memory left, an exit().
    """

    state: str
    finding: str = ""
    hints: tuple[str, ...] = ()
    picture: DescribedFigure | None = None
    printed: str = ""
    held: Held = Held()
    broke: bool = False


def judge(function: Callable, answer) -> Verdict:
    """What `function` finds about `answer`. Never raises for a bad answer, and takes `limits.SECONDS` at most."""
    if answer is None or answer is ...:
        return Verdict("not tried", "Replace the None (or the ...) above and run the cell again.")
    with limits.printing_kept() as printed, limits.chance_restored():
        verdict = judged(lambda given: settings_must_stay(function, given), answer)
    return verdict._replace(printed=str(printed))


def settings_must_stay(function: Callable, answer) -> None:
    """Check, and Wrong where the answer has changed what holds for all of PyTorch, and so for every cell after it."""
    before = torch.is_grad_enabled(), torch.get_default_dtype()
    function(answer)
    if (torch.is_grad_enabled(), torch.get_default_dtype()) != before:
        what = f"gradients are {'on' if torch.is_grad_enabled() else 'off'}, new tensors are {torch.get_default_dtype()}"
        finding = f"the answer may be right, but it changed a setting of PyTorch, and for every cell after it {what}."
        raise Wrong(finding, "Switch gradients off for some lines only: with torch.no_grad(): and those lines, indented.")


def judged(function: Callable, answer) -> Verdict:
    try:
        limits.within(limits.SECONDS, lambda: function(answer))
    except NotTried as empty:
        return Verdict("not tried", str(empty))
    except Wrong as wrong:
        hints = wrong.hints
        if len(hints) == 2:  # between the clue and the neighbour problem
            step = "Try it on just the case named above, in a cell of its own, and look at every step of it."
            hints = (hints[0], step, hints[1])
        return Verdict("wrong", wrong.finding, hints, wrong.picture, held=wrong.held)
    except (limits.TooLong, SystemExit, Exception) as stop:  # the student's code may fail in any way
        finding, hints = why_it_stopped(stop)
        return Verdict("wrong", finding, hints, broke=True)
    return Verdict("right")


def run_check(name: str, function: Callable, answer) -> Verdict:
    """Print what `function` finds about `answer`, with as many hints as it was asked for, and return it."""
    verdict = judge(function, answer)
    if verdict.state == "right":
        print(f"✓ {name}: right.")
        return verdict
    if verdict.state == "not tried":
        print(f"○ {name}: not tried yet. {verdict.finding}")
        return verdict
    hints = verdict.hints
    _tries[name, hints[0]] += 1
    level = min(_tries[name, hints[0]], len(hints))
    print(f"✗ {name}: {verdict.finding}")
    for number, hint in enumerate(hints[:level], 1):
        print(f"  Hint {number} of {len(hints)}: {hint}")
    if level < len(hints):
        print("  (Check again for the next hint.)")
    if verdict.printed:
        print("  Your answer printed:")
        print("\n".join(f"  | {line}" for line in verdict.printed.splitlines()))
    if verdict.picture is not None:
        _display(verdict.picture)
    return verdict


def _display(picture: DescribedFigure) -> None:
    """Show it where this is a notebook."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        return
    if get_ipython() is not None:
        display(picture)


def called(function, *arguments):
    """The function's result on copies of what it is given; NotTried where there is none, Wrong where it changes its input."""
    must_be_function(function)
    copies = [copied(a) for a in arguments]
    result = function(*copies)
    if result is None or result is ...:
        raise NotTried
    for before, after in zip(arguments, copies, strict=True):
        if not same(before, after):
            kind = "array" if isinstance(before, np.ndarray | Tensor) else type(before).__name__
            raise Wrong(
                f"the answer may be right, but your function changed the {kind} that it was given.",
                "Make a new one and change that: given.copy() of an array, given.clone() of a tensor, list(given) of a list.",
                "Why it matters: the caller still needs what it gave. After your function it holds other values.",
                "A neighbour: to clip without harm, write np.clip(a, 0, 1), not a[a > 1] = 1.",
            )
    return result


def must_be_function(function) -> None:
    """Wrong where it is no function."""
    if not callable(function):
        raise Wrong(
            f"expected a function, got {type(function).__name__} ({short(repr(function))}).",
            "Give the function itself, without brackets: check(name, my_function).",
        )


def copied(argument):
    if isinstance(argument, np.ndarray):
        mirrored = tuple(slice(None, None, -1 if stride < 0 else 1) for stride in argument.strides)
        kept = argument[mirrored].copy(order="K")  # as it lies in memory, by rows or by columns, or mirrored
        return kept[mirrored] if argument.size and argument.ndim else np.asarray(kept)
    if isinstance(argument, Tensor):
        return argument.clone()
    return copy.deepcopy(argument) if isinstance(argument, list | dict | set) else argument


def same(before, after) -> bool:
    if isinstance(before, np.ndarray):
        return before.shape == after.shape and bool(np.array_equal(before, after, equal_nan=before.dtype.kind == "f"))
    if isinstance(before, Tensor):
        return before.shape == after.shape and bool((before == after).all())
    if isinstance(before, list | dict | set):
        return len(before) == len(after) and (before is after or repr(before) == repr(after))
    return True


def compare(shown: str, got, right: np.ndarray, suspects: list[tuple], otherwise: str, *hints: str, given=None) -> None:
    """Nothing where `got` equals `right` (to 1e-4); else Wrong, with the finding and the clue of the first suspect that fits.

    shown : the case in words. suspects : (value or array, or a function that gives it; finding; clue), in order of trial.
    otherwise : the clue for any other mistake. hints : what follows the clue; the last is a neighbour problem.
    given : the input, where it is an image; it then stands beside the answer in the picture.
    """
    try:
        got = np.asarray(got.detach() if isinstance(got, Tensor) else got)
        if got.dtype.kind == "c":
            raise TypeError
        got = got.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        raise Wrong(f"{shown}: expected numbers, got {type(got).__name__}.", "Return an array or a number.") from None
    right = np.asarray(right, dtype=np.float64)
    if got.shape == right.shape and np.allclose(got, right, atol=1e-4):
        return
    picture = side_by_side(got, right, given)
    for suspect, finding, clue in suspects:
        with np.errstate(all="ignore"):
            value = np.asarray(suspect() if callable(suspect) else suspect, dtype=np.float64)
        if got.shape == value.shape and np.allclose(got, value, atol=1e-4, equal_nan=True):
            raise Wrong(f"{shown}: {both(got, right)}. {finding}", clue, *hints, picture=picture)
    if got.shape != right.shape:
        raise Wrong(f"{shown}: the shape is {got.shape}, expected {right.shape}.", otherwise, *hints, picture=picture)
    raise Wrong(f"{shown}: {both(got, right)}.", otherwise, *hints, picture=picture)


def side_by_side(got, right, given=None) -> DescribedFigure | None:
    """The input, the answer, what was expected and where they differ, where all of it is two-dimensional; else None."""
    got, right = np.asarray(got), np.asarray(right)
    if got.ndim != 2 or right.ndim != 2 or 0 in got.shape or min(right.shape) < 2 or max(*got.shape, *right.shape) > 4096:
        return None
    if got.dtype.kind not in "biuf" or right.dtype.kind not in "biuf":
        return None
    return show_answer(got, right, given if given is not None and np.ndim(given) == 2 else None)


def smallest(goes_wrong: Callable[..., bool], *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    """Cut rows and columns off arrays (H, W) as long as it still goes wrong: the smallest input that shows the mistake.

    goes_wrong : of so many arrays, True where the answer fails on them; an error in it counts as another mistake.

    >>> [a.tolist() for a in smallest(lambda a: bool((a > 8).any()), np.arange(12).reshape(3, 4))]
    [[[11]]]
    """
    for axis in (0, 1):
        step = arrays[0].shape[axis] // 2
        while step and arrays[0].shape[axis] > 1:
            for kept in (slice(step, None), slice(None, -step)):
                cut = tuple(a[kept] if axis == 0 else a[:, kept] for a in arrays)
                if cut[0].size and fails(goes_wrong, cut):
                    arrays = cut
                    break
            else:
                step //= 2
    return arrays


def fails(goes_wrong, arrays) -> bool:
    try:
        return bool(goes_wrong(*(a.copy() for a in arrays)))
    except Exception:  # not the mistake that we look for
        return False


def both(got: np.ndarray, right: np.ndarray) -> str:
    if right.size > 12 or got.size > 12:
        if got.shape != right.shape:
            return f"the shape is {got.shape}, expected {right.shape}"
        place = tuple(int(v) for v in np.unravel_index(np.nanargmax(np.abs(got - right)), right.shape))
        return f"at {place} yours {got[place]:.4g}, expected {right[place]:.4g}"
    return f"yours {np.round(got, 4).tolist()}, expected {np.round(right, 4).tolist()}"


def module_class(answer, name: str) -> None:
    """Wrong where the answer is no class of networks."""
    if not (isinstance(answer, type) and issubclass(answer, nn.Module)):
        raise Wrong(f"expected a class, got {answer!r}.", f"Give the class itself, without brackets: check({name!r}, MyClass).")


def close(a: float, b: float, tolerance: float = 1e-3) -> bool:
    """True where two numbers agree to `tolerance`."""
    return bool(abs(a - b) <= tolerance)
