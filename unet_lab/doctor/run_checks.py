"""What is wrong with a training run, or with a network: told from what it shows, not from its code."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import permutations

import numpy as np
from scipy.ndimage import binary_opening, maximum_filter
from torch import nn

from unet_lab.datasets.pairs import SegmentationDataset
from unet_lab.doctor.findings import Finding, RunFindings
from unet_lab.doctor.observing import find_broken_weights, find_silent_channels, observe
from unet_lab.doctor.symptoms import Symptoms
from unet_lab.geometry import nearest_sizes
from unet_lab.metrics import scores
from unet_lab.training.history import History

RIM = 0.15  # share of a class's border lined by a class that is nowhere else beside it: 0.03 in true masks, 0.3 in interpolated
MOST_CLASSES = 6  # are looked at for such rims: there are 120 ways to choose three of six


def examine_run(symptoms: Symptoms) -> RunFindings:
    """Name what is wrong with a run from its symptoms: what was seen, why it matters, how to fix it. Nothing for a healthy run.

    Looks for causes first: sizes, labels, masks that were interpolated, leaked images, normalisation, a softmax too many, the
    mode, the learning rate. Only where there is none, for what many causes have in common: one class everywhere, or a score that
    flatters.
    """
    causes = [
        *find_sizes(symptoms),
        *find_labels(symptoms),
        *find_rims(symptoms),
        *find_leak(symptoms),
        *find_normalisation(symptoms),
    ]
    causes += [*find_softmax(symptoms), *find_mode(symptoms)]
    if not causes:
        causes = list(find_rate(symptoms))
    return RunFindings(causes or find_outcome(symptoms))


def examine_model(
    model: nn.Module,
    validation: SegmentationDataset,
    training: SegmentationDataset | None = None,
    history: History | None = None,
    limit: int = 16,
) -> RunFindings:
    """Name what is wrong with a network as it stands: its mode, its weights, what it makes of images that it was not trained on.

    validation : images with masks; the first `limit` are looked at. training : what it was trained on, if you have it: then
    leaked images are found too. history : of its training, for the losses. The model is used in the mode that it is in, and left
    as it was.
    """
    found = list(find_broken_weights(model))
    if found:
        return RunFindings(found)
    symptoms = observe(model, validation, training, history, limit)
    return RunFindings([*find_silent_channels(model, validation, limit), *examine_run(symptoms)])


def find_sizes(s: Symptoms) -> Iterator[Finding]:
    if not (s.error and s.size and s.halvings):
        return
    cell = 2**s.halvings
    odd = [side for side in s.size if side % cell]
    if odd:
        near = " or ".join(map(str, nearest_sizes(odd[0], s.halvings)))
        yield Finding(
            "sizes that don't divide",
            f"the input is {s.size[0]} x {s.size[1]}, the network halves {s.halvings} times; it stopped: {s.error.split(':')[0]}",
            (),
            f"{odd[0]} is no multiple of 2^{s.halvings} = {cell}: a pooling rounds down, up-sampling does not come back to it",
            f"crop or pad to {near}; predict() pads and crops for you",
        )


def find_labels(s: Symptoms) -> Iterator[Finding]:
    strange = sorted(value for value in s.label_values if not 0 <= value < s.num_classes)
    if strange:
        shown = ", ".join(map(str, sorted(s.label_values)[:8]))
        yield Finding(
            "masks read as 0/255",
            f"the loss was given masks with the values {shown}; {s.num_classes} classes are 0 to {s.num_classes - 1}",
            (),
            "these are greys for an eye to see, not class indices; cross entropy looks the class up by its number",
            f"encode_mask(mask, codes=({', '.join(map(str, sorted(s.label_values)[: s.num_classes]))}))",
        )


def find_rims(s: Symptoms) -> Iterator[Finding]:
    if s.masks is None or s.masks.ndim != 3 or s.num_classes < 3:
        return
    broad = [k for k in range(s.num_classes) if (s.masks == k).sum() < 3 * broad_parts(s.masks == k).sum()]
    for outer, rim, inner in permutations(broad[:MOST_CLASSES], 3):
        share = rim_share(s.masks, outer, rim, inner)
        if share > RIM and bulk_share(s.masks, outer, rim) < RIM / 2:
            yield Finding(
                "classes reordered by resizing with interpolation",
                f"{share:.0%} of the border of class {outer} towards {inner} is lined by class {rim}, one pixel wide",
                (),
                f"between the codes of {outer} and {inner} lies that of {rim}: whoever resizes a mask like an image invents it",
                "resize masks by nearest neighbour, and images as you like",
            )
            return


def neighbours_of(masks: np.ndarray) -> np.ndarray:
    """Where masks (N, H, W) of booleans are true, and the pixels beside."""
    return np.stack([maximum_filter(m, 3) for m in masks])


def broad_parts(masks: np.ndarray) -> np.ndarray:
    """Of masks (N, H, W) of booleans what is left where all that is less than three pixels wide is taken away."""
    return np.stack([binary_opening(m, np.ones((3, 3))) for m in masks])


def rim_share(masks: np.ndarray, outer: int, rim: int, inner: int) -> float:
    """Of class `outer`'s border in masks (N, H, W): how many pixels of `rim` touch `outer` and `inner` at once, as a share.

    0 where class `inner` has no inside: in objects of a few pixels every class lies beside every other.
    """
    inside = (masks == inner) & ~neighbours_of(masks != inner)
    if inside.sum() < 0.3 * (masks == inner).sum():
        return 0.0
    border = (masks == outer) & neighbours_of(masks != outer)
    between = (masks == rim) & neighbours_of(masks == outer) & neighbours_of(masks == inner)
    return float(between.sum() / border.sum()) if border.any() else 0.0


def bulk_share(masks: np.ndarray, outer: int, rim: int) -> float:
    """Which share of `outer`'s border lies beside a broad part of `rim`: large where `rim` truly surrounds something."""
    border = (masks == outer) & neighbours_of(masks != outer)
    bulk = neighbours_of(broad_parts(masks == rim))
    return float((border & bulk).sum() / border.sum()) if border.any() else 0.0


