"""Is an answer in a folder? Each part of each solution and each right answer of the tests is looked for, in any layout."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat

HERE = Path(__file__).resolve().parents[1]
SHORTEST = 40  # characters of an answer that is searched for; shorter ones are words that anybody writes


def flat(code: str) -> str:
    """Code on one line, without blanks and comments."""
    return re.sub(r"\s+", "", re.sub(r"(?m)(?<!['\"])#[^'\"\n]*$", "", code))


def right_answers() -> dict[str, str]:
    """What the hand-out is searched for: each part of each solution, and each right answer of the exercises' tests."""
    found = {}
    for path in sorted((HERE / "notebooks" / "source").glob("*.py")):
        text = re.sub(r"(?m)^# %%.*$", "", path.read_text(encoding="utf-8"))
        for number, part in enumerate(re.findall(r"### BEGIN SOLUTION\n(.*?)\n *### END SOLUTION", text, re.DOTALL), 1):
            found[f"solution {number} of {path.stem}"] = part
    for path in sorted((HERE / "tests" / "exercises").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith(("test_", "_")):
                found[f"{node.name} of {path.name}"] = ast.get_source_segment(text, node)
    found = {name: re.sub(r"(?m)^\s*(from \S+ )?import .*$", "", code) for name, code in found.items()}
    return {name: code for name, code in found.items() if len(flat(code)) >= SHORTEST}


def answers_in(folder: Path, answers: dict[str, str]) -> list[str]:
    """Which of these answers stand in a file of the folder: "NAME: FILE"."""
    texts = {}
    for path in folder.rglob("*"):
        if path.suffix == ".ipynb":
            cells = nbformat.read(path, as_version=4).cells
            texts[path] = "\n".join(cell.source for cell in cells)
        elif path.suffix in (".py", ".md", ".txt", ".toml", ".json", ".yml", ".js"):
            texts[path] = path.read_text(encoding="utf-8", errors="replace")
    flattened = {path: flat(text) for path, text in texts.items()}
    wanted = {name: flat(code) for name, code in answers.items()}
    return [
        f"{name}: {path.relative_to(folder)}" for path, text in flattened.items() for name, code in wanted.items() if code in text
    ]


def is_taught(line: str) -> bool:
    """Whether an answer that was found is the library's own code, or stands on the page of its lesson as what is taught there."""
    answer, _, file = line.rpartition(": ")
    return file.startswith("unet_lab/") or (answer.startswith("solution") and Path(file).stem == answer.split()[-1])
