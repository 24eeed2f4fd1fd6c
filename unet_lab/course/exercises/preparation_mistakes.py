"""Images of every kind that a file may hold, and what is taken for their preparation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from unet_lab.course.agreement import Case, Suspect
from unet_lab.datasets import standardise

STEP = (
    "float64 first; then mean and standard deviation of each channel, where its smallest and largest grey differ, else 0; then "
    "the axes: (H, W, C) to (1, C, H, W)."
)


def pictures() -> list[Case]:
    """One case for each kind of image."""
    draw = np.random.default_rng(18)
    colour = np.dstack([draw.integers(0, top, (5, 7)) for top in (250, 90, 30)]).astype(np.uint8)
    hot = draw.integers(90, 110, (12, 14)).astype(np.uint16)
    hot[3, 4] = 60_000
    one_flat = draw.random((6, 5, 3))
    one_flat[..., 1] = 0.3
    given = {
        "8-bit grey": draw.integers(20, 220, (5, 7)).astype(np.uint8),
        "16-bit grey": draw.integers(300, 60_000, (4, 6)).astype(np.uint16),
        "8-bit colour": colour,
        "one grey everywhere": np.full((4, 6), 128, np.uint8),
        "floats from 0 to 1": draw.random((6, 9)),
        "0.1 everywhere": np.full((5, 7), 0.1),
        "three channels, the second 0.3 everywhere": one_flat,
        "16-bit with negative numbers": draw.integers(-900, 700, (7, 5)).astype(np.int16),
        "floats, half of them negative": draw.normal(0, 30, (6, 5, 2)).astype(np.float32),
        "very dark floats": (draw.random((8, 6)) * 9e-4).astype(np.float64),
        "32-bit, large numbers": (2_000_000_000 + draw.integers(0, 9, (6, 7))).astype(np.int32),
        "one hot pixel": hot,
        "4 channels": draw.integers(0, 255, (6, 8, 4)).astype(np.uint8),
        "more channels than rows": draw.integers(0, 255, (3, 6, 5)).astype(np.uint16),
        "one channel, (H, W, 1)": draw.integers(0, 255, (5, 6, 1)).astype(np.uint8),
        "one row of pixels": draw.integers(0, 255, (1, 9)).astype(np.uint8),
        "one column of pixels, in colour": draw.integers(0, 255, (8, 1, 3)).astype(np.uint8),
        "True and False": draw.random((5, 6)) < 0.4,
        "a mirrored view": np.ascontiguousarray(draw.integers(0, 255, (5, 8)).astype(np.uint8))[:, ::-1],
        "big-endian, as some microscopes write": draw.integers(0, 60_000, (5, 6)).astype(">u2"),
        "floats of 16 bits": draw.random((6, 7)).astype(np.float16),
        "greys of about 1e-7": (draw.random((6, 8)) * 1e-7).astype(np.float32),
        "greys of about 1e-20": draw.random((7, 6)) * 1e-20,
        **{f"{kind.__name__} from end to end": whole_range(draw, kind) for kind in (np.int8, np.int16, np.int32)},
    }
    return [Case(f"{name}, {image.dtype.name} {image.shape}", (image,), tags(image)) for name, image in given.items()]


def whole_range(draw: np.random.Generator, kind: type) -> np.ndarray:
    """Greys from the smallest to the largest of a type with a sign: their differences do not fit into it."""
    limits = np.iinfo(kind)
    image = draw.integers(limits.min, limits.max, (6, 7), endpoint=True).astype(kind)
    image[1, 2], image[4, 3] = limits.min, limits.max
    return image


def tags(image: np.ndarray) -> tuple[str, ...]:
    """What is special about an image, the rarest first."""
    channels = np.atleast_3d(image).astype(np.float64)
    std, flat = channels.std(axis=(0, 1)), np.ptp(channels, axis=(0, 1)) == 0
    found = {
        "a channel is the same everywhere at a grey such as 0.1, whose std is rounded to 1e-17, not 0": bool(
            (flat & (std > 0)).any()
        ),
        "a channel is the same everywhere": flat.any(),
        "the greys are large and close together: float32 has seven digits": np.abs(channels).max() > 1e6,
        "the greys are tiny, and their channel is taken for constant, or divided by more than its standard deviation": (
            std.max() < 1e-6 and not flat.any()
        ),
        "the greys span the whole type, and overflow: a difference of two does not fit into it": (
            image.dtype.kind == "i" and np.ptp(channels) == np.iinfo(image.dtype).max - float(np.iinfo(image.dtype).min)
        ),
        "the greys differ by less than a thousandth, and are divided by more than their standard deviation": std.max() < 5e-4,
        "the standard deviation is below 1": std.max() < 1,
        "the greys are floats": image.dtype.kind == "f",
        "greys are negative": channels.min() < 0,
        "one pixel is hot (an outlier): it counts like any other": channels.max() > 100 * np.median(channels) > 0,
        "the number of channels is not 1 or 3": channels.shape[2] not in (1, 3),
        "there are more channels than rows": channels.shape[2] > channels.shape[0],
        "a side is one pixel long": 1 in channels.shape[:2],
        "the image is (H, W, 1)": image.ndim == 3 and image.shape[2] == 1,
        "there are several channels": channels.shape[2] > 1,
        "the type is bool": image.dtype.kind == "b",
        "the array is not plain: mirrored, or big-endian (astype makes it plain)": min(image.strides) < 0
        or not image.dtype.isnative,
        "the type is float16": image.dtype == np.float16,
    }  # fmt: skip
    return tuple(tag for tag, holds in found.items() if holds)


def as_axes(image: np.ndarray, floats=np.float64) -> np.ndarray:
    """(H, W) or (H, W, C) to float (1, C, H, W)."""
    return np.atleast_3d(image).astype(floats).transpose(2, 0, 1)[None]


def right_preparation(image: np.ndarray) -> np.ndarray:
    """float32 (1, C, H, W), each channel with mean 0 and standard deviation 1; a constant channel all 0."""
    x = as_axes(image)
    varies = np.ptp(x, axis=(2, 3), keepdims=True) > 0
    scaled = (x - x.mean(axis=(2, 3), keepdims=True)) / np.where(varies, x.std(axis=(2, 3), keepdims=True), 1)
    return np.where(varies, scaled, 0).astype(np.float32)


def in_type(image: np.ndarray, floats, constant: float) -> np.ndarray:
    """Prepared in a type of few digits."""
    x = as_axes(image, floats)
    value = (x - x.mean(axis=(2, 3), keepdims=True)) / x.std(axis=(2, 3), keepdims=True)
    return np.where(np.ptp(x, axis=(2, 3), keepdims=True) > 0, value, constant)


def top(image: np.ndarray) -> float:
    return float(np.iinfo(image.dtype).max) if image.dtype.kind in "iu" else 1.0


def preparation_suspects() -> list[Suspect]:
    """Arithmetic, each as it is and with constant channels as 0; then kinds of images; then shapes."""
    own = "Each channel by its own mean and standard deviation."
    names = {"axis": (2, 3), "keepdims": True}
    found = []

    def of(change: Callable, finding: str, clue: str) -> None:
        """change(x, mean, std) of float64 (1, C, H, W)"""

        def made(image, kept):
            x = as_axes(image)
            value = change(x, x.mean(**names), x.std(**names))
            return np.where(np.ptp(x, **names) > 0, value, 0) if kept else value

        found.extend(Suspect(lambda image, kept=kept: made(image, kept), finding, clue) for kept in (True, False))

    def plain(change: Callable[[np.ndarray], np.ndarray], finding: str, clue: str = STEP) -> None:
        found.append(Suspect(change, finding, clue))

    r = right_preparation
    of(lambda x, m, s: x, "The numbers are as in the file.", "The network learnt on mean 0 and standard deviation 1.")
    of(lambda x, m, s: x / 255, "It is divided by 255.", own)
    plain(lambda i: as_axes(i) / top(i), "It is divided by the largest number of the type.", own)
    plain(lambda i: 2 * as_axes(i) / top(i) - 1, "It is scaled to -1 to 1.", own)
    of(lambda x, m, s: (x - x.min(**names)) / np.ptp(x, **names), "It is scaled to 0 to 1.", own)
    of(lambda x, m, s: 2 * (x - x.min(**names)) / np.ptp(x, **names) - 1, "It is scaled to -1 to 1.", own)
    of(lambda x, m, s: x - m, "Nothing is divided.", "(x - mean) / std.")
    of(lambda x, m, s: x / s, "No mean is subtracted.", "(x - mean) / std.")
    of(lambda x, m, s: (m - x) / s, "Black and white are swapped.", "x - mean, not mean - x.")
    of(lambda x, m, s: (x - m) / s**2, "It is divided by the variance.", "The standard deviation is the root of it.")
    of(
        lambda x, m, s: (x - m) / x.std(**names, ddof=1),
        "It divides by n - 1.",
        "NumPy's std divides by n; torch.std needs correction=0.",
    )
    of(lambda x, m, s: (x - x.mean()) / x.std(), "All channels share one mean and one standard deviation.", own)
    of(lambda x, m, s: (x - m) / x.std(), "All channels share one standard deviation.", own)
    of(lambda x, m, s: (x - x.mean()) / s, "All channels share one mean.", own)
    of(lambda x, m, s: (x - np.median(x, **names)) / s, "It subtracts the median.", "The mean.")
    of(lambda x, m, s: x - m / s, "The brackets are missing.", "(x - mean) / std: first subtract, then divide.")
    of(lambda x, m, s: (x - m.round()) / s, "The mean is rounded.", "Leave it a float.")
    of(lambda x, m, s: (x - np.trunc(m)) / s, "The mean is cut to a whole number.", "Leave it a float.")
    of(lambda x, m, s: (x - m) / np.abs(x - m).mean(**names), "It is divided by the mean absolute deviation.", own)
    of(
        lambda x, m, s: (x - m) / np.maximum(s, 1),
        "It is never divided by less than 1.",
        "Floats may have a std far below 1: divide by it.",
    )
    for small in (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1):
        clue = f"{small:g} is not small beside the std of dark floats: ask only whether the channel is the same everywhere."
        of(lambda x, m, s, e=small: (x - m) / (s + e), f"The standard deviation gets {small:g} added.", clue)
        of(lambda x, m, s, e=small: (x - m) / np.sqrt(s**2 + e), f"The variance gets {small:g} added (an eps).", clue)
        of(lambda x, m, s, e=small: (x - m) / np.maximum(s, e), f"The standard deviation is {small:g} at least.", clue)
        of(lambda x, m, s, e=small: np.where(np.ptp(x, **names) < e, 0, (x - m) / s),
           f"Channels whose greys span less than {small:g} are taken for constant.", clue)  # fmt: skip
        of(
            lambda x, m, s, e=small: np.where(s < e, 0, (x - m) / s),
            f"Channels with a std below {small:g} are taken for constant.",
            clue,
        )
    for limit in (1, 2, 3, 4, 5):
        plain(
            lambda i, b=limit: np.clip(r(i), -b, b),
            f"The result is clipped to -{limit} to {limit}.",
            "Clip nothing: hot pixels count.",
        )
    many = "What shows is the image's kind: every type, every size, every number of channels."
    plain(lambda i: r(np.clip(i.astype(float), 0, None)), "Negative greys are cut to 0.", many)
    plain(lambda i: r(np.clip(i.astype(float), 0, 255)), "Greys are clipped to 0 to 255.", many)
    plain(lambda i: r(np.abs(i.astype(float))), "The sign of negative greys is lost.", many)
    plain(
        lambda i: as_axes(i) if i.dtype.kind == "f" else r(i),
        "Float images come back as they are.",
        "A float image needs it too.",
    )
    plain(lambda i: r(np.nan_to_num(i.astype(np.uint8))), "The image is cast to uint8: whatever does not fit is lost.", many)
    plain(
        lambda i: r((i * 255).astype(np.uint8)) if i.dtype.kind == "f" else r(i),
        "Floats are cast to uint8: digits are lost.",
        many,
    )
    plain(lambda i: r(i.astype(np.int64)), "Floats are cut to whole numbers.", many)
    plain(lambda i: np.stack([standardise(c) for c in np.moveaxis(np.atleast_3d(i), 2, 0)])[None],
          "The library's standardise cuts hot pixels; asked is the mean and std over all pixels.", STEP)  # fmt: skip
    for floats in (np.float16, np.float32):
        for kept in (0, np.nan):
            plain(
                lambda i, f=floats, k=kept: in_type(i, f, k), f"It is computed in {np.dtype(floats).name}: too few digits.", STEP
            )
    plain(
        lambda i: r(np.moveaxis(np.atleast_3d(i), int(np.argmin(np.atleast_3d(i).shape)), 2)),
        "The shortest axis is taken for the channels.",
        "The channels are the last axis, however many they are.",
    )
    hidden = "Only the constant channel becomes 0; its neighbours are standardised: np.where, not if."
    plain(
        lambda i: 0 * r(i) if np.ptp(as_axes(i), **names).min() == 0 else r(i),
        "One constant channel makes all channels 0.",
        hidden,
    )
    flat = np.ptp
    plain(lambda i: np.where(flat(as_axes(i), **names) > 0, r(i), 1), "A constant channel becomes 1.", "It is to be all 0.")
    plain(lambda i: np.where(flat(as_axes(i), **names) > 0, r(i), np.nan), "A constant channel becomes NaN: 0/0.",
          "A constant channel has a standard deviation of 0. Nothing is to be seen in it: make it all 0.")  # fmt: skip
    plain(
        lambda i: np.where(flat(as_axes(i), **names) > 0, r(i), as_axes(i)),
        "A constant channel stays as it was.",
        "It is to be all 0.",
    )
    axes = "Axes are moved by transpose(2, 0, 1); reshape keeps the order and so mixes pixels and channels."
    plain(
        lambda i: r(i).transpose(0, 2, 3, 1).reshape(r(i).shape),
        "Pixels and channels are mixed: the numbers are in other places.",
        axes,
    )
    plain(
        lambda i: r(np.atleast_3d(i).reshape(-1, *i.shape[:2]).transpose(1, 2, 0)),
        "Pixels and channels are mixed by reshape.",
        axes,
    )
    plain(lambda i: r(i)[:, ::-1], "The channels are in reverse order: the numbers are in other places.", "Leave their order.")
    return found + shape_suspects()


def shape_suspects() -> list[Suspect]:
    r = right_preparation

    def of(change, finding, clue=STEP):
        return Suspect(lambda image: change(r(image)), finding, clue)

    return [
        of(lambda x: x[0], "The batch axis is missing: [None]."),
        of(lambda x: x[0, 0] if x.shape[1] == 1 else x[0], "Batch and channel axes are missing: [None, None]."),
        of(lambda x: x[:, 0] if x.shape[1] == 1 else x, "Grey images lack the channel axis."),
        of(lambda x: x.transpose(0, 2, 3, 1), "Channels come before height and width."),
        of(lambda x: x[0].transpose(1, 2, 0), "The axes are still (H, W, C); wanted is (1, C, H, W)."),
        of(lambda x: x.transpose(0, 1, 3, 2), "Height and width are swapped."),
        of(np.squeeze, "Axes of length 1 are squeezed away, the batch's too."),
        of(lambda x: x.transpose(1, 0, 2, 3), "The channels stand where the images of a batch do: (C, 1, H, W)."),
        of(lambda x: x[:, :3], "Only the first three channels are kept.", "Any number of channels: 2 or 4 too."),
        of(lambda x: x[:, :1], "Only the first channel is kept.", "Any number of channels."),
        Suspect(lambda i: r(np.atleast_3d(i).mean(axis=2)), "The channels are averaged to one.", "Each channel stays."),
    ]  # fmt: skip
