"""Weights for pixels: carried along by crops, patches and augmentation, handed to the loss, in every way of training."""

from functools import partial

import numpy as np
import pytest
import torch
from scipy.ndimage import label
from torch import nn
from torch.nn import functional as F

from tests.unit.test_settings import QUICK, by_hand, losses, tiny
from unet_lab.blocks import center_crop
from unet_lab.datasets import Augmentation, Pair, SegmentationDataset
from unet_lab.datasets.patches import Patches
from unet_lab.losses import IGNORE, border_weights, cross_entropy, dice_and_cross_entropy, focal_loss, soft_dice_loss
from unet_lab.training import DeepSupervision, fit, plan_training, train
from unet_lab.training.device import has_bfloat16


def one_more_than(mask):
    return mask + 1.0


CELLS = SegmentationDataset.generated(6, size=32)
WEIGHED = CELLS.with_weights(one_more_than)  # so that where weights and mask come apart, it shows


def weighted_mean(logits, mask, weights):
    each = F.cross_entropy(logits, mask, reduction="none", ignore_index=IGNORE)
    return (weights * each).sum() / (weights * (mask != IGNORE)).sum()


def plain(logits, mask):
    """What `weighted_mean` gives for the weights of WEIGHED, which follow from the mask."""
    return weighted_mean(logits, mask, torch.where(mask == IGNORE, 0, mask + 1.0))


def weighted_sum(logits, mask, weights):
    return (weights * F.cross_entropy(logits, mask, reduction="none")).sum()


def test_the_loss_gets_each_pixels_weight():
    model = tiny()
    expected = by_hand(model, plain, torch.optim.Adam(model.parameters(), lr=1e-3))
    constant = {"schedule": "constant"}
    for told in ({}, {"loss": weighted_mean}, {"loss": cross_entropy}, {"loss": partial(cross_entropy, reduction="mean")}):
        assert losses(tiny(), WEIGHED, **constant, **told) == pytest.approx(expected, rel=1e-5)
    assert losses(tiny(), **constant) != pytest.approx(expected, rel=1e-3)
    model = tiny()
    summed = by_hand(model, lambda z, m: weighted_sum(z, m, m + 1.0), torch.optim.Adam(model.parameters(), lr=1e-3))
    assert losses(tiny(), WEIGHED, reduction="sum", **constant) == pytest.approx(summed, rel=1e-5)
    for loss in (focal_loss, dice_and_cross_entropy):  # which take `weights` by name
        assert losses(tiny(), WEIGHED, loss=loss) != losses(tiny(), CELLS, loss=loss)


def test_crops_patches_and_augmentation_carry_the_weights_along():
    for crop in WEIGHED.crops(20).pairs:
        assert np.array_equal(crop.weights, crop.mask + 1)
    for number in range(6):
        _, mask, weights = Patches(WEIGHED, 24)[number, number]
        assert torch.equal(weights, mask + 1)
        _, mask, weights = Patches(WEIGHED, 40)[number, number]  # larger than the image
        assert torch.equal(weights, torch.where(mask == IGNORE, 0.0, mask + 1.0))
    still = {"rotation": 0, "zoom": 0, "elastic": 0}
    parts = [torch.stack(part) for part in zip(*(WEIGHED[k] for k in range(6)), strict=True)]
    _, mask, weights = Augmentation(**still)(*parts[:2], range(6), parts[2])
    assert not torch.equal(mask, parts[1])
    assert torch.allclose(weights, mask + 1.0, atol=1e-5)
    _, mask, weights = Augmentation()(*parts[:2], range(6), parts[2])
    assert (weights - mask - 1).abs().mean() < 0.1  # interpolated at the borders between classes
    image, mask_alone = Augmentation()(*parts[:2], range(6))
    assert torch.equal(mask_alone, mask)
    assert torch.equal(image, Augmentation()(*parts[:2], range(6), parts[2])[0])


