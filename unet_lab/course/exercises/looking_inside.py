"""Checks of notebook 09: listen to a layer; rank the skips."""

from __future__ import annotations

from itertools import pairwise

import torch

from unet_lab.course.checking import Wrong, called
from unet_lab.datasets.generator.cells import generate_cell
from unet_lab.inspection import activations
from unet_lab.inspection.ablation import skip_worth
from unet_lab.unet import UNet
from unet_lab.weights import load_pretrained


def hook_layer(answer) -> None:
    """my_activation(model, name, x): what the module of that name puts out for x; the model stays as it was."""
    torch.manual_seed(0)
    model, x = UNet(base_channels=4, depth=1).eval(), torch.randn(1, 1, 16, 16)
    neighbour = (
        "A neighbour: a guest book. Lay it out (register_forward_hook), let the guest write (run the model), "
        "take it away (remove), read."
    )
    for name in ("head", "bottleneck", "encoder.0.block.1"):
        right = activations(model, x, [name])[name]
        with torch.no_grad():
            got = called(answer, model, name, x)
        left = [n for n, m in model.named_modules() if m._forward_hooks or m._forward_pre_hooks]
        for module in model.modules():
            module._forward_hooks.clear()
            module._forward_pre_hooks.clear()
        if isinstance(got, list | tuple) and len(got) == 1:
            got = got[0]
        if not isinstance(got, torch.Tensor):
            raise Wrong(
                f"for {name!r} it returns {type(got).__name__}, expected a tensor.",
                "The hook is called with (module, inputs, output): keep the output, run the model, return what was kept.",
                neighbour,
            )
        if left:
            raise Wrong(
                f"the hook is still there, at {left[0]!r}: the next run would call it again.",
                "handle = module.register_forward_hook(...), and when the model has run: handle.remove().",
                neighbour,
            )
        if got.shape == right.shape and torch.allclose(got, right, atol=1e-6):
            continue
        if got.shape == right.shape and torch.allclose(got, right.relu(), atol=1e-6):
            raise Wrong(
                f"for {name!r} no value is below 0, but batch normalisation gives such: you see it after the ReLU.",
                "The ReLU works in place: it writes into the tensor that you kept. Keep a copy: output.detach().clone().",
                neighbour,
            )
        with torch.no_grad():
            if got.shape == (1, 3, 16, 16) and torch.allclose(got, model(x), atol=1e-6):
                raise Wrong(
                    f"for {name!r} it returns the whole network's output.",
                    "The answer of model(x) is not needed; return what the hook kept.",
                    neighbour,
                )
        inputs = []
        handle = model.get_submodule(name).register_forward_pre_hook(lambda _m, i, kept=inputs: kept.append(i[0].clone()))
        with torch.no_grad():
            model(x)
        handle.remove()
        if inputs and got.shape == inputs[0].shape and torch.allclose(got, inputs[0], atol=1e-6):
            raise Wrong(
                f"for {name!r} it returns what goes in, not what comes out.",
                "The hook's second argument is the inputs, its third the output.",
                neighbour,
            )
        raise Wrong(
            f"for {name!r} the shape is {tuple(got.shape)}, expected {tuple(right.shape)}, or the values are another layer's.",
            "Find the layer by its name: dict(model.named_modules())[name], or model.get_submodule(name).",
            neighbour,
        )


def rank_skips(answer) -> None:
    """my_ranking(model, pairs): the levels 0 to 3 of the skips, the one whose loss costs most IoU first."""
    model = load_pretrained("small")
    pairs = [generate_cell(seed, 96) for seed in (5, 8, 11)]
    before = {k: v.clone() for k, v in model.state_dict().items()}
    got = called(answer, model, pairs)
    worth = skip_worth(model, pairs)
    left = [n for n, m in model.named_modules() if m._forward_hooks or m._forward_pre_hooks]
    neighbour = "A neighbour: sorted(range(3), key=lambda k: price[k], reverse=True) names the dearest of three first."
    if left or any(not torch.equal(before[k], v) for k, v in model.state_dict().items()):
        raise Wrong(
            "afterwards the model is not what it was.",
            "with without_skip(model, level): puts everything back by itself; do not change weights.",
            neighbour,
        )
    try:
        given = list(got)
        got = [int(v) for v in given]
    except (TypeError, ValueError):
        raise Wrong(f"expected a list of levels, got {got!r}.", "Return four whole numbers, the dearest level first.") from None
    if any(float(v) != round(float(v)) for v in given):
        raise Wrong(
            f"{[round(float(v), 3) for v in given]} are no levels; are they what was lost?",
            "Rank them: the level numbers, ordered by what was lost.",
            neighbour,
        )
    if sorted(got) != [0, 1, 2, 3]:
        raise Wrong(f"{got} does not name each of 0, 1, 2, 3 once.", "Every level gets one place in the ranking.", neighbour)
    right = sorted(range(4), key=lambda k: -worth[k])
    if all(worth[a] >= worth[b] - 1e-6 for a, b in pairwise(got)):
        return
    lost = ", ".join(f"level {k} costs {worth[k]:.3f}" for k in got)
    if got == right[::-1]:
        raise Wrong(
            f"your order is the right one backwards ({lost}).",
            "Worth is IoU with all skips minus IoU without this one: the largest loss first.",
            neighbour,
        )
    if got in ([0, 1, 2, 3], [3, 2, 1, 0]):
        raise Wrong(
            f"{got} is the order of the levels, not of their worth ({lost}).",
            "Measure: for each level, cut it, predict all pairs, compute the macro IoU.",
            neighbour,
        )
    raise Wrong(
        f"your order is {got} ({lost}).",
        "One confusion matrix over all pairs, then scores(matrix, average='macro').iou; cut one level at a time.",
        "Does every level begin with all other skips on? Leave the `with` before the next one.",
        neighbour,
    )
