"""Right and wrong answers to the exercises of notebook 16."""

import random

import torch

from unet_lab.losses import cross_entropy


def blocks(indices, rank, workers):
    """Right too: neighbours together, the first ones get the rest."""
    size, rest = divmod(len(indices), workers)
    begin = rank * size + min(rank, rest)
    return tuple(indices[begin : begin + size + (rank < rest)])


def dropped(indices, rank, workers):
    size = len(indices) // workers
    return indices[rank * size : (rank + 1) * size]


def rest_to_last(indices, rank, workers):
    size = len(indices) // workers
    return indices[rank * size : (rank + 1) * size if rank < workers - 1 else None]


def by_lot(indices, rank, workers):
    return random.Random(rank).sample(indices, -(-len(indices) // workers))


def summed(all_reduce, tensor):
    all_reduce(tensor)
    return tensor


def weighted_mean(model, optimizer, image, mask, all_reduce):
    """Right too: each worker's mean, weighed by its share."""
    n = torch.tensor(float(len(image)))
    whole = summed(all_reduce, n.clone())
    optimizer.zero_grad()
    loss = cross_entropy(model(image), mask)
    loss.backward()
    total = summed(all_reduce, (loss * n / whole).detach().clone()).item()
    for p in model.parameters():
        p.grad.copy_(summed(all_reduce, p.grad * (n / whole)))
    optimizer.step()
    return total


def step(zero=True, exchange=True, after=False, divide="pixels", whole_loss=True, first_only=False, as_tensor=False):
    """A step with places to spoil."""

    def answer(model, optimizer, image, mask, all_reduce):
        pixels = summed(all_reduce, torch.tensor(float(mask.numel())))
        count = summed(all_reduce, torch.tensor(1.0))
        if zero:
            optimizer.zero_grad()
        loss = cross_entropy(model(image), mask, reduction="sum")
        loss = loss / {"pixels": pixels, "mean": mask.numel() * count, "own": mask.numel(), "nothing": 1}[divide]
        loss.backward()
        if after:
            optimizer.step()
        if exchange:
            for p in list(model.parameters())[: 1 if first_only else None]:
                all_reduce(p.grad)
        if not after:
            optimizer.step()
        total = summed(all_reduce, loss.detach().clone()) if whole_loss else loss.detach()
        return total + 0 * loss if as_tensor else total.item()

    return answer


def lonely_exchange(model, optimizer, image, mask, all_reduce):
    count = summed(all_reduce, torch.tensor(float(len(image))))
    optimizer.zero_grad()
    loss = cross_entropy(model(image), mask) * len(image) / count
    loss.backward()
    for p in model.parameters():
        if len(image) > 1:
            all_reduce(p.grad)
    optimizer.step()
    return loss.item() if len(image) == 1 else summed(all_reduce, loss.detach().clone()).item()


def exchange_number(model, optimizer, image, mask, all_reduce):
    all_reduce(cross_entropy(model(image), mask).item())
    return 0.0


def exchange_images(model, optimizer, image, mask, all_reduce):
    all_reduce(image.clone())
    return weighted_mean(model, optimizer, image, mask, all_reduce)


WRONG = {
    "share_of_batch": {
        "all": (lambda i, r, w: i, "All have the same"),
        "rest dropped": (dropped, "is nobody's"),
        "rest to the last": (rest_to_last, "images, another"),
        "positions": (lambda i, r, w: list(range(len(i)))[r::w], "is not in the batch"),
        "drawn": (by_lot, "is computed twice"),
        "counted from one": (lambda i, r, w: i[r + 1 :: w], "is nobody's"),
        "one number": (lambda i, r, w: i[0], "gives 5"),
        "first gets all": (lambda i, r, w: i if r == 0 else [], "images, another 0"),
    },
    "data_parallel_step": {
        "no exchange": (step(exchange=False), "They train different networks"),
        "exchange too late": (step(after=True), "They train different networks"),
        "first layer only": (step(first_only=True), "They train different networks"),
        "not divided": (step(divide="own"), "all_reduce adds up"),
        "mean of means": (step(divide="mean"), "unequal ones do not"),
        "sum": (step(divide="nothing"), "number of pixels of the whole batch"),
        "old gradients": (step(zero=False), "zero_grad() comes first"),
        "own loss": (step(whole_loss=False), "but worker 0 returns"),
        "a tensor": (step(as_tensor=True), "it returns a tensor with its graph"),
        "does nothing": (lambda m, o, i, k, a: 1.0, "no weight changed"),
        "handshake with one hand": (lonely_exchange, "a deadlock"),
        "a number exchanged": (exchange_number, "was given a float"),
        "images exchanged": (exchange_images, "of different shapes"),
        "no function": (3, "expected a function"),
    },
}
ALSO_RIGHT = {"share_of_batch": blocks, "data_parallel_step": weighted_mean}
