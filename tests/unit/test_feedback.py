"""What a lecturer gives back: points, gradebooks, a manual column that stays, pages for students and of the class."""

import csv
import json
import os
import re
import subprocess
import sys
from datetime import datetime
from html.parser import HTMLParser

import pytest

from tests.conftest import ROOT
from unet_lab.course import CHECKS, LESSON_NAMES
from unet_lab.course.grading import (
    Roster,
    Row,
    Student,
    belonging_to,
    counting,
    find_submissions,
    gradebook_doubts,
    late_rows,
    manual_columns,
    points_of,
    read_points,
    read_roster,
    similar_pairs,
    what_counts,
    what_flags_cost,
    write_feedback,
    write_gradebook,
    write_overview,
    write_tables,
)
from unet_lab.course.grading.by_hand import as_number
from unet_lab.course.grading.notebooks import read_cells
from unet_lab.course.grading.similarity import share_of_equal, tokens_of
from unet_lab.course.progress import export_progress

CLASS = Roster([Student("s1", "Ada Lovelace", "ada@uni.edu"), Student("s2", "Bob Hope", "bob@uni.edu")])
ROWS = [
    Row("Ada Lovelace", "8.ipynb", "iou", "right"),
    Row("Ada Lovelace", "8.ipynb", "audit", "wrong", "f1 is <b>another</b> number.", 0.1, "F1 = 2·IoU/(1 + IoU)"),
    Row("Ada Lovelace", "8.ipynb", "confusion_matrix", "right"),
    Row("Ada Lovelace", "8.ipynb", "confusion_matrix", "flag", "exchanged numpy.array_equal"),
    Row("Bob Hope", "b.ipynb", "iou", "error", "NameError: name 'x' is not defined"),
    Row("Bob Hope", "b.ipynb", "audit", "wrong", "another finding.", 0.1, "F1 = 2·IoU/(1 + IoU)"),
    Row("Bob Hope", "p.json", "iou", "tries", "wrong tries", 7.0),
    Row("Bob Hope", "p.json", "read_shape", "reported", "passed 2026"),
    Row("? x.ipynb", "x.ipynb", "", "error", "whose is it?"),
]
TOML = """
title = "Lab"
[points]
default = 2
iou = 5
[credit]
wrong = 0.25
flagged = 0.5
reported = 0.5
[deadlines]
08_evaluation = 2026-11-01T12:00:00
[late]
keeps = 0.8
per_day = 0.1
"""


def of(student, rows=ROWS):
    return [row for row in rows if row.student == student]


@pytest.fixture
def points(tmp_path):
    (tmp_path / "points.toml").write_text(TOML, encoding="utf-8")
    return read_points(tmp_path / "points.toml")


def test_points_follow_the_file(points):
    assert points.most == 2 * (len(CHECKS) - 1) + 5
    earned = {name: worth for name, worth in points_of(of("Ada Lovelace"), points).items() if worth}
    assert earned == {"confusion_matrix": 1, "iou": 5, "audit": 0.5}  # flagged, right, wrong
    earned = {name: worth for name, worth in points_of(of("Bob Hope"), points).items() if worth}
    assert earned == {"audit": 0.5, "read_shape": 1}  # reported only
    assert sum(points_of(of("Ada Lovelace"), read_points()).values()) == 2


HALF_WAY = Row("Cleo", "8.ipynb", "audit", "wrong", "not yet.", share=0.6, facts="3 of 5 facts hold; the next: <i> is one")


