"""A notebook's cell as Python: what IPython understands besides (magics, shell lines, `?`, await), and a harmless shell."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path

from IPython.core.inputtransformer2 import TransformerManager

_RUN_BODY = {"time", "timeit", "capture", "prun", "memit", "mprun", "lprun"}  # %%time and the like: the cell itself is wanted
_AUTOMATIC = {
    "pip",
    "conda",
    "mamba",
    "ls",
    "cd",
    "pwd",
    "cat",
    "mkdir",
    "rm",
    "cp",
    "mv",
    "less",
    "more",
    "man",
    "clear",
    "who",
    "whos",
}
_AUTOMATIC |= {"matplotlib", "time", "timeit", "load_ext", "reset"}


def plain_python(code: str) -> str:
    """What IPython makes of a cell: lines for it become calls of `get_ipython()`, which is a `HarmlessShell` when it is marked.

    >>> plain_python("files = !ls\\nmy_iou?").splitlines()
    ["files = get_ipython().getoutput('ls')", "get_ipython().run_line_magic('pinfo', 'my_iou')"]
    >>> plain_python("x = (7\\n     % 2)") == "x = (7\\n     % 2)\\n"
    True
    """
    code = code.lstrip("\ufeff")
    head = re.match(r"\s*%%(\w+)[^\n]*\n?", code)
    if head and head[1] in _RUN_BODY:
        return plain_python(code[head.end() :])
    code = re.sub(r"(?m)^([ \t]*)%time[ \t]+(?=\S)(?!-)", r"\1", code) if not is_python(code) else code
    if is_automagic(code):
        return ""
    try:
        return TransformerManager().transform_cell(code)
    except (SyntaxError, ValueError, RecursionError):
        return code


def is_python(code: str) -> bool:
    try:
        ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def is_automagic(code: str) -> bool:
    """Whether a cell is one line like `pip install x`, which IPython takes for a magic though no % is before it."""
    words = code.split()
    return len(code.strip().splitlines()) == 1 and words[0] in _AUTOMATIC and not is_python(code)


def syntax_error(code: str) -> str:
    """What is wrong with a cell that is no Python; empty where it is."""
    try:
        compile(plain_python(code), "cell", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST)
    except SyntaxError as error:
        line = (error.text or "").strip()
        return f"{error.msg} in line {error.lineno}{f': {line[:80]}' if line else ''}"
    except (ValueError, RecursionError, MemoryError) as error:
        return str(error) or type(error).__name__
    return ""


class HarmlessShell:
    """What `get_ipython()` is while a notebook is marked: it lists and writes files of the working folder, nothing else."""

    def getoutput(self, command: str = "", *_, **__) -> list[str]:
        words = command.split()
        return (
            sorted(name for name in os.listdir() if not name.startswith(".")) if words[:1] == ["ls"] and len(words) == 1 else []
        )

    def run_cell_magic(self, name: str, line: str, cell: str) -> None:
        if name in ("writefile", "file"):
            words = [word for word in line.split() if not word.startswith("-")]
            if words:
                with open(Path(words[-1]), "a" if "-a" in line.split() else "w", encoding="utf-8") as file:
                    file.write(cell)

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *_, **__: None
