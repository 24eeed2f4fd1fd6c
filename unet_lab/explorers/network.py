"""Explorer: the whole network at work, to walk through; every feature map, every kernel, every number."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import torch
import traitlets
from torch import nn
from torch.utils.data import Dataset

from unet_lab.datasets.generator.cells import generate_cell
from unet_lab.explorers.base import DRAWING, with_picture
from unet_lab.explorers.network_session import NetworkSession
from unet_lab.plots.network_overview import show_network

HERE = Path(__file__).parent
SEEDS = (4, 1, 2, 0, 3, 5, 6, 7)  # of the generated cells to choose from
MODULES = ("drawing", "frame", "view_u", "view_stage", "view_channel", "view_number", "tour", "view")  # imported before importing


def bundle() -> str:
    """The view's modules and network.js as one module, which is what anywidget loads: no build step, no name meets another.

    Each module becomes a function that runs once and gives what the module exports; its imports take from those before it.
    """
    parts = []
    for name in MODULES:
        text = with_names_taken((HERE / f"network_{name}.js").read_text(encoding="utf-8"))
        exported = re.findall(r"^export (?:async )?(?:const|function|class) (\w+)", text, flags=re.MULTILINE)
        body = re.sub(r"^export ", "", text, flags=re.MULTILINE)
        parts.append(f"const network_{name} = (() => {{\n{body}\nreturn {{ {', '.join(exported)} }};\n}})();\n")
    return "".join(parts) + with_names_taken((HERE / "network.js").read_text(encoding="utf-8"))


def with_names_taken(text: str) -> str:
    """A module's text with `import { a } from "./network_b.js"` as `const { a } = network_b`."""
    return re.sub(r'^import (\{[^}]*\}) from "\./(network_\w+)\.js";', r"const \1 = \2;", text, flags=re.MULTILINE)


