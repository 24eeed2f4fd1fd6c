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
# # 01 · The images
#
# **The question:** what is in the data, and what can go wrong before a network has seen any of it?
#
# Afterwards you can say what an image and a mask are made of, turn grey codes into class indices, measure imbalance, set up a
# baseline, and split a data set so that nothing leaks.
#
# *About 35 minutes. You need: [00](00_start_here.ipynb). Back: [00 · Start here](00_start_here.ipynb). Next: [02 · Convolution](02_convolution.ipynb)*

# %%
import numpy as np
from PIL import Image
from scipy.ndimage import maximum_filter, minimum_filter, uniform_filter
from scipy.spatial import cKDTree

from unet_lab.course import check
from unet_lab.datasets import CLASS_NAMES, MASK_CODES, decode_mask, encode_mask, find_codes, load_cells, read_image, standardise
from unet_lab.datasets import split as library_split
from unet_lab.explorers import explore_samples
from unet_lab.files import DATA
from unet_lab.plots import DescribedFigure, show_samples

rng = np.random.default_rng(0)

# %% [markdown]
# ## Look first
#
# Forty pairs of image and mask lie in `data/cells` as PNG files, like the files that a microscopist would hand you. They show
# lymphocytes, drawn by our generator. **Before any code: look.** What do the four cells share? What differs?

# %%
cells = load_cells()
show_samples(cells.pairs[4:8])

# %% [markdown]
# All four show one cell with a nucleus inside it, and often a part of a neighbour at the edge. Brightness and contrast differ. Is the nucleus
# always darker than the body around it, and the background always the brightest? Count:

# %% tags=["nbval-check-output"]
means = np.array([[pair.image[pair.mask == k].mean() for k in range(3)] for pair in cells.pairs])  # mean grey per image and class
print("nucleus darker than the cell body:", (means[:, 2] < means[:, 1]).sum(), "of", len(means), "images")
print("background brightest:             ", (means.argmax(axis=1) == 0).sum(), "of", len(means), "images")
print("mean grey of the background: from", round(means[:, 0].min()), "to", round(means[:, 0].max()))

# %% [markdown]
# Remember these counts for the baseline below.
#
# ## What is in the files
#
# **Predict before you run:** the mask files are pictures too. Which numbers will be in them: 0, 1, 2? Or something else?

# %% tags=["nbval-check-output"]
image = read_image(DATA / "cells" / "images" / "cell_04.png")
grey_mask = read_image(DATA / "cells" / "masks" / "cell_04.png")
print("image:", image.shape, image.dtype, "from", image.min(), "to", image.max())
print("mask: ", grey_mask.shape, grey_mask.dtype, "greys", np.unique(grey_mask).tolist())
print("greys in all 40 masks:", find_codes(DATA / "cells" / "masks"))

# %% [markdown]
# Three **grey codes**, chosen so that people can see them: dark grey for background, light grey for the body, white for the
# nucleus. A network wants **class indices**: 0, 1, 2. The translation is short, and easy to get wrong.
# By hand, on six pixels:

# %% tags=["nbval-check-output"]
small = np.array([[51, 51, 153], [153, 255, 255]], np.uint8)
print("codes:  ", MASK_CODES, "for", CLASS_NAMES)
print("encoded:", encode_mask(small).tolist())
print("back:   ", decode_mask(encode_mask(small)).tolist())

# %% [markdown]
# ## Break it on purpose
#
# You want the mask twice as wide and twice as high, and resize it like any image. **Predict:** which greys will be in the result? (The usual
# way to resize, bilinear interpolation, mixes neighbouring pixels.)

# %% tags=["nbval-check-output"]
resized = np.asarray(Image.fromarray(small).resize((6, 4), Image.Resampling.BILINEAR))
print(len(np.unique(resized)), "different greys instead of", len(np.unique(small)))
try:
    encode_mask(resized)
except ValueError as error:
    print(error)
halfway = (MASK_CODES[0] + MASK_CODES[2]) // 2
print("halfway between background and nucleus:", halfway, "is the code of", CLASS_NAMES[MASK_CODES.index(halfway)])


