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
# *You need [03](03_contracting_path.ipynb) (receptive field), [04](04_expansive_path.ipynb) (skips) and [08](08_evaluation.ipynb) (macro IoU, boundary F1).*
#
# *About 50 minutes. Back: [08 · Evaluation](08_evaluation.ipynb). Next: [10 · Augmentation](10_augmentation.ipynb)*

# %%
import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch.nn import functional as F
from tqdm.auto import tqdm

from unet_lab.course import check
from unet_lab.datasets import generate_cell, standardise
from unet_lab.explorers import explore_attribution, explore_network, explore_receptive_field, explore_shift, explore_skips
from unet_lab.geometry import unet_receptive_field
from unet_lab.inference import predict
from unet_lab.inspection import (
    INSTEAD,
    FieldProbe,
    activations,
    effective_receptive_field,
    mass_width,
    occlusion,
    ring_means,
    saliency,
    shift_difference,
    skip_counts,
    without_skip,
)
from unet_lab.metrics import boundaries, boundary_f1, confusion_matrix, macro_iou
from unet_lab.plots import DescribedFigure, show_feature_maps, show_heat
from unet_lab.unet import UNet
from unet_lab.weights import load_pretrained

# %%
model = load_pretrained("small")
cell = generate_cell(seed=4, size=192)
x = torch.from_numpy(standardise(cell.image))[None, None]

# %% [markdown]
# ## Listen to a layer
#
# A network is a chain of modules, and PyTorch lets you listen to each: a **hook** is a function that is called when the module has run. Nothing in the network
# is changed. Register the hook, run the network, remove the hook. (`get_submodule` finds a module by its name.)

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
    print(f"{name}: the smallest value is", "0" if values.min() == 0 else "below 0")

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
# Click a stage: there are all its channels, and each of its layers. Sort them by **what the prediction loses without** each one: is the most active channel the one that counts? Switch some off
# and watch the mask. **Look for** the stage at which edges turn into regions, for a channel of the decoder that looks like
# *nucleus*, and for one that answers to something you did not expect: the image's border, the debris, the noise.

# %%
browser = explore_network(model, cell)
browser

# %% [markdown]
# A name that you give to a channel ("the rim detector") is a guess. It is worth what it predicts on the next image: change the cell and look again. The view has
# other cells, and takes any network and any image: `explore_network(your_model, your_image)`.
#
# ## What does one pixel see?
#
# From [03](03_contracting_path.ipynb): an output pixel of this network depends on up to 204 x 204 pixels. That is what *could* matter. What *does* matter is the gradient: change
# a pixel a little, how much does this answer change? That is the **effective receptive field** (Luo et al. 2016). **Predict:** how wide is the square that holds half of it: 200, 100, 40, 10?

# %%
places = [(96, 96), (64, 40), (40, 120), (120, 60), (150, 100)]


def half_widths(network):
    """Widths of the squares around five pixels that hold half of what matters for each."""
    return [mass_width(effective_receptive_field(network, cell.image, place)["input"], place) for place in places]


could = [last - first + 1 for first, last in map(unet_receptive_field, range(96, 112))]
print(f"could matter: {min(could)} to {max(could)} pixels across, by the pixel's place")
print("half of what does matter, for five pixels:", half_widths(model))

# %% [markdown]
# Far less than what could matter. Has training made it so, or is it the network's shape? An **untrained** network would tell. But mind its batch norms: as long as it has seen no image, they hold mean 0 and variance 1, which are
# nobody's. So let it see some images first, in training mode, with no step taken. **Predict:** which is wider, trained or untrained?

# %%
some = torch.stack([torch.from_numpy(standardise(generate_cell(seed, 192).image))[None] for seed in range(100, 108)])


def untrained(seed, measured=True):
    """A network with random weights; the statistics of its batch norms measured on eight images, or left as they are."""
    torch.manual_seed(seed)
    network = UNet.small()
    for layer in network.modules():
        if measured and isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = None  # a plain mean over what it is shown
    with torch.no_grad():
        network.train(measured)(some)
    return network.eval()


fresh, random = [untrained(seed, measured=False) for seed in range(3)], [untrained(seed) for seed in range(3)]
for name, networks in (("untrained, statistics never measured", fresh), ("untrained, measured", random), ("trained", [model])):
    print(f"{name:37s}", *map(half_widths, networks))

