"""The Freiburg set of Jurkat cells (Morath, Keuper et al. 2013), once it lies in `data/jurkat/`.

Its licence does not let us pass it on, and its copies differ in names and greys; so nothing is assumed that can be looked at.
Images are found by rule and paired by rule, both are shown, and the three classes follow from the order of the greys in the
masks: the darkest is the background, the lightest the nucleus.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from unet_lab.datasets.code_table import CodeTable, propose_codes
from unet_lab.datasets.image_files import EXTENSIONS, read_image, read_mask
from unet_lab.datasets.masks import CLASS_NAMES, Code, encode_mask, snap_mask
from unet_lab.datasets.pairing import pair_files
from unet_lab.datasets.pairs import Pair, SegmentationDataset
from unet_lab.files import DATA

_MASKS = re.compile(r"(?i)ground[ _-]?truth|mask|label|segment|annot|\bgt\b")
_NEAR = 24  # greys closer than that mean one class
_RARE = 0.002  # a grey with a smaller share of all masks than this is a border that was resized, not a class


def load_jurkat(
    folder: str | Path | None = None,
    images: str | None = None,
    masks: str | None = None,
    codes: Sequence[Code] | None = None,
    size: int | None = None,
    quiet: bool = False,
) -> SegmentationDataset:
    """The Freiburg set as the other data sets of this course: three classes, one pair for each micrograph.

    Parameters
    ----------
    folder : where the set was unpacked; `data/jurkat/` where left out. Folders in it may be nested.
    images, masks : patterns inside that folder, e.g. "Images/*.tif" and "Ground truth mask/*.tif", where the rule does not find
        them: masks are in the folder whose name speaks of masks, labels or ground truth, images in the one beside it.
    codes : the greys of background, body and nucleus. Left out, the three greys that the masks have, from dark to light.
    size : height and width in pixels to which everything is scaled (images by averaging, masks by nearest neighbour), e.g. 192
        for class; left out, nothing is scaled.
    quiet : do not print what was found.

    Raises FileNotFoundError, with the way to get the set, where there is nothing; ValueError where images and masks do not pair,
    sizes differ or the masks do not have three greys; each says what was found.
    """
    folder = DATA / "jurkat" if folder is None else Path(folder)
    if size is not None and (not isinstance(size, int) or size < 16):
        raise ValueError(f"size is {size!r}; allowed are whole numbers of pixels from 16 up, or None for the files' own.")
    image_pattern, mask_pattern = find(folder) if images is None or masks is None else (folder / images, folder / masks)
    matches, rule = pair_files(image_pattern, mask_pattern)
    table = propose_codes(mask_pattern)
    codes = three(table, mask_pattern) if codes is None else tuple(codes)
    pairs, snapped, sizes = [], 0, set()
    for match in matches:
        image, grey = read_image(match.image), read_mask(match.mask)
        if image.shape != grey.shape[:2]:
            theirs = f"{grey.shape[0]} x {grey.shape[1]}"
            raise ValueError(f"{match.image}: {image.shape[0]} x {image.shape[1]} pixels, its mask {match.mask.name} {theirs}.")
        sizes.add(image.shape)
        clean = snap_mask(grey, codes) if grey.ndim == 2 and not isinstance(codes[0], tuple) else grey
        snapped += int((clean != grey).sum())
        pairs.append(Pair(*scaled(image, encode_mask(clean, codes), size), match.image.name))
    if not quiet:
        told = ", ".join(f"{name} {code}" for name, code in zip(CLASS_NAMES, codes, strict=True))
        shapes = ", ".join(f"{h} x {w}" for h, w in sorted(sizes))
        print(f"{len(pairs)} pairs, {shapes} pixels, paired by {rule}")
        print(f"images: {image_pattern}\nmasks:  {mask_pattern}\ngreys:  {told}")
        if snapped:
            print(f"{snapped} pixels of the masks had another grey and were given the nearest of these.")
        if sizes - {(1024, 1024), (512, 512)}:
            print("The copies that we know of are 1024 x 1024, or 512 x 512: is this the set that you meant?")
    return SegmentationDataset(pairs, num_classes=3)


def find(folder: Path) -> tuple[Path, Path]:
    """The folders of images and masks below `folder`; where both lie in one, two patterns."""
    how = (
        "Get the set from lmb.informatik.uni-freiburg.de/resources/datasets/tem.en.html, or the Jurkat set (Dataset 4) of Zenodo "
        f"record 6603083, unpack it into {folder}, and call load_jurkat() again. Until then load_cells() has generated cells."
    )
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: there is no such folder. {how}")
    found: dict[Path, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in EXTENSIONS and path.is_file() and not path.name.startswith("."):
            found.setdefault(path.parent, []).append(path)
    if not found:
        raise FileNotFoundError(f"{folder}: no pictures in it or below. {how}")
    marked = [f for f in found if _MASKS.search(f.name)]
    others = [f for f in found if f not in marked]
    if len(marked) == 1 and len(others) == 1:
        return others[0], marked[0]
    if len(found) == 1:
        ((only, files),) = found.items()
        with_word = [f for f in files if _MASKS.search(f.stem)]
        words = {_MASKS.search(f.stem)[0] for f in with_word}
        endings = {f.suffix for f in with_word}
        rest = {f.suffix for f in files} - endings
        if len(words) == len(endings) == 1 and len(rest) == 1:
            return only / f"*{rest.pop()}", only / f"*{words.pop()}*{endings.pop()}"
    listed = ", ".join(f"{f.relative_to(folder)} ({len(files)} files)" for f, files in list(found.items())[:6])
    raise ValueError(
        f"{folder}: which are the images and which the masks? Found: {listed}. "
        "Say it: load_jurkat(images='Images/*.tif', masks='Ground truth mask/*.tif')."
    )


def three(table: CodeTable, where: Path) -> tuple[int, ...]:
    """The greys of the three classes, from dark to light."""
    greys: list[int] = []
    frequent = {v: share for v, share in zip(table.values, table.shares, strict=True) if share >= _RARE}
    if not any(isinstance(v, tuple) for v in frequent):
        for value in sorted(frequent):
            if greys and value - greys[-1] < _NEAR:  # one class, written a little differently in another file
                greys[-1] = max(greys[-1], value, key=frequent.get)
            else:
                greys.append(value)
    if len(greys) == 3:
        return tuple(greys)
    raise ValueError(
        f"{where}: expected three greys, for background, cell body and nucleus, and found {len(frequent)} codes of "
        f"{_RARE:.1%} or more of all pixels:\n{table}\nSay which are meant, e.g. load_jurkat(codes=(0, 154, 255))."
    )


def scaled(image: np.ndarray, mask: np.ndarray, size: int | None) -> tuple[np.ndarray, np.ndarray]:
    if size is None:
        return image, mask
    grey = np.asarray(Image.fromarray(image.astype(np.float32)).resize((size, size), Image.Resampling.BOX))
    labels = np.asarray(Image.fromarray(mask).resize((size, size), Image.Resampling.NEAREST))
    return grey.round().astype(image.dtype), labels
