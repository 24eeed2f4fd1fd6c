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
# # 13 · Fast and small
#
# **The question:** where do a network's time and memory go, and what can be saved without changing its answer?
#
# Afterwards you can time a network fairly, compare a layer with what the machine could do, fold batch norm by hand, say what fewer bits change, and stay within a
# memory budget.
#
# *About 45 minutes. You need: [02](02_convolution.ipynb) (batch norm), [05](05_the_whole_u.ipynb) (work and memory). Back: [12 · Large images](12_large_images.ipynb). All notebooks: [00 · Start here](00_start_here.ipynb)*

# %%
import time
from functools import partial

import numpy as np
import torch
from torch import nn

from unet_lab.acceleration import WinogradConv2d, accelerate, fold_batch_norm
from unet_lab.acceleration.timing import benchmark, machine_peak, ratio
from unet_lab.course import check
from unet_lab.datasets import SegmentationDataset, generate_cell, standardise
from unet_lab.explorers import explore_painting, explore_speed
from unet_lab.inference import predict_logits
from unet_lab.inspection import layer_times
from unet_lab.metrics import confusion_matrix, scores
from unet_lab.plots import TRAINING_COLOUR, VALIDATION_COLOUR, DescribedFigure, show_layer_times
from unet_lab.training import has_bfloat16, keep_freed_memory, steps, training_memory
from unet_lab.unet import UNet
from unet_lab.weights import load_pretrained

_ = torch.manual_seed(0)


# %%
def as_batch(seeds, size=192):
    """Generated cells as a network gets them: (N, 1, size, size), float32, standardised."""
    return torch.from_numpy(np.stack([standardise(generate_cell(seed, size).image) for seed in seeds]))[:, None]


model = load_pretrained().eval()      # the network that ships with the course
x = as_batch([4])

# %% [markdown]
# ## How long does it take?
#
# A stopwatch before, a stopwatch after: what could be easier? **Predict:** you run the same network on the same image 20 times. Will the first run be like the others? And by
# how much will the others differ among themselves?

# %%
fresh, times = UNet.small().eval(), []
with torch.inference_mode():
    for _ in range(20):
        began = time.perf_counter()
        fresh(x)
        times.append(1000 * (time.perf_counter() - began))
low, middle, high = min(times[1:]), np.median(times[1:]), max(times[1:])
print(f"first run {times[0]:.1f} ms;  the others from {low:.1f} to {high:.1f} ms, half of them below {middle:.1f} ms")

# %% [markdown]
# The first run prepares: memory is fetched, fast kernels are chosen. The rest scatter, because a computer never does only one thing. So three rules:
#
# - **Warm up**, then measure. Quote a **median**, not the best and not one.
# - To compare two ways, let them **take turns** in one run. If the machine slows down, it slows both.
# - Compare by the **ratio of each turn**, and give its range.
#
# Is a batch of four cheaper than four single images? Two programs that take turns:

# %%
four = as_batch([4, 5, 6, 7])
with torch.inference_mode():
    took = benchmark({"together": lambda: model(four), "one by one": lambda: [model(image[None]) for image in four]}, rounds=9)
print("together against one by one:", ratio(took["together"], took["one by one"]), "times as fast")

# %% [markdown]
# (In brackets: the range of the middle 80 % of turns. Where it includes 1, no difference can be seen. On a GPU it would be several times: there a single small image leaves most of the machine idle.)
#
# ## Where does the time go?
#
# First a ruler: how many multiply-adds can this machine do in a second? The best cases are a product of two large matrices and a convolution with many channels; take the better.

# %%
peak = machine_peak()
able = has_bfloat16(torch.device("cpu"))
print(f"float32:  {peak / 1e9:6.1f} billion multiply-adds a second")
print(f"bfloat16: {machine_peak(torch.bfloat16) / 1e9:6.1f} billion;  this processor has instructions for it: {able}")

# %% [markdown]
# **Predict** before you look, for `UNet.small()` (16 channels at the top, 256 at the bottleneck):
#
# 1. Which takes longer, the stage at the top of the decoder, with few channels and many pixels, or the bottleneck, where most of the weights are?
# 2. Which layers come closest to the machine's peak?
# 3. When is most memory held: at the bottleneck, or near the end?

# %%
layers = layer_times(model, generate_cell(4, 192).image)
show_layer_times(layers, peak)

