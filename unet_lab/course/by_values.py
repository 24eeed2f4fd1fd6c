"""The parts of a block that is written without PyTorch's layers: which parameter is which shows in what comes out.

Two kernels of 3x3 are found by their shapes. Which of the vectors scale, shift, add to a convolution or are running averages is
found by trying: with random numbers in all of them, only one way gives the block's own outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations, product

import torch
from torch import Tensor, nn

from unet_lab.course.checking import Wrong
from unet_lab.course.networks import Parts, block, same_values


class Kernel:
    """Parameters of the student's own that act as a convolution."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None):
        self.weight, self.bias, self.groups = weight.detach(), None if bias is None else bias.detach().view(-1), 1
        self.out_channels, self.in_channels = weight.shape[:2]
        self.kernel_size = tuple(weight.shape[2:])


class OwnNorm:
    """Parameters and buffers of the student's own that act as a batch normalisation, in the mode of the model."""

    eps = 1e-5

    def __init__(self, model: nn.Module, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor):
        self.model = model
        self.weight, self.bias, self.running_mean, self.running_var = (
            t.detach().view(-1) for t in (weight, bias, mean, variance)
        )

    @property
    def training(self) -> bool:
        return self.model.training


class Vectors:
    """Those of a model that are as long as it has channels coming out: parameters, and running means and variances."""

    def __init__(self, model: nn.Module, length: int, without: Sequence[Tensor] = ()):
        left = {id(tensor) for tensor in without}
        self.parameters = [p for p in model.parameters() if p.numel() == length and p.shape[2:] != (3, 3) and id(p) not in left]
        self.averages = [b for b in model.buffers() if b.numel() == length and b.is_floating_point()]

    def shake(self) -> None:
        generator = torch.Generator().manual_seed(3)
        with torch.no_grad():
            for tensor in [*self.parameters, *self.averages]:
                tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.2)


def parts_by_values(
    model: nn.Module, enter: Callable, run: Callable, length: int, without: Sequence[Tensor] = ()
) -> Parts | None:
    """The block out of the model's own parameters; None where no way of naming them gives its outputs in train() mode.

    enter : gives what goes into the block. run : gives what comes out of it. length : its channels.
    without : what is no part of it.
    """
    left = {id(tensor) for tensor in without}
    kernels = [p for p in model.parameters() if p.ndim == 4 and p.shape[2:] == (3, 3) and id(p) not in left]
    vectors = Vectors(model, length, without)
    if len(kernels) != 2 or not 4 <= len(vectors.parameters) <= 6 or len(vectors.averages) != 4:
        return None
    vectors.shake()
    kept = [buffer.clone() for buffer in model.buffers()]
    orders = [pair for pair in permutations(kernels) if pair[0].shape[1] == enter().shape[1] and pair[1].shape[1] == length]
    for pair in orders:
        affine = scales_and_shifts(model, enter, run, pair, vectors)
        with torch.no_grad():
            for buffer, value in zip(model.buffers(), kept, strict=True):
                buffer.copy_(value)
        if affine:
            return averages(model, enter, run, pair, vectors, affine)
    return None


def scales_and_shifts(model, enter, run, pair, vectors: Vectors) -> tuple | None:
    """In train() mode, where neither biases before a normalisation nor running averages count."""
    model.train()
    zeros = torch.zeros_like(vectors.averages[0])
    with torch.no_grad():
        given, right = enter(), run()
        for chosen in permutations(vectors.parameters, 4):
            norms = [OwnNorm(model, *chosen[k : k + 2], zeros, zeros + 1) for k in (0, 2)]
            if same_values(right, block(Parts([Kernel(w) for w in pair], norms), given)):
                return chosen
    return None


def averages(model, enter, run, pair, vectors: Vectors, affine) -> Parts:
    """In eval() mode: which vectors are added to the convolutions, and which are the running averages."""
    model.eval()
    rest = [p for p in vectors.parameters if all(p is not other for other in affine)]
    biases = [*permutations(rest, 2)] if len(rest) == 2 else [(rest[0], None), (None, rest[0])] if rest else [(None, None)]
    with torch.no_grad():
        given, right = enter(), run()
        for bias, kept in product(biases, permutations(vectors.averages)):
            norms = [OwnNorm(model, *affine[k : k + 2], *kept[k : k + 2]) for k in (0, 2)]
            parts = Parts([Kernel(w, b) for w, b in zip(pair, bias, strict=True)], norms)
            if same_values(right, block(parts, given)):
                return parts
        norms = [OwnNorm(model, *affine[k : k + 2], *vectors.averages[k : k + 2]) for k in (0, 2)]
        model.train()
        by_batch = same_values(right, block(Parts([Kernel(w) for w in pair], norms), given))
    how = (
        "it normalises by the batch's own mean and variance" if by_batch else "its output is another than by the running averages"
    )
    raise Wrong(
        f"in eval() mode {how}: there, batch norm must use the running averages, so that each image is judged for itself.",
        "F.batch_norm(x, running_mean, running_var, weight, bias, training=self.training), or an nn.BatchNorm2d.",
    )
