"""Answers to the exercises of notebook 03."""

# ruff: noqa: E501 - an answer is a line

from tests.exercises.tried import Exercise

stage = Exercise(
    "encoder_stage",
    """
class Stage(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.block = ConvBlock(i, o)
        self.pool = nn.MaxPool2d(kernel_size=2)

    def forward(self, x):
        skip = self.block(x)
        return self.pool(skip), skip
""",
)
stage.right("a list", "return self.pool(skip), skip", "return [self.pool(skip), skip]")
stage.right("functional pooling", "self.pool(skip)", "F.max_pool2d(skip, 2)")
stage.right(
    "by reshaping",
    "self.pool(skip)",
    "skip[..., : skip.shape[2] // 2 * 2, : skip.shape[3] // 2 * 2].unflatten(-1, (-1, 2)).amax(-1).unflatten(-2, (-1, 2)).amax(-2)",
)
stage.wrong(
    "second: even sizes only", "odd", "self.pool(skip)", "skip.unflatten(-1, (-1, 2)).amax(-1).unflatten(-2, (-1, 2)).amax(-2)"
)
stage.right(
    "own convolutions",
    "self.block = ConvBlock(i, o)",
    "self.block = nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.Conv2d(o, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU())",
)
stage.right(
    "sequential",
    "class S(nn.Module):\n    def __init__(self, i, o):\n        super().__init__()\n        self.parts = nn.Sequential(ConvBlock(i, o), nn.MaxPool2d(2, 2))\n    def forward(self, x):\n        across = self.parts[0](x)\n        down = self.parts[1](across)\n        return (down, across)",
)
stage.wrong("second: adaptive", "odd", "self.pool(skip)", "F.adaptive_max_pool2d(skip, (skip.shape[2] // 2, skip.shape[3] // 2))")
stage.right(
    "a subclass",
    "class S(ConvBlock):\n    def forward(self, x):\n        skip = super().forward(x)\n        return F.max_pool2d(skip, 2), skip",
)
stage.wrong("order: swapped", "swapped|order|first", "return self.pool(skip), skip", "return skip, self.pool(skip)")
stage.wrong(
    "order: skip after pooling", "before|pool|skip", "return self.pool(skip), skip", "return self.pool(skip), self.pool(skip)"
)
stage.wrong(
    "order: pools first",
    "pool|before|first",
    "class S(nn.Module):\n    def __init__(self, i, o):\n        super().__init__()\n        self.block = ConvBlock(i, o)\n    def forward(self, x):\n        x = self.block(F.max_pool2d(x, 2))\n        return x, F.interpolate(x, scale_factor=2.0)",
)
stage.wrong("order: skip is the input", "skip|block|input", "return self.pool(skip), skip", "return self.pool(skip), x")
stage.wrong("order: only one", "two|both|pair", "return self.pool(skip), skip", "return self.pool(skip)")
stage.wrong(
    "order: a dictionary", "two|both|pair|tuple", "return self.pool(skip), skip", "return {'down': self.pool(skip), 'skip': skip}"
)
stage.wrong("order: three things", "two|both|pair", "return self.pool(skip), skip", "return self.pool(skip), skip, x")
stage.wrong("pool: average", "average|mean", "nn.MaxPool2d", "nn.AvgPool2d")
stage.wrong("pool: strided slice", "largest|max|corner|every second", "self.pool(skip)", "skip[..., ::2, ::2]")
stage.wrong("pool: 3x3", "2|size|kernel|3", "nn.MaxPool2d(kernel_size=2)", "nn.MaxPool2d(3, 2, padding=1)")
stage.wrong("pool: stride one", "size|half|stride", "nn.MaxPool2d(kernel_size=2)", "nn.MaxPool2d(2, stride=1)")
stage.wrong("pool: by four", "size|half|quarter", "kernel_size=2", "kernel_size=4")
stage.wrong("pool: rows only", "size|half|column|width", "kernel_size=2", "kernel_size=(2, 1)")
stage.wrong("pool: minimum", "min|largest|max", "self.pool(skip)", "-self.pool(-skip)")
stage.wrong(
    "pool: strided convolution", "max|pool|parameters|convolution", "nn.MaxPool2d(kernel_size=2)", "nn.Conv2d(o, o, 2, stride=2)"
)
stage.wrong("pool: fixed size", "size|fixed|any size", "self.pool(skip)", "F.adaptive_max_pool2d(skip, (8, 12))")
stage.wrong("pool: rounds up", "odd|round|ceil", "kernel_size=2", "kernel_size=2, ceil_mode=True")
stage.wrong(
    "pool: nearest neighbour",
    "largest|max|nearest|every second|corner",
    "self.pool(skip)",
    "F.interpolate(skip, scale_factor=0.5)",
)
stage.wrong(
    "pool: bilinear",
    "average|mean|largest|max|bilinear",
    "self.pool(skip)",
    "F.interpolate(skip, scale_factor=0.5, mode='bilinear')",
)
stage.wrong("gradient: skip detached", "gradient|detach", "return self.pool(skip), skip", "return self.pool(skip), skip.detach()")
stage.wrong(
    "gradient: pooled detached", "gradient|detach", "return self.pool(skip), skip", "return self.pool(skip.detach()), skip"
)
stage.wrong(
    "gradient: no_grad",
    "gradient|no_grad",
    "        skip = self.block(x)\n        return self.pool(skip), skip",
    "        with torch.no_grad():\n            skip = self.block(x)\n            return self.pool(skip), skip",
)
stage.wrong("gradient: input detached", "gradient|detach", "self.block(x)", "self.block(x.detach())")
stage.wrong(
    "state: block made in forward",
    "parameters|forward|each call|__init__",
    "self.block(x)",
    "ConvBlock(x.shape[1], self.o)(x)",
    "        self.block = ConvBlock(i, o)",
    "        self.o = o",
)
stage.wrong("state: dropout", "dropout|random|twice|same", "self.block(x)", "F.dropout(self.block(x), 0.3)")
stage.wrong("state: train switched on", "mode|train", "        skip = self", "        self.train()\n        skip = self")
stage.wrong(
    "state: second run of the block",
    "twice|statistics|two",
    "return self.pool(skip), skip",
    "return self.pool(self.block(x)), skip",
)
stage.wrong(
    "state: images mixed",
    "each image|batch",
    "return self.pool(skip), skip",
    "return self.pool(skip), skip.mean(0, keepdim=True).expand_as(skip)",
)
stage.wrong(
    "state: in place after the skip",
    "changed|in place|relu|skip|same",
    "return self.pool(skip), skip",
    "down = self.pool(skip)\n        return down, skip.mul_(2)",
)
stage.wrong("block: missing", "block|parameters|conv", "self.block = ConvBlock(i, o)", "self.block = nn.Conv2d(i, o, 1)")
stage.wrong(
    "block: a single convolution",
    "block|parameters|two|conv",
    "self.block = ConvBlock(i, o)",
    "self.block = nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU())",
)
stage.wrong("block: without norm", "norm", "ConvBlock(i, o)", "ConvBlock(i, o, norm=None)")
stage.wrong("block: always doubles", "channels|twice|double", "ConvBlock(i, o)", "ConvBlock(i, 2 * i)")
stage.wrong("block: swapped arguments", "channels|swapped|order|arguments", "ConvBlock(i, o)", "ConvBlock(o, i)")
stage.wrong("block: two blocks", "parameters|two|block", "ConvBlock(i, o)", "nn.Sequential(ConvBlock(i, o), ConvBlock(o, o))")
stage.wrong("block: valid padding", "size|padding", "ConvBlock(i, o)", "ConvBlock(i, o, padding='valid')")
stage.wrong(
    "block: ReLU before pooling doubled by tanh", "tanh|bounded|squash|block", "self.block(x)", "torch.tanh(self.block(x))"
)
stage.wrong("block: skip mirrored", "mirror|flip", "return self.pool(skip), skip", "return self.pool(skip), skip.flip(-1)")
stage.wrong("form: an instance", "class", "Stage = EncoderStage(1, 4)")
stage.wrong(
    "unfinished: pass", "return|None", "        skip = self.block(x)\n        return self.pool(skip), skip", "        pass"
)

