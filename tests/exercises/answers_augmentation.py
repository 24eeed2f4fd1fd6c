"""Right and wrong answers to the exercises of notebook 10."""

import numpy as np

RIGHT = {"A": "mask mixed", "B": "fine", "C": "two draws", "D": "not random", "E": "mask left behind", "F": "not standardised"}


def pair(change):
    return lambda image, mask, mirrored, turns: tuple(change(a, mirrored, turns).copy() for a in (image, mask))


def by_transposing(image, mask, mirrored, turns):
    """Right too: mirror, and turn by transposing and flipping."""
    result = []
    for array in (image, mask):
        array = np.fliplr(array) if mirrored else array
        for _ in range(turns):
            array = np.flipud(array.T)
        result.append(array.copy())
    return result


def in_place(image, mask, mirrored, turns):
    if mirrored:
        image[:] = image[:, ::-1].copy()
        mask[:] = mask[:, ::-1].copy()
    return np.rot90(image, turns).copy(), np.rot90(mask, turns).copy()


def right(a, mirrored, turns):
    return np.rot90(a[:, ::-1] if mirrored else a, turns)


WRONG = {
    "flip_rotate": {
        "clockwise": (pair(lambda a, m, t: np.rot90(a[:, ::-1] if m else a, -t)), "It turns clockwise"),
        "upside down": (pair(lambda a, m, t: np.rot90(a[::-1] if m else a, t)), "mirrored upside down"),
        "turn first": (pair(lambda a, m, t: np.rot90(a, t)[:, ::-1] if m else np.rot90(a, t)), "turns first"),
        "no mirror": (pair(lambda a, m, t: np.rot90(a, t)), "It is not mirrored"),
        "no turn": (pair(lambda a, m, t: a[:, ::-1] if m else a), "It is not turned"),
        "mask forgotten": (lambda i, k, m, t: (right(i, m, t).copy(), k), "the mask is not"),
        "image forgotten": (lambda i, k, m, t: (i, right(k, m, t).copy()), "the image is not"),
        "views": (lambda i, k, m, t: (right(i, m, t), right(k, m, t)), "negative stride"),
        "one array": (lambda i, k, m, t: right(i, m, t).copy(), "Return both"),
        "in place": (in_place, "changed the array"),
        "transposed": (pair(lambda a, m, t: (a[:, ::-1] if m else a).T if t else right(a, m, t)), "pixels lie elsewhere"),
    },
    "augmentation_bugs": {
        "all fine": (dict.fromkeys(RIGHT, "fine"), "1 of 6 are right. A is not 'fine'"),
        "A left behind": (RIGHT | {"A": "mask left behind"}, "A is not 'mask left behind'"),
        "C and E swapped": (RIGHT | {"C": "mask left behind", "E": "two draws"}, "C is not 'mask left behind'"),
        "B mixed": (RIGHT | {"B": "mask mixed"}, "Count labels"),
        "F fine": (RIGHT | {"F": "fine"}, "Print mean and standard deviation"),
        "D fine": (RIGHT | {"D": "fine"}, "Call it with two seeds"),
        "a word": (RIGHT | {"D": "boring"}, "is no fault of the list"),
        "half": (RIGHT | {"D": None}, "no value yet for D"),
    },
}
ALSO_RIGHT = {"flip_rotate": by_transposing, "augmentation_bugs": dict(reversed(RIGHT.items()))}
