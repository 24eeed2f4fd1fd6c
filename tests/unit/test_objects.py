"""Objects by hand; labels, watersheds and tables equal to scikit-image's; scores equal to an implementation of their own here."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
import skimage.measure
import skimage.morphology
import skimage.segmentation
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.ndimage import binary_dilation, distance_transform_edt, gaussian_filter
from scipy.spatial.distance import cdist
from skimage.metrics import contingency_table

from unet_lab.datasets import generate_field
from unet_lab.objects import (
    border_watershed,
    clear_border,
    distance_watershed,
    find_neighbours,
    flood_fill,
    flood_from_seeds,
    iou_matrix,
    label_objects,
    match_nuclei,
    match_objects,
    measure,
    object_scores,
    separate,
    touches_border,
    touching_borders,
)

masks = hnp.arrays(bool, st.tuples(st.integers(1, 14), st.integers(1, 14)))
derandomised = hypothesis_settings(derandomize=True, deadline=None)


def discs(*centres_and_radii, size=(60, 90)):
    """A mask of discs (row, column, radius)."""
    y, x = np.indices(size)
    return np.any([(y - r) ** 2 + (x - c) ** 2 < radius**2 for r, c, radius in centres_and_radii], axis=0)


# --- labelling


@derandomised
@given(masks, st.sampled_from([4, 8]))
def test_labels_are_scikit_images_and_those_of_the_flood_fill(mask, connectivity):
    expected = skimage.measure.label(mask, connectivity=1 if connectivity == 4 else 2)
    assert np.array_equal(label_objects(mask, connectivity=connectivity), expected)
    assert np.array_equal(flood_fill(mask, connectivity), expected)


def test_labels_of_classes_specks_and_cells_at_the_edge():
    mask = np.array([[0, 1, 1, 0, 0], [0, 0, 0, 0, 0], [0, 1, 2, 2, 0], [0, 0, 0, 0, 0], [255, 255, 0, 2, 0]])
    assert label_objects(mask).tolist() == [[0, 1, 1, 0, 0], [0] * 5, [0, 2, 2, 2, 0], [0] * 5, [0, 0, 0, 3, 0]]
    assert label_objects(mask, classes=(2,)).max() == 2
    assert label_objects(mask, min_area=2)[4, 3] == 0
    assert label_objects(mask, min_area=1)[4, 3] == 3, "as large as asked is large enough"
    assert label_objects(mask, border="drop").tolist() == [[0] * 5, [0] * 5, [0, 1, 1, 1, 0], [0] * 5, [0] * 5]


@derandomised
@given(masks)
def test_dropping_objects_at_the_edge_is_scikit_images(mask):
    labels = label_objects(mask)
    expected = skimage.segmentation.clear_border(labels)
    assert np.array_equal(clear_border(labels), skimage.segmentation.relabel_sequential(expected)[0])
    assert set(touches_border(labels)) == set(np.unique(labels)) - set(np.unique(expected))


@pytest.mark.parametrize(
    ("mask", "options", "words"),
    [
        (np.zeros((4, 4)) + 0.3, {}, "label_objects\\(probability > 0.5\\)"),
        (np.zeros((2, 4, 4), int), {}, "one mask \\(H, W\\)"),
        (np.zeros((0, 4), bool), {}, "at least one pixel"),
        (np.array([[0, 255]], np.uint8), {}, "label_objects\\(mask == 255\\)"),
        (np.array([[0, -1]]), {}, "down to -1"),
        (np.ones((2, 2), bool), {"connectivity": 6}, "connectivity is 6"),
        (np.ones((2, 2), bool), {"border": "cut"}, "border is 'cut'"),
        (np.ones((2, 2), bool), {"min_area": -3}, "min_area is -3"),
    ],
)
def test_what_is_no_mask_is_said(mask, options, words):
    with pytest.raises(ValueError, match=words):
        label_objects(mask, **options)


def test_the_advice_for_a_mask_of_0_and_255_works():
    mask = np.array([[0, 255]], np.uint8)
    assert label_objects(mask == 255).tolist() == [[0, 1]]
    assert label_objects(mask, classes=(1, 2)).max() == 0


# --- separating


@pytest.mark.parametrize("seed", range(5))
def test_distance_watershed_is_scikit_images(seed):
    mask = generate_field(seed, size=128, cells=20).mask > 0
    distances = distance_transform_edt(mask)
    steps = np.rint(distances)  # in whole numbers a waist lower by more than 0.5 is one lower by 1 or more
    peaks = skimage.measure.label(skimage.morphology.h_maxima(steps.astype(int), 1), connectivity=2)
    expected = skimage.segmentation.watershed(-steps, peaks, mask=mask)
    assert np.array_equal(distance_watershed(mask, steps, depth=0.5), expected)
    seeds = label_objects(generate_field(seed, size=128, cells=20).mask == 2)
    expected = skimage.segmentation.watershed(-distances, seeds, mask=mask)
    lost = mask & (expected == 0)  # pieces of the mask without a nucleus
    assert np.array_equal(distance_watershed(mask, seeds=seeds)[~lost], expected[~lost])
    assert (separate(mask, seeds=seeds)[lost] > 0).all()


@pytest.mark.parametrize("seed", range(5))
def test_border_watershed_is_scikit_images(seed):
    field = generate_field(seed, size=128, cells=20)
    classes = np.where(touching_borders(field.cells) & (field.cells > 0), 2, field.cells > 0)
    blurred = np.stack([gaussian_filter((classes == k).astype(float), 0.7) for k in range(3)])
    probabilities = blurred / blurred.sum(axis=0)
    likeliest = probabilities.argmax(axis=0)
    seeds = skimage.measure.label(likeliest == 1, connectivity=1)
    expected = skimage.segmentation.watershed(probabilities[2], seeds, mask=likeliest > 0)
    assert np.array_equal(border_watershed(probabilities)[expected > 0], expected[expected > 0])
    assert np.array_equal(separate(probabilities, "border") > 0, likeliest > 0)


@derandomised
@given(st.integers(0, 10_000))
def test_the_watershed_written_out_is_scikit_images(seed):
    rng = np.random.default_rng(seed)
    heights = rng.random((12, 15))  # no two are equal
    mask = gaussian_filter(rng.random((12, 15)), 1) > 0.47
    seeds = np.where(rng.random((12, 15)) < 0.05, np.arange(1, 181).reshape(12, 15), 0)
    expected = skimage.segmentation.watershed(heights, np.where(mask, seeds, 0), mask=mask)
    assert np.array_equal(flood_from_seeds(heights, seeds, mask), expected)


def test_two_cells_that_touch_are_one_label_and_two_cells_for_the_watershed():
    pair = discs((30, 30, 15), (30, 56, 15))
    assert label_objects(pair).max() == 1
    cut = separate(pair)
    assert cut.max() == 2
    assert len(np.unique(cut[:, :43][pair[:, :43]])) == 1  # cut at the waist, half way between the centres
    assert len(np.unique(cut[:, 44:][pair[:, 44:]])) == 1


def test_depth_says_how_deep_a_waist_must_be():
    """Discs of radius 15 whose centres are 20 apart: in the middle the next background is 12 px away, in a centre 15."""
    pair = discs((30, 30, 15), (30, 50, 15))
    assert distance_transform_edt(pair)[30, [30, 40, 50]].tolist() == [15, 12, 15]
    assert separate(pair, depth=2.9).max() == 2
    assert separate(pair, depth=3.1).max() == 1


def test_one_object_none_and_specks():
    assert separate(discs((30, 40, 15))).max() == 1
    assert separate(np.zeros((9, 9), bool)).max() == 0
    speck = discs((30, 40, 15))
    speck[2, 2] = True
    assert separate(speck).max() == 2, "a small piece beside a large one is an object too"
    assert separate(speck, min_area=4).max() == 1


def test_separate_takes_masks_classes_distances_and_probabilities():
    pair = discs((30, 30, 15), (30, 56, 15))
    classes = np.where(pair, 1, 0)
    probabilities = np.stack([~pair, pair]).astype(np.float32)
    for given_ in (classes, probabilities, distance_transform_edt(pair)):
        assert np.array_equal(separate(given_), separate(pair))


def test_fields_with_their_borders_come_back_cell_by_cell():
    for seed in range(3):
        field = generate_field(seed)
        classes = np.where(touching_borders(field.cells, 1) & (field.cells > 0), 2, field.cells > 0)
        probabilities = np.eye(3)[classes].transpose(2, 0, 1)
        s = object_scores(field.cells, separate(probabilities, "border"))
        assert (s.f1, s.splits, s.merges) == (1.0, 0, 0)
        by_nuclei = separate(field.mask, seeds=field.nuclei)
        assert object_scores(field.cells, by_nuclei).f1 == 1.0


@derandomised
@given(hnp.arrays(np.uint8, (9, 11), elements=st.integers(0, 3)), st.integers(1, 2))
def test_touching_borders_by_brute_force(labels, width):
    expected = np.zeros(labels.shape, bool)
    for row, column in np.ndindex(labels.shape):
        window = labels[max(0, row - width) : row + width + 1, max(0, column - width) : column + width + 1]
        expected[row, column] = len(set(window[window > 0].tolist())) > 1
    assert np.array_equal(touching_borders(labels, width), expected)


HALF = np.full((2, 6, 6), 0.5)


@pytest.mark.parametrize(
    ("prediction", "options", "words"),
    [
        (HALF * 1.2, {}, "add up to 1.2"),
        (HALF * 8 - 5, {"method": "border"}, "Softmax"),
        (np.full((3, 6, 6), np.nan), {"method": "border"}, "NaN"),
        (HALF, {"method": "border"}, "at least three"),
        (np.full((3, 6, 6), 1 / 3), {"method": "border", "border_class": 0}, "0 is background"),
        (np.full((3, 6, 6), 1 / 3), {"method": "border", "border_class": 3}, "border_class is 3"),
        (np.zeros((6, 6), int), {"method": "border"}, r"allowed are probabilities \(C, H, W\)"),
        (HALF.astype(int), {}, "decimal numbers"),
        (HALF[0], {}, "probability > 0.5"),
        (HALF[0] - 1, {}, "logits > 0"),
        (np.ones((6, 6), bool), {"depth": 0}, "depth is 0"),
        (np.ones((6, 6), bool), {"method": "magic"}, "method is 'magic'"),
        (np.ones((6, 6), bool), {"seeds": np.ones((5, 6), int)}, "of one size"),
        (np.ones((6, 6), bool), {"seeds": np.full((6, 6), 0.2)}, "whole numbers"),
    ],
)
def test_what_cannot_be_separated_is_said(prediction, options, words):
    with pytest.raises(ValueError, match=words):
        separate(prediction, **options)


# --- measuring


@pytest.mark.parametrize("seed", range(5))
def test_the_table_is_scikit_images(seed):
    field = generate_field(seed, size=128, cells=20)
    table = measure(field.cells, field.image, pixel_size=0.4)
    names = ("label", "area", "perimeter", "axis_major_length", "axis_minor_length", "solidity", "intensity_mean")
    expected = skimage.measure.regionprops_table(field.cells, field.image, properties=names, spacing=(0.4, 0.4))
    ours = ("label", "area_um2", "perimeter_um", "major_axis_um", "minor_axis_um", "solidity", "mean_grey")
    for name, column in zip(names, ours, strict=True):
        assert np.allclose(table[column], expected[name]), column


def test_a_square_by_hand_in_pixels_and_in_two_units():
    labels = np.zeros((20, 20), int)
    labels[5:15, 4:14] = 700  # any number will do
    row = measure(labels).iloc[0]
    assert (row["label"], row["area_px"], row["solidity"], row["neighbours"], row["at_border"]) == (700, 100, 1.0, 0, False)
    assert row["perimeter_px"] == 36  # through the centres of the outermost pixels
    um, nm = measure(labels, pixel_size=0.5).iloc[0], measure(labels, pixel_size=500, unit="nm").iloc[0]
    assert (um["area_um2"], um["perimeter_um"]) == (25, 18)
    assert nm["area_nm2"] == pytest.approx(25e6)
    assert um["major_axis_um"] == pytest.approx(0.5 * 4 * math.sqrt((10**2 - 1) / 12))


@derandomised
@given(hnp.arrays(np.uint8, (7, 9), elements=st.integers(0, 4)), st.sampled_from([1, 1.5, 2, 3.2]))
def test_neighbours_by_brute_force(labels, distance):
    places = {int(n): np.argwhere(labels == n) for n in np.unique(labels) if n}
    expected = [(a, b) for a in places for b in places if a < b and cdist(places[a], places[b]).min() <= distance]
    assert find_neighbours(labels, distance) == sorted(expected)


def test_neighbours_in_a_row_of_three():
    labels = np.array([[1, 1, 2, 2, 3, 3]])
    assert measure(labels)["neighbours"].tolist() == [1, 2, 1]


def test_nuclei_go_to_the_cell_in_which_most_of_them_lies():
    cells = np.array([[1, 1, 1, 1, 2, 2, 2, 2, 3, 0]])
    nuclei = np.array([[0, 5, 5, 0, 6, 7, 7, 0, 0, 9]])
    assert match_nuclei(cells, nuclei) == {5: 1, 6: 2, 7: 2, 9: 0}
    table = measure(cells, nuclei=nuclei)
    assert table["nuclei"].tolist() == [1, 2, 0]
    assert table["nucleus_area_px"].tolist() == [2, 3, 0]
    assert table["nucleus_to_cell_ratio"].tolist()[:2] == [0.5, 0.75]
    assert math.isnan(table["nucleus_to_cell_ratio"][2])


def test_a_nucleus_across_a_border_belongs_where_it_is_larger():
    assert match_nuclei(np.array([[1, 1, 2, 2, 2]]), np.array([[0, 4, 4, 4, 0]])) == {4: 2}
    assert match_nuclei(np.array([[1, 0, 0]]), np.array([[4, 4, 4]])) == {4: 0}


def test_cells_at_the_edge_are_in_the_table_and_marked():
    labels = label_objects(discs((0, 20, 9), (30, 40, 9)))
    table = measure(labels)
    assert table["at_border"].tolist() == [True, False]
    assert len(table[~table.at_border]) == 1


def test_an_empty_field_has_the_same_columns_and_no_rows():
    empty = np.zeros((30, 30), int)
    full = generate_field(0, size=128, cells=20)
    columns = list(measure(full.cells, full.image, 0.5, nuclei=full.nuclei))
    table = measure(empty, np.zeros((30, 30)), 0.5, nuclei=empty)
    assert len(table) == 0
    assert list(table) == columns
    pd.concat([table, measure(full.cells, full.image, 0.5, nuclei=full.nuclei)])  # and can be put below one another


def test_single_pixels_and_lines_have_a_row_without_warnings():
    labels = np.zeros((9, 9), int)
    labels[1, 1], labels[3, 2:7] = 1, 2
    labels[[5, 6, 7], [1, 2, 3]] = 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = measure(labels)
    assert table["solidity"].tolist() == [1, 1, 1]
    assert table["perimeter_px"][0] == 0


def test_colour_has_a_mean_for_each_channel():
    image = np.dstack([np.full((4, 4), k) for k in (10, 20, 30)])
    table = measure(np.ones((4, 4), int), image)
    assert table[["mean_channel_0", "mean_channel_1", "mean_channel_2"]].iloc[0].tolist() == [10, 20, 30]


LABELS = label_objects(discs((30, 30, 15)))


@pytest.mark.parametrize(
    ("labels", "options", "words"),
    [
        (LABELS > 0, {}, r"label_objects\(labels\)"),
        (LABELS.astype(float), {}, r"labels.astype\(int\)"),
        (LABELS * 0.5, {}, "probabilities"),
        (-LABELS, {}, "down to -1"),
        (LABELS[None], {}, "one image of object numbers"),
        (LABELS, {"pixel_size": 0}, "above 0"),
        (LABELS, {"pixel_size": -0.65}, "above 0"),
        (LABELS, {"pixel_size": math.nan}, "above 0"),
        (LABELS, {"pixel_size": "0.65 um"}, "above 0"),
        (LABELS, {"pixel_size": (0.5, 0.6)}, "not square"),
        (LABELS, {"pixel_size": 0.5, "unit": "inch"}, "unit is 'inch'"),
        (LABELS, {"unit": "nm"}, "no pixel size"),
        (LABELS, {"image": np.zeros((3, 3))}, "the image is"),
        (LABELS, {"image": np.full(LABELS.shape, np.nan)}, "NaN"),
        (LABELS, {"nuclei": np.ones((3, 3), int)}, "of one image"),
        (LABELS, {"nuclei": LABELS > 0}, r"label_objects\(nuclei\)"),
        (LABELS, {"neighbour_distance": 0}, "the distance is 0"),
    ],
)
def test_what_cannot_be_measured_is_said(labels, options, words):
    with pytest.raises(ValueError, match=words):
        measure(labels, **options)


def test_a_pixel_size_in_another_unit_and_classes_for_labels_are_warned_of():
    with pytest.warns(UserWarning, match="in another unit than 'um'"):
        measure(LABELS, pixel_size=65)
    with pytest.warns(UserWarning, match="class indices"):
        measure(generate_field(0).mask)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        measure(LABELS, pixel_size=65, unit="nm")
        measure(generate_field(0).cells, pixel_size=(0.2, 0.2))


# --- scoring


def by_hand(truth, prediction, threshold):
    """Everything that `object_scores` returns, counted object by object; matched greedily by falling IoU.

    At IoUs above 0.5 pairs are unique, so that greedy and best matching are one.
    """
    trues = [truth == n for n in set(truth.ravel().tolist()) - {0}]
    predicted = [prediction == n for n in set(prediction.ravel().tolist()) - {0}]
    ious = {(i, j): (t & p).sum() / (t | p).sum() for i, t in enumerate(trues) for j, p in enumerate(predicted) if (t & p).any()}

    def matches(at):
        free_t, free_p, kept = set(range(len(trues))), set(range(len(predicted))), []
        for (i, j), iou in sorted(ious.items(), key=lambda item: -item[1]):
            if iou >= at and i in free_t and j in free_p:
                free_t.remove(i)
                free_p.remove(j)
                kept.append(iou)
        return kept

    def precision_like(at):
        tp = len(matches(at))
        return tp / (len(trues) + len(predicted) - tp)

    kept = matches(threshold)
    tp, fp, fn = len(kept), len(predicted) - len(kept), len(trues) - len(kept)
    held_p = [sum((t & p).sum() > p.sum() / 2 for p in predicted) for t in trues]
    held_t = [sum((t & p).sum() > t.sum() / 2 for t in trues) for p in predicted]
    return {
        "true_positives": tp,
        "false_positives": fp,
        "false_negatives": fn,
        "precision": tp / (tp + fp),
        "recall": tp / (tp + fn),
        "f1": tp / (tp + 0.5 * fp + 0.5 * fn),
        "average_precision": tp / (tp + fp + fn),
        "mean_average_precision": sum(precision_like(k / 100) for k in range(50, 100, 5)) / 10,
        "panoptic_quality": sum(kept) / (tp + 0.5 * fp + 0.5 * fn),
        "splits": sum(n >= 2 for n in held_p),
        "merges": sum(n >= 2 for n in held_t),
    }


def random_fields(seed):
    """Two labellings that resemble each other: cells drawn, then moved, merged, split, dropped and invented."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((48, 48))
    truth = np.zeros((48, 48), int)
    for number in range(1, int(rng.integers(6, 15))):
        row, column, radius = rng.integers(0, 48), rng.integers(0, 48), rng.integers(4, 9)
        truth[((y - row) ** 2 + (x - column) ** 2 < radius**2) & (truth == 0)] = number
    prediction = np.roll(truth, rng.integers(-2, 3, 2), axis=(0, 1)) * 3
    for number in np.unique(prediction[prediction > 0]):
        change = rng.choice(["keep", "drop", "halve", "join"], p=[0.5, 0.1, 0.2, 0.2])
        here = prediction == number
        if change == "drop":
            prediction[here] = 0
        elif change == "halve":
            prediction[here & (x > x[here].mean())] = number + 1
        elif change == "join" and (around := np.unique(prediction[binary_dilation(here, iterations=2)])).size > 2:
            prediction[here] = around[around != number][-1]
    prediction[:4, :4] = 999
    return truth, prediction


