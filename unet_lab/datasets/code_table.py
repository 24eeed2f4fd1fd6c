"""The codes that a set's masks hold, and a proposal which of them could mean which class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unet_lab.datasets.file_lists import list_pictures
from unet_lab.datasets.image_files import read_mask_pages
from unet_lab.datasets.masks import Code, pack, unpack

MOST_CODES = 30  # a mask with more values than that is no mask of classes


class CodeTable(NamedTuple):
    """The codes found in a set's masks, and what they could mean; print it, then say yes by passing `table.codes` on."""

    values: tuple[Code, ...]  # proposed as class 0, class 1, …
    shares: tuple[float, ...]  # of all pixels
    files: tuple[int, ...]  # in how many masks each occurs
    masks: int

    @property
    def codes(self) -> tuple[Code, ...]:
        """The proposal, for `load_folder(images, masks, codes=table.codes)`. Raises ValueError where no class can be meant."""
        if len(self.values) < 2:
            raise ValueError(f"the masks hold one code only, {self.values[0]}; a mask needs at least two classes.")
        if len(self.values) > MOST_CODES:
            raise ValueError(
                f"the masks hold {len(self.values)} codes; nobody means so many classes. Were they resized with interpolation or "
                f"saved as JPEG once? Export them again, or choose the true codes and use snap_mask(mask, codes)."
            )
        return self.values

    def __str__(self) -> str:
        lines = ["class  code              pixels  in masks"]
        for k, (value, share, files) in enumerate(zip(self.values[:MOST_CODES], self.shares, self.files, strict=False)):
            lines.append(f"{k:5d}  {value!s:15} {share:8.2%}  {files} of {self.masks}")
        if len(self.values) > MOST_CODES:
            lines.append(f"… and {len(self.values) - MOST_CODES} more")
        return "\n".join(lines)


def propose_codes(masks: str | Path | Sequence[Path]) -> CodeTable:
    """Count the codes of a folder's masks (or of a list of files) and propose an order of classes; a proposal, to be looked at.

    Greys go from dark to light, and so do the indices of a palette. Of colours the first is the one most frequent along the
    borders of the masks, as a background is; the others follow by their share.
    """
    paths = list_pictures(masks)[1] if isinstance(masks, str | Path) else list(masks)
    pixels, borders, files, number = count_codes(paths, colours=False)
    if any(isinstance(code, tuple) for code in pixels):  # where some masks have colours, those with a palette have them too
        pixels, borders, files, number = count_codes(paths, colours=True)
    if any(isinstance(code, tuple) for code in pixels):  # a grey mask among coloured ones shows colours too
        pixels, borders, files = (_merged(one) for one in (pixels, borders, files))
        background = max(borders, key=lambda c: (borders[c], c))
        order = [background, *sorted(pixels.keys() - {background}, key=lambda c: (-pixels[c], c))]
    else:
        order = sorted(pixels)
    total = sum(pixels.values())
    return CodeTable(tuple(order), tuple(pixels[c] / total for c in order), tuple(files[c] for c in order), number)


def count_codes(paths: Sequence[Path], colours: bool) -> tuple[Counter, Counter, Counter, int]:
    """How many pixels of all masks have each code, how many along their borders, and how many masks; and of how many masks."""
    pixels, borders, files, number = Counter(), Counter(), Counter(), 0
    for path in paths:
        for mask in read_mask_pages(path, colours):
            found = count(mask.reshape(-1, *mask.shape[2:]))
            pixels.update(found)
            files.update(found.keys())
            borders.update(count(np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])))
            number += 1
    return pixels, borders, files, number


def count(values: np.ndarray) -> dict[Code, int]:
    """How often each grey (n,) or colour (n, 3) occurs."""
    found, amounts = np.unique(pack(values) if values.ndim == 2 else values, return_counts=True)
    codes = [unpack(c) for c in found.tolist()] if values.ndim == 2 else found.tolist()
    return dict(zip(codes, amounts.tolist(), strict=True))


def colour(code: Code) -> tuple[int, int, int]:
    return code if isinstance(code, tuple) else (code, code, code)


def _merged(counts: dict[Code, int]) -> dict[tuple[int, int, int], int]:
    merged: Counter = Counter()
    for code, amount in counts.items():
        merged[colour(code)] += amount
    return dict(merged)


def find_codes(masks: str | Path | Sequence[Path]) -> tuple[Code, ...]:
    """The greys (or colours) that occur in a folder's masks, darkest first: look at them before you choose the codes."""
    return propose_codes(masks).values
