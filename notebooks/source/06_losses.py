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
# # 06 · Losses
#
# **The question:** how do you tell a network, in one number, how wrong it is?
#
# Afterwards you can derive cross entropy from two numbers, say what `sum` and `mean` do to the learning rate, weight rare classes and thin gaps,
# choose between cross entropy, focal loss and soft Dice by what they bring and cost, and read a training log like evidence.
#
# *About 55 minutes. You need: [01](01_the_images.ipynb) (classes), [05](05_the_whole_u.ipynb) (logits). Back: [05 · The whole U](05_the_whole_u.ipynb). Next: [07 · Training](07_training.ipynb)*

# %%
import math

import numpy as np
import torch
from torch.nn import functional as F
from tqdm.auto import tqdm

from unet_lab.course import check
from unet_lab.datasets import generate_cell, load_cells
from unet_lab.datasets.generator.nucleolus import CLASSES
from unet_lab.explorers import explore_borders, explore_loss
from unet_lab.explorers.losses import two_cells
from unet_lab.losses import border_weights, class_weights, cross_entropy, focal_loss, soft_dice_loss
from unet_lab.metrics import scores
from unet_lab.plots import TRAINING_COLOUR, VALIDATION_COLOUR, DescribedFigure, show_image, show_mask
from unet_lab.training import load_outcomes, run_once
from unet_lab.training.rare_class import LOSSES, RARE_CLASS, loss_row, rare_class_candidates, rare_class_data, rare_class_scores
from unet_lab.weights import load_pretrained

_ = torch.manual_seed(0)

# %% [markdown]
# ## Two numbers
#
# The network gives a pixel two numbers, **logits**: 2 for *background*, 0 for *cell*. The **softmax** makes probabilities of them: exponentials,
# divided by their sum. The loss is minus the natural logarithm of the probability that the *true* class got. **Predict:** if the truth is *background*, is the loss
# nearer to 0, to 1 or to 2? And if it is *cell*?

# %% tags=["nbval-check-output"]
background, cell = math.exp(2), math.exp(0)
p = [background / (background + cell), cell / (background + cell)]
print(f"probabilities: {p[0]:.3f} and {p[1]:.3f}")
print(f"loss if the truth is background: {-math.log(p[0]):.3f}")
print(f"loss if the truth is cell:       {-math.log(p[1]):.3f}")

# %% [markdown]
# This is **cross entropy**. It asks only for the true class's probability: 1 costs nothing, 0.5 costs 0.69, and near 0 it grows without bound. A
# network that is wrong *and sure* pays most.
#
# What does the network hear of it? The gradient of the loss with respect to the logits is *probability minus truth*: as simple as that.

# %% tags=["nbval-check-output"]
logits = torch.tensor([[2.0, 0.0]], requires_grad=True)
F.cross_entropy(logits, torch.tensor([1])).backward()  # the truth is class 1, cell
print("gradient:             ", [round(v, 3) for v in logits.grad[0].tolist()])
print("probability - truth:  ", [round(p[0] - 0, 3), round(p[1] - 1, 3)])

# %%
sure = np.linspace(0.002, 1, 300)
figure = DescribedFigure(9.8, 3, "Cross entropy and focal loss against the probability of the true class.")
left, right = figure.subplots(1, 2)
left.plot(sure, -np.log(sure), color=TRAINING_COLOUR, label="cross entropy")
left.plot(sure, -((1 - sure) ** 2) * np.log(sure), "--", color=VALIDATION_COLOUR, label="focal, gamma = 2")
left.set(xlabel="probability of the true class", ylabel="loss (nats)")
left.legend()
right.plot(sure, 1 - sure, color=TRAINING_COLOUR)
right.set(xlabel="probability of the true class", ylabel="|gradient| by its logit", title="cross entropy: the worse, the louder")
figure

# %% [markdown]
# ## From a pixel to an image
#
# An image is many pixels, each with its own loss. Here is one of 2 x 2 pixels with three classes, where the network knows nothing: all logits are 0. **Predict**
# the loss of one pixel, then the mean and the sum.

