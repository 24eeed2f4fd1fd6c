"""The process in which one submission runs. Started by `marking`, never by hand.

    python -m unet_lab.course.grading.worker NOTEBOOK quick|all|only:EXERCISE SECONDS < RESULTS

SECONDS is what one check may take at most. RESULTS, a line on standard input, is where results go, a JSON object a line. Student
code runs here with the rights of whoever started this. A hook (PEP 578) keeps it from what it has no business to do: files
outside this folder, the network, other programs. That stops accidents and clumsy mischief; it is no prison.
"""

from __future__ import annotations

import contextlib
import io
import json
import linecache
import os
import sys
import time
from pathlib import Path


def main() -> int:
    notebook, how, seconds = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    results = open(sys.stdin.readline().strip(), "a", encoding="utf-8")  # noqa: SIM115
    sys.argv = ["notebook"]

    # Everything that the checks use is loaded before student code can change it.
    import matplotlib

    import unet_lab.course as course
    from unet_lab.course import limits
    from unet_lab.course.checking import judge
    from unet_lab.course.grading.reading import Unreadable, asked_checks, read_cells
    from unet_lab.course.grading.slicing import needed_cells
    from unet_lab.course.grading.translating import plain_python, syntax_error

    matplotlib.use("Agg")
    limits.SECONDS = min(limits.SECONDS, seconds)
    checks, judging, clock = dict(course.CHECKS), judge, time.perf_counter

    def say(**what) -> None:
        results.write(json.dumps(what) + "\n")
        results.flush()

    def graded(name, answer):
        if name not in checks:
            raise ValueError(f"there is no exercise {name!r}")
        began = clock()
        verdict = judging(checks[name], answer)
        say(exercise=name, state=verdict.state, finding=verdict.finding, seconds=round(clock() - began, 2))
        return verdict.state == "right"

    try:
        cells = read_cells(notebook)
    except Unreadable as error:
        say(broken=str(error))
        return 0
    course.check = graded
    namespace = {"__name__": "__main__", "display": lambda *shown, **how: None, "get_ipython": lambda: None}
    wanted = {name: number for name, number in asked_checks(cells).items() if how in ("quick", "all", f"only:{name}")}
    numbers = range(len(cells)) if how == "all" else needed_cells(cells, wanted.values())
    asked = {}
    for name, number in wanted.items():
        asked.setdefault(number, []).append(name)
    keep_inside(Path.cwd())
    say(begun=True)
    for number in numbers:
        code = plain_python(cells[number])
        error = syntax_error(code)
        error = f"no Python: {error}" if error else ""
        if not error:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                error = run_cell(namespace, code, number)
        for name in asked.get(number, []):
            if error:
                say(exercise=name, state="error", finding=error, seconds=0.0)
    say(end=True)
    results.close()
    os._exit(0)  # whatever threads or hooks the notebook left behind


def run_cell(namespace: dict, code: str, number: int) -> str:
    """Run it as a notebook would, without IPython's own lines; what went wrong, or nothing."""
    name = f"<cell {number + 1}>"
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
    try:
        exec(compile(code, name, "exec"), namespace)
    except SystemExit:
        return "it calls exit()"
    except BaseException as error:  # whatever a cell may throw, the next one is next
        first = (str(error).strip().splitlines() or [""])[0]
        return f"{type(error).__name__}: {first[:200]}"
    return ""


def keep_inside(folder: Path) -> None:
    """From now on this process may write only below `folder`, reach no network and start no program."""
    inside = str(folder.resolve()) + os.sep
    writes = {"os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod", "os.link", "os.symlink"}
    writes.add("shutil.rmtree")
    programs = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "pty.spawn"}
    network = {"socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo"}
    harmless = ("/dev/null", "/dev/tty", "/proc/self", "nul")

    def is_inside(path) -> bool:
        if isinstance(path, int):
            return True  # a file that is open already
        full = os.path.realpath(os.fsdecode(path))
        return full.startswith(inside) or full + os.sep == inside or full.lower().startswith(harmless)

    def hook(event: str, arguments) -> None:
        if event == "open":
            path, mode, flags = arguments
            writing = any(c in (mode or "") for c in "wax+") or (isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR))
            if writing and path is not None and not is_inside(path):
                raise PermissionError(f"while it is graded, a notebook may not write to {os.fsdecode(path)}")
        elif event in writes:
            for path in arguments[: 2 if event in ("os.rename", "os.link", "os.symlink") else 1]:
                if path is not None and not is_inside(path):
                    raise PermissionError(f"while it is graded, a notebook may not change {os.fsdecode(path)}")
        elif event in programs:
            raise PermissionError("while it is graded, a notebook may not start other programs")
        elif event in network:
            raise PermissionError("while it is graded, a notebook may not use the network")

    sys.addaudithook(hook)


if __name__ == "__main__":
    sys.exit(main())