@pytest.mark.parametrize("start", range(0, 200, 20))
def test_scores_are_those_counted_by_hand_on_200_random_fields(start):
    for seed in range(start, start + 20):
        truth, prediction = random_fields(seed)
        for threshold in (0.5, 0.7):
            ours = object_scores(truth, prediction, threshold)._asdict()
            for name, value in by_hand(truth, prediction, threshold).items():
                assert ours[name] == pytest.approx(value, abs=1e-12), (seed, threshold, name)


def test_the_random_fields_have_splits_and_merges_to_find():
    found = [object_scores(*random_fields(seed)) for seed in range(40)]
    assert sum(s.splits for s in found) > 20
    assert sum(s.merges for s in found) > 5


@derandomised
@given(hnp.arrays(np.uint8, (8, 9), elements=st.integers(0, 4)), hnp.arrays(np.uint8, (8, 9), elements=st.integers(0, 4)))
def test_the_iou_matrix_is_scikit_images_contingency_table(truth, prediction):
    together = contingency_table(truth, prediction).toarray()
    trues, predicted = np.unique(truth[truth > 0]), np.unique(prediction[prediction > 0])
    union = together.sum(axis=1)[trues][:, None] + together.sum(axis=0)[predicted] - together[np.ix_(trues, predicted)]
    assert np.allclose(iou_matrix(truth, prediction), together[np.ix_(trues, predicted)] / np.maximum(union, 1))


