"""The runs that notebook 07 steps through: as their recipes say, small, and sick in the way the page says."""

import math
import re

import numpy as np
import pytest
import torch
from PIL import Image

from tests.conftest import SOURCES, needs_sources
from unet_lab.explorers import explore_runs
from unet_lab.inference import predict
from unet_lab.training.kept_runs import (
    HEALTHY,
    RECIPES,
    RUNS,
    Recipe,
    keep_run,
    load_run,
    save_run,
    softmax_twice,
    training_cells,
    validation_cells,
)


def test_a_run_comes_back_as_it_was_kept(tmp_path):
    run = keep_run(Recipe(epochs=1))
    save_run(run, tmp_path / "healthy.safetensors")
    read = load_run(HEALTHY, tmp_path)
    assert [r.loss for r in read.reports] == [r.loss for r in run.reports]
    for kept, back in zip(run.weights, read.weights, strict=True):
        assert all(torch.equal(kept[name], back[name]) for name in kept)


def test_the_stored_runs_are_those_of_their_recipes_and_small():
    """The first epoch, trained anew; what follows from it is a matter of the machine's last bits."""
    assert sum(path.stat().st_size for path in RUNS.iterdir()) <= 3_000_000
    for name in (HEALTHY, "B"):
        recipe, stored = RECIPES[name], load_run(name)
        assert len(stored.reports) == recipe.epochs
        anew = keep_run(Recipe(recipe.fault, {**recipe.settings}, recipe.mixed_up, 1))
        assert all(torch.equal(anew.weights[0][key], stored.weights[0][key]) for key in anew.weights[0])
    with pytest.raises(ValueError, match="there is no run 'D'; there are 'healthy', 'A', 'B', 'C'"):
        load_run("D")


def test_each_fault_shows_as_the_page_says():
    cells = validation_cells().pairs
    masks = {name: [predict(load_run(name).network(RECIPES[name].epochs), p.image) for p in cells] for name in "AC"}
    assert np.mean([mask == 0 for mask in masks["A"]]) > 0.99
    last = {name: load_run(name).reports[-1] for name in RECIPES}
    lowest = -math.log(math.e / (math.e + 2))
    assert last["B"].iou > last[HEALTHY].iou - 0.05
    assert last["B"].loss > lowest > 2 * last[HEALTHY].loss
    sure = torch.tensor([[[[1e4]], [[0.0]], [[0.0]]]])
    assert float(softmax_twice(sure, torch.zeros(1, 1, 1, dtype=torch.long))) == pytest.approx(lowest)
    agreement = np.mean([a == b for a, b in zip(masks["C"][::2], masks["C"][1::2], strict=True)])
    assert agreement > np.mean([a.mask == b.mask for a, b in zip(cells[::2], cells[1::2], strict=True)]) + 0.1


def test_in_run_c_every_image_has_the_next_ones_mask():
    plain, mixed = training_cells(RECIPES[HEALTHY]).pairs, training_cells(RECIPES["C"]).pairs
    assert all(np.array_equal(a.image, b.image) for a, b in zip(plain, mixed, strict=True))
    assert all(np.array_equal(a.mask, b.mask) for a, b in zip(plain[1:], mixed, strict=False))


def test_the_explorer_says_what_the_runs_say():
    explorer = explore_runs()
    explorer.set(epoch=3, other="B", cell=7)
    report, image, truth = load_run("B").reports[2], validation_cells().pairs[7].image, validation_cells().pairs[7].mask
    wrong = (predict(load_run("B").network(3), image) != truth).mean()
    expected = f"run B: loss {report.loss:.3f}, validation IoU {report.iou:.3f}, {wrong:.1%} of this cell's pixels are wrong"
    assert expected in explorer.words


@needs_sources
def test_notebook_07_runs_on_twenty_images_of_ones_own(tmp_path, capsys):
    """In colour, of two classes and several sizes; the page as it is, with the folders named and the runs shortened."""
    random = np.random.default_rng(0)
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for number in range(20):
        height, width = random.integers(66, 100, 2)
        down, across = np.ogrid[:height, :width]
        disc = (down - height / 2) ** 2 + (across - width / 2) ** 2 < random.integers(14, 25) ** 2
        colours = np.where(disc[..., None], [120, 60, 140], [230, 215, 225]) + random.normal(0, 15, (height, width, 3))
        Image.fromarray(colours.clip(0, 255).astype(np.uint8)).save(tmp_path / "images" / f"{number}.png")
        Image.fromarray((255 * disc).astype(np.uint8)).save(tmp_path / "masks" / f"{number}.png")
    page = (SOURCES / "07_training.py").read_text(encoding="utf-8")
    changes = {
        "MY_IMAGES, MY_MASKS, MY_CODES = None, None, None": f"MY_IMAGES, MY_MASKS, MY_CODES = {str(tmp_path / 'images')!r}, "
        f"{str(tmp_path / 'masks')!r}, (0, 255)",
        "range(50)": "range(4)",
        "range(1, 51)": "range(1, 5)",
        "epochs=5": "epochs=1",
        "epochs=18": "epochs=6",
        "for seed in range(3)": "for seed in range(1)",
        "UNet.report()": "UNet.small()",
    }
    for old, new in changes.items():
        assert old in page, old
        page = page.replace(old, new)
    names = {"__name__": "page"}
    for cell in re.split(r"^# %%.*$", page, flags=re.MULTILINE):
        if "check(" not in cell:
            exec(compile(cell, "<cell of 07>", "exec"), names)
    said = capsys.readouterr().out
    assert "20 images, 3 channel(s), 2 classes" in said
    assert f"ln 2 = {math.log(2):.3f}" in said
    assert names["model"].head.out_channels == 2
