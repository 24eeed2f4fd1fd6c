"""The U-Net's variations, and the protocol that compares them."""

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from scipy.stats import t
from torch import nn
from torch.utils.data import Dataset

from scripts.ablations import BASELINE, CANDIDATES, FURTHER, MONAI, SGD_RATES, all_candidates
from scripts.rewired import RewiredUNet
from unet_lab.blocks import AttentionGate, ConvBlock, DecoderStage, ResidualBlock, normalisation, up_sampling
from unet_lab.datasets import Augmentation, SegmentationDataset
from unet_lab.geometry import reach, unet_receptive_field
from unet_lab.inspection import cost, measured_receptive_field
from unet_lab.losses import cross_entropy, soft_dice_loss
from unet_lab.metrics import scores
from unet_lab.training import (
    Candidate,
    ComparisonData,
    Protocol,
    compare,
    difference,
    holm,
    interval,
    load_outcomes,
    p_value,
    run_once,
    training_memory,
)
from unet_lab.training.outcomes import Outcome, save_outcomes
from unet_lab.unet import UNet
from unet_lab.weights import load_weights, save_weights

VARIATIONS = [
    *({"norm": norm} for norm in ("instance", "group", "layer")),
    *({"up": up} for up in ("nearest", "bilinear")),
    *({"skip": skip} for skip in ("sum", "none")),
    {"attention": True},
    {"residual": True},
    {"attention": True, "skip": "sum", "up": "bilinear", "residual": True, "norm": "group"},
]


@pytest.mark.parametrize("norm", ["batch", "instance", "layer", "group"])
def test_norms_are_mean_and_variance_over_what_they_say(norm):
    x = 3 + 2 * torch.randn(4, 16, 5, 6)
    grouped = x.view(4, 8, 2, 5, 6)  # 8 groups of 2 channels
    part, over = {
        "batch": (x, (0, 2, 3)), "instance": (x, (2, 3)), "layer": (x, (1, 2, 3)), "group": (grouped, (2, 3, 4)),
    }[norm]  # fmt: skip
    expected = (part - part.mean(over, keepdim=True)) / (part.var(over, correction=0, keepdim=True) + 1e-5).sqrt()
    (layer,) = normalisation(norm, 16)
    torch.testing.assert_close(layer(x), expected.view(x.shape), atol=1e-5, rtol=0)
    assert sum(p.numel() for p in layer.parameters()) == 32  # a scale and a shift for each channel


def test_only_batch_norm_looks_at_the_other_images():
    x = torch.randn(3, 16, 8, 8)
    for norm in ("batch", "instance", "layer", "group"):
        (layer,) = normalisation(norm, 16)
        alone = torch.allclose(layer(x)[:1], layer(x[:1]), atol=1e-5)
        assert alone == (norm != "batch")


def test_groups_divide_any_number_of_channels():
    assert [normalisation("group", channels)[0].num_groups for channels in (3, 4, 8, 12, 64)] == [1, 4, 8, 4, 8]


def test_nearest_is_a_transposed_convolution_with_four_equal_weights():
    nearest, transposed = up_sampling("nearest", 6, 3), up_sampling("transposed", 6, 3)
    with torch.no_grad():
        transposed.weight.copy_(nearest[0].weight.transpose(0, 1).expand(6, 3, 2, 2))
        transposed.bias.copy_(nearest[0].bias)
    x = torch.randn(2, 6, 5, 7)
    torch.testing.assert_close(nearest(x), transposed(x), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("padding", "channels"), [("same", (4, 4)), ("same", (2, 4)), ("valid", (4, 4)), ("valid", (2, 4))])
def test_a_residual_block_adds_to_its_input(padding, channels):
    block, x = ResidualBlock(*channels, padding), torch.randn(2, channels[0], 12, 10)
    with torch.no_grad():
        block.layers[-1].weight.zero_()  # the last norm's scale: no change at all
        block.layers[-1].bias.zero_()
    cut = x if padding == "same" else x[..., 2:-2, 2:-2]
    torch.testing.assert_close(block(x), torch.relu(block.shortcut(cut)))
    assert isinstance(block.shortcut, nn.Identity) == (channels[0] == channels[1])
    names = [type(m) for m in ConvBlock(*channels)]
    assert [*(type(m) for m in block.layers), type(block.relu)] == names


