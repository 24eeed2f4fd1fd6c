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
# # 09 · Looking inside
#
# **The question:** what does a trained U-Net look at, and how would you find out that you are wrong about it?
#
# Afterwards you can read any layer of any network, measure what one pixel's answer rests on, cut parts out and measure the damage, and test a
# belief ("it moves with the image") instead of holding it.
#
# *About 45 minutes. Back: [08 · Evaluation](08_evaluation.ipynb). Next: [10 · Augmentation](10_augmentation.ipynb)*

# %%
import numpy as np
import torch
from torch.nn import functional as F
from tqdm.auto import tqdm

from unet_lab.course import check
from unet_lab.datasets import generate_cell, standardise
from unet_lab.explorers import explore_attribution, explore_feature_maps, explore_receptive_field, explore_shift, explore_skips
from unet_lab.inference import predict
from unet_lab.inspection import INSTEAD, activations, saliency, shift_difference, skip_worth, without_skip
from unet_lab.metrics import boundary_f1
from unet_lab.plots import DescribedFigure, show_feature_maps, show_heat
from unet_lab.unet import UNet
from unet_lab.weights import load_pretrained

model = load_pretrained("small")
cell = generate_cell(seed=4, size=192)
x = torch.from_numpy(standardise(cell.image))[None, None]

# %% [markdown]
# ## Listen to a layer
#
# A network is a chain of modules, and PyTorch lets you listen to each: a **hook** is a function that is called when the module has run. Nothing in the network
# is changed. Lay the hook, run, take the hook away. (`get_submodule` finds a module by its name.)

# %% tags=["nbval-check-output"]
kept = []


def listen(module, inputs, output):
    kept.append(output)


handle = model.get_submodule("encoder.1").register_forward_hook(listen)
with torch.no_grad():
    model(x)
handle.remove()
down, skip = kept[0]  # an encoder stage gives two things
print("goes down:  ", tuple(down.shape))
print("goes across:", tuple(skip.shape))

# %% [markdown]
# **The mistake that is made most:** to keep the output itself. The next layer may write into it. Here we listen to a batch normalisation, whose values
# lie on both sides of 0. **Predict:** what is the smallest value that we find, without a copy and with one?

# %% tags=["nbval-check-output"]
kept = {}


def listen_twice(module, inputs, output):
    kept["kept as it is"] = output
    kept["kept as a copy"] = output.detach().clone()


handle = model.get_submodule("encoder.0.block.1").register_forward_hook(listen_twice)
with torch.no_grad():
    model(x)
handle.remove()
for name, values in kept.items():
    print(f"{name}: a value below 0?", bool((values < 0).any()))

# %% [markdown]
# The ReLU that follows works *in place*: it writes its zeros into the tensor that you kept. `activations` does all this for every layer, for
# any network:

# %% tags=["nbval-check-output"]
maps = activations(model, cell.image)
for name in list(maps)[:7]:
    print(f"{name:20s} {tuple(maps[name].shape)}")
print(f"… {len(maps)} layers in all")

# %%
show_feature_maps(maps["encoder.1.block.5"][0].numpy(), "encoder.1, 32 channels")

# %% [markdown]
# ## Explore: every feature map
#
# Choose a layer, click a channel, click a place. **Find out:** at which layer do edges turn into regions? Does any channel of the decoder look like
# *nucleus*? Is there one that answers to something you did not expect: the image's border, the debris, the noise?

# %%
browser = explore_feature_maps(model, cell.image)
browser

# %% [markdown]
# A name that you give to a channel ("the rim detector") is a guess. It is worth what it predicts on the next image: change the cell and look again. The browser
# takes any network and any image: `explore_feature_maps(your_model, your_image)`.
#
# ## What does one pixel see?
#
# From [03](03_contracting_path.ipynb): an output pixel of this network depends on up to 204 x 204 pixels. That is what *could* matter. What *does* matter is the gradient: change
# a pixel a little, how much does this answer change? That is the **effective receptive field** (Luo et al. 2016). **Predict:** how wide is the square that holds half of it: 200, 100, 40, 10?

# %% tags=["nbval-check-output"]
from unet_lab.geometry import unet_receptive_field
from unet_lab.inspection import effective_receptive_field, mass_width

place = (96, 96)
first, last = unet_receptive_field(place[0])
print("could matter:", last - first + 1, "pixels across")
torch.manual_seed(0)
untrained = UNet.small()
for name, network in (("untrained", untrained), ("trained", model)):
    field = effective_receptive_field(network, cell.image, place)["input"]
    half, most = mass_width(field, place, 0.5), mass_width(field, place, 0.9)
    print(f"{name:9s} half of what matters within {half} pixels, 90 % within {most}")

