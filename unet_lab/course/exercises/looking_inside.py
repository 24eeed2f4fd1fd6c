"""A check of notebook 09: listen to a layer. (The other one is in skip_ranking.py.)"""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor, nn

from unet_lab.course.checking import NotTried, Wrong, must_be_function
from unet_lab.course.facts import counted, facts
from unet_lab.course.left_alone import left_alone
from unet_lab.course.networks import shake
from unet_lab.course.probes import State, changed_since, must_be_as_before, state
from unet_lab.unet import UNet

HOOK_NEIGHBOUR = (
    "A neighbour: a guest book. Lay it out (register_forward_hook), let the guest write (run the model), "
    "take it away (remove), read."
)
LAYERS = ("head", "bottleneck", "encoder.0.block.1", "decoder.0.up", "encoder.0.block.0")
PAIR = "encoder.0"  # puts out two tensors
FROZEN = "encoder.0.block.1"  # in evaluation mode inside of a model in train mode


def listened_to(heard: list[Tensor]) -> nn.Module:
    """A small U-Net as a caller may have it: with hooks, in-place ReLUs, statistics that are not 0 and 1. heard : its inputs."""
    torch.manual_seed(0)
    model = UNet(base_channels=4, depth=1)
    shake([module for module in model.modules() if isinstance(module, nn.BatchNorm2d)])
    model.register_forward_hook(lambda module, given, out: heard.append(given[0].detach().clone()))
    for module in (model.head, model.encoder[0].block[1]):
        module.register_forward_hook(lambda module, given, out: None)
    return model


def hook_layer(answer) -> None:
    """my_activation(model, name, x): what the module of that name puts out for x; the model stays as it was."""
    must_be_function(answer)
    generator = torch.Generator().manual_seed(3)
    before_that: dict[str, Tensor] = {}
    ran: dict[str, list[Tensor]] = {}
    situations = [("eval", name) for name in LAYERS] + [("train", name) for name in LAYERS[1:3]]
    situations += [("partly", "bottleneck"), ("partly", "head"), ("eval", PAIR), ("train", PAIR)]
    returns, once = facts("what the layer puts out is returned, and the model stays as it was", "the model runs once")
    for number, (mode, name) in enumerate(situations):
        x, heard = torch.randn(2, 1, 16, 24, generator=generator), []
        model = listened_to(heard).train(mode != "eval")
        model.get_submodule(FROZEN).train(mode == "train")
        before = state(model)
        given = x.clone()
        with returns, counted(number, of=len(situations)):
            got = asked(answer, model, name, given)
            if not torch.equal(given, x):
                raise Wrong("your function changed the input x.", "Leave the given tensor as it is.", HOOK_NEIGHBOUR)
            must_be_as_it_was(before, model, name, mode != "eval")
            ran[name] = list(heard)
            one_or_two(name, got, x, model, before_that, ran[name])
    with once:
        for name, runs in ran.items():
            ran_once(name, runs)


def asked(answer, model, name: str, given: Tensor):
    try:
        with left_alone(HOOK_NEIGHBOUR):
            got = answer(model, name, given)
    except (AttributeError, TypeError, KeyError) as error:
        if name != PAIR:
            raise
        finding = f"for {name!r}, which puts out two tensors in a tuple, it stopped with {type(error).__name__}: {error}."
        clue = "Where the hook's output is a tuple, copy each tensor in it: tuple(part.detach().clone() for part in output)."
        raise Wrong(finding, clue, HOOK_NEIGHBOUR) from None
    if got is None or got is ...:
        raise NotTried
    return got


def ran_once(name: str, runs: list[Tensor]) -> None:
    if len(runs) > 1:
        finding = f"for {name!r} the network ran {len(runs)} times; once is enough."
        raise Wrong(finding, "Lay out the hook first, then call model(x) once.", HOOK_NEIGHBOUR)


def one_or_two(name, got, x, model, before_that, runs) -> None:
    """The module's output, or each of its two, is what was returned."""
    if name != PAIR:
        tensor = as_tensor(got, name)
        check_output(model, name, x, tensor, before_that, runs)
        return
    if not isinstance(got, list | tuple) or len(got) != 2:
        what = f"a {type(got).__name__} of {len(got)}" if isinstance(got, list | tuple) else f"one {type(got).__name__}"
        finding = f"for {name!r}, an encoder stage, which puts out two tensors, it returns {what}: expected both."
        raise Wrong(finding, "The hook's output is then a tuple: copy each tensor in it, and return both.", HOOK_NEIGHBOUR)
    for number, each in enumerate(got):
        check_output(model, name, x, as_tensor(each, name), before_that, runs, number)


def as_tensor(got, name: str) -> Tensor:
    kind = f"{type(got).__name__} of {len(got)}" if isinstance(got, list | tuple) else type(got).__name__
    if isinstance(got, np.ndarray) and got.dtype.kind == "f":
        return torch.tensor(got)
    if isinstance(got, Tensor) and got.dtype != torch.float32:
        finding = f"for {name!r} it returns {str(got.dtype).removeprefix('torch.')}; the layer gives float32."
        raise Wrong(finding, "Return the values as the layer gives them: no half(), no double().", HOOK_NEIGHBOUR)
    if isinstance(got, Tensor):
        return got.detach()
    if isinstance(got, list | tuple) and len(got) == 1 and isinstance(got[0], Tensor):
        raise Wrong(
            f"for {name!r} it returns a list with the tensor in it, expected the tensor.", "return kept[0]", HOOK_NEIGHBOUR
        )
    raise Wrong(
        f"for {name!r} it returns {kind}, expected a tensor.",
        "The hook is called with (module, inputs, output): keep the output, run the model, return what was kept.",
        HOOK_NEIGHBOUR,
    )


