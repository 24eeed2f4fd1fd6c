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
# # 18 · Other programs
#
# **The question:** how does a trained network get to where biologists work, and is it still the same network there?
#
# Afterwards you can write a network as ONNX and as a package of the BioImage Model Zoo, compare what another program computes with the original, and say what must travel
# along with the weights.
#
# *About 35 minutes. You need: standardising ([01](01_the_images.ipynb)), tiles ([12](12_large_images.ipynb)). Back: [17 · From masks to measurements](17_from_masks_to_measurements.ipynb).
# All notebooks: [00 · Start here](00_start_here.ipynb)*

# %%
import tempfile
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import torch

from unet_lab import plots
from unet_lab.acceleration import export, load_exported
from unet_lab.course import check
from unet_lab.datasets import CLASS_NAMES, generate_cell, standardise
from unet_lab.explorers import explore_preparation
from unet_lab.inference import predict
from unet_lab.metrics import confusion_matrix, scores
from unet_lab.weights import load_pretrained

model = load_pretrained().eval()
folder = Path(tempfile.mkdtemp())

# %% [markdown]
# ## A network in a file
#
# A hospital's viewer has no PyTorch, perhaps no Python. What does it need? The numbers (the weights), and what to do with them. **ONNX** writes down both: a list of operations, each with its inputs. Many programs read
# it, in many languages. PyTorch's own format, from `torch.export`, holds the same list, for PyTorch only. `export` writes either, loads it again, and compares before it believes itself.
#
# **Predict:** the network has nearly two million parameters of 4 bytes. How large will the file be?

# %%
cells = [generate_cell(seed, 192) for seed in range(4, 8)]
x = torch.from_numpy(np.stack([standardise(cell.image) for cell in cells]))[:, None]  # (4, 1, 192, 192)
programs = {}
for name in ("cells.onnx", "cells.pt2"):
    try:
        path = export(model, folder / name, x)
        programs[name] = load_exported(path)
        print(f"{name}: {path.stat().st_size / 1e6:.2f} MB; the weights alone are {4 * model.num_parameters / 1e6:.2f} MB")
    except ImportError as error:
        print(name, "left out:", error)

# %% [markdown]
# What is in an ONNX file? Its operations, counted. Compare with the U of [05](05_the_whole_u.ipynb): which layers do you recognise, and which are missing?

# %%
if "cells.onnx" in programs:
    import onnx

    graph = onnx.load(folder / "cells.onnx").graph
    print(dict(Counter(node.op_type for node in graph.node)))
    first = graph.input[0].type.tensor_type.shape.dim
    print("input:", [axis.dim_param or axis.dim_value for axis in first])

# %% [markdown]
# (Batch norm is gone where the exporter folded it into the convolutions, as you did by hand in [13](13_fast_and_small.ipynb).) Names in place of sizes mean that any size goes, as long as it can be halved often enough.
#
# ## The same network?
#
# ONNX Runtime is another program, written by others, with other ways to add up the same sums. **Predict** the largest difference of the logits: exactly 0, about 10⁻⁵, or about 10⁻²? And how many pixels get another class?

# %% tags=["nbval-check-output"]
with torch.no_grad():
    here = model(x)
for program in programs.values():
    there = program(x)
    same = (here.argmax(dim=1) == there.argmax(dim=1)).float().mean()
    close = (here - there).abs().max() < 1e-3
    print("another program: logits within 1e-3:", bool(close), "  same class at 99.99 %:", bool(same > 0.9999))

# %%
for name, program in programs.items():
    print(f"{name}: logits apart by {(here - program(x)).abs().max():.0e} at most, of {here.abs().max():.0f}")

# %% [markdown]
# As good as equal. In exercise 1 you write this comparison. An exported network should never leave the house without it: on images that were not used for the export, of another size, and with more than one in a batch.

# %% tags=["nbval-check-output"]
for program in programs.values():
    try:
        program(torch.zeros(1, 1, 64, 96))
        print("other sizes: taken")
    except ValueError:
        print("other sizes: refused")

# %% [markdown]
# The `.pt2` was made for its example's size and says so; a plain U-Net's `.onnx` takes any.
#
# ## What is not in the file
#
# The file begins where the tensor begins: float32, (N, C, H, W), mean 0, standard deviation 1. How an image becomes that tensor was Python, and stays behind. So do the names of the classes, and the margin of the tiles. Another
# program will do *something* with the greys. **Predict** for each line: is the mask nearly the same, worse, or useless?

