"""Facts about the network: the 2015 paper's sizes, the report's count, what a skip is for."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from unet_lab.blocks import Bottleneck, ConvBlock, DecoderStage, EncoderStage, center_crop
from unet_lab.geometry import nearest_sizes, output_size, size_ledger
from unet_lab.unet import UNet


def test_report_has_31_042_499_parameters():
    assert UNet.report().num_parameters == 31_042_499


def test_report_prints_as_module_lists_of_sequential_blocks():
    model = UNet.report()
    assert type(model.encoder) is nn.ModuleList
    assert type(model.decoder) is nn.ModuleList
    for stage in [*model.encoder, model.bottleneck, *model.decoder]:
        assert isinstance(stage.block, nn.Sequential)
        kinds = [type(layer) for layer in stage.block]
        assert kinds == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU] * 2
        assert all(layer.bias is not None for layer in stage.block if isinstance(layer, nn.Conv2d))
    text = str(model)
    assert text.count("Sequential(") == 9
    assert "(encoder): ModuleList(" in text
    assert "(decoder): ModuleList(" in text


def test_reports_channels_come_out_of_base_channels_and_depth():
    model = UNet.report()
    assert [stage.block[0].out_channels for stage in model.encoder] == [64, 128, 256, 512]
    assert model.bottleneck.block[0].out_channels == 1024
    assert [stage.up.out_channels for stage in model.decoder] == [512, 256, 128, 64]
    assert (model.head.in_channels, model.head.out_channels, model.head.kernel_size) == (64, 3, (1, 1))
    narrow = UNet(base_channels=3, depth=2)
    assert [stage.block[0].out_channels for stage in narrow.encoder] == [3, 6]


def test_small_has_about_1_94_million_parameters():
    assert 1.935e6 < UNet.small().num_parameters < 1.945e6


def test_state_dict_reads_like_the_figure():
    assert {name.split(".")[0] for name in UNet.small().state_dict()} == {"encoder", "bottleneck", "decoder", "head"}


def test_paper_2015_maps_572_to_388():
    model = UNet.paper_2015().eval()
    with torch.inference_mode():
        assert model(torch.zeros(1, 1, 572, 572)).shape == (1, 2, 388, 388)
    assert output_size(572, 4, "valid") == 388


def test_paper_2015_has_no_batch_norm_but_dropout_at_the_end_of_the_contracting_path():
    model = UNet.paper_2015()
    assert not any(isinstance(m, nn.BatchNorm2d) for m in model.modules())
    assert [name for name, m in model.named_modules() if isinstance(m, nn.Dropout)] == ["bottleneck.dropout"]


def test_he_initialisation_keeps_the_spread_of_activations():
    block = UNet.paper_2015().encoder[2].block
    expected = (2 / (9 * block[0].in_channels)) ** 0.5
    assert block[0].weight.std().item() == pytest.approx(expected, rel=0.02)
    assert not block[0].bias.any()


def test_papers_figure_1_sizes():
    ledger = dict(size_ledger(572, 4, "valid"))
    assert [ledger[f"encoder {k}"] for k in range(4)] == [568, 280, 136, 64]
    assert ledger["bottleneck"] == 28
    assert [ledger[f"decoder {k}"] for k in (3, 2, 1, 0)] == [52, 100, 196, 388]


@given(st.integers(1, 6), st.sampled_from(["same", "valid"]), st.integers(1, 400))
def test_output_size_is_what_the_network_does(depth, padding, size):
    """On PyTorch's meta device, which knows shapes only."""
    with torch.device("meta"):
        model = UNet(1, 2, 1, depth, padding)
        x = torch.empty(1, 1, size, size)
    if nearest_sizes(size, depth, padding) == [size]:
        out = output_size(size, depth, padding)
        assert model(x).shape == (1, 2, out, out)
        assert padding == "valid" or out == size
    else:
        with pytest.raises(ValueError, match="does not survive"):
            model(x)
        for near in nearest_sizes(size, depth, padding):
            assert output_size(near, depth, padding) >= 1


