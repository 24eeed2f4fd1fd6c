"""From any image to a mask of its size."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import rotate

from unet_lab.datasets import CellParameters, SegmentationDataset, generate_cell, standardise
from unet_lab.inference import predict, predict_logits, segment, segment_with_confidence
from unet_lab.inference.framing import empty_margin, without_disturbances
from unet_lab.inference.segment import find_doubts
from unet_lab.metrics import confusion_matrix, scores
from unet_lab.training import evaluate
from unet_lab.unet import UNet
from unet_lab.weights import WEIGHTS, load_pretrained


@given(st.integers(1, 70), st.integers(1, 70), st.sampled_from(["same", "valid"]), st.integers(1, 3))
def test_any_size_comes_back_in_its_size(height, width, padding, depth):
    model = UNet(1, 3, 2, depth, padding)
    image = np.random.default_rng(0).integers(0, 255, (height, width)).astype(np.uint8)
    mask = predict(model, image)
    assert mask.shape == image.shape
    assert mask.dtype == np.uint8
    assert mask.max() <= 2
    assert model.training  # left as it was


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_padding_does_not_shift_the_answer(padding):
    """A network whose answer is its input: then the logits must be the image, at every pixel."""
    model = UNet(1, 1, 1, 1, padding, norm=None)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.encoder[0].block[0].weight[0, 0, 1, 1] = 1
        model.encoder[0].block[0].bias[0] = 10  # through two ReLUs unharmed
        model.encoder[0].block[2].weight[0, 0, 1, 1] = 1
        model.decoder[0].block[0].weight[0, 0, 1, 1] = 1  # channel 0 is the skip
        model.decoder[0].block[2].weight[0, 0, 1, 1] = 1
        model.head.weight[0, 0, 0, 0] = 1
        model.head.bias[0] = -10
    image = np.random.default_rng(0).integers(0, 255, (21, 34)).astype(np.uint8)
    np.testing.assert_allclose(predict_logits(model, image)[-1].numpy(), standardise(image), atol=1e-4)


@given(st.integers(1, 300), st.integers(1, 300), st.booleans(), st.booleans())
@hypothesis_settings(max_examples=12)
def test_segment_takes_grey_and_rgb_8_and_16_bit(height, width, colour, deep):
    image = np.random.default_rng(0).integers(0, 255, (height, width)).astype(np.uint8)
    image = np.stack([image] * 3, axis=-1) if colour else image
    image = image.astype(np.uint16) * 257 if deep else image
    mask = segment(image)
    assert mask.shape == (height, width)
    assert mask.dtype == np.uint8
    assert mask.max() <= 2


def test_segment_gives_one_answer_for_one_picture_in_four_kinds():
    grey = generate_cell(5, 200).image
    reference = segment(grey)
    for image in (np.stack([grey] * 3, axis=-1), grey.astype(np.uint16) * 257):
        assert (segment(image) == reference).mean() > 0.999


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 4)), "From floats"),
        (np.zeros((4, 4, 4), np.uint8), "alpha"),
        (np.zeros((2, 3, 4, 4), np.uint8), "shape"),
        (np.zeros((0, 4), np.uint8), "shape"),
        (np.zeros((4, 4), np.int32), "int32"),
        ("cell.png", "read_image"),
        (Image.new("L", (4, 4)), "Image"),
    ],
)
def test_segment_refuses_other_kinds_with_the_mend(image, message):
    with pytest.raises(ValueError, match=message):
        segment(image)


def card():
    return json.loads((WEIGHTS / "small.json").read_text(encoding="utf-8"))


def test_shipped_model_is_small_and_as_good_as_its_card_says():
    assert (WEIGHTS / "small.safetensors").stat().st_size <= 5e6
    for key in ("seeds", "data", "test_scores", "versions", "failures", "confidence"):
        assert card()[key]
    first, _ = card()["seeds"]["test"]
    _, matrix = evaluate(load_pretrained(), SegmentationDataset.generated(60, size=192, first_seed=first))
    measured = scores(matrix, average="macro").iou
    low, high = card()["test_scores"]["interval_95"]["iou_macro"]
    assert low - 0.03 < measured < high + 0.03
    assert measured > 0.85
    assert (WEIGHTS / card()["failures"]["picture"]).stat().st_size > 10_000


def test_unseen_ranges_are_unseen_and_segmented():
    ranges, changed = card()["unseen_ranges"], card()["changes"]
    for name, (least, most) in ranges.items():
        low, high = changed.get(name, CellParameters.default(name))
        assert least >= high or most <= low, name
    assert card()["unseen_one_at_a_time_scores_8_views"]["iou_macro"] >= 0.90
    looks = [CellParameters(**{name: tuple(pair)}) for name, pair in ranges.items()] * 2
    cells = [generate_cell(17_000_000 + k, 192, look=look) for k, look in enumerate(looks)]
    matrix = sum(confusion_matrix(c.mask, segment(c.image)) for c in cells)
    assert scores(matrix, average="macro").iou > 0.87


def test_confidence_tells_where_the_mask_is_wrong():
    sure, unsure = [], []
    for seed in range(30, 42):
        cell = generate_cell(seed, 160)
        found = segment_with_confidence(cell.image)
        assert seed > 31 or np.array_equal(found.mask, segment(cell.image))
        assert found.confidence.shape == cell.mask.shape
        assert found.confidence.min() >= 1 / 3 - 1e-6
        assert found.confidence.max() <= 1 + 1e-6
        right = found.mask == cell.mask
        sure += right[found.confidence > 0.95].tolist()
        unsure += right[found.confidence < 0.6].tolist()
    assert np.mean(sure) > 0.97
    assert np.mean(unsure) < 0.8


PLAIN = CellParameters().eased(0.2)


@pytest.mark.parametrize(
    ("image", "word"),
    [
        (generate_cell(3, 192, look=replace(PLAIN, empty_chance=1)).image, "No cell was found"),
        (generate_cell(3, 40, look=PLAIN).image, "only 40 x 40 pixels"),
        (generate_cell(3, 192, look=PLAIN).image[60:130, 60:130], "The frame cuts the cell"),
    ],
)
def test_doubts_are_said_in_words(image, word):
    assert any(word in doubt for doubt in segment_with_confidence(np.ascontiguousarray(image)).doubts)


def test_two_cells_in_a_mask_are_doubted():
    """The model itself was taught to answer with one cell, and mostly does; so the mask is made by hand."""
    one = generate_cell(3, 128, look=PLAIN).mask
    sure = np.ones((128, 256), np.float32)
    assert list(find_doubts(np.hstack([one, 0 * one]), sure)) == []
    assert any("several pieces" in doubt for doubt in find_doubts(np.hstack([one, one]), sure))
    assert any("nucleus takes 0%" in doubt for doubt in find_doubts(np.minimum(np.hstack([one, 0 * one]), 1), sure))
    assert any("At 100% of the cell's pixels" in doubt for doubt in find_doubts(np.hstack([one, 0 * one]), 0.5 * sure))


def test_a_plain_cell_leaves_no_doubt():
    for seed in range(5):
        assert segment_with_confidence(generate_cell(seed, 192, look=PLAIN).image).doubts == ()


def test_a_cell_far_away_is_looked_at_a_second_time():
    """The same cells in a frame four times as wide: without a closer look they would be 35 pixels across."""
    near, far = [], []
    for seed in range(4):
        cell = generate_cell(seed, 192, look=PLAIN)
        image = np.full((768, 768), np.median(cell.image[:6]), np.uint8)
        truth = np.zeros((768, 768), np.uint8)
        image[300:492, 350:542], truth[300:492, 350:542] = cell.image, cell.mask
        far.append(scores(confusion_matrix(truth, segment(image)), average="macro").iou)
        near.append(scores(confusion_matrix(cell.mask, segment(cell.image)), average="macro").iou)
    assert np.mean(far) > np.mean(near) - 0.06


def test_eight_views_do_not_depend_on_how_the_image_lies():
    image = generate_cell(6, 160).image
    turned = segment(np.ascontiguousarray(np.rot90(image)))
    assert (np.rot90(segment(image)) == turned).mean() > 0.999
    with pytest.raises(ValueError, match="views is 3"):
        segment(image, views=3)


def drawn_cells(count):
    return [generate_cell(seed, 192, look=PLAIN) for seed in range(count)]


def mean_iou(pairs):
    return np.mean([scores(confusion_matrix(mask, segment(image, 1)), average="macro").iou for image, mask in pairs])


def test_a_negative_is_turned_back_and_said_so():
    cells = drawn_cells(4)
    found = [segment_with_confidence(255 - cell.image, 1) for cell in cells]
    assert all(any("taken for inverted" in doubt for doubt in f.doubts) for f in found)
    assert mean_iou([(255 - c.image, c.mask) for c in cells]) == pytest.approx(
        mean_iou([(c.image, c.mask) for c in cells]), abs=0.02
    )


def test_hot_pixels_and_margins_change_little():
    cells = drawn_cells(4)
    random = np.random.default_rng(0)
    hot = [(c.image.astype(np.uint16) * 16, c.mask) for c in cells]
    for image, _ in hot:
        image.ravel()[random.choice(image.size, image.size // 500, replace=False)] = 65535
    plain = mean_iou([(c.image, c.mask) for c in cells])
    assert mean_iou(hot) > plain - 0.02
    assert mean_iou([(np.pad(c.image, 70), np.pad(c.mask, 70)) for c in cells]) > plain - 0.04


@pytest.mark.parametrize("grey", [0, 255, 140])
@pytest.mark.parametrize("degrees", [10, 45])
@pytest.mark.parametrize("reshape", [False, True])
def test_the_margin_of_a_turned_image_is_found(grey, degrees, reshape):
    image = np.random.default_rng(0).integers(60, 200, (200, 260)).astype(np.float32)
    turned = rotate(image, degrees, reshape=reshape, order=1, cval=grey)
    margin = rotate(np.ones_like(image), degrees, reshape=reshape, order=0, cval=0) == 0
    assert (empty_margin(turned) != margin).mean() < 0.02  # the edge is mixed with the margin


@pytest.mark.parametrize("reshape", [True, False])
@pytest.mark.parametrize("degrees", [-70, -31, 12, 45, 100])
def test_a_turned_frame_is_turned_back_and_its_mask_turned_again(degrees, reshape):
    cells = drawn_cells(3)
    turned = [tuple(rotate(a, degrees, reshape=reshape, order=order) for a, order in ((c.image, 1), (c.mask, 0))) for c in cells]
    for image, _ in turned:
        angle = without_disturbances(image.astype(np.float32))[1].angle
        assert abs((angle + degrees + 45) % 90 - 45) < 1.5
    assert mean_iou(turned) > mean_iou([(c.image, c.mask) for c in cells]) - 0.03


def test_a_frame_that_stands_upright_is_not_turned():
    grey = drawn_cells(1)[0].image.astype(np.float32)
    for image in (grey, np.pad(grey, ((0, 40), (25, 0))), np.pad(grey, 30)):
        assert without_disturbances(image)[1].angle == 0


def test_a_saturated_ground_is_no_margin():
    y, x = np.mgrid[:200, :200]
    for cell in (np.hypot(y - 100, x - 100) < 80, np.hypot(y - 100, (x - 100) / 1.4) < 60, np.hypot(y - 40, x - 60) < 90):
        image = np.where(cell, np.random.default_rng(0).integers(60, 200, cell.shape), 255).astype(np.float32)
        assert not empty_margin(image).any()


def test_a_strip_and_a_frame_are_margins():
    image = np.random.default_rng(0).integers(60, 200, (100, 120)).astype(np.float32)
    assert empty_margin(np.pad(image, ((0, 20), (0, 0)))).sum() == 20 * 120
    assert empty_margin(np.pad(image, 10)).sum() == 120 * 140 - image.size
    assert not empty_margin(image).any()
    assert empty_margin(np.zeros((50, 50), np.float32)).all()


def test_colour_is_doubted():
    cell = generate_cell(3, 192, look=PLAIN).image
    purple = (cell[..., None] * np.array([0.9, 0.5, 0.8])).astype(np.uint8)
    assert any("in colour" in doubt for doubt in segment_with_confidence(purple, 1).doubts)
    assert not segment_with_confidence(np.stack([cell] * 3, axis=2), 1).doubts


def test_a_path_and_channels_in_front_are_named():
    model = UNet(in_channels=3, num_classes=2, base_channels=2, depth=2)
    with pytest.raises(ValueError, match=r"the image is a path, 'cell.png'.*read_image\(path\)"):
        predict(model, "cell.png")
    image = np.random.default_rng(0).random((3, 32, 40))
    with pytest.raises(ValueError, match=r"40 channels, and the network takes 3.*np\.moveaxis\(image, 0, -1\)"):
        predict(model, image)
    assert predict(model, np.moveaxis(image, 0, -1)).shape == (32, 40)
