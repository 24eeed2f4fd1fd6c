"""What the course does on Windows, as far as it can be seen here: with what Windows lacks taken away from Python."""

import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import pytest
import torch

from tests.conftest import ROOT, SOLUTIONS, needs_solutions
from tests.robustness.elsewhere import windows
from unet_lab import files
from unet_lab.course import check, limits, progress
from unet_lab.course.grading import Limits, find_submissions, grade
from unet_lab.datasets import SegmentationDataset
from unet_lab.datasets.generator import cells as generator
from unet_lab.files import InUse, previous_of, write_whole
from unet_lab.inference.out_of_memory import OutOfMemory, explaining_memory
from unet_lab.training import train
from unet_lab.training.distributed import on_this_machine
from unet_lab.unet import UNet

HERE = Path(__file__).parent

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="takes away what Linux has")


@pytest.fixture
def pretended(monkeypatch, tmp_path):  # pytest makes tmp_path with what is taken away then
    """This process as on Windows; the signal handler is put back, whatever a test does."""
    before = signal.getsignal(signal.SIGINT)
    windows.pretend(monkeypatch.setattr, monkeypatch.delattr)
    yield
    signal.signal(signal.SIGINT, before)


def test_what_windows_lacks_is_gone_and_comes_back(monkeypatch):
    with monkeypatch.context() as patch:
        windows.pretend(patch.setattr, patch.delattr)
        assert not hasattr(os, "fork")
        assert not hasattr(signal, "SIGKILL")
        with pytest.raises(ModuleNotFoundError):
            import resource
        with pytest.raises(PermissionError):
            os.open("/", os.O_RDONLY)
    import resource  # noqa: F401

    assert hasattr(os, "fork")


def test_a_file_is_replaced_as_soon_as_the_scanner_lets_go_of_it(pretended, tmp_path, monkeypatch):
    target = tmp_path / "run.pt"
    write_whole(target, b"first")
    scanner, waits = open(target, "rb"), []  # noqa: SIM115

    def wait(seconds):
        waits.append(seconds)
        if len(waits) == 3:
            scanner.close()

    monkeypatch.setattr(files.time, "sleep", wait)
    write_whole(target, b"second", keep_previous=True)
    assert len(waits) == 3
    assert target.read_bytes() == b"second"
    assert previous_of(target).read_bytes() == b"first"


def test_a_file_that_stays_open_is_named_and_the_older_one_kept(pretended, tmp_path, monkeypatch):
    target, waits = tmp_path / "run.pt", []
    write_whole(target, b"first")
    monkeypatch.setattr(files.time, "sleep", waits.append)
    with open(target, "rb"), pytest.raises(InUse, match=r"run\.pt: not written, the file is open in another program.* Close it"):
        write_whole(target, b"second")
    assert sum(waits) == pytest.approx(1, abs=0.1)
    assert target.read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["run.pt"]
    write_whole(target, b"second")  # what the words advise
    assert target.read_bytes() == b"second"


def test_elsewhere_than_on_windows_nobody_waits(tmp_path, monkeypatch):
    tried = []

    def refuse(source, target):
        tried.append(target)
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(InUse):
        write_whole(tmp_path / "a", b"x")
    assert len(tried) == 1


def test_progress_is_kept_in_a_course_that_may_be_written_to_and_else_at_home(pretended, tmp_path, monkeypatch):
    course, home = tmp_path / "course", tmp_path / "home"
    for folder in (course, home):
        folder.mkdir()
    (course / "lab.py").touch()
    monkeypatch.delenv(progress.WHERE, raising=False)
    monkeypatch.setattr(progress, "COURSE", course)
    monkeypatch.setattr(progress, "user_data_path", lambda *_, **__: home / "unet-lab")
    progress.record("iou", right=False)
    progress.record("iou", right=True)
    assert progress.load_progress()["iou"]["tries"] == 1
    assert (course / "progress.json").is_file()

    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files.tempfile, "TemporaryFile", refuse)  # os.access says "yes" all the same
    assert os.access(course, os.W_OK)
    assert progress.progress_file() == home / "unet-lab" / "progress.json"


