"""How cost grows: time and memory against size, and the slope, for what a lesson, a lab or a class may have much of.

    .venv/bin/python benchmarks/scaling.py [--quick] [NAME ...]

Each size runs in a process of its own: once while its memory is watched, and how far it grows beyond what it held before; then
three times more, of which the best counts, where once takes less than five seconds. The slope is that of log(time) over log(size)
between the two largest sizes: 1 is linear in what the column counts. NAME is the start of a row's name; --quick leaves the
largest size out.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

HERE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(HERE))
from benchmarks.table import peak_of  # noqa: E402

LONG = 5.0  # seconds: what takes longer runs once
Work = Callable[[], object]


class Scale(NamedTuple):
    """What grows: its unit, the sizes, how the work is made ready for a size, and what a slope is counted in."""

    name: str
    unit: str
    sizes: tuple[int, ...]
    ready: Callable[[int, Path], Work]
    counted: Callable[[int], int] = lambda size: size


def pixels(side: int) -> int:
    return side * side


def tiled(side: int, _folder: Path) -> Work:
    from unet_lab.datasets import generate_cell
    from unet_lab.inference import predict_tiled
    from unet_lab.weights import load_pretrained

    model, image = load_pretrained(), np.tile(generate_cell(4, 256).image, (side // 256, side // 256))
    return lambda: predict_tiled(model, image, tile=512)


def segmented(side: int, _folder: Path) -> Work:
    from unet_lab.datasets import generate_cell
    from unet_lab.inference import segment

    image = np.tile(generate_cell(4, 256).image, (side // 256, side // 256))
    return lambda: segment(image)


def counted_classes(classes: int, _folder: Path) -> Work:
    from unet_lab.metrics import confusion_matrix, scores

    truth, prediction = np.random.default_rng(0).integers(0, classes, (2, 2000, 2000), np.uint8)
    return lambda: scores(confusion_matrix(truth, prediction, classes))


def loss_of_classes(classes: int, _folder: Path) -> Work:
    import torch

    from unet_lab.losses import dice_and_cross_entropy

    random = torch.Generator().manual_seed(0)
    logits = torch.randn(1, classes, 512, 512, generator=random, requires_grad=True)
    mask = torch.randint(0, classes, (1, 512, 512), generator=random)
    return lambda: dice_and_cross_entropy(logits, mask).backward()


def folder_of(images: int, folder: Path) -> tuple[Path, Path]:
    """Two folders with as many cells of 64 x 64 pixels as asked for, each another file."""
    import cv2

    from unet_lab.datasets import generate_cell

    cells = [generate_cell(seed, 64) for seed in range(20)]
    for name in ("images", "masks"):
        (folder / name).mkdir()
    for number in range(images):
        image, mask = cells[number % 20]
        cv2.imwrite(str(folder / "images" / f"{number:05d}.png"), np.roll(image, number // 20, axis=1))
        cv2.imwrite(str(folder / "masks" / f"{number:05d}.png"), np.roll(mask, number // 20, axis=1) * 100)
    return folder / "images", folder / "masks"


def loaded(images: int, folder: Path) -> Work:
    from unet_lab.datasets import load_folder, split

    where = folder_of(images, folder)
    return lambda: split(load_folder(*where, codes=(0, 100, 200)))


def examined(images: int, folder: Path) -> Work:
    from unet_lab.doctor import examine_data

    where = folder_of(images, folder)
    return lambda: examine_data(*where, (0, 100, 200))


def discs(count: int) -> np.ndarray:
    """A field 2000 x 2000 with as many discs, numbered, none touching another."""
    labels = np.zeros((2000, 2000), np.int32)
    across = math.ceil(math.sqrt(count))
    step = 2000 // across
    down, over = np.ogrid[:step, :step]
    disc = (down - step / 2) ** 2 + (over - step / 2) ** 2 < (0.4 * step) ** 2
    for number in range(count):
        row, column = divmod(number, across)
        labels[row * step : (row + 1) * step, column * step : (column + 1) * step][disc] = number + 1
    return labels


def scored_objects(count: int, _folder: Path) -> Work:
    from unet_lab.objects import label_objects, object_scores

    truth = discs(count)
    moved = np.roll(truth > 0, 2, axis=1)
    return lambda: object_scores(truth, label_objects(moved))


def separated(count: int, _folder: Path) -> Work:
    from unet_lab.objects import separate

    field = discs(count) > 0
    return lambda: separate(field)


def handed_in(count: int, folder: Path) -> Work:
    """Submissions are found and their tables written; marking runs each by itself, and is linear by that."""
    from unet_lab.course import LESSON_NAMES
    from unet_lab.course.grading import Row, find_submissions, write_tables

    source = (HERE / "notebooks" / "08_evaluation.ipynb").read_text(encoding="utf-8")
    for number in range(count):
        path = folder / "class" / f"stu{number:04d}_08_evaluation.ipynb"
        path.parent.mkdir(exist_ok=True)
        path.write_text(source, encoding="utf-8")

    def work():
        found = find_submissions(folder / "class")
        rows = [Row(one.student, one.path.name, name, "right", "") for one in found for name in LESSON_NAMES["08_evaluation"]]
        return write_tables(rows, folder / "grades.csv")

    return work


def tables_of(exercises: int, folder: Path) -> Work:
    """The tables of a class of a hundred."""
    from unet_lab.course import CHECKS
    from unet_lab.course.grading import Row, write_tables

    rows = [Row(f"stu{k}", "all.ipynb", name, "right") for k in range(100) for name in list(CHECKS)[:exercises]]
    return lambda: write_tables(rows, folder / "grades.csv")


SCALES = (
    Scale("predict_tiled, tiles of 512", "pixels a side", (256, 512, 1024, 2048, 4096), tiled, pixels),
    Scale("segment", "pixels a side", (256, 512, 1024, 2048, 4096), segmented, pixels),
    Scale("confusion matrix and scores, 4 megapixels", "classes", (2, 5, 10, 20), counted_classes),
    Scale("Dice and cross entropy with gradient, 512 x 512", "classes", (2, 5, 10, 20), loss_of_classes),
    Scale("load_folder and split, 64 x 64", "images", (10, 100, 1000, 10_000), loaded),
    Scale("examine_data, 64 x 64", "images", (10, 100, 1000, 10_000), examined),
    Scale("label and score objects, 4 megapixels", "cells in the field", (10, 100, 1000), scored_objects),
    Scale("separate, 4 megapixels", "cells in the field", (10, 100, 1000), separated),
    Scale("find submissions, write tables", "submissions", (10, 100, 1000), handed_in),
    Scale("tables of a class of a hundred", "exercises", (5, 10, 20, 40), tables_of),
)


def measure(name: str, size: int) -> dict[str, float]:
    """Seconds and MB of one size, in this process."""
    (scale,) = (scale for scale in SCALES if scale.name == name)
    with tempfile.TemporaryDirectory() as folder:
        work = scale.ready(size, Path(folder))
        began = time.perf_counter()
        peak = peak_of(work)
        times = [time.perf_counter() - began]
        for _ in range(3 if times[0] < LONG else 0):
            began = time.perf_counter()
            work()
            times.append(time.perf_counter() - began)
    return {"seconds": min(times), "mb": peak / 1e6}


def measured(scale: Scale, size: int) -> dict[str, float]:
    line = [sys.executable, __file__, "--measure", scale.name, str(size)]
    done = subprocess.run(line, cwd=HERE, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | {"TQDM_DISABLE": "1"})
    return json.loads(done.stdout.splitlines()[-1])


def slope(scale: Scale, found: dict[int, dict[str, float]], what: str) -> float:
    """Of log(cost) over log(what is counted), between the two largest sizes; nan where nothing was used."""
    small, large = sorted(found)[-2:]
    ratio = found[large][what] / found[small][what] if found[small][what] else float("nan")
    return math.log(ratio) / math.log(scale.counted(large) / scale.counted(small)) if ratio > 0 else float("nan")


def main() -> None:
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(sys.argv[2], int(sys.argv[3]))))
        return
    names = [word for word in sys.argv[1:] if not word.startswith("--")] or [""]
    print("| What | grows with | seconds | MB | slope of time |\n|---|---|---|---|---|")
    for scale in SCALES:
        if not any(scale.name.startswith(name) for name in names):
            continue
        sizes = scale.sizes[:-1] if "--quick" in sys.argv else scale.sizes
        found = {size: measured(scale, size) for size in sizes}
        seconds = ", ".join(f"{size}: {f['seconds']:.3g}" for size, f in found.items())
        memory = ", ".join(f"{f['mb']:.0f}" for f in found.values())
        print(f"| {scale.name} | {scale.unit} | {seconds} | {memory} | {slope(scale, found, 'seconds'):.2f} |", flush=True)


if __name__ == "__main__":
    main()
