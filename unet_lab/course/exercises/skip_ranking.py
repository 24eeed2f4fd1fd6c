"""A check of notebook 09: rank the skips by what they are worth."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from unet_lab.course.checking import Wrong, called
from unet_lab.course.exercises.skip_mistakes import MEASURES, from_runs, from_tables, macro, ranked
from unet_lab.course.facts import counted, facts
from unet_lab.course.left_alone import left_alone
from unet_lab.course.leniency import sequence
from unet_lab.course.networks import shake
from unet_lab.course.probes import must_be_as_before, state
from unet_lab.datasets.generator.cells import Cell, generate_cell
from unet_lab.inference import predict
from unet_lab.inference.predict import predict_logits
from unet_lab.inspection.ablation import without_skip
from unet_lab.metrics import confusion_matrix
from unet_lab.unet import UNet

SEEDS = (210, 1122, 209, 1125, 2005, 3021)  # for these, other measures than the macro IoU give another order
DEEP = 1000  # from this seed on the deeper skips count more than the upper ones
HELPS = 2000  # from here on the truth is in part what comes out with a skip cut: cutting it helps
HELPED = 0  # the level that is cut for that
LACKS = 3000  # from here on the nucleus is in no truth, and is predicted only where a skip is cut
RANK_NEIGHBOUR = "A neighbour: sorted(range(3), key=lambda k: price[k], reverse=True) names the dearest of three first."
Tables = list[list[np.ndarray]]  # for all skips on, then each level cut: a confusion matrix for each pair


def setting(seed: int) -> tuple[nn.Module, list[Cell]]:
    """A small U-Net with weights drawn at random, and pairs whose truths are its own predictions, spoilt in one corner."""
    return copy.deepcopy(made_setting(seed))


@cache
def made_setting(seed: int) -> tuple[nn.Module, list[Cell]]:
    """What `setting` copies."""
    torch.manual_seed(seed)
    model = UNet(base_channels=4, depth=4).eval()
    shake([module for module in model.modules() if isinstance(module, nn.BatchNorm2d)], seed)
    cells = [generate_cell(20 * seed + number, size) for number, size in enumerate((32, 48, 64))]
    with torch.no_grad():
        for level, stage in zip((3, 2, 1, 0), model.decoder, strict=True):
            weight = stage.block[0].weight
            half = weight.shape[1] // 2
            weight[:, half:] *= 3  # what comes from below counts more, so that every skip matters
            weight[:, :half] *= (0.2, 0.7, 4, 1)[level] if DEEP <= seed < HELPS else 1
        logits = predict_logits(model, cells[2].image).reshape(3, -1)
        deviation = logits.std(1)
        model.head.weight.div_(deviation[:, None, None, None])
        model.head.bias.copy_((model.head.bias - logits.mean(1)) / deviation + torch.randn(3))
        if seed >= LACKS:
            logits = [predict_logits(model, cell.image).reshape(3, -1) for cell in cells]
            lead = max(float((each[2] - each[:2].max(0).values).max()) for each in logits)
            model.head.bias[2] -= lead + 1e-3
    rng, pairs = np.random.default_rng(seed), []
    for cell in cells:
        truth = predict(model, cell.image).copy()
        if HELPS <= seed < LACKS:
            with without_skip(model, HELPED):
                truth[: len(truth) // 2] = predict(model, cell.image)[: len(truth) // 2]
        side = len(truth) // 3
        row, column = rng.integers(0, side, 2)
        truth[row : row + side, column : column + side] = rng.integers(0, 2 if seed >= LACKS else 3)
        pairs.append(cell._replace(mask=truth))
    return model, pairs


@cache
def tables(seed: int, adding_up: bool = False) -> Tables:
    """adding_up : each cut stays on while the next is made."""
    model, pairs = setting(seed)
    found = []
    for level in (None, 0, 1, 2, 3):
        levels = [] if level is None else range(level + 1) if adding_up else [level]
        with ExitStack() as stack:
            for each in levels:
                stack.enter_context(without_skip(model, each))
            found.append([confusion_matrix(truth, predict(model, image)) for image, truth in pairs])
    return found


def lost(seed: int, measure: Callable = macro, adding_up: bool = False) -> list[float]:
    whole, *cut = (measure(each) for each in tables(seed, adding_up))
    return [whole - value for value in cut]


def rank_skips(answer) -> None:
    """my_ranking(model, pairs): the levels 0 to 3 of the skips, the one whose loss costs most IoU first."""
    names_levels, ranks = facts(
        "it names each of the four levels, and leaves the model as it was", "the levels are in order of worth"
    )
    given = []
    for number, seed in enumerate(SEEDS):
        model, pairs = setting(seed)
        model.train(number % 2 == 0)
        before, copies = state(model), [(image.copy(), truth.copy()) for image, truth in pairs]
        with names_levels, left_alone(RANK_NEIGHBOUR):
            got = called(answer, model, pairs)
        with names_levels:
            must_be_as_before(before, model, "with without_skip(model, level): puts everything back by itself.", RANK_NEIGHBOUR)
            pairs_must_be_as_before(pairs, copies)
            given.append(levels(got))
    wrong = [k for k, seed in enumerate(SEEDS) if not in_order(given[k], lost(seed))]
    with ranks, counted(len(SEEDS) - len(wrong), of=len(SEEDS)):
        for number in wrong:
            say(given, number)


def pairs_must_be_as_before(pairs, copies) -> None:
    if any(not np.array_equal(a, b) for one, two in zip(pairs, copies, strict=True) for a, b in zip(one, two, strict=True)):
        raise Wrong("your function changed the images or masks that it was given.", "Leave them.", RANK_NEIGHBOUR)


def in_order(order: list[int], worth: list[float]) -> bool:
    return all(worth[a] >= worth[b] - 1e-3 for a, b in pairwise(order))


def levels(got) -> list[int]:
    """The answer as four levels; Wrong where it is none."""
    given = sequence(got)
    try:
        if given is None:
            raise TypeError
        found = [int(v) for v in given]
    except (TypeError, ValueError):
        clue = "Return a list of four whole numbers, the levels, the dearest first."
        raise Wrong(f"expected a list of levels, got {got!r}."[:200], clue) from None
    if any(float(v) != round(float(v)) for v in given) or (len(found) == 4 and set(found) == {0}):
        raise Wrong(
            f"{[round(float(v), 3) for v in given]} are no levels; are they what was lost?",
            "Rank them: the level numbers, ordered by what was lost.",
            RANK_NEIGHBOUR,
        )
    if sorted(found) == [1, 2, 3, 4]:
        raise Wrong(f"{found}: levels are 0 to 3, yours count from 1.", "The uppermost skip is level 0.", RANK_NEIGHBOUR)
    if sorted(found) != [0, 1, 2, 3]:
        finding = f"{found} does not name each of the four levels 0, 1, 2, 3 once."
        raise Wrong(finding, "Every level gets one place in the ranking: range(4).", RANK_NEIGHBOUR)
    return found


@cache
def runs_of(seed: int) -> dict[str, Callable[[], list[int]]]:
    """What other ways of measuring, that need the network, give for this setting; each is measured once."""
    return {finding: cache(run) for finding, run in from_runs(*setting(seed)).items()}


def known_mistake(given: list[list[int]]) -> str:
    """What was measured instead: the mistake that gives the student's own order for every network; "" where none does."""
    with np.errstate(all="ignore"):
        for finding, each in MEASURES.items():
            if all(mine == ranked(lost(seed, each)) for mine, seed in zip(given, SEEDS, strict=True)):
                return finding
        found = [from_tables(tables(seed)) for seed in SEEDS]
        fitting = [key for key in found[0] if all(mine == each[key] for mine, each in zip(given, found, strict=True))]
        if fitting:
            return fitting[0]
        left: set[str] | None = None
        for mine, seed in zip(given, SEEDS, strict=True):
            runs = runs_of(seed)
            left = {key for key in (runs if left is None else left) if runs[key]() == mine}
            if not left:
                return ""
    return min(left)


