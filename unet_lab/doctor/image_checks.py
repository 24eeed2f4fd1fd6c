"""Checks of images by themselves: values, sizes, bit depth, exposure."""

from __future__ import annotations

from collections import Counter

import numpy as np

from unet_lab.doctor.advice import count_words, note


def check_broken_values(samples, found) -> None:
    names = tuple(s.name for s in samples if s.image.dtype.kind == "f" and not np.isfinite(s.image).all())
    if names:
        note(found, "NaN in images", count_words(names, "image holds", "images hold") + " NaN or infinite values", names)
    names = tuple(s.name for s in samples if s.raw is not None and s.raw.dtype.kind == "f")
    if names:
        note(found, "masks are floats", count_words(names, "mask holds floats", "masks hold floats"), names)


def check_sizes(samples, found) -> None:
    differ = [s for s in samples if s.raw is not None and s.image.shape[:2] != s.raw.shape[:2]]
    if differ:
        first = differ[0]
        turned = first.image.shape[:2] == first.raw.shape[:2][::-1]
        what = f"{height_by_width(first.image)} and its mask {height_by_width(first.raw)}" + (
            ": one of the two is turned" if turned else ""
        )
        note(
            found,
            "sizes of image and mask differ",
            f"{first.name} is {what}",
            tuple(s.name for s in differ),
            and_turn=", turned as they are" if turned else "",
        )
    sizes = Counter(s.image.shape[:2] for s in samples)
    if len(sizes) > 1:
        usual = sizes.most_common(1)[0][0]
        names = tuple(s.name for s in samples if s.image.shape[:2] != usual)
        listed = ", ".join(f"{n} of {h} x {w}" for (h, w), n in sizes.most_common(5))
        note(found, "images of several sizes", listed, names)


def height_by_width(array: np.ndarray) -> str:
    return f"{array.shape[0]} x {array.shape[1]}"


def check_depth(samples, found) -> None:
    kinds = Counter(s.image.dtype.name for s in samples)
    if len(kinds) > 1:
        usual = kinds.most_common(1)[0][0]
        note(
            found,
            "mixed bit depth",
            ", ".join(f"{n} images of {k}" for k, n in kinds.most_common()),
            tuple(s.name for s in samples if s.image.dtype.name != usual),
        )
    narrow = tuple(s.name for s in samples if s.image.dtype == np.uint16 and s.image.max() <= 255)
    if narrow:
        note(found, "8 bit in 16", count_words(narrow, "image is", "images are") + " 16 bit, and no grey is above 255", narrow)
    few = tuple(
        s.name for s in samples if s.image.dtype.kind in "ui" and s.image.size >= 1024 and 2 <= np.unique(s.image).size < 12
    )
    if few:
        note(found, "few greys", count_words(few, "image has", "images have") + " fewer than 12 different greys", few)


def check_exposure(samples, found) -> None:
    flat = tuple(s.name for s in samples if s.image.size and np.ptp(s.image) == 0)
    if flat:
        note(found, "constant images", count_words(flat, "image has", "images have") + " one grey only", flat)
    burnt = []
    for s in samples:
        if s.image.dtype.kind in "ui" and s.image.size and s.name not in flat and np.unique(s.image).size >= 12:
            top = np.iinfo(s.image.dtype).max
            if max((s.image == top).mean(), (s.image == 0).mean()) > 0.65:
                burnt.append(s.name)
    if burnt:
        note(
            found,
            "saturated images",
            f"in {count_words(burnt, 'image', 'images')} two thirds of all pixels are pure black or pure white",
            tuple(burnt),
        )