@derandomised
@given(hnp.arrays(np.uint8, (5, 6), elements=st.integers(0, 4)), hnp.arrays(np.uint8, (5, 6), elements=st.integers(0, 4)))
def test_below_half_the_matching_makes_as_many_pairs_as_any(truth, prediction):
    """Against all ways to pair rows with columns, tried one after the other."""
    iou = iou_matrix(truth, prediction)

    def most(rows, free):
        if not rows:
            return (0, 0.0)
        best = most(rows[1:], free)
        for column in free:
            if iou[rows[0], column] >= 0.2:
                pairs, total = most(rows[1:], free - {column})
                best = max(best, (pairs + 1, total + iou[rows[0], column]))
        return best

    pairs = match_objects(truth, prediction, 0.2)
    best = most(list(range(iou.shape[0])), frozenset(range(iou.shape[1])))
    assert (len(pairs), sum(value for *_, value in pairs)) == pytest.approx(best)


def test_a_perfect_answer_under_other_numbers():
    cells = generate_field(0).cells
    s = object_scores(cells, np.where(cells > 0, 1000 - cells.astype(int), 0))
    assert s.precision == s.recall == s.f1 == s.mean_average_precision == s.panoptic_quality == 1
    assert (s.splits, s.merges, s.false_positives, s.false_negatives) == (0, 0, 0, 0)


