"""Known answers to the exercises of 02, 03, 04, 06 and 09: wrong ones with the hint that each must get, and another right one."""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from unet_lab.blocks import ConvBlock, EncoderStage, center_crop
from unet_lab.inference import predict
from unet_lab.inspection import activations, skip_worth, without_skip
from unet_lab.metrics import confusion_matrix, scores

# -- 02 ---------------------------------------------------------------------------------------------------------------


def convolved(image, kernel, padding, stride):
    image, kernel = (torch.tensor(np.array(a, float))[None, None] for a in (image, kernel))
    return F.conv2d(image, kernel, padding=padding, stride=stride)[0, 0].numpy()


def by_windows(step):
    def answer(image, kernel, padding, stride):
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(image, padding), kernel.shape)[::stride, ::stride]
        return step(windows, kernel)

    return answer


def in_place(image, kernel, padding, stride):
    image += 1
    return convolved(image - 1, kernel, padding, stride)


def block(*kinds, convolution=None, wide=False):
    """A class of blocks put together from letters: c convolution, C without padding, n norm, r ReLU, s sigmoid, 5 a 5x5."""

    class Block(nn.Module):
        def __init__(self, ins, outs):
            super().__init__()
            layers, channels = [], ins
            for kind in kinds:
                if kind in "cC5":
                    size, padding = (5, 2) if kind == "5" else (3, 1 if kind == "c" else 0)
                    layers.append(nn.Conv2d(channels, outs + wide, size, padding=padding))
                    channels = outs + wide
                else:
                    layers.append(nn.BatchNorm2d(channels) if kind == "n" else nn.ReLU() if kind == "r" else nn.Sigmoid())
            self.layers = nn.Sequential(*layers)

        def forward(self, x):
            return self.layers(x)

    return Block


class FunctionalBlock(nn.Module):
    """Right, in another style: no bias, functions instead of modules."""

    def __init__(self, ins, outs):
        super().__init__()
        self.first, self.second = nn.Conv2d(ins, outs, 3, padding=1, bias=False), nn.Conv2d(outs, outs, 3, padding="same")
        self.norm1, self.norm2 = nn.BatchNorm2d(outs), nn.BatchNorm2d(outs)

    def forward(self, x):
        return F.relu(self.norm2(self.second(F.relu(self.norm1(self.first(x))))))


# -- 03 ---------------------------------------------------------------------------------------------------------------


def stage(forward, make=ConvBlock):
    class Stage(nn.Module):
        def __init__(self, ins, outs):
            super().__init__()
            self.block = make(ins, outs)

        def forward(self, x):
            return forward(self.block, x)

    return Stage


def pooled_skip(b, x):
    skip = F.max_pool2d(b(x), 2)
    return skip, skip


def pool_first(b, x):
    skip = F.interpolate(b(F.max_pool2d(x, 2)), scale_factor=2)
    return F.max_pool2d(skip, 2), skip


def strided(skip):
    return skip[..., ::2, ::2]


def field(step):
    """A width computed layer by layer; step(width, jump, kernel, stride) gives the next width and jump."""

    def answer(layers, start=1):
        width, jump = start, 1
        for kernel, stride in layers:
            width, jump = step(width, jump, kernel, stride)
        return width

    return answer


def backwards(layers):
    width = 1
    for kernel, stride in reversed(layers):
        width = (width - 1) * stride + kernel
    return width


# -- 04 ---------------------------------------------------------------------------------------------------------------


def stamped(image, kernel, stride, at=None, add=True, cut=False):
    at, size = at or stride, len(kernel)
    out = np.zeros([(s - 1) * at + size for s in image.shape])
    for r, c in np.ndindex(image.shape):
        part = out[r * at : r * at + size, c * at : c * at + size]
        part[...] = (part if add else 0) + image[r, c] * kernel
    return out[: image.shape[0] * stride, : image.shape[1] * stride] if cut else out


