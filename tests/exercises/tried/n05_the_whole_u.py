"""Answers to the exercises of notebook 05."""

# ruff: noqa: E501 - an answer is a line

from tests.exercises.tried import Exercise

unet = Exercise(
    "unet",
    """
class Net(nn.Module):
    def __init__(self, in_channels, num_classes, base_channels, depth):
        super().__init__()
        channels = [base_channels * 2**k for k in range(depth + 1)]
        self.encoder = nn.ModuleList()
        for k in range(depth):
            self.encoder.append(EncoderStage(in_channels if k == 0 else channels[k - 1], channels[k]))
        self.bottleneck = Bottleneck(channels[depth - 1], channels[depth])
        self.decoder = nn.ModuleList()
        for k in reversed(range(depth)):
            self.decoder.append(DecoderStage(channels[k + 1], channels[k]))
        self.head = nn.Conv2d(channels[0], num_classes, kernel_size=1)

    def forward(self, x):
        skips = []
        for stage in self.encoder:
            x, skip = stage(x)
            skips.append(skip)
        x = self.bottleneck(x)
        for stage in self.decoder:
            x = stage(x, skips.pop())
        return self.head(x)
""",
)
unet.right(
    "zip",
    "        for stage in self.decoder:\n            x = stage(x, skips.pop())",
    "        for stage, skip in zip(self.decoder, reversed(skips)):\n            x = stage(x, skip)",
)
unet.right(
    "a U inside a U",
    """
class Level(nn.Module):
    def __init__(self, i, o, depth):
        super().__init__()
        self.bottom = depth == 0
        if self.bottom:
            self.block = Bottleneck(i, o)
        else:
            self.down, self.inner, self.up = EncoderStage(i, o), Level(o, 2 * o, depth - 1), DecoderStage(2 * o, o)

    def forward(self, x):
        if self.bottom:
            return self.block(x)
        x, skip = self.down(x)
        return self.up(self.inner(x), skip)


class Net(nn.Module):
    def __init__(self, in_channels, num_classes, base_channels, depth):
        super().__init__()
        self.u = Level(in_channels, base_channels, depth)
        self.head = nn.Conv2d(base_channels, num_classes, 1)

    def forward(self, x):
        return self.head(self.u(x))
""",
)
unet.right(
    "own stages",
    """
def block(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.Conv2d(o, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU())


class Net(nn.Module):
    def __init__(self, in_channels, num_classes, base_channels, depth):
        super().__init__()
        c = [in_channels] + [base_channels * 2**k for k in range(depth + 1)]
        self.downs = nn.ModuleList(block(c[k], c[k + 1]) for k in range(depth + 1))
        self.ups = nn.ModuleList(nn.ConvTranspose2d(c[k + 1], c[k], 2, 2) for k in range(depth, 0, -1))
        self.blocks = nn.ModuleList(block(2 * c[k], c[k]) for k in range(depth, 0, -1))
        self.head = nn.Conv2d(base_channels, num_classes, 1)

    def forward(self, x):
        kept = []
        for down in self.downs[:-1]:
            x = down(x)
            kept.append(x)
            x = F.max_pool2d(x, 2)
        x = self.downs[-1](x)
        for up, b in zip(self.ups, self.blocks):
            x = b(torch.cat([kept.pop(), up(x)], 1))
        return self.head(x)
""",
)
unet.right("a ConvBlock as bottleneck", "Bottleneck(", "ConvBlock(")
unet.right(
    "own stages with F.pad",
    """
class Two(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.a, self.b = nn.Conv2d(i, o, 3), nn.Conv2d(o, o, 3)
        self.n, self.m = nn.BatchNorm2d(o), nn.BatchNorm2d(o)

    def forward(self, x):
        x = F.relu(self.n(self.a(F.pad(x, (1, 1, 1, 1)))))
        return F.relu(self.m(self.b(F.pad(x, (1, 1, 1, 1)))))


class Net(nn.Module):
    def __init__(self, in_channels, num_classes, base_channels, depth):
        super().__init__()
        self.depth = depth
        c = base_channels
        for k in range(depth):
            setattr(self, f"down{k}", Two(in_channels if k == 0 else c // 2, c))
            setattr(self, f"up{k}", nn.ConvTranspose2d(2 * c, c, 2, stride=2))
            setattr(self, f"after{k}", Two(2 * c, c))
            c *= 2
        self.floor = Two(c // 2, c)
        self.last = nn.Conv2d(base_channels, num_classes, 1)

    def forward(self, x):
        skips = {}
        for k in range(self.depth):
            skips[k] = getattr(self, f"down{k}")(x)
            x = nn.MaxPool2d(2)(skips[k])
        x = self.floor(x)
        for k in range(self.depth - 1, -1, -1):
            x = getattr(self, f"up{k}")(x)
            x = getattr(self, f"after{k}")(torch.cat((x, skips[k]), dim=1))
        return self.last(x)
""",
)
unet.right("indices", "            x = stage(x, skips.pop())", "            x = stage(x, skips[-1])\n            del skips[-1]")
unet.right(
    "the library's net inside",
    "class Net(nn.Module):\n    def __init__(self, i, n, b, d):\n        super().__init__()\n        self.net = UNet(in_channels=i, num_classes=n, base_channels=b, depth=d)\n    def forward(self, x):\n        return self.net(x)",
)
END = "return self.head(x)"
unet.wrong("end: softmax", "softmax", END, "return self.head(x).softmax(dim=1)")
unet.wrong("end: log-softmax", "softmax", END, "return self.head(x).log_softmax(dim=1)")
unet.wrong("end: sigmoid", "squash|sigmoid|bounded|0 to 1", END, "return self.head(x).sigmoid()")
unet.wrong("end: tanh", "squash|tanh|bounded", END, "return self.head(x).tanh()")
unet.wrong("end: ReLU", "squash|relu|negative", END, "return self.head(x).relu()")
unet.wrong("end: ReLU6 of the logits", "squash|relu|bounded|6", END, "return F.hardtanh(self.head(x), -6, 6)")
unet.wrong("end: argmax", "argmax|class|logits|channels|output is", END, "return self.head(x).argmax(1)")
unet.wrong(
    "end: batch norm",
    "norm",
    "kernel_size=1)",
    "kernel_size=1)\n        self.head = nn.Sequential(self.head, nn.BatchNorm2d(num_classes))",
)
unet.wrong("end: output mirrored", "mirror|flip", END, "return self.head(x).flip(-1)")
unet.wrong("end: output upside down", "mirror|flip|upside", END, "return self.head(x).flip(-2)")
unet.wrong("end: 3x3 head", "head|1x1|wide|parameters", "kernel_size=1", "kernel_size=3, padding=1")
unet.wrong("end: head without bias", "bias|parameters", "kernel_size=1", "kernel_size=1, bias=False")
unet.wrong("end: one class only", "class|channels", "num_classes, kernel_size", "1, kernel_size")
unet.wrong("end: always three classes", "class|channels", "num_classes, kernel_size", "3, kernel_size")
unet.wrong("end: no head", "head|class|channels", END, "return x")
unet.wrong("skips: zeros", "skip", "skips.append(skip)", "skips.append(torch.zeros_like(skip))")
unet.wrong("skips: noise", "skip|twice|random", "skips.append(skip)", "skips.append(torch.randn_like(skip))")
unet.wrong("skips: detached", "gradient|detach", "skips.append(skip)", "skips.append(skip.detach())")
unet.wrong("skips: mirrored", "mirror|flip|what the encoder sent", "skips.append(skip)", "skips.append(skip.flip(-1))")
unet.wrong(
    "skips: averaged over the batch",
    "each image|batch|what the encoder sent",
    "skips.append(skip)",
    "skips.append(skip.mean(0, keepdim=True).expand_as(skip))",
)
unet.wrong("skips: doubled", "what the encoder sent|scale|changed|unchanged", "skips.append(skip)", "skips.append(2 * skip)")
unet.wrong("skips: in the wrong order", "order|pop", "skips.pop()", "skips.pop(0)")
unet.wrong(
    "skips: the deepest lost",
    "skip",
    "            x = stage(x, skips.pop())",
    "            skip = skips.pop()\n            x = stage(x, skip * (stage is not self.decoder[0]))",
)
unet.wrong(
    "skips: the top one lost",
    "skip",
    "            x = stage(x, skips.pop())",
    "            skip = skips.pop()\n            x = stage(x, skip * (stage is not self.decoder[-1]))",
)
unet.wrong(
    "skips: added by own decoder",
    "concat|add|parameters|skip",
    "self.decoder.append(DecoderStage(channels[k + 1], channels[k]))",
    "self.decoder.append(nn.ModuleList([nn.ConvTranspose2d(channels[k + 1], channels[k], 2, 2), ConvBlock(channels[k], channels[k])]))",
    "x = stage(x, skips.pop())",
    "x = stage[1](stage[0](x) + skips.pop())",
)
unet.wrong("skips: swapped arguments", "swapped|order|arguments", "stage(x, skips.pop())", "stage(skips.pop(), x)")
unet.wrong("floor: forgotten", "bottleneck|floor", "        x = self.bottleneck(x)\n", "")
unet.wrong(
    "floor: twice",
    "bottleneck|floor|channels|parameters",
    "x = self.bottleneck(x)",
    "x = self.bottleneck(self.bottleneck(x)[:, : x.shape[1]])",
)
unet.wrong("floor: detached", "gradient|detach", "x = self.bottleneck(x)", "x = self.bottleneck(x).detach()")
unet.wrong(
    "floor: no gradient inside",
    "gradient|no_grad",
    "        x = self.bottleneck(x)",
    "        with torch.no_grad():\n            x = self.bottleneck(x)",
)
unet.wrong("floor: zeroed", "below|floor|bottleneck|lower|arrive", "x = self.bottleneck(x)", "x = 0 * self.bottleneck(x)")
unet.wrong("narrow: depth two only", "depth", "        super().__init__()", "        super().__init__()\n        depth = 2")
unet.wrong("narrow: one input channel", "channels|in_channels", "in_channels if k == 0", "1 if k == 0")
unet.wrong(
    "narrow: base 8",
    "base|parameters|narrow|wide",
    "        super().__init__()",
    "        super().__init__()\n        base_channels = 8",
)
unet.wrong("narrow: channels not doubled", "doubl|parameters|narrow|channels", "base_channels * 2**k", "base_channels")
unet.wrong(
    "narrow: channels grow by addition", "doubl|parameters|narrow|channels", "base_channels * 2**k", "base_channels * (k + 1)"
)
unet.wrong("state: plain list", "ModuleList", "self.encoder = nn.ModuleList()", "self.encoder = []")
unet.wrong("state: eval in forward", "mode|eval", "        skips = []", "        self.eval()\n        skips = []")
unet.wrong(
    "state: dropout", "dropout|random|twice|differently", "x = self.bottleneck(x)", "x = F.dropout(self.bottleneck(x), 0.5)"
)
unet.wrong(
    "state: input standardised per batch",
    "each image|batch|scale",
    "        skips = []",
    "        x = (x - x.mean()) / x.std()\n        skips = []",
)
unet.wrong("state: input changed in place", "changed|in place", "        skips = []", "        x -= 0.5\n        skips = []")
unet.wrong(
    "floor: an identity",
    "bottleneck is missing",
    "        self.head =",
    "        if depth > 1:\n            self.decoder[-1].block = self.encoder[0].block if False else self.decoder[-1].block\n            self.encoder[1].block[3] = self.encoder[1].block[3]\n        self.bottleneck = nn.Identity()\n        self.head =",
)
unet.wrong(
    "state: skips kept between calls",
    "second|twice|call|again",
    "        skips = []",
    "        skips = self.__dict__.setdefault('kept', [])",
    "skips.pop()",
    "skips.pop(0) if len(skips) > 9 else skips[-1 - list(self.decoder).index(stage)]",
)
unet.wrong(
    "parts: average pooling",
    "pool|average|mean",
    "            x, skip = stage(x)",
    "            skip = stage(x)[1]\n            x = F.avg_pool2d(skip, 2)",
)
unet.wrong(
    "parts: bilinear up",
    "up|transposed|parameters",
    "DecoderStage(channels[k + 1], channels[k])",
    "DecoderStage(channels[k + 1], channels[k], up='bilinear')",
)
unet.wrong(
    "parts: no norm",
    "norm|parameters",
    "EncoderStage(in_channels if k == 0 else channels[k - 1], channels[k])",
    "EncoderStage(in_channels if k == 0 else channels[k - 1], channels[k], norm=None)",
)
unet.wrong(
    "parts: one stage too few",
    "depth|stage|parameters",
    "in range(depth):\n",
    "in range(depth - 1):\n",
    "Bottleneck(channels[depth - 1], channels[depth])",
    "Bottleneck(channels[depth - 2] if depth > 1 else in_channels, channels[depth - 1])",
    "reversed(range(depth))",
    "reversed(range(depth - 1))",
)
unet.wrong(
    "parts: a part never called",
    "gradient|never",
    "        self.head =",
    "        self.extra = nn.Conv2d(4, 4, 1)\n        self.head =",
)
unet.wrong(
    "parts: a skip in the head",
    "input|parameters|head|mixed",
    END,
    "return self.head(x) + F.pad(x[:, :1] * 0 + 1, (0, 0)) * x.mean()",
)
unet.wrong("form: an instance", "class", "UNet(in_channels=1, num_classes=3, base_channels=4, depth=2)")
unet.wrong("unfinished: forward returns nothing", "return|None", END, "self.head(x)")

