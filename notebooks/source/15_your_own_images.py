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
# # 15 · Your own images
#
# **The question:** a folder of images from another laboratory lies before you. How does it become a trained network, and a report that
# you would sign?
#
# Afterwards you can take a new data set, grey or in colour, of one size or of many, from files to a report: look, say which code means
# which class, find what is wrong and fix it, split without leakage, train from scratch and from a trained network, evaluate on images
# kept aside, store and load the model. The mistake that nearly everybody makes on the way is to *trust the files*.
#
# *About 50 minutes. You need: [07](07_training.ipynb) (training), [08](08_evaluation.ipynb) (evaluation). Back: [14 · When it fails](14_when_it_fails.ipynb). All notebooks: [00 · Start here](00_start_here.ipynb)*

# %%
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import nll_loss

from unet_lab.course import check
from unet_lab.datasets import (
    IGNORE,
    SegmentationDataset,
    load_folder,
    pair_files,
    propose_codes,
    split,
    write_example_set,
    write_smear_set,
)
from unet_lab.datasets.generator.example_set import CODES
from unet_lab.doctor import examine_data
from unet_lab.explorers import explore_folder, explore_generator

# %%
from unet_lab.inference import predict, segment_with_confidence
from unet_lab.inference.predict import predict_logits
from unet_lab.metrics import confusion_matrix, scores
from unet_lab.plots import (
    DescribedFigure,
    draw_bar,
    draw_map,
    panel_row,
    show_image,
    show_mask,
    show_samples,
    show_triplets,
    write_report,
)
from unet_lab.training import fit, train
from unet_lab.unet import UNet
from unet_lab.weights import WEIGHTS, load_pretrained, load_weights, save_weights

# %% [markdown]
# ## A folder arrives
#
# "Here are our cells, twelve dishes, two fields of each, dark field. Masks are drawn by hand. Black is nothing, green is cytoplasm,
# pink is the nucleus; the yellow line is the cell's outline, it belongs to the cell." That is all the letter says.
#
# We write that set to a temporary folder (it is drawn by our generator, and damaged on purpose, the way sets are). **With files of your
# own**, put your two paths in the place of these two.

# %% tags=["nbval-check-output"]
folder = Path(tempfile.mkdtemp())
images, masks = write_example_set(folder / "from_a_colleague")
print(len(list(images.iterdir())), "images, for example", sorted(p.name for p in images.iterdir())[0])
print(len(list(masks.iterdir())), "masks, for example", sorted(p.name for p in masks.iterdir())[0])

# %% [markdown]
# 24 and 23. Already something is wrong.
#
# ## Which mask belongs to which image?
#
# The names differ (`…_mask`), so a rule is needed; and one mask is missing. **Predict:** what should a program do: skip that image, or stop?

# %%
try:
    pair_files(images, masks)
except ValueError as error:
    print(str(error).replace(str(folder), "…"))

# %% [markdown]
# It stops. A program that skips in silence would one day skip half of your data. We look, find that the mask of `dish7_2` was never
# drawn, and move the image aside (we do not delete what others gave us).

# %% tags=["nbval-check-output"]
aside = folder / "aside"
aside.mkdir()
(images / "dish7_2.tif").rename(aside / "dish7_2.tif")
pairs, rule = pair_files(images, masks)
print(len(pairs), "pairs, found by", rule)
print(pairs[0].image.name, "and", pairs[0].mask.name)

# %% [markdown]
# ## Which colour means which class?
#
# `propose_codes` counts what is in the masks. It proposes an order. It never decides: only the letter knows what pink is.

# %% tags=["nbval-check-output"]
table = propose_codes(masks)
print(table)

# %% [markdown]
# ## Exercise 1: say it
#
# Four colours, three classes: 0 background, 1 cell body, 2 nucleus (the order that the shipped model knows). Write a class for each
# colour. Read the letter again before you give the yellow one its class.

# %%
my_codes = {(0, 0, 0): None, (0, 158, 115): None, (204, 121, 167): None, (240, 228, 66): None}
### BEGIN SOLUTION
my_codes = {(0, 0, 0): 0, (0, 158, 115): 1, (204, 121, 167): 2, (240, 228, 66): 1}
### END SOLUTION

done = check("colour_codes", my_codes)
codes = my_codes if done else CODES  # the library's, so that the page goes on without yours

