"""Explorers without a browser: their numbers are the library's, their pictures follow, their reset resets."""

import base64

import numpy as np
import pytest
import torch
from PIL import Image

from unet_lab.datasets import SegmentationDataset, generate_cell, load_cells
from unet_lab.explorers import (
    explore_confusion,
    explore_metrics,
    explore_samples,
    explore_segmentation,
    explore_unet,
    watch_training,
)
from unet_lab.explorers.metrics import change_mask
from unet_lab.explorers.segmentation import spoil
from unet_lab.inference import predict, segment
from unet_lab.inspection import count_parameters, feature_map_bytes
from unet_lab.metrics import confusion_matrix, scores
from unet_lab.plots import Picture
from unet_lab.training import train
from unet_lab.unet import UNet

CELL = generate_cell(4, 96)
PREDICTION = change_mask(CELL.mask, right=3)


def monitor(epochs=2):
    cells = SegmentationDataset.generated(4, size=32)
    torch.manual_seed(0)
    model = UNet(base_channels=2, depth=1)
    return watch_training(train(model, cells, cells, epochs=epochs, batch_size=2), model, cells.subset([0, 1])), model, cells


EXPLORERS = {
    "segmentation": explore_segmentation,
    "samples": lambda: explore_samples(load_cells()),
    "unet": explore_unet,
    "metrics": lambda: explore_metrics(*CELL),
    "confusion": lambda: explore_confusion([CELL.image] * 2, [CELL.mask] * 2, [PREDICTION, CELL.mask]),
    "training": lambda: monitor()[0],
}


@pytest.mark.parametrize("name", list(EXPLORERS))
def test_every_control_changes_something_and_reset_undoes_it(name):
    explorer = EXPLORERS[name]()
    before = explorer.png, explorer.words
    assert "controls turned" in explorer.drive()
    explorer.set(**explorer._defaults)
    if name != "training":
        assert (explorer.png, explorer.words) == before
    assert all(control.description for control in explorer.controls.values())
    with pytest.raises(ValueError, match="no control 'nothing'"):
        explorer.set(nothing=1)


@pytest.mark.parametrize("name", list(EXPLORERS))
def test_a_stored_page_has_the_picture_and_the_words(name):
    explorer = EXPLORERS[name]()
    data, _ = explorer._repr_mimebundle_()
    assert base64.b64decode(data["image/png"]) == explorer.png
    assert explorer.png.startswith(b"\x89PNG")
    assert data["text/plain"] == explorer.words
    assert "VBox" not in data["text/plain"]


def test_segmentation_says_the_score_of_what_it_shows():
    explorer = explore_segmentation()
    explorer.set(cell=8, contrast=0.5, noise=30)
    image, truth = generate_cell(8, 192)
    result = scores(confusion_matrix(truth, segment(spoil(image, 0.5, 0, 30, 0.0))), "macro")
    assert f"{result.accuracy:.1%}" in explorer.words
    assert f"IoU {result.iou:.3f}" in explorer.words


def test_spoiling_by_nothing_changes_nothing():
    assert np.array_equal(spoil(CELL.image), CELL.image)
    assert spoil(CELL.image, brightness=300).min() == 255
    assert spoil(CELL.image, blur=5).std() < CELL.image.std()


def test_samples_counts_the_classes_it_shows():
    explorer = explore_samples(load_cells())
    explorer.set(sample=5)
    mask = load_cells().pairs[5].mask
    assert f"{(mask == 2).mean():.1%} of the pixels" in explorer.words.splitlines()[2]


def test_unet_explorer_counts_and_refuses():
    explorer = explore_unet()
    assert "31,042,499 parameters" in explorer.words
    assert "388 x 388 out" in explorer.words
    explorer.set(size=100, padding="same")
    assert "Refused. 100 x 100 does not survive 4 poolings" in explorer.words


