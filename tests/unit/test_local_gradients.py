"""Gradients computed from a window are those that PyTorch computes from everything."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from unet_lab.inspection import effective_receptive_field
from unet_lab.inspection.activations import as_input
from unet_lab.inspection.fields import FieldProbe
from unet_lab.inspection.local_gradients import LocalConv2d, local_gradients
from unet_lab.unet import UNet

LAYERS = list(itertools.product((1, 3, (3, 5)), (0, 1, (2, 1), 4), (1, 2), (1, 2), (True, False)))
PLACES = {"corner": (0, 0), "other corner": (-1, -1), "middle": (6, 5), "edge": (6, -1)}


@pytest.mark.parametrize(("kernel", "padding", "dilation", "groups", "bias"), LAYERS)
def test_one_convolution(kernel, padding, dilation, groups, bias):
    layer = nn.Conv2d(4, 6, kernel, padding=padding, dilation=dilation, groups=groups, bias=bias)
    x = torch.randn(2, 4, 17, 14, requires_grad=True)

    def gradients():
        out = layer(x)
        some = {"all": out.sum(), "none": 0 * out.sum()} | {
            name: out[0, 1, r, c] + out[1, 0, 2, c] for name, (r, c) in PLACES.items()
        }
        return out, {name: torch.autograd.grad(value, x, retain_graph=True)[0] for name, value in some.items()}

    plain, expected = gradients()
    with local_gradients(layer):
        local, found = gradients()
        assert "LocalConv2d" in str(local.grad_fn)
    torch.testing.assert_close(local, plain)
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name], msg=lambda text, name=name: f"{name}: {text}")
    assert "forward" not in vars(layer)


@pytest.mark.parametrize(
    "change", [{}, {"padding": "valid"}, {"up": "bilinear", "attention": True}, {"residual": True, "norm": "instance"}], ids=str
)
@pytest.mark.parametrize("place", [(0, 0), (13, 20), (-1, -3)])
def test_the_fields_of_a_network_are_those_of_the_plain_way_back(change, place, monkeypatch):
    model = UNet(base_channels=4, depth=2, **change).eval()
    image = np.random.default_rng(0).normal(100, 20, (76, 76))
    layers = ["encoder.0.block", "bottleneck", "decoder.1"]
    height, width = model(as_input(model, image)).shape[2:]
    place = (place[0] % height, place[1] % width)
    found = effective_receptive_field(model, image, place, layers)
    monkeypatch.setattr("unet_lab.inspection.fields.local_gradients", lambda model: torch.enable_grad())
    expected = effective_receptive_field(model, image, place, layers)
    assert found.keys() == expected.keys() == {"input", *layers}
    for name, field in found.items():
        np.testing.assert_allclose(field, expected[name], rtol=1e-4, atol=1e-5 * expected[name].max())


@pytest.mark.parametrize("affine", [True, False])
def test_one_batch_norm_with_what_it_has_seen(affine):
    layer = nn.BatchNorm2d(3, affine=affine)
    layer(torch.randn(4, 3, 9, 9) * 5 + 2)  # statistics of its own
    if affine:
        nn.init.normal_(layer.weight), nn.init.normal_(layer.bias)
    x, back = torch.randn(2, 3, 6, 5, requires_grad=True), torch.randn(2, 3, 6, 5)
    with local_gradients(layer):
        assert "forward" not in vars(layer), "in training its statistics depend on the input"
    layer.eval()
    expected, expected_gradient = layer(x), torch.autograd.grad(layer(x), x, back)[0]
    with local_gradients(layer):
        found = layer(x)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(torch.autograd.grad(found, x, back)[0], expected_gradient)


def test_what_has_no_window_is_left_as_it_is():
    class Own(nn.Conv2d):
        """Somebody's own convolution, which does more."""

        def forward(self, x):
            return 2 * super().forward(x)

    model = nn.Sequential(Own(1, 2, 3), nn.Conv2d(2, 2, 3, stride=2), nn.Conv2d(2, 3, 3, padding="same"))
    model.append(nn.Conv2d(3, 3, 3, padding=1, padding_mode="reflect"))
    with local_gradients(model):
        assert not any("forward" in vars(layer) for layer in model)


def test_most_convolutions_of_the_way_back_multiply_a_few_pixels(monkeypatch):
    model, seen = UNet(base_channels=4, depth=3).eval(), []
    probe = FieldProbe(model, np.random.default_rng(0).normal(size=(64, 64)))
    backward = LocalConv2d.backward

    def counted(input_size, weight, window, *rest):
        seen.append(window.shape[2] * window.shape[3] / 64**2)
        return torch.nn.grad.conv2d_input(input_size, weight, window, *rest)

    monkeypatch.setattr("unet_lab.inspection.local_gradients.conv2d_input", counted)
    probe.fields((30, 30))
    assert backward is LocalConv2d.backward
    assert len(seen) == sum(isinstance(m, nn.Conv2d) for m in model.modules())
    assert sum(share < 0.05 for share in seen) >= len(seen) - 6  # all but the encoder's