count = Exercise(
    "parameter_count",
    """
def count(base_channels, depth):
    def block(a, b):
        return (9 * a * b + b + 2 * b) + (9 * b * b + b + 2 * b)

    channels = [base_channels * 2**k for k in range(depth + 1)]
    total = block(1, channels[0])
    for k in range(depth):
        total += block(channels[k], channels[k + 1])
        total += 4 * channels[k + 1] * channels[k] + channels[k]
        total += block(2 * channels[k], channels[k])
    return total + channels[0] * 3 + 3
""",
)
count.right(
    "no bias before the norm is not meant; all in one",
    "def f(b, d):\n    n = 0\n    i = 1\n    for k in range(d + 1):\n        c = b * 2 ** k\n        n += 9 * i * c + 9 * c * c + 6 * c\n        if k < d:\n            n += 4 * 2 * c * c + c + 9 * 2 * c * c + 9 * c * c + 6 * c\n        i = c\n    return n + 3 * b + 3",
)
count.right("a float", "return total + channels[0] * 3 + 3", "return float(total + channels[0] * 3 + 3)")
count.right(
    "recursive",
    "def f(b, d):\n    def block(a, c):\n        return 9 * c * (a + c) + 6 * c\n    def u(i, c, left):\n        if left == 0:\n            return block(i, c)\n        return block(i, c) + u(c, 2 * c, left - 1) + 8 * c * c + c + block(2 * c, c)\n    return u(1, b, d) + 3 * b + 3",
)
count.right(
    "lists",
    "def f(b, d):\n    c = [b << k for k in range(d + 1)]\n    pairs = list(zip([1] + c, c)) + [(2 * x, x) for x in c[:-1]]\n    blocks = sum(9 * i * o + 9 * o * o + 6 * o for i, o in pairs)\n    ups = sum(4 * hi * lo + lo for lo, hi in zip(c, c[1:]))\n    return blocks + ups + 3 * b + 3",
)
count.right(
    "NumPy",
    "def f(b, d):\n    c = b * 2 ** np.arange(d + 1)\n    i = np.r_[1, c[:-1]]\n    down = (9 * i * c + 9 * c**2 + 6 * c).sum()\n    up = (8 * c[:-1]**2 + c[:-1] + 27 * c[:-1]**2 + 6 * c[:-1]).sum()\n    return down + up + 3 * b + 3",
)
count.wrong(
    "style: counted by torch",
    "arithmetic",
    "def f(b, d):\n    return sum(p.numel() for p in UNet(in_channels=1, num_classes=3, base_channels=b, depth=d).parameters())",
)
count.wrong(
    "bias: none",
    "bias",
    "+ b + 2 * b",
    "+ 2 * b",
    "channels[k + 1] * channels[k] + channels[k]",
    "channels[k + 1] * channels[k]",
    "* 3 + 3",
    "* 3",
)
count.wrong("bias: none in blocks", "bias", "+ b + 2 * b", "+ 2 * b")
count.wrong(
    "bias: none in the up-convolution", "bias", "channels[k + 1] * channels[k] + channels[k]", "channels[k + 1] * channels[k]"
)
count.wrong("bias: none in the head", "bias|head", "* 3 + 3", "* 3")
count.wrong("norm: forgotten", "norm", "+ b + 2 * b", "+ b")
count.wrong("norm: one parameter only", "norm", "+ b + 2 * b", "+ b + b")
count.wrong("norm: running statistics too", "4|running|norm", "+ b + 2 * b", "+ b + 4 * b")
count.wrong("norm: once per block", "norm", "(9 * a * b + b + 2 * b)", "(9 * a * b + b)")
count.wrong("concatenation: forgotten", "concat", "block(2 * channels[k], channels[k])", "block(channels[k], channels[k])")
count.wrong(
    "concatenation: too much",
    "concat|channels|decoder",
    "block(2 * channels[k], channels[k])",
    "block(3 * channels[k], channels[k])",
)
count.wrong("up: 3x3", "2x2|3x3", "4 * channels[k + 1]", "9 * channels[k + 1]")
count.wrong("up: none", "up", "        total += 4 * channels[k + 1] * channels[k] + channels[k]\n", "")
count.wrong(
    "up: channels not halved",
    "up|halve",
    "4 * channels[k + 1] * channels[k] + channels[k]",
    "4 * channels[k + 1] * channels[k + 1] + channels[k + 1]",
)
count.wrong("head: forgotten", "head", " + channels[0] * 3 + 3", "")
count.wrong("head: 3x3", "head|1x1|3x3", "channels[0] * 3 + 3", "channels[0] * 27 + 3")
count.wrong("head: one class", "head|class", "channels[0] * 3 + 3", "channels[0] + 1")
count.wrong(
    "block: one convolution",
    "two conv|second|block|convolution",
    "return (9 * a * b + b + 2 * b) + (9 * b * b + b + 2 * b)",
    "return 9 * a * b + b + 2 * b",
)
count.wrong("block: second like the first", "second|convolution|block", "(9 * b * b + b + 2 * b)", "(9 * a * b + b + 2 * b)")
count.wrong("block: 1x1 kernels", "9|3x3|kernel", "9 * ", "")
count.wrong("block: three channels in", "1 channel|input|first", "block(1, channels[0])", "block(3, channels[0])")
count.wrong(
    "block: the bottleneck forgotten",
    "bottleneck|floor|lowest",
    "        total += block(channels[k], channels[k + 1])\n",
    "        if k < depth - 1:\n            total += block(channels[k], channels[k + 1])\n",
)
count.wrong("block: the decoder forgotten", "decoder|up|way up", "        total += block(2 * channels[k], channels[k])\n", "")
count.wrong("block: first stage forgotten", "first|stage|encoder", "total = block(1, channels[0])", "total = 0")
count.wrong("channels: not doubled", "doubl", "base_channels * 2**k", "base_channels")
count.wrong("channels: depth one off", "depth|level", "    channels =", "    depth -= 1\n    channels =")
count.wrong("narrow: depth ignored", "depth", "    channels =", "    depth = 4\n    channels =")
count.wrong("narrow: base ignored", "base", "    channels =", "    base_channels = 16\n    channels =")
count.wrong("form: text", "number", "return total + channels[0] * 3 + 3", "return str(total) + ' parameters'")
count.wrong(
    "value: in millions",
    "million|1e6|1,000,000|divided|whole number",
    "return total + channels[0] * 3 + 3",
    "return (total + channels[0] * 3 + 3) / 1e6",
)

