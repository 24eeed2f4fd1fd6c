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
# # 08 · Evaluation
#
# **The question:** how good is a prediction really, and would you notice a wrong number in a paper?
#
# Afterwards you can compute accuracy, precision, recall, F1 and IoU by hand, say which average a score is, choose a boundary score where
# outlines matter, and prove that a published pair of numbers is impossible.
#
# *About 40 minutes. Back: [07 · Training](07_training.ipynb). Next: [09 · Looking inside](09_looking_inside.ipynb)*

# %%
from fractions import Fraction

import numpy as np
import sklearn.metrics

from unet_lab.course import check
from unet_lab.datasets import generate_cell
from unet_lab.explorers import explore_confusion, explore_metrics
from unet_lab.inference import predict, predict_logits
from unet_lab.metrics import boundary_f1, confusion_matrix, hausdorff, scores
from unet_lab.plots import ERROR_COLOUR, VALIDATION_COLOUR, DescribedFigure, show_confusion, show_triplets
from unet_lab.weights import load_pretrained

# %% [markdown]
# ## Count
#
# Six pixels, a truth and a prediction. Every metric starts with one table: how many pixels of each true class (row) were predicted as each
# class (column)? **Fill in the table on paper first.**

# %% tags=["nbval-check-output"]
truth = np.array([[0, 0, 1], [1, 2, 2]])
prediction = np.array([[0, 1, 1], [1, 2, 1]])

table = np.zeros((3, 3), int)
for true, predicted in zip(truth.ravel(), prediction.ravel(), strict=True):
    table[true, predicted] += 1
print(table)
print("library:     ", (confusion_matrix(truth, prediction) == table).all())
print("scikit-learn:", (sklearn.metrics.confusion_matrix(truth.ravel(), prediction.ravel()) == table).all())

# %% [markdown]
# ## Five numbers out of the table
#
# For one class, say cell body (1): **TP** are its pixels that were found (the diagonal), **FP** those wrongly called so (the rest of its column),
# **FN** those missed (the rest of its row).

# %% tags=["nbval-check-output"]
TP = table[1, 1]
FP = table[:, 1].sum() - TP
FN = table[1, :].sum() - TP
print(f"TP {TP}, FP {FP}, FN {FN}")
print(f"accuracy  = right pixels / all pixels   = {np.trace(table)}/{table.sum()} = {np.trace(table) / table.sum():.3f}")
print(f"precision = TP / (TP + FP)              = {TP}/{TP + FP} = {TP / (TP + FP):.3f}")
print(f"recall    = TP / (TP + FN)              = {TP}/{TP + FN} = {TP / (TP + FN):.3f}")
print(f"F1 (Dice) = 2 TP / (2 TP + FP + FN)     = {2 * TP}/{2 * TP + FP + FN} = {2 * TP / (2 * TP + FP + FN):.3f}")
print(f"IoU       = TP / (TP + FP + FN)         = {TP}/{TP + FP + FN} = {TP / (TP + FP + FN):.3f}")
print("library: ", scores(table, average=None).iou.round(3).tolist(), "(IoU of each class)")

# %% [markdown]
# F1 and IoU come from the same three counts, so one fixes the other: **F1 = 2·IoU / (1 + IoU)**. A consequence to remember: F1 is never
# below IoU. Over all IoUs from 0 to 1:

# %% tags=["nbval-check-output"]
iou = np.linspace(0, 1, 101)
f1 = 2 * iou / (1 + iou)
print("F1 >= IoU everywhere:", bool((f1 >= iou).all()), "  equal only at", iou[f1 == iou].tolist())

# %% [markdown]
# ## A network's predictions
#
# Twelve generated cells that no training ever used, and the shipped model's answers. As in the report's figures 5 to 7: input, truth, prediction,
# and beside them the errors. **Where will the errors be?**

# %%
model = load_pretrained("small")
test_cells = [generate_cell(seed, size=192) for seed in range(3_000_000, 3_000_012)]
images, truths = [c.image for c in test_cells], [c.mask for c in test_cells]
predictions = [predict(model, image) for image in images]
show_triplets(images[:3], truths[:3], predictions[:3])

# %% [markdown]
# Confusion matrices add up. The sum over all images is the table of the data set, and no image has to be kept: that is how a set that does not
# fit into memory is scored.

# %%
total = sum(confusion_matrix(t, p) for t, p in zip(truths, predictions, strict=True))
show_confusion(total)

