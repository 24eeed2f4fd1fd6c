"""Probes of a network that a student wrote: what it leaves changed, what gets a gradient, whether images stay apart.

Each raises `Wrong` with what it saw. They know nothing of the exercise: the same holds for a block, a stage, a gate and a U.
"""

from __future__ import annotations

import weakref
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from unet_lab.course.calling import listed
from unet_lab.course.checking import Wrong

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
    nothing_stays(model, inputs, *hints)


def nothing_stays(model: nn.Module, inputs: dict[str, Tensor], *hints: str) -> None:
    """Wrong where feature maps of one call are still there after the next: the memory fills up."""
    maps: list[weakref.ref] = []
    handle = register_module_forward_hook(
        lambda module, given, result: maps.extend(weakref.ref(part) for part in listed(result) if isinstance(part, Tensor))
    )
    try:
        with torch.no_grad():
            model(*(tensor.clone() for tensor in inputs.values()))
            handle.remove()
            for _ in range(2):
                model(*(tensor.clone() for tensor in inputs.values()))
    finally:
        handle.remove()
    if any(found() is not None for found in maps):
        raise Wrong(
            "feature maps of an earlier call are kept for ever, in a list that grows from call to call: the memory fills up.",
            "A list that forward fills must be made in forward, anew at each call.",
            *hints,
        )


def counted_once(model: nn.Module, before: State, *hints: str) -> None:
    """Wrong where batch norm saw more or less than one batch in each of the two runs."""
    for name, buffer in model.named_buffers():
        if name.endswith("num_batches_tracked"):
            runs = int(buffer - before.kept["buffer", name])
            average = ("buffer", name.replace("num_batches_tracked", "running_mean"))
            moved = dict(model.named_buffers()).get(average[1])
            if runs == 0 and moved is not None and not torch.equal(moved, before.kept[average]):
                continue  # F.batch_norm moves the averages, and does not count
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
            alone = alone_or_wrong(model, inputs, number, *hints)
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


def alone_or_wrong(model: nn.Module, inputs: dict[str, Tensor], number: int, *hints: str) -> list[Tensor]:
    """What the model gives for one image of the batch; Wrong where it stops."""
    try:
        return listed(model(*(tensor[number : number + 1].clone() for tensor in inputs.values())))
    except (RuntimeError, IndexError) as error:
        raise Wrong(
            f"after a batch, one image alone makes it stop: {str(error)[:120]}. Something is kept from the call before "
            "(a second call gets what the first one left), or the size of the batch is fixed.",
            "A list that forward fills must be made in forward, anew at each call.",
            *hints,
        ) from None
