"""What every layer says: activations and shapes, read by hooks, so the network need not be edited."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from unet_lab.datasets.standardise import channels_first, standardise
from unet_lab.foreign import evaluating


def as_input(model: nn.Module, image: np.ndarray | Tensor) -> Tensor:
    """The batch (1, C, H, W) that a network takes, on its device, out of an image (H, W) or (H, W, C) or a tensor (N, C, H, W).

    An array is standardised first; a tensor is taken as it is. Raises ValueError for any other shape.
    """
    first = next(model.parameters(), torch.zeros(()))
    if isinstance(image, Tensor):
        if image.ndim != 4:
            raise ValueError(f"the tensor has shape {tuple(image.shape)}; allowed is a batch (N, C, H, W): x[None, None].")
        return image.to(first.device, first.dtype)
    return torch.from_numpy(channels_first(standardise(image)))[None].to(first.device, first.dtype)  # (1, C, H, W)


def activations(model: nn.Module, image: np.ndarray | Tensor, names: Iterable[str] | None = None) -> dict[str, Tensor]:
    """What every layer puts out for one image: name -> tensor (N, C, H, W), in the order in which the layers ran.

    Works for any network. Each output is copied the moment it appears: the ReLU that follows may work in place and would
    change it afterwards. A layer that runs more than once has its later outputs under "name (2)", "name (3)", …

    Parameters
    ----------
    model : any nn.Module; run in evaluation mode and left in the mode it was in.
    image : (H, W) or (H, W, C), standardised here, or a tensor (N, C, H, W), taken as it is.
    names : the modules to listen to, as in `model.named_modules()`; all that have no parts of their own where None.

    Returns tensors without gradient, on the CPU. Raises ValueError for a name that the network does not have.

    >>> from unet_lab.unet import UNet
    >>> maps = activations(UNet(base_channels=4, depth=1), torch.zeros(1, 1, 8, 8))
    >>> list(maps)[:3], tuple(maps["encoder.0.pool"].shape)
    (['encoder.0.block.0', 'encoder.0.block.1', 'encoder.0.block.2'], (1, 4, 4, 4))
    """
    found: dict[str, Tensor] = {}

    def keep(name: str, out) -> None:
        if isinstance(out, Tensor):
            found[numbered(name, found)] = out.detach().clone().cpu()

    with listening(model, names, keep), torch.no_grad(), evaluating(model):
        model(as_input(model, image))
    return found


def numbered(name: str, found: Iterable[str]) -> str:
    """The name of a layer's next run, where these have run: "name", then "name (2)", "name (3)", …"""
    times = 1 + sum(layer_of(other) == name for other in found)
    return name if times == 1 else f"{name} ({times})"


def layer_of(run: str) -> str:
    """The layer that "name (2)" is a run of."""
    return run.split(" (")[0]


def shapes(model: nn.Module, image: np.ndarray | Tensor) -> dict[str, tuple[int, ...]]:
    """The shape of every layer's output, in the order in which the layers ran: name -> (N, C, H, W)."""
    return {name: tuple(tensor.shape) for name, tensor in activations(model, image).items()}


@contextmanager
def listening(model: nn.Module, names: Iterable[str] | None, heard) -> Iterator[None]:
    """Inside, `heard(name, output)` is called whenever a module of that name has run."""
    modules = dict(model.named_modules())
    if names is None:
        names = [name for name, module in modules.items() if not list(module.children())]
    names = list(names)
    unknown = [name for name in names if name not in modules]
    if unknown:
        near = [name for name in modules if name and name.startswith(unknown[0].split(".")[0])][:6]
        raise ValueError(
            f"the network has no layer {unknown[0]!r}; near it: {', '.join(near) or 'none'}. All: dict(model.named_modules())."
        )
    handles = [modules[n].register_forward_hook(lambda _m, _i, out, n=n: heard(n, out)) for n in names]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
