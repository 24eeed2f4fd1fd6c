"""Weights: what is saved comes back as the network that it was, another network is named, other files are refused in words."""

import numpy as np
import pytest
import torch
from torch import nn

from unet_lab.datasets import SegmentationDataset
from unet_lab.inference import predict_logits
from unet_lab.training import train
from unet_lab.unet import UNet
from unet_lab.weights import from_state_dict, load_weights, save_weights

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
    other = from_state_dict(torch.load(tmp_path / "theirs.pth", map_location="cpu", weights_only=True))
    save_weights(other, tmp_path / "theirs.safetensors")
    assert torch.equal(predict_logits(load_weights(tmp_path / "theirs.safetensors"), IMAGE), predict_logits(model, IMAGE))


def two_convolutions(inputs, outputs):
    """A block as in milesial's Pytorch-UNet: convolutions without biases, batch norm."""
    layers = []
    for channels in (inputs, outputs):
        layers += [nn.Conv2d(channels, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    block = nn.Module()
    block.double_conv = nn.Sequential(*layers)
    return block


class LikeMilesial(nn.Module):
    """The names and the order of computing of Pytorch-UNet, transposed convolutions; written for this test."""

    def __init__(self, channels=1, classes=2, base=4, bilinear=False):
        super().__init__()
        self.inc = two_convolutions(channels, base)
        for k in range(1, 5):
            down, up = nn.Module(), nn.Module()
            down.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), two_convolutions(base << (k - 1), base << k))
            if not bilinear:
                up.up = nn.ConvTranspose2d(base << (5 - k), base << (4 - k), 2, stride=2)
            up.conv = two_convolutions(base << (5 - k), base << (4 - k))
            setattr(self, f"down{k}", down)
            setattr(self, f"up{k}", up)
        self.outc = nn.Module()
        self.outc.conv = nn.Conv2d(base, classes, 1)

    def forward(self, x):
        skips = [self.inc.double_conv(x)]
        for k in range(1, 5):
            pool, block = getattr(self, f"down{k}").maxpool_conv
            skips.append(block.double_conv(pool(skips[-1])))
        x = skips.pop()
        for k in range(1, 5):
            up = getattr(self, f"up{k}")
            x = up.conv.double_conv(torch.cat([skips.pop(), up.up(x)], dim=1))
        return self.outc.conv(x)


def first_and_second(inputs, outputs):
    block = nn.Module()
    block.first, block.second = nn.Conv2d(inputs, outputs, 3, padding=1), nn.Conv2d(outputs, outputs, 3, padding=1)
    return block


class LikeLabml(nn.Module):
    """The names and the order of computing of labml's U-Net: no norm, up-sampled maps before the skip; written for this test."""

    def __init__(self, channels=1, classes=2, base=4, depth=4):
        super().__init__()
        widths = [base << k for k in range(depth + 1)]
        self.down_conv = nn.ModuleList(first_and_second(i, o) for i, o in zip([channels, *widths], widths[:-1], strict=False))
        self.middle_conv = first_and_second(widths[-2], widths[-1])
        self.up_sample, self.up_conv = nn.ModuleList(), nn.ModuleList()
        for wide, narrow in zip(widths[:0:-1], widths[-2::-1], strict=True):
            step = nn.Module()
            step.up = nn.ConvTranspose2d(wide, narrow, 2, stride=2)
            self.up_sample.append(step)
            self.up_conv.append(first_and_second(wide, narrow))
        self.final_conv = nn.Conv2d(base, classes, 1)

    def forward(self, x):
        def both(block, x):
            return block.second(block.first(x).relu()).relu()

        skips = []
        for block in self.down_conv:
            skips.append(both(block, x))
            x = nn.functional.max_pool2d(skips[-1], 2)
        x = both(self.middle_conv, x)
        for step, block in zip(self.up_sample, self.up_conv, strict=True):
            x = both(block, torch.cat([step.up(x), skips.pop()], dim=1))
        return self.final_conv(x)


@pytest.mark.parametrize("theirs", [LikeMilesial(), LikeMilesial(3, 5, 2), LikeLabml(), LikeLabml(3, 2, 3, depth=2)])
@pytest.mark.parametrize("wrap", [lambda w: w, lambda w: {"model": {f"module.{k}": v for k, v in w.items()}, "epoch": 3}])
def test_unets_of_others_are_loaded_with_equal_outputs(theirs, wrap):
    torch.manual_seed(0)
    images = torch.rand(2, next(theirs.parameters()).shape[1], 64, 48)
    theirs.train()(images)  # batch norm has seen something
    ours = from_state_dict(wrap(theirs.eval().state_dict()))
    with torch.no_grad():
        assert torch.allclose(ours(images), theirs(images), atol=1e-5)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (LikeMilesial(bilinear=True).state_dict(), "bilinear=True"),
        ({"conv_0.conv_0.conv.weight": torch.zeros(32, 1, 3, 3)}, "this is MONAI's BasicUNet"),
        ({"layer1.0.conv1.weight": torch.zeros(64, 3, 7, 7)}, r"no network that is known here; the first tensors are layer1\.0"),
        ({}, "the first tensors are none"),
        (UNet(base_channels=2, depth=2, up="bilinear").state_dict(), "no U-Net like ours: decoder.0.up"),
    ],
)
def test_networks_of_other_kinds_are_refused_with_what_they_are(state, message):
    with pytest.raises(ValueError, match=message):
        from_state_dict(state)


def test_monais_basic_unet_is_refused_and_works_as_it_is():
    nets = pytest.importorskip("monai.networks.nets")
    theirs = nets.BasicUNet(2, 1, 2, features=(4, 4, 8, 8, 16, 4)).eval()
    with pytest.raises(ValueError, match="this is MONAI's BasicUNet"):
        from_state_dict(theirs.state_dict())
    assert predict_logits(theirs, IMAGE).shape == (2, *IMAGE.shape)


def test_weights_of_another_shape_are_named(tmp_path):
    save_weights(tiny(), tmp_path / "m.safetensors")
    with pytest.raises(ValueError, match=r"these weights cannot be used: .* and in the network it is"):
        load_weights(tmp_path / "m.safetensors", UNet(base_channels=3, depth=2))


def test_of_a_checkpoint_the_best_epoch_is_taken(tmp_path):
    model = tiny()
    list(train(model, CELLS, CELLS, epochs=2, checkpoint=tmp_path / "run.pt"))
    with pytest.raises(ValueError, match="from_state_dict"):
        load_weights(tmp_path / "run.pt")
    state = torch.load(tmp_path / "run.pt", map_location="cpu", weights_only=True)
    again = from_state_dict(state)
    assert all(torch.equal(again.state_dict()[name], value) for name, value in state["best"].items())
