"""Compare variations of the U-Net under one protocol, and store the table in data/ablations.json.

    python3 lab.py ablations [--again]

25 networks, four learning rates to choose from and five seeds each: about 20 minutes on two cores. Rows that are stored
already, under the same protocol, are kept, so a run that was stopped goes on; --again begins anew.
"""

from __future__ import annotations

import argparse

import torch
from tqdm import tqdm

from unet_lab.training import Candidate, Protocol, compare
from unet_lab.training.outcomes import ABLATIONS

BASELINE = Candidate("baseline: batch norm, batch size 3", "normalisation")
CANDIDATES = [
    BASELINE,
    *(
        Candidate(f"{norm or 'no'} norm, batch size {size}", "normalisation", {"norm": norm}, size)
        for size in (1, 3, 16)
        for norm in (None, "batch", "instance", "group", "layer")
        if (norm, size) != ("batch", 3)
    ),
    Candidate("nearest, then 1x1", "up-sampling", {"up": "nearest"}),
    Candidate("bilinear, then 1x1", "up-sampling", {"up": "bilinear"}),
    Candidate("skips added", "skip", {"skip": "sum"}),
    Candidate("no skips", "skip", {"skip": "none"}),
    Candidate("attention gates", "attention", {"attention": True}),
    Candidate("residual blocks", "residual", {"residual": True}),
    Candidate("depth 2", "depth", {"depth": 2}),
    Candidate("depth 3", "depth", {"depth": 3}),
    Candidate("depth 5", "depth", {"depth": 5}),
    Candidate("4 base channels", "width", {"base_channels": 4}),
    Candidate("16 base channels", "width", {"base_channels": 16}),
]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python3 lab.py ablations", description=__doc__.splitlines()[0])
    parser.add_argument("--again", action="store_true", help="do not keep the rows that are stored")
    again = parser.parse_args().again
    torch.set_num_threads(1)  # the same sums in the same order, however many cores
    if again:
        ABLATIONS.unlink(missing_ok=True)
    outcomes = list(tqdm(compare(CANDIDATES, Protocol(), path=ABLATIONS), unit="network", total=len(CANDIDATES)))
    for outcome in outcomes:
        print(f"{outcome.mean:.3f} ± {outcome.std:.3f}   rate {outcome.rate:<5}   {outcome.candidate.name}")


if __name__ == "__main__":
    main()
