"""The doctor on what files say besides their numbers; its advice is tried on the set that it was given for."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from unet_lab.datasets import IGNORE, Pair, SegmentationDataset, generate_cell, load_folder
from unet_lab.doctor import examine_data

CELLS = [generate_cell(seed, 64) for seed in range(6)]
NUCLEI = [(cell.mask > 0).astype(np.uint8) for cell in CELLS]


@pytest.fixture
def folders(tmp_path):
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for k, (cell, mask) in enumerate(zip(CELLS, NUCLEI, strict=True)):
        Image.fromarray(cell.image).save(tmp_path / "images" / f"{k}.png")
        Image.fromarray(mask * 255).save(tmp_path / "masks" / f"{k}.png")
    return tmp_path / "images", tmp_path / "masks"


def finding(name, folders, codes):
    found = {one.name: one for one in examine_data(*folders, codes)}
    assert name in found, found
    return found[name]


def test_a_clean_set_has_none_of_these(folders):
    assert not examine_data(*folders, (0, 255))


def test_palettes_that_differ(folders):
    _, masks = folders
    for k, mask in enumerate(NUCLEI):
        picture = Image.fromarray(mask if k != 4 else 1 - mask)
        picture.putpalette([0, 0, 0, 200, 0, 0] if k != 4 else [200, 0, 0, 0, 0, 0])
        picture.save(masks / f"{k}.png")
    assert finding("palettes differ", folders, (0, 1)).where == ("4.png",)
    codes = ((0, 0, 0), (200, 0, 0))
    assert not examine_data(*folders, codes)
    assert np.array_equal(load_folder(*folders, codes).pairs[4].mask, NUCLEI[4])


def test_masks_that_are_min_is_white_among_others(folders):
    _, masks = folders
    for k, mask in enumerate(NUCLEI):
        (masks / f"{k}.png").unlink()
        tifffile.imwrite(masks / f"{k}.tif", mask * 255, photometric="miniswhite" if k in (1, 5) else "minisblack")
    found = finding("min-is-white masks", folders, (0, 255))
    assert found.where == ("1.tif", "5.tif")
    for name in found.where:
        assert "tifffile.imwrite(path, tifffile.imread(path), photometric='minisblack')" in found.fix
        tifffile.imwrite(masks / name, tifffile.imread(masks / name), photometric="minisblack")
    assert not examine_data(*folders, (0, 255))


def test_images_that_are_shown_turned(folders):
    images, _ = folders
    turned = Image.Exif()
    turned[0x0112] = 6
    assert not examine_data(*folders, (0, 255))
    for k, cell in enumerate(CELLS):
        Image.fromarray(cell.image).save(images / f"{k}.png", exif=turned)
    found = finding("images shown turned", folders, (0, 255))
    assert len(found.where) == 6
    assert "orientation='stored'" in found.fix
    data = load_folder(*folders, (0, 255), orientation="stored")
    assert not examine_data(data)


def test_numbers_of_channels_and_a_grey_image_among_colours(folders):
    images, _ = folders
    for k, cell in enumerate(CELLS):
        colours = np.dstack([cell.image, cell.image // 2, cell.image // 3])
        Image.fromarray(cell.image if k == 3 else colours).save(images / f"{k}.png")
    assert not examine_data(*folders, (0, 255))
    assert load_folder(*folders, (0, 255)).channels == 3
    tifffile.imwrite(images / "2.tif", np.dstack([CELLS[2].image, CELLS[2].image // 2]), photometric="minisblack", planarconfig=1)
    (images / "2.png").unlink()
    found = finding("numbers of channels differ", folders, (0, 255))
    assert found.where == ("2.tif",)
    with pytest.raises(ValueError, match="need as many"):
        load_folder(*folders, (0, 255))
    assert load_folder(*folders, (0, 255), channels="grey").channels == 1


def test_a_channel_in_which_nothing_is_seen(folders):
    images, _ = folders
    for k, cell in enumerate(CELLS):
        (images / f"{k}.png").unlink()
        planes = np.dstack([cell.image, np.full_like(cell.image, 7), cell.image // 2])
        tifffile.imwrite(images / f"{k}.tif", planes, photometric="minisblack", planarconfig="contig")
    found = finding("empty channels", folders, (0, 255))
    assert "channel 1 holds one number only" in found.what
    assert "channels=(0, 2)" in found.fix
    assert not examine_data(load_folder(*folders, (0, 255), channels=(0, 2)))


def test_no_data_of_maps_is_named_and_the_advice_works(folders):
    images, _ = folders
    for k, cell in enumerate(CELLS):
        (images / f"{k}.png").unlink()
        values = cell.image.astype(np.float32)
        values[:6] = -9999
        tifffile.imwrite(images / f"{k}.tif", values, extratags=[(42113, 2, 6, "-9999", True)])
    found = finding("no-data values", folders, (0, 255))
    assert len(found.where) == 6
    assert "empty = image == -9999;" in found.fix
    pairs = []
    for image, mask, source, *_ in load_folder(*folders, (0, 255)).pairs:
        empty = image == -9999
        pairs.append(Pair(np.where(empty, np.median(image[~empty]), image), np.where(empty, IGNORE, mask), source))
    data = SegmentationDataset(pairs, num_classes=2)
    assert "no-data values" not in examine_data(data).names
    assert data[0][0][0, 6:].std() > 0.9  # of what was measured; with -9999 in it hardly anything was left


# -- read as load_folder reads ----------------------------------------------------------------------------------------


def test_a_layer_painted_on_a_transparent_ground(folders):
    _, masks = folders
    for k, mask in enumerate(NUCLEI):
        painted = np.dstack([mask * 200, mask * 0, mask * 0, mask * 255]).astype(np.uint8)
        Image.fromarray(painted).save(masks / f"{k}.png")
    assert "unreadable files" in examine_data(*folders, (0, 255)).names
    assert not examine_data(*folders, (0, 255), mask_channel="alpha")


def test_one_plane_of_each_stack(folders):
    images, masks = folders
    for k, (cell, mask) in enumerate(zip(CELLS, NUCLEI, strict=True)):
        (images / f"{k}.png").unlink()
        black = np.zeros_like(cell.image)
        tifffile.imwrite(images / f"{k}.tif", np.stack([black, cell.image, black]), photometric="minisblack")
        (masks / f"{k}.png").unlink()
        tifffile.imwrite(masks / f"{k}.tif", mask * 255, photometric="minisblack")
    assert "pages differ" in examine_data(*folders, (0, 255)).names
    assert not examine_data(*folders, (0, 255), pages=1)
    assert "constant images" in examine_data(*folders, (0, 255), pages=0).names


def test_images_as_they_are_stored(folders):
    images, _ = folders
    for k, cell in enumerate(CELLS):
        exif = Image.Exif()
        exif[0x0112] = 3  # shown upside down
        Image.fromarray(cell.image).save(images / f"{k}.png", exif=exif)
    assert "flipped masks" in examine_data(*folders, (0, 255)).names
    assert not examine_data(*folders, (0, 255), orientation="stored")
    with pytest.raises(ValueError, match="allowed are 'shown' and 'stored'"):
        examine_data(*folders, (0, 255), orientation="upright")


def test_several_masks_of_an_image(folders):
    _, masks = folders
    for k, cell in enumerate(CELLS):
        (masks / f"{k}.png").unlink()
        for word, index in (("cell", 1), ("nucleus", 2)):
            (masks / word).mkdir(exist_ok=True)
            Image.fromarray((cell.mask >= index).astype(np.uint8) * 255).save(masks / word / f"{k}.png")
    assert "pairs do not match" in examine_data(*folders, (0, 255)).names
    merge = {"cell": 1, "nucleus": 2}
    assert not examine_data(*folders, (0, 255), merge=merge)
    Image.fromarray(CELLS[0].mask).save(masks / "cell" / "0.png")  # class indices among greys
    (found,) = examine_data(*folders, (0, 255), merge=merge)
    assert found.name == "unreadable files"
    assert "0.png: the mask has greys that are no code" in found.what
    with pytest.raises(ValueError, match="merge needs codes"):
        examine_data(*folders, merge=merge)


class Foreign:
    """A dataset as a student writes it."""

    def __init__(self, cells):
        self.cells = cells

    def __len__(self):
        return len(self.cells)

    def __getitem__(self, index):
        return self.cells[index].image, self.cells[index].mask.astype(np.int64)


def test_a_dataset_of_ones_own_is_examined():
    assert not examine_data(Foreign(CELLS))
    emptied = [cell if k != 3 else cell._replace(mask=0 * cell.mask) for k, cell in enumerate(CELLS)]
    (found,) = examine_data(Foreign(emptied))
    assert (found.name, found.where) == ("masks of one class", ("sample 3",))
    assert "the same image on both sides" in examine_data(Foreign(CELLS[:4]), validation=Foreign(CELLS[3:])).names

    class Distances(Foreign):
        def __getitem__(self, index):
            return self.cells[index].image, self.cells[index].mask.astype(np.float32)

    with pytest.raises(ValueError, match="masks hold values, and examine_data looks at classes"):
        examine_data(Distances(CELLS))
