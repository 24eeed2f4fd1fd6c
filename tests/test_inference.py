"""From any image to a mask of its size."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image

from unet_lab.checkpoints import WEIGHTS
from unet_lab.datasets import SegmentationDataset, generate_cell, standardise
from unet_lab.inference import predict, predict_logits, segment
from unet_lab.metrics import scores
from unet_lab.training import evaluate
from unet_lab.unet import UNet


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
    np.testing.assert_allclose(predict_logits(model, image)[0].numpy(), standardise(image), atol=1e-4)


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


def test_shipped_model_is_small_and_as_good_as_its_card_says():
    card = json.loads((WEIGHTS / "small.json").read_text(encoding="utf-8"))
    assert (WEIGHTS / "small.safetensors").stat().st_size <= 5e6
    for key in ("seeds", "data", "test_scores", "versions"):
        assert card[key]
    from unet_lab.checkpoints import load_pretrained

    first, _ = card["seeds"]["test"]
    _, matrix = evaluate(load_pretrained(), SegmentationDataset.generated(40, size=192, first_seed=first))
    measured = scores(matrix, average="macro").iou
    assert measured > 0.88
    assert abs(measured - card["test_scores"]["iou_macro"]) < 0.03
