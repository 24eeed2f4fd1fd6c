"""How a student's network is made and called: its settings, its outputs, its layers in the order of their calls."""

from __future__ import annotations

import contextlib

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

from unet_lab.course.checking import NotTried, Wrong


def listed(value) -> list[Tensor]:
    return list(value) if isinstance(value, tuple | list) else [value]


def outputs(value, names: tuple[str, ...] = ("output",)) -> list[Tensor]:
    """What forward returned, as tensors; NotTried for None, Wrong for anything else."""
    if value is None or value is ...:
        raise NotTried
    found = list(value) if isinstance(value, tuple | list) else [value]
    if len(found) != len(names) or not all(isinstance(part, Tensor) for part in found):
        kinds = ", ".join(type(part).__name__ for part in found) if isinstance(value, tuple | list) else type(value).__name__
        expected = "one tensor" if len(names) == 1 else f"{len(names)} tensors, a pair ({', '.join(names)})"
        raise Wrong(f"forward returns {kinds}, expected {expected}.", f"End with: return {', '.join(names)}.")
    return found


def built(answer: type, settings: dict[str, int], inputs: list[Tensor], clue: str, *hints: str) -> tuple[nn.Module, object]:
    """The network with these settings, in evaluation mode, and what it gives; Wrong where channels or sizes do not fit."""
    torch.manual_seed(0)
    try:
        model = answer(*settings.values())
        first = model.eval()(*(tensor.clone() for tensor in inputs))
    except RuntimeError as error:
        if not any(word in str(error) for word in ("channels", "size", "shape", "dimension")) or "memory" in str(error):
            raise
        said = ", ".join(f"{name}={value}" for name, value in settings.items())
        shapes = " and ".join(str(tuple(tensor.shape)) for tensor in inputs)
        finding = f"with {said} and input {shapes} it stops: {str(error).splitlines()[0][:150]}."
        raise Wrong(finding, clue, *hints) from None
    try:
        model(*(tensor.clone() for tensor in inputs))
    except Exception as error:
        finding = f"it works once; called a second time it stops: {str(error)[:120]}. Something is kept from call to call."
        raise Wrong(finding, "A list that forward fills must be made in forward, anew at each call.", *hints) from None
    its_own(model, answer(*settings.values()), *hints)
    in_float32(model, first, *hints)
    return model, first


def its_own(model: nn.Module, twin: nn.Module, *hints: str) -> None:
    """Wrong where two objects of one class have a parameter or a buffer in common."""
    mine = {id(tensor) for tensor in [*model.parameters(), *model.buffers()]}
    for name, tensor in [*twin.named_parameters(), *twin.named_buffers()]:
        if id(tensor) in mine:
            raise Wrong(
                f"two objects of your class share their weights ({name}): trained in one place, it changes in the other.",
                "Make the layers in __init__, anew for each object, and keep them in self: not outside the class, nor in a "
                "default argument.",
                *hints,
            )


def in_float32(model: nn.Module, found, *hints: str) -> None:
    """Wrong where parameters or outputs have another type than what comes in."""
    for name, parameter in model.named_parameters():
        if parameter.dtype != torch.float32:
            finding = f"{name} is {parameter.dtype}: with images in float32 it stops, or the answer gets another type."
            raise Wrong(finding, "Leave the layers in float32, as PyTorch makes them: no .double(), no .half().", *hints)
    for part in listed(found):
        if isinstance(part, Tensor) and part.dtype != torch.float32:
            finding = f"the output is {part.dtype}, for images in float32: its precision, and what the loss expects, is float32."
            raise Wrong(finding, "Return it in the type in which it comes: no .double(), no .half(), no .long().", *hints)


def calls_until_error(model: nn.Module, *inputs: Tensor) -> list[nn.Module]:
    """The layers with parameters that are called, the one that stops with an error last."""
    found: list[nn.Module] = []
    handle = register_module_forward_pre_hook(lambda module, given: found.append(module) if not list(module.children()) else None)
    try:
        with torch.no_grad(), contextlib.suppress(Exception):
            model(*(given.clone() for given in inputs))
    finally:
        handle.remove()
    return [module for module in found if [*module.parameters(recurse=False)]]


