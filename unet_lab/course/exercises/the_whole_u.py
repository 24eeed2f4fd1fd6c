"""Checks of notebook 05: assemble the U-Net; predict its parameter count."""

from __future__ import annotations

import torch

from unet_lab.blocks import DecoderStage, EncoderStage
from unet_lab.course.checking import NotTried, Wrong, called, module_class
from unet_lab.inspection.cost import count_parameters


def unet(answer) -> None:
    """MyUNet(in_channels, num_classes, base_channels, depth), out of the library's blocks; judged by what it does."""
    module_class(answer, "unet")
    torch.manual_seed(0)
    model = answer(1, 3, 4, 2)
    x = torch.randn(2, 1, 32, 32)
    out = model.eval()(x)
    if out is None:
        raise NotTried
    check_parts(model)
    if tuple(out.shape) != (2, 3, 32, 32):
        raise Wrong(
            f"for input (2, 1, 32, 32) the output is {tuple(out.shape)}, expected (2, 3, 32, 32).",
            "As many decoder stages as encoder stages bring the size back; the head turns channels into classes.",
            "Print x.shape after every stage, and write the sizes down beside the U.",
        )
    check_head(model, x, out)
    check_skips(model, x, out)
    check_gradients(model, x)
    try:
        shape = tuple(answer(2, 5, 4, 3)(torch.randn(1, 2, 32, 32)).shape)
    except Exception as error:
        shape = f"{type(error).__name__}: {error}"
    if shape != (1, 5, 32, 32):
        raise Wrong(
            f"with in_channels=2, num_classes=5, depth=3 it no longer works; it gave {shape}.",
            "Use the constructor's arguments everywhere; loops over range(depth) serve any depth.",
            "A neighbour: nn.ModuleList(nn.Linear(8, 8) for _ in range(count)) has as many layers as count says.",
        )


def check_parts(model) -> None:
    mine, ours = sum(p.numel() for p in model.parameters()), count_parameters(base_channels=4, depth=2)
    if mine < ours:
        stages = [m for m in model.modules() if isinstance(m, EncoderStage | DecoderStage)]
        if len(stages) < 4:
            raise Wrong(
                f"PyTorch sees {len(stages)} stages and {mine:,} parameters; expected 4 stages and {ours:,}.",
                "Stages in a plain list are invisible to PyTorch, which would not train them: use nn.ModuleList([...]).",
                "If a ModuleList is there, does the loop that fills it run depth times?",
                "A neighbour: self.layers = nn.ModuleList(nn.Linear(8, 8) for _ in range(5)).",
            )
        raise Wrong(
            f"{mine:,} parameters, expected {ours:,}: a part is missing or too narrow.",
            "The parts are: depth encoder stages, one bottleneck, depth decoder stages, the 1x1 head.",
            "Channels double on the way down, at the bottleneck too: 4, 8, then 16 for base_channels=4, depth=2.",
            "A neighbour: base_channels=16, depth=3 has 16, 32, 64 in the encoder and 128 at the floor.",
        )
    if mine > ours:
        raise Wrong(
            f"{mine:,} parameters, expected {ours:,}: a part is too wide, or there is one too many.",
            "Stage k has base_channels * 2**k channels; the bottleneck has base_channels * 2**depth.",
            "The head is a 1x1 convolution: nn.Conv2d(base_channels, num_classes, kernel_size=1).",
            "A neighbour: base_channels=16, depth=3 has 16, 32, 64 in the encoder and 128 at the floor.",
        )


def check_head(model, x, out) -> None:
    neighbour = "A neighbour: a linear regression ends in its weighted sum; there is no function around it."
    if torch.allclose(out.sum(dim=1), torch.ones(2, 32, 32), atol=1e-4):
        raise Wrong(
            "the outputs of each pixel add up to 1: there is a softmax at the end.",
            "Return logits. Cross entropy has the softmax inside; two in a row flatten the gradients.",
            neighbour,
        )
    with torch.no_grad():
        lows, highs = [], []
        for head in [m for m in model.modules() if isinstance(m, torch.nn.Conv2d) and m.out_channels == out.shape[1]][-1:]:
            kept = head.bias.clone()
            for value, store in ((-50.0, lows), (50.0, highs)):
                head.bias.fill_(value)
                store.append(float(model(x).mean()))
            head.bias.copy_(kept)
    if lows and (lows[0] > -25 or highs[0] < 25):
        raise Wrong(
            f"moving the head's bias to -50 and +50 moves the mean output only to {lows[0]:.2f} and {highs[0]:.2f}.",
            "Something squashes the output. Logits are unbounded: return the head's result as it is, without ReLU or sigmoid.",
            neighbour,
        )


