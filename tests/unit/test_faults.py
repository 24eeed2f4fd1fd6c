"""The clinic: ten switches, their symptoms, and a doctor who names each and leaves the healthy alone."""

from html import escape

import numpy as np
import pytest
import torch

from unet_lab.datasets import SegmentationDataset, generate_cell, load_cells, split
from unet_lab.doctor import Symptoms, examine_model, examine_run, observe
from unet_lab.doctor.faults import FAULTS, run_with_fault, unknown_fault
from unet_lab.doctor.run_checks import RIM, bulk_share, rim_share
from unet_lab.doctor.symptoms import fingerprint, neighbours_matter, norm_updates
from unet_lab.explorers import explore_failures, explore_faults
from unet_lab.metrics import scores
from unet_lab.plots import show_symptoms
from unet_lab.training import fit
from unet_lab.training.loop import gradient_norm
from unet_lab.unet import UNet
from unet_lab.weights import load_pretrained

SEEDS = range(10)


@pytest.fixture(scope="module")
def patients():
    return {fault: run_with_fault(fault) for fault in (None, *FAULTS)}


@pytest.mark.parametrize("seed", SEEDS)
def test_ten_healthy_runs_are_left_alone(seed):
    run = run_with_fault(None, seed)
    found = examine_run(run)
    assert not found
    assert str(found) == "Nothing found: the run looks healthy."
    assert scores(run.matrices[-1], average="macro").iou > 0.7, "this run is not healthy at all"
    assert run.losses[-1] < 0.3 * run.losses[0]


@pytest.mark.parametrize("fault", FAULTS)
def test_each_failure_is_named_by_its_own_name_and_no_other(fault, patients):
    for run in (patients[fault], run_with_fault(fault, 1), run_with_fault(fault, 2)):
        assert examine_run(run).names == (FAULTS[fault].title,)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_finding_says_what_why_and_how_to_mend_it(fault, patients):
    (finding,) = examine_run(patients[fault])
    assert all(len(words) > 20 for words in (finding.what, finding.why, finding.fix))
    assert any(c.isdigit() for c in finding.what), "no number was measured"
    assert escape(FAULTS[fault].title) in examine_run(patients[fault])._repr_html_()


def test_the_symptoms_do_not_name_the_fault(patients):
    """What is in them are numbers of the run; the switch is nowhere."""
    for fault, run in patients.items():
        text = repr([run.reported, run.error, run.label_values, run.size, run.halvings])
        assert fault is None or fault not in text


def test_two_runs_of_a_seed_are_the_same_and_the_stream_of_chance_does_not_matter():
    torch.manual_seed(5)
    one = run_with_fault("softmax twice", 3)
    torch.manual_seed(6)
    assert run_with_fault("softmax twice", 3).losses == one.losses
    assert run_with_fault("softmax twice", 4).losses != one.losses


def test_each_switch_does_what_it_says(patients):
    healthy = patients[None]
    assert sorted(healthy.label_values) == [0, 1, 2]
    assert sorted(patients["masks 0 and 255"].label_values) == [0, 128, 255]
    assert rim_share(healthy.masks, 0, 2, 1) < 0.01 < RIM < rim_share(patients["interpolated masks"].masks, 0, 2, 1)
    assert bulk_share(healthy.masks, 0, 1) > 0.8  # the cell body truly lies there
    assert bulk_share(patients["interpolated masks"].masks, 0, 2) < 0.05
    assert patients["normalised otherwise"].predicted_inputs[1] > 20
    assert np.allclose(patients["softmax twice"].logits.sum(axis=1), 1, atol=1e-5)
    assert min(patients["softmax twice"].losses) > 0.55
    assert patients["mode forgotten"].norm_updates == 6 < len(patients["mode forgotten"].losses)
    assert run_with_fault("mode forgotten", 1).neighbours_matter > 0.1 > healthy.neighbours_matter
    assert not np.isfinite(patients["rate too high"].losses[-1])
    assert patients["odd size"].size == (45, 45)
    assert set(patients["leak"].validation_images) <= set(patients["leak"].training_images)
    assert not set(healthy.validation_images) & set(healthy.training_images)
    table = patients["flattering accuracy"].matrices[-1]
    assert scores(table, average="macro").accuracy > 0.95
    assert table[:, 1:].sum() == 0
    with pytest.raises(ValueError, match="there is no fault 'overfitting'; there are all background"):
        run_with_fault("overfitting")
    with pytest.raises(ValueError, match="there is no unknown run 'F'; there are A, B, C, D, E"):
        unknown_fault("F")


def test_the_unknown_patients_are_five_different_ones_that_the_doctor_knows():
    named = [examine_run(unknown_fault(letter)).names for letter in "ABCDE"]
    assert len(set(named)) == 5
    assert all(len(names) == 1 for names in named)


# -- the doctor, on what is not from the clinic -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained():
    """An everyday training, and its data."""
    training, validation = split(SegmentationDataset.generated(80, size=48, difficulty=0.1), seed=0)
    torch.manual_seed(0)
    model = UNet(base_channels=8, depth=2)
    history = fit(model, training, validation, epochs=6, learning_rate=0.01)
    return model, training, validation, history


def test_an_everyday_run_is_healthy(trained):
    model, training, validation, history = trained
    assert not examine_model(model.eval(), validation, training, history)
    assert not examine_model(load_pretrained().eval(), load_cells())


def test_a_network_in_training_mode_is_named_and_left_as_it_was(trained):
    model, training, validation, history = trained
    before = {k: v.clone() for k, v in model.state_dict().items()}
    assert examine_model(model.train(), validation, training, history).names == ("eval() forgotten, or train()",)
    assert model.training
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    model.eval()


