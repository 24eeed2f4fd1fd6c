"""Answers to the exercises of notebook 18."""

# ruff: noqa: E501 - an answer is a line

from tests.exercises.tried import Exercise

compare = Exercise(
    "compare_networks",
    """
def my_compare(first, second, images):
    with torch.no_grad():
        a, b = first(images), second(images)
    return (a - b).abs().max().item(), (a.argmax(1) == b.argmax(1)).float().mean().item()
""".lstrip("\n"),
)
compare.right("torch", "1) == b.argmax(1", "dim=1) == b.argmax(dim=1")
compare.right(
    "NumPy",
    "def my_compare(first, second, images):\n    with torch.no_grad():\n        a, b = np.asarray(first(images)), np.asarray(second(images))\n    return float(np.max(np.abs(a - b))), float(np.mean(a.argmax(axis=1) == b.argmax(axis=1)))\n",
)
compare.right(
    "image by image",
    "def my_compare(first, second, images):\n    worst, same, all_ = 0.0, 0, 0\n    for k in range(len(images)):\n        with torch.inference_mode():\n            a, b = torch.as_tensor(first(images[k : k + 1])), torch.as_tensor(second(images[k : k + 1]))\n        worst = max(worst, torch.max(torch.abs(a - b)).item())\n        equal = a.max(dim=1).indices == b.max(dim=1).indices\n        same += int(equal.sum())\n        all_ += equal.numel()\n    return worst, same / all_\n",
)
compare.right(
    "tensors returned",
    'def my_compare(first, second, images):\n    a, b = first(images), second(images)\n    a, b = torch.as_tensor(a).detach().double(), torch.as_tensor(b).detach().double()\n    return torch.dist(a, b, p=float("inf")), torch.eq(a.argmax(1), b.argmax(1)).double().mean()\n',
)
compare.right(
    "list, count_nonzero",
    "def my_compare(first, second, images):\n    both = [torch.as_tensor(f(images)).detach() for f in (first, second)]\n    classes = [x.argmax(dim=-3) for x in both]\n    return [float((both[0] - both[1]).abs().amax()), 1 - float(torch.count_nonzero(classes[0] - classes[1])) / classes[0].numel()]\n",
)
compare.wrong("number: mean difference", "mean difference", ".max", ".mean")
compare.wrong("sign: kept", "sign", ".abs().max", ".max")
compare.wrong("sign: abs outside", "abs", "(a - b).abs().max().item(", "abs((a - b).max().item()")
compare.wrong("number: difference of the maxima", "largest logits", "(a - b).abs().max(", "abs(a.max() - b.max()")
compare.wrong("class: argmax over the last axis", "column|dim", "1) == b.argmax(1", "-1) == b.argmax(-1")
compare.wrong("class: argmax over the images", "images", "1) == b.argmax(1", "0) == b.argmax(0")
compare.wrong("class: argmax over the rows", "rows", "1) == b.argmax(1", "2) == b.argmax(2")
compare.wrong("class: share of close logits", "close|logits", "(a.argmax(1) == b.argmax(1)", "torch.isclose(a, b")
compare.wrong("part: share of the first image", "first image", "a.argmax(1) == b.argmax(1", "a[0].argmax(0) == b[0].argmax(0")
compare.wrong("part: difference of the first image", "first image", "a - b", "a[0] - b[0]")
compare.wrong("in place: a -= b before argmax", "changed", "return (a - b).abs", "a -= b\n    return a.abs")
compare.wrong(
    "in place: a.sub_(b)",
    "changed",
    "return (a - b).abs().max().item(), (a.argmax(1) == b.argmax(1)).float().mean().item()",
    "    same = (a.argmax(1) == b.argmax(1)).float().mean().item()\n        return a.sub_(b).abs_().max().item(), same",
)
compare.wrong("number: share of whole images", "images", ".float", ".flatten(1).all(1).float")
compare.wrong("number: percent", "percent", ".item(), (a.argmax", ".item(), 100 * (a.argmax")
compare.wrong("number: share that differs", "differs", "a.argmax(1) == b.argmax", "a.argmax(1) != b.argmax")
compare.wrong("number: probabilities", "probabilit", "a - b", "a.softmax(1) - b.softmax(1)")
compare.wrong("number: relative difference", "relative", "a - b).abs().max(", "(a - b).abs().max() / a.abs().max()")
compare.wrong("digits: classes in half precision", "half", "a.argmax(1) == b.argmax", "a.half().argmax(1) == b.half().argmax")
compare.wrong("digits: rounded to 3", "rounded", "(a - b).abs().max().item(", "round((a - b).abs().max().item(), 3")
compare.wrong("part: share without background", "background", ".float", "[a.argmax(1) > 0].float")
compare.wrong("number: difference of classes", "classes", "a - b", "a.argmax(1) - b.argmax(1)")
compare.wrong("part: the largest logit of each pixel", "largest logit", "a - b", "a.amax(1) - b.amax(1)")
compare.wrong(
    "form: swapped",
    "swapped",
    "a - b).abs().max().item(), (a.argmax(1) == b.argmax(1)).float().mean",
    "a.argmax(1) == b.argmax(1)).float().mean().item(), (a - b).abs().max",
)
compare.wrong(
    "network: second compared with itself", "itself", "a, b = first(images), second", "a = b = first(images)\n        b = first"
)
compare.wrong(
    "in place: images standardised",
    "changed",
    "images), second(images",
    "images.sub_(images.mean())), second(images.sub_(images.mean())",
)
compare.wrong(
    "class: sign of two classes", "two classes", "a.argmax(1) == b.argmax(1", "(a[:, 1] > a[:, 0]) == (b[:, 1] > b[:, 0]"
)
compare.wrong("number: mean over images", "mean", ".max", ".amax(dim=(1, 2, 3)).mean")
compare.wrong(
    "part: the last image wins",
    "last image",
    "def my_compare(first, second, images):\n    for image in images:\n        with torch.no_grad():\n            a, b = first(image[None]), second(image[None])\n        worst, same = (a - b).abs().max().item(), (a.argmax(1) == b.argmax(1)).float().mean().item()\n    return worst, same\n",
)
compare.wrong(
    "digits: differences below 1e-4 are 0",
    "below",
    "a - b).abs().max().item(",
    "lambda d: d if d > 1e-4 else 0.0)((a - b).abs().max().item()",
)
compare.wrong("part: first two images", "first two", "images), second(images", "images[:2]), second(images[:2]")
compare.wrong(
    "digits: share rounded",
    "rounded",
    "(a.argmax(1) == b.argmax(1)).float().mean().item(",
    "round((a.argmax(1) == b.argmax(1)).float().mean().item(), 2",
)
compare.wrong(
    "digits: 1 where logits are close",
    "granted",
    ".item(), (a.argmax",
    ".item(), 1.0 if (a - b).abs().max() < 1e-3 else (a.argmax",
)
compare.wrong("number: mean over the classes", "mean", ".max", ".mean(1).max")
compare.wrong("number: length over the classes", "length|norm", ".abs(", ".norm(dim=1")
compare.wrong("part: the last image's difference", "last image", "a - b", "a[-1] - b[-1]")
compare.wrong("part: first class", "first class", "a - b", "a[:, 0] - b[:, 0]")
compare.wrong("part: last class", "last class", "a - b", "a[:, -1] - b[:, -1]")
compare.wrong("part: a corner", "corner", ".abs", "[..., :8, :8].abs")
compare.wrong(
    "part: no background in the choice", "background", "a.argmax(1) == b.argmax", "a[:, 1:].argmax(1) == b[:, 1:].argmax"
)
compare.wrong(
    "digits: classes of rounded logits",
    "rounded",
    "a.argmax(1) == b.argmax",
    "(a * 100).round().argmax(1) == (b * 100).round().argmax",
)
compare.wrong("digits: bfloat16", "half precision|digits", "a - b", "a.bfloat16() - b.bfloat16()")
compare.wrong(
    "network: channels given as images",
    "channels",
    "images), second(images",
    "images.flatten(0, 1)[:, None]), second(images.flatten(0, 1)[:, None]",
)
compare.wrong(
    "state: gradients left off",
    "gradients",
    "    with torch.no_grad():\n        a, b = first(images), second(images)\n",
    "    torch.set_grad_enabled(False)\n    a, b = first(images), second(images)\n",
)

