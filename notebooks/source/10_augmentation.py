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
# # 10 · Augmentation
#
# **The question:** how can a network learn from a handful of images?
#
# Afterwards you can change image and mask together, by mirrors, turns and elastic deformation; say which changes help and which do
# nothing; find the bug in an augmentation; and show what it is worth when images are few.
#
# *You need [01](01_the_images.ipynb) (standardising), [07](07_training.ipynb) (training) and [08](08_evaluation.ipynb) (macro IoU).*
#
# *About 40 minutes. Back: [09 · Looking inside](09_looking_inside.ipynb). Next: [11 · Variations](11_variations.ipynb)*

# %%
import time

import numpy as np
import torch
from scipy.ndimage import map_coordinates, rotate
from torch.nn import functional as F
from tqdm.auto import tqdm

from unet_lab.course import check
from unet_lab.course.exercises.augmentation import FAULTS, SUSPECTS
from unet_lab.datasets import Augmentation, SegmentationDataset, generate_cell, standardise, warp
from unet_lab.explorers import explore_augmentation
from unet_lab.inference import predict
from unet_lab.metrics import confusion_matrix, scores
from unet_lab.plots import TRAINING_COLOUR, VALIDATION_COLOUR, DescribedFigure, show_image, show_mask, show_triplets
from unet_lab.training import evaluate, train
from unet_lab.unet import UNet

_ = torch.manual_seed(0)
image, mask = generate_cell(4, 192)

# %% [markdown]
# ## One image, many images
#
# A lymphocyte has no up and no left. Turn the picture, and it is as good a picture as before, with a mask that you need not draw: turn the mask
# too. That is **augmentation**: change what must not matter, so that the network learns that it does not matter.
#
# The one rule: image and mask are changed *together*. **Predict** the IoU of the old mask with the mirrored one, for this cell, if
# you forget the mask: about 0.95, 0.7 or 0.3?

# %%
mirrored_image, mirrored_mask = image[:, ::-1], mask[:, ::-1]
figure = DescribedFigure(9.8, 2.9, "A cell and its mask; both mirrored.")
axes = figure.subplots(1, 4)
show_image(axes[0], image, "image")
show_mask(axes[1], mask, "mask")
show_image(axes[2], mirrored_image, "image, mirrored")
show_mask(axes[3], mirrored_mask, "mask, mirrored")
figure

# %% tags=["nbval-check-output"]
forgotten = scores(confusion_matrix(mirrored_mask, mask), average="macro").iou
print(f"macro IoU of the forgotten mask with the right one: {forgotten:.2f}")

# %% [markdown]
# The cell is nearly round, so the forgotten mask looks plausible, and is wrong along every edge. A network that is trained on such pairs is taught these edges.
#
# ## Between two labels there is nothing
#
# A turn by 30° puts pixels between the old ones. For grey values that is easy: take a mixture of the neighbours (bilinear interpolation). Masks hold
# names, not amounts. Here is a mask with background 0 and nucleus 2, and nothing else. **Predict** which labels it has after the turn:

# %% tags=["nbval-check-output"]
two = np.where(mask == 2, 2, 0).astype(np.uint8)
mixed = rotate(two, 30, reshape=False, order=1, mode="reflect")
nearest = rotate(two, 30, reshape=False, order=0, mode="reflect")
print("before:                    ", np.unique(two).tolist())
print("between neighbours:        ", np.unique(mixed).tolist(), f" {(mixed == 1).sum()} pixels of 'cell body' that nobody drew")
print("of the nearest neighbour:  ", np.unique(nearest).tolist())

# %% [markdown]
# Half way between background (0) and nucleus (2) lies cell body (1), says the arithmetic. So: images between neighbours, masks from the nearest one, always.
# Resizing a mask makes the same mistake ([14](14_when_it_fails.ipynb) shows what comes of it).
#
# ## Elastic deformation, by hand
#
# The 2015 paper had 30 training images. Its main trick: tissue is soft, so bend it. Draw random displacements on a coarse 3 x 3 grid, with a standard deviation of 10 pixels;
# between them, interpolate smoothly (bicubic); then take each pixel from where its displacement points. Nine arrows bend the whole image:

# %%
generator = torch.Generator().manual_seed(5)
coarse = 10 * torch.randn(1, 2, 3, 3, generator=generator)                                  # (1, 2, 3, 3): x and y, in pixels
fine = F.interpolate(coarse, image.shape, mode="bicubic", align_corners=True)            # (1, 2, H, W): for every pixel
rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
from_column, from_row = columns + fine[0, 0].numpy(), rows + fine[0, 1].numpy()          # where each pixel comes from
bent = map_coordinates(standardise(image), [from_row, from_column], order=1, mode="mirror")
bent_mask = map_coordinates(mask, [from_row, from_column], order=0, mode="mirror")

figure = DescribedFigure(9.8, 3.3, "The image with nine displacements as arrows; the bent image; the bent mask.")
axes = figure.subplots(1, 3)
show_image(axes[0], image, "nine random displacements")
at = np.linspace(0, image.shape[0] - 1, 3)
axes[0].quiver(*np.meshgrid(at, at), *coarse[0].numpy(), color="#E69F00", angles="xy", scale_units="xy", scale=0.4, width=0.012)
axes[0].set(xlim=(-45, image.shape[1] + 45), ylim=(image.shape[0] + 45, -45))
show_image(axes[1], bent, "the image, bent")
show_mask(axes[2], bent_mask, "the mask, bent by the same")
figure

# %% [markdown]
# (The arrows are drawn 2.5 times as long. They point to where a pixel is *taken from*: the picture moves the other way.)
#
# The library does this for a whole batch, on the GPU where there is one, with PyTorch's `grid_sample`. Is it the same?

# %% tags=["nbval-check-output"]
batch, labels = torch.from_numpy(standardise(image))[None, None], torch.from_numpy(mask.astype(np.int64))[None]
size = torch.tensor([image.shape[1] - 1, image.shape[0] - 1])
places = torch.stack([torch.from_numpy(from_column), torch.from_numpy(from_row)], dim=-1)[None].float() / size * 2 - 1
by_library, labels_by_library = warp(batch, labels, places)
print("image: largest difference below 1e-3:", bool(np.abs(by_library[0, 0].numpy() - bent).max() < 1e-3))
print(f"mask: {(labels_by_library[0].numpy() == bent_mask).mean():.2%} of the pixels are the same")

# %% [markdown]
# ## A change that does nothing
#
# Microscopes differ in brightness and contrast. So let us change both at random? **Predict** what the network sees of `2 * image + 30`.

# %% tags=["nbval-check-output"]
brighter = 2.0 * image + 30
print("largest difference after standardising below 1e-5:", bool(np.abs(standardise(brighter) - standardise(image)).max() < 1e-5))

# %% [markdown]
# Nothing. Every image is standardised before the network sees it, and that takes brightness and contrast out, exactly. What standardising does *not* take
# out is a bent curve of greys (gamma), a light that falls from one side (shading), noise and blur. `Augmentation` has those.
#
# ## Explore
#
# How strong may a change be? The rule of thumb: as long as *you* would still draw this mask over this image. Start with the elastic standard deviation, then try noise and
# blur, then all.

# %%
explorer = explore_augmentation(image, mask)
explorer

# %% [markdown]
# ## What it is worth
#
# The paper's claim: with augmentation, few images are enough. Take 1, 4 and 32 cells to learn from, and always the same 60 to test on. Each training
# has the same number of steps; the network without augmentation just sees its few images more often. Each is done three times, from three seeds, with other cells each time.
#
# **Predict:** where is the difference largest, at 1 image or at 32? Could augmentation ever hurt?

# %%
pools = [SegmentationDataset.generated(32, size=48, first_seed=100 * seed, difficulty=0.25) for seed in range(3)]
unseen = SegmentationDataset.generated(60, size=48, first_seed=1000, difficulty=0.25)