BASE = '{"A": "a skip of noise", "B": "skips carry nothing", "C": "U-Net", "D": "cut off below the top", "E": "no pooling"}'
mysteries = Exercise("mysteries", BASE)
mysteries.right(
    "capitals",
    '{"A": "A skip of noise", "B": "Skips carry nothing", "C": "u-net", "D": "Cut off below the top", "E": "No pooling"}',
)
mysteries.right(
    "spaces",
    '{"A": " a skip of noise", "B": "skips carry nothing ", "C": "U-Net ", "D": "cut off  below the top", "E": "no pooling"}',
)
mysteries.right(
    "as the text says",
    '{"A": "a skip is noise", "B": "skips carry nothing", "C": "UNet", "D": "cut off below the top.", "E": "no pooling"}',
)
mysteries.right(
    "small keys",
    BASE.replace('"A"', '"a"').replace('"B"', '"b"').replace('"C"', '"c"').replace('"D"', '"d"').replace('"E"', '"e"'),
)
mysteries.right("NumPy text", "{k: np.str_(v) for k, v in " + BASE + ".items()}")
mysteries.wrong("one pair: A and C", "A|random|noise", "a skip of noise", "x", "U-Net", "a skip of noise", "x", "U-Net")
mysteries.wrong(
    "one pair: D and E", "D|sees|skip", "cut off below the top", "x", "no pooling", "cut off below the top", "x", "no pooling"
)
mysteries.wrong("one pair: B and C", "B|skip", "skips carry nothing", "x", "U-Net", "skips carry nothing", "x", "U-Net")
mysteries.wrong(
    "one pair: B and E", "B|E|skip", "skips carry nothing", "x", "no pooling", "skips carry nothing", "x", "no pooling"
)
mysteries.wrong("one pair: C and D", "C|D|lower", "cut off below the top", "x", "U-Net", "cut off below the top", "x", "U-Net")
mysteries.wrong(
    "one pair: A and B",
    "A|B|noise|random",
    "a skip of noise",
    "x",
    "skips carry nothing",
    "a skip of noise",
    "x",
    "skips carry nothing",
)
mysteries.wrong("all: U-Net", "wrong|of 5", 'dict.fromkeys("ABCDE", "U-Net")')
mysteries.wrong(
    "all: rotated",
    "wrong|of 5",
    '{"B": "a skip of noise", "C": "skips carry nothing", "D": "U-Net", "E": "cut off below the top", "A": "no pooling"}',
)
mysteries.wrong("twice: two U-Nets", "each|twice|once|D", "cut off below the top", "U-Net")
mysteries.wrong("twice: two without pooling", "each|twice|once|B", "skips carry nothing", "no pooling")
mysteries.wrong("twice: two of noise", "each|twice|once|E", '"no pooling"', '"a skip of noise"')
mysteries.wrong("word: another", "none of the five", '"no pooling"', '"dilated"')
mysteries.wrong("word: a number", "none of the five", '"no pooling"', "2")
mysteries.wrong("word: a list", "none of the five", '"no pooling"', '["no pooling"]')
mysteries.wrong("unfinished: one", "E", '"no pooling"', "None")
mysteries.wrong("unfinished: three", "C", '"U-Net"', "None", '"cut off below the top"', "None", '"no pooling"', "None")
mysteries.wrong(
    "form: a list", "dictionary", '["a skip of noise", "skips carry nothing", "U-Net", "cut off below the top", "no pooling"]'
)
mysteries.wrong("form: turned round", "keys|dictionary|letter", "{v: k for k, v in " + BASE + ".items()}")

