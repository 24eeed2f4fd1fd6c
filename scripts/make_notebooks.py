"""Notebooks and their solutions out of one source: notebooks/source/NAME.py, in jupytext's percent format.

    python3 lab.py make-notebooks [NAME ...]

In a source, what a student writes stands between `### BEGIN SOLUTION` and `### END SOLUTION`, as nbgrader has it; an exercise
without these marks is refused. From it come

- notebooks/NAME.ipynb: without those lines; a part that returns leaves `return None`. The first use of each word of the glossary
  becomes a link. Outputs of cells that stay are kept, so run `python3 lab.py run NAME --update` afterwards to store new ones.
- notebooks/solutions/NAME.ipynb: the exercises only, solved, with the imports that they need and the cells tagged
  `for-solution`; run at once, with `✓` as a stored output that the tests compare.

notebooks/source/glossary.py becomes notebooks/glossary.ipynb: a cell for each word, with the number of the notebook from which on
it is linked (`since`), its other forms (`also`), and where it means something else (`not_in`). A test makes all again, and
compares.
"""

from __future__ import annotations

import argparse
import ast
import copy
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import jupytext
import nbformat
from jupytext.combine import combine_inputs_with_outputs
from nbclient import NotebookClient
from nbformat import NotebookNode
from tqdm import tqdm

from scripts.solution_marks import BEGIN, END, refuse_unmarked, with_solution, without_solution
from unet_lab.files import write_whole

HERE = Path(__file__).resolve().parents[1]
NOTEBOOKS = HERE / "notebooks"
SOURCES, SOLUTIONS = NOTEBOOKS / "source", NOTEBOOKS / "solutions"
GLOSSARY = "glossary"
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
FACT = "nbval-check-output"
FOR_MAKING = ("for-solution", "given")  # tags of a source that its page does not have
# In a text, where no link is made: fences, code, links and pictures, HTML, headings.
PROTECTED = re.compile(
    r"```.*?```|`[^`]*`|!?\[[^\]]*\]\([^)]*\)|<details>.*?</details>|<[^>]+>|^#+ .*?$|https?://\S+", re.DOTALL | re.MULTILINE
)


def read_source(path: Path) -> NotebookNode:
    """A source as a notebook, marks included. Raises ValueError where a mark has no partner, or an exercise has none."""
    return parsed_source(path.read_text(encoding="utf-8"), path.name)


