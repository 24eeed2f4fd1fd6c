"""Metrics by hand, and equal to scikit-learn's and SciPy's on whatever hypothesis finds."""

import math
import warnings

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.distance import directed_hausdorff

from unet_lab.metrics import bootstrap_interval, boundary_f1, confusion_matrix, hausdorff, macro_iou, scores


@st.composite
def masks(draw):
    """Two masks of class indices with up to 7 classes, of which some may not occur."""
    classes = draw(st.integers(2, 7))
    shape = draw(st.tuples(st.integers(1, 12), st.integers(1, 12)))
    used = draw(st.integers(1, classes))
    kind = draw(st.sampled_from([np.uint8, np.int64]))
    one = hnp.arrays(kind, shape, elements=st.integers(0, used - 1))
    return draw(one), draw(one), classes


@given(masks())
def test_confusion_matrix_is_scikit_learns(case):
    truth, prediction, classes = case
    expected = sklearn.metrics.confusion_matrix(truth.ravel(), prediction.ravel(), labels=range(classes))
    assert np.array_equal(confusion_matrix(truth, prediction, classes), expected)


@given(masks(), st.sampled_from([None, "micro", "macro", "weighted"]), st.sampled_from([0.0, 1.0]))
def test_scores_are_scikit_learns_in_every_averaging(case, average, zero_division):
    truth, prediction, classes = case
    ours = scores(confusion_matrix(truth, prediction, classes), average, zero_division)
    y, z = truth.ravel(), prediction.ravel()
    options = {"average": average, "labels": range(classes), "zero_division": zero_division}
    assert ours.accuracy == pytest.approx(sklearn.metrics.accuracy_score(y, z))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert ours.precision == pytest.approx(sklearn.metrics.precision_score(y, z, **options))
        assert ours.recall == pytest.approx(sklearn.metrics.recall_score(y, z, **options))
        assert ours.f1 == pytest.approx(sklearn.metrics.f1_score(y, z, **options))
        assert ours.iou == pytest.approx(sklearn.metrics.jaccard_score(y, z, **options))


@given(masks())
def test_empty_classes_are_left_out_as_scikit_learn_does_with_nan(case):
    truth, prediction, classes = case
    ours = scores(confusion_matrix(truth, prediction, classes), "macro")
    y, z = truth.ravel(), prediction.ravel()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = sklearn.metrics.f1_score(y, z, average="macro", labels=range(classes), zero_division=np.nan)
    assert ours.f1 == pytest.approx(expected, nan_ok=True)


@given(masks())
def test_dice_is_two_iou_over_one_plus_iou(case):
    truth, prediction, classes = case
    each = scores(confusion_matrix(truth, prediction, classes), average=None)
    np.testing.assert_allclose(each.f1, 2 * each.iou / (1 + each.iou))
    micro = scores(confusion_matrix(truth, prediction, classes), average="micro")
    assert micro.f1 == pytest.approx(micro.accuracy)
    assert micro.iou == pytest.approx(micro.accuracy / (2 - micro.accuracy))


def test_by_hand():
    matrix = np.array([[1, 1, 0], [0, 2, 0], [0, 1, 1]])
    each = scores(matrix, average=None)
    assert each.accuracy == pytest.approx(4 / 6)
    assert each.precision.tolist() == pytest.approx([1, 2 / 4, 1])
    assert each.recall.tolist() == pytest.approx([1 / 2, 1, 1 / 2])
    assert each.iou.tolist() == pytest.approx([1 / 2, 2 / 4, 1 / 2])
    assert scores(matrix, "weighted").recall == pytest.approx(4 / 6)


def test_the_sum_over_batches_is_the_whole():
    rng = np.random.default_rng(0)
    truth, prediction = rng.integers(0, 3, (2, 10, 64, 64))
    parts = sum(confusion_matrix(truth[i : i + 2], prediction[i : i + 2]) for i in range(0, 10, 2))
    assert np.array_equal(parts, confusion_matrix(truth, prediction))


def test_many_classes_and_large_masks_are_counted_alike():
    rng = np.random.default_rng(1)
    truth, prediction = rng.integers(0, 200, (2, 700, 701)).astype(np.uint8)
    expected = sklearn.metrics.confusion_matrix(truth.ravel(), prediction.ravel(), labels=range(200))
    assert np.array_equal(confusion_matrix(truth, prediction, 200), expected)


