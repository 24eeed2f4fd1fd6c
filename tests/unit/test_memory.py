"""An explorer may be played with for an hour: turning its controls must not fill the memory.

30 changes of each here, to keep the tests short; benchmarks/explorers.py makes 200 and prints what they cost.
"""

import runpy

import pytest

from tests.conftest import ROOT

BENCHMARK = runpy.run_path(str(ROOT / "benchmarks" / "explorers.py"))


@pytest.mark.parametrize("name", list(BENCHMARK["EXPLORERS"]))
def test_30_changes_grow_the_kernel_by_less_than_4_mb(name):
    explorer = BENCHMARK["EXPLORERS"][name]()
    assert BENCHMARK["growth"](explorer, count=30, before=20) < 4


def test_a_leak_would_be_seen():
    explorer = BENCHMARK["EXPLORERS"]["06 borders"]()
    draw, kept = explorer._draw, []

    def leaking(**values):
        picture, words = draw(**values)
        kept.append(bytearray(b"x" * 200_000))  # as if each picture's bytes were kept
        return picture, words

    explorer._draw = leaking
    assert BENCHMARK["growth"](explorer, count=30, before=20) > 4
