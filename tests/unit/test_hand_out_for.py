"""The exercises as nbgrader and Otter-Grader take them: whole pages, a test for each exercise, and both programs take them."""

import ast
import builtins
import csv
import importlib.util
import json
import os
import re
import subprocess
import sys

import nbformat
import pytest

from tests.conftest import ROOT, needs_sources
from unet_lab.course import LESSON_NAMES, check

pytestmark = needs_sources

if (ROOT / "notebooks" / "source").exists():
    from scripts.exercise_pages import Exercise, exercise_of, exercise_page, exercises_only, titles_of, with_return
    from scripts.for_nbgrader import code_of_test, nbgrader_notebook
    from scripts.for_otter import otter_notebook
    from scripts.hand_out import main
    from scripts.make_notebooks import BEGIN, END, SOURCES, read_source, without_solution

WORTH = {name: 1.5 for names in LESSON_NAMES.values() for name in names}
LESSONS = list(LESSON_NAMES)


def ran(folder, *line):
    """A command in a folder, with the course importable in its kernels; what it printed. It must succeed."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "UNET_LAB_CALLED_FROM": str(folder)}
    done = subprocess.run([sys.executable, *line], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def hand_out(tmp_path, monkeypatch):
    """lab.py hand-out, called from `tmp_path`, with these arguments; what ends it is raised."""
    monkeypatch.setenv("UNET_LAB_CALLED_FROM", str(tmp_path))

    def called(*line):
        monkeypatch.setattr(sys, "argv", ["hand_out.py", *line])
        return main()

    return called


@pytest.fixture(scope="module")
def pages():
    titles = titles_of(LESSONS)
    return {lesson: exercise_page(lesson, titles) for lesson in LESSONS}


def without_regions(code):
    """What nbgrader and Otter leave of an answer's cell."""
    return re.sub(rf"(?ms)^ *{BEGIN}.*?{END}\n?", "", code)


# -- an exercise's cell, taken apart ----------------------------------------------------------------------------------


def test_an_exercise_is_taken_apart_at_its_check():
    code = f'my_x = None\n{BEGIN}\nmy_x = 3\n{END}\n\ncheck("x", my_x);'
    assert exercise_of(code) == Exercise("x", "my_x", f"my_x = None\n{BEGIN}\nmy_x = 3\n{END}", "")
    kept = code.replace("check(", "f = my_x if check(").replace(";", " else g")
    assert exercise_of(kept).follows == "f = my_x if passed else g"
    noted = code.replace("check(", "done = check(").replace(";", "\nshow(done)")
    assert exercise_of(noted).follows == "done = passed\nshow(done)"
    assert exercise_of("check('x', 3)") is None
    with pytest.raises(ValueError, match=r"there is no check\(…\) below a solution"):
        exercise_of(f"{BEGIN}\n{END}")


def test_a_function_stays_whole_without_its_solution():
    code = f"def f():\n    {BEGIN}\n    return 3\n    {END}"
    assert with_return(code) == code + "\n    return None"
    assert with_return(f"{BEGIN}\nx = 3\n{END}") == f"{BEGIN}\nx = 3\n{END}"


@pytest.mark.parametrize("lesson", LESSONS)
def test_each_exercise_is_on_its_page_and_what_stays_is_the_course_s_own_cell(pages, lesson):
    found = [part for part in pages[lesson] if isinstance(part, Exercise)]
    assert tuple(exercise.name for exercise in found) == LESSON_NAMES[lesson]
    cells = [cell.source for cell in read_source(SOURCES / f"{lesson}.py").cells if BEGIN in cell.source]
    for exercise, cell in zip(found, cells, strict=True):
        left = [line for line in without_regions(exercise.code).splitlines() if line.strip()]
        ours = [line for line in without_solution(cell).splitlines() if line.strip()]
        assert left == ours[: len(left)]
        assert "check(" in ours[len(left)]
        ast.parse(without_regions(exercise.code))
        ast.parse(exercise.code)


def test_links_lead_to_lessons_that_are_there():
    text = "\n".join(part.source for part in exercise_page(LESSONS[5], titles_of(LESSONS[4:6])) if hasattr(part, "source"))
    assert set(re.findall(r"\]\(([^)#]*ipynb)", text)) == {f"../{LESSONS[4]}/{LESSONS[4]}.ipynb"}
    assert "automatic tests" not in text
    assert not re.search(r"\bsolutions?\b", text)