def learn_from(count, augmentation, seed=0):
    """Train on `count` cells, seen as often as 32 would be; the model and its macro IoU on unseen cells."""
    torch.manual_seed(seed)
    model = UNet(base_channels=8, depth=3)
    few = pools[seed].subset([i % count for i in range(32)])
    for _ in train(model, few, epochs=EPOCHS, batch_size=8, learning_rate=0.01, augmentation=augmentation, seed=seed):
        pass
    return model, scores(evaluate(model, unseen)[1], average="macro").iou


EPOCHS, COUNTS = 14, (1, 4, 32)
ways = {"without": None, "with": Augmentation(elastic=2.5)}  # 2.5 pixels of 48: as much as 10 of 192
found, models = {way: np.zeros((3, len(COUNTS))) for way in ways}, {}
for seed, k in tqdm(list(np.ndindex(3, len(COUNTS))), unit="pair of trainings"):
    for way, augmentation in ways.items():
        models[way, COUNTS[k]], found[way][seed, k] = learn_from(COUNTS[k], augmentation, seed)

# %%
figure = DescribedFigure(9.8, 3.6, "Macro IoU on unseen cells by number of training images, three seeds.")
axes = figure.subplots()
for (way, values), colour, marker in zip(found.items(), (TRAINING_COLOUR, VALIDATION_COLOUR), "os", strict=True):
    axes.plot(COUNTS, values.mean(axis=0), color=colour, label=f"{way} augmentation, mean")
    axes.plot(COUNTS, values.T, marker, color=colour, alpha=0.6, markersize=5)
axes.set(xscale="log", xlabel="training images", ylabel="macro IoU on 60 unseen cells")
axes.set_xticks(COUNTS, [str(c) for c in COUNTS])
axes.minorticks_off()
axes.legend(frameon=False, loc="lower right")
figure

# %%
gains = found["with"] - found["without"]  # (3, 3): seeds, set sizes
print("images   without   with    gain of each seed")
for k, count in enumerate(COUNTS):
    means = [found[way][:, k].mean() for way in ways]
    print(f"{count:6d}   {means[0]:.3f}     {means[1]:.3f}   " + "  ".join(f"{gain:+.3f}" for gain in gains[:, k]))
print("largest mean gain at", COUNTS[gains.mean(axis=0).argmax()], "images")
for k, count in enumerate(COUNTS):
    better = int((gains[:, k] > 0).sum())
    print(f"{count:2d} images: better with augmentation for {better} of 3 seeds")

# %% [markdown]
# The fewer images, the larger the gain. With all 32 and so few steps augmentation gains nothing, and mostly costs a little: the task is harder, and more is to be learnt in the same time. (Twice the epochs? Try it.)
#
# What did four images teach? The same unseen cell, above by the network without augmentation, below by the one with it:

# %%
test = unseen.pairs[3]
predictions = [predict(models[way, 4], test.image) for way in ways]
show_triplets([test.image] * 2, [test.mask] * 2, predictions)

# %% [markdown]
# ## How long does it take?
#
# SciPy bends one image after the other; `warp` a batch at once. For a fair comparison both do the same: one displacement, images between neighbours (bilinear), masks from the nearest neighbour.

# %%
sixteen = SegmentationDataset.generated(16, size=256)
images, masks = (torch.stack(part) for part in zip(*(sixteen[i] for i in range(16)), strict=True))
where = np.mgrid[:256, :256] + 0.3  # rows and columns from which to take
at = torch.from_numpy(where[::-1].copy()).float().permute(1, 2, 0) / 255 * 2 - 1  # the same as grid_sample wants it
at = at.expand(16, 256, 256, 2)


def by_scipy():
    bent = [map_coordinates(i[0].numpy(), where, order=1, mode="mirror") for i in images]
    return bent, [map_coordinates(m.numpy(), where, order=0, mode="mirror") for m in masks]


def seconds(work):
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


