"""The same network, faster: every way gives the network's own answer, and the choice is by measurement."""

import copy
import json
import math
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from unet_lab.acceleration import (
    AS_GIVEN,
    WAYS,
    Accelerated,
    WinogradConv2d,
    accelerate,
    export,
    fold_batch_norm,
    folded_convolution,
    load_exported,
    quantised,
    selection,
    table,
    winograd_matrices,
    with_winograd,
)
from unet_lab.acceleration.exporting import onnx_bytes
from unet_lab.acceleration.runtimes import OnnxRuntime, OpenVino, missing
from unet_lab.acceleration.timing import Ratio, benchmark, machine_peak, ratio, time_once
from unet_lab.datasets import generate_cell, standardise
from unet_lab.inference import predict, predict_logits
from unet_lab.inspection import cost, layer_times
from unet_lab.metrics import confusion_matrix, scores
from unet_lab.training import has_bfloat16
from unet_lab.unet import UNet
from unet_lab.weights import load_pretrained

QUIET = {"progress": False, "seconds": 0.1}
RUNTIMES = not missing("onnx", "onnxscript", "onnxruntime", "openvino")
needs_runtimes = pytest.mark.skipif(not RUNTIMES, reason="ONNX Runtime or OpenVINO is not installed (pip install -e .[fast])")


def lived_in(model: nn.Module) -> nn.Module:
    """Batch norms as after a training: means, variances, scales and shifts that are not those of the start."""
    torch.manual_seed(1)
    for m in model.modules():
        if isinstance(m, nn.modules.batchnorm._BatchNorm):
            m.running_mean.normal_(0, 0.5)
            m.running_var.uniform_(0.3, 3)
            nn.init.uniform_(m.weight, 0.5, 1.5)
            nn.init.normal_(m.bias, 0, 0.3)
    return model.eval()


def small_net(**other) -> nn.Module:
    torch.manual_seed(0)
    return lived_in(UNet(**({"base_channels": 4, "depth": 2} | other)))


def images(seeds, size=64) -> torch.Tensor:
    return torch.from_numpy(np.stack([standardise(generate_cell(s, size).image) for s in seeds]))[:, None]


# -- batch norm folded ------------------------------------------------------------------------------------------------


def test_folding_by_hand():
    """y = 2 (3 x + 1 - 4) / sqrt(8 + 1) + 5 is 2 x + 3."""
    convolution, norm = nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1, eps=1.0)
    with torch.no_grad():
        for tensor, value in ((convolution.weight, 3), (convolution.bias, 1), (norm.weight, 2), (norm.bias, 5),
                              (norm.running_mean, 4), (norm.running_var, 8)):  # fmt: skip
            tensor.fill_(value)
    folded = folded_convolution(convolution, norm)
    assert folded.weight.item() == pytest.approx(2)
    assert folded.bias.item() == pytest.approx(3)
    assert convolution.weight.item() == 3  # what was given stays


@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    kind=st.sampled_from([nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d]),
    groups=st.sampled_from([1, 2]), bias=st.booleans(), affine=st.booleans(), stride=st.integers(1, 2), seed=st.integers(0, 99),
)  # fmt: skip
def test_a_folded_layer_does_what_both_did(kind, groups, bias, affine, stride, seed):
    torch.manual_seed(seed)
    dimensions = int(kind.__name__[-2])
    norms = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
    both = lived_in(nn.Sequential(kind(4, 6, 3, stride=stride, groups=groups, bias=bias), norms[dimensions](6)) if affine else
                    nn.Sequential(kind(4, 6, 3, stride=stride, groups=groups, bias=bias), nn.Sequential()))  # fmt: skip
    if not affine:
        both[1] = norms[dimensions](6, affine=False)
        both[1].running_mean.normal_()
        both[1].running_var.uniform_(0.3, 3)
        both.eval()
    x = torch.randn(2, 4, *[7] * dimensions)
    torch.testing.assert_close(folded_convolution(both[0], both[1])(x), both(x), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "other", [{}, {"padding": "valid"}, {"residual": True}, {"attention": True}, {"up": "bilinear"}, {"skip": "sum"}]
)
def test_a_folded_network_gives_the_same_logits_without_its_norms(other):
    model = small_net(**other)
    folded = fold_batch_norm(model)
    x = torch.randn(2, 1, 92, 92)
    torch.testing.assert_close(folded(x), model(x), atol=1e-5, rtol=1e-5)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())
    assert [n for n, _ in folded.named_modules()] == [n for n, _ in model.named_modules()]
    assert any(isinstance(m, nn.BatchNorm2d) for m in model.modules())


