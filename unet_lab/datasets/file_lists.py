"""The pictures that a folder, a pattern or a single file stands for, and words for files of other kinds."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from pathlib import Path

from unet_lab.datasets.image_files import EXTENSIONS

PATTERN_SIGNS = "*?["
_OUTLINES = "outlines, not pixels: masks_from_outlines(folder, classes={…}) draws them into masks"
_VENDOR = "a microscope's own format: open it in Fiji (File > Import > Bio-Formats) and save it as TIFF"
_SLIDE = "a whole slide: export the regions you need as TIFF, in QuPath or with openslide"
# How to convert what people have instead of pictures.
CONVERSIONS = {
    (".json", ".geojson", ".roi"): _OUTLINES,
    (".zip",): "an archive: unpack it; if it is ImageJ's set of ROIs, masks_from_outlines(folder, classes={…}) draws it",
    (".nii", ".nii.gz"): "NIfTI volumes: nibabel.load(file).get_fdata(), then write_pages('volume.tif', slices)",
    (".h5", ".hdf5"): "HDF5: h5py.File(file)[name][:], then write_pages('stack.tif', slices)",
    (".npy", ".npz"): "NumPy arrays: write_image('name.png', numpy.load(file))",
    (".dcm",): "DICOM: pydicom.dcmread(file).pixel_array, then write_image('name.png', array)",
    (".czi", ".lif", ".nd2", ".oib", ".oif", ".vsi"): _VENDOR,
    (".svs", ".ndpi", ".mrxs", ".scn"): _SLIDE,
    (".webp", ".jp2", ".mrc"): "open it in Fiji and save it as PNG or TIFF",
}


def plain(name: str) -> str:
    """A name in Unicode's composed form (NFC): a Mac stores 'ä' as two signs, others as one."""
    return unicodedata.normalize("NFC", name)


def locate(where: str | Path) -> tuple[Path, str]:
    """The part of a path that exists, and the rest, which is a pattern or missing.

    `~` is expanded, and a name is found whichever way its accents are stored. Brackets in the name of a folder that exists are
    part of the name, not of a pattern.
    """
    path = Path(where).expanduser()
    root = Path(path.anchor) if path.anchor else Path()
    parts = path.parts[1:] if path.anchor else path.parts
    for number, part in enumerate(parts):
        found = child_named(root, part)
        if found is None:
            return root, str(Path(*parts[number:]))
        root = found
    return root, ""


def child_named(folder: Path, name: str) -> Path | None:
    """The file or folder of a name, whichever way its accents are stored; None where there is none."""
    if (folder / name).exists():
        return folder / name
    return next((child for child in entries(folder) if plain(child.name) == plain(name)), None)


def entries(folder: Path) -> list[Path]:
    """What lies in a folder, in order; nothing where it is no folder."""
    return sorted(folder.iterdir()) if folder.is_dir() else []


def list_pictures(where: str | Path) -> tuple[Path, list[Path]]:
    """The folder that the names are relative to, and the pictures in it, in the order of their names.

    Parameters
    ----------
    where : a folder; a folder of folders (one per patient) where it holds no picture itself; a pattern such as
        "set/*/*_mask.png"; or one file, e.g. a stack.

    Raises FileNotFoundError where there is no such folder; ValueError where it holds no picture, with the files that it does hold
    and how to convert them, and for a link that leads out of it.
    """
    root, rest = locate(where)
    if rest and not any(sign in rest for sign in PATTERN_SIGNS):
        raise FileNotFoundError(f"{where}: there is no such folder. Looked in {root.resolve()}.")
    if root.is_file() and not rest:
        files, root = [root], root.parent
    elif rest:
        files = sorted({file for form in ("NFC", "NFD") for file in root.glob(unicodedata.normalize(form, rest))})
    else:
        files = entries(root)
        if not pictures_among(files):
            files = sorted(root.rglob("*"))
    found = pictures_among(files)
    for file in found:
        if not file.resolve().is_relative_to(root.resolve()):
            raise ValueError(f"{file}: leads out of {root}, to {file.resolve()}. Copy it into it, or give its own folder.")
    if not found:
        what = "no picture matches the pattern" if rest else "no pictures in it"
        allowed = f"Allowed are files that end in {', '.join(EXTENSIONS)}."
        raise ValueError(f"{where}: {what}. {allowed}{describe_others(files)}")
    return root, found


def pictures_among(files: Iterable[Path]) -> list[Path]:
    """The files that can be read as pictures; hidden ones are left out."""
    return [f for f in files if f.suffix.lower() in EXTENSIONS and not f.name.startswith(".") and f.is_file()]


def conversion(file: Path) -> str:
    """How to convert a file that is no picture; empty where nothing is known."""
    return next((words for ends, words in CONVERSIONS.items() if file.name.lower().endswith(ends)), "")


def describe_others(files: Iterable[Path]) -> str:
    """A sentence for each known kind of file that is no picture."""
    kinds: dict[str, list[str]] = {}
    for file in files:
        if conversion(file) and file.is_file() and not file.name.startswith("."):
            kinds.setdefault(conversion(file), []).append(file.name)
    return "".join(f" {names[0]} ({len(names)} such) is {words}." for words, names in kinds.items())
