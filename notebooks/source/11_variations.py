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
# # 11 · Variations
#
# **The question:** a hundred papers change something in the U-Net. Which changes help, and how would one know?
#
# Afterwards you can say what four normalisations do, build up-sampling, residual blocks and attention gates, design a comparison that is fair, tell an
# improvement from chance, and put a network of your own into the table.
#
# *About 55 minutes. You need: [02](02_convolution.ipynb) (batch norm), [05](05_the_whole_u.ipynb), [07](07_training.ipynb), [08](08_evaluation.ipynb) (intervals). Back: [10 · Augmentation](10_augmentation.ipynb). Next: [12 · Large images](12_large_images.ipynb)*

# %%
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from torch import nn
from tqdm.auto import tqdm

from unet_lab.blocks import up_sampling
from unet_lab.course import check
from unet_lab.datasets import generate_cell
from unet_lab.explorers import explore_variations
from unet_lab.inference import predict
from unet_lab.inspection import activations, cost
from unet_lab.plots import VALIDATION_COLOUR, DescribedFigure, heat_over, show_image, show_mask, show_norm_groups, show_outcomes
from unet_lab.training import Candidate, Protocol, compare, difference, holm, interval, load_outcomes, p_value, run_once, train
from unet_lab.unet import UNet

_ = torch.manual_seed(0)

# %% [markdown]
# ## Two networks
#
# A paper proposes network B instead of network A. Both are trained on the same 96 cells with the same settings, and judged on the same 60 unseen cells:

# %%
protocol = Protocol()
A, B = Candidate("A"), Candidate("B")
score = {name: run_once(candidate, protocol, rate=0.003, seed=seed)[0] for name, candidate, seed in (("A", A, 1), ("B", B, 3))}
for name, iou in score.items():
    print(f"network {name}: macro IoU {iou:.3f}")

# %% [markdown]
# **Predict:** is the better one a better network? Write down how sure you are before you run the next cell.

# %% tags=["nbval-check-output"]
print("settings of A:", A.settings)
print("settings of B:", B.settings)
print("the same network:", A.settings == B.settings)

# %% [markdown]
# They are one network, started from two seeds. Other first weights and another order of the batches: that alone made this difference. (Of five seeds these two
# lie farthest apart. Whoever tries five seeds and reports the best has chosen just so.) Every comparison on this page therefore has several seeds for each side, and its differences come with
# their randomness.
#
# ## Four normalisations, or none
#
# In front of each ReLU sits a batch norm ([02](02_convolution.ipynb)): subtract a mean, divide by a standard deviation, scale, shift. The others differ in one thing
# only: *which numbers share a mean*. Each square is one feature map (all its pixels); squares of one colour and number share:

# %%
show_norm_groups()

# %% [markdown]
# **Predict:** which of the four gives the first image another result when the other two images are replaced?

# %% tags=["nbval-check-output"]
batch = 2 + 3 * torch.randn(3, 4, 8, 8)                             # (N, C, H, W)
others = batch.clone()
others[1:] = torch.rand(2, 4, 8, 8)                                 # image 0 stays
over = {"batch": (0, 2, 3), "instance": (2, 3), "layer": (1, 2, 3)}
layers = {"batch": nn.BatchNorm2d(4), "instance": nn.InstanceNorm2d(4), "layer": nn.GroupNorm(1, 4), "group": nn.GroupNorm(2, 4)}
for name, layer in layers.items():
    line = f"{name:9s} changes with its neighbours: {not torch.allclose(layer(batch)[0], layer(others)[0], atol=1e-4)!s:6s}"
    if name in over:
        mean, variance = batch.mean(over[name], keepdim=True), batch.var(over[name], correction=0, keepdim=True)
        by_hand = (batch - mean) / (variance + 1e-5).sqrt()
        line += f" mean over the dimensions {over[name]!s:10s} by hand: same {torch.allclose(layer(batch), by_hand, atol=1e-4)}"
    print(line)

# %% [markdown]
# With batch norm, an image's result hangs on its neighbours in the batch, and with a batch of one its "batch" is itself. That is why people with large 3-D images, and
# batches of 1, take instance or group norm. In evaluation mode it is the other way round: batch norm then uses what it stored and looks at no image; the others
# still measure ([12](12_large_images.ipynb) shows what that does to tiles).
#
# ## Other parts
#
# `UNet` takes its parts by name. First the up-sampling. "nearest" is a 1x1 convolution, then each pixel four times. Is that something new?