field = Exercise(
    "receptive_field",
    """
def field(layers):
    width, step = 1, 1
    for kernel, stride in layers:
        width += (kernel - 1) * step
        step *= stride
    return width
""",
)
field.right(
    "backwards", "def f(layers):\n    w = 1\n    for k, s in reversed(layers):\n        w = (w - 1) * s + k\n    return w"
)
field.right(
    "recursive",
    "def f(layers):\n    if not layers:\n        return 1\n    k, s = layers[-1]\n    return None if False else f_helper(list(layers))\ndef f_helper(layers):\n    if not layers:\n        return 1\n    (k, s), rest = layers[0], layers[1:]\n    return k + s * (f_helper(rest) - 1)",
)
field.right(
    "NumPy",
    "def f(layers):\n    if len(layers) == 0:\n        return np.int64(1)\n    a = np.array(layers)\n    steps = np.concatenate([[1], np.cumprod(a[:, 1])[:-1]])\n    return 1 + ((a[:, 0] - 1) * steps).sum()",
)
field.right(
    "indices",
    "def f(layers):\n    width = 1\n    for n in range(len(layers)):\n        step = math.prod(s for _, s in layers[:n])\n        width = width + (layers[n][0] - 1) * step\n    return width",
)
field.right("a float", "return width", "return float(width)")
field.right(
    "by gradient",
    "def f(layers):\n    x = torch.ones(1, 1, 3000, requires_grad=True)\n    y = x\n    for k, s in layers:\n        y = F.conv1d(y, torch.ones(1, 1, k), stride=s)\n    y[0, 0, 0].backward()\n    return int((x.grad != 0).nonzero()[:, 2].max() + 1)",
)
field.right("a tensor", "return width", "return torch.tensor(width)")
field.wrong("formula: sum of the kernels", "sum|overlap|kernel", "def f(layers):\n    return sum(k for k, s in layers)")
field.wrong("formula: strides ignored", "stride", "step *= stride", "pass")
field.wrong("formula: starts at nothing", "itself|1|one", "width, step = 1, 1", "width, step = 0, 1")
field.wrong("formula: kernel not less one", "kernel|- 1|one less", "(kernel - 1)", "kernel")
field.wrong("formula: half the kernel", "half|side|kernel", "(kernel - 1)", "(kernel // 2)")
field.wrong(
    "formula: stride counts before its layer",
    "stride|before|own|behind",
    "        width += (kernel - 1) * step\n        step *= stride",
    "        step *= stride\n        width += (kernel - 1) * step",
)
field.wrong("formula: own stride only", "stride|product|multipl|add up", "(kernel - 1) * step", "(kernel - 1) * stride")
field.wrong("formula: strides added", "stride|product|multipl|added", "step *= stride", "step += stride - 1")
field.wrong("formula: doubled at strides", "stride|2|3", "step *= stride", "step *= 2 if stride > 1 else 1")
field.wrong("formula: always two", "stride|2", "step *= stride", "step *= 2")
field.wrong("formula: the stride of before", "stride", "step *= stride", "step = stride")
field.wrong("formula: product of kernels", "product|kernel", "def f(layers):\n    return math.prod(k for k, s in layers)")
field.wrong("formula: from the wrong end", "order|revers|end|last", "in layers", "in reversed(layers)")
field.wrong("formula: area", "area|width|squared|square", "return width", "return width ** 2")
field.wrong("formula: radius", "half|side|width|radius", "return width", "return width // 2")
field.wrong("formula: step returned", "step|stride|jump", "return width", "return step")
field.wrong("formula: a pair", "number|one|width", "return width", "return width, width")
field.wrong("narrow: 3x3 only", "kernel", "(kernel - 1)", "2")
field.wrong("narrow: odd kernels", "kernel|even|2", "(kernel - 1)", "(kernel // 2 * 2)")
field.wrong("narrow: the last layer forgotten", "last", "in layers", "in layers[:-1]")
field.wrong("narrow: the first layer forgotten", "first", "in layers", "in layers[1:]")
field.wrong("edge: no layer", "no layer|empty|layers", "    width, step = 1, 1", "    width, step = 1, 1\n    layers[0]")
field.wrong(
    "edge: an empty list sees nothing",
    "no layer|empty|itself",
    "    width, step = 1, 1",
    "    if not layers:\n        return 0\n    width, step = 1, 1",
)
field.wrong(
    "form: list emptied",
    "changed",
    "    for kernel, stride in layers:\n",
    "    while layers:\n        kernel, stride = layers.pop(0)\n",
)
field.wrong("unfinished: printed", "return|None", "return width", "print(width)")
field.wrong(
    "form: return in the loop",
    "first|loop|return",
    "        step *= stride\n    return width",
    "        step *= stride\n        return width",
)

