"""What goes in: codes, pairs, splits without leakage, files good and bad, the generator."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from scipy.ndimage import label

from unet_lab.datasets import (
    MASK_CODES,
    Pair,
    SegmentationDataset,
    decode_mask,
    encode_mask,
    find_codes,
    generate_cell,
    load_cells,
    load_folder,
    read_image,
    split,
    standardise,
    write_image,
)
from unet_lab.files import DATA

indices = hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 2))


@given(indices, st.permutations([0, 51, 153, 255, 700, 65535]))
def test_encoding_undoes_decoding(mask, codes):
    assert np.array_equal(encode_mask(decode_mask(mask, codes[:3]), codes[:3]), mask)


def test_codes_are_dark_light_white():
    assert len(MASK_CODES) == 3
    assert MASK_CODES[0] < 102 < MASK_CODES[1] < 200 < MASK_CODES[2] == 255


def test_a_mask_resized_with_interpolation_is_refused_with_the_reason():
    mask = decode_mask(generate_cell(1, 64).mask)
    resized = np.asarray(Image.fromarray(mask).resize((100, 100), Image.Resampling.BILINEAR))
    with pytest.raises(ValueError, match="resized with interpolation"):
        encode_mask(resized)


@pytest.mark.parametrize(
    ("mask", "codes", "message"),
    [
        (np.array([[0, 7]]), (0, 255), r"no code: 7 \(1 px\)"),
        (np.zeros((2, 2, 3), np.uint8), (0, 255), "give colours as codes"),
        (np.full((2, 2), 0.5), (0, 255), "whole numbers"),
        (np.zeros((2, 2), np.uint8), (0, 0), "all? ?different|2 to 254 different"),
        (np.zeros((2, 2), np.uint8), (0,), "2 to 254"),
    ],
)
def test_bad_masks_are_refused(mask, codes, message):
    with pytest.raises(ValueError, match=message):
        encode_mask(mask, codes)


def test_grey_codes_are_not_taken_for_indices():
    with pytest.raises(ValueError, match=r"0 and 255 only.*encode_mask\(mask, \(0, 255\)\)"):
        SegmentationDataset([(np.zeros((4, 4), np.uint8), np.eye(4, dtype=np.uint8) * 255)])
    with pytest.raises(ValueError, match=r"from 0 to 128; allowed are class indices 0 to 2\. These look like grey codes"):
        SegmentationDataset([(np.zeros((4, 4), np.uint8), np.eye(4, dtype=np.uint8) * 128)])


def test_binary_mask_of_booleans_is_read():
    assert encode_mask(np.array([[True, False]]), (0, 1)).tolist() == [[1, 0]]


def test_items_are_standardised_float_images_and_int64_masks():
    image, mask = SegmentationDataset.generated(1, size=48)[0]
    assert image.shape == (1, 48, 48)
    assert image.dtype == torch.float32
    assert mask.shape == (48, 48)
    assert mask.dtype == torch.int64
    assert image.mean().item() == pytest.approx(0, abs=1e-5)
    assert image.std(unbiased=False).item() == pytest.approx(1, abs=1e-5)


@given(hnp.arrays(np.uint8, (6, 7), elements=st.integers(0, 120)), st.floats(0.5, 2), st.floats(-5, 5))
def test_standardising_undoes_brightness_and_contrast(image, contrast, brightness):
    if image.std() < 1:
        return
    np.testing.assert_allclose(standardise(image * contrast + brightness), standardise(image), atol=1e-3)


def test_a_constant_image_becomes_zeros_and_nan_is_refused():
    assert not standardise(np.full((3, 3), 9, np.uint8)).any()
    with pytest.raises(ValueError, match="1 of 4 pixels are NaN"):
        standardise(np.array([[0.0, 1.0], [np.nan, 2.0]]))


def test_datasets_name_the_pair_that_is_wrong():
    good = np.zeros((4, 4), np.uint8)
    with pytest.raises(ValueError, match=r"pair 1: the image is 4 x 4 and the mask 2 x 4"):
        SegmentationDataset([(good, good), (good, good[:2])])
    with pytest.raises(ValueError, match="empty"):
        SegmentationDataset([])
    with pytest.raises(ValueError, match="count is 0"):
        SegmentationDataset.generated(0)


@given(st.integers(2, 12), st.integers(1, 4), st.floats(0.05, 0.95), st.integers(0, 50))
def test_no_image_is_on_both_sides_of_a_split(images, crops, fraction, seed):
    rng = np.random.default_rng(seed)
    pairs = [
        Pair(rng.integers(0, 255, (4, 4)).astype(np.uint8), np.zeros((4, 4), np.uint8), f"image {i}")
        for i in range(images)
        for _ in range(crops)
    ]
    training, validation = split(SegmentationDataset(pairs), fraction, seed)
    assert len(training) + len(validation) == len(pairs)
    assert not {p.source for p in training.pairs} & {p.source for p in validation.pairs}
    assert len({p.source for p in training.pairs}) == min(max(round(fraction * images), 1), images - 1)


def test_one_image_under_two_names_stays_on_one_side():
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (4, 4)).astype(np.uint8) for _ in range(6)]
    mask = np.zeros((4, 4), np.uint8)
    pairs = [Pair(p, mask, f"{name} {i}") for name in ("a", "copy") for i, p in enumerate(pictures)]
    for seed in range(10):
        training, validation = split(SegmentationDataset(pairs), 0.5, seed)
        sides = [{p.image.tobytes() for p in side.pairs} for side in (training, validation)]
        assert not sides[0] & sides[1]


def test_split_is_by_seed_and_not_by_order():
    dataset = SegmentationDataset.generated(12, size=32)
    first = {p.source for p in split(dataset, seed=3)[0].pairs}
    turned = dataset.subset(range(11, -1, -1))
    assert first == {p.source for p in split(turned, seed=3)[0].pairs}
    assert first != {p.source for p in split(dataset, seed=4)[0].pairs}
    with pytest.raises(ValueError, match="at least two images"):
        split(dataset.subset([0]).crops(16))
    with pytest.raises(ValueError, match="train_fraction is 80"):
        split(dataset, train_fraction=80)


def test_crops_tile_the_image_and_remember_it():
    dataset = SegmentationDataset.generated(2, size=50)
    crops = dataset.crops(20)
    assert len(crops) == 18  # three by three of each: the last overlap
    assert np.array_equal(crops.pairs[4].image, dataset.pairs[0].image[20:40, 20:40])
    assert np.array_equal(crops.pairs[8].image, dataset.pairs[0].image[30:, 30:])
    assert {p.source for p in crops.pairs} == {"seed 0", "seed 1"}
    with pytest.raises(ValueError, match="does not fit"):
        dataset.crops(51)


def test_same_seed_same_bytes_in_any_order():
    forwards = [generate_cell(seed, 64) for seed in (1, 2, 3)]
    backwards = [generate_cell(seed, 64) for seed in (3, 2, 1)][::-1]
    for a, b in zip(forwards, backwards, strict=True):
        assert a.image.tobytes() == b.image.tobytes()
        assert a.mask.tobytes() == b.mask.tobytes()
    assert forwards[0].image.tobytes() != forwards[1].image.tobytes()


def test_generated_cells_look_like_measured_ones():
    """Ranges over three real frames (measured before this project), with room on both sides."""
    cells = [generate_cell(seed, 96) for seed in range(80)]
    shares = np.array([np.bincount(c.mask.ravel(), minlength=3) / c.mask.size for c in cells])
    assert 0.45 < shares[:, 0].mean() < 0.70
    assert 0.15 < shares[:, 1].mean() < 0.35
    assert 0.12 < shares[:, 2].mean() < 0.33
    ratio = shares[:, 2] / shares[:, 1:].sum(axis=1)
    assert 0.33 < np.median(ratio) < 0.59
    background, body, nucleus = (np.array([c.image[c.mask == k].mean() for c in cells]) for k in range(3))
    assert (background > body).mean() > 0.95
    darker = (nucleus < body).mean()
    assert 0.4 < darker < 0.95  # either sign occurs
    assert all(c.image.dtype == c.mask.dtype == np.uint8 for c in cells)
    whole = [label(c.mask > 0)[1] for c in cells]
    assert np.mean([n == 1 for n in whole]) > 0.85  # one labelled cell; a grid bar may cut it
    assert all((c.mask == 2).any() for c in cells)


@pytest.mark.parametrize(("seed", "size"), [(-1, 64), (0, 16), (0, 5000), (0.5, 64), (0, 64.0)])
def test_generator_refuses_what_it_cannot_draw(seed, size):
    with pytest.raises(ValueError, match="allowed are whole numbers"):
        generate_cell(seed, size)


def test_stored_cells_are_forty_pairs_with_three_codes_in_4_mb():
    files = sorted((DATA / "cells").rglob("*.png"))
    assert len(files) == 80
    assert sum(f.stat().st_size for f in files) <= 4e6
    assert find_codes(DATA / "cells" / "masks") == MASK_CODES
    cells = load_cells()
    assert len(cells) == 40
    assert cells.pairs[0].image.shape == (192, 192)


def _folder(path, names, value=0, size=(8, 8)):
    path.mkdir()
    for name in names:
        Image.fromarray(np.full(size, value, np.uint8)).save(path / name)
    return path


def test_folder_pairs_by_name_whatever_the_ending(tmp_path):
    images = _folder(tmp_path / "images", ["a.tif", "b.bmp"], 100)
    masks = _folder(tmp_path / "masks", ["a.png", "b.png"], 255)
    dataset = load_folder(images, masks, codes=(0, 255))
    assert [p.source for p in dataset.pairs] == ["a.tif", "b.bmp"]
    assert dataset.num_classes == 2
    assert (dataset.pairs[0].mask == 1).all()


def test_folder_never_guesses_codes_but_shows_them(tmp_path):
    images = _folder(tmp_path / "images", ["a.png"])
    masks = _folder(tmp_path / "masks", ["a.png"], 77)
    with pytest.raises(ValueError, match="hold the greys 77"):
        load_folder(images, masks)
    with pytest.raises(ValueError, match=r"a\.png: the mask has greys that are no code: 77 \(64 px\)"):
        load_folder(images, masks, codes=(0, 255))


def test_folder_errors_name_the_file(tmp_path):
    images = _folder(tmp_path / "images", ["a.png", "b.png"])
    masks = _folder(tmp_path / "masks", ["a.png"])
    with pytest.raises(ValueError, match=r"b\.png: no mask of the same name"):
        load_folder(images, masks, (0, 255))
    _folder(tmp_path / "small", ["a.png", "b.png"], size=(4, 8))
    with pytest.raises(ValueError, match=r"a\.png: the image is 8 x 8, and its mask 4 x 8"):
        load_folder(images, tmp_path / "small", (0, 255))
    _folder(tmp_path / "jpeg", ["a.jpg", "b.png"])
    with pytest.raises(ValueError, match=r"a\.jpg: JPEG changes greys"):
        load_folder(images, tmp_path / "jpeg", (0, 255))
    (images / "a.bmp").write_bytes((images / "a.png").read_bytes())
    with pytest.raises(ValueError, match="a second file named a"):
        load_folder(images, masks, (0, 255))
    with pytest.raises(FileNotFoundError, match="no such folder"):
        load_folder(tmp_path / "nowhere", masks, (0, 255))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no pictures in it"):
        load_folder(tmp_path / "empty", masks, (0, 255))


def test_images_of_many_kinds_become_grey(tmp_path):
    grey = generate_cell(2, 40).image
    Image.fromarray(grey).convert("RGB").save(tmp_path / "rgb.png")
    Image.fromarray(grey).convert("RGBA").save(tmp_path / "rgba.png")
    Image.fromarray(grey).convert("P").save(tmp_path / "palette.png")
    for name in ("rgb.png", "rgba.png"):
        assert np.array_equal(read_image(tmp_path / name), grey)
    assert np.abs(read_image(tmp_path / "palette.png").astype(int) - grey).max() <= 6
    write_image(tmp_path / "deep.png", grey.astype(np.uint16) * 200)
    deep = read_image(tmp_path / "deep.png")
    assert deep.dtype == np.uint16
    assert np.array_equal(deep, grey.astype(np.uint16) * 200)
    Image.fromarray(grey > 100).save(tmp_path / "bits.png")
    assert set(np.unique(read_image(tmp_path / "bits.png"))) == {0, 255}


def test_broken_files_are_refused_by_name(tmp_path):
    good = tmp_path / "good.png"
    Image.fromarray(generate_cell(2, 64).image).save(good)
    (tmp_path / "cut.png").write_bytes(good.read_bytes()[:400])
    (tmp_path / "text.png").write_text("no PNG, TIFF, BMP, GIF or JPEG")
    (tmp_path / "nothing.png").write_bytes(b"")
    for name, message in (
        ("cut.png", "broken or cut short"),
        ("text.png", "no PNG, TIFF, BMP, GIF or JPEG"),
        ("nothing.png", "no PNG, TIFF, BMP, GIF or JPEG"),
    ):
        with pytest.raises(ValueError, match=rf"{name.replace('.', '[.]')}: .*{message}"):
            read_image(tmp_path / name)
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_image(tmp_path / "missing.png")
    with pytest.raises(ValueError, match="this is a folder"):
        read_image(tmp_path)


def test_a_huge_image_is_refused_before_it_is_decoded(tmp_path):
    Image.new("1", (20_000, 20_000)).save(tmp_path / "huge.png")
    with pytest.raises(ValueError, match=r"huge\.png: .*(100,000,000|pixels)"):
        read_image(tmp_path / "huge.png")


def test_writing_is_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "mask.png"
    write_image(path, np.full((4, 4), 51, np.uint8))
    before = path.read_bytes()

    def full_disk(self, stream, **_):
        stream.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full_disk)
    with pytest.raises(OSError, match="the disk is full"):
        write_image(path, np.zeros((4, 4), np.uint8))
    assert path.read_bytes() == before
    assert [f.name for f in tmp_path.iterdir()] == ["mask.png"]
    with pytest.raises(ValueError, match="written as PNG"):
        write_image(tmp_path / "mask.jpg", np.zeros((4, 4), np.uint8))
    with pytest.raises(ValueError, match="allowed is uint8 or uint16"):
        write_image(path, np.zeros((4, 4)))
