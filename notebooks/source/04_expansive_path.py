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
# # 04 · The expansive path
#
# **The question:** how does a network get from a few coarse numbers back to a mask as sharp as the image?
#
# Afterwards you can compute a transposed convolution by hand, say where checkerboards come from, crop and concatenate a skip, and say what
# is lost without it.
#
# *About 40 minutes. You need: [02](02_convolution.ipynb), [03](03_contracting_path.ipynb). Back: [03 · The contracting path](03_contracting_path.ipynb). Next: [05 · The whole U](05_the_whole_u.ipynb)*

# %%
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from unet_lab.blocks import Bottleneck, DecoderStage, EncoderStage, center_crop
from unet_lab.course import check
from unet_lab.datasets import generate_cell
from unet_lab.explorers import explore_crop, explore_upsampling
from unet_lab.inference import predict
from unet_lab.inspection import activations, without_skip
from unet_lab.metrics import boundary_f1, confusion_matrix, scores
from unet_lab.plots import draw_map, error_map, overlay, panel_row, show_image, show_numbers
from unet_lab.weights import load_pretrained

_ = torch.manual_seed(0)

# %% [markdown]
# ## The bottom of the U
#
# Down there, an image of 192 x 192 is 12 x 12 units, each with 256 channels. **Predict:** how much of the cell's outline could you draw from
# one channel? Four channels of the trained network's **bottleneck**:

# %%
model = load_pretrained("small")
cell = generate_cell(seed=6, size=192)
floor = activations(model, cell.image, ["bottleneck"])["bottleneck"][0].numpy()
liveliest = floor[:, 2:-2, 2:-2].std(axis=(1, 2)).argsort()[::-1][:4]  # inside, not at the border
figure, panels = panel_row([1] * 5, 2.4, "A cell, and four channels of the bottleneck.", gap=0.06)
show_image(panels[0], cell.image, "image, 192²")
for axes, channel in zip(panels[1:], liveliest, strict=True):
    draw_map(axes, floor[channel], f"channel {channel}, 12²")
figure

# %% [markdown]
# How sharp could a mask be that is known only on such a grid? Take the *true* mask, shrink it to one class per square (the most frequent), and enlarge it again. This
# is not what the network does, but it shows the size of the problem. **Predict** the IoU at a factor of 16.

# %% tags=["nbval-check-output"]
one_hot = F.one_hot(torch.from_numpy(cell.mask).long(), 3).movedim(-1, 0)[None].float()  # (1, 3, 192, 192)
for factor in (2, 4, 8, 16):
    coarse = F.interpolate(F.avg_pool2d(one_hot, factor), scale_factor=factor, mode="nearest")
    iou = scores(confusion_matrix(cell.mask, coarse[0].argmax(0).numpy())).iou
    print(f"one class per {factor:2d} x {factor:2d} square: macro IoU {iou:.3f}")

# %% [markdown]
# ## Stamps
#
# Three ways up. *Nearest*: repeat every number. *Bilinear*: draw straight lines between numbers. Both are fixed. A **transposed
# convolution** is learnt: every input number is a **stamp** with the kernel on it. The number says how hard it is pressed, the stride how far
# apart the stamps stand, and where stamps overlap they add up.
#
# **Predict, on paper:** [1 2; 3 4] stamped with [1 10; 100 1000] at stride 2: how large is the output, and what is in its lower right corner?

# %%
numbers, stamp = np.array([[1, 2], [3, 4]], float), np.array([[1, 10], [100, 1000]], float)


def stamped(image, kernel, stride):
    size = len(kernel)
    output = np.zeros([(length - 1) * stride + size for length in image.shape])
    for r, c in np.ndindex(image.shape):
        output[r * stride : r * stride + size, c * stride : c * stride + size] += image[r, c] * kernel
    return output


show_numbers([numbers, stamp, stamped(numbers, stamp, stride=2)], ["input", "stamp", "output, stride 2"])

# %% [markdown]
# With a 3x3 stamp at stride 2, neighbours overlap by one. **Predict:** all inputs and all nine numbers of the stamp are 1. Is the output all ones?

# %% tags=["nbval-check-output"]
ones, nine = np.ones((3, 3)), np.ones((3, 3))
print(stamped(ones, nine, stride=2).astype(int))
for kernel in (stamp, nine):
    x, weight = torch.tensor(numbers)[None, None], torch.tensor(kernel)[None, None]
    by_torch = F.conv_transpose2d(x, weight, stride=2)[0, 0].numpy()
    print(f"{len(kernel)}x{len(kernel)} as PyTorch's:", np.array_equal(stamped(numbers, kernel, 2), by_torch))

