"""Answers to the exercises of notebook 04."""

# ruff: noqa: E501 - an answer is a line

from tests.exercises.tried import Exercise

transposed = Exercise(
    "transposed_convolution",
    """
def up(image, kernel, stride):
    size = len(kernel)
    output = np.zeros(((image.shape[0] - 1) * stride + size, (image.shape[1] - 1) * stride + size))
    for r in range(image.shape[0]):
        for c in range(image.shape[1]):
            output[r * stride : r * stride + size, c * stride : c * stride + size] += image[r, c] * kernel
    return output
""",
)
transposed.right(
    "PyTorch",
    "def f(image, kernel, stride):\n    t = lambda a: torch.tensor(np.asarray(a, float))[None, None]\n    return F.conv_transpose2d(t(image), t(kernel), stride=stride)[0, 0].numpy()",
)
transposed.right("a tensor", "return output", "return torch.tensor(output)")
transposed.right(
    "by the kernel's places",
    "def f(image, kernel, stride):\n    k = kernel.shape[0]\n    h, w = image.shape\n    out = np.zeros(((h - 1) * stride + k, (w - 1) * stride + k))\n    for a in range(k):\n        for b in range(k):\n            out[a:a + (h - 1) * stride + 1:stride, b:b + (w - 1) * stride + 1:stride] += image * kernel[a, b]\n    return out",
)
transposed.right(
    "zeros between, then a convolution",
    "def f(image, kernel, stride):\n    k = len(kernel)\n    h, w = image.shape\n    wide = np.zeros(((h - 1) * stride + 1, (w - 1) * stride + 1))\n    wide[::stride, ::stride] = image\n    wide = np.pad(wide, k - 1)\n    views = np.lib.stride_tricks.sliding_window_view(wide, (k, k))\n    return (views * kernel[::-1, ::-1]).sum((-1, -2))",
)
transposed.right(
    "enumerate",
    "def f(image, kernel, stride):\n    s = kernel.shape[0]\n    out = np.zeros([(n - 1) * stride + s for n in image.shape], dtype=np.float32)\n    for (r, c), value in np.ndenumerate(image):\n        out[r * stride:r * stride + s, c * stride:c * stride + s] += value * kernel\n    return out",
)
transposed.right("nested lists", "return output", "return output.tolist()")
transposed.wrong("overlap: overwritten", "add|overwrit|overlap|\\+=", "+= image", "= image")
transposed.wrong(
    "overlap: the maximum",
    "add|overlap|max",
    "output[r * stride : r * stride + size, c * stride : c * stride + size] += image[r, c] * kernel",
    "v = output[r * stride : r * stride + size, c * stride : c * stride + size]\n            v[:] = np.maximum(v, image[r, c] * kernel)",
)
transposed.wrong(
    "overlap: averaged",
    "add|overlap|mean|averag|divided",
    "    return output",
    "    n = output * 0\n    for r in range(image.shape[0]):\n        for c in range(image.shape[1]):\n            n[r * stride : r * stride + size, c * stride : c * stride + size] += 1\n    return output / np.maximum(n, 1)",
)
transposed.wrong("kernel: turned", "180|turn|flip|mirror", "* kernel", "* kernel[::-1, ::-1]")
transposed.wrong("kernel: transposed", "transpos", "* kernel", "* kernel.T")
transposed.wrong("kernel: mirrored", "mirror|flip", "* kernel", "* kernel[:, ::-1]")
transposed.wrong(
    "kernel: nearest neighbour",
    "kernel|nearest|repeat",
    "def f(image, kernel, stride):\n    return np.kron(image, np.ones((stride, stride)))",
)
transposed.wrong("kernel: stamps without the value", "value|image|weight", "image[r, c] * kernel", "kernel")
transposed.wrong("kernel: normalised", "normali|sum|divided", "* kernel", "* kernel / kernel.sum()")
transposed.wrong("stride: ignored", "stride", "* stride", "* 1")
transposed.wrong("stride: always two", "stride", "    size = len", "    stride = 2\n    size = len")
transposed.wrong("stride: kernel's size", "stride|kernel", "    size = len", "    stride = len(kernel)\n    size = len")
transposed.wrong(
    "stride: rows only",
    "stride|column",
    "c * stride : c * stride + size",
    "c : c + size",
    "(image.shape[1] - 1) * stride",
    "(image.shape[1] - 1)",
)
transposed.wrong("stride: at most two", "stride", "    size = len", "    stride = min(stride, 2)\n    size = len")
transposed.wrong(
    "size: an exact multiple",
    "shape|size",
    "def f(image, kernel, stride):\n    k = len(kernel)\n    out = np.zeros((image.shape[0] * stride, image.shape[1] * stride))\n    for r in range(image.shape[0]):\n        for c in range(image.shape[1]):\n            v = out[r * stride:r * stride + k, c * stride:c * stride + k]\n            v += image[r, c] * kernel[:v.shape[0], :v.shape[1]]\n    return out",
)
transposed.wrong(
    "size: too large",
    "shape|size",
    "(image.shape[0] - 1) * stride",
    "image.shape[0] * stride",
    "(image.shape[1] - 1) * stride",
    "image.shape[1] * stride",
)
transposed.wrong("size: square only", "shape|square|size", "(image.shape[1] - 1) * stride", "(image.shape[0] - 1) * stride")
transposed.wrong("size: rows and columns swapped", "transpos|shape|swapped|size", "return output", "return output.T")
transposed.wrong("size: cropped like padding=1", "shape|crop|border|size", "return output", "return output[1:-1, 1:-1]")
transposed.wrong("size: 2x2 kernels only", "kernel|shape", "size = len(kernel)", "size = 2", "* kernel", "* kernel[:2, :2]")
transposed.wrong(
    "another: ordinary convolution",
    "convolution|shape|smaller",
    "def f(image, kernel, stride):\n    k = len(kernel)\n    return np.array([[(image[r:r + k, c:c + k] * kernel).sum() for c in range(0, image.shape[1] - k + 1, stride)] for r in range(0, image.shape[0] - k + 1, stride)])",
)
transposed.wrong(
    "another: bilinear",
    "kernel|shape|bilinear",
    "def f(image, kernel, stride):\n    return F.interpolate(torch.tensor(image, dtype=torch.float32)[None, None], scale_factor=stride, mode='bilinear')[0, 0].numpy()",
)
transposed.wrong("another: last row forgotten", "last|row", "range(image.shape[0])", "range(image.shape[0] - 1)")
transposed.wrong("another: negative values lost", "negative|relu", "return output", "return np.maximum(output, 0)")
transposed.wrong(
    "type: whole numbers",
    "whole|int|round",
    "size))",
    "size), int)",
    "+= image[r, c] * kernel",
    "+= (image[r, c] * kernel).astype(int)",
)
transposed.wrong("order: mirrored", "mirror|flip|revers|upside", "return output", "return output[::-1]")
transposed.wrong(
    "in place: kernel changed",
    "changed",
    "output[r * stride : r * stride + size",
    "kernel *= image[r, c] or 1\n            output[r * stride : r * stride + size",
    "+= image[r, c] * kernel",
    "+= kernel * 1",
)
transposed.wrong("unfinished: no return", "return|None", "    return output\n", "")

