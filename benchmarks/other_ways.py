"""Ways to run a network faster that the course does not offer: tried, with their number, beside those that it does.

    .venv/bin/python benchmarks/other_ways.py [ROUNDS]

Some need what the course does not: pip install torchao nncf; tcmalloc and jemalloc as the system's packages. What is missing is
left out. The shipped network, 1 x 1 x 192 x 192, all in turn in one process; the allocators in processes that take turns.
"""

import os
import subprocess
import sys
import tempfile
import warnings
from ctypes.util import find_library
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.speed import batch, quality
from benchmarks.table import Row, benchmark, compared
from unet_lab.acceleration import AS_GIVEN, WAYS
from unet_lab.acceleration.exporting import onnx_bytes
from unet_lab.acceleration.runtimes import OpenVino, quiet
from unet_lab.datasets import generate_cell
from unet_lab.inference.folding import fold_batch_norm
from unet_lab.weights import load_pretrained

SIZE = 192


class WithoutJoining(nn.Module):
    """The decoder's first convolution in two parts, one for the skip and one for what comes from below, whose results are added:
    nothing is copied into one tensor."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = fold_batch_norm(model).to(memory_format=torch.channels_last)

    def forward(self, x):
        model, skips = self.model, []
        x = x.to(memory_format=torch.channels_last)
        for stage in model.encoder:
            x, skip = stage(x)
            skips.append(skip)
        x = model.bottleneck(x)
        for stage in model.decoder:
            skip, below = skips.pop(), stage.up(x)
            first, *rest = stage.block
            own = skip.shape[1]
            x = F.conv2d(skip, first.weight[:, :own], first.bias, padding=1)
            x = x.add_(F.conv2d(below, first.weight[:, own:], padding=1))
            for layer in rest:
                x = layer(x)
        return model.head(x)


def padded_channels(model: nn.Module):
    """The first convolution with 16 channels in, the last with 16 out, the further ones zeros: all then fill whole vectors."""
    model = fold_batch_norm(model).to(memory_format=torch.channels_last)
    first, head = model.encoder[0].block[0], model.head
    wide = nn.Conv2d(16, first.out_channels, 3, padding=1)
    last = nn.Conv2d(head.in_channels, 16, 1)
    with torch.no_grad():
        wide.weight.zero_()
        wide.weight[:, :1], wide.bias[:] = first.weight, first.bias
        last.weight.zero_(), last.bias.zero_()
        last.weight[: head.out_channels], last.bias[: head.out_channels] = head.weight, head.bias
    model.encoder[0].block[0], model.head = wide, last
    model._check_input = lambda x: None
    model = model.to(memory_format=torch.channels_last)

    def run(x):
        wide = F.pad(x, (0, 0, 0, 0, 0, 15)).to(memory_format=torch.channels_last)
        return model(wide)[:, : head.out_channels]

    return run


def compiled(model: nn.Module, x: torch.Tensor, **options):
    """`torch.compile` with its constants frozen into the program, and what else it offers."""
    run = torch.compile(fold_batch_norm(model).to(memory_format=torch.channels_last), options={"freezing": True, **options})
    return lambda x: run(x.to(memory_format=torch.channels_last))


def by_inductor_int8(model: nn.Module, x: torch.Tensor, calibration: torch.Tensor):
    """PyTorch 2's own way to int8 on a CPU: exported, quantised by torchao, compiled."""
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
    from torchao.quantization.pt2e.quantizer.x86_inductor_quantizer import (
        X86InductorQuantizer,
        get_default_x86_inductor_quantization_config,
    )

    quantiser = X86InductorQuantizer().set_global(get_default_x86_inductor_quantization_config())
    torch._inductor.config.freezing = True  # as an option of torch.compile it does not reach the quantised convolutions
    prepared = prepare_pt2e(torch.export.export(fold_batch_norm(model), (x,)).module(), quantiser)
    for image in calibration:
        prepared(image[None])
    return torch.compile(convert_pt2e(prepared))


