"""Packages of the BioImage Model Zoo: what they hold, that bioimageio.core's own test passes, and what is refused in words."""

import io
import zipfile

import numpy as np
import pytest
import torch

from unet_lab.acceleration import export, runtimes
from unet_lab.acceleration.runtimes import missing
from unet_lab.acceleration.sharing import About, check_classes, test_image, warn_of_outliers
from unet_lab.acceleration.zoo_package import as_input, document, draw_cover, prepared, smallest_size, takes_any_size
from unet_lab.datasets import SegmentationDataset, generate_cell, standardise
from unet_lab.training import train
from unet_lab.unet import UNet

# the name is pytest's for tests; here it is a function that makes a test image
test_image.__test__ = False

TOLD = {
    "name": "Lymphocytes U-Net",
    "description": "Cell body and nucleus of lymphocytes in electron micrographs.",
    "authors": ["Ada Lovelace", {"name": "Charles Babbage", "affiliation": "London"}],
    "licence": "CC-BY-4.0",
}
needs_share = pytest.mark.skipif(
    bool(missing("bioimageio") or missing("bioimageio.core")),
    reason='bioimageio.core is not installed: pip install -e ".[share]"',
)
IMAGE = generate_cell(3, 96).image


@pytest.fixture(scope="module")
def model():
    """A small network that has learnt enough to find something."""
    torch.manual_seed(0)
    network = UNet(base_channels=4, depth=2)
    for _ in train(network, SegmentationDataset.generated(24, size=64, difficulty=0.2), epochs=4, learning_rate=0.02):
        pass
    return network.cpu()


# --- the parts, without bioimageio


def test_images_are_prepared_as_the_network_learnt_them():
    assert np.allclose(prepared(IMAGE)[0, 0].numpy(), standardise(IMAGE), atol=1e-4)
    colour = np.dstack([IMAGE, 255 - IMAGE, IMAGE // 3])
    assert np.allclose(prepared(colour)[0].numpy(), standardise(colour).transpose(2, 0, 1), atol=1e-4)
    assert as_input(colour).shape == (1, 3, 96, 96)
    assert not prepared(np.full((16, 16), 7)).any(), "nothing is divided by 0"


def test_outliers_that_others_would_not_cut_off_are_warned_of():
    hot = IMAGE.astype(np.uint16)
    hot[5, 5] = 60_000
    with pytest.warns(UserWarning, match="1 pixels of the example are outliers"):
        warn_of_outliers(hot)
    warn_of_outliers(IMAGE)


def test_the_test_image_is_the_middle_at_a_size_that_the_network_takes(model):
    image = np.arange(101 * 90).reshape(101, 90)
    middle = test_image(model, image)
    assert middle.shape == (100, 88)
    assert middle[0, 0] == image[0, 1]
    assert test_image(model, np.zeros((600, 40))).shape == (256, 40)
    valid = UNet(base_channels=2, depth=2, padding="valid")
    assert valid.output_size(smallest_size(valid)) > 0
    assert test_image(valid, np.zeros((300, 300))).shape[0] in (256, valid.nearest_sizes(256)[0])
    with pytest.raises(ValueError, match="the image is 4 x 90; the network needs 8 pixels a side"):
        test_image(model, np.zeros((4, 90)))
    with pytest.raises(ValueError, match="the image has 3 channels, and the network takes 1"):
        test_image(model, np.zeros((64, 64, 3)))


def test_the_cover_is_twice_as_wide_as_high_and_shows_the_classes():
    mask = np.zeros((96, 96), int)
    mask[:48] = 2
    cover = np.asarray(draw_cover(IMAGE, mask))
    assert cover.shape == (256, 512, 3)
    left, right = cover[:, :256].astype(int), cover[:, 256:].astype(int)
    assert (left[..., 0] == left[..., 2]).all(), "grey"
    assert np.array_equal(left[140:], right[140:]), "background stays as it is"
    assert (right[:100, :, 0] > right[:100, :, 2] + 30).all(), "the nucleus is orange"


def test_the_readme_says_how_tiles_overlap_and_how_it_was_validated(model):
    text = document(model, "A name", "A description.", ("background", "cell", "nucleus"), 0.25, "Macro IoU 0.9 on 60 cells.")
    margin = model.tile_margin()
    for words in (f"overlap by {2 * margin} pixels", "Pixel size: 0.25 micrometres", "channel 2: probability of nucleus"):
        assert words in text
    assert "# Validation\n\nMacro IoU 0.9" in text
    assert "Not stated" in document(model, "A name", "A description.", ("a", "b", "c"), None, "")


class OneSize(torch.nn.Module):
    """A network that takes images of 32 x 32 only."""

    def __init__(self):
        super().__init__()
        self.map = torch.nn.Parameter(torch.rand(1, 3, 32, 32))

    def forward(self, x):
        return x * self.map


def test_a_trace_that_kept_the_examples_size_is_told(model, tmp_path):
    x = prepared(generate_cell(3, 32).image)
    for network, free in ((model.eval(), True), (OneSize(), False)):
        torch.jit.save(torch.jit.trace(network, x), tmp_path / "traced.pt")
        assert takes_any_size(tmp_path / "traced.pt", network, x) is free


# --- what is refused


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"licence": ""}, "licence is '': without one nobody may use the network. For weights take 'CC-BY-4.0'"),
        ({"licence": None}, "licence is None"),
        ({"name": "U"}, "name is 'U'; allowed are 5 to 64 letters"),
        ({"name": "Größe: alles"}, "allowed are 5 to 64 letters"),
        ({"description": "cells"}, "description is 'cells'; say in a sentence"),
        ({"authors": []}, "give a list of at least one"),
        ({"authors": "Ada Lovelace"}, "give a list of at least one"),
        ({"authors": [{"affiliation": "London"}]}, "an author is"),
        ({"authors": ["Ada/Charles"]}, "an author is 'Ada/Charles'"),
        ({"pixel_size": 0}, "pixel_size is 0; allowed is the side of a pixel in micrometres, above 0"),
        ({"pixel_size": -0.2}, "pixel_size is -0.2"),
        ({"pixel_size": float("nan")}, "pixel_size is nan"),
        ({"pixel_size": "0.2 um"}, "pixel_size is '0.2 um'"),
        ({"license": "MIT"}, "a package has no 'license'; it has name, .* Did you mean 'licence'"),
        ({"autors": ["Ada"]}, "Did you mean 'authors'"),
    ],
)
def test_what_a_package_cannot_say_is_refused_before_anything_is_written(change, words, model, tmp_path):
    with pytest.raises(ValueError, match=words):
        export(model, tmp_path / "my.zip", IMAGE, format="bioimageio", **(TOLD | change))
    assert not list(tmp_path.iterdir())