stage = Exercise(
    "decoder_stage",
    """
class Stage(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.up = nn.ConvTranspose2d(i, o, kernel_size=2, stride=2)
        self.block = ConvBlock(2 * o, o)

    def forward(self, x, skip):
        x = self.up(x)
        height, width = x.shape[-2:]
        top, left = (skip.shape[-2] - height) // 2, (skip.shape[-1] - width) // 2
        skip = skip[..., top : top + height, left : left + width]
        return self.block(torch.cat([skip, x], dim=1))
""",
)
CROP = "skip[..., top : top + height, left : left + width]"
stage.right("center_crop", CROP, "center_crop(skip, (height, width))")
stage.right("up first", "[skip, x]", "[x, skip]")
stage.right("no bias", "stride=2)", "stride=2, bias=False)")
stage.right(
    "negative padding", CROP, "F.pad(skip, (-left, -(skip.shape[-1] - width - left), -top, -(skip.shape[-2] - height - top)))"
)
stage.right("narrow", CROP, "skip.narrow(2, top, height).narrow(3, left, width)")
stage.right(
    "rounds the odd pixel to the other side",
    "top, left = (skip.shape[-2] - height) // 2, (skip.shape[-1] - width) // 2",
    "top, left = -((height - skip.shape[-2]) // 2), -((width - skip.shape[-1]) // 2)",
)
stage.right(
    "own block",
    "ConvBlock(2 * o, o)",
    "nn.Sequential(nn.Conv2d(2 * o, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.Conv2d(o, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU())",
)
stage.right(
    "torchvision's way", CROP, "skip[:, :, top:skip.shape[2] - (skip.shape[2] - height - top), left:left + width].contiguous()"
)
stage.wrong("crop: none", "crop|size|larger", CROP, "skip")
stage.wrong("crop: top left", "middle|corner|center|centre", CROP, "skip[..., :height, :width]")
stage.wrong("crop: bottom right", "middle|corner|center|centre", CROP, "skip[..., -height:, -width:]")
stage.wrong("crop: row offset for columns", "column|row offset|width|both", "left : left + width", "top : top + width")
stage.wrong("crop: fixed four", "4|fixed|size|any|crop", CROP, "skip[..., 4:-4, 4:-4] if skip.shape != x.shape else skip")
stage.wrong("crop: resized", "resiz|crop|interpol|middle", CROP, "F.interpolate(skip, size=(height, width))")
stage.wrong(
    "crop: resized bilinear", "resiz|crop|interpol|middle", CROP, "F.interpolate(skip, size=(height, width), mode='bilinear')"
)
stage.wrong(
    "crop: x padded instead",
    "crop|size|pad",
    "return self.block(torch.cat([skip, x], dim=1))",
    "return self.block(torch.cat([skip, x], dim=1))",
    CROP,
    "skip",
    "height, width = x.shape[-2:]",
    "height, width = x.shape[-2:]\n        dh, dw = skip.shape[-2] - height, skip.shape[-1] - width\n        x = F.pad(x, (dw // 2, dw - dw // 2, dh // 2, dh - dh // 2))",
)
stage.wrong("crop: pooled", "crop|pool|middle|resiz", CROP, "F.adaptive_max_pool2d(skip, (height, width))")
stage.wrong(
    "crop: half by mistake", "crop|middle|size|off|pixel", "(skip.shape[-2] - height) // 2", "(skip.shape[-2] - height) // 4"
)
stage.wrong("crop: x cropped to nothing", "size|shape|crop", "[skip, x]", "[skip[..., ::2, ::2], x[..., ::2, ::2]]")
stage.wrong("skip: added", "add|concat|side by side|cat", "torch.cat([skip, x], dim=1)", "torch.cat([skip + x, x], dim=1)")
stage.wrong("skip: ignored", "skip", "[skip, x]", "[x, x]")
stage.wrong("skip: zeros", "skip", "[skip, x]", "[torch.zeros_like(skip), x]")
stage.wrong("skip: what comes from below ignored", "below|up", "[skip, x]", "[skip, skip]")
stage.wrong("skip: detached", "gradient|detach", "[skip, x]", "[skip.detach(), x]")
stage.wrong("skip: mirrored", "mirror|flip|moved|another place|place", "[skip, x]", "[skip.flip(-1), x]")
stage.wrong("skip: averaged over the batch", "each image|batch", "[skip, x]", "[skip.mean(0, keepdim=True).expand_as(skip), x]")
stage.wrong("skip: multiplied", "multipl|concat|skip|product", "[skip, x]", "[skip * x, x]")
stage.wrong("skip: normalised", "skip|scale|unchanged|normali", "[skip, x]", "[F.normalize(skip, dim=1), x]")
stage.wrong("skip: rectified", "skip|negative|relu", "[skip, x]", "[torch.relu(skip - 0.1), x]")
stage.wrong("skip: wrong direction", "dim|channels|concat|size", "dim=1", "dim=2", "ConvBlock(2 * o, o)", "ConvBlock(o, o)")
stage.wrong(
    "up: bilinear and 1x1",
    "transposed|parameters|up",
    "nn.ConvTranspose2d(i, o, kernel_size=2, stride=2)",
    "nn.Sequential(nn.Upsample(scale_factor=2, mode='bilinear'), nn.Conv2d(i, o, 1))",
)
stage.wrong(
    "up: nearest",
    "transposed|parameters|up",
    "nn.ConvTranspose2d(i, o, kernel_size=2, stride=2)",
    "nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(i, o, 1))",
)
stage.wrong(
    "up: 3x3 with output padding",
    "2x2|3x3|parameters|checkerboard|kernel",
    "kernel_size=2, stride=2",
    "kernel_size=3, stride=2, padding=1, output_padding=1",
)
stage.wrong("up: 4x4", "2x2|4x4|parameters|kernel", "kernel_size=2, stride=2", "kernel_size=4, stride=2, padding=1")
stage.wrong(
    "up: channels kept",
    "halve|channels|parameters",
    "nn.ConvTranspose2d(i, o, kernel_size=2, stride=2)",
    "nn.ConvTranspose2d(i, i, kernel_size=2, stride=2)",
    "ConvBlock(2 * o, o)",
    "ConvBlock(i + o, o)",
)
stage.wrong(
    "up: halves its own input",
    "channels|in_channels|ratio|out_channels",
    "nn.ConvTranspose2d(i, o,",
    "nn.ConvTranspose2d(i, i // 2,",
    "ConvBlock(2 * o, o)",
    "ConvBlock(i, o)",
)
stage.wrong("up: ReLU after it", "relu|negative|extra", "x = self.up(x)", "x = torch.relu(self.up(x))")
stage.wrong(
    "up: shuffled pixels",
    "transposed|parameters|up",
    "nn.ConvTranspose2d(i, o, kernel_size=2, stride=2)",
    "nn.Sequential(nn.Conv2d(i, 4 * o, 1), nn.PixelShuffle(2))",
)
stage.wrong("up: stride one", "size|stride", "kernel_size=2, stride=2", "kernel_size=2, stride=1")
stage.wrong("up: grouped", "group|parameters", "stride=2)", "stride=2, groups=2)")
stage.wrong("up: detached", "gradient|detach", "x = self.up(x)", "x = self.up(x).detach()")
stage.wrong("up: input detached", "gradient|detach", "self.up(x)", "self.up(x.detach())")
stage.wrong("up: swapped arguments", "channels|swapped|order|arguments", "nn.ConvTranspose2d(i, o", "nn.ConvTranspose2d(o, i")
stage.wrong("block: forgotten", "block|channels", "self.block(torch.cat([skip, x], dim=1))", "torch.cat([skip, x], dim=1)")
stage.wrong("block: one convolution", "block|parameters|conv", "ConvBlock(2 * o, o)", "nn.Conv2d(2 * o, o, 3, padding=1)")
stage.wrong("block: takes o only", "concat|channels|2", "ConvBlock(2 * o, o)", "ConvBlock(o, o)")
stage.wrong(
    "block: sigmoid at the end",
    "squash|sigmoid|0 to 1|bounded",
    "return self.block(torch.cat([skip, x], dim=1))",
    "return torch.sigmoid(self.block(torch.cat([skip, x], dim=1)))",
)
stage.wrong("block: without norm", "norm", "ConvBlock(2 * o, o)", "ConvBlock(2 * o, o, norm=None)")
stage.wrong("state: eval in forward", "mode|eval", "x = self.up(x)", "self.eval()\n        x = self.up(x)")
stage.wrong("state: dropout", "dropout|random|twice|same", "x = self.up(x)", "x = F.dropout(self.up(x), 0.3)")
stage.wrong("state: skip changed in place", "changed|in place", "[skip, x]", "[skip.mul_(2), x]")
stage.wrong(
    "state: output mirrored",
    "mirror|flip",
    "return self.block(torch.cat([skip, x], dim=1))",
    "return self.block(torch.cat([skip, x], dim=1)).flip(-2)",
)
stage.wrong(
    "form: swapped inputs", "comes first|swapped|order|arguments", "def forward(self, x, skip)", "def forward(self, skip, x)"
)
stage.wrong("unfinished: no return", "return|None", "        return self.block", "        self.block")
stage.wrong(
    "fresh: cropped only where the heights differ",
    "stops",
    "skip = skip[..., top : top + height, left : left + width]",
    "skip = skip[..., top : top + height, left : left + width] if skip.shape[-2] != height else skip",
)
transposed.wrong("fresh: the image's type", "whole ones", "return output", "return output.astype(image.dtype)")

