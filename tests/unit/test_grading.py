"""A class hands in: every submission gets its row, whatever it does, and none disturbs another."""

import contextlib
import copy
import csv
import itertools
import json
import os
import random
import runpy
import subprocess
import sys
import time
import zipfile

import nbformat
import psutil
import pytest

from tests.conftest import ROOT, SOLUTIONS, SOURCES
from unet_lab.course import CHECKS, LESSON_NAMES
from unet_lab.course.grading import (
    Host,
    Journal,
    Limits,
    Roster,
    Student,
    find_submissions,
    grade,
    isolation,
    mark,
    needed_cells,
    points_of,
    read_points,
    write_tables,
)
from unet_lab.course.grading.notebooks import Unreadable, asked_checks, lesson_of, read_cells
from unet_lab.course.grading.presiding import judged_here
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


def exchanged(text, *changes):
    """A notebook with these pieces of its code exchanged."""
    made = nbformat.reads(text, nbformat.NO_CONVERT)
    for cell, (old, new) in itertools.product(made.cells, changes):
        cell.source = cell.source.replace(old, new)
    return nbformat.writes(made)


BODY = "    table = np.zeros"  # where the body of my_confusion begins
DEF = "def my_confusion("

WRONG = {
    "confusion_matrix": ("return table", "return table.T"),
    "iou": ("matrix.sum(axis=1) - matrix.diagonal()", "matrix.sum(axis=1)"),
    "audit": ("2 * reported / (1 + reported)", "reported"),
    "interval": ("size=len(tables))", "size=len(tables) // 2)"),
}


def with_marks(marks):
    """A notebook that deserves these marks: for each exercise 1 right, 0 wrong, "" not tried."""
    wrong = [WRONG[name] for name, mark in marks.items() if mark == "0"]
    return notebook(*wrong, untried=[name for name, mark in marks.items() if not mark])


