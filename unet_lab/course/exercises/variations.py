"""Checks of notebook 11: an attention gate; a fair plan for a comparison."""

from __future__ import annotations

from itertools import combinations

import torch
from torch.nn import functional as F

from unet_lab.blocks import AttentionGate
from unet_lab.course.checking import NotTried, Wrong, module_class
from unet_lab.course.leniency import fields

PLAN = ("training", "validation", "test", "steps", "rates", "seeds")


def attention_gate(answer) -> None:
    """MyAttentionGate(skip_channels, gating_channels, inner): layers theta, phi, psi; forward(skip, gating)."""
    module_class(answer, "attention_gate")
    torch.manual_seed(0)
    right, gate = AttentionGate(4, 6, 3), answer(4, 6, 3)
    neighbour = (
        "A neighbour, channel attention: w = torch.sigmoid(layer(x.mean((2, 3), keepdim=True))); return x * w. One number per "
        "channel there, one per place here."
    )
    expected = {name: tuple(v.shape) for name, v in right.state_dict().items()}
    given = {name: tuple(v.shape) for name, v in gate.state_dict().items()}
    if given != expected:
        name = next(n for n in [*expected, *given] if expected.get(n) != given.get(n))
        raise Wrong(
            f"{name} is {given.get(name, 'missing')}, expected {expected.get(name, 'nothing of that name')}.",
            "theta: 2x2, stride 2, no bias, skip channels to inner. phi: 1x1, gating channels to inner. psi: 1x1, inner to 1.",
            neighbour,
        )
    gate.load_state_dict(right.state_dict())
    with torch.no_grad():
        for each in (gate, right):
            each.psi.weight.mul_(4)
    gate.eval()
    skip, gating = torch.randn(2, 4, 8, 12), torch.randn(2, 6, 4, 6)
    kept = skip.clone(), gating.clone()
    with torch.no_grad():
        out = gate(skip, gating)
        truth = right(skip, gating)
    if out is None:
        raise NotTried
    if not (torch.equal(skip, kept[0]) and torch.equal(gating, kept[1])):
        raise Wrong("it changes the skip it was given.", "Multiply into a new tensor: skip * attention.", neighbour)
    if not isinstance(out, torch.Tensor) or out.shape != truth.shape:
        shape = tuple(out.shape) if isinstance(out, torch.Tensor) else type(out).__name__
        raise Wrong(
            f"for a skip {tuple(skip.shape)} it returns {shape}, expected {tuple(truth.shape)}.",
            "The gate returns the skip, weighed: the same shape. The attention map must grow to the skip's size first.",
            neighbour,
        )
    if torch.allclose(out, truth, atol=1e-4):
        return
    say_how(right, skip, gating, out, neighbour)


