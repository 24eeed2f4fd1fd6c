"""A look inside a network: shapes, costs, fields and ablations, each against an independent count."""

import contextlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from unet_lab.blocks import ConvBlock, EncoderStage
from unet_lab.datasets import generate_cell, standardise
from unet_lab.geometry import reach, unet_receptive_field
from unet_lab.inference import predict
from unet_lab.inspection import (
    INSTEAD,
    FieldProbe,
    activations,
    cost,
    effective_receptive_field,
    encoder_field,
    mass_width,
    measured_receptive_field,
    occlusion,
    receptive_field,
    ring_means,
    saliency,
    shapes,
    shift_difference,
    skip_counts,
    skip_worth,
    stage_names,
    step_time,
    without_skip,
)
from unet_lab.metrics import confusion_matrix, scores
from unet_lab.unet import UNet
from unet_lab.weights import load_pretrained

IMAGE, TRUTH = generate_cell(3, 96)


@pytest.fixture(scope="module")
def small():
    return load_pretrained("small")


def monai_unet():
    networks = pytest.importorskip("monai.networks.nets", reason="MONAI is not installed, so no other network is looked into")
    return networks.BasicUNet(spatial_dims=2, in_channels=1, out_channels=3, features=(8, 8, 16, 32, 64, 8)).eval()


# -- activations ------------------------------------------------------------------------------------------------------


def test_activations_are_those_of_a_run_layer_by_layer():
    torch.manual_seed(1)
    model, x = UNet(base_channels=4, depth=1).eval(), torch.randn(1, 1, 8, 8)
    found = activations(model, x)
    block = model.encoder[0].block
    with torch.no_grad():
        expected, y = {}, x
        for name, layer in zip("012345", [*block], strict=True):
            y = layer(y.clone())
            expected[f"encoder.0.block.{name}"] = y.clone()
    for name, tensor in expected.items():
        assert torch.equal(found[name], tensor), name
    assert (found["encoder.0.block.1"] < 0).any(), "copied before the ReLU changed it in place"
    assert torch.equal(found["head"], model(x))
    assert not any(tensor.requires_grad for tensor in found.values())


def test_looking_leaves_the_network_as_it_was():
    model = UNet(base_channels=2, depth=1).train()
    model.encoder[0].eval()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    activations(model, IMAGE)
    cost(model, IMAGE)
    effective_receptive_field(model, IMAGE, (1, 1))
    assert model.training
    assert not model.encoder[0].training
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert all(p.grad is None for p in model.parameters())


def test_a_layer_that_runs_twice_is_listed_twice():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 1)

        def forward(self, x):
            return self.conv(self.conv(self.conv(x)))

    found = activations(Twice(), torch.ones(1, 1, 2, 2))
    assert list(found) == ["conv", "conv (2)", "conv (3)"]


def test_names_choose_and_unknown_names_are_refused():
    model = UNet(base_channels=2, depth=1)
    assert list(activations(model, IMAGE, ["bottleneck", "encoder.0.pool"])) == ["encoder.0.pool", "bottleneck"]
    with pytest.raises(ValueError, match=r"no layer 'encoder.7'; near it: encoder"):
        activations(model, IMAGE, ["encoder.7"])
    with pytest.raises(ValueError, match=r"allowed is a batch \(N, C, H, W\)"):
        activations(model, torch.zeros(8, 8))


def test_shapes_of_the_2015_paper():
    found = shapes(UNet(num_classes=2, base_channels=2, padding="valid", norm=None), torch.zeros(1, 1, 572, 572))
    assert found["encoder.0.block.2"] == (1, 2, 568, 568)
    assert found["bottleneck.block.2"] == (1, 32, 28, 28)
    assert found["head"] == (1, 2, 388, 388)


def test_another_librarys_network_opens_too():
    model = monai_unet()
    found = activations(model, IMAGE)
    convolutions = [n for n, m in model.named_modules() if isinstance(m, nn.Conv2d)]
    assert set(convolutions) <= set(found)
    assert found["final_conv"].shape == (1, 3, 96, 96)
    with torch.no_grad():
        assert torch.equal(found["final_conv"], model(torch.from_numpy(standardise(IMAGE))[None, None]))


# -- cost -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lambda: UNet(base_channels=4, depth=3), monai_unet, lambda: nn.Sequential(nn.Linear(96, 5))])
def test_multiply_adds_are_half_of_pytorchs_flops(make):
    model = make().eval()
    rows = cost(model, IMAGE)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 1, 96, 96))
    assert 2 * sum(row.multiply_adds for row in rows) == counter.get_total_flops()
    assert sum(row.parameters for row in rows) == sum(p.numel() for p in model.parameters())