def test_an_attention_gate_is_what_the_paper_writes():
    """Oktay et al. 2018, equations 1 and 2, pixel by pixel."""
    torch.manual_seed(0)
    gate, skip, gating = AttentionGate(4, 6, 3), torch.randn(1, 4, 6, 8), torch.randn(1, 6, 3, 4)
    coarse = torch.zeros(1, 1, 3, 4)
    for row in range(3):
        for column in range(4):
            window = skip[0, :, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            both = torch.einsum("ochw,chw->o", gate.theta.weight, window)
            both += gate.phi.weight[:, :, 0, 0] @ gating[0, :, row, column] + gate.phi.bias
            q = gate.psi.weight[0, :, 0, 0] @ torch.relu(both) + gate.psi.bias
            coarse[0, 0, row, column] = 1 / (1 + torch.exp(-q))
    expected = skip * nn.functional.interpolate(coarse, (6, 8), mode="bilinear")
    torch.testing.assert_close(gate(skip, gating), expected, atol=1e-5, rtol=0)


def test_an_attention_gate_can_close_and_open():
    gate, skip, gating = AttentionGate(4, 6), torch.randn(1, 4, 6, 8), torch.randn(1, 6, 3, 4)
    for bias, expected in ((-100.0, torch.zeros_like(skip)), (100.0, skip)):
        nn.init.constant_(gate.psi.bias, bias)
        torch.testing.assert_close(gate(skip, gating), expected)


@pytest.mark.parametrize(("skip", "matters"), [("concatenate", True), ("sum", True), ("none", False)])
def test_what_becomes_of_the_skip(skip, matters):
    stage = DecoderStage(8, 4, skip=skip).eval()
    x, across = torch.randn(1, 8, 4, 4), torch.randn(1, 4, 8, 8)
    assert torch.equal(stage(x, across), stage(x, across + 1)) != matters


@pytest.mark.parametrize("variation", VARIATIONS, ids=str)
def test_every_variation_is_a_u_net(variation, tmp_path):
    torch.manual_seed(0)
    model = UNet(base_channels=8, depth=2, **variation)
    x = torch.randn(2, 1, 24, 32)
    logits = model(x)
    assert logits.shape == (2, 3, 24, 32)
    (logits * torch.randn_like(logits)).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    save_weights(model, tmp_path / "weights.safetensors")
    again = load_weights(tmp_path / "weights.safetensors")
    assert torch.equal(again.eval()(x), model.eval()(x))
    assert training_memory(model, (32, 32), 2).total > 0
    assert sum(row.parameters for row in cost(model, x[:1])) == model.num_parameters


@pytest.mark.parametrize("variation", [v for v in VARIATIONS if "norm" not in v], ids=str)
def test_receptive_fields_by_formula_are_those_measured(variation):
    depth = 2
    model = UNet(base_channels=2, depth=depth, **variation)
    how = (variation.get("up", "transposed"), variation.get("attention", False))
    for place in range(2**depth):
        first, last = unet_receptive_field(place, depth, "same", *how)
        assert measured_receptive_field(model, 96, 48 + place) == (48 + first, 48 + last)
    assert reach(depth, *how) >= reach(depth)


@pytest.mark.parametrize("variation", [{"attention": True}, {"residual": True}, {"up": "bilinear"}, {"skip": "sum"}], ids=str)
def test_variations_with_valid_padding(variation):
    model = UNet(base_channels=4, depth=2, padding="valid", **variation).eval()
    assert model(torch.zeros(1, 1, 60, 60)).shape == (1, 3, 20, 20)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"norm": "weight"}, "'batch', 'instance', 'group', 'layer' and None"),
        ({"up": "cubic"}, "'transposed', 'nearest', 'bilinear'"),
        ({"skip": "dense"}, "'concatenate', 'sum', 'none'"),
        ({"skip": "none", "attention": True}, "a gate needs a skip"),
    ],
)
def test_other_words_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        UNet(**settings)


