"""Explorers without a browser: their numbers are the library's, their pictures follow, their reset resets."""

import base64
import io
import re

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from tests.conftest import ROOT
from unet_lab import explorers
from unet_lab.datasets import SegmentationDataset, generate_cell, load_cells
from unet_lab.datasets.spoiling import change_mask
from unet_lab.explorers import (
    explore_attribution,
    explore_borders,
    explore_confusion,
    explore_contracting,
    explore_convolution,
    explore_crop,
    explore_feature_maps,
    explore_loss,
    explore_metrics,
    explore_norm,
    explore_receptive_field,
    explore_samples,
    explore_segmentation,
    explore_shift,
    explore_skips,
    explore_touching,
    explore_unet,
    explore_workers,
    watch_training,
)
from unet_lab.explorers.convolution import KERNELS, sum_in_words, window_of
from unet_lab.explorers.expansive_path import METHODS, stamps, up_sample, valid_paths
from unet_lab.explorers.from_masks_to_measurements import two_discs
from unet_lab.explorers.losses import two_cells
from unet_lab.explorers.start_here import spoil
from unet_lab.geometry import unet_receptive_field
from unet_lab.inference import predict, predict_logits, segment
from unet_lab.inspection import (
    activations,
    count_parameters,
    effective_receptive_field,
    encoder_field,
    feature_map_bytes,
    mass_width,
    occlusion,
    shift_difference,
    step_time,
    without_skip,
)
from unet_lab.losses import border_weights, cross_entropy, soft_dice_loss
from unet_lab.metrics import confusion_matrix, scores
from unet_lab.objects import find_neighbours, label_objects, touches_border
from unet_lab.plots import DescribedFigure
from unet_lab.training import train
from unet_lab.unet import UNet
from unet_lab.weights import load_pretrained

from .explorers_to_try import EXPLORERS, made
from .test_memory import ALLOWED, growth_per_change

CELL = generate_cell(4, 96)
PREDICTION = change_mask(CELL.mask, right=3)


@pytest.fixture(scope="module")
def small():
    return load_pretrained("small")


def monitor(epochs=2):
    cells = SegmentationDataset.generated(4, size=32)
    torch.manual_seed(0)
    model = UNet(base_channels=2, depth=1)
    return watch_training(train(model, cells, cells, epochs=epochs, batch_size=2), model, cells.subset([0, 1])), model, cells


def test_the_list_of_explorers_has_all_that_there_are():
    """What stands in it is tested here and in the browser; the network view has tests of its own."""
    listed = (ROOT / "benchmarks" / "explorers.py").read_text(encoding="utf-8").partition("EXPLORERS = {")
    made = {name for name in explorers.__all__ if name.startswith("explore_")}
    missing = {name for name in made if not re.search(rf"\b{name}\b", listed[2]) and f"return {name}(" not in listed[0]}
    assert missing == {"explore_network"}


@pytest.mark.parametrize("name", list(EXPLORERS))
def test_every_control_changes_something_and_reset_undoes_it(name):
    explorer = made(name)
    before = explorer.png, explorer.words
    start = {"04 upsampling": {"weights": "random"}, "06 loss": {"kind": "focal"}}.get(name, {})
    shown = {explorer.png: explorer.alt}
    update = explorer._update

    def note():
        update()
        if not explorer.words.startswith("Not possible"):
            shown.setdefault(explorer.png, explorer.alt)

    explorer._update = note
    assert "controls turned" in explorer.drive(most=3, options=8, **start)
    explorer._update = update
    assert (explorer.png, explorer.words) == before
    assert len(set(shown.values())) == len(shown) > 1, "two pictures with one text"
    assert all(len(text.split()) > 8 for text in shown.values())
    assert all(control.description.strip() for control in explorer.controls.values())
    assert all(0 < len(control.description) <= 23 for control in explorer.controls.values()), "no label, or one that is cut off"
    with pytest.raises(ValueError, match="no control 'nothing'"):
        explorer.set(nothing=1)