# The answers to this exercise, to `schedule` (07) and to `interval` (08) were written by the author of the checks.
head = Exercise(
    "head",
    """
def head(features, weights, bias):
    logits = np.tensordot(weights, features, axes=1) + bias[:, None, None]
    if len(logits) == 1:
        small = np.exp(-abs(logits))
        return np.where(logits >= 0, 1 / (1 + small), small / (1 + small))
    powers = np.exp(logits - logits.max(axis=0))
    return powers / powers.sum(axis=0)
""",
)
head.right(
    "scipy",
    "from scipy.special import expit, softmax\ndef f(features, weights, bias):\n    z = np.einsum('kc,chw->khw', weights, features) + bias.reshape(-1, 1, 1)\n    return expit(z) if z.shape[0] == 1 else softmax(z, axis=0)",
)
head.right(
    "PyTorch's convolution",
    "def f(features, weights, bias):\n    x, w, b = torch.tensor(features), torch.tensor(weights), torch.tensor(bias)\n    z = F.conv2d(x[None], w[:, :, None, None], b)[0]\n    return (torch.sigmoid(z) if len(b) == 1 else torch.softmax(z, 0)).numpy()",
)
head.right(
    "float32",
    "def f(features, weights, bias):\n    x, w, b = (torch.tensor(a).float() for a in (features, weights, bias))\n    z = (w @ x.flatten(1)).reshape(len(w), *x.shape[1:]) + b[:, None, None]\n    return z.sigmoid() if len(b) == 1 else z.softmax(0)",
)
head.right(
    "pixel by pixel",
    "def f(features, weights, bias):\n    C, H, W = features.shape\n    out = np.zeros((len(bias), H, W))\n    for r in range(H):\n        for c in range(W):\n            z = weights @ features[:, r, c] + bias\n            if len(z) == 1:\n                out[:, r, c] = 1 / (1 + np.exp(-z))\n            else:\n                e = np.exp(z - max(z))\n                out[:, r, c] = e / sum(e)\n    return out",
)
head.right(
    "sigmoid as a softmax with a zero",
    "    if len(logits) == 1:\n        small = np.exp(-abs(logits))\n        return np.where(logits >= 0, 1 / (1 + small), small / (1 + small))\n",
    "    if len(logits) == 1:\n        both = np.concatenate([logits, 0 * logits])\n        e = np.exp(both - both.max(0))\n        return (e / e.sum(0))[:1]\n",
)
head.right(
    "tanh for the sigmoid",
    "        small = np.exp(-abs(logits))\n        return np.where(logits >= 0, 1 / (1 + small), small / (1 + small))\n",
    "        return (1 + np.tanh(logits / 2)) / 2\n",
)
head.right("a list", "return powers / powers.sum(axis=0)", "return (powers / powers.sum(axis=0)).tolist()")
PLUS = " + bias[:, None, None]"
SUM = "return powers / powers.sum(axis=0)"
POWERS = "    powers = np.exp(logits - logits.max(axis=0))\n    return powers / powers.sum(axis=0)"
ONE = "    if len(logits) == 1:\n        small = np.exp(-abs(logits))\n        return np.where(logits >= 0, 1 / (1 + small), small / (1 + small))\n"
head.wrong("end: softmax for one class too", "single class|one class", ONE, "")
head.wrong("end: sigmoid for all", "sigmoid", POWERS, "    return 1 / (1 + np.exp(-logits))")
head.wrong("end: logits", "logits", ONE + POWERS, "    return logits")
head.wrong("end: no division", "divided|sum", SUM, "return powers")
head.wrong("end: classes", "not probabilities|largest", POWERS, "    return logits.argmax(axis=0)")
head.wrong("end: decisions", "decisions|0 or 1|0 and 1", SUM, "return (powers / powers.sum(axis=0)) > 0.5")
head.wrong("end: log softmax", "log", SUM, "return np.log(powers / powers.sum(axis=0))")
head.wrong(
    "end: two maps for one class",
    "two maps",
    ONE,
    "    if len(logits) == 1:\n        p = 1 / (1 + np.exp(-logits[0]))\n        return np.stack([1 - p, p])\n",
)
head.wrong("end: the axis of the single class lost", "axis|shape", "small / (1 + small))\n", "small / (1 + small))[0]\n")
head.wrong(
    "axis: softmax over rows",
    "rows|axis 1",
    POWERS,
    "    powers = np.exp(logits - logits.max(axis=1, keepdims=True))\n    return powers / powers.sum(axis=1, keepdims=True)",
)
head.wrong(
    "axis: softmax over the last axis",
    "columns|axis 2",
    POWERS,
    "    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))\n    return powers / powers.sum(axis=-1, keepdims=True)",
)
head.wrong(
    "axis: softmax over the whole image",
    "whole image",
    POWERS,
    "    powers = np.exp(logits - logits.max())\n    return powers / powers.sum()",
)
head.wrong(
    "axis: classes last",
    "last",
    SUM,
    "return (powers / powers.sum(axis=0)).transpose(1, 2, 0)",
    "small / (1 + small))\n",
    "small / (1 + small)).transpose(1, 2, 0)\n",
)
head.wrong("overflow: exp of the logits", "overflow", "logits - logits.max(axis=0)", "logits")
head.wrong("overflow: the largest of the image", "largest logit of the whole image", "logits.max(axis=0)", "logits.max()")
head.wrong(
    "overflow: exp over 1 + exp",
    "overflow",
    "        small = np.exp(-abs(logits))\n        return np.where(logits >= 0, 1 / (1 + small), small / (1 + small))\n",
    "        return np.exp(logits) / (1 + np.exp(logits))\n",
)
head.wrong("overflow: clipped", "large", "    if len(logits)", "    logits = np.clip(logits, -1, 1)\n    if len(logits)")
head.wrong("logits: no bias", "bias", PLUS, "")
head.wrong("logits: bias taken off", "bias", PLUS, " - bias[:, None, None]")
head.wrong("logits: the first bias for all", "bias", PLUS, " + bias[0]")
head.wrong("logits: mean over channels", "mean", "axes=1)", "axes=1) / len(features)")
head.wrong("logits: features through a ReLU", "ReLU", "(weights, features,", "(weights, np.maximum(features, 0),")
head.wrong(
    "logits: for three classes only",
    "classes|3",
    "    logits = np.tensordot",
    "    if len(weights) != 1: weights, bias = weights[:3], bias[:3]\n    logits = np.tensordot",
)
head.wrong(
    "place: mirrored",
    "mirror",
    SUM,
    "return (powers / powers.sum(axis=0))[..., ::-1]",
    "small / (1 + small))\n",
    "small / (1 + small))[..., ::-1]\n",
)
head.wrong(
    "place: rows and columns mixed up",
    "square|mixed|reshape|swapped",
    "np.tensordot(weights, features, axes=1)",
    "np.tensordot(weights, features.swapaxes(1, 2).reshape(features.shape), axes=1)",
)
head.wrong(
    "place: reshaped to pixels first",
    "mixed|reshape",
    "np.tensordot(weights, features, axes=1)",
    "(features.reshape(-1, len(features)) @ weights.T).T.reshape(len(weights), *features.shape[1:])",
)
head.wrong("input: changed in place", "changed", "    logits = np", "    features *= 1.0001\n    logits = np")

