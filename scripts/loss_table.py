"""Train a rare class with several losses, under the comparison's protocol, and store the table in data/losses.json.

    python3 lab.py loss-table [--again] [--tiny]

The rare class is the nucleolus, about one pixel in a hundred. Six ways to train the same network, each at the rate that suits it
and with five seeds: what they bring (recall of the rare class) and what they cost (its precision). About ten minutes. What is
stored is kept, so a run that was stopped goes on; --again begins anew. --tiny shows in seconds that it works, stores nothing.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import torch
from tqdm import tqdm

from unet_lab.training import Protocol, compare
from unet_lab.training.rare_class import LOSSES, RARE_CLASS, loss_row, rare_class_candidates, rare_class_data

TINY = Protocol(size=64, training=12, validation=4, test=6, steps=8, rates=(0.01,), seeds=(0, 1))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python3 lab.py loss-table", description=__doc__.splitlines()[0])
    parser.add_argument("--again", action="store_true", help="do not keep the rows that are stored")
    parser.add_argument("--tiny", action="store_true", help="a few steps, in seconds, stored nowhere")
    told = parser.parse_args(arguments)
    torch.set_num_threads(1)  # the same sums in the same order, however many cores
    if told.again and not told.tiny:
        LOSSES.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        protocol, path = (TINY, Path(folder) / LOSSES.name) if told.tiny else (RARE_CLASS, LOSSES)
        data = rare_class_data(protocol)
        candidates = rare_class_candidates(data)
        for outcome in tqdm(compare(candidates, protocol, data, path), unit="loss", total=len(candidates)):
            tqdm.write(loss_row(outcome))


if __name__ == "__main__":
    main()