# %%
seconds = sum(layer.seconds for layer in layers)
print("share of:            time   weights   multiply-adds")
for part in ("encoder.0", "bottleneck", "decoder.3"):
    mine = [layer for layer in layers if layer.name.startswith(part)]
    weights = sum(p.numel() for n, p in model.named_parameters() if n.startswith(part)) / model.num_parameters
    work = sum(layer.multiply_adds for layer in mine) / sum(layer.multiply_adds for layer in layers)
    print(f"{part:18s} {sum(layer.seconds for layer in mine) / seconds:6.1%} {weights:9.1%} {work:15.1%}")
idle = sum(layer.seconds for layer in layers if not layer.multiply_adds)
print(f"layers that multiply nothing (batch norm, ReLU, pooling): {idle / seconds:.1%} of the time")

# %% [markdown]
# Weights sit at the bottom, time at the top. Closest to the peak come convolutions with many channels, where each number that is fetched is used often; most memory is held near the end, when the topmost skip is still kept. The layers that *do* next to nothing take a good part of the time: they read a whole feature map from memory and write it back, for next to no arithmetic. Three roads to speed follow, and the rest of this page walks them: **do less** (fold, Winograd), **move less** (fewer bits, fewer passes), **do it elsewhere** (other
# programs, other machines).
#
# ### Memory that must be fetched
#
# There is a cost that no layer shows. When a program frees a large block, Linux's C library hands it back to the system, and asks for a new one the next time; the system gives it page by page,
# each filled with zeros first. `keep_freed_memory()` tells it to keep them. **Predict:** does that matter, and for small or for large images?

# %%
def milliseconds(side, rounds=3):
    """Of the network on an image of side x side pixels, median."""
    image = torch.randn(1, 1, side, side)
    with torch.inference_mode():
        return 1000 * np.median(benchmark({"": lambda: model(image)}, rounds)[""])


before = {side: milliseconds(side) for side in (128, 256, 640)}
kept = keep_freed_memory()                          # for the rest of this process
for side, took in before.items():
    print(f"{side:4d} x {side:<4d} {took:7.1f} ms, freed memory kept: {milliseconds(side):7.1f} ms")
print("this C library could be told to:", kept)

# %% [markdown]
# It matters for the large image, whose blocks are so large that the library would hand them back; of the small ones the times only scatter. (Where the library could not be told to, nothing changes.)
#
# ## Do less: fold batch norm
#
# In evaluation mode a batch norm multiplies each channel by one number and adds another. A convolution before it could do that itself. With one number each: convolution y = 3x + 1; batch norm with
# mean 4, variance 8, eps 1, gamma 2, beta 5. **Compute** by hand what both do to x, as one line y = ?x + ? Then run:

# %% tags=["nbval-check-output"]
convolution, norm = nn.Conv2d(1, 1, kernel_size=1), nn.BatchNorm2d(1, eps=1.0).eval()
numbers = {convolution.weight: 3, convolution.bias: 1, norm.weight: 2, norm.bias: 5, norm.running_mean: 4, norm.running_var: 8}
for tensor, value in numbers.items():
    tensor.data.fill_(value)
for value in (0.0, 1.0, 10.0):
    both = norm(convolution(torch.tensor([[[[value]]]]))).item()
    print(f"x = {value:4.0f}   convolution, then batch norm: {both:5.1f}    2 x + 3 = {2 * value + 3:5.1f}")

# %% [markdown]
# In general, with scale = gamma / sqrt(variance + eps): **weight' = weight · scale** and **bias' = (bias - mean) · scale + beta**. The whole network, folded:

# %% tags=["nbval-check-output"]
folded = fold_batch_norm(model)
with torch.inference_mode():
    apart = (folded(x) - model(x)).abs().max()
norms = [sum(isinstance(m, nn.BatchNorm2d) for m in net.modules()) for net in (model, folded)]
print("batch norms:", norms[0], "->", norms[1], "   logits within 1e-4:", bool(apart < 1e-4))

# %% [markdown]
# Same function, 18 layers fewer. (Why not to 1e-12? float32 has some seven digits, and the sums are now made in another order.) And if batch norm were still in *training* mode? Then mean and variance
# depend on the batch at hand, and nothing can be folded.
#
# ## Do less: Winograd
#
# A 3-tap filter over 4 neighbours gives 2 outputs: d₀g₀ + d₁g₁ + d₂g₂ and d₁g₀ + d₂g₁ + d₃g₂. **How many multiplications?** Six, you say. Four are enough (Winograd 1980; for convolutional networks Lavin and Gray 2015):

