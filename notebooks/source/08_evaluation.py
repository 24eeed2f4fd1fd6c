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
# Afterwards you can compute accuracy, precision, recall, F1 and IoU by hand, say which average a score is and how far it may be off, choose the
# metric that fits your question, and check a published table for what cannot be.
#
# *You need [01](01_the_images.ipynb) (classes and masks) and the first half of [06](06_losses.ipynb) (cross entropy, for the audit).*
#
# *About 55 minutes. Back: [07 · Training](07_training.ipynb). Next: [09 · Looking inside](09_looking_inside.ipynb)*

# %%
from fractions import Fraction

import numpy as np
import sklearn.metrics
from scipy.ndimage import distance_transform_edt

from unet_lab.course import check, keep_predictions, show_calibration
from unet_lab.datasets import generate_cell
from unet_lab.explorers import explore_confusion, explore_metrics
from unet_lab.inference import predict, predict_logits
from unet_lab.metrics import bootstrap_interval, boundaries, boundary_f1, confusion_matrix, hausdorff, macro_iou, scores
from unet_lab.plots import ERROR_COLOUR, VALIDATION_COLOUR, DescribedFigure, show_confusion, show_mask, show_triplets
from unet_lab.weights import load_pretrained

# %% [markdown]
# ## Predict first
#
# Three of this page's questions, to answer before you read. Write a letter and how sure you are, from a mere guess (1 divided by the number of answers) to certain (1): `"best_average": ("A", 0.7)`. Your first answer is kept
# (on this machine only; in the file that you may hand in with your progress), and the end of this page draws how often you were right against how sure you were.

# %%
my_predictions = {"best_average": None, "worst_point": None, "f1_or_iou": None}
keep_predictions("08_evaluation", my_predictions)

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
# Violet pixels are wrong. Count them: which share lies within 3 pixels of a border of the truth, and which share of *all* pixels lies there?

# %%
borders = [np.any([boundaries(t, t, k)[0] for k in range(3)], axis=0) for t in truths]
near = np.array([distance_transform_edt(~border) <= 3 for border in borders])
wrong = np.array(predictions) != np.array(truths)
print(f"within 3 px of a border: {near.mean():.0%} of all pixels, {near[wrong].mean():.0%} of the wrong ones")
print(f"wrong there: {wrong[near].mean():.1%}; wrong elsewhere: {wrong[~near].mean():.1%}")

# %% tags=["nbval-check-output"]
print("borders hold more than twice their share of the errors:", bool(near[wrong].mean() > 2 * near.mean()))

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
# Click a button of the grid: the pixels that are counted there light up. **Which two classes are confused most? Which image is the worst, and what
# happened in it?** The cell below the explorer has the answers; explore first.

# %%
browser = explore_confusion(images, truths, predictions)
browser

# %%
off_diagonal = total - np.diag(np.diag(total))
for a, b in ((0, 1), (1, 2), (0, 2)):
    print(f"classes {a} and {b}, either way: {off_diagonal[a, b] + off_diagonal[b, a]:,} pixels")
per_image = np.array([confusion_matrix(t, p) for t, p in zip(truths, predictions, strict=True)])
of_images = [macro_iou(table) for table in per_image]
print(f"worst image: number {np.argmin(of_images)}, macro IoU {min(of_images):.3f}; the best has {max(of_images):.3f}")

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
# Micro and weighted look best: the large background decides them. Macro counts the half-found nucleus as a third of the score. And micro F1 *is* accuracy:
# every wrong pixel is one FP (of the class it was given) and one FN (of the class it has). So micro hides what accuracy hides. **A score without the
# name of its average says little.**
#
# ## One prediction, nine Dices
#
# Six images, and whether a nucleus is in them at all; one program's six predictions. What is "the Dice" of the nucleus? Pool all
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
# All are "the Dice", and none is wrong. So if you print one, say which: **averaged over what, and with which rule for the empty case.** In this course
# every score is of the table summed over all images, and says its average; empty classes are left out.
#
# ## What IoU does not see
#
# All metrics so far count pixels, wherever they lie. **Boundary F1** looks at outline pixels only, and asks which have a partner within some pixels; the
# **Hausdorff distance** asks how far the worst one is off; **HD95** forgives the worst 5 %. Two masks of one square: from one, two pixels are missing all around;
# from the other, a bite. **Predict:** their IoUs are equal. Which of the two has the better boundary F1, and which the better Hausdorff distance?

