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
# # 07 · Training
#
# **The question:** how does a network learn, and how do you see that it does?
#
# Afterwards you can write the training loop, choose a learning rate, overfit one batch before you trust anything, train a U-Net on
# your CPU, stop it and go on later.
#
# *About 50 minutes. You need: [05](05_the_whole_u.ipynb), [06](06_losses.ipynb) (cross entropy). Back: [06 · Losses](06_losses.ipynb). Next: [08 · Evaluation](08_evaluation.ipynb)*

# %%
import math
import tempfile
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm

from unet_lab.course import check, keep_predictions, own_small_unet
from unet_lab.course.exercises.training import learning_rate_curve
from unet_lab.datasets import SegmentationDataset, generate_cell, load_folder, split
from unet_lab.explorers import explore_runs, watch_training
from unet_lab.inference import predict
from unet_lab.losses import cross_entropy
from unet_lab.metrics import scores
from unet_lab.plots import ERROR_COLOUR, TRAINING_COLOUR, VALIDATION_COLOUR, DescribedFigure, show_curves, show_triplets
from unet_lab.training import best_device, bfloat16_is_faster, evaluate, fit, in_words, plan_training, train
from unet_lab.training.checkpoint import load_checkpoint
from unet_lab.training.kept_runs import load_run, validation_cells
from unet_lab.unet import UNet

_ = torch.manual_seed(0)

# %% [markdown]
# ## Predict first
#
# Three of this page's questions, to answer before you read. Write a letter and how sure you are, from a mere guess (1 divided by the number of answers) to certain (1): `"first_loss": ("A", 0.7)`. Your first answer is kept
# (on this machine only; in the file that you may hand in with your progress), and page [08](08_evaluation.ipynb) draws how often you were right against how sure you were.

# %%
my_predictions = {"first_loss": None, "first_rate": None, "other_cells": None}
keep_predictions("07_training", my_predictions)

# %% [markdown]
# ## One weight
#
# A network with one weight w, one input 3, one truth 6, and the loss (3w - 6)². Where is the loss lowest? At w = 2. How would you find out
# without solving it? The **gradient** tells which way the loss rises; go a small step the other way; repeat.
# By hand the gradient is 2·(3w - 6)·3. PyTorch finds it by itself:

# %% tags=["nbval-check-output"]
w = torch.tensor(0.0, requires_grad=True)
for _ in range(4):
    loss = (3 * w - 6) ** 2
    loss.backward()
    by_hand = 2 * (3 * w.item() - 6) * 3
    print(f"w = {w.item():.3f}  loss = {loss.item():7.3f}  gradient = {w.grad.item():7.2f}  by hand = {by_hand:7.2f}")
    with torch.no_grad():
        w -= 0.02 * w.grad  # 0.02 is the learning rate
    w.grad = None  # PyTorch adds gradients up: forget the old one

# %% [markdown]
# ## The data
#
# 480 generated cells, small (64 x 64 pixels) and plain (`difficulty=0.25`: few neighbours, little dirt, the nucleus mostly darker than
# the body), so that a laptop can learn from them within a minute; 80 % train, 20 % validate. The whole variety comes back below.
#
# (Images of your own? Twenty are enough for this page. Name the folders of images and of masks in the next cell; they are cut into squares of 64 pixels, which `split` keeps together by image. Then run the page from here on.
# What its text says of scores, it says of the drawn cells.)

# %%
MY_IMAGES, MY_MASKS, MY_CODES = None, None, None  # for example: "my images", "my masks", (0, 255): background, then nucleus

if MY_IMAGES:
    cells = load_folder(MY_IMAGES, MY_MASKS, codes=MY_CODES).crops(64)
else:
    seeds = tqdm(range(480), desc="drawing cells", unit="cell")
    cells = SegmentationDataset(generate_cell(seed, size=64, difficulty=0.25) for seed in seeds)
training, validation = split(cells, train_fraction=0.8, seed=0)
channels, classes = cells.channels, cells.num_classes