@pytest.mark.parametrize(
    "told", [{}, {"patch": 24}, {"augmentation": Augmentation()}, {"patch": 16, "augmentation": Augmentation()}]
)
def test_workers_recompute_and_a_resumed_run_give_the_same_numbers(told, tmp_path):
    expected = losses(tiny(), WEIGHED, **told)
    assert losses(tiny(), CELLS, **told) != expected
    assert losses(tiny(), WEIGHED, workers=1, **told) == expected
    assert losses(tiny(), WEIGHED, recompute=True, **told) == pytest.approx(expected, rel=1e-6)
    for _ in train(tiny(), WEIGHED, checkpoint=tmp_path / "run.pt", **QUICK, **told):
        break
    assert losses(tiny(), WEIGHED, checkpoint=tmp_path / "run.pt", **told) == expected


def test_other_weights_are_another_run(tmp_path):
    losses(tiny(), WEIGHED, checkpoint=tmp_path / "run.pt")
    for other in (CELLS, CELLS.with_weights(lambda mask: mask + 2.0)):
        with pytest.raises(ValueError, match=r"trained on other images, masks or weights"):
            losses(tiny(), other, checkpoint=tmp_path / "run.pt")


def test_a_pixel_that_nobody_judged_counts_nothing_whatever_its_weight():
    masks = [pair.mask.copy() for pair in CELLS.pairs]
    for mask in masks:
        mask[:8] = IGNORE
    unjudged = SegmentationDataset([(pair.image, mask) for pair, mask in zip(CELLS.pairs, masks, strict=True)])

    def heavy(mask):
        return np.where(mask == IGNORE, 1000.0, mask + 1.0)

    some = losses(tiny(), unjudged.with_weights(heavy))
    assert some == losses(tiny(), unjudged.with_weights(lambda mask: np.where(mask == IGNORE, 0.0, mask + 1.0)))
    zero = CELLS.with_weights(lambda mask: np.where(np.arange(32)[:, None] < 8, 0.0, mask + 1.0))
    assert some == pytest.approx(losses(tiny(), zero), rel=1e-5)  # weight 0 is as good as IGNORE


def test_bfloat16_weighs_alike():
    if not has_bfloat16(torch.device("cpu")):
        pytest.skip("this processor has no bfloat16 instructions")
    assert losses(tiny(), WEIGHED, precision="bfloat16") == pytest.approx(losses(tiny(), WEIGHED), rel=0.05)


def test_valid_padding_weighs_the_middle():
    model = tiny(padding="valid")
    logits = model(CELLS[0][0][None])
    size = logits.shape[-2:]
    mask, weights = (center_crop(part[None], size) for part in WEIGHED[0][1:])
    expected = weighted_mean(logits, mask, weights).item()
    found = losses(tiny(padding="valid"), WEIGHED.subset([0]), epochs=1, batch_size=1)[0]
    assert found == pytest.approx(expected, rel=1e-5)


def border_weights_of(mask):
    return border_weights(label(mask > 0)[0])


def test_border_weights_reach_a_training_and_validation_does_not_weigh():
    two = np.zeros((32, 32), np.uint8)
    two[4:14, 4:28] = two[17:28, 4:28] = 1  # two cells, 3 pixels apart
    cells = SegmentationDataset([(pair.image, two) for pair in CELLS.pairs]).with_weights(border_weights_of)
    history = fit(tiny(), cells, cells, **QUICK)
    assert cells.pairs[0].weights[15, 16] > 5 > 1.1 > cells.pairs[0].weights[0, 0]
    unweighed = SegmentationDataset([pair[:2] for pair in cells.pairs])
    assert history.column("loss") != fit(tiny(), unweighed, unweighed, **QUICK).column("loss")
    first = fit(tiny(), cells, cells, epochs=1, batch_size=6, learning_rate=1e-12).reports[0]
    again = fit(tiny(), unweighed, unweighed, epochs=1, batch_size=6, learning_rate=1e-12).reports[0]
    assert first.validation_loss == pytest.approx(again.validation_loss, rel=1e-6)
    assert plan_training(tiny(), cells, epochs=1).steps_per_epoch == 1


