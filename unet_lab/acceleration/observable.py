"""A U-Net as ONNX graphs that can be watched and changed while they run: what the page of `lab.py page` shows.

Three graphs read one file of float16 weights. "network" is quick: it gives the probabilities and the feature maps that stand for
the stages. "observed" gives every layer's output. "gradient" gives the field of a pixel (`observable_gradient`). All take, beside
the image, what is to be changed:

- `keep LAYER`, float32 (N or 1, C, 1, 1): 1 keeps a channel, 0 switches it off. "observed" has them for every layer, the others
  for activations and up-convolutions. Several rows (N) run several variants at once, from that layer on; skips that arrive
  behind it must then have as many rows, `instead K` (N, 1, 1, 1).
- `skip K`, float32 (1,): what the skip of level K is multiplied by; `instead K`, float32 (N or 1, C or 1, H or 1, W or 1), is
  added to it. 1 and 0 leave it as it is, 0 and 0 cut it, 0 and other maps exchange it.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from unet_lab.acceleration.exporting import need
from unet_lab.acceleration.observable_gradient import GradientGraph
from unet_lab.acceleration.observable_graph import WEIGHTS, Graph, Layer, Weights, layers_of_unet
from unet_lab.unet import UNet


def check_observable(model: nn.Module) -> UNet:
    """The model, once it is sure to be a U-Net of those layers that `Graph` can write. Raises ValueError for others."""
    if not isinstance(model, UNet):
        raise ValueError(f"the network is a {type(model).__name__}; allowed is a UNet. For others: export(model, path, example).")
    wanted = {
        "padding": "same",
        "norm": "batch",
        "up": "transposed",
        "skip": "concatenate",
        "attention": False,
        "residual": False,
    }
    unlike = [f"{name}={model.settings[name]!r}" for name, value in wanted.items() if model.settings[name] != value]
    if unlike or not model.is_as_built:
        what = ", ".join(unlike) or "parts that were exchanged"
        raise ValueError(
            f"the network has {what}; allowed is UNet(…) with its other settings left as they are, of any width and depth."
        )
    return model


def observable_files(model: nn.Module) -> tuple[dict[str, bytes], dict[str, dict[str, Any]], list[Layer]]:
    """The graphs and their weights, by file name; where each weight lies, {"offset" in bytes, "shape"}; the layers.

    model : a `UNet` as the shipped one, of any width and depth; taken in evaluation mode. Its weights are rounded to float16, as
    the shipped ones are already. Raises ValueError for other networks, ImportError where onnx is not installed.
    """
    need("onnx")
    model = check_observable(model)
    weights, layers = Weights(), list(layers_of_unet(model))
    graphs = {
        "network": Graph(model, weights, observed=False),
        "observed": Graph(model, weights, observed=True),
        "gradient": GradientGraph(model, weights, observed=False),
    }
    for graph in graphs.values():
        graph.forward(layers)
    graphs["gradient"].backward(layers)
    return (
        {**{f"{name}.onnx": graph.content() for name, graph in graphs.items()}, WEIGHTS: bytes(weights.content)},
        weights.places,
        layers,
    )
