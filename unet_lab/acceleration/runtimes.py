"""Other programs that run a network: ONNX Runtime and OpenVINO. Both are optional; what is not installed is not offered."""

from __future__ import annotations

import io
import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

KEPT = 8  # shapes for which OpenVINO keeps a compiled network


def missing(*packages: str) -> str:
    """What is not installed of these, as advice; empty where all are."""
    absent = [name for name in packages if find_spec(name) is None]
    return f"not installed: pip install {' '.join(absent)}" if absent else ""


@contextmanager
def quiet() -> Iterator[None]:
    """Without the advice to their developers that exporters and quantisers print; errors come as exceptions all the same."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


class OnnxRuntime:
    """A network in ONNX's form, run by ONNX Runtime on the CPU with as many threads as PyTorch uses."""

    def __init__(self, network: bytes):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # threads that wait must not take the cores
        self._session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
        self._name = self._session.get_inputs()[0].name
        self.any_size = any(isinstance(size, str) for size in self._session.get_inputs()[0].shape)

    def __call__(self, x: Tensor) -> Tensor:  # (N, C, H, W) float32 -> (N, classes, H, W) float32
        return torch.from_numpy(self._session.run(None, {self._name: x.cpu().contiguous().numpy()})[0])


class OpenVino:
    """A network in ONNX's form, run by OpenVINO on the CPU: compiled anew for each shape, once.

    precision : "f32", or "bf16" where the processor has it. A network with quantised layers runs those in int8 either way.
    """

    def __init__(self, network: bytes, precision: str = "f32"):
        import openvino

        self._core = openvino.Core()
        self._network = self._core.read_model(network)
        self.any_size = self._network.is_dynamic()
        self._settings = {
            "INFERENCE_PRECISION_HINT": precision,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        }
        self._requests: dict[tuple[int, ...], object] = {}

    def __call__(self, x: Tensor) -> Tensor:  # (N, C, H, W) float32 -> (N, classes, H, W) float32
        shape = tuple(x.shape)
        if shape not in self._requests:
            if len(self._requests) == KEPT:
                self._requests.pop(next(iter(self._requests)))
            network = self._network.clone()
            network.reshape(list(shape))
            self._requests[shape] = self._core.compile_model(network, "CPU", self._settings).create_infer_request()
        result = self._requests[shape].infer([np.ascontiguousarray(x.cpu().numpy())])
        return torch.from_numpy(result[0].copy())


def quantised(network: bytes, images: Tensor) -> bytes:
    """The network with its convolutions in int8: weights per output channel, activations from what `images` reach in them.

    A number r is stored as q = round(r / scale) + zero, one scale and zero for each tensor (Jacob et al. 2018, arXiv 1712.05877);
    ONNX Runtime's static quantisation finds them, from the mean over the images of each tensor's least and largest number: one
    odd image does not widen a range. Weights take 7 of the 8 bits: a processor without instructions for int8 (AVX2 alone) adds
    two products in 16 bits, which would overflow, and give other classes without a word. images : (N, C, H, W), of the kind
    that is to be segmented, and not those that the result is judged by.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    name = onnx.load_from_string(network).graph.input[0].name

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.left = iter(images)

        def get_next(self):
            image = next(self.left, None)
            return None if image is None else {name: image[None].numpy()}

    with tempfile.TemporaryDirectory() as folder, quiet():
        source, target = Path(folder, "float.onnx"), Path(folder, "int8.onnx")
        source.write_bytes(network)
        quantize_static(
            source, target, Reader(), quant_format=QuantFormat.QDQ, per_channel=True,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, extra_options={"CalibMovingAverage": True},
            reduce_range=True,
        )  # fmt: skip
        return target.read_bytes()
