"""Answers that are alike: between two students, and with the library, whatever the names in them."""

from __future__ import annotations

import ast
import difflib
import dis
import inspect
import io
import itertools
import keyword
import sys
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, partial
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import NamedTuple

GIVEN_BY = {"iou": "scores", "object_f1": "object_scores"}  # functions whose result holds the answer to an exercise
FEWEST = 25  # tokens: shorter answers are alike by themselves
NO_ANSWERS = ("unet_lab.course", "unet_lab.explorers", "unet_lab.plots")  # rooms that only ask, or show
ALIKE = 0.9  # share of equal tokens from which a pair is in the table
_SKIPPED = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
    tokenize.INDENT,
    tokenize.DEDENT,
}
Tokens = tuple[str, ...]


class Pair(NamedTuple):
    """Two students whose answers are alike. share : equal tokens after renaming; as_written : names included."""

    exercise: str
    first: str
    second: str
    share: float
    as_written: float
    tokens: int
    others: int  # how many more students have one of the two answers, to the token: an answer that many find is no sign


def tokens_of(code: str, renamed: bool = True) -> Tokens:
    """The tokens of some Python without comments, docstrings and layout; names by the order in which they first occur.

    >>> tokens_of("total = a + 1  # sum") == tokens_of("s = x + 1")
    True
    """
    numbers: dict[str, str] = {}
    found = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(without_docstrings(code)).readline):
            if token.type in _SKIPPED:
                continue
            is_name = token.type == tokenize.NAME and not keyword.iskeyword(token.string)
            found.append(numbers.setdefault(token.string, f"name {len(numbers)}") if is_name and renamed else token.string)
    except (tokenize.TokenError, SyntaxError):
        return tuple(code.split())
    return tuple(found)


def without_docstrings(code: str) -> str:
    """The code with a blank line for each statement that is nothing but a text."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        return code
    lines = code.splitlines()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines[node.lineno - 1 : node.end_lineno] = [""] * (node.end_lineno - node.lineno + 1)
    return "\n".join(lines)


def share_of_equal(first: Tokens, second: Tokens, least: float = 0.0) -> float:
    """Equal tokens, in order, as a share of both; 0 where that is surely below `least`.

    >>> share_of_equal(("a", "b", "c"), ("a", "c"))
    0.8
    """
    if first == second:
        return 1.0
    both = len(first) + len(second)
    if not both or 2 * (Counter(first) & Counter(second)).total() / both < least:
        return 0.0
    return difflib.SequenceMatcher(None, first, second, autojunk=False).ratio()


def similar_pairs(answers: Iterable[tuple[str, str, str]]) -> list[Pair]:
    """The pairs of students with answers alike; first those that fewest others have, of these the most alike.

    answers : (student, exercise, code); the code without what was handed out. Of a student's several the most alike counts.
    """
    by_exercise: dict[str, list[tuple[str, str, Tokens]]] = {}
    for student, exercise, code in answers:
        tokens = tokens_of(code)
        if len(tokens) >= FEWEST:
            by_exercise.setdefault(exercise, []).append((student, code, tokens))
    best: dict[tuple[str, str, str], Pair] = {}
    for exercise, mine in by_exercise.items():
        having = {}
        for student, _, tokens in mine:
            having.setdefault(tokens, set()).add(student)
        for (one, code, tokens), (two, other, more) in itertools.combinations(sorted(mine), 2):
            share = share_of_equal(tokens, more, ALIKE) if one != two else 0.0
            if share >= ALIKE and share > best.get((exercise, one, two), (0, 0, 0, 0.0))[3]:
                written = share_of_equal(tokens_of(code, False), tokens_of(other, False))
                others = len((having[tokens] | having[more]) - {one, two})
                pair = Pair(exercise, one, two, round(share, 3), round(written, 3), min(len(tokens), len(more)), others)
                best[exercise, one, two] = pair
    return sorted(best.values(), key=lambda pair: (pair.others, -pair.share, -pair.tokens, pair[:3]))


def own_lines(code: str, handed_out: Sequence[str]) -> str:
    """The lines of a cell that do not stand in what was handed out."""
    known = {line.strip() for cell in handed_out for line in cell.splitlines()}
    return "\n".join(line for line in code.splitlines() if line.strip() not in known)


@cache
def library_index() -> dict[str, Tokens]:
    """The tokens of every function and class of the library that is loaded and could be an answer, by its name."""
    found = {}
    for name, module in list(sys.modules.items()):
        if name.startswith("unet_lab") and not name.startswith(NO_ANSWERS):
            parts = {key: tokens_of(code) for key, code in functions_and_classes(module)}
            found |= {f"{name}.{key}": tokens for key, tokens in parts.items() if len(tokens) >= FEWEST}
    return found


def functions_and_classes(module: ModuleType) -> Iterator[tuple[str, str]]:
    """The name and the source, decorators included, of each that a module makes at its outermost level."""
    try:
        source = inspect.getsource(module)
    except (OSError, TypeError):  # a module that is empty, or has no file
        return
    lines = source.splitlines()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            yield node.name, "\n".join(lines[first - 1 : node.end_lineno])


def source_tokens(value) -> Tokens:
    try:
        return tokens_of(inspect.cleandoc("\n" + inspect.getsource(value)))
    except (OSError, TypeError, IndentationError):
        return ()


def library_s_own(answer) -> str:
    """Which part of the library an answer is, extends without a forward of its own, or copies; "" for an answer of one's own."""
    if isinstance(answer, FunctionType | type) and str(answer.__module__).startswith("unet_lab."):
        return f"{answer.__module__}.{answer.__qualname__}"
    if not isinstance(answer, FunctionType | type):
        return ""
    if isinstance(answer, type) and "forward" not in vars(answer):
        above = next((base for base in answer.__mro__[1:] if base.__module__.startswith("unet_lab.")), None)
        if above is not None:
            return f"{above.__module__}.{above.__qualname__}"
    tokens = source_tokens(answer)
    if len(tokens) < FEWEST:
        return ""
    alike = ((share_of_equal(tokens, other, ALIKE), name) for name, other in library_index().items())
    share, name = max(alike, default=(0.0, ""))
    return name if share >= ALIKE else ""