def test_a_run_is_stored_and_taken_up_again(pretended, tmp_path):
    cells, settings = SegmentationDataset.generated(4, size=32), {"batch_size": 2, "device": "cpu", "precision": "float32"}
    torch.manual_seed(0)
    straight = [r.loss for r in train(UNet(base_channels=2, depth=1), cells, epochs=2, **settings)]
    torch.manual_seed(0)
    run = train(UNet(base_channels=2, depth=1), cells, epochs=2, checkpoint=tmp_path / "run.pt", **settings)
    first = next(run)
    run.close()
    again = train(UNet(base_channels=2, depth=1), cells, epochs=2, checkpoint=tmp_path / "run.pt", **settings)
    assert [first.loss, *[r.loss for r in again][1:]] == straight


def swallow():
    while True:
        try:
            while True:
                pass
        except:  # noqa: E722
            pass


def nap():
    while True:
        time.sleep(0.01)


@pytest.mark.parametrize("misdeed", [swallow, nap, lambda: [n for n in iter(int, 1)]], ids=["bare except", "sleeps", "a loop"])
def test_a_check_stops_an_answer_without_pthread_kill(pretended, misdeed, monkeypatch, capsys):
    monkeypatch.setattr(limits, "SECONDS", 0.3)
    before = signal.getsignal(signal.SIGINT)
    assert not check("iou", lambda matrix: misdeed())
    assert "it was stopped after 0.3 seconds" in capsys.readouterr().out
    assert signal.getsignal(signal.SIGINT) is before


def test_the_stop_button_works_during_a_check(pretended):
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def answer():
        signal.raise_signal(signal.SIGINT)  # as Jupyter's button does
        while True:
            pass

    with pytest.raises(KeyboardInterrupt):
        limits.within(60, answer)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_no_alarm_comes_after_a_quick_answer(pretended):
    interrupted = []
    signal.signal(signal.SIGINT, lambda number, frame: interrupted.append(frame))
    for _ in range(50):  # the limit may fall just at the end
        with contextlib.suppress(limits.TooLong):
            limits.within(0.001, lambda: time.sleep(0.001))
    time.sleep(0.05)
    assert interrupted == []
    assert threading.active_count() < 50


@pytest.mark.parametrize(
    "words",
    [
        "[enforce fail at alloc_cpu.cpp:117] data. DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes.",
        "MPS backend out of memory (MPS allocated: 18.13 GB, max allowed: 18.13 GB). Tried to allocate 64 bytes on private pool.",
    ],
    ids=["Windows", "MPS"],
)
def test_memory_that_runs_out_elsewhere_is_said_as_here(words, capsys):
    def answer(matrix):
        raise RuntimeError(words)

    assert not check("iou", answer)
    assert "it needs more memory than there is" in capsys.readouterr().out
    with pytest.raises(OutOfMemory, match="Way out: a smaller one"), explaining_memory("trying", "a smaller one"):
        answer(None)


