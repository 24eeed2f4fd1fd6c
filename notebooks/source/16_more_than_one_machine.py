# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
# ---

# %% [markdown]
# # 16 · More than one machine
#
# **The question:** can several processes, or several machines, train one network, and is it still the same training?
#
# Afterwards you can start a data-parallel training with `torchrun`, say what is averaged and when, make a loop of your own run under 1, 2
# and 4 workers with one result, and tell when one more worker is not worth it.
#
# *You need [07](07_training.ipynb) (the training loop, gradients, checkpoints) and [02](02_convolution.ipynb) (batch norm).*
#
# *About 40 minutes. Back: [15 · Your own images](15_your_own_images.ipynb)*

# %%
import copy
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from unet_lab.course import check
from unet_lab.datasets import SegmentationDataset
from unet_lab.explorers import explore_workers
from unet_lab.losses import cross_entropy
from unet_lab.plots import CLASS_COLOURS, DescribedFigure
from unet_lab.training.checkpoint import load_checkpoint
from unet_lab.training.distributed import on_this_machine
from unet_lab.unet import UNet

_ = torch.manual_seed(0)

# %% [markdown]
# ## Two workers on paper
#
# The simplest way to use two processes is **data parallelism**. Each process, a *worker*, holds the whole network. A batch of four images is
# shared out, two each; each worker computes the gradients of its share; the gradients are averaged; both take the same step. So both hold the
# same network again, and the next batch can come.
#
# Is that the same as one process with all four images? The loss is a mean over pixels, and the gradient of a mean is the mean of
# gradients. **Predict** the difference between the whole batch's gradient and the mean of the two halves', relative to its length: exactly 0, about 10⁻⁷, or about 10⁻³?

# %%
cells = SegmentationDataset.generated(4, size=32)
image, mask = (torch.stack(part) for part in zip(*(cells[i] for i in range(4)), strict=True))
plain = UNet(base_channels=4, depth=2, norm=None)  # without batch norm; why, you will see


# %% tags=["nbval-check-output"]
def gradient(network, image, mask):
    """All gradients of the mean cross entropy, as one long vector."""
    network = copy.deepcopy(network).train()
    cross_entropy(network(image), mask).backward()
    return torch.cat([p.grad.flatten() for p in network.parameters()])


def difference(a, b):
    return ((a - b).norm() / a.norm()).item()


whole = gradient(plain, image, mask)
halves = [gradient(plain, image[:2], mask[:2]), gradient(plain, image[2:], mask[2:])]
print("numbers in the gradient:", len(whole))
print("the two halves agree with each other, to 1e-5: ", difference(*halves) < 1e-5)
print("their mean agrees with the whole batch, to 1e-5:", difference(whole, (halves[0] + halves[1]) / 2) < 1e-5)

# %%
print(f"half against half {difference(*halves):.2f}")
print(f"mean of halves against whole {difference(whole, (halves[0] + halves[1]) / 2):.1e}")

# %% [markdown]
# Not exactly 0: the sums are taken in another order, and floating-point sums depend on it in the last digits. That is all that differs: a float32 carries about seven digits.
#
# ## Break it: unequal shares
#
# Five workers and a batch of 16, or the last, small batch of an epoch: shares are not always equal. Give one worker three images and the
# other one. **Predict:** is the mean of the two gradients still right?

# %% tags=["nbval-check-output"]
three, one = gradient(plain, image[:3], mask[:3]), gradient(plain, image[3:], mask[3:])
print("mean of the two, as before:", "right" if difference(whole, (three + one) / 2) < 1e-5 else "wrong")
print("weighted by 3/4 and 1/4:    ", "right" if difference(whole, 0.75 * three + 0.25 * one) < 1e-5 else "wrong")

# %% [markdown]
# Wrong: the lone image pulled as hard as the other three together. `unet_lab.training.train` lets every worker divide its *sum* by the number of pixels of
# the *whole* batch. In exercise 2 you will do the same.
#
# ## Break it again: batch norm
#
# The same with batch norm, which every U-Net of this course has. Shares are equal again. **Predict:** right or wrong?