def find_leak(s: Symptoms) -> Iterator[Finding]:
    both = set(s.training_images) & set(s.validation_images)
    if both:
        count = len(set(s.validation_images))
        yield Finding(
            "validation images leaked from training",
            f"{len(both)} of {count} validation images are among the training images, pixel for pixel",
            (),
            "the network is examined on what it may have learnt by heart; new images will come out worse",
            "split by source before anything else (split(dataset) does), then cut and augment",
        )


def find_normalisation(s: Symptoms) -> Iterator[Finding]:
    title = "no normalisation, or another one at prediction time"
    seen, met = s.training_inputs, s.predicted_inputs
    fix = "one function that prepares an image, standardise, called for training and for prediction alike"
    if seen and met and (abs(met[0] - seen[0]) > seen[1] or not 1 / 3 < met[1] / max(seen[1], 1e-9) < 3):
        what = f"trained on inputs of mean {seen[0]:.2f} and standard deviation {seen[1]:.2f}, "
        what += f"asked about {met[0]:.2f} and {met[1]:.2f}"
        yield Finding(title, what, (), "to the network, these are other images than those that it knows", fix)
        return
    for inputs, when in ((seen, "while training"), (met, "when it predicts")):
        if inputs and (abs(inputs[0]) > 3 or not 0.1 < inputs[1] < 10):
            what = f"{when} the network gets inputs of mean {inputs[0]:.2f} and standard deviation {inputs[1]:.2f}"
            why = "with numbers so large or so far from 0 the first steps are wild, and a shipped network has never seen such"
            yield Finding(title, what, (), why, fix)
            return