def test_two_cells_merged_by_hand():
    """Cells of 6 and 4 pixels predicted as one of 10: IoU 0.6 and 0.4, so one match at 0.5, none at 0.65."""
    truth, prediction = np.array([[1] * 6 + [2] * 4]), np.ones((1, 10), int)
    s = object_scores(truth, prediction)
    assert (s.true_positives, s.false_positives, s.false_negatives, s.merges, s.splits) == (1, 0, 1, 1, 0)
    assert s.f1 == pytest.approx(2 / 3)
    assert s.mean_average_precision == pytest.approx(3 * 0.5 / 10)  # 1 of 2 at 0.5, 0.55 and 0.6; 0 above
    assert s.panoptic_quality == pytest.approx(0.6 * 2 / 3)
    assert object_scores(truth, prediction, threshold=0.65).f1 == 0


def test_one_cell_cut_in_two_by_hand():
    s = object_scores(np.ones((1, 10), int), np.array([[1] * 7 + [2] * 3]))
    assert (s.true_positives, s.false_positives, s.splits, s.merges) == (1, 1, 1, 0)
    assert s.average_precision == 0.5


def test_cut_in_equal_halves_one_half_matches_not_both():
    s = object_scores(np.ones((1, 10), int), np.array([[1] * 5 + [2] * 5]))
    assert (s.true_positives, s.false_positives, s.false_negatives) == (1, 1, 0)


