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
# # 05 · The whole U
#
# **The question:** how do the parts fit together, and what does the whole cost?
#
# Afterwards you can assemble a U-Net from its parts, say the size of every feature map in it, and count its parameters, its
# multiplications and its memory on paper.
#
# *About 40 minutes. Back: [04 · The expansive path](04_expansive_path.ipynb). Next: [06 · Losses](06_losses.ipynb)*

# %%
import torch
from torch import nn

from unet_lab.blocks import Bottleneck, DecoderStage, EncoderStage
from unet_lab.course import check
from unet_lab.datasets import generate_cell, standardise
from unet_lab.explorers import explore_unet
from unet_lab.geometry import nearest_sizes, output_size, size_ledger
from unet_lab.plots import TRAINING_COLOUR, VALIDATION_COLOUR, DescribedFigure, draw_unet
from unet_lab.unet import UNet

_ = torch.manual_seed(0)

# %% [markdown]
# ## The figure
#
# This is the network of Ronneberger, Fischer and Brox (2015), drawn from its settings. Every box is a **feature map**: as tall as its
# size in pixels, as wide as its number of channels. On the left, the **contracting path**: what is there? On the right, the
# **expansive path**: where is it? Across, the **skips**.

# %%
draw_unet(size=572, depth=4, base_channels=64, padding="valid")

# %% [markdown]
# ## One step down, one step up
#
# Four words first. A **convolution** slides a small window, 3 x 3 pixels, over the image and writes down a weighted sum at every place; it is
# done with many sets of weights side by side, and each gives one **channel**. **Batch normalisation** brings every channel to a common
# scale. **ReLU** cuts negative values to 0. **Pooling** keeps the largest of every 2 x 2 values, so that the size is halved.
#
# Three parts make a U. An `EncoderStage` convolves twice, keeps the result for the skip, and halves the size. The `Bottleneck` convolves
# twice. A `DecoderStage` doubles the size, lays the skip beside it (**concatenation**: the channels add up) and convolves twice.
# Here is the smallest U, with one step, on one image of 32 x 32 pixels.
#
# **Predict** each shape (N, C, H, W) before you run; the stage has 8 channels, the bottleneck 16.

# %% tags=["nbval-check-output"]
down, floor, up, head = EncoderStage(1, 8), Bottleneck(8, 16), DecoderStage(16, 8), nn.Conv2d(8, 3, kernel_size=1)

x = torch.randn(1, 1, 32, 32)
pooled, skip = down(x)
bottom = floor(pooled)
top = up(bottom, skip)
logits = head(top)
for name, tensor in [("in", x), ("skip", skip), ("pooled", pooled), ("bottom", bottom), ("top", top), ("logits", logits)]:
    print(f"{name:7s}", tuple(tensor.shape))

# %% [markdown]
# ## Is the skip worth anything?
#
# The mistake that is made most: a decoder that *has* skips, wired so that they carry nothing. Shapes do not show it. So test it: if
# the skip matters, then another skip gives another output.

# %% tags=["nbval-check-output"]
with torch.no_grad():
    changed = (up(bottom, skip) - up(bottom, torch.zeros_like(skip))).abs().max()
    same = (up(bottom, skip) - up(bottom, skip.clone())).abs().max()
print("another skip, another output:", bool(changed > 0.01))
print("the same skip, the same output:", bool(same == 0))


# %% [markdown]
# ## Two loops and a bottleneck
#
# For any depth: go down, remember each skip; go up, take them back. **Predict:** in which order must the decoder take the skips? (An `nn.ModuleList` is a list whose
# parts PyTorch knows; in an ordinary list it would not find their parameters.)

