"""Losses: one number that says how wrong the logits are.

All take logits (N, C, H, W) and a mask (N, H, W) of class indices; a softmax is inside. Written out, since they are the lesson.
A pixel that nobody judged is IGNORE in the mask: it adds nothing to a loss, and the gradient there is exactly 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor
from torch.nn import functional as F

REDUCTIONS = ("mean", "sum", "none")
IGNORE = 255  # in a mask: a pixel that nobody judged; no loss, no metric and no count sees it


# fmt: off
def cross_entropy(
    logits: Tensor, mask: Tensor, reduction: str = "mean", weights: Sequence[float] | Tensor | None = None
) -> Tensor:
    """Cross entropy: minus the logarithm of the probability that the network gave to the true class.

    Parameters
    ----------
    logits : float (N, C, H, W), not softmaxed.
    mask : int64 (N, H, W) class indices, or IGNORE.
    reduction : "mean" over the judged pixels (0 if there are none); "sum" (the report's choice: the
        loss, and so the gradient, then grows with image and batch size); or "none", one loss for each pixel.
    weights : how much a pixel counts. C numbers: one for each class; a tensor (N, H, W) or (H, W): one for each pixel, as
        `border_weights` makes them. "mean" then divides by the sum of the weights.

    Returns a scalar in nats, or (N, H, W) float32 for "none". A network that knows nothing costs ln(C) per pixel.
    Raises ValueError for shapes that do not match, labels out of range, another reduction, or weights that do not fit.
    Equal to torch.nn.functional.cross_entropy with its `weight` and ignore_index=IGNORE.

    >>> cross_entropy(torch.zeros(1, 3, 2, 2), torch.zeros(1, 2, 2, dtype=torch.int64)).item()  # ln 3
    1.0986123085021973
    """
    judged, truth = split_judged(logits, mask, reduction)                        # (N, H, W) each
    log_probabilities = logits.float().log_softmax(dim=1)                        # (N, C, H, W)
    losses = -log_probabilities.gather(1, truth[:, None])[:, 0]                  # (N, H, W)
    return reduce_losses(losses, pixel_weights(weights, logits, truth), judged, reduction)
# fmt: on


# fmt: off
def focal_loss(
    logits: Tensor,
    mask: Tensor,
    gamma: float = 2.0,
    reduction: str = "mean",
    weights: Sequence[float] | Tensor | None = None,
) -> Tensor:
    """Cross entropy of which the easy pixels are turned down: (1 - p)^gamma times it, p the true class's probability.

    gamma : 0 is cross entropy; 2 is the usual choice. The rest as in `cross_entropy`.
    Lin, Goyal, Girshick, He and Dollar 2017, "Focal Loss for Dense Object Detection", equation 4.
    """
    if not gamma >= 0:
        raise ValueError(f"gamma is {gamma}; allowed are numbers from 0 up (0: cross entropy; 2 is usual).")
    judged, truth = split_judged(logits, mask, reduction)                        # (N, H, W) each
    log_p = logits.float().log_softmax(dim=1).gather(1, truth[:, None])[:, 0]    # (N, H, W)
    doubt = (1 - log_p.exp()).clamp(min=1e-8)                                    # (N, H, W); at 0 its slope may be infinite
    losses = -(doubt**gamma) * log_p                                             # (N, H, W)
    return reduce_losses(losses, pixel_weights(weights, logits, truth), judged, reduction)
# fmt: on


# fmt: off
def soft_dice_loss(logits: Tensor, mask: Tensor, smooth: float = 1e-5, average: str | None = "macro") -> Tensor:
    """1 - soft Dice: the overlap of probability and mask, 2·sum(p·t) / (sum(p) + sum(t)), which knows no class sizes.

    Parameters
    ----------
    smooth : is added above and below, so that a class in neither truth nor prediction costs 0 and not 0/0.
    average : "macro", the mean over classes; None, one loss for each class (C,). Sums run over the whole batch.

    Returns a scalar in 0..1. Equal to MONAI's DiceLoss(softmax=True, to_onehot_y=True, batch=True) with the same smoothing.
    Milletari, Navab and Ahmadi 2016 ("V-Net", section 3), with plain sums below instead of squares.
    """
    judged, truth = split_judged(logits, mask, "mean")                           # (N, H, W) each
    if average not in ("macro", None):
        raise ValueError(f"average is {average!r}; allowed are 'macro' and None.")
    probabilities = logits.float().softmax(dim=1) * judged[:, None]              # (N, C, H, W)
    truth = F.one_hot(truth, logits.shape[1]).movedim(-1, 1) * judged[:, None]   # (N, C, H, W)
    overlap = (probabilities * truth).sum(dim=(0, 2, 3))                         # (C,)
    sizes = (probabilities + truth).sum(dim=(0, 2, 3))                           # (C,)
    losses = 1 - (2 * overlap + smooth) / (sizes + smooth)                       # (C,)
    return losses.mean() if average == "macro" else losses
# fmt: on


# fmt: off
def binary_cross_entropy(
    logits: Tensor, labels: Tensor, reduction: str = "mean", weights: Tensor | None = None
) -> Tensor:
    """Cross entropy of each label by itself, with a sigmoid: a pixel may have several labels, or none.

    logits : float (N, K, H, W). labels : (N, K, H, W), 0, 1 or IGNORE. weights : (N, H, W), how much a pixel counts.
    The rest as in `cross_entropy`; the mean is over judged pixels and labels. Equal to PyTorch's with_logits.
    """
    if logits.shape != labels.shape:
        raise ValueError(f"logits {tuple(logits.shape)} and labels {tuple(labels.shape)} do not fit; both are (N, K, H, W).")
    judged = labels != IGNORE                                                    # (N, K, H, W)
    truth = torch.where(judged, labels, 0).float()                               # (N, K, H, W)
    losses = F.softplus(logits.float()) - truth * logits.float()                 # (N, K, H, W): -log p, or -log(1 - p)
    return reduce_losses(losses, None if weights is None else weights[:, None].expand_as(losses), judged, reduction)


def squared_error(output: Tensor, values: Tensor, reduction: str = "mean", weights: Tensor | None = None) -> Tensor:
    """(output - value)², for values to be met: a distance map, a height. NaN in `values`: nobody measured there.

    output : float (N, K, H, W). values : float (N, K, H, W), or (N, H, W) where K is 1. weights : (N, H, W).
    """
    values = values[:, None] if values.ndim == 3 else values                     # (N, K, H, W)
    if output.shape != values.shape:
        raise ValueError(f"output {tuple(output.shape)} and values {tuple(values.shape)} do not fit; both are (N, K, H, W).")
    judged = ~values.isnan()                                                     # (N, K, H, W)
    losses = (output.float() - torch.where(judged, values, 0.0)) ** 2            # (N, K, H, W)
    return reduce_losses(losses, None if weights is None else weights[:, None].expand_as(losses), judged, reduction)
# fmt: on


def class_weights(masks: Iterable[np.ndarray], num_classes: int = 3) -> Tensor:
    """Weights that let every class count the same in total: pixels / (num_classes * pixels of the class).

    As scikit-learn's `compute_class_weight("balanced", …)`, IGNORE not counted. Returns float32 (num_classes,); a class
    that does not occur gets 0.

    >>> class_weights([np.array([[0, 0], [0, 1]])], num_classes=2).tolist()  # 4 / (2·3) and 4 / (2·1)
    [0.6666666865348816, 2.0]
    """
    counts = np.zeros(num_classes, np.int64)
    for mask in masks:
        mask = np.asarray(mask)
        found = np.bincount(mask[mask != IGNORE], minlength=num_classes)
        if len(found) > num_classes:
            raise ValueError(f"a mask holds class {len(found) - 1}; allowed are 0 to {num_classes - 1}.")
        counts += found
    if not counts.sum():
        raise ValueError("there are no masks to count; give at least one.")
    present = np.where(counts > 0, counts, np.inf)
    return torch.from_numpy(counts.sum() / (num_classes * present)).float()


def border_weights(
    instances: np.ndarray, w0: float = 10.0, sigma: float = 5.0, class_balance: Sequence[float] = (1.0, 1.0)
) -> np.ndarray:
    """The 2015 paper's weight map, which makes the network learn the thin gaps between touching cells.

    Equation 2 of Ronneberger et al. 2015: w(x) = w_c(x) + w0 · exp(-(d1 + d2)² / (2 sigma²)), with d1 and d2 the distances from
    x to the nearest and to the second nearest cell. As in the paper's figure 3d, the second term is for background pixels only.

    Parameters
    ----------
    instances : integer (H, W), 0 for background and a number of its own for every cell. From a mask of classes:
        `scipy.ndimage.label(mask > 0)[0]`.
    w0, sigma : height, and width in pixels; 10 and about 5 in the paper.
    class_balance : w_c for background and for cells.

    Returns float32 (H, W). With fewer than two cells there is no gap, and w = w_c.
    """
    instances = np.asarray(instances)
    if instances.ndim != 2 or instances.dtype.kind not in "ui":
        raise ValueError(f"instances is {instances.dtype} {instances.shape}; allowed are whole numbers (H, W), one per cell.")
    if not (w0 >= 0 and sigma > 0):
        raise ValueError(f"w0 is {w0} and sigma is {sigma}; allowed are w0 from 0 up and sigma above 0 (pixels).")
    weights = np.where(instances == 0, class_balance[0], class_balance[1]).astype(np.float32)
    nearest = np.full((2, *instances.shape), np.inf)  # d1 and d2, (H, W) each
    for cell in np.unique(instances[instances != 0]):
        distance = distance_transform_edt(instances != cell)
        nearest = np.sort(np.concatenate([nearest, distance[None]]), axis=0)[:2]
    gaps = w0 * np.exp(-(nearest.sum(axis=0) ** 2) / (2 * sigma**2))
    return weights + np.where(instances == 0, gaps, 0).astype(np.float32)


def dice_and_cross_entropy(logits: Tensor, mask: Tensor, weights: Sequence[float] | Tensor | None = None) -> Tensor:
    """Cross entropy plus soft Dice loss, each counting once: nnU-Net's loss (Isensee et al. 2021).

    Cross entropy sees every pixel, Dice every class however small. weights : of cross entropy.
    """
    return cross_entropy(logits, mask, weights=weights) + soft_dice_loss(logits, mask)


def split_judged(logits: Tensor, mask: Tensor, reduction: str) -> tuple[Tensor, Tensor]:
    """Which pixels were judged, bool (N, H, W), and the mask with class 0 where they were not, once all is sure to fit."""
    if logits.ndim == 4 and logits.shape[1] == 1:
        raise ValueError(
            "the logits have one channel, and a softmax over one channel is always 1. Give two classes, or begin your loss with "
            "logits = torch.cat([torch.zeros_like(logits), logits], dim=1)."
        )
    if logits.ndim != 4 or mask.shape != (logits.shape[0], *logits.shape[2:]):
        raise ValueError(
            f"logits {tuple(logits.shape)} and mask {tuple(mask.shape)} do not fit; allowed are (N, C, H, W) and (N, H, W)."
        )
    if mask.dtype != torch.int64:
        raise ValueError(f"the mask's type is {mask.dtype}; class indices are int64: mask.long().")
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction is {reduction!r}; allowed are 'mean', 'sum' and 'none'.")
    judged = mask != IGNORE
    truth = mask.masked_fill(~judged, 0)
    low, high = (int(v) for v in truth.aminmax())
    if low < 0 or high >= logits.shape[1]:
        raise ValueError(
            f"the mask's values run from {low} to {high}; with {logits.shape[1]} classes allowed are "
            f"0 to {logits.shape[1] - 1}. Grey codes? Use encode_mask first."
        )
    return judged, truth


# fmt: off
def pixel_weights(weights, logits: Tensor, mask: Tensor) -> Tensor | None:
    """Weights of classes or of pixels as one (N, H, W) tensor; None where all count the same."""
    if weights is None:
        return None
    weights = torch.as_tensor(weights, dtype=torch.float32, device=logits.device)
    if not bool((weights >= 0).all()):
        raise ValueError(f"the weights go down to {weights.min().item():g}; allowed are numbers from 0 up, and no NaN.")
    if weights.shape == logits.shape[1:2]:
        return weights[mask]                                                     # (N, H, W)
    if weights.shape in (mask.shape, mask.shape[1:]):
        return weights.expand_as(mask)                                           # (N, H, W)
    raise ValueError(
        f"the weights have shape {tuple(weights.shape)}; allowed are ({logits.shape[1]},), one for each class, or "
        f"{tuple(mask.shape)}, one for each pixel."
    )
# fmt: on


def reduce_losses(losses: Tensor, weights: Tensor | None, judged: Tensor, reduction: str) -> Tensor:
    """One loss for each pixel (N, H, W), weighed; or their sum, or their mean over the judged pixels."""
    counted = judged.float() if weights is None else weights * judged
    losses = torch.where(judged, losses, 0.0) if weights is None else torch.where(judged, weights * losses, 0.0)
    if reduction == "none":
        return losses
    if reduction == "sum":
        return losses.sum()
    total = counted.sum()
    return losses.sum() / torch.where(total > 0, total, 1.0)
