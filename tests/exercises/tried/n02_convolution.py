"""Answers to the exercises of notebook 02."""

# ruff: noqa: E501 - an answer is a line

from tests.exercises.tried import Exercise

conv = Exercise(
    "conv2d",
    """
def conv(image, kernel, padding=0, stride=1):
    framed = np.pad(image, padding)
    size = len(kernel)
    rows = (framed.shape[0] - size) // stride + 1
    columns = (framed.shape[1] - size) // stride + 1
    output = np.zeros((rows, columns))
    for r in range(rows):
        for c in range(columns):
            window = framed[r * stride : r * stride + size, c * stride : c * stride + size]
            output[r, c] = (window * kernel).sum()
    return output
""",
)
conv.right(
    "loops over the kernel",
    "def f(image, kernel, padding=0, stride=1):\n    p = np.pad(image, padding)\n    kh, kw = kernel.shape\n    H = p.shape[0] - kh + 1\n    W = p.shape[1] - kw + 1\n    out = 0\n    for a in range(kh):\n        for b in range(kw):\n            out = out + kernel[a, b] * p[a:a + H:stride, b:b + W:stride]\n    return out",
)
conv.right(
    "windows",
    "def f(image, kernel, padding=0, stride=1):\n    w = np.lib.stride_tricks.sliding_window_view(np.pad(image, padding), kernel.shape)[::stride, ::stride]\n    return np.einsum('rcab,ab->rc', w, kernel)",
)
conv.right(
    "lists",
    "def f(image, kernel, padding=0, stride=1):\n    p = np.pad(image, padding)\n    k, l = kernel.shape\n    return [[float((p[r:r + k, c:c + l] * kernel).sum()) for c in range(0, p.shape[1] - l + 1, stride)] for r in range(0, p.shape[0] - k + 1, stride)]",
)
conv.right(
    "own padding",
    "framed = np.pad(image, padding)",
    "framed = np.zeros((image.shape[0] + 2 * padding, image.shape[1] + 2 * padding))\n    framed[padding:padding + image.shape[0], padding:padding + image.shape[1]] = image",
)
conv.right("a tensor", "return output", "return torch.tensor(output)")
conv.right("np.sum", "(window * kernel).sum()", "np.sum(np.multiply(window, kernel))")
conv.right("float32", "np.zeros((rows, columns))", "np.zeros((rows, columns), np.float32)")
conv.wrong("formula: kernel turned by 180 degrees", "180|turn|flip|mirror", "(window * kernel)", "(window * kernel[::-1, ::-1])")
conv.wrong("formula: kernel transposed", "transpos", "(window * kernel)", "(window * kernel.T)")
conv.wrong("formula: matrix product", "matrix product|@|element", "(window * kernel).sum()", "(window @ kernel).sum()")
conv.wrong("formula: the mean", "mean", "(window * kernel).sum()", "(window * kernel).mean()")
conv.wrong("formula: the maximum", "max|largest", "(window * kernel).sum()", "(window * kernel).max()")
conv.wrong("formula: ReLU after it", "negative|relu", "return output", "return np.maximum(output, 0)")
conv.wrong(
    "formula: kernel normalised",
    "normali|sum of the kernel|divided",
    "(window * kernel).sum()",
    "(window * kernel).sum() / kernel.sum()",
)
conv.wrong("padding: ignored", "padding", "np.pad(image, padding)", "image")
conv.wrong(
    "padding: always half the kernel", "padding", "np.pad(image, padding)", "np.pad(image, len(kernel) // 2 if padding else 0)"
)
conv.wrong("padding: always one", "padding", "np.pad(image, padding)", "np.pad(image, 1 if padding else 0)")
conv.wrong("padding: repeated border", "zero|edge|border", "np.pad(image, padding)", "np.pad(image, padding, mode='edge')")
conv.wrong("padding: mirrored", "zero|mirror|border", "np.pad(image, padding)", "np.pad(image, padding, mode='reflect')")
conv.wrong(
    "padding: one side only", "side|padding", "np.pad(image, padding)", "np.pad(image, ((0, 2 * padding), (0, 2 * padding)))"
)
conv.wrong("padding: rows only", "padding|column", "np.pad(image, padding)", "np.pad(image, ((padding, padding), (0, 0)))")
conv.wrong(
    "stride: ignored",
    "stride",
    "stride : r * stride + size",
    "1 : r + size",
    "c * stride : c * stride + size",
    "c : c + size",
    "// stride + 1",
    "+ 1",
    "r * 1",
    "r",
)
conv.wrong(
    "stride: in the size only",
    "stride",
    "r * stride : r * stride + size, c * stride : c * stride + size",
    "r : r + size, c : c + size",
)
conv.wrong(
    "stride: rows only",
    "stride|column",
    "c * stride : c * stride + size",
    "c : c + size",
    "columns = (framed.shape[1] - size) // stride + 1",
    "columns = framed.shape[1] - size + 1",
)
conv.wrong("stride: at most two", "stride", "    size = len", "    stride = min(stride, 2)\n    size = len")
conv.wrong(
    "stride: rounds up",
    "shape|round|last",
    "rows = (framed.shape[0] - size) // stride + 1",
    "rows = -(-(framed.shape[0] - size) // stride) + 1",
    "(window * kernel)",
    "(window * kernel[: len(window)])",
)
conv.wrong(
    "size: one row short",
    "shape|last",
    "rows = (framed.shape[0] - size) // stride + 1",
    "rows = (framed.shape[0] - size) // stride",
)
conv.wrong("size: square images only", "square|shape", "columns = (framed.shape[1] - size) // stride + 1", "columns = rows")
conv.wrong("size: 3x3 only", "kernel", "size = len(kernel)", "size = 3", "(window * kernel)", "(window * kernel[:3, :3])")
conv.wrong("size: same size kept", "shape|padding", "np.pad(image, padding)", "np.pad(image, len(kernel) // 2)")
conv.wrong(
    "in place: image changed", "changed", "framed = np.pad(image, padding)", "image -= 1\n    framed = np.pad(image + 1, padding)"
)
conv.wrong("type: whole numbers", "whole|int|round", "np.zeros((rows, columns))", "np.zeros((rows, columns), int)")
conv.wrong(
    "type: image's own", "whole|int|round|overflow|uint8", "np.zeros((rows, columns))", "np.zeros((rows, columns), np.uint8)"
)
conv.wrong("order: output transposed", "transpos|shape", "return output", "return output.T")
conv.wrong("order: output mirrored", "mirror|flip|revers", "return output", "return output[:, ::-1]")
conv.wrong("unfinished: nothing is returned", "return|None", "    return output\n", "")

