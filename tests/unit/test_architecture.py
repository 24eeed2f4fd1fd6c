"""The rooms of the package: which there are, how imports go, that the core stays small and modules readable."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "unet_lab"
# From top to bottom: a room imports from those above it and from itself.
ROOMS = [
    "when_used",
    "files",
    "jupyter",
    "blocks",
    "geometry",
    "foreign",
    "unet",
    "losses",
    "metrics",
    "weights",
    "objects",
    "datasets",
    "inference",
    "training",
    "acceleration",
    "inspection",
    "doctor",
    "plots",
    "explorers",
    "course",
]
# What a student reads beside the figure.
CORE = ["blocks.py", "unet.py", "geometry.py", "losses.py", "metrics.py", "training/loop.py", "inference/predict.py"]
CORE += ["inference/out_of_memory.py"]
MODULES = sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> set[str]:
    """The modules of the package that a module imports, wherever the import stands."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where a name comes from"
            found |= {node.module} if node.module != "unet_lab" else {f"unet_lab.{alias.name}" for alias in node.names}
    return {name for name in found if name.startswith("unet_lab.")}


def functions(path: Path) -> list[str]:
    tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    names = [node.name for node in tree if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [name for name in names if not name.startswith(("__", "_repr_", "_ipython_"))]  # these Python and Jupyter look for


def test_there_are_these_rooms_and_no_others():
    there = {
        path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path.is_dir() and (path / "__init__.py").exists())
    }
    assert there - {"__init__"} <= set(ROOMS)
    assert set(ROOMS) <= there


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path):
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if room == "__init__":
        return  # the front door: what it loads, it loads when it is first used
    for name in imports(path):
        other = name.split(".")[1]
        assert ROOMS.index(other) <= ROOMS.index(room), f"{path.relative_to(PACKAGE)} imports {name}"


def test_the_core_is_small_and_stands_on_its_own():
    texts = {name: (PACKAGE / name).read_text(encoding="utf-8") for name in CORE}
    assert sum(text.count("\n") for text in texts.values()) <= 1500
    allowed = {f"unet_lab.{name.removesuffix('.py').replace('/', '.')}" for name in CORE} | {"unet_lab.foreign", "unet_lab"}
    for name in CORE:
        besides = imports(PACKAGE / name) - allowed - {f"unet_lab.{Path(n).stem}" for n in CORE}
        assert besides <= {"unet_lab.datasets.standardise"}, f"{name} imports {besides}"


def test_modules_stay_readable():
    lengths = {str(path.relative_to(PACKAGE)): path.read_text(encoding="utf-8").count("\n") for path in MODULES}
    longest = max(lengths, key=lengths.get)
    print(f"largest module: {longest}, {lengths[longest]} lines; median {median(lengths.values())}")
    assert lengths[longest] <= 320, longest
    assert median(lengths.values()) <= 120


def test_a_fifth_of_the_functions_is_private_at_most():
    counted = {str(path.relative_to(PACKAGE)): functions(path) for path in MODULES}
    private = {name: [f for f in found if f.startswith("_")] for name, found in counted.items()}
    share = sum(map(len, private.values())) / sum(map(len, counted.values()))
    print(f"private functions: {share:.1%}")
    assert share <= 0.2
    hidden = {name for name, found in private.items() if len(found) > max(1, len(counted[name]) / 3)}
    assert not hidden, f"more than a third of their functions are private: {hidden}"


def test_the_front_door_opens_at_once():
    script = "import sys, time; t = time.process_time(); import unet_lab; print(time.process_time() - t, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    seconds, torch_is_there = done.stdout.split()
    assert torch_is_there == "False"
    assert float(seconds) < 0.2  # of the processor's time
    names = ["UNet", "segment", "predict", "fit", "train", "load_folder", "split", "generate_cell", "scores", "confusion_matrix"]
    subprocess.run([sys.executable, "-c", f"from unet_lab import {', '.join(names)}"], cwd=ROOT, check=True)


def test_files_are_not_called_alike():
    """A topic has one name: the exercise, the explorer and the notebook share it; nothing else does."""
    stems = [path.stem for path in MODULES if path.stem != "__init__"]
    topics = {path.stem for path in (PACKAGE / "explorers").glob("*.py")}
    twice = {stem for stem in stems if stems.count(stem) > 1} - topics - {"figure", "images", "base"}
    assert not twice, twice


def test_the_old_names_of_rooms_go_on_working_and_say_where_to_look():
    import unet_lab

    kept = {name for name in unet_lab.MOVED if name != "grading" or (PACKAGE / "course" / "grading").is_dir()}  # not handed out
    for name in sorted(kept):
        sys.modules.pop(f"unet_lab.{name}", None)
        with pytest.warns(DeprecationWarning, match=f"unet_lab.{name} is now unet_lab"):
            importlib.import_module(f"unet_lab.{name}")
    from unet_lab.checkpoints import load_checkpoint, load_weights

    from unet_lab.training.checkpoint import load_checkpoint as the_same
    from unet_lab.weights import load_weights as as_well

    assert load_checkpoint is the_same
    assert load_weights is as_well
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("unet_lab.nowhere")


@pytest.mark.parametrize("package", ["unet_lab", "unet_lab.course", "unet_lab.explorers"])
def test_packages_whose_names_are_loaded_when_used(package):
    there = importlib.import_module(package)
    assert set(vars(there).get("MODULES") or there.ROOMS) == set(there.__all__) <= set(dir(there))
    text = Path(there.__file__).read_text(encoding="utf-8")
    seen_by_tools = next(n for n in ast.parse(text).body if isinstance(n, ast.If))
    assert {alias.name for node in seen_by_tools.body for alias in node.names} == set(there.__all__)
    for name in there.__all__:
        assert getattr(there, name) is not None
    with pytest.raises(AttributeError, match=r"has no attribute 'nothing'; there are \w+, "):
        there.nothing  # noqa: B018
    script = f"import {package}, sys; print('torch' in sys.modules, 'matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.split() == ["False", "False"]
