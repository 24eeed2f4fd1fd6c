"""Files of weights and of unfinished training runs: written whole or not at all, and safe to open.

Weights travel as safetensors, which cannot run code. A checkpoint of a run is a torch file that is only ever loaded
with `weights_only=True`, which refuses anything but tensors and plain values.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from unet_lab.files import DATA, write_whole
from unet_lab.unet import UNet

WEIGHTS = DATA / "weights"


def save_weights(model: UNet, path: str | Path, half: bool = False) -> None:
    """Write a U-Net's weights and its constructor's arguments to a safetensors file.

    half : store float16, half the size; loading turns them back into float32.
    Raises ValueError for another ending than .safetensors, and OSError where the folder cannot be written; a file
    of that name then stays as it was.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise ValueError(f"{path}: weights are stored as safetensors; name it {path.stem}.safetensors.")
    tensors = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    if half:
        tensors = {name: v.half() if v.is_floating_point() else v for name, v in tensors.items()}
    write_whole(path, save(tensors, metadata={"settings": json.dumps(model.settings)}))


def load_weights(path: str | Path) -> UNet:
    """Build the U-Net that `save_weights` stored, in evaluation mode, float32, on the CPU.

    Raises FileNotFoundError where there is no such file; ValueError, naming it, where it is broken or not ours.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file. Looked in {path.resolve().parent}.")
    try:
        with safe_open(path, framework="pt") as file:
            settings = (file.metadata() or {}).get("settings")
            if settings is None:
                raise ValueError("it holds no U-Net settings: it was not written by save_weights")
            with torch.device("meta"):  # shapes only, no memory: a forged file could ask for any width
                expected = {name: tuple(v.shape) for name, v in UNet(**json.loads(settings)).state_dict().items()}
            found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 (not a dict)
            if found != expected:
                wrong = sorted(found.items() ^ expected.items())[0][0]
                has = f"{wrong} is {found.get(wrong, 'missing')}"
                raise ValueError(f"{has}, and in the U-Net of its settings it is {expected.get(wrong, 'missing')}")
            tensors = {name: file.get_tensor(name) for name in expected}
        if not all(torch.isfinite(v).all() for v in tensors.values()):
            raise ValueError("it holds NaN or infinite weights")
        model = UNet(**json.loads(settings))
        model.load_state_dict({name: v.float() if v.is_floating_point() else v for name, v in tensors.items()})
    except (SafetensorError, RuntimeError, ValueError, TypeError, OSError, RecursionError) as error:
        raise ValueError(f"{path}: these weights cannot be used: {error}. Copy the file again from its source.") from None
    return model.eval()


def load_pretrained(name: str = "small") -> UNet:
    """The model that ships with the course, trained by `python3 lab.py train-small` on generated cells only."""
    path = WEIGHTS / f"{name}.safetensors"
    if not path.is_file():
        known = ", ".join(repr(p.stem) for p in sorted(WEIGHTS.glob("*.safetensors"))) or "none"
        raise ValueError(f"there is no pretrained model {name!r}; there is {known}. Train one: python3 lab.py train-small")
    return load_weights(path)