def test_other_norms_stay_and_what_cannot_be_folded_is_said():
    model = small_net(norm="group")
    assert sum(isinstance(m, nn.GroupNorm) for m in fold_batch_norm(model).modules()) == 10
    with pytest.raises(ValueError, match="keeps no running statistics"):
        folded_convolution(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2, track_running_stats=False))
    with pytest.raises(ValueError, match="the norm has 3 channels, the convolution puts out 2"):
        folded_convolution(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(3))


# -- Winograd ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("outputs", "taps"), [(2, 3), (4, 3), (2, 5), (3, 2)])
def test_winograd_in_one_dimension_is_the_sliding_sum(outputs, taps):
    points = ("0", "1", "-1", "2", "-2", "1/2", "-1/2")[: outputs + taps - 2]
    into, filters, back = winograd_matrices(outputs, taps, points)
    torch.manual_seed(0)
    d, g = torch.randn(outputs + taps - 1, dtype=torch.float64), torch.randn(taps, dtype=torch.float64)
    expected = torch.tensor([(d[k : k + taps] * g).sum() for k in range(outputs)])
    torch.testing.assert_close(back @ ((filters @ g) * (into @ d)), expected)


def test_winograd_of_two_outputs_is_the_paper_s():
    """Lavin and Gray 2015, equation 5, to the sign: (d0 - d2) g0, (d1 + d2) (g0 + g1 + g2) / 2, …, (d1 - d3) g2."""
    into, filters, _ = winograd_matrices(2)
    rows = {tuple(abs(v) for v in row) for row in into.tolist()}
    assert rows == {(1, 0, 1, 0), (0, 1, 1, 0), (0, 1, 0, 1)}
    assert {tuple(abs(v) for v in row) for row in filters.tolist()} == {(1, 0, 0), (0.5, 0.5, 0.5), (0, 0, 1)}


@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    ins=st.integers(1, 9), outs=st.integers(1, 9), height=st.integers(3, 37), width=st.integers(3, 37),
    padding=st.integers(0, 1), tile=st.sampled_from([2, 4]), bias=st.booleans(), relu=st.booleans(), count=st.integers(1, 2),
)  # fmt: skip
def test_winograd_s_convolution_is_the_convolution(ins, outs, height, width, padding, tile, bias, relu, count):
    torch.manual_seed(ins * 100 + outs)
    convolution = nn.Conv2d(ins, outs, 3, padding=padding, bias=bias)
    x = torch.randn(count, ins, height, width)
    expected = convolution(x).relu() if relu else convolution(x)
    torch.testing.assert_close(WinogradConv2d(convolution, tile, relu)(x), expected.detach(), atol=3e-5, rtol=1e-4)


def test_winograd_refuses_what_it_cannot_do():
    for other in (nn.Conv2d(2, 2, 1), nn.Conv2d(2, 2, 3, stride=2), nn.Conv2d(2, 2, 3, groups=2), nn.Conv2d(2, 2, 3, dilation=2)):
        with pytest.raises(ValueError, match="is no 3x3 convolution of stride 1"):
            WinogradConv2d(other)
    with pytest.raises(ValueError, match="tile is 3; allowed are 2, 4"):
        WinogradConv2d(nn.Conv2d(2, 2, 3), 3)
    with pytest.raises(ValueError, match=r"F\(4, 3\) takes 5 different points; 2 were given"):
        winograd_matrices(4, 3, ("0", "1", "1"))