# Some hand in one of the 81 combinations of right, wrong and not tried, in whatever way their course's platform has …
COMBINATIONS = [dict(zip(ASKED, marks, strict=True)) for marks in itertools.product(("1", "0", ""), repeat=4)]
ORDINARY = [f"Stu{letter} Dent{letter}" for letter in "abcdefgh"]
ORDINARY = dict(zip(ORDINARY, random.Random(0).sample(COMBINATIONS, len(ORDINARY)), strict=True))
WAYS = [
    "moodle/{first} {last}_{number}_assignsubmission_file_/08_evaluation.ipynb",
    "flat/{first} {last}_{number}_assignsubmission_file_08_evaluation.ipynb",
    "canvas/{low}_{number}_99{number}_08_evaluation-1.ipynb",
    "submitted/{first}.{last}/ps1/08_evaluation.ipynb",
    "class-submissions/unet-lab-{number}/notebooks/08_evaluation.ipynb",
    "{first}_{last}.zip",
    "{last}_{first}_08_evaluation.ipynb",
    "08_evaluation/{last}, {first}/renamed.ipynb",
]
# … and each of the others does something that a marked class has done, or may.
C = "import ctypes, os, time; libc = ctypes.CDLL(None)\n"
IPYTHON = """%matplotlib inline
files = !ls
import asyncio, numpy as np
from helper import zeros
start = np.loadtxt("data/start.txt")
await asyncio.sleep(0)
odd = (7
  % 2)
%time odd += 0
my_iou?
"""
GROWS = (  # with pauses, and not while it is checked: the memory is what it is stopped for, and not the processor's time
    "import time\nkept = []\nwhile True: kept.append(np.ones(10_000_000)), time.sleep(0.05)\n"
)
CLASS = {
    "ada": notebook(),
    "bob": notebook(WRONG["confusion_matrix"]),
    "cleo": notebook(untried=ASKED),
    "dan": notebook((BODY, "    while True: pass\n" + BODY)),
    "eve": notebook((DEF, GROWS + DEF)),
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
    "quin": "\ufeff" + notebook((DEF, IPYTHON + DEF), (BODY, "    assert start == odd == 1\n    table = zeros")),
    "raj": notebook((DEF, C + "libc.kill(os.getppid(), 9); time.sleep(0.2)\n" + DEF)),
    "sam": notebook((DEF, "import os; os.kill(os.getppid(), 9)\n" + DEF)),
    "tom": notebook((DEF, C + "for k in range(100):\n    if libc.fork() == 0: time.sleep(1000)\ntime.sleep(1000)\n" + DEF)),
    "uma": notebook((DEF, C + "if libc.fork() == 0:\n    os.setsid(); time.sleep(1000)\n" + DEF)),
    "vic": notebook(
        WRONG["iou"],
        (DEF, "import os, json\nline = json.dumps({'exercise': 'iou', 'state': 'right'}).encode() + b'\\n'\n"
         "for fd in range(3, 64):\n    try: os.write(fd, line)\n    except OSError: pass\n" + DEF),
    ),
    "wes": notebook(WRONG["confusion_matrix"], (DEF, "np.array_equal = np.allclose = lambda *a, **k: True\n" + DEF)),
    "xia": notebook(('check("confusion_matrix", my_confusion)', 'check("confusion_matrix", confusion_matrix)')),
    "yui": notebook(('check("confusion_matrix", my_confusion)', 'check("confusion_matrix", lambda *a: confusion_matrix(*a))')),
    "yan": notebook((DEF, "text = open(SOLUTION).read()\n" + DEF)),
    "zed": notebook((DEF, "text = open(PLACE + '/ada/08_evaluation.ipynb').read()\n" + DEF)),
}  # fmt: skip
CLASS["eli"] = notebook().replace("# 08 · Evaluation", "# Solutions: 08 · Evaluation")
MARKS = ORDINARY | {
    student: dict(zip(ASKED, marks, strict=True))
    for student, marks in {
        "ada": "1111", "bob": "0111", "cleo": ["", "", "", ""], "dan": "e111", "eve": "e111", "finn": "e111", "gus": "e111",
        "hana": "eee1", "kai": "e111", "lou": "1111", "mia": "?111", "nia": ["1", "1", "", "1"], "otto": ["", "", "",
        ""], "pia": "e111", "quin": "1111", "raj": "?111", "sam": "e111", "tom": "e111", "uma": "?111", "vic": "e0??",
        "wes": "0111", "xia": "?111", "yan": "?111", "yui": "?111", "zed": "?111", "eli": ["", "", "", ""], "nobody":
        ["", "", "", ""],
    }.items()
}  # fmt: skip
SHOWN = {"e": "error", "?": "1?"}
MARKS = {student: {name: SHOWN.get(mark, mark) for name, mark in marks.items()} for student, marks in MARKS.items()}


def processes_are_kept_apart():
    """Whether this system gives a submission process numbers of its own, so that it reaches no other."""
    if not isolation.can_fork():
        return False
    child = os.fork()
    if child == 0:
        os._exit(0 if isolation.unshare() else 1)
    return os.waitpid(child, 0)[1] == 0


if not processes_are_kept_apart():  # then this one would end the tests themselves
    CLASS["raj"] = notebook((DEF, "import os; os.abort()\n" + DEF))
    MARKS["raj"] = MARKS["pia"]


def hand_in(folder):
    """Write what the class hands in; returns the class's roster."""
    for number, (student, marks) in enumerate(ORDINARY.items(), 301):
        first, last = student.split()
        low = f"{last}{first}".lower()
        path = folder / WAYS[number % len(WAYS)].format(first=first, last=last, low=low, number=number)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".zip":
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("work/08_evaluation (1).ipynb", with_marks(marks))
            continue
        path.write_text(with_marks(marks), encoding="utf-8")
        if "unet-lab" in str(path):  # a whole repository, which holds every right answer
            for name in ("lab.py", "unet_lab/unet.py", "notebooks/solutions/08_evaluation.ipynb", "notebooks/glossary.ipynb"):
                (path.parents[1] / name).parent.mkdir(exist_ok=True)
                (path.parents[1] / name).write_text(notebook() if name.endswith(".ipynb") else "", encoding="utf-8")
    for student, text in CLASS.items():
        (folder / student).mkdir()
        text = text.replace("PLACE", repr(str(folder))).replace("SOLUTION)", f"{str(SOLUTIONS / '08_evaluation.ipynb')!r})")
        (folder / student / "08_evaluation.ipynb").write_text(text, encoding="utf-8")
    (folder / "quin" / "data").mkdir()
    (folder / "quin" / "data" / "start.txt").write_text("1")
    (folder / "quin" / "helper.py").write_text("import numpy\nzeros = numpy.zeros\n")
    names = [*ORDINARY, *CLASS, "nobody"]
    return Roster(Student(str(number), name) for number, name in enumerate(names, 301))


