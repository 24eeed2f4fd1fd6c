"""Masks: codes of every kind become class indices or IGNORE, and what nobody judged is seen by no loss and no metric."""

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix as of_sklearn
from torch.nn import functional as F

from unet_lab.datasets import SegmentationDataset, encode_mask, snap_mask
from unet_lab.datasets.masks import count_classes
from unet_lab.losses import IGNORE, class_weights, cross_entropy, dice_and_cross_entropy, focal_loss, soft_dice_loss
from unet_lab.metrics import boundary_f1, confusion_matrix, fast_confusion_matrix, hausdorff, surface_dice

GENERATOR = np.random.default_rng(0)
LOSSES = [cross_entropy, focal_loss, soft_dice_loss, dice_and_cross_entropy]


@pytest.mark.parametrize(
    ("codes", "values", "expected"),
    [
        ({0: 0, 1: 1, 255: IGNORE}, [0, 1, 255], [0, 1, IGNORE]),
        ({0: 0, (1, 65535): 1}, [0, 1, 700], [0, 1, 1]),
        ({0: 0, (1, 100): 1, (101, 65535): 2}, [100, 101, 0], [1, 2, 0]),
        ({255: 1, ...: 0}, [0, 7, 255], [0, 0, 1]),
        ({(1, 9): 1, 5: IGNORE, 0: 0}, [4, 5, 6], [1, IGNORE, 1]),
        ({0: 0, 2**20: 1}, [0, 2**20, 0], [0, 1, 0]),
        ([0, 255], [255, 0, 0], [1, 0, 0]),
    ],
)
def test_codes_of_every_kind(codes, values, expected):
    for kind in (np.uint32, np.int64, np.float64):
        assert encode_mask(np.array([values]).astype(kind), codes).tolist() == [expected]


def test_ignore_is_no_class():
    assert count_classes({0: 0, 1: 1, 255: IGNORE}) == 2
    assert count_classes({0: 0, (1, 100): 1, (101, 65535): 2}) == 3
    assert count_classes([0, 255]) == 2


def test_colours_may_be_ignored_too():
    colours = np.array([[(0, 0, 0), (128, 0, 0), (224, 224, 192)]], np.uint8)
    assert encode_mask(colours, {(0, 0, 0): 0, (128, 0, 0): 1, (224, 224, 192): IGNORE}).tolist() == [[0, 1, IGNORE]]
    assert encode_mask(colours, {(128, 0, 0): 1, ...: 0}).tolist() == [[0, 1, 0]]


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        ({0: 0, 1: None}, "None is no class.*IGNORE"),
        ({0: 0, 1: -1}, "-1 is no class"),
        ({0: 0, 1: 2}, "none left out"),
        ({0: IGNORE, 1: IGNORE}, "must be 0, 1, 2"),
        ({0: 0, (9, 1): 1}, "ranges"),
        ({"cell": 1, 0: 0}, "'cell' is no code"),
        ({0: 0, (1, 2, 3): 1}, "not both"),
        ((0,), "2 to 254 different"),
    ],
)
def test_codes_that_make_no_sense_are_refused_in_words(codes, words):
    with pytest.raises(ValueError, match=words):
        encode_mask(np.zeros((2, 2), np.uint8), codes)


def test_object_numbers_and_fractions_get_the_right_advice():
    with pytest.raises(ValueError, match=r"numbers of objects\? codes=\{0: 0, \(1, 65535\): 1\}"):
        encode_mask(np.arange(16, dtype=np.uint16).reshape(4, 4), (0, 1))
    advised = {0: 0, (1, 65535): 1}
    assert encode_mask(np.arange(16, dtype=np.uint16).reshape(4, 4), advised).sum() == 15
    with pytest.raises(ValueError, match="float64; grey codes are whole numbers"):
        encode_mask(np.full((2, 2), 0.5), (0, 1))


def test_snap_mask_takes_colours():
    damaged = np.array([[(3, 0, 9), (250, 8, 0)]], np.uint8)
    assert snap_mask(damaged, ((0, 0, 0), (255, 0, 0))).tolist() == [[[0, 0, 0], [255, 0, 0]]]
    with pytest.raises(ValueError, match="since the codes are colours"):
        snap_mask(np.zeros((2, 2), np.uint8), ((0, 0, 0), (255, 0, 0)))


@pytest.mark.parametrize("loss", LOSSES)
def test_ignored_pixels_have_a_gradient_of_exactly_zero(loss):
    logits = torch.randn(2, 3, 6, 6, requires_grad=True)
    mask = torch.randint(0, 3, (2, 6, 6))
    mask[:, :2] = IGNORE
    loss(logits, mask).backward()
    assert torch.count_nonzero(logits.grad[:, :, :2]) == 0
    assert torch.count_nonzero(logits.grad[:, :, 2:]) > 0