# %% [markdown]
# <details><summary>What if yellow had become a class of its own?</summary>
# Then the network would have to find a line one pixel wide that a hand drew, and that is in no image. It would cost a fourth output, and
# its IoU would be the worst of your table for ever.</details>
#
# ## Look, with the doctor beside you
#
# `examine_data` looks for what is usually wrong. **Predict:** 23 pairs, and a colleague who swears that they are clean. How many
# findings?

# %% tags=["nbval-check-output"]
findings = examine_data(images, masks, codes)
for finding in findings:
    print(f"{finding.name}: {', '.join(finding.where)}")

# %% [markdown]
# Three, in three images of 23. Each finding says what was seen, why it matters and how to fix it:

# %%
findings

# %% [markdown]
# Before you fix anything: **look at these three**. The doctor counts; whether an upside-down mask is a mistake, only eyes can say. Find
# `dish3_1`, `dish9_2` and `dish11_2` in the explorer. Does the mask lie on its cell? Which image does `dish9_2` remind you of?

# %%
explorer = explore_folder(images, masks, codes)
explorer

# %% [markdown]
# ## Fix it, in a copy
#
# The mask of `dish3_1` is mirrored: mirror it back. `dish11_2` is inverted: invert it. `dish9_2` is `dish2_1`, turned and brightened:
# take it out, or one day it is in training and its twin in validation. The files of the colleague stay as they are.

# %% tags=["nbval-check-output"]
clean_images, clean_masks = folder / "clean" / "images", folder / "clean" / "masks"
clean_images.mkdir(parents=True)
clean_masks.mkdir()
for image_file, mask_file, *_ in pairs:
    image, mask = np.asarray(Image.open(image_file)), np.asarray(Image.open(mask_file))
    if image_file.stem == "dish9_2":
        continue
    image = 255 - image if image_file.stem == "dish11_2" else image
    mask = mask[:, ::-1].copy() if image_file.stem == "dish3_1" else mask
    Image.fromarray(image).save(clean_images / image_file.name)
    Image.fromarray(mask).save(clean_masks / mask_file.name)
print(examine_data(clean_images, clean_masks, codes))

# %%
cells = load_folder(clean_images, clean_masks, codes, group=r"(dish\d+)_")
show_samples(cells.pairs[:4])


# %% [markdown]
# ## Exercise 2: split by dish
#
# Two fields of one dish were grown, stained and photographed together. With one in training and one in validation, the score would tell
# how well the network knows *that dish*. So the dish is what is drawn, not the image, and `train_fraction` is the share of the *dishes*, rounded as you like: write the split. The same seed, 0 too, gives the same dishes again.

# %%
def my_split(names, train_fraction, seed):
    """names such as "dish10_2.tif". Returns two lists of names, training and validation; a dish is never in both."""
    ### BEGIN SOLUTION
    dishes = sorted({name.split("_")[0] for name in names})
    np.random.default_rng(seed).shuffle(dishes)
    chosen = dishes[: round(train_fraction * len(dishes))]
    training = [name for name in names if name.split("_")[0] in chosen]
    return training, [name for name in names if name not in training]
    ### END SOLUTION


done = check("split_by_dish", my_split)

# %% tags=["nbval-check-output"]
training, validation = split(cells, 0.67, seed=0)  # the library's: it keeps a group together, here a dish (`group=` above)
if done:
    parts = my_split([pair.source for pair in cells.pairs], 0.67, seed=0)
    training, validation = (SegmentationDataset([pair for pair in cells.pairs if pair.source in part]) for part in parts)
print(len(cells), "images:", len(training) + len(validation), "in two parts")
print("words on the split:", examine_data(training, validation=validation) or "none")


# %% [markdown]
# ## From scratch, or from the shipped model?
#
# The shipped model has learnt on thousands of generated cells, none of them in a dark field. **Predict:** what is its IoU here, as it
# comes? And after training on some 15 images: which is ahead, a network that starts from random weights, or one that starts from those
# weights?

# %%
def score(model, pairs):
    """Macro IoU over the pairs: the mean over classes of their summed confusion matrix."""
    matrix = sum(confusion_matrix(pair.mask, predict(model, pair.image)) for pair in pairs)
    return scores(matrix, average="macro").iou