block = Exercise(
    "conv_block",
    """
class Block(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.Conv2d(o, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU())

    def forward(self, x):
        return self.layers(x)
""",
)
OWN = """
class Block(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.conv1 = nn.Conv2d(i, o, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(o)
        self.conv2 = nn.Conv2d(o, o, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(o)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(x)))
"""
block.right("own names", OWN)
block.right("no bias", "padding=1)", "padding=1, bias=False)")
block.right("same padding", "padding=1", "padding='same'")
block.right("in-place ReLU", "nn.ReLU()", "nn.ReLU(inplace=True)")
block.right(
    "ZeroPad2d",
    "nn.Conv2d(i, o, 3, padding=1)",
    "nn.ZeroPad2d(1), nn.Conv2d(i, o, 3)",
    "nn.Conv2d(o, o, 3, padding=1)",
    "nn.ZeroPad2d(1), nn.Conv2d(o, o, 3)",
)
block.right(
    "F.pad",
    OWN.replace(", padding=1", "")
    .replace("conv1(x)", "conv1(F.pad(x, (1, 1, 1, 1)))")
    .replace("conv2(x)", "conv2(F.pad(x, (1, 1, 1, 1)))"),
)
block.right(
    "shared ReLU",
    OWN.replace("F.relu", "self.relu").replace("        self.conv1", "        self.relu = nn.ReLU()\n        self.conv1"),
)
block.right("clamp", OWN.replace("F.relu(self.bn1(self.conv1(x)))", "self.bn1(self.conv1(x)).clamp(min=0)"))
block.right(
    "a loop",
    "class Block(nn.Module):\n    def __init__(self, i, o):\n        super().__init__()\n        self.convs = nn.ModuleList([nn.Conv2d(i, o, 3, padding=1), nn.Conv2d(o, o, 3, padding=1)])\n        self.norms = nn.ModuleList([nn.BatchNorm2d(o) for _ in range(2)])\n    def forward(self, x):\n        for c, n in zip(self.convs, self.norms):\n            x = torch.relu(n(c(x)))\n        return x",
)
block.right(
    "registered in another order",
    OWN.replace("        self.conv1 = nn.Conv2d(i, o, 3, padding=1)\n", "").replace(
        "        self.bn2 = nn.BatchNorm2d(o)\n",
        "        self.bn2 = nn.BatchNorm2d(o)\n        self.conv1 = nn.Conv2d(i, o, 3, padding=1)\n",
    ),
)
block.right(
    "the library's, inside",
    "class Block(nn.Module):\n    def __init__(self, i, o):\n        super().__init__()\n        self.inside = ConvBlock(i, o)\n    def forward(self, x):\n        return self.inside(x)",
)
L = "nn.BatchNorm2d(o), nn.ReLU())"
block.wrong("gradient: detached", "gradient|detach", "return self.layers(x)", "return self.layers(x).detach()")
block.wrong(
    "gradient: no_grad inside",
    "gradient|no_grad",
    "return self.layers(x)",
    "with torch.no_grad():\n            return self.layers(x)",
)
block.wrong(
    "gradient: cut between",
    "gradient",
    OWN.replace("x = F.relu(self.bn1(self.conv1(x)))", "x = F.relu(self.bn1(self.conv1(x))).detach()"),
)
block.wrong("gradient: input detached", "gradient|detach", "self.layers(x)", "self.layers(x.detach())")
block.wrong(
    "gradient: first parameters frozen",
    "gradient|requires_grad|frozen",
    OWN.replace("        self.bn1 =", "        self.conv1.requires_grad_(False)\n        self.bn1 ="),
)
block.wrong(
    "state: a fresh layer each call",
    "random|twice|new|same answer|forward",
    OWN.replace("self.conv2(x)", "nn.Conv2d(x.shape[1], x.shape[1], 3, padding=1)(x)"),
)
block.wrong("state: eval inside forward", "mode|eval", "return self.layers(x)", "self.eval()\n        return self.layers(x)")
block.wrong("state: dropout", "dropout|twice|random", "nn.ReLU(), nn.Conv2d", "nn.ReLU(), nn.Dropout(0.2), nn.Conv2d")
block.wrong(
    "state: a plain list",
    "ModuleList|list|parameters",
    "class Block(nn.Module):\n    def __init__(self, i, o):\n        super().__init__()\n        self.parts = [nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.Conv2d(o, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU()]\n    def forward(self, x):\n        for p in self.parts:\n            x = p(x)\n        return x",
)
block.wrong("state: input changed in place", "changed|in place", "return self.layers(x)", "return self.layers(x.mul_(1.5))")
block.wrong("state: one image repeated", "each image|batch", "self.layers(x)", "self.layers(x[:1].expand(len(x), -1, -1, -1))")
block.wrong(
    "state: batch averaged",
    "each image|batch",
    "return self.layers(x)",
    "return self.layers(x) + 0 * x[:, :1] + (self.layers(x) - self.layers(x)).mean() if False else self.layers(x.mean(0, keepdim=True).expand_as(x))",
)
block.wrong("norm: none", "batch norm", "nn.BatchNorm2d(o), nn.ReLU()", "nn.ReLU()")
block.wrong("norm: only one", "batch norm|second", L, "nn.ReLU())")
block.wrong("norm: instance norm", "batch norm|instance", "nn.BatchNorm2d", "nn.InstanceNorm2d")
block.wrong("norm: group norm", "batch norm|group", "nn.BatchNorm2d(o)", "nn.GroupNorm(1, o)")
block.wrong("norm: not affine", "affine|gamma|batch norm|parameters", "nn.BatchNorm2d(o)", "nn.BatchNorm2d(o, affine=False)")
block.wrong(
    "norm: no running statistics", "running|statistics|track", "nn.BatchNorm2d(o)", "nn.BatchNorm2d(o, track_running_stats=False)"
)
block.wrong("norm: shared", "shared|two batch|same|one batch|parameters", OWN.replace("self.bn2(self", "self.bn1(self"))
block.wrong("order: ReLU before norm", "order|before", "nn.BatchNorm2d(o), nn.ReLU()", "nn.ReLU(), nn.BatchNorm2d(o)")
block.wrong(
    "order: norm before convolution",
    "order|before|convolution",
    OWN.replace("self.bn2(self.conv2(x))", "self.conv2(self.bn2(x))"),
)
block.wrong("relu: last missing", "relu|negative", L, "nn.BatchNorm2d(o))")
block.wrong("relu: first missing", "relu|first", "nn.ReLU(), nn.Conv2d", "nn.Conv2d")
block.wrong("relu: leaky", "relu|leaky|negative", "nn.ReLU()", "nn.LeakyReLU()")
block.wrong("relu: sigmoid", "relu|sigmoid", "nn.ReLU()", "nn.Sigmoid()")
block.wrong("relu: ReLU6", "relu|6|upper|bounded|large", "nn.ReLU()", "nn.ReLU6()")
block.wrong("relu: GELU", "relu|gelu|negative", "nn.ReLU()", "nn.GELU()")
block.wrong("relu: softplus", "relu|softplus", "nn.ReLU()", "nn.Softplus()")
block.wrong("relu: SiLU in between", "relu|silu|first", "nn.ReLU(), nn.Conv2d", "nn.SiLU(), nn.Conv2d")
block.wrong("size: no padding", "size|padding|shape", ", padding=1", "")
block.wrong("size: only first padded", "size|padding|shape", "nn.Conv2d(o, o, 3, padding=1)", "nn.Conv2d(o, o, 3)")
block.wrong("size: five wide", "3x3|parameters|wide", "nn.Conv2d(o, o, 3, padding=1)", "nn.Conv2d(o, o, 5, padding=2)")
block.wrong("size: 1x1 second", "3x3|parameters|1x1", "nn.Conv2d(o, o, 3, padding=1)", "nn.Conv2d(o, o, 1)")
block.wrong(
    "size: dilated", "dilat|field|sees|neighbours", "nn.Conv2d(o, o, 3, padding=1)", "nn.Conv2d(o, o, 3, padding=2, dilation=2)"
)
block.wrong(
    "size: grouped", "group|parameters|channel", "nn.Conv2d(o, o, 3, padding=1)", "nn.Conv2d(o, o, 3, padding=1, groups=o)"
)
block.wrong("size: border mirrored", "border|zero|padding|reflect", "padding=1", "padding=1, padding_mode='reflect'")
block.wrong("size: border circular", "border|zero|padding|circular", "padding=1", "padding=1, padding_mode='circular'")
block.wrong("narrow: in equals out", "in_channels|channels|3", "nn.Conv2d(i, o, 3", "nn.Conv2d(o, o, 3")
block.wrong(
    "narrow: middle channels of the input",
    "channels|middle|parameters",
    "nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.Conv2d(o, o",
    "nn.Conv2d(i, i, 3, padding=1), nn.BatchNorm2d(i), nn.ReLU(), nn.Conv2d(i, o",
)
block.wrong(
    "extra: residual",
    "added|residual|skip|ReLU|input",
    OWN.replace("return F.relu(self.bn2(self.conv2(x)))", "return F.relu(self.bn2(self.conv2(x))) + x"),
)
block.wrong(
    "extra: third convolution",
    "third|three|two conv|parameters|expected two",
    "nn.BatchNorm2d(o), nn.ReLU(), nn.Conv2d",
    "nn.BatchNorm2d(o), nn.ReLU(), nn.Conv2d(o, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.Conv2d",
)
block.wrong(
    "extra: one convolution twice",
    "same|shared|parameters|one convolution|two conv",
    OWN.replace(
        "self.bn2(self.conv2(x))",
        "self.bn2(self.conv1(F.pad(x, (0, 0, 0, 0, 0, self.conv1.in_channels))[:, :self.conv1.in_channels]))",
    ),
)
block.wrong("extra: mirrored output", "mirror|flip", "return self.layers(x)", "return self.layers(x).flip(-1)")
block.wrong("form: an instance", "class", "Block = ConvBlock(1, 4)")
block.wrong("form: forgets super", "super", "        super().__init__()\n", "")
block.wrong("unfinished: forward returns nothing", "return|None", "        return self.layers(x)", "        self.layers(x)")

