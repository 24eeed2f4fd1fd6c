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
# # 17 · From masks to measurements
#
# **The question:** how do you get from a mask to cells, and from cells to numbers that can be trusted?
#
# Afterwards you can number the cells of a mask, separate those that touch, measure them in micrometres, score cells instead of pixels, and say which
# number a bias in the masks distorts.
#
# *About 50 minutes. You need: masks ([01](01_the_images.ipynb)), border weights ([06](06_losses.ipynb)), IoU and F1 ([08](08_evaluation.ipynb)).
# Back: [16 · More than one machine](16_more_than_one_machine.ipynb). All notebooks: [00 · Start here](00_start_here.ipynb)*

# %%
from itertools import combinations

import numpy as np
import pandas as pd
import torch
from scipy.ndimage import distance_transform_edt
from scipy.stats import ttest_ind
from tqdm.auto import tqdm

from unet_lab import plots
from unet_lab.course import check
from unet_lab.datasets import SegmentationDataset, generate_field
from unet_lab.datasets.spoiling import change_mask
from unet_lab.explorers import explore_touching
from unet_lab.inference import predict, predict_logits
from unet_lab.losses import border_weights
from unet_lab.objects import area_bias, label_objects, match_objects, measure, object_scores, separate, touching_borders
from unet_lab.training import train
from unet_lab.training.touching import load_separations, separation_table
from unet_lab.unet import UNet

_ = torch.manual_seed(0)

# %% [markdown]
# ## How many cells?
#
# At a lower magnification many cells lie in one frame, and many touch. The generator draws such fields, and knows the **instances**: every cell has a number of its own. A mask
# does not know them. To a computer, a cell of a mask is a **connected component**: pixels that can be reached from one another without leaving the mask.
# **Predict:** the field below has 40 cells. How many connected components has its mask?

# %%
field = generate_field(seed=20, size=256, cells=40)
cells = field.cells.astype(int)
figure, panels = plots.panel_row((1, 1, 1), 3.5, "A field of 40 cells: image, mask, and instances in colours.", gap=0.06)
plots.show_image(panels[0], field.image, "image")
plots.show_mask(panels[1], field.mask, "mask: three classes")
plots.show_objects(panels[2], field.image, cells, "instances: 40 cells")
figure

# %% tags=["nbval-check-output"]
print("cells:", cells.max(), "  connected components:", label_objects(field.mask).max())
corner = np.array([[1, 0], [0, 1]])
four, eight = (label_objects(corner, connectivity=n).max() for n in (4, 8))
print("two pixels that share a corner:", four, "objects, or", eight, "with connectivity=8")

# %% [markdown]
# A perfect mask, and a count that is wrong by a factor of three. Wherever two cells touch, they are one component, and so are a third that touches the second, and a fourth.
#
# ## A network's mask
#
# Networks are asked for masks. Here are 24 fields to learn from. `train` is the loop of [07](07_training.ipynb); later on it gets a weight for each pixel, too.

# %%
fields = [generate_field(seed, size=128, cells=14) for seed in range(1000, 1024)]


def learn(targets, weights=None, num_classes=3):
    """Train a small U-Net on the fields; targets: class indices, weights: how much a pixel counts, one array for each field."""
    pairs = SegmentationDataset([(f.image, t) for f, t in zip(fields, targets, strict=True)], num_classes)
    if weights is not None:
        pairs = pairs.with_weights(weights)
    torch.manual_seed(0)
    model = UNet(base_channels=8, depth=3, num_classes=num_classes)
    for _ in tqdm(train(model, pairs, epochs=12, batch_size=4, learning_rate=0.01), total=12, unit="epoch"):
        pass
    return model.cpu()  # where there is a GPU, it trained there


plain = learn([f.mask for f in fields])

# %% [markdown]
# Six new fields of 50 cells. **Predict**, from a pixel IoU of about 0.98: which share of the cells is found?

# %%
unseen = [generate_field(seed, size=256, cells=50) for seed in range(6)]
truths = [f.cells.astype(int) for f in unseen]


def pixel_iou(masks):
    """IoU of all that is not background, over all fields."""
    seen, true = np.stack(masks) > 0, np.stack(truths) > 0
    return (seen & true).sum() / (seen | true).sum()