@pytest.mark.parametrize("name", list(EXPLORERS))
def test_turning_the_controls_leaves_nothing_in_memory(name):
    assert growth_per_change(made(name)) < ALLOWED


@pytest.mark.parametrize("name", list(EXPLORERS))
def test_a_stored_page_has_the_picture_and_the_words(name):
    explorer = made(name)
    data, _ = explorer._repr_mimebundle_()
    assert base64.b64decode(data["image/png"]) == explorer.png
    assert explorer.png.startswith(b"\x89PNG")
    assert data["text/plain"] == explorer.words
    assert "VBox" not in data["text/plain"]


def test_segmentation_says_the_score_of_what_it_shows():
    explorer = explore_segmentation()
    explorer.set(cell=8, contrast=0.5, noise=30)
    image, truth = generate_cell(8, 192)
    result = scores(confusion_matrix(truth, segment(spoil(image, 0.5, 0, 30, 0.0), views=1)), "macro")
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
    assert explorer.stop_button.description == "Stopped"


def test_pictures_are_repeatable_and_described():
    first, second = (explore_unet().png for _ in range(2))
    assert first == second
    picture = DescribedFigure(2, 1, "Two words.")
    data, metadata = picture._repr_mimebundle_()
    assert data["text/plain"] == "Two words."
    assert metadata["image/png"]["alt"] == "Two words."