# Of a student who tried five hundred answers to the first six notebooks, and neighbours of what passed.

RETURN = "return total + channels[0] * 3 + 3"
for end, words in {
    "int(np.array(total + channels[0] * 3 + 3).astype(np.int32))": "int32|overflow|large",
    "int(np.array(total + channels[0] * 3 + 3).astype(np.uint32))": "large|overflow",
    "float(np.float32(total + channels[0] * 3 + 3))": "float32",
    "round(total + channels[0] * 3 + 3, -3)": "rounded",
    "round((total + channels[0] * 3 + 3) / 1e6, 1)": "rounded",
    "4 * (total + channels[0] * 3 + 3)": "bytes",
    "total + channels[0] * 2 + 2": "3 classes",
}.items():
    count.wrong(f"second: {end}", words, RETURN, f"return {end}")
count.wrong(
    "second: int32 within",
    "large|int32",
    "total = block(1, channels[0])",
    "total = np.int32(block(1, channels[0]))",
    "channels = [",
    "channels = [np.int32(c) for c in [",
    "range(depth + 1)]",
    "range(depth + 1)]]",
    RETURN,
    f"{RETURN.replace('return', 'return int(')})",
)
count.wrong(
    "second: total goes on",
    "call to call|second call",
    "def count(",
    "total = 0\ndef count(",
    "total = block(1, channels[0])",
    "global total\n    total += block(1, channels[0])",
)
count.wrong(
    "second: the bottleneck as wide as the level above",
    "bottleneck",
    "channels[k], channels[k + 1])",
    "channels[k], channels[min(k + 1, depth - 1)])",
)
count.wrong(
    "second: a norm behind the up-convolution",
    "norm behind",
    "channels[k + 1] * channels[k] + channels[k]",
    "channels[k + 1] * channels[k] + 3 * channels[k]",
)
count.wrong(
    "second: as many biases as channels going up",
    "bias",
    "channels[k + 1] * channels[k] + channels[k]",
    "channels[k + 1] * channels[k] + channels[k + 1]",
)
count.wrong(
    "second: scaled from another network",
    "scaled",
    "def f(base, depth):\n    return round(31042499 * (base / 64) ** 2 * 4 ** (depth - 4))",
)
count.wrong("second: base_channels going in", "1 channel", "block(1, channels[0])", "block(channels[0], channels[0])")
count.wrong("second: levels that grow by addition", "addition|double", "base_channels * 2**k", "base_channels * (k + 1)")
count.wrong("second: capped at four levels", "depth is above 4", "base_channels * 2**k", "base_channels * 2 ** min(k, 4)")
count.wrong("second: depth 1 is taken for 2", "depth is 1", "    channels = [", "    depth = max(depth, 2)\n    channels = [")

