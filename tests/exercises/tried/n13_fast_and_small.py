"""Answers to the exercises of notebook 13."""

# ruff: noqa: E501 - an answer is a line

from tests.exercises.tried import Exercise

fold = Exercise(
    "fold_norm",
    """
def fold(weight, bias, gamma, beta, mean, variance, eps):
    scale = gamma / torch.sqrt(variance + eps)
    return weight * scale[:, None, None, None], (bias - mean) * scale + beta
""",
)
FIRST, SECOND = "weight * scale[:, None, None, None]", "(bias - mean) * scale + beta"
fold.right("a list", f"return {FIRST}, {SECOND}", f"return [{FIRST}, {SECOND}]")
fold.right(
    "rsqrt and view",
    "gamma / torch.sqrt(variance + eps)",
    "gamma * torch.rsqrt(variance + eps)",
    "scale[:, None, None, None]",
    "scale.view(-1, 1, 1, 1)",
)
fold.right("einsum", FIRST, "torch.einsum('oiyx,o->oiyx', weight, scale)")
fold.right("written out", SECOND, "beta + gamma * bias / torch.sqrt(variance + eps) - gamma * mean / torch.sqrt(variance + eps)")
fold.right(
    "a loop over channels",
    "def f(weight, bias, gamma, beta, mean, variance, eps):\n    w, b = weight.clone(), bias.clone()\n    for k in range(len(gamma)):\n        s = gamma[k] / (variance[k] + eps) ** 0.5\n        w[k] *= s\n        b[k] = (bias[k] - mean[k]) * s + beta[k]\n    return w, b",
)
fold.right(
    "NumPy",
    "def f(weight, bias, gamma, beta, mean, variance, eps):\n    w, b, g, be, m, v = (t.detach().numpy() for t in (weight, bias, gamma, beta, mean, variance))\n    s = g / np.sqrt(v + eps)\n    return w * s.reshape(-1, 1, 1, 1), (b - m) * s + be",
)
fold.right("detached", f"return {FIRST}, {SECOND}", f"return ({FIRST}).detach(), ({SECOND}).detach()")
fold.right("a Parameter each", f"return {FIRST}, {SECOND}", f"return nn.Parameter({FIRST}), nn.Parameter({SECOND})")
fold.right("transposed twice", FIRST, "(weight.movedim(0, -1) * scale).movedim(-1, 0)")
fold.wrong("scale: no root", "root|sqrt", "torch.sqrt(variance + eps)", "(variance + eps)")
fold.wrong("scale: eps forgotten", "eps", "variance + eps", "variance")
fold.wrong("scale: eps outside the root", "eps", "torch.sqrt(variance + eps)", "(torch.sqrt(variance) + eps)")
fold.wrong("scale: gamma forgotten", "gamma", "gamma / torch", "1 / torch")
fold.wrong("scale: absolute gamma", "gamma|negative|sign", "gamma / torch", "gamma.abs() / torch")
fold.wrong("scale: multiplied by the deviation", "divid|times|multipl", "gamma / torch.sqrt", "gamma * torch.sqrt")
fold.wrong("scale: eps of 1e-5 whatever is given", "eps", "variance + eps", "variance + 1e-5")
fold.wrong(
    "scale: in channels",
    "C_in|input|output|axis|channel|size of tensor",
    "scale[:, None, None, None]",
    "scale[None, :, None, None]",
)
fold.wrong("scale: last axis", "axis|channel|size of tensor|output", "scale[:, None, None, None]", "scale")
fold.wrong("scale: first channel's for all", "channel|each", "scale[:, None, None, None]", "scale[0]")
fold.wrong("scale: the mean of all", "channel|each|mean", "scale[:, None, None, None]", "scale.mean()")
fold.wrong("scale: variance of the weights", "variance|not recognised|weight", "variance + eps", "weight.var((1, 2, 3)) + eps")
fold.wrong("scale: weight left", "weight", FIRST, "weight")
fold.wrong("bias: not scaled", "scale|bias", SECOND, "bias - mean + beta")
fold.wrong("bias: the mean not scaled", "mean|scale", SECOND, "bias * scale - mean + beta")
fold.wrong("bias: only the mean scaled", "bias|scale", SECOND, "bias - mean * scale + beta")
fold.wrong("bias: the old one lost", "bias", SECOND, "beta - mean * scale")
fold.wrong("bias: mean added", "sign|mean|minus|added", SECOND, "(bias + mean) * scale + beta")
fold.wrong("bias: mean forgotten", "mean", SECOND, "bias * scale + beta")
fold.wrong("bias: beta forgotten", "beta", SECOND, "(bias - mean) * scale")
fold.wrong("bias: beta scaled", "beta", SECOND, "(bias - mean + beta) * scale")
fold.wrong("bias: beta subtracted", "beta", SECOND, "(bias - mean) * scale - beta")
fold.wrong("bias: unchanged", "bias", SECOND, "bias")
fold.wrong("bias: beta alone", "bias|mean", SECOND, "beta")
fold.wrong("order: swapped", "swapped|order|shape|first", f"return {FIRST}, {SECOND}", f"return {SECOND}, {FIRST}")
fold.wrong("order: kernels turned", "mirror|flip|turn|weight", FIRST, f"({FIRST}).flip(-1)")
fold.wrong(
    "order: channels reversed",
    "revers|order|channel",
    f"return {FIRST}, {SECOND}",
    f"return ({FIRST}).flip(0), ({SECOND}).flip(0)",
)
fold.wrong("in place: weight", "changed", FIRST, "weight.mul_(scale[:, None, None, None])")
fold.wrong("in place: bias", "changed", SECOND, "bias.sub_(mean).mul_(scale).add_(beta)")
fold.wrong("in place: variance", "changed", "    scale", "    variance += eps\n    scale", "(variance + eps)", "(variance)")
fold.wrong("memory: beta shared", "memory|shared|own|view|changed", SECOND, "beta.add_((bias - mean) * scale)")
fold.wrong(
    "narrow: square channel numbers",
    "channel|size of tensor|C_in",
    FIRST,
    "(weight.transpose(0, 1) * scale[None, :, None, None]).transpose(0, 1) if weight.shape[0] == weight.shape[1] else weight * scale[0]",
)
fold.wrong(
    "precision: half", "precision|dtype|half|round", f"return {FIRST}, {SECOND}", f"return ({FIRST}).half(), ({SECOND}).half()"
)
fold.wrong("form: weight only", "two|both|pair|bias", f"return {FIRST}, {SECOND}", f"return {FIRST}")
fold.wrong("form: three", "two|both|pair", f"return {FIRST}, {SECOND}", f"return {FIRST}, {SECOND}, scale")
fold.wrong("unfinished: no return", "return|None", f"    return {FIRST}", f"    {FIRST}")

