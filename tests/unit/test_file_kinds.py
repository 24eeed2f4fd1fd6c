"""What a file says besides its numbers: transparency, how it is turned, which end is white, what its pages are."""

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from unet_lab.datasets import (
    IGNORE,
    load_folder,
    open_image,
    propose_codes,
    read_image,
    read_mask,
    read_pages,
    split,
    write_image,
)
from unet_lab.datasets.names import slide_of

DRAWN = np.random.default_rng(3)


def drawn(*shape, kind=np.uint8):
    return DRAWN.integers(0, np.iinfo(kind).max, shape, endpoint=True).astype(kind)


def blob(height=32, width=40):
    mask = np.zeros((height, width), np.uint8)
    mask[8:20, 10:30] = 1
    return mask


@pytest.fixture
def folders(tmp_path):
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    return tmp_path / "images", tmp_path / "masks"


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_a_png_of_16_bits_and_several_channels_keeps_them_all(tmp_path, channels):
    array = drawn(20, 30, channels, kind=np.uint16)
    path = tmp_path / "a.png"
    path.write_bytes(imagecodecs.png_encode(array))
    if channels == 3:
        assert np.array_equal(read_image(path), array)
        assert np.array_equal(read_mask(path), array)
        return
    with pytest.raises(ValueError, match="some pixels are transparent"):
        read_image(path)
    assert np.array_equal(read_image(path, channels=range(channels)), array)
    opaque = array.copy()
    opaque[..., -1] = 65535
    path.write_bytes(imagecodecs.png_encode(opaque))
    assert np.array_equal(np.atleast_3d(read_image(path)), opaque[..., :-1])


@pytest.mark.parametrize("how", ["png", "tif", "16 bit tif"])
def test_a_fourth_channel_is_read_by_number_left_out_by_number_and_else_refused(tmp_path, how):
    array = drawn(20, 30, 4, kind=np.uint16 if how == "16 bit tif" else np.uint8)
    path = tmp_path / ("a.png" if how == "png" else "a.tif")
    Image.fromarray(array).save(path) if how == "png" else tifffile.imwrite(path, array, photometric="rgb")
    with pytest.raises(ValueError, match=r"channels=\(0, 1, 2, 3\) reads it too, and channels=\(0, 1, 2\) leaves it out"):
        read_image(path)
    assert np.array_equal(read_image(path, channels=(0, 1, 2, 3)), array)
    assert np.array_equal(read_image(path, channels=(0, 1, 2)), array[..., :3])
    array[..., 3] = np.iinfo(array.dtype).max
    Image.fromarray(array).save(path) if how == "png" else tifffile.imwrite(path, array, photometric="rgb")
    assert np.array_equal(read_image(path), array[..., :3])


def test_a_layer_painted_on_a_transparent_ground_is_a_mask_by_its_alpha(folders):
    images, masks = folders
    for k in range(3):
        Image.fromarray(drawn(32, 40)).save(images / f"{k}.png")
        layer = np.zeros((32, 40, 4), np.uint8)
        layer[blob() == 1] = (255, 0, 0, 255)
        Image.fromarray(layer).save(masks / f"{k}.png")
    with pytest.raises(ValueError, match=r"transparent ground, load_folder\(…, mask_channel='alpha'\)"):
        load_folder(images, masks, codes=((0, 0, 0), (255, 0, 0)))
    data = load_folder(images, masks, codes=(0, 255), mask_channel="alpha")
    assert all(np.array_equal(pair.mask, blob()) for pair in data.pairs)
    assert all(np.array_equal(pair.mask, blob()) for pair in load_folder(images, masks, (0, 255), mask_channel=0).pairs)
    with pytest.raises(ValueError, match="the mask has 4; allowed are 'alpha' and numbers from 0 to 3"):
        load_folder(images, masks, codes=(0, 255), mask_channel=4)
    with pytest.raises(ValueError, match="the file has no alpha"):
        read_mask(images / "0.png", channel="alpha")


def test_transparency_of_a_palette_can_be_the_mask(tmp_path):
    picture = Image.fromarray(blob())
    picture.putpalette([0, 0, 0, 255, 0, 0])
    picture.save(tmp_path / "a.png", transparency=0)
    assert np.array_equal(read_mask(tmp_path / "a.png"), blob())
    assert np.array_equal(read_mask(tmp_path / "a.png", channel="alpha"), blob() * 255)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["png", "tif"])