# %% [markdown]
# 1, 2 and 4 stamps: a **checkerboard**, made by arithmetic, before anything is learnt.
#
# ## Why "transposed"?
#
# A convolution is linear: each output number is a weighted sum of input numbers. So it is a matrix. Here is that of a 2x2 kernel with stride 2 on
# a 4 x 4 image: 4 rows, one for each output number, 16 columns. **Predict:** what does its *transpose* make of 4 numbers?

# %%
matrix = np.zeros((4, 16))
for row, (r, c) in enumerate(np.ndindex(2, 2)):
    for i, j in np.ndindex(2, 2):
        matrix[row, (2 * r + i) * 4 + 2 * c + j] = stamp[i, j]
digits = np.where(matrix > 0, 1 + np.log10(np.maximum(matrix, 1)), 0)  # 1, 10, 100, 1000 become 1, 2, 3, 4: easier to read
show_numbers([digits], ["the matrix; its 1, 10, 100, 1000 are shown as 1, 2, 3, 4"])

# %% tags=["nbval-check-output"]
x = np.arange(16.0).reshape(4, 4)
convolved = F.conv2d(torch.tensor(x)[None, None], torch.tensor(stamp)[None, None], stride=2)[0, 0].numpy()
print("matrix @ image is the convolution:           ", np.array_equal((matrix @ x.ravel()).reshape(2, 2), convolved))
by_transpose = (matrix.T @ numbers.ravel()).reshape(4, 4)
print("matrix.T @ numbers is the stamping:          ", np.array_equal(by_transpose, stamped(numbers, stamp, 2)))
back = (matrix.T @ (matrix @ x.ravel())).reshape(4, 4)
print("transposed after convolution gives the image:", np.allclose(back / back.max(), x / x.max()))

# %% [markdown]
# *Transposed*, not *inverse*: it takes sizes back, not values. ("Deconvolution", as some call it, promises too much.)
#
# ## Explore: three ways up
#
# All ones go in. **Find out:** which methods give all ones back with equal weights, which with random weights? The U-Net uses
# 2x2 at stride 2: its stamps never overlap; can it still make a pattern? What would a network have to learn to avoid it?

# %%
ways = explore_upsampling()
ways

# %% [markdown]
# ## Concatenate
#
# What came up knows *what* is where, roughly. The skip, from the same level of the encoder, knows *where exactly*. The decoder lays them side by side, and the
# next convolutions may use both. Not added: laid side by side, so that 16 and 16 channels make 32. **Predict** the three shapes.

# %% tags=["nbval-check-output"]
below, skip = torch.randn(1, 32, 12, 12), torch.randn(1, 16, 24, 24)
up = nn.ConvTranspose2d(32, 16, kernel_size=2, stride=2)(below)
print("up:          ", tuple(up.shape))
print("concatenated:", tuple(torch.cat([skip, up], dim=1).shape))
print("the stage:   ", tuple(DecoderStage(32, 16)(below, skip).shape))

# %% [markdown]
# ## Break it on purpose: without padding
#
# In the 2015 network every convolution loses a border, so the skip is larger than what comes up. **Predict** the sizes, and guess the error's
# text: what will PyTorch complain about?

# %% tags=["nbval-check-output"]
down, floor_block = EncoderStage(1, 8, padding="valid"), Bottleneck(8, 16, padding="valid")
pooled, skip = down(torch.randn(1, 1, 44, 44))
up = nn.ConvTranspose2d(16, 8, kernel_size=2, stride=2)(floor_block(pooled))
print("skip", tuple(skip.shape), " up", tuple(up.shape))
try:
    torch.cat([skip, up], dim=1)
except RuntimeError as error:
    print("RuntimeError:", error)
print("cropped:", tuple(torch.cat([center_crop(skip, up.shape[-2:]), up], dim=1).shape))

# %% [markdown]
# ## Explore: which part of the skip?
#
# Here are the topmost skip of a U without padding and the map that comes up to meet it (averaging replaces the convolutions, so that you can recognise what the maps show). **Find the offset by eye** at depth 1, 2 and 3: grey means that the two agree. How does the right offset depend on the number of lost pixels?

# %%
crop = explore_crop(generate_cell(seed=4, size=188).image)
crop

# %% [markdown]
# The mistake that is made here: to cut out the upper left corner, because `skip[..., :h, :w]` is so quickly written. Nothing crashes, and every
# feature lies some pixels beside its place.
#
# ## What is lost without the skip?
#
# The trained network again, with its skips cut from outside. **Predict:** what will be wrong: whether there is a cell, where it is, or exactly where its rim runs?

# %%
with without_skip(model, 0), without_skip(model, 1), without_skip(model, 2), without_skip(model, 3):
    cut = predict(model, cell.image)
