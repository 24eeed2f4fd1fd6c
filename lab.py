#!/usr/bin/env python3
"""U-Net Lab: set up, open, test and run the course. Needs nothing but Python and pip.

    python3 lab.py [ARGUMENTS FOR JUPYTERLAB]   open the course in JupyterLab (e.g. --no-browser --port 9000)
    python3 lab.py test [ARGUMENTS FOR PYTEST]  run all checks: ruff, mypy, pytest, and every notebook under nbval
    python3 lab.py test --quick                 the unit tests that are not slow, and one notebook: about two minutes
    python3 lab.py run [NAME ...] [--update]    run notebooks without a browser, write pages to build/, print a table; --pdf
    python3 lab.py progress [--export FILE]     what you have passed; a file of it to hand in
    python3 lab.py grade FOLDER                 check a class's submissions again: tables, gradebooks, feedback
    python3 lab.py hand-out FOLDER [NAME ...]   make the folder that students get, no solutions; --zip; --for nbgrader, otter
    python3 lab.py train-small                  train the shipped model again and store it in data/weights/
    python3 lab.py card [--real FOLDER]         examine the shipped model and complete its card in data/weights/
    python3 lab.py leave-one-out [--real F.]    measure what each kind of variety in the generator is worth
    python3 lab.py ablations [--again]          compare variations of the network, into data/ablations.json
    python3 lab.py touching [--again]           touching cells with and without border weights, into data/touching.json
    python3 lab.py kept-runs                    train the runs that notebook 07 steps through, into data/runs/
    python3 lab.py loss-table [--again]         train a rare class with several losses, into data/losses.json
    python3 lab.py benchmark [NAME ...]         measure this machine, into benchmarks/results.json
    python3 lab.py make-notebooks [NAME ...]    notebooks and solutions out of notebooks/source/
    python3 lab.py new-exercise NN NAME         the skeleton of an exercise of your own, with its test
    python3 lab.py page [--into FOLDER]         the network view as a page for any browser, into build/page/; needs npm
    python3 lab.py make-cells                   draw the stored cells again into data/cells/
    python3 lab.py --help                       this text

The first call makes a virtual environment in .venv (about 2 GB on disk; it needs a network). After that everything
works offline. NAME is the start of a notebook's name, e.g. 07; --update stores the outputs in the notebooks themselves;
test --coverage measures which lines the tests reach.
On Linux without an NVIDIA card PyTorch comes in its CPU build, unless pip's settings name an index of your own.
On Windows write "py lab.py" where these lines say "python3 lab.py".
"""

# Written so that an old Python can read it, and then say in one line that it is too old: no f-strings, no annotations.
from __future__ import print_function

