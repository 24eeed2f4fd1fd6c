"""The library with networks on a device that is not the CPU (a stand-in, device.py): nothing is mixed, nothing is read in place.

The notebooks run on it too, all of them: tests/robustness/elsewhere/run_notebooks.py, by hand, since that takes long.
"""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.conftest import ROOT, SOURCES, needs_sources
from unet_lab.training import best_device
from unet_lab.training import device as devices
from unet_lab.training.distributed import Workers, check_device

CASES = [
    ast.literal_eval(key)
    for node in ast.parse(Path(__file__).with_name("on_the_device.py").read_text(encoding="utf-8")).body
    if isinstance(node, ast.Assign) and node.targets[0].id == "CASES"
    for key in map(ast.unparse, node.value.keys)
]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What each case ended with: all of them in one process, since PyTorch cannot forget a device."""
    folder = tmp_path_factory.mktemp("device")
    environment = os.environ | {
        "UNET_LAB_DEVICE": "elsewhere",
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "MPLBACKEND": "Agg",
    }
    line = [sys.executable, "-m", "tests.robustness.elsewhere.on_the_device", str(folder)]
    done = subprocess.run(line, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "found.json").read_text(encoding="utf-8"))


def test_the_stand_in_refuses_what_a_gpu_refuses(found):
    words = found["strict"]
    assert "can't convert elsewhere:0 device type tensor to numpy" in words["numpy"]
    assert "can't convert elsewhere:0 device type tensor to numpy" in words["numpy's own way"]
    assert "Expected all tensors to be on the same device" in words["a mixture"]
    assert "Expected all tensors to be on the same device" in words["a network of the CPU"]
    assert "float64" in words["float64"]
    assert "device type for generator" in words["the CPU's generator"]
    assert found["device"] == "elsewhere"


@pytest.mark.parametrize("case", CASES)
def test_it_works_with_a_network_on_another_device(found, case):
    assert found[case] == "", found[case]


@needs_sources
def test_no_page_reads_a_prediction_in_place():
    """`predict_logits` gives a tensor on the network's device, which is a GPU after a training where there is one."""
    seen = 0
    for path in sorted(SOURCES.glob("*.py")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if "predict_logits(" in line and ".numpy()" in line:
                seen += 1
                assert ".cpu().numpy()" in line, f"{path.name}, line {number}: {line.strip()}"
    assert seen


def test_several_processes_without_cuda_compute_on_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.delenv("UNET_LAB_DEVICE", raising=False)
    assert best_device().type == "mps"
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert best_device().type == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert best_device().type == "cuda"


def test_a_device_that_workers_cannot_share_is_named_before_the_first_step():
    with pytest.raises(ValueError, match=r"device is 'mps', and there are 2 workers.* Leave device out"):
        check_device(torch.device("mps"), Workers(0, 2))
    for fine in ((torch.device("mps"), Workers()), (torch.device("cpu"), Workers(1, 4)), (torch.device("cuda"), Workers(1, 4))):
        check_device(*fine)


def test_the_random_state_of_apples_gpu_is_stored_and_taken_up(monkeypatch):
    states = {"mps": torch.arange(4)}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.mps, "get_rng_state", lambda: states["mps"])
    monkeypatch.setattr(torch.mps, "set_rng_state", lambda state: states.update(mps=state))
    stored = devices.random_states()
    states["mps"] = torch.zeros(4, dtype=torch.long)
    devices.set_random_states(stored)
    assert states["mps"].tolist() == [0, 1, 2, 3]
    devices.set_random_states([stored[0], torch.zeros(16)])  # a checkpoint from a machine with CUDA
    assert states["mps"].tolist() == [0, 1, 2, 3]


def test_a_clock_waits_for_apples_gpu(monkeypatch):
    from unet_lab.acceleration.timing import time_once

    waited = []
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.mps, "synchronize", lambda: waited.append(len(waited)))
    time_once(lambda: waited.append("work"))
    assert waited == [0, "work", 2]