def show_scores(name, masks, found):
    s = object_scores(truths, found)
    print(f"{name:34s} pixels' IoU {pixel_iou(masks):.3f}   objects: {s.predicted_objects:3d} for {s.true_objects}, "
          f"F1 {s.f1:.2f}, {s.merges:2d} merges, {s.splits} splits")


masks = [predict(plain, f.image) for f in unseen]
labelled = [label_objects(mask, min_area=30) for mask in masks]
show_scores("the network's mask, labelled", masks, labelled)

# %% tags=["nbval-check-output"]
print("pixels' IoU above 0.95:", pixel_iou(masks) > 0.95)
print("objects' F1 below 0.4: ", object_scores(truths, labelled).f1 < 0.4)

# %% [markdown]
# This is why cells are scored as **objects**: a true and a predicted cell *match* if their IoU is at least 0.5; precision, recall and F1 follow, as in [08](08_evaluation.ipynb), with cells
# in place of pixels. `match_objects` gives the pairs: number in the truth, number in the prediction, IoU. A **merge** is a predicted object that holds two cells or more, a **split** a cell in two pieces or more. In exercise 1 you will write it.

# %%
pairs = match_objects(truths[0], labelled[0])
for true_number, number, iou in pairs[:3]:
    print(f"cell {true_number:2d} of the first field is object {number:2d} of the prediction, IoU {iou:.2f}")
print(f"{len(pairs)} of {truths[0].max()} cells have a partner")

# %% [markdown]
# ## Cut at the waist
#
# Two discs that touch have a waist. The distance to the outline is large in the middle of each and small at the waist. Turn it upside down, and it is a landscape with
# two valleys: let water rise from the bottom of each, and where the waters meet, there is the border. That is the **watershed**. In one row:

# %% tags=["nbval-check-output"]
from unet_lab.objects import flood_from_seeds

row = np.array([0, 1, 2, 3, 3, 2, 1, 2, 3, 2, 1, 0])  # distances to the outline: two bulges, and a waist of 1
seeds = np.array([0, 0, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0])  # the bottom of each valley
print("distances", row)
print("seeds    ", seeds)
print("flooded  ", flood_from_seeds(-row[None], seeds[None], row[None] > 0)[0])

# %% [markdown]
# The water that comes first gets the waist: here the left one. `flood_from_seeds` is 20 lines; look at them with `flood_from_seeds??`. What is left to choose are the seeds. `depth` says by how many pixels a waist must be lower than both bulges. **Predict** for a small and for a large `depth`: more merges, or more splits?

# %%
show_scores("labelled", masks, labelled)
for depth in (0.25, 1, 3, 6):
    show_scores(f"watershed, depth {depth}", masks, [separate(mask, depth=depth, min_area=30) for mask in masks])

# %%
mask, distance = masks[0], distance_transform_edt(masks[0] > 0)
figure, panels = plots.panel_row((1, 1, 1), 3.5, "Distances to the outline; cells at two depths.", gap=0.06, bar=True)
plots.draw_bar(figure, panels[2], plots.draw_map(panels[2], distance, "distance to the outline"), "pixels")
for panel, depth in zip(panels, (0.25, 1), strict=False):
    found = separate(mask, depth=depth, min_area=30)
    plots.show_objects(panel, unseen[0].image, found, f"depth {depth}: {found.max()} for 50")
figure

# %% [markdown]
# It helps a lot, and knows shapes only: cells that are pressed flat have no waist, a cell with a dent has one. The image shows a dark line between two cells. The network could see it,
# if it were told to.
#
# ## Tell the network: 2015
#
# Ronneberger et al. made the border part of the lesson. Two steps: pixels of a contact become **background** in the target, so that a thin gap is left between the cells; and
# since these are few, they get large **weights** in the loss (equation 2 of the paper; you met it in [06](06_losses.ipynb)). Here is what the network is told:

# %%
def gap(f):
    """The target: contacts become background. And the weights, made for the cells that are left."""
    contact = touching_borders(f.cells, width=1)  # within one pixel of two cells
    target = np.where(contact, 0, f.mask)
    weights = border_weights(np.where(contact, 0, f.cells.astype(int)), w0=10, sigma=5)
    return target, weights


