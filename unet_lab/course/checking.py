"""How an exercise is checked: facts about the answer, and for the first that fails a finding and three hints.

A check is a function of the answer. It raises `Wrong` with what it saw and with hints that go further each time the
student comes back with the same mistake; the last hint is a worked neighbour problem, never the solution. What the answer does
meanwhile stays within limits (`limits.py`): of time, of printing, of chance.
"""

from __future__ import annotations

import copy
import linecache
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from unet_lab.course import limits
from unet_lab.course.facts import Held
from unet_lab.plots.answers import show_answer
from unet_lab.plots.figure import DescribedFigure

_tries: Counter[tuple[str, str]] = Counter()
_PACKAGE = str(Path(__file__).parents[1])


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
    """What a check found. state : "right", "wrong" or "not tried". held : what holds of an answer that is wrong."""

    state: str
    finding: str = ""
    hints: tuple[str, ...] = ()
    picture: DescribedFigure | None = None
    printed: str = ""
    held: Held = Held()


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
    except limits.TooLong:
        clue = "Does every loop come to its end? A `while` needs something in it that makes its condition false."
        step = "Try it on a tiny input, in a cell of its own; the square in the toolbar stops it."
        neighbour = "A neighbour: `while n > 1: n / 2` runs for ever, since n stays what it is; `n = n / 2` ends."
        seconds = f"{limits.SECONDS:g} seconds of the processor's time"
        finding = f"it was stopped after {seconds} (other programs do not count); a right answer takes one or two."
        return Verdict("wrong", finding, (clue, step, neighbour))
    except SystemExit:
        return Verdict("wrong", "it calls exit(), which would end the notebook.", ("Take it out; a function ends with return.",))
    except RecursionError:
        clue = "A function that calls itself needs a case in which it does not. Or is it a name that you meant otherwise?"
        return Verdict("wrong", "it calls itself, and never stops.", (clue,))
    except Exception as error:  # the student's code may fail in any way
        if isinstance(error, MemoryError) or any(words in str(error) for words in NO_MEMORY):
            clue = "Look at the shapes of what you make: print them before. Is there one of (H, W, H, W)?"
            return Verdict("wrong", f"it needs more memory than there is: {short(str(error)) or 'no room left'}.", (clue,))
        finding = f"it stopped with {type(error).__name__}: {short(str(error))}{place_of(error)}"
        hints = (usual_cause(error),)
        return Verdict("wrong", finding, hints)
    return Verdict("right")


NO_MEMORY = ("allocate memory", "not enough memory", "out of memory")  # PyTorch's words on Linux, Windows and GPUs
USUAL = {
    "before Module.__init__() call": "The first line of __init__ must be super().__init__(): it makes the place where layers go.",
    "takes a variable number of arguments": "Count the arguments: which ones does the exercise name?",
    "expected input": "The channels do not fit: print x.shape before the layer that is named.",
    "Sizes of tensors must match": "Print the shapes of both before they are joined: the sizes or the channels differ.",
    "does not require grad": "Nothing leads back to the weights: a .detach(), .item() or torch.no_grad() cut it off.",
    "has no attribute 'shape'": "Something is None, or a number: did a function before it return nothing?",
    "'NoneType'": "Something is None: did a function before it end without return?",
}


def usual_cause(error: Exception) -> str:
    """The clue for an error of the student's code."""
    for words, clue in USUAL.items():
        if words in str(error):
            return clue
    return "Read the last line of the error first: it names what went wrong. Then call it yourself on a small input."


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


def short(text: str) -> str:
    """The first line, not too much of it."""
    first = text.strip().splitlines()[0] if text.strip() else ""
    return first if len(first) < 200 else first[:200] + " …"


def place_of(error: Exception) -> str:
    """Where in the student's own code it happened: the last line that is not of a library. An error may bring its place along."""
    if isinstance(known := getattr(error, "place", None), str):
        return known
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        library = frame.filename.startswith((_PACKAGE, "<frozen")) or "site-packages" in frame.filename
        if not library:
            line = (frame.line or linecache.getline(frame.filename, frame.lineno)).strip()
            return f" (line {frame.lineno} of your cell{f': {line}' if line else ''})"
    return ""


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
