"""What came out of a comparison: scores of several seeds, how far they may be off, and the file that keeps them."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from unet_lab.files import DATA, write_whole
from unet_lab.training.candidate import Candidate, Protocol

ABLATIONS = DATA / "ablations.json"


class Outcome(NamedTuple):
    """What came out for one candidate; lists have one entry per seed."""

    candidate: Candidate
    parameters: int
    rate: float
    ious: list[float]  # macro IoU on the test cells
    losses: list[list[float]]  # mean training loss of each quarter of the run
    matrices: Sequence[list[list[int]]] = ()  # for each test image its confusion matrix, row by row

    @property
    def mean(self) -> float:
        """Mean over the seeds."""
        return float(np.mean(self.ious))

    @property
    def std(self) -> float:
        """Standard deviation over the seeds (divided by n - 1); NaN for one seed."""
        return float(np.std(self.ious, ddof=1)) if len(self.ious) > 1 else float("nan")

    @property
    def counts(self) -> np.ndarray:
        """The confusion matrices, (seeds, images, K, K): `scores(outcome.counts[0].sum(axis=0))` is the first seed's."""
        table = np.array(self.matrices, np.int64)
        if not table.size:
            raise ValueError(f"{self.candidate.name}: this table was stored without its images' confusion matrices.")
        classes = round(table.shape[2] ** 0.5)
        return table.reshape(*table.shape[:2], classes, classes)


def difference(outcome: Outcome, baseline: Outcome) -> tuple[float, float]:
    """Mean macro IoU of one minus the other's, and that difference's standard error, from how both vary over the seeds.

    The runs of two networks with one seed have nothing in common but the order of the batches, so they are not paired
    (Welch 1947). A difference of less than about two standard errors may be chance.
    """
    error = np.sqrt(np.var(outcome.ious, ddof=1) / len(outcome.ious) + np.var(baseline.ious, ddof=1) / len(baseline.ious))
    return outcome.mean - baseline.mean, float(error)


def p_value(outcome: Outcome, baseline: Outcome) -> float:
    """How likely so large a difference of means, either way, is between two networks that are equally good (Welch's t test).

    Over the seeds; NaN where one side has a single one, and where both have no variation and no difference.
    """
    from scipy.stats import ttest_ind  # more than a second to load, which not every notebook should pay

    return float(ttest_ind(outcome.ious, baseline.ious, equal_var=False).pvalue) if min_seeds(outcome, baseline) > 1 else math.nan


def min_seeds(*outcomes: Outcome) -> int:
    """The fewest seeds that one of them has."""
    return min(len(outcome.ious) for outcome in outcomes)


