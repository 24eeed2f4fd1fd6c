"""More than one process: who I am, which images are mine, and what all must share. torchrun starts them; nothing else is needed.

Each process (a "worker"; its number is its "rank") holds the whole model and computes gradients for its share of a batch; the
gradients are averaged, and every worker takes the same step (data parallelism: Li et al. 2020, arXiv 2006.15704).
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils._pytree import tree_map

PATIENCE = timedelta(minutes=10)  # how long a worker waits for another one that has gone silent


class Workers(NamedTuple):
    """Which of how many workers this process is; (0, 1) where it is alone."""

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """True for the one that writes files and shows progress."""
        return self.rank == 0

    def shard(self, indices: Sequence[int]) -> list[int]:
        """This worker's part of a batch: every size-th of its images, from its rank on; sizes differ by at most one."""
        return list(indices)[self.rank :: self.size]

    def all_reduce(self, *values: float) -> list[float]:
        """The sum of each number over all workers."""
        if self.size == 1:
            return list(values)
        numbers = torch.tensor(values, dtype=torch.float64, device=device_to_send())
        dist.all_reduce(numbers)
        return numbers.tolist()

    def broadcast(self, value):
        """What the first worker has, for all."""
        if self.size == 1:
            return value
        held = [value]
        dist.broadcast_object_list(held, src=0, device=device_to_send())
        return held[0]

    def all_gather(self, value) -> list:
        """What each worker has, in the order of their ranks."""
        if self.size == 1:
            return [value]
        held = [None] * self.size
        dist.all_gather_object(held, value)
        return held


class WorkerLost(RuntimeError):
    """Another process of this run died or fell silent."""


def join() -> Workers:
    """Who this process is. Under torchrun it meets the others on the first call: NCCL where each has a GPU, else gloo."""
    if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:
        return Workers()
    if not dist.is_initialized():
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
        backend = "nccl" if torch.cuda.is_available() else "gloo"
        dist.init_process_group(backend, timeout=PATIENCE, **meeting_place())
        atexit.register(leave)
    return Workers(dist.get_rank(), dist.get_world_size())


def check_device(device: torch.device, workers: Workers) -> None:
    """Raises ValueError where several workers compute on a device whose tensors nothing here can send."""
    if workers.size > 1 and device.type not in ("cpu", "cuda"):
        raise ValueError(
            f"device is {device.type!r}, and there are {workers.size} workers: what they share goes through gloo, from the CPU, "
            f"or NCCL, with CUDA. Leave device out, or give device='cpu'."
        )


def on_this_machine(windows: bool = os.name == "nt") -> tuple[list[str], dict[str, str]]:
    """torchrun's options, and settings of the environment, for workers that are all on this machine.

    On Windows PyTorch comes without libuv, with which torchrun lets them meet; they meet through a file there.
    """
    if not windows:
        return ["--standalone"], {}
    settings = {"USE_LIBUV": "0", "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1", "PYTHONUTF8": "1"}
    return ["--rdzv-backend=c10d", "--rdzv-conf=store_type=file"], settings


@contextmanager
def averaging(model: nn.Module, workers: Workers, sync_batch_norm: bool) -> Iterator[nn.Module]:
    """The network to train with: `model` itself where the process is alone; else wrapped so that gradients are averaged.

    sync_batch_norm : batch norm takes mean and variance over all workers' images, not over this one's alone.
    """
    if workers.size == 1:
        yield model
        return
    swapped = list(synchronise(model)) if sync_batch_norm else []
    try:
        yield DistributedDataParallel(model)
    except (RuntimeError, dist.DistError) as error:
        signs = ("connection", "timed out", "timeout", "gloo", "nccl", "peer", "socket")
        if not any(sign in str(error).lower() for sign in signs):
            raise
        raise WorkerLost(
            f"worker {workers.rank} of {workers.size} lost another one, and the run ends. Start it again: with checkpoint=… it "
            f"goes on from the last one; torchrun --max-restarts=3 does so by itself. What was seen: {str(error).strip()[:300]}"
        ) from error
    finally:
        for parent, name, original in swapped:
            setattr(parent, name, original)


