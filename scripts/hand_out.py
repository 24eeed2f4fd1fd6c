"""Make the folder that students get: chosen notebooks, and no solution of an exercise.

    python3 lab.py hand-out FOLDER [NAME ...] [--zip]
    python3 lab.py hand-out FOLDER [NAME ...] --for nbgrader [--points FILE] [--only-exercises]     (or: --for otter)

NAME is the start of a notebook's name, or its file; without names all are handed out. Left out are the solutions, the sources
(which hold them), the tests of the exercises (which hold right answers), marking, and git's history. Links, the list of lessons,
the table of progress and the tests follow the choice. In the end it is searched for the code of every solution and every right
answer of the tests (search_answers.py); where one is found that is not taught there, nothing is handed out.

--for writes the lessons, with the solutions, as nbgrader or Otter-Grader takes them: for you, not for students; their version is
what those programs make of it; a --zip of it is named so. The points are in the same file as those of lab.py grade.

What cannot be left out: the library, which does what the exercises ask for, and the checks, with the formulas, numbers and
verdicts that they compare with: a student who reads them finds these (docs/teaching.md).
"""

from __future__ import annotations

import argparse
import ast
import re
import shutil
import sys
import textwrap
from collections.abc import Collection, Iterable
from pathlib import Path

from scripts.hand_out_for import hand_out_for
from scripts.hand_out_names import chosen_lessons, from_caller, new_folder
from scripts.pages_for_students import notebook_for_students, title_of
from scripts.search_answers import Found, answers_in, own_pages, right_answers, said_by_git, taught_by
from unet_lab.course import LESSONS

HERE = Path(__file__).resolve().parents[1]
LEFT_OUT = (
    *(".ci/", ".git", ".pre-commit", ".dockerignore", "Containerfile", "CHANGELOG.md", "CONTRIBUTING.md"),
    *("docs/teaching.md", "docs/measurements.md"),
    *("notebooks/solutions/", "notebooks/source/", "unet_lab/course/grading/"),
    *("tests/browser/", "tests/exercises/", "tests/robustness/", "tests/test_project.py", "benchmarks/reaction.py"),
    *("benchmarks/network_reaction.py", "benchmarks/scaling.py"),
)
LECTURERS_SCRIPTS = ("make_notebooks", "grade", "hand_out", "new_exercise")
LECTURERS_SCRIPTS += ("pages_for_students", "search_answers", "exercise_pages", "hand_out_for", "for_nbgrader", "for_otter")
LECTURERS_SCRIPTS += ("hand_out_names", "solution_marks")
FOR_LECTURERS = {f"scripts/{name}.py" for name in LECTURERS_SCRIPTS}
# Tests of what is left out, or of the whole course.
LEFT_OUT_TESTS = {
    f"tests/unit/test_{name}.py"
    for name in (
        "benchmark_table",
        "pages_of_notebooks",
        "collecting",
        "containers",
        "grading",
        "feedback",
        "hand_out",
        "hand_out_for",
        "new_exercise",
        "own_pages",
        "papers",
        "progress",
        "solution_marks",
        "outside",
        "trust",
    )
}
OF_LECTURERS = re.compile(
    r"\bsolutions?\b|make-notebooks|new-exercise|hand-out|notebooks/source|`source/`|grading|lab\.py grade|CONTRIBUTING|"
    r"CHANGELOG|(teaching|measurements)\.md|in a class",
    re.IGNORECASE,
)
TO_TEACHING = re.compile(r" \(docs/teaching\.md[^)]*\)")
BESIDE = """
Beside the package: `notebooks/`, `data/` (stored cells, the weights with their card), `tests/`, `benchmarks/`, `docs/`,
`scripts/` (what `lab.py` calls). [The generator and the shipped model](docs/model.md)."""


