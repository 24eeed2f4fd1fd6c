"""Check of notebook 16: each worker's share of a batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from unet_lab.course.checking import NotTried, Wrong, called
from unet_lab.course.facts import counted
from unet_lab.course.leniency import sequence, whole

SHARE_NEIGHBOUR = "A neighbour: 7 cards for 3 players, one by one: the first gets cards 1, 4 and 7. In Python: cards[0::3]."
SHARES: dict[str, Callable] = {
    "Images are dealt by the value of the index itself, index % workers; by its position": lambda x, r, w: [
        i for i in x if i % w == r
    ],
    "Those are positions in the list, not the indices themselves": lambda x, r, w: list(range(len(x)))[r::w],
    "The first image that is taken is one too far: ranks count from 0": lambda x, r, w: x[r + 1 :: w],
    "The rest is dropped: len(indices) // workers each": lambda x, r, w: x[r * (len(x) // w) : (r + 1) * (len(x) // w)],
    "The last image is nobody's": lambda x, r, w: x[:-1][r::w],
    "The rest goes to the last worker, all of it: more than one image more": lambda x, r, w: x[
        r * (len(x) // w) : None if r == w - 1 else (r + 1) * (len(x) // w)
    ],
    "Shares are rounded up, so that the last worker gets fewer, or none": lambda x, r, w: x[
        r * -(-len(x) // w) : (r + 1) * -(-len(x) // w)
    ],
    "All images are rank 0's, one worker's": lambda x, r, w: x if r == 0 else [],
    "Every worker gets all images: each is computed more than once": lambda x, r, w: x,
    "Always two workers are assumed": lambda x, r, w: x[r::2],
    "The step is rank + 1, not the number of workers": lambda x, r, w: x[:: r + 1],
}


def share_of_batch(answer) -> None:
    """my_share(indices, rank, workers): the images of this worker; every image one worker's, and nearly as many for each."""
    cases = [([5, 2, 9, 4], 2), ([8, 1, 6, 3, 7, 0, 2], 3), ([4, 9], 4), ([3, 1, 2], 1), ([10, 20, 30, 40, 51], 2)]
    cases += [
        ([7, 21, 14, 28], 4),
        ([9, 3, 12, 6, 0, 15, 18, 21], 3),
        ([11, 5, 17, 23, 2, 8], 5),
        ([], 2),
        ([3, 3, 5, 5, 3], 2),
        ([6, 1, 6, 6, 1, 6, 2, 6], 3),
        ([100, 300, 200], 2),
    ]
    found = [shares_of(answer, indices, workers) for indices, workers in cases]
    if [shares_of(answer, *case) for case in cases[:3]] != found[:3]:
        finding = "called twice with the same numbers it gives two shares: something is drawn at random."
        raise Wrong(finding, "Every worker must come to the same deal by itself: nothing may be drawn.", SHARE_NEIGHBOUR)
    unfair = [(*case, shares) for case, shares in zip(cases, found, strict=True) if not fair(case[0], shares)]
    with counted(len(cases) - len(unfair), of=len(cases)):
        for indices, workers, shares in unfair:
            say_share(cases, found, indices, workers, shares)


def shares_of(answer, indices: list[int], workers: int) -> list[list[int]]:
    shares = []
    for rank in range(workers):
        call = f"my_share({indices}, {rank}, {workers})"
        try:
            got = called(answer, list(indices), rank, workers)
        except (Wrong, NotTried):
            raise
        except Exception as error:
            if len(indices) >= workers:
                raise
            finding = f"{call} stops with {type(error).__name__} {error}: there are fewer images than workers."
            raise Wrong(finding, "A worker may get no image: an empty list.", SHARE_NEIGHBOUR) from None
        given = sequence(got)
        if given is None or None in [whole(i) for i in given]:
            nested = " Return one worker's share, its own, not all." if given and sequence(given[0]) is not None else ""
            raise Wrong(f"{call} gives {got!r}.{nested}", "Return a list of numbers, some of the indices.", SHARE_NEIGHBOUR)
        shares.append([whole(i) for i in given])
    return shares


def fair(indices, shares) -> bool:
    sizes = [len(share) for share in shares]
    return sorted(i for share in shares for i in share) == sorted(indices) and max(sizes) - min(sizes) <= 1


def say_share(cases, found, indices, workers, shares) -> None:
    case, everything = f"{indices} for {workers} workers: your shares {shares}", sorted(i for share in shares for i in share)
    diagnosis = ""
    for finding, mistake in SHARES.items():
        if all(mine == [mistake(x, r, w) for r in range(w)] for (x, w), mine in zip(cases, found, strict=True)):
            diagnosis = f" {finding}."
            break
    if all(share == shares[0] for share in shares) and workers > 1:
        clue = "The rank, 0 to workers - 1, must say which part is this worker's."
        raise Wrong(f"{case}. All have the same.{diagnosis}", clue, SHARE_NEIGHBOUR)
    strangers = sorted(set(everything) - set(indices))
    if strangers:
        hint = "Return the indices that were given, not their positions in the list."
        raise Wrong(f"{case}. {strangers[0]} is not in the batch.{diagnosis}", hint, SHARE_NEIGHBOUR)
    double = sorted((Counter(everything) - Counter(indices)).elements())
    if double:
        finding = f"{case}. {double[0]} is computed twice, by two workers.{diagnosis}"
        raise Wrong(finding, "Counted twice, an image pulls twice as hard.", SHARE_NEIGHBOUR)
    left = sorted((Counter(indices) - Counter(everything)).elements())
    if left and left[0] in everything:
        finding = (
            f"{case}. {left[0]} stands in the batch {indices.count(left[0])} times, in the shares {everything.count(left[0])}."
        )
        clue = "Images are dealt by their place in the list: no set, no index(), which know each number once only."
        raise Wrong(finding + diagnosis, clue, SHARE_NEIGHBOUR)
    if left:
        clue = f"{len(indices)} images, {workers} workers: where does the rest go?"
        raise Wrong(f"{case}. {left[0]} is nobody's.{diagnosis}", clue, SHARE_NEIGHBOUR)
    sizes = [len(share) for share in shares]
    clue = "All wait for the slowest worker. Give the rest to several, one image each: none has more than one image more."
    finding = f"{case}. One has {max(sizes)} images, another {min(sizes)}: uneven.{diagnosis}"
    raise Wrong(finding, clue, SHARE_NEIGHBOUR)