plan = Exercise(
    "batch_plan",
    """
def plan(needed, budget, largest):
    for batch in range(largest, 0, -1):
        for recompute in (False, True):
            if needed(batch, recompute) <= budget:
                return batch, recompute
    return 0, False
""",
)
plan.right("a list", "return batch, recompute", "return [batch, recompute]", "return 0, False", "return [0, False]")
plan.right(
    "upwards",
    "def f(needed, budget, largest):\n    best = (0, False)\n    for b in range(1, largest + 1):\n        if needed(b, False) <= budget:\n            best = (b, False)\n        elif needed(b, True) <= budget:\n            best = (b, True)\n    return best",
)
plan.right(
    "two lists",
    "def f(needed, budget, largest):\n    plain = [b for b in range(1, largest + 1) if needed(b, False) <= budget]\n    saved = [b for b in range(1, largest + 1) if needed(b, True) <= budget]\n    b = max(plain + saved, default=0)\n    return b, bool(b) and b not in plain",
)
plan.right(
    "0 and 1 for False and True", "return batch, recompute", "return batch, int(recompute)", "return 0, False", "return 0, 0"
)
plan.right(
    "NumPy numbers",
    "return batch, recompute",
    "return np.int64(batch), np.bool_(recompute)",
    "return 0, False",
    "return np.int64(0), np.False_",
)
plan.right(
    "max of pairs",
    "def f(needed, budget, largest):\n    fits = [(b, not r, r) for b in range(1, largest + 1) for r in (False, True) if needed(b, r) <= budget]\n    if not fits:\n        return 0, False\n    b, _, r = max(fits)\n    return b, r",
)
plan.right(
    "a while loop",
    "def f(needed, budget, largest):\n    b = largest\n    while b > 0:\n        if needed(b, False) <= budget:\n            return b, False\n        if needed(b, True) <= budget:\n            return b, True\n        b -= 1\n    return b, False",
)
plan.wrong(
    "search: up to the first that does not fit",
    "first|stops|later|monoton|any function|larger",
    "def f(needed, budget, largest):\n    b = 0\n    while b < largest and min(needed(b + 1, False), needed(b + 1, True)) <= budget:\n        b += 1\n    return b, b > 0 and needed(b, False) > budget",
)
plan.wrong(
    "search: by halving",
    "monoton|any function|first|later|larger",
    "def f(needed, budget, largest):\n    fit = lambda b: min(needed(b, False), needed(b, True)) <= budget\n    low, high = 0, largest\n    while low < high:\n        mid = (low + high + 1) // 2\n        if fit(mid):\n            low = mid\n        else:\n            high = mid - 1\n    return low, low > 0 and needed(low, False) > budget",
)
plan.wrong(
    "search: powers of two",
    "every batch|largest|power|larger",
    "range(largest, 0, -1)",
    "[2 ** k for k in range(20, -1, -1) if 2 ** k <= largest]",
)
plan.wrong("search: smallest", "largest", "range(largest, 0, -1)", "range(1, largest + 1)")
plan.wrong(
    "search: proportional",
    "any function|proportion|measure|line",
    "def f(needed, budget, largest):\n    b = min(int(budget // needed(1, False)), largest)\n    if b > 0:\n        return b, False\n    b = min(int(budget // needed(1, True)), largest)\n    return b, b > 0",
)
plan.wrong("search: largest itself left out", "largest", "range(largest, 0, -1)", "range(largest - 1, 0, -1)")
plan.wrong("search: one left out", "1|one image", "range(largest, 0, -1)", "range(largest, 1, -1)")
plan.wrong("search: beyond the largest", "largest", "range(largest, 0, -1)", "range(2 * largest, 0, -1)")
plan.wrong(
    "search: even only",
    "every batch|odd|even|larger|largest",
    "range(largest, 0, -1)",
    "[b for b in range(largest, 0, -1) if b % 2 == 0 or b == 1]",
)
plan.wrong("recompute: first", "without|recompute", "(False, True)", "(True, False)")
plan.wrong("recompute: always", "without|recompute", "(False, True)", "(True,)")
plan.wrong("recompute: never", "recomput", "(False, True)", "(False,)")
plan.wrong(
    "recompute: only after all batches failed",
    "recompute|larger|largest",
    "def f(needed, budget, largest):\n    for r in (False, True):\n        for b in range(largest, 0, -1):\n            if needed(b, r) <= budget:\n                return b, r\n    return 0, False",
)
plan.wrong(
    "recompute: assumes that it saves",
    "less|save|any function|recompute",
    "def f(needed, budget, largest):\n    for b in range(largest, 0, -1):\n        if needed(b, True) <= budget:\n            return b, needed(b, False) > budget\n    return 0, False",
)
plan.wrong(
    "recompute: where it takes less",
    "without|recompute",
    "                return batch, recompute",
    "                return batch, needed(batch, True) < needed(batch, False)",
)
plan.wrong(
    "recompute: turned round", "recompute|turned|other way|without", "return batch, recompute", "return batch, not recompute"
)
plan.wrong("recompute: of one image", "recompute|without", "return batch, recompute", "return batch, needed(1, False) > budget")
plan.wrong("budget: must be below", "exact|equal|<=|just fits|budget", "<= budget", "< budget")
plan.wrong("budget: a tenth kept free", "exact|equal|<=|just|budget|tenth", "<= budget", "<= 0.9 * budget")
plan.wrong(
    "budget: bytes per image",
    "times|per image|whole|batch",
    "needed(batch, recompute) <= budget",
    "batch * needed(1, recompute) <= budget",
)
plan.wrong("budget: needed of one", "batch|one", "needed(batch, recompute)", "needed(1, recompute)")
plan.wrong("none: recompute True", "not even one|0|False|nothing", "return 0, False", "return 0, True")
plan.wrong("none: one image", "not even one|0|nothing", "return 0, False", "return 1, True")
plan.wrong("none: None", "not even one|0|nothing|return|None|two|pair", "return 0, False", "return None")
plan.wrong("none: raises", "not even one|ValueError|0", "return 0, False", "raise ValueError('too small')")
plan.wrong("none: minus one", "not even one|0|nothing", "return 0, False", "return -1, False")
plan.wrong("form: the batch only", "pair|two|recompute", "return batch, recompute", "return batch", "return 0, False", "return 0")
plan.wrong(
    "form: swapped",
    "swapped|order|first",
    "return batch, recompute",
    "return recompute, batch",
    "return 0, False",
    "return False, 0",
)
plan.wrong("form: bytes", "batch|bytes|pair", "return batch, recompute", "return needed(batch, recompute), recompute")
plan.wrong("form: words", "True or False|bool|words|text", "return batch, recompute", "return batch, str(recompute)")
plan.wrong("unfinished: pass", "return|None", "def f(needed, budget, largest):\n    pass")
SCALE = "variance + eps"
for least in (1e-4, 1e-3):
    fold.wrong(f"eps: variance of {least} at least", "small variances|clamp", SCALE, f"variance.clamp(min={least}) + eps")