# %% tags=["nbval-check-output"]
flat_truth, flat_prediction = np.concatenate(truths).ravel(), np.concatenate(predictions).ravel()
s = scores(total, average="macro")
print("accuracy as scikit-learn: ", np.isclose(s.accuracy, sklearn.metrics.accuracy_score(flat_truth, flat_prediction)))
print("macro F1 as scikit-learn: ", np.isclose(s.f1, sklearn.metrics.f1_score(flat_truth, flat_prediction, average="macro")))
iou_there = sklearn.metrics.jaccard_score(flat_truth, flat_prediction, average="macro")
print("macro IoU as scikit-learn:", np.isclose(s.iou, iou_there))

# %% [markdown]
# ## Explore: the pixels behind a count
#
# Click a button of the grid: the pixels that are counted there light up. **Which two classes are confused most, and where do these pixels lie:
# inside the regions, or along their borders?** Find the image that is worst.

# %%
browser = explore_confusion(images, truths, predictions)
browser

# %% [markdown]
# ## Which average?
#
# Three classes give three IoUs, and a paper prints one. **Macro**: the mean of the classes. **Weighted**: the mean, weighted by how frequent each class
# is. **Micro**: add up the counts of all classes first. **Predict:** a network finds every background pixel and half of a small nucleus. Which
# average looks best?

# %% tags=["nbval-check-output"]
rare = np.array([[9500, 0, 0], [0, 400, 0], [0, 50, 50]])
print("per class:", scores(rare, average=None).iou.round(3).tolist())
for average in ("macro", "micro", "weighted"):
    s = scores(rare, average=average)
    print(f"{average:9s} accuracy {s.accuracy:.3f}  F1 {s.f1:.3f}  IoU {s.iou:.3f}")

# %% [markdown]
# Micro F1 *is* accuracy: every wrong pixel is one FP (of the class it was given) and one FN (of the class it has). So micro hides what accuracy
# hides. **A score without the name of its average says little.**
#
# ## One prediction, nine Dices
#
# It gets worse. Six images, and whether a nucleus is in them at all; one program's six predictions. What is "the Dice" of the nucleus? Pool all
# pixels, or take the mean over images, or over images and classes? And an image without a nucleus, of which none was predicted: is 0/0 a 0, a 1,
# or left out? Libraries differ in this.

# %%
counts = [  # TP, FP, FN, TN of the nucleus in six images of 10,000 pixels; in the last three there is no nucleus
    (900, 60, 40, 9000), (30, 5, 60, 9905), (10, 30, 15, 9945),
    (0, 0, 0, 10000), (0, 0, 0, 10000), (0, 3, 0, 9997),
]
tables = [np.array([[tn, fp], [fn, tp]]) for tp, fp, fn, tn in counts]
empty_rules = {"0/0 is 0": 0.0, "0/0 is 1": 1.0, "0/0 left out": np.nan}
print(f"{'':28s}" + "".join(f"{name:>14s}" for name in empty_rules))
rows = {
    "all pixels pooled": lambda z: scores(sum(tables), average=None, zero_division=z).f1[1],
    "mean over images": lambda z: np.nanmean([scores(t, average=None, zero_division=z).f1[1] for t in tables]),
    "mean over images, classes": lambda z: np.nanmean([scores(t, average="macro", zero_division=z).f1 for t in tables]),
}
values = {name: [rule(z) for z in empty_rules.values()] for name, rule in rows.items()}
for name, row in values.items():
    print(f"{name:28s}" + "".join(f"{value:14.3f}" for value in row))

# %% tags=["nbval-check-output"]
nine = [value for row in values.values() for value in row]
print(f"the same predictions: Dice from {min(nine):.2f} to {max(nine):.2f}")

# %% [markdown]
# All are "the Dice". None is wrong. So whoever prints one says which: **averaged over what, and with which rule for the empty case.** In this course
# every score is of the table summed over all images, and says its average; empty classes are left out.
#
# ## What accuracy does not see
#
# All metrics so far count pixels, wherever they lie. A ragged outline costs few pixels. **Boundary F1** looks at outline pixels only, and asks which have
# a partner within some pixels; the **Hausdorff distance** asks how far the worst one is off.

