"""Answers to the exercises of notebook 11."""

# ruff: noqa: E501 - an answer is a line

from tests.exercises.tried import Exercise

gate = Exercise(
    "attention_gate",
    """
class Gate(nn.Module):
    def __init__(self, skip_channels, gating_channels, inner):
        super().__init__()
        self.theta = nn.Conv2d(skip_channels, inner, kernel_size=2, stride=2, bias=False)
        self.phi = nn.Conv2d(gating_channels, inner, kernel_size=1)
        self.psi = nn.Conv2d(inner, 1, kernel_size=1)

    def forward(self, skip, gating):
        together = torch.relu(self.theta(skip) + self.phi(gating))
        attention = torch.sigmoid(self.psi(together))
        return skip * F.interpolate(attention, scale_factor=2, mode="bilinear")
""",
)
gate.right("size given", "scale_factor=2", "size=skip.shape[-2:]")
gate.right("align_corners said", 'mode="bilinear"', 'mode="bilinear", align_corners=False')
gate.right(
    "Upsample",
    'F.interpolate(attention, scale_factor=2, mode="bilinear")',
    'nn.Upsample(scale_factor=2, mode="bilinear")(attention)',
)
gate.right(
    "F.relu and method",
    "torch.relu(self.theta(skip) + self.phi(gating))",
    "F.relu(self.theta(skip) + self.phi(gating))",
    "torch.sigmoid(self.psi(together))",
    "self.psi(together).sigmoid()",
)
gate.right("modules", "together = torch.relu(", "together = nn.ReLU()(")
gate.right(
    "the library's, inside",
    "class G(nn.Module):\n    def __init__(self, s, g, i):\n        super().__init__()\n        self.gate = AttentionGate(s, g, i)\n    def forward(self, skip, gating):\n        return self.gate(skip, gating)",
)
gate.right("other names", "theta", "of_skip", "phi", "of_gating", "psi", "to_map")
gate.wrong("formula: no sigmoid", "sigmoid", "torch.sigmoid(self.psi(together))", "self.psi(together)")
gate.wrong("formula: softmax", "sigmoid|softmax", "torch.sigmoid(self.psi(together))", "self.psi(together).softmax(1)")
gate.wrong(
    "formula: softmax over places",
    "sigmoid|softmax",
    "torch.sigmoid(self.psi(together))",
    "self.psi(together).flatten(2).softmax(2).view(len(skip), 1, *gating.shape[2:])",
)
gate.wrong("formula: tanh", "sigmoid|tanh", "torch.sigmoid(self.psi(together))", "torch.tanh(self.psi(together))")
gate.wrong("formula: hard sigmoid", "sigmoid|hard", "torch.sigmoid(self.psi(together))", "F.hardsigmoid(self.psi(together))")
gate.wrong("formula: no ReLU", "relu", "torch.relu(self.theta(skip) + self.phi(gating))", "self.theta(skip) + self.phi(gating)")
gate.wrong(
    "formula: ReLU before the sum",
    "relu|sum|add",
    "torch.relu(self.theta(skip) + self.phi(gating))",
    "torch.relu(self.theta(skip)) + torch.relu(self.phi(gating))",
)
gate.wrong("formula: leaky", "relu|leaky", "torch.relu(self", "F.leaky_relu(self")
gate.wrong("formula: ReLU6", "relu|6", "torch.relu(self", "F.relu6(self")
gate.wrong(
    "formula: multiplied inside",
    "add|sum|product|multipl",
    "self.theta(skip) + self.phi(gating)",
    "self.theta(skip) * self.phi(gating)",
)
gate.wrong(
    "formula: subtracted", "add|sum|subtract|minus", "self.theta(skip) + self.phi(gating)", "self.theta(skip) - self.phi(gating)"
)
gate.wrong("formula: added to the skip", "multipl|added", "return skip * F", "return skip + F")
gate.wrong(
    "formula: residual", "multipl|1 \\+|added|skip itself", "return skip * F.interpolate", "return skip + skip * F.interpolate"
)
gate.wrong("formula: the complement", "1 -|complement|turned|closes", "torch.sigmoid(self", "1 - torch.sigmoid(self")
gate.wrong("formula: the map returned", "map|multipl|skip|shape", "return skip * F.interpolate", "return F.interpolate")
gate.wrong(
    "formula: sigmoid after growing",
    "sigmoid|grow|before|after",
    "torch.sigmoid(self.psi(together))",
    "self.psi(together)",
    'return skip * F.interpolate(attention, scale_factor=2, mode="bilinear")',
    'return skip * torch.sigmoid(F.interpolate(attention, scale_factor=2, mode="bilinear"))',
)
gate.wrong("growth: nearest", "nearest|bilinear", 'mode="bilinear"', 'mode="nearest"')
gate.wrong("growth: bicubic", "bilinear|bicubic", 'mode="bilinear"', 'mode="bicubic"')
gate.wrong("growth: aligned corners", "align|corner", 'mode="bilinear"', 'mode="bilinear", align_corners=True')
gate.wrong("growth: fixed size", "size|fixed", "scale_factor=2", "size=(16, 24)")
gate.wrong("gradient: no gradient to the gating", "gradient", "self.phi(gating)", "self.phi(gating.detach())")
gate.wrong("gradient: none to the skip in the map", "gradient", "self.theta(skip)", "self.theta(skip.detach())")
gate.wrong("gradient: map detached", "gradient", "F.interpolate(attention,", "F.interpolate(attention.detach(),")
gate.wrong("gradient: skip detached outside", "gradient", "return skip * F", "return skip.detach() * F")
gate.wrong(
    "gradient: no_grad",
    "gradient",
    "        attention = torch.sigmoid(self.psi(together))",
    "        with torch.no_grad():\n            attention = torch.sigmoid(self.psi(together))",
)
gate.wrong("gating: ignored", "gating", "self.theta(skip) + self.phi(gating)", "self.theta(skip)")
gate.wrong("gating: skip ignored", "skip|theta", "self.theta(skip) + self.phi(gating)", "self.phi(gating)")
gate.wrong(
    "gating: swapped",
    "forward\\(skip, gating\\)|swapped|order|arguments",
    "def forward(self, skip, gating)",
    "def forward(self, gating, skip)",
)
gate.wrong("gating: mirrored", "mirror|flip", "self.phi(gating)", "self.phi(gating.flip(-1))")
gate.wrong(
    "gating: averaged over places",
    "place|average|mean|not recognised",
    "self.phi(gating)",
    "self.phi(gating).mean((2, 3), keepdim=True)",
)
gate.wrong("batch: first image's map for all", "each image|batch", "F.interpolate(attention,", "F.interpolate(attention[:1],")
gate.wrong(
    "batch: maps averaged", "each image|batch", "F.interpolate(attention,", "F.interpolate(attention.mean(0, keepdim=True),"
)
gate.wrong("state: dropout", "dropout|random|twice|same", "self.psi(together)", "self.psi(F.dropout(together, 0.3))")
gate.wrong(
    "state: in place",
    "changed|in place|in-place",
    "return skip * ",
    "with torch.no_grad():\n            skip *= 0.5\n        return skip * ",
)
gate.wrong(
    "state: extra layer",
    "parameters|extra|layer",
    "        self.psi =",
    "        self.out = nn.Conv2d(skip_channels, skip_channels, 1)\n        self.psi =",
    "return skip * ",
    "return self.out(skip) * ",
)
gate.wrong(
    "state: batch norm",
    "norm|parameters|extra",
    "        self.psi =",
    "        self.norm = nn.BatchNorm2d(1)\n        self.psi =",
    "torch.sigmoid(self.psi(together))",
    "torch.sigmoid(self.norm(self.psi(together)))",
)
gate.wrong("form: a function", "class", "def f(skip, gating):\n    return skip")
gate.wrong("form: a pair", "tensor|pair|tuple", "return skip * F", "return attention, skip * F")
gate.wrong("unfinished: no return", "return|None", "return skip * ", "skip * ")

