"""What speaks against a mark: an answer that reaches for the checks, for frames, for files that are none of its business.

The checks run in the answer's own process first, and Python keeps nothing from a program in it: who knows the marker's code can
deceive them. Where processes can be copied (Linux), what is right there is asked again from another process, which the answer
cannot reach (`outside`): but not networks. So a flag is a reason to look, and no flag is no proof. What is put back before each
check: functions and classes of the library, NumPy and PyTorch that were exchanged.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import FunctionType, ModuleType

from unet_lab.course.limits import ThrowsLater

_FRAMES = {"_getframe", "currentframe", "f_back", "f_globals", "f_locals", "tb_frame", "gi_frame", "cr_frame", "_current_frames"}
_FRAMES |= {
    "get_objects",
    "get_referrers",
    "get_referents",
    "settrace",
    "setprofile",
    "__closure__",
    "__globals__",
    "__subclasses__",
}
_LOOKING = {("inspect", "stack"), ("inspect", "trace"), ("sys", "modules"), ("traceback", "walk_stack"), ("sys", "meta_path")}
_LOOKING |= {("inspect", f"get{what}") for what in ("module", "closurevars", "source", "sourcefile", "sourcelines", "file")}
_FILES = {"dup", "dup2", "fdopen", "pread", "pwrite", "memfd_create", "writev", "sendfile", "fromfd", "socketpair"}
_BELOW = {("os", "write"), ("os", "read"), ("os", "open"), ("socket", "socket")}
_HIDDEN = _FRAMES | _FILES | {name for _, name in _LOOKING | _BELOW} | {"CHECKS"}  # what is worth hiding
_CHECKS = {"CHECKS", "checks", "checking", "exercises", "grading", "LESSONS"}  # what unet_lab.course has for itself
_COMPARING = {"__eq__", "__ne__", "__array_function__", "__torch_function__", "__array_ufunc__", "__instancecheck__", "__array__"}
_EVENTS = {
    "sys._getframe": "looks into frames",
    "sys._current_frames": "looks into frames",
    "sys.settrace": "traces the marker",
    "sys.setprofile": "traces the marker",
    "gc.get_objects": "looks at all objects",
    "gc.get_referrers": "looks at all objects",
    "gc.get_referents": "looks at all objects",
    "os.kill": "signals processes",
    "os.killpg": "signals processes",
    "sys.addaudithook": "listens to the marker",
}


def suspicious(code: str) -> list[str]:
    """What in a cell reaches for more than an answer needs, in words.

    >>> suspicious("import sys; sys._getframe(1).f_locals")
    ['looks into frames: _getframe, f_locals']
    """
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        return []
    found: dict[str, set[str]] = {}
    modules = {
        (alias.asname or alias.name).split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names
    }
    tests = [node for node in ast.walk(tree) if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn)]
    asked = {id(test.comparators[0]) for test in tests}
    for node in ast.walk(tree):
        if id(node) in asked:  # "google.colab" in sys.modules
            continue
        for words, what in reasons(node, modules | {"np", "torch", "nn"}):
            found.setdefault(words, set()).add(what)
    return [f"{words}: {', '.join(sorted(what))}" for words, what in sorted(found.items())]


def reasons(node: ast.AST, modules: set[str]) -> list[tuple[str, str]]:
    """The reasons that one node of a program gives, each with the name that gives it."""
    if isinstance(node, ast.Attribute):
        found = [("looks into frames", node.attr)] if node.attr in _FRAMES else []
        found += [("works with file descriptors", node.attr)] if node.attr in _FILES else []
        base = node.value.id if isinstance(node.value, ast.Name) else ""
        found += [("looks into frames", f"{base}.{node.attr}")] if (base, node.attr) in _LOOKING else []
        found += [("works with file descriptors", f"{base}.{node.attr}")] if (base, node.attr) in _BELOW else []
        found += [("reaches for the checks", node.attr)] if node.attr == "CHECKS" else []
        changed = not isinstance(node.ctx, ast.Load) and isinstance(node.value, ast.Name) and node.value.id in modules
        return found + ([("changes a library", f"{node.value.id}.{node.attr}")] if changed else [])
    if isinstance(node, ast.Import | ast.ImportFrom):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        found = [("imports the checks", name) for name in names if name.startswith("unet_lab.course.")]
        if isinstance(node, ast.ImportFrom):
            found += [*imported_parts(node)]
        return found + [("works below Python", name) for name in names if name.split(".")[0] in ("ctypes", "cffi")]
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("exec", "eval", "compile", "__import__")
    ):
        return [("runs text as code", node.func.id)]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr" and len(node.args) > 1:
        made = isinstance(node.args[1], ast.BinOp | ast.JoinedStr) and may_spell(node.args[1], _HIDDEN)
        return [("hides a name", ast.unparse(node.args[1])[:40])] if made else []
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "setattr" and node.args:
        target = ast.unparse(node.args[0])
        return [("changes a library", target)] if target.split(".")[0] in modules else []
    if isinstance(node, ast.FunctionDef) and node.name in _COMPARING:
        return [("an answer that compares itself", node.name)]
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        text = node.value.replace("\\", "/")
        named = any(part in text for part in ("solutions/", "notebooks/source", "/proc/"))
        found = [("names the solutions", text[:60])] if named else []
        return found + ([("imports the checks", text[:60])] if text.startswith("unet_lab.course.") else [])
    return []


def may_spell(node: ast.expr, names: Iterable[str]) -> bool:
    """Whether a text that is put together may be one of these names. f"conv{k}" is none of them, whatever k is."""
    return any(re.fullmatch(pattern_of(node), name) for name in names)


def pattern_of(node: ast.expr) -> str:
    """A regular expression of what a text that is put together may be."""
    if isinstance(node, ast.Constant):
        return re.escape(str(node.value))
    if isinstance(node, ast.JoinedStr):
        return "".join(map(pattern_of, node.values))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return pattern_of(node.left) + pattern_of(node.right)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Constant):
        return re.sub(r"%\w", ".*", str(node.left.value))
    return ".*"


def imported_parts(node: ast.ImportFrom) -> Iterator[tuple[str, str]]:
    """The reasons that the names of one `from … import …` give."""
    for alias in node.names:
        if node.module == "unet_lab.course" and alias.name in _CHECKS:
            yield "imports the checks", f"unet_lab.course.{alias.name}"
        if (node.module, alias.name) in _LOOKING or alias.name in _FRAMES:
            yield "looks into frames", f"{node.module}.{alias.name}"
        if (node.module, alias.name) in _BELOW or alias.name in _FILES:
            yield "works with file descriptors", f"{node.module}.{alias.name}"


class Watcher:
    """Sees the events of the audit hook, and says which of them came straight from a student's code.

    say : called with words, once for each reason. folder : where the student's files are. forbidden : folders nobody may read.
    """

    def __init__(self, say: Callable[[str], None], folder: str, forbidden: Sequence[str]):
        self.say, self.folder, self.forbidden = say, folder, tuple(forbidden)
        self.said: set[str] = set()
        self.looking = False  # to look at the caller is itself an event

    def see(self, event: str, arguments: tuple) -> None:
        if self.looking:
            return
        words = ""
        if event == "open" and isinstance(arguments[0], str | bytes):
            path = os.path.abspath(os.fsdecode(arguments[0]))
            if path.startswith(self.forbidden) or (path.startswith("/proc/") and ("/fd" in path or path.endswith("/mem"))):
                words = f"opens {path[-80:]}"
        elif event in _EVENTS or event.startswith("ctypes."):
            self.looking = True
            caller = sys._getframe(2).f_code.co_filename
            self.looking = False
            ours = event == "sys.settrace" and isinstance(sys.gettrace(), ThrowsLater)  # the limit of a check ends its tracing
            if not ours and caller.startswith(("<cell", self.folder)):
                words = _EVENTS.get(event, "works below Python: ctypes")
        if words and words not in self.said:
            self.said.add(words)
            self.say(words)


def is_library_wrapper(now, before) -> bool:
    """Whether a function was wrapped by a library itself: PyTorch does so to some of its own when a part of it is first used."""
    code = getattr(now, "__code__", None)
    return code is not None and getattr(now, "__wrapped__", None) is before and "site-packages" in code.co_filename


class Seal:
    """Remembers functions and classes of the library, NumPy and PyTorch, and puts back what was exchanged."""

    def __init__(self):
        names = ("numpy", "torch", "torch.nn", "torch.nn.functional", "builtins", "math")
        modules = [m for name, m in list(sys.modules.items()) if name in names or name.startswith("unet_lab")]
        self.owners: list[ModuleType | type] = [m for m in modules if isinstance(m, ModuleType)]
        self.owners += [
            value
            for module in modules
            if module.__name__.startswith("unet_lab")
            for value in vars(module).values()
            if isinstance(value, type) and value.__module__ == module.__name__
        ]
        self.known = [(owner, dict(self.parts(owner))) for owner in self.owners]
        functions = {id(v): v for _, parts in self.known for v in parts.values() if isinstance(v, FunctionType)}
        self.codes = [(f, f.__code__, f.__defaults__) for f in functions.values() if f.__module__.startswith("unet_lab")]

    @staticmethod
    def parts(owner):
        return (
            (name, value) for name, value in vars(owner).items() if callable(value) or isinstance(value, ModuleType | property)
        )

    def restore(self) -> list[str]:
        """The names of what was exchanged since, now as before."""
        changed = []
        for owner, parts in self.known:
            there = vars(owner)
            for name, value in parts.items():
                if there.get(name) is not value and not is_library_wrapper(there.get(name), value):
                    changed.append(f"{owner.__name__}.{name}")
                    setattr(owner, name, value)
        for function, code, defaults in self.codes:
            if function.__code__ is not code or function.__defaults__ is not defaults:
                changed.append(f"{function.__module__}.{function.__qualname__}")
                function.__code__, function.__defaults__ = code, defaults
        return changed