# %% tags=["nbval-check-output"]
middle = [[np.median(half_widths(network)) for network in networks] for networks in (fresh, random, [model])]
print("never measured: narrower than measured, for all three:", bool(max(middle[0]) < min(middle[1])))
print("trained less than twice as wide as each untrained one:", bool(middle[2][0] < 2 * min(middle[1])))

# %% [markdown]
# The same order of size. Had you compared with the network as it comes, you would have "found" that training makes the field many times wider: an artefact of statistics that nobody measured. So the shape it is. Why?
#
# **Count paths.** Three weights in a row: one path leads from each of three pixels to the output. After two such layers there are 9 paths over 5 pixels, 1 2 3 2 1 of them: to the outermost pixel there is one way, to the middle one
# there are many. It is the binomial distribution's argument: after n layers the bell's width grows with √n, what could matter with n. **Predict:** 16 layers could see 33 pixels. Within how many lies half of the paths?

# %% tags=["nbval-check-output"]
paths = {}
for layers in (1, 4, 16, 64):
    count = np.ones(1)
    for _ in range(layers):
        count = np.convolve(count, [1, 1, 1])
    share, middle_pixel = count / count.sum(), layers
    half = next(k for k in range(layers + 1) if share[middle_pixel - k : middle_pixel + k + 1].sum() >= 0.5)
    paths[layers] = share
    print(f"{layers:2d} layers: {len(share):3d} pixels could matter, half of the paths within {2 * half + 1}")

# %%
figure = DescribedFigure(9.8, 2.6, "Share of the paths from each pixel after 1, 4, 16 and 64 layers: ever narrower bells.")
for axes, (layers, share) in zip(figure.subplots(1, 4), paths.items(), strict=True):
    axes.bar(np.arange(len(share)) - layers, share, width=1, color="#56B4E9")
    axes.set_title(f"{layers} layer{'s' * (layers > 1)}", fontsize=10)
    axes.set(xlabel="pixels from the middle", xlim=(-layers - 1, layers + 1), yticks=[])
figure.axes[0].set_ylabel("share of the paths")
figure

# %% [markdown]
# ## Explore: click a pixel
#
# Dashed: what could matter. Green: half of what does. At the right: the same on every level of the U. **Find out:** which pixels look far, those inside
# a region or those at a rim? Which class looks farthest? What reaches the pixel only through the bottleneck? (Below: the answer for a grid of pixels.)

# %%
fields = explore_receptive_field(model, cell.image)
fields

# %%
answer = predict(model, cell.image)
rims = np.any([boundaries(answer, answer, k)[0] for k in range(3)], axis=0)
kinds = {"background, inside": (answer == 0) & ~rims, "cell body, inside": (answer == 1) & ~rims}
kinds |= {"nucleus, inside": (answer == 2) & ~rims, "on a rim": rims}
probe, rng = FieldProbe(model, cell.image), np.random.default_rng(0)
for name, where in kinds.items():
    chosen = rng.choice(np.argwhere(where), 10, replace=False)
    widths = [mass_width(probe.fields(tuple(place))["input"], tuple(place)) for place in chosen.tolist()]
    print(f"{name:19s} half of what matters within {np.median(widths):.0f} pixels (median of 10; {min(widths)} to {max(widths)})")

# %% [markdown]
# ## What is a skip worth?
#
# Cut one skip of the trained network, from outside, and measure. `without_skip` gives the decoder zeros instead, or noise, or the right values at the wrong
# places. **Predict:** rank the four skips, topmost (0) to deepest (3), by the IoU that is lost without them. Eight cells are few, so each bar gets its
# bootstrap interval over the cells ([08](08_evaluation.ipynb)).

# %%
cells = [generate_cell(seed, 160) for seed in range(8)]
counts = {instead: skip_counts(model, cells, instead) for instead in INSTEAD}  # (5, 8, 3, 3) each: whole, then without 0, 1, 2, 3
draws = np.random.default_rng(0).integers(8, size=(1000, 8))


def lost_iou(tables, which):
    """Macro IoU lost without each skip, on the images `which`."""
    whole, *cut = (macro_iou(t[which].sum(axis=0)) for t in tables)
    return np.array([whole - without for without in cut])


figure = DescribedFigure(9.8, 2.8, "IoU lost without each skip, for three replacements, with intervals over the cells.")
axes = figure.subplots()
for k, (instead, hatch) in enumerate(zip(INSTEAD, ("", "///", "..."), strict=True)):
    worth = lost_iou(counts[instead], np.arange(8))
    low, high = np.quantile([lost_iou(counts[instead], which) for which in draws], [0.025, 0.975], axis=0)
    bars = np.arange(4) + 0.27 * (k - 1)
    spread = [worth - low, high - worth]
    axes.bar(bars, worth, 0.25, yerr=spread, capsize=3, color="#56B4E9", edgecolor="black", hatch=hatch, label=instead)
