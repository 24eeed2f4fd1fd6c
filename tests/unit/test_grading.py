"""A class hands in: every submission gets its row, whatever it does, and none disturbs another."""

import copy
import csv
import itertools
import json
import os
import random
import runpy
import subprocess
import sys

import nbformat
import pytest

from tests.conftest import ROOT, SOURCES
from unet_lab.course import CHECKS, LESSON_NAMES
from unet_lab.course.grading import Limits, find_submissions, grade, mark, needed_cells, write_tables
from unet_lab.course.grading.reading import Unreadable, asked_checks, lesson_of, read_cells
from unet_lab.course.grading.slicing import names_of
from unet_lab.course.grading.translating import syntax_error
from unet_lab.course.progress import WHERE, export_progress

if not SOURCES.exists():
    pytest.skip("notebooks/source/ was left out of this copy: nothing to hand in", allow_module_level=True)

MAKER = runpy.run_path(str(ROOT / "scripts" / "make_notebooks.py"))
SOURCE = MAKER["read_source"](SOURCES / "08_evaluation.py")
ASKED = LESSON_NAMES["08_evaluation"]


def notebook(*changes, cells=None, untried=()):
    """Notebook 08 with its solutions, but for the exercises `untried`, and with these pieces of code exchanged."""
    made = copy.deepcopy(SOURCE)
    for cell in made.cells:
        if cell.cell_type == "code":
            left = any(f'check("{name}"' in cell.source for name in untried)
            cell.source = MAKER["without_solution" if left else "with_solution"](cell.source)
            for old, new in changes:
                cell.source = cell.source.replace(old, new)
    if cells is not None:
        made.cells = [nbformat.v4.new_code_cell(code) for code in cells]
    return nbformat.writes(made)


BODY = "    table = np.zeros"  # where the body of my_confusion begins
DEF = "def my_confusion("

WRONG = {
    "confusion_matrix": ("return table", "return table.T"),
    "iou": ("matrix.sum(axis=1) - matrix.diagonal()", "matrix.sum(axis=1)"),
    "audit": ("2 * reported / (1 + reported)", "reported"),
}


def with_marks(marks):
    """A notebook that deserves these marks: for each exercise 1 right, 0 wrong, "" not tried."""
    wrong = [WRONG[name] for name, mark in marks.items() if mark == "0"]
    return notebook(*wrong, untried=[name for name, mark in marks.items() if not mark])


