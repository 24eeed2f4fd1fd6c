"""The network view: every number it shows is the network's, what it says of sources is true, and its messages are answered."""

import json
import re
from contextlib import contextmanager
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from unet_lab.datasets import generate_cell, write_image
from unet_lab.explorers import explore_network
from unet_lab.explorers.network import HERE, NetworkExplorer, packed
from unet_lab.explorers.network_images import prepare, stroke
from unet_lab.explorers.network_session import NetworkSession
from unet_lab.inference import predict
from unet_lab.inspection import channel_worth, number_at, skips_of, stages_of, steps_of, trace, without_skip
from unet_lab.inspection.trace import output_of
from unet_lab.metrics import confusion_matrix, scores
from unet_lab.unet import UNet

SETTINGS = [
    {},
    {"norm": None, "padding": "valid"},
    {"norm": "instance", "up": "nearest"},
    {"norm": "group", "up": "bilinear", "skip": "sum"},
    {"norm": "layer", "attention": True, "residual": True},
    {"skip": "none", "depth": 3},
]


class Odd(nn.Module):
    """Not ours: groups, dilation, strides, paddings of several kinds, a mean pooling, a layer used twice, a skip."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 5, stride=2, padding=2, padding_mode="reflect")
        self.wide = nn.Conv2d(4, 8, 3, padding="same", dilation=2, groups=2, bias=False)
        self.act = nn.LeakyReLU(0.1, inplace=True)
        self.pool = nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)
        self.again = nn.Conv2d(8, 8, 3, padding=1, padding_mode="circular")
        self.up = nn.ConvTranspose2d(8, 4, 3, stride=2, padding=1, output_padding=1)
        self.last = nn.ConvTranspose2d(8, 2, 4, stride=2, padding=1)

    def forward(self, x):
        a = self.stem(x)
        b = self.pool(self.act(self.wide(a)))
        b = self.again(self.again(b))
        return self.last(torch.cat([a, self.up(b)], dim=1))


def traced(model, size=44, seed=0):
    torch.manual_seed(seed)
    for module in model.modules():  # a norm that has learnt something
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    run = trace(model, torch.randn(1, 1, size, size))
    return run, steps_of(run)


def networks():
    torch.manual_seed(1)
    return [UNet(base_channels=4, **({"depth": 2} | kind)).eval() for kind in SETTINGS] + [Odd().eval()]


@cache
def run_of(k):
    """Network k's trace and its steps."""
    return traced(networks()[k], 48 if k in (5, 6) else 44)


@pytest.mark.parametrize("k", range(7))
def test_the_sum_shown_is_the_network_s_activation(k):
    """Every step of every network, at corners, at borders and inside."""
    run, steps = run_of(k)
    rng = np.random.default_rng(k)
    kinds = set()
    for name, step in steps.items():
        for _ in range(8):
            place = [int(rng.choice([0, size - 1, rng.integers(size)])) for size in step.shape]
            number = number_at(run, steps, name, *place)
            kinds.add(number["kind"])
            assert number["value"] == float(output_of(run, name)[tuple(place)])
            if number["kind"] not in ("image", "other", "identity"):
                assert number["total"] == pytest.approx(number["value"], rel=2e-5, abs=2e-5), (name, place)
            if "windows" in number:
                products = number["windows"] * number["kernels"]
                assert number["sums"] == pytest.approx(products.sum(axis=(1, 2)))
                assert number["sums"].sum() + number["bias"] == pytest.approx(number["total"])
                assert (np.diff(abs(number["sums"])) <= 0).all()
    assert {"convolution", "activation", "image"} <= kinds


def test_every_kind_of_layer_was_met():
    kinds = {step.kind for k in range(7) for step in run_of(k)[1].values()}
    expected = {"convolution", "up-convolution", "norm", "activation", "pooling", "interpolation", "gate", "sum", "image"}
    assert expected <= kinds


