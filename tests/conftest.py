"""Shared by all tests: one seed, few threads, and the folder of real images, which is not part of the project."""

import os
from pathlib import Path

import pytest
import torch
from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("repeatable")

os.environ["UNET_LAB_PROGRESS"] = "off"  # the checks that tests make are not yours

ROOT = Path(__file__).resolve().parents[1]
REAL = ROOT.parent / "shared" / "real"
SOURCES, SOLUTIONS = ROOT / "notebooks" / "source", ROOT / "notebooks" / "solutions"

# A lecturer may hand the course out without them.
needs_sources = pytest.mark.skipif(not SOURCES.exists(), reason="notebooks/source/ was left out of this copy")
needs_solutions = pytest.mark.skipif(not SOLUTIONS.exists(), reason="notebooks/solutions/ was left out of this copy")


# Files whose tests share nothing: each test may run in any process. The tests of all others stay together, for their fixtures.
SPREAD = ("test_exercises", "test_memory", "test_survival", "test_grading", "test_distributed")
SLOW = (*SPREAD, "test_acceleration", "test_comparison", "test_explorers", "test_faults", "test_inference", "test_planning")


@pytest.hookimpl(wrapper=True)  # before xdist looks
def pytest_collection_modifyitems(items):
    """With several processes (lab.py test): which tests stay together; what `--quick` leaves out is marked slow."""
    for item in items:
        if item.path.stem in SLOW:
            item.add_marker(pytest.mark.slow)
        if "browser" in item.path.parts:  # the browser and JupyterLab start once
            item.add_marker(pytest.mark.xdist_group(name="browser"))
        elif item.path.stem not in SPREAD:
            item.add_marker(pytest.mark.xdist_group(name=item.path.name))
    return (yield)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of real images, for checking only; tests that need it are skipped where it is missing."""
    if not REAL.is_dir():
        pytest.skip(f"the real images are not here: {REAL} (they may not be shipped with the project)")
    return REAL
