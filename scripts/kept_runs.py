"""Train the runs that notebook 07 steps through, and store the weights of every epoch in data/runs/.

    python3 lab.py kept-runs

Four small networks, about half a minute on one core.
"""

from __future__ import annotations

import argparse

import torch
from tqdm import tqdm

from unet_lab.training.kept_runs import RECIPES, RUNS, keep_run, save_run


def main() -> None:
    argparse.ArgumentParser(prog="python3 lab.py kept-runs", description=__doc__.splitlines()[0]).parse_args()
    torch.set_num_threads(1)  # the same sums in the same order, however many cores
    RUNS.mkdir(exist_ok=True)
    for name, recipe in RECIPES.items():
        with tqdm(total=recipe.epochs, desc=name, unit="epoch") as bar:
            run = keep_run(recipe, lambda report, bar=bar: bar.update())
        save_run(run, RUNS / f"{name}.safetensors")
        print(f"{name:8s} IoU {run.reports[-1].iou:.3f}  loss {run.reports[-1].loss:.3f}  {recipe.fault}")
    size = sum(path.stat().st_size for path in RUNS.glob("*.safetensors"))
    print(f"{size / 1e6:.2f} MB in {RUNS}")


if __name__ == "__main__":
    main()
