"""Sets that stay in their files: the same patches, scores and errors as from memory, and no more memory than a window needs."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from tests.conftest import ROOT
from unet_lab.datasets import IGNORE, load_folder, split, standardise
from unet_lab.datasets.lazy_dataset import LazyDataset
from unet_lab.datasets.lazy_masks import ForegroundPixels
from unet_lab.datasets.patches import Patches
from unet_lab.datasets.tiff_windows import MOST_OPEN
from unet_lab.datasets.windows import WindowedImage
from unet_lab.training import evaluate, fit
from unet_lab.training.validation import evaluate_each
from unet_lab.unet import UNet

CODES = {0: 0, 128: 1, 255: IGNORE}
KINDS = {"tiled": {"tile": (64, 64), "compression": "zlib"}, "mapped": {}, "strips": {"rowsperstrip": 16, "compression": "zlib"}}


def slide(height: int, width: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A coloured image and its mask, with discs that are darker, a void strip and shot noise."""
    random = np.random.default_rng(seed)
    image = random.integers(150, 220, (height, width, 3))
    mask = np.zeros((height, width), np.uint8)
    rows, columns = np.mgrid[:height, :width]
    for row, column in zip(random.integers(0, height, 8), random.integers(0, width, 8), strict=True):
        mask[(rows - row) ** 2 + (columns - column) ** 2 < 144] = 128
    image[mask == 128] -= (60, 90, 30)
    mask[:10] = 255
    return image.astype(np.uint8), mask


def write_set(folder, how: dict, ending: str = "tif", count: int = 3) -> tuple[str, str]:
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for k in range(count):
        image, mask = slide(200 + 30 * k, 260, k)
        for part, array in (("images", image), ("masks", mask)):
            path = folder / part / f"slide{k}.{ending}"
            if ending == "tif":
                tifffile.imwrite(path, array, photometric="rgb" if array.ndim == 3 else "minisblack", **how)
            else:
                Image.fromarray(array).save(path)
    return str(folder / "images"), str(folder / "masks")


@pytest.fixture(params=["tiled", "mapped", "strips", "png"])
def both(request, tmp_path):
    """The same files, from memory and left where they are."""
    where = write_set(tmp_path, KINDS.get(request.param, {}), "png" if request.param == "png" else "tif")
    return load_folder(*where, CODES, lazy=False), load_folder(*where, CODES, lazy=True)


def test_the_same_samples_and_fingerprint(both):
    held, lazy = both
    assert isinstance(lazy, LazyDataset)
    assert (lazy.channels, lazy.num_classes, len(lazy)) == (held.channels, held.num_classes, len(held))
    assert lazy.fingerprint() == held.fingerprint()
    for mine, theirs in zip(lazy, held, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True))


