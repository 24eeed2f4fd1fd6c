"""A learning rate's schedule, with places for mistakes."""

from __future__ import annotations

import math

import numpy as np

from unet_lab.course.agreement import Suspect

COSINE = (
    "The share of the fall that is behind you is (step - warmup) / (steps - warmup), from 0 on; the cosine of pi times it goes "
    "from 1 down to -1; add 1, halve, and it goes from 1 down to 0."
)
WARM = "Step 0 already has a part of the rate, 1/warmup of it; step warmup - 1 has all of it."


def curve(step, steps, warmup, highest, shift=1, fall=None, first=0, last=0, floor=0.0) -> float:
    """The schedule, with places for mistakes. shift : the first step's share. first, last : what is added to the fall's ends."""
    if step < warmup:
        return highest * (step + shift) / warmup
    share = (step - warmup + first) / max(1, steps - warmup + last)
    return floor + (highest - floor) * (fall or half_cosine)(share)


def half_cosine(share) -> float:
    return (1 + math.cos(math.pi * share)) / 2


def schedule_suspects() -> list[Suspect]:
    def with_(finding, clue=COSINE, **changes):
        return Suspect(lambda *given: curve(*given, **changes), finding, clue)

    def falls(fall, finding, clue=COSINE):
        return with_(finding, clue, fall=fall)

    def no_warmup(step, steps, warmup, highest):
        return highest * half_cosine(step / steps)

    def flat_start(step, steps, warmup, highest):
        return highest if step < warmup else curve(step, steps, warmup, highest)

    def whole(step, steps, warmup, highest):
        return curve(step, steps, warmup, highest) if step < warmup else highest * half_cosine(step / steps)

    def from_length(step, steps, warmup, highest):
        return curve(step, steps, warmup, highest) if step < warmup else highest * half_cosine((step - warmup) / steps)

    def late(step, steps, warmup, highest):
        return highest * (step + 1) / warmup if step <= warmup and warmup else curve(step, steps, warmup, highest)

    def cosine_up(step, steps, warmup, highest):
        share = (step + 1) / warmup if step < warmup else 0
        return highest * (1 - half_cosine(share)) if step < warmup else curve(step, steps, warmup, highest)

    def kept(step, steps, warmup, highest):
        return curve(step, steps, warmup, highest) if step < warmup else highest

    def product(step, steps, warmup, highest):
        return (min(1.0, (step + 1) / warmup) if warmup else 1.0) * highest * half_cosine(step / steps)

    def share_only(step, steps, warmup, highest):
        return curve(step, steps, warmup, 1.0)

    def in_warmup_only(step, steps, warmup, highest):
        return curve(step, steps, warmup, highest if step < warmup else 1.0)

    def in_fall_only(step, steps, warmup, highest):
        return curve(step, steps, warmup, 1.0 if step < warmup else highest)

    def table(step, steps, warmup, highest):
        return [curve(k, steps, warmup, highest) for k in range(steps)]

    def one_more(step, steps, warmup, highest):
        return highest * (step + 1) / (warmup + 1) if step < warmup else curve(step, steps, warmup, highest)

    def whole_division(step, steps, warmup, highest):
        return highest * ((step + 1) // warmup) if step < warmup else curve(step, steps, warmup, highest)

    def ten_steps(step, steps, warmup, highest):
        return curve(step, steps, warmup, highest) if step < warmup else highest * half_cosine((step - warmup) / (10 - warmup))

    def smaller_of_two(step, steps, warmup, highest):
        return highest * min((step + 1) / warmup if warmup else 1.0, half_cosine(step / steps))

    def after_warmup(change):
        """A change of the right rates, behind the warm-up."""
        return lambda *given: change(curve(*given), given[3]) if given[0] >= given[2] else curve(*given)

    def degrees(share):
        return (1 + math.cos(180 * share)) / 2

    radians = "math.cos takes radians: half a turn is pi, not 180."
    return [
        with_("The warm-up starts at 0: your step 0 has no rate at all, and learns nothing.", WARM, shift=0),
        Suspect(no_warmup, "The warm-up is missing: yours is the cosine from step 0 on.", WARM),
        Suspect(flat_start, "The warm-up is missing: yours has the highest rate from the first step on.", WARM),
        Suspect(kept, "After the warm-up it does not fall: yours stays at the highest rate.", COSINE),
        Suspect(whole, "The cosine counts from step 0, not from the end of the warm-up.", COSINE),
        Suspect(from_length, "The cosine's length is steps, not what is left after the warm-up: steps - warmup.", COSINE),
        Suspect(late, "The warm-up is one step too long: at step warmup the fall begins.", "While step < warmup, not <=."),
        Suspect(cosine_up, "Your warm-up goes up along a cosine; it should be straight.", WARM),
        Suspect(product, "Warm-up and cosine are multiplied, and the cosine counts from step 0.", COSINE),
        Suspect(share_only, "highest is not used: yours goes up to 1.", "Multiply by highest."),
        with_("The fall begins one step too early: at step warmup it should still be the highest rate.", first=1),
        with_(
            "The fall ends one step too early: yours is 0 at the last step; it should be 0 at step `steps`, which never comes.",
            last=-1,
        ),
        with_("The fall is one step too long: its share is (step - warmup) / (steps - warmup).", last=1),
        with_("It falls to a tenth of the highest rate only, not towards 0.", floor=0.1),
        falls(lambda share: 1 - share, "It falls along a straight line, not along a cosine."),
        falls(
            lambda share: math.cos(math.pi * share / 2), "That is a quarter of a turn of the cosine: it falls late and steeply."
        ),
        falls(lambda share: math.cos(math.pi * share), "The rate becomes negative: the 1 + and the half are missing."),
        falls(lambda share: 1 + math.cos(math.pi * share), "It is twice as high: the half is missing."),
        falls(lambda share: math.cos(math.pi * share) / 2, "The 1 + is missing: the rate becomes negative."),
        falls(lambda share: (1 - math.cos(math.pi * share)) / 2, "The fall is a rise: 1 - cos grows, 1 + cos falls."),
        falls(
            lambda share: (1 + math.cos(2 * math.pi * share)) / 2,
            "That is a whole turn of the cosine: it rises again at the end.",
            "Half a turn: pi.",
        ),
        falls(lambda share: (1 + math.cos(share)) / 2, "The pi is missing: the cosine hardly moves between 0 and 1.", radians),
        falls(degrees, "180 instead of pi: the cosine got degrees.", radians),
        falls(lambda share: math.sin(math.pi * share), "A sine goes up and down again.", COSINE),
        falls(lambda share: 0.1 ** (share * 3), "It falls exponentially, not along a cosine."),
        Suspect(in_warmup_only, "After the warm-up, highest is not used: yours falls from 1.", "Multiply by highest there too."),
        Suspect(in_fall_only, "In the warm-up, highest is not used: yours goes up to 1.", "Multiply by highest there too."),
        Suspect(table, "Yours is the whole table of all steps; asked is one number, the rate of this step.", "table[step]"),
        Suspect(one_more, "The warm-up is divided by warmup + 1: its last step should have all of highest.", WARM),
        Suspect(whole_division, "The warm-up's division is a whole one, //: it stays 0 up to its last step.", "Divide with /."),
        Suspect(ten_steps, "The fall's length is that of 10 steps, whatever `steps` says.", "Use steps - warmup."),
        Suspect(smaller_of_two, "It is the smaller of a warm-up and a cosine that counts from step 0.", COSINE),
        *rounded_or_held(after_warmup),
    ]


def rounded_or_held(after_warmup) -> list[Suspect]:
    """Right, and then rounded or held above something: everywhere, or behind the warm-up only."""
    changes = [
        (lambda v, h, d=digits: round(v, d), f"It is rounded to {digits} digits: small rates come out wrong, or as 0.")
        for digits in range(1, 7)
    ]
    changes += [
        (lambda v, h, s=share: max(v, s * h), f"It is held at {100 * share:g} % of highest: it should fall towards 0.")
        for share in (0.1, 0.05, 0.01, 0.001)
    ]
    changes.append((lambda v, h: float(np.float16(v)), "It is rounded to half precision (float16): digits are lost."))
    found = []
    for change, finding in changes:
        found.append(Suspect(after_warmup(change), finding, "Return the number as it is computed."))
        found.append(
            Suspect(lambda *given, c=change: c(curve(*given), given[3]), finding, "Return the number as it is computed.")
        )
    return found
