"""Checks of notebook 14: name the fault of five runs; write a doctor."""

from __future__ import annotations

import numpy as np

from unet_lab.course.checking import NotTried, Wrong, called
from unet_lab.course.facts import counted
from unet_lab.course.leniency import fields, word
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
    titles = {name: fault.title for name, fault in FAULTS.items()}
    strange = [said for said in answer.values() if word(said, FAULTS, titles) is None]
    if strange:
        raise Wrong(
            f"{strange[0]!r} is none of the ten in the list: {', '.join(FAULTS)}.", "Write one of these names, in quotes."
        )
    answer = {letter: word(said, FAULTS, titles) for letter, said in answer.items()}
    wrong = [letter for letter in _UNKNOWN if answer[letter] != _UNKNOWN[letter][0]]
    if not wrong:
        return
    letter = wrong[0]
    given, truth = answer[letter], _UNKNOWN[letter][0]
    count = "" if len(wrong) == 1 else f" ({len(wrong)} of 5 are wrong; the first is {letter}.)"
    with counted(len(_UNKNOWN) - len(wrong), of=len(_UNKNOWN)):
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


DIAGNOSES = ("rate too high", "softmax twice", "leak", "healthy")


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
    mixed = np.concatenate([softmax(free)[:1], free[1:]])  # only the first image
    one_pixel = free.copy()
    one_pixel[:, :, 0, 0] = softmax(free)[:, :, 0, 0]
    flat = softmax(free / 12)  # far from 0 and 1
    low_and_high = flat * np.where(np.arange(16).reshape(4, 4) % 2, 1.4, 0.6)  # sums of 0.6 and 1.4, and no number above 1
    on_average = softmax(free) * np.where(np.arange(16).reshape(4, 4) % 2, 1.5, 0.5)  # sums of 0.5 and 1.5: 1 on average
    single_precision = softmax(_outputs(rng, (1, 2, 6, 5))).astype(np.float32)
    thirds = np.abs(free) / np.abs(free).mean()
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
        ("a healthy run whose loss begins at 12", [12.0, 9.0, 7.0, 6.0, 5.5, 4.0, 3.0], free, mine, yours, "healthy",
         "High is relative: compare the end with the start, the first loss, not with a number such as 5."),
        ("a loss that rises from 0.2 to 4.5", [0.2, 0.5, 1.2, 2.8, 4.5], free, mine, yours, "rate too high",
         "High is relative: compare the end with the start, the first loss, not with a number such as 5."),
        ("a healthy run with one high peak, from which it recovers", [1.1, 0.9, 2.5, 0.8, 0.6, 0.5], free, mine, yours, "healthy",
         "Is it higher at the end than it began?"),
        ("a healthy run whose last loss is a little above the one before", [1.1, 0.8, 0.5, 0.55], free, mine, yours, "healthy",
         "A loss is noisy: compare the last with the first, not with the one before."),
        ("a healthy run with a peak of ten times the first loss, from which it recovers", [1.1, 0.9, 11.5, 0.8, 0.6, 0.5],
         free, mine, yours, "healthy", "However high the peak: what counts is where the losses end."),
        ("a healthy run that ends a little above its first loss", [1.0, 0.7, 1.02], free, mine, yours, "healthy",
         "Far above is more than a little: at least half as much again as the first loss."),
        ("a healthy run that learns nothing, its loss nearly flat", [0.7, 0.7, 0.72, 0.71], free, mine, yours, "healthy",
         "Far above is more than a little: at least half as much again as the first loss."),
        ("a healthy run that ends far above its lowest loss, and below its first", [1.0, 0.1, 0.5], free, mine, yours, "healthy",
         "Compare the end with the beginning, the first loss, not with the smallest."),
        ("a loss that rises from 0.2 to 2.5", [0.2, 0.6, 1.4, 2.5], free, mine, yours, "rate too high",
         "High is relative: how many times the first loss is the last? A difference of 3 says nothing."),
        ("outputs of a softmax over 5 classes", falling, softmax(_outputs(rng, (3, 5, 2, 6))), mine, yours, "softmax twice",
         "The number of classes is outputs.shape[1]: the sum over axis 1 is 1, whatever it is."),
        ("outputs of a softmax over 2 classes, in float32", falling, single_precision, mine, yours,
         "softmax twice", "Sums are 1 to rounding only: np.allclose, not ==."),
        ("outputs of which only the first image is a softmax", falling, mixed, mine, yours, "healthy",
         "Look at all images, every pixel."),
        ("outputs of which only one pixel adds up to 1", falling, one_pixel, mine, yours, "healthy", "Look at every pixel."),
        ("outputs that add up to 1 on average only, not at every pixel", falling, on_average, mine, yours, "healthy",
         "Each pixel's sum over the classes must be 1, not the mean of all sums."),
        ("outputs from 0 to 1 that add up to 1 on average, not at every pixel", falling, low_and_high, mine, yours, "healthy",
         "Each pixel's sum over the classes must be 1, not the mean of all sums, nor the mean of all outputs."),
        ("outputs of which only the last image is a softmax", falling, mixed[::-1].copy(), mine, yours, "healthy",
         "Look at all images, every pixel."),
        *((f"outputs from 0 to 1 of which only the {which} image is a softmax", falling, half, mine, yours, "healthy",
           "Look at all images, every pixel.")
          for which, half in (("last", np.concatenate([single[:1], flat[1:]])),
                              ("first", np.concatenate([flat[:1], single[1:]])))),
        *((f"outputs that add up to {total:g} at every pixel", falling, total * flat, mine, yours, "healthy",
           "A softmax adds up to 1, to rounding: np.allclose as it comes, no wide tolerance.")
          for total in (0.8, 1.2, 0.97, 0.5)),
        ("outputs above 0 that do not add up to 1", falling, thirds, mine, yours, "healthy", "The sum at each pixel is 1."),
        ("the last validation image is the first training image", falling, free, mine, [*yours, "a1"], "leak",
         "One image on both sides is enough, at any place: set(a) & set(b)."),
        ("the first validation image among the training images", falling, free, mine, ["d4", *yours], "leak",
         "One image on both sides is enough, at any place: set(a) & set(b)."),
        ("an image that is twice in training, none on both sides", falling, free, [*mine, "a1"], yours, "healthy",
         "Twice in training is no leak: compare training with validation."),
        ("as many training images as validation images, none on both sides", falling, free, mine, ["w", "x", "y", "z"], "healthy",
         "The number says nothing: compare the images."),
        ("the same images on both sides, in another order", falling, free, mine, mine[::-1], "leak", "set(a) & set(b)."),
        ("images in another order, none on both sides", falling, free, mine[::-1], yours[::-1], "healthy",
         "Compare the images, not their places."),
    ]  # fmt: skip
    for number, case in enumerate(cases):
        with counted(number, of=len(cases)):
            diagnosis_must_be_right(answer, *case, None if number else (list(cases[2][1]), free, mine, yours), neighbour)


def diagnosis_must_be_right(answer, what, losses, outputs, training, validation, right, clue, another, neighbour) -> None:
    """another : arguments with which an answer that returns nothing is asked again, to see whether it ever does; or None."""
    try:
        got = called(answer, list(losses), outputs.copy(), list(training), list(validation))
    except NotTried:
        if another and answer(*another) is None:
            raise
        finding = f"for {what} it returns None, expected {right!r}: a way through without return."
        raise Wrong(finding, clue, neighbour) from None
    if not isinstance(got, str):
        finding = f"for {what} it returns {type(got).__name__}, expected a word."
        raise Wrong(finding, "Return one of the four words.", neighbour)
    said = word(got, DIAGNOSES)
    if said is None:
        finding = f"for {what}: yours {got!r} is not one of the four words, {', '.join(DIAGNOSES)}."
        raise Wrong(finding, "Return one of the four words.", neighbour)
    if said != right:
        raise Wrong(f"for {what}: yours {got!r}, expected {right!r}.", clue, neighbour)


def balanced(outputs):
    """Moved so that they add up to 1 at every pixel, as logits may by chance."""
    return outputs - (outputs.sum(axis=1, keepdims=True) - 1) / outputs.shape[1]