# %% tags=["nbval-check-output"]
disc = ((np.indices((96, 96)) - 48) ** 2).sum(axis=0) < 30**2
truth_disc = disc.astype(np.uint8)
ragged = truth_disc.copy()
ragged[48:50, 78:92] = 1  # a thin spike, 14 pixels long
eroded = ((np.indices((96, 96)) - 48) ** 2).sum(axis=0) < 26**2
for name, mask in (("spike", ragged), ("4 px eroded", eroded.astype(np.uint8))):
    accuracy = scores(confusion_matrix(truth_disc, mask, 2)).accuracy
    outline, worst = boundary_f1(truth_disc, mask, 1, tolerance=2), hausdorff(truth_disc, mask, 1)
    print(f"{name:12s} accuracy {accuracy:.3f}  boundary F1 (2 px) {outline:.3f}  Hausdorff {worst:.1f} px")

# %% [markdown]
# Two errors, two verdicts: the spike is nothing to accuracy and a disaster to Hausdorff; the eroded disc keeps a fair accuracy, and not one outline
# pixel is where it should be.
#
# ## Explore: push a mask about
#
# Start from a perfect prediction and spoil it. **Which metric drops first when you push by a few pixels? Lose the nucleus: what does accuracy say, and
# what macro IoU? Erode by 5 pixels: why do precision and recall part?**

# %%
playground = explore_metrics(images[0], truths[0])
playground

# %% [markdown]
# ## Choose on validation, report on test
#
# The network gives a probability of nucleus. Call a pixel nucleus from which probability on? If you try many thresholds and report the best
# on the same images, you report luck too. Six cells choose, the other six judge.

# %%
probability = [predict_logits(model, image).softmax(dim=0)[2].cpu().numpy() for image in images]
thresholds = np.linspace(0.05, 0.95, 19)


def nucleus_iou(indices, threshold):
    pairs = [(truths[i] == 2, probability[i] > threshold) for i in indices]
    return scores(sum(confusion_matrix(t, p, 2) for t, p in pairs), average=None).iou[1]


chosen, judged = ([nucleus_iou(part, t) for t in thresholds] for part in (range(6), range(6, 12)))
figure = DescribedFigure(7, 3, "IoU of the nucleus against the threshold: the six cells that choose, and the six that judge.")
axes = figure.subplots()
axes.plot(thresholds, chosen, "s--", color=VALIDATION_COLOUR, label="validation: chooses")
axes.plot(thresholds, judged, "o-", color=ERROR_COLOUR, label="test: judges")
axes.axvline(thresholds[np.argmax(chosen)], color="black", ls=":")
axes.set(xlabel="threshold on the probability", ylabel="IoU of the nucleus")
axes.legend()
figure

# %%
honest, lucky = judged[int(np.argmax(chosen))], max(judged)
print(f"threshold chosen on validation: {thresholds[np.argmax(chosen)]:.2f}; its IoU on test: {honest:.4f}")
print(f"the best IoU that any threshold has on test: {lucky:.4f}, too good by {lucky - honest:.4f}")

# %% [markdown]
# ## The audit
#
# The 2023 report states for its U-Net: **accuracy 0.8599, F1 0.7599, IoU 0.8599**. Can that be? You have all you need. Step by step.
#
# **1.** F1 and IoU of the same table and the same average: which F1 goes with an IoU of 0.8599? **Predict whether it is above or below.**

# %% tags=["nbval-check-output"]
accuracy, f1, iou = 0.8599, 0.7599, 0.8599
print(f"F1 >= IoU holds in the report: {f1 >= iou}")
print(f"an IoU of 0.5 goes with F1 {2 * 0.5 / 1.5:.3f}; do the same for {iou} in exercise 3")

# %% [markdown]
# **2.** Perhaps the averages differ? Per class F1 ≥ IoU, so every average of the F1s is at least that average of the IoUs. Let us try to break it: a
# hundred thousand random tables, macro and weighted. Does one have F1 below IoU?

# %% tags=["nbval-check-output"]
rng = np.random.default_rng(0)
random_tables = rng.integers(0, 1000, (100_000, 3, 3))
tp = np.einsum("nii->ni", random_tables)
rows_, columns_ = random_tables.sum(axis=2), random_tables.sum(axis=1)
f1s, ious = 2 * tp / (rows_ + columns_), tp / (rows_ + columns_ - tp)
weights = rows_ / rows_.sum(axis=1, keepdims=True)
print("macro F1 below macro IoU:      ", int((f1s.mean(axis=1) < ious.mean(axis=1)).sum()), "of 100,000")
print("weighted F1 below weighted IoU:", int(((f1s * weights).sum(axis=1) < (ious * weights).sum(axis=1)).sum()), "of 100,000")