# %%
square = np.zeros((96, 96), np.uint8)
square[18:78, 18:78] = 1
thin, bitten = np.zeros_like(square), square.copy()
thin[20:76, 20:76] = 1
bitten[34:63, 62:78] = 0
figure = DescribedFigure(9.8, 3.2, "A square; the square with two pixels missing all around; the square with a bite.")
for axes, mask, title in zip(figure.subplots(1, 3), (square, thin, bitten), ("truth", "too thin", "bitten"), strict=True):
    show_mask(axes, mask, title)
figure

# %% tags=["nbval-check-output"]
for name, mask in (("too thin", thin), ("bitten", bitten)):
    iou = scores(confusion_matrix(square, mask, 2), average=None).iou[1]
    outline, worst, hd95 = boundary_f1(square, mask, 1, tolerance=1), hausdorff(square, mask, 1), hausdorff(square, mask, 1, 95)
    print(f"{name:9s} IoU {iou:.3f}   boundary F1 (1 px) {outline:.2f}   Hausdorff {worst:.0f} px   HD95 {hd95:.0f} px")

# %% [markdown]
# One IoU, opposite verdicts: of the thin mask no outline pixel is within 1 pixel of where it should be, yet none is far off; of the bitten one most of the
# outline is right, and the worst point is far off. Neither score replaces the other. And each depends on a choice that has to be printed with it: the
# tolerance, the percentile. (`surface_dice` is a third: the share of both outlines together.)
#
# ## Explore: push a mask about
#
# Start from a perfect prediction and spoil it. **Which metric drops first when you push by a few pixels? Lose the nucleus: what does accuracy say, and
# what macro IoU? Erode by 5 pixels: which falls, precision or recall, of which class, and why?**

# %%
playground = explore_metrics(images[0], truths[0])
playground

# %%
truth = truths[0]
for name, mask in (("pushed by 3 px", np.roll(truth, 3, axis=1)), ("nucleus lost", np.minimum(truth, 1))):
    s, outline = scores(confusion_matrix(truth, mask), average="macro"), boundary_f1(truth, mask, 0)
    print(f"{name:15s} accuracy {s.accuracy:.3f}   macro IoU {s.iou:.3f}   boundary F1 of the background (2 px) {outline:.3f}")

eroded = np.where(distance_transform_edt(truth > 0) > 5, truth, 0)
s = scores(confusion_matrix(truth, eroded), average=None)
for name, precision, recall in zip(("background", "cell body", "nucleus"), s.precision, s.recall, strict=True):
    print(f"cell eroded by 5 px, {name:10s} precision {precision:.3f}   recall {recall:.3f}")

# %% [markdown]
# When the mask is pushed, the boundary score falls most. When the nucleus is lost, macro IoU falls most, and the score of the cell's outline does not change at all. Eroded, the cell body
# covers fewer pixels: none is wrongly called so (precision), some are missed (recall). They go to the background, whose precision falls instead.
#
# ## How sure is a score?
#
# Twelve test images gave one macro IoU. Twelve others would give another. **Predict:** by how much would it differ: 0.001, 0.01, 0.1?
#
# Draw twelve out of the twelve *with replacement* (some twice, some not at all), score them, and do it a thousand times: the middle 95 % of the scores are a
# **bootstrap interval** (Efron and Tibshirani 1993). Images are drawn, not pixels. If you took each pixel for an independent coin instead, you would believe this:

# %%
def counts_of(first_seed):
    cells = [generate_cell(seed, size=192) for seed in range(first_seed, first_seed + 12)]
    return np.array([confusion_matrix(c.mask, predict(model, c.image)) for c in cells])


def accuracy_of(table):
    return float(np.trace(table) / table.sum())


others = [counts_of(first) for first in (4_000_000, 5_000_000, 6_000_000)]
low, high = bootstrap_interval(per_image)
print(f"macro IoU {macro_iou(total):.3f}, bootstrap interval {low:.3f} to {high:.3f}")
others_iou = [round(macro_iou(sum(tables)), 3) for tables in others]
print(f"three other sets of twelve: {others_iou}, up to {max(abs(iou - macro_iou(total)) for iou in others_iou):.3f} away")
share = accuracy_of(total)
half = 1.96 * (share * (1 - share) / total.sum()) ** 0.5
print(f"accuracy {share:.4f}, as if pixels were independent ± {half:.4f}")
print("three other sets of twelve:", [round(accuracy_of(sum(tables)), 4) for tables in others])

