"""The parts of the ONNX graphs of `observable`: a U-Net's layers by name, one file of weights, a graph in the making."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from torch import nn

from unet_lab.blocks import ConvBlock
from unet_lab.unet import UNet

WEIGHTS = "weights.bin"  # the name of the file of weights, as the graphs know it
OPSET, IR = 17, 9
KINDS = {
    nn.Conv2d: "convolution",
    nn.ConvTranspose2d: "up-convolution",
    nn.BatchNorm2d: "norm",
    nn.ReLU: "activation",
    nn.MaxPool2d: "pooling",
}


class Layer(NamedTuple):
    """One layer: its name in the network, its kind, its stage, its output's channels and level, and which layers it reads."""

    name: str
    kind: str
    stage: str
    level: int
    channels: int
    sources: tuple[str, ...]


def layers_of_unet(model: UNet) -> Iterator[Layer]:
    """The layers in the order in which they run; "image" is the network's input."""
    depth, before = model.settings["depth"], "image"
    for level, stage in enumerate(model.encoder):
        name = f"encoder.{level}"
        yield from layers_of_block(stage.block, name, level, (before,))
        skip = f"{name}.block.5"
        before = f"{name}.pool"
        yield Layer(before, "pooling", name, level + 1, stage.block[3].out_channels, (skip,))
    yield from layers_of_block(model.bottleneck.block, "bottleneck", depth, (before,))
    before = "bottleneck.block.5"
    for number, stage in enumerate(model.decoder):
        name, level = f"decoder.{number}", depth - 1 - number
        yield Layer(f"{name}.up", "up-convolution", name, level, stage.up.out_channels, (before,))
        yield from layers_of_block(stage.block, name, level, (f"encoder.{level}.block.5", f"{name}.up"))
        before = f"{name}.block.5"
    yield Layer("head", "convolution", "head", 0, model.num_classes, (before,))


def layers_of_block(block: ConvBlock, stage: str, level: int, sources: tuple[str, ...]) -> Iterator[Layer]:
    for number, module in enumerate(block):
        name = f"{stage}.block.{number}"
        yield Layer(name, KINDS[type(module)], stage, level, block[3].out_channels, sources)
        sources = (name,)


class Weights:
    """Arrays behind one another in one file, each by name at an offset; float16, as small as the shipped ones."""

    def __init__(self) -> None:
        self.content = bytearray()
        self.places: dict[str, dict[str, Any]] = {}

    def add(self, name: str, array: np.ndarray) -> dict[str, Any]:
        """Where the array lies, {"offset", "shape"}; put there the first time."""
        if name not in self.places:
            self.content.extend(b"\0" * (-len(self.content) % 16))
            self.places[name] = {"offset": len(self.content), "shape": list(array.shape)}
            self.content.extend(array.astype("<f2").tobytes())
        return self.places[name]


class Graph:
    """An ONNX graph in the making. observed : whether every layer is an output and can be changed, or the stages' last only."""

    def __init__(self, model: UNet, weights: Weights, observed: bool):
        from onnx import TensorProto, helper

        self.model, self.weights, self.observed = model, weights, observed
        self.helper, self.types = helper, TensorProto
        self.nodes: list[Any] = []
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []
        self.initializers: list[Any] = []
        self.declare("image", ["images", model.in_channels, "height", "width"])

    def declare(self, name: str, shape: list[int | str], output: bool = False) -> str:
        kind = self.types.FLOAT
        (self.outputs if output else self.inputs).append(self.helper.make_tensor_value_info(name, kind, shape))
        return name

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(self.helper.make_node(kind, inputs, [output], name=f"{kind} {output}", **attributes))
        return output

    def weight(self, name: str, array: np.ndarray) -> str:
        """A float16 array of the file, made float32."""
        place = self.weights.add(name, array)
        tensor = self.types(name=f"half {name}", data_type=self.types.FLOAT16, dims=place["shape"])
        tensor.data_location = self.types.EXTERNAL
        for key, value in (("location", WEIGHTS), ("offset", place["offset"]), ("length", 2 * array.size)):
            tensor.external_data.add(key=key, value=str(value))
        self.initializers.append(tensor)
        return self.node("Cast", [tensor.name], name, to=self.types.FLOAT)

    def changed(self, layer: Layer, computed: str) -> str:
        """What the layer gives after channels were switched off, under the layer's own name."""
        if not (self.observed or layer.kind in ("activation", "up-convolution")):
            return self.node("Identity", [computed], layer.name)
        keep = self.declare(f"keep {layer.name}", [f"rows of {layer.name}", layer.channels, 1, 1])
        return self.node("Mul", [computed, keep], layer.name)

    def skip(self, level: int) -> str:
        """The skip of this level as the decoder gets it."""
        share = self.declare(f"skip {level}", [1])
        instead = self.declare(
            f"instead {level}", [f"{side} of skip {level}" for side in ("rows", "channels", "height", "width")]
        )
        scaled = self.node("Mul", [f"encoder.{level}.block.5", share], f"scaled skip {level}")
        return self.node("Add", [scaled, instead], f"arriving skip {level}")

    def add(self, layer: Layer) -> None:
        module, computed = self.model.get_submodule(layer.name), f"computed {layer.name}"
        given = layer.sources[0]
        if len(layer.sources) == 2:
            given = self.node("Concat", [self.skip(layer.level), layer.sources[1]], f"into {layer.name}", axis=1)
        arrays = {name: tensor.detach().float().cpu().numpy() for name, tensor in module.state_dict().items()}
        names = [name for name in ("weight", "bias", "running_mean", "running_var") if name in arrays]
        inputs = [given, *(self.weight(f"{layer.name}.{name}", arrays[name]) for name in names)]
        if isinstance(module, nn.Conv2d):
            edge = module.kernel_size[0] // 2
            self.node("Conv", inputs, computed, pads=[edge] * 4, kernel_shape=list(module.kernel_size))
        elif isinstance(module, nn.ConvTranspose2d):
            self.node("ConvTranspose", inputs, computed, strides=list(module.stride), kernel_shape=list(module.kernel_size))
        elif isinstance(module, nn.BatchNorm2d):
            self.node("BatchNormalization", inputs, computed, epsilon=module.eps)
        elif isinstance(module, nn.MaxPool2d):
            self.node("MaxPool", inputs, computed, kernel_shape=[2, 2], strides=[2, 2])
        else:
            self.node("Relu", inputs, computed)
        self.changed(layer, computed)

    def forward(self, layers: list[Layer]) -> None:
        """From the image to the probabilities; what the page shows becomes an output."""
        for layer in layers:
            self.add(layer)
            if self.observed or layer.name.endswith("block.5") or layer.name == "head":
                sides = [f"height {layer.level}", f"width {layer.level}"]
                self.declare(layer.name, [f"rows after {layer.name}", layer.channels, *sides], output=True)
        self.node("Softmax", ["head"], "probabilities", axis=1)
        self.declare("probabilities", ["rows", self.model.num_classes, "height 0", "width 0"], output=True)

    def content(self) -> bytes:
        """The graph as a file's bytes."""
        graph = self.helper.make_graph(self.nodes, "unet", self.inputs, self.outputs, self.initializers)
        opset = self.helper.make_opsetid("", OPSET)
        network = self.helper.make_model(graph, opset_imports=[opset], ir_version=IR, producer_name="unet-lab")
        return network.SerializeToString()