# %% tags=["nbval-check-output"]
d, g = [1.0, 2.0, 3.0, 5.0], [2.0, -1.0, 4.0]
plus, minus = (g[0] + g[1] + g[2]) / 2, (g[0] - g[1] + g[2]) / 2     # of the filter alone: computed once
m1 = (d[0] - d[2]) * g[0]
m2 = (d[1] + d[2]) * plus
m3 = (d[2] - d[1]) * minus
m4 = (d[1] - d[3]) * g[2]
print("four multiplications:", m1 + m2 + m3, m2 - m3 - m4)
print("six multiplications: ", d[0] * g[0] + d[1] * g[1] + d[2] * g[2], d[1] * g[0] + d[2] * g[1] + d[3] * g[2])

# %% [markdown]
# In two dimensions, for 4 x 4 outputs: 36 multiplications instead of 144. **Predict:** four times less work, so how many times as fast?

# %%
print("3x3 convolution        multiplications   times as fast")
with torch.inference_mode():
    for channels, side in ((16, 192), (64, 48), (256, 24)):
        layer = nn.Conv2d(channels, channels, 3, padding=1).to(memory_format=torch.channels_last)
        image = torch.randn(1, channels, side, side).to(memory_format=torch.channels_last)
        took = benchmark({"winograd": partial(WinogradConv2d(layer), image), "direct": partial(layer, image)}, rounds=7)
        print(f"{channels:4d} channels, {side:3d} x {side:<3d}     a quarter      {ratio(took['winograd'], took['direct'])}")

# %% [markdown]
# Fewer multiplications do not mean less time. Ours is written in PyTorch: each tile is copied out, transformed, multiplied, transformed back, and every step moves memory. It comes nearest to paying where channels are many and pixels few. (GPU
# libraries do all four in one go, and use it often.) **Count what moves, not only what multiplies.**
#
# ## Move less: fewer bits
#
# A float32 has 32 bits: sign, 8 for the exponent, 23 for the digits. **bfloat16** keeps the first 16: the same range, but only 7 bits of digits. What is left of 1/3, of 1000, of 1001?

# %% tags=["nbval-check-output"]
for value in (1 / 3, 1000.0, 1001.0, 1e-30):
    print(f"{value:<22} in bfloat16: {torch.tensor(value).bfloat16().item()}")

# %% [markdown]
# Two to three digits. **int8** goes further: 256 steps, laid over the range that a tensor has. Here six numbers by hand; the range is -1 to 4:

# %% tags=["nbval-check-output"]
values = np.array([-1.0, -0.3, 0.0, 0.01, 1.7, 4.0])
step = (values.max() - values.min()) / 255           # one step
zero = round(-values.min() / step)                   # the step that stands for 0
q = np.clip(np.round(values / step) + zero, 0, 255).astype(np.uint8)
print("stored:   ", q, f"  one step is {step:.4f}")
print("read back:", np.round((q.astype(float) - zero) * step, 3))

# %% [markdown]
# 0.01 is no longer 0.01: it was half a step. The products of such numbers are whole numbers; a processor does four of them where it did one float32. But the **ranges** must be known before: they are taken from
# some images, the *calibration* images. **Predict:** is it enough to know 256 steps a number, to keep 99.5 % of the pixels?
#
# ## Let the machine decide
#
# Which road is the fastest depends on the processor, the image's size and the network. So measure, each in turn: `accelerate` makes the network in every way that it knows, throws out what changes the answer
# too much, times the rest, and returns the fastest. "lower" allows fewer bits, as long as 99.5 % of the pixels keep their class.

# %%
calibration = as_batch(range(100, 116))              # 16 cells that are used for nothing else
fast = accelerate(model, x, "lower", calibration, seconds=2, keep_all=True)
print(fast)

# %%
exact = max((trial for trial in fast.trials if trial.difference <= 1e-4), key=lambda trial: trial.speed_up.median)
print(f"the answer unchanged (logits within 1e-4): {exact.name}, {exact.speed_up} times as fast")
print(f"fewer bits allowed:                        {fast.chosen.name}, {fast.chosen.speed_up} times as fast")