class SumOverWorkers(torch.autograd.Function):
    """The sum of a tensor over all workers, that gradients flow back through: what reaches any worker's sum reaches each part."""

    @staticmethod
    def forward(context, part: Tensor) -> Tensor:
        whole = part.clone()
        dist.all_reduce(whole)
        return whole

    @staticmethod
    def backward(context, gradient: Tensor) -> Tensor:
        return SumOverWorkers.forward(context, gradient)


def whole_batch(parts: Any, count: int, workers: Workers) -> Any:
    """What the workers hold of a batch of `count` images, put together in its order, on each of them.

    parts : this worker's tensors (n, …), in tuples, lists and dictionaries as they may come; what is no tensor stays. Gradients
    of what all workers compute alike from the whole flow back to each one's part, `workers.size` times as large, which averaging
    takes out again.
    """

    def together(part):
        if not isinstance(part, Tensor):
            return part
        part = part.float() if part.is_floating_point() else part
        whole = part.new_zeros(count, *part.shape[1:])
        whole[workers.rank :: workers.size] = part
        return SumOverWorkers.apply(whole)

    return tree_map(together, parts)


class SyncedBatchNorm2d(nn.BatchNorm2d):
    """Batch norm over the images of all workers, written out. PyTorch's own, nn.SyncBatchNorm, is for GPUs only."""

    # fmt: off
    def forward(self, x: Tensor) -> Tensor:  # (n, C, H, W), n may differ between workers, and may be 0
        if not self.training:
            return super().forward(x)
        kept, x, over_all = x.dtype, x.float(), SumOverWorkers.apply
        count = over_all(torch.tensor(float(x.numel() // self.num_features), device=x.device))
        mean = over_all(x.sum(dim=(0, 2, 3))) / count                       # (C,)
        centred = x - mean[:, None, None]                                   # (n, C, H, W)
        variance = over_all((centred * centred).sum(dim=(0, 2, 3))) / count # (C,)
        with torch.no_grad():
            assert self.running_mean is not None  # what `synchronise` puts here keeps running statistics
            assert self.running_var is not None
            assert self.num_batches_tracked is not None
            assert self.momentum is not None
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        scale = self.weight * torch.rsqrt(variance + self.eps)              # (C,)
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(kept)
    # fmt: on


def synchronise(model: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Module]]:
    """Put synchronised layers in the places of the batch norms; they share weights and statistics. Yields what to put back."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.BatchNorm2d:
                kind = nn.SyncBatchNorm if child.weight.is_cuda else SyncedBatchNorm2d
                synced = kind(child.num_features, child.eps, child.momentum, device="meta")
                synced.train(child.training)
                for which in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
                    setattr(synced, which, getattr(child, which))
                setattr(parent, name, synced)
                yield parent, name, child


def device_to_send() -> torch.device:
    """Where tensors must lie that are sent: NCCL sends from GPUs only."""
    return torch.device("cuda", torch.cuda.current_device()) if dist.get_backend() == "nccl" else torch.device("cpu")


def meeting_place() -> dict:
    """Where the workers find each other. After a restart torchrun's own store still holds the addresses of those that died
    (github.com/pytorch/pytorch, issue 135712), so that each attempt gets a corner of its own."""
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        return {}
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    store = dist.TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), size, is_master=False, timeout=PATIENCE)
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    return {"store": dist.PrefixStore(f"unet-lab/{attempt}", store), "rank": rank, "world_size": size}


def leave() -> None:
    """Close the connections while Python still runs: gloo's threads that outlive it abort the process now and then
    (github.com/pytorch/pytorch, pull request 179291). What still holds the group, DistributedDataParallel, is collected first.
    Where all went well, workers leave together: none closes a connection that another still reads from."""
    if dist.is_initialized():
        gc.collect()
        if dist.get_backend() == "gloo" and getattr(sys, "last_value", None) is None:
            with suppress(RuntimeError):  # another one died; nothing to wait for
                dist.monitored_barrier(timeout=timedelta(seconds=20))
        dist.destroy_process_group()
        gc.collect()
