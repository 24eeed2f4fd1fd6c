"""Inference and training against the plain network and MONAI's BasicUNet, in turn, in one process.

    .venv/bin/python benchmarks/speed.py [ROUNDS]

Inference: images of 256 x 256, one and eight at a time, through the network of the report's widths (`report_width.py` trains it
first, where it was not yet) and through the shipped one, and 192 x 192, the size that `segment` works at. Lower precisions are
judged on 100 and 200 cells that neither training nor calibration has seen. Training: whole steps, as `train` makes them.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import warnings
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from monai.networks.nets import BasicUNet
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.report_width import JUDGED, trained
from benchmarks.table import Row, benchmark, compared
from unet_lab.acceleration import AS_GIVEN, WAYS, accelerate
from unet_lab.acceleration.timing import machine_peak
from unet_lab.datasets import Cell, generate_cell, standardise
from unet_lab.inspection import cost
from unet_lab.losses import cross_entropy
from unet_lab.metrics import fast_confusion_matrix, scores
from unet_lab.training import bfloat16_is_faster
from unet_lab.training.loop import training_step
from unet_lab.unet import UNet
from unet_lab.weights import load_pretrained

BY_PYTORCH = ("folded", "channels last", "Winograd", "bfloat16")
COMPILED = ("compiled", "compiled bfloat16")


def monai(base: int, **settings) -> nn.Module:
    """MONAI's U-Net of the same widths, as it comes."""
    return BasicUNet(spatial_dims=2, in_channels=1, out_channels=3, features=(*(base * 2**k for k in range(5)), base), **settings)


def batch(cells: list[Cell]) -> torch.Tensor:
    return torch.from_numpy(np.stack([standardise(cell.image) for cell in cells]))[:, None]


def quality(run, cells: list[Cell]) -> tuple[float, np.ndarray]:
    """Macro IoU, and the classes of all pixels."""
    with torch.inference_mode():
        classes = np.concatenate([run(batch([cell])).argmax(1).numpy() for cell in cells])
    table = sum(fast_confusion_matrix(cell.mask, c) for cell, c in zip(cells, classes, strict=True))
    return scores(table, average="macro").iou, classes


class Subject(NamedTuple):
    """A network that is measured. peer : MONAI's of the same widths. difficulty : of the cells that it is measured on."""

    name: str
    model: nn.Module
    peer: nn.Module
    difficulty: float


def inference(subject: Subject, size: int, images: int, using: tuple[str, ...], rounds: int, judged: int) -> list[Row]:
    """Rows of the best of each kind, out of one run in which all take turns. judged : cells to judge lower precisions by, of
    one image at a time; 0 for none."""
    model, draw = subject.model, partial(generate_cell, size=size, difficulty=subject.difficulty)
    x, calibration = batch([draw(seed) for seed in range(images)]), batch([draw(seed) for seed in range(100, 116)])
    fast = accelerate(model, x, "lower", calibration, using=using, keep_all=True, seconds=2, progress=False)
    exact = {t.name for t in fast.trials if t.difference <= 1e-4}
    with torch.inference_mode():
        runs = {"MONAI": partial(subject.peer, x)} | {name: partial(run, x) for name, run in fast.ways.items()}
        times = benchmark(runs, rounds)
    what = f"{images} x 1 x {size} x {size}, {subject.name}"
    work = 2 * images * sum(layer.multiply_adds for layer in cost(model, np.random.default_rng(0).random((size, size))))
    rows = [compared(f"{what}: as given", "MONAI's BasicUNet", times[AS_GIVEN], times["MONAI"])]
    rows[0].note = f"{work / 1e9:.0f} GFLOP, {share_of_peak(work, times[AS_GIVEN], torch.float32)}"
    kinds = {
        "float32, logits within 1e-4": exact,
        "lower precision, PyTorch alone": (*BY_PYTORCH, *COMPILED),
        "bfloat16, any runtime": [n for n in times if "bfloat16" in n],
        "int8, calibrated on 16 images": [n for n in times if "int8" in n],
    }
    cells = [draw(seed) for seed in range(200, 200 + judged)]
    before, expected = quality(model, cells) if judged else (0.0, np.zeros(0))
    for kind, names in kinds.items():
        name = min((n for n in names if n in times and n != AS_GIVEN), key=lambda n: statistics.median(times[n]), default=None)
        if name is None:
            continue
        note = f"{name}, {share_of_peak(work, times[name], torch.bfloat16 if 'bfloat16' in name else torch.float32)}"
        if judged and name not in exact:
            after, classes = quality(fast.ways[name], cells)
            same = (classes == expected).mean()
            note += f"; {same:.2%} of the pixels of {judged} cells agree; macro IoU {after:.4f}, was {before:.4f}"
        for against, theirs in (("the plain network", AS_GIVEN), ("MONAI's BasicUNet", "MONAI")):
            rows.append(compared(f"{what}: {kind}", against, times[name], times[theirs], note))
    return rows


