"""Answers to the exercises of notebook 06."""

# ruff: noqa: E501 - an answer is a line

from tests.exercises.tried import Exercise

weighted = Exercise(
    "weighted_cross_entropy",
    """
def loss(logits, mask, weights):
    log_p = logits.log_softmax(dim=1)
    of_truth = log_p.gather(1, mask[:, None])[:, 0]
    pixel_weights = weights[mask]
    return -(pixel_weights * of_truth).sum() / pixel_weights.sum()
""",
)
weighted.right("PyTorch's own", "def f(logits, mask, weights):\n    return F.cross_entropy(logits, mask, weight=weights)")
weighted.right("nll", "def f(logits, mask, weights):\n    return nn.NLLLoss(weight=weights)(F.log_softmax(logits, 1), mask)")
weighted.right(
    "one-hot",
    "def f(logits, mask, weights):\n    t = F.one_hot(mask, logits.shape[1]).permute(0, 3, 1, 2)\n    w = weights.view(1, -1, 1, 1) * t\n    return -(w * torch.log_softmax(logits, 1)).sum() / w.sum()",
)
weighted.right(
    "logsumexp by hand",
    "def f(logits, mask, weights):\n    m = logits.max(dim=1, keepdim=True).values\n    lse = m + (logits - m).exp().sum(1, keepdim=True).log()\n    losses = (lse - logits.gather(1, mask.unsqueeze(1))).squeeze(1)\n    w = weights[mask]\n    return (losses * w).sum() / w.sum()",
)
weighted.right(
    "pixel losses first",
    "def f(logits, mask, weights):\n    each = F.cross_entropy(logits, mask, reduction='none')\n    w = weights[mask]\n    return (each * w).sum() / w.sum()",
)
weighted.right(
    "flattened",
    "def f(logits, mask, weights):\n    flat = logits.permute(0, 2, 3, 1).reshape(-1, logits.shape[1])\n    t = mask.reshape(-1)\n    logp = flat - flat.logsumexp(1, keepdim=True)\n    picked = logp[torch.arange(len(t)), t]\n    return -(weights[t] * picked).sum() / weights[t].sum()",
)
weighted.right(
    "a loop over classes",
    "def f(logits, mask, weights):\n    logp = logits.log_softmax(1)\n    top, bottom = 0, 0\n    for k in range(logits.shape[1]):\n        here = mask == k\n        top = top - weights[k] * logp[:, k][here].sum()\n        bottom = bottom + weights[k] * here.sum()\n    return top / bottom",
)
weighted.right("one number in a tensor of one element", "return -(pixel_weights", "return -(1.0 * pixel_weights")
R = "return -(pixel_weights * of_truth).sum() / pixel_weights.sum()"
weighted.wrong(
    "gradient: item",
    "gradient|item|plain number",
    R,
    R + ".item()" if False else "return (-(pixel_weights * of_truth).sum() / pixel_weights.sum()).item()",
)
weighted.wrong(
    "gradient: float", "gradient|float|plain number", R, "return float(-(pixel_weights * of_truth).sum() / pixel_weights.sum())"
)
weighted.wrong("gradient: detached", "gradient|detach", "logits.log_softmax", "logits.detach().log_softmax")
weighted.wrong(
    "gradient: no_grad",
    "gradient|no_grad",
    "    log_p = logits.log_softmax(dim=1)",
    "    with torch.no_grad():\n        log_p = logits.log_softmax(dim=1)",
)
weighted.wrong(
    "gradient: NumPy",
    "gradient|numpy",
    R,
    "return torch.tensor((-(pixel_weights * of_truth).sum() / pixel_weights.sum()).detach().numpy())",
)
weighted.wrong(
    "gradient: a new tensor of the value",
    "gradient",
    R,
    "return torch.tensor(float(-(pixel_weights * of_truth).sum() / pixel_weights.sum()), requires_grad=True)",
)
weighted.wrong(
    "gradient: only where it is wrong",
    "gradient",
    "logits.log_softmax(dim=1)",
    "torch.where(logits > 0, logits, logits.detach()).log_softmax(dim=1)",
)
weighted.wrong(
    "mean: over the pixels", "number of pixels|sum of (the )?weights|mean", "/ pixel_weights.sum()", "/ pixel_weights.numel()"
)
weighted.wrong("mean: the sum", "sum", "/ pixel_weights.sum()", "/ 1")
weighted.wrong("mean: by the sum of weights of classes", "weights|class", "/ pixel_weights.sum()", "/ weights.sum()")
weighted.wrong(
    "mean: per image first",
    "image|per image|each image",
    R,
    "return (-(pixel_weights * of_truth).sum((1, 2)) / pixel_weights.sum((1, 2))).mean()",
)
weighted.wrong(
    "mean: of class means",
    "class",
    "def f(logits, mask, weights):\n    logp = logits.log_softmax(1)\n    s = 0\n    for k in range(logits.shape[1]):\n        if (mask == k).any():\n            s = s - weights[k] * logp[:, k][mask == k].mean()\n    return s / weights.sum()",
)
weighted.wrong("mean: per pixel, not reduced", "scalar|one number|pixel|shape", R, "return -(pixel_weights * of_truth)")
weighted.wrong(
    "mean: a batch of losses",
    "scalar|one number|image|shape",
    R,
    "return -(pixel_weights * of_truth).sum((1, 2)) / pixel_weights.sum((1, 2))",
)
weighted.wrong("mean: weights normalised by N", "weights|mean", "/ pixel_weights.sum()", "/ len(mask)")
weighted.wrong("weights: ignored", "weights", "weights[mask]", "torch.ones_like(weights)[mask]")
weighted.wrong("weights: squared", "weights|squared|twice", "(pixel_weights * of_truth)", "(pixel_weights ** 2 * of_truth)")
weighted.wrong(
    "weights: on the logits",
    "weights|logits",
    "logits.log_softmax(dim=1)",
    "(logits * weights[:, None, None]).log_softmax(dim=1)",
)
weighted.wrong("weights: inverse", "weights|inverse|1 /|divid", "weights[mask]", "1 / weights[mask]")
weighted.wrong("weights: of the prediction", "predict|truth|weights", "weights[mask]", "weights[logits.argmax(1)]")
weighted.wrong("weights: reversed", "revers|weights|order", "weights[mask]", "weights.flip(0)[mask]")
weighted.wrong("sign: forgotten", "sign|negative|minus", "return -(", "return (")
weighted.wrong("log: none", "log", "logits.log_softmax", "logits.softmax")
weighted.wrong(
    "log: base two", "log2|base|natural", R, "return -(pixel_weights * of_truth).sum() / pixel_weights.sum() / math.log(2)"
)
weighted.wrong("log: softmax twice", "softmax|twice", "logits.log_softmax", "logits.softmax(dim=1).log_softmax")
weighted.wrong("log: over the wrong direction", "dim|direction|class", "log_softmax(dim=1)", "log_softmax(dim=0)")
weighted.wrong(
    "overflow: log of softmax",
    "1000|overflow|inf|nan|large|log_softmax",
    "logits.log_softmax(dim=1)",
    "logits.softmax(dim=1).log()",
)
weighted.wrong(
    "overflow: exp of raw logits",
    "1000|overflow|inf|nan|large",
    "logits.log_softmax(dim=1)",
    "logits - logits.exp().sum(1, keepdim=True).log()",
)
weighted.wrong(
    "overflow: maximum of the batch",
    "1000|overflow|inf|nan|large|maximum",
    "logits.log_softmax(dim=1)",
    "(logits - logits.max()) - (logits - logits.max()).exp().sum(1, keepdim=True).log()",
)
weighted.wrong(
    "overflow: a small number added",
    "1000|overflow|inf|nan|large|1e-|small|added",
    "logits.log_softmax(dim=1)",
    "(logits.softmax(dim=1) + 1e-8).log()",
)
weighted.wrong(
    "overflow: clamped", "1000|overflow|clamp|large|clip", "logits.log_softmax(dim=1)", "logits.clamp(-50, 50).log_softmax(dim=1)"
)
weighted.wrong(
    "narrow: three classes",
    "classes|3|number",
    "def f(logits, mask, weights):\n    t = F.one_hot(mask, 3).permute(0, 3, 1, 2)\n    w = weights.view(1, 3, 1, 1) * t\n    return -(w * torch.log_softmax(logits, 1)).sum() / w.sum()",
)
weighted.wrong(
    "narrow: one image",
    "image|batch|first",
    "return -(pixel_weights * of_truth)",
    "pixel_weights, of_truth = pixel_weights[:1], of_truth[:1]\n    return -(pixel_weights * of_truth)",
)
weighted.wrong(
    "narrow: double precision numbers cut",
    "dtype|double|float",
    "logits.log_softmax(dim=1)",
    "logits.half().log_softmax(dim=1).float()",
)
weighted.wrong("in place: weights normalised", "changed", "    log_p", "    weights /= weights.sum()\n    log_p")
weighted.wrong(
    "in place: logits shifted",
    "changed",
    "    log_p = logits.log_softmax(dim=1)",
    "    with torch.no_grad():\n        logits -= logits.max(1, keepdim=True).values\n    log_p = logits.log_softmax(dim=1)",
)
weighted.wrong("unfinished: no return", "return|None", R, "-(pixel_weights * of_truth).sum()")