class NetworkExplorer(anywidget.AnyWidget):
    """The widget: passes the view's questions on to a `NetworkSession`, and its answers back as bytes.

    `session` is what the view shows; `ask(method, …)` does from code what the view does. The overview is also stored as a PNG,
    `png`, for pages without a kernel, with `words` as its text.
    """

    _esm = bundle()
    _css = HERE / "network.css"
    label = traitlets.Unicode("").tag(sync=True)

    METHODS = (
        *("describe", "state", "picture", "prediction", "maps", "statistics", "worth", "number", "field"),
        *("choose", "open", "paint", "cut", "mute", "reset"),
    )

    def __init__(self, session: NetworkSession):
        super().__init__(label=type(session.model).__name__)
        self.session = session
        self.on_msg(self.receive)
        figure = show_network(session.picture(), session.prediction(), session.describe(), session.maps)
        self.png, self.words = figure.png(), figure.alt

    def ask(self, method: str, *arguments) -> dict[str, Any]:
        """One question of the view, by its name in network.js, answered with NumPy arrays."""
        if method not in self.METHODS:
            raise ValueError(f"method is {method!r}; allowed are {', '.join(self.METHODS)}.")
        takes = signature(getattr(self.session, method))
        try:
            takes.bind(*arguments)
        except TypeError:
            wanted = ", ".join(str(one).replace("'", "") for one in takes.parameters.values())
            raise ValueError(f"{method} was given {arguments!r}; it takes ({wanted}).") from None
        with DRAWING:
            return getattr(self.session, method)(*arguments)

    def receive(self, _widget, content: dict, buffers: list) -> None:
        """A message of the view: several questions, answered in one message, in order; what goes wrong is answered in words."""
        sent: list[bytes] = []
        answers = []
        for call in content["calls"]:
            arguments = [bytes(buffers[a["buffer"]]) if isinstance(a, dict) and "buffer" in a else a for a in call["arguments"]]
            try:
                answers.append({"id": call["id"], "answer": packed(self.ask(call["method"], *arguments), sent)})
            except (ValueError, OSError) as error:
                answers.append({"id": call["id"], "error": str(error)})
        self.send({"answers": answers}, sent)

    def drive(self) -> str:
        """Do what hands do in each of the four views, and go back; what the last, folded cell of a notebook calls.

        Raises AssertionError where nothing followed. Returns a sentence.
        """
        session = self.session
        before = session.run.logits.clone()
        height, width = session.image.shape[:2]
        self.ask("paint", [[width // 3, height // 2], [2 * width // 3, height // 2]], "noise", max(4, width // 8))
        assert not torch.equal(session.run.logits, before), "nothing follows a stroke"
        self.ask("reset")
        for skip in session.skips:
            if skip.level is not None:
                self.ask("cut", skip.level, "noise")
                assert not torch.equal(session.run.logits, before), f"nothing follows where skip {skip.level} is exchanged"
                self.ask("reset")
        for stage in session.stages:
            channels, rows, columns = stage.shape
            found = self.ask("number", stage.shown, channels - 1, rows // 2, columns // 2)
            assert abs(found.get("total", found["value"]) - found["value"]) < 1e-3 * (1 + abs(found["value"])), stage.shown
        assert torch.equal(session.run.logits, before), "a reset does not undo all"
        return f"{len(session.stages)} stages walked through, {len(session.skips)} skips"

    def _repr_mimebundle_(self, **kwargs):
        return with_picture(super()._repr_mimebundle_(**kwargs), self.png, self.words, self.words)


def packed(value: Any, buffers: list[bytes]) -> Any:
    """An answer with its arrays put into `buffers`, and in their place which buffer and which type: what JSON can carry."""
    if isinstance(value, np.ndarray):
        kept = {"u": np.uint8, "i": np.int32, "f": np.float32}[value.dtype.kind]
        buffers.append(np.ascontiguousarray(value, kept).tobytes())
        return {"buffer": len(buffers) - 1, "type": np.dtype(kept).name}
    if isinstance(value, dict):
        return {name: packed(each, buffers) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [packed(each, buffers) for each in value]
    return value


def explore_network(
    model: nn.Module, image=None, truth: np.ndarray | None = None, others: Mapping[str, Any] | None = None, class_names=None
) -> NetworkExplorer:
    """Walk through a network at work: the whole, a stage, a channel, a number; paint on its image, cut its skips.

    Parameters
    ----------
    model : any nn.Module from images to logits; of ours at any depth, width, norm, up-sampling, with attention or residuals.
    image : (H, W) or (H, W, C), or a pair (image, truth, …); a generated cell where None. What does not fit is scaled, and the
        view says so.
    truth : (H, W) class indices: then the view gives the IoU with it, else with the mask before anything was changed.
    others : more images or pairs by name, to choose from; eight generated cells where None.
    class_names : of the logits, in order.

    The network is shown as it is now: after more training, call it again. Raises ValueError for what is no network, image or
    truth, and where the network takes no such image.
    """
    check_arguments(model, image, truth, others)
    named: dict[str, Any] = {} if image is None else {"the given image": image if isinstance(image, tuple) else (image, truth)}
    pairs = {
        name: (each[0], each[1]) if isinstance(each, tuple) else (each, None)
        for name, each in (named | dict(others or {})).items()
    }
    if others is None or not pairs:
        pairs |= {f"generated cell {seed}": partial(generated, seed) for seed in SEEDS}
    return NetworkExplorer(NetworkSession(model, pairs, class_names))


def check_arguments(model, image, truth, others) -> None:
    """Raises ValueError, saying what to give, for what `explore_network` cannot take."""
    kind = f"the class {model.__name__}; give a network, {model.__name__}()" if isinstance(model, type) else type(model).__name__
    if not isinstance(model, nn.Module):
        raise ValueError(f"the model is {kind}; allowed is a network, an nn.Module.")
    if isinstance(model, torch.jit.ScriptModule):
        raise ValueError(f"the model is {kind}, which has no layers to listen to; give the network that it was made of.")
    if not list(model.children()):
        raise ValueError(f"the model is a single layer, {kind}; give a network of several: nn.Sequential(layer).")
    if any(parameter.is_meta for parameter in model.parameters()):
        raise ValueError("the model's weights are on the device meta, which holds no numbers: load them first.")
    if image is None and truth is not None:
        raise ValueError("there is a truth, and no image that it belongs to: explore_network(model, image, truth).")
    if others is not None and not isinstance(others, Mapping):
        raise ValueError(f"others is a {type(others).__name__}; allowed are images or pairs by name: {{'a cell': image}}.")
    for name, each in {"image": image, **(others or {})}.items():
        if isinstance(each, Dataset):
            raise ValueError(f"{name} is a {type(each).__name__}; give one of its pairs, dataset.pairs[0], or its image.")
        if isinstance(each, tuple) and (len(each) < 2 or (name == "image" and truth is not None)):
            raise ValueError(f"{name} is a tuple of {len(each)}; a pair is (image, truth), and then no truth= beside it.")


def generated(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A cell of the size that the shipped network was trained at, and its mask."""
    cell = generate_cell(seed, 192)
    return cell.image, cell.mask
