"""Why an answer did not come to its end, in words, and what helps."""

from __future__ import annotations

import linecache
import traceback
from pathlib import Path

from unet_lab.course import limits

_PACKAGE = str(Path(__file__).parents[1])
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


def usual_cause(error: BaseException) -> str:
    """The clue for an error of the student's code."""
    for words, clue in USUAL.items():
        if words in str(error):
            return clue
    return "Read the last line of the error first: it names what went wrong. Then call it yourself on a small input."


def why_it_stopped(error: BaseException) -> tuple[str, tuple[str, ...]]:
    """The finding and the hints for an answer that was stopped, or stopped by itself, with this error."""
    if isinstance(error, limits.TooLong):
        clue = "Does every loop come to its end? A `while` needs something in it that makes its condition false."
        step = "Try it on a tiny input, in a cell of its own; the square in the toolbar stops it."
        neighbour = "A neighbour: `while n > 1: n / 2` runs for ever, since n stays what it is; `n = n / 2` ends."
        seconds = f"{limits.SECONDS:g} seconds of the processor's time"
        finding = f"it was stopped after {seconds} (other programs do not count); a right answer takes one or two."
        return finding, (clue, step, neighbour)
    if isinstance(error, SystemExit):
        return "it calls exit(), which would end the notebook.", ("Take it out; a function ends with return.",)
    if isinstance(error, RecursionError):
        clue = "A function that calls itself needs a case in which it does not. Or is it a name that you meant otherwise?"
        return "it calls itself, and never stops.", (clue,)
    if isinstance(error, MemoryError) or any(words in str(error) for words in NO_MEMORY):
        clue = "Look at the shapes of what you make: print them before. Is there one of (H, W, H, W)?"
        return f"it needs more memory than there is: {short(str(error)) or 'no room left'}.", (clue,)
    finding = f"it stopped with {type(error).__name__}: {short(str(error))}{place_of(error)}"
    return finding, (usual_cause(error),)


def short(text: str) -> str:
    """The first line, not too much of it."""
    first = text.strip().splitlines()[0] if text.strip() else ""
    return first if len(first) < 200 else first[:200] + " …"


def place_of(error: BaseException) -> str:
    """Where in the student's own code it happened: the last line that is not of a library. An error may bring its place along."""
    if isinstance(known := getattr(error, "place", None), str):
        return known
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        library = frame.filename.startswith((_PACKAGE, "<frozen")) or "site-packages" in frame.filename
        if not library:
            line = (frame.line or linecache.getline(frame.filename, frame.lineno or 0)).strip()
            return f" (line {frame.lineno} of your cell{f': {line}' if line else ''})"
    return ""