@pytest.mark.parametrize(
    ("credit", "rows", "share"),
    [
        ("", [], 0),
        ("wrong = 0.25", [], 0.25),
        ("facts = 0.5", [], 0.3),
        ("facts = 1", [], 0.6),
        ("wrong = 0.25\nfacts = 0.5", [], 0.3),  # whichever is more
        ("wrong = 0.4\nfacts = 0.5", [], 0.4),
        ("facts = 0.5\nflagged = 0", [Row("Cleo", "8.ipynb", "audit", "flag", "looks into frames")], 0),
        ("facts = 0.5\nflagged = 0.5", [Row("Cleo", "8.ipynb", "audit", "flag", "looks into frames")], 0.15),
        ("facts = 0.5", [HALF_WAY._replace(file="9.ipynb", share=0.8), HALF_WAY._replace(share=0.1)], 0.4),  # the best one
        ("facts = 0.5", [HALF_WAY._replace(file="9.ipynb", state="right", share=0)], 1),
    ],
)
def test_a_wrong_answer_gets_points_for_the_facts_that_hold_where_the_file_says_so(tmp_path, credit, rows, share):
    (tmp_path / "points.toml").write_text(f"[points]\naudit = 4\n[credit]\n{credit}\n")
    assert points_of([HALF_WAY, *rows], read_points(tmp_path / "points.toml"))["audit"] == pytest.approx(4 * share)


@pytest.mark.parametrize("state", ["error", "not tried", "missing"])
def test_an_answer_that_stops_or_was_not_tried_gets_nothing_for_facts(tmp_path, state):
    (tmp_path / "points.toml").write_text("[credit]\nfacts = 1\n")
    assert sum(points_of([HALF_WAY._replace(state=state)], read_points(tmp_path / "points.toml")).values()) == 0


def test_the_student_and_the_table_are_told_how_far_a_wrong_answer_came(tmp_path, points):
    (page,) = write_feedback([HALF_WAY], tmp_path / "feedback", points, {})
    assert "3 of 5 facts hold; the next: <i> is one." in Text(page).text
    _, details = write_tables([HALF_WAY], tmp_path / "grades.csv")
    (line,) = csv.DictReader(details.read_text(encoding="utf-8-sig").splitlines())
    assert line["facts"] == HALF_WAY.facts
    assert (line["hint"], line["finding"]) == ("", "not yet.")


@pytest.mark.parametrize("name", ["08_evaluation.ipynb", "mine.ipynb", "07_training.ipynb"])
@pytest.mark.parametrize(("days", "share"), [(-1, 1), (0.5, 0.8), (1, 0.8), (1.5, 0.7), (3, 0.6), (3.1, 0.5), (30, 0)])
def test_what_is_late_loses_what_the_rule_says_whatever_its_file_is_called(tmp_path, points, name, days, share):
    (tmp_path / "Ada").mkdir()
    path = tmp_path / "Ada" / name
    path.write_text("{}")
    when = datetime(2026, 11, 1, 12).astimezone().timestamp() + days * 86400
    os.utime(path, (when, when))
    rows = [Row("Ada", name, "iou", "right"), Row("Ada", "other.ipynb", "audit", "right"), Row("Ada", name, "split", "right")]
    late = late_rows(find_submissions(tmp_path), rows, points)
    assert [row.lesson for row in late] == ["08_evaluation"] * (days > 0)
    earned = points_of([*rows, *late], points)
    assert earned["iou"] == pytest.approx(5 * share)
    assert earned["audit"] == 2  # another file, in time
    assert earned["split"] == 2  # another lesson, without a deadline


def test_what_a_platform_calls_late_is_a_day_late_at_most_and_a_right_answer_in_time_counts_before_a_late_one(points):
    rows = [Row("Ada", "b.ipynb", "iou", "right"), Row("Ada", "b.ipynb", "", "late", "handed in late, says Canvas")]
    assert points_of(rows, points)["iou"] == 4
    assert points_of([Row("Ada", "a.ipynb", "iou", "right"), *rows], points)["iou"] == 5


def test_a_notebook_whose_check_lines_are_gone_is_not_late(tmp_path, points):
    (tmp_path / "Ada").mkdir()
    (tmp_path / "Ada" / "08_evaluation.ipynb").write_text("{}")
    assert not late_rows(find_submissions(tmp_path), [Row("Ada", "08_evaluation.ipynb", "iou", "missing")], points)


