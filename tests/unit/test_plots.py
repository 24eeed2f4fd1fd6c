"""Figures: the same colour for a class everywhere, and colours that colour-blind readers can tell apart."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from unet_lab.datasets import generate_cell
from unet_lab.metrics import confusion_matrix
from unet_lab.plots import (
    ERROR_COLOUR,
    class_colours,
    draw_bar,
    draw_map,
    draw_numbers,
    draw_unet,
    error_map,
    heat_over,
    mosaic,
    overlay,
    panel_row,
    show_confusion,
    show_curves,
    show_feature_maps,
    show_heat,
    show_histogram,
    show_numbers,
    show_samples,
    show_triplets,
)
from unet_lab.training import EpochReport

CELL = generate_cell(4, 64)


def test_overlay_leaves_the_background_grey_and_colours_the_rest():
    picture = overlay(CELL.image, CELL.mask)
    assert picture.shape == (64, 64, 3)
    assert picture.min() >= 0
    assert picture.max() <= 1
    background = picture[CELL.mask == 0]
    assert np.array_equal(background[:, 0], background[:, 2])
    body = picture[CELL.mask == 1]
    assert (body[:, 2] > body[:, 0]).all()  # blue
    nucleus = picture[CELL.mask == 2]
    assert (nucleus[:, 0] > nucleus[:, 2]).all()  # orange


def test_error_map_marks_the_wrong_pixels_and_no_other():
    wrong = CELL.mask.copy()
    wrong[10, 20] = (wrong[10, 20] + 1) % 3
    marked = error_map(CELL.image, CELL.mask, wrong)
    clean = error_map(CELL.image, CELL.mask, CELL.mask)
    assert np.argwhere((marked != clean).any(axis=-1)).tolist() == [[10, 20]]


# Machado et al. 2009, "A physiologically-based model for simulation of color vision deficiency", severity 1.0.
_PROTAN = np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]])
_DEUTAN = np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]])
_TRITAN = np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]])


@pytest.mark.parametrize("seen_by", [np.eye(3), _PROTAN, _DEUTAN, _TRITAN])
def test_class_colours_differ_for_every_eye(seen_by):
    colours = np.clip(np.array(class_colours(3)) @ seen_by.T, 0, 1)
    for a in range(3):
        for b in range(a):
            assert np.linalg.norm(colours[a] - colours[b]) > 0.2


def test_every_figure_draws_and_says_what_it_shows():
    report = EpochReport(1, 2, 0.5, 0.6, 0.9, 0.8, 0.88, 1e-3, 1.0, True)
    shifted = np.roll(CELL.mask, 2, axis=0)
    wrong = (CELL.mask != shifted).mean()
    pictures = {
        "2 images": show_samples([(*CELL, "a"), (*CELL, "b")]),
        f"{wrong:.1%}": show_triplets([CELL.image], [CELL.mask], [shifted]),
        "from 0.5 to 0.5": show_curves([report]),
        "no epoch has finished": show_curves([]),
        "100% of nucleus found": show_confusion(confusion_matrix(CELL.mask, CELL.mask), marked=(0, 0)),
        "one curve per class": show_histogram(*CELL),
        "572 pixels in, 388 out": draw_unet(),
    }
    for words, picture in pictures.items():
        assert words in picture.alt
        assert picture.png().startswith(b"\x89PNG")
        assert picture.get_size_inches()[0] <= 10


def test_a_drawn_u_has_a_box_per_feature_map_and_marks_what_does_not_fit():
    axes = draw_unet(100, depth=3, base_channels=16, padding="same").axes[0]
    texts = [t.get_text() for t in axes.texts]
    assert texts.count("16 ch") == 2
    assert "25²" in texts
    assert sum(to_hex(p.get_facecolor()).upper() == ERROR_COLOUR for p in axes.patches) == 1  # the odd size


def test_a_drawn_u_says_its_scale_and_what_each_skip_is_cropped_to():
    texts = " ".join(t.get_text() for t in draw_unet().axes[0].texts)
    assert "square root" in texts
    for given, below in ((568, 196), (280, 100), (136, 52)):  # as in figure 1 of the paper: the box on the right, doubled
        assert f"cropped from {given} to 2·{below} = {2 * below}" in texts
    assert "64 to 56" in texts
    assert "cropped" not in " ".join(t.get_text() for t in draw_unet(512, padding="same").axes[0].texts)


def test_a_mosaic_holds_every_map_in_its_own_range():
    maps = np.stack([np.full((3, 4), 7.0), np.arange(12.0).reshape(3, 4), -np.arange(12.0).reshape(3, 4)])
    whole, columns = mosaic(maps)
    assert (whole.shape, columns) == ((7, 9), 2)
    assert whole[:3, :4].max() == 0, "a map that is the same everywhere is black, not noise"
    assert (whole[0, 5], whole[2, 8]) == (0, 1)
    assert (whole[4, 0], whole[6, 3]) == (1, 0)
    assert np.isnan(whole[3]).all()
    assert mosaic(np.zeros((100, 2, 2)))[0].shape == (8 * 3 - 1, 8 * 3 - 1), "64 at most"


def test_heat_leaves_the_image_where_there_is_none():
    image = np.arange(16, dtype=np.uint8).reshape(4, 4)
    heat = np.zeros((4, 4), np.float32)
    heat[1, 2] = 3
    picture = heat_over(image, heat)
    assert picture.shape == (4, 4, 3)
    grey = [tuple(p) for row, line in enumerate(picture) for column, p in enumerate(line) if (row, column) != (1, 2)]
    assert all(r == g == b for r, g, b in grey)
    red, _green, blue = picture[1, 2]
    assert red > 0.8
    assert blue < 0.4
    assert np.isfinite(heat_over(np.zeros((2, 2)), np.zeros((2, 2)))).all()


def test_new_figures_say_what_is_on_them():
    maps = np.random.default_rng(0).random((5, 8, 8))
    assert show_feature_maps(maps, "layer x", chosen=3).alt == "layer x: 5 channels of 8 x 8; channel 3 large."
    assert "first; second" in show_heat(maps[0], [maps[1], maps[2]], ["first", "second"], (1, 1)).alt
    assert show_numbers([np.eye(3), [[1, 2]]], ["eye", "row"]).alt == "eye: 3 x 3 numbers; row: 1 x 2 numbers"
    for picture in (show_feature_maps(maps), show_heat(maps[0], [maps[1]], ["one"]), show_numbers([0.5 * np.eye(9)], ["halves"])):
        assert picture.png().startswith(b"\x89PNG")


def test_numbers_outside_what_is_known_are_not_written():
    _, (axes,) = panel_row((1,), 3, "One grid of numbers.")
    draw_numbers(axes, np.array([[1.0, 2.0], [3.0, 4.5]]), known=np.array([[True, False], [True, True]]), padding=0)
    assert sorted(text.get_text() for text in axes.texts) == ["1.00", "3.00", "4.50"]


def test_a_map_with_both_signs_is_white_at_zero():
    picture, (left, right) = panel_row((1, 1), 3, "Two maps.")
    drawn = draw_map(left, np.array([[-1.0, 3.0]]))
    assert drawn.get_clim() == (-3, 3)
    assert draw_map(right, np.array([[0.0, 3.0]])).get_clim() == (0, 3)
    draw_bar(picture, right, drawn, "nats")
    assert draw_map(right, np.zeros((2, 2))).get_clim() == (0, 1)


def test_colour_is_shown_in_colour_and_unjudged_pixels_are_neither_right_nor_wrong():
    from unet_lab.plots import error_map, show_mask
    from unet_lab.plots.images import as_rgb

    colour = np.zeros((6, 8, 3), np.uint8)
    colour[..., 0] = 200
    assert np.array_equal(as_rgb(colour)[0, 0], [1, 0, 0])
    assert as_rgb(np.dstack([colour, colour])).shape == (6, 8, 3)
    mask = np.zeros((6, 8), np.uint8)
    mask[2:4], mask[4:] = 1, 255
    laid = overlay(colour, mask)
    assert np.array_equal(laid[5], as_rgb(colour)[5])
    assert not np.array_equal(laid[2], as_rgb(colour)[2])
    wrong = error_map(colour, mask, 1 - (mask > 0).astype(np.uint8))
    assert np.array_equal(wrong[5], error_map(colour, mask, mask)[5])
    figure = show_triplets([colour], [mask], [np.zeros_like(mask)])
    assert "wrong pixels: 50.0%" in figure.alt
    axes = figure.subplots(1, 1)
    show_mask(axes, mask)
    assert np.ma.is_masked(axes.images[0].get_array())
    assert show_samples([(colour, mask, "a")]).axes


def test_neighbours_have_different_colours():
    from unet_lab.datasets import generate_field
    from unet_lab.objects import find_neighbours
    from unet_lab.plots import object_colours

    for seed in range(4):
        cells = generate_field(seed, size=160, cells=30, touching=1.0).cells.astype(int)
        colours = object_colours(cells)
        assert colours.keys() == set(range(1, 31))
        assert all(colours[a] != colours[b] for a, b in find_neighbours(cells, 4))


def test_objects_are_laid_over_the_image_and_marked_ones_in_the_error_colour():
    from matplotlib.colors import to_rgb

    from unet_lab.plots import ERROR_COLOUR, show_objects
    from unet_lab.plots.objects import OBJECT_COLOURS

    labels = np.array([[0, 1, 1, 0], [0, 0, 0, 7]])
    _, (axes,) = panel_row((1,), 2, "Two objects.")
    show_objects(axes, None, labels, marked=[7], strength=1.0)
    shown = axes.images[0].get_array()
    assert np.allclose(shown[0, 1], to_rgb(OBJECT_COLOURS[0]))
    assert np.allclose(shown[1, 3], to_rgb(ERROR_COLOUR))
    assert np.allclose(shown[0, 0], class_colours()[0])


def test_every_value_is_a_point_and_the_bar_is_the_mean():
    from unet_lab.plots import draw_histogram_with_points, draw_points

    _, (left, right) = panel_row((1, 1), 3, "Points.")
    groups = {"a": [1.0, 2.0, 6.0], "b": [4.0], "none": []}
    draw_points(left, groups, "area")
    points = [line for line in left.lines if line.get_marker() == "o"]
    assert [sorted(line.get_ydata()) for line in points] == [[1, 2, 6], [4], []]
    assert all(abs(x - place) < 0.3 for place, line in enumerate(points) for x in line.get_xdata())
    assert [float(bar.get_segments()[0][0, 1]) for bar in left.collections] == [3, 4]
    draw_histogram_with_points(right, [0.5, 0.6, np.nan, 2.5], np.array([0, 1, 2, 3]), "area")
    assert list(right.patches[0].get_data().values) == [2, 0, 1]
    assert len(right.lines[0].get_xdata()) == 3
