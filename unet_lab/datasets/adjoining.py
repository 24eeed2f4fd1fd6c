"""Tiles that were cut from one larger image, recognised by what continues across their edges; no name is needed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy.ndimage import uniform_filter1d
from scipy.special import ndtri

from unet_lab.datasets.standardise import Sliceable

BY_CHANCE = 1e-6  # how likely a set without tiles is called one with tiles, at most
ONCE_FOUND = 0.05  # the same for one more pair, where a set is known to hold tiles
SMOOTH = 15  # pixels: changes along an edge that are slower than this are illumination
LAGS = 30  # pixels: so far along an edge neighbours may resemble each other
SHORTEST = 24  # pixels of an edge that says anything
MOST = 4_000  # images that are compared, each with each


class Edge(NamedTuple):
    """The last row or column of an image on one side, and the one before it, (length,) grey float32."""

    outer: np.ndarray
    inner: np.ndarray


def adjoining(images: Sequence[Sliceable]) -> list[tuple[int, int]]:
    """Which images lie side by side in a larger one: pairs of their positions.

    Reads two rows and two columns along each side of each image, no more. Two images adjoin where what is fine along the edge
    of the one correlates with the edge of the other more than edges of images that have nothing in common ever would (Fisher's
    z with as many independent pixels as the edges have, Bartlett 1946; Bonferroni over all pairs of edges), where their greys
    differ no more than neighbouring columns of one image do, where they are no mirror images, and where each is the other's only
    partner. Tiles that meet in an
    empty, even ground show nothing that continues, and those that overlap do not adjoin; neither is found.
    """
    if not 2 <= len(images) <= MOST:
        return []
    sides = list(sides_of(images))
    tests = 2 * len(images) * (len(images) - 1)
    if not any(True for _, ends, starts in sides for _ in meeting(ends, starts, BY_CHANCE / tests)):
        return []
    pairs = [(numbers[i], numbers[j]) for numbers, *both in sides for i, j in meeting(*both, ONCE_FOUND / tests)]
    return sorted({(min(pair), max(pair)) for pair in pairs})


def sides_of(images: Sequence[Sliceable]) -> Iterator[tuple[list[int], list[Edge], list[Edge]]]:
    """Images whose edges are equally long: their positions, where they end and where they start, downwards or to the right."""
    for axis in (0, 1):
        lengths: dict[int, list[int]] = defaultdict(list)
        for number, image in enumerate(images):
            if min(image.shape[:2]) >= SHORTEST:
                lengths[image.shape[1 - axis]].append(number)
        for numbers in lengths.values():
            yield numbers, *([edge_of(images[k], axis, last) for k in numbers] for last in (True, False))  # type: ignore[misc]


def edge_of(image: Sliceable, axis: int, last: bool) -> Edge:
    """The first or last row (axis 0) or column (axis 1) of an image, and its neighbour."""
    two = slice(image.shape[axis] - 2, image.shape[axis]) if last else slice(0, 2)
    whole = slice(0, image.shape[1 - axis])
    strip = np.asarray(image[(two, whole) if axis == 0 else (whole, two)]).astype(np.float32)
    strip = strip.mean(axis=2) if strip.ndim == 3 else strip
    lines = strip if axis == 0 else strip.T  # (2, length)
    return Edge(lines[1], lines[0]) if last else Edge(lines[0], lines[1])


def meeting(ends: Sequence[Edge], starts: Sequence[Edge], by_chance: float) -> Iterator[tuple[int, int]]:
    """Positions of an end and of the start that continues it; by_chance : how likely two edges without anything in common do."""
    if len(ends) < 2:
        return
    before, after = (np.stack([edge.outer for edge in side]) for side in (ends, starts))  # (n, length)
    fine_before, fine_after = fine_structure(before), fine_structure(after)
    independent = independent_pixels(fine_before, fine_after)
    likeness = np.clip(fine_before @ fine_after.T, -0.9999, 0.9999)  # correlation, (n, n)
    z = np.arctanh(likeness) * np.sqrt(np.maximum(independent - 3, 0))
    np.fill_diagonal(z, 0)
    least = -ndtri(by_chance)
    ranked = [np.sort(z, axis=axis) for axis in (0, 1)]
    second = np.maximum(ranked[0][-2][None, :], ranked[1][:, -2][:, None])
    inside = [np.array([rms(edge.outer - edge.inner) for edge in side]) for side in (ends, starts)]
    for i, j in np.argwhere((z > least) & (z == z.max(axis=0)) & (z == z.max(axis=1)[:, None]) & (second < z / 2)).tolist():
        inner = fine_structure(np.stack([ends[i].inner, starts[j].inner]))  # three apart in one image, alike in its mirror image
        is_mirrored = 1 - float(inner[0] @ inner[1]) < 1.5 * (1 - likeness[i, j])
        if not is_mirrored and rms(before[i] - after[j]) <= 1.5 * max(inside[0][i], inside[1][j]):
            yield i, j


def fine_structure(edges: np.ndarray) -> np.ndarray:
    """Edges (n, length) without what changes slowly along them and without what all of them share, each of length 1."""
    fine = edges - uniform_filter1d(edges, SMOOTH, axis=1, mode="nearest")
    if len(fine) >= 5:
        fine = fine - np.median(fine, axis=0)
    fine = fine - fine.mean(axis=1, keepdims=True)
    return fine / np.maximum(np.linalg.norm(fine, axis=1, keepdims=True), 1e-6)


def independent_pixels(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """How many pixels of two edges are worth as much as independent ones, for each pair, (n, m)."""
    length = first.shape[1]
    lags = range(1, min(LAGS, length // 2))
    shapes = [np.stack([(side[:, k:] * side[:, :-k]).sum(axis=1) for k in lags], axis=1) for side in (first, second)]  # (n, lags)
    return length / np.maximum(1 + 2 * shapes[0] @ shapes[1].T, 1)


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values.astype(np.float64) ** 2)))


def joined(count: int, pairs: Sequence[tuple[int, int]]) -> list[int]:
    """For each of `count` things the number of the first one that it hangs together with."""
    from scipy.sparse import csr_array  # a tenth of a second to load, which who has no tiles need not pay
    from scipy.sparse.csgraph import connected_components

    links = csr_array((np.ones(len(pairs)), np.array(pairs, int).reshape(-1, 2).T), shape=(count, count))
    _, parts = connected_components(links, directed=False)
    return np.unique(parts, return_index=True)[1][parts].tolist()
