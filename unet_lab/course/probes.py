"""Probes of a network that a student wrote: what it leaves changed, what gets a gradient, whether images stay apart.

Each raises `Wrong` with what it saw. They know nothing of the exercise: the same holds for a block, a stage, a gate and a U.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

from unet_lab.course.checking import NotTried, Wrong

# What may be left changed: what is said of it, and what to do.
LEFT = {
    "module": ("the layer itself was replaced by another", "Leave the structure of the network as it is, or put the layer back."),
    "mode": (
        "its mode is not what it was: train() or eval() was left on",
        "The caller chooses the mode. Put it back, or leave it.",
    ),
    "hooks": ("its hooks are not those that were there before", "Take away your own hook, and no other: handle.remove()."),
    "settings": ("a setting of the layer, such as inplace, was changed", "Leave the network's own settings alone."),
    "attributes": (
        "something was left at the layer: a new attribute, or its forward wrapped for good",
        "What you set, take away again.",
    ),
    "requires_grad": (
        "requires_grad was switched",
        "It could not be trained any more. For an answer without gradients: torch.no_grad().",
    ),
    "gradient": ("a gradient is there that was not there before: backward was called", "Nothing here needs a backward."),
    "parameter": ("a weight was changed", "Look, do not touch: the parameters must stay what they are."),
    "buffer": (
        "a buffer was changed: in train() mode a run updates batch norm's running statistics",
        "Run it in the mode in which it came, once, and in no other.",
    ),
}


class State(NamedTuple):
    """All that a caller relies on, by kind and name."""

    facts: dict[tuple[str, str], object]
    kept: dict[tuple[str, str], Tensor]


def state(model: nn.Module) -> State:
    """The model as it is now: modes, hooks, settings, attributes, layers; parameters, gradients and buffers."""
    facts: dict[tuple[str, str], object] = {}
    kept: dict[tuple[str, str], Tensor] = {}
    for name, module in model.named_modules():
        hooks = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks)
        facts["mode", name] = module.training
        facts["hooks", name] = tuple(id(hook) for each in hooks for hook in each.values())
        facts["module", name] = id(module)
        facts["settings", name] = module.extra_repr()
        facts["attributes", name] = tuple(sorted(module.__dict__))
    for name, parameter in model.named_parameters():
        facts["requires_grad", name] = parameter.requires_grad
        facts["gradient", name] = None if parameter.grad is None else id(parameter.grad)
        kept["parameter", name] = parameter.detach().clone()
    kept |= {("buffer", name): buffer.clone() for name, buffer in model.named_buffers()}
    return State(facts, kept)


def changed_since(before: State, model: nn.Module) -> tuple[str, str] | None:
    """The first kind of thing that is not what it was, and where; None where all is."""
    now = state(model)
    different = [key for key in before.facts.keys() | now.facts.keys() if before.facts.get(key) != now.facts.get(key)]
    for key in before.kept.keys() | now.kept.keys():
        old, new = before.kept.get(key), now.kept.get(key)
        if old is None or new is None or old.shape != new.shape or not torch.equal(old, new):
            different.append(key)
    kinds = list(LEFT)
    return min(different, key=lambda key: (kinds.index(key[0]), key[1])) if different else None


def must_be_as_before(before: State, model: nn.Module, *hints: str) -> None:
    """Wrong where something was left changed."""
    found = changed_since(before, model)
    if found:
        what, clue = LEFT[found[0]]
        where = f" ({found[1]})" if found[1] else ""
        raise Wrong(f"afterwards the model is not what it was: {what}{where}.", clue, *hints)


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
        finding = f"with {said} and input {shapes} it no longer works, it stops: {str(error).splitlines()[0][:150]}."
        raise Wrong(finding, clue, *hints) from None
    try:
        model(*(tensor.clone() for tensor in inputs))
    except Exception as error:
        finding = f"it works once; called a second time it stops: {str(error)[:120]}. Something is kept from call to call."
        raise Wrong(finding, "A list that forward fills must be made in forward, anew at each call.", *hints) from None
    return model, first


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


def calls(model: nn.Module, *inputs: Tensor) -> list[nn.Module]:
    """The layers without layers inside, in the order in which they are called; also those that PyTorch does not know as parts."""
    found: list[nn.Module] = []

    def hear(module, given, result):
        if not list(module.children()):
            found.append(module)

    handle = register_module_forward_hook(hear)
    try:
        with torch.no_grad():
            model(*(given.clone() for given in inputs))
    finally:
        handle.remove()
    return found


def parts_must_be_known(model: nn.Module, inputs: list[Tensor], *hints: str) -> list[nn.Module]:
    """The layers with parameters in the order of their calls; Wrong where one is no part of the model, or is used twice."""
    first, again = ([m for m in calls(model, *inputs) if [*m.parameters(recurse=False)]] for _ in range(2))
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
    twice = next((m for k, m in enumerate(first) if any(m is other for other in first[:k])), None)
    if twice is not None:
        raise Wrong(
            f"one {type(twice).__name__} is used twice: the two places share their parameters.",
            "Each place needs a layer of its own.",
            *hints,
        )
    return first


def manners(model: nn.Module, inputs: dict[str, Tensor], *hints: str) -> None:
    """In both modes: inputs, mode and settings stay, the same twice, each image for itself in eval(), one run's statistics."""
    for training in (False, True):
        model.train(training)
        before = state(model)
        given = {name: tensor.clone() for name, tensor in inputs.items()}
        with torch.no_grad():
            first = listed(model(*given.values()))
            first = [part.clone() for part in first]
            again = listed(model(*given.values()))
        for name, tensor in inputs.items():
            if not torch.equal(tensor, given[name]):
                finding = f"forward changed the {name} that it was given, in place."
                raise Wrong(
                    finding, "Make a new tensor: x * 2, not x.mul_(2) or x *= 2. The caller still needs the old one.", *hints
                )
        if any(module.training is not training for module in model.modules()):
            word = "train()" if training else "eval()"
            finding = f"in {word} mode, forward switches the mode: afterwards a part is in another."
            raise Wrong(finding, "forward computes; the caller says train() or eval().", *hints)
        if any(a.shape != b.shape or not torch.allclose(a, b, atol=1e-5) for a, b in zip(first, again, strict=True)):
            word = "in train() mode (a dropout?)" if training else "in eval() mode"
            finding = f"the same input twice gives different answers {word}: something is drawn at random."
            raise Wrong(finding, "No dropout and no noise: only what the exercise names.", *hints)
        if training:
            counted_once(model, before, *hints)
        else:
            must_be_as_before(before, model, *hints)
    images_apart(model.eval(), inputs, *hints)