# %% tags=["nbval-check-output"]
image, mask = training[0]
print(len(training), "train,", len(validation), "validate")
print("image", tuple(image.shape), image.dtype, " mask", tuple(mask.shape), mask.dtype)

# %% [markdown]
# ## The first number
#
# Before training the network knows nothing. **Predict its loss.** If it gives each of three classes the probability 1/3, the cross
# entropy, minus the logarithm of what the true class got, is ln 3. Whenever a first loss is far from that, something is wrong already.

# %%
model = UNet.small(channels, classes)
batch = [training[i] for i in range(4)]
images, masks = torch.stack([b[0] for b in batch]), torch.stack([b[1] for b in batch])
with torch.no_grad():
    print(f"loss before training: {cross_entropy(model(images), masks):.3f}    ln {classes} = {math.log(classes):.3f}")

# %% [markdown]
# ## Overfit one batch first
#
# The cheapest test of a whole pipeline: can the network learn *four images by heart*? If not, no amount of data will help; something is
# wired wrongly. Here is the loop, all of it: **forward, loss, forget old gradients, backward, step.** (The optimiser, **Adam**, is opened below.)

# %%
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
model.train()
losses = []
for _ in tqdm(range(50), desc="overfitting", unit="step"):
    logits = model(images)                # (4, classes, 64, 64)
    loss = cross_entropy(logits, masks)   # a scalar
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())

# %%
figure = DescribedFigure(7, 2.8, f"Loss of the four images over 50 steps: from {losses[0]:.2f} to {losses[-1]:.2f}.")
axes = figure.subplots()
axes.plot(range(1, 51), losses, color=TRAINING_COLOUR)
axes.axhline(math.log(classes), color="#666666", ls="--", lw=1)
axes.text(50, math.log(classes), f"ln {classes}", ha="right", va="bottom", color="#666666")
axes.set(xlabel="step", ylabel="cross entropy (nats)", ylim=(0, None), title="four images, again and again")
figure

# %% tags=["nbval-check-output"]
print("learnt by heart, loss below 0.1:", losses[-1] < 0.1)

# %% [markdown]
# It can. (That says nothing about other cells: that is the next step.)
#
# ## Adam, in three lines
#
# Plain gradient descent takes large steps where the gradient is large. **Adam** keeps two running means for each weight, of its gradient and of the gradient's square, and divides the one by the
# root of the other (both corrected for having started at 0: *bias correction*). By hand, on the one weight from above:

# %% tags=["nbval-check-output"]
def adam_by_hand(scale, steps=5, rate=0.1):
    w, mean, square = 0.0, 0.0, 0.0
    for t in range(1, steps + 1):
        g = scale * 2 * (3 * w - 6) * 3  # the gradient of scale · (3w - 6)²
        mean = 0.9 * mean + 0.1 * g
        square = 0.999 * square + 0.001 * g**2
        w -= rate * (mean / (1 - 0.9**t)) / (math.sqrt(square / (1 - 0.999**t)) + 1e-8)
    return w


w = torch.tensor(0.0, requires_grad=True)
adam = torch.optim.Adam([w], lr=0.1)
for _ in range(5):
    adam.zero_grad()
    ((3 * w - 6) ** 2).backward()
    adam.step()
print(f"after 5 steps: by hand {adam_by_hand(1):.3f}, by PyTorch {w.item():.3f}")
print(f"the loss a thousand times larger: {adam_by_hand(1000):.3f}")

# %% [markdown]
# Each of the first steps is about as long as the learning rate, 0.1, however large the gradient is. So Adam does not care whether a loss is a mean or a sum.
#
# ## The learning rate
#
# The one setting that ruins most runs. **Predict** what the three curves look like for 0.0001, 0.01 and 3.

# %%
rates = {1e-4: (VALIDATION_COLOUR, "--"), 1e-2: (TRAINING_COLOUR, "-"), 3.0: (ERROR_COLOUR, ":")}
figure = DescribedFigure(7, 3.2, "Loss over 30 steps: 0.0001 hardly falls, 0.01 falls well, 3 jumps up first.")
axes = figure.subplots()
for rate, (colour, style) in rates.items():
    axes.plot(learning_rate_curve(rate), color=colour, ls=style, label=f"learning rate {rate:g}")
