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
# # 12 · Large images
#
# **The question:** how does one segment an image that does not fit into memory, and where do seams come from?
#
# Afterwards you can cut an image into tiles, choose their overlap from the receptive field so that no seam is left, say what blending can and cannot
# do, count cells that lie across a cut, and segment a file of any size on a laptop.
#
# *You need [03](03_contracting_path.ipynb) (receptive field) and [01](01_the_images.ipynb) (standardising).*
#
# *About 45 minutes. Back: [11 · Variations](11_variations.ipynb). Next: [13 · Fast and small](13_fast_and_small.ipynb)*

# %%
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import psutil
import torch
from tqdm.auto import tqdm

from unet_lab.course import check
from unet_lab.datasets import SegmentationDataset, generate_sheet, iterate_pages, standardise, write_pages
from unet_lab.explorers import explore_tiling
from unet_lab.geometry import sees_everything, unet_receptive_field
from unet_lab.inference import BLENDS, plan_tiles, predict, predict_logits, predict_pages, tiles
from unet_lab.inspection import feature_map_bytes
from unet_lab.metrics import confusion_matrix, scores
from unet_lab.objects import label_objects
from unet_lab.plots import DescribedFigure, bare, show_image, show_mask
from unet_lab.training import train
from unet_lab.unet import UNet

_ = torch.manual_seed(0)

# %% [markdown]
# ## Why not all at once?
#
# A U-Net takes any size that can be halved often enough. What it needs is room: all feature maps of the image, as numbers of 4 bytes. **Predict** which of
# these images the report's network can segment on a laptop with 16 GB: 1024, 4096 or 16,384 pixels wide?

# %% tags=["nbval-check-output"]
for side in (256, 1024, 4096, 16_384):
    needed = feature_map_bytes(side, depth=4, base_channels=64, padding="same")
    print(f"{side:6,d} x {side:6,d}: feature maps of {needed / 1e9:8.1f} GB")

# %% [markdown]
# Of the three only the smallest is sure to fit. (In prediction not all maps are kept at once, so that 4096 may just pass; 16,384 does not, and electron microscopes deliver such images.)
#
# Twice the side, four times the memory: there is always an image that is too large. So we cut. First a network to work with, smaller than usual so that
# we can try many things, and a sheet of 25 cells:

# %%
sheet = generate_sheet(first_seed=0, rows=5, columns=5)
model = UNet(base_channels=8, depth=3)
cells = SegmentationDataset.generated(96, size=64, first_seed=1000, difficulty=0.25)
for _ in tqdm(train(model, cells, epochs=10, learning_rate=0.01), total=10, unit="epoch"):
    pass
model.cpu()                                                      # where there is a GPU, it trained there
whole = predict_logits(model, sheet.image)                       # (3, H, W): the whole sheet at once, while it still fits
print(f"sheet of {sheet.image.shape}; macro IoU {scores(confusion_matrix(sheet.mask, whole.argmax(0)), average='macro').iou:.3f}")

# %% [markdown]
# ## Scissors
#
# The obvious way: cut squares of 96 pixels, segment each, put the masks side by side. **Predict** where the result will be wrong.

# %%
SIDE = 96
naive = np.zeros(sheet.image.shape, np.uint8)
for top in range(0, sheet.image.shape[0], SIDE):
    for left in range(0, sheet.image.shape[1], SIDE):
        there = slice(top, top + SIDE), slice(left, left + SIDE)
        naive[there] = predict(model, sheet.image[there])

at_once = whole.argmax(0).numpy()
figure = DescribedFigure(9.8, 3.5, "The sheet; its mask at once; its mask out of tiles; pixels in which the two masks differ.")
axes = figure.subplots(1, 4)
show_image(axes[0], sheet.image, "sheet")
show_mask(axes[1], at_once, "all at once")
show_mask(axes[2], naive, "tiles, side by side")
bare(axes[3])
axes[3].imshow(naive != at_once, cmap="gray_r")
axes[3].set_title("where they differ", fontsize=10)
for place in range(SIDE, sheet.image.shape[0], SIDE):
    axes[3].axhline(place, color="#E69F00", linewidth=0.8)
    axes[3].axvline(place, color="#E69F00", linewidth=0.8)
figure


