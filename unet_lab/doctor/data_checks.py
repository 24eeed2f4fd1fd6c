"""What is wrong with a data set, before anything is trained on it.

`examine_data` looks at files or arrays and says what it found: what, where, why it matters, how to fix it. On a clean set it
says nothing. It changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.stats import rankdata

from unet_lab.datasets.folder import MOST_CODES, pair_files
from unet_lab.datasets.image_files import EXTENSIONS, LOSSY, read_mask_pages, read_pages
from unet_lab.datasets.masks import Code, encode_mask, pack, unpack
from unet_lab.datasets.pairs import SegmentationDataset
from unet_lab.doctor.findings import Finding, Findings

# What each finding means for training, and what to do about it.
_ADVICE = {
    "JPEG masks": (
        "JPEG changes greys wherever two classes meet, so that pixels there have no class any more",
        "export the masks again as PNG or TIFF",
    ),
    "unreadable files": (
        "loading stops there",
        "copy them again from their source, or take them out together with their partner",
    ),
    "greys without a class": (
        "a pixel without a class cannot be learnt",
        "look at propose_codes(masks), then pass a code for every grey",
    ),
    "NaN in images": (
        "one NaN makes the loss NaN, and with it every weight of the network",
        "replace them: np.nan_to_num(image), once you know where they come from",
    ),
    "masks are floats": (
        "classes are whole numbers; floats come from an interpolation or a division",
        "mask.round().astype('uint8'), after a look at np.unique(mask)",
    ),
    "sizes of image and mask differ": (
        "each pixel of the image needs its class",
        "export the masks at the images' size{and_turn}",
    ),
    "images of several sizes": (
        "a batch is one array, so its images must be of one size; and a structure at two magnifications is two structures to "
        "the network",
        "cut equal crops, dataset.crops(256), or scale all to one magnification, masks by nearest neighbour",
    ),
    "mixed bit depth": (
        "images of one set are read on two scales: a sign that they come from different exports",
        "export all of them alike",
    ),
    "8 bit in 16": (
        "they were either saved in the wrong depth or scaled down; other programs show them black",
        "(image).astype('uint8'), or export again from the raw data",
    ),
    "few greys": (
        "so little is a mask, or an image whose bits were cut off",
        "are images and masks mixed up? If not, export the images again with all their bits",
    ),
    "constant images": (
        "there is nothing to see in them; standardised they are all zero",
        "take them out, or export them again",
    ),
    "saturated images": (
        "what is clipped is gone; no network brings it back",
        "export again with another range of greys (window and level)",
    ),
    "masks are the images": (
        "the network would learn to copy",
        "give the folder of the masks",
    ),
    "interpolation greys": (
        "the masks were resized with interpolation, or were JPEG once: between two classes appear greys of a third",
        "resize masks with nearest neighbour only; to save what is there: snap_mask(mask, codes={codes})",
    ),
    "one class only": (
        "there is nothing to tell apart: accuracy will be 100 % and worth nothing",
        "check the masks' files and the codes that they were read with",
    ),
    "absent classes": (
        "the network has an output that is never right; a macro mean over it is not defined",
        "check the codes, or leave the class out",
    ),
    "masks of one class": (
        "an empty field teaches where nothing is; a mask that was lost on the way teaches that cells are background",
        "look at them: is the image empty too?",
    ),
    "flipped masks": (
        "image and mask were flipped or turned apart, or read with rows and columns exchanged",
        "flip the mask back: mask[::-1], mask[:, ::-1] or mask.T",
    ),
    "masks of other images": (
        "the network learns from pairs that do not belong together",
        "look at them with show_samples; check the order in which images and masks were numbered",
    ),
    "the same image on both sides": (
        "the network is examined on what it has learnt by heart; the score means nothing",
        "split by source image: split(dataset) does it where the sources' names are right; or remove the copies",
    ),
    "pairs do not match": (
        "an image without its mask cannot be learnt from; one with another's mask teaches nonsense",
        "rename the files so that each image and its mask have one name, or give patterns",
    ),
    "pages differ": (
        "each page is a sample and needs a mask",
        "give the mask file one page for each page of the image",
    ),
    "codes read as classes": (
        "read as class indices, that is {most_1} classes, of which {len_values} occur",
        "turn them into indices first: encode_mask(mask, codes={tuple_values})",
    ),
    "inverted images": (
        "the network is told that dark is background and bright is background; few such images are simply lost",
        "invert them: 255 - image for 8 bit",
    ),
    "near-duplicates": (
        "a random split puts one of them into training and one into validation",
        "remove the copies, or give both the same source name",
    ),
    "unread files": (
        "they are left out without a word",
        "save them as PNG or TIFF; read are {join_EXTENSIONS}",
    ),
    "reordered classes": (
        "one code means two things: the network is told both and learns neither",
        "look at these masks beside another; write them with the same codes as the rest",
    ),
}


def _add(found: list[Finding], name: str, what: str, where: tuple[str, ...], **words) -> None:
    why, fix = _ADVICE[name]
    found.append(Finding(name, what, where, why.format(**words), fix.format(**words)))


def _count(things, one: str, many: str) -> str:
    return f"{len(things)} {one if len(things) == 1 else many}"


class _Sample(NamedTuple):
    """A pair as it was read: `mask` holds class indices where they are known, else None."""

    name: str
    image: np.ndarray
    mask: np.ndarray | None
    raw: np.ndarray | None  # the mask's greys or colours


def examine_data(
    images: str | Path | SegmentationDataset | Iterable,
    masks: str | Path | None = None,
    codes: Sequence[Code] | None = None,
    validation: SegmentationDataset | Iterable | None = None,
) -> Findings:
    """Look for what is wrong with images and masks, before training does so in its own, slower words.

    Parameters
    ----------
    images : a folder or pattern, with `masks` beside it; or a SegmentationDataset; or (image, mask) arrays.
    masks : the folder or pattern of the masks.
    codes : which grey (or colour) means which class, as `load_folder` takes them; left out, what would need it is left out too.
    validation : the other side of a split: images that stand on both sides are then found.

    Returns Findings: print it, or let a notebook show it. Looks at files, pairs, sizes, bit depth, codes, classes, and at each
    image against its mask and against the others. Raises FileNotFoundError only where a folder is missing.
    """
    found: list[Finding] = []
    if isinstance(images, str | Path):
        if masks is None:
            raise ValueError(f"masks is missing: examine_data({str(images)!r}, masks=...) takes two folders, or a dataset.")
        samples = _read(images, masks, codes, found)
    else:
        samples = _given(images, codes, found)
    other = [] if validation is None else _given(validation, codes, found)
    for check in (_broken_values, _sizes, _depth, _exposure, _values_of_masks, _classes, _order, _fit):
        check(samples + other, found)
    _copies(samples, other, validation is not None, found)
    return Findings(found)


def _read(images, masks, codes, found) -> list[_Sample]:
    """The pairs of two folders; what cannot be paired or read becomes a finding."""
    for where in (images, masks):
        if Path(where).is_dir():
            others = [f.name for f in sorted(Path(where).iterdir()) if f.is_file() and f.suffix.lower() not in EXTENSIONS]
            others = [
                n for n in others if not n.startswith(".") and Path(n).suffix.lower() in (".gif", ".npy", ".webp", ".jp2", ".mrc")
            ]
            if others:
                _add(
                    found,
                    "unread files",
                    _count(others, "file of a kind that is not read", "files of a kind that is not read"),
                    tuple(others),
                    join_EXTENSIONS=", ".join(EXTENSIONS),
                )
    try:
        matches, _ = pair_files(images, masks)
    except FileNotFoundError:
        raise
    except ValueError as error:
        _add(found, "pairs do not match", str(error), ())
        return []
    lossy = [m.mask.name for m in matches if m.mask.suffix.lower() in LOSSY]
    if lossy:
        _add(found, "JPEG masks", _count(lossy, "mask is a JPEG file", "masks are JPEG files"), tuple(lossy))
    samples, problems = [], {}
    for match in matches:
        try:
            figures = read_pages(match.image)
        except (ValueError, OSError) as error:
            problems[match.image.name] = str(error)
            continue
        try:
            labels = read_mask_pages(match.mask)
        except (ValueError, OSError) as error:
            if match.mask.suffix.lower() not in LOSSY:
                problems[match.mask.name] = str(error)
            continue
        if len(figures) != len(labels):
            _add(found, "pages differ", f"{len(figures)} pages in the image, {len(labels)} in its mask", (match.image.name,))
            continue
        for page, (image, raw) in enumerate(zip(figures, labels, strict=True), start=1):
            name = match.image.name if len(figures) == 1 else f"{match.image.name} page {page}"
            samples.append(_Sample(name, image, _indices(raw, codes), raw))
    if problems:
        first = next(iter(problems.values()))
        _add(found, "unreadable files", _count(problems, "file", "files") + f" cannot be read: {first}", tuple(problems))
    strangers = {s.name: s for s in samples if codes is not None and s.mask is None}
    if strangers:
        example = _listed(Counter(_values(next(iter(strangers.values())).raw)))
        _add(found, "greys without a class", f"masks hold greys that are no code; the first: {example}", tuple(strangers))
    return samples


def _given(data, codes, found) -> list[_Sample]:
    """The pairs of a dataset or of arrays."""
    samples = []
    for number, pair in enumerate(data.pairs if isinstance(data, SegmentationDataset) else data):
        image, mask = np.asarray(pair[0]), np.asarray(pair[1])
        name = pair[2] if len(pair) > 2 else f"pair {number}"
        known = mask if isinstance(data, SegmentationDataset) or codes is None else _indices(mask, codes)
        samples.append(_Sample(str(name), image, known, mask))
    if not isinstance(data, SegmentationDataset) and codes is None:
        most = max((int(s.raw.max()) for s in samples if s.raw.size and s.raw.dtype.kind in "ui"), default=0)
        values = sorted({v for s in samples if s.raw.ndim == 2 for v in _values(s.raw)}, key=str)
        if most >= 20 and len(values) <= MOST_CODES:
            _add(
                found,
                "codes read as classes",
                f"the masks hold {', '.join(map(str, values))}",
                tuple(s.name for s in samples),
                most_1=most + 1,
                len_values=len(values),
                tuple_values=tuple(values),
            )
            return [s._replace(mask=_indices(s.raw, values)) for s in samples]
    return samples


def _indices(raw: np.ndarray, codes) -> np.ndarray | None:
    try:
        return None if codes is None else encode_mask(raw, codes)
    except ValueError:
        return None


def _values(raw: np.ndarray) -> dict[Code, int]:
    if raw.ndim == 3:
        found, counts = np.unique(pack(raw), return_counts=True)
        return dict(zip([unpack(v) for v in found.tolist()], counts.tolist(), strict=True))
    found, counts = np.unique(raw, return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def _listed(counts: dict) -> str:
    shown = ", ".join(f"{value} ({n} px)" for value, n in sorted(counts.items(), key=lambda item: -item[1])[:5])
    return shown + (f" and {len(counts) - 5} more" if len(counts) > 5 else "")


def _broken_values(samples, found) -> None:
    names = tuple(s.name for s in samples if s.image.dtype.kind == "f" and not np.isfinite(s.image).all())
    if names:
        _add(found, "NaN in images", _count(names, "image holds", "images hold") + " NaN or infinite values", names)
    names = tuple(s.name for s in samples if s.raw is not None and s.raw.dtype.kind == "f")
    if names:
        _add(found, "masks are floats", _count(names, "mask holds floats", "masks hold floats"), names)


def _sizes(samples, found) -> None:
    differ = [s for s in samples if s.raw is not None and s.image.shape[:2] != s.raw.shape[:2]]
    if differ:
        first = differ[0]
        turned = first.image.shape[:2] == first.raw.shape[:2][::-1]
        what = f"{_by(first.image)} and its mask {_by(first.raw)}" + (": one of the two is turned" if turned else "")
        _add(
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
        _add(found, "images of several sizes", listed, names)


def _by(array: np.ndarray) -> str:
    return f"{array.shape[0]} x {array.shape[1]}"


def _depth(samples, found) -> None:
    kinds = Counter(s.image.dtype.name for s in samples)
    if len(kinds) > 1:
        usual = kinds.most_common(1)[0][0]
        _add(
            found,
            "mixed bit depth",
            ", ".join(f"{n} images of {k}" for k, n in kinds.most_common()),
            tuple(s.name for s in samples if s.image.dtype.name != usual),
        )
    narrow = tuple(s.name for s in samples if s.image.dtype == np.uint16 and s.image.max() <= 255)
    if narrow:
        _add(found, "8 bit in 16", _count(narrow, "image is", "images are") + " 16 bit, and no grey is above 255", narrow)
    few = tuple(
        s.name for s in samples if s.image.dtype.kind in "ui" and s.image.size >= 1024 and 2 <= np.unique(s.image).size < 12
    )
    if few:
        _add(found, "few greys", _count(few, "image has", "images have") + " fewer than 12 different greys", few)


def _exposure(samples, found) -> None:
    flat = tuple(s.name for s in samples if s.image.size and np.ptp(s.image) == 0)
    if flat:
        _add(found, "constant images", _count(flat, "image has", "images have") + " one grey only", flat)
    burnt = []
    for s in samples:
        if s.image.dtype.kind in "ui" and s.image.size and s.name not in flat and np.unique(s.image).size >= 12:
            top = np.iinfo(s.image.dtype).max
            if max((s.image == top).mean(), (s.image == 0).mean()) > 0.65:
                burnt.append(s.name)
    if burnt:
        _add(
            found,
            "saturated images",
            f"in {_count(burnt, 'image', 'images')} two thirds of all pixels are pure black or pure white",
            tuple(burnt),
        )


def _values_of_masks(samples, found) -> None:
    raws = [s for s in samples if s.raw is not None and s.raw.dtype.kind in "ui" and s.raw.size]
    same = tuple(s.name for s in raws if s.raw.shape == s.image.shape and np.array_equal(s.raw, s.image) and np.ptp(s.raw) > 0)
    if same:
        _add(
            found,
            "masks are the images",
            _count(same, "mask is the same as its image", "masks are the same as their images"),
            same,
        )
    counts = {s.name: _values(s.raw) for s in raws if s.name not in same}
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
        _add(
            found,
            "interpolation greys",
            f"{len(total)} different values in the masks, {len(frequent)} of them frequent: {codes}; "
            f"{share:.1%} of all pixels have another",
            touched,
            codes=codes,
        )


def _classes(samples, found) -> None:
    masks = [s for s in samples if s.mask is not None and s.mask.size and s.mask.dtype.kind in "ui"]
    if not masks:
        return
    present = {s.name: set(np.unique(s.mask).tolist()) for s in masks}
    anywhere = set().union(*present.values())
    empty = tuple(s.name for s in masks if len(present[s.name]) == 1)
    if len(anywhere) == 1:
        _add(found, "one class only", f"all {len(masks)} masks hold class {anywhere.pop()} and nothing else", empty)
        return
    missing = sorted(set(range(max(anywhere) + 1)) - anywhere)
    if missing:
        _add(found, "absent classes", f"no mask holds class {', '.join(map(str, missing))}", ())
    if empty:
        _add(found, "masks of one class", f"{len(empty)} of {len(masks)} masks hold one class only", empty)


def _order(samples, found) -> None:
    """One mask whose classes stand in another order than those of the others; one image whose greys do."""
    masks = [
        s
        for s in samples
        if s.mask is not None and s.mask.ndim == 2 and s.mask.shape == s.image.shape and s.mask.dtype.kind in "ui"
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
                _add(
                    found,
                    "reordered classes",
                    f"along the border of {len(other)} masks there is hardly any class {usual}, which all the others have there",
                    other,
                )
    signs = {}
    for s in masks:
        rest = s.mask != 0
        if 0.02 < rest.mean() < 0.98 and s.image.std() > 0:
            signs[s.name] = float(np.median(s.image[~rest]) - np.median(s.image[rest])) / float(s.image.std())
    if len(signs) >= 4:
        usual = np.sign(np.median(list(signs.values())))
        clear = {name: sign * usual for name, sign in signs.items()}
        against = tuple(name for name, sign in clear.items() if sign < -0.6)
        if against and len(against) < 0.34 * len(signs) and np.mean([sign > 0.3 for sign in clear.values()]) > 0.6:
            _add(
                found,
                "inverted images",
                f"in {_count(against, 'image', 'images')} the background is {'dark' if usual > 0 else 'bright'}, in the others "
                f"{'bright' if usual > 0 else 'dark'}",
                against,
            )


def _fit(samples, found) -> None:
    """Does each mask explain its image better than other masks would, and better than itself turned over?"""
    masks = [s for s in samples if s.mask is not None and s.mask.ndim == s.image.ndim == 2 and s.mask.shape == s.image.shape]
    masks = [s for s in masks if s.mask.dtype.kind in "ui" and np.unique(s.mask).size > 1 and np.isfinite(s.image).all()]
    small = {s.name: (_small(s.image), np.asarray(Image.fromarray(s.mask.astype(np.uint8)).resize((48, 48), 0))) for s in masks}
    own = {name: _explained(image, mask) for name, (image, mask) in small.items()}
    flipped, foreign = [], []
    rng = np.random.default_rng(0)
    for name, (image, mask) in small.items():
        turned = max((mask[::-1], mask[:, ::-1], mask[::-1, ::-1], mask.T, mask[::-1].T), key=lambda m: _explained(image, m))
        better = _explained(image, turned)
        if better > own[name] + 0.12 and better > 1.4 * own[name] and _edges(image, turned) > 1.25 * _edges(image, mask):
            flipped.append(name)
        elif len(masks) >= 5:
            names = [n for n in small if n != name]
            others = [_explained(image, small[n][1]) for n in rng.permutation(names)[:16]]
            if np.mean(np.array(others) > own[name]) > 0.2:  # its own mask should be the best, or nearly
                foreign.append(name)
    if flipped:
        _add(
            found,
            "flipped masks",
            _count(flipped, "mask fits its image", "masks fit their images") + " better when turned over",
            tuple(flipped),
        )
    if len(foreign) >= max(2, 0.15 * len(masks)):  # one or two may be hidden under a grid bar
        _add(
            found,
            "masks of other images",
            _count(foreign, "mask fits its image", "masks fit their images") + " worse than other files' masks do",
            tuple(foreign),
        )


def _small(image: np.ndarray) -> np.ndarray:
    grey = gaussian_filter(image.astype(np.float32), max(image.shape) / 96)
    small = np.asarray(Image.fromarray(grey).resize((48, 48), Image.Resampling.BOX))
    return rankdata(small).reshape(small.shape)  # ranks, so that a black grid bar does not outweigh all the rest


def _explained(image: np.ndarray, mask: np.ndarray) -> float:
    """Share of the image's variance that goes away when each class has a grey of its own (eta squared)."""
    total = float(image.var())
    if total == 0:
        return 0.0
    left = sum(float(image[mask == k].var()) * (mask == k).mean() for k in np.unique(mask))
    return 1 - left / total