def find_softmax(s: Symptoms) -> Iterator[Finding]:
    if s.logits is None or s.logits.shape[1] < 2:
        return
    if s.logits.min() >= 0 and np.allclose(s.logits.sum(axis=1), 1, atol=1e-3):
        floor = math.log(math.e + s.logits.shape[1] - 1) - 1
        yield Finding(
            "softmax before cross entropy",
            f"the network's outputs lie between {s.logits.min():.2f} and {s.logits.max():.2f}, and add up to 1 at every pixel",
            (),
            f"cross entropy takes a softmax itself: a perfect answer (1, 0, 0) then costs {floor:.2f}, and gradients fade",
            "return logits from the network; take a softmax only where you show probabilities",
        )


def find_mode(s: Symptoms) -> Iterator[Finding]:
    title = "eval() forgotten, or train()"
    if s.neighbours_matter is not None and s.neighbours_matter > 1e-3:
        yield Finding(
            title,
            f"when it predicts, an image's logits change by up to {s.neighbours_matter:.2g} with the other images of its batch",
            (),
            "batch norm still measures each batch: the model is in training mode, and its answer hangs on chance neighbours",
            "model.eval() before validation and prediction (predict does it)",
        )
    elif s.norm_updates is not None and s.norm_updates < 0.7 * len(s.losses):
        yield Finding(
            title,
            f"batch norm's running statistics were updated {s.norm_updates} times in {len(s.losses)} steps",
            (),
            "the model was trained in evaluation mode: batch norm used old statistics and did not learn new ones",
            "model.train() at the beginning of every epoch, not only of the first",
        )


def find_rate(s: Symptoms) -> Iterator[Finding]:
    losses = np.array(s.losses, float)
    if not losses.size:
        return
    finite = bool(np.isfinite(losses).all() and np.isfinite(s.gradient_norms).all())
    wild = finite and losses.size >= 8 and losses.max() > 3 * losses[0] and losses[-losses.size // 4 :].mean() > losses[0]
    if finite and not wild:
        return
    first = int(np.flatnonzero(~np.isfinite(losses))[0]) + 1 if not np.isfinite(losses).all() else None
    what = f"the loss is no number at step {first}" if first else f"the loss rose from {losses[0]:.2f} to {np.nanmax(losses):.3g}"
    yield Finding(
        "learning rate too high, loss NaN",
        what,
        (),
        "steps that are too long leap over the valley, each farther than the last; one NaN makes every weight NaN",
        "divide the learning rate by ten until the first twenty steps go down; look for NaN in the images too",
    )


def find_outcome(s: Symptoms) -> list[Finding]:
    if not s.matrices:
        return []
    matrix = s.matrices[-1]
    total = matrix.sum()
    truth, predicted = matrix.sum(axis=1) / total, matrix.sum(axis=0) / total
    most = int(truth.argmax())
    found = scores(matrix, average=None).iou
    others = [found[k] for k in range(len(matrix)) if k != most and truth[k] > 0]
    if not others:
        return []
    accuracy = scores(matrix, average="macro").accuracy
    if s.reported == "accuracy" and truth[most] >= 0.9 and np.nanmean(others) < 0.3:
        what = (
            f"accuracy {accuracy:.1%}; class {most} is {truth[most]:.1%} of all pixels, the others' IoU is {two_decimals(others)}"
        )
        why = f"whoever answers {most} everywhere, without a look, reaches {truth[most]:.1%}: accuracy measures the background"
        fix = "report IoU per class, and its mean; compare with the answer that is always the same"
        return [Finding("accuracy 95 % on 95 % background", what, (), why, fix)]
    if predicted.max() > 0.999 and truth[int(predicted.argmax())] < 0.9995:
        only = int(predicted.argmax())
        what = f"{predicted[only]:.1%} of all pixels are predicted as class {only}; in truth {truth[only]:.1%} are"
        why = "that answer costs little where other classes are rare, and every network passes through it; this one stayed"
        fix = "train longer; cut crops around the objects; weigh rare classes more, or add Dice; check that masks are not empty"
        return [Finding("all-background predictions", what, (), why, fix)]
    return []


def two_decimals(values) -> str:
    return ", ".join(f"{value:.2f}" for value in values)
