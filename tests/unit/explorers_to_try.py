"""The explorers of benchmarks/explorers.py, which are the notebooks' own, with less to compute before the first picture."""

import runpy

from tests.conftest import ROOT
from unet_lab.datasets import generate_cell
from unet_lab.doctor.faults import run_with_fault
from unet_lab.explorers import explore_attribution, explore_failures, explore_shift
from unet_lab.unet import UNet
from unet_lab.weights import load_pretrained

BENCHMARK = runpy.run_path(str(ROOT / "benchmarks" / "explorers.py"))
EXPLORERS = BENCHMARK["EXPLORERS"] | {
    "09 attribution": lambda: explore_attribution(load_pretrained("small"), generate_cell(4, 96).image, patch=12),
    "09 shift": lambda: explore_shift(UNet(base_channels=4, depth=2).eval(), generate_cell(17, 144).image),
    "14 failures": lambda: explore_failures({fault: run_with_fault(fault) for fault in (None, "leak")}),
}

MADE = {}


def made(name):
    """One explorer of each kind for all tests, as at the start."""
    if name not in MADE:
        MADE[name] = EXPLORERS[name]()
    MADE[name].set(**MADE[name]._defaults)
    return MADE[name]