# %%
ways = {
    "mean 0, std 1 (as it learnt)": standardise,
    "0 to 1": lambda image: image / 255,
    "0 to 255": lambda image: image.astype(float),
    "-1 to 1": lambda image: image / 127.5 - 1,
    "black and white swapped": lambda image: -standardise(image),
}
truths = np.stack([cell.mask for cell in cells])
quality = {}
for name, prepare in ways.items():
    prepared = torch.from_numpy(np.stack([prepare(cell.image) for cell in cells]).astype(np.float32))[:, None]
    with torch.no_grad():
        masks = model(prepared).argmax(dim=1).numpy()
    quality[name] = scores(confusion_matrix(truths, masks), average="macro").iou
    print(f"{name:30s} macro IoU {quality[name]:.3f}")

# %% tags=["nbval-check-output"]
learnt, *others = quality.values()
print("every other way costs a tenth of the IoU or more:", all(other < 0.9 * learnt for other in others))

# %% [markdown]
# No error, no warning: a mask comes out each time. This is the most frequent way in which a good network fails at a colleague's. It needs no malice, only a program whose default is "0 to 1".
#
# ## Explore
#
# The same network here, and in a program that prepares images otherwise. **Which ways of scaling does it survive?** Then cut a few pixels off, so that the size no longer fits, and let the other program add black instead of
# mirroring: where does the mask change?

# %%
explorer = explore_preparation(model)
explorer

# %% [markdown]
# ## A package that says it all
#
# The **BioImage Model Zoo** (bioimage.io) has a format for networks that travel: a zip with the weights, *how an image is prepared*, what the channels mean, how large a pixel is, a test input with the output that must come of it, a cover, the authors, and
# the **licence**. Fiji (with deepImageJ), ilastik, BiaPy and others read it. `export` writes one, and lets the zoo's own software, bioimageio.core, test it before it is written: it runs the weights on the test input and compares. Some things are yours to say:

# %% tags=["nbval-check-output"]
about = {"name": "Lymphocytes in TEM U-Net", "description": "Cell body and nucleus of lymphocytes in electron micrographs."}
image = generate_cell(4, 192).image
for wrong in ({}, {"authors": ["Ada Lovelace"]}, {"authors": ["Ada Lovelace"], "licence": "CC-BY-4.0", "pixel_size": 0}):
    try:
        export(model, folder / "my_unet.zip", image, format="bioimageio", **about, **wrong)
    except ValueError as error:
        print(str(error).partition(": ")[0])

# %% [markdown]
# Without a licence nobody may use your network, whatever you meant. With everything said, bioimageio.core tests the package before it is written:

# %%
try:
    told = {"authors": ["Ada Lovelace"], "licence": "CC-BY-4.0", "validation": "Macro IoU on 60 generated cells, see the course."}
    package = export(model, folder / "my_unet.zip", image, format="bioimageio", pixel_size=0.02, **about, **told)
    with zipfile.ZipFile(package) as files:
        for entry in files.infolist():
            print(f"{entry.filename:24s} {entry.file_size / 1e3:8.1f} kB")
except ImportError as error:
    print("left out:", error)

# %% [markdown]
# What each program does with it:
#
# | Program | How | What to look at |
# |---|---|---|
# | **Fiji**, plug-in deepImageJ | *DeepImageJ Install Model*, from a local file; then *DeepImageJ Run* | it runs the TorchScript or ONNX weights, tile by tile: set the tile's overlap from README.md |
# | **ilastik**, *Neural Network Classification* | drop the zip on *Load model* | probabilities as channels; thresholds and objects in the next workflow |
# | **BiaPy** | a configuration with `SOURCE: bmz` and the package's path | it can go on training: then test again |
# | Python | `bioimageio.core.predict(model="my_unet.zip", …)` | what ran in the test above |
# | any ONNX program | `cells.onnx`, and prepare images yourself | all that the section above broke |
#
# The course's own tests run the last two; the first three were not tried here, and their menus change: their manuals have the last word. Whichever you take: segment one image in both programs, and compare, before you segment a hundred.
#
# One thing is lost even here. `standardise` cuts off hot pixels before it measures mean and standard deviation; the package does not. On most images that is the same:

