"""Right and wrong answers to the exercises of notebook 14."""

import math

import numpy as np

from unet_lab.doctor.faults import _UNKNOWN

RIGHT = {letter: fault for letter, (fault, _) in _UNKNOWN.items()}


def doctor(**other):
    """A right doctor with one of its rules exchanged."""
    rules = {
        "rate": lambda losses: not np.isfinite(losses).all() or losses[-1] > 3 * losses[0],
        "softmax": lambda outputs: outputs.min() >= 0 and np.allclose(outputs.sum(axis=1), 1),
        "leak": lambda training, validation: bool(set(training) & set(validation)),
        "else": "healthy",
    } | other

    def my_doctor(losses, outputs, training_images, validation_images):
        if rules["rate"](losses):
            return "rate too high"
        if rules["softmax"](outputs):
            return "softmax twice"
        return "leak" if rules["leak"](training_images, validation_images) else rules["else"]

    return my_doctor


def by_loops(losses, outputs, training_images, validation_images):
    """Right too, without NumPy's help."""
    for loss in losses:
        if math.isnan(loss) or math.isinf(loss):
            return "rate too high"
    if losses[-1] > 10 * losses[0]:
        return "rate too high"
    if all(v >= 0 for v in outputs.ravel()) and all(abs(s - 1) < 1e-6 for s in outputs.sum(1).ravel()):
        return "softmax twice"
    for image in validation_images:
        if image in training_images:
            return "leak"
    return "healthy"


WRONG = {
    "diagnoses": {
        "A": (RIGHT | {"A": "leak"}, "that would show images that are on both sides, and A does not"),
        "B": (RIGHT | {"B": "softmax twice"}, "outputs from 0 to 1 that add up to 1, and B does not"),
        "C": (RIGHT | {"C": "all background"}, "one colour in every prediction"),
        "D": (RIGHT | {"D": "rate too high"}, "a loss that jumps, or is no number, and D does not"),
        "E": (RIGHT | {"E": "mode forgotten"}, "too few updates of batch norm"),
        "all the same": (dict.fromkeys(RIGHT, "leak"), "(4 of 5 are wrong; the first is A.)"),
        "another word": (RIGHT | {"C": "overfitting"}, "is none of the ten"),
        "half": (RIGHT | {"E": None}, "no value yet for E"),
        "a list": (list(RIGHT.values()), "expected a dictionary"),
    },
    "own_doctor": {
        "always healthy": (doctor(rate=lambda v: False, softmax=lambda v: False, leak=lambda a, b: False), "NaN is not larger"),
        "sees faults everywhere": (doctor(rate=lambda v: True), "Say 'healthy' where nothing speaks against it"),
        "any rise": (doctor(rate=lambda v: not np.isfinite(v).all() or any(np.diff(v) > 0)), "A loss may go up now and then"),
        "only NaN": (doctor(rate=lambda v: np.isnan(v).any() or 1e9 > v[-1] > 3 * v[0]), "for NaN and for both infinities"),
        "only the last": (doctor(rate=lambda v: not math.isfinite(v[-1]) or v[-1] > 3 * v[0]), "not only at the last"),
        "only no number": (doctor(rate=lambda v: not np.isfinite(v).all()), "It need not be NaN"),
        "no softmax seen": (doctor(softmax=lambda v: False), "is 1 everywhere"),
        "exactly one": (doctor(softmax=lambda v: bool((v.sum(axis=1) == 1).all()) and v.min() > 2), "np.allclose"),
        "between 0 and 1": (doctor(softmax=lambda v: v.min() >= 0 and v.max() <= 1), "do they add up to 1 over the classes"),
        "adds up to 1": (doctor(softmax=lambda v: np.allclose(v.sum(axis=1), 1)), "a softmax is never below 0"),
        "all of them": (doctor(leak=lambda a, b: set(b) <= set(a)), "One image on both sides is enough"),
        "by place": (doctor(leak=lambda a, b: bool(set(a) & set(b)) or a[0] > a[-1]), "not their places"),
        "another word": (doctor(**{"else": "fine"}), "not one of the four words"),
        "a number": (lambda *given: 7, "expected a word"),
    },
}
ALSO_RIGHT = {"diagnoses": dict(reversed(RIGHT.items())), "own_doctor": by_loops}