prepare = Exercise(
    "prepare",
    """
def my_prepare(image):
    x = np.asarray(image, dtype=np.float64)
    x = x[..., None] if x.ndim == 2 else x
    x = x.transpose(2, 0, 1)[None]
    mean, std = x.mean(axis=(2, 3), keepdims=True), x.std(axis=(2, 3), keepdims=True)
    flat = x.max(axis=(2, 3), keepdims=True) == x.min(axis=(2, 3), keepdims=True)
    return np.where(flat, 0, (x - mean) / np.where(flat, 1, std)).astype(np.float32)
""".lstrip("\n"),
)
prepare.right(
    "loop over channels",
    "def my_prepare(image):\n    x = np.asarray(image)\n    if x.ndim == 2:\n        x = x[:, :, None]\n    out = np.zeros((1, x.shape[2], x.shape[0], x.shape[1]), np.float32)\n    for c in range(x.shape[2]):\n        channel = x[:, :, c].astype(np.float64)\n        if channel.max() > channel.min():\n            out[0, c] = (channel - channel.mean()) / channel.std()\n    return out\n",
)
prepare.right(
    "NumPy at once",
    "def my_prepare(image):\n    x = np.atleast_3d(np.array(image, dtype=np.float64)).transpose(2, 0, 1)\n    flat = np.ptp(x, axis=(1, 2), keepdims=True) == 0\n    x = x - x.mean(axis=(1, 2), keepdims=True)\n    x = np.where(flat, 0, x / np.where(flat, 1, x.std(axis=(1, 2), keepdims=True)))\n    return x[None].astype(np.float32)\n",
)
prepare.right(
    "torch",
    "def my_prepare(image):\n    x = torch.from_numpy(np.array(image, dtype=np.float64))\n    x = x[None] if x.ndim == 2 else x.permute(2, 0, 1)\n    std, mean = torch.std_mean(x, dim=(1, 2), keepdim=True, correction=0)\n    flat = x.amax((1, 2), keepdim=True) == x.amin((1, 2), keepdim=True)\n    return torch.where(flat, torch.zeros_like(x), (x - mean) / std)[None].float()\n",
)
prepare.right(
    "stack, functional",
    'def my_prepare(image):\n    def one(c):\n        c = np.asarray(c, dtype=np.longdouble)\n        c = c - c.flat[0]\n        if not c.any():\n            return c\n        d = c - c.mean()\n        return d / np.sqrt((d * d).mean())\n    channels = [image] if image.ndim == 2 else [image[..., k] for k in range(image.shape[-1])]\n    return np.stack([one(c) for c in channels])[None].astype("float32")\n',
)
prepare.right(
    "moveaxis and a class",
    "class Prepare:\n    def __call__(self, image):\n        x = np.float64(image)\n        x = x[np.newaxis, np.newaxis] if x.ndim == 2 else np.moveaxis(x, -1, 0)[np.newaxis]\n        n, c, h, w = x.shape\n        flat = x.reshape(c, -1)\n        out = np.zeros_like(flat)\n        varies = (flat != flat[:, :1]).any(axis=1)\n        out[varies] = (flat[varies] - flat[varies].mean(1, keepdims=True)) / flat[varies].std(1, keepdims=True)\n        return torch.tensor(out.reshape(n, c, h, w), dtype=torch.float32)\nmy_prepare = Prepare()\n",
)
prepare.right(
    "F.instance_norm with double and eps 0, nan to 0 by range",
    "def my_prepare(image):\n    x = torch.tensor(np.array(image).astype(np.float64))\n    x = (x.unsqueeze(-1) if x.dim() == 2 else x).permute(2, 0, 1).unsqueeze(0)\n    y = F.instance_norm(x, eps=0.0)\n    same = (x == x[:, :, :1, :1]).all(dim=3).all(dim=2)\n    y[same] = 0\n    return y.float()\n",
)
prepare.right(
    "scipy zscore",
    "from scipy.stats import zscore\ndef my_prepare(image):\n    x = np.asarray(image, np.float64).reshape(*np.shape(image)[:2], -1)\n    out = []\n    for k in range(x.shape[2]):\n        c = x[..., k]\n        out.append(np.zeros_like(c) if np.ptp(c) == 0 else zscore(c, axis=None))\n    return torch.tensor(np.array(out)[None], dtype=torch.float32)\n",
)
prepare.wrong("scale: n - 1", "n - 1", "x.std(axis=(2, 3), keepdims=True)\n", "x.std(axis=(2, 3), keepdims=True, ddof=1)\n")
prepare.wrong("channels: one mean and std", "share", "axis=(2, 3), keepdims=True), x.std(axis=(2, 3), keepdims=True", "), x.std(")
prepare.wrong(
    "channels: one std", "share one standard", "x.std(axis=(2, 3), keepdims=True", "np.full_like(x[:, :, :1, :1], x.std()"
)
prepare.wrong("axes: reshape", "reshape|mixed", "x.transpose(2, 0, 1)[None]", "x.reshape(1, x.shape[2], x.shape[0], x.shape[1])")
prepare.wrong("axes: height and width swapped", "swapped", "x.transpose(2, 0, 1)", "x.T")
prepare.wrong("constant: NaN", "same everywhere", "np.where(flat, 0, (x - mean) / np.where(flat, 1, std)", "((x - mean) / std")
prepare.wrong(
    "constant: std == 0",
    "0\\.1|rounded|same everywhere",
    "x.max(axis=(2, 3), keepdims=True) == x.min(axis=(2, 3), keepdims=True)",
    "std == 0",
)
prepare.wrong(
    "eps: 1e-5 beside the std", "1e-05", "np.where(flat, 0, (x - mean) / np.where(flat, 1, std", "((x - mean) / (std + 1e-5"
)
prepare.wrong(
    "eps: std at least 1",
    "less than 1",
    "np.where(flat, 0, (x - mean) / np.where(flat, 1, std",
    "((x - mean) / np.maximum(std, 1",
)
prepare.wrong("digits: float16", "float16|digits", "image, dtype=np.float64", "image).astype(np.float16")
prepare.wrong("digits: float32", "float32", "image, dtype=np.float64", "image).astype(np.float32")
prepare.wrong("form: float64 returned", "float64", ".astype(np.float32)", "")
prepare.wrong(
    "in place: floats changed",
    "changed",
    'def my_prepare(image):\n    x = np.asarray(image)\n    if x.dtype.kind != "f":\n        x = x.astype(np.float64)\n    x = x[..., None] if x.ndim == 2 else x\n    for c in range(x.shape[2]):\n        flat = x[..., c].max() == x[..., c].min()\n        x[..., c] -= x[..., c].mean()\n        s = x[..., c].std()\n        x[..., c] = 0 if flat else x[..., c] / s\n    return x.transpose(2, 0, 1)[None].astype(np.float32)\n',
)
prepare.wrong(
    "kind: standardise cuts hot pixels",
    "hot",
    "from unet_lab.datasets import standardise\ndef my_prepare(image):\n    x = np.asarray(image)\n    x = x[..., None] if x.ndim == 2 else x\n    return np.stack([standardise(x[..., c]) for c in range(x.shape[2])])[None].astype(np.float32)\n",
)
prepare.wrong(
    "scale: 0 to 1",
    "0 to 1",
    "x.mean(axis=(2, 3), keepdims=True), x.std(axis",
    "x.min(axis=(2, 3), keepdims=True), np.ptp(x, axis",
)
prepare.wrong(
    "axes: squeezed",
    "one pixel long|squeeze|axes of length",
    "def my_prepare(image):\n    x = np.asarray(image, dtype=np.float64).squeeze()\n    if x.ndim == 2:\n        x = x[..., None]\n    x = x.transpose(2, 0, 1)[None]\n    flat = x.max(axis=(2, 3), keepdims=True) == x.min(axis=(2, 3), keepdims=True)\n    return np.where(flat, 0, (x - x.mean(axis=(2, 3), keepdims=True)) / np.where(flat, 1, x.std(axis=(2, 3), keepdims=True))).astype(np.float32)\n",
)
prepare.wrong("channels: three kept", "three channels", " 2 else x\n", " 2 else x[..., :3]\n")
prepare.wrong(
    "kind: from_numpy of a view",
    "strid|plain",
    "def my_prepare(image):\n    x = torch.from_numpy(image).double()\n    x = x[None] if x.ndim == 2 else x.permute(2, 0, 1)\n    flat = x.amax((1, 2), keepdim=True) == x.amin((1, 2), keepdim=True)\n    std, mean = torch.std_mean(x, dim=(1, 2), keepdim=True, correction=0)\n    return torch.where(flat, torch.zeros_like(x), (x - mean) / std)[None].float()\n",
)
prepare.wrong("kind: cast to uint8", "uint8", "image, dtype=np.float64", "image).astype(np.uint8).astype(np.float64")
prepare.wrong("constant: 1", "becomes 1", "np.where(flat, 0, (x - mean", "np.where(flat, 1, (x - mean")
prepare.wrong(
    "constant: one channel empties all", "one constant channel", "np.where(flat, 0,", "(np.zeros_like(x) if flat.any() else"
)
prepare.wrong("scale: variance", "variance", "x.std", "x.var")
prepare.wrong("axes: no batch", "batch", "np.float32)\n", "np.float32)[0]\n")
prepare.wrong(
    "digits: E[x^2] - mean^2",
    "digits|float32",
    "image, dtype=np.float64",
    "image).astype(np.float32",
    "x.std(axis=(2, 3), keepdims=True",
    "np.sqrt(np.maximum((x * x).mean(axis=(2, 3), keepdims=True) - x.mean(axis=(2, 3), keepdims=True) ** 2, 0)",
)
prepare.wrong("scale: median", "median", "x.mean(axis", "np.median(x, axis")
prepare.wrong(
    "eps: a small range is constant",
    "constant",
    "== x.min(axis=(2, 3), keepdims=True)",
    "- x.min(axis=(2, 3), keepdims=True) < 1e-3",
)
prepare.wrong("channels: the shortest axis", "shortest", "x.transpose(2, 0, 1", "np.moveaxis(x, int(np.argmin(x.shape)), 0")
prepare.wrong(
    "kind: floats as they are",
    "float",
    " return np.where(flat, 0",
    " return x.astype(np.float32) if np.asarray(image).dtype.kind == 'f' else np.where(flat, 0",
)
prepare.wrong(
    "kind: clipped to 0 to 255",
    "clipped",
    "np.asarray(image, dtype=np.float64",
    "np.clip(np.asarray(image, dtype=np.float64), 0, 255",
)
prepare.wrong(
    "kind: negative cut", "negative", "np.asarray(image, dtype=np.float64", "np.maximum(np.asarray(image, dtype=np.float64), 0"
)
prepare.wrong(
    "scale: clipped to 3",
    "clipped",
    "np.where(flat, 0, (x - mean) / np.where(flat, 1, std)",
    "np.clip(np.where(flat, 0, (x - mean) / np.where(flat, 1, std)), -3, 3",
)
prepare.wrong("channels: 1 or 3 only", "channels", "2 else x\n", "2 else x\n    assert x.shape[2] in (1, 3)\n")
prepare.wrong("scale: mean rounded", "rounded", "keepdims=True), x.std(axis", "keepdims=True).round(), x.std(axis")
prepare.wrong(
    "eps: under the root",
    "eps|added",
    "np.where(flat, 0, (x - mean) / np.where(flat, 1, std",
    "((x - mean) / np.sqrt(std ** 2 + 1e-3",
)
prepare.wrong(
    "eps: BatchNorm2d",
    "eps|added",
    "def my_prepare(image):\n    x = torch.tensor(np.ascontiguousarray(image), dtype=torch.float64)\n    x = x[None, None] if x.ndim == 2 else x.permute(2, 0, 1)[None]\n    return nn.BatchNorm2d(x.shape[1], affine=False).double()(x).float().detach()\n",
)
prepare.wrong(
    "kind: floats cast to uint8",
    "uint8",
    "np.float64)\n",
    "np.float64) if np.asarray(image).dtype.kind != 'f' else (np.asarray(image) * 255).astype(np.uint8).astype(np.float64)\n",
)