@pytest.mark.parametrize("loss", LOSSES)
def test_what_stands_in_ignored_pixels_changes_nothing(loss):
    logits, mask = torch.randn(1, 3, 6, 6), torch.randint(0, 3, (1, 6, 6))
    mask[:, 4:] = IGNORE
    value = loss(logits, mask)
    logits[:, :, 4:] = 1e4 * torch.randn(1, 3, 2, 6)
    assert loss(logits, mask) == value
    assert value == pytest.approx(float(loss(logits[:, :, :4], mask[:, :4])), rel=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_where_nothing_was_judged_nothing_is_learnt(loss):
    logits = torch.randn(1, 3, 4, 4, requires_grad=True)
    value = loss(logits, torch.full((1, 4, 4), IGNORE))
    value.backward()
    assert float(value) == pytest.approx(0, abs=1e-6)
    assert torch.count_nonzero(logits.grad) == 0


def test_cross_entropy_is_pytorchs_with_ignore_index():
    logits, mask = torch.randn(2, 3, 5, 5), torch.randint(0, 3, (2, 5, 5))
    mask[0, 0] = IGNORE
    weights = torch.tensor([0.2, 1.0, 3.0])
    for reduction in ("mean", "sum", "none"):
        ours = cross_entropy(logits, mask, reduction, weights)
        theirs = F.cross_entropy(logits, mask, weights, ignore_index=IGNORE, reduction=reduction)
        assert torch.allclose(ours, theirs, rtol=1e-5)


def test_one_channel_is_refused_with_the_line_that_helps():
    with pytest.raises(ValueError, match=r"torch\.cat\(\[torch\.zeros_like\(logits\), logits\], dim=1\)"):
        soft_dice_loss(torch.zeros(1, 1, 4, 4), torch.zeros(1, 4, 4, dtype=torch.int64))
    logits, mask = torch.randn(1, 1, 4, 4), torch.randint(0, 2, (1, 4, 4))
    advised = torch.cat([torch.zeros_like(logits), logits], dim=1)
    expected = F.binary_cross_entropy_with_logits(logits[:, 0], mask.float())
    assert float(cross_entropy(advised, mask)) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("count", [confusion_matrix, fast_confusion_matrix])
@pytest.mark.parametrize("num_classes", [2, 3, 7, 20, 200])
def test_both_ways_to_count_are_scikit_learns(count, num_classes):
    truth, prediction = (GENERATOR.integers(0, num_classes, (60, 70)).astype(np.uint8) for _ in range(2))
    assert np.array_equal(count(truth, prediction, num_classes), fast_confusion_matrix(truth, prediction, num_classes))
    ignored = truth.copy()
    ignored[:20] = IGNORE
    kept = of_sklearn(truth[20:].ravel(), prediction[20:].ravel(), labels=range(num_classes))
    assert np.array_equal(count(ignored, prediction, num_classes), kept)
    with pytest.raises(ValueError, match="prediction runs from"):
        count(prediction, ignored, num_classes)


@pytest.mark.parametrize("num_classes", [1, 2, 5, 6])
@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int64, np.uint64])
def test_counting_in_pieces_is_counting_at_once(monkeypatch, num_classes, kind):
    truth, prediction = (GENERATOR.integers(0, num_classes, (37, 41)).astype(kind) for _ in range(2))
    truth[GENERATOR.random(truth.shape) < 0.1] = IGNORE
    monkeypatch.setattr("unet_lab.metrics.AT_ONCE", 100)  # 16 pieces, the last of 17 pixels
    plain = confusion_matrix(truth.astype(np.int64), prediction.astype(np.int64), num_classes)
    assert np.array_equal(fast_confusion_matrix(truth, prediction, num_classes), plain)
    truth[0, 0], prediction[-1, -1] = num_classes, num_classes + 3
    for wrong, right in ((truth, prediction * 0), (truth * 0, prediction)):
        said = []
        for count in (confusion_matrix, fast_confusion_matrix):
            with pytest.raises(ValueError, match="runs from") as refused:
                count(wrong, right, num_classes)
            said.append(str(refused.value))
        assert said[0] == said[1]  # of the whole mask, not of a piece


def test_class_weights_do_not_count_ignored_pixels():
    mask = np.array([[0, 0, 0, 1, IGNORE, IGNORE]], np.uint8)
    assert class_weights([mask], 2).tolist() == class_weights([mask[:, :4]], 2).tolist()


def test_outlines_beside_unjudged_pixels_do_not_count():
    truth = np.zeros((20, 20), np.uint8)
    truth[5:15, 5:15] = 1
    prediction = truth.copy()
    prediction[:, 10:] = 0  # wrong, but only where nobody judged
    truth[:, 9:] = IGNORE
    for score, best in ((boundary_f1, 1.0), (surface_dice, 1.0), (hausdorff, 0.0)):
        assert score(truth, prediction, 1) == best


@pytest.mark.parametrize("tolerance", [0.5, 1.0, 3.0])
def test_surface_dice_is_monais(tolerance):
    monai = pytest.importorskip("monai.metrics")
    for seed in range(5):
        drawn = np.random.default_rng(seed)
        truth, prediction = np.zeros((40, 40), np.uint8), np.zeros((40, 40), np.uint8)
        top, left = drawn.integers(3, 12, 2)
        truth[top : top + 20, left : left + 15] = 1
        prediction[top + 2 : top + 23, left + 1 : left + 14] = 1
        planes = [torch.from_numpy(np.stack([m == 0, m == 1]))[None].float() for m in (prediction, truth)]
        theirs = monai.compute_surface_dice(*planes, class_thresholds=[tolerance]).item()
        assert surface_dice(truth, prediction, 1, tolerance) == pytest.approx(theirs, abs=1e-6)


def test_a_dataset_keeps_ignored_pixels_and_counts_its_classes():
    image = GENERATOR.random((8, 8))
    mask = np.zeros((8, 8), np.uint8)
    mask[2:4], mask[6:] = 1, IGNORE
    data = SegmentationDataset([(image, mask)], num_classes=2)
    assert (data[0][1] == IGNORE).sum() == 16