# %% tags=["nbval-check-output"]
plain = (image - image.mean()) / image.std()
hot = image.astype(float)
hot[:2, :2] = 60_000  # four hot pixels of a camera
print("the same without hot pixels:", np.abs(standardise(image) - plain).max() < 1e-4)
print("contrast left with four hot pixels:", f"{((hot - hot.mean()) / hot.std())[5:].std():.3f} of 1")


# %% [markdown]
# ## Exercise 1: is it the same network?
#
# `first` and `second` are functions of float32 (N, C, H, W) that give logits (N, classes, H, W), for any number of images, channels and classes. Return two numbers, unrounded: the largest absolute difference of any logit, and the share of pixels for which both choose the same class.

# %%
def my_compare(first, second, images):
    """(largest difference, share of pixels with the same class): two equal networks give (0.0, 1.0)."""
    ### BEGIN SOLUTION
    a, b = first(images), second(images)
    same = a.argmax(dim=1) == b.argmax(dim=1)
    return (a - b).abs().max().item(), same.float().mean().item()
    ### END SOLUTION


check("compare_networks", my_compare);


# %% [markdown]
# ## Exercise 2: prepare an image
#
# What a program with the bare `.onnx` must do: an image (H, W) or (H, W, C) of any type becomes float32 (1, C, H, W), an array or a tensor, every channel with mean 0 and standard deviation 1 (over all its pixels, divided by n). A channel that is the same everywhere becomes 0, whatever its grey.
#
# Any type: True and False, integers to 32 bits, floats, which may be negative or tiny, bright or dark, any number of channels, an array that is a view of another. Greys may be large (some billions) and close together, so compute in float64, and turn into float32 last. The image that was given stays as it was.

# %%
def my_prepare(image):
    """An image as the network learnt it: float32 (1, C, H, W)."""
    ### BEGIN SOLUTION
    x = np.atleast_3d(image).astype(np.float64)                      # (H, W, C)
    mean, std = x.mean(axis=(0, 1)), x.std(axis=(0, 1))              # (C,) each
    same = x.min(axis=(0, 1)) == x.max(axis=(0, 1))                  # of 0.1 everywhere std is 1e-17, by rounding, not 0
    x = np.where(same, 0, (x - mean) / np.where(same, 1, std))
    return x.transpose(2, 0, 1)[None].astype(np.float32)             # (1, C, H, W)
    ### END SOLUTION


check("prepare", my_prepare);

# %%
prepared = my_prepare(image)
program = programs.get("cells.onnx", model)
if prepared is None:
    print("write my_prepare first")
else:
    with torch.no_grad():
        mask = program(torch.as_tensor(prepared)).argmax(dim=1)[0].numpy()
    print(f"your preparation and another program: {(mask == predict(model, image)).mean():.2%} of the pixels as by predict")

# %%
figure, panels = plots.panel_row((1, 1), 3.4, "A cell, and its mask by the exported network.", gap=0.06)
plots.show_image(panels[0], image, "image")
with torch.no_grad():
    answer = program(torch.from_numpy(standardise(image))[None, None])  # (1, 3, 192, 192)
plots.show_mask(panels[1], answer.argmax(dim=1)[0].numpy(), "by another program")
print({index: name for index, name in enumerate(CLASS_NAMES)})
figure

# %% [markdown]
# ## Recap
#
# <details><summary>A colleague's masks by your ONNX file are useless, yours are good. What do you ask first?</summary>
# How the image is scaled before it goes in. Then whether it is the same kind of image: dark on bright, the same pixel size, one channel.</details>
#
# <details><summary>The logits of two programs differ by 10⁻⁵. Is that a mistake?</summary>
# No. The same sums in another order differ in float32's last digits. Look at the classes: if any changes, it was a tie.</details>
#
# <details><summary>What stands in a package of the zoo and not in an ONNX file?</summary>
# How images are prepared, what the channels mean, the pixel size, a test input with its output, authors and licence.</details>
#
# <details><summary>Why does the package hold a test input with its output?</summary>
# So that every program can find out whether it computes the same network, without you.</details>
#
# *Next: your own images, [15](15_your_own_images.ipynb), or back to [00 · Start here](00_start_here.ipynb)*

# %% jupyter={"source_hidden": true} tags=["nbval-check-output"]
# For the automatic tests: turn every control of this page's explorers, as a hand would.
print(explorer.drive())