# %%
class UNetByHand(nn.Module):
    def __init__(self, in_channels=1, num_classes=3, base_channels=64, depth=4):
        super().__init__()
        channels = [base_channels * 2**k for k in range(depth + 1)]
        inputs = [in_channels, *channels]
        self.encoder = nn.ModuleList(EncoderStage(inputs[k], channels[k]) for k in range(depth))
        self.bottleneck = Bottleneck(channels[depth - 1], channels[depth])
        self.decoder = nn.ModuleList(DecoderStage(channels[k + 1], channels[k]) for k in reversed(range(depth)))
        self.head = nn.Conv2d(channels[0], num_classes, kernel_size=1)

    def forward(self, x):
        skips = []
        for stage in self.encoder:
            x, skip = stage(x)
            skips.append(skip)
        x = self.bottleneck(x)
        for stage in self.decoder:
            x = stage(x, skips.pop())  # the last one remembered is the first one needed
        return self.head(x)


# %% [markdown]
# That is all of it. Is it the library's `UNet`? Give both the same weights and the same image. If the names of the parameters
# fit and the outputs are equal to the last bit, they are one network.

# %% tags=["nbval-check-output"]
ours, library = UNetByHand(base_channels=16).eval(), UNet.small().eval()
print(ours.load_state_dict(library.state_dict()))
image = torch.from_numpy(standardise(generate_cell(seed=1, size=96).image))[None, None]
with torch.no_grad():
    print("equal outputs:", torch.equal(ours(image), library(image)))

# %% [markdown]
# ## The report's network
#
# The 2023 course report that this lab implements printed its module (its figure 3): an encoder and a decoder as `ModuleList`, the convolution
# blocks as `Sequential`, convolutions with bias, then batch normalisation. Here is ours at the report's width. Scroll through it beside
# the figure above: **which line is the floor of the U?** (`1024` occurs there first.)

# %% tags=["nbval-check-output"]
report = UNet.report()
print(report)

# %% [markdown]
# ## Count the parameters
#
# A 3x3 convolution from *a* to *b* channels has 9·a·b weights and b biases; batch normalisation has a scale and a shift per channel,
# 2·b. By hand, the first block (1 to 64 channels, then 64 to 64):

# %% tags=["nbval-check-output"]
first = (9 * 1 * 64 + 64 + 2 * 64) + (9 * 64 * 64 + 64 + 2 * 64)
print("by hand:  ", first)
print("by torch: ", sum(p.numel() for p in report.encoder[0].parameters()))
print("the whole:", f"{report.num_parameters:,}")

# %% [markdown]
# **Predict:** where do most of the 31 million sit: at the top, where the images are large, or at the bottom, where the channels are many?

# %% tags=["nbval-check-output"]
parts = [(f"encoder {k}", s) for k, s in enumerate(report.encoder)] + [("bottleneck", report.bottleneck)]
parts += [(f"decoder {3 - k}", s) for k, s in enumerate(report.decoder)] + [("head", report.head)]
count = {name: sum(p.numel() for p in part.parameters()) for name, part in parts}
for name, number in count.items():
    print(f"{name:11s} {number:12,}  {number / report.num_parameters:6.1%}")
print("sum:       ", f"{sum(count.values()):12,}")


# %% [markdown]
# Each level down has twice the channels, so four times the weights: the bottleneck and its two neighbours hold most of the network.
#
# ## Count the work and the memory
#
# Every weight of a convolution is used once per output pixel. So a 3x3 convolution from *a* to *b* channels on H x W pixels costs 9·a·b·H·W
# **multiply-adds**, and its feature map takes b·H·W numbers of 4 bytes. Going down a level, the pixels are quartered while the
# weights are multiplied by four. **Predict:** which level has the most work? Which the most memory?

# %%
def block_work(a, b, size):
    return 9 * (a * b + b * b) * size**2