# %% tags=["nbval-check-output"]
nearest, transposed = up_sampling("nearest", 6, 3), up_sampling("transposed", 6, 3)
with torch.no_grad():
    transposed.weight.copy_(nearest[0].weight.transpose(0, 1).expand(6, 3, 2, 2))      # four times the same weight
    transposed.bias.copy_(nearest[0].bias)
x = torch.randn(1, 6, 5, 5)
print("nearest = a transposed convolution with four equal weights:", torch.allclose(nearest(x), transposed(x), atol=1e-5))

# %% [markdown]
# So it is less than a transposed convolution: one that cannot draw a checkerboard ([04](04_expansive_path.ipynb)), and cannot draw an edge either; the 3x3 convolutions behind
# it must. What does each variation cost? **Predict** which one has the most parameters, and which is cheaper than the baseline:

# %% tags=["nbval-check-output"]
image = generate_cell(4, 64).image
changes = [{}, {"up": "nearest"}, {"skip": "sum"}, {"skip": "none"}, {"residual": True}, {"attention": True}, {"norm": "group"},
           {"depth": 3}, {"depth": 5}, {"base_channels": 16}]
for change in changes:
    model = UNet(**({"base_channels": 8, "depth": 4} | change))
    work = sum(layer.multiply_adds for layer in cost(model, image)) / 1e6
    print(f"{change or 'baseline'!s:22s} {model.num_parameters:10,d} parameters  {work:6.1f} million multiply-adds")

# %% [markdown]
# - **Skip by sum or none**: the decoder's first convolution gets half the channels.
# - **Residual blocks** (He et al. 2016): out = ReLU(x + f(x)). The block learns a *change*; gradients have a short way past it.
# - **Attention gates** (Oktay et al. 2018): the coarse features from below decide where the skip may speak. You build one in exercise 1.
#
# ## A fair comparison
#
# The same data, the same steps, and *each with the learning rate that suits it*: a rate that was tuned for the baseline alone decides the comparison before it begins. The rate is
# chosen by cells that are used for nothing else. Then five seeds each. All of it is kept in one object:

# %% tags=["nbval-check-output"]
print(protocol)

# %% [markdown]
# Each row of the table takes four trainings to choose its rate and five to be judged: `python3 lab.py ablations` makes all of them in about half an hour, and its result is stored with the
# course. So that you need not believe it, here are two of its rows with two seeds each, trained on this machine: the baseline's are the two networks
# from above, A and B; the one without skips is trained now.

# %%
stored_protocol, outcomes = load_outcomes()
by_name = {outcome.candidate.name: outcome for outcome in outcomes}
baseline, no_skips = outcomes[0], by_name["no skips"]
seeds = (1, 3)                                                      # those of A and B
live = {baseline.candidate.name: list(score.values()), "no skips": []}
for seed in tqdm(seeds, unit="training"):
    live["no skips"].append(run_once(no_skips.candidate, protocol, no_skips.rate, seed)[0])
for name, ious in live.items():
    stored = [by_name[name].ious[seed] for seed in seeds]
    print(f"{name:36s} here {np.round(ious, 3)}   stored {np.round(stored, 3)}, mean of all five seeds {by_name[name].mean:.3f}")

# %% tags=["nbval-check-output"]
same_run = A.settings == baseline.candidate.settings and baseline.rate == 0.003
print("the stored table was made by this protocol:", stored_protocol == protocol, "  and its baseline is A and B:", same_run)
print("without skips it is worse, with both seeds:", bool(max(live["no skips"]) < min(live[baseline.candidate.name])))
near = all(abs(np.mean(ious) - by_name[name].mean) < 0.04 for name, ious in live.items())
print("the means agree to 0.04:", near)

# %% [markdown]
# The same seeds, and not quite the same numbers? The table was made on one processor core. With two, sums are taken in another order and rounded otherwise, in the eighth digit; training magnifies that to the third decimal, sometimes the second. So even the seed does not fix a run on another machine, and nobody should believe a difference of that size.

# %% [markdown]
# ## The table
#
# **Predict** before you look: which of these differ from the baseline by more than chance? Attention? Residual blocks? Added instead of concatenated skips? Twice the width?