# %% tags=["nbval-check-output"]
nothing, mask = torch.zeros(1, 3, 2, 2), torch.tensor([[[0, 0], [1, 2]]])
print("each pixel:", cross_entropy(nothing, mask, "none")[0].tolist())
print(f"mean {cross_entropy(nothing, mask):.4f}, sum {cross_entropy(nothing, mask, 'sum'):.4f}, ln 3 = {math.log(3):.4f}")

# %% [markdown]
# Written out for a whole batch: the logarithms of all probabilities, then for each pixel that of its true class. `log_softmax` is the logarithm of the softmax in one
# step, without the exponential of 1000, which no computer can hold. **Predict** the two shapes.

# %% tags=["nbval-check-output"]
logits = torch.randn(2, 3, 8, 8)
mask = torch.randint(0, 3, (2, 8, 8))
log_p = logits.log_softmax(dim=1)  # a number for each class
of_truth = log_p.gather(1, mask[:, None])[:, 0]  # `mask` says which of them
print("log_p", tuple(log_p.shape), " of_truth", tuple(of_truth.shape))
print("written out is PyTorch's:", torch.allclose(-of_truth.mean(), F.cross_entropy(logits, mask)))
print("exp(1000):", torch.tensor(1000.0).exp().item(), " log_softmax:", torch.tensor([1000.0, 0.0]).log_softmax(dim=0).tolist())


# %% [markdown]
# **ln 3 = 1.0986 nats per pixel** is what knowing nothing costs with three classes. Keep that number: a loss above it means *worse than a guess*.
#
# ## `sum` or `mean`?
#
# The report took `reduction="sum"`. The sum over a batch of 3 images of 1024 x 1024 pixels is 3,145,728 times the mean, and so is its gradient. **Predict:** with plain
# gradient descent, what must happen to the learning rate? And with Adam, which divides each gradient by its own recent size?

# %% tags=["nbval-check-output"]
def step_size(optimizer_class, reduction, learning_rate):
    weight = torch.ones(3, requires_grad=True)
    optimizer = optimizer_class([weight], lr=learning_rate)
    x = torch.arange(64.0).view(1, 1, 8, 8) / 64
    loss = cross_entropy(x * weight.view(1, 3, 1, 1), mask[:1], reduction)
    loss.backward()
    optimizer.step()
    return (weight - 1).abs().max().item()


for name, optimizer_class in (("plain gradient descent", torch.optim.SGD), ("Adam", torch.optim.Adam)):
    ratio = step_size(optimizer_class, "sum", 0.001) / step_size(optimizer_class, "mean", 0.001)
    print(f"{name}: the first step with the sum is {ratio:.2f} times that with the mean (64 pixels)")

# %% [markdown]
# Gradient descent takes a step that is as many times larger as there are pixels: its learning rate must be divided by that number, and again whenever
# image or batch size changes. Adam hardly notices, which is why the report's recipe (Adam, 0.001) works at all. But its log shows huge numbers. Let us read them.
#
# ## A log, read like evidence
#
# The report's figure 4 prints `Epoch [1/10] Average Loss: 1697953.4625`, then `… [10/10] … 985221.6322916667`. It says nowhere how large the images were, nor how
# many. The numbers know. The loss is a sum over batches of 3 images; so divide by their pixels. **Predict:** which of the sizes is possible?

# %% tags=["nbval-check-output"]
first, last = 1697953.4625, 985221.6322916667
for size in (256, 512, 1024):
    pixels = 3 * size**2
    print(f"{size:4d} x {size:4d}: {first / pixels:6.2f} nats per pixel in epoch 1, {last / pixels:5.2f} in epoch 10")
print(f"knowing nothing: {math.log(3):.2f}")

# %% [markdown]
# At 512 the average over a whole epoch would be twice as bad as knowing nothing, and after ten epochs still no better than a guess. So the images were most likely
# 1024 x 1024. How many? Look at the decimals. A loss is a float32 number, and those have gaps that grow with their size: here is the gap at this size. An average
# over *b* batches is a multiple of gap / b. **Which number of batches makes both lines whole?**

# %% tags=["nbval-check-output"]
for value in (first, last):
    gap = float(np.spacing(np.float32(value)))
    possible = [b for b in range(1, 101) if abs(value * b / gap - round(value * b / gap)) < 1e-3]
    print(f"{value}: gap {gap} = 1/{1 / gap:.0f}; batches that fit: {possible}")

