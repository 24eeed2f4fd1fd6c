"""Progress: what is kept, what it says, what is handed in."""

import hashlib
import json
import os
import runpy
import subprocess
import sys
from contextlib import suppress

import platformdirs
import pytest
from filelock import FileLock

from tests.conftest import ROOT
from unet_lab.course import CHECKS, LESSON_NAMES, check, progress, show_progress
from unet_lab.course.progress import (
    WHERE,
    export_progress,
    load_progress,
    progress_file,
    progress_table,
    read_export,
    record,
    signature,
)

SHAPE = {"images": 2, "classes": 3, "height": 64, "width": 96}


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / "progress.json"
    monkeypatch.setenv(WHERE, str(path))
    return path


def test_checks_are_noted_tries_and_first_pass(file, capsys):
    check("read_shape", None)
    assert not file.exists()  # not tried is not a try
    check("read_shape", SHAPE | {"images": 3})
    check("read_shape", SHAPE | {"images": 4})
    assert load_progress() == {"read_shape": {"tries": 2, "passed": None}}
    check("read_shape", SHAPE)
    passed = load_progress()["read_shape"]["passed"]
    assert passed.endswith("+00:00")
    check("read_shape", SHAPE | {"images": 5})  # what is passed stays passed; later tries count all the same
    check("read_shape", SHAPE)
    assert load_progress()["read_shape"] == {"tries": 3, "passed": passed}
    assert "Traceback" not in capsys.readouterr().out


def test_a_file_that_cannot_be_used_is_left_alone_and_the_check_goes_on(file, capsys):
    for content in (b"{", b"[]", b"\xff\xfe", b'{"format": 9}', b'{"format": 1, "exercises": {"iou": 3}}', b"[" * 100_000):
        file.write_bytes(content)
        assert check("read_shape", SHAPE)
        assert file.read_bytes() == content
        with pytest.raises(ValueError, match=r"progress\.json"):
            load_progress()
    assert "✓ read_shape: right." in capsys.readouterr().out


def test_a_folder_that_may_not_be_written_to_is_no_error(tmp_path, monkeypatch, capsys):
    (tmp_path / "nowhere").touch()  # a file, where a folder should be
    monkeypatch.setenv(WHERE, str(tmp_path / "nowhere" / "progress.json"))
    monkeypatch.setattr(progress, "told", set())
    record("iou", True)
    record("iou", True)
    assert capsys.readouterr().out.count("Your progress is not kept") == 1  # said once
    assert load_progress() == {}


def test_two_notebooks_that_write_at_once_lose_nothing(file):
    script = "from unet_lab.course.progress import record\nfor k in range(20): record(f'task {k} {NAME}', True)"
    both = [subprocess.Popen([sys.executable, "-c", f"NAME = {n}\n{script}"], cwd=ROOT, env=os.environ.copy()) for n in (1, 2)]
    assert [process.wait(timeout=300) for process in both] == [0, 0]
    assert len(load_progress()) == 40


@pytest.mark.parametrize("patience", [5, 0])
def test_several_kernels_lose_nothing_however_long_they_wait_for_each_other(file, patience):
    """With no patience at all, most tries find the file locked: they are noted with the next, or when the kernel ends."""
    script = f"from unet_lab.course import progress\nprogress.PATIENCE = {patience}\n"
    script += "for k in range(10): progress.record(f'task {k % 3} of {NAME}', k > 6)"
    kernels = [
        subprocess.Popen([sys.executable, "-c", f"NAME = {n}\n{script}"], cwd=ROOT, env=os.environ.copy()) for n in range(4)
    ]
    assert [process.wait() for process in kernels] == [0] * 4
    found = load_progress()
    assert len(found) == 12
    assert sum(entry["tries"] for entry in found.values()) == 4 * 7
    assert all(entry["passed"] for entry in found.values())


def test_a_try_waits_while_another_notebook_writes(file, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 0)
    with FileLock(f"{file}.lock", is_singleton=False):
        record("iou", False)
        assert not file.exists()
    record("audit", True)
    assert load_progress()["iou"] == {"tries": 1, "passed": None}
    assert load_progress()["audit"]["passed"]
    assert not progress.waiting


