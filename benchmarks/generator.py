"""How many cells of 256 x 256 the generator draws in a second, on one core, full variety and plain.

.venv/bin/python benchmarks/generator.py
"""

import statistics
import time

import cv2

from unet_lab.datasets import generate_cell

COUNT, ROUNDS = 100, 5

if __name__ == "__main__":
    cv2.setNumThreads(1)
    for difficulty in (1.0, 0.1):
        rates = []
        for turn in range(ROUNDS):
            began = time.perf_counter()
            for seed in range(turn * COUNT, (turn + 1) * COUNT):
                generate_cell(seed, 256, difficulty)
            rates.append(COUNT / (time.perf_counter() - began))
        print(f"difficulty {difficulty}: {statistics.median(rates):.0f} images a second ({min(rates):.0f} to {max(rates):.0f})")
