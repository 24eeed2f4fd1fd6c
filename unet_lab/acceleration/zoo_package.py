"""The parts of a package of the BioImage Model Zoo, and their description in bioimageio.spec's words (used by `sharing.py`)."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from unet_lab.acceleration.exporting import onnx_bytes
from unet_lab.acceleration.runtimes import OnnxRuntime, missing, quiet
from unet_lab.datasets.standardise import channels_first
from unet_lab.foreign import Geometry

COVER_COLOURS = ((86, 180, 233), (213, 94, 0), (0, 158, 115), (240, 228, 66), (0, 114, 178), (204, 121, 167))  # from class 1 on
EPSILON = 1e-6  # what the zoo adds to a standard deviation, so that nothing is divided by 0


class Probabilities(nn.Module):
    """A network with its softmax: other programs show what comes out as it is."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W) -> (N, num_classes, H', W')
        return self.model(x).softmax(dim=1)


def smallest_size(geometry: Geometry) -> int:
    """The smallest image side, in pixels, for which the network gives anything; at least two cells of its pooling grid."""
    size = 2 * geometry.grid
    while geometry.nearest_sizes(size) != [size] or geometry.output_size(size) < 1:
        size += 1
    return size


def as_input(image: np.ndarray) -> np.ndarray:
    """An image as the package takes it: float32 (1, C, H, W), its numbers as they are."""
    return channels_first(image)[None].astype(np.float32)


def prepared(image: np.ndarray) -> Tensor:
    """An image as the package prepares it: float32 (1, C, H, W), each channel with mean 0 and standard deviation 1.

    `standardise` cuts outliers off first. The zoo has words for that too, but bioimageio.core (0.11) takes the statistics of the
    image that came in for every step, and other programs those of the step before: a single step means the same everywhere.
    """
    x = as_input(image)
    mean, std = (f(x, axis=(2, 3), keepdims=True, dtype=np.float64) for f in (np.mean, np.std))
    return torch.from_numpy(((x - mean) / (std + EPSILON)).astype(np.float32))


def write_parts(folder: Path, network: nn.Module, image: np.ndarray, output: np.ndarray, readme: str) -> dict[str, Path]:
    """All files of a package but its description, into a folder; by what they are."""
    names = {"input": "test_input.npy", "output": "test_output.npy", "cover": "cover.png", "documentation": "README.md"}
    names |= {"torchscript": "weights_torchscript.pt"}
    files = {kind: folder / name for kind, name in names.items()}
    np.save(files["input"], as_input(image))
    np.save(files["output"], output)
    draw_cover(image, output[0].argmax(axis=0)).save(files["cover"])
    files["documentation"].write_text(readme, encoding="utf-8")
    example = prepared(image)
    with quiet(), torch.no_grad():
        torch.jit.save(torch.jit.trace(network, example), files["torchscript"])
    if not missing("onnx", "onnxscript", "onnxruntime"):
        content = onnx_bytes(network, example)
        if OnnxRuntime(content).any_size or not takes_any_size(files["torchscript"], network, example):
            files["onnx"] = folder / "weights.onnx"
            files["onnx"].write_bytes(content)
    return files


def takes_any_size(torchscript: Path, network: nn.Module, example: Tensor) -> bool:
    """Whether a traced network gives what the network gives at other sizes, too: a trace may have kept the example's numbers."""
    other = torch.cat([example, example], dim=-1)
    with quiet(), torch.no_grad():
        traced = torch.jit.load(torchscript)
        try:
            return bool(torch.allclose(traced(other), network(other), atol=1e-4))
        except RuntimeError:
            return False