# Some hand in one of the 27 combinations of right, wrong and not tried …
ORDINARY = [dict(zip(ASKED, marks, strict=True)) for marks in itertools.product(("1", "0", ""), repeat=3)]
ORDINARY = {f"student {n:02d}": marks for n, marks in enumerate(random.Random(0).sample(ORDINARY, 6))}
# … and each of the others does something that a marked class has done, or may.
CLASS = {student: with_marks(marks) for student, marks in ORDINARY.items()} | {
    "ada": notebook(),
    "bob": notebook(WRONG["confusion_matrix"]),
    "cleo": notebook(untried=ASKED),
    "dan": notebook((BODY, "    while True: pass\n" + BODY)),
    "eve": notebook((BODY, "    kept = []\n    while True: kept.append(np.ones(50_000_000))\n" + BODY)),
    "finn": notebook((DEF, "import os; os._exit(7)\n" + DEF)),
    "gus": notebook((DEF, "import shutil; shutil.rmtree(PLACE)\n" + DEF)),
    "hana": notebook(
        (DEF, "open(PLACE + '/ada/08_evaluation.ipynb', 'w').write('gone')\n" + DEF),
        ("def my_iou(", "import subprocess; subprocess.run(['echo'])\ndef my_iou("),
        ("my_audit = {", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9')\nmy_audit = {"),
    ),
    "kai": notebook(("def my_confusion(truth", "def my_confusion(truth,, x")),
    "lou": notebook((DEF, "%matplotlib inline\nfor k in range(10**5): print('x' * 100)\n" + DEF)),
    "mia": notebook((DEF, "import unet_lab.course as e; e.CHECKS = e.LESSONS = None\n" + DEF)),
    "nia": notebook(('check("audit"', 'print("audit"')),
    "otto": notebook()[:5000],
    "pia": notebook((DEF, "exit()\n" + DEF)),
}
MARKS = ORDINARY | {
    student: dict(zip(ASKED, marks, strict=True))
    for student, marks in {
        "ada": "111", "bob": "011", "cleo": ["", "", ""], "dan": "011", "eve": "011", "finn": "011", "gus": "011", "hana": "000",
        "kai": "011", "lou": "111", "mia": "111", "nia": ["1", "1", ""], "otto": ["", "", ""], "pia": "011",
    }.items()
}  # fmt: skip


@pytest.fixture(scope="module")
def marked(tmp_path_factory):
    """The rows of the whole class, by student, from one run of it."""
    folder = tmp_path_factory.mktemp("class")
    for student, text in CLASS.items():
        (folder / student).mkdir()
        (folder / student / "08_evaluation.ipynb").write_text(text.replace("PLACE", repr(str(folder))), encoding="utf-8")
    before = {p: p.read_bytes() for p in folder.rglob("*.ipynb")}
    rows = [row for found in grade(find_submissions(folder), Limits(25, 1.5), jobs=2) for row in found]
    assert before == {p: p.read_bytes() for p in folder.rglob("*.ipynb")}, "a submission changed another"
    return {student: [row for row in rows if row.student == student] for student in CLASS}


def states(rows):
    return {row.exercise: row.state for row in rows if row.exercise}


def remarks(rows):
    return [row.finding for row in rows if not row.exercise]


def test_every_student_gets_a_verdict_for_every_exercise(marked):
    for student, rows in marked.items():
        assert set(states(rows)) == (set() if student == "otto" else set(ASKED)), student
    assert "no notebook" in marked["otto"][0].finding


def test_right_wrong_and_untried_answers_are_told_apart(marked):
    assert set(states(marked["ada"]).values()) == {"right"}
    assert states(marked["bob"]) == {"confusion_matrix": "wrong", "iou": "right", "audit": "right"}
    assert "Rows and columns are swapped" in marked["bob"][0].finding
    assert set(states(marked["cleo"]).values()) == {"not tried"}


@pytest.mark.parametrize(
    ("student", "state", "words"),
    [
        ("dan", "wrong", "it was stopped after 6.25 seconds"),
        ("eve", "error", "GB of memory; 1.5 GB are allowed"),
        ("finn", "error", "its process ended by itself, with status 7"),
        ("gus", "error", "a notebook may not change"),
        ("pia", "error", "exit()"),
        ("kai", "error", "no Python: invalid syntax in line"),
    ],
)
def test_one_that_misbehaves_gets_the_reason_and_its_other_answers_count(marked, student, state, words):
    rows = marked[student]
    assert states(rows) == {"confusion_matrix": state, "iou": "right", "audit": "right"}
    assert words in rows[0].finding


def test_files_programs_and_the_network_are_out_of_bounds(marked):
    found = {row.exercise: row.finding for row in marked["hana"]}
    assert "a notebook may not write to" in found["confusion_matrix"]
    assert "a notebook may not start other programs" in found["iou"]
    assert "a notebook may not use the network" in found["audit"]


def test_printing_and_mischief_with_the_checks_do_not_matter(marked):
    assert set(states(marked["lou"]).values()) == {"right"}
    assert set(states(marked["mia"]).values()) == {"right"}
    assert states(marked["nia"]) == {"confusion_matrix": "right", "iou": "right", "audit": "missing"}


def test_what_a_cell_makes_in_ways_that_names_do_not_tell_is_found_by_running_all(tmp_path):
    """globals() hides a helper from the quick look; the second, over the whole notebook, finds it."""
    cells = [
        "import numpy as np\nfrom unet_lab.course import check",
        "globals()['hel' + 'per'] = lambda m: m.diagonal() / (m.sum(0) + m.sum(1) - m.diagonal())",
        "def my_iou(matrix):\n    with np.errstate(all='ignore'):\n        return helper(matrix)\n\ncheck('iou', my_iou)",
    ]
    path = tmp_path / "ada_08_evaluation.ipynb"
    path.write_text(notebook(cells=cells), encoding="utf-8")
    (submission,) = find_submissions(tmp_path)
    found = states(mark(submission, Limits(60, 4)))
    assert submission.student == "ada"
    assert found["iou"] in ("right", "wrong")  # NameError is a wrong answer to the check: the quick look ran it without helper
    assert found["audit"] == "missing"


BROKEN = {
    "empty.ipynb": (b"", "an empty file"),
    "text.ipynb": (b"hello", "no notebook"),
    "binary.ipynb": (b"\x89PNG\r\n\xff\xfe", "not UTF-8 text"),
    "list.ipynb": (b"[1, 2]", "no notebook"),
    "deep.ipynb": (b'{"a":' * 50_000, "no notebook"),
    "half.ipynb": (notebook()[:4000].encode(), "no notebook"),
    "other.ipynb": (nbformat.writes(nbformat.v4.new_notebook(cells=[])).encode(), "none of the course's notebooks"),
    "progress.json": (b'{"format": 1}', "no exported progress"),
}


def test_files_that_are_broken_get_a_row_with_the_reason(tmp_path):
    for name, (content, _) in BROKEN.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder.ipynb").mkdir()
    if os.name == "posix":
        (tmp_path / "link.ipynb").symlink_to("/etc/passwd")
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / ".ipynb_checkpoints" / "x-checkpoint.ipynb").write_text("{}")
    (tmp_path / "essay.pdf").write_bytes(b"%PDF")
    submissions = find_submissions(tmp_path)
    assert not any("checkpoint" in s.path.name or s.path.suffix == ".pdf" for s in submissions)
    found = {rows[0].file: rows for rows in grade(submissions)}
    for name, (_, words) in BROKEN.items():
        (row,) = found[name]
        assert (row.exercise, row.state) == ("", "error")
        assert words in row.finding, row
    assert "a folder" in found["folder.ipynb"][0].finding
    if os.name == "posix":
        assert "a link to another file" in found["link.ipynb"][0].finding


