"""Which precision training chooses: by whether bfloat16 is faster here, not by whether the processor knows it."""

import pytest
import torch

from unet_lab.training import TrainingSettings, bfloat16_is_faster, device

CPU = torch.device("cpu")


@pytest.fixture
def clock(monkeypatch):
    """clock(float32=…, bfloat16=…): how long each product takes from then on."""
    bfloat16_is_faster.cache_clear()
    now, seconds = [0.0], {}

    def product(a, b):
        now[0] += seconds[a.dtype]
        return a

    monkeypatch.setattr(device.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(device, "has_bfloat16", lambda device: True)
    monkeypatch.setattr(torch, "mm", product)
    yield lambda float32, bfloat16: seconds.update({torch.float32: float32, torch.bfloat16: bfloat16})
    bfloat16_is_faster.cache_clear()


@pytest.mark.parametrize(("float32", "bfloat16", "chosen"), [(2e-3, 1e-3, True), (1e-3, 2e-3, False), (1e-3, 1e-3, False)])
def test_auto_takes_bfloat16_only_where_it_is_faster(clock, float32, bfloat16, chosen):
    clock(float32, bfloat16)
    assert TrainingSettings(device="cpu").low_precision is chosen
    assert TrainingSettings(device="cpu", precision="bfloat16").low_precision
    assert not TrainingSettings(device="cpu", precision="float32").low_precision


def test_it_is_measured_once_and_leaves_the_random_state_alone():
    bfloat16_is_faster.cache_clear()
    before = torch.get_rng_state()
    first = bfloat16_is_faster(CPU)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(bfloat16_is_faster(CPU) is first for _ in range(3))
    assert bfloat16_is_faster.cache_info().misses == 1


def test_what_the_processor_lacks_is_never_chosen(monkeypatch):
    monkeypatch.setattr(device, "has_bfloat16", lambda device: False)
    bfloat16_is_faster.cache_clear()
    assert not bfloat16_is_faster(CPU)
    bfloat16_is_faster.cache_clear()
