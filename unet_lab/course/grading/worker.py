"""The process in which submissions run. Started by `hosting`, never by hand.

    python -m unet_lab.course.grading.worker

It loads the course once and then reads jobs from standard input, a JSON object a line. Where processes can be copied (Linux) each
job runs in a copy, and the answer on standard output is a line with its status; elsewhere it does one job and ends.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import io
import json
import linecache
import os
import random
import socket
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path

import matplotlib
import numpy as np
import torch

import unet_lab.course as course
import unet_lab.datasets
import unet_lab.explorers
import unet_lab.inference
import unet_lab.training
from unet_lab.course import limits
from unet_lab.course.grading import isolation
from unet_lab.course.grading.notebooks import asked_checks
from unet_lab.course.grading.outside import INSIDE
from unet_lab.course.grading.presiding import judged_here, preside
from unet_lab.course.grading.similarity import GIVEN_BY, library_index, library_s_own, used_from_library
from unet_lab.course.grading.slicing import needed_cells
from unet_lab.course.grading.translating import HarmlessShell, plain_python, syntax_error
from unet_lab.course.grading.trust import Seal, Watcher
from unet_lab.course.grading.witness import Witness

LOADED = (unet_lab.datasets, unet_lab.explorers, unet_lab.inference, unet_lab.training)  # what notebooks import, or copy


def main() -> int:
    matplotlib.use("Agg")
    torch.set_num_threads(1)
    library_index()
    sys.argv = ["notebook"]
    apart = isolation.can_fork() and "--once" not in sys.orig_argv
    if apart:
        import_module("sklearn.metrics")  # as several notebooks do: once for all copies
    isolation.die_with_parent()
    isolation.adopt_orphans()
    with tempfile.TemporaryDirectory() as folder:
        as_nobody = apart and isolation.nobody_can_work(Path(folder))
    print(json.dumps({"ready": True, "as_nobody": as_nobody}), flush=True)
    for job in map(json.loads, sys.stdin):
        job["as_nobody"] = as_nobody
        if not apart:
            do(job)
        status = in_a_copy(job)
        print(json.dumps({"status": status, "left over": isolation.end_descendants()}), flush=True)
    return 0


def in_a_copy(job: dict) -> int:
    """Do the job in a copy of this process; its status, as a shell would say it."""
    child = os.fork()
    if child == 0:
        try:
            alone(job)
        finally:
            os._exit(70)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def alone(job: dict) -> None:
    """In the copy: a session of its own, and below it the first process of its own numbering, which ends with the job."""
    isolation.die_with_parent()
    os.setsid()
    results = os.open(job["results"], os.O_WRONLY | os.O_APPEND)
    isolation.close_files(results)
    isolation.unshare()
    child = os.fork()  # the first process of a numbering takes no signals from those below it
    if child:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 255)
    isolation.die_with_parent()
    in_two(job, results)


def in_two(job: dict, results: int) -> None:
    """Let one copy of this process run what was handed in, and another one judge it; end as the first of them does."""
    ours, theirs = socket.socketpair()
    doing = os.fork()
    if doing == 0:
        isolation.die_with_parent()
        ours.close()
        os.close(results)
        del job["secret"], job["results"]  # from here on only the judge knows them
        do(job, Witness(theirs))
    judging = os.fork()
    if judging == 0:
        isolation.die_with_parent()
        isolation.hide_memory()
        theirs.close()
        say = lines_to(results, job["secret"])
        limits.SECONDS = min(limits.SECONDS, job["seconds"] / 4)
        preside(ours, doing, say)
        os._exit(0)
    theirs.close()
    status = os.waitstatus_to_exitcode(os.waitpid(doing, 0)[1])
    ours.shutdown(socket.SHUT_RD)  # the judge reads to the end, even where something that was started holds the wire open
    os.waitpid(judging, 0)
    os._exit(status & 255)


def lines_to(results: str | int, secret: str) -> Callable:
    """A function that writes what it is given as a line."""
    stream = open(results, "a", encoding="utf-8")  # noqa: SIM115

    def say(**what) -> None:
        stream.write(f"{secret} {json.dumps(what)}\n")
        stream.flush()

    return say


def do(job: dict, wire: Witness | None = None) -> None:
    """Run what was handed in, and end. wire : to the process that judges it; None where there is none."""
    cells = json.loads(Path(job["cells"]).read_text(encoding="utf-8"))
    say = wire.say if wire is not None else lines_to(job["results"], job["secret"])
    folder, place = Path(job["folder"]), Path(job["folder"], job["place"])
    os.environ |= dict.fromkeys(("HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP", "IPYTHONDIR"), str(folder))
    tempfile.tempdir = str(folder)
    os.chdir(place)
    isolation.limit_resources(job["seconds"] * 2, job["as_nobody"])
    if job["as_nobody"]:
        isolation.become_nobody()
    sys.path.insert(0, str(place))
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)
    limits.SECONDS = min(limits.SECONDS, job["seconds"] / 4)
    run_notebook(cells, job, say, wire)
    os._exit(0)  # whatever threads or hooks the notebook left behind


def run_notebook(cells: list[str], job: dict, say, wire: Witness | None) -> None:
    """The cells that the checks need ("quick", "only:EXERCISE"), or "all" of them, with a line for each verdict.

    wire : to the process that judges once more what is right here; None where there is none.
    """
    how, folder = job["how"], Path(job["folder"])
    checks, judging, library_s, seal = dict(course.CHECKS), judged_here, library_s_own, None
    library_parts = used_from_library

    def graded(name, answer):
        if name not in checks:
            raise ValueError(f"there is no exercise {name!r}")
        changed = seal.restore()
        if changed:
            say(flag=f"exchanged {', '.join(changed[:3])}; put back before the check", exercise=name)
        found = judging(name, checks[name], answer)
        state = found["state"]
        if state == "right" and wire is not None and name not in INSIDE and not wire.answering:
            state = wire.state(found, answer)
        else:
            say(**found)
        own = library_s(answer) if state == "right" else ""
        if own:
            say(flag=f"this is the library's {own}: not the student's own", exercise=name)
        elif state == "right":
            for part in library_parts(answer):
                if part.__name__ == GIVEN_BY.get(name) or judging(name, checks[name], part)["state"] == "right":
                    say(flag=f"calls the library's {part.__module__}.{part.__qualname__}, which does it all", exercise=name)
        return state == "right"

    course.check = graded
    shell = HarmlessShell()
    namespace = {"__name__": "__main__", "display": lambda *shown, **how: None, "get_ipython": lambda: shell}
    wanted = {name: number for name, number in asked_checks(cells).items() if how in ("quick", "all", f"only:{name}")}
    numbers = range(len(cells)) if how == "all" else needed_cells(cells, [*wanted.values(), *job.get("also", ())])
    asked = {}
    for name, number in wanted.items():
        asked.setdefault(number, []).append(name)
    watcher = Watcher(lambda words: say(flag=words, exercise=at_work[-1]), str(folder), job["forbidden"])
    seal, at_work = Seal(), [""]
    isolation.keep_inside(folder, watcher.see)
    say(begun=True)
    for number in numbers:
        at_work.append(next(iter(asked.get(number, [])), ""))
        error = syntax_error(cells[number])
        error = f"no Python: {error}" if error else ""
        if not error:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                error = run_cell(namespace, plain_python(cells[number]), number)
        for name in asked.get(number, []):
            if error:
                say(exercise=name, state="error", finding=error, seconds=0.0)
    say(end=True)


@cache
def event_loop() -> asyncio.AbstractEventLoop:
    """For cells that await: one for the whole notebook, as in Jupyter."""
    return asyncio.new_event_loop()


def run_cell(namespace: dict, code: str, number: int) -> str:
    """Run it as a notebook would; what went wrong, or nothing."""
    name = f"<cell {number + 1}>"
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
    try:
        compiled = compile(code, name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        if compiled.co_flags & inspect.CO_COROUTINE:
            event_loop().run_until_complete(eval(compiled, namespace))
        else:
            exec(compiled, namespace)
    except SystemExit:
        return "it calls exit()"
    except BaseException as error:  # whatever a cell may throw, the next one is next
        first = (str(error).strip().splitlines() or [""])[0]
        return f"{type(error).__name__}: {first[:200]}"
    return ""


if __name__ == "__main__":
    sys.exit(main())