axes.set_xticks(range(4), ["0 (topmost)", "1", "2", "3 (deepest)"])
axes.set(xlabel="skip", ylabel="macro IoU lost")
axes.legend(title="instead of it")
figure

# %%
by_draw = np.array([lost_iou(counts["zeros"], which) for which in draws])
for level, value in enumerate(lost_iou(counts["zeros"], np.arange(8))):
    first = (by_draw.argmax(axis=1) == level).mean()
    print(f"skip {level}: {value:.3f} of IoU lost; worth most in {first:4.0%} of the draws")

# %% tags=["nbval-check-output"]
lower_first = (by_draw[:, 2:].min(axis=1) > by_draw[:, :2].max(axis=1)).mean()
print("the two deep skips are worth more than the two upper ones, in 95 % of the draws or more:", bool(lower_first >= 0.95))


# %% [markdown]
# Many put the topmost skip first: it has the finest detail. By IoU the two upper skips are worth *least*, in nearly every draw of cells. Which of the two deep ones is first, and which of the upper ones,
# is less sure: look at the intervals. But IoU counts areas, and fine detail is a thin line. **Predict:** does the ranking change if you measure the outline instead (boundary F1 of the cell against the background, within 1 pixel)?

# %%
def rim():
    return np.array([boundary_f1(truth, predict(model, image), 0, tolerance=1) for image, truth in cells])


whole, lost = rim(), []
for level in range(4):
    with without_skip(model, level):
        lost.append(whole - rim())
by_draw_rim = np.array([[each[which].mean() for each in lost] for which in draws])
for level, each in enumerate(lost):
    low, high = np.quantile(by_draw_rim[:, level], [0.025, 0.975])
    print(f"skip {level}: {each.mean():.3f} of the rim lost ({low:.3f} to {high:.3f})")

# %% tags=["nbval-check-output"]
print("for the rim skip 2 comes first, in 95 % of the draws or more:", bool((by_draw_rim.argmax(axis=1) == 2).mean() >= 0.95))
print("by IoU skip 3 comes first in most draws:", bool((by_draw.argmax(axis=1) == 3).mean() > 0.5))

# %% [markdown]
# The ranking changes, so always say *worth for what*. But even for the rim the topmost skip is not the first: that it "carries the fine
# detail" was a belief, not a measurement. The intervals say how far *other cells* could move this; another network of the same kind, trained from another seed, may rank its skips otherwise. And one caution, often forgotten: this
# network learnt with all its skips. What it loses when they are cut is not what a network that never had them would lack.
#
# ## Explore: the switchboard
#
# **Find out:** are two cuts together as bad as their sum? Is a skip from *another image* better or worse than none? Can you find a cell where cutting a skip makes the
# answer *better*? (The cell below answers for the eight cells from above.)

# %%
switchboard = explore_skips(model)
switchboard

# %%
def tables_now():
    return np.array([confusion_matrix(truth, predict(model, image)) for image, truth in cells])


whole = macro_iou(counts["zeros"][0].sum(axis=0))
alone = lost_iou(counts["zeros"], np.arange(8))
with without_skip(model, 2), without_skip(model, 3):
    both = whole - macro_iou(tables_now().sum(axis=0))
print(f"skips 2 and 3: {alone[2]:.3f} and {alone[3]:.3f} lost alone, {alone[2] + alone[3]:.3f} in sum; both cut: {both:.3f}")
others = activations(model, generate_cell(77, 160).image, [f"encoder.{k}.block" for k in range(4)])
for level, other in enumerate(others.values()):
    with without_skip(model, level, other):
        wrong = whole - macro_iou(tables_now().sum(axis=0))
    pairs = zip(counts["zeros"][level + 1], counts["zeros"][0], strict=True)
    better = sum(macro_iou(cut) > macro_iou(all_on) for cut, all_on in pairs)
    print(f"skip {level}: {alone[level]:.3f} lost with none, {wrong:.3f} with another image's; the cut helps {better} of 8 cells")

# %% [markdown]
# ## Why here? Two questions that sound alike
#
# **Saliency:** which pixels, changed *a very little*, would change this pixel's logit most? That is a slope. First by hand: move one pixel by a thousandth, and see
# whether the logit moves as the gradient says.

