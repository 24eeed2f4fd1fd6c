"""Networks that are not ours: unwrapped, measured, their logits found among what they return; nothing is assumed of them.

`geometry_of(model)` is what `predict` and the tiler ask: a U-Net answers for itself, any other network is measured.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import cached_property
from typing import Protocol
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn


class Geometry(Protocol):
    """What prediction and tiling must know of a network. `UNet` has all of it; `MeasuredGeometry` finds it out."""

    @property
    def grid(self) -> int:
        """Sizes that fit lie this many pixels apart: the width of the pooling grid, 2**depth for a U-Net."""

    def nearest_sizes(self, size: int) -> list[int]:
        """The sizes next to `size`, below and above, that the network takes; `[size]` where it takes that."""

    def output_size(self, size: int) -> int:
        """Height or width of the logits for an image of `size` pixels."""

    def tile_margin(self) -> int:
        """Pixels around a tile that the network must see, a multiple of the grid."""


def unwrapped(model: nn.Module) -> nn.Module:
    """The network inside DataParallel, DistributedDataParallel or `torch.compile`; any other module as it is."""
    while True:
        inner = getattr(model, "_orig_mod", None) or getattr(model, "module", None)
        if not isinstance(inner, nn.Module):
            return model
        model = inner


@contextmanager
def evaluating(model: nn.Module, dropout: bool = False) -> Iterator[None]:
    """Evaluation mode while the block runs; afterwards every part is in the mode that it was in, mixed modes included.

    dropout : True leaves dropout on, for Monte Carlo dropout (Gal and Ghahramani 2016): each pass then draws another network.
    Blocks may overlap: JupyterLab moves a slider in one thread while a cell runs in another. The last one to end puts the modes
    back; were it the first, batch norm would learn from the images of the one that still runs.
    """
    own = [dropout]
    with _MODES:
        if model not in _BLOCKS:
            _BLOCKS[model] = [], [(module, module.training) for module in model.modules()]
        running, modes = _BLOCKS[model]
        running.append(own)
        evaluation_mode(model, dropout)
    try:
        yield
    finally:
        with _MODES:
            running[:] = [block for block in running if block is not own]
            if running:
                evaluation_mode(model, *running[-1])
            else:
                del _BLOCKS[model]
                for module, mode in modes:
                    module.training = mode


_MODES = threading.Lock()
_BLOCKS: WeakKeyDictionary[nn.Module, tuple[list, list]] = WeakKeyDictionary()  # that run now, and the modes from before


def evaluation_mode(model: nn.Module, dropout: bool) -> None:
    """Evaluation mode, with or without dropout."""
    if any(module.training for module in model.modules()):  # to ask takes less time than to set
        model.eval()
    for module in model.modules() if dropout else ():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.train()


def training_mode(model: nn.Module) -> None:
    """Training mode, except for batch norm in parts that are frozen, all of whose parameters have requires_grad=False: its
    running statistics belong to the frozen weights, and would drift away from them.
    """
    model.train()
    for part in model.modules():
        own = list(part.parameters())
        if own and not any(p.requires_grad for p in own):
            for module in part.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()


def geometry_of(model: nn.Module) -> Geometry:
    """A network's geometry: its own answer where it has one that still holds, else measured by `MeasuredGeometry`."""
    inner = unwrapped(model)
    inner = getattr(inner, "original", inner)  # an accelerated network gives what its original gives
    if getattr(inner, "is_as_built", False):
        return inner  # type: ignore[return-value]
    return MeasuredGeometry(inner)


