"""A training that is killed at any moment goes on as if nothing had happened; a disk that fails costs nothing that was there."""

import copy
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from contextlib import contextmanager, suppress

import psutil
import pytest
import torch

from unet_lab.datasets import SegmentationDataset, write_image
from unet_lab.files import previous_of, write_whole
from unet_lab.training import EpochReport, History, evaluate, fit, loop, steps, train
from unet_lab.training.checkpoint import FORMAT, load_checkpoint, newest_checkpoint, save_checkpoint
from unet_lab.unet import UNet
from unet_lab.weights import load_weights, save_weights

CELLS = SegmentationDataset.generated(10, size=32)
SETTINGS = {"epochs": 4, "batch_size": 4, "learning_rate": 0.01, "precision": "float32", "device": "cpu"}
KILLS = 15


def tiny(dropout=0.2):
    torch.manual_seed(0)
    return UNet(base_channels=4, depth=2, dropout=dropout)


def weights(model):
    return torch.cat([v.detach().cpu().float().flatten() for v in model.state_dict().values()])


def whole_run(folder, started):
    """What the killed process does: train on, from the checkpoint where there is one, and write the result."""
    torch.set_num_threads(1)
    list(train(tiny(), CELLS, **SETTINGS | {"epochs": 1}))  # a first training loads more of PyTorch; that is not to be killed
    model = tiny()
    started.set()
    reports = list(train(model, CELLS, CELLS, checkpoint=folder / "run.pt", checkpoint_minutes=0, **SETTINGS))
    torch.save({"model": model.state_dict(), "losses": [(r.loss, r.iou) for r in reports]}, folder / "result.part")
    os.replace(folder / "result.part", folder / "result.pt")


def start(folder):
    context = multiprocessing.get_context("spawn" if os.name == "nt" else "forkserver")
    if os.name != "nt":
        context.set_forkserver_preload(["torch._dynamo", "unet_lab.training.running", "tests.robustness.test_survival"])
    started = context.Event()
    process = context.Process(target=whole_run, args=(folder, started))
    process.start()
    assert started.wait(120)
    return process


def processor_seconds(process):
    """How long it has worked: moments by the clock would all fall early in its work on a busy machine."""
    try:
        times = psutil.Process(process.pid).cpu_times()
    except psutil.Error:  # it has just ended
        return 0.0
    return times.user + times.system


def test_kills_at_random_moments_and_the_end_is_the_same_bit_for_bit(tmp_path):
    straight = tmp_path / "straight"
    straight.mkdir()
    process = start(straight)
    began, whole = processor_seconds(process), 0.0
    while process.is_alive():
        whole = max(whole, processor_seconds(process) - began)
        time.sleep(0.005)
    assert process.exitcode == 0
    expected = torch.load(straight / "result.pt", weights_only=True)

    killed, chance, kills, positions = tmp_path / "killed", random.Random(0), 0, set()
    killed.mkdir()
    while kills < KILLS:
        process = start(killed)
        moment = processor_seconds(process) + chance.uniform(0, 0.6 * whole)
        while process.is_alive() and processor_seconds(process) < moment:
            time.sleep(0.002)
        if process.is_alive():
            process.kill()
            process.join()
            kills += 1
        else:  # it came to its end between the kills: begin anew, and go on killing
            assert process.exitcode == 0
            assert_equal_results(killed, expected)
            for file in killed.iterdir():
                file.unlink()
        with suppress(FileNotFoundError):
            state = newest_checkpoint(killed / "run.pt")  # complete, at whatever moment it was
            positions.add((len(state["reports"]), state["position"]) if state else None)
    assert len(positions) >= 3, "the kills did not fall at different moments"
    process = start(killed)
    process.join(300)
    assert_equal_results(killed, expected)
    assert not [p for p in killed.iterdir() if p.suffix == ".part"], "left over from killed writers"


def assert_equal_results(folder, expected):
    got = torch.load(folder / "result.pt", weights_only=True)
    assert got["losses"] == expected["losses"]
    assert all(torch.equal(got["model"][name], value) for name, value in expected["model"].items())


@pytest.mark.parametrize("stop_at", [1, 2, 4, 7, 11])
def test_a_run_stopped_within_an_epoch_goes_on_from_that_batch(tmp_path, stop_at):
    straight = tiny()
    expected = [(r.loss, r.iou) for r in train(straight, CELLS, CELLS, **SETTINGS)]
    settings = SETTINGS | {"checkpoint": tmp_path / "run.pt", "checkpoint_minutes": 0}
    for news in steps(tiny(), CELLS, CELLS, **settings):
        if not isinstance(news, EpochReport) and news == stop_at:
            break
    torch.manual_seed(99)
    resumed = UNet(base_channels=4, depth=2, dropout=0.2)
    done, got = [], []
    for news in steps(resumed, CELLS, CELLS, **settings):
        (got if isinstance(news, EpochReport) else done).append(news)
    assert done[0] == stop_at + 1, "steps were done twice, or left out"
    assert [(r.loss, r.iou) for r in got] == expected
    assert torch.equal(weights(resumed), weights(straight))


