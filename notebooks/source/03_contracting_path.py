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
# # 03 · The contracting path
#
# **The question:** how does a network that only ever looks at 3 x 3 pixels find out what a whole cell looks like?
#
# Afterwards you can explain pooling and the doubling of channels, compute how far any unit sees (its *receptive field*), and say which image sizes
# a U-Net accepts and why.
#
# *About 40 minutes. You need: [02](02_convolution.ipynb). Back: [02 · Convolution](02_convolution.ipynb). Next: [04 · The expansive path](04_expansive_path.ipynb)*

# %%
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from unet_lab.blocks import EncoderStage
from unet_lab.course import check
from unet_lab.datasets import generate_cell
from unet_lab.explorers import explore_contracting
from unet_lab.geometry import unet_receptive_field
from unet_lab.inspection import activations, encoder_field, measured_receptive_field
from unet_lab.plots import draw_map, panel_row, show_image, show_numbers
from unet_lab.unet import UNet
from unet_lab.weights import load_pretrained

_ = torch.manual_seed(0)

# %% [markdown]
# ## Pooling, by hand
#
# **Max pooling** keeps the largest of every 2 x 2 values, so height and width are halved. **Predict** the four numbers before you run.

# %%
numbers = np.array([[1, 3, 0, 0], [2, 0, 0, 9], [5, 5, 1, 2], [5, 5, 3, 4]], float)
pooled = numbers.reshape(2, 2, 2, 2).max(axis=(1, 3))  # rows in pairs, columns in pairs
show_numbers([numbers, pooled], ["before", "largest of every 2 x 2"])

# %% tags=["nbval-check-output"]
x = torch.tensor(numbers)[None, None]
print("as PyTorch's: ", np.array_equal(pooled, F.max_pool2d(x, 2)[0, 0].numpy()))
moved = numbers.copy()
moved[0:2, 2:4] = [[9, 0], [0, 0]]  # the 9 goes to another corner of its square
print("9 moved inside its square, same result: ", np.array_equal(pooled, moved.reshape(2, 2, 2, 2).max(axis=(1, 3))))
moved = np.roll(numbers, 1, axis=1)  # everything moves by one pixel
print("all moved by one pixel, same result:    ", np.array_equal(pooled, moved.reshape(2, 2, 2, 2).max(axis=(1, 3))))

# %% [markdown]
# Pooling says *that* there was a 9, not where in the square. This is what the contracting path gives up: **what** is kept, **where** is lost. (The
# skips will bring it back: notebook 04.)
#
# The other common kind, **average pooling**, keeps the mean of every 2 x 2 values. **Predict:** which of the two still shows a single bright pixel after three poolings,
# and which still knows how much light there was in all?

# %%
spots = np.zeros((16, 16))
spots[3, 4], spots[11, 10], spots[12, 13] = 8, 8, 8
pooled_thrice = {name: torch.tensor(spots)[None, None] for name in ("max", "average")}
for _ in range(3):
    pooled_thrice["max"] = F.max_pool2d(pooled_thrice["max"], 2)
    pooled_thrice["average"] = F.avg_pool2d(pooled_thrice["average"], 2)
show_numbers([values[0, 0].numpy() for values in pooled_thrice.values()], ["maximum, 3 times", "average, 3 times"])

# %% tags=["nbval-check-output"]
for name, values in pooled_thrice.items():
    mean = "the image's mean" if torch.isclose(values.mean(), torch.tensor(spots.mean())) else "another mean"
    print(f"{name:8s} brightest {values.max().item():.2f} (before: {spots.max():.2f}), {mean}")

# %% [markdown]
# Max pooling keeps the brightness of the spots, and forgets that two lay in the lower right. Average pooling keeps the mean, and a single bright pixel fades a little more with
# each pooling. The U-Net takes the maximum: where a feature was found, it stays found.
#
# ## Half the size, twice the channels
#
# An `EncoderStage` is a block of two convolutions, then a pooling. It returns two things: what goes on down, and what goes across as a **skip**.
# **Predict** both shapes.

# %% tags=["nbval-check-output"]
stage = EncoderStage(in_channels=1, out_channels=16)
down, skip = stage(torch.randn(1, 1, 192, 192))
print("skip, before pooling:", tuple(skip.shape))
print("down, after pooling: ", tuple(down.shape))

# %% [markdown]
# At every level the channels double. **Predict:** does the amount of numbers grow or shrink from level to level?

# %% tags=["nbval-check-output"]
model = load_pretrained("small")
cell = generate_cell(seed=4, size=192)
names = [f"encoder.{k}.block" for k in range(4)] + ["bottleneck"]
maps = {name: tensor[0].numpy() for name, tensor in activations(model, cell.image, names).items()}
for name, values in maps.items():
    channels, height, width = values.shape
    print(f"{name:16s} {channels:4d} channels of {height:3d} x {width:3d}: {values.size:7,d} numbers")

