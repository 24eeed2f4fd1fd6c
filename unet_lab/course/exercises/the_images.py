"""Checks of notebook 01: the mask encoder; a seeded split."""

from __future__ import annotations

import numpy as np

from unet_lab.course.checking import Wrong, called, side_by_side, smallest
from unet_lab.datasets.generator.cells import generate_cell
from unet_lab.datasets.masks import MASK_CODES, decode_mask


def encode_mask(answer) -> None:
    """my_encode_mask(grey, codes): each pixel's grey becomes its position in `codes`."""
    small = np.array([[51, 153], [255, 51]], np.uint8)
    cases = [(small, MASK_CODES, np.array([[0, 1], [2, 0]]))]
    cases.append((np.array([[255, 0, 0]], np.uint8), (0, 255), np.array([[1, 0, 0]])))
    cases.append((np.array([[7, 90, 30]], np.uint8), (90, 7, 30), np.array([[1, 0, 2]])))
    mask = generate_cell(5, 48).mask
    cases.append((decode_mask(mask), MASK_CODES, mask))
    for grey, codes, truth in cases:
        got = called(answer, grey, codes)
        if grey.size > 10:
            grey, truth = smallest(lambda g, t, codes=codes: not np.array_equal(answer(g, codes), t), grey, truth)
            got = called(answer, grey, codes)
        compare(grey, codes, truth, got)


def compare(grey, codes, truth, got) -> None:
    shown = f"codes {codes}, greys {grey.ravel().tolist() if grey.size < 10 else 'of a whole mask'}"
    neighbour = (
        "A neighbour: to turn shoe sizes into positions, start with zeros, then for position, size in enumerate(sizes): "
        "result[shoes == size] = position."
    )
    if not isinstance(got, np.ndarray):
        raise Wrong(f"it returns {type(got).__name__}, not an array.", "Return an array of the mask's shape.", neighbour)
    if got.shape == (*truth.shape, len(codes)) or got.shape == (len(codes), *truth.shape):
        raise Wrong(
            f"the shape is {got.shape}: one layer per class (one-hot). Class indices have the mask's shape {truth.shape}.",
            "One number per pixel: the index of its class, not a row of zeros and a one.",
            neighbour,
        )
    if got.shape != truth.shape:
        raise Wrong(f"the shape is {got.shape}, the mask's is {truth.shape}.", "Keep rows and columns as they are.", neighbour)
    if got.dtype.kind not in "ui":
        raise Wrong(
            f"the type is {got.dtype}. Class indices are whole numbers.",
            "They are used to look things up, as in colours[mask]: floats cannot. Use np.uint8 or np.int64.",
            neighbour,
        )
    if np.array_equal(got, truth):
        return
    picture = side_by_side(got, truth, grey)
    side = f"for {shown}: yours {got.ravel()[:6].tolist()}, expected {truth.ravel()[:6].tolist()}"
    if np.array_equal(got, len(codes) - 1 - truth.astype(int)):
        clue = "The first code is class 0, the background."
        raise Wrong(f"{side}. The classes are in reverse.", clue, neighbour, picture=picture)
    if np.array_equal(got, grey):
        clue = "A network with 3 classes takes 0, 1, 2, not 51, 153, 255."
        raise Wrong(f"{side}. These are still the greys.", clue, neighbour, picture=picture)
    order = np.argsort(np.argsort(codes))
    if np.array_equal(got, order[truth]):
        raise Wrong(
            f"{side}. You numbered the greys by brightness; the order of `codes` decides.",
            "With codes (90, 7, 30), grey 90 is class 0, though it is the brightest.",
            neighbour,
            picture=picture,
        )
    if codes != MASK_CODES:
        raise Wrong(
            f"{side}. It works for the codes {MASK_CODES} only.",
            "Use the argument `codes`, not the three greys or a division that happens to fit them.",
            neighbour,
            picture=picture,
        )
    clue = "For each position and code in enumerate(codes), find the pixels of that grey."
    raise Wrong(f"{side}.", clue, neighbour, picture=picture)


def split(answer) -> None:
    """my_split(count, train_fraction, seed) returns two sequences of indices: training and validation."""
    for count, fraction in ((10, 0.8), (40, 0.8), (25, 0.6)):
        check_split(answer, count, fraction)
    first, again, other = (indices(called(answer, 40, 0.8, seed)) for seed in (1, 1, 2))
    if first != again:
        raise Wrong(
            "two calls with the same seed give two different splits.",
            "Make a generator from the seed inside the function: rng = np.random.default_rng(seed).",
            "np.random.shuffle uses a hidden generator that goes on from call to call.",
            "A neighbour: np.random.default_rng(5).integers(100) is the same number at every call.",
        )
    if first == other:
        raise Wrong(
            "seeds 1 and 2 give the same split: the seed is not used.",
            "Draw the order with np.random.default_rng(seed).permutation(count).",
            "A neighbour: np.random.default_rng(seed).permutation(3) is one of the six orders of 0, 1, 2.",
        )


def check_split(answer, count, fraction) -> None:
    training, validation = indices(called(answer, count, fraction, 1))
    where = f"for {count} images at {fraction:.0%}"
    neighbour = "A neighbour: a pack of cards is cut by shuffling once and then taking pack[:20] and pack[20:]."
    shared = set(training) & set(validation)
    if shared:
        raise Wrong(
            f"{where}: image {min(shared)} is in training and in validation. That is leakage: the test knows the answer.",
            "Shuffle once, then cut the one list in two. Two separate draws overlap.",
            neighbour,
        )
    if len(training) + len(validation) != count or set(training) | set(validation) != set(range(count)):
        missing = sorted(set(range(count)) - set(training) - set(validation))
        finding = f"image {missing[0]} is in neither part" if missing else "an index is twice in one part, or out of range"
        raise Wrong(f"{where}: {finding}.", "Every index from 0 to count - 1 belongs to exactly one part.", neighbour)
    expected = round(count * fraction)
    if len(training) == count - expected != expected:
        raise Wrong(
            f"{where}: {len(training)} for training, {len(validation)} for validation. The parts are swapped.",
            "The larger part trains; return training first.",
            neighbour,
        )
    if len(training) != expected:
        raise Wrong(
            f"{where}: {len(training)} for training, expected {expected}.",
            "round(count * train_fraction) images train.",
            neighbour,
        )
    if training == list(range(expected)) or validation == list(range(count - expected)):
        raise Wrong(
            f"{where}: the parts are the first and the last images, in order. Nothing was shuffled.",
            "Files are often sorted by day or by patient; then the two parts differ in kind. Draw the order at random.",
            neighbour,
        )


def indices(result) -> tuple[list[int], list[int]]:
    try:
        training, validation = result
        return [int(i) for i in training], [int(i) for i in validation]
    except (TypeError, ValueError):
        raise Wrong(
            f"expected two sequences of indices, got {type(result).__name__}.",
            "End with: return training, validation.",
        ) from None