def left_over(sign):
    """The processes that still run with this in their environment."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            found += [process] if sign in process.environ().values() and process.pid != os.getpid() else []
    return found


@pytest.fixture(scope="module")
def marked(tmp_path_factory):
    """The rows of the whole class, by student, from one run of it."""
    folder = tmp_path_factory.mktemp("class")
    roster = hand_in(folder)
    before = {p: p.read_bytes() for p in folder.rglob("*.ipynb")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNET_LAB_SIGN", sign := str(folder))
        rows = [row for found in grade(find_submissions(folder, roster), Limits(12, 0.8), jobs=2) for row in found]
    assert not left_over(sign)
    assert before == {p: p.read_bytes() for p in folder.rglob("*.ipynb")}, "a submission changed another"
    return {student: [row for row in rows if row.student == student] for student in MARKS}


@pytest.fixture(scope="module")
def host():
    """A process that has loaded the course, for the tests that mark one notebook."""
    with Host() as one:
        yield one


def states(rows):
    return {row.exercise: row.state for row in rows if row.exercise and row.state != "flag"}


def remarks(rows):
    return [row.finding for row in rows if not row.exercise]


def flags(rows):
    return " ".join(row.finding for row in rows if row.state == "flag")


def test_every_student_gets_a_verdict_for_every_exercise(marked):
    for student, rows in marked.items():
        assert set(states(rows)) == (set() if student in ("otto", "eli", "nobody") else set(ASKED)), student
    assert "no notebook" in marked["otto"][0].finding
    assert "the course's own solutions" in marked["eli"][0].finding
    assert marked["nobody"][0].finding == "handed in nothing"


def test_right_wrong_and_untried_answers_are_told_apart(marked):
    assert set(states(marked["ada"]).values()) == {"right"}
    assert states(marked["bob"]) == {"confusion_matrix": "wrong", "iou": "right", "audit": "right", "interval": "right"}
    assert "Rows and columns are swapped" in marked["bob"][0].finding
    assert set(states(marked["cleo"]).values()) == {"not tried"}


@pytest.mark.parametrize(
    ("student", "state", "words"),
    [
        ("dan", "error", "it was stopped after 3 seconds"),
        ("eve", "error", "GB of memory; 0.8 GB are allowed"),
        ("finn", "error", "its process ended by itself, with status 7"),
        ("gus", "error", "a notebook may not change"),
        ("pia", "error", "exit()"),
        ("kai", "error", "no Python: invalid syntax in line"),
        ("sam", "error", "a notebook may not signal other processes"),
        ("tom", "error", "processes; 48 are allowed"),
    ],
)
def test_one_that_misbehaves_gets_the_reason_and_its_other_answers_count(marked, student, state, words):
    rows = marked[student]
    assert states(rows) == {"confusion_matrix": state, "iou": "right", "audit": "right", "interval": "right"}
    assert words in rows[0].finding


def test_files_programs_and_the_network_are_out_of_bounds(marked):
    found = {row.exercise: row.finding for row in marked["hana"] if row.state != "flag"}
    assert "a notebook may not write to" in found["confusion_matrix"]
    assert "a notebook may not start other programs" in found["iou"]
    assert "a notebook may not use the network" in found["audit"]


def test_printing_and_mischief_with_the_checks_do_not_matter(marked):
    assert set(states(marked["lou"]).values()) == {"right"}
    assert set(states(marked["mia"]).values()) == {"right"}
    assert states(marked["nia"]) == {"confusion_matrix": "right", "iou": "right", "audit": "missing", "interval": "right"}


def test_what_ipython_understands_runs_with_the_files_beside_it(marked):
    assert set(states(marked["quin"]).values()) == {"right"}
    assert not flags(marked["quin"])


@pytest.mark.skipif(not isolation.can_fork(), reason="ctypes calls the C library of Linux")
def test_a_submission_that_attacks_its_marker_costs_its_own_row_only(marked):
    assert states(marked["raj"]).keys() == states(marked["uma"]).keys() == set(ASKED)
    for student in ("tom", "uma"):
        assert "works below Python: ctypes" in flags(marked[student])
    forged = {"confusion_matrix": "error", "iou": "wrong", "audit": "right", "interval": "right"}  # its lines do not count
    assert states(marked["vic"]) == forged
    assert "writes into the marker's own channels" in flags(marked["vic"])


def test_what_reaches_further_than_an_answer_needs_is_flagged(marked):
    assert "exchanged numpy.allclose, numpy.array_equal; put back" in flags(marked["wes"])
    assert states(marked["wes"])["confusion_matrix"] == "wrong"
    assert "this is the library's unet_lab.metrics.confusion_matrix" in flags(marked["xia"])
    assert "calls the library's unet_lab.metrics.confusion_matrix, which does it all" in flags(marked["yui"])
    assert "solutions/08_evaluation.ipynb" in flags(marked["yan"])
    assert "ada/08_evaluation.ipynb" in flags(marked["zed"])
    assert "changes a library: e.CHECKS, e.LESSONS" in flags(marked["mia"])
    quiet = {student for student, rows in marked.items() if not flags(rows)}
    assert quiet >= set(ORDINARY) | {"ada", "bob", "cleo", "dan", "eve", "lou", "nia", "quin"}


def test_what_a_cell_makes_in_ways_that_names_do_not_tell_is_found_by_running_all(tmp_path, host):
    """globals() hides a helper from the quick look; the second, over the whole notebook, finds it."""
    cells = [
        "import numpy as np\nfrom unet_lab.course import check",
        "globals()['hel' + 'per'] = lambda m: m.diagonal() / (m.sum(0) + m.sum(1) - m.diagonal())",
        "def my_iou(matrix):\n    with np.errstate(all='ignore'):\n        return helper(matrix)\n\ncheck('iou', my_iou)",
    ]
    path = tmp_path / "ada_08_evaluation.ipynb"
    path.write_text(notebook(cells=cells), encoding="utf-8")
    (submission,) = find_submissions(tmp_path)
    found = states(mark(submission, Limits(60, 4), host))
    assert submission.student == "ada"
    assert found["iou"] == "right"
    assert found["audit"] == "missing"


def test_a_loop_s_letter_does_not_start_the_page_s_training(tmp_path, host):
    """The page makes a `k`, too, in a cell that takes for ever; the answer's cell makes its own."""
    cells = [
        "import numpy as np\nfrom unet_lab.course import check",
        "for k in range(3):\n    while True: pass",
        "m = lambda t: t.diagonal() / (t.sum(0) + t.sum(1) - t.diagonal())\nfor k in 'ab':\n    print(k)",
        "def my_iou(table):\n    with np.errstate(all='ignore'):\n        return m(table)\n\nfor k in 'ab':\n    print(k)\n\n"
        "check('iou', my_iou)",
    ]
    (tmp_path / "ada_08_evaluation.ipynb").write_text(notebook(cells=cells), encoding="utf-8")
    (submission,) = find_submissions(tmp_path)
    assert states(mark(submission, Limits(8, 4), host))["iou"] == "right"


