"""Check of notebook 05: assemble the U-Net."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from unet_lab.course.calling import built, calls_until_error, outputs, parts_must_be_known
from unet_lab.course.checking import NotTried, Wrong, module_class
from unet_lab.course.gradients import gradients_must_reach_parameters
from unet_lab.course.networks import Mistake, U, compare_networks, is_batch_norm, run_u, same_values, shake, u_of
from unet_lab.course.probes import manners
from unet_lab.inspection.cost import count_parameters

ORDER = "Collect the skips in a list on the way down; on the way up take them from its end: skips.pop()."
PLATES = "A neighbour: plates are stacked 1, 2, 3 and taken off 3, 2, 1."
ARGUMENTS = "Use the constructor's arguments everywhere; loops over range(depth) serve any depth."
LAYERS = "A neighbour: nn.ModuleList(nn.Linear(8, 8) for _ in range(count)) has as many layers as count says."


def unet(answer) -> None:
    """MyUNet(in_channels, num_classes, base_channels, depth), of whatever blocks; judged by what it does."""
    module_class(answer, "unet")
    names = ("in_channels", "num_classes", "base_channels", "depth")
    for settings, height, width in (((1, 3, 4, 2), 32, 40), ((2, 5, 3, 3), 32, 24), ((3, 2, 6, 1), 18, 14)):
        x = torch.randn(3, settings[0], height, width, generator=torch.Generator().manual_seed(settings[0]))
        try:
            model, found = built(answer, dict(zip(names, settings, strict=True)), [x], ARGUMENTS, LAYERS)
        except Wrong as wrong:
            raise Wrong(f"{wrong.finding}{where_it_broke(answer, settings, x)}", *wrong.hints) from None
        if found is None:
            raise NotTried
        said = ", ".join(f"{name}={value}" for name, value in zip(names, settings, strict=True))
        try:
            (out,) = outputs(found, ("logits",))
            check_net(model, x, out, settings)
        except Wrong as wrong:
            if settings[3] == 2:
                raise
            raise Wrong(f"with {said} it no longer works: {wrong.finding}", *wrong.hints) from None


def where_it_broke(answer, settings, x) -> str:
    """What the layers that were called, up to the one with the error, say about the mistake."""
    torch.manual_seed(0)
    try:
        layers = calls_until_error(answer(*settings).eval(), x)
    except Exception:  # it cannot even be made
        return ""
    depth = settings[3]
    ups = [k for k, layer in enumerate(layers) if isinstance(layer, torch.nn.ConvTranspose2d)]
    if not ups or (ups[-1] == len(layers) - 1 and len(ups) == 1):
        blocks = len(layers[: ups[0]] if ups else layers) // 4
        if ups and blocks == depth:
            return " The up-convolution follows right after the encoder: the bottleneck is missing in between."
        if ups and blocks == depth + 1:
            return " A decoder stage was given its two arguments swapped: stage(x, skip), x from below first."
        return ""
    return " A decoder stage got the skip of another level: they are taken in the wrong order, or the two arguments are swapped."


def check_net(model, x, out, settings) -> None:
    _, classes, _, depth = settings
    expected = (len(x), classes, *x.shape[2:])
    layers = known_layers(model, x)
    check_parts(model, layers, settings)
    if tuple(out.shape) != expected:
        raise Wrong(
            f"for input {tuple(x.shape)} the output is {tuple(out.shape)}, expected {expected}: "
            + ("the number of classes differs (the head)." if out.ndim < 2 or out.shape[1] != classes else "the size differs."),
            "As many decoder stages as encoder stages bring the size back; the head turns channels into classes.",
            "Print x.shape after every stage, and write the sizes down beside the U.",
        )
    check_head(model, x, out)
    inputs = {"image": x}
    manners(model, inputs, PLATES)
    u = u_of(layers, depth)
    if u is None or any(up.kernel_size != (2, 2) or up.groups > 1 for up in u.ups):
        kinds = " ".join(type(layer).__name__ for layer in layers)
        finding = f"its layers are called in an order that is not that of a U-Net: {kinds}."
        clue = "Down: blocks and poolings; the bottleneck; up: a 2x2 up-convolution and a block each; the head."
        raise Wrong(finding[:600], clue, PLATES)
    shake([m for m in layers if is_batch_norm(m)])
    with torch.no_grad():
        first = same_values(model.eval()(x), run_u(u, x))
    hints = ("Compare with the figure: blocks, poolings, bottleneck, ups, each with its own skip, and the head.", ORDER, PLATES)
    what = "a U-Net of your layers"
    compare_networks(model, lambda given: run_u(u, given, skip_first=first), [inputs], u_mistakes(u, depth), what, hints)
    gradients_must_reach_parameters(model.train(), inputs, PLATES)


def known_layers(model, x) -> list:
    """The layers in the order of their calls; where a bottleneck is made and forgotten, that is said first."""
    layers = parts_must_be_known(model, [x], "Stages in a plain list are invisible to PyTorch: use nn.ModuleList([...]).", LAYERS)
    called = {id(layer) for layer in layers}
    for name, module in model.named_modules():
        if [*module.parameters(recurse=False)] and id(module) not in called:
            raise Wrong(
                f"{name} gets no gradient: it is made, and never called in forward.",
                "Is every part that you made in __init__ called in forward?",
                "A neighbour: a bottleneck that is made but never called trains nothing, and the U has no floor.",
            )
    return layers


def u_mistakes(u: U, depth: int) -> list[Mistake]:
    """The U with each known mistake, out of the student's layers, in both orders of skip and x."""
    found = []
    sent = "EncoderStage returns (x, skip). `skip` goes across unchanged; `x`, the pooled one, goes on down."
    as_it_is = "Return the head's result as it is."

    def add(finding, clue, end=lambda out: out, **changes):
        for first in (True, False):
            found.append(Mistake(lambda x, f=first: end(run_u(u, x, skip_first=f, **changes)), finding, clue))

    across = {
        "is all zeros": torch.zeros_like,
        "is not what the encoder sent there: it is mirrored left to right": lambda s: s.flip(-1),
        "is not what the encoder sent there: it is upside down (mirrored)": lambda s: s.flip(-2),
        "is not what the encoder sent there: it is doubled": lambda s: 2 * s,
        "is not what the encoder sent there: it is halved": lambda s: s / 2,
        "is not what the encoder sent there: it is averaged over the batch": lambda s: s.mean(0, keepdim=True).expand_as(s),
    }  # fmt: skip
    for words, change in across.items():
        add(f"the decoder's skip of every level {words}.", sent, skip=lambda level, s, c=change: c(s))
        for level in range(depth):
            one = lambda at, s, c=change, k=level: c(s) if at == k else s  # noqa: E731
            add(f"the decoder's skip of level {level} {words}.", sent, skip=one)
    up = "x = self.bottleneck(x), and that goes up."
    add("what comes from the bottleneck is lost: zeros go up from below.", up, floor=torch.zeros_like)
    add("you pool by the mean (average) of each 2x2.", "The stages keep the largest of four.", pool=lambda t: F.avg_pool2d(t, 2))
    add("the output is mirrored left to right.", as_it_is, end=lambda out: out.flip(-1))
    add("the output is upside down (mirrored).", as_it_is, end=lambda out: out.flip(-2))
    add("the classes are in reverse order.", as_it_is, end=lambda out: out.flip(1))
    add("the skips are taken in the wrong order.", ORDER, take=lambda level, depth: depth - 1 - level)
    return found


