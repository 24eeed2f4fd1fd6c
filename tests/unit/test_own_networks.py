"""Networks, parts and modes of a student's own, in every place that takes a network: what once was wrong without a word."""

import numpy as np
import pytest
import torch
from torch import nn

from unet_lab.acceleration import accelerate, export, load_exported
from unet_lab.acceleration.selection import tried
from unet_lab.blocks import ConvBlock
from unet_lab.datasets import SegmentationDataset
from unet_lab.doctor import examine_model
from unet_lab.foreign import evaluating
from unet_lab.inference import predict, predict_logits, predict_tiled
from unet_lab.inspection import effective_receptive_field, measured_receptive_field, occlusion, saliency, shift_difference
from unet_lab.metrics import scores
from unet_lab.training import evaluate, fit, plan_training, train, training_memory
from unet_lab.unet import UNet
from unet_lab.weights import load_weights, save_weights

CELLS = SegmentationDataset.generated(6, size=32)
IMAGE = CELLS.pairs[0].image
LARGE = SegmentationDataset.generated(1, size=96).pairs[0].image
QUICK = {"epochs": 2, "batch_size": 3, "device": "cpu", "precision": "float32"}


class Returning(nn.Module):
    """A small U-Net that returns more than its logits, as networks with deep supervision or torchvision's do."""

    def __init__(self, how):
        super().__init__()
        torch.manual_seed(0)
        self.inner, self.how = UNet(base_channels=2, depth=1), how

    def forward(self, x):
        logits = self.inner(x)
        return {"tuple": (logits, x), "list": [logits, x], "dictionary": {"out": logits, "aux": x}}[self.how]


@pytest.fixture(params=["tuple", "list", "dictionary"])
def both(request):
    """A network that returns more than its logits, and one with the same weights that does not."""
    model = Returning(request.param).eval()
    return model, model.inner


def test_a_network_that_returns_more_than_its_logits_is_trained_and_judged_by_them(both):
    model, plain = both
    plain = Returning("tuple").inner
    history = fit(model, CELLS, CELLS, **QUICK)
    expected = fit(plain, CELLS, CELLS, **QUICK)
    assert history.column("loss") == expected.column("loss")
    assert history.column("iou") == expected.column("iou")
    assert evaluate(model, CELLS)[0] == evaluate(plain, CELLS)[0]
    assert plan_training(model, CELLS, CELLS, **QUICK).memory > 0
    assert training_memory(model, (32, 32), 2).total > 0
    assert examine_model(model, CELLS).names == examine_model(plain, CELLS).names


def test_what_looks_into_a_network_finds_its_logits(both, tmp_path):
    model, plain = both
    assert np.array_equal(predict(model, IMAGE), predict(plain, IMAGE))
    assert np.array_equal(predict_tiled(model, LARGE, tile=48), predict(plain, LARGE))
    assert np.array_equal(saliency(model, IMAGE, (9, 9)), saliency(plain, IMAGE, (9, 9)))
    assert np.array_equal(occlusion(model, IMAGE, 16), occlusion(plain, IMAGE, 16))
    assert measured_receptive_field(model, 32, 16) == measured_receptive_field(plain, 32, 16)
    assert effective_receptive_field(model, IMAGE, (9, 9))["input"].any()
    assert torch.equal(shift_difference(model, LARGE, 1, margin=9)[0], shift_difference(plain, LARGE, 1, margin=9)[0])
    x = torch.rand(1, 1, 32, 32)
    fast = accelerate(model, x, using=("folded",), seconds=0.1, progress=False)
    assert torch.allclose(fast(x), plain(x), atol=1e-4)
    assert torch.allclose(load_exported(export(model, tmp_path / "m.pt2", x))(x), plain(x), atol=1e-4)


def test_agreement_with_one_channel_looks_at_the_sign_of_its_logit():
    model = UNet(base_channels=2, depth=1, num_classes=1).eval()
    x = torch.rand(1, 1, 32, 32)
    with torch.inference_mode():
        expected = -model(x)  # another network's answer: every pixel in the other class
        _, facts = tried("folded", model, x, expected, "float32", None)
    assert facts["agreement"] < 0.01


class Louder(ConvBlock):
    def forward(self, x):
        return 2 * super().forward(x)


