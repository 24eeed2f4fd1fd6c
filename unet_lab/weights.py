"""Weights as files: written whole or not at all, as safetensors, which cannot run code when they are opened."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

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
            f"{path}: a {path.suffix} file is PyTorch's own format, which can run code when opened. If you trust it, convert it: "
            f"model = from_state_dict(torch.load({str(path)!r}, map_location='cpu', weights_only=True)), then "
            f"save_weights(model, {path.stem + '.safetensors'!r}). Of a network of your own: model.load_state_dict(…) "
            "in place of from_state_dict(…)."
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
    own = {name: v.to(torch.float32 if v.is_floating_point() else v.dtype, copy=True) for name, v in tensors.items()}
    model.load_state_dict(own, assign=next(model.parameters()).is_meta)  # to_empty() would load SymPy, a quarter of a second
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


def from_state_dict(state: Mapping[str, Any]) -> UNet:
    """The U-Net with the weights of another implementation, in evaluation mode, where it computes what ours computes.

    state : what `model.state_dict()` gave there, or a checkpoint that holds it as "best", "state_dict" or "model". Recognised by
        the names and shapes of the tensors: our own, milesial's Pytorch-UNet (with transposed convolutions), labml's U-Net.
        "module." and "_orig_mod." before names (DataParallel, torch.compile) are taken off.

    Padding is taken to be "same"; a file does not say it. Raises ValueError for other networks, saying what they are like.

    >>> again = from_state_dict(UNet(num_classes=2, base_channels=4, depth=2).state_dict())
    >>> again.num_classes, again.settings["depth"]
    (2, 2)
    """
    held = ("best", "state_dict", "model_state_dict", "model")  # the first: of a checkpoint of ours, the best epoch
    state = next((state[key] for key in held if isinstance(state.get(key), Mapping)), state)
    tensors = {bare_name(name): value for name, value in state.items() if isinstance(value, Tensor)}
    for mark, layout in LAYOUTS.items():
        if mark in tensors:
            tensors = layout(tensors)
    model = network_of(tensors)
    expected = model.state_dict()
    for name, value in expected.items():
        if name.endswith((".bias", "num_batches_tracked")):
            tensors.setdefault(name, torch.zeros_like(value))  # a convolution without a bias is one whose bias is 0
    unlike = sorted({(name, tuple(v.shape)) for name, v in tensors.items()} ^ {(n, tuple(v.shape)) for n, v in expected.items()})
    if unlike:
        raise ValueError(
            f"this is no U-Net like ours: {unlike[0][0]} of shape {unlike[0][1]} stands on one side only. A network of any kind "
            "can be used as it is: build it with its own code, model.load_state_dict(…), then predict(model, image)."
        )
    model.load_state_dict({name: v.float() if v.is_floating_point() else v for name, v in tensors.items()})
    return model.eval()


def bare_name(name: str) -> str:
    """The name of a tensor without what DataParallel, DDP and torch.compile put before it."""
    while name.startswith(("module.", "_orig_mod.", "model.")):
        name = name.split(".", 1)[1]
    return name


def network_of(tensors: Mapping[str, Tensor]) -> UNet:
    """A U-Net whose settings are read off the names and shapes of its tensors."""
    first, head = tensors.get("encoder.0.block.0.weight"), tensors.get("head.weight")
    depth = len({name.split(".")[1] for name in tensors if name.startswith("encoder.")})
    if first is None or head is None or first.ndim != 4 or not 1 <= depth <= 6:
        some = ", ".join(list(tensors)[:3]) or "none"
        raise ValueError(
            f"these weights are of no network that is known here; the first tensors are {some}. Known are U-Nets of this course, "
            "of milesial's Pytorch-UNet and of labml. Any other: build it with its own code, model.load_state_dict(…), then "
            "predict(model, image)."
        )
    norm = "batch" if "encoder.0.block.1.running_mean" in tensors else None
    return UNet(first.shape[1], head.shape[0], first.shape[0], depth, norm=norm)


def renamed(tensors: Mapping[str, Tensor], rules: Mapping[str, str]) -> dict[str, Tensor]:
    """Tensors under our names; rules : patterns of whole names, and what they become."""
    found = {}
    for name, value in tensors.items():
        ours = next((re.sub(rule, new, name) for rule, new in rules.items() if re.fullmatch(rule, name)), name)
        found[ours] = value
    return found


def milesial_layout(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of milesial's Pytorch-UNet (inc, down1 to down4, up1 to up4, outc) under our names."""
    if "up1.up.weight" not in tensors:
        raise ValueError(
            "this is milesial's U-Net with bilinear=True: its decoder has other widths than ours, and aligns corners. Build it "
            "with its own code and use it as it is: predict(model, image)."
        )
    depth = sum(name.startswith("down") and name.endswith("double_conv.0.weight") for name in tensors)
    rules = {r"inc\.double_conv\.(.*)": r"encoder.0.block.\1", r"outc\.conv\.(.*)": r"head.\1"}
    for k in range(1, depth + 1):
        place = f"encoder.{k}" if k < depth else "bottleneck"
        rules[rf"down{k}\.maxpool_conv\.1\.double_conv\.(.*)"] = rf"{place}.block.\1"
        rules[rf"up{k}\.up\.(.*)"] = rf"decoder.{k - 1}.up.\1"
        rules[rf"up{k}\.conv\.double_conv\.(.*)"] = rf"decoder.{k - 1}.block.\1"
    return renamed(tensors, rules)


