"""Outlines drawn by hand (LabelMe, COCO, QuPath, ImageJ) turned into masks of pixels.

A pixel belongs to an outline when its centre lies inside: corners are given in pixels from the image's top left corner, so the
first pixel's centre is (0.5, 0.5). Where a line is crossed an even number of times, as in a hole, the pixel is outside.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unet_lab.datasets.file_lists import entries, list_pictures, locate, pictures_among, plain
from unet_lab.datasets.image_files import read_pages
from unet_lab.datasets.image_writing import write_image
from unet_lab.datasets.names import cleaned
from unet_lab.datasets.outline_files import READERS, Outline, Sheet
from unet_lab.losses import IGNORE

MOST_OBJECTS = 65_535  # numbers that fit into a 16-bit mask


def masks_from_outlines(
    folder: str | Path,
    classes: Mapping[str, int] | None = None,
    images: str | Path | None = None,
    save: str | Path | None = None,
    instances: bool = False,
) -> dict[str, np.ndarray]:
    """Draw the outlines of every file in a folder into masks.

    Parameters
    ----------
    folder : of LabelMe's or COCO's `.json`, QuPath's `.geojson`, ImageJ's `.roi` or `.zip` files; or one such file.
    classes : the class of each name, e.g. {"nucleus": 2, "cell": 1}; 0 is not drawn, IGNORE is what nobody judged. Where outlines
        overlap, the higher class lies on top, whatever their order, and IGNORE above all; of one class the later. An ImageJ ROI
        has the name that it was given, ImageJ's own ("0012-0034-0056") count as "roi"; one of a group is called "group 3".
    images : the folder of the images, where the files do not say how large they are (QuPath, ImageJ). It may be the same folder.
    save : a folder for the masks, a PNG file for each image; load it with load_folder(images, save, codes=(0, 1, 2)).
    instances : True numbers the objects 1, 2, 3, … in place of their classes.

    Returns
    -------
    {name: mask}, the name of the image without its ending, with a mask (H, W): uint8 class indices, 0 where nothing was drawn; or
    uint16 numbers of objects.

    Raises FileNotFoundError for a missing folder; ValueError for a folder without outlines, a name without a class (all names
    are listed), a shape that encloses nothing, a file that is none of these formats, and an image whose size is not known.

    Sources: LabelMe's annotation files (github.com/wkentaro/labelme), COCO's data format (cocodataset.org), GeoJSON (RFC 7946) as
    QuPath exports it, ImageJ's ROI format, read by roifile.
    """
    sheets = [sheet for file in outline_files(folder) for sheet in READERS[file.suffix.lower()](file)]
    if not sheets:
        raise ValueError(f"{folder}: the files hold no image and no outline.")
    numbers = check_classes(classes, sheets)
    sizes = image_sizes(images) if images is not None else {}
    masks: dict[str, np.ndarray] = {}
    for sheet in sheets:
        name, shape = image_of(sheet, sizes, alone=len(sheets) == 1)
        if name in masks:
            raise ValueError(f"{sheet.file}: a second set of outlines for the image {name}. Keep one, or name the images apart.")
        masks[name] = draw_objects(sheet.outlines, numbers, shape, instances)
    if save is not None:
        write_masks(masks, save, (folder,) if images is None else (folder, images))
    return masks


def write_masks(masks: Mapping[str, np.ndarray], save: str | Path, sources: Sequence[str | Path]) -> None:
    """Write each mask as PNG. Raises ValueError for the folder of the outlines or images: a mask must not replace an image."""
    where = Path(save).expanduser()
    if any(where.resolve() in (locate(s)[0].resolve(), locate(s)[0].resolve().parent) for s in sources):
        raise ValueError(
            f"save={save}: the images or outlines lie there. Give the masks a folder of their own, e.g. '{where / 'masks'}'."
        )
    where.mkdir(parents=True, exist_ok=True)
    for name, mask in masks.items():
        write_image(where / f"{name}.png", mask)


def outline_files(folder: str | Path) -> list[Path]:
    """The files of outlines in a folder, in the order of their names."""
    root, rest = locate(folder)
    if rest:
        raise FileNotFoundError(f"{folder}: there is no such folder. Looked in {root.resolve()}.")
    files = [file for file in ([root] if root.is_file() else entries(root)) if not file.name.startswith(".")]
    found = [file for file in files if file.suffix.lower() in READERS]
    if not found:
        raise ValueError(f"{folder}: no outlines in it. Allowed are files that end in {', '.join(READERS)}.")
    return found


def check_classes(classes: Mapping[str, int] | None, sheets: list[Sheet]) -> dict[str, int]:
    """The class of each name. Raises ValueError, with all names and how often they occur, where one has none."""
    found = Counter(outline.label for sheet in sheets for outline in sheet.outlines)
    listed = ", ".join(f"{label!r} ({count})" for label, count in found.most_common())
    known = {plain(label): number for label, number in (classes or {}).items()}
    proposal = {label: k for k, label in enumerate(sorted(found), start=1)}
    missing = sorted(label for label in found if label not in known)
    if missing:
        what = f"no class for {', '.join(map(repr, missing))}." if known else "which name means which class?"
        raise ValueError(
            f"{what} The outlines have the names {listed}. Give a class for each (0: do not draw): classes={proposal}."
        )
    for label, number in known.items():
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or not 0 <= number <= IGNORE:
            raise ValueError(f"the class of {label!r} is {number!r}; allowed are 0, 1, 2 and so on, and IGNORE (255).")
    return {label: int(number) for label, number in known.items()}


class ImageSize(NamedTuple):
    file: Path
    shape: tuple[int, int]


def image_sizes(images: str | Path) -> dict[str, ImageSize]:
    """The height and width of each image of a folder, by its cleaned name."""
    _, files = list_pictures(images)
    sizes: dict[str, ImageSize] = {}
    for file in pictures_among(files):
        if cleaned(plain(file.stem)) in sizes:
            raise ValueError(
                f"{file}: a second image named {file.stem} ({sizes[cleaned(plain(file.stem))].file.name}). Keep one."
            )
        height, width = read_pages(file)[0].shape[:2]
        sizes[cleaned(plain(file.stem))] = ImageSize(file, (height, width))
    return sizes


def image_of(sheet: Sheet, sizes: dict[str, ImageSize], alone: bool = False) -> tuple[str, tuple[int, int]]:
    """The name of a sheet's image, and its height and width. Raises ValueError where these are unknown or differ.

    alone : the sheet is the only one; a single image is then its image, whatever the names.
    """
    bare = re.sub(r"(?i)[ _-]?(roi[ _-]?set|rois?)$", "", sheet.name)
    image = sizes.get(cleaned(sheet.name)) or sizes.get(cleaned(bare))
    if image is None and alone and len(sizes) == 1:
        (image,) = sizes.values()
    if image is None and sizes:
        raise ValueError(f"{sheet.file}: no image of the name {sheet.name}. The images are {', '.join(list(sizes)[:10])}.")
    if image is None and sheet.shape is None:
        raise ValueError(
            f"{sheet.file}: does not say how large its image is. Give the images: masks_from_outlines(…, images=folder)."
        )
    if image is None:
        return sheet.name, sheet.shape
    if sheet.shape not in (None, image.shape):
        differ = f"{sheet.shape[0]} x {sheet.shape[1]} pixels, and {image.file.name} has {image.shape[0]} x {image.shape[1]}"
        raise ValueError(f"{sheet.file}: drawn on an image of {differ}. Was the image scaled or cropped since?")
    return plain(image.file.stem), image.shape


def draw_objects(
    outlines: list[Outline], classes: Mapping[str, int], shape: tuple[int, int], instances: bool = False
) -> np.ndarray:
    """A mask (H, W) of outlines: the classes (uint8), or the numbers of the objects (uint16); higher classes on top.

    Raises ValueError for more objects than 16 bits can number.
    """
    order = sorted((one for one in outlines if classes[one.label] > 0), key=lambda outline: classes[outline.label])
    if len(order) > MOST_OBJECTS:
        raise ValueError(f"{len(order)} objects in one image; 16 bits can number {MOST_OBJECTS}. Cut the image into tiles first.")
    mask = np.zeros(shape, np.uint16 if instances else np.uint8)
    for number, outline in enumerate(order, start=1):
        value = number if instances else classes[outline.label]
        for rings in outline.parts:
            fill(mask, rings, value)
    return mask


def fill(mask: np.ndarray, rings: list[np.ndarray], value: int) -> None:
    """Set the pixels of a mask (H, W) whose centres lie inside: even-odd over all rings, each (n, 2) corners x, y.

    Each row's centre line is crossed by the edges at some x; pixels between the first and second crossing, the third and fourth
    and so on are inside.
    """
    starts = np.concatenate([np.asarray(ring, float) for ring in rings])
    ends = np.concatenate([np.roll(np.asarray(ring, float), -1, axis=0) for ring in rings])
    first = max(0, int(np.ceil(starts[:, 1].min() - 0.5)))
    last = min(mask.shape[0] - 1, int(np.floor(starts[:, 1].max() - 0.5)))
    for row in range(first, last + 1):
        y = row + 0.5
        crossing = (starts[:, 1] <= y) != (ends[:, 1] <= y)
        (x0, y0), (x1, y1) = starts[crossing].T, ends[crossing].T
        crossings = np.sort(x0 + (y - y0) / (y1 - y0) * (x1 - x0))
        for left, right in crossings.reshape(-1, 2):
            begin, stop = max(0, int(np.ceil(left - 0.5))), max(0, int(np.ceil(right - 0.5)))
            mask[row, begin:stop] = value
