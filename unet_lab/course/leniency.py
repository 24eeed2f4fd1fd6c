"""What an answer says, whatever its form: NumPy numbers, tensors, tuples, capitals, spaces and titles mean what they say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import numpy as np
from torch import Tensor

from unet_lab.course.checking import NotTried, Wrong

SPELLINGS = {"normalized": "normalised", "standardized": "standardised", "color": "colour", "center": "centre"}


def plain(word) -> str:
    """A word without what does not matter: capitals, spaces, hyphens, underscores, a full stop, American spelling.

    >>> plain(" No_pooling. ") == plain("no pooling")
    True
    """
    text = re.sub(r"[\s_\-–]+", "", str(word).strip().rstrip(".!").lower())
    for american, british in SPELLINGS.items():
        text = text.replace(american, british)
    return text


def fields(answer, keys: Iterable[str]) -> dict:
    """The answer as a dictionary with just these keys, all filled in; NotTried where it is empty, Wrong otherwise."""
    keys = list(keys)
    known = {plain(key): key for key in keys}
    found = {known.get(plain(key), key): value for key, value in answer.items()} if isinstance(answer, Mapping) else None
    if isinstance(answer, Mapping) and {plain(value) for value in answer.values()} == set(known):
        finding = f"keys and values are exchanged: {next(iter(answer))!r} stands before the colon, and belongs behind it."
        raise Wrong(finding, f"Keep the keys as they stand, {', '.join(keys)}, and write a value after each colon.")
    if isinstance(answer, Mapping) and not any(is_filled(value) for value in answer.values()):
        gone = f"It is empty: give it the keys {', '.join(keys)}, with a value for each."
        raise NotTried("Replace each None above and run the cell again." if answer else gone)
    if found is None or set(found) != set(keys):
        raise Wrong(
            f"expected a dictionary with the keys {', '.join(keys)}, got {answer!r}.",
            "Keep the keys as they stand and write a value after each colon.",
        )
    left = [key for key in keys if found[key] is None or found[key] is ...]
    if left:
        raise Wrong(f"no value yet for {', '.join(left)}.", "Write a value after each colon.")
    return {key: found[key] for key in keys}


def is_filled(value) -> bool:
    """Whether something was written here: not None, not ..., not empty quotes."""
    return not (value is None or value is ... or (isinstance(value, str) and not value.strip()))


def number(answer, unit: str = "a number") -> float:
    """The answer as a float; Wrong where it is none, or where it is True or False."""
    try:
        if isinstance(answer, bool | np.bool_):
            raise TypeError
        return float(answer)
    except (TypeError, ValueError, RuntimeError):
        raise Wrong(
            f"expected {unit}, got {type(answer).__name__}: {answer!r}.",
            "Give the number itself, without quotes and without brackets.",
        ) from None


def truth(answer) -> bool | None:
    """True or False, also as NumPy's, as 0 and 1, or as words; None where it is neither."""
    if isinstance(answer, str):
        return {"true": True, "yes": True, "false": False, "no": False}.get(answer.strip().lower())
    try:
        value = answer.item() if hasattr(answer, "item") else answer
    except (ValueError, RuntimeError):
        return None
    if isinstance(value, bool | int | float) and value in (0, 1):
        return bool(value)
    return None


def word(answer, words: Iterable[str], titles: Mapping[str, str] | None = None) -> str | None:
    """The one of `words` that is meant, also where its title was written; None where it is none of them."""
    if not isinstance(answer, str):
        return None
    names = {plain(name): name for name in words} | {plain(title): name for name, title in (titles or {}).items()}
    return names.get(plain(answer))


def sequence(answer) -> list | None:
    """The parts of a list, tuple, array, tensor or range; None for anything else, also for text and dictionaries."""
    if isinstance(answer, Tensor):
        answer = answer.detach().cpu().numpy()
    if isinstance(answer, np.ndarray):
        return answer.tolist() if answer.ndim else None
    if isinstance(answer, str | bytes | Mapping) or not isinstance(answer, Iterable):
        return None
    return list(answer)


def pair(answer) -> list | None:
    """Two things, in whatever holds two; None for anything else."""
    if isinstance(answer, tuple | list) and len(answer) == 2:
        return list(answer)
    return None


def whole(value) -> int | None:
    """A whole number, of whatever type (True and False are none); None for anything else."""
    try:
        if isinstance(value, bool | np.bool_ | str | bytes):
            return None
        return int(value) if float(value) == int(value) else None
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None
