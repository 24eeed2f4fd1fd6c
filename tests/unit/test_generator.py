"""The generator's fifty randomisations: each does something, each can be switched off, none disturbs another."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy.ndimage import label

from unet_lab.datasets import CellParameters, generate_cell, generate_cells

NAMES = list(CellParameters.describe())
CHANCES = [name for name in NAMES if name.endswith("_chance")]


def drawn(name, share, seed=5, size=96):
    return generate_cell(
        seed, size, look=replace(CellParameters().eased(0).showing(name), **{name: CellParameters.value(name, share)})
    )


def test_there_are_fifty_with_words_and_groups():
    assert len(NAMES) >= 50
    assert all(len(words) > 8 for words in CellParameters.describe().values())
    groups = CellParameters.groups()
    assert sorted(n for names in groups.values() for n in names) == sorted(NAMES)
    assert set(groups) == {"frame", "outline", "nucleus", "cytoplasm", "chromatin", "microscope"}


@pytest.mark.parametrize("name", NAMES)
def test_each_parameter_changes_the_picture(name):
    least, most = drawn(name, 0.0), drawn(name, 1.0)
    assert (least.image.astype(int) != most.image.astype(int)).mean() > 0.002, name


LOOKS = ["chromatin_contrast", "mitochondria", "noise", "shading", "vacuoles", "debris", "scale_bar_chance"]
SHAPES = ["nucleus_size", "microvilli", "magnification", "missed_chance", "empty_chance", "grid_bar_chance"]


@pytest.mark.parametrize("name", LOOKS)
def test_what_is_no_shape_leaves_the_mask_alone(name):
    assert np.array_equal(drawn(name, 0.0).mask, drawn(name, 1.0).mask)


@pytest.mark.parametrize("name", SHAPES)
def test_what_is_shape_changes_the_mask(name):
    assert not np.array_equal(drawn(name, 0.0).mask, drawn(name, 1.0).mask)


def test_one_parts_chances_do_not_disturb_another():
    """More grooves change the nucleus; every pixel of the outline, and of what lies outside the cell, stays."""
    few, many = drawn("grooves", 0.0), drawn("grooves", 1.0)
    outside = few.mask == 0
    assert np.array_equal(outside, many.mask == 0)
    assert np.array_equal(few.image[:8], many.image[:8])
    assert ((few.mask == 2) != (many.mask == 2)).any()


def test_frames_may_be_empty_or_miss_the_nucleus():
    assert not drawn("empty_chance", 1.0).mask.any()
    assert set(np.unique(drawn("missed_chance", 1.0).mask)) == {0, 1}
    assert set(np.unique(drawn("missed_chance", 0.0).mask)) == {0, 1, 2}


@given(st.integers(0, 10**12), st.sampled_from([32, 47, 96]), st.floats(0, 1))
@hypothesis_settings(max_examples=40, deadline=None)
def test_any_seed_and_size_gives_a_cell_of_its_kind(seed, size, difficulty):
    image, mask = generate_cell(seed, size, difficulty)
    assert image.shape == mask.shape == (size, size)
    assert image.dtype == mask.dtype == np.uint8
    assert mask.max() <= 2
    assert np.ptp(image) > 0


def test_one_seed_one_picture_alone_in_a_batch_and_in_two_processes():
    alone = [generate_cell(seed, 64) for seed in range(6)]
    for batch in (list(generate_cells(range(6), 64)), list(generate_cells(range(6), 64, workers=2))):
        for a, b in zip(alone, batch, strict=True):
            assert a.image.tobytes() == b.image.tobytes()
            assert a.mask.tobytes() == b.mask.tobytes()


def test_a_seed_shows_one_cell_at_any_size():
    small, large = generate_cell(9, 96, 0.3), generate_cell(9, 192, 0.3)
    assert (large.mask[1::2, 1::2] == small.mask).mean() > 0.97


def test_without_and_eased_take_variety_away():
    plain = CellParameters().eased(0)
    assert plain == CellParameters().without(*CellParameters.groups())
    assert all(least == most for least, most in (getattr(plain, name) for name in NAMES))
    half = CellParameters().eased(0.5)
    for name in NAMES:
        width = [b - a for a, b in (getattr(look, name) for look in (CellParameters(), half))]
        assert width[1] == pytest.approx(width[0] / 2)
    assert CellParameters().without("nucleus").grooves == (0, 0)
    assert CellParameters().without("grooves").groove_depth == CellParameters().groove_depth


def test_values_lie_in_their_ranges():
    rng = np.random.default_rng(0)
    for _ in range(200):
        values = CellParameters().draw(rng)
        for name, value in values.items():
            least, most = CellParameters.default(name)
            assert least <= value <= most, name
    counts = {CellParameters(profiles=(1, 3)).draw(rng)["profiles"] for _ in range(300)}
    assert counts == {1, 2, 3}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"noise": (0.2, 0.1)}, "noise is"),
        ({"noise": "much"}, "allowed is a range"),
        ({"mitochondria": -3}, "cannot be negative"),
        ({"noise": (0.1, float("nan"))}, "allowed is a range"),
    ],
)
def test_a_wrong_range_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        CellParameters(**arguments)


def test_a_wrong_name_is_refused_with_the_right_ones():
    with pytest.raises(ValueError, match=r"no randomisation 'colour'; there are magnification.*groups: frame"):
        CellParameters().without("colour")
    with pytest.raises(ValueError, match="difficulty is 2"):
        generate_cell(1, 64, 2)


def test_neighbours_and_debris_are_background():
    look = replace(CellParameters().eased(0), neighbours=3, debris=12, loose_pieces=8)
    for seed in range(12):
        assert label(generate_cell(seed, 96, look=look).mask > 0)[1] == 1


def test_a_cell_may_be_cut_by_the_frame():
    look = replace(CellParameters().eased(0), magnification=1.25, cell_offset=0.13, cell_radius=0.43)
    mask = generate_cell(3, 96, look=look).mask
    assert np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]]).any()
