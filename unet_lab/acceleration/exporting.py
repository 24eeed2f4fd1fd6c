"""A network as a file that runs without this package: ONNX, or PyTorch's own exported program."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from unet_lab.acceleration.runtimes import OnnxRuntime, missing, quiet
from unet_lab.files import write_whole
from unet_lab.foreign import logits_only

FORMATS = (".onnx", ".pt2")
# What these do does not depend on the image's size; a graph of nothing else takes any size that the network can halve.
_SIZELESS = {"Conv", "ConvTranspose", "Relu", "MaxPool", "Concat", "Add", "Mul", "Sigmoid", "BatchNormalization", "Dropout"}
_SIZELESS |= {"QuantizeLinear", "DequantizeLinear", "Identity", "Softmax"}  # over the classes


def export(model: nn.Module, path: str | Path, example: Tensor | np.ndarray, format: str | None = None, **package) -> Path:
    """Write the network, in evaluation mode, as .onnx (any runtime, any language) or .pt2 (torch.export; PyTorch alone), or as a
    package of the BioImage Model Zoo.

    example : a float32 batch (N, C, H, W). An .onnx of a plain U-Net takes other sizes and batches too; a .pt2 takes this
    shape only. Written whole or not at all. Raises ValueError for another suffix, or where the result, loaded again, differs
    from the network by more than 1e-3 of its largest logit; ImportError where .onnx is asked for and onnx is not installed.

    format : None goes by the path's ending. "bioimageio" writes a .zip for Fiji, ilastik, BiaPy and others; example is then an
    image as it comes from its file, and `package` the fields of `sharing.About`: name, description, authors, licence, …
    """
    if format == "bioimageio":
        from unet_lab.acceleration.sharing import bioimageio_package

        return bioimageio_package(model, path, example, **package)
    if format is not None or package:
        alone = f", which alone takes {', '.join(package)}" if package else ""
        raise ValueError(f"format is {format!r}; allowed are None (the path's ending decides) and 'bioimageio'{alone}.")
    path = Path(path)
    if path.suffix not in FORMATS:
        zoo = " (A .zip for the BioImage Model Zoo: format='bioimageio'.)" if path.suffix == ".zip" else ""
        raise ValueError(f"{path.name} ends in {path.suffix!r}; allowed are {' and '.join(FORMATS)}.{zoo}")
    example = example.detach().cpu()
    model = logits_only(evaluation_copy(model), example)
    if path.suffix == ".onnx":
        content = onnx_bytes(model, example)
    else:
        stream = io.BytesIO()
        torch.export.save(exported(model, example), stream)
        content = stream.getvalue()
    runnable = path.suffix == ".pt2" or not missing("onnxruntime")
    if runnable:
        with torch.no_grad():
            expected = model(example)
        got = loaded(content, path.suffix)(example)
        apart = float((got - expected).abs().max())
        if not apart <= 1e-3 * max(1.0, float(expected.abs().max())):
            raise ValueError(f"{path.name}: not written; run again after export, the network's output differs by {apart:.2g}.")
    write_whole(path, content)
    return path


def load_exported(path: str | Path) -> Callable[[Tensor], Tensor]:
    """What `export` wrote, as a function from float32 (N, C, H, W) to logits. Open only your own .pt2 files: they hold code.

    Raises FileNotFoundError, ValueError for a file that is no such network, ImportError where a runtime is not installed.
    """
    path = Path(path)
    if path.suffix not in FORMATS:
        raise ValueError(f"{path.name} ends in {path.suffix!r}; allowed are {' and '.join(FORMATS)}.")
    content = path.read_bytes()
    if path.suffix == ".onnx":
        need("onnxruntime")
    try:
        return loaded(content, path.suffix)
    except Exception as error:  # each runtime has errors of its own, of no common kind
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(f"{path}: no network that can be run ({first}). Export it again.") from None


def onnx_bytes(model: nn.Module, example: Tensor) -> bytes:
    """The network in ONNX's form. Raises ImportError where onnx or onnxscript is not installed."""
    need("onnx", "onnxscript")
    import onnx

    with quiet(), torch.no_grad():
        program = torch.onnx.export(evaluation_copy(model), (example.detach().clone(),), dynamo=True, verbose=False)
    network = program.model_proto
    if {node.op_type for node in network.graph.node} <= _SIZELESS:
        for tensor in (*network.graph.input, *network.graph.output):
            axes = tensor.type.tensor_type.shape.dim
            for axis, name in ((0, "images"), (2, "height"), (3, "width")):
                axes[axis].dim_param = name
        del network.graph.value_info[:]
        onnx.checker.check_model(network)
    return network.SerializeToString()


def exported(model: nn.Module, example: Tensor) -> torch.export.ExportedProgram:
    with torch.no_grad():
        return torch.export.export(evaluation_copy(model), (example.detach().clone(),))


def loaded(content: bytes, suffix: str) -> Callable[[Tensor], Tensor]:
    if suffix == ".onnx":
        return OnnxRuntime(content)
    program = torch.export.load(io.BytesIO(content))
    module, shape = program.module(), tuple(program.example_inputs[0][0].shape)

    @torch.no_grad()
    def run(x: Tensor) -> Tensor:
        if tuple(x.shape) != shape:
            raise ValueError(f"the input has shape {tuple(x.shape)}; this network was exported for {shape}.")
        return module(x)

    return run


def evaluation_copy(model: nn.Module) -> nn.Module:
    """The model itself where it evaluates already, on the CPU, else a copy that does: exporting must not change the caller's, and
    who reads the file may have no GPU."""
    on_the_cpu = all(parameter.device.type == "cpu" for parameter in model.parameters())
    if on_the_cpu and not any(m.training for m in model.modules()):
        return model
    return copy.deepcopy(model).cpu().eval()


def need(*packages: str) -> None:
    advice = missing(*packages)
    if advice:
        raise ImportError(f"ONNX files need a package that is {advice}.")