@torch.no_grad()
def say_how(gate, skip, gating, out, neighbour) -> None:
    a, b = gate.theta(skip), gate.phi(gating)
    q, plain = gate.psi(torch.relu(a + b)), gate.psi(a + b)

    def up(x, mode="bilinear"):
        return F.interpolate(x, scale_factor=2, mode=mode)

    grow = "Between coarse places the map passes over gradually: mode='bilinear'."
    suspects = [
        (skip, "The skip comes back as it was.", "Multiply it with the attention map."),
        (up(torch.sigmoid(q)).expand_as(skip), "That is the attention map itself.", "Multiply the skip with it."),
        (skip * up(torch.sigmoid(plain)), "The ReLU before psi is missing.", "psi(relu(theta(skip) + phi(gating)))."),
        (skip * up(q), "The sigmoid is missing: the map is not between 0 and 1.", "torch.sigmoid(psi(…)) before it grows."),
        (skip * up(torch.sigmoid(q), "nearest"), "The map grows in squares of 2x2.", grow),
        (skip * torch.sigmoid(up(q)), "The map grows first, and goes through the sigmoid then.", "Sigmoid first, then grow."),
        (skip * (1 - up(torch.sigmoid(q))), "The map is upside down.", "Multiply with it, not 1 - it."),
        (skip + up(torch.sigmoid(q)), "The map is added to the skip.", "Multiply: 0 closes, 1 leaves as it is."),
        (skip + skip * up(torch.sigmoid(q)), "The weighed skip is added to the skip.", "It could never close: multiply only."),
        (skip * up(torch.sigmoid(gate.psi(torch.relu(a * b)))), "Skip and gating are multiplied.", "Additive: theta + phi."),
        (skip * up(torch.sigmoid(gate.psi(torch.relu(a)))), "The gating signal has no say.", "Add phi(gating) before the ReLU."),
        (skip * up(torch.sigmoid(gate.psi(torch.relu(b)))), "The skip has no say in its map.", "Add theta(skip) too."),
        (skip * up(q.flatten(2).softmax(-1).view_as(q)), "The map is a softmax over all places: they share one sum of 1.",
         "Each place decides for itself: torch.sigmoid."),
    ]  # fmt: skip
    for value, finding, clue in suspects:
        if torch.allclose(out, value, atol=1e-4):
            raise Wrong(finding, clue, "In order: theta and phi, sum, ReLU, psi, sigmoid, grow, multiply.", neighbour)
    ratio = (out / skip)[0, :, 3, 3]
    raise Wrong(
        f"at row 3, column 3 the four channels are multiplied by {[round(v, 3) for v in ratio.tolist()]}; expected "
        f"{up(torch.sigmoid(q))[0, 0, 3, 3]:.3f} for all.",
        "In order: theta(skip) + phi(gating), ReLU, psi, sigmoid, bilinear growth by 2, times skip.",
        "Write the shapes behind each line: only the last two have the skip's size.",
        neighbour,
    )


def fair_plan(answer) -> None:
    """A plan with the keys "baseline" and "new"; each with training, validation, test (seeds of cells), steps, rates, seeds."""
    plan = fields(answer, ("baseline", "new"))
    old, new = (fields(plan[name], PLAN) for name in ("baseline", "new"))
    neighbour = (
        "A neighbour: two fertilisers. The same number of pots each, the same soil, each in the dose that suits it, and none of "
        "the pots by which the dose was found is weighed in the end."
    )
    words = {
        "training": "They learn from other cells, or not from equally many.",
        "validation": "Their rates are chosen by other cells.",
        "test": "They are judged by other cells: one exam may be easier.",
        "steps": "One of them trains longer.",
        "rates": "One of them may choose among more rates than the other.",
        "seeds": "One of them has other or more seeds: the best of many looks better.",
    }
    cells = {}
    for name, each in (("baseline", old), ("new", new)):
        for key in ("training", "validation", "test", "rates", "seeds"):
            try:
                cells[name, key] = list(each[key])
            except TypeError:
                raise Wrong(f"{name}: {key} is {each[key]!r}.", "Give a range or a list, e.g. range(100) or [0.01].") from None
    for key, finding in words.items():
        same = old[key] == new[key] if key == "steps" else sorted(cells["baseline", key]) == sorted(cells["new", key])
        if not same:
            raise Wrong(
                f"{finding} {key}: {old[key]!r} and {new[key]!r}.", f"Give both the same {key}.",
                "Only one thing may differ between the two: the network.", neighbour,
            )  # fmt: skip
    for one, other in combinations(("training", "validation", "test"), 2):
        both = set(cells["new", one]) & set(cells["new", other])
        if both:
            raise Wrong(
                f"{len(both)} cells, e.g. seed {min(both)}, are used for {one} and for {other}.",
                "Three sets without a cell in common: range(0, 96), range(1000, 1040), … do.",
                "What a network has learnt from, or a rate was chosen by, says nothing about unseen cells.", neighbour,
            )  # fmt: skip
    for key, least, why in (
        ("rates", 2, "One rate for both suits one of them better: let each choose among the same few."),
        ("seeds", 3, "One run is one draw. Without several runs nobody knows how far they differ."),
        ("test", 20, "With few cells one odd cell decides."),
        ("validation", 5, "With few cells one odd cell decides the rate."),
    ):
        count = len(set(cells["new", key]))
        if count < least:
            costs = "More of them costs time; fewer costs truth."
            raise Wrong(f"{key}: {count} different. At least {least}.", why, costs, neighbour)