@pytest.mark.parametrize("foreground", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("size", [48, 224])
def test_the_same_seed_draws_the_same_patches(both, foreground, size):
    held, lazy = (Patches(data, size, foreground) for data in both)
    for seed in range(20):
        (image, mask), (other, truth) = lazy[seed % 3, seed], held[seed % 3, seed]
        assert torch.equal(mask, truth)
        assert torch.allclose(image, other, atol=1e-4)


def test_training_and_validation_agree_with_those_from_memory(both):
    found = []
    for data in both:
        torch.manual_seed(0)
        model = UNet(in_channels=3, num_classes=2, base_channels=4, depth=2)
        training, validation = split(data, 0.67)
        history = fit(model, training, validation, patch=64, epochs=2, batch_size=2, seed=3, device="cpu")
        found.append((history, validation, model))
    (held, _, model), (lazy, judged, _) = found
    assert lazy.column("loss") == pytest.approx(held.column("loss"), abs=1e-3)
    loss, matrix = evaluate(model, found[0][1])
    same_loss, same_matrix = evaluate(model, judged)
    assert same_loss == pytest.approx(loss, abs=1e-4)
    assert np.abs(same_matrix - matrix).sum() <= 1e-4 * matrix.sum()
    assert evaluate_each(model, judged).sum(axis=0).tolist() == same_matrix.tolist()


def test_validation_in_several_tiles_is_that_of_the_whole(tmp_path):
    where = write_set(tmp_path, KINDS["tiled"], count=1)
    image, mask = slide(1500, 1300, 9)
    tifffile.imwrite(tmp_path / "images" / "large.tif", image, photometric="rgb", **KINDS["tiled"])
    tifffile.imwrite(tmp_path / "masks" / "large.tif", mask, photometric="minisblack", **KINDS["tiled"])
    torch.manual_seed(1)
    model = UNet(in_channels=3, num_classes=2, base_channels=4, depth=2)
    (loss, matrix), (same_loss, same) = (evaluate(model, load_folder(*where, CODES, lazy=lazy)) for lazy in (False, True))
    assert same_loss == pytest.approx(loss, rel=1e-4)
    assert np.abs(same - matrix).sum() <= 1e-4 * matrix.sum()
    assert matrix.sum() == (mask != 255).sum() + (slide(200, 260, 0)[1] != 255).sum()


def test_the_foreground_is_counted_in_the_order_of_rows(tmp_path):
    lazy = load_folder(*write_set(tmp_path, KINDS["tiled"]), CODES, lazy=True)
    for pair in lazy.pairs:
        pixels = ForegroundPixels(pair.mask)
        assert [pixels[k] for k in range(len(pixels))] == [tuple(p) for p in np.argwhere(np.asarray(pair.mask) == 1).tolist()]


def test_processes_that_prepare_batches_open_the_files_themselves(tmp_path):
    where = write_set(tmp_path, KINDS["tiled"])
    lazy = load_folder(*where, CODES, lazy=True)
    again = pickle.loads(pickle.dumps(lazy))
    assert again.is_looked_through()
    assert torch.equal(Patches(again, 48)[1, 5][1], Patches(lazy, 48)[1, 5][1])


def test_no_file_stays_open_and_no_tile_is_kept(tmp_path):
    lazy = load_folder(*write_set(tmp_path, KINDS["tiled"]), CODES, lazy=True)
    Patches(lazy, 48)[0, 1]
    evaluate(UNet(in_channels=3, num_classes=2, base_channels=2, depth=1), lazy)
    for pair in lazy.pairs:
        assert isinstance(pair.image, WindowedImage)
        assert pair.image.tiff.file is None
        assert not pair.image.tiff.tiles


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts what is open as Linux lists it")
def test_a_set_of_many_files_keeps_few_of_them_open(tmp_path):
    for folder in ("i", "m"):
        (tmp_path / folder).mkdir()
        for number in range(3 * MOST_OPEN):
            tifffile.imwrite(tmp_path / folder / f"{number}.tif", np.eye(16, dtype=np.uint8) * (255 if folder == "m" else number))
    before = len(os.listdir("/proc/self/fd"))
    dataset = load_folder(tmp_path / "i", tmp_path / "m", codes=(0, 255), lazy=True)
    for pair in dataset.pairs:
        assert int(np.asarray(pair.image)[0, 0]) == int(pair.source.removesuffix(".tif"))
        assert np.asarray(pair.mask).sum() == 16
    assert len(os.listdir("/proc/self/fd")) - before <= 3 * MOST_OPEN


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"codes": 255}, r"codes is 255; give one per class"),
        ({"codes": (0, 1), "channels": 0}, r"numbers in brackets, channels=\(0,\)"),
    ],
)
def test_a_number_where_several_are_meant_is_refused(tmp_path, wrong, words):
    for folder in ("i", "m"):
        (tmp_path / folder).mkdir()
        Image.fromarray(np.eye(8, dtype=np.uint8)).save(tmp_path / folder / "a.png")
    with pytest.raises(ValueError, match=words):
        load_folder(tmp_path / "i", tmp_path / "m", **wrong)


def test_left_in_its_files_where_it_does_not_fit(tmp_path, monkeypatch, capsys):
    where = write_set(tmp_path, KINDS["tiled"])
    assert not isinstance(load_folder(*where, CODES), LazyDataset)
    monkeypatch.setattr("unet_lab.datasets.image_files.free_memory", lambda: 300_000)
    lazy = load_folder(*where, CODES)
    assert isinstance(lazy, LazyDataset)
    assert "stay in their files, and fit(…, patch=256) reads windows" in capsys.readouterr().out
    model = UNet(in_channels=3, num_classes=2, base_channels=2, depth=1)
    with pytest.raises(ValueError, match=r"slide\d.tif is .* does not fit into memory. Train by windows: fit\(…, patch=256\)"):
        lazy[0]
    fit(model, lazy, lazy, patch=64, epochs=1, device="cpu")  # what it advises


def test_a_large_colour_image_is_standardised_by_its_true_mean():
    """float32 sums over a whole colour image at once are off by 8 % here; predict and predict_tiled then disagree."""
    image = np.random.default_rng(0).integers(150, 220, (3000, 4000, 3)).astype(np.uint8)
    flat = standardise(image).astype(np.float64)
    assert np.abs(flat.mean(axis=(0, 1))).max() < 1e-4
    assert np.abs(flat.std(axis=(0, 1)) - 1).max() < 1e-4