def test_cost_by_hand():
    rows = {row.name: row for row in cost(UNet(base_channels=4, depth=1), torch.zeros(2, 1, 8, 8))}
    first = rows["encoder.0.block.0"]
    assert first == ("encoder.0.block.0", "Conv2d", (2, 4, 8, 8), 9 * 4 + 4, 2 * 9 * 4 * 64, 4 * 2 * 4 * 64)
    assert rows["encoder.0.block.2"].bytes == 0, "a ReLU in place needs no room of its own"
    assert rows["decoder.0.up"].multiply_adds == 2 * (8 * 4 * 4) * 16


# -- receptive fields -------------------------------------------------------------------------------------------------


def test_receptive_field_by_hand():
    assert receptive_field([]) == (1, 1)
    assert receptive_field([(3, 1)] * 2) == (5, 1)
    block, pool = [(3, 1), (3, 1)], [(2, 2)]
    assert receptive_field(4 * (block + pool) + block) == (140, 16)
    assert receptive_field([(3, 1, 2)]) == (5, 1)


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 2)), min_size=1, max_size=4))
def test_receptive_field_is_what_a_gradient_reaches(layers):
    width, step = receptive_field(layers)
    chain = nn.Sequential(*(nn.Conv2d(1, 1, k, stride=s, dilation=d, bias=False) for k, s, d in layers))
    for convolution in chain:
        nn.init.ones_(convolution.weight)
    x = torch.zeros(1, 1, width + step, width + step, requires_grad=True)
    chain(x)[0, 0, 0, 0].backward()
    rows = x.grad[0, 0].abs().sum(dim=1).nonzero()
    assert (int(rows.min()), int(rows.max())) == (0, width - 1)


