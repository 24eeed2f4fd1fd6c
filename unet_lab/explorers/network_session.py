"""What stands behind the network view: a network, an image, what was done to both, and answers to the view's questions.

The methods are those of the engine that network.js describes; arrays are NumPy's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import Any

import numpy as np
import torch
from matplotlib.colors import to_hex
from torch import nn

from unet_lab.datasets.masks import CLASS_NAMES
from unet_lab.explorers.network_images import Prepared, prepare, read_bytes, stroke
from unet_lab.foreign import unwrapped
from unet_lab.inspection.ablation import INSTEAD, without_skip
from unet_lab.inspection.activations import as_input
from unet_lab.inspection.fields import FieldProbe
from unet_lab.inspection.numbers import number_at
from unet_lab.inspection.stages import Stage, skips_of, stages_of
from unet_lab.inspection.trace import Trace, muting, out_of_place, output_of, steps_of, trace
from unet_lab.inspection.worth import channel_worth
from unet_lab.losses import IGNORE
from unet_lab.metrics import confusion_matrix, scores
from unet_lab.plots.figure import class_colours
from unet_lab.plots.images import as_rgb
from unet_lab.unet import UNet

Answer = dict[str, Any]
Pair = tuple[np.ndarray, np.ndarray | None]  # an image and its truth


class NetworkSession:
    """A network and one image at a time; remembers what was painted, cut and switched off, and runs the network when asked."""

    def __init__(
        self, model: nn.Module, images: Mapping[str, Pair | Callable[[], Pair]], class_names: Sequence[str] | None = None
    ):
        self.model, self.images = model, dict(images)
        self.chosen = next(iter(self.images))
        self.prepared = prepare(model, *self.pair(self.chosen))
        self.image = self.prepared.image
        self.cuts: dict[int, str] = {}
        self.muted: dict[str, list[int]] = {}
        self._fresh: dict[str, Any] = {}  # what was computed for the image as it is now
        self.before = trace(model, as_input(model, self.image))
        self._fresh["run"] = self.before
        self.prepared = self.judged(self.prepared)
        self.steps = steps_of(self.before)
        self.stages = stages_of(model, self.steps)
        self.skips = skips_of(model, self.steps, self.stages)
        count = len(self.before.logits)
        self.class_names = list(class_names or (CLASS_NAMES if count == 3 else (f"class {k}" for k in range(count))))
        if len(self.class_names) != count or not all(isinstance(name, str) for name in self.class_names):
            raise ValueError(f"class_names is {class_names!r}; this network has {count} classes, and each needs a name.")

    def pair(self, name: str) -> Pair:
        """An image and its truth; where a function was given, made now."""
        given = self.images[name]
        return given() if callable(given) else given

    @property
    def run(self) -> Trace:
        """The run of the image as it is painted, through the network as it is cut and muted."""
        fresh = self._fresh  # the view's own thread may put another in its place meanwhile
        if "run" not in fresh:
            with self.conditions():
                fresh["run"] = trace(self.model, as_input(self.model, self.image), self.muted)
        return fresh["run"]

    @contextmanager
    def conditions(self) -> Iterator[None]:
        """Inside, the skips that are cut are cut."""
        with ExitStack() as stack:
            for level, how in self.cuts.items():
                instead = self.other_skips[level] if how == "swapped" else how
                stack.enter_context(without_skip(self.model, level, instead))
            yield

    @cached_property
    def other_skips(self) -> dict[int, torch.Tensor]:
        """The skips (1, C, H, W) of the image mirrored and turned: of the right statistics, of another picture."""
        turned = np.ascontiguousarray(self.prepared.image[::-1, ::-1])
        run = trace(self.model, as_input(self.model, turned))
        shown = {stage.name: stage.shown for stage in self.stages}
        return {s.level: run.outputs[shown[s.source]][None] for s in self.skips if s.level is not None}

    @cached_property
    def mask_before(self) -> np.ndarray:
        """The mask (H', W') of the image with nothing painted, cut or switched off."""
        return self.before.logits.argmax(dim=0).cpu().numpy()

    def describe(self) -> Answer:
        colours = [to_hex(c) for c in class_colours(len(self.class_names))]
        return {
            "title": type(self.model).__name__,
            "classes": [{"name": n, "colour": c} for n, c in zip(self.class_names, colours, strict=True)],
            "stages": [s._asdict() | {"label": labelled(s, isinstance(unwrapped(self.model), UNet))} for s in self.stages],
            "steps": {n: self.described_step(n) for n in self.steps},
            "skips": [{"level": s.level, "from": s.source, "to": s.target} for s in self.skips],
            "images": [{"id": name, "name": name} for name in self.images],
            "canOpen": True,
            "field": "gradient",
        }

    def described_step(self, name: str) -> Answer:
        step = self.steps[name]
        stage = next((s.name for s in self.stages if name in s.steps), "image")
        sources = [source._asdict() for source in step.sources]
        module = self.run.module(name)
        label = {"image": "image", "sum": "sum", "other": name}.get(step.kind) or f"{step.kind} ({type(module).__name__})"
        return {"label": label, "kind": step.kind, "stage": stage, "shape": list(step.shape), "sources": sources}

    def state(self) -> Answer:
        image = {"id": self.chosen, "name": self.chosen, "note": self.prepared.note}
        painted = self.image is not self.prepared.image
        return {"image": image, "cuts": {str(k): v for k, v in self.cuts.items()}, "muted": self.muted, "painted": painted}

    def picture(self) -> Answer:
        shown = (255 * as_rgb(self.image)).round().astype(np.uint8)
        return {"height": shown.shape[0], "width": shown.shape[1], "bytes": shown}

    def prediction(self) -> Answer:
        probability = self.run.logits.float().softmax(dim=0)
        confidence, mask = (t.cpu().numpy() for t in probability.max(dim=0))
        before = self.mask_before
        height, width = mask.shape
        top, left = ((a - b) // 2 for a, b in zip(self.image.shape[:2], mask.shape, strict=True))
        truth = self.prepared.truth
        against = before if truth is None else truth[top : top + height, left : left + width]
        found = scores(confusion_matrix(against, mask, len(probability)), average=None).iou
        return {
            "height": height,
            "width": width,
            "top": top,
            "left": left,
            "mask": mask.astype(np.uint8),
            "confidence": (255 * confidence).round().astype(np.uint8),
            "before": before.astype(np.uint8),
            "changed": float((mask != before).mean()),
            "iou": [None if np.isnan(v) else float(v) for v in found],
            "against": "before" if truth is None else "truth",
        }

    def values(self, step: str, into: bool = False) -> np.ndarray:
        """What a step gives, or what goes into it, float32 (C, H, W)."""
        return self.tensor(step, into).float().cpu().numpy()

    def tensor(self, step: str, into: bool = False) -> torch.Tensor:
        run = self.run
        return run.inputs[step] if into and step in run.inputs else output_of(run, step)

    def maps(
        self, step: str, channels: Sequence[int] | None = None, strongest: int = 0, size: int = 512, into: bool = False
    ) -> Answer:
        values = self.values(step, into)
        if channels is not None:
            channels = checked_channels(step, channels, len(values))
        else:
            strength = self.tensor(step, into).float().abs().mean(dim=(1, 2)).cpu().numpy()
            channels = np.argsort(-strength, kind="stable")[: strongest or None].tolist()
        values = smaller(values[list(channels)], size)
        low, high = (f(values, axis=(1, 2), keepdims=True) for f in (np.min, np.max))
        scaled = (values - low) / np.where(high > low, high - low, 1)
        return {
            "channels": list(channels),
            "height": values.shape[1],
            "width": values.shape[2],
            "low": low.ravel(),
            "high": high.ravel(),
            "bytes": (255 * scaled).round().astype(np.uint8),
        }

    def statistics(self, step: str) -> Answer:
        values = self.values(step)
        return {"mean": values.mean(axis=(1, 2)), "variance": values.var(axis=(1, 2))}

    def worth(self, step: str, channels: Sequence[int]) -> Answer:
        self.must_be_layer(step)
        channels = checked_channels(step, channels, self.steps[step].shape[0])
        with self.conditions(), muting(self.model, self.muted):
            fall, changed = channel_worth(self.run, step, channels)
        return {"fall": fall, "changed": changed}

    def must_be_layer(self, step: str) -> None:
        if step not in self.steps:
            output_of(self.run, step)  # says which there are
        if self.run.module(step) is None:
            raise ValueError(f"{step} is no layer: only a layer's channels can be switched off.")

    def number(self, step: str, channel: int, row: int, column: int) -> Answer:
        return number_at(self.run, self.steps, step, channel, row, column)

    def field(self, row: int, column: int) -> Answer:
        height, width = self.run.logits.shape[1:]
        for name, value, size in (("row", row, height), ("column", column, width)):
            if not isinstance(value, int | np.integer) or not 0 <= value < size:
                raise ValueError(f"{name} is {value!r}; the mask has {name}s 0 to {size - 1}.")
        if "probe" not in self._fresh:
            shown = [s.shown for s in self.stages if " (" not in s.shown and self.run.module(s.shown) is not None]
            with self.conditions(), muting(self.model, self.muted), out_of_place(self.model):
                self._fresh["probe"] = FieldProbe(self.model, as_input(self.model, self.image), shown)
        probe: FieldProbe = self._fresh["probe"]
        named = {stage.shown: stage.name for stage in self.stages} | {"input": "image"}
        fields = []
        for name, field in probe.fields((row, column)).items():
            scaled = (255 * (field / (field.max() or 1)) ** 0.5).round().astype(np.uint8)
            fields.append({"stage": named[name], "height": field.shape[0], "width": field.shape[1], "bytes": scaled})
        return {"className": self.class_names[int(self.run.logits[:, row, column].argmax())], "fields": fields}

    def changed(self, *kept: str) -> Answer:
        """Forget what was computed before a change."""
        self._fresh = {name: self._fresh[name] for name in kept if name in self._fresh}
        return self.state()

    def judged(self, prepared: Prepared) -> Prepared:
        """The image without its truth, and a note, where the truth has classes that the network does not have."""
        truth, count = prepared.truth, len(self.before.logits)
        if truth is None or truth[truth != IGNORE].max(initial=0) < count:
            return prepared
        note = f"its truth left out, which has other classes than this network's {count}"
        return prepared._replace(truth=None, note="; ".join(filter(None, (prepared.note, note))))

    def show(self, prepared: Prepared) -> Answer:
        """Another image, with nothing painted; what is cut and switched off stays so."""
        before = trace(self.model, as_input(self.model, prepared.image))
        if prepared.image.shape[:2] != self.prepared.image.shape[:2]:
            self.steps = steps_of(before)
            self.stages = stages_of(self.model, self.steps)
        self.prepared, self.image, self.before = self.judged(prepared), prepared.image, before
        for kept in ("other_skips", "mask_before"):
            self.__dict__.pop(kept, None)
        return self.changed()

    def choose(self, id: str) -> Answer:
        if id not in self.images:
            raise ValueError(f"there is no image {id!r}; there are {', '.join(self.images)}.")
        prepared = prepare(self.model, *self.pair(id))
        self.chosen = id
        return self.show(prepared)

    def open(self, name: str, content: bytes) -> Answer:
        prepared = prepare(self.model, read_bytes(name, content))
        self.chosen = name
        return self.show(prepared)

    def paint(self, points: Sequence[Sequence[float]], brush: str, width: int) -> Answer:
        self.image = stroke(self.image, self.prepared.image, points, brush, width)
        return self.changed()

    def cut(self, level: int, how: str) -> Answer:
        levels = [skip.level for skip in self.skips if skip.level is not None]
        if level not in levels:
            raise ValueError(f"level is {level}; this network's skips that can be cut are {levels or 'none'}.")
        if how not in (*INSTEAD, "swapped", "on"):
            raise ValueError(f"how is {how!r}; allowed are 'on', {', '.join(map(repr, INSTEAD))} and 'swapped'.")
        self.cuts = {k: v for k, v in self.cuts.items() if k != level} | ({} if how == "on" else {level: how})
        return self.changed()

    def mute(self, step: str, channels: Sequence[int]) -> Answer:
        self.must_be_layer(step)
        channels = checked_channels(step, channels, self.steps[step].shape[0])
        self.muted = {k: v for k, v in self.muted.items() if k != step} | ({step: sorted(channels)} if channels else {})
        return self.changed()

    def reset(self) -> Answer:
        self.image, self.cuts, self.muted = self.prepared.image, {}, {}
        return self.changed()


def checked_channels(step: str, channels: Sequence[int], count: int) -> list[int]:
    """The numbers of channels as a list. Raises ValueError for those that the step does not have."""
    found = list(channels) if isinstance(channels, Sequence | np.ndarray) and not isinstance(channels, str) else [channels]
    odd = [c for c in found if not isinstance(c, int | np.integer) or isinstance(c, bool) or not 0 <= c < count]
    if odd:
        raise ValueError(f"channels has {odd[0]!r}; {step} has channels 0 to {count - 1}, given as a list: [0, 1].")
    return [int(c) for c in found]


def labelled(stage: Stage, is_unet: bool) -> str:
    """A stage's name as it is read: "encoder 0", and "layer 3" for a layer that has a number only.

    A U-Net's decoder is counted by levels, as its encoder, its skips and the course's figures are: "decoder 0" is the topmost,
    though it runs last.
    """
    if is_unet and stage.name.split(".")[-2:][0] == "decoder":
        return f"decoder {stage.level}"
    return f"layer {stage.name}" if stage.name[0].isdigit() else stage.name.replace(".", " ")


def smaller(maps: np.ndarray, size: int) -> np.ndarray:
    """Maps (n, H, W) no larger than `size` a side: means over blocks, what does not fill a block left out."""
    _, height, width = maps.shape
    step = -(-max(height, width) // max(1, size))
    if step == 1:
        return maps
    rows, columns = max(1, height // step), max(1, width // step)
    block = maps[:, : rows * step, : columns * step]
    return block.reshape(len(maps), rows, block.shape[1] // rows, columns, block.shape[2] // columns).mean(axis=(2, 4))