def transposed_by_matrix(image, kernel, stride):
    """Right: the transpose of the matrix of a convolution."""
    height, width = ((s - 1) * stride + len(kernel) for s in image.shape)
    matrix = np.zeros((image.size, height * width))
    for number, (r, c) in enumerate(np.ndindex(image.shape)):
        for i, j in np.ndindex(kernel.shape):
            matrix[number, (r * stride + i) * width + c * stride + j] = kernel[i, j]
    return (matrix.T @ image.ravel()).reshape(height, width)


def decoder(join, channels=2, up=nn.ConvTranspose2d):
    class Decoder(nn.Module):
        def __init__(self, ins, outs):
            super().__init__()
            if up is nn.ConvTranspose2d:
                self.up = nn.ConvTranspose2d(ins, outs, 2, stride=2)
            else:
                self.up = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(ins, outs, 1))
            self.block = ConvBlock(channels * outs, outs)

        def forward(self, x, skip):
            return self.block(join(self.up(x), skip))

    return Decoder


def cat(x, skip):
    return torch.cat([center_crop(skip, x.shape[-2:]), x], dim=1)


# -- 06 ---------------------------------------------------------------------------------------------------------------


def weighted(step):
    """step(losses per pixel, their weights, logits, mask) -> loss."""

    def answer(logits, mask, weights):
        each = -logits.log_softmax(1).gather(1, mask[:, None])[:, 0]
        return step(each, weights[mask], logits, weights)

    return answer


def naive(logits, mask, weights):
    p = logits.exp() / logits.exp().sum(1, keepdim=True)
    w = weights[mask]
    return -(w * p.gather(1, mask[:, None])[:, 0].log()).sum() / w.sum()


def over_rows(logits, mask, weights):
    w = weights[mask]
    return -(w * logits.log_softmax(2).gather(1, mask[:, None])[:, 0]).sum() / w.sum()


def by_prediction(each, w, logits, weights):
    guessed = weights[logits.argmax(1)]
    return (guessed * each).sum() / guessed.sum()


def dice(step, activate=lambda z: z.softmax(1), dims=(0, 2, 3), small=1e-5):
    """step(overlap, sizes) -> loss."""

    def answer(logits, mask):
        p, t = activate(logits), F.one_hot(mask, logits.shape[1]).movedim(-1, 1).float()
        return step((p * t).sum(dims) + small / 2, (p + t).sum(dims) + small)

    return answer


def rounded(logits):
    return F.one_hot(logits.argmax(1), logits.shape[1]).movedim(-1, 1).float()


def dice_by_loop(logits, mask):
    p, losses = logits.softmax(1), []
    for k in range(logits.shape[1]):
        t = (mask == k).float()
        losses.append(1 - (2 * (p[:, k] * t).sum() + 1e-5) / (p[:, k].sum() + t.sum() + 1e-5))
    return sum(losses) / len(losses)


FINDINGS = {
    "per_pixel_at_1024": 0.5398,
    "per_pixel_at_512": 2.159,
    "knowing_nothing": 1.0986,
    "image_size": 1024,
    "training_images": 180,
}

# -- 09 ---------------------------------------------------------------------------------------------------------------


def hooked(keep, remove=True, result=None):
    def answer(model, name, x):
        kept = []
        handle = model.get_submodule(name).register_forward_hook(lambda m, i, o: kept.append(keep(i, o)))
        out = model(x)
        if remove:
            handle.remove()
        return result(out, kept) if result else kept[0]

    return answer


def always_the_first(model, name, x):
    return activations(model, x)["encoder.0.block.0"]


