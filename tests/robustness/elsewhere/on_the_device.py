"""What the library's functions do with a network on a device that is not the CPU; started by
test_device.py with UNET_LAB_DEVICE=elsewhere.

    python -m tests.robustness.elsewhere.on_the_device FOLDER

Prints a JSON object: for each case "" or the error that it ended with.
"""

from __future__ import annotations

import copy
import json
import sys
import traceback
import warnings
from pathlib import Path

from tests.robustness.elsewhere import device

device.register()

import numpy as np  # noqa: E402
import torch  # noqa: E402

from unet_lab import acceleration, doctor, explorers, inference, inspection, losses, training  # noqa: E402
from unet_lab.acceleration.timing import machine_peak  # noqa: E402
from unet_lab.datasets import SegmentationDataset, generate_cell  # noqa: E402
from unet_lab.datasets.augmentation import Augmentation  # noqa: E402
from unet_lab.training import best_device  # noqa: E402
from unet_lab.unet import UNet  # noqa: E402
from unet_lab.weights import load_pretrained, load_weights, save_weights  # noqa: E402

FOLDER = Path(sys.argv[1])
CELLS = SegmentationDataset.generated(4, size=32)
CELL = generate_cell(seed=1, size=64)
IMAGE = CELL.image
QUICK = {"epochs": 1, "batch_size": 2}


def network(**settings) -> UNet:
    torch.manual_seed(0)
    return UNet(**{"base_channels": 4, "depth": 2} | settings).to(best_device()).eval()


MODEL = network()
BATCH = torch.randn(2, 1, 32, 32).to(best_device())


def fitted(**settings):
    model = UNet(base_channels=4, depth=2)
    history = training.fit(model, CELLS, CELLS, **QUICK | settings)
    assert next(model.parameters()).device.type == device.NAME
    return model, history


def resumed():
    for epochs in (1, 2):
        _, history = fitted(epochs=epochs, checkpoint=FOLDER / "run.pt", clip=1.0)
    assert len(history.reports) == 2
    state = torch.load(FOLDER / "run.pt", weights_only=True)
    assert all(value.device.type == "cpu" for value in state["model"].values())


def saved_and_loaded():
    save_weights(MODEL, FOLDER / "w.safetensors")
    assert torch.equal(load_weights(FOLDER / "w.safetensors").head.weight, MODEL.head.weight.cpu())


def same_as_on_the_cpu():
    """The device computes what the CPU computes: the stand-in does not change the lesson."""
    ours, theirs = copy.deepcopy(MODEL).cpu(), MODEL
    expected, found = (inference.predict_logits(model, IMAGE).cpu() for model in (ours, theirs))
    assert torch.allclose(expected, found, atol=1e-4)


def drawn(explorer):
    """An explorer, its picture, and the picture after each control was moved once."""
    for control in getattr(explorer, "controls", {}).values():
        if getattr(control, "options", None):
            control.value = control.options[-1] if not isinstance(control.options[-1], tuple) else control.options[-1][1]
        elif hasattr(control, "max"):
            control.value = control.max
    return explorer


def faults():
    symptoms = doctor.observe(MODEL, CELLS)
    return doctor.examine_run(symptoms), drawn(explorers.explore_failures({None: symptoms}))


def accelerated():
    found = acceleration.accelerate(MODEL, BATCH, "lower", seconds=0.2, progress=False)
    acceleration.table(found.trials)
    return found(BATCH).cpu()


