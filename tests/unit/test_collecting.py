"""What a class hands in, in every layout that learning platforms make: whose each file is, and what kind of thing."""

import io
import json
import zipfile

import pytest

from unet_lab.course.grading import Roster, Student, archives, find_submissions, read_roster
from unet_lab.course.grading.layouts import name_of
from unet_lab.course.progress import export_progress

COURSE = ["lab.py", "unet_lab/unet.py", "notebooks/glossary.ipynb", "notebooks/solutions/08_evaluation.ipynb", "data/x.json"]
COURSE += ["notebooks/source/08_evaluation.py", "tests/unit/test_unet.py", "progress.json", ".git/config"]
CLASS = Roster([Student("s1", "Ada Lovelace", "al7@uni.edu"), Student("s2", "Zoë Müller"), Student("s3", "Bob Hope")])


def handed_in(folder, *names):
    """Make these files (with nothing of interest in them), or, where a name ends with a slash, folders; returns the folder."""
    for name in names:
        path = folder / name
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.write_text("{}", encoding="utf-8")
    return folder


def zipped(*names, content=b"{}"):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
    return stream.getvalue()


def seen(folder, *arguments, **options):
    return [(s.student, s.kind, s.place) for s in find_submissions(folder, *arguments, **options)]


LAYOUTS = {
    "Moodle, a folder each": (
        ["Ada Lovelace_12345_assignsubmission_file_/E.ipynb", "Bob Hope_9_assignsubmission_file/07_training.ipynb"],
        [("Ada Lovelace", "notebook", "E.ipynb"), ("Bob Hope", "notebook", "07_training.ipynb")],
    ),
    "Moodle, its zip's folder above": (
        ["Vision-3/Ada Lovelace_1_assignsubmission_file_/x.ipynb", "Vision-3/Bo_2_assignsubmission_file_/x.ipynb"],
        [("Ada Lovelace", "notebook", "x.ipynb"), ("Bo", "notebook", "x.ipynb")],
    ),
    "Moodle, flat": (
        ["Ada Lovelace_12345_assignsubmission_file_E.ipynb", "Bob Hope_9_assignsubmission_file_a_b.html"],
        [("Ada Lovelace", "notebook", "E.ipynb"), ("Bob Hope", "page", "a_b.html")],
    ),
    "Canvas": (
        ["lovelaceada_LATE_123_45678_08_evaluation-1.ipynb", "hopebob_124_45679_07_training.ipynb"],
        [("hopebob", "notebook", "07_training.ipynb"), ("lovelaceada", "notebook", "08_evaluation-1.ipynb")],
    ),
    "nbgrader": (
        ["submitted/ada/ps1/E.ipynb", "submitted/ada/ps2/07_training.ipynb", "submitted/bob/ps1/E.ipynb"],
        [("ada", "notebook", "ps1/E.ipynb"), ("ada", "notebook", "ps2/07_training.ipynb"),
         ("bob", "notebook", "ps1/E.ipynb")],
    ),
    "an assignment's folder first": (
        ["08_evaluation/ada/x.ipynb", "08_evaluation/bob/x.ipynb", "week 2/ada/y.ipynb"],
        [("ada", "notebook", "x.ipynb"), ("ada", "notebook", "y.ipynb"), ("bob", "notebook", "x.ipynb")],
    ),
    "GitHub Classroom": (
        [f"lab-submissions/unet-lab-{who}/{file}" for who in ("ada", "ann-lee") for file in (*COURSE, "notebooks/E.ipynb")],
        [("ada", "notebook", "notebooks/E.ipynb"), ("ann-lee", "notebook", "notebooks/E.ipynb")],
    ),
    "a whole repository in a student's folder": (
        [f"Ada/unet-lab-main/{file}" for file in (*COURSE, "notebooks/E.ipynb", "mine/07_training.ipynb")],
        [("Ada", "notebook", "unet-lab-main/mine/07_training.ipynb"), ("Ada", "notebook", "unet-lab-main/notebooks/E.ipynb")],
    ),
    "the course's notebooks only, with its solutions": (
        ["Ada/notebooks/E.ipynb", "Ada/notebooks/solutions/E.ipynb", "Ada/notebooks/source/08_evaluation.py"],
        [("Ada", "notebook", "notebooks/E.ipynb")],
    ),
    "files with names in front or behind": (
        ["ada_07_training.ipynb", "08_evaluation-bob.ipynb", "cleo_07_training (1).ipynb", "Copy of 08_evaluation_dan.ipynb"],
        [("ada", "notebook", "ada_07_training.ipynb"), ("bob", "notebook", "08_evaluation-bob.ipynb"),
         ("cleo", "notebook", "cleo_07_training (1).ipynb"), ("dan", "notebook", "Copy of 08_evaluation_dan.ipynb")],
    ),
    "what is no notebook": (
        ["Ada/", "Bob/notes.pdf", "Cleo/08_evaluation.py", "Dan/08_evaluation.html", "Eve/a.ipynb", "Eve/helper.py"],
        [("Ada", "nothing", ""), ("Bob", "nothing", ""), ("Cleo", "script", "08_evaluation.py"),
         ("Dan", "page", "08_evaluation.html"),
         ("Eve", "notebook", "a.ipynb")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_gives_each_file_to_its_student(tmp_path, layout):
    names, expected = LAYOUTS[layout]
    assert seen(handed_in(tmp_path, *names)) == expected


def test_canvas_says_who_was_late(tmp_path):
    found = find_submissions(handed_in(tmp_path, "lovelaceada_LATE_1_456_x.ipynb", "hopebob_2_457_x.ipynb"))
    assert {s.student: s.late for s in found} == {"lovelaceada": True, "hopebob": False}


def test_namesakes_stay_apart_and_one_student_s_downloads_come_together(tmp_path):
    """Moodle's numbers differ between the two in one download, and from one download to the next of the same student."""
    names = ["ps1/Ada B_11_assignsubmission_file_/x.ipynb", "ps1/Ada B_12_assignsubmission_file_/x.ipynb"]
    names += ["ps1/Cy D_13_assignsubmission_file_/x.ipynb", "ps2/Cy D_55_assignsubmission_file_/y.ipynb"]
    names += ["leea_5_4440_x.ipynb", "leea_6_4441_x.ipynb"]
    found = seen(handed_in(tmp_path, *names))
    assert [student for student, *_ in found] == ["Ada B (11)", "Ada B (12)", "Cy D", "Cy D", "leea (5)", "leea (6)"]


def test_whose_a_file_is_that_has_no_name_is_asked(tmp_path):
    found = find_submissions(handed_in(tmp_path, "07_training.ipynb", "ps1/08_evaluation (2).ipynb"))
    assert [(s.student, s.kind) for s in found] == [
        ("? 07_training.ipynb", "refused"),
        ("? ps1/08_evaluation (2).ipynb", "refused"),
    ]
    assert all("whose is it?" in s.remark for s in found)


def test_folders_of_folders_are_refused_until_somebody_says_whose_they_are(tmp_path):
    folder = handed_in(tmp_path, "Erste/ada/x.ipynb", "Erste/bob/x.ipynb", "Zweite/ada/y.ipynb")
    found = find_submissions(folder)
    assert [(s.student, s.kind) for s in found] == [("? Erste", "refused"), ("? Zweite", "refused")]
    assert all("--layout student-first or --layout assignment-first" in s.remark for s in found)
    assert {student for student, *_ in seen(folder, layout="assignment-first")} == {"ada", "bob"}
    assert {student for student, *_ in seen(folder, layout="student-first")} == {"Erste", "Zweite"}
    roster = Roster([Student("1", "Ada"), Student("2", "Bob")])
    assert [student for student, *_ in seen(folder, roster)] == ["Ada", "Ada", "Bob"]


def test_names_that_are_spelt_alike_are_kept_apart_and_said(tmp_path):
    folder = handed_in(tmp_path, "Ada Lovelace/x.ipynb", "lovelace_ada/y.ipynb", "Bob/x.ipynb")
    found = {s.student: s.remark for s in find_submissions(folder)}
    assert found["Bob"] == ""
    assert "perhaps the same student as lovelace_ada: kept apart" in found["Ada Lovelace"]


def test_a_roster_fixes_names_and_adds_who_handed_in_nothing(tmp_path):
    names = ["Ada Lovelace_7_assignsubmission_file_/x.ipynb", "lovelaceada_3_4444_y.ipynb", "al7/z.ipynb", "zoe mueller/x.ipynb"]
    found = find_submissions(handed_in(tmp_path, *names, "Gast/x.ipynb"), CLASS)
    assert [(s.student, s.number, s.kind) for s in found] == [
        ("Ada Lovelace", "s1", "notebook"), ("Ada Lovelace", "s1", "notebook"), ("Ada Lovelace", "s1", "notebook"),
        ("Bob Hope", "s3", "nothing"), ("Gast", "", "notebook"), ("Zoë Müller", "s2", "notebook"),
    ]  # fmt: skip
    assert {s.student: s.remark for s in found}["Gast"] == "not on the roster"
    assert {s.student: s.remark for s in found}["Bob Hope"] == "handed in nothing"


def test_who_may_be_either_of_two_is_refused_until_the_number_tells(tmp_path):
    twins = Roster([Student("41", "Ann Lee", "ann@uni.edu"), Student("42", "Lee Ann")])
    (one, *nothing) = find_submissions(handed_in(tmp_path / "a", "Ann Lee/x.ipynb"), twins)
    assert (one.kind, len(nothing)) == ("refused", 2)
    assert "may be Ann Lee (41) or Lee Ann (42)" in one.remark
    assert seen(handed_in(tmp_path / "b", "leeann_42_9999_x.ipynb"), twins)[1] == ("Lee Ann", "notebook", "x.ipynb")
    assert ("Ann Lee", "notebook", "x.ipynb") in seen(handed_in(tmp_path / "c", "ann/x.ipynb"), twins)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("id,name,e-mail\n1,Ada Lovelace,a@b.c\n", "Ada Lovelace"),
        ("\ufeffStudent ID;Surname;First name\n1;Lovelace;Ada\n\n", "Ada Lovelace"),
        ('SIS User ID\tStudent\n1\t"Lovelace, Ada"\n', "Ada Lovelace"),
    ],
)
def test_rosters_as_spreadsheets_write_them(tmp_path, text, name):
    (tmp_path / "roster.csv").write_text(text, encoding="utf-8")
    (student,) = read_roster(tmp_path / "roster.csv").students
    assert (student.number, student.name) == ("1", name)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a,b\n1,2\n", "no column called name"),
        (b"", "no column called name"),
        (b"id,name\n1,\n", "line 2 has no name"),
        (b"id,name\n1,A\n1,B\n", "the id 1 is given twice"),
        (b"id,name\n1,\xff\n", "Save it as CSV UTF-8"),
    ],
)
def test_a_roster_that_is_none_is_refused_in_words(tmp_path, content, words):
    (tmp_path / "roster.csv").write_bytes(content)
    with pytest.raises(ValueError, match=words):
        read_roster(tmp_path / "roster.csv")