dice = Exercise(
    "soft_dice",
    """
def dice(logits, mask):
    p = logits.softmax(dim=1)
    t = F.one_hot(mask, logits.shape[1]).movedim(-1, 1).float()
    overlap = (p * t).sum(dim=(0, 2, 3))
    sizes = p.sum(dim=(0, 2, 3)) + t.sum(dim=(0, 2, 3))
    dice = (2 * overlap + 1e-5) / (sizes + 1e-5)
    return 1 - dice.mean()
""",
)
D = "dice = (2 * overlap + 1e-5) / (sizes + 1e-5)"
dice.right(
    "a loop over classes",
    "def f(logits, mask):\n    p = torch.softmax(logits, 1)\n    total = 0\n    n = logits.shape[1]\n    for k in range(n):\n        t = (mask == k).float()\n        total = total + (2 * (p[:, k] * t).sum() + 1e-5) / (p[:, k].sum() + t.sum() + 1e-5)\n    return 1 - total / n",
)
dice.right("einsum", "overlap = (p * t).sum(dim=(0, 2, 3))", "overlap = torch.einsum('nchw,nchw->c', p, t)")
dice.right("the library's", "def f(logits, mask):\n    return soft_dice_loss(logits, mask)")
dice.right("mean of one minus", "return 1 - dice.mean()", "return (1 - dice).mean()")
dice.right(
    "flattened",
    "def f(logits, mask):\n    c = logits.shape[1]\n    p = logits.softmax(1).transpose(0, 1).reshape(c, -1)\n    t = torch.eye(c)[mask.reshape(-1)].T\n    return 1 - ((2 * (p * t).sum(1) + 1e-5) / (p.sum(1) + t.sum(1) + 1e-5)).mean()",
)
dice.wrong("empty: nothing is added, 0/0", "NaN|0/0|nowhere", D, "dice = 2 * overlap / sizes")
dice.wrong("empty: only below", "nowhere|Dice 0|above", D, "dice = 2 * overlap / (sizes + 1e-7)")
dice.wrong(
    "gradient: hard prediction",
    "gradient|argmax|soft",
    "p = logits.softmax(dim=1)",
    "p = F.one_hot(logits.argmax(1), logits.shape[1]).movedim(-1, 1).float()",
)
dice.wrong("gradient: item", "gradient|item|plain number", "return 1 - dice.mean()", "return 1 - dice.mean().item()")
dice.wrong("gradient: detached overlap", "gradient|detach", "(p * t).sum", "(p.detach() * t).sum")
dice.wrong("gradient: detached", "gradient|detach", "p = logits.softmax(dim=1)", "p = logits.softmax(dim=1).detach()")
dice.wrong("gradient: sizes detached", "gradient|detach", "sizes = p.sum(", "sizes = p.detach().sum(")
dice.wrong(
    "gradient: no_grad",
    "gradient|no_grad",
    "    p = logits.softmax(dim=1)",
    "    with torch.no_grad():\n        p = logits.softmax(dim=1)",
)
dice.wrong("gradient: NumPy", "gradient|numpy", "return 1 - dice.mean()", "return float(1 - dice.detach().numpy().mean())")
dice.wrong("formula: the score", "1 -|score|loss|minus", "return 1 - dice.mean()", "return dice.mean()")
dice.wrong("formula: negative score", "1 -|minus|negative", "return 1 - dice.mean()", "return -dice.mean()")
dice.wrong("formula: no two", "2|twice|half", "2 * overlap", "overlap")
dice.wrong("formula: IoU", "iou|union|jaccard", "(sizes + 1e-5)", "(sizes - overlap + 1e-5)", "2 * overlap", "overlap")
dice.wrong(
    "formula: squares below",
    "squar",
    "p.sum(dim=(0, 2, 3)) + t.sum(dim=(0, 2, 3))",
    "(p * p).sum(dim=(0, 2, 3)) + t.sum(dim=(0, 2, 3))",
)
dice.wrong("formula: log of Dice", "log", "return 1 - dice.mean()", "return -dice.log().mean()")
dice.wrong("formula: sum over classes", "mean|sum over|classes", "return 1 - dice.mean()", "return (1 - dice).sum()")
dice.wrong("formula: all classes in one", "class|micro|together|one", D, "dice = 2 * overlap.sum() / sizes.sum()")
dice.wrong("formula: background left out", "background|class 0|classes", "dice.mean()", "dice[1:].mean()")
dice.wrong(
    "formula: truth's size only",
    "sizes|sum\\(p\\)|both|recall",
    "p.sum(dim=(0, 2, 3)) + t.sum(dim=(0, 2, 3))",
    "2 * t.sum(dim=(0, 2, 3))",
)
dice.wrong(
    "formula: prediction's size only",
    "sizes|sum\\(t\\)|both|precision",
    "p.sum(dim=(0, 2, 3)) + t.sum(dim=(0, 2, 3))",
    "2 * p.sum(dim=(0, 2, 3))",
)
dice.wrong("formula: means per image", "image|batch", "dim=(0, 2, 3)", "dim=(2, 3)")
dice.wrong("formula: smooth of one", "smooth|1e-5|small|added|large", "1e-5", "1.0")
dice.wrong(
    "formula: first image only",
    "image|batch|first",
    "    p = logits.softmax(dim=1)",
    "    logits, mask = logits[:1], mask[:1]\n    p = logits.softmax(dim=1)",
)
dice.wrong(
    "formula: weighted by size", "weight|mean|class", "return 1 - dice.mean()", "return 1 - (dice * t.mean(dim=(0, 2, 3))).sum()"
)
dice.wrong("softmax: sigmoid", "sigmoid|softmax", "logits.softmax(dim=1)", "logits.sigmoid()")
dice.wrong("softmax: none", "softmax|probab", "logits.softmax(dim=1)", "logits")
dice.wrong("softmax: wrong direction", "dim|direction|class", "softmax(dim=1)", "softmax(dim=2)")
dice.wrong("softmax: twice", "softmax|twice", "logits.softmax(dim=1)", "logits.softmax(dim=1).softmax(dim=1)")
dice.wrong("narrow: three classes", "classes|3|number", "one_hot(mask, logits.shape[1])", "one_hot(mask, 3)")
dice.wrong("narrow: classes that occur", "classes|occur|number|absent|shape", "one_hot(mask, logits.shape[1])", "one_hot(mask)")
dice.wrong("narrow: square images", "square|shape|permut|axes|transpos|exchanged", "movedim(-1, 1)", "transpose(1, 3)")
dice.wrong(
    "overflow: exp by hand",
    "1000|overflow|inf|nan|large",
    "logits.softmax(dim=1)",
    "logits.exp() / logits.exp().sum(1, keepdim=True)",
)
dice.wrong(
    "overflow: maximum of the batch",
    "1000|overflow|inf|nan|large|maximum",
    "logits.softmax(dim=1)",
    "(logits - logits.max()).exp() / (logits - logits.max()).exp().sum(1, keepdim=True)",
)
dice.wrong(
    "empty: NaN for an absent class",
    "absent|nowhere|empty|nan|0 ?/ ?0|class that",
    D,
    "t = t / t.sum(dim=(0, 2, 3), keepdim=True)\n    dice = 2 * (p * t).sum(dim=(0, 2, 3)) / (p / p.sum(dim=(0, 2, 3), keepdim=True) + t).sum(dim=(0, 2, 3))",
)
dice.wrong("order: classes reversed", "revers|class|order", "movedim(-1, 1).float()", "movedim(-1, 1).float().flip(1)")
dice.wrong("in place: mask shifted", "changed", "    p = logits", "    mask.clamp_(0, 0)\n    p = logits")
dice.wrong("unfinished: no return", "return|None", "    return 1 - dice.mean()\n", "")

