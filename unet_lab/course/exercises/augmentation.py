"""Checks of notebook 10: a flip and a turn of a pair; five augmentations, some of them broken."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import rotate

from unet_lab.course.checking import Wrong, called, side_by_side
from unet_lab.course.leniency import fields
from unet_lab.datasets.generator.cells import generate_cell
from unet_lab.datasets.standardise import standardise

FAULTS = {
    "fine": "nothing is wrong with it",
    "mask mixed": "the mask is interpolated: labels appear where two others meet",
    "mask left behind": "the image moves, the mask does not",
    "two draws": "image and mask are each moved by random numbers of their own",
    "not random": "whatever the seed, the change is the same",
    "not standardised": "the image that comes out no longer has mean 0 and standard deviation 1",
}


def flip_rotate(answer) -> None:
    """my_flip_rotate(image, mask, mirrored, turns): left-right mirror first, then quarter turns counter-clockwise, of both."""
    image, mask = generate_cell(4, 48)
    image, mask = image[:40], mask[:40]  # not square: a turn changes the shape
    neighbour = "A neighbour: np.flipud(a) turns [[1, 2], [3, 4]] into [[3, 4], [1, 2]]; np.rot90(a) into [[2, 4], [1, 3]]."
    for mirrored, turns in ((False, 0), (True, 0), (False, 1), (True, 1), (False, 2), (True, 3)):
        case = f"mirrored={mirrored}, turns={turns}"
        result = called(answer, image, mask, mirrored, turns)
        if not (isinstance(result, tuple | list) and len(result) == 2):
            raise Wrong(f"{case}: it returns {type(result).__name__}.", "Return both: return image, mask.", neighbour)
        right = [np.rot90(a[:, ::-1] if mirrored else a, turns) for a in (image, mask)]
        got = [np.asarray(a) for a in result]
        same = [g.shape == r.shape and np.array_equal(g, r) for g, r in zip(got, right, strict=True)]
        if not all(same):
            say_how(case, got, right, same, image, mask, mirrored, turns, neighbour)
        if any(s < 0 for g in got for s in g.strides):
            raise Wrong(
                f"{case}: right, but it is a view with a negative stride; torch.from_numpy would refuse it.",
                "End with .copy(): np.rot90 and [:, ::-1] only look at the same memory in another order.",
                neighbour,
            )


def say_how(case, got, right, same, image, mask, mirrored, turns, neighbour) -> None:
    wrong = 1 if same[0] else 0
    picture = side_by_side(got[wrong], right[wrong], (image, mask)[wrong])
    if any(same):
        stays, clue = ("image", "mask")[wrong], f"Do to the {('image', 'mask')[wrong]} what you do to the other."
        raise Wrong(f"{case}: one is right, the {stays} is not.", clue, neighbour, picture=picture)
    suspects = {
        "It turns first and mirrors afterwards: another result.": lambda a: np.rot90(a, turns)[:, ::-1] if mirrored else None,
        "It turns clockwise.": lambda a: np.rot90(a[:, ::-1] if mirrored else a, -turns),
        "It is mirrored upside down.": lambda a: np.rot90(a[::-1], turns) if mirrored else None,
        "It is not mirrored.": lambda a: np.rot90(a, turns),
        "It is not turned.": lambda a: a[:, ::-1] if mirrored else a,
    }
    for finding, suspect in suspects.items():
        if np.array_equal(got[0], suspect(image)):
            clue = "Mirror left to right first: a[:, ::-1]; then np.rot90(a, turns)."
            raise Wrong(f"{case}: {finding}", clue, neighbour, picture=picture)
    raise Wrong(
        f"{case}: shapes {got[0].shape} and {got[1].shape}, expected {right[0].shape}; the pixels lie elsewhere.",
        "Mirror left to right first: a[:, ::-1]; then np.rot90(a, turns).",
        neighbour,
        picture=picture,
    )


def turned(array, angle, order):
    return rotate(array, angle, reshape=False, order=order, mode="reflect")


def pair(image, mask, angle, mask_angle=None, mask_order=0):
    mask_angle = angle if mask_angle is None else mask_angle
    image = standardise(turned(np.asarray(image, np.float32), angle, 1))
    labels = turned(np.asarray(mask, np.float32), mask_angle, mask_order)
    return image, np.rint(labels).astype(np.uint8)


def _angle(seed):
    return float(np.random.default_rng(seed).uniform(25, 155))


SUSPECTS = {
    "A": lambda image, mask, seed: pair(image, mask, _angle(seed), mask_order=1),
    "B": lambda image, mask, seed: pair(image, mask, _angle(seed)),
    "C": lambda image, mask, seed: pair(image, mask, _angle(seed), _angle(seed + 1000)),
    "D": lambda image, mask, seed: pair(image, mask, 70.0),
    "E": lambda image, mask, seed: pair(image, mask, _angle(seed), 0.0),
    "F": lambda image, mask, seed: (lambda i, m: (1.7 * i + 0.6, m))(*pair(image, mask, _angle(seed))),
}
_TRUTH = {"A": "mask mixed", "B": "fine", "C": "two draws", "D": "not random", "E": "mask left behind", "F": "not standardised"}
_TESTS = {
    "fine": "Test it in all ways: labels, place, two seeds, mean and standard deviation. If none of them fails, it is fine.",
    "mask mixed": "Count labels: give it a mask with 0 and 2 only, and print np.unique of the mask that comes out.",
    "mask left behind": "Give it the mask as the image too: do they lie on each other? Does the mask move at all?",
    "two draws": "Give it the mask as the image too: do they lie on each other? Compare with another seed: do both move?",
    "not random": "Call it with two seeds, and compare the images that come out.",
    "not standardised": "Print mean and standard deviation of the image that comes out.",
}


def augmentation_bugs(answer) -> None:
    """A dictionary from each suspect's letter to one of FAULTS."""
    given = fields(answer, SUSPECTS)
    for letter, fault in given.items():
        if fault not in FAULTS:
            raise Wrong(f"{letter}: {fault!r} is no fault of the list.", f"Choose one of {', '.join(map(repr, FAULTS))}.")
    wrong = [letter for letter, fault in given.items() if fault != _TRUTH[letter]]
    if wrong:
        letter = wrong[0]
        test = _TESTS[given[letter]] if given[letter] != "fine" else _TESTS[_TRUTH[letter]]
        raise Wrong(
            f"{len(SUSPECTS) - len(wrong)} of {len(SUSPECTS)} are right. {letter} is not {given[letter]!r}.",
            test,
            "A pair changed rightly has three marks: the labels are the old ones, the outline in the image is that of the mask, "
            "and another seed gives another pair.",
            "A neighbour: it flips the image in half of the cases and the mask always. With the mask given as image too, "
            "(image > 0) and (mask > 0) then agree for some seeds only.",
        )
