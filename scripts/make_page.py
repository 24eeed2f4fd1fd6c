"""Build the page: the network view, running in a browser, as static files in build/page/.

    python3 lab.py page [--into FOLDER]

Needs Node.js's npm, and a network the first time: ONNX Runtime Web is fetched by npm into build/page_packages/, in the version of
page/package-lock.json. Try the page with: python3 -m http.server --directory build/page. Put it on a web server: docs/page.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from unet_lab.acceleration.observable import observable_files
from unet_lab.datasets import CellParameters, generate_cell
from unet_lab.explorers.network_session import NetworkSession
from unet_lab.plots.network_overview import show_network
from unet_lab.weights import load_pretrained

HERE = Path(__file__).resolve().parents[1]
SOURCE, VIEW = HERE / "page", HERE / "unet_lab" / "explorers"
PACKAGES, PAGE = HERE / "build" / "page_packages", HERE / "build" / "page"
LARGEST = 25_000_000  # bytes in all
LIST = "data/files.json"  # what belongs to the page: whatever else lies in its folder is somebody's own
SIDE, FIRST_SEED = 192, 3_000_000  # seeds that no training, evaluation or stored cell uses
RUNTIME = {
    "ort.wasm.min.mjs": "ort.js",  # .js: some servers do not know that .mjs is JavaScript
    "ort-wasm-simd-threaded.mjs": "ort-wasm.js",
    "ort-wasm-simd-threaded.wasm": "ort-wasm.wasm",
}
LOOKS = {  # besides five cells of the full variety
    "many mitochondria": CellParameters(mitochondria=(30, 30)),
    "three neighbours": CellParameters(neighbours=(3, 3)),
    "much debris": CellParameters(debris=(18, 18)),
    "long processes": CellParameters(filopodia=(12, 12), filopodia_length=(0.5, 0.6)),
    "oval": CellParameters(elongation=(0.22, 0.22)),
}
NOTICE = """ONNX Runtime Web {version}, the files ort.js, ort-wasm.js and ort-wasm.wasm.
Copyright (c) Microsoft Corporation. All rights reserved. MIT License.

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


class CannotBuild(Exception):
    """What is missing, and how to get it."""


def runtime_folder() -> Path:
    """Where ONNX Runtime Web's files lie, fetched by npm if they are not there in the version of the lock file yet.

    Raises CannotBuild where npm is missing or does not get them.
    """
    lock = (SOURCE / "package-lock.json").read_bytes()
    done = PACKAGES / "done.json"  # a copy of the lock file, once all of it is there
    files = PACKAGES / "node_modules" / "onnxruntime-web" / "dist"
    if done.is_file() and done.read_bytes() == lock and all((files / name).is_file() for name in RUNTIME):
        return files
    npm = shutil.which("npm")
    if npm is None:
        raise CannotBuild(
            "npm is not installed; it fetches ONNX Runtime Web, once, for building the page (not for using it). It comes with "
            "Node.js: nodejs.org, or apt install npm. Then run this again."
        )
    PACKAGES.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(SOURCE / name, PACKAGES / name)
    found = subprocess.run([npm, "ci"], cwd=PACKAGES, capture_output=True, text=True, check=False)
    if found.returncode != 0 or not all((files / name).is_file() for name in RUNTIME):
        said = "\n".join((found.stderr or found.stdout).strip().splitlines()[:6])
        raise CannotBuild(
            f"npm could not fetch ONNX Runtime Web. Connect to a network (only this once) and run this again. npm said:\n{said}"
        )
    done.write_bytes(lock)
    return files