# %% [markdown]
# (ONNX Runtime and OpenVINO are other programs that run networks: they join neighbouring layers, so that a feature map is touched once instead of three times. Where they are not installed, the table says so.)
#
# "99.5 % of the pixels" of *one* image is a thin promise. Better: forty cells that nobody has seen, against the truth.

# %% tags=["nbval-check-output"]
tables = np.zeros((2, 3, 3), int)
same = []
for seed in range(40):
    cell = generate_cell(seed, 192)
    answers = [predict_logits(network, cell.image).argmax(dim=0).cpu().numpy() for network in (model, fast)]
    same.append((answers[0] == answers[1]).mean())
    tables += np.stack([confusion_matrix(cell.mask, answer) for answer in answers])
before, after = (scores(table, average="macro").iou for table in tables)
print("at least 99 % of all pixels keep their class:", np.mean(same) > 0.99)
print("macro IoU within 0.003:", abs(before - after) < 0.003)

# %%
print(f"{np.mean(same):.2%} keep their class, in the worst cell {min(same):.2%}")
print(f"macro IoU {before:.4f} as given, {after:.4f} accelerated")

# %% [markdown]
# ## Explore
#
# **Which pixels change?** Guess first: those inside a class, or those at its edge? And are they pixels that the network was sure of?

# %%
explorer = explore_speed(fast, as_batch(range(6)))
explorer

# %% [markdown]
# ## Break it on purpose
#
# Someone calibrates with the images as they come from the file, greys from 0 to 255. The network gets standardised ones, about -3 to 3. The ranges are then some forty times too wide: of 256 steps, about six are used.

# %%
raw = torch.from_numpy(np.stack([generate_cell(seed, 192).image for seed in range(100, 108)]))[:, None].float()
for name, images in (("standardised", calibration[:8]), ("as in the file", raw)):
    tried = accelerate(model, x, "lower", images, using=("ONNX Runtime int8",), seconds=0.2, progress=False).trials[1]
    print(f"calibrated with images {name:13s}: {tried.agreement:7.2%} of the pixels keep their class")

# %% [markdown]
# And this is the most common mistake of all: to time what is not the same. A network in training mode, on another size, or with another batch. `accelerate` refuses to be trained, so that the weights it runs are
# always those that you measured:

# %% tags=["nbval-check-output"]
try:
    fast.train()
except RuntimeError as error:
    print(error)


# %% [markdown]
# ## Exercise 1: fold it yourself
#
# A 3x3 convolution with `weight` (C_out, C_in, 3, 3) and `bias` (C_out,), and the batch norm behind it: `gamma`, `beta`, `mean`, `variance`, each (C_out,). Return the new weight and the new bias.

# %%
def my_fold(weight, bias, gamma, beta, mean, variance, eps):
    """Weight and bias of the one convolution that does what both did."""
    ### BEGIN SOLUTION
    scale = gamma / torch.sqrt(variance + eps)                                   # (C_out,)
    return weight * scale[:, None, None, None], (bias - mean) * scale + beta
    ### END SOLUTION


check("fold_norm", my_fold);

# %% [markdown]
# ## Small: a memory budget
#
# Prediction needs the feature maps that somebody waits for. Training needs *all* of them, until the backward pass. `training_memory` adds them up before anything is started; `recompute=True` keeps
# only the border between stages and computes the rest again in the backward pass (activation checkpointing; Chen et al. 2016). **Predict:** what does it save, and what does it cost?

# %%
batch = 8
for recompute in (False, True):
    needed = training_memory(UNet.small(), (192, 192), batch, recompute=recompute)
    kept, whole = needed.activations / 1e6, needed.total / 1e6
    print(f"recompute={recompute!s:5s}  {kept:6.0f} MB of feature maps kept, {whole:.0f} MB in all")

# %%
cells = SegmentationDataset.generated(40, size=128)
runs = {r: steps(UNet.small(), cells, batch_size=4, recompute=r, precision="float32") for r in (False, True)}
took = benchmark({recompute: partial(next, run) for recompute, run in runs.items()}, rounds=7)
print("a training step without recomputing is", ratio(took[False], took[True]), "times as fast")


# %% [markdown]
# ## Exercise 2: stay within the budget
#
# `needed(batch, recompute)` gives the bytes that a training needs; it may be any function of batches from 1 to `largest` (at least 1), and recomputing need not always take less. Choose the largest batch from 1 to `largest` that fits into `budget`; for that batch, recompute only if
# it does not fit without. If not even one image fits, return `(0, False)`.