def holm(p_values: Sequence[float]) -> list[float]:
    """p values corrected for there being many (Holm 1979): below 0.05 in a whole table with a chance of 5 % at most.

    The smallest of n is multiplied by n, the next by n - 1, and so on; none becomes smaller than one before it, or larger than 1.
    What counts is how many comparisons were looked at, not how many are reported. NaN, no comparison, stays NaN.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    given = np.asarray(p_values, float)
    if ((given < 0) | (given > 1)).any():
        raise ValueError(f"p values are {list(p_values)}; allowed are numbers from 0 to 1.")
    corrected = np.full(len(given), np.nan)
    order = [k for k in np.argsort(given) if not np.isnan(given[k])]
    least = 0.0
    for place, k in enumerate(order):
        least = corrected[k] = min(1.0, max(least, (len(order) - place) * given[k]))
    return corrected.tolist()


def interval(
    outcome: Outcome, baseline: Outcome | None = None, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Between which values the mean macro IoU may lie, or with a baseline its difference: a bootstrap over images and seeds.

    In each draw as many seeds and test images as there were are drawn with replacement, the same images for both sides, and
    the score is computed anew; the interval holds `level` of the draws (Efron and Tibshirani 1993, percentiles). Other images
    would have given another score, as other seeds would: this counts both. Of a table without images: over seeds only.
    """
    if not 0 < level < 1 or draws < 1:
        raise ValueError(f"level is {level} and draws is {draws}; allowed are a share between 0 and 1, and draws from 1 up.")
    generator = np.random.default_rng(seed)
    sides = [outcome] if baseline is None else [outcome, baseline]
    images = {len(side.matrices[0]) for side in sides if side.matrices}
    if len(images) > 1:
        raise ValueError(f"the two were judged on {sorted(images)} test images; they must be the same images.")
    count = images.pop() if images and all(side.matrices for side in sides) else 0
    drawn = generator.multinomial(count, [1 / count] * count, draws) if count else None  # (draws, images): how often each
    means = [resampled_means(side, drawn, draws, generator) for side in sides]
    values = means[0] if baseline is None else means[0] - means[1]
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def resampled_means(outcome: Outcome, drawn: np.ndarray | None, draws: int, generator: np.random.Generator) -> np.ndarray:
    """The mean macro IoU of each draw, (draws,): over drawn seeds, and drawn images where there are any."""
    seeds = len(outcome.ious)
    chosen = generator.integers(seeds, size=(draws, seeds))
    if drawn is None:
        return np.array(outcome.ious)[chosen].mean(axis=1)
    counts = np.einsum("dn,snij->dsij", drawn, outcome.counts)  # (draws, seeds, K, K)
    hit = np.diagonal(counts, axis1=2, axis2=3)  # (draws, seeds, K)
    union = counts.sum(axis=2) + counts.sum(axis=3) - hit
    ious = np.nanmean(np.where(union > 0, hit / np.maximum(union, 1), np.nan), axis=2)  # (draws, seeds)
    return np.take_along_axis(ious, chosen, axis=1).mean(axis=1)


def save_outcomes(outcomes: Sequence[Outcome], protocol: Protocol, path: Path = ABLATIONS, data: str = "") -> None:
    """Write a table with its protocol as JSON, whole. data : the fingerprint of images of your own."""
    rows = [outcome._asdict() | {"candidate": outcome.candidate.described} for outcome in outcomes]
    rows = [row if row["matrices"] else {name: v for name, v in row.items() if name != "matrices"} for row in rows]
    table = {"protocol": asdict(protocol)} | ({"data": data} if data else {}) | {"rows": rows}
    write_whole(path, compact(json.dumps(table, indent=1)).encode())


def compact(text: str) -> str:
    """The innermost lists of numbers on one line each."""
    lines: list[str] = []
    inside = False
    for line in text.split("\n"):
        number = line.strip().rstrip(",").lstrip("-").replace(".", "", 1).replace("e-", "", 1).isdigit()
        if number and lines and (inside or lines[-1].endswith("[")):
            lines[-1] += ("" if lines[-1].endswith("[") else " ") + line.strip()
            inside = True
        elif inside and line.strip().startswith("]"):
            lines[-1] += line.strip()
            inside = False
        else:
            lines.append(line)
            inside = False
    return "\n".join(lines)


def load_outcomes(path: Path = ABLATIONS) -> tuple[Protocol, list[Outcome]]:
    """Read what `save_outcomes` wrote: the protocol and one outcome per row."""
    stored = json.loads(Path(path).read_text(encoding="utf-8"))
    settings: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in stored["protocol"].items()}
    protocol = Protocol(**settings)
    return protocol, [Outcome(Candidate(**row.pop("candidate")), **row) for row in stored["rows"]]


def finished_outcomes(path: Path, protocol: Protocol, data: str = "") -> list[Outcome]:
    """What a table holds already, none where there is no file. Raises ValueError for another protocol or other data."""
    if not Path(path).exists():
        return []
    theirs, outcomes = load_outcomes(path)
    other = "another protocol" if theirs != protocol else "other images"
    if theirs != protocol or json.loads(Path(path).read_text(encoding="utf-8")).get("data", "") != data:
        raise ValueError(f"{path}: this table was made with {other}, and rows would not be comparable. Give another file name.")
    return outcomes