# %% [markdown]
# **3.** IoU equals accuracy in all four digits. When can that be, for one table? With micro averages, IoU = accuracy / (2 - accuracy); equal only where
# accuracy is 0 or 1. So the number in the IoU column may be the accuracy, printed twice.
#
# **4.** The log. Float32 numbers of that size are not continuous: between 2²⁰ and 2²¹ they lie 1/8 apart, below 1/16. An average over n batches is then a whole multiple of 1/(8n)
# or 1/(16n). For which number of batches do both logged losses fit?

# %% tags=["nbval-check-output"]
print("spacing of float32 at 1.7 million:", np.spacing(np.float32(1697953)), "  at 985 thousand:", np.spacing(np.float32(985221)))
first, last = Fraction("1697953.4625"), Fraction("985221.6322916667")
for batches in (30, 45, 50, 60, 64, 75, 100):
    errors = [abs(x * n - round(x * n)) for x, n in ((first, 8 * batches), (last, 16 * batches))]
    fits = all(error < Fraction(1, 1000) for error in errors)
    print(f"{batches:4d} batches of 3 = {3 * batches} images: {'fits' if fits else 'does not fit'}")


# %% [markdown]
# Sixty batches of 3: about 180 training images, 80 % of 225. (Multiples of 60 would fit as well; the smallest is the likeliest.) The printed log
# tells what the text did not.
#
# **5.** The verdict is yours: exercise 3.
#
# ## Exercise 1: the confusion matrix
#
# For any shape and any number of classes; rows are the truth.

# %%
def my_confusion(truth, prediction, num_classes):
    """truth, prediction: class indices, same shape. Returns counts (num_classes, num_classes)."""
    ### BEGIN SOLUTION
    table = np.zeros((num_classes, num_classes), np.int64)
    np.add.at(table, (truth.ravel(), prediction.ravel()), 1)
    return table
    ### END SOLUTION


confusion = my_confusion if check("confusion_matrix", my_confusion) else confusion_matrix


# %% [markdown]
# ## Exercise 2: IoU of every class
#
# From a confusion matrix; NaN for a class that is neither in the truth nor in the prediction.

# %%
def my_iou(matrix):
    """matrix: counts (num_classes, num_classes). Returns (num_classes,) floats."""
    ### BEGIN SOLUTION
    intersection = matrix.diagonal().astype(float)
    union = matrix.sum(axis=0) + matrix.sum(axis=1) - matrix.diagonal()
    return np.divide(intersection, union, out=np.full(len(matrix), np.nan), where=union > 0)
    ### END SOLUTION


check("iou", my_iou);

# %% [markdown]
# ## Exercise 3: prove what is wrong
#
# Fill in: the F1 that belongs to an IoU of 0.8599; the micro-averaged IoU that belongs to an accuracy of 0.8599; and whether F1 0.7599 and IoU 0.8599
# can both be right for one average (True or False).

# %%
my_audit = {"f1_of_that_iou": None, "micro_iou_of_that_accuracy": None, "reported_pair_possible": None}
### BEGIN SOLUTION
reported = 0.8599
my_audit = {
    "f1_of_that_iou": 2 * reported / (1 + reported),
    "micro_iou_of_that_accuracy": reported / (2 - reported),
    "reported_pair_possible": False,
}
### END SOLUTION

check("audit", my_audit);

# %% [markdown]
# ## Recap
#
# <details><summary>A paper reports Dice 0.90. What do you ask first?</summary>
# Of which class or average, pooled or per image, and what an empty image counts.</details>
#
# <details><summary>95 % of the pixels are background, accuracy is 95 %. What may the network do?</summary>
# Nothing at all: say background everywhere. Macro IoU is then about 0.32 with three classes, and says so.</details>
#
# <details><summary>IoU is 0.6. What is F1?</summary>
# 2 · 0.6 / 1.6 = 0.75.</details>
#
# <details><summary>Which score would you take for counting cells that touch?</summary>
# One that sees outlines, as boundary F1, or one that counts objects: pixel scores hardly notice a missing gap.</details>
#
# *Next: [09 · Looking inside](09_looking_inside.ipynb)*

# %% jupyter={"source_hidden": true} tags=["nbval-check-output"]
# For the automatic tests: turn every control of this page's explorers, as a hand would.
print(browser.drive())
print(playground.drive())