def learn(model, rate, epochs=14):
    """Train, and note the validation IoU before the first epoch and after each."""
    curve = [score(model, validation.pairs)]
    for report in train(model, training, validation, epochs=epochs, batch_size=4, learning_rate=rate, seed=0):
        curve.append(report.iou)
    return model.cpu().eval(), curve


torch.manual_seed(0)
scratch, scratch_curve = learn(UNet.small(), rate=3e-3)
tuned, tuned_curve = learn(load_pretrained("small"), rate=1e-3)

# %%
figure = DescribedFigure(8, 3.4, "Validation IoU over epochs, from scratch and from the shipped weights.")
axes = figure.subplots()
axes.plot(scratch_curve, "o-", color="#0072B2", label="from scratch")
axes.plot(tuned_curve, "s-", color="#D55E00", label="from the shipped weights")
axes.set(xlabel="epoch", ylabel="macro IoU on validation", ylim=(0, 1))
axes.legend(frameon=False)
figure

# %% tags=["nbval-check-output"]
print("the shipped model, untouched, is good enough:", tuned_curve[0] > 0.8)
print("after three epochs the tuned one leads:", tuned_curve[3] > scratch_curve[3])
print("in the end as well:", tuned_curve[-1] > scratch_curve[-1])

# %%
print(f"from scratch {scratch_curve[-1]:.3f}; shipped weights {tuned_curve[0]:.3f}, and {tuned_curve[-1]:.3f} once tuned")

# %% [markdown]
# As it comes, the shipped model is of little use: bright cells on a dark ground are not what it was taught. But its filters for edges,
# grains and rims are most of the way to any cell, so it arrives sooner. That is **transfer learning**.
#
# With *other classes* than these three only the last layer changes: `model.head = torch.nn.Conv2d(16, 5, 1)` for five of them.
#
# ## Evaluate: numbers, then images

# %%
predictions = [predict(tuned, pair.image) for pair in validation.pairs]
matrix = sum(confusion_matrix(pair.mask, p) for pair, p in zip(validation.pairs, predictions, strict=True))
each, macro = scores(matrix, average=None), scores(matrix, average="macro")
numbers = {"pixel accuracy": macro.accuracy, "IoU, macro": macro.iou}
numbers |= {f"IoU, {name}": float(value) for name, value in zip(("background", "cell body", "nucleus"), each.iou, strict=True)}
for name, value in numbers.items():
    print(f"{name:16s} {value:.3f}")
chosen = np.argsort([(p == pair.mask).mean() for p, pair in zip(predictions, validation.pairs, strict=True)])[:3]
worst = [(validation.pairs[k].image, validation.pairs[k].mask, predictions[k]) for k in chosen]
triplets = show_triplets(*zip(*worst, strict=True))
triplets

# %% [markdown]
# These are the three *worst*, not the three nicest: a report that shows only its best images shows nothing.
#
# ## When not to trust it
#
# A mask comes without a warning. The shipped model's `segment_with_confidence` gives one: for each pixel the probability of the
# class that it chose (over eight views of the image: four rotations, mirrored or not), and words where the whole is doubtful.
# **Predict:** what will it say of a cell from this dark-field set?

# %%
strange = cells.pairs[0].image
mask, confidence, doubts = segment_with_confidence(strange)
alt = "A dark-field image, the shipped model's mask, and its confidence."
figure, (left, middle, right) = panel_row((1, 1, 1), 3.4, alt, gap=0.06, bar=True)
show_image(left, strange, "the image")
show_mask(middle, mask, "the shipped model's mask")
draw_bar(figure, right, draw_map(right, confidence, "its confidence", signed=False, most=1.0), "probability of the class chosen")
figure

# %%
print("\n".join(doubts) or "It has no doubts. (It should.)")

# %% [markdown]
# A warning like this comes from a rule written for negatives, not from the network itself. A network knows when it hesitates between two answers; it does not know that it has never seen anything like this. Low confidence is a
# warning. High confidence is not a proof.
#
# <details><summary>What would be?</summary>
# Images like yours, with masks, that nobody trained on: a test set. Nothing else.</details>
#
# ## Ask several networks, or one several times
#
# Segmentation networks hesitate in two ways: the image may not tell (a blurred outline; *aleatoric* uncertainty), and the *network* may not know (*epistemic* uncertainty), because it has
# seen too few such images. Of the second kind a single network says little. But several networks, trained from other seeds, agree
# where the data taught them what to say, and differ where they did not. That is an **ensemble**.
#
# Three networks would take three trainings. **Monte Carlo dropout** is the cheap relative: one network that was trained with dropout, asked
# twenty times with its dropout left on; each time another part of it is missing. **Predict:** where will the answers differ, inside the
# cells or along their outlines? Will three networks together be better than each of them?

