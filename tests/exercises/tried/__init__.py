"""Answers as students write them, from the page alone: right ones in several styles, wrong ones of several kinds.

An answer is the source of a cell; what it defines last is handed to `check`. A wrong one names its kind, what it does, and words
of which one must stand in the finding or in the first hint: the mistake itself, as a lecturer would say it.
"""

from __future__ import annotations

import ast
import importlib
import linecache
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unet_lab.course import CHECKS, checking
from unet_lab.inference import segment

IMPORTS = """
import math, random
import numpy as np, torch
from torch import nn
from torch.nn import functional as F
from unet_lab.blocks import AttentionGate, Bottleneck, ConvBlock, DecoderStage, EncoderStage, center_crop
from unet_lab.datasets import generate_cell
from unet_lab.geometry import unet_receptive_field
from unet_lab.inference import predict, segment
from unet_lab.inspection import activations, skip_worth, without_skip
from unet_lab.losses import cross_entropy, soft_dice_loss
from unet_lab.metrics import confusion_matrix, macro_iou, scores
from unet_lab.unet import UNet
"""


_SEGMENTED: dict[bytes, np.ndarray] = {}


class Row(NamedTuple):
    """One line of the table."""

    exercise: str
    wrong: int
    accepted: int
    right: int
    rejected: int
    named: int

    def __str__(self) -> str:
        return "| " + " | ".join(str(value) for value in self) + " |"


class Exercise:
    """The answers to one exercise. base : a right answer; wrong ones are written as changes of it, (old, new, old, new, …)."""

    def __init__(self, name: str, base: str):
        self.name, self.base = name, base
        self.rights: dict[str, str] = {"as on the page": base}
        self.wrongs: dict[str, tuple[str, str]] = {}

    def source(self, changes: tuple[str, ...]) -> str:
        if len(changes) == 1:
            return changes[0]
        source = self.base
        for old, new in zip(changes[::2], changes[1::2], strict=True):
            if old not in source:
                raise ValueError(f"{self.name}: {old!r} does not stand in the right answer")
            source = source.replace(old, new)
        return source

    def right(self, what: str, *changes: str) -> None:
        if what in self.rights:
            raise ValueError(f"{self.name}: {what!r} is there twice")
        self.rights[what] = self.source(changes)

    def wrong(self, what: str, named: str, *changes: str) -> None:
        """what : "kind: what it does". named : a regular expression for the words that name the mistake."""
        if what in self.wrongs:
            raise ValueError(f"{self.name}: {what!r} is there twice")
        self.wrongs[what] = (self.source(changes), named)

    @property
    def kinds(self) -> set[str]:
        return {what.partition(":")[0] for what in self.wrongs}

    def row(self) -> tuple[Row, list[str]]:
        """The line of the table, and in words what went wrong."""
        remarks, accepted, rejected, named = [], 0, 0, 0
        for what, source in self.rights.items():
            verdict = checking.judge(CHECKS[self.name], answer(source))
            if verdict.state != "right":
                rejected += 1
                remarks.append(f"{self.name}: rejected though right: {what}: {verdict.finding}")
        for what, (source, words) in self.wrongs.items():
            verdict = checking.judge(CHECKS[self.name], answer(source))
            said = " ".join([verdict.finding, *verdict.hints[:1]])
            if verdict.state == "right":
                accepted += 1
                remarks.append(f"{self.name}: accepted though wrong: {what}")
            elif re.search(words, said, re.IGNORECASE):
                named += 1
            else:
                remarks.append(f"{self.name}: not named: {what}: {said}")
        return Row(self.name, len(self.wrongs), accepted, len(self.rights), rejected, named), remarks


def segmented(image):
    """`segment`, which takes long, once for each image."""
    key = image.tobytes()
    if key not in _SEGMENTED:
        _SEGMENTED[key] = segment(image)
    return _SEGMENTED[key].copy()


def answer(source: str):
    """What a cell with this source defines last."""
    names: dict = {"__name__": "answers"}
    exec(compile(IMPORTS, "<imports>", "exec"), names)
    names["segment"] = segmented
    tree = ast.parse(source)
    last = tree.body[-1]
    place = f"<ipython-input-{hash(source) & 0xFFFFFF:x}>"
    linecache.cache[place] = (len(source), None, source.splitlines(True), place)
    if isinstance(last, ast.Expr):
        exec(compile(ast.Module(tree.body[:-1], []), place, "exec"), names)
        return eval(compile(ast.Expression(last.value), place, "eval"), names)
    exec(compile(tree, place, "exec"), names)
    if isinstance(last, ast.FunctionDef | ast.ClassDef):
        return names[last.name]
    return names[last.targets[0].id]


def exercises() -> dict[str, Exercise]:
    """All of them, in the order of the notebooks."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("n[0-9][0-9]_*.py")):
        module = importlib.import_module(f"{__name__}.{path.stem}")
        found |= {exercise.name: exercise for exercise in vars(module).values() if isinstance(exercise, Exercise)}
    return {name: found[name] for name in CHECKS if name in found}
