"""Checks of notebook 11: an attention gate; a fair plan for a comparison."""

from __future__ import annotations

import math
from itertools import combinations

import torch
from torch import nn
from torch.nn import functional as F

from unet_lab.course.block_mistakes import NON_LINEARITIES
from unet_lab.course.calling import built, outputs, parts_must_be_known
from unet_lab.course.checking import Wrong, module_class
from unet_lab.course.facts import facts
from unet_lab.course.gradients import gradients_must_reach_parameters
from unet_lab.course.leniency import fields, number, sequence, whole
from unet_lab.course.networks import Mistake, compare_networks, same_values
from unet_lab.course.probes import manners

PLAN = ("training", "validation", "test", "steps", "rates", "seeds")


GATE_NEIGHBOUR = (
    "A neighbour, channel attention: w = torch.sigmoid(layer(x.mean((2, 3), keepdim=True))); return x * w. One number per "
    "channel there, one per place here."
)
IN_ORDER = "In order: theta and phi, sum, ReLU, psi, sigmoid, grow, multiply."


def attention_gate(answer) -> None:
    """MyAttentionGate(skip_channels, gating_channels, inner): layers theta, phi, psi; forward(skip, gating)."""
    module_class(answer, "attention_gate")
    names = ("skip_channels", "gating_channels", "inner")
    has_layers, sized, is_gate = facts(
        "it has theta, phi and psi, with their channels",
        "something of the skip's shape comes out",
        "it is the skip, weighed by the attention map",
    )
    for settings, height, width in (((4, 6, 3), 4, 6), ((3, 3, 5), 5, 3), ((2, 7, 1), 3, 8)):
        generator = torch.Generator().manual_seed(settings[1])
        skip = torch.randn(3, settings[0], 2 * height, 2 * width, generator=generator)
        gating = torch.randn(3, settings[1], height, width, generator=generator)
        clue = (
            "forward(skip, gating): theta takes the skip, phi the gating signal; each output has as many channels as `inner`. "
            "Height and width differ here: whatever grows to the skip's size takes both from skip.shape[-2:], height first."
        )
        with has_layers:
            model, out = built(answer, dict(zip(names, settings, strict=True)), [skip, gating], clue, GATE_NEIGHBOUR)
            (out,) = outputs(out)
            layers = gate_layers(model, skip, gating, settings)
        with sized:
            shape_of_the_skip(out, skip)
        with is_gate:
            check_gate(model, layers, skip, gating)


def shape_of_the_skip(out, skip) -> None:
    if out.shape != skip.shape:
        raise Wrong(
            f"for a skip {tuple(skip.shape)} it returns {tuple(out.shape)}, expected {tuple(skip.shape)}.",
            "The gate returns the skip, weighed: the same shape. The attention map must grow to the skip's size first.",
            GATE_NEIGHBOUR,
        )


def gate_layers(model, skip, gating, settings) -> list[nn.Module]:
    """theta, phi and psi, whatever they are called, and however they are used where the output is right."""
    ins, signal, inner = settings
    expected = {
        "theta": ((inner, ins, 2, 2), False), "phi": ((inner, signal, 1, 1), True), "psi": ((1, inner, 1, 1), True),
    }  # fmt: skip
    own = {(tuple(m.weight.shape), m.bias is not None): m for m in model.modules() if isinstance(m, nn.Conv2d)}
    if set(own) == set(expected.values()) and len(own) == sum(bool([*m.parameters(recurse=False)]) for m in model.modules()):
        theta, phi, psi = (own[want] for want in expected.values())
        with torch.no_grad():
            attention = torch.sigmoid(psi(F.relu(theta(skip) + phi(gating))))
            right = skip * F.interpolate(attention, scale_factor=2, mode="bilinear")
            if same_values(model(skip.clone(), gating.clone()), right):
                return [theta, phi, psi]
    layers = parts_must_be_known(model, [skip, gating], GATE_NEIGHBOUR)
    found = [(tuple(m.weight.shape), m.bias is not None) if isinstance(m, nn.Conv2d) else type(m).__name__ for m in layers]
    uncalled = [name for name, m in model.named_modules() if isinstance(m, nn.Conv2d) and not any(m is layer for layer in layers)]
    if uncalled:
        gone = {"phi": " The gating signal has no say.", "theta": " The skip has no say in its map."}.get(uncalled[0], "")
        raise Wrong(f"{uncalled[0]} is never called in forward: it takes no part.{gone}", IN_ORDER, GATE_NEIGHBOUR)
    order = [next((k for k, each in enumerate(found) if each == want), None) for want in expected.values()]
    if None in order or len(found) != 3:
        missing = [f"{name} {want[0]}" for (name, want), k in zip(expected.items(), order, strict=True) if k is None]
        what = f"expected {', '.join(missing)}" if missing else "expected three layers: an extra one has parameters"
        raise Wrong(
            f"its layers have weights {found} (True: a bias); {what}.",
            "theta: 2x2, stride 2, no bias, skip channels to inner. phi: 1x1, gating channels to inner. psi: 1x1, inner to 1.",
            GATE_NEIGHBOUR,
        )
    return [layers[k] for k in order]


