"""Checks of notebook 03: one stage of the encoder; the width of a receptive field."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from unet_lab.course.checking import NotTried, Wrong, called, compare, module_class
from unet_lab.inspection.fields import receptive_field


def encoder_stage(answer) -> None:
    """MyEncoderStage(in_channels, out_channels): returns (pooled, skip); judged by what it does."""
    module_class(answer, "encoder_stage")
    torch.manual_seed(0)
    model, x = answer(2, 4).eval(), torch.randn(1, 2, 16, 24)
    out = model(x)
    if out is None:
        raise NotTried
    neighbour = "A neighbour: divmod(17, 5) returns two things, (3, 2); a, b = divmod(17, 5) takes them apart."
    if not isinstance(out, tuple | list) or len(out) != 2:
        what = f"one tensor {tuple(out.shape)}" if isinstance(out, torch.Tensor) else type(out).__name__
        raise Wrong(
            f"it returns {what}, expected two tensors.",
            "Return both what goes on down and what goes across: return pooled, skip.",
            neighbour,
        )
    pooled, skip = out
    shapes = [tuple(t.shape) for t in out]
    if shapes == [(1, 4, 16, 24), (1, 4, 8, 12)]:
        raise Wrong(f"the shapes are {shapes}: the two are swapped.", "First the pooled one, then the skip.", neighbour)
    if shapes != [(1, 4, 8, 12), (1, 4, 16, 24)]:
        skip_pooled = shapes[1] == (1, 4, 8, 12)
        raise Wrong(
            f"for input (1, 2, 16, 24) the shapes are {shapes}, expected [(1, 4, 8, 12), (1, 4, 16, 24)].",
            "The skip is taken before the pooling: it has the input's size." if skip_pooled else
            "The block turns 2 channels into 4 and keeps the size; the pooling halves the size and keeps the channels.",
            neighbour,
        )  # fmt: skip
    if not torch.equal(pooled, F.max_pool2d(skip, 2)):
        if torch.allclose(pooled, F.avg_pool2d(skip, 2), atol=1e-5):
            raise Wrong("you pool by the mean of each 2x2.", "The U-Net keeps the largest of four: nn.MaxPool2d(2).", neighbour)
        if pooled.shape == skip[..., ::2, ::2].shape and torch.equal(pooled, skip[..., ::2, ::2]):
            raise Wrong("you keep the first of every 2x2, not the largest.", "Use nn.MaxPool2d(2).", neighbour)
        raise Wrong(
            "what goes down is not the skip, pooled.",
            "skip = block(x), then pooled = pool(skip): one block only, and the pooling has no weights.",
            neighbour,
        )
    check_block(model, neighbour)


def check_block(model, neighbour) -> None:
    x = torch.randn(1, 2, 16, 24, requires_grad=True)
    skip = model.train()(x)[1]
    if (skip < 0).any():
        raise Wrong("the skip has values below 0.", "A block ends in a ReLU: use ConvBlock(in_channels, out).", neighbour)
    skip[0, :, 8, 12].sum().backward()
    model.eval()
    x.grad = None
    for parameter in model.parameters():
        parameter.grad = None
    model(x)[1][0, :, 8, 12].sum().backward()
    rows = x.grad.abs().sum(dim=(0, 1, 3)).nonzero()
    width = int(rows.max() - rows.min()) + 1 if len(rows) else 0
    if width != 5:
        raise Wrong(
            f"a number of the skip depends on {width} rows of the input, expected 5.",
            "Two 3x3 convolutions see 5 pixels, one sees 3, and pooling first doubles what is seen: use one "
            "ConvBlock, then pool.",
            neighbour,
        )


def field_width(answer) -> None:
    """my_field(layers): width in pixels of what one unit sees behind layers [(kernel, stride), …]."""
    block, pool = [(3, 1), (3, 1)], [(2, 2)]
    cases = [[(3, 1)], [(3, 2), (5, 2), (3, 1)], [(5, 1), (3, 1)], [*block, *pool, (3, 1)], 3 * (block + pool) + block]
    for layers in cases:
        kernels = [k for k, _ in layers]
        steps = [receptive_field(layers[:i])[1] for i in range(len(layers) + 1)]
        product = 1
        for kernel in kernels:
            product *= kernel
        own = zip(kernels, steps[1:], strict=True)
        suspects = [
            (sum(kernels), "That is the sum of the kernels.", "Windows overlap: a layer adds kernel - 1, not kernel."),
            (product, "That is the product of the kernels.", "Windows overlap: widths are added, (kernel - 1) for each layer."),
            (1 + sum(k - 1 for k in kernels), "The strides were left out.",
             "Behind a stride of 2, one step is two pixels: count (kernel - 1) times the step there."),
            (1 + sum((k - 1) * s for k, s in own), "A layer's own stride counts for the layers after it only.",
             "First add (kernel - 1) * step, then step *= stride."),
            (steps[-1], "That is the step between neighbouring units, not the width.", "Keep two numbers: width and step."),
            (sum((k - 1) * s for k, s in zip(kernels, steps[:-1], strict=True)), "It is short by 1.",
             "Before any layer, one unit sees one pixel: begin with width 1."),
            (1 + sum(k * s for k, s in zip(kernels, steps[:-1], strict=True)), "Each layer adds one step too many.",
             "A kernel of 3 reaches 2 further than a kernel of 1: kernel - 1."),
        ]  # fmt: skip
        compare(
            f"for {layers}", called(answer, list(layers)), receptive_field(layers)[0], suspects,
            "Walk through the layers with two numbers: the width so far, and the step between neighbours in pixels.",
            "A 3x3 convolution at step 4 adds 2 · 4 = 8 pixels.",
            "A neighbour: [(2, 2), (2, 2)]: width 1 + 1·1 = 2, step 2; then 2 + 1·2 = 4, step 4.",
        )  # fmt: skip
