"""Which cells of a notebook another cell needs: names are followed back to where they are made."""

from __future__ import annotations

import ast
import builtins
import copy
import re
import symtable
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from unet_lab.course.grading.translating import plain_python

_MISSING = ("NameError", "FileNotFoundError", "ModuleNotFoundError", "KeyError", "AttributeError")  # what other cells may make
BUILTIN = {*dir(builtins), "get_ipython", "display", "_"}  # and what one calls a name that one does not want


class Names(NamedTuple):
    """What a cell makes and what it asks other cells for: a name that it has made itself before is not asked for.

    surely : what it makes whatever happens, so that nothing of before is left of it; `changes`: names of other cells' things that
    it changes in place.
    """

    made: frozenset[str]
    asked: frozenset[str]
    changes: frozenset[str]
    imported: frozenset[str]
    surely: frozenset[str]


def names_of(code: str) -> Names | None:
    """The names of a cell, as IPython reads it; None where it is no Python.

    >>> sorted(names_of("x = f(y)").asked), sorted(names_of("x.sort()").changes), sorted(names_of("x = 1; y = x + z").asked)
    (['f', 'y'], ['x'], ['z'])
    """
    code = plain_python(code)
    try:
        tree = ast.parse(code)
        tables = [scopes_of(tree)]
        bound: set[str] = set()
        asked = asked_in_order(tree.body, bound)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    made, changes, imported = set(), set(), set()
    while tables:
        table = tables.pop()
        tables += table.get_children()
        for symbol in table.get_symbols():
            outermost = table.get_type() == "module" or symbol.is_global()
            if outermost and (symbol.is_assigned() or symbol.is_imported()):
                made.add(symbol.get_name())
                if symbol.is_imported():
                    imported.add(symbol.get_name())
    for statement in tree.body:  # at the top of the cell only: what is inside a function happens when it is called
        for node in ast.walk(statement) if not isinstance(statement, ast.FunctionDef | ast.ClassDef) else ():
            changed = None
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                changed = node.func.value  # x.sort(), and x.pretty(), which cannot be told apart
            elif isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
                changed = node.value  # x.a = …, x[0] = …
            if changed is not None:
                changes |= {part.id for part in ast.walk(changed) if isinstance(part, ast.Name)}
    return Names(
        frozenset(made - {"_"}), frozenset(asked - BUILTIN), frozenset(changes - BUILTIN), frozenset(imported), frozenset(bound)
    )


class WithScopes(ast.NodeTransformer):
    """Every comprehension as a generator expression. From 3.12 on Python inlines the others (PEP 709), and its symbol tables then
    say that `[v for v in x]` makes a `v`."""

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp) -> ast.AST:
        return self.generic_visit(ast.GeneratorExp(node.elt, node.generators))

    visit_SetComp = visit_ListComp

    def visit_DictComp(self, node: ast.DictComp) -> ast.AST:
        return self.generic_visit(ast.GeneratorExp(ast.Tuple([node.key, node.value], ast.Load()), node.generators))


def scopes_of(node: ast.AST) -> symtable.SymbolTable:
    """The symbol table of a piece of code, comprehensions with a scope of their own."""
    return symtable.symtable(ast.unparse(WithScopes().visit(copy.deepcopy(node))), "cell", "exec")


