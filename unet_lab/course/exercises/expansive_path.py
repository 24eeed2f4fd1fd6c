"""Check of notebook 04: one stage of the decoder."""

from __future__ import annotations

from itertools import product

import torch
from torch import nn
from torch.nn import functional as F

from unet_lab.course.by_values import Kernel
from unet_lab.course.calling import built, outputs, parts_must_be_known
from unet_lab.course.checking import NotTried, Wrong, module_class
from unet_lab.course.exercises.decoder_stages import Stage, decoder_mistakes
from unet_lab.course.exercises.the_block import averages_must_run, find_parts
from unet_lab.course.facts import facts
from unet_lab.course.gradients import gradients_must_reach_parameters, must_come_alive
from unet_lab.course.networks import Parts, block, compare_networks, is_batch_norm, same_values, shake
from unet_lab.course.probes import manners

DECODER_NEIGHBOUR = "A neighbour: the middle 4 of 10 numbers begin at (10 - 4) // 2 = 3: a[3:7]."


def decoder_stage(answer) -> None:
    """MyDecoderStage(in_channels, out_channels): forward(x, skip) doubles x, crops and concatenates the skip, convolves twice."""
    module_class(answer, "decoder_stage")
    sized, uses, is_stage, learns = facts(
        "out_channels maps of the skip's size come out",
        "it uses both, x and the skip, each in its place",
        "it goes up, crops, concatenates and convolves twice",
        "made anew it can learn",
    )
    for ins, outs, rows, columns in ((8, 4, 6, 8), (6, 4, 5, 7), (4, 2, 8, 3)):
        generator = torch.Generator().manual_seed(ins)
        x = torch.randn(3, ins, rows, columns, generator=generator)
        skip = torch.randn(3, outs, 2 * rows, 2 * columns, generator=generator)
        with sized:
            (out,), model = made(answer, ins, outs, x, skip)
            size_of_the_skip(x, skip, out)
        with uses, torch.no_grad():
            check_use(model, x, skip, out)
        with is_stage:
            check_decoder(model, x, skip)
        with learns:
            must_come_alive(answer(ins, outs), {"x": x, "skip": skip}, DECODER_NEIGHBOUR)


def made(answer, ins: int, outs: int, x, skip) -> tuple:
    """What the stage gives for x and the skip, and the stage."""
    clue = (
        "Up: in_channels to out_channels, twice the size. Concatenate: out_channels + out_channels. Block: 2 * out_channels to "
        "out_channels. forward(x, skip): x comes first, from below."
    )
    try:
        model, found = built(answer, {"in_channels": ins, "out_channels": outs}, [x, skip], clue, DECODER_NEIGHBOUR)
    except Wrong as wrong:
        raise nothing_to_crop(wrong) from None
    if found is None:
        raise NotTried
    return outputs(found), model


def size_of_the_skip(x, skip, out) -> None:
    if out.shape != skip.shape:
        raise Wrong(
            f"for x {tuple(x.shape)} and a skip {tuple(skip.shape)} the output is {tuple(out.shape)}, "
            f"expected {tuple(skip.shape)}: {how_it_differs(out, skip)}.",
            "Up: twice the size, stride 2. Then concatenate, and end with the block: it gives out_channels, same size.",
            DECODER_NEIGHBOUR,
        )


def nothing_to_crop(wrong: Wrong) -> Wrong:
    """What is said where a skip of the right size is cut down to nothing."""
    if "size 0" not in wrong.finding and "size: [3, 4, 0" not in wrong.finding:
        return wrong
    finding = (
        f"with a skip of the right size, where nothing is to be cropped, nothing is left of it ([0:-0] is empty): {wrong.finding}"
    )
    return Wrong(
        finding, "Cut from `top` to `top + height`: skip[..., top : top + height, left : left + width].", *wrong.hints[1:]
    )


def how_it_differs(out, skip) -> str:
    """In words: joined along another direction, without padding, other channels."""
    if out.ndim != 4:
        return "the number of directions differs"
    for dim, name in ((0, "the batch"), (2, "the height"), (3, "the width")):
        if out.shape[dim] == 2 * skip.shape[dim]:
            return f"skip and x are joined along {name} (dim={dim}); side by side means the channels, dim=1"
    if out.shape[1] != skip.shape[1]:
        return "the channels differ"
    lost = skip.shape[2] - out.shape[2]
    return f"the size differs, {lost} rows are lost: the block has no padding" if lost in (2, 4) else "the size differs"


