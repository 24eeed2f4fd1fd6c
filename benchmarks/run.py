"""All benchmarks that give ratios, one after the other, each in a process of its own: one table, printed and stored.

    python3 lab.py benchmark [NAME ...]

NAME is one of those below; none runs all, in about a quarter of an hour. The machine should have nothing else to do. What was
measured replaces what stands under the same name in benchmarks/results.json, with the date and the machine; the README shows it.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
from datetime import date
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.table import Row
from unet_lab.files import write_whole

HERE = Path(__file__).resolve().parents[1]
RESULTS = HERE / "benchmarks" / "results.json"
NAMES = ("speed", "precision", "augmentation", "metrics", "tiling")


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


def table(results: dict) -> str:
    """The stored results as Markdown, as the README shows them."""
    parts = []
    for where in dict.fromkeys((entry["date"], entry["machine"]) for entry in results.values()):
        parts.append(f"{where[0]}, {where[1]}:\n\n| What | Against | Times as fast | Note |\n|---|---|---|---|")
        for entry in results.values():
            if (entry["date"], entry["machine"]) == where:
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
    try:
        for name in names or NAMES:
            print(f"== {name}", flush=True)
            rows = measured(name)
            print("\n".join(map(str, rows)), flush=True)
            entry = {"date": str(date.today()), "machine": machine(), "rows": [row.as_dict() for row in rows]}
            results = stored() | {name: entry}
            results = {n: results[n] for n in NAMES if n in results}
            write_whole(RESULTS, (json.dumps(results, indent=1, ensure_ascii=False) + "\n").encode("utf-8"))
    except KeyboardInterrupt:
        print(f"Stopped; what was finished is in {RESULTS}.", file=sys.stderr)
        return 130
    print("\n" + table(stored()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
