"""The probe for gradients: what is cut off is found, and chance is not held against an answer."""

import pytest
import torch
from torch.nn import functional as F

from unet_lab.course.checking import Wrong
from unet_lab.course.gradients import compare_gradients, gradients_must_agree

TIE = {"image": torch.tensor([[[[1.0, 3.0, 0.0, 2.0], [3.0, 0.0, 1.0, 0.0]]]])}  # two of a window are the largest


def by_reshaping(x):
    return x.unflatten(-1, (-1, 2)).amax(-1).unflatten(-2, (-1, 2)).amax(-2)


def pooled(x):
    return F.max_pool2d(x, 2)


def test_a_tie_in_a_window_is_no_gradient_that_is_cut_off():
    with pytest.raises(Wrong, match="only a part of the gradient"):  # `amax` shares it between the two, `max_pool2d` does not
        compare_gradients(by_reshaping, pooled, TIE)
    gradients_must_agree(by_reshaping, pooled, TIE)


@pytest.mark.parametrize("cut", [lambda x: pooled(x.detach()), lambda x: 0.5 * pooled(x) + 0.5 * pooled(x).detach()])
def test_what_is_cut_off_is_found_beside_a_tie_too(cut):
    with pytest.raises(Wrong, match="cut"):
        gradients_must_agree(cut, pooled, TIE)