IOU = "with np.errstate(all='ignore'): return d / (m.sum(0) + m.sum(1) - d)"
MY_IOU, ASK = "def my_iou(m):\n    d = {}\n    " + IOU, "check('iou', my_iou)"
CALLED = "class Iou:\n    def part(self, m): return m[0]\n    def __call__(self, m):\n        d = self.part(m)\n        "
UNSEEN = {
    "a helper mended later": [
        "def part(m): return m[0]\ndef field(m):\n    d = part(m)\n    " + IOU,
        "def part(m): return m.diagonal()",
        "def my_iou(m): return field(m)",
        ASK,
    ],
    "a class patched": [CALLED + IOU, "my_iou = Iou()", "def mend(self, m): return m.diagonal()\nIou.part = mend", ASK],
    "another name": [
        "parts = {'way': 'ravel'}",
        "mine = parts",
        "mine['way'] = 'diagonal'",
        MY_IOU.format("getattr(m, parts['way'])()"),
        ASK,
    ],
    "a list filled by a function": [
        "ways = []\ndef add(f): ways.append(f)",
        "add(lambda m: m.diagonal())",
        MY_IOU.format("sum(f(m) for f in ways)"),
        ASK,
    ],
    "a file": [
        "from pathlib import Path",
        "Path('way').write_text('diagonal')",
        MY_IOU.format("getattr(m, Path('way').read_text() if Path('way').exists() else 'ravel')()"),
        ASK,
    ],
    "globals": ["WAY = 'ravel'", "globals()['WAY'] = 'diagonal'", MY_IOU.format("getattr(m, WAY)()"), ASK],
    "a name that something imports": [
        "random = []",
        "random.append('diagonal')",
        MY_IOU.format("getattr(m, [*random, 'ravel'][0])()"),
        ASK,
        "import random",
    ],
    "not tried at first": [
        "my_iou = None",
        MY_IOU.format("m.diagonal()").replace("my_iou", "way"),
        "globals()['my_iou'] = way",
        ASK,
    ],
}