# %%
RECIPE = ("loss", "optimizer", "weight decay", "augmentation", "other people's")  # further down
parts = [o for o in outcomes if o.candidate.group not in ("normalisation", *RECIPE)]
show_outcomes([baseline, *parts], baseline)

# %%
print(f"{'':36s}  macro IoU ± std      against the baseline   in standard errors    rate")
for outcome in [baseline, *parts]:
    gained, error = difference(outcome, baseline)
    verdict = "" if outcome is baseline else f"{gained:+.3f} ± {error:.3f}   {abs(gained) / error:17.1f}"
    print(f"{outcome.candidate.name:36s}  {outcome.mean:.3f} ± {outcome.std:.3f}       {verdict:45s} {outcome.rate}")

# %% tags=["nbval-check-output"]
clear = [o.candidate.name for o in parts if abs(np.divide(*difference(o, baseline))) > 3]
unclear = [o.candidate.name for o in parts if abs(np.divide(*difference(o, baseline))) < 1]
print("more than three standard errors away:", clear)
print("less than one:", unclear)

# %% [markdown]
# - **Skips matter more than anything else in this table.** Adding instead of concatenating makes no difference that five seeds can show, and saves parameters.
# - **Residual blocks** do nothing here. They were made for networks of a hundred layers; ours is shallow, and has skips.
# - **Nearest** lies nearly three standard errors up, **attention gates** and **bilinear** about two: perhaps. The next section asks what such a distance is worth in a table of this length.
# - **A simple interpolation** does at least as well as learnt up-sampling in so short a training.
# - **Width** buys something, at four times the cost. Its best rate was the smallest of the four on offer, so even lower ones should have been tried: no plan is perfect.

# %% [markdown]
# ## Many comparisons
#
# A **p value** is the chance that two equally good networks come out at least as far apart as these two did. Below 0.05 many a paper calls a difference *significant*. One comparison in twenty of equals is
# then called so; and a table has many rows. **Predict:** if nothing in this table made any difference, how likely is it that at least one row would be "significant"?
#
# *Holm's correction* keeps that chance at 5 % for the whole table: the smallest of n p values is multiplied by n, the next by n - 1, and so on, and none may become smaller than the one before it.

# %%
p_values = [p_value(outcome, baseline) for outcome in parts]
corrected = holm(p_values)
print(f"{len(parts)} comparisons of equals: at least one p below 0.05 in about {1 - 0.95 ** len(parts):.0%} of such tables\n")
for outcome, p, by_holm in sorted(zip(parts, p_values, corrected, strict=True), key=lambda row: row[1]):
    print(f"{outcome.candidate.name:36s}  p {p:.4f}   corrected {by_holm:.4f}")

# %% tags=["nbval-check-output"]
names = [outcome.candidate.name for outcome in parts]
print("p below 0.05, each by itself:", [name for name, p in zip(names, p_values, strict=True) if p < 0.05])
print("corrected, in the whole table:", [name for name, p in zip(names, corrected, strict=True) if p < 0.05])

# %% [markdown]
# What the correction strikes out is not refuted: five seeds are few, and it asks for more of them. What remains is remarkable even in a table of this length. And it counts the comparisons that were
# *made*: whoever tries thirty variations, and shows the three that won, has thirty to correct for.
#
# ## Explore
#
# With one seed, turn the first seed and watch the order. From how many seeds on would you bet on the winner?

# %%
explorer = explore_variations([baseline, *parts])
explorer

# %% [markdown]
# ## Normalisation and batch size
#
# All with 192 steps. **Predict:** which norm suffers most at batch size 1? And careful: in 192 steps of 16 images a network sees sixteen times as many as in 192 steps of one, so compare
# *within* a batch size, not across.

# %%
norms = [o for o in outcomes if o.candidate.group == "normalisation"]
figure = DescribedFigure(9.8, 3.4, "Macro IoU of five normalisations at batch sizes 1, 3 and 16.")
axes = figure.subplots(1, 3, sharey=True)
for axis, size in zip(axes, (1, 3, 16), strict=True):
    for place, norm in enumerate((None, "batch", "instance", "group", "layer")):
        outcome = next(o for o in norms if o.candidate.batch_size == size and o.candidate.network.get("norm", "batch") == norm)
        axis.plot([place] * len(outcome.ious), outcome.ious, "o", color=VALIDATION_COLOUR, alpha=0.7, markeredgewidth=0)
        axis.plot([place - 0.3, place + 0.3], [outcome.mean] * 2, color="black", lw=1.5)
    axis.set_xticks(range(5), ["none", "batch", "instance", "group", "layer"], fontsize=9)
    axis.set_title(f"batch size {size}", fontsize=10)
    axis.grid(axis="y", alpha=0.3)
