"""Check of notebook 07: a learning rate's schedule, a straight warm-up and half a cosine."""

from __future__ import annotations

from itertools import chain

from unet_lab.course.agreement import Case, Shown, agree
from unet_lab.course.exercises.schedule_mistakes import curve, schedule_suspects

NEIGHBOUR = (
    "A neighbour: a lamp that goes on in 4 seconds, a quarter of its light each, has the share (second + 1) / 4 in the seconds "
    "0, 1, 2, 3; one that goes out straight in 5 seconds has 1 - second / 5."
)


def schedule_cases() -> list[Case]:
    """Every step of a short run, and some of longer ones; with and without a warm-up; in mixed order."""
    runs = [(10, 4, 1.0), (7, 0, 0.01), (5, 1, 0.1), (1, 0, 0.5), (12, 9, 0.02), (400, 60, 0.003), (3, 2, 8.0)]
    asked = [[(step, *run) for step in range(run[0])] if run[0] < 20 else [] for run in runs]
    asked.append([(step, 400, 60, 0.003) for step in (0, 1, 59, 60, 61, 200, 230, 399)])
    every = list(chain.from_iterable(asked))
    alike = [(step, *run) for run in ((10, 4, 0.5), (10, 3, 1.0), (11, 4, 1.0), (10, 4, 1e-4)) for step in (1, 3, 5, 9)]
    every += alike  # one argument is another: what is kept by the others alone would be seen
    ordered = sorted(every, key=lambda given: (given[0] * 7 + given[1] * 3) % 11)  # a counter of one's own would be seen
    start = [(0, 10, 4, 1.0), (3, 10, 4, 1.0), (4, 10, 4, 1.0), (7, 10, 4, 1.0), (9, 10, 4, 1.0)]
    return [schedule_case(*given) for given in dict.fromkeys([*start, *ordered])]


def schedule_case(step, steps, warmup, highest) -> Case:
    tags = {
        "the step lies in the warm-up": step < warmup,
        "the step lies after the warm-up": step >= warmup,
        "there is no warm-up (warmup is 0)": warmup == 0,
        "the highest rate is not 1": highest != 1,
        "it is the first step": step == 0,
        "it is the last step": step == steps - 1,
        "it is the last step of the warm-up": step == warmup - 1,
        "it is the first step after the warm-up": step == warmup,
    }
    said = f"for step {step} of {steps}, warmup={warmup}, highest={highest:g}"
    return Case(said, (step, steps, warmup, highest), tuple(tag for tag, holds in tags.items() if holds))


def schedule(answer) -> None:
    """my_rate(step, steps, warmup, highest): straight up in `warmup` steps, then down along half a cosine."""
    hints = ("Write down all ten rates for steps=10, warmup=4, highest=1: 0.25, 0.5, 0.75, 1, 1, and on down.", NEIGHBOUR)
    otherwise = "Two cases: step < warmup, and the rest. Which share of its way has each step behind it?"
    shown = Shown(otherwise, hints, tolerance=1e-6)
    agree(answer, curve, schedule_cases(), schedule_suspects(), shown)