# %% [markdown]
# Two faults at once: differences near the cuts, and differences far from any cut. The second kind first: `predict` standardises what it is given, here
# **each tile by itself**. A tile with much cell has another mean than one with little. `tiles` from the library measures mean and standard deviation of the whole image
# once, and hands you the logits tile by tile. How many pixels differ now, near the cuts and far from them?

# %% tags=["nbval-check-output"]
def by_tiles(tile, overlap, blend):
    """Logits of the sheet (3, H, W), put together out of tiles."""
    logits = torch.empty_like(whole)
    for rows, columns, part in tiles(model, sheet.image, tile, overlap, blend, progress=False):
        logits[:, rows, columns] = part
    return logits


rows, columns = np.indices(sheet.image.shape)
from_cut = np.minimum(*(np.minimum(p % SIDE, SIDE - 1 - p % SIDE) for p in (rows, columns)))     # pixels to the nearest cut
one_scale = by_tiles(SIDE, 0, "none").argmax(0).numpy()
for name, mask in (("each tile standardised by itself", naive), ("the sheet's mean and std", one_scale)):
    apart = mask != at_once
    print(f"{name:33s} differs in more than 1 % of the pixels far from cuts: {apart[from_cut > 24].mean() > 0.01}")

# %%
for name, mask in (("each tile standardised by itself", naive), ("the sheet's mean and std", one_scale)):
    apart = mask != at_once
    close, far = apart[from_cut < 8].mean(), apart[from_cut > 24].mean()
    print(f"{name:33s} {close:6.2%} differ within 8 px of a cut, {far:6.2%} beyond 24 px")

# %% [markdown]
# First rule: **one mean and one standard deviation for the whole image**. What is left sits at the cuts: there the network looks beyond the tile, and sees zeros (padding)
# where the neighbour's pixels are.
#
# ## How far in does the damage reach?
#
# Take one window out of the middle of the sheet, and compare its logits with the same pixels of the whole: the largest difference at each distance from the
# window's edge. **Predict:** does it fade slowly to nothing, or end at a certain distance? Does it matter where the window starts?

# %%
standard = torch.from_numpy(standardise(sheet.image))