# %% [markdown]
# A quarter of the pixels, twice the channels: half the numbers. The image is squeezed, and the network must choose what is worth keeping. Here is, of
# every level of the trained network, the channel with the largest standard deviation:

# %%
figure, panels = panel_row([1] * 6, 2.1, "The image, and of each level the channel that varies most.", gap=0.06)
show_image(panels[0], cell.image, "image, 192²")
for axes, (name, values) in zip(panels[1:], maps.items(), strict=True):
    channel = values.std(axis=(1, 2)).argmax()
    draw_map(axes, values[channel], f"{name.removesuffix('.block')}, {values.shape[1]}²")
figure

# %% [markdown]
# ## How far does a unit see?
#
# One number behind a 3x3 convolution depends on 3 x 3 pixels. Behind two, on 5 x 5: the second sees three numbers, whose windows overlap. That width is its
# **receptive field**. Two numbers are enough to follow it through any stack of layers:
#
# - **width**: how many pixels one unit sees; 1 before the first layer;
# - **step**: how many pixels lie between neighbouring units; 1 before the first layer.
#
# A layer with kernel *k* adds (k − 1) · step to the width. Then its stride multiplies the step. Two mistakes are easy to make: to forget the step, and to multiply
# it too early. Do it on paper for convolution, convolution, pooling, convolution: 1 → ? → ? → ? → ?

# %% tags=["nbval-check-output"]
width, step = 1, 1
for name, kernel, stride in [("3x3", 3, 1), ("3x3", 3, 1), ("pool", 2, 2), ("3x3", 3, 1)]:
    width += (kernel - 1) * step
    step *= stride
    print(f"{name:5s} sees {width:2d} pixels, neighbours are {step} apart")

# %% [markdown]
# ## Predict, then measure: nine stacks
#
# A formula can be misremembered; a gradient cannot. The **gradient** says, for every pixel, how much a number changes when that pixel is changed a little. PyTorch computes
# it: `requires_grad=True` on the image, `.backward()` on the number, and `image.grad` holds one value for each pixel. Inside the field of a unit it is not 0, outside it is. So
# build each stack, ask one unit for its gradient, and measure from the first pixel with a gradient to the last. (All weights are 1, so that nothing cancels.)
#
# **Write down nine widths first.** c is a 3x3 convolution, C a 5x5, p a 2x2 pooling with stride 2, s a 3x3 convolution with stride 2, d a 3x3
# convolution with dilation 2 (its nine weights stand 2 pixels apart).

# %% tags=["nbval-check-output"]
LAYERS = {"c": (3, 1, 1), "C": (5, 1, 1), "p": (2, 2, 1), "s": (3, 2, 1), "d": (3, 1, 2)}  # kernel, stride, dilation


def measured(stack):
    chain = [nn.Conv2d(1, 1, k, stride=s, dilation=d, bias=False) for k, s, d in (LAYERS[letter] for letter in stack)]
    for layer in chain:
        nn.init.ones_(layer.weight)
    x = torch.zeros(1, 1, 100, 100, requires_grad=True)
    nn.Sequential(*chain)(x)[0, 0, 0, 0].backward()
    rows = x.grad[0, 0].abs().sum(dim=1).nonzero()  # the rows on which the unit depends
    return int(rows.max() - rows.min()) + 1, len(rows)


for stack in ("c", "cc", "C", "ccc", "ccp", "ccpc", "ss", "dd", "ccpccpcc"):
    width, used = measured(stack)
    print(f"{stack:9s} {width:3d} pixels wide" + (f", of which it uses only {used}" if used < width else ""))

# %% [markdown]
# How many of the nine did you have? (A pooling of 2 x 2 is measured here as a 2x2 convolution of stride 2: it looks at the same four pixels.)
#
# `dd` has gaps: two dilated convolutions in a row span 9 pixels but skip every second one. Dilation widens the field without a pooling; the price is this
# grid of holes, unless the dilations differ from layer to layer.
#
# ## The encoder, by formula and by gradient
#
# Now the real thing: every level of the U-Net of the report, one unit in the middle. Left the formula, right what the gradient finds.

# %% tags=["nbval-check-output"]
probe = UNet(base_channels=1, depth=4)
for level in range(5):
    layer = f"encoder.{level}.block" if level < 4 else "bottleneck"
    place = 160 // 2**level
    formula, gradient = encoder_field(place, level), measured_receptive_field(probe, 320, place, layer)
    widths = [last - first + 1 for first, last in (formula, gradient)]
    alone = int(np.ceil((widths[0] - 1) / 2))
    print(f"{layer:16s} formula {widths[0]:3d}, gradient {widths[1]:3d} pixels; without pooling: {alone} convolutions")