# Of a student who tried five hundred answers to the first six notebooks, and neighbours of what passed.

ADD = "output[r * stride : r * stride + size, c * stride : c * stride + size] += image[r, c] * kernel"
PUT = "v = output[r * stride : r * stride + size, c * stride : c * stride + size]\n            v[:] = v + image[r, c] * kernel"
for kind, words in {
    "kernel.dtype": "kernel's type",
    "image.dtype": "image's type",
    "int": "integers|whole",
    "np.float16": "float16|precision",
}.items():
    transposed.wrong(f"second: an output of {kind}", words, "size))", f"size), {kind})", ADD, PUT)
ZEROS = "output = np.zeros(((image.shape[0] - 1) * stride + size, (image.shape[1] - 1) * stride + size))"
for place, name in {
    "KEPT = {}\ndef up(image, kernel, stride)": "a global",
    "KEPT = {}\ndef up(image, kernel, stride, KEPT=KEPT)": "a default argument",
}.items():
    transposed.wrong(
        f"second: kept in {name}", "one array|call", "def up(image, kernel, stride)", place, ZEROS,
        ZEROS.replace("np.zeros", "KEPT.setdefault((image.shape, size), np.zeros") + ")",
    )  # fmt: skip
transposed.wrong(
    "second: kept, and a copy is returned", "call to call|second call", "def up", "KEPT = {}\ndef up", ZEROS,
    ZEROS.replace("np.zeros", "KEPT.setdefault((image.shape, size), np.zeros") + ")", "return output", "return output.copy()",
)  # fmt: skip
transposed.wrong(
    "second: equal neighbours press once",
    "equal",
    "+= image[r, c] * kernel",
    "+= image[r, c] * kernel * (c == 0 or image[r, c] != image[r, c - 1] or stride >= size)",
)
transposed.wrong(
    "second: equal numbers press once",
    "equal|not recognised",
    "for r in range",
    "seen = set()\n    for r in range",
    "+= image[r, c] * kernel",
    "+= image[r, c] * kernel * (image[r, c] not in seen)\n            seen.add(image[r, c])",
)
transposed.wrong(
    "second: square images transposed",
    "square|transpos",
    "    size = len",
    "    image = image.T if image.shape[0] == image.shape[1] else image\n    size = len",
)
transposed.wrong("second: numbers below 0 do not press", "below 0", "image[r, c] * kernel", "max(image[r, c], 0) * kernel")
transposed.wrong(
    "second: columns one apart",
    "columns",
    "(image.shape[1] - 1) * stride",
    "(image.shape[1] - 1)",
    "c * stride : c * stride + size",
    "c : c + size",
)
transposed.wrong(
    "second: without the last row and column",
    "last",
    "range(image.shape[0])",
    "range(image.shape[0] - 1)",
    "range(image.shape[1])",
    "range(image.shape[1] - 1)",
)
transposed.wrong("second: image transposed", "transpos", "    size = len", "    image = image.T\n    size = len")
transposed.wrong(
    "second: repeated, then stamped",
    "repeat|nearest",
    "    size = len",
    "    image, stride = np.kron(image, np.ones((stride, stride))), 1\n    size = len",
)
transposed.wrong(
    "second: zeros behind the last",
    "behind the last|too many",
    "    size = len",
    "    wide = np.zeros([n * stride for n in image.shape])\n    wide[::stride, ::stride] = image\n    image, stride = wide, 1\n    size = len",
)
transposed.wrong(
    "second: cropped as a layer that keeps the size",
    "crop",
    "return output",
    "p = (size - 1) // 2\n    return output[p:len(output) - p, p:output.shape[1] - p]",
)
transposed.wrong(
    "second: += of repeated places",
    "repeated|list of places",
    "def f(image, kernel, stride):\n    k = len(kernel)\n    out = np.zeros([(n - 1) * stride + k for n in image.shape])\n    r, c, i, j = np.indices((*image.shape, k, k))\n    out[r * stride + i, c * stride + j] += image[:, :, None, None] * kernel\n    return out",
)
transposed.right(
    "np.add.at",
    "def f(image, kernel, stride):\n    k = len(kernel)\n    out = np.zeros([(n - 1) * stride + k for n in image.shape])\n    r, c, i, j = np.indices((*image.shape, k, k))\n    np.add.at(out, (r * stride + i, c * stride + j), image[:, :, None, None] * kernel)\n    return out",
)

