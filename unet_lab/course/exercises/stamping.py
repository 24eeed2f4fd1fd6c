"""Check of notebook 04: the transposed convolution by stamping."""

from __future__ import annotations

import numpy as np

from unet_lab.course.agreement import Case, Shown, agree
from unet_lab.course.exercises.stamp_mistakes import stamp_suspects, stamped


def stamp_cases() -> list[Case]:
    rng = np.random.default_rng(1)
    given = [
        (np.array([[1.0, 2], [3, 4]]), np.array([[1.0, 10], [100, 1000]]), 2),
        (np.array([[1.0, 2, 3]]), np.array([[1.0, 1, 0], [1, 2, 0], [0, 0, 5]]), 2),
        (np.arange(6).reshape(2, 3), np.array([[0.5, 1], [2, 0.25]]), 2),
    ]
    for size, stride in ((3, 1), (2, 3), (2, 2), (3, 2), (4, 2), (3, 3), (1, 2), (2, 1), (4, 3), (5, 2), (3, 4)):
        height, width = (int(n) for n in rng.integers(2, 6, 2))
        image = rng.standard_normal((height, width + (height == width)))
        given.append((image, rng.standard_normal((size, size)), stride))
    given += [(3 * image[::-1], kernel[:, ::-1].copy(), stride) for image, kernel, stride in given[-2:]]  # the same shapes again
    whole = rng.integers(-3, 4, (3, 3))
    tied = np.array([[2.0, 2, 2, 0], [2, 0, -1, -1], [-1, -1, 2, 2]])  # numbers that come again, and zeros
    given += [
        (rng.standard_normal((3, 3)), whole, 2),
        (tied, rng.standard_normal((3, 3)), 1),
        (-tied, rng.standard_normal((3, 3)), 2),
    ]
    given += [(rng.standard_normal((2, 4)), whole[:2, :2].astype(np.int8), 1), (rng.standard_normal((4, 4)), whole / 4, 1)]
    given += [(rng.integers(0, 256, (4, 3)).astype(np.uint8), whole - 0.5, 2), (rng.standard_normal((3, 1)), whole + 0.1, 2)]
    return [Case(stamp_shown(*each), each, stamp_tags(*each)) for each in given]


def stamp_shown(image, kernel, stride) -> str:
    return f"input {image.shape}, kernel {len(kernel)} x {len(kernel)}, stride {stride}"


def stamp_tags(image, kernel, stride) -> tuple[str, ...]:
    tags = {
        "the image holds whole numbers, and its output does not": image.dtype.kind in "iu",
        "stamps overlap (the kernel is larger than the stride)": len(kernel) > stride,
        "the kernel is smaller than the stride": len(kernel) < stride,
        "the kernel is as large as the stride": len(kernel) == stride,
        "the kernel is not the stride's size": len(kernel) != stride,
        "the stride is not 2": stride != 2,
        "the stride is above 2": stride > 2,
        "the stride is above 1": stride > 1,
        "the kernel is not 2x2": len(kernel) != 2,
        "the input is not square": image.shape[0] != image.shape[1],
        "the input is square": image.shape[0] == image.shape[1],
        "the kernel's type is integers, and the input's is not": kernel.dtype.kind in "iu" and image.dtype.kind == "f",
        "neighbours are equal numbers": image.size > 1
        and bool((np.diff(image) == 0).any() or (np.diff(image, axis=0) == 0).any()),
        "a number is below 0": bool((image < 0).any()),
    }
    return tuple(tag for tag, holds in tags.items() if holds)


def transposed_convolution(answer) -> None:
    """my_transposed(image (H, W), kernel (k, k), stride) -> array ((H - 1) · stride + k, …), as conv_transpose2d."""
    hints = (
        "Do the first case on paper: four stamps that do not overlap.",
        "A neighbour, in one dimension: [1, 2] with kernel [1, 1, 1], stride 2: stamps [1,1,1,0,0] + [0,0,2,2,2] = [1,1,3,2,2].",
    )
    otherwise = "Begin with zeros of ((H - 1) * stride + k, (W - 1) * stride + k); for each input number add number * kernel."
    agree(answer, stamped, stamp_cases(), stamp_suspects(), Shown(otherwise, hints, image=0))