def takes_no_place(logits, mask):
    return F.cross_entropy(logits, mask)


@pytest.mark.parametrize(
    ("make", "told", "words"),
    [
        (lambda: WEIGHED, {"loss": takes_no_place}, r"takes none\. Let it take them third"),
        (lambda: WEIGHED, {"loss": soft_dice_loss}, r"the loss soft_dice_loss takes none"),  # its third is a smoothing
        (lambda: WEIGHED, {"loss": nn.CrossEntropyLoss()}, "takes none"),
        (lambda: WEIGHED, {"loss": F.cross_entropy}, "takes none"),  # its third is a weight for each class
        (lambda: WEIGHED, {"loss": partial(cross_entropy, weights=[1, 2, 3])}, "only one of them would count"),
        (lambda: CELLS, {"loss": weighted_mean}, r"takes a third argument, weights.*training\.with_weights"),
        (lambda: WEIGHED, {"augmentation": lambda image, mask, seeds: (image, mask)}, "the augmentation takes none"),
        (lambda: WEIGHED, {"augmentation": lambda *given: given[:2]}, "returned 2 tensors and was given 3"),
        (lambda: CELLS.with_weights(lambda mask: mask[1:] + 1.0), {}, r"seed 0: the weights have shape \(31, 32\)"),
        (lambda: CELLS.with_weights(lambda mask: mask - 1.0), {}, "seed 0: some weights are negative"),
        (lambda: CELLS.with_weights(lambda mask: mask * np.nan), {}, "negative, NaN or infinite"),
        (lambda: CELLS.with_weights([np.ones((32, 32))]), {}, "1 weight maps for 6 pairs"),
        (lambda: SegmentationDataset([*WEIGHED.pairs, *CELLS.pairs]), {}, "has no weights, and others have some"),
        (lambda: SegmentationDataset([Pair(*p[:3]) for p in CELLS.pairs] + [WEIGHED.pairs[0]]), {}, "give all or none"),
    ],
)
def test_what_does_not_fit_is_refused_in_words_before_the_first_step(make, told, words):
    with pytest.raises(ValueError, match=words):
        losses(tiny(), make(), **told)


class TwoScales(nn.Module):
    """Logits at full and at half size, as networks with deep supervision give them."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.fine, self.coarse = nn.Conv2d(1, 3, 3, padding=1), nn.Conv2d(1, 3, 3, stride=2, padding=1)

    def forward(self, x):
        return [self.fine(x), self.coarse(x)]


@pytest.mark.parametrize("data", [CELLS, WEIGHED])
def test_deep_supervision_judges_every_output(data):
    def both(outputs, mask):
        weights = mask + 1.0 if data is WEIGHED else torch.ones(mask.shape)
        fine = weighted_mean(outputs[0], mask, weights)
        coarse = weighted_mean(outputs[1], mask[:, ::2, ::2], weights[:, ::2, ::2])
        return (2 * fine + coarse) / 3

    model = TwoScales()
    expected = by_hand(model, both, torch.optim.Adam(model.parameters(), lr=1e-3))
    trained = TwoScales()
    told = {"schedule": "constant", "loss": DeepSupervision(cross_entropy)}
    assert losses(trained, data, **told) == pytest.approx(expected, rel=1e-5)
    assert torch.allclose(trained.coarse.weight, model.coarse.weight, atol=1e-6)
    with pytest.raises(TypeError, match="needs several logits"):
        losses(tiny(), data, loss=DeepSupervision())
    with pytest.raises(ValueError, match="3 shares for 2 outputs"):
        losses(TwoScales(), data, loss=DeepSupervision(shares=(1, 1, 1)))