# %%
members = []
for seed in (0, 1, 2):
    torch.manual_seed(seed)
    members.append(UNet(base_channels=16, depth=3, dropout=0.5))
    fit(members[-1], training, validation, epochs=10, batch_size=4, learning_rate=3e-3, seed=seed)

# %%
def ensemble(members, image):
    """The mean of their probabilities, (classes, H, W), and how far they differ at each pixel, (H, W)."""
    each = torch.stack([predict_logits(member, image).softmax(dim=0) for member in members])  # (members, classes, H, W)
    return each.mean(dim=0), each.std(dim=0).mean(dim=0)


def monte_carlo(model, image, draws=20):
    """The same of one network, asked `draws` times with its dropout on."""
    each = torch.stack([predict_logits(model, image, dropout=True).softmax(dim=0) for _ in range(draws)])
    return each.mean(dim=0), each.std(dim=0).mean(dim=0)


asked = {"ensemble": lambda image: ensemble(members, image), "Monte Carlo dropout": lambda image: monte_carlo(members[0], image)}
spreads = {}
for name, ask in asked.items():
    wrong, right = [], []
    for pair in validation.pairs:
        mean, spread = ask(pair.image)
        is_wrong = (mean.argmax(dim=0) != torch.as_tensor(pair.mask))
        wrong.append(spread[is_wrong])
        right.append(spread[~is_wrong])
    spreads[name] = float(torch.cat(wrong).mean()), float(torch.cat(right).mean())
    most, least = spreads[name]
    print(f"{name:20s} standard deviation of the probabilities: {most:.3f} where wrong, {least:.3f} where right")

# %% tags=["nbval-check-output"]
truths = [torch.as_tensor(pair.mask).long() for pair in validation.pairs]


def surprise(ask):
    """Mean cross entropy of probabilities, in nats per pixel."""
    costs = [nll_loss(ask(p.image).clamp(min=1e-9).log()[None], t[None]) for p, t in zip(validation.pairs, truths, strict=True)]
    return float(torch.stack(costs).mean())


alone = [surprise(lambda image, m=member: predict_logits(m, image).softmax(dim=0)) for member in members]
together = surprise(lambda image: ensemble(members, image)[0])
print("cross entropy of the ensemble below the mean of its members':", together < np.mean(alone))
for name, (wrong, right) in spreads.items():
    print(f"{name}: answers differ more where they are wrong:", wrong > right)

# %%
image = validation.pairs[0].image
alt = "A dark-field image, where an ensemble's answers differ, and where those of one network with dropout do."
figure, (left, middle, right) = panel_row((1, 1, 1), 3.4, alt, gap=0.06, bar=True)
show_image(left, image, "the image")
draw_map(middle, ensemble(members, image)[1].numpy(), "three networks differ", signed=False, most=0.3)
shown = draw_map(right, monte_carlo(members[0], image)[1].numpy(), "dropout: one differs", signed=False, most=0.3)
draw_bar(figure, right, shown, "standard deviation of the probability")
figure

# %% [markdown]
# The first line is no luck: the mean of probabilities costs no more, in cross entropy, than the mean of the costs (the logarithm is concave,
# *Jensen's inequality*), with any members and any images. Whether the IoU rises is another question, and usually it does, a little.
#
# <details><summary>Is an ensemble sure where it agrees?</summary>
# Its members share the data, the architecture and its habits. Of what none of them has ever seen, all may be wrong in the same way. So
# this too is a warning where it is large, and no proof where it is small.</details>
#
# ## Keep it, and load it again
#
# safetensors files hold numbers and nothing that could run. The settings of the network travel with them.

# %% tags=["nbval-check-output"]
save_weights(tuned, folder / "my_model.safetensors")
again = load_weights(folder / "my_model.safetensors")
print("same answer:", np.array_equal(predict(again, strange), predict(tuned, strange)))

# %% [markdown]
# ## A second folder: colour, many sizes, pixels that nobody judged
#
# "Blood smears, stained. Twelve dishes, two fields of each, cut out as they came. In the masks 0 is everything that we do not look for, 128
# cytoplasm, 255 nucleus. On the outline of a cell we could not agree; there is 64." Drawn by the generator too.
#
# Three things are new, and each has one word in `load_folder` or `fit`: `channels`, `IGNORE`, `patch`.