def test_what_is_done_in_ways_that_names_do_not_tell_counts_as_in_the_notebook(tmp_path, host):
    """Where the cells that names lead to give no right answer, all cells of the student's own run, and none of the page's."""
    start = ["import numpy as np\nfrom unet_lab.course import check"]
    for what, cells in UNSEEN.items():
        path = tmp_path / what / "08_evaluation.ipynb"
        path.parent.mkdir()
        path.write_text(notebook(cells=start + cells), encoding="utf-8")
    found = {one.student: states(mark(one, Limits(60, 4), host))["iou"] for one in find_submissions(tmp_path)}
    assert found == dict.fromkeys(UNSEEN, "right")


def test_where_time_runs_out_for_one_the_others_are_tried_alone(tmp_path, host):
    cells = [
        "import numpy as np\nfrom unet_lab.course import check",
        "while True: slow = 1",
        "my_findings = slow\ncheck('audit', my_findings)",
        "def my_iou(m):\n    with np.errstate(all='ignore'):\n        return m.diagonal() / (m.sum(0) + m.sum(1) - m.diagonal())",
        "check('iou', my_iou)",
    ]
    (tmp_path / "ada_08_evaluation.ipynb").write_text(notebook(cells=cells), encoding="utf-8")
    (submission,) = find_submissions(tmp_path)
    found = states(mark(submission, Limits(8, 4), host))
    assert (found["audit"], found["iou"]) == ("error", "right")


def test_a_field_of_what_the_library_gives_is_not_the_student_s_own(tmp_path, host):
    cells = [
        "from unet_lab.course import check\nfrom unet_lab.objects import object_scores",
        "def f(truth, prediction, limit):\n    return object_scores(truth, prediction, limit).f1\n\ncheck('object_f1', f)",
    ]
    (tmp_path / "ada_17_from_masks_to_measurements.ipynb").write_text(notebook(cells=cells), encoding="utf-8")
    (submission,) = find_submissions(tmp_path)
    assert "object_scores, which does it all" in flags(mark(submission, Limits(60, 4), host))


def test_what_holds_of_a_wrong_answer_comes_from_its_check_to_the_points(tmp_path, host):
    """Two of three numbers right; the first fact of two, with draws of half of the images; an answer that stops: nothing."""
    changes = [WRONG["audit"], WRONG["interval"], (BODY, "    truth[:1, :1, :1, :1]\n" + BODY)]
    (tmp_path / "ada_08_evaluation.ipynb").write_text(notebook(*changes, untried=["iou"]), encoding="utf-8")
    (submission,) = find_submissions(tmp_path)
    rows = mark(submission, Limits(60, 4), host)
    found = {row.exercise: (row.state, row.facts, row.share) for row in rows if row.exercise}
    next_one = "the two are the ends of the middle 95 % of the draws"
    assert found["audit"] == ("wrong", "right in 2 of 3 cases", 2 / 3)
    assert found["interval"] == ("wrong", f"1 of 2 facts holds; the next: {next_one}", 0.5)
    assert found["confusion_matrix"] == ("error", "", 0)
    assert found["iou"] == ("not tried", "", 0)
    Journal(tmp_path / "rows.jsonl").add(submission, rows)
    assert Journal(tmp_path / "rows.jsonl", resume=True).rows_of(submission) == rows
    (tmp_path / "points.toml").write_text("[credit]\nfacts = 0.5\n")
    earned = points_of(rows, read_points(tmp_path / "points.toml"))
    assert {name: earned[name] for name in ASKED} == {"confusion_matrix": 0, "iou": 0, "audit": 0.3333, "interval": 0.25}
    assert sum(points_of(rows, read_points()).values()) == 0  # who does not ask for it does not get it


