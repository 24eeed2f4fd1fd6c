"""Forty kinds of broken or odd data sets, written as real files: each is named by the doctor, or loaded right."""

import numpy as np
import pytest
from PIL import Image

from unet_lab.datasets import (
    CellParameters,
    Pair,
    SegmentationDataset,
    decode_mask,
    generate_cell,
    load_folder,
    propose_codes,
    read_mask,
    snap_mask,
    split,
)
from unet_lab.doctor import examine_data

CODES = (51, 153, 255)
LOOK = CellParameters().without("neighbours", "grid_bar_chance", "charging")
CELLS = [generate_cell(seed, 96, look=LOOK) for seed in range(40, 50)]


@pytest.fixture
def folder(tmp_path):
    """A clean set of ten pairs as PNG files: (images, masks)."""
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for k, cell in enumerate(CELLS):
        Image.fromarray(cell.image).save(tmp_path / "images" / f"{k:02d}.png")
        Image.fromarray(decode_mask(cell.mask)).save(tmp_path / "masks" / f"{k:02d}.png")
    return tmp_path / "images", tmp_path / "masks"


def change(folder, number, function):
    """Rewrite one picture as `function` of its array."""
    path = folder / f"{number:02d}.png"
    Image.fromarray(function(np.asarray(Image.open(path)))).save(path)


def every(folder, function):
    for k in range(len(CELLS)):
        change(folder, k, function)


def resized(array, size, method):
    return np.asarray(Image.fromarray(array).resize(size, method))


def interpolated(array):
    return resized(resized(array, (60, 60), Image.Resampling.BILINEAR), (96, 96), Image.Resampling.BILINEAR)


def through_jpeg(folder, number):
    jpeg(folder, number)
    path = folder / f"{number:02d}.jpg"
    Image.open(path).save(path.with_suffix(".png"))
    path.unlink()


def exchange(first, second):
    """Give each of two files the other's content."""
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)


def renamed(folder, pattern):
    for k in range(len(CELLS)):
        (folder / f"{k:02d}.png").rename(folder / pattern.format(k))


def copied(i, m):
    for f in (i, m):
        (f / "08.png").write_bytes((f / "01.png").read_bytes())


def swap(mask, first, second):
    out = mask.copy()
    out[mask == first], out[mask == second] = second, first
    return out


def cut(path):
    path.write_bytes(path.read_bytes()[:300])


def jpeg(folder, number):
    path = folder / f"{number:02d}.png"
    Image.open(path).save(path.with_suffix(".jpg"), quality=80)
    path.unlink()


def stack(path, arrays):
    frames = [Image.fromarray(a) for a in arrays]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def deep(array, factor):
    return array.astype(np.uint16) * factor


