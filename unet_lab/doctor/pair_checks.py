"""Checks of each image against its mask, and of all images against each other."""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from unet_lab.datasets.adjoining import adjoining
from unet_lab.doctor.advice import count_words, note


def check_fit(samples, found) -> None:
    """Does each mask explain its image better than other masks would, and better than itself turned over?"""
    masks = [s for s in samples if s.mask is not None and s.mask.ndim == 2 and s.mask.shape == s.grey.shape]
    masks = [s for s in masks if s.mask.dtype.kind in "ui" and np.unique(s.mask).size > 1 and np.isfinite(s.image).all()]
    small = {s.name: (shrunken(s.grey), np.asarray(Image.fromarray(s.mask.astype(np.uint8)).resize((48, 48), 0))) for s in masks}
    own = {name: explained_share(image, mask) for name, (image, mask) in small.items()}
    flipped, foreign = [], []
    rng = np.random.default_rng(0)
    names = list(small)
    for number, (name, (image, mask)) in enumerate(small.items()):
        turned = max((mask[::-1], mask[:, ::-1], mask[::-1, ::-1], mask.T, mask[::-1].T), key=lambda m: explained_share(image, m))
        better = explained_share(image, turned)
        if (
            better > own[name] + 0.12
            and better > 1.4 * own[name]
            and edge_strength(image, turned) > 1.25 * edge_strength(image, mask)
        ):
            flipped.append(name)
        elif len(masks) >= 5:
            drawn = rng.choice(len(names), min(17, len(names)), replace=False)
            others = [explained_share(image, small[names[k]][1]) for k in drawn if k != number][:16]
            if np.mean(np.array(others) > own[name]) > 0.2:  # its own mask should be the best, or nearly
                foreign.append(name)
    if flipped:
        note(
            found,
            "flipped masks",
            count_words(flipped, "mask fits its image", "masks fit their images") + " better when turned over",
            tuple(flipped),
        )
    if len(foreign) >= max(2, 0.15 * len(masks)):  # one or two may be hidden under a grid bar
        note(
            found,
            "masks of other images",
            count_words(foreign, "mask fits its image", "masks fit their images") + " worse than other files' masks do",
            tuple(foreign),
        )


def shrunken(image: np.ndarray) -> np.ndarray:
    grey = gaussian_filter(image.astype(np.float32), max(image.shape) / 96)
    small = np.asarray(Image.fromarray(grey).resize((48, 48), Image.Resampling.BOX))
    from scipy.stats import rankdata  # half a second to load, which who checks no pairs need not pay

    return rankdata(small).reshape(small.shape)  # ranks, so that a black grid bar does not outweigh all the rest


def explained_share(image: np.ndarray, mask: np.ndarray) -> float:
    """Share of the image's variance that goes away when each class has a grey of its own (eta squared)."""
    total = float(image.var())
    if total == 0:
        return 0.0
    left = sum(float(image[mask == k].var()) * (mask == k).mean() for k in np.unique(mask))
    return 1 - left / total


def edge_strength(image: np.ndarray, mask: np.ndarray) -> float:
    """How much the image changes along the borders between classes, on average."""
    down, across = np.diff(mask, axis=0) != 0, np.diff(mask, axis=1) != 0
    changes = np.concatenate([np.abs(np.diff(image, axis=0))[down], np.abs(np.diff(image, axis=1))[across]])
    return float(changes.mean()) if changes.size else 0.0


def check_copies(samples, other, across: bool, found) -> None:
    """Images that stand twice, also turned, flipped, brightened or scaled; with `across`, on both sides of a split."""
    both = [s for s in samples + other if s.image.size and np.isfinite(s.image).all() and np.ptp(s.image) > 0]
    if len(both) < 2:
        return
    prints = np.stack([structure_print(s.grey) for s in both])  # (n, 32, 32)
    turns = [lambda p, k=k, f=f: np.rot90(p if f else p[:, :, ::-1], k, (1, 2)) for k in range(4) for f in (True, False)]
    likeness = np.zeros((len(both), len(both)), np.float32)
    flat = prints.reshape(len(both), -1)
    for turn in turns:
        likeness = np.maximum(likeness, flat @ turn(prints).reshape(len(both), -1).T)
    trained_on = {id(s) for s in samples}
    side = [0 if id(s) in trained_on else 1 for s in both]
    names = []
    for i, j in zip(*np.nonzero(np.triu(likeness > 0.93, 1)), strict=True):
        same_source = both[i].name == both[j].name and not across
        if (not across or side[i] != side[j]) and not same_source:
            names.append(f"{both[i].name} = {both[j].name}")
    if names and across:
        note(
            found,
            "the same image on both sides",
            count_words(names, "pair", "pairs") + " of near-duplicates between training and validation",
            tuple(names),
        )
    elif names:
        note(
            found,
            "near-duplicates",
            count_words(names, "pair", "pairs") + " of copies, perhaps turned, flipped or brightened",
            tuple(names),
        )


def check_groups(samples, other, across: bool, found) -> None:
    """With `across`: groups that stand on both sides of a split, and tiles of one image that lie side by side in it."""
    if not across:
        return
    shared = sorted({s.group for s in samples if s.group} & {s.group for s in other})
    if shared:
        note(found, "one group on both sides", count_words(shared, "group is", "groups are") + " on both sides", tuple(shared))
    both = samples + other
    pairs = adjoining([s.image for s in both])
    torn = tuple(f"{both[i].name} | {both[j].name}" for i, j in pairs if i < len(samples) <= j and both[i].group not in shared)
    if torn:
        note(found, "tiles of one image on both sides", count_words(torn, "pair", "pairs") + " of tiles that adjoin", torn)


def structure_print(image: np.ndarray) -> np.ndarray:
    """A fingerprint (32, 32) of what is in the image, not of its light: the structure that 32 pixels still show, of length 1."""
    grey = np.asarray(Image.fromarray(image.astype(np.float32)).resize((32, 32), Image.Resampling.BOX))
    fine = grey - gaussian_filter(grey, 2.5)
    return (fine / max(float(np.linalg.norm(fine)), 1e-9)).astype(np.float32)