def test_a_notebook_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr("unet_lab.course.grading.reading.LARGEST", 100)
    (tmp_path / "a.ipynb").write_text(notebook(), encoding="utf-8")
    with pytest.raises(Unreadable, match="at most 0 are read"):
        read_cells(tmp_path / "a.ipynb")


def test_names_come_from_folders_or_from_files(tmp_path):
    names = ["Ada Lovelace_123_file_/07_training", "bob_07_training", "07_training-cleo", "07_training"]
    for name in (f"{name}.ipynb" for name in names):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}")
    assert {s.student for s in find_submissions(tmp_path)} == {"Ada Lovelace_123_file_", "bob", "cleo", "07_training"}
    with pytest.raises(FileNotFoundError, match="there is no such folder"):
        find_submissions(tmp_path / "nothing")
    with pytest.raises(NotADirectoryError, match="is a file"):
        find_submissions(tmp_path / "bob_07_training.ipynb")


def test_exported_progress_counts_as_reported_not_as_checked(tmp_path):
    found = {"iou": {"tries": 3, "passed": "2026-11-25T10:00:00+00:00"}, "audit": {"tries": 1, "passed": None}}
    export_progress(tmp_path / "x.json", "Ada", found | {"no such": {"tries": 0, "passed": "2026"}})
    (submission,) = find_submissions(tmp_path)
    assert [(r.student, r.exercise, r.state) for r in mark(submission)] == [("Ada", "iou", "reported")]


def test_the_table_of_a_class_is_right(tmp_path, marked):
    path, _ = write_tables([row for found in marked.values() for row in found], tmp_path / "grades.csv")
    lines = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
    assert {line["student"]: {name: line[name] for name in ASKED} for line in lines} == MARKS
    assert len(lines) == len(CLASS) == 20
    assert {line["student"]: line["passed"] for line in lines} == {s: str([*m.values()].count("1")) for s, m in MARKS.items()}
    assert all(not line[name] for line in lines for name in CHECKS if name not in ASKED)


def test_tables_have_a_line_a_student_the_best_answer_and_no_formula(tmp_path, marked):
    from unet_lab.course.grading import Row

    rows = [row for found in marked.values() for row in found]
    rows.append(Row("=cmd|' /C calc'!A0", "f.ipynb", "iou", "wrong", "@SUM(1)\nnext line"))
    rows.append(Row("bob", "again.ipynb", "confusion_matrix", "right"))
    rows += [Row("zoe", "z.json", "iou", "reported", "passed 2026"), Row("ada", "a.json", "audit", "reported", "passed 2026")]
    path, details = write_tables(rows, tmp_path / "grades.csv")
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    lines = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
    table = {line["student"]: line for line in lines}
    assert len(lines) == len({row.student for row in rows})
    assert (table["ada"]["passed"], table["ada"]["of"], table["ada"]["audit"]) == ("3", str(len(CHECKS)), "1")
    assert table["bob"]["confusion_matrix"] == "1"  # the better of two submissions
    assert table["cleo"]["iou"] == ""
    assert table["kai"]["confusion_matrix"] == "0"
    assert (table["zoe"]["passed"], table["zoe"]["reported only"], table["zoe"]["iou"]) == ("0", "1", "(1)")
    assert "1.5 GB are allowed" in table["eve"]["remarks"]
    assert "'=cmd|' /C calc'!A0" in table
    answers = list(csv.DictReader(details.read_text(encoding="utf-8-sig").splitlines()))
    assert len(answers) == len(rows)
    assert next(a for a in answers if a["file"] == "f.ipynb")["finding"] == "'@SUM(1) next line"