def counted_once(model: nn.Module, before: State, *hints: str) -> None:
    """Wrong where batch norm saw more or less than one batch in each of the two runs."""
    for name, buffer in model.named_buffers():
        if name.endswith("num_batches_tracked"):
            runs = int(buffer - before.kept["buffer", name])
            if runs != 2:
                finding = (
                    f"{name.removesuffix('.num_batches_tracked')} counts {runs} batches for two runs: it is called twice, or not."
                )
                raise Wrong(finding, "Call each layer once in forward, and keep what it gives in a variable.", *hints)


def images_apart(model: nn.Module, inputs: dict[str, Tensor], *hints: str) -> None:
    """Wrong where an image of a batch gets another answer than alone."""
    with torch.no_grad():
        together = listed(model(*(tensor.clone() for tensor in inputs.values())))
        for number in range(len(next(iter(inputs.values())))):
            alone = listed(model(*(tensor[number : number + 1].clone() for tensor in inputs.values())))
            for whole, single in zip(together, alone, strict=True):
                same_again = listed(model(*(tensor[number : number + 1].clone() for tensor in inputs.values())))
                if any(a.shape != b.shape or not torch.allclose(a, b, atol=1e-4) for a, b in zip(alone, same_again, strict=True)):
                    raise Wrong(
                        f"image {number} alone, asked twice, gets two answers: something is kept from the call before.",
                        "A list that forward fills must be made in forward, anew at each call.",
                        *hints,
                    )
                if whole[number].shape != single[0].shape or not torch.allclose(whole[number], single[0], atol=1e-4):
                    raise Wrong(
                        f"image {number} of a batch gets another answer than alone: the images of the batch are mixed.",
                        "Each image for itself: nothing may be averaged over the batch, dimension 0, or taken from x[0].",
                        *hints,
                    )


def listed(value) -> list[Tensor]:
    return list(value) if isinstance(value, tuple | list) else [value]


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
    """Wrong where the gradient to an input is missing, or is not that of the right function (whose values agree)."""
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
