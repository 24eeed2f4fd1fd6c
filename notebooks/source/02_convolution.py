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
# # 02 · Convolution
#
# **The question:** what does one layer of a U-Net do to an image?
#
# Afterwards you can compute a convolution on paper, say the size of its output for any padding and stride, and say what batch
# normalisation and ReLU do to its values, in training and in evaluation mode.
#
# *About 40 minutes. You need: [01](01_the_images.ipynb) (standardising). Back: [01 · The images](01_the_images.ipynb). Next: [03 · The contracting path](03_contracting_path.ipynb)*

# %%
import numpy as np
import torch
from scipy.signal import convolve2d
from torch import nn
from torch.nn import functional as F

from unet_lab.blocks import ConvBlock
from unet_lab.course import check
from unet_lab.datasets import generate_cell, standardise
from unet_lab.explorers import explore_convolution, explore_norm
from unet_lab.metrics import confusion_matrix, scores
from unet_lab.plots import draw_bar, draw_map, draw_values, panel_row, show_image, show_numbers
from unet_lab.weights import load_pretrained

_ = torch.manual_seed(0)

# %% [markdown]
# ## Nine products and a sum
#
# Here is an image of 5 x 5 numbers, bright at the right, and a **kernel** of 3 x 3 numbers. A **convolution** lays the kernel on
# the image, multiplies what lies on top of each other, and adds the nine products up. That sum is one number of the output. Then the
# kernel moves one pixel on.
#
# **Predict, on paper:** the kernel lies in the upper left corner. What is the sum?

# %%
image = np.array([[1, 1, 1, 8, 8], [1, 1, 1, 8, 8], [1, 1, 2, 8, 8], [1, 1, 1, 8, 8], [1, 1, 1, 8, 8]], float)
kernel = np.array([[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]], float)
show_numbers([image, kernel], ["image", "kernel"])

# %% tags=["nbval-check-output"]
window = image[0:3, 0:3]
print(window * kernel)
print("sum:", (window * kernel).sum())


# %% [markdown]
# The ones cancel; what stays is the 2 in the right column against the 1 at its left. **Predict again:** one pixel to the right, the kernel's
# right column lies on the eights. Will the sum be larger or smaller? All windows, in two loops:

# %%
def convolve(image, kernel):
    size = len(kernel)
    rows, columns = image.shape[0] - size + 1, image.shape[1] - size + 1
    output = np.zeros((rows, columns))
    for r in range(rows):
        for c in range(columns):
            output[r, c] = (image[r : r + size, c : c + size] * kernel).sum()
    return output


show_numbers([image, kernel, convolve(image, kernel)], ["image", "kernel", "output"])

# %% [markdown]
# Larger: the eights come in, and only ones are taken off. Where the image gets brighter from left to right the output is large, where nothing changes it is 0: this
# kernel finds vertical edges. A U-Net's kernels are not chosen but learnt.
#
# ## Is that what PyTorch does?
#
# In mathematics, a convolution turns the kernel round (by 180°) before it slides it. Without the turn it is called *cross-correlation*. **Predict:** which of the two does `torch.nn.functional.conv2d` compute?
#
# (PyTorch wants (N, C, H, W). `[None, None]` puts two dimensions of length 1 in front: (5, 5) becomes (1, 1, 5, 5), one image with one channel. `[0, 0]` takes them
# off again.)

# %% tags=["nbval-check-output"]
by_torch = F.conv2d(torch.tensor(image)[None, None], torch.tensor(kernel)[None, None])[0, 0].numpy()
print("ours equals PyTorch's: ", np.array_equal(convolve(image, kernel), by_torch))
print("SciPy's convolve2d does:", np.array_equal(convolve2d(image, kernel, mode="valid"), by_torch))
print("with the kernel turned: ", np.array_equal(convolve2d(image, kernel[::-1, ::-1], mode="valid"), by_torch))