def calls(model: nn.Module, *inputs: Tensor, sizes: list[int] | None = None) -> list[nn.Module]:
    """The layers without layers inside, in the order in which they are called; also those that PyTorch does not know as parts.

    sizes : is filled with how many images came in, call by call.
    """
    found: list[nn.Module] = []

    def hear(module, given, result):
        if not list(module.children()):
            found.append(module)
            if sizes is not None and [*module.parameters(recurse=False)]:
                sizes.append(len(given[0]) if given and isinstance(given[0], Tensor) else 0)

    handle = register_module_forward_hook(hear)
    try:
        with torch.no_grad():
            model(*(given.clone() for given in inputs))
    finally:
        handle.remove()
    return found


def heard(model: nn.Module, inputs: list[Tensor], sizes: list[int] | None, *hints: str) -> list[nn.Module]:
    """The layers with parameters in the order of their calls; Wrong where a model stops that was called before."""
    try:
        return [m for m in calls(model, *inputs, sizes=sizes) if [*m.parameters(recurse=False)]]
    except RuntimeError as error:
        finding = f"it works at first; called again it stops: {str(error)[:120]}. Something is kept from call to call."
        raise Wrong(finding, "A list that forward fills must be made in forward, anew at each call.", *hints) from None


def parts_must_be_known(model: nn.Module, inputs: list[Tensor], *hints: str) -> list[nn.Module]:
    """The layers with parameters in the order of their calls; Wrong where one is no part of the model, or is used twice."""
    sizes: list[int] = []
    first, again = heard(model, inputs, sizes, *hints), heard(model, inputs, None, *hints)
    known = {id(module) for module in model.modules()}
    strange = [m for m in first if id(m) not in known]
    if strange:
        kind = type(strange[0]).__name__
        if {id(m) for m in strange} & {id(m) for m in again}:
            raise Wrong(
                f"a {kind} is called that PyTorch does not see: its parameters would never be trained.",
                "Layers in a plain list are invisible to PyTorch: use nn.ModuleList([...]) or nn.Sequential.",
                *hints,
            )
        raise Wrong(
            f"forward makes a new {kind} at each call, with new random weights: it gives another answer to the same input twice.",
            "Make the layers in __init__, once, and use them in forward.",
            *hints,
        )
    must_be_called_in_both_modes(model, inputs, first, *hints)
    ids = [id(m) for m in first]
    again_and_again = {size for k, size in zip(ids, sizes, strict=True) if ids.count(k) > 1}
    if again_and_again == {1} and len(inputs[0]) > 1:
        raise Wrong(
            "the images of a batch go through it one by one: in train() mode batch norm then sees each image alone.",
            "The layers take the whole batch (N, C, H, W) at once: no loop over the images.",
            *hints,
        )
    half = len(ids) // 2
    if half > 1 and ids[:half] == ids[half:]:
        raise Wrong(
            "its layers are used twice, the whole is run twice: in train() mode the running averages of batch norm move twice.",
            "Call the block once, and keep what it gives in a variable: skip = self.block(x).",
            *hints,
        )
    twice = next((m for k, m in enumerate(first) if any(m is other for other in first[:k])), None)
    if twice is not None:
        raise Wrong(
            f"one {type(twice).__name__} is used twice: the two places share their parameters.",
            "Each place needs a layer of its own.",
            *hints,
        )
    return first


def must_be_called_in_both_modes(model: nn.Module, inputs: list[Tensor], first: list[nn.Module], *hints: str) -> None:
    """Wrong where other layers with parameters run in train() mode than in eval() mode."""
    mode, kept = model.training, [buffer.clone() for buffer in model.buffers()]
    model.train(not mode)
    other = heard(model, inputs, None, *hints)
    model.train(mode)
    with torch.no_grad():
        for buffer, value in zip(model.buffers(), kept, strict=True):
            buffer.copy_(value)
    if [id(m) for m in other] != [id(m) for m in first]:
        counts = {mode: len(first), not mode: len(other)}
        raise Wrong(
            f"in eval() mode {counts[False]} layers with parameters run, in train() mode {counts[True]}: in evaluation it is "
            "another network than the one that was trained.",
            "The mode changes how batch norm computes, and nothing else: no `if self.training` around a layer.",
            *hints,
        )