def say(given: list[list[int]], wrong: int) -> None:
    """Which known mistake gives the student's own order for every network?"""
    worth = lost(SEEDS[wrong])
    costs = ", ".join(f"level {k} costs {worth[k]:.3f}" for k in given[wrong])
    one_at_a_time = "One confusion matrix over all pairs, then scores(matrix, average='macro').iou; cut one level at a time."
    rights = [ranked(lost(seed)) for seed in SEEDS]
    measure = "Measure: for each level, cut it, predict all pairs, compute the macro IoU."
    if all(mine == right[::-1] for mine, right in zip(given, rights, strict=True)):
        raise Wrong(
            f"your order is the right one backwards ({costs}).",
            "Worth is IoU with all skips minus IoU without this one: the largest loss first.",
            RANK_NEIGHBOUR,
        )
    if all(mine == given[0] for mine in given):
        kind = "the order of the levels, not of their worth" if given[0] in ([0, 1, 2, 3], [3, 2, 1, 0]) else "always the same"
        finding = f"{given[0]} is {kind} ({costs}): for every network the same, so nothing was cut and measured, of this one."
        raise Wrong(finding, measure, RANK_NEIGHBOUR)
    if all(mine == [right.index(level) for level in range(4)] for mine, right in zip(given, rights, strict=True)):
        finding = (
            f"your order is {given[wrong]} ({costs}): those are the places (ranks) of levels 0 to 3, not the levels in order."
        )
        raise Wrong(finding, "First the level that costs most, then the next.", RANK_NEIGHBOUR)
    if all(mine == ranked(lost(seed, adding_up=True)) for mine, seed in zip(given, SEEDS, strict=True)):
        finding = f"your order is {given[wrong]} ({costs}): cuts add up, several are on at once; cut one at a time."
        raise Wrong(
            finding, "Does every level begin with all other skips on? Leave the `with` before the next one.", RANK_NEIGHBOUR
        )
    finding = known_mistake(given)
    if finding:
        raise Wrong(f"your order is {given[wrong]} ({costs}): {finding}.", one_at_a_time, RANK_NEIGHBOUR)
    raise Wrong(
        f"your order is {given[wrong]} ({costs}); the mistake is not recognised.",
        one_at_a_time,
        "Does every level begin with all other skips on? Leave the `with` before the next one.",
        RANK_NEIGHBOUR,
    )
