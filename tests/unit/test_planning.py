"""Before a long run starts: what it will take; and what happens where memory does not reach."""

import subprocess
import sys
import warnings

import psutil
import pytest
import torch

from tests.conftest import ROOT
from unet_lab.datasets import SegmentationDataset
from unet_lab.training import plan_training, train, training_memory
from unet_lab.training.memory import available_memory, gigabytes, warn_if_too_large
from unet_lab.training.planning import Plan
from unet_lab.unet import UNet

CELLS = SegmentationDataset.generated(8, size=32)


def tiny(**settings):
    torch.manual_seed(0)
    return UNet(**{"base_channels": 4, "depth": 2} | settings)


def test_what_is_kept_for_the_way_back_is_what_autograd_really_keeps():
    model, kept = tiny(), {}
    own = {p.untyped_storage().data_ptr() for p in model.state_dict(keep_vars=True).values()}

    def note(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda t: t):
        logits = model(torch.zeros(3, 1, 32, 48))
        torch.nn.functional.cross_entropy(logits, torch.zeros(3, 32, 48, dtype=torch.long))
    real = sum(t.untyped_storage().nbytes() for t in kept.values())
    needed = training_memory(model, (32, 48), 3)
    assert needed.activations == pytest.approx(real, rel=0.1)  # shapes on the meta device, not the processor's own choices
    assert needed.weights == 4 * model.num_parameters
    assert needed.optimizer == 3 * needed.weights
    assert needed.total == sum(needed)


def test_estimates_follow_size_batch_precision_and_recomputing():
    model = UNet.small()
    whole = training_memory(model, (128, 128), 4)
    assert training_memory(model, (128, 128), 8).activations == pytest.approx(2 * whole.activations, rel=0.01)
    assert training_memory(model, (256, 256), 4).activations == pytest.approx(4 * whole.activations, rel=0.01)
    assert training_memory(model, (128, 128), 4, low_precision=True).activations < 0.6 * whole.activations
    assert training_memory(model, (128, 128), 4, recompute=True).activations < 0.8 * whole.activations
    report = training_memory(UNet.report(), (1024, 1024), 3)  # computed, nothing of it is allocated
    assert 20e9 < report.total < 40e9


def test_a_run_that_cannot_fit_is_warned_of_before_it_starts_and_one_that_fits_is_not():
    device = torch.device("cpu")
    with pytest.warns(
        UserWarning, match=r"needs about [\d.]+ GB, and .* free on the cpu\. Ways out: a smaller batch_size \(it is 5000"
    ):
        warn_if_too_large(UNet.small(), (1024, 1024), 5000, device)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_if_too_large(UNet.small(), (64, 64), 4, device)
        warn_if_too_large(torch.nn.LSTM(3, 3), (64, 64), 4, device)  # cannot be estimated: no word
    assert 0 < available_memory() <= psutil.virtual_memory().total
    assert gigabytes(2.34e9) == "2.3 GB"
    assert gigabytes(5e6) == "5 MB"


OUT = """
import resource, torch
from unet_lab.datasets import SegmentationDataset
from unet_lab.training import train
from unet_lab.unet import UNet
cells = SegmentationDataset.generated(8, 256)
list(train(UNet(base_channels=1, depth=1), cells.subset([0]), epochs=1))
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 300_000_000,) * 2)
model = UNet(base_channels=32)
try:
    list(train(model, cells, epochs=1, batch_size=8))
except MemoryError as error:
    print(type(error).__name__, error)
list(train(UNet(base_channels=1, depth=1), cells.subset([0]), epochs=1))
print("goes on")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux takes memory away from a process by a limit")
def test_running_out_of_memory_is_explained_and_the_process_lives_on():
    done = subprocess.run([sys.executable, "-c", OUT], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert "OutOfMemory memory ran out while training on a batch of 8 images of 256 x 256" in done.stdout, (
        done.stdout + done.stderr
    )
    assert "a smaller batch_size (it is 8), tiles instead of whole images (dataset.crops(256)), recompute=True" in done.stdout
    assert "goes on" in done.stdout


def test_a_plan_touches_nothing_and_adds_up(tmp_path):
    file = tmp_path / "run.pt"
    model = tiny(base_channels=24)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    plan = plan_training(model, CELLS, CELLS, checkpoint=file, epochs=20, batch_size=3)
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert model.training
    assert not list(tmp_path.iterdir())
    assert plan.steps_per_epoch == 3
    assert plan.seconds == pytest.approx(20 * (3 * plan.seconds_per_step + plan.seconds_per_validation))
    assert plan.seconds_per_step > 0
    assert plan.problems == []
    assert "20 epochs of 3 steps" in str(plan)
    list(train(model, CELLS, CELLS, checkpoint=file, epochs=2, batch_size=3))
    written = file.stat().st_size
    assert 3 * written == pytest.approx(plan.disk, rel=0.2)


def test_a_plan_names_what_does_not_fit():
    plan = Plan(100, 75, 60.0, 0.0, 30 * 10**9, 8 * 10**9, 2 * 10**9, 10**9)
    assert [problem.split(":")[0] for problem in plan.problems] == ["Memory", "Disk"]
    assert "5 d 5 h" in str(plan)
    assert "30.0 GB needed, 8.0 GB free" in str(plan)