# %% [markdown]
# A cross-correlation: like our loops, PyTorch does not turn the kernel. Everybody in deep learning calls it a convolution all the same. For a network that learns
# its kernels it makes no difference; it does when you copy a kernel from a book.
#
# ## Padding and stride
#
# 5 x 5 went in, 3 x 3 came out: the kernel's middle never stood on the border. **Padding 1** lays a frame of zeros round the image first, and
# the size stays. A **stride** of 2 moves the window by two pixels, and the size is halved. The size that comes out is
#
# (size + 2 · padding − kernel) // stride + 1.
#
# **Predict** the four sizes for a 7 x 7 image and a 3 x 3 kernel before you run.

# %% tags=["nbval-check-output"]
x, ones = torch.ones(1, 1, 7, 7), torch.ones(1, 1, 3, 3)
for padding in (0, 1):
    for stride in (1, 2):
        out = F.conv2d(x, ones, padding=padding, stride=stride)
        formula = (7 + 2 * padding - 3) // stride + 1
        print(f"padding {padding}, stride {stride}: {tuple(out.shape[2:])}, by the formula {formula}")
padded = F.conv2d(x, ones, padding=1)[0, 0]
print("padding 1, all ones: corner", padded[0, 0].item(), " middle", padded[3, 3].item())

# %% [markdown]
# The last line shows padding's price: at the corner five of nine products are with zeros that nobody photographed. A network
# sees the border differently from the middle. The 2015 paper does not pad: its output holds only pixels whose whole surroundings were in the image.
#
# ## Explore: step the kernel
#
# Move the window with the arrow keys or click into the picture; choose a kernel or write your own. **Find out:** which kernel moves the
# stripe, and in which direction? Why that one? What does *spot* answer to an image that is all the same, and what changes with padding 1?

# %%
stepper = explore_convolution()
stepper

# %% [markdown]
# ## On a cell
#
# The same on 192 x 192 pixels. **Predict:** which of the three maps shows the lower rim of the cell most, and in which colour?

# %%
picture, mask = generate_cell(seed=4, size=192)
cell, inside = standardise(picture), mask > 0
kernels = {
    "vertical edges": [[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]],
    "horizontal edges": [[-1, -1, -1], [0, 0, 0], [1, 1, 1]],
    "mean of nine": [[1 / 9] * 3] * 3,
}
answers = {}
for name, numbers in kernels.items():
    weights = torch.tensor(numbers).float()[None, None]
    answers[name] = F.conv2d(torch.tensor(cell)[None, None], weights, padding=1)[0, 0].numpy()

words = "A cell, its vertical and horizontal edges, and its mean, with colour bars."
figure, panels = panel_row((1, 1, 1, 1), 2.3, words, gap=0.3, bar=True)
show_image(panels[0], cell, "image")
for axes, (name, out) in zip(panels[1:], answers.items(), strict=True):
    most = np.abs(out[inside]).max()  # the colours span the cell; what lies beyond (the scale bar) has the last one
    draw_bar(figure, axes, draw_map(axes, out, name, signed=True, most=most), "")
figure

# %% [markdown]
# Red is above 0, blue below. What does each map say along the lower rim, where a pixel of the cell has a pixel of background below it? And along the upper rim?

# %%
lower = inside & ~np.roll(inside, -1, axis=0)  # the pixel below is background
upper = inside & ~np.roll(inside, 1, axis=0)
for name, out in answers.items():
    signs = ["above 0" if out[rim].mean() > 0 else "below 0" for rim in (lower, upper)]
    print(f"{name:16s} lower rim {out[lower].mean():5.1f}, {signs[0]}   upper rim {out[upper].mean():5.1f}, {signs[1]}")
print("the cell is darker than the background:", cell[inside].mean() < cell[~inside].mean())