target, weights = gap(fields[1])
figure, panels = plots.panel_row((1, 1, 1), 3.5, "A field to learn from: image, target with gaps, weights.", gap=0.06, bar=True)
plots.show_image(panels[0], fields[1].image, "image")
plots.show_mask(panels[1], target, "target: a gap at every contact")
plots.draw_bar(figure, panels[2], plots.draw_map(panels[2], weights, "weights", signed=False), "weight in the loss")
figure

# %% tags=["nbval-check-output"]
gaps = [gap(f) for f in fields]
contacts = np.mean([touching_borders(f.cells, 1).mean() for f in fields])
share = np.mean([w[touching_borders(f.cells, 1)].sum() / w.sum() for f, (_, w) in zip(fields, gaps, strict=True)])
print(f"contacts are {contacts:.1%} of the pixels; with weights they make {share:.0%} of the sum")

# %% [markdown]
# **Predict**, for the same 72 steps: how many of the 300 cells are found as objects of their own, when the targets have gaps and all weights are 1? And with border weights? Only labelled, no
# watershed. And what do gaps do to the areas?

# %%
without = learn([target for target, _ in gaps])
with_weights = learn([target for target, _ in gaps], [weights for _, weights in gaps])
answers = {}
for name, model in (("gaps, all weights 1", without), ("gaps, border weights", with_weights)):
    gap_masks = [predict(model, f.image) for f in unseen]
    answers[name] = [label_objects(m, min_area=30) for m in gap_masks]
    show_scores(name, gap_masks, answers[name])
    print(f"{'':34s} area of the cells that were found: {area_bias(truths, answers[name]):+.0%}")

# %% tags=["nbval-check-output"]
f1 = {name: object_scores(truths, found).f1 for name, found in answers.items()}
print("border weights find more than twice as many:", f1["gaps, border weights"] > 2 * f1["gaps, all weights 1"])
print("and make the cells too small by 5 % or more:", area_bias(truths, answers["gaps, border weights"]) < -0.05)

# %% [markdown]
# The count is nearly right now, and the areas have become wrong: where a cell meets the background, a mistake on the background's side costs up to ten times as much, so the cells come out too small. So take from each network what it does
# well. The gaps leave a waist at every contact that they did not cut through: the watershed cuts the rest. What it finds are the **seeds**; the plain mask says how far each of them goes.

# %%
def find_cells(image):
    """Seeds from the network that was taught gaps, cut at waists, then flooded over the mask of the plain one."""
    seeds = separate(predict(with_weights, image), min_area=30)
    return separate(predict(plain, image), seeds=seeds, min_area=30)


together = [find_cells(f.image) for f in unseen]
show_scores("seeds and mask together", masks, together)
print(f"{'':34s} area of the cells that were found: {area_bias(truths, together):+.1%}")

# %% tags=["nbval-check-output"]
print("objects' F1 above 0.95:", object_scores(truths, together).f1 > 0.95)
print("areas within 3 %:", abs(area_bias(truths, together)) < 0.03)

# %% [markdown]
# ## A border class
#
# The other way: contacts become a **class of their own**, beside background, body and nucleus, as the winners of the Data Science Bowl 2018 and Caicedo et al. (2019) did. Seeds are what is left of the
# cells without it; then water rises, with the probability of *border* as the height of the land. No pixel is given up.

# %%
contact = [touching_borders(f.cells, 2) & (f.cells > 0) for f in fields]
classes = [np.where(c, 3, f.mask) for c, f in zip(contact, fields, strict=True)]
weights = [border_weights(np.where(touching_borders(f.cells, 2), 0, f.cells.astype(int))) for f in fields]
bordered = learn(classes, weights, num_classes=4)
probabilities = [predict_logits(bordered, f.image).softmax(dim=0).cpu().numpy() for f in unseen]
by_border = [separate(p, "border", min_area=30) for p in probabilities]
show_scores("border class and watershed", [p.argmax(axis=0) for p in probabilities], by_border)
print(f"{'':34s} area of the cells that were found: {area_bias(truths, by_border):+.1%}")