import contextlib
import errno
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(HERE, ".venv")
WINDOWS = os.name == "nt"
PYTHON = os.path.join(VENV, "Scripts", "python.exe") if WINDOWS else os.path.join(VENV, "bin", "python")
OURS = os.path.join(VENV, "made-by-lab.py")  # this .venv is ours: it may be cleared and made again
READY = os.path.join(VENV, "ready-for-lab.py")  # it is complete; holds the fingerprint of what was installed
LOG = os.path.join(HERE, "setup.log")
LOCK = os.path.join(HERE, ".setup.lock")  # held by the lab.py that sets up
OLDEST, NEWEST = (3, 11), (3, 13)
NEEDED_GB = 3.0
CPU_INDEX = "https://download.pytorch.org/whl/cpu"  # PyTorch without the GPU's libraries, for Linux
PROBE_SECONDS = 6.0  # how long that index may take to answer
NVIDIA = ["/proc/driver/nvidia", "/dev/nvidia0", "/usr/lib/wsl/lib/nvidia-smi"]  # signs of a card, beside nvidia-smi
LONGEST_FOLDER = 67  # characters; Windows without long paths allows 260 in all, and .venv takes the rest
SCRIPTS = {
    "train-small": "scripts/train_small.py",
    "card": "scripts/make_card.py",
    "leave-one-out": "scripts/leave_one_out.py",
    "make-cells": "scripts/make_cells.py",
    "ablations": "scripts/ablations.py",
    "touching": "scripts/touching.py",
    "loss-table": "scripts/loss_table.py",
    "kept-runs": "scripts/kept_runs.py",
    "make-notebooks": "scripts/make_notebooks.py",
    "new-exercise": "scripts/new_exercise.py",
    "progress": "scripts/show_progress.py",
    "grade": "scripts/grade.py",
    "hand-out": "scripts/hand_out.py",
    "page": "scripts/make_page.py",
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
    set_up_jupyter()
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
    line = [PYTHON, "-m", "jupyterlab", "--ServerApp.root_dir=" + os.path.join(HERE, "notebooks")]
    line += ["--LabApp.default_url=/lab/tree/00_start_here.ipynb"]
    line += ["--ServerApp.ip=localhost", "--ServerApp.allow_remote_access=False"]  # whatever a configuration of yours says
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        line += ["--allow-root"]  # a container: JupyterLab would refuse, though it listens on the loopback address only
    print("Opening JupyterLab. Press Ctrl-C here, twice, to close it.")
    return call(line + arguments)


def test(arguments):
    """Every check, even after one has failed; 0 only where all passed. --quick: an answer in about two minutes."""
    quick = "--quick" in arguments
    coverage = "--coverage" in arguments
    arguments = [word for word in arguments if word not in ("--quick", "--coverage")]
    # Three processes where there are two cores: each mostly runs on one core, and the browser's often waits for a page.
    cores = os.cpu_count() or 1
    side_by_side = min(3, cores + 1)
    threads_each = str(max(1, cores // side_by_side))
    threads = {"OMP_NUM_THREADS": threads_each, "MKL_NUM_THREADS": threads_each}
    pytest = [PYTHON, "-m", "pytest", "-p", "no:cacheprovider", "-n", str(side_by_side)]
    where = ["tests", "unet_lab", "--doctest-modules", "--no-loadscope-reorder"]  # tests/conftest.py
    nbval = ["--dist", "loadfile", "--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=600", "-p", "tests.own_pages"]
    notebooks = ["notebooks", "--ignore=notebooks/solutions"]  # the code of these, tests/exercises runs in one process
    if quick:
        where = ["tests/unit", "tests/test_project.py", "--no-loadscope-reorder", "-m", "not slow"]
        notebooks = [os.path.join("notebooks", "05_the_whole_u.ipynb")]
    if coverage:
        where += ["--cov=unet_lab", "--cov-report=term", "--cov-fail-under=90"]
    steps = [
        ("ruff", [PYTHON, "-m", "ruff", "check", HERE] + own_pages_aside(), {}),
        ("format", [PYTHON, "-m", "ruff", "format", "--check", HERE] + own_pages_aside(), {}),
        ("mypy", [PYTHON, "-m", "mypy"], {}),
        ("pytest", pytest + where + arguments, threads),
        ("notebooks", pytest + nbval + notebooks, threads),
    ]
    failed = []
    for name, line, settings in steps:
        print("\n=== {0}".format(name))
        sys.stdout.flush()
        if call(line, settings) != 0:
            failed.append(name)
    passed = "All checks passed: " + ", ".join(name for name, _, _ in steps) + "."
    print("\n{0}".format("FAILED: " + ", ".join(failed) if failed else passed))
    return 1 if failed else 0


def own_pages_aside():
    """Options for ruff: no style is asked of pages that a lecturer has made her own (docs/teaching.md)."""
    path, options, text = os.path.join(HERE, "notebooks", "own_pages.txt"), [], ""
    if os.path.exists(path):
        with open(path, "rb") as stream:
            text = stream.read().decode("utf-8-sig", "replace")
    for line in text.splitlines():
        name = line.partition("#")[0].strip().replace(".ipynb", "")
        if name:
            start = "" if name == "all" else name
            for place in ("{0}*.ipynb", "source/{0}*.py", "solutions/{0}*.ipynb"):
                options += ["--extend-exclude", "notebooks/" + place.format(start)]
    return options


def call(line, settings=()):
    """Run a program from the project's folder with nothing of the caller's Python mixed in; its exit status."""
    environment = dict(os.environ)
    # The last would have each of the many programs started here compile all modules anew: a third of a second, each time.
    for name in ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__", "PYTHONDONTWRITEBYTECODE"):
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


def check_platform():
    """One line, before anything is installed, where PyTorch has no wheel or Windows no room for the names of its files."""
    wrong = missing_wheel() or long_folder()
    if wrong:
        raise Stop(wrong)


def missing_wheel():
    """What the course's packages have no wheels for, and what to do; "" where nothing is in the way."""
    if sys.maxsize <= 2**32:
        return "this is a 32-bit Python, and PyTorch needs a 64-bit one. Install Python 3.12 (64-bit) from python.org."
    if sys.platform == "darwin":
        return missing_wheel_for_mac()
    if WINDOWS and sysconfig.get_platform() == "win-arm64":
        return "there is no PyTorch for Windows on ARM. Use another computer, or Binder (docs/teaching.md)."
    if sys.platform.startswith("linux"):
        if platform.machine() not in ("x86_64", "aarch64", "arm64"):
            return "there is no PyTorch for Linux on {0}. Use a computer with x86-64 or ARM64.".format(platform.machine())
        if "musl" in str(sysconfig.get_config_var("SOABI")):
            return "there is no PyTorch for Linux with musl (Alpine). Use a Linux with glibc: Debian, Ubuntu, Fedora."
    return ""


def missing_wheel_for_mac():
    if platform.machine() == "x86_64":
        if answer(["sysctl", "-n", "sysctl.proc_translated"]) == "1":  # Rosetta: the Python is Intel's, the Mac is not
            return "this Python is built for Intel, your Mac is not. Install Python 3.12 from python.org and run this with it."
        return "there is no PyTorch for Macs with Intel processors. Use another computer, or Binder (docs/teaching.md)."
    release = platform.mac_ver()[0]
    if release and int(release.split(".")[0]) < 14:
        return "this is macOS {0}, and PyTorch needs macOS 14 or later. Update macOS and run this again.".format(release)
    return ""


def long_folder():
    """Windows without long paths: what is wrong with a folder whose name leaves too little room; "" elsewhere."""
    if not WINDOWS or len(HERE) <= LONGEST_FOLDER or windows_takes_long_paths():
        return ""
    message = (
        "the folder's path has {0} characters, and Windows leaves room for {1}. Move it, e.g. to C:\\lab, and run this again."
    )
    return message.format(len(HERE), LONGEST_FOLDER)


def windows_takes_long_paths():
    try:
        import winreg

        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SYSTEM\CurrentControlSet\Control\FileSystem") as key:
            return winreg.QueryValueEx(key, "LongPathsEnabled")[0] == 1
    except (ImportError, OSError):
        return False


def set_up():
    """Make .venv complete: nothing to do, or install what changed, or make it from the start; one lab.py at a time."""
    if is_complete():
        return
    check_platform()
    with one_at_a_time():
        if not is_complete():  # another lab.py may have made it while this one waited
            make_complete()


def is_complete():
    return read(READY) == fingerprint() and os.path.exists(PYTHON)


@contextlib.contextmanager
def one_at_a_time():
    """Hold the set-up's lock file: a second lab.py waits, and says so. The system lets go of it, however a program ends."""
    with open(LOCK, "a") as file:
        if not try_lock(file):
            print("Another lab.py is setting up in this folder: waiting for it.")
            sys.stdout.flush()
            while not try_lock(file):
                time.sleep(0.5)
        yield


def try_lock(file):
    """Whether the file's first byte could be locked for this process; where a disk knows no locks, it counts as locked."""
    try:
        if WINDOWS:
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
    return True


def make_complete():
    free = shutil.disk_usage(HERE).free / 1e9
    if free < NEEDED_GB:
        message = "{0:.1f} GB are free on the disk of {1}, and the set-up needs {2:.0f} GB. Free some and run this again."
        raise Stop(message.format(free, HERE, NEEDED_GB))
    complete = os.path.exists(READY) and read(OURS) == interpreter() and os.path.exists(PYTHON)
    if not complete and inside_venv():  # it would clear the Python that it runs on
        raise Stop("the .venv of this folder must be made again, and it is active here. Type deactivate, then run this again.")
    if os.path.isdir(VENV) and not os.path.exists(OURS) and os.listdir(VENV):
        aside = next(VENV + "-aside-" + str(n) for n in range(1, 1000) if not os.path.exists(VENV + "-aside-" + str(n)))
        os.rename(VENV, aside)
        print("Found a .venv that this program did not make; moved it to {0}.".format(os.path.basename(aside)))
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
    install_pytorch()
    install("JupyterLab and the rest", ["-e", HERE + "[fast,share,test]"])
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


def install_pytorch():
    """PyTorch: its CPU build where that is enough and to be had, or else what pip's index gives for the pinned version."""
    pin = torch_pin()
    if wants_cpu_build(pin):
        print("  no NVIDIA card found: PyTorch comes in its CPU build (for the other: PIP_INDEX_URL=https://pypi.org/simple).")
        # From that index nothing but PyTorch: what PyTorch needs comes with the rest, from pip's own index.
        if pip_install(["--no-deps", "--index-url", CPU_INDEX, pin + "+cpu"], "PyTorch") == 0:
            return
        print("  that did not work; trying pip's own index.")
    install("PyTorch", [pin])


def install(what, packages):
    if pip_install(packages, what) != 0:
        raise Stop("{0} could not be installed; {1}".format(what, reason("see the end of " + LOG)))


def pip_install(packages, what):
    print("  installing {0} ...".format(what))
    sys.stdout.flush()
    line = [PYTHON, "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--retries", "2"]
    return quietly(line + ["--constraint", os.path.join(HERE, "constraints.txt")] + packages)


def wants_cpu_build(pin):
    """Linux, no NVIDIA card, no index of the person's own in pip's settings, this version not there yet, the index offers it."""
    if not sys.platform.startswith("linux") or has_nvidia() or pip_has_an_index():
        return False
    if answer([PYTHON, "-c", "import importlib.metadata as m; print(m.version('torch'))"]).split("+")[0] == pin.split("==")[1]:
        return False
    return cpu_index_offers(pin.split("==")[1])


def has_nvidia():
    return bool(shutil.which("nvidia-smi")) or any(os.path.exists(path) for path in NVIDIA)


def pip_has_an_index():
    """Whether pip's files or PIP_... variables name where packages come from; then that is left as it is."""
    settings = answer([PYTHON, "-m", "pip", "config", "list"])
    return bool(re.search(r"(?m)^\S*\.(index-url|extra-index-url|find-links|no-index)=", settings))


def cpu_index_offers(version):
    """Whether PyTorch's index can be reached and has this version for this Python; False after PROBE_SECONDS at most."""
    python = "cp{0}{1}".format(*sys.version_info[:2])
    file = r"torch-{0}(\+|%2B)cpu-{1}-{1}-[\w.]*{2}\.whl".format(re.escape(version), python, re.escape(platform.machine()))
    found = []

    def look():
        from urllib.request import urlopen

        try:
            page = urlopen(CPU_INDEX + "/torch/", timeout=PROBE_SECONDS).read().decode("utf-8", "replace")
        except Exception:  # no network, no name, no certificate, a proxy's refusal: whatever it is, pip's own index is next
            return
        found.append(bool(re.search(file, page)))

    looking = threading.Thread(target=look)  # looking a name up has no time limit of its own
    looking.daemon = True
    looking.start()
    looking.join(PROBE_SECONDS)
    return bool(found and found[0])


def answer(line):
    """What a program prints, in one line or many; "" where it fails. Run as the set-up runs."""
    try:
        return (
            subprocess.check_output(line, cwd=HERE, env=setup_environment(), stderr=subprocess.DEVNULL)
            .decode("utf-8", "replace")
            .strip()
        )
    except (OSError, subprocess.CalledProcessError):
        return ""


def quietly(line):
    """Run a set-up step with its output in the log; its exit status."""
    with open(LOG, "ab") as log:
        return subprocess.call(line, cwd=HERE, env=setup_environment(), stdout=log, stderr=subprocess.STDOUT)


def setup_environment():
    """The caller's environment without what would lead pip or Python elsewhere."""
    environment = dict(os.environ)
    for name in ("PYTHONHOME", "PYTHONPATH", "PIP_REQUIRE_VIRTUALENV", "PIP_USER", "PIP_TARGET"):
        environment.pop(name, None)
    environment["PYTHONUTF8"] = "1"
    return environment


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
    return "{0} {1} {2}".format(sys.version.split()[0], os.path.realpath(base_python()), HERE)


def base_python():
    """The Python that was installed, also where this runs in an environment made from it (.venv itself is active, say)."""
    if sys.prefix == sys.base_prefix:
        return sys.executable
    named = "python{0}.{1}".format(*sys.version_info[:2])
    candidates = [getattr(sys, "_base_executable", sys.executable)]
    candidates += [os.path.join(sys.base_prefix, "python.exe"), os.path.join(sys.base_prefix, "bin", named)]
    own = os.path.dirname(os.path.abspath(sys.executable))
    outside = [path for path in candidates if path and os.path.dirname(os.path.abspath(path)) != own and os.path.exists(path)]
    return outside[0] if outside else sys.executable


def inside_venv():
    """Whether this very program runs on the Python of .venv."""
    return os.path.isdir(VENV) and os.path.realpath(sys.prefix) == os.path.realpath(VENV)


def fingerprint():
    """Changes with the lists of packages, with Python and with the folder's place."""
    digest = hashlib.sha256()
    packages = read(os.path.join(HERE, "pyproject.toml")).split("\n[tool.")[0]  # how ruff or pytest are set is no matter here
    for part in (packages, read(os.path.join(HERE, "constraints.txt")), interpreter()):
        digest.update(part.encode("utf-8", "replace") + b"\0")
    return digest.hexdigest()


def set_up_jupyter():
    """Files inside .venv, kept as they should be: defaults, which the student's own settings override, and our own extensions."""
    # no question about news and no look for updates
    settings = '{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false}}'
    # no request that a kernel overlooks: unet_lab/jupyter/shell_channel.py
    kernel = 'c = get_config()\nc.InteractiveShellApp.extra_extensions = ["unet_lab.jupyter.shell_channel"]\n'
    files = {
        os.path.join("share", "jupyter", "lab", "settings", "overrides.json"): settings,
        os.path.join("etc", "ipython", "ipython_kernel_config.py"): kernel,
    }
    for name in (("package.json",), ("static", "page.js")):  # alternative texts and stored pictures: unet_lab/jupyter/page
        source = os.path.join(HERE, "unet_lab", "jupyter", "page", *name)
        files[os.path.join("share", "jupyter", "labextensions", "unet-lab", *name)] = read(source)
    for name, text in files.items():
        target = os.path.join(VENV, name)
        if text and read(target) != text:
            if not os.path.isdir(os.path.dirname(target)):
                os.makedirs(os.path.dirname(target))
            write(target, text)


def read(path):
    try:
        with open(path, "rb") as stream:
            return stream.read().decode("utf-8", "replace")
    except (IOError, OSError):
        return ""


def write(path, text):
    with open(path + ".part", "wb") as stream:
        stream.write(text.encode("utf-8"))
    for left in range(20, -1, -1):
        try:
            return os.replace(path + ".part", path)
        except OSError:  # on Windows a file that a virus scanner reads just now cannot be replaced
            if left == 0 or not WINDOWS:
                raise
            time.sleep(0.05)


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