axes[0].set_ylabel("macro IoU on unseen cells")
figure

# %% tags=["nbval-check-output"]
for size in (1, 3, 16):
    ranked = sorted((o for o in norms if o.candidate.batch_size == size), key=lambda o: -o.mean)
    words = [f"{o.candidate.network.get('norm', 'batch') or 'none'} {o.mean:.2f} ± {o.std:.2f}" for o in ranked]
    print(f"batch size {size:2d}: {',  '.join(words)}")

# %% [markdown]
# Some norm is worth more than the choice among batch, instance and group norm. Layer norm is a lottery here: look at its dots, some seeds learn and some do not (one mean for all channels lets a
# few loud channels set the scale). And the story that batch norm collapses at batch size 1? Not here: each image has 64 x 64 pixels to take a mean over. It collapses where the deepest
# feature maps are a pixel or two wide, or where one batch differs much from the next.

# %% [markdown]
# ## The recipe, and other people's networks
#
# So far the network changed, and how it was trained did not. Here it is the other way round: four losses, SGD with momentum in place of Adam (with rates of its own to choose from), weight decay, three
# kinds of augmentation. And three networks of others: the parts of Pytorch-UNet, rewired by us, with transposed convolutions and with bilinear up-sampling, and MONAI's `BasicUNet`.
# **Predict:** does augmentation help in 192 steps? Does SGD reach Adam? Which loss is a lottery?

# %%
recipe = [o for o in outcomes if o.candidate.group in RECIPE]
show_outcomes([baseline, *recipe], baseline)

# %%
everything = [*parts, *recipe]
by_holm = dict(zip([o.candidate.name for o in everything], holm([p_value(o, baseline) for o in everything]), strict=True))
for outcome in recipe:
    gained, error = difference(outcome, baseline)
    told = f"{gained:+.3f} ± {error:.3f}   corrected p {by_holm[outcome.candidate.name]:.3f}   spread {outcome.std:.3f}"
    print(f"{outcome.candidate.group:15s} {outcome.candidate.name:31s} {outcome.mean:.3f}   {told}   rate {outcome.rate}")

# %% tags=["nbval-check-output"]
focal = sorted(by_name["focal loss"].ious)
print("focal loss: its worst seed at least 0.2 below its second worst:", focal[1] - focal[0] > 0.2)
print("after the correction below 0.05:", [o.candidate.name for o in recipe if by_holm[o.candidate.name] < 0.05])
others = [o for o in recipe if o.candidate.group == "other people's"]
far = [o.candidate.name for o in others if abs(np.divide(*difference(o, baseline))) > 2]
print("other people's, more than two standard errors away:", far)

# %% [markdown]
# - **Focal loss** is the lottery: four of its five seeds lie with the others, one learnt far less. Its mean and its spread are those of no run at all; look at the dots.
# - **Weights for the classes** cost macro IoU in these five seeds: they buy the rare class's recall with precision (notebook [06](06_losses.ipynb)), and no class is rare enough to be worth it.
# - **SGD** comes close to Adam, with a rate a hundred times as large, the largest on offer: it might do better still.
# - **Augmentation** does not help, and all but the flips came out worse, perhaps because 192 steps leave no time to learn by heart, and what is turned and zoomed is more to learn. It is for long trainings on few images
#   (notebook [10](10_augmentation.ipynb)).
# - **Other people's U-Nets** are as good as ours: none of the three lies further off than chance takes it.
#
# And after the correction for all comparisons on this page, *none* of these rows can be told from the baseline at 5 %. Five seeds are few.
#
# ## Your own network in the table
#
# A `Candidate` is whatever differs from the baseline: settings of `UNet`, or a function without arguments that builds **any** network; and `loss=`, `optimizer=`, `augmentation=`,
# `batch_size=`. Here is a network with no U at all: four convolutions, one after the other, each pixel sees nine by nine. **Predict** its place in the table.