def parsed_source(text: str, name: str) -> NotebookNode:
    """`read_source` of a text; errors call it `name`."""
    notebook = jupytext.reads(text, fmt="py:percent")
    notebook.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    for number, cell in enumerate(notebook.cells):
        marks = [line.strip() for line in cell.source.splitlines() if line.strip() in (BEGIN, END)]
        if marks != [BEGIN, END] * (len(marks) // 2):
            raise ValueError(f"{name}: in cell {number} the marks of a solution do not come in pairs: {marks}.")
        if cell.cell_type == "code":
            refuse_unmarked(cell, name)
        cell["id"] = f"cell-{number}"
        cell.metadata.pop("lines_to_next_cell", None)
    return notebook


class Term(NamedTuple):
    """A word of the glossary: its heading, the notebook from which on it is linked, and how it is written in a text."""

    heading: str
    since: int
    forms: tuple[str, ...]
    not_in: tuple[int, ...] = ()

    @property
    def link(self) -> str:
        return f"glossary.ipynb#{self.heading.replace(' ', '-')}"


def glossary_terms() -> list[Term]:
    """The words that notebooks/source/glossary.py explains."""
    found = []
    for cell in jupytext.read(SOURCES / "glossary.py", fmt="py:percent").cells:
        heading = re.match(r"### (.+)", cell.source)
        if heading:
            forms = (heading[1], *cell.metadata.get("also", []))
            found.append(Term(heading[1], cell.metadata["since"], forms, tuple(cell.metadata.get("not_in", []))))
    return found


def link_words(texts: list[str], terms: list[Term]) -> list[str]:
    """The texts with the first use of each term, in all of them together, made a link to the glossary."""
    by_form = {form.lower(): term for term in terms for form in term.forms}
    forms = "|".join(re.escape(form).replace(r"\ ", r"\s+") for form in sorted(by_form, key=len, reverse=True))
    anywhere = re.compile(rf"(?<![\w-])({forms})(?![\w-])", re.IGNORECASE)  # the longest first: batch norm is no batch
    used, made = set(), []

    def link(found: re.Match) -> str:
        term = by_form[" ".join(found[1].lower().split())]
        if term.heading in used:
            return found[0]
        used.add(term.heading)
        return f"[{found[1]}]({term.link})"

    def linked(plain: str) -> str:
        return anywhere.sub(link, plain) if terms else plain

    for text in texts:
        out, place = "", 0
        for kept in PROTECTED.finditer(text):
            out += linked(text[place : kept.start()]) + kept[0]
            place = kept.end()
        made.append(out + linked(text[place:]))
    return made


def student_notebook(source: NotebookNode, name: str) -> NotebookNode:
    """The notebook of the course."""
    made = copy.deepcopy(source)
    if name != GLOSSARY:
        number = int(name[:2])
        terms = [term for term in glossary_terms() if term.since <= number and number not in term.not_in]
        prose = [cell for cell in made.cells[1:] if cell.cell_type == "markdown"]
        for cell, text in zip(prose, link_words([cell.source for cell in prose], terms), strict=True):
            cell.source = text
    for cell in made.cells:
        for key in ("since", "also", "not_in"):
            cell.metadata.pop(key, None)
        if cell.cell_type == "code":
            cell.source = without_solution(cell.source)
        cell.metadata["tags"] = [tag for tag in cell.metadata.get("tags", []) if tag not in FOR_MAKING]
        if not cell.metadata["tags"]:
            del cell.metadata["tags"]
    return made


def sections_of_exercises(cells: Iterable, is_exercise: Callable) -> set[int]:
    """Which sections, counted by their headings "## …", hold an exercise, in whatever language their headings are."""
    section, found = 0, set()
    for cell in cells:
        if is_exercise(cell):
            found.add(section)
        elif cell.cell_type == "markdown":
            section += len(re.findall(r"(?m)^## ", cell.source))
    return found


def exercise_parts(text: str, section: int, asked: set[int]) -> tuple[list[str], int]:
    """What of a text belongs to the sections `asked`, and the section in which it ends. section : the one in which it begins."""
    kept = []
    for part in re.split(r"(?m)^(?=## )", text):
        section += part.startswith("## ")
        if section in asked:
            kept.append(part)
    return kept, section


def solution_notebook(source: NotebookNode, name: str) -> NotebookNode:
    """The exercises, solved: each section, in whatever words, in which a student is to write something; and what they need."""
    made, section, imported = copy.deepcopy(source), 0, False
    asked = sections_of_exercises(made.cells[1:], lambda cell: cell.cell_type == "code" and BEGIN in cell.source)
    title = next(line for line in source.cells[0].source.splitlines() if line.startswith("# "))
    text = (
        f"# Solutions: {title[2:]}\n\nThe exercises of [{title[2:]}](../{name}.ipynb), solved. Look here when your own answer "
        f"passes, to compare, or after the third hint: what you have found yourself, you keep."
    )
    cells = [nbformat.v4.new_markdown_cell(text, id="title")]
    for cell in made.cells[1:]:
        if cell.cell_type == "markdown":
            kept, section = exercise_parts(cell.source, section, asked)
            if kept:
                cell.source = re.sub(r"\]\((?=\d\d_)", "](../", "".join(kept).strip())
                cells.append(cell)
            continue
        first_imports = not imported and re.match(r"(import|from) ", cell.source)
        imported = imported or bool(first_imports)
        wanted = (
            first_imports or "for-solution" in cell.metadata.get("tags", []) or (section in asked and "check(" in cell.source)
        )
        if wanted:
            tags = [FACT] if "check(" in cell.source else []
            cell.source, cell.metadata = with_solution(cell.source), NotebookNode({"tags": tags} if tags else {})
            cells.append(cell)
    made.cells = cells
    first = next(c for c in cells if c.cell_type == "code")
    first.source = needed_imports(first.source, "\n".join(c.source for c in cells if c.cell_type == "code"))
    return made


def needed_imports(code: str, everything: str) -> str:
    """A cell without the imports of which nothing in `everything` makes use."""
    used = {node.id for node in ast.walk(ast.parse(everything)) if isinstance(node, ast.Name)}
    lines = code.splitlines()
    for statement in reversed(ast.parse(code).body):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            kept = [a for a in statement.names if (a.asname or a.name).split(".")[0] in used]
            if len(kept) < len(statement.names):
                statement.names = kept
                lines[statement.lineno - 1 : statement.end_lineno] = [ast.unparse(statement)] if kept else []
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def keep_outputs(made: NotebookNode, path: Path) -> NotebookNode:
    """Outputs of the notebook that stands there, in the cells that are as they were."""
    if path.exists():
        made = combine_inputs_with_outputs(made, nbformat.read(path, as_version=4), fmt="ipynb")
    for number, cell in enumerate(made.cells):
        cell["id"] = f"cell-{number}"
    return made


def run_solution(made: NotebookNode) -> NotebookNode:
    """Executed in notebooks/, so that each check has said what it says."""
    resources = {"metadata": {"path": str(NOTEBOOKS)}}
    client = NotebookClient(made, timeout=120, resources=resources, store_widget_state=False)
    with client.setup_kernel(stderr=subprocess.DEVNULL):
        for number, cell in enumerate(made.cells):
            ran = sum(c.cell_type == "code" for c in made.cells[: number + 1])
            client.execute_cell(cell, number, execution_count=ran)
    for cell in made.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
    made.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    return made


def main() -> int:
    parser = argparse.ArgumentParser(prog="lab.py make-notebooks", description="Make notebooks and solutions from their sources.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="the start of a source's name, e.g. 07; none makes all")
    names = parser.parse_args().names
    known = sorted(SOURCES.glob("*.py"))
    chosen = [p for p in known if not names or any(p.name.startswith(Path(n).name) for n in names)]
    if not chosen:
        sys.exit(f"lab.py make-notebooks: no source begins with {names[0]!r}; there are {', '.join(p.stem for p in known)}.")
    try:
        sources = {path: read_source(path) for path in chosen}  # all, before anything is written
    except ValueError as error:
        sys.exit(f"lab.py make-notebooks: {error}")
    failed = []
    for path, source in tqdm(sources.items(), unit="notebook"):
        target, solution = NOTEBOOKS / f"{path.stem}.ipynb", SOLUTIONS / f"{path.stem}.ipynb"
        made = keep_outputs(student_notebook(source, path.stem), target)
        write_whole(target, (nbformat.writes(made) + "\n").encode("utf-8"))
        if path.stem == GLOSSARY:
            continue
        solved = run_solution(solution_notebook(source, path.stem))
        said = "".join(o.get("text", "") for c in solved.cells if c.cell_type == "code" for o in c.outputs)
        failed += [f"{path.stem}: {line}" for line in said.splitlines() if line.startswith(("✗", "○"))]
        write_whole(solution, (nbformat.writes(solved) + "\n").encode("utf-8"))
    print("\n".join(failed) or f"{len(chosen)} made; every solution passes its checks.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
