"""Answers to the exercises of notebook 16."""

# ruff: noqa: E501 - an answer is a line

from tests.exercises.tried import Exercise

share = Exercise("share_of_batch", "def share(indices, rank, workers):\n    return indices[rank::workers]\n")
ROW = "indices[rank::workers]"
share.right("a list", ROW, "list(indices[rank::workers])")
share.right(
    "blocks",
    "def f(indices, rank, workers):\n    n = len(indices)\n    return indices[n * rank // workers : n * (rank + 1) // workers]",
)
share.right("array_split", "def f(indices, rank, workers):\n    return np.array_split(indices, workers)[rank]")
share.right(
    "array_split, as a list", "def f(indices, rank, workers):\n    return np.array_split(indices, workers)[rank].tolist()"
)
share.right("by position", "def f(indices, rank, workers):\n    return [x for k, x in enumerate(indices) if k % workers == rank]")
share.right("a tuple", ROW, "tuple(indices[rank::workers])")
share.right(
    "torch chunks of positions",
    "def f(indices, rank, workers):\n    return [indices[k] for k in torch.tensor_split(torch.arange(len(indices)), workers)[rank]]",
)
share.right(
    "the first get one more",
    "def f(indices, rank, workers):\n    each, more = divmod(len(indices), workers)\n    start = rank * each + min(rank, more)\n    return indices[start : start + each + (rank < more)]",
)
share.wrong(
    "value: by the index itself",
    "value|position|index itself|numbers",
    "def f(indices, rank, workers):\n    return [x for x in indices if x % workers == rank]",
)
share.wrong(
    "value: positions",
    "positions|indices|index",
    "def f(indices, rank, workers):\n    return list(range(len(indices)))[rank::workers]",
)
share.wrong("value: from one", "rank|first|start|neither|nobody", ROW, "indices[rank + 1::workers]")
share.wrong(
    "value: range", "indices|values|range", "def f(indices, rank, workers):\n    return list(range(rank, len(indices), workers))"
)
share.wrong(
    "lost: the rest dropped",
    "nobody|rest|lost|neither|divid|missing|no worker",
    "def f(indices, rank, workers):\n    n = len(indices) // workers\n    return indices[rank * n:(rank + 1) * n]",
)
share.wrong("lost: the last one", "nobody|last|lost|neither|no worker", ROW, "indices[:-1][rank::workers]")
share.wrong("lost: rank 0 does nothing", "nobody|lost|rank 0|no worker", ROW, "indices[rank::workers] if rank else []")
share.wrong(
    "uneven: the rest to the last",
    "more than|uneven|one image|one more|last",
    "def f(indices, rank, workers):\n    n = len(indices) // workers\n    return indices[rank * n:] if rank == workers - 1 else indices[rank * n:(rank + 1) * n]",
)
share.wrong(
    "uneven: rounded up",
    "more than|uneven|one more|fewer",
    "def f(indices, rank, workers):\n    n = -(-len(indices) // workers)\n    return indices[rank * n:(rank + 1) * n]",
)
share.wrong("uneven: all to rank 0", "more than|uneven|one more", ROW, "indices if rank == 0 else []")
share.wrong(
    "uneven: the rest to rank 0",
    "more than|uneven|one more",
    "def f(indices, rank, workers):\n    n, more = divmod(len(indices), workers)\n    return indices[:n + more] if rank == 0 else indices[rank * n + more:(rank + 1) * n + more]",
)
share.wrong("twice: everybody gets all", "twice|more than one|every worker|each worker", ROW, "indices")
share.wrong(
    "twice: overlapping",
    "twice|more than one|two workers",
    "def f(indices, rank, workers):\n    n = len(indices) // workers\n    return indices[rank * n:(rank + 1) * n + 1]",
)
share.wrong(
    "twice: padded",
    "twice|padded|repeat|more than one|two workers",
    "def f(indices, rank, workers):\n    n = -(-len(indices) // workers)\n    full = list(indices) + list(indices)[:n * workers - len(indices)]\n    return full[rank::workers]",
)
share.wrong("narrow: two workers", "workers", ROW, "indices[rank::2]")
share.wrong("narrow: stride of rank", "workers|zero|step|rank", ROW, "indices[::rank + 1]")
share.wrong(
    "random: drawn",
    "random|twice|same|drawn|nobody|two workers",
    "def f(indices, rank, workers):\n    order = np.random.permutation(indices)\n    return order[rank::workers].tolist()",
)
share.wrong(
    "random: sampled",
    "random|twice|same|drawn|nobody|two workers",
    "def f(indices, rank, workers):\n    return random.sample(list(indices), len(indices) // workers)",
)
share.wrong(
    "empty: fails where fewer than workers",
    "fewer|empty|image",
    "def f(indices, rank, workers):\n    assert len(indices) >= workers\n    return indices[rank::workers]",
)
share.wrong("empty: the first where there is none", "twice|fewer|empty|two workers", ROW, "indices[rank::workers] or indices[:1]")
share.wrong("form: a number", "list|count|how many|indices", ROW, "len(indices[rank::workers])")
share.wrong("form: one index", "list|indices", ROW, "indices[rank % len(indices)]")
share.wrong("form: all shares", "all|one worker|its own|nested|list", ROW, "[indices[r::workers] for r in range(workers)]")
share.wrong(
    "in place: popped",
    "changed",
    "def f(indices, rank, workers):\n    mine = indices[rank::workers]\n    for i in mine:\n        indices.remove(i)\n    return mine",
)
share.wrong("unfinished: no return", "return|None", "return ", "")