VARIES = "flat = x.max(axis=(2, 3), keepdims=True) == x.min(axis=(2, 3), keepdims=True)"
prepare.wrong("floor: a span below 1e-12 is constant", "constant", VARIES, "flat = np.ptp(x, axis=(2, 3), keepdims=True) < 1e-12")
prepare.wrong("floor: a std below 1e-9 is constant", "constant", VARIES, "flat = std < 1e-9")
prepare.wrong("floor: a std below 1e-6 is constant", "constant", VARIES, "flat = std < 1e-6")
prepare.wrong("floor: a std of 0 to 10 digits is constant", "tiny", VARIES, "flat = std.round(10) == 0")
prepare.wrong("floor: 1e-8 is added to the std", "tiny", "np.where(flat, 1, std)", "np.where(flat, 1, std + 1e-8)")
prepare.wrong(
    "kind: differences in the image's own type",
    "overflow",
    VARIES,
    "own = np.atleast_3d(image).astype(np.uint8 if np.asarray(image).dtype == bool else np.asarray(image).dtype)\n    flat = (np.ptp(own, axis=(0, 1)) <= 0)[None, :, None, None]",
)
prepare.right("a tensor", ".astype(np.float32)", "\n    return torch.from_numpy(x).float()", "return np.where", "x = np.where")
prepare.wrong("constant: a std below 0.01", "constant", VARIES, "flat = std < 0.01")
prepare.wrong("kind: absolute greys", "sign|negative", "    x = x[..., None] if", "    x = abs(x)\n    x = x[..., None] if")
prepare.wrong("kind: whole numbers only", "whole|float", "image, dtype=np.float64)", "image).astype(np.int64).astype(float)")
prepare.wrong(
    "channels: averaged to grey",
    "averaged",
    "    x = x[..., None] if x.ndim == 2 else x\n",
    "    x = x[..., None] if x.ndim == 2 else x.mean(axis=2, keepdims=True)\n",
)
prepare.wrong(
    "channels: as images of a batch", "batch", "    x = x.transpose(2, 0, 1)[None]\n", "    x = x.transpose(2, 0, 1)[:, None]\n"
)
compare.wrong("in place: logits halved", "half|digits", "(a - b).abs()", "(a.half() - b.half()).abs()")
compare.wrong("number: largest square", "square", "(a - b).abs()", "(a - b).square()")
compare.wrong(
    "state: float64 for all",
    "setting",
    "    with torch.no_grad():",
    "    torch.set_default_dtype(torch.float64)\n    with torch.no_grad():",
)
