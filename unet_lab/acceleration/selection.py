"""`accelerate`: try on this machine what may make a network faster, and keep what does."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from unet_lab.acceleration.exporting import onnx_bytes
from unet_lab.acceleration.runtimes import OnnxRuntime, OpenVino, missing, quantised
from unet_lab.acceleration.timing import Ratio, benchmark, ratio, time_once
from unet_lab.acceleration.winograd import WinogradConv2d, fits_winograd
from unet_lab.foreign import class_logits, logits_only
from unet_lab.inference.folding import fold_batch_norm
from unet_lab.training.device import has_bfloat16

AS_GIVEN = "as given"
_HOPELESS = 1.5  # times as slow as the given network: not timed any further
_GAIN = 1.03  # the first decile of the turns must be that much faster, or the network stays as it was given
UNKNOWN = Ratio(math.nan, math.nan, math.nan)
Run = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Trial:
    """One way to run the network, what it cost and what it changed; NaN where it was not measured."""

    name: str
    verdict: str  # "chosen", "", or why it was not considered
    milliseconds: float = math.nan  # median
    speed_up: Ratio = UNKNOWN  # against the network as given, turn by turn
    difference: float = math.nan  # largest of the logits
    agreement: float = math.nan  # share of pixels with the same class
    megabytes: float = math.nan  # of the weights


class Accelerated(nn.Module):
    """A network for inference that gives what another one gives, faster; made by `accelerate`.

    Input and output as the network's, float32. `trials` is what was tried, `chosen` the one that runs; printed, a table. The
    given network is `original`; if its weights change, accelerate it again. `ways` holds the others where they were kept.
    """

    def __init__(self, original: nn.Module, run: Run, trials: list[Trial], ways: dict[str, Run] | None = None):
        super().__init__()
        self.original = original
        self.trials = trials
        self.chosen = next(t for t in trials if t.verdict == "chosen")
        self.__dict__ |= {"_run": run, "ways": ways or {}}  # not as submodules: their copies of the weights are no parameters
        self.training = False

    def train(self, mode: bool = True) -> Accelerated:
        """Only evaluation: raises RuntimeError for mode=True. The original's mode is left alone."""
        if mode:
            raise RuntimeError("an accelerated network cannot be trained; train its .original, then accelerate again.")
        self.training = False
        return self

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W) -> (N, classes, H, W), float32
        with torch.inference_mode():
            return self._run(x)

    def extra_repr(self) -> str:
        return f"{self.chosen.name}: {self.chosen.speed_up.median:.2f} times as fast"

    def __str__(self) -> str:
        return table(self.trials)


