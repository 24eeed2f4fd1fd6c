"""Weights as files: written whole or not at all, as safetensors, which cannot run code when they are opened."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from unet_lab.files import DATA, write_whole
from unet_lab.foreign import unwrapped
from unet_lab.unet import UNet

WEIGHTS = DATA / "weights"


def save_weights(model: nn.Module, path: str | Path, half: bool = False) -> None:
    """Write a network's weights to a safetensors file; of a U-Net also what it takes to build it again, as it is now.

    half : store float16, half the size; loading turns them back into float32.
    Raises ValueError for another ending than .safetensors, and OSError where the folder cannot be written; a file
    of that name then stays as it was.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise ValueError(f"{path}: weights are stored as safetensors; name it {path.stem}.safetensors.")
    model = unwrapped(model)
    tensors = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    if half:
        tensors = {name: v.half() if v.is_floating_point() else v for name, v in tensors.items()}
    write_whole(path, save(tensors, metadata=description(model)))


def description(model: nn.Module) -> dict[str, str]:
    """The settings of a U-Net, read off its parts; of a network of your own, its class."""
    if isinstance(model, UNet) and model.is_as_built and isinstance(model.head, nn.Conv2d) and model.head.kernel_size == (1, 1):
        return {"settings": json.dumps(model.settings | {"num_classes": model.num_classes})}
    return {"class": type(model).__qualname__}


def load_weights(path: str | Path, model: nn.Module | None = None) -> nn.Module:
    """Build the U-Net that `save_weights` stored, in evaluation mode, float32, on the CPU.

    model : a network of your own, into which the weights are loaded; needed where the file holds no U-Net's settings.
    Raises FileNotFoundError where there is no such file; ValueError, naming it, where it is broken, not ours, or does not fit.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file. Looked in {path.resolve().parent}.")
    if path.suffix in (".pth", ".pt", ".ckpt"):
        raise ValueError(
            f"{path}: a {path.suffix} file is PyTorch's own format, which can run code when opened. If you trust it, convert "
            f"it: model.load_state_dict(torch.load({str(path)!r}, weights_only=True)), then save_weights(model, "
            f"{path.stem + '.safetensors'!r}), with the `model` that it belongs to."
        )
    try:
        with safe_open(path, framework="pt") as file:
            if model is None:
                model = built_from(file.metadata() or {})
            tensors = fitting_tensors(file, model)
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path}: these weights cannot be used, the file is broken: {error}. Copy it again.") from None
    except (RuntimeError, ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{path}: these weights cannot be used: {error}.") from None
    model = model.to_empty(device="cpu") if next(model.parameters()).is_meta else model
    model.load_state_dict({name: v.float() if v.is_floating_point() else v for name, v in tensors.items()})
    return model.eval()


def built_from(metadata: dict[str, str]) -> UNet:
    """The U-Net of a file's settings, without memory yet: a forged file could ask for any width."""
    if "class" in metadata:
        kind = metadata["class"]
        raise ValueError(f"they are of {kind}, which is no plain UNet; give it: load_weights(path, {kind}(…))")
    if "settings" not in metadata:
        raise ValueError("the file holds no U-Net settings: it was not written by save_weights")
    with torch.device("meta"):
        return UNet(**json.loads(metadata["settings"]))


def fitting_tensors(file, model: nn.Module) -> dict[str, Tensor]:
    """The tensors of an open file, once their names and shapes are those of the model and all are finite."""
    expected = {name: tuple(v.shape) for name, v in model.state_dict().items()}
    found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 (not a dict)
    if found != expected:
        wrong = sorted(found.items() ^ expected.items())[0][0]
        has = f"{wrong} is {found.get(wrong, 'missing')}"
        raise ValueError(f"{has}, and in the network it is {expected.get(wrong, 'missing')}")
    tensors = {name: file.get_tensor(name) for name in expected}
    if not all(torch.isfinite(v).all() for v in tensors.values()):
        raise ValueError("they hold NaN or infinite weights")
    return tensors


def load_pretrained(name: str = "small") -> UNet:
    """The model that ships with the course, trained by `python3 lab.py train-small` on generated cells only."""
    path = WEIGHTS / f"{name}.safetensors"
    if not path.is_file():
        known = ", ".join(repr(p.stem) for p in sorted(WEIGHTS.glob("*.safetensors"))) or "none"
        raise ValueError(f"there is no pretrained model {name!r}; there is {known}. Train one: python3 lab.py train-small")
    return load_weights(path)  # type: ignore[return-value]
