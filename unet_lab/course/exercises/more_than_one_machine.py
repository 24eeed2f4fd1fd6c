"""Checks of notebook 16: each worker's share; a step that several workers take as one."""

from __future__ import annotations

import copy
import math
import threading
from collections.abc import Callable

import torch
from torch import Tensor

from unet_lab.course import limits
from unet_lab.course.checking import NotTried, Wrong, called
from unet_lab.course.leniency import sequence, whole
from unet_lab.datasets.pairs import SegmentationDataset
from unet_lab.losses import cross_entropy
from unet_lab.unet import UNet

PATIENCE = 20.0  # seconds that a worker waits for the others


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
    cases += [([7, 21, 14, 28], 4), ([9, 3, 12, 6, 0, 15, 18, 21], 3), ([11, 5, 17, 23, 2, 8], 5), ([], 2), ([100, 300, 200], 2)]
    found = [shares_of(answer, indices, workers) for indices, workers in cases]
    if [shares_of(answer, *case) for case in cases[:3]] != found[:3]:
        finding = "called twice with the same numbers it gives two shares: something is drawn at random."
        raise Wrong(finding, "Every worker must come to the same deal by itself: nothing may be drawn.", SHARE_NEIGHBOUR)
    for (indices, workers), shares in zip(cases, found, strict=True):
        if not fair(indices, shares):
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
    double = sorted({i for i in everything if everything.count(i) > 1})
    if double:
        finding = f"{case}. {double[0]} is computed twice, by two workers.{diagnosis}"
        raise Wrong(finding, "Counted twice, an image pulls twice as hard.", SHARE_NEIGHBOUR)
    left = sorted(set(indices) - set(everything))
    if left:
        clue = f"{len(indices)} images, {workers} workers: where does the rest go?"
        raise Wrong(f"{case}. {left[0]} is nobody's.{diagnosis}", clue, SHARE_NEIGHBOUR)
    sizes = [len(share) for share in shares]
    clue = "All wait for the slowest worker. Give the rest to several, one image each: none has more than one image more."
    finding = f"{case}. One has {max(sizes)} images, another {min(sizes)}: uneven.{diagnosis}"
    raise Wrong(finding, clue, SHARE_NEIGHBOUR)