# %%
figure, panels = plots.panel_row((1, 1, 1, 1), 2.9, "Probability of border; cells found in three ways.", gap=0.06)
plots.draw_map(panels[0], probabilities[0][3], "probability of border", signed=False)
shown = {"labelled": labelled[0], "seeds and mask": together[0], "border class": by_border[0]}
for panel, (name, found) in zip(panels[1:], shown.items(), strict=True):
    plots.show_objects(panel, unseen[0].image, found, f"{name}: {found.max()} for 50")
figure

# %% [markdown]
# ## One seed is an anecdote
#
# All this was one training each. `python3 lab.py touching` trained every kind with five seeds, for 12 epochs as here and for 36; a quarter of an hour, stored in
# `data/touching.json`. Every point is a network. **Predict:** after three times the training, are border weights still worth it?

# %%
protocol, rows = load_separations()
kinds = [("mask", "label"), ("mask", "distance"), ("gap", "label"), ("gap", "distance"), ("border", "border")]
chosen = [row for kind in kinds for row in rows if (row.lesson.target, row.way) == kind]
chosen.sort(key=lambda row: (kinds.index((row.lesson.target, row.way)), row.lesson.weighted, row.lesson.epochs))
plots.show_separations(chosen)

# %% tags=["nbval-check-output"]
print(separation_table(chosen).to_string(index=False))

# %% [markdown]
# What the points say:
#
# - **Labelled only, border weights decide**: F1 0.24 without and 0.95 with them after 12 epochs. After 36 they are still worth it (0.64 and 0.92), but the others catch up: weights buy *time*.
# - **Cut at waists, they matter little**: a gap that is not quite closed still has a waist. Without weights one of five networks fell behind after 12 epochs (0.77), and none after 36.
# - **A gap costs area**, and with weights more: cells are too small by 2 to 12 %. (Labelled without weights they seem too *large*: merged cells that still match.)
# - **A border class** needs its 36 epochs; then, with weights, it gets both count and areas right. After 12 with weights, one of the five networks ended at an F1 of 0.53: with a single seed you would have seen either.
# - **Merges alone mislead.** Labelled gaps without weights have more of them after 36 epochs than after 12: one heap of twenty cells is one merge, ten pairs are ten.
#
# ## Measure
#
# Now the table for which all this is done: one row a cell, the units in the names of the columns. A length in pixels means nothing; the **pixel size** is in the microscope's file. Here it is 0.25 µm.

# %%
def measure_cells(image, **settings):
    """A table of the cells in an image, with their nuclei."""
    found = find_cells(image)
    nuclei = np.where(predict(plain, image) == 2, found, 0)  # by the cell it lies in: nuclei may touch, too
    return measure(found, image, nuclei=nuclei, **settings)


table = measure_cells(unseen[0].image, pixel_size=0.25)
table.drop(columns=["perimeter_um", "minor_axis_um", "nuclei"]).round(2).head(6)

# %% [markdown]
# Two columns are there to be looked at first. `solidity` is the area over the area of the convex hull: merged cells have a low one. `at_border`: the frame has cut these cells. They count as cells, but their area and shape are not theirs; leave
# them out of sizes. (That has its price: the larger a cell, the more likely the frame cuts it.)

# %% tags=["nbval-check-output"]
true_table = measure(cells, nuclei=field.nuclei.astype(int))
print(f"the first field: {len(true_table)} cells, {true_table.at_border.sum()} of them cut by the frame")
whole = true_table[~true_table.at_border]
print(f"mean area: {true_table.area_px.mean():.0f} px² of all, {whole.area_px.mean():.0f} px² of the whole ones")

# %% [markdown]
# ## Six dishes
#
# Six dishes, one field each, found and measured by the networks. Suppose three got a drug: does it change the size of the nucleus, relative to its cell? Points first, always: a bar would hide how
# many cells there are, and how far they scatter.

# %%
dishes = [generate_field(seed, size=256, cells=40) for seed in range(20, 26)]
ratios = {}
for number, dish in enumerate(dishes, start=1):
    table = measure_cells(dish.image)
    ratios[f"dish {number}"] = table[~table.at_border].nucleus_to_cell_ratio.dropna().to_numpy()