def test_a_whole_field_taken_for_one_cell_is_a_merge_however_many_it_holds():
    cells = generate_field(0, touching=1.0).cells
    s = object_scores(cells, (cells > 0).astype(int))
    assert (s.predicted_objects, s.merges, s.f1) == (1, 1, 0)


def test_nothing_there_and_nothing_found_is_not_scored():
    none, one = np.zeros((6, 6), int), np.pad(np.ones((2, 2), int), 2)
    both = object_scores(none, none)
    assert all(math.isnan(v) for v in (both.precision, both.recall, both.f1, both.mean_average_precision, both.panoptic_quality))
    missed = object_scores(one, none)
    assert (missed.recall, missed.f1, missed.mean_average_precision, missed.panoptic_quality) == (0, 0, 0, 0)
    assert math.isnan(missed.precision)
    invented = object_scores(none, one)
    assert (invented.precision, invented.f1) == (0, 0)
    assert math.isnan(invented.recall)


def test_several_images_add_up_their_counts():
    pairs = [random_fields(seed) for seed in range(4)]
    each = [object_scores(*pair) for pair in pairs]
    pooled = object_scores([t for t, _ in pairs], [p for _, p in pairs])
    for name in ("true_objects", "predicted_objects", "true_positives", "false_positives", "splits", "merges"):
        assert getattr(pooled, name) == sum(getattr(s, name) for s in each)
    assert pooled.f1 == pytest.approx(2 * pooled.true_positives / (pooled.true_objects + pooled.predicted_objects))
    assert object_scores(np.stack([t for t, _ in pairs]), np.stack([p for _, p in pairs])) == pooled


