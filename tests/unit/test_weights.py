"""Weights: what is saved comes back as the network that it was, another network is named, other files are refused in words."""

import numpy as np
import pytest
import torch
from torch import nn

from unet_lab.datasets import SegmentationDataset
from unet_lab.inference import predict_logits
from unet_lab.training import train
from unet_lab.unet import UNet
from unet_lab.weights import load_weights, save_weights

IMAGE = np.random.default_rng(0).random((40, 44))
CELLS = SegmentationDataset.generated(4, size=32)


def tiny(**settings):
    torch.manual_seed(0)
    return UNet(**{"base_channels": 2, "depth": 2} | settings).eval()


def with_gelu(model):
    for parent in model.modules():
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.ReLU):
                setattr(parent, name, nn.GELU())
    return model


class Mine(UNet):
    def forward(self, x):
        return 2 * super().forward(x)


def test_another_head_is_saved_loaded_and_resumed(tmp_path):
    model = tiny()
    model.head = nn.Conv2d(2, 5, 1)
    save_weights(model, tmp_path / "five.safetensors")
    again = load_weights(tmp_path / "five.safetensors")
    assert again.num_classes == 5
    assert torch.equal(predict_logits(again, IMAGE), predict_logits(model, IMAGE))
    five = SegmentationDataset(CELLS.pairs, num_classes=5)
    told = {"epochs": 2, "checkpoint": tmp_path / "run.pt", "device": "cpu", "precision": "float32"}
    first = [r.loss for r in train(model, five, **told)]
    fresh = tiny()
    fresh.head = nn.Conv2d(2, 5, 1)
    assert [r.loss for r in train(fresh, five, **told)] == first


@pytest.mark.parametrize("wrap", [nn.DataParallel, torch.compile])
def test_a_wrapped_network_is_saved_as_what_it_wraps(tmp_path, wrap):
    model = tiny()
    save_weights(wrap(model), tmp_path / "m.safetensors")
    assert torch.equal(predict_logits(load_weights(tmp_path / "m.safetensors"), IMAGE), predict_logits(model, IMAGE))


@pytest.mark.parametrize("changed", [with_gelu(tiny()), Mine(base_channels=2, depth=2).eval()])
def test_a_network_with_equal_shapes_does_not_come_back_as_a_plain_unet(tmp_path, changed):
    save_weights(changed, tmp_path / "m.safetensors")
    with pytest.raises(ValueError, match=r"which is no plain UNet; give it: load_weights\(path"):
        load_weights(tmp_path / "m.safetensors")
    own = with_gelu(tiny()) if type(changed) is UNet else Mine(base_channels=2, depth=2)
    assert torch.equal(predict_logits(load_weights(tmp_path / "m.safetensors", own), IMAGE), predict_logits(changed, IMAGE))
    list(train(tiny(), CELLS, epochs=1, checkpoint=tmp_path / "run.pt"))
    with pytest.raises(ValueError, match="another run's checkpoint: its network is"):
        list(train(changed, CELLS, epochs=1, checkpoint=tmp_path / "run.pt"))


def test_a_pth_file_is_called_one_and_the_two_lines_work(tmp_path):
    model = tiny()
    torch.save(model.state_dict(), tmp_path / "theirs.pth")
    with pytest.raises(
        ValueError, match=r"\.pth file is PyTorch's own format.*weights_only=True.*save_weights\(model, 'theirs\.safe"
    ) as told:
        load_weights(tmp_path / "theirs.pth")
    assert "load_state_dict" in str(told.value)
    other = UNet(base_channels=2, depth=2)
    other.load_state_dict(torch.load(tmp_path / "theirs.pth", weights_only=True))
    save_weights(other, tmp_path / "theirs.safetensors")
    assert torch.equal(predict_logits(load_weights(tmp_path / "theirs.safetensors"), IMAGE), predict_logits(model, IMAGE))


def test_weights_of_another_shape_are_named(tmp_path):
    save_weights(tiny(), tmp_path / "m.safetensors")
    with pytest.raises(ValueError, match=r"these weights cannot be used: .* and in the network it is"):
        load_weights(tmp_path / "m.safetensors", UNet(base_channels=3, depth=2))