def course_files() -> list[str]:
    """The course's files: those that git knows, or, without git, all but what tests and set-up leave behind."""
    known = said_by_git("ls-files", "-z")
    if known:
        names = {*known.split("\0"), "notebooks/own_pages.txt"} - {""}  # that one, git need not know (docs/teaching.md)
        return sorted(name for name in names if (HERE / name).is_file())
    skipped = {".venv", "build", "dist", "__pycache__", ".git", ".hypothesis", ".ruff_cache", ".mypy_cache", ".pytest_cache"}
    found = (path.relative_to(HERE) for path in HERE.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in found if not skipped & set(path.parts) and path.name != "progress.json")


def is_handed_out(name: str, lessons: list[str]) -> bool:
    """Whether a file of the course is for students who get these lessons."""
    if name.startswith(LEFT_OUT) and name != ".gitignore":
        return False
    if name.startswith("notebooks/") and name.endswith(".ipynb"):
        return Path(name).stem in (*lessons, "glossary")
    return name not in LEFT_OUT_TESTS | FOR_LECTURERS


def refuse_what_is_there(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} is there already; give the name of a new folder.")


def hand_out(folder: Path, lessons: list[str]) -> list[str]:
    """Write the students' copy of the course; returns its files. Raises FileExistsError for a folder that is not empty."""
    refuse_what_is_there(folder)
    names = [name for name in course_files() if is_handed_out(name, lessons)]
    for name in names:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(HERE / name, target)
    follow_choice(folder, lessons)
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def follow_choice(folder: Path, lessons: list[str]) -> None:
    """Lessons, links, list and commands of what is there, and no others."""
    exercises = folder / "unet_lab" / "course" / "exercises"
    modules = rewrite(exercises / "__init__.py", lambda text: with_lessons(text, lessons))
    needed = needed_modules(exercises, modules)
    for path in exercises.glob("*.py"):
        if path.stem not in (*needed, "__init__"):
            path.unlink()
    titles = {lesson: title_of(HERE / "notebooks" / f"{lesson}.ipynb") for lesson in lessons}
    for path in (folder / "notebooks").glob("*.ipynb"):
        rewrite(path, lambda text, stem=path.stem: notebook_for_students(text, stem, titles))
    own = folder / "notebooks" / "own_pages.txt"
    if own.exists():
        rewrite(own, lambda text: list_for_students(text, lessons))
    rewrite(folder / "README.md", lambda text: readme_for_students(text, lessons))
    for path in (folder / "docs").glob("*.md"):
        rewrite(path, lambda text: text_for_students(text))
    rewrite(folder / "lab.py", lambda text: commands_for_students(text, lessons))
    rewrite(folder / "tests" / "own_pages.py", lambda text: TO_TEACHING.sub("", text))
    rewrite(folder / "unet_lab" / "course" / "__init__.py", lambda text: text.replace(", progress, grading.", ", progress."))


def rewrite(path: Path, change) -> str:
    text = change(path.read_text(encoding="utf-8"))
    path.write_text(text, encoding="utf-8", newline="\n")
    return text


def with_lessons(code: str, lessons: list[str]) -> str:
    """The list of exercises with these lessons only, and the imports that they need."""
    tree = ast.parse(code)
    lines = code.splitlines()
    table = next(n for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id == "LESSONS")
    used = set()
    for key, value in reversed(list(zip(table.value.keys, table.value.values, strict=True))):
        if key.value in lessons:
            used |= {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}
        else:
            del lines[key.lineno - 1 : value.end_lineno]
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and statement.module == "unet_lab.course.exercises":
            names = "".join(f"    {alias.name},\n" for alias in statement.names if alias.name in used)
            imports = f"from {statement.module} import (\n{names})"
            lines[statement.lineno - 1 : statement.end_lineno] = imports.splitlines()
    return "\n".join(lines) + "\n"


