"""Check of notebook 01: the mask encoder."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from unet_lab.course.agreement import Case, Shown, Suspect, agree
from unet_lab.course.checking import Wrong, must_be_function
from unet_lab.datasets.generator.cells import generate_cell
from unet_lab.datasets.masks import MASK_CODES, decode_mask

NEIGHBOUR = (
    "A neighbour: to turn shoe sizes into positions, start with zeros, then for position, size in enumerate(sizes): "
    "result[shoes == size] = position."
)


def encoded(grey, codes) -> np.ndarray:
    mask = np.zeros(grey.shape, np.uint8)
    for index, code in enumerate(codes):
        mask[grey == code] = index
    return mask


def encode_cases() -> list[Case]:
    """Two small ones first; then drawn: two to five codes in any order, some of which are indices too; images not square."""
    rng = np.random.default_rng(0)
    given = [(np.array([[51, 153], [255, 51]], np.uint8), MASK_CODES), (np.array([[255, 0, 0]], np.uint8), (0, 255))]
    given.append((np.array([[7, 90, 30]], np.uint8), (90, 7, 30)))
    for codes in ((1, 0), (2, 0, 1), (1, 2, 0, 3), (200, 17, 3, 90, 55), (12, 250), (9, 1, 4), (33, 32, 40, 8)):
        grey = rng.choice(np.array(codes, np.uint8), (3, 4))
        grey.flat[: len(codes)] = codes  # each occurs
        given.append((grey, codes))
    given.append((np.array([[90, 90, 30]], np.uint8), (90, 7, 30)))
    given.append((decode_mask(generate_cell(5, 48).mask[:40]), MASK_CODES))
    return [Case(encode_shown(*each), each, encode_tags(*each)) for each in given]


def encode_shown(grey, codes) -> str:
    return f"for codes {codes}, greys {grey.tolist() if grey.size <= 12 else 'of a whole mask'}"


def encode_tags(grey, codes) -> tuple[str, ...]:
    tags = {
        f"the codes are other than {MASK_CODES}: it works for the codes {MASK_CODES} only": codes != MASK_CODES,
        "there are not three codes": len(codes) != 3,
        "the codes are not in rising order": list(codes) != sorted(codes),
        "a code is also an index (a pixel is encoded again)": bool(set(codes) & set(range(len(codes)))),
        "a code does not occur in the image": set(np.unique(grey)) != set(codes),
        "the image is not square": grey.shape[0] != grey.shape[1],
    }
    return tuple(tag for tag, holds in tags.items() if holds)


def encode_suspects() -> list[Suspect]:
    def again(grey, codes):
        mask = grey.copy()
        for index, code in enumerate(codes):
            mask[mask == code] = index
        return mask

    def above(grey, codes):
        mask = np.zeros(grey.shape, int)
        for index, code in enumerate(codes):
            mask[grey >= code] = index
        return mask

    def among(grey, codes):
        return np.searchsorted(np.sort(codes), grey)

    def near(grey, codes):
        mask = np.zeros(grey.shape, int)
        for index, code in enumerate(codes):
            mask[np.abs(grey.astype(int) - code) <= 5] = index
        return mask

    def steps(grey, codes):
        return ((grey.astype(int) - codes[0]) // (codes[1] - codes[0])).astype(np.uint8)

    def two(grey, codes):
        return encoded(grey, codes[:2])

    def square(grey, codes):
        mask = encoded(grey, codes)
        mask[:, len(mask) :] = 0
        return mask

    loop = "For each position and code in enumerate(codes), find the pixels of that grey."
    return [
        Suspect(lambda g, c: len(c) - 1 - encoded(g, c).astype(int), "The classes are in reverse.",
                "The first code is class 0, the background."),
        Suspect(lambda g, c: g, "These are still the greys.", "A network with 3 classes takes 0, 1, 2, not 51, 153, 255."),
        Suspect(among, "You numbered the greys by brightness; the order of `codes` decides.",
                "With codes (90, 7, 30), grey 90 is class 0, though it is the brightest."),
        Suspect(lambda g, c: np.unique(g, return_inverse=True)[1].reshape(g.shape),
                "You numbered the greys that occur, by brightness; the order of `codes` decides.", loop),
        Suspect(lambda g, c: encoded(g, list(set(c))), "A set has no order: it numbers the codes as it likes.",
                "Keep `codes` as they are: enumerate(codes)."),
        Suspect(lambda g, c: encoded(g, MASK_CODES), f"It works for the codes {MASK_CODES} only.",
                "Use the argument `codes`, not the three greys or a division that happens to fit them."),
        Suspect(lambda g, c: encoded(g, c[:3]), "It works for three codes only: a fourth is left out.", loop),
        Suspect(lambda g, c: encoded(g, c[:4]), "It works for four codes only: a fifth is left out.", loop),
        Suspect(lambda g, c: encoded(g, [code or -1 for code in c]), "The code 0 is left out: 0 is a grey as any other.", loop),
        Suspect(lambda g, c: encoded(g, c[:-1]), "The last code is left out.", loop),
        Suspect(lambda g, c: encoded(g, c[1:]), "The first code is left out: positions begin with 0, its class.", loop),
        Suspect(lambda g, c: np.zeros_like(g), "Only the first code was looked at; is there a return inside the loop?", loop),
        Suspect(lambda g, c: encoded(g, c) + 1, "Yours start at 1.", "Positions count from 0, as enumerate does."),
        Suspect(again, "A pixel that was encoded is encoded again: a code is also an index.",
                "Read from `grey`, and write into another array."),
        Suspect(near, "A code takes its neighbours too: a tolerance, where it should be equality (==).", loop),
        Suspect(steps, "It reckons with evenly spaced codes; they may lie anywhere, in any order.", loop),
        Suspect(two, "Only two codes were looked at; is there a return inside the loop?", loop),
        Suspect(square, "As many columns as rows are looked at: height and width differ.", "grey.shape[1] columns."),
        Suspect(above, "A code took all that is above it: >= where it should be ==.", "indices[grey == code] = index."),
    ]  # fmt: skip


def encode_mask(answer) -> None:
    """my_encode_mask(grey, codes): each pixel's grey becomes its position in `codes`."""
    must_be_function(answer)

    def read(grey, codes):
        got = answer(grey, codes)
        return got if got is None or got is ... else indices_of(got, grey.shape, codes)

    clue = "For each position and code in enumerate(codes), find the pixels of that grey."
    shown = Shown(clue, (NEIGHBOUR,), image=0, describe=encode_shown, cut=(0,))
    agree(read, encoded, encode_cases(), encode_suspects(), shown)