# %% tags=["nbval-check-output"]
smear_images, smear_masks = write_smear_set(folder / "smears")
smear_codes = {0: 0, 128: 1, 255: 2, 64: IGNORE}  # what nobody judged is not learnt, and not scored
smears = load_folder(smear_images, smear_masks, smear_codes, group=r"(dish\d+)_")
print(sorted({pair.image.shape for pair in smears.pairs})[:4], "... of", len(smears), "images")
print("channels:", smears.channels, "classes:", smears.num_classes)

# %%
show_samples(smears.pairs[4:8])

# %% [markdown]
# Red cells and the pink cytoplasm of white cells look different to you. **Predict:** how different are they in grey? And what will a
# network lose that is given grey images, `channels="grey"`: nothing, the cytoplasm, the nuclei?
#
# This time there are **three** parts. Training learns; validation is looked at after each epoch, and the best epoch is chosen by it, so its
# score flatters; the **test** dishes are opened once, for the report.

# %%
judged = {}
for channels in ("all", "grey"):
    everything = load_folder(smear_images, smear_masks, smear_codes, channels=channels, group=r"(dish\d+)_")
    learning, rest = split(everything, 0.67, seed=0)
    choosing, test = split(rest, 0.5, seed=0)
    torch.manual_seed(0)
    reader = UNet(in_channels=everything.channels, num_classes=everything.num_classes, base_channels=16, depth=3)
    # windows of 64 x 64 pixels, drawn anew in each epoch; half of them hold a piece of a cell
    fit(reader, learning, choosing, patch=64, foreground=0.5, epochs=20, batch_size=4, learning_rate=3e-3, seed=0)
    answers = [predict(reader, pair.image) for pair in test.pairs]  # whole images, of any size
    counted = sum(confusion_matrix(pair.mask, answer, 3) for pair, answer in zip(test.pairs, answers, strict=True))
    judged[channels] = everything, test, reader, answers, scores(counted, average=None)

# %% tags=["nbval-check-output"]
colour, grey = judged["all"][-1].iou, judged["grey"][-1].iou
shared = {pair.group for pair in learning.pairs} & {pair.group for pair in test.pairs}
print("dishes in training and test both:", shared or "none")
print("colour is better on cytoplasm:", bool(colour[1] > grey[1]), "- on nuclei:", bool(colour[2] > grey[2]))

# %%
smears, test, reader, answers, _ = judged["all"]
for name, in_colour, in_grey in zip(("background", "cytoplasm", "nucleus"), colour, grey, strict=True):
    print(f"IoU on the test dishes, {name:10s} {in_colour:.3f} in colour, {in_grey:.3f} in grey")
red = np.abs(test.pairs[0].image.astype(int) - (222, 160, 150)).sum(axis=2) < 40
pink = test.pairs[0].mask == 1
luminance = test.pairs[0].image @ (0.299, 0.587, 0.114)
print(f"mean luminance: red cells {luminance[red].mean():.0f}, cytoplasm {luminance[pink].mean():.0f}, of 255")
smear_triplets = show_triplets(*zip(*[(p.image, p.mask, a) for p, a in zip(test.pairs[:3], answers, strict=False)], strict=True))
smear_triplets

# %% [markdown]
# The stain gives them nearly the same luminance: what tells them apart is the colour, and `channels="grey"` throws it away. The rims that
# nobody judged are hatched; an answer there is neither right nor wrong.
#
# <details><summary>Why not simply cut all images to the size of the smallest?</summary>
# Then you would throw away pixels that somebody drew masks for. <code>patch</code> draws its windows from everywhere, fills smaller
# images up without learning from what it filled in, and validation judges whole images.</details>
#
# ## The report
#
# One file with everything in it: what the data are, what was fixed, how they were split, the numbers with their averaging and the part they come from (validation or test),
# and the worst images. Give a path of your own, such as `my_report.html`, to keep it.

