"""The same `train` in 1, 2 and 4 processes under torchrun: one loss curve; and what happens when a worker dies."""

import json
import math
import os
import subprocess
import sys

import pytest
import torch

from tests.conftest import ROOT
from unet_lab.datasets import SegmentationDataset
from unet_lab.training import train
from unet_lab.training.checkpoint import load_checkpoint
from unet_lab.training.distributed import Workers, on_this_machine
from unet_lab.unet import UNet

ONE_CURVE = ("plain", "synchronised", "recompute", "weighted", "weighted sum", "own loss")
ALL = (*ONE_CURVE, "each its own")
OF_TWO = ("synchronised", "recompute", "weighted sum", "dies")
OF_FOUR = ("plain", "synchronised", "weighted", "own loss", "each its own")  # some of whom have no share in the last batch


def torchrun(workers, folder, *cases, options=()):
    """Start tests/unit/worker.py as the notebook starts its script; returns what it printed and its exit status."""
    here, settings = on_this_machine()
    line = [sys.executable, "-m", "torch.distributed.run", *here, f"--nproc-per-node={workers}", *options]
    environment = dict(os.environ, PYTHONPATH=str(ROOT), TQDM_DISABLE="1", OMP_NUM_THREADS="1", PYTHONWARNINGS="default")
    environment |= settings
    line += [str(ROOT / "tests" / "unit" / "worker.py"), str(folder), *cases]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=300)
    return done.stdout + done.stderr, done.returncode


@pytest.fixture(scope="module")
def curves(tmp_path_factory):
    """What each case gave, by number of workers: one runs all of them, and more of them one case or another."""
    folder, found = tmp_path_factory.mktemp("curves"), {}
    (folder / "killed").touch()  # so that nobody is killed in the run that later ones are compared with
    for workers in (1, 2, 4):
        printed, status = torchrun(workers, folder, *{1: ALL, 2: OF_TWO, 4: OF_FOUR}[workers])
        assert status == 0, printed
        assert "Warning: torch" not in printed
        found[workers] = json.loads((folder / f"{workers}.json").read_text())
    found["undisturbed"] = load_checkpoint(folder / "dies.pt")
    return found


def furthest(curves, case):
    return max(
        abs(a - b) / abs(b)
        for workers in (2, 4)
        if case in curves[workers]
        for a, b in zip(curves[workers][case]["losses"], curves[1][case]["losses"], strict=True)
    )


@pytest.mark.parametrize("case", ONE_CURVE)
def test_one_two_and_four_workers_have_one_loss_curve(curves, case):
    assert furthest(curves, case) < 1e-4
    losses = curves[1][case]["losses"]
    assert len(set(losses)) == 2
    assert all(math.isfinite(loss) for loss in losses)


def test_batch_norm_over_each_workers_own_images_is_another_training(curves):
    assert furthest(curves, "each its own") > 1e-4


def test_one_worker_under_torchrun_trains_as_without_it(curves):
    torch.manual_seed(0)
    model = UNet(base_channels=4, depth=2)
    cells = SegmentationDataset.generated(18, size=32)
    settings = {"epochs": 2, "batch_size": 8, "learning_rate": 0.001, "precision": "float32", "device": "cpu"}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        losses = [r.loss for r in train(model, cells, cells, **settings)]
    finally:
        torch.set_num_threads(threads)
    assert losses == curves[1]["synchronised"]["losses"]


def test_a_killed_worker_ends_the_run_in_words_and_restarted_it_ends_as_if_nothing_had_been(tmp_path, curves):
    printed, status = torchrun(2, tmp_path, "dies", options=["--max-restarts=3"])
    assert status == 0, printed
    assert (tmp_path / "killed").exists()
    assert sys.platform == "win32" or "(exitcode: -9) local_rank: 1" in printed  # torchrun names the worker that died
    # the other one was told, or torchrun stopped it first
    assert "lost another one, and the run ends. Start it again" in printed or "Sending process" in printed
    begun = load_checkpoint(tmp_path / "begun.pt")  # what the second start found
    assert (len(begun["reports"]), begun["position"]) in [(1, 0), (1, 1)]
    found, expected = load_checkpoint(tmp_path / "dies.pt"), curves["undisturbed"]
    assert [r["loss"] for r in found["reports"]] == [r["loss"] for r in expected["reports"]]
    assert len(found["reports"]) == 3
    assert all(torch.equal(found["model"][name], value) for name, value in expected["model"].items())


def test_each_image_is_one_workers():
    for size in (1, 2, 3, 4):
        for count in (1, 4, 7):
            shares = [Workers(rank, size).shard(range(count)) for rank in range(size)]
            assert sorted(image for share in shares for image in share) == list(range(count))
            assert max(map(len, shares)) - min(map(len, shares)) <= 1
    assert Workers().shard([3, 1]) == [3, 1]
    assert Workers().all_reduce(2.0, 3.0) == [2.0, 3.0]
    assert Workers().broadcast("a") == "a"
    assert Workers().all_gather("a") == ["a"]


def test_batches_too_small_for_the_workers_are_refused(monkeypatch):
    import unet_lab.training.running as module

    monkeypatch.setattr(module, "join", lambda: Workers(0, 4))
    cells = SegmentationDataset.generated(9, size=32)
    with pytest.raises(ValueError, match=r"batch_size is 2, and there are 4 workers"):
        next(train(UNet(base_channels=2, depth=1), cells, batch_size=2))
    with pytest.raises(ValueError, match=r"the last batch of an epoch has 1 images, and there are 4 workers"):
        next(train(UNet(base_channels=2, depth=1), cells, batch_size=8, sync_batch_norm=False))