# Of two students who had not seen the checks, and what passed then.

block.right(
    "a norm of one's own",
    "class HandNorm(nn.Module):\n    def __init__(self, c):\n        super().__init__()\n        self.weight = nn.Parameter(torch.ones(c))\n        self.bias = nn.Parameter(torch.zeros(c))\n        self.eps = 1e-5\n        self.register_buffer('running_mean', torch.zeros(c))\n        self.register_buffer('running_var', torch.ones(c))\n        self.register_buffer('num_batches_tracked', torch.tensor(0))\n    def forward(self, x):\n        if self.training:\n            self.num_batches_tracked += 1\n        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, self.training, 0.1, self.eps)\nclass HandBlock(nn.Module):\n    def __init__(self, i, o):\n        super().__init__()\n        self.c1 = nn.Conv2d(i, o, 3, padding=1)\n        self.n1 = HandNorm(o)\n        self.c2 = nn.Conv2d(o, o, 3, padding=1)\n        self.n2 = HandNorm(o)\n    def forward(self, x):\n        return F.relu(self.n2(self.c2(F.relu(self.n1(self.c1(x))))))",
)

# Of a student who tried five hundred answers to the first six notebooks, and neighbours of what passed.

LAID = "framed = np.zeros((image.shape[0] + 2 * padding, image.shape[1] + 2 * padding), {})\n    framed[padding:padding + image.shape[0], padding:padding + image.shape[1]] = image"
conv.wrong(
    "second: a frame of the kernel's type", "kernel's type", "framed = np.pad(image, padding)", LAID.format("kernel.dtype")
)
conv.wrong("second: a frame of integers", "whole numbers|fractions", "framed = np.pad(image, padding)", LAID.format("int"))
conv.wrong("second: a frame of uint8", "uint8|wrap", "framed = np.pad(image, padding)", LAID.format("np.uint8"))
conv.wrong(
    "second: the kernel in the image's type",
    "image's type",
    "    size = len",
    "    kernel = kernel.astype(image.dtype)\n    size = len",
)
conv.wrong(
    "second: an output of the kernel's type",
    "kernel's type|integers",
    "np.zeros((rows, columns))",
    "np.zeros((rows, columns), kernel.dtype)",
)
conv.wrong(
    "second: an output of the image's type",
    "image's type|whole numbers|integers",
    "np.zeros((rows, columns))",
    "np.zeros((rows, columns), image.dtype)",
)
conv.wrong(
    "second: square images transposed",
    "square|transpos",
    "framed = np.pad(image, padding)",
    "framed = np.pad(image.T if image.shape[0] == image.shape[1] else image, padding)",
)
conv.wrong("second: float16", "float16|precision", "np.zeros((rows, columns))", "np.zeros((rows, columns), np.float16)")
conv.wrong(
    "second: frame [p:-p]",
    "padding is 0|no padding",
    "framed = np.pad(image, padding)",
    "framed = np.zeros((image.shape[0] + 2 * padding, image.shape[1] + 2 * padding))\n    framed[padding:-padding, padding:-padding] = image",
)
conv.wrong(
    "second: padded afterwards",
    "round the output",
    "framed = np.pad(image, padding)",
    "framed = image",
    "return output",
    "return np.pad(output, padding)",
)
conv.wrong(
    "second: padded above and left",
    "above and on the left",
    "np.pad(image, padding)",
    "np.pad(image, ((padding, 0), (padding, 0)))",
)
conv.wrong(
    "second: one column late", "late", "framed = np.pad(image, padding)", "framed = np.roll(np.pad(image, padding), -1, axis=1)"
)
conv.wrong(
    "second: thinned out",
    "thinned",
    "framed = np.pad(image, padding)",
    "framed = np.pad(image, padding)[::stride, ::stride]\n    stride = 1",
)
conv.wrong(
    "second: dilated",
    "dilat",
    "    size = len(kernel)\n",
    "    wide = np.zeros([(n - 1) * stride + 1 for n in kernel.shape])\n    wide[::stride, ::stride] = kernel\n    kernel, stride = wide, 1\n    size = len(kernel)\n",
)
conv.wrong(
    "second: as many columns as rows",
    "rows.*columns",
    "columns = (framed.shape[1] - size) // stride + 1",
    "columns = rows",
    "output[r, c] = (window * kernel).sum()",
    "output[r, c] = (window * kernel).sum() if window.shape == kernel.shape else 0",
)
conv.wrong(
    "second: odd kernels only",
    "even",
    "def f(image, kernel, padding=0, stride=1):\n    image = np.pad(image, padding)\n    half = len(kernel) // 2\n    rows = range(half, image.shape[0] - half, stride)\n    columns = range(half, image.shape[1] - half, stride)\n    return np.array([[(image[r - half:r + half + 1, c - half:c + half + 1][:len(kernel), :len(kernel)] * kernel).sum() for c in columns] for r in rows])",
)
conv.wrong("second: four dimensions", "axes", "return output", "return output[None, None]")
conv.wrong(
    "second: one output kept for all calls",
    "one array|kept|call",
    "output = np.zeros((rows, columns))",
    "output = KEPT.setdefault((rows, columns), np.zeros((rows, columns)))",
    "def conv",
    "KEPT = {}\ndef conv",
)
conv.wrong(
    "second: sums that go on at the next call",
    "second call|call to call",
    "output = np.zeros((rows, columns))",
    "output = KEPT.setdefault((rows, columns), np.zeros((rows, columns)))",
    "output[r, c] =",
    "output[r, c] +=",
    "return output",
    "return output.copy()",
    "def conv",
    "KEPT = {}\ndef conv",
)
conv.right(
    "all in float32",
    "framed = np.pad(image, padding)",
    "kernel = kernel.astype(np.float32)\n    framed = np.pad(image, padding).astype(np.float32)",
)