def test_a_network_with_winograd_gives_the_same_logits():
    model = small_net(base_channels=16)
    x = torch.randn(1, 1, 96, 96)
    torch.testing.assert_close(with_winograd(model, x)(x), model(x), atol=1e-4, rtol=1e-4)


# -- the choice -------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """A busy machine may make any way look slow for a moment; only the test about slow ways lets the clock decide."""
    monkeypatch.setattr(selection, "_HOPELESS", math.inf)


def test_accelerate_measures_chooses_and_says_so():
    model, x = small_net(), images([0, 1])
    before = copy.deepcopy(model.state_dict())
    fast = accelerate(model, x, **QUIET)
    assert torch.allclose(fast(x), model(x), atol=1e-4)
    assert fast(x).dtype == torch.float32
    assert {t.name for t in fast.trials} == {AS_GIVEN, *WAYS} - {"compiled", "compiled bfloat16"}
    assert [t.name for t in fast.trials if t.verdict == "chosen"] == [fast.chosen.name]
    assert fast.original is model
    assert fast.original is model
    assert all(torch.equal(a, b) for a, b in zip(before.values(), model.state_dict().values(), strict=True))
    said = str(fast)
    assert "<- chosen" in said
    for trial in fast.trials:
        assert trial.name in said
        assert math.isnan(trial.milliseconds) == (trial.verdict not in ("", "chosen"))
        if not math.isnan(trial.milliseconds):
            assert trial.difference <= 1e-4
            assert trial.agreement >= 0.995
    low = [t for t in fast.trials if "float16" in t.name or "int8" in t.name]
    assert {t.verdict for t in low} == {"lower precision, not asked for"}


def test_it_is_a_network_like_another():
    """`predict` takes it, for any size; it stays in evaluation mode and cannot be trained by mistake."""
    model = small_net()
    fast = accelerate(model, images([0]), **QUIET)
    image = generate_cell(5, 90).image
    assert (predict(fast, image) == predict(model, image)).mean() > 0.999
    assert torch.allclose(predict_logits(fast, image), predict_logits(model, image), atol=1e-4)
    assert not fast.training
    assert not fast.eval().training
    with pytest.raises(RuntimeError, match=r"cannot be trained; train its \.original"):
        fast.train()
    assert isinstance(fast, Accelerated)
    assert fast.chosen.name in repr(fast)


def test_a_network_in_training_mode_is_left_in_it():
    model = small_net().train()
    statistics = model.bottleneck.block[1].running_mean.clone()
    fast = accelerate(model, images([0]), using=("folded",), **QUIET)
    assert model.training
    assert torch.equal(statistics, model.bottleneck.block[1].running_mean)
    assert torch.allclose(fast(images([3])), copy.deepcopy(model).eval()(images([3])), atol=1e-4)


def slow_way(seconds):

    def make(model, example, calibration):
        return lambda x: (time.sleep(seconds), model(x))[1], 1.0

    return make


def test_nothing_slower_is_ever_returned(monkeypatch):
    monkeypatch.setitem(WAYS, "slower", slow_way(0.2))
    fast = accelerate(small_net(), images([0]), using=("slower",), **QUIET)  # timed
    assert fast.chosen.name == AS_GIVEN
    assert [t.speed_up.median <= 1.0 for t in fast.trials] == [True, True]
    monkeypatch.setattr(selection, "_HOPELESS", 1.5)
    fast = accelerate(small_net(), images([0]), using=("slower",), **QUIET)  # not timed
    assert fast.chosen.name == AS_GIVEN
    assert fast.trials[1].verdict.endswith("times as slow")
    assert math.isnan(fast.trials[1].milliseconds)


