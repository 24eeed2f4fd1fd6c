"""Shared by all tests: one seed, few threads, and the folder of real images, which is not part of the project."""

import os
from pathlib import Path, PurePath

import pytest
import torch
from hypothesis import settings

from tests import own_pages

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("repeatable")

os.environ["UNET_LAB_PROGRESS"] = "off"  # the checks that tests make are not yours

# Scripts of other processes: imported here (--doctest-modules does), a stand-in device would be in the way of all that follows.
collect_ignore_glob = ["robustness/elsewhere/site_*", "robustness/elsewhere/on_the_device.py", "robustness/elsewhere/device.py"]

ROOT = Path(__file__).resolve().parents[1]
REAL = ROOT.parent / "shared" / "real"
SOURCES, SOLUTIONS = ROOT / "notebooks" / "source", ROOT / "notebooks" / "solutions"

# A lecturer may hand the course out without them.
needs_sources = pytest.mark.skipif(not SOURCES.exists(), reason="notebooks/source/ was left out of this copy")
needs_solutions = pytest.mark.skipif(not SOLUTIONS.exists(), reason="notebooks/solutions/ was left out of this copy")

# With several processes (`python3 lab.py test`) a file is a group: its tests stay together, for their fixtures, and the browser's
# files are one, so that browser and JupyterLab start once. The longest begin first, or in the end one process would wait.
LONGEST_FIRST = (
    "browser",
    "test_explorers",
    "test_grading",
    "test_real",
    "test_distributed",
    "test_lab",
    "test_fuzz",
    "test_faults",
    "test_inference",
    "test_tiling",
    "test_acceleration",
    "test_windows",
    "test_device",
)
# Files whose tests share nothing: each may run in any process. They come last and fill what is left.
SPREAD = ("test_exercises", "test_survival", "test_progress")
SLOW = (
    *LONGEST_FIRST,
    *SPREAD,
    "test_memory",
    "test_comparison",
    "test_planning",
    "test_hand_out",
    "test_containers",
    "test_outside",
    "test_hand_out_for",
    "test_new_exercise",
    "test_feedback",
    "test_own_experiment",
    "test_own_pages",
    "test_rare_class",
    "test_places",
)  # left out by --quick


def group_of(path: PurePath) -> str:
    """What a test stays together with: the browser's tests, or those of its file."""
    return "browser" if "browser" in path.parts else path.stem


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what is slow, skip what is not asked of a lecturer's own pages; with several processes, the longest groups first."""
    own_pages.pytest_collection_modifyitems(items)
    for item in items:
        if group_of(item.path) in SLOW:
            item.add_marker(pytest.mark.slow)
    if hasattr(config, "workerinput"):
        order = {group: place for place, group in enumerate([*LONGEST_FIRST, "all others", *SPREAD])}
        items.sort(key=lambda item: order.get(group_of(item.path), order["all others"]))


pytest_terminal_summary = own_pages.pytest_terminal_summary


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Hand whole groups to the processes; of the files in SPREAD, single tests. (xdist's own groups need a pytest before 9.)"""
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            group = group_of(PurePath(nodeid.split("::")[0]))
            return nodeid if group in SPREAD else group

    return Groups(config, log)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of real images, for checking only; tests that need it are skipped where it is missing."""
    if not REAL.is_dir():
        pytest.skip(f"the real images are not here: {REAL} (they may not be shipped with the project)")
    return REAL