step = Exercise(
    "data_parallel_step",
    """
def step(model, optimizer, image, mask, all_reduce):
    pixels = torch.tensor(float(mask.numel()))
    all_reduce(pixels)
    optimizer.zero_grad()
    loss = cross_entropy(model(image), mask, reduction="sum") / pixels
    loss.backward()
    for parameter in model.parameters():
        all_reduce(parameter.grad)
    optimizer.step()
    value = loss.detach().clone()
    all_reduce(value)
    return value.item()
""",
)
step.right(
    "one flat tensor",
    "    for parameter in model.parameters():\n        all_reduce(parameter.grad)\n",
    "    flat = torch.cat([p.grad.flatten() for p in model.parameters()])\n    all_reduce(flat)\n    at = 0\n    for p in model.parameters():\n        p.grad.copy_(flat[at : at + p.numel()].view_as(p))\n        at += p.numel()\n",
)
step.right(
    "mean of the share, weighted",
    'cross_entropy(model(image), mask, reduction="sum") / pixels',
    "F.cross_entropy(model(image), mask) * mask.numel() / pixels",
)
step.right("float", "return value.item()", "return float(value)")
step.right("train first", "    optimizer.zero_grad()", "    model.train(model.training)\n    optimizer.zero_grad()")
step.right(
    "counts images",
    "torch.tensor(float(mask.numel()))",
    "torch.tensor(float(len(mask)))",
    'cross_entropy(model(image), mask, reduction="sum") / pixels',
    "F.cross_entropy(model(image), mask) * len(mask) / pixels",
)
step.right(
    "divides the gradients afterwards",
    " / pixels\n",
    "\n",
    "all_reduce(parameter.grad)",
    "all_reduce(parameter.grad)\n        parameter.grad /= pixels",
    "return value.item()",
    "return (value / pixels).item()",
)
step.right(
    "loss and count in one tensor",
    "def f(model, optimizer, image, mask, all_reduce):\n    optimizer.zero_grad()\n    total = F.cross_entropy(model(image), mask, reduction='sum')\n    both = torch.stack([total.detach(), torch.tensor(float(mask.numel()))])\n    all_reduce(both)\n    total.backward()\n    for p in model.parameters():\n        all_reduce(p.grad)\n        p.grad.div_(both[1])\n    optimizer.step()\n    return (both[0] / both[1]).item()",
)
GRADS = "    for parameter in model.parameters():\n        all_reduce(parameter.grad)\n"
step.wrong("average: gradients not summed", "gradient|all_reduce|worker", GRADS, "")
step.wrong(
    "average: unequal shares forgotten",
    "unequal|share|pixels|weight",
    "pixels = torch.tensor(float(mask.numel()))",
    "workers = torch.tensor(1.0)",
    "all_reduce(pixels)",
    "all_reduce(workers)",
    'cross_entropy(model(image), mask, reduction="sum") / pixels',
    "cross_entropy(model(image), mask) / workers",
)
step.wrong(
    "average: sum instead of the mean",
    "sum|mean|divid|times|workers",
    'cross_entropy(model(image), mask, reduction="sum") / pixels',
    "cross_entropy(model(image), mask)",
)
step.wrong("average: the own pixels", "own|whole batch|pixels|divid|sum", "    all_reduce(pixels)\n", "")
step.wrong("average: sum, not divided", "divid|sum|mean|pixels", " / pixels", "")
step.wrong(
    "average: two workers assumed",
    "workers|2",
    'cross_entropy(model(image), mask, reduction="sum") / pixels',
    "cross_entropy(model(image), mask) / 2",
)
step.wrong("average: 32 x 32 pixels of 8 images assumed", "pixels|batch|size|fixed|assum|number", " / pixels", " / (8 * 32 * 32)")
step.wrong(
    "average: weights after the step",
    "weights|before|after|gradients",
    GRADS,
    "",
    "    optimizer.step()\n",
    "    optimizer.step()\n    n = torch.tensor(1.0)\n    all_reduce(n)\n    with torch.no_grad():\n        for p in model.parameters():\n            all_reduce(p.data)\n            p.data /= n\n",
    " / pixels",
    " / mask.numel()",
)
step.wrong(
    "average: some gradients", "every|gradient|parameter|some", "in model.parameters():", "in list(model.parameters())[:-1]:"
)
step.wrong(
    "average: weights only, biases not",
    "bias|every|gradient|parameter",
    GRADS,
    "    for parameter in model.parameters():\n        if parameter.ndim > 1:\n            all_reduce(parameter.grad)\n",
)
step.wrong(
    "average: return value used",
    "in place|return",
    "all_reduce(parameter.grad)",
    "parameter.grad = all_reduce(parameter.grad.clone())",
)
step.wrong("average: of a copy", "copy|in place|clone", "all_reduce(parameter.grad)", "all_reduce(parameter.grad.clone())")
step.wrong(
    "average: twice",
    "twice|more|times",
    "all_reduce(parameter.grad)",
    "all_reduce(parameter.grad)\n        all_reduce(parameter.grad)",
)
step.wrong(
    "average: gradients after the step", "after|before|step", GRADS + "    optimizer.step()\n", "    optimizer.step()\n" + GRADS
)
step.wrong("order: no zero_grad", "zero_grad|before|accumul", "    optimizer.zero_grad()\n", "")
step.wrong("order: no step", "step|no weight|changed", "    optimizer.step()\n", "")
step.wrong("order: no backward", "backward|gradient", "    loss.backward()\n", "")
step.wrong("order: two steps", "twice|two|step", "    optimizer.step()\n", "    optimizer.step()\n    optimizer.step()\n")
step.wrong(
    "order: zero_grad after backward",
    "zero_grad|gradient",
    "    optimizer.zero_grad()\n",
    "",
    "    loss.backward()\n",
    "    loss.backward()\n    optimizer.zero_grad(set_to_none=False)\n",
)
step.wrong(
    "order: backward through all_reduce",
    "in place|backward|gradient|loss|twice|times",
    "    loss.backward()\n",
    "    all_reduce(loss.data)\n    (loss * 2).backward()\n",
)
step.wrong("loss: of the share", "loss|whole batch|share", "    all_reduce(value)\n", "")
step.wrong(
    "loss: the sum of means",
    "loss|sum|mean|whole",
    "value = loss.detach().clone()",
    "value = (loss * pixels / mask.numel()).detach()",
)
step.right("a tensor without its graph", "return value.item()", "return value")
step.wrong("loss: a tensor with its graph", "graph|tensor|number", "return value.item()", "return value + 0 * loss")
step.wrong(
    "loss: the loss after the step",
    "after",
    "value = loss.detach().clone()",
    'value = (cross_entropy(model(image), mask, reduction="sum") / pixels).detach().clone()',
)
step.wrong("loss: softmax first", "softmax|another|cross entropy|loss", "model(image), mask", "model(image).softmax(1), mask")
step.wrong(
    "loss: rank 0 only calls",
    "equally often|every worker|call|wait|did not exchange",
    "    all_reduce(value)\n",
    "    if len(mask) > 2:\n        all_reduce(value)\n",
)
step.wrong(
    "state: gradients clipped",
    "gradient|clip|weights",
    "    optimizer.step()\n",
    "    torch.nn.utils.clip_grad_norm_(model.parameters(), 0.01)\n    optimizer.step()\n",
)
step.wrong(
    "state: rate scaled",
    "rate|lr|optimizer|weights",
    "    optimizer.step()\n",
    "    for g in optimizer.param_groups:\n        g['lr'] *= 2\n    optimizer.step()\n",
)
step.wrong("state: image changed in place", "changed", "    pixels =", "    image *= 0.5\n    pixels =")
step.wrong("form: two numbers", "number|pair|tuple", "return value.item()", "return value.item(), loss.item()")
step.wrong("unfinished: no return", "return|None", "    return value.item()\n", "")
STEP = "    optimizer.step()\n"
FORWARD = "    loss = cross"
step.right("one number in a tensor", "return value.item()", "return value.reshape(1)")
step.right("zero_grad before and after", STEP, STEP + "    optimizer.zero_grad()\n")
step.right(
    "a closure for the optimizer's step",
    "    loss = cross_entropy",
    "    def loss_of():\n        return cross_entropy",
    " / pixels\n    loss.backward()",
    " / pixels\n\n    loss = loss_of()\n    loss.backward()",
)
step.wrong("mode: eval", "evaluation mode", FORWARD, "    model.eval()\n    loss = cross")
step.wrong(
    "mode: eval around the forward",
    "evaluation mode",
    FORWARD,
    "    model.eval()\n    loss = cross",
    STEP,
    STEP + "    model.train()\n",
)
step.wrong("mode: eval afterwards", "evaluation mode", STEP, STEP + "    model.eval()\n")
step.wrong("mode: frozen afterwards", "frozen|requires_grad", STEP, STEP + "    model.requires_grad_(False)\n")
step.wrong("state: rate a little lower", "rate", STEP, STEP + "    optimizer.param_groups[0]['lr'] *= 0.999\n")
for norm in (0.3, 1.0, 5.0):
    step.wrong(
        f"clipped: norm at {norm}", "clip", STEP, f"    torch.nn.utils.clip_grad_norm_(model.parameters(), {norm})\n" + STEP
    )