# %% [markdown]
# The three codes, and twelve mixtures of them. Where background meets nucleus, the mixture halfway is exactly the code of *cell body*, where there is none. An encoder
# that takes the nearest code would train on it without a word. **Never interpolate a mask: resize it with nearest neighbour.**
#
# ## Exercise 1: write the encoder
#
# Each pixel's grey becomes its position in `codes`. It must work for any codes, in any order. Two tools: `np.zeros(grey.shape, np.uint8)` makes an array of
# zeros of the same shape, and an array of True and False says where to write: `a[grey == 99] = 7` writes a 7 wherever `grey` is 99.

# %%
def my_encode_mask(grey, codes):
    """grey: array (H, W) of greys. codes: the grey of class 0, of class 1, … Returns class indices (H, W)."""
    ### BEGIN SOLUTION
    indices = np.zeros(grey.shape, np.uint8)
    for index, code in enumerate(codes):
        indices[grey == code] = index
    return indices
    ### END SOLUTION


encode = my_encode_mask if check("encode_mask", my_encode_mask) else encode_mask

# %% [markdown]
# From here on `encode` is yours if it passed, else the library's.
#
# ## Four broken masks
#
# Here is one true mask and four damaged files of it, each damaged in a way that happens in real life. **Name each damage before
# you read on.**