def test_the_trace_changes_nothing_and_leaves_nothing_behind():
    model = UNet(base_channels=4, depth=2).train()
    x = torch.randn(1, 1, 16, 16)
    with torch.no_grad():
        expected = model.eval()(x)
        model.train()
        run = trace(model, x)
        assert model.training
        assert torch.equal(run.logits, expected[0])
        assert all(m.inplace for m in model.modules() if isinstance(m, nn.ReLU))
        assert not any(m._forward_hooks for m in model.modules())


def test_a_window_lies_where_the_pixel_lies_and_padding_is_marked():
    """By hand: a 3x3 convolution's window at the corner, and the same sum by PyTorch's own unfold."""
    run, steps = run_of(0)
    number = number_at(run, steps, "encoder.0.block.0", 2, 0, 5)
    assert number["rows"].tolist() == [-1, 0, 1]
    assert number["columns"].tolist() == [4, 5, 6]
    assert number["inside"].reshape(3, 3).tolist() == [[0, 0, 0], [1, 1, 1], [1, 1, 1]]
    windows = F.unfold(run.x, 3, padding=1).view(9, 44, 44)[:, 0, 5]
    assert number["windows"].ravel() == pytest.approx(windows.numpy())


def test_an_up_convolution_stamps_copies_of_one_pixel():
    run, steps = run_of(0)
    number = number_at(run, steps, "decoder.0.up", 3, 9, 4)
    assert (number["rows"].tolist(), number["columns"].tolist()) == ([4], [2])
    assert number["copies"]["at"] == [1, 0]
    patch = run.outputs["decoder.0.up"][3, 8:10, 4:6].numpy()
    assert number["copies"]["values"] == pytest.approx(patch, abs=1e-5)


def test_pooling_names_the_winner():
    run, steps = run_of(0)
    number = number_at(run, steps, "encoder.0.pool", 1, 3, 7)
    window = run.outputs["encoder.0.block.5"][1, 6:8, 14:16]
    assert number["winner"] == int(window.argmax())
    assert number["how"] == "maximum"


def test_a_place_that_there_is_not_is_refused_in_words():
    run, steps = run_of(0)
    with pytest.raises(ValueError, match=r"row is 44; encoder.0.block.0 has rows 0 to 43"):
        number_at(run, steps, "encoder.0.block.0", 0, 44, 0)
    with pytest.raises(ValueError, match="no step 'nowhere'"):
        number_at(run, steps, "nowhere", 0, 0, 0)


def test_sources_are_found_behind_concatenations_crops_and_sums():
    _, steps = run_of(0)
    assert steps["decoder.1.block.0"].sources == (("encoder.0.block.5", 0, 4), ("decoder.1.up", 0, 4))
    valid, cropped = run_of(1)
    assert [source.step for source in cropped["decoder.1.block.0"].sources] == ["encoder.0.block.3", "decoder.1.up"]
    assert valid.inputs["decoder.1.block.0"].shape[-1] < valid.outputs["encoder.0.block.3"].shape[-1]
    added = run_of(3)[1]["input of decoder.0.block.0"]
    assert (added.kind, {source.step for source in added.sources}) == ("sum", {"encoder.1.block.5", "decoder.0.up.1"})


def test_stages_of_a_unet_form_a_u_and_its_skips_join_equal_levels():
    model = networks()[0]
    _, steps = run_of(0)
    stages = stages_of(model, steps)
    assert [s.name for s in stages] == ["encoder.0", "encoder.1", "bottleneck", "decoder.0", "decoder.1", "head"]
    assert [s.level for s in stages] == [0, 1, 2, 1, 0, 0]
    assert [tuple(s) for s in skips_of(model, steps, stages)] == [(1, "encoder.1", "decoder.0"), (0, "encoder.0", "decoder.1")]
    assert skips_of(networks()[5], run_of(5)[1], stages_of(networks()[5], run_of(5)[1])) == []


