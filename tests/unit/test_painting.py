"""From masks to micrographs, and the canvas on which one paints them."""

import hashlib

import numpy as np
import pytest
import torch
from PIL import Image

from unet_lab.acceleration import accelerate
from unet_lab.datasets import CellPainter, generate_cell, standardise
from unet_lab.explorers import explore_painting, explore_speed
from unet_lab.explorers.painting import SIZE, STARTING_MASKS, starting_mask
from unet_lab.inference import WORKING_SIZE, predict
from unet_lab.metrics import confusion_matrix, scores
from unet_lab.plots import show_layer_times, show_trials
from unet_lab.weights import load_pretrained


@pytest.fixture(scope="module")
def small():
    return load_pretrained("small")


def test_one_seed_one_look_and_no_memory_of_what_was_painted_before():
    one, again, other = CellPainter(3), CellPainter(3), CellPainter(4)
    mask = starting_mask("a cell")
    first = one.draw(mask)
    one.draw(starting_mask("inside out"))
    assert np.array_equal(first, one.draw(mask))
    assert np.array_equal(first, again.draw(mask))
    assert not np.array_equal(first, other.draw(mask))
    assert first.dtype == np.uint8
    assert first.shape == (SIZE, SIZE)


def test_a_stroke_changes_what_is_under_it_and_little_else():
    painter, mask = CellPainter(5), starting_mask("a cell")
    stroke = mask.copy()
    stroke[20:40, 90:110] = 2
    before, after = painter.draw(mask).astype(int), painter.draw(stroke).astype(int)
    changed = mask != stroke
    near = np.zeros_like(changed)
    near[10:50, 80:120] = True
    assert np.abs(before - after)[changed].mean() > 8
    assert np.abs(before - after)[~near].max() <= 2  # the camera's contrast turns about the picture's mean


def test_the_network_knows_what_is_painted_and_the_true_masks_of_generated_cells(small):
    """A painted cell is one that the shipped network finds; so is the generator's mask, painted anew in another look."""
    for mask in (starting_mask("a cell"), np.asarray(generate_cell(4, SIZE, 0.3).mask)):
        image, size = Image.fromarray(CellPainter(5).draw(mask)), (WORKING_SIZE, WORKING_SIZE)
        answer = predict(small, np.asarray(image.resize(size, Image.Resampling.BICUBIC)))
        truth = np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST))
        assert scores(confusion_matrix(truth, answer), average="macro").iou > 0.8


def test_a_mask_of_another_size_or_with_other_labels_is_refused():
    painter = CellPainter(0)
    for wrong in (np.zeros((64, 64), np.uint8), np.full((SIZE, SIZE), 3), np.full((SIZE, SIZE), np.nan)):
        with pytest.raises(ValueError, match="it takes \\(128, 128\\) of 0, 1 and 2"):
            painter.draw(wrong)


@pytest.mark.parametrize("name", STARTING_MASKS)
def test_figures_are_masks(name):
    mask = starting_mask(name)
    assert mask.shape == (SIZE, SIZE)
    assert set(np.unique(mask)) <= {0, 1, 2}
    assert mask.any() == (name != "nothing")


def test_strokes_paint_with_the_chosen_brush_and_the_words_are_the_library_s(small):
    explorer = explore_painting({"small": small})
    explorer.set(begin="nothing", brush="cell body", width=30, seen=128)
    assert not explorer.mask.any()
    explorer.stroke((40, 64), (90, 64))
    assert set(np.unique(explorer.mask)) == {0, 1}
    assert explorer.mask[64, 40:91].min() == 1
    assert explorer.mask[30, 64] == 0
    explorer.set(brush="nucleus", width=8)
    explorer.stroke((60, 64), (70, 64))
    assert explorer.mask[64, 65] == 2
    assert explorer.mask[64, 45] == 1
    image = CellPainter(5, SIZE).draw(explorer.mask)
    assert np.array_equal(explorer.image, image)
    assert np.array_equal(explorer.answer, predict(small, image))
    found = scores(confusion_matrix(explorer.mask, explorer.answer), average=None).iou
    assert f"background {found[0]:.2f}, cell body {found[1]:.2f}" in explorer.words
    explorer.set(brush="background", width=40)
    explorer.stroke((0, 64), (127, 64))
    assert explorer.mask[64].max() == 0