def check_use(model, x, skip, out) -> None:
    """Both inputs must matter."""
    x, skip = x.clone(), skip.clone()
    if torch.equal(out, model(x, torch.zeros_like(skip))) or torch.equal(out, model(x, torch.randn_like(skip))):
        used = not torch.equal(model.train()(x, skip), model(x, torch.randn_like(skip)))
        kept = any(isinstance(value, torch.Tensor) for module in model.modules() for value in vars(module).values())
        model.eval()
        how = "in eval() mode it is not used, in train() mode it is" if used else "it is not used"
        how = "a tensor is kept in self, that of an earlier call, and used instead (state)" if kept and not used else how
        raise Wrong(
            f"another skip gives the same output: {how}.", "Concatenate: torch.cat([skip, x], dim=1).",
            "Print the shape after the concatenation: its channels are those of both.", DECODER_NEIGHBOUR,
        )  # fmt: skip
    if torch.equal(out, model(torch.randn_like(x), skip)):
        clue = "self.up(x) first, then concatenate, then the block."
        raise Wrong("another x gives the same output: what comes from below is not used.", clue, DECODER_NEIGHBOUR)


def stage_layers(model, x, skip) -> tuple[nn.ConvTranspose2d, Parts]:
    layers = parts_must_be_known(model, [x, skip], DECODER_NEIGHBOUR)
    own = own_up(model, layers, x, skip)
    if own is not None:
        return own
    ups = [m for m in layers if isinstance(m, nn.ConvTranspose2d)]
    if len(ups) != 1:
        raise Wrong(
            "there is no transposed convolution in it." if not ups else f"there are {len(ups)} transposed convolutions in it.",
            "Here the size is doubled by learnt stamps: nn.ConvTranspose2d(in_channels, out_channels, kernel_size=2, stride=2).",
            DECODER_NEIGHBOUR,
        )
    rest = [m for m in layers if m is not ups[0]]
    first = next((m for m in rest if isinstance(m, nn.Conv2d)), None)
    if first is not None and first.in_channels == skip.shape[1]:
        raise Wrong(
            f"the first 3x3 convolution takes {first.in_channels} channels: skip and x are added, not laid side by side.",
            "Adding mixes two things that the network should tell apart. torch.cat([skip, x], dim=1), and a "
            "block with twice as many channels in.",
            DECODER_NEIGHBOUR,
        )
    if is_batch_norm(layers[1]) if len(layers) > 1 else False:
        finding = "a batch normalisation stands behind the up-convolution: there should be none."
        raise Wrong(finding, "The up-convolution stands alone; the two norms are in the block.", DECODER_NEIGHBOUR)
    up = ups[0]
    kernel, shape = up.kernel_size, tuple(up.weight.shape)
    if kernel != (2, 2) or up.groups != 1 or up.out_channels != skip.shape[1]:
        what = f"groups={up.groups}" if up.groups != 1 else "its channels"
        if kernel != (2, 2):
            what = f"kernel {kernel[0]}x{kernel[1]}"
        raise Wrong(
            f"the up-convolution has weights {shape}: {what}; expected 2x2, from {x.shape[1]} to {skip.shape[1]} channels.",
            "nn.ConvTranspose2d(in_channels, out_channels, kernel_size=2, stride=2): a larger kernel makes a checkerboard.",
            DECODER_NEIGHBOUR,
        )

    def enter():
        both = (skip, F.conv_transpose2d(x, up.weight, up.bias, stride=2))
        return torch.cat(both, dim=1)

    def run():
        return model(x.clone(), skip.clone())

    return up, find_parts(model, rest, skip.shape[1], enter, run, DECODER_NEIGHBOUR, [up.weight, up.bias])


def own_up(model, layers, x, skip) -> tuple[Kernel, Parts] | None:
    """The parts where the up-convolution is made of parameters of the student's own; None where it is not."""
    known = {id(parameter) for layer in layers for parameter in layer.parameters(recurse=False)}
    ups = [p for p in model.parameters() if p.shape == (x.shape[1], skip.shape[1], 2, 2) and id(p) not in known]
    if len(ups) != 1:
        return None
    free = [p for p in model.parameters() if p.numel() == skip.shape[1] and p.ndim < 4 and id(p) not in known]
    for bias, skip_first in product([*free, None], (True, False)):
        up = Kernel(ups[0], bias)

        def enter(up=up, first=skip_first):
            both = (skip, F.conv_transpose2d(x, up.weight, up.bias, stride=2))
            return torch.cat(both if first else both[::-1], dim=1)

        def run():
            return model(x.clone(), skip.clone())

        try:
            without = [ups[0]] if bias is None else [ups[0], bias]
            parts = find_parts(model, layers, skip.shape[1], enter, run, DECODER_NEIGHBOUR, without)
        except Wrong:
            continue
        with torch.no_grad():
            if same_values(model.eval()(x.clone(), skip.clone()), block(parts, enter())):
                return up, parts
    return None