def test_the_checkpoint_before_is_kept_and_used_where_the_newest_is_damaged(tmp_path):
    file = tmp_path / "run.pt"
    straight = tiny()
    list(train(straight, CELLS, **SETTINGS))
    for report in train(tiny(), CELLS, checkpoint=file, **SETTINGS):
        if report.epoch == 3:
            break
    assert len(load_checkpoint(file)["reports"]) == 3
    assert len(load_checkpoint(previous_of(file))["reports"]) == 2
    content = file.read_bytes()
    flipped = bytearray(content)
    weight = load_checkpoint(file)["model"]["head.weight"].numpy().tobytes()
    flipped[content.index(weight) + 2] ^= 1  # one bit of one weight
    for damage in (content[: len(content) // 2], b"", os.urandom(1000), content[:-10], flipped):
        file.write_bytes(damage)
        with pytest.raises(ValueError, match=r"run\.pt: the checkpoint is broken"):
            load_checkpoint(file)
        with pytest.warns(UserWarning, match=r"Going on from the one before it, run\.previous\.pt"):
            assert len(newest_checkpoint(file)["reports"]) == 2
    model = tiny()
    with pytest.warns(UserWarning, match="Going on from the one before"):
        list(train(model, CELLS, checkpoint=file, **SETTINGS))
    assert torch.equal(weights(model), weights(straight))
    # killed between the two renamings: only the one before is there
    os.replace(file, previous_of(file))
    assert len(newest_checkpoint(file)["reports"]) == 4
    file.write_bytes(b"broken")
    previous_of(file).write_bytes(b"broken too")
    with pytest.raises(ValueError, match=r"run\.pt: the checkpoint is broken .* Delete it to start the run afresh"):
        list(train(tiny(), CELLS, checkpoint=file, **SETTINGS))
    assert file.read_bytes() == b"broken"


def test_a_checkpoint_of_other_data_another_format_or_version_is_refused_or_named(tmp_path):
    file = tmp_path / "run.pt"
    list(train(tiny(), CELLS, checkpoint=file, **SETTINGS | {"epochs": 1}))
    before = file.read_bytes()
    others = SegmentationDataset([(255 - p.image, p.mask) for p in CELLS.pairs])
    with pytest.raises(ValueError, match="trained on other images, masks or weights"):
        list(train(tiny(), others, checkpoint=file, **SETTINGS | {"epochs": 1}))
    assert file.read_bytes() == before
    state = load_checkpoint(file)
    torch.save(state | {"format": FORMAT + 1}, file)
    with pytest.raises(ValueError, match=rf"written in format {FORMAT + 1}, and this version of the course reads {FORMAT}"):
        load_checkpoint(file)
    torch.save({k: v for k, v in state.items() if k != "format"}, file)
    with pytest.raises(ValueError, match="written in format 1"):
        list(train(tiny(), CELLS, checkpoint=file, **SETTINGS | {"epochs": 1}))
    torch.save(state | {"torch": "2.1.0"}, file)
    with pytest.warns(UserWarning, match=r"written with PyTorch 2\.1\.0; last digits may differ"):
        list(train(tiny(), CELLS, checkpoint=file, **SETTINGS | {"epochs": 1}))


def test_an_archive_that_unfolds_to_more_than_its_size_is_refused_before_it_is_read(tmp_path):
    small, bomb = tmp_path / "small.pt", tmp_path / "bomb.pt"
    save_checkpoint(small, {"settings": {}, "x": torch.zeros(5_000_000)})
    with zipfile.ZipFile(small) as source, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            target.writestr(entry.filename, source.read(entry))
    assert bomb.stat().st_size < 100_000
    with pytest.raises(ValueError, match="unfolds to more than its size"):
        load_checkpoint(bomb)


def test_weights_whose_settings_ask_for_more_than_the_file_holds_make_no_room_for_it(tmp_path):
    from safetensors.torch import save_file

    file = tmp_path / "huge.safetensors"
    settings = UNet(base_channels=1, depth=1).settings | {"base_channels": 100_000, "depth": 6}
    save_file({"x": torch.zeros(1)}, file, metadata={"settings": json.dumps(settings)})
    began = time.process_time()
    with pytest.raises(ValueError, match=r"huge\.safetensors: these weights cannot be used: .* missing"):
        load_weights(file)
    assert time.process_time() - began < 2
    model = tiny()
    with torch.no_grad():
        model.head.bias[0] = torch.nan
    save_weights(model, tmp_path / "nan.safetensors")
    with pytest.raises(ValueError, match="NaN or infinite weights"):
        load_weights(tmp_path / "nan.safetensors")


@contextmanager
def small_disk(folder):
    """A file system of one megabyte, which fills up for real; only where this user may mount one."""
    folder.mkdir()
    line = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if sys.platform != "linux" or subprocess.run(line, capture_output=True).returncode != 0:
        pytest.skip("needs a user who may mount a small disk (root on Linux)")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_stops_nothing_that_is_under_way_and_keeps_the_older_file(tmp_path):
    with small_disk(tmp_path / "disk") as disk:
        write_whole(disk / "a.bin", b"older")
        for content in (b"\0" * 2_000_000, lambda stream: stream.write(b"\0" * 2_000_000)):
            with pytest.raises(OSError, match=r"a\.bin: not written, the disk is full .* Free some"):
                write_whole(disk / "a.bin", content)
            assert (disk / "a.bin").read_bytes() == b"older"
            assert [p.name for p in disk.iterdir()] == ["a.bin"]
        # a run begins, then the disk fills up: the run goes on, and says so
        straight, model = tiny(), tiny()
        list(train(straight, CELLS, **SETTINGS))
        file = disk / "run.pt"
        filler = disk / "filler"

        def fill_up():
            with suppress(OSError), open(filler, "wb", buffering=0) as stream:
                while stream.write(b"\0" * 4096):
                    pass

        run = train(model, CELLS, checkpoint=file, **SETTINGS)
        next(run)
        first = file.read_bytes()
        fill_up()
        with pytest.warns(UserWarning, match=r"disk is full .* The run goes on; the checkpoint before stays"):
            list(run)
        assert torch.equal(weights(model), weights(straight))
        assert first in (file.read_bytes(), previous_of(file).read_bytes())
        filler.unlink()
        list(train(tiny(), CELLS, checkpoint=file, **SETTINGS))  # room again: it goes on from there
        # a run that cannot write its first checkpoint does not begin
        fill_up()
        with pytest.raises(OSError, match="disk is full"):
            next(train(tiny(), CELLS, checkpoint=disk / "second.pt", **SETTINGS))
        assert not (disk / "second.pt").exists()


@contextmanager
def as_nobody():
    """root may write anywhere, so these tests take its rights away for a while."""
    if not hasattr(os, "geteuid"):
        pytest.skip("Windows keeps no folder from its owner in this way")
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_read_only_folder_is_named_and_the_older_file_kept(tmp_path):
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:3]:  # one more with several processes
        parent.chmod(0o755)
    model, image = tiny(), torch.zeros(4, 4, dtype=torch.uint8).numpy()
    save_weights(model, tmp_path / "m.safetensors")
    before = (tmp_path / "m.safetensors").read_bytes()
    tmp_path.chmod(0o555)
    with as_nobody():
        for write in (
            lambda: save_weights(model, tmp_path / "m.safetensors"),
            lambda: next(train(model, CELLS, checkpoint=tmp_path / "run.pt", **SETTINGS)),
            lambda: write_image(tmp_path / "a.png", image),
        ):
            with pytest.raises(PermissionError, match=r"may not be written to\. Choose another folder"):
                write()
    tmp_path.chmod(0o755)
    assert (tmp_path / "m.safetensors").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m.safetensors"]
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        next(train(model, CELLS, checkpoint=tmp_path / "none" / "run.pt", **SETTINGS))
    with pytest.raises(IsADirectoryError, match="a folder of that name"):
        write_whole(tmp_path, b"x")


@pytest.mark.parametrize("schedule", ["one_cycle", "constant"])
def test_workers_and_recomputing_change_no_bit(schedule):
    runs = []
    for how in ({}, {"workers": 2}, {"recompute": True}):
        model = tiny()
        reports = list(train(model, CELLS, CELLS, schedule=schedule, **SETTINGS | {"epochs": 2} | how))
        runs.append((weights(model), [(r.loss, r.iou) for r in reports]))
        assert all("forward" not in vars(m) for m in model.modules()), "recomputing left something behind"
    for other in runs[1:]:
        assert torch.equal(runs[0][0], other[0])
        assert runs[0][1] == other[1]


def test_what_differs_between_machines_is_the_order_of_sums_and_that_is_small():
    """Another number of threads and another library of convolutions stand for another machine."""
    losses = {}
    threads = torch.get_num_threads()
    try:
        for name, count, onednn in (("here", threads, True), ("1 thread", 1, True), ("other library", threads, False)):
            torch.set_num_threads(count)
            with torch.backends.mkldnn.flags(enabled=onednn):
                losses[name] = [r.loss for r in train(tiny(), CELLS, **SETTINGS | {"epochs": 2})]
    finally:
        torch.set_num_threads(threads)
    for name, values in losses.items():
        for value, here in zip(values, losses["here"], strict=True):
            assert value == pytest.approx(here, rel=1e-3), name


def test_a_run_is_found_again_on_disk_while_it_goes_on_and_afterwards(tmp_path):
    file = tmp_path / "run.pt"
    with pytest.raises(FileNotFoundError, match="there is no checkpoint yet"):
        History.load(file)
    seen = []
    model = tiny()
    for report in train(model, CELLS, CELLS, checkpoint=file, **SETTINGS):
        found = History.load(file)
        seen.append(len(found.reports))
        assert found.reports[-1] == report
        assert found.stopped_early == (report.epoch < SETTINGS["epochs"])
    assert seen == [1, 2, 3, 4]
    history = History.load(file)
    assert history.log().endswith("Training finished")
    again = tiny()
    again.load_state_dict(history.last_weights)
    assert torch.equal(weights(again), weights(model))
    again.load_state_dict(history.best_weights)
    _, matrix = evaluate(again, CELLS)
    assert matrix.trace() / matrix.sum() == pytest.approx(history.best.accuracy)


@pytest.fixture
def interruptible():
    """As in a program of its own: processes that run tests side by side ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_a_run_between_two_steps_and_keeps_best_last_and_the_place(tmp_path, monkeypatch):
    file, stop_at = tmp_path / "run.pt", 8
    before = signal.getsignal(signal.SIGINT)
    real = loop.training_step
    calls = []

    def step(*arguments, **named):
        calls.append(1)
        if len(calls) == stop_at:
            signal.raise_signal(signal.SIGINT)  # as the stop button does, in the middle of the step
        return real(*arguments, **named)

    monkeypatch.setattr(loop, "training_step", step)
    model = tiny()
    history = fit(model, CELLS, CELLS, checkpoint=file, **SETTINGS)
    assert signal.getsignal(signal.SIGINT) is before
    assert history.stopped_early
    assert len(history.reports) == 2
    state = load_checkpoint(file)
    assert (len(state["reports"]), state["position"]) == (2, 2)
    assert all(torch.equal(state["model"][name], value) for name, value in history.last_weights.items())
    assert all(torch.equal(model.state_dict()[name], value) for name, value in history.best_weights.items())
    straight, resumed = tiny(), tiny()
    list(train(straight, CELLS, CELLS, **SETTINGS))
    list(train(resumed, CELLS, CELLS, checkpoint=file, **SETTINGS))
    assert torch.equal(weights(resumed), weights(straight))


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_pressed_twice_does_not_wait(monkeypatch):
    def step(*arguments, **named):
        for _ in range(2):
            signal.raise_signal(signal.SIGINT)
        time.sleep(60)
        waited.append(True)

    waited = []
    monkeypatch.setattr(loop, "training_step", step)
    history = fit(tiny(), CELLS, **SETTINGS)
    assert history.stopped_early
    assert history.reports == []
    assert history.last_weights is not None
    assert not waited


def test_fit_says_when_a_long_run_ends(capsys):
    fit(copy.deepcopy(tiny()), CELLS, CELLS, **SETTINGS)
    assert "12/12" in capsys.readouterr().err.replace(" ", "")


def test_settings_of_the_loop_are_refused_in_words():
    with pytest.raises(ValueError, match="workers is -1"):
        next(train(tiny(), CELLS, workers=-1))
    with pytest.raises(ValueError, match="checkpoint_minutes is nan"):
        next(train(tiny(), CELLS, checkpoint_minutes=float("nan")))
    with pytest.raises(ValueError, match="recompute=True works on the stages of a UNet; Conv2d"):
        next(train(torch.nn.Conv2d(1, 3, 1), CELLS, recompute=True))
    with pytest.raises(TypeError, match="unexpected keyword"):
        train(tiny(), CELLS, epoch=3)


def test_what_a_run_killed_in_its_first_checkpoint_left_behind_is_removed(tmp_path):
    left, of_another = tmp_path / "run.pt.abcd.part", tmp_path / "other.pt.abcd.part"
    for path in (left, of_another):
        path.write_bytes(b"half")
    list(train(tiny(), CELLS, CELLS, checkpoint=tmp_path / "run.pt", **SETTINGS | {"epochs": 1}))
    assert (left.exists(), of_another.exists()) == (False, True)