BASE = '{"per_pixel_at_1024": 1697953.4625 / (3 * 1024 * 1024), "per_pixel_at_512": 1697953.4625 / (3 * 512 * 512), "knowing_nothing": math.log(3), "image_size": 1024, "training_images": 180}'
detective = Exercise("detective", BASE)
detective.right(
    "three digits",
    '{"per_pixel_at_1024": 0.540, "per_pixel_at_512": 2.16, "knowing_nothing": 1.10, "image_size": 1024, "training_images": 180}',
)
detective.right("floats", '1024, "training_images": 180', '1024.0, "training_images": 180.0')
detective.right("NumPy", "math.log(3)", "np.log(3)", "180", "np.int64(180)")
detective.right("tensors", "math.log(3)", "torch.tensor(3.0).log()")
detective.right("as text of a size", '1024, "training', '(1024, 1024), "training')
detective.right("minus log of a third", "math.log(3)", "-math.log(1 / 3)")
detective.wrong("batch: forgotten", "batch|3", "(3 * 1024 * 1024)", "(1024 * 1024)")
detective.wrong("batch: forgotten at 512", "batch|3", "(3 * 512 * 512)", "(512 * 512)")
detective.wrong("batch: forgotten twice", "batch|3", "3 * ", "")
detective.wrong("size: one side only", "both|pixels|side|squared|width", "(3 * 1024 * 1024)", "(3 * 1024)")
detective.wrong("size: swapped", "swapped", "3 * 1024 * 1024", "§", "3 * 512 * 512", "3 * 1024 * 1024", "§", "3 * 512 * 512")
detective.wrong("size: 512", "knowing nothing|more than|guess", '"image_size": 1024', '"image_size": 512')
detective.wrong("size: 572", "1024|512|two", '"image_size": 1024', '"image_size": 572')
detective.wrong("size: the area", "side|wide|width", '"image_size": 1024', '"image_size": 1024 * 1024')
detective.wrong("log: base two", "base|natural|log2|nat", "math.log(3)", "math.log2(3)")
detective.wrong("log: base ten", "base|natural|log10|nat", "math.log(3)", "math.log10(3)")
detective.wrong("log: two classes", "classes|3|two", "math.log(3)", "math.log(2)")
detective.wrong("log: sign", "sign|negative|positive|minus", "math.log(3)", "math.log(1 / 3)")
detective.wrong("log: a third", "log|probab", "math.log(3)", "1 / 3")
detective.wrong("log: three", "log|classes", "math.log(3)", "3")
detective.wrong("images: batches", "batch|3", "180", "60")
detective.wrong("images: all of them", "training|80|validation", "180", "225")
detective.wrong("images: the denominator", "480|8|batches|denominator", "180", "480")
detective.wrong("images: 20", "batch|60|images", "180", "20")
detective.wrong("images: one per batch of 8", "batch|60|3", "180", "480 * 3")
detective.wrong("images: validation only", "validation|training", "180", "45")
detective.wrong("unfinished: one", "training_images", "180", "None")
detective.wrong("unfinished: two", "knowing_nothing", "180", "None", "math.log(3)", "None")
detective.wrong("form: a list", "dictionary", "[0.54, 2.16, 1.0986, 1024, 180]")
detective.wrong("form: text", "number", "180", '"many"')

