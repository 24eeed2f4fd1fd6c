"""Checks of notebook 14: name the fault of five runs; write a doctor."""

from __future__ import annotations

import numpy as np

from unet_lab.course.checking import Wrong, called
from unet_lab.course.leniency import fields
from unet_lab.doctor.faults import _UNKNOWN, FAULTS

# For a run with the first fault, taken for the second: what speaks against it.
_AGAINST = {
    "mode forgotten": "batch norm took every step into its statistics, so train() was on; and one image gives other outputs when "
    "its neighbours change",
    "interpolated masks": "look at the masks to learn from, along the outline of the cell: who drew that thin line?",
    "leak": "the curve, the outputs and the masks are those of a healthy run; which images are on which side?",
    "softmax twice": "look at the outputs: from where to where do they go, and what is their sum at a pixel?",
    "normalised otherwise": "training went well, and the predictions are nonsense; what did the network get to see in each case?",
}
_WOULD_SHOW = {
    "all background": "one colour in every prediction, and a truth with hardly anything in it",
    "masks 0 and 255": "values above 2 in the masks, and an error at the first step",
    "interpolated masks": "a rim of nucleus around each cell in the masks to learn from",
    "normalised otherwise": "other inputs when it predicts than while training",
    "softmax twice": "outputs from 0 to 1 that add up to 1",
    "mode forgotten": "too few updates of batch norm, or outputs that change with the neighbours in the batch",
    "rate too high": "a loss that jumps, or is no number",
    "odd size": "an error about sizes, before the first step",
    "leak": "images that are on both sides",
    "flattering accuracy": "accuracy as the only score, and a truth of nearly one class",
}


def diagnoses(answer) -> None:
    """A dictionary: the fault of each of the five runs A to E, by its short name in FAULTS."""
    answer = fields(answer, tuple(_UNKNOWN))
    neighbour = (
        "A neighbour: a loss that never falls below 0.55 may be a hard problem or a softmax too many. One test tells: the "
        "outputs. Between 0 and 1, adding up to 1? Then the softmax. Any number? Then not."
    )
    strange = [name for name in answer.values() if name not in FAULTS]
    if strange:
        raise Wrong(f"{strange[0]!r} is none of the ten: {', '.join(FAULTS)}.", "Write one of these names, in quotes.")
    wrong = [letter for letter in _UNKNOWN if answer[letter] != _UNKNOWN[letter][0]]
    if not wrong:
        return
    letter = wrong[0]
    given, truth = answer[letter], _UNKNOWN[letter][0]
    count = "" if len(wrong) == 1 else f" ({len(wrong)} of 5 are wrong; the first is {letter}.)"
    raise Wrong(
        f"{letter} is not {given!r}: that would show {_WOULD_SHOW[given]}, and {letter} does not.{count}",
        f"Of {letter}: {_AGAINST[truth]}.",
        neighbour,
    )


def _outputs(rng, size=(2, 3, 4, 4)):
    return rng.normal(0, 3, size)


def softmax(logits):
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def own_doctor(answer) -> None:
    """my_doctor(losses, outputs, training_images, validation_images): "rate too high", "softmax twice", "leak" or "healthy"."""
    rng = np.random.default_rng(0)
    falling = [1.1, 0.9, 0.7, 0.6, 0.5, 0.45, 0.4, 0.35]
    bumpy = [1.1, 1.4, 0.9, 1.2, 0.7, 0.8, 0.5, 0.6]
    free = _outputs(rng)
    mine, yours = ["a1", "b2", "c3", "d4"], ["e5", "f6"]
    neighbour = (
        "A neighbour, for a list of temperatures: if any(t != t for t in temperatures): return 'broken'  (NaN is the only number "
        "that is not itself); elif max(temperatures) > 42: return 'fever'; else: return 'healthy'."
    )
    single = rng.uniform(0, 1, (2, 3, 4, 4))  # between 0 and 1, but no softmax
    cases = [
        ("a healthy run", falling, free, mine, yours, "healthy",
         "Say 'healthy' where nothing speaks against it, as the last case."),
        ("a healthy run with a bumpy loss", bumpy, free, mine, yours, "healthy",
         "A loss may go up now and then; is it higher at the end than it began, or no number?"),
        ("a loss that became NaN", [1.1, 5.0, float("nan")], free, mine, yours, "rate too high",
         "NaN is not larger than anything: math.isnan, or not math.isfinite."),
        ("a loss that became infinite", [1.1, 9.0, float("inf")], free, mine, yours, "rate too high",
         "math.isfinite(x) is False for NaN and for both infinities."),
        ("a NaN in the middle", [1.1, float("nan"), 1.0, 0.9], free, mine, yours, "rate too high",
         "Look at every loss, not only at the last."),
        ("a loss that climbs from 1.1 to 40", [1.1, 3.0, 9.0, 20.0, 40.0], free, mine, yours, "rate too high",
         "It need not be NaN: compare the end with the beginning."),
        ("outputs of a softmax", falling, softmax(free), mine, yours, "softmax twice",
         "They lie between 0 and 1, and outputs.sum(axis=1) is 1 everywhere (to rounding: np.allclose)."),
        ("outputs between 0 and 1 that are no softmax", falling, single, mine, yours, "healthy",
         "Between 0 and 1 is not enough: do they add up to 1 over the classes, axis 1?"),
        ("outputs that add up to 1 and go below 0", falling, balanced(free), mine, yours, "healthy",
         "To add up to 1 is not enough: a softmax is never below 0."),
        ("one validation image among the training images", falling, free, mine, [*yours, "c3"], "leak",
         "One image on both sides is enough: set(a) & set(b)."),
        ("images in another order, none on both sides", falling, free, mine[::-1], yours[::-1], "healthy",
         "Compare the images, not their places."),
    ]  # fmt: skip
    for what, losses, outputs, training, validation, right, clue in cases:
        got = called(answer, list(losses), outputs, list(training), list(validation))
        if not isinstance(got, str):
            finding = f"for {what} it returns {type(got).__name__}, expected a word."
            raise Wrong(finding, "Return one of the four words.", neighbour)
        if got != right:
            raise Wrong(f"for {what}: yours {got!r}, expected {right!r}.", clue, neighbour)


def balanced(outputs):
    """Moved so that they add up to 1 at every pixel, as logits may by chance."""
    return outputs - (outputs.sum(axis=1, keepdims=True) - 1) / outputs.shape[1]
