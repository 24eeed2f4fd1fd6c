#!/usr/bin/env python3
"""U-Net Lab: set up, open, test and run the course. Needs nothing but Python and pip.

    python3 lab.py [ARGUMENTS FOR JUPYTERLAB]   open the course in JupyterLab (e.g. --no-browser --port 9000)
    python3 lab.py test [ARGUMENTS FOR PYTEST]  run all checks: ruff, pytest, and every notebook under nbval
    python3 lab.py run [NAME ...] [--update]    run notebooks without a browser, write pages to build/, print a table
    python3 lab.py progress [--export FILE]     what you have passed; a file of it to hand in
    python3 lab.py grade FOLDER                 check a class's submissions again, into grades.csv
    python3 lab.py train-small                  train the shipped model again and store it in data/weights/
    python3 lab.py card [--real FOLDER]         examine the shipped model and complete its card in data/weights/
    python3 lab.py leave-one-out [--real F.]    measure what each kind of variety in the generator is worth
    python3 lab.py ablations [--again]          compare variations of the network, into data/ablations.json
    python3 lab.py benchmark [NAME ...]         measure this machine, into benchmarks/results.json
    python3 lab.py make-notebooks [NAME ...]    notebooks and solutions out of notebooks/source/
    python3 lab.py make-cells                   draw the stored cells again into data/cells/
    python3 lab.py --help                       this text

The first call makes a virtual environment in .venv (about 2 GB on disk; it needs a network). After that everything
works offline. NAME is the start of a notebook's name, e.g. 07; --update stores the outputs in the notebooks themselves.
On Windows write "py lab.py" where these lines say "python3 lab.py".
"""

# Written so that an old Python can read it, and then say in one line that it is too old: no f-strings, no annotations.
from __future__ import print_function

import hashlib
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(HERE, ".venv")
WINDOWS = os.name == "nt"
PYTHON = os.path.join(VENV, "Scripts", "python.exe") if WINDOWS else os.path.join(VENV, "bin", "python")
OURS = os.path.join(VENV, "made-by-lab.py")  # this .venv is ours: it may be cleared and made again
READY = os.path.join(VENV, "ready-for-lab.py")  # it is complete; holds the fingerprint of what was installed
LOG = os.path.join(HERE, "setup.log")
OLDEST, NEWEST = (3, 11), (3, 13)
NEEDED_GB = 3.0
SCRIPTS = {
    "train-small": "scripts/train_small.py",
    "card": "scripts/make_card.py",
    "leave-one-out": "scripts/leave_one_out.py",
    "make-cells": "scripts/make_cells.py",
    "ablations": "scripts/ablations.py",
    "make-notebooks": "scripts/make_notebooks.py",
    "progress": "scripts/show_progress.py",
    "grade": "scripts/grade.py",
    "benchmark": "benchmarks/run.py",
}
COMMANDS = ["test", "run"] + sorted(SCRIPTS)


class Stop(Exception):
    """One line that says what is wrong and how to mend it."""


def main(arguments):
    if arguments[:1] in (["--help"], ["-h"], ["help"]):
        print(__doc__.strip())
        return 0
    check_python()
    command, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if command and not command.startswith("-") and command not in COMMANDS:
        raise Stop("there is no command {0!r}; there are: {1}. Try --help.".format(command, ", ".join(COMMANDS)))
    set_up()
    if command not in ("", "progress") and not command.startswith("-"):
        os.environ.setdefault("UNET_LAB_PROGRESS", "off")  # what checks are passed then is not the student's
    if command == "test":
        return test(rest)
    if command == "run":
        return call([PYTHON, os.path.join(HERE, "scripts", "run_notebooks.py")] + rest)
    if command in SCRIPTS:
        return call([PYTHON, os.path.join(HERE, *SCRIPTS[command].split("/"))] + rest)
    return open_lab(arguments)


def open_lab(arguments):
    """JupyterLab on notebooks/, on the loopback address with its token; the first notebook in front."""
    make_lab_quiet()
    line = [PYTHON, "-m", "jupyterlab", "--ServerApp.root_dir=" + os.path.join(HERE, "notebooks")]
    line += ["--LabApp.default_url=/lab/tree/00_start_here.ipynb"]
    line += ["--ServerApp.ip=localhost", "--ServerApp.allow_remote_access=False"]  # whatever a configuration of yours says
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        line += ["--allow-root"]  # a container: JupyterLab would refuse, though it listens on the loopback address only
    print("Opening JupyterLab. Press Ctrl-C here, twice, to close it.")
    return call(line + arguments)