# %% [markdown]
# Far less than the formula says, and training has made it wider: this task wants to know about the surroundings.
#
# ## Explore: click a pixel
#
# Dashed: what could matter. Green: half of what does. At the right: the same on every level of the U. **Find out:** which pixels look far, those inside
# a region or those at a rim? Does *background* look farther than *nucleus*? What reaches the pixel only through the bottleneck?

# %%
fields = explore_receptive_field(model, cell.image)
fields

# %% [markdown]
# ## What is a skip worth?
#
# Cut one skip of the trained network, from outside, and measure. `without_skip` gives the decoder zeros instead, or noise, or the right values at the wrong
# places. **Predict:** rank the four skips, topmost (0) to deepest (3), by the IoU that is lost without them.

# %%
cells = [generate_cell(seed, 160) for seed in range(8)]
worth = {instead: skip_worth(model, cells, instead) for instead in INSTEAD}
figure = DescribedFigure(9.8, 2.8, "IoU lost without each skip, for three replacements.")
axes = figure.subplots()
for k, (instead, hatch) in enumerate(zip(INSTEAD, ("", "///", "..."), strict=True)):
    axes.bar(np.arange(4) + 0.27 * (k - 1), worth[instead], 0.25, color="#56B4E9", edgecolor="black", hatch=hatch, label=instead)
axes.set_xticks(range(4), ["0 (topmost)", "1", "2", "3 (deepest)"])
axes.set(xlabel="skip", ylabel="macro IoU lost")
axes.legend(title="instead of it")
figure

# %% tags=["nbval-check-output"]
ranking = sorted(range(4), key=lambda level: -worth["zeros"][level])
print("by macro IoU, most valuable first:", ranking)
for name, value in zip("0123", worth["zeros"], strict=True):
    print(f"skip {name}: {value:.3f} of IoU lost")


# %% [markdown]
# Most people put the topmost skip first: it has the finest detail. By IoU the two upper skips are worth the least here! But IoU counts areas, and fine detail is a thin line. **Predict:** does the ranking
# change if you measure the outline instead (boundary F1 of the cell against the background, from [08](08_evaluation.ipynb), within 1 pixel)?

# %% tags=["nbval-check-output"]
def rim():
    return np.mean([boundary_f1(truth, predict(model, image), 0, tolerance=1) for image, truth in cells])


whole, lost = rim(), []
for level in range(4):
    with without_skip(model, level):
        lost.append(whole - rim())
print("by boundary F1, most valuable first:", sorted(range(4), key=lambda level: -lost[level]))
print("share of the rim lost, topmost to deepest:", [f"{v:.2f}" for v in lost])

# %% [markdown]
# The ranking changes, so always say *worth for what*. But even for the rim the topmost skip is not the first: whoever "knew" that it carries the fine
# detail had a belief, not a measurement. And one caution, often forgotten: this network learnt with all its skips. What it loses when robbed is not what
# a network would lack that never had them.
#
# ## Explore: the switchboard
#
# **Find out:** are two cuts together as bad as their sum? Is a skip from *another image* better or worse than none? Can you find a cell where cutting a skip makes the
# answer *better*?

# %%
switchboard = explore_skips(model)
switchboard

# %% [markdown]
# ## Why here? Two questions that sound alike
#
# **Saliency:** which pixels, changed *a very little*, would change this pixel's logit most? That is a slope. First by hand: move one pixel by a thousandth, and see
# whether the logit moves as the gradient says.

# %% tags=["nbval-check-output"]
slope = saliency(model, cell.image, place, class_index=2)
row, column = np.unravel_index(slope.argmax(), slope.shape)
with torch.no_grad():
    moved = x.clone()
    moved[0, 0, row, column] += 1e-3
    by_hand = abs((model(moved) - model(x))[0, 2, place[0], place[1]].item()) / 1e-3
print(f"by hand and by gradient agree to 5 %: {abs(by_hand / slope[row, column] - 1) < 0.05}")

# %% [markdown]
# **Occlusion:** how sure is it still if a whole patch is covered? That is a step, not a slope. **Predict:** do the two point at the same places?

# %%
small_cell = generate_cell(seed=4, size=160)
attribution = explore_attribution(model, small_cell.image, patch=10, progress=tqdm)

# %%
attribution

# %% [markdown]
# **Find out:** click inside the nucleus: covering one patch hardly matters, since its neighbours tell the same story. Click at a rim. Find a pixel that
# changes its class when something *far away* is covered.
#
# ## A belief, tested: is a pretty heat map about the network?
#
# If a saliency map shows what the network *learnt*, then a network with random weights must give another map (Adebayo et al. 2018). **Predict:** how alike are
# the two (1: same, 0: unrelated)?

# %%
place_s = (64, 40)
heats = [saliency(network, small_cell.image, place_s, 1) for network in (model, untrained)]
titles = ["trained network", "random weights"]
show_heat(small_cell.image, heats, titles, place_s)


