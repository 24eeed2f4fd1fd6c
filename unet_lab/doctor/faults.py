"""A healthy pipeline with ten switches: each breaks it in one of the ways that are asked about most.

`run_with_fault(fault)` draws cells, prepares, trains and predicts in a second or two, and returns what the run shows of itself
(`doctor.Symptoms`). Nothing in the symptoms names the fault.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from unet_lab.datasets.generator.cells import generate_cell
from unet_lab.datasets.masks import encode_mask, snap_mask
from unet_lab.datasets.standardise import standardise
from unet_lab.doctor.symptoms import Symptoms, fingerprint, neighbours_matter, norm_updates
from unet_lab.metrics import confusion_matrix
from unet_lab.training.loop import gradient_norm
from unet_lab.unet import UNet

SIZE, COUNT, HELD_OUT = 48, 24, 12  # pixels; images to learn from and to validate on
EPOCHS, BATCH, RATE = 6, 4, 0.01
FAR_AWAY = ("all background", "flattering accuracy")  # small cells in wide frames: twice as many epochs, for the last pixel to go
STORED = (0, 255, 128)  # the greys of background, cell body and nucleus in this set's mask files: not in the classes' order


@dataclass(frozen=True)
class Fault:
    """One way to break the pipeline: what the switch does, what one sees, and how it is fixed."""

    title: str
    switch: str
    symptom: str
    cure: str


FAULTS = {
    "all background": Fault(
        "all-background predictions",
        "small, pale cells in wide frames, and a loss in which every pixel counts alike",
        "the mask is empty; the loss still falls",
        "crops around the cells; weights that grow as a class gets rarer; Dice; and more patience",
    ),
    "masks 0 and 255": Fault(
        "masks read as 0/255",
        "the mask's greys go to the loss as they stand in the file",
        "an error about a class out of range, at the first step",
        "encode_mask(mask, codes) before anything else",
    ),
    "interpolated masks": Fault(
        "classes reordered by resizing with interpolation",
        "mask files are resized like images, between neighbours, and snapped to the nearest code",
        "a rim of another class around each object, one pixel wide",
        "resize masks by nearest neighbour only",
    ),
    "normalised otherwise": Fault(
        "no normalisation, or another one at prediction time",
        "images are standardised for training, and not for prediction",
        "training goes well, predictions are nonsense",
        "one function that prepares images, called in both places",
    ),
    "softmax twice": Fault(
        "softmax before cross entropy",
        "the network ends in a softmax, and cross entropy has another inside",
        "the loss never falls below 0.55; outputs lie between 0 and 1",
        "return logits; softmax only to show probabilities",
    ),
    "mode forgotten": Fault(
        "eval() forgotten, or train()",
        "model.eval() for the first validation and never model.train() again; or never model.eval()",
        "batch norm stops learning, or an image's mask changes with its neighbours in the batch",
        "model.train() at the top of each epoch, model.eval() before each validation",
    ),
    "rate too high": Fault(
        "learning rate too high, loss NaN",
        "a learning rate of 300, without batch norm",
        "the loss jumps up and becomes NaN",
        "divide the rate by ten until the first steps go down",
    ),
    "odd size": Fault(
        "sizes that don't divide",
        "images of 45 pixels for a network that halves twice",
        "an error about sizes that do not fit, in the decoder",
        "pad or crop to a multiple of 2^depth; predict() does",
    ),
    "leak": Fault(
        "validation images leaked from training",
        "the validation images are among the training images",
        "nothing in any figure: validation looks as healthy as ever; the same images lie on both sides",
        "split first, by source, then everything else",
    ),
    "flattering accuracy": Fault(
        "accuracy 95 % on 95 % background",
        "the same cells, and accuracy as the only score",
        "accuracy above 95 % from the first epoch; hardly a pixel of a cell is found",
        "IoU per class; crops around the cells; weights",
    ),
}


def run_with_fault(fault: str | None = None, seed: int = 0) -> Symptoms:
    """Run the pipeline with this switch on (none: healthy), and return what it shows. Raises ValueError for another name."""
    if fault is not None and fault not in FAULTS:
        raise ValueError(f"there is no fault {fault!r}; there are {', '.join(FAULTS)}.")
    symptoms = Symptoms(halvings=2)
    images, masks = draw(fault, seed)
    training, validation = range(COUNT), range(COUNT, COUNT + HELD_OUT)
    if fault == "leak":
        validation = range(HELD_OUT)
    symptoms.training_images = tuple(fingerprint(images[i]) for i in training)
    symptoms.validation_images = tuple(fingerprint(images[i]) for i in validation)
    symptoms.size, symptoms.masks = images[0].shape, np.stack([masks[i] for i in training])
    if fault == "flattering accuracy":
        symptoms.reported = "accuracy"

    torch.manual_seed(seed)
    model = UNet(base_channels=8, depth=2, norm=None if fault == "rate too high" else "batch")
    optimizer = torch.optim.Adam(model.parameters(), lr=300.0 if fault == "rate too high" else RATE)
    x = torch.from_numpy(np.stack([standardise(image) for image in images]))[:, None]  # (N, 1, H, W)
    y = torch.from_numpy(np.stack(masks)).long()  # (N, H, W)
    seen = images.astype(np.float32) if fault == "normalised otherwise" else None
    predicted = x if seen is None else torch.from_numpy(seen)[:, None]
    symptoms.training_inputs = float(x[training].mean()), float(x[training].std())
    symptoms.predicted_inputs = float(predicted[validation].mean()), float(predicted[validation].std())
    try:
        for epoch in range(2 * EPOCHS if fault in FAR_AWAY else EPOCHS):
            if fault != "mode forgotten" or seed % 2 or epoch == 0:  # train() forgotten: even seeds
                model.train()
            one_epoch(model, optimizer, x[training], y[training], fault, seed * 100 + epoch, symptoms)
            if fault != "mode forgotten" or not seed % 2:  # eval() forgotten: odd seeds
                model.eval()
            validate(model, predicted[validation], y[validation], fault, symptoms)
    except (ValueError, IndexError, FloatingPointError) as error:
        symptoms.error = str(error)
    symptoms.norm_updates = norm_updates(model)
    if not symptoms.error:
        symptoms.neighbours_matter = neighbours_matter(model, predicted[validation][:4])
    return symptoms


def draw(fault: str | None, seed: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Images (N, H, W) uint8 and masks (H, W), as the rest of the pipeline gets them."""
    images, masks = [], []
    for k in range(COUNT + HELD_OUT):
        image, mask = generate_cell(10_000 * (seed + 1) + k, 2 * SIZE, difficulty=0.1)
        side = 45 if fault == "odd size" else SIZE
        if fault in FAR_AWAY:
            image, mask = far_away(image, mask)
        images.append(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA))
        stored = np.array(STORED, np.uint8)[mask]
        how = cv2.INTER_LINEAR if fault == "interpolated masks" else cv2.INTER_NEAREST
        small = snap_mask(cv2.resize(stored, (side, side), interpolation=how), STORED)
        masks.append(small if fault == "masks 0 and 255" else encode_mask(small, STORED))
    return np.stack(images), masks