def test_what_is_no_mask_is_refused():
    good = np.zeros((2, 2), np.uint8)
    with pytest.raises(ValueError, match="same shape"):
        confusion_matrix(good, good[:1])
    with pytest.raises(ValueError, match="runs from 3 to 3"):
        confusion_matrix(good, good + 3)
    with pytest.raises(ValueError, match="runs from -1"):
        confusion_matrix(good.astype(int) - 1, good)
    with pytest.raises(ValueError, match="argmax"):
        confusion_matrix(good, good.astype(float))
    with pytest.raises(ValueError, match="num_classes is 0"):
        confusion_matrix(good, good, 0)
    with pytest.raises(ValueError, match="average is 'mean'"):
        scores(np.eye(2, dtype=int), "mean")
    with pytest.raises(ValueError, match="counts no pixels"):
        scores(np.zeros((2, 2), int))
    with pytest.raises(ValueError, match="allowed are counts"):
        scores(np.ones((2, 3), int))


@given(masks())
def test_hausdorff_is_scipys(case):
    truth, prediction, _ = case
    ours = hausdorff(truth, prediction, 0)
    if not (truth == 0).any() and not (prediction == 0).any():
        assert math.isnan(ours)
        return
    if not (truth == 0).any() or not (prediction == 0).any():
        assert ours == math.inf
        return
    from scipy.ndimage import binary_erosion

    a, b = (np.argwhere(m & ~binary_erosion(m)) for m in (truth == 0, prediction == 0))
    expected = max(directed_hausdorff(a, b)[0], directed_hausdorff(b, a)[0])
    assert ours == pytest.approx(expected)


def test_boundary_f1_by_hand():
    truth = np.zeros((9, 9), np.uint8)
    truth[2:7, 2:7] = 1
    assert boundary_f1(truth, truth, 1) == 1.0
    moved = np.roll(truth, 2, axis=1)
    assert boundary_f1(truth, moved, 1, tolerance=2) == 1.0
    assert 0 < boundary_f1(truth, moved, 1, tolerance=1) < 1
    assert boundary_f1(truth, np.zeros_like(truth), 1) == 0.0
    assert math.isnan(boundary_f1(truth, truth, 2))
    assert hausdorff(truth, moved, 1) == 2.0
    with pytest.raises(ValueError, match="the same for both"):
        boundary_f1(truth, truth[:4], 1)


def test_a_bootstrap_interval_over_images_is_what_statistics_books_give_for_a_mean():
    """For a mean of n independent values: mean ± 1.96 standard errors. Images of equal size make the accuracy such a mean."""
    rng = np.random.default_rng(0)
    wrong = rng.integers(0, 40, size=200)  # wrong pixels of 100, in 200 images
    tables = [np.array([[100 - w, w], [0, 0]]) for w in wrong]
    low, high = bootstrap_interval(tables, lambda table: scores(table).accuracy)
    mean, error = 1 - wrong.mean() / 100, wrong.std() / 100 / np.sqrt(len(wrong))
    assert low == pytest.approx(mean - 1.96 * error, abs=0.1 * error)
    assert high == pytest.approx(mean + 1.96 * error, abs=0.1 * error)


def test_a_bootstrap_interval_narrows_with_images_and_not_with_pixels():
    tables = np.array([[[90 - k, 10 + k], [k, 100 - k]] for k in range(0, 80, 10)])
    low, high = bootstrap_interval(tables)
    assert low < macro_iou(tables.sum(axis=0)) < high
    larger = bootstrap_interval(100 * tables)
    assert larger == pytest.approx((low, high))
    more_low, more_high = bootstrap_interval(np.concatenate([tables] * 9))
    assert more_high - more_low == pytest.approx((high - low) / 3, rel=0.15)
    assert bootstrap_interval(tables, level=0.5)[1] < high


@pytest.mark.parametrize(
    ("matrices", "options", "message"),
    [(np.ones((1, 2, 2), int), {}, "at least two images"), (np.ones((2, 2), int), {}, "one table for each"),
     (np.ones((3, 2, 2), int), {"level": 95}, "share between 0 and 1"), (np.ones((3, 2, 2), int), {"draws": 0}, "from 1 up")],
)  # fmt: skip
def test_a_bootstrap_interval_says_what_it_needs(matrices, options, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_interval(matrices, **options)


@pytest.mark.parametrize("seed", range(20))
def test_the_quick_macro_iou_is_that_of_scores(seed):
    random = np.random.default_rng(seed)
    size = random.integers(1, 7)
    matrix = random.integers(1, 5000, (size, size)) * (random.random((size, size)) < 0.6)
    matrix[0, 0] += 1
    assert macro_iou(matrix) == scores(matrix, average="macro").iou


@pytest.mark.parametrize(
    "odd", [np.zeros((2, 2), int), np.ones((2, 3), int), np.ones((2, 2)), -np.ones((2, 2), int), np.ones(3, int)]
)
def test_the_quick_macro_iou_says_what_is_wrong(odd):
    with pytest.raises(ValueError, match=r"counts no pixels|allowed are counts"):
        macro_iou(odd)