def test(arguments):
    """Every check, even after one has failed; 0 only where all passed."""
    pytest = [PYTHON, "-m", "pytest", "-p", "no:cacheprovider"]
    coverage = ["--cov=unet_lab", "--cov-report=term", "--cov-fail-under=90"]
    # Notebooks two at a time: most of what they do runs on one core. Together they use no more cores than there are.
    cores = os.cpu_count() or 1
    side_by_side = min(2, cores)
    nbval = ["--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=240", "-n", str(side_by_side), "--dist", "loadfile"]
    steps = [
        ("ruff", [PYTHON, "-m", "ruff", "check", HERE], {}),
        ("pytest", pytest + ["tests", "unet_lab", "--doctest-modules"] + coverage + arguments, {}),
        ("notebooks", pytest + nbval + ["notebooks"], {"OMP_NUM_THREADS": str(cores // side_by_side)}),
    ]
    failed = []
    for name, line, settings in steps:
        print("\n=== {0}".format(name))
        sys.stdout.flush()
        if call(line, settings) != 0:
            failed.append(name)
    print("\n{0}".format("FAILED: " + ", ".join(failed) if failed else "All checks passed: ruff, pytest, notebooks."))
    return 1 if failed else 0


def call(line, settings=()):
    """Run a program from the project's folder with nothing of the caller's Python mixed in; its exit status."""
    environment = dict(os.environ)
    for name in ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__"):
        environment.pop(name, None)
    environment["PYTHONNOUSERSITE"] = "1"
    environment["PYTHONUTF8"] = "1"
    environment["UNET_LAB_CALLED_FROM"] = os.getcwd()
    environment["JUPYTER_PREFER_ENV_PATH"] = "1"  # the kernel of .venv, not one that is registered elsewhere
    environment.setdefault("JUPYTERLAB_WORKSPACES_DIR", os.path.join(VENV, "workspaces"))
    environment["PATH"] = os.path.dirname(PYTHON) + os.pathsep + environment.get("PATH", "")
    environment.update(settings)
    process = subprocess.Popen(line, cwd=HERE, env=environment)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            pass  # the program got the same Ctrl-C and decides itself


def check_python():
    version = sys.version_info[:2]
    if version < OLDEST:
        names = ["python3.{0}".format(minor) for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
        which = getattr(shutil, "which", lambda name: None)
        found = [name for name in names if which(name)]
        mend = "Run: {0} lab.py".format(found[0]) if found else "Install Python 3.12 from python.org and run this again."
        raise Stop("this is Python {0}.{1}, and the course needs 3.11 to 3.13. {2}".format(version[0], version[1], mend))
    if version > NEWEST:
        print("Note: this is Python {0}.{1}; the course is tested with 3.11 to 3.13.".format(*version))


def set_up():
    """Make .venv complete: nothing to do, or install what changed, or make it from the start."""
    if read(READY) == fingerprint() and os.path.exists(PYTHON):
        return
    free = shutil.disk_usage(HERE).free / 1e9
    if free < NEEDED_GB:
        message = "{0:.1f} GB are free on the disk of {1}, and the set-up needs {2:.0f} GB. Free some and run this again."
        raise Stop(message.format(free, HERE, NEEDED_GB))
    if os.path.isdir(VENV) and not os.path.exists(OURS) and os.listdir(VENV):
        aside = next(VENV + "-aside-" + str(n) for n in range(1, 1000) if not os.path.exists(VENV + "-aside-" + str(n)))
        os.rename(VENV, aside)
        print("Found a .venv that this program did not make; moved it to {0}.".format(os.path.basename(aside)))
    complete = os.path.exists(READY) and read(OURS) == interpreter() and os.path.exists(PYTHON)
    if not complete and os.path.isdir(VENV):
        print("Clearing a .venv that is half-made, or was made by another Python or in another place.")
        shutil.rmtree(VENV)
    open(LOG, "w").close()
    if not complete:
        print("Setting up in {0}: once, some minutes.".format(VENV))
        os.makedirs(VENV)
        write(OURS, interpreter())
        make_environment()
    else:
        os.remove(READY)
        print("The list of packages has changed: bringing .venv up to date.")
    install("PyTorch", [torch_pin()])
    install("JupyterLab and the rest", ["-e", HERE + "[fast,test]"])
    write(READY, fingerprint())
    os.remove(LOG)
    print("Set up.")


def make_environment():
    if quietly([sys.executable, "-m", "venv", VENV]) == 0:
        return
    # Debian and Ubuntu ship Python without ensurepip; then the pip that started all this installs one.
    if quietly([sys.executable, "-m", "venv", "--clear", "--without-pip", VENV]) == 0:
        write(OURS, interpreter())
        if quietly([sys.executable, "-m", "pip", "--python", PYTHON, "install", "pip"]) == 0:
            return
    raise Stop("no virtual environment could be made; {0}".format(reason("see " + LOG)))


def install(what, packages):
    print("  installing {0} ...".format(what))
    sys.stdout.flush()
    line = [PYTHON, "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--retries", "2"]
    if quietly(line + ["--constraint", os.path.join(HERE, "constraints.txt")] + packages) != 0:
        raise Stop("{0} could not be installed; {1}".format(what, reason("see the end of " + LOG)))


def quietly(line):
    """Run a set-up step with its output in the log; its exit status."""
    environment = dict(os.environ)
    for name in ("PYTHONHOME", "PYTHONPATH", "PIP_REQUIRE_VIRTUALENV", "PIP_USER", "PIP_TARGET"):
        environment.pop(name, None)
    with open(LOG, "ab") as log:
        return subprocess.call(line, cwd=HERE, env=environment, stdout=log, stderr=subprocess.STDOUT)


def reason(otherwise):
    """What the log says went wrong, in words."""
    text = read(LOG).lower()
    if "no space left" in text or "errno 28" in text or "not enough space" in text:
        return "the disk is full. Free {0:.0f} GB and run this again.".format(NEEDED_GB)
    signs = ("connection", "name resolution", "getaddrinfo", "timed out", "proxyerror", "network is unreachable")
    if any(sign in text for sign in signs):
        return "the package index could not be reached. Connect to a network (only this once) and run this again."
    if "no module named pip" in text or "ensurepip" in text:
        return "this Python has no pip. Install it (Debian, Ubuntu: apt install python3-pip python3-venv) and run this again."
    return otherwise + "."


def torch_pin():
    """`torch==...` out of constraints.txt: named whole, or pip would look for a newer build."""
    for line in read(os.path.join(HERE, "constraints.txt")).splitlines():
        if line.startswith("torch=="):
            return line.strip()
    raise Stop("constraints.txt has no line that begins with torch==; restore the file: git checkout constraints.txt")


def interpreter():
    """What .venv is bound to: this Python, in this place (environments cannot be moved)."""
    return "{0} {1} {2}".format(sys.version.split()[0], os.path.realpath(sys.executable), HERE)


def fingerprint():
    """Changes with the lists of packages, with Python and with the folder's place."""
    digest = hashlib.sha256()
    for part in (read(os.path.join(HERE, "pyproject.toml")), read(os.path.join(HERE, "constraints.txt")), interpreter()):
        digest.update(part.encode("utf-8", "replace") + b"\0")
    return digest.hexdigest()


def make_lab_quiet():
    """No question about news and no look for updates: a default inside .venv, which the student's own settings override."""
    folder = os.path.join(VENV, "share", "jupyter", "lab", "settings")
    target = os.path.join(folder, "overrides.json")
    settings = '{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false}}'
    if read(target) != settings:
        if not os.path.isdir(folder):
            os.makedirs(folder)
        write(target, settings)


def read(path):
    try:
        with open(path, "rb") as stream:
            return stream.read().decode("utf-8", "replace")
    except (IOError, OSError):
        return ""


def write(path, text):
    with open(path + ".part", "wb") as stream:
        stream.write(text.encode("utf-8"))
    os.replace(path + ".part", path)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Stop as stop:
        print("lab.py: {0}".format(stop), file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("lab.py: stopped. Run it again to go on.", file=sys.stderr)
        sys.exit(130)
    except (IOError, OSError) as error:
        print(
            "lab.py: {0}. {1}".format(
                error,
                "Free some disk space and run this again."
                if error.errno == 28
                else "Is the folder writable? Then run this again.",
            ),
            file=sys.stderr,
        )
        sys.exit(1)
