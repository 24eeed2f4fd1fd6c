"""Right and wrong answers to the exercises of notebook 13."""

import torch


def folded(scale=lambda g, v, e: g / torch.sqrt(v + e), axis=0, bias=lambda b, beta, m, s: (b - m) * s + beta):
    """The right answer with one part of it exchanged."""

    def my_fold(weight, b, gamma, beta, mean, variance, eps):
        shape = [1, 1, 1, 1]
        shape[axis] = -1
        return weight * scale(gamma, variance, eps).view(shape), bias(b, beta, mean, gamma / torch.sqrt(variance + eps))

    return my_fold


def by_probing(weight, bias, gamma, beta, mean, variance, eps):
    """Right too: a line is known from two of its points."""
    at_zero = (bias - mean) / (variance + eps) ** 0.5 * gamma + beta
    at_one = (1 + bias - mean) / (variance + eps) ** 0.5 * gamma + beta
    return torch.einsum("k,kcij->kcij", at_one - at_zero, weight), at_zero


def plan(order=(False, True), fits=lambda n, b: n <= b, sizes=lambda largest: range(largest, 0, -1), nothing=(0, False)):
    def my_plan(needed, budget, largest):
        return next(((b, r) for b in sizes(largest) for r in order if fits(needed(b, r), budget)), nothing)

    return my_plan


def by_maximum(needed, budget, largest):
    """Right too: all that fit, and the best of them."""
    fitting = [(b, not r) for b in range(1, largest + 1) for r in (False, True) if needed(b, r) <= budget]
    batch, plainly = max(fitting, default=(0, True))
    return [batch, not plainly]


WRONG = {
    "fold_norm": {
        "weights as they were": (folded(lambda g, v, e: torch.ones_like(g)), "They are what they were"),
        "gamma alone": (folded(lambda g, v, e: g), "the standard deviation is not"),
        "no gamma": (folded(lambda g, v, e: 1 / torch.sqrt(v + e)), "gamma is not"),
        "no root": (folded(lambda g, v, e: g / (v + e)), "divided by the variance"),
        "no eps": (folded(lambda g, v, e: g / torch.sqrt(v)), "eps is missing"),
        "eps outside": (folded(lambda g, v, e: g / (torch.sqrt(v) + e)), "outside the root"),
        "input channels": (folded(axis=1), "scaled the input channels"),
        "columns": (folded(axis=3), "scaled the columns"),
        "rows": (folded(axis=2), "scaled the rows"),
        "bias as it was": (folded(bias=lambda b, beta, m, s: b), "It is what it was"),
        "beta alone": (folded(bias=lambda b, beta, m, s: beta), "beta alone"),
        "no mean": (folded(bias=lambda b, beta, m, s: b * s + beta), "mean was not subtracted"),
        "no beta": (folded(bias=lambda b, beta, m, s: (b - m) * s), "beta is missing"),
        "bias not scaled": (folded(bias=lambda b, beta, m, s: b - m * s + beta), "old bias was not scaled"),
        "bias lost": (folded(bias=lambda b, beta, m, s: beta - m * s), "old bias is lost"),
        "mean added": (folded(bias=lambda b, beta, m, s: (b + m) * s + beta), "mean was added"),
        "a sum": (folded(bias=lambda b, beta, m, s: b + beta), "Neither mean nor scale"),
        "a number": (lambda *given: 7, "expected two tensors"),
    },
    "batch_plan": {
        "strictly less": (plan(fits=lambda n, b: n < b), "which is within it"),
        "always again": (plan(order=(True,)), "recomputing is always on"),
        "never again": (plan(order=(False,)), "recomputing is never tried"),
        "again first": (plan(order=(True, False)), "recomputing is tried first"),
        "smallest": (plan(sizes=lambda n: range(1, n + 1)), "the smallest batch that fits"),
        "more than wanted": (plan(sizes=lambda n: range(40, 0, -1)), "the most that is wanted"),
        "powers of two": (plan(sizes=lambda n: [b for b in (8, 4, 2, 1) if b <= n]), "only powers of two"),
        "one at least": (plan(nothing=(1, True)), "even one image takes"),
        "the largest": (lambda needed, budget, largest: (largest, True), "more than the budget"),
        "does not ask": (lambda needed, budget, largest: (largest, False), "more than the budget"),
        "other order": (lambda *given: plan()(*given)[::-1], "expected a whole number"),
        "a number": (lambda *given: 7, "expected two values"),
    },
}
ALSO_RIGHT = {"fold_norm": by_probing, "batch_plan": by_maximum}