# %%
class FourConvolutions(nn.Module):
    def __init__(self, channels=8):
        super().__init__()
        layers = []
        for inputs in (1, channels, channels):
            layers += [nn.Conv2d(inputs, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Conv2d(channels, 3, 3, padding=1))

    def forward(self, x):
        return self.layers(x)


mine = Candidate("four convolutions", "your own", network=FourConvolutions)
short = replace(protocol, rates=(0.01, 0.03), seeds=(0, 1, 2))      # what you have time for; the real one: protocol
folder = tempfile.TemporaryDirectory()                              # yours: a file that stays, path="my_table.json"
(own,) = tqdm(compare([mine], short, path=Path(folder.name) / "my_table.json"), total=1, unit="network")
show_outcomes([baseline, own], baseline)

# %% [markdown]
# The file keeps each outcome as it comes. Stop a long comparison, call it again, and it goes on; what is done is not trained again:

# %% tags=["nbval-check-output"]
again = list(compare([mine], short, path=Path(folder.name) / "my_table.json"))  # at once
print("nothing was trained twice:", again == [own])
print("parameters:", own.parameters)
low, high = interval(own)
print("its mean lies in its own interval:", low < own.mean < high)
print("below the baseline, with every seed:", max(own.ious) < min(baseline.ious))

# %%
print(f"macro IoU {own.mean:.3f}; 95 % interval over images and seeds {low:.3f} to {high:.3f}")

# %% [markdown]
# The **interval** is a *bootstrap*: seeds and test images are drawn again, with replacement, two thousand times, and 95 % of the scores lie within it. Seeds alone say how much the training varies; with
# other *images* the score would vary too, and the interval counts both. Images of your own go in as `data=ComparisonData(training, validation, test)`.
#
# ## What do attention gates look at?
#
# A gate's map is a number from 0 to 1 for each place: how much of the skip may pass. Train one network with gates, and lay its maps over a cell. **Predict:** where will the topmost
# skip be let through, at edges, in the nucleus, or everywhere?

# %%
torch.manual_seed(0)
gated = UNet(base_channels=8, depth=4, attention=True)
for _ in tqdm(train(gated, protocol.cells("training"), epochs=6, batch_size=3, learning_rate=0.003), total=6, unit="epoch"):
    pass
cell = generate_cell(1_000_003, 64, 0.5)
names = [f"decoder.{3 - level}.gate.sigmoid" for level in range(4)]
maps = activations(gated, cell.image, names)

figure = DescribedFigure(9.8, 2.2, "A cell, its predicted mask, and the attention maps of the four skips over it.")
axes = figure.subplots(1, 6)
show_image(axes[0], cell.image, "cell")
show_mask(axes[1], predict(gated, cell.image), "prediction")
for level, name in enumerate(names):
    attention = maps[name][0, 0].numpy()                            # (H / 2^(level + 1), W / 2^(level + 1))
    large = np.kron(attention, np.ones((2 ** (level + 1),) * 2))    # each number as large as what it decides about
    span = f"skip {level}: {attention.min():.2f} to {attention.max():.2f}"
    show_image(axes[2 + level], heat_over(cell.image, large, gamma=1.0), span)
figure


# %%
opening = {"background": [], "cell body": [], "nucleus": [], "within 2 pixels of an outline": []}
for seed in range(8):
    image, mask = generate_cell(1_000_003 + seed, 64, 0.5)
    gate = np.kron(activations(gated, image, names[:1])[names[0]][0, 0].numpy(), np.ones((2, 2)))    # (64, 64): topmost skip
    rim = ndimage.maximum_filter(mask, 5) != ndimage.minimum_filter(mask, 5)
    for place, where in zip(opening, (mask == 0, mask == 1, mask == 2, rim), strict=True):
        opening[place] += gate[where & ~rim if place != "within 2 pixels of an outline" else rim].tolist()
for place, values in opening.items():
    print(f"{place:30s} {np.mean(values):.2f} of the topmost skip may pass, on average over eight cells")

# %% [markdown]
# That is this network's answer; another seed may give another one. The maps are pretty; read them with care: a map shows where the gate *opens*, not why, and not that it helps. The table above says whether it helps.
#
# ## Exercise 1: an attention gate
#
# `theta` brings the skip to the gating signal's size (2x2, stride 2, no bias), `phi` the gating signal to as many channels (1x1). Add, ReLU, `psi` to one channel (1x1), sigmoid: the
# map. Enlarge it to the skip's size by bilinear interpolation (corners not aligned), and multiply the skip with it.

# %% tags=["given"]
### BEGIN SOLUTION
from torch.nn import functional as F


### END SOLUTION
class MyAttentionGate(nn.Module):
    """Input: skip (N, C, 2H, 2W) and gating (N, G, H, W). Output: the skip, weighed, (N, C, 2H, 2W)."""

    def __init__(self, skip_channels, gating_channels, inner):
        super().__init__()
        self.theta = nn.Conv2d(skip_channels, inner, kernel_size=2, stride=2, bias=False)
        self.phi = nn.Conv2d(gating_channels, inner, kernel_size=1)
        self.psi = nn.Conv2d(inner, 1, kernel_size=1)

    def forward(self, skip, gating):
        ### BEGIN SOLUTION
        together = torch.relu(self.theta(skip) + self.phi(gating))  # (N, inner, H, W)
        attention = torch.sigmoid(self.psi(together))  # (N, 1, H, W)
        return skip * F.interpolate(attention, scale_factor=2, mode="bilinear")  # (N, C, 2H, 2W)
        ### END SOLUTION


check("attention_gate", MyAttentionGate);

# %% [markdown]
# ## Exercise 2: fix a comparison
#
# "Our network B beats the U-Net by 2 % IoU." This is how the two were compared; numbers of cells are seeds of `generate_cell`. Copy it into `my_plan` and change it until it is fair. Fair here means: both treated alike, no cell used for more than one purpose, and enough of everything: at least two rates (above 0), three seeds, 5 cells to validate and 20 to test.

# %%
as_published = {
    "baseline": {"training": range(0, 96), "validation": range(0), "test": range(80, 140), "steps": 192,
                 "rates": [0.01], "seeds": [0]},
    "new": {"training": range(0, 160), "validation": range(80, 140), "test": range(80, 140), "steps": 400,
            "rates": [0.001, 0.003, 0.01], "seeds": [0, 1, 2, 3]},
}
my_plan = None
### BEGIN SOLUTION
both = {
    "training": range(0, 96),
    "validation": range(500, 540),
    "test": range(1000, 1060),
    "steps": 192,
    "rates": [0.001, 0.003, 0.01],
    "seeds": [0, 1, 2, 3],
}
my_plan = {"baseline": both, "new": dict(both)}
### END SOLUTION

check("fair_plan", my_plan);

# %% [markdown]
# ## A case from the clinic
#
# A comparison of normalisations: *group norm beats batch norm by far*. In the training loop `model.eval()` is called before the first validation, and then never `model.train()`. Does that affect both? **What is wrong?**
#
# <details><summary>Cause and cure</summary>
# No, and so the comparison is unfair. From the second epoch on batch norm normalises by running averages that no longer learn; group norm does the same in both modes. `model.train()` at the top of each epoch, then compare again. Notebook <a href="14_when_it_fails.ipynb">14</a> has ten such cases, with switches.</details>

# %% [markdown]
# ## Recap
#
# <details><summary>A paper reports 91.2 against 90.8, one run each. What do you know?</summary>
# Nothing about the networks. You know two numbers; on this page one network gave two numbers at least as far apart.</details>
#
# <details><summary>Why is each network given its own learning rate?</summary>
# Because the best rate differs between networks. With one rate for all, you measure whom that rate suits.</details>
#
# <details><summary>The winner has twice the parameters. What is missing?</summary>
# A row with the old network at twice the parameters. Without it, the change and the size cannot be told apart.</details>
#
# <details><summary>Your images are so large that only a batch of one fits. Which norm?</summary>
# Look at the panel "batch size 1", then try two of them on your data, by a plan like yours in exercise 2.</details>
#
# <details><summary>Does this table settle it for your data?</summary>
# No. It holds for small networks, few steps and generated cells. The protocol carries over; the ranking may not.</details>
#
# *Next: [12 · Large images](12_large_images.ipynb)*

# %% jupyter={"source_hidden": true} tags=["nbval-check-output"]
# For the automatic tests: turn every control of this page's explorers, as a hand would.
print(explorer.drive())