# -- the protocol -----------------------------------------------------------------------------------------------------

QUICK = Protocol(size=32, training=12, validation=4, test=4, steps=8, rates=(0.003, 0.01), seeds=(0, 1))
TINY = Candidate("tiny", network={"base_channels": 2, "depth": 2})


def test_training_validation_and_test_use_other_cells():
    protocol = Protocol()
    sources = [{pair.source for pair in protocol.cells(what).pairs} for what in ("training", "validation", "test")]
    assert [len(s) for s in sources] == [96, 40, 60]
    assert len(set.union(*sources)) == 96 + 40 + 60


def test_a_run_follows_from_its_seed():
    one, again, other = (run_once(TINY, QUICK, 0.01, seed) for seed in (0, 0, 1))
    assert one == again != other
    assert len(one[1]) == 2  # 8 steps are two epochs


def test_compare_chooses_a_rate_and_yields_as_it_goes(monkeypatch):
    outcomes = list(compare([TINY, Candidate("wider", network={"base_channels": 4, "depth": 2})], QUICK))
    assert [o.candidate.name for o in outcomes] == ["tiny", "wider"]
    for outcome in outcomes:
        scores = {rate: run_once(outcome.candidate, QUICK, rate, 1000, "validation")[0] for rate in QUICK.rates}
        assert outcome.rate == max(scores, key=scores.get)
        assert outcome.ious == [run_once(outcome.candidate, QUICK, outcome.rate, seed)[0] for seed in QUICK.seeds]
        assert outcome.parameters == UNet(**outcome.candidate.settings).num_parameters


def test_a_rate_that_diverges_is_not_chosen():
    wild = Protocol(**(QUICK.__dict__ | {"rates": (1e30, 0.01), "seeds": (0,)}))
    assert next(compare([Candidate("no norm", network={"base_channels": 2, "depth": 2, "norm": None})], wild)).rate == 0.01


def test_steps_that_make_no_whole_epochs_are_refused():
    with pytest.raises(ValueError, match="8 steps are no whole number of epochs: 12 cells at batch size 4 make 3 steps"):
        run_once(Candidate("odd", batch_size=4), QUICK, 0.01, 0)


def test_difference_by_hand():
    a = Outcome(TINY, 1, 0.01, [0.8, 0.9, 0.7], [])
    b = Outcome(TINY, 1, 0.01, [0.5, 0.6, 0.7], [])
    assert difference(a, b) == pytest.approx((0.2, math.sqrt(0.01 / 3 + 0.01 / 3)))
    assert (a.mean, a.std) == pytest.approx((0.8, 0.1))
    assert math.isnan(Outcome(TINY, 1, 0.01, [0.8], []).std)


def test_two_processes_give_the_numbers_of_one():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert list(compare([TINY], QUICK, processes=2)) == list(compare([TINY], QUICK))
    finally:
        torch.set_num_threads(threads)


def test_what_cannot_be_handed_to_another_process_is_refused_before_the_first_step():
    given = Candidate("given in a cell", loss=lambda logits, mask: logits.mean())
    with pytest.raises(ValueError, match=r"'given in a cell' cannot be handed to another process .*processes=1"):
        next(compare([TINY, given], QUICK, processes=2))
    with pytest.raises(ValueError, match="processes is 0; allowed are whole numbers from 1 up"):
        next(compare([TINY], QUICK, processes=0))


def test_a_table_comes_back_as_it_was(tmp_path):
    outcomes = list(compare([TINY], QUICK))
    save_outcomes(outcomes, QUICK, tmp_path / "table.json")
    assert load_outcomes(tmp_path / "table.json") == (QUICK, outcomes)


