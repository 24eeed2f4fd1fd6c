"""Losses: one number that says how wrong the logits are."""

from __future__ import annotations

import torch
from torch import Tensor

REDUCTIONS = ("mean", "sum")


def cross_entropy(logits: Tensor, mask: Tensor, reduction: str = "mean") -> Tensor:
    """Cross entropy: minus the logarithm of the probability that the network gave to the true class.

    Parameters
    ----------
    logits : float (N, num_classes, H, W), not softmaxed.
    mask : int64 (N, H, W) class indices.
    reduction : "mean" over all pixels, or "sum" (the report's choice: the loss, and so the gradient, then
        grows with image and batch size).

    Returns a scalar in nats. A network that knows nothing costs ln(num_classes) per pixel.
    Raises ValueError for shapes that do not match, labels out of range, or another reduction.
    Equal to torch.nn.functional.cross_entropy; written out because it is the lesson.

    >>> cross_entropy(torch.zeros(1, 3, 2, 2), torch.zeros(1, 2, 2, dtype=torch.int64)).item()  # ln 3
    1.0986123085021973
    """
    if logits.ndim != 4 or mask.shape != (logits.shape[0], *logits.shape[2:]):
        raise ValueError(
            f"logits {tuple(logits.shape)} and mask {tuple(mask.shape)} do not fit; allowed are (N, C, H, W) and (N, H, W)."
        )
    if mask.dtype != torch.int64:
        raise ValueError(f"the mask's type is {mask.dtype}; class indices are int64: mask.long().")
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction is {reduction!r}; allowed are 'mean' and 'sum'.")
    low, high = (int(v) for v in mask.aminmax())
    if low < 0 or high >= logits.shape[1]:
        raise ValueError(
            f"the mask's values run from {low} to {high}; with {logits.shape[1]} classes allowed are "
            f"0 to {logits.shape[1] - 1}. Grey codes? Use encode_mask first."
        )
    log_probabilities = logits.float().log_softmax(dim=1)            # (N, C, H, W)
    of_truth = log_probabilities.gather(1, mask[:, None])            # (N, 1, H, W)
    return -of_truth.mean() if reduction == "mean" else -of_truth.sum()