# Of two students who had not seen the checks, and what passed then.

dice.wrong(
    "fresh: an absent class left out",
    "left out",
    "def f(logits, mask):\n    p = logits.softmax(1)\n    t = F.one_hot(mask, logits.shape[1]).movedim(-1, 1).float()\n    a = (0, 2, 3)\n    d = (2 * (p * t).sum(a) + 1e-5) / (p.sum(a) + t.sum(a) + 1e-5)\n    return 1 - d[t.sum(a) + p.sum(a) > 1e-3].mean()",
)
dice.wrong(
    "fresh: means instead of sums",
    "means",
    "2 * overlap + 1e-5",
    "2 * overlap / mask.numel() + 1e-5",
    "(sizes + 1e-5)",
    "(sizes / mask.numel() + 1e-5)",
)
dice.wrong(
    "fresh: sums divided by the images",
    "divided by the images",
    "2 * overlap + 1e-5",
    "2 * overlap / len(mask) + 1e-5",
    "(sizes + 1e-5)",
    "(sizes / len(mask) + 1e-5)",
)
dice.wrong("fresh: 1e-4", "small number", "1e-5", "1e-4")
detective.wrong("fresh: one image short", "179", "180", "179")
detective.wrong("fresh: one image too many", "181", "180", "181")

# Of a third, and neighbours of what passed then.