def check_decoder(model, x, skip) -> None:
    up, parts = stage_layers(model, x, skip)
    shake(parts.norms)
    inputs = {"x": x, "skip": skip}
    manners(model, inputs, DECODER_NEIGHBOUR)
    with torch.no_grad():
        skip_first = not same_values(model.eval()(x, skip), Stage(up, parts, False)(x, skip))
    stage = Stage(up, parts, skip_first)
    sizes = [(8, 8), (2, 6), (3, 10), (9, 2), (4, 0), (0, 4)]
    generator = torch.Generator().manual_seed(7)
    height, width = skip.shape[-2:]
    large = [torch.randn(3, skip.shape[1], height + h, width + w, generator=generator) for h, w in sizes]
    side = min(x.shape[2:])
    square = x[..., :side, :side].flip(-1)
    batches = [inputs, {"x": x, "skip": 30 * skip}, {"x": square, "skip": skip[..., : 2 * side, : 2 * side]}]
    clue = "Up; the middle of the skip; torch.cat([skip, x], dim=1); ConvBlock(2 * out_channels, out_channels)."
    hints = (clue, DECODER_NEIGHBOUR)
    what = "up-convolution, crop, concatenation, block"
    compare_networks(model, stage, batches, decoder_mistakes(stage), what, hints)
    for each in large:
        works_with(model, x, each.clone(), skip.shape)
    # Where an odd row is left over, it may go to either side: the middle is compared where it is one.
    batches = [{"x": x, "skip": each} for each, (h, w) in zip(large, sizes, strict=True) if h % 2 == w % 2 == 0]
    compare_networks(model, stage, batches, decoder_mistakes(stage), what, hints)
    odd_crops(model, stage, x, [each for each, (h, w) in zip(large, sizes, strict=True) if h % 2 or w % 2])
    gradients_must_reach_parameters(model.train(), inputs, DECODER_NEIGHBOUR)

    def entered():
        both = (skip, F.conv_transpose2d(x, up.weight, up.bias, stride=2))
        return torch.cat(both if skip_first else both[::-1], dim=1)

    averages_must_run(model, parts, entered, lambda: model(x.clone(), skip.clone()), DECODER_NEIGHBOUR)


def works_with(model, x, large, shape) -> None:
    rows, columns = large.shape[-2:]
    try:
        out = model(x, large)
    except Exception as error:
        spare = rows - shape[-2], columns - shape[-1]
        why = " There one row or column more must go on one side than on the other." if spare[0] % 2 or spare[1] % 2 else ""
        if not why and spare[0] != spare[1]:
            why = " It works where as many rows as columns are cropped: are the two offsets swapped, or one for both?"
        raise Wrong(
            f"with a skip of {rows} x {columns} for an x of {shape[-2]} x {shape[-1]} it stops: {str(error)[:99]}.{why}",
            "Without padding the skip is larger than what comes up: cut its middle out before you concatenate, "
            "center_crop(skip, size), whatever the two sizes are: rows and columns have an offset each.",
            "size is that of the map that came up: x.shape[-2:], after the up-convolution.",
            DECODER_NEIGHBOUR,
        ) from None
    if out.shape != (len(x), *shape[1:]):
        raise Wrong(
            f"with a skip of {rows} x {columns} the output is {tuple(out.shape)}, expected {(len(x), *shape[1:])}: another crop.",
            "The skip is cut to x's size; x is not made larger to fit the skip.",
            DECODER_NEIGHBOUR,
        )


def odd_crops(model, stage: Stage, x, larges) -> None:
    """The middle, where it is not unique: either of the two."""
    model.eval()
    for large in larges:
        height, width = 2 * x.shape[-2], 2 * x.shape[-1]
        spare = large.shape[-2] - height, large.shape[-1] - width
        middles = [large[..., top : top + height, left : left + width]
                   for top in {spare[0] // 2, -(-spare[0] // 2)} for left in {spare[1] // 2, -(-spare[1] // 2)}]  # fmt: skip
        with torch.no_grad():
            if not any(same_values(model(x, large), stage(x, middle)) for middle in middles):
                mistakes = [m for m in decoder_mistakes(stage) if same_values(model(x, large), m.network(x, large))]
                finding = mistakes[0].finding if mistakes else "you do not keep the skip's middle."
                clue = "Rows and columns have an offset each: top = (H - h) // 2, left = (W - w) // 2."
                size = f"for a skip of {large.shape[-2]} x {large.shape[-1]} and an x of {height} x {width}"
                raise Wrong(f"{size}, {finding}", clue, DECODER_NEIGHBOUR)
