"""Checks of notebook 10: a flip and a turn of a pair; five augmentations, some of them broken."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import rotate

from unet_lab.course.checking import NotTried, Wrong, must_be_function, side_by_side
from unet_lab.course.facts import counted, facts
from unet_lab.course.left_alone import left_alone
from unet_lab.course.leniency import fields, word
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


FLIP_NEIGHBOUR = "A neighbour: np.flipud(a) turns [[1, 2], [3, 4]] into [[3, 4], [1, 2]]; np.rot90(a) into [[2, 4], [1, 3]]."
ORDER = "Mirror left to right first: a[:, ::-1]; then np.rot90(a, turns); the image and the mask alike."


def moved(a, mirrored, turns):
    return np.rot90(a[:, ::-1] if mirrored else a, turns)


def mirrored_each_time(a, mirrored, turns):
    for _ in range(max(turns, 1)):
        a = np.rot90(a[:, ::-1] if mirrored else a, min(turns, 1))
    return a


MOVES = {
    "It turns first and mirrors afterwards: another result.": lambda a, m, t: np.rot90(a, t)[:, ::-1] if m else np.rot90(a, t),
    "It turns clockwise.": lambda a, m, t: moved(a, m, -t),
    "It is mirrored upside down.": lambda a, m, t: np.rot90(a[::-1] if m else a, t),
    "It is mirrored both ways: left to right and upside down.": lambda a, m, t: np.rot90(a[::-1, ::-1] if m else a, t),
    "It is not mirrored.": lambda a, m, t: np.rot90(a, t),
    "It is mirrored always, also where it is not asked.": lambda a, m, t: moved(a, True, t),
    "It is mirrored just where it is not asked.": lambda a, m, t: moved(a, not m, t),
    "It is not turned.": lambda a, m, t: moved(a, m, 0),
    "It turns once at most, whatever `turns` says.": lambda a, m, t: moved(a, m, min(t, 1)),
    "It turns always once, whatever `turns` says.": lambda a, m, t: moved(a, m, 1),
    "It makes half turns (180 degrees), not quarter turns.": lambda a, m, t: moved(a, m, 2 * t),
    "Three turns count as none.": lambda a, m, t: moved(a, m, t % 3),
    "Four turns and more are left out: 4 are none, 5 are one.": lambda a, m, t: moved(a, m, t if t < 4 else 0),
    "Four turns and more count as three: 4 are none, 5 are one.": lambda a, m, t: moved(a, m, min(t, 3)),
    "It is mirrored again at each turn.": lambda a, m, t: mirrored_each_time(a, m, t),
    "It is rolled by a column where it is mirrored.": lambda a, m, t: moved(np.roll(a, -1, axis=1) if m else a, m, t),
    "It is transposed, not turned: a turn is a transposition and a mirror.": lambda a, m, t: (
        moved(a, m, 0).T if t % 2 else moved(a, m, 0)
    ),
}


def flip_rotate(answer) -> None:
    """my_flip_rotate(image, mask, mirrored, turns): left-right mirror first, then quarter turns counter-clockwise, of both."""
    must_be_function(answer)
    image, mask = generate_cell(4, 48)
    image = (1.5 * standardise(image[:40].astype(np.float32)) + 0.5).astype(np.float32)  # so that standardising once more shows
    mask = mask[:40]  # not square: a turn changes the shape
    moves, own, whatever = facts(
        "both are mirrored and turned",
        "both are new arrays",
        "labels may be above 255, and mirrored a True of NumPy's",
    )
    found = []
    plain = [(False, 0), (True, 0), (False, 1), (True, 1), (False, 2), (True, 3), (True, 2), (False, 3), (True, 0)]
    for mirrored, turns in [*plain, (False, 4), (True, 5), (False, 6), (True, 7), (False, 9)]:
        case = f"mirrored={mirrored}, turns={turns}"
        given = image.copy(), mask.copy()
        with moves, left_alone(FLIP_NEIGHBOUR):
            result = answer(*given, mirrored, turns)
        with moves:
            got = both_arrays(case, result, given, image, mask)
        right = [moved(a, mirrored, turns) for a in (image, mask)]
        found.append((case, (mirrored, turns), got, right, given))
    failed = [one for one in found if not all(same(g, r) for g, r in zip(one[2], one[3], strict=True))]
    with moves, counted(len(found) - len(failed), of=len(found)):
        for case, _, got, right, _ in failed:
            say_how(case, found, got, right, image, mask)
    with own:
        for case, _, got, _, _ in found:
            must_not_be_turned(case, got)
        for case, _, got, _, given in found:
            must_be_own(case, result=got, given=given)
    with whatever:
        numbers_may_be_large(answer, image, 300 * mask.astype(np.int32))


def both_arrays(case, result, given, image, mask) -> list[np.ndarray]:
    """Image and mask, out of what was returned."""
    if result is None or result is ...:
        raise NotTried
    if not (np.array_equal(given[0], image) and np.array_equal(given[1], mask)):
        raise Wrong(
            f"{case}: your function changed the array that it was given.",
            "Make a new one and change that: given.copy() of an array.", FLIP_NEIGHBOUR,
        )  # fmt: skip
    if not (isinstance(result, tuple | list) and len(result) == 2):
        raise Wrong(f"{case}: it returns {type(result).__name__}.", "Return both: return image, mask.", FLIP_NEIGHBOUR)
    got = [np.asarray(a) for a in result]
    check_kinds(case, got, image, mask)
    return got


def must_not_be_turned(case, got) -> None:
    if any(s < 0 for g in got for s in g.strides):
        raise Wrong(
            f"{case}: right, but it is a view with a negative stride; torch.from_numpy would refuse it.",
            "End with .copy(): np.rot90 and [:, ::-1] only look at the same memory in another order.",
            FLIP_NEIGHBOUR,
        )


def numbers_may_be_large(answer, image, mask) -> None:
    """Instance numbers above 255; and NumPy's own True."""
    _, got = (np.asarray(a) for a in answer(image.copy(), mask.copy(), np.bool_(True), 1))
    if not same(got, moved(mask, False, 1)) and not same(got, moved(mask, True, 1)):
        labels = ", ".join(map(str, np.unique(mask)))
        finding = f"a mask of the labels {labels} comes back with {', '.join(map(str, np.unique(got)[:6]))}."
        raise Wrong(finding, "Labels may be above 255: leave the mask's type as it is.", FLIP_NEIGHBOUR)
    if not same(got, moved(mask, True, 1)):
        finding = "mirrored=np.True_, turns=1: it is not mirrored."
        raise Wrong(finding, "`if mirrored:` takes every kind of True; `is True` takes Python's only.", FLIP_NEIGHBOUR)


