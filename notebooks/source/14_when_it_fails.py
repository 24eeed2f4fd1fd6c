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
# # 14 · When it fails
#
# **The question:** a training runs through, or stops, and the masks are wrong. How do you find out why?
#
# Afterwards you can tell the ten most frequent failures by their symptoms, choose the test that separates two suspects, and name cause and cure. The mistake that everybody makes first: to change
# three things at once and train again.
#
# *You need [06](06_losses.ipynb), [07](07_training.ipynb) and [08](08_evaluation.ipynb): the loss, the training loop, the scores.*
#
# *About 45 minutes. Back: [13 · Fast and small](13_fast_and_small.ipynb). Next: [15 · Your own images](15_your_own_images.ipynb)*

# %%
import math

import numpy as np
import torch
from tqdm.auto import tqdm

from unet_lab.course import check
from unet_lab.datasets import load_cells
from unet_lab.doctor import examine_model, examine_run
from unet_lab.doctor.faults import FAULTS, run_with_fault, unknown_fault
from unet_lab.explorers import explore_failures, explore_faults
from unet_lab.metrics import scores
from unet_lab.plots import TRAINING_COLOUR, VALIDATION_COLOUR, DescribedFigure, show_symptoms
from unet_lab.unet import UNet
from unet_lab.weights import load_pretrained

_ = torch.manual_seed(0)

# %% [markdown]
# ## What health looks like
#
# `run_with_fault()` is a whole pipeline: it draws 24 cells to learn from and 12 to validate on, standardises, trains a small U-Net for 36 steps, and predicts. It hands back what the run *shows of itself*: its **symptoms**. Learn
# this picture; everything below is compared with it.

# %%
healthy = run_with_fault()
show_symptoms(healthy, title="a healthy run")

# %% [markdown]
# Upper row: the loss of each step, and of the validation images after each epoch; the length of the gradients; the outputs of each class, on both sides of zero. Lower row: the values in the masks, four validation
# masks, and what is predicted for them. Classes have the order and the colours of all pages: 0 background, 1 cell body, 2 nucleus; the legend names them.
#
# ## Ten switches
#
# Each of these breaks the pipeline in one place, and in no other. They are the field's most asked questions.

# %% tags=["nbval-check-output"]
for name, fault in FAULTS.items():
    print(f"{name:22s} {fault.title}")

# %% [markdown]
# **Predict:** which of the ten stop with an error? Which let the loss fall as if nothing were wrong? (Those are the dangerous ones.)

# %%
runs_by_fault = {fault: run_with_fault(fault) for fault in tqdm([None, *FAULTS], unit="run")}

# %% tags=["nbval-check-output"]
stopped = [name for name in FAULTS if runs_by_fault[name].error]
going = {name: runs_by_fault[name].losses for name in FAULTS if name not in stopped}
falling = [name for name, losses in going.items() if np.mean(losses[-4:]) < 0.8 * losses[0]]
print(f"{len(stopped)} stop:", ", ".join(stopped))
print(f"{len(going)} run to the end; of {len(falling)} of them the training loss falls by a fifth or more:", ", ".join(falling))

# %% [markdown]
# Those that stop are kind: they say where. The others are the dangerous ones: each shows a falling curve. **A falling loss proves that the network learns *something*.**
#
# ## Explore
#
# Throw one switch after the other. Before each: what will the six pictures show? After each: which picture gives it away? Is there one that nothing gives away?

# %%
explorer = explore_failures(runs_by_fault)
explorer

# %% [markdown]
# One of them has no bad picture at all: the leak. It is judged on what it has learnt. Compare its validation curve with the healthy run's, for three seeds: each pair of runs has the same network and the same training images, and
# only the validation images differ. **Predict:** which of the two gaps, validation minus training, is larger, or is neither?

# %%
pairs = {seed: (run_with_fault(None, seed), run_with_fault("leak", seed)) for seed in tqdm(range(3), unit="pair")}
figure = DescribedFigure(9.8, 2.9, "Training and validation loss of a healthy run and of a run with a leak, for three seeds.")
for axes, (seed, (honest, leaky)) in zip(figure.subplots(1, 3, sharey=True), pairs.items(), strict=True):
    axes.plot(np.arange(1, len(honest.losses) + 1), honest.losses, color=TRAINING_COLOUR, lw=1, label="training (both)")
    for run, style, name in ((honest, "s--", "validation"), (leaky, "o:", "validation with the leak")):
        axes.plot(*zip(*run.validation_losses, strict=True), style, color=VALIDATION_COLOUR, label=name, markersize=4)
    axes.set(title=f"seed {seed}", xlabel="step")
figure.axes[0].set_ylabel("loss (nats)")
figure.axes[2].legend(fontsize=8)
figure

# %%
for seed, (honest, leaky) in pairs.items():
    validation, leaked = (scores(run.matrices[-1], average="macro").iou for run in (honest, leaky))
    print(f"seed {seed}: macro IoU {validation:.3f} on unseen images, {leaked:.3f} on leaked ones: {leaked - validation:+.3f}")

