"""Tiles of a large image against MONAI's sliding window: the same network, tile and overlap; time in turn, memory in processes
of their own.

    .venv/bin/python benchmarks/tiling.py [ROUNDS]
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from monai.inferers import sliding_window_inference

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.table import Row, benchmark, compared
from unet_lab.datasets import generate_cell, standardise
from unet_lab.inference import predict_logits, predict_tiled, tiles
from unet_lab.weights import load_pretrained

TILE, OVERLAP = 512, 192
SIDES = 1024, 2048  # pixels: of both the memory is asked for, of the first the time


def picture(side: int) -> np.ndarray:
    return np.tile(generate_cell(4, 256).image, (side // 256, side // 256))


@torch.inference_mode()
def monai(model, image, mode="gaussian"):
    """Logits, then the mask, as MONAI's examples do."""
    x = torch.from_numpy(standardise(image))[None, None]
    logits = sliding_window_inference(x, TILE, 1, model, overlap=OVERLAP / TILE, mode=mode, sigma_scale=0.125)
    return logits[0].argmax(0).to(torch.uint8).numpy()


def ours(model, image, blend):
    return predict_tiled(model, image, TILE, OVERLAP, blend)


def peak(name: str, side: int) -> float:
    """MB that a process took at most beyond what it held before the work."""
    line = [sys.executable, __file__, "--memory", name, str(side)]
    return json.loads(subprocess.run(line, capture_output=True, check=True, text=True).stdout)


def measure(name: str, side: int) -> None:
    model, image = load_pretrained(), picture(side)
    runs = {"monai": lambda: monai(model, image), "crop": lambda: ours(model, image, "crop"),
             "gaussian": lambda: ours(model, image, "gaussian"), "whole": lambda: predict_logits(model, image)}  # fmt: skip
    predict_logits(model, image[:TILE, :TILE])
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew (Linux)
    before = _status("VmRSS")
    runs[name]()
    print((_status("VmHWM") - before) / 1024)


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def rows(rounds: int = 3) -> list[Row]:
    """Speed, with what each is apart from the whole image's logits, and memory."""
    model, image = load_pretrained(), picture(SIDES[0])
    whole = predict_logits(model, image)
    apart = {}
    for blend in ("crop", "gaussian"):
        parts = tiles(model, image, TILE, OVERLAP, blend, progress=False)
        apart[blend] = max(float((whole[:, r, c] - part).abs().max()) for r, c, part in parts)
    x = torch.from_numpy(standardise(image))[None, None]
    with torch.inference_mode():
        theirs = sliding_window_inference(x, TILE, 1, model, overlap=OVERLAP / TILE, mode="gaussian")[0]
    apart["monai"] = float((whole - theirs).abs().max())
    times = benchmark(
        {"crop": lambda: ours(model, image, "crop"), "gaussian": lambda: ours(model, image, "gaussian"),
         "monai": lambda: monai(model, image)}, rounds)  # fmt: skip
    memory = {name: [peak(name, side) for side in SIDES] for name in ("crop", "gaussian", "monai", "whole")}
    found = []
    for blend in ("crop", "gaussian"):
        note = (
            f"logits off by {apart[blend]:.0e}, MONAI's by {apart['monai']:.0e}; memory at {SIDES[0]} and {SIDES[1]} pixels: "
            f"{memory[blend][0]:.0f}, {memory[blend][1]:.0f} MB; MONAI {memory['monai'][0]:.0f}, {memory['monai'][1]:.0f}; "
            f"at once {memory['whole'][0]:.0f}, {memory['whole'][1]:.0f}"
        )
        what = f"{SIDES[0]} x {SIDES[0]} in tiles of {TILE}, overlap {OVERLAP}, {blend}"
        found.append(compared(what, "MONAI", times[blend], times["monai"], note))
    return found


if __name__ == "__main__":
    if sys.argv[1:2] == ["--memory"]:
        measure(sys.argv[2], int(sys.argv[3]))
    else:
        for row in rows(*map(int, sys.argv[1:])):
            print(row)