# %% tags=["nbval-check-output"]
def smooth(heat):
    return F.avg_pool2d(torch.from_numpy(heat)[None, None], 8)[0, 0].flatten()


alike = torch.corrcoef(torch.stack([smooth(heat) for heat in heats]))[0, 1]
print("correlation of the two maps, in squares of 8 pixels, above 0.5:", bool(alike > 0.5))

# %%
print(f"correlation {alike:.2f}")

# %% [markdown]
# Both peak where you asked, so that they correlate: near pixels matter more in *any* network of this shape, whatever was learnt. What training added is how far it
# looks. So a heat map that "makes sense" proves little by itself. What proves something is a prediction that can fail: *if I cover this, the answer will change*.
#
# ## A belief, tested: it moves with the image
#
# "Convolutional networks are equivariant to translation: shift the image, and the answer shifts with it." For convolutions that is so. **Predict:** for a U-Net with four
# poolings too, for which shifts? Think of one row of pixels first:

# %% tags=["nbval-check-output"]
row_of_pixels = torch.tensor([0.0, 9, 9, 0, 0, 0, 0, 0])[None, None]
for shift in range(5):
    print("shift", shift, " pooled:", F.max_pool1d(torch.roll(row_of_pixels, shift), 2)[0, 0].int().tolist())

# %% [markdown]
# Shifted by 2, the pooled row is shifted by 1: the same story. Shifted by 1, it is *another* row. Pooling looks through a grid of windows that stays
# where it is. After four poolings the grid is 2⁴ = 16 pixels wide.

# %% tags=["nbval-check-output"]
large = generate_cell(seed=17, size=304).image
for shift in (1, 2, 4, 8, 16):
    rest, moved = shift_difference(model, large, right=shift, largest=16)
    print(f"shift {shift:2d}: logits the same to 0.001?", bool((rest - moved).abs().max() < 1e-3))

# %% [markdown]
# ## Explore: shift it
#
# The same piece of the image, seen in a window at rest and in a window that moves. (The borders are left out as far as the network can see, or the padding would be seen too.)
# How large do the differences get? Do they ever change a class? Where in the picture?

# %%
shifting = explore_shift(model, large)
shifting


# %% [markdown]
# ## Exercise 1: hook a layer
#
# Return what the module of that name puts out for `x`. The network must be as before, with no hook left, and the values must be the layer's own.

# %%
def my_activation(model, name, x):
    ### BEGIN SOLUTION
    kept = []
    module = dict(model.named_modules())[name]
    handle = module.register_forward_hook(lambda module, inputs, output: kept.append(output.detach().clone()))
    model(x)
    handle.remove()
    return kept[0]
    ### END SOLUTION


check("hook_layer", my_activation);


# %% [markdown]
# ## Exercise 2: rank the skips
#
# For a U-Net with four skips and a list of pairs (image, truth): the levels 0 to 3 as a list, most valuable first, by the macro IoU over all pairs that is lost when
# the level is cut. (`without_skip`, `predict`, `confusion_matrix`, `scores`.)

# %%
### BEGIN SOLUTION
from unet_lab.metrics import confusion_matrix, scores


### END SOLUTION
def my_ranking(model, pairs):
    ### BEGIN SOLUTION
    def iou():
        matrix = sum(confusion_matrix(truth, predict(model, image)) for image, truth in pairs)
        return scores(matrix, average="macro").iou

    lost = []
    whole = iou()
    for level in range(4):
        with without_skip(model, level):
            lost.append(whole - iou())
    return sorted(range(4), key=lambda level: lost[level], reverse=True)
    ### END SOLUTION


check("rank_skips", my_ranking);

# %% [markdown]
# ## Recap
#
# <details><summary>Your hook on a batch normalisation finds no value below 0. What happened?</summary>
# The ReLU after it works in place and changed what you kept. Keep a copy.</details>
#
# <details><summary>Theoretical field 204 pixels, half of what matters within a few dozen. Is the rest useless?</summary>
# No: it is weak on average, for this pixel and this image. Cover something far away and see whether the answer changes.</details>
#
# <details><summary>Cutting a skip costs nothing. May you build the network without it?</summary>
# Not proven: train one without, with the same effort, several seeds, and compare. And ask which metric would notice.</details>
#
# <details><summary>Why does a shift by 16 leave this network's answer the same, and a shift by 8 not?</summary>
# Four poolings make a grid of 16 pixels. Only shifts by whole grid steps put every pixel at the same place in its window.</details>
#
# *Next: [10 · Augmentation](10_augmentation.ipynb)*

# %% jupyter={"source_hidden": true} tags=["nbval-check-output"]
# For the automatic tests: turn every control of this page's explorers, as a hand would.
for explorer in (browser, fields, switchboard, attribution, shifting):
    print(explorer.drive())
