"""A device that is not the CPU, for machines that have no other: "elsewhere".

Its tensors hold their numbers in the memory of this machine, and every operation is computed by the CPU; but PyTorch takes them
for tensors of another device (its PrivateUse1, which accelerators outside of PyTorch use). So what a GPU refuses is refused here:
`.numpy()`, an operation that mixes its tensors with the CPU's, a generator of random numbers of the CPU's, float64 (as on MPS).

    import tests.robustness.elsewhere.device as device; device.register()
    model.to("elsewhere")           or, for a whole program:  UNET_LAB_DEVICE=elsewhere
"""

from __future__ import annotations

from contextlib import nullcontext

import torch
from torch.utils._pytree import tree_flatten, tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

NAME = "elsewhere"
CROSSING = {"aten::copy_", "aten::_to_copy", "aten::_copy_from", "aten::_copy_from_and_resize"}  # between devices
TAKES_INDICES = {
    "aten::index.Tensor",
    "aten::index_put_",
    "aten::_index_put_impl_",
    "aten::_unsafe_index.Tensor",
}  # the CPU's too
REFUSED = torch.float64  # what MPS does not have
kept: list[torch.library.Library] = []  # what PyTorch was told is forgotten where nobody holds it


class ElsewhereTensor(torch.Tensor):
    """A tensor of the device: PyTorch sees its shape and its device, `inner` holds the numbers."""

    inner: torch.Tensor

    @staticmethod
    def __new__(cls, inner: torch.Tensor) -> ElsewhereTensor:
        if inner.dtype == REFUSED:
            raise TypeError(f"the device {NAME!r} has no float64 (as MPS, which says: use float32 instead)")
        made = torch.Tensor._make_wrapper_subclass(
            cls, inner.size(), strides=inner.stride(), storage_offset=0, dtype=inner.dtype, device=torch.device(NAME, 0)
        )
        made.inner = inner
        return made

    def __reduce_ex__(self, protocol):
        """As tensors of a GPU are stored: with their numbers, and read back by map_location. Here they are read as the CPU's."""
        return self.inner.detach().__reduce_ex__(protocol)

    def numpy(self, *, force: bool = False):
        if force:
            return self.cpu().numpy()
        raise TypeError(f"can't convert {NAME}:0 device type tensor to numpy. Use Tensor.cpu() to copy it to the CPU first.")

    def __array__(self, *_, **__):
        return self.numpy()

    def tolist(self) -> list:
        return self.cpu().tolist()

    def __format__(self, how: str) -> str:
        return format(self.cpu(), how)

    def __repr__(self, *, tensor_contents=None) -> str:
        return f"tensor(…, shape={tuple(self.shape)}, device={NAME!r})"

    @classmethod
    def __torch_dispatch__(cls, function, types, arguments=(), named=None):
        return computed(function, arguments, named or {})


def computed(function, arguments: tuple, named: dict):
    """An operation of the device, done by the CPU: refused where a real device refuses it."""
    operation = function.name()
    flat = tree_flatten((arguments, named))[0]
    tensors = [value for value in flat if isinstance(value, torch.Tensor)]
    here = [tensor for tensor in tensors if isinstance(tensor, ElsewhereTensor)]
    asked = named.get("device")
    refuse_float64(named.get("dtype"), asked, here)
    if operation.partition(".")[0] not in CROSSING:
        refuse_mixtures(operation, arguments, tensors)
    if here and isinstance(named.get("generator"), torch.Generator) and named["generator"].device.type == "cpu":
        raise RuntimeError(f"Expected a '{NAME}' device type for generator but found 'cpu'")
    inside = tree_map(lambda value: value.inner if isinstance(value, ElsewhereTensor) else value, (arguments, named))
    stays = asked is None or torch.device(asked).type == NAME
    if asked is not None and stays:
        inside[1]["device"] = torch.device("cpu")
    inside[1].pop("pin_memory", None)
    result = function(*inside[0], **inside[1])
    if not stays:  # a copy: the CPU's memory is not the device's
        return result.clone() if any(result is tensor.inner for tensor in here) else result
    if function._schema.name.endswith("_") or "out" in named:  # in place: the tensor that was given
        changed = arguments[0] if function._schema.name.endswith("_") else named["out"]
        if isinstance(changed, torch.Tensor):
            same = not isinstance(changed, ElsewhereTensor) or changed.shape == changed.inner.shape
            assert same, f"{operation} made a tensor of another size of the one that it was given; the stand-in cannot follow"
            return changed
    is_view = any(what.alias_info is not None for what in function._schema.returns)
    with torch.inference_mode(False) if is_view else nullcontext():  # a view of a normal tensor is a normal tensor
        return tree_map(lambda value: ElsewhereTensor(value) if isinstance(value, torch.Tensor) else value, result)