def used_from_library(answer, most: int = 5) -> list:
    """The functions and classes of the library that an answer's code names, itself or by way of helpers, `most` at most."""
    found, seen, waiting = {}, set(), [answer]
    while waiting and len(seen) < 500:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, FunctionType | type) and str(value.__module__).startswith("unet_lab."):
            found[id(value)] = value
        elif not isinstance(value, FunctionType | type) or not is_installed(value):
            waiting += parts_of(value)
    return list(found.values())[:most]


def parts_of(value) -> list:
    """What an answer, or a helper of it, is made of: what its code names, defaults, cells, methods, what a partial holds."""
    if isinstance(value, FunctionType):
        cells = [cell.cell_contents for cell in value.__closure__ or () if cell != CellType()]
        return [*named_by(value), *(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values(), *cells]
    if isinstance(value, partial):
        return [value.func, *value.args, *value.keywords.values()]
    if isinstance(value, staticmethod | classmethod | MethodType):
        return [value.__func__, getattr(value, "__self__", None)]
    if isinstance(value, type):
        return [*vars(value).values(), *value.__bases__]
    if isinstance(value, dict):
        return list(value.values())[:50]
    if isinstance(value, list | tuple | set):
        return list(value)[:50]
    kind = type(value)
    return [] if is_installed(kind) else [kind, *getattr(value, "__dict__", {}).values()]


def is_installed(made: FunctionType | type) -> bool:
    """Whether a function or class is Python's or a library's, and not made in the notebook or beside it."""
    module = sys.modules.get(str(made.__module__))
    if made.__module__ == "__main__" or module is None:
        return False
    place = getattr(module, "__file__", None) or ""
    return not place or "site-packages" in place or place.startswith(sys.base_prefix)


def named_by(function: FunctionType) -> list:
    """The values of the global names in a function's code, and of the attributes that it takes of modules among them."""
    names, attributes, imported, codes = set(), set(), set(), [function.__code__]
    while codes:
        code = codes.pop()
        for step in dis.get_instructions(code):
            if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                names.add(step.argval)
            elif step.opname in ("LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM"):
                attributes.add(step.argval)
            elif step.opname == "IMPORT_NAME":
                imported.add(step.argval)
        codes += [inner for inner in code.co_consts if isinstance(inner, CodeType)]
    known = function.__globals__
    values = [known[name] for name in names if name in known]
    modules = [value for value in (*values, *map(sys.modules.get, imported)) if isinstance(value, ModuleType)]
    for module in modules:  # a module among the attributes of another one is the next
        inner = [getattr(module, name, None) for name in attributes]
        modules += [m for m in inner if isinstance(m, ModuleType) and m not in modules]
        values += inner
    return [value for value in values if not isinstance(value, ModuleType)]
