"""The loss as the loop calls it: of all that a network returned, of the mask, and of the pixels' weights where there are any."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from torch import Tensor, nn
from torch.nn import functional as F

from unet_lab.foreign import class_logits, main_output
from unet_lab.losses import binary_cross_entropy, cross_entropy, squared_error

Loss = Callable[..., Tensor]  # of (logits, mask), or of (logits, mask, weights)
MISSING = inspect.Parameter.empty


class DeepSupervision:
    """A loss for a network that returns several logits, the finest first: each is judged by the mask, made as small as it is.

    Lee et al. 2015, "Deeply-Supervised Nets"; as nnU-Net does it (Isensee et al. 2021). `fit(…, loss=DeepSupervision(loss))`.

    loss : a function of (logits, mask), or of weights too. shares : how much each output counts; where None, half of the one
    before. They are divided by their sum.
    """

    takes_outputs = True  # the loop hands over all that the network returned

    def __init__(self, loss: Loss = cross_entropy, shares: Sequence[float] | None = None):
        self.loss, self.shares = loss, shares
        self.__qualname__ = f"DeepSupervision({loss_name(loss)}, {shares})"  # what a checkpoint remembers

    def __call__(self, outputs: object, mask: Tensor, weights: Tensor | None = None) -> Tensor:
        """outputs : a tuple or list of logits (N, C, H, W), (N, C, H / 2, W / 2), …; or a dictionary with them as values."""
        check_weights_and_loss(self.loss, weights is not None)
        given = list(outputs.values()) if isinstance(outputs, dict) else outputs
        if not isinstance(given, list | tuple) or not all(isinstance(part, Tensor) and part.ndim == 4 for part in given):
            kind = type(outputs).__name__
            raise TypeError(f"the network returned {kind}; deep supervision needs several logits (N, C, H, W): a tuple or list.")
        shares = self.shares or [0.5**k for k in range(len(given))]
        if len(shares) != len(given):
            raise ValueError(f"there are {len(shares)} shares for {len(given)} outputs; give one for each.")
        judge, total = BatchLoss(self.loss, "mean"), given[0].new_zeros(())
        for part, share in zip(given, shares, strict=True):
            total = total + share * judge(part, resized(mask, part), None if weights is None else resized(weights, part))
        return total / sum(shares)


def resized(mask: Tensor, like: Tensor) -> Tensor:
    """A mask or weights (N, H, W) with the height and width of `like`: every second pixel, or fourth; labels are never mixed."""
    size = (like.shape[-2], like.shape[-1])
    return mask if mask.shape[-2:] == size else F.interpolate(mask[:, None].float(), size, mode="nearest")[:, 0].to(mask.dtype)


@dataclass(frozen=True)
class BatchLoss:
    """A loss of (logits, mask), or of weights too, as a function of (outputs, mask, weights or None)."""

    loss: Loss | None  # None: cross entropy; for labels that of each label, for values the squared error
    reduction: str
    target: str = "classes"  # what the masks hold

    def __call__(self, outputs: object, mask: Tensor, weights: Tensor | None = None) -> Tensor:
        if self.loss is None and self.target == "classes":
            return cross_entropy(class_logits(outputs), mask, self.reduction, weights)
        if self.loss is None:
            own = binary_cross_entropy if self.target == "labels" else squared_error
            return own(main_output(outputs), mask, self.reduction, weights)
        seen = outputs if getattr(self.loss, "takes_outputs", False) else main_output(outputs)
        if weights is None:
            return self.loss(seen, mask)
        if place_of_weights(self.loss) == "by name":
            return self.loss(seen, mask, weights=weights)
        return self.loss(seen, mask, weights)


def parameters_of(loss: Loss) -> list[inspect.Parameter] | None:
    """The parameters of a loss as it is called, of a module those of its forward; None where Python cannot tell."""
    try:
        return list(inspect.signature(loss.forward if isinstance(loss, nn.Module) else loss).parameters.values())
    except (TypeError, ValueError):
        return None


def place_of_weights(loss: Loss) -> str:
    """Where a loss takes the pixels' weights: "by name" (a parameter `weights`), "third", or "" where it has no place."""
    parameters = parameters_of(loss)
    if parameters is None:
        return "third"
    if any(p.name == "weights" for p in parameters):
        return "by name"
    ordered = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(ordered) >= 3 and ordered[2].name != "weight" and ordered[2].default in (MISSING, None):
        return "third"
    return "third" if any(p.kind == p.VAR_POSITIONAL for p in parameters) else ""


def check_weights_and_loss(loss: Loss | None, weighted: bool) -> None:
    """Raises ValueError where the training set has weights and the loss has no place for them, or the other way round."""
    if loss is None:
        return
    name = loss_name(loss)
    if weighted and isinstance(loss, partial) and "weights" in loss.keywords:
        raise ValueError(
            f"the training set has weights for pixels, and {name} has weights already; only one of them would count. Multiply "
            f"them: training.with_weights(lambda mask: class_weights[mask] * …), and leave weights= of the loss out."
        )
    if weighted and not place_of_weights(loss):
        raise ValueError(
            f"the training set has weights, and the loss {name} takes none. Let it take them third, your_loss(logits, mask, "
            f"weights), or train on the set without weights."
        )
    ordered = [p for p in parameters_of(loss) or () if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if not weighted and len(ordered) >= 3 and ordered[2].default is MISSING:
        raise ValueError(
            f"the loss {name} takes a third argument, {ordered[2].name}, and the training set has no weights. Make them: "
            f"training.with_weights(your_function_of_the_mask)."
        )


def loss_name(loss: Loss | None) -> str:
    """What a checkpoint remembers of a loss: the function's name and, of a `partial`, what it was given."""
    if loss is None:
        return "cross_entropy"
    if isinstance(loss, partial):
        given = [repr(value) for value in loss.args] + [f"{name}={value!r}" for name, value in sorted(loss.keywords.items())]
        return f"{loss_name(loss.func)}({', '.join(given)})"
    return getattr(loss, "__qualname__", type(loss).__qualname__)