figure = plots.DescribedFigure(9.8, 3.4, "Nucleus to cell ratio of every cell in six dishes, as points; two histograms.")
left, *right = figure.subplots(1, 3, width_ratios=(2, 1, 1))
plots.draw_points(left, ratios, "nucleus to cell ratio", [plots.CLASS_COLOURS[1]] * 3 + [plots.CLASS_COLOURS[2]] * 3)
for axes, name in zip(right, ("dish 1", "dish 6"), strict=True):
    plots.draw_histogram_with_points(axes, ratios[name], np.linspace(0.3, 0.9, 13), "nucleus to cell ratio")
    axes.set_title(f"{name}: {ratios[name].size} cells", fontsize=10)
figure

# %% [markdown]
# No dish got any drug: the generator drew all six in the same way, and each dish has its own chromatin, light and size of nuclei, as dishes have. There are ten ways to divide them into two groups of three. A
# t test asks whether two groups differ by more than chance, and p < 0.05 should come up in one of twenty. **Predict**, of ten: in how many is p below 0.05 if you count *cells*? If you count *dishes*?

# %%
by_cells = by_dishes = 0
for chosen in combinations(ratios, 3):
    if "dish 1" in chosen:  # else each division would be there twice
        groups = [[ratios[name] for name in ratios if (name in chosen) == side] for side in (True, False)]
        by_cells += ttest_ind(*(np.concatenate(group) for group in groups), equal_var=False).pvalue < 0.05
        by_dishes += ttest_ind(*([values.mean() for values in group] for group in groups), equal_var=False).pvalue < 0.05
whole_cells = sum(map(len, ratios.values()))
print(f"p < 0.05 among ten divisions without any drug: {by_cells} by {whole_cells} cells, {by_dishes} by 6 dishes")

# %% tags=["nbval-check-output"]
print("cells find an effect that is not there in more than one of ten:", by_cells > 1)
print("dishes in at most one:", by_dishes <= 1)

# %% [markdown]
# So many cells are not so many experiments. Cells of one dish share its medium, its staining and its light (*pseudoreplication*; Lazic 2010). n is the number of dishes: six. A better network does not change that.
#
# ## One pixel
#
# Who draws the outlines? One annotator on the dark line, one outside of it; a network learns from them; a threshold moves. Take the true mask of a field, and move all outlines, of cells and of nuclei, by one pixel. **Predict** for
# each number below: does it change by less than 3 %, or by more?

# %%
field = dishes[0]
cells = field.cells.astype(int)
lines = {}
for name, pixels in (("one pixel smaller", -1), ("as it is", 0), ("one pixel larger", 1)):
    mask = change_mask(field.mask, grow=pixels)
    objects = separate(mask, min_area=30)
    whole = measure(objects, field.image, pixel_size=0.25, nuclei=np.where(mask == 2, objects, 0))
    whole = whole[~whole.at_border]
    iou = ((mask > 0) & (field.mask > 0)).sum() / ((mask > 0) | (field.mask > 0)).sum()
    lines[name] = {"pixels' IoU": iou, "count": objects.max(), "area (µm²)": whole.area_um2.mean()}
    for column in ("nucleus_to_cell_ratio", "mean_grey", "solidity"):
        lines[name][column] = whole[column].mean()
biased = pd.DataFrame(lines).T
biased.round(3)

# %% tags=["nbval-check-output"]
change = 100 * (biased / biased.loc["as it is"] - 1)
print(change.loc[["one pixel smaller", "one pixel larger"]].drop(columns=["pixels' IoU"]).round(0).astype(int).to_string())

# %%
means = [values.mean() for values in ratios.values()]
apart = biased.nucleus_to_cell_ratio["one pixel larger"] / biased.nucleus_to_cell_ratio["one pixel smaller"] - 1
print(f"ratio: one annotator inside, one outside: {apart:.0%} apart; the six dishes: {max(means) / min(means) - 1:.0%} apart")

# %% [markdown]
# An IoU of 0.92, which many papers would be glad of, and every area is wrong by about 10 %; so is the ratio, since a small nucleus has more outline for its area than its cell. Count and grey change by less, solidity hardly at all. Two annotators
# can make a difference as large as that between the dishes. Three rules follow:
#
# - Compare groups only if *one* network, or one annotator, drew them all, and did not know which is which.
# - Say the **bias** beside the score: the mean relative error of the areas of matched cells. `area_bias` computes it; you will, in exercise 2.
# - Ask for the number that you need. To count, score objects; to measure areas, look at the bias; IoU of pixels promises neither.
#
# ## Explore
#
# Pull two cells together. **When do they become one:** for labelling, for the watershed, for the scores? Then make the mask one pixel larger, and two: which of the numbers is the first to notice, and which the last? With a small second cell, look at
# the merged object: it still matches the larger cell, and what is its area?