def check_gate(model, layers, skip, gating) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)  # so that the map is not one grey
    theta, phi, psi = (lambda x, m=m: F.conv2d(x, m.weight, m.bias, stride=m.weight.shape[-1]) for m in layers)

    def gate(skip, gating, act=F.relu, add=torch.add, squash=torch.sigmoid, mode="bilinear", use=torch.mul, **grow):
        attention = squash(psi(act(add(theta(skip), phi(gating)))))
        return use(skip, F.interpolate(attention, scale_factor=2, mode=mode, **grow))

    inputs = {"skip": skip, "gating": gating}
    manners(model, inputs, GATE_NEIGHBOUR)
    what = "relu, psi, sigmoid, growth and product"
    hints = ("In order: theta(skip) + phi(gating), ReLU, psi, sigmoid, bilinear growth by 2, times skip.", GATE_NEIGHBOUR)
    batches = [inputs, {"skip": 5 * skip, "gating": 5 * gating}, {"skip": skip[..., :-2, :4], "gating": gating[..., :-1, :2]}]
    compare_networks(model, gate, batches, gate_mistakes(gate, theta, phi, psi), what, hints)
    gradients_must_reach_parameters(model.train(), inputs, GATE_NEIGHBOUR)


def gate_mistakes(gate, theta, phi, psi) -> list[Mistake]:
    def with_(finding, clue=IN_ORDER, **changes):
        return Mistake(lambda s, g: gate(s, g, **changes), finding, clue)

    def over_places(q):
        return q.flatten(2).softmax(-1).view_as(q)

    def late(s, g):
        return s * torch.sigmoid(gate(torch.ones_like(s) * s, g, squash=lambda q: q) / s)

    grow = "Between coarse places the map passes over gradually: F.interpolate(…, mode='bilinear'), corners not aligned."
    multiply = "Multiply the skip with the map: 0 closes, 1 leaves as it is."
    found = [
        with_("The map is a softmax over one channel, which is 1 everywhere: the skip comes back as it was.",
              "Each place decides for itself: torch.sigmoid.", squash=lambda q: q.softmax(1)),
        Mistake(lambda s, g: s, "The skip comes back as it was.", multiply),
        with_("That is the attention map itself.", multiply, use=lambda s, m: m.expand_as(s)),
        with_("The ReLU before psi is missing.", "psi(relu(theta(skip) + phi(gating))).", act=lambda x: x),
        with_("The sigmoid is missing: the map is not between 0 and 1.", squash=lambda q: q),
        with_("The map grows in squares of 2x2 (nearest).", grow, mode="nearest"),
        with_("The map grows by bicubic interpolation, not bilinear.", grow, mode="bicubic"),
        with_("The map grows with aligned corners (align_corners=True).", grow, align_corners=True),
        Mistake(late, "The map grows first, and goes through the sigmoid then.", "Sigmoid first, then grow."),
        with_("The map is upside down: 1 - it, so it closes where it should open.", multiply, use=lambda s, m: s * (1 - m)),
        with_("The map is added to the skip.", multiply, use=torch.add),
        with_("The weighed skip is added to the skip.", "It could never close: multiply only.", use=lambda s, m: s + s * m),
        with_("Skip and gating are multiplied.", "Additive: theta + phi.", add=torch.mul),
        with_("The gating signal is subtracted.", "Add: theta + phi.", add=torch.sub),
        with_("The gating signal has no say.", "Add phi(gating) before the ReLU.", add=lambda a, b: a),
        with_("The skip has no say in its map.", "Add theta(skip) too.", add=lambda a, b: b),
        with_("The map is a softmax over all places: they share one sum of 1.", "Each place decides for itself: torch.sigmoid.",
              squash=over_places),
        with_("The map goes through a tanh, not a sigmoid.", squash=torch.tanh),
        with_("The map goes through a hard sigmoid.", squash=F.hardsigmoid),
        with_("The ReLU stands before the sum, at each of the two.", add=lambda a, b: F.relu(a) + F.relu(b)),
        Mistake(lambda s, g: gate(s, g.flip(-1)), "The gating signal is mirrored left to right.", "Leave it as it is."),
        Mistake(lambda s, g: gate(s, g.flip(-2)), "The gating signal is mirrored upside down.", "Leave it as it is."),
        with_("The gating signal is averaged over all places.", add=lambda a, b: a + b.mean((2, 3), keepdim=True)),
    ]  # fmt: skip
    for act, name in NON_LINEARITIES.items():
        found.append(with_(f"The ReLU before psi is another non-linearity: {name}.", act=act))
    return found