def test_what_changes_the_answer_or_fails_is_left_out_with_the_reason(monkeypatch):
    monkeypatch.setitem(WAYS, "shifted", lambda m, e, c: (lambda x: m(x) + torch.tensor([0.01, 0, 0])[:, None, None], 1.0))
    monkeypatch.setitem(WAYS, "other classes", lambda m, e, c: (lambda x: m(x).roll(1, 1), 1.0))
    monkeypatch.setitem(WAYS, "NaN", lambda m, e, c: (lambda x: m(x) * math.nan, 1.0))
    monkeypatch.setitem(WAYS, "broken", lambda m, e, c: 1 / 0)
    names = ("shifted", "other classes", "NaN", "broken")
    verdicts = {t.name: t.verdict for t in accelerate(small_net(), images([0]), using=names, **QUIET).trials}
    assert verdicts["shifted"] == "logits off by 1.0e-02, allowed are 1e-04"
    assert verdicts["NaN"] == "logits that are not finite"
    assert verdicts["broken"] == "failed with ZeroDivisionError: division by zero"
    verdicts = {t.name: t.verdict for t in accelerate(small_net(), images([0]), "lower", using=names, **QUIET).trials}
    assert "of the pixels keep their class, wanted are 99.5%" in verdicts["other classes"]
    assert verdicts["shifted"] in ("", "chosen")  # lower precision: classes count, not digits


def test_what_is_for_one_size_gives_others_to_the_folded_network(monkeypatch):
    def only_64(model, example, calibration):
        fold = fold_batch_norm(model)

        def run(x):
            assert x.shape[-1] == 64
            return fold(x)

        return run, 1.0

    monkeypatch.setitem(WAYS, "only 64", only_64)
    monkeypatch.setattr(selection, "_GAIN", 0.0)  # whatever the clock says
    model = small_net()
    fast = accelerate(model, images([0]), using=("only 64",), **QUIET)
    monkeypatch.undo()
    for shape in ((1, 1, 64, 64), (2, 1, 32, 48)):
        x = torch.randn(shape)
        assert torch.allclose(fast(x), model(x), atol=1e-4)


def test_accelerate_refuses_what_it_cannot_measure():
    model, x = small_net(), images([0])
    with pytest.raises(ValueError, match="precision is 'half'; allowed are 'float32' and 'lower'"):
        accelerate(model, x, "half")
    with pytest.raises(ValueError, match="there is no way 'magic' to run a network; there are folded, channels last"):
        accelerate(model, x, using=("magic",))
    with pytest.raises(ValueError, match="holds NaN"):
        accelerate(model, x * math.nan)
    with pytest.raises(ValueError, match=r"torch\.float64"):
        accelerate(model, x.double())
    with pytest.raises(ValueError, match="does not survive 2 poolings"):
        accelerate(model, x[..., :63])


def test_bfloat16_is_offered_only_where_the_processor_has_it(monkeypatch):
    monkeypatch.setattr(selection, "has_bfloat16", lambda device: False)
    fast = accelerate(small_net(), images([0]), "lower", using=("bfloat16", "float16", "OpenVINO int8"), **QUIET)
    verdicts = {t.name: t.verdict for t in fast.trials}
    assert verdicts["bfloat16"] == "this processor has no bfloat16 instructions"
    assert verdicts["float16"] == "for GPUs"
    assert verdicts["OpenVINO int8"] == "needs calibration images"


@pytest.mark.skipif(not has_bfloat16(torch.device("cpu")), reason="this processor has no bfloat16 instructions")
def test_bfloat16_keeps_the_classes():
    model, x = load_pretrained(), images(range(4), 96)
    fast = accelerate(model, x, "lower", using=("bfloat16",), **QUIET)
    trial = fast.trials[1]
    assert trial.agreement > 0.995
    assert trial.megabytes == pytest.approx(fast.trials[0].megabytes / 2, rel=0.02)


def test_without_the_optional_runtimes_the_rest_still_works(monkeypatch):
    monkeypatch.setattr(selection, "missing", lambda *names: f"not installed: pip install {' '.join(names)}")
    fast = accelerate(small_net(), images([0]), **QUIET)
    verdicts = {t.name: t.verdict for t in fast.trials}
    assert verdicts["OpenVINO"] == "not installed: pip install onnx onnxscript openvino"
    assert verdicts["ONNX Runtime"] == "not installed: pip install onnx onnxscript onnxruntime"
    assert verdicts["folded"] in ("", "chosen")


# -- runtimes and files -----------------------------------------------------------------------------------------------