fold.wrong(
    "eps: a variance of 0 is left out",
    "variance 0|variance is 0",
    "def f(weight, bias, gamma, beta, mean, variance, eps):\n    scale = torch.where(variance == 0, torch.ones_like(gamma), gamma / (variance + eps).sqrt())\n    return weight * scale[:, None, None, None], (bias - mean) * scale + beta",
)
fold.wrong("eps: the larger of both", "raised to eps|clamp", SCALE, "variance.clamp(min=eps)")
fold.wrong("eps: always 1e-5", "1e-5", SCALE, "variance + 1e-5")
plan.wrong(
    "none: a batch of 0 is asked",
    "batch of 0",
    "def f(needed, budget, largest):\n    for b in range(largest, -1, -1):\n        for r in (False, True):\n            if needed(b, r) <= budget:\n                return b, r\n    return 0, False",
)
plan.wrong(
    "way: recomputing is kept",
    "once chosen|without recomputing too",
    "def f(needed, budget, largest):\n    best = (0, False)\n    for b in range(1, largest + 1):\n        if needed(b, best[1]) <= budget:\n            best = (b, best[1])\n        elif needed(b, True) <= budget:\n            best = (b, True)\n    return best",
)
plan.wrong(
    "none: no return at the end",
    "without return",
    "def f(needed, budget, largest):\n    for b in range(largest, 0, -1):\n        for r in (False, True):\n            if needed(b, r) <= budget:\n                return b, r",
)
plan.wrong(
    "budget: nine tenths of it",
    "90%",
    "def f(needed, budget, largest):\n    for b in range(largest, 0, -1):\n        for r in (False, True):\n            if needed(b, r) <= 0.9 * budget:\n                return b, r\n    return 0, False",
)
GAMMA = "gamma / torch.sqrt"
fold.wrong("zeros: a gamma of 0 is taken for 1", "gamma is 0", GAMMA, "torch.where(gamma == 0, 1.0, gamma) / torch.sqrt")
fold.wrong("zeros: no new bias where there was none", "bias is 0", SECOND, f"({SECOND} if bias.any() else bias)")
plan.wrong(
    "names: needed by its arguments' names",
    "by position|keyword|names",
    "needed(batch, recompute)",
    "needed(batch=batch, recompute=recompute)",
)
plan.wrong(
    "seventh: asks beyond the largest",
    "from 1 to|is asked for",
    "def f(needed, budget, largest):\n    n, best = 1, (0, False)\n    while n <= largest or needed(n, False) <= budget and n < 2 * largest:\n        if needed(n, False) <= budget:\n            best = (min(n, largest), False)\n        elif needed(n, True) <= budget:\n            best = (n, True)\n        n += 1\n    return best",
)