def test_a_decoder_is_named_by_its_level_as_skips_and_figures_are():
    described = NetworkSession(UNet(base_channels=4, depth=2), {"a": (np.zeros((16, 16), np.uint8), None)}).describe()
    labels = {stage["name"]: (stage["label"], stage["level"]) for stage in described["stages"]}
    assert labels["encoder.0"] == ("encoder 0", 0)
    assert (labels["decoder.0"], labels["decoder.1"]) == (("decoder 1", 1), ("decoder 0", 0))


def test_a_network_of_others_has_stages_too():
    model, (_, steps) = Odd().eval(), run_of(6)
    stages = stages_of(model, steps)
    assert {name for stage in stages for name in stage.steps} == set(steps) - {"image"}
    assert max(stage.level for stage in stages) == 2
    skips = skips_of(model, steps, stages)
    assert [(s.level, s.source, s.target) for s in skips] == [(None, "stem", "last")]
    assert "again (2)" in steps


@pytest.mark.parametrize("k", [0, 4, 6])
def test_what_a_channel_is_worth_is_what_a_whole_run_without_it_says(k):
    run, _ = run_of(k)
    step = {0: "encoder.1.block.5", 4: "bottleneck.block.relu", 6: "again (2)"}[k]
    channels = [3, 0, 2]
    fall, changed = channel_worth(run, step, channels, batch_size=2)
    before, winner = run.logits.softmax(0).max(dim=0)
    for position, channel in enumerate(channels):
        name, turns = step.split(" (")[0], []

        def silence(_module, _inputs, out, channel=channel, turns=turns):
            turns.append(1)
            if len(turns) == (2 if "(2)" in step else 1):
                out = out.clone()
                out[:, channel] = 0
            return out

        handle = run.model.get_submodule(name).register_forward_hook(silence)
        with torch.no_grad():
            logits = run.model(run.x)[0]
        handle.remove()
        after = logits.softmax(0).gather(0, winner[None])[0]
        assert fall[position] == pytest.approx(float((before - after).mean()), abs=1e-6)
        assert changed[position] == pytest.approx(float((logits.argmax(0) != winner).float().mean()), abs=1e-3)
    assert not any("forward" in vars(module) for module in run.model.modules())


@pytest.fixture
def explorer():
    torch.manual_seed(0)
    cells = {f"cell {seed}": generate_cell(seed, 64) for seed in (1, 2)}
    return explore_network(UNet(base_channels=4, depth=2).eval(), generate_cell(0, 64), others=cells)


def asked(explorer, *calls, buffers=()):
    """What the page gets for these (method, arguments…): answers decoded as network.js does."""
    heard = []
    explorer.send = lambda content, buffers: heard.append((json.loads(json.dumps(content)), buffers))
    sent = [{"id": k, "method": method, "arguments": list(given)} for k, (method, *given) in enumerate(calls)]
    explorer.receive(explorer, {"calls": sent}, list(buffers))
    ((content, arrays),) = heard

    def unpacked(value):
        if isinstance(value, dict) and "buffer" in value:
            return np.frombuffer(arrays[value["buffer"]], value["type"])
        if isinstance(value, dict):
            return {name: unpacked(each) for name, each in value.items()}
        return [unpacked(each) for each in value] if isinstance(value, list) else value

    assert [answer["id"] for answer in content["answers"]] == list(range(len(calls)))
    return [unpacked(answer.get("answer", answer.get("error"))) for answer in content["answers"]]


def test_several_questions_are_answered_in_one_message(explorer):
    network, prediction, maps = asked(explorer, ["describe"], ["prediction"], ["maps", "bottleneck.block.5", None, 3, 8, False])
    assert [stage["name"] for stage in network["stages"]][2] == "bottleneck"
    image = generate_cell(0, 64).image
    assert prediction["mask"].reshape(64, 64).tolist() == predict(explorer.session.model, image).tolist()
    values = explorer.session.values("bottleneck.block.5")
    assert maps["channels"] == np.argsort(-values.mean(axis=(1, 2)), kind="stable")[:3].tolist()
    shown = np.array(maps["bytes"]).reshape(3, 8, 8)
    small = values[maps["channels"]].reshape(3, 8, 2, 8, 2).mean(axis=(2, 4))
    low, high = (np.array(maps[n])[:, None, None] for n in ("low", "high"))
    assert low + (high - low) * shown / 255 == pytest.approx(small, abs=float((high - low).max()) / 500)