class Room:
    """Workers as threads, each with a model of its own, and a real exchange: what each puts in is added up for all."""

    def __init__(self, workers: int):
        self.workers, self.parts = workers, [None] * workers
        self.barrier = threading.Barrier(workers, timeout=PATIENCE)
        self.someone_left = False
        self.exchanges = [0] * workers

    def run(self, work) -> list:
        """The result of work(rank, all_reduce) for every worker; raises what the first one raised."""
        results, errors = [None] * self.workers, [None] * self.workers

        def one(rank):
            def step():
                results[rank] = work(rank, lambda tensor: self.all_reduce(rank, tensor))

            try:
                limits.within(0.9 * limits.SECONDS, step)  # each thread its own watchman: nobody else could end it
            except threading.BrokenBarrierError as error:
                errors[rank] = error
            except (limits.TooLong, SystemExit) as error:
                errors[rank] = error
                self.barrier.abort()
            except Exception as error:  # the student's code may fail in any way
                errors[rank] = error
                self.barrier.abort()
            else:
                self.someone_left = True
                if self.barrier.n_waiting:  # others wait for an exchange that will not come
                    self.barrier.abort()

        threads = [threading.Thread(target=one, args=(rank,)) for rank in range(self.workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        real = [error for error in errors if error is not None and not isinstance(error, threading.BrokenBarrierError)]
        if real:
            raise real[0]
        if any(errors):
            raise Wrong(
                "a worker waits for an exchange in which another one does not take part: a deadlock.",
                "Every worker must call all_reduce as often as the others, and in the same order, whatever its share is.",
                "A neighbour: `if rank == 0: all_reduce(x)` hangs for ever, for the same reason as a handshake with one hand.",
            )
        return results

    def all_reduce(self, rank: int, tensor: Tensor) -> None:
        """Add up a tensor over all workers, in place, in each; it gives back nothing, as torch.distributed.all_reduce does."""
        self.exchanges[rank] += 1
        if tensor is None:
            raise Wrong(
                "all_reduce was given None: a gradient that backward() did not make, or what all_reduce gives back.",
                "loss.backward() comes before the exchange; and all_reduce changes its tensor in place, it returns nothing.",
                "A neighbour: list.sort() sorts in place and returns None too.",
            )
        if not isinstance(tensor, Tensor):
            raise Wrong(
                f"all_reduce was given a {type(tensor).__name__}, {tensor!r}.",
                "It takes a tensor and changes it in place: t = torch.tensor(3.0); all_reduce(t); t.item().",
                "A neighbour: for a gradient, all_reduce(parameter.grad).",
            )
        if self.someone_left:
            self.barrier.abort()
        self.parts[rank] = tensor.detach().clone()
        self.barrier.wait()
        shapes = {tuple(part.shape) for part in self.parts}
        if len(shapes) > 1:
            raise Wrong(
                f"in one exchange the workers hold tensors of different shapes, {sorted(shapes)}.",
                "Exchange what has the same shape everywhere: gradients, a sum, a count; not images or logits.",
                "A neighbour: 3 and 2 images cannot be added up; their losses can.",
            )
        total = torch.stack(self.parts).sum(dim=0)
        self.barrier.wait()
        with torch.no_grad():
            tensor.copy_(total)


def data_parallel_step(answer) -> None:
    """my_step(model, optimizer, image, mask, all_reduce): one step on this worker's share that is the whole batch's step.

    Returns the mean cross entropy of the whole batch, a float. Tried with 1, 2 and 4 workers, with equal and unequal shares.
    """
    if not callable(answer):
        kind = type(answer).__name__
        raise Wrong(f"expected a function, got {kind}.", "Give the function itself: check('data_parallel_step', my_step).")
    cells = SegmentationDataset.generated(7, size=32, first_seed=600)
    image, mask = (torch.stack(part) for part in zip(*(cells[i] for i in range(7)), strict=True))
    torch.manual_seed(0)
    start = UNet(base_channels=2, depth=1, norm=None)
    for workers, sizes in ((1, (4,)), (2, (2, 2)), (2, (3, 1)), (4, (2, 2, 2, 1))):
        count = sum(sizes)
        models = [copy.deepcopy(start) for _ in sizes]
        optimizers = [torch.optim.SGD(m.parameters(), lr=0.2) for m in models]
        begins = [sum(sizes[:k]) for k in range(workers)]
        single, expected = copy.deepcopy(start), []
        optimizer = torch.optim.SGD(single.parameters(), lr=0.2)
        for step in (1, 2):
            optimizer.zero_grad()
            loss = cross_entropy(single(image[:count]), mask[:count])
            loss.backward()
            optimizer.step()
            expected.append(loss.item())

            def work(rank, all_reduce, models=models, optimizers=optimizers, begins=begins, sizes=sizes):
                part = slice(begins[rank], begins[rank] + sizes[rank])
                given = image[part].clone(), mask[part].clone()
                result = answer(models[rank], optimizers[rank], *given, all_reduce)
                if not (torch.equal(given[0], image[part]) and torch.equal(given[1], mask[part])):
                    raise Wrong("your function changed the image or the mask that it was given.", "Make a new tensor.")
                return result

            room = Room(workers)
            got = room.run(work)
            if len(set(room.exchanges)) > 1:
                finding = f"the workers call all_reduce {room.exchanges} times: every worker must call it equally often."
                raise Wrong(finding, "Whatever its share is, empty or not: the same calls in the same order.")
            changed = [each.param_groups[0]["lr"] for each in optimizers]
            if any(rate != 0.2 for rate in changed):
                raise Wrong(f"the optimizer's rate (lr) was changed, to {changed[0]:g}.", "A step uses the optimizer as it is.")
            case = f"{workers} worker{'s' * (workers > 1)} with {', '.join(map(str, sizes))} images, step {step}"
            judge(case, got, expected[-1], models, single, start, step, sizes)


def judge(case, got, expected, models, single, start, step, sizes) -> None:
    neighbour = (
        "A neighbour, the mean of 1, 2, 3 and 8 in two shares: (1 + 2 + 3) and (8). Sums 6 and 8, counts 3 and 1; all_reduce "
        "both: 14 / 4. The mean of the means, (2 + 8) / 2, is another number."
    )
    if any(value is None for value in got):
        raise NotTried
    strange = next((value for value in got if isinstance(value, str | tuple | list | dict)), None)
    if strange is not None:
        raise Wrong(f"{case}: it returns a {type(strange).__name__}, expected one number.", "The loss, .item().", neighbour)
    if any(isinstance(value, Tensor) for value in got):
        raise Wrong(f"{case}: it returns a tensor.", "End with .item(): a kept tensor keeps its graph.", neighbour)
    flat = [torch.cat([p.detach().flatten() for p in m.parameters()]) for m in (*models, single, start)]
    *mine, right, begun = flat
    if step == 1 and all(torch.equal(m, begun) for m in mine):
        order = (
            "zero_grad, forward, loss, backward, exchange, then optimizer.step(). all_reduce works in place and returns nothing."
        )
        raise Wrong(f"{case}: no weight changed.", order, neighbour)
    apart = max((m - mine[0]).abs().max().item() for m in mine)
    if apart > 1e-6:
        raise Wrong(
            f"{case}: afterwards the workers' weights differ, by up to {apart:.2g}. They train different networks.",
            "After backward() and before optimizer.step(): all_reduce the gradient of every parameter itself (no clone of it).",
            "Exchanging the loss is not enough: no gradient flows through a number.",
            neighbour,
        )
    if not torch.allclose(mine[0], right, atol=1e-5):
        ratio = ((mine[0] - begun).norm() / (right - begun).norm()).item() if step == 1 else math.nan
        unequal = len(set(sizes)) > 1
        if step == 2:
            clue = "The first step was right: the old gradients are still in the second. zero_grad() comes first."
        elif len(sizes) > 1 and abs(ratio - len(sizes)) < 0.1 and not unequal:
            clue = f"Your step is {ratio:.1f} times as long: all_reduce adds up. Divide by the whole batch, not by your share."
        elif ratio > 50:
            clue = f"Your step is {ratio:.0f} times as long: divide by the number of pixels of the whole batch."
        elif unequal:
            clue = "Equal shares came out right, unequal ones do not: the mean of the workers' means is not the batch's mean."
        else:
            clue = f"Your step is {ratio:.2f} times as long as that of one process with the whole batch."
        raise Wrong(
            f"{case}: the weights are not those of one process. {clue}",
            "What is the loss of the whole batch? The sum over all pixels of all workers, divided by the number of them all.",
            "Let each worker's loss be its sum of cross entropies divided by that number; then add the gradients up.",
            neighbour,
        )
    for rank, value in enumerate(got):
        if not math.isclose(value, expected, rel_tol=1e-4):
            own = max(got) - min(got) > 1e-6
            how = " Each worker returns another number: its share's loss, or one that another did not exchange." if own else ""
            raise Wrong(
                f"{case}: the weights are right, but worker {rank} returns {value:.4f}; the loss of all is {expected:.4f}.{how}",
                "All_reduce a copy of your loss, loss.detach().clone(), and return its .item(): not the loss after the step.",
                neighbour,
            )
