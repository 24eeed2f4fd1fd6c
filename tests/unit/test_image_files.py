"""What notebook 15 stands on: the colleague's set, the explorers of folders and of the generator, the report."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from unet_lab.datasets import MASK_CODES, CellParameters, generate_cell, load_folder, propose_codes, write_example_set
from unet_lab.datasets.generator.example_set import COLOURS
from unet_lab.doctor import examine_data
from unet_lab.explorers import explore_folder, explore_generator
from unet_lab.files import DATA
from unet_lab.plots import DescribedFigure, write_report

CODES = {COLOURS["nothing"]: 0, COLOURS["cytoplasm"]: 1, COLOURS["nucleus"]: 2, COLOURS["outline"]: 1}


@pytest.fixture
def example(tmp_path):
    return write_example_set(tmp_path / "set")


def test_the_colleagues_set_has_four_flaws_which_the_doctor_names(example):
    images, masks = example
    assert "pairs do not match" in examine_data(images, masks, CODES).names
    (images / "dish7_2.tif").unlink()
    found = {f.name: f.where for f in examine_data(images, masks, CODES)}
    assert found == {
        "flipped masks": ("dish3_1.tif",),
        "inverted images": ("dish11_2.tif",),
        "near-duplicates": ("dish2_1.tif = dish9_2.tif",),
    }
    assert set(propose_codes(masks).codes) == set(COLOURS.values())
    assert load_folder(images, masks, CODES).num_classes == 3


def test_the_set_is_the_same_each_time_and_writes_over_nothing(example, tmp_path):
    again = write_example_set(tmp_path / "again")
    for first, second in zip(example, again, strict=True):
        for path in first.iterdir():
            assert np.array_equal(np.asarray(Image.open(path)), np.asarray(Image.open(second / path.name)))
    with pytest.raises(FileExistsError, match="not empty"):
        write_example_set(tmp_path / "set")


def test_the_folder_explorer_says_what_the_doctor_says_of_each_pair(example):
    images, masks = example
    (images / "dish7_2.tif").unlink()
    explorer = explore_folder(images, masks, CODES)
    said = {}
    for number in range(explorer.controls["sample"].max + 1):
        explorer.set(sample=number)
        said[explorer.words.split(",")[0]] = explorer.words
    assert len(said) == 23
    assert "flipped masks" in said["dish3_1.tif"]
    assert "near-duplicates" in said["dish9_2.tif"]
    assert "near-duplicates" in said["dish2_1.tif"]
    assert "nothing wrong with this pair" in said["dish1_1.tif"]
    assert all("In the whole set: flipped masks" in w or "In the whole set: inverted" in w for w in said.values())
    healthy = explore_folder(DATA / "cells" / "images", DATA / "cells" / "masks", MASK_CODES)
    assert "nothing found" in healthy.words


def test_the_folder_explorer_shows_what_can_be_read_of_a_broken_set(example):
    images, masks = example
    (images / "dish7_2.tif").unlink()
    (images / "dish1_1.tif").write_bytes(b"broken")
    Image.fromarray(np.full((128, 128, 3), 7, np.uint8)).save(masks / "dish1_2_mask.png")
    explorer = explore_folder(images, masks, CODES)
    assert explorer.controls["sample"].max == 21
    names = [explorer.words.split(",")[0]]
    for number in range(22):
        explorer.set(sample=number)
        names.append(explorer.words.split(",")[0])
    assert "dish1_1.tif" not in names
    explorer.set(sample=names.index("dish1_2.tif") - 1)
    assert "greys without a class" in explorer.words
    for path in images.iterdir():
        path.write_bytes(b"broken")
    with pytest.raises(ValueError, match="no pair can be read"):
        explore_folder(images, masks, CODES)


def test_the_generator_explorer_turns_the_generators_parameter():
    explorer = explore_generator()
    explorer.set(parameter="mitochondria", amount=0.5, cell=7)
    assert "mitochondria: dark rounded bodies. From 0 to 28; here 14." in explorer.words
    assert "0.0% of the mask's pixels" in explorer.words
    explorer.set(parameter="nucleus_size", amount=1.0)
    low, high = CellParameters.default("nucleus_size")
    base = CellParameters().eased(0)
    masks = [generate_cell(7, 160, look=replace(base, nucleus_size=v)).mask for v in (low, high)]
    assert f"{(masks[0] != masks[1]).mean():.1%}" in explorer.words


def test_a_report_holds_everything_and_replaces_nothing_unasked(tmp_path):
    picture = DescribedFigure(2, 2, 'a "picture" <here>')
    path = write_report(tmp_path / "r.html", "A <title>", [("Text", "one\ntwo"), ("Table", {"IoU": 0.5}), ("Seen", picture)])
    page = path.read_text(encoding="utf-8")
    for piece in ("A &lt;title&gt;", "<p>one</p><p>two</p>", "<td>0.5000</td>", "data:image/png;base64,", "&quot;picture&quot;"):
        assert piece in page
    assert "http" not in page
    with pytest.raises(FileExistsError, match="overwrite=True"):
        write_report(path, "Other", [])
    assert path.read_text(encoding="utf-8") == page
    with pytest.raises(ValueError, match="the content is a list"):
        write_report(path, "Other", [("x", [1])], overwrite=True)
    assert path.read_text(encoding="utf-8") == page
    with pytest.raises(ValueError, match=r"name it r\.html"):
        write_report(tmp_path / "r.pdf", "A", [])
    assert [p.name for p in tmp_path.iterdir()] == ["r.html"]