# %% tags=["nbval-check-output"]
inside = sum(low <= macro_iou(sum(tables)) <= high for tables in others)
beyond = any(abs(accuracy_of(sum(tables)) - share) > half for tables in others)
print(f"other sets inside the bootstrap interval: {inside} of 3;  at least one beyond the pixels' interval: {beyond}")

# %% [markdown]
# The pixels of an image err together: a nucleus that is missed takes thousands along. So the number of *images* says how sure you are, or of dishes or patients, if several
# images come from each ([17](17_from_masks_to_measurements.ipynb)). Two networks judged on the same images: draw the images once for both, and take the interval
# of the difference ([11](11_variations.ipynb)).
#
# ## Choose on validation, report on test
#
# The network gives a probability of nucleus. From which probability on should a pixel be called nucleus? If you try many thresholds and report the best
# on the same images, you report luck too. Six cells choose, the other six judge. **Predict:** how much too good is the best threshold on the judges' own cells?

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
for seed in range(3):
    order = np.random.default_rng(seed).permutation(12)
    chosen, judged = ([nucleus_iou(part, t) for t in thresholds] for part in (order[:6], order[6:]))
    honest, lucky = judged[int(np.argmax(chosen))], max(judged)
    threshold = thresholds[np.argmax(chosen)]
    print(f"split {seed}: threshold {threshold:.2f}; IoU on test {honest:.4f}; best {lucky:.4f}, {lucky - honest:.4f} too good")

# %% [markdown]
# How much luck there is differs from split to split; it is never negative. And here only one number was chosen, out of nineteen: whoever also chooses the epoch, the loss and the network on
# the test images takes a maximum each time.
#
# ## Which metric for which question?
#
# | Your question | Take | Print with it | Beware |
# |---|---|---|---|
# | How much of each region is right? | IoU or Dice **of each class**; their macro average as one number | average, pooled or per image, rule for the empty case | they rank two networks alike for one class; small objects weigh little when pooled |
# | Is a rare class found at all? | its recall and precision, or the curve of both [1] | the threshold, and on which images it was chosen | accuracy, micro and weighted averages: background decides them |
# | Is the outline where it should be? | boundary F1 [2] or surface Dice [3] | tolerance in pixels or nanometres: as much as two annotators differ | holes and misses count by their outline only |
# | What is the worst that happens? | Hausdorff distance, HD95 [4] | percentile, unit | one stray pixel decides; no number where a class is missing |
# | How many cells, and which? | F1 of objects at an IoU [5] | that IoU, how objects were separated | pixel scores hardly notice two cells that merge |
# | Is the area right that I measure? | bias and limits of agreement of the area [6] | unit, number of cells and of dishes | a good Dice with every mask a pixel too large |
# | Can I believe a probability? | calibration [7] | bins | says nothing about where the errors are |
# | Is A better than B? | the difference, with its interval over images and seeds [8] | number of images, of seeds | overlapping pixels and crops are no independent images |
#
# If you are unsure: IoU of each class, one boundary score, and the count that your experiment is about; with an interval. Two overviews by many authors, with a
# decision tree: Maier-Hein et al. 2024, *Metrics reloaded*, and Reinke et al. 2024, *Understanding metric-related pitfalls* (both Nature Methods 21); older and
# shorter: Taha and Hanbury 2015, BMC Medical Imaging 15:29.
#
# <small>[1] Saito and Rehmsmeier 2015, PLOS ONE 10:e0118432. [2] Csurka et al. 2013, BMVC. [3] Nikolov et al. 2021, J. Med. Internet Res. 23:e26151. [4] Huttenlocher et al.
# 1993, IEEE TPAMI 15:850. [5] Caicedo et al. 2019, Cytometry A 95:952; notebook [17](17_from_masks_to_measurements.ipynb). [6] Bland and Altman 1986, Lancet 327:307. [7] Guo et al. 2017,
# arXiv 1706.04599. [8] Efron and Tibshirani 1993, *An Introduction to the Bootstrap*.</small>

# %% [markdown]
# ## The audit
#
# The 2023 report that this course rebuilds states for its U-Net: **accuracy 0.8599, F1 0.7599, IoU 0.8599**. Can that be? You have all you need.
#
# **1. One class, or micro averages.** There F1 = 2·IoU/(1 + IoU). **Predict** whether the F1 that goes with an IoU of 0.8599 is above or below it.

# %% tags=["nbval-check-output"]
accuracy, f1, iou = 0.8599, 0.7599, 0.8599
print(f"an IoU of 0.5 goes with F1 {2 * 0.5 / 1.5:.3f}; do the same for {iou} in exercise 3")
print(f"F1 >= IoU, as it must be for one class, holds in the report: {f1 >= iou}")

