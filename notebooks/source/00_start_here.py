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
# # 00 · Start here
#
# **The question:** what does a U-Net do, and how do you find your way through this course?
#
# Afterwards you can run a notebook, segment a cell with a trained network, and read the shape of an array.
#
# *About 20 minutes. You need: a little Python, and nothing of what follows. Next: [01 · The images](01_the_images.ipynb)*

# %% [markdown]
# ## How a notebook works
#
# A notebook is a page with cells. Click into a grey cell and press **Shift + Enter**: its code runs, the result appears
# below it, and the next cell is selected. The number in brackets counts the runs; a star, `[*]`, means that it is still busy,
# and the square in the toolbar stops it. If all goes wrong: menu **Kernel → Restart Kernel and Run All Cells…**
#
# Run the first cell now. It fetches the parts of our library, `unet_lab`, that this page uses.

# %%
from unet_lab.course import check, show_progress
from unet_lab.datasets import CLASS_NAMES, generate_cell
from unet_lab.explorers import explore_network, explore_segmentation
from unet_lab.inference import segment
from unet_lab.metrics import confusion_matrix, scores
from unet_lab.plots import show_samples, show_triplets
from unet_lab.weights import load_pretrained

# %% [markdown]
# ## One look first
#
# This is what the course is about, at work: a **U-Net**. A picture of a cell goes in at the left; at the right comes out what it takes each
# pixel for: blue is the body of a cell, orange its nucleus. All that lies between are true pictures of what the network computes on the
# way, and you may walk in: click, paint on the input, cut a blue arrow. You need not understand any of it yet.
#
# **One question:** move the mouse over the mask at the right. What lights up is what the answer at that pixel rests on. Beside its
# picture, where is the spot a dot, and where is it wide: at the left, at the bottom, or at the top right?

# %%
walk = explore_network(load_pretrained("small"))
walk

# %% [markdown]
# A dot at the top right, wide at the bottom: what the network knows there was gathered from far around. Why, is told in 03. (Whatever you do there, **Reset** takes it back. **Tour** leads you through in eight stops; it can wait until notebook 05.)
#
# ## A cell
#
# An electron microscope takes grey pictures of cells. Ours are drawn by a program (real ones may not be handed out), and
# for each the program also knows the truth: which pixel is **background**, which is **cell body**, which is **nucleus**.
# That truth is called the **mask**. `seed=4` names one cell: the same seed gives the same cell, on every machine.

# %%
cell = generate_cell(seed=4, size=192)
show_samples([generate_cell(seed, 192) for seed in (4, 1, 2, 0)])

# %% [markdown]
# To the computer a picture is an **array**: a table of numbers, one for each pixel.

# %%
print(cell.image)

# %% tags=["nbval-check-output"]
print("shape:", cell.image.shape, "  type:", cell.image.dtype)
print("the mask holds", sorted(set(cell.mask.ravel().tolist())), "for", CLASS_NAMES)

# %% [markdown]
# ## Segment it
#
# To **segment** an image is to say for every pixel what it shows. A **U-Net** is a neural network made for that: a chain of simple
# computations with many numbers in it, which were not written by anybody but learnt from examples. (Why a U? See 05.) Ours is
# trained already, and segments a cell in one line.
#
# **Predict before you run:** the image is 192 rows by 192 columns of greys from 0 to 255. What will `segment(cell.image)` be: one
# word, three numbers, or an array? Of which shape, with which numbers in it?

# %% tags=["nbval-check-output"]
mask = segment(cell.image)
print("shape:", mask.shape, "  type:", mask.dtype, "  numbers in it:", sorted(set(mask.ravel().tolist())))

# %% [markdown]
# An array of the same shape, with a class for each pixel: 0, 1 or 2. Here it is beside the truth.

# %%
show_triplets([cell.image], [cell.mask], [mask])

# %%
result = scores(confusion_matrix(cell.mask, mask), average="macro")
print(f"{result.accuracy:.1%} of the pixels are right; mean IoU over the three classes: {result.iou:.3f}")

# %% [markdown]
# **IoU** means intersection over union: the pixels that both masks call nucleus, divided by those that at least one calls
# nucleus. 1 is perfect, 0 is a miss. You will derive it, and see what it hides, in [notebook 08](08_evaluation.ipynb).

# %% [markdown]
# ## Explore: what does the network mind?
#
# The picture is perfect; microscopes are not. Which is worse for the network: a dark picture, a pale one, a noisy one or a
# blurred one? **Guess an order first**, then turn the sliders. (Does darkness do anything at all? 01 explains what you will find.)

# %%
explorer = explore_segmentation()
explorer

# %% [markdown]
# ## Break it on purpose
#
# Here errors are part of the lesson: they say what was given, what is allowed, and how to fix it. This is what a network hears
# most often: an image of the wrong kind.

# %% tags=["nbval-check-output"]
try:
    segment(cell.image / 255)
except ValueError as error:
    print(error)

# %% [markdown]
# ## Read a shape
#
# Inside the network arrays are called **tensors**, and have four dimensions: **(N, C, H, W)**, the number of images, channels, rows
# (height) and columns (width). A batch of 5 grey images goes in; for each pixel one number per class comes out.