def test_the_stored_table_is_complete():
    protocol, outcomes = load_outcomes()
    assert protocol == Protocol()
    stored = [outcome.candidate.described for outcome in outcomes]
    assert stored[: len(CANDIDATES)] == [candidate.described for candidate in CANDIDATES]
    assert all(row in [candidate.described for candidate in [*FURTHER, MONAI]] for row in stored[len(CANDIDATES) :])
    for outcome in outcomes:
        assert len(outcome.ious) == len(outcome.losses) == len(protocol.seeds) >= 3
        if isinstance(outcome.candidate.network, dict):
            assert outcome.parameters == UNet(**outcome.candidate.settings).num_parameters
        assert all(0 < iou < 1 for iou in outcome.ious)


def test_the_stored_table_can_be_had_again():
    """One entry, trained anew; other processors round otherwise, so to the spread that other seeds give."""
    protocol, outcomes = load_outcomes()
    stored = next(o for o in outcomes if o.candidate == BASELINE)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        again = run_once(BASELINE, protocol, stored.rate, protocol.seeds[0]).iou
    finally:
        torch.set_num_threads(threads)
    assert again == pytest.approx(stored.ious[0], abs=max(0.03, 3 * np.std(stored.ious)))


# -- what is yours ----------------------------------------------------------------------------------------------------


