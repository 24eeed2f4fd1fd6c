"""How an exercise is checked: facts about the answer, and for the first that fails a finding and three hints.

A check is a function of the answer. It raises `Wrong` with what it saw and with hints that go further each time the
student comes back with the same mistake; the last hint is a worked neighbour problem, never the solution.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
from torch import Tensor, nn

_tries: Counter[tuple[str, str]] = Counter()


class Wrong(Exception):
    """The answer fails a fact: `finding` says which, in the student's own numbers; `hints` help, one after the other."""

    def __init__(self, finding: str, *hints: str):
        super().__init__(finding)
        self.finding, self.hints = finding, hints


class NotTried(Exception):
    """There is no answer yet; its text says what to do."""

    def __init__(self, what: str = "It gives back None: write its body, and end it with return."):
        super().__init__(what)


def run_check(name: str, function: Callable, answer) -> bool:
    """Print what `function` finds about `answer`; True where it is right. Never raises for a bad answer."""
    if answer is None or answer is ...:
        print(f"○ {name}: not tried yet. Replace the None (or the ...) above and run the cell again.")
        return False
    try:
        function(answer)
    except NotTried as empty:
        print(f"○ {name}: not tried yet. {empty}")
        return False
    except Wrong as wrong:
        finding, hints = wrong.finding, wrong.hints
    except Exception as error:  # the student's code may fail in any way
        finding = f"it stopped with {type(error).__name__}: {error}"
        hints = ("Read the last line of the error first: it names what went wrong. Then call it yourself on a small input.",)
    else:
        print(f"✓ {name}: right.")
        return True
    if len(hints) == 2:  # between the clue and the neighbour problem
        hints = (hints[0], "Try it on just the case named above, in a cell of its own, and look at every step of it.", hints[1])
    _tries[name, hints[0]] += 1
    level = min(_tries[name, hints[0]], len(hints))
    print(f"✗ {name}: {finding}")
    for number, hint in enumerate(hints[:level], 1):
        print(f"  Hint {number} of {len(hints)}: {hint}")
    if level < len(hints):
        print("  (Check again for the next hint.)")
    return False


def called(function, *arguments):
    """The function's result on copies of arrays; NotTried where there is none, Wrong where the function changes its input."""
    if not callable(function):
        raise Wrong(
            f"expected a function, got {type(function).__name__} ({function!r}).",
            "Give the function itself, without brackets: check(name, my_function).",
        )
    copies = [a.copy() if isinstance(a, np.ndarray) else a.clone() if isinstance(a, Tensor) else a for a in arguments]
    result = function(*copies)
    if result is None or result is ...:
        raise NotTried
    for before, after in zip(arguments, copies, strict=True):
        if isinstance(before, np.ndarray | Tensor) and not bool((before == after).all()):
            raise Wrong(
                "the answer may be right, but your function changed the array that it was given.",
                "Make a new array, np.zeros_like(given) or given.copy() (a tensor: given.clone()), and write into that.",
                "Why it matters: the caller still needs its mask. After your function it holds other values.",
                "A neighbour: to clip without harm, write np.clip(a, 0, 1), not a[a > 1] = 1.",
            )
    return result


def fields(answer, keys) -> dict:
    """The answer as a dictionary with just these keys, all filled in; NotTried where it is empty, Wrong otherwise."""
    if not isinstance(answer, dict) or set(answer) != set(keys):
        raise Wrong(
            f"expected a dictionary with the keys {', '.join(keys)}, got {answer!r}.",
            "Keep the keys as they stand and write a value after each colon.",
        )
    left = [key for key in keys if answer[key] is None or answer[key] is ...]
    if len(left) == len(answer):
        raise NotTried("Replace each None above and run the cell again.")
    if left:
        raise Wrong(f"no value yet for {', '.join(left)}.", "Write a value after each colon.")
    return answer


def number(answer, unit: str = "a number") -> float:
    """The answer as a float; Wrong where it is none."""
    try:
        if isinstance(answer, bool):
            raise TypeError
        return float(answer)
    except (TypeError, ValueError):
        raise Wrong(
            f"expected {unit}, got {type(answer).__name__}: {answer!r}.",
            "Give the number itself, without quotes and without brackets.",
        ) from None


def compare(shown: str, got, right: np.ndarray, suspects: list[tuple], otherwise: str, *hints: str) -> None:
    """Nothing where `got` equals `right` (to 1e-4); else Wrong, with the finding and the clue of the first suspect that fits.

    shown : the case in words. suspects : (value or array, or a function that gives it; finding; clue), in order of trial.
    otherwise : the clue for any other mistake. hints : what follows the clue; the last is a neighbour problem.
    """
    try:
        got = np.asarray(got.detach() if isinstance(got, Tensor) else got, dtype=np.float64)
    except (TypeError, ValueError):
        raise Wrong(f"{shown}: expected numbers, got {type(got).__name__}.", "Return an array or a number.") from None
    right = np.asarray(right, dtype=np.float64)
    if got.shape == right.shape and np.allclose(got, right, atol=1e-4):
        return
    for suspect, finding, clue in suspects:
        with np.errstate(all="ignore"):
            value = np.asarray(suspect() if callable(suspect) else suspect, dtype=np.float64)
        if got.shape == value.shape and np.allclose(got, value, atol=1e-4, equal_nan=True):
            raise Wrong(f"{shown}: {_both(got, right)}. {finding}", clue, *hints)
    if got.shape != right.shape:
        raise Wrong(f"{shown}: the shape is {got.shape}, expected {right.shape}.", otherwise, *hints)
    raise Wrong(f"{shown}: {_both(got, right)}.", otherwise, *hints)


def _both(got: np.ndarray, right: np.ndarray) -> str:
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
