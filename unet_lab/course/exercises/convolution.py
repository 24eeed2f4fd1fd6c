"""Checks of notebook 02: a convolution by hand; the block of two."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from unet_lab.course.agreement import Case, Shown, agree
from unet_lab.course.checking import Wrong, module_class
from unet_lab.course.exercises.convolution_mistakes import conv_suspects, convolved
from unet_lab.course.networks import Parts, block, block_mistakes, compare_networks, is_batch_norm, shake
from unet_lab.course.probes import built, gradients_must_reach_parameters, manners, outputs, parts_must_be_known


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
    given += [(5 * image[::-1], kernel[::-1], padding, stride) for image, kernel, padding, stride in given[-2:]]  # shapes again
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
    agree(answer, convolved, conv_cases(), conv_suspects(), Shown(otherwise, hints, image=0, describe=conv_shown, cut=(0,)))


BLOCK_NEIGHBOUR = (
    "A neighbour: nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU()): two layers, each with its ReLU."
)


def conv_block(answer) -> None:
    """MyConvBlock(in_channels, out_channels): twice 3x3 convolution with padding 1, batch normalisation, ReLU."""
    module_class(answer, "conv_block")
    clue = "The first convolution goes from in_channels to out_channels, the second from out_channels to out_channels."
    for ins, outs, height, width in ((2, 5, 10, 12), (4, 4, 7, 9), (3, 1, 8, 6)):
        x = torch.randn(3, ins, height, width, generator=torch.Generator().manual_seed(ins))
        model, found = built(answer, {"in_channels": ins, "out_channels": outs}, [x], clue, BLOCK_NEIGHBOUR)
        (out,) = outputs(found)
        shape_is_kept(x, out, outs)
        check_block(model, x, "image")


def shape_is_kept(x, out, outs) -> None:
    expected = (len(x), outs, *x.shape[2:])
    if tuple(out.shape) != expected:
        lost = x.shape[2] - out.shape[2] if out.ndim == 4 else 0
        raise Wrong(
            f"for input {tuple(x.shape)} the output is {tuple(out.shape)}, expected {expected}.",
            f"{lost} rows are lost: a 3x3 convolution without padding takes 2. padding=1 keeps the size." if lost else
            "out_channels feature maps come out, whatever came in.",
            BLOCK_NEIGHBOUR,
        )  # fmt: skip


def block_parts(layers: list[nn.Module], first_channels: int, neighbour: str) -> Parts:
    """The layers of one block, in the order of their calls; Wrong where they are not two 3x3 convolutions and two batch norms."""
    convolutions = [m for m in layers if isinstance(m, nn.Conv2d)]
    norms = [m for m in layers if is_batch_norm(m)]
    kernels = [m.kernel_size for m in convolutions]
    if kernels != [(3, 3), (3, 3)]:
        raise Wrong(
            f"its convolutions have kernels {kernels}, expected two of (3, 3).",
            "Two 3x3 in a row see 5x5 pixels with a non-linearity in between, and need fewer weights than one 5x5.",
            neighbour,
        )
    others = sorted({type(m).__name__ for m in layers if not is_batch_norm(m)} - {"Conv2d"})
    if len(norms) != 2:
        instead = f", and {', '.join(others)} instead" if others else ""
        raise Wrong(
            f"it has {len(norms)} batch normalisations with parameters, expected 2{instead}.",
            "One after each convolution: nn.BatchNorm2d(out_channels), with gamma and beta (affine) and running statistics.",
            "A layer that is not stored in self, or that is used twice, counts once at most.",
            neighbour,
        )
    if others:
        raise Wrong(f"it has parameters in {', '.join(others)}: an extra layer.", "Two convolutions, two batch norms.", neighbour)
    for layer in convolutions:
        if layer.groups != 1:
            finding = f"a convolution has groups={layer.groups}: each output channel sees a part of the channels only."
            raise Wrong(finding, "Leave groups at 1: every channel takes part.", neighbour)
    if max(getattr(norm, "eps", 1e-5) for norm in norms) > 1e-2:
        raise Wrong(
            "a batch normalisation has another eps than a tiny one.", "nn.BatchNorm2d(out_channels), as it is.", neighbour
        )
    channels = [m.out_channels for m in convolutions]
    if channels[0] != channels[1]:
        finding = f"the two convolutions give {channels} channels: the first already gives out_channels."
        raise Wrong(finding, "in_channels to out_channels, then out_channels to out_channels.", neighbour)
    if any(norm.running_mean is None for norm in norms):
        raise Wrong(
            "a batch normalisation keeps no running statistics (track_running_stats=False): in eval() it depends on the batch.",
            "nn.BatchNorm2d(out_channels), as it is.",
            neighbour,
        )
    return Parts(convolutions, norms)


def check_block(model: nn.Module, x: torch.Tensor, name: str) -> None:
    layers = parts_must_be_known(model, [x], BLOCK_NEIGHBOUR)
    parts = block_parts(layers, x.shape[1], BLOCK_NEIGHBOUR)
    shake(parts.norms)
    batches = [{name: x}, {name: 100 * x}, {name: 0.01 * x}]
    hints = ("Write the six layers into one nn.Sequential, in this order: convolution, norm, ReLU, and again.", BLOCK_NEIGHBOUR)
    what = "convolution, norm, ReLU, convolution, norm, ReLU"
    manners(model, {name: x}, BLOCK_NEIGHBOUR)
    compare_networks(model, lambda given: block(parts, given), batches, block_mistakes(parts), what, hints)
    gradients_must_reach_parameters(model.train(), {name: x}, BLOCK_NEIGHBOUR)