@needs_runtimes
@pytest.mark.parametrize("kind", [OnnxRuntime, OpenVino])
def test_a_runtime_gives_the_network_s_logits_for_any_size_and_number(kind):
    model = small_net()
    run = kind(onnx_bytes(model, torch.randn(1, 1, 32, 32)))
    assert run.any_size
    for shape in ((1, 1, 32, 32), (3, 1, 48, 64)):
        x = torch.randn(shape)
        torch.testing.assert_close(run(x), model(x).detach(), atol=1e-4, rtol=1e-4)


@needs_runtimes
def test_int8_keeps_the_classes_and_takes_a_quarter():
    """On ten cells that the ranges were not taken from: 99.5 % of the pixels, macro IoU within 0.002; a quarter in size."""
    model, calibration = load_pretrained(), images(range(100, 116), 192)
    network = onnx_bytes(fold_batch_norm(model), calibration[:1])
    small = quantised(network, calibration)
    assert len(small) < 0.3 * len(network)
    run, same = OnnxRuntime(small), []
    tables = np.zeros((2, 3, 3), np.int64)
    for seed in range(10):
        cell = generate_cell(seed, 192)
        x = torch.from_numpy(standardise(cell.image))[None, None]
        answers = [logits[0].argmax(0).numpy() for logits in (model(x), run(x))]
        same.append((answers[0] == answers[1]).mean())
        tables += np.stack([confusion_matrix(cell.mask, answer) for answer in answers])
    ious = [scores(table, average="macro").iou for table in tables]
    assert np.mean(same) > 0.995
    assert abs(ious[0] - ious[1]) < 0.002


@needs_runtimes
def test_int8_with_the_wrong_images_to_calibrate_by_is_found_out():
    """Images as they come from the file, 0 to 255, where the network gets standardised ones: ranges fifty times too wide."""
    raw = torch.from_numpy(np.stack([generate_cell(s, 192).image for s in range(100, 104)]))[:, None].float()
    fast = accelerate(load_pretrained(), images([0, 1], 192), "lower", raw, using=("OpenVINO int8",), **QUIET)
    assert "of the pixels keep their class" in fast.trials[1].verdict
    assert fast.chosen.name == AS_GIVEN


@pytest.mark.parametrize("suffix", [pytest.param(".onnx", marks=needs_runtimes), ".pt2"])
def test_an_exported_network_comes_back_the_same(tmp_path, suffix):
    model, x = small_net().train(), images([0, 1])
    path = export(model, tmp_path / f"net{suffix}", x)
    assert model.training  # left as it was
    run = load_exported(path)
    expected = copy.deepcopy(model).eval()(x).detach()
    torch.testing.assert_close(run(x), expected, atol=1e-4, rtol=1e-4)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    if suffix == ".pt2":
        with pytest.raises(ValueError, match=r"the input has shape \(1, 1, 64, 64\); this network was exported for"):
            run(x[:1])


@needs_runtimes
def test_an_exported_network_runs_in_a_process_without_this_package_or_torch(tmp_path):
    model, x = small_net(), images([0])
    export(model, tmp_path / "net.onnx", x)
    np.save(tmp_path / "x.npy", x.numpy())
    script = (
        "import sys, numpy as np, onnxruntime as o; s = o.InferenceSession('net.onnx', providers=['CPUExecutionProvider']); "
        "y = s.run(None, {s.get_inputs()[0].name: np.load('x.npy')})[0]; np.save('y.npy', y); "
        "assert 'torch' not in sys.modules and 'unet_lab' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), model(x).detach().numpy(), atol=1e-4)


def test_export_refuses_and_leaves_nothing_behind(tmp_path):
    with pytest.raises(ValueError, match=r"net.h5 ends in '.h5'; allowed are .onnx and .pt2"):
        export(small_net(), tmp_path / "net.h5", images([0]))
    assert not list(tmp_path.iterdir())
    broken = tmp_path / "net.pt2"
    broken.write_bytes(b"PK not a network")
    with pytest.raises(ValueError, match="no network that can be run"):
        load_exported(broken)
    with pytest.raises(FileNotFoundError):
        load_exported(tmp_path / "missing.pt2")


@needs_runtimes
def test_a_broken_onnx_file_is_refused_by_name(tmp_path):
    path = export(small_net(), tmp_path / "net.onnx", images([0]))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match=r"net\.onnx: no network that can be run"):
        load_exported(path)