# %%
def my_plan(needed, budget, largest):
    """(batch size, recompute): my_plan(lambda b, r: 100 * b, 250, 8) is (2, False)."""
    ### BEGIN SOLUTION
    for batch in range(largest, 0, -1):
        for recompute in (False, True):  # the cheaper way first
            if needed(batch, recompute) <= budget:
                return batch, recompute
    return 0, False
    ### END SOLUTION


check("batch_plan", my_plan);

# %%
def bytes_needed(batch, recompute):
    """Of a training of the report's network on 256 x 256."""
    return training_memory(UNet.report(), (256, 256), batch, recompute=recompute).total


plan = my_plan(bytes_needed, 4e9, 16)
print("with 4 GB:", "write my_plan first" if plan is None else f"batch size {plan[0]}, recompute={plan[1]}")

# %% [markdown]
# ## Real time: paint a cell
#
# Now the whole point. Hold the mouse button on the left picture and paint; what you paint becomes a micrograph, and the network segments it while your hand still moves. **Before you start:** what must be there for it to
# believe in a nucleus? Its place, its shape, its grain, its dark rim? Begin with *a nucleus alone*, then *inside out*. Then choose the accelerated network: do you feel the difference?

# %%
canvas = explore_painting({"as given": model, f"accelerated: {fast.chosen.name}": fast})
canvas

# %%
spent = {}
for name in canvas.controls["network"].options:
    canvas.set(network=name)
    waits = []
    for step in range(15):
        canvas.stroke((20 + 4 * step, 30), (30 + 4 * step, 60))
        waits.append((canvas.milliseconds, canvas.network_milliseconds))
    spent[name] = np.median(waits, axis=0)
    print(f"{name:34s} from stroke to mask {spent[name][0]:5.1f} ms, the network {spent[name][1]:5.1f} ms of them")
canvas.set(**canvas._defaults)

# %% [markdown]
# The network was the largest part. Accelerated, drawing the picture counts as much. That is how it goes: whatever you make fast, something else is then the slowest, and the next hour is better spent there.

# %%
figure = DescribedFigure(9.8, 1.9, "From stroke to mask, as given and accelerated: the network, and everything else.")
axes = figure.subplots()
for row, (whole, network) in enumerate(spent.values()):
    axes.barh(row, network, color=TRAINING_COLOUR, label="the network" if row == 0 else None)
    axes.barh(row, whole - network, left=network, color=VALIDATION_COLOUR, label="drawing and the rest" if row == 0 else None)
axes.set_yticks(range(len(spent)), list(spent), fontsize=9)
axes.set(xlabel="milliseconds from stroke to mask")
axes.legend(frameon=False)
figure

# %% [markdown]
# On a GPU all this is the same code: `accelerate(model.to("cuda"), x.to("cuda"), "lower")` tries float16 and leaves the CPU's runtimes out. How a network leaves PyTorch altogether, as ONNX or as a package for Fiji and ilastik, is
# notebook [18](18_other_programs.ipynb).

# %% [markdown]
# ## Recap
#
# <details><summary>A colleague says: "my change makes the network 8 % faster, I timed both." What do you ask?</summary>
# How often, in turns or one after the other, warmed up, and how far apart two runs of the <em>same</em> network lie. On this page they scattered by more.</details>
#
# <details><summary>A layer reaches 5 % of the machine's peak. Is it badly written?</summary>
# Perhaps it multiplies little and moves much: batch norm, ReLU, pooling, a first layer with one channel in. Then fewer multiplications will not help it; touching memory less often will.</details>
#
# <details><summary>Why can batch norm be folded and instance norm not?</summary>
# Batch norm, in evaluation mode, uses stored numbers. Instance norm measures mean and variance of the image at hand: there is no number to fold.</details>
#
# <details><summary>int8 keeps 99.8 % of the pixels. Where are the other 0.2 %, and when would you mind?</summary>
# At the edges, where the network was in doubt already. Mind if you measure edges (boundary F1, thickness of a membrane), or count small things.</details>
#
# <details><summary>Recomputing saves memory. What does it cost?</summary>
# About one more forward pass for each step. The numbers stay the same.</details>
#
# *Next: [14 · When it fails](14_when_it_fails.ipynb)*

# %% jupyter={"source_hidden": true} tags=["nbval-check-output"]
# For the automatic tests: turn every control of this page's explorers, as a hand would.
print(explorer.drive())
print(canvas.drive())
