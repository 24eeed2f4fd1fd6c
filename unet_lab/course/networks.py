"""What the parts of a U-Net must compute, written once more out of the weights of a student's own layers.

A student's block may be written in any style. Its layers with weights are taken in the order in which they are called; what they
must give is computed here from their weights alone, so that dilation, groups, another border or another non-linearity shows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unet_lab.blocks import center_crop
from unet_lab.course.calling import listed
from unet_lab.course.checking import Wrong
from unet_lab.course.gradients import gradients_must_agree
from unet_lab.course.probes import state


class Mistake(NamedTuple):
    """A known mistake: the network that has it, as a function of the inputs; what it is; what to do."""

    network: Callable
    finding: str
    clue: str


def relu(x: Tensor) -> Tensor:
    return F.relu(x)


def none(x: Tensor) -> Tensor:
    return x


def is_batch_norm(layer: nn.Module) -> bool:
    """PyTorch's, or one of a student's own that has the same parameters and running statistics, by the same names."""
    if isinstance(layer, nn.BatchNorm2d):
        return True
    if isinstance(layer, nn.modules.instancenorm._InstanceNorm):
        return False
    parts = [getattr(layer, name, None) for name in ("weight", "bias", "running_mean", "running_var")]
    return all(isinstance(part, Tensor) and part.ndim == 1 and len(part) == len(parts[0]) for part in parts)


def features_of(norm: nn.Module) -> int:
    return norm.num_features if isinstance(norm, nn.BatchNorm2d) else len(norm.weight)


def normalised(x: Tensor, norm: nn.BatchNorm2d) -> Tensor:
    """Batch normalisation by the layer's numbers; the layer's statistics stay as they are."""
    if norm.running_mean is None:
        return F.batch_norm(x, None, None, norm.weight, norm.bias, True, 0.1, norm.eps)
    mean, variance = norm.running_mean.clone(), norm.running_var.clone()
    return F.batch_norm(x, mean, variance, norm.weight, norm.bias, norm.training, 0.1, getattr(norm, "eps", 1e-5))


def convolved(x: Tensor, layer: nn.Conv2d, mode: str = "constant", dilation: int = 1) -> Tensor:
    """A convolution that keeps the size, by the layer's weights."""
    size = dilation * (layer.weight.shape[-1] // 2)
    groups = x.shape[1] // layer.weight.shape[1]
    return F.conv2d(F.pad(x, (size,) * 4, mode=mode), layer.weight, layer.bias, dilation=dilation, groups=max(groups, 1))


class Parts(NamedTuple):
    """The layers of a block, in the order of their calls."""

    convolutions: list[nn.Module]
    norms: list[nn.Module]


def block(
    parts: Parts, x: Tensor, acts=(relu, relu), before=(False, False), modes=("constant", "constant"), dilations=(1, 1)
) -> Tensor:
    """Convolution, batch normalisation, non-linearity, for each; before : the non-linearity before the normalisation."""
    for convolution, norm, act, first, mode, dilation in zip(*parts, acts, before, modes, dilations, strict=True):
        y = convolved(x, convolution, mode, dilation)
        x = normalised(act(y), norm) if first else act(normalised(y, norm))
    return x


def before_norms(parts: Parts, x: Tensor) -> list[Tensor]:
    """What goes into the two normalisations."""
    first = convolved(x, parts.convolutions[0])
    return [first, convolved(F.relu(normalised(first, parts.norms[0])), parts.convolutions[1])]


def shake(layers: Sequence[nn.Module], seed: int = 1) -> None:
    """Random numbers, of both signs, for every normalisation: what it starts with, 1 and 0, hides most mistakes."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for norm in layers:
            drawn = [torch.rand(features_of(norm), generator=generator) for _ in range(5)]
            if norm.weight is not None:
                norm.weight.copy_((0.5 + drawn[0]) * (2 * (drawn[1] > 0.4) - 1))
                norm.bias.copy_(drawn[2])  # above 0, or most of a small network would be dead behind its ReLUs
            if norm.running_var is not None:
                norm.running_var.copy_(0.5 + drawn[3])
                norm.running_mean.copy_(drawn[4] - 0.5)


def same_values(a, b) -> bool:
    a, b = listed(a), listed(b)
    return len(a) == len(b) and all(
        x.shape == y.shape and torch.allclose(x, y, rtol=1e-3, atol=1e-4 * max(1.0, float(y.abs().max())))
        for x, y in zip(a, b, strict=True)
    )


def compare_networks(
    model: nn.Module,
    right: Callable,
    batches: Sequence[dict[str, Tensor]],
    mistakes: Sequence[Mistake],
    what: str,
    hints: tuple[str, ...],
) -> None:
    """Nothing where `model` gives what `right` gives, in both modes, and its gradients; else Wrong, with the mistake."""
    for training in (False, True):
        model.train(training)
        for batch in batches:
            given = list(batch.values())
            with torch.no_grad():
                got = model(*(tensor.clone() for tensor in given))
                if same_values(got, right(*given)):
                    continue
                for mistake in mistakes:
                    if fits(mistake, model, batches):
                        raise Wrong(mistake.finding, mistake.clue, *hints)
                shapes = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in batch.items())
                yours, ours = numbers_at_worst(got, right(*given))
            mode = "train()" if training else "eval()"
            raise Wrong(
                f"its output is not that of {what}: for {shapes}, in {mode} mode, yours {yours}, expected {ours}. "
                "The mistake is not recognised.",
                hints[0],
                *hints[1:],
            )
        if batches:
            gradients_must_agree(model, right, batches[0], *hints)


def fits(mistake: Mistake, model: nn.Module, batches) -> bool:
    """Whether the mistake gives the model's own outputs on every batch."""
    try:
        return all(
            same_values(model(*(t.clone() for t in batch.values())), mistake.network(*batch.values())) for batch in batches
        )
    except (RuntimeError, ValueError, TypeError, AttributeError):  # it does not apply to these layers
        return False


def numbers_at_worst(got, right) -> tuple[str, str]:
    """The two numbers where they differ most, or the two shapes."""
    for mine, ours in zip(listed(got), listed(right), strict=False):
        if mine.shape != ours.shape:
            return str(tuple(mine.shape)), str(tuple(ours.shape))
        place = int((mine - ours).abs().nan_to_num(torch.inf).argmax())
        if not torch.allclose(mine, ours, rtol=1e-3, atol=1e-4):
            return f"{float(mine.flatten()[place]):.6g}", f"{float(ours.flatten()[place]):.6g}"
    return "other tensors", "these"


# -- the whole U ------------------------------------------------------------------------------------------------------


class U(NamedTuple):
    """The layers of a U-Net: a block for each encoder stage and the bottleneck, an up and a block for each decoder stage."""

    blocks: list[Parts]
    ups: list[nn.ConvTranspose2d]
    after: list[Parts]
    head: nn.Conv2d


def u_of(layers: Sequence[nn.Module], depth: int) -> U | None:
    """The U out of its layers in the order of their calls; None where they are not those of one."""
    known = {nn.Conv2d: "c", nn.ConvTranspose2d: "t"}
    kinds = "".join("n" if is_batch_norm(layer) else known.get(type(layer), "?") for layer in layers)
    if kinds != "cncn" * (depth + 1) + "tcncn" * depth + "c":
        return None
    todo = list(layers)

    def take() -> Parts:
        a, n, b, m = (todo.pop(0) for _ in range(4))
        return Parts([a, b], [n, m])

    blocks = [take() for _ in range(depth + 1)]
    ups, after = [], []
    for _ in range(depth):
        ups.append(todo.pop(0))
        after.append(take())
    return U(blocks, ups, after, todo.pop(0))


def run_u(
    u: U,
    x: Tensor,
    skip: Callable = lambda level, tensor: tensor,
    floor: Callable = none,
    pool: Callable = lambda tensor: F.max_pool2d(tensor, 2),
    take: Callable = lambda level, depth: level,
    skip_first: bool = True,
) -> Tensor:
    """The whole U by its layers' weights.

    skip : of (level, tensor), what goes across. take : of (level, depth), the level whose skip is used. floor : of what comes
    out of the bottleneck.
    """
    skips = []
    for parts in u.blocks[:-1]:
        x = block(parts, x)
        skips.append(skip(len(skips), x))
        x = pool(x)
    x = floor(block(u.blocks[-1], x))
    depth = len(skips)
    for level, up, parts in zip(reversed(range(depth)), u.ups, u.after, strict=True):
        x = F.conv_transpose2d(x, up.weight, up.bias, stride=2)
        across = center_crop(skips[take(level, depth)], x.shape[-2:])
        x = block(parts, torch.cat([across, x] if skip_first else [x, across], dim=1))
    return F.conv2d(x, u.head.weight, u.head.bias)


def untouched(model: nn.Module, work: Callable):
    """The result of `work`, with the model put back into the state that it had."""
    before = state(model)
    result = work()
    with torch.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            old = before.kept.get(("parameter", name), before.kept.get(("buffer", name)))
            if old is not None:
                tensor.copy_(old)
    return result