def test_objects_at_the_edge_count_or_are_left_out():
    truth = label_objects(discs((0, 20, 9), (30, 40, 9)))
    missed = label_objects(discs((30, 40, 9)))
    assert object_scores(truth, missed).recall == 0.5
    assert object_scores(truth, missed, border="ignore").recall == 1
    found = object_scores(truth, truth, border="ignore")
    assert (found.true_objects, found.predicted_objects, found.f1) == (1, 1, 1)


def test_what_nobody_judged_costs_nothing():
    truth, prediction = np.zeros((4, 12), int), np.zeros((4, 12), int)
    truth[:, :4] = 1
    prediction[:, :6], prediction[:, 9:] = 1, 2  # too large by 2 columns, and one that is not in the truth
    ignore = np.zeros((4, 12), bool)
    ignore[:, 4:] = True
    assert object_scores(truth, prediction).false_positives == 1
    s = object_scores(truth, prediction, ignore=ignore)
    assert (s.f1, s.matched_iou, s.predicted_objects) == (1, 1, 1)


def test_an_object_that_lies_by_more_than_half_where_nobody_judged_is_left_out():
    truth, prediction = np.zeros((1, 12), int), np.array([[0, 0, 5, 5, 5, 0, 0, 7, 7, 7, 7, 0]])
    ignore = np.array([[1, 1, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0]], bool)  # two of three pixels of 5, two of four of 7
    s = object_scores(truth, prediction, ignore=ignore)
    assert (s.predicted_objects, s.false_positives) == (1, 1)


@pytest.mark.parametrize(
    ("truth", "prediction", "options", "words"),
    [
        (LABELS, LABELS[:-1], {}, "the same shape"),
        (LABELS > 0, LABELS, {}, r"label_objects\(truth\)"),
        (LABELS, LABELS * 0.5, {}, "the type of prediction is float64"),
        (LABELS, LABELS, {"threshold": 0}, "threshold is 0"),
        (LABELS, LABELS, {"threshold": 50}, "threshold is 50"),
        (LABELS, LABELS, {"threshold": "half"}, "threshold is 'half'"),
        (LABELS, LABELS, {"border": "drop"}, "border is 'drop'"),
        (LABELS, LABELS, {"ignore": LABELS}, "ignore is int32"),
        ([LABELS], [LABELS, LABELS], {}, "1 truths and 2 predictions"),
        ([], [], {}, "no images"),
    ],
)
def test_what_cannot_be_scored_is_said(truth, prediction, options, words):
    with pytest.raises(ValueError, match=words):
        object_scores(truth, prediction, **options)