def needed_modules(folder: Path, code: str) -> set[str]:
    """The modules of exercises that this one imports, and those that they do."""
    needed, waiting = set(), [code]
    while waiting:
        for node in ast.walk(ast.parse(waiting.pop())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("unet_lab.course.exercises"):
                own = (
                    [node.module.rpartition(".")[2]]
                    if node.module != "unet_lab.course.exercises"
                    else [a.name for a in node.names]
                )
                for name in own:
                    if name not in needed and (folder / f"{name}.py").exists():
                        needed.add(name)
                        waiting.append((folder / f"{name}.py").read_text(encoding="utf-8"))
    return needed


def text_for_students(text: str) -> str:
    """A page without the sentences and lines that speak of what is left out."""
    blocks, fence = [], False
    for block in text.split("\n\n"):
        inside, fence = fence, fence ^ (block.count("```") % 2 == 1)
        if inside or "```" in block:
            blocks.append(block)
        elif block.lstrip().startswith(("|", "- ", "#", "<", "!")):
            pieces = re.split(r"\n(?=- |\|)", block) if not block.startswith("#") else [block]
            blocks.append("\n".join(without_sentences(piece) for piece in pieces if not is_dropped(piece)))
        else:
            blocks.append(without_sentences(block))
    return "\n\n".join(block for block in blocks if block.strip()).rstrip() + "\n"


def is_dropped(piece: str) -> bool:
    """Whether a heading or a line of a list is about what is left out, from its beginning."""
    return bool(OF_LECTURERS.search(piece[:60])) and piece.startswith(("#", "- "))


def without_sentences(block: str) -> str:
    if not OF_LECTURERS.search(block):
        return block
    if block.startswith("|"):  # a cell of a table: its parts are set off by semicolons
        return re.sub(r"; [^;|]*(?=[;|]| \|)", lambda part: "" if OF_LECTURERS.search(part[0]) else part[0], block)
    sentences = re.split(r"(?<=[.;:])\s+(?=[\[`*A-Z(])", " ".join(block.split()))
    return "\n".join(textwrap.wrap(" ".join(s for s in sentences if not OF_LECTURERS.search(s)), 140, break_on_hyphens=False))


def readme_for_students(text: str, lessons: list[str]) -> str:
    """The README with the chosen notebooks in its table."""
    rows = [line for line in text.splitlines() if not re.match(r"\| `\d\d_", line) or line.split("`")[1] in lessons]
    text = re.sub(r"\n## In a class\n.*?(?=\n## )", "\n", "\n".join(rows), flags=re.DOTALL)
    text = re.sub(r"\nBeside the package: .*?(?=\n\n)", BESIDE, text, flags=re.DOTALL)
    text = re.sub(r"\d+ Jupyter notebooks", f"{len(lessons)} Jupyter notebook{'s' if len(lessons) > 1 else ''}", text)
    return text_for_students(text)


def list_for_students(text: str, lessons: list[str]) -> str:
    """The list of a lecturer's own pages, without those that are not there."""
    names = {line: line.partition("#")[0].strip().removesuffix(".ipynb") for line in text.removeprefix("\ufeff").splitlines()}
    there = [
        line for line, name in names.items() if name in ("", "all") or any(p.startswith(name) for p in (*lessons, "glossary"))
    ]
    return "\n".join(there) + "\n"


def commands_for_students(code: str, lessons: list[str]) -> str:
    """lab.py with the commands whose scripts are there."""
    gone = re.findall(r'^    "([\w-]+)": "(scripts/\w+\.py)",\n', code, re.MULTILINE)
    for command, script in gone:
        if script in FOR_LECTURERS:
            code = code.replace(f'    "{command}": "{script}",\n', "")
            code = re.sub(rf"(?m)^    python3 lab\.py {command} .*\n", "", code)
    code = TO_TEACHING.sub("", code.replace("or Binder (docs/teaching.md)", "or ask whoever gave you this course"))
    first = f"{lessons[0]}.ipynb"
    code = code.replace("00_start_here.ipynb", first)
    return code if "05_the_whole_u" in lessons else code.replace("05_the_whole_u.ipynb", first)


def refuse_leaks(folder: Path, found: list[Found], own: Collection[str] = ()) -> None:
    """Where an answer is in the folder, remove it, and raise ValueError that says where, and what to do; own : by lecturers."""
    leaks = [one for one in found if not one.harmless]
    if not leaks:
        return
    shutil.rmtree(folder)
    pages = {Path(one.file).stem for one in leaks}
    mend = ["Take what is named out of these cells and files, and out of what a cell has printed."]
    ours = " ".join(sorted(page[:2] for page in pages & set(LESSONS) - set(own)))
    if ours:
        mend += [
            f"Or make the pages again: python3 lab.py make-notebooks {ours}, then python3 lab.py run {ours} --update.",
            "What you wrote in the notebook is lost then. If you want to keep it, name the page in notebooks/own_pages.txt",
            "(docs/teaching.md, Change it).",
        ]
    lines = "\n".join([*(f"  {one}" for one in leaks), *mend])
    raise ValueError(f"nothing is handed out: students would get answers.\n{lines}")


def say_what_it_is(folder: Path, files: Iterable[str], lessons: list[str], found: list[Found], searched: int) -> None:
    print(f"{folder}: {len(list(files))} files, {len(lessons)} notebooks ({', '.join(lesson[:2] for lesson in lessons)}).")
    print(f"Searched for the code of {searched} answers:")
    for one in found:
        print(f"  {one} ({'the library' if one.file.startswith('unet_lab/') else 'its source teaches it there'})")
    if not found:
        print("  none is in it.")
    print(
        "The library in it does what the exercises ask for: lab.py grade flags who hands that in. Who reads the checks finds the"
    )
    print("numbers and verdicts that they compare with: docs/teaching.md, What a student can find.")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="lab.py hand-out", description="Make the folder that students get.")
    parser.add_argument("folder", type=new_folder, metavar="FOLDER", help="a new folder")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="the start of a notebook's name, e.g. 08, or its file; none takes all"
    )
    parser.add_argument("--zip", action="store_true", help="and a zip of it, beside it")
    parser.add_argument("--for", dest="tool", choices=("nbgrader", "otter"), help="the lessons, as this program takes them")
    parser.add_argument("--points", type=from_caller, metavar="FILE", help="with --for: what exercises are worth, a TOML file")
    parser.add_argument("--only-exercises", action="store_true", help="with --for: without the rest of each lesson")
    given = parser.parse_intermixed_args()  # names before and after options
    if (given.points or given.only_exercises) and not given.tool:
        sys.exit("lab.py hand-out: --points and --only-exercises go with --for nbgrader or --for otter: add one of these.")
    return given


def main() -> int:
    given = arguments()
    if not (HERE / "notebooks" / "source").is_dir():
        sys.exit("lab.py hand-out: this copy was handed out itself: it has no sources and no solutions to leave out.")
    try:
        lessons = chosen_lessons(given.names)
        refuse_what_is_there(given.folder)
        if given.tool:
            hand_out_for(given.tool, given.folder, lessons, given.points, given.only_exercises)
        else:
            own = own_pages()  # before anything is written: are the list and the sources as they should be?
            for lesson in lessons:
                taught_by(lesson)
            files, answers = hand_out(given.folder, lessons), right_answers()
            found = answers_in(given.folder, answers, own)
            refuse_leaks(given.folder, found, own)
            say_what_it_is(given.folder, files, lessons, found, len(answers))
    except (OSError, ValueError) as error:
        sys.exit(f"lab.py hand-out: {error}")
    if given.zip:
        kind, words = ("-for-instructors", ", with the solutions: for you, not for students") if given.tool else ("", "")
        written = shutil.make_archive(f"{given.folder}{kind}", "zip", given.folder.parent, given.folder.name)
        print(f"Zipped{words}: {written}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