# %% [markdown]
# Both lines must come from the same number of batches. Of the numbers up to 100 the second allows only 60, so there were **60 batches** (or a multiple of 60), which is about
# **180 images** for training; 80 % of 225. Two numbers in a log, and we know what the report did not say.
#
# ## Rare classes
#
# Count the pixels of the shipped cells. **Predict:** which class will a lazy network learn last?

# %% tags=["nbval-check-output"]
masks = [pair.mask for pair in load_cells().pairs]
shares = np.bincount(np.concatenate([m.ravel() for m in masks])) / sum(m.size for m in masks)
weights = class_weights(masks)
for name, share, weight in zip(("background", "cell body", "nucleus"), shares, weights, strict=True):
    print(f"{name:10s} {share:5.1%} of the pixels, balanced weight {weight:.2f}, share of the weighted loss {share * weight:.1%}")

# %% [markdown]
# A **class weight** multiplies the loss of every pixel of that class. Balanced weights make each class count a third. The mean then divides by the
# sum of the *weights*, not of the pixels; so doubling all weights changes nothing.
#
# ## Dice: overlap instead of pixels
#
# **Soft Dice** does not count pixels. It compares areas: 2 · overlap / (predicted area + true area), with probabilities instead of hard
# classes, so that there is a gradient. A class of ten pixels counts as much as one of ten thousand. By hand, for one class on four pixels:

# %% tags=["nbval-check-output"]
p, t = np.array([0.9, 0.6, 0.2, 0.1]), np.array([1, 1, 0, 0])
overlap, areas = (p * t).sum(), p.sum() + t.sum()
print(f"overlap {overlap:.1f}, areas {p.sum():.1f} and {t.sum():.1f}, soft Dice {2 * overlap / areas:.3f}")
hard = p > 0.5
print("hard, each pixel rounded to its class:", 2 * (hard * t).sum() / (hard.sum() + t.sum()))

# %% [markdown]
# ## Four answers, four losses
#
# One cell; four answers: nearly perfect; all background, and sure of it; the nucleus missed; and unsure everywhere but right. **Predict:** which loss puts *all background* furthest above the next worst answer?

# %%
truth = torch.from_numpy(generate_cell(seed=4, size=192).mask).long()[None]


def answer(classes, strength=4.0):
    return strength * F.one_hot(classes, 3).movedim(-1, 1).float()


answers = {
    "nearly perfect": answer(truth),
    "all background": answer(torch.zeros_like(truth)),
    "nucleus missed": answer(truth.clamp(max=1)),
    "right but unsure": answer(truth, strength=0.5),
}
losses = {
    "cross entropy": cross_entropy,
    "weighted": lambda z, m: cross_entropy(z, m, weights=weights),
    "focal": focal_loss,
    "soft Dice": soft_dice_loss,
}
figure = DescribedFigure(9.8, 3, "Four losses of four answers, as bars.")
for axes, (name, loss) in zip(figure.subplots(1, 4, sharey=True), losses.items(), strict=True):
    values = [loss(logits, truth).item() for logits in answers.values()]
    axes.barh(list(answers), values, color=TRAINING_COLOUR)
    axes.set(title=name, xlabel="loss")
axes.invert_yaxis()  # all four share it
figure

# %% tags=["nbval-check-output"]
for name, loss in losses.items():
    values = [loss(logits, truth).item() for logits in answers.values()]
    print(f"{name:14s}", "  ".join(f"{label} {v:.2f}" for label, v in zip(answers, values, strict=True)))

# %% [markdown]
# Read along the rows. All four call *all background* the worst answer; focal and weighted loss put it furthest above the next. Cross entropy and Dice call *right but unsure* worse than a missed nucleus, although not one pixel is wrong. Focal loss turns down what is already right, and so the missed nucleus weighs more. Weights make mistakes in the two rare classes expensive. Dice sees two of three classes lost, whatever their size. None is *the* right one:
# cross entropy trains smoothly, Dice is near what we measure.
#
# ## Explore: where does the loss come from?
#
# The trained network's answer, pushed aside by six pixels. **Find out:** the same pixels stay wrong while you turn the *confidence*: what does the loss do? (That is how a validation
# loss can rise while the accuracy stays.) Then switch to *focal*: which pixels go dark? Then give the nucleus a weight of five.