# %%
truth = encode(grey_mask, MASK_CODES)
lighter = grey_mask[::3, ::3]
broken = {
    "A": 255 - grey_mask,
    "B": (truth // 2 * 255).astype(np.uint8),
    "C": np.asarray(Image.fromarray(lighter).resize(grey_mask.shape, Image.Resampling.BICUBIC)),
    "D": grey_mask.T,
}
figure = DescribedFigure(10, 2.7, "The true mask and four damaged ones, A to D, in grey.")
for axes, (name, mask) in zip(figure.subplots(1, 5), {"true": grey_mask, **broken}.items(), strict=True):
    axes.imshow(mask, cmap="gray", vmin=0, vmax=255)
    axes.set(title=name, xticks=[], yticks=[])
figure

# %% [markdown]
# <details><summary>What happened to each?</summary>
# A is inverted. B lost a class: body and background are both 0, as when a mask was saved as "cell or not". C was made smaller and
# larger again with interpolation. D is transposed: rows and columns are swapped, so it no longer fits its image.</details>
#
# **Predict:** which of the four can be repaired completely, which in part, and which not at all? (C by giving each pixel the class of the nearest code.)

# %% tags=["nbval-check-output"]
codes = np.array(MASK_CODES)
nearest = np.abs(broken["C"][..., None].astype(int) - codes).argmin(axis=-1)
print("A:", (encode_mask(255 - broken["A"]) == truth).all())
print("B:", f"{(truth == 1).sum()} pixels of cell body are lost for good")
print("C:", f"{(nearest == truth).mean():.1%} of the pixels repaired")
near_an_edge = maximum_filter(truth, 7) != minimum_filter(truth, 7)  # another class within 3 pixels
print("   every wrong one within 3 pixels of another class:", near_an_edge[nearest != truth].all())
print("D:", (encode_mask(broken["D"].T) == truth).all())

# %% [markdown]
# A and D completely. C in part: the edges are lost. B not at all: what was not stored does not come back.
#
# ## Explore the data
#
# Leaf through the set. A question for it: **is there a grey, below or above which everything is nucleus?**
# The histogram on the right has one curve per class. Where the curves lie on top of each other, no threshold can tell the
# classes apart.

# %%
explorer = explore_samples(cells)
explorer

# %% [markdown]
# ## Imbalance, and two baselines
#
# How are the pixels shared out? Count them, over all forty masks.

# %% tags=["nbval-check-output"]
counts = sum(np.bincount(pair.mask.ravel(), minlength=3) for pair in cells.pairs)
for name, share in zip(CLASS_NAMES, counts / counts.sum(), strict=True):
    print(f"{name:10s} {share:6.1%}")

# %% [markdown]
# **Predict:** a program that says "background" for every pixel, without looking: which accuracy does it get?
#
# The share of the background, of course. That is the first **baseline**: a score that costs nothing. The second baseline is two
# thresholds: pixels darker than the first are one class, brighter than the second are background, in between the other class. We
# try every pair of greys (in steps of 3) and keep the best. A network must beat both, or it has learnt nothing of use.

# %% tags=["nbval-check-output"]
greys = np.concatenate([pair.image.ravel() for pair in cells.pairs])
truths = np.concatenate([pair.mask.ravel() for pair in cells.pairs])
per_grey = np.stack([np.bincount(greys[truths == k], minlength=256) for k in range(3)]).cumsum(axis=1)
best = max(
    (per_grey[first, low] + per_grey[second, high] - per_grey[second, low] + per_grey[0, 255] - per_grey[0, high], low, high)
    for first, second in ((2, 1), (1, 2))
    for low in range(0, 255, 3)
    for high in range(low, 255, 3)
)
print(f"all background:      accuracy {counts[0] / counts.sum():.3f}")
print(f"best two thresholds: accuracy {best[0] / counts.sum():.3f}, at greys {best[1]} and {best[2]}")

# %% [markdown]
# Two thresholds do little better than not looking: as the counts above suggest, no grey belongs to one class in all images.
#
# ## Standardise
#
# Two exposures of one cell differ in brightness and contrast, but show the same. Shift every image to mean 0 and scale it to standard deviation 1. **Whose**
# mean and standard deviation: those of this image, or those of the whole set? Both are done. **Predict:** which of the two makes the exposures equal?

# %%
def largest_difference(a, b):
    return round(float(np.abs(a - b).max()), 2)


dim = (image * 0.5 + 20).astype(np.float32)  # another exposure of the same cell: half the contrast, another brightness
whole_set = np.stack([pair.image for pair in cells.pairs])
mean, std = whole_set.mean(), whole_set.std()
print("largest difference as taken:         ", largest_difference(image, dim), "greys")
print("each by its own mean and deviation:  ", largest_difference(standardise(image), standardise(dim)))
print("both by those of the set:            ", largest_difference((image - mean) / std, (dim - mean) / std))

# %% [markdown]
# By its own numbers: the difference is gone before a network sees it. With the set's numbers an exposure that is unlike the others stays unlike
# them. (That is right where the grey itself has a meaning, as in computed tomography, where it measures density.) `SegmentationDataset`
# standardises each image by its own numbers.
#
# There is a limit. A camera stores greys from 0 to 255; what is brighter becomes 255, and no shift brings it back. This is called **clipping**:

# %%
for shift in (20, 60, 120):
    brighter = np.clip(image.astype(int) + shift, 0, 255)
    difference = largest_difference(standardise(image), standardise(brighter))
    print(f"{shift:3d} greys brighter: {(brighter == 255).mean():4.0%} of the pixels clipped, largest difference {difference}")

# %% [markdown]
# So the brightness slider in 00 changes nothing in the middle, and a lot at its end.
#
# ## Split, and leak
#
# Some pairs train the network; the others, the **validation set**, tell how good it is on what it has not seen. Usual is 80 % to
# 20 %, drawn at random. Sounds easy. Now suppose the images are cut into crops first, to get more of them. **Predict:** of the validation
# crops, how many have a neighbour from the very same cell in the training set?

# %% tags=["nbval-check-output"]
crops = cells.crops(64)
order = rng.permutation(len(crops))
naive_training, naive_validation = order[: round(0.8 * len(crops))], order[round(0.8 * len(crops)) :]
seen = {crops.pairs[i].source for i in naive_training}
leaked = sum(crops.pairs[i].source in seen for i in naive_validation)
print(f"naive split: {leaked} of {len(naive_validation)} validation crops come from a cell that also trains")

training, validation = library_split(crops, train_fraction=0.8, seed=0)
both = {pair.source for pair in training.pairs} & {pair.source for pair in validation.pairs}
print(f"split():     {len(both)} cells on both sides; {len(training)} crops train, {len(validation)} validate")


# %% [markdown]
# All of them. This is **leakage**: the network has seen the cell, its exposure, its stain, and is asked about it again.
#
# ## What a leak costs
#
# You need no network to measure it. Our learner here is a lookup: for each pixel it takes the mean grey of three squares around it, of 5, 15 and 41
# pixels, finds the most similar pixel among those that it knows, and answers with that pixel's class.

# %%
def describe(pair):
    greys = [uniform_filter(pair.image.astype(np.float32), size)[::2, ::2] for size in (5, 15, 41)]
    return np.stack(greys, axis=-1).reshape(-1, 3), pair.mask[::2, ::2].ravel()  # every second pixel: three greys, one class


def look_up(known, asked):
    greys, classes = (np.concatenate(part) for part in zip(*known, strict=True))
    questions, truth = (np.concatenate(part) for part in zip(*asked, strict=True))
    return (classes[cKDTree(greys).query(questions)[1]] == truth).mean()  # the accuracy


# %% [markdown]
# Ten cells are cut into 16 crops each. The crops are dealt into five parts; each part validates once, while the other four are known: this is **cross-validation**.
# This is done twice: first the *crops* are dealt, so that a cell is on both sides; then whole *cells* are. The other thirty cells tell what the lookup is really worth on
# cells that nobody has seen. **Predict:** which of the two comes closer to that? Three seeds:

# %%
few = [describe(pair) for pair in cells.subset(range(10)).crops(48).pairs]  # 160 crops, 16 of each cell in a row
new = [describe(pair) for pair in cells.subset(range(10, 40)).crops(48).pairs]


def cross_validate(parts):
    def crops_where(choice):
        return [few[i] for i in np.flatnonzero(choice)]

    return np.mean([look_up(crops_where(parts != k), crops_where(parts == k)) for k in range(5)])


for seed in range(3):
    rng = np.random.default_rng(seed)
    with_leak = cross_validate(rng.permutation(160) % 5)
    without = cross_validate(np.repeat(rng.permutation(10) % 5, 16))
    print(f"seed {seed}: crops dealt {with_leak:.2f}, cells dealt {without:.2f}, the leak adds {with_leak - without:.2f}")
print(f"on thirty new cells: {look_up(few, new):.2f}")


# %% [markdown]
# With the leak the score promises more than new cells give, for each seed, and nobody notices until the first new image. (Without it, it is still a little too
# good: ten cells are few.) The remedy: split the *images* (better: the patients), then cut.
#
# ## Exercise 2: a seeded split
#
# Two runs must give the same split, or results cannot be compared; another seed must give another one. `train_fraction` lies between 0 and 1: that share
# of the indices is for training (rounded to a whole number of images, in whichever direction), the others are for validation. The numbers asked for leave neither part empty.

# %%
def my_split(count, train_fraction, seed):
    """Returns two sequences that share out the indices 0 … count-1 at random: training first, then validation."""
    ### BEGIN SOLUTION
    order = np.random.default_rng(seed).permutation(count)
    training = round(count * train_fraction)
    return order[:training], order[training:]
    ### END SOLUTION


check("split", my_split);

# %% [markdown]
# ## A case from the clinic
#
# The first training step of a fellow student stops with an error: *a class is out of range*. Her images look right, and so do her masks in an image viewer: black, grey and white. The loss was told that there are three classes. **What is wrong?**
#
# <details><summary>Cause and cure</summary>
# The masks went to the loss as they stand in their files: 0, 128 and 255 are greys, not classes 0, 1 and 2. Encode them first, as in exercise 1. (With *two* classes stored as 0 and 1 the same file would look all black, and be right.) Notebook <a href="14_when_it_fails.ipynb">14</a> has ten such cases, with switches.</details>

# %% [markdown]
# ## Recap
#
# <details><summary>A mask holds the values 0, 128 and 255. Can it go into the loss?</summary>
# No. These are grey codes; the loss wants class indices 0, 1, 2: encode_mask(mask, codes=(0, 128, 255)).</details>
#
# <details><summary>Why must a mask never be resized with interpolation?</summary>
# Mixing background and nucleus gives greys in between: no class at all, or, worse, another class.</details>
#
# <details><summary>A network reaches an accuracy of 0.6 on these cells. Is that good?</summary>
# No: that is about what "everything is background" reaches. A score means something only beside a baseline.</details>
#
# <details><summary>You have 10 images and cut each into 16 crops. What do you split?</summary>
# The 10 images. Splitting the 160 crops would put parts of one cell on both sides.</details>
#
# *Next: [02 · Convolution](02_convolution.ipynb)*

# %% jupyter={"source_hidden": true} tags=["nbval-check-output"]
# For the automatic tests: turn every control of this page's explorers, as a hand would.
print(explorer.drive())