class SaysRight:
    """In place of a host: of every check in a notebook, but for those that `never` run, it says that the answer is right."""

    def __init__(self, *never):
        self.never = never

    def run(self, job, limits):
        with open(job["cells"], encoding="utf-8") as stream:
            asked = [name for name in asked_checks(json.load(stream)) if name not in self.never]
        lines = [{"exercise": name, "state": "right"} for name in asked] + [{"end": True}]
        with open(job["results"], "a", encoding="utf-8") as stream:
            stream.writelines(f"{job['secret']} {json.dumps(line)}\n" for line in lines)
        return "", 0.0, 0


def test_of_lessons_joined_in_one_notebook_every_exercise_that_it_checks_gets_a_row(tmp_path):
    cells = [f'def my_{name}(x): return x\n\ncheck("{name}", my_{name})' for name in ("split", *ASKED, "no_such")]
    (tmp_path / "ada_everything.ipynb").write_text(notebook(cells=cells), encoding="utf-8")
    (submission,) = find_submissions(tmp_path)
    rows = mark(submission, Limits(), SaysRight())
    assert states(rows) == dict.fromkeys((*ASKED, "split"), "right")  # encode_mask is not asked, so it is not missed
    assert remarks(rows) == [
        "several lessons in one notebook: marked as 08_evaluation, and of 01_the_images what it checks (split)"
    ]
    assert "return x" in next(row.code for row in rows if row.exercise == "split")


def test_a_check_that_was_deleted_or_never_runs_says_what_to_do(tmp_path):
    cells = ['check("confusion_matrix", 1)', 'check("audit", 1)', 'if False:\n    check("interval", 1)']
    (tmp_path / "ada_08_evaluation.ipynb").write_text(notebook(cells=cells), encoding="utf-8")
    (submission,) = find_submissions(tmp_path)
    found = {row.exercise: row for row in mark(submission, Limits(), SaysRight("interval"))}
    missing = {name for name, row in found.items() if row.state == "missing"}
    assert missing == {"iou", "interval"}
    assert found["iou"].finding == 'the line check("iou", …) is gone: put it back as on the course\'s page, and hand in again'
    assert found["interval"].finding.startswith('the line check("interval", …) is there, but it never ran')


def calls_itself(*arguments):
    return calls_itself(*arguments)


def never_ends(*arguments):
    while True:
        pass


def takes_all(*arguments):
    raise MemoryError


@pytest.mark.parametrize("answer", [lambda *arguments: 1 + "", calls_itself, never_ends, takes_all, sys.exit])
def test_an_answer_that_does_not_come_to_its_end_broke_off_whatever_the_reason(answer, monkeypatch):
    monkeypatch.setattr("unet_lab.course.limits.SECONDS", 0.2)
    assert judged_here("iou", CHECKS["iou"], answer)["state"] == "error"


@pytest.mark.parametrize(
    ("answer", "state"),
    [({}, "not tried"), ({"A": None}, "not tried"), (dict.fromkeys("ABCDE"), "not tried"),
     (dict.fromkeys("ABCDE", " "), "not tried"), (dict.fromkeys("ABCDE", ...), "not tried"),
     (dict.fromkeys("ABCD") | {"E": "shift"}, "wrong"), ("", "wrong")],
)  # fmt: skip
def test_a_dictionary_that_nothing_was_written_into_is_not_tried(answer, state):
    assert judged_here("mysteries", CHECKS["mysteries"], answer)["state"] == state


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
    monkeypatch.setattr("unet_lab.course.grading.notebooks.LARGEST", 100)
    (tmp_path / "a.ipynb").write_text(notebook(), encoding="utf-8")
    with pytest.raises(Unreadable, match="at most 0 are read"):
        read_cells(tmp_path / "a.ipynb")


