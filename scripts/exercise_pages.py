"""A lesson's page for programs that mark by themselves: each exercise taken apart into what a student writes and what tests it.

In a source of the course one cell holds both: the answer, with what the student writes between two marks, and below it
`check("name", answer);`. nbgrader and Otter-Grader want them in cells of their own, and a test that raises an error.
"""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

import nbformat
from nbformat import NotebookNode

from scripts.make_notebooks import (
    KERNEL,
    NOTEBOOKS,
    SOURCES,
    exercise_parts,
    read_source,
    sections_of_exercises,
    student_notebook,
)
from scripts.pages_for_students import LINK, notebook_for_students, title_of
from scripts.solution_marks import BEGIN, END

TO_GLOSSARY = re.compile(r"\[([^\]]+)\]\(glossary\.ipynb[^)]*\)")
DRIVES_EXPLORERS = "# For the automatic tests"


class Exercise(NamedTuple):
    """An exercise's cell, taken apart.

    name : of its check. answer : the variable that is checked. code : the cell above the check, marks included.
    follows : what the page does with the outcome, which is called `passed` there; mostly "".
    """

    name: str
    answer: str
    code: str
    follows: str


def exercise_of(code: str) -> Exercise | None:
    """The exercise in a cell of a source; None where the cell has none."""
    if BEGIN not in code:
        return None
    for statement in ast.parse(code).body:
        for call in ast.walk(statement):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "check":
                lines = code.splitlines()
                above, below = lines[: statement.lineno - 1], "\n".join(lines[statement.lineno - 1 :])
                name, answer = (ast.get_source_segment(code, argument) for argument in call.args)
                follows = below.replace(ast.get_source_segment(code, call), "passed").rstrip(";\n ")
                written = with_return("\n".join(above)).strip("\n")
                return Exercise(ast.literal_eval(name), answer, written, "" if follows == "passed" else follows)
    raise ValueError(f"there is no check(…) below a solution:\n{code}")


def with_return(code: str) -> str:
    """The cell with `return None` below each solution that returns, so that what stays without it is a whole function."""
    lines, inside = [], []
    for line in code.splitlines():
        lines.append(line)
        indent = line[: len(line) - len(line.lstrip())]
        if line.strip() == BEGIN:
            inside = []
        elif line.strip() == END and any(re.match(rf"{indent}return\b", kept) for kept in inside):
            lines.append(f"{indent}return None")
        inside.append(line)
    return "\n".join(lines)


def titles_of(lessons: list[str]) -> dict[str, str]:
    return {lesson: title_of(NOTEBOOKS / f"{lesson}.ipynb") for lesson in lessons}


def exercise_page(lesson: str, titles: dict[str, str]) -> list[NotebookNode | Exercise]:
    """A lesson's cells as students get them, without outputs, and its exercises in their places.

    titles : of the lessons that links may lead to, this one among them; other links become words.
    """
    source = read_source(SOURCES / f"{lesson}.py")
    text = notebook_for_students(nbformat.writes(student_notebook(source, lesson)), lesson, titles)
    page = []
    for cell, marked in zip(nbformat.reads(text, as_version=4).cells, source.cells, strict=True):
        exercise = exercise_of(marked.source) if cell.cell_type == "code" else None
        if exercise is not None:
            page.append(exercise)
        elif cell.source and not cell.source.startswith(DRIVES_EXPLORERS):
            page.append(plain_cell(cell))
            if "for-solution" in marked.metadata.get("tags", []):
                page[-1].metadata["tags"] = ["for-solution"]
    return page


def exercises_only(page: list[NotebookNode | Exercise], title: str) -> list[NotebookNode | Exercise]:
    """Of a page the imports, what is tagged for solutions, and each exercise from its heading to its check: runs in seconds."""
    words = f"# Exercises: {title}\n\nThe lesson itself is a notebook of the course; these are its exercises, to hand in."
    kept, section, imported = [nbformat.v4.new_markdown_cell(words)], 0, False
    asked = sections_of_exercises(page[1:], lambda part: isinstance(part, Exercise))
    for part in page[1:]:
        if isinstance(part, Exercise):
            kept, asked = [*kept, part], asked - {section}
        elif part.cell_type == "markdown":
            texts, section = exercise_parts(part.source, section, asked)
            text = "".join(texts).strip()
            kept += [nbformat.v4.new_markdown_cell(text)] if text else []
        elif section in asked or "tags" in part.metadata or (not imported and part.source.startswith(("import ", "from "))):
            kept.append(part)
            imported = True
    return kept


def plain_cell(cell: NotebookNode) -> NotebookNode:
    """A cell without tags and outputs; links to other lessons as nbgrader lays them out, a folder for each."""
    if cell.cell_type == "code":
        return nbformat.v4.new_code_cell(cell.source)
    text = TO_GLOSSARY.sub(r"\1", cell.source)
    return nbformat.v4.new_markdown_cell(LINK.sub(r"[\1](../\2/\2.ipynb\3)", text))


def notebook_of(cells: list[NotebookNode]) -> NotebookNode:
    """A notebook with these cells, numbered, for the course's kernel."""
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": KERNEL, "language_info": {"name": "python"}})
