"""Files are what they say: every kind is written, read, and compared with the array that was written and with tifffile's own."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from unet_lab.datasets import SegmentationDataset, load_folder, read_image, read_mask, read_mask_pages, read_pages, split
from unet_lab.datasets.stored_images import luminance

DRAWN = np.random.default_rng(0)


def numbers(kind, shape=(24, 31)):
    if np.dtype(kind).kind == "f":
        return DRAWN.normal(0, 100, shape).astype(kind)
    limits = np.iinfo(kind)
    low, high = max(limits.min, -(2**40)), min(limits.max, 2**40)
    return DRAWN.integers(low, high, shape, endpoint=True).astype(kind)


@pytest.mark.parametrize("kind", ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8"])
@pytest.mark.parametrize("shape", [(24, 31), (24, 31, 3), (24, 31, 5)])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_every_type_and_number_of_channels(tmp_path, kind, shape, planar):
    array = numbers(kind, shape)
    written = array if len(shape) == 2 or planar == "contig" else np.moveaxis(array, -1, 0)
    told = {} if len(shape) == 2 else {"planarconfig": planar}
    tifffile.imwrite(tmp_path / "a.tif", written, photometric="rgb" if shape[-1] == 3 else "minisblack", **told)
    found = read_image(tmp_path / "a.tif")
    assert found.dtype == array.dtype
    assert np.array_equal(found, array)


@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "packbits", "zstd"])
@pytest.mark.parametrize("bits", [8, 16])
def test_min_is_white_is_turned_round_by_one_rule(tmp_path, compression, bits):
    array = numbers(f"u{bits // 8}")
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="miniswhite", compression=compression)
    assert np.array_equal(read_image(tmp_path / "a.tif"), 2**bits - 1 - array)
    assert np.array_equal(read_mask(tmp_path / "a.tif"), 2**bits - 1 - array)


def test_a_lut_image_is_its_indices_and_so_is_a_mask_with_a_palette_until_its_colours_are_asked_for(tmp_path):
    array = DRAWN.integers(0, 200, (20, 30)).astype(np.uint8)
    table = DRAWN.integers(0, 65535, (3, 256)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "lut.tif", array, photometric="palette", colormap=table)
    assert np.array_equal(read_image(tmp_path / "lut.tif"), array)
    assert np.array_equal(read_mask(tmp_path / "lut.tif"), array)
    assert np.array_equal(read_mask(tmp_path / "lut.tif", colours=True), (table >> 8).T[array].astype(np.uint8))


@pytest.mark.parametrize("form", ["png", "gif", "tif"])
def test_indices_of_a_palette_with_equal_colours_stay_apart(tmp_path, form):
    array = DRAWN.integers(0, 4, (20, 30)).astype(np.uint8)
    picture = Image.fromarray(array)
    picture.putpalette([0, 0, 0, 255, 0, 0, 255, 0, 0, 0, 255, 0])
    picture.save(tmp_path / f"a.{form}", **({"optimize": False} if form == "gif" else {}))
    assert np.array_equal(read_mask(tmp_path / f"a.{form}"), array)
    assert read_mask(tmp_path / f"a.{form}", colours=True)[array == 2][0].tolist() == [255, 0, 0]


def test_a_png_with_a_smooth_palette_is_its_indices_and_a_picture_in_256_colours_its_colours(tmp_path):
    array = DRAWN.integers(0, 256, (40, 50)).astype(np.uint8)
    blue = Image.fromarray(array)
    blue.putpalette([c for k in range(256) for c in (0, 0, k)])
    blue.save(tmp_path / "blue.png")
    assert np.array_equal(read_image(tmp_path / "blue.png"), array)
    photo = Image.fromarray(DRAWN.integers(0, 256, (40, 50, 3)).astype(np.uint8)).quantize(200)
    photo.save(tmp_path / "photo.png")
    assert np.array_equal(read_image(tmp_path / "photo.png"), np.asarray(photo.convert("RGB")))


@pytest.mark.parametrize(("axes", "shape", "pages", "image"), [
    ("ZYX", (4, 20, 30), 4, (20, 30)),
    ("TZYX", (2, 3, 20, 30), 6, (20, 30)),
    ("CYX", (2, 20, 30), 1, (20, 30, 2)),
    ("ZCYX", (3, 2, 20, 30), 3, (20, 30, 2)),
])  # fmt: skip
@pytest.mark.parametrize("program", ["ImageJ", "OME"])
def test_axes_of_stacks_are_pages_and_channels(tmp_path, axes, shape, pages, image, program):
    array = numbers("u2", shape)
    how = {"imagej": True} if program == "ImageJ" else {"ome": True}
    tifffile.imwrite(tmp_path / "stack.ome.tif", array, metadata={"axes": axes}, photometric="minisblack", **how)
    found = read_pages(tmp_path / "stack.ome.tif")
    assert [page.shape for page in found] == [image] * pages
    channels_last = array if "C" not in axes else np.moveaxis(array, axes.index("C"), -1)
    assert np.array_equal(np.stack(found), channels_last.reshape(pages, *image))


def test_an_imagej_stack_behind_one_page_is_read_whole(tmp_path):
    array = numbers("u1", (9, 20, 30))
    tifffile.imwrite(tmp_path / "stack.tif", array, imagej=True, metadata={"axes": "ZYX"})
    assert len(read_pages(tmp_path / "stack.tif")) == 9
    with pytest.raises(ValueError, match=r"9 pages in one file \(9 of Z \(depth\)\); read_pages.*page=0"):
        read_image(tmp_path / "stack.tif")


def test_channels_are_chosen_by_name_or_number(tmp_path):
    colour = DRAWN.integers(0, 255, (20, 30, 3)).astype(np.uint8)
    Image.fromarray(colour).save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png"), colour)
    assert np.array_equal(read_image(tmp_path / "a.png", channels="grey"), np.asarray(Image.fromarray(colour).convert("L")))
    assert np.array_equal(read_image(tmp_path / "a.png", channels=(0, 2)), colour[..., [0, 2]])
    assert np.array_equal(read_image(tmp_path / "a.png", channels=[1]), colour[..., 1])
    for wrong in ("green", (3,), (), (0, -1)):
        with pytest.raises(ValueError, match=r"the image has 3; allowed are 'all', 'grey' and numbers from 0 to 2"):
            read_image(tmp_path / "a.png", channels=wrong)


def test_equal_channels_are_grey(tmp_path):
    grey = DRAWN.integers(0, 255, (20, 30)).astype(np.uint8)
    Image.fromarray(np.stack([grey] * 3, axis=2)).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "a.tif", np.stack([grey.astype(np.uint16)] * 3, axis=2), photometric="rgb")
    assert np.array_equal(read_image(tmp_path / "a.png"), grey)
    assert np.array_equal(read_image(tmp_path / "a.tif"), grey)


def test_luminance_of_16_bit_is_that_of_8_bit():
    colour = DRAWN.integers(0, 255, (20, 30, 3)).astype(np.uint8)
    deep = luminance(colour.astype(np.uint16) * 257)
    assert np.abs(deep / 257 - luminance(colour)).max() <= 1
    assert luminance(colour.astype(np.float32)).dtype == np.float32


def test_gif_masks_are_read(tmp_path):
    mask = (DRAWN.random((20, 30)) > 0.5).astype(np.uint8) * 255
    Image.fromarray(mask).save(tmp_path / "a.gif")
    assert np.array_equal(read_mask(tmp_path / "a.gif"), mask)


def test_a_mask_with_jpeg_inside_is_refused(tmp_path):
    mask = (DRAWN.random((32, 32)) > 0.5).astype(np.uint8) * 255
    tifffile.imwrite(tmp_path / "a.tif", mask, compression="jpeg")
    with pytest.raises(ValueError, match=r"a\.tif: JPEG changes greys"):
        read_mask(tmp_path / "a.tif")


def test_label_images_of_floats_are_labels(tmp_path):
    labels = DRAWN.integers(0, 400, (20, 30)).astype(np.float32)
    tifffile.imwrite(tmp_path / "m.tif", labels)
    (found,) = read_mask_pages(tmp_path / "m.tif")
    assert np.array_equal(found, labels)


def folders(tmp_path, names, image):
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for number, name in enumerate(names):
        Image.fromarray(image(number)).save(tmp_path / "images" / f"{name}.png")
        mask = np.zeros((32, 40), np.uint8)
        mask[8 : 20 + number % 3, 10:30] = 255
        Image.fromarray(mask).save(tmp_path / "masks" / f"{name}.png")
    return tmp_path / "images", tmp_path / "masks"


def test_a_folder_of_colour_images_stays_in_colour_and_says_how_it_was_paired(tmp_path, capsys):
    where = folders(tmp_path, ["a", "b", "c", "d"], lambda k: DRAWN.integers(0, 255, (32, 40, 3)).astype(np.uint8))
    data = load_folder(*where, codes=(0, 255))
    printed = capsys.readouterr().out
    assert "Paired by the same name: a.png with a.png, b.png with b.png, c.png with c.png and 1 more." in printed
    assert data.channels == 3
    assert data[0][0].shape == (3, 32, 40)
    assert load_folder(*where, codes=(0, 255), channels="grey").channels == 1
    assert load_folder(*where, codes=(0, 255), channels=(0, 2)).channels == 2


def test_what_belongs_together_stays_on_one_side_of_a_split(tmp_path):
    names = [f"dish{dish}_{field}" for dish in range(5) for field in range(3)]
    where = folders(tmp_path, names, lambda k: DRAWN.integers(0, 255, (32, 40)).astype(np.uint8))
    for group in (r"(dish\d+)_", lambda path: path.stem[:5]):
        data = load_folder(*where, codes=(0, 255), group=group)
        for seed in range(5):
            training, validation = split(data, 0.6, seed)
            assert not {p.group for p in training.pairs} & {p.group for p in validation.pairs}
            assert len(training) == 9
    with pytest.raises(ValueError, match="is not found in its path"):
        load_folder(*where, codes=(0, 255), group=r"(slide\d+)")


def test_pages_of_a_file_stay_together(tmp_path):
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for name in ("a", "b", "c"):
        tifffile.imwrite(tmp_path / "images" / f"{name}.tif", numbers("u1", (4, 32, 32)), photometric="minisblack")
        tifffile.imwrite(
            tmp_path / "masks" / f"{name}.tif", (numbers("u1", (4, 32, 32)) > 99).astype(np.uint8), photometric="minisblack"
        )
    training, validation = split(load_folder(tmp_path / "images", tmp_path / "masks", codes=(0, 1)), 0.5)
    assert not {p.group for p in training.pairs} & {p.group for p in validation.pairs}
    assert len(training) % 4 == 0
    assert isinstance(training, SegmentationDataset)
