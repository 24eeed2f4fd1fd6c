"""Checks of what the files say besides their numbers: palettes, which end is white, how they are turned, their channels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from unet_lab.datasets.image_files import read_header
from unet_lab.datasets.pairing import Match
from unet_lab.datasets.pairs import channels_of
from unet_lab.datasets.set_of_files import FIXES_OF_MIN_IS_WHITE, conflicting_palettes, min_is_white_among, turned_files
from unet_lab.doctor.advice import count_words, note


def check_masks_mean_the_same(matches: Sequence[Match], by_colour: bool, found) -> None:
    """Palettes that differ, and masks of which some are min-is-white."""
    masks = readable([file for match in matches for file in match.masks])
    conflicts = [] if by_colour else conflicting_palettes(masks)
    if conflicts:
        index, colours, files = conflicts[0]
        what = f"index {index} shows {colours[0]} in {files[0].name} and {colours[1]} in {files[1].name}"
        note(found, "palettes differ", what, tuple(sorted({conflict.files[1].name for conflict in conflicts})))
    white = min_is_white_among(masks)
    if white:
        what = f"{len(white)} of {len(masks)} masks are stored min-is-white (an inverting LUT)"
        note(found, "min-is-white masks", what, tuple(path.name for path in white), fixes=FIXES_OF_MIN_IS_WHITE)


def check_turned(matches: Sequence[Match], found) -> None:
    """Images that their files say are shown turned, where masks do not fit them."""
    if {"sizes of image and mask differ", "flipped masks", "masks of other images"} & {finding.name for finding in found}:
        turned = turned_files(readable([match.image for match in matches]))
        if turned:
            what = count_words(turned, "image is", "images are") + " read as shown (EXIF), and masks do not fit"
            note(found, "images shown turned", what, tuple(path.name for path in turned))


def check_no_data(matches: Sequence[Match], samples, found) -> None:
    """Images that hold the number by which their own file says that nothing was measured there."""
    images = {match.image.name: read_header(match.image).no_data for match in matches if match.image in readable([match.image])}
    holding = []
    for sample in samples:
        value = images.get(sample.name.partition(" page ")[0])
        if value is not None and (sample.image == value).any():
            holding.append((sample.name, value))
    if holding:
        names = tuple(name for name, _ in holding)
        what = count_words(names, "image holds", "images hold") + f" {holding[0][1]:g}, which is no data (GDAL_NODATA)"
        note(found, "no-data values", what, names, value=f"{holding[0][1]:g}")


def readable(files: Sequence[Path]) -> list[Path]:
    """Those whose header can be read; the others are findings already."""
    good = []
    for file in files:
        try:
            read_header(file)
        except (ValueError, OSError):
            continue
        good.append(file)
    return good


def check_channels(samples, found) -> None:
    """Images of other numbers of channels than most, a grey one among colours left out; channels in which nothing is seen."""
    counts = Counter(channels_of(s.image) for s in samples)
    usual = counts.most_common(1)[0][0] if counts else 1
    odd = tuple(s.name for s in samples if channels_of(s.image) not in ((1, 3) if usual == 3 else (usual,)))
    if odd:
        listed = ", ".join(f"{n} with {channels}" for channels, n in counts.most_common())
        note(found, "numbers of channels differ", listed, odd)
    images = [s.image for s in samples if channels_of(s.image) == usual and s.image.size]
    if usual > 1 and images:
        empty = [k for k in range(usual) if all(np.ptp(image[..., k]) == 0 for image in images)]
        others = tuple(k for k in range(usual) if k not in empty)
        if empty and others:
            what = f"channel {', '.join(map(str, empty))} holds one number only, in every image"
            note(found, "empty channels", what, (), others=others)
