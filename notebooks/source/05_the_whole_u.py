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
# *About 50 minutes. You need: [02](02_convolution.ipynb), [03](03_contracting_path.ipynb), [04](04_expansive_path.ipynb). Back: [04 · The expansive path](04_expansive_path.ipynb). Next: [06 · Losses](06_losses.ipynb)*

# %%
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from unet_lab.blocks import Bottleneck, DecoderStage, EncoderStage
from unet_lab.course import check, keep_predictions
from unet_lab.datasets import generate_cell, standardise
from unet_lab.explorers import explore_network, explore_unet
from unet_lab.geometry import nearest_sizes, output_size, size_ledger
from unet_lab.plots import TRAINING_COLOUR, VALIDATION_COLOUR, DescribedFigure, draw_unet
from unet_lab.training import training_memory
from unet_lab.unet import UNet
from unet_lab.weights import load_pretrained

_ = torch.manual_seed(0)

# %% [markdown]
# ## Predict first
#
# Three of this page's questions, to answer before you read. Write a letter and how sure you are, from a mere guess (1 divided by the number of answers) to certain (1): `"skip_order": ("A", 0.7)`. Your first answer is kept
# (on this machine only; in the file that you may hand in with your progress), and page [08](08_evaluation.ipynb) draws how often you were right against how sure you were.

# %%
my_predictions = {"skip_order": None, "most_parameters": None, "most_memory": None}
keep_predictions("05_the_whole_u", my_predictions)

# %% [markdown]
# ## The figure
#
# This is the network of Ronneberger, Fischer and Brox (2015), drawn from its settings. Every box is a **feature map**: the larger its size in pixels, the taller;
# the more channels, the wider. (Not to scale: drawn true, the bottom would be too thin to see, so the sides grow with the square root.) On the left, the **contracting path**: what is there? On the right, the
# **expansive path**: where is it? Across, the **skips**. A skip is cropped to the map that it is laid beside: twice the size of the box below on the
# right. Check one: 28 is doubled to 56, so of 64 pixels 56 stay, and 4 go on each side.

# %%
draw_unet(size=572, depth=4, base_channels=64, padding="valid")

# %% [markdown]
# ## One step down, one step up
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
# ## The head
#
# The last layer, `head`, is a convolution with a kernel of **1 x 1**: at every pixel by itself, it makes of 8 channels 3 numbers, one per class. It does not look at
# neighbours; it is a small table of weights, applied to each pixel. By hand, for the pixel in row 5 and column 7:

# %% tags=["nbval-check-output"]
features = top[0, :, 5, 7]                                    # (8,), all that the network knows about this pixel
by_hand = head.weight[:, :, 0, 0] @ features + head.bias      # (3, 8) times (8,), and a bias per class: (3,)
print("weights", tuple(head.weight.shape), " by hand equals the head:", torch.allclose(by_hand, logits[0, :, 5, 7], atol=1e-5))

# %% [markdown]
# The three numbers are **logits**: any real numbers, of which the largest wins. To read them as probabilities you need one more step, and which one depends on the question:
#
# - **several classes, of which a pixel has exactly one:** one logit per class, and **softmax** over them: exp of each, divided by their sum. Ours: three.
# - **yes or no:** one logit is enough, and the **sigmoid**, 1 / (1 + exp(-logit)). The head is `nn.Conv2d(8, 1, kernel_size=1)`.
# - **yes or no, with two logits:** softmax over the two, as in the 2015 paper. **Predict:** can two logits say anything that one cannot?

# %% tags=["nbval-check-output"]
three = torch.tensor([2.0, 1.0, -1.0])
print("softmax of three, by hand:", torch.allclose(three.softmax(dim=0), three.exp() / three.exp().sum()))
print("and it adds up to 1:      ", torch.isclose(three.softmax(dim=0).sum(), torch.tensor(1.0)).item())
one = torch.tensor(1.5)
print("sigmoid, by hand:         ", torch.isclose(one.sigmoid(), 1 / (1 + (-one).exp())).item())
two = torch.tensor([0.7, 2.2])
alike = torch.isclose(two.softmax(dim=0)[1], (two[1] - two[0]).sigmoid()).item()
print("softmax of two is the sigmoid of their difference:", alike)
print("sigmoids of three add up to 1:", torch.isclose(three.sigmoid().sum(), torch.tensor(1.0)).item())