def test_an_image_is_turned_as_it_is_shown_or_as_it_is_stored(tmp_path, orientation, form):
    array, path = drawn(20, 30), tmp_path / f"a.{form}"
    turned = Image.Exif()
    turned[0x0112] = orientation
    if form == "png":
        Image.fromarray(array).save(path, exif=turned)
    else:
        tifffile.imwrite(path, array, extratags=[(274, 3, 1, orientation, True)])
    with Image.open(path) as picture:
        shown = np.asarray(ImageOps.exif_transpose(picture)) if form == "png" else None
    if shown is None:  # Pillow turns a TIFF by itself in some versions: the same picture as PNG says how
        Image.fromarray(array).save(tmp_path / "b.png", exif=turned)
        shown = read_image(tmp_path / "b.png")
    assert np.array_equal(read_image(path), shown)
    assert np.array_equal(read_image(path, orientation="stored"), array)
    assert np.array_equal(read_mask(path, orientation="stored"), array)
    with pytest.raises(ValueError, match="allowed are 'shown' and 'stored'"):
        read_image(path, orientation="upright")


def test_photographs_that_are_shown_turned_are_named_where_it_matters(folders, capsys):
    images, masks = folders
    turned = Image.Exif()
    turned[0x0112] = 6
    for k in range(3):
        Image.fromarray(drawn(32, 40)).save(images / f"{k}.jpg", exif=turned)
        Image.fromarray(blob()).save(masks / f"{k}.png")
    with pytest.raises(ValueError, match=r"the image is 40 x 32, and its mask 32 x 40.*\(EXIF\); orientation='stored'"):
        load_folder(images, masks, codes=(0, 1))
    data = load_folder(images, masks, codes=(0, 1), orientation="stored")
    assert data.pairs[0].image.shape == (32, 40)
    for k in range(3):
        Image.fromarray(np.rot90(blob(), -1)).save(masks / f"{k}.png")
    capsys.readouterr()
    load_folder(images, masks, codes=(0, 1))
    assert "(EXIF): 3, the first 0.jpg" in capsys.readouterr().out


def test_palettes_that_differ_are_refused_as_indices_and_read_as_colours(folders):
    images, masks = folders
    for k, order in enumerate([(0, 1), (1, 0), (0, 1)]):
        Image.fromarray(drawn(32, 40)).save(images / f"{k}.png")
        picture = Image.fromarray(np.array(order, np.uint8)[blob()])
        colours = [(0, 0, 0), (200, 0, 0)]
        picture.putpalette([c for position in order for c in colours[position]])
        picture.save(masks / f"{k}.png")
    with pytest.raises(
        ValueError, match=r"1\.png: index \d shows .*, and in 0\.png it shows .*the palettes of these masks differ"
    ):
        load_folder(images, masks, codes=(0, 1))
    data = load_folder(images, masks, codes=((0, 0, 0), (200, 0, 0)))
    assert all(np.array_equal(pair.mask, blob()) for pair in data.pairs)


@pytest.mark.parametrize("meant", ["stored", "seen"])
def test_masks_of_which_some_are_min_is_white_are_refused_and_the_advice_works(folders, meant):
    images, masks = folders
    for k in range(4):
        tifffile.imwrite(images / f"{k}.tif", drawn(32, 40))
        values = blob() * 255 if meant == "stored" or k % 2 == 0 else 255 - blob() * 255
        tifffile.imwrite(masks / f"{k}.tif", values, photometric="miniswhite" if k % 2 else "minisblack")
    with pytest.raises(ValueError, match=r"1\.tif: min-is-white \(an inverting LUT\), as 2 of 4 masks are"):
        load_folder(images, masks, codes=(0, 255))
    for path in sorted(masks.iterdir())[1::2]:
        if meant == "stored":
            tifffile.imwrite(path, tifffile.imread(path), photometric="minisblack")
        else:
            write_image(path.with_suffix(".png"), read_mask(path))
            path.unlink()
    data = load_folder(images, masks, codes=(0, 255))
    assert all(np.array_equal(pair.mask, blob()) for pair in data.pairs)


