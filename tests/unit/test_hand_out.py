"""What students get: chosen notebooks that lead to each other, its own tests pass, and no answer is in it."""

import os
import re
import runpy
import shutil
import subprocess
import sys
import zipfile

import nbformat
import pytest

from tests.conftest import ROOT, needs_sources

if (ROOT / "notebooks" / "source").exists():
    from scripts import hand_out, search_answers
    from scripts.solution_marks import exercise_in
MAKER = runpy.run_path(str(ROOT / "scripts" / "hand_out.py"))
CHOSEN = ["01_the_images", "05_the_whole_u", "08_evaluation"]

pytestmark = needs_sources


@pytest.fixture(scope="module")
def handed_out(tmp_path_factory):
    """The folder that `lab.py hand-out students 01 05 08 --zip` makes, and what it says."""
    where = tmp_path_factory.mktemp("class")
    line = [sys.executable, str(ROOT / "scripts" / "hand_out.py"), "students", "01", "05", "08", "--zip"]
    done = subprocess.run(line, env=os.environ | {"UNET_LAB_CALLED_FROM": str(where)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return where / "students", done.stdout


@pytest.fixture(scope="module")
def answers():
    return MAKER["right_answers"]()


def ran(folder, *line):
    done = subprocess.run(
        [sys.executable, "-m", *line], cwd=folder, env=os.environ | {"PYTHONPATH": str(folder)}, capture_output=True, text=True
    )
    return done.stdout + done.stderr if done.returncode else ""


def test_what_tells_an_answer_is_left_out(handed_out):
    folder, _ = handed_out
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    for left_out in (
        "notebooks/solutions",
        "notebooks/source",
        "tests/exercises",
        ".git",
        "unet_lab/course/grading",
        "docs/teaching.md",
    ):
        assert left_out not in names
    assert {name for name in names if name.endswith(".ipynb")} == {f"notebooks/{n}.ipynb" for n in [*CHOSEN, "glossary"]}
    assert "unet_lab/course/exercises/evaluation.py" in names
    assert "unet_lab/course/exercises/training.py" not in names
    missing = re.compile(
        r"course\.grading|scripts/(grade|hand_out|new_exercise|make_notebooks)|\"scripts\" / \"(grade|hand_out|make_n)"
    )
    for path in (folder / "tests").rglob("*.py"):  # each of its tests finds what it tests
        assert not missing.search(path.read_text(encoding="utf-8")), path
    with zipfile.ZipFile(f"{folder}.zip") as archive:
        assert {name.removeprefix("students/").rstrip("/") for name in archive.namelist()} - {""} == names


def test_no_answer_is_found_in_it_but_what_the_lesson_itself_shows(handed_out, answers):
    folder, said = handed_out
    assert len(answers) > 100
    assert [str(one) for one in MAKER["answers_in"](folder, answers) if not one.harmless] == []
    assert f"Searched for the code of {len(answers)} answers" in said
    assert "notebooks/05_the_whole_u.ipynb, cell 18 (class UNetByHand(nn.Module):) (its source teaches it there)" in said
    for path in folder.rglob("*.md"):
        assert not re.search(r"\bsolutions?\b", path.read_text(encoding="utf-8")), path


def test_an_answer_that_is_in_it_is_found(tmp_path, answers):
    """In any layout, in a notebook or a module."""
    first, second, *_ = (name for name in answers if name.startswith("solution"))
    cell = nbformat.v4.new_code_cell("# look:\n" + answers[first].replace("\n", "\n    "))
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "a.ipynb")
    (tmp_path / "b.py").write_text("x = 1\n" + answers[second], encoding="utf-8")
    found = MAKER["answers_in"](tmp_path, answers)
    assert {f"{first}: a.ipynb, cell 1 (# look:)", f"{second}: b.py"} <= {str(one) for one in found}
    assert not any(one.harmless for one in found)


SOLVED = (
    "    table = np.zeros((num_classes, num_classes), np.int64)\n"
    "    np.add.at(table, (truth.ravel(), prediction.ravel()), 1)\n    return table"
)


def page_of(folder, lesson, change):
    """A lesson's page in `folder`, whose cells a function of (name of the exercise, cell) has changed."""
    notebook = nbformat.read(ROOT / "notebooks" / f"{lesson}.ipynb", as_version=4)
    for cell in notebook.cells:
        change(exercise_in(cell.source), cell)
    (folder / "notebooks").mkdir(exist_ok=True)
    nbformat.write(notebook, folder / "notebooks" / f"{lesson}.ipynb")


def solved(name, cell, code=SOLVED):
    if name == "confusion_matrix":
        cell.source = cell.source.replace("    return None", code)


def passed(name, cell):
    if name == "confusion_matrix":
        cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text="✓ confusion_matrix: right. …")]