def test_only_lessons_that_somebody_handed_in_count_or_those_that_the_file_of_points_names(tmp_path):
    rows = [Row("Ada", "8.ipynb", "iou", "right"), Row("Bob", "b.ipynb", "split", "not tried")]
    rows.append(Row("Bob", "p.json", "unet", "reported"))
    given = read_points()
    counted = counting(given, rows)
    assert counted.lessons == ("01_the_images", "08_evaluation")
    assert counted.most == len(LESSON_NAMES["01_the_images"]) + len(LESSON_NAMES["08_evaluation"])
    assert "lessons 01, 08 count (those that somebody handed in" in what_counts(counted, given)
    assert counting(given, []).most == len(CHECKS)
    (tmp_path / "p.toml").write_text('lessons = ["00", "05_the_whole_u"]\n[credit]\nreported = 1')
    given = read_points(tmp_path / "p.toml")
    assert counting(given._replace(lessons=()), rows).lessons == ("01_the_images", "05_the_whole_u", "08_evaluation")
    counted = counting(given, rows)
    assert counted.lessons == ("00_start_here", "05_the_whole_u")
    assert "as the file of points says" in what_counts(counted, given)
    path, _ = write_tables(rows, tmp_path / "grades.csv", worth=counted)
    table = {line["student"]: line for line in csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines())}
    assert table["Ada"]["of"] == str(len(counted.points))
    assert table["Ada"]["passed"] == "0"
    assert "08_evaluation does not count" in table["Ada"]["remarks"]
    assert table["Bob"]["reported only"] == "1"
    pages = write_feedback(rows, tmp_path / "feedback", counted, {})
    assert f"0 of {counted.most:g} points." in Text(pages[0]).text
    assert "does not count" in Text(pages[0]).text


def test_flagged_answers_that_count_in_full_are_said_and_the_student_hears_why_one_does_not(tmp_path, points):
    path, _ = write_tables(ROWS, tmp_path / "grades.csv", worth=read_points())
    table = {line["student"]: line for line in csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines())}
    assert table["Ada Lovelace"]["remarks"] == "1 flagged answer counts in full"
    assert what_flags_cost(ROWS, read_points()).startswith("1 flagged answer counted in full: look at it")
    assert what_flags_cost(ROWS, points).startswith("1 flagged answer counted 0.5 of")
    assert what_flags_cost(of("Bob Hope"), points) == ""
    (page,) = write_feedback(of("Ada Lovelace"), tmp_path / "a", points, {})
    assert "counts 0.5 of its points for now: your teacher looks at it first" in Text(page).text
    (page,) = write_feedback(of("Ada Lovelace"), tmp_path / "b", read_points(), {})
    assert "looks at it" not in Text(page).text


def test_a_check_that_was_deleted_is_told_to_both(tmp_path):
    gone = 'the line check("iou", …) is gone: put it back as on the course\'s page, and hand in again'
    rows = [Row("Ada", "8.ipynb", "iou", "missing", gone), Row("Ada", "8.ipynb", "audit", "right")]
    path, _ = write_tables(rows, tmp_path / "grades.csv")
    (line,) = csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines())
    assert line["remarks"] == f"8.ipynb: {gone}"
    (page,) = write_feedback(rows, tmp_path / "feedback", read_points(), {})
    assert gone in Text(page).text
    path, _ = write_tables([*rows, Row("Ada", "9.ipynb", "iou", "right")], tmp_path / "grades.csv")
    (line,) = csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines())
    assert line["remarks"] == ""  # it is in another file


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[points]\niuo = 1", "[points] has 'iuo'"),
        ("[pionts]\niou = 1", "there is no table [pionts]"),
        ("[points]\niou = -1", "iou is a number from 0"),
        ("[credit]\nwrong = 2", "wrong is a number from 0 to 1"),
        ("[credit]\nfacts = true", "facts is a number from 0 to 1, not True"),
        ("[credit]\nfact = 0.5", "[credit] has 'fact'; did you mean facts"),
        ("[deadlines]\n08_evaluation = 'soon'", "is a date and time"),
        ("[points", "no TOML"),
        ("points = 3", "points = 3 stands outside of every table"),
        ('[points]\nlessons = ["00"]', "lessons stands above the first line in [brackets]"),
        ("[points]\nkeeps = 1", "it belongs below a line [late]"),
        ("[points]\nnobody = 1", "known are attention_gate"),
        ("[deadlines]\n08 = 2026-12-01", "not 2026-12-01, a day alone"),
        ("[deadlines]\n99 = 2026-12-01T12:00:00", "[deadlines] has '99'; there are 00, 01"),
        ("[deadlines]\n08 = 2026-02-30T12:00:00", "write a day that there is, as 2026-12-01T12:00:00"),
        ("[points]\nunet = 1,5", "Write it with a point: unet = 1.5"),
        ("[late]\nkeeps = 80%", "write a share as a number from 0 to 1, 0.8 for 80 %"),
        ("lessons = []", "lessons is an empty list"),
        ("[deadlines]\n08 = 2026-12-01T12:00:00\n08_evaluation = 2026-12-02T12:00:00", "has both 08 and 08_evaluation"),
        ("points = 3", "Write a line [points], and below it default = 1."),
        ("late = 0.5", "Write a line [late], and below it keeps = 0.5."),
        ("default = true", "Write it below a line [points]."),
        ("[points]\ndefault = true", "[points] default is a number from 0 to 1e+06, not True"),
        ("title = 5", "title is text in quotes"),
        ("[title]\nx = 1", "title is text in quotes"),
        ("[[late]]\nkeeps = 0.5", "stands outside of every table"),
        ("lessons = 8", "lessons is a list of texts"),
        ("lessons = [8]", "lessons is a list of texts"),
        ('lessons = ["8"]', "lessons has '8'; there are 00, 01"),
        ('lessons = [""]', "lessons has ''"),
    ],
)
def test_a_file_of_points_that_is_wrong_is_refused_in_words(tmp_path, text, words):
    (tmp_path / "points.toml").write_text(text)
    with pytest.raises(ValueError, match=re.escape(words)):
        read_points(tmp_path / "points.toml")


