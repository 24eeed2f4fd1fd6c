"""Workers as threads, and the exchange between them."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from unet_lab.course import limits
from unet_lab.course.checking import Wrong

PATIENCE = 20.0  # seconds that a worker waits for the others


class Room:
    """Workers as threads, each with a model of its own, and a real exchange: what each puts in is added up for all."""

    def __init__(self, models: Sequence[nn.Module]):
        workers = len(models)
        self.weights = [{weight.data_ptr() for weight in model.parameters()} for model in models]
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
        if tensor.data_ptr() in self.weights[rank]:
            raise Wrong(
                "all_reduce was given a weight itself; asked is to exchange gradients, not weights.",
                "all_reduce(parameter.grad), after backward() and before optimizer.step(): then weights stay equal.",
                "A neighbour: two who copy one recipe and change the same line of it need not compare whole books.",
            )
        if self.someone_left:
            self.barrier.abort()
        self.parts[rank] = tensor.detach().clone()
        self.barrier.wait()
        shapes = {tuple(part.shape) for part in self.parts}
        if len(shapes) > 1:
            raise Wrong(
                f"in exchange {self.exchanges[rank]} the workers hold tensors of different shapes, {sorted(shapes)}: "
                + self.what_differs(shapes),
                "Every worker exchanges the same things in the same order, whatever its share is: no `if` around all_reduce.",
                "A neighbour: 3 and 2 images cannot be added up; their losses can.",
            )
        total = torch.stack(self.parts).sum(dim=0)
        self.barrier.wait()
        with torch.no_grad():
            tensor.copy_(total)

    def what_differs(self, shapes: set[tuple[int, ...]]) -> str:
        if len({shape[1:] for shape in shapes if shape}) == 1 and all(len(shape) > 2 for shape in shapes):
            return (
                "images, masks or logits of shares are exchanged; exchange what has the same shape everywhere: gradients, a sum."
            )
        return "one of them left an exchange out, or takes them in another order."