def check_parts(model, layers, settings) -> None:
    ins, classes, base, depth = settings
    ours = count_parameters(in_channels=ins, num_classes=classes, base_channels=base, depth=depth)
    mine = sum(p.numel() for p in model.parameters())
    for layer in layers:  # a bias before a batch norm does nothing: with or without it
        if isinstance(layer, torch.nn.Conv2d) and layer.bias is None and layer.kernel_size == (3, 3):
            mine += layer.out_channels
    doubling = "Channels double on the way down, at the bottleneck too: 4, 8, then 16 for base_channels=4, depth=2."
    neighbour = "A neighbour: base_channels=16, depth=3 has 16, 32, 64 in the encoder and 128 at the floor."
    if mine == ours:
        return
    threes = [m for m in layers if isinstance(m, torch.nn.Conv2d) and m.kernel_size == (3, 3)]
    kinds = f"{len(threes)} convolutions of 3x3, "
    kinds += f"{sum(is_batch_norm(m) for m in layers)} batch norms, "
    kinds += f"{sum(isinstance(m, torch.nn.ConvTranspose2d) for m in layers)} up-convolutions"
    start = f"{mine:,} parameters, expected {ours:,}"
    found = f"(yours has {kinds}; expected {4 * depth + 2}, {4 * depth + 2}, {depth})"
    tail = layers[-1] if layers and isinstance(layers[-1], torch.nn.Conv2d) else None
    if tail is not None and (tail.kernel_size != (1, 1) or tail.bias is None) and tail.out_channels == classes:
        what = "has no bias" if tail.bias is None else f"is {tail.kernel_size[0]}x{tail.kernel_size[1]}"
        size = "too wide" if mine > ours else "missing or too narrow"
        finding = f"{start}: a part is {size}; the head {what}, and should be a 1x1 convolution with bias."
        raise Wrong(finding, "The head is nn.Conv2d(base_channels, num_classes, kernel_size=1).", neighbour)
    if tail is not None and tail.kernel_size == (1, 1) and tail.out_channels != classes:
        finding = f"{start}: the head gives {tail.out_channels} channels, expected one for each of the {classes} classes."
        raise Wrong(finding, "The head is nn.Conv2d(base_channels, num_classes, kernel_size=1).", neighbour)
    if mine < ours:
        raise Wrong(
            f"{start}: a part is missing or too narrow {found}.",
            "The parts are: depth encoder stages, one bottleneck, depth decoder stages, the 1x1 head.",
            doubling,
            neighbour,
        )
    raise Wrong(
        f"{start}: a part is too wide, or there is one too many {found}.",
        "Stage k has base_channels * 2**k channels; the bottleneck has base_channels * 2**depth.",
        "The head is a 1x1 convolution: nn.Conv2d(base_channels, num_classes, kernel_size=1).",
        neighbour,
    )


def check_head(model, x, out) -> None:
    neighbour = "A neighbour: a linear regression ends in its weighted sum; there is no function around it."
    total = out.exp().sum(dim=1)
    if torch.allclose(total, torch.ones(total.shape), atol=1e-4):
        clue = "Return logits: cross entropy does that step itself."
        raise Wrong("the outputs are logarithms of a softmax: their exponentials add up to 1.", clue, neighbour)
    total = out.sum(dim=1)
    if torch.allclose(total, torch.ones(total.shape), atol=1e-4):
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