def refuse_float64(dtype, asked, here) -> None:
    stays = bool(here) if asked is None else torch.device(asked).type == NAME
    if dtype == REFUSED and stays:
        raise TypeError(f"Cannot convert a tensor to float64 on {NAME!r}: the device has none (as MPS). Use float32 instead.")


def refuse_mixtures(operation: str, arguments: tuple, tensors: list[torch.Tensor]) -> None:
    """Tensors of the CPU may come with those of a device as single numbers, and as what says where to look."""
    if operation in TAKES_INDICES:
        tensors = [arguments[0], *arguments[2:3]] if "put" in operation else [arguments[0]]
    others = [t for t in tensors if isinstance(t, torch.Tensor) and not isinstance(t, ElsewhereTensor) and t.dim() > 0]
    if others:
        raise RuntimeError(
            f"Expected all tensors to be on the same device, but found at least two devices, {NAME}:0 and cpu! (when checking "
            f"argument of {operation}, shapes {[tuple(t.shape) for t in tensors]})"
        )


class Module:
    """What PyTorch asks of a device's module, `torch.elsewhere`."""

    @staticmethod
    def is_initialized() -> bool:
        return True

    @staticmethod
    def is_available() -> bool:
        return True

    @staticmethod
    def current_device() -> int:
        return 0

    @staticmethod
    def device_count() -> int:
        return 1

    @staticmethod
    def _is_in_bad_fork() -> bool:
        return False

    @staticmethod
    def manual_seed_all(seed: int) -> None:
        """Random numbers come from the CPU's generator, which is seeded anyway."""

    @staticmethod
    def get_amp_supported_dtype() -> list[torch.dtype]:
        return [torch.bfloat16, torch.float16]


def register() -> None:
    """Make the device known to PyTorch; there is no way back, so that tests do it in a process of their own."""
    if kept:
        return
    _setup_privateuseone_for_python_backend(rename=NAME, backend_module=Module())
    everything = torch.library.Library("_", "IMPL")
    everything.fallback(lambda function, *arguments, **named: computed(function, arguments, named), "PrivateUse1")
    ours = torch.library.Library("aten", "IMPL")  # PyTorch's own way to make a range gives an empty tensor another size
    for name in ("arange", "arange.start", "arange.start_step"):
        ours.impl(name, on_the_cpu_first(torch.arange), "PrivateUse1")
    kept.extend([everything, ours])
    # These fill a tensor in C++, out of Python's sight, and fail there for a device that is written in Python.
    torch.tensor, torch.as_tensor = moved_later(torch.tensor), moved_later(torch.as_tensor)


def on_the_cpu_first(make):
    """An operation that makes a tensor, as PyTorch calls it for the device."""

    def made(*given, dtype=None, layout=None, device=None, pin_memory=None):
        return ElsewhereTensor(make(*given, dtype=dtype))

    return made


def moved_later(make):
    """torch.tensor and the like, done on the CPU and then moved to the device that was asked for."""

    def made(data, *, dtype=None, device=None, requires_grad=False, **more):
        if device is None or torch.device(device).type != NAME:
            more |= {"requires_grad": True} if requires_grad else {}
            return make(data, dtype=dtype, device=device, **more)
        return make(data, dtype=dtype, **more).to(device).requires_grad_(requires_grad)

    return made
