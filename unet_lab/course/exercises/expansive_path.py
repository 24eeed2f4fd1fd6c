"""Checks of notebook 04: the transposed convolution by stamping; one stage of the decoder."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from unet_lab.blocks import ConvBlock
from unet_lab.course.checking import NotTried, Wrong, called, compare, module_class


def _torch(image, kernel, stride):
    return F.conv_transpose2d(torch.tensor(image)[None, None], torch.tensor(kernel)[None, None], stride=stride)[0, 0].numpy()


def overwritten(image, kernel, stride):
    out = np.zeros_like(_torch(image, kernel, stride))
    size = len(kernel)
    for row, column in np.ndindex(image.shape):
        top, left = row * stride, column * stride
        out[top : top + size, left : left + size] = image[row, column] * kernel
    return out


def transposed_convolution(answer) -> None:
    """my_transposed(image (H, W), kernel (k, k), stride) -> array ((H - 1) · stride + k, …), as conv_transpose2d."""
    rng = np.random.default_rng(1)
    cases = [
        (np.array([[1.0, 2], [3, 4]]), np.array([[1.0, 10], [100, 1000]]), 2),
        (np.array([[1.0, 2, 3]]), np.array([[1.0, 1, 0], [1, 2, 0], [0, 0, 5]]), 2),
        (rng.standard_normal((3, 4)), rng.standard_normal((3, 3)), 1),
        (rng.standard_normal((4, 3)), rng.standard_normal((2, 2)), 3),
    ]
    for image, kernel, stride in cases:
        right = _torch(image, kernel, stride)
        got = called(answer, image, kernel, stride)

        def with_(image=image, kernel=kernel, stride=stride):
            return _torch(image, kernel, stride)

        size = len(kernel)
        suspects = [
            (lambda i=image, k=kernel, s=stride: overwritten(i, k, s), "Where stamps overlap, the later one wins.",
             "Stamps add up: out[...] += value * kernel, not =."),
            (lambda w=with_, s=stride: w(stride=1) if s > 1 else np.nan, "The stamps stand one pixel apart.",
             "The stamp of input (r, c) begins at row r * stride, column c * stride."),
            (lambda w=with_, k=kernel: w(kernel=k[::-1, ::-1].copy()), "Your stamps are turned round.",
             "The kernel is stamped as it stands."),
            (lambda w=with_, k=kernel: w(kernel=k.T.copy()), "Rows and columns of your stamps are exchanged.",
             "kernel[i, j] lands i rows down and j columns right."),
            (lambda r=right, i=image, s=stride: r[: i.shape[0] * s, : i.shape[1] * s], "The last stamps are cut off.",
             "The output has (H - 1) * stride + k rows."),
            (lambda i=image, k=kernel, s=stride: np.where(_torch(np.ones_like(i), np.ones_like(k), s) > 0,
                                                          _torch(i, np.ones_like(k), s), 0),
             "Each number was only repeated: the kernel's numbers were not used.",
             "Each stamp is the input number times the whole kernel."),
        ]  # fmt: skip
        compare(
            f"input {image.shape}, kernel {size} x {size}, stride {stride}", got, right, suspects,
            "Begin with zeros of ((H - 1) * stride + k, (W - 1) * stride + k); for each input number add number "
            "* kernel at its place.",
            "Do the first case on paper: four stamps that do not overlap.",
            "A neighbour, in one dimension: [1, 2] with kernel [1, 1, 1], stride 2: stamps [1,1,1,0,0] + "
            "[0,0,2,2,2] = [1,1,3,2,2].",
            given=image,
        )  # fmt: skip


def decoder_stage(answer) -> None:
    """MyDecoderStage(in_channels, out_channels): forward(x, skip) doubles x, crops and concatenates the skip, convolves twice."""
    module_class(answer, "decoder_stage")
    torch.manual_seed(0)
    model = answer(8, 4).eval()
    x, same, large = torch.randn(1, 8, 6, 8), torch.randn(1, 4, 12, 16), torch.randn(1, 4, 20, 24)
    out = model(x, same)
    if out is None:
        raise NotTried
    neighbour = "A neighbour: the middle 4 of 10 numbers begin at (10 - 4) // 2 = 3: a[3:7]."
    if tuple(out.shape) != (1, 4, 12, 16):
        raise Wrong(
            f"for x (1, 8, 6, 8) and a skip (1, 4, 12, 16) the output is {tuple(out.shape)}, expected (1, 4, 12, 16).",
            "Up: 8 to 4 channels, twice the size. Concatenate: 4 + 4 channels. Block: 8 to 4, same size.",
            neighbour,
        )
    check_use(model, x, same, out, neighbour)
    try:
        cropped = model(x, large)
    except Exception as error:
        raise Wrong(
            f"with a skip of 20 x 24 for an x of 12 x 16 it stops: {str(error).splitlines()[0][:120]}.",
            "Without padding the skip is larger than what comes up: cut its middle out before you concatenate, "
            "center_crop(skip, size).",
            "size is that of the map that came up: x.shape[-2:], after the up-convolution.",
            neighbour,
        ) from None
    if tuple(cropped.shape) != (1, 4, 12, 16):
        raise Wrong(
            f"with a skip of 20 x 24 the output is {tuple(cropped.shape)}, expected (1, 4, 12, 16).",
            "The skip is cut to x's size; x is not made larger to fit the skip.",
            neighbour,
        )
    middle = model(x, large[..., 4:16, 4:20])
    if not torch.allclose(cropped, middle, atol=1e-5):
        corner = torch.allclose(cropped, model(x, large[..., :12, :16]), atol=1e-5)
        raise Wrong(
            "you keep the skip's upper left corner." if corner else "you do not keep the middle of the skip.",
            "The same number of rows is lost above and below: top = (20 - 12) // 2 = 4.",
            neighbour,
        )


def check_use(model, x, skip, out, neighbour) -> None:
    """Both inputs must matter, side by side; and there must be a block with everything in it."""
    if torch.equal(out, model(x, torch.zeros_like(skip))) or torch.equal(out, model(x, torch.randn_like(skip))):
        raise Wrong(
            "another skip gives the same output: it is not used.", "Concatenate: torch.cat([skip, x], dim=1).",
            "Print the shape after the concatenation: its channels are those of both.", neighbour,
        )  # fmt: skip
    if torch.equal(out, model(torch.randn_like(x), skip)):
        raise Wrong(
            "another x gives the same output: what comes from below is not used.",
            "self.up(x) first, then concatenate, then the block.",
            neighbour,
        )
    first = [m for m in model.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]
    if first and first[0].in_channels == 4:
        raise Wrong(
            "the first 3x3 convolution takes 4 channels: skip and x are added, not laid side by side.",
            "Adding mixes two things that the network should tell apart. torch.cat([skip, x], dim=1), and a "
            "block with 8 channels in.",
            neighbour,
        )
    if (out < 0).any() or not isinstance(first[-1:] and first[-1], nn.Conv2d):
        raise Wrong("the output has values below 0.", "End with ConvBlock(2 * out_channels, out_channels).", neighbour)
    blocks = [m for m in model.modules() if isinstance(m, ConvBlock)]
    if len(first) != 2 and not blocks:
        raise Wrong(f"it has {len(first)} 3x3 convolutions, expected 2.", "Use one ConvBlock.", neighbour)
    if not any(isinstance(m, nn.ConvTranspose2d) for m in model.modules()):
        raise Wrong(
            "there is no transposed convolution in it.",
            "Here the size is doubled by learnt stamps: nn.ConvTranspose2d(in_channels, out_channels, kernel_size=2, stride=2).",
            neighbour,
        )