def test_a_block_of_your_own_that_extends_ours_is_no_plain_u_net(tmp_path):
    model = UNet(base_channels=2, depth=1, block=Louder).eval()
    assert not model.is_as_built
    save_weights(model, tmp_path / "m.safetensors")
    with pytest.raises(ValueError, match="no plain UNet"):
        load_weights(tmp_path / "m.safetensors")
    again = load_weights(tmp_path / "m.safetensors", UNet(base_channels=2, depth=1, block=Louder))
    assert torch.equal(predict_logits(again, IMAGE), predict_logits(model, IMAGE))
    list(train(UNet(base_channels=2, depth=1), CELLS, checkpoint=tmp_path / "run.pt", **QUICK))
    with pytest.raises(ValueError, match="another run's checkpoint: its network is"):
        list(train(model, CELLS, checkpoint=tmp_path / "run.pt", **QUICK))


def test_a_frozen_part_stays_as_it_is_batch_norm_included():
    torch.manual_seed(0)
    model = UNet(base_channels=2, depth=1)
    model.encoder.requires_grad_(False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    list(train(model, CELLS, CELLS, **QUICK))
    changed = {name.split(".")[0] for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"bottleneck", "decoder", "head"}
    assert model.num_trainable < model.num_parameters
    assert model.decoder[0].block[1].training  # the other norms learn


def test_parts_learn_at_rates_of_their_own():
    model = UNet(base_channels=2, depth=1)
    before = [p.detach().clone() for p in model.parameters()]

    def slow_encoder(parameters, rate):
        encoder = {id(p) for p in model.encoder.parameters()}
        others = [p for p in parameters if id(p) not in encoder]
        return torch.optim.SGD([{"params": model.encoder.parameters(), "lr": 0.0}, {"params": others}], lr=rate)

    list(train(model, CELLS, optimizer=slow_encoder, schedule="constant", **QUICK))
    moved = [not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True)]
    encoder = len(list(model.encoder.parameters()))
    assert not any(moved[:encoder])
    assert all(moved[-2:])


def test_fit_leaves_a_network_that_is_ready_to_predict():
    model = UNet(base_channels=2, depth=1)
    history = fit(model, CELLS, **QUICK)
    assert not any(m.training for m in model.modules())
    unseen = SegmentationDataset.generated(4, size=32, first_seed=900)
    assert not any("eval()" in name for name in examine_model(model, unseen, CELLS, history).names)
    assert all(np.isfinite(loss) for loss in fit(model, CELLS, **QUICK).column("loss"))  # and is trained on from there


def test_monte_carlo_dropout_draws_and_leaves_all_modes_as_they_were():
    model = UNet(base_channels=2, depth=1, dropout=0.5).train()
    model.encoder.eval()
    modes = [m.training for m in model.modules()]
    draws = torch.stack([predict_logits(model, IMAGE, dropout=True) for _ in range(4)])
    assert draws.std(dim=0).max() > 1e-3
    assert torch.equal(predict_logits(model, IMAGE), predict_logits(model, IMAGE))
    assert [m.training for m in model.modules()] == modes


def test_crops_and_splits_of_a_dataset_of_your_own_stay_your_own():
    class Inverted(SegmentationDataset):
        def __getitem__(self, index):
            image, mask = super().__getitem__(index)
            return -image, mask

    crops = Inverted(CELLS.pairs).crops(16)
    assert type(crops) is Inverted
    plain = SegmentationDataset(CELLS.pairs).crops(16)
    assert torch.equal(crops[5][0], -plain[5][0])


def test_a_report_can_be_compared_with_what_evaluate_says():
    """What `fit` calls the IoU of an epoch is what `evaluate` says of the weights of that epoch."""
    model = UNet(base_channels=2, depth=1)
    history = fit(model, CELLS, CELLS, **QUICK)
    assert scores(evaluate(model, CELLS)[1], average="macro").iou == history.best.iou


def test_blocks_in_evaluation_mode_may_overlap():
    """The one that ends first leaves the other one its mode; the last puts back what was; dropout is the inner block's."""
    model = nn.Sequential(nn.BatchNorm2d(1), nn.Dropout(0.5)).train()
    first, second = evaluating(model), evaluating(model)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert not any(module.training for module in model.modules())
    second.__exit__(None, None, None)
    assert all(module.training for module in model.modules())
    model[0].eval()
    with evaluating(model, dropout=True):
        assert [module.training for module in model] == [False, True]
        with evaluating(model):
            assert [module.training for module in model] == [False, False]
        assert [module.training for module in model] == [False, True]
    assert [module.training for module in model] == [False, True]
