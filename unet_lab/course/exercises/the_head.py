"""Check of notebook 05: the head by hand, a 1x1 convolution and what makes probabilities of its logits."""

from __future__ import annotations

import numpy as np

from unet_lab.course.agreement import Case, Shown, agree
from unet_lab.course.exercises.head_mistakes import ending_suspects, logit_suspects, logits_of, right_head

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
    with np.errstate(all="ignore"):
        agree(answer, right_head, head_cases(), ending_suspects() + logit_suspects(), Shown(otherwise, hints, tolerance=1e-3))