def test_nothing_is_kept_in_a_solution_or_where_it_is_switched_off(file, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/ada/course/notebooks/solutions/07_training.ipynb")
    assert progress_file() is None
    record("iou", True)
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/ada/course/notebooks/07_training.ipynb")
    assert progress_file() == file
    monkeypatch.setenv(WHERE, "off")
    assert progress_file() is None
    assert load_progress() == {}


def test_the_usual_place_is_beside_lab_py(monkeypatch):
    monkeypatch.delenv(WHERE)
    assert progress_file() == ROOT / "progress.json"
    monkeypatch.setattr("unet_lab.course.progress.may_write", lambda folder: False)  # a course that is shared by many
    assert progress_file() == platformdirs.user_data_path("unet-lab", appauthor=False) / "progress.json"


def test_an_exported_file_is_read_back_and_any_change_is_seen(file, tmp_path):
    record("iou", False)
    record("iou", True)
    record("audit", False)
    written = export_progress(tmp_path / "ada.json", "  Ada   Lovelace ")
    content = read_export(tmp_path / "ada.json")
    assert content == written
    assert content["student"] == "Ada Lovelace"
    assert set(content["exercises"]) == {"iou", "audit"}
    rest = {k: v for k, v in content.items() if k != "sha256"}
    canonical = json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()
    assert content["sha256"] == signature(content) == hashlib.sha256(canonical).hexdigest()
    text = (tmp_path / "ada.json").read_text(encoding="utf-8")
    assert len(text) < 2000
    for old, new in (("Ada", "Bob"), ('"tries": 1', '"tries": 0'), ('"passed": null', '"passed": "2026-01-01"')):
        (tmp_path / "changed.json").write_text(text.replace(old, new, 1), encoding="utf-8")
        with pytest.raises(ValueError, match=r"changed\.json: its check sum does not fit"):
            read_export(tmp_path / "changed.json")


def test_an_export_needs_a_name_and_overwrites_nothing(file, tmp_path):
    with pytest.raises(ValueError, match="whose progress"):
        export_progress(tmp_path / "a.json", "  ")
    (tmp_path / "mine.json").write_text("precious")
    with pytest.raises(FileExistsError, match=r"mine\.json is there already"):
        export_progress(tmp_path / "mine.json", "Ada")
    assert (tmp_path / "mine.json").read_text() == "precious"
    (tmp_path / "large.json").write_text(" " * 2_000_000)
    with pytest.raises(ValueError, match=r"large\.json has 2 MB"):
        read_export(tmp_path / "large.json")
    (tmp_path / "kept.json").write_text(json.dumps({"format": 1, "exercises": {}}))
    with pytest.raises(ValueError, match="no exported progress"):
        read_export(tmp_path / "kept.json")


def test_the_table_and_the_panel_say_the_same(file):
    for name in ("encode_mask", "encode_mask", "split"):
        record(name, False)
    record("split", True)
    table = progress_table(LESSON_NAMES, load_progress())
    line = next(line for line in table.splitlines() if line.startswith("01_the_images"))
    assert "✗ encode_mask (wrong 2 times)" in line
    assert "✓ split" in line
    assert f"1 of {len(CHECKS)} exercises passed." in table
    panel = show_progress()
    panel.set(notebook="01_the_images")
    assert f"1 of {len(CHECKS)} exercises passed. In 01_the_images:" in panel.words
    assert "encode_mask: tried, wrong 2 times so far" in panel.words
    assert "split: passed on 20" in panel.words
    before = panel.png
    record("encode_mask", True)
    panel.set()
    assert "encode_mask: passed on" in panel.words
    assert panel.png != before


def test_the_command_prints_and_exports(file, tmp_path, monkeypatch, capsys):
    record("iou", True)
    script = str(ROOT / "scripts" / "show_progress.py")
    env = os.environ | {WHERE: str(file)}
    out = subprocess.run([sys.executable, script], env=env, capture_output=True, text=True, check=True).stdout
    assert f"1 of {len(CHECKS)} exercises passed." in out
    assert str(file) in out
    monkeypatch.setenv("UNET_LAB_CALLED_FROM", str(tmp_path))
    monkeypatch.setattr(sys, "argv", [script, "--export", "ada.json", "--name", "Ada"])
    with suppress(SystemExit):
        runpy.run_path(script, run_name="__main__")
    assert read_export(tmp_path / "ada.json")["student"] == "Ada"
    monkeypatch.setattr(sys, "argv", [script, "--export", "b.json"])
    with pytest.raises(SystemExit) as refused:
        runpy.run_path(script, run_name="__main__")
    assert f"{refused.value} {capsys.readouterr().err}".find("lab.py progress: whose progress?") >= 0


def test_lab_py_switches_it_off_for_tests_and_runs_only():
    source = runpy.run_path(str(ROOT / "lab.py"), run_name="lab")
    assert {"progress", "grade"} <= set(source["COMMANDS"])
    assert progress.FORMAT == 1
