"""Right and wrong answers to the exercises of notebook 18, in different styles."""

import numpy as np
import torch

from unet_lab.datasets import standardise


def compare(
    difference=lambda a, b: (a - b).abs().max(),
    share=lambda a, b: (a.argmax(1) == b.argmax(1)).float().mean(),
    give=lambda d, s: (float(d), float(s)),
):
    """A student's comparison, with places to spoil."""

    def answer(first, second, images):
        a, b = first(images), second(images)
        return give(difference(a, b), share(a, b))

    return answer


def in_numpy(first, second, images):
    """Right too: in NumPy."""
    a, b = first(images).numpy(), second(images).numpy()
    return np.abs(a - b).max(), np.mean(np.argmax(a, axis=1) == np.argmax(b, axis=1))


def image_by_image(first, second, images):
    """Right too: one image at a time, the largest and the mean kept."""
    worst, same, pixels = 0.0, 0, 0
    for k in range(len(images)):
        a, b = first(images[k : k + 1])[0], second(images[k : k + 1])[0]
        worst = max(worst, (a - b).abs().max().item())
        same += (a.argmax(0) == b.argmax(0)).sum().item()
        pixels += a[0].numel()
    return worst, same / pixels


def as_list(first, second, images):
    """Right too: a list of tensors."""
    a, b = first(images), second(images)
    return [torch.max(torch.abs(b - a)), 1 - (a.max(1).indices != b.max(1).indices).double().mean()]


def as_tensor(first, second, images):
    """Right too: one tensor of two numbers."""
    return torch.tensor(compare()(first, second, images))


def differs(x):
    """Whether each channel of (H, W, C) holds two greys."""
    return x.min((0, 1)) < x.max((0, 1))


def prepare(mean=np.mean, std=np.std, together=False, change=lambda x: x, floats=np.float32, zero=1.0, last=lambda x: x[None]):
    """A student's preparation, with places to spoil."""

    def answer(image):
        x = image.astype(np.float64)
        if x.ndim == 2:
            x = x[..., None]
        axis = None if together else (0, 1)
        m, s = np.asarray(mean(x, axis=axis)), np.asarray(std(x, axis=axis))
        varies = differs(x)
        s = np.where(varies, s, zero)
        with np.errstate(all="ignore"):
            x = change((x - m) / s * np.where(varies | (zero == 0), 1, 0))
        return last(np.transpose(x, (2, 0, 1))).astype(floats)

    return answer


def with_torch(image):
    """Right too: in PyTorch."""
    x = torch.from_numpy(image.astype(np.float64))
    x = x[None, None] if x.ndim == 2 else x.permute(2, 0, 1)[None]
    std = x.std(dim=(2, 3), correction=0, keepdim=True)
    varies = x.amax(dim=(2, 3), keepdim=True) > x.amin(dim=(2, 3), keepdim=True)
    return ((x - x.mean(dim=(2, 3), keepdim=True)) * varies / std.where(varies, 1.0)).float()


def by_channel(image):
    """Right too: channel by channel, in a list."""
    channels = [image] if image.ndim == 2 else [image[..., k] for k in range(image.shape[2])]
    done = []
    for channel in channels:
        flat = channel.astype(float)
        spread = flat.std()
        done.append((flat - flat.mean()) / spread if flat.min() < flat.max() else 0 * flat)
    return np.stack(done)[np.newaxis].astype("float32")


def by_library(image):
    """The library's, which cuts hot pixels."""
    x = standardise(image)
    return np.float32(x[None, None] if x.ndim == 2 else np.moveaxis(x, 2, 0)[None])


def with_epsilon(image):
    """As bioimageio.core does it: tiny greys are divided by more than their standard deviation."""
    x = np.atleast_3d(image).astype(np.float64)
    x = (x - x.mean((0, 1))) / (x.std((0, 1)) + 1e-6)
    return np.ascontiguousarray(x.transpose(2, 0, 1)[None], np.float32)


def top(image):
    return np.iinfo(image.dtype).max if image.dtype.kind in "iu" else 1


def raw(scale):
    return lambda image: (np.atleast_3d(image).transpose(2, 0, 1)[None] * scale(image)).astype(np.float32)


def min_max(image):
    x = np.atleast_3d(image).astype(float)
    low, high = x.min((0, 1)), x.max((0, 1))
    return ((x - low) / np.where(high > low, high - low, 1)).transpose(2, 0, 1)[None].astype(np.float32)