# %% [markdown]
# Above it: F1 is never below IoU. **2. Macro and weighted averages.** They are means over classes, and the formula is not true of a mean. Take the
# table with the half-found nucleus once more. What is left of the rule? Let us try to break it: a hundred thousand random tables.

# %% tags=["nbval-check-output"]
s = scores(rare, average="macro")
print(f"macro IoU {s.iou:.3f}, macro F1 {s.f1:.3f}; the formula would say {2 * s.iou / (1 + s.iou):.3f}")

rng = np.random.default_rng(0)
random_tables = rng.integers(0, 1000, (100_000, 3, 3))
tp = np.einsum("nii->ni", random_tables)
in_truth, in_prediction = random_tables.sum(axis=2), random_tables.sum(axis=1)
f1s, ious = 2 * tp / (in_truth + in_prediction), tp / (in_truth + in_prediction - tp)
weights = in_truth / in_truth.sum(axis=1, keepdims=True)
print("macro F1 below macro IoU:      ", int((f1s.mean(axis=1) < ious.mean(axis=1)).sum()), "of 100,000")
print("weighted F1 below weighted IoU:", int(((f1s * weights).sum(axis=1) < (ious * weights).sum(axis=1)).sum()), "of 100,000")

# %% [markdown]
# The formula is gone, the order stays: each class has F1 ≥ IoU, so the mean has. **With one average over one table, F1 0.7599 beside IoU 0.8599 is impossible.** So
# something else was printed. What? Here are four readings.

# %% tags=["nbval-check-output"]
swapped = np.array([[422366, 6000, 106955], [8425, 222335, 1957], [679, 16085, 215199]])
macro, micro = scores(swapped, average="macro"), scores(swapped, average="micro")
print(f"columns exchanged: one table has accuracy {macro.accuracy:.4f}, macro F1 {macro.f1:.4f}, macro IoU {macro.iou:.4f}")
print(f"the same, micro:   accuracy {micro.accuracy:.4f}, micro F1 {micro.f1:.4f}, micro IoU {micro.iou:.4f}")
print(f"two averages:      macro F1 {scores(rare, 'macro').f1:.3f} beside micro IoU {scores(rare, 'micro').iou:.3f} of one table")
print(f"a wrong digit:     the two differ by {abs(iou - f1):.4f}")

# %% [markdown]
# - **F1 and IoU were exchanged.** Then all three numbers fit one table, with macro averages: accuracy = F1 = 0.8599, IoU = 0.7599. With *micro* averages F1 equals accuracy for every table,
#   but the IoU would be 0.7542.
# - **Two averages were mixed**, a macro F1 beside a micro IoU, say. Possible; but IoU = accuracy in all four digits then asks for another explanation, since micro IoU =
#   accuracy/(2 - accuracy) is smaller.
# - **One digit is wrong.** The two differ by 0.1000, to the last digit.
# - **The accuracy was printed twice**, once in the IoU's column.
#
# Which is the likeliest? Weigh them; the numbers alone do not decide. No reading saves the three numbers as they are printed.
#
# **3. The log** says more. The loss is *summed* over the pixels of a batch of three images: it fell from 1697953.4625 in the first epoch to 985221.6322916667 in the last. The images' size is not
# printed. A network that knows nothing of three classes pays ln 3 = 1.0986 a pixel ([06](06_losses.ipynb)). **Predict** which sizes that excludes.

# %% tags=["nbval-check-output"]
for side in (256, 512, 768, 1024):
    loss = 1697953.4625 / (3 * side**2)
    verdict = "possible" if loss < np.log(3) else "worse than knowing nothing"
    print(f"{side:5d} x {side:<5d} first epoch {loss:5.2f} a pixel: {verdict}")

# %% [markdown]
# 768 and 1024 remain; the data set's own images are 1024 pixels wide, which decides.
#
# **4. How many batches?** Float32 numbers of that size are not continuous: between 2²⁰ and 2²¹ they lie 1/8 apart, between 2¹⁹ and 2²⁰ 1/16. If every batch's loss lies in the same range as
# the average, the average over n batches is a whole multiple of 1/(8n) or 1/(16n). For which n do both logged numbers fit?

