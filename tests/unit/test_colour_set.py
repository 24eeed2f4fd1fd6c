"""A drawn set in colour, of several sizes, with pixels that nobody judged: as it says, and learnt from as a plain loop learns."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from unet_lab import explorers
from unet_lab.datasets import IGNORE, SegmentationDataset, generate_smear, load_folder, split, standardise, write_smear_set
from unet_lab.inference import predict
from unet_lab.inspection import activations, saliency, shift_difference
from unet_lab.metrics import confusion_matrix, scores
from unet_lab.training import fit
from unet_lab.unet import UNet

CODES = {0: 0, 128: 1, 255: 2, 64: IGNORE}


@pytest.fixture(scope="module")
def smears(tmp_path_factory):
    images, masks = write_smear_set(tmp_path_factory.mktemp("smears") / "set")
    return images, masks


def test_a_smear_is_the_same_each_time_and_another_with_another_seed_or_dish():
    first, again = generate_smear(3, (90, 130), dish=2), generate_smear(3, (90, 130), dish=2)
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.mask, again.mask)
    assert not np.array_equal(first.image, generate_smear(4, (90, 130), dish=2).image)
    assert not np.array_equal(first.image, generate_smear(3, (90, 130), dish=3).image)
    assert set(np.unique(generate_smear(3, (90, 130), rim=0).mask)) <= {0, 1, 2}


def test_cytoplasm_and_red_cells_differ_in_colour_and_not_in_luminance():
    luminance = np.array([0.299, 0.587, 0.114])
    red, pink = np.array([222, 160, 150]), np.array([205, 165, 205])
    assert abs(luminance @ red - luminance @ pink) < 6
    image, mask = generate_smear(0, (140, 140), rim=2)
    cytoplasm = image[mask == 1].mean(axis=0)
    assert cytoplasm[2] - cytoplasm[1] > 15, "pink: more blue than green"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "seed is -1; allowed are whole numbers"),
        ({"seed": 0, "shape": (20, 100)}, r"shape is \(20, 100\); allowed are"),
        ({"seed": 0, "rim": 0.5}, "rim is 0.5"),
    ],
)
def test_what_cannot_be_drawn_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        generate_smear(**arguments)


def test_the_set_is_not_written_over_and_its_sizes_differ(smears):
    images, masks = smears
    with pytest.raises(FileExistsError, match="not empty"):
        write_smear_set(images.parent)
    everything = load_folder(images, masks, CODES, group=r"(dish\d+)_")
    assert (everything.channels, everything.num_classes, len(everything)) == (3, 3, 24)
    assert len({pair.image.shape for pair in everything.pairs}) > 15
    assert all((pair.mask == IGNORE).any() for pair in everything.pairs)
    training, validation = split(everything, 0.67, seed=1)
    assert not {p.group for p in training.pairs} & {p.group for p in validation.pairs}


def new_network(channels):
    torch.manual_seed(0)
    return UNet(in_channels=channels, num_classes=3, base_channels=8, depth=3)


def plain_loop(model, pairs, epochs):
    """As a student writes it: every image padded to 144 x 144, what was padded ignored, Adam, batches of four."""
    images = torch.zeros(len(pairs), 3, 144, 144)
    masks = torch.full((len(pairs), 144, 144), IGNORE)
    for k, (image, mask, *_) in enumerate(pairs):
        height, width = mask.shape
        images[k, :, :height, :width] = torch.from_numpy(standardise(image)).permute(2, 0, 1)
        masks[k, :height, :width] = torch.from_numpy(mask.astype(np.int64))
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(epochs):
        for batch in torch.randperm(len(pairs)).split(4):
            optimizer.zero_grad()
            F.cross_entropy(model(images[batch]), masks[batch].long(), ignore_index=IGNORE).backward()
            optimizer.step()


def macro_iou(model, pairs):
    matrix = sum(confusion_matrix(pair.mask, predict(model, pair.image), 3) for pair in pairs)
    return scores(matrix, average="macro").iou


def test_patches_learn_as_much_as_a_plain_padded_loop_and_colour_more_than_grey(smears):
    reached = {}
    for channels in ("all", "grey"):
        everything = load_folder(*smears, CODES, channels=channels, group=r"(dish\d+)_")
        training, test = split(everything, 0.67, seed=0)
        assert isinstance(training, SegmentationDataset)
        model = new_network(everything.channels)
        told = {"batch_size": 4, "learning_rate": 3e-3, "schedule": "constant", "seed": 0}  # as in the plain loop
        fit(model, training, patch=96, foreground=0.5, epochs=20, **told)
        reached[channels] = macro_iou(model, test.pairs)
        if channels == "all":
            plain = new_network(3)
            plain_loop(plain, training.pairs, 20)
            reached["plain loop"] = macro_iou(plain.eval(), test.pairs)
    print(f"\nmacro IoU on test dishes: {reached}")
    assert reached["all"] > reached["plain loop"] - 0.01
    assert reached["all"] > reached["grey"] + 0.03


@pytest.fixture(scope="module")
def colour_network():
    return new_network(3).eval()


@pytest.mark.parametrize(
    "show",
    [
        lambda model, image, mask: explorers.explore_attribution(model, image),
        lambda model, image, mask: explorers.explore_augmentation(image, mask),
        lambda model, image, mask: explorers.explore_contracting(image),
        lambda model, image, mask: explorers.explore_crop(image[:188, :188]),
        lambda model, image, mask: explorers.explore_feature_maps(model, image),
        lambda model, image, mask: explorers.explore_loss(model, image, mask),
        lambda model, image, mask: explorers.explore_metrics(image, mask),
        lambda model, image, mask: explorers.explore_receptive_field(model, image),
        lambda model, image, mask: explorers.explore_shift(model, image),
        lambda model, image, mask: explorers.explore_tiling(model, image, tile=64),
    ],
)
def test_explorers_that_take_an_image_take_colour(show, colour_network):
    image, mask = generate_smear(5, (192, 192), rim=0)
    explorer = show(colour_network, image, mask)
    assert len(explorer.png) > 5000
    assert explorer.words


def test_looking_inside_takes_colour(colour_network):
    image, _ = generate_smear(5, (96, 96), rim=0)
    maps = activations(colour_network, image)
    assert maps["encoder.0.block.0"].shape == (1, 8, 96, 96)
    rest, moved = shift_difference(colour_network, generate_smear(5, (192, 192)).image, down=8, margin=40)
    assert torch.allclose(rest, moved, atol=1e-4)
    assert saliency(colour_network, image, (40, 40)).shape == (96, 96)
    with pytest.raises(ValueError, match=r"takes 3 channel\(s\).*without_skip"):
        explorers.explore_skips(colour_network)