def test_leaked_images_are_found_by_their_pixels(trained):
    model, training, validation, _ = trained
    leaky = SegmentationDataset([*training.pairs, *validation.pairs[:3]])
    (finding,) = examine_model(model.eval(), validation, leaky)
    assert finding.what.startswith("3 of 16 validation images")


def test_nan_weights_silent_channels_and_an_untrained_network(trained):
    validation = trained[2]
    torch.manual_seed(0)
    broken = UNet(base_channels=4, depth=2).eval()
    with torch.no_grad():
        broken.head.weight[0, 0] = float("nan")
    (finding,) = examine_model(broken, validation)
    assert (finding.name, finding.where) == ("weights that are no numbers", ("head.weight",))
    silent = UNet(base_channels=4, depth=2, norm=None).eval()
    with torch.no_grad():
        silent.bottleneck.block[0].bias.fill_(-100)
    assert "silent channels" in examine_model(silent, validation).names
    assert "eval() forgotten, or train()" in examine_model(UNet(base_channels=4, depth=2).eval(), validation).names


def test_sizes_and_labels_of_a_data_set_that_does_not_fit(trained):
    model = trained[0]
    odd = SegmentationDataset([generate_cell(seed, 50) for seed in range(4)])
    assert examine_model(model.eval(), odd).names == ("sizes that don't divide",)
    few = SegmentationDataset([(p.image, np.where(p.mask == 2, 2, 0)) for p in trained[2].pairs])
    assert "masks read as 0/255" not in examine_model(model.eval(), few).names


def test_a_normal_order_of_classes_is_no_rim():
    """Background, body, nucleus: body always lies between, and thinly at times."""
    for difficulty in (0.1, 0.5, 1.0):
        masks = np.stack([generate_cell(seed, 64, difficulty).mask for seed in range(30)])
        assert rim_share(masks, 0, 2, 1) < RIM


def test_a_bumpy_loss_is_no_high_rate():
    bumpy = [1.1, 2.9, 0.9, 1.5, 0.8, 0.7, 1.2, 0.6, 0.5, 0.4]
    assert not examine_run(Symptoms(losses=bumpy, gradient_norms=[1.0] * 10))
    climbing = [1.1, 1.5, 3.0, 4.0, 4.5, 6.0, 8.0, 9.0]
    assert examine_run(Symptoms(losses=climbing)).names == ("learning rate too high, loss NaN",)
    assert not examine_run(Symptoms())


def test_causes_hide_outcomes():
    """All background because the labels are wrong: only the labels are named."""
    matrix = np.array([[80, 0, 0], [10, 0, 0], [10, 0, 0]])
    assert examine_run(Symptoms(matrices=[matrix])).names == ("all-background predictions",)
    assert examine_run(Symptoms(matrices=[matrix], label_values={0: 5, 255: 3})).names == ("masks read as 0/255",)
    healthy = np.array([[80, 1, 0], [1, 9, 0], [0, 0, 9]])
    assert not examine_run(Symptoms(matrices=[healthy], reported="accuracy"))


def test_the_small_measurements_are_right():
    model = torch.nn.Linear(2, 1, bias=False)
    model(torch.tensor([[3.0, 4.0]])).sum().backward()
    assert gradient_norm(model) == pytest.approx(5)
    assert gradient_norm(torch.nn.Linear(2, 1)) == 0
    a = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert fingerprint(a) == fingerprint(a[:, ::-1][:, ::-1]) != fingerprint(a.reshape(3, 2))
    assert fingerprint(a) != fingerprint(a.astype(np.uint16))
    assert norm_updates(UNet(base_channels=2, depth=1, norm=None)) is None
    net = UNet(base_channels=2, depth=1)
    x = torch.randn(3, 1, 8, 8)
    assert neighbours_matter(net.train(), x) > 1e-3
    assert norm_updates(net) == 0
    assert neighbours_matter(net.eval(), x) < 1e-6


def test_observe_takes_a_network_of_valid_padding():
    model = UNet(base_channels=2, depth=1, padding="valid", norm=None).eval()
    seen = observe(model, SegmentationDataset.generated(3, size=44))
    assert seen.logits.shape[-2:] == seen.truths.shape[-2:] == (28, 28)


# -- pictures and explorers -------------------------------------------------------------------------------------------


def test_every_run_has_a_picture(patients):
    for fault, run in patients.items():
        picture = show_symptoms(run, (0, 2, 1), str(fault))
        assert picture.png().startswith(b"\x89PNG")
        assert str(fault) in picture.alt


def test_the_explorer_says_the_switch_and_what_the_run_reports(patients):
    explorer = explore_failures(patients)
    explorer.set(switch="sizes that don't divide")
    assert "images of 45 pixels" in explorer.words
    assert "It stopped: 45 x 45 does not survive 2 poolings" in explorer.words
    explorer.set(switch="accuracy 95 % on 95 % background")
    accuracy = scores(patients["flattering accuracy"].matrices[-1], average="macro").accuracy
    assert f"It reports: accuracy {accuracy:.1%}." in explorer.words


def test_each_test_costs_a_point_once_for_each_patient(patients):
    explorer = explore_faults({"A": patients["leak"], "B": patients["softmax twice"]})
    assert "Points spent on all runs: 0." in explorer.words
    explorer.set(test="images on both sides")
    assert "12 of 12 validation images are also among the training images" in explorer.words
    explorer.set(test="loss curve")
    explorer.set(test="images on both sides")
    assert "Points spent on all runs: 2." in explorer.words
    explorer.set(run="B", test="outputs, by class")
    assert "their sum over the classes from 1.00 to 1.00" in explorer.words
    assert "Points spent on all runs: 3." in explorer.words
    explorer.set(run="B", test="(begin anew)")
    assert "Tests ordered for B: none. Points spent on all runs: 2." in explorer.words