# %% tags=["nbval-check-output"]
place = places[0]
slope = saliency(model, cell.image, place, class_index=2)
row, column = np.unravel_index(slope.argmax(), slope.shape)
with torch.no_grad():
    moved = x.clone()
    moved[0, 0, row, column] += 1e-3
    by_hand = abs((model(moved) - model(x))[0, 2, place[0], place[1]].item()) / 1e-3
print(f"by hand and by gradient agree to 5 %: {abs(by_hand / slope[row, column] - 1) < 0.05}")

# %% [markdown]
# **Occlusion:** how sure is it still if a whole patch is covered? That is a step, not a slope. Every patch is covered once, for all pixels together. **Predict:** do the two point at the same places?

# %%
small_cell = generate_cell(seed=4, size=160)
fallen = occlusion(model, small_cell.image, patch=10, progress=tqdm)  # (16, 16, 160, 160): patch, then pixel
attribution = explore_attribution(model, small_cell.image, patch=10, fallen=fallen)

# %%
attribution

# %% [markdown]
# **Find out:** click inside a region, then at its rim: where does covering a patch matter more? Find the pixel that loses most when something *far away* is covered.
# And here are the answers, over many pixels:

# %%
answer = predict(model, small_cell.image)
rims = np.any([boundaries(answer, answer, k)[0] for k in range(3)], axis=0)
to_rim, most = distance_transform_edt(~rims), fallen.max(axis=(0, 1))  # (160, 160) each
for k, name in enumerate(("background", "cell body", "nucleus")):
    inside, close = most[(answer == k) & (to_rim > 8)].mean(), most[(answer == k) & (to_rim <= 2)].mean()
    print(f"{name:10s} worst patch, mean: takes {inside:.2f} of the probability deep inside, {close:.2f} within 2 px of a rim")

rows, columns = np.indices(answer.shape)
away = np.array([[np.hypot(rows - 10 * r - 4.5, columns - 10 * c - 4.5) > 30 for c in range(16)] for r in range(16)])
print(f"patches more than 30 px away take {np.where(away, fallen, 0).max():.2f} at most, of any pixel of this cell")

same, agree = [], []
for r, c in np.ndindex(8, 8):
    at = 20 * r + 10, 20 * c + 10
    by_patch = saliency(model, small_cell.image, at, int(answer[at])).reshape(16, 10, 16, 10).sum(axis=(1, 3))
    same.append(by_patch.argmax() == fallen[:, :, *at].argmax())
    agree.append(np.corrcoef(by_patch.ravel(), fallen[:, :, *at].ravel())[0, 1])
print(f"same patch first for {np.mean(same):.0%} of 64 pixels")
print(f"correlation {np.median(agree):.2f} in the median, from {min(agree):.2f} to {max(agree):.2f}")

# %% [markdown]
# They are related and not the same: a slope says what a tiny change would do, a step what a large one does. "Why?" has two answers; say which you asked for.
#
# ## A belief, tested: is a pretty heat map about the network?
#
# If a saliency map shows what the network *learnt*, then a network with random weights must give another map (Adebayo et al. 2018). **Predict:** how alike are
# the two (1: same, 0: unrelated)? And how alike would a map be that knows nothing but the distance to your pixel?

# %%
place_s = (64, 40)
trained_heat = saliency(model, small_cell.image, place_s, 1)
random_heats = [saliency(network, small_cell.image, place_s, 1) for network in random]
rows, columns = np.indices(trained_heat.shape)
distance = np.hypot(rows - place_s[0], columns - place_s[1])
maps = [trained_heat, random_heats[0], 1 / (1 + distance)]
show_heat(small_cell.image, maps, ["trained network", "random weights", "1 / (1 + distance)"], place_s)


# %%
def squares(heat):
    """Means over squares of 8 x 8 pixels, as one long array."""
    return heat.reshape(20, 8, 20, 8).mean(axis=(1, 3)).ravel()


def alike(a, b):
    return np.corrcoef(a, b)[0, 1]


close = squares(distance) < 48


def beyond_distance(heat):
    """Above 1 where the map is hotter than the mean of all pixels as far away."""
    return squares(heat)[close] / squares(ring_means(heat, place_s))[close]


with_random = [alike(squares(trained_heat), squares(heat)) for heat in random_heats]
with_distance = alike(squares(trained_heat), squares(1 / (1 + distance)))
left = [alike(beyond_distance(trained_heat), beyond_distance(heat)) for heat in random_heats]
print("trained against three random networks:", *(f"{value:.2f}" for value in with_random))
print(f"trained against distance alone:        {with_distance:.2f}")
print("the three again, distance taken out:  ", *(f"{value:+.2f}" for value in left))

