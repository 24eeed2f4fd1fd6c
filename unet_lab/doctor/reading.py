"""The pairs that `examine_data` looks at, read from files or taken from arrays; what cannot be read becomes a finding."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unet_lab.datasets.code_table import MOST_CODES
from unet_lab.datasets.folder import read_match, read_raw_masks
from unet_lab.datasets.image_files import EXTENSIONS, LOSSY, read_pages
from unet_lab.datasets.lazy_files import AS_USUAL, Reading
from unet_lab.datasets.map_style import MapStyleDataset, as_dataset
from unet_lab.datasets.masks import Code, encode_mask, pack, unpack
from unet_lab.datasets.merging import Merge
from unet_lab.datasets.pairing import Match, pair_files
from unet_lab.datasets.pairs import SegmentationDataset
from unet_lab.doctor.advice import count_words, note


class Sample(NamedTuple):
    """A pair as it was read: `mask` holds class indices where they are known, else None."""

    name: str
    image: np.ndarray
    mask: np.ndarray | None
    raw: np.ndarray | None  # the mask's greys or colours
    group: str = ""  # what a split must not tear apart, where that is known

    @property
    def grey(self) -> np.ndarray:
        """The image (H, W), the mean over its channels where it has several."""
        return self.image if self.image.ndim == 2 else self.image.mean(axis=2)


def read_folders(images, masks, codes, found, how: Reading = AS_USUAL, merge: Merge = None) -> tuple[list[Sample], list[Match]]:
    """The pairs of two folders, read as `how` tells; what cannot be paired or read becomes a finding."""
    for where in (images, masks):
        if Path(where).is_dir():
            others = [f.name for f in sorted(Path(where).iterdir()) if f.is_file() and f.suffix.lower() not in EXTENSIONS]
            others = [n for n in others if not n.startswith(".") and Path(n).suffix.lower() in (".npy", ".webp", ".jp2", ".mrc")]
            if others:
                note(
                    found,
                    "unread files",
                    count_words(others, "file of a kind that is not read", "files of a kind that is not read"),
                    tuple(others),
                    join_EXTENSIONS=", ".join(EXTENSIONS),
                )
    try:
        matches, _ = pair_files(images, masks, merge)
    except FileNotFoundError:
        raise
    except ValueError as error:
        note(found, "pairs do not match", str(error), ())
        return [], []
    lossy = [mask.name for m in matches for mask in m.masks if mask.suffix.lower() in LOSSY]
    if lossy:
        note(found, "JPEG masks", count_words(lossy, "mask is a JPEG file", "masks are JPEG files"), tuple(lossy))
    if merge is not None:
        return merged_samples(matches, codes, found, how, merge), matches
    samples, problems = [], {}
    for match in matches:
        try:
            pages = read_pages(match.image, how.channels, how.pages, how.orientation)
        except (ValueError, OSError) as error:
            problems[match.image.name] = str(error)
            continue
        try:
            labels = read_raw_masks(match.mask, codes, how)
        except (ValueError, OSError) as error:
            if match.mask.suffix.lower() not in LOSSY:
                problems[match.mask.name] = str(error)
            continue
        if len(pages) != len(labels):
            note(found, "pages differ", f"{len(pages)} pages in the image, {len(labels)} in its mask", (match.image.name,))
            continue
        for page, (image, raw) in enumerate(zip(pages, labels, strict=True), start=1):
            name = match.image.name if len(pages) == 1 else f"{match.image.name} page {page}"
            samples.append(Sample(name, image, indices_or_none(raw, codes), raw))
    if problems:
        first = next(iter(problems.values()))
        note(found, "unreadable files", count_words(problems, "file", "files") + f" cannot be read: {first}", tuple(problems))
    strangers = {s.name: s for s in samples if codes is not None and s.mask is None}
    if strangers:
        example = most_frequent(Counter(values_of(next(iter(strangers.values())).raw)))
        note(found, "greys without a class", f"masks hold greys that are no code; the first: {example}", tuple(strangers))
    return samples, matches


def merged_samples(matches: list[Match], codes, found, how: Reading, merge: Merge) -> list[Sample]:
    """The pairs of images with several masks each, merged as `load_folder` does; what cannot be merged becomes a finding."""
    samples, problems = [], {}
    for match in matches:
        try:
            pairs = list(read_match(match, match.image.name, "", codes, how, merge))
        except (ValueError, OSError) as error:
            problems[match.image.name] = str(error)
            continue
        samples.extend(Sample(pair.source, pair.image, pair.mask, pair.mask) for pair in pairs)
    if problems:
        first = next(iter(problems.values()))
        note(found, "unreadable files", count_words(problems, "file", "files") + f" cannot be read: {first}", tuple(problems))
    return samples


def read_pairs(data, codes, found) -> list[Sample]:
    """The pairs of a dataset, ours or map-style, or of arrays."""
    samples = []
    if not isinstance(data, SegmentationDataset | list | tuple) and hasattr(data, "__len__") and hasattr(data, "__getitem__"):
        data = as_dataset(data, "examined")
        if data.target != "classes":
            raise ValueError(f"the dataset's masks hold {data.target}, and examine_data looks at classes.")
    is_ours = isinstance(data, SegmentationDataset | MapStyleDataset)
    for number, pair in enumerate(data.pairs if is_ours else data):
        image, mask = np.asarray(pair[0]), np.asarray(pair[1])
        name = pair[2] if len(pair) > 2 else f"pair {number}"
        known = mask if is_ours or codes is None else indices_or_none(mask, codes)
        samples.append(Sample(str(name), image, known, mask, str(pair[3]) if len(pair) > 3 else ""))
    if not is_ours and codes is None:
        most = max((int(s.raw.max()) for s in samples if s.raw.size and s.raw.dtype.kind in "ui"), default=0)
        values = sorted({v for s in samples if s.raw.ndim == 2 for v in values_of(s.raw)}, key=str)
        if most >= 20 and len(values) <= MOST_CODES:
            note(
                found,
                "codes read as classes",
                f"the masks hold {', '.join(map(str, values))}",
                tuple(s.name for s in samples),
                most_1=most + 1,
                len_values=len(values),
                tuple_values=tuple(values),
            )
            return [s._replace(mask=indices_or_none(s.raw, values)) for s in samples]
    return samples


def indices_or_none(raw: np.ndarray, codes) -> np.ndarray | None:
    try:
        return None if codes is None else encode_mask(raw, codes)
    except ValueError:
        return None


def values_of(raw: np.ndarray) -> dict[Code, int]:
    if raw.ndim == 3:
        found, counts = np.unique(pack(raw), return_counts=True)
        return dict(zip([unpack(v) for v in found.tolist()], counts.tolist(), strict=True))
    found, counts = np.unique(raw, return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def most_frequent(counts: dict) -> str:
    shown = ", ".join(f"{value} ({n} px)" for value, n in sorted(counts.items(), key=lambda item: -item[1])[:5])
    return shown + (f" and {len(counts) - 5} more" if len(counts) > 5 else "")