def same(got, right) -> bool:
    return got.shape == right.shape and np.array_equal(got, right)


def check_kinds(case, got, image, mask) -> None:
    """The mask keeps its labels and the image its numbers: of the same kind, and no others."""
    if got[1].dtype.kind not in "ui" and got[0].dtype.kind in "ui":
        raise Wrong(f"{case}: the two are swapped: the mask comes first.", "return image, mask: in this order.", FLIP_NEIGHBOUR)
    for name, mine, given in (("image", got[0], image), ("mask", got[1], mask)):
        kinds = "ui" if given.dtype.kind in "ui" else "f"
        if mine.dtype.kind not in kinds:
            finding = f"{case}: the {name} is of type {mine.dtype}; its values are rounded to whole numbers."
            if name == "mask":
                finding = f"{case}: the mask is of type {mine.dtype}; labels are whole numbers ({given.dtype})."
            raise Wrong(finding, "Only move the pixels; leave their type.", FLIP_NEIGHBOUR)


def must_be_own(case, result, given) -> None:
    if any(np.shares_memory(g, a) for g in result for a in given):
        raise Wrong(
            f"{case}: right, but it is a view of what was given: the same memory, not an array of its own.",
            "End with .copy(), also where nothing is to be done: who changes the result must not change the original.",
            FLIP_NEIGHBOUR,
        )


