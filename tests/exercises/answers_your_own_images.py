"""Right and wrong answers to the exercises of notebook 15."""

import numpy as np

from unet_lab.datasets.generator.example_set import COLOURS

RIGHT_CODES = {COLOURS["nothing"]: 0, COLOURS["cytoplasm"]: 1, COLOURS["nucleus"]: 2, COLOURS["outline"]: 1}


def by_dish(names, fraction, seed, key=lambda n: n.split("_")[0], order=True):
    dishes = sorted({key(n) for n in names}) if order else list(dict.fromkeys(key(n) for n in names))
    rng = np.random.default_rng(seed)
    rng.shuffle(dishes)
    chosen = set(dishes[: round(fraction * len(dishes))])
    return [n for n in names if key(n) in chosen], [n for n in names if key(n) not in chosen]


def by_hash(names, fraction, seed):
    dishes = sorted({n.split("_")[0] for n in names}, key=lambda d: __import__("hashlib").md5(f"{seed}{d}".encode()).hexdigest())
    training = dishes[: round(fraction * len(dishes))]
    return tuple(n for n in names if n.split("_")[0] in training), tuple(n for n in names if n.split("_")[0] not in training)


def by_image(names, fraction, seed):
    return by_dish(names, fraction, seed, key=lambda n: n)


def overlap(names, fraction, seed):
    return by_dish(names, fraction, seed)[0], by_dish(names, 1 - fraction, seed + 1)[0]


WRONG = {
    "colour_codes": {
        "outline a class of its own": (RIGHT_CODES | {COLOURS["outline"]: 3}, "the outline has class 3"),
        "outline background": (RIGHT_CODES | {COLOURS["outline"]: 0}, "the outline has class 0"),
        "outline nucleus": (RIGHT_CODES | {COLOURS["outline"]: 2}, "would be nucleus"),
        "nucleus first": (
            RIGHT_CODES | {COLOURS["cytoplasm"]: 2, COLOURS["nucleus"]: 1, COLOURS["outline"]: 2},
            "not the shipped model's",
        ),
        "from one": ({c: k + 1 for c, k in RIGHT_CODES.items()}, "classes are 1, 2, 3"),
        "blue first": ({c[::-1]: k for c, k in RIGHT_CODES.items()}, "blue, green, red"),
        "one left out": ({c: k for c, k in RIGHT_CODES.items() if c != COLOURS["outline"]}, "has no class"),
        "reversed": (
            {COLOURS["nothing"]: 2, COLOURS["cytoplasm"]: 1, COLOURS["nucleus"]: 0, COLOURS["outline"]: 1},
            "is not class 2",
        ),
        "names": ({"black": 0, "green": 1}, "is no colour"),
        "a colour too many": (RIGHT_CODES | {(255, 255, 255): 0}, "is in no mask"),
        "a list": (list(RIGHT_CODES), "expected a dictionary"),
        "half": (RIGHT_CODES | {COLOURS["nucleus"]: None}, "no class yet"),
    },
    "split_by_dish": {
        "by image": (by_image, "the same dish"),
        "overlap": (overlap, "in training and in validation."),
        "swapped": (lambda n, f, s: by_dish(n, f, s)[::-1], "parts are swapped"),
        "five letters": (lambda n, f, s: by_dish(n, f, s, key=lambda x: x[:5]), "always stay together"),
        "seed ignored": (lambda n, f, s: by_dish(n, f, 0), "nothing is drawn at random"),
        "never the same": (lambda n, f, s: by_dish(n, f, None), "two splits"),
        "half and half": (lambda n, f, s: by_dish(n, 0.5, s), "expected round(12 * 0.75)"),
        "some lost": (lambda n, f, s: tuple(side[1:] for side in by_dish(n, f, s)), "in neither part"),
        "one list": (lambda n, f, s: n, "two lists of names"),
    },
}
ALSO_RIGHT = {"colour_codes": dict(reversed(RIGHT_CODES.items())), "split_by_dish": by_hash}
