"""Broken files are read right or refused in words that name them: nothing hangs, fills the memory or is changed."""

import json
import re
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.conftest import ROOT
from unet_lab.datasets import SegmentationDataset, encode_mask, read_image, read_mask_pages, standardise, write_image
from unet_lab.inference import segment
from unet_lab.training.checkpoint import load_checkpoint
from unet_lab.weights import load_weights


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    pytest.importorskip("resource", reason="Windows does not say how much memory a process took at most")
    folder = tmp_path_factory.mktemp("fuzz")
    line = [sys.executable, "-W", "ignore", "-m", "tests.robustness.fuzz", str(folder)]
    subprocess.run(line, cwd=ROOT, check=True, timeout=300, capture_output=True)
    return json.loads((folder / "result.json").read_text())


def test_every_broken_file_is_read_right_or_refused_by_name(result):
    assert result["bad"] == []
    tried, read, refused, hung, lost = (sum(column) for column in zip(*result["rows"].values(), strict=True))
    assert tried >= 300
    assert read + refused == tried
    assert hung == lost == 0


def test_none_hangs_takes_the_memory_or_is_changed(result):
    assert result["slowest"] < 2
    assert result["memory"] < 1e9
    assert not result["changed"]


@pytest.mark.skipif(sys.platform != "linux", reason="the numbers are those of Linux; elsewhere some odd files cannot be made")
def test_the_measurements_show_this_table(result):
    measured = (ROOT / "docs" / "measurements.md").read_text(encoding="utf-8")
    for kind, numbers in result["rows"].items():
        shown = re.search(rf"^\| {kind} \| (.+) \|$", measured, re.MULTILINE)
        assert shown, f"docs/measurements.md has no row for {kind}"
        assert [int(n) for n in shown[1].split("|")] == numbers


@given(
    st.binary(max_size=400),
    st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*", b"BM", b"\xff\xd8\xff\xe0", b"PK\x03\x04"]),
)
def test_any_bytes_are_refused_in_our_words(tmp_path_factory, content, start):
    path = tmp_path_factory.mktemp("bytes") / "a.bin"
    path.write_bytes(start + content)
    for read in (read_image, read_mask_pages, load_checkpoint, load_weights):
        with pytest.raises(ValueError, match=re.escape(str(path))):
            read(path)


@given(arrays.arrays(st.sampled_from([np.uint8, np.uint16]), arrays.array_shapes(min_dims=2, max_dims=2, max_side=20)))
def test_what_is_written_is_what_is_read(tmp_path_factory, image):
    path = tmp_path_factory.mktemp("round") / "a.png"
    write_image(path, image)
    found = read_image(path)
    assert np.array_equal(found, image)
    assert found.dtype == image.dtype


ANYTHING = arrays.arrays(arrays.scalar_dtypes(), arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=12))


@given(ANYTHING)
def test_any_array_is_taken_or_refused_in_words(array):
    for use in (standardise, lambda a: encode_mask(a, (0, 1, 2)), segment, lambda a: SegmentationDataset([(a, a)])):
        with suppress(ValueError):  # any other error, or none of ours, is a failure
            use(array)