# %% tags=["nbval-check-output"]
normed = UNet(base_channels=4, depth=2, norm="batch")
whole = gradient(normed, image, mask)
halves = [gradient(normed, image[:2], mask[:2]), gradient(normed, image[2:], mask[2:])]
print("mean of halves:", "right" if difference(whole, (halves[0] + halves[1]) / 2) < 1e-5 else "wrong")

# %%
first = normed.encoder[0].block[0](image)  # (4, 4, 32, 32): what the first batch norm sees
for name, part in (("all four", first), ("worker 0", first[:2]), ("worker 1", first[2:])):
    print(f"{name}: mean {part[:, 0].mean():+.3f}, standard deviation {part[:, 0].std():.3f} (first channel)")
print(f"gradient off by {difference(whole, (halves[0] + halves[1]) / 2):.0%}")

# %% [markdown]
# Batch norm divides by the standard deviation *of the batch that it sees*, and a worker sees its own share only. How much does that matter when the shares are larger? The gradient's error, for three sets of images:

# %%
for first_seed in (0, 1000, 2000):
    many = SegmentationDataset.generated(32, size=32, first_seed=first_seed)
    images, masks = (torch.stack(part) for part in zip(*(many[i] for i in range(32)), strict=True))
    errors = []
    for each in (1, 4, 16):
        parts = [gradient(normed, images[i : i + each], masks[i : i + each]) for i in (0, each)]
        errors.append(difference(gradient(normed, images[: 2 * each], masks[: 2 * each]), (parts[0] + parts[1]) / 2))
    print("images for each of two workers: " + ", ".join(f"{n}: {e:.0%} off" for n, e in zip((1, 4, 16), errors, strict=True)))

# %% [markdown]
# The smaller the share, the farther off. The cure is **synchronised batch norm**: the workers exchange sums and counts, and all use the mean and the
# standard deviation of the whole batch. PyTorch has it for GPUs as `nn.SyncBatchNorm`; `unet_lab.training.distributed.SyncedBatchNorm2d` writes it out in 15 lines, for
# CPUs too.
#
# ## torchrun
#
# Now with real processes. `torchrun`, which comes with PyTorch, starts a script several times and tells each copy, in its environment, which one it
# is (`RANK`) of how many (`WORLD_SIZE`). Our `train` looks there; nothing else in the script knows of workers. This is the whole script:

# %%
folder = Path(tempfile.mkdtemp())
script = folder / "train_cells.py"
script.write_text('''
import json, sys, torch
from unet_lab.datasets import SegmentationDataset
from unet_lab.training.distributed import join
from unet_lab.training import train
from unet_lab.unet import UNet

cells, found = SegmentationDataset.generated(32, size=32), {}
for name, norm, sync in [("plain", None, True), ("synchronised", "batch", True), ("each its own", "batch", False)]:
    torch.manual_seed(0)                                         # the same weights in every worker
    model = UNet(base_channels=4, depth=2, norm=norm)
    run = train(model, cells, epochs=3, batch_size=16, precision="float32", sync_batch_norm=sync)
    found[name] = [report.loss for report in run]                # batch_size is that of all workers together
if join().is_first:                                              # one of them writes
    open(sys.argv[1], "w").write(json.dumps(found))
''')


def torchrun(workers, *arguments, options=()):
    """Start a script in `workers` processes on this machine, wait, and return what it printed."""
    here, settings = on_this_machine()                           # --standalone; on Windows they meet through a file
    line = [sys.executable, "-m", "torch.distributed.run", *here, f"--nproc-per-node={workers}", *options]
    environment = dict(os.environ, OMP_NUM_THREADS="1", **settings)
    line += map(str, arguments)
    done = subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
    return done.returncode, done.stdout


# %% [markdown]
# **Predict:** three cases, with 1, 2 and 4 workers. In which cases do the three loss curves coincide?

# %%
curves = {}
for workers in (1, 2, 4):
    began = time.perf_counter()
    status, printed = torchrun(workers, script, folder / "losses.json")
    assert status == 0, printed
    curves[workers] = json.loads((folder / "losses.json").read_text())
    print(f"{time.perf_counter() - began:.0f} s with {workers}: most of it went into starting Python and PyTorch")