figure, panels = panel_row([1] * 4, 2.7, "Truth, answer with and without skips, and its errors.", gap=0.06)
show_image(panels[0], overlay(cell.image, cell.mask), "truth")
show_image(panels[1], overlay(cell.image, predict(model, cell.image)), "with skips")
show_image(panels[2], overlay(cell.image, cut), "all skips cut")
show_image(panels[3], error_map(cell.image, cell.mask, cut), "errors, all skips cut")
figure

# %% tags=["nbval-check-output"]
whole = predict(model, cell.image)
for name, answer in (("with skips", whole), ("all cut", cut)):
    iou = scores(confusion_matrix(cell.mask, answer)).iou
    rim = boundary_f1(cell.mask, answer, 0)
    print(f"{name:10s} macro IoU {iou:.2f}, boundary F1 of the cell against the background {rim:.2f}")


# %% [markdown]
# The cell is found, and in its place; what is lost is where exactly its rim runs. One caution: this network was trained *with* skips, and is then robbed of them. A network trained without skips from the start would learn to
# carry more through the bottleneck. (Notebook 11 makes that comparison fairly; 09 cuts the skips one at a time.)
#
# ## Exercise 1: your own stamping
#
# Write the transposed convolution in NumPy, for any input, square kernel and stride. (The cell above has one; close it and write it
# from the idea.)

# %%
def my_transposed(image, kernel, stride):
    ### BEGIN SOLUTION
    size = len(kernel)
    output = np.zeros(((image.shape[0] - 1) * stride + size, (image.shape[1] - 1) * stride + size))
    for r in range(image.shape[0]):
        for c in range(image.shape[1]):
            output[r * stride : r * stride + size, c * stride : c * stride + size] += image[r, c] * kernel
    return output
    ### END SOLUTION


check("transposed_convolution", my_transposed);


# %% [markdown]
# ## Exercise 2: your own decoder stage
#
# A 2x2 transposed convolution with stride 2 from `in_channels` to `out_channels` (with a bias or without); the skip, its middle cropped to the size of what came up; both side by
# side; `ConvBlock(2 * out_channels, out_channels)`, from `unet_lab.blocks`. It must work with a skip of the right size and with one that is too large, by an odd number too: the row
# or column left over may then be lost on either side. (In
# `skip[..., 4:60, 4:60]` the dots stand for all directions before the last two.)

# %%
### BEGIN SOLUTION
from unet_lab.blocks import ConvBlock


### END SOLUTION
class MyDecoderStage(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        ### BEGIN SOLUTION
        self.up = nn.ConvTranspose2d(in_channels, out_channels, kernel_size=2, stride=2)
        self.block = ConvBlock(2 * out_channels, out_channels)
        ### END SOLUTION

    def forward(self, x, skip):
        ### BEGIN SOLUTION
        x = self.up(x)
        height, width = x.shape[-2:]
        top, left = (skip.shape[-2] - height) // 2, (skip.shape[-1] - width) // 2
        skip = skip[..., top : top + height, left : left + width]
        return self.block(torch.cat([skip, x], dim=1))
        ### END SOLUTION


check("decoder_stage", MyDecoderStage);

# %% [markdown]
# ## A case from the clinic
#
# In the mask files background is 0, nucleus 128 and cell body 255. Image and mask files were made smaller by the same function, smoothly, and the greys of the masks then set to the nearest of the three. After training, every cell that
# the network draws has a thin rim of *nucleus* around it, where it meets the background; and the network is right: the masks that it learnt from have it too. **What is wrong?**
#
# <details><summary>Cause and cure</summary>
# The masks were resized between neighbours. Half-way between background (0) and cell body (255) lies the grey of the nucleus. Whatever holds class numbers or codes is resized by its nearest neighbour only; images may be interpolated. Notebook <a href="14_when_it_fails.ipynb">14</a> has ten such cases, with switches.</details>

# %% [markdown]
# ## Recap
#
# <details><summary>A 4x4 stamp at stride 2: how many stamps land on each inner pixel?</summary>
# Four, everywhere: 4 is a multiple of 2. Even overlap, so no checkerboard from equal weights.</details>
#
# <details><summary>Why is it called transposed?</summary>
# As a matrix it is the transpose of the convolution with the same kernel and stride. It is not its inverse.</details>
#
# <details><summary>Why concatenate and not add?</summary>
# Added, the network could not tell apart what came from below and what came across; side by side, it can weigh each.</details>
#
# <details><summary>A skip of 64 x 64 must fit a map of 56 x 56. Which rows stay?</summary>
# 4 to 59: (64 − 56) // 2 = 4 are lost above and 4 below.</details>
#
# *Next: [05 · The whole U](05_the_whole_u.ipynb)*

# %% jupyter={"source_hidden": true} tags=["nbval-check-output"]
# For the automatic tests: turn every control of this page's explorers, as a hand would.
print(ways.drive(weights="random"))
print(crop.drive())