class MeasuredGeometry:
    """What a network that we did not build takes and gives, found out by running it on square images of zeros.

    model : takes (N, C, H, W) and gives logits (N, num_classes, H', W'), where H - H' is the same for every size.
    Raises ValueError, with the sizes seen, for a network that gives anything else; nothing is assumed.
    """

    SMALLEST, LARGEST = 16, 320  # pixels: the sizes tried

    def __init__(self, model: nn.Module):
        self.model = model
        self.channels = input_channels(model)
        self.seen: dict[int, int | None] = {}  # size of the image: size of the logits, None where the network refuses it

    def output_of(self, size: int) -> int | None:
        """Size of the logits for one square image; None where the network does not take it."""
        if size not in self.seen:
            like = next(self.model.parameters(), torch.zeros(()))
            image = torch.zeros(1, self.channels, size, size, dtype=like.dtype, device=like.device)
            try:
                with torch.no_grad(), evaluating(self.model):
                    logits = main_output(self.model(image))
                self.seen[size] = int(logits.shape[-1]) if logits.ndim == 4 else None
            except (RuntimeError, ValueError, IndexError):
                self.seen[size] = None
        return self.seen[size]

    @cached_property
    def first(self) -> int:
        """The first size found that the network takes, with logits that are not empty."""
        for size in range(self.SMALLEST, self.LARGEST, 4):
            if (self.output_of(size) or 0) > 0:
                return size
        kind = type(self.model).__name__
        raise ValueError(
            f"{kind} gave no logits (N, num_classes, H, W) for any square image of {self.SMALLEST} to {self.LARGEST} pixels with "
            f"{self.channels} channels. Check that model(torch.zeros(1, {self.channels}, 64, 64)) works."
        )

    @cached_property
    def lost(self) -> int:
        """Pixels that the network takes off height and width."""
        lost = self.first - (self.output_of(self.first) or 0)
        again = self.output_of(self.first + 64)
        if again is None or self.first + 64 - again != lost or lost < 0:
            sizes = f"{self.output_of(self.first)} for {self.first} pixels and {again} for {self.first + 64}"
            raise ValueError(
                f"{type(self.model).__name__} gives logits of another scale than the image: {sizes}. Resize them inside its "
                f"forward: F.interpolate(logits, x.shape[-2:], mode='bilinear')."
            )
        return lost

    @cached_property
    def grid(self) -> int:
        for step in (1, 2, 4, 8, 16, 32):
            sizes = (self.first + step, self.first + 3 * step)
            if all(self.output_of(size) == size - self.lost for size in sizes):
                return step
        return 64

    def output_size(self, size: int) -> int:
        return size - self.lost

    def nearest_sizes(self, size: int) -> list[int]:
        beyond = (size - self.first) % self.grid
        if size >= self.first and beyond == 0:
            return [size]
        if size < self.first:
            return [self.first]
        return [size - beyond, size - beyond + self.grid]

    def tile_margin(self) -> int:
        """Measured by gradient, and one grid more, since a maximum shows only one of the pixels that it looked at."""
        if self.lost:
            return self.lost // 2
        size = next((s for s in (128, 256, 512) if self._field(s) < s // 2 - self.grid), None)
        if size is None:
            kind = type(self.model).__name__
            raise ValueError(f"{kind} looks farther than 256 pixels, or at the whole image; give overlap=… in pixels.")
        return -(-self._field(size) // self.grid) * self.grid + self.grid

    def _field(self, size: int) -> int:
        """How far from the middle of a `size` x `size` image the gradient of the middle's logits reaches, in pixels."""
        size = self.nearest_sizes(size)[-1]
        probe = positive_twin(self.model)
        image = torch.ones(1, self.channels, size, size, requires_grad=True)
        middle = size // 2
        main_output(probe(image))[0, :, middle, middle].sum().backward()
        seen = image.grad[0].abs().sum(dim=0) if image.grad is not None else torch.zeros(size, size)  # (size, size)
        places = seen.nonzero() - middle
        return int(places.abs().max()) if len(places) else 0


def positive_twin(model: nn.Module) -> nn.Module:
    """A copy on which the gradient shows all that is looked at: no two paths cancel, no ReLU closes, no maximum hides a pixel.

    All weights of convolutions are made positive and max pooling is made average pooling, which looks at the same pixels.
    """
    probe = deepcopy(model).eval().float().cpu()
    for name, module in list(probe.named_modules()):
        if isinstance(module, nn.MaxPool2d):
            parent = probe.get_submodule(name.rpartition(".")[0])
            setattr(parent, name.rpartition(".")[2], nn.AvgPool2d(module.kernel_size, module.stride, module.padding))
        elif isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.reset_parameters()
        elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return probe


def input_channels(model: nn.Module) -> int:
    """Channels of the images that a network takes: its own word, or those of its first convolution.

    Raises ValueError where there is neither.
    """
    own = getattr(unwrapped(model), "in_channels", None)
    if isinstance(own, int):
        return own
    first = next((m for m in model.modules() if isinstance(m, nn.Conv2d)), None)
    if first is None:
        raise ValueError(
            f"{type(model).__name__} has no 2D convolution to read its number of channels from; a network of images "
            f"(N, C, H, W) is needed; if it is one, set model.in_channels = C."
        )
    return first.in_channels


def output_channels(model: nn.Module) -> int | None:
    """Channels of the logits: the network's own word, `num_classes`, or those seen; None where it gives none for any size."""
    inner = unwrapped(model)
    own = getattr(inner, "num_classes", None)
    if isinstance(own, int):
        return own
    try:
        size, like = MeasuredGeometry(inner).first, next(model.parameters(), torch.zeros(()))
        with torch.no_grad(), evaluating(model):
            image = torch.zeros(1, input_channels(model), size, size, dtype=like.dtype, device=like.device)
            return int(main_output(model(image)).shape[1])
    except (ValueError, TypeError):
        return None


class LogitsOnly(nn.Module):
    """A network that returns a tuple, list or dictionary, as one that returns its logits alone (`main_output`)."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return main_output(self.model(x))


@torch.no_grad()
def logits_only(model: nn.Module, example: Tensor) -> nn.Module:
    """The model as it is where it returns a tensor, else as `LogitsOnly`."""
    with evaluating(model):
        return model if isinstance(model(example), Tensor) else LogitsOnly(model)


def class_logits(out: object) -> Tensor:
    """Logits (N, num_classes, H, W) out of what a network returns (`main_output`), with at least two classes.

    One channel z, as networks with a sigmoid have it, is the logit of class 1 against class 0: (0, z) has the same probabilities.
    """
    logits = main_output(out)
    if logits.ndim == 4 and logits.shape[1] == 1:
        return torch.cat([torch.zeros_like(logits), logits], dim=1)
    return logits


def main_output(out: object) -> Tensor:
    """The logits among what a network returns: the tensor itself, the first of a tuple or list, or a dictionary's "out".

    Raises TypeError for anything else.
    """
    if isinstance(out, Tensor):
        return out
    if isinstance(out, tuple | list) and out and isinstance(out[0], Tensor):
        return out[0]
    if isinstance(out, dict) and isinstance(out.get("out"), Tensor):
        return out["out"]
    raise TypeError(
        f"the network returned {type(out).__name__}; allowed are logits (N, num_classes, H, W), a tuple or list that begins with "
        f"them, or a dictionary that has them under 'out'."
    )
