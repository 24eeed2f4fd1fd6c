"""Checks of notebook 02: a convolution by hand; the block of two."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from unet_lab.course.checking import NotTried, Wrong, called, compare, module_class, smallest


def _torch(image, kernel, padding=0, stride=1):
    image, kernel = (torch.tensor(a)[None, None] for a in (image, kernel))
    return F.conv2d(image, kernel, padding=padding, stride=stride)[0, 0].numpy()


def conv2d(answer) -> None:
    """my_conv2d(image (H, W), kernel (k, k), padding, stride) -> array, as torch.nn.functional.conv2d of one channel."""
    rng = np.random.default_rng(0)
    asymmetric = np.array([[0.0, 0, 0], [0, 0, 1.5], [0, 0, 0]])
    cases = [
        (np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]), np.ones((3, 3)), 0, 1),
        (np.arange(20.0).reshape(4, 5), asymmetric, 0, 1),
        (np.arange(20.0).reshape(4, 5), rng.integers(-2, 3, (3, 3)).astype(float), 1, 1),
        (rng.standard_normal((7, 6)), rng.standard_normal((3, 3)), 1, 2),
        (rng.standard_normal((8, 9)), rng.standard_normal((5, 5)), 2, 1),
    ]
    for image, kernel, padding, stride in cases:

        def fails(part, kernel=kernel, padding=padding, stride=stride):  # never smaller than the kernel
            if min(part.shape) < len(kernel):
                return False
            right = _torch(part, kernel, padding, stride)
            got = np.asarray(answer(part, kernel, padding, stride))
            return got.shape != right.shape or not np.allclose(got, right, atol=1e-4)

        got = called(answer, image, kernel, padding, stride)
        if fails(image):
            (image,) = smallest(fails, image)
            got = called(answer, image, kernel, padding, stride)
        right = _torch(image, kernel, padding, stride)
        shown = f"image {image.shape}, kernel {kernel.shape}, padding {padding}, stride {stride}"

        def with_(image=image, kernel=kernel, padding=padding, stride=stride):
            return _torch(image, kernel, padding, stride)

        windows = np.lib.stride_tricks.sliding_window_view(np.pad(image, padding), kernel.shape)[::stride, ::stride]
        suspects = [
            (
                lambda w=with_, p=padding: w(padding=0) if p else np.nan,
                "The padding was left out.",
                "Lay the image into a frame of zeros first: np.pad(image, padding).",
            ),
            (
                lambda w=with_, s=stride: w(stride=1) if s > 1 else np.nan,
                "The window moved by 1: the stride was left out.",
                "Output (r, c) looks at the window that begins at row r * stride, column c * stride.",
            ),
            (
                lambda w=with_, k=kernel: w(kernel=k[::-1, ::-1].copy()),
                "Your kernel is flipped.",
                "Mathematics flips the kernel; deep learning's convolution does not: multiply as it stands and add up.",
            ),
            (
                lambda w=with_, k=kernel: w(kernel=k.T.copy()),
                "Rows and columns of your kernel are exchanged.",
                "kernel[i, j] belongs to row i and column j of the window.",
            ),
            (
                lambda v=windows: v.sum(axis=(2, 3)),
                "That is the sum of the window; the kernel was not used.",
                "Multiply window and kernel, number by number, before you add up.",
            ),
            (
                lambda v=windows, k=kernel: (v * k).mean(axis=(2, 3)),
                "That is the mean of the products.",
                "Add the products up; there is no division.",
            ),
            (
                lambda v=windows, k=kernel: v @ k if v.shape[2:] == k.shape else np.nan,
                "That is a matrix product.",
                "window * kernel multiplies number by number; window @ kernel is a matrix product.",
            ),
            (
                lambda r=right: np.trunc(r),
                "The numbers are cut off to whole ones.",
                "np.zeros makes floats; zeros_like of a whole-number image does not.",
            ),
        ]
        compare(
            shown, got, right, suspects,
            "The output has (H + 2 · padding - k) // stride + 1 rows; each number is one window's sum of products.",
            "Do the first case on paper: nine products, one sum, one output number.",
            "A neighbour, in one dimension: [1, 2, 3] with kernel [10, 1] gives [1·10 + 2·1, 2·10 + 3·1] = [12, 23].",
            given=image,
        )  # fmt: skip


def conv_block(answer) -> None:
    """MyConvBlock(in_channels, out_channels): twice 3x3 convolution with padding 1, batch normalisation, ReLU."""
    module_class(answer, "conv_block")
    torch.manual_seed(0)
    model, x = answer(2, 5), torch.randn(3, 2, 10, 12)
    out = model(x)
    if out is None:
        raise NotTried
    neighbour = (
        "A neighbour: nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU()): two layers, each with its ReLU."
    )
    if tuple(out.shape) != (3, 5, 10, 12):
        lost = 10 - out.shape[2]
        raise Wrong(
            f"for input (3, 2, 10, 12) the output is {tuple(out.shape)}, expected (3, 5, 10, 12).",
            f"{lost} rows are lost: a 3x3 convolution without padding takes 2. padding=1 keeps the size." if lost else
            "out_channels feature maps come out, whatever came in.",
            neighbour,
        )  # fmt: skip
    convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    kernels = [m.kernel_size for m in convolutions]
    if kernels != [(3, 3), (3, 3)]:
        raise Wrong(
            f"its convolutions have kernels {kernels}, expected two of (3, 3).",
            "Two 3x3 in a row see 5x5 pixels with a non-linearity in between, and need fewer weights than one 5x5.",
            neighbour,
        )
    if len(norms) != 2:
        raise Wrong(
            f"it has {len(norms)} batch normalisations, expected 2.",
            "One after each convolution: nn.BatchNorm2d(out_channels).",
            "A layer that is not stored in self, or that is used twice, counts once at most.",
            neighbour,
        )
    check_order(model, convolutions, norms, x, neighbour)


def check_order(model, convolutions, norms, x, neighbour) -> None:
    """Its answer must be that of convolution, norm, ReLU, twice; if not, of which other order is it?"""
    generator = torch.Generator().manual_seed(1)
    model.eval()
    with torch.no_grad():
        for norm in norms:
            for tensor in (norm.weight, norm.bias, norm.running_mean):
                tensor.copy_(torch.randn(tensor.shape, generator=generator))
        out = model(x)

        def run(first, last, before=False):
            y = x
            for convolution, norm, act in zip(convolutions, norms, (first, last), strict=True):
                y = norm(act(convolution(y))) if before else act(norm(convolution(y)))
            return y

        relu, none = F.relu, lambda y: y
        if torch.allclose(out, run(relu, relu), atol=1e-4):
            return
        known = [
            (run(none, relu), "There is no ReLU between the two convolutions.",
             "Two convolutions without a non-linearity in between are one larger convolution: put a ReLU after the first norm."),
            (run(relu, none), "The last ReLU is missing: values below 0 come out.", "The block ends in a ReLU too."),
            (run(none, none), "There is no ReLU at all.", "After each normalisation: nn.ReLU()."),
            (run(relu, relu, before=True), "ReLU stands before the normalisation.",
             "The order is convolution, batch normalisation, ReLU."),
            (run(torch.sigmoid, torch.sigmoid), "Your non-linearity is a sigmoid.",
             "ReLU cuts values below 0 and leaves the others as they are; a sigmoid squeezes all between 0 and 1."),
        ]  # fmt: skip
    for value, finding, clue in known:
        if torch.allclose(out, value, atol=1e-4):
            raise Wrong(finding, clue, neighbour)
    raise Wrong(
        "its output is not that of convolution, norm, ReLU, convolution, norm, ReLU.",
        "Write the six layers into one nn.Sequential, in this order.",
        neighbour,
    )