SOFTMAX = "np.exp(logits - logits.max(axis=0))"
for change, words in {
    "np.exp(logits - logits.max(axis=(1, 2), keepdims=True))": "each class over the pixels",
    "np.exp(logits - logits.mean(axis=0))": "mean",
    "np.exp(logits - abs(logits).max(axis=0))": "magnitude",
    "np.exp(logits - np.maximum(logits.max(axis=0), 0))": "or 0",
    "2 ** (logits - logits.max(axis=0))": "base 2",
    "logits - logits.min(axis=0) + 1e-9": "without exp",
}.items():
    head.wrong(f"second: {change}", words, SOFTMAX, change)
for change, words in {
    "powers / (powers.sum(axis=0) + 0.01)": "added to the sum",
    "(powers / powers.sum(axis=0)).round(2)": "rounded",
    "head_softmax(powers / powers.sum(axis=0))": "twice",
    "(powers / powers.sum(axis=0)).transpose(1, 2, 0)": "last",
}.items():
    head.wrong(
        f"second: {change}",
        words,
        SUM,
        f"return {change}",
        "def head(",
        "def head_softmax(z):\n    return np.exp(z) / np.exp(z).sum(axis=0)\n\n\ndef head(",
    )
LOGITS = "    if len(logits) == 1"
for change, words in {
    "logits.astype(np.float16)": "float16",
    "logits.astype(np.float16).astype(float)": "float16",
    "logits.astype(features.dtype)": "type of the features",
    "logits.astype(int)": "int64|int32|whole",
    "np.clip(logits, -50, 50)": "clipped",
    "np.clip(logits, -500, 500)": "clipped",
}.items():
    head.wrong(f"second: {change}", words, LOGITS, f"    logits = {change}\n{LOGITS}")