# %% [markdown]
# The two curves lie on each other, and the scores differ by no more than the seeds do: in so few steps nothing is learnt by heart, so the leak has not even an effect yet. It will, the longer you train ([07](07_training.ipynb): overfitting), and then
# validation will go on praising what new images would not. Until then it shows nowhere. No look at *results* of a single run finds it; you must look at *which images lie where*.
#
# ## Why do they look like that?
#
# Four of them by hand, small enough for paper.
#
# **A softmax too many.** Cross entropy takes a softmax itself. Let the network be perfectly right, after its own softmax: (1, 0, 0). **Compute** the loss that is left:

# %% tags=["nbval-check-output"]
perfect = torch.tensor([[1.0, 0.0, 0.0]])
print(f"loss of a perfect answer: {torch.nn.functional.cross_entropy(perfect, torch.tensor([0])).item():.3f}")
print(f"by hand: -ln(e / (e + 1 + 1)) = {-math.log(math.e / (math.e + 2)):.3f}")

# %% [markdown]
# So the loss never falls below that, however good the masks. It trains, and nothing stops.
#
# **A mask resized like an image.** The masks of this set come from another program, which wrote the nucleus as grey 128 and the cell body as 255: the *greys* are not in the classes' order. Half way between background (0) and
# cell body (255) lies 127.5, and the nearest code is the nucleus's. Here one row of a mask file, halved:

# %% tags=["nbval-check-output"]
row = np.array([0, 0, 0, 255, 255, 255, 255, 0])
means = row.reshape(4, 2).mean(axis=1)
print("pairs of pixels, their mean:   ", means)
for names in ({0: "background", 128: "nucleus", 255: "cell body"}, {0: "background", 255: "cell body"}):
    print("nearest of the codes", list(names), ":", [names[min(names, key=lambda code: abs(code - mean))] for mean in means])
print("pairs of pixels, the first one:", row.reshape(4, 2)[:, 0])

# %% [markdown]
# Every cell gets a thin ring of nucleus around it, and the network learns to draw it. Where no other code lies between two neighbours, the edge only moves by part of a pixel. Resize masks by the nearest neighbour, and you need not think about it.
#
# **`eval()` forgotten.** In training mode batch norm subtracts the mean of *the batch*. So what is one image's answer?

# %% tags=["nbval-check-output"]
torch.manual_seed(0)
model = UNet(base_channels=4, depth=2)
image, other = torch.randn(1, 1, 32, 32), 5 * torch.randn(1, 1, 32, 32)
for mode in ("train", "eval"):
    getattr(model, mode)()
    with torch.no_grad():
        alone, beside = model(image)[0], model(torch.cat([image, other]))[0]
    stays = torch.allclose(alone, beside, atol=1e-5)
    print(f"model.{mode}(): the image's logits stay when a neighbour comes into its batch: {stays}")

# %% [markdown]
# **A rate too high.** Gradient descent on f(w) = w² with rate r makes w into w - r · 2w = (1 - 2r) · w. **For which r** does it fly off?

# %% tags=["nbval-check-output"]
for rate in (0.1, 0.5, 0.9, 1.1, 3.0):
    w = 1.0
    for _ in range(20):
        w -= rate * 2 * w
    print(f"rate {rate}: every step multiplies w by {1 - 2 * rate:5.1f}; after 20 steps |w| = {abs(w):.3g}")

# %% [markdown]
# At rates above 1: there every step multiplies w by less than -1. (At 0.5 one step arrives; between 0.5 and 1 it jumps from side to side and still arrives.)
#
# ## The doctor
#
# What you just did by eye can be written down: outputs between 0 and 1 that add up to 1, a counter of batch norm that stands still, images that are on both sides. `examine_run` is given the symptoms, never the switch. **Predict:** how many of
# the ten does it name? And what does it say of a healthy run? (A doctor who finds something in everybody is of no use.)

# %% tags=["nbval-check-output"]
print("healthy run:", examine_run(runs_by_fault[None]))
named = sum(examine_run(runs_by_fault[name]).names == (fault.title,) for name, fault in FAULTS.items())
print(f"{named} of {len(FAULTS)} named, each by its own name and no other")

# %%
for name in ("mode forgotten", "flattering accuracy"):
    print(examine_run(runs_by_fault[name]), "\n")

# %% [markdown]
# Read in the source how it decides (`unet_lab/doctor/run_checks.py`): causes come first, and only where there is none does it speak of outcomes. "All background" has many causes; it is the last thing to say.
#
# `examine_model` takes a network and data instead: here the shipped model, healthy, then with `eval()` forgotten, then with one bias set to NaN.

# %% tags=["nbval-check-output"]
cells = load_cells()
shipped = load_pretrained()
print("as it is:      ", examine_model(shipped.eval(), cells).names or "nothing found")
print("training mode: ", examine_model(shipped.train(), cells).names)
with torch.no_grad():
    shipped.eval().head.bias[0] = float("nan")
