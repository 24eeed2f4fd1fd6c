"""Facts about the losses, against PyTorch's own, MONAI's, scikit-learn's, and the paper's equation by brute force."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import label
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional as F

from unet_lab.losses import border_weights, class_weights, cross_entropy, focal_loss, soft_dice_loss


def example(images=2, classes=3, size=6, seed=0, scale=3.0):
    torch.manual_seed(seed)
    return scale * torch.randn(images, classes, size, size), torch.randint(0, classes, (images, size, size))


@given(st.integers(1, 3), st.integers(2, 5), st.integers(1, 6), st.sampled_from(["mean", "sum", "none"]), st.integers(0, 99))
def test_cross_entropy_is_pytorchs(images, classes, size, reduction, seed):
    logits, mask = example(images, classes, size, seed, 5)
    expected = F.cross_entropy(logits, mask, reduction=reduction)
    torch.testing.assert_close(cross_entropy(logits, mask, reduction), expected)


@given(st.integers(2, 5), st.sampled_from(["mean", "sum", "none"]), st.integers(0, 99))
def test_class_weights_act_as_in_pytorch(classes, reduction, seed):
    logits, mask = example(2, classes, 5, seed)
    weights = torch.rand(classes) + 0.1
    expected = F.cross_entropy(logits, mask, weight=weights, reduction=reduction)
    torch.testing.assert_close(cross_entropy(logits, mask, reduction, weights.tolist()), expected)


def test_pixel_weights_are_class_weights_where_each_pixel_has_its_classes():
    logits, mask = example()
    weights = torch.tensor([0.5, 1.0, 4.0])
    torch.testing.assert_close(cross_entropy(logits, mask, weights=weights[mask]), cross_entropy(logits, mask, weights=weights))


def test_knowing_nothing_costs_ln_3_per_pixel():
    logits, mask = torch.zeros(2, 3, 4, 4), torch.zeros(2, 4, 4, dtype=torch.int64)
    assert cross_entropy(logits, mask).item() == pytest.approx(math.log(3))
    assert cross_entropy(logits, mask, "sum").item() == pytest.approx(32 * math.log(3))


def test_two_numbers_by_hand():
    logits = torch.tensor([2.0, 0.0]).view(1, 2, 1, 1)
    p = math.exp(2) / (math.exp(2) + 1)
    assert cross_entropy(logits, torch.zeros(1, 1, 1, dtype=torch.int64)).item() == pytest.approx(-math.log(p))
    assert cross_entropy(logits, torch.ones(1, 1, 1, dtype=torch.int64)).item() == pytest.approx(-math.log(1 - p))


def test_focal_loss_with_gamma_0_is_cross_entropy_and_turns_easy_pixels_down():
    logits, mask = example()
    torch.testing.assert_close(focal_loss(logits, mask, gamma=0), cross_entropy(logits, mask))
    each, plain = focal_loss(logits, mask, 2, "none"), cross_entropy(logits, mask, "none")
    torch.testing.assert_close(each, (1 - torch.exp(-plain)) ** 2 * plain)
    sure = torch.tensor([60.0, -60.0]).view(1, 2, 1, 1).requires_grad_()
    focal_loss(sure, torch.zeros(1, 1, 1, dtype=torch.int64), gamma=0.5).backward()
    assert torch.isfinite(sure.grad).all()


@given(st.integers(1, 3), st.integers(2, 4), st.integers(0, 99))
def test_soft_dice_is_monais(images, classes, seed):
    monai = pytest.importorskip("monai.losses", reason="MONAI is not installed, so soft Dice is not compared with it")
    logits, mask = example(images, classes, 6, seed)
    theirs = monai.DiceLoss(softmax=True, to_onehot_y=True, batch=True, smooth_nr=1e-5, smooth_dr=1e-5)
    torch.testing.assert_close(soft_dice_loss(logits, mask), theirs(logits, mask[:, None]))


def test_soft_dice_of_a_sure_answer_is_one_minus_dice():
    mask = torch.tensor([[[0, 0, 1, 1]]])
    answer = torch.tensor([[[0, 1, 1, 1]]])
    logits = 100 * F.one_hot(answer, 3).movedim(-1, 1).float()
    each = soft_dice_loss(logits, mask, average=None)
    assert each.tolist() == pytest.approx([1 - 2 / 3, 1 - 4 / 5, 0], abs=1e-4)  # class 2 is in neither: no loss
    assert soft_dice_loss(logits, mask).item() == pytest.approx(each.mean().item())


def test_gradients_agree_with_finite_differences():
    logits, mask = example(1, 3, 2)
    logits = logits.double().requires_grad_()
    for loss in (
        lambda z: cross_entropy(z, mask, "sum", [1.0, 2.0, 5.0]),
        lambda z: focal_loss(z, mask, 2.0, "sum"),
        lambda z: soft_dice_loss(z, mask),
    ):
        assert torch.autograd.gradcheck(loss, logits, eps=1e-2, atol=2e-2, rtol=2e-2)  # the losses compute in float32


def test_class_weights_are_scikit_learns_balanced_ones():
    masks = [np.array([[0, 0, 1], [0, 0, 2]]), np.array([[0, 1, 1], [0, 0, 0]])]
    flat = np.concatenate([m.ravel() for m in masks])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=flat)
    assert class_weights(masks).numpy() == pytest.approx(expected)
    assert class_weights([np.zeros((2, 2), int)], 2).tolist() == [0.5, 0.0]
    with pytest.raises(ValueError, match="holds class 3"):
        class_weights([np.array([[3]])])
    with pytest.raises(ValueError, match="no masks"):
        class_weights([])


def brute_force(instances, w0, sigma):
    """Equation 2, pixel by pixel: distances to every pixel of every cell."""
    cells = [np.argwhere(instances == n) for n in np.unique(instances) if n]
    weights = np.ones(instances.shape)
    for place in np.argwhere(instances == 0):
        distances = sorted(np.sqrt(((cell - place) ** 2).sum(axis=1)).min() for cell in cells)
        weights[tuple(place)] += w0 * np.exp(-((distances[0] + distances[1]) ** 2) / (2 * sigma**2))
    return weights


def test_border_weights_are_equation_2():
    mask = np.zeros((14, 20), int)
    mask[3:9, 2:8] = mask[4:12, 10:13] = mask[1:4, 16:19] = 1
    instances, count = label(mask)
    assert count == 3
    weights = border_weights(instances, 10, 3)
    assert weights == pytest.approx(brute_force(instances, 10, 3), abs=1e-5)
    assert weights[5, 8:10] == pytest.approx(1 + 10 * np.exp(-9 / 18))  # a gap of 2 pixels: d1 + d2 = 3
    assert weights.argmax() == weights[:, 8:10].argmax() // 2 * 20 + 8 or weights.max() == weights[5, 8]


def test_one_cell_has_no_gap_and_class_balance_is_w_c():
    instances = np.zeros((6, 6), int)
    instances[2:4, 2:4] = 1
    assert np.array_equal(border_weights(instances), np.ones((6, 6), np.float32))
    balanced = border_weights(instances, class_balance=(0.5, 2))
    assert set(np.unique(balanced[instances == 0])) == {0.5}
    assert set(np.unique(balanced[instances == 1])) == {2.0}


def test_what_does_not_fit_is_refused():
    logits = torch.zeros(1, 3, 4, 4)
    mask = torch.zeros(1, 4, 4, dtype=torch.int64)
    with pytest.raises(ValueError, match="do not fit"):
        cross_entropy(logits, torch.zeros(1, 5, 4, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"from 0 to 128.*encode_mask"):
        cross_entropy(logits, torch.full((1, 4, 4), 128) * torch.eye(4, dtype=torch.int64))
    with pytest.raises(ValueError, match="int64"):
        soft_dice_loss(logits, torch.zeros(1, 4, 4))
    with pytest.raises(ValueError, match="reduction is 'max'"):
        cross_entropy(logits, mask, "max")
    with pytest.raises(ValueError, match=r"weights have shape \(2,\)"):
        cross_entropy(logits, mask, weights=[1.0, 2.0])
    with pytest.raises(ValueError, match="weights go down to"):
        cross_entropy(logits, mask, weights=[1.0, -2.0, 1.0])
    with pytest.raises(ValueError, match="no NaN"):
        cross_entropy(logits, mask, weights=[1.0, math.nan, 1.0])
    with pytest.raises(ValueError, match="gamma is -1"):
        focal_loss(logits, mask, gamma=-1)
    with pytest.raises(ValueError, match="average is 'micro'"):
        soft_dice_loss(logits, mask, average="micro")
    with pytest.raises(ValueError, match="instances is float64"):
        border_weights(np.zeros((3, 3)))
    with pytest.raises(ValueError, match="sigma is 0"):
        border_weights(np.zeros((3, 3), int), sigma=0)