size, width = 512, 64
levels = [f"level {k}" for k in range(4)] + ["bottleneck"]
inputs = [1, 64, 128, 256, 512]
work = [block_work(inputs[k], width * 2**k, size // 2**k) for k in range(5)]
work = [w + (block_work(2 * width * 2**k, width * 2**k, size // 2**k) if k < 4 else 0) for k, w in enumerate(work)]
memory = [(2 if k < 4 else 1) * 4 * width * 2**k * (size // 2**k) ** 2 / 2**20 for k in range(5)]
figure = DescribedFigure(10, 3, "Work and memory per level of the U: work is similar at all levels, memory halves at each.")
for axes, values, label, colour in zip(
    figure.subplots(1, 2), ([w / 1e9 for w in work], memory), ("billion multiply-adds", "MiB of skip and decoder maps"),
    (TRAINING_COLOUR, VALIDATION_COLOUR), strict=True,
):
    axes.bar(levels, values, color=colour)
    axes.set(ylabel=label, title=f"3x3 blocks at {size} x {size}")
figure

# %% [markdown]
# The work is spread over the levels, the memory sits at the top: that is why a large image fills your memory long before a deep network
# does.
#
# ## The ledger: 572 becomes 388
#
# The 2015 network does not pad: every 3x3 convolution loses one pixel on each side, so a block loses 4. **Take paper and fill in the
# ledger** from 572 down and up again, then open it. Down: minus 4, then halve. Up: double, then minus 4.

# %% tags=["nbval-check-output"]
for place, pixels in size_ledger(572, depth=4, padding="valid"):
    print(f"{place:12s} {pixels}")

# %% [markdown]
# Now the real network, not the arithmetic. (31 million parameters on 572 x 572 pixels: a few seconds on a laptop.)

# %% tags=["nbval-check-output"]
paper = UNet.paper_2015().eval()
with torch.inference_mode():
    x, skips = torch.randn(1, 1, 572, 572), []
    for stage in paper.encoder:
        x, skip = stage(x)
        skips.append(skip)
    x = paper.bottleneck(x)
    print("bottom:", tuple(x.shape))
    for stage in paper.decoder:
        skip = skips.pop()
        before = skip.shape[-1]
        x = stage(x, skip)
        print(f"skip of {before} px, cropped to {x.shape[-1] + 4}; out of the stage: {tuple(x.shape)}")
    print("logits:", tuple(paper.head(x).shape))

# %% [markdown]
# ## Break it on purpose
#
# **Predict:** an image of 100 x 100 goes into a U-Net of depth 4 with padding. 100 → 50 → 25 → ? Guess what the error says.

# %% tags=["nbval-check-output"]
try:
    UNet.small()(torch.zeros(1, 1, 100, 100))
except ValueError as error:
    print(error)
print("sizes next to 100:", nearest_sizes(100), "  and at depth 2:", output_size(100, depth=2))

# %% [markdown]
# Many U-Nets crop or pad here in silence, and give you a mask of 96 x 96 for an image of 100 x 100. Ours refuses; `predict` pads the image
# and crops the answer, openly.
#
# ## Explore: your own U
#
# Which sizes does a U of depth 5 accept without padding? What does one more level cost in parameters, and what does it cost in border? Is
# there a depth at which an input of 200 pixels has no output left?

# %%
explorer = explore_unet()
explorer


# %% [markdown]
# ## Exercise 1: assemble it yourself
#
# Close the cell with `UNetByHand` (a click on the blue bar beside it) and write it from memory, for any depth. It is judged by what it does: shapes, counts, skips that
# arrive unchanged, logits without a squashing function, a gradient for every parameter.

# %%
class MyUNet(nn.Module):
    def __init__(self, in_channels, num_classes, base_channels, depth):
        super().__init__()
        ### BEGIN SOLUTION
        channels = [base_channels * 2**k for k in range(depth + 1)]
        self.encoder = nn.ModuleList()
        for k in range(depth):
            self.encoder.append(EncoderStage(in_channels if k == 0 else channels[k - 1], channels[k]))
        self.bottleneck = Bottleneck(channels[depth - 1], channels[depth])
        self.decoder = nn.ModuleList()
        for k in reversed(range(depth)):
            self.decoder.append(DecoderStage(channels[k + 1], channels[k]))
        self.head = nn.Conv2d(channels[0], num_classes, kernel_size=1)
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        skips = []
        for stage in self.encoder:
            x, skip = stage(x)
            skips.append(skip)
        x = self.bottleneck(x)
        for stage in self.decoder:
            x = stage(x, skips.pop())
        return self.head(x)
        ### END SOLUTION


check("unet", MyUNet);


# %% [markdown]
# ## Exercise 2: predict the parameter count
#
# With 1 channel in and 3 classes out, how many parameters has a U-Net of `base_channels` and `depth`? Only arithmetic, no `torch`. The 2x2
# up-convolution from *a* to *b* channels has 4·a·b weights and b biases; after concatenation a decoder block starts with twice its channels.

# %%
def my_count(base_channels, depth):
    ### BEGIN SOLUTION
    def block(a, b):  # two 3x3 convolutions with bias, each with a batch norm
        return (9 * a * b + b + 2 * b) + (9 * b * b + b + 2 * b)

    channels = [base_channels * 2**k for k in range(depth + 1)]
    total = block(1, channels[0])
    for k in range(depth):
        total += block(channels[k], channels[k + 1])  # the way down, the bottleneck last
        total += 4 * channels[k + 1] * channels[k] + channels[k]  # the 2x2 up-convolution
        total += block(2 * channels[k], channels[k])  # the decoder block, after concatenation
    return total + channels[0] * 3 + 3  # the 1x1 head
    ### END SOLUTION


check("parameter_count", my_count);

# %% [markdown]
# ## Exercise 3: is it a U-Net?
#
# Five networks, A to E. All take an image and give logits of its size, so their shapes say nothing. One is a U-Net; in one the **skips carry
# nothing**; one has **no pooling**; in one **a skip is noise**; one is **cut off below the top**: what comes up from below is lost.
#
# Networks are told apart by what they do. Four probes: the same image asked twice; how many pixels wide the patch is that one output pixel
# depends on; whether the answer changes when the upper (0) or the lower (1) skip is taken away. **First write down what each kind must give**,
# then run.

# %% tags=["nbval-check-output"]
from unet_lab.course.exercises.mystery_modules import KINDS, mystery, same_twice, sees, skip_matters

print("      same twice  sees (pixels)  skip 0 matters  skip 1 matters")
for letter in "ABCDE":
    probed = mystery(letter)
    facts = [same_twice(probed), sees(probed), skip_matters(probed, 0), skip_matters(probed, 1)]
    print(f"{letter}     {facts[0]!s:11s} {facts[1]:<14d} {facts[2]!s:15s} {facts[3]!s}")
print("kinds:", ", ".join(KINDS))

# %%
my_verdict = {"A": None, "B": None, "C": None, "D": None, "E": None}
### BEGIN SOLUTION
my_verdict = {
    "A": "a skip of noise",  # answers differently to the same image
    "B": "skips carry nothing",  # no skip matters, yet it sees far
    "C": "U-Net",
    "D": "cut off below the top",  # the lower skip does not matter, and it sees 9 pixels: four convolutions
    "E": "no pooling",  # sees 13 pixels: six convolutions, no skips
}
### END SOLUTION

check("mysteries", my_verdict);

# %% [markdown]
# ## Recap
#
# <details><summary>Why does the decoder take the last skip first?</summary>
# Because it starts at the bottom: the deepest skip has the size and the channels that the first decoder stage needs.</details>
#
# <details><summary>The width is doubled, 32 to 64. What happens to the parameters?</summary>
# About four times as many: every weight connects an input channel with an output channel, and both double.</details>
#
# <details><summary>Why 572 and not 512 in the paper?</summary>
# Without padding every pooling must meet an even size. 512 → 508 → 254 → 250 → 125 → 121: odd, at the third pooling. 572 stays even
# down to the bottom.</details>
#
# <details><summary>Where would you save memory first: at the top or at the bottom of the U?</summary>
# At the top: the largest maps are there. Parameters are saved at the bottom.</details>
#
# *Next: [06 · Losses](06_losses.ipynb)*

# %% jupyter={"source_hidden": true} tags=["nbval-check-output"]
# For the automatic tests: turn every control of this page's explorers, as a hand would.
print(explorer.drive())
