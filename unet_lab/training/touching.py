"""Touching cells: what a network is told about contacts, and how its answer is made into cells (notebook 17)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import nn

from unet_lab.datasets.generator import Field, generate_field
from unet_lab.datasets.pairs import SegmentationDataset
from unet_lab.files import DATA, write_whole
from unet_lab.inference.predict import predict_logits
from unet_lab.losses import border_weights
from unet_lab.objects import area_bias, label_objects, object_scores, separate, touching_borders
from unet_lab.training.running import train
from unet_lab.unet import UNet

if TYPE_CHECKING:
    import pandas as pd

TOUCHING = DATA / "touching.json"
TARGETS = ("mask", "gap", "border")
WAYS = ("label", "distance", "border")
WAY_NAMES = {"label": "labelled", "distance": "cut at waists", "border": "watershed"}
BORDER = 3  # the class of contacts, beside background, body and nucleus
FIRST_SEEDS = {"training": 1000, "test": 0}


@dataclass(frozen=True)
class FieldProtocol:
    """What is the same for all that are compared: fields to learn from, other fields to be scored on, steps, rate, weights."""

    training: int = 24  # fields
    size: int = 128  # pixels
    cells: int = 14  # in each field
    test: int = 6
    test_size: int = 256
    test_cells: int = 50
    difficulty: float = 0.3
    batch_size: int = 4
    learning_rate: float = 0.01
    w0: float = 10.0  # of the 2015 paper's border weights
    sigma: float = 5.0
    min_area: int = 30  # pixels: smaller objects are dropped as specks
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)  # of the weights and of the batches' order

    def fields(self, what: str) -> list[Field]:
        """The fields for "training" or for "test"."""
        count, size, cells = (
            (self.training, self.size, self.cells) if what == "training" else (self.test, self.test_size, self.test_cells)
        )
        return drawn_fields(FIRST_SEEDS[what], count, size, cells, self.difficulty)


@cache
def drawn_fields(first: int, count: int, size: int, cells: int, difficulty: float) -> list[Field]:
    """Fields by `generate_field`, each drawn once in a process."""
    return [generate_field(first + k, size, cells, difficulty=difficulty) for k in range(count)]


@dataclass(frozen=True)
class Lesson:
    """What a network is told: its targets ("mask", "gap" or "border"), how wide contacts are drawn, and how long it learns."""

    target: str
    weighted: bool = False
    width: int = 1  # of a contact, in pixels to each side
    epochs: int = 12

    @property
    def words(self) -> str:
        """The target, and whether it was weighted, as in a legend."""
        return f"{self.target}, weights" if self.weighted else self.target


class Separation(NamedTuple):
    """What came out of one lesson for one way to make cells of the answer; lists have one entry per seed."""

    lesson: Lesson
    way: str
    f1: list[float]  # of objects, at an IoU of 0.5
    counted: list[float]  # predicted cells over true cells
    merges: list[int]
    splits: list[int]
    pixel_iou: list[float]  # of all that is not background
    area_bias: list[float]  # of matched cells, relative


def contact_target(field: Field, target: str, width: int = 1) -> np.ndarray:
    """Class indices int64 (H, W) to learn: the mask as it is, its contacts as background ("gap"), or as class 3 ("border").

    A contact is what lies within `width` pixels of two cells, inside of cells.
    """
    if target not in TARGETS:
        raise ValueError(f"target is {target!r}; allowed are 'mask', 'gap' (contacts are background) and 'border' (class 3).")
    mask = field.mask.astype(np.int64)
    if target == "mask":
        return mask
    contact = touching_borders(field.cells, width) & (field.cells > 0)
    return np.where(contact, 0 if target == "gap" else BORDER, mask)


def contact_weights(field: Field, width: int = 1, w0: float = 10.0, sigma: float = 5.0) -> np.ndarray:
    """The 2015 paper's weight map, float32 (H, W), for cells between which contacts of `width` were taken out."""
    apart = np.where(touching_borders(field.cells, width), 0, field.cells.astype(np.int64))
    return border_weights(apart, w0, sigma)


def learn(lesson: Lesson, fields: Sequence[Field], seed: int, protocol: FieldProtocol) -> nn.Module:
    """A small U-Net trained on whole fields, on the CPU in float32, so that all are alike on every machine."""
    targets = [contact_target(f, lesson.target, lesson.width) for f in fields]
    classes = 4 if lesson.target == "border" else 3
    dataset = SegmentationDataset([(f.image, target) for f, target in zip(fields, targets, strict=True)], classes)
    if lesson.weighted:
        dataset = dataset.with_weights([contact_weights(f, lesson.width, protocol.w0, protocol.sigma) for f in fields])
    torch.manual_seed(seed)
    model = UNet(base_channels=8, depth=3, num_classes=classes)
    settings: dict[str, Any] = {"batch_size": protocol.batch_size, "learning_rate": protocol.learning_rate, "seed": seed}
    for _ in train(model, dataset, epochs=lesson.epochs, device="cpu", precision="float32", **settings):
        pass
    return model