# Of two students who had not seen the checks, and what passed then.

field.wrong(
    "fresh: a kernel of 1 skipped with its stride",
    "kernel of 1",
    "def f(layers):\n    w = step = 1\n    for k, s in layers:\n        if k == 1:\n            continue\n        w += (k - 1) * step\n        step *= s\n    return w",
)
field.wrong(
    "fresh: 100 pixels at most",
    "100",
    "def f(layers):\n    w = step = 1\n    for k, s in layers:\n        w += (k - 1) * step\n        step *= s\n    return min(w, 100)",
)
field.wrong(
    "fresh: used pixels counted, not the width",
    "holes|wide|not recognised",
    "def f(layers):\n    seen = {0}\n    for k, s in reversed(layers):\n        seen = {p * s + j for p in seen for j in range(k)}\n    return len(seen)",
)

# Of a student who tried five hundred answers to the first six notebooks, and neighbours of what passed.

stage.wrong(
    "second: the first row of an odd size is left out",
    "odd",
    "self.pool(skip)",
    "self.pool(skip[..., skip.shape[2] % 2 :, skip.shape[3] % 2 :])",
)
stage.wrong(
    "second: square images transposed",
    "square",
    "self.block(x)",
    "self.block(x).transpose(2, 3) if x.shape[2] == x.shape[3] else self.block(x)",
)
stage.wrong("second: the block is run twice", "twice", "return self.pool(skip), skip", "return self.pool(skip), self.block(x)")
stage.wrong("second: image by image", "one by one", "self.block(x)", "torch.cat([self.block(one[None]) for one in x])")
stage.wrong(
    "second: blocks shared by all stages",
    "share",
    "ConvBlock(i, o)",
    "BLOCKS.setdefault((i, o), ConvBlock(i, o))",
    "class Stage",
    "BLOCKS = {}\nclass Stage",
)
stage.wrong(
    "second: a block that is dead at first",
    "cannot learn",
    "        self.pool =",
    "        nn.init.zeros_([m for m in self.block.modules() if isinstance(m, nn.Conv2d)][-1].weight)\n        self.pool =",
)
stage.wrong(
    "second: momentum 0",
    "momentum",
    "        self.pool =",
    "        for m in self.block.modules():\n            if isinstance(m, nn.BatchNorm2d):\n                m.momentum = 0.0\n        self.pool =",
)
stage.wrong(
    "second: twice the channels, half thrown away",
    "thrown away",
    "ConvBlock(i, o)",
    "ConvBlock(i, 2 * o)",
    "self.block(x)",
    "self.block(x)[:, : self.o]",
    "        self.pool =",
    "        self.o = o\n        self.pool =",
)
stage.wrong("second: two blocks", "two blocks", "ConvBlock(i, o)", "nn.Sequential(ConvBlock(i, o), ConvBlock(o, o))")
stage.wrong(
    "second: four in a row",
    "in a row|odd",
    "self.pool(skip)",
    "skip.reshape(*skip.shape[:2], skip.shape[2] // 2, skip.shape[3] // 2, 4).amax(-1)",
)
stage.wrong("second: squares that begin at 1", "begin at 1", "self.pool(skip)", "self.pool(skip.roll((-1, -1), (2, 3)))")
stage.wrong("second: pooled over the channels", "channels", "self.pool(skip)", "F.max_pool3d(skip[:, None], 2)[:, 0]")
stage.wrong(
    "second: one side for both", "height and width", "self.pool(skip)", "F.adaptive_max_pool2d(skip, skip.shape[-1] // 2)"
)
stage.wrong(
    "second: skips kept for ever",
    "kept for ever|grows",
    "        return self.pool(skip), skip",
    "        self.kept.append(skip)\n        return self.pool(skip), skip",
    "        self.pool =",
    "        self.kept = []\n        self.pool =",
)
stage.right(
    "keeps the skip of the last call",
    "        return self.pool(skip), skip",
    "        self.last = skip\n        return self.pool(skip), skip",
    "        self.pool =",
    "        self.last = None\n        self.pool =",
)
stage.right(
    "a strided view",
    "self.pool(skip)",
    "torch.stack([skip[..., a : skip.shape[2] // 2 * 2 : 2, b : skip.shape[3] // 2 * 2 : 2] for a in (0, 1) for b in (0, 1)]).amax(0)",
)
field.wrong(
    "second: goes on from call to call",
    "call to call",
    "    width, step = 1, 1",
    "    global width, step",
    "def field",
    "width, step = 1, 1\ndef field",
)
