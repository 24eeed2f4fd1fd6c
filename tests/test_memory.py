"""An explorer may be played with for an hour: turning its controls must not fill the memory. (Minutes: 200 changes of each.)"""

import gc
import itertools
import runpy

import psutil
import pytest

from .conftest import ROOT

BENCHMARK = runpy.run_path(str(ROOT / "benchmarks" / "explorers.py"))


@pytest.mark.parametrize("name", list(BENCHMARK["EXPLORERS"]))
def test_200_changes_grow_the_kernel_by_less_than_20_mb(name):
    explorer, process = BENCHMARK["EXPLORERS"][name](), psutil.Process()
    turns = BENCHMARK["changes"](explorer)

    def turn(count):
        for control, value in itertools.islice(turns, count):
            explorer.controls[control].value = value
        gc.collect()
        return process.memory_info().rss / 2**20

    before = turn(30)
    assert turn(200) - before < 20