@pytest.mark.parametrize("name", list(EXPLORERS))
def test_pictures_fit_a_notebook(name, tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(made(name).png)
    with Image.open(path) as image:
        assert 500 <= image.width <= 1000
        assert 250 <= image.height <= 1000


def test_the_kernel_stepper_is_pytorchs_convolution():
    explorer = explore_convolution()
    numbers = torch.tensor([[0, 0, 5, 9, 5, 0, 0]] * 7).float()
    for kernel, padding, stride in (("spot", 1, 1), ("one to the left", 0, 2), ("vertical edge", 1, 2)):
        explorer.set(padding=padding, stride=stride)
        explorer.controls["kernel"].value = kernel
        weights = torch.tensor(KERNELS[kernel]).float()
        expected = F.conv2d(numbers[None, None], weights[None, None], padding=padding, stride=stride)[0, 0]
        for place in range(0, expected.numel(), 5):  # through all rows and columns
            explorer.set(place=place)
            assert explorer.words.startswith(f"Window {place + 1} of {expected.numel()}: ")
            assert float(explorer.words.rpartition("= ")[2]) == expected.flatten()[place]


def test_editing_a_kernel_makes_it_your_own_and_naming_one_fills_it():
    explorer = explore_convolution()
    explorer.controls["k11"].value = 5
    assert explorer.controls["kernel"].value == "my own"
    explorer.controls["kernel"].value = "spot"
    assert [explorer.controls[f"k{r}{c}"].value for r in range(3) for c in range(3)] == np.ravel(KERNELS["spot"]).tolist()
    explorer.controls["k11"].value = 7
    explorer.controls["k11"].value = 8
    assert explorer.controls["kernel"].value == "spot"


def test_clicks_in_input_and_output_choose_the_window():
    explorer = explore_convolution()
    explorer.click("output", 4, 4)
    assert explorer.controls["place"].value == 24
    explorer.click("input", 1, 3)
    assert explorer.controls["place"].value == 2
    explorer.set(stride=2, padding=1)
    explorer.click("input", 99, 99)
    assert explorer.controls["place"].value == 15
    assert window_of(3, 7, 0, 2) == (1, 0, 9)
    assert sum_in_words(np.array([[1, 2]]), np.array([[3, -4]])) == "1·3 + 2·(-4) = -5"
    assert sum_in_words(np.array([[1, 2]]), np.array([[0, 0]])) == "0 = 0"


def test_batch_norm_hides_a_change_of_contrast_in_training_and_shows_it_in_evaluation():
    explorer = explore_norm(size=64)
    explorer.set(mode="training", contrast=3.0, brightness=1.0)
    assert "After it: mean 0.00, standard deviation 1.00" in explorer.words.replace("-0.00", "0.00")
    explorer.set(mode="evaluation", contrast=1.0, brightness=0.0)
    plain = float(explorer.words.split("standard deviation ")[1].split(". ")[0])
    explorer.set(contrast=3.0)
    assert float(explorer.words.split("standard deviation ")[1].split(". ")[0]) == pytest.approx(3 * plain, abs=0.03)
    explorer.set(shift=-2.0, scale=0.0)
    assert "ReLU sets 100% to 0" in explorer.words


def test_contracting_explorer_counts_and_refuses():
    explorer = explore_contracting(CELL.image)
    first, last = encoder_field(0, 4)
    assert f"sees {last - first + 1} pixels" in explorer.words
    explorer.set(size=100)
    assert explorer.words.startswith("Refused. 100 x 100 does not survive 4 poolings: 100 = 2·2·5·5")
    explorer.click("image", 99, 0)
    assert (explorer.controls["row"].value, explorer.controls["column"].value) == (100, 0)


@pytest.mark.parametrize("method", METHODS)
def test_up_sampling_is_pytorchs_and_stamps_are_counted_right(method):
    x = torch.randn(1, 1, 6, 6)
    kernel = torch.ones(1, 1, int(method[-1]), int(method[-1])) if method.startswith("transposed") else None
    result = up_sample(x, method, kernel)
    assert result.shape == (1, 1, 12, 12)
    touched = np.zeros((12, 12), int)
    for row, column in np.ndindex(6, 6):
        one = torch.zeros(1, 1, 6, 6)
        one[0, 0, row, column] = 1
        touched += (up_sample(one, method, kernel)[0, 0] != 0).numpy()
    assert np.array_equal(stamps(method, 6)[2:-2, 2:-2], touched[2:-2, 2:-2])
    layers = {"transposed 2x2": (2, 0, 0), "transposed 4x4": (4, 1, 0), "transposed 3x3": (3, 0, 1)}
    if method in layers:
        size, padding, cut = layers[method]
        whole = F.conv_transpose2d(x, torch.ones(1, 1, size, size), stride=2, padding=padding)
        torch.testing.assert_close(result, whole[..., : 13 - cut, : 13 - cut])


def test_the_crop_that_fits_is_the_centre():
    image = generate_cell(3, 188).image
    explorer = explore_crop(image)
    for depth, lost in ((1, 8), (2, 32), (3, 80)):
        skip, below = valid_paths(image, depth)
        assert skip.shape[0] - below.shape[0] == lost
        fits = {}
        for offset in range(0, lost + 1, lost // 8):
            explorer.set(depth=depth, down=offset, right=offset)
            fits[offset] = float(explorer.words.split("differ by ")[1].split(" ")[0])
        assert min(fits, key=fits.get) == lost // 2
    explorer.set(depth=2)
    explorer.click("skip", 92, 92)
    assert (explorer.controls["down"].value, explorer.controls["right"].value) == (16, 16)


def test_loss_explorer_says_the_librarys_losses(small):
    explorer = explore_loss(small, *CELL)
    weights = [0.5, 2.0, 1.0]
    explorer.set(push=0, confidence=2.0, background=0.5, body=2.0)
    logits, mask = 2 * predict_logits(small, CELL.image)[None], torch.from_numpy(CELL.mask).long()[None]
    loss = cross_entropy(logits, mask, weights=weights)
    assert f"Mean loss {loss:.3f} nats" in explorer.words
    assert f"soft Dice loss {soft_dice_loss(logits, mask):.3f}" in explorer.words
    explorer.set(kind="focal", gamma=0.0)
    assert f"Mean loss {loss:.3f} nats" in explorer.words


def test_border_explorer_says_equation_2():
    explorer = explore_borders()
    explorer.set(gap=6, sigma=4.0)
    assert f"largest weight is {border_weights(two_cells(6), 10, 4).max():.2f}" in explorer.words
    between = two_cells(6)[48]
    assert (between == 2).argmax() - np.flatnonzero(between == 1).max() - 1 == 6


def test_feature_browser_says_what_the_layer_says(small):
    explorer = explore_feature_maps(small, CELL.image)
    maps = activations(small, CELL.image)
    explorer.set(layer="encoder.2.block.3", channel=7, row=50, column=25)
    values = maps["encoder.2.block.3"][0, 7]
    assert f"mean {values.mean():.3f}" in explorer.words
    assert f"at row 12, column 6: {values[12, 6]:.3f}" in explorer.words
    explorer.click("mosaic", 30, 60)
    assert explorer.controls["channel"].value == 8 * 1 + 2
    explorer.click("channel", 0, 23)
    assert (explorer.controls["row"].value, explorer.controls["column"].value) == (2, 97)
    explorer.click("input", 95, 0)
    assert (explorer.controls["row"].value, explorer.controls["column"].value) == (99, 0)
    explorer.set(layer="head", channel=200)
    assert "Channel 2:" in explorer.words
    with pytest.raises(ValueError, match="no layer 'nothing'"):
        explore_feature_maps(small, CELL.image, "nothing")


def test_feature_browser_opens_monais_network_too():
    networks = pytest.importorskip("monai.networks.nets", reason="MONAI is not installed, so no other network is looked into")
    model = networks.BasicUNet(spatial_dims=2, in_channels=1, out_channels=3, features=(8, 8, 16, 32, 64, 8)).eval()
    explorer = explore_feature_maps(model, CELL.image)
    assert "controls turned" in explorer.drive()
    explorer.set(layer="final_conv", channel=1)
    with torch.no_grad():
        expected = model(torch.from_numpy(_standard(CELL.image))[None, None])[0, 1]
    assert f"mean {expected.mean():.3f}, standard deviation {expected.numpy().std():.3f}" in explorer.words


def _standard(image):
    from unet_lab.datasets import standardise

    return standardise(image)


def test_field_explorer_says_both_fields_of_the_clicked_pixel(small):
    explorer = explore_receptive_field(small, CELL.image)
    explorer.click("image", 30, 41)
    wide = [last - first + 1 for first, last in (unet_receptive_field(30), unet_receptive_field(41))]
    assert f"Theoretical field {wide[0]} x {wide[1]} pixels" in explorer.words
    half = mass_width(effective_receptive_field(small, CELL.image, (30, 41))["input"], (30, 41))
    assert f"lies within {half} x {half}" in explorer.words


def test_skip_explorer_says_the_iou_with_and_without(small):
    explorer = explore_skips(small, size=96)
    explorer.set(cell=4, skip_0="noise", skip_2="on", skip_3="zeros")
    image, truth = generate_cell(4, 96)
    with without_skip(small, 0, "noise"), without_skip(small, 3):
        now = scores(confusion_matrix(truth, predict(small, image)), "macro").iou
    assert f"{now:.3f} as switched (skip 0 noise, skip 3 zeros)" in explorer.words
    explorer.set(skip_0="on", skip_3="on")
    assert "(all on): +0.000. 0.0% of the pixels" in explorer.words


def test_attribution_explorer_says_which_patch_hurts_most(small):
    explorer = explore_attribution(small, CELL.image, patch=16)
    explorer.click("image", 40, 50)
    drop = occlusion(small, CELL.image, 16)[:, :, 40, 50]
    row, column = np.unravel_index(drop.argmax(), drop.shape)
    assert f"rows {16 * row} to {16 * row + 15}, columns {16 * column} to {16 * column + 15} hurts most" in explorer.words
    assert f"falls by {drop.max():.2f}" in explorer.words


def test_shift_explorer_says_the_difference(small):
    image = generate_cell(3, 304).image
    explorer = explore_shift(small, image)
    explorer.set(shift=5)
    rest, moved = shift_difference(small, image, right=5, largest=16)
    assert f"differ by up to {(rest - moved).abs().max():.3g}" in explorer.words
    explorer.set(shift=16)
    assert "16 is a multiple of 16" in explorer.words


def test_a_click_finds_the_pixel_under_it():
    explorer = made("09 receptive field")
    view = explorer._image
    left, top, right, bottom = view.panels[0]
    for row, column in ((0, 0), (100, 37), (191, 191)):
        x = left + (right - left) * (column + 0.5) / 192
        y = top + (bottom - top) * (row + 0.5) / 192
        view.click = [x, y, view.click[2] + 1]
        assert (explorer.controls["row"].value, explorer.controls["column"].value) == (row, column)
    before = explorer.png
    view.click = [0.0, 0.0, view.click[2] + 1]
    assert explorer.png == before, "nothing lies there"


@pytest.mark.parametrize("name", list(EXPLORERS))
def test_pictures_have_words_and_clickable_ones_have_sliders(name):
    explorer = made(name)
    assert len(explorer._image.alt) > 15
    assert len(explorer._image.panels) == len(explorer._image._names)
    if explorer._on_click is not None:
        assert explorer._image.panels, "it takes clicks, but no part of its picture does"
        panel = explorer._image._names[0]
        assert explorer._on_click(panel, 5, 5).keys() <= explorer.controls.keys()


def test_workers_explorer_says_the_step_time_of_the_library():
    explorer = explore_workers(0.02, cores=64)
    parameters = UNet.small().num_parameters
    now, one = (step_time(n, 8, 0.02, 4 * parameters, 1.25e8, 2e-4, 64) for n in (16, 1))
    explorer.set(workers=16)
    assert f"effective batch {now.effective_batch}. A step takes {1000 * now.total:.0f} ms" in explorer.words
    assert f"{now.images_per_second / one.images_per_second:.1f} times one worker" in explorer.words
    explorer.set(workers=8, cores=2)
    assert "8 workers take turns on 2 cores" in explorer.words
    explorer.set(keep="the whole batch stays", cores=64)
    assert "8 workers x 1 images: effective batch 8" in explorer.words


def test_two_cells_are_one_for_each_method_at_its_own_distance():
    """Apart by a pixel, labelling finds two; in contact, only the watershed does; pressed deep into one another, neither."""
    explorer = explore_touching()
    for apart, labelled, flooded in ((4, 2, 2), (-2, 1, 2), (-30, 1, 1)):
        explorer.set(apart=apart)
        cells = [f"{n} cell{'s' if n > 1 else ''}" for n in (labelled, flooded)]
        assert f"Labelling finds {cells[0]}," in explorer.words
        assert f"The watershed finds {cells[1]}," in explorer.words
        assert "IoU of the pixels 1.000" in explorer.words, "the pixels notice nothing"
    explorer.set(apart=-2, depth=12)
    assert "The watershed finds 1 cell," in explorer.words
    explorer.set(apart=3, depth=1, grow=2)
    assert "Labelling finds 1 cell," in explorer.words


def test_two_discs_are_two_cells_that_never_overlap_and_meet_in_a_line():
    for apart in (-36, -5, 0, 12):
        for radius in (8, 24):
            cells = two_discs(apart, radius)
            assert [label_objects(cells == n).max() for n in (1, 2)] == [1, 1]
            assert not len(touches_border(cells))
    assert (two_discs(12, 24) == 1).sum() == pytest.approx(np.pi * 24**2, rel=0.03)
    assert not find_neighbours(two_discs(5, 20), 2)
    assert find_neighbours(two_discs(-5, 20), 1) == [(1, 2)]


def test_variations_offer_only_groups_that_hold_more_than_the_baseline():
    from unet_lab.explorers import explore_variations
    from unet_lab.training import load_outcomes

    _, outcomes = load_outcomes()
    baseline, others = outcomes[0], [o for o in outcomes if o.candidate.group in ("skip", "attention")]
    explorer = explore_variations([baseline, *others])
    assert explorer.controls["group"].options == ("all", "skip", "attention")
    assert explorer.drive()
    for group in ("skip", "attention"):
        explorer.set(group=group, count=5)
        best = max((o for o in others if o.candidate.group == group), key=lambda o: o.mean)
        assert explorer.words.startswith(f"Highest beside the baseline: {best.candidate.name}, {best.mean - baseline.mean:+.3f}")
    with pytest.raises(ValueError, match="1 outcomes: a comparison takes a baseline and at least one other"):
        explore_variations([baseline])


@pytest.mark.parametrize("watch", ["f1", "loss", "learning_rate", "void", lambda report: 2 * report.iou])
def test_the_monitor_watches_what_is_asked_for(watch):
    cells = SegmentationDataset.generated(4, size=32)
    model = UNet(base_channels=2, depth=1)
    run = train(model, cells, cells, epochs=2, batch_size=2, metrics=lambda model: {"void": 3.0})
    shown = watch_training(run, model, cells.subset([0]), watch=watch)
    report = shown.history.reports[-1]
    value = report.extra.get(watch, getattr(report, str(watch), 2 * report.iou))
    name = watch if isinstance(watch, str) else "watched"
    assert f"{name} {value:.4g}" in shown.words
    figure, _ = shown.draw_epoch(2, 0)
    right = next(axes for axes in figure.axes if axes.get_ylabel() == name)
    assert right.lines[0].get_ydata()[-1] == pytest.approx(value)


def test_what_cannot_be_watched_is_refused_after_the_first_epoch():
    cells = SegmentationDataset.generated(4, size=32)
    model = UNet(base_channels=2, depth=1)
    reports = []

    def counted():
        for report in train(model, cells, cells, epochs=3, batch_size=2):
            reports.append(report)
            yield report

    with pytest.raises(ValueError, match=r"watch is 'dice'; allowed are 'loss', .*'f1'.* and a function of the epoch's report"):
        watch_training(counted(), model, cells.subset([0]), watch="dice")
    assert len(reports) == 1
    with pytest.raises(ValueError, match="watch gave str"):
        watch_training(counted(), model, cells.subset([0]), watch=lambda report: "good")
    with pytest.raises(ValueError, match="watch is 3"):
        watch_training(counted(), model, cells.subset([0]), watch=3)


def test_sliders_end_where_the_thing_ends(small):
    stepper = explore_convolution()
    for padding, stride, windows in ((0, 1, 25), (1, 1, 49), (0, 2, 9), (1, 2, 16)):
        stepper.set(padding=padding, stride=stride)
        assert stepper.controls["place"].max == windows - 1
    stepper.set(padding=1, stride=1, place=48)
    stepper.controls["stride"].value = 2
    assert stepper.controls["place"].value == 15
    stepper.set(**stepper._defaults)
    browser = explore_feature_maps(small, CELL.image)
    for layer, channels in (("encoder.2.block.3", activations(small, CELL.image)["encoder.2.block.3"].shape[1]), ("head", 3)):
        browser.set(layer=layer)
        assert browser.controls["channel"].max == channels - 1
    browser.set(**browser._defaults)
    assert browser.controls["channel"].value == browser._defaults["channel"]
    crop = explore_crop(generate_cell(3, 188).image)
    for depth, lost in ((1, 8), (2, 32), (3, 80)):
        crop.set(depth=depth)
        assert (crop.controls["down"].max, crop.controls["right"].max) == (lost, lost)


def test_tables_of_pixels_are_text_too():
    explorer = explore_metrics(*CELL)
    explorer.set(right=5, nucleus="missed")
    body = explorer.words.splitlines()[2]
    prediction = change_mask(CELL.mask, right=5, miss_nucleus=True)
    found = scores(confusion_matrix(CELL.mask, prediction), average=None)
    assert body.startswith(f"cell body: precision {found.precision[1]:.3f}, recall {found.recall[1]:.3f}, F1 {found.f1[1]:.3f}")
    assert "boundary F1" in body
    assert "Hausdorff (px)" in body
    assert "nucleus: precision empty, recall 0.000" in explorer.words
    assert "bottleneck: 256 channels, 12 x 12" in explore_contracting(generate_cell(4, 192).image).words


def test_a_picture_is_drawn_as_fine_as_the_screen():
    explorer = explore_borders()
    once, alt = Image.open(io.BytesIO(explorer.png)).size, explorer.alt
    explorer._image.resolution = 2.0
    assert Image.open(io.BytesIO(explorer.png)).size == (2 * once[0], 2 * once[1])
    assert (explorer._image.drawn_at, explorer.alt) == (2.0, alt)