# %% tags=["nbval-check-output"]
import torch

from unet_lab.unet import UNet

images = torch.zeros(5, 1, 48, 80)
logits = UNet.small()(images)
print("in: ", tuple(images.shape), " out:", tuple(logits.shape))

# %% [markdown]
# The numbers that come out are called **logits**: the larger one is, the more the network thinks of that class. The class with the
# largest logit wins the pixel.
#
# ## Exercise 1: read a shape
#
# Some logits have the shape `(2, 3, 64, 96)`. Replace each `None` by a number. `check` tells you whether it is right; if not, it
# gives a hint, and a further one each time you run the cell again. (The `;` at the end keeps the notebook from printing the result too.)

# %%
my_shape = {"images": None, "classes": None, "height": None, "width": None}
### BEGIN SOLUTION
my_shape = {"images": 2, "classes": 3, "height": 64, "width": 96}
### END SOLUTION

check("read_shape", my_shape);

# %% [markdown]
# ## Exercise 2: measure a nucleus
#
# Take the cell of seed 7 with 160 x 160 pixels. How many of its pixels does `segment` call nucleus? Let the computer count:
# comparing an array with a number, as in `mask == 0`, gives an array of True and False, and `.sum()` counts the True ones.

# %%
nucleus_pixels = None
### BEGIN SOLUTION
image = generate_cell(seed=7, size=160).image
nucleus_pixels = (segment(image) == 2).sum()
### END SOLUTION

check("nucleus_pixels", nucleus_pixels);

# %% [markdown]
# The answers are in the folder `solutions`. They are worth reading after you have passed, not before: what you have found
# yourself, you keep.
#
# ## Your progress
#
# Whatever you pass, in any notebook, is noted in one file on this machine, and nowhere else. Come back here to see what is left (**Reset** reads the
# file again). In a terminal, `python3 lab.py progress` says the same, and `--export` writes a small file of it to hand in.

# %%
progress = show_progress()
progress

# %% [markdown]
# ## The way through the course
#
# | Notebook | The question |
# |---|---|
# | **00 · Start here** | What does a U-Net do? |
# | [01 · The images](01_the_images.ipynb) | What is in the data, and what can go wrong with it? |
# | [02 · Convolution](02_convolution.ipynb) | What does one layer compute? |
# | [03 · The contracting path](03_contracting_path.ipynb) | How does the network come to see the whole cell? |
# | [04 · The expansive path](04_expansive_path.ipynb) | How does it get back to pixels? |
# | [05 · The whole U](05_the_whole_u.ipynb) | How do the parts fit, and what does the whole cost? |
# | [06 · Losses](06_losses.ipynb) | How do you tell a network that it is wrong? |
# | [07 · Training](07_training.ipynb) | How does it learn? |
# | [08 · Evaluation](08_evaluation.ipynb) | How good is it really, and would you notice a wrong number in a paper? |
# | [09 · Looking inside](09_looking_inside.ipynb) | What does it look at, and how would you find out that you are wrong about it? |
# | [10 · Augmentation](10_augmentation.ipynb) | How can a network learn from a handful of images? |
# | [11 · Variations](11_variations.ipynb) | Which changes to the U-Net help, and how would one know? |
# | [12 · Large images](12_large_images.ipynb) | How does one segment what does not fit into memory? |
# | [13 · Fast and small](13_fast_and_small.ipynb) | Where do time and memory go, and what can be saved without changing the answer? |
# | [14 · When it fails](14_when_it_fails.ipynb) | The masks are wrong: how do you find out why? |
# | [15 · Your own images](15_your_own_images.ipynb) | How does a folder of files become a trained network, and a report? |
# | [16 · More than one machine](16_more_than_one_machine.ipynb) | Can several processes train one network, and is it the same training? |
# | [17 · From masks to measurements](17_from_masks_to_measurements.ipynb) | How do you get from a mask to cells, and to numbers that can be trusted? |
# | [18 · Other programs](18_other_programs.ipynb) | How does a network get to where biologists work, and is it still the same there? |
#
# Every notebook stands alone: start where you like. Short of time? Take 00, 05, 09 and 08.
#
# ## Recap
#
# Answer first, then open.
#
# <details><summary>What does a segmentation network give for an image of 300 x 200 pixels?</summary>
# A class for each of its 300 x 200 pixels: a mask of the image's own size.</details>
#
# <details><summary>In (8, 1, 64, 96), which number is the width?</summary>
# 96. The order is N, C, H, W: eight grey images, 64 rows, 96 columns.</details>
#
# <details><summary>What is the difference between logits and a mask?</summary>
# Logits are one number per pixel and class, any real number; the mask keeps, for each pixel, the index of the class with the largest
# one.</details>
#
# *Next: [01 · The images](01_the_images.ipynb)*

# %% jupyter={"source_hidden": true} tags=["nbval-check-output"]
# For the automatic tests: turn every control of this page's explorers, as a hand would.
print(walk.drive())
print(explorer.drive())
print(progress.drive())
