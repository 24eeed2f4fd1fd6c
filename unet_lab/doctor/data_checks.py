"""What is wrong with a data set, before anything is trained on it.

`examine_data` looks at files or arrays and says what it found: what, where, why it matters, how to fix it. On a clean set it
says nothing. It changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from unet_lab.datasets.image_files import Pages, check_orientation
from unet_lab.datasets.lazy_files import Reading
from unet_lab.datasets.masks import Codes, are_colours
from unet_lab.datasets.merging import Merge
from unet_lab.datasets.pairs import SegmentationDataset
from unet_lab.datasets.stored_images import Channels
from unet_lab.doctor.file_checks import check_channels, check_masks_mean_the_same, check_no_data, check_turned
from unet_lab.doctor.findings import Finding, Findings
from unet_lab.doctor.image_checks import check_broken_values, check_depth, check_exposure, check_sizes
from unet_lab.doctor.mask_checks import check_classes, check_order, check_values_of_masks
from unet_lab.doctor.pair_checks import check_copies, check_fit, check_groups
from unet_lab.doctor.reading import read_folders, read_pairs

CHECKS = (
    check_broken_values,
    check_sizes,
    check_depth,
    check_channels,
    check_exposure,
    check_values_of_masks,
    check_classes,
    check_order,
    check_fit,
)


def examine_data(
    images: str | Path | SegmentationDataset | Iterable,
    masks: str | Path | None = None,
    codes: Codes | None = None,
    validation: SegmentationDataset | Iterable | None = None,
    channels: Channels = "all",
    merge: Merge = None,
    pages: Pages = "all",
    mask_channel: str | int | None = None,
    orientation: str = "shown",
) -> Findings:
    """Look for what is wrong with images and masks, before training does so in its own, slower words.

    Parameters
    ----------
    images : a folder or pattern, with `masks` beside it; or a SegmentationDataset, or any map-style dataset of (image, mask); or
        (image, mask) arrays.
    masks : the folder or pattern of the masks.
    codes : which grey (or colour) means which class, as `load_folder` takes them; left out, what would need it is left out too.
    validation : the other side of a split: images, groups and tiles that stand on both sides are then found.
    channels, merge, pages, mask_channel, orientation : how the files are read, as `load_folder` takes them.

    Returns Findings: print it, or let a notebook show it. Looks at files, pairs, sizes, bit depth, codes, classes, and at each
    image against its mask and against the others. Raises FileNotFoundError only where a folder is missing.
    """
    found: list[Finding] = []
    if isinstance(images, str | Path):
        if masks is None:
            raise ValueError(f"masks is missing: examine_data({str(images)!r}, masks=...) takes two folders, or a dataset.")
        check_orientation(orientation)
        if merge is not None and codes is None:
            raise ValueError("merge needs codes: examine_data(images, masks, codes, merge=…), as load_folder does.")
        how = Reading(channels, pages, mask_channel, orientation)
        samples, matches = read_folders(images, masks, codes, found, how, merge)
        check_masks_mean_the_same(matches, are_colours(codes) or mask_channel is not None, found)
        check_no_data(matches, samples, found)
    else:
        matches = []
        samples = read_pairs(images, codes, found)
    other = [] if validation is None else read_pairs(validation, codes, found)
    for check in CHECKS:
        check(samples + other, found)
    if orientation == "shown":
        check_turned(matches, found)
    check_copies(samples, other, validation is not None, found)
    check_groups(samples, other, validation is not None, found)
    return Findings(found)
