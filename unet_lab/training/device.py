"""Where to compute, in which layout of memory, and with how many bits."""

from __future__ import annotations

import os
import time
from functools import cache

import torch


def best_device() -> torch.device:
    """CUDA where there is one, else Apple's MPS, else the CPU; or what the environment variable UNET_LAB_DEVICE says.

    Several processes under torchrun compute with CUDA or on the CPU: what they share goes through NCCL or gloo, and gloo takes
    tensors of no other device. Raises ValueError where UNET_LAB_DEVICE is no device of this machine.
    """
    if not torch.cuda.is_available() and os.environ.get("WORLD_SIZE", "1") != "1":
        return torch.device("cpu")
    told = os.environ.get("UNET_LAB_DEVICE", "")
    if told:
        return named_device(told)
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def named_device(name: str) -> torch.device:
    """The device of that name, e.g. "cpu" or "cuda:1". Raises ValueError where this machine has none such."""
    try:
        torch.zeros(1, device=name)
        return torch.device(name)
    except (RuntimeError, AssertionError, NotImplementedError):
        has = [kind for kind in ("cuda", "mps") if getattr(torch, kind).is_available()]
        message = f"UNET_LAB_DEVICE is {name!r}; this machine has {', '.join(['cpu', *has])}. Change it, or unset it."
        raise ValueError(message) from None


def memory_layout(device: torch.device) -> torch.memory_format:
    """Channels last is what CPU and CUDA convolutions like best; Apple's do not."""
    return torch.contiguous_format if device.type == "mps" else torch.channels_last


def has_bfloat16(device: torch.device) -> bool:
    """True where bfloat16 is computed by instructions of its own; emulated, it is many times slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        return any(getattr(torch.cpu, f"_is_{name}_supported", bool)() for name in ("avx512_bf16", "amx_tile"))
    return False


@cache
def bfloat16_is_faster(device: torch.device) -> bool:
    """Whether to train in bfloat16: on a GPU that has it, and on a processor that has it and multiplies matrices faster in it.

    Instructions alone are not enough: Intel's processors that lack AMX have some, and take twice as long as in float32, while
    AMD's take half. So two products are timed once, in turns (a few milliseconds); the fastest of each counts, which other
    programs hardly change.
    """
    if device.type != "cpu" or not has_bfloat16(device):
        return has_bfloat16(device)
    factor = torch.ones(256, 256)
    factors = {dtype: factor.to(dtype) for dtype in (torch.float32, torch.bfloat16)}
    took: dict[torch.dtype, list[float]] = {dtype: [] for dtype in factors}
    for _ in range(9):
        for dtype, matrix in factors.items():
            began = time.perf_counter()
            torch.mm(matrix, matrix)
            took[dtype].append(time.perf_counter() - began)
    return min(took[torch.float32]) > 1.2 * min(took[torch.bfloat16])


def synchronize() -> None:
    """Wait until the GPU has done what it was given: else a clock is read while it still computes."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    if torch.backends.mps.is_available():
        torch.mps.synchronize()


def gpu_random_state() -> torch.Tensor | None:
    """The state of the GPU's random number generator; None where there is no GPU."""
    if torch.cuda.is_available():
        return torch.cuda.get_rng_state()
    return torch.mps.get_rng_state() if torch.backends.mps.is_available() else None


def random_states() -> list[torch.Tensor]:
    """The state of PyTorch's random number generators: the CPU's, and the GPU's where there is one."""
    gpu = gpu_random_state()
    return [torch.get_rng_state(), *([] if gpu is None else [gpu])]


def set_random_states(states: list[torch.Tensor]) -> None:
    """Put the generators back into the states that `random_states` returned; another kind of GPU's has no meaning here."""
    torch.set_rng_state(states[0])
    here = gpu_random_state()
    if len(states) > 1 and here is not None and here.shape == states[1].shape:
        (torch.cuda if torch.cuda.is_available() else torch.mps).set_rng_state(states[1])