# %% [markdown]
# The horizontal edges, in red: the cell is darker than the background, so going down the image the lower rim goes from dark to bright (above 0), the upper
# rim from bright to dark (below 0).
#
# ## Many channels
#
# A layer has many kernels side by side, and each gives one **channel** (a *feature map*). From the second layer on the input has many channels
# too; then each output channel has a kernel for each input channel, and adds up over them. So the weights have the shape
# (channels out, channels in, 3, 3). To the sum, each output channel adds one more learnt number, the same for every pixel: these are the layer's **biases**, one bias per output channel.
# **Predict** the number of weights and of biases from 2 to 3 channels, then check one output number by hand.

# %% tags=["nbval-check-output"]
layer = nn.Conv2d(2, 3, kernel_size=3)
x = torch.randn(1, 2, 5, 5)
print("weights", tuple(layer.weight.shape), "=", layer.weight.numel(), " biases", tuple(layer.bias.shape))
by_hand = (x[0, :, 1:4, 2:5] * layer.weight[1]).sum() + layer.bias[1]
print("channel 1, row 1, column 2 agrees:", torch.isclose(layer(x)[0, 1, 1, 2], by_hand).item())

# %% [markdown]
# ## Why a ReLU?
#
# **ReLU** sets values below 0 to 0. That looks like throwing information away. But without it, two layers are worth no more than one: two 3x3 convolutions
# in a row are *exactly* one 5x5 convolution. **Predict:** is that still so with a ReLU between?

# %% tags=["nbval-check-output"]
first, second = torch.randn(1, 1, 3, 3), torch.randn(1, 1, 3, 3)
both = F.conv2d(F.pad(first, (2, 2, 2, 2)), second.flip(2, 3))  # one kernel of 5x5
x = torch.randn(1, 1, 9, 9)
print("kernel of the one layer:", tuple(both.shape[2:]))
one, two = F.conv2d(x, both), F.conv2d(F.conv2d(x, first), second)
with_relu = F.conv2d(F.conv2d(x, first).relu(), second)
print("two layers, no ReLU, are one:  ", torch.allclose(two, one, atol=1e-4))
print("two layers with a ReLU are one:", torch.allclose(with_relu, one, atol=1e-4))

# %% [markdown]
# ## Batch normalisation, by hand
#
# After a convolution the values of a channel may lie anywhere. **Batch normalisation** takes off the channel's mean, divides by its standard
# deviation, then applies a scale and a shift that are learnt (1 and 0 at the start). The question is: mean *of what*?
#
# - **in training mode:** of this batch, over all its images and pixels; a *running* average is kept on the side;
# - **in evaluation mode:** the running one; the batch does not matter.

# %% tags=["nbval-check-output"]
norm = nn.BatchNorm2d(1)
batch = 5 + 2 * torch.randn(4, 1, 8, 8)
by_hand = (batch - batch.mean()) / (batch.var(unbiased=False) + norm.eps).sqrt()
print("training mode, by hand:  ", torch.allclose(norm.train()(batch), by_hand, atol=1e-5))
print(f"batch mean {batch.mean():.3f}, running mean after one batch {norm.running_mean.item():.3f} (a tenth of the way)")
by_hand = (batch - norm.running_mean) / (norm.running_var + norm.eps).sqrt()
print("evaluation mode, by hand:", torch.allclose(norm.eval()(batch), by_hand, atol=1e-5))

# %% [markdown]
# **Predict:** one image goes through the layer alone, then the same image in a batch with three others. In which mode does its answer
# change?

# %% tags=["nbval-check-output"]
for mode in (True, False):
    norm.train(mode)
    alone, among = norm(batch[:1]), norm(batch)[:1]
    name = "training mode:  " if mode else "evaluation mode:"
    print(name, "same answer alone and in a batch?", torch.allclose(alone, among, atol=1e-3))

# %% [markdown]
# In training mode the answer for your image depends on which other images happen to be in the batch. That is fine for learning (a
# little noise), and a bug when you predict.
#
# One part of a convolution has nothing to say when a batch normalisation follows. **Predict:** what happens to a bias?