def test_a_package_is_a_zip_and_other_formats_take_no_licence(model, tmp_path):
    with pytest.raises(ValueError, match=r"my\.onnx ends in '\.onnx'; a package ends in \.zip: my\.zip"):
        export(model, tmp_path / "my.onnx", IMAGE, format="bioimageio", **TOLD)
    with pytest.raises(ValueError, match=r"format is None; allowed are None .* and 'bioimageio', which alone takes licence"):
        export(model, tmp_path / "my.onnx", torch.zeros(1, 1, 32, 32), licence="MIT")
    with pytest.raises(ValueError, match="format is 'zoo'; allowed are None"):
        export(model, tmp_path / "my.zip", IMAGE, format="zoo")
    with pytest.raises(ValueError, match="for the BioImage Model Zoo: format='bioimageio'"):
        export(model, tmp_path / "my.zip", torch.zeros(1, 1, 32, 32))


def test_an_empty_mask_and_missing_class_names_are_refused():
    nothing = np.zeros((1, 3, 8, 8), np.float32)
    nothing[:, 0] = 1
    with pytest.raises(ValueError, match="the network finds 'background' only; a test output that is all alike"):
        check_classes(("background", "body", "nucleus"), nothing)
    with pytest.raises(ValueError, match="the network has 3 classes, so give as many names"):
        check_classes(("background", "cell"), nothing)


def test_without_the_extra_it_says_what_to_install(model, tmp_path, monkeypatch):
    monkeypatch.setattr(runtimes, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"bioimageio\.spec and bioimageio\.core: pip install -e \"\.\[share\]\""):
        export(model, tmp_path / "my.zip", IMAGE, format="bioimageio", **TOLD)


def test_fields_have_their_defaults():
    assert About.of(TOLD).in_zoo_words["license"] == "CC-BY-4.0"
    assert About.of(TOLD).in_zoo_words["authors"][0] == {"name": "Ada Lovelace"}
    assert "doi" in About.of(TOLD).in_zoo_words["cite"][0]


# --- with bioimageio


