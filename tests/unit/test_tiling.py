"""Tiles: the whole image's answer, without the whole image's memory."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from unet_lab.datasets import generate_cell, iterate_pages, read_pages, standardise, write_pages
from unet_lab.datasets.standardise import scale_of
from unet_lab.geometry import tile_margin
from unet_lab.inference import plan_tiles, predict, predict_logits, predict_pages, predict_tiled, tiles, tiling
from unet_lab.inference.out_of_memory import OutOfMemory
from unet_lab.unet import UNet

VARIATIONS = [{}, {"up": "bilinear"}, {"up": "nearest"}, {"attention": True}, {"residual": True}, {"padding": "valid"}]


def network(**kwargs) -> UNet:
    """With weights large enough that what is far away matters."""
    torch.manual_seed(0)
    model = UNet(**{"base_channels": 4, "depth": 2} | kwargs)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
    return model


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)


def put_together(model, image, *arguments) -> torch.Tensor:
    """All logits, once it is sure that each pixel comes exactly once."""
    whole = torch.full((3, *image.shape), float("nan"))
    for rows, columns, logits in tiles(model, image, *arguments, progress=False):
        assert whole[:, rows, columns].isnan().all()
        whole[:, rows, columns] = logits
    assert not whole.isnan().any()
    return whole


@given(st.integers(1, 200), st.integers(1, 200), st.integers(72, 150), st.sampled_from(VARIATIONS), st.integers(1, 2))
@settings(max_examples=40, deadline=None)
def test_tiles_equal_the_whole_up_to_its_border(height, width, tile, variation, depth):
    model, image = network(depth=depth, **variation), noise(height, width)
    torch.testing.assert_close(put_together(model, image, tile), predict_logits(model, image), atol=1e-4, rtol=0)


@given(st.integers(1, 150), st.integers(1, 150), st.integers(8, 160), st.integers(0, 60), st.sampled_from(tiling.BLENDS))
@settings(max_examples=40, deadline=None)
def test_any_size_tile_overlap_and_blend_give_each_pixel_once(height, width, tile, overlap, blend):
    model, image = network(), noise(height, width)
    try:
        logits = put_together(model, image, tile, overlap, blend)
    except ValueError as refused:
        assert "Take a tile of at least" in str(refused)  # noqa: PT017
        assert tile - tile % 4 - overlap < 4
        return
    assert logits.isfinite().all()


def test_the_margin_is_no_wider_than_needed():
    """With one grid cell less on each side, the same tiles differ: the formula is not merely generous."""
    for variation in ({}, {"up": "bilinear"}):
        model, image = network(**variation), noise(150, 150)
        margin = tile_margin(2, "same", **variation)
        whole = predict_logits(model, image)
        enough, less = (put_together(model, image, 72, 2 * m) for m in (margin, margin - 4))
        assert (enough - whole).abs().max() < 1e-4
        assert (less - whole).abs().max() > 1e-4


def test_depth_four_needs_96_pixels():
    model = network(depth=4, base_channels=2)
    image = generate_cell(1, 450).image
    assert plan_tiles(model, image.shape, 256).shown == (256, 256)
    torch.testing.assert_close(put_together(model, image, 256), predict_logits(model, image), atol=1e-4, rtol=0)


def test_other_blends_leave_seams():
    model, image = network(), noise(150, 150)
    whole = predict_logits(model, image)
    seams = {blend: (put_together(model, image, 72, 16, blend) - whole).abs().max() for blend in tiling.BLENDS}
    assert seams["none"] > seams["gaussian"] > 1e-3
    assert seams["none"] > seams["crop"] > 1e-3


def test_gaussian_sums_are_a_weighted_mean():
    """Against the definition, written over the whole image."""
    model, image = network(), noise(60, 130)
    plan = plan_tiles(model, image.shape, 40, 12, "gaussian")
    bell = np.exp(-0.5 * ((np.arange(40) - 19.5) / 5) ** 2).clip(1e-3)
    sums, weights = np.zeros((3, 60, 132)), np.zeros((60, 132))
    padded = np.pad(standardise(image), ((0, 0), (1, 1)), mode="reflect")  # 130 to 132
    model.eval()
    for row in plan.rows:
        for column in plan.columns:
            there = slice(row.start, row.start + 40), slice(column.start, column.start + 40)
            with torch.inference_mode():
                sums[:, *there] += bell[:, None] * bell * model(torch.from_numpy(padded[there])[None, None])[0].numpy()
            weights[there] += bell[:, None] * bell
    expected = (sums / weights)[:, :, 1:-1]
    np.testing.assert_allclose(put_together(model, image, 40, 12, "gaussian").numpy(), expected, atol=1e-4)


def test_large_sums_lie_in_a_file(monkeypatch):
    model, image = network(), noise(90, 130)
    in_memory = put_together(model, image, 40, 12, "gaussian")
    monkeypatch.setattr(tiling, "MOST_IN_MEMORY", 0)
    assert torch.equal(put_together(model, image, 40, 12, "gaussian"), in_memory)


@pytest.mark.parametrize("norm", ["instance", "group", "layer"])
def test_norms_that_look_at_the_whole_are_named(norm):
    model, image = network(norm=norm), noise(150, 150)
    with pytest.warns(UserWarning, match="normalises over all pixels it is shown"):
        logits = put_together(model, image, 72)
    assert (logits - predict_logits(model, image)).abs().max() > 1e-2


@given(st.integers(1, 70), st.integers(1, 70), st.sampled_from([np.uint8, np.uint16, np.float64]))
def test_mean_and_standard_deviation_in_one_pass(height, width, dtype):
    image = (np.random.default_rng(0).random((height, width)) * 250 + 60_000 * (dtype == np.uint16)).astype(dtype)
    _, _, mean, std = scale_of(image, block=16)
    assert mean == pytest.approx(image.mean(dtype=np.float64), rel=1e-12)
    assert std == pytest.approx(image.std(dtype=np.float64) or 1, rel=1e-9)


def test_from_one_file_into_another(tmp_path):
    model, image = network(), noise(300, 310)
    np.save(tmp_path / "image.npy", image)
    out = np.lib.format.open_memmap(tmp_path / "mask.npy", "w+", np.uint8, image.shape)
    assert predict_tiled(model, np.load(tmp_path / "image.npy", mmap_mode="r"), 96, out=out) is out
    out.flush()
    assert np.array_equal(np.load(tmp_path / "mask.npy"), predict(model, image))


def test_a_stop_keeps_what_is_done():
    model, image, seen = network(), noise(300, 300), 0

    class Stopped(np.ndarray):
        def __setitem__(self, key, value):
            nonlocal seen
            seen += 1
            if seen == 20:
                raise KeyboardInterrupt
            super().__setitem__(key, value)

    out = np.full((300, 300), 255, np.uint8).view(Stopped)
    model.train()
    with pytest.raises(KeyboardInterrupt):
        predict_tiled(model, image, 96, out=out)
    done = np.asarray(out) != 255
    assert 0 < done.sum() < done.size
    assert np.array_equal(np.asarray(out)[done], predict(model, image)[done])
    assert model.training


MEASURE = """
import resource, sys
import numpy as np, torch
from unet_lab.inference.tiling import predict_tiled
from unet_lab.unet import UNet
side = int(sys.argv[1])
torch.set_num_threads(2)
image = np.memmap(sys.argv[2], np.uint8, "w+", shape=(side, side))
image[::7] = 200
out = np.memmap(sys.argv[2] + ".mask", np.uint8, "w+", shape=(side, side))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for part in (image[:, : side // 2], image[:, side // 2 :]):
    predict_tiled(UNet(base_channels=2, depth=1), part, 512, out=out[:, : part.shape[1]])
def private():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("RssAnon"))
print(private())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/self/status")
def test_memory_depends_on_the_tile_and_not_on_the_image(tmp_path):
    """Private memory after 2 x 0.5 and after 2 x 5 million pixels; mapped files, which the system may drop, are not counted."""
    used = []
    for side in (1000, 3200):
        line = [sys.executable, "-c", MEASURE, str(side), str(tmp_path / "image")]
        used.append(int(subprocess.run(line, capture_output=True, check=True, text=True).stdout) / 1024)
    assert used[1] < used[0] + 80, used  # MB, give or take 25; the logits of 3200 x 3200 alone would be 123


def test_pages_one_by_one(tmp_path):
    model = network()
    pages = [generate_cell(seed, 60 + 10 * seed).image for seed in range(3)]
    assert write_pages(tmp_path / "stack.tif", pages) == 3
    assert write_pages(tmp_path / "masks.tif", predict_pages(model, tmp_path / "stack.tif")) == 3
    for mask, page in zip(read_pages(tmp_path / "masks.tif"), pages, strict=True):
        assert np.array_equal(mask, predict(model, page))
    deep = [page.astype(np.uint16) * 257 for page in pages]
    write_pages(tmp_path / "deep.tif", deep)
    assert all(np.array_equal(a, b) for a, b in zip(iterate_pages(tmp_path / "deep.tif"), deep, strict=True))


def test_a_broken_page_does_not_cost_the_others(tmp_path):
    def broken():
        yield noise(20, 20)
        raise KeyboardInterrupt

    (tmp_path / "masks.tif").write_bytes(b"from yesterday")
    with pytest.raises(KeyboardInterrupt, match="pages so far: 1"):
        write_pages(tmp_path / "masks.tif", broken())
    assert (tmp_path / "masks.tif").read_bytes() == b"from yesterday"
    assert np.array_equal(read_pages(tmp_path / "masks.stopped.tif")[0], noise(20, 20))

    with pytest.raises(ValueError, match=r"page 1 is float64 \(3, 3\)"):
        write_pages(tmp_path / "new.tif", [noise(20, 20), np.zeros((3, 3))])
    for pages, name, words in [([], "new.tif", "no page"), ([noise(2, 2)], "new.png", "name it new.tif")]:
        with pytest.raises(ValueError, match=words):
            write_pages(tmp_path / name, pages)
    (tmp_path / "folder.tif").mkdir()
    with pytest.raises(ValueError, match="folder of that name"):
        write_pages(tmp_path / "folder.tif", [noise(2, 2)])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder.tif", "masks.stopped.tif", "masks.tif"]

    write_pages(tmp_path / "stack.tif", [noise(20, 20), noise(30, 30)])
    whole = (tmp_path / "stack.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"cut\.tif"):
        list(iterate_pages(tmp_path / "cut.tif"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"image": np.zeros((3, 4, 5, 6))}, r"has shape \(3, 4, 5, 6\)"),
        ({"image": np.zeros((30, 40, 5))}, r"UNet\(in_channels=5, …\)"),
        ({"image": [[1, 2]]}, "is a list"),
        ({"image": np.zeros((0, 4))}, "at least one pixel"),
        ({"image": np.full((4, 4), np.nan)}, "16 pixels from row 0, column 0"),
        ({"image": np.zeros((4, 4), complex)}, "complex128"),
        ({"blend": "smooth"}, "'crop', 'none', 'gaussian'"),
        ({"tile": 40}, "nothing is left beside the overlap"),
        ({"tile": 0}, "whole numbers of pixels"),
        ({"overlap": -1}, "whole numbers of pixels"),
        ({"overlap": 1.5}, "whole numbers of pixels"),
        ({"out": np.zeros((4, 4), np.uint8)}, r"needed is uint8 \(100, 100\)"),
        ({"out": np.zeros((100, 100), np.int64)}, "int64"),
        ({"model": nn.Conv2d(1, 3, 1, stride=2)}, "logits of another scale"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(arguments, words):
    with pytest.raises(ValueError, match=words):
        predict_tiled(**{"model": network(), "image": noise(100, 100)} | arguments)


def test_a_network_of_your_own_needs_an_overlap():
    torch.manual_seed(0)
    own = nn.Conv2d(1, 3, 3, padding=1)
    image = noise(70, 90)
    assert np.array_equal(predict_tiled(own, image, 32, overlap=4), predict(own, image))


def test_memory_that_runs_out_is_explained(monkeypatch):
    model = network()
    monkeypatch.setattr(model, "forward", lambda x: (_ for _ in ()).throw(RuntimeError("DefaultCPUAllocator: can't allocate")))
    with pytest.raises(OutOfMemory, match=r"a smaller tile \(it is 72 x 72 pixels\)"):
        predict_tiled(model, noise(200, 200), 72)
    with pytest.raises(OutOfMemory, match="predict_tiled"):
        predict(model, noise(100, 100))


@pytest.mark.parametrize("blend", ["crop", "gaussian"])
def test_colour_with_hot_pixels_tile_by_tile_is_as_in_the_whole(blend):
    torch.manual_seed(0)
    model = UNet(in_channels=3, base_channels=4, depth=2).eval()
    image = np.random.default_rng(1).integers(60, 120, (150, 130, 3)).astype(np.uint16)
    image[::40, ::40] = 60_000
    whole = predict(model, image)
    tiled = predict_tiled(model, image, tile=96, blend=blend)
    assert (tiled == whole).mean() > (0.999 if blend == "crop" else 0.97)


def test_a_network_of_your_own_is_measured():
    torch.manual_seed(0)
    own = nn.Sequential(nn.Conv2d(1, 4, 5, padding=2), nn.ReLU(), nn.Conv2d(4, 2, 3, padding=1))
    image = noise(130, 120)
    assert np.array_equal(predict_tiled(own, image, tile=48), predict(own, image))