# %%
sample = generate_cell(seed=4, size=192)
losses_by_pixel = explore_loss(load_pretrained("small"), *sample)
losses_by_pixel

# %% [markdown]
# ## Six losses, trained
#
# So far we have asked losses what they *think*. What does a network learn from them? The generator draws a **nucleolus**, a dark body in the nucleus, as a fourth class:

# %% tags=["nbval-check-output"]
data = rare_class_data(RARE_CLASS)
pixels = np.bincount(np.concatenate([pair.mask.ravel() for pair in data.training.pairs]))
for name, count, weight in zip(CLASSES, pixels, class_weights([p.mask for p in data.training.pairs], 4), strict=True):
    print(f"{name:10s} {count / pixels.sum():6.2%} of the pixels, balanced weight {weight:5.2f}")

# %%
pairs = data.test.pairs[:4]
figure = DescribedFigure(9.8, 1.6, "Four generated cells, each with its mask; the nucleolus is a spot in the nucleus.")
for k, pair in enumerate(pairs):
    show_image(figure.add_subplot(1, 8, 2 * k + 1), pair.image)
    show_mask(figure.add_subplot(1, 8, 2 * k + 2), pair.mask, num_classes=4)
figure

# %% [markdown]
# One pixel in a hundred. **Predict:** after 384 steps with plain cross entropy, how much of it does the network find? And with balanced weights, with which one nucleolus pixel costs as much as seventy of the background? Two rows of the table below, trained now, one seed each:

# %%
losses_protocol, outcomes = load_outcomes(LOSSES)
rows = {outcome.candidate.name: outcome for outcome in outcomes}
ways = {candidate.name: candidate for candidate in rare_class_candidates(data)}
now = {}
for name in tqdm(["cross entropy", "cross entropy, balanced weights"], unit="network"):
    run = run_once(ways[name], RARE_CLASS, rows[name].rate, seed=0, data=data)
    now[name] = scores(np.array(run.matrices).sum(axis=0).reshape(4, 4), average=None)
for name, found in now.items():
    print(f"{name:34s} nucleolus: recall {found.recall[3]:.2f}, precision {found.precision[3]:.2f}")

# %% [markdown]
# **Recall** is the share of its pixels that were found; **precision** the share of the pixels called nucleolus that are one (where none is called so, there is no number: "nan"; [08](08_evaluation.ipynb)).
# Here is the whole table, made by `python3 lab.py loss-table`: the same network, each loss at the learning rate that suits it, five seeds, mean ± standard deviation. (*Half-way weights* are the square roots of the balanced ones.)

# %%
for outcome in outcomes:
    print(loss_row(outcome))

# %%
found = {outcome.candidate.name: rare_class_scores(outcome) for outcome in outcomes}
figure = DescribedFigure(9.8, 3.6, "Recall and precision of the nucleolus for each loss, one dot for each of five seeds.")
axes = figure.subplots()
for (name, numbers), marker in zip(found.items(), "osv^Dx", strict=True):
    axes.plot(numbers["recall"], np.nan_to_num(numbers["precision"]), marker, label=name, alpha=0.8)  # none called: drawn at 0
axes.set(xlabel="recall: how much of the nucleolus is found", ylabel="precision: how much is right")
axes.set(xlim=(-0.03, 1), ylim=(-0.03, 1))
axes.legend(fontsize=8, loc="upper right")
figure

# %% tags=["nbval-check-output"]
plain, weighted = found["cross entropy"], found["cross entropy, balanced weights"]
print("the stored table was made by this protocol:", losses_protocol == RARE_CLASS)
more = bool(weighted["recall"].min() > plain["recall"].max())
print("balanced weights find more of it than plain cross entropy, with every seed:", more)
print("and more than half of what they call nucleolus is none:", bool(np.nanmean(weighted["precision"]) < 0.5))
print("highest IoU of the nucleolus:", max(found, key=lambda name: found[name]["iou"].mean()))
recalls = [one.recall[3] for one in now.values()]
print("now, with one seed, the weighted network finds more:", bool(recalls[1] > recalls[0]))

