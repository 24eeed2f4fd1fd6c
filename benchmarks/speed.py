"""Inference and training against the plain network and MONAI's BasicUNet, benchmark in one run.

    .venv/bin/python benchmarks/speed.py [ROUNDS]

Inference: 1 x 1 x 256 x 256 at the report's width, and the shipped network at the size that it runs at. The network of the
report's width is trained first, for some minutes (kept in build/), since int8 says nothing on weights drawn at random.
Training: whole steps, as `train` makes them.
"""

from __future__ import annotations

import subprocess
import sys
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import torch
from monai.networks.nets import BasicUNet
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.table import Row, benchmark, compared
from unet_lab.acceleration import AS_GIVEN, WAYS, accelerate
from unet_lab.acceleration.timing import machine_peak
from unet_lab.datasets import Cell, SegmentationDataset, generate_cell, standardise
from unet_lab.inspection import cost
from unet_lab.losses import cross_entropy
from unet_lab.metrics import confusion_matrix, scores
from unet_lab.training import bfloat16_is_faster, fit
from unet_lab.training.loop import training_step
from unet_lab.unet import UNet
from unet_lab.weights import load_pretrained, load_weights, save_weights

TRAINED = Path(__file__).parents[1] / "build" / "report-width.safetensors"
BY_PYTORCH = ("folded", "channels last", "Winograd", "bfloat16")
COMPILED = ("compiled", "compiled bfloat16")


def monai(base: int, **settings) -> nn.Module:
    """MONAI's U-Net of the same widths, as it comes."""
    return BasicUNet(spatial_dims=2, in_channels=1, out_channels=3, features=(*(base * 2**k for k in range(5)), base), **settings)


def trained() -> UNet:
    """The report's network after a short training on generated cells."""
    if TRAINED.exists():
        return load_weights(TRAINED)
    torch.manual_seed(0)
    model = UNet.report()
    cells = SegmentationDataset.generated(60, size=256, first_seed=1000, difficulty=0.5)
    fit(model, cells.crops(128), epochs=5, learning_rate=3e-3)
    TRAINED.parent.mkdir(exist_ok=True)
    save_weights(model, TRAINED)
    return load_weights(TRAINED)


def batch(cells: list[Cell]) -> torch.Tensor:
    return torch.from_numpy(np.stack([standardise(cell.image) for cell in cells]))[:, None]


def quality(run, cells: list[Cell]) -> tuple[float, np.ndarray]:
    """Macro IoU, and the classes of all pixels."""
    with torch.inference_mode():
        classes = np.concatenate([run(batch([cell])).argmax(1).numpy() for cell in cells])
    table = sum(confusion_matrix(cell.mask, c) for cell, c in zip(cells, classes, strict=True))
    return scores(table, average="macro").iou, classes


def inference(model: nn.Module, peer: nn.Module, size: int, what: str, rounds: int, difficulty: float) -> list[Row]:
    """Rows of the best of each kind, out of one benchmark run of all."""
    draw = partial(generate_cell, size=size, difficulty=difficulty)
    cells = [draw(seed) for seed in range(10)]
    x, calibration = batch(cells[:1]), batch([draw(seed) for seed in range(100, 116)])
    compilers = COMPILED if has_compiler() else ()
    using = tuple(name for name in WAYS if name not in COMPILED or name in compilers)
    fast = accelerate(model, x, "lower", calibration, using=using, keep_all=True, seconds=2, progress=False)
    exact = {t.name for t in fast.trials if t.difference <= 1e-4}
    with torch.inference_mode():
        runs = {"MONAI": partial(peer, x)} | {name: partial(run, x) for name, run in fast.ways.items()}
        times = benchmark(runs, rounds)
    before, expected = quality(model, cells)

    def best(names) -> str | None:
        names = [n for n in names if n in times and n != AS_GIVEN]
        return min(names, key=lambda n: sorted(times[n])[rounds // 2], default=None)

    rows = [compared(f"{what}: as given", "MONAI's BasicUNet", times[AS_GIVEN], times["MONAI"])]
    kinds = {
        "float32, logits within 1e-4": exact,
        "lower precision, PyTorch alone": (*BY_PYTORCH, *compilers),
        "bfloat16, any runtime": [n for n in times if "bfloat16" in n],
        "int8, calibrated on 16 images": [n for n in times if "int8" in n],
    }
    for kind, names in kinds.items():
        name = best(names)
        if name is None:
            continue
        after, classes = quality(fast.ways[name], cells)
        same = (classes == expected).mean()
        note = f"{name}; {same:.2%} of the pixels of 10 cells agree; macro IoU {after:.3f}, was {before:.3f}"
        for against, theirs in (("the plain network", AS_GIVEN), ("MONAI's BasicUNet", "MONAI")):
            rows.append(compared(f"{what}: {kind}", against, times[name], times[theirs], note))
    return rows


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


def rows(rounds: int = 15) -> list[Row]:
    warnings.simplefilter("ignore")
    peaks = [f"{2 * machine_peak(kind) / 1e9:.0f} GFLOP/s in {name}" for kind, name in
             ((torch.float32, "float32"), (torch.bfloat16, "bfloat16"))]  # fmt: skip
    model = trained().eval()
    found = inference(model, monai(64).eval(), 256, "1x1x256x256, report's width", rounds, 0.5)
    work = 2 * sum(layer.multiply_adds for layer in cost(model, np.random.default_rng(0).random((256, 256))))
    found[0].note = f"this machine's matrix products reach {' and '.join(peaks)}; the network takes {work / 1e9:.0f} GFLOP"
    found += inference(load_pretrained().eval(), monai(16).eval(), 192, "1x1x192x192, shipped network", rounds, 1.0)
    found += steps(64, (3, 1, 128, 128), max(5, rounds // 2)) + steps(16, (8, 1, 256, 256), max(5, rounds // 2))
    return found + allocator(5)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--allocator"]:
        one_allocator(sys.argv[2], int(sys.argv[3]))
    else:
        for row in rows(*map(int, sys.argv[1:])):
            print(row)