def by_class(model, name, x):
    """Right: the layer is replaced for one run by one that listens."""

    class Listener(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            said = self.inner(x)
            self.said = said.clone() if isinstance(said, torch.Tensor) else tuple(part.clone() for part in said)
            return said

    parent, _, last = name.rpartition(".")
    holder = model.get_submodule(parent)
    listener = Listener(model.get_submodule(name))
    setattr(holder, last, listener)
    model(x)
    setattr(holder, last, listener.inner)
    return listener.said


def ranked(order):
    def answer(model, pairs):
        return order(skip_worth(model, pairs))

    return answer


def best_first(worth):
    return sorted(range(4), key=lambda k: -worth[k])


def cuts_for_good(model, pairs):
    order = best_first(skip_worth(model, pairs))
    model.decoder[0].register_forward_pre_hook(lambda m, i: (i[0], 0 * i[1]))
    return order


def by_one_matrix(model, pairs):
    iou = []
    for level in range(4):
        with without_skip(model, level):
            total = np.zeros((3, 3), int)
            for pair in pairs:
                total += confusion_matrix(pair.mask, predict(model, pair.image))
        iou.append(scores(total, "macro").iou)
    return np.argsort(iou)


WRONG = {
    "conv2d": {
        "no padding": (lambda i, k, p, s: convolved(i, k, 0, s), "padding was left out"),
        "no stride": (lambda i, k, p, s: convolved(i, k, p, 1), "stride was left out"),
        "flipped kernel": (lambda i, k, p, s: convolved(i, k[::-1, ::-1], p, s), "kernel is flipped"),
        "transposed kernel": (lambda i, k, p, s: convolved(i, k.T, p, s), "Rows and columns of your kernel"),
        "sum of the window": (by_windows(lambda w, k: w.sum(axis=(2, 3))), "the kernel was not used"),
        "mean": (by_windows(lambda w, k: (w * k).mean(axis=(2, 3))), "mean of the products"),
        "matrix product": (by_windows(lambda w, k: w @ k), "matrix product"),
        "whole numbers": (lambda i, k, p, s: convolved(i, k, p, s).astype(int), "cut off to whole"),
        "too small": (lambda i, k, p, s: convolved(i, k, p, s)[:-1], "the shape is"),
        "changes the image": (in_place, "changed the array"),
    },
    "conv_block": {
        "no padding": (block(*"CnrCnr"), "4 rows are lost"),
        "one convolution": (block(*"cnr"), "expected two of (3, 3)"),
        "a 5x5": (block(*"5nr"), "expected two of (3, 3)"),
        "no norm": (block(*"crcr"), "0 batch normalisations"),
        "one norm": (block(*"cnrcr"), "1 batch normalisations"),
        "no first relu": (block(*"cncnr"), "no ReLU between"),
        "no last relu": (block(*"cnrcn"), "last ReLU is missing"),
        "no relu": (block(*"cncn"), "no ReLU at all"),
        "relu before norm": (block(*"crncrn"), "before the normalisation"),
        "sigmoid": (block(*"cnscns"), "is a sigmoid"),
        "another order": (block(*"ccnrnr"), "is not that of"),
        "too wide": (block(*"cnrcnr", wide=True), "the output is (3, 6, 10, 12)"),
        "an object": (ConvBlock(1, 2), "expected a class"),
    },
    "encoder_stage": {
        "only one": (stage(lambda b, x: F.max_pool2d(b(x), 2)), "one tensor (3, 4, 8, 12)"),
        "swapped": (stage(lambda b, x: (b(x), F.max_pool2d(b(x), 2))), "are swapped"),
        "pooled skip": (stage(pooled_skip), "taken before the pooling"),
        "skip is the input": (stage(lambda b, x: (F.max_pool2d(b(x), 2), x)), "the skip is the input itself"),
        "mean pooling": (stage(lambda b, x: (F.avg_pool2d(b(x), 2), b(x))), "mean of each 2x2"),
        "every second": (stage(lambda b, x: (strided(b(x)), b(x))), "first of every 2x2"),
        "smallest": (stage(lambda b, x: (-F.max_pool2d(-b(x), 2), b(x))), "smallest of each 2x2"),
        "no relu": (stage(lambda b, x: (F.max_pool2d(b(x) - 1, 2), b(x) - 1)), "used twice"),
        "pools first": (stage(pool_first), "is not that of one ConvBlock"),
        "one convolution": (
            stage(lambda b, x: (F.max_pool2d(b(x), 2), b(x)), block(*"cnr")),
            "used twice",
        ),
    },
    "receptive_field": {
        "sum of kernels": (lambda layers: sum(k for k, _ in layers), "sum of the kernels"),
        "product": (lambda layers: math.prod(k for k, _ in layers), "product of the kernels"),
        "no strides": (field(lambda w, j, k, s: (w + k - 1, j)), "strides were left out"),
        "own stride first": (field(lambda w, j, k, s: (w + (k - 1) * j * s, j * s)), "own stride counts for"),
        "the step": (lambda layers: math.prod(s for _, s in layers), "the step between"),
        "one short": (lambda layers: backwards(layers) - 1, "short by 1"),
        "kernel for kernel - 1": (field(lambda w, j, k, s: (w + k * j, j * s)), "one step too many"),
        "a guess": (lambda layers: 7, "expected 3"),
    },
    "transposed_convolution": {
        "overwrites": (lambda i, k, s: stamped(i, k, s, add=False), "the later one wins"),
        "one apart": (lambda i, k, s: stamped(i, k, s, at=1), "one pixel apart"),
        "turned round": (lambda i, k, s: stamped(i, k[::-1, ::-1], s), "turned round"),
        "transposed kernel": (lambda i, k, s: stamped(i, k.T, s), "exchanged"),
        "cut off": (lambda i, k, s: stamped(i, k, s, cut=True), "cut off"),
        "ones for a kernel": (lambda i, k, s: stamped(i, np.ones_like(k), s), "kernel's numbers were not used"),
        "nearest": (lambda i, k, s: np.kron(i, np.ones((2, 2))), "Each number was only repeated"),
        "shifted": (lambda i, k, s: np.pad(stamped(i, k, s), 1), "the shape is"),
    },
    "decoder_stage": {
        "no crop": (decoder(lambda x, s: torch.cat([s, x], 1)), "with a skip of 20 x 24"),
        "corner crop": (
            decoder(lambda x, s: torch.cat([s[..., : x.shape[2], : x.shape[3]], x], 1)),
            "upper left corner",
        ),
        "x enlarged": (decoder(lambda x, s: torch.cat([s, F.interpolate(x, s.shape[-2:])], 1)), "not made larger"),
        "zeros for the skip": (decoder(lambda x, s: torch.cat([torch.zeros_like(x), x], 1)), "it is not used"),
        "x lost": (decoder(lambda x, s: cat(torch.zeros_like(x), s)), "from below is not used"),
        "added": (decoder(lambda x, s: center_crop(s, x.shape[-2:]) + x, channels=1), "are added"),
        "nearest": (decoder(cat, up=None), "no transposed convolution"),
        "off by one": (
            decoder(lambda x, s: torch.cat([F.pad(s, (1, -1, 1, -1))[..., -x.shape[2] :, -x.shape[3] :], x], 1)),
            "is not that of up-convolution, crop",
        ),
        "x not enlarged": (
            decoder(lambda x, s: F.max_pool2d(cat(x, s), 2)),
            "the output is (3, 4, 6, 8)",
        ),
    },
    "weighted_cross_entropy": {
        "divided by pixels": (weighted(lambda e, w, z, v: (w * e).mean()), "divided by the number of pixels"),
        "the sum": (weighted(lambda e, w, z, v: (w * e).sum()), "the sum, not the mean"),
        "no weights": (weighted(lambda e, w, z, v: e.mean()), "weights are not used"),
        "no minus": (weighted(lambda e, w, z, v: -(w * e).sum() / w.sum()), "sign is wrong"),
        "no logarithm": (weighted(lambda e, w, z, v: (w * (1 - (-e).exp())).sum() / w.sum()), "not 1 - p"),
        "minus p": (weighted(lambda e, w, z, v: -(w * (-e).exp()).sum() / w.sum()), "not softmax"),
        "weights of the prediction": (weighted(by_prediction), "of the predicted class"),
        "over rows": (over_rows, "over rows"),
        "overflows": (naive, "exp overflows"),
        "not reduced": (weighted(lambda e, w, z, v: w * e), "the shape is"),
    },
    "soft_dice": {
        "the dice": (dice(lambda o, s: (2 * o / s).mean()), "the Dice itself"),
        "IoU": (dice(lambda o, s: 1 - (o / (s - o)).mean()), "is IoU"),
        "rounded": (dice(lambda o, s: 1 - (2 * o / s).mean(), rounded), "rounded to a class"),
        "per image": (dice(lambda o, s: 1 - (2 * o / s).mean(), dims=(2, 3)), "for each image"),
        "summed": (dice(lambda o, s: (1 - 2 * o / s).sum()), "added up"),
        "no 2": (dice(lambda o, s: 1 - (o / s).mean()), "The 2 above"),
        "sigmoid": (dice(lambda o, s: 1 - (2 * o / s).mean(), torch.sigmoid), "a sigmoid"),
        "logits": (dice(lambda o, s: 1 - (2 * o / s).mean(), lambda z: z), "logits as they are"),
        "all in one": (dice(lambda o, s: 1 - (2 * o / s).mean(), dims=(0, 1, 2, 3)), "into one Dice"),
        "0/0": (dice(lambda o, s: 1 - torch.where(s > 0.01, 2 * o / s, 0).mean(), small=0), "something small"),
    },
    "detective": {
        "no batch": (FINDINGS | {"per_pixel_at_1024": 1.619}, "a batch has 3 images"),
        "per image": (FINDINGS | {"per_pixel_at_512": 565984}, "per image"),
        "one side": (FINDINGS | {"per_pixel_at_1024": 552.7}, "one side of the image"),
        "another": (FINDINGS | {"per_pixel_at_512": 1.0}, "does not fit"),
        "a third": (FINDINGS | {"knowing_nothing": 1 / 3}, "is the probability"),
        "bits": (FINDINGS | {"knowing_nothing": 1.585}, "in bits"),
        "512": (FINDINGS | {"image_size": 512}, "above what knowing nothing"),
        "batches": (FINDINGS | {"training_images": 60}, "number of batches"),
        "225": (FINDINGS | {"training_images": 225}, "multiples of 1/8"),
        "half": (FINDINGS | {"image_size": None}, "no value yet for image_size"),
    },
    "hook_layer": {
        "left behind": (hooked(lambda i, o: o.clone(), remove=False), "still there"),
        "no copy": (hooked(lambda i, o: o), "works in place"),
        "the input": (hooked(lambda i, o: i[0].clone()), "what goes in"),
        "the network's output": (hooked(lambda i, o: o, result=lambda out, kept: out), "whole network's output"),
        "the shape": (hooked(lambda i, o: tuple(o.shape)), "expected a tensor"),
        "another layer": (always_the_first, "Find the layer by its name"),
    },
    "rank_skips": {
        "backwards": (ranked(lambda w: best_first(w)[::-1]), "backwards"),
        "by level": (ranked(lambda w: [0, 1, 2, 3]), "order of the levels"),
        "from the floor": (ranked(lambda w: [3, 2, 1, 0]), "order of the levels"),
        "the losses": (ranked(lambda w: w), "are no levels"),
        "only the best": (ranked(lambda w: [best_first(w)[0]]), "once"),
        "leaves a cut": (cuts_for_good, "not what it was"),
        "two exchanged": (
            ranked(lambda w: [best_first(w)[k] for k in (0, 2, 1, 3)]),
            "your order is",
        ),
        "a number": (ranked(lambda w: 3), "expected a list of levels"),
    },
}

ALSO_RIGHT = {
    "conv2d": convolved,
    "conv_block": FunctionalBlock,
    "encoder_stage": EncoderStage,
    "receptive_field": backwards,
    "transposed_convolution": transposed_by_matrix,
    "decoder_stage": decoder(lambda x, s: torch.cat([x, center_crop(s, x.shape[-2:])], 1)),
    "weighted_cross_entropy": lambda z, m, w: nn.CrossEntropyLoss(weight=w)(z, m),
    "soft_dice": dice_by_loop,
    "detective": FINDINGS,
    "hook_layer": by_class,
    "rank_skips": by_one_matrix,
}