@pytest.mark.parametrize("lesson", LESSONS)
def test_exercises_alone_have_all_that_their_cells_use(pages, lesson):
    alone = exercises_only(pages[lesson], "a title")
    assert [part for part in alone if isinstance(part, Exercise)] == [p for p in pages[lesson] if isinstance(p, Exercise)]
    assert len(alone) < len(pages[lesson]) / 2
    known = set(dir(builtins)) | {"passed"}
    for part in alone:
        code = f"{part.code}\n{part.follows}" if isinstance(part, Exercise) else part.source
        if isinstance(part, Exercise) or part.cell_type == "code":
            nodes = list(ast.walk(ast.parse(code)))
            known |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
            known |= {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
            known |= {node.arg for node in nodes if isinstance(node, ast.arg)}
            known |= {(node.asname or node.name).split(".")[0] for node in nodes if isinstance(node, ast.alias)}
            assert {node.id for node in nodes if isinstance(node, ast.Name)} <= known


def marks(page, left):
    """What each exercise of a page gets, 1 or 0, where the answers named in `left` are left open and the others are ours."""
    scope, found = {"__name__": "__main__"}, {}
    for part in page:
        if not isinstance(part, Exercise):
            exec(part.source if part.cell_type == "code" else "", scope)
            continue
        exec(without_regions(part.code) if part.name in left else part.code, scope)
        try:
            exec(code_of_test(part), scope)
            found[part.name] = 1
        except AssertionError:
            found[part.name] = 0
    return found


@pytest.mark.parametrize("number", [0, 1, 8, 15])  # 1, 8 and 15 go on with the student's answer where it is right
def test_each_exercise_gets_its_own_mark_whatever_the_others_get(pages, number):
    names = LESSON_NAMES[LESSONS[number]]
    page = exercises_only(pages[LESSONS[number]], "a title")
    for left in ((), names, *((name,) for name in names)):
        assert marks(page, left) == {name: int(name not in left) for name in names}


# -- what raises ------------------------------------------------------------------------------------------------------


def test_a_wrong_answer_raises_with_what_was_found_and_a_hint():
    right = {"images": 2, "classes": 3, "height": 64, "width": 96}
    check("read_shape", right).or_raise()
    with pytest.raises(AssertionError, match=r"(?s)^read_shape: .+\nHint: .+"):
        check("read_shape", right | {"classes": 2}).or_raise()
    with pytest.raises(AssertionError, match=r"^read_shape: not tried yet"):
        check("read_shape", None).or_raise()


def test_the_library_s_own_part_gets_no_points():
    from unet_lab.metrics import confusion_matrix

    passed = check("confusion_matrix", confusion_matrix)
    assert passed
    with pytest.raises(AssertionError, match=r"the library's own part. Write yours"):
        passed.or_raise()


# -- nbgrader ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lesson", LESSONS)
def test_nbgrader_s_cells_are_as_its_schema_has_them(pages, lesson):
    notebook = nbgrader_notebook(pages[lesson], WORTH)
    nbformat.validate(notebook)
    marked = [cell for cell in notebook.cells if "nbgrader" in cell.metadata]
    ids = [cell.metadata.nbgrader.grade_id for cell in marked]
    assert ids == [grade_id for name in LESSON_NAMES[lesson] for grade_id in (f"{name}-answer", name)]
    for answer, test in zip(marked[::2], marked[1::2], strict=True):
        assert answer.metadata.nbgrader | {"grade_id": ""} == {
            **{"schema_version": 3, "grade_id": "", "grade": False, "solution": True, "locked": False, "task": False},
        }
        assert test.metadata.nbgrader | {"grade_id": ""} == {
            **{"schema_version": 3, "grade_id": "", "grade": True, "solution": False, "locked": True, "task": False},
            "points": 1.5,
        }
        assert test.source.startswith("from unet_lab.course import check\n")
        assert test.source.endswith(".or_raise()")
        assert BEGIN in answer.source
        ast.parse(test.source)
    assert not any(BEGIN in cell.source for cell in notebook.cells if cell not in marked)


def test_nbgrader_itself_finds_them_valid(pages):
    form = pytest.importorskip("nbgrader.nbgraderformat", reason="nbgrader is not installed: pip install nbgrader")
    for page in pages.values():
        form.MetadataValidator().validate_nb(nbgrader_notebook(page, WORTH))


def submit(course, student, lesson, solved):
    """A student's notebook: what was released, with these answers written into it."""
    notebook = nbformat.read(course / "release" / lesson / f"{lesson}.ipynb", as_version=4)
    for cell in notebook.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        cell.source = solved.get(grade_id, cell.source)
    place = course / "submitted" / student / lesson
    place.mkdir(parents=True)
    nbformat.write(notebook, place / f"{lesson}.ipynb")


def test_nbgrader_releases_it_without_solutions_and_marks_each_exercise_by_itself(tmp_path):
    if importlib.util.find_spec("nbgrader") is None:
        pytest.skip("nbgrader is not installed: pip install nbgrader")
    lesson = "00_start_here"
    ran(tmp_path, str(ROOT / "scripts" / "hand_out.py"), "course", "00", "--for", "nbgrader")
    course = tmp_path / "course"
    ran(course, "-m", "nbgrader", "generate_assignment", lesson)
    released = (course / "release" / lesson / f"{lesson}.ipynb").read_text(encoding="utf-8")
    assert "SOLUTION" not in released
    assert "segment(image) == 2" not in released
    source = nbformat.read(course / "source" / lesson / f"{lesson}.ipynb", as_version=4)
    solved = {c.metadata.nbgrader.grade_id: c.source for c in source.cells if c.metadata.get("nbgrader", {}).get("solution")}
    submit(course, "ada", lesson, solved)
    submit(course, "bob", lesson, {})
    submit(course, "eve", lesson, solved | {"read_shape-answer": "my_shape = 3\n\ndef check(name, answer):\n    return 1"})
    ran(course, "-m", "nbgrader", "autograde", lesson)
    ran(course, "-m", "nbgrader", "export", "--to", "grades.csv")
    with open(course / "grades.csv", newline="", encoding="utf-8") as stream:
        scores = {line["student_id"]: float(line["score"]) for line in csv.DictReader(stream)}
    assert scores == {"ada": 2, "bob": 0, "eve": 1}
    marked = (course / "autograded" / "bob" / lesson / f"{lesson}.ipynb").read_text(encoding="utf-8")
    assert "AssertionError" in marked
    assert "read_shape: not tried yet. Replace each None" in marked


# -- Otter-Grader -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lesson", LESSONS)
def test_otter_s_questions_have_an_answer_and_a_test(pages, lesson):
    notebook = otter_notebook(lesson, pages[lesson], WORTH)
    nbformat.validate(notebook)
    marks = [cell.source.splitlines()[0] for cell in notebook.cells if cell.cell_type == "raw"]
    question = ["# BEGIN QUESTION", "# BEGIN SOLUTION", "# END SOLUTION", "# BEGIN TESTS", "# END TESTS", "# END QUESTION"]
    assert marks == ["# ASSIGNMENT CONFIG", *question * len(LESSON_NAMES[lesson])]
    named = re.findall(r"# BEGIN QUESTION\nname: (\w+)\npoints: 1\.5", "\n\n".join(cell.source for cell in notebook.cells))
    assert tuple(named) == LESSON_NAMES[lesson]
    for cell in notebook.cells:
        assert cell.source.strip()
        assert "###" not in cell.source or cell.cell_type == "markdown"
    tests = [cell.source for cell in notebook.cells if cell.source.startswith("def test_")]
    assert all(len(ast.parse(test).body) == 1 for test in tests)  # Otter takes one function in a cell


def test_otter_assigns_it_without_solutions_and_marks_it(tmp_path):
    if importlib.util.find_spec("otter") is None:
        pytest.skip("Otter-Grader is not installed: pip install otter-grader")
    ran(tmp_path, str(ROOT / "scripts" / "hand_out.py"), "course", "00", "--for", "otter")
    ran(tmp_path, "-m", "otter", "assign", "course/00_start_here/00_start_here.ipynb", "dist")  # runs its tests on the solutions
    given_out = (tmp_path / "dist" / "student" / "00_start_here.ipynb").read_text(encoding="utf-8")
    assert "SOLUTION" not in given_out
    assert "segment(image) == 2" not in given_out
    (archive,) = (tmp_path / "dist" / "autograder").glob("*.zip")
    for version, score in (("autograder", 1), ("student", 0)):
        (tmp_path / version).mkdir()
        notebook = tmp_path / "dist" / version / "00_start_here.ipynb"
        ran(tmp_path, "-m", "otter", "run", str(notebook), "-a", str(archive), "-o", str(tmp_path / version))
        results = json.loads((tmp_path / version / "results.json").read_text(encoding="utf-8"))["tests"]
        assert {t["name"]: t["score"] for t in results if "score" in t} == dict.fromkeys(LESSON_NAMES["00_start_here"], score)


# -- the command ------------------------------------------------------------------------------------------------------


def test_the_command_takes_points_and_says_what_is_next(tmp_path, hand_out, capsys):
    (tmp_path / "points.toml").write_text("[points]\ndefault = 2\nnucleus_pixels = 5\n", encoding="utf-8")
    (tmp_path / "course").mkdir()  # an empty folder is as good as a new one
    assert hand_out("course", "--for", "nbgrader", "00", "--points", "points.toml", "--zip") == 0
    said = capsys.readouterr().out
    assert "1 notebook for nbgrader, with the solutions: for you, not for students." in said
    assert "nbgrader generate_assignment 00_start_here" in said
    assert "Zipped, with the solutions: for you, not for students: " in said
    written = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file())
    assert written == [
        *("course-for-instructors.zip", "course/nbgrader_config.py", "course/source/00_start_here/00_start_here.ipynb"),
        "points.toml",
    ]
    notebook = nbformat.read(tmp_path / "course" / "source" / "00_start_here" / "00_start_here.ipynb", as_version=4)
    points = [c.metadata.nbgrader.points for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade")]
    assert points == [2, 5]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["mine", "00", "--for", "otter"], "mine is there already; give the name of a new folder"),
        (["new", "00", "--for", "otter", "--points", "points.toml"], "[points] has 'none_such'"),
        (["new", "99", "--for", "otter"], "no notebook begins with '99'"),
        (["new", "00", "--for", "moodle"], "invalid choice: 'moodle'"),
        (["new", "00", "--points", "points.toml"], "--points and --only-exercises go with --for nbgrader or --for otter"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_left(tmp_path, hand_out, capsys, line, words):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "precious.txt").touch()
    (tmp_path / "points.toml").write_text("[points]\nnone_such = 5\n", encoding="utf-8")
    with pytest.raises(SystemExit) as stop:
        hand_out(*line)
    assert words in f"{stop.value.code} {capsys.readouterr().err}"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "points.toml"]