def test_one_plane_of_a_stack_is_chosen_by_its_number(folders):
    images, masks = folders
    stack = drawn(5, 32, 40, kind=np.uint16)
    tifffile.imwrite(images / "a.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    tifffile.imwrite(masks / "a.tif", blob())
    with pytest.raises(ValueError, match=r"5 pages \(5 of Z \(depth\)\), and a\.tif has 1"):
        load_folder(images, masks, codes=(0, 1))
    data = load_folder(images, masks, codes=(0, 1), pages=2)
    assert np.array_equal(data.pairs[0].image, stack[2])
    assert np.array_equal(read_image(images / "a.tif", page=4), stack[4])
    data = load_folder(images, masks, codes=(0, 1), pages="channels")
    assert np.array_equal(data.pairs[0].image, np.moveaxis(stack, 0, -1))
    with pytest.raises(ValueError, match="page 5 is wanted, and there are 5, numbered from 0"):
        read_image(images / "a.tif", page=5)
    with pytest.raises(ValueError, match="allowed are 'all', 'channels'"):
        load_folder(images, masks, codes=(0, 1), pages="first")


def test_channels_that_were_written_as_rows_are_named_and_the_advice_works(folders):
    images, masks = folders
    array = drawn(32, 40, 5)
    tifffile.imwrite(images / "a.tif", array, photometric="minisblack")
    assert len(read_pages(images / "a.tif")) == 32  # what the file says
    Image.fromarray(blob()).save(masks / "a.png")
    with pytest.raises(ValueError, match="Rows of an image of 5 channels seem to have been written as pages"):
        load_folder(images, masks, codes=(0, 1))
    again = tifffile.imread(images / "a.tif")
    tifffile.imwrite(images / "a.tif", again, photometric="minisblack", planarconfig="contig")
    assert np.array_equal(load_folder(images, masks, codes=(0, 1)).pairs[0].image, array)


def test_a_grey_image_among_colours_has_its_grey_in_all_channels_and_is_named(folders, capsys):
    images, masks = folders
    for k in range(4):
        colours = drawn(32, 40, 3)
        Image.fromarray(colours if k != 2 else colours[..., 0]).save(images / f"{k}.png")
        Image.fromarray(blob()).save(masks / f"{k}.png")
    data = load_folder(images, masks, codes=(0, 1))
    assert data.channels == 3
    assert (data.pairs[2].image == data.pairs[2].image[..., :1]).all()
    assert "Grey among colours, their grey taken for all three channels: 1, the first 2.png" in capsys.readouterr().out


def test_cmyk_is_colours_and_cielab_is_refused_in_words(tmp_path):
    colours = Image.fromarray(drawn(20, 30, 3))
    for form in ("tif", "jpg"):
        colours.convert("CMYK").save(tmp_path / f"a.{form}")
        with Image.open(tmp_path / f"a.{form}") as picture:
            assert np.array_equal(read_image(tmp_path / f"a.{form}"), np.asarray(picture.convert("RGB")))
    colours.convert("LAB").save(tmp_path / "lab.tif")
    with pytest.raises(ValueError, match=r"lab\.tif: its colours are CIELAB"):
        read_image(tmp_path / "lab.tif")


@pytest.mark.parametrize(("compression", "name"), [("jpeg", "JPEG"), ("webp", "WebP"), ("jpeg2000", "JPEG")])
def test_masks_whose_compression_changes_numbers_are_refused(tmp_path, compression, name):
    tifffile.imwrite(tmp_path / "a.tif", np.dstack([blob(64, 64) * 255] * 3), photometric="rgb", compression=compression)
    with pytest.raises(ValueError, match=f"{name} changes greys"):
        read_mask(tmp_path / "a.tif")


def test_smaller_copies_and_labels_of_a_slide_are_no_pages(tmp_path):
    whole = drawn(256, 320, 3)
    with tifffile.TiffWriter(tmp_path / "slide.tif") as file:
        file.write(whole, tile=(64, 64), photometric="rgb", metadata=None)
        for step in (2, 4):
            file.write(whole[::step, ::step], tile=(64, 64), photometric="rgb", subfiletype=1, metadata=None)
    assert np.array_equal(read_image(tmp_path / "slide.tif"), whole)


def test_a_set_of_colour_masks_with_a_palette_among_them_is_proposed_in_colours(folders):
    _, masks = folders
    colours = np.array([(0, 0, 0), (200, 0, 0)], np.uint8)
    Image.fromarray(colours[blob()]).save(masks / "a.png")
    picture = Image.fromarray(blob())
    picture.putpalette(colours.ravel().tolist())
    picture.save(masks / "b.png")
    assert propose_codes(masks).codes == ((0, 0, 0), (200, 0, 0))


def test_each_file_of_an_ome_set_is_read_by_itself(tmp_path):
    """An OME-TIFF may say that its planes lie in several files; each of them is an image, not all of them."""
    planes = "".join(
        f'<TiffData FirstC="{k}" IFD="0"><UUID FileName="{k}.ome.tif">urn:uuid:{k}</UUID></TiffData>' for k in range(2)
    )
    words = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        '<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="30" SizeY="20" SizeZ="1" SizeC="2" SizeT="1">'
        f'<Channel ID="Channel:0:0"/><Channel ID="Channel:0:1"/>{planes}</Pixels></Image></OME>'
    )
    arrays = [drawn(20, 30), drawn(20, 30)]
    for k, array in enumerate(arrays):
        tifffile.imwrite(tmp_path / f"{k}.ome.tif", array, description=words, metadata=None, photometric="minisblack")
    assert np.array_equal(read_image(tmp_path / "0.ome.tif"), arrays[0])
    assert np.array_equal(read_image(tmp_path / "1.ome.tif"), arrays[1])