def test_a_file_of_points_that_is_not_there_or_not_utf_8_is_refused_in_words(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none.toml: there is no such file. --points wants a TOML file"):
        read_points(tmp_path / "none.toml")
    (tmp_path / "points.toml").write_text('title = "Übung"', encoding="cp1252")
    with pytest.raises(ValueError, match=r"points.toml: not UTF-8 text. Save it as UTF-8"):
        read_points(tmp_path / "points.toml")
    (tmp_path / "points.toml").write_text('title = "Übung"', encoding="utf-8-sig")
    assert read_points(tmp_path / "points.toml").title == "Übung"


def lines_of(path):
    return list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))


def test_gradebooks_as_moodle_and_canvas_import_them(tmp_path, points):
    manual = {"Bob Hope": ("2,5", "oral")}
    moodle = lines_of(write_gradebook(ROWS, tmp_path / "g.csv", "moodle", points, CLASS, manual))
    assert moodle == [
        ["Full name", "ID number", "Email address", "Lab"],
        ["Ada Lovelace", "s1", "ada@uni.edu", "6.5"],
        ["Bob Hope", "s2", "bob@uni.edu", "4"],
    ]
    canvas = lines_of(write_gradebook(ROWS, tmp_path / "g.csv", "canvas", points, CLASS, manual))
    assert canvas[0] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Lab"]
    assert canvas[1] == ["Points Possible", "", "", "", "", f"{points.most:g}"]
    assert canvas[2:] == [["Lovelace, Ada", "", "s1", "ada", "", "6.5"], ["Hope, Bob", "", "s2", "bob", "", "4"]]


def test_what_was_written_by_hand_survives_a_second_run(tmp_path):
    path, _ = write_tables(ROWS, tmp_path / "grades.csv", {row.student: 1.5 for row in ROWS})
    head, *lines = lines_of(path)
    line = next(line for line in lines if line[0] == "Ada Lovelace")
    line[head.index("manual")], line[head.index("comment")] = "-0.5", "late, but fine"
    with open(path, "w", newline="", encoding="utf-8-sig") as stream:
        csv.writer(stream).writerows([head, *lines])
    kept = manual_columns(path)
    write_tables(ROWS, path, {row.student: 2 for row in ROWS}, kept)
    table = {line["student"]: line for line in csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines())}
    columns = ("points", "by checks", "manual")
    assert [table["Ada Lovelace"][column] for column in columns] == ["1.5", "2", "-0.5"]  # added, and the sum is seen
    assert [table["Bob Hope"][column] for column in columns] == ["2", "2", ""]
    assert table["Ada Lovelace"]["comment"] == "late, but fine"
    assert manual_columns(tmp_path / "none.csv") == {}