# -- clocks -----------------------------------------------------------------------------------------------------------


def test_ratios_are_of_each_turn():
    """The machine slows down fourfold half way; the ratio does not notice."""
    ours, theirs = [1.0] * 10 + [4.0] * 10, [2.0] * 10 + [8.0] * 10
    assert ratio(ours, theirs) == Ratio(2.0, 2.0, 2.0)
    assert str(Ratio(1.234, 1.0, 2.0)) == "1.23 (1.00 to 2.00)"


def test_works_take_turns():
    order = []
    times = benchmark({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 3)
    assert order == ["a", "b"] * 4  # one turn to warm up
    assert [len(v) for v in times.values()] == [3, 3]
    assert time_once(lambda: None) >= 0


def test_layers_are_timed_and_counted_and_the_machine_has_a_peak():
    model, image = small_net(base_channels=16), generate_cell(0, 128).image
    layers = layer_times(model, image, rounds=3)
    counted = cost(model, image)
    assert [(a.name, a.multiply_adds, a.bytes) for a in layers] == [(b.name, b.multiply_adds, b.bytes) for b in counted]
    assert all(layer.seconds > 0 for layer in layers)
    assert all(layer.rate == pytest.approx(layer.multiply_adds / layer.seconds) for layer in layers)
    assert machine_peak(size=256, rounds=1) > 0


def test_the_ruler_stays_small_where_a_type_is_slow(monkeypatch):
    sizes = []

    def slow(a, b):
        sizes.append(len(a))
        time.sleep(0.25)

    monkeypatch.setattr(torch, "mm", slow)
    assert machine_peak(size=512, rounds=1) > 0
    assert set(sizes) == {64}, "the full size would take for ever"


def test_held_memory_is_what_is_waited_for():
    """At the bottleneck of a small U: both skips and the bottleneck's own maps. At the end: the logits."""
    model, side = small_net(), 64
    layers = layer_times(model, generate_cell(0, side).image, rounds=1)
    skips = 4 * side**2 * 4 + 8 * (side // 2) ** 2 * 4
    own = 16 * (side // 4) ** 2 * 4
    at_bottleneck = next(layer for layer in layers if layer.name == "bottleneck.block.5")
    assert skips + own <= at_bottleneck.held <= skips + 3 * own
    assert max(layer.held for layer in layers) >= layers[-1].held >= 3 * side**2 * 4


def test_freed_memory_is_kept_where_the_c_library_can():
    """Second time round the pages are there already: in a process of its own, since it cannot be undone."""
    script = (
        "import json, resource, torch\n"
        "from unet_lab.training.memory import keep_freed_memory\n"
        "def faults():\n"
        "    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "    for _ in range(5): torch.ones(8_000_000)\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before\n"
        "first = faults(); kept = keep_freed_memory(); faults(); faults(); print(json.dumps([first, kept, faults()]))\n"
    )
    if sys.platform == "win32":
        pytest.skip("Windows counts page faults in another way")
    first, kept, then = json.loads(subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout)
    if not kept:
        pytest.skip("this C library keeps memory by itself, or cannot be told to")
    assert then < first / 4


def test_the_table_is_sorted_by_speed():
    fast = accelerate(small_net(), images([0]), **QUIET)
    names = [line[:22].strip() for line in table(fast.trials).splitlines()[1:]]
    timed = sorted((t for t in fast.trials if not math.isnan(t.milliseconds)), key=lambda t: t.milliseconds)
    assert names[: len(timed)] == [t.name for t in timed]


def test_winograd_layers_take_part_only_where_they_are_faster():
    """What is exchanged was faster in its trial: tiny layers never are, and stay nn.Conv2d."""
    tiny = with_winograd(small_net(base_channels=2), torch.randn(1, 1, 32, 32))
    assert not any(isinstance(m, WinogradConv2d) for m in tiny.modules())