def check_skips(model, x, out) -> None:
    """Disturb what each encoder stage hands across; each must change the output, and arrive where it belongs."""
    encoders = [m for m in model.modules() if isinstance(m, EncoderStage)]
    decoders = [m for m in model.modules() if isinstance(m, DecoderStage)]
    sent, arrived = [], []
    handles = [m.register_forward_hook(lambda _m, _i, o: sent.append(o[1].detach().clone())) for m in encoders]
    handles += [m.register_forward_pre_hook(lambda _m, i: arrived.append(i[1].detach().clone())) for m in decoders]
    with torch.no_grad():
        model(x)
    for handle in handles:
        handle.remove()
    order = "Collect the skips in a list on the way down; on the way up take them from its end: skips.pop()."
    neighbour = "A neighbour: plates are stacked 1, 2, 3 and taken off 3, 2, 1."
    for level, (skip, given) in enumerate(zip(sent, reversed(arrived), strict=False)):
        if given.shape == skip.shape and torch.equal(given, skip):
            continue
        if not given.any():
            raise Wrong(f"the decoder's skip of level {level} is all zeros.", "Hand over the encoder's second output.", order)
        raise Wrong(
            f"the decoder's skip at level {level} is not what the encoder sent there.",
            "EncoderStage returns (x, skip). `skip` goes across unchanged; `x`, the pooled one, goes on down.",
            order,
            neighbour,
        )
    if len(sent) != 2 or len(arrived) != 2:
        raise Wrong(f"{len(sent)} skips sent and {len(arrived)} used, expected 2 and 2.", order, neighbour)


def check_gradients(model, x) -> None:
    model.train()
    model.zero_grad()
    model(x).square().mean().backward()
    for name, parameter in model.named_parameters():
        if parameter.grad is None:
            raise Wrong(
                f"{name} gets no gradient: it does not take part in the forward pass.",
                "Is every part that you made in __init__ called in forward?",
                "A neighbour: a bottleneck that is made but never called trains nothing, and the U has no floor.",
            )


def parameter_count(answer) -> None:
    """my_count(base_channels, depth): parameters of the U-Net with 1 channel in and 3 classes out, by arithmetic."""
    for base, depth in ((16, 4), (64, 4), (5, 3), (1, 1)):
        got = called(answer, base, depth)
        right = count_parameters(base_channels=base, depth=depth)
        if got == right:
            continue
        raise count_hint(base, depth, got, right)


def count_hint(base, depth, got, right) -> Wrong:
    channels = [base * 2**k for k in range(depth + 1)]
    blocks = [(1, channels[0])] + [(channels[k], channels[k + 1]) for k in range(depth)]
    blocks += [(2 * c, c) for c in channels[:depth]]
    outputs = 2 * sum(c for _, c in blocks)
    ups = [(channels[k + 1], channels[k]) for k in range(depth)]
    known = {
        right - outputs - sum(c for _, c in ups) - 3: "the biases are missing: one per output channel of every convolution",
        right - outputs: "only the biases of the 3x3 convolutions are missing: one per output channel",
        right - 2 * outputs: "batch normalisation is missing: a scale and a shift per channel, after each convolution",
        right + 2 * outputs: "batch normalisation has 2 parameters per channel, not 4: running mean and variance are not learnt",
        right - 9 * sum(c * c for c in channels[:depth]): "after concatenation a decoder block has twice the channels coming in",
        right - (3 * base + 3): "the head is missing: a 1x1 convolution from base_channels to 3 classes, with bias",
        right + 5 * sum(a * b for a, b in ups): "an up-convolution is 2x2, not 3x3: 4 weights for each pair of channels",
        right - sum(4 * a * b + b for a, b in ups): "the up-convolutions are missing: 2x2, with bias",
    }
    reason = known.get(got)
    finding = f"for base_channels={base}, depth={depth}: yours {got:,}, expected {right:,}."
    return Wrong(
        f"{finding} The difference fits: {reason}." if reason else f"{finding} The difference is {got - right:+,}.",
        reason.capitalize() + "." if reason else "Count part by part: encoder blocks, bottleneck, ups, decoder blocks, head.",
        "A 3x3 convolution from a to b channels has 9·a·b weights and b biases; batch norm adds 2·b; a block has two of each.",
        "A neighbour: one block from 1 to 4 channels has (9·1·4 + 4 + 8) + (9·4·4 + 4 + 8) = 204.",
    )