weighted.wrong("third: weight 0 counts as 1", "weight 0", "weights[mask]", "torch.where(weights == 0, 1.0, weights)[mask]")
weighted.wrong("third: weights of at least 0.1", "weight", "weights[mask]", "weights.clamp(min=0.1)[mask]")
weighted.wrong(
    "third: the weights below at least 1", "at 1 or more", "/ pixel_weights.sum()", "/ pixel_weights.sum().clamp(min=1)"
)
weighted.wrong("third: a number added below", "added", "/ pixel_weights.sum()", "/ (pixel_weights.sum() + 1e-3)")
weighted.wrong("third: weights in whole numbers", "rounded", "weights[mask]", "weights.round()[mask]")
weighted.wrong(
    "third: weighted mean of class means",
    "each class",
    "def f(logits, mask, weights):\n    each = F.cross_entropy(logits, mask, reduction='none')\n    top, bottom = 0, 0\n    for k in mask.unique():\n        top = top + weights[k] * each[mask == k].mean()\n        bottom = bottom + weights[k]\n    return top / bottom",
)
weighted.wrong(
    "third: reshaped without permute",
    "permute",
    "def f(logits, mask, weights):\n    return F.cross_entropy(logits.reshape(-1, logits.shape[1]), mask.reshape(-1), weight=weights)",
)
weighted.wrong(
    "third: the first three classes",
    "three",
    "def f(logits, mask, weights):\n    log_p = logits.log_softmax(1)\n    here = [(mask == k).float() * weights[k] for k in range(min(3, len(weights)))]\n    return -sum((h * log_p[:, k]).sum() for k, h in enumerate(here)) / sum(h.sum() for h in here)",
)
weighted.wrong(
    "third: weights on the logits only",
    "multiply the logits",
    "def f(logits, mask, weights):\n    return F.cross_entropy(logits * weights.view(1, -1, 1, 1), mask)",
)
weighted.wrong("third: mean weight times pixels", "mean weight", "/ pixel_weights.sum()", "/ (weights.mean() * mask.numel())")
weighted.wrong("third: half precision inside", "half precision", "logits.log_softmax(", "logits.half().float().log_softmax(")
weighted.wrong(
    "third: label smoothing",
    "smooth",
    "def f(logits, mask, weights):\n    return F.cross_entropy(logits, mask, weight=weights, label_smoothing=0.01)",
)
weighted.wrong("third: a row of one number", "shape", "return -(", "return -torch.ones(1) * (")
weighted.wrong(
    "third: gradient cut where logits are large",
    "gradient",
    "logits.log_softmax(dim=1)",
    "torch.where(logits.abs() > 100, logits.detach(), logits).log_softmax(dim=1)",
)
dice.wrong("third: 1e-6", "small number is about 1e-06", "1e-5", "1e-6")
dice.wrong("third: 1e-7", "small number", "1e-5", "1e-7")
dice.wrong("third: 1e-12", "small number", "1e-5", "1e-12")
dice.wrong("third: 3e-5", "small number", "1e-5", "3e-5")
dice.wrong("third: 1e-5 above, 1e-6 below", "nowhere", "(sizes + 1e-5)", "(sizes + 1e-6)")
dice.wrong("third: held below 0.99", "0.99 or less", "dice.mean()", "dice.clamp(max=0.99).mean()")
dice.wrong("third: held above 0.01", "wrong", "dice.mean()", "dice.clamp(min=0.01).mean()")
dice.wrong("third: small number within the 2", "doubled", "(2 * overlap + 1e-5)", "2 * (overlap + 1e-5)")
dice.wrong(
    "third: classes of the mask",
    "taken from the mask",
    "def f(logits, mask):\n    n = int(mask.max()) + 1\n    p = logits.softmax(1)[:, :n]\n    t = F.one_hot(mask, n).movedim(-1, 1).float()\n    d = (0, 2, 3)\n    return 1 - ((2 * (p * t).sum(d) + 1e-5) / (p.sum(d) + t.sum(d) + 1e-5)).mean()",
)
dice.wrong(
    "third: an absent class is always right",
    "absent",
    "return 1 - dice.mean()",
    "return 1 - torch.where(t.sum(dim=(0, 2, 3)) == 0, 1.0, dice).mean()",
)
dice.wrong(
    "third: mean over the classes that are there",
    "in the mask only",
    "return 1 - dice.mean()",
    "return 1 - dice[t.sum(dim=(0, 2, 3)) > 0].mean()",
)
detective.wrong("third: the last loss", "last epoch", "1697953.4625 / (3 * 1024", "985221.6322916667 / (3 * 1024")
detective.wrong("third: one digit", "three", '"per_pixel_at_1024": 1697953.4625 / (3 * 1024 * 1024)', '"per_pixel_at_1024": 0.5')
detective.wrong("third: whole division", "whole number", "1697953.4625 / (3 * 1024 * 1024)", "1697953.4625 // (3 * 1024 * 1024)")
detective.wrong("third: half the width, half the pixels", "quarter", "/ (3 * 512 * 512)", "/ (3 * 512 * 1024)")
detective.wrong("third: summed over the classes", "3 classes", "math.log(3)", "3 * math.log(3)")
