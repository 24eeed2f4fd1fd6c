"""A student's loss, block, network and dataset (own_experiment.py) through all that the course has."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from tests.conftest import ROOT
from tests.unit.own_experiment import (
    NETWORKS,
    SETTINGS,
    LazyCells,
    Separable,
    TwoBranches,
    experiment,
    labels_alone,
    separable_unet,
    tversky,
)
from unet_lab.datasets import generate_cell
from unet_lab.inference import predict, predict_logits, predict_tiled
from unet_lab.training import Candidate, ComparisonData, History, Protocol, compare, evaluate, load_outcomes, plan_training, train
from unet_lab.training.distributed import on_this_machine
from unet_lab.weights import load_weights, save_weights


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Each network, trained in this process; and the folder with its checkpoint."""
    folder = tmp_path_factory.mktemp("alone")
    return {which: experiment(which, folder) for which in NETWORKS}, folder


@pytest.mark.parametrize("which", NETWORKS)
def test_it_trains_is_kept_and_goes_on(alone, which, tmp_path):
    losses, ious, model = alone[0][which]
    assert losses[-1] < losses[0]
    assert History.load(alone[1] / f"{which}.pt").column("iou") == ious
    torch.manual_seed(0)
    stopped = NETWORKS[which]()
    for _ in train(stopped, LazyCells(), LazyCells(4, 100), checkpoint=tmp_path / "run.pt", **SETTINGS):
        break
    resumed = NETWORKS[which]()  # from other weights
    reports = list(train(resumed, LazyCells(), LazyCells(4, 100), checkpoint=tmp_path / "run.pt", **SETTINGS))
    assert [r.loss for r in reports] == losses
    with pytest.raises(ValueError, match="its loss is tversky, yours is cross_entropy"):
        list(train(model, LazyCells(), LazyCells(4, 100), checkpoint=alone[1] / f"{which}.pt", **SETTINGS | {"loss": None}))
    other = next(name for name in NETWORKS if name != which)
    with pytest.raises(ValueError, match="another run's checkpoint: its network is"):
        list(train(NETWORKS[other](), LazyCells(), checkpoint=alone[1] / f"{which}.pt", **SETTINGS))
    assert plan_training(NETWORKS[which](), LazyCells(), LazyCells(), **SETTINGS).memory > 0


@pytest.mark.parametrize("which", NETWORKS)
def test_it_predicts_whole_and_in_tiles_and_is_saved(alone, which, tmp_path):
    model = alone[0][which][2]
    image = generate_cell(7, 150).image[:141]  # a size that its pooling does not take
    whole = predict(model, image)
    assert whole.shape == (141, 150)
    if which == "network":  # the other one's norm looks at all it is shown, so tiles differ, and predict_tiled says so
        assert np.array_equal(predict_tiled(model, image, tile=64), whole)
    else:
        with pytest.raises(ValueError, match=r"or at the whole image; give overlap=… in pixels"):
            predict_tiled(model, image, tile=96)
        with pytest.warns(UserWarning, match="normalises over all pixels"):
            assert predict_tiled(model, image, tile=96, overlap=32).shape == whole.shape
    assert evaluate(model, LazyCells(4, 100))[1].sum() == 4 * 32**2
    save_weights(model, tmp_path / "own.safetensors")
    with pytest.raises(ValueError, match="give it: load_weights"):
        load_weights(tmp_path / "own.safetensors")
    again = load_weights(tmp_path / "own.safetensors", NETWORKS[which]())
    assert torch.allclose(predict_logits(again, image), predict_logits(model, image), atol=1e-5)


def test_two_processes_train_it_as_one_does(alone, tmp_path):
    here, settings = on_this_machine()
    line = [sys.executable, "-m", "torch.distributed.run", *here, "--nproc-per-node=2"]
    environment = dict(os.environ, PYTHONPATH=str(ROOT), TQDM_DISABLE="1", OMP_NUM_THREADS="1", **settings)
    script = ROOT / "tests" / "unit" / "own_experiment.py"
    done = subprocess.run([*line, str(script), str(tmp_path)], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    expected = {which: result[:2] for which, result in alone[0].items()} | {"labels": labels_alone()}
    for which, (losses, ious) in expected.items():
        assert found[which][0] == pytest.approx(losses, rel=1e-4)
        assert found[which][1] == pytest.approx(ious, abs=0.01)
    for which in NETWORKS:
        assert History.load(tmp_path / f"{which}.pt").column("loss") == found[which][0]


def test_it_stands_in_the_comparison_beside_ours(tmp_path):
    protocol = Protocol(steps=6, rates=(0.01,), seeds=(0, 1))
    data = ComparisonData(LazyCells(6), LazyCells(3, 100), LazyCells(4, 200))
    candidates = [
        Candidate("ours", network={"base_channels": 2, "depth": 2}),
        Candidate("own network", network=TwoBranches, loss=tversky),
        Candidate("own block", network=separable_unet),
        Candidate("own block in ours", network={"base_channels": 2, "depth": 2, "block": Separable}),
    ]
    outcomes = list(compare(candidates, protocol, data, tmp_path / "table.json"))
    assert [len(outcome.ious) for outcome in outcomes] == [2, 2, 2, 2]
    assert outcomes[1].parameters == sum(p.numel() for p in TwoBranches().parameters())
    _, stored = load_outcomes(tmp_path / "table.json")
    assert [outcome.ious for outcome in stored] == [outcome.ious for outcome in outcomes]
    assert stored[1].candidate.described["loss"] == "tversky"
    assert list(compare(candidates, protocol, data, tmp_path / "table.json")) == outcomes