step.wrong("clipped: each at 1", "clip|limited", STEP, "    torch.nn.utils.clip_grad_value_(model.parameters(), 1.0)\n" + STEP)
OWN = (
    "    with torch.no_grad():\n        for p in model.parameters():\n            p -= optimizer.param_groups[0]['lr'] * p.grad\n"
)
step.wrong("own step: plain descent", "step\\(\\) was called|own rule", STEP, OWN)
step.wrong(
    "own step: descent at a rate of its own",
    "step\\(\\) was called|own rule",
    STEP,
    OWN.replace("optimizer.param_groups[0]['lr']", "0.2"),
)
step.wrong("image: standardised", "image", "model(image)", "model((image - image.mean()) / image.std())")
step.wrong("image: to 0 to 1", "image|another way", "model(image)", "model((image - image.min()) / (image.max() - image.min()))")
WEIGHTS = "    with torch.no_grad():\n        for p in model.parameters():\n            p.mul_(len(image) / n)\n            all_reduce(p)\n"
step.wrong(
    "weights: averaged in place of gradients",
    "weight itself|not weights",
    GRADS + STEP,
    STEP + "    n = torch.tensor(float(len(image)))\n    all_reduce(n)\n" + WEIGHTS,
    'cross_entropy(model(image), mask, reduction="sum") / pixels',
    "cross_entropy(model(image), mask)",
)
step.wrong(
    "weights: copies averaged in place of gradients",
    "optimizer is",
    GRADS + STEP,
    STEP
    + "    n = torch.tensor(float(len(image)))\n    all_reduce(n)\n"
    + WEIGHTS.replace("p.mul_(len(image) / n)", "q = p * len(image) / n").replace(
        "all_reduce(p)", "all_reduce(q)\n            p.copy_(q)"
    ),
    'cross_entropy(model(image), mask, reduction="sum") / pixels',
    "cross_entropy(model(image), mask)",
    "    value = loss.detach().clone()",
    "    value = loss.detach() * len(image) / n",
)
step.wrong(
    "exchange: one left out",
    "left an exchange out",
    "        all_reduce(parameter.grad)",
    "        if len(mask) > 1 or parameter.ndim > 1:\n            all_reduce(parameter.grad)",
)
step.wrong(
    "average: a fixed count of images",
    "fixed|unequal",
    "    all_reduce(pixels)\n",
    "    pixels = torch.tensor(4.0 * mask[0].numel())\n",
)
step.wrong("average: counted twice", "twice", "    all_reduce(pixels)\n", "    all_reduce(pixels)\n    all_reduce(pixels)\n")
step.wrong("loss: a sum over pixels", "sum over pixels", "return value.item()", "return (value * pixels).item()")
share.wrong(
    "repeated: a set", "times|set|place", "def f(indices, rank, workers):\n    return sorted(set(indices))[rank::workers]"
)
share.wrong(
    "repeated: by index()",
    "times|uneven|place",
    "def f(indices, rank, workers):\n    return [i for i in indices if indices.index(i) % workers == rank]",
)
share.wrong(
    "repeated: a dictionary",
    "times|set|place",
    "def f(indices, rank, workers):\n    return list(dict.fromkeys(indices))[rank::workers]",
)
share.right(
    "from the end",
    "def f(indices, rank, workers):\n    return [indices[k] for k in range(len(indices) - 1, -1, -1) if (len(indices) - 1 - k) % workers == rank]",
)
PIXELS = "float(mask.numel())"
step.wrong("pixels: rows times rows", "square", PIXELS, "float(len(mask) * mask.shape[1] ** 2)")
step.wrong("pixels: 32 x 32 in every image", "32 x 32", PIXELS, "float(len(mask) * 32 * 32)")