def cells() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Ten cells, drawn for the page: image and mask by name."""
    named = {f"cell {number + 1}": generate_cell(FIRST_SEED + number, SIDE) for number in range(5)}
    drawn = {name: generate_cell(FIRST_SEED + 5 + k, SIDE, look=look) for k, (name, look) in enumerate(LOOKS.items())}
    return {name: (cell.image, cell.mask) for name, cell in {**named, **drawn}.items()}


def description(session: NetworkSession, places: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """What the page must know of the network, as data/network.json holds it."""
    steps = session.describe()
    shown = [stage["shown"] for stage in steps["stages"]]
    skips = {skip.level: next(s.shown for s in session.stages if s.name == skip.source) for skip in session.skips}
    return {
        **{key: steps[key] for key in ("title", "classes", "stages", "steps", "skips")},
        "side": SIDE,
        "depth": session.model.settings["depth"],
        "cells": names,
        "weights": places,
        "outputs": ["probabilities", *shown],  # of the quick graph
        "quick": [name for name, step in steps["steps"].items() if step["kind"] in ("activation", "up-convolution")],
        "skipSteps": skips,
        "epsilon": next(m.eps for m in session.model.modules() if hasattr(m, "running_mean")),
    }


def make_room(folder: Path) -> None:
    """Remove the page that an earlier call wrote there. Raises CannotBuild where there is anything else, before it touches it."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise CannotBuild(f"{folder} is a file; name a folder, a new one or an empty one.")
    listed = folder / LIST
    ours = {LIST, *json.loads(listed.read_text(encoding="utf-8"))} if listed.is_file() else set()
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    others = sorted(files - ours)
    if others and folder != PAGE:  # build/page is nobody's own
        more = f" and {len(others) - 1} more" if others[1:] else ""
        raise CannotBuild(
            f"{folder} holds something else than a page: {others[0]}{more}. Name an empty folder or a new one, or move that away."
        )
    shutil.rmtree(folder)


def build(folder: Path) -> int:
    """Write the page into a folder, which is made anew; its size in bytes."""
    runtime = runtime_folder()
    model, drawn = load_pretrained(), cells()
    files, places, _ = observable_files(model)
    session = NetworkSession(model, drawn)
    version = json.loads((runtime.parent / "package.json").read_text(encoding="utf-8"))["version"]
    make_room(folder)
    for part in ("data", "runtime", "view"):
        (folder / part).mkdir(parents=True)
    for path in [*SOURCE.glob("*.js"), *SOURCE.glob("*.html"), *SOURCE.glob("*.css")]:
        shutil.copy(path, folder / path.name)
    for path in [*VIEW.glob("network_*.js"), VIEW / "network.css"]:
        shutil.copy(path, folder / "view" / path.name)
    for name, ours in RUNTIME.items():
        shutil.copy(runtime / name, folder / "runtime" / ours)
    (folder / "runtime" / "NOTICE.txt").write_text(NOTICE.format(version=version), encoding="utf-8")
    for name, content in files.items():
        (folder / "data" / name).write_bytes(content)
    (folder / "data" / "cells.bin").write_bytes(b"".join(array.tobytes() for pair in drawn.values() for array in pair))
    text = json.dumps(description(session, places, list(drawn)), separators=(",", ":"))
    (folder / "data" / "network.json").write_text(text, encoding="utf-8")
    still = show_network(session.picture(), session.prediction(), session.describe(), session.maps)
    (folder / "data" / "overview.png").write_bytes(still.png())
    written = [path for path in folder.rglob("*") if path.is_file()]
    (folder / LIST).write_text(json.dumps(sorted(path.relative_to(folder).as_posix() for path in written)), encoding="utf-8")
    return sum(path.stat().st_size for path in written)


def main() -> int:
    parser = argparse.ArgumentParser(prog="lab.py page", description=__doc__.split("\n")[0])
    parser.add_argument("--into", type=Path, default=PAGE, metavar="FOLDER", help="where to write it (default: build/page)")
    given = parser.parse_args().into.expanduser()
    folder = (Path(os.environ.get("UNET_LAB_CALLED_FROM", ".")) / given).resolve()
    try:
        size = build(folder)
    except CannotBuild as error:
        print(f"lab.py page: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"lab.py page: {folder} cannot be written: {error.strerror}. Name another folder: --into FOLDER.", file=sys.stderr)
        return 1
    print(f"The page is in {folder}, {size / 1e6:.1f} MB. Try it: python3 -m http.server --directory {shlex.quote(str(folder))}")
    if size > LARGEST:
        print(f"lab.py page: it should have at most {LARGEST / 1e6:.0f} MB.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