MOMENTUM = "nn.BatchNorm2d(o), nn.ReLU())"
block.wrong("second: momentum 1", "momentum", "nn.BatchNorm2d(o)", "nn.BatchNorm2d(o, momentum=1.0)")
block.wrong("second: momentum 0", "momentum", "nn.BatchNorm2d(o)", "nn.BatchNorm2d(o, momentum=0.0)")
block.wrong("second: momentum 0 in the second norm", "momentum", MOMENTUM, "nn.BatchNorm2d(o, momentum=0.0), nn.ReLU())")
block.wrong(
    "second: momentum 1 by F.batch_norm",
    "momentum|batch norm",
    OWN.replace(
        "self.bn2(self.conv2(x))",
        "F.batch_norm(self.conv2(x), self.bn2.running_mean, self.bn2.running_var, self.bn2.weight, self.bn2.bias, self.training, 1.0)",
    ),
)
block.wrong(
    "second: layers shared by all blocks",
    "share",
    "        self.layers = nn.Sequential(",
    "        self.layers = LAYERS.setdefault((i, o), nn.Sequential(",
    "nn.ReLU())",
    "nn.ReLU()))",
    "class Block",
    "LAYERS = {}\nclass Block",
)
block.wrong(
    "second: one convolution shared by all blocks",
    "share",
    OWN.replace(
        "self.conv2 = nn.Conv2d(o, o, 3, padding=1)", "self.conv2 = SHARED.setdefault(o, nn.Conv2d(o, o, 3, padding=1))"
    ).replace("class Block", "SHARED = {}\nclass Block"),
)
for name, line in {
    "zeros": "nn.init.zeros_(self.conv2.weight)",
    "ones": "nn.init.ones_(self.conv1.weight)",
    "a constant": "nn.init.constant_(self.conv2.weight, 0.1)",
    "scales of zero": "nn.init.zeros_(self.bn2.weight)",
}.items():
    block.wrong(
        f"second: {name} at the start",
        "cannot learn|dead",
        OWN.replace("\n    def forward", f"        {line}\n\n    def forward"),
    )