# name of the finding, what breaks the set, where the finding must say that it is
BROKEN = {
    "a mask is missing": ("pairs do not match", lambda i, m: (m / "03.png").unlink(), None),
    "an image is missing": ("pairs do not match", lambda i, m: (i / "03.png").unlink(), None),
    "two files of one name": ("pairs do not match", lambda i, m: (i / "03.bmp").write_bytes((i / "03.png").read_bytes()), None),
    "a mask of another size": (
        "sizes of image and mask differ",
        lambda i, m: change(m, 4, lambda a: resized(a, (48, 48), Image.Resampling.NEAREST)),
        "04.png",
    ),
    "a mask turned by 90 degrees": (
        "sizes of image and mask differ",
        lambda i, m: (change(i, 4, lambda a: a[:80]), change(m, 4, lambda a: a[:80].T)),
        "04.png",
    ),
    "an image of another size, its mask too": (
        "images of several sizes",
        lambda i, m: (change(i, 4, lambda a: a[:80]), change(m, 4, lambda a: a[:80])),
        "04.png",
    ),
    "masks resized with interpolation": (
        "interpolation greys",
        lambda i, m: every(m, interpolated),
        "00.png",
    ),
    "one mask resized with interpolation": (
        "interpolation greys",
        lambda i, m: change(m, 2, interpolated),
        "02.png",
    ),
    "masks that were JPEG once": (
        "interpolation greys",
        lambda i, m: [through_jpeg(m, k) for k in range(10)],
        "00.png",
    ),
    "a mask as JPEG": ("JPEG masks", lambda i, m: jpeg(m, 6), "06.jpg"),
    "a class that never occurs": (
        "absent classes",
        lambda i, m: every(m, lambda a: np.where(a == 153, np.uint8(51), a)),
        None,
    ),
    "all masks background": ("one class only", lambda i, m: every(m, lambda a: np.full_like(a, 51)), "00.png"),
    "a lost mask": ("masks of one class", lambda i, m: change(m, 5, lambda a: np.full_like(a, 51)), "05.png"),
    "nucleus and background exchanged": ("reordered classes", lambda i, m: change(m, 5, lambda a: swap(a, 51, 255)), "05.png"),
    "background and body exchanged": ("reordered classes", lambda i, m: change(m, 5, lambda a: swap(a, 51, 153)), "05.png"),
    "a mask in other greys": ("greys without a class", lambda i, m: change(m, 5, lambda a: a // 51), "05.png"),
    "an inverted image": ("inverted images", lambda i, m: change(i, 7, lambda a: 255 - a), "07.png"),
    "a constant image": ("constant images", lambda i, m: change(i, 7, lambda a: np.full_like(a, 90)), "07.png"),
    "a burnt image": (
        "saturated images",
        lambda i, m: change(i, 7, lambda a: np.clip(a.astype(int) * 4, 0, 255).astype(np.uint8)),
        "07.png",
    ),
    "a black image": ("saturated images", lambda i, m: change(i, 7, lambda a: np.where(a > np.quantile(a, 0.8), a, 0)), "07.png"),
    "8 bit saved as 16": ("8 bit in 16", lambda i, m: every(i, lambda a: deep(a, 1)), "00.png"),
    "one image of 16 bit": ("mixed bit depth", lambda i, m: change(i, 7, lambda a: deep(a, 257)), "07.png"),
    "an image of four greys": ("few greys", lambda i, m: change(i, 7, lambda a: a // 64 * 64), "07.png"),
    "the masks are the images": (
        "masks are the images",
        lambda i, m: [(m / f"{k:02d}.png").write_bytes((i / f"{k:02d}.png").read_bytes()) for k in range(10)],
        "00.png",
    ),
    "images and masks mixed up": (
        "few greys",
        lambda i, m: [exchange(i / f"{k:02d}.png", m / f"{k:02d}.png") for k in range(10)],
        "00.png",
    ),
    "a copy": ("near-duplicates", copied, "01.png = 08.png"),
    "a copy, turned and brighter": (
        "near-duplicates",
        lambda i, m: (
            copied(i, m),
            change(i, 8, lambda a: (np.rot90(a) * 0.7 + 40).astype(np.uint8)),
            change(m, 8, np.rot90),
        ),
        "01.png = 08.png",
    ),
    "a flipped mask": ("flipped masks", lambda i, m: change(m, 3, lambda a: a[:, ::-1]), "03.png"),
    "a broken image": ("unreadable files", lambda i, m: cut(i / "03.png"), "03.png"),
    "a mask that is a text": ("unreadable files", lambda i, m: (m / "03.png").write_text("no picture"), "03.png"),
    "an image of floats": (
        "mixed bit depth",
        lambda i, m: (Image.fromarray(CELLS[3].image.astype(np.float32)).save(i / "03.tif"), (i / "03.png").unlink()),
        "03.tif",
    ),
    "pages without masks": (
        "pages differ",
        lambda i, m: (stack(i / "03.tif", [CELLS[3].image] * 2), (i / "03.png").unlink()),
        "03.tif",
    ),
    "files that are not read": ("unread files", lambda i, m: (i / "11.npy").write_bytes(b"numbers"), "11.npy"),
}


def test_a_clean_set_gets_no_word(folder):
    found = examine_data(*folder, codes=CODES)
    assert found == ()
    assert "healthy" in str(found)
    assert "healthy" in found._repr_html_()
    assert examine_data(*folder) == ()  # and none without codes
    assert len(load_folder(*folder, codes=CODES)) == 10


@pytest.mark.parametrize(
    ("first", "difficulty", "size"), [(0, 1.0, 64), (200, 1.0, 96), (400, 0.5, 96), (600, 0.1, 64), (800, 1.0, 128)]
)
def test_generated_sets_get_no_word(first, difficulty, size):
    cells = SegmentationDataset.generated(40, size, first, difficulty)
    assert examine_data(cells) == ()
    training, validation = split(cells)
    assert examine_data(training, validation=validation) == ()


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_sets_are_named(folder, kind):
    name, damage, where = BROKEN[kind]
    damage(*folder)
    before = {p: p.read_bytes() for f in folder for p in f.iterdir()}
    found = examine_data(*folder, codes=CODES)
    assert name in found.names, str(found)
    finding = found[found.names.index(name)]
    if where is not None:
        assert where in finding.where
    assert all((finding.what, finding.why, finding.fix))
    assert finding.fix in str(found)
    assert name in found._repr_html_()
    assert {p: p.read_bytes() for f in folder for p in f.iterdir()} == before


def test_a_broken_set_gets_few_words_beside_the_right_ones(folder):
    """A single flaw is not drowned: on average less than one finding more."""
    extra = []
    for kind in ("a lost mask", "an inverted image", "a copy", "one image of 16 bit", "a mask as JPEG"):
        name, damage, _ = BROKEN[kind]
        originals = {p: p.read_bytes() for f in folder for p in f.iterdir()}
        damage(*folder)
        extra.append(len([n for n in examine_data(*folder, codes=CODES).names if n != name]))
        for f in folder:
            for p in f.iterdir():
                p.unlink()
        for p, content in originals.items():
            p.write_bytes(content)
    assert np.mean(extra) < 1


def shuffled(pairs):
    return [Pair(p.image, pairs[(k + 3) % len(pairs)].mask, f"{k}") for k, p in enumerate(pairs)]


ARRAYS = {
    "0/255 read as 256 classes": ("codes read as classes", lambda p: [(x.image, np.where(x.mask > 0, 255, 0)) for x in p]),
    "NaN": ("NaN in images", lambda p: [(np.where(x.mask == 2, np.nan, x.image / 255.0), x.mask) for x in p]),
    "masks of floats": ("masks are floats", lambda p: [(x.image, x.mask / 2.0) for x in p]),
    "every third mask of another image": (
        "masks of other images",
        lambda p: [s if k % 3 else o for k, (s, o) in enumerate(zip(p, shuffled(p), strict=True))],
    ),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_broken_arrays_are_named(kind):
    name, damage = ARRAYS[kind]
    cells = SegmentationDataset.generated(12, 96, 40, 0.4)
    assert name in examine_data(damage(cells.pairs)).names


def test_a_leak_across_the_split_is_found_though_it_was_flipped():
    cells = SegmentationDataset.generated(20, 96)
    training, validation = split(cells)
    leaked = training.pairs[4]
    validation = [*validation.pairs, Pair(leaked.image[:, ::-1], leaked.mask[:, ::-1], "flipped")]
    found = examine_data(training, validation=validation)
    assert found.names == ("the same image on both sides",)
    assert found[0].where == (f"{leaked.source} = flipped",)


ODD = {
    "suffixes": lambda i, m: (renamed(i, "cell_{:02d}_image.png"), renamed(m, "cell_{:02d}_mask.png")),
    "leading zeros": lambda i, m: (renamed(i, "frame {}.png"), renamed(m, "Frame-{:03d}_drawn.png")),
    "RGB images": lambda i, m: every(i, lambda a: np.repeat(a[..., None], 3, 2)),
    "RGBA masks": lambda i, m: every(m, lambda a: np.dstack([a, a, a, np.full_like(a, 255)])),
    "TIFF, LZW": lambda i, m: [
        (Image.open(f / f"{k:02d}.png").save(f / f"{k:02d}.tif", compression="tiff_lzw"), (f / f"{k:02d}.png").unlink())
        for f in (i, m)
        for k in range(10)
    ],
    "unicode names": lambda i, m: [renamed(f, "Zellkörper №{} 細胞.png") for f in (i, m)],
    "JPEG images": lambda i, m: jpeg(i, 3),
    "hidden files": lambda i, m: (i / "._00.png").write_bytes(b"of a Mac"),
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_sets_are_loaded_right(folder, kind):
    ODD[kind](*folder)
    cells = load_folder(*folder, codes=CODES)
    assert sorted(p.mask.tobytes() for p in cells.pairs) == sorted(c.mask.tobytes() for c in CELLS)
    assert examine_data(*folder, codes=CODES) == ()


def test_pages_of_a_tiff_are_samples(tmp_path):
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    stack(tmp_path / "images" / "all.tif", [deep(c.image, 257) for c in CELLS])
    stack(tmp_path / "masks" / "all.tif", [decode_mask(c.mask) for c in CELLS])
    cells = load_folder(tmp_path / "images", tmp_path / "masks", CODES)
    assert len(cells) == 10
    assert cells.pairs[3].source == "all.tif page 4"
    assert np.array_equal(cells.pairs[3].mask, CELLS[3].mask)
    assert cells.pairs[3].image.dtype == np.uint16


@pytest.mark.parametrize("mode", ["palette", "rgb"])
def test_colours_are_proposed_shown_and_read(folder, mode):
    images, masks = folder
    colours = np.array([(0, 0, 0), (200, 30, 30), (30, 30, 220)], np.uint8)
    for k, cell in enumerate(CELLS):
        picture = Image.fromarray(colours[cell.mask])
        if mode == "palette":
            picture = Image.fromarray(cell.mask)
            picture.putpalette(colours.ravel().tolist())
        picture.save(masks / f"{k:02d}.png")
    Image.fromarray(np.zeros_like(CELLS[0].mask)).save(masks / "00.png")  # all black: read as grey, but one of these all the same
    table = propose_codes(masks)
    assert table.files == (10, 9, 9)
    if mode == "palette":
        assert table.codes == (0, 1, 2)
        by_index = load_folder(images, masks, codes=table.codes)
        assert np.array_equal(by_index.pairs[4].mask, CELLS[4].mask)
    else:
        assert set(table.codes) == {tuple(c) for c in colours.tolist()}
        assert table.codes[0] == (0, 0, 0)
        assert "(200, 30, 30)" in str(table)
    with pytest.raises(ValueError, match="which grey means which class"):
        load_folder(images, masks)
    cells = load_folder(images, masks, codes=colours.tolist())
    assert np.array_equal(cells.pairs[4].mask, CELLS[4].mask)
    assert not cells.pairs[0].mask.any()


def test_several_codes_may_mean_one_class(folder):
    cells = load_folder(*folder, codes={51: 0, 153: 1, 255: 1})
    assert cells.num_classes == 2
    assert np.array_equal(cells.pairs[4].mask, np.minimum(CELLS[4].mask, 1))
    with pytest.raises(ValueError, match="none left out"):
        load_folder(*folder, codes={51: 0, 153: 1, 255: 3})


def test_a_table_of_codes_is_a_proposal_and_refuses_what_is_no_mask(folder):
    images, masks = folder
    table = propose_codes(masks)
    assert table.codes == CODES
    assert sum(table.shares) == pytest.approx(1)
    assert table.files == (10, 10, 10)
    with pytest.raises(ValueError, match="nobody means so many classes"):
        _ = propose_codes(images).codes
    assert "more" in str(propose_codes(images))
    every(masks, np.zeros_like)
    with pytest.raises(ValueError, match="one code only"):
        _ = propose_codes(masks).codes


def test_snapping_mends_most_of_an_interpolated_mask():
    mask = decode_mask(CELLS[0].mask)
    blurred = interpolated(mask)
    assert set(np.unique(snap_mask(blurred, CODES))) == set(CODES)
    assert (snap_mask(blurred, CODES) == mask).mean() > 0.95
    assert np.array_equal(snap_mask(mask, CODES), mask)
    with pytest.raises(ValueError, match="whole numbers"):
        snap_mask(mask / 2.0, CODES)


def test_the_doctor_says_what_it_needs(tmp_path):
    with pytest.raises(ValueError, match="masks is missing"):
        examine_data(tmp_path)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        examine_data(tmp_path / "a", tmp_path / "b")


def test_a_palette_mask_reads_as_it_is_seen(tmp_path):
    picture = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8))
    picture.putpalette([51, 51, 51, 153, 153, 153, 255, 255, 255])
    picture.save(tmp_path / "mask.png")
    assert read_mask(tmp_path / "mask.png").tolist() == [[51, 153], [255, 153]]