def test_reset_and_another_look_keep_or_clear_what_was_painted(small):
    explorer = explore_painting({"small": small})
    start = explorer.mask.copy()
    explorer.stroke((10, 10), (110, 20))
    painted = explorer.mask.copy()
    explorer.set(look=7)
    assert np.array_equal(explorer.mask, painted)
    explorer.set(**explorer._defaults)
    assert np.array_equal(explorer.mask, start)


def test_a_move_without_a_press_paints_nothing(small):
    explorer = explore_painting({"small": small})
    before = hashlib.sha256(explorer.png).hexdigest()
    explorer.move(64, 64)
    explorer.lift()
    assert hashlib.sha256(explorer.png).hexdigest() == before


def test_the_speed_explorer_counts_the_pixels_that_change(small):
    images = torch.from_numpy(np.stack([standardise(generate_cell(s, 96).image) for s in range(3)]))[:, None]
    with pytest.raises(ValueError, match="keep_all=True"):
        explore_speed(accelerate(small, images[:1], using=("folded",), seconds=0.1, progress=False), images)
    fast = accelerate(small, images[:1], "lower", using=("folded", "bfloat16"), seconds=0.1, keep_all=True, progress=False)
    explorer = explore_speed(fast, images)
    for way, run in fast.ways.items():
        explorer.set(way=way, image=2)
        with torch.inference_mode():
            other = int((run(images[2:3]).argmax(1) != small(images[2:3]).argmax(1)).sum())
        assert f"In this image {other} of 9216 pixels have another class" in explorer.words
        assert explorer.words.startswith(f"{way}: ")
    picture = show_trials(fast.trials)
    assert "Milliseconds of each way" in picture.alt
    assert picture.png().startswith(b"\x89PNG")


def test_the_picture_of_layers_says_the_total(small):
    from unet_lab.inspection import layer_times

    layers = layer_times(small, generate_cell(0, 64).image, rounds=1)
    picture = show_layer_times(layers, peak=5e10)
    assert f"{len(layers)} layers, {1000 * sum(layer.seconds for layer in layers):.1f} ms" in picture.alt


def test_the_keyboard_paints_what_the_mouse_paints(small):
    """Arrows move a brush that is seen, the space bar paints while it is down; leaving the canvas takes the brush away."""
    by_mouse, by_key = (explore_painting({"small": small}) for _ in range(2))
    for explorer in (by_mouse, by_key):
        explorer.set(begin="a square cell", brush="background", width=12)
    bare = by_key.canvas_colours()
    for key in ["ArrowLeft"] * 4 + ["ArrowUp"] * 3:
        by_key._image.key_pressed(None, {"key": key, "down": True, "fine": False}, [])
    assert by_key.brush_at == (64 - 4 * 6, 64 - 3 * 6)
    assert (by_key.canvas_colours() != bare).any(), "the brush is seen"
    assert "row 46, column 40" in by_key._place.value
    before = by_key.mask.copy()
    by_key.press_key(" ", True)
    for _ in range(5):
        by_key.press_key("ArrowRight")
    by_key.press_key(" ", False)
    by_mouse.stroke(*[(40 + 6 * k, 46) for k in range(6)])
    assert np.array_equal(by_key.mask, by_mouse.mask)
    assert (by_key.mask != before).any()
    assert by_key.words == by_mouse.words
    by_key.press_key("ArrowDown")
    assert np.array_equal(by_key.mask, by_mouse.mask), "the space bar is up"
    by_key.press_key("ArrowLeft", True, True)
    assert by_key.brush_at == (69, 52)
    for _ in range(40):
        by_key.press_key("ArrowRight")
    assert by_key.brush_at[0] == SIZE - 1
    by_key.press_key("", False)
    assert by_key.brush_at is None
    assert by_key._place.value == ""
    assert np.array_equal(by_key.canvas_colours(), np.repeat(by_key.image[..., None], 3, axis=2))