same = np.abs(warp(images, masks, at)[0][:, 0].numpy() - np.stack(by_scipy()[0])).max() < 1e-2
print(f"the same images come out: {same}")
print(f"SciPy, image after image: {1000 * min(seconds(by_scipy) for _ in range(3)):4.0f} ms for 16 pairs")
print(f"warp, the batch at once:  {1000 * min(seconds(lambda: warp(images, masks, at)) for _ in range(3)):4.0f} ms")
how = Augmentation()
everything = min(seconds(lambda: how(images, masks, range(16))) for _ in range(3))
print(f"all changes of Augmentation, bending among them: {1000 * everything:4.0f} ms")


# %% [markdown]
# ## Exercise 1: mirror and turn a pair
#
# `my_flip_rotate(image, mask, mirrored, turns)` mirrors left to right if `mirrored` (any kind of true), then makes `turns` quarter turns counter-clockwise (0, 1, 2, … of
# them; four are none, five are one), and returns both as arrays of their own, which may be changed: the image with its values, the mask with its labels, whole numbers.

# %%
def my_flip_rotate(image, mask, mirrored, turns):
    """Both changed in the same way: (image, mask). Not square: a quarter turn of (40, 48) is (48, 40)."""
    ### BEGIN SOLUTION
    if mirrored:
        image, mask = image[:, ::-1], mask[:, ::-1]
    return np.rot90(image, turns).copy(), np.rot90(mask, turns).copy()
    ### END SOLUTION


check("flip_rotate", my_flip_rotate);

# %% [markdown]
# ## Exercise 2: find the bugs
#
# Six augmentations, `SUSPECTS["A"]` to `"F"`, are called with (image, mask, seed) and return a pair, turned by a random angle. Some are broken, as
# augmentations out there are broken. Test them, and name each fault with a word of `FAULTS`. Each fault occurs once.

# %%
for word, meaning in FAULTS.items():
    print(f"{word!r:20s} {meaning}")

figure = DescribedFigure(9.8, 3.4, "What six augmentations make of one cell and its mask.")
axes = figure.subplots(2, 6)
for (letter, change), column in zip(SUSPECTS.items(), axes.T, strict=True):
    changed, changed_mask = change(image, mask, 1)
    show_image(column[0], changed, letter)
    show_mask(column[1], changed_mask, "")
figure

# %%
my_faults = {"A": None, "B": None, "C": None, "D": None, "E": None, "F": None}
### BEGIN SOLUTION
my_faults = {
    "A": "mask mixed",
    "B": "fine",
    "C": "two draws",
    "D": "not random",
    "E": "mask left behind",
    "F": "not standardised",
}
### END SOLUTION

check("augmentation_bugs", my_faults);

# %% [markdown]
# ## A case from the clinic
#
# Each of 50 images is augmented to 20 files, then the 1,000 files are split at random into training and validation. The validation score is the best ever; on the next day's images it is not nearly so good. **What is wrong?**
#
# <details><summary>Cause and cure</summary>
# A leak: nearly every validation file has sisters among the training files, turned or mirrored copies of the same cell. Nothing in a curve shows it. Split first, by source, then augment, and the training part only. Notebook <a href="14_when_it_fails.ipynb">14</a> has ten such cases, with switches.</details>

# %% [markdown]
# ## Recap
#
# <details><summary>Why do you standardise again after augmentation?</summary>
# Because predict() will standardise too. What the network learns from must look like what it will be asked about.</details>
#
# <details><summary>Your digits data set: which of flip, rotation by 180° and elastic deformation would you use?</summary>
# A mirrored 3 is no digit, a turned 6 is a 9. Elastic, gently. What is allowed is a question about the world, not about networks.</details>
#
# <details><summary>The validation images: augment them too?</summary>
# No. They stand for what the network will meet, and the score must be the same twice.</details>
#
# <details><summary>Training loss is higher with augmentation. Is that bad?</summary>
# No: the task became harder, on purpose. Look at the validation score.</details>
#
# *Next: [11 · Variations](11_variations.ipynb)*

# %% jupyter={"source_hidden": true} tags=["nbval-check-output"]
# For the automatic tests: turn every control of this page's explorers, as a hand would.
print(explorer.drive())
