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


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of real images, for checking only; tests that need it are skipped where it is missing."""
    if not REAL.is_dir():
        pytest.skip(f"the real images are not here: {REAL} (they may not be shipped with the project)")
    return REAL
