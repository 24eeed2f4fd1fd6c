"""Checks of masks: greys that interpolation made, classes that are missing, orders that differ."""

from __future__ import annotations

from collections import Counter

import numpy as np

from unet_lab.datasets.code_table import MOST_CODES
from unet_lab.doctor.advice import count_words, note
from unet_lab.doctor.reading import values_of
from unet_lab.losses import IGNORE


def check_values_of_masks(samples, found) -> None:
    raws = [s for s in samples if s.raw is not None and s.raw.dtype.kind in "ui" and s.raw.size]
    same = tuple(s.name for s in raws if s.raw.shape == s.image.shape and np.array_equal(s.raw, s.image) and np.ptp(s.raw) > 0)
    if same:
        note(
            found,
            "masks are the images",
            count_words(same, "mask is the same as its image", "masks are the same as their images"),
            same,
        )
    counts = {s.name: values_of(s.raw) for s in raws if s.name not in same}
    total = Counter()
    for one in counts.values():
        total.update(one)
    everything = sum(total.values())
    if len(total) <= 3 or any(isinstance(v, tuple) for v in total):
        return
    frequent = [v for v, n in total.items() if n >= 0.01 * everything]
    rare = {v for v, n in total.items() if n < 0.01 * everything}
    between = {v for v in rare if frequent and min(frequent) < v < max(frequent)}
    touched = tuple(name for name, one in counts.items() if len(between & one.keys()) >= 4 or len(one) > MOST_CODES)
    if touched and (len(between) >= 4 or len(total) > MOST_CODES):
        share = sum(total[v] for v in rare) / everything
        codes = tuple(sorted(frequent))
        note(
            found,
            "interpolation greys",
            f"{len(total)} different values in the masks, {len(frequent)} of them frequent: {codes}; "
            f"{share:.1%} of all pixels have another",
            touched,
            codes=codes,
        )


def check_classes(samples, found) -> None:
    masks = [s for s in samples if s.mask is not None and s.mask.size and s.mask.dtype.kind in "ui"]
    if not masks:
        return
    present = {s.name: set(np.unique(s.mask).tolist()) - {IGNORE} for s in masks}
    anywhere = set().union(*present.values())
    empty = tuple(s.name for s in masks if len(present[s.name]) <= 1)
    if len(anywhere) == 1:
        note(found, "one class only", f"all {len(masks)} masks hold class {anywhere.pop()} and nothing else", empty)
        return
    missing = sorted(set(range(max(anywhere) + 1)) - anywhere)
    if missing:
        note(found, "absent classes", f"no mask holds class {', '.join(map(str, missing))}", ())
    if empty:
        note(found, "masks of one class", f"{len(empty)} of {len(masks)} masks hold one class only", empty)


def check_order(samples, found) -> None:
    """One mask whose classes stand in another order than those of the others; one image whose greys do."""
    masks = [
        s
        for s in samples
        if s.mask is not None and s.mask.ndim == 2 and s.mask.shape == s.grey.shape and s.mask.dtype.kind in "ui"
    ]
    borders = {}
    for s in masks:
        edge = np.concatenate([s.mask[0], s.mask[-1], s.mask[:, 0], s.mask[:, -1]])
        borders[s.name] = np.bincount(edge, minlength=256)[:256] / edge.size
    if len(masks) >= 4:
        usual = int(np.sum(list(borders.values()), axis=0).argmax())
        if np.mean([b[usual] > 0.5 for b in borders.values()]) > 0.6:
            other = tuple(s.name for s in masks if borders[s.name][usual] < 0.3 and (s.mask == usual).any())
            if other:
                note(
                    found,
                    "reordered classes",
                    f"along the border of {len(other)} masks there is hardly any class {usual}, which all the others have there",
                    other,
                )
    signs = {}
    for s in masks:
        ground, rest, grey = s.mask == 0, (s.mask != 0) & (s.mask != IGNORE), s.grey
        if 0.02 < rest.mean() < 0.98 and ground.any() and grey.std() > 0:
            signs[s.name] = float(np.median(grey[ground]) - np.median(grey[rest])) / float(grey.std())
    if len(signs) >= 4:
        usual = np.sign(np.median(list(signs.values())))
        clear = {name: sign * usual for name, sign in signs.items()}
        against = tuple(name for name, sign in clear.items() if sign < -0.6)
        if against and len(against) < 0.34 * len(signs) and np.mean([sign > 0.3 for sign in clear.values()]) > 0.6:
            there, elsewhere = ("dark", "bright") if usual > 0 else ("bright", "dark")
            note(
                found,
                "inverted images",
                f"in {count_words(against, 'image', 'images')} the background is {there}, in the others {elsewhere}",
                against,
            )