# %% [markdown]
# That is what weights **bring**, and what they **cost**: a pixel that may be nucleolus is called one, since a miss costs so much more than a false alarm. Weights do not make the network
# see better; they move the threshold. Which of the two mistakes is worse is a question about your cells, not about losses: to *find* candidates for a person to look at, take weights;
# to measure areas, take a loss between the extremes, and look at precision and recall together.
#
# One caution with Dice. It asks how two areas overlap; what if a batch has no nucleolus at all?

# %% tags=["nbval-check-output"]
nowhere = torch.zeros(1, 8, 8, dtype=torch.int64)  # background only
for called in (0, 1, 4):  # pixels that the network calls nucleolus
    z = torch.zeros(1, 4, 8, 8)
    z[:, 0] = 20.0
    z.flatten(2)[:, :, :called] = torch.tensor([0.0, 0.0, 0.0, 20.0])[None, :, None]
    of_class = soft_dice_loss(z, nowhere, average=None)[3]
    print(f"{called} of 64 pixels called nucleolus, where there is none: Dice loss of that class {of_class:.2f}")

# %% [markdown]
# All or nothing: a single false pixel costs as much as four. With small batches most batches may lack a rare class, and Dice alone then teaches little but never to call that class. That is a reason why
# nnU-Net adds cross entropy to it.
#
# ## The gap between two cells
#
# Cells touch. If a network misses the thin line of background between two of them, cross entropy hardly notices: it is a few pixels. But two cells have become one. The 2015 paper
# (equation 2) therefore gave these pixels a weight of their own:
#
# w(x) = w_c(x) + w0 · exp(−(d1 + d2)² / (2 σ²)), with w0 = 10 and σ = 5 pixels;
#
# d1 and d2 are the distances to the nearest and to the second nearest cell. **Predict:** a gap of 4 pixels, a pixel in the middle of it: is the weight nearer to 1, 4 or 8?

# %% tags=["nbval-check-output"]
cells = two_cells(gap=4)
weight_map = border_weights(cells, w0=10, sigma=5)
row, column = 48, 47
rows, columns = np.indices(cells.shape)
d1, d2 = sorted(np.hypot(rows - row, columns - column)[cells == k].min() for k in (1, 2))
by_hand = 1 + 10 * math.exp(-((d1 + d2) ** 2) / (2 * 5**2))
print(f"d1 = {d1:.0f}, d2 = {d2:.0f}, by hand {by_hand:.3f}, in the map {weight_map[row, column]:.3f}")
print("inside a cell:", weight_map[48, 20], " far outside:", round(float(weight_map[2, 2]), 3))

# %% [markdown]
# ## Explore: the border weights
#
# How wide may the gap get before its weight fades? What does a large sigma do to the rest of the background?

# %%
borders = explore_borders()
borders

# %% [markdown]
# ## Break it on purpose: a softmax too many
#
# Cross entropy has the softmax inside. The mistake that is made most: to end the network in a softmax as well. It still trains, slowly. **Predict:** what is the lowest loss that is
# left, when the network is right and entirely sure?

# %% tags=["nbval-check-output"]
right_and_sure = torch.tensor([[100.0, 0.0, 0.0]]).view(1, 3, 1, 1)
truth_is_0 = torch.zeros(1, 1, 1, dtype=torch.int64)
print(f"logits, as it should be: {cross_entropy(right_and_sure, truth_is_0):.4f}")
print(f"softmax, then again:     {cross_entropy(right_and_sure.softmax(dim=1), truth_is_0):.4f}")
wrong = torch.tensor([[0.0, 8.0, 0.0]]).view(1, 3, 1, 1)
for name, end in (("logits", lambda z: z), ("softmax", lambda z: z.softmax(dim=1))):
    z = wrong.clone().requires_grad_()
    cross_entropy(end(z), truth_is_0).backward()
    print(f"gradient of a sure mistake, {name:8s} {z.grad.abs().max():.4f}")


# %% [markdown]
# The loss cannot fall below 0.55, and where the network is wrong and sure, where it should hear most, it hears next to nothing.
#
# ## Exercise 1: weighted cross entropy
#
# `logits` (N, C, H, W), `mask` (N, H, W), `weights` (C,): the weighted mean over pixels, one number in a tensor without dimensions. It must survive logits of 1000, and a class of the weight 0
# counts for nothing. (`weights[mask]` gives each pixel the weight of its class.)