# %% [markdown]
# No: only the difference of the two counts. And several sigmoids do not add up to 1: they are for classes that may *overlap*, where each is a yes or no of its own.
#
# The network itself ends with the logits, without softmax or sigmoid. The losses of notebook 06 contain that step, computed so that large logits do not
# overflow, and the largest logit is also the largest probability:

# %% tags=["nbval-check-output"]
print("same class with and without softmax:", torch.equal(logits.argmax(dim=1), logits.softmax(dim=1).argmax(dim=1)))
print("a loss on logits is finite:   ", bool(F.cross_entropy(torch.tensor([[1000.0, 0.0]]), torch.tensor([1])).isfinite()))
print("the log of a softmax is finite:", bool(torch.tensor([1000.0, 0.0]).softmax(dim=0).log().isfinite().all()))

# %% [markdown]
# ## Is the skip worth anything?
#
# An easy mistake: a decoder that *has* skips, wired so that they carry nothing. Shapes do not show it. So test it: if
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
# In reverse: the last one remembered is the first one needed. That is all of it. Is it the library's `UNet`? Give both the same weights and the same image. If the names of the parameters
# fit and the outputs are equal to the last bit, they are one network.

# %% tags=["nbval-check-output"]
ours, library = UNetByHand(base_channels=16).eval(), UNet.small().eval()
print(ours.load_state_dict(library.state_dict()))
image = torch.from_numpy(standardise(generate_cell(seed=1, size=96).image))[None, None]
with torch.no_grad():
    print("equal outputs:", torch.equal(ours(image), library(image)))

# %% [markdown]
# ## Walk through it
#
# This is the same U, trained: the 16 channels at the top are the `base_channels=16` of the cell above. Every picture is what a stage puts out for this cell, four of its channels. **Find** the
# concatenation: click the last stage of the decoder, `decoder 0` at the top right, choose "after block.0", the first convolution behind the skip, and click a channel. Its input channels stand there in the order
# of what they add at the cross. **Which of them came over the skip, which from below, and does that change when you move the cross from the rim into the nucleus?**
# Then "Watch this number being computed": add it up yourself.

# %%
walk = explore_network(load_pretrained("small"), generate_cell(seed=4, size=192))
walk

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
# At the bottom. Each level down has twice the channels, so four times the weights: the bottleneck and its two neighbours, `encoder 3` and `decoder 3`, hold most of the network.
#
# ## Count the work and the memory
#
# Every weight of a convolution is used once per output pixel. So a 3x3 convolution from *a* to *b* channels on H x W pixels costs 9·a·b·H·W
# **multiply-adds**, and its feature map takes b·H·W numbers of 4 bytes. Going down a level, the pixels are quartered while the
# weights are multiplied by four. **Predict:** which level has the most work? Which the most memory?

# %% tags=["nbval-check-output"]
def block_work(a, b, size):
    return 9 * (a * b + b * b) * size**2


