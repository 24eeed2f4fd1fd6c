"""The other Pythons that the course is for: every file compiles there without a warning, and lab.py says its help."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

VERSIONS = [f"3.{minor}" for minor in (11, 12, 13)]
# Compiled from memory: nothing is written. A warning of the compiler, such as one for "\d" without r, is an error here.
COMPILE = """
import sys, warnings
warnings.simplefilter("error")
for path in sys.stdin.read().splitlines():
    with open(path, encoding="utf-8") as stream:
        compile(stream.read(), path, "exec", dont_inherit=True)
print("{0}.{1}".format(*sys.version_info))
"""


def interpreter(version: str) -> str:
    """Where a Python of that version is: on the path, or beside the others that pyenv made. Skips where there is none."""
    here = Path(sys.base_prefix).parent
    places = [
        shutil.which(f"python{version}"),
        *here.glob(f"{version}.*/bin/python"),
        *Path.home().glob(f".pyenv/versions/{version}.*/bin/python"),
    ]
    for place in filter(None, places):
        asked = subprocess.run(
            [str(place), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], capture_output=True, text=True
        )
        if asked.stdout.strip() == version:
            return str(place)
    pytest.skip(f"there is no Python {version} on this machine")


def sources() -> list[Path]:
    folders = ("unet_lab", "scripts", "benchmarks", "tests", "notebooks")
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [ROOT / "lab.py", *found]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_file_compiles_without_a_warning(version):
    files = sources()
    assert len(files) > 200
    names = "\n".join(map(str, files))
    done = subprocess.run([interpreter(version), "-W", "error", "-c", COMPILE], input=names, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, version), done.stderr


@pytest.mark.parametrize("version", VERSIONS)
def test_lab_py_says_its_help(version):
    line = [interpreter(version), "-W", "error", str(ROOT / "lab.py"), "--help"]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "python3 lab.py test" in done.stdout
    assert done.stderr == ""
