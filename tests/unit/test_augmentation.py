"""Image and mask are changed as one; labels are never mixed; the same seed is the same change, in whatever batch."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, map_coordinates
from torch.nn import functional as F

from unet_lab.datasets import Augmentation, SegmentationDataset, generate_cell, standardise, warp
from unet_lab.datasets.augmentation import _Draws, blurred, standardised
from unet_lab.training import train
from unet_lab.unet import UNet

CELL = generate_cell(4, 96)
OFF = {"flip": False, "rotation": 0, "zoom": 0, "elastic": 0, "gamma": 0, "shading": 0, "noise": 0, "blur": 0, "cutout": 0}


def batch(count=1, size=(96, 96)):
    image = torch.from_numpy(standardise(CELL.image))[: size[0], : size[1]]
    mask = torch.from_numpy(CELL.mask.astype(np.int64))[: size[0], : size[1]]
    return image.expand(count, 1, *size).clone(), mask.expand(count, *size).clone()


amounts = st.fixed_dictionaries(
    {
        "flip": st.booleans(),
        "rotation": st.floats(0, 180),
        "zoom": st.floats(0, 0.9),
        "elastic": st.floats(0, 60),
        "gamma": st.floats(0, 2),
        "shading": st.floats(0, 2),
        "noise": st.floats(0, 2),
        "blur": st.floats(0, 5),
        "cutout": st.floats(0, 1),
    }
)


@given(amounts, st.integers(0, 2**31), st.sampled_from([(96, 96), (40, 96), (96, 33), (7, 9), (1, 5)]))
def test_labels_stay_and_images_stay_standardised_whatever_the_settings(how, seed, size):
    image, mask = batch(2, size)
    changed, labels = Augmentation(**how)(image, mask, [seed, seed + 1])
    assert changed.shape == image.shape
    assert labels.shape == mask.shape
    assert labels.dtype == mask.dtype
    assert set(labels.unique().tolist()) <= set(mask.unique().tolist())
    assert torch.isfinite(changed).all()
    for one in changed:
        assert abs(one.mean().item()) < 1e-3
        assert one.std(unbiased=False).item() == pytest.approx(1, abs=1e-2) or one.std(unbiased=False).item() < 1e-3


@given(amounts, st.integers(0, 2**31), st.sampled_from([(96, 96), (40, 96)]))
def test_a_mask_drawn_into_the_image_stays_on_the_mask(how, seed, size):
    _, mask = batch(1, size)
    drawn = F.one_hot(mask, 3).permute(0, 3, 1, 2).float()  # (1, 3, H, W)
    draws = [_Draws(Augmentation(**how), seed, size)]
    moved, labels = warp(drawn, mask, Augmentation(**how).places(draws, size))
    # the nearest of four neighbours weighs at least a quarter: a class with more than three quarters has it
    sure = moved > 0.76
    assert sure.any()
    for k in range(3):
        assert (labels[0][sure[0, k]] == k).all()


def test_without_any_change_nothing_changes():
    image, mask = batch(2)
    changed, labels = Augmentation(**OFF)(image, mask, [1, 2])
    torch.testing.assert_close(changed, standardised(image[0]).expand_as(image), atol=1e-4, rtol=0)
    assert torch.equal(labels, mask)


def test_mirror_images_are_mirror_images_each_in_every_other_image():
    image, mask = batch(64)
    how = Augmentation(**OFF | {"flip": True})
    changed, labels = how(image, mask, range(64))
    kinds = {(): 0, (1,): 0, (2,): 0, (1, 2): 0}
    for one, label in zip(changed, labels, strict=True):
        for axes in kinds:
            if torch.equal(label, mask[0].flip([a - 1 for a in axes])):
                kinds[axes] += 1
                torch.testing.assert_close(one, image[0].flip(list(axes)), atol=1e-3, rtol=0)
    assert sum(kinds.values()) == 64
    assert min(kinds.values()) >= 8


def test_bending_is_scipys():
    image, mask = batch()
    how = Augmentation(**OFF | {"elastic": 10.0, "rotation": 90.0})
    places = how.places([_Draws(how, 3, (96, 96))], (96, 96))
    moved, labels = warp(image, mask, places)
    column, row = ((places[0, ..., k].numpy() + 1) / 2 * 95 for k in range(2))
    expected = map_coordinates(image[0, 0].numpy(), [row, column], order=1, mode="mirror")
    assert np.abs(moved[0, 0].numpy() - expected).max() < 1e-3
    assert (labels[0].numpy() == map_coordinates(CELL.mask, [row, column], order=0, mode="mirror")).mean() > 0.999


def test_displacements_between_the_nine_are_pytorchs_bicubic_ones():
    how = Augmentation(**OFF | {"elastic": 10.0})
    draw = _Draws(how, 3, (50, 81))
    places = how.places([draw], (50, 81)) - Augmentation(**OFF).places([draw], (50, 81))
    pixels = places[0].permute(2, 0, 1) / torch.tensor([2 / 80, 2 / 49])[:, None, None]
    expected = F.interpolate(draw.displacements[None], (50, 81), mode="bicubic", align_corners=True)[0]
    torch.testing.assert_close(pixels, expected, atol=1e-3, rtol=0)


def test_displacements_have_the_papers_spread():
    how = Augmentation(elastic=10.0)
    draws = torch.stack([_Draws(how, seed, (64, 64)).displacements for seed in range(300)])
    assert draws.shape[1:] == (2, 3, 3)
    assert draws.std().item() == pytest.approx(10, rel=0.05)
    assert draws.mean().item() == pytest.approx(0, abs=0.5)


def test_a_turn_keeps_lengths_in_an_image_that_is_not_square():
    how = Augmentation(**OFF | {"rotation": 180.0})
    places = how.places([_Draws(how, 5, (41, 81))], (41, 81))[0]  # (H, W, 2)
    pixels = (places + 1) / 2 * torch.tensor([80.0, 40.0])
    assert (pixels[0, 1] - pixels[0, 0]).norm().item() == pytest.approx(1, abs=1e-3)
    assert (pixels[1, 0] - pixels[0, 0]).norm().item() == pytest.approx(1, abs=1e-3)


def test_the_same_seed_is_the_same_change_alone_or_in_any_batch():
    image, mask = batch(3)
    how = Augmentation(cutout=0.3)
    together = how(image, mask, [7, 8, 9])
    alone = how(image[:1], mask[:1], [8])
    assert torch.equal(together[1][1], alone[1][0])
    torch.testing.assert_close(together[0][1], alone[0][0])
    assert not torch.equal(together[1][0], together[1][1])


def test_switching_one_change_off_leaves_the_others_as_they_were():
    image, mask = batch()
    _, labels = Augmentation()(image, mask, [5])
    for name in ("gamma", "shading", "noise", "blur", "cutout"):
        assert torch.equal(Augmentation(**{name: 0})(image, mask, [5])[1], labels), name


def test_blur_is_scipys():
    image, _ = batch()
    expected = gaussian_filter(image[0, 0].numpy(), 2.0, mode="mirror", truncate=3.0)
    assert np.abs(blurred(image[0], 2.0)[0].numpy() - expected).max() < 1e-4


def test_cut_out_wipes_out_a_square_and_leaves_the_mask():
    image, mask = batch()
    changed, labels = Augmentation(**OFF | {"cutout": 0.5})(image, mask, [1])
    _, counts = changed.round(decimals=4).unique(return_counts=True)
    assert counts.max() >= 48 * 48
    assert torch.equal(labels, mask)


@pytest.mark.parametrize(
    ("name", "value"),
    [("rotation", -1), ("rotation", 200), ("zoom", 1.0), ("elastic", float("nan")), ("cutout", 2), ("noise", "a")],
)
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} is {value!r}; allowed are numbers from 0"):
        Augmentation(**{name: value})


def test_what_does_not_fit_is_refused():
    image, mask = batch(2)
    how = Augmentation()
    with pytest.raises(ValueError, match=r"allowed is float \(N, C, H, W\)"):
        how(image[:, 0], mask, [1, 2])
    with pytest.raises(ValueError, match=r"allowed are class indices, int64 \(2, 96, 96\)"):
        how(image, mask[:1], [1, 2])
    with pytest.raises(ValueError, match="1 seeds for 2 images"):
        how(image, mask, [1])


def test_a_training_with_augmentation_is_the_same_twice_with_workers_and_after_a_break(tmp_path):
    cells = SegmentationDataset.generated(6, size=32)
    settings = {"epochs": 3, "batch_size": 4, "augmentation": Augmentation(elastic=3), "precision": "float32", "device": "cpu"}

    def run(**more):
        torch.manual_seed(0)
        model = UNet(base_channels=2, depth=1)
        return model, [r.loss for r in train(model, cells, **settings | more)]

    _, losses = run()
    assert run(workers=2)[1] == losses
    assert run(augmentation=None)[1] != losses
    assert run(seed=1)[1] != losses
    torch.manual_seed(0)
    for _ in train(UNet(base_channels=2, depth=1), cells, checkpoint=tmp_path / "run.pt", **settings):
        break
    assert run(checkpoint=tmp_path / "run.pt")[1] == losses
    with pytest.raises(ValueError, match="its augmentation is Augmentation"):
        run(checkpoint=tmp_path / "run.pt", augmentation=None)


def test_colours_are_changed_alike_and_unjudged_pixels_stay_so():
    grey = torch.randn(3, 1, 32, 36)
    mask = torch.randint(0, 3, (3, 32, 36))
    mask[:, :6] = 255
    for augmentation in (Augmentation(cutout=0.3), Augmentation(elastic=0, gamma=0)):
        alone, moved = augmentation(grey, mask, [4, 5, 6])
        colour, same = augmentation(grey.repeat(1, 3, 1, 1), mask, [4, 5, 6])
        assert torch.equal(moved, same)
        assert set(moved.unique().tolist()) <= {0, 1, 2, 255}
        assert (moved == 255).any()
        assert torch.allclose(colour, alone.repeat(1, 3, 1, 1), atol=1e-5)
    different = torch.randn(2, 4, 32, 36)
    changed, _ = Augmentation()(different, mask[:2], [1, 2])
    assert changed.mean(dim=(2, 3)).abs().max() < 1e-5
    assert torch.allclose(changed.std(dim=(2, 3), unbiased=False), torch.ones(2, 4), atol=1e-4)
