"""Searches for the largest batch within a budget, each with a known mistake; a function of bytes that is not monotone."""

from __future__ import annotations

from collections.abc import Callable


def odd(batch: int, recompute: bool) -> int:
    """Bytes of a training that likes multiples of 4."""
    return (60 if recompute else 100) * batch + (0 if batch % 4 == 0 else 400)


def shrinking(batch: int, recompute: bool) -> int:
    """Bytes of a training that takes less the larger its batch is, but for recomputing."""
    return 100 + 10 * batch if recompute else 600 - 100 * batch


def up_to_the_first(needed, budget, largest):
    batch = 0
    while batch < largest and min(needed(batch + 1, False), needed(batch + 1, True)) <= budget:
        batch += 1
    return batch, batch > 0 and needed(batch, False) > budget


def halving(needed, budget, largest):
    low, high = 0, largest
    while low < high:
        middle = (low + high + 1) // 2
        if min(needed(middle, False), needed(middle, True)) <= budget:
            low = middle
        else:
            high = middle - 1
    return low, low > 0 and needed(low, False) > budget


def proportional(needed, budget, largest):
    for recompute in (False, True):
        batch = min(int(budget // needed(1, recompute)), largest)
        if batch > 0:
            return batch, recompute
    return 0, False


def over(sizes: Callable, ways=(False, True)) -> Callable:
    """Search by size first, then by way."""

    def search(needed, budget, largest):
        fitting = ((b, r) for b in sizes(largest) for r in ways if needed(b, r) <= budget)
        return next(fitting, (0, False))

    return search


def saving(needed, budget, largest):
    for batch in range(largest, 0, -1):
        if needed(batch, True) <= budget:
            return batch, needed(batch, False) > budget
    return 0, False


def plain_first(needed, budget, largest):
    return next(((b, r) for r in (False, True) for b in range(largest, 0, -1) if needed(b, r) <= budget), (0, False))


def less(share: float) -> Callable:
    """The search within a part of the budget."""

    def search(needed, budget, largest):
        return over(lambda n: range(n, 0, -1))(needed, share * budget, largest)

    return search


def kept(needed, budget, largest):
    """From small to large; once recomputing, always."""
    best = (0, False)
    for batch in range(1, largest + 1):
        if needed(batch, best[1]) <= budget:
            best = (batch, best[1])
        elif needed(batch, True) <= budget:
            best = (batch, True)
    return best


def from_nothing(needed, budget, largest):
    return over(lambda n: range(n, -1, -1))(needed, budget, largest)


SEARCHES: dict[str, Callable] = {
    "it stops at the first size that does not fit, but `needed` may be any function: a larger one may fit again": up_to_the_first,
    "it searches by halving, which needs a function that only grows; `needed` may be any function": halving,
    "it reckons in proportion to one image; `needed` may be any function: measure each": proportional,
    "only powers of two are tried, not every batch": over(lambda n: [2**k for k in range(20, -1, -1) if 2**k <= n]),
    "only even sizes are tried (and 1), not every batch": over(lambda n: [b for b in range(n, 0, -1) if b % 2 == 0 or b == 1]),
    "`largest` itself is never tried": over(lambda n: range(n - 1, 0, -1)),
    "a batch of 1, one image, is never tried": over(lambda n: range(n, 1, -1)),
    "the smallest batch that fits is taken, not the largest": over(lambda n: range(1, n + 1)),
    "recomputing is never tried": over(lambda n: range(n, 0, -1), (False,)),
    "recomputing is always on; without it where that fits": over(lambda n: range(n, 0, -1), (True,)),
    "recomputing is tried first; where both fit, take it without": over(lambda n: range(n, 0, -1), (True, False)),
    "recomputing is tried only after every size without it has failed: a larger batch comes first": plain_first,
    "recomputing, once chosen for a smaller batch, is kept for a larger one that fits without": kept,
    "a batch of 0 images is asked too; from 1 on, and where nothing fits (0, False)": from_nothing,
    **{f"only {share:.0%} of the budget are used: up to the budget, <=": less(share) for share in (0.5, 0.8, 0.9, 0.95, 0.99)},
    "it takes for granted that recomputing saves memory; it need not take less": saving,
}
