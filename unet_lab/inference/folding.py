"""Batch norm folded into the convolution before it: the same function with one layer less."""

from __future__ import annotations

import copy
from itertools import pairwise

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, *_TRANSPOSED)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


@torch.no_grad()
def folded_convolution(convolution: _ConvNd, norm: _BatchNorm) -> nn.Module:
    """A copy of the convolution that does what both did, in evaluation mode.

    Batch norm multiplies each channel by scale = gamma / sqrt(variance + eps) and adds beta - mean * scale. A convolution's
    weights may be multiplied as well as its output, so (Jacob et al. 2018, arXiv 1712.05877, section 3.2):

        weight' = weight * scale        bias' = (bias - mean) * scale + beta

    Computed in float64 on the CPU (Apple's GPUs have none), then rounded to the convolution's type and moved to its device.
    Raises ValueError where the norm keeps no running mean (then it depends on the image) or the channels differ.
    """
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError("this batch norm keeps no running statistics; it depends on the image and cannot be folded.")
    if norm.num_features != convolution.out_channels:
        raise ValueError(f"the norm has {norm.num_features} channels, the convolution puts out {convolution.out_channels}.")
    folded = copy.deepcopy(convolution)
    weight, like = convolution.weight.cpu().double(), convolution.weight
    mean, variance = norm.running_mean.cpu().double(), norm.running_var.cpu().double()  # (C,), (C,)
    gamma = torch.ones_like(mean) if norm.weight is None else norm.weight.cpu().double()  # (C,)
    beta = torch.zeros_like(mean) if norm.bias is None else norm.bias.cpu().double()  # (C,)
    bias = torch.zeros_like(mean) if convolution.bias is None else convolution.bias.cpu().double()
    scale = gamma / torch.sqrt(variance + norm.eps)  # (C,)
    if isinstance(convolution, _TRANSPOSED):  # (C_in, C / groups, …)
        per_output = scale.reshape(convolution.groups, 1, -1).repeat(1, weight.shape[0] // convolution.groups, 1)
        weight = weight * per_output.reshape(weight.shape[:2] + (1,) * (weight.ndim - 2))
    else:  # (C, C_in / groups, …)
        weight = weight * scale.reshape(-1, *[1] * (weight.ndim - 1))
    folded.weight = nn.Parameter(weight.to(like.dtype).to(like.device), requires_grad=False)
    folded.bias = nn.Parameter(((bias - mean) * scale + beta).to(like.dtype).to(like.device), requires_grad=False)
    return folded


def fold_batch_norm(model: nn.Module) -> nn.Module:
    """A copy of the model in evaluation mode, in which every batch norm that follows a convolution in an nn.Sequential is folded.

    The norm's place is kept by an nn.Identity, so that layers keep their names. Other norms stay.

    >>> from unet_lab.unet import UNet
    >>> sum(isinstance(m, nn.BatchNorm2d) for m in fold_batch_norm(UNet.small()).modules())
    0
    """
    model = copy.deepcopy(model).eval()
    for block in model.modules():
        if not isinstance(block, nn.Sequential):
            continue
        layers = list(block.named_children())
        for (name, layer), (next_name, norm) in pairwise(layers):
            if isinstance(layer, _CONVOLUTIONS) and isinstance(norm, _NORMS) and norm.running_mean is not None:
                setattr(block, name, folded_convolution(layer, norm))
                setattr(block, next_name, nn.Identity())
    return model
