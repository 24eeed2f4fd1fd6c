"""Check of notebook 05: the head by hand, a 1x1 convolution and what makes probabilities of its logits."""

from __future__ import annotations

import numpy as np

from unet_lab.course.agreement import Case, Shown, agree
from unet_lab.course.checking import Wrong, must_be_function
from unet_lab.course.exercises.head_endings import ending_suspects
from unet_lab.course.exercises.head_logits import logit_suspects
from unet_lab.course.exercises.heads import logits_of, right_head
from unet_lab.course.facts import counted

NEIGHBOUR = (
    "A neighbour: in a shop with 4 articles, prices (2, 4) of two suppliers and baskets (4, H, W), the two sums at each place "
    "are np.einsum('kc,chw->khw', prices, baskets): no place looks at another."
)


def head_cases() -> list[Case]:
    """One class and several, as many as channels or not, images that are not square, small and large logits."""
    rng = np.random.default_rng(12)
    found = []
    shapes = [(2, 3, 1, 2), (1, 1, 1, 1), (1, 2, 2, 3), (8, 3, 5, 7), (4, 1, 6, 3), (3, 3, 3, 3), (5, 2, 4, 9), (6, 4, 7, 5)]
    for channels, classes, height, width in shapes:
        features, weights = rng.normal(size=(channels, height, width)), rng.normal(size=(classes, channels))
        found.append(head_case(features, weights, rng.normal(size=classes)))
    for classes, size in ((3, 900.0), (1, 900.0), (2, 4000.0)):
        features = rng.normal(size=(3, 4, 5)) * size
        found.append(head_case(features, rng.normal(size=(classes, 3)), rng.normal(size=classes)))
    return found + typed_cases(rng) + near_cases(rng)


def typed_cases(rng) -> list[Case]:
    """Features, weights and biases that are whole numbers by their type, each for itself; the shapes of before, once more."""
    whole = rng.integers(-3, 4, (3, 4, 5))
    given = [(whole, rng.normal(size=(classes, 3)), rng.normal(size=classes)) for classes in (3, 1, 2)]
    given.append((rng.integers(0, 7, (8, 5, 7)).astype(np.uint8), rng.normal(size=(3, 8)) / 8, rng.normal(size=3)))
    given += [
        (rng.normal(size=(3, 4, 4)), whole[0, :2, :3], rng.integers(-2, 3, size=2)),
        (whole.astype(np.float32), np.eye(3), whole[0, 0, :3]),
    ]
    given.append((rng.normal(size=(4, 6, 3)), rng.integers(-2, 3, (1, 4)), np.array([1])))
    return [head_case(*each) for each in given]


def near_cases(rng) -> list[Case]:
    """Logits of a thousand that differ by less than 1, and logits far below 0 in all classes: pixel by pixel another size."""
    found = []
    for classes, level in ((3, 1000.0), (2, -1000.0), (1, -900.0), (4, -5000.0)):
        features = rng.normal(size=(classes, 3, 5)) * 0.6 + level * np.linspace(0.2, 1, 15).reshape(3, 5)
        found.append(head_case(features, np.eye(classes), rng.normal(size=classes)))
    return found


def head_case(features, weights, bias) -> Case:
    classes, (height, width) = len(weights), features.shape[1:]
    large = np.abs(logits_of(features, weights, bias)).max() > 100
    tags = {
        "there is one class: yes or no": classes == 1,
        "there are several classes": classes > 1,
        "the logits are large (1000 and more)": bool(large),
        "the logits are large, and there is one class": bool(large) and classes == 1,
        "the logits are large, and there are several classes": bool(large) and classes > 1,
        "there are not 3 classes": classes != 3,
        "there are 2 classes": classes == 2,
        "there are as many classes as channels": classes == len(features),
        "the features are whole numbers by their type (integers)": features.dtype.kind in "iu",
        "the weights are whole numbers by their type (integers)": weights.dtype.kind in "iu",
        "the image is not square": height != width,
    }
    kinds = "one class" if classes == 1 else f"{classes} classes"
    said = f"for features {features.shape} and {kinds}"
    return Case(
        said + (", large logits" if large else ""), (features, weights, bias), tuple(t for t, holds in tags.items() if holds)
    )


def head(answer) -> None:
    """my_head(features, weights, bias): (C, H, W), (classes, C), (classes,) to probabilities (classes, H, W)."""
    hints = ("Split it: first the logits (classes, H, W), one sum of products a pixel; then softmax or sigmoid.", NEIGHBOUR)
    otherwise = "Compute one pixel by hand: weights @ features[:, row, column] + bias; then compare with your map there."
    must_be_function(answer)

    def of_one_type(features, weights, bias):
        """PyTorch takes no two types together; the exercise is about NumPy, and an answer in PyTorch is asked again in floats."""
        try:
            return answer(features, weights, bias)
        except RuntimeError as error:
            if "type" not in str(error) or features.dtype == weights.dtype == bias.dtype:
                raise
            return answer(*(array.astype(float) for array in (features, weights, bias)))

    cases = head_cases()
    with np.errstate(all="ignore"):
        agree(of_one_type, right_head, cases, ending_suspects() + logit_suspects(), Shown(otherwise, hints, tolerance=1e-3))
    with counted(len(cases), of=len(cases) + 1):
        must_add_up(of_one_type, hints)


def must_add_up(answer, hints) -> None:
    """The probabilities of a pixel, to the digits that 32-bit numbers have; what differs by less is no other answer."""
    rng = np.random.default_rng(5)
    sums = np.asarray(answer(rng.normal(size=(4, 3, 5)), rng.normal(size=(3, 4)), rng.normal(size=3))).sum(axis=0)
    if np.abs(sums - 1).max() > 1e-4:
        worst = float(sums.flat[np.abs(sums - 1).argmax()])
        raise Wrong(
            f"the probabilities of one pixel add up to {worst:.5f}, expected 1.",
            "Divide by the sum itself; nothing need be added to it: the largest exponential is 1, so the sum is at least 1.",
            *hints,
        )