print("one NaN:       ", examine_model(shipped, cells).names)

# %% [markdown]
# ## Name the fault
#
# Five unknown runs. **Order tests**; each costs a point, once for each run. Name the fault, by its short name from the list above. Note your guess *before* each test, and whether the test changed your mind: a test whose outcome cannot change your
# mind is not worth its point. Ten points for all five is good.

# %%
unknown = {letter: unknown_fault(letter) for letter in tqdm("ABCDE", unit="run")}

# %%
faults_explorer = explore_faults(unknown)
faults_explorer

# %% [markdown]
# ## Exercise 1: five diagnoses

# %%
my_diagnoses = {"A": None, "B": None, "C": None, "D": None, "E": None}
### BEGIN SOLUTION
my_diagnoses = {
    "A": "mode forgotten",  # one image's outputs change with its neighbours: eval() is missing
    "B": "interpolated masks",  # a ring of nucleus around each cell in the masks to learn from
    "C": "leak",  # all pictures healthy; validation images are among the training images
    "D": "softmax twice",  # outputs from 0 to 1, their sum 1
    "E": "normalised otherwise",  # the network was trained on standard deviation 1 and is asked about 46
}
### END SOLUTION

check("diagnoses", my_diagnoses);

# %% [markdown]
# <details><summary>The doctor's own opinion (open it afterwards)</summary>
#
# Run `for letter, run in unknown.items(): print(letter, examine_run(run).names)` in a new cell. Did it need all symptoms? Which one did it use for A?</details>
#
# ## Exercise 2: write a doctor
#
# For three faults. `losses` is a list of floats; `outputs` an array (N, C, H, W); `training_images` and `validation_images` are lists of fingerprints (equal images have equal ones). Return `"rate too high"`, `"softmax twice"`, `"leak"` or, where nothing
# speaks against it, `"healthy"`. A rate is too high where a loss is no number (NaN or infinite), or where the losses end far above where they began. No list is empty. Mind the healthy ones: a doctor is judged by them too.

# %%
def my_doctor(losses, outputs, training_images, validation_images):
    """One of "rate too high", "softmax twice", "leak", "healthy"."""
    ### BEGIN SOLUTION
    if not np.isfinite(losses).all() or losses[-1] > 3 * losses[0]:
        return "rate too high"
    if outputs.min() >= 0 and np.allclose(outputs.sum(axis=1), 1):
        return "softmax twice"
    if set(training_images) & set(validation_images):
        return "leak"
    return "healthy"
    ### END SOLUTION


check("own_doctor", my_doctor);

# %% [markdown]
# ## In which order?
#
# When your own run fails, go from cheap to expensive, and change one thing at a time:
#
# 1. **Look at a batch** as the network gets it: shapes, types, mean and standard deviation, the values in the masks; image and mask over each other. (What is wrong with masks and normalisation shows there, in a minute.)
# 2. **The first loss.** Is it near ln 3, for three classes? If not, something is wrong before any training.
# 3. **Overfit one batch** ([07](07_training.ipynb)). If that fails, the fault is in network, loss or loop; data is not to blame.
# 4. **Outputs and modes.** Logits below 0? The same answer whatever the neighbours?
# 5. **Who is on which side** of the split.
# 6. Only then: learning rate, weights of classes, more data, another network.
#
# And the ten once more, with their cures:

# %%
for fault in FAULTS.values():
    print(f"{fault.title}\n    you see: {fault.symptom}\n    cure:    {fault.cure}")

# %%
table = runs_by_fault["flattering accuracy"].matrices[-1]
print(f"reported: {np.trace(table) / table.sum():.1%}; always background: {table[0].sum() / table.sum():.1%}")

# %% [markdown]
# ## Recap
#
# <details><summary>Your loss stays at 0.6 and the masks look fine. First suspect?</summary>
# A softmax before cross entropy. Look whether the outputs add up to 1.</details>
#
# <details><summary>Validation is better than training, from the first epoch on. Two explanations?</summary>
# Dropout or augmentation act in training only: harmless. Or validation images are among the training images: not harmless. Look at the images.</details>
#
# <details><summary>An image gets one mask alone, and another when it shares its batch with other images. What is it?</summary>
# Training mode: batch norm looks at the batch. model.eval(). (With dropout, which draws anew each time, even the same batch would get another mask each time.)</details>
#
# <details><summary>98 % accuracy. Good?</summary>
# Compare with the answer that is always background: the cell before this recap does.</details>
#
# <details><summary>Why does the doctor speak of "all background" last?</summary>
# It is an outcome. Wrong labels, a wrong normalisation or a wild learning rate all end there; naming the outcome first would hide the cause.</details>
#
# *Next: [15 · Your own images](15_your_own_images.ipynb)*

# %% jupyter={"source_hidden": true} tags=["nbval-check-output"]
# For the automatic tests: turn every control of this page's explorers, as a hand would.
print(explorer.drive())
print(faults_explorer.drive())