# %% tags=["nbval-check-output"]
def apart(case):
    """How far the curves of 2 and 4 workers lie from that of one, at most, relative to the loss."""
    return max(abs(a / b - 1) for n in (2, 4) for a, b in zip(curves[n][case], curves[1][case], strict=True))


for case in curves[1]:
    print(f"{case:13s} one curve, to 1e-4: {apart(case) < 1e-4}")

# %%
figure = DescribedFigure(9.8, 3.0, "Losses of 1, 2 and 4 workers; with synchronised batch norm they fall together, else not.")
axes = figure.subplots(1, 3, sharey=True)
for panel, case in zip(axes, curves[1], strict=True):
    looks = zip(curves.items(), ("-", "--", ":"), ("black", *CLASS_COLOURS[1:]), strict=True)
    for (workers, found), style, colour in looks:
        panel.plot([1, 2, 3], found[case], style, color=colour, lw=4 - workers / 2, label=f"workers: {workers}")
    panel.set(title=f"{case}: apart by {apart(case):.0e}", xlabel="epoch", xticks=[1, 2, 3])
axes[0].set_ylabel("loss (nats)")
axes[0].legend(frameon=False)
figure

# %% [markdown]
# Without batch norm, and with synchronised batch norm, 1, 2 and 4 workers are one training. Left to each worker, batch norm makes three trainings of
# it; after three epochs they still lie close (the titles say how close), but they are not the same. None of the three is wrong; but a result that changes with the number of machines is hard to report.
#
# ## The same in plain PyTorch
#
# In other people's code you will meet two names. **`DistributedDataParallel`** (DDP) wraps the network: it copies rank 0's weights to all workers at the start and averages the gradients during `backward()`.
# **`DistributedSampler`** gives each worker its share of the images; `set_epoch` makes it shuffle anew in each epoch. Your loop stays as it was. **Predict:** with two workers and a batch of 8 images each, which
# single-process batch size gives the same losses?

# %%
plain_script = folder / "ddp.py"
_ = plain_script.write_text('''
import gc, torch, torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler
from unet_lab.datasets import SegmentationDataset
from unet_lab.losses import cross_entropy
from unet_lab.unet import UNet

dist.init_process_group("gloo")                                  # on GPUs "nccl"
cells = SegmentationDataset.generated(32, size=32)
torch.manual_seed(0)
model = DistributedDataParallel(UNet(base_channels=4, depth=2, norm=None))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
sampler = DistributedSampler(cells, shuffle=False)               # shuffle=False: so that both ways see the same batches
for epoch in range(3):
    sampler.set_epoch(epoch)
    for image, mask in DataLoader(cells, batch_size=16 // dist.get_world_size(), sampler=sampler):
        loss = cross_entropy(model(image), mask)                 # the mean over this worker's share
        optimizer.zero_grad()
        loss.backward()                                          # here the gradients are averaged
        optimizer.step()
        dist.all_reduce(loss.detach_())                          # only to print the whole batch's loss
        if dist.get_rank() == 0:
            print("loss", loss.item() / dist.get_world_size(), flush=True)
del model, optimizer, loss                                       # what still holds the connections goes first:
gc.collect()                                                     # a thread of theirs that outlives Python may abort it
dist.destroy_process_group()
''')
# %%
status, printed = torchrun(2, plain_script)
assert status == 0, printed
by_two = [float(line.split()[1]) for line in printed.splitlines() if line.startswith("loss ")]

torch.manual_seed(0)  # and alone, without DDP: the same weights, batches of 16
model, alone = UNet(base_channels=4, depth=2, norm=None), []
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    for image, mask in DataLoader(SegmentationDataset.generated(32, size=32), batch_size=16):
        loss = cross_entropy(model(image), mask)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        alone.append(loss.item())

# %% tags=["nbval-check-output"]
print("steps:", len(alone), len(by_two))
print("one curve, to 1e-4:", max(abs(a / b - 1) for a, b in zip(alone, by_two, strict=True)) < 1e-4)

