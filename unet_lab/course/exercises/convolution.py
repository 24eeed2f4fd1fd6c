"""Check of notebook 02: a convolution by hand."""

from __future__ import annotations

import numpy as np

from unet_lab.course.agreement import Case, Shown, agree
from unet_lab.course.checking import Wrong
from unet_lab.course.exercises.convolution_mistakes import conv_suspects, convolved
from unet_lab.course.facts import counted


def conv_cases() -> list[Case]:
    """From small to large: kernels of 1 to 5, even ones too; padding 0 to 3, not only half the kernel; strides 1 to 3."""
    rng = np.random.default_rng(0)
    asymmetric = np.array([[0.0, 0, 0], [0, 0, 1.5], [0, 0, 0]])
    given = [
        (np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]), np.ones((3, 3)), 0, 1),
        (np.arange(20.0).reshape(4, 5), asymmetric, 0, 1),
        (np.arange(20.0).reshape(4, 5), rng.integers(-2, 3, (3, 3)).astype(float), 1, 1),
        (np.arange(12).reshape(3, 4), rng.integers(-2, 3, (2, 2)) + 0.5, 0, 1),
        (rng.integers(0, 255, (5, 4)).astype(np.uint8), rng.standard_normal((3, 3)), 0, 1),
    ]
    settings = [(3, 0, 2), (3, 1, 2), (3, 2, 1), (5, 2, 1), (5, 1, 1), (2, 1, 2), (1, 0, 2), (1, 1, 1), (3, 3, 3), (4, 0, 3)]
    for size, padding, stride in [*settings, (2, 0, 1), (3, 1, 1)]:
        height, width = (int(n) for n in rng.integers(size + 2, size + 7, 2))
        image = rng.standard_normal((height, width + (height == width)))
        given.append((image, rng.standard_normal((size, size)), padding, stride))
    given += [
        (5 * image[::-1], kernel[::-1].copy(), padding, stride) for image, kernel, padding, stride in given[-2:]
    ]  # shapes again
    given += typed_cases(rng)
    return [Case(conv_shown(*each), each, conv_tags(*each)) for each in given]


def typed_cases(rng) -> list[tuple]:
    """Square images, and every type for itself: what is laid into an array of the other's type loses its fractions."""
    whole = [rng.integers(-3, 4, (n, n)) for n in (3, 2, 4)]
    image = rng.standard_normal((6, 6))
    given = [(image, whole[0], 1, 1), (3 * image, whole[1].astype(np.int8), 0, 2), (image.astype(np.float32), whole[2], 2, 1)]
    given += [(rng.integers(0, 256, (5, 5)).astype(np.uint8), whole[0], 1, 2), (30 * image, rng.standard_normal((3, 3)), 1, 1)]
    return [*given, (rng.random((4, 4)) < 0.5, whole[2] + 0.25, 1, 1), (rng.integers(-900, 900, (5, 7)), whole[0] / 8, 1, 1)]


def conv_shown(image, kernel, padding, stride) -> str:
    return f"image {image.shape}, kernel {kernel.shape}, padding {padding}, stride {stride}"


def conv_tags(image, kernel, padding, stride) -> tuple[str, ...]:
    tags = {
        "there is padding": padding > 0,
        "there is no padding (padding is 0)": padding == 0,
        "the padding is above 1": padding > 1,
        "the padding is not half the kernel": padding not in (0, len(kernel) // 2),
        "the stride is above 1": stride > 1,
        "the stride is above 2": stride > 2,
        "the kernel is not 3x3": len(kernel) != 3,
        "the image is not square": image.shape[0] != image.shape[1],
        "the image holds whole numbers": image.dtype.kind in "iu",
        "the kernel is even": len(kernel) % 2 == 0,
        "the image is square": image.shape[0] == image.shape[1],
        "the kernel's type is integers, and the image's is not": kernel.dtype.kind in "iu" and image.dtype.kind == "f",
        "the stride does not divide the way": stride > 1 and any((n + 2 * padding - len(kernel)) % stride for n in image.shape),
    }
    return tuple(tag for tag, holds in tags.items() if holds)


def conv2d(answer) -> None:
    """my_conv2d(image (H, W), kernel (k, k), padding, stride) -> array, as torch.nn.functional.conv2d of one channel."""
    hints = (
        "Do the first case on paper: image 3 x 3, kernel of ones: one number, the sum.",
        "A neighbour, in one dimension: [1, 2, 3] with kernel [10, 1] gives [1·10 + 2·1, 2·10 + 3·1] = [12, 23].",
    )
    otherwise = "Output (r, c): the window that begins there, times the kernel, number by number, added up."
    cases = conv_cases()
    agree(answer, convolved, cases, conv_suspects(), Shown(otherwise, hints, image=0, describe=conv_shown, cut=(0,)))
    with counted(len(cases), of=len(cases) + 1):
        settings_may_be_left_out(answer, hints)


def settings_may_be_left_out(answer, hints) -> None:
    """Without padding and stride: none, and 1. (A function that wants both is not asked.)"""
    image, kernel = conv_cases()[1].given[:2]
    expected = convolved(image, kernel, 0, 1)
    try:
        got = np.asarray(answer(image, kernel))
    except TypeError:
        return
    if got.shape != expected.shape or not np.allclose(got, expected, atol=1e-4):
        raise Wrong(
            f"called without padding and stride it gives {got.shape} for an image {image.shape}, kernel {kernel.shape}; "
            f"expected {expected.shape}.",
            "Left out, padding is 0 and stride is 1: def my_conv2d(image, kernel, padding=0, stride=1).",
            *hints,
        )