@pytest.mark.parametrize(("depth", "size"), [(1, 48), (2, 96), (3, 208)])
def test_formula_and_gradient_agree_for_every_place_in_the_pooling_grid(depth, size):
    model = UNet(base_channels=1, depth=depth)
    for place in range(size // 2, size // 2 + 2**depth):
        assert measured_receptive_field(model, size, place) == unet_receptive_field(place, depth)


def test_formula_and_gradient_agree_without_padding():
    model = UNet(base_channels=1, depth=2, padding="valid", norm=None)
    for place in range(8):
        assert measured_receptive_field(model, 140, place) == unet_receptive_field(place, 2, "valid")


def test_widths_at_every_depth():
    widths = {depth: {b - a + 1 for a, b in (unet_receptive_field(p, depth) for p in range(2**depth))} for depth in (1, 2, 3, 4)}
    assert widths == {1: {18}, 2: {44}, 3: {92, 100}, 4: {188, 204}}
    assert measured_receptive_field(UNet(base_channels=1), 320, 164) == unet_receptive_field(164)


@pytest.mark.parametrize("level", range(4))
def test_encoder_field_is_what_a_gradient_reaches(level):
    model = UNet(base_channels=1, depth=3)
    for place in (96 // 2**level, 96 // 2**level + 1):
        layer = f"encoder.{level}.block" if level < 3 else "bottleneck"
        assert measured_receptive_field(model, 192, place, layer) == encoder_field(place, level)
    stages = [(3, 1), (3, 1), *[(2, 2), (3, 1), (3, 1)] * level]
    first, last = encoder_field(0, level)
    assert (last - first + 1, 2**level) == receptive_field(stages)


def test_one_run_serves_many_places(small):
    probe = FieldProbe(small, IMAGE, ["bottleneck"])
    for place in ((10, 20), (50, 60), (10, 20)):
        expected = effective_receptive_field(small, IMAGE, place, ["bottleneck"])
        found = probe.fields(place)
        assert all(np.array_equal(found[name], expected[name]) for name in ("input", "bottleneck"))
        assert probe.winner(place) == predict(small, IMAGE)[place]


def test_measured_field_of_a_layer_and_its_refusal():
    model = UNet(base_channels=1, depth=2)
    assert measured_receptive_field(model, 64, 32, "encoder.0") == (30, 34)
    assert measured_receptive_field(model, 64, 8, "bottleneck") == (8 * 4 - 14, 8 * 4 + 3 + 14)
    with pytest.raises(ValueError, match="rows 0 to 63"):
        measured_receptive_field(model, 64, 64)


def test_effective_field_lies_inside_the_theoretical_one(small):
    image = generate_cell(3, 256).image
    place = (128, 120)
    fields = effective_receptive_field(small, image, place, stage_names(small))
    rows, columns = np.nonzero(fields["input"])
    for used, middle in ((rows, place[0]), (columns, place[1])):
        first, last = unet_receptive_field(middle)
        assert first <= used.min() <= used.max() <= last
    assert fields["bottleneck"].shape == (16, 16)
    assert list(fields) == ["input", *stage_names(small)]
    assert mass_width(fields["input"], place) < 0.5 * (last - first + 1), "half of the weight sits near the middle"
    assert mass_width(fields["decoder.3"], place, 1.0) == 1, "the head is a 1x1 convolution"


def test_effective_field_is_the_slope_of_the_logit():
    torch.manual_seed(0)
    model = UNet(base_channels=2, depth=1, norm=None).double().eval()
    x = torch.randn(1, 1, 16, 16, dtype=torch.float64)
    field = saliency(model, x, (7, 8), class_index=1)
    step = 1e-6
    for row, column in ((7, 8), (6, 6), (9, 11), (0, 0)):
        moved = x.clone()
        moved[0, 0, row, column] += step
        with torch.no_grad():
            slope = ((model(moved) - model(x))[0, 1, 7, 8] / step).item()
        assert field[row, column] == pytest.approx(abs(slope), abs=1e-5)
    with pytest.raises(ValueError, match="16 rows"):
        saliency(model, x, (16, 0))
    with pytest.raises(ValueError, match="classes 0 to 2"):
        saliency(model, x, (0, 0), class_index=3)


def test_width_of_a_mass():
    field = np.zeros((9, 9))
    field[4, 4], field[2, 4] = 3, 1
    assert [mass_width(field, (4, 4), share) for share in (0.5, 0.75, 0.76, 1.0)] == [1, 1, 5, 5]
    assert mass_width(np.zeros((3, 3)), (1, 1)) == 1


# -- ablation ---------------------------------------------------------------------------------------------------------


def test_without_skip_is_a_network_whose_decoder_gets_zeros():
    torch.manual_seed(0)
    model, x = UNet(base_channels=4, depth=2).eval(), torch.randn(1, 1, 16, 16)
    with torch.no_grad():
        before = model(x)
        y, top = model.encoder[0](x)
        y, deep = model.encoder[1](y)
        y = model.decoder[0](model.bottleneck(y), deep)
        expected = model.head(model.decoder[1](y, torch.zeros_like(top)))
        with without_skip(model, 0):
            assert torch.equal(model(x), expected)
        assert torch.equal(model(x), before)
        with without_skip(model, 0, top), without_skip(model, 1, deep):
            assert torch.equal(model(x), before), "its own skips instead: nothing changes"


@pytest.mark.parametrize("instead", INSTEAD)
@pytest.mark.parametrize("level", [0, 1])
def test_every_kind_changes_the_answer_and_repeats(instead, level):
    torch.manual_seed(0)
    model, x = UNet(base_channels=4, depth=2).eval(), torch.randn(2, 1, 16, 16)
    model.he_initialise()
    with torch.no_grad(), without_skip(model, level, instead):
        first, second = model(x), model(x)
    assert torch.equal(first, second)
    assert (first - model(x)).abs().max() > 1e-3


def test_shuffled_and_noise_keep_what_they_say():
    seen = []
    model = UNet(base_channels=4, depth=1).eval()
    x = torch.randn(1, 1, 32, 32)
    _, skip = model.encoder[0](x)
    model.decoder[0].block.register_forward_pre_hook(lambda _m, i: seen.append(i[0][:, :4]))
    with torch.no_grad(), without_skip(model, 0, "shuffled"):
        model(x)
    assert torch.equal(seen[0].flatten(2).sort().values, skip.flatten(2).sort().values)
    with torch.no_grad(), without_skip(model, 0, "noise"):
        model(x)
    torch.testing.assert_close(seen[1].mean((2, 3)), skip.mean((2, 3)), atol=0.15, rtol=0.3)


def test_skips_that_cannot_be_exchanged_are_refused_and_an_error_inside_leaves_no_trace():
    model = UNet(base_channels=2, depth=2)
    for bad in (2, -1, "top"):
        with pytest.raises(ValueError, match=r"skips 0 \(topmost\) to 1"), without_skip(model, bad):
            pass
    with pytest.raises(ValueError, match="allowed are 'zeros', 'noise', 'shuffled'"), without_skip(model, 0, "cut"):
        pass
    refused = pytest.raises(ValueError, match=r"is \(1, 3, 4, 4\); this skip is \(1, 2, 8, 8\)")
    with refused, without_skip(model, 0, torch.zeros(1, 3, 4, 4)):
        model(torch.zeros(1, 1, 8, 8))
    with contextlib.suppress(KeyError), without_skip(model, 0):
        raise KeyError
    assert not any(m._forward_pre_hooks for m in model.modules())


def test_worth_of_a_skip_is_the_iou_that_is_lost_without_it(small):
    pairs = [generate_cell(seed, 96) for seed in (1, 2)]

    def iou():
        return scores(sum(confusion_matrix(p.mask, predict(small, p.image)) for p in pairs), "macro").iou

    worth = skip_worth(small, pairs)
    with without_skip(small, 2):
        without = iou()
    assert len(worth) == 4
    assert worth[2] == pytest.approx(iou() - without)
    assert max(worth) > 0


# -- occlusion, equivariance ------------------------------------------------------------------------------------------


def test_occlusion_is_covering_by_hand(small):
    fallen = occlusion(small, IMAGE, patch=32)
    assert fallen.shape == (3, 3, 96, 96)
    x = torch.from_numpy(standardise(IMAGE))[None, None]
    with torch.no_grad():
        before = small(x).softmax(1)
        covered = x.clone()
        covered[..., 32:64, 64:96] = 0
        after = small(covered).softmax(1)
    winner = before.argmax(1, keepdim=True)
    expected = (before.gather(1, winner) - after.gather(1, winner))[0, 0].numpy()
    assert fallen[1, 2] == pytest.approx(expected, abs=1e-5)
    with pytest.raises(ValueError, match="from 1 to 96"):
        occlusion(small, IMAGE, patch=0)


def test_a_unet_moves_with_the_image_by_multiples_of_its_pooling_grid_only(small):
    image = generate_cell(3, 288).image
    for shift in (16, 32):
        rest, moved = shift_difference(small, image, right=shift)
        assert (rest - moved).abs().max() < 1e-4
    for shift in (1, 2, 4, 8):
        rest, moved = shift_difference(small, image, down=shift)
        assert (rest - moved).abs().max() > 1e-2


def test_convolutions_alone_move_by_any_shift():
    torch.manual_seed(0)
    model = nn.Sequential(ConvBlock(1, 4), ConvBlock(4, 3))
    rest, moved = shift_difference(model, IMAGE, down=3, right=5, margin=4)
    assert rest.shape == (3, 96 - 32 - 8 - 3, 96 - 32 - 8 - 5)
    assert (rest - moved).abs().max() < 1e-5


def test_reach_is_the_farthest_pixel_and_windows_that_are_too_small_are_refused():
    assert reach(1) == 9
    assert reach(4) == 107
    with pytest.raises(ValueError, match="nothing is left"):
        shift_difference(UNet(base_channels=1), IMAGE, down=1)
    with pytest.raises(ValueError, match="from 0 to 32"):
        shift_difference(UNet(base_channels=1), IMAGE, down=33)


def test_an_encoder_stage_gives_its_skip():
    model = nn.Sequential(EncoderStage(1, 2))
    with pytest.raises(ValueError, match="no layer"):
        measured_receptive_field(model, 16, 4, "nothing")


def test_a_ring_sends_less_than_twice_the_gradients_whatever_the_number_of_workers():
    alone = step_time(1, 8, 0.01, 1e6, 1e6)
    assert alone.exchange == 0
    assert alone.total == pytest.approx(0.08)
    for workers in (2, 4, 100):
        step = step_time(workers, 8, 0.01, 1e6, 1e6)
        assert step.exchange == pytest.approx(2 * (workers - 1) / workers)
        assert step.compute == alone.compute
        assert step.effective_batch == 8 * workers
        assert step.images_per_second == pytest.approx(8 * workers / (0.08 + step.exchange))
    assert step_time(4, 8, 0.01, 0, 1, cores=2).compute == pytest.approx(0.16)
    assert step_time(3, 1, 1.0, 0, 1, latency=0.1).exchange == pytest.approx(0.4)
    with pytest.raises(ValueError, match="workers is 0"):
        step_time(0, 1, 1.0, 1, 1)


def test_skip_counts_of_single_images_add_up_to_what_a_skip_is_worth(small):
    pairs = [generate_cell(seed, 64) for seed in range(3)]
    counts = skip_counts(small, pairs)
    assert counts.shape == (5, 3, 3, 3)
    assert (counts.sum(axis=(2, 3)) == 64 * 64).all()
    assert np.array_equal(counts[0, 1], confusion_matrix(pairs[1].mask, predict(small, pairs[1].image)))
    ious = [scores(tables.sum(axis=0)).iou for tables in counts]
    assert np.subtract(ious[0], ious[1:]).tolist() == skip_worth(small, pairs)


def test_ring_means_keep_what_is_distance_alone_and_take_out_the_rest():
    rows, columns = np.indices((40, 50))
    distance = np.hypot(rows - 12, columns - 30).round()
    falling = np.exp(-distance / 7)
    assert np.allclose(ring_means(falling, (12, 30)), falling)
    one_sided = falling * np.where(columns > 30, 1.5, 0.5)
    rings = ring_means(one_sided, (12, 30))
    assert rings.sum() == pytest.approx(one_sided.sum())
    assert rings[12, 35] == rings[12, 25]