def class_probabilities(model: nn.Module, image: np.ndarray) -> np.ndarray:
    """Probabilities float32 (C, H, W) of an image (H, W)."""
    return predict_logits(model, image).softmax(dim=0).cpu().numpy()


def to_cells(probabilities: np.ndarray, way: str, min_area: int = 0) -> np.ndarray:
    """Object numbers int32 (H, W): connected pieces ("label"), cut at waists ("distance"), or by the border class ("border").

    probabilities : (3, H, W), or (4, H, W) with the border last, which "label" takes for background and "distance" for cell.
    """
    if way not in WAYS:
        raise ValueError(f"way is {way!r}; allowed are 'label', 'distance' and 'border' (of a network that was taught a border).")
    if way != "label":
        return separate(probabilities, way, min_area=min_area)
    return label_objects(probabilities.argmax(axis=0), classes=(1, 2), min_area=min_area)


def score_cells(probabilities: Sequence[np.ndarray], fields: Sequence[Field], way: str, min_area: int = 0) -> dict[str, Any]:
    """One network's answers for all fields, made into cells and scored: what `Separation` holds for one seed, by name."""
    truths = [field.cells.astype(np.int32) for field in fields]
    found = [to_cells(p, way, min_area) for p in probabilities]
    scored = object_scores(truths, found)
    seen = np.stack([p.argmax(axis=0) > 0 for p in probabilities])  # (N, H, W)
    true = np.stack(truths) > 0
    return {
        "f1": scored.f1,
        "counted": scored.predicted_objects / scored.true_objects,
        "merges": scored.merges,
        "splits": scored.splits,
        "pixel_iou": float((seen & true).sum() / (seen | true).sum()),
        "area_bias": area_bias(truths, found),
    }


def separations(lesson: Lesson, protocol: FieldProtocol) -> list[Separation]:
    """Train with every seed, and score every way that this lesson allows."""
    ways = WAYS if lesson.target == "border" else WAYS[:2]
    scored: dict[str, list[dict]] = {way: [] for way in ways}
    test = protocol.fields("test")
    for seed in protocol.seeds:
        model = learn(lesson, protocol.fields("training"), seed, protocol)
        answers = [class_probabilities(model, field.image) for field in test]
        for way in ways:
            scored[way].append(score_cells(answers, test, way, protocol.min_area))
    names = Separation._fields[2:]
    return [Separation(lesson, way, *([one[name] for one in found] for name in names)) for way, found in scored.items()]


def save_separations(rows: Sequence[Separation], protocol: FieldProtocol, path: Path = TOUCHING) -> None:
    """Write a table with its protocol as JSON, whole; numbers to four digits."""
    rounded = [
        {n: [round(v, 4) for v in values] for n, values in row._asdict().items() if n not in ("lesson", "way")} for row in rows
    ]
    kept = [{"lesson": asdict(row.lesson), "way": row.way, **numbers} for row, numbers in zip(rows, rounded, strict=True)]
    write_whole(path, json.dumps({"protocol": asdict(protocol), "rows": kept}, indent=1).encode())


def load_separations(path: Path = TOUCHING) -> tuple[FieldProtocol, list[Separation]]:
    """Read what `save_separations` wrote."""
    stored = json.loads(Path(path).read_text(encoding="utf-8"))
    settings: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in stored["protocol"].items()}
    protocol = FieldProtocol(**settings)
    return protocol, [Separation(Lesson(**row.pop("lesson")), **row) for row in stored["rows"]]


def separation_table(rows: Sequence[Separation]) -> pd.DataFrame:
    """Rows as a table in words: mean and standard deviation over the seeds (divided by n - 1)."""
    import pandas as pd

    def spread(values, digits):
        return f"{np.mean(values):.{digits}f} ± {np.std(values, ddof=1):.{digits}f}"

    return pd.DataFrame([
        {
            "taught": row.lesson.words,
            "then": WAY_NAMES[row.way],
            "epochs": row.lesson.epochs,
            "F1": spread(row.f1, 2),
            "lowest": f"{min(row.f1):.2f}",
            "merges": spread(row.merges, 1),
            "splits": spread(row.splits, 1),
            "areas (%)": spread(100 * np.array(row.area_bias), 1),
        }
        for row in rows
    ])  # fmt: skip