TABLE = [
    ["student", "points", "manual", "comment", "iou"],
    ["Ada Lovelace", "2", "1,5", "schön; und gut", "1"],
    ["Zoë Müller", "1", "-1", "", ""],
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_was_written_by_hand_is_read_as_spreadsheets_save_it(tmp_path, encoding, delimiter):
    path = tmp_path / "grades.csv"
    with open(path, "w", newline="", encoding=encoding) as stream:
        csv.writer(stream, delimiter=delimiter).writerows(TABLE)
    assert manual_columns(path) == {"Ada Lovelace": ("1,5", "schön; und gut"), "Zoë Müller": ("-1", "")}
    path.write_text("sep=;\n" + "\n".join(";".join(line[:3] + line[4:3:-1] + ["x"]) for line in TABLE[:1]), "utf-8")
    with pytest.raises(ValueError, match="no columns student, manual and comment"):
        manual_columns(path)


@pytest.mark.parametrize("manual", ["see mail", "1.234,5", "nan", "1e3", "01. Mai", "1;", "=1+1"])
def test_what_is_no_number_by_hand_is_refused_with_its_line(tmp_path, manual):
    with open(tmp_path / "grades.csv", "w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([*TABLE, ["Bob", "0", manual, "", ""]])
    with pytest.raises(ValueError, match=re.escape(f"line 4 (Bob): {manual!r} in the column manual is no number")):
        manual_columns(tmp_path / "grades.csv")


@pytest.mark.parametrize(
    ("manual", "added"), [("", 0), ("2", 2), ("1,5", 1.5), ("1.5", 1.5), ("-0,5", -0.5), ("−1", -1), (".5", 0.5)]
)
def test_a_number_by_hand_may_be_written_as_one_writes_numbers(tmp_path, manual, added):
    with open(tmp_path / "grades.csv", "w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([*TABLE, ["Bob", "0", manual, "", ""]])
    assert as_number(manual_columns(tmp_path / "grades.csv")["Bob"][0]) == added


def test_nothing_that_was_written_by_hand_is_lost_by_a_second_run(tmp_path):
    path = tmp_path / "grades.csv"
    with open(path, "w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([*TABLE, ["Gone", "", "2", "in hospital", ""], ["'=Eve", "", "", "'- late", ""]])
    manual = manual_columns(path)
    rows = [Row(name, "8.ipynb", "iou", "right") for name in ("Ada  Lovelace", "=Eve")]
    entries, left = belonging_to(rows, manual)
    assert entries["Ada  Lovelace"] == ("1,5", "schön; und gut")  # two blanks, which the table shows as one
    assert [row.student for row in left] == ["Zoë Müller", "Gone"]
    write_tables(rows + left, path, {row.student: 0 for row in rows + left}, entries)
    assert manual_columns(path) == manual
    assert manual["=Eve"] == ("", "- late")
    table = {line["student"]: line for line in csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines())}
    assert "what was written by hand is kept" in table["Gone"]["remarks"]
    with open(path, "a", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerow(["Gone", "", "3", "", ""])
    with pytest.raises(ValueError, match="twice"):
        manual_columns(path)


@pytest.mark.parametrize(
    ("text", "encoding", "words"),
    [
        ("student,manual,comment,manual\nAda Lovelace,1,,2\n", "utf-8", "two columns are called manual"),
        (
            "student;manual;comment\nJos\u00e9 Nu?ez;1,5;\n",
            "cp1252",
            "line 2 (Jos\u00e9 Nu?ez): no such student; letters were lost",
        ),
        ("student;manual;comment\n\u00a3ukasz;1,5;\n", "cp1252", "save it as CSV UTF-8"),
    ],
)
def test_a_mark_by_hand_that_may_be_another_s_ends_the_run(tmp_path, text, encoding, words):
    (tmp_path / "g.csv").write_text(text, encoding=encoding)
    with pytest.raises(ValueError, match=re.escape(words)):
        manual_columns(tmp_path / "g.csv", {"Ada Lovelace", "José Núñez", "Łukasz"})


def test_a_name_that_is_read_right_or_left_the_class_is_no_loss(tmp_path):
    (tmp_path / "g.csv").write_text("student;manual;comment\nZo\u00eb;+ 1;\nGone;2;moved\n", encoding="cp1252")
    assert manual_columns(tmp_path / "g.csv", {"Zoë"}) == {"Zoë": ("+ 1", ""), "Gone": ("2", "moved")}
    assert as_number("+ 1") == 1


def test_a_name_with_two_commas_stays_in_canvas_s_table(tmp_path, points):
    rows = [Row("Smith, John, Jr.", "8.ipynb", "iou", "right")]
    text = write_gradebook(rows, tmp_path / "g.csv", "canvas", points, None, {}).read_text(encoding="utf-8-sig")
    assert '"Smith, John, Jr.",' in text


def test_the_command_overwrites_nothing_where_it_cannot_read_what_was_written_by_hand(tmp_path):
    export_progress(tmp_path / "class_p.json", "Ada", {})
    before = "student;points;manual;comment\r\nAda;0;see mail;\r\n".encode("cp1252")
    (tmp_path / "grades.csv").write_bytes(before)
    line = [sys.executable, str(ROOT / "scripts" / "grade.py"), "."]
    env = os.environ | {"UNET_LAB_CALLED_FROM": str(tmp_path)}
    done = subprocess.run(line, env=env, capture_output=True, text=True)
    assert done.returncode == 1
    assert "grades.csv, line 2 (Ada): 'see mail' in the column manual is no number" in done.stderr
    assert (tmp_path / "grades.csv").read_bytes() == before
    assert not (tmp_path / "grades-rows.jsonl").exists()


class Text(HTMLParser):
    """The text of a page; fails on tags that are not closed in order."""

    def __init__(self, path):
        super().__init__()
        self.text, self.open = "", []
        self.feed(path.read_text(encoding="utf-8"))
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += f" {data}"


def test_a_student_s_page_says_what_was_found_and_the_hint(tmp_path, points):
    pages = write_feedback(ROWS, tmp_path / "feedback", points, {"Ada Lovelace": ("1", "Come and see me.")})
    assert [page.name for page in pages] == ["Ada_Lovelace.html", "Bob_Hope.html"]
    ada, bob = (Text(page).text for page in pages)
    for words in (
        "7.5 of 91 points: 6.5 by the checks, and 1 added by hand.",
        "Come and see me.",
        "f1 is <b>another</b> number.",
        "Hint: F1 = 2·IoU/(1 + IoU)",
        "not passed",
    ):
        assert words in ada
    assert "exchanged" not in ada  # what was flagged is between you and the student
    assert "broke off" in bob
    assert "Ada" not in bob


def test_pages_of_students_with_the_same_letters_do_not_overwrite_each_other(tmp_path, points):
    rows = [Row(name, "x", "iou", "right") for name in ("A/B", "A B", "a b", "..", "...")]
    assert len(set(write_feedback(rows, tmp_path / "f", points, {}))) == len(list((tmp_path / "f").iterdir())) == 5


def test_the_page_of_the_class_says_what_goes_wrong_and_who_is_stuck(tmp_path):
    text = Text(write_overview(ROWS, tmp_path / "overview.html")).text
    assert "2 students" in text
    assert "1 of 2 (1 flagged)" in text  # confusion_matrix: Bob has handed in the page too
    assert "1 not tried" in text
    assert "0 of 2" in text  # audit
    assert "2 x f1 is <b>another</b> number. Hint: F1 = 2·IoU/(1 + IoU)" in text
    assert "7 wrong (median of 1)" in text
    assert "no proof" in text
    assert "Ada Lovelace, Bob Hope" in text  # stuck at audit


def test_the_share_of_the_class_counts_who_did_not_try_and_whose_check_is_gone(tmp_path):
    states = {"Ada": "right", "Bob": "not tried", "Cleo": "missing", "Dan": "wrong", "Eve": "error"}
    rows = [Row(student, "8.ipynb", "iou", state, "found") for student, state in states.items()]
    rows += [Row("Fay", "1.ipynb", "split", "right"), Row("Gil", "", "", "error", "handed in nothing")]
    text = " ".join(Text(write_overview(rows, tmp_path / "overview.html")).text.split())
    assert "iou 1 of 5 20 % 1 not tried, 1 check line gone 2 x found Dan, Eve" in text
    assert "split 1 of 1 100 %" in text
    assert "of the students who handed in a notebook of that lesson" in text


@pytest.mark.parametrize(
    ("finding", "words"),
    [
        ("handed in nothing", "Nothing of yours has arrived."),
        ("an empty folder; not on the roster", "A folder of yours has arrived, with nothing in it. Hand in the notebook itself"),
        ("nothing that can be marked: a.pdf", "Of what you handed in nothing is a notebook (a.pdf)."),
        ("no notebook: Notebook does not appear to be JSON: 'x", "x.ipynb could not be read as a notebook: it is damaged"),
        ("not UTF-8 text (invalid start byte at byte 0): damaged, or another kind of file", "Open it in JupyterLab, save it"),
        ("60 MB, and at most 50 are read; clear its outputs", "Clear its outputs"),
        ("none of the course's notebooks: no check in it, and another name", "In x.ipynb there is no check(…) of any exercise."),
        ("its process ended by itself, with status 7, before the last cell", "Restart Kernel and Run All Cells"),
        ("a zip that opens into 9 GB", "x.ipynb could not be marked: a zip that opens into 9 GB. Hand in the notebook itself"),
    ],
)
def test_a_file_that_could_not_be_marked_is_explained_to_the_student(tmp_path, finding, words):
    (page,) = write_feedback([Row("Ada", "x.ipynb", "", "error", finding)], tmp_path / "feedback", read_points(), {})
    assert words in Text(page).text
    assert "JSON" not in Text(page).text


def test_a_page_explains_its_marks_and_what_being_late_cost(tmp_path, points):
    rows = [Row("Ada", "8.ipynb", "iou", "right"), Row("Ada", "8.ipynb", "audit", "not tried")]
    rows.append(Row("Ada", "8.ipynb", "", "late", "changed", 1.5 * 86400, lesson="08_evaluation"))
    (page,) = write_feedback(rows, tmp_path / "feedback", points, {})
    text = " ".join(Text(page).text.split())
    assert "3.5 of 5 36 hours late: counts 70 %" in text
    assert "passed gives all; not passed gives 25 %; broke off, not tried or not in the notebook give nothing." in text


def test_canvas_s_own_number_is_in_its_table_and_what_is_guessed_or_missing_is_said(tmp_path, points):
    (tmp_path / "hopebob_124_45679_08_evaluation.ipynb").write_text("{}")
    (submission,) = find_submissions(tmp_path, Roster(CLASS.students[1:]))
    ids = {submission.student: submission.canvas}
    assert ids == {"Bob Hope": "124"}
    rows = [*ROWS, Row("Cleo", "c.ipynb", "iou", "right")]
    canvas = lines_of(write_gradebook(rows, tmp_path / "g.csv", "canvas", points, CLASS, {}, ids))
    assert ["Hope, Bob", "124", "s2", "bob", "", "1.5"] in canvas
    login = "SIS Login ID is what stands before the @ of the e-mail address: compare one line with your gradebook's."
    without, guessed = gradebook_doubts(rows, "canvas", CLASS, ids)
    assert without.startswith("No id in the canvas table: Cleo. ")
    assert guessed == login
    assert [words[:33] for words in gradebook_doubts(rows, "moodle", CLASS)] == ["No id in the moodle table: Cleo. "]
    assert not gradebook_doubts(ROWS, "moodle", CLASS)
    assert "give a --roster" in gradebook_doubts(ROWS, "moodle", None)[0]


def test_a_roster_that_is_not_there_is_refused_in_words(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none.csv: there is no such file. --roster wants a CSV file"):
        read_roster(tmp_path / "none.csv")


def test_cells_with_the_same_id_are_read_without_a_word(tmp_path, recwarn):
    cell = {"cell_type": "code", "id": "same", "source": "x = 1", "metadata": {}, "outputs": [], "execution_count": None}
    content = {"cells": [cell] * 5, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "a.ipynb").write_text(json.dumps(content))
    assert read_cells(tmp_path / "a.ipynb") == ["x = 1"] * 5
    assert not [w for w in recwarn if "DuplicateCellId" in w.category.__name__]


def test_the_command_writes_all_of_it(tmp_path):
    for name in ("Ada", "Bob"):
        (tmp_path / "class" / name).mkdir(parents=True)
        progress = {"iou": {"tries": 3, "passed": "2026-11-25T10:00:00+00:00"}}
        export_progress(tmp_path / "class" / name / "p.json", name, progress)
    (tmp_path / "roster.csv").write_text("id,name\n1,Ada\n2,Bob\n3,Cleo\n")
    (tmp_path / "points.toml").write_text("[credit]\nreported = 1\n")
    line = [sys.executable, str(ROOT / "scripts" / "grade.py"), "class", "--roster", "roster.csv", "--points", "points.toml"]
    env = os.environ | {"UNET_LAB_CALLED_FROM": str(tmp_path)}
    done = subprocess.run([*line, "--format", "moodle", "--feedback"], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "3 students; answers: 2 reported." in done.stdout
    assert {p.name for p in (tmp_path / "grades-feedback").iterdir()} == {"Ada.html", "Bob.html", "Cleo.html"}
    assert lines_of(tmp_path / "grades-moodle.csv")[1:] == [["Ada", "1", "", "1"], ["Bob", "2", "", "1"], ["Cleo", "3", "", "0"]]
    assert "Nothing of yours has arrived. If you did" in Text(tmp_path / "grades-feedback" / "Cleo.html").text
    assert "3 wrong (median of 2)" in Text(tmp_path / "grades-overview.html").text
    assert all(json.loads(line) for line in (tmp_path / "grades-rows.jsonl").read_text().splitlines())


# -- answers that are alike ----------------------------------------------------------------------------------------------

ONE = """
def my_confusion(truth, prediction, num_classes):
    table = np.zeros((num_classes, num_classes), int)
    for t, p in zip(truth.ravel(), prediction.ravel()):
        table[t, p] += 1
    return table
"""
RENAMED = '''
def my_confusion(wahr, vorhergesagt, klassen):
    """Counts pairs."""
    # my own work
    m = np.zeros((klassen, klassen), int)
    for a, b in zip(wahr.ravel(),
                    vorhergesagt.ravel()):
        m[a, b] += 1
    return m
'''
OTHER = """
def my_confusion(truth, prediction, num_classes):
    pairs = truth.astype(int) * num_classes + prediction
    return np.bincount(pairs.ravel(), minlength=num_classes**2).reshape(num_classes, num_classes)
"""


def test_a_copy_with_other_names_and_comments_is_found_and_another_way_is_not():
    answers = [("ada", "confusion_matrix", ONE), ("bob", "confusion_matrix", RENAMED), ("cleo", "confusion_matrix", OTHER)]
    (pair,) = similar_pairs([*answers, ("dan", "iou", ONE), ("bob", "confusion_matrix", OTHER + "\nx = 1")])[:1]
    assert (pair.exercise, pair.first, pair.second, pair.share) == ("confusion_matrix", "ada", "bob", 1.0)
    assert pair.as_written < 0.8
    assert pair.tokens == len(tokens_of(ONE))
    assert not similar_pairs([answers[0], answers[2]])
    assert not similar_pairs([("ada", "x", "a = 1"), ("bob", "x", "b = 1")])  # too short to say anything
    everybody = [(f"s{k}", "confusion_matrix", ONE) for k in range(5)]
    assert {pair.others for pair in similar_pairs(everybody)} == {3}


def test_the_share_of_equal_tokens_is_that_of_difflib_and_its_bound_never_hides_a_pair():
    one, two = tokens_of(ONE), tokens_of(ONE.replace("+= 1", "+= 2"))
    assert share_of_equal(one, two) == pytest.approx(1 - 1 / len(one))
    assert share_of_equal(one, two, 0.9) == share_of_equal(one, two)
    assert share_of_equal(one, tokens_of(OTHER), 0.9) == 0