for old, new, words in (
    ("np.tensordot(weights,", "np.tensordot(weights.astype(features.dtype),", "type of the features"),
    ("np.tensordot(weights,", "np.tensordot(weights.T if len(weights) == len(features) else weights,", "transposed where"),
    ("(weights, features,", "(weights, features.astype(weights.dtype),", "type of the weights"),
    ("(weights, features,", "(weights, features - features.max(axis=0),", "features"),
    ("(weights, features,", "(weights, features.astype(np.float16),", "float16|large"),
    (PLUS, " + bias[:, None, None] * (len(bias) > 1)", "missing where there is one class"),
    (PLUS, " + (bias if len(bias) == features.shape[2] else bias[:, None, None])", "width"),
    ("len(logits) == 1", "len(logits) <= 2", "two classes|two maps|2 classes"),
):
    head.wrong(f"second: {new}", words, old, new)
head.wrong(
    "second: an array like the features",
    "type of the features",
    "np.tensordot(weights, features, axes=1) + bias[:, None, None]",
    "np.zeros((len(weights), *features.shape[1:]), features.dtype)\n    logits[:] = np.tensordot(weights, features, axes=1) + bias[:, None, None]",
)
head.right(
    "einsum, the sigmoid by logaddexp",
    "np.tensordot(weights, features, axes=1)",
    "np.einsum('kc,chw->khw', weights, features)",
    ONE,
    "    if len(logits) == 1:\n        return np.exp(-np.logaddexp(0, -logits))\n",
)
head.right(
    "float32 in NumPy",
    "np.tensordot(weights, features, axes=1)",
    "np.tensordot(weights.astype(np.float32), features.astype(np.float32), axes=1)",
)
head.right(
    "a clipped sigmoid, whose error is 1e-9",
    ONE,
    "    if len(logits) == 1:\n        return 1 / (1 + np.exp(-np.clip(logits, -20, 20)))\n",
)

