"""Five networks that all turn an image into logits of its size. Which is a U-Net? Probe them in 05 before you read on here."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from unet_lab.blocks import ConvBlock, EncoderStage
from unet_lab.course.checking import Wrong
from unet_lab.course.facts import counted
from unet_lab.course.leniency import fields, word
from unet_lab.unet import UNet

KINDS = ("U-Net", "skips carry nothing", "no pooling", "a skip of noise", "cut off below the top")
_ANSWER = dict(zip("ABCDE", np.random.RandomState(36).permutation(5).tolist(), strict=True))  # drawn: reading does not tell it
_HINTS = (
    "It answers alike twice, sees far, and each skip matters: what else should a U-Net do?",
    "Take a skip away and nothing changes: the decoder never used it.",
    "There is no skip to take away, and it sees as far as its few convolutions reach: each 3x3 adds 2 pixels.",
    "Ask twice with the same image: something in it is drawn at random, although dropout is off.",
    "Only the upper skip matters, and it sees less than two blocks and two poolings would: what lies below does not arrive.",
)


class _Mystery(UNet):
    def __init__(self, kind: int):
        super().__init__(in_channels=1, num_classes=3, base_channels=8, depth=2)
        self.kind = kind

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for level, stage in enumerate(self.encoder):
            x, skip = stage(x)
            if self.kind == 3 and level == 0:
                skip = torch.randn_like(skip)
            skips.append(0 * skip if self.kind == 1 else skip)
        x = self.bottleneck(x)
        for stage in self.decoder:
            if self.kind == 4:
                x = 0 * x
            x = stage(x, skips.pop())
        return self.head(x)


def mystery(letter: str) -> nn.Module:
    """Network "A" to "E", in evaluation mode: takes (N, 1, H, W), H and W multiples of 4, gives logits (N, 3, H, W)."""
    if letter not in _ANSWER:
        raise ValueError(f"there is no mystery {letter!r}; there are {', '.join(_ANSWER)}.")
    torch.manual_seed(11)
    kind = _ANSWER[letter]
    if kind == 2:
        return nn.Sequential(ConvBlock(1, 8), ConvBlock(8, 8), ConvBlock(8, 8), nn.Conv2d(8, 3, 1)).eval()
    model = _Mystery(kind)
    model.he_initialise()
    return model.eval()


def same_twice(model: nn.Module) -> bool:
    """True where the same image gets the same answer twice."""
    x = image()
    with torch.no_grad():
        return bool(torch.equal(model(x), model(x)))


def sees(model: nn.Module) -> int:
    """Width in pixels of the square of the input that one output pixel depends on, by gradient, for one random image."""
    x = image().requires_grad_()
    middle = x.shape[-1] // 2
    model(x)[0, :, middle, middle].sum().backward()
    touched = (x.grad[0, 0] != 0).nonzero()
    return int((touched.max(dim=0).values - touched.min(dim=0).values).max()) + 1


def skip_matters(model: nn.Module, level: int) -> bool | None:
    """True where the answer changes when what encoder stage `level` hands across becomes zeros; None where there is none."""
    stages = [module for module in model.modules() if isinstance(module, EncoderStage)]
    if level >= len(stages):
        return None
    x = image()
    with torch.no_grad():
        torch.manual_seed(1)  # so that a network that draws at random draws the same both times
        before = model(x)
        handle = stages[level].register_forward_hook(lambda _m, _i, out: (out[0], torch.zeros_like(out[1])))
        torch.manual_seed(1)
        after = model(x)
        handle.remove()
    return bool((after - before).abs().max() > 1e-4 * before.abs().max())


def image() -> Tensor:
    return torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))


def mysteries(answer) -> None:
    """A dictionary that names for each letter the kind of network, one of KINDS."""
    answer = fields(answer, tuple(_ANSWER))
    for letter, given in answer.items():
        kind = word(given, KINDS, {"a skip of noise": "a skip is noise"})
        if kind is None:
            raise Wrong(f"{letter}: {given!r} is none of the five kinds.", f"The kinds are: {'; '.join(KINDS)}.")
        answer[letter] = kind
    right = {letter: KINDS[number] for letter, number in _ANSWER.items()}
    wrong = [letter for letter in answer if answer[letter] != right[letter]]
    if wrong:
        letter = wrong[0]
        model = mystery(letter)
        probes = f"same twice {same_twice(model)}, sees {sees(model)} pixels, "
        probes += f"skip 0 matters {skip_matters(model, 0)}, skip 1 matters {skip_matters(model, 1)}"
        with counted(len(answer) - len(wrong), of=len(answer)):
            raise Wrong(
                f"{len(wrong)} of 5 are wrong, {letter} is one of them: {answer[letter]!r} does not fit ({probes}).",
                _HINTS[_ANSWER[letter]],
                "Ask for each kind what each probe must say, before you look at what it says.",
                "A neighbour: a radio that is dead with the mains off runs on the mains; if taking out the battery changes "
                "nothing, the battery is not used.",
            )