def asked_in_order(statements: Iterable[ast.stmt], bound: set[str]) -> set[str]:
    """What statements ask for that is not in `bound` when they come to it; what they surely make is added to `bound`."""
    asked: set[str] = set()
    for statement in statements:
        match statement:
            case ast.If(test=test, body=body, orelse=orelse) | ast.While(test=test, body=body, orelse=orelse):
                asked |= referenced(test) - bound
                asked |= asked_in_order(body, set(bound)) | asked_in_order(orelse, set(bound))
            case ast.For(target=target, iter=what) | ast.AsyncFor(target=target, iter=what):
                loaded = {n.id for n in ast.walk(target) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
                asked |= (referenced(what) | loaded) - bound
                asked |= asked_in_order(statement.body, bound | stored(target)) | asked_in_order(statement.orelse, set(bound))
            case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body):
                for item in items:
                    asked |= referenced(item.context_expr) - bound
                    bound |= stored(item.optional_vars)
                asked |= asked_in_order(body, bound)
            case ast.Try() | ast.TryStar():
                asked |= asked_in_order(statement.body, set(bound)) | asked_in_order(statement.orelse, set(bound))
                for handler in statement.handlers:
                    asked |= referenced(handler.type) - bound
                    asked |= asked_in_order(handler.body, bound | {handler.name or ""})
                asked |= asked_in_order(statement.finalbody, set(bound))
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                bound |= {statement.name}  # it may call itself
                asked |= referenced(statement) - bound
            case ast.Delete():
                bound -= {name.id for name in statement.targets if isinstance(name, ast.Name)}
            case ast.AnnAssign(value=None):
                pass
            case _:
                augmented = statement.target if isinstance(statement, ast.AugAssign) else None
                asked |= (referenced(statement) | stored(augmented)) - bound
                bound |= set() if isinstance(statement, ast.Expr | ast.Match) else stored(statement)
    return asked


def referenced(node: ast.AST | None) -> set[str]:
    """The names of other places that a statement or an expression asks for, in its functions too."""
    if node is None:
        return set()
    tables, found = [scopes_of(node)], set()
    while tables:
        table = tables.pop()
        tables += table.get_children()
        outermost = table.get_type() == "module"
        found |= {s.get_name() for s in table.get_symbols() if s.is_referenced() and (outermost or s.is_global())}
    return found


def stored(node: ast.AST | None) -> set[str]:
    """The names that a statement or a target gives something to, not those of functions or comprehensions in it."""
    if node is None or isinstance(node, ast.Lambda | ast.comprehension):
        return set()
    if isinstance(node, ast.Name):
        return set() if isinstance(node.ctx, ast.Load) else {node.id}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    return set().union(*(stored(child) for child in ast.iter_child_nodes(node)))


def needed_cells(cells: Sequence[str], wanted: Iterable[int]) -> list[int]:
    """The numbers of the cells that `wanted` ones need, themselves included, in order: a slice of the notebook.

    A cell is needed where it makes a name that a needed one after it asks for, or changes such a thing in place. Of several that
    make a name, those are taken that the later ones build on: nothing before the last one that makes it anew. What a program does
    in other ways (a seed that is set, a file that is written, a change inside a function) is not followed.
    """
    known = [names_of(code) for code in cells]
    readable = [names for names in known if names is not None]
    modules = frozenset().union(*(names.imported for names in readable))  # np.f() does not change np,
    modules -= frozenset().union(*(names.made - names.imported for names in readable))  # if it is never anything else
    needed, waiting = set(), sorted(wanted)
    while waiting:
        number = waiting.pop()
        if number in needed or known[number] is None:
            needed.add(number)
            continue
        needed.add(number)
        for name in known[number].asked:
            for earlier in reversed(range(number)):
                names = known[earlier]
                if names is None or name not in names.made | (names.changes - modules):
                    continue
                waiting.append(earlier)
                if name in names.surely and name not in names.asked:
                    break  # made anew: what it was before does not matter
    return sorted(needed)


def may_be_elsewhere(error: str, cells: Sequence[str]) -> bool:
    """Whether a cell broke off for want of something that another cell may make; of a name, whether one does.

    >>> may_be_elsewhere("NameError: name 'a' is not defined", ["a = 1"]), may_be_elsewhere("NameError: name 'a' is", ["b = 1"])
    (True, False)
    """
    if not any(kind in error for kind in _MISSING):
        return False
    name = re.search(r"NameError: name '(\w+)'", error)
    if not name or any(re.search(r"import \*|\bexec\(|globals\(|^%", code, re.MULTILINE) for code in cells):
        return True
    return any(names is None or name[1] in names.made for names in map(names_of, cells))