# %% tags=["nbval-check-output"]
print("spacing of float32 at 1.7 million:", np.spacing(np.float32(1697953)), "  at 985 thousand:", np.spacing(np.float32(985221)))
first, last = Fraction("1697953.4625"), Fraction("985221.6322916667")
for batches in (30, 45, 50, 60, 64, 75, 100, 120):
    errors = [abs(x * n - round(x * n)) for x, n in ((first, 8 * batches), (last, 16 * batches))]
    fits = all(error < Fraction(1, 1000) for error in errors)
    print(f"{batches:4d} batches of 3 = {3 * batches} images: {'fits' if fits else 'does not fit'}")

# %% [markdown]
# Sixty batches of 3: about 180 training images, 80 % of 225. Multiples of 60 fit as well. Is that a proof? It rests on an *if*. **Try to find a counterexample:** thirty float32 losses with
# exactly the logged mean. Where would one of them have to lie? Here is one, so look away first.

# %% tags=["nbval-check-output"]
losses = np.array([500000.03125, *[1001953.5] * 28, 1001950.9375], np.float32)  # one easy batch, below 2**19
print(len(losses), "losses, their mean as Python prints it:", sum(losses.tolist()) / len(losses))

# %% [markdown]
# A single batch of half the loss, where float32 lies 1/32 apart, and thirty batches fit to the last digit. So sixty is a likely reading, not a proof.
#
# **5.** Exercise 3 asks you for the part that *is* proven.
#
# ## Exercise 1: the confusion matrix
#
# For any shape, any number of classes and any number of pixels from one up; rows are the truth.

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
# can both be right for one average (True or False). Give the numbers to three digits.

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
# ## Exercise 4: how sure?
#
# Write the bootstrap interval of the macro IoU. You get one confusion matrix per image and a random number generator. A thousand times: draw as many images as there are, with replacement, add up their tables, and take
# `macro_iou` of the sum. Return the ends between which the middle 95 % of the thousand scores lie. Draw with `rng` only (`rng.integers`, `rng.choice`, or any other of its methods that draws images in this way), so that the same generator gives the same interval.

# %%
def my_interval(tables, rng):
    """tables: counts (images, classes, classes); rng: np.random.default_rng(…). Returns (low, high)."""
    ### BEGIN SOLUTION
    values = []
    for _ in range(1000):
        drawn = rng.integers(len(tables), size=len(tables))
        values.append(macro_iou(tables[drawn].sum(axis=0)))
    low, high = np.quantile(values, [0.025, 0.975])
    return low, high
    ### END SOLUTION


check("interval", my_interval);

# %% [markdown]
# ## How sure were you?
#
# The table above asks whether a network's probability can be believed. Here are your own: for answers of about the same certainty, the share that was right. Above the dashed line you know more than you think, below it less. A handful of
# answers says little; `python3 lab.py progress --class FOLDER` puts the files of a whole class together.

# %%
show_calibration()

# %% [markdown]
# ## A case from the clinic
#
# *98 % accuracy after the first epoch!* The images show small cells in wide frames. The masks have not been looked at. **What is wrong?**
#
# <details><summary>Cause and cure</summary>
# Ask what the answer *all background* would score: here, about the same. Report the IoU of each class, and look at some masks, before anybody celebrates. Notebook <a href="14_when_it_fails.ipynb">14</a> has ten such cases, with switches.</details>

# %% [markdown]
# ## Recap
#
# <details><summary>A paper reports Dice 0.90. What do you ask first?</summary>
# Of which class or average, pooled or per image, and what an empty image counts.</details>
#
# <details><summary>95 % of the pixels are background, accuracy is 95 %. What may the network do?</summary>
# Nothing at all: say background everywhere. Macro IoU is then (0.95 + 0 + 0) / 3 = 0.32 with three classes, and says so.</details>
#
# <details><summary>IoU is 0.6. What is F1?</summary>
# 2 · 0.6 / 1.6 = 0.75.</details>
#
# <details><summary>Which score would you take for counting cells that touch?</summary>
# One that counts objects, as in 17: pixel scores hardly notice a missing gap.</details>
#
# <details><summary>Twelve test images, three million pixels. How many independent observations are that?</summary>
# Twelve at most. If four come from each dish, three.</details>
#
# <details><summary>A table has macro IoU 0.80 and macro F1 0.87. The formula says 0.89. An error?</summary>
# No: the formula holds for one class and for micro averages. For macro only F1 ≥ IoU holds.</details>
#
# *Next: [09 · Looking inside](09_looking_inside.ipynb)*

# %% jupyter={"source_hidden": true} tags=["nbval-check-output"]
# For the automatic tests: turn every control of this page's explorers, as a hand would.
print(browser.drive())
print(playground.drive())
