"""Which mask belongs to which image: names and layouts that people bring, and words where they do not fit."""

import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from unet_lab.datasets import load_folder, pair_files, propose_codes, split
from unet_lab.datasets.names import cleaned, common_affix
from unet_lab.losses import IGNORE

PEOPLE = ("anna", "berta", "carla")


def put(path: Path, value: int = 0, size: tuple[int, int] = (6, 8)) -> None:
    """A picture of one grey."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(size, value, np.uint8)).save(path)


def put_all(folder: Path, stems) -> Path:
    for stem in stems:
        put(folder / f"{stem}.png")
    return folder


def stems(matches) -> list[tuple[str, str]]:
    return [(match.image.stem, match.mask.stem) for match in matches]


SUFFIXES = [
    "_mask",
    "_GT",
    "_cp_masks",
    "_Simple Segmentation",
    "_Object Predictions",
    "_manual1",
    "-labelled",
    "_1stHO",
    "_Maske",
]
UNKNOWN = ["_L", "_bw", "_kreis7x", "_watershed"]


@pytest.mark.parametrize("form", [f"{{}}{s}" for s in SUFFIXES + UNKNOWN] + ["Mask of {}", "man_seg{}", "C1-{}", "x_{}_y"])
def test_what_programs_add_to_a_name_is_taken_away(form, tmp_path):
    images, masks = put_all(tmp_path / "i", PEOPLE), put_all(tmp_path / "m", map(form.format, PEOPLE))
    assert stems(pair_files(images, masks)[0]) == [(name, form.format(name)) for name in PEOPLE]


def test_an_unknown_affix_may_stand_on_the_side_of_the_images_and_is_named(tmp_path):
    images = put_all(tmp_path / "i", ["21_training", "22_training"])
    masks = put_all(tmp_path / "m", ["21_manual1", "22_manual1"])
    matches, rule = pair_files(images, masks)
    assert stems(matches) == [("21_training", "21_manual1"), ("22_training", "22_manual1")]
    assert "'_training', which the images add" in rule


def test_channel_suffix(tmp_path):
    images = put_all(tmp_path / "i", [f"scan_{k:03d}_0000" for k in range(1, 13)])
    masks = put_all(tmp_path / "m", [f"scan_{k:03d}" for k in range(1, 13)])
    assert all(image == f"{mask}_0000" for image, mask in stems(pair_files(images, masks)[0]))
    put_all(images, [f"scan_{k:03d}_0001" for k in range(1, 13)])
    with pytest.raises(ValueError, match=r"second file named scan_001_0000.*channels of one image"):
        pair_files(images, masks)
    assert len(pair_files(images / "*_0000.png", masks)[0]) == 12  # what the error advises


def test_leading_zeros_and_separators(tmp_path):
    images, masks = put_all(tmp_path / "i", ["Cell 7", "cell 12"]), put_all(tmp_path / "m", ["cell_007", "cell-012"])
    assert stems(pair_files(images, masks)[0]) == [("cell 12", "cell-012"), ("Cell 7", "cell_007")]


@pytest.mark.parametrize(
    ("first", "second"),
    [("control_{a}", "treated_{a}"), ("day{a}_well{b}", "well{a}_day{b}"), ("p{a}", "q{a}"), ("a{a}_1", "b{a}_1")],
)
def test_numbers_alone_pair_nothing(first, second, tmp_path):
    places = [(a, b) for a in (1, 2, 3) for b in (1, 2, 3)]
    images = put_all(tmp_path / "i", {first.format(a=a, b=b) for a, b in places})
    masks = put_all(tmp_path / "m", {second.format(a=a, b=b) for a, b in places})
    with pytest.raises(ValueError, match="The numbers agree, but the rest of the names does not"):
        pair_files(images, masks)


def test_an_affix_never_cuts_a_number_in_two(tmp_path):
    images, masks = put_all(tmp_path / "i", ["0", "1", "2"]), put_all(tmp_path / "m", ["10", "11", "12"])
    with pytest.raises(ValueError, match=r"3 without a mask: 0\.png, 1\.png, 2\.png"):
        pair_files(images, masks)


name_parts = st.text("ab1_", min_size=1, max_size=4).filter(lambda text: cleaned(text))


@given(st.sets(name_parts, min_size=2, max_size=6), st.text("xyz", min_size=1, max_size=3), st.booleans())
def test_a_common_affix_is_found(names, affix, behind):
    short = {(cleaned(name),) for name in names}
    long = [(f"{name}_{affix}",) if behind else (f"{affix}_{name}",) for (name,) in short]
    assert common_affix(long, list(short)) == (("", f"_{affix}") if behind else (f"{affix}_", ""))


def test_a_folder_per_patient_with_equal_names_inside(tmp_path, capsys):
    for k in range(4):
        put(tmp_path / f"patient_{k}" / "image.png", value=k)
        put(tmp_path / f"patient_{k}" / "mask.png", value=255 * (k > 1))
    for where in ((tmp_path, tmp_path), (tmp_path / "*" / "image.png", tmp_path / "*" / "mask.png")):
        data = load_folder(*where, codes=(0, 255))
        assert [(int(p.image[0, 0]), int(p.mask[0, 0])) for p in data.pairs] == [(0, 0), (1, 0), (2, 1), (3, 1)]
        assert [p.source for p in data.pairs] == [f"patient_{k}/image.png" for k in range(4)]
        assert [len(part) for part in split(data, 0.5)] == [2, 2]  # equal names are not one group
    assert "patient_0/image.png with mask.png" in capsys.readouterr().out


def test_masks_of_another_patient_are_never_taken(tmp_path):
    for k in (1, 2):
        put(tmp_path / "i" / f"patient_{k}" / "scan.png")
        put(tmp_path / "m" / f"patient_{k + 2}" / "scan.png")
    with pytest.raises(ValueError, match="no mask of the same name"):
        pair_files(tmp_path / "i", tmp_path / "m")
    for k in (1, 2):
        put(tmp_path / "set" / f"patient_{k}" / "slice_1.png")
        put(tmp_path / "set" / f"patient_{k}" / "slice_2_mask.png")
    with pytest.raises(ValueError, match="no mask of the same name"):
        pair_files(tmp_path / "set", tmp_path / "set")


def test_an_image_and_its_mask_side_by_side(tmp_path):
    put_all(tmp_path, ["benign (1)", "benign (1)_mask", "benign (4)", "benign (4)_mask"])
    assert stems(pair_files(tmp_path, tmp_path)[0])[1] == ("benign (4)", "benign (4)_mask")
    assert len(pair_files(tmp_path / "*.png", tmp_path / "*_mask.png")[0]) == 2
    put_all(tmp_path / "plain", ["a", "b"])
    with pytest.raises(ValueError, match="their names do not tell which are the masks"):
        pair_files(tmp_path / "plain", tmp_path / "plain")


def objects_of(folder: Path, names, places) -> None:
    """A mask for each object: 255 in one column."""
    for name, place in zip(names, places, strict=True):
        mask = np.zeros((6, 8), np.uint8)
        mask[:, place] = 255
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).save(folder / f"{name}.png")


def test_a_file_per_object_is_united_when_told(tmp_path):
    for k in range(2):
        put(tmp_path / f"id{k}" / "images" / f"id{k}.png")
        objects_of(tmp_path / f"id{k}" / "masks", ("f3", "0c", "77"), (0, 3 + k, 7))
    with pytest.raises(ValueError, match=r"3 masks for one image \(0c\.png, 77\.png, f3\.png\).*merge='union'"):
        load_folder(tmp_path, tmp_path, (0, 255))
    data = load_folder(tmp_path, tmp_path, (0, 255), merge="union")
    assert [np.flatnonzero(p.mask[0]).tolist() for p in data.pairs] == [[0, 3, 7], [0, 4, 7]]
    assert [p.source for p in data.pairs] == ["id0.png", "id1.png"]


def test_a_second_numbered_mask(tmp_path):
    put_all(tmp_path / "i", ["benign (3)", "benign (4)"])
    objects_of(tmp_path / "m", ("benign (3)_mask", "benign (4)_mask", "benign (4)_mask_1"), (0, 1, 2))
    with pytest.raises(ValueError, match=r"benign \(4\)\.png: 2 masks for one image .* 1 of 2 images"):
        load_folder(tmp_path / "i", tmp_path / "m", (0, 255))
    data = load_folder(tmp_path / "i", tmp_path / "m", (0, 255), merge="union")
    assert [np.flatnonzero(p.mask[0]).tolist() for p in data.pairs] == [[0], [1, 2]]


def test_a_page_per_object_and_ignore(tmp_path):
    put(tmp_path / "i" / "a.png")
    pages = np.zeros((3, 6, 8), np.uint8)
    pages[0, :, 0], pages[1, :, 1], pages[2, :, 1], pages[2, :, 2] = 1, 2, 7, 7
    (tmp_path / "m").mkdir()
    tifffile.imwrite(tmp_path / "m" / "a.tif", pages, photometric="minisblack")
    codes = {0: 0, 1: 1, 2: 2, 7: IGNORE}
    with pytest.raises(ValueError, match=r"a\.tif has 3; .* merge='union'"):
        load_folder(tmp_path / "i", tmp_path / "m", codes)
    data = load_folder(tmp_path / "i", tmp_path / "m", codes, merge="union")
    assert data.pairs[0].mask[0].tolist() == [1, 2, IGNORE, 0, 0, 0, 0, 0]
    with pytest.raises(ValueError, match="allowed are None, 'union'"):
        load_folder(tmp_path / "i", tmp_path / "m", codes, merge="sum")


def test_stacks_in_place_of_folders(tmp_path):
    tifffile.imwrite(tmp_path / "train-volume.tif", np.arange(5 * 48, dtype=np.uint8).reshape(5, 6, 8), photometric="minisblack")
    tifffile.imwrite(tmp_path / "truth.tif", np.eye(5, 48, dtype=np.uint8).reshape(5, 6, 8) * 255, photometric="minisblack")
    data = load_folder(tmp_path / "train-volume.tif", tmp_path / "truth.tif", (0, 255))
    assert [p.source for p in data.pairs] == [f"train-volume.tif page {k}" for k in range(1, 6)]
    assert [int(p.mask.argmax()) for p in data.pairs] == [0, 1, 2, 3, 4]
    assert propose_codes(tmp_path / "truth.tif").codes == (0, 255)


def test_accents_brackets_and_home(tmp_path, monkeypatch):
    composed, taken_apart = (unicodedata.normalize(form, "Zähler_é") for form in ("NFC", "NFD"))
    assert composed != taken_apart
    base = tmp_path / "[2020] Proben (neu)"
    put(base / "bilder" / f"{composed}.png")
    put(base / "masken" / f"{taken_apart}_mask.png")
    assert len(pair_files(base / "bilder", base / "masken")[0]) == 1
    assert len(pair_files(base / "bilder" / "*.png", base / "masken" / "*_mask.png")[0]) == 1
    put(tmp_path / taken_apart / "i" / "a.png")
    put(tmp_path / taken_apart / "m" / "a.png")
    assert len(pair_files(tmp_path / composed / "i", tmp_path / composed / "m" / "*.png")[0]) == 1
    monkeypatch.setenv("HOME", str(base))
    monkeypatch.setenv("USERPROFILE", str(base))
    assert len(pair_files("~/bilder", "~/masken/*.png")[0]) == 1
    monkeypatch.chdir(base)
    assert len(pair_files("bilder", "masken")[0]) == 1


@pytest.mark.parametrize(
    ("image", "mask"), [("image", "mask"), ("train-volume", "train-labels"), ("cell", "label"), ("liver", "liver_mask")]
)
def test_one_pair_without_numbers(image, mask, tmp_path):
    put(tmp_path / "i" / f"{image}.png")
    put(tmp_path / "m" / f"{mask}.png")
    assert len(pair_files(tmp_path / "i", tmp_path / "m")[0]) == 1


@pytest.mark.parametrize("other", ["berta", "johanna", "annabel", "an"])
def test_one_image_and_the_mask_of_another(other, tmp_path):
    put(tmp_path / "i" / "anna.png")
    put(tmp_path / "m" / f"{other}.png")
    with pytest.raises(ValueError, match="no mask of the same name"):
        pair_files(tmp_path / "i", tmp_path / "m")


def test_all_that_stay_alone_are_counted_and_listed_with_a_reason(tmp_path):
    images = put_all(tmp_path / "i", [f"dish_{k:02d}" for k in range(20)])
    masks = put_all(tmp_path / "m", [f"dish_{k:02d}_mask" for k in range(5)])
    with pytest.raises(
        ValueError, match=r"15 without a mask: dish_05\.png, .*dish_14\.png and 5 more\. Were their masks"
    ) as error:
        pair_files(images, masks)
    assert "dish_15" not in str(error.value)
    put_all(tmp_path / "typing", ["hela_control", "hela_treated"])
    put_all(tmp_path / "typing masks", ["hela_contrl", "hela_treated"])
    with pytest.raises(ValueError, match="hela_control and hela_contrl are nearly the same"):
        pair_files(tmp_path / "typing", tmp_path / "typing masks")
    put_all(tmp_path / "from 0", [f"t{k}" for k in range(4)])
    put_all(tmp_path / "from 1", [f"t{k}" for k in range(1, 5)])
    with pytest.raises(ValueError, match="does one side count from 0"):
        pair_files(tmp_path / "from 0", tmp_path / "from 1")
    (masks / "dish_07.json").write_text("{}")
    with pytest.raises(ValueError, match=r"dish_07\.json lies among the masks and is outlines.*masks_from_outlines"):
        pair_files(images, masks)


@pytest.mark.parametrize(
    ("end", "step"),
    [
        (".json", "masks_from_outlines"),
        (".nii.gz", "nibabel"),
        (".h5", "h5py"),
        (".czi", "Fiji"),
        (".zip", "unpack"),
        (".npy", "numpy"),
    ],
)
def test_files_of_other_kinds_are_named_with_the_step_that_converts(end, step, tmp_path):
    (tmp_path / f"a{end}").write_bytes(b"xx")
    with pytest.raises(ValueError, match=f"no pictures in it.*a{end}.*{step}"):
        load_folder(tmp_path, tmp_path, (0, 1))
    with pytest.raises(ValueError, match=f"no pictures in it.*{step}"):
        load_folder(tmp_path / f"a{end}", tmp_path, (0, 1))


file_stems = st.text("ab01_ (", min_size=1, max_size=5).filter(lambda text: text.strip() == text)


@given(st.sets(file_stems, min_size=1, max_size=4), st.sets(file_stems, min_size=1, max_size=4), st.sampled_from([None, "union"]))
def test_any_names_pair_or_are_refused_in_words(tmp_path_factory, images, masks, merge):
    base = tmp_path_factory.mktemp("names")
    put_all(base / "i", images)
    put_all(base / "m", masks)
    try:
        matches, _ = pair_files(base / "i", base / "m", merge)
    except ValueError:  # in words; anything else, an IndexError say, fails here
        return
    assert sorted(file for match in matches for file in match.masks) == sorted((base / "m").iterdir())  # each mask once
    assert {match.image.stem for match in matches} == images
    assert all(match.image.stem in {mask.stem for mask in match.masks} for match in matches if match.image.stem in masks)


# -- a class for each of several masks --------------------------------------------------------------------------------


def nuclei_in_cells(folder: Path, name: str, nested: bool) -> None:
    """A cell in columns 0 to 4 and its nucleus in 2 to 3, two files."""
    for word, columns in (("cell", slice(0, 5)), ("nucleus", slice(2, 4))):
        mask = np.zeros((6, 8), np.uint8)
        mask[:, columns] = 255
        path = folder / word / f"{name}.png" if nested else folder / f"{name}_{word}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).save(path)


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("names", [("a", "b"), ("cell_1", "cell_2"), ("nucleus 03", "nucleus 04")])
def test_each_mask_of_an_image_is_a_class(tmp_path, names, nested, lazy):
    """Whether a word in the image's own name is one of those that tell the classes, or not."""
    for name in names:
        put(tmp_path / "i" / f"{name}.png")
        nuclei_in_cells(tmp_path / "m", name, nested)
    data = load_folder(tmp_path / "i", tmp_path / "m", (0, 255), merge={"nucleus": 2, "cell": 1}, lazy=lazy)
    assert data.num_classes == 3
    assert [np.asarray(pair.mask)[0].tolist() for pair in data.pairs] == [[1, 1, 2, 2, 1, 0, 0, 0]] * 2


