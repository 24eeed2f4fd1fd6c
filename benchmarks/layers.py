"""Where a network's time goes: what share of this machine's peak each stage reaches.

.venv/bin/python benchmarks/layers.py [ROUNDS]
"""

import sys
import time
from collections import defaultdict
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.report_width import trained
from benchmarks.table import Row, benchmark, compared
from unet_lab.acceleration.timing import machine_peak
from unet_lab.inference.folding import fold_batch_norm
from unet_lab.inspection import cost
from unet_lab.weights import load_pretrained

SIZE = 256


def stages(model: nn.Module) -> dict[str, nn.Module]:
    """The network's parts by name, in the order in which they run."""
    inwards = {f"encoder {k}": stage for k, stage in enumerate(model.encoder, 1)}
    outwards = {f"decoder {len(model.decoder) - k}": stage for k, stage in enumerate(model.decoder)}
    return {**inwards, "bottleneck": model.bottleneck, **outwards, "head": model.head}


def times_of(model: nn.Module, rounds: int) -> dict[str, list[float]]:
    """Seconds of each stage in each round, and of the whole."""
    found, began = defaultdict(list), {}
    for name, stage in stages(model).items():
        stage.register_forward_pre_hook(lambda *_, name=name: began.__setitem__(name, time.perf_counter()))
        stage.register_forward_hook(lambda *_, name=name: found[name].append(time.perf_counter() - began[name]))
    x = torch.randn(1, 1, SIZE, SIZE).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        whole = benchmark({"whole": partial(model, x)}, rounds)["whole"]
    return {name: times[1:] for name, times in found.items()} | {"the whole": whole}


def rows(rounds: int = 15) -> list[Row]:
    """For the report's widths and the shipped network, folded, channels last, float32."""
    peak, found = machine_peak(), []
    for said, model in (("report's width", trained()), ("shipped network", load_pretrained().eval())):
        work = defaultdict(int)
        for layer in cost(model, np.random.default_rng(0).random((SIZE, SIZE))):
            part, _, rest = layer.name.partition(".")
            number = int(rest.partition(".")[0]) if part in ("encoder", "decoder") else 0
            name = {"encoder": f"encoder {number + 1}", "decoder": f"decoder {len(model.decoder) - number}"}.get(part, part)
            work[name] += layer.multiply_adds
        work["the whole"] = sum(work.values())
        times = times_of(fold_batch_norm(model).to(memory_format=torch.channels_last), rounds)
        for name, seconds in times.items():
            least = [work[name] / peak] * len(seconds)  # at the machine's peak it would take that long
            note = f"{work[name] / work['the whole']:.0%} of the work, {sum(seconds) / sum(times['the whole']):.0%} of the time"
            what = f"share of the peak: {said}, {SIZE} x {SIZE}, {name}"
            found.append(compared(what, "this machine's peak in float32", seconds, least, note))
    return found


if __name__ == "__main__":
    for row in rows(*map(int, sys.argv[1:])):
        print(row)
