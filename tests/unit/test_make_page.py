"""Building the page: what is missing is said, nothing of others is cleared, and the network is described as it is."""

import os
import runpy
import shutil

import pytest

from tests.conftest import ROOT
from unet_lab.acceleration.observable import observable_files
from unet_lab.explorers.network_session import NetworkSession
from unet_lab.weights import load_pretrained

MAKER = runpy.run_path(str(ROOT / "scripts" / "make_page.py"))
CannotBuild, GLOBALS = MAKER["CannotBuild"], MAKER["runtime_folder"].__globals__


def test_without_npm_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(GLOBALS, "PACKAGES", tmp_path / "packages")
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(CannotBuild, match=r"npm is not installed.*nodejs.org"):
        MAKER["runtime_folder"]()


@pytest.mark.skipif(os.name == "nt", reason="the npm of this test is a shell script")
def test_what_npm_says_is_passed_on(monkeypatch, tmp_path):
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'npm error ENOTFOUND' >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setitem(GLOBALS, "PACKAGES", tmp_path / "packages")
    monkeypatch.setattr(shutil, "which", lambda _name: str(npm))
    with pytest.raises(CannotBuild, match=r"(?s)Connect to a network.*ENOTFOUND"):
        MAKER["runtime_folder"]()
    assert not (tmp_path / "packages" / "done.json").exists()


def test_a_folder_of_something_else_is_left_alone(monkeypatch, tmp_path):
    (tmp_path / "runtime").mkdir()
    (tmp_path / "runtime" / "package.json").write_text('{"version": "0"}')
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    monkeypatch.setitem(GLOBALS, "runtime_folder", lambda: tmp_path / "runtime" / "dist")
    with pytest.raises(CannotBuild, match="holds something else than a page"):
        MAKER["build"](tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_a_page_is_made_anew_unless_something_of_ones_own_lies_in_it(tmp_path):
    page = tmp_path / "page"
    (page / "data").mkdir(parents=True)
    (page / "index.html").write_text("a page")
    (page / "data" / "files.json").write_text('["index.html"]')
    (page / "data" / "my_notes.csv").write_text("years of work")
    with pytest.raises(CannotBuild, match=r"something else than a page: data/my_notes\.csv"):
        MAKER["make_room"](page)
    assert (page / "data" / "my_notes.csv").read_text() == "years of work"
    assert (page / "index.html").is_file()
    (page / "data" / "my_notes.csv").unlink()
    MAKER["make_room"](page)
    assert not page.exists()
    page.write_text("a file")
    with pytest.raises(CannotBuild, match="is a file; name a folder"):
        MAKER["make_room"](page)


def test_the_description_names_the_graphs_layers():
    model, cells = load_pretrained(), MAKER["cells"]()
    _, places, layers = observable_files(model)
    found = MAKER["description"](NetworkSession(model, cells), places, list(cells))
    assert list(found["steps"]) == ["image", *(layer.name for layer in layers)]
    for layer in layers:
        step = found["steps"][layer.name]
        assert [source["step"] for source in step["sources"]] == list(layer.sources), layer.name
        assert (step["kind"], step["stage"]) == (layer.kind, layer.stage)
        assert step["shape"] == [layer.channels, 192 // 2**layer.level, 192 // 2**layer.level]
    assert found["skipSteps"] == {level: f"encoder.{level}.block.5" for level in range(4)}
    assert set(found["weights"]) == {name for name in model.state_dict() if not name.endswith("num_batches_tracked")}