def test_what_arrays_do_reads_the_whole(tmp_path):
    held, lazy = (load_folder(*write_set(tmp_path / str(way), KINDS["tiled"]), CODES, lazy=way) for way in (False, True))
    image, mask = lazy.pairs[1].image, lazy.pairs[1].mask
    assert np.array_equal(mask == 1, held.pairs[1].mask == 1)
    assert np.array_equal(np.unique(mask), [0, 1, IGNORE])
    assert np.array_equal(image - 1.0, held.pairs[1].image - 1.0)
    assert len(mask) == len(held.pairs[1].mask)
    with pytest.raises(TypeError, match="sliced by rows and columns"):
        image[3]


def test_what_a_lazy_set_cannot_do_is_said(tmp_path):
    where = write_set(tmp_path, KINDS["tiled"])
    lazy = load_folder(*where, CODES, lazy=True)
    with pytest.raises(ValueError, match=r"weights for pixels need whole masks.*lazy=False"):
        lazy.with_weights(lambda mask: np.ones(mask.shape))
    with pytest.raises(ValueError, match=r"fit\(…, patch=64\)"):
        lazy.crops(64)
    with pytest.raises(ValueError, match=r"slide0.tif: the mask has greys that are no code: 128"):
        load_folder(*where, {0: 0, 255: 1}, lazy=True)
    tifffile.imwrite(tmp_path / "masks" / "slide1.tif", np.zeros((5, 6), np.uint8))
    with pytest.raises(ValueError, match=r"slide1.tif: the image is 230 x 260, and its mask 5 x 6"):
        load_folder(*where, CODES, lazy=True)


@pytest.mark.parametrize("palette", ["greys", "colours"])
def test_palettes_mean_the_same_as_from_memory(tmp_path, palette):
    where = write_set(tmp_path, KINDS["tiled"], count=1)
    table = np.zeros((3, 256), np.uint16)
    table[:, 1] = 128 * 257 if palette == "greys" else (65535, 0, 0)
    mask = (slide(200, 260, 0)[1] == 128).astype(np.uint8)
    tifffile.imwrite(tmp_path / "masks" / "slide0.tif", mask, photometric="palette", colormap=table, tile=(64, 64))
    codes = (0, 128) if palette == "greys" else ((0, 0, 0), (255, 0, 0))
    held, lazy = (load_folder(*where, codes, lazy=way) for way in (False, True))
    assert np.array_equal(np.asarray(lazy.pairs[0].mask), held.pairs[0].mask)
    assert np.array_equal(np.asarray(held.pairs[0].mask), mask)


def test_pages_of_a_stack(tmp_path):
    for part in ("images", "masks"):
        (tmp_path / part).mkdir()
    pages = np.random.default_rng(0).integers(0, 255, (4, 60, 70)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "images" / "a.tif", pages, photometric="minisblack", tile=(16, 16), compression="zlib")
    tifffile.imwrite(tmp_path / "masks" / "a.tif", (pages > 99).astype(np.uint8), photometric="minisblack", tile=(16, 16))
    for wanted in ("all", 2):
        where = tmp_path / "images", tmp_path / "masks"
        held, lazy = (load_folder(*where, (0, 1), pages=wanted, lazy=way) for way in (False, True))
        assert [pair.source for pair in lazy.pairs] == [pair.source for pair in held.pairs]
        assert lazy.fingerprint() == held.fingerprint()


def test_a_slide_larger_than_the_memory_allowed_trains(tmp_path):
    """4,096 x 4,096 pixels in colour are 50 MB, 200 as floats, and more while they are standardised; windows are far less."""
    script = f"""
import os, resource, sys
import numpy as np, tifffile, torch
from unet_lab.datasets import SegmentationDataset, load_folder
from unet_lab.training import fit
from unet_lab.unet import UNet
side, folder = 4096, {str(tmp_path)!r}
tile = np.random.default_rng(0).integers(0, 255, (256, 256, 3)).astype(np.uint8)
count = (-(-side // 256)) ** 2
for part in ("images", "masks"):
    os.makedirs(folder + "/" + part)
tifffile.imwrite(folder + "/images/a.tif", (tile for _ in range(count)), shape=(side, side, 3), dtype="u1", tile=(256, 256),
                 photometric="rgb")
tifffile.imwrite(folder + "/masks/a.tif", ((tile[..., 0] > 99).astype("u1") for _ in range(count)), shape=(side, side),
                 dtype="u1", tile=(256, 256), photometric="minisblack")
model = UNet(in_channels=3, num_classes=2, base_channels=4, depth=2)
few = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
fit(model, SegmentationDataset([(few, few[..., 0] % 2)], 2), epochs=1, device="cpu")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
data = load_folder(folder + "/images", folder + "/masks", (0, 1), lazy=True)
fit(model, data, patch=128, epochs=3, device="cpu")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    added = int(done.stdout.split()[-1]) * (1 if sys.platform == "darwin" else 1024)
    print(f"{added / 1e6:.0f} MB added")
    assert added < 150e6
