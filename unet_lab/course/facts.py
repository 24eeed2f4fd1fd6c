"""How far a wrong answer came: the facts of its check that hold, and the cases in which it is right.

A check ends at the first fact that fails. One that asks for several things says at which of them it is, and one that counts
cases says how many are right, so that a lecturer can give a share of the points:

    built, sized = facts("it can be built", "the size stays")
    with built:
        ...
    with sized, counted(3, of=5):
        ...
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple


class Held(NamedTuple):
    """What holds of a wrong answer.

    facts, of : so many facts of so many; next : the one that does not hold. right, cases : in so many of its cases it is right.

    >>> held = Held(1, 2, "the size stays", 3, 4)
    >>> str(held), held.share
    ('1 of 2 facts holds; the next: the size stays; right in 3 of its 4 cases', 0.875)
    """

    facts: int = 0
    of: int = 1
    next: str = ""
    right: int = 0
    cases: int = 0

    @property
    def share(self) -> float:
        """Between 0 and 1: the facts that hold, and of the next one the share of its cases."""
        return (self.facts + (self.right / self.cases if self.cases else 0.0)) / self.of

    def __str__(self) -> str:
        if self.of == 1:
            return f"right in {self.right} of {self.cases} cases" if self.cases else ""
        holding = f"{self.facts} of {self.of} facts {'holds' if self.facts == 1 else 'hold'}; the next: {self.next}"
        return holding + (f"; right in {self.right} of its {self.cases} cases" if self.cases else "")


class Fact:
    """One of the facts of a check; what stands in its `with` finds out whether it holds, once or for several settings."""

    def __init__(self, name: str, among: list[Fact]):
        self.name, self.among, self.holds = name, among, False

    def __enter__(self) -> Fact:
        return self

    def __exit__(self, kind, error, trace) -> None:
        self.holds = error is None
        if hasattr(error, "held"):
            error.held = error.held._replace(facts=sum(f.holds for f in self.among), of=len(self.among), next=self.name)


def facts(*names: str) -> list[Fact]:
    """The facts of a check, in the order in which it asks for them. Each name is a short sentence without a full stop."""
    found: list[Fact] = []
    found += [Fact(name, found) for name in names]
    return found


@contextmanager
def counted(right: int, of: int) -> Iterator[None]:
    """What is said against the answer in here leaves `right` of its `of` cases right; one case at least is wrong."""
    try:
        yield
    except Exception as error:
        if hasattr(error, "held"):
            error.held = error.held._replace(right=min(right, of - 1), cases=of)
        raise