# %% tags=["nbval-check-output"]
print("distance alone is as alike as the random networks, to 0.1:", bool(abs(with_distance - np.mean(with_random)) < 0.1))
print("without distance, less than half of the likeness is left: ", bool(abs(np.mean(left)) < np.mean(with_random) / 2))

# %% [markdown]
# The high correlation says only that near pixels matter more, in *any* network of this shape. Once that is taken out, the random maps have hardly anything in common with the trained one. Two lessons: compare a
# correlation with what a trivial map reaches (a baseline, as in [01](01_the_images.ipynb)); and a heat map that "makes sense" proves little by itself. What proves something is a prediction that can fail: *if I cover this, the answer will change*.
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
# Of these five only the shift by 16, a whole step of the grid.
#
# ## Explore: shift it
#
# The same piece of the image, seen in a window at rest and in a window that moves. (The borders are left out as far as the network can see, or the padding would be seen too.)
# How large do the differences get? Do they ever change a class? Where in the picture? (The cell below answers the first two questions.)

# %%
shifting = explore_shift(model, large)
shifting

# %%
for shift in (3, 8, 16):
    rest, moved = shift_difference(model, large, right=shift, largest=16)
    flipped = (rest.argmax(0) != moved.argmax(0)).float().mean()
    print(f"shift {shift:2d}: logits differ by up to {(rest - moved).abs().max():.1e}; {flipped:.2%} of the pixels change class")


# %% [markdown]
# ## Exercise 1: hook a layer
#
# Return what the module of that name puts out for the batch `x`: a tensor, or, for one that puts out two, as `encoder.1` does, both in a tuple. Run the network once.
# It must be as before, every part in the mode in which it came and with no hook left, and the values must be the layer's own.

# %%
def my_activation(model, name, x):
    ### BEGIN SOLUTION
    kept = []
    module = dict(model.named_modules())[name]

    def keep(module, inputs, output):
        two = isinstance(output, tuple)
        kept.append(tuple(part.detach().clone() for part in output) if two else output.detach().clone())

    handle = module.register_forward_hook(keep)
    model(x)
    handle.remove()
    return kept[0]
    ### END SOLUTION


check("hook_layer", my_activation);


# %% [markdown]
# ## Exercise 2: rank the skips
#
# For a U-Net with four skips and a list of pairs (image, truth): the levels 0 to 3 as a list, most valuable first, by the macro IoU over all pairs that is lost when
# the level is cut to zeros, alone. (`without_skip`, `predict`, `confusion_matrix`, `macro_iou`.)

# %%
def my_ranking(model, pairs):
    ### BEGIN SOLUTION
    def iou():
        return macro_iou(sum(confusion_matrix(truth, predict(model, image)) for image, truth in pairs))

    lost = []
    whole = iou()
    for level in range(4):
        with without_skip(model, level):
            lost.append(whole - iou())
    return sorted(range(4), key=lambda level: lost[level], reverse=True)
    ### END SOLUTION


check("rank_skips", my_ranking);

# %% [markdown]
# ## A case from the clinic
#
# Training and validation curves are good. In the lab's program, which loads the same weights, every mask is nonsense. The feature maps of the first layer are hundreds of times as large there as in the notebook. **What is wrong?**
#
# <details><summary>Cause and cure</summary>
# The images are standardised for training, and not in the program: the network gets numbers from 0 to 255 where it learnt some around 0. One function that prepares images, called in both places; and it travels along with the weights. Notebook <a href="14_when_it_fails.ipynb">14</a> has ten such cases, with switches.</details>

# %% [markdown]
# ## Recap
#
# <details><summary>Your hook on a batch normalisation finds no value below 0. What happened?</summary>
# The ReLU after it works in place and changed what you kept. Keep a copy.</details>
#
# <details><summary>Theoretical field 204 pixels, half of what matters within a few dozen. Is the rest useless?</summary>
# No: it is weak for this pixel and this image, as a slope. Cover something far away and see whether the answer changes.</details>
#
# <details><summary>Why is the effective field so much smaller than the theoretical one?</summary>
# Most paths from input to output stay near the middle: their number falls off like a binomial distribution, whose width grows with the root of the number of layers.</details>
#
# <details><summary>A map from your network correlates with a random network's at 0.9. What do you compare with first?</summary>
# With a map of the distance to the pixel alone.</details>
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