def share_of_peak(work: float, times: list[float], kind: torch.dtype) -> str:
    """How much of the fastest that this machine multiplies in that precision (`machine_peak`) a network reaches."""
    reached = work / statistics.median(times)
    return f"{reached / 1e9:.0f} GFLOP/s, {reached / (2 * peak(kind)):.0%} of this machine's peak in {str(kind)[6:]}"


@cache
def peak(kind: torch.dtype) -> float:
    return machine_peak(kind)


class AsTrained:
    """What `training_step` asks of a run: the precision and the loss that `train` has here."""

    def precision(self):
        return torch.autocast("cpu", torch.bfloat16, enabled=bfloat16_is_faster(torch.device("cpu")))

    def loss(self, outputs, mask, weights):
        return cross_entropy(outputs, mask)

    def value_of(self, loss):
        return loss.item()


def steps(base: int, shape: tuple[int, ...], rounds: int) -> list[Row]:
    """Whole training steps: forward, backward, Adam."""
    torch.manual_seed(0)
    x, y = torch.randn(shape), torch.randint(0, 3, (shape[0], *shape[2:]))

    def plain(model):
        model.train()
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)

        def step():
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()

        return step

    def ours(model):
        model.train().to(memory_format=torch.channels_last)
        optimizer, image = torch.optim.Adam(model.parameters(), lr=1e-4), x.to(memory_format=torch.channels_last)
        return lambda: training_step(model, optimizer, image, y, None, AsTrained())

    runs = {"ours": ours(UNet(base_channels=base)), "plain": plain(UNet(base_channels=base)), "MONAI": plain(monai(base))}
    times = benchmark(runs, rounds)
    what = f"training step, {' x '.join(map(str, shape))}, {base} first channels"
    note = "bfloat16 and channels last, as train does here" if bfloat16_is_faster(torch.device("cpu")) else "channels last"
    peers = (("the plain network", "plain"), ("MONAI's BasicUNet", "MONAI"))
    return [compared(what, against, times["ours"], times[name], note) for against, name in peers]


def allocator(rounds: int) -> list[Row]:
    """The same network in two processes that take turns: one whose C library keeps freed memory, and one whose does not."""
    found = []
    for side in (256, 512, 1024):
        times = {kept: [] for kept in ("yes", "no")}
        for _ in range(rounds):
            for kept, those in times.items():
                line = [sys.executable, __file__, "--allocator", kept, str(side)]
                those.append(float(subprocess.run(line, capture_output=True, check=True, text=True).stdout))
        found.append(
            compared(f"keep_freed_memory, small network, {side} x {side}", "without it", times["yes"], times["no"], "float32")
        )
    return found


@torch.inference_mode()
def one_allocator(kept: str, side: int) -> None:
    from unet_lab.training import keep_freed_memory

    if kept == "yes":
        keep_freed_memory()
    model, x = load_pretrained().eval(), torch.randn(1, 1, side, side)
    times = benchmark({"": partial(model, x)}, 5)[""]
    print(sorted(times)[2])


def has_compiler() -> bool:
    """Can torch.compile make programs here? It needs a C++ compiler."""
    try:
        torch.compile(lambda x: x + 1)(torch.ones(1))
    except Exception:  # of whatever kind: then not
        return False
    return True


def rows(rounds: int = 13) -> list[Row]:
    warnings.simplefilter("ignore")
    compilers = COMPILED if has_compiler() else ()
    every = tuple(name for name in WAYS if name not in COMPILED or name in compilers)
    quick = tuple(name for name in ("channels last", "Winograd", "OpenVINO", "OpenVINO int8") if name in every)
    heavy = tuple(name for name in every if name not in (*COMPILED, "folded", "float16"))
    report = Subject("report's width", trained(), monai(64).eval(), JUDGED)
    shipped = Subject("shipped network", load_pretrained().eval(), monai(16).eval(), 1.0)
    few = max(3, rounds // 3)
    found = inference(report, 256, 1, heavy, few, judged=100) + inference(report, 256, 8, quick[1:], 3, judged=0)
    found += inference(shipped, 256, 1, heavy, rounds, judged=0) + inference(shipped, 256, 8, quick, few, judged=0)
    found += inference(shipped, 192, 1, every, rounds, judged=200)
    found += steps(64, (3, 1, 128, 128), max(5, rounds // 2)) + steps(16, (8, 1, 256, 256), max(5, rounds // 2))
    return found + allocator(3)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--allocator"]:
        one_allocator(sys.argv[2], int(sys.argv[3]))
    else:
        for row in rows(*map(int, sys.argv[1:])):
            print(row)
