"""The loader of the Freiburg set, on a set generated in the same form: 1024 x 1024 TIFF, masks in three greys."""

import numpy as np
import pytest
from PIL import Image

from unet_lab.datasets import generate_cell, load_jurkat, split

CELLS = [generate_cell(seed, 1024) for seed in (11, 12, 13)]
GREYS = np.array([77, 154, 255], np.uint8)


def write(folder, compression="tiff_lzw", mode="grey", images="Images", masks="Ground truth mask", greys=GREYS, names="{}.tif"):
    """The set as its copies are laid out."""
    for name in (images, masks):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for k, cell in enumerate(CELLS, start=1):
        Image.fromarray(cell.image).save(folder / images / names.format(k), compression=compression)
        mask = Image.fromarray(greys[cell.mask])
        if mode == "palette":
            mask = Image.fromarray(cell.mask)
            mask.putpalette(np.repeat(greys, 3).tolist())
        if mode == "rgb":
            mask = mask.convert("RGB")
        mask.save(folder / masks / names.format(k), compression=compression)
    return folder


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
@pytest.mark.parametrize("mode", ["grey", "palette", "rgb"])
def test_the_set_is_found_shown_and_read(tmp_path, capsys, compression, mode):
    cells = load_jurkat(write(tmp_path / "jurkat", compression, mode))
    assert [p.source for p in cells.pairs] == ["1.tif", "2.tif", "3.tif"]
    assert cells.num_classes == 3
    for pair, cell in zip(cells.pairs, CELLS, strict=True):
        assert np.array_equal(pair.image, cell.image)
        assert np.array_equal(pair.mask, cell.mask)
    said = capsys.readouterr().out
    assert "3 pairs, 1024 x 1024 pixels, paired by the same name" in said
    assert "background 77, cell body 154, nucleus 255" in said
    assert "is this the set that you meant" not in said


def test_it_is_scaled_for_class_and_plugs_into_a_split(tmp_path, capsys):
    cells = load_jurkat(write(tmp_path), size=128, quiet=True)
    assert capsys.readouterr().out == ""
    assert cells[0][0].shape == (1, 128, 128)
    assert set(np.unique(cells.pairs[0].mask)) == {0, 1, 2}
    assert (cells.pairs[0].mask == CELLS[0].mask[4::8, 4::8]).mean() > 0.99
    training, validation = split(cells)
    assert (len(training), len(validation)) == (2, 1)


def test_other_layouts_are_found(tmp_path):
    flat = write(tmp_path / "flat", images=".", masks="m")
    for path in sorted((flat / "m").iterdir()):
        path.rename(flat / f"{path.stem}_mask.png.tif".replace(".png", ""))
    (flat / "m").rmdir()
    with pytest.raises(ValueError, match="which are the images and which the masks"):
        load_jurkat(flat)
    for path in sorted(flat.glob("*_mask.tif")):
        path.rename(path.with_name(path.name.replace("_mask.tif", "_mask.tiff")))
    assert len(load_jurkat(flat)) == 3
    nested = write(tmp_path / "nested" / "Dataset 4", names="Jurkat_{:03d}.tif")
    assert len(load_jurkat(nested.parent)) == 3
    odd = write(tmp_path / "odd", images="a", masks="b")
    with pytest.raises(ValueError, match=r"Found: a \(3 files\), b \(3 files\)"):
        load_jurkat(odd)
    assert len(load_jurkat(odd, images="a/*.tif", masks="b/*.tif")) == 3


def test_greys_that_differ_a_little_are_one_class_and_borders_are_snapped(tmp_path, capsys):
    folder = write(tmp_path)
    path = folder / "Ground truth mask" / "2.tif"
    other = np.array([70, 160, 250], np.uint8)[CELLS[1].mask]
    other[0, :50] = 100  # as an interpolation leaves it
    Image.fromarray(other).save(path)
    cells = load_jurkat(folder)
    assert np.array_equal(cells.pairs[1].mask[1:], CELLS[1].mask[1:])
    assert "pixels of the masks had another grey" in capsys.readouterr().out


def test_what_is_missing_or_wrong_is_said_with_the_way_out(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no such folder.*lmb\.informatik\.uni-freiburg\.de.*load_cells"):
        load_jurkat(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="no pictures in it or below"):
        load_jurkat(tmp_path)
    two = write(tmp_path / "two", greys=np.array([0, 255, 255], np.uint8))
    with pytest.raises(ValueError, match=r"expected three greys.*found 2"):
        load_jurkat(two)
    small = write(tmp_path / "small")
    Image.new("L", (10, 10)).save(small / "Images" / "1.tif")
    with pytest.raises(ValueError, match=r"1\.tif: 10 x 10 pixels, its mask 1\.tif 1024 x 1024"):
        load_jurkat(small)
    (small / "Images" / "1.tif").unlink()
    with pytest.raises(ValueError, match=r"1\.tif: no image of the same name"):
        load_jurkat(small)
    with pytest.raises(ValueError, match="size is 0"):
        load_jurkat(small, size=0)


def test_an_unknown_size_is_questioned(tmp_path, capsys):
    folder = write(tmp_path)
    for kind in ("Images", "Ground truth mask"):
        for path in (folder / kind).iterdir():
            Image.open(path).crop((0, 0, 700, 600)).save(path)
    load_jurkat(folder)
    assert "is this the set that you meant" in capsys.readouterr().out
