"""Packages whose names are loaded when they are first used (PEP 562)."""

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module


def when_used(package: str, modules: Mapping[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package. modules : for each public name, the module of the package that has it."""

    def get(name: str) -> object:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}; there are {', '.join(sorted(modules))}.")
        with collecting_nothing():
            module = import_module(f"{package}.{modules[name]}")
        return getattr(module, name)

    def names() -> list[str]:
        return sorted({*vars(import_module(package)), *modules})

    return get, names


@contextmanager
def collecting_nothing() -> Iterator[None]:
    """While modules are loaded, nothing that they make can go; looking for it took a twentieth of the time of `import check`."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