def test_what_is_no_folder_is_refused_in_words(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no such folder"):
        find_submissions(tmp_path / "nothing")
    (tmp_path / "bob_07_training.ipynb").write_text("{}")
    with pytest.raises(NotADirectoryError, match="is a file"):
        find_submissions(tmp_path / "bob_07_training.ipynb")


def test_exported_progress_counts_as_reported_not_as_checked(tmp_path):
    found = {"iou": {"tries": 3, "passed": "2026-11-25T10:00:00+00:00"}, "audit": {"tries": 1, "passed": None}}
    export_progress(tmp_path / "x.json", "Ada", found | {"no such": {"tries": 0, "passed": "2026"}})
    (submission,) = find_submissions(tmp_path)
    rows = mark(submission)
    assert [(r.student, r.exercise) for r in rows if r.state == "reported"] == [("Ada", "iou")]
    assert {r.exercise: r.seconds for r in rows if r.state == "tries"} == {"iou": 3, "audit": 1}


def test_the_table_of_a_class_is_right(tmp_path, marked):
    path, _ = write_tables([row for found in marked.values() for row in found], tmp_path / "grades.csv")
    lines = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
    assert {line["student"]: {name: line[name] for name in ASKED} for line in lines} == MARKS
    assert len(lines) == len(MARKS) == len(CLASS) + len(ORDINARY) + 1 == 35
    for column, shown in (("passed", "1"), ("flagged", "1?")):
        assert {line["student"]: line[column] for line in lines} == {s: str([*m.values()].count(shown)) for s, m in MARKS.items()}
    errors = {line["student"]: line["errors"] for line in lines}
    assert "confusion_matrix: its process ended by itself, with status 7" in errors["finn"]
    assert errors["bob"] == ""
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
    assert (table["ada"]["passed"], table["ada"]["of"], table["ada"]["audit"]) == ("4", str(len(CHECKS)), "1")
    assert table["bob"]["confusion_matrix"] == "1"  # the better of two submissions
    assert table["cleo"]["iou"] == ""
    assert table["kai"]["confusion_matrix"] == "error"
    assert (table["zoe"]["passed"], table["zoe"]["reported only"], table["zoe"]["iou"]) == ("0", "1", "(1)")
    assert "0.8 GB are allowed" in table["eve"]["remarks"]
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
    assert {p.name for p in tmp_path.glob("g*.*")} == {"g.csv", "g-details.csv", "g-similar.csv", "g-rows.jsonl"}
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


def test_a_slice_stops_where_a_name_is_made_anew_or_made_by_the_cell_itself():
    cells = [
        "for k in range(3):\n    slow(k)",
        "m = 1",
        "m = m + 1",
        "m = 5",
        "if x:\n    m = 6",
        "for k in 'ab':\n    print(k, m)",
    ]
    assert needed_cells(cells, [5]) == [3, 4, 5]  # its own k; m as cell 3 makes it, and perhaps cell 4
    assert needed_cells(cells, [2]) == [1, 2]
    assert needed_cells(["def f(): return g()", "def g(): return 1", "def f(): return 2", "f()"], [3]) == [2, 3]


@pytest.mark.parametrize(
    ("code", "made", "asked"),
    [
        ("def f(x):\n    y = x + z\n    return y", {"f"}, {"z"}),
        ("class A(B):\n    def g(self):\n        return h", {"A"}, {"B", "h"}),
        ("for k in range(n):\n    total += k", {"k", "total"}, {"n", "total"}),
        ("[v * w for v in values]", set(), {"w", "values"}),
        ("{k: v for k, v in {j for j in pairs}}\n[(last := k) for k in 'ab']", {"last"}, {"pairs"}),
        ("from a.b import c as d", {"d"}, set()),
        ("with open(p) as s:\n    t = s.read()", {"s", "t"}, {"p"}),
        ("x: int = 3\n_ = f()", {"x"}, {"f"}),
        ("try:\n    g()\nexcept ValueError as error:\n    print(error)", {"error"}, {"g"}),
        ("%matplotlib inline\ny = 1", {"y"}, set()),
        ("if a:\n    k = 1\nprint(k)", {"k"}, {"a", "k"}),  # k may be the one of before
        ("k = k + 1", {"k"}, {"k"}),
        ("def f(n):\n    return f(n - 1)\nf(3)", {"f"}, set()),
        ("x = 1\ndel x\nprint(x)", {"x"}, {"x"}),
        ("import a.b\na.b.c()", {"a"}, set()),
        ("y = [k for k in range(3)]\nprint(k)", {"y"}, {"k"}),
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
def test_the_slice_of_a_solved_notebook_is_enough_for_full_marks(lesson, tmp_path, host):
    """Quick marking, without training or drawing: what the whole notebook would give."""
    source = MAKER["read_source"](SOURCES / f"{lesson}.py")
    for cell in source.cells:
        cell.source = MAKER["with_solution"](cell.source)
    (tmp_path / f"ada_{lesson}.ipynb").write_text(nbformat.writes(source), encoding="utf-8")
    (submission,) = find_submissions(tmp_path)
    assert states(mark(submission, Limits(60, 4), host)) == dict.fromkeys(LESSON_NAMES[lesson], "right")


def test_grading_leaves_the_lecturer_s_own_progress_alone(tmp_path, monkeypatch):
    mine = tmp_path / "progress.json"
    monkeypatch.setenv(WHERE, str(mine))
    (tmp_path / "ada_08_evaluation.ipynb").write_text(notebook(), encoding="utf-8")
    submission = next(s for s in find_submissions(tmp_path) if s.kind == "notebook")
    assert "right" in states(mark(submission)).values()
    assert not mine.exists()
    assert json.loads(notebook())["nbformat"] == 4


def graded(folder, *options, wait=True):
    """lab.py grade, as a process of its own."""
    line = [sys.executable, str(ROOT / "scripts" / "grade.py"), "class", "--jobs", "1", *options]
    env = os.environ | {"UNET_LAB_CALLED_FROM": str(folder), "UNET_LAB_SIGN": str(folder)}
    process = subprocess.Popen(line, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return process.communicate()[0] if wait else process


def test_a_marker_that_is_killed_goes_on_where_it_was_and_leaves_nothing_behind(tmp_path):
    marks = dict(list(ORDINARY.items())[:3])
    for student, text in ({s: with_marks(m) for s, m in marks.items()} | {"zzz": CLASS["uma"]}).items():
        (tmp_path / "class" / student).mkdir(parents=True)
        (tmp_path / "class" / student / "08_evaluation.ipynb").write_text(text, encoding="utf-8")
    journal = tmp_path / "grades-rows.jsonl"
    process = graded(tmp_path, wait=False)
    while process.poll() is None and not (journal.is_file() and journal.read_text(encoding="utf-8").count("\n") >= 2):
        time.sleep(0.02)
    process.kill()
    process.wait()
    process.stdout.close()
    while left_over(str(tmp_path)):  # what it had started ends with it
        time.sleep(0.05)
    before = journal.read_text(encoding="utf-8").splitlines()
    assert 2 <= len(before) <= len(marks)
    journal.write_text("\n".join([*before, '{"key": "half']), encoding="utf-8")
    said = graded(tmp_path, "--resume")
    assert f"Going on: {len(before)} are in grades-rows.jsonl." in said
    assert journal.read_text(encoding="utf-8").splitlines()[: len(before)] == before
    lines = csv.DictReader((tmp_path / "grades.csv").read_text(encoding="utf-8-sig").splitlines())
    assert {line["student"]: {name: line[name] for name in ASKED} for line in lines} == marks | {"zzz": MARKS["uma"]}
    assert f"{len(marks) + 1} students" in said


def test_where_processes_cannot_be_copied_each_submission_has_a_new_one(tmp_path):
    unasked = [(f'check("{name}"', f'print("{name}"') for name in ("audit", "interval")]  # a process for each that is asked for
    texts = {student: exchanged(CLASS[student], *unasked) for student in ("ada", "vic")}
    for student, text in texts.items():
        (tmp_path / student).mkdir()
        (tmp_path / student / "08_evaluation.ipynb").write_text(text, encoding="utf-8")
    rows = [
        row for found in grade(find_submissions(tmp_path), Limits(30, 2), make_host=lambda: Host(apart=False)) for row in found
    ]
    found = {student: "".join(states(row for row in rows if row.student == student).values()) for student in texts}
    assert found == {"ada": "rightright" + "missing" * 2, "vic": "rightwrong" + "missing" * 2}