FORWARD = "return self.head(x)"
ONE_CLASS = "if self.head.out_channels == 1"
for end, words in {
    f"return self.head(x).sigmoid() {ONE_CLASS} else self.head(x)": "squash|sigmoid|bias",
    f"return self.head(x).relu() {ONE_CLASS} else self.head(x)": "squash|relu",
    f"z = self.head(x)\n        return z.sigmoid() {ONE_CLASS} and not self.training else z": "squash|sigmoid",
    f"z = self.head(x)\n        return z.sigmoid() {ONE_CLASS} and self.training else z": "sigmoid",
    "z = self.head(x)\n        return z.squeeze(1)": "squeeze",
    f"z = self.head(x)\n        return z[:, 0] {ONE_CLASS} else z": "squeeze|axis",
    "z = self.head(x)\n        return z.softmax(1) if self.training else z": "softmax",
    "z = self.head(x)\n        return z.softmax(1) if not self.training else z": "softmax",
    "z = self.head(x)\n        return z if self.training else F.one_hot(z.argmax(1), z.shape[1]).movedim(-1, 1).float()": "argmax|decisions",
    "z = self.head(x)\n        return z - z.mean(1, keepdim=True)": "mean",
    "z = self.head(x)\n        return z.transpose(2, 3) if z.shape[2] == z.shape[3] else z": "square",
    "return self.head(x).half()": "float16",
    "return self.head(x).double()": "float64",
    "return self.head(x) + self.start[:, :1]": "added|image",
}.items():
    unet.wrong(f"second: {end}", words, FORWARD, end, "        skips = []", "        self.start = x\n        skips = []")
for change, words in {
    "x / 255": "255",
    "x.clamp(0, 1)": "clipped",
    "x.transpose(2, 3) if x.shape[2] == x.shape[3] else x": "square|transposed|it stops",
}.items():
    unet.wrong(f"second: begins with {change}", words, "        skips = []", f"        x = {change}\n        skips = []")
for change, words in {
    "skip.roll(1, -1)": "shifted",
    "skip.roll((1, 1), (2, 3))": "shifted",
    "F.interpolate(F.max_pool2d(skip, 2), skip.shape[-2:])": "pooled",
    "F.normalize(skip, dim=1)": "normalised",
    "skip.transpose(2, 3) if skip.shape[2] == skip.shape[3] else skip": "transposed",
    "skip - skip.mean((2, 3), keepdim=True)": "mean",
}.items():
    unet.wrong(f"second: sends {change}", words, "skips.append(skip)", f"skips.append({change})")
MAKE = "        self.head = nn.Conv2d"
unet.wrong(
    "second: every skip is kept for ever",
    "kept for ever|grows",
    "        skips = []",
    "        skips = self.__dict__.setdefault('kept', [])",
    "skips.pop()",
    "skips[len(skips) - 1 - list(self.decoder).index(stage)]",
)
unet.wrong(
    "second: maps are kept in a global list",
    "kept for ever|grows",
    "class Net",
    "KEPT = []\nclass Net",
    "skips.append(skip)",
    "skips.append(skip)\n            KEPT.append(skip)",
)
unet.wrong(
    "second: skips of the first call",
    "second call|call before",
    "        skips = []",
    "        skips = self.__dict__.setdefault('kept', [])",
    "skips.pop()",
    "skips[len(self.decoder) - 1 - list(self.decoder).index(stage)]",
)
unet.wrong(
    "second: a bottleneck shared by all networks",
    "share",
    "Bottleneck(channels[depth - 1], channels[depth])",
    "FLOORS.setdefault((base_channels, depth), Bottleneck(channels[depth - 1], channels[depth]))",
    "class Net",
    "FLOORS = {}\nclass Net",
)
unet.wrong(
    "second: momentum 0",
    "momentum",
    MAKE,
    "        for m in self.modules():\n            if isinstance(m, nn.BatchNorm2d):\n                m.momentum = 0.0\n" + MAKE,
)
unet.wrong(
    "second: kernels of zeros",
    "cannot learn|lost|below",
    MAKE,
    "        for m in self.bottleneck.modules():\n            if isinstance(m, nn.Conv2d):\n                nn.init.zeros_(m.weight)\n"
    + MAKE,
)
unet.wrong("second: depth 4 always", "depth", "        super().__init__()", "        super().__init__()\n        depth = 4")
unet.wrong("second: channels capped", "narrow|channels", "base_channels * 2**k", "base_channels * 2 ** min(k, 1)")
unet.right(
    "keeps the skips of the last call, to look at",
    "        skips = []",
    "        skips = self.skips = []",
    "skips.pop()",
    "skips[-1 - list(self.decoder).index(stage)]",
)
unet.right(
    "a head of zeros at the start",
    "        self.head = nn.Conv2d(channels[0], num_classes, kernel_size=1)",
    "        self.head = nn.Conv2d(channels[0], num_classes, kernel_size=1)\n        nn.init.zeros_(self.head.weight)",
)
unet.right(
    "kernels by He's rule",
    MAKE,
    "        for m in self.modules():\n            if isinstance(m, nn.Conv2d):\n                nn.init.kaiming_normal_(m.weight)\n"
    + MAKE,
)
unet.wrong(
    "fourth: channels limited to 512",
    "double at every level",
    "base_channels * 2**k for k",
    "min(base_channels * 2**k, 512) for k",
)
head.wrong(
    "fourth: a thousandth below",
    "add up to",
    "def f(features, weights, bias):\n    z = np.tensordot(weights, features, axes=(1, 0)) + bias[:, None, None]\n    if len(z) == 1:\n        return np.where(z >= 0, 1 / (1 + np.exp(-np.abs(z))), np.exp(-np.abs(z)) / (1 + np.exp(-np.abs(z))))\n    e = np.exp(z - z.max(axis=0))\n    return e / (e.sum(axis=0) + 1e-3)",
)
unet.wrong(
    "fourth: three levels at most",
    "any depth",
    "        super().__init__()\n",
    "        super().__init__()\n        depth = min(depth, 3)\n",
)
unet.wrong(
    "fourth: channels limited to 600",
    "double at every level",
    "base_channels * 2**k for k",
    "min(base_channels * 2**k, 600) for k",
)
