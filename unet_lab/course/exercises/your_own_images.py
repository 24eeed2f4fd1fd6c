"""A check of notebook 15: colours to classes. (The split by dishes is in the_dishes.py.)"""

from __future__ import annotations

import numpy as np

from unet_lab.course.checking import NotTried, Wrong
from unet_lab.course.facts import counted
from unet_lab.course.leniency import whole
from unet_lab.datasets.generator.example_set import COLOURS

_CLASSES = {"nothing": 0, "cytoplasm": 1, "nucleus": 2, "outline": 1}


def colour_codes(answer) -> None:
    """{colour: class} for the four colours of the example set; its legend says which is what."""
    neighbour = (
        "A neighbour: a map with blue sea, brown land and white coast lines, read into sea and land: "
        "{(0, 0, 255): 0, (150, 75, 0): 1, (255, 255, 255): 1}. The line is not a third kind of ground."
    )
    if not isinstance(answer, dict):
        raise Wrong(f"expected a dictionary, got {type(answer).__name__}.", "Write {(red, green, blue): class, …}.")
    if not answer or all(value is None or value is ... for value in answer.values()):
        raise NotTried("Replace each None above and run the cell again.")
    strange = [key for key in answer if not (isinstance(key, tuple) and len(key) == 3)]
    if strange:
        raise Wrong(
            f"{strange[0]!r} is no colour: a colour is a tuple of three numbers, red, green and blue.",
            "Take them from the table above, e.g. (0, 0, 0).",
            neighbour,
        )
    left = [key for key, value in answer.items() if value is None or value is ...]
    if left:
        raise Wrong(f"no class yet for {left[0]}.", "Write 0, 1 or 2 after each colon.")
    for colour, value in answer.items():
        number = None if isinstance(value, float | np.floating) else whole(value)
        if number is None:
            finding = f"{colour}: {value!r} ({type(value).__name__}) is no class number (a whole one)."
            raise Wrong(finding, "Classes are whole numbers: 0, 1 or 2, no text, no True or False, no 1.0.", neighbour)
    answer = {colour: whole(value) for colour, value in answer.items()}
    truth = {COLOURS[name]: index for name, index in _CLASSES.items()}
    with counted(sum(answer.get(colour) == index for colour, index in truth.items()), of=len(truth)):
        classes_must_be_right(answer, truth, neighbour)


def classes_must_be_right(answer: dict, truth: dict, neighbour: str) -> None:
    """Wrong for the first colour that has no class or another one, or for the mistake that gives all of them."""
    names = {colour: name for name, colour in COLOURS.items()}
    if set(answer) == {colour[::-1] for colour in truth}:
        raise Wrong(
            f"the colours are written as blue, green, red: {next(c for c in answer if c not in truth)} is in no mask.",
            "OpenCV reads colours in that order; here, as nearly everywhere, red comes first.",
            neighbour,
        )
    missing = [colour for colour in truth if colour not in answer]
    if missing:
        raise Wrong(
            f"{missing[0]}, the {names[missing[0]]}, has no class: {len(answer)} of {len(truth)} colours.",
            "Every colour that occurs in a mask needs a class, or its pixels cannot be read.",
            neighbour,
        )
    extra = [colour for colour in answer if colour not in truth]
    if extra:
        raise Wrong(f"{extra[0]} is in no mask.", "Keep to the colours that the table above shows.", neighbour)
    if sorted(set(answer.values())) == [1, 2, 3]:
        raise Wrong("your classes are 1, 2, 3.", "Classes count from 0: the background is class 0.", neighbour)
    grey = next((name for name in ("nothing", "cytoplasm", "nucleus") if answer[COLOURS[name]] not in range(4)), None)
    if grey:
        finding = (
            f"{COLOURS[grey]}, the {names[COLOURS[grey]]}, has class {answer[COLOURS[grey]]}: that is a grey, no class number."
        )
        raise Wrong(finding, "Three classes are numbered 0, 1 and 2, whatever greys or colours a mask shows them in.", neighbour)
    if [answer[COLOURS[n]] for n in ("nothing", "cytoplasm")] == [1, 0]:
        finding = "the background (black) has class 1 and the cytoplasm (green) class 0: they are swapped."
        raise Wrong(finding, "0 background, 1 cell body, 2 nucleus.", neighbour)
    if answer[COLOURS["outline"]] not in (1, 2) or len(set(answer.values())) == 4:
        given = answer[COLOURS["outline"]]
        raise Wrong(
            f"the outline has class {given}. It is the yellow line that a hand drew, one pixel wide; what is it part of?",
            "The legend says: the outline belongs to the cell. It runs where the cytoplasm ends, so it is cytoplasm.",
            neighbour,
        )
    if answer[COLOURS["outline"]] == 2 and answer[COLOURS["cytoplasm"]] == 1:
        raise Wrong("the outline would be nucleus.", "It runs around the cell, not around the nucleus.", neighbour)
    if (answer[COLOURS["cytoplasm"]], answer[COLOURS["nucleus"]]) == (2, 1):
        raise Wrong(
            "cytoplasm (green) is 2 and nucleus (pink) 1: swapped. That is another order, and not the shipped model's.",
            "The shipped model knows 0 background, 1 cell body, 2 nucleus; fine-tuned with another order it must unlearn first.",
            neighbour,
        )
    wrong = [colour for colour, index in truth.items() if answer[colour] != index]
    if wrong:
        raise Wrong(
            f"{wrong[0]}, the {names[wrong[0]]}, is not class {answer[wrong[0]]!r}.",
            "0 background, 1 cell body, 2 nucleus.",
            neighbour,
        )