# %% [markdown]
# A unit at the bottom has ten convolutions of 3 x 3 between the image and itself (two per level, five levels), and sees as far as the last line's number of them would without
# pooling: that is what pooling is for. From level to level the field more than doubles, because the step does.
#
# And the whole U, back at full size? From depth 3 on the answer is not one number. Where a pixel stands in the pooling grid decides which pooled squares it gets
# its answer from, so neighbouring pixels have fields of different width. (Answer keys that give one number are wrong.)

# %% tags=["nbval-check-output"]
for depth in (1, 2, 3, 4):
    widths = [last - first + 1 for first, last in (unet_receptive_field(p, depth) for p in range(2**depth))]
    print(f"depth {depth}: {min(widths)} to {max(widths)} pixels")
shallow = UNet(base_channels=1, depth=3)
fields = [measured_receptive_field(shallow, 168, place) for place in range(80, 88)]
print("by gradient, depth 3, pixels 80 to 87:", [last - first + 1 for first, last in fields])

# %% [markdown]
# ## Explore: size, depth, and what a unit sees
#
# The frames are the fields of one unit of each level; the last column of the table is the field's *width* as a share of the image's width, not its area. **Find
# out:** at which depth does one unit of the bottleneck see the whole cell? What happens to the fields when only the image gets larger? Then slide the size to 100 and read why it is refused.

# %%
explorer = explore_contracting(cell.image)
explorer

# %% [markdown]
# ## Break it on purpose
#
# **Predict:** 100 x 100 into a U-Net of depth 4 (with padding). 100 → 50 → 25 → ? And what if nobody checked: how large would the decoder's map be, and the skip
# that it must be laid beside?

# %% tags=["nbval-check-output"]
try:
    UNet.small()(torch.zeros(1, 1, 100, 100))
except ValueError as error:
    print(error)
x = torch.zeros(1, 1, 100, 100)
sizes = [x.shape[-1]]
for _ in range(4):
    x = F.max_pool2d(x, 2)
    sizes.append(x.shape[-1])
print("down:", sizes, " and up again:", [sizes[-1] * 2**k for k in range(5)])


# %% [markdown]
# 25 is odd: its last row is thrown away by the pooling, and on the way up 24 meets 25.
#
# ## Exercise 1: your own encoder stage
#
# One `ConvBlock(in_channels, out_channels)` (import it from `unet_lab.blocks`), one max pooling, each run once. Return what goes down and
# what goes across, in this order. It must work for odd sizes too: there the last row or column is left out of what goes down.

# %%
### BEGIN SOLUTION
from unet_lab.blocks import ConvBlock


### END SOLUTION
class MyEncoderStage(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        ### BEGIN SOLUTION
        self.block = ConvBlock(in_channels, out_channels)
        self.pool = nn.MaxPool2d(kernel_size=2)
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        skip = self.block(x)
        return self.pool(skip), skip
        ### END SOLUTION


check("encoder_stage", MyEncoderStage);


# %% [markdown]
# ## Exercise 2: the width of a field
#
# `layers` is a list of (kernel, stride), in the order in which they are applied. Return the width of what one unit sees, in pixels.

# %%
def my_field(layers):
    ### BEGIN SOLUTION
    width, step = 1, 1  # one unit sees itself; neighbours are one pixel apart
    for kernel, stride in layers:
        width += (kernel - 1) * step  # this layer works on a grid with this step
        step *= stride  # the grid behind it is coarser
    return width
    ### END SOLUTION


check("receptive_field", my_field);

# %% [markdown]
# ## A case from the clinic
#
# A U-Net halves twice. Images of 48 pixels go through; those of 45 stop with an error about sizes that do not fit, and it comes from the *decoder*, although nothing was changed there. **What is wrong?**
#
# <details><summary>Cause and cure</summary>
# 45 is odd: pooling gives 22, doubling gives 44, and the skip has 45. The error appears where the two are joined, the cause is the size. Pad or crop to a multiple of 2 to the power of the depth; `predict` does. Notebook <a href="14_when_it_fails.ipynb">14</a> has ten such cases, with switches.</details>

# %% [markdown]
# ## Recap
#
# <details><summary>What does max pooling keep, and what does it give up?</summary>
# That something was there; it gives up where in the 2 x 2 square it was.</details>
#
# <details><summary>Why do the channels double when the size is halved?</summary>
# Deeper units see more of the image and have more different things to say. The numbers per level still halve, the weights grow fourfold.</details>
#
# <details><summary>A layer with kernel 3 and stride 1 behind three poolings: by how much does it widen the field?</summary>
# By (3 − 1) · 8 = 16 pixels: the step is 2 · 2 · 2 = 8.</details>
#
# <details><summary>Which sizes does a U-Net of depth 4 accept with padding?</summary>
# Multiples of 16: every pooling must meet an even size.</details>
#
# *Next: [04 · The expansive path](04_expansive_path.ipynb)*

# %% jupyter={"source_hidden": true} tags=["nbval-check-output"]
# For the automatic tests: turn every control of this page's explorers, as a hand would.
print(explorer.drive())