# %%
conv = nn.Conv2d(1, 2, kernel_size=3)
x = torch.randn(4, 1, 16, 16)
outputs = []
for bias in (0.0, 7.0):
    nn.init.constant_(conv.bias, bias)
    outputs.append((conv(x), nn.BatchNorm2d(2)(conv(x))))
(plain_0, normalised_0), (plain_7, normalised_7) = outputs
print("equal after the convolution:        ", torch.allclose(plain_0, plain_7))
print("equal after the batch normalisation:", torch.allclose(normalised_0, normalised_7, atol=1e-5))
normalised_7.pow(3).sum().backward()  # some loss
print("gradient of the weights, of the bias: ", *(f"{p.grad.abs().max().item():.4f}" for p in (conv.weight, conv.bias)))

# %% [markdown]
# The bias shifts the whole channel, and batch normalisation takes the channel's mean off again. So the bias does nothing and learns nothing; the learnt *shift* of the
# batch normalisation does its work. Many networks leave it out (`bias=False`); ours keeps it, as the 2023 report does.
#
# ## Explore: what it does to the values
#
# The image's contrast is doubled here, as on another microscope. **Find out:** in which mode does batch normalisation wipe the change away, in
# which does it let it through? Which is what you want at prediction time? With which shift does ReLU leave nothing?

# %%
norms = explore_norm()
norms

# %% [markdown]
# ## Break it on purpose: `eval()` forgotten
#
# (`with torch.no_grad():` tells PyTorch that we only look and do not train, which is faster.) The shipped network on five cells, once as it should be; once left in
# training mode, each image alone; once in training mode, each image in a batch with three empty fields (all grey). And then in evaluation mode *again*, after
# it has looked at twenty batches of empty fields in training mode. **Predict** the four scores: which of them suffer? Three sets of five cells:

# %%
model = load_pretrained("small")
kept = {name: value.clone() for name, value in model.state_dict().items()}
empty = torch.zeros(3, 1, 192, 192)


def macro_iou(cells, answer):
    matrix = np.zeros((3, 3), int)
    for picture, truth in cells:
        with torch.no_grad():
            matrix += confusion_matrix(truth, answer(torch.from_numpy(standardise(picture))[None, None])[0].argmax(0).numpy())
    model.load_state_dict(kept)  # training mode also moved the running averages: put them back
    return scores(matrix).iou


def look_at_empty_fields():
    with torch.no_grad():
        for _ in range(20):
            model(empty)


# %%
print("seeds      evaluation  training, alone  training, among empty fields  evaluation, after empty fields")
for first in (0, 100, 200):
    cells = [generate_cell(seed, 192) for seed in range(first, first + 5)]
    numbers = [macro_iou(cells, model.eval()), macro_iou(cells, model.train())]
    numbers.append(macro_iou(cells, lambda x: model(torch.cat([x, empty]))))
    look_at_empty_fields()
    numbers.append(macro_iou(cells, model.eval()))
    print(f"{first:3d} to {first + 4:3d}  " + "{:10.2f}  {:15.2f}  {:28.2f}  {:30.2f}".format(*numbers))

# %% [markdown]
# The second column is why this bug is so frequent: in two of the three sets it does not show at all. The third: the answer for one image depends on its
# neighbours in the batch. The fourth: a network left in training mode is changed by merely *looking*, since its running averages follow whatever it sees.
#
# ## The block
#
# A U-Net is built of one part, again and again: convolution, batch normalisation, ReLU, twice. Here it is, and what each step does to the
# values of its first channel on the cell.

# %%
block = ConvBlock(1, 8).train()
x = torch.from_numpy(cell)[None, None]
words = "Histograms of one channel after each of the six layers of a block."
figure, panels = panel_row([1] * 6, 2.3, words, gap=0.2, bottom=0.2)
with torch.no_grad():
    for axes, layer in zip(panels, block, strict=True):
        x = layer(x.clone())
        draw_values(axes, x[0, 0].numpy(), type(layer).__name__, (-3, 3))
        axes.set_xlabel("value", fontsize=8)