def _edges(image: np.ndarray, mask: np.ndarray) -> float:
    """How much the image changes along the borders between classes, on average."""
    down, across = np.diff(mask, axis=0) != 0, np.diff(mask, axis=1) != 0
    changes = np.concatenate([np.abs(np.diff(image, axis=0))[down], np.abs(np.diff(image, axis=1))[across]])
    return float(changes.mean()) if changes.size else 0.0


def _copies(samples, other, across: bool, found) -> None:
    """Images that stand twice, also turned, flipped, brightened or scaled; with `across`, on both sides of a split."""
    both = [
        s for s in samples + other if s.image.ndim == 2 and s.image.size and np.isfinite(s.image).all() and np.ptp(s.image) > 0
    ]
    if len(both) < 2:
        return
    prints = np.stack([_print(s.image) for s in both])  # (n, 32, 32)
    turns = [lambda p, k=k, f=f: np.rot90(p if f else p[:, :, ::-1], k, (1, 2)) for k in range(4) for f in (True, False)]
    likeness = np.zeros((len(both), len(both)), np.float32)
    flat = prints.reshape(len(both), -1)
    for turn in turns:
        likeness = np.maximum(likeness, flat @ turn(prints).reshape(len(both), -1).T)
    side = [0 if k < len([s for s in both if any(s is x for x in samples)]) else 1 for k in range(len(both))]
    names = []
    for i, j in zip(*np.nonzero(np.triu(likeness > 0.93, 1)), strict=True):
        same_source = both[i].name == both[j].name and not across
        if (not across or side[i] != side[j]) and not same_source:
            names.append(f"{both[i].name} = {both[j].name}")
    if names and across:
        _add(
            found,
            "the same image on both sides",
            _count(names, "pair", "pairs") + " of near-duplicates between training and validation",
            tuple(names),
        )
    elif names:
        _add(
            found,
            "near-duplicates",
            _count(names, "pair", "pairs") + " of copies, perhaps turned, flipped or brightened",
            tuple(names),
        )


def _print(image: np.ndarray) -> np.ndarray:
    """A fingerprint (32, 32) of what is in the image, not of its light: the structure that 32 pixels still show, of length 1."""
    grey = np.asarray(Image.fromarray(image.astype(np.float32)).resize((32, 32), Image.Resampling.BOX))
    fine = grey - gaussian_filter(grey, 2.5)
    return (fine / max(float(np.linalg.norm(fine)), 1e-9)).astype(np.float32)