def must_be_as_it_was(before: State, model, name: str, training: bool) -> None:
    found = changed_since(before, model)
    if found is None or (training and found[0] == "buffer"):  # a run in train() mode is counted by batch norm
        return
    if found[0] == "hooks":
        now = state(model)
        more = len(now.facts[found]) > len(before.facts[found])
        if more:
            raise Wrong(
                f"the hook is still there, at {found[1]!r}: the next run would call it again.",
                "handle = module.register_forward_hook(...), and when the model has run: handle.remove().",
                HOOK_NEIGHBOUR,
            )
    must_be_as_before(before, model, HOOK_NEIGHBOUR)


def outputs_of(model, name: str, x: Tensor, number: int = 0) -> dict[str, Tensor]:
    """What the layer gives, what goes into it, what it holds after in-place layers, the whole network's output.

    number : which of its outputs, where they are two.
    """
    found: dict[str, Tensor] = {}
    module = model.get_submodule(name)

    def hear(module, given, out):
        out = out[number] if isinstance(out, tuple) else out
        found.update(right=out.clone(), kept=out, **{"input": given[0].clone()})

    handle = module.register_forward_hook(hear)
    with torch.no_grad():
        found["network"] = model(x)
    handle.remove()
    return found


def check_output(model, name: str, x: Tensor, got: Tensor, before_that: dict, runs: list, number: int = 0) -> None:
    mode, modes = model.training, [module.training for module in model.modules()]
    saved = copy.deepcopy(model.state_dict())
    rights = {}
    for training in [mode, not mode] if mode else [False]:  # as it came; a model in train() may also be asked in eval()
        if training != mode:
            model.train(training)
        rights[training] = outputs_of(model, name, x, number)
        model.load_state_dict(saved)
    for module, was in zip(model.modules(), modes, strict=True):
        module.training = was

    def same(value: Tensor) -> bool:
        return value.shape == got.shape and torch.allclose(value, got, atol=1e-5)

    if any(same(found["right"]) for found in rights.values()):
        before_that.setdefault(name, got.clone())
        return
    found = rights[mode]
    earlier = next((other for other, value in before_that.items() if same(value)), None)
    if earlier:
        finding = (
            f"for {name!r} it returns what it returned for {earlier!r} before: the list outlives the call (it is made outside)."
        )
        raise Wrong(finding, "Make the list inside the function, anew at each call; no default argument either.", HOOK_NEIGHBOUR)
    if not runs:
        finding = f"for {name!r} the network did not run: the layer was called by itself, or nothing was."
        raise Wrong(
            finding, "A layer's input comes from the layers before it: call model(x), with the hook laid out.", HOOK_NEIGHBOUR
        )
    if runs[0].shape != x.shape or not torch.equal(runs[0], x):
        finding = (
            f"for {name!r} the network was given another input than x: shape {tuple(runs[0].shape)}, mean "
            f"{float(runs[0].mean()):.3g} (x has {tuple(x.shape)} and {float(x.mean()):.3g})."
        )  # fmt: skip
        raise Wrong(
            finding, "model(x): no standardising once more, no part of the batch, not the first image alone.", HOOK_NEIGHBOUR
        )
    right = found["right"]
    first, last = (list(m for m in model.modules() if not list(m.children()))[k] for k in (0, -1))
    names = {id(module): n for n, module in model.named_modules()}
    own = "Return the values as the layer gives them."
    known = [
        (found["kept"], "it is overwritten after the layer: a ReLU, which has no value below 0, works in place",
         "The ReLU works in place: it writes into the tensor that you kept. Keep a copy: output.detach().clone()."),
        (found["network"], "it returns the whole network's output",
         "The answer of model(x) is not needed; return what the hook kept."),
        (found["input"], "it returns what goes in, not what comes out",
         "The hook's second argument is the inputs, its third the output."),
        (right.relu(), "the negative values are lost: a ReLU was added", own), (right.abs(), "the signs are lost (abs)", own),
        (right.flip(-1), "it is mirrored left to right", own), (right.flip(-2), "it is upside down (mirrored)", own),
        (right.mean(1, keepdim=True), "it is the mean over the channels", own), 
        (right.mean(1), "it is the mean over the channels", own),
        (right.mean((2, 3)), "it is the mean over the pixels", own), (right.amax(1), "it is the largest of the channels", own),
        (right[:1], "only the first image is there", own),
        (right[0], "only the first image is there, and the shape has lost a dimension", own),
        (outputs_of(model, name, x[:1], number)["right"], "the network saw the first image only", "model(x)."),
        (next(iter(model.get_submodule(name).parameters()), x), "those are the layer's weights, not its output", own),
    ]  # fmt: skip
    for module, word in ((first, "first"), (last, "last")):
        value = outputs_of(model, names[id(module)], x)["right"]
        known.append((value, f"it is the output of the {word} layer, {names[id(module)]!r}: the name that is asked is not used",
                      "Find the layer by its name: dict(model.named_modules())[name], or get_submodule(name)."))  # fmt: skip
    if not mode:
        known.append(
            (
                outputs_of(model.train(), name, x)["right"],
                "it is the layer's output in train() mode (another mode)",
                "Leave the mode.",
            )
        )
    for value, finding, clue in known:
        if same(value):
            raise Wrong(f"for {name!r}: {finding}.", clue, HOOK_NEIGHBOUR)
    raise Wrong(
        f"for {name!r} the shape is {tuple(got.shape)}, expected {tuple(right.shape)}, or the values are another layer's.",
        "Find the layer by its name: dict(model.named_modules())[name], or model.get_submodule(name).",
        HOOK_NEIGHBOUR,
    )