# %% [markdown]
# A batch of 16, the sum of both. What DDP leaves to you: it averages workers, not pixels, so that unequal shares are weighted wrongly (the sampler avoids them: it repeats images until all shares are equal, also in validation,
# where they then count twice); and batch norm stays each worker's own until you convert the network with `nn.SyncBatchNorm.convert_sync_batchnorm`, on GPUs.
#
# ## A worker dies
#
# Machines fail. If one worker disappears, the others wait for gradients that never come. `train` says so and ends; `torchrun
# --max-restarts` starts all of them again, and `checkpoint=` lets them go on where they were. Here worker 1 kills itself in the second epoch, the hard
# way (SIGKILL), but only on the first attempt:

# %%
fragile = folder / "fragile.py"
fragile.write_text('''
import os, signal, sys, torch
from unet_lab.datasets import SegmentationDataset
from unet_lab.training import train
from unet_lab.unet import UNet

torch.manual_seed(0)
cells = SegmentationDataset.generated(16, size=32)
for report in train(UNet(base_channels=4, depth=2), cells, epochs=4, batch_size=8, checkpoint=sys.argv[1]):
    attempt = os.environ["TORCHELASTIC_RESTART_COUNT"]
    print(f"attempt {attempt}, worker {os.environ['RANK']}: {report.log_line}", flush=True)
    if report.epoch == 2 and (attempt, os.environ["RANK"]) == ("0", "1"):
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
''')
status, printed = torchrun(2, fragile, folder / "run.pt", options=["--max-restarts=2"])
for line in printed.splitlines():
    if "worker 0: Epoch" in line or "WorkerLost: " in line or "failed (exitcode" in line:
        print(line.split("WorkerLost: ")[-1].split("What was seen")[0].split("api.py:1002] ")[-1].split(" of binary")[0])

# %% tags=["nbval-check-output"]
print("ended well:", status == 0, "  epochs in the checkpoint:", len(load_checkpoint(folder / "run.pt")["reports"]))

# %% [markdown]
# The second attempt prints the finished epochs again, without training them, and goes on with the rest.
#
# ## Is it faster?
#
# Not on a laptop, where one process can already use all cores. Data parallelism pays where each worker has cores, or a
# GPU, of its own. What it costs is the **exchange**: in every step each worker sends about twice the size of its gradients, 4 bytes a parameter. Measure what one image
# costs with one thread, as each worker above had it:

# %%
threads = torch.get_num_threads()
torch.set_num_threads(1)
small, times = UNet.small().train(), []
batch = torch.randn(4, 1, 64, 64)
for _ in range(4):
    began = time.perf_counter()
    small(batch).mean().backward()
    times.append((time.perf_counter() - began) / 4)
torch.set_num_threads(threads)
seconds_per_image = round(min(times), 4)
print(f"{1000 * seconds_per_image:.0f} ms an image of 64 x 64, and {4 * small.num_parameters / 1e6:.1f} MB of gradients a step")

# %% [markdown]
# ## Explore
#
# The explorer takes your measured time, and adds the exchange over a link of your choice. **Predict first:** with 8 images for each worker over a
# 1 Gbit/s network, are 16 workers 16 times as fast as one? Then:
#
# - Keep *the whole batch*, as for a result that must not change. Where does the curve bend?
# - Make the network four times as wide (64 channels). Computing grows with the square of the width, and so do the gradients: what changes?
# - Set *cores in all* to what your machine has.

# %%
explorer = explore_workers(seconds_per_image)
explorer


# %% [markdown]
# With "8 images for each worker" 16 workers have 16 times the images in each step, but each step also waits for the exchange, which the explorer adds: it names the speed-up, and it is less than 16.
#
# With more workers the effective batch grows, and with it the learning rate that fits: a mean over more images is less noisy. A rule of thumb for
# plain gradient descent is *twice the batch, twice the rate, after a warm-up* (Goyal et al. 2017, arXiv 1706.02677). For Adam less than that is
# safer. Keep `batch_size` while you compare.
#
# ## Exercise 1: whose image is it?
#
# `my_share(indices, rank, workers)` returns the indices of this worker's images. Every image belongs to exactly one worker, and no worker has more than one
# image more than another, or all would wait for it. An index that stands in the batch twice (drawn with replacement) is two images.

# %%
def my_share(indices, rank, workers):
    """This worker's part of the batch: a list of some of `indices`. rank is 0 to workers - 1."""
    ### BEGIN SOLUTION
    return indices[rank::workers]
    ### END SOLUTION


check("share_of_batch", my_share);