size, width = 512, 64
levels = [f"level {k}" for k in range(4)] + ["bottleneck"]
inputs = [1, 64, 128, 256, 512]
work = [block_work(inputs[k], width * 2**k, size // 2**k) for k in range(5)]
work = [w + (block_work(2 * width * 2**k, width * 2**k, size // 2**k) if k < 4 else 0) for k, w in enumerate(work)]
memory = [(2 if k < 4 else 1) * 4 * width * 2**k * (size // 2**k) ** 2 / 2**20 for k in range(5)]
for name, w, m in zip(levels, work, memory, strict=True):
    print(f"{name:10s} {w / 1e9:5.1f} billion multiply-adds, {m:4.0f} MiB of skip and decoder maps")

# %%
words = "Work and memory per level: work is alike at four levels and less at the bottleneck; memory halves at each level."
figure = DescribedFigure(10, 3, words)
for axes, values, label, colour in zip(
    figure.subplots(1, 2), ([w / 1e9 for w in work], memory), ("billion multiply-adds", "MiB of skip and decoder maps"),
    (TRAINING_COLOUR, VALIDATION_COLOUR), strict=True,
):
    axes.bar(levels, values, color=colour)
    axes.set(ylabel=label, title=f"3x3 blocks at {size} x {size}")
figure

# %% [markdown]
# The work is spread evenly over the levels (the bottleneck has no decoder, so a third of it), the memory sits at the top. Twice the side of the image is four times the pixels, and
# four times the maps; one more level adds little.
#
# ## Training needs more
#
# To predict, a map can be forgotten as soon as no later layer needs it. To train, PyTorch keeps what *every* layer was given, because the gradients are computed from it on the way back, the **backward pass**;
# and for each weight there is a gradient, and two running means of the optimiser Adam (07). **Predict:** for one image of 512 x 512 and the report's network, which is the largest part?

# %% tags=["nbval-check-output"]
needed = training_memory(report, (512, 512), batch_size=1)
for what, number in [
    ("weights", needed.weights), ("gradients and Adam's means", needed.optimizer), ("kept for the way back", needed.activations),
    ("gradients on the way back", needed.passing), ("the batch, a copy of the weights", needed.copies), ("all", needed.total),
]:
    print(f"{what:34s} {number / 2**20:6.0f} MiB")
for batch_size in (2, 4):
    total = training_memory(report, (512, 512), batch_size).total
    what = f"all, with a batch of {batch_size}"
    print(f"{what:34s} {total / 2**20:6.0f} MiB")

# %% [markdown]
# What is kept for the way back: it grows with the pixels and with the batch, while the part of the weights stays. If training runs out of memory, take a smaller batch or smaller
# crops first. (`training_memory` adds up what the layers keep, without running them.)
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
# A U-Net that crops its skips to fit, in silence, gives you a mask of 96 x 96 for an image of 100 x 100 (6 doubled four times). Ours refuses; `predict` pads the image
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
# ## Exercise 1: the head
#
# Write the head and what comes after it, in NumPy: of the features (channels, H, W), the probability of each class at each pixel, (classes, H, W). With several classes use the softmax over them;
# with **one**, the sigmoid. `weights` are (classes, channels), `bias` is (classes,). By hand: one pixel with the features (1, 2), the weights ((1, 0), (0, 1)) and no bias has the logits
# 1 and 2, and the probabilities 0.27 and 0.73. Features, weights and bias may be floats or whole numbers. Logits of a thousand must not overflow: softmax stays the same if you take the largest logit *of a pixel* off all of its logits.

# %%
def my_head(features, weights, bias):
    """Arrays (channels, H, W), (classes, channels), (classes,). Returns the probabilities (classes, H, W)."""
    ### BEGIN SOLUTION
    logits = np.tensordot(weights, features, axes=1) + bias[:, None, None]  # (classes, H, W)
    if len(logits) == 1:
        small = np.exp(-abs(logits))  # never overflows
        return np.where(logits >= 0, 1 / (1 + small), small / (1 + small))
    powers = np.exp(logits - logits.max(axis=0))
    return powers / powers.sum(axis=0)
    ### END SOLUTION


one_pixel = np.array([[[1.0]], [[2.0]]])  # the pixel from above: two channels, height 1, width 1
print(my_head(one_pixel, weights=np.eye(2), bias=np.zeros(2)))
check("head", my_head);


# %% [markdown]
# ## Exercise 2: assemble it yourself
#
# Close the cell with `UNetByHand` (a click on the blue bar beside it) and write it from memory, for any depth. It is judged by what it does: shapes, counts, skips that
# arrive unchanged, logits without a squashing function (also with one class, whose logits are (N, 1, H, W), and also in `eval()`), a gradient for every parameter.

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
# ## Exercise 3: predict the parameter count
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
# ## Exercise 4: is it a U-Net?
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
# ## A case from the clinic
#
# The loss falls at first and then stays well above 0, however long the training goes on, even for four images that should be learnt by heart. All outputs of the network lie between 0 and 1. **What is wrong?**
#
# <details><summary>Cause and cure</summary>
# The network ends in a softmax, and cross entropy has another one inside. The second one gets numbers between 0 and 1 only, so no class can ever become certain, and the gradients are small. Return the logits of the head. Notebook <a href="14_when_it_fails.ipynb">14</a> has ten such cases, with switches.</details>

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
print(walk.drive())
print(explorer.drive())