def accelerate(
    model: nn.Module,
    example: Tensor,
    precision: str = "float32",
    calibration: Tensor | None = None,
    *,
    tolerance: float = 1e-4,
    agreement: float = 0.995,
    using: tuple[str, ...] | None = None,
    seconds: float = 10.0,
    keep_all: bool = False,
    progress: bool = True,
) -> Accelerated:
    """Run the network in every way that may be faster here, in turn, and return it in the fastest that still gives its answer.

    Parameters
    ----------
    model : any network that gives logits (N, classes, H, W) for images (N, C, H, W). It is not changed.
    example : images of the size and number that will come, float32, on the model's device. Times and agreement are of these.
    precision : "float32": only what keeps the logits to `tolerance`. "lower": also bfloat16, float16 on a GPU and, where
        `calibration` is given, int8: what keeps the class of at least `agreement` of the pixels.
    calibration : images (N, C, H, W) from which int8 takes its ranges; others than the example's. 16 are enough.
    using : names to try, out of `WAYS`; all where left out, but "compiled", which takes a minute to compile.
    seconds : about how long to measure. keep_all : leave every way that was timed in `ways`, by name. progress : show a bar.

    A way is chosen only if nine of ten turns were faster than the network as given; else it is returned as it was given. Ways
    that are not installed, fail, or change the answer are in the report with the reason. Images of other sizes work; where what
    was chosen is for one size only (compiled, or exported with crops), they run through the folded network.

    Raises ValueError for an example that the network does not take, another precision, or a name that is not in `WAYS`.
    """
    if precision not in ("float32", "lower"):
        raise ValueError(f"precision is {precision!r}; allowed are 'float32' and 'lower'.")
    names = _names(using)
    if example.dtype != torch.float32 or not bool(torch.isfinite(example).all()):
        raise ValueError(f"the example is {example.dtype}, or holds NaN; give finite float32 images, as standardise makes them.")
    given = logits_only(model if not model.training else copy.deepcopy(model).eval(), example)
    with torch.inference_mode():
        expected = given(example)
        plain = min(time_once(lambda: given(example)) for _ in range(2))
        runs: dict[str, Run] = {AS_GIVEN: given}
        notes: dict[str, dict] = {AS_GIVEN: {"megabytes": _megabytes(given)}}
        for name in tqdm(names, desc="ways to run it", unit="way", disable=not progress, leave=False):
            run, facts = tried(name, given, example, expected, precision, calibration)
            if run is not None:
                facts["verdict"] = objection(facts, precision, tolerance, agreement, plain)
            notes[name] = facts
            if not facts["verdict"]:
                runs[name] = run
        rounds = max(5, min(50, int(seconds / (plain + sum(notes[n]["quick"] for n in runs if n != AS_GIVEN) + 1e-9))))
        times = benchmark({name: partial(run, example) for name, run in runs.items()}, rounds)
    trials = []
    for name, facts in notes.items():
        facts.pop("quick", None)
        if name in runs:
            facts |= {"milliseconds": 1000 * sorted(times[name])[rounds // 2], "speed_up": ratio(times[name], times[AS_GIVEN])}
        trials.append({"name": name, "verdict": "", **facts})
    best = max((t for t in trials if t["name"] in runs), key=lambda t: t["speed_up"].median)
    if best["speed_up"].low < _GAIN:
        best = trials[0]
    best["verdict"] = "chosen"
    trials[0] |= {"difference": 0.0, "agreement": 1.0}
    run = runs[best["name"]]
    if not getattr(run, "any_size", best["name"] in (AS_GIVEN, *_ANY_SIZE)):
        run = _WithOtherSizes(run, tuple(example.shape), fold_batch_norm(given))
    return Accelerated(model, run, [Trial(**t) for t in trials], runs if keep_all else None)


def table(trials: list[Trial]) -> str:
    """What was tried, the fastest first, in words."""
    lines = [f"{'':22s}{'ms':>8s}{'times as fast':>24s}{'logits off by':>15s}{'same class':>12s}{'MB':>8s}"]
    for t in sorted(trials, key=lambda t: (math.isnan(t.milliseconds), t.milliseconds)):
        if math.isnan(t.milliseconds):
            lines.append(f"{t.name:22s}    not timed: {t.verdict}")
            continue
        mark = "   <- chosen" if t.verdict == "chosen" else ""
        lines.append(
            f"{t.name:22s}{t.milliseconds:8.1f}{t.speed_up!s:>24s}{t.difference:15.1e}{t.agreement:12.2%}{t.megabytes:8.1f}{mark}"
        )
    return "\n".join(lines)


class _WithOtherSizes:
    """What was made for one shape takes that shape; the folded network takes all others."""

    def __init__(self, run: Run, shape: tuple[int, ...], otherwise: nn.Module):
        self.run, self.shape, self.otherwise = run, shape, otherwise

    def __call__(self, x: Tensor) -> Tensor:
        if tuple(x.shape) == self.shape:
            return self.run(x)
        return self.otherwise(x)


def folded(model: nn.Module, example: Tensor, calibration) -> tuple[Run, float]:
    model = fold_batch_norm(model)
    return model, _megabytes(model)


def channels_last(model: nn.Module, example: Tensor, calibration) -> tuple[Run, float]:
    model = fold_batch_norm(model).to(memory_format=torch.channels_last)
    return (lambda x: model(x.to(memory_format=torch.channels_last))), _megabytes(model)


def winograd(model: nn.Module, example: Tensor, calibration) -> tuple[Run, float]:
    model = with_winograd(model, example)
    return (lambda x: model(x.to(memory_format=torch.channels_last))), _megabytes(model)


def lower(dtype: torch.dtype, model: nn.Module, example: Tensor, calibration) -> tuple[Run, float]:
    model = fold_batch_norm(model).to(dtype, memory_format=torch.channels_last)
    return (lambda x: model(x.to(dtype, memory_format=torch.channels_last)).float()), _megabytes(model)


def _compiled(dtype: torch.dtype, model: nn.Module, example: Tensor, calibration) -> tuple[Run, float]:
    model = fold_batch_norm(model).to(dtype, memory_format=torch.channels_last)
    compiled = torch.compile(model)
    return (lambda x: compiled(x.to(dtype, memory_format=torch.channels_last)).float()), _megabytes(model)


def runtime(kind: Callable[[bytes], Run], int8: bool, model: nn.Module, example: Tensor, calibration) -> tuple[Run, float]:
    with torch.inference_mode(False):
        network = onnx_bytes(fold_batch_norm(model), example)
    if int8:
        network = quantised(network, calibration.detach().cpu())
    return kind(network), len(network) / 1e6


WAYS: dict[str, Callable[..., tuple[Run, float]]] = {
    "folded": folded,
    "channels last": channels_last,
    "Winograd": winograd,
    "compiled": partial(_compiled, torch.float32),
    "bfloat16": partial(lower, torch.bfloat16),
    "float16": partial(lower, torch.float16),
    "compiled bfloat16": partial(_compiled, torch.bfloat16),
    "ONNX Runtime": partial(runtime, OnnxRuntime, False),
    "OpenVINO": partial(runtime, OpenVino, False),
    "OpenVINO bfloat16": partial(runtime, partial(OpenVino, precision="bf16"), False),
    "ONNX Runtime int8": partial(runtime, OnnxRuntime, True),
    "OpenVINO int8": partial(runtime, OpenVino, True),
}
_ANY_SIZE = ("folded", "channels last", "Winograd", "bfloat16", "float16")
_SLOW_TO_MAKE = ("compiled", "compiled bfloat16")


def with_winograd(model: nn.Module, example: Tensor, rounds: int = 5) -> nn.Module:
    """A folded copy in channels-last order, in which the 3x3 convolutions that are faster by Winograd's method, at the example's
    size, are `WinogradConv2d`. Each is timed both ways, at the input that it gets."""
    model = fold_batch_norm(model).to(memory_format=torch.channels_last)
    layers = {name: m for name, m in model.named_modules() if fits_winograd(m)}
    inputs: dict[str, Tensor] = {}
    hooks = [m.register_forward_pre_hook(lambda _, args, n=n: inputs.__setitem__(n, args[0])) for n, m in layers.items()]
    try:
        model(example.to(memory_format=torch.channels_last))
    finally:
        for hook in hooks:
            hook.remove()
    for name, layer in layers.items():
        x = inputs.pop(name)
        if min(layer.in_channels, layer.out_channels) < 8 or min(x.shape[-2:]) < 4:
            continue  # the tiles' transforms cost more than they spare
        candidate = WinogradConv2d(layer)
        times = benchmark({"direct": partial(layer, x), "winograd": partial(candidate, x)}, rounds)
        if min(times["winograd"]) < 0.95 * min(times["direct"]):
            parent, _, last = name.rpartition(".")
            setattr(model.get_submodule(parent), last, candidate)
    return model


def _names(using: tuple[str, ...] | None) -> list[str]:
    if using is None:
        return [name for name in WAYS if name not in _SLOW_TO_MAKE]
    unknown = [name for name in using if name not in WAYS]
    if unknown:
        raise ValueError(f"there is no way {unknown[0]!r} to run a network; there are {', '.join(WAYS)}.")
    return list(using)


def tried(name, given, example, expected, precision, calibration) -> tuple[Run | None, dict]:
    """Make one way and run it; what it is like, or the verdict against it."""
    advice = out_of_question(name, example.device, precision, calibration)
    if advice:
        return None, {"verdict": advice}
    try:
        run, megabytes = WAYS[name](given, example, calibration)
        got = run(example)
    except Exception as error:  # compilers and runtimes fail in ways of their own; the network as given is still there
        first = (str(error).strip() or "no words").splitlines()[0]
        return None, {"verdict": f"failed with {type(error).__name__}: {first[:150]}"}
    quick = min(time_once(lambda: run(example)) for _ in range(2))
    same = float((class_logits(got).argmax(dim=1) == class_logits(expected).argmax(dim=1)).cpu().double().mean())
    return run, {"difference": float((got - expected).abs().max()), "agreement": same, "megabytes": megabytes, "quick": quick}


def out_of_question(name: str, device: torch.device, precision: str, calibration) -> str:
    low = any(word in name for word in ("bfloat16", "float16", "int8"))
    on_cpu = name.startswith(("ONNX", "OpenVINO"))
    if low and precision == "float32":
        return "lower precision, not asked for"
    if on_cpu and device.type != "cpu":
        return f"runs on the CPU, the network is on {device.type}"
    if name == "Winograd" and device.type != "cpu":
        return "cuDNN chooses Winograd's method by itself"
    if name == "float16" and device.type == "cpu":
        return "for GPUs"
    if "bfloat16" in name and not has_bfloat16(device):
        return "this processor has no bfloat16 instructions"
    if "int8" in name and calibration is None:
        return "needs calibration images"
    if on_cpu:
        return missing("onnx", "onnxscript", "onnxruntime" if name.startswith("ONNX") or "int8" in name else "openvino",
                       *(["openvino"] if name == "OpenVINO int8" else []))  # fmt: skip
    return ""


def objection(facts: dict, precision: str, tolerance: float, agreement: float, plain: float) -> str:
    """Why this way is not to be timed, "" if it is: another answer first, then what takes far longer than `plain` seconds."""
    if not math.isfinite(facts["difference"]):
        return "logits that are not finite"
    if precision == "float32" and facts["difference"] > tolerance:
        return f"logits off by {facts['difference']:.1e}, allowed are {tolerance:.0e}"
    if facts["agreement"] < agreement:
        return f"{facts['agreement']:.2%} of the pixels keep their class, wanted are {agreement:.1%}"
    if facts["quick"] > _HOPELESS * plain:
        return f"{facts['quick'] / plain:.1f} times as slow"
    return ""


def _megabytes(model: nn.Module) -> float:
    return sum(t.numel() * t.element_size() for t in model.state_dict().values()) / 1e6


__all__ = ["AS_GIVEN", "WAYS", "Accelerated", "Trial", "accelerate", "table", "with_winograd"]