CASES = {
    "predictions are the CPU's": same_as_on_the_cpu,
    "predict": lambda: inference.predict(MODEL, IMAGE),
    "predict_labels": lambda: inference.predict_labels(MODEL, IMAGE),
    "predict with dropout": lambda: inference.predict_logits(network(dropout=0.5), IMAGE, dropout=True).softmax(0).std(0).cpu(),
    "predict_tiled": lambda: [inference.predict_tiled(MODEL, IMAGE, tile=112, blend=blend) for blend in inference.BLENDS],
    "segment": lambda: inference.segment_with_confidence(IMAGE, views=8),
    "valid padding": lambda: inference.predict(network(padding="valid"), IMAGE),
    "fit": fitted,
    "fit with augmentation": lambda: fitted(augmentation=Augmentation()),
    "fit with patches and workers": lambda: fitted(patch=16, workers=1),
    "fit with a loss of one's own": lambda: fitted(loss=losses.dice_and_cross_entropy, recompute=True),
    "every loss": lambda: [
        one(MODEL(BATCH), torch.zeros(2, 32, 32, dtype=torch.long).to(best_device())).item()
        for one in (losses.cross_entropy, losses.soft_dice_loss, losses.focal_loss, losses.dice_and_cross_entropy)
    ],
    "checkpoint and resume": resumed,
    "evaluate": lambda: training.evaluate(MODEL, CELLS),
    "find_learning_rate": lambda: training.find_learning_rate(network(), CELLS, tries=10, batch_size=2),
    "plan_training": lambda: training.plan_training(MODEL, CELLS, **QUICK),
    "weights": saved_and_loaded,
    "folding": lambda: acceleration.fold_batch_norm(MODEL)(BATCH).cpu(),
    "Winograd": lambda: acceleration.WinogradConv2d(torch.nn.Conv2d(2, 3, 3, padding=1).to(best_device()))(
        torch.randn(1, 2, 16, 16).to(best_device())
    ).cpu(),
    "accelerate": accelerated,
    "export": lambda: acceleration.export(MODEL, FOLDER / "net.onnx", BATCH),
    "machine_peak": lambda: machine_peak(size=64, rounds=1, device=device.NAME),
    "activations": lambda: [a.numpy() for a in inspection.activations(MODEL, IMAGE).values()],
    "cost": lambda: inspection.cost(MODEL, IMAGE),
    "shapes": lambda: inspection.shapes(MODEL, IMAGE),
    "layer_times": lambda: inspection.layer_times(MODEL, IMAGE, rounds=1),
    "effective_receptive_field": lambda: inspection.effective_receptive_field(MODEL, IMAGE, (32, 32)),
    "measured_receptive_field": lambda: inspection.measured_receptive_field(MODEL, 64, 32),
    "occlusion": lambda: inspection.occlusion(MODEL, IMAGE, patch=16),
    "saliency": lambda: inspection.saliency(MODEL, IMAGE, (32, 32)),
    "shift_difference": lambda: [t.cpu() for t in inspection.shift_difference(MODEL, IMAGE, down=3, margin=4, largest=4)],
    "skip_worth": lambda: [inspection.skip_worth(MODEL, CELLS.pairs[:1], instead) for instead in inspection.INSTEAD],
    "what the network says of itself": lambda: (MODEL.receptive_field(32), MODEL.tile_margin(), MODEL.nearest_sizes(50)),
    "examine_model": lambda: doctor.examine_model(MODEL, CELLS, CELLS),
    "faults": faults,
    "explore_attribution": lambda: drawn(explorers.explore_attribution(MODEL, IMAGE, patch=16)),
    "explore_feature_maps": lambda: drawn(explorers.explore_feature_maps(MODEL, IMAGE)),
    "explore_loss": lambda: drawn(explorers.explore_loss(MODEL, IMAGE, CELL.mask)),
    "explore_network": lambda: explorers.explore_network(MODEL, IMAGE, CELL.mask),
    "explore_painting": lambda: explorers.explore_painting({"tiny": MODEL}),
    "explore_preparation": lambda: drawn(explorers.explore_preparation(MODEL)),
    "explore_receptive_field": lambda: drawn(explorers.explore_receptive_field(MODEL, IMAGE)),
    "explore_shift": lambda: drawn(explorers.explore_shift(MODEL, IMAGE, largest=4)),
    "explore_skips": lambda: drawn(explorers.explore_skips(MODEL, size=64)),
    "explore_tiling": lambda: drawn(explorers.explore_tiling(MODEL, IMAGE, tile=32)),
    "watch_training": lambda: explorers.watch_training(training.train(MODEL, CELLS, CELLS, **QUICK), MODEL, CELLS),
    "shipped weights": lambda: inference.predict(load_pretrained().to(best_device()), IMAGE),
}


def refused(work) -> str:
    """The words of the error that the work ends with; "" where it goes through."""
    try:
        work()
    except (TypeError, RuntimeError) as error:
        return str(error)
    return ""


STRICT = {  # what a GPU refuses: without it the cases above would prove nothing
    "numpy": refused(lambda: BATCH.numpy()),
    "numpy's own way": refused(lambda: np.asarray(BATCH)),
    "a mixture": refused(lambda: BATCH + torch.ones(32)),
    "a network of the CPU": refused(lambda: UNet(base_channels=2, depth=1)(BATCH)),
    "float64": refused(lambda: BATCH.double()),
    "the CPU's generator": refused(lambda: torch.randn(3, device=device.NAME, generator=torch.Generator())),
}


def main() -> None:
    found = {"strict": STRICT, "device": str(best_device())}
    warnings.simplefilter("ignore")
    for name, case in CASES.items():
        try:
            case()
            found[name] = ""
        except Exception:  # whatever it is, the next case is next
            found[name] = traceback.format_exc(limit=-6)
    (FOLDER / "found.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
