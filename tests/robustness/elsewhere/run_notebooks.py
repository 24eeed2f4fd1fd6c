"""Run the course's notebooks as another machine would, and say which fail or print another fact. It takes half an hour; no test.

    python -m tests.robustness.elsewhere.run_notebooks --device [NAME ...]              on a device that is not the CPU
    python -m tests.robustness.elsewhere.run_notebooks --capability default [NAME ...]  without AVX2 and AVX-512 (or: avx2)

NAME is the start of a notebook's name. Facts are the outputs of cells tagged nbval-check-output, which hold on every machine. The
notebooks' files stay as they are.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).resolve().parents[3]
NOTEBOOKS = ROOT / "notebooks"
SITE = Path(__file__).with_name("site_device")  # holds a sitecustomize.py, which every Python that is started reads


def printed(cell) -> str:
    """What a cell printed or showed as text."""
    texts = [output.get("text", output.get("data", {}).get("text/plain", "")) for output in cell.get("outputs", [])]
    kinds = [output.get("name") for output in cell.get("outputs", [])]
    return "".join(text for text, kind in zip(texts, kinds, strict=True) if kind != "stderr").strip()


def run(path: Path, environment: dict[str, str]) -> list[str]:
    """What went wrong in a notebook: each cell that failed (the next is run nevertheless), each fact that came out otherwise."""
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(NOTEBOOKS)}}
    client = NotebookClient(notebook, timeout=900, resources=resources, store_widget_state=False, kernel_name="python3")
    wrong = []
    with client.setup_kernel(env=os.environ | environment, stderr=subprocess.DEVNULL):
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type != "code":
                continue
            stored = printed(cell)
            try:
                client.execute_cell(cell, index)
            except CellExecutionError as error:
                lines = [line for line in str(error).splitlines() if line.strip()]
                wrong.append(f"cell {index}: {error.ename}: {error.evalue}\n" + "\n".join(lines[-25:]))
                continue
            if "nbval-check-output" in cell.metadata.get("tags", []) and printed(cell) != stored:
                wrong.append(f"cell {index} prints another fact\n--- stored\n{stored}\n--- here\n{printed(cell)}")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--device", action="store_true", help="the networks lie on a device that is not the CPU")
    parser.add_argument("--capability", choices=["default", "avx2"], help="what PyTorch may use of the processor")
    told = parser.parse_args()
    environment = {"PYTHONPATH": os.pathsep.join([str(SITE), str(ROOT)]), "UNET_LAB_PROGRESS": "off"}
    if told.device:
        environment["UNET_LAB_DEVICE"] = "elsewhere"
    if told.capability:
        environment["ATEN_CPU_CAPABILITY"] = told.capability
    names = told.names or [""]
    paths = sorted(p for p in NOTEBOOKS.glob("[0-9]*.ipynb") if any(p.name.startswith(name) for name in names))
    failed = 0
    for path in paths:
        began = time.perf_counter()
        wrong = run(path, environment)
        failed += bool(wrong)
        print(
            f"{path.stem}: {'passed' if not wrong else f'{len(wrong)} wrong'} ({time.perf_counter() - began:.0f} s)", flush=True
        )
        for words in wrong:
            print("    " + words.replace("\n", "\n    "), flush=True)
    print(f"{len(paths) - failed} of {len(paths)} notebooks run as they stand.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