def test_labels_of_which_minus_one_is_void(folders):
    images, masks = folders
    Image.fromarray(drawn(32, 40)).save(images / "a.png")
    labels = blob().astype(np.int16)
    labels[:3] = -1
    tifffile.imwrite(masks / "a.tif", labels)
    (pair,) = load_folder(images, masks, codes={0: 0, 1: 1, -1: IGNORE}).pairs
    assert np.array_equal(pair.mask, np.where(labels < 0, IGNORE, labels))
    assert np.array_equal(load_folder(images, masks, codes={0: 0, 1: 1, (-99, -1): IGNORE}).pairs[0].mask, pair.mask)


def test_probabilities_are_no_mask_and_the_advice_works(folders):
    images, masks = folders
    Image.fromarray(drawn(32, 40)).save(images / "a.png")
    tifffile.imwrite(masks / "a.tif", blob() * np.float32(0.9))
    with pytest.raises(ValueError, match=r"\(mask > 0\.5\)\.astype\('uint8'\)"):
        load_folder(images, masks, codes=(0, 1))
    tifffile.imwrite(masks / "a.tif", (read_mask(masks / "a.tif") > 0.5).astype("uint8"))
    assert np.array_equal(load_folder(images, masks, codes=(0, 1)).pairs[0].mask, blob())


@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "packbits", "zstd"])
@pytest.mark.parametrize("tile", [None, (64, 64)])
def test_half_a_file_is_refused_whole_and_in_the_missing_window(tmp_path, compression, tile):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, drawn(512, 512), compression=compression, tile=tile, rowsperstrip=None if tile else 32)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=r"a\.tif: the picture is broken or cut short"):
        read_image(path)
    with pytest.raises(ValueError, match=r"a\.tif: the picture is broken or cut short"):
        open_image(path)[480:, 400:]


@pytest.mark.parametrize("place", ["_x{}_y{}", " [x={},y={},w=40,h=32]", "_r{}_c{}", "-tile_row{}_col{}"])
def test_tiles_of_a_slide_stay_together_without_being_told(folders, capsys, place):
    images, masks = folders
    for slide in ("A1", "B7", "C2"):
        for x, y in ((0, 0), (0, 32), (40, 0)):
            name = f"{slide}{place.format(x, y)}.png"
            Image.fromarray(drawn(32, 40)).save(images / name)
            Image.fromarray(blob()).save(masks / name)
    data = load_folder(images, masks, codes=(0, 1))
    assert {pair.group for pair in data.pairs} == {"A1", "B7", "C2"}
    assert "Tiles by their names: 9 of 3 image(s)" in capsys.readouterr().out
    training, validation = split(data, 0.6)
    assert not {pair.group for pair in training.pairs} & {pair.group for pair in validation.pairs}
    each = load_folder(images, masks, codes=(0, 1), group=lambda path: path.name)
    assert len({pair.group for pair in each.pairs}) == 9


@pytest.mark.parametrize("name", ["plate1_r03c05f01", "cell_12", "x1_y2", "2024-05-06_c1", "box_xy12"])
def test_other_numbers_are_no_tiles(name):
    assert slide_of(f"{name}.png") is None