# %%
def my_loss(logits, mask, weights):
    ### BEGIN SOLUTION
    log_p = logits.log_softmax(dim=1)  # (N, C, H, W)
    of_truth = log_p.gather(1, mask[:, None])[:, 0]  # (N, H, W)
    pixel_weights = weights[mask]  # (N, H, W)
    return -(pixel_weights * of_truth).sum() / pixel_weights.sum()
    ### END SOLUTION


check("weighted_cross_entropy", my_loss);


# %% [markdown]
# ## Exercise 2: soft Dice loss
#
# 1 − the mean over classes of (2·sum(p·t) + 1e-5) / (sum(p) + sum(t) + 1e-5), with sums over the whole batch, for any number of classes. The 1e-5
# makes 1 of 0/0: a class that is neither in the masks nor predicted must not cost anything.

# %%
def my_dice_loss(logits, mask):
    ### BEGIN SOLUTION
    p = logits.softmax(dim=1)
    t = F.one_hot(mask, logits.shape[1]).movedim(-1, 1).float()
    overlap = (p * t).sum(dim=(0, 2, 3))
    sizes = p.sum(dim=(0, 2, 3)) + t.sum(dim=(0, 2, 3))
    dice = (2 * overlap + 1e-5) / (sizes + 1e-5)
    return 1 - dice.mean()
    ### END SOLUTION


check("soft_dice", my_dice_loss);

# %% [markdown]
# ## Exercise 3: the detective
#
# Put the evidence together: the first logged loss per pixel if the images were 1024 or 512 pixels wide, what knowing nothing costs, which size it was, and how
# many training images, the smallest number that fits. (Compute; numbers to three digits will do.)

# %%
my_findings = {
    "per_pixel_at_1024": None,
    "per_pixel_at_512": None,
    "knowing_nothing": None,
    "image_size": None,
    "training_images": None,
}
### BEGIN SOLUTION
logged = 1697953.4625
my_findings = {
    "per_pixel_at_1024": logged / (3 * 1024 * 1024),
    "per_pixel_at_512": logged / (3 * 512 * 512),
    "knowing_nothing": math.log(3),
    "image_size": 1024,  # at 512 a pixel would cost more than knowing nothing, over a whole epoch
    "training_images": 180,  # 60 batches of 3: the average is a multiple of 1/480 = 1/(8 · 60)
}
### END SOLUTION

check("detective", my_findings);

# %% [markdown]
# ## A case from the clinic
#
# Small, pale cells in wide frames; the loss counts every pixel alike. It falls from epoch to epoch, and the predicted masks are empty. **What is wrong?**
#
# <details><summary>Cause and cure</summary>
# Background is the cheap answer: it is right in nearly all pixels. That is an outcome and not yet a cause; first make sure that masks and images are read rightly. Then: crops around the cells, weights that grow as a class gets rarer, or Dice; and more patience. Notebook <a href="14_when_it_fails.ipynb">14</a> has ten such cases, with switches.</details>

# %% [markdown]
# ## Recap
#
# <details><summary>Your three-class network starts at a mean loss of 1.10. Is that good or bad?</summary>
# Neither: ln 3 = 1.0986 is what knowing nothing costs. It is where an untrained network should start.</details>
#
# <details><summary>You change from mean to sum and the training explodes, with plain gradient descent. Why?</summary>
# The gradient is larger by the number of pixels in the batch; the learning rate must be divided by it.</details>
#
# <details><summary>Validation accuracy is flat, validation loss rises. What is going on?</summary>
# The network gets surer, also of its mistakes: those cost more and more (turn the confidence in the explorer).</details>
#
# <details><summary>When would you take border weights, and what do they need?</summary>
# When touching objects must be kept apart. They need the objects one by one, not just classes.</details>
#
# *Next: [07 · Training](07_training.ipynb)*

# %% jupyter={"source_hidden": true} tags=["nbval-check-output"]
# For the automatic tests: turn every control of this page's explorers, as a hand would.
print(losses_by_pixel.drive(kind="focal"))
print(borders.drive())