# %%
explorer = explore_touching()
explorer


# %% [markdown]
# ## Exercise 1: F1 of objects
#
# `truth` and `prediction` are arrays (H, W) of object numbers, 0 for background, of any integer type (in uint8 200 + 100 is 44); numbers have gaps, and a cell may have other numbers in each. Two cells match if their IoU is at least `threshold` (0.5 or more), and each has one partner at most. Return F1 = 2·TP/(2·TP + FP + FN), and NaN
# where there is no cell in either. Write it out, without `object_scores`.

# %%
def my_object_f1(truth, prediction, threshold):
    """F1 of cells: my_object_f1(np.array([[1, 1, 0, 2]]), np.array([[7, 7, 0, 0]]), 0.5) is 2/3."""
    ### BEGIN SOLUTION
    true_cells = [truth == n for n in np.unique(truth) if n > 0]
    left = [prediction == n for n in np.unique(prediction) if n > 0]
    total, tp = len(true_cells) + len(left), 0
    for cell in true_cells:
        for k, other in enumerate(left):
            if (cell & other).sum() / (cell | other).sum() >= threshold:
                tp += 1
                del left[k]  # it has its partner now
                break
    return 2 * tp / total if total else float("nan")  # TP + FN true cells and TP + FP predicted ones
    ### END SOLUTION


check("object_f1", my_object_f1);


# %% [markdown]
# ## Exercise 2: the bias
#
# By how much are the areas wrong, on average? For each pair that `match_objects(truth, prediction)` gives (triples: number in truth, number in prediction, IoU): (predicted area − true area) / true area. Return the mean over the pairs, NaN if
# there is none.

# %%
def my_bias(truth, prediction):
    """Mean relative error of the areas of matched cells: 0.1 means 10 % too large."""
    ### BEGIN SOLUTION
    errors = []
    for true_number, number, _ in match_objects(truth, prediction):
        area = np.count_nonzero(truth == true_number)
        errors.append((np.count_nonzero(prediction == number) - area) / area)
    return float(np.mean(errors)) if errors else float("nan")
    ### END SOLUTION


check("bias", my_bias);

# %%
print("Predict the signs, then look: yours on the networks' cells above")
for name, found in {**answers, "seeds and mask together": together, "border class": by_border}.items():
    values = [my_bias(t, p) for t, p in zip(truths, found, strict=True)]
    print(f"{name:28s}", "write my_bias first" if None in values else f"{np.nanmean(values):+.1%}")

# %% [markdown]
# ## Recap
#
# <details><summary>Your network has a pixel IoU of 0.97, and the count of cells is 40 % too low. How can both be?</summary>
# The pixels between two touching cells are few. Calling them "cell" costs next to nothing in pixels, and each such place costs a cell. Score objects.</details>
#
# <details><summary>What do border weights do, and what do they cost?</summary>
# They make the few pixels of a contact count, so that the network learns to leave a gap early on. The gaps come out too wide, so areas too small: use the objects as seeds, and a plain mask for the extent.</details>
#
# <details><summary>When does the distance watershed fail where a border class does not?</summary>
# Where shapes do not tell: cells pressed flat against each other have no waist, a cell with a dent has one.</details>
#
# <details><summary>All outlines are one pixel too far out. Which of these is wrong: count, area, nucleus to cell ratio?</summary>
# Area by some 10 % for cells of this size, and the ratio with it; the count hardly. The smaller the object, the worse.</details>
#
# <details><summary>You measured 400 cells in two dishes, one with a drug. How many experiments is that?</summary>
# One of each. With a single dish a side, nobody can tell the drug from the dish.</details>
#
# *Next: [18 · Other programs](18_other_programs.ipynb)*

# %% jupyter={"source_hidden": true} tags=["nbval-check-output"]
# For the automatic tests: turn every control of this page's explorers, as a hand would.
print(explorer.drive())
