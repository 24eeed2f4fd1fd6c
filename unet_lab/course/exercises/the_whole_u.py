"""Check of notebook 05: assemble the U-Net."""

from __future__ import annotations

import torch

from unet_lab.course.calling import built, calls_until_error, outputs, parts_must_be_known
from unet_lab.course.checking import NotTried, Wrong, module_class
from unet_lab.course.exercises.u_mistakes import ORDER, u_mistakes
from unet_lab.course.exercises.u_parts import check_parts
from unet_lab.course.facts import facts
from unet_lab.course.gradients import averages_must_move, gradients_must_reach_parameters, must_come_alive
from unet_lab.course.networks import compare_networks, is_batch_norm, run_u, same_values, shake, u_of
from unet_lab.course.probes import manners

PLATES = "A neighbour: plates are stacked 1, 2, 3 and taken off 3, 2, 1."
ARGUMENTS = "Use the constructor's arguments everywhere; loops over range(depth) serve any depth."
LAYERS = "A neighbour: nn.ModuleList(nn.Linear(8, 8) for _ in range(count)) has as many layers as count says."
NAMES = ("in_channels", "num_classes", "base_channels", "depth")


def unet(answer) -> None:
    """MyUNet(in_channels, num_classes, base_channels, depth), of whatever blocks; judged by what it does."""
    module_class(answer, "unet")
    sized, gives_logits, is_u, learns, doubles = facts(
        "it has the parts of its settings, and an output of num_classes maps of the image's size",
        "it gives logits, as the head gives them",
        "its parts are put together to the U of the figure",
        "made anew it can learn",
        "the channels double at every level, however many there are",
    )
    for settings, height, width in (
        ((1, 3, 4, 2), 32, 40),
        ((2, 5, 3, 3), 32, 24),
        ((3, 2, 6, 1), 18, 14),
        ((1, 1, 4, 2), 24, 20),
    ):
        x = torch.randn(3, settings[0], height, width, generator=torch.Generator().manual_seed(settings[0]))
        try:
            with sized:
                model, found = made(answer, dict(zip(NAMES, settings, strict=True)), x)
                (out,) = outputs(found, ("logits",))
                layers = check_parts_and_size(model, x, out, settings)
            with gives_logits:
                check_head(model, x, out)
            with is_u:
                check_u(model, layers, x, depth=settings[3])
            with learns:
                must_come_alive(answer(*settings), {"image": x}, LAYERS)
        except Wrong as wrong:
            if settings != (1, 3, 4, 2):
                said = ", ".join(f"{name}={value}" for name, value in zip(NAMES, settings, strict=True))
                finding = wrong.finding.replace(f"with {said} and input", "for input", 1)
                wrong.finding = f"with {said} it no longer works: {finding}"
            raise
    with doubles:
        channels_must_double(answer)


def made(answer, settings: dict[str, int], x) -> tuple:
    """The network, and what it gives for x."""
    try:
        model, found = built(answer, settings, [x], ARGUMENTS, LAYERS)
    except Wrong as wrong:
        where = where_it_broke(answer, tuple(settings.values()), x) if "it stops" in wrong.finding else ""
        raise Wrong(f"{wrong.finding}{where}", *wrong.hints) from None
    if found is None:
        raise NotTried
    return model, found


def channels_must_double(answer, base: int = 300, depth: int = 5) -> None:
    """Also where that makes many, and for more levels: no number is a limit. Built without memory, on PyTorch's meta device."""
    try:
        with torch.device("meta"):
            shapes = [tuple(p.shape) for p in answer(1, 2, base, depth).parameters() if p.ndim == 4]
    except Exception:  # it fills or prints its weights: then this is left unasked
        return
    widest = base * 2**depth
    if shapes and (widest, widest) not in {shape[:2] for shape in shapes}:
        most = max((min(shape[:2]) for shape in shapes), default=0)
        finding = (
            f"with base_channels={base}, depth={depth} no convolution goes from {widest:,} channels to {widest:,}, as the second "
            f"one of the bottleneck does; the widest goes over {most:,}."
        )
        clue = "The channels double at every level, without a limit, for any depth: base_channels * 2**level."
        raise Wrong(finding, clue, ARGUMENTS, LAYERS)


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


def check_parts_and_size(model, x, out, settings) -> list:
    """The layers, in the order of their calls."""
    expected = (len(x), settings[1], *x.shape[2:])
    layers = known_layers(model, x)
    check_parts(model, layers, settings)
    if tuple(out.shape) != expected:
        raise Wrong(
            f"for input {tuple(x.shape)} the output is {tuple(out.shape)}, expected {expected}: "
            + how_the_shape_differs(out, expected),
            "As many decoder stages as encoder stages bring the size back; the head turns channels into classes.",
            "Print x.shape after every stage, and write the sizes down beside the U.",
        )
    return layers


def check_u(model, layers, x, depth) -> None:
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
    side = min(x.shape[2:])
    batches = [inputs, {"image": 3 * x[..., :side, :side].flip(-1)}]
    compare_networks(model, lambda given: run_u(u, given, skip_first=first), batches, u_mistakes(u, depth), what, hints)
    gradients_must_reach_parameters(model.train(), inputs, PLATES)
    averages_must_move(model, PLATES)


def how_the_shape_differs(out, expected) -> str:
    """In words: the axis of a single class is lost, another number of classes, another size."""
    if tuple(out.shape) == (expected[0], *expected[2:]):
        how = "one class is one channel of logits, no squeeze" if expected[1] == 1 else "as argmax does; logits have one for each"
        return f"the axis of the classes is lost ({how})."
    if out.ndim < 2 or out.shape[1] != expected[1]:
        return "the number of classes differs (the head)."
    return "the size differs."


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


def check_head(model, x, out) -> None:
    neighbour = "A neighbour: a linear regression ends in its weighted sum; there is no function around it."
    if bool(((out == 0) | (out == 1)).all()):
        clue = "Return the head's result as it is, in eval() mode too; whoever wants classes takes the argmax."
        raise Wrong("the outputs are 0 and 1: those are decisions (argmax), not logits.", clue, neighbour)
    if out.shape[1] > 1 and torch.allclose(out.mean(dim=1), torch.zeros(()), atol=1e-5):
        clue = "Return the head's result as it is."
        raise Wrong("the logits of each pixel add up to 0: their mean is taken off.", clue, neighbour)
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
