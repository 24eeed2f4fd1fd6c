"""Explorer: a table of variations, with as few or as many seeds as you like to believe."""

from __future__ import annotations

from collections.abc import Sequence

from unet_lab.explorers.base import Explorer, checkbox, dropdown, slider
from unet_lab.plots.variations import draw_outcomes, outcomes_figure
from unet_lab.training.outcomes import Outcome, difference

ALL = "all"


def explore_variations(outcomes: Sequence[Outcome], baseline: int = 0) -> Explorer:
    """Scores of every candidate, for the seeds that you choose; whom would you have called the winner?

    baseline : the place in `outcomes` of what the others are compared with; its own group is offered where others are in it.
    Raises ValueError where there is nothing to compare it with.
    """
    if len(outcomes) < 2:
        raise ValueError(f"{len(outcomes)} outcomes: a comparison takes a baseline and at least one other.")
    reference = outcomes[baseline]
    seeds = len(reference.ious)
    groups = list(dict.fromkeys(outcome.candidate.group for outcome in outcomes if outcome is not reference))

    def draw(group, first, count, ordered):
        chosen = [(first + k) % seeds for k in range(count)]
        few = [outcome._replace(ious=[outcome.ious[k] for k in chosen]) for outcome in outcomes]
        base = few[baseline]
        shown = [o for o in few if group in (ALL, o.candidate.group) or o is base]
        if ordered:
            shown.sort(key=lambda outcome: -outcome.mean)
        figure, axes = outcomes_figure(shown)
        draw_outcomes(axes, shown, base)
        best = max((o for o in shown if o is not base), key=lambda outcome: outcome.mean)
        words = f"Highest beside the baseline: {best.candidate.name}, {best.mean - base.mean:+.3f} against it"
        if count > 1:
            gained, error = difference(best, base)
            clear = sum(abs(d) > 2 * e for d, e in (difference(o, base) for o in shown if o is not base))
            words += f" ± {error:.3f} ({abs(gained) / error:.1f} standard errors). "
            words += f"{clear} of {len(shown) - 1} differ from the baseline by more than two."
        else:
            words += ". With one seed nobody can say whether that is more than chance."
        return figure, words

    controls = {
        "group": dropdown("what is varied", [ALL, *groups], ALL),
        "first": slider("first seed", 0, 0, seeds - 1),
        "count": slider("seeds", 1, 1, seeds),
        "ordered": checkbox("best first", True),
    }
    help_line = "With one seed, turn the first seed: does the order stay? From how many seeds on would you bet on the winner?"
    return Explorer(controls, draw, help_line)
