"""A check of notebook 09: listen to a layer. (The other one is in skip_ranking.py.)"""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor, nn

from unet_lab.course.checking import NotTried, Wrong, must_be_function
from unet_lab.course.networks import shake
from unet_lab.course.probes import State, changed_since, must_be_as_before, state
from unet_lab.unet import UNet

HOOK_NEIGHBOUR = (
    "A neighbour: a guest book. Lay it out (register_forward_hook), let the guest write (run the model), "
    "take it away (remove), read."
)
LAYERS = ("head", "bottleneck", "encoder.0.block.1", "decoder.0.up", "encoder.0.block.0")


def listened_to() -> nn.Module:
    """A small U-Net as a caller may have it: with a hook of its own, an in-place ReLU, statistics that are not 0 and 1."""
    torch.manual_seed(0)
    model = UNet(base_channels=4, depth=1)
    shake([module for module in model.modules() if isinstance(module, nn.BatchNorm2d)])
    for module in (model, model.head, model.encoder[0].block[1]):
        module.register_forward_hook(lambda module, given, out: None)
    return model


def hook_layer(answer) -> None:
    """my_activation(model, name, x): what the module of that name puts out for x; the model stays as it was."""
    must_be_function(answer)
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(2, 1, 16, 24, generator=generator)
    for training, names in ((False, LAYERS), (True, LAYERS[1:3])):
        for name in names:
            model = listened_to().train(training)
            before = state(model)
            given = x.clone()
            got = answer(model, name, given)
            if got is None or got is ...:
                raise NotTried
            if not torch.equal(given, x):
                raise Wrong("your function changed the input x.", "Leave the given tensor as it is.", HOOK_NEIGHBOUR)
            must_be_as_it_was(before, model, name, training)
            check_output(model, name, x, as_tensor(got, name))


def as_tensor(got, name: str) -> Tensor:
    kind = f"{type(got).__name__} of {len(got)}" if isinstance(got, list | tuple) else type(got).__name__
    if isinstance(got, np.ndarray) and got.dtype.kind == "f":
        return torch.tensor(got)
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


def outputs_of(model, name: str, x: Tensor) -> dict[str, Tensor]:
    """What the layer gives, what goes into it, what it holds after in-place layers, the whole network's output."""
    found: dict[str, Tensor] = {}
    module = model.get_submodule(name)

    def hear(module, given, out):
        found.update(right=out.clone(), kept=out, **{"input": given[0].clone()})

    handle = module.register_forward_hook(hear)
    with torch.no_grad():
        found["network"] = model(x)
    handle.remove()
    return found


def check_output(model, name: str, x: Tensor, got: Tensor) -> None:
    mode = model.training
    saved = copy.deepcopy(model.state_dict())
    rights = {}
    for training in [mode, not mode] if mode else [False]:  # as it came; a model in train() may also be asked in eval()
        rights[training] = outputs_of(model.train(training), name, x)
        model.load_state_dict(saved)
    model.train(mode)

    def same(value: Tensor) -> bool:
        return value.shape == got.shape and torch.allclose(value, got, atol=1e-5)

    if any(same(found["right"]) for found in rights.values()):
        return
    found = rights[mode]
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
        (right.mean(1, keepdim=True), "it is the mean over the channels", own), (right[:1], "only the first image is there", own),
        (right[0], "only the first image is there, and the shape has lost a dimension", own),
        (outputs_of(model, name, x[:1])["right"], "the network saw the first image only", "model(x)."),
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