def test_paint_cut_and_mute_are_what_the_library_does_with_them(explorer):
    model, image = explorer.session.model, generate_cell(0, 64).image
    asked(explorer, ["paint", [[10, 20], [40, 20]], "bright", 9])
    painted = stroke(image, image, [[10, 20], [40, 20]], "bright", 9)
    assert (painted[20, 10:41] == image.max()).all()
    assert explorer.session.prediction()["mask"].tolist() == predict(model, painted).tolist()
    _, state = asked(explorer, ["cut", 0, "noise"], ["cut", 1, "zeros"])
    assert state["cuts"] == {"0": "noise", "1": "zeros"}
    with without_skip(model, 0, "noise"), without_skip(model, 1):
        assert explorer.session.prediction()["mask"].tolist() == predict(model, painted).tolist()
    asked(explorer, ["reset"], ["mute", "bottleneck.block.5", [0, 1, 2]])
    explorer.session.model.bottleneck.register_forward_hook(lambda _m, _i, out: out * (torch.arange(16) > 2)[:, None, None])
    assert explorer.session.run.logits.argmax(0).tolist() == predict(model, image).tolist()
    assert not explorer.session.values("bottleneck.block.5")[:3].any()


def test_the_scores_are_those_of_the_metrics_and_a_reset_undoes_all(explorer):
    cell = generate_cell(0, 64)
    (before,) = asked(explorer, ["prediction"])
    found = scores(confusion_matrix(cell.mask, predict(explorer.session.model, cell.image)), average=None).iou
    assert before["against"] == "truth"
    assert before["iou"] == [None if np.isnan(v) else pytest.approx(float(v)) for v in found]
    asked(explorer, ["paint", [[32, 32]], "dark", 30], ["cut", 1, "swapped"], ["mute", "head", [0]])
    (changed,) = asked(explorer, ["prediction"])
    assert changed["changed"] == pytest.approx(np.mean(changed["mask"] != before["mask"]))
    assert changed["confidence"].tolist() != before["confidence"].tolist()
    state, after = asked(explorer, ["reset"], ["prediction"])
    assert (state["cuts"], state["muted"], state["painted"]) == ({}, {}, False)
    assert after["mask"].tolist() == before["mask"].tolist()


def test_the_field_is_the_gradient_s(explorer):
    from unet_lab.inspection import effective_receptive_field

    (field,) = asked(explorer, ["field", 30, 12])
    expected = effective_receptive_field(explorer.session.model, generate_cell(0, 64).image, (30, 12))["input"]
    image = next(each for each in field["fields"] if each["stage"] == "image")
    assert image["bytes"].reshape(64, 64) == pytest.approx(255 * (expected / expected.max()) ** 0.5, abs=0.51)
    assert {each["stage"] for each in field["fields"]} == {"image"} | {s.name for s in explorer.session.stages}