axes.set(xlabel="step", ylabel="cross entropy (nats)", yscale="log")
axes.legend()
figure

# %% [markdown]
# Too low: the loss hardly falls. Too high: it jumps up first, and may never come back. Right: well below the rate at which it begins to jump, where it falls fast and steadily.
#
# ## A schedule
#
# One rate need not serve a whole run: large steps get far, small ones settle. A **schedule** changes the learning rate after every step. `train` uses **one cycle** (Smith and Topin 2017)
# unless you say `schedule="constant"`. **Predict:** with a rate of 0.01, with which rate does the first of 240 steps begin?

# %% tags=["nbval-check-output"]
steps = 5 * len(training) // 8  # epochs · images / batch size, as in the run below
optimizer = torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=0.01)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=steps)
schedule = []
for _ in range(steps):
    schedule.append(optimizer.param_groups[0]["lr"])
    optimizer.step()
    if len(schedule) < steps:
        scheduler.step()
highest = schedule.index(max(schedule))
print(f"first {schedule[0]:g}, highest {max(schedule):g} after {highest / steps:.0%} of the steps, last {schedule[-1]:.0e}")

# %%
figure = DescribedFigure(7, 2.4, "The learning rate over a run: up to 0.01 in the first third, then down to nearly 0.")
axes = figure.subplots()
axes.plot(range(1, steps + 1), schedule, color=TRAINING_COLOUR)
axes.set(xlabel="step", ylabel="learning rate", title="one cycle")
figure

# %% [markdown]
# With a 25th of it: up along half a cosine while the network is still far off, then down to nearly 0, so that the last steps change little.
#
# ## Train for real
#
# `train` is the loop above over all batches, with this schedule, as a **generator**: after each epoch (each image seen once) it hands you a report, and your
# `for` decides what to do with it. `watch_training` is a `for` that draws. **Press Stop** when you have seen enough: what was
# learnt is kept.
#
# **Your own network, if you like:** copy your class `MyConvBlock` from [02](02_convolution.ipynb) or `MyUNet` from [05](05_the_whole_u.ipynb) into a new cell above the next one, and delete its line (`= None`) in the next one. What passes its check takes the
# library's place: the network that learns is then yours.

# %%
MyConvBlock = None
MyUNet = None
_ = torch.manual_seed(0)
model = own_small_unet(block=MyConvBlock, network=MyUNet, in_channels=channels, num_classes=classes)
run = train(model, training, validation, epochs=5, batch_size=8, learning_rate=1e-2, seed=0)
monitor = watch_training(run, model, samples=validation.subset(range(min(4, len(validation)))))

# %% tags=["nbval-check-output"]
best = monitor.history.best
if not monitor.history.stopped_early:
    print("validation accuracy at least 0.95:", best.accuracy >= 0.95)
    print("macro IoU at least 0.85:", best.iou >= 0.85)

# %%
print(f"best epoch {best.epoch}: accuracy {best.accuracy:.4f}, IoU {best.iou:.4f} (macro, summed over all validation images)")
print("device:", best_device(), "  precision:", "bfloat16" if bfloat16_is_faster(best_device()) else "float32")

# %% [markdown]
# ## Explore: how does a mask form?
#
# Drag **epoch** in the monitor above from the first to the last. Which class does the network find first, and where do the last errors sit?
# Try another sample: does it form in the same order? Here are the curves once more, and three validation cells with the best weights.

# %%
show_curves(monitor.history.reports)

# %%
pairs = validation.pairs[-3:]
show_triplets([p.image for p in pairs], [p.mask for p in pairs], [predict(model, p.image) for p in pairs])

# %% [markdown]
# ## A healthy run and three sick ones
#
# Not every run goes so well. Four small networks learnt from 128 cells each, and their weights were kept after every epoch: one run is healthy, A, B and C have one fault each. **Predict:** which fault will you see from the curves alone, and which only from the masks?
# Choose a run, drag **epoch**, look at several cells, and name what is wrong before you open the answers.