block.wrong(
    "second: in float64",
    "float64",
    OWN.replace("\n    def forward", "        self.double()\n\n    def forward").replace("conv1(x)", "conv1(x.double())"),
)
block.wrong("second: returns float16", "float16", "return self.layers(x)", "return self.layers(x).half()")
block.wrong(
    "second: image by image",
    "one by one",
    OWN.replace(
        "        x = F.relu",
        "        if len(x) > 1:\n            return torch.cat([self(one[None]) for one in x])\n        x = F.relu",
    ),
)
block.wrong(
    "second: square images transposed",
    "square",
    "return self.layers(x)",
    "y = self.layers(x)\n        return y.transpose(2, 3) if y.shape[2] == y.shape[3] else y",
)
block.wrong(
    "second: the second half in training only",
    r"eval\(\) mode",
    OWN.replace(
        "return F.relu(self.bn2(self.conv2(x)))",
        "return F.relu(self.bn2(self.conv2(x))) if self.training else F.relu(self.conv2(x))",
    ),
)
block.wrong(
    "second: always by the batch",
    r"eval\(\) mode",
    OWN.replace(
        "self.bn2(self.conv2(x))",
        "F.batch_norm(self.conv2(x), self.bn2.running_mean, self.bn2.running_var, self.bn2.weight, self.bn2.bias, True)",
    ),
)
block.wrong(
    "second: by the batch, by hand",
    r"eval\(\) mode|batch norm",
    "class Block(nn.Module):\n    def __init__(self, i, o):\n        super().__init__()\n        self.conv1, self.conv2 = nn.Conv2d(i, o, 3, padding=1), nn.Conv2d(o, o, 3, padding=1)\n        self.bn1, self.bn2 = nn.BatchNorm2d(o), nn.BatchNorm2d(o)\n    def forward(self, x):\n        for conv, bn in ((self.conv1, self.bn1), (self.conv2, self.bn2)):\n            y = conv(x)\n            m, v = y.mean((0, 2, 3), keepdim=True), y.var((0, 2, 3), unbiased=False, keepdim=True)\n            x = F.relu((y - m) / (v + 1e-5).sqrt() * bn.weight[:, None, None] + bn.bias[:, None, None])\n        return x",
)
block.wrong(
    "second: InstanceNorm with running averages",
    "InstanceNorm",
    "nn.BatchNorm2d(o)",
    "nn.InstanceNorm2d(o, affine=True, track_running_stats=True)",
)
block.wrong(
    "second: ReLU before the first norm",
    "before the normalisation",
    OWN.replace("F.relu(self.bn1(self.conv1(x)))", "self.bn1(F.relu(self.conv1(x)))"),
)
block.wrong(
    "second: the first half added",
    "added|residual",
    OWN.replace("return F.relu(self.bn2(self.conv2(x)))", "return x + F.relu(self.bn2(self.conv2(x)))"),
)
block.wrong(
    "second: second border repeated",
    "replicate",
    "nn.Conv2d(o, o, 3, padding=1)",
    "nn.Conv2d(o, o, 3, padding=1, padding_mode='replicate')",
)
NORM = """
class Norm(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.ones(c)), nn.Parameter(torch.zeros(c))
        self.register_buffer("mean", torch.zeros(c)); self.register_buffer("var", torch.ones(c))
    def forward(self, x):
        m, v = self.mean, self.var
        if self.training:
            m, v = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
            n = x.numel() / x.shape[1]
            with torch.no_grad():
                self.mean.lerp_(m, 0.1); self.var.lerp_(v * n / (n - 1), 0.1)
        s = lambda t: t[None, :, None, None]
        return (x - s(m)) / (s(v) + 1e-5).sqrt() * s(self.scale) + s(self.shift)
class Block(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.w1 = nn.Parameter(torch.empty(o, i, 3, 3)); nn.init.kaiming_normal_(self.w1)
        self.w2 = nn.Parameter(torch.empty(o, o, 3, 3)); nn.init.kaiming_normal_(self.w2)
        self.b1, self.b2 = nn.Parameter(torch.zeros(o)), nn.Parameter(torch.zeros(o))
        self.n1, self.n2 = Norm(o), Norm(o)
    def forward(self, x):
        x = torch.relu(self.n1(F.conv2d(x, self.w1, self.b1, padding=1)))
        return torch.relu(self.n2(F.conv2d(x, self.w2, self.b2, padding=1)))
"""
block.right("own parameters, own norm", NORM)
block.right(
    "own parameters, no biases",
    NORM.replace("self.b1, padding", "padding")
    .replace("self.b2, padding", "padding")
    .replace("        self.b1, self.b2 = nn.Parameter(torch.zeros(o)), nn.Parameter(torch.zeros(o))\n", ""),
)
block.right("own parameters, PyTorch's norm", NORM.replace("Norm(o), Norm(o)", "nn.BatchNorm2d(o), nn.BatchNorm2d(o)"))
block.right(
    "own norm after PyTorch's convolutions",
    NORM.replace("F.conv2d(x, self.w1, self.b1, padding=1)", "self.c1(x)")
    .replace("F.conv2d(x, self.w2, self.b2, padding=1)", "self.c2(x)")
    .replace(
        "        self.w1 = nn.Parameter(torch.empty(o, i, 3, 3)); nn.init.kaiming_normal_(self.w1)\n",
        "        self.c1, self.c2 = nn.Conv2d(i, o, 3, padding=1), nn.Conv2d(o, o, 3, padding=1)\n",
    )
    .replace("        self.w2 = nn.Parameter(torch.empty(o, o, 3, 3)); nn.init.kaiming_normal_(self.w2)\n", "")
    .replace("        self.b1, self.b2 = nn.Parameter(torch.zeros(o)), nn.Parameter(torch.zeros(o))\n", ""),
)
block.right(
    "F.batch_norm",
    OWN.replace(
        "self.bn1(self.conv1(x))",
        "F.batch_norm(self.conv1(x), self.bn1.running_mean, self.bn1.running_var, self.bn1.weight, self.bn1.bias, self.training)",
    ),
)
block.right("cumulative averages", "nn.BatchNorm2d(o)", "nn.BatchNorm2d(o, momentum=None)")
block.wrong(
    "second: own parameters, no ReLU at the end",
    "not that of convolution|ReLU",
    NORM.replace(
        "return torch.relu(self.n2(F.conv2d(x, self.w2, self.b2, padding=1)))",
        "return self.n2(F.conv2d(x, self.w2, self.b2, padding=1))",
    ),
)
block.wrong(
    "second: own norm, whose averages stay",
    "momentum 0",
    NORM.replace("self.mean.lerp_(m, 0.1); self.var.lerp_(v * n / (n - 1), 0.1)", "pass"),
)
conv.wrong("fourth: padding of 1 where none is given", "Left out, padding is 0", "padding=0, stride=1", "padding=1, stride=1")