class OwnNet(nn.Module):
    """Two convolutions and nothing else."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 3, 3, padding=1))

    def forward(self, x):
        return {"out": self.layers(x)}


def small_unet():
    return UNet(base_channels=2, depth=2)


OWN = [
    TINY,
    Candidate("own network", network=OwnNet),
    Candidate("own function", network=small_unet),
    Candidate("Dice", network=TINY.network, loss=soft_dice_loss),
    Candidate("weights", network=TINY.network, loss=partial(cross_entropy, weights=[1, 1, 5])),
    Candidate("SGD", network=TINY.network, optimizer="sgd", training={"weight_decay": 0.01}),
    Candidate("augmented", network=TINY.network, augmentation=Augmentation(elastic=1)),
    Candidate("batches of 6", network=TINY.network, batch_size=6),
]


def test_networks_losses_optimizers_and_augmentation_of_your_own_are_compared_and_kept(tmp_path, monkeypatch):
    short = replace(QUICK, rates=(0.01,))
    outcomes = list(compare(OWN, short, path=tmp_path / "table.json"))
    by_name = {outcome.candidate.name: outcome for outcome in outcomes}
    assert by_name["own function"].losses == by_name["tiny"].losses
    assert len({str(o.losses) for o in outcomes}) == len(outcomes) - 1  # the others are all different trainings
    assert by_name["own network"].parameters == sum(p.numel() for p in OwnNet().parameters())
    protocol, stored = load_outcomes(tmp_path / "table.json")
    assert protocol == short
    assert [o._replace(candidate=None) for o in stored] == [o._replace(candidate=None) for o in outcomes]
    assert [o.candidate.described for o in stored] == [c.described for c in OWN]
    with pytest.raises(ValueError, match="Dice was read from a file"):
        stored[3].candidate.build()
    monkeypatch.setattr("unet_lab.training.comparison.train", None)  # nothing is trained again
    assert list(compare(OWN, short, path=tmp_path / "table.json")) == outcomes
    with pytest.raises(TypeError):
        list(compare([replace(TINY, batch_size=12)], short, path=tmp_path / "table.json"))  # another candidate of that name
    with pytest.raises(ValueError, match="made with another protocol"):
        list(compare(OWN, QUICK, path=tmp_path / "table.json"))


def test_a_comparison_that_was_stopped_goes_on(tmp_path):
    short = replace(QUICK, rates=(0.01,), seeds=(0,))
    expected = list(compare(OWN[:3], short))
    assert next(compare(OWN[:3], short, path=tmp_path / "table.json")) == expected[0]
    assert len(load_outcomes(tmp_path / "table.json")[1]) == 1
    assert list(compare(OWN[:3], short, path=tmp_path / "table.json")) == expected


class Doubled(Dataset):
    """A dataset as a student writes it."""

    def __init__(self, first, count):
        self.first, self.count = first, count

    def __len__(self):
        return self.count

    def __getitem__(self, number):
        image, mask, *_ = SegmentationDataset.generated(1, 32, self.first + number).pairs[0]
        return np.stack([image, 255 - image], axis=2), (mask > 0).astype(np.uint8)


def test_images_of_your_own_are_compared_on(tmp_path):
    data = ComparisonData(Doubled(0, 12), Doubled(100, 4), Doubled(200, 5))
    short = replace(QUICK, rates=(0.01,))
    (outcome,) = compare([TINY], short, data, tmp_path / "own.json")
    assert outcome.counts.shape == (2, 5, 2, 2)
    assert outcome.counts.sum() == 2 * 5 * 32**2
    with pytest.raises(ValueError, match="made with other images"):
        list(compare([TINY], short, path=tmp_path / "own.json"))


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (lambda: Candidate("a", network=3), ValueError, "a: network is a int; allowed are settings of a UNet, or a function"),
        (lambda: Candidate("a", network=OwnNet()), ValueError, "Give what builds it: MyNet"),
        (lambda: Candidate("a", network=lambda: None).build(), TypeError, "built a NoneType"),
        (lambda: Candidate("a", training={"epochs": 3}), ValueError, "a: epochs is the protocol's"),
    ],
)
def test_candidates_that_cannot_be_trained_are_refused_in_words(make, kind, words):
    with pytest.raises(kind, match=words):
        make()


# -- intervals --------------------------------------------------------------------------------------------------------


def outcome_with(matrices):
    """An outcome of these confusion matrices, (seeds, images, 2, 2)."""
    ious = [float(scores(seed.sum(axis=0), average="macro").iou) for seed in matrices]
    return Outcome(TINY, 1, 0.01, ious, [], matrices.reshape(*matrices.shape[:2], 4).tolist())


def test_an_interval_holds_the_truth_as_often_as_it_says():
    """Images and seeds drawn again and again from one world: about 19 of 20 intervals hold the long-run mean."""
    rng = np.random.default_rng(0)

    def world(seeds=12, images=40):
        right = np.clip(0.8 + 0.05 * rng.standard_normal((seeds, 1)) + 0.1 * rng.standard_normal((1, images)), 0.05, 0.95)
        hits = (500 * right).astype(int)
        return outcome_with(np.stack([hits, 500 - hits, 500 - hits, hits], axis=-1).reshape(seeds, images, 2, 2))

    truth = np.mean([world().mean for _ in range(300)])
    held = [low <= truth <= high for low, high in (interval(world(), draws=400, seed=k) for k in range(120))]
    assert 0.86 <= np.mean(held) <= 0.99


def test_differences_are_paired_over_images_and_tables_without_images_count_seeds_only():
    rng = np.random.default_rng(1)
    hits = rng.integers(100, 480, (5, 30))
    one = outcome_with(np.stack([hits, 500 - hits, 500 - hits, hits], axis=-1).reshape(5, 30, 2, 2))
    low, high = interval(one, one)
    assert low < 0 < high
    alike = one._replace(ious=one.ious[:1], matrices=one.matrices[:1])
    assert interval(alike, alike) == (0, 0)  # one seed, and the same images on both sides: no difference is left
    wide = interval(alike)
    assert wide[0] < alike.mean < wide[1]
    bare = one._replace(matrices=())
    low, high = interval(bare)
    assert min(one.ious) <= low < one.mean < high <= max(one.ious)
    with pytest.raises(ValueError, match="stored without its images"):
        _ = bare.counts
    with pytest.raises(ValueError, match="they must be the same images"):
        interval(one, one._replace(matrices=[seed[:7] for seed in one.matrices]))
    with pytest.raises(ValueError, match="level is 2"):
        interval(one, level=2)


# -- many comparisons -------------------------------------------------------------------------------------------------


def test_holm_is_the_step_down_procedure():
    """Against its definition: reject in order, each at 0.05 / (how many are left), and stop at the first that is not."""
    generator = np.random.default_rng(0)
    for count in (1, 2, 7, 30):
        given = generator.random(count) ** 4
        rejected, order = np.zeros(count, bool), np.argsort(given)
        for place, k in enumerate(order):
            if given[k] > 0.05 / (count - place):
                break
            rejected[k] = True
        assert (np.array(holm(given)) <= 0.05).tolist() == rejected.tolist()
    assert holm([0.5, math.nan, 0.01]) == pytest.approx([0.5, math.nan, 0.02], nan_ok=True)
    assert holm([]) == []
    with pytest.raises(ValueError, match="numbers from 0 to 1"):
        holm([0.5, -0.1])


def test_holm_keeps_false_alarms_of_a_whole_table_rare():
    """Twenty networks that are all the same: without a correction most tables have a winner, with it one in twenty."""
    generator = np.random.default_rng(1)
    plain, corrected = 0, 0
    for _ in range(300):
        base, *others = [Outcome(BASELINE, 1, 0.1, list(generator.normal(0.8, 0.02, 5)), []) for _ in range(21)]
        found = [p_value(other, base) for other in others]
        plain += min(found) < 0.05
        corrected += min(holm(found)) < 0.05
    assert plain > 100
    assert corrected < 30


def test_the_p_value_is_welchs():
    one, other = ([0.8, 0.82, 0.81, 0.79], [0.84, 0.83, 0.86, 0.85])
    mine = p_value(Outcome(BASELINE, 1, 0.1, one, []), Outcome(BASELINE, 1, 0.1, other, []))
    gained, error = difference(Outcome(BASELINE, 1, 0.1, one, []), Outcome(BASELINE, 1, 0.1, other, []))
    assert mine == pytest.approx(2 * t.sf(abs(gained) / error, 6), rel=1e-6)  # equal variances: 6 degrees of freedom
    assert math.isnan(p_value(Outcome(BASELINE, 1, 0.1, [0.8], []), Outcome(BASELINE, 1, 0.1, other, [])))


# -- the further rows of the table ------------------------------------------------------------------------------------

SHORT = Protocol(size=32, training=6, validation=2, test=2, steps=2, rates=(0.001, 0.01), seeds=(0,))


@pytest.mark.parametrize("candidate", FURTHER, ids=lambda candidate: candidate.name)
def test_each_further_row_trains_and_is_told_apart_in_the_file(candidate, tmp_path):
    small = replace(candidate, rates=candidate.rates and candidate.rates[:1])
    (outcome,) = compare([small], SHORT, path=tmp_path / "table.json")
    assert outcome.rate in (small.rates or SHORT.rates)
    assert 0 <= outcome.mean < 1
    (stored,) = load_outcomes(tmp_path / "table.json")[1]
    assert stored.candidate.described == small.described
    others = [one.described for one in [*CANDIDATES, *FURTHER] if one.name != candidate.name]
    assert all({**small.described, "name": "", "group": ""} != {**one, "name": "", "group": ""} for one in others)


def test_a_candidates_own_rates_are_tried():
    assert next(c for c in FURTHER if c.optimizer == "sgd").rates == SGD_RATES
    chosen = next(iter(compare([Candidate("own", network={"depth": 1}, rates=(0.02,))], SHORT)))
    assert chosen.rate == 0.02


def test_monai_has_a_row_where_it_is_installed(monkeypatch):
    monkeypatch.setattr("scripts.ablations.find_spec", lambda name: None)
    assert MONAI not in all_candidates()
    monkeypatch.setattr("scripts.ablations.find_spec", lambda name: object())
    assert all_candidates()[-1] is MONAI
    pytest.importorskip("monai")
    assert run_once(MONAI, SHORT, 0.001, 0).parameters > 0


def test_the_rewired_parts_are_those_of_pytorch_unet():
    """Its numbers of parameters for 3 channels and 2 classes, as its users print them; and any size comes out as it went in."""
    assert sum(p.numel() for p in RewiredUNet(3, 2, base=64).parameters()) == 31_037_698
    assert sum(p.numel() for p in RewiredUNet(3, 2, base=64, bilinear=True).parameters()) == 17_263_042
    for bilinear in (False, True):
        assert RewiredUNet(1, 3, 4, 3, bilinear)(torch.zeros(2, 1, 37, 50)).shape == (2, 3, 37, 50)
