"""Which cells of a notebook another cell needs: names are followed back to where they are made."""

from __future__ import annotations

import ast
import builtins
import symtable
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from unet_lab.course.grading.translating import plain_python

BUILTIN = {*dir(builtins), "get_ipython", "display", "_"}  # and what one calls a name that one does not want


class Names(NamedTuple):
    """What a cell makes and what it asks for. `changes`: names of other cells' things that it changes in place."""

    made: frozenset[str]
    asked: frozenset[str]
    changes: frozenset[str]
    imported: frozenset[str]


def names_of(code: str) -> Names | None:
    """The names of a cell, as IPython reads it; None where it is no Python.

    >>> sorted(names_of("x = f(y)").asked), sorted(names_of("x.sort()").changes)
    (['f', 'y'], ['x'])
    """
    code = plain_python(code)
    try:
        tree = ast.parse(code)
        tables = [symtable.symtable(code, "cell", "exec")]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    made, asked, changes, imported = set(), set(), set(), set()
    while tables:
        table = tables.pop()
        tables += table.get_children()
        for symbol in table.get_symbols():
            outermost = table.get_type() == "module" or symbol.is_global()
            if outermost and (symbol.is_assigned() or symbol.is_imported()):
                made.add(symbol.get_name())
                if symbol.is_imported():
                    imported.add(symbol.get_name())
            if outermost and symbol.is_referenced():
                asked.add(symbol.get_name())
    asked |= {n.target.id for n in ast.walk(tree) if isinstance(n, ast.AugAssign) and isinstance(n.target, ast.Name)}
    for statement in tree.body:  # at the top of the cell only: what is inside a function happens when it is called
        for node in ast.walk(statement) if not isinstance(statement, ast.FunctionDef | ast.ClassDef) else ():
            changed = None
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                changed = node.func.value  # x.sort(), and x.pretty(), which cannot be told apart
            elif isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
                changed = node.value  # x.a = …, x[0] = …
            if changed is not None:
                changes |= {part.id for part in ast.walk(changed) if isinstance(part, ast.Name)}
    return Names(frozenset(made - {"_"}), frozenset(asked - BUILTIN), frozenset(changes - BUILTIN), frozenset(imported))


def needed_cells(cells: Sequence[str], wanted: Iterable[int]) -> list[int]:
    """The numbers of the cells that `wanted` ones need, themselves included, in order: a slice of the notebook.

    A cell is needed where it makes a name that a needed one after it asks for, or changes such a thing in place. Of several that
    make a name, all before the one that asks are taken: the later may build on the earlier. What a program does in other ways
    (a seed that is set, a file that is written, a change inside a function) is not followed.
    """
    known = [names_of(code) for code in cells]
    modules = frozenset().union(*(names.imported for names in known if names is not None))  # np.f() does not change np
    needed, waiting = set(), sorted(wanted)
    while waiting:
        number = waiting.pop()
        if number in needed or known[number] is None:
            needed.add(number)
            continue
        needed.add(number)
        asked = known[number].asked
        for earlier in range(number):
            names = known[earlier]
            if names is not None and earlier not in needed and asked & (names.made | (names.changes - modules)):
                waiting.append(earlier)
    return sorted(needed)
