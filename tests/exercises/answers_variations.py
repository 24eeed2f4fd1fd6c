"""Right and wrong answers to the exercises of notebook 11."""

import torch
from torch import nn
from torch.nn import functional as F


class Base(nn.Module):
    bias, stride = False, 2

    def __init__(self, skip_channels, gating_channels, inner):
        super().__init__()
        self.theta = nn.Conv2d(skip_channels, inner, 2, stride=self.stride, bias=self.bias)
        self.phi = nn.Conv2d(gating_channels, inner, 1)
        self.psi = nn.Conv2d(inner, 1, 1)

    def forward(self, skip, gating):
        return self.weigh(skip, self.theta(skip), self.phi(gating))


def gate(weigh, **settings):
    """A gate that does `weigh(self, skip, theta(skip), phi(gating))`."""
    return type("Gate", (Base,), {"weigh": weigh} | settings)


def up(x, mode="bilinear"):
    return F.interpolate(x, scale_factor=2, mode=mode)


def q(self, a, b):
    return self.psi(torch.relu(a + b))


def by_softmax_of_two(self, skip, a, b):
    """Right too: a sigmoid is a softmax over (q, 0)."""
    both = torch.cat([q(self, a, b), torch.zeros_like(a[:, :1])], dim=1)
    return F.interpolate(both.softmax(1)[:, :1], size=skip.shape[-2:], mode="bilinear", align_corners=False).mul(skip)


def in_place(self, skip, a, b):
    return skip.mul_(up(torch.sigmoid(q(self, a, b))))


PLAN = {
    "training": range(96), "validation": range(500, 540), "test": range(1000, 1060), "steps": 192,
    "rates": [0.003, 0.01], "seeds": [0, 1, 2],
}  # fmt: skip


def plan(both=None, **new):
    """The fair plan, changed for both, and for the new one only."""
    changed = PLAN | (both or {})
    return {"baseline": changed, "new": changed | new}


WRONG = {
    "attention_gate": {
        "the skip": (gate(lambda s, skip, a, b: skip.clone()), "never called"),
        "the map": (gate(lambda s, skip, a, b: up(torch.sigmoid(q(s, a, b))).expand_as(skip)), "the attention map itself"),
        "map too small": (gate(lambda s, skip, a, b: torch.sigmoid(q(s, a, b))), "must grow to the skip's size"),
        "no ReLU": (gate(lambda s, skip, a, b: skip * up(torch.sigmoid(s.psi(a + b)))), "The ReLU before psi is missing"),
        "no sigmoid": (gate(lambda s, skip, a, b: skip * up(q(s, a, b))), "The sigmoid is missing"),
        "nearest": (gate(lambda s, skip, a, b: skip * up(torch.sigmoid(q(s, a, b)), "nearest")), "in squares of 2x2"),
        "grows first": (gate(lambda s, skip, a, b: skip * torch.sigmoid(up(q(s, a, b)))), "The map grows first"),
        "upside down": (gate(lambda s, skip, a, b: skip * (1 - up(torch.sigmoid(q(s, a, b))))), "upside down"),
        "added": (gate(lambda s, skip, a, b: skip + up(torch.sigmoid(q(s, a, b)))), "added to the skip"),
        "residual": (gate(lambda s, skip, a, b: skip + skip * up(torch.sigmoid(q(s, a, b)))), "could never close"),
        "multiplied": (gate(lambda s, skip, a, b: skip * up(torch.sigmoid(s.psi(torch.relu(a * b))))), "gating are multiplied"),
        "no gating": (gate(lambda s, skip, a, b: skip * up(torch.sigmoid(s.psi(torch.relu(a))))), "gating signal has no say"),
        "no skip": (gate(lambda s, skip, a, b: skip * up(torch.sigmoid(s.psi(torch.relu(b))))), "The skip has no say"),
        "tanh": (gate(lambda s, skip, a, b: skip * up(torch.tanh(q(s, a, b)))), "not a sigmoid"),
        "in place": (gate(in_place), "changed the skip"),
        "with a bias": (gate(lambda s, skip, a, b: skip, bias=True), "never called"),
        "no function": (7, "expected a class"),
    },
    "fair_plan": {
        "other training cells": (plan(training=range(100, 196)), "They learn from other cells"),
        "more training cells": (plan(training=range(192)), "They learn from other cells"),
        "other exam": (plan(test=range(2000, 2060)), "one exam may be easier"),
        "other cells to choose by": (plan(validation=range(600, 640)), "Their rates are chosen by other cells"),
        "longer": (plan(steps=400), "One of them trains longer"),
        "tuned alone": (plan(rates=[0.001, 0.003, 0.01]), "among more rates"),
        "best of many": (plan(seeds=[0, 1, 2, 3, 4]), "best of many"),
        "judged on what was learnt": (plan({"test": range(60)}), "used for training and for test"),
        "judged on what was chosen by": (plan({"test": range(520, 580)}), "used for validation and for test"),
        "one rate": (plan({"rates": [0.01]}), "One rate for both"),
        "one seed": (plan({"seeds": [0]}), "One run is one draw"),
        "the same seed thrice": (plan({"seeds": [0, 0, 0]}), "same seed twice"),
        "ten cells to judge": (plan({"test": range(1000, 1010)}), "one odd cell decides"),
        "a number": (plan({"rates": 0.01}), "Give a range or a list"),
        "half": (plan(seeds=None), "no value yet for seeds"),
    },
}
ALSO_RIGHT = {
    "attention_gate": gate(by_softmax_of_two),
    "fair_plan": plan({"seeds": range(5), "validation": list(range(300, 310))}),
}