def test_each_page_of_a_mask_is_a_class(tmp_path):
    put(tmp_path / "i" / "a.png")
    pages = np.zeros((2, 6, 8), np.uint8)
    pages[0, :, :5], pages[1, :, 2:4] = 1, 1
    (tmp_path / "m").mkdir()
    tifffile.imwrite(tmp_path / "m" / "a.tif", pages, photometric="minisblack")
    data = load_folder(tmp_path / "i", tmp_path / "m", (0, 1), merge={0: 1, 1: 2})
    assert data.pairs[0].mask[0].tolist() == [1, 1, 2, 2, 1, 0, 0, 0]
    with pytest.raises(ValueError, match=r"a\.tif: it has 2 pages, and merge names \[0\]; page 1 has no class"):
        load_folder(tmp_path / "i", tmp_path / "m", (0, 1), merge={0: 1})


@pytest.mark.parametrize(
    ("merge", "words"),
    [
        ({"nucleus": 2, "cell": 2}, r"classes \[2\]; they must be 1, 2 and so on"),
        ({"nucleus": 1, 0: 2}, "for each word in the names"),
        ({}, "for each word in the names"),
        ({"nucleus": "2"}, "they must be 1, 2 and so on"),
        ({"nucleus": 1, "cytoplasm": 2}, r"cell.a\.png: none of the words \['nucleus', 'cytoplasm'\]"),
        ({"nucleus": 1, "cell": 2, "a": 3}, None),
    ],
)
def test_a_class_that_is_not_told_is_refused(tmp_path, merge, words):
    put(tmp_path / "i" / "a.png")
    nuclei_in_cells(tmp_path / "m", "a", nested=True)
    if words is None:  # a word of the image's own name tells nothing
        assert load_folder(tmp_path / "i", tmp_path / "m", (0, 255), merge=merge).num_classes == 4
        return
    with pytest.raises(ValueError, match=words):
        load_folder(tmp_path / "i", tmp_path / "m", (0, 255), merge=merge)


def test_the_advice_about_several_masks_works(tmp_path):
    put(tmp_path / "i" / "a.png")
    nuclei_in_cells(tmp_path / "m", "a", nested=True)
    with pytest.raises(ValueError, match=r"merge={'nucleus': 2, 'cell': 1} tells it by a word"):
        load_folder(tmp_path / "i", tmp_path / "m", (0, 255))
    shutil.rmtree(tmp_path / "m")
    nuclei_in_cells(tmp_path / "m", "a", nested=False)
    with pytest.raises(ValueError, match=r"second mask of a.png\? A class for each: load_folder\(…, merge={'cell': 1, …}\)"):
        load_folder(tmp_path / "i", tmp_path / "m", (0, 255))
    assert load_folder(tmp_path / "i", tmp_path / "m", (0, 255), merge={"nucleus": 2, "cell": 1}).num_classes == 3
