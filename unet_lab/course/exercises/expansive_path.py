"""Check of notebook 04: one stage of the decoder."""

from __future__ import annotations

import torch
from torch import nn

from unet_lab.course.checking import NotTried, Wrong, module_class
from unet_lab.course.exercises.decoder_stages import Stage, decoder_mistakes
from unet_lab.course.exercises.the_block import block_parts
from unet_lab.course.networks import Parts, compare_networks, same_values, shake
from unet_lab.course.probes import built, gradients_must_reach_parameters, manners, outputs, parts_must_be_known

DECODER_NEIGHBOUR = "A neighbour: the middle 4 of 10 numbers begin at (10 - 4) // 2 = 3: a[3:7]."


def decoder_stage(answer) -> None:
    """MyDecoderStage(in_channels, out_channels): forward(x, skip) doubles x, crops and concatenates the skip, convolves twice."""
    module_class(answer, "decoder_stage")
    clue = (
        "Up: in_channels to out_channels, twice the size. Concatenate: out_channels + out_channels. Block: 2 * out_channels to "
        "out_channels. forward(x, skip): x comes first, from below."
    )
    for ins, outs, rows, columns in ((8, 4, 6, 8), (6, 4, 5, 7), (4, 2, 8, 3)):
        generator = torch.Generator().manual_seed(ins)
        x = torch.randn(3, ins, rows, columns, generator=generator)
        skip = torch.randn(3, outs, 2 * rows, 2 * columns, generator=generator)
        model, found = built(answer, {"in_channels": ins, "out_channels": outs}, [x, skip], clue, DECODER_NEIGHBOUR)
        if found is None:
            raise NotTried
        (out,) = outputs(found)
        if out.shape != skip.shape:
            raise Wrong(
                f"for x {tuple(x.shape)} and a skip {tuple(skip.shape)} the output is {tuple(out.shape)}, "
                f"expected {tuple(skip.shape)}: " + ("the channels differ." if out.shape[1] != outs else "the size differs."),
                "Up: twice the size, stride 2. Then concatenate, and end with the block: it gives out_channels, same size.",
                DECODER_NEIGHBOUR,
            )
        with torch.no_grad():
            check_use(model, x, skip, out)
        check_decoder(model, x, skip)


def check_use(model, x, skip, out) -> None:
    """Both inputs must matter."""
    if torch.equal(out, model(x, torch.zeros_like(skip))) or torch.equal(out, model(x, torch.randn_like(skip))):
        raise Wrong(
            "another skip gives the same output: it is not used.", "Concatenate: torch.cat([skip, x], dim=1).",
            "Print the shape after the concatenation: its channels are those of both.", DECODER_NEIGHBOUR,
        )  # fmt: skip
    if torch.equal(out, model(torch.randn_like(x), skip)):
        clue = "self.up(x) first, then concatenate, then the block."
        raise Wrong("another x gives the same output: what comes from below is not used.", clue, DECODER_NEIGHBOUR)


def stage_layers(model, x, skip) -> tuple[nn.ConvTranspose2d, Parts]:
    layers = parts_must_be_known(model, [x, skip], DECODER_NEIGHBOUR)
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
    return up, block_parts(rest, 2 * skip.shape[1], DECODER_NEIGHBOUR)


def check_decoder(model, x, skip) -> None:
    up, parts = stage_layers(model, x, skip)
    shake(parts.norms)
    inputs = {"x": x, "skip": skip}
    manners(model, inputs, DECODER_NEIGHBOUR)
    with torch.no_grad():
        skip_first = not same_values(model.eval()(x, skip), Stage(up, parts, False)(x, skip))
    stage = Stage(up, parts, skip_first)
    sizes = [(8, 8), (3, 10), (9, 2), (4, 0), (0, 4)]
    generator = torch.Generator().manual_seed(7)
    height, width = skip.shape[-2:]
    large = [torch.randn(3, skip.shape[1], height + h, width + w, generator=generator) for h, w in sizes]
    batches = [inputs, {"x": x, "skip": 30 * skip}]
    clue = "Up; the middle of the skip; torch.cat([skip, x], dim=1); ConvBlock(2 * out_channels, out_channels)."
    hints = (clue, DECODER_NEIGHBOUR)
    what = "up-convolution, crop, concatenation, block"
    compare_networks(model, stage, batches, decoder_mistakes(stage), what, hints)
    for each in large:
        works_with(model, x, each, skip.shape)
    # Where an odd row is left over, it may go to either side: the middle is compared where it is one.
    batches = [{"x": x, "skip": each} for each, (h, w) in zip(large, sizes, strict=True) if h % 2 == w % 2 == 0]
    compare_networks(model, stage, batches, decoder_mistakes(stage), what, hints)
    odd_crops(model, stage, x, [each for each, (h, w) in zip(large, sizes, strict=True) if h % 2 or w % 2])
    gradients_must_reach_parameters(model.train(), inputs, DECODER_NEIGHBOUR)


def works_with(model, x, large, shape) -> None:
    rows, columns = large.shape[-2:]
    try:
        out = model(x, large)
    except Exception as error:
        raise Wrong(
            f"with a skip of {rows} x {columns} for an x of {shape[-2]} x {shape[-1]} it stops: {str(error)[:99]}.",
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