# %%
runs_explorer = explore_runs()
runs_explorer

# %% [markdown]
# <details><summary>What is wrong with A?</summary>
# Its learning rate is a hundred times that of the healthy run. The first steps threw it so far off that it calls everything background, and there it stays.</details>
#
# <details><summary>And with B?</summary>
# Its masks are as good as the healthy run's, and yet its loss stays high: there is a softmax before the cross entropy, which already contains one. Probabilities taken for logits differ by 1 at most, so the loss cannot fall below -ln(e / (e + 2)), however sure the network is.</details>
#
# <details><summary>And with C?</summary>
# Look at two cells: it draws nearly the same mask for both. In its training set every image has the mask of the image after it, as happens when two lists of files are sorted differently. All that there is to learn is the average cell.</details>
#
# The numbers confirm it:

# %%
sick = {name: load_run(name) for name in "ABC"}
seen = validation_cells().pairs
truths = [pair.mask for pair in seen]
a, c = ([predict(sick[name].network(9), pair.image) for pair in seen] for name in "AC")


def agreement(masks):
    """The share of pixels in which one cell's mask agrees with the next cell's."""
    return np.mean([x == y for x, y in zip(masks[::2], masks[1::2], strict=True)])


print(f"A: {np.mean([m == 0 for m in a]):.1%} of its pixels are background; of the truth {np.mean([m == 0 for m in truths]):.0%}")
print(f"B: loss {sick['B'].reports[-1].loss:.3f}; the lowest that softmax twice allows: {-math.log(math.e / (math.e + 2)):.3f}")
print(f"C: its masks of two cells agree in {agreement(c):.0%} of the pixels; the true masks in {agreement(truths):.0%}")

# %% [markdown]
# ## The best epoch is not always the last
#
# With the schedule, the last steps are small, and the last epoch is the best or nearly so. Here are 16 cells instead of 384, and a constant rate that is rather high. **Predict:** is the last epoch the best? Three seeds:

# %%
few, few_validation = training.subset(range(min(16, len(training)))), validation.subset(range(min(24, len(validation))))
runs = []
for seed in range(3):
    _ = torch.manual_seed(seed)
    small = UNet(channels, classes, base_channels=8, depth=3)
    runs.append(fit(small, few, few_validation, epochs=18, batch_size=4, learning_rate=0.05, schedule="constant", seed=seed))
    best_of, last = runs[-1].best, runs[-1].reports[-1]
    print(f"seed {seed}: best epoch {best_of.epoch:2d} of {last.epoch}, IoU {best_of.iou:.3f}; in the last epoch {last.iou:.3f}")
lost = [run.best.iou - run.reports[-1].iou for run in runs]
show_curves(runs[int(np.argmax(lost))].reports[8:])  # without the first eight epochs, whose losses would set the scale

# %% [markdown]
# With steps this large the scores jump up and down to the end, and it is chance which epoch comes out best; drawn is the seed that had lost most when it ended. `fit`, `train` and the monitor keep the weights of the epoch with the highest validation IoU and give them back
# at the end. (You have then chosen by the validation images, so their score is a little too good: for a report, keep a **test set** that chose nothing. Notebook 15 does.)
#
# ## The same network, other cells
#
# **Predict:** the network has reached a high score on plain cells. What will it reach on cells of the full variety, which it never saw?

# %%
for difficulty in (0.25, 0.5, 1.0) if (channels, classes) == (1, 3) else ():  # drawn cells are grey, of three classes
    unseen = SegmentationDataset.generated(40, size=64, first_seed=10_000, difficulty=difficulty)
    result = scores(evaluate(model, unseen)[1], average="macro")
    print(f"difficulty {difficulty}: accuracy {result.accuracy:.3f}, IoU {result.iou:.3f} (macro)")

