"""What a network says of its sizes, fields and margins, held against gradients, tiles and a measurement from outside."""

import numpy as np
import pytest
import torch
from torch import nn

from unet_lab.blocks import UPS
from unet_lab.foreign import MeasuredGeometry, evaluating, geometry_of, input_channels, main_output, positive_twin, unwrapped
from unet_lab.inference import predict, predict_logits, predict_tiled
from unet_lab.unet import UNet

VARIANTS = [(up, attention, padding) for up in UPS for attention in (False, True) for padding in ("same", "valid")]


def network(depth=2, **settings):
    torch.manual_seed(0)
    return UNet(base_channels=2, depth=depth, **settings)


def field_by_gradient(model, size, pixel):
    """First and last row that the logits of output pixel (pixel, pixel) depend on."""
    image = torch.ones(1, 1, size, size, requires_grad=True)
    positive_twin(model)(image)[0, :, pixel, pixel].sum().backward()
    rows = image.grad[0, 0].abs().sum(dim=1).nonzero()
    return int(rows.min()), int(rows.max())


@pytest.mark.parametrize(("up", "attention", "padding"), VARIANTS)
def test_receptive_field_is_what_a_gradient_reaches(up, attention, padding):
    model = network(up=up, attention=attention, padding=padding)
    size = model.nearest_sizes(148)[-1]
    for pixel in range(48, 52):  # every place in the pooling grid
        assert field_by_gradient(model, size, pixel) == model.receptive_field(pixel)


@pytest.mark.parametrize(("up", "attention"), [(up, attention) for up in UPS for attention in (False, True)])
def test_reach_and_margin_are_the_farthest_pixels_of_all_fields(up, attention):
    model = network(up=up, attention=attention)
    fields = [(p, *model.receptive_field(p)) for p in range(model.grid)]
    assert model.reach() == max(max(p - first, last - p) for p, first, last in fields)
    assert model.tile_margin() % model.grid == 0
    assert model.tile_margin() >= max(-fields[0][1], fields[-1][2] - (model.grid - 1))


def test_the_published_figures():
    wide = UNet(base_channels=1, up="bilinear")
    first, last = wide.receptive_field(0)
    assert (last - first + 1, wide.reach()) == (220, 122)
    plain = UNet(base_channels=1)
    first, last = plain.receptive_field(0)
    assert (last - first + 1, plain.reach()) == (188, 107)
    valid = UNet(base_channels=1, padding="valid")
    assert (valid.output_size(572), valid.tile_margin()) == (388, 92)


@pytest.mark.parametrize(("up", "attention", "padding"), VARIANTS)
def test_a_measurement_finds_what_the_network_says_of_itself(up, attention, padding):
    model = network(up=up, attention=attention, padding=padding)
    measured = MeasuredGeometry(model)
    assert measured.grid == model.grid
    for size in (60, 61, 100):
        fitting = model.nearest_sizes(size)
        assert measured.nearest_sizes(size) == fitting
        assert measured.output_size(fitting[-1]) == model.output_size(fitting[-1])
    assert model.tile_margin() <= measured.tile_margin() <= model.tile_margin() + 3 * model.grid
    assert not model.training or all(m.training for m in model.modules())  # left in the mode that it was in


def test_a_part_that_was_exchanged_is_measured_and_tiles_still_agree():
    model = network()
    assert geometry_of(model) is model
    wider = nn.Conv2d(4, 4, 9, padding=4)
    model.encoder[1].block = nn.Sequential(model.encoder[1].block, wider)
    assert isinstance(geometry_of(model), MeasuredGeometry)
    image = np.random.default_rng(0).random((150, 150)).astype(np.float32)
    assert geometry_of(model).tile_margin() > model.tile_margin()
    assert np.array_equal(predict_tiled(model, image, tile=120), predict(model, image))


def test_wrapped_networks_are_unwrapped():
    model = network()
    assert unwrapped(nn.DataParallel(model)) is model
    assert geometry_of(nn.DataParallel(model)) is model
    image = np.random.default_rng(0).random((50, 61))
    assert torch.equal(predict_logits(nn.DataParallel(model), image), predict_logits(model, image))


class Halved(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, stride=2, padding=1)

    def forward(self, x):
        return self.conv(x)


class Dictionary(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 3, padding=1)

    def forward(self, x):
        return {"out": self.conv(x), "aux": None}


def test_networks_of_others_work_or_are_refused_in_words():
    colour = np.random.default_rng(0).random((40, 50, 3))
    assert predict(Dictionary(), colour).shape == (40, 50)
    assert input_channels(Dictionary()) == 3
    with pytest.raises(ValueError, match=r"another scale than the image.*F\.interpolate"):
        predict(Halved(), colour[..., 0])
    with pytest.raises(TypeError, match="the network returned NoneType"):
        main_output(None)
    with pytest.raises(ValueError, match=r"set model\.in_channels"):
        input_channels(nn.Linear(2, 2))


def test_evaluating_leaves_every_part_in_its_own_mode():
    model = network().train()
    model.bottleneck.eval()
    before = [m.training for m in model.modules()]
    with evaluating(model):
        assert not any(m.training for m in model.modules())
    assert [m.training for m in model.modules()] == before
    broken = pytest.raises(ValueError, match="the input has shape")
    with broken, evaluating(model):
        model(torch.zeros(2, 3))
    assert [m.training for m in model.modules()] == before