def finding_something(image, **settings):
    """A network that has learnt nothing, with a head under which every class is the likeliest somewhere in this image."""
    torch.manual_seed(1)
    network = UNet(base_channels=4, depth=2, **settings).eval()
    with torch.no_grad():
        logits = network(prepared(image))
        std, mean = logits.std(dim=(0, 2, 3)), logits.mean(dim=(0, 2, 3))
        network.head.bias.copy_((network.head.bias - mean) / std)
        network.head.weight.div_(std[:, None, None, None])
    return network


@needs_share
@pytest.mark.slow
@pytest.mark.parametrize("change", [{}, {"padding": "valid"}, {"up": "bilinear", "attention": True, "in_channels": 3}], ids=str)
def test_bioimageio_core_s_own_test_passes(change, model, tmp_path):
    """Through the front: each kind of weights gives the stored output for the stored input, at other sizes and batches too."""
    from bioimageio.core import load_description, test_model

    image = np.dstack([IMAGE, 255 - IMAGE, IMAGE // 2]) if "in_channels" in change else IMAGE
    network = finding_something(image, **change) if change else model
    path = export(network, tmp_path / "my_unet.zip", image, format="bioimageio", pixel_size=0.02, **TOLD)
    assert test_model(path).status == "passed"
    described = load_description(path)
    assert described.license == "CC-BY-4.0"
    assert [author.name for author in described.authors] == ["Ada Lovelace", "Charles Babbage"]
    assert described.inputs[0].axes[2].scale == 0.02
    assert described.inputs[0].axes[2].unit == "micrometer"
    assert (described.inputs[0].axes[2].size.min, described.inputs[0].axes[2].size.step) == (smallest_size(network), network.grid)
    kinds = {name for name, entry in described.weights if entry is not None}
    free = not change.keys() & {"padding", "up"}  # an ONNX graph with a crop or a resizing in it takes one size only
    assert kinds == ({"torchscript", "onnx"} if free and not missing("onnx", "onnxruntime") else {"torchscript"})


@needs_share
@pytest.mark.slow
def test_what_other_programs_predict_is_what_predict_gives(model, tmp_path):
    """An image that the package has never seen, of another size, through bioimageio.core; the same classes as by `predict`."""
    from bioimageio.core import create_prediction_pipeline, load_description
    from bioimageio.core.digest_spec import create_sample_for_model

    from unet_lab.inference import predict

    path = export(model, tmp_path / "my_unet.zip", IMAGE, format="bioimageio", **TOLD)
    described, image = load_description(path), generate_cell(11, 128).image
    sample = create_sample_for_model(described, inputs={"image": as_input(image)})
    got = create_prediction_pipeline(described).predict_sample_without_blocking(sample).members["probabilities"].data.values
    assert np.allclose(got.sum(axis=1), 1, atol=1e-5)
    assert (got[0].argmax(axis=0) == predict(model, image)).mean() > 0.999


@needs_share
@pytest.mark.slow
def test_the_files_of_a_package_and_licences_by_name(model, tmp_path):
    path = export(model, tmp_path / "my_unet.zip", IMAGE, format="bioimageio", **TOLD)
    with zipfile.ZipFile(path) as package:
        names = set(package.namelist())
        assert {"rdf.yaml", "README.md", "cover.png", "test_input.npy", "test_output.npy", "weights_torchscript.pt"} <= names
        stored = np.load(io.BytesIO(package.read("test_input.npy")))
    assert np.array_equal(stored[0, 0], IMAGE)
    for licence, words in (("CC BY 4.0", "no SPDX identifier. Did you mean 'CC-BY-4.0'"), ("GPL-2.0", "SPDX has given up")):
        with pytest.raises(ValueError, match=words):
            export(model, tmp_path / "other.zip", IMAGE, format="bioimageio", **(TOLD | {"licence": licence}))
    assert not (tmp_path / "other.zip").exists()


@needs_share
@pytest.mark.slow
def test_a_package_that_core_does_not_pass_is_not_written(model, tmp_path, monkeypatch):
    from unet_lab.acceleration import zoo_package

    monkeypatch.setattr(zoo_package, "preparation", list)  # it says that nothing is done, and the network gets greys
    with pytest.raises(ValueError, match=r"bioimageio\.core's test of the package says"):
        export(model, tmp_path / "my.zip", IMAGE, format="bioimageio", **TOLD)
    assert not list(tmp_path.iterdir())