def fenced(name, cell):
    if cell.cell_type == "markdown" and cell.source.startswith("# 08"):
        cell.source += f"\n\n> ```\n> {SOLVED.replace(chr(10), chr(10) + '> ')}\n> ```"


def in_other_code(name, cell):
    solved(name, cell, "    return np.bincount(num_classes * truth.ravel() + prediction.ravel()).reshape(num_classes, -1)")


def in_german(name, cell):
    if cell.cell_type == "markdown":
        cell.source = cell.source.replace("the", "die")
    else:
        cell.source = cell.source.replace('"""truth, ', '"""Wahrheit, ').replace('print("', 'print("Also: ')


@pytest.mark.parametrize("own", [(), ("08_evaluation",)], ids=["our page", "her own page"])
@pytest.mark.parametrize("change", [solved, passed, fenced, in_other_code], ids=lambda change: change.__name__)
def test_what_only_the_notebook_holds_is_no_lesson_but_a_leak(tmp_path, answers, change, own):
    page_of(tmp_path, "08_evaluation", change)
    leaks = [one for one in MAKER["answers_in"](tmp_path, answers, own) if not one.harmless]
    if own and change is in_other_code:  # not run, and in words of her own: nothing tells it from her page
        assert not leaks
        return
    (leak,) = leaks
    assert leak.file == "notebooks/08_evaluation.ipynb"
    assert re.match(r"cell \d+ \((def my_confusion\(|# 08)", leak.cell)


def test_her_own_page_in_german_leaks_nothing_and_what_its_source_teaches_is_no_leak(tmp_path, answers):
    page_of(tmp_path, "08_evaluation", in_german)
    page_of(tmp_path, "05_the_whole_u", in_german)
    found = MAKER["answers_in"](tmp_path, answers, ("08_evaluation", "05_the_whole_u"))
    assert [str(one) for one in found if not one.harmless] == []
    assert any(one.answer == "solution 3 of 05_the_whole_u" for one in found)


def test_what_a_page_teaches_is_a_leak_in_the_cell_of_its_exercise(tmp_path, answers):
    """Lesson 05 writes a U-Net by hand, and asks for one later."""
    taught = answers["solution 3 of 05_the_whole_u"]

    def write(name, cell):
        if name == "unet":
            cell.source = cell.source.replace("        return None", taught)

    page_of(tmp_path, "05_the_whole_u", write)
    for own in ((), ("05_the_whole_u",)):
        (leak,) = [one for one in MAKER["answers_in"](tmp_path, answers, own) if not one.harmless]
        assert "exercise unet is not as students are to get it" in leak.answer


@pytest.mark.parametrize("own", [set(), {"08_evaluation"}], ids=["our page", "her own page"])
def test_a_folder_with_an_answer_is_refused_in_words_and_goes(tmp_path, monkeypatch, own):
    def write(folder, lessons):
        folder.mkdir()
        page_of(folder, "08_evaluation", solved)
        return []

    monkeypatch.setattr(hand_out, "hand_out", write)
    monkeypatch.setattr(hand_out, "own_pages", lambda: own)
    monkeypatch.setattr("sys.argv", ["hand_out.py", str(tmp_path / "students"), "08"])
    with pytest.raises(SystemExit) as stop:
        hand_out.main()
    assert "nothing is handed out: students would get answers." in stop.value.code
    assert re.search(r"notebooks/08_evaluation\.ipynb, cell \d+ \(def my_confusion", stop.value.code)
    assert "Take what is named out of these cells" in stop.value.code
    assert ("make the pages again: python3 lab.py make-notebooks 08" in stop.value.code) is (not own)  # her words would be lost
    assert list(tmp_path.iterdir()) == []


def test_a_page_without_a_source_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(search_answers, "HERE", tmp_path)
    with pytest.raises(ValueError, match=r"notebooks/source/08_evaluation\.py is missing, and git has none: .*, or leave 08 out"):
        search_answers.source_of("08_evaluation")
    monkeypatch.setenv("PATH", "")  # no git at all
    with pytest.raises(ValueError, match="is missing, and git has none"):
        search_answers.source_of("08_evaluation")


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
def test_a_source_that_is_missing_is_read_from_git(tmp_path, monkeypatch):
    source = (ROOT / "notebooks" / "source" / "08_evaluation.py").read_text(encoding="utf-8")
    monkeypatch.setattr(search_answers, "HERE", tmp_path)
    (tmp_path / "notebooks" / "source").mkdir(parents=True)
    (tmp_path / "notebooks" / "source" / "08_evaluation.py").write_text(source, encoding="utf-8")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.example"]
    for line in (["init", "-q"], ["add", "."], ["commit", "-qm", "a"]):
        subprocess.run([*git, *line], cwd=tmp_path, check=True)
    (tmp_path / "notebooks" / "source" / "08_evaluation.py").unlink()
    assert search_answers.source_of("08_evaluation") == source