def test_refused_size_says_why_and_which_sizes_do():
    with pytest.raises(ValueError, match=r"100 = 2·2·5·5 is divisible by 2 twice only\. Nearest sizes: 96, 112\."):
        UNet.small()(torch.zeros(1, 1, 100, 100))
    with pytest.raises(ValueError, match=r"at encoder 1\. Nearest sizes: 556, 572"):
        output_size(570, 4, "valid")
    with pytest.raises(ValueError, match="The smallest size that does: 188"):
        output_size(20, 4, "valid")


def test_an_image_may_be_oblong():
    assert UNet.small().eval()(torch.zeros(1, 1, 32, 64)).shape == (1, 3, 32, 64)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"depth": 0}, "depth is 0"),
        ({"depth": 7}, "depth is 7"),
        ({"padding": "full"}, "padding is 'full'"),
        ({"norm": "weight"}, "norm is 'weight'"),
        ({"base_channels": 0}, "base_channels is 0"),
        ({"num_classes": 1.5}, "num_classes is 1.5"),
        ({"dropout": 1.0}, "dropout is 1.0"),
    ],
)
def test_settings_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        UNet(**{"base_channels": 2, "depth": 1} | arguments)


def test_inputs_of_another_kind_are_refused():
    model = UNet(base_channels=2, depth=1)
    with pytest.raises(ValueError, match=r"takes \(N, 1, H, W\)"):
        model(torch.zeros(4, 4))
    with pytest.raises(ValueError, match="takes float32"):
        model(torch.zeros(1, 1, 4, 4, dtype=torch.int64))


def test_encoder_stage_returns_pooled_and_skip():
    stage = EncoderStage(1, 4)
    x, skip = stage(torch.randn(2, 1, 8, 8))
    assert x.shape == (2, 4, 4, 4)
    assert skip.shape == (2, 4, 8, 8)
    torch.testing.assert_close(x, nn.functional.max_pool2d(skip, 2))


def test_valid_convolution_by_hand():
    block = ConvBlock(1, 1, padding="valid", norm=None)
    with torch.no_grad():
        block[0].weight.fill_(1.0)
        block[2].weight.zero_()[0, 0, 1, 1] = 1.0
        block[0].bias.zero_()
        block[2].bias.zero_()
    out = block(torch.arange(25.0).reshape(1, 1, 5, 5))
    assert out.shape == (1, 1, 1, 1)
    assert out.item() == sum([6, 7, 8, 11, 12, 13, 16, 17, 18])


def test_every_skip_changes_the_output():
    model = UNet(base_channels=4, depth=3).train()  # batch norm then keeps even the deepest skip's share visible
    x = torch.randn(1, 1, 32, 32)
    reference = model(x)
    for stage in model.encoder:
        handle = stage.register_forward_hook(lambda _m, _i, out: (out[0], torch.zeros_like(out[1])))
        assert (model(x) - reference).abs().max() > 1e-2
        handle.remove()


def test_concatenation_puts_the_skip_first():
    stage = DecoderStage(2, 1)
    seen = []
    stage.block.register_forward_pre_hook(lambda _m, inputs: seen.append(inputs[0]))
    skip = torch.randn(1, 1, 4, 4)
    stage(torch.randn(1, 2, 2, 2), skip)
    assert torch.equal(seen[0][:, :1], skip)


def test_center_crop_takes_the_middle():
    x = torch.arange(36.0).reshape(1, 1, 6, 6)
    assert center_crop(x, (2, 2)).flatten().tolist() == [14, 15, 20, 21]
    with pytest.raises(ValueError, match="cannot crop 6 x 6 to 8 x 8"):
        center_crop(x, (8, 8))


def test_dropout_drops_in_training_only():
    floor = Bottleneck(1, 8, dropout=0.9)
    x = torch.randn(1, 1, 8, 8)
    assert not torch.equal(floor(x), floor(x))
    floor.eval()
    assert torch.equal(floor(x), floor(x))


def test_logits_are_unbounded_and_every_parameter_learns():
    model = UNet(base_channels=4, depth=2)
    out = model(torch.randn(2, 1, 16, 16))
    assert out.min() < 0
    out.square().mean().backward()
    assert all(p.grad is not None for p in model.parameters())