# %% tags=["nbval-check-output"]
parts = [
    ("Dark field", f"{len(cells)} images, 128 x 128 pixels, 12 dishes. One had no mask; taken out: dish9_2, a copy of dish2_1."),
    ("Fixed", "The mask of dish3_1 was mirrored; the image of dish11_2 was inverted."),
    ("Split", f"By dish, seed 0: {len(training)} images for training, {len(validation)} for validation; no test set."),
    ("Scores on validation", numbers),
    ("The three worst", triplets),
    ("Smears", f"{len(smears)} images in colour, 12 dishes; outlines not judged. {len(test)} images, by dish, are the test set."),
    ("IoU on the test set", {"background": float(colour[0]), "cytoplasm": float(colour[1]), "nucleus": float(colour[2])}),
    ("Three of the test set", smear_triplets),
]
report = write_report(folder / "my_report.html", "Cells of two laboratories, segmented", parts)
print(report.name, "with", report.read_text(encoding="utf-8").count("<h2>"), "parts")

# %% [markdown]
# ## Explore: how was the shipped model taught?
#
# From drawings only. Its teacher is a generator with more than fifty named parameters; each cell draws its own value of each. The
# question that the dark field has raised: **what must a training set vary, so that the network copes with what it will meet?** Turn
# parameters and watch: some change the mask (shape), most change only the image (look). A network that has seen both vary has to learn
# what neither changes.

# %%
generator = explore_generator()
generator

# %% [markdown]
# **Predict:** the shipped model is trained a little further, without one group of these parameters (each of the group then has one plain value).
# What that group had taught, it forgets. Which group is missed most on cells that have everything, and which on a real micrograph?
#
# That takes sixteen trainings, twenty minutes: `python3 lab.py leave-one-out` did them, and stored the table with its settings.

# %%
table = json.loads((WEIGHTS / "leave_one_out.json").read_text(encoding="utf-8"))
print(table.pop("protocol"))
whole, names = table["everything"], [name for name in table if name != "everything"]
figure = DescribedFigure(9, 3.2, "IoU lost on generated cells and on a real image when a group of randomisations is left out.")
axes = figure.subplots()
for k, (kind, colour) in enumerate({"generated": "#56B4E9", "real": "#D55E00"}.items()):
    lost = [np.mean(whole[kind]) - np.mean(table[name][kind]) for name in names]
    ends = [np.ptp(table[name][kind]) / 2 for name in names]
    axes.bar(np.arange(len(names)) + 0.4 * k - 0.2, lost, 0.38, yerr=ends, color=colour, capsize=3, label=f"on {kind} cells")
axes.set_xticks(range(len(names)), [name.replace(" ", "\n") for name in names])
axes.axhline(0, color="black", lw=0.8)
axes.set(ylabel="macro IoU lost", title="bars: mean of two trainings; whiskers: half their difference")
axes.legend(frameon=False)
figure

# %% tags=["nbval-check-output"]
single = [name for name in names if name != "without any"]
for kind in ("generated", "real"):
    most = max(single, key=lambda name: np.mean(whole[kind]) - np.mean(table[name][kind]))
    print(f"missed most on {kind} cells: {most.removeprefix('without ')}")

# %% [markdown]
# Two trainings each, one real image: believe the large bars, not the small ones. Where every cell has a few mitochondria of one kind, the
# network forgets that a dark body with grain in it need not be a nucleus. What looks like a detail *beside* the thing that you want to find may
# be what it is mistaken for. That is what a training set must vary first.
#
# ## In short
#
# - Pair by rule, and stop where a file stays alone. Codes are proposed, looked at, and said by you.
# - Examine before you train: a mirrored mask, an inverted image and a hidden copy cost more than they look.
# - Split by what belongs together (dish, patient, animal), not by file; keep a test set that you open once.
# - Colour stays colour, sizes stay sizes (`patch=`), and what nobody judged is `IGNORE`.
# - Start from trained weights where you have them; show the worst; keep model and report together.
#
# <details><summary>Check yourself: a set with 95 % background reaches 95 % accuracy. Good?</summary>
# The network may have learnt to say "background". Look at IoU by class.</details>
#
# <details><summary>Check yourself: your masks have 57 greys. What now?</summary>
# They were interpolated or JPEG. Export them again; if that cannot be, <code>snap_mask</code> brings each pixel to the nearest
# code.</details>

# %% [markdown]
# *Next: [16 · More than one machine](16_more_than_one_machine.ipynb)*

# %% jupyter={"source_hidden": true} tags=["nbval-check-output"]
print(explorer.drive())
print(generator.drive(parameter="microvilli", rest="as varied as can be"))