MADE = "self.up = nn.ConvTranspose2d(i, o, kernel_size=2, stride=2)"
OWN_UP = "self.weight = nn.Parameter(torch.randn(i, o, 2, 2) / (4 * i) ** 0.5)\n        self.bias = nn.Parameter(torch.zeros(o))"
stage.right("F.conv_transpose2d", MADE, OWN_UP, "self.up(x)", "F.conv_transpose2d(x, self.weight, self.bias, stride=2)")
stage.right(
    "F.conv_transpose2d without bias, up first",
    MADE,
    OWN_UP.split("\n")[0],
    "self.up(x)",
    "F.conv_transpose2d(x, self.weight, stride=2)",
    "[skip, x]",
    "[x, skip]",
)
stage.wrong(
    "second: F.conv_transpose2d, nothing after it but a ReLU",
    "relu|transposed",
    MADE,
    OWN_UP,
    "self.up(x)",
    "F.conv_transpose2d(x, self.weight, self.bias, stride=2).relu()",
)
stage.wrong(
    "second: square skips transposed",
    "square",
    CROP,
    f"{CROP}\n        skip = skip.transpose(2, 3) if skip.shape[2] == skip.shape[3] else skip",
)
stage.wrong(
    "second: square outputs transposed",
    "square",
    "return self.block(torch.cat([skip, x], dim=1))",
    "y = self.block(torch.cat([skip, x], dim=1))\n        return y.transpose(2, 3) if y.shape[2] == y.shape[3] else y",
)
stage.wrong(
    "second: one column off the middle",
    "off the middle",
    "(skip.shape[-1] - width) // 2",
    "max((skip.shape[-1] - width) // 2 - 1, 0)",
    "(skip.shape[-2] - height) // 2",
    "max((skip.shape[-2] - height) // 2 - 1, 0)",
)
stage.wrong(
    "second: x padded, the result cropped",
    "padded",
    CROP,
    "skip",
    "height, width = x.shape[-2:]",
    "height, width = x.shape[-2:]\n        h, w = skip.shape[-2] - height, skip.shape[-1] - width\n        x = F.pad(x, (w // 2, w - w // 2, h // 2, h - h // 2))",
    "return self.block(torch.cat([skip, x], dim=1))",
    "return center_crop(self.block(torch.cat([skip, x], dim=1)), (height, width))",
)
stage.wrong("second: the sum twice", "added", "[skip, x]", "[skip + x, skip + x]")
stage.wrong("second: [d:-d]", "0:-0|empty", CROP, "skip[..., top:-top, left:-left]")
stage.wrong(
    "second: an odd difference", "on one side", CROP, "skip[..., top : skip.shape[-2] - top, left : skip.shape[-1] - left]"
)
stage.wrong(
    "second: a norm behind the up-convolution",
    "behind the up-convolution",
    MADE,
    "self.up = nn.Sequential(nn.ConvTranspose2d(i, o, kernel_size=2, stride=2), nn.BatchNorm2d(o))",
)
stage.wrong(
    "second: joined along the batch", "batch", "torch.cat([skip, x], dim=1)", "torch.cat([skip, x], dim=0).repeat(1, 2, 1, 1)"
)
stage.wrong(
    "second: joined along the width",
    "width",
    "torch.cat([skip, x], dim=1)",
    "torch.cat([skip, x], dim=3)",
    "ConvBlock(2 * o, o)",
    "ConvBlock(o, o)",
)
stage.wrong(
    "second: image by image",
    "one by one",
    "return self.block(torch.cat([skip, x], dim=1))",
    "return torch.cat([self.block(torch.cat([s, u], 1)) for s, u in zip(skip.split(1), x.split(1))])",
)
stage.wrong(
    "second: the skip in training only", r"eval\(\) mode", "[skip, x]", "[skip if self.training else torch.zeros_like(skip), x]"
)
stage.wrong(
    "second: the skip clipped in place",
    "changed",
    "        height, width = x",
    "        skip.detach().clamp_(-1, 1)\n        height, width = x",
)
stage.wrong("second: a skip of an earlier call", "kept", "[skip, x]", "[self.__dict__.setdefault('last', skip), x]")
stage.wrong(
    "second: offsets swapped",
    "offset",
    "skip[..., top : top + height, left : left + width]",
    "skip[..., left : left + height, top : top + width]",
)
stage.wrong(
    "second: a convolution at the end",
    "too many",
    "ConvBlock(2 * o, o)",
    "nn.Sequential(ConvBlock(2 * o, o), nn.Conv2d(o, o, 1))",
)
stage.wrong(
    "second: a block shared by all stages",
    "share",
    "ConvBlock(2 * o, o)",
    "BLOCKS.setdefault((i, o), ConvBlock(2 * o, o))",
    "class Stage",
    "BLOCKS = {}\nclass Stage",
)
stage.wrong(
    "second: an up-convolution of zeros", "not used|cannot learn", MADE, f"{MADE}\n        nn.init.zeros_(self.up.weight)"
)
stage.wrong(
    "second: momentum 1",
    "momentum",
    "self.block = ConvBlock(2 * o, o)",
    "self.block = ConvBlock(2 * o, o)\n        for m in self.block.modules():\n            if isinstance(m, nn.BatchNorm2d):\n                m.momentum = 1.0",
)