def say_how(case, found, got, right, image, mask) -> None:
    fits = [same(g, r) for g, r in zip(got, right, strict=True)]
    wrong = 1 if fits[0] else 0
    picture = side_by_side(got[wrong], right[wrong], (image, mask)[wrong])
    if all(sorted(np.unique(g)) == sorted(np.unique(r)) for g, r in zip(got[::-1], right, strict=True)):
        raise Wrong(f"{case}: the two are swapped: the mask comes first.", "return image, mask: in this order.", FLIP_NEIGHBOUR)
    for finding, move in MOVES.items():
        if all(same(each[2][wrong], move((image, mask)[wrong], *each[1])) for each in found):
            words = f"{case}: {finding}"
            if any(fits):
                words = f"{case}: one is right, the {('image', 'mask')[wrong]} is not. {finding}"
            raise Wrong(words, ORDER, FLIP_NEIGHBOUR, picture=picture)
    again = [each for each in found if each[1] == (True, 0)]
    if not all(same(again[0][2][0], each[2][0]) for each in again):
        finding = f"{case}: called twice it gives two results: something is drawn at random."
        raise Wrong(finding, "`mirrored` and `turns` say what to do; nothing is drawn here.", FLIP_NEIGHBOUR)
    if fits[1] and got[0].shape == right[0].shape and sorted(np.unique(got[0])) != sorted(np.unique(right[0])):
        finding = (
            f"{case}: the mask is right, and the image's values are others: {got[0].mean():.3g} on average with a deviation of "
            f"{got[0].std():.3g}, expected {right[0].mean():.3g} and {right[0].std():.3g} (standardised, scaled or rounded?)."
        )
        raise Wrong(finding, "Only move the pixels; leave their values.", FLIP_NEIGHBOUR, picture=picture)
    if any(fits):
        stays, clue = ("image", "mask")[wrong], f"Do to the {('image', 'mask')[wrong]} what you do to the other."
        raise Wrong(f"{case}: one is right, the {stays} is not.", clue, FLIP_NEIGHBOUR, picture=picture)
    if got[0].shape == right[0].shape and sorted(np.unique(got[0])) != sorted(np.unique(right[0])):
        finding = (
            f"{case}: the image's values (brightness) are others: {got[0].mean():.3g} on average, expected {right[0].mean():.3g}."
        )
        raise Wrong(finding, "Only move the pixels; leave their values.", FLIP_NEIGHBOUR, picture=picture)
    raise Wrong(
        f"{case}: shapes {got[0].shape} and {got[1].shape}, expected {right[0].shape}; the pixels lie elsewhere.",
        ORDER,
        FLIP_NEIGHBOUR,
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
    for letter, said in given.items():
        given[letter] = word(said, FAULTS)
        if given[letter] is None:
            raise Wrong(f"{letter}: {said!r} is no fault of the list.", f"Choose one of {', '.join(map(repr, FAULTS))}.")
    wrong = [letter for letter, fault in given.items() if fault != _TRUTH[letter]]
    if wrong:
        letter = wrong[0]
        test = _TESTS[given[letter]] if given[letter] != "fine" else _TESTS[_TRUTH[letter]]
        with counted(len(SUSPECTS) - len(wrong), of=len(SUSPECTS)):
            raise Wrong(
                f"{len(SUSPECTS) - len(wrong)} of {len(SUSPECTS)} are right. {letter} is not {given[letter]!r}.",
                test,
                "A pair changed rightly has three marks: the labels are the old ones, the outline in the image is that of the "
                "mask, and another seed gives another pair.",
                "A neighbour: it flips the image in half of the cases and the mask always. With the mask given as image too, "
                "(image > 0) and (mask > 0) then agree for some seeds only.",
            )