def indices_of(got, shape, codes) -> np.ndarray:
    """The answer, where it is an array of whole numbers of the image's shape; Wrong otherwise."""
    if isinstance(got, Tensor):
        got = got.numpy()
    if not isinstance(got, np.ndarray):
        raise Wrong(f"it returns {type(got).__name__}, not an array.", "Return an array of the mask's shape.", NEIGHBOUR)
    if got.shape == (*shape, len(codes)) or got.shape == (len(codes), *shape):
        raise Wrong(
            f"the shape is {got.shape}: one layer per class (one-hot). Class indices have the mask's shape {shape}.",
            "One number per pixel: the index of its class, not a row of zeros and a one.",
            NEIGHBOUR,
        )
    if got.shape != shape:
        turned = " Rows and columns are swapped (transposed)." if got.shape == shape[::-1] else ""
        finding = f"the shape is {got.shape}, the mask's is {shape}.{turned}"
        raise Wrong(finding, "Keep rows and columns as they are.", NEIGHBOUR)
    if got.dtype.kind not in "ui":
        raise Wrong(
            f"the type is {got.dtype}. Class indices are whole numbers.",
            "They are used to look things up, as in colours[mask]: floats and booleans cannot. Use np.uint8 or np.int64.",
            NEIGHBOUR,
        )
    return got
