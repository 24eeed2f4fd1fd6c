"""Whether a gradient reaches the inputs and the parameters of what a student wrote. Each raises `Wrong` with what it saw."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from unet_lab.course.calling import listed
from unet_lab.course.checking import Wrong


def gradient_to(function: Callable, inputs: dict[str, Tensor], seed: int = 0) -> dict[str, Tensor | None]:
    """For each input, the gradient of a random sum over what `function` gives; None where none arrives."""
    given = {name: tensor.clone().requires_grad_() for name, tensor in inputs.items()}
    with torch.enable_grad():
        found = [part for part in listed(function(*given.values())) if isinstance(part, Tensor) and part.requires_grad]
        generator = torch.Generator().manual_seed(seed)
        total = sum((torch.randn(part.shape, generator=generator) * part).sum() for part in found) if found else None
    if not isinstance(total, Tensor):
        return dict.fromkeys(inputs)
    return dict(zip(inputs, torch.autograd.grad(total, list(given.values()), allow_unused=True), strict=True))


CUT = "A .detach(), a torch.no_grad(), NumPy or .item() on the way cuts it off: what lies before is never trained."


def gradients_must_agree(function: Callable, right: Callable, inputs: dict[str, Tensor], *hints: str) -> None:
    """Wrong where the gradient to an input is missing, or is not that of the right function (whose values agree).

    Where two numbers of a pooling's window happen to be equal, either may get the gradient, or both a half of it: what disagrees
    on the inputs is asked once more, on inputs a little beside them, and only what disagrees there too is wrong.
    """
    try:
        compare_gradients(function, right, inputs, *hints)
    except Wrong:
        generator = torch.Generator().manual_seed(2)
        beside = {name: t + 0.03 * torch.randn(t.shape, generator=generator).to(t) for name, t in inputs.items()}
        compare_gradients(function, right, beside, *hints)


def compare_gradients(function: Callable, right: Callable, inputs: dict[str, Tensor], *hints: str) -> None:
    """Wrong where the gradients on these very inputs are missing, or not the right ones."""
    mine, ours = gradient_to(function, inputs), gradient_to(right, inputs)
    for name in inputs:
        expected = ours[name]
        if expected is None or not expected.any():
            continue
        got = mine[name]
        if got is None or not got.any():
            raise Wrong(f"the values are right, but no gradient reaches the {name}: it is cut off (detached).", CUT, *hints)
        if not torch.allclose(got, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max())):
            finding = (
                f"the values are right, but only a part of the gradient reaches the {name}: one way to it is cut (detached)."
            )
            raise Wrong(finding, CUT, *hints)


def gradients_must_reach_parameters(model: nn.Module, inputs: dict[str, Tensor], *hints: str) -> None:
    """Wrong where a parameter is frozen, or gets no gradient from what the model gives."""
    frozen = [name for name, parameter in model.named_parameters() if not parameter.requires_grad]
    if frozen:
        raise Wrong(
            f"{frozen[0]} is frozen: requires_grad is False, so no gradient reaches it.", "Leave requires_grad True.", *hints
        )
    model.zero_grad(set_to_none=True)
    with torch.enable_grad():
        found = listed(model(*(tensor.clone() for tensor in inputs.values())))
        generator = torch.Generator().manual_seed(1)
        total = sum((torch.randn(part.shape, generator=generator) * part).sum() for part in found)
    if total.requires_grad:
        total.backward()
    for name, parameter in model.named_parameters():
        if parameter.grad is None:
            finding = f"{name} gets no gradient: it does not take part in the forward pass, or the way to it is cut (detached)."
            raise Wrong(finding, "Is every part that you made in __init__ called in forward? " + CUT, *hints)
    model.zero_grad(set_to_none=True)


def averages_must_move(model: nn.Module, *hints: str) -> None:
    """Wrong where a batch normalisation's momentum is 0 (it never learns its averages) or 1 (it keeps the last batch alone)."""
    for name, layer in model.named_modules():
        if isinstance(layer, nn.BatchNorm2d) and layer.momentum is not None and not 1e-3 <= layer.momentum <= 0.7:
            finding = f"{name} has momentum {layer.momentum:g}: eval() mode normalises by its averages, which are none."
            raise Wrong(finding, "Leave the momentum of batch norm at 0.1.", *hints)


def must_come_alive(model: nn.Module, inputs: dict[str, Tensor], *hints: str) -> None:
    """Wrong where a kernel of a new model still gets a gradient of zeros after some steps of training."""
    for name, parameter in model.named_parameters():
        if parameter.ndim == 4 and parameter.shape[-1] > 1 and parameter.min() == parameter.max():
            raise Wrong(
                f"as it is made, all numbers of {name} are {float(parameter.detach().max()):g}: it cannot learn, "
                "since no kernel tells two neighbours apart, and no channel differs from another.",
                "Leave the layers as PyTorch makes them: random weights.",
                *hints,
            )
    model.train()
    generator = torch.Generator().manual_seed(2)
    for _ in range(3):
        model.zero_grad(set_to_none=True)
        with torch.enable_grad():
            found = listed(model(*(tensor.clone() for tensor in inputs.values())))
            sum((torch.randn(part.shape, generator=generator) * part).sum() for part in found).backward()
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.grad is not None:
                    parameter -= 0.01 * parameter.grad / (parameter.grad.abs().max() + 1e-12)
    for name, parameter in model.named_parameters():
        if parameter.ndim == 4 and parameter.grad is not None and not parameter.grad.any():
            raise Wrong(
                f"as it is made, it cannot learn: the gradient of {name} is 0, and stays 0 (dead: weights or scales of 0).",
                "Leave the layers as PyTorch makes them, with random weights and scales of 1: zeros let nothing through a ReLU.",
                *hints,
            )