WRONG = {
    "compare_networks": {
        "mean": (compare(difference=lambda a, b: (a - b).abs().mean()), "the mean difference"),
        "sum": (compare(difference=lambda a, b: (a - b).abs().sum()), "the sum of the differences"),
        "signed": (compare(difference=lambda a, b: (a - b).max()), "what is too small does not count"),
        "signed otherwise": (compare(difference=lambda a, b: (b - a).max()), "what is too large does not count"),
        "of the largest": (compare(difference=lambda a, b: (a.max() - b.max()).abs()), "compares the largest logits"),
        "probabilities": (compare(difference=lambda a, b: (a.softmax(1) - b.softmax(1)).abs().max()), "compares probabilities"),
        "mean square": (compare(difference=lambda a, b: ((a - b) ** 2).mean()), "the mean square"),
        "root mean square": (compare(difference=lambda a, b: ((a - b) ** 2).mean() ** 0.5), "the root mean square"),
        "share that differs": (compare(share=lambda a, b: (a.argmax(1) != b.argmax(1)).float().mean()), "whose class differs"),
        "count": (compare(share=lambda a, b: (a.argmax(1) == b.argmax(1)).sum()), "a count of pixels"),
        "percent": (compare(share=lambda a, b: 100 * (a.argmax(1) == b.argmax(1)).float().mean()), "in percent"),
        "equal logits": (compare(share=lambda a, b: (a == b).float().mean()), "hardly ever equal"),
        "close logits": (compare(share=lambda a, b: ((a - b).abs() < 1e-4).float().mean()), "logits that are close"),
        "argmax of columns": (compare(share=lambda a, b: (a.argmax(-1) == b.argmax(-1)).float().mean()), "over columns"),
        "argmax of images": (compare(share=lambda a, b: (a.argmax(0) == b.argmax(0)).float().mean()), "over images"),
        "first image": (compare(share=lambda a, b: (a[0].argmax(0) == b[0].argmax(0)).float().mean()), "Only the first image"),
        "whole images": (compare(share=lambda a, b: (a.argmax(1) == b.argmax(1)).flatten(1).all(1).float().mean()), "of images"),
        "swapped": (compare(give=lambda d, s: (float(s), float(d))), "The two are swapped"),
        "one number": (compare(give=lambda d, s: float(d)), "expected two numbers"),
        "three numbers": (compare(give=lambda d, s: (d, s, 0)), "expected two numbers"),
        "made up": (compare(share=lambda a, b: torch.tensor(0.5)), "The mistake is not recognised"),
        "no function": (7, "expected a function"),
    },
    "prepare": {
        "as in the file": (raw(lambda image: 1), "as in the file"),
        "by 255": (raw(lambda image: 1 / 255), "divided by 255"),
        "by the type": (raw(lambda image: 1 / top(image)), "divided by"),
        "0 to 1": (min_max, "scaled to 0 to 1"),
        "not divided": (prepare(std=lambda x, axis: np.ones(x.shape[2])), "Nothing is divided"),
        "not subtracted": (prepare(mean=lambda x, axis: np.zeros(x.shape[2])), "No mean is subtracted"),
        "variance": (prepare(std=np.var), "by the variance"),
        "n - 1": (prepare(std=lambda x, axis: np.std(x, axis=axis, ddof=1)), "n - 1"),
        "channels together": (prepare(together=True), "All channels share"),
        "median": (prepare(mean=np.median), "the median"),
        "negative": (prepare(change=lambda x: -x), "Black and white are swapped"),
        "NaN where constant": (prepare(zero=0.0), "the same everywhere"),
        "float64": (prepare(floats=np.float64), "their type is float64"),
        "epsilon": (with_epsilon, "1e-06 added"),
        "no batch": (prepare(last=lambda x: x), "The batch axis is missing"),
        "no axes at all": (lambda image: (image - image.mean()) / max(image.std(), 1e-6), "Batch and channel axes are missing"),
        "channels last": (prepare(last=lambda x: np.moveaxis(x, 0, 2)[None]), "Channels come before height and width"),
        "turned": (prepare(last=lambda x: np.swapaxes(x, 1, 2)[None]), "Height and width are swapped"),
        "reshaped": (
            lambda image: prepare()(image).transpose(0, 2, 3, 1).reshape(1, -1, *image.shape[:2]),
            "the numbers are in other places",
        ),
        "upside down": (prepare(change=lambda x: x[::-1]), "upside down"),
        "a word": (lambda image: np.array(["a"]), "expected numbers"),
        "clipped": (prepare(change=lambda x: np.clip(x, -1, 1)), "clipped to -1 to 1"),
        "by the library": (by_library, "hot pixels"),
        "no function": (None.__class__, "it stopped with TypeError"),
    },
}
RIGHT = {
    "compare_networks": [compare(), in_numpy, image_by_image, as_list, as_tensor],
    "prepare": [prepare(), with_torch, by_channel],
}
ALSO_RIGHT = {"compare_networks": in_numpy, "prepare": with_torch}