def test_other_images_and_files_of_ones_own(explorer, tmp_path):
    (state,) = asked(explorer, ["choose", "cell 2"])
    assert state["image"] == {"id": "cell 2", "name": "cell 2", "note": ""}
    write_image(tmp_path / "wide.png", generate_cell(3, 100).image[:70])
    content = (tmp_path / "wide.png").read_bytes()
    opened, picture = asked(explorer, ["open", "wide.png", {"buffer": 0}], ["picture"], buffers=[memoryview(content)])
    assert opened["image"]["name"] == "wide.png"
    assert opened["image"]["note"] == "scaled from 70 x 100 to 68 x 100 pixels, a size that this network takes"
    assert (picture["height"], picture["width"]) == (68, 100)
    (network,) = asked(explorer, ["describe"])
    assert network["stages"][0]["shape"] == [4, 68, 100]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (["open", "drawing.svg", {"buffer": 0}], "svg"),
        (["open", "broken.png", {"buffer": 0}], "broken.png"),
        (["open", "../../x.png", {"buffer": 0}], "x.png"),
        (["choose", "nobody"], "there is no image 'nobody'; there are the given image, cell 1, cell 2."),
        (["cut", 7, "zeros"], r"level is 7; this network's skips that can be cut are \[1, 0\]"),
        (["cut", 0, "scissors"], "how is 'scissors'; allowed are 'on', 'zeros', 'noise', 'shuffled' and 'swapped'"),
        (["paint", [[1, 1]], "spray", 3], "brush is 'spray'; allowed are 'dark', 'bright', 'erase', 'noise'"),
        (["mute", "image", [0]], "image is no layer"),
        (["system", "ls"], "method is 'system'; allowed are describe"),
    ],
)
def test_what_cannot_be_is_answered_in_words_and_the_view_goes_on(explorer, call, words):
    said, state = asked(explorer, call, ["state"], buffers=[b"<svg xmlns='http://www.w3.org/2000/svg'/>"])
    assert re.search(words, said), said
    assert "/tmp" not in said
    assert (state["image"]["name"], state["painted"], state["cuts"]) == ("the given image", False, {})


def test_a_huge_image_is_scaled_and_its_truth_with_it():
    model = UNet(base_channels=2, depth=2)
    image, truth = np.zeros((700, 1000), np.uint8), np.ones((700, 1000), np.uint8)
    prepared = prepare(model, image, truth)
    assert prepared.image.shape == prepared.truth.shape == (136, 192) or prepared.image.shape == (132, 192)
    assert "scaled from 700 x 1000" in prepared.note
    grey = prepare(model, np.dstack([image] * 3))
    assert grey.image.ndim == 2
    with pytest.raises(ValueError, match="the image has 2 channels; this network takes 3"):
        prepare(UNet(in_channels=3, base_channels=2, depth=1), np.zeros((16, 16, 2)))


@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.floats(-50, 100), st.floats(-50, 100)), min_size=1, max_size=4), st.integers(1, 60))
def test_erasing_what_was_painted_brings_the_image_back(points, width):
    image = generate_cell(1, 48).image
    painted = stroke(image, image, points, "noise", width)
    assert np.array_equal(stroke(painted, image, points, "erase", width), image)


@pytest.mark.parametrize("k", range(7))
def test_any_network_is_walked_through(k):
    explorer = explore_network(networks()[k], generate_cell(0, 188 if k == 1 else 64).image, others={})
    assert re.match(r"\d+ stages walked through", explorer.drive())
    assert explorer.png[:4] == b"\x89PNG"
    assert "skips" in explorer.words


def test_the_bundle_holds_every_module_once_and_no_import():
    text = NetworkExplorer._esm if isinstance(NetworkExplorer._esm, str) else str(NetworkExplorer._esm)
    assert "import " not in re.sub(r"//.*", "", text)
    for path in HERE.glob("network_*.js"):
        assert text.count(f"const {path.stem} = (() => {{") == 1, path.name
    assert text.count("export default") == 1


def test_arrays_travel_as_bytes():
    buffers = []
    sent = packed({"a": [np.arange(3, dtype=np.int64)], "b": np.ones(2), "c": "text"}, buffers)
    assert sent == {"a": [{"buffer": 0, "type": "int32"}], "b": {"buffer": 1, "type": "float32"}, "c": "text"}
    assert np.frombuffer(buffers[0], np.int32).tolist() == [0, 1, 2]


# -- what users gave who knew README and help() only -----------------------------------------------------------------------


def test_a_relu_that_works_in_place_shows_what_went_in():
    explorer = explore_network(UNet(base_channels=8, depth=2))
    before = explorer.ask("number", "encoder.0.block.1", 0, 5, 5)["value"]
    for row in range(0, 96, 5):
        given = explorer.ask("number", "encoder.0.block.2", 0, row, 5)
        assert given["input"] == pytest.approx(explorer.ask("number", "encoder.0.block.1", 0, row, 5)["value"])
        assert given["total"] == max(0, given["input"])
    assert explorer.ask("number", "encoder.0.block.1", 0, 5, 5)["value"] == before


