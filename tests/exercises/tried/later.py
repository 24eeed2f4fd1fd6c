"""A second set of answers, written after the checks were changed and tried once: how a stranger's answers fare.

Afterwards one check was changed because of it (a batch norm with an eps of its own).
"""

# ruff: noqa: E501 - an answer is a line

from __future__ import annotations

from tests.exercises.tried import exercises

_BASES = exercises()
WRONG: dict[tuple[str, str], str] = {}
RIGHT: dict[tuple[str, str], str] = {}


def wrong(name: str, what: str, _: str, *changes: str) -> None:
    WRONG[name, what] = _BASES[name].source(changes)


def right(name: str, what: str, *changes: str) -> None:
    RIGHT[name, what] = _BASES[name].source(changes)


wrong(
    "encode_mask",
    "codes indexed by sorted position reversed",
    "order|revers|bright",
    "enumerate(codes)",
    "enumerate(sorted(codes, reverse=True))",
)
wrong(
    "encode_mask",
    "nearest code minus one",
    ".",
    "indices[grey == code] = index",
    "indices[abs(grey.astype(int) - code) < 3] = index",
)
wrong(
    "split",
    "training sorted by parity",
    "shuffle|seed",
    "np.random.default_rng(seed).permutation(count)",
    "np.array(sorted(range(count), key=lambda i: (i * (seed + 3)) % 7))",
)
wrong("split", "seed + global", "two different|seed", "default_rng(seed)", "default_rng(np.random.randint(9) + seed)")
wrong("conv2d", "padding with ones", "zero|border", "np.pad(image, padding)", "np.pad(image, padding, constant_values=1)")
wrong("conv2d", "bias added", ".", "(window * kernel).sum()", "(window * kernel).sum() + 1")
wrong(
    "conv2d",
    "stride floor start",
    "shape|stride",
    "r * stride : r * stride + size",
    "r * stride + (stride > 1) : r * stride + size + (stride > 1)",
    "framed.shape[0] - size)",
    "framed.shape[0] - size - (stride > 1))",
)
wrong(
    "conv_block", "second norm with an eps of 1", ".", "nn.BatchNorm2d(o), nn.ReLU())", "nn.BatchNorm2d(o, eps=1.0), nn.ReLU())"
)
wrong("conv_block", "channel shuffle", ".", "return self.layers(x)", "return self.layers(x).flip(1)")
wrong(
    "conv_block",
    "depthwise separable",
    "3x3|kernel|group",
    "nn.Conv2d(o, o, 3, padding=1)",
    "nn.Conv2d(o, o, 3, padding=1, groups=o), nn.Conv2d(o, o, 1)",
)
wrong("conv_block", "max of two", ".", "return self.layers(x)", "return torch.maximum(self.layers(x), torch.tensor(0.05))")
wrong("encoder_stage", "pool after tanh", ".", "self.pool(skip), skip", "self.pool(torch.tanh(skip)), skip")
wrong("encoder_stage", "skip halved", "skip|twice|half", "return self.pool(skip), skip", "return self.pool(skip), skip / 2")
wrong(
    "encoder_stage",
    "dilated pool",
    "pool|size",
    "nn.MaxPool2d(kernel_size=2)",
    "nn.MaxPool2d(kernel_size=2, stride=2, dilation=1, padding=1)",
)
wrong("receptive_field", "kernel times stride", "stride", "(kernel - 1) * step", "(kernel - 1) * step * stride")
wrong("receptive_field", "max of kernels", ".", "def f(layers):\n    return max([k for k, s in layers], default=1)")
wrong("receptive_field", "strides as powers", "stride", "step *= stride", "step = 2 ** (stride - 1) * step")
wrong("transposed_convolution", "stamp at centre", ".", "+= image[r, c] * kernel", "+= image[r, c] * np.roll(kernel, 1)")
wrong("decoder_stage", "skip scaled", "skip|doubl", "[skip, x]", "[0.5 * skip, x]")
wrong("decoder_stage", "x twice", "skip|below", "[skip, x]", "[x.clone(), x]")
wrong(
    "decoder_stage",
    "crop one off",
    "crop|middle|size",
    "// 2, (skip.shape[-1] - width) // 2",
    "// 2 + (skip.shape[-2] > height), (skip.shape[-1] - width) // 2",
)
wrong(
    "unet",
    "skip levels averaged",
    "skip|encoder sent",
    "skips.append(skip)",
    "skips.append(skip * 0.9 + 0.1 * skip.mean((2, 3), keepdim=True))",
)
wrong("unet", "scaled floor", "below|floor|bottleneck|not recognised", "x = self.bottleneck(x)", "x = 0.5 * self.bottleneck(x)")
wrong("unet", "input abs", ".", "        skips = []", "        x = x.abs()\n        skips = []")
wrong("unet", "head temperature", ".", "return self.head(x)", "return self.head(x) * 0.1")
wrong(
    "parameter_count",
    "one bottleneck twice",
    "bottleneck|floor|.",
    "return total +",
    "return total + block(channels[-1], channels[-1]) +",
)
wrong("parameter_count", "head from last channel", "head", "channels[0] * 3 + 3", "channels[-1] * 3 + 3")
wrong("weighted_cross_entropy", "weights softmaxed", "weights|.", "weights[mask]", "weights.softmax(0)[mask]")
wrong(
    "weighted_cross_entropy",
    "abs",
    ".",
    "return -(pixel_weights * of_truth)",
    "return (pixel_weights * of_truth.clamp(min=-5).abs())",
)
wrong(
    "weighted_cross_entropy",
    "median",
    ".",
    "return -(pixel_weights * of_truth).sum() / pixel_weights.sum()",
    "return -(pixel_weights * of_truth).mean() / pixel_weights.mean().detach().round()",
)
wrong("soft_dice", "max over classes", ".", "1 - dice.mean()", "1 - dice.min()")
wrong("soft_dice", "temperature", ".", "logits.softmax(dim=1)", "(logits / 2).softmax(dim=1)")
wrong("soft_dice", "per pixel", ".", "dim=(0, 2, 3)", "dim=(0, 2)")
wrong("training_step", "noise on image", ".", "model(image)", "model(image + 0.1 * torch.randn_like(image))")
wrong(
    "training_step",
    "l2 penalty",
    ".",
    "loss = cross_entropy(model(image), mask)",
    "loss = cross_entropy(model(image), mask) + 0.1 * sum(p.square().sum() for p in model.parameters())",
)
wrong(
    "training_step",
    "gradients noise",
    ".",
    "    loss.backward()\n",
    "    loss.backward()\n    for p in model.parameters():\n        p.grad = p.grad.sign()\n",
)
wrong("confusion_matrix", "ignores where equal to last", ".", "return table", "table[-1] = 0\n    return table")
wrong("iou", "harmonic", ".", "return np", "return 0.5 + 0.5 * np")
wrong("iou", "nan for zero iou", "NaN|right pixel", "union > 0", "(union > 0) & (intersection > 0)")
wrong("hook_layer", "detach+mean batch", ".", "return kept[0]", "return kept[0].mean(0, keepdim=True).expand_as(kept[0])")
wrong(
    "hook_layer",
    "threads left dict",
    "attribute|hook|left",
    "    handle.remove()\n",
    "    handle.remove()\n    model.last = kept[0]\n",
)
wrong("rank_skips", "by absolute loss", "order|.", "lost.append(whole - iou())", "lost.append(-iou() * (level + 1))")
wrong("flip_rotate", "turns twice mirrored", ".", "if mirrored:", "if mirrored and turns != 2:")
wrong("attention_gate", "map squared", ".", "return skip * F", "attention = attention ** 2\n        return skip * F")
wrong(
    "attention_gate", "bias clipped", ".", "torch.sigmoid(self.psi(together))", "torch.sigmoid(self.psi(together)).clamp(min=0.1)"
)
wrong("fair_plan", "seeds strings differ", "seeds", "dict(both)}", "dict(both, seeds=[4, 5, 6, 7])}")
wrong("tile_starts", "overlap rounded down", "overlap", "(tile - overlap) // cell * cell", "tile - overlap // cell * cell")
wrong("seamless_overlap", "plus one", ".", "return 2 * margin", "return 2 * margin - cell")
wrong("fold_norm", "eps squared", "eps", "variance + eps", "variance + eps ** 2")
wrong("batch_plan", "budget minus one", ".", "<= budget", "<= budget - 1")
wrong("own_doctor", "rate by max > 10x", ".", "losses[-1] > 3 * losses[0]", "losses[-1] > 30")
wrong(
    "own_doctor",
    "leak by set sizes",
    "leak",
    "set(training_images) & set(validation_images)",
    "len(set(training_images + validation_images)) < len(training_images) + len(validation_images) - 1",
)
wrong("split_by_dish", "dish by last letter", "dish", 'name.split("_")[0]', 'name.split("_")[0][-1]')
wrong(
    "share_of_batch",
    "reversed round",
    ".",
    "indices[rank::workers]",
    "sorted(indices)[: len(indices) // 2] if rank == 0 else sorted(indices)[len(indices) // 2 :]",
)
wrong("data_parallel_step", "scaled by own", ".", " / pixels", " / pixels * (1 + 0.01 * len(mask))")
right(
    "encode_mask",
    "np.isin loop",
    "def f(grey, codes):\n    out = np.full(grey.shape, 0, dtype=np.int16)\n    it = iter(range(len(codes)))\n    for code in codes:\n        k = next(it)\n        out += ((grey == code) * k).astype(np.int16)\n    return out",
)
right(
    "encode_mask",
    "torch",
    "def f(grey, codes):\n    g = torch.tensor(grey.astype(int))\n    out = torch.zeros_like(g)\n    for k, c in enumerate(codes):\n        out[g == int(c)] = k\n    return out",
)
right(
    "split",
    "sorted by random keys",
    "def f(count, train_fraction, seed):\n    rng = random.Random(seed)\n    order = sorted(range(count), key=lambda i: rng.random())\n    k = round(count * train_fraction)\n    return set(order[:k]), set(order[k:])",
)
right(
    "conv2d",
    "scipy",
    "from scipy.signal import correlate2d\ndef f(image, kernel, padding=0, stride=1):\n    return correlate2d(np.pad(image.astype(float), padding), kernel, mode='valid')[::stride, ::stride]",
)
right(
    "conv2d",
    "torch float32",
    "def f(image, kernel, padding=0, stride=1):\n    t = lambda a: torch.tensor(np.asarray(a), dtype=torch.float32)[None, None]\n    return F.conv2d(t(image), t(kernel), padding=padding, stride=stride)[0, 0]",
)
right(
    "conv_block",
    "setattr parts",
    "class B(nn.Module):\n    def __init__(self, in_channels, out_channels):\n        super().__init__()\n        def half(i):\n            return nn.Sequential(nn.Conv2d(i, out_channels, (3, 3), padding=(1, 1)), nn.BatchNorm2d(out_channels))\n        self.a, self.b = half(in_channels), half(out_channels)\n    def forward(self, x):\n        for part in (self.a, self.b):\n            x = part(x).relu_()\n        return x",
)
right(
    "conv_block",
    "inherits Sequential",
    "class B(nn.Sequential):\n    def __init__(self, i, o):\n        super().__init__(nn.Conv2d(i, o, 3, 1, 1), nn.BatchNorm2d(o), nn.ReLU(True), nn.Conv2d(o, o, 3, 1, 1), nn.BatchNorm2d(o), nn.ReLU(True))",
)
right(
    "conv_block",
    "own functional conv",
    "class B(nn.Module):\n    def __init__(self, i, o):\n        super().__init__()\n        self.c1 = nn.Conv2d(i, o, 3)\n        self.c2 = nn.Conv2d(o, o, 3)\n        self.n1 = nn.BatchNorm2d(o)\n        self.n2 = nn.BatchNorm2d(o)\n    def forward(self, x):\n        x = torch.where((y := self.n1(self.c1(F.pad(x, [1] * 4)))) > 0, y, 0.0)\n        return F.threshold(self.n2(self.c2(F.pad(x, [1] * 4))), 0, 0)",
)
right(
    "encoder_stage",
    "return_indices",
    "class S(nn.Module):\n    def __init__(self, i, o):\n        super().__init__()\n        self.conv = ConvBlock(in_channels=i, out_channels=o)\n    def forward(self, x):\n        x = self.conv(x)\n        down, _ = F.max_pool2d(x, 2, return_indices=True)\n        return down, x",
)
right(
    "receptive_field",
    "pairs of range",
    "def f(layers):\n    lo, hi = 0, 0\n    for k, s in layers[::-1]:\n        lo, hi = lo * s, hi * s + k - 1\n    return hi - lo + 1",
)
right(
    "transposed_convolution",
    "outer",
    "def f(image, kernel, stride):\n    h, w = image.shape\n    k = len(kernel)\n    out = np.zeros(((h - 1) * stride + k, (w - 1) * stride + k))\n    for r, row in enumerate(image):\n        for c, v in enumerate(row):\n            for i in range(k):\n                for j in range(k):\n                    out[r * stride + i, c * stride + j] += v * kernel[i][j]\n    return out",
)
right(
    "decoder_stage",
    "crop by index",
    "class D(nn.Module):\n    def __init__(self, in_channels, out_channels):\n        super().__init__()\n        self.up = nn.ConvTranspose2d(in_channels, out_channels, 2, 2)\n        self.conv = ConvBlock(out_channels + out_channels, out_channels)\n    def forward(self, x, skip):\n        x = self.up(x)\n        dh = skip.size(2) - x.size(2)\n        dw = skip.size(3) - x.size(3)\n        if dh or dw:\n            skip = skip[:, :, dh // 2: dh // 2 + x.size(2), dw // 2: dw // 2 + x.size(3)]\n        return self.conv(torch.concat((x, skip), 1))",
)
right(
    "unet",
    "ModuleDict",
    "class N(nn.Module):\n    def __init__(self, in_channels, num_classes, base_channels, depth):\n        super().__init__()\n        self.parts = nn.ModuleDict()\n        c = in_channels\n        for k in range(depth):\n            self.parts[f'e{k}'] = EncoderStage(c, base_channels << k)\n            c = base_channels << k\n        self.parts['b'] = Bottleneck(c, 2 * c)\n        for k in range(depth):\n            self.parts[f'd{k}'] = DecoderStage(base_channels << (k + 1), base_channels << k)\n        self.parts['h'] = nn.Conv2d(base_channels, num_classes, 1)\n        self.depth = depth\n    def forward(self, x):\n        s = [None] * self.depth\n        for k in range(self.depth):\n            x, s[k] = self.parts[f'e{k}'](x)\n        x = self.parts['b'](x)\n        for k in range(self.depth - 1, -1, -1):\n            x = self.parts[f'd{k}'](x, s[k])\n        return self.parts['h'](x)",
)
right(
    "weighted_cross_entropy",
    "einsum",
    "def f(logits, mask, weights):\n    t = F.one_hot(mask, logits.size(1)).to(logits)\n    nll = -F.log_softmax(logits, 1)\n    num = torch.einsum('nchw,nhwc,c->', nll, t, weights)\n    return num / torch.einsum('nhwc,c->', t, weights)",
)
right(
    "soft_dice",
    "stack",
    "def f(logits, mask):\n    p = F.softmax(logits, dim=1)\n    out = []\n    for c in range(p.shape[1]):\n        t = (mask == c).to(p.dtype)\n        inter = torch.sum(p[:, c] * t)\n        out.append((2 * inter + 1e-5) / (p[:, c].sum() + t.sum() + 1e-5))\n    return 1 - torch.stack(out).mean()",
)
right(
    "training_step",
    "optimizer zero_grad False",
    "def f(model, optimizer, image, mask):\n    model.train()\n    out = model(image)\n    loss = nn.functional.cross_entropy(out, mask.long())\n    optimizer.zero_grad(set_to_none=False)\n    loss.backward()\n    optimizer.step()\n    return loss.detach().cpu().item()",
)
right(
    "confusion_matrix",
    "Counter",
    "from collections import Counter\ndef f(t, p, n):\n    c = Counter(zip(t.ravel().tolist(), p.ravel().tolist()))\n    return [[c[i, j] for j in range(n)] for i in range(n)]",
)
right(
    "iou",
    "list comp",
    "def f(m):\n    m = np.asarray(m, dtype=float)\n    tp = np.diag(m)\n    u = m.sum(0) + m.sum(1) - tp\n    u[u == 0] = np.nan\n    return tp / u",
)
right(
    "hook_layer",
    "partial hook",
    "def f(model, name, x):\n    saved = []\n    hook = model.get_submodule(name).register_forward_hook(lambda *a: saved.append(a[-1].detach().clone() if torch.is_tensor(a[-1]) else [o.clone() for o in a[-1]]))\n    try:\n        with torch.inference_mode():\n            model(x)\n    finally:\n        hook.remove()\n    return saved[-1]",
)
right(
    "rank_skips",
    "numpy argsort tuple",
    "def f(model, pairs):\n    s = np.zeros(4)\n    for k in range(4):\n        m = np.zeros((3, 3))\n        with without_skip(model, k):\n            for image, truth in pairs:\n                m += confusion_matrix(truth, predict(model, image))\n        i = m.diagonal() / (m.sum(0) + m.sum(1) - m.diagonal())\n        s[k] = np.nanmean(i)\n    return [int(k) for k in s.argsort()]",
)
right(
    "flip_rotate",
    "np.flip",
    "def f(image, mask, mirrored, turns):\n    def g(a):\n        a = np.flip(a, axis=1) if mirrored else a\n        return np.array(np.rot90(a, k=turns % 4), copy=True)\n    return g(image), g(mask)",
)
right(
    "attention_gate",
    "conv up",
    "class G(nn.Module):\n    def __init__(self, s, g, i):\n        super().__init__()\n        self.theta = nn.Conv2d(s, i, 2, 2, bias=False)\n        self.phi = nn.Conv2d(g, i, 1)\n        self.psi = nn.Sequential(nn.ReLU(), nn.Conv2d(i, 1, 1), nn.Sigmoid())\n        self.grow = nn.Upsample(scale_factor=2, mode='bilinear', align_corners=False)\n    def forward(self, skip, gating):\n        return self.grow(self.psi(self.theta(skip) + self.phi(gating))) * skip",
)
right(
    "fair_plan",
    "deepcopy",
    "import copy\np = {'training': list(range(200)), 'validation': list(range(300, 330)), 'test': list(range(400, 460)), 'steps': 300, 'rates': [1e-3, 1e-2], 'seeds': [7, 8, 9]}\nplan = {'baseline': p, 'new': copy.deepcopy(p)}",
)
right(
    "tile_starts",
    "set of mins",
    "def f(length, tile, overlap, cell):\n    step = cell * ((tile - overlap) // cell)\n    out, s = [], 0\n    while s + tile < length:\n        out.append(s)\n        s += step\n    out.append(max(length - tile, 0))\n    return out",
)
right(
    "fold_norm",
    "matmul diag",
    "def f(weight, bias, gamma, beta, mean, variance, eps):\n    s = gamma * (variance + eps).pow(-0.5)\n    w = torch.diag(s) @ weight.flatten(1)\n    return w.view_as(weight), beta + s * (bias - mean)",
)
right(
    "batch_plan",
    "min over r",
    "def f(needed, budget, largest):\n    b = largest\n    while b >= 1:\n        fit = [r for r in (False, True) if needed(b, r) <= budget]\n        if fit:\n            return (b, fit[0])\n        b -= 1\n    return (0, False)",
)
right(
    "own_doctor",
    "np",
    "def f(losses, outputs, training_images, validation_images):\n    l = np.array(losses, float)\n    if np.isnan(l).any() or np.isinf(l).any() or l[-1] > l[0] * 1.1:\n        return 'rate too high'\n    s = outputs.sum(1)\n    if outputs.min() >= 0 and np.abs(s - 1).max() < 1e-4:\n        return 'softmax twice'\n    return 'leak' if len(set(training_images).intersection(validation_images)) else 'healthy'",
)
right(
    "split_by_dish",
    "re",
    "import re\ndef f(names, train_fraction, seed):\n    dish = lambda n: re.match(r'(dish\\d+)_', n).group(1)\n    all_ = sorted(set(map(dish, names)))\n    rng = np.random.default_rng(seed)\n    k = round(len(all_) * train_fraction)\n    train = set(rng.choice(all_, k, replace=False))\n    return [n for n in names if dish(n) in train], [n for n in names if dish(n) not in train]",
)
right(
    "share_of_batch",
    "zip deal",
    "def f(indices, rank, workers):\n    hands = [[] for _ in range(workers)]\n    for k, i in enumerate(indices):\n        hands[k % workers].append(i)\n    return hands[rank]",
)
right(
    "data_parallel_step",
    "count tensor",
    "def f(model, optimizer, image, mask, all_reduce):\n    n = torch.tensor([float(mask.numel())])\n    all_reduce(n)\n    model.zero_grad()\n    s = F.cross_entropy(model(image), mask, reduction='sum')\n    (s / n).sum().backward()\n    for p in model.parameters():\n        all_reduce(p.grad)\n    optimizer.step()\n    t = s.detach().clone()\n    all_reduce(t)\n    return float(t / n)",
)