def test_its_own_tests_of_the_course_pass_and_ruff_is_content(handed_out):
    folder, _ = handed_out
    tests = ("tests/test_course.py", "tests/unit/test_predictions.py", "tests/unit/test_architecture.py")
    assert not ran(folder, "pytest", "-q", "-p", "no:cacheprovider", *tests)
    aside = runpy.run_path(str(ROOT / "lab.py"), run_name="lab")["own_pages_aside"]()
    assert not ran(folder, "ruff", "check", "--no-cache", ".", *aside)
    assert not ran(folder, "ruff", "format", "--no-cache", "--check", "-q", ".", *aside)


@pytest.mark.our_text(*CHOSEN)
def test_pages_lead_to_the_chosen_notebook_before_and_after(handed_out):
    folder, _ = handed_out
    first, last = (nbformat.read(folder / "notebooks" / f"{name}.ipynb", 4).cells for name in (CHOSEN[0], CHOSEN[-1]))
    assert re.search(r"\*About \d+ minutes\. Next: \[05 · The whole U\]\(05_the_whole_u\.ipynb\)\*", first[0].source)
    assert re.search(r"\*About \d+ minutes\. Back: \[05 · The whole U\]\(05_the_whole_u\.ipynb\)\*", last[0].source)
    text = "\n".join(cell.source for cell in last)
    assert "Next:" not in text
    assert "09_looking_inside" not in text


def test_the_list_of_own_pages_names_those_that_are_there():
    text = "\ufeff# ours\n05  # in German\n19_added_by_her.ipynb\n17\nglossary\n"
    assert MAKER["list_for_students"](text, CHOSEN) == "# ours\n05  # in German\nglossary\n"
    assert MAKER["list_for_students"]("all\n", CHOSEN) == "all\n"


def test_nothing_in_it_leads_to_the_lecturer_s_page(handed_out):
    folder, _ = handed_out
    for path in folder.rglob("*"):
        if path.suffix in (".py", ".md", ".ipynb", ".toml"):
            assert "teaching.md" not in path.read_text(encoding="utf-8"), path


def test_lab_py_has_the_commands_that_are_there(handed_out):
    folder, _ = handed_out
    lab = runpy.run_path(str(folder / "lab.py"), run_name="lab")
    assert not {"grade", "hand-out", "make-notebooks"} & set(lab["COMMANDS"])
    assert {"test", "run", "progress"} <= set(lab["COMMANDS"])
    assert "01_the_images.ipynb" in (folder / "lab.py").read_text(encoding="utf-8")
    assert "lab.py grade" not in lab["__doc__"]


def test_a_folder_with_something_in_it_is_refused(tmp_path):
    (tmp_path / "precious.txt").touch()
    with pytest.raises(FileExistsError, match="is there already"):
        MAKER["hand_out"](tmp_path, CHOSEN)


@pytest.mark.parametrize(
    ("names", "lessons"),
    [
        (["08", "00"], ["00", "08"]),
        (["5"], ["05"]),
        (["1"], ["01"]),
        (["05_the_whole_u.ipynb", "notebooks/04_expansive_path.ipynb"], ["04", "05"]),
        (["05_the"], ["05"]),
    ],
)
def test_lessons_are_chosen_by_number_start_or_file(names, lessons):
    assert [lesson[:2] for lesson in MAKER["chosen_lessons"](names)] == lessons


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("99", "no notebook begins with '99'; there are 00_start_here"),
        ("", "no notebook begins with ''"),
        ("glossary", "'glossary' need not be named: the glossary goes with every choice"),
        ("glossary.ipynb", "the glossary goes with every choice"),
        ("00,01", "'00,01' is one word: write the lessons with spaces between them, 00 01."),
        ("00-03", "'00-03' is a range: write each of its lessons"),
    ],
)
def test_a_name_that_is_none_is_refused_with_what_to_write(name, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        MAKER["chosen_lessons"](["08", name])


@pytest.mark.parametrize("name", ["00", "5", "99", "05_the_whole_u", "05_the_whole_u.ipynb", "00,01", "glossary"])
def test_a_lesson_where_the_folder_should_be_is_refused(tmp_path, monkeypatch, capsys, name):
    monkeypatch.setenv("UNET_LAB_CALLED_FROM", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["hand_out.py", name, "01"])
    with pytest.raises(SystemExit):
        hand_out.main()
    said = capsys.readouterr().err
    assert f"{name!r} looks like a lesson, and the folder's name comes first. Write e.g. lab.py hand-out students" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["students", "2026", "week-01", "./05", "01st"])
def test_other_folders_are_taken(name):
    assert MAKER["new_folder"](name).name == name.removeprefix("./")
