"""The marks of a solution in a notebook's source: what of a cell a student gets, what is solved, where marks are missing."""

from __future__ import annotations

import ast
import re

from nbformat import NotebookNode

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
CHECKED = re.compile(r"""\bcheck\(["'](\w+)["'],""")
SOLUTION = re.compile(rf"{BEGIN}\n(.*?)\n *{END}", re.DOTALL)


def exercise_in(code: str) -> str | None:
    """The name of the exercise that a cell checks; None where it checks none."""
    found = CHECKED.search(code)
    return found and found[1]


def refuse_unmarked(cell: NotebookNode, name: str) -> None:
    """ValueError where what students are to write would stay on their page: an exercise, or a function of it, without marks.

    Functions that students are given may stand beside what they write, in a cell that is tagged `given`.
    """
    exercise = exercise_in(cell.source)
    if exercise is None:
        return
    mend = f"Put `{BEGIN}` back above the solution and `{END}` below it, as lines of their own, indented as it is"
    if BEGIN not in cell.source:
        raise ValueError(f"{name}: the exercise {exercise} has no marks: its solution would stand on the page. {mend}.")
    if "given" not in cell.metadata.get("tags", []):
        for function in functions_without_marks(cell.source):
            raise ValueError(
                f"{name}: in the exercise {exercise} the function {function} has no marks: if it belongs to the solution, that "
                f'would stand on the page. {mend}; or, if students are given it, begin the cell with `# %% tags=["given"]`.'
            )


def functions_without_marks(code: str) -> list[str]:
    """The functions of a cell, and of its classes, that hold no part of a solution and are in none."""
    lines = [line.strip() for line in code.splitlines()]
    plain = re.sub(r"(?m)^(\s*)[%!].*$", r"\1pass", code)  # a notebook's magics are no Python
    nodes = [part for node in ast.parse(plain).body for part in (node.body if isinstance(node, ast.ClassDef) else [node])]
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef)]
    return [
        node.name
        for node in functions
        if BEGIN not in lines[node.lineno : node.end_lineno]
        and lines[: node.lineno].count(BEGIN) == lines[: node.lineno].count(END)
    ]


def without_solution(code: str) -> str:
    """A cell as the student gets it."""
    lines, inside = [], None
    for line in code.splitlines():
        if line.strip() == BEGIN:
            inside = []
        elif line.strip() == END:
            indent = line[: len(line) - len(line.lstrip())]
            if any(re.match(rf"{indent}return\b", kept) for kept in inside):
                lines.append(f"{indent}return None")
            inside = None
        elif inside is None:
            lines.append(line)
        else:
            inside.append(line)
    return "\n".join(lines).strip("\n")


def with_solution(code: str) -> str:
    """A cell as it is solved, without the marks."""
    return "\n".join(line for line in code.splitlines() if line.strip() not in (BEGIN, END))
