"""Shares that know no modes and no fsync, read-only courses, letters in names, a system that knows ASCII alone."""

import errno
import json
import os
import subprocess
import sys
import unicodedata

import numpy as np
import pytest

from tests.conftest import ROOT
from unet_lab import files
from unet_lab.course import progress
from unet_lab.course.grading.journal import Journal
from unet_lab.course.grading.marking import Row
from unet_lab.course.grading.submissions import Submission
from unet_lab.datasets import load_folder
from unet_lab.datasets.image_writing import write_image
from unet_lab.files import previous_of, write_whole

ASCII = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}  # Python then has no letter but ASCII's


@pytest.fixture
def share(monkeypatch):
    """os.chmod and os.fsync as on a share of another system; its folders cannot be opened; it says that it has 0 of 0 bytes."""

    def refused(*_, **__):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    def unknown(handle):
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "chmod", refused)
    monkeypatch.setattr(os, "fsync", unknown)
    monkeypatch.setattr(files.shutil, "disk_usage", lambda folder: type("Usage", (), {"total": 0, "free": 0}))


def test_a_share_that_knows_no_modes_and_no_fsync_is_written_to(share, tmp_path):
    for content in (b"first", b"second"):
        write_whole(tmp_path / "run.pt", content, keep_previous=True)
    assert (tmp_path / "run.pt").read_bytes() == b"second"
    assert previous_of(tmp_path / "run.pt").read_bytes() == b"first"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_journal_is_kept_on_such_a_share(share, tmp_path):
    (tmp_path / "a.ipynb").write_text("{}")
    submission = Submission("ada", tmp_path / "a.ipynb", "notebook")
    journal = Journal(tmp_path / "rows.jsonl")
    journal.add(submission, [Row("ada", "a.ipynb", "iou", "right", "")])
    assert Journal(tmp_path / "rows.jsonl", resume=True).rows_of(submission)[0].state == "right"


def test_a_disk_that_fails_is_no_such_share(tmp_path, monkeypatch):
    write_whole(tmp_path / "run.pt", b"first")

    def broken(handle):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match=r"run\.pt: not written \(Input/output error\)"):
        write_whole(tmp_path / "run.pt", b"second")
    assert (tmp_path / "run.pt").read_bytes() == b"first"


def test_a_full_disk_is_still_said(tmp_path, monkeypatch):
    monkeypatch.setattr(files.shutil, "disk_usage", lambda folder: type("Usage", (), {"total": 100, "free": 1}))
    with pytest.raises(OSError, match="the disk is full"):
        write_whole(tmp_path / "run.pt", b"first")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows keeps no folder from its owner in this way")
def test_progress_in_a_course_that_may_not_be_written_to_is_kept_at_home(tmp_path, monkeypatch):
    course, home = tmp_path / "course", tmp_path / "mein Übungs heim"
    for folder in (course, home):
        folder.mkdir()
    (course / "lab.py").touch()
    monkeypatch.delenv(progress.WHERE, raising=False)
    monkeypatch.setattr(progress, "COURSE", course)
    monkeypatch.setattr(progress, "user_data_path", lambda *_, **__: home / "unet-lab")
    assert progress.progress_file().parent == course
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o755)
    home.chmod(0o777)
    course.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        progress.record("iou", right=True)
        assert progress.load_progress()["iou"]["passed"]
        assert (home / "unet-lab" / "progress.json").is_file()
    finally:
        if root:
            os.seteuid(0)
        course.chmod(0o755)
    assert [path.name for path in course.iterdir()] == ["lab.py"]


def test_names_taken_apart_as_macos_stores_them_find_their_masks(tmp_path):
    rng = np.random.default_rng(0)
    for form, kind in (("NFD", "images"), ("NFC", "masks")):
        folder = tmp_path / unicodedata.normalize(form, "Übung") / kind
        folder.mkdir(parents=True)
        for n in range(3):
            write_image(folder / unicodedata.normalize(form, f"Zähler_é{n}.png"), rng.integers(0, 2, (8, 8), np.uint8))
    apart, composed = (tmp_path / unicodedata.normalize(form, "Übung") for form in ("NFD", "NFC"))
    if apart.exists() and composed.exists() and apart.samefile(composed):
        pytest.skip("this disk takes both forms for one name")
    assert len(load_folder(apart / "images", composed / "masks", codes=(0, 1))) == 3


WORK = """
import json, os, sys
from pathlib import Path

folder = Path(sys.argv[1])
os.environ["UNET_LAB_PROGRESS"] = str(folder / "progress.json")
from unet_lab.course.progress import export_progress, load_progress, read_export, record
from unet_lab.datasets import SegmentationDataset
from unet_lab.training import train
from unet_lab.unet import UNet
from unet_lab.weights import load_weights, save_weights

record("iou", True)
export_progress(folder / "ada.json", "\\u00c4nne M\\u00fcller")
model = UNet(base_channels=2, depth=1)
list(train(model, SegmentationDataset.generated(2, size=32), epochs=1, checkpoint=folder / "run.pt", device="cpu"))
save_weights(model, folder / "w.safetensors")
load_weights(folder / "w.safetensors")
try:
    export_progress(folder / "\\u00c4nne.json", "Anne")
    said = ""
except OSError as error:
    said = str(error)
student = read_export(folder / "ada.json")["student"]
print(json.dumps([sys.getfilesystemencoding(), bool(load_progress()["iou"]["passed"]), student, said]))
"""


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="there file names are Unicode, whatever the settings")
def test_a_system_that_knows_ascii_alone_and_a_home_with_a_space_and_an_umlaut(tmp_path):
    home = tmp_path / "mein Übungs heim"
    home.mkdir()
    environment = os.environ | ASCII | {"PYTHONPATH": str(ROOT), "HOME": str(home), "TQDM_DISABLE": "1"}
    line = [sys.executable, "-c", WORK, str(home)]
    done = subprocess.run(line, env=environment, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr
    encoding, passed, student, said = json.loads(done.stdout)
    assert (encoding, passed, student) == ("ascii", True, "Änne Müller")
    assert "have no such letters. Set PYTHONUTF8=1" in said
    (home / "ada.json").unlink()
    done = subprocess.run(line, env=environment | {"PYTHONUTF8": "1"}, capture_output=True, timeout=300)  # as the words advise
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[3] == ""


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="there file names are Unicode, whatever the settings")
def test_lab_py_says_its_help_and_gives_its_programs_all_letters_on_such_a_system(tmp_path):
    environment = os.environ | ASCII
    done = subprocess.run([sys.executable, str(ROOT / "lab.py"), "--help"], env=environment, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    probe = (
        "import importlib.util as u, sys; s = u.spec_from_file_location('lab', sys.argv[1]); m = u.module_from_spec(s); "
        "s.loader.exec_module(m); m.HERE = sys.argv[2]; "
        "sys.exit(m.call([sys.executable, '-c', 'print(chr(0x2713))']))"
    )
    line = [sys.executable, "-c", probe, str(ROOT / "lab.py"), str(tmp_path)]
    done = subprocess.run(line, env=environment, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout.decode("utf-8").strip()) == (0, "\N{CHECK MARK}"), done.stderr
