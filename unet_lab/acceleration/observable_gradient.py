"""The gradient of one logit as an ONNX graph, for runtimes that have no gradient of their own: each layer's rule, written out.

The chain rule backwards through the U: what a layer's output matters, times what its output changes with its input.
"""

from __future__ import annotations

from torch import nn

from unet_lab.acceleration.observable_graph import Graph, Layer


class GradientGraph(Graph):
    """A quick graph that goes on backwards: how much each place of the image and of the stages' maps matters to a sum of logits.

    It takes "seed", float32 (1, K, H, W), what each logit counts: 1 at one pixel and class, 0 elsewhere, gives the effective
    receptive field of that pixel. Its outputs "field NAME", float32 (1, 1, h, w), are |gradient| summed over the channels, as
    `inspection.effective_receptive_field` gives it; NAME is "image" and each layer that stands for a stage.
    """

    def backward(self, layers: list[Layer]) -> None:
        """From the seed back to the image. A layer that is read twice (a skip) matters by both."""
        self.pieces: dict[str, list[str]] = {"head": [self.declare("seed", [1, layers[-1].channels, "height", "width"])]}
        self.outputs.clear()
        for layer in reversed(layers):
            gradient = self.gathered(layer.name)
            if layer.name.endswith("block.5"):
                self.field(layer.name, gradient, layer.level)
            if layer.kind in ("activation", "up-convolution"):
                gradient = self.node("Mul", [gradient, f"keep {layer.name}"], f"kept gradient of {layer.name}")
            self.pass_on(layer, self.through(layer, gradient))
        self.field("image", self.gathered("image"), 0)

    def gathered(self, name: str) -> str:
        """The gradient of what a layer gives: the sum of what those who read it pass back."""
        first, *others = self.pieces.pop(name)
        return self.node("Sum", [first, *others], f"gradient of {name}")

    def field(self, name: str, gradient: str, level: int) -> None:
        size = self.node("Abs", [gradient], f"size of gradient of {name}")
        axes = self.constant(f"channels of {name}", [1], whole=True)
        self.node("ReduceSum", [size, axes], f"field {name}", keepdims=1)
        self.declare(f"field {name}", [1, 1, f"height {level}", f"width {level}"], output=True)

    def constant(self, name: str, values: list[float], whole: bool = False) -> str:
        kind = self.types.INT64 if whole else self.types.FLOAT
        self.initializers.append(self.helper.make_tensor(name, kind, [len(values)], values))
        return name

    def through(self, layer: Layer, gradient: str) -> str:
        """The gradient of what goes into a layer, out of that of what comes out of it."""
        module, name = self.model.get_submodule(layer.name), f"gradient into {layer.name}"
        weight = f"{layer.name}.weight"
        if isinstance(module, nn.Conv2d):  # each pixel gets back what it gave to its neighbours: the kernel turned by 180 degrees
            edge = module.kernel_size[0] // 2
            return self.node(
                "Conv", [gradient, self.turned(weight)], name, pads=[edge] * 4, kernel_shape=list(module.kernel_size)
            )
        if isinstance(module, nn.ConvTranspose2d):  # each pixel gets back its 2 x 2 copies, weighted as they were made
            return self.node("Conv", [gradient, weight], name, strides=[2, 2], kernel_shape=[2, 2])
        if isinstance(module, nn.BatchNorm2d):  # in evaluation mode, one factor for each channel
            epsilon = self.constant(f"epsilon of {layer.name}", [module.eps])
            variance = self.node("Add", [f"{layer.name}.running_var", epsilon], f"variance of {layer.name}")
            std = self.node("Sqrt", [variance], f"std of {layer.name}")
            factor = self.node("Div", [weight, std], f"factor of {layer.name}")
            axes = self.constant(f"axes of {layer.name}", [1, 2], whole=True)
            return self.node("Mul", [gradient, self.node("Unsqueeze", [factor, axes], f"factors of {layer.name}")], name)
        if isinstance(module, nn.MaxPool2d):  # to the one that won
            return self.to_winner(layer, gradient, name)
        is_open = self.node("Sign", [f"computed {layer.name}"], f"open {layer.name}")  # a ReLU: 1 where it let through, else 0
        return self.node("Mul", [gradient, is_open], name)

    def turned(self, weight: str) -> str:
        """A kernel (out, in, h, w) turned by 180 degrees, (in, out, h, w)."""
        swapped = self.node("Transpose", [weight], f"swapped {weight}", perm=[1, 0, 2, 3])
        ends = {"starts": [-1, -1], "ends": [-1000, -1000], "axes": [2, 3], "steps": [-1, -1]}
        limits = [self.constant(f"{end} of {weight}", values, whole=True) for end, values in ends.items()]
        return self.node("Slice", [swapped, *limits], f"turned {weight}")

    def to_winner(self, layer: Layer, gradient: str, name: str) -> str:
        """Each gradient goes to the pixel that was the maximum of its window: the pooling is asked where it was."""
        indices = f"winners of {layer.name}"
        pooling = next(node for node in self.nodes if node.output[0] == f"computed {layer.name}")
        pooling.output.append(indices)
        return self.node("MaxUnpool", [gradient, indices], name, kernel_shape=[2, 2], strides=[2, 2])

    def pass_on(self, layer: Layer, gradient: str) -> None:
        """To the layers that were read; of two, the first came as a skip, and counts as much as its skip was let through."""
        parts = [gradient]
        if len(layer.sources) == 2:
            parts = [f"part {k} of {gradient}" for k in (0, 1)]
            axis = self.constant(f"shares of {layer.name}", [layer.channels, layer.channels], whole=True)
            self.nodes.append(self.helper.make_node("Split", [gradient, axis], parts, name=f"Split {gradient}", axis=1))
            parts[0] = self.node("Mul", [parts[0], f"skip {layer.level}"], f"through skip {layer.level}")
        for source, part in zip(layer.sources, parts, strict=True):
            self.pieces.setdefault(source, []).append(part)
