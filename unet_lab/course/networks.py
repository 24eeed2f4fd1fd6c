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
from unet_lab.course.checking import Wrong
from unet_lab.course.probes import gradients_must_agree, listed, state


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


def block(parts: Parts, x: Tensor, acts=(relu, relu), before: bool = False, mode: str = "constant", dilations=(1, 1)) -> Tensor:
    """Convolution, batch normalisation, non-linearity, for each; before : the non-linearity before the normalisation."""
    for convolution, norm, act, dilation in zip(*parts, acts, dilations, strict=True):
        y = convolved(x, convolution, mode, dilation)
        x = normalised(act(y), norm) if before else act(normalised(y, norm))
    return x


def norm_first(parts: Parts, x: Tensor) -> Tensor:
    """The second normalisation before its convolution."""
    (first, second), (one, other) = parts
    x = F.relu(normalised(convolved(x, first), one))
    return F.relu(convolved(normalised(x, other), second)) if features_of(other) == second.in_channels else x


NON_LINEARITIES = {F.leaky_relu: "leaky ReLU", F.relu6: "ReLU6, which is bounded at 6", F.gelu: "GELU", F.softplus: "softplus"}
NON_LINEARITIES |= {F.silu: "SiLU", torch.tanh: "tanh", F.elu: "ELU", torch.abs: "abs"}


def block_mistakes(parts: Parts) -> list[Mistake]:
    """What may be wrong in a block with the right layers."""

    def with_(**changes):
        return lambda x: block(parts, x, **changes)

    def both(act):
        return with_(acts=(act, act))

    sharp = "ReLU cuts values below 0 and leaves the others as they are, however large."
    border = "The border is padded with zeros: padding=1, and nothing else."
    wide = "Each kernel number stands on a neighbouring pixel: leave dilation at 1."
    order = "The order is convolution, batch normalisation, ReLU, and that twice."
    found = [
        Mistake(with_(acts=(none, relu)), "There is no ReLU between the two convolutions.",
                "Two convolutions with nothing in between are one larger convolution: put a ReLU after the first norm."),
        Mistake(with_(acts=(relu, none)), "The last ReLU is missing: values below 0 come out.", "The block ends in a ReLU too."),
        Mistake(both(none), "There is no ReLU at all.", "After each normalisation: nn.ReLU()."),
        Mistake(with_(before=True), "ReLU stands before the normalisation.", order),
        Mistake(lambda x: norm_first(parts, x), "A normalisation stands before its convolution.", order),
        Mistake(both(torch.sigmoid), "Your non-linearity is a sigmoid.",
                "ReLU cuts values below 0 and leaves the others as they are; a sigmoid squeezes all between 0 and 1."),
        Mistake(lambda x: torch.tanh(block(parts, x)), "A tanh squashes the block's output.", "The block ends in its ReLU."),
        Mistake(lambda x: torch.sigmoid(block(parts, x)), "A sigmoid squashes the output.", "The block ends in its ReLU."),
        Mistake(lambda x: block(parts, x).flip(-1), "Its output is mirrored left to right.", "Return it as it is."),
        Mistake(lambda x: block(parts, x).flip(-2), "Its output is upside down (mirrored).", "Return it as it is."),
    ]  # fmt: skip
    for act, name in NON_LINEARITIES.items():
        for acts, which in (((act, act), ""), ((act, relu), "first "), ((relu, act), "last ")):
            found.append(Mistake(with_(acts=acts), f"Your {which}non-linearity is not a ReLU but {name}.", sharp))
    for mode in ("reflect", "circular", "replicate"):
        found.append(Mistake(with_(mode=mode), f"The border is padded in the mode {mode!r}, not with zeros.", border))
    for dilations in ((2, 2), (1, 2), (2, 1)):
        found.append(Mistake(with_(dilations=dilations), "A kernel is dilated: it skips pixels.", wide))
    if parts.convolutions[0].in_channels == parts.convolutions[1].out_channels:
        found.append(Mistake(lambda x: block(parts, x) + x, "The input is added to the output: that is a residual block.", order))
    return found


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
