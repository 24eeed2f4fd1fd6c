"""Images that stay in their files: every window is what the whole image has there, whatever the file looks like inside."""

import pickle

import numpy as np
import pytest
import tifffile
import torch

from unet_lab.datasets import image_files, open_image, read_image, read_pages
from unet_lab.inference import predict_pages, predict_tiled
from unet_lab.unet import UNet

DRAWN = np.random.default_rng(5)
WINDOWS = [np.s_[0:7, 0:9], np.s_[30:70, 41:90], np.s_[::5, ::7], np.s_[90:, 100:], np.s_[:, :], np.s_[5:6, 3:3]]
GREY, RGB, MANY = (97, 131), (97, 131, 3), (97, 131, 5)
MEMORY_MAPPED, TILED, STRIPS = {}, {"tile": (32, 48)}, {"rowsperstrip": 10}


@pytest.mark.parametrize("kind", ["u1", "u2", "f4", ">u2"])
@pytest.mark.parametrize("shape", [GREY, RGB, MANY])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("inside", [MEMORY_MAPPED, TILED, STRIPS], ids=["mapped", "tiled", "strips"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_each_window_is_what_the_whole_has_there(tmp_path, kind, shape, planar, inside, compression):
    array = DRAWN.integers(0, 255, shape).astype(kind)
    told = {} if len(shape) == 2 else {"planarconfig": planar}
    written = np.moveaxis(array, -1, 0) if len(shape) == 3 and planar == "separate" else array
    photometric = "rgb" if shape == RGB else "minisblack"
    order = ">" if kind == ">u2" else "<"
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, written, photometric=photometric, compression=compression, byteorder=order, **inside, **told)
    image = open_image(path)
    whole = read_image(path)
    assert image.shape == shape
    assert image.dtype == whole.dtype
    for window in WINDOWS:
        assert np.array_equal(image[window], array[window])
    assert np.array_equal(pickle.loads(pickle.dumps(image))[10:20, 10:20], array[10:20, 10:20])
    image.close()


@pytest.mark.parametrize("how", ["miniswhite", "palette", "equal channels", "opaque", "predictor", "bits", "sparse"])
def test_windows_mean_the_same_as_the_whole(tmp_path, how):
    array, path = DRAWN.integers(0, 255, GREY).astype(np.uint8), tmp_path / "a.tif"
    table = DRAWN.integers(0, 65535, (3, 256)).astype(np.uint16)
    {
        "miniswhite": lambda: tifffile.imwrite(path, array, photometric="miniswhite", tile=(32, 32)),
        "palette": lambda: tifffile.imwrite(path, array, photometric="palette", colormap=table, tile=(32, 32)),
        "equal channels": lambda: tifffile.imwrite(path, np.dstack([array] * 3), photometric="rgb", tile=(32, 32)),
        "opaque": lambda: tifffile.imwrite(
            path, np.dstack([array, array.T[:97].repeat(2, 1)[:, :131], array // 2, np.full_like(array, 255)]), photometric="rgb"
        ),
        "predictor": lambda: tifffile.imwrite(path, array, compression="zlib", predictor=True, tile=(32, 32)),
        "bits": lambda: tifffile.imwrite(path, array > 100, tile=(32, 32)),
        "sparse": lambda: tifffile.imwrite(
            path,
            (None if k % 2 else np.full((32, 32), k, np.uint8) for k in range(20)),
            shape=GREY,
            dtype=np.uint8,
            tile=(32, 32),
        ),
    }[how]()
    image, whole = open_image(path), read_image(path)
    assert image.shape == whole.shape
    for window in WINDOWS[:-1]:
        assert np.array_equal(image[window], whole[window])


@pytest.mark.parametrize("axes", ["ZYX", "CYX", "ZCYX", "CZYX"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("program", ["ImageJ", "OME"])
def test_pages_and_channels_are_found(tmp_path, axes, compression, program):
    if program == "ImageJ" and (compression or axes == "CZYX"):
        pytest.skip("ImageJ writes neither")
    sizes = {"Z": 3, "C": 2, "Y": 60, "X": 70}
    array = DRAWN.integers(0, 60000, [sizes[axis] for axis in axes]).astype(np.uint16)
    path = tmp_path / "a.ome.tif"
    how = {"imagej": True} if program == "ImageJ" else {"ome": True}
    tifffile.imwrite(path, array, metadata={"axes": axes}, photometric="minisblack", compression=compression, **how)
    pages = read_pages(path)
    for number, page in enumerate(pages):
        image = open_image(path, page=number)
        assert image.shape == page.shape
        assert np.array_equal(image[20:40, 30:50], page[20:40, 30:50])
    if "Z" in axes:
        with pytest.raises(ValueError, match=r"3 pages in one file \(3 of Z \(depth\)\); iterate_pages\(path\).*open_image"):
            open_image(path)
    with pytest.raises(ValueError, match=f"page 9 is wanted, and there are {len(pages)}"):
        open_image(path, page=9)


def test_what_does_not_fit_into_memory_is_read_by_windows(tmp_path, monkeypatch):
    array = DRAWN.integers(0, 60000, (2, 300, 260)).astype(np.uint16)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, array, photometric="minisblack", tile=(64, 64), compression="zlib", metadata=None)
    torch.manual_seed(0)
    model = UNet(num_classes=2, base_channels=2, depth=2)
    whole = list(predict_pages(model, path, tile=128))
    monkeypatch.setattr(image_files, "free_memory", lambda: 100_000)
    with pytest.raises(
        ValueError, match=r"GB of pixels, and .* GB of memory are free, .*predict_tiled\(model, open_image\(path\)\)"
    ):
        read_image(path, page=0)
    by_windows = list(predict_pages(model, path, tile=128))
    assert len(by_windows) == 2
    for one, other, page in zip(whole, by_windows, array, strict=True):
        assert np.array_equal(one, other)
        assert np.array_equal(one, predict_tiled(model, page, tile=128))
    tifffile.imwrite(path, array[0], compression="zlib", rowsperstrip=300)
    with pytest.raises(ValueError, match="GB of pixels"):  # one strip holds all of it
        open_image(path)


def test_a_large_slide_takes_little_memory(tmp_path):
    path = tmp_path / "slide.tif"
    tiles = (np.full((512, 512), k % 251, np.uint8) for k in range(40 * 40))
    tifffile.imwrite(path, tiles, shape=(20_480, 20_480), dtype=np.uint8, tile=(512, 512), compression="zlib")
    image = open_image(path)
    assert image.shape == (20_480, 20_480)
    assert image[20_000:20_010, 20_000:20_010].max() == image[20_000:20_010, 20_000:20_010].min() == (40 * 39 + 39) % 251
    assert image[::1024, ::1024].shape == (20, 20)
    assert sum(tile.nbytes for tile in image.tiff.tiles.values()) <= 64_000_000