def by_nncf(model: nn.Module, x: torch.Tensor, calibration: torch.Tensor, percentiles: bool = False, ends_in_float: bool = False):
    """int8 by OpenVINO's own quantiser: per channel; ranges by least and largest numbers, or by percentiles."""
    import nncf
    import openvino
    from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters as Advanced
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet as Ranges

    network = openvino.Core().read_model(onnx_bytes(fold_batch_norm(model), x))
    settings = {"activations_range_estimator_params": Ranges.HISTOGRAM if percentiles else Ranges.MEAN_MINMAX}
    convolutions = [node.get_friendly_name() for node in network.get_ordered_ops() if node.get_type_name() == "Convolution"]
    left_out = nncf.IgnoredScope(names=[convolutions[0], convolutions[-1]]) if ends_in_float else None
    images = nncf.Dataset([image[None].numpy() for image in calibration])
    made = nncf.quantize(
        network, images, ignored_scope=left_out, subset_size=len(calibration), advanced_parameters=Advanced(**settings)
    )
    with tempfile.TemporaryDirectory() as folder:
        openvino.save_model(made, Path(folder, "int8.xml"), compress_to_fp16=False)
        return OpenVino(str(Path(folder, "int8.xml")))


def ways(model: nn.Module, x: torch.Tensor, calibration: torch.Tensor) -> dict[str, object]:
    """What can be made here, by name; says what cannot."""
    makers = {
        "channels last (offered)": lambda: WAYS["channels last"](model, x, None)[0],
        "OpenVINO (offered)": lambda: WAYS["OpenVINO"](model, x, None)[0],
        "OpenVINO int8 (offered)": lambda: WAYS["OpenVINO int8"](model, x, calibration)[0],
        "compiled (offered)": lambda: WAYS["compiled"](model, x, None)[0],
        "compiled, weights frozen in": lambda: compiled(model, x),
        "compiled, frozen, tuned (max-autotune)": lambda: compiled(model, x, max_autotune=True),
        "the skip not joined: two convolutions": lambda: WithoutJoining(model),
        "channels of the ends padded to 16": lambda: padded_channels(model),
        "int8 by torchao and torch.compile": lambda: by_inductor_int8(model, x, calibration),
        "int8 by NNCF": lambda: by_nncf(model, x, calibration),
        "int8 by NNCF, ranges by histogram": lambda: by_nncf(model, x, calibration, percentiles=True),
        "int8 by NNCF, first and last in float": lambda: by_nncf(model, x, calibration, ends_in_float=True),
    }
    found: dict[str, object] = {AS_GIVEN: model}
    for name, make in makers.items():
        try:
            with quiet():
                run = make()
                run(x)
            found[name] = run
        except Exception as error:
            print(f"left out: {name}: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:200])
    return found


def allocators(rounds: int) -> list[Row]:
    """The shipped network under other allocators than the C library's."""
    program = (
        "import time, torch; from unet_lab.weights import load_pretrained; m = load_pretrained().eval(); "
        f"torch.set_grad_enabled(False); x = torch.randn(1, 1, {SIZE}, {SIZE}); [m(x) for _ in range(5)]; "
        "began = time.perf_counter(); [m(x) for _ in range(20)]; print((time.perf_counter() - began) / 20)"
    )
    libraries = {"the C library's": ""} | {n: lib for n in ("tcmalloc_minimal", "jemalloc") if (lib := find_library(n))}
    times: dict[str, list[float]] = {name: [] for name in libraries}
    line, root = [sys.executable, "-c", program], Path(__file__).parents[1]
    for _ in range(rounds):
        for name, library in libraries.items():
            environment = os.environ | ({"LD_PRELOAD": library} if library else {})
            done = subprocess.run(line, capture_output=True, check=True, text=True, env=environment, cwd=root)
            times[name].append(float(done.stdout))
    own = "the C library's"
    return [compared(f"memory by {n}", "glibc", t, times[own]) for n, t in times.items() if n != own]


def rows(rounds: int = 15) -> list[Row]:
    """Each way against the network as it is; what is not exact, judged on 200 cells."""
    warnings.simplefilter("ignore")
    torch.set_grad_enabled(False)
    model = load_pretrained().eval()
    x, calibration = (batch([generate_cell(seed, SIZE) for seed in seeds]) for seeds in (range(1), range(100, 116)))
    made = ways(model, x, calibration)
    times = benchmark({name: partial(run, x) for name, run in made.items()}, rounds)
    cells = [generate_cell(seed, SIZE) for seed in range(200, 400)]
    before, expected = quality(model, cells)
    found = []
    for name, run in made.items():
        note = f"logits off by {float((run(x) - model(x)).abs().max()):.0e}"
        if "int8" in name:
            after, classes = quality(run, cells)
            note += (
                f"; {np.mean(classes == expected):.2%} of the pixels of 200 cells agree; macro IoU {after:.4f}, was {before:.4f}"
            )
        if name != AS_GIVEN:
            found.append(compared(name, "the plain network", times[name], times[AS_GIVEN], note))
    return found + allocators(5)


if __name__ == "__main__":
    for row in rows(*map(int, sys.argv[1:])):
        print(row)