def draw_cover(image: np.ndarray, mask: np.ndarray, side: int = 256) -> Image.Image:
    """The image at the left, with its classes in colour at the right: twice as wide as high."""
    grey = np.atleast_3d(image).astype(np.float32).mean(axis=2)
    lost = [(a - b) // 2 for a, b in zip(grey.shape, mask.shape, strict=True)]  # with valid padding
    grey = grey[lost[0] : lost[0] + mask.shape[0], lost[1] : lost[1] + mask.shape[1]]
    low, high = np.percentile(grey, (0.5, 99.5))
    shown = np.repeat(np.clip((grey - low) / max(high - low, 1e-6), 0, 1)[..., None] * 255, 3, axis=2)
    coloured = shown.copy()
    for index in np.unique(mask[mask > 0]):
        colour = np.array(COVER_COLOURS[(int(index) - 1) % len(COVER_COLOURS)])
        coloured[mask == index] = 0.55 * coloured[mask == index] + 0.45 * colour
    half = [Image.fromarray(picture.astype(np.uint8)).resize((side, side)) for picture in (shown, coloured)]
    cover = Image.new("RGB", (2 * side, side))
    for place, picture in enumerate(half):
        cover.paste(picture, (place * side, 0))
    return cover


def preparation() -> list[dict[str, Any]]:
    """`prepared`, in the zoo's words."""
    return [{"id": "zero_mean_unit_variance", "kwargs": {"axes": ["y", "x"], "eps": EPSILON}}]


def packed(
    about: dict[str, Any],
    files: dict[str, Path],
    geometry: Geometry,
    class_names: Sequence[str],
    pixel_size: float | None,
    any_size: bool = True,
) -> bytes:
    """The package, written by bioimageio.spec; ValueError with its words where it refuses.

    any_size : False where the weights take images of the test input's size only.
    """
    from bioimageio.spec import save_bioimageio_package_to_stream
    from bioimageio.spec.model.v0_5 import ModelDescr

    stream = io.BytesIO()
    try:
        with quiet():
            described = ModelDescr(
                **about,
                inputs=[describe_input(files["input"], geometry, pixel_size, any_size)],
                outputs=[describe_output(files["output"], geometry, class_names, pixel_size)],
                weights=describe_weights(files),
                covers=[{"source": files["cover"]}],
                documentation={"source": files["documentation"]},
            )
            save_bioimageio_package_to_stream(described, output_stream=stream)
    except ValueError as error:
        raise ValueError(f"bioimageio.spec refuses the package: {error}") from None
    return stream.getvalue()


def lengths(pixel_size: float | None) -> dict[str, Any]:
    """How long a pixel is, as an axis says it; nothing where it is not known."""
    return {"unit": "micrometer", "scale": pixel_size} if pixel_size else {}


def describe_input(test: Path, geometry: Geometry, pixel_size: float | None, any_size: bool) -> dict[str, Any]:
    """What comes in: images of any size that the network takes, or of one, and how they are prepared."""
    shape = np.load(test).shape  # (1, C, H, W)
    channels = [f"channel{k}" for k in range(shape[1])]
    free = {"min": smallest_size(geometry), "step": geometry.grid}
    sizes = {"y": free if any_size else shape[2], "x": free if any_size else shape[3]}
    space = [{"type": "space", "id": axis, "size": size, **lengths(pixel_size)} for axis, size in sizes.items()]
    return {
        "id": "image",
        "axes": [{"type": "batch"}, {"type": "channel", "channel_names": channels}, *space],
        "data": {"type": "float32"},
        "preprocessing": preparation(),
        "test_tensor": {"source": test},
    }


def describe_output(test: Path, geometry: Geometry, class_names: Sequence[str], pixel_size: float | None) -> dict[str, Any]:
    """What comes out: a probability for each class, of the image's size, or less with valid padding."""
    lost = smallest_size(geometry) - geometry.output_size(smallest_size(geometry))
    space = [
        {"type": "space", "id": axis, "size": {"tensor_id": "image", "axis_id": axis, "offset": -lost}, **lengths(pixel_size)}
        for axis in ("y", "x")
    ]
    classes = [re.sub(r"\W+", "_", str(name)) for name in class_names]
    return {
        "id": "probabilities",
        "axes": [{"type": "batch"}, {"type": "channel", "channel_names": classes}, *space],
        "data": {"type": "float32"},
        "test_tensor": {"source": test},
    }


def describe_weights(files: dict[str, Path]) -> dict[str, Any]:
    """The weights: TorchScript, and ONNX where it was written."""
    weights: dict[str, Any] = {
        "torchscript": {"source": files["torchscript"], "pytorch_version": torch.__version__.split("+")[0]}
    }
    if "onnx" in files:
        import onnx

        opset = onnx.load(files["onnx"]).opset_import[0].version
        weights["onnx"] = {"source": files["onnx"], "opset_version": opset, "parent": "torchscript"}
    return weights


def run_core_test(content: bytes, folder: Path) -> None:
    """Have bioimageio.core test a package with each kind of weights in it; ValueError, with what it found, where that fails."""
    from bioimageio.core import test_model

    path = folder / "package.zip"
    path.write_bytes(content)
    with quiet():
        summary = test_model(path)
    if summary.status != "passed":
        found = "; ".join(error.msg for detail in summary.details for error in detail.errors)
        raise ValueError(f"not written: bioimageio.core's test of the package says {summary.status}. {found}")


README = """# {name}

{description}

A U-Net (Ronneberger et al. 2015), exported by U-Net Lab.

## Input and output

An image whose sides are multiples of {grid} pixels, its numbers as they are. Pixel size: {size}.
The package's preprocessing gives each channel of each image mean 0 and standard deviation 1. The network was trained on images
whose hot and dead pixels were cut off before that: where an image has such, clip it first.

{classes}

A segmentation is the channel with the largest probability at each pixel.

## Large images

Tiles must overlap by {overlap} pixels, {margin} on each side, and begin at multiples of {grid}, or there are seams.
Prepare the whole image before it is cut, not each tile.

## Validation

{validation}
"""
NOT_VALIDATED = (
    "Not stated by the authors. Segment images of your own that were drawn by hand, and compute IoU for each class, "
    "before you trust it."
)


def document(
    geometry: Geometry, name: str, description: str, class_names: Sequence[str], pixel_size: float | None, validation: str
) -> str:
    """The package's README.md: what comes in, what goes out, how tiles must overlap, and how it was validated."""
    return README.format(
        name=name,
        description=description,
        grid=geometry.grid,
        size=f"{pixel_size:g} micrometres; scale other images to that" if pixel_size else "not stated",
        classes="\n".join(f"- channel {k}: probability of {label}" for k, label in enumerate(class_names)),
        margin=geometry.tile_margin(),
        overlap=2 * geometry.tile_margin(),
        validation=validation or NOT_VALIDATED,
    )