PLAN = """
both = {
    "training": range(0, 96),
    "validation": range(500, 540),
    "test": range(1000, 1060),
    "steps": 192,
    "rates": [0.001, 0.003, 0.01],
    "seeds": [0, 1, 2, 3],
}
"""
plan = Exercise("fair_plan", PLAN + 'my_plan = {"baseline": both, "new": dict(both)}\n')
plan.right("lists", "range(0, 96)", "list(range(0, 96))", "range(500, 540)", "list(range(500, 540))")
plan.right("tuples", "[0, 1, 2, 3]", "(0, 1, 2, 3)", "[0.001, 0.003, 0.01]", "(0.001, 0.003, 0.01)")
plan.right(
    "arrays",
    "range(0, 96)",
    "np.arange(96)",
    "[0.001, 0.003, 0.01]",
    "np.array([0.001, 0.003, 0.01])",
    "[0, 1, 2, 3]",
    "np.arange(5)",
)
plan.right("a range for seeds", "[0, 1, 2, 3]", "range(5)")
plan.right("other numbers", "range(0, 96)", "range(100, 260)", "192", "400")
plan.right("rates in another order on one side", "dict(both)}", "dict(both, rates=[0.01, 0.003, 0.001])}")
plan.right("sets", "range(500, 540)", "set(range(500, 540))")
plan.right(
    "the training of the first, the test of both", "range(500, 540)", "range(200, 240)", "range(1000, 1060)", "range(300, 360)"
)
PUBLISHED = """
my_plan = {
    "baseline": {"training": range(0, 96), "validation": range(0), "test": range(80, 140), "steps": 192,
                 "rates": [0.01], "seeds": [0]},
    "new": {"training": range(0, 160), "validation": range(80, 140), "test": range(80, 140), "steps": 400,
            "rates": [0.001, 0.003, 0.01], "seeds": [0, 1, 2, 3]},
}
"""
plan.wrong("as published: nothing changed", "training|leak|same|validation", PUBLISHED)
plan.wrong("unequal: training", "training", "dict(both)}", "dict(both, training=range(0, 160))}")
plan.wrong("unequal: training of equal size", "training", "dict(both)}", "dict(both, training=range(100, 196))}")
plan.wrong("unequal: steps", "steps", "dict(both)}", "dict(both, steps=400)}")
plan.wrong("unequal: rates", "rates", "dict(both)}", "dict(both, rates=[0.001, 0.003])}")
plan.wrong("unequal: seeds", "seeds", "dict(both)}", "dict(both, seeds=[0])}")
plan.wrong("unequal: test", "test", "dict(both)}", "dict(both, test=range(2000, 2060))}")
plan.wrong("unequal: validation", "validation", "dict(both)}", "dict(both, validation=range(2000, 2060))}")
plan.wrong("unequal: no validation for one", "validation", "dict(both)}", "dict(both, validation=range(0))}")
plan.wrong("leak: test in training", "training.*test|test.*training|leak", "range(1000, 1060)", "range(80, 140)")
plan.wrong("leak: test is validation", "validation.*test|test.*validation", "range(500, 540)", "range(1000, 1060)")
plan.wrong("leak: one cell in both", "training.*test|test.*training|95", "range(1000, 1060)", "range(95, 160)")
plan.wrong("leak: validation in training", "validation.*training|training.*validation", "range(500, 540)", "range(50, 90)")
plan.wrong("leak: validation overlaps test", "validation.*test|test.*validation", "range(500, 540)", "range(990, 1010)")
plan.wrong("leak: on one side only", "training|test|leak", "dict(both)}", "dict(both, training=[*range(0, 95), 1000])}")
plan.wrong("chance: one seed", "seed", "[0, 1, 2, 3]", "[0]")
plan.wrong("chance: the same seed four times", "seed|same|twice|different", "[0, 1, 2, 3]", "[0, 0, 0, 0]")
plan.wrong("chance: no seed", "seed", "[0, 1, 2, 3]", "[]")
plan.wrong("empty: no validation", "validation", "range(500, 540)", "range(0)")
plan.wrong("empty: no test", "test", "range(1000, 1060)", "[]")
plan.wrong("empty: no training", "training", "range(0, 96)", "range(0)")
plan.wrong("empty: no rate", "rate", "[0.001, 0.003, 0.01]", "[]")
plan.wrong("empty: no steps", "steps", "192", "0")
plan.wrong("form: one side", "baseline|new|keys?", '{"baseline": both, "new": dict(both)}', '{"new": both}')
plan.wrong("form: a list", "dictionary", '{"baseline": both, "new": dict(both)}', "[both, both]")
plan.wrong("form: a key missing", "keys?|steps", '    "steps": 192,\n', "")
plan.wrong("form: a number for the seeds", "seeds", "[0, 1, 2, 3]", "4")
plan.wrong("unfinished: one left", "rates", "[0.001, 0.003, 0.01]", "None")
BY_HAND = """
class Gate(nn.Module):
    def __init__(self, s, g, inner):
        super().__init__()
        self.theta = nn.Conv2d(s, inner, kernel_size=2, stride=2, bias=False)
        self.phi = nn.Conv2d(g, inner, kernel_size=1)
        self.psi = nn.Conv2d(inner, 1, kernel_size=1)

    def forward(self, skip, gating):
"""
gate.right(
    "image by image",
    BY_HAND
    + """        out = []
        for s, g in zip(skip, gating):
            m = self.psi((self.theta(s[None]) + self.phi(g[None])).relu()).sigmoid()
            out.append(s * F.interpolate(m, (s.shape[1], s.shape[2]), mode="bilinear")[0])
        return torch.stack(out)
""",
)
gate.right(
    "by einsum with the weights",
    BY_HAND
    + """        n, c, h, w = skip.shape
        blocks = skip.reshape(n, c, h // 2, 2, w // 2, 2)
        t = torch.einsum("ncyaxb,kcab->nkyx", blocks, self.theta.weight)
        p = torch.einsum("ngyx,kg->nkyx", gating, self.phi.weight[:, :, 0, 0]) + self.phi.bias[None, :, None, None]
        s = (torch.relu(t + p) * self.psi.weight).sum(1, keepdim=True) + self.psi.bias
        return skip * F.interpolate(torch.sigmoid(s), scale_factor=2, mode="bilinear")
""",
)
for side in ("skip.shape[-1]", "skip.shape[-2]"):
    gate.wrong(
        f"size: of one side, {side}",
        "height and width",
        BY_HAND
        + f"        m = torch.sigmoid(self.psi(torch.relu(self.theta(skip) + self.phi(gating))))\n        return skip * F.interpolate(m, {side}, mode='bilinear')\n",
    )
for what, rates in (
    ("0 and below", "[0, -0.01, 0.003]"),
    ("text", "['0.001', '0.01']"),
    ("no number", "[float('nan'), 0.01]"),
    ("useless", "[100.0, 1000.0]"),
):
    plan.wrong(f"rates: {what}", "rate", "[0.001, 0.003, 0.01]", rates)
plan.wrong("seeds: halves", "whole number", "[0, 1, 2, 3]", "[0.5, 1.5, 2.5, 3.5]")
plan.wrong("seeds: negative", "whole number", "[0, 1, 2, 3]", "[-1, 0, 1, 2]")
plan.wrong("cells: negative", "whole number", "range(0, 96)", "range(-96, 0)")
plan.wrong("cells: text", "whole number", "range(0, 96)", "[str(k) for k in range(96)]")
plan.wrong(
    "rates: others, as many",
    "other rates",
    'my_plan = {"baseline": both, "new": dict(both)}',
    'my_plan = {"baseline": both, "new": {**both, "rates": [0.002, 0.006, 0.02]}}',
)