def test_the_command_writes_both_tables_and_says_what_was_wrong(tmp_path):
    (tmp_path / "handed in").mkdir()
    (tmp_path / "handed in" / "fay.ipynb").write_text("hello")
    export_progress(tmp_path / "handed in" / "gil.json", "Gil", {"iou": {"tries": 0, "passed": "2026-11-25"}})
    script = [sys.executable, str(ROOT / "scripts" / "grade.py"), "handed in", "--out", "g.csv"]
    env = os.environ | {"UNET_LAB_CALLED_FROM": str(tmp_path)}
    done = subprocess.run(script, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "2 students; answers: 1 reported." in done.stdout
    assert "fay: fay.ipynb: no notebook" in done.stdout
    assert {p.name for p in tmp_path.glob("*.csv")} == {"g.csv", "g-details.csv"}
    for wrong, words in ((["nowhere"], "there is no folder"), (["handed in", "--out", "no/g.csv"], "there is no folder"),
                         (["handed in", "--seconds", "0"], "numbers above 0")):  # fmt: skip
        done = subprocess.run([*script[:2], *wrong], env=env, capture_output=True, text=True)
        assert done.returncode == 1
        assert words in done.stderr
        assert "Traceback" not in done.stderr


# -- which cells another cell needs -----------------------------------------------------------------------------------


def test_a_slice_follows_names_back():
    cells = ["import numpy as np", "a = np.ones(3)", "b = 2 * a", "c = 7", "a[0] = 5", "print(a)", "d = b"]
    assert needed_cells(cells, [6]) == [0, 1, 2, 6]  # b is made before a is changed
    assert needed_cells(cells, [5]) == [0, 1, 4, 5]
    assert needed_cells(cells, [3]) == [3]
    assert needed_cells(cells, [0]) == [0]


@pytest.mark.parametrize(
    ("code", "made", "asked"),
    [
        ("def f(x):\n    y = x + z\n    return y", {"f"}, {"z"}),
        ("class A(B):\n    def g(self):\n        return h", {"A"}, {"B", "h"}),
        ("for k in range(n):\n    total += k", {"k", "total"}, {"n", "k", "total"}),
        ("[v * w for v in values]", set(), {"w", "values"}),
        ("from a.b import c as d", {"d"}, set()),
        ("with open(p) as s:\n    t = s.read()", {"s", "t"}, {"p", "s"}),
        ("x: int = 3\n_ = f()", {"x"}, {"f"}),
        ("try:\n    g()\nexcept ValueError as error:\n    print(error)", {"error"}, {"g", "error"}),
        ("%matplotlib inline\ny = 1", {"y"}, set()),
    ],
)
def test_what_a_cell_makes_and_asks_for(code, made, asked):
    names = names_of(code)
    assert (names.made, names.asked) == (made, asked)


def test_what_is_no_python_needs_nothing():
    assert names_of("def f(:") is None
    assert needed_cells(["a = 1", "def f(:", "b = a"], [1, 2]) == [0, 1, 2]
    assert syntax_error("x = 1\n%timeit x") == ""
    assert syntax_error("x = = 1").startswith("invalid syntax in line 1: x = = 1")
    assert "null bytes" in syntax_error("x = 1\0")


def test_every_notebook_s_checks_are_found_and_its_lesson_known():
    for lesson, names in LESSON_NAMES.items():
        cells = read_cells(ROOT / "notebooks" / f"{lesson}.ipynb")
        assert set(asked_checks(cells)) == set(names)
        assert lesson_of(ROOT / "x.ipynb", cells) == lesson
    assert lesson_of(ROOT / "07_mine.ipynb", []) == "07_training"


@pytest.mark.parametrize("lesson", ["05_the_whole_u", "15_your_own_images"])
def test_the_slice_of_a_solved_notebook_is_enough_for_full_marks(lesson, tmp_path):
    """Quick marking, without training or drawing: what the whole notebook would give."""
    source = MAKER["read_source"](SOURCES / f"{lesson}.py")
    for cell in source.cells:
        cell.source = MAKER["with_solution"](cell.source)
    (tmp_path / f"{lesson}.ipynb").write_text(nbformat.writes(source), encoding="utf-8")
    (submission,) = find_submissions(tmp_path)
    assert states(mark(submission, Limits(60, 4))) == dict.fromkeys(LESSON_NAMES[lesson], "right")


def test_grading_leaves_the_lecturer_s_own_progress_alone(tmp_path, monkeypatch):
    mine = tmp_path / "progress.json"
    monkeypatch.setenv(WHERE, str(mine))
    (tmp_path / "ada_08_evaluation.ipynb").write_text(notebook(), encoding="utf-8")
    submission = next(s for s in find_submissions(tmp_path) if s.kind == "notebook")
    assert "right" in states(mark(submission)).values()
    assert not mine.exists()
    assert json.loads(notebook())["nbformat"] == 4