def test_zips_are_opened_where_they_lie_and_a_class_may_be_one(tmp_path):
    folder = handed_in(tmp_path / "class", "Ada/readme.txt")
    (folder / "Ada" / "work.zip").write_bytes(zipped("08_evaluation.ipynb", "data/cells.csv"))
    (folder / "Bob_5_assignsubmission_file_all.zip").write_bytes(zipped("07_training.ipynb"))
    (folder / "hopebob_7_8888_08.zip").write_bytes(zipped("08_evaluation.ipynb"))
    expected = [("Ada", "notebook", "work/08_evaluation.ipynb"), ("Bob", "notebook", "07_training.ipynb")]
    expected += [("hopebob", "notebook", "08_evaluation.ipynb")]
    assert seen(folder) == expected
    with zipfile.ZipFile(tmp_path / "class.zip", "w") as archive:
        for path in folder.rglob("*"):
            archive.write(path, path.relative_to(folder))
    assert seen(tmp_path / "class.zip", unpack_to=tmp_path / "unpacked") == expected
    notebook = next(s for s in find_submissions(folder) if s.student == "Ada")
    assert sorted(name for name, _ in notebook.beside) == ["readme.txt", "work/data/cells.csv"]


def test_zips_that_are_no_good_are_refused_with_the_reason_and_leave_nothing_outside(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MOST_BYTES", 10_000)
    monkeypatch.setattr(archives, "MOST_FILES", 50)
    locked = bytearray(zipped("x.ipynb"))
    for sign, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[locked.index(sign) + place] |= 1
    bad = {
        "large": (zipped("x.ipynb", content=b" " * 20_000), "unpacks to more than"),
        "many": (zipped(*(f"{k}.txt" for k in range(60))), "60 files in a zip"),
        "outside": (zipped("../../evil.ipynb"), "a name that leads out of it"),
        "absolute": (zipped("/evil.ipynb"), "a name that leads out of it"),
        "half": (zipped("x.ipynb")[:40], "a damaged zip"),
        "none": (b"hello", "a damaged zip"),
        "locked": (bytes(locked), "an encrypted zip"),
    }
    for name, (content, _) in bad.items():
        (tmp_path / "class" / name).mkdir(parents=True)
        (tmp_path / "class" / name / "work.zip").write_bytes(content)
    found = {s.student: s for s in find_submissions(tmp_path / "class", unpack_to=tmp_path / "deep" / "er")}
    assert {name: s.kind for name, s in found.items()} == dict.fromkeys(bad, "refused")
    for name, (_, words) in bad.items():
        assert words in found[name].remark
    assert not list(tmp_path.rglob("evil.ipynb"))


def test_an_exported_progress_file_belongs_to_the_folder_it_lies_in(tmp_path):
    handed_in(tmp_path, "Bob/", "Cleo/package.json")
    (tmp_path / "Cleo" / "package.json").write_text(json.dumps({"package": 1}))
    export_progress(tmp_path / "Bob" / "p.json", "Ada", {})
    export_progress(tmp_path / "q.json", "Ada", {})
    assert seen(tmp_path) == [("Ada", "export", "q.json"), ("Bob", "export", "p.json"), ("Cleo", "nothing", "")]


def test_a_python_file_is_a_submission_where_it_is_a_notebook_or_there_is_none(tmp_path):
    handed_in(tmp_path, "Ada/a.ipynb", "Ada/helper.py", "Ada/saved.py")
    (tmp_path / "Ada" / "saved.py").write_text("# Automatically generated by Colab.\n")
    assert seen(tmp_path) == [("Ada", "notebook", "a.ipynb"), ("Ada", "script", "saved.py")]


@pytest.mark.parametrize(
    "name", ["08_evaluation", "Copy of 08_evaluation", "08_evaluation-Copy1", "08_evaluation (3)", "08_evaluation-2"]
)
def test_what_copies_add_to_a_name_is_no_student(name):
    assert name_of(f"{name}.ipynb") == ""