@torch.inference_mode()
def edge_damage(start, side=160):
    """Largest difference of logits at distance 0, 1, 2, … from the edge of a window that starts at (start, start)."""
    there = slice(start, start + side), slice(start, start + side)
    apart = (model.eval()(standard[there][None, None])[0] - whole[:, *there]).abs().amax(dim=0).numpy()     # (side, side)
    place = np.arange(side)
    inwards = np.minimum(place, side - 1 - place)
    distance = np.minimum(inwards[:, None], inwards)
    return [apart[distance == d].max() for d in range(side // 2)]


damage = {start: edge_damage(start) for start in (64, 68, 65)}
figure = DescribedFigure(9.8, 3.4, "Largest difference of logits against the distance from the window's edge, for three windows.")
axes = figure.subplots()
for (start, values), colour in zip(damage.items(), ("#0072B2", "#E69F00", "#999999"), strict=True):
    axes.semilogy(np.maximum(values, 1e-7), color=colour, label=f"window starts at {start} = 8 · {start // 8} + {start % 8}")
axes.axvline(48, color="black", linewidth=0.8, linestyle=":")
axes.set(xlabel="distance from the window's edge (pixels)", ylabel="largest difference of logits", ylim=(5e-8, 20))
axes.legend(frameon=False)
figure

# %% tags=["nbval-check-output"]
on_grid = damage[64]
print("on the grid: below 1e-4 from pixel 48 on:", bool(max(on_grid[48:]) < 1e-4))
print("             at pixel 40 still above:", bool(on_grid[40] > 1e-4))
print("off the grid: above 1e-3 everywhere:", [bool(min(damage[start]) > 1e-3) for start in (68, 65)])

# %% [markdown]
# It ends, and it does matter where the window starts. Two more rules, both exact:
#
# - **The damage ends.** Beyond 48 pixels there is none, not little: the network *cannot see* farther. (Depth 3; at depth 4 it is 96.)
# - **Only on the grid.** Three poolings halve the image in blocks of 2³ = 8 pixels. A window that starts at 68 pools other neighbours together than the whole does, and
#   no margin repairs that. Start tiles at multiples of 8. (In [09](09_looking_inside.ipynb) the same grid made the shift explorer jump.)
#
# The 48 comes from the receptive field ([03](03_contracting_path.ipynb)). A cell has the places 0 to 7; how far does each look?

# %% tags=["nbval-check-output"]
for place in (0, 3, 7):
    first, last = unet_receptive_field(place, depth=3)
    print(f"place {place}: from {first:4d} to {last:3d}: {place - first} pixels to the left, {last - place} to the right")

# %% [markdown]
# A tile begins with a place 0 and ends with a place 7: 46 pixels to either side, and the next multiple of 8 is 48. So neighbouring tiles must overlap by 2 · 48 = 96:
# each gives up its outer 48, and they meet in the middle. (That is **crop**; the 2015 paper's *overlap-tile strategy* is the same thought for a network that
# crops by itself.) At the sheet's own border nothing is given up: there the whole image, too, sees zeros.

# %% tags=["nbval-check-output"]
for overlap in (0, 32, 64, 96, 112):
    apart = (by_tiles(160, overlap, "crop") - whole).abs().max()
    print(f"overlap {overlap:3d}: {'no difference (below 1e-4)' if apart < 1e-4 else 'seams'}")

# %% [markdown]
# ## Explore
#
# Where do seams sit, and how does the price grow? Find the smallest overlap without any difference. Does it depend on the tile? (The menu *blend* is explained in the next
# section: leave it at crop first.)

# %%
explorer = explore_tiling(model, sheet.image)
explorer

# %% [markdown]
# ## Blending: hiding a seam, or having none
#
# Where tiles overlap, several of them know a pixel. Who decides? Three answers are in use:
#
# - **none**: the tile that comes last;
# - **crop**: the tile in which the pixel lies farther from the border;
# - **gaussian**: all of them; the logits are averaged, weighted with a Gaussian around each tile's middle.
#
# **Predict:** with an overlap of 96, which of the three equals the whole image exactly? And with *too little* overlap, 32 or 64, which leaves fewest wrong pixels: does the smooth mean help?

# %%
wrong = {}
print("pixels of another class than in the whole image (largest difference of logits)")
print("overlap  " + "".join(f"{blend:>20s}" for blend in BLENDS))
for overlap in (32, 64, 80, 96, 112):
    row = ""
    for blend in BLENDS:
        logits = by_tiles(160, overlap, blend)
        wrong[overlap, blend] = int((logits.argmax(0) != whole.argmax(0)).sum())
        row += f"{wrong[overlap, blend]:10d} ({(logits - whole).abs().max():7.0e})"
    print(f"{overlap:7d}  {row}")

# %% tags=["nbval-check-output"]
print("crop, from overlap 96 on: wrong pixels", [wrong[overlap, "crop"] for overlap in (96, 112)])
fewest = [min(BLENDS, key=lambda blend: wrong[overlap, blend]) for overlap in (32, 64, 80, 96, 112)]
print("fewest wrong pixels, from the smallest overlap to the largest:", fewest)

# %% [markdown]
# Crop, at every overlap. The Gaussian mean uses pixels that were computed next to zeros; it gives them little weight, not none. So it makes a seam smooth, which looks good, and is another
# answer than the whole image's, even where crop has none. Is that this network's whim? Two more networks, trained from other seeds:

# %%
crop_wins = []
for seed in (1, 2):
    torch.manual_seed(seed)
    another = UNet(base_channels=8, depth=3)
    for _ in tqdm(train(another, cells, epochs=10, learning_rate=0.01, seed=seed), total=10, unit="epoch", leave=False):
        pass
    another.cpu()
    target = predict_logits(another, sheet.image).argmax(0)
    for overlap in (32, 64, 80):
        count = {}
        for blend in ("crop", "gaussian"):
            parts = tiles(another, sheet.image, 160, overlap, blend, progress=False)
            count[blend] = sum(int((part.argmax(0) != target[rows, columns]).sum()) for rows, columns, part in parts)
        crop_wins.append(count["crop"] <= count["gaussian"])
        print(f"seed {seed}, overlap {overlap}: wrong pixels {count['crop']:3d} (crop), {count['gaussian']:3d} (gaussian)")
print("crop leaves no more than the Gaussian mean:", sum(crop_wins), "of", len(crop_wins), "times")

# %% [markdown]
# Some networks no overlap can help: those that see everything they are shown. **Predict** which of these normalisations can be tiled without seams:

# %% tags=["nbval-check-output"]
for norm in ("batch", "instance", "group", "layer", None):
    torch.manual_seed(0)
    network = UNet(base_channels=8, depth=3, norm=norm)
    truth = predict_logits(network, sheet.image)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")      # it would say what this cell shows
        parts = [(truth[:, r, c] - logits).abs().max() for r, c, logits in tiles(network, sheet.image, 160, progress=False)]
    print(f"{norm!s:9s} sees all it is shown: {sees_everything(network)!s:6s} seamless: {bool(max(parts) < 1e-4)}")

# %% [markdown]
# All but the three in the middle. Batch norm, once trained, multiplies and adds with stored numbers. Instance, group and layer norm measure mean and variance of *what they are shown*, in every layer, each
# time: a tile has other ones than the whole. No overlap helps. That is the first fault of this page, inside the network.
#
# ## Cells across a cut
#
# A seamless *mask* is not yet a count of cells. The sheet has 25 cells, and a cut goes through many. **Predict:** count the cells in each of nine squares of 96 pixels and add up. More than 25, or fewer?

# %% tags=["nbval-check-output"]
cells_of_mask = (at_once > 0).astype(np.uint8)
together = label_objects(cells_of_mask, min_area=50)
squares = [together[top : top + SIDE, left : left + SIDE] for top in range(0, 288, SIDE) for left in range(0, 288, SIDE)]
by_square = sum(len(np.unique(square[square > 0])) for square in squares)
print("added up over the squares, more than in the whole mask:", by_square > together.max())

middles = np.array([np.argwhere(together == number).mean(axis=0) for number in range(1, together.max() + 1)])
owner = (middles // SIDE).astype(int)
by_middle = sum(int((owner == square).all(axis=1).sum()) for square in np.ndindex(3, 3))
print("each cell counted where its middle lies, as many as in the whole mask:", by_middle == together.max())

# %%
print(f"whole mask {together.max()}; added up over the squares {by_square}; by their middles {by_middle}")

# %% [markdown]
# (The sheet has 25 cells. Where the whole mask has one more or less, the network split or merged some: its error, not the cut's.) A cell on a cut is counted in two squares, at a crossing in up to four. So put the mask together first and number the objects then; or, where the mask is too large for that, count each object where its middle
# lies, which needs an overlap as wide as a cell, so that one of the tiles holds all of it. (Objects: [17](17_from_masks_to_measurements.ipynb).)
#
# ## A file larger than memory
#
# `predict_tiled` reads a tile, segments it, writes it, and forgets it. Image and mask may lie on disk (`numpy.memmap`). Here 14 x 14 copies of the sheet:

# %%
folder = tempfile.TemporaryDirectory()
side = 14 * sheet.image.shape[0]
large = np.memmap(Path(folder.name) / "large.raw", np.uint8, "w+", shape=(side, side))
for row in range(14):
    large[row * 288 : (row + 1) * 288] = np.tile(sheet.image, 14)

mask = np.lib.format.open_memmap(Path(folder.name) / "mask.npy", "w+", np.uint8, large.shape)
process, before, most = psutil.Process(), psutil.Process().memory_info().rss, 0
began = time.perf_counter()
for rows, columns, logits in tiles(model, large, tile=512):
    mask[rows, columns] = logits.argmax(0)
    most = max(most, process.memory_info().rss)
seconds = time.perf_counter() - began
at_once_needs = feature_map_bytes(side, depth=3, base_channels=8, padding="same")
print(f"{side:,} x {side:,} pixels in {seconds:.1f} s: {side**2 / 1e6 / seconds:.1f} megapixels a second")
print(f"memory grew by {(most - before) / 1e6:.0f} MB; the feature maps of the whole are {at_once_needs / 1e9:.1f} GB")

# %% [markdown]
# The loop stands here to be seen; `predict_tiled(model, large, tile=512, out=mask)` is the same, with a progress bar. Stop it, and what is done is in the file. A TIFF with many
# pages goes page by page, from file to file:

# %% tags=["nbval-check-output"]
stack = Path(folder.name) / "stack.tif"
write_pages(stack, (generate_sheet(seed, rows=2, columns=3).image for seed in (100, 200, 300)))
count = write_pages(Path(folder.name) / "masks.tif", predict_pages(model, stack))
pages = list(iterate_pages(Path(folder.name) / "masks.tif"))
print(f"{count} pages of {pages[0].shape}; labels {sorted({int(v) for page in pages for v in np.unique(page)})}")

# %%
del large, mask
folder.cleanup()

# %% [markdown]
# ## The price
#
# Margins are computed and thrown away. Larger tiles are cheaper and need more memory:

# %% tags=["nbval-check-output"]
print(f"tiles of 160, overlap 96: {160**2 / (160 - 96) ** 2:.2f} times the work")
print(" tile   work   feature maps of a tile (report's network, depth 4, overlap 192)")
for tile in (256, 512, 1024, 2048):
    plan = plan_tiles(UNet.report(), (16_384, 16_384), tile)
    work = len(plan.rows) * len(plan.columns) * tile**2 / 16_384**2
    print(f"{tile:5d}  {work:4.1f}x  {feature_map_bytes(tile, 4, 64, 'same') / 1e9:6.2f} GB")


# %% [markdown]
# ## Exercise 1: write the tiler
#
# Along one axis: where do tiles start? The first at 0. From each to the next as far as possible, while neighbours overlap by at least `overlap` and every start is a multiple of
# `cell`. The last one is moved back, so that it ends where the image ends. `length` and `tile` are multiples of `cell`, and `tile` is `length` at most; `overlap` may be 0.

# %%
def my_starts(length, tile, overlap, cell):
    """Starts of tiles along one axis, in pixels. my_starts(104, 32, 16, 8) is [0, 16, 32, 48, 64, 72]."""
    ### BEGIN SOLUTION
    if tile >= length:
        return [0]
    step = (tile - overlap) // cell * cell
    return [*range(0, length - tile, step), length - tile]
    ### END SOLUTION


check("tile_starts", my_starts);


# %% [markdown]
# ## Exercise 2: the overlap, from the receptive field
#
# For any depth (it is tried with 1 to 5): the smallest overlap without a seam, when tiles and cuts lie on the grid. Use `unet_receptive_field(place, depth)`.

# %%
def my_overlap(depth):
    """Overlap of neighbouring tiles in pixels; my_overlap(3) is 96."""
    ### BEGIN SOLUTION
    cell = 2**depth
    left = -unet_receptive_field(0, depth)[0]
    right = unet_receptive_field(cell - 1, depth)[1] - (cell - 1)
    margin = max(left, right)
    margin = -(-margin // cell) * cell  # up to a multiple of the cell
    return 2 * margin
    ### END SOLUTION


check("seamless_overlap", my_overlap);

# %% [markdown]
# ## A case from the clinic
#
# A large image is segmented in tiles. Whole tiles are wrong, those without a cell above all: there the network finds cells in the noise. Overlap and blending change nothing. **What is wrong?**
#
# <details><summary>Cause and cure</summary>
# Each tile was standardised by its own mean and standard deviation. In a tile without a cell the noise is all there is, and it is stretched until it looks like one. Standardise the whole image once, then cut it into tiles. Notebook <a href="14_when_it_fails.ipynb">14</a> has ten such cases, with switches.</details>

# %% [markdown]
# ## Recap
#
# <details><summary>Your tiled mask has a grid of faint lines. What do you look at first?</summary>
# The overlap: is it twice the margin? Then where the tiles start: multiples of 2^depth? Then the normalisation.</details>
#
# <details><summary>Whole tiles are off, in flat parts of the image above all. Why?</summary>
# Each tile was standardised by itself: in a flat tile noise is stretched to a standard deviation of 1. Use the whole image's mean and standard deviation.</details>
#
# <details><summary>A colleague's network has instance norm. What do you tell her about tiling?</summary>
# That no overlap makes the tiles agree with the whole. Take tiles as large as the images in training, and score what comes out, tiled.</details>
#
# <details><summary>You have too little memory for the full overlap. Crop or Gaussian?</summary>
# Compare both with a whole image that still fits. On this page crop left fewer wrong pixels at every overlap.</details>
#
# <details><summary>Nine tiles together hold 50 cells, the whole mask 26. Who is right?</summary>
# The whole mask: a cell on a cut was counted in every tile that it reaches into.</details>
#
# <details><summary>Why does doubling the tile not double the speed?</summary>
# Only the share of thrown-away margins shrinks: see the column "work" above.</details>
#
# *Next: [13 · Fast and small](13_fast_and_small.ipynb)*

# %% jupyter={"source_hidden": true} tags=["nbval-check-output"]
# For the automatic tests: turn every control of this page's explorers, as a hand would.
print(explorer.drive())