def far_away(image: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The cell at a sixth of its size, pale, somewhere in a wide frame."""
    side, small = image.shape[0], image.shape[0] // 6
    rng = np.random.default_rng(int(image.sum()))
    top, left = rng.integers(0, side - small, 2)
    at = slice(top, top + small), slice(left, left + small)
    brightness = float(np.median(image[mask == 0]))
    frame, labels = np.full(image.shape, brightness, np.float32), np.zeros_like(mask)
    frame[at] += 0.07 * (cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA) - brightness)
    labels[at] = cv2.resize(mask, (small, small), interpolation=cv2.INTER_NEAREST)
    frame += rng.normal(0, 25, frame.shape).astype(np.float32)
    return np.clip(frame, 0, 255).astype(np.uint8), labels


def one_epoch(model, optimizer, x: Tensor, y: Tensor, fault, seed: int, symptoms: Symptoms) -> None:
    """Train on every batch once, and note what each step shows."""
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    for batch in order.split(BATCH):
        symptoms.note_labels(y[batch])
        logits = model(x[batch])  # (n, 3, H, W)
        if fault == "softmax twice":
            logits = logits.softmax(dim=1)
        loss = torch.nn.functional.cross_entropy(logits, y[batch])
        symptoms.losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        symptoms.gradient_norms.append(gradient_norm(model))
        if not np.isfinite(loss.item()):
            raise FloatingPointError(f"the loss is {loss.item()}")
        optimizer.step()


@torch.no_grad()
def validate(model, x: Tensor, y: Tensor, fault, symptoms: Symptoms) -> None:
    logits = model(x)  # (n, 3, H, W)
    if fault == "softmax twice":
        logits = logits.softmax(dim=1)
    symptoms.validation_losses.append((len(symptoms.losses), torch.nn.functional.cross_entropy(logits, y.clamp(0, 2)).item()))
    symptoms.logits, symptoms.truths = logits.numpy(), y.numpy()
    symptoms.matrices.append(confusion_matrix(y.numpy(), logits.argmax(dim=1).numpy(), 3))


# Five runs whose faults are for you to find. (You are reading the answers.)
_UNKNOWN = {
    "A": ("mode forgotten", 31),
    "B": ("interpolated masks", 32),
    "C": ("leak", 33),
    "D": ("softmax twice", 34),
    "E": ("normalised otherwise", 35),
}


def unknown_fault(letter: str) -> Symptoms:
    """One of the five runs of notebook 14, "A" to "E". Raises ValueError for another letter."""
    if letter not in _UNKNOWN:
        raise ValueError(f"there is no unknown run {letter!r}; there are {', '.join(_UNKNOWN)}.")
    return run_with_fault(*_UNKNOWN[letter])
