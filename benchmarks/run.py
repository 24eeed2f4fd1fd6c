"""All benchmarks that give ratios, one after the other, each in a process of its own: one table, printed and stored.

    python3 lab.py benchmark [NAME ...]

NAME is one of those below; none runs all but other_ways, in about twenty minutes. Nothing is stored that was measured while
another program took more than a tenth of a core. What was measured replaces what stands under the same name in
benchmarks/results.json, with date, machine and commit, and the table in docs/measurements.md is written from it. A run that was
stopped goes on by name.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
import time
from contextlib import suppress
from datetime import date
from pathlib import Path

import psutil
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.table import Row
from unet_lab.files import write_whole

HERE = Path(__file__).resolve().parents[1]
RESULTS = HERE / "benchmarks" / "results.json"
DOCS = HERE / "docs" / "measurements.md"
BEGIN, END = "<!-- written by lab.py benchmark -->", "<!-- until here -->"
QUIET = 0.1  # of a core: what other programs may take
NAMES = ("speed", "layers", "other_ways", "precision", "feeding", "segmenting", "augmentation", "metrics", "tiling")
ASKED_ONLY = ("other_ways",)  # needs packages that the course does not


def machine() -> str:
    """Cores, processor, Python and PyTorch, in words."""
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    known = {"avx2": "AVX2", "avx512": "AVX-512", "avx512_bf16": "its bfloat16", "vnni": "its int8", "amx_tile": "AMX"}
    able = [word for name, word in known.items() if getattr(torch.cpu, f"_is_{name}_supported", bool)()]
    return (
        f"{os.cpu_count()} cores of {model} with {', '.join(able) or 'no vector instructions that we know'}, "
        f"{torch.get_num_threads()} threads, {platform.system()}, Python {platform.python_version()}, PyTorch {torch.__version__}"
    )


def measured(name: str) -> list[Row]:
    """The rows of one benchmark, from a process of its own."""
    line = [sys.executable, __file__, "--rows", name]
    done = subprocess.run(line, cwd=HERE, check=True, stdout=subprocess.PIPE, text=True)
    return [Row(**row) for row in json.loads(done.stdout.splitlines()[-1])]


def stored() -> dict:
    """What results.json holds: for each benchmark date, machine and rows."""
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}


def others(seconds: float = 3.0) -> tuple[float, str]:
    """What the busiest program that is not this one takes of a core, 1 for all of it, and its name; watched for some seconds."""
    own = {psutil.Process().pid, *(parent.pid for parent in psutil.Process().parents())}
    before = {p.pid: (p, sum(p.cpu_times()[:2])) for p in psutil.process_iter(["cpu_times", "name"]) if p.pid not in own}
    time.sleep(seconds)
    taken = []  # by process: several may have one name
    for process, used in before.values():
        with suppress(psutil.Error):
            taken.append(((sum(process.cpu_times()[:2]) - used) / seconds, process.info["name"] or str(process.pid)))
    return max(taken, default=(0.0, ""))


def busy() -> str:
    """In words, which program is in the way; empty where none is."""
    share, name = others()
    return f"{name} takes {share:.0%} of a core" if share > QUIET else ""


def commit() -> str:
    """The commit that was measured, with a + where files differ from it; empty where git does not know."""
    try:
        found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True, check=True)
        changed = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", "unet_lab", "benchmarks/*.py"], cwd=HERE).returncode
    except (OSError, subprocess.CalledProcessError):
        return ""
    return found.stdout.strip() + ("+" if changed else "")


def with_table(text: str, results: dict) -> str:
    """docs/measurements.md with the table of the stored results between its two marks."""
    head, first, rest = text.partition(BEGIN)
    _, last, tail = rest.partition(END)
    if not first or not last:
        raise ValueError(f"{DOCS.name} has lost its marks {BEGIN} and {END}, between which the table stands; put them back.")
    return f"{head}{BEGIN}\n{table(results)}{END}{tail}"


def table(results: dict) -> str:
    """The stored results as Markdown, as docs/measurements.md shows them."""
    parts = []
    for where in dict.fromkeys((entry["date"], entry["machine"], entry.get("commit", "")) for entry in results.values()):
        measured_at = f", commit {where[2]}" if where[2] else ""
        parts.append(f"{where[0]}, {where[1]}{measured_at}:\n\n| What | Against | Times as fast | Note |\n|---|---|---|---|")
        for entry in results.values():
            if (entry["date"], entry["machine"], entry.get("commit", "")) == where:
                for row in (Row(**row) for row in entry["rows"]):
                    speed = f"{row.ratio:.2f} ({row.low:.2f} to {row.high:.2f})"
                    parts.append(f"| {row.what} | {row.against} | {speed} | {row.note} |")
        parts.append("")
    return "\n".join(parts)


def main() -> int:
    if sys.argv[1:2] == ["--rows"]:
        found = importlib.import_module(f"benchmarks.{sys.argv[2]}").rows()
        print(json.dumps([row.as_dict() for row in found]))
        return 0
    parser = argparse.ArgumentParser(prog="lab.py benchmark", description="Measure this machine.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(NAMES)}")
    names = parser.parse_args().names
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        sys.exit(f"lab.py benchmark: there is no {unknown[0]!r}; there are {', '.join(NAMES)}.")
    not_stored = []
    try:
        for name in names or [name for name in NAMES if name not in ASKED_ONLY]:
            print(f"== {name}", flush=True)
            in_the_way = busy()
            rows = measured(name)
            print("\n".join(map(str, rows)), flush=True)
            in_the_way = in_the_way or busy()
            if in_the_way:
                print(f"Not stored: {in_the_way}, so these numbers are of two programs. End it, then: lab.py benchmark {name}")
                not_stored.append(name)
                continue
            entry = {"date": str(date.today()), "machine": machine(), "commit": commit(), "rows": [row.as_dict() for row in rows]}
            results = stored() | {name: entry}
            results = {n: results[n] for n in NAMES if n in results}
            write_whole(RESULTS, (json.dumps(results, indent=1, ensure_ascii=False) + "\n").encode("utf-8"))
            write_whole(DOCS, with_table(DOCS.read_text(encoding="utf-8"), results).encode("utf-8"))
    except KeyboardInterrupt:
        print(f"Stopped; what was finished is in {RESULTS}.", file=sys.stderr)
        return 130
    print("\n" + table(stored()))
    return 1 if not_stored else 0


if __name__ == "__main__":
    sys.exit(main())