def labml_layout(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of labml's U-Net (down_conv, middle_conv, up_sample, up_conv, final_conv) under our names.

    It has no normalisation, and puts the up-sampled maps before the skip's, ours behind them: input channels change places.
    """
    rules = {r"final_conv\.(.*)": r"head.\1"}
    for theirs, ours in (("first", 0), ("second", 2)):
        rules[rf"down_conv\.(\d+)\.{theirs}\.(.*)"] = rf"encoder.\1.block.{ours}.\2"
        rules[rf"middle_conv\.{theirs}\.(.*)"] = rf"bottleneck.block.{ours}.\1"
        rules[rf"up_conv\.(\d+)\.{theirs}\.(.*)"] = rf"decoder.\1.block.{ours}.\2"
    rules[r"up_sample\.(\d+)\.up\.(.*)"] = r"decoder.\1.up.\2"
    found = renamed(tensors, rules)
    for name, value in found.items():
        if re.fullmatch(r"decoder\.\d+\.block\.0\.weight", name):
            found[name] = torch.cat(value.chunk(2, dim=1)[::-1], dim=1)
    return found


def monai_layout(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """MONAI's BasicUNet is named, and refused: no U-Net of ours computes the same."""
    raise ValueError(
        "this is MONAI's BasicUNet. It has leaky ReLU, instance normalisation and other widths in its last stage than any U-Net "
        "of ours. Use it as it is: model = monai.networks.nets.BasicUNet(…), model.load_state_dict(…), predict(model, image)."
    )


# A tensor's name by which another implementation is recognised, and how its names become ours.
LAYOUTS: dict[str, Callable[[Mapping[str, Tensor]], dict[str, Tensor]]] = {
    "inc.double_conv.0.weight": milesial_layout,
    "down_conv.0.first.weight": labml_layout,
    "conv_0.conv_0.conv.weight": monai_layout,
}


def load_pretrained(name: str = "small") -> UNet:
    """The model that ships with the course, trained by `python3 lab.py train-small` on generated cells only."""
    path = WEIGHTS / f"{name}.safetensors"
    if not path.is_file():
        known = ", ".join(repr(p.stem) for p in sorted(WEIGHTS.glob("*.safetensors"))) or "none"
        raise ValueError(f"there is no pretrained model {name!r}; there is {known}. Train one: python3 lab.py train-small")
    return load_weights(path)  # type: ignore[return-value]