@pytest.mark.parametrize(
    ("method", "arguments", "words"),
    [
        ("mute", ("encoder.0.block.0", [99]), "channels 0 to 3"),
        ("mute", ("encoder.0.block.0", [-1]), "channels 0 to 3"),
        ("mute", ("encoder.0.block.0", [True]), "channels 0 to 3"),
        ("mute", ("nowhere", [0]), "no step 'nowhere'"),
        ("worth", ("encoder.0.block.0", 0.5), "channels 0 to 3"),
        ("maps", ("encoder.0.block.0", [4]), "channels 0 to 3"),
        ("number", ("encoder.0.block.0", 0, 1.5, 0), "row is 1.5"),
        ("field", (None, 0), "row is None"),
        ("field", (0, 500), "column is 500"),
        ("maps", (), "it takes"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused_and_the_next_is_answered(method, arguments, words):
    explorer = explore_network(UNet(base_channels=4, depth=1), np.eye(32, dtype=np.uint8))
    with pytest.raises(ValueError, match=words):
        explorer.ask(method, *arguments)
    assert explorer.ask("prediction")["height"] == 32
    assert explorer.session.muted == {}


IMAGE = np.eye(90, 96, dtype=np.uint8)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (lambda m: explore_network("hello"), "the model is str"),
        (lambda m: explore_network(UNet), r"the class UNet; give a network, UNet\(\)"),
        (lambda m: explore_network(nn.Conv2d(1, 3, 3)), "a single layer"),
        (lambda m: explore_network(UNet(base_channels=4, depth=1).to("meta")), "meta"),
        (lambda m: explore_network(m, truth=np.zeros((90, 96), int)), "no image that it belongs to"),
        (lambda m: explore_network(m, IMAGE, np.zeros((96, 90), int)), r"truth has shape \(96, 90\) and the image \(90, 96\)"),
        (lambda m: explore_network(m, IMAGE, np.full((90, 96), 0.5)), "class indices"),
        (lambda m: explore_network(m, IMAGE, 255 * (IMAGE > 0)), "0 and 255 only"),
        (lambda m: explore_network(m, IMAGE, 0 * IMAGE.astype(int) - 1), "class indices"),
        (lambda m: explore_network(m, (IMAGE,)), "a pair is"),
        (lambda m: explore_network(m, (IMAGE, IMAGE), IMAGE), "no truth= beside it"),
        (lambda m: explore_network(m, IMAGE, others=[IMAGE]), "by name"),
        (lambda m: explore_network(m, IMAGE, class_names=("a", "b")), "3 classes"),
    ],
)
def test_what_cannot_be_explored_is_refused_in_words(given, words):
    with pytest.raises(ValueError, match=words):
        given(UNet(base_channels=4, depth=2))


def test_another_image_with_a_truth_that_does_not_fit_leaves_the_first_one_shown():
    explorer = explore_network(UNet(base_channels=4, depth=1), np.eye(32, dtype=np.uint8), others={"b": (IMAGE, IMAGE[:5])})
    with pytest.raises(ValueError, match="truth has shape"):
        explorer.ask("choose", "b")
    assert explorer.ask("state")["image"]["id"] == "the given image"
    assert explorer.ask("prediction")["height"] == 32


def test_what_another_thread_changes_while_the_network_runs_takes_nothing_away(monkeypatch):
    session = NetworkSession(UNet(1, 3, base_channels=2, depth=1), {"noise": (np.random.default_rng(0).random((16, 16)), None)})
    session.changed()

    conditions = session.conditions

    @contextmanager
    def meanwhile():
        with conditions():
            yield
        session.changed()  # as the view's own thread does, before the run is handed out

    monkeypatch.setattr(session, "conditions", meanwhile)
    assert session.run.logits.shape == (3, 16, 16)
