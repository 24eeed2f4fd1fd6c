"""How much memory a training will take, before it starts; and how to make it take less."""

from __future__ import annotations

import copy
import ctypes
import warnings
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from unet_lab.files import free_memory
from unet_lab.foreign import class_logits, input_channels


class TrainingMemory(NamedTuple):
    """What a training step needs, in bytes, on top of what the process holds already."""

    weights: int  # the parameters
    optimizer: int  # their gradients, and Adam's two running means
    activations: int  # kept on the way forward for the way back
    passing: int  # the largest gradients and buffers that exist at one moment on the way back
    copies: int  # the batch itself, and the best weights so far

    @property
    def total(self) -> int:
        return sum(self)


def training_memory(
    model: nn.Module, size: tuple[int, int], batch_size: int, low_precision: bool = False, recompute: bool = False
) -> TrainingMemory:
    """Estimate what one step of Adam on a batch of `size` (H, W) images needs.

    The model is run on PyTorch's meta device, which computes shapes and no numbers; what autograd would keep is added up.
    benchmarks/memory.py holds it against the peak of real steps. recompute : as in `train`.
    Raises ValueError where the size does not fit the network.
    """
    twin = copy.deepcopy(model).to("meta").train()
    own = {v.untyped_storage()._cdata for v in twin.state_dict(keep_vars=True).values()}
    stages = dict(_stages(twin))
    kept: dict[str, dict[int, Tensor]] = defaultdict(dict)  # per stage, each storage once
    outputs: dict[str, int] = {}
    now = [""]

    def note(tensor: Tensor) -> Tensor:
        address = tensor.untyped_storage()._cdata
        if address not in own:
            kept[now[0]][address] = tensor
        return tensor

    def enter(name):
        return lambda module, inputs: now.__setitem__(0, name)

    def leave(name):
        def hook(module, inputs, out):
            now[0] = ""
            outputs[name] = sum(_bytes(t) for t in (out if isinstance(out, tuple) else (out,)))

        return hook

    for name, stage in stages.items():
        stage.register_forward_pre_hook(enter(name))
        stage.register_forward_hook(leave(name))
    channels = input_channels(model)
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        logits = class_logits(twin(torch.empty(batch_size, channels, *size, device="meta")))
        torch.nn.functional.cross_entropy(logits, torch.zeros(batch_size, *logits.shape[-2:], dtype=torch.long, device="meta"))
    inside = {name: sum(t.untyped_storage().nbytes() for t in tensors.values()) for name, tensors in kept.items()}
    activations = sum(inside.values())
    largest = max((t.untyped_storage().nbytes() for tensors in kept.values() for t in tensors.values()), default=0)
    if recompute:
        activations = inside.get("", 0) + sum(outputs.values()) + max((inside[n] for n in stages if n in inside), default=0)
    if low_precision:
        activations, largest = activations // 2, largest // 2
    weights = sum(_bytes(p) for p in twin.parameters())
    batch = batch_size * size[0] * size[1] * (4 * channels + 8)
    return TrainingMemory(weights, 3 * weights, activations, 2 * largest, batch + weights)


def available_memory(device: torch.device | str = "cpu") -> int:
    """Bytes that are free: of the GPU, or of the machine, or of the container that this runs in where that is less."""
    if torch.device(device).type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return free_memory()


def warn_if_too_large(model: nn.Module, size: tuple[int, int], batch_size: int, device: torch.device, **how) -> None:
    """Warn before a training starts that will not fit into memory, and say what would make it fit."""
    try:
        needed = training_memory(model, size, batch_size, **how).total
    except (RuntimeError, NotImplementedError, TypeError, ValueError):  # a network of your own that cannot be run without numbers
        return
    free = available_memory(device)
    if needed > 0.9 * free:
        have = f"{gigabytes(free)} are free on the {device.type}"
        warnings.warn(
            f"this training needs about {gigabytes(needed)}, and {have}. Ways out: {ways_out(batch_size)}", stacklevel=3
        )


@contextmanager
def recomputing(model: nn.Module, active: bool = True) -> Iterator[None]:
    """Keep only what passes between the stages of a U-Net, and compute the inside of each once more on the way back.

    Less memory for about a third more time, the same numbers (activation checkpointing: Chen et al. 2016, arXiv 1604.06174).
    Raises ValueError for a network that has no stages.
    """
    stages = dict(_stages(model)) if active else {}
    if active and not stages:
        raise ValueError(f"recompute=True works on the stages of a UNet; {type(model).__name__} has no encoder and decoder.")
    for stage in stages.values():
        stage.forward = checkpointed(stage)
    try:
        yield
    finally:
        for stage in stages.values():
            del stage.forward  # the class's own is back


def checkpointed(stage: nn.Module):
    plain = type(stage).forward

    @contextmanager
    def second_time():
        """Batch norm must not count the same images twice."""
        norms = [(m, m.momentum, m.num_batches_tracked.clone()) for m in stage.modules() if isinstance(m, nn.BatchNorm2d)]
        for norm, _, _ in norms:
            norm.momentum = 0.0
        try:
            yield
        finally:
            for norm, momentum, tracked in norms:
                norm.momentum = momentum
                norm.num_batches_tracked.copy_(tracked)

    def forward(*inputs: Tensor):
        if not (stage.training and torch.is_grad_enabled()):
            return plain(stage, *inputs)
        return checkpoint(plain, stage, *inputs, use_reentrant=False, context_fn=lambda: (nullcontext(), second_time()))

    return forward


def gigabytes(count: float) -> str:
    """A number of bytes in words: MB below one GB."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def ways_out(batch_size: int) -> str:
    smaller = f"a smaller batch_size (it is {batch_size}), " if batch_size > 1 else ""
    return f"{smaller}tiles instead of whole images (dataset.crops(256)), recompute=True, or a smaller base_channels."


def _stages(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for name, module in model.named_modules():
        parts = name.split(".")
        if name == "bottleneck" or (len(parts) == 2 and parts[0] in ("encoder", "decoder") and parts[1].isdigit()):
            yield name, module


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def keep_freed_memory() -> bool:
    """Let this process keep large blocks that it frees, for the next that it needs; True where the C library does so.

    glibc, the C library of most Linuxes, gives each large block back to the system and asks for a new one the next time. The
    system hands it out page by page, each filled with zeros at the first touch: for the feature maps of a large image that takes
    as long as the convolutions. After this call they are kept (`mallopt`, M_MMAP_THRESHOLD and M_TRIM_THRESHOLD), so the process
    stays as large as it ever was. False on macOS, Windows and musl, whose libraries have ways of their own.
    """
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    mmap_threshold, trim_threshold = -3, -1  # of malloc.h
    return bool(mallopt(mmap_threshold, 2**30)) and bool(mallopt(trim_threshold, 2**31 - 1))