# %% [markdown]
# Less and less, the further the cells are from those of the training. A validation score holds for images *like the training images*, and for no others. Nothing in the curves above warned you. The shipped
# model was trained on the full variety, for longer, at 192 x 192 pixels (`python3 lab.py train-small`).
#
# ## The report's log, and ours
#
# The 2023 report trained with the **sum** of the cross entropy over all pixels, and printed lines like the first two below. Ours, one
# epoch with the same recipe (Adam, 0.001, batches of 3, sum), prints the same form.

# %%
print("Epoch [1/10] Average Loss: 1697953.4625         <- the report, its figure 4")
print("Epoch [10/10] Average Loss: 985221.6322916667   <- the report")
_ = torch.manual_seed(0)
some = training.subset(range(min(120, len(training))))
history = fit(UNet.small(channels, classes), some, epochs=1, batch_size=3, reduction="sum", schedule="constant")
print(history.log())

# %% [markdown]
# The sum grows with the pixels of a batch, so the two logs cannot be compared as they are. **Divide by the pixels in a batch**: which size of image had
# the report, if its first loss was below ln 3, the loss of a network that knows nothing?

# %% tags=["nbval-check-output"]
for side in (512, 1024):
    per_pixel = 1697953.4625 / (3 * side * side)
    print(f"if {side} x {side}: {per_pixel:.2f} nats per pixel; ln 3 = {math.log(3):.2f}; below: {per_pixel < math.log(3)}")

# %%
print(f"ours, 64 x 64: {history.reports[0].loss / (3 * 64 * 64):.2f} nats per pixel in the first epoch")

# %% [markdown]
# With 512 x 512 the report's first epoch would be worse than knowing nothing; so its images most likely were 1024 x 1024. Notebook 08 reads more from that log.
#
# ## Stop, and go on
#
# With `checkpoint=` the run is written to a file after every epoch, and every ten minutes, never half-written. If it dies, start it again: it
# goes on where it was. Is a run with a break *the same* as one without? A small network, two epochs, stopped after the first:

# %% tags=["nbval-check-output"]
few = training.subset(range(min(16, len(training))))
settings = {"epochs": 2, "batch_size": 4, "learning_rate": 0.01}


def fresh():
    torch.manual_seed(0)
    return UNet(channels, classes, base_channels=4, depth=2)


straight = fresh()
for _ in train(straight, few, **settings):
    pass
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "run.pt"
    for _ in train(fresh(), few, checkpoint=file, **settings):
        break  # as if the laptop had been closed
    state = load_checkpoint(file)
    resumed = fresh()
    epochs = [report.epoch for report in train(resumed, few, checkpoint=file, **settings)]
pairs = zip(straight.parameters(), resumed.parameters(), strict=True)
print("epochs reported:", epochs, "  equal to the last bit:", all(torch.equal(a.cpu(), b.cpu()) for a, b in pairs))

# %% [markdown]
# It is. (The epoch that was finished is reported again, not trained again.) What must a file hold for that? The weights alone would not do: Adam would start with empty means, and other images would come next. We opened it before the run went on:

# %% tags=["nbval-check-output"]
for name, value in sorted(state.items()):
    size = f"{len(value)} entries" if hasattr(value, "__len__") and not isinstance(value, str) else ""
    print(f"{name:16s} {type(value).__name__:9s} {size}")

# %% [markdown]
# `model` are the weights as they are, `best` those of the best epoch; `optimizer` holds Adam's means, `scheduler` where in the cycle the run is; `random_states` the states of the random number generators. To *use*
# a network you need its weights only: `save_weights`.
#
# Before a run of hours, ask what it will take. `plan_training` measures three steps on a copy of the network, and estimates the memory. The
# report trained 100 epochs at full width on whole images of 1024 x 1024; **predict** how long your machine would need for 100 epochs of just two images of 256 x 256:

# %%
large = SegmentationDataset.generated(2, size=256)
plan = plan_training(UNet.report(), large, checkpoint="run.pt", epochs=100, batch_size=1)
print(plan)
print(f"\nso for 180 training images, and 16 times the pixels: about {in_words(plan.seconds * 180 / 2 * 16)}")