def test_counting_without_memory_is_counting():
    assert count_parameters(base_channels=5, depth=2) == UNet(base_channels=5, depth=2).num_parameters


def test_feature_map_bytes_are_those_that_hooks_see():
    model, seen = UNet(base_channels=4, depth=2).eval(), []
    for stage in model.encoder:
        stage.register_forward_hook(lambda _m, _i, out: seen.extend(out))
    model.bottleneck.register_forward_hook(lambda _m, _i, out: seen.append(out))
    for stage in model.decoder:
        stage.up.register_forward_hook(lambda _m, _i, out: seen.append(out))
        stage.register_forward_hook(lambda _m, _i, out: seen.append(out))
    model(torch.zeros(1, 1, 32, 32))
    assert feature_map_bytes(32, 2, 4, "same") == sum(t.numel() * t.element_size() for t in seen)


def test_metric_playground_agrees_with_the_metrics():
    explorer = explore_metrics(*CELL)
    explorer.set(right=5, grow=-2, nucleus="missed")
    prediction = change_mask(CELL.mask, right=5, grow=-2, miss_nucleus=True)
    macro = scores(confusion_matrix(CELL.mask, prediction), "macro")
    assert f"macro: F1 {macro.f1:.3f}, IoU {macro.iou:.3f}" in explorer.words


def test_changing_a_mask_by_hand():
    mask = np.zeros((9, 9), np.uint8)
    mask[3:6, 3:6] = 1
    mask[4, 4] = 2
    assert np.array_equal(change_mask(mask), mask)
    assert np.array_equal(change_mask(mask, right=2), np.roll(mask, 2, axis=1))
    assert (change_mask(mask, grow=1) > 0).sum() == 9 + 12
    assert (change_mask(mask, grow=-1) > 0).sum() == 1
    assert change_mask(mask, miss_nucleus=True).max() == 1


def test_a_click_in_the_confusion_matrix_shows_its_pixels():
    explorer = explore_confusion([CELL.image], [CELL.mask], [PREDICTION])
    explorer.buttons["nucleus", "cell body"].click()
    count = confusion_matrix(CELL.mask, PREDICTION)[2, 1]
    assert f"True nucleus, predicted cell body: {count:,} pixels" in explorer.words


def test_monitor_keeps_a_mask_for_every_epoch_and_the_best_weights():
    explorer, model, cells = monitor(epochs=3)
    assert len(explorer.frames) == 4
    assert explorer.controls["epoch"].max == 3
    explorer.set(epoch=0)
    assert "Before training" in explorer.words
    explorer.set(epoch=2, sample=1)
    report = explorer.history.reports[1]
    assert f"loss {report.loss:.4g}" in explorer.words
    best = explorer.history.best.epoch
    model.eval()
    assert np.array_equal(explorer.frames[best][1], predict(model, cells.pairs[1].image))


def test_stop_button_ends_the_run_after_the_epoch():
    from unet_lab.explorers.training import TrainingMonitor

    cells = SegmentationDataset.generated(4, size=32)
    model = UNet(base_channels=2, depth=1)
    explorer = TrainingMonitor(train(model, cells, cells, epochs=50, batch_size=2), model, cells.subset([0]))
    explorer.stop_button.click()
    history = explorer.run()
    assert history.stopped_early
    assert len(history.reports) == 1
    assert explorer.stop_button.disabled


def test_pictures_are_repeatable_and_described():
    first, second = (explore_unet().png for _ in range(2))
    assert first == second
    picture = Picture(2, 1, "Two words.")
    data, metadata = picture._repr_mimebundle_()
    assert data["text/plain"] == "Two words."
    assert metadata["image/png"]["alt"] == "Two words."


@pytest.mark.parametrize("name", list(EXPLORERS))
def test_pictures_fit_a_notebook(name, tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(EXPLORERS[name]().png)
    with Image.open(path) as image:
        assert 500 <= image.width <= 1000
        assert 250 <= image.height <= 1000