figure


# %% [markdown]
# ## How a part is written
#
# In PyTorch a part of a network is written as a Python `class`, an `nn.Module`. `__init__` makes its layers once, with their weights; `forward` says what happens to an input. Here is one that
# convolves and cuts off what is below 0. **Predict** the two shapes, and the number of parameters.

# %%
class ConvThenReLU(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()  # so that PyTorch finds the layers
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1)
        self.relu = nn.ReLU()

    def forward(self, x):
        return self.relu(self.conv(x))


# %% tags=["nbval-check-output"]
part = ConvThenReLU(1, 8)
x = torch.randn(2, 1, 32, 32)
print("in", tuple(x.shape), " out", tuple(part(x).shape), " parameters", sum(p.numel() for p in part.parameters()))
print("a value below 0 comes out:", bool((part(x) < 0).any()))


# %% [markdown]
# `part(x)` calls `forward`. Layers that simply follow each other can also be put in a row: `nn.Sequential(layer, layer, …)` is a part too.
#
# ## Exercise 1: your own convolution
#
# Write it for square kernels of any size, for any padding and any stride, in NumPy, with loops. (Begin with the loops above; then padding; then stride.)

# %%
def my_conv2d(image, kernel, padding=0, stride=1):
    ### BEGIN SOLUTION
    framed = np.pad(image, padding)  # zeros all round
    size = len(kernel)
    rows = (framed.shape[0] - size) // stride + 1
    columns = (framed.shape[1] - size) // stride + 1
    output = np.zeros((rows, columns))
    for r in range(rows):
        for c in range(columns):
            window = framed[r * stride : r * stride + size, c * stride : c * stride + size]
            output[r, c] = (window * kernel).sum()
    return output
    ### END SOLUTION


check("conv2d", my_conv2d);


# %% [markdown]
# ## Exercise 2: your own block
#
# A `nn.Module` that keeps the size: 3x3 convolution, batch normalisation, ReLU, and all three again; from `in_channels` to `out_channels`. It is
# judged by what it does, so write it in any style.

# %%
class MyConvBlock(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        ### BEGIN SOLUTION
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
            nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
        )
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        return self.layers(x)
        ### END SOLUTION


check("conv_block", MyConvBlock);

# %% [markdown]
# ## A case from the clinic
#
# A network was trained and its scores are good. Then somebody segments one image by itself, and afterwards the same image together with seven others: two different masks. Nothing is drawn at random. **What is wrong?**
#
# <details><summary>Cause and cure</summary>
# `eval()` was forgotten. In training mode batch norm takes mean and variance from the images that happen to be in the batch, so an image's mask depends on its neighbours. In evaluation mode it uses its running averages, and each image is judged for itself. Notebook <a href="14_when_it_fails.ipynb">14</a> has ten such cases, with switches.</details>

# %% [markdown]
# ## Recap
#
# <details><summary>A 3x3 convolution without padding, four times in a row: how many pixels does a 100 x 100 image lose?</summary>
# Two per convolution and side to side: 100 becomes 92.</details>
#
# <details><summary>Why two 3x3 convolutions and not one 5x5?</summary>
# They see the same 5 x 5 pixels with 18 instead of 25 weights (per pair of channels), and there is a ReLU in between.</details>
#
# <details><summary>You predict one image at a time and the result changes from run to run, or is worse than in training. What do you check first?</summary>
# The mode: <code>model.eval()</code>. In training mode batch normalisation uses the batch at hand.</details>
#
# <details><summary>Which kernel moves an image by one pixel?</summary>
# One with a single 1 beside its middle. With the 1 at the right, the output takes each pixel's right neighbour: the image moves to the left.</details>
#
# *Next: [03 · The contracting path](03_contracting_path.ipynb)*

# %% jupyter={"source_hidden": true} tags=["nbval-check-output"]
# For the automatic tests: turn every control of this page's explorers, as a hand would.
print(stepper.drive())
print(norms.drive())