def fair_plan(answer) -> None:
    """A plan with the keys "baseline" and "new"; each with training, validation, test (seeds of cells), steps, rates, seeds."""
    plan = fields(answer, ("baseline", "new"))
    old, new = (fields(plan[name], PLAN) for name in ("baseline", "new"))
    usable, alike, apart, enough = facts(
        "every part of the plan is there, and can be used",
        "the two differ in nothing but the network",
        "training, validation and test have no cell in common",
        "there are enough rates, seeds and cells",
    )
    with usable:
        cells = cells_of_the_plan(old, new)
    with alike:
        must_be_alike(old, new, cells)
    with apart:
        must_be_apart(cells)
    with enough:
        must_be_enough(cells)


PLAN_NEIGHBOUR = (
    "A neighbour: two fertilisers. The same number of pots each, the same soil, each in the dose that suits it, and none of "
    "the pots by which the dose was found is weighed in the end."
)


def cells_of_the_plan(old: dict, new: dict) -> dict:
    """What the plan gives for each network and each key, as lists."""
    cells = {}
    for name, each in (("baseline", old), ("new", new)):
        for key in ("training", "validation", "test", "rates", "seeds"):
            cells[name, key] = sequence(each[key])
            if cells[name, key] is None:
                raise Wrong(f"{name}: {key} is {each[key]!r}.", "Give a range or a list, e.g. range(100) or [0.01].")
    for (name, key), given in cells.items():
        numbers_must_be_usable(name, key, given)
    for key in ("training", "validation", "test", "rates", "seeds"):
        for name in ("baseline", "new"):
            if not cells[name, key]:
                finding = f"{name}: {key} is empty." + (" By what is its rate chosen?" if key == "validation" else "")
                raise Wrong(finding, "Every part of the plan needs at least one.", PLAN_NEIGHBOUR)
    for name, each in (("baseline", old), ("new", new)):
        if number(each["steps"]) < 1:
            raise Wrong(f"{name}: steps is {each['steps']!r}: nothing is trained.", "At least one step.", PLAN_NEIGHBOUR)
    return cells


def must_be_alike(old: dict, new: dict, cells: dict) -> None:
    words = {
        "training": "They learn from other cells, or not from equally many.",
        "validation": "Their rates are chosen by other cells.",
        "test": "They are judged by other cells: one exam may be easier.",
        "steps": "One of them trains longer.",
        "rates": "One of them may choose among more rates than the other.",
        "seeds": "One of them has other or more seeds: the best of many looks better.",
    }
    for key, finding in words.items():
        same = old[key] == new[key] if key == "steps" else sorted(cells["baseline", key]) == sorted(cells["new", key])
        if key == "rates" and not same and len(cells["baseline", key]) == len(cells["new", key]):
            finding = "They choose among other rates."
        if not same:
            raise Wrong(
                f"{finding} {key}: {old[key]!r} and {new[key]!r}.", f"Give both the same {key}.",
                "Only one thing may differ between the two: the network.", PLAN_NEIGHBOUR,
            )  # fmt: skip


def must_be_apart(cells: dict) -> None:
    for one, other in combinations(("training", "validation", "test"), 2):
        both = set(cells["new", one]) & set(cells["new", other])
        if both:
            raise Wrong(
                f"{len(both)} cells, e.g. seed {min(both)}, are used for {one} and for {other}.",
                "Three sets without a cell in common: range(0, 96), range(1000, 1040), … do.",
                "What a network has learnt from, or a rate was chosen by, says nothing about unseen cells.", PLAN_NEIGHBOUR,
            )  # fmt: skip


def must_be_enough(cells: dict) -> None:
    for key, least, why in (
        ("rates", 2, "One rate for both suits one of them better: let each choose among the same few."),
        ("seeds", 3, "One run is one draw. Without several runs nobody knows how far they differ."),
        ("test", 20, "With few cells one odd cell decides."),
        ("validation", 5, "With few cells one odd cell decides the rate."),
        ("training", 2, "A network learns from many cells."),
    ):
        count = len(set(cells["new", key]))
        if key == "seeds" and count < len(cells["new", key]):
            finding = f"seeds: {cells['new', key]}: the same seed twice is the same run twice."
            raise Wrong(finding, "Different seeds.", PLAN_NEIGHBOUR)
        if count < least:
            costs = "More of them costs time; fewer costs truth."
            raise Wrong(f"{key}: {count} different. At least {least}.", why, costs, PLAN_NEIGHBOUR)


def numbers_must_be_usable(name: str, key: str, given) -> None:
    """Wrong where a rate is none, or the seed of a cell or of a run is no whole number from 0."""
    for value in given:
        if key == "rates":
            rate = number(value, "a rate, a number") if not isinstance(value, str) else math.nan
            if not 0 < rate <= 10:
                what = "is text" if isinstance(value, str) else "teaches nothing: a rate lies above 0, and well below 10"
                raise Wrong(f"{name}: rates: {value!r} {what}.", "Rates are numbers such as 0.001, 0.003 and 0.01.")
        elif whole(value) is None or whole(value) < 0:
            what = "Cells are numbered" if key != "seeds" else "Seeds are numbers"
            raise Wrong(f"{name}: {key}: {value!r} is no whole number from 0.", f"{what} 0, 1, 2 and so on.")