# %% [markdown]
# ## Exercise 2: one step, many workers
#
# `my_step` gets this worker's share. `all_reduce(tensor)` is what `torch.distributed.all_reduce` is: it adds a tensor up over all workers, in
# place, in each of them, and returns nothing; every worker must call it equally often. (Each share here holds at least one image.) Return the loss of the *whole* batch. The network comes in training mode, and stays in it; the optimizer may be any; what is exchanged are gradients and numbers, not weights. The check runs it with 1, 2 and 4 workers
# (threads, each with a network of its own), with equal and with unequal shares, and compares with one process.

# %%
def my_step(model, optimizer, image, mask, all_reduce):
    """One step on this worker's share, image (n, 1, H, W) and mask (n, H, W). Returns the whole batch's mean cross entropy."""
    ### BEGIN SOLUTION
    pixels = torch.tensor(float(mask.numel()))
    all_reduce(pixels)  # of the whole batch
    optimizer.zero_grad()
    loss = cross_entropy(model(image), mask, reduction="sum") / pixels
    loss.backward()
    for parameter in model.parameters():
        all_reduce(parameter.grad)
    optimizer.step()
    whole = loss.detach().clone()
    all_reduce(whole)
    return whole.item()
    ### END SOLUTION


check("data_parallel_step", my_step);

# %% [markdown]
# ## On two machines, on a cluster, on GPUs
#
# The script stays as it is. On both machines, with the same files and the same Python:
#
# ```
# export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1
# torchrun --nnodes=2 --nproc-per-node=2 --max-restarts=3 \
#          --rdzv-backend=c10d --rdzv-endpoint=FIRST_MACHINE:29500 train_cells.py losses.json
# ```
#
# `FIRST_MACHINE` is the name or address of one of them; port 29500 must be open between them. (The `export` makes a restart on several machines forget
# the addresses of workers that died.) The checkpoint must lie in a folder that both can reach. On a Slurm cluster, as `sbatch train.sh`:

# %%
slurm = folder / "train.sh"
slurm.write_text('''#!/bin/bash
#SBATCH --nodes=2 --ntasks-per-node=1 --cpus-per-task=8 --gpus-per-node=2 --time=04:00:00 --requeue
export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1
srun torchrun --nnodes=$SLURM_NNODES --nproc-per-node=2 --max-restarts=3 --rdzv-id=$SLURM_JOB_ID --rdzv-backend=c10d \\
     --rdzv-endpoint=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1):${PORT:-29500} train_cells.py losses.json
''')
print(slurm.read_text())

# %% [markdown]
# `--requeue` starts the job again when the cluster took its machines away; with `checkpoint=` it goes on. Where each worker has a GPU, the same call uses
# NCCL instead of gloo and PyTorch's own synchronised batch norm. Whoever can reach the port can join the run: use it inside a network that you trust.
#
# ## Recap
#
# <details><summary>What is averaged, and when?</summary>
# The gradients, after backward and before the optimiser's step; with synchronised batch norm also sums and counts inside the forward pass. The weights
# are never exchanged: they stay equal because all take the same steps from the same start.</details>
#
# <details><summary>You go from 1 to 4 workers and leave "images per worker" at 8. What changed besides the speed?</summary>
# The batch: 32 images instead of 8. Fewer, less noisy steps an epoch; the learning rate no longer fits.</details>
#
# <details><summary>Your colleague sees another loss curve on 8 workers than on 1. Two suspects?</summary>
# Batch norm that is not synchronised, and unequal shares averaged without weights. (A third: each worker with another seed for its weights.)</details>
#
# <details><summary>DistributedDataParallel without a DistributedSampler: what happens?</summary>
# Every worker trains on all images: the same gradients, averaged, at several times the cost. Nothing fails.</details>
#
# <details><summary>Why does a run hang, without an error, when one worker skips a batch?</summary>
# The others wait in all_reduce. Every worker must take part in every exchange, with an empty share if need be.</details>
#
# *Next: [17 · From masks to measurements](17_from_masks_to_measurements.ipynb)*

# %% jupyter={"source_hidden": true} tags=["nbval-check-output"]
# For the automatic tests: turn every control of this page's explorers, as a hand would.
print(explorer.drive())
