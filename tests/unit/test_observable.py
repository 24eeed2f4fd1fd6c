"""The graphs of the page compute what PyTorch computes, with skips cut, exchanged and channels switched off too."""

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from unet_lab import UNet, predict
from unet_lab.acceleration.observable import observable_files
from unet_lab.datasets import generate_cell, standardise
from unet_lab.inspection import activations
from unet_lab.inspection.ablation import without_skip
from unet_lab.inspection.fields import effective_receptive_field
from unet_lab.weights import load_pretrained


class Session:
    """A graph, run with every channel kept and every skip as it is, but for what is given."""

    def __init__(self, folder, name):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(folder / f"{name}.onnx", options)
        self.outputs = [output.name for output in self.session.get_outputs()]

    def __call__(self, image, **changes):
        feeds = {"image": image}
        for given in self.session.get_inputs():
            if given.name.startswith("keep "):
                feeds[given.name] = np.ones((1, given.shape[1], 1, 1), np.float32)
            elif given.name.startswith("skip "):
                feeds[given.name] = np.ones(1, np.float32)
            elif given.name.startswith("instead "):
                feeds[given.name] = np.zeros((1, 1, 1, 1), np.float32)
        feeds |= {name.replace("_", " ", 1): value for name, value in changes.items()}
        return dict(zip(self.outputs, self.session.run(None, feeds), strict=True))


@pytest.fixture(scope="module")
def model():
    return load_pretrained()


@pytest.fixture(scope="module")
def graphs(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("graphs")
    files, _, layers = observable_files(model)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return Session(folder, "network"), Session(folder, "observed"), layers, Session(folder, "gradient")


def as_batch(image):
    return standardise(image)[None, None]


def test_masks_are_those_of_predict_on_20_cells(model, graphs):
    same = []
    for seed in range(20):
        image, _ = generate_cell(1_900_000 + seed, 96)
        mask = graphs[0](as_batch(image))["probabilities"][0].argmax(axis=0)
        same.append((mask == predict(model, image)).mean())
    assert min(same) >= 0.995


def test_every_layer_gives_what_its_module_gives(model, graphs):
    network, observed, layers, _ = graphs
    image, _ = generate_cell(7, 96)
    there = activations(model, image)
    assert {layer.name for layer in layers} == set(there) == set(observed.outputs) - {"probabilities"}
    got = observed(as_batch(image))
    assert max(float(np.abs(got[name] - tensor.numpy()).max()) for name, tensor in there.items()) < 1e-3
    quick = network(as_batch(image))
    assert len(quick) == 11  # four stages down, the bottleneck, four up, the head, the probabilities
    assert max(float(np.abs(quick[name] - got[name]).max()) for name in quick) < 1e-3


@pytest.mark.parametrize("level", range(4))
def test_a_cut_skip_is_the_one_that_without_skip_cuts(model, graphs, level):
    image, _ = generate_cell(8, 96)
    x = as_batch(image)
    with torch.no_grad(), without_skip(model, level):
        expected = model(torch.from_numpy(x)).numpy()
    got = graphs[0](x, **{f"skip_{level}": np.zeros(1, np.float32)})["head"]
    assert np.abs(got - expected).max() < 1e-3
    assert np.abs(got - graphs[0](x)["head"]).max() > 0.1  # the cut is felt


def test_an_exchanged_skip_brings_the_other_images_maps(model, graphs):
    x, other = (as_batch(generate_cell(seed, 96)[0]) for seed in (9, 10))
    maps = graphs[0](other)["encoder.1.block.5"]
    with torch.no_grad(), without_skip(model, 1, torch.from_numpy(maps)):
        expected = model(torch.from_numpy(x)).numpy()
    got = graphs[0](x, skip_1=np.zeros(1, np.float32), instead_1=maps)["head"]
    assert np.abs(got - expected).max() < 1e-3


@pytest.mark.parametrize(
    ("name", "arriving"),  # the skips that arrive behind the layer
    [("encoder.0.block.0", range(4)), ("bottleneck.block.4", range(4)), ("decoder.1.up", range(3)), ("decoder.3.block.2", ())],
)
def test_channels_switched_off_one_by_one_in_one_batch(model, graphs, name, arriving):
    x = as_batch(generate_cell(11, 96)[0])
    keep = np.ones((2, graphs[1](x)[name].shape[1], 1, 1), np.float32)
    expected = []
    for row, channel in enumerate((0, 3)):
        keep[row, channel] = 0
        mask = torch.from_numpy(keep[row])
        handle = model.get_submodule(name).register_forward_hook(lambda _m, _i, out, mask=mask: out * mask)
        with torch.no_grad():
            expected.append(model(torch.from_numpy(x)).numpy()[0])
        handle.remove()
    rows = {f"instead_{level}": np.zeros((2, 1, 1, 1), np.float32) for level in arriving}
    got = graphs[1](x, **{f"keep_{name}": keep}, **rows)["head"]
    assert np.abs(got - np.stack(expected)).max() < 1e-3


def test_other_networks_are_refused_in_words():
    with pytest.raises(ValueError, match="allowed is a UNet"):
        observable_files(nn.Conv2d(1, 3, 3))
    with pytest.raises(ValueError, match="norm=None, up='bilinear'"):
        observable_files(UNet(base_channels=2, depth=1, norm=None, up="bilinear"))


def test_the_gradient_is_pytorchs(model, graphs):
    image, _ = generate_cell(12, 96)
    place, level = (40, 52), 2
    names = [name for name in graphs[0].outputs if name.endswith("block.5")]
    seed = np.zeros((1, 3, 96, 96), np.float32)
    with without_skip(model, level):
        expected = effective_receptive_field(model, image, place, [name.removesuffix(".5") for name in names], class_index=1)
    seed[0, 1, *place] = 1
    got = graphs[3](as_batch(image), seed=seed, **{f"skip_{level}": np.zeros(1, np.float32)})
    assert set(got) == {"field image", *(f"field {name}" for name in names)}
    for name, field in got.items():
        right = expected["input" if name == "field image" else name.removeprefix("field ").removesuffix(".5")]
        assert np.abs(field[0, 0] - right).max() < 1e-3 * right.max(), name
        assert right.max() > 0
