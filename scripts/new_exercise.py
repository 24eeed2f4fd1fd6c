"""The skeleton of an exercise of your own, in all its places, with a test that passes.

    python3 lab.py new-exercise NN NAME

NN is the start of a notebook's name, NAME the exercise's (small letters and _). Written are: the check, in the notebook's file in
unet_lab/course/exercises/; its name, in the list LESSONS; the task, in notebooks/source/, before the recap or at the end; right
and wrong answers, in tests/exercises/exercise_NAME.py. The skeleton asks for the mean of some numbers. Change it to what you
want, and run what it prints.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
CHECK = '''

def {name}(answer) -> None:
    """my_{name}(values): what it asks for."""
    for values in ([1.0, 2.0, 6.0], [5.0], [-1.0, 1.0]):  # cases that tell right from wrong
        right, got = sum(values) / len(values), float(called(answer, list(values)))
        if abs(got - right) < 1e-6:
            continue
        neighbour = "A neighbour: of 2 and 4 the largest is 4, and 4/2 = 2 is half of it."
        if abs(got - sum(values)) < 1e-6:  # a mistake that you know, with its own hint
            raise Wrong(f"of {{values}}: yours {{got}}, expected {{right}}: the sum.", "How many values are there?", neighbour)
        raise Wrong(f"of {{values}}: yours {{got}}, expected {{right}}.", "Say in words first what is asked for.", neighbour)
'''
TASK = """# %% [markdown]
# ## Exercise {count}: {words}
#
# Write `my_{name}(values)`: the mean of a list of numbers. (Say what is given, what is wanted, and one case by hand.)

# %%
def my_{name}(values):
    ### BEGIN SOLUTION
    return sum(values) / len(values)
    ### END SOLUTION


check("{name}", my_{name});

"""
ANSWERS = '''"""Right and wrong answers to the exercise {name} of notebook {number}."""

import statistics

ALSO_RIGHT = {{"{name}": lambda values: statistics.fmean(values)}}
# The hint that each wrong answer must get, by a word of it.
WRONG = {{
    "{name}": {{
        "the sum": (lambda values: sum(values), "How many values"),
        "the first": (lambda values: values[0], "Say in words"),
        "the largest": (lambda values: max(values), "Say in words"),
        "the smallest": (lambda values: min(values), "Say in words"),
        "the median": (lambda values: statistics.median(values), "Say in words"),
        "always the same": (lambda values: 3.0, "Say in words"),
    }},
}}
'''


def new_exercise(root: Path, start: str, name: str) -> list[Path]:
    """Write the skeleton below `root`; returns the files. Raises ValueError, before anything is written, where it cannot be."""
    lessons = root / "unet_lab" / "course" / "exercises" / "__init__.py"
    code = lessons.read_text(encoding="utf-8")
    table = next(n.value for n in ast.parse(code).body if isinstance(n, ast.Assign) and n.targets[0].id == "LESSONS")
    known = {key.value: value for key, value in zip(table.keys, table.values, strict=True)}
    taken = {key.value for value in known.values() for key in value.keys}
    chosen = [lesson for lesson in known if lesson.startswith(start)]
    if len(chosen) != 1:
        raise ValueError(f"{len(chosen)} notebooks begin with {start!r}; there are {', '.join(known)}.")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or name in taken:
        what = "there is such an exercise" if name in taken else "a name has small letters, digits and _"
        raise ValueError(f"{name!r}: {what}. Give another name, e.g. my_check.")
    lesson, entries = chosen[0], known[chosen[0]]
    module = entries.values[0].value.id
    source = root / "notebooks" / "source" / f"{lesson}.py"
    answers = root / "tests" / "exercises" / f"exercise_{name}.py"
    page = source.read_text(encoding="utf-8")
    check = root / "unet_lab" / "course" / "exercises" / f"{module}.py"
    written = with_import(check.read_text(encoding="utf-8").rstrip() + "\n" + CHECK.format(name=name))
    words, recap = name.replace("_", " "), "# %% [markdown]\n# ## Recap"
    task = TASK.format(name=name, words=words, count=1 + len(re.findall(r"(?m)^# ## Exercise", page)))
    changed = {
        lessons: with_entry(code, lesson, entries, f"{module}.{name}", name),
        check: written,
        source: page.replace(recap, task + recap) if recap in page else f"{page.rstrip()}\n\n{task}",
        answers: ANSWERS.format(name=name, number=lesson[:2]),
    }
    for path, text in changed.items():
        path.write_text(text, encoding="utf-8", newline="\n")
    return list(changed)


def with_entry(code: str, lesson: str, entries: ast.Dict, value: str, name: str) -> str:
    """The list of lessons with one more exercise, a line each."""
    pairs = [(k.value, ast.unparse(v)) for k, v in zip(entries.keys, entries.values, strict=True)] + [(name, value)]
    lines = code.splitlines()
    inside = "".join(f'        "{key}": {function},\n' for key, function in pairs)
    lines[entries.lineno - 1 : entries.end_lineno] = f'    "{lesson}": {{\n{inside}    }},'.splitlines()
    return "\n".join(lines) + "\n"


def with_import(code: str) -> str:
    """The file of checks with what the skeleton needs, imported where it is not yet."""
    module = "unet_lab.course.checking"
    needed = {"Wrong", "called"}
    for node in ast.parse(code).body:
        if isinstance(node, ast.ImportFrom) and node.module == module:
            names = sorted(needed | {alias.name for alias in node.names}, key=lambda word: (not word[0].isupper(), word))
            lines = code.splitlines()
            lines[node.lineno - 1 : node.end_lineno] = [f"from {module} import {', '.join(names)}"]
            return "\n".join(lines) + "\n"
    line = f"from {module} import {', '.join(sorted(needed))}"
    lines = code.splitlines()
    ours = [n for n in ast.parse(code).body if isinstance(n, ast.ImportFrom) and (n.module or "").startswith("unet_lab")]
    later = next((n for n in ours if n.module > module), None)
    if later is not None:
        lines.insert(later.lineno - 1, line)
    elif ours:
        lines.insert(ours[-1].end_lineno, line)
    else:
        return code.replace("from __future__ import annotations\n", f"from __future__ import annotations\n\n{line}\n", 1)
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="lab.py new-exercise", description="The skeleton of an exercise of your own.")
    parser.add_argument("notebook", metavar="NN", help="the start of a notebook's name, e.g. 05")
    parser.add_argument("name", metavar="NAME", help="the exercise's name, e.g. my_check")
    given = parser.parse_args()
    try:
        written = new_exercise(HERE, given.notebook, given.name)
    except (OSError, ValueError) as error:
        sys.exit(f"lab.py new-exercise: {error}")
    print("\n".join(f"Written: {path.relative_to(HERE)}" for path in written))
    print("Change the check, the task and the answers; then:")
    print(f"  python3 lab.py make-notebooks {given.notebook}")
    print(f"  python3 lab.py run {given.notebook} --update")
    print(f"  python3 lab.py test -k {given.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