# %% [markdown]
# ## Exercise 1: one training step
#
# Zero the gradients, then forward, mean cross entropy, backward, step. The model may come in evaluation mode, and with old gradients from something else, which
# must not count in your step; the step is taken in training mode. Leave mode and gradients afterwards as you like. Return the loss as a plain number.

# %%
def my_step(model, optimizer, image, mask):
    """One step on a batch: image (N, 1, H, W), mask (N, H, W). Changes the model's weights; returns the loss, a float."""
    ### BEGIN SOLUTION
    model.train()
    optimizer.zero_grad()
    loss = cross_entropy(model(image), mask)
    loss.backward()
    optimizer.step()
    return loss.item()
    ### END SOLUTION


check("training_step", my_step);

# %% [markdown]
# ## Exercise 2: find the learning rate
#
# `learning_rate_curve(rate)` trains a tiny U-Net for 30 steps from the same start and returns the 30 losses. Plot some, and give a rate
# whose loss ends near the lowest that can be reached, which is about 0.1: the mean of the last five losses at most 0.22, and no loss on the way above 1.2 times the first.

# %%
my_learning_rate = None
### BEGIN SOLUTION
my_learning_rate = 1e-2
### END SOLUTION

check("learning_rate", my_learning_rate);

# %% [markdown]
# ## Exercise 3: write a schedule
#
# Another one than the one cycle above, and at least as common: up along a straight line, then down along half a cosine (Loshchilov and Hutter 2017). Write the rate of step 0, 1, 2, … `steps` - 1.
# In the first `warmup` steps, the **warm-up**, it is 1/`warmup`, 2/`warmup`, 3/`warmup`, … of `highest`, so that the last warm-up step has all of it. At step `warmup` it is `highest` once more, and from there it follows half a turn of the
# cosine, which would arrive at 0 at step `steps`. For 10 steps, `warmup` 4 and `highest` 1: 0.25, 0.5, 0.75, 1, 1, and then down. `warmup` may be 0, and is always less than `steps`.

# %%
def my_rate(step, steps, warmup, highest):
    """Whole numbers step, steps, warmup; highest a float. Returns the learning rate of this step."""
    ### BEGIN SOLUTION
    if step < warmup:
        return highest * (step + 1) / warmup
    return highest * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2
    ### END SOLUTION


check("schedule", my_rate);

# %% [markdown]
# ## A case from the clinic
#
# The first losses are 1.1, then some thousands, then `nan`, and `nan` to the end. Data and code are those of a run that worked; only one setting was changed. **What is wrong?**
#
# <details><summary>Cause and cure</summary>
# The learning rate: the steps jump over the valley, each further than the one before, until a number overflows. Divide it by ten until the first steps go down. After a `nan` the weights are lost: begin anew, or with the last checkpoint. Notebook <a href="14_when_it_fails.ipynb">14</a> has ten such cases, with switches.</details>

# %% [markdown]
# ## Recap
#
# <details><summary>The first loss of a 3-class network is 4.2. What do you suspect?</summary>
# It is confidently wrong before it has learnt anything: far above ln 3. Images that are not standardised, or a mask in another code.</details>
#
# <details><summary>What does it prove if a network cannot overfit four images?</summary>
# That something is wired wrongly: data, loss, gradients or learning rate. More data cannot fix that.</details>
#
# <details><summary>Training loss falls, validation loss rises. What happens, and what do you keep?</summary>
# It learns the training images by heart. Keep the weights of the epoch with the best validation score: fit and the monitor do.</details>
#
# <details><summary>You change the loss from mean to sum. What happens to plain gradient descent, and what to Adam?</summary>
# The gradient grows by the number of pixels: plain gradient descent flies off with the old rate. Adam divides by the size of the gradient,
# and hardly notices.</details>
#
# *Next: [08 · Evaluation](08_evaluation.ipynb)*

# %% jupyter={"source_hidden": true} tags=["nbval-check-output"]
# For the automatic tests: turn every control of this page's explorers, as a hand would.
print(monitor.drive())
print(runs_explorer.drive())