def test_lab_py_waits_for_the_scanner_too(pretended, tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("lab_under_test", ROOT / "lab.py")
    lab = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(lab)
    monkeypatch.setattr(lab, "WINDOWS", True)
    lab.write(str(tmp_path / "ready"), "first")
    scanner, waits = open(tmp_path / "ready", "rb"), []  # noqa: SIM115

    def wait(seconds):
        waits.append(seconds)
        if len(waits) == 3:
            scanner.close()

    monkeypatch.setattr(lab.time, "sleep", wait)
    lab.write(str(tmp_path / "ready"), "second")
    assert (len(waits), lab.read(str(tmp_path / "ready"))) == (3, "second")


def test_a_pool_has_61_processes_at_most(pretended, monkeypatch):
    asked = []

    class Pool:
        def __init__(self, workers):
            asked.append(workers)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def map(self, draw, seeds, chunksize):
            return map(draw, seeds)

    monkeypatch.setattr(generator, "ProcessPoolExecutor", Pool)
    assert len(list(generator.generate_cells(range(2), size=32, workers=100))) == 2
    list(generator.generate_cells(range(1), size=32, workers=4))
    monkeypatch.setattr(sys, "platform", "linux")
    list(generator.generate_cells(range(1), size=32, workers=100))
    assert asked == [61, 4, 100]


@needs_solutions
def test_submissions_are_graded_by_a_worker_that_lacks_all_that(pretended, tmp_path, monkeypatch):
    """In a process that does one job. An answer swallows what stops it, but only where there is no fork; the others are right."""
    swallows = "    import os, time\n    while not hasattr(os, 'fork'):\n        try: time.sleep(0.01)\n        except: pass\n"
    (tmp_path / "bob").mkdir()
    page = nbformat.read(SOLUTIONS / "08_evaluation.ipynb", as_version=4)
    body = "    table = np.zeros"  # where the body of my_confusion begins
    for cell in page.cells:
        cell.source = cell.source.replace("# Solutions: ", "# ").replace(body, swallows + body)
    (tmp_path / "bob" / "08_evaluation.ipynb").write_text(nbformat.writes(page), encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE / "site_windows"), str(ROOT)]))
    rows = [row for found in grade(find_submissions(tmp_path), Limits(12, 4)) for row in found]
    found = {row.exercise: row for row in rows if row.exercise and row.state != "flag"}
    assert [row.finding for row in rows if row.state == "flag"] == []  # that the limit traces is not the student's doing
    assert "it was stopped after 3 seconds" in found["confusion_matrix"].finding, rows
    assert (found["iou"].state, found["audit"].state) == ("right", "right"), rows


GUARDED = """
import os, sys
from pathlib import Path
from unet_lab.course.grading import isolation

real = os.path.realpath
os.path.realpath = lambda path, **how: r"\\\\.\\nul" if path == "nul" else real(path, **how)  # as ntpath has it
isolation.keep_inside(Path(sys.argv[1]), lambda event, arguments: None)
os.chdir(sys.argv[1])
open("nul", "w").close()
open("/dev/null", "w").close()
for place in ("/dev/nullnull", "/tmp/nul.txt"):
    try:
        open(place, "w").close()
    except PermissionError as error:
        print("refused", place)
"""


def test_the_guard_lets_an_answer_write_to_devnull_and_to_nothing_that_begins_like_it(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    line = [sys.executable, "-c", GUARDED, str(tmp_path)]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout.split("\n") == ["refused /dev/nullnull", "refused /tmp/nul.txt", ""], done.stderr


def test_torchrun_starts_workers_where_pytorch_has_no_libuv(tmp_path):
    """The stand-in refuses what PyTorch's builds for Windows refuse; with --standalone nothing starts then."""
    script = tmp_path / "who.py"
    script.write_text(
        "import json, sys\nfrom unet_lab.training.distributed import join\nworkers = join()\n"
        "total = workers.all_reduce(workers.rank + 1.0)\n"
        "if workers.is_first: open(sys.argv[1], 'w').write(json.dumps([workers.size, total]))\n"
    )
    places = os.pathsep.join([str(HERE / "site_without_libuv"), str(ROOT)])
    printed = {}
    for windows_way in (False, True):
        options, settings = on_this_machine(windows=windows_way)
        environment = os.environ | {"PYTHONPATH": places, "OMP_NUM_THREADS": "1"} | settings
        line = [
            sys.executable,
            "-m",
            "torch.distributed.run",
            *options,
            "--nproc-per-node=2",
            str(script),
            str(tmp_path / "found"),
        ]
        done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=300)
        printed[windows_way] = done.returncode, done.stdout + done.stderr
    assert printed[False][0] != 0
    assert "without libuv support" in printed[False][1]
    assert printed[True][0] == 0, printed[True][1]
    assert json.loads((tmp_path / "found").read_text()) == [2, [3.0]]
